// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Pull-payment escrow of one hub, native coin
interface IEscrow {
    /// @notice One settled request among many.
    /// @param id Request id.
    /// @param payee Credited with what is held for `id` less the owner's share.
    /// @param ownerShareBps The owner's share in basis points, rounded down.
    struct Payout {
        uint256 id;
        address payee;
        uint16 ownerShareBps;
    }

    /// @notice `amount` wei came in for request `id`.
    event Deposited(uint256 indexed id, uint256 amount);
    /// @notice `account` may withdraw `amount` more, out of what was held for `id`.
    event Credited(address indexed account, uint256 indexed id, uint256 amount);
    /// @notice `account` may withdraw `amount` more, out of what was held for `requests` requests
    /// of one batch.
    event CreditedMany(address indexed account, uint256 requests, uint256 amount);
    /// @notice `account` sent its whole balance to `to`.
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    /// @notice Only the hub of this escrow moves what is held.
    error NotHub(address caller);
    /// @notice The account has no balance.
    error NothingToWithdraw(address account);
    /// @notice The receiver did not accept the coins; the balance stays.
    error TransferFailed(address to, uint256 amount);
    /// @notice Coins sent to nobody would be lost.
    error ZeroRecipient();
    /// @notice A settlement must move exactly what is held.
    error InsufficientDeposit(uint256 id, uint256 held, uint256 asked);

    /// @notice Holds the value sent for request `id`. Hub only.
    function deposit(uint256 id) external payable;

    /// @notice Moves what is held for `id`, all of it, to the balances of `a` and `b`. Hub only.
    function settle(uint256 id, address a, uint256 amountA, address b, uint256 amountB) external;

    /// @notice Moves what is held for every request of `payouts` to the balances of its payee and
    /// of `owner`. A balance is written once per run of equal payees. Hub only.
    function settleMany(Payout[] calldata payouts, address owner) external;

    /// @notice Withdraws the caller's whole balance to `to`.
    function withdraw(address to) external returns (uint256 amount);

    /// @notice Wei held for an open request.
    function heldFor(uint256 id) external view returns (uint256);

    /// @notice Wei that `account` may withdraw.
    function balanceOf(address account) external view returns (uint256);

    /// @notice Sum of `heldFor`.
    function totalHeld() external view returns (uint256);

    /// @notice Sum of `balanceOf`.
    function totalCredited() external view returns (uint256);
}
