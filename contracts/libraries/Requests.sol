// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceHub} from "../interfaces/IInferenceHub.sol";
import {InputModes, Modes, Request, RequestOptions} from "../types/Types.sol";
import {Statement} from "./Statement.sol";

/// @title How a request comes to be, at the hub and at its stand-in for tests
library Requests {
    /// @dev Furthest deadline of a request, in seconds from now: no fee is locked for longer.
    uint256 internal constant MAX_LIFETIME = 30 days;
    /// @dev Most gas a callback may have: it must fit any block beside the verification.
    uint256 internal constant MAX_CALLBACK_GAS = 2_000_000;

    /// @notice Checks what does not depend on the input; `leastFee` is the policy's.
    function check(uint256 leastFee, RequestOptions calldata options) internal view {
        if (msg.value < leastFee) revert IInferenceHub.FeeTooLow(leastFee, msg.value);
        if (msg.value > type(uint96).max) revert IInferenceHub.FeeTooHigh(msg.value);
        if (
            options.deadline <= block.timestamp || options.deadline > block.timestamp + MAX_LIFETIME
                || options.deadline > type(uint32).max
        ) revert IInferenceHub.BadDeadline(options.deadline);
        if (options.callbackGas > MAX_CALLBACK_GAS) {
            revert IInferenceHub.CallbackGasTooHigh(options.callbackGas, MAX_CALLBACK_GAS);
        }
        if (options.modes & ~Modes.ALL != 0) revert IInferenceHub.BadModes(options.modes);
    }

    /// @notice The caller's request on public `words`, after `check`.
    function onWords(
        uint256 modelId,
        uint64 nonce,
        RequestOptions calldata options,
        bytes memory words
    ) internal view returns (Request memory request) {
        request = _request(modelId, nonce, options);
        request.inputMode = InputModes.PUBLIC_WORDS;
        request.inputDigest = keccak256(words);
    }

    /// @notice The caller's request on the values of `subject` behind `commitment`, after `check`.
    function onCommitment(
        uint256 modelId,
        uint64 nonce,
        RequestOptions calldata options,
        bytes32 commitment,
        address subject
    ) internal view returns (Request memory request) {
        // Of the values behind it nothing can be said here; zero is a slot that nobody filled.
        if (commitment == 0 || uint256(commitment) >= Statement.SCALAR_FIELD) {
            revert IInferenceHub.BadCommitment(commitment);
        }
        if (subject == address(0)) revert IInferenceHub.ZeroSubject();
        request = _request(modelId, nonce, options);
        request.subject = subject;
        request.inputMode = InputModes.COMMITMENT;
        request.inputDigest = commitment;
    }

    function _request(uint256 modelId, uint64 nonce, RequestOptions calldata options)
        private
        view
        returns (Request memory request)
    {
        request.modelId = modelId;
        request.consumer = msg.sender;
        request.refundTo = options.refundTo == address(0) ? msg.sender : options.refundTo;
        request.nonce = nonce;
        request.deadline = options.deadline;
        request.fee = uint96(msg.value);
        request.callbackGas = options.callbackGas;
        request.modes = options.modes == 0 ? Modes.DEFAULT : options.modes;
        request.userData = options.userData;
    }
}
