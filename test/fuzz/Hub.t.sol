// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {ModelPolicy, RequestOptions, State} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {RecordingConsumer} from "../mocks/Consumers.sol";

contract HubFuzzTest is HaloracleTest {
    RecordingConsumer internal consumer;

    function setUp() public override {
        super.setUp();
        consumer = new RecordingConsumer(hub);
    }

    function testFuzz_fulfill_splitsTheWholeFee(uint96 fee, uint96 extra, uint16 shareBps) public {
        fee = uint96(bound(fee, 0, 400 ether));
        extra = uint96(bound(extra, 1, 400 ether));
        shareBps = uint16(bound(shareBps, 0, 10_000));
        vm.prank(modelOwner);
        registry.setPolicy(modelId, ModelPolicy({fee: 0, ownerShareBps: shareBps, open: true}));
        Asked memory asked = ask(consumer, fee, options(0));
        hub.topUp{value: extra}(asked.id);
        fulfill(asked);

        uint256 total = uint256(fee) + extra;
        assertEq(escrow.balanceOf(modelOwner), total * shareBps / 10_000);
        assertEq(escrow.balanceOf(modelOwner) + escrow.balanceOf(payee), total);
        assertEq(escrow.totalHeld(), 0);
        assertEq(address(escrow).balance, total);
    }

    /// One flipped bit anywhere in the request is another request.
    function testFuzz_fulfill_revertsIfAnyFieldOfTheRequestChanges(uint256 word, uint8 bit) public {
        Asked memory asked = ask(consumer);
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, payee, output);
        bytes memory data =
            abi.encodeCall(hub.fulfill, (asked.request, asked.input, payee, output, proof));
        // The twelve words of the request follow the selector.
        word = bound(word, 0, 11);
        assembly {
            let position := add(data, add(0x24, mul(32, word)))
            mstore(position, xor(mload(position), shl(bit, 1)))
        }
        // Beyond a field's type the decoder rejects; within it, the id is unknown.
        (bool ok,) = address(hub).call(data);
        assertFalse(ok);
    }

    function testFuzz_fulfill_revertsIfProofChanges(uint8 position, uint8 flip) public {
        vm.assume(flip != 0);
        Asked memory asked = ask(consumer);
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, payee, output);
        position = uint8(bound(position, 0, proof.length - 1));
        proof[position] ^= bytes1(flip);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, asked.id));
        hub.fulfill(asked.request, asked.input, payee, output, proof);
    }

    /// At every time exactly one of fulfil and expire is possible.
    function testFuzz_fulfillOrExpire_dependsOnTheDeadlineAlone(uint32 later) public {
        Asked memory asked = ask(consumer);
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, payee, output);
        skip(later);
        bool inTime = block.timestamp <= asked.request.deadline;
        uint256 snapshot = vm.snapshotState();
        try hub.expire(asked.request) {
            assertFalse(inTime);
        } catch {
            assertTrue(inTime);
        }
        vm.revertToState(snapshot);
        try hub.fulfill(asked.request, asked.input, payee, output, proof) {
            assertTrue(inTime);
        } catch {
            assertFalse(inTime);
        }
    }

    function testFuzz_cancel_paysTheOperatorOrRefunds(uint32 announced, uint32 wait) public {
        announced = uint32(bound(announced, 0, 50 minutes));
        wait = uint32(bound(wait, 0, 5 minutes));
        Asked memory asked = ask(consumer);
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, payee, output);
        skip(announced);
        consumer.cancel(asked.request);
        skip(wait);
        try hub.fulfill(asked.request, asked.input, payee, output, proof) {
            assertLt(wait, 60);
            assertEq(escrow.balanceOf(refundee), 0);
        } catch {
            assertGe(wait, 60);
            hub.finalizeCancel(asked.request);
            assertEq(escrow.balanceOf(refundee), FEE);
            (State state,,,,) = hub.resultOf(asked.id);
            assertEq(uint8(state), uint8(State.Cancelled));
        }
    }

    function testFuzz_requestInference_acceptsDeadlinesWithinThirtyDays(uint64 deadline) public {
        RequestOptions memory chosen = options(0);
        chosen.deadline = deadline;
        bool good = deadline > block.timestamp && deadline <= block.timestamp + 30 days;
        if (!good) {
            vm.expectRevert(abi.encodeWithSelector(IInferenceHub.BadDeadline.selector, deadline));
        }
        consumer.ask{value: FEE}(modelId, rawInput(30), chosen);
    }
}
