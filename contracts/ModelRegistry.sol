// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC165} from "@openzeppelin/contracts/utils/introspection/ERC165.sol";

import {IHalo2Verifier} from "./interfaces/IHalo2Verifier.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {BatchStatement} from "./libraries/BatchStatement.sol";
import {DataContract} from "./libraries/DataContract.sol";
import {SchemaData} from "./libraries/SchemaData.sol";
import {Statement} from "./libraries/Statement.sol";
import {VerifyingKey} from "./libraries/VerifyingKey.sol";
import {BatchKey, ModelPolicy, ModelSpec, ModelTerms, Schema} from "./types/Types.sol";

/// @title Registry of immutable model versions
/// @notice A model's id is the hash of its owner and description: nothing about a registered
/// model can change but its policy. What the chain can check of it is checked here; that the
/// verifying key belongs to the model, `haloracle model-verify` shows by rebuilding it.
contract ModelRegistry is IModelRegistry, ERC165 {
    /// @dev Owner's share of the whole fee, in basis points.
    uint256 private constant WHOLE_BPS = 10_000;

    /// @dev `data` is one contract for all that does not change: the verifying-key data first,
    /// where verifiers read it, then from `schemaAt` on schema and route, see `SchemaData`.
    struct Model {
        address owner;
        uint96 fee;
        address data;
        uint16 schemaAt;
        uint16 ownerShareBps;
        bool open;
    }

    /// @inheritdoc IModelRegistry
    IVerifierRouter public immutable router;

    mapping(uint256 modelId => Model) private _models;
    mapping(uint256 modelId => mapping(uint256 items => address)) private _batchKeys;

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

        _checkBatchKeys(spec.batchKeys);
        SchemaData.Header memory header = _checkSchema(spec, schema);
        IHalo2Verifier verifier = IHalo2Verifier(router.verifierOf(spec.route));
        bytes32 srsHash = verifier.srsHash();
        if (spec.srsHash != srsHash) revert SrsMismatch(srsHash, spec.srsHash);
        _checkKey(verifier, spec.vkHash, vkData, header, 1);

        // Code that begins with STOP can neither change nor go away: what was checked stays.
        address data = DataContract.store(bytes.concat(vkData, SchemaData.encode(schema, header)));
        if (policy.ownerShareBps > WHOLE_BPS) revert BadPolicy("owner's share above the whole");
        _models[modelId] = Model({
            owner: msg.sender,
            fee: policy.fee,
            data: data,
            schemaAt: uint16(vkData.length),
            ownerShareBps: policy.ownerShareBps,
            open: policy.open
        });
        emit ModelRegistered(modelId, msg.sender, spec, data);
        emit PolicyChanged(modelId, policy);
    }

    /// @inheritdoc IModelRegistry
    function addBatchKey(
        uint256 modelId,
        ModelSpec calldata spec,
        uint256 index,
        bytes calldata vkData
    ) external returns (address vk) {
        Model storage model = _known(modelId);
        // The description holds the keys' hashes, and the id is its hash: nothing else is trusted.
        if (Statement.modelId(model.owner, spec) != modelId) revert SpecMismatch(modelId);
        if (index >= spec.batchKeys.length) revert NoSuchBatchKey(modelId, index);
        BatchKey calldata key = spec.batchKeys[index];
        if (_batchKeys[modelId][key.items] != address(0)) {
            revert BatchKeyAlreadyAdded(modelId, key.items);
        }
        SchemaData.Header memory header = SchemaData.readHeader(model.data, model.schemaAt);
        IHalo2Verifier verifier = IHalo2Verifier(router.verifierOf(header.route));
        _checkKey(verifier, key.vkHash, vkData, header, key.items);
        vk = DataContract.store(vkData);
        _batchKeys[modelId][key.items] = vk;
        emit BatchKeyAdded(modelId, key.items, vk);
    }

    /// @inheritdoc IModelRegistry
    function setPolicy(uint256 modelId, ModelPolicy calldata policy) external {
        Model storage model = _known(modelId);
        if (msg.sender != model.owner) revert NotOwner(modelId, msg.sender);
        if (policy.ownerShareBps > WHOLE_BPS) revert BadPolicy("owner's share above the whole");
        model.fee = policy.fee;
        model.ownerShareBps = policy.ownerShareBps;
        model.open = policy.open;
        emit PolicyChanged(modelId, policy);
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
        Model storage model = _known(modelId);
        return SchemaData.readRoute(model.data, model.schemaAt);
    }

    /// @inheritdoc IModelRegistry
    function policyOf(uint256 modelId) external view returns (ModelPolicy memory) {
        Model storage model = _known(modelId);
        return ModelPolicy({fee: model.fee, ownerShareBps: model.ownerShareBps, open: model.open});
    }

    /// @inheritdoc IModelRegistry
    function schemaOf(uint256 modelId) external view returns (Schema memory) {
        Model storage model = _known(modelId);
        return SchemaData.read(model.data, model.schemaAt);
    }

    /// @inheritdoc IModelRegistry
    function vkOf(uint256 modelId) external view returns (address vk, bytes32 vkHash) {
        Model storage model = _known(modelId);
        return (model.data, keccak256(DataContract.load(model.data, 0, model.schemaAt)));
    }

    /// @inheritdoc IModelRegistry
    function termsOf(uint256 modelId) external view returns (ModelTerms memory) {
        Model storage model = _known(modelId);
        return _terms(model, model.data, model.schemaAt);
    }

    /// @inheritdoc IModelRegistry
    function batchTermsOf(uint256 modelId, uint256 items)
        external
        view
        returns (ModelTerms memory)
    {
        Model storage model = _known(modelId);
        address vk = _batchKeys[modelId][items];
        if (vk == address(0)) revert UnknownBatchKey(modelId, items);
        return _terms(model, vk, DataContract.size(vk));
    }

    /// @inheritdoc IModelRegistry
    function packInput(uint256 modelId, int32[] calldata input)
        external
        view
        returns (uint256[] memory words)
    {
        Model storage model = _known(modelId);
        return SchemaData.pack(model.data, model.schemaAt, input);
    }

    /// @inheritdoc IModelRegistry
    function wordCounts(uint256 modelId) external view returns (uint256 inputs, uint256 outputs) {
        Model storage model = _known(modelId);
        SchemaData.Header memory header = SchemaData.readHeader(model.data, model.schemaAt);
        return (header.inputWords, header.outputWords);
    }

    /// @inheritdoc IModelRegistry
    function decodeOutput(uint256 modelId, bytes calldata output)
        external
        view
        returns (uint256 status, int256[] memory values)
    {
        Model storage model = _known(modelId);
        return SchemaData.decodeOutput(model.data, model.schemaAt, output);
    }

    /// @inheritdoc ERC165
    function supportsInterface(bytes4 interfaceId) public view override returns (bool) {
        return
            interfaceId == type(IModelRegistry).interfaceId || super.supportsInterface(interfaceId);
    }

    function _terms(Model storage model, address vk, uint256 keyBytes)
        private
        view
        returns (ModelTerms memory)
    {
        SchemaData.Header memory header = SchemaData.readHeader(model.data, model.schemaAt);
        return ModelTerms({
            owner: model.owner,
            route: header.route,
            vk: vk,
            vkHash: keccak256(DataContract.load(vk, 0, keyBytes)),
            modelCommitment: header.modelCommitment,
            inputMode: uint8(header.inputMode),
            inputWords: uint16(header.inputWords),
            outputWords: uint16(header.outputWords),
            outputSlotBits: uint8(SchemaData.outputSlotBits(header))
        });
    }

    /// @dev The key's instance count follows from schema and commitment: one instance too many
    /// would be a free input of the circuit's checks, one too few a weight or input left unbound.
    function _checkKey(
        IHalo2Verifier verifier,
        bytes32 pinned,
        bytes calldata vkData,
        SchemaData.Header memory header,
        uint256 items
    ) private view {
        bytes32 vkHash = keccak256(vkData);
        if (vkHash != pinned) revert VkHashMismatch(pinned, vkHash);
        uint256 instances = Statement.instanceCount(
            header.modelCommitment, header.inputWords + header.outputWords, items
        );
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
        SchemaData.Header memory header = SchemaData.validate(schema);
        header.route = spec.route;
        header.modelCommitment = spec.modelCommitment;
        return header;
    }

    /// @dev One key per number of items; the hashes themselves are checked when the data comes.
    function _checkBatchKeys(BatchKey[] calldata keys) private pure {
        uint256 above = 1;
        for (uint256 i = 0; i < keys.length; ++i) {
            uint256 items = keys[i].items;
            if (items <= above || items > BatchStatement.MAX_ITEMS) revert BadBatchSize(i, items);
            above = items;
        }
    }
}
