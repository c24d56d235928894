// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchSettler} from "../../contracts/BatchSettler.sol";
import {InferenceHub} from "../../contracts/InferenceHub.sol";
import {IBatchSettler} from "../../contracts/interfaces/IBatchSettler.sol";
import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {IVerifierRouter} from "../../contracts/interfaces/IVerifierRouter.sol";
import {
    Delivery,
    InputModes,
    LeafResult,
    Modes,
    Schema,
    State
} from "../../contracts/types/Types.sol";
import {BatchTest} from "../base/BatchTest.sol";

contract BatchRootTest is BatchTest {
    uint256 private constant GRACE = 1 hours;

    Asked[] internal asked;

    function setUp() public override {
        super.setUp();
        _askAgain(5);
    }

    function test_settleRoot_storesTheRootAlone() public {
        IBatchSettler.RootBatch memory batch = _batch();
        bytes32 tag = _tag(batch);
        uint256 id = uint256(keccak256(abi.encode(ROOT_V1, modelId, tag)));
        bytes32 root = plainRoot(leavesOf(id, batch));
        vm.expectEmit();
        emit IBatchSettler.RootPosted(id, modelId, tag, root, 5);
        assertEq(settler.settleRoot(batch), id);
        (bytes32 stored, uint64 at) = settler.postedRoot(id);
        assertEq(stored, root);
        assertEq(at, block.timestamp);
        assertEq(settler.batchIdOf(modelId, tag), id);
        assertEq(escrow.totalCredited(), 0);
        assertEq(escrow.totalHeld(), 5 * FEE);
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.AlreadyPosted.selector, id));
        settler.settleRoot(batch);
    }

    function test_claimLeaf_settlesAnyLeafOnce() public {
        IBatchSettler.RootBatch memory batch = _batch();
        uint256 id = settler.settleRoot(batch);
        for (uint256 n = 0; n < 5; ++n) {
            uint256 i = (n + 2) % 5;
            IBatchSettler.Claim memory claim = claimOf(asked[i], batch, i);
            vm.expectEmit();
            emit IInferenceHub.Verified(asked[i].id, payee, 0, leafOutput(i));
            vm.expectEmit();
            emit IBatchSettler.LeafClaimed(id, asked[i].id, i);
            settler.claimLeaf(claim);
            (State state,, bytes32 outputHash,, address paid) = hub.resultOf(asked[i].id);
            assertEq(uint8(state), uint8(State.Verified));
            assertEq(outputHash, keccak256(leafOutput(i)));
            assertEq(paid, payee);
            _expectNotSettled(asked[i].id, LeafResult.AlreadySettled, claim);
        }
        assertEq(escrow.balanceOf(payee), 5 * (FEE - FEE / 10));
        assertEq(escrow.balanceOf(modelOwner), 5 * (FEE / 10));
    }

    function test_claimLeaf_worksForEverySize() public {
        uint8[7] memory counts = [1, 2, 3, 4, 7, 8, 16];
        for (uint256 n = 0; n < counts.length; ++n) {
            _askAgain(counts[n]);
            IBatchSettler.RootBatch memory batch = rootBatchOf(16, asked, one(payee));
            settler.settleRoot(batch);
            for (uint256 i = 0; i < counts[n]; ++i) {
                settler.claimLeaf(claimOf(asked[i], batch, i));
                (State state,,,,) = hub.resultOf(asked[i].id);
                assertEq(uint8(state), uint8(State.Verified));
            }
        }
    }

    function test_claimLeaf_leavesTheCallbackForAnyone() public {
        delete asked;
        asked.push(ask(consumer, FEE, moded(ANY, CALLBACK_GAS)));
        IBatchSettler.RootBatch memory batch = _batch();
        settler.settleRoot(batch);
        settler.claimLeaf(claimOf(asked[0], batch, 0));
        (, Delivery delivery,,,) = hub.resultOf(asked[0].id);
        assertEq(uint8(delivery), uint8(Delivery.Pending));
        hub.deliver(asked[0].request, leafOutput(0));
        assertEq(consumer.calls(), 1);
    }

    function test_claimLeaf_takesPrivateInputs() public {
        Schema memory schema = schemaOf(30, 1);
        schema.inputMode = InputModes.COMMITMENT;
        modelId = registerBatched(schema, bytes32(uint256(77)));
        delete asked;
        vm.recordLogs();
        consumer.askPrivately{value: FEE}(
            modelId, bytes32(uint256(9)), address(this), moded(ANY, 0)
        );
        asked.push(readRequest());
        IBatchSettler.RootBatch memory batch = _batch();
        uint256 id = settler.settleRoot(batch);
        bytes32 leaf = settler.leafOf(
            id, 0, asked[0].id, payee, 0, bytes32(uint256(9)), keccak256(leafOutput(0))
        );
        (bytes32 root,) = settler.postedRoot(id);
        assertEq(root, leaf);
        settler.claimLeaf(
            IBatchSettler.Claim({
                request: asked[0].request,
                batchTag: _tag(batch),
                index: 0,
                payee: payee,
                output: leafOutput(0),
                path: new bytes32[](0)
            })
        );
        assertEq(escrow.balanceOf(payee), FEE - FEE / 10);
    }

    // Time: refund and claim never race.

    function test_claimLeaf_countsFromWhenTheRootWasPosted() public {
        IBatchSettler.RootBatch memory batch = _batch();
        vm.warp(asked[0].request.deadline);
        settler.settleRoot(batch);
        skip(GRACE);
        uint256 last = asked[0].request.deadline + GRACE;
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.DeadlineNotPassed.selector, asked[0].id, last)
        );
        hub.expire(asked[0].request);
        settler.claimLeaf(claimOf(asked[0], batch, 0));
        // From then on who is first wins: here the refund.
        skip(1);
        hub.expire(asked[1].request);
        _expectNotSettled(asked[1].id, LeafResult.Expired, claimOf(asked[1], batch, 1));
        settler.claimLeaf(claimOf(asked[2], batch, 2));
    }

    function test_claimLeaf_revertsIfPostedAfterTheDeadline() public {
        IBatchSettler.RootBatch memory batch = _batch();
        vm.warp(asked[0].request.deadline + 1);
        settler.settleRoot(batch);
        _expectNotSettled(asked[0].id, LeafResult.Expired, claimOf(asked[0], batch, 0));
    }

    function test_claimLeaf_countsBeforeACancellation() public {
        IBatchSettler.RootBatch memory batch = _batch();
        consumer.cancel(asked[0].request);
        consumer.cancel(asked[1].request);
        uint256 effectiveAt = hub.cancelEffectiveAt(asked[0].id);
        skip(59);
        settler.settleRoot(batch);
        skip(GRACE);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceHub.CancelTooEarly.selector, asked[0].id, effectiveAt + GRACE
            )
        );
        hub.finalizeCancel(asked[0].request);
        settler.claimLeaf(claimOf(asked[0], batch, 0));
        skip(1);
        hub.finalizeCancel(asked[1].request);
        _expectNotSettled(asked[1].id, LeafResult.Cancelled, claimOf(asked[1], batch, 1));
    }

    function test_claimLeaf_revertsIfCancelledBeforeTheRoot() public {
        IBatchSettler.RootBatch memory batch = _batch();
        consumer.cancel(asked[0].request);
        skip(60);
        settler.settleRoot(batch);
        _expectNotSettled(asked[0].id, LeafResult.Cancelled, claimOf(asked[0], batch, 0));
    }

    /// Without `Modes.ROOT` nothing waits, and no root settles.
    function test_claimLeaf_revertsIfRootsAreNotAllowed() public {
        delete asked;
        asked.push(askOnce(0));
        IBatchSettler.RootBatch memory batch = _batch();
        settler.settleRoot(batch);
        _expectNotSettled(asked[0].id, LeafResult.ModeNotAllowed, claimOf(asked[0], batch, 0));
        vm.warp(asked[0].request.deadline + 1);
        hub.expire(asked[0].request);
    }

    function test_claimLeaf_revertsIfRouteStopped() public {
        IBatchSettler.RootBatch memory batch = _batch();
        settler.settleRoot(batch);
        vm.prank(guardian);
        router.stop(route);
        IBatchSettler.Claim memory claim = claimOf(asked[0], batch, 0);
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.RouteIsStopped.selector, route));
        settler.claimLeaf(claim);
        hub.refundStopped(asked[0].request);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteIsStopped.selector, route));
        settler.settleRoot(batch);
    }

    // What the root binds.

    function test_claimLeaf_revertsIfAnythingDiffers() public {
        IBatchSettler.RootBatch memory batch = _batch();
        uint256 id = settler.settleRoot(batch);
        IBatchSettler.Claim memory claim = claimOf(asked[1], batch, 1);

        claim.payee = address(this);
        _expectNotIn(claim, id);
        claim.payee = payee;
        claim.output = leafOutput(2);
        _expectNotIn(claim, id);
        claim.output = bytes.concat(leafOutput(1), hex"00");
        _expectNotIn(claim, id);
        claim.output = leafOutput(1);
        // Another position: with that position's path, or the same.
        claim.index = 2;
        _expectNotIn(claim, id);
        claim.path = plainPath(leavesOf(id, batch), 2);
        _expectNotIn(claim, id);
        claim = claimOf(asked[1], batch, 1);
        claim.index = 1 + 8;
        _expectNotIn(claim, id);
        claim = claimOf(asked[1], batch, 1);
        claim.request = asked[2].request;
        _expectNotIn(claim, id);
        claim.request = asked[1].request;
        claim.path[0] = keccak256("another");
        _expectNotIn(claim, id);
        claim.path = new bytes32[](9);
        _expectNotIn(claim, id);
        claim.path = new bytes32[](0);
        claim.index = 0;
        _expectNotIn(claim, id);

        // Another tag is another batch, and so is another model.
        claim = claimOf(asked[1], batch, 1);
        claim.batchTag = keccak256("another");
        vm.expectPartialRevert(IBatchSettler.UnknownBatch.selector);
        settler.claimLeaf(claim);
        claim = claimOf(asked[1], batch, 1);
        claim.request.modelId = registerBatched(makeAddr("other"), schemaOf(30, 1), 0);
        vm.expectPartialRevert(IBatchSettler.UnknownBatch.selector);
        settler.claimLeaf(claim);
        settler.claimLeaf(claimOf(asked[1], batch, 1));
    }

    /// A root posted for one model says nothing about requests of another with the same key: the
    /// tag may be the same, the batch is not.
    function test_claimLeaf_revertsForAnotherModelWithTheSameKey() public {
        uint256 first = modelId;
        uint256 twin = registerBatched(makeAddr("twin"), schemaOf(30, 1), 0);
        modelId = twin;
        _askAgain(2);
        // Proved for the first model's key about the twin's requests.
        IBatchSettler.RootBatch memory batch = _batch();
        batch.modelId = first;
        IBatchSettler.Batch memory full = batchOf(16, asked, one(payee));
        full.modelId = first;
        batch.proof = batchProof(full);
        uint256 id = settler.settleRoot(batch);
        IBatchSettler.Claim memory claim = claimOf(asked[0], batch, 0);
        uint256 other = settler.batchIdOf(twin, claim.batchTag);
        assertNotEq(id, other);
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.UnknownBatch.selector, other));
        settler.claimLeaf(claim);
    }

    /// An inner node is no leaf, whatever its preimage is called.
    function test_claimLeaf_revertsForANodeAsLeaf() public {
        IBatchSettler.RootBatch memory batch = _batch();
        uint256 id = settler.settleRoot(batch);
        IBatchSettler.Claim memory claim = claimOf(asked[0], batch, 0);
        bytes32[] memory shorter = new bytes32[](claim.path.length - 1);
        for (uint256 i = 0; i < shorter.length; ++i) {
            shorter[i] = claim.path[i + 1];
        }
        claim.path = shorter;
        _expectNotIn(claim, id);
    }

    /// One request at two positions: two leaves, settled once.
    function test_claimLeaf_settlesADuplicatedLeafOnce() public {
        asked[3] = asked[1];
        IBatchSettler.RootBatch memory batch = _batch();
        settler.settleRoot(batch);
        settler.claimLeaf(claimOf(asked[3], batch, 3));
        _expectNotSettled(asked[1].id, LeafResult.AlreadySettled, claimOf(asked[1], batch, 1));
    }

    /// Two batches hold the request for two payees: the first claim is paid, once.
    function test_claimLeaf_paysOneOfTwoBatches() public {
        IBatchSettler.RootBatch memory mine = _batch();
        IBatchSettler.RootBatch memory theirs = rootBatchOf(16, asked, one(address(0xBEEF)));
        settler.settleRoot(mine);
        settler.settleRoot(theirs);
        settler.claimLeaf(claimOf(asked[0], theirs, 0));
        _expectNotSettled(asked[0].id, LeafResult.AlreadySettled, claimOf(asked[0], mine, 0));
        assertEq(escrow.balanceOf(address(0xBEEF)), FEE - FEE / 10);
        assertEq(escrow.balanceOf(payee), 0);
    }

    function test_settleRoot_revertsIfAnythingProvedDiffers() public {
        IBatchSettler.RootBatch memory batch = _batch();
        (batch.ids[0], batch.ids[1]) = (batch.ids[1], batch.ids[0]);
        _expectInvalid(batch);
        batch = _batch();
        batch.ids[0] = batch.ids[1];
        _expectInvalid(batch);
        batch = _batch();
        batch.payees = one(address(this));
        _expectInvalid(batch);
        batch = _batch();
        batch.inputs[40] ^= 0x01;
        _expectInvalid(batch);
        batch = _batch();
        batch.outputs[63] ^= 0x01;
        _expectInvalid(batch);
        batch = _batch();
        batch.items = 64;
        _expectInvalid(batch);
    }

    function test_settleRoot_revertsElsewhere() public {
        IBatchSettler.RootBatch memory batch = _batch();
        (InferenceHub otherHub, BatchSettler otherSettler) = deployHub();
        assertEq(address(otherHub), otherSettler.hub());
        vm.expectPartialRevert(IBatchSettler.InvalidBatchProof.selector);
        otherSettler.settleRoot(batch);
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(IBatchSettler.InvalidBatchProof.selector);
        settler.settleRoot(batch);
    }

    /// A root posted on a chain before it split is worth nothing on the other side.
    function test_claimLeaf_revertsOnAnotherChain() public {
        IBatchSettler.RootBatch memory batch = _batch();
        settler.settleRoot(batch);
        IBatchSettler.Claim memory claim = claimOf(asked[0], batch, 0);
        vm.chainId(block.chainid + 1);
        vm.expectPartialRevert(IBatchSettler.NotInBatch.selector);
        settler.claimLeaf(claim);
    }

    function test_settleRoot_revertsForWhatNoProofCanFit() public {
        IBatchSettler.RootBatch memory batch = _batch();
        batch.items = 4;
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.BadLeafCount.selector, 5, 4));
        settler.settleRoot(batch);
        batch.items = 16;
        batch.payees = one(address(0));
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.ZeroPayee.selector, 0));
        settler.settleRoot(batch);
        batch.payees = new address[](6);
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.BadPayeeCount.selector, 5, 6));
        settler.settleRoot(batch);
    }

    function _askAgain(uint256 count) private {
        delete asked;
        for (uint256 i = 0; i < count; ++i) {
            asked.push(askOnce(ANY));
        }
    }

    function _batch() private view returns (IBatchSettler.RootBatch memory) {
        return rootBatchOf(16, asked, one(payee));
    }

    function _tag(IBatchSettler.RootBatch memory batch) private view returns (bytes32) {
        bytes32 vkHash = registry.batchTermsOf(batch.modelId, batch.items).vkHash;
        return batchTag(block.chainid, address(settler), vkHash, batch.ids, batch.payees);
    }

    function _expectInvalid(IBatchSettler.RootBatch memory batch) private {
        vm.expectRevert(
            abi.encodeWithSelector(IBatchSettler.InvalidBatchProof.selector, _tag(batch))
        );
        settler.settleRoot(batch);
    }

    function _expectNotIn(IBatchSettler.Claim memory claim, uint256 id) private {
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.NotInBatch.selector, id, claim.index));
        settler.claimLeaf(claim);
    }

    function _expectNotSettled(uint256 id, LeafResult result, IBatchSettler.Claim memory claim)
        private
    {
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.NotSettled.selector, id, result));
        settler.claimLeaf(claim);
    }
}
