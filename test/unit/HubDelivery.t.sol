// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Vm} from "forge-std/Vm.sol";

import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {ExactCall} from "../../contracts/libraries/ExactCall.sol";
import {Delivery, ModelPolicy, State} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {
    BombConsumer,
    BurningConsumer,
    HungryConsumer,
    RecordingConsumer,
    ReentrantConsumer,
    RevertingConsumer,
    TestConsumer
} from "../mocks/Consumers.sol";

/// @dev The callback: isolated, with exact gas, and deliverable again. Consumers are hostile.
contract HubDeliveryTest is HaloracleTest {
    bytes internal output;

    function setUp() public override {
        super.setUp();
        output = outputOf(0, 200);
    }

    function test_fulfill_givesTheCallbackExactlyItsGas() public {
        RecordingConsumer consumer = new RecordingConsumer(hub);
        Asked memory asked = ask(consumer);
        fulfill(asked);
        // Entering a function costs some gas: dispatch and argument checks.
        assertLe(consumer.gasAtEntry(), CALLBACK_GAS);
        assertGe(consumer.gasAtEntry(), CALLBACK_GAS - 1_500);
    }

    /// EIP-150 silently gives a callee less than asked for: then the whole call must revert.
    function test_fulfill_neverStarvesTheCallback() public {
        _assertNeverStarved(CALLBACK_GAS);
    }

    /// There a 64th of the gas is more than all that is kept back.
    function test_fulfill_neverStarvesTheLargestCallback() public {
        _assertNeverStarved(uint32(hub.MAX_CALLBACK_GAS()));
    }

    /// Results were verified before; what a stopped route means to them is the consumer's choice.
    function test_deliver_worksIfRouteStopped() public {
        RevertingConsumer consumer = new RevertingConsumer(hub);
        Asked memory asked = ask(consumer);
        fulfill(asked);
        consumer.setWilling(true);
        vm.prank(guardian);
        router.stop(route);
        hub.deliver(asked.request, output);
        assertEq(consumer.calls(), 1);
    }

    function test_deliver_neverStarvesTheCallback() public {
        RevertingConsumer consumer = new RevertingConsumer(hub);
        Asked memory asked = ask(consumer);
        fulfill(asked);
        bytes memory call = abi.encodeCall(hub.deliver, (asked.request, output));
        consumer.setWilling(true);
        bool delivered;
        for (uint256 gas = 30_000; gas < CALLBACK_GAS + 100_000; gas += 1_500) {
            uint256 snapshot = vm.snapshotState();
            (bool ok,) = address(hub).call{gas: gas}(call);
            (, Delivery delivery,,,) = hub.resultOf(asked.id);
            assertEq(uint8(delivery), uint8(ok ? Delivery.Done : Delivery.Failed));
            if (ok) {
                assertEq(consumer.calls(), 1);
                delivered = true;
            }
            vm.revertToState(snapshot);
        }
        assertTrue(delivered);
    }

    function test_fulfill_settlesIfTheCallbackReverts() public {
        RevertingConsumer consumer = new RevertingConsumer(hub);
        Asked memory asked = ask(consumer);
        vm.expectEmit(true, false, false, false);
        emit IInferenceHub.CallbackResult(asked.id, false, 0, RevertingConsumer.NotToday.selector);
        fulfill(asked);
        _assertSettledButFailed(asked);
    }

    function test_fulfill_reportsTheReason() public {
        RevertingConsumer consumer = new RevertingConsumer(hub);
        Asked memory asked = ask(consumer);
        vm.recordLogs();
        fulfill(asked);
        (bool ok, uint256 gasUsed, bytes4 reason) = _callbackResult();
        assertFalse(ok);
        assertGt(gasUsed, 0);
        assertLt(gasUsed, 10_000);
        assertEq(reason, RevertingConsumer.NotToday.selector);
    }

    function test_fulfill_settlesIfTheCallbackBurnsItsGas() public {
        BurningConsumer consumer = new BurningConsumer(hub);
        Asked memory asked = ask(consumer);
        vm.recordLogs();
        fulfill(asked);
        (bool ok, uint256 gasUsed, bytes4 reason) = _callbackResult();
        assertFalse(ok);
        assertEq(reason, bytes4(0));
        assertGe(gasUsed, CALLBACK_GAS);
        assertLe(gasUsed, CALLBACK_GAS + 1_000);
        _assertSettledButFailed(asked);
    }

    /// 200 kB cost the callee 95 k gas of memory; a caller that copied them would pay it again.
    function test_fulfill_copiesNoReturnBomb() public {
        // The first settlement pays for balances that later ones find in use.
        _gasOfFulfill(new BombConsumer(hub, true, 0));
        for (uint256 i = 0; i < 2; ++i) {
            bool reverts = i == 0;
            uint256 plain = _gasOfFulfill(new BombConsumer(hub, reverts, 0));
            uint256 bombed = _gasOfFulfill(new BombConsumer(hub, reverts, 200_000));
            assertGt(bombed, plain + 90_000);
            assertLt(bombed, plain + 100_000);
        }
    }

    function test_fulfill_truncatesAShortReason() public {
        Asked memory asked = ask(new BombConsumer(hub, true, 2));
        vm.recordLogs();
        fulfill(asked);
        (bool ok,, bytes4 reason) = _callbackResult();
        assertFalse(ok);
        assertEq(reason, bytes4(0));
        _assertSettledButFailed(asked);
    }

    function test_fulfill_failsDeliveryIfConsumerHasNoCode() public {
        vm.deal(address(0xE0A), FEE);
        vm.recordLogs();
        vm.prank(address(0xE0A));
        hub.requestInference{value: FEE}(modelId, rawInput(30), options(CALLBACK_GAS));
        Asked memory asked = readRequest();
        fulfill(asked);
        _assertSettledButFailed(asked);
    }

    function test_deliver_worksOnceTheConsumerIsWilling() public {
        RevertingConsumer consumer = new RevertingConsumer(hub);
        Asked memory asked = ask(consumer);
        fulfill(asked);
        vm.startPrank(makeAddr("anyone"));
        hub.deliver(asked.request, output);
        _assertSettledButFailed(asked);

        consumer.setWilling(true);
        hub.deliver(asked.request, output);
        (, Delivery delivery,,,) = hub.resultOf(asked.id);
        assertEq(uint8(delivery), uint8(Delivery.Done));
        assertEq(consumer.calls(), 1);

        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.NothingToDeliver.selector, asked.id, Delivery.Done)
        );
        hub.deliver(asked.request, output);
    }

    function test_deliver_passesOnTheVerifiedResult() public {
        RecordingConsumer consumer = new RecordingConsumer(hub);
        Asked memory asked = ask(consumer);
        bytes memory code = address(consumer).code;
        vm.etch(address(consumer), hex"fe");
        output = outputOf(5, 9);
        fulfill(asked, output);
        vm.etch(address(consumer), code);
        hub.deliver(asked.request, output);
        assertEq(consumer.calls(), 1);
        assertEq(consumer.lastStatus(), 5);
        assertEq(consumer.lastOutput(), output);
    }

    function test_deliver_revertsIfOutputIsNotTheVerifiedOne() public {
        RevertingConsumer consumer = new RevertingConsumer(hub);
        Asked memory asked = ask(consumer);
        fulfill(asked);
        consumer.setWilling(true);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.OutputMalformed.selector, asked.id));
        hub.deliver(asked.request, outputOf(0, 201));
    }

    function test_deliver_revertsIfNothingIsVerified() public {
        RecordingConsumer consumer = new RecordingConsumer(hub);
        Asked memory asked = ask(consumer);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.NothingToDeliver.selector, asked.id, Delivery.None)
        );
        hub.deliver(asked.request, output);
    }

    // Reentrancy

    function test_fulfill_cannotBeReenteredToFulfill() public {
        (ReentrantConsumer consumer, Asked memory asked, Asked memory other) = _reentrant();
        bytes memory proof = proofOf(other, payee, output);
        consumer.arm(
            abi.encodeCall(hub.fulfill, (other.request, other.input, payee, output, proof))
        );
        fulfill(asked);
        _assertBlocked(consumer);
        (State state,,,,) = hub.resultOf(other.id);
        assertEq(uint8(state), uint8(State.Open));
    }

    function test_fulfill_cannotBeReenteredToDeliver() public {
        RevertingConsumer stubborn = new RevertingConsumer(hub);
        Asked memory failed = ask(stubborn);
        fulfill(failed);
        stubborn.setWilling(true);
        (ReentrantConsumer consumer, Asked memory asked,) = _reentrant();
        consumer.arm(abi.encodeCall(hub.deliver, (failed.request, output)));
        fulfill(asked);
        _assertBlocked(consumer);
        assertEq(stubborn.calls(), 0);
    }

    /// Settled before the callback: no refund for a request that has just been paid.
    function test_fulfill_cannotBeReenteredForARefund() public {
        (ReentrantConsumer consumer, Asked memory asked,) = _reentrant();
        consumer.arm(abi.encodeCall(hub.cancel, (asked.request)));
        fulfill(asked);
        assertTrue(consumer.entered());
        assertFalse(consumer.succeeded());
        assertEq(
            consumer.result(),
            abi.encodeWithSelector(IInferenceHub.NotOpen.selector, asked.id, State.Verified)
        );
    }

    /// Asking for more from within a callback is legitimate.
    function test_fulfill_letsTheCallbackAsk() public {
        (ReentrantConsumer consumer, Asked memory asked,) = _reentrant();
        vm.prank(modelOwner);
        registry.setPolicy(modelId, ModelPolicy({fee: 0, ownerShareBps: 0, open: true}));
        consumer.arm(abi.encodeCall(hub.requestInference, (modelId, rawInput(30), options(0))));
        fulfill(asked);
        assertTrue(consumer.succeeded());
        assertEq(hub.nonceOf(address(consumer)), 3);
    }

    function _reentrant()
        private
        returns (ReentrantConsumer consumer, Asked memory asked, Asked memory other)
    {
        consumer = new ReentrantConsumer(hub);
        (asked, other) = (ask(consumer), ask(consumer));
    }

    function _assertNeverStarved(uint32 callbackGas) private {
        HungryConsumer consumer = new HungryConsumer(hub, callbackGas);
        Asked memory asked = ask(consumer, FEE, options(callbackGas));
        bytes memory proof = proofOf(asked, payee, output);
        bytes memory call =
            abi.encodeCall(hub.fulfill, (asked.request, asked.input, payee, output, proof));
        bytes memory starved = abi.encodeWithSelector(
            IInferenceHub.InsufficientCallbackGas.selector,
            asked.id,
            ExactCall.requiredGas(callbackGas)
        );
        uint256 refused;
        uint256 delivered;
        for (uint256 gas = callbackGas - 20_000; gas < callbackGas + 320_000; gas += 750) {
            uint256 snapshot = vm.snapshotState();
            (bool ok, bytes memory result) = address(hub).call{gas: gas}(call);
            if (ok) {
                (, Delivery delivery,,,) = hub.resultOf(asked.id);
                assertEq(uint8(delivery), uint8(Delivery.Done), "starved into failure");
                ++delivered;
            } else {
                assertEq(delivered, 0, "more gas, less success");
                if (keccak256(result) == keccak256(starved)) ++refused;
            }
            vm.revertToState(snapshot);
        }
        assertGt(refused, 0);
        assertGt(delivered, 0);
    }

    function _assertBlocked(ReentrantConsumer consumer) private view {
        assertTrue(consumer.entered());
        assertFalse(consumer.succeeded());
        assertEq(
            consumer.result(),
            abi.encodeWithSelector(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
    }

    function _assertSettledButFailed(Asked memory asked) private view {
        (State state, Delivery delivery,,, address paid) = hub.resultOf(asked.id);
        assertEq(uint8(state), uint8(State.Verified));
        assertEq(uint8(delivery), uint8(Delivery.Failed));
        assertEq(paid, payee);
        assertEq(escrow.balanceOf(payee), FEE - FEE / 10);
        assertEq(escrow.balanceOf(modelOwner), FEE / 10);
    }

    function _callbackResult() private returns (bool ok, uint256 gasUsed, bytes4 reason) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == IInferenceHub.CallbackResult.selector) {
                return abi.decode(logs[i].data, (bool, uint256, bytes4));
            }
        }
        revert("no callback was logged");
    }

    function _gasOfFulfill(TestConsumer consumer) private returns (uint256) {
        Asked memory asked = ask(consumer);
        bytes memory proof = proofOf(asked, payee, output);
        uint256 before = gasleft();
        hub.fulfill(asked.request, asked.input, payee, output, proof);
        return before - gasleft();
    }
}
