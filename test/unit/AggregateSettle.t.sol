// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {AggregateSettler} from "../../contracts/AggregateSettler.sol";
import {BatchSettler} from "../../contracts/BatchSettler.sol";
import {InferenceHub} from "../../contracts/InferenceHub.sol";
import {IAggregateSettler} from "../../contracts/interfaces/IAggregateSettler.sol";
import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {KeyDigest} from "../../contracts/libraries/KeyDigest.sol";
import {InputModes, LeafResult, Modes, Schema, State} from "../../contracts/types/Types.sol";
import {BatchTest} from "../base/BatchTest.sol";
import {RecordingConsumer} from "../mocks/Consumers.sol";
import {StubVerifier} from "../mocks/StubVerifier.sol";

/// @dev Requests of three models, one with private weights and inputs, settled by one "proof" of the
/// stub, which holds for one key and one vector of instances. Real aggregates: `Aggregate.t.sol`.
contract AggregateSettleTest is BatchTest {
    uint256 private constant SLOTS = 4;

    AggregateSettler internal aggregates;
    StubVerifier internal outer;
    uint256 internal second;
    uint256 internal hiddenModel;
    Asked[] internal asked;

    function setUp() public override {
        super.setUp();
        outer = new StubVerifier("aggregation", "srs", false);
        uint256 nonce = vm.getNonce(address(this));
        address next = vm.computeCreateAddress(address(this), nonce + 2);
        settler = new BatchSettler(next, registry);
        aggregates = _aggregates(next);
        address[] memory modules = new address[](2);
        (modules[0], modules[1]) = (address(settler), address(aggregates));
        hub = new InferenceHub(registry, router, modules);
        assertEq(address(hub), next);
        escrow = hub.escrow();
        consumer = new RecordingConsumer(hub);
        vm.deal(address(consumer), 1_000 ether);
        second = register(schemaOf(5, 2));
        Schema memory committed = schemaOf(30, 1);
        committed.inputMode = InputModes.COMMITMENT;
        hiddenModel = register(committed, keccak256("weights") >> 3);
        aggregates.enableAggregation(modelId);
        aggregates.enableAggregation(second);
        aggregates.enableAggregation(hiddenModel);
        asked.push(askOnce(ANY));
        asked.push(askOnce(ANY));
        asked.push(askPrivately(consumer, hiddenModel, keccak256("values") >> 3, payee));
    }

    function test_settle_storesEveryResultAndPaysItsPayee() public {
        address other = makeAddr("other payee");
        IAggregateSettler.Aggregate memory all = _of(3);
        all.leaves[1].payee = other;
        LeafResult[] memory results = _settle(all);
        for (uint256 i = 0; i < 3; ++i) {
            assertEq(uint8(results[i]), uint8(LeafResult.Settled));
            (State state,, bytes32 hash,, address paid) = hub.resultOf(asked[i].id);
            assertEq(uint8(state), uint8(State.Verified));
            assertEq(hash, keccak256(all.leaves[i].output));
            assertEq(paid, all.leaves[i].payee);
        }
        uint256 each = FEE - uint256(FEE) * SHARE_BPS / 10_000;
        assertEq(escrow.balanceOf(payee), 2 * each);
        assertEq(escrow.balanceOf(other), each);
        assertEq(escrow.totalHeld(), 0);
    }

    function test_settle_skipsWhatCannotBeSettled() public {
        IAggregateSettler.Aggregate memory all = _of(3);
        all.leaves[1] = all.leaves[0];
        LeafResult[] memory results = _settle(all);
        assertEq(uint8(results[0]), uint8(LeafResult.Settled));
        assertEq(uint8(results[1]), uint8(LeafResult.AlreadySettled));
        assertEq(uint8(results[2]), uint8(LeafResult.Settled));
        vm.warp(asked[1].request.deadline + 1);
        all = _of(2);
        results = _settle(all);
        assertEq(uint8(results[1]), uint8(LeafResult.Expired));
    }

    function test_settle_needsAModeThatAllowsIt() public {
        asked[0] = askOnce(Modes.SINGLE);
        LeafResult[] memory results = _settle(_of(1));
        assertEq(uint8(results[0]), uint8(LeafResult.ModeNotAllowed));
    }

    function test_settle_isOfTheseLeavesInThisOrder() public {
        IAggregateSettler.Aggregate memory all = _of(3);
        all.proof = _proof(all);
        IAggregateSettler.Aggregate memory changed = _of(3);
        changed.proof = all.proof;
        (changed.leaves[0], changed.leaves[1]) = (changed.leaves[1], changed.leaves[0]);
        _invalid(changed);
        changed = _of(2);
        changed.proof = all.proof;
        _invalid(changed);
        changed = _of(3);
        changed.proof = all.proof;
        changed.leaves[2].payee = address(this);
        _invalid(changed);
        changed = _of(3);
        changed.proof = all.proof;
        changed.leaves[0].output = outputOf(0, 77);
        _invalid(changed);
        changed = _of(3);
        changed.proof = all.proof;
        changed.accumulator[3] ^= 1;
        _invalid(changed);
        changed = _of(3);
        changed.proof = all.proof;
        changed.h ^= 1;
        _invalid(changed);
    }

    function test_settle_ofAnotherChainIsNone() public {
        IAggregateSettler.Aggregate memory all = _of(3);
        all.proof = _proof(all);
        vm.chainId(10);
        // Other ids: other tags, another gamma.
        _invalid(all);
    }

    /// Neither way round: instances and key differ.
    function test_settle_ofSingleProofsIsNone() public {
        IAggregateSettler.Aggregate memory all = _of(1);
        all.proof = proofOf(asked[0], payee, all.leaves[0].output);
        _invalid(all);
        IAggregateSettler.Leaf memory leaf = all.leaves[0];
        bytes memory proof = _proof(all);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, asked[0].id));
        hub.fulfill(leaf.request, leaf.input, payee, leaf.output, proof);
    }

    function test_settle_revertsForWhatNoProofCanFit() public {
        IAggregateSettler.Aggregate memory all = _of(3);
        all.slots = 5;
        vm.expectRevert(abi.encodeWithSelector(IAggregateSettler.NoSuchKey.selector, 5));
        aggregates.settleAggregate(all);
        all = _of(3);
        all.leaves = new IAggregateSettler.Leaf[](SLOTS + 1);
        vm.expectRevert(
            abi.encodeWithSelector(IAggregateSettler.BadLeafCount.selector, SLOTS + 1, SLOTS)
        );
        aggregates.settleAggregate(all);
        all = _of(3);
        all.leaves[1].payee = address(0);
        vm.expectRevert(abi.encodeWithSelector(IAggregateSettler.ZeroPayee.selector, 1));
        aggregates.settleAggregate(all);
        all = _of(3);
        all.leaves[0].input[3] ^= 0x01;
        vm.expectRevert(abi.encodeWithSelector(IAggregateSettler.InputMismatch.selector, 0));
        aggregates.settleAggregate(all);
        all = _of(3);
        all.leaves[2].input = "x";
        vm.expectRevert(abi.encodeWithSelector(IAggregateSettler.InputMismatch.selector, 2));
        aggregates.settleAggregate(all);
        all = _of(3);
        all.leaves[1].output = bytes.concat(all.leaves[1].output, bytes32(0));
        vm.expectRevert(abi.encodeWithSelector(IAggregateSettler.OutputMalformed.selector, 1));
        aggregates.settleAggregate(all);
        all = _of(3);
        all.leaves[1].output = abi.encode(uint256(1) << 253);
        vm.expectRevert(abi.encodeWithSelector(IAggregateSettler.OutputMalformed.selector, 1));
        aggregates.settleAggregate(all);
    }

    function test_settle_needsTheDigestOfTheModelsKey() public {
        uint256 third = register(schemaOf(7, 1));
        IAggregateSettler.Aggregate memory all = _of(1);
        all.leaves[0].request.modelId = third;
        vm.expectRevert(abi.encodeWithSelector(IAggregateSettler.NotEnabled.selector, third));
        aggregates.settleAggregate(all);
        vm.expectRevert(abi.encodeWithSelector(IAggregateSettler.AlreadyEnabled.selector, modelId));
        aggregates.enableAggregation(modelId);
        assertEq(
            aggregates.digestOf(second),
            KeyDigest.digest(route, vkDataOf(14, instancesFor(schemaOf(5, 2))))
        );
        assertNotEq(aggregates.digestOf(second), aggregates.digestOf(modelId));
    }

    function test_settle_ofAStoppedShapeIsNone() public {
        IAggregateSettler.Aggregate memory all = _of(3);
        all.proof = _proof(all);
        vm.prank(guardian);
        router.stop(route);
        vm.expectRevert();
        aggregates.settleAggregate(all);
    }

    /// The stub verifies for nothing: the real verifier's figure is in `Aggregate.t.sol`.
    function test_settle_gas() public {
        _settle(_of(2));
        for (uint256 i = 0; i < 3; ++i) {
            if (i == 2) asked.push(askOnce(ANY));
            else asked[i] = askOnce(ANY);
        }
        asked[2] = askOnce(ANY);
        IAggregateSettler.Aggregate memory all = _of(4);
        all.proof = _proof(all);
        aggregates.settleAggregate(all);
        vm.snapshotGasLastCall("aggregate", "settleAggregate, 4 leaves, stub verifier");
        asked[0] = askOnce(ANY);
        all = _of(1);
        all.proof = _proof(all);
        aggregates.settleAggregate(all);
        vm.snapshotGasLastCall("aggregate", "settleAggregate, 1 leaf, stub verifier");
    }

    function test_constructor_refusesAnotherSetup() public {
        outer = new StubVerifier("aggregation", "other srs", false);
        vm.expectRevert(
            abi.encodeWithSelector(
                IAggregateSettler.WrongSetup.selector, bytes32("srs"), bytes32("other srs")
            )
        );
        _aggregates(address(hub));
    }

    function _aggregates(address hub_) private returns (AggregateSettler) {
        uint256[] memory slots = new uint256[](1);
        bytes[] memory keys = new bytes[](1);
        (slots[0], keys[0]) = (SLOTS, abi.encode("aggregation key"));
        return new AggregateSettler(hub_, registry, outer, route, slots, keys);
    }

    function _of(uint256 count) private view returns (IAggregateSettler.Aggregate memory all) {
        all.slots = SLOTS;
        all.h = uint256(keccak256("h")) >> 3;
        all.leaves = new IAggregateSettler.Leaf[](count);
        for (uint256 i = 0; i < count; ++i) {
            all.accumulator[i] = i + 1;
            all.leaves[i] = IAggregateSettler.Leaf({
                request: asked[i].request,
                payee: payee,
                input: asked[i].request.inputMode == InputModes.COMMITMENT
                    ? bytes("")
                    : asked[i].input,
                output: outputOf(0, 10 + i)
            });
        }
    }

    function _proof(IAggregateSettler.Aggregate memory all) private view returns (bytes memory) {
        return outer.proofFor(aggregates.keyFor(SLOTS), aggregates.instancesOf(all));
    }

    function _settle(IAggregateSettler.Aggregate memory all) private returns (LeafResult[] memory) {
        all.proof = _proof(all);
        return aggregates.settleAggregate(all);
    }

    function _invalid(IAggregateSettler.Aggregate memory all) private {
        vm.expectRevert(abi.encodeWithSelector(IAggregateSettler.InvalidAggregate.selector, all.h));
        aggregates.settleAggregate(all);
    }
}
