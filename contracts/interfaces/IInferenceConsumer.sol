// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Receiver of verified inferences
interface IInferenceConsumer {
    /// @notice Called by the hub, with exactly the request's callback gas, after settlement.
    /// @dev A revert is recorded and never undoes the settlement; anyone may `deliver` again, at
    /// any later time and even if the model's route was stopped since: bound the age of what you
    /// act on, and ask the router if a stopped route's results are none to you.
    /// @param id Request id.
    /// @param modelId Model that was run.
    /// @param status 0: answered.
    /// @param output Packed output words.
    /// @param userData Echo of the request's user data.
    function onInference(
        uint256 id,
        uint256 modelId,
        uint256 status,
        bytes calldata output,
        bytes32 userData
    ) external;
}
