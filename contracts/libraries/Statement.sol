// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ModelSpec, Request} from "../types/Types.sol";

/// @title What a proof is about: request id, tag, model id, route, public inputs
/// @notice The one definition on chain; `haloracle-contracts` holds its twin in Rust.
library Statement {
    bytes32 internal constant REQUEST_V1 = keccak256("haloracle.request.v1");
    bytes32 internal constant STATEMENT_V1 = keccak256("haloracle.statement.v1");
    bytes32 internal constant MODEL_V1 = keccak256("haloracle.model.v1");

    /// @dev Order r of BN254's groups, modulus of the scalar field: every public input is below.
    uint256 internal constant SCALAR_FIELD =
        0x30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001;
    /// @dev Public inputs of every statement: the tag's halves.
    uint256 internal constant TAG_INSTANCES = 2;

    /// @notice Id of `request` at `hub` on this chain.
    function requestId(address hub, Request memory request) internal view returns (uint256) {
        return requestIdOn(block.chainid, hub, request);
    }

    /// @notice Id of `request` at `hub` on chain `chainId`: for readers of another chain's results.
    function requestIdOn(uint256 chainId, address hub, Request memory request)
        internal
        pure
        returns (uint256)
    {
        return uint256(keccak256(abi.encode(REQUEST_V1, chainId, hub, request)));
    }

    /// @notice Binds a proof to request `id` and to the one who is paid for it.
    function tag(uint256 id, address payee) internal pure returns (bytes32) {
        return keccak256(abi.encode(STATEMENT_V1, id, payee));
    }

    /// @notice Content hash of a model version.
    function modelId(address owner, ModelSpec calldata spec) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(MODEL_V1, owner, spec)));
    }

    /// @notice Route of proofs of one machine shape under one SRS.
    function route(bytes32 shapeHash, bytes32 srsHash) internal pure returns (bytes32) {
        return keccak256(abi.encode(shapeHash, srsHash));
    }

    /// @notice Number of public inputs of a model's statements: what its verifying key must say.
    /// @param modelCommitment Commitment to private weights; zero for public models.
    /// @param itemWords Input and output words of an item.
    /// @param items Items of the circuit: one, or those of a batch.
    function instanceCount(bytes32 modelCommitment, uint256 itemWords, uint256 items)
        internal
        pure
        returns (uint256)
    {
        return beforeItems(modelCommitment) + itemWords * items;
    }

    /// @notice Public inputs before the first item's words: tag halves, commitment if private.
    function beforeItems(bytes32 modelCommitment) internal pure returns (uint256) {
        return modelCommitment == 0 ? TAG_INSTANCES : TAG_INSTANCES + 1;
    }

    /// @notice Public inputs for public input words: tag halves (128 bits each, high half first),
    /// the model's commitment if it is private, input words, output words. Lengths must be
    /// multiples of 32.
    function instances(
        bytes32 tag_,
        bytes32 modelCommitment,
        bytes calldata input,
        bytes calldata output
    ) internal pure returns (uint256[] memory values) {
        uint256 at;
        (values, at) = _begin(tag_, modelCommitment, input.length >> 5, output);
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            calldatacopy(
                add(add(values, 0x20), shl(5, at)),
                input.offset,
                shl(5, shr(5, input.length))
            )
        }
    }

    /// @notice Public inputs for private input values: their commitment stands in for the words.
    function instances(
        bytes32 tag_,
        bytes32 modelCommitment,
        bytes32 inputCommitment,
        bytes calldata output
    ) internal pure returns (uint256[] memory values) {
        uint256 at;
        (values, at) = _begin(tag_, modelCommitment, 1, output);
        values[at] = uint256(inputCommitment);
    }

    /// @dev Everything but `inputWords` instances from `inputAt` on, which stay zero.
    function _begin(
        bytes32 tag_,
        bytes32 modelCommitment,
        uint256 inputWords,
        bytes calldata output
    ) private pure returns (uint256[] memory values, uint256 inputAt) {
        inputAt = beforeItems(modelCommitment);
        uint256 outputAt = inputAt + inputWords;
        values = new uint256[](outputAt + (output.length >> 5));
        values[0] = uint256(tag_) >> 128;
        values[1] = uint128(uint256(tag_));
        if (modelCommitment != 0) values[TAG_INSTANCES] = uint256(modelCommitment);
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            calldatacopy(
                add(add(values, 0x20), shl(5, outputAt)),
                output.offset,
                shl(5, shr(5, output.length))
            )
        }
    }
}
