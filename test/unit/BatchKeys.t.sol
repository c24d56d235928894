// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry} from "../../contracts/interfaces/IModelRegistry.sol";
import {IVerifierRouter} from "../../contracts/interfaces/IVerifierRouter.sol";
import {BatchKey, ModelSpec, ModelTerms, Schema} from "../../contracts/types/Types.sol";
import {BatchTest} from "../base/BatchTest.sol";

contract BatchKeysTest is BatchTest {
    bytes[] internal keys;
    uint256 internal id;
    uint256 private constant WORDS = 5;

    function setUp() public override {
        super.setUp();
        (ModelSpec memory described, bytes[] memory data) = batchedSpec(schemaOf(31, 1), 0);
        id = _register(described);
        keys = data;
    }

    function test_addBatchKey_storesTheKey() public {
        ModelSpec memory described = _spec();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownBatchKey.selector, id, 16));
        registry.batchTermsOf(id, 16);
        address predicted =
            vm.computeCreateAddress(address(registry), vm.getNonce(address(registry)));
        vm.expectEmit();
        emit IModelRegistry.BatchKeyAdded(id, 16, predicted);
        // Anyone may.
        vm.prank(makeAddr("anyone"));
        address vk = registry.addBatchKey(id, described, 1, keys[1]);
        assertEq(vk, predicted);
        assertEq(vk.code, bytes.concat(hex"00", keys[1]));
        ModelTerms memory single = registry.termsOf(id);
        ModelTerms memory batch = registry.batchTermsOf(id, 16);
        assertEq(batch.vk, vk);
        assertEq(batch.vkHash, keccak256(keys[1]));
        assertEq(batch.vkHash, described.batchKeys[1].vkHash);
        (batch.vk, batch.vkHash) = (single.vk, single.vkHash);
        assertEq(abi.encode(batch), abi.encode(single));
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownBatchKey.selector, id, 4));
        registry.batchTermsOf(id, 4);
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.BatchKeyAlreadyAdded.selector, id, 16)
        );
        registry.addBatchKey(id, described, 1, keys[1]);
    }

    function test_addBatchKey_revertsIfNotTheModels() public {
        ModelSpec memory described = _spec();
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.UnknownModel.selector, 5));
        registry.addBatchKey(5, described, 0, keys[0]);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.NoSuchBatchKey.selector, id, 3));
        registry.addBatchKey(id, described, 3, keys[0]);
        // A description with a hash of the caller's choice.
        described.batchKeys[0].vkHash = keccak256(keys[1]);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.SpecMismatch.selector, id));
        registry.addBatchKey(id, described, 0, keys[1]);
        described = _spec();
        vm.expectRevert(
            abi.encodeWithSelector(
                IModelRegistry.VkHashMismatch.selector, keccak256(keys[0]), keccak256(keys[1])
            )
        );
        registry.addBatchKey(id, described, 0, keys[1]);
    }

    /// A pinned hash may be of anything: what the chain can check of a key is checked here too.
    function test_addBatchKey_revertsIfKeyIsMalformed() public {
        _expectBad("length", bytes.concat(keys[0], hex"00"));
        _expectBad("instance count", vkDataOf(14, 2 + 3 * WORDS));
        _expectBad("instance count", vkDataOf(14, 2 + WORDS));
        _expectBad("k", vkDataOf(8, 2 + 4 * WORDS));
        bytes memory off = keys[0];
        off[127] ^= 0x01;
        _expectBad("point off the curve", off);
    }

    function test_addBatchKey_countsTheCommitmentOfPrivateWeightsOnce() public {
        (ModelSpec memory described, bytes[] memory data) =
            batchedSpec(schemaOf(31, 1), bytes32(uint256(7)));
        Schema memory schema = schemaOf(31, 1);
        bytes memory vkData = vkDataOf(14, 3 + WORDS);
        uint256 model = registry.register(described, vkData, schema, policyOf());
        registry.addBatchKey(model, described, 0, data[0]);
        // A key with the instances of a public model's batch.
        described.batchKeys[0].vkHash = keccak256(keys[0]);
        model = registry.register(described, vkData, schema, policyOf());
        vm.expectRevert(
            abi.encodeWithSelector(IModelRegistry.BadVerifyingKey.selector, "instance count")
        );
        registry.addBatchKey(model, described, 0, keys[0]);
    }

    function test_addBatchKey_revertsIfRouteStopped() public {
        ModelSpec memory described = _spec();
        vm.prank(guardian);
        router.stop(route);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteIsStopped.selector, route));
        registry.addBatchKey(id, described, 0, keys[0]);
    }

    /// 2 to 256 items, rising: one key for a size.
    function test_register_revertsIfBatchSizesAreNone() public {
        uint16[2][5] memory bad =
            [[uint16(0), 4], [uint16(1), 4], [uint16(4), 4], [uint16(8), 4], [uint16(4), 257]];
        uint256[5] memory at = [uint256(0), 0, 1, 1, 1];
        ModelSpec memory described = _spec();
        bytes memory vkData = vkDataOf(14, 2 + WORDS);
        described.batchKeys = new BatchKey[](2);
        for (uint256 i = 0; i < bad.length; ++i) {
            described.batchKeys[0].items = bad[i][0];
            described.batchKeys[1].items = bad[i][1];
            vm.expectRevert(
                abi.encodeWithSelector(IModelRegistry.BadBatchSize.selector, at[i], bad[i][at[i]])
            );
            registry.register(described, vkData, schemaOf(31, 1), policyOf());
        }
        (described.batchKeys[0].items, described.batchKeys[1].items) = (2, 256);
        registry.register(described, vkData, schemaOf(31, 1), policyOf());
    }

    /// The list is part of the model's id.
    function test_computeModelId_hashesBatchKeys() public view {
        ModelSpec memory described = _spec();
        uint256 known = registry.computeModelId(address(this), described);
        assertEq(known, id);
        described.batchKeys[2].items = 65;
        assertNotEq(registry.computeModelId(address(this), described), known);
        described.batchKeys = new BatchKey[](0);
        assertNotEq(registry.computeModelId(address(this), described), known);
    }

    function _spec() private view returns (ModelSpec memory described) {
        (described,) = batchedSpec(schemaOf(31, 1), 0);
    }

    function _register(ModelSpec memory described) private returns (uint256) {
        return registry.register(described, vkDataOf(14, 2 + WORDS), schemaOf(31, 1), policyOf());
    }

    function _expectBad(string memory reason, bytes memory data) private {
        ModelSpec memory described = _spec();
        described.batchKeys[0].vkHash = keccak256(data);
        uint256 model = _register(described);
        vm.expectRevert(abi.encodeWithSelector(IModelRegistry.BadVerifyingKey.selector, reason));
        registry.addBatchKey(model, described, 0, data);
    }
}
