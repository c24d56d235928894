// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {RealProofBase} from "./RealProofBase.sol";

/// @dev What mlp_small with 30 public inputs must cost at most.
contract RealProofGasTest is RealProofBase {
    /// @dev Most gas of a settling transaction, and of the verifier's call in it.
    uint256 private constant FULFILL_BUDGET = 500_000;
    uint256 private constant VERIFY_BUDGET = 330_000;

    function setUp() public override {
        super.setUp();
        _credit(hub, fixture.modelId, fixture.rawInput, fixture.payee);
        _credit(hub, fixture.modelId, fixture.rawInput, fixture.modelOwner);
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
        (uint256 total, uint256 refund) = _transact(address(hub), data);
        // Without refunds: a request that is the only one clears the escrow's sum too.
        total += refund;
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
}
