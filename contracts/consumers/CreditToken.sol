// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title The unit that `CollateralManager` lends
/// @notice Minted when borrowed, burned when repaid, by the manager that deployed it alone.
contract CreditToken is ERC20 {
    /// @notice Only the manager mints and burns.
    error NotManager(address caller);

    /// @notice The lending contract.
    address public immutable manager;

    modifier onlyManager() {
        if (msg.sender != manager) revert NotManager(msg.sender);
        _;
    }

    constructor() ERC20("Haloracle Example Credit", "HXC") {
        manager = msg.sender;
    }

    /// @notice Creates `amount` for `account`.
    function mint(address account, uint256 amount) external onlyManager {
        _mint(account, amount);
    }

    /// @notice Destroys `amount` of `account`.
    function burn(address account, uint256 amount) external onlyManager {
        _burn(account, amount);
    }
}
