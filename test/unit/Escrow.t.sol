// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {Escrow} from "../../contracts/Escrow.sol";
import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";

/// @dev The test is the hub: it deploys the escrow.
contract EscrowTest is Test {
    Escrow internal escrow;
    address internal alice = makeAddr("alice");
    address internal bob = makeAddr("bob");

    function setUp() public {
        escrow = new Escrow();
    }

    function test_deposit_adds() public {
        vm.expectEmit();
        emit IEscrow.Deposited(1, 5);
        escrow.deposit{value: 5}(1);
        escrow.deposit{value: 2}(1);
        escrow.deposit{value: 1}(2);
        assertEq(escrow.heldFor(1), 7);
        assertEq(escrow.totalHeld(), 8);
    }

    function test_hubFunctions_revertIfNotHub() public {
        hoax(alice);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotHub.selector, alice));
        escrow.deposit{value: 1}(1);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NotHub.selector, alice));
        escrow.settle(1, alice, 0, bob, 0);
    }

    function test_settle_creditsBoth() public {
        escrow.deposit{value: 10}(1);
        vm.expectEmit();
        emit IEscrow.Credited(alice, 1, 3);
        vm.expectEmit();
        emit IEscrow.Credited(bob, 1, 7);
        escrow.settle(1, alice, 3, bob, 7);
        assertEq(escrow.balanceOf(alice), 3);
        assertEq(escrow.balanceOf(bob), 7);
        assertEq(escrow.heldFor(1), 0);
        assertEq(escrow.totalHeld(), 0);
        assertEq(escrow.totalCredited(), 10);
    }

    function test_settle_addsUpForOneAccount() public {
        escrow.deposit{value: 10}(1);
        escrow.settle(1, alice, 3, alice, 7);
        assertEq(escrow.balanceOf(alice), 10);
    }

    function test_settle_revertsIfNotAllOfIt() public {
        escrow.deposit{value: 10}(1);
        escrow.deposit{value: 10}(2);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.InsufficientDeposit.selector, 1, 10, 11));
        escrow.settle(1, alice, 4, bob, 7);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.InsufficientDeposit.selector, 1, 10, 9));
        escrow.settle(1, alice, 2, bob, 7);
    }

    function test_settle_revertsIfSettled() public {
        escrow.deposit{value: 10}(1);
        escrow.deposit{value: 10}(2);
        escrow.settle(1, alice, 3, bob, 7);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.InsufficientDeposit.selector, 1, 0, 10));
        escrow.settle(1, alice, 3, bob, 7);
    }

    function test_withdraw_paysTheWholeBalanceOnce() public {
        escrow.deposit{value: 10}(1);
        escrow.settle(1, alice, 3, bob, 7);
        vm.expectEmit();
        emit IEscrow.Withdrawn(alice, bob, 3);
        vm.prank(alice);
        assertEq(escrow.withdraw(bob), 3);
        assertEq(bob.balance, 3);
        assertEq(escrow.totalCredited(), 7);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.NothingToWithdraw.selector, alice));
        escrow.withdraw(bob);
    }

    function test_withdraw_revertsIfRecipientIsZero() public {
        escrow.deposit{value: 10}(1);
        escrow.settle(1, alice, 10, bob, 0);
        vm.prank(alice);
        vm.expectRevert(IEscrow.ZeroRecipient.selector);
        escrow.withdraw(address(0));
    }

    function test_withdraw_keepsTheBalanceIfRefused() public {
        escrow.deposit{value: 10}(1);
        escrow.settle(1, alice, 10, bob, 0);
        // The test contract takes no coins.
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.TransferFailed.selector, address(this), 10));
        escrow.withdraw(address(this));
        assertEq(escrow.balanceOf(alice), 10);
    }

    function test_withdraw_paysOnceIfReentered() public {
        Reenterer thief = new Reenterer(escrow);
        escrow.deposit{value: 10}(1);
        escrow.settle(1, address(thief), 4, bob, 6);
        thief.go();
        assertEq(address(thief).balance, 4);
        assertEq(address(escrow).balance, 6);
        assertEq(escrow.totalCredited(), 6);
    }
}

contract Reenterer {
    Escrow internal immutable escrow;

    constructor(Escrow escrow_) {
        escrow = escrow_;
    }

    function go() external {
        escrow.withdraw(address(this));
    }

    receive() external payable {
        // Fails with nothing left to withdraw; must not fail the first withdrawal.
        try escrow.withdraw(address(this)) {} catch {}
    }
}
