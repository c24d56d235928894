// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {Escrow} from "./Escrow.sol";
import {IEscrow} from "./interfaces/IEscrow.sol";
import {IInferenceHub} from "./interfaces/IInferenceHub.sol";
import {ISettlementHub} from "./interfaces/ISettlementHub.sol";
import {ISettlementModule} from "./interfaces/ISettlementModule.sol";
import {Delivery, LeafResult, Settlement, SettlementTerms, State} from "./types/Types.sol";

/// @title Records of requests, and how modules settle many of them
/// @notice The hub's storage. Single requests are settled by `InferenceHub`, batches by a module
/// through `settleFromModule`; both end a record in the same states.
abstract contract HubRecords is IInferenceHub, ISettlementHub, ReentrancyGuardTransient {
    /// @dev One slot. `timestamp` is, while open, when an announced cancellation takes effect
    /// (0: none announced); once verified, when that was. 32 bits of seconds last until 2106;
    /// later deadlines are rejected.
    /// Modules read and write it as one word: `_PAYEE_AT` and the others are its layout.
    struct Record {
        State state;
        Delivery delivery;
        uint16 ownerShareBps;
        uint32 timestamp;
        uint32 deadline;
        address payee;
    }

    /// @dev Where the fields of a record's word begin, in bits.
    uint256 private constant _DELIVERY_AT = 8;
    uint256 private constant _SHARE_AT = 16;
    uint256 private constant _TIMESTAMP_AT = 32;
    uint256 private constant _DEADLINE_AT = 64;
    uint256 private constant _PAYEE_AT = 96;

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
            uint256 word = _wordOf(leaf.id);
            LeafResult result = _resultFor(word, leaf.allowed, terms.provenAt);
            results[i] = result;
            if (result != LeafResult.Settled) continue;
            _settle(leaf, word, outputs[size * i:size * (i + 1)], terms, payouts[settled]);
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

    /// @dev Ends the open request of a leaf; what is to be paid goes to `payout`.
    function _settle(
        Settlement calldata leaf,
        uint256 word,
        bytes calldata output,
        SettlementTerms calldata terms,
        IEscrow.Payout memory payout
    ) private {
        uint256 status = _statusOf(terms.outputSlotBits, output);
        _verify(leaf.id, word, leaf.payee, leaf.callback, output, status);
        payout.id = leaf.id;
        payout.payee = leaf.payee;
        payout.ownerShareBps = uint16(word >> _SHARE_AT);
    }

    /// @dev Ends an open request, whose record is `word`, with a proved output: everything but the
    /// payment. Share and deadline stay as they are.
    function _verify(
        uint256 id,
        uint256 word,
        address payee,
        bool callback,
        bytes calldata output,
        uint256 status
    ) internal {
        uint256 kept = uint256(uint16(word >> _SHARE_AT)) << _SHARE_AT
            | uint256(uint32(word >> _DEADLINE_AT)) << _DEADLINE_AT;
        Delivery delivery = callback ? Delivery.Pending : Delivery.None;
        word = kept | uint256(State.Verified) | uint256(delivery) << _DELIVERY_AT
            | uint256(uint32(block.timestamp)) << _TIMESTAMP_AT | uint256(uint160(payee))
            << _PAYEE_AT;
        Record storage record = _records[id];
        // One write: the compiler would make one of every field.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            sstore(record.slot, word)
        }
        _outputHashes[id] = keccak256(output);
        emit Verified(id, payee, status, output);
    }

    /// @dev A record as it is stored.
    function _wordOf(uint256 id) internal view returns (uint256 word) {
        Record storage record = _records[id];
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            word := sload(record.slot)
        }
    }

    /// @dev `LeafResult.Settled` if the request of record `word` can be settled by what was proved
    /// then.
    function _resultFor(uint256 word, bool allowed, uint256 provenAt)
        private
        pure
        returns (LeafResult)
    {
        State state = State(uint8(word));
        if (state == State.Open) {
            if (!allowed) return LeafResult.ModeNotAllowed;
            if (provenAt > uint32(word >> _DEADLINE_AT)) return LeafResult.Expired;
            if (_cancelledBy(uint32(word >> _TIMESTAMP_AT), provenAt)) return LeafResult.Cancelled;
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
