// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {InferenceConsumer} from "../../contracts/consumers/InferenceConsumer.sol";
import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {Delivery, OutputField, RequestOptions, State} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {RecordingConsumer} from "../mocks/Consumers.sol";
import {PullConsumer} from "../mocks/PullConsumer.sol";

contract InferenceConsumerTest is HaloracleTest {
    PullConsumer internal consumer;

    function setUp() public override {
        super.setUp();
        consumer = new PullConsumer(hub);
    }

    function test_onInference_isTheHubsAlone() public {
        vm.expectRevert(abi.encodeWithSelector(InferenceConsumer.NotTheHub.selector, address(this)));
        consumer.onInference(1, 2, 0, "", "");
        vm.prank(address(hub));
        consumer.onInference(1, 2, 0, "", "");
        assertEq(consumer.calls(), 1);
    }

    function test_requireVerified_believesTheHub() public {
        Asked memory asked = ask(new RecordingConsumer(hub), FEE, options(0));
        bytes memory output = outputOf(0, 9);
        bytes memory no = abi.encodeWithSelector(InferenceConsumer.NotVerified.selector, asked.id);
        vm.expectRevert(no);
        consumer.requireVerified(asked.id, output);
        fulfill(asked, output);
        consumer.requireVerified(asked.id, output);
        vm.expectRevert(no);
        consumer.requireVerified(asked.id, outputOf(0, 10));
    }

    /// A state of modules to come: asserted, hash known, not verified.
    function test_requireVerified_revertsIfProvisional() public {
        bytes memory output = outputOf(0, 9);
        vm.mockCall(
            address(hub),
            abi.encodeCall(hub.resultOf, (1)),
            abi.encode(State.Provisional, Delivery.None, keccak256(output), uint64(1), payee)
        );
        vm.expectRevert(abi.encodeWithSelector(InferenceConsumer.NotVerified.selector, 1));
        consumer.requireVerified(1, output);
    }

    function test_requireVerified_revertsIfExpired() public {
        Asked memory asked = ask(new RecordingConsumer(hub), FEE, options(0));
        vm.warp(asked.request.deadline + 1);
        hub.expire(asked.request);
        vm.expectRevert(abi.encodeWithSelector(InferenceConsumer.NotVerified.selector, asked.id));
        consumer.requireVerified(asked.id, "");
    }

    function test_withdrawRefunds_sendsAllOfThem() public {
        RequestOptions memory chosen = options(0);
        chosen.refundTo = address(0);
        vm.recordLogs();
        consumer.ask{value: FEE}(modelId, rawInput(30), chosen);
        Asked memory asked = readRequest();
        vm.expectRevert(
            abi.encodeWithSelector(IEscrow.NothingToWithdraw.selector, address(consumer))
        );
        consumer.withdrawRefunds(payee);
        vm.warp(asked.request.deadline + 1);
        hub.expire(asked.request);
        assertEq(consumer.withdrawRefunds(payee), FEE);
        assertEq(payee.balance, FEE);
        assertEq(escrow.balanceOf(address(consumer)), 0);
    }

    function test_requireFresh_allowsTheLastSecond() public {
        consumer.requireFresh(block.timestamp - 5, 5);
        uint256 old = block.timestamp - 6;
        vm.expectRevert(abi.encodeWithSelector(InferenceConsumer.StaleResult.selector, old, 5));
        consumer.requireFresh(old, 5);
    }

    /// Over several words, for every width that a schema allows.
    function testFuzz_raw_readsEverySlot(uint256 seed, uint256 bits, uint256 slot) public view {
        bits = bound(bits, 4, 48);
        uint256 perWord = 253 / bits;
        slot = bound(slot, 0, 3 * perWord - 1);
        uint256[] memory words = new uint256[](3);
        for (uint256 i = 0; i < 3 * perWord; ++i) {
            words[i / perWord] += _value(seed, i, bits) * 2 ** (i % perWord * bits);
        }
        bytes memory output = abi.encodePacked(words);
        assertEq(consumer.raw(output, bits, slot), _value(seed, slot, bits));
    }

    function _value(uint256 seed, uint256 slot, uint256 bits) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(seed, slot))) % 2 ** bits;
    }

    function test_fixedPoint_countsFromTheZeroPoint() public view {
        OutputField memory field = OutputField({zeroPoint: 128, multiplier: 5, decimals: 2});
        assertEq(consumer.fixedPoint(field, 128), 0);
        assertEq(consumer.fixedPoint(field, 0), -640);
        assertEq(consumer.fixedPoint(field, 255), 635);
    }
}
