// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {CollateralManager, ManagerConfig} from "../../contracts/consumers/CollateralManager.sol";

/// @title A manager whose rule wants whatever the test says: only the bounds hold it
contract RashManager is CollateralManager {
    uint256 public target;

    constructor(ManagerConfig memory config) CollateralManager(config) {}

    function setTarget(uint256 target_) external {
        target = target_;
    }

    function _target(uint256, uint256, uint256) internal view override returns (uint256) {
        return target;
    }
}
