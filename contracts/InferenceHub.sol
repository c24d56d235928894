// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {HubRecords} from "./HubRecords.sol";
import {IHalo2Verifier} from "./interfaces/IHalo2Verifier.sol";
import {IInferenceConsumer} from "./interfaces/IInferenceConsumer.sol";
import {IInferenceHub} from "./interfaces/IInferenceHub.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {ExactCall} from "./libraries/ExactCall.sol";
import {Requests} from "./libraries/Requests.sol";
import {Statement} from "./libraries/Statement.sol";
import {
    Delivery,
    InputModes,
    ModelPolicy,
    ModelTerms,
    Modes,
    Request,
    RequestOptions,
    State
} from "./types/Types.sol";

/// @title Requests, settlement and delivery of verified inferences
/// @notice No owner, no pause, no upgrade. A request is settled once; its state changes before
/// anything leaves. Delivery to the consumer is apart from settlement and cannot undo it.
contract InferenceHub is HubRecords {
    /// @notice Seconds between the announcement of a cancellation and its effect: an operator
    /// that has already paid for the proof can still be paid.
    uint256 public constant CANCEL_DELAY = 60;
    /// @notice Seconds after deadline or cancellation in which a result of a posted root can be
    /// claimed, for requests that allow `Modes.ROOT`.
    uint256 public constant ROOT_GRACE = 1 hours;
    /// @notice Furthest deadline of a request, in seconds from now: no fee is locked for longer.
    uint256 public constant MAX_LIFETIME = Requests.MAX_LIFETIME;
    /// @notice Most gas a callback may have: it must fit any block beside the verification.
    uint256 public constant MAX_CALLBACK_GAS = Requests.MAX_CALLBACK_GAS;

    /// @dev The whole fee in basis points.
    uint256 private constant WHOLE_BPS = 10_000;
    /// @dev Bits of a word that carry slots; a word above is no canonical field element.
    uint256 private constant WORD_BITS = 253;

    /// @inheritdoc IInferenceHub
    IModelRegistry public immutable registry;
    /// @inheritdoc IInferenceHub
    IVerifierRouter public immutable router;

    /// @inheritdoc IInferenceHub
    mapping(address consumer => uint64) public nonceOf;

    /// @param registry_ Where models are registered.
    /// @param router_ Where their routes lead; must be the registry's own.
    /// @param modules_ Settlement modules, see `HubRecords`.
    constructor(IModelRegistry registry_, IVerifierRouter router_, address[] memory modules_)
        HubRecords(modules_)
    {
        IVerifierRouter ofRegistry = registry_.router();
        if (ofRegistry != router_) revert RouterMismatch(ofRegistry, router_);
        registry = registry_;
        router = router_;
    }

    /// @inheritdoc IInferenceHub
    function requestInference(
        uint256 modelId,
        int32[] calldata input,
        RequestOptions calldata options
    ) external payable returns (uint256 id) {
        uint16 ownerShareBps = _admit(modelId, options);
        bytes memory words = abi.encodePacked(registry.packInput(modelId, input));
        Request memory request = Requests.onWords(modelId, nonceOf[msg.sender]++, options, words);
        return _record(request, words, ownerShareBps);
    }

    /// @inheritdoc IInferenceHub
    function requestPrivateInference(
        uint256 modelId,
        bytes32 commitment,
        address subject,
        RequestOptions calldata options
    ) external payable returns (uint256 id) {
        uint16 ownerShareBps = _admit(modelId, options);
        if (registry.termsOf(modelId).inputMode != InputModes.COMMITMENT) {
            revert PublicInputs(modelId);
        }
        uint64 nonce = nonceOf[msg.sender]++;
        return _record(
            Requests.onCommitment(modelId, nonce, options, commitment, subject), "", ownerShareBps
        );
    }

    /// @inheritdoc IInferenceHub
    function fulfill(
        Request calldata request,
        bytes calldata input,
        address payee,
        bytes calldata output,
        bytes calldata proof
    ) external nonReentrant {
        uint256 id = requestIdOf(request);
        Record storage record = _open(id);
        if (_cancelled(record)) revert NotOpen(id, State.Cancelled);
        if (block.timestamp > request.deadline) revert DeadlinePassed(id, request.deadline);
        if (request.modes & Modes.SINGLE == 0) revert ModeNotAllowed(id, request.modes);
        if (payee == address(0)) revert ZeroPayee();

        ModelTerms memory terms = registry.termsOf(request.modelId);
        uint256[] memory instances = _instances(id, request, terms, payee, input, output);
        if (!_proves(terms, instances, proof)) revert InvalidProof(id);

        uint256 status = _statusOf(terms.outputSlotBits, output);
        _verify(id, _wordOf(id), payee, false, output, status);
        _pay(id, record.ownerShareBps, terms.owner, payee);
        if (request.callbackGas != 0) _deliver(id, record, request, status, output);
    }

    /// @inheritdoc IInferenceHub
    function deliver(Request calldata request, bytes calldata output) external nonReentrant {
        uint256 id = requestIdOf(request);
        Record storage record = _records[id];
        Delivery delivery = record.delivery;
        if (delivery != Delivery.Pending && delivery != Delivery.Failed) {
            revert NothingToDeliver(id, delivery);
        }
        if (keccak256(output) != _outputHashes[id]) revert OutputMalformed(id);
        uint256 status = _statusOf(registry.termsOf(request.modelId).outputSlotBits, output);
        _deliver(id, record, request, status, output);
    }

    /// @inheritdoc IInferenceHub
    function expire(Request calldata request) external {
        uint256 id = requestIdOf(request);
        Record storage record = _open(id);
        uint256 last = request.deadline + _grace(request);
        if (block.timestamp <= last) revert DeadlineNotPassed(id, last);
        _refund(id, record, State.Expired, request.refundTo);
    }

    /// @inheritdoc IInferenceHub
    function cancel(Request calldata request) external {
        uint256 id = requestIdOf(request);
        if (msg.sender != request.consumer) revert NotConsumer(id, msg.sender);
        Record storage record = _open(id);
        if (record.timestamp != 0) revert CancelAlreadyRequested(id, record.timestamp);
        record.timestamp = uint32(block.timestamp + CANCEL_DELAY);
        emit CancelRequested(id, record.timestamp);
    }

    /// @inheritdoc IInferenceHub
    function finalizeCancel(Request calldata request) external {
        uint256 id = requestIdOf(request);
        Record storage record = _open(id);
        if (record.timestamp == 0) revert CancelNotRequested(id);
        uint256 effectiveAt = record.timestamp + _grace(request);
        if (block.timestamp < effectiveAt) revert CancelTooEarly(id, effectiveAt);
        _refund(id, record, State.Cancelled, request.refundTo);
    }

    /// @inheritdoc IInferenceHub
    function refundStopped(Request calldata request) external {
        uint256 id = requestIdOf(request);
        Record storage record = _open(id);
        if (!router.isStopped(registry.routeOf(request.modelId))) revert RouteNotStopped(id);
        _refund(id, record, State.Stopped, request.refundTo);
    }

    /// @inheritdoc IInferenceHub
    function topUp(uint256 id) external payable {
        Record storage record = _open(id);
        if (_cancelled(record)) revert NotOpen(id, State.Cancelled);
        if (block.timestamp > record.deadline) revert DeadlinePassed(id, record.deadline);
        if (msg.value == 0) revert NothingSent();
        emit FeeIncreased(id, msg.value, escrow.heldFor(id) + msg.value);
        escrow.deposit{value: msg.value}(id);
    }

    /// @inheritdoc IInferenceHub
    function quote(uint256 modelId, uint32) external view returns (uint256 fee) {
        return registry.policyOf(modelId).fee;
    }

    /// @inheritdoc IInferenceHub
    function resultOf(uint256 id)
        external
        view
        returns (
            State state,
            Delivery delivery,
            bytes32 outputHash,
            uint64 settledAt,
            address payee
        )
    {
        Record storage record = _records[id];
        state = record.state;
        settledAt = state == State.Verified ? record.timestamp : 0;
        return (state, record.delivery, _outputHashes[id], settledAt, record.payee);
    }

    /// @inheritdoc IInferenceHub
    function cancelEffectiveAt(uint256 id) external view returns (uint64) {
        Record storage record = _records[id];
        return record.state == State.Open ? record.timestamp : 0;
    }

    /// @inheritdoc IInferenceHub
    function ownerShareOf(uint256 id) external view returns (uint16) {
        return _records[id].ownerShareBps;
    }

    /// @inheritdoc IInferenceHub
    function instancesOf(
        Request calldata request,
        address payee,
        bytes calldata input,
        bytes calldata output
    ) external view returns (uint256[] memory) {
        uint256 id = requestIdOf(request);
        return _instances(id, request, registry.termsOf(request.modelId), payee, input, output);
    }

    /// @inheritdoc IInferenceHub
    function tagOf(uint256 id, address payee) external pure returns (bytes32) {
        return Statement.tag(id, payee);
    }

    /// @inheritdoc IInferenceHub
    function requestIdOf(Request calldata request) public view returns (uint256) {
        return Statement.requestId(address(this), request);
    }

    /// @dev Opens a request and takes its fee.
    function _record(Request memory request, bytes memory words, uint16 ownerShareBps)
        private
        returns (uint256 id)
    {
        id = Statement.requestId(address(this), request);
        Record storage record = _records[id];
        record.state = State.Open;
        // The share in force now: the owner cannot raise it once an operator has set to work.
        record.ownerShareBps = ownerShareBps;
        record.deadline = uint32(request.deadline);
        emit InferenceRequested(id, request.modelId, msg.sender, request, words);
        escrow.deposit{value: msg.value}(id);
    }

    /// @dev Credits the owner's share and the rest; rounding favours the payee.
    function _pay(uint256 id, uint256 ownerShareBps, address owner, address payee) private {
        uint256 held = escrow.heldFor(id);
        uint256 ownerAmount = held * ownerShareBps / WHOLE_BPS;
        escrow.settle(id, owner, ownerAmount, payee, held - ownerAmount);
    }

    /// @dev Closes an open request unanswered.
    function _refund(uint256 id, Record storage record, State state, address refundTo) private {
        record.state = state;
        uint256 held = escrow.heldFor(id);
        emit Closed(id, state, held);
        escrow.settle(id, refundTo, held, address(0), 0);
    }

    /// @dev Runs the callback with exactly the gas asked for. Too little gas supplied reverts, so
    /// that only the consumer's own failure counts as one.
    function _deliver(
        uint256 id,
        Record storage record,
        Request calldata request,
        uint256 status,
        bytes calldata output
    ) private {
        bytes memory data = abi.encodeCall(
            IInferenceConsumer.onInference, (id, request.modelId, status, output, request.userData)
        );
        record.delivery = Delivery.Done;
        uint256 required = ExactCall.requiredGas(request.callbackGas);
        if (gasleft() < required) revert InsufficientCallbackGas(id, required);
        (bool ok, uint256 gasUsed, bytes4 reason) =
            ExactCall.run(request.consumer, request.callbackGas, data);
        if (!ok) record.delivery = Delivery.Failed;
        emit CallbackResult(id, ok, gasUsed, reason);
    }

    /// @dev What a new request must satisfy, its input apart. Returns the owner's share.
    function _admit(uint256 modelId, RequestOptions calldata options)
        private
        view
        returns (uint16 ownerShareBps)
    {
        ModelPolicy memory policy = registry.policyOf(modelId);
        if (!policy.open) revert ModelClosed(modelId);
        Requests.check(policy.fee, options);
        // Reverts on a stopped route: nobody could answer.
        router.verifierOf(registry.routeOf(modelId));
        return policy.ownerShareBps;
    }

    function _proves(ModelTerms memory terms, uint256[] memory instances, bytes calldata proof)
        private
        view
        returns (bool)
    {
        return IHalo2Verifier(router.verifierOf(terms.route)).verify(terms.vk, instances, proof);
    }

    function _open(uint256 id) private view returns (Record storage record) {
        record = _records[id];
        if (record.state == State.None) revert UnknownRequest(id);
        if (record.state != State.Open) revert NotOpen(id, record.state);
    }

    /// @dev Whether an open request's announced cancellation has taken effect.
    function _cancelled(Record storage record) private view returns (bool) {
        return _cancelledBy(record.timestamp, block.timestamp);
    }

    /// @dev Seconds that a refund waits for the claim of a result that was proved in time.
    function _grace(Request calldata request) private pure returns (uint256) {
        return request.modes & Modes.ROOT == 0 ? 0 : ROOT_GRACE;
    }

    /// @dev Public inputs of a settlement: from the request, the registry and checked words; of
    /// what the caller chooses only payee and output enter.
    function _instances(
        uint256 id,
        Request calldata request,
        ModelTerms memory terms,
        address payee,
        bytes calldata input,
        bytes calldata output
    ) private pure returns (uint256[] memory) {
        _checkOutput(id, terms, output);
        bytes32 tag = Statement.tag(id, payee);
        // A request was made in its model's mode, and a model has one for ever.
        if (terms.inputMode == InputModes.COMMITMENT) {
            if (input.length != 0) revert InputMismatch(id);
            return Statement.instances(tag, terms.modelCommitment, request.inputDigest, output);
        }
        if (keccak256(input) != request.inputDigest) revert InputMismatch(id);
        return Statement.instances(tag, terms.modelCommitment, input, output);
    }

    function _checkOutput(uint256 id, ModelTerms memory terms, bytes calldata output) private pure {
        if (output.length != uint256(terms.outputWords) * 32) revert OutputMalformed(id);
        for (uint256 i = 0; i < output.length; i += 32) {
            if (uint256(bytes32(output[i:])) >> WORD_BITS != 0) revert OutputMalformed(id);
        }
    }
}
