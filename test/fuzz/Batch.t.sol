// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBatchSettler} from "../../contracts/interfaces/IBatchSettler.sol";
import {BatchStatement} from "../../contracts/libraries/BatchStatement.sol";
import {ResultTree} from "../../contracts/libraries/ResultTree.sol";
import {State} from "../../contracts/types/Types.sol";
import {BatchTest} from "../base/BatchTest.sol";

contract BatchFuzzTest is BatchTest {
    /// Tag, public inputs, root and ids against their plain definitions.
    function testFuzz_statement_equalsThePlainDefinition(uint256 seed) public view {
        IBatchSettler.RootBatch memory batch = _random(seed);
        bytes32 vkHash = registry.batchTermsOf(modelId, batch.items).vkHash;
        bytes32 tag = batchTag(block.chainid, address(settler), vkHash, batch.ids, batch.payees);
        assertEq(settler.batchTagOf(modelId, batch.items, batch.ids, batch.payees), tag);
        assertEq(settler.instancesOf(batch), _plain(tag, batch));
    }

    function testFuzz_root_equalsThePlainDefinition(uint256 seed, uint256 count) public pure {
        count = bound(count, 1, 256);
        bytes32[] memory leaves = new bytes32[](count);
        for (uint256 i = 0; i < count; ++i) {
            leaves[i] = keccak256(abi.encode(seed, i));
        }
        bytes32 expected = plainRoot(leaves);
        _dirty();
        assertEq(ResultTree.root(leaves), expected);
    }

    /// Memory that was never allocated is not zero for long.
    function testFuzz_leaf_doesNotReadDirtyMemory(
        uint256 chainId,
        address at,
        uint256 id,
        ResultTree.Result memory result
    ) public pure {
        bytes memory fields = abi.encode(
            chainId,
            at,
            id,
            result.index,
            result.requestId,
            result.payee,
            result.status,
            result.inputDigest,
            result.outputDigest
        );
        bytes32 expected = keccak256(bytes.concat(hex"00", fields));
        _dirty();
        assertEq(ResultTree.leaf(chainId, at, id, result), expected);
    }

    function testFuzz_tag_doesNotReadDirtyMemory(uint256[] memory ids, address paid, bytes32 key)
        public
        view
    {
        vm.assume(ids.length != 0);
        bytes32 expected = batchTag(block.chainid, address(this), key, ids, one(paid));
        assertEq(this.dirtyTag(key, ids, one(paid)), expected);
    }

    function dirtyTag(bytes32 key, uint256[] calldata ids, address[] calldata payees)
        external
        view
        returns (bytes32)
    {
        uint256[] memory copied = ids;
        _dirty();
        return BatchStatement.tag(address(this), key, copied, payees);
    }

    /// @dev All ones in scratch space and far beyond what is allocated.
    function _dirty() private pure {
        assembly {
            mstore(0x00, not(0))
            mstore(0x20, not(0))
            let start := mload(0x40)
            for { let i := 0 } lt(i, 0x4000) { i := add(i, 0x20) } {
                mstore(add(start, i), not(0))
            }
        }
    }

    /// Whatever the mixture of payees, fees and shares: every coin is paid once, to whom it is due.
    function testFuzz_settleBatch_paysEveryCoinOnce(uint256 seed, uint8 count) public {
        count = uint8(bound(count, 1, 16));
        Asked[] memory asked = new Asked[](count);
        address[] memory payees = new address[](count);
        uint256[3] memory due;
        uint256 owners;
        for (uint256 i = 0; i < count; ++i) {
            uint256 fee = FEE + uint256(keccak256(abi.encode(seed, "fee", i))) % 1 ether;
            uint256 who = uint256(keccak256(abi.encode(seed, "payee", i))) % 3;
            asked[i] = ask(consumer, fee, moded(0, 0));
            payees[i] = address(uint160(0xA0 + who));
            owners += fee * SHARE_BPS / 10_000;
            due[who] += fee - fee * SHARE_BPS / 10_000;
        }
        settler.settleBatch(batchOf(16, asked, payees));
        for (uint256 who = 0; who < 3; ++who) {
            assertEq(escrow.balanceOf(address(uint160(0xA0 + who))), due[who]);
        }
        assertEq(escrow.balanceOf(modelOwner), owners);
        assertEq(escrow.totalHeld(), 0);
        assertEq(escrow.totalCredited(), address(escrow).balance);
    }

    /// One changed bit anywhere in the call: nothing is settled, or exactly the same as without.
    function testFuzz_settleBatch_settlesNothingElseIfABitChanges(uint256 position, uint8 bit)
        public
    {
        Asked[] memory asked = askMany(3, 0);
        bytes memory data = abi.encodeCall(settler.settleBatch, (batchOf(4, asked, one(payee))));
        position = bound(position, 4, data.length - 1);
        data[position] ^= bytes1(uint8(1 << bit % 8));
        (bool ok,) = address(settler).call(data);
        for (uint256 i = 0; i < 3; ++i) {
            (State state,, bytes32 outputHash,, address paid) = hub.resultOf(asked[i].id);
            assertEq(uint8(state), uint8(ok ? State.Verified : State.Open));
            if (ok) {
                assertEq(outputHash, keccak256(leafOutput(i)));
                assertEq(paid, payee);
            }
        }
    }

    /// The same for a claim: with another bit it is no claim, or the same one.
    function testFuzz_claimLeaf_settlesNothingElseIfABitChanges(uint256 position, uint8 bit)
        public
    {
        Asked[] memory asked = askMany(3, ANY);
        IBatchSettler.RootBatch memory batch = rootBatchOf(4, asked, one(payee));
        settler.settleRoot(batch);
        bytes memory data = abi.encodeCall(settler.claimLeaf, (claimOf(asked[1], batch, 1)));
        position = bound(position, 4, data.length - 1);
        data[position] ^= bytes1(uint8(1 << bit % 8));
        (bool ok,) = address(settler).call(data);
        (State state,, bytes32 outputHash,, address paid) = hub.resultOf(asked[1].id);
        assertEq(uint8(state), uint8(ok ? State.Verified : State.Open));
        if (ok) assertEq(outputHash, keccak256(leafOutput(1)));
        if (ok) assertEq(paid, payee);
        (state,,,,) = hub.resultOf(asked[0].id);
        assertEq(uint8(state), uint8(State.Open));
    }

    function testFuzz_claimLeaf_takesNoLeafThatWasNotProved(
        uint256 index,
        bytes32 output,
        address paid,
        bytes32[] calldata path
    ) public {
        Asked[] memory asked = askMany(4, ANY);
        IBatchSettler.RootBatch memory batch = rootBatchOf(4, asked, one(payee));
        settler.settleRoot(batch);
        IBatchSettler.Claim memory claim = claimOf(asked[1], batch, 1);
        claim.index = index;
        claim.output = abi.encode(output);
        claim.payee = paid;
        claim.path = path;
        vm.expectPartialRevert(IBatchSettler.NotInBatch.selector);
        settler.claimLeaf(claim);
    }

    function _random(uint256 seed) private view returns (IBatchSettler.RootBatch memory batch) {
        batch.modelId = modelId;
        batch.items = sizes()[seed % 3];
        uint256 count = seed / 3 % batch.items + 1;
        batch.ids = new uint256[](count);
        batch.payees = new address[](seed % 2 == 0 ? 1 : count);
        batch.inputs = new bytes(32 * 3 * count);
        for (uint256 i = 0; i < count; ++i) {
            batch.ids[i] = uint256(keccak256(abi.encode(seed, "id", i)));
            if (i < batch.payees.length) batch.payees[i] = address(uint160(batch.ids[i]));
            batch.outputs = bytes.concat(batch.outputs, keccak256(abi.encode(seed, "out", i)) >> 3);
        }
        for (uint256 i = 0; i < batch.inputs.length; ++i) {
            batch.inputs[i] = bytes1(uint8(uint256(keccak256(abi.encode(seed, "in", i)))));
        }
    }

    function _plain(bytes32 tag, IBatchSettler.RootBatch memory batch)
        private
        pure
        returns (uint256[] memory values)
    {
        values = new uint256[](2 + 4 * batch.items);
        (values[0], values[1]) = (uint256(tag) >> 128, uint128(uint256(tag)));
        for (uint256 i = 0; i < batch.items; ++i) {
            uint256 leaf = i < batch.ids.length ? i : batch.ids.length - 1;
            for (uint256 j = 0; j < 3; ++j) {
                values[2 + 4 * i + j] = _word(batch.inputs, 3 * leaf + j);
            }
            values[5 + 4 * i] = _word(batch.outputs, leaf);
        }
    }

    function _word(bytes memory data, uint256 index) private pure returns (uint256 word) {
        assembly {
            word := mload(add(add(data, 0x20), mul(0x20, index)))
        }
    }
}
