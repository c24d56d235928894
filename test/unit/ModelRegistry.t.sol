// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IERC165} from "@openzeppelin/contracts/utils/introspection/IERC165.sol";

import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {IVerifierRouter} from "../../contracts/interfaces/IVerifierRouter.sol";
import {VerifyingKey} from "../../contracts/libraries/VerifyingKey.sol";
import {ModelPolicy, ModelSpec, ModelTerms, Schema} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";

contract ModelRegistryTest is HaloracleTest {
    Schema internal schema;
    bytes internal vkData;

    function setUp() public override {
        super.setUp();
        Schema memory fresh = schemaOf(8, 2);
        schema.digitBits = fresh.digitBits;
        schema.inputDigits = fresh.inputDigits;
        schema.outputDigits = fresh.outputDigits;
        for (uint256 i = 0; i < 8; ++i) {
            schema.features.push(fresh.features[i]);
        }
        for (uint256 i = 0; i < 2; ++i) {
            schema.outputs.push(fresh.outputs[i]);
        }
        vkData = vkDataOf(9, instancesFor(fresh));
    }

    function test_register_storesEverything() public {
        ModelSpec memory spec = specOf(vkData, schema);
        vm.expectEmit();
        emit IModelRegistry.PolicyChanged(registry.computeModelId(address(this), spec), policyOf());
        uint256 id = registry.register(spec, vkData, schema, policyOf());

        assertEq(id, registry.computeModelId(address(this), spec));
        assertEq(registry.ownerOf(id), address(this));
        assertEq(registry.routeOf(id), route);
        assertEq(abi.encode(registry.policyOf(id)), abi.encode(policyOf()));
        assertEq(abi.encode(registry.schemaOf(id)), abi.encode(schema));
        (address vk, bytes32 vkHash) = registry.vkOf(id);
        // STOP, so that the code can never run, then the key; the schema follows.
        bytes memory code = vk.code;
        uint256 keyBytes = vkData.length + 1;
        assertGt(code.length, keyBytes);
        assembly {
            mstore(code, keyBytes)
        }
        assertEq(code, bytes.concat(hex"00", vkData));
        assertEq(vkHash, keccak256(vkData));
        (uint256 inputs, uint256 outputs) = registry.wordCounts(id);
        assertEq(inputs, 1);
        assertEq(outputs, 1);
        ModelTerms memory terms = registry.termsOf(id);
        assertEq(
            abi.encode(terms),
            abi.encode(
                ModelTerms({
                    owner: address(this),
                    route: route,
                    vk: vk,
                    vkHash: vkHash,
                    modelCommitment: 0,
                    inputMode: 0,
                    inputWords: 1,
                    outputWords: 1,
                    outputSlotBits: 8
                })
            )
        );
    }

    /// The twin of this hash is pinned in the Rust crate `haloracle-contracts`.
    function test_computeModelId_hashesDomainOwnerAndSpec() public view {
        ModelSpec memory spec = specOf(vkData, schema);
        assertEq(
            registry.computeModelId(modelOwner, spec),
            uint256(keccak256(abi.encode(keccak256("haloracle.model.v1"), modelOwner, spec)))
        );
    }

    function test_register_givesAnotherIdToAnotherOwner() public {
        ModelSpec memory spec = specOf(vkData, schema);
        uint256 mine = registry.register(spec, vkData, schema, policyOf());
        vm.prank(modelOwner);
        uint256 theirs = registry.register(spec, vkData, schema, policyOf());
        assertNotEq(mine, theirs);
    }

    function test_register_revertsIfRegistered() public {
        ModelSpec memory spec = specOf(vkData, schema);
        uint256 id = registry.register(spec, vkData, schema, policyOf());
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.AlreadyRegistered.selector, id));
        registry.register(spec, vkData, schema, policyOf());
    }

    function test_register_revertsIfRouteUnknown() public {
        ModelSpec memory spec = specOf(vkData, schema);
        spec.route = "elsewhere";
        vm.expectRevert(
            abi.encodeWithSelector(IVerifierRouter.UnknownRoute.selector, bytes32("elsewhere"))
        );
        registry.register(spec, vkData, schema, policyOf());
    }

    function test_register_revertsIfRouteStopped() public {
        vm.prank(guardian);
        router.stop(route);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteIsStopped.selector, route));
        registry.register(specOf(vkData, schema), vkData, schema, policyOf());
    }

    function test_register_revertsIfSrsDiffers() public {
        ModelSpec memory spec = specOf(vkData, schema);
        spec.srsHash = "other";
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.SrsMismatch.selector, bytes32("srs"), bytes32("other")
            )
        );
        registry.register(spec, vkData, schema, policyOf());
    }

    function test_register_revertsIfVkHashDiffers() public {
        ModelSpec memory spec = specOf(vkData, schema);
        bytes32 expected = spec.vkHash;
        spec.vkHash = "other";
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.VkHashMismatch.selector, bytes32("other"), expected
            )
        );
        registry.register(spec, vkData, schema, policyOf());
    }

    function test_register_revertsIfSchemaHashDiffers() public {
        ModelSpec memory spec = specOf(vkData, schema);
        schema.features[0].hi += 1;
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.SchemaHashMismatch.selector,
                spec.schemaHash,
                keccak256(abi.encode(schema))
            )
        );
        registry.register(spec, vkData, schema, policyOf());
    }

    // Verifying key

    function test_register_revertsIfKeyHasAnotherLength() public {
        bytes memory longer = bytes.concat(vkData, new bytes(64));
        _expectBadKey(longer, "length");
        bytes memory shorter = vkData;
        assembly {
            mstore(shorter, sub(mload(shorter), 64))
        }
        _expectBadKey(shorter, "length");
        _expectBadKey(bytes.concat(vkData, hex"00"), "length");
        _expectBadKey("", "length");
    }

    function test_register_revertsIfKOutOfRange() public {
        _expectBadKey(_withWord(0, 26), "k");
        _expectBadKey(_withWord(0, type(uint256).max), "k");
        // 2^8 rows cannot hold the table of 8-bit digits and the blinding rows.
        _expectBadKey(_withWord(0, 8), "k");
        _expectBadKey(_withWord(0, 0), "k");
        _expectGoodKey(_withWord(0, 25));
    }

    /// Of 32 rows 6 hold no instance: nobody could ever prove a statement of 27.
    function test_register_revertsIfInstancesDoNotFitTheRows() public {
        // Five features a word; two halves of the tag and one output word besides.
        Schema memory wide = schemaOf(116, 1);
        (wide.digitBits, wide.inputDigits) = (4, 12);
        bytes memory key = vkDataOf(5, 27);
        ModelSpec memory spec = specOf(key, wide);
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.BadVerifyingKey.selector, "more instances than rows"
            )
        );
        registry.register(spec, key, wide, policyOf());

        key = vkDataOf(6, 27);
        registry.register(specOf(key, wide), key, wide, policyOf());
        wide = schemaOf(115, 1);
        (wide.digitBits, wide.inputDigits) = (4, 12);
        key = vkDataOf(5, 26);
        registry.register(specOf(key, wide), key, wide, policyOf());
    }

    function test_register_revertsIfInstanceCountDiffers() public {
        uint256 instances = instancesFor(schema);
        _expectBadKey(_withWord(1, instances + 1), "instance count");
        _expectBadKey(_withWord(1, instances - 1), "instance count");
    }

    function test_register_revertsIfPointOffTheCurve() public {
        (uint256 x, uint256 y) = point(3);
        // Point 2 is 3G; words 2.. are points.
        assertEq(_word(6), x);
        _expectBadKey(_withWord(6, x + 1), "point off the curve");
        _expectBadKey(_withWord(7, y + 1), "point off the curve");
        // Half of the encoding of infinity is none.
        _expectBadKey(_withWord(6, 0), "point off the curve");
        _expectBadKey(_withWord(7, 0), "point off the curve");
        // The last one is a permutation commitment.
        _expectBadKey(_withWord(31, 1), "point off the curve");
    }

    function test_register_revertsIfCoordinateNotCanonical() public {
        (uint256 x, uint256 y) = point(3);
        _expectBadKey(_withWord(6, x + VerifyingKey.BASE_FIELD), "coordinate not canonical");
        _expectBadKey(_withWord(7, y + VerifyingKey.BASE_FIELD), "coordinate not canonical");
    }

    function test_register_allowsZeroFixedColumnsOnly() public {
        vkData = _withWord(6, 0);
        _expectGoodKey(_withWord(7, 0));
        vkData = vkDataOf(9, instancesFor(schema));
        vkData = _withWord(30, 0);
        _expectBadKey(_withWord(31, 0), "zero permutation commitment");
    }

    // Policy

    function test_setPolicy_replacesThePolicy() public {
        ModelPolicy memory policy = ModelPolicy({fee: 5, ownerShareBps: 10_000, open: false});
        vm.expectEmit();
        emit IModelRegistry.PolicyChanged(modelId, policy);
        vm.prank(modelOwner);
        registry.setPolicy(modelId, policy);
        assertEq(abi.encode(registry.policyOf(modelId)), abi.encode(policy));
    }

    function test_setPolicy_revertsIfNotOwner() public {
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.NotOwner.selector, modelId, address(this))
        );
        registry.setPolicy(modelId, policyOf());
    }

    function test_setPolicy_revertsIfShareAboveTheWhole() public {
        vm.prank(modelOwner);
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.BadPolicy.selector, "owner's share above the whole"
            )
        );
        registry.setPolicy(modelId, ModelPolicy({fee: 0, ownerShareBps: 10_001, open: true}));
    }

    function test_register_revertsIfShareAboveTheWhole() public {
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.BadPolicy.selector, "owner's share above the whole"
            )
        );
        registry.register(
            specOf(vkData, schema),
            vkData,
            schema,
            ModelPolicy({fee: 0, ownerShareBps: 10_001, open: true})
        );
    }

    function test_views_revertIfModelUnknown() public {
        bytes memory unknown = abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, 5);
        vm.expectRevert(unknown);
        registry.ownerOf(5);
        vm.expectRevert(unknown);
        registry.routeOf(5);
        vm.expectRevert(unknown);
        registry.policyOf(5);
        vm.expectRevert(unknown);
        registry.schemaOf(5);
        vm.expectRevert(unknown);
        registry.vkOf(5);
        vm.expectRevert(unknown);
        registry.termsOf(5);
        vm.expectRevert(unknown);
        registry.packInput(5, new int32[](1));
        vm.expectRevert(unknown);
        registry.wordCounts(5);
        vm.expectRevert(unknown);
        registry.decodeOutput(5, "");
        vm.expectRevert(unknown);
        registry.setPolicy(5, policyOf());
    }

    function test_supportsInterface_knowsTheRegistry() public view {
        assertTrue(registry.supportsInterface(type(IModelRegistry).interfaceId));
        assertTrue(registry.supportsInterface(type(IERC165).interfaceId));
        assertFalse(registry.supportsInterface(0xffffffff));
    }

    function _expectBadKey(bytes memory data, string memory reason) private {
        ModelSpec memory spec = specOf(data, schema);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.BadVerifyingKey.selector, reason));
        registry.register(spec, data, schema, policyOf());
    }

    function _expectGoodKey(bytes memory data) private {
        registry.register(specOf(data, schema), data, schema, policyOf());
    }

    function _withWord(uint256 index, uint256 value) private view returns (bytes memory data) {
        data = vkData;
        assembly {
            mstore(add(data, mul(32, add(index, 1))), value)
        }
    }

    function _word(uint256 index) private view returns (uint256 value) {
        bytes memory data = vkData;
        assembly {
            value := mload(add(data, mul(32, add(index, 1))))
        }
    }
}
