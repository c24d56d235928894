// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title The OP stack's cross-domain messenger, as far as it is used here
/// @notice On both chains. Messages from the rollup arrive after the challenge period, in any
/// order, relayed by anyone; a relay whose call failed can be tried again at any later time.
interface ICrossDomainMessenger {
    /// @notice Sends `message` to `target` on the other chain, where it is called with at least
    /// `minGasLimit` gas.
    function sendMessage(address target, bytes calldata message, uint32 minGasLimit)
        external
        payable;

    /// @notice Who sent the message that is being relayed; reverts outside a relay.
    function xDomainMessageSender() external view returns (address);
}
