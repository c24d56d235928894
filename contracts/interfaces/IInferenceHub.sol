// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEscrow} from "./IEscrow.sol";
import {IModelRegistry} from "./IModelRegistry.sol";
import {IVerifierRouter} from "./IVerifierRouter.sol";
import {Delivery, Request, RequestOptions, State} from "../types/Types.sol";

/// @title Requests, settlement and delivery of verified inferences
interface IInferenceHub {
    /// @notice Everything an operator needs: the request and its packed input words.
    event InferenceRequested(
        uint256 indexed id,
        uint256 indexed modelId,
        address indexed consumer,
        Request request,
        bytes input
    );
    event FeeIncreased(uint256 indexed id, uint256 amount, uint256 total);
    event CancelRequested(uint256 indexed id, uint256 effectiveAt);
    event Verified(uint256 indexed id, address indexed payee, uint256 status, bytes output);
    event CallbackResult(uint256 indexed id, bool ok, uint256 gasUsed, bytes4 reason);
    event Closed(uint256 indexed id, State state, uint256 refund);

    error UnknownRequest(uint256 id);
    error NotOpen(uint256 id, State state);
    error BadDeadline(uint256 deadline);
    error DeadlinePassed(uint256 id, uint256 deadline);
    error DeadlineNotPassed(uint256 id, uint256 deadline);
    error FeeTooLow(uint256 required, uint256 sent);
    error FeeTooHigh(uint256 sent);
    error ModelClosed(uint256 modelId);
    error InputMismatch(uint256 id);
    error OutputMalformed(uint256 id);
    error ZeroPayee();
    error InvalidProof(uint256 id);
    error NotConsumer(uint256 id, address caller);
    error CancelNotRequested(uint256 id);
    error CancelTooEarly(uint256 id, uint256 effectiveAt);
    error NothingToDeliver(uint256 id, Delivery delivery);
    error InsufficientCallbackGas(uint256 id, uint256 required);
    error CallbackGasTooHigh(uint256 asked, uint256 max);
    error RouteNotStopped(uint256 id);
    error CancelAlreadyRequested(uint256 id, uint256 effectiveAt);
    error VerifyingKeyChanged(uint256 modelId);
    error NothingSent();

    /// @notice Asks for `modelId` on `input`; the value sent is the fee.
    /// @param input Fixed-point integers in the units of the model's schema, checked against its box.
    function requestInference(
        uint256 modelId,
        int32[] calldata input,
        RequestOptions calldata options
    ) external payable returns (uint256 id);

    /// @notice Settles a request with a proved output and pays `payee`.
    /// @dev The id, the input digest and every public input are rebuilt here; only payee, output
    /// and proof are the caller's. The payee is bound by the proof.
    /// @param input Packed input words, as in `InferenceRequested`.
    /// @param output Packed output words.
    function fulfill(
        Request calldata request,
        bytes calldata input,
        address payee,
        bytes calldata output,
        bytes calldata proof
    ) external;

    /// @notice Runs the consumer's callback of a verified request, again if it failed before.
    function deliver(Request calldata request, bytes calldata output) external;

    /// @notice Refunds a request whose deadline has passed. Anyone may call.
    function expire(Request calldata request) external;

    /// @notice Announces cancellation; it takes effect after `CANCEL_DELAY` seconds.
    function cancel(Request calldata request) external;

    /// @notice Refunds a request whose announced cancellation took effect. Anyone may call.
    function finalizeCancel(Request calldata request) external;

    /// @notice Refunds a request whose model's route was stopped. Anyone may call.
    function refundStopped(Request calldata request) external;

    /// @notice Adds the value sent to the fee of an open request.
    function topUp(uint256 id) external payable;

    /// @notice Least fee for a request.
    function quote(uint256 modelId, uint32 callbackGas) external view returns (uint256 fee);

    /// @notice Settlement and delivery state, hash of the output, settlement time and payee.
    function resultOf(uint256 id)
        external
        view
        returns (
            State state,
            Delivery delivery,
            bytes32 outputHash,
            uint64 settledAt,
            address payee
        );

    /// @notice When the announced cancellation of an open request takes effect; 0: none announced.
    function cancelEffectiveAt(uint256 id) external view returns (uint64);

    /// @notice Nonce of the consumer's next request.
    function nonceOf(address consumer) external view returns (uint64);

    /// @notice The escrow that belongs to this hub alone.
    function escrow() external view returns (IEscrow);

    /// @notice Where models are registered.
    function registry() external view returns (IModelRegistry);

    /// @notice Where routes lead to verifiers.
    function router() external view returns (IVerifierRouter);

    /// @notice keccak256(abi.encode(REQUEST_V1, chainid, hub, request)).
    function requestIdOf(Request calldata request) external view returns (uint256);

    /// @notice keccak256(abi.encode(STATEMENT_V1, id, payee)).
    function tagOf(uint256 id, address payee) external view returns (bytes32);

    /// @notice The public inputs of `fulfill`: tag halves, input words, output words.
    function instancesOf(uint256 id, address payee, bytes calldata input, bytes calldata output)
        external
        view
        returns (uint256[] memory);
}
