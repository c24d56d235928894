// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Merkle tree over the results of a batch
/// @notice Leaves and nodes are hashed under different prefixes, so that neither passes for the
/// other; a level of odd size is completed by zero, which is the hash of nothing known. The one
/// definition on chain; `haloracle-contracts` holds its twin in Rust.
library ResultTree {
    bytes32 internal constant ROOT_V1 = keccak256("haloracle.root.v1");

    /// @dev First byte of a node's preimage; of a leaf's it is 0.
    bytes1 private constant NODE = 0x01;
    /// @dev Most hashes in a path: 256 leaves.
    uint256 internal constant MAX_DEPTH = 8;

    /// @notice One result of a batch, as its leaf says it.
    /// @param index Position in the batch.
    /// @param requestId Id at the hub of the chain that settled, which fixes model and consumer.
    /// @param payee Who proved it.
    /// @param status See `Statuses`.
    /// @param inputDigest That of the request.
    /// @param outputDigest keccak256 of the output words.
    struct Result {
        uint256 index;
        uint256 requestId;
        address payee;
        uint256 status;
        bytes32 inputDigest;
        bytes32 outputDigest;
    }

    /// @notice Id of a posted batch: its model and the tag of its proof, which fixes chain,
    /// settler, key, requests and payees. Two models may share a key, therefore the model is named.
    function batchId(uint256 modelId, bytes32 batchTag) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(ROOT_V1, modelId, batchTag)));
    }

    /// @notice Hash of one result of batch `id`, settled on chain `chainId` by `settler`: of byte 0
    /// and abi.encode(chainId, settler, id, result).
    function leaf(uint256 chainId, address settler, uint256 id, Result memory result)
        internal
        pure
        returns (bytes32 hash)
    {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            mstore(buffer, 0)
            mstore(add(buffer, 0x01), chainId)
            mstore(add(buffer, 0x21), settler)
            mstore(add(buffer, 0x41), id)
            mcopy(add(buffer, 0x61), result, 0xc0)
            hash := keccak256(buffer, 0x121)
        }
    }

    /// @notice Root over `leaves`, which are overwritten. There must be one at least.
    function root(bytes32[] memory leaves) internal pure returns (bytes32 hash) {
        bytes1 prefix = NODE;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let saved := mload(0x40)
            let first := add(leaves, 0x20)
            mstore(0x00, prefix)
            for { let size := shl(5, mload(leaves)) } gt(size, 0x20) {} {
                let write := first
                let end := add(first, size)
                for { let read := first } lt(read, end) { read := add(read, 0x40) } {
                    mcopy(0x01, read, 0x40)
                    // The last one of an odd level stands beside nothing.
                    if eq(add(read, 0x20), end) { mstore(0x21, 0) }
                    mstore(write, keccak256(0x00, 0x41))
                    write := add(write, 0x20)
                }
                size := sub(write, first)
            }
            hash := mload(first)
            // Nodes are 65 bytes: the pointer's first byte was written, and it is zero.
            mstore(0x40, saved)
        }
    }

    /// @notice Root that `path`, siblings from the bottom up, leads to from the leaf at `index`.
    /// Zero if there is no such position.
    function rootOf(bytes32 leaf_, uint256 index, bytes32[] calldata path)
        internal
        pure
        returns (bytes32 node)
    {
        if (path.length > MAX_DEPTH || index >> path.length != 0) return 0;
        node = leaf_;
        for (uint256 i = 0; i < path.length; ++i) {
            node = index >> i & 1 == 0 ? _node(node, path[i]) : _node(path[i], node);
        }
    }

    function _node(bytes32 left, bytes32 right) private pure returns (bytes32 node) {
        bytes1 prefix = NODE;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let saved := mload(0x40)
            mstore(0x00, prefix)
            mstore(0x01, left)
            mstore(0x21, right)
            node := keccak256(0x00, 0x41)
            mstore(0x40, saved)
        }
    }
}
