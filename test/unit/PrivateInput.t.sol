// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {IVerifierRouter} from "../../contracts/interfaces/IVerifierRouter.sol";
import {
    InputModes,
    ModelPolicy,
    ModelSpec,
    Modes,
    Request,
    RequestOptions,
    Schema,
    State,
    Statuses
} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {RecordingConsumer} from "../mocks/Consumers.sol";

/// @dev Private inputs: the chain sees a commitment, the proof is about it.
contract PrivateInputTest is HaloracleTest {
    uint256 private constant SCALAR_FIELD =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;
    bytes32 private constant COMMITMENT = bytes32(uint256(0xBEEF));
    bytes32 private constant WEIGHTS = bytes32(uint256(0xC0FFEE));

    RecordingConsumer internal consumer;
    uint256 internal publicId;
    address internal immutable subject = makeAddr("subject");

    function setUp() public override {
        super.setUp();
        publicId = modelId;
        modelId = register(_schema());
        consumer = new RecordingConsumer(hub);
    }

    // Registration

    function test_register_countsOneInputInstance() public {
        assertEq(registry.termsOf(modelId).inputMode, InputModes.COMMITMENT);
        assertEq(registry.termsOf(publicId).inputMode, InputModes.PUBLIC_WORDS);
        assertEq(abi.encode(registry.schemaOf(modelId)), abi.encode(_schema()));
        (uint256 inputs, uint256 outputs) = registry.wordCounts(modelId);
        assertEq(inputs, 1);
        assertEq(outputs, 1);

        // Of a public model of this width there would be three.
        _expectWrongCount(0, 2 + 3 + 1);
        _expectWrongCount(0, 2 + 1);
        _expectWrongCount(WEIGHTS, 2 + 1 + 1);
        register(_schema(), WEIGHTS);
    }

    /// However many features: the commitment hides their number too.
    function test_register_countsOneInputInstanceOfAnyWidth() public {
        Schema memory schema = schemaOf(2_000, 1);
        schema.inputMode = InputModes.COMMITMENT;
        (uint256 inputs,) = registry.wordCounts(register(schema));
        assertEq(inputs, 1);
    }

    function test_register_revertsIfInputModeUnknown() public {
        for (uint256 mode = 2; mode < 256; mode += 127) {
            Schema memory schema = _schema();
            schema.inputMode = uint8(mode);
            bytes memory vkData = vkDataOf(14, 4);
            ModelSpec memory spec = specOf(vkData, schema);
            vm.expectRevert(abi.encodeWithSelector(IModelRegistry.BadSchema.selector, "input mode"));
            registry.register(spec, vkData, schema, policyOf());
        }
    }

    function test_packInput_revertsIfInputsArePrivate() public {
        vm.expectRevert(IModelRegistry.PrivateInputs.selector);
        registry.packInput(modelId, rawInput(30));
    }

    // Requests

    function test_requestPrivateInference_logsTheCommitmentAndNoInput() public {
        Asked memory asked = _ask();
        Request memory expected = Request({
            modelId: modelId,
            consumer: address(consumer),
            subject: subject,
            refundTo: refundee,
            nonce: 0,
            deadline: uint64(block.timestamp + 1 hours),
            fee: FEE,
            callbackGas: CALLBACK_GAS,
            modes: Modes.SINGLE | Modes.BATCH,
            inputMode: InputModes.COMMITMENT,
            inputDigest: COMMITMENT,
            userData: USER_DATA
        });
        assertEq(abi.encode(asked.request), abi.encode(expected));
        assertEq(asked.input, "");
        assertEq(asked.id, hub.requestIdOf(expected));
        assertEq(escrow.heldFor(asked.id), FEE);
        (State state,,,,) = hub.resultOf(asked.id);
        assertEq(uint8(state), uint8(State.Open));
        assertEq(hub.ownerShareOf(asked.id), SHARE_BPS);
    }

    /// Both ways draw on one nonce: no two requests of a consumer share an id.
    function test_requestPrivateInference_givesEveryRequestItsOwnId() public {
        Asked memory first = _ask();
        Asked memory second = _ask();
        assertEq(second.request.nonce, 1);
        assertNotEq(first.id, second.id);
        modelId = publicId;
        assertEq(ask(consumer).request.nonce, 2);
    }

    function test_requestInference_revertsIfInputsArePrivate() public {
        vm.expectRevert(IModelRegistry.PrivateInputs.selector);
        consumer.ask{value: FEE}(modelId, rawInput(30), options(0));
    }

    function test_requestPrivateInference_revertsIfInputsArePublic() public {
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.PublicInputs.selector, publicId));
        consumer.askPrivately{value: FEE}(publicId, COMMITMENT, subject, options(0));
    }

    function test_requestPrivateInference_revertsIfModelUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, 5));
        consumer.askPrivately{value: FEE}(5, COMMITMENT, subject, options(0));
    }

    function test_requestPrivateInference_revertsIfCommitmentIsNone() public {
        _expectBadCommitment(0);
        _expectBadCommitment(bytes32(SCALAR_FIELD));
        _expectBadCommitment(bytes32(SCALAR_FIELD + uint256(COMMITMENT)));
        _expectBadCommitment(bytes32(type(uint256).max));
        consumer.askPrivately{value: FEE}(modelId, bytes32(SCALAR_FIELD - 1), subject, options(0));
        consumer.askPrivately{value: FEE}(modelId, bytes32(uint256(1)), subject, options(0));
    }

    function test_requestPrivateInference_revertsIfNobodysValues() public {
        vm.expectRevert(IInferenceHub.ZeroSubject.selector);
        consumer.askPrivately{value: FEE}(modelId, COMMITMENT, address(0), options(0));
    }

    function test_requestPrivateInference_hasThePublicOnesLimits() public {
        _expectRefused(
            FEE - 1,
            options(0),
            abi.encodeWithSelector(IInferenceHub.FeeTooLow.selector, FEE, FEE - 1)
        );
        RequestOptions memory chosen = options(2_000_001);
        _expectRefused(
            FEE,
            chosen,
            abi.encodeWithSelector(IInferenceHub.CallbackGasTooHigh.selector, 2_000_001, 2_000_000)
        );
        chosen = options(0);
        chosen.deadline = uint64(block.timestamp);
        _expectRefused(
            FEE, chosen, abi.encodeWithSelector(IInferenceHub.BadDeadline.selector, block.timestamp)
        );
        vm.prank(guardian);
        router.stop(route);
        _expectRefused(
            FEE, options(0), abi.encodeWithSelector(IVerifierRouter.RouteIsStopped.selector, route)
        );
        vm.prank(modelOwner);
        registry.setPolicy(modelId, ModelPolicy({fee: FEE, ownerShareBps: 0, open: false}));
        _expectRefused(
            FEE, options(0), abi.encodeWithSelector(IInferenceHub.ModelClosed.selector, modelId)
        );
    }

    // Settlement

    function test_instancesOf_haveTheCommitmentAsInput() public {
        Asked memory asked = _ask();
        bytes memory output = outputOf(0, 9);
        uint256[] memory instances = hub.instancesOf(asked.request, payee, "", output);
        assertEq(instances, statementOf(asked, payee, output));
        assertEq(instances.length, 4);
        assertEq(instances[2], uint256(COMMITMENT));
        assertEq(bytes32(instances[3]), bytes32(output));
    }

    /// Weights and inputs private: the weights' commitment first.
    function test_instancesOf_haveBothCommitments() public {
        modelId = register(_schema(), WEIGHTS);
        Asked memory asked = _ask();
        bytes memory output = outputOf(0, 9);
        uint256[] memory instances = hub.instancesOf(asked.request, payee, "", output);
        assertEq(instances, statementOf(asked, payee, output));
        assertEq(instances.length, 5);
        assertEq(instances[2], uint256(WEIGHTS));
        assertEq(instances[3], uint256(COMMITMENT));
        fulfill(asked, output);
        assertEq(consumer.lastOutput(), output);
    }

    function test_fulfill_settlesAPrivateRequest() public {
        Asked memory asked = _ask();
        fulfill(asked);
        (State state,,,,) = hub.resultOf(asked.id);
        assertEq(uint8(state), uint8(State.Verified));
        assertEq(escrow.balanceOf(payee), FEE - FEE / 10);
        assertEq(consumer.calls(), 1);
        assertEq(consumer.lastStatus(), Statuses.OK);
    }

    /// Words of any kind, the commitment itself among them, are not part of a private settlement.
    function test_fulfill_revertsIfThereIsAnInput() public {
        Asked memory asked = _ask();
        bytes memory output = outputOf(0, 9);
        bytes memory proof = proofOf(asked, payee, output);
        bytes[3] memory inputs = [abi.encode(COMMITMENT), abi.encode(1, 2, 3), bytes(hex"00")];
        for (uint256 i = 0; i < inputs.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InputMismatch.selector, asked.id));
            hub.fulfill(asked.request, inputs[i], payee, output, proof);
        }
    }

    function test_fulfill_revertsIfProofIsOfAnotherCommitment() public {
        Asked memory asked = _ask();
        bytes memory output = outputOf(0, 9);
        uint256[] memory instances = statementOf(asked, payee, output);
        instances[2] = uint256(COMMITMENT) + 1;
        _expectInvalid(asked, instances);
        // The same field element in another form.
        instances[2] = uint256(COMMITMENT) + SCALAR_FIELD;
        _expectInvalid(asked, instances);
        // Public words in its place.
        uint256[] memory words = registry.packInput(publicId, rawInput(30));
        uint256[] memory open = new uint256[](2 + words.length + 1);
        (open[0], open[1], open[open.length - 1]) = (instances[0], instances[1], instances[3]);
        for (uint256 i = 0; i < words.length; ++i) {
            open[2 + i] = words[i];
        }
        _expectInvalid(asked, open);
        // None at all.
        uint256[] memory none = new uint256[](3);
        (none[0], none[1], none[2]) = (instances[0], instances[1], instances[3]);
        _expectInvalid(asked, none);
    }

    /// Who copies a commitment gets a request of his own: nothing proved for one is worth anything
    /// at the other, and the operator sees another subject or id.
    function test_fulfill_revertsIfProofIsOfACopiedCommitment() public {
        Asked memory asked = _ask();
        RecordingConsumer thief = new RecordingConsumer(hub);
        Asked memory copy = askPrivately(thief, modelId, COMMITMENT, makeAddr("thief"));
        bytes memory output = outputOf(0, 9);
        bytes memory proof = proofOf(asked, payee, output);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, copy.id));
        hub.fulfill(copy.request, "", payee, output, proof);
    }

    function test_fulfill_revertsIfRequestAltered() public {
        Asked memory asked = _ask();
        bytes memory output = outputOf(0, 9);
        bytes memory proof = proofOf(asked, payee, output);
        Request memory altered = asked.request;
        altered.subject = address(0);
        _expectUnknown(altered, output, proof);
        altered.subject = subject;
        altered.inputDigest = bytes32(uint256(COMMITMENT) + SCALAR_FIELD);
        _expectUnknown(altered, output, proof);
        altered.inputDigest = COMMITMENT;
        altered.inputMode = InputModes.PUBLIC_WORDS;
        _expectUnknown(altered, output, proof);
        altered.inputMode = InputModes.COMMITMENT;
        hub.fulfill(altered, "", payee, output, proof);
    }

    /// Outside the box: proved, paid, delivered, and without a value that could be taken for one.
    function test_fulfill_paysForARefusal() public {
        Asked memory asked = _ask();
        bytes memory output = outputOf(Statuses.OUT_OF_DOMAIN, 0);
        vm.expectEmit(address(hub));
        emit IInferenceHub.Verified(asked.id, payee, Statuses.OUT_OF_DOMAIN, output);
        fulfill(asked, output);
        assertEq(escrow.balanceOf(payee), FEE - FEE / 10);
        assertEq(consumer.lastStatus(), Statuses.OUT_OF_DOMAIN);
        (uint256 status, int256[] memory values) = registry.decodeOutput(modelId, output);
        assertEq(status, Statuses.OUT_OF_DOMAIN);
        assertEq(values.length, 0);
    }

    /// Not even for a refusal is a proof of the other answer taken.
    function test_fulfill_revertsIfTheStatusIsNotTheProvedOne() public {
        Asked memory asked = _ask();
        bytes memory refusal = outputOf(Statuses.OUT_OF_DOMAIN, 0);
        bytes memory proof = proofOf(asked, payee, refusal);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, asked.id));
        hub.fulfill(asked.request, "", payee, outputOf(0, 0), proof);
        hub.fulfill(asked.request, "", payee, refusal, proof);
    }

    function test_deliver_passesOnTheRefusalLater() public {
        Asked memory asked = _ask();
        bytes memory output = outputOf(Statuses.OUT_OF_DOMAIN, 0);
        // A consumer that is not there yet cannot be called back.
        bytes memory code = address(consumer).code;
        vm.etch(address(consumer), "");
        fulfill(asked, output);
        vm.etch(address(consumer), code);
        hub.deliver(asked.request, output);
        assertEq(consumer.lastStatus(), Statuses.OUT_OF_DOMAIN);
    }

    function test_expire_refundsAPrivateRequest() public {
        Asked memory asked = _ask();
        vm.warp(asked.request.deadline + 1);
        hub.expire(asked.request);
        assertEq(escrow.balanceOf(refundee), FEE);
    }

    function test_cancel_refundsAPrivateRequest() public {
        Asked memory asked = _ask();
        consumer.cancel(asked.request);
        skip(60);
        hub.finalizeCancel(asked.request);
        assertEq(escrow.balanceOf(refundee), FEE);
    }

    // Wide slots

    /// The status is as wide as every slot: none of its bits may be lost.
    function test_fulfill_readsTheStatusOfWideSlots() public {
        Schema memory schema = _schema();
        schema.outputDigits = 4;
        modelId = register(schema);
        Asked memory asked = _ask();
        bytes memory output = abi.encode(uint256(1) << 31);
        vm.expectEmit(address(hub));
        emit IInferenceHub.Verified(asked.id, payee, 1 << 31, output);
        fulfill(asked, output);
        // An output of 32 bits above a status of zero.
        asked = _ask();
        output = abi.encode(uint256(type(uint32).max) << 32);
        fulfill(asked, output);
        assertEq(consumer.lastStatus(), Statuses.OK);
        (, int256[] memory values) = registry.decodeOutput(modelId, output);
        assertEq(values[0], int256(uint256(type(uint32).max)) * 4);
    }

    function _schema() private pure returns (Schema memory schema) {
        schema = schemaOf(30, 1);
        schema.inputMode = InputModes.COMMITMENT;
    }

    function _ask() private returns (Asked memory) {
        return askPrivately(consumer, modelId, COMMITMENT, subject);
    }

    function _expectBadCommitment(bytes32 commitment) private {
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.BadCommitment.selector, commitment));
        consumer.askPrivately{value: FEE}(modelId, commitment, subject, options(0));
    }

    function _expectRefused(uint256 fee, RequestOptions memory chosen, bytes memory refusal)
        private
    {
        vm.expectRevert(refusal);
        consumer.askPrivately{value: fee}(modelId, COMMITMENT, subject, chosen);
    }

    function _expectWrongCount(bytes32 weights, uint256 count) private {
        Schema memory schema = _schema();
        bytes memory vkData = vkDataOf(14, count);
        ModelSpec memory spec = specOf(vkData, schema);
        spec.modelCommitment = weights;
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.BadVerifyingKey.selector, "instance count")
        );
        registry.register(spec, vkData, schema, policyOf());
    }

    function _expectInvalid(Asked memory asked, uint256[] memory instances) private {
        (address vk,) = registry.vkOf(modelId);
        bytes memory proof = verifier.proofFor(vk, instances);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, asked.id));
        hub.fulfill(asked.request, "", payee, outputOf(0, 9), proof);
    }

    function _expectUnknown(Request memory altered, bytes memory output, bytes memory proof)
        private
    {
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.UnknownRequest.selector, hub.requestIdOf(altered))
        );
        hub.fulfill(altered, "", payee, output, proof);
    }
}
