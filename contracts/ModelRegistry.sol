// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";

import {IHalo2Verifier} from "./interfaces/IHalo2Verifier.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {DataContract} from "./libraries/DataContract.sol";
import {SchemaData} from "./libraries/SchemaData.sol";
import {Statement} from "./libraries/Statement.sol";
import {VerifyingKey} from "./libraries/VerifyingKey.sol";
import {ModelPolicy, ModelSpec, ModelTerms, Schema} from "./types/Types.sol";

/// @title Registry of immutable model versions
/// @notice A model's id is the hash of its owner and description: nothing about a registered
/// model can change but its policy. What the chain can check of it is checked here; that the
/// verifying key belongs to the model, `haloracle model-verify` shows by rebuilding it.
contract ModelRegistry is IModelRegistry, ERC165 {
    /// @dev Owner's share of the whole fee, in basis points.
    uint256 private constant WHOLE_BPS = 10_000;

    /// @dev `data` holds schema, route and pinned code hash, see `SchemaData`.
    struct Model {
        address owner;
        uint96 fee;
        address vk;
        uint16 ownerShareBps;
        bool open;
        address data;
    }

    /// @inheritdoc IModelRegistry
    IVerifierRouter public immutable router;

    mapping(uint256 modelId => Model) private _models;

    constructor(IVerifierRouter router_) {
        router = router_;
    }

    /// @inheritdoc IModelRegistry
    function register(
        ModelSpec calldata spec,
        bytes calldata vkData,
        Schema calldata schema,
        ModelPolicy calldata policy
    ) external returns (uint256 modelId) {
        modelId = Statement.modelId(msg.sender, spec);
        Model storage model = _models[modelId];
        if (model.owner != address(0)) revert AlreadyRegistered(modelId);
        if (uint256(spec.modelCommitment) >= Statement.SCALAR_FIELD) {
            revert CommitmentNotCanonical(spec.modelCommitment);
        }

        SchemaData.Header memory header = _checkSchema(spec, schema);
        _checkKey(spec, vkData, header);

        model.owner = msg.sender;
        model.vk = DataContract.store(vkData);
        header.route = spec.route;
        header.vkCodeHash = model.vk.codehash;
        header.modelCommitment = spec.modelCommitment;
        model.data = DataContract.store(SchemaData.encode(schema, header));
        emit ModelRegistered(modelId, msg.sender, spec, model.vk, model.data);
        _setPolicy(modelId, model, policy);
    }

    /// @inheritdoc IModelRegistry
    function setPolicy(uint256 modelId, ModelPolicy calldata policy) external {
        Model storage model = _known(modelId);
        if (msg.sender != model.owner) revert NotOwner(modelId, msg.sender);
        _setPolicy(modelId, model, policy);
    }

    /// @inheritdoc IModelRegistry
    function computeModelId(address owner, ModelSpec calldata spec)
        external
        pure
        returns (uint256)
    {
        return Statement.modelId(owner, spec);
    }

    /// @inheritdoc IModelRegistry
    function ownerOf(uint256 modelId) external view returns (address) {
        return _known(modelId).owner;
    }

    /// @inheritdoc IModelRegistry
    function routeOf(uint256 modelId) external view returns (bytes32) {
        return SchemaData.readRoute(_known(modelId).data);
    }

    /// @inheritdoc IModelRegistry
    function policyOf(uint256 modelId) external view returns (ModelPolicy memory) {
        Model storage model = _known(modelId);
        return ModelPolicy({fee: model.fee, ownerShareBps: model.ownerShareBps, open: model.open});
    }

    /// @inheritdoc IModelRegistry
    function schemaOf(uint256 modelId) external view returns (Schema memory) {
        return SchemaData.read(_known(modelId).data);
    }

    /// @inheritdoc IModelRegistry
    function vkOf(uint256 modelId) external view returns (address vk, bytes32 codeHash) {
        Model storage model = _known(modelId);
        return (model.vk, SchemaData.readCodeHash(model.data));
    }

    /// @inheritdoc IModelRegistry
    function termsOf(uint256 modelId) external view returns (ModelTerms memory) {
        Model storage model = _known(modelId);
        SchemaData.Header memory header = SchemaData.readHeader(model.data);
        return ModelTerms({
            owner: model.owner,
            route: header.route,
            vk: model.vk,
            vkCodeHash: header.vkCodeHash,
            modelCommitment: header.modelCommitment,
            inputMode: uint8(header.inputMode),
            inputWords: uint16(header.inputWords),
            outputWords: uint16(header.outputWords),
            outputSlotBits: uint8(SchemaData.outputSlotBits(header))
        });
    }

    /// @inheritdoc IModelRegistry
    function packInput(uint256 modelId, int32[] calldata input)
        external
        view
        returns (uint256[] memory words)
    {
        return SchemaData.pack(_known(modelId).data, input);
    }

    /// @inheritdoc IModelRegistry
    function wordCounts(uint256 modelId) external view returns (uint256 inputs, uint256 outputs) {
        SchemaData.Header memory header = SchemaData.readHeader(_known(modelId).data);
        return (header.inputWords, header.outputWords);
    }

    /// @inheritdoc IModelRegistry
    function decodeOutput(uint256 modelId, bytes calldata output)
        external
        view
        returns (uint256 status, int256[] memory values)
    {
        return SchemaData.decodeOutput(_known(modelId).data, output);
    }

    /// @inheritdoc ERC165
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return
            interfaceId == type(IModelRegistry).interfaceId || super.supportsInterface(interfaceId);
    }

    function _setPolicy(uint256 modelId, Model storage model, ModelPolicy calldata policy) private {
        if (policy.ownerShareBps > WHOLE_BPS) revert BadPolicy("owner's share above the whole");
        model.fee = policy.fee;
        model.ownerShareBps = policy.ownerShareBps;
        model.open = policy.open;
        emit PolicyChanged(modelId, policy);
    }

    /// @dev The key's instance count follows from schema and commitment: one instance too many
    /// would be a free input of the circuit's checks, one too few a weight or input left unbound.
    function _checkKey(
        ModelSpec calldata spec,
        bytes calldata vkData,
        SchemaData.Header memory header
    ) private view {
        IHalo2Verifier verifier = IHalo2Verifier(router.verifierOf(spec.route));
        bytes32 srsHash = verifier.srsHash();
        if (spec.srsHash != srsHash) revert SrsMismatch(srsHash, spec.srsHash);
        bytes32 vkHash = keccak256(vkData);
        if (vkHash != spec.vkHash) revert VkHashMismatch(spec.vkHash, vkHash);
        uint256 instances =
            Statement.instanceCount(spec.modelCommitment, header.inputWords, header.outputWords);
        VerifyingKey.check(vkData, verifier, instances, header.digitBits);
    }

    function _known(uint256 modelId) private view returns (Model storage model) {
        model = _models[modelId];
        if (model.owner == address(0)) revert UnknownModel(modelId);
    }

    function _checkSchema(ModelSpec calldata spec, Schema calldata schema)
        private
        pure
        returns (SchemaData.Header memory)
    {
        bytes32 schemaHash = keccak256(abi.encode(schema));
        if (schemaHash != spec.schemaHash) revert SchemaHashMismatch(spec.schemaHash, schemaHash);
        return SchemaData.validate(schema);
    }
}
