// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {IInferenceHub} from "../interfaces/IInferenceHub.sol";
import {OutputField, State, Statuses} from "../types/Types.sol";

/// @title Base of a contract that acts on verified inferences
/// @notice Pins one hub for ever and lets nobody else call back. A proof shows computation, not
/// truth: whoever chooses the inputs chooses the score, so build inputs from your own state or
/// from features that somebody you trust has attested, and reject what is stale.
/// Warning: a verified result whose status is not `STATUS_OK` is a refusal, paid like an answer.
/// Its outputs are zero and mean nothing: a zero may well be the best score there is.
/// @dev Example, for a model with slots of 8 bits:
/// ```solidity
/// contract Score is InferenceConsumer {
///     uint256 public latest;
///     constructor(IInferenceHub hub_) InferenceConsumer(hub_) {}
///     function _onInference(uint256, uint256, uint256 status, bytes calldata output, bytes32)
///         internal override
///     {
///         if (status == STATUS_OK) latest = _raw(output, 8, 1);
///     }
/// }
/// ```
abstract contract InferenceConsumer is IInferenceConsumer {
    /// @notice Only the hub may call back.
    error NotTheHub(address caller);
    /// @notice The result belongs to a request made too long ago.
    error StaleResult(uint256 requestedAt, uint256 maxAge);
    /// @notice The hub has not verified this output for this request.
    error NotVerified(uint256 id);

    /// @notice The hub whose results this contract believes.
    IInferenceHub public immutable hub;

    /// @dev Status of an answer to an input inside the model's domain.
    uint256 internal constant STATUS_OK = Statuses.OK;
    /// @dev Status of a refusal: the private input was proved to lie outside the model's domain.
    uint256 internal constant STATUS_OUT_OF_DOMAIN = Statuses.OUT_OF_DOMAIN;
    /// @dev Bits of an output word that carry slots.
    uint256 private constant WORD_BITS = 253;

    constructor(IInferenceHub hub_) {
        hub = hub_;
    }

    /// @inheritdoc IInferenceConsumer
    function onInference(
        uint256 id,
        uint256 modelId,
        uint256 status,
        bytes calldata output,
        bytes32 userData
    ) external {
        if (msg.sender != address(hub)) revert NotTheHub(msg.sender);
        _onInference(id, modelId, status, output, userData);
    }

    /// @dev Acts on a verified result. A revert leaves the settlement alone; anyone may have the
    /// hub deliver again. Look at `status` before `output`.
    function _onInference(
        uint256 id,
        uint256 modelId,
        uint256 status,
        bytes calldata output,
        bytes32 userData
    ) internal virtual;

    /// @dev Reverts unless the request was made at most `maxAge` seconds ago. A failed delivery
    /// may be tried again at any later time, so age must be bounded by the consumer.
    function _requireFresh(uint256 requestedAt, uint256 maxAge) internal view {
        if (block.timestamp > requestedAt + maxAge) revert StaleResult(requestedAt, maxAge);
    }

    /// @dev Sends to `to` all that the hub's escrow owes this contract: refunds of requests whose
    /// `refundTo` is this contract. Reverts if that is nothing, or `to` does not accept it.
    /// Warning: `to` may call back; have the caller checked and state settled before.
    function _withdrawRefunds(address to) internal returns (uint256 amount) {
        return hub.escrow().withdraw(to);
    }

    /// @dev For consumers without callback: reverts unless the hub verified `output` for `id`.
    /// Warning: check as well that `id` is a request of this contract.
    function _requireVerified(uint256 id, bytes calldata output) internal view {
        (State state,, bytes32 outputHash,,) = hub.resultOf(id);
        if (state != State.Verified || outputHash != keccak256(output)) revert NotVerified(id);
    }

    /// @dev Raw value of `slot` (0 is the status, outputs follow) of packed output words, whose
    /// slots have `slotBits` bits: the schema's `digitBits * outputDigits`.
    function _raw(bytes calldata output, uint256 slotBits, uint256 slot)
        internal
        pure
        returns (uint256)
    {
        uint256 perWord = WORD_BITS / slotBits;
        uint256 word = uint256(bytes32(output[32 * (slot / perWord):]));
        return word >> (slot % perWord * slotBits) & ((1 << slotBits) - 1);
    }

    /// @dev The fixed-point number, with `field.decimals` decimals, that `raw` stands for.
    function _fixedPoint(OutputField memory field, uint256 raw) internal pure returns (int256) {
        return (int256(raw) - int256(uint256(field.zeroPoint))) * int256(uint256(field.multiplier));
    }
}
