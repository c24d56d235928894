// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IEscrow} from "./interfaces/IEscrow.sol";

/// @title Pull-payment escrow of one hub, native coin
/// @notice No owner, no pause, no upgrade. Coins are either held for a request or credited to an
/// account: `totalHeld + totalCredited` never exceeds the balance.
contract Escrow is IEscrow {
    /// @dev The whole of what is held, in basis points.
    uint256 private constant WHOLE_BPS = 10_000;

    /// @notice The hub that deployed this escrow, and the only one that moves what is held.
    address public immutable hub;

    /// @inheritdoc IEscrow
    uint256 public totalHeld;
    /// @inheritdoc IEscrow
    uint256 public totalCredited;
    /// @inheritdoc IEscrow
    mapping(uint256 id => uint256) public heldFor;
    /// @inheritdoc IEscrow
    mapping(address account => uint256) public balanceOf;

    modifier onlyHub() {
        _checkHub();
        _;
    }

    constructor() {
        hub = msg.sender;
    }

    /// @inheritdoc IEscrow
    function deposit(uint256 id) external payable onlyHub {
        heldFor[id] += msg.value;
        totalHeld += msg.value;
        emit Deposited(id, msg.value);
    }

    /// @inheritdoc IEscrow
    function settle(uint256 id, address a, uint256 amountA, address b, uint256 amountB)
        external
        onlyHub
    {
        uint256 held = heldFor[id];
        uint256 asked = amountA + amountB;
        if (asked != held) revert InsufficientDeposit(id, held, asked);
        heldFor[id] = 0;
        totalHeld -= held;
        totalCredited += held;
        _credit(id, a, amountA);
        _credit(id, b, amountB);
    }

    /// @inheritdoc IEscrow
    function settleMany(Payout[] calldata payouts, address owner) external onlyHub {
        if (payouts.length == 0) return;
        uint256 total;
        uint256 ownerTotal;
        // Of the payee at hand: leaves of one operator stand together, its balance is written once.
        address payee = payouts[0].payee;
        uint256 requests;
        uint256 credit;
        // No sum of wei comes near 2^256: sums are of coins that this contract holds.
        unchecked {
            for (uint256 i = 0; i < payouts.length; ++i) {
                Payout calldata payout = payouts[i];
                if (payout.payee != payee) {
                    _creditMany(payee, requests, credit);
                    (payee, requests, credit) = (payout.payee, 0, 0);
                }
                uint256 held = heldFor[payout.id];
                heldFor[payout.id] = 0;
                uint256 share = held * payout.ownerShareBps / WHOLE_BPS;
                total += held;
                ownerTotal += share;
                credit += held - share;
                ++requests;
            }
        }
        _creditMany(payee, requests, credit);
        _creditMany(owner, payouts.length, ownerTotal);
        totalHeld -= total;
        totalCredited += total;
    }

    /// @inheritdoc IEscrow
    function withdraw(address to) external returns (uint256 amount) {
        if (to == address(0)) revert ZeroRecipient();
        amount = balanceOf[msg.sender];
        if (amount == 0) revert NothingToWithdraw(msg.sender);
        balanceOf[msg.sender] = 0;
        totalCredited -= amount;
        emit Withdrawn(msg.sender, to, amount);
        // Last, after every effect: the receiver may call back.
        // solhint-disable-next-line avoid-low-level-calls
        (bool sent,) = to.call{value: amount}("");
        if (!sent) revert TransferFailed(to, amount);
    }

    function _credit(uint256 id, address account, uint256 amount) private {
        if (amount == 0) return;
        balanceOf[account] += amount;
        emit Credited(account, id, amount);
    }

    function _creditMany(address account, uint256 requests, uint256 amount) private {
        if (amount == 0) return;
        balanceOf[account] += amount;
        emit CreditedMany(account, requests, amount);
    }

    function _checkHub() private view {
        if (msg.sender != hub) revert NotHub(msg.sender);
    }
}
