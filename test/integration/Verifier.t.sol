// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {Halo2Verifier} from "../../contracts/generated/Halo2Verifier.sol";
import {IHalo2Verifier} from "../../contracts/interfaces/IHalo2Verifier.sol";
import {Fixture} from "./Fixture.sol";

/// @dev The verifier as code: what it costs, and that no calldata whatever makes it revert. That
/// it tells valid from invalid proofs: RealProof.t.sol and crates/solidity-verifier/tests.
contract VerifierTest is Test {
    /// @dev Most gas of one verification with the public inputs of any fixture, cold.
    uint256 private constant GAS_BUDGET = 345_000;
    /// @dev Most bytes of code; the chain's limit is three times that.
    uint256 private constant CODE_BUDGET = 8_192;

    address internal verifier;
    address internal constant VK = address(0x5EED);
    bytes internal valid;

    function setUp() public {
        verifier = address(new Halo2Verifier());
        valid = _load("mlp_small");
    }

    function _load(string memory name) private returns (bytes memory) {
        Fixture.Data memory data = Fixture.read(name);
        vm.etch(VK, bytes.concat(hex"00", data.vkData));
        return abi.encodeCall(IHalo2Verifier.verify, (VK, data.instances, data.proof));
    }

    function _answer(bytes memory data) private view returns (bool) {
        (bool returned, bytes memory word) = verifier.staticcall{gas: 2_000_000}(data);
        assertTrue(returned, "reverted");
        assertEq(word.length, 32);
        return abi.decode(word, (bool));
    }

    function test_code_staysInBudget() public view {
        assertLe(verifier.code.length, CODE_BUDGET);
    }

    function test_verify_staysInGasBudget() public {
        string[3] memory names = ["credit_risk", "logreg", "mlp_small"];
        for (uint256 i = 0; i < names.length; ++i) {
            bytes memory data = _load(names[i]);
            vm.cool(verifier);
            vm.cool(VK);
            uint256 before = gasleft();
            (, bytes memory word) = verifier.staticcall(data);
            assertLt(before - gasleft(), GAS_BUDGET, names[i]);
            assertTrue(abi.decode(word, (bool)), names[i]);
        }
    }

    function test_verify_acceptsTheCanonicalCall() public view {
        assertTrue(_answer(valid));
    }

    function testFuzz_verify_rejectsTruncatedCalldata(uint256 length) public view {
        bytes memory data = valid;
        length = bound(length, 4, data.length - 1);
        assembly {
            mstore(data, length)
        }
        assertFalse(_answer(data));
    }

    function testFuzz_verify_rejectsTrailingCalldata(bytes memory tail) public view {
        vm.assume(tail.length > 0);
        assertFalse(_answer(bytes.concat(valid, tail)));
    }

    function testFuzz_verify_rejectsAnyOtherWord(uint256 index, uint256 word) public view {
        bytes memory data = valid;
        index = bound(index, 0, (data.length - 4) / 32 - 1);
        uint256 old;
        assembly {
            let at := add(add(data, 0x24), mul(index, 0x20))
            old := mload(at)
            mstore(at, word)
        }
        vm.assume(word != old);
        assertFalse(_answer(data));
    }

    function testFuzz_verify_answersToNoise(bytes memory noise) public view {
        assertFalse(_answer(bytes.concat(IHalo2Verifier.verify.selector, noise)));
    }

    function testFuzz_verify_answersToAnyKey(bytes memory code) public {
        vm.etch(VK, code);
        assertFalse(_answer(valid));
    }
}
