// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IInferenceConsumer} from "../interfaces/IInferenceConsumer.sol";
import {IInferenceHub} from "../interfaces/IInferenceHub.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IVerifierRouter} from "../interfaces/IVerifierRouter.sol";
import {DataContract} from "../libraries/DataContract.sol";
import {Requests} from "../libraries/Requests.sol";
import {SchemaData} from "../libraries/SchemaData.sol";
import {Statement} from "../libraries/Statement.sol";
import {Delivery, InputModes, Request, RequestOptions, Schema, State} from "../types/Types.sol";

/// @title FOR TESTS ONLY: a hub that answers with whatever the test says, without proof or agent
/// @notice For the tests of contracts that consume inferences. Requests are checked against the
/// model's schema and get the ids and events of the real hub; `answer` delivers an answer. It is
/// its own registry as far as consumers need one (`schemaOf`, `packInput`, `decodeOutput`). Models
/// may take private inputs; that weights are private a consumer cannot notice, so here none are.
/// Warning: it believes anybody. Never deploy it where value is at stake.
/// @dev Example:
/// ```solidity
/// hub = new MockInferenceHub();
/// hub.setModel(MODEL, schema, 0.001 ether);
/// consumer = new MyConsumer(hub, MODEL);
/// uint256 id = consumer.ask{value: 0.001 ether}();
/// hub.answer(id, 125); // the callback runs, its revert is the test's revert
/// ```
contract MockInferenceHub is IInferenceHub {
    /// @notice The real hub does this with a proof or with time; here nothing happens.
    error NotInMock(string what);
    error UnknownModel(uint256 modelId);
    error WrongOutputCount(uint256 expected, uint256 got);
    /// @notice No slot holds such a value (slot 0 is the status): the real hub's cannot either.
    error TooWide(uint256 slot, uint256 value);

    struct Model {
        address data;
        uint96 fee;
    }

    struct Record {
        State state;
        Delivery delivery;
        uint64 settledAt;
        uint64 cancelAt;
        address payee;
        bytes output;
        Request request;
    }

    /// @inheritdoc IInferenceHub
    mapping(address consumer => uint64) public nonceOf;

    /// @notice As the real hub's.
    uint256 public constant MAX_LIFETIME = Requests.MAX_LIFETIME;
    /// @notice As the real hub's.
    uint256 public constant MAX_CALLBACK_GAS = Requests.MAX_CALLBACK_GAS;

    mapping(uint256 modelId => Model) private _models;
    mapping(uint256 id => Record) private _records;

    /// @notice Makes `modelId` known with `schema` and least fee `fee`.
    function setModel(uint256 modelId, Schema calldata schema, uint96 fee) external {
        bytes memory data = SchemaData.encode(schema, SchemaData.validate(schema));
        _models[modelId] = Model({data: DataContract.store(data), fee: fee});
    }

    /// @notice Answers request `id` of a model with one output; see `answer`.
    function answer(uint256 id, uint64 output) external {
        uint64[] memory outputs = new uint64[](1);
        outputs[0] = output;
        answer(id, outputs);
    }

    /// @notice Answers as the real hub does: a failed callback is recorded, not passed on.
    function answerIsolated(uint256 id, uint64[] calldata outputs) external returns (bool ok) {
        _answer(id, packOutput(_records[id].request.modelId, 0, outputs));
        return _tryDeliver(id);
    }

    /// @notice Answers with a status other than OK and outputs zero: the model refused, as it does
    /// with `Statuses.OUT_OF_DOMAIN` where private inputs lie outside its box.
    function refuse(uint256 id, uint64 status) external {
        uint256 modelId = _records[id].request.modelId;
        uint256 count = SchemaData.readHeader(_model(modelId).data, 0).outputs;
        _answer(id, packOutput(modelId, status, new uint64[](count)));
        _deliver(id);
    }

    /// @notice Closes request `id` unanswered and sends what was paid to its `refundTo`.
    function close(uint256 id, State state) external {
        Record storage record = _open(id);
        record.state = state;
        uint256 paid = record.request.fee;
        emit Closed(id, state, paid);
        // solhint-disable-next-line avoid-low-level-calls
        (bool sent,) = record.request.refundTo.call{value: paid}("");
        if (!sent) revert NotInMock("the refund was not accepted");
    }

    /// @inheritdoc IInferenceHub
    function requestInference(
        uint256 modelId,
        int32[] calldata input,
        RequestOptions calldata options
    ) external payable returns (uint256 id) {
        address data = _admit(modelId, options);
        bytes memory words = abi.encodePacked(SchemaData.pack(data, 0, input));
        Request memory request = Requests.onWords(modelId, nonceOf[msg.sender]++, options, words);
        return _record(request, words);
    }

    /// @inheritdoc IInferenceHub
    /// @dev Whether anybody knows values behind `commitment` does not matter here: the test says
    /// with `answer` or `refuse` what came of them.
    function requestPrivateInference(
        uint256 modelId,
        bytes32 commitment,
        address subject,
        RequestOptions calldata options
    ) external payable returns (uint256 id) {
        address data = _admit(modelId, options);
        if (SchemaData.readHeader(data, 0).inputMode != InputModes.COMMITMENT) {
            revert PublicInputs(modelId);
        }
        uint64 nonce = nonceOf[msg.sender]++;
        return _record(Requests.onCommitment(modelId, nonce, options, commitment, subject), "");
    }

    /// @inheritdoc IInferenceHub
    function deliver(Request calldata request, bytes calldata) external {
        uint256 id = requestIdOf(request);
        Delivery delivery = _records[id].delivery;
        if (delivery != Delivery.Pending && delivery != Delivery.Failed) {
            revert NothingToDeliver(id, delivery);
        }
        _tryDeliver(id);
    }

    /// @inheritdoc IInferenceHub
    function cancel(Request calldata request) external {
        uint256 id = requestIdOf(request);
        if (msg.sender != request.consumer) revert NotConsumer(id, msg.sender);
        _open(id).cancelAt = uint64(block.timestamp);
        emit CancelRequested(id, block.timestamp);
    }

    /// @inheritdoc IInferenceHub
    function fulfill(Request calldata, bytes calldata, address, bytes calldata, bytes calldata)
        external
        pure
    {
        revert NotInMock("use answer");
    }

    /// @inheritdoc IInferenceHub
    function expire(Request calldata) external pure {
        revert NotInMock("use close");
    }

    /// @inheritdoc IInferenceHub
    function finalizeCancel(Request calldata) external pure {
        revert NotInMock("use close");
    }

    /// @inheritdoc IInferenceHub
    function refundStopped(Request calldata) external pure {
        revert NotInMock("use close");
    }

    /// @inheritdoc IInferenceHub
    function topUp(uint256) external payable {
        revert NotInMock("fees are not paid out");
    }

    /// @notice The request of an id, as consumers cannot read it from events.
    function requestOf(uint256 id) external view returns (Request memory) {
        return _records[id].request;
    }

    /// @notice As `IModelRegistry.schemaOf`.
    function schemaOf(uint256 modelId) external view returns (Schema memory) {
        return SchemaData.read(_model(modelId).data, 0);
    }

    /// @notice As `IModelRegistry.packInput`.
    function packInput(uint256 modelId, int32[] calldata input)
        external
        view
        returns (uint256[] memory)
    {
        return SchemaData.pack(_model(modelId).data, 0, input);
    }

    /// @notice As `IModelRegistry.decodeOutput`.
    function decodeOutput(uint256 modelId, bytes calldata output)
        external
        view
        returns (uint256 status, int256[] memory values)
    {
        return SchemaData.decodeOutput(_model(modelId).data, 0, output);
    }

    /// @inheritdoc IInferenceHub
    function quote(uint256 modelId, uint32) external view returns (uint256) {
        return _model(modelId).fee;
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
        if (record.state == State.Verified) outputHash = keccak256(record.output);
        return (record.state, record.delivery, outputHash, record.settledAt, record.payee);
    }

    /// @inheritdoc IInferenceHub
    function cancelEffectiveAt(uint256 id) external view returns (uint64) {
        return _records[id].cancelAt;
    }

    /// @inheritdoc IInferenceHub
    function registry() external view returns (IModelRegistry) {
        return IModelRegistry(address(this));
    }

    /// @inheritdoc IInferenceHub
    /// @dev Fees are not paid out here, so nobody has a share.
    function ownerShareOf(uint256) external pure returns (uint16) {
        return 0;
    }

    /// @inheritdoc IInferenceHub
    function escrow() external pure returns (IEscrow) {
        revert NotInMock("no escrow");
    }

    /// @inheritdoc IInferenceHub
    function router() external pure returns (IVerifierRouter) {
        revert NotInMock("no router");
    }

    /// @inheritdoc IInferenceHub
    function tagOf(uint256 id, address payee) external pure returns (bytes32) {
        return Statement.tag(id, payee);
    }

    /// @inheritdoc IInferenceHub
    function instancesOf(
        Request calldata request,
        address payee,
        bytes calldata input,
        bytes calldata output
    ) external view returns (uint256[] memory) {
        bytes32 tag = Statement.tag(requestIdOf(request), payee);
        if (
            SchemaData.readHeader(_model(request.modelId).data, 0).inputMode
                == InputModes.COMMITMENT
        ) {
            return Statement.instances(tag, 0, request.inputDigest, output);
        }
        return Statement.instances(tag, 0, input, output);
    }

    /// @inheritdoc IInferenceHub
    function requestIdOf(Request calldata request) public view returns (uint256) {
        return Statement.requestId(address(this), request);
    }

    /// @notice Answers request `id` with raw outputs and runs its callback, whose revert is passed
    /// on.
    function answer(uint256 id, uint64[] memory outputs) public {
        _answer(id, packOutput(_records[id].request.modelId, 0, outputs));
        _deliver(id);
    }

    /// @notice Output words of `status` and raw outputs.
    function packOutput(uint256 modelId, uint256 status, uint64[] memory outputs)
        public
        view
        returns (bytes memory output)
    {
        SchemaData.Header memory header = SchemaData.readHeader(_model(modelId).data, 0);
        if (outputs.length != header.outputs) {
            revert WrongOutputCount(header.outputs, outputs.length);
        }
        uint256[] memory words = new uint256[](header.outputWords);
        uint256 bits = SchemaData.outputSlotBits(header);
        uint256 perWord = SchemaData.WORD_BITS / bits;
        if (status >> bits != 0) revert TooWide(0, status);
        words[0] = status;
        for (uint256 slot = 1; slot <= outputs.length; ++slot) {
            if (outputs[slot - 1] >> bits != 0) revert TooWide(slot, outputs[slot - 1]);
            words[slot / perWord] |= uint256(outputs[slot - 1]) << (slot % perWord * bits);
        }
        return abi.encodePacked(words);
    }

    function _record(Request memory request, bytes memory words) private returns (uint256 id) {
        id = Statement.requestId(address(this), request);
        _records[id].state = State.Open;
        _records[id].request = request;
        emit InferenceRequested(id, request.modelId, msg.sender, request, words);
    }

    function _answer(uint256 id, bytes memory output) private {
        Record storage record = _open(id);
        record.state = State.Verified;
        record.settledAt = uint64(block.timestamp);
        record.payee = msg.sender;
        record.output = output;
        if (record.request.callbackGas != 0) record.delivery = Delivery.Pending;
        emit Verified(id, msg.sender, _status(record), output);
    }

    function _deliver(uint256 id) private {
        (bool ok, bytes memory reason) = _callBack(id);
        if (!ok) _bubble(reason);
        if (_records[id].request.callbackGas != 0) _records[id].delivery = Delivery.Done;
    }

    function _tryDeliver(uint256 id) private returns (bool ok) {
        uint256 before = gasleft();
        bytes memory reason;
        (ok, reason) = _callBack(id);
        _records[id].delivery = ok ? Delivery.Done : Delivery.Failed;
        emit CallbackResult(id, ok, before - gasleft(), bytes4(reason));
    }

    function _callBack(uint256 id) private returns (bool, bytes memory) {
        Record storage record = _records[id];
        Request memory request = record.request;
        if (request.callbackGas == 0) return (true, "");
        // solhint-disable-next-line avoid-low-level-calls
        return request.consumer.call{gas: request.callbackGas}(
            abi.encodeCall(
                IInferenceConsumer.onInference,
                (id, request.modelId, _status(record), record.output, request.userData)
            )
        );
    }

    function _status(Record storage record) private view returns (uint256) {
        address data = _model(record.request.modelId).data;
        uint256 bits = SchemaData.outputSlotBits(SchemaData.readHeader(data, 0));
        return uint256(bytes32(record.output)) & ((1 << bits) - 1);
    }

    /// @dev The checks of the real hub on everything but the input; returns the model's schema.
    function _admit(uint256 modelId, RequestOptions calldata options)
        private
        view
        returns (address data)
    {
        Model storage model = _model(modelId);
        Requests.check(model.fee, options);
        return model.data;
    }

    function _open(uint256 id) private view returns (Record storage record) {
        record = _records[id];
        if (record.state == State.None) revert UnknownRequest(id);
        if (record.state != State.Open) revert NotOpen(id, record.state);
    }

    function _model(uint256 modelId) private view returns (Model storage model) {
        model = _models[modelId];
        if (model.data == address(0)) revert UnknownModel(modelId);
    }

    function _bubble(bytes memory reason) private pure {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            revert(add(reason, 0x20), mload(reason))
        }
    }
}
