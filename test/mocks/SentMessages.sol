// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title TEST DOUBLE of the base chain's knowledge of what a rollup sent
/// @notice Stands where the real bridge proves a message's storage slot against a posted state root.
/// Whoever runs the demo looks at the rollup and shows what was sent there.
contract SentMessages {
    mapping(bytes32 hash => bool) public sent;

    function show(bytes32 hash) external {
        sent[hash] = true;
    }
}
