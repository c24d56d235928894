// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Request} from "../types/Types.sol";
import {Statement} from "./Statement.sol";

/// @title What a proof about many requests of one model is about
/// @notice The one definition on chain; `haloracle-contracts` holds its twin in Rust. Leaves are
/// the statements of single requests; loops that run once per leaf are assembly, because a batch
/// is there to be cheap.
library BatchStatement {
    bytes32 internal constant BATCH_V1 = keccak256("haloracle.batch.v1");

    /// @dev Fewest and most items of a batch circuit.
    uint256 internal constant MIN_ITEMS = 2;
    uint256 internal constant MAX_ITEMS = 256;
    /// @dev Bytes of an encoded request, which is static.
    uint256 private constant REQUEST_BYTES = 384;

    /// @notice Id of `request` at `hub` on this chain, hashed as it stands in calldata.
    /// @dev Not decoded: a word with bits beyond its type gives an id that no hub knows.
    function requestId(address hub, Request calldata request) internal view returns (uint256 id) {
        bytes32 version = Statement.REQUEST_V1;
        uint256 size = REQUEST_BYTES;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore(buffer, version)
            mstore(add(buffer, 0x20), chainid())
            mstore(add(buffer, 0x40), hub)
            calldatacopy(add(buffer, 0x60), request, size)
            id := keccak256(buffer, add(size, 0x60))
        }
    }

    /// @notice Binds a proof to chain, settler, verifying key, number of leaves and to every leaf's
    /// request and payee, in their order.
    /// @param settler Contract that settles the batch.
    /// @param vkHash keccak256 of the batch key's data.
    /// @param ids Requests of the leaves.
    /// @param payees One per leaf, or one for all.
    function tag(address settler, bytes32 vkHash, uint256[] memory ids, address[] calldata payees)
        internal
        view
        returns (bytes32)
    {
        bytes32 version = Statement.STATEMENT_V1;
        bytes32 leaves;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            let count := mload(ids)
            let step := mul(0x20, gt(payees.length, 1))
            let payee := payees.offset
            let tags := add(buffer, 0x60)
            mstore(buffer, version)
            for { let i := 0 } lt(i, count) { i := add(i, 1) } {
                mstore(add(buffer, 0x20), mload(add(add(ids, 0x20), shl(5, i))))
                mstore(add(buffer, 0x40), calldataload(payee))
                mstore(add(tags, shl(5, i)), keccak256(buffer, 0x60))
                payee := add(payee, step)
            }
            leaves := keccak256(tags, shl(5, count))
        }
        return keccak256(abi.encode(BATCH_V1, block.chainid, settler, vkHash, ids.length, leaves));
    }

    /// @notice Public inputs of a batch: tag halves, the model's commitment if it is private, then
    /// input and output words of every item. Items beyond the leaves repeat the last one.
    /// @param items Items of the circuit, at least the leaves.
    /// @param inputs Input words of all leaves, or their commitments; `outputs` likewise. Lengths
    /// must be the same number of words for every leaf.
    function instances(
        bytes32 tag_,
        bytes32 modelCommitment,
        uint256 items,
        uint256 leaves,
        bytes calldata inputs,
        bytes calldata outputs
    ) internal pure returns (uint256[] memory values) {
        uint256 before = Statement.beforeItems(modelCommitment);
        uint256 inputBytes = inputs.length / leaves;
        uint256 outputBytes = outputs.length / leaves;
        values = new uint256[](before + items * ((inputBytes + outputBytes) >> 5));
        values[0] = uint256(tag_) >> 128;
        values[1] = uint128(uint256(tag_));
        if (modelCommitment != 0) values[Statement.TAG_INSTANCES] = uint256(modelCommitment);
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let at := add(add(values, 0x20), shl(5, before))
            let input := inputs.offset
            let output := outputs.offset
            for { let i := 0 } lt(i, items) { i := add(i, 1) } {
                calldatacopy(at, input, inputBytes)
                at := add(at, inputBytes)
                calldatacopy(at, output, outputBytes)
                at := add(at, outputBytes)
                // The last leaf stays for the padding.
                if lt(add(i, 1), leaves) {
                    input := add(input, inputBytes)
                    output := add(output, outputBytes)
                }
            }
        }
    }
}
