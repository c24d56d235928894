// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {
    CollateralManager,
    ManagerConfig,
    RatioFeature
} from "../../contracts/consumers/CollateralManager.sol";
import {CreditToken} from "../../contracts/consumers/CreditToken.sol";
import {InferenceConsumer} from "../../contracts/consumers/InferenceConsumer.sol";
import {RiskBounds, RiskPolicy} from "../../contracts/consumers/RiskPolicy.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {MockInferenceHub} from "../../contracts/mocks/MockInferenceHub.sol";
import {Delivery, Feature, OutputField, Request, Schema} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {RashManager} from "../mocks/RashManager.sol";

/// @dev Most tests drive callbacks through the mock hub; the last ones through the real one.
contract CollateralManagerTest is HaloracleTest {
    uint256 internal constant MODEL = 7;
    /// @dev Output digits whose score is in each band; a digit is 0.4 %.
    uint32 internal constant SAFE = 10;
    uint32 internal constant GOOD = 40;
    uint32 internal constant FAIR = 100;
    uint32 internal constant POOR = 150;
    uint32 internal constant BAD = 250;

    MockInferenceHub internal mock;
    CollateralManager internal manager;
    address internal immutable borrower = makeAddr("borrower");
    address internal immutable attester = makeAddr("attester");

    function setUp() public override {
        super.setUp();
        mock = new MockInferenceHub();
        mock.setModel(MODEL, creditSchema(), FEE);
        manager = new CollateralManager(configOf());
        attest(manager);
        hoax(borrower, 10 ether);
        manager.deposit{value: 10 ether}();
    }

    /// @dev Feature 0: loan to value in percent, 2 decimals. Feature 5: utilization, 3 decimals.
    function creditSchema() internal pure returns (Schema memory schema) {
        schema.digitBits = 8;
        schema.inputDigits = 3;
        schema.features = new Feature[](8);
        for (uint256 i = 0; i < 8; ++i) {
            schema.features[i] = Feature({lo: 0, hi: 10_000, decimals: i == 0 ? 2 : 3});
        }
        schema.outputs = new OutputField[](1);
        schema.outputs[0] = OutputField({zeroPoint: 0, multiplier: 4, decimals: 3});
    }

    function boundsOf() internal pure returns (RiskBounds memory) {
        return RiskBounds({
            floorBps: 4_000,
            ceilingBps: 8_000,
            initialBps: 7_000,
            maxTightenBps: 1_000,
            maxLoosenBps: 250,
            tightenDelay: 1 hours,
            loosenDelay: 1 days,
            maxAge: 2 hours
        });
    }

    function configOf() internal view returns (ManagerConfig memory) {
        return ManagerConfig({
            hub: mock,
            modelId: MODEL,
            attester: attester,
            price: 2_000e18,
            loanToValue: RatioFeature({feature: 0, one: 10_000}),
            utilization: RatioFeature({feature: 5, one: 1_000}),
            bounds: boundsOf()
        });
    }

    function attest(CollateralManager target) internal {
        int32[] memory features = new int32[](6);
        for (uint256 i = 0; i < 6; ++i) {
            features[i] = int32(int256(1 + i));
        }
        vm.prank(attester);
        target.attest(borrower, features);
    }

    function review() internal returns (uint256) {
        return manager.requestReview{value: FEE}(borrower);
    }

    function reviewed(uint32 digit) internal {
        mock.answer(review(), digit);
    }

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

    // The rule

    function test_review_movesTheFactorByBand() public {
        _assertMove(0, 7_250);
        _assertMove(24, 7_250);
        _assertMove(25, 7_100);
        _assertMove(62, 7_100);
        _assertMove(63, 7_000);
        _assertMove(124, 7_000);
        _assertMove(125, 6_500);
        _assertMove(187, 6_500);
        _assertMove(188, 6_000);
        _assertMove(250, 6_000);
    }

    function test_review_changesWhatMayBeBorrowed() public {
        reviewed(BAD);
        assertEq(manager.factorOf(borrower), 6_000);
        assertEq(manager.limitOf(borrower), 12_000e18);
        vm.startPrank(borrower);
        vm.expectRevert(
            abi.encodeWithSelector(CollateralManager.Unhealthy.selector, 12_000e18 + 1, 12_000e18)
        );
        manager.borrow(12_000e18 + 1);
    }

    function test_review_stopsAtTheFloor() public {
        for (uint256 i = 0; i < 3; ++i) {
            reviewed(BAD);
            skip(1 hours);
        }
        assertEq(manager.factorOf(borrower), 4_000);
        reviewed(BAD);
        assertEq(manager.factorOf(borrower), 4_000);
    }

    function test_review_stopsAtTheCeiling() public {
        for (uint256 i = 0; i < 5; ++i) {
            reviewed(SAFE);
            skip(1 days);
        }
        assertEq(manager.factorOf(borrower), 8_000);
    }

    function test_review_logsScoreAndFactors() public {
        uint256 id = review();
        vm.expectEmit();
        emit CollateralManager.ReviewApplied(id, borrower, 600, 7_000, 6_500);
        mock.answer(id, POOR);
    }

    // Bounds: rejected whole, never clamped

    function test_review_rejectsScoresAboveOne() public {
        uint256 id = review();
        vm.expectRevert(
            abi.encodeWithSelector(CollateralManager.ScoreOutOfRange.selector, 1_004, 1_000)
        );
        mock.answer(id, 251);
    }

    function test_review_rejectsStepsThatAreTooLarge() public {
        RashManager rash = _rash();
        rash.setTarget(5_999);
        uint256 id = rash.requestReview{value: FEE}(borrower);
        vm.expectRevert(
            abi.encodeWithSelector(RiskPolicy.StepTooLarge.selector, 7_000, 5_999, 1_000)
        );
        mock.answer(id, FAIR);
        rash.setTarget(7_251);
        vm.expectRevert(abi.encodeWithSelector(RiskPolicy.StepTooLarge.selector, 7_000, 7_251, 250));
        mock.answer(id, FAIR);
        rash.setTarget(7_250);
        mock.answer(id, FAIR);
        assertEq(rash.factorOf(borrower), 7_250);
    }

    function test_review_rejectsFactorsOutOfBounds() public {
        RashManager rash = _rash();
        uint256 id = rash.requestReview{value: FEE}(borrower);
        rash.setTarget(3_999);
        vm.expectRevert(
            abi.encodeWithSelector(RiskPolicy.FactorOutOfBounds.selector, 3_999, 4_000, 8_000)
        );
        mock.answer(id, FAIR);
        rash.setTarget(8_001);
        vm.expectRevert(
            abi.encodeWithSelector(RiskPolicy.FactorOutOfBounds.selector, 8_001, 4_000, 8_000)
        );
        mock.answer(id, FAIR);
    }

    function test_review_loosensSlowerThanItTightens() public {
        reviewed(POOR);
        uint256 changedAt = block.timestamp;
        skip(1 hours - 1);
        uint256 id = review();
        vm.expectRevert(abi.encodeWithSelector(RiskPolicy.TooSoon.selector, changedAt + 1 hours));
        mock.answer(id, POOR);
        skip(1);
        vm.expectRevert(abi.encodeWithSelector(RiskPolicy.TooSoon.selector, changedAt + 1 days));
        mock.answer(id, SAFE);
        mock.answer(id, POOR);
        assertEq(manager.factorOf(borrower), 6_000);

        skip(1 days);
        reviewed(SAFE);
        assertEq(manager.factorOf(borrower), 6_250);
    }

    function test_review_withoutChangeNeedsNoDelay() public {
        reviewed(POOR);
        reviewed(FAIR);
        assertEq(manager.factorOf(borrower), 6_500);
    }

    // Freshness, order, compare and swap

    function test_review_rejectsStaleResults() public {
        uint256 id = review();
        uint256 requestedAt = block.timestamp;
        skip(2 hours + 1);
        vm.expectRevert(
            abi.encodeWithSelector(InferenceConsumer.StaleResult.selector, requestedAt, 2 hours)
        );
        mock.answer(id, POOR);
        rewind(1);
        mock.answer(id, POOR);
        assertEq(manager.factorOf(borrower), 6_500);
    }

    function test_review_rejectsResultsOlderThanTheLastApplied() public {
        uint256 older = review();
        skip(1 minutes);
        reviewed(FAIR);
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.SnapshotChanged.selector, older));
        mock.answer(older, SAFE);
    }

    function test_review_rejectsResultsOnOldAttestations() public {
        uint256 older = review();
        attest(manager);
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.SnapshotChanged.selector, older));
        mock.answer(older, SAFE);
    }

    function test_review_ofOneAccountLeavesAnotherAlone() public {
        address other = makeAddr("other");
        vm.prank(attester);
        manager.attest(other, new int32[](6));
        uint256 theirs = manager.requestReview{value: FEE}(other);
        reviewed(BAD);
        mock.answer(theirs, SAFE);
        assertEq(manager.factorOf(borrower), 6_000);
        assertEq(manager.factorOf(other), 7_250);
    }

    function test_review_doesNotLoosenAWorsenedPosition() public {
        uint256 id = review();
        vm.prank(borrower);
        manager.borrow(1);
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.PositionWorsened.selector, id));
        mock.answer(id, SAFE);

        id = review();
        vm.prank(borrower);
        manager.withdraw(1);
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.PositionWorsened.selector, id));
        mock.answer(id, SAFE);
    }

    /// Moving a wei about must not void a tightening.
    function test_review_tightensWhateverThePositionDid() public {
        uint256 id = review();
        vm.startPrank(borrower);
        manager.borrow(1);
        manager.withdraw(1);
        vm.stopPrank();
        mock.answer(id, BAD);
        assertEq(manager.factorOf(borrower), 6_000);
    }

    function test_review_loosensAnImprovedPosition() public {
        vm.prank(borrower);
        manager.borrow(5);
        uint256 id = review();
        vm.startPrank(borrower);
        manager.repay(5);
        vm.deal(borrower, 1);
        manager.deposit{value: 1}();
        vm.stopPrank();
        mock.answer(id, SAFE);
        assertEq(manager.factorOf(borrower), 7_250);
    }

    function test_review_refusalChangesNothing() public {
        uint256 id = review();
        vm.expectEmit();
        emit CollateralManager.ReviewRefused(id, borrower, 1);
        mock.refuse(id, 1);
        assertEq(manager.factorOf(borrower), 7_000);
        (address account,,,) = manager.reviews(id);
        assertEq(account, address(0));
    }

    function test_onInference_revertsIfNotTheHub() public {
        uint256 id = review();
        vm.expectRevert(abi.encodeWithSelector(InferenceConsumer.NotTheHub.selector, address(this)));
        manager.onInference(id, MODEL, 0, outputOf(0, BAD), "");
    }

    function test_onInference_actsOnceOnAnId() public {
        uint256 id = review();
        bytes32 userData = mock.requestOf(id).userData;
        mock.answer(id, FAIR);
        vm.prank(address(mock));
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.UnknownReview.selector, id));
        manager.onInference(id, MODEL, 0, outputOf(0, BAD), userData);
    }

    function test_onInference_revertsIfNotRequestedByAReview() public {
        vm.prank(address(mock));
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.UnknownReview.selector, 5));
        manager.onInference(5, MODEL, 0, outputOf(0, BAD), "");
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
        config.utilization.one = 0;
        _expectBadConfig(config, "unit is zero");
        config = configOf();
        config.price = 0;
        _expectBadConfig(config, "price is zero");
        mock.setModel(8, schemaOf(8, 2), FEE);
        config = configOf();
        config.modelId = 8;
        _expectBadConfig(config, "the model has more than a score");
        Schema memory signed = creditSchema();
        signed.outputs[0].zeroPoint = 128;
        mock.setModel(9, signed, FEE);
        config.modelId = 9;
        _expectBadConfig(config, "a probability is never negative");
    }

    // With the real hub

    function test_review_throughTheRealHub() public {
        CollateralManager real = _real();
        vm.recordLogs();
        real.requestReview{value: FEE}(borrower);
        Asked memory asked = readRequest();
        fulfill(asked, outputOf(0, POOR));
        (, Delivery delivery,,,) = hub.resultOf(asked.id);
        assertEq(uint8(delivery), uint8(Delivery.Done));
        assertEq(real.factorOf(borrower), 6_500);
    }

    /// A rejection fails the delivery, not the settlement; it may succeed later.
    function test_review_canBeDeliveredOnceItIsDue() public {
        CollateralManager real = _real();
        for (uint256 i = 0; i < 2; ++i) {
            vm.recordLogs();
            real.requestReview{value: FEE}(borrower);
            Asked memory asked = readRequest();
            fulfill(asked, outputOf(0, POOR));
            (, Delivery delivery,,,) = hub.resultOf(asked.id);
            if (i == 0) {
                assertEq(uint8(delivery), uint8(Delivery.Done));
            } else {
                assertEq(uint8(delivery), uint8(Delivery.Failed));
                skip(1 hours);
                hub.deliver(asked.request, outputOf(0, POOR));
                assertEq(real.factorOf(borrower), 6_000);
            }
        }
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

    function _assertMove(uint32 digit, uint256 expected) private {
        uint256 snapshot = vm.snapshotState();
        reviewed(digit);
        assertEq(manager.factorOf(borrower), expected);
        vm.revertToState(snapshot);
    }

    function _rash() private returns (RashManager rash) {
        rash = new RashManager(configOf());
        attest(rash);
    }

    function _real() private returns (CollateralManager real) {
        ManagerConfig memory config = configOf();
        config.hub = hub;
        config.modelId = register(creditSchema());
        real = new CollateralManager(config);
        attest(real);
        hoax(borrower, 1 ether);
        real.deposit{value: 1 ether}();
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
