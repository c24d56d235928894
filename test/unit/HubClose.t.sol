// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {State} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {RecordingConsumer} from "../mocks/Consumers.sol";

/// @dev expire, cancel, finalizeCancel, refundStopped.
contract HubCloseTest is HaloracleTest {
    RecordingConsumer internal consumer;
    Asked internal asked;

    function setUp() public override {
        super.setUp();
        consumer = new RecordingConsumer(hub);
        asked = ask(consumer);
        hub.topUp{value: 5}(asked.id);
    }

    function test_expire_refundsAfterTheDeadline() public {
        vm.warp(asked.request.deadline + 1);
        vm.expectEmit();
        emit IInferenceHub.Closed(asked.id, State.Expired, FEE + 5);
        vm.prank(makeAddr("anyone"));
        hub.expire(asked.request);
        _assertClosed(State.Expired);
    }

    function test_expire_revertsAtTheDeadline() public {
        vm.warp(asked.request.deadline);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceHub.DeadlineNotPassed.selector, asked.id, asked.request.deadline
            )
        );
        hub.expire(asked.request);
    }

    function test_cancel_refundsAfterTheDelay() public {
        vm.expectEmit();
        emit IInferenceHub.CancelRequested(asked.id, block.timestamp + 60);
        consumer.cancel(asked.request);
        assertEq(hub.cancelEffectiveAt(asked.id), block.timestamp + 60);
        (State state,,, uint64 settledAt,) = hub.resultOf(asked.id);
        assertEq(uint8(state), uint8(State.Open));
        assertEq(settledAt, 0);

        skip(59);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceHub.CancelTooEarly.selector, asked.id, block.timestamp + 1
            )
        );
        hub.finalizeCancel(asked.request);

        skip(1);
        vm.expectEmit();
        emit IInferenceHub.Closed(asked.id, State.Cancelled, FEE + 5);
        vm.prank(makeAddr("anyone"));
        hub.finalizeCancel(asked.request);
        _assertClosed(State.Cancelled);
        assertEq(hub.cancelEffectiveAt(asked.id), 0);
    }

    function test_cancel_revertsIfNotConsumer() public {
        vm.prank(refundee);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.NotConsumer.selector, asked.id, refundee)
        );
        hub.cancel(asked.request);
    }

    function test_cancel_revertsIfAnnounced() public {
        consumer.cancel(asked.request);
        uint256 effectiveAt = block.timestamp + 60;
        skip(30);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceHub.CancelAlreadyRequested.selector, asked.id, effectiveAt
            )
        );
        consumer.cancel(asked.request);
    }

    function test_finalizeCancel_revertsIfNotAnnounced() public {
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.CancelNotRequested.selector, asked.id));
        hub.finalizeCancel(asked.request);
    }

    function test_refundStopped_refundsAtOnce() public {
        vm.prank(guardian);
        router.stop(route);
        vm.expectEmit();
        emit IInferenceHub.Closed(asked.id, State.Stopped, FEE + 5);
        vm.prank(makeAddr("anyone"));
        hub.refundStopped(asked.request);
        _assertClosed(State.Stopped);
    }

    function test_refundStopped_revertsIfRouteInService() public {
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.RouteNotStopped.selector, asked.id));
        hub.refundStopped(asked.request);
    }

    /// A stopped route closes the door to answers, not to refunds.
    function test_expireAndCancel_workIfRouteStopped() public {
        Asked memory second = ask(consumer);
        consumer.cancel(second.request);
        vm.prank(guardian);
        router.stop(route);
        skip(60);
        hub.finalizeCancel(second.request);
        vm.warp(asked.request.deadline + 1);
        hub.expire(asked.request);
        assertEq(escrow.balanceOf(refundee), 2 * FEE + 5);
    }

    function test_everything_revertsIfUnknown() public {
        asked.request.nonce = 77;
        uint256 id = hub.requestIdOf(asked.request);
        bytes memory unknown = abi.encodeWithSelector(IInferenceHub.UnknownRequest.selector, id);
        vm.expectRevert(unknown);
        hub.expire(asked.request);
        vm.expectRevert(unknown);
        consumer.cancel(asked.request);
        vm.expectRevert(unknown);
        hub.finalizeCancel(asked.request);
        vm.expectRevert(unknown);
        hub.refundStopped(asked.request);
        vm.expectRevert(unknown);
        hub.fulfill(asked.request, asked.input, payee, outputOf(0, 1), "");
    }

    function test_everything_revertsOnceVerified() public {
        fulfill(asked);
        _assertShut(State.Verified);
    }

    function test_everything_revertsOnceExpired() public {
        vm.warp(asked.request.deadline + 1);
        hub.expire(asked.request);
        _assertShut(State.Expired);
    }

    function test_everything_revertsOnceCancelled() public {
        consumer.cancel(asked.request);
        skip(60);
        hub.finalizeCancel(asked.request);
        _assertShut(State.Cancelled);
    }

    function test_everything_revertsOnceStopped() public {
        vm.prank(guardian);
        router.stop(route);
        hub.refundStopped(asked.request);
        _assertShut(State.Stopped);
    }

    function _assertClosed(State expected) private {
        (State state,,, uint64 settledAt, address paid) = hub.resultOf(asked.id);
        assertEq(uint8(state), uint8(expected));
        assertEq(settledAt, 0);
        assertEq(paid, address(0));
        assertEq(consumer.calls(), 0);
        assertEq(escrow.heldFor(asked.id), 0);
        assertEq(escrow.balanceOf(refundee), FEE + 5);
        vm.prank(refundee);
        escrow.withdraw(refundee);
        assertEq(refundee.balance, FEE + 5);
    }

    /// @dev No way leads out of a terminal state.
    function _assertShut(State state) private {
        uint256 credited = escrow.totalCredited();
        bytes memory output = outputOf(0, 9);
        bytes memory proof = proofOf(asked, payee, output);
        bytes memory shut = abi.encodeWithSelector(IInferenceHub.NotOpen.selector, asked.id, state);
        vm.expectRevert(shut);
        hub.fulfill(asked.request, asked.input, payee, output, proof);
        vm.expectRevert(shut);
        consumer.cancel(asked.request);
        skip(60);
        vm.expectRevert(shut);
        hub.finalizeCancel(asked.request);
        vm.expectRevert(shut);
        hub.topUp{value: 1}(asked.id);
        vm.warp(asked.request.deadline + 1);
        vm.expectRevert(shut);
        hub.expire(asked.request);
        if (!router.isStopped(route)) {
            vm.prank(guardian);
            router.stop(route);
        }
        vm.expectRevert(shut);
        hub.refundStopped(asked.request);
        assertEq(escrow.totalCredited(), credited);
    }
}
