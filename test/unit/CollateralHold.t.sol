// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {CollateralManager, ManagerConfig} from "../../contracts/consumers/CollateralManager.sol";
import {RiskPolicy} from "../../contracts/consumers/RiskPolicy.sol";
import {Delivery} from "../../contracts/types/Types.sol";
import {CollateralTest} from "../base/CollateralTest.sol";
import {FlashBorrower} from "../mocks/FlashBorrower.sol";

/// @dev What a result that does not tighten needs: a position held before the review and no worse
/// after it, and an account that is no newcomer.
contract CollateralHoldTest is CollateralTest {
    // A passing improvement

    /// Collateral of one transaction: deposit, review, answer, withdraw.
    function test_review_takesNoPassingDeposit() public {
        FlashBorrower flash = new FlashBorrower(manager, mock);
        vm.prank(attester);
        manager.attest(address(flash), new int32[](6));
        skip(30 days);
        vm.deal(address(flash), 100 ether + FEE);
        assertFalse(flash.run(100 ether, FEE, SAFE));
        assertEq(address(flash).balance, 100 ether);
        assertEq(manager.factorOf(address(flash)), 7_000);
        (, Delivery delivery,,,) = mock.resultOf(flash.id());
        assertEq(uint8(delivery), uint8(Delivery.Failed));
        vm.deal(address(flash), 100 ether + FEE);
        assertFalse(flash.run(100 ether, FEE, FAIR));
        vm.deal(address(flash), 100 ether + FEE);
        assertTrue(flash.run(100 ether, FEE, BAD));
        assertEq(manager.factorOf(address(flash)), 6_000);
    }

    function test_review_needsTheDepositHeld() public {
        _deposit();
        _assertHeldFor(1 hours);
    }

    function test_review_needsTheRepaymentHeld() public {
        vm.startPrank(borrower);
        manager.borrow(5);
        skip(1 days);
        manager.repay(1);
        vm.stopPrank();
        _assertHeldFor(1 hours);
    }

    /// Withdrawn and brought back in time is not held.
    function test_review_needsThePositionHeldUntilTheAnswer() public {
        uint256 id = review();
        vm.prank(borrower);
        manager.withdraw(10 ether);
        skip(10 minutes);
        vm.prank(borrower);
        manager.deposit{value: 10 ether}();
        _expectNotHeld(id, block.timestamp + 1 hours);
        mock.answer(id, SAFE);
        _expectNotHeld(id, block.timestamp + 1 hours);
        mock.answer(id, FAIR);
        mock.answer(id, BAD);
        assertEq(manager.factorOf(borrower), 6_000);
    }

    function test_review_needsAnotherBlock() public {
        uint256 id = review();
        bytes memory tooSoon =
            abi.encodeWithSelector(RiskPolicy.TooSoon.selector, block.timestamp + 1);
        vm.expectRevert(tooSoon);
        mock.answer(id, SAFE);
        vm.expectRevert(tooSoon);
        mock.answer(id, FAIR);
        skip(1);
        mock.answer(id, SAFE);
        assertEq(manager.factorOf(borrower), 7_250);
    }

    /// Deposit, borrow, review at once: only good news has to wait.
    function test_review_tightensAFreshPosition() public {
        address fresh = _fresh();
        vm.prank(fresh);
        manager.borrow(1_000e18);
        mock.answer(manager.requestReview{value: FEE}(fresh), BAD);
        assertEq(manager.factorOf(fresh), 6_000);
    }

    // A worse position

    function test_review_doesNotLoosenAWorsenedPosition() public {
        uint256 id = review();
        vm.prank(borrower);
        manager.borrow(1);
        _assertWorsened(id);

        id = review();
        vm.prank(borrower);
        manager.withdraw(1);
        _assertWorsened(id);
    }

    // A new account

    function test_review_loosensNoNewcomer() public {
        address fresh = _fresh();
        uint256 openedAt = block.timestamp;
        // Neither a later deposit nor a later attestation starts the time again.
        skip(1 days - 1 hours - 2);
        vm.prank(attester);
        manager.attest(fresh, new int32[](6));
        hoax(fresh, 1 ether);
        manager.deposit{value: 1 ether}();
        skip(1 hours);
        uint256 id = manager.requestReview{value: FEE}(fresh);
        vm.warp(openedAt + 1 days - 1);
        vm.expectRevert(abi.encodeWithSelector(RiskPolicy.TooSoon.selector, openedAt + 1 days));
        mock.answer(id, SAFE);
        vm.warp(openedAt + 1 days);
        mock.answer(id, SAFE);
        assertEq(manager.factorOf(fresh), 7_250);
    }

    function test_review_waitsFromTheAttestationIfItIsFirst() public {
        address fresh = makeAddr("fresh");
        vm.prank(attester);
        manager.attest(fresh, new int32[](6));
        uint256 due = block.timestamp + 1 days;
        skip(1 days - 2);
        uint256 id = manager.requestReview{value: FEE}(fresh);
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(RiskPolicy.TooSoon.selector, due));
        mock.answer(id, SAFE);
        skip(1);
        mock.answer(id, SAFE);
        assertEq(manager.factorOf(fresh), 7_250);
    }

    // Dust

    /// A limit of nothing is no divisor.
    function test_requestReview_namesALimitOfNothing() public {
        ManagerConfig memory config = configOf();
        config.price = 2;
        manager = new CollateralManager(config);
        attest(manager);
        hoax(borrower, 1 ether);
        manager.deposit{value: 1 ether}();
        vm.prank(borrower);
        manager.borrow(1);
        for (uint256 i = 0; i < 3; ++i) {
            reviewed(BAD);
            skip(1 hours);
        }
        assertEq(manager.limitOf(borrower), 0);
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.NoLimit.selector, borrower));
        review();
    }

    function _fresh() private returns (address fresh) {
        fresh = makeAddr("fresh");
        hoax(fresh, 10 ether);
        manager.deposit{value: 10 ether}();
        vm.prank(attester);
        manager.attest(fresh, new int32[](6));
    }

    function _deposit() private {
        hoax(borrower, 1);
        manager.deposit{value: 1}();
    }

    function _assertHeldFor(uint256 time) private {
        uint256 notBefore = block.timestamp + time;
        skip(time - 1);
        uint256 early = review();
        skip(1);
        uint256 due = review();
        skip(1);
        _expectNotHeld(early, notBefore);
        mock.answer(early, SAFE);
        _expectNotHeld(early, notBefore);
        mock.answer(early, FAIR);
        mock.answer(due, SAFE);
        assertEq(manager.factorOf(borrower), 7_250);
    }

    function _assertWorsened(uint256 id) private {
        skip(1);
        bytes memory worsened =
            abi.encodeWithSelector(CollateralManager.PositionWorsened.selector, id);
        vm.expectRevert(worsened);
        mock.answer(id, SAFE);
        vm.expectRevert(worsened);
        mock.answer(id, FAIR);
    }

    function _expectNotHeld(uint256 id, uint256 notBefore) private {
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.NotHeld.selector, id, notBefore));
    }
}
