// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {CollateralManager} from "../../contracts/consumers/CollateralManager.sol";
import {MockInferenceHub} from "../../contracts/mocks/MockInferenceHub.sol";

/// @title Holds collateral for one transaction, with a prepared answer to its review
contract FlashBorrower {
    CollateralManager public immutable manager;
    MockInferenceHub public immutable hub;
    uint256 public id;

    constructor(CollateralManager manager_, MockInferenceHub hub_) {
        (manager, hub) = (manager_, hub_);
    }

    receive() external payable {}

    function run(uint256 amount, uint256 fee, uint32 digit) external returns (bool applied) {
        manager.deposit{value: amount}();
        id = manager.requestReview{value: fee}(address(this));
        uint64[] memory outputs = new uint64[](1);
        outputs[0] = digit;
        applied = hub.answerIsolated(id, outputs);
        manager.withdraw(amount);
    }
}
