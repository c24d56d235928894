// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBatchSettler} from "../../contracts/interfaces/IBatchSettler.sol";
import {LeafResult, Modes, Request, State} from "../../contracts/types/Types.sol";
import {BatchTest} from "../base/BatchTest.sol";

/// @title Requests, single answers, batches, roots, claims and refunds in any order
contract BatchHandler is BatchTest {
    Asked[] internal requests;
    IBatchSettler.RootBatch[] internal posted;
    /// @dev Which requests a posted batch holds.
    mapping(uint256 batch => uint256[]) internal members;

    uint256 public paidIn;
    uint256 public paidOut;
    mapping(uint256 id => uint256) public endings;
    mapping(uint256 id => State) public ended;
    mapping(address account => uint256) public earned;
    /// @notice How often each way of ending worked.
    mapping(bytes32 way => uint256) public ways;
    /// @notice Whether a leaf was settled that must not be.
    bool public wrong;

    constructor() {
        setUp();
        vm.deal(address(this), type(uint128).max);
    }

    function request(uint8 modes, uint96 fee) external {
        fee = uint96(bound(fee, FEE, 1 ether));
        requests.push(ask(consumer, fee, moded(modes % 8, 0)));
        paidIn += fee;
    }

    function fulfill(uint256 which) external {
        if (requests.length == 0) return;
        Asked memory asked = requests[which % requests.length];
        bytes memory output = outputOf(0, 99);
        bytes memory proof = proofOf(asked, payee, output);
        try hub.fulfill(asked.request, asked.input, payee, output, proof) {
            _settled(asked, payee, "single");
        } catch {}
    }

    /// @dev Any leaves, settled ones and doubles among them.
    function settleBatch(uint256 seed, uint8 size, bool two) external {
        (Asked[] memory asked,) = _pick(seed, size);
        if (asked.length == 0) return;
        address[] memory payees = two ? _two(asked.length) : one(payee);
        IBatchSettler.Batch memory batch = batchOf(16, asked, payees);
        LeafResult[] memory results = settler.settleBatch(batch);
        for (uint256 i = 0; i < asked.length; ++i) {
            if (results[i] != LeafResult.Settled) continue;
            Request memory leaf = asked[i].request;
            if (leaf.modes & Modes.BATCH == 0 || block.timestamp > leaf.deadline) wrong = true;
            _settled(asked[i], payeeOf(payees, i), "batch");
        }
    }

    function settleRoot(uint256 seed, uint8 size, bool two) external {
        (Asked[] memory asked, uint256[] memory chosen) = _pick(seed, size);
        if (asked.length == 0) return;
        address[] memory payees = two ? _two(asked.length) : one(payee);
        IBatchSettler.RootBatch memory batch = rootBatchOf(16, asked, payees);
        try settler.settleRoot(batch) {
            members[posted.length] = chosen;
            posted.push(batch);
        } catch {}
    }

    function claim(uint256 which, uint256 index) external {
        if (posted.length == 0) return;
        which %= posted.length;
        index %= members[which].length;
        Asked memory asked = requests[members[which][index]];
        IBatchSettler.RootBatch memory batch = posted[which];
        IBatchSettler.Claim memory leaf = claimOf(asked, batch, index);
        try settler.claimLeaf(leaf) {
            (, uint64 at) = settler.postedRoot(settler.batchIdOf(modelId, leaf.batchTag));
            if (asked.request.modes & Modes.ROOT == 0 || at > asked.request.deadline) wrong = true;
            _settled(asked, leaf.payee, "root");
        } catch {}
    }

    function cancel(uint256 which) external {
        if (requests.length == 0) return;
        try consumer.cancel(requests[which % requests.length].request) {} catch {}
    }

    function close(uint256 which, bool expired) external {
        if (requests.length == 0) return;
        Asked memory asked = requests[which % requests.length];
        if (expired) {
            try hub.expire(asked.request) {
                _refunded(asked, State.Expired);
            } catch {}
        } else {
            try hub.finalizeCancel(asked.request) {
                _refunded(asked, State.Cancelled);
            } catch {}
        }
    }

    function withdraw(uint256 who) external {
        address account = accountAt(who % 4);
        vm.prank(account);
        try escrow.withdraw(account) returns (uint256 amount) {
            paidOut += amount;
        } catch {}
    }

    function wait(uint16 time) external {
        skip(time % 30 minutes);
    }

    // What the invariants read.

    function count() external view returns (uint256) {
        return requests.length;
    }

    function requestAt(uint256 index) external view returns (uint256 id, uint256 fee) {
        return (requests[index].id, requests[index].request.fee);
    }

    function theHub() external view returns (address) {
        return address(hub);
    }

    function accountAt(uint256 index) public view returns (address) {
        return [modelOwner, refundee, payee, address(0xBEEF)][index];
    }

    function _settled(Asked memory asked, address paid, bytes32 way) private {
        uint256 fee = asked.request.fee;
        _ended(asked.id, State.Verified, way);
        earned[modelOwner] += fee * SHARE_BPS / 10_000;
        earned[paid] += fee - fee * SHARE_BPS / 10_000;
    }

    function _refunded(Asked memory asked, State state) private {
        _ended(asked.id, state, state == State.Expired ? bytes32("expired") : bytes32("cancelled"));
        earned[refundee] += asked.request.fee;
    }

    function _ended(uint256 id, State state, bytes32 way) private {
        ++endings[id];
        ended[id] = state;
        ++ways[way];
    }

    function _pick(uint256 seed, uint256 size)
        private
        view
        returns (Asked[] memory asked, uint256[] memory chosen)
    {
        if (requests.length == 0) return (asked, chosen);
        size = size % 6 + 1;
        asked = new Asked[](size);
        chosen = new uint256[](size);
        for (uint256 i = 0; i < size; ++i) {
            chosen[i] = uint256(keccak256(abi.encode(seed, i))) % requests.length;
            asked[i] = requests[chosen[i]];
        }
    }

    function _two(uint256 size) private view returns (address[] memory payees) {
        payees = new address[](size);
        for (uint256 i = 0; i < size; ++i) {
            payees[i] = i % 3 == 0 ? address(0xBEEF) : payee;
        }
    }
}
