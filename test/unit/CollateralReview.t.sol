// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";

import {CollateralManager, ManagerConfig} from "../../contracts/consumers/CollateralManager.sol";
import {InferenceConsumer} from "../../contracts/consumers/InferenceConsumer.sol";
import {RiskPolicy} from "../../contracts/consumers/RiskPolicy.sol";
import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {Delivery, OutputField, Schema} from "../../contracts/types/Types.sol";
import {CollateralTest} from "../base/CollateralTest.sol";
import {RashManager} from "../mocks/RashManager.sol";

/// @dev How a verified score moves a factor. Most tests drive callbacks through the mock hub; the
/// last ones through the real one.
contract CollateralReviewTest is CollateralTest {
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
        skip(1);
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
        skip(1);
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

    function test_review_rejectsResultsOlderThanTheLastTightening() public {
        uint256 older = review();
        skip(1 minutes);
        reviewed(POOR);
        skip(1 hours);
        bytes memory old = abi.encodeWithSelector(CollateralManager.SnapshotChanged.selector, older);
        vm.expectRevert(old);
        mock.answer(older, SAFE);
        vm.expectRevert(old);
        mock.answer(older, FAIR);
        vm.expectRevert(old);
        mock.answer(older, BAD);
        assertEq(manager.factorOf(borrower), 6_500);
    }

    /// Reviews cost their fee only: a borrower may pile them up.
    function test_review_isNotVoidedByANeutralOne() public {
        uint256 first = review();
        uint256 second = review();
        skip(1 minutes);
        reviewed(FAIR);
        mock.answer(first, FAIR);
        mock.answer(second, BAD);
        assertEq(manager.factorOf(borrower), 6_000);
    }

    function test_review_isNotVoidedByALooseningIfItTightens() public {
        uint256 first = review();
        uint256 second = review();
        skip(1 minutes);
        reviewed(SAFE);
        bytes memory old = abi.encodeWithSelector(CollateralManager.SnapshotChanged.selector, first);
        vm.expectRevert(old);
        mock.answer(first, SAFE);
        vm.expectRevert(old);
        mock.answer(first, FAIR);
        skip(1 hours);
        mock.answer(second, BAD);
        assertEq(manager.factorOf(borrower), 6_250);
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
        skip(1 days);
        uint256 theirs = manager.requestReview{value: FEE}(other);
        reviewed(BAD);
        mock.answer(theirs, SAFE);
        assertEq(manager.factorOf(borrower), 6_000);
        assertEq(manager.factorOf(other), 7_250);
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

    /// The outputs of a refusal are zero, which as a score would be the best there is. Neither
    /// the factor nor the time until the next change may move.
    function test_review_refusalChangesNothing() public {
        reviewed(POOR);
        skip(1 hours);
        uint256[5] memory before = _all();
        for (uint64 status = 1; status < 256; status += 127) {
            uint256 id = review();
            skip(1);
            vm.expectEmit();
            emit CollateralManager.ReviewRefused(id, borrower, status);
            mock.refuse(id, status);
            assertEq(abi.encode(_all()), abi.encode(before));
            (address account,,,) = manager.reviews(id);
            assertEq(account, address(0));
        }
        // Had a refusal counted as a change, this one would come too soon.
        reviewed(POOR);
        assertEq(manager.factorOf(borrower), before[0] - 500);
    }

    /// Through the real hub: status and digits are told apart by the schema's slots.
    function test_review_refusalChangesNothingAtTheRealHub() public {
        CollateralManager real = _real();
        vm.recordLogs();
        real.requestReview{value: FEE}(borrower);
        Asked memory asked = readRequest();
        skip(1);
        fulfill(asked, outputOf(1, 0));
        (, Delivery delivery,,,) = hub.resultOf(asked.id);
        assertEq(uint8(delivery), uint8(Delivery.Done));
        assertEq(real.factorOf(borrower), 7_000);
    }

    /// Scores of two digits: bands are where they are for one.
    function test_review_readsScoresOfSeveralDigits() public {
        Schema memory schema = creditSchema();
        schema.outputDigits = 2;
        schema.outputs[0] = OutputField({zeroPoint: 0, multiplier: 1, decimals: 4});
        mock.setModel(9, schema, FEE);
        ManagerConfig memory config = configOf();
        config.modelId = 9;
        manager = new CollateralManager(config);
        attest(manager);
        skip(1 days);
        _assertMove(0, 7_250);
        _assertMove(999, 7_250);
        _assertMove(1_000, 7_100);
        _assertMove(4_999, 7_000);
        _assertMove(5_000, 6_500);
        _assertMove(10_000, 6_000);
        uint256 id = review();
        vm.expectRevert(
            abi.encodeWithSelector(CollateralManager.ScoreOutOfRange.selector, 65_535, 10_000)
        );
        mock.answer(id, 65_535);
    }

    function test_onInference_revertsIfNotTheHub() public {
        uint256 id = review();
        vm.expectRevert(abi.encodeWithSelector(InferenceConsumer.NotTheHub.selector, address(this)));
        manager.onInference(id, MODEL, 0, outputOf(0, BAD), "");
    }

    function test_onInference_actsOnceOnAnId() public {
        uint256 id = review();
        bytes32 userData = mock.requestOf(id).userData;
        mock.answer(id, POOR);
        vm.prank(address(mock));
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.UnknownReview.selector, id));
        manager.onInference(id, MODEL, 0, outputOf(0, BAD), userData);
    }

    function test_onInference_revertsIfNotRequestedByAReview() public {
        vm.prank(address(mock));
        vm.expectRevert(abi.encodeWithSelector(CollateralManager.UnknownReview.selector, 5));
        manager.onInference(5, MODEL, 0, outputOf(0, BAD), "");
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

    /// A first loosening checks and writes the most.
    function test_review_needsLessThanHalfOfItsGas() public {
        CollateralManager real = _real();
        skip(1 days);
        vm.recordLogs();
        real.requestReview{value: FEE}(borrower);
        Asked memory asked = readRequest();
        skip(1);
        // As in a transaction of its own.
        vm.cool(address(real));
        vm.recordLogs();
        fulfill(asked, outputOf(0, SAFE));
        assertEq(real.factorOf(borrower), 7_250);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        Vm.Log memory last = logs[logs.length - 1];
        assertEq(last.topics[0], IInferenceHub.CallbackResult.selector);
        (, uint256 gasUsed,) = abi.decode(last.data, (bool, uint256, bytes4));
        assertLt(gasUsed, real.CALLBACK_GAS() / 2);
        assertGt(gasUsed, 10_000);
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

    /// @dev What a review may not move on its own: all that is known of the borrower.
    function _all() private view returns (uint256[5] memory all) {
        all[0] = manager.factorOf(borrower);
        all[1] = manager.limitOf(borrower);
        (all[2], all[3]) = manager.positionOf(borrower);
        all[4] = uint256(keccak256(abi.encode(manager.featuresOf(borrower))));
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
        skip(1 days);
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
}
