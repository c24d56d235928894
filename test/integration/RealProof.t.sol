// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {
    InputModes,
    OutputField,
    Request,
    RequestOptions,
    Schema,
    State,
    Statuses
} from "../../contracts/types/Types.sol";
import {Fixture} from "./Fixture.sol";

import {RealProofBase} from "./RealProofBase.sol";

/// @dev A real proof of the prover, through the real verifier of its shape and the whole way of a
/// request, with public or private weights and inputs.
abstract contract RealProofTest is RealProofBase {
    uint256 private constant SCALAR_FIELD =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @dev Most gas that registering the model may cost, all in.
    function registerBudget() internal pure virtual returns (uint256) {
        return 550_000;
    }

    /// Rust and Solidity agree on every hash and every word.
    function test_statement_isTheProvers() public view {
        assertEq(verifier.shapeHash(), fixture.shapeHash);
        assertEq(verifier.srsHash(), fixture.srsHash);
        assertEq(
            registry.computeModelId(fixture.modelOwner, Fixture.spec(fixture)), fixture.modelId
        );
        assertEq(hub.requestIdOf(fixture.request), fixture.requestId);
        assertEq(hub.tagOf(fixture.requestId, fixture.payee), fixture.tag);
        if (!_hidden()) {
            uint256[] memory words = registry.packInput(fixture.modelId, fixture.rawInput);
            assertEq(abi.encodePacked(words), fixture.input);
        }
        assertEq(
            hub.instancesOf(fixture.request, fixture.payee, fixture.input, fixture.output),
            fixture.instances
        );
        (State state,,,,) = hub.resultOf(fixture.requestId);
        assertEq(uint8(state), uint8(State.Open));
    }

    function test_decodeOutput_readsTheProvedOutput() public view {
        OutputField[] memory fields = Fixture.schema(fixture).outputs;
        (uint256 status, int256[] memory values) =
            registry.decodeOutput(fixture.modelId, fixture.output);
        if (status != Statuses.OK) {
            // A refusal has no values, and the words beside it are zero.
            assertEq(uint256(bytes32(fixture.output)), status);
            assertEq(values.length, 0);
            return;
        }
        assertEq(values.length, fixture.rawOutput.length);
        for (uint256 i = 0; i < values.length; ++i) {
            assertEq(
                values[i],
                (int256(fixture.rawOutput[i]) - int256(uint256(fields[i].zeroPoint)))
                    * int256(uint256(fields[i].multiplier))
            );
        }
    }

    function test_fulfill_acceptsTheProofOnce() public {
        _fulfill(fixture.payee, fixture.output, fixture.proof);
        vm.snapshotGasLastCall(GROUP, string.concat("fulfill, ", name(), ", no callback"));
        uint256 share = uint256(fixture.request.fee) / 10;
        assertEq(escrow.balanceOf(fixture.modelOwner), share);
        assertEq(escrow.balanceOf(fixture.payee), fixture.request.fee - share);
        vm.expectRevert(
            abi.encodeWithSelector(
                IInferenceHub.NotOpen.selector, fixture.requestId, State.Verified
            )
        );
        _fulfill(fixture.payee, fixture.output, fixture.proof);
    }

    function test_fulfill_revertsIfPayeeSwapped() public {
        _expectInvalid();
        _fulfill(address(0xBAD), fixture.output, fixture.proof);
    }

    function test_fulfill_revertsIfOutputChanged() public {
        // The lowest bit of the first output; the status below it stays.
        uint256 word = uint256(bytes32(fixture.output)) ^ 1 << _slotBits();
        bytes memory output = fixture.output;
        assembly {
            mstore(add(output, 0x20), word)
        }
        _expectInvalid();
        _fulfill(fixture.payee, output, fixture.proof);
        // Another status.
        output = fixture.output;
        word = uint256(bytes32(fixture.output)) ^ 1;
        assembly {
            mstore(add(output, 0x20), word)
        }
        _expectInvalid();
        _fulfill(fixture.payee, output, fixture.proof);
    }

    function test_fulfill_revertsIfOutputHasUnusedBits() public {
        uint256 slots = Fixture.schema(fixture).outputs.length + 1;
        vm.assume(slots * _slotBits() < 253);
        uint256 word = uint256(bytes32(fixture.output)) | 1 << slots * _slotBits();
        _expectInvalid();
        _fulfill(fixture.payee, abi.encode(word), fixture.proof);
    }

    function test_fulfill_revertsForAnotherRequestOfTheSameInput() public {
        _request();
        fixture.request.nonce = 1;
        uint256 id = hub.requestIdOf(fixture.request);
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, id));
        _fulfill(fixture.payee, fixture.output, fixture.proof);
    }

    function testFuzz_fulfill_revertsIfProofChanged(uint256 position, uint8 flip) public {
        vm.assume(flip != 0);
        bytes memory proof = fixture.proof;
        position = bound(position, 0, proof.length - 1);
        proof[position] ^= bytes1(flip);
        _expectInvalid();
        _fulfill(fixture.payee, fixture.output, proof);
    }

    function test_fulfill_revertsIfProofHasAnotherLength() public {
        _expectInvalid();
        _fulfill(fixture.payee, fixture.output, "");
        _expectInvalid();
        _fulfill(fixture.payee, fixture.output, bytes.concat(fixture.proof, hex"00"));
        bytes memory shorter = fixture.proof;
        assembly {
            mstore(shorter, sub(mload(shorter), 32))
        }
        _expectInvalid();
        _fulfill(fixture.payee, fixture.output, shorter);
    }

    /// All in: the call, the transaction's base cost and its calldata.
    function test_register_staysInBudget() public {
        bytes memory data = registration;
        vm.prank(fixture.modelOwner);
        (bool ok,) = address(fresh).call(data);
        uint256 total = vm.snapshotGasLastCall(GROUP, string.concat("register, ", name(), ", call"));
        assertTrue(ok);
        total += 21_000 + _calldataGas(data);
        vm.snapshotValue(GROUP, string.concat("register, ", name(), ", all in"), total);
        assertLt(total, registerBudget());
    }

    function test_verify_gas() public {
        uint256[] memory instances = fixture.instances;
        bytes memory proof = fixture.proof;
        bool valid = verifier.verify(vk, instances, proof);
        vm.snapshotGasLastCall(GROUP, string.concat("verify, ", name()));
        assertTrue(valid);
    }

    function test_verify_rejectsEveryOtherInstance() public view {
        for (uint256 i = 0; i < fixture.instances.length; ++i) {
            uint256[] memory instances = fixture.instances;
            instances[i] ^= 1;
            assertFalse(verifier.verify(vk, instances, fixture.proof), "another value");
            // The same field element: a value has one form only.
            instances[i] = fixture.instances[i] + SCALAR_FIELD;
            assertFalse(verifier.verify(vk, instances, fixture.proof), "not canonical");
        }
    }

    function test_verify_rejectsAnotherInstanceCount() public view {
        uint256 count = fixture.instances.length;
        uint256[] memory more = new uint256[](count + 1);
        uint256[] memory less = new uint256[](count - 1);
        for (uint256 i = 0; i < count; ++i) {
            more[i] = fixture.instances[i];
            if (i < count - 1) less[i] = fixture.instances[i];
        }
        assertFalse(verifier.verify(vk, more, fixture.proof));
        assertFalse(verifier.verify(vk, less, fixture.proof));
    }

    function test_verify_rejectsAnotherKey() public {
        bytes memory data = fixture.vkData;
        // The second fixed commitment's place gets the first's.
        assembly {
            mcopy(add(data, 0xa0), add(data, 0x60), 0x40)
        }
        address other = address(0x5EED);
        vm.etch(other, bytes.concat(hex"00", data));
        assertFalse(verifier.verify(other, fixture.instances, fixture.proof));
        vm.etch(other, bytes.concat(hex"00", fixture.vkData));
        assertTrue(verifier.verify(other, fixture.instances, fixture.proof));
    }

    function _slotBits() private view returns (uint256) {
        Schema memory schema = Fixture.schema(fixture);
        return uint256(schema.digitBits) * schema.outputDigits;
    }

    function _expectInvalid() private {
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, fixture.requestId)
        );
    }
}

contract CreditRiskProofTest is RealProofTest {
    function name() internal pure override returns (string memory) {
        return "credit_risk";
    }
}

contract MlpSmallProofTest is RealProofTest {
    function name() internal pure override returns (string memory) {
        return "mlp_small";
    }
}

contract LogregProofTest is RealProofTest {
    function name() internal pure override returns (string memory) {
        return "logreg";
    }
}

/// @dev A forest, exact, in the wide shape: two scores and the class.
contract TreesProofTest is RealProofTest {
    function name() internal pure override returns (string memory) {
        return "trees";
    }

    function registerBudget() internal pure override returns (uint256) {
        return 1_200_000;
    }
}

/// @dev Weights and inputs are commitments: the chain sees neither.
contract CreditRiskPrivateProofTest is RealProofTest {
    function name() internal pure override returns (string memory) {
        return "credit_risk_private";
    }

    function registerBudget() internal pure override returns (uint256) {
        return 1_200_000;
    }

    function test_fixture_hidesWeightsAndInputs() public view {
        assertNotEq(Fixture.spec(fixture).modelCommitment, 0);
        assertEq(fixture.request.inputMode, InputModes.COMMITMENT);
        assertEq(fixture.input.length, 0);
        // The proof binds both commitments, in this order.
        assertEq(fixture.instances[2], uint256(Fixture.spec(fixture).modelCommitment));
        assertEq(fixture.instances[3], uint256(fixture.request.inputDigest));
    }

    /// The same proof for another commitment of the same subject, or another subject.
    function test_fulfill_revertsForAnotherCommitmentOrSubject() public {
        _revertsFor(bytes32(uint256(fixture.request.inputDigest) ^ 1), fixture.request.subject);
        _revertsFor(fixture.request.inputDigest, address(0x56));
    }

    function _revertsFor(bytes32 commitment, address subject) private {
        RequestOptions memory options = RequestOptions({
            refundTo: fixture.request.refundTo,
            deadline: fixture.request.deadline,
            callbackGas: 0,
            modes: fixture.request.modes,
            userData: 0
        });
        Request memory request = fixture.request;
        request.nonce = hub.nonceOf(fixture.consumer);
        request.inputDigest = commitment;
        request.subject = subject;
        hoax(fixture.consumer, request.fee);
        uint256 id = hub.requestPrivateInference{value: request.fee}(
            fixture.modelId, commitment, subject, options
        );
        assertEq(id, hub.requestIdOf(request));
        vm.expectRevert(abi.encodeWithSelector(IInferenceHub.InvalidProof.selector, id));
        hub.fulfill(request, "", fixture.payee, fixture.output, fixture.proof);
    }
}
