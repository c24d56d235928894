// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {ModelSpec, Schema, State} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {RecordingConsumer} from "../mocks/Consumers.sol";

/// @dev Private weights: their commitment is a public input of every proof, and the registry's.
contract PrivateModelTest is HaloracleTest {
    uint256 private constant SCALAR_FIELD =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;
    bytes32 private constant WEIGHTS = bytes32(uint256(0xC0FFEE));

    RecordingConsumer internal consumer;
    uint256 internal publicId;

    function setUp() public override {
        super.setUp();
        publicId = modelId;
        modelId = register(schemaOf(30, 1), WEIGHTS);
        consumer = new RecordingConsumer(hub);
    }

    // Registration

    function test_register_keepsTheCommitment() public view {
        assertEq(registry.termsOf(modelId).modelCommitment, WEIGHTS);
        assertEq(registry.termsOf(publicId).modelCommitment, 0);
        assertEq(abi.encode(registry.schemaOf(modelId)), abi.encode(registry.schemaOf(publicId)));
        (uint256 inputs, uint256 outputs) = registry.wordCounts(modelId);
        assertEq(inputs, 3);
        assertEq(outputs, 1);
    }

    function test_register_givesEveryCommitmentItsOwnId() public {
        assertNotEq(register(schemaOf(30, 1), bytes32(uint256(1))), modelId);
        assertNotEq(modelId, publicId);
    }

    /// The largest field element is one, the modulus is none.
    function test_register_revertsIfCommitmentNotBelowTheModulus() public {
        uint256 id = register(schemaOf(30, 1), bytes32(SCALAR_FIELD - 1));
        assertEq(registry.termsOf(id).modelCommitment, bytes32(SCALAR_FIELD - 1));
        _expectRefused(bytes32(SCALAR_FIELD));
        _expectRefused(bytes32(SCALAR_FIELD + uint256(WEIGHTS)));
        _expectRefused(bytes32(type(uint256).max));
    }

    function testFuzz_register_takesCommitmentsBelowTheModulusOnly(bytes32 commitment) public {
        if (uint256(commitment) < SCALAR_FIELD) {
            uint256 id = register(schemaOf(3, 1), commitment);
            assertEq(registry.termsOf(id).modelCommitment, commitment);
        } else {
            _expectRefused(commitment);
        }
    }

    /// A key of another count would leave the commitment unbound, or free an instance.
    function test_register_revertsIfKeyDoesNotCountTheCommitment() public {
        Schema memory schema = schemaOf(30, 1);
        uint256 count = instancesFor(schema);
        _expectWrongCount(schema, WEIGHTS, count);
        _expectWrongCount(schema, WEIGHTS, count + 2);
        _expectWrongCount(schema, 0, count + 1);
    }

    // Settlement

    function test_instancesOf_haveTheCommitmentBehindTheTag() public {
        Asked memory asked = ask(consumer);
        bytes memory output = outputOf(0, 9);
        uint256[] memory instances = hub.instancesOf(asked.request, payee, asked.input, output);
        assertEq(instances, statementOf(asked, payee, output));
        assertEq(instances.length, 2 + 1 + 3 + 1);
        bytes32 tag = hub.tagOf(asked.id, payee);
        assertEq(instances[0], uint256(tag) >> 128);
        assertEq(instances[1], uint128(uint256(tag)));
        assertEq(instances[2], uint256(WEIGHTS));
        assertEq(bytes32(instances[3]), bytes32(asked.input));
        assertEq(bytes32(instances[6]), bytes32(output));
    }

    function test_fulfill_settlesAPrivateModel() public {
        Asked memory asked = ask(consumer);
        fulfill(asked);
        assertEq(consumer.lastOutput(), outputOf(0, 200));
        assertEq(escrow.balanceOf(payee), FEE - FEE / 10);
    }

    function test_fulfill_revertsIfProofIsOfOtherWeights() public {
        Asked memory asked = ask(consumer);
        uint256[] memory instances = statementOf(asked, payee, outputOf(0, 9));
        instances[2] = uint256(WEIGHTS) + 1;
        _expectInvalid(asked, instances);
        instances[2] = 0;
        _expectInvalid(asked, instances);
        instances[2] = uint256(WEIGHTS) + SCALAR_FIELD;
        _expectInvalid(asked, instances);
    }

    /// A proof that says nothing of the weights, or says it elsewhere.
    function test_fulfill_revertsIfTheCommitmentIsNotWhereItBelongs() public {
        Asked memory asked = ask(consumer);
        uint256[] memory instances = statementOf(asked, payee, outputOf(0, 9));
        uint256[] memory without = new uint256[](instances.length - 1);
        for (uint256 i = 0; i < without.length; ++i) {
            without[i] = instances[i < 2 ? i : i + 1];
        }
        _expectInvalid(asked, without);
        (instances[2], instances[3]) = (instances[3], instances[2]);
        _expectInvalid(asked, instances);
    }

    /// The caller of `fulfill` has no say in it: not even as part of the input.
    function test_fulfill_revertsIfTheCallerBringsACommitment() public {
        Asked memory asked = ask(consumer);
        bytes memory output = outputOf(0, 9);
        bytes memory proof = proofOf(asked, payee, output);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InputMismatch.selector, asked.id));
        hub.fulfill(asked.request, bytes.concat(WEIGHTS, asked.input), payee, output, proof);
    }

    /// A public twin of the same schema: what is proved for one is nothing to the other.
    function test_fulfill_revertsIfProofIsOfThePublicTwin() public {
        Asked memory asked = ask(consumer);
        uint256 privateId = modelId;
        modelId = publicId;
        Asked memory twin = ask(consumer);
        assertEq(twin.input, asked.input);
        bytes memory output = outputOf(0, 9);
        bytes memory proof = proofOf(twin, payee, output);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, asked.id));
        hub.fulfill(asked.request, asked.input, payee, output, proof);
        asked.request.modelId = publicId;
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceHub.UnknownRequest.selector, hub.requestIdOf(asked.request)
            )
        );
        hub.fulfill(asked.request, asked.input, payee, output, proof);
        modelId = privateId;
        (State state,,,,) = hub.resultOf(asked.id);
        assertEq(uint8(state), uint8(State.Open));
    }

    function _expectRefused(bytes32 commitment) private {
        Schema memory schema = schemaOf(30, 1);
        bytes memory vkData = vkDataOf(14, instancesFor(schema) + 1);
        ModelSpec memory spec = specOf(vkData, schema);
        spec.modelCommitment = commitment;
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.CommitmentNotCanonical.selector, commitment)
        );
        registry.register(spec, vkData, schema, policyOf());
    }

    function _expectWrongCount(Schema memory schema, bytes32 commitment, uint256 count) private {
        bytes memory vkData = vkDataOf(14, count);
        ModelSpec memory spec = specOf(vkData, schema);
        spec.modelCommitment = commitment;
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.BadVerifyingKey.selector, "instance count")
        );
        registry.register(spec, vkData, schema, policyOf());
    }

    function _expectInvalid(Asked memory asked, uint256[] memory instances) private {
        (address vk,) = registry.vkOf(modelId);
        bytes memory proof = verifier.proofFor(vk, instances);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, asked.id));
        hub.fulfill(asked.request, asked.input, payee, outputOf(0, 9), proof);
    }
}
