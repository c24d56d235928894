// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {CollateralManager} from "../../contracts/consumers/CollateralManager.sol";
import {CollateralHandler} from "./CollateralHandler.sol";

contract CollateralManagerInvariantTest is Test {
    CollateralHandler internal handler;
    CollateralManager internal manager;

    function setUp() public {
        handler = new CollateralHandler();
        manager = handler.manager();
        bytes4[] memory selectors = new bytes4[](9);
        selectors[0] = handler.deposit.selector;
        selectors[1] = handler.withdraw.selector;
        selectors[2] = handler.borrow.selector;
        selectors[3] = handler.repay.selector;
        selectors[4] = handler.attest.selector;
        selectors[5] = handler.review.selector;
        selectors[6] = handler.answer.selector;
        selectors[7] = handler.wait.selector;
        selectors[8] = handler.refuse.selector;
        targetContract(address(handler));
        targetSelector(FuzzSelector({addr: address(handler), selectors: selectors}));
    }

    function invariant_factorsStayWithinFloorAndCeiling() public view {
        for (uint256 i = 0; i < 2; ++i) {
            uint256 factor = manager.factorOf(handler.accounts(i));
            assertGe(factor, 4_000);
            assertLe(factor, 8_000);
        }
    }

    /// Whatever the hub answers: small steps, with time between them, up slower than down, and up
    /// only for positions that were held.
    function invariant_everyChangeIsSmallAndDue() public view {
        for (uint256 i = 0; i < handler.changeCount(); ++i) {
            (uint256 from, uint256 to, uint256 sinceLast, bool first, uint256 held) =
                handler.changes(i);
            if (to > from) {
                assertLe(to - from, 250);
                assertGe(sinceLast, 1 days);
                assertGe(held, 1 hours);
            } else {
                assertLe(from - to, 1_000);
                if (!first) assertGe(sinceLast, 1 hours);
            }
        }
    }

    function invariant_booksBalance() public view {
        uint256 collaterals;
        uint256 debts;
        for (uint256 i = 0; i < 2; ++i) {
            address account = handler.accounts(i);
            (uint256 collateral, uint256 debt) = manager.positionOf(account);
            collaterals += collateral;
            debts += debt;
            assertEq(manager.credit().balanceOf(account), debt);
        }
        assertEq(address(manager).balance, collaterals);
        assertEq(manager.credit().totalSupply(), debts);
    }
}
