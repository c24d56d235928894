// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBatchSettler} from "../../contracts/interfaces/IBatchSettler.sol";
import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {IVerifierRouter} from "../../contracts/interfaces/IVerifierRouter.sol";
import {BatchSettler} from "../../contracts/BatchSettler.sol";
import {InferenceHub} from "../../contracts/InferenceHub.sol";
import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {
    Delivery,
    InputModes,
    LeafResult,
    Modes,
    Request,
    Schema,
    State
} from "../../contracts/types/Types.sol";
import {BatchTest} from "../base/BatchTest.sol";
import {RecordingConsumer} from "../mocks/Consumers.sol";

contract BatchSettleTest is BatchTest {
    address internal immutable second = makeAddr("second payee");

    function test_settleBatch_storesAndPaysEveryLeaf() public {
        Asked[] memory asked = askMany(4, 0);
        IBatchSettler.Batch memory batch = batchOf(4, asked, one(payee));
        for (uint256 i = 0; i < 4; ++i) {
            vm.expectEmit();
            emit IInferenceHub.Verified(asked[i].id, payee, 0, leafOutput(i));
        }
        vm.expectEmit();
        emit IEscrow.CreditedMany(payee, 4, 4 * (FEE - FEE / 10));
        vm.expectEmit();
        emit IEscrow.CreditedMany(modelOwner, 4, 4 * (FEE / 10));
        vm.expectEmit();
        emit IBatchSettler.BatchSettled(_tag(batch), modelId, 4, 4);
        assertResults(settler.settleBatch(batch), LeafResult.Settled);
        for (uint256 i = 0; i < 4; ++i) {
            (State state, Delivery delivery, bytes32 outputHash, uint64 at, address paid) =
                hub.resultOf(asked[i].id);
            assertEq(uint8(state), uint8(State.Verified));
            assertEq(uint8(delivery), uint8(Delivery.None));
            assertEq(outputHash, keccak256(leafOutput(i)));
            assertEq(at, block.timestamp);
            assertEq(paid, payee);
            assertEq(escrow.heldFor(asked[i].id), 0);
        }
        assertEq(escrow.balanceOf(payee), 4 * (FEE - FEE / 10));
        assertEq(escrow.balanceOf(modelOwner), 4 * (FEE / 10));
        assertEq(escrow.totalHeld(), 0);
    }

    function test_settleBatch_takesFewerLeavesThanItems() public {
        for (uint256 count = 1; count <= 3; ++count) {
            IBatchSettler.Batch memory batch = batchOf(4, askMany(count, 0), one(payee));
            LeafResult[] memory results = settler.settleBatch(batch);
            assertEq(results.length, count);
            assertResults(results, LeafResult.Settled);
        }
        // Padding settled and paid nothing.
        assertEq(escrow.balanceOf(payee), 6 * (FEE - FEE / 10));
    }

    function test_settleBatch_paysEveryPayeeForItsLeaves() public {
        address[] memory payees = new address[](5);
        (payees[0], payees[1], payees[2]) = (payee, second, second);
        (payees[3], payees[4]) = (payee, modelOwner);
        settler.settleBatch(batchOf(16, askMany(5, 0), payees));
        uint256 rest = FEE - FEE / 10;
        assertEq(escrow.balanceOf(payee), 2 * rest);
        assertEq(escrow.balanceOf(second), 2 * rest);
        assertEq(escrow.balanceOf(modelOwner), rest + 5 * (FEE / 10));
        assertEq(escrow.totalCredited(), 5 * FEE);
    }

    function test_settleBatch_leavesCallbacksForAnyone() public {
        Asked[] memory asked = new Asked[](2);
        asked[0] = ask(consumer, FEE, moded(0, CALLBACK_GAS));
        asked[1] = askOnce(0);
        settler.settleBatch(batchOf(4, asked, one(payee)));
        assertEq(consumer.calls(), 0);
        (, Delivery delivery,,,) = hub.resultOf(asked[0].id);
        assertEq(uint8(delivery), uint8(Delivery.Pending));
        hub.deliver(asked[0].request, leafOutput(0));
        assertEq(consumer.calls(), 1);
        assertEq(consumer.lastId(), asked[0].id);
        (, delivery,,,) = hub.resultOf(asked[0].id);
        assertEq(uint8(delivery), uint8(Delivery.Done));
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceHub.NothingToDeliver.selector, asked[1].id, Delivery.None
            )
        );
        hub.deliver(asked[1].request, leafOutput(1));
    }

    /// Everything that can come between proof and settlement: the others are settled.
    function test_settleBatch_skipsWhatCannotBeSettled() public {
        Asked[] memory asked = new Asked[](8);
        asked[0] = askOnce(0);
        asked[1] = askOnce(Modes.SINGLE);
        asked[2] = askOnce(0);
        asked[3] = askOnce(0);
        asked[5] = askOnce(0);
        asked[6] = askOnce(0);
        fulfill(asked[2]);
        consumer.cancel(asked[3].request);
        consumer.cancel(asked[5].request);
        skip(60);
        hub.finalizeCancel(asked[3].request);
        // Never made.
        asked[4] = askOnce(0);
        asked[4].request.userData = "another";
        asked[4].id = hub.requestIdOf(asked[4].request);
        asked[7] = asked[6];
        IBatchSettler.Batch memory batch = batchOf(16, asked, one(payee));
        vm.expectEmit();
        emit IBatchSettler.LeafSkipped(_tag(batch), 1, asked[1].id, LeafResult.ModeNotAllowed);
        LeafResult[] memory results = settler.settleBatch(batch);
        assertEq(uint8(results[0]), uint8(LeafResult.Settled));
        assertEq(uint8(results[1]), uint8(LeafResult.ModeNotAllowed));
        assertEq(uint8(results[2]), uint8(LeafResult.AlreadySettled));
        assertEq(uint8(results[3]), uint8(LeafResult.Cancelled));
        assertEq(uint8(results[4]), uint8(LeafResult.UnknownRequest));
        // Announced, in effect, not finalized.
        assertEq(uint8(results[5]), uint8(LeafResult.Cancelled));
        assertEq(uint8(results[6]), uint8(LeafResult.Settled));
        // The same leaf again.
        assertEq(uint8(results[7]), uint8(LeafResult.AlreadySettled));
        assertEq(escrow.balanceOf(payee), 3 * (FEE - FEE / 10));
    }

    function test_settleBatch_skipsTheExpiredByTheSecond() public {
        Asked[] memory asked = askMany(2, 0);
        skip(1);
        Asked memory later = askOnce(0);
        IBatchSettler.Batch memory batch = batchOf(4, asked, one(payee));
        vm.warp(asked[0].request.deadline);
        uint256 before = vm.snapshotState();
        assertResults(settler.settleBatch(batch), LeafResult.Settled);
        vm.revertToState(before);
        asked[1] = later;
        batch = batchOf(4, asked, one(payee));
        skip(1);
        LeafResult[] memory results = settler.settleBatch(batch);
        assertEq(uint8(results[0]), uint8(LeafResult.Expired));
        assertEq(uint8(results[1]), uint8(LeafResult.Settled));
        hub.expire(asked[0].request);
        skip(1);
        results = settler.settleBatch(batch);
        assertEq(uint8(results[0]), uint8(LeafResult.Expired));
        assertEq(uint8(results[1]), uint8(LeafResult.AlreadySettled));
    }

    function test_settleBatch_bindsPrivateWeightsAndInputs() public {
        Schema memory schema = schemaOf(30, 1);
        schema.inputMode = InputModes.COMMITMENT;
        modelId = registerBatched(schema, bytes32(uint256(77)));
        Asked[] memory asked = new Asked[](3);
        for (uint256 i = 0; i < 3; ++i) {
            asked[i] = askPrivately(consumer, modelId, bytes32(i + 5), address(this));
        }
        IBatchSettler.Batch memory batch = batchOf(4, asked, one(payee));
        assertEq(batch.inputs, abi.encode(5, 6, 7));
        assertResults(settler.settleBatch(batch), LeafResult.Settled);
        batch.inputs = abi.encode(5, 6, 8);
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.InputMismatch.selector, 2));
        settler.settleBatch(batch);
    }

    // What the proof binds.

    function test_settleBatch_revertsIfAnythingProvedDiffers() public {
        Asked[] memory asked = askMany(3, 0);
        IBatchSettler.Batch memory good = batchOf(4, asked, one(payee));

        // Another payee for all, or for one.
        good.payees = one(second);
        _expectInvalid(good);
        good.payees = new address[](3);
        (good.payees[0], good.payees[1], good.payees[2]) = (payee, payee, second);
        _expectInvalid(good);
        good = batchOf(4, asked, one(payee));

        // Another output, another status, another leaf's output.
        good.outputs = bytes.concat(leafOutput(0), leafOutput(1), leafOutput(3));
        _expectInvalid(good);
        good.outputs = bytes.concat(leafOutput(0), leafOutput(1), outputOf(1, 3));
        _expectInvalid(good);
        good.outputs = bytes.concat(leafOutput(1), leafOutput(0), leafOutput(2));
        _expectInvalid(good);
        good = batchOf(4, asked, one(payee));

        // Reordered, duplicated, missing and further leaves.
        (good.requests[0], good.requests[1]) = (good.requests[1], good.requests[0]);
        _expectInvalid(good);
        (good.requests[0], good.requests[1]) = (good.requests[1], good.requests[0]);
        good.requests[1] = good.requests[0];
        _expectInvalid(good);
        good = batchOf(4, asked, one(payee));
        Asked[] memory fewer = new Asked[](2);
        (fewer[0], fewer[1]) = (asked[0], asked[1]);
        IBatchSettler.Batch memory other = batchOf(4, fewer, one(payee));
        other.proof = good.proof;
        _expectInvalid(other);
        // The padding of three leaves is the fourth leaf's words, but no leaf.
        Asked[] memory more = new Asked[](4);
        (more[0], more[1], more[2], more[3]) = (asked[0], asked[1], asked[2], asked[2]);
        other = batchOf(4, more, one(payee));
        other.outputs = bytes.concat(good.outputs, leafOutput(2));
        other.proof = good.proof;
        _expectInvalid(other);

        assertResults(settler.settleBatch(good), LeafResult.Settled);
    }

    /// The same leaves under another of the model's keys: another circuit, another statement.
    function test_settleBatch_revertsIfKeyIsAnotherSize() public {
        IBatchSettler.Batch memory batch = batchOf(4, askMany(3, 0), one(payee));
        batch.items = 16;
        _expectInvalid(batch);
    }

    function test_settleBatch_revertsAtAnotherSettlerOfTheHub() public {
        // A hub with two settlers: a proof is for one of them.
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 2);
        BatchSettler first = new BatchSettler(next, registry);
        BatchSettler other = new BatchSettler(next, registry);
        address[] memory both = new address[](2);
        (both[0], both[1]) = (address(first), address(other));
        hub = new InferenceHub(registry, router, both);
        escrow = hub.escrow();
        settler = first;
        consumer = new RecordingConsumer(hub);
        vm.deal(address(consumer), 1 ether);
        IBatchSettler.Batch memory batch = batchOf(4, askMany(2, 0), one(payee));
        bytes32 tag = other.batchTagOf(modelId, 4, idsOf(batch), batch.payees);
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.InvalidBatchProof.selector, tag));
        other.settleBatch(batch);
        assertResults(first.settleBatch(batch), LeafResult.Settled);
    }

    /// Requests of one hub are unknown to another: their ids differ there, and so do the tags.
    function test_settleBatch_revertsAtAnotherHub() public {
        IBatchSettler.Batch memory batch = batchOf(4, askMany(2, 0), one(payee));
        (InferenceHub otherHub, BatchSettler otherSettler) = deployHub();
        vm.expectPartialRevert(IBatchSettler.InvalidBatchProof.selector);
        otherSettler.settleBatch(batch);
        // Even a proof for the other hub's ids: nobody asked there.
        (hub, settler) = (otherHub, otherSettler);
        batch.proof = batchProof(batch);
        assertResults(settler.settleBatch(batch), LeafResult.UnknownRequest);
    }

    function test_settleBatch_revertsOnAnotherChain() public {
        IBatchSettler.Batch memory batch = batchOf(4, askMany(2, 0), one(payee));
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(IBatchSettler.InvalidBatchProof.selector);
        settler.settleBatch(batch);
        // A proof made for that chain finds no requests there.
        batch.proof = batchProof(batch);
        assertResults(settler.settleBatch(batch), LeafResult.UnknownRequest);
    }

    /// A valid single proof is none of a batch, under either key, and the other way round.
    function test_settleBatch_singleAndBatchProofsAreNotEachOthers() public {
        Asked[] memory asked = askMany(1, 0);
        bytes memory output = leafOutput(0);
        bytes memory single = proofOf(asked[0], payee, output);
        IBatchSettler.Batch memory batch = batchOf(4, asked, one(payee));
        bytes memory batched = batch.proof;
        batch.proof = single;
        _expectInvalid(batch);
        batch.items = 1;
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownBatchKey.selector, modelId, 1));
        settler.settleBatch(batch);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, asked[0].id));
        hub.fulfill(asked[0].request, asked[0].input, payee, output, batched);
        hub.fulfill(asked[0].request, asked[0].input, payee, output, single);
    }

    function test_settleBatch_replayedSettlesNothing() public {
        IBatchSettler.Batch memory batch = batchOf(4, askMany(3, 0), one(payee));
        settler.settleBatch(batch);
        uint256 credited = escrow.totalCredited();
        assertResults(settler.settleBatch(batch), LeafResult.AlreadySettled);
        assertEq(escrow.totalCredited(), credited);
    }

    function test_settleBatch_revertsIfRouteStopped() public {
        IBatchSettler.Batch memory batch = batchOf(4, askMany(2, 0), one(payee));
        vm.prank(guardian);
        router.stop(route);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteIsStopped.selector, route));
        settler.settleBatch(batch);
    }

    // Calls that no proof can fit.

    function test_settleBatch_revertsIfModelIsUnknownOrAnother() public {
        IBatchSettler.Batch memory batch = batchOf(4, askMany(2, 0), one(payee));
        batch.modelId = 5;
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, 5));
        settler.settleBatch(batch);
        // Another model with the very same keys.
        uint256 first = modelId;
        batch.modelId = registerBatched(makeAddr("another owner"), schemaOf(30, 1), 0);
        assertEq(
            registry.batchTermsOf(first, 4).vkHash, registry.batchTermsOf(batch.modelId, 4).vkHash
        );
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.WrongModel.selector, 0));
        settler.settleBatch(batch);
        batch.modelId = first;
        assertResults(settler.settleBatch(batch), LeafResult.Settled);
    }

    function test_settleBatch_revertsIfCountsDoNotFit() public {
        IBatchSettler.Batch memory batch = batchOf(16, askMany(5, 0), one(payee));
        batch.items = 4;
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.BadLeafCount.selector, 5, 4));
        settler.settleBatch(batch);
        batch.items = 16;
        batch.payees = new address[](2);
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.BadPayeeCount.selector, 5, 2));
        settler.settleBatch(batch);
        batch.payees = new address[](0);
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.BadPayeeCount.selector, 5, 0));
        settler.settleBatch(batch);
        batch.payees = new address[](5);
        for (uint256 i = 0; i < 4; ++i) {
            batch.payees[i] = payee;
        }
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.ZeroPayee.selector, 4));
        settler.settleBatch(batch);
        batch.requests = new Request[](0);
        batch.payees = one(payee);
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.BadLeafCount.selector, 0, 16));
        settler.settleBatch(batch);
    }

    function test_settleBatch_revertsIfWordsDoNotFit() public {
        IBatchSettler.Batch memory good = batchOf(4, askMany(2, 0), one(payee));
        bytes memory inputs = good.inputs;
        good.inputs = bytes.concat(inputs, hex"00");
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.WrongInputLength.selector, 192, 193));
        settler.settleBatch(good);
        inputs[100] ^= 0x01;
        good.inputs = inputs;
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.InputMismatch.selector, 1));
        settler.settleBatch(good);
        inputs[100] ^= 0x01;
        bytes memory outputs = good.outputs;
        good.outputs = leafOutput(0);
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.WrongOutputLength.selector, 64, 32));
        settler.settleBatch(good);
        outputs[32] = 0x20;
        good.outputs = outputs;
        vm.expectPartialRevert(IBatchSettler.NonCanonicalOutput.selector);
        settler.settleBatch(good);
    }

    function _tag(IBatchSettler.Batch memory batch) private view returns (bytes32) {
        bytes32 vkHash = registry.batchTermsOf(batch.modelId, batch.items).vkHash;
        return batchTag(block.chainid, address(settler), vkHash, idsOf(batch), batch.payees);
    }

    function _expectInvalid(IBatchSettler.Batch memory batch) private {
        vm.expectRevert(
            abi.encodeWithSelector(IBatchSettler.InvalidBatchProof.selector, _tag(batch))
        );
        settler.settleBatch(batch);
    }
}
