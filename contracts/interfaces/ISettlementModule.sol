// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title What every settlement module tells
interface ISettlementModule {
    /// @notice The hub at which this module settles.
    function hub() external view returns (address);

    /// @notice What this module is, such as keccak256("haloracle.batch.v1").
    function kind() external view returns (bytes32);
}
