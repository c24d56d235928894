// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {InputModes, RequestOptions, Schema} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {RecordingConsumer} from "../mocks/Consumers.sol";

/// @dev Writes snapshots/protocol.json. Figures of `fulfill` are without the verifier's work.
contract GasTest is HaloracleTest {
    string private constant GROUP = "protocol";
    /// @dev Most gas that registering a model may cost, all in.
    uint256 private constant REGISTER_BUDGET = 550_000;

    RecordingConsumer internal consumer;
    int32[] internal raw;
    Asked internal pull;
    Asked internal push;
    bytes internal output;
    bytes internal pullProof;
    bytes internal pushProof;
    /// @dev Weights and inputs private: commitments take the place of 30 features.
    Asked internal hidden;
    bytes internal hiddenProof;
    bytes internal registration;

    /// @dev All preparation is here: a test starts with cold accounts and slots, like a
    /// transaction. One request has been settled, so that balances and nonces are in use.
    function setUp() public override {
        super.setUp();
        consumer = new RecordingConsumer(hub);
        vm.deal(address(consumer), FEE);
        raw = rawInput(30);
        output = outputOf(0, 1);
        fulfill(ask(consumer));
        pull = ask(consumer, FEE, options(0));
        pullProof = proofOf(pull, payee, output);
        push = ask(consumer);
        pushProof = proofOf(push, payee, output);

        Schema memory committed = schemaOf(30, 1);
        committed.inputMode = InputModes.COMMITMENT;
        uint256 hiddenModel = register(committed, keccak256("weights") >> 3);
        vm.deal(address(consumer), 2 * FEE);
        hidden = askPrivately(consumer, hiddenModel, keccak256("values") >> 3, payee);
        hiddenProof = proofOf(hidden, payee, output);

        // Every commitment is a full-width point, as in a real key.
        Schema memory schema = schemaOf(30, 1);
        bytes memory vkData = vkDataOf(10, instancesFor(schema));
        registration =
            abi.encodeCall(registry.register, (specOf(vkData, schema), vkData, schema, policyOf()));
    }

    /// All in: the call, the transaction's base cost and its calldata.
    function test_register_staysInBudget() public {
        bytes memory data = registration;
        vm.prank(modelOwner);
        (bool ok,) = address(registry).call(data);
        uint256 execution = vm.snapshotGasLastCall(GROUP, "register (30 features), call");
        assertTrue(ok);
        uint256 total = execution + 21_000 + _calldataGas(data);
        vm.snapshotValue(GROUP, "register (30 features), all in", total);
        assertLt(total, REGISTER_BUDGET);
    }

    function test_requestInference_gas() public {
        int32[] memory input = raw;
        RequestOptions memory chosen = options(CALLBACK_GAS);
        vm.prank(address(consumer));
        hub.requestInference{value: FEE}(modelId, input, chosen);
        vm.snapshotGasLastCall(GROUP, "requestInference (30 features)");
    }

    function test_packInput_gas() public {
        registry.packInput(modelId, raw);
        vm.snapshotGasLastCall(GROUP, "packInput (30 features)");
    }

    function test_fulfill_gas() public {
        hub.fulfill(pull.request, pull.input, payee, output, pullProof);
        vm.snapshotGasLastCall(GROUP, "fulfill, stub verifier, no callback");
    }

    function test_fulfill_gasWithCallback() public {
        hub.fulfill(push.request, push.input, payee, output, pushProof);
        vm.snapshotGasLastCall(GROUP, "fulfill, stub verifier, recording callback");
    }

    function test_requestPrivateInference_gas() public {
        RequestOptions memory chosen = options(CALLBACK_GAS);
        vm.prank(address(consumer));
        hub.requestPrivateInference{value: FEE}(
            hidden.request.modelId, hidden.request.inputDigest, payee, chosen
        );
        vm.snapshotGasLastCall(GROUP, "requestPrivateInference");
    }

    function test_fulfill_gasOfPrivateWeightsAndInputs() public {
        hub.fulfill(hidden.request, "", payee, output, hiddenProof);
        vm.snapshotGasLastCall(GROUP, "fulfill, private, stub verifier, recording callback");
    }

    function test_expire_gas() public {
        vm.warp(pull.request.deadline + 1);
        hub.expire(pull.request);
        vm.snapshotGasLastCall(GROUP, "expire");
    }

    function test_withdraw_gas() public {
        vm.prank(payee);
        escrow.withdraw(payee);
        vm.snapshotGasLastCall(GROUP, "withdraw");
    }

    function _calldataGas(bytes memory data) private pure returns (uint256 gas) {
        for (uint256 i = 0; i < data.length; ++i) {
            gas += data[i] == 0 ? 4 : 16;
        }
    }
}
