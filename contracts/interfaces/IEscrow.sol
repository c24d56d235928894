// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Pull-payment escrow of one hub, native coin
interface IEscrow {
    event Deposited(uint256 indexed id, uint256 amount);
    event Credited(address indexed account, uint256 indexed id, uint256 amount);
    event Withdrawn(address indexed account, address indexed to, uint256 amount);

    error NotHub(address caller);
    error NothingToWithdraw(address account);
    error TransferFailed(address to, uint256 amount);
    error ZeroRecipient();
    error InsufficientDeposit(uint256 id, uint256 held, uint256 asked);

    /// @notice Holds the value sent for request `id`. Hub only.
    function deposit(uint256 id) external payable;

    /// @notice Moves what is held for `id` to the balances of `a` and `b`; the sum must be all of it.
    function settle(uint256 id, address a, uint256 amountA, address b, uint256 amountB) external;

    /// @notice Withdraws the caller's whole balance to `to`.
    function withdraw(address to) external returns (uint256 amount);

    function heldFor(uint256 id) external view returns (uint256);
    function balanceOf(address account) external view returns (uint256);
    function totalHeld() external view returns (uint256);
    function totalCredited() external view returns (uint256);
}
