// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";
import {VmSafe} from "forge-std/Vm.sol";

import {IHalo2Verifier} from "../../contracts/interfaces/IHalo2Verifier.sol";
import {AggregateStatement} from "../../contracts/libraries/AggregateStatement.sol";
import {DataContract} from "../../contracts/libraries/DataContract.sol";
import {KeyDigest} from "../../contracts/libraries/KeyDigest.sol";
import {Statement} from "../../contracts/libraries/Statement.sol";

/// @dev A real aggregate of four models (an MLP, a forest, a CNN, a private MLP) against the contracts
/// alone: digests from the keys, gamma and D from the claims, the proof by the generated verifier.
contract AggregateTest is Test {
    string private constant FOLDER = "test/fixtures/aggregate/";
    string private constant GROUP = "aggregate";
    /// @dev Claims were made for no settler.
    address private constant SETTLER = address(0);
    uint256 private constant LIMBS = 8;

    IHalo2Verifier internal verifier;
    bytes32 internal route;
    address internal key;
    uint256[] internal instances;
    bytes internal proof;
    bytes[] internal keys;
    uint256[][] internal words;

    function setUp() public {
        vm.chainId(31_337);
        verifier = IHalo2Verifier(deployCode("Halo2VerifierAggregate.sol"));
        IHalo2Verifier wide = IHalo2Verifier(deployCode("Halo2VerifierWide.sol"));
        route = Statement.route(wide.shapeHash(), wide.srsHash());
        string memory aggregate = vm.readFile(string.concat(FOLDER, "aggregate-4.json"));
        instances = vm.parseJsonUintArray(aggregate, ".instances");
        proof = vm.parseJsonBytes(aggregate, ".proof");
        bytes memory keyData = _keyData();
        assertEq(keccak256(keyData), vm.parseJsonBytes32(aggregate, ".key_hash"));
        key = DataContract.store(keyData);
        string[4] memory names = ["mlp", "forest", "cnn", "private"];
        for (uint256 i = 0; i < names.length; ++i) {
            string memory inner = vm.readFile(string.concat(FOLDER, names[i], ".json"));
            keys.push(vm.parseJsonBytes(inner, ".key"));
            words.push(vm.parseJsonUintArray(inner, ".instances"));
        }
    }

    function test_aggregate_showsWhatTheContractClaims() public {
        uint256[] memory digests = _digests();
        uint256[][] memory claims = words;
        uint256 h = instances[LIMBS];
        uint256 before = gasleft();
        (uint256 gamma, uint256 d) = AggregateStatement.combine(SETTLER, h, digests, claims);
        uint256 each = (before - gasleft()) / 4;
        vm.snapshotValue(GROUP, "gamma and D, per leaf", each);
        assertLt(each, 3_000);
        assertEq(gamma, instances[LIMBS + 1]);
        assertEq(d, instances[LIMBS + 2]);
        assertTrue(verifier.verify(key, instances, proof));
        uint256 gas = vm.snapshotGasLastCall(GROUP, "verify");
        assertLt(gas, 480_000);
    }

    function test_digest_gas() public {
        uint256 before = gasleft();
        KeyDigest.digest(route, keys[0]);
        vm.snapshotValue(GROUP, "key digest", before - gasleft());
    }

    function test_aggregate_isOfTheseKeysAndWordsOnly() public view {
        uint256[] memory digests = _digests();
        uint256[][] memory claims = words;
        _refused(SETTLER, digests, claims, true);
        // Another settler, other words, another order, a leaf twice, another length.
        _refused(address(1), digests, claims, false);
        claims[1][2] ^= 1;
        _refused(SETTLER, digests, claims, false);
        claims[1][2] ^= 1;
        (claims[0], claims[3]) = (claims[3], claims[0]);
        _refused(SETTLER, digests, claims, false);
        (digests[0], digests[3]) = (digests[3], digests[0]);
        _refused(SETTLER, digests, claims, false);
        (digests[0], digests[3]) = (digests[3], digests[0]);
        claims = words;
        claims[1] = claims[0];
        _refused(SETTLER, digests, claims, false);
        claims = words;
        uint256[] memory longer = new uint256[](claims[0].length + 1);
        for (uint256 i = 0; i < claims[0].length; ++i) {
            longer[i] = claims[0][i];
        }
        claims[0] = longer;
        _refused(SETTLER, digests, claims, false);
        // A key that differs in one point, in k, of another shape.
        claims = words;
        bytes memory other = keys[2];
        other[64 + 64 * 3 + 31] ^= 0x01;
        digests[2] = KeyDigest.digest(route, other);
        _refused(SETTLER, digests, claims, false);
        other = keys[2];
        other[31] ^= 0x01;
        digests[2] = KeyDigest.digest(route, other);
        _refused(SETTLER, digests, claims, false);
        digests[2] = KeyDigest.digest(bytes32(uint256(route) ^ 1), keys[2]);
        _refused(SETTLER, digests, claims, false);
    }

    function test_verify_refusesEveryChangedInstance() public view {
        for (uint256 i = 0; i < instances.length; ++i) {
            uint256[] memory changed = instances;
            changed[i] ^= 1;
            assertFalse(verifier.verify(key, changed, proof));
        }
    }

    /// Limbs with the same value but out of their range: 2^170 moved from high to low.
    function test_verify_refusesLimbsOutOfRange() public view {
        for (uint256 i = 0; i < LIMBS; i += 2) {
            uint256[] memory changed = instances;
            changed[i] += 1 << 170;
            changed[i + 1] -= 1;
            assertFalse(verifier.verify(key, changed, proof));
            changed = instances;
            changed[i] += Statement.SCALAR_FIELD;
            assertFalse(verifier.verify(key, changed, proof));
        }
    }

    function test_verify_refusesEveryChangedWordOfTheProof() public view {
        for (uint256 i = 31; i < proof.length; i += 32) {
            bytes memory changed = proof;
            changed[i] ^= 0x01;
            assertFalse(verifier.verify(key, instances, changed));
        }
    }

    function _digests() private view returns (uint256[] memory digests) {
        digests = new uint256[](keys.length);
        for (uint256 i = 0; i < keys.length; ++i) {
            digests[i] = KeyDigest.digest(route, keys[i]);
        }
    }

    /// @dev The real proof under the instances that these claims lead to.
    function _refused(
        address settler,
        uint256[] memory digests,
        uint256[][] memory claims,
        bool expected
    ) private view {
        uint256[] memory own = instances;
        (own[LIMBS + 1], own[LIMBS + 2]) =
            AggregateStatement.combine(settler, own[LIMBS], digests, claims);
        assertEq(verifier.verify(key, own, proof), expected);
    }

    /// @dev The aggregation key, whose file is named after circuit and SRS.
    function _keyData() private view returns (bytes memory) {
        VmSafe.DirEntry[] memory entries = vm.readDir(FOLDER);
        for (uint256 i = 0; i < entries.length; ++i) {
            bytes memory path = bytes(entries[i].path);
            if (path[path.length - 2] == "v" && path[path.length - 1] == "k") {
                return vm.readFileBinary(entries[i].path);
            }
        }
        revert("no aggregation key");
    }
}
