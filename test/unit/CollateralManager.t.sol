// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {CollateralManager, ManagerConfig} from "../../contracts/consumers/CollateralManager.sol";
import {CreditToken} from "../../contracts/consumers/CreditToken.sol";
import {RiskBounds, RiskPolicy} from "../../contracts/consumers/RiskPolicy.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {Request, Schema} from "../../contracts/types/Types.sol";
import {CollateralTest} from "../base/CollateralTest.sol";

/// @dev Lending, the model's input, deployment.
contract CollateralManagerTest is CollateralTest {
    // Lending

    function test_borrow_upToTheLimit() public {
        // 10 ether at 2,000 and 70 %.
        assertEq(manager.limitOf(borrower), 14_000e18);
        vm.startPrank(borrower);
        manager.borrow(14_000e18);
        assertEq(manager.credit().balanceOf(borrower), 14_000e18);
        vm.expectRevert(
            abi.encodeWithSelector(CollateralManager.Unhealthy.selector, 14_000e18 + 1, 14_000e18)
        );
        manager.borrow(1);
    }

    function test_withdraw_whatTheDebtDoesNotNeed() public {
        vm.startPrank(borrower);
        manager.borrow(7_000e18);
        manager.withdraw(5 ether);
        assertEq(borrower.balance, 5 ether);
        vm.expectRevert(
            abi.encodeWithSelector(CollateralManager.Unhealthy.selector, 7_000e18, 7_000e18 - 1_400)
        );
        manager.withdraw(1);
    }

    function test_repay_burnsAndFreesCollateral() public {
        vm.startPrank(borrower);
        manager.borrow(14_000e18);
        manager.repay(14_000e18);
        assertEq(manager.credit().totalSupply(), 0);
        manager.withdraw(10 ether);
        assertEq(borrower.balance, 10 ether);
        (uint256 collateral, uint256 debt) = manager.positionOf(borrower);
        assertEq(collateral, 0);
        assertEq(debt, 0);
    }

    function test_repay_revertsIfMoreThanOwed() public {
        vm.startPrank(borrower);
        manager.borrow(1);
        vm.expectRevert();
        manager.repay(2);
    }

    function test_lending_revertsIfAmountIsZero() public {
        vm.startPrank(borrower);
        vm.expectRevert(CollateralManager.ZeroAmount.selector);
        manager.deposit();
        vm.expectRevert(CollateralManager.ZeroAmount.selector);
        manager.borrow(0);
        vm.expectRevert(CollateralManager.ZeroAmount.selector);
        manager.repay(0);
        vm.expectRevert(CollateralManager.ZeroAmount.selector);
        manager.withdraw(0);
    }

    function test_credit_isMintedAndBurnedByTheManagerOnly() public {
        CreditToken credit = manager.credit();
        vm.startPrank(borrower);
        vm.expectRevert(abi.encodeWithSelector(CreditToken.NotManager.selector, borrower));
        credit.mint(borrower, 1);
        vm.expectRevert(abi.encodeWithSelector(CreditToken.NotManager.selector, borrower));
        credit.burn(borrower, 0);
    }

    // Inputs

    function test_featuresOf_areTheStateAndTheAttestation() public {
        vm.prank(borrower);
        manager.borrow(7_000e18);
        int32[] memory features = manager.featuresOf(borrower);
        // 7,000 of 20,000; 7,000 of 14,000.
        assertEq(features[0], 3_500);
        assertEq(features[5], 500);
        assertEq(features[1], 1);
        assertEq(features[4], 4);
        assertEq(features[6], 5);
        assertEq(features[7], 6);
    }

    function test_featuresOf_roundAgainstTheBorrower() public {
        vm.prank(borrower);
        manager.borrow(1);
        assertEq(manager.featuresOf(borrower)[0], 1);
        assertEq(manager.featuresOf(borrower)[5], 1);
    }

    function test_requestReview_sendsTheFeaturesAndTheFee() public {
        uint256 id = review();
        Request memory request = mock.requestOf(id);
        uint256[] memory words = mock.packInput(MODEL, manager.featuresOf(borrower));
        assertEq(request.inputDigest, keccak256(abi.encodePacked(words)));
        assertEq(request.consumer, address(manager));
        assertEq(request.refundTo, address(this));
        assertEq(request.fee, FEE);
        assertEq(request.callbackGas, manager.CALLBACK_GAS());
        assertEq(address(uint160(uint256(request.userData))), borrower);
    }

    function test_requestReview_revertsIfNotAttested() public {
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.NotAttested.selector, payee));
        manager.requestReview{value: FEE}(payee);
    }

    function test_attest_revertsIfNotAttester() public {
        vm.prank(borrower);
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.NotAttester.selector, borrower));
        manager.attest(borrower, new int32[](6));
    }

    function test_attest_revertsIfCountWrong() public {
        vm.prank(attester);
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.WrongFeatureCount.selector, 6, 7));
        manager.attest(borrower, new int32[](7));
    }

    function test_requestReview_revertsIfOutOfTheModelsDomain() public {
        int32[] memory features = new int32[](6);
        features[2] = 10_001;
        vm.prank(attester);
        manager.attest(borrower, features);
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.OutOfDomain.selector, 3, 10_001, int256(0), int256(10_000)
            )
        );
        review();
    }

    // Deployment

    function test_constructor_revertsIfBoundsMakeNoSense() public {
        RiskBounds memory bounds = boundsOf();
        bounds.floorBps = 0;
        _expectBadBounds(bounds, "0 < floor <= initial <= ceiling");
        bounds.floorBps = 7_001;
        _expectBadBounds(bounds, "0 < floor <= initial <= ceiling");
        bounds = boundsOf();
        bounds.ceilingBps = 6_999;
        _expectBadBounds(bounds, "0 < floor <= initial <= ceiling");
        bounds.ceilingBps = 10_000;
        _expectBadBounds(bounds, "ceiling below the whole");
        bounds = boundsOf();
        bounds.maxLoosenBps = 1_000;
        _expectBadBounds(bounds, "0 < loosening step < tightening step");
        bounds.maxLoosenBps = 0;
        _expectBadBounds(bounds, "0 < loosening step < tightening step");
        bounds = boundsOf();
        bounds.loosenDelay = bounds.tightenDelay;
        _expectBadBounds(bounds, "loosening is slower");
        bounds = boundsOf();
        bounds.maxAge = 0;
        _expectBadBounds(bounds, "no result is fresh");
    }

    function test_constructor_revertsIfModelDoesNotFit() public {
        ManagerConfig memory config = configOf();
        config.loanToValue.feature = 8;
        _expectBadConfig(config, "no such feature");
        config.loanToValue.feature = 5;
        _expectBadConfig(config, "one feature twice");
        config = configOf();
        config.utilization.feature = 8;
        _expectBadConfig(config, "no such feature");
        config = configOf();
        config.loanToValue.one = 0;
        _expectBadConfig(config, "unit is zero");
        config = configOf();
        config.utilization.one = 0;
        _expectBadConfig(config, "unit is zero");
        config = configOf();
        config.price = 0;
        _expectBadConfig(config, "price is zero");
        mock.setModel(8, schemaOf(8, 2), FEE);
        config = configOf();
        config.modelId = 8;
        _expectBadConfig(config, "the model has more than a score");
        Schema memory hidden = creditSchema();
        hidden.inputMode = 1;
        mock.setModel(10, hidden, FEE);
        config.modelId = 10;
        _expectBadConfig(config, "the model's inputs are private");
        Schema memory signed = creditSchema();
        signed.outputs[0].zeroPoint = 128;
        mock.setModel(9, signed, FEE);
        config.modelId = 9;
        _expectBadConfig(config, "a probability is never negative");
    }

    function _expectBadBounds(RiskBounds memory bounds, string memory reason) private {
        ManagerConfig memory config = configOf();
        config.bounds = bounds;
        vm.expectRevert(abi.encodeWithSelector(RiskPolicy.BadBounds.selector, reason));
        new CollateralManager(config);
    }

    function _expectBadConfig(ManagerConfig memory config, string memory reason) private {
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.BadConfig.selector, reason));
        new CollateralManager(config);
    }
}
