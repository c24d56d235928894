// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {InferenceHub} from "../../contracts/InferenceHub.sol";
import {VerifierRouter} from "../../contracts/VerifierRouter.sol";
import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {IVerifierRouter} from "../../contracts/interfaces/IVerifierRouter.sol";
import {
    Delivery,
    InputModes,
    ModelPolicy,
    Modes,
    Request,
    RequestOptions,
    State
} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {RecordingConsumer} from "../mocks/Consumers.sol";

/// @dev requestInference, topUp, quote, ids and tags.
contract HubRequestTest is HaloracleTest {
    RecordingConsumer internal consumer;

    function setUp() public override {
        super.setUp();
        consumer = new RecordingConsumer(hub);
    }

    function test_constructor_revertsIfRouterIsNotTheRegistrys() public {
        VerifierRouter other = new VerifierRouter(admin, guardian);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.RouterMismatch.selector, router, other)
        );
        new InferenceHub(registry, other, new address[](0));
    }

    function test_requestInference_logsAllThatAnOperatorNeeds() public {
        Asked memory asked = ask(consumer, FEE + 5, options(CALLBACK_GAS));
        bytes memory words = abi.encodePacked(registry.packInput(modelId, rawInput(30)));
        Request memory expected = Request({
            modelId: modelId,
            consumer: address(consumer),
            subject: address(0),
            refundTo: refundee,
            nonce: 0,
            deadline: uint64(block.timestamp + 1 hours),
            fee: FEE + 5,
            callbackGas: CALLBACK_GAS,
            modes: Modes.SINGLE | Modes.BATCH,
            inputMode: InputModes.PUBLIC_WORDS,
            inputDigest: keccak256(words),
            userData: USER_DATA
        });
        assertEq(abi.encode(asked.request), abi.encode(expected));
        assertEq(asked.input, words);
        assertEq(
            asked.id,
            uint256(
                keccak256(
                    abi.encode(
                        keccak256("haloracle.request.v1"), block.chainid, address(hub), expected
                    )
                )
            )
        );
        assertEq(asked.id, hub.requestIdOf(expected));
        assertEq(escrow.heldFor(asked.id), FEE + 5);
        assertEq(address(escrow).balance, FEE + 5);
        _assertState(asked.id, State.Open);
    }

    function test_requestInference_refundsToTheCallerIfNobodyElse() public {
        RequestOptions memory chosen = options(0);
        chosen.refundTo = address(0);
        assertEq(ask(consumer, FEE, chosen).request.refundTo, address(consumer));
    }

    function test_requestInference_givesEveryRequestItsOwnId() public {
        Asked memory first = ask(consumer);
        Asked memory second = ask(consumer);
        assertEq(second.request.nonce, 1);
        assertEq(hub.nonceOf(address(consumer)), 2);
        assertNotEq(first.id, second.id);
    }

    function test_requestInference_revertsIfFeeTooLow() public {
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.FeeTooLow.selector, FEE, FEE - 1));
        consumer.ask{value: FEE - 1}(modelId, rawInput(30), options(0));
    }

    function test_requestInference_revertsIfFeeTooHigh() public {
        uint256 sent = uint256(type(uint96).max) + 1;
        vm.deal(address(this), sent);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.FeeTooHigh.selector, sent));
        consumer.ask{value: sent}(modelId, rawInput(30), options(0));
    }

    function test_requestInference_revertsIfDeadlineNotInTheFuture() public {
        RequestOptions memory chosen = options(0);
        chosen.deadline = uint64(block.timestamp);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.BadDeadline.selector, block.timestamp));
        consumer.ask{value: FEE}(modelId, rawInput(30), chosen);
    }

    function test_requestInference_revertsIfDeadlineTooFar() public {
        RequestOptions memory chosen = options(0);
        chosen.deadline = uint64(block.timestamp + 30 days);
        consumer.ask{value: FEE}(modelId, rawInput(30), chosen);
        chosen.deadline += 1;
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.BadDeadline.selector, chosen.deadline));
        consumer.ask{value: FEE}(modelId, rawInput(30), chosen);
    }

    /// The last second that a record can hold.
    function test_requestInference_revertsIfDeadlinePast2106() public {
        vm.warp(type(uint32).max - 10);
        RequestOptions memory chosen = options(0);
        chosen.deadline = uint64(1) << 32;
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.BadDeadline.selector, chosen.deadline));
        consumer.ask{value: FEE}(modelId, rawInput(30), chosen);
        chosen.deadline -= 1;
        Asked memory asked = ask(consumer, FEE, chosen);
        vm.warp(chosen.deadline);
        hub.topUp{value: 1}(asked.id);
        fulfill(asked);
        (,,, uint64 settledAt,) = hub.resultOf(asked.id);
        assertEq(settledAt, chosen.deadline);
    }

    function test_requestInference_revertsIfCallbackGasTooHigh() public {
        consumer.ask{value: FEE}(modelId, rawInput(30), options(2_000_000));
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.CallbackGasTooHigh.selector, 2_000_001, 2_000_000)
        );
        consumer.ask{value: FEE}(modelId, rawInput(30), options(2_000_001));
    }

    function test_requestInference_revertsIfModelUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, 5));
        consumer.ask{value: FEE}(5, rawInput(30), options(0));
    }

    function test_requestInference_revertsIfModelClosed() public {
        vm.prank(modelOwner);
        registry.setPolicy(modelId, ModelPolicy({fee: FEE, ownerShareBps: SHARE_BPS, open: false}));
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.ModelClosed.selector, modelId));
        consumer.ask{value: FEE}(modelId, rawInput(30), options(0));
    }

    function test_requestInference_revertsIfRouteStopped() public {
        vm.prank(guardian);
        router.stop(route);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteIsStopped.selector, route));
        consumer.ask{value: FEE}(modelId, rawInput(30), options(0));
    }

    function test_requestInference_revertsIfOutOfDomain() public {
        int32[] memory raw = rawInput(30);
        raw[4] = 7_505;
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.OutOfDomain.selector, 4, 7_505, -2_500, 7_504)
        );
        consumer.ask{value: FEE}(modelId, raw, options(0));
        raw[4] = -2_501;
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.OutOfDomain.selector, 4, -2_501, -2_500, 7_504)
        );
        consumer.ask{value: FEE}(modelId, raw, options(0));
    }

    function test_requestInference_revertsIfInputLengthWrong() public {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.WrongInputLength.selector, 30, 29));
        consumer.ask{value: FEE}(modelId, rawInput(29), options(0));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.WrongInputLength.selector, 30, 31));
        consumer.ask{value: FEE}(modelId, rawInput(31), options(0));
    }

    function test_ownerShareOf_isThePolicysWhenAsked() public {
        Asked memory asked = ask(consumer);
        vm.prank(modelOwner);
        registry.setPolicy(modelId, ModelPolicy({fee: FEE, ownerShareBps: 10_000, open: true}));
        assertEq(hub.ownerShareOf(asked.id), SHARE_BPS);
        assertEq(hub.ownerShareOf(ask(consumer).id), 10_000);
        assertEq(hub.ownerShareOf(5), 0);
        fulfill(asked);
        assertEq(hub.ownerShareOf(asked.id), SHARE_BPS);
        assertEq(escrow.balanceOf(payee), FEE - uint256(FEE) * SHARE_BPS / 10_000);
    }

    function test_quote_isThePolicysFee() public view {
        assertEq(hub.quote(modelId, CALLBACK_GAS), FEE);
    }

    function test_topUp_addsToTheFee() public {
        Asked memory asked = ask(consumer);
        vm.expectEmit();
        emit IInferenceHub.FeeIncreased(asked.id, 3, FEE + 3);
        vm.expectEmit();
        emit IEscrow.Deposited(asked.id, 3);
        hub.topUp{value: 3}(asked.id);
        assertEq(escrow.heldFor(asked.id), FEE + 3);

        fulfill(asked);
        assertEq(escrow.balanceOf(modelOwner) + escrow.balanceOf(payee), FEE + 3);
    }

    function test_topUp_revertsIfNothingSent() public {
        Asked memory asked = ask(consumer);
        vm.expectRevert(IInferenceHub.NothingSent.selector);
        hub.topUp(asked.id);
    }

    function test_topUp_revertsIfUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.UnknownRequest.selector, 5));
        hub.topUp{value: 1}(5);
    }

    function test_topUp_revertsIfSettled() public {
        Asked memory asked = ask(consumer);
        fulfill(asked);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.NotOpen.selector, asked.id, State.Verified)
        );
        hub.topUp{value: 1}(asked.id);
    }

    function test_topUp_revertsIfPastTheDeadline() public {
        Asked memory asked = ask(consumer);
        vm.warp(asked.request.deadline);
        hub.topUp{value: 1}(asked.id);
        skip(1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceHub.DeadlinePassed.selector, asked.id, asked.request.deadline
            )
        );
        hub.topUp{value: 1}(asked.id);
        assertEq(escrow.heldFor(asked.id), FEE + 1);
    }

    /// Nobody loses it: the request can be refunded at once.
    function test_topUp_comesBackIfRouteStopped() public {
        Asked memory asked = ask(consumer);
        vm.prank(guardian);
        router.stop(route);
        hub.topUp{value: 1}(asked.id);
        hub.refundStopped(asked.request);
        assertEq(escrow.balanceOf(refundee), FEE + 1);
    }

    function test_topUp_revertsIfCancellationTookEffect() public {
        Asked memory asked = ask(consumer);
        consumer.cancel(asked.request);
        hub.topUp{value: 1}(asked.id);
        skip(60);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.NotOpen.selector, asked.id, State.Cancelled)
        );
        hub.topUp{value: 1}(asked.id);
    }

    function test_tagOf_bindsIdAndPayee() public view {
        assertEq(
            hub.tagOf(7, payee),
            keccak256(abi.encode(keccak256("haloracle.statement.v1"), uint256(7), payee))
        );
    }

    function test_instancesOf_areTagHalvesInputOutput() public {
        modelId = register(schemaOf(30, 40));
        Request memory request;
        request.modelId = modelId;
        request.inputDigest = keccak256(abi.encode(11, 12, 13));
        bytes32 tag = hub.tagOf(hub.requestIdOf(request), payee);
        uint256[] memory instances =
            hub.instancesOf(request, payee, abi.encode(11, 12, 13), abi.encode(14, 15));
        uint256[] memory expected = new uint256[](7);
        expected[0] = uint256(tag) >> 128;
        expected[1] = uint256(tag) & type(uint128).max;
        (expected[2], expected[3], expected[4]) = (11, 12, 13);
        (expected[5], expected[6]) = (14, 15);
        assertEq(instances, expected);
    }

    function test_instancesOf_revertsLikeFulfill() public {
        Asked memory asked = ask(consumer);
        assertEq(
            hub.instancesOf(asked.request, payee, asked.input, outputOf(0, 1)),
            statementOf(asked, payee, outputOf(0, 1))
        );
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InputMismatch.selector, asked.id));
        hub.instancesOf(asked.request, payee, "", outputOf(0, 1));
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.OutputMalformed.selector, asked.id));
        hub.instancesOf(asked.request, payee, asked.input, "");
        asked.request.modelId = 5;
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, 5));
        hub.instancesOf(asked.request, payee, asked.input, outputOf(0, 1));
    }

    function test_resultOf_isEmptyIfUnknown() public view {
        _assertState(5, State.None);
    }

    function _assertState(uint256 id, State expected) private view {
        (State state, Delivery delivery, bytes32 outputHash, uint64 settledAt, address paid) =
            hub.resultOf(id);
        assertEq(uint8(state), uint8(expected));
        assertEq(uint8(delivery), uint8(Delivery.None));
        assertEq(outputHash, 0);
        assertEq(settledAt, 0);
        assertEq(paid, address(0));
    }
}
