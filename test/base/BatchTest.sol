// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBatchSettler} from "../../contracts/interfaces/IBatchSettler.sol";
import {
    BatchKey,
    InputModes,
    LeafResult,
    ModelSpec,
    ModelTerms,
    Modes,
    Request,
    RequestOptions,
    Schema
} from "../../contracts/types/Types.sol";
import {RecordingConsumer} from "../mocks/Consumers.sol";
import {HaloracleTest} from "./HaloracleTest.sol";

/// @title A model with batch keys, and an operator that batches; everything by the definitions of
/// the protocol, without the contracts' own code
abstract contract BatchTest is HaloracleTest {
    bytes32 internal constant BATCH_V1 = keccak256("haloracle.batch.v1");
    bytes32 internal constant ROOT_V1 = keccak256("haloracle.root.v1");
    uint8 internal constant ANY = Modes.SINGLE | Modes.BATCH | Modes.ROOT;

    RecordingConsumer internal consumer;

    function setUp() public virtual override {
        super.setUp();
        modelId = registerBatched(schemaOf(30, 1), 0);
        consumer = new RecordingConsumer(hub);
        vm.deal(address(consumer), 1_000 ether);
    }

    function sizes() internal pure returns (uint16[3] memory) {
        return [uint16(4), 16, 64];
    }

    /// @dev With keys of every size, all added.
    function registerBatched(Schema memory schema, bytes32 commitment) internal returns (uint256) {
        return registerBatched(modelOwner, schema, commitment);
    }

    function registerBatched(address owner, Schema memory schema, bytes32 commitment)
        internal
        returns (uint256 model)
    {
        (ModelSpec memory spec, bytes[] memory keys) = batchedSpec(schema, commitment);
        uint256 tagged = commitment == 0 ? 2 : 3;
        bytes memory vkData = vkDataOf(14, tagged + instancesFor(schema) - 2);
        vm.prank(owner);
        model = registry.register(spec, vkData, schema, policyOf());
        for (uint256 i = 0; i < keys.length; ++i) {
            registry.addBatchKey(model, spec, i, keys[i]);
        }
    }

    function batchedSpec(Schema memory schema, bytes32 commitment)
        internal
        view
        returns (ModelSpec memory spec, bytes[] memory keys)
    {
        uint256 tagged = commitment == 0 ? 2 : 3;
        uint256 words = instancesFor(schema) - 2;
        spec = specOf(vkDataOf(14, tagged + words), schema);
        spec.modelCommitment = commitment;
        spec.batchKeys = new BatchKey[](sizes().length);
        keys = new bytes[](sizes().length);
        for (uint256 i = 0; i < keys.length; ++i) {
            keys[i] = vkDataOf(14, tagged + words * sizes()[i]);
            spec.batchKeys[i] = BatchKey({items: sizes()[i], vkHash: keccak256(keys[i])});
        }
    }

    // Requests

    function moded(uint8 modes, uint32 callbackGas)
        internal
        view
        returns (RequestOptions memory chosen)
    {
        chosen = options(callbackGas);
        chosen.modes = modes;
    }

    function askOnce(uint8 modes) internal returns (Asked memory) {
        return ask(consumer, FEE, moded(modes, 0));
    }

    function askMany(uint256 count, uint8 modes) internal returns (Asked[] memory asked) {
        asked = new Asked[](count);
        for (uint256 i = 0; i < count; ++i) {
            asked[i] = askOnce(modes);
        }
    }

    // Batches

    function one(address account) internal pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = account;
    }

    function inputOf(Asked memory asked) internal pure returns (bytes memory) {
        return asked.request.inputMode == InputModes.COMMITMENT
            ? abi.encode(asked.request.inputDigest)
            : asked.input;
    }

    /// @dev Output of leaf i: status 0, digit i + 1.
    function batchOf(uint256 items, Asked[] memory asked, address[] memory payees)
        internal
        view
        returns (IBatchSettler.Batch memory batch)
    {
        batch.modelId = asked[0].request.modelId;
        batch.items = items;
        batch.requests = new Request[](asked.length);
        batch.payees = payees;
        for (uint256 i = 0; i < asked.length; ++i) {
            batch.requests[i] = asked[i].request;
            batch.inputs = bytes.concat(batch.inputs, inputOf(asked[i]));
            batch.outputs = bytes.concat(batch.outputs, leafOutput(i));
        }
        batch.proof = batchProof(batch);
    }

    function leafOutput(uint256 index) internal pure returns (bytes memory) {
        return outputOf(0, (index + 1) % 256);
    }

    function rootBatchOf(uint256 items, Asked[] memory asked, address[] memory payees)
        internal
        view
        returns (IBatchSettler.RootBatch memory)
    {
        return rooted(batchOf(items, asked, payees));
    }

    function rooted(IBatchSettler.Batch memory batch)
        internal
        view
        returns (IBatchSettler.RootBatch memory)
    {
        return IBatchSettler.RootBatch({
            modelId: batch.modelId,
            items: batch.items,
            ids: idsOf(batch),
            payees: batch.payees,
            inputs: batch.inputs,
            outputs: batch.outputs,
            proof: batch.proof
        });
    }

    function idsOf(IBatchSettler.Batch memory batch) internal view returns (uint256[] memory ids) {
        ids = new uint256[](batch.requests.length);
        for (uint256 i = 0; i < ids.length; ++i) {
            ids[i] = hub.requestIdOf(batch.requests[i]);
        }
    }

    function payeeOf(address[] memory payees, uint256 index) internal pure returns (address) {
        return payees[payees.length == 1 ? 0 : index];
    }

    function batchProof(IBatchSettler.Batch memory batch) internal view returns (bytes memory) {
        ModelTerms memory terms = registry.batchTermsOf(batch.modelId, batch.items);
        bytes32 tag =
            batchTag(block.chainid, address(settler), terms.vkHash, idsOf(batch), batch.payees);
        return verifier.proofFor(terms.vk, batchStatement(tag, batch));
    }

    function batchTag(
        uint256 chainId,
        address at,
        bytes32 vkHash,
        uint256[] memory ids,
        address[] memory payees
    ) internal pure returns (bytes32) {
        bytes memory tags;
        for (uint256 i = 0; i < ids.length; ++i) {
            bytes32 leaf = keccak256(
                abi.encode(keccak256("haloracle.statement.v1"), ids[i], payeeOf(payees, i))
            );
            tags = bytes.concat(tags, leaf);
        }
        return keccak256(abi.encode(BATCH_V1, chainId, at, vkHash, ids.length, keccak256(tags)));
    }

    /// @dev Word by word; the last leaf fills the circuit.
    function batchStatement(bytes32 tag, IBatchSettler.Batch memory batch)
        internal
        view
        returns (uint256[] memory values)
    {
        bytes memory words = abi.encode(uint256(tag) >> 128, uint256(uint128(uint256(tag))));
        bytes32 commitment = registry.termsOf(batch.modelId).modelCommitment;
        if (commitment != 0) words = bytes.concat(words, commitment);
        uint256 count = batch.requests.length;
        for (uint256 i = 0; i < batch.items; ++i) {
            uint256 leaf = i < count ? i : count - 1;
            words = bytes.concat(
                words, part(batch.inputs, leaf, count), part(batch.outputs, leaf, count)
            );
        }
        values = new uint256[](words.length / 32);
        for (uint256 i = 0; i < values.length; ++i) {
            assembly {
                mstore(add(values, mul(add(i, 1), 0x20)), mload(add(words, mul(add(i, 1), 0x20))))
            }
        }
    }

    /// @dev The `index`-th of `count` equal parts.
    function part(bytes memory data, uint256 index, uint256 count)
        internal
        pure
        returns (bytes memory piece)
    {
        uint256 size = data.length / count;
        piece = new bytes(size);
        for (uint256 i = 0; i < size; ++i) {
            piece[i] = data[size * index + i];
        }
    }

    function assertResults(LeafResult[] memory results, LeafResult expected) internal pure {
        for (uint256 i = 0; i < results.length; ++i) {
            assertEq(uint8(results[i]), uint8(expected));
        }
    }

    // Roots

    function leafHash(uint256 batchId, IBatchSettler.RootBatch memory batch, uint256 index)
        internal
        view
        returns (bytes32)
    {
        uint256 count = batch.ids.length;
        bytes memory output = part(batch.outputs, index, count);
        bytes memory fields = abi.encode(
            block.chainid,
            address(settler),
            batchId,
            index,
            batch.ids[index],
            payeeOf(batch.payees, index),
            uint256(bytes32(output)) & 0xff,
            keccak256(part(batch.inputs, index, count)),
            keccak256(output)
        );
        return keccak256(bytes.concat(hex"00", fields));
    }

    function leavesOf(uint256 batchId, IBatchSettler.RootBatch memory batch)
        internal
        view
        returns (bytes32[] memory leaves)
    {
        leaves = new bytes32[](batch.ids.length);
        for (uint256 i = 0; i < leaves.length; ++i) {
            leaves[i] = leafHash(batchId, batch, i);
        }
    }

    /// @dev Recursively, over the next power of two, with zero for a side that has no leaves.
    function plainRoot(bytes32[] memory leaves) internal pure returns (bytes32) {
        uint256 width = 1;
        while (width < leaves.length) width *= 2;
        return _subtree(leaves, 0, width);
    }

    function plainPath(bytes32[] memory leaves, uint256 index)
        internal
        pure
        returns (bytes32[] memory path)
    {
        uint256 depth;
        while (1 << depth < leaves.length) ++depth;
        path = new bytes32[](depth);
        for (uint256 i = 0; i < depth; ++i) {
            uint256 sibling = index >> i ^ 1;
            path[i] = _subtree(leaves, sibling << i, 1 << i);
        }
    }

    function claimOf(Asked memory asked, IBatchSettler.RootBatch memory batch, uint256 index)
        internal
        view
        returns (IBatchSettler.Claim memory)
    {
        bytes32 tag = settler.batchTagOf(batch.modelId, batch.items, batch.ids, batch.payees);
        uint256 batchId = uint256(keccak256(abi.encode(ROOT_V1, batch.modelId, tag)));
        return IBatchSettler.Claim({
            request: asked.request,
            batchTag: tag,
            index: index,
            payee: payeeOf(batch.payees, index),
            output: part(batch.outputs, index, batch.ids.length),
            path: plainPath(leavesOf(batchId, batch), index)
        });
    }

    function _subtree(bytes32[] memory leaves, uint256 from, uint256 width)
        private
        pure
        returns (bytes32)
    {
        if (from >= leaves.length) return 0;
        if (width == 1) return leaves[from];
        return keccak256(
            abi.encodePacked(
                bytes1(0x01),
                _subtree(leaves, from, width / 2),
                _subtree(leaves, from + width / 2, width / 2)
            )
        );
    }
}
