// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IVerifierRouter} from "./IVerifierRouter.sol";
import {ModelPolicy, ModelSpec, ModelTerms, Schema} from "../types/Types.sol";

/// @title Registry of immutable model versions
interface IModelRegistry {
    /// @notice A model version exists from now on; `data` holds its verifying key and schema.
    event ModelRegistered(
        uint256 indexed modelId, address indexed owner, ModelSpec spec, address data
    );
    /// @notice Batches of up to `items` of the model can be settled from now on; `vk` holds the
    /// key.
    event BatchKeyAdded(uint256 indexed modelId, uint256 items, address vk);
    /// @notice `policy` holds for requests from now on.
    event PolicyChanged(uint256 indexed modelId, ModelPolicy policy);

    /// @notice No model has this id.
    error UnknownModel(uint256 modelId);
    /// @notice The caller registered exactly this version before.
    error AlreadyRegistered(uint256 modelId);
    /// @notice Only the model's owner sets its policy.
    error NotOwner(uint256 modelId, address caller);
    /// @notice The verifying-key data is not what the description names.
    error VkHashMismatch(bytes32 expected, bytes32 got);
    /// @notice The description is not the registered model's.
    error SpecMismatch(uint256 modelId);
    /// @notice The description names fewer batch keys.
    error NoSuchBatchKey(uint256 modelId, uint256 index);
    /// @notice The key is there: it cannot be another one.
    error BatchKeyAlreadyAdded(uint256 modelId, uint256 items);
    /// @notice The model has no batch circuit of this size, or nobody added its key yet.
    error UnknownBatchKey(uint256 modelId, uint256 items);
    /// @notice Batch keys must have 2 to 256 items, each more than the one before.
    error BadBatchSize(uint256 index, uint256 items);
    /// @notice The schema is not what the description names.
    error SchemaHashMismatch(bytes32 expected, bytes32 got);
    /// @notice The verifying-key data is not well-formed.
    error BadVerifyingKey(string reason);
    /// @notice The schema's numbers do not fit together.
    error BadSchema(string reason);
    /// @notice The policy's numbers are out of range.
    error BadPolicy(string reason);
    /// @notice The model was set up under another SRS than its route's verifier.
    error SrsMismatch(bytes32 expected, bytes32 got);
    /// @notice A commitment is an element of the scalar field: this is none.
    error CommitmentNotCanonical(bytes32 commitment);
    /// @notice The model takes a commitment to its input, never the values themselves.
    error PrivateInputs();
    /// @notice Not one value per feature.
    error WrongInputLength(uint256 expected, uint256 got);
    /// @notice A value lies outside its feature's box.
    error OutOfDomain(uint256 feature, int256 value, int256 lo, int256 hi);
    /// @notice Lengths in bytes.
    error WrongOutputLength(uint256 expected, uint256 got);
    /// @notice A word has bits above its slots: what is left of it, shifted down.
    error NonCanonicalOutput(uint256 index, uint256 word);

    /// @notice Registers an immutable model version owned by the caller.
    /// @dev The instance count that the key must state follows from `spec` and `schema`: two tag
    /// halves, the commitment of a private model, input words or the commitment of private inputs,
    /// output words. Shape and SRS are the route's.
    /// @param spec Description; its hashes must match the data.
    /// @param vkData Verifying-key data: k, instance count, commitments, 32-byte words.
    /// @param schema Input and output encoding.
    /// @param policy First policy.
    /// @return modelId See `computeModelId`.
    function register(
        ModelSpec calldata spec,
        bytes calldata vkData,
        Schema calldata schema,
        ModelPolicy calldata policy
    ) external returns (uint256 modelId);

    /// @notice Stores the data of one of a model's batch keys. Anyone may: the model's id pins it.
    /// @dev The key is checked like that of single requests, for as many instances as the batch's
    /// items have.
    /// @param spec Description of the model, as in `ModelRegistered`.
    /// @param index Which of `spec.batchKeys`.
    /// @param vkData Its verifying-key data.
    /// @return vk Contract holding the data.
    function addBatchKey(
        uint256 modelId,
        ModelSpec calldata spec,
        uint256 index,
        bytes calldata vkData
    ) external returns (address vk);

    /// @notice Replaces the policy of a model, for new requests only.
    function setPolicy(uint256 modelId, ModelPolicy calldata policy) external;

    /// @notice Leads from a model's route to its verifier; a hub of these models uses the same.
    function router() external view returns (IVerifierRouter);

    /// @notice keccak256(abi.encode(MODEL_V1, owner, spec)): the same on every chain.
    function computeModelId(address owner, ModelSpec calldata spec) external view returns (uint256);

    /// @notice Who registered the model and sets its policy; never changes.
    function ownerOf(uint256 modelId) external view returns (address);

    /// @notice Machine shape and SRS, see `VerifierRouter`.
    function routeOf(uint256 modelId) external view returns (bytes32);

    /// @notice Policy for new requests.
    function policyOf(uint256 modelId) external view returns (ModelPolicy memory);

    /// @notice Encoding of inputs and outputs.
    function schemaOf(uint256 modelId) external view returns (Schema memory);

    /// @notice Contract holding the verifying-key data, at its start, and the data's hash, which
    /// the model's id pins.
    function vkOf(uint256 modelId) external view returns (address vk, bytes32 vkHash);

    /// @notice Everything a settlement needs, in one call.
    function termsOf(uint256 modelId) external view returns (ModelTerms memory);

    /// @notice The same for batches of the circuit with `items` items: `vk` and `vkHash` are those
    /// of its batch key.
    function batchTermsOf(uint256 modelId, uint256 items) external view returns (ModelTerms memory);

    /// @notice Packs raw inputs into canonical public words; reverts `OutOfDomain` outside the box
    /// and `PrivateInputs` where inputs are private.
    function packInput(uint256 modelId, int32[] calldata input)
        external
        view
        returns (uint256[] memory words);

    /// @notice Number of input and output words of a model; private inputs count as one.
    function wordCounts(uint256 modelId) external view returns (uint256 inputs, uint256 outputs);

    /// @notice Splits output words into status and fixed-point values.
    /// @return status See `Statuses`.
    /// @return values One per output; none at all unless the status is 0.
    function decodeOutput(uint256 modelId, bytes calldata output)
        external
        view
        returns (uint256 status, int256[] memory values);
}
