// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ModelPolicy, ModelSpec, ModelTerms, Schema} from "../types/Types.sol";

/// @title Registry of immutable model versions
interface IModelRegistry {
    event ModelRegistered(
        uint256 indexed modelId, address indexed owner, ModelSpec spec, address vk, address schema
    );
    event PolicyChanged(uint256 indexed modelId, ModelPolicy policy);

    error UnknownModel(uint256 modelId);
    error AlreadyRegistered(uint256 modelId);
    error NotOwner(uint256 modelId, address caller);
    error VkHashMismatch(bytes32 expected, bytes32 got);
    error SchemaHashMismatch(bytes32 expected, bytes32 got);
    error BadVerifyingKey(string reason);
    error BadSchema(string reason);
    error BadPolicy(string reason);
    error SrsMismatch(bytes32 expected, bytes32 got);
    error PrivateModelUnsupported();
    error WrongInputLength(uint256 expected, uint256 got);
    error OutOfDomain(uint256 feature, int256 value, int256 lo, int256 hi);
    error WrongOutputLength(uint256 expected, uint256 got);
    error NonCanonicalOutput(uint256 index, uint256 word);

    /// @notice Registers an immutable model version owned by the caller.
    /// @param spec Description; its hashes must match the data.
    /// @param vkData Verifying-key data: k, instance count, commitments, 32-byte words.
    /// @param schema Input and output encoding.
    /// @param policy First policy.
    function register(
        ModelSpec calldata spec,
        bytes calldata vkData,
        Schema calldata schema,
        ModelPolicy calldata policy
    ) external returns (uint256 modelId);

    /// @notice Replaces the policy of a model, for new requests only.
    function setPolicy(uint256 modelId, ModelPolicy calldata policy) external;

    /// @notice keccak256(abi.encode(MODEL_V1, owner, spec)): the same on every chain.
    function computeModelId(address owner, ModelSpec calldata spec) external view returns (uint256);

    function ownerOf(uint256 modelId) external view returns (address);
    function routeOf(uint256 modelId) external view returns (bytes32);
    function policyOf(uint256 modelId) external view returns (ModelPolicy memory);
    function schemaOf(uint256 modelId) external view returns (Schema memory);
    /// @notice Contract holding the verifying-key data, with the code hash pinned at registration.
    function vkOf(uint256 modelId) external view returns (address vk, bytes32 codeHash);

    /// @notice Everything a settlement needs, in one call.
    function termsOf(uint256 modelId) external view returns (ModelTerms memory);

    /// @notice Packs raw inputs into canonical public words; reverts `OutOfDomain` outside the box.
    function packInput(uint256 modelId, int32[] calldata input)
        external
        view
        returns (uint256[] memory words);

    /// @notice Number of input and output words of a model.
    function wordCounts(uint256 modelId) external view returns (uint256 inputs, uint256 outputs);

    /// @notice Splits output words into status and fixed-point values.
    function decodeOutput(uint256 modelId, bytes calldata output)
        external
        view
        returns (uint256 status, int256[] memory values);
}
