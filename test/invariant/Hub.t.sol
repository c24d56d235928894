// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {InferenceHub} from "../../contracts/InferenceHub.sol";
import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {State} from "../../contracts/types/Types.sol";
import {HubHandler} from "./HubHandler.sol";

contract HubInvariantTest is Test {
    HubHandler internal handler;
    InferenceHub internal hub;
    IEscrow internal escrow;

    function setUp() public {
        handler = new HubHandler();
        hub = InferenceHub(handler.theHub());
        escrow = hub.escrow();
        bytes4[] memory selectors = new bytes4[](13);
        selectors[0] = handler.request.selector;
        selectors[1] = handler.topUp.selector;
        selectors[2] = bytes4(keccak256("fulfill(uint256,bool,uint8)"));
        selectors[3] = handler.fulfillWithAnothersProof.selector;
        selectors[4] = handler.deliver.selector;
        selectors[5] = handler.cancel.selector;
        selectors[6] = handler.finalizeCancel.selector;
        selectors[7] = handler.expire.selector;
        selectors[8] = handler.refundStopped.selector;
        selectors[9] = handler.withdraw.selector;
        selectors[10] = handler.wait.selector;
        selectors[11] = handler.stopRoute.selector;
        selectors[12] = handler.requestPrivately.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector({addr: address(handler), selectors: selectors}));
    }

    /// An invariant over a handler that reaches nothing would show nothing.
    function test_handler_reachesEveryEnding() public {
        for (uint256 i = 0; i < 5; ++i) {
            handler.request(i, 0.1 ether, true);
        }
        handler.fulfill(0, false, 9);
        handler.fulfill(0, true, 9);
        handler.cancel(1);
        handler.wait(60);
        handler.finalizeCancel(1);
        for (uint256 i = 0; i < 3; ++i) {
            handler.wait(30 minutes - 1);
        }
        handler.expire(2);
        for (uint256 i = 0; i < 7; ++i) {
            handler.request(i, 0.1 ether, false);
        }
        handler.requestPrivately(0);
        handler.requestPrivately(1);
        handler.fulfillWithAnothersProof(12, 13);
        handler.fulfill(13, false, 9);
        handler.stopRoute(0);
        handler.refundStopped(11);
        assertEq(handler.ways(State.Verified), 2);
        assertEq(handler.ways(State.Cancelled), 1);
        assertEq(handler.ways(State.Expired), 1);
        assertEq(handler.ways(State.Stopped), 1);
        handler.withdraw(0);
        assertGt(handler.paidOut(), 0);
        invariant_escrowIsSolvent();
        invariant_openFeesAreHeld();
        invariant_oneTerminalState();
        invariant_proofsHoldForTheirRequestOnly();
        invariant_paidOnceAndInFull();
    }

    /// Every coin is held for a request or credited to an account.
    function invariant_escrowIsSolvent() public view {
        assertEq(address(escrow).balance, escrow.totalHeld() + escrow.totalCredited());
        assertEq(address(escrow).balance, handler.paidIn() - handler.paidOut());
    }

    /// What is held is the fees of the open requests, each in full.
    function invariant_openFeesAreHeld() public view {
        uint256 held;
        for (uint256 i = 0; i < handler.count(); ++i) {
            uint256 id = handler.idAt(i);
            (State state,,,,) = hub.resultOf(id);
            uint256 expected = state == State.Open ? handler.feeOf(id) : 0;
            assertEq(escrow.heldFor(id), expected);
            held += expected;
        }
        assertEq(escrow.totalHeld(), held);
    }

    /// A request ends once, and stays as it ended.
    function invariant_oneTerminalState() public view {
        for (uint256 i = 0; i < handler.count(); ++i) {
            uint256 id = handler.idAt(i);
            (State state,,,,) = hub.resultOf(id);
            assertEq(handler.endings(id), state == State.Open ? 0 : 1);
            if (state != State.Open) assertEq(uint8(state), uint8(handler.ended(id)));
        }
    }

    function invariant_proofsHoldForTheirRequestOnly() public view {
        assertFalse(handler.forged());
    }

    /// Payouts are the fees, once: to owner and payee of an answer, else to the refundee.
    function invariant_paidOnceAndInFull() public view {
        uint256 credited;
        uint256 earned;
        for (uint256 i = 0; i < 4; ++i) {
            address account = handler.accountAt(i);
            credited += escrow.balanceOf(account);
            earned += handler.earned(account);
            assertEq(escrow.balanceOf(account) + account.balance, handler.earned(account));
        }
        assertEq(escrow.totalCredited(), credited);
        assertEq(earned, handler.paidIn() - escrow.totalHeld());
    }
}
