// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBatchSettler} from "../../contracts/interfaces/IBatchSettler.sol";
import {BatchTest} from "../base/BatchTest.sol";
import {TransactionGas} from "../base/TransactionGas.sol";

/// @dev Writes snapshots/batch.json: whole transactions, per request. The stub verifies for nothing:
/// what the real verifier takes is added, see `VERIFIER_BASE`. Real batch proofs are measured in
/// test/integration/RealBatch.t.sol.
contract BatchGasTest is BatchTest, TransactionGas {
    string private constant GROUP = "batch";
    /// @dev The real verifier's gas for a proof without instances, and for one instance more.
    uint256 private constant VERIFIER_BASE = 340_000;
    uint256 private constant VERIFIER_INSTANCE = 330;
    /// @dev A proof of the narrow shape: no byte of it can be expected to be zero.
    uint256 private constant PROOF_BYTES = 2_048;

    bytes internal call16;
    bytes internal call64;
    bytes internal root64;
    bytes internal claim64;
    uint256 internal words;

    function setUp() public override {
        super.setUp();
        // Balances are in use, as an operator's are.
        settler.settleBatch(batchOf(4, askMany(2, 0), one(payee)));
        words = instancesFor(schemaOf(30, 1)) - 2;
        call16 = _call(batchOf(16, askMany(16, 0), one(payee)));
        call64 = _call(batchOf(64, askMany(64, 0), one(payee)));
        Asked[] memory asked = askMany(64, ANY);
        IBatchSettler.RootBatch memory batch = rootBatchOf(64, asked, one(payee));
        root64 = abi.encodeCall(settler.settleRoot, (batch));
        asked = askMany(64, ANY);
        batch = rootBatchOf(64, asked, one(payee));
        settler.settleRoot(batch);
        claim64 = abi.encodeCall(settler.claimLeaf, (claimOf(asked[17], batch, 17)));
    }

    function test_settleBatch_of16StaysInBudget() public {
        assertLe(_measure("settleBatch (N = 16), per request", call16, 16), 75_000);
    }

    function test_settleBatch_of64StaysInBudget() public {
        assertLe(_measure("settleBatch (N = 64), per request", call64, 64), 55_000);
    }

    function test_settleRoot_of64StaysInBudget() public {
        assertLe(_measure("settleRoot (N = 64), per request", root64, 64), 16_000);
    }

    function test_claimLeaf_gas() public {
        (uint256 total,) = _transact(address(settler), claim64);
        vm.snapshotValue(GROUP, "claimLeaf (N = 64)", total);
    }

    function _call(IBatchSettler.Batch memory batch) private view returns (bytes memory) {
        return abi.encodeCall(settler.settleBatch, (batch));
    }

    /// @dev All in: the transaction, and the verifier's part.
    function _measure(string memory name, bytes memory data, uint256 leaves)
        private
        returns (uint256 each)
    {
        (uint256 total, uint256 refund) = _transact(address(settler), data);
        total += refund + VERIFIER_BASE + VERIFIER_INSTANCE * (2 + words * leaves);
        // The stub's proof is one word.
        total += 16 * (PROOF_BYTES - 32);
        each = _refunded(total, refund) / leaves;
        vm.snapshotValue(GROUP, name, each);
    }
}
