// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {InferenceHub} from "../../contracts/InferenceHub.sol";
import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {State} from "../../contracts/types/Types.sol";
import {BatchHandler} from "./BatchHandler.sol";

contract BatchInvariantTest is Test {
    BatchHandler internal handler;
    InferenceHub internal hub;
    IEscrow internal escrow;

    function setUp() public {
        handler = new BatchHandler();
        hub = InferenceHub(handler.theHub());
        escrow = hub.escrow();
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = handler.request.selector;
        selectors[1] = bytes4(keccak256("fulfill(uint256)"));
        selectors[2] = handler.settleBatch.selector;
        selectors[3] = handler.settleRoot.selector;
        selectors[4] = handler.claim.selector;
        selectors[5] = handler.cancel.selector;
        selectors[6] = handler.close.selector;
        selectors[7] = handler.withdraw.selector;
        selectors[8] = handler.wait.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector({addr: address(handler), selectors: selectors}));
    }

    /// An invariant over a handler that reaches nothing would show nothing.
    function test_handler_reachesEveryEnding() public {
        for (uint256 i = 0; i < 3; ++i) {
            handler.request(3, 0.1 ether);
        }
        handler.settleBatch(1, 5, true);
        for (uint256 i = 0; i < 6; ++i) {
            handler.request(7, 0.1 ether);
        }
        handler.settleRoot(2, 5, true);
        for (uint256 i = 0; i < 6; ++i) {
            handler.claim(0, i);
        }
        for (uint256 i = 0; i < 9; ++i) {
            handler.fulfill(i);
            if (i == 5) break;
        }
        handler.request(1, 0.1 ether);
        handler.request(1, 0.1 ether);
        handler.cancel(9);
        handler.wait(60);
        handler.close(9, false);
        for (uint256 i = 0; i < 3; ++i) {
            handler.wait(30 minutes - 1);
        }
        handler.close(10, true);
        assertGt(handler.ways("single"), 0);
        assertGt(handler.ways("batch"), 0);
        assertGt(handler.ways("root"), 0);
        assertEq(handler.ways("cancelled"), 1);
        assertEq(handler.ways("expired"), 1);
        handler.withdraw(2);
        assertGt(handler.paidOut(), 0);
        invariant_escrowIsSolvent();
        invariant_endsOnceAndStays();
        invariant_paidOnceAndInFull();
        invariant_onlyWhatMayBeSettledIs();
    }

    /// Every coin is held for an open request or credited, whoever settled how.
    function invariant_escrowIsSolvent() public view {
        assertEq(address(escrow).balance, escrow.totalHeld() + escrow.totalCredited());
        assertEq(address(escrow).balance, handler.paidIn() - handler.paidOut());
    }

    /// A request ends once, and what is held is the fees of those that have not.
    function invariant_endsOnceAndStays() public view {
        uint256 held;
        for (uint256 i = 0; i < handler.count(); ++i) {
            (uint256 id, uint256 fee) = handler.requestAt(i);
            (State state,,,,) = hub.resultOf(id);
            bool open = state == State.Open;
            assertEq(handler.endings(id), open ? 0 : 1);
            if (!open) assertEq(uint8(state), uint8(handler.ended(id)));
            assertEq(escrow.heldFor(id), open ? fee : 0);
            held += open ? fee : 0;
        }
        assertEq(escrow.totalHeld(), held);
    }

    function invariant_paidOnceAndInFull() public view {
        uint256 earned;
        for (uint256 i = 0; i < 4; ++i) {
            address account = handler.accountAt(i);
            earned += handler.earned(account);
            assertEq(escrow.balanceOf(account) + account.balance, handler.earned(account));
        }
        assertEq(earned, handler.paidIn() - escrow.totalHeld());
    }

    function invariant_onlyWhatMayBeSettledIs() public view {
        assertFalse(handler.wrong());
    }
}
