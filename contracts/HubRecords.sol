// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Escrow} from "./Escrow.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IInferenceHub} from "./interfaces/IInferenceHub.sol";
import {ISettlementHub, ISettlementModule} from "./interfaces/ISettlement.sol";
import {Delivery, LeafResult, Settlement, SettlementTerms, State} from "./types/Types.sol";

/// @title Records of requests, and how modules settle many of them
/// @notice The hub's storage. Single requests are settled by `InferenceHub`, batches by a module
/// through `settleFromModule`; both end a record in the same states.
abstract contract HubRecords is IInferenceHub, ISettlementHub, ReentrancyGuardTransient {
    /// @dev One slot. `timestamp` is, while open, when an announced cancellation takes effect
    /// (0: none announced); once verified, when that was. 32 bits of seconds last until 2106;
    /// later deadlines are rejected.
    struct Record {
        State state;
        Delivery delivery;
        uint16 ownerShareBps;
        uint32 timestamp;
        uint32 deadline;
        address payee;
    }

    /// @inheritdoc IInferenceHub
    IEscrow public immutable escrow;

    /// @inheritdoc ISettlementHub
    mapping(address module => bool) public isModule;

    mapping(uint256 id => Record) internal _records;
    mapping(uint256 id => bytes32) internal _outputHashes;

    address[] private _modules;

    /// @param modules_ Settlement modules, which must name this hub as theirs: they are deployed
    /// before it, to the address that it will have.
    constructor(address[] memory modules_) {
        escrow = new Escrow();
        for (uint256 i = 0; i < modules_.length; ++i) {
            address hub = ISettlementModule(modules_[i]).hub();
            if (hub != address(this)) revert ModuleOfAnotherHub(modules_[i], hub);
            if (isModule[modules_[i]]) revert ModuleTwice(modules_[i]);
            isModule[modules_[i]] = true;
        }
        _modules = modules_;
    }

    /// @inheritdoc ISettlementHub
    function settleFromModule(
        Settlement[] calldata leaves,
        bytes calldata outputs,
        SettlementTerms calldata terms
    ) external nonReentrant returns (LeafResult[] memory results) {
        if (!isModule[msg.sender]) revert NotModule(msg.sender);
        uint256 count = leaves.length;
        if (count == 0 || outputs.length == 0 || outputs.length % (32 * count) != 0) {
            revert OutputsMalformed(outputs.length, count);
        }
        uint256 size = outputs.length / count;
        results = new LeafResult[](count);
        IEscrow.Payout[] memory payouts = new IEscrow.Payout[](count);
        uint256 settled;
        for (uint256 i = 0; i < count; ++i) {
            Settlement calldata leaf = leaves[i];
            LeafResult result = _resultFor(leaf, terms.provenAt);
            results[i] = result;
            if (result != LeafResult.Settled) continue;
            payouts[settled] = _settle(leaf, outputs[size * i:size * (i + 1)], terms.outputSlotBits);
            ++settled;
        }
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            mstore(payouts, settled)
        }
        if (settled != 0) escrow.settleMany(payouts, terms.owner);
    }

    /// @inheritdoc ISettlementHub
    function modules() external view returns (address[] memory) {
        return _modules;
    }

    /// @dev Writes the result of an open request's leaf.
    function _settle(Settlement calldata leaf, bytes calldata output, uint256 slotBits)
        private
        returns (IEscrow.Payout memory payout)
    {
        payout = IEscrow.Payout({
            id: leaf.id, payee: leaf.payee, ownerShareBps: _records[leaf.id].ownerShareBps
        });
        _verify(leaf.id, leaf.payee, leaf.callback, output, _statusOf(slotBits, output));
    }

    /// @dev Ends an open request with a proved output: everything but the payment.
    function _verify(
        uint256 id,
        address payee,
        bool callback,
        bytes calldata output,
        uint256 status
    ) internal {
        Record memory record = _records[id];
        record.state = State.Verified;
        record.delivery = callback ? Delivery.Pending : Delivery.None;
        record.timestamp = uint32(block.timestamp);
        record.payee = payee;
        _records[id] = record;
        _outputHashes[id] = keccak256(output);
        emit Verified(id, payee, status, output);
    }

    /// @dev `LeafResult.Settled` if the leaf's request can be settled by what was proved then.
    function _resultFor(Settlement calldata leaf, uint256 provenAt)
        private
        view
        returns (LeafResult)
    {
        Record memory record = _records[leaf.id];
        State state = record.state;
        if (state == State.Open) {
            if (!leaf.allowed) return LeafResult.ModeNotAllowed;
            if (provenAt > record.deadline) return LeafResult.Expired;
            if (_cancelledBy(record.timestamp, provenAt)) return LeafResult.Cancelled;
            return LeafResult.Settled;
        }
        if (state == State.Verified) return LeafResult.AlreadySettled;
        if (state == State.Cancelled) return LeafResult.Cancelled;
        if (state == State.Expired) return LeafResult.Expired;
        if (state == State.Stopped) return LeafResult.Stopped;
        return LeafResult.UnknownRequest;
    }

    /// @dev Whether an announced cancellation has taken effect at `time`.
    function _cancelledBy(uint256 effectiveAt, uint256 time) internal pure returns (bool) {
        return effectiveAt != 0 && time >= effectiveAt;
    }

    /// @dev Slot 0 of the output.
    function _statusOf(uint256 slotBits, bytes calldata output) internal pure returns (uint256) {
        return uint256(bytes32(output)) & ((1 << slotBits) - 1);
    }
}
