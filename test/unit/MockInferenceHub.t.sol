// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {MockInferenceHub} from "../../contracts/mocks/MockInferenceHub.sol";
import {
    Delivery,
    InputModes,
    Request,
    RequestOptions,
    Schema,
    State
} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {RecordingConsumer, RevertingConsumer, TestConsumer} from "../mocks/Consumers.sol";

/// @dev What a dApp's tests rely on: same requests, ids, words and callbacks as the real hub.
contract MockInferenceHubTest is HaloracleTest {
    MockInferenceHub internal mock;

    function setUp() public override {
        super.setUp();
        mock = new MockInferenceHub();
        mock.setModel(modelId, schemaOf(30, 40), FEE);
    }

    function _ask(TestConsumer consumer, uint32 callbackGas) private returns (uint256) {
        return consumer.ask{value: FEE}(modelId, rawInput(30), options(callbackGas));
    }

    function test_requestInference_logsLikeTheRealHub() public {
        RecordingConsumer consumer = new RecordingConsumer(mock);
        vm.recordLogs();
        uint256 id = _ask(consumer, CALLBACK_GAS);
        Asked memory faked = readRequest();
        Asked memory real = ask(new RecordingConsumer(hub));
        assertEq(faked.id, id);
        assertEq(faked.id, mock.requestIdOf(faked.request));
        assertEq(faked.input, real.input);
        real.request.consumer = address(consumer);
        assertEq(abi.encode(faked.request), abi.encode(real.request));
        assertEq(abi.encode(mock.requestOf(id)), abi.encode(real.request));
    }

    /// The same request of private inputs, and the same refusals, in the same words.
    function test_requestPrivateInference_isLikeTheRealHub() public {
        uint256 hiddenModel = register(_hiddenSchema());
        mock.setModel(hiddenModel, _hiddenSchema(), FEE);
        RecordingConsumer consumer = new RecordingConsumer(mock);
        RecordingConsumer other = new RecordingConsumer(hub);
        bytes32 commitment = bytes32(uint256(0xBEEF));
        Asked memory faked = askPrivately(consumer, hiddenModel, commitment, payee);
        Asked memory real = askPrivately(other, hiddenModel, commitment, payee);
        assertEq(faked.id, mock.requestIdOf(faked.request));
        assertEq(faked.input, "");
        real.request.consumer = address(consumer);
        assertEq(abi.encode(faked.request), abi.encode(real.request));
        assertEq(abi.encode(mock.requestOf(faked.id)), abi.encode(real.request));

        bytes memory refusal = abi.encodeWithSelector(IModelRegistry.PrivateInputs.selector);
        TestConsumer[2] memory both = [TestConsumer(consumer), other];
        for (uint256 i = 0; i < 2; ++i) {
            vm.expectRevert(refusal);
            both[i].ask{value: FEE}(hiddenModel, rawInput(30), options(0));
            vm.expectRevert(abi.encodeWithSelector(IInferenceHub.PublicInputs.selector, modelId));
            both[i].askPrivately{value: FEE}(modelId, commitment, payee, options(0));
            vm.expectRevert(abi.encodeWithSelector(IInferenceHub.BadCommitment.selector, 0));
            both[i].askPrivately{value: FEE}(hiddenModel, 0, payee, options(0));
            vm.expectRevert(IInferenceHub.ZeroSubject.selector);
            both[i].askPrivately{value: FEE}(hiddenModel, commitment, address(0), options(0));
            vm.expectRevert(abi.encodeWithSelector(IInferenceHub.FeeTooLow.selector, FEE, 0));
            both[i].askPrivately(hiddenModel, commitment, payee, options(0));
        }
    }

    function test_answer_answersPrivateRequests() public {
        mock.setModel(8, _hiddenSchema(), FEE);
        RecordingConsumer consumer = new RecordingConsumer(mock);
        uint256 id = askPrivately(consumer, 8, bytes32(uint256(1)), payee).id;
        mock.answer(id, 200);
        assertEq(consumer.lastOutput(), outputOf(0, 200));
        id = askPrivately(consumer, 8, bytes32(uint256(1)), payee).id;
        mock.refuse(id, 1);
        assertEq(consumer.lastStatus(), 1);
        assertEq(consumer.lastOutput(), outputOf(1, 0));
        (, int256[] memory values) = mock.decodeOutput(8, outputOf(1, 0));
        assertEq(values.length, 0);
    }

    function test_instancesOf_areTheRealHubs() public {
        uint256 hiddenModel = register(_hiddenSchema());
        mock.setModel(hiddenModel, _hiddenSchema(), FEE);
        Asked memory asked =
            askPrivately(new RecordingConsumer(mock), hiddenModel, bytes32(uint256(5)), payee);
        assertEq(
            mock.instancesOf(asked.request, payee, "", outputOf(0, 1)),
            statementOf(asked, payee, outputOf(0, 1))
        );
        vm.recordLogs();
        uint256 id = _ask(new RecordingConsumer(mock), 0);
        asked = readRequest();
        assertEq(asked.id, id);
        assertEq(
            mock.instancesOf(asked.request, payee, asked.input, outputOf(0, 1)),
            statementOf(asked, payee, outputOf(0, 1))
        );
    }

    /// Values of several digits, in slots as wide as the widest.
    function test_answer_packsWideOutputs() public {
        Schema memory schema = schemaOf(30, 9);
        schema.outputDigits = 3;
        mock.setModel(8, schema, FEE);
        RecordingConsumer consumer = new RecordingConsumer(mock);
        uint256 id = consumer.ask{value: FEE}(8, rawInput(30), options(CALLBACK_GAS));
        uint64[] memory outputs = new uint64[](9);
        outputs[0] = 1 << 24;
        vm.expectRevert(abi.encodeWithSelector(MockInferenceHub.TooWide.selector, 1, 1 << 24));
        mock.answer(id, outputs);
        (outputs[0], outputs[8], outputs[9 - 2]) = ((1 << 24) - 1, 1 << 23, 3);
        mock.answer(id, outputs);
        // Ten slots of 24 bits fill a word, so that the status and nine outputs need one.
        assertEq(consumer.lastOutput().length, 32);
        (, int256[] memory values) = mock.decodeOutput(8, consumer.lastOutput());
        assertEq(values[0], int256((1 << 24) - 1) * 4);
        assertEq(values[7], 12);
        assertEq(values[8], int256(1 << 23) * 4);
    }

    function test_requestInference_revertsLikeTheRealHub() public {
        RecordingConsumer consumer = new RecordingConsumer(mock);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.FeeTooLow.selector, FEE, 0));
        consumer.ask(modelId, rawInput(30), options(0));
        vm.expectRevert(abi.encodeWithSelector(MockInferenceHub.UnknownModel.selector, 5));
        consumer.ask{value: FEE}(5, rawInput(30), options(0));
    }

    /// Whatever the real hub refuses, the mock refuses in the same words.
    function test_requestInference_hasTheRealHubsLimits() public {
        RecordingConsumer consumer = new RecordingConsumer(mock);
        RecordingConsumer other = new RecordingConsumer(hub);
        assertEq(mock.MAX_LIFETIME(), hub.MAX_LIFETIME());
        assertEq(mock.MAX_CALLBACK_GAS(), hub.MAX_CALLBACK_GAS());
        RequestOptions memory chosen = options(2_000_001);
        bytes memory refusal =
            abi.encodeWithSelector(IInferenceHub.CallbackGasTooHigh.selector, 2_000_001, 2_000_000);
        _assertBothRefuse(consumer, other, FEE, chosen, refusal);
        chosen = options(2_000_000);
        chosen.deadline = uint64(block.timestamp + 30 days + 1);
        refusal = abi.encodeWithSelector(IInferenceHub.BadDeadline.selector, chosen.deadline);
        _assertBothRefuse(consumer, other, FEE, chosen, refusal);
        chosen.deadline = uint64(block.timestamp);
        refusal = abi.encodeWithSelector(IInferenceHub.BadDeadline.selector, chosen.deadline);
        _assertBothRefuse(consumer, other, FEE, chosen, refusal);
        chosen.deadline = uint64(block.timestamp + 30 days);
        uint256 fee = uint256(type(uint96).max) + 1;
        vm.deal(address(this), 4 * fee);
        refusal = abi.encodeWithSelector(IInferenceHub.FeeTooHigh.selector, fee);
        _assertBothRefuse(consumer, other, fee, chosen, refusal);
        consumer.ask{value: fee - 1}(modelId, rawInput(30), chosen);
        other.ask{value: fee - 1}(modelId, rawInput(30), chosen);
    }

    function test_answer_revertsIfTooWideForItsSlot() public {
        uint256 id = _ask(new RecordingConsumer(mock), CALLBACK_GAS);
        uint64[] memory outputs = new uint64[](40);
        outputs[30] = 256;
        vm.expectRevert(abi.encodeWithSelector(MockInferenceHub.TooWide.selector, 31, 256));
        mock.answer(id, outputs);
        vm.expectRevert(abi.encodeWithSelector(MockInferenceHub.TooWide.selector, 0, 256));
        mock.refuse(id, 256);
        outputs[30] = 255;
        mock.answer(id, outputs);
    }

    function test_ownerShareOf_isNobodys() public {
        assertEq(mock.ownerShareOf(_ask(new RecordingConsumer(mock), CALLBACK_GAS)), 0);
    }

    function test_answer_callsBackWithPackedWords() public {
        RecordingConsumer consumer = new RecordingConsumer(mock);
        uint256 id = _ask(consumer, CALLBACK_GAS);
        uint64[] memory outputs = new uint64[](40);
        (outputs[0], outputs[29], outputs[30], outputs[39]) = (7, 8, 9, 10);
        mock.answer(id, outputs);
        assertEq(consumer.calls(), 1);
        assertEq(consumer.lastStatus(), 0);
        assertEq(consumer.lastUserData(), USER_DATA);
        (uint256 status, int256[] memory values) = mock.decodeOutput(modelId, consumer.lastOutput());
        assertEq(status, 0);
        assertEq(values[0], 28);
        assertEq(values[29], 32);
        assertEq(values[30], 36);
        assertEq(values[39], 40);
        (State state, Delivery delivery, bytes32 outputHash, uint64 settledAt,) = mock.resultOf(id);
        assertEq(uint8(state), uint8(State.Verified));
        assertEq(uint8(delivery), uint8(Delivery.Done));
        assertEq(outputHash, keccak256(consumer.lastOutput()));
        assertEq(settledAt, block.timestamp);
    }

    function test_answer_revertsTwice() public {
        uint256 id = _ask(new RecordingConsumer(mock), CALLBACK_GAS);
        mock.answer(id, new uint64[](40));
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.NotOpen.selector, id, State.Verified));
        mock.answer(id, new uint64[](40));
    }

    function test_answer_revertsIfOutputCountWrong() public {
        uint256 id = _ask(new RecordingConsumer(mock), CALLBACK_GAS);
        vm.expectRevert(abi.encodeWithSelector(MockInferenceHub.WrongOutputCount.selector, 40, 1));
        mock.answer(id, 3);
    }

    function test_answer_passesOnTheCallbacksRevert() public {
        uint256 id = _ask(new RevertingConsumer(mock), CALLBACK_GAS);
        vm.expectRevert(abi.encodeWithSelector(RevertingConsumer.NotToday.selector, 7));
        mock.answer(id, new uint64[](40));
    }

    function test_answerIsolated_recordsTheFailureForDelivery() public {
        RevertingConsumer consumer = new RevertingConsumer(mock);
        uint256 id = _ask(consumer, CALLBACK_GAS);
        assertFalse(mock.answerIsolated(id, new uint64[](40)));
        consumer.setWilling(true);
        mock.deliver(mock.requestOf(id), "");
        assertEq(consumer.calls(), 1);
        (, Delivery delivery,,,) = mock.resultOf(id);
        assertEq(uint8(delivery), uint8(Delivery.Done));
    }

    function test_refuse_reportsTheStatus() public {
        RecordingConsumer consumer = new RecordingConsumer(mock);
        mock.refuse(_ask(consumer, CALLBACK_GAS), 2);
        assertEq(consumer.lastStatus(), 2);
    }

    function test_close_refunds() public {
        uint256 id = _ask(new RecordingConsumer(mock), CALLBACK_GAS);
        mock.close(id, State.Expired);
        assertEq(refundee.balance, FEE);
        (State state,,,,) = mock.resultOf(id);
        assertEq(uint8(state), uint8(State.Expired));
    }

    function test_cancel_isTheConsumers() public {
        RecordingConsumer consumer = new RecordingConsumer(mock);
        uint256 id = _ask(consumer, CALLBACK_GAS);
        Request memory request = mock.requestOf(id);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.NotConsumer.selector, id, address(this))
        );
        mock.cancel(request);
        consumer.cancel(request);
        assertEq(mock.cancelEffectiveAt(id), block.timestamp);
    }

    function test_theRest_isNotInTheMock() public {
        Request memory request;
        vm.expectRevert(abi.encodeWithSelector(MockInferenceHub.NotInMock.selector, "use answer"));
        mock.fulfill(request, "", payee, "", "");
        bytes memory useClose =
            abi.encodeWithSelector(MockInferenceHub.NotInMock.selector, "use close");
        vm.expectRevert(useClose);
        mock.expire(request);
        vm.expectRevert(useClose);
        mock.finalizeCancel(request);
        vm.expectRevert(useClose);
        mock.refundStopped(request);
        vm.expectRevert(
            abi.encodeWithSelector(MockInferenceHub.NotInMock.selector, "fees are not paid out")
        );
        mock.topUp{value: 1}(1);
    }

    function _hiddenSchema() private pure returns (Schema memory schema) {
        schema = schemaOf(30, 1);
        schema.inputMode = InputModes.COMMITMENT;
    }

    function _assertBothRefuse(
        TestConsumer consumer,
        TestConsumer other,
        uint256 fee,
        RequestOptions memory chosen,
        bytes memory refusal
    ) private {
        vm.expectRevert(refusal);
        consumer.ask{value: fee}(modelId, rawInput(30), chosen);
        vm.expectRevert(refusal);
        other.ask{value: fee}(modelId, rawInput(30), chosen);
    }
}
