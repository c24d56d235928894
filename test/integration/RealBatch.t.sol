// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBatchSettler} from "../../contracts/interfaces/IBatchSettler.sol";
import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {
    Delivery,
    LeafResult,
    Request,
    RequestOptions,
    Schema,
    State
} from "../../contracts/types/Types.sol";
import {BatchFixture} from "./BatchFixture.sol";
import {RealBatchBase} from "./RealBatchBase.sol";

/// @dev A real proof of many requests, through the real narrow verifier and the settler: every
/// result stored and paid at once, or one root of them all.
abstract contract RealBatchTest is RealBatchBase {
    bytes internal settleCall;
    bytes internal rootCall;

    /// @dev Most gas per request of `settleBatch`, all in.
    function settleBudget() internal pure virtual returns (uint256);

    function setUp() public override {
        super.setUp();
        settleCall = abi.encodeCall(settler.settleBatch, (_batch()));
        rootCall = abi.encodeCall(settler.settleRoot, (_rooted(_batch())));
    }

    /// Rust and Solidity agree on every hash and every word.
    function test_statement_isTheProvers() public view {
        IBatchSettler.RootBatch memory batch = _rooted(_batch());
        assertEq(
            settler.batchTagOf(batch.modelId, batch.items, batch.ids, batch.payees), fixture.tag
        );
        assertEq(settler.batchIdOf(batch.modelId, fixture.tag), fixture.batchId);
        assertEq(keccak256(abi.encodePacked(settler.instancesOf(batch))), fixture.instancesHash);
    }

    function test_settleBatch_storesAndPaysEveryLeafOnce() public {
        IBatchSettler.Batch memory batch = _batch();
        uint256[] memory ids = _ids(batch.requests);
        vm.expectEmit();
        emit IBatchSettler.BatchSettled(fixture.tag, fixture.modelId, items(), items());
        _assertResults(settler.settleBatch(batch), LeafResult.Settled);
        for (uint256 i = 0; i < items(); ++i) {
            _assertVerified(ids[i], _part(batch.outputs, i));
        }
        _assertPaid(items());
        // The second time nothing is settled and nobody is paid.
        _assertResults(settler.settleBatch(batch), LeafResult.AlreadySettled);
        _assertPaid(items());
    }

    function test_settleBatch_staysInBudget() public {
        (uint256 total,) = _transact(address(settler), settleCall);
        _snapshot("settleBatch", total / items());
        assertLe(total / items(), settleBudget());
    }

    /// One leaf of the root is claimed: it is stored and paid, the others are not.
    function test_settleRoot_letsALeafBeClaimed() public {
        IBatchSettler.RootBatch memory batch = _rooted(_batch());
        assertEq(settler.settleRoot(batch), fixture.batchId);
        vm.expectRevert(
            abi.encodeWithSelector(IBatchSettler.AlreadyPosted.selector, fixture.batchId)
        );
        settler.settleRoot(batch);
        uint256 index = items() - 3;
        IBatchSettler.Claim memory claim = IBatchSettler.Claim({
            request: _requests()[index],
            batchTag: fixture.tag,
            index: index,
            payee: fixture.payee,
            output: _part(batch.outputs, index),
            path: _path(batch, index)
        });
        settler.claimLeaf(claim);
        _assertVerified(batch.ids[index], claim.output);
        (State state,,,,) = hub.resultOf(batch.ids[0]);
        assertEq(uint8(state), uint8(State.Open));
        _assertPaid(1);
        // Another leaf's output is not in the tree at this place.
        claim.index = index - 1;
        vm.expectRevert(
            abi.encodeWithSelector(IBatchSettler.NotInBatch.selector, fixture.batchId, index - 1)
        );
        settler.claimLeaf(claim);
    }

    /// Any bit of any slot that an output word has.
    function testFuzz_settle_revertsIfAnOutputChanged(uint256 leaf, uint256 bit) public {
        Schema memory schema = BatchFixture.schema(fixture);
        uint256 slots = schema.outputs.length + 1;
        bit = bound(bit, 0, slots * schema.digitBits * schema.outputDigits - 1);
        leaf = bound(leaf, 0, items() - 1);
        IBatchSettler.Batch memory batch = _batch();
        bytes memory outputs = batch.outputs;
        // One word per output.
        assertEq(outputs.length, 32 * items());
        assembly {
            let at := add(add(outputs, 0x20), shl(5, leaf))
            mstore(at, xor(mload(at), shl(bit, 1)))
        }
        _assertInvalid(batch);
    }

    function testFuzz_settle_revertsIfTheProofChanged(uint256 position, uint8 flip) public {
        vm.assume(flip != 0);
        IBatchSettler.Batch memory batch = _batch();
        position = bound(position, 0, batch.proof.length - 1);
        batch.proof[position] ^= bytes1(flip);
        _assertInvalid(batch);
    }

    /// Everything of two leaves in each other's place: the same results in another order.
    function testFuzz_settle_revertsIfLeavesSwapped(uint256 a, uint256 b) public {
        (a, b) = (bound(a, 0, items() - 1), bound(b, 0, items() - 1));
        vm.assume(a != b);
        IBatchSettler.Batch memory batch = _batch();
        (batch.requests[a], batch.requests[b]) = (batch.requests[b], batch.requests[a]);
        _swap(batch.inputs, a, b);
        _swap(batch.outputs, a, b);
        _assertInvalid(batch);
    }

    /// Each of two requests would get the other's answer.
    function test_settle_revertsIfOutputsSwapped() public {
        IBatchSettler.Batch memory batch = _batch();
        bytes32 first = keccak256(_part(batch.outputs, 0));
        uint256 other = 1;
        while (keccak256(_part(batch.outputs, other)) == first) ++other;
        _swap(batch.outputs, 0, other);
        _assertInvalid(batch);
    }

    function test_settle_revertsIfRequestsSwapped() public {
        IBatchSettler.Batch memory batch = _batch();
        (batch.requests[0], batch.requests[1]) = (batch.requests[1], batch.requests[0]);
        // In a batch the inputs no longer match; a root has ids only, which the tag binds.
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.InputMismatch.selector, 0));
        settler.settleBatch(batch);
        IBatchSettler.RootBatch memory root = _rooted(batch);
        _expectInvalid(root);
        settler.settleRoot(root);
    }

    function test_settle_revertsIfPayeeSwapped() public {
        IBatchSettler.Batch memory batch = _batch();
        batch.payees[0] = address(0xBAD);
        _assertInvalid(batch);
    }

    /// The same leaves but one: the circuit's last item repeats another leaf.
    function test_settle_revertsIfALeafIsMissing() public {
        IBatchSettler.Batch memory batch = _batch();
        (bytes memory inputs, bytes memory outputs) = (batch.inputs, batch.outputs);
        Request[] memory requests = batch.requests;
        uint256 count = items() - 1;
        assembly {
            mstore(inputs, mul(div(mload(inputs), add(count, 1)), count))
            mstore(outputs, mul(div(mload(outputs), add(count, 1)), count))
            mstore(requests, count)
        }
        _assertInvalid(batch);
    }

    /// The first request's own proof settles it, and settles no batch, not even one of it alone.
    function test_settle_revertsForTheProofOfOneRequest() public {
        IBatchSettler.Batch memory batch = _batch();
        batch.proof = fixture.singleProof;
        _assertInvalid(batch);
        Request[] memory requests = new Request[](1);
        requests[0] = batch.requests[0];
        batch.requests = requests;
        batch.inputs = _part(batch.inputs, 0);
        batch.outputs = _part(batch.outputs, 0);
        _assertInvalid(batch);
        hub.fulfill(requests[0], batch.inputs, fixture.payee, batch.outputs, fixture.singleProof);
        _assertVerified(hub.requestIdOf(requests[0]), batch.outputs);
    }

    function test_fulfill_revertsForTheProofOfABatch() public {
        Request[] memory requests = _requests();
        for (uint256 i = 0; i < items(); i += items() / 4) {
            uint256 id = hub.requestIdOf(requests[i]);
            bytes memory input = _part(fixture.inputs, i);
            bytes memory output = _part(fixture.outputs, i);
            vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, id));
            hub.fulfill(requests[i], input, fixture.payee, output, fixture.proof);
        }
    }

    /// @dev Per request, all in.
    function _snapshot(string memory what, uint256 each) internal {
        string memory size = string.concat(" (N = ", vm.toString(items()), "), real, per request");
        vm.snapshotValue(GROUP, string.concat(what, size), each);
    }

    /// @dev Neither way of settlement takes the batch, and nothing is settled.
    function _assertInvalid(IBatchSettler.Batch memory batch) internal {
        IBatchSettler.RootBatch memory root = _rooted(batch);
        _expectInvalid(root);
        settler.settleBatch(batch);
        _expectInvalid(root);
        settler.settleRoot(root);
        (State state,,,,) = hub.resultOf(root.ids[0]);
        assertEq(uint8(state), uint8(State.Open));
    }

    function _expectInvalid(IBatchSettler.RootBatch memory batch) private {
        bytes32 tag = settler.batchTagOf(batch.modelId, batch.items, batch.ids, batch.payees);
        vm.expectRevert(abi.encodeWithSelector(IBatchSettler.InvalidBatchProof.selector, tag));
    }

    function _assertResults(LeafResult[] memory results, LeafResult expected) private pure {
        assertEq(results.length, items());
        for (uint256 i = 0; i < results.length; ++i) {
            assertEq(uint8(results[i]), uint8(expected));
        }
    }

    /// @dev Stored, for the payee, and no callback waits.
    function _assertVerified(uint256 id, bytes memory output) private view {
        (State state, Delivery delivery, bytes32 outputHash, uint64 settledAt, address payee) =
            hub.resultOf(id);
        assertEq(uint8(state), uint8(State.Verified));
        assertEq(uint8(delivery), uint8(Delivery.None));
        assertEq(outputHash, keccak256(output));
        assertEq(settledAt, block.timestamp);
        assertEq(payee, fixture.payee);
    }

    /// @dev Payee and owner have what `leaves` requests pay, on top of the wei from before.
    function _assertPaid(uint256 leaves) private view {
        uint256 share = fixture.fee / 10;
        assertEq(escrow.balanceOf(fixture.modelOwner), 1 + leaves * share);
        assertEq(escrow.balanceOf(fixture.payee), 1 + leaves * (fixture.fee - share));
    }

    /// @dev Siblings of a leaf; the batch is full, and its size a power of two.
    function _path(IBatchSettler.RootBatch memory batch, uint256 index)
        private
        view
        returns (bytes32[] memory path)
    {
        bytes32[] memory level = new bytes32[](items());
        for (uint256 i = 0; i < level.length; ++i) {
            bytes memory output = _part(batch.outputs, i);
            uint256 status = uint256(bytes32(output)) & ((1 << _slotBits()) - 1);
            level[i] = settler.leafOf(
                fixture.batchId,
                i,
                batch.ids[i],
                fixture.payee,
                status,
                keccak256(_part(batch.inputs, i)),
                keccak256(output)
            );
        }
        uint256 depth;
        while (1 << depth < level.length) ++depth;
        path = new bytes32[](depth);
        uint256 width = level.length;
        for (uint256 i = 0; i < depth; ++i) {
            path[i] = level[index >> i ^ 1];
            width /= 2;
            for (uint256 j = 0; j < width; ++j) {
                level[j] = keccak256(bytes.concat(hex"01", level[2 * j], level[2 * j + 1]));
            }
        }
    }

    function _slotBits() private view returns (uint256) {
        Schema memory schema = BatchFixture.schema(fixture);
        return uint256(schema.digitBits) * schema.outputDigits;
    }
}

contract RealBatchOf16Test is RealBatchTest {
    function items() internal pure override returns (uint256) {
        return 16;
    }

    function settleBudget() internal pure override returns (uint256) {
        return 75_000;
    }

    /// Under the key of the other size, where both take so many leaves.
    function test_settle_revertsUnderAnotherKey() public {
        IBatchSettler.Batch memory batch = _batch();
        batch.items = 64;
        _assertInvalid(batch);
    }
}

contract RealBatchOf64Test is RealBatchTest {
    /// @dev Most gas per request of `settleRoot`, all in.
    uint256 private constant ROOT_BUDGET = 16_000;

    function items() internal pure override returns (uint256) {
        return 64;
    }

    function settleBudget() internal pure override returns (uint256) {
        return 55_000;
    }

    function test_settleRoot_staysInBudget() public {
        (uint256 total,) = _transact(address(settler), rootCall);
        _snapshot("settleRoot", total / items());
        assertLe(total / items(), ROOT_BUDGET);
    }
}
