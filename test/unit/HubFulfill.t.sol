// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {IVerifierRouter} from "../../contracts/interfaces/IVerifierRouter.sol";
import {Delivery, ModelPolicy, RequestOptions, State} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {RecordingConsumer} from "../mocks/Consumers.sol";

contract HubFulfillTest is HaloracleTest {
    RecordingConsumer internal consumer;
    Asked internal asked;

    function setUp() public override {
        super.setUp();
        consumer = new RecordingConsumer(hub);
        asked = ask(consumer);
    }

    function test_fulfill_settlesPaysAndCallsBack() public {
        bytes memory output = outputOf(0, 200);
        skip(10);
        vm.expectEmit(address(hub));
        emit IInferenceHub.Verified(asked.id, payee, 0, output);
        fulfill(asked, output);

        (State state, Delivery delivery, bytes32 outputHash, uint64 settledAt, address paid) =
            hub.resultOf(asked.id);
        assertEq(uint8(state), uint8(State.Verified));
        assertEq(uint8(delivery), uint8(Delivery.Done));
        assertEq(outputHash, keccak256(output));
        assertEq(settledAt, block.timestamp);
        assertEq(paid, payee);

        assertEq(escrow.balanceOf(modelOwner), FEE / 10);
        assertEq(escrow.balanceOf(payee), FEE - FEE / 10);
        assertEq(escrow.heldFor(asked.id), 0);

        assertEq(consumer.calls(), 1);
        assertEq(consumer.lastId(), asked.id);
        assertEq(consumer.lastModelId(), modelId);
        assertEq(consumer.lastStatus(), 0);
        assertEq(consumer.lastOutput(), output);
        assertEq(consumer.lastUserData(), USER_DATA);
    }

    function test_fulfill_passesOnTheStatus() public {
        bytes memory output = outputOf(3, 0);
        vm.expectEmit(address(hub));
        emit IInferenceHub.Verified(asked.id, payee, 3, output);
        fulfill(asked, output);
        assertEq(consumer.lastStatus(), 3);
    }

    function test_fulfill_callsNobodyIfPullOnly() public {
        Asked memory pull = ask(consumer, FEE, options(0));
        fulfill(pull);
        (State state, Delivery delivery,,,) = hub.resultOf(pull.id);
        assertEq(uint8(state), uint8(State.Verified));
        assertEq(uint8(delivery), uint8(Delivery.None));
        assertEq(consumer.calls(), 0);
    }

    function test_fulfill_worksAtTheDeadline() public {
        vm.warp(asked.request.deadline);
        fulfill(asked);
        assertEq(consumer.calls(), 1);
    }

    function test_fulfill_revertsIfPastTheDeadline() public {
        vm.warp(asked.request.deadline + 1);
        bytes memory proof = proofOf(asked, payee, outputOf(0, 1));
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceHub.DeadlinePassed.selector, asked.id, asked.request.deadline
            )
        );
        hub.fulfill(asked.request, asked.input, payee, outputOf(0, 1), proof);
    }

    function test_fulfill_revertsIfReplayed() public {
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, payee, output);
        hub.fulfill(asked.request, asked.input, payee, output, proof);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.NotOpen.selector, asked.id, State.Verified)
        );
        hub.fulfill(asked.request, asked.input, payee, output, proof);
        assertEq(escrow.balanceOf(payee), FEE - FEE / 10);
        assertEq(consumer.calls(), 1);
    }

    function test_fulfill_revertsIfProofIsForAnotherRequest() public {
        Asked memory second = ask(consumer);
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, payee, output);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, second.id));
        hub.fulfill(second.request, second.input, payee, output, proof);
    }

    function test_fulfill_revertsIfPayeeSwapped() public {
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, payee, output);
        address thief = makeAddr("thief");
        vm.prank(thief);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, asked.id));
        hub.fulfill(asked.request, asked.input, thief, output, proof);
        // A copied proof still pays its maker, whoever sends it.
        vm.prank(thief);
        hub.fulfill(asked.request, asked.input, payee, output, proof);
        assertEq(escrow.balanceOf(payee), FEE - FEE / 10);
        assertEq(escrow.balanceOf(thief), 0);
    }

    function test_fulfill_revertsIfPayeeIsZero() public {
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, address(0), output);
        vm.expectRevert(IInferenceHub.ZeroPayee.selector);
        hub.fulfill(asked.request, asked.input, address(0), output, proof);
    }

    function test_fulfill_revertsIfInputDiffers() public {
        bytes memory output = outputOf(0, 1);
        asked.input[40] ^= 0x01;
        bytes memory proof = proofOf(asked, payee, output);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InputMismatch.selector, asked.id));
        hub.fulfill(asked.request, asked.input, payee, output, proof);
    }

    function test_fulfill_revertsIfOutputDiffersFromTheProvedOne() public {
        bytes memory proof = proofOf(asked, payee, outputOf(0, 1));
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, asked.id));
        hub.fulfill(asked.request, asked.input, payee, outputOf(0, 2), proof);
    }

    function test_fulfill_revertsIfOutputLengthWrong() public {
        _expectMalformed("");
        _expectMalformed(abi.encode(1, 0));
        _expectMalformed(bytes.concat(outputOf(0, 1), hex"00"));
        _expectMalformed(abi.encodePacked(uint248(1)));
    }

    function test_fulfill_revertsIfOutputWordNotCanonical() public {
        uint256 scalarField =
            21888242871839275222246405745257275088548364400416034343698204186575808495617;
        // The same field element as the honest word, for a verifier that does not look.
        _expectMalformed(abi.encode(uint256(bytes32(outputOf(0, 1))) + scalarField));
        _expectMalformed(abi.encode(uint256(1) << 253));
    }

    function test_fulfill_revertsIfAnyOutputWordNotCanonical() public {
        // 40 outputs and the status in slots of 8 bits: two words.
        modelId = register(schemaOf(30, 40));
        asked = ask(consumer);
        _expectMalformed(abi.encode(1, uint256(1) << 253));
        _expectMalformed(abi.encode(1, type(uint256).max));
        _expectMalformed(abi.encode(uint256(1) << 253, 1));
        fulfill(asked, abi.encode(0, (uint256(1) << 253) - 1));
        assertEq(consumer.calls(), 1);
    }

    function test_fulfill_revertsIfRequestAltered() public {
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, payee, output);
        asked.request.fee += 1;
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceHub.UnknownRequest.selector, hub.requestIdOf(asked.request)
            )
        );
        hub.fulfill(asked.request, asked.input, payee, output, proof);
    }

    function test_fulfill_revertsOnAnotherChain() public {
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, payee, output);
        vm.chainId(10);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceHub.UnknownRequest.selector, hub.requestIdOf(asked.request)
            )
        );
        hub.fulfill(asked.request, asked.input, payee, output, proof);
    }

    function test_fulfill_revertsIfRouteStopped() public {
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, payee, output);
        vm.prank(guardian);
        router.stop(route);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteIsStopped.selector, route));
        hub.fulfill(asked.request, asked.input, payee, output, proof);
    }

    /// A policy change is for new requests: neither share nor closing touches this one.
    function test_fulfill_paysTheShareInForceAtTheRequest() public {
        vm.prank(modelOwner);
        registry.setPolicy(
            modelId, ModelPolicy({fee: 10 * FEE, ownerShareBps: 10_000, open: false})
        );
        fulfill(asked);
        assertEq(escrow.balanceOf(modelOwner), FEE / 10);
        assertEq(escrow.balanceOf(payee), FEE - FEE / 10);
    }

    function test_fulfill_paysInFullIfTheShareIsExtreme() public {
        ModelPolicy memory policy = ModelPolicy({fee: 0, ownerShareBps: 0, open: true});
        vm.prank(modelOwner);
        registry.setPolicy(modelId, policy);
        fulfill(ask(consumer, 7, options(0)));
        assertEq(escrow.balanceOf(payee), 7);

        policy.ownerShareBps = 10_000;
        vm.prank(modelOwner);
        registry.setPolicy(modelId, policy);
        fulfill(ask(consumer, 5, options(0)));
        assertEq(escrow.balanceOf(payee), 7);
        assertEq(escrow.balanceOf(modelOwner), 5);

        fulfill(ask(consumer, 0, options(0)));
        assertEq(escrow.totalCredited(), 12);
    }

    function test_fulfill_paysIfCancellationHasNotTakenEffect() public {
        consumer.cancel(asked.request);
        skip(59);
        fulfill(asked);
        assertEq(escrow.balanceOf(payee), FEE - FEE / 10);
        skip(1);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.NotOpen.selector, asked.id, State.Verified)
        );
        hub.finalizeCancel(asked.request);
    }

    function test_fulfill_revertsIfCancellationTookEffect() public {
        consumer.cancel(asked.request);
        skip(60);
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, payee, output);
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.NotOpen.selector, asked.id, State.Cancelled)
        );
        hub.fulfill(asked.request, asked.input, payee, output, proof);
    }

    /// Two hubs share registry and router; a request of one is nothing to the other.
    function test_fulfill_revertsAtAnotherHub() public {
        IInferenceHub other = IInferenceHub(
            deployCode(
                "InferenceHub.sol:InferenceHub", abi.encode(registry, router, new address[](0))
            )
        );
        bytes memory output = outputOf(0, 1);
        bytes memory proof = proofOf(asked, payee, output);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceHub.UnknownRequest.selector, other.requestIdOf(asked.request)
            )
        );
        other.fulfill(asked.request, asked.input, payee, output, proof);
    }

    function _expectMalformed(bytes memory output) private {
        bytes memory proof = proofOf(asked, payee, output);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.OutputMalformed.selector, asked.id));
        hub.fulfill(asked.request, asked.input, payee, output, proof);
    }
}
