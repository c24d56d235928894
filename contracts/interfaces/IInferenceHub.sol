// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEscrow} from "./IEscrow.sol";
import {IModelRegistry} from "./IModelRegistry.sol";
import {IVerifierRouter} from "./IVerifierRouter.sol";
import {Delivery, Request, RequestOptions, State} from "../types/Types.sol";

/// @title Requests, settlement and delivery of verified inferences
interface IInferenceHub {
    /// @notice Everything an operator needs: the request and its packed input words. Private
    /// inputs leave `input` empty; the operator gets them from the request's subject.
    event InferenceRequested(
        uint256 indexed id,
        uint256 indexed modelId,
        address indexed consumer,
        Request request,
        bytes input
    );
    /// @notice `amount` wei were added; `total` are held now.
    event FeeIncreased(uint256 indexed id, uint256 amount, uint256 total);
    /// @notice The consumer gives up the request; until `effectiveAt` an answer is still paid.
    event CancelRequested(uint256 indexed id, uint256 effectiveAt);
    /// @notice A proved output settled the request and credited `payee`.
    event Verified(uint256 indexed id, address indexed payee, uint256 status, bytes output);
    /// @notice The callback ran; `reason` holds the first bytes of a failure's return data.
    event CallbackResult(uint256 indexed id, bool ok, uint256 gasUsed, bytes4 reason);
    /// @notice The request ended unanswered; `refund` wei were credited to its `refundTo`.
    event Closed(uint256 indexed id, State state, uint256 refund);

    /// @notice No request has this id: never made, or not with exactly these fields.
    error UnknownRequest(uint256 id);
    /// @notice The request has ended as `state` says. `Verified`: see `resultOf` for the payee.
    error NotOpen(uint256 id, State state);
    /// @notice The deadline is not in the future, or too far in it.
    error BadDeadline(uint256 deadline);
    /// @notice Too late to answer, and to pay more for an answer.
    error DeadlinePassed(uint256 id, uint256 deadline);
    /// @notice Too early to expire: the request can still be answered.
    error DeadlineNotPassed(uint256 id, uint256 deadline);
    /// @notice Less sent than the model's policy asks.
    error FeeTooLow(uint256 required, uint256 sent);
    /// @notice More sent than a request can record.
    error FeeTooHigh(uint256 sent);
    /// @notice The model's owner takes no new requests.
    error ModelClosed(uint256 modelId);
    /// @notice These are not the input words of the request; private inputs have none.
    error InputMismatch(uint256 id);
    /// @notice The model takes its input as public words: see `requestInference`.
    error PublicInputs(uint256 modelId);
    /// @notice No commitment: zero, or not below the scalar field's modulus.
    error BadCommitment(bytes32 commitment);
    /// @notice Nobody's values: an operator could never learn them with their owner's consent.
    error ZeroSubject();
    /// @notice Wrong number of output words, a word that is not canonical, or not the
    /// verified output.
    error OutputMalformed(uint256 id);
    /// @notice Nobody to pay.
    error ZeroPayee();
    /// @notice The proof does not show this output for this request and payee.
    error InvalidProof(uint256 id);
    /// @notice Only the consumer that made the request may cancel it.
    error NotConsumer(uint256 id, address caller);
    /// @notice Announce the cancellation first.
    error CancelNotRequested(uint256 id);
    /// @notice The announced cancellation has not taken effect.
    error CancelTooEarly(uint256 id, uint256 effectiveAt);
    /// @notice Not verified, pull only, or delivered already.
    error NothingToDeliver(uint256 id, Delivery delivery);
    /// @notice The transaction must leave `required` gas for the callback.
    error InsufficientCallbackGas(uint256 id, uint256 required);
    /// @notice More callback gas asked for than a block can be expected to fit.
    error CallbackGasTooHigh(uint256 asked, uint256 max);
    /// @notice No settlement mode has such a bit.
    error BadModes(uint8 modes);
    /// @notice The consumer does not allow this way of settling its request.
    error ModeNotAllowed(uint256 id, uint8 modes);
    /// @notice The model's route is in service.
    error RouteNotStopped(uint256 id);
    /// @notice Announcing again would change nothing.
    error CancelAlreadyRequested(uint256 id, uint256 effectiveAt);
    /// @notice A top-up without value.
    error NothingSent();
    /// @notice The registry checks keys against another router than the hub would ask.
    error RouterMismatch(IVerifierRouter ofRegistry, IVerifierRouter ofHub);

    /// @notice Asks for `modelId` on `input`; the value sent is the fee.
    /// @dev The caller is the consumer: the only one called back, the only one that may cancel.
    /// @param modelId A registered model that is open for requests.
    /// @param input Fixed-point integers in the units of the model's schema, inside its box.
    /// @param options Deadline, callback gas, refund address, settlement modes, user data.
    /// @return id Hash of the request, see `requestIdOf`.
    function requestInference(
        uint256 modelId,
        int32[] calldata input,
        RequestOptions calldata options
    ) external payable returns (uint256 id);

    /// @notice Asks for `modelId` on values that the chain never sees; the value sent is the fee.
    /// @dev Operators answer only with `subject`'s signature over chain, hub, request id and
    /// commitment: a commitment copied from another request opens nothing. Whether the values lie
    /// inside the model's box only the proof says; if not, the answer's status is
    /// `Statuses.OUT_OF_DOMAIN`, all outputs are zero, and the operator is paid.
    /// @param modelId A registered model with private inputs that is open for requests.
    /// @param commitment Salted Poseidon commitment to the values, a scalar field element.
    /// @param subject Whose values these are; an account that can sign, by ERC-1271 too.
    /// @param options Deadline, callback gas, refund address, settlement modes, user data.
    /// @return id Hash of the request, see `requestIdOf`.
    function requestPrivateInference(
        uint256 modelId,
        bytes32 commitment,
        address subject,
        RequestOptions calldata options
    ) external payable returns (uint256 id);

    /// @notice Settles a request with a proved output and pays `payee`.
    /// @dev The id, the input digest and every public input are rebuilt here; only payee, output
    /// and proof are the caller's. The payee is bound by the proof, so a copied proof pays its
    /// maker. Reverts `InsufficientCallbackGas` rather than starve the consumer's callback.
    /// @param request The request, exactly as in `InferenceRequested`.
    /// @param input Packed input words, as in `InferenceRequested`: empty for private inputs.
    /// @param payee Credited with the fee less the model owner's share.
    /// @param output Packed output words.
    /// @param proof Uncompressed points and scalars in transcript order.
    function fulfill(
        Request calldata request,
        bytes calldata input,
        address payee,
        bytes calldata output,
        bytes calldata proof
    ) external;

    /// @notice Runs the consumer's callback of a verified request, again if it failed before.
    /// @dev Also after the model's route was stopped: the result was verified before. A consumer
    /// that wants no more of a stopped route asks `router().isStopped(registry().routeOf(modelId))`
    /// in its callback.
    function deliver(Request calldata request, bytes calldata output) external;

    /// @notice Refunds a request whose deadline has passed. Anyone may call.
    /// @dev Of a request that allows `Modes.ROOT`, only an hour later: a result may have been
    /// proved in time and is still to be claimed. `finalizeCancel` waits as long, too.
    function expire(Request calldata request) external;

    /// @notice Announces cancellation; it takes effect after `CANCEL_DELAY` seconds.
    function cancel(Request calldata request) external;

    /// @notice Refunds a request whose announced cancellation took effect. Anyone may call.
    function finalizeCancel(Request calldata request) external;

    /// @notice Refunds a request whose model's route was stopped. Anyone may call.
    function refundStopped(Request calldata request) external;

    /// @notice Adds the value sent to the fee of an open request, until its deadline.
    /// @dev An id does not tell the model, so that a stopped route is not noticed here; what is
    /// added then comes back with `refundStopped`.
    function topUp(uint256 id) external payable;

    /// @notice Least fee for a request: what the model's policy asks. The callback's gas is not
    /// priced here; an operator may want more, see `topUp`.
    function quote(uint256 modelId, uint32 callbackGas) external view returns (uint256 fee);

    /// @notice Settlement and delivery state; for a verified request also the hash of its output,
    /// when it was settled and who was paid.
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

    /// @notice Owner's share of the fee of request `id`, in basis points: the policy's when it was
    /// asked, whatever the policy says now. An operator is credited the rest.
    function ownerShareOf(uint256 id) external view returns (uint16);

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

    /// @notice The public inputs of `fulfill` with the same arguments: tag halves, the commitment
    /// of a private model, input words or the commitment of private inputs, output words. For any
    /// request of a registered model, whether it was made or not.
    function instancesOf(
        Request calldata request,
        address payee,
        bytes calldata input,
        bytes calldata output
    ) external view returns (uint256[] memory);
}
