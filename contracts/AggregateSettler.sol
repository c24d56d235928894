// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IAggregateSettler} from "./interfaces/IAggregateSettler.sol";
import {IHalo2Verifier} from "./interfaces/IHalo2Verifier.sol";
import {IModelRegistry} from "./interfaces/IModelRegistry.sol";
import {ISettlementHub} from "./interfaces/ISettlementHub.sol";
import {ISettlementModule} from "./interfaces/ISettlementModule.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {AggregateStatement} from "./libraries/AggregateStatement.sol";
import {BatchStatement} from "./libraries/BatchStatement.sol";
import {DataContract} from "./libraries/DataContract.sol";
import {KeyDigest} from "./libraries/KeyDigest.sol";
import {Statement} from "./libraries/Statement.sol";
import {
    InputModes,
    LeafResult,
    ModelTerms,
    Modes,
    Settlement,
    SettlementTerms
} from "./types/Types.sol";

/// @title Settles requests of different models with one recursive aggregate
/// @notice No owner, no pause, no upgrade, no balance. The verifier of aggregates and the
/// aggregation keys are fixed at deployment; a key depends on slots, shape and setup alone, and
/// anybody can make it again. Which circuit an inner proof was of is part of what the aggregate
/// shows: the digest of its key, computed here from the registered key.
contract AggregateSettler is IAggregateSettler {
    /// @dev Bits of a word that carry slots; a word above is no canonical field element.
    uint256 private constant WORD_BITS = 253;
    /// @dev Instances of an aggregate: limbs of the accumulator, h, gamma, D.
    uint256 private constant LIMBS = 8;

    /// @notice keccak256("haloracle.aggregate.v1").
    // The interface's function, hence no constant's name.
    // solhint-disable-next-line const-name-snakecase
    bytes32 public constant kind = AggregateStatement.AGGREGATE_V1;

    /// @inheritdoc ISettlementModule
    address public immutable hub;
    /// @inheritdoc IAggregateSettler
    IModelRegistry public immutable registry;
    /// @notice Where the models' routes lead.
    IVerifierRouter public immutable router;
    /// @notice Verifies aggregates.
    IHalo2Verifier public immutable verifier;
    /// @notice Shape and SRS of the proofs that are aggregated.
    bytes32 public immutable innerRoute;

    /// @inheritdoc IAggregateSettler
    mapping(uint256 modelId => uint256) public digestOf;
    /// @notice Contract that holds the aggregation key for so many slots.
    mapping(uint256 slots => address) public keyFor;

    /// @param hub_ The hub, which is deployed after its modules: the address that it will have.
    /// @param registry_ Where its models are registered.
    /// @param verifier_ Verifies aggregates, under the SRS of the inner proofs.
    /// @param innerRoute_ Shape and SRS of the inner proofs, active.
    /// @param slots Slots of the aggregation circuits, ascending.
    /// @param keys Verifying-key data of each.
    constructor(
        address hub_,
        IModelRegistry registry_,
        IHalo2Verifier verifier_,
        bytes32 innerRoute_,
        uint256[] memory slots,
        bytes[] memory keys
    ) {
        hub = hub_;
        registry = registry_;
        router = registry_.router();
        verifier = verifier_;
        innerRoute = innerRoute_;
        bytes32 setup = IHalo2Verifier(router.verifierOf(innerRoute_)).srsHash();
        bytes32 own = verifier_.srsHash();
        if (own != setup) revert WrongSetup(setup, own);
        if (slots.length == 0 || slots.length != keys.length) revert BadKeys();
        for (uint256 i = 0; i < slots.length; ++i) {
            if (slots[i] <= (i == 0 ? 0 : slots[i - 1])) revert BadKeys();
            keyFor[slots[i]] = DataContract.store(keys[i]);
        }
    }

    /// @inheritdoc IAggregateSettler
    function enableAggregation(uint256 modelId) external returns (uint256 digest) {
        if (digestOf[modelId] != 0) revert AlreadyEnabled(modelId);
        bytes32 route = registry.routeOf(modelId);
        if (route != innerRoute) revert WrongRoute(modelId, route);
        (address vk,) = registry.vkOf(modelId);
        (uint256 fixedPoints, uint256 permutationPoints) =
            IHalo2Verifier(router.verifierOf(route)).keyShape();
        // The schema stands behind the key.
        uint256 length = 64 + 64 * (fixedPoints + permutationPoints);
        digest = KeyDigest.digest(route, DataContract.load(vk, 0, length));
        digestOf[modelId] = digest;
        emit AggregationEnabled(modelId, digest);
    }

    /// @inheritdoc IAggregateSettler
    function settleAggregate(Aggregate calldata aggregate)
        external
        returns (LeafResult[] memory results)
    {
        (uint256[] memory instances, uint256[] memory ids, ModelTerms[] memory terms) =
            _statement(aggregate);
        // A stopped shape settles nothing, whatever wraps its proofs.
        router.verifierOf(innerRoute);
        if (!verifier.verify(keyFor[aggregate.slots], instances, aggregate.proof)) {
            revert InvalidAggregate(aggregate.h);
        }
        uint256 count = aggregate.leaves.length;
        results = new LeafResult[](count);
        uint256 settled;
        for (uint256 i = 0; i < count; ++i) {
            results[i] = _settle(aggregate.leaves[i], ids[i], terms[i]);
            if (results[i] == LeafResult.Settled) ++settled;
            else emit LeafSkipped(aggregate.h, i, ids[i], results[i]);
        }
        emit AggregateSettled(aggregate.h, count, settled);
    }

    /// @inheritdoc IAggregateSettler
    function instancesOf(Aggregate calldata aggregate) external view returns (uint256[] memory) {
        (uint256[] memory instances,,) = _statement(aggregate);
        return instances;
    }

    function _settle(Leaf calldata leaf, uint256 id, ModelTerms memory terms)
        private
        returns (LeafResult)
    {
        Settlement[] memory one = new Settlement[](1);
        one[0] = Settlement({
            id: id,
            payee: leaf.payee,
            callback: leaf.request.callbackGas != 0,
            allowed: leaf.request.modes & Modes.BATCH != 0
        });
        SettlementTerms memory common = SettlementTerms({
            owner: terms.owner,
            provenAt: uint64(block.timestamp),
            outputSlotBits: terms.outputSlotBits
        });
        return ISettlementHub(hub).settleFromModule(one, leaf.output, common)[0];
    }

    /// @dev Everything that the aggregate must show, rebuilt from requests and registry.
    function _statement(Aggregate calldata aggregate)
        private
        view
        returns (uint256[] memory instances, uint256[] memory ids, ModelTerms[] memory terms)
    {
        uint256 slots = aggregate.slots;
        uint256 count = aggregate.leaves.length;
        if (keyFor[slots] == address(0)) revert NoSuchKey(slots);
        if (count == 0 || count > slots) revert BadLeafCount(count, slots);
        uint256[] memory digests = new uint256[](slots);
        uint256[][] memory words = new uint256[][](slots);
        ids = new uint256[](count);
        terms = new ModelTerms[](count);
        for (uint256 i = 0; i < count; ++i) {
            Leaf calldata leaf = aggregate.leaves[i];
            digests[i] = digestOf[leaf.request.modelId];
            if (digests[i] == 0) revert NotEnabled(leaf.request.modelId);
            ids[i] = BatchStatement.requestId(hub, leaf.request);
            terms[i] = registry.termsOf(leaf.request.modelId);
            words[i] = _words(i, ids[i], leaf, terms[i]);
        }
        for (uint256 i = count; i < slots; ++i) {
            (digests[i], words[i]) = (digests[count - 1], words[count - 1]);
        }
        (uint256 gamma, uint256 d) =
            AggregateStatement.combine(address(this), aggregate.h, digests, words);
        instances = new uint256[](LIMBS + 3);
        for (uint256 i = 0; i < LIMBS; ++i) {
            instances[i] = aggregate.accumulator[i];
        }
        instances[LIMBS] = aggregate.h;
        instances[LIMBS + 1] = gamma;
        instances[LIMBS + 2] = d;
    }

    /// @dev Public inputs of one proof: those of a single request.
    function _words(uint256 index, uint256 id, Leaf calldata leaf, ModelTerms memory terms)
        private
        pure
        returns (uint256[] memory)
    {
        if (leaf.payee == address(0)) revert ZeroPayee(index);
        bytes calldata output = leaf.output;
        if (output.length != 32 * uint256(terms.outputWords)) revert OutputMalformed(index);
        for (uint256 i = 0; i < output.length; i += 32) {
            if (uint256(bytes32(output[i:])) >> WORD_BITS != 0) revert OutputMalformed(index);
        }
        bytes32 tag = Statement.tag(id, leaf.payee);
        bytes32 digest = leaf.request.inputDigest;
        if (terms.inputMode == InputModes.COMMITMENT) {
            if (leaf.input.length != 0) revert InputMismatch(index);
            return Statement.instances(tag, terms.modelCommitment, digest, output);
        }
        if (keccak256(leaf.input) != digest) revert InputMismatch(index);
        return Statement.instances(tag, terms.modelCommitment, leaf.input, output);
    }
}
