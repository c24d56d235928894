// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {Vm} from "forge-std/Vm.sol";

import {BatchSettler} from "../../contracts/BatchSettler.sol";
import {InferenceHub} from "../../contracts/InferenceHub.sol";
import {ModelRegistry} from "../../contracts/ModelRegistry.sol";
import {VerifierRouter} from "../../contracts/VerifierRouter.sol";
import {IEscrow} from "../../contracts/interfaces/IEscrow.sol";
import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {Statement} from "../../contracts/libraries/Statement.sol";
import {
    BatchKey,
    Feature,
    InputModes,
    ModelPolicy,
    ModelSpec,
    OutputField,
    Request,
    RequestOptions,
    Schema
} from "../../contracts/types/Types.sol";
import {StubVerifier} from "../mocks/StubVerifier.sol";
import {TestConsumer} from "../mocks/Consumers.sol";

/// @title Deploys everything with a stub verifier and a registered model, and plays the agent
abstract contract HaloracleTest is Test {
    uint96 internal constant FEE = 0.01 ether;
    uint16 internal constant SHARE_BPS = 1_000;
    uint32 internal constant CALLBACK_GAS = 400_000;
    bytes32 internal constant USER_DATA = "position 7";

    address internal immutable admin = makeAddr("admin");
    address internal immutable guardian = makeAddr("guardian");
    address internal immutable modelOwner = makeAddr("modelOwner");
    address internal immutable payee = makeAddr("payee");
    address internal immutable refundee = makeAddr("refundee");

    StubVerifier internal verifier;
    VerifierRouter internal router;
    ModelRegistry internal registry;
    InferenceHub internal hub;
    BatchSettler internal settler;
    IEscrow internal escrow;
    bytes32 internal route;
    uint256 internal modelId;

    /// @dev A request as an operator learns of it from the chain.
    struct Asked {
        uint256 id;
        Request request;
        bytes input;
    }

    function setUp() public virtual {
        vm.warp(1_700_000_000);
        verifier = new StubVerifier("shape", "srs", false);
        router = new VerifierRouter(admin, guardian);
        registry = new ModelRegistry(router);
        (hub, settler) = deployHub();
        escrow = hub.escrow();
        vm.prank(admin);
        route = router.activate(address(verifier));
        modelId = register(schemaOf(30, 1));
        vm.deal(address(this), 1_000 ether);
    }

    /// @dev The settler comes first and names the hub that follows.
    function deployHub() internal returns (InferenceHub hub_, BatchSettler settler_) {
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        settler_ = new BatchSettler(next, registry);
        hub_ = new InferenceHub(registry, router, modulesOf(address(settler_)));
    }

    function modulesOf(address module) internal pure returns (address[] memory modules) {
        modules = new address[](1);
        modules[0] = module;
    }

    // Models

    /// @dev 8-bit digits, 24-bit input slots; the boxes differ from feature to feature.
    function schemaOf(uint256 features, uint256 outputs) internal pure returns (Schema memory s) {
        s.digitBits = 8;
        s.inputDigits = 3;
        s.outputDigits = 1;
        s.features = new Feature[](features);
        for (uint256 i = 0; i < features; ++i) {
            int32 lo = int32(int256(i % 3)) * -2_500;
            s.features[i] = Feature({lo: lo, hi: lo + 10_000 + int32(int256(i)), decimals: 3});
        }
        s.outputs = new OutputField[](outputs);
        for (uint256 i = 0; i < outputs; ++i) {
            s.outputs[i] = OutputField({zeroPoint: 0, multiplier: 4, decimals: 3});
        }
    }

    /// @dev Multiples of the generator as commitments; the second column is all zero.
    function vkDataOf(uint256 k, uint256 instances) internal view returns (bytes memory data) {
        data = abi.encode(k, instances);
        for (uint256 i = 0; i < 15; ++i) {
            (uint256 x, uint256 y) = i == 1 ? (0, 0) : point(i + 1);
            data = bytes.concat(data, abi.encode(x, y));
        }
    }

    function point(uint256 scalar) internal view returns (uint256 x, uint256 y) {
        (bool ok, bytes memory result) = address(7).staticcall(abi.encode(1, 2, scalar));
        assertTrue(ok);
        return abi.decode(result, (uint256, uint256));
    }

    /// @dev Of a public model.
    function instancesFor(Schema memory schema) internal pure returns (uint256) {
        uint256 perInput = 253 / (uint256(schema.digitBits) * schema.inputDigits);
        uint256 perOutput = 253 / (uint256(schema.digitBits) * schema.outputDigits);
        uint256 inputs = schema.inputMode == InputModes.COMMITMENT
            ? 1
            : (schema.features.length + perInput - 1) / perInput;
        return 2 + inputs + (schema.outputs.length + perOutput) / perOutput;
    }

    function specOf(bytes memory vkData, Schema memory schema)
        internal
        pure
        returns (ModelSpec memory)
    {
        return ModelSpec({
            route: Statement.route("shape", "srs"),
            vkHash: keccak256(vkData),
            schemaHash: keccak256(abi.encode(schema)),
            modelCommitment: 0,
            graphHash: keccak256("graph"),
            onnxHash: keccak256("onnx"),
            srsHash: "srs",
            reportHash: keccak256("report"),
            compilerVersion: "0.1.0",
            batchKeys: new BatchKey[](0)
        });
    }

    function policyOf() internal pure returns (ModelPolicy memory) {
        return ModelPolicy({fee: FEE, ownerShareBps: SHARE_BPS, open: true});
    }

    function register(Schema memory schema) internal returns (uint256) {
        return register(schema, 0);
    }

    /// @dev With private weights if there is a commitment.
    function register(Schema memory schema, bytes32 commitment) internal returns (uint256) {
        bytes memory vkData = vkDataOf(14, instancesFor(schema) + (commitment == 0 ? 0 : 1));
        ModelSpec memory spec = specOf(vkData, schema);
        spec.modelCommitment = commitment;
        vm.prank(modelOwner);
        return registry.register(spec, vkData, schema, policyOf());
    }

    // Requests

    function options(uint32 callbackGas) internal view returns (RequestOptions memory) {
        return RequestOptions({
            refundTo: refundee,
            deadline: uint64(block.timestamp + 1 hours),
            callbackGas: callbackGas,
            modes: 0,
            userData: USER_DATA
        });
    }

    /// @dev Raw values inside every box of `schemaOf`.
    function rawInput(uint256 features) internal pure returns (int32[] memory raw) {
        raw = new int32[](features);
        for (uint256 i = 0; i < features; ++i) {
            raw[i] = int32(int256(i * 37 % 4_000));
        }
    }

    function ask(TestConsumer consumer) internal returns (Asked memory) {
        return ask(consumer, FEE, options(CALLBACK_GAS));
    }

    function ask(TestConsumer consumer, uint256 fee, RequestOptions memory chosen)
        internal
        returns (Asked memory)
    {
        vm.recordLogs();
        consumer.ask{value: fee}(modelId, rawInput(30), chosen);
        return readRequest();
    }

    /// @dev At a model with private inputs.
    function askPrivately(TestConsumer consumer, uint256 model, bytes32 commitment, address subject)
        internal
        returns (Asked memory)
    {
        vm.recordLogs();
        consumer.askPrivately{value: FEE}(model, commitment, subject, options(CALLBACK_GAS));
        return readRequest();
    }

    /// @dev From the event alone, like an operator.
    function readRequest() internal returns (Asked memory asked) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].topics[0] == IInferenceHub.InferenceRequested.selector) {
                asked.id = uint256(logs[i].topics[1]);
                (asked.request, asked.input) = abi.decode(logs[i].data, (Request, bytes));
                return asked;
            }
        }
        revert("no request was logged");
    }

    // Answers

    /// @dev Output words of the 30-feature model: status, then one digit.
    function outputOf(uint256 status, uint256 digit) internal pure returns (bytes memory) {
        return abi.encode(status | digit << 8);
    }

    function proofOf(Asked memory asked, address paid, bytes memory output)
        internal
        view
        returns (bytes memory)
    {
        (address vk,) = registry.vkOf(asked.request.modelId);
        return verifier.proofFor(vk, statementOf(asked, paid, output));
    }

    /// @dev The public inputs as the protocol defines them, word by word, without the contracts'
    /// own code.
    function statementOf(Asked memory asked, address paid, bytes memory output)
        internal
        view
        returns (uint256[] memory)
    {
        bytes32 tag = keccak256(abi.encode(keccak256("haloracle.statement.v1"), asked.id, paid));
        bytes memory words = abi.encode(uint256(tag) >> 128, uint256(uint128(uint256(tag))));
        bytes32 commitment = registry.termsOf(asked.request.modelId).modelCommitment;
        if (commitment != 0) words = bytes.concat(words, commitment);
        bool hidden = asked.request.inputMode == InputModes.COMMITMENT;
        words = bytes.concat(
            words, hidden ? abi.encode(asked.request.inputDigest) : asked.input, output
        );
        uint256[] memory values = new uint256[](words.length / 32);
        for (uint256 i = 0; i < values.length; ++i) {
            assembly {
                mstore(add(values, mul(add(i, 1), 0x20)), mload(add(words, mul(add(i, 1), 0x20))))
            }
        }
        return values;
    }

    function fulfill(Asked memory asked) internal {
        fulfill(asked, outputOf(0, 200));
    }

    function fulfill(Asked memory asked, bytes memory output) internal {
        hub.fulfill(asked.request, asked.input, payee, output, proofOf(asked, payee, output));
    }
}
