// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Vm} from "forge-std/Vm.sol";

import {Request, RequestOptions} from "../../contracts/types/Types.sol";
import {RealProofBase} from "./RealProofBase.sol";

/// @dev What mlp_small with 30 public inputs must cost at most.
contract RealProofGasTest is RealProofBase {
    /// @dev Most gas of a settling transaction, and of the verifier's call in it.
    uint256 private constant FULFILL_BUDGET = 500_000;
    uint256 private constant VERIFY_BUDGET = 330_000;

    function setUp() public override {
        super.setUp();
        _credit(fixture.payee);
        _credit(fixture.modelOwner);
    }

    function name() internal pure override returns (string memory) {
        return "mlp_small";
    }

    /// All in, for a payee and an owner that earned before, as operators and owners did.
    function test_fulfill_staysInBudget() public {
        bytes memory data = abi.encodeCall(
            hub.fulfill,
            (fixture.request, fixture.input, fixture.payee, fixture.output, fixture.proof)
        );
        (bool ok,) = address(hub).call(data);
        uint256 total = vm.lastCallGas().gasTotalUsed + 21_000 + _calldataGas(data);
        assertTrue(ok);
        vm.snapshotValue(GROUP, "fulfill, mlp_small, all in", total);
        assertLe(total, FULFILL_BUDGET);
    }

    function test_verify_staysInBudget() public {
        uint256[] memory instances = fixture.instances;
        bytes memory proof = fixture.proof;
        bool valid = verifier.verify(vk, instances, proof);
        assertLe(vm.lastCallGas().gasTotalUsed, VERIFY_BUDGET);
        assertTrue(valid);
    }

    /// @dev Credits `account` with the refund of a request that nobody answered.
    function _credit(address account) private {
        RequestOptions memory options = RequestOptions({
            refundTo: account,
            deadline: uint64(block.timestamp + 1),
            callbackGas: 0,
            modes: 0,
            userData: 0
        });
        vm.recordLogs();
        hoax(account, 1);
        hub.requestInference{value: 1}(fixture.modelId, fixture.rawInput, options);
        Vm.Log[] memory logs = vm.getRecordedLogs();
        (Request memory request,) = abi.decode(logs[0].data, (Request, bytes));
        skip(2);
        hub.expire(request);
        assertEq(escrow.balanceOf(account), 1);
    }
}
