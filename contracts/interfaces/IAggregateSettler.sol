// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IModelRegistry} from "./IModelRegistry.sol";
import {ISettlementModule} from "./ISettlementModule.sol";
import {LeafResult, Request} from "../types/Types.sol";

/// @title Settles requests of different models with one recursive aggregate
interface IAggregateSettler is ISettlementModule {
    /// @notice One request and its proved answer.
    /// @param request Exactly as in `InferenceRequested`.
    /// @param payee Who is paid for it.
    /// @param input Packed input words; empty for private inputs.
    /// @param output Packed output words.
    struct Leaf {
        Request request;
        address payee;
        bytes input;
        bytes output;
    }

    /// @notice An aggregate of the leaves' proofs.
    /// @param slots Proofs that the aggregation circuit takes: picks its key. Slots beyond the
    /// leaves repeat the last one.
    /// @param leaves At most `slots`, in the order of the aggregate.
    /// @param accumulator Limbs of the two accumulated points.
    /// @param h The aggregate's hash of all key digests and instances.
    /// @param proof Uncompressed points and scalars in transcript order.
    struct Aggregate {
        uint256 slots;
        Leaf[] leaves;
        uint256[8] accumulator;
        uint256 h;
        bytes proof;
    }

    /// @notice Proofs of `modelId` can be settled in aggregates from now on.
    event AggregationEnabled(uint256 indexed modelId, uint256 digest);
    /// @notice An aggregate was proved: `settled` of its `leaves` now have their results.
    event AggregateSettled(uint256 indexed h, uint256 leaves, uint256 settled);
    /// @notice The leaf at `index` was proved but not settled, for the reason `result`.
    event LeafSkipped(uint256 indexed h, uint256 index, uint256 id, LeafResult result);

    /// @notice The model's proofs are not of the shape and SRS that are aggregated here.
    error WrongRoute(uint256 modelId, bytes32 route);
    /// @notice The digest of the model's key is there.
    error AlreadyEnabled(uint256 modelId);
    /// @notice Call `enableAggregation` first.
    error NotEnabled(uint256 modelId);
    /// @notice There is no aggregation key for so many slots.
    error NoSuchKey(uint256 slots);
    /// @notice Aggregation keys must come by rising slots, as many as slots.
    error BadKeys();
    /// @notice Verifier and aggregated proofs are of different setups.
    error WrongSetup(bytes32 expected, bytes32 got);
    /// @notice No leaves, or more than slots.
    error BadLeafCount(uint256 leaves, uint256 slots);
    /// @notice Nobody to pay for the leaf.
    error ZeroPayee(uint256 index);
    /// @notice These are not the input words of the leaf's request.
    error InputMismatch(uint256 index);
    /// @notice Output words of another number, or with bits above their slots.
    error OutputMalformed(uint256 index);
    /// @notice The aggregate does not show these answers.
    error InvalidAggregate(uint256 h);

    /// @notice Computes the Poseidon digest of a model's verifying key, once. Anyone may; about
    /// 3.7 million gas.
    function enableAggregation(uint256 modelId) external returns (uint256 digest);

    /// @notice Settles every request of a proved aggregate that can be settled and pays its payee.
    /// @dev Statements are those of single requests. A request that is expired, cancelled, settled,
    /// unknown or does not allow `Modes.BATCH` is skipped; the others are settled all the same.
    /// Callbacks do not run here: anyone calls `deliver` of the hub.
    /// @return results One per leaf.
    function settleAggregate(Aggregate calldata aggregate)
        external
        returns (LeafResult[] memory results);

    /// @notice Digest of a model's key; zero before `enableAggregation`.
    function digestOf(uint256 modelId) external view returns (uint256);

    /// @notice Public inputs of the aggregate that `settleAggregate` verifies.
    function instancesOf(Aggregate calldata aggregate) external view returns (uint256[] memory);

    /// @notice Where models are registered.
    function registry() external view returns (IModelRegistry);
}
