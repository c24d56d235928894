// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {IHalo2Verifier} from "../../contracts/interfaces/IHalo2Verifier.sol";
import {Verifiers} from "../../script/Verifiers.sol";
import {Fixture} from "./Fixture.sol";

/// @dev The verifier of a shape as code: what it costs, and that no calldata whatever makes it
/// revert. That it tells valid from invalid proofs: RealProof.t.sol and
/// crates/solidity-verifier/tests.
abstract contract VerifierTest is Test {
    address internal verifier;
    address internal constant VK = address(0x5EED);
    bytes internal valid;

    /// @dev Name of the generated contract.
    function shape() internal pure virtual returns (string memory);

    /// @dev Fixtures of the shape.
    function fixtures() internal pure virtual returns (string[] memory);

    /// @dev Most gas of one verification with the public inputs of any fixture, cold.
    function gasBudget() internal pure virtual returns (uint256);

    /// @dev Most bytes of code, within the chain's limit of 24,576.
    function codeBudget() internal pure virtual returns (uint256);

    function setUp() public {
        verifier = address(Verifiers.deploy(shape()));
        valid = _load(fixtures()[0]);
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
        assertLe(verifier.code.length, codeBudget());
        assertLe(codeBudget(), 24_576);
    }

    function test_verify_staysInGasBudget() public {
        string[] memory names = fixtures();
        for (uint256 i = 0; i < names.length; ++i) {
            bytes memory data = _load(names[i]);
            vm.cool(verifier);
            vm.cool(VK);
            uint256 before = gasleft();
            (, bytes memory word) = verifier.staticcall(data);
            assertLt(before - gasleft(), gasBudget(), names[i]);
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

    /// Whatever the caller's memory holds, and in whoever's storage context the code runs.
    function testFuzz_verify_answersDirtyCallers(uint256 dirt, uint16 words, bool delegated)
        public
    {
        bytes memory data = valid;
        address target = verifier;
        uint256 word;
        assembly {
            for { let i := 0 } lt(i, words) { i := add(i, 1) } {
                mstore(add(add(data, mload(data)), add(0x20, shl(5, i))), dirt)
            }
            mstore(0x00, dirt)
            mstore(0x20, dirt)
            let ok := 0
            switch delegated
            case 0 { ok := staticcall(gas(), target, add(data, 0x20), mload(data), 0x00, 0x20) }
            default {
                ok := delegatecall(gas(), target, add(data, 0x20), mload(data), 0x00, 0x20)
            }
            word := mul(ok, mload(0x00))
        }
        assertEq(word, 1);
        assertFalse(_answer(bytes.concat(valid, hex"00")));
    }

    function testFuzz_verify_answersToNoise(bytes memory noise) public view {
        assertFalse(_answer(bytes.concat(IHalo2Verifier.verify.selector, noise)));
    }

    function testFuzz_verify_answersToAnyKey(bytes memory code) public {
        vm.etch(VK, code);
        assertFalse(_answer(valid));
    }
}

contract NarrowVerifierTest is VerifierTest {
    function shape() internal pure override returns (string memory) {
        return "Halo2Verifier";
    }

    function fixtures() internal pure override returns (string[] memory names) {
        names = new string[](3);
        (names[0], names[1], names[2]) = ("mlp_small", "logreg", "credit_risk");
    }

    function gasBudget() internal pure override returns (uint256) {
        return 340_000;
    }

    function codeBudget() internal pure override returns (uint256) {
        return 8_192;
    }
}

contract WideVerifierTest is VerifierTest {
    function shape() internal pure override returns (string memory) {
        return "Halo2VerifierWide";
    }

    function fixtures() internal pure override returns (string[] memory names) {
        names = new string[](2);
        (names[0], names[1]) = ("trees", "credit_risk_private");
    }

    function gasBudget() internal pure override returns (uint256) {
        return 620_000;
    }

    function codeBudget() internal pure override returns (uint256) {
        return 12_288;
    }
}
