// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ISettlementModule} from "./ISettlementModule.sol";
import {IModelRegistry} from "./IModelRegistry.sol";
import {LeafResult, Request} from "../types/Types.sol";

/// @title Settles many requests of one model with one proof
/// @notice Two ways. `settleBatch` stores and pays every result at once. `settleRoot` stores one
/// root of all results; whoever wants a result in the hub claims its leaf later, and other chains
/// need the root alone.
interface IBatchSettler is ISettlementModule {
    /// @notice Leaves of a proof that are settled at once.
    /// @param modelId The model of every request.
    /// @param items Items of the circuit that made the proof: picks the model's batch key.
    /// @param requests Requests as in `InferenceRequested`, at most `items`.
    /// @param payees One per request, or one for all. Credits are cheapest where equal payees
    /// stand together.
    /// @param inputs Packed input words of all requests; of private inputs the commitments.
    /// @param outputs Packed output words of all requests.
    /// @param proof Uncompressed points and scalars in transcript order.
    struct Batch {
        uint256 modelId;
        uint256 items;
        Request[] requests;
        address[] payees;
        bytes inputs;
        bytes outputs;
        bytes proof;
    }

    /// @notice Leaves of a proof whose root alone is stored: ids stand for the requests.
    struct RootBatch {
        uint256 modelId;
        uint256 items;
        uint256[] ids;
        address[] payees;
        bytes inputs;
        bytes outputs;
        bytes proof;
    }

    /// @notice One result of a posted batch.
    /// @param request The request, exactly as in `InferenceRequested`.
    /// @param batchTag Tag of the batch, as in `RootPosted`.
    /// @param index Position in the batch.
    /// @param payee Payee of this leaf.
    /// @param output Packed output words.
    /// @param path Siblings from the leaf up.
    struct Claim {
        Request request;
        bytes32 batchTag;
        uint256 index;
        address payee;
        bytes output;
        bytes32[] path;
    }

    /// @notice A batch was proved: `settled` of its `leaves` now have their results.
    event BatchSettled(
        bytes32 indexed batchTag, uint256 indexed modelId, uint256 leaves, uint256 settled
    );
    /// @notice The leaf at `index` was proved but not settled, for the reason `result`.
    event LeafSkipped(bytes32 indexed batchTag, uint256 index, uint256 id, LeafResult result);
    /// @notice A batch was proved, and `root` over its `leaves` results is stored.
    event RootPosted(
        uint256 indexed batchId,
        uint256 indexed modelId,
        bytes32 batchTag,
        bytes32 root,
        uint256 leaves
    );
    /// @notice The result at `index` of posted batch `batchId` settled request `id`.
    event LeafClaimed(uint256 indexed batchId, uint256 indexed id, uint256 index);

    /// @notice No leaves, or more than the circuit has items.
    error BadLeafCount(uint256 leaves, uint256 items);
    /// @notice Payees must be one for all leaves or one for each.
    error BadPayeeCount(uint256 expected, uint256 got);
    /// @notice Nobody to pay for the leaf.
    error ZeroPayee(uint256 index);
    /// @notice Lengths in bytes.
    error WrongInputLength(uint256 expected, uint256 got);
    /// @notice Lengths in bytes.
    error WrongOutputLength(uint256 expected, uint256 got);
    /// @notice An output word has bits above its slots.
    error NonCanonicalOutput(uint256 word);
    /// @notice The request is not of the batch's model.
    error WrongModel(uint256 index);
    /// @notice These are not the input words of the request.
    error InputMismatch(uint256 index);
    /// @notice The proof does not show these outputs for these requests and payees.
    error InvalidBatchProof(bytes32 batchTag);
    /// @notice The batch was posted before; its root stands.
    error AlreadyPosted(uint256 batchId);
    /// @notice No batch of this model and tag was posted.
    error UnknownBatch(uint256 batchId);
    /// @notice The posted batch has no such result at this position.
    error NotInBatch(uint256 batchId, uint256 index);
    /// @notice The model's route was stopped: what it proved no longer counts.
    error RouteIsStopped(bytes32 route);
    /// @notice The claimed leaf's request cannot be settled, for the reason `result`.
    error NotSettled(uint256 id, LeafResult result);

    /// @notice Settles every request of a proved batch that can be settled and pays its payee.
    /// @dev Ids, input digests and public inputs are rebuilt here. A request that is expired,
    /// cancelled, settled, unknown or does not allow `Modes.BATCH` is skipped, and so is the second
    /// of two equal ones; the others are settled all the same. Callbacks do not run here: anyone
    /// calls `deliver` of the hub. Reverts `InvalidBatchProof` if the proof is none, and for calls
    /// that no proof can fit.
    /// @return results One per leaf.
    function settleBatch(Batch calldata batch) external returns (LeafResult[] memory results);

    /// @notice Stores the root of a proved batch's results.
    /// @dev Nothing of the requests is looked at; `claimLeaf` does that. A claim counts if the root
    /// was posted by the request's deadline and before its cancellation took effect.
    /// @return batchId See `batchIdOf`.
    function settleRoot(RootBatch calldata batch) external returns (uint256 batchId);

    /// @notice Settles the request of one result of a posted batch and pays its payee. Anyone may
    /// call; the request must allow `Modes.ROOT`.
    function claimLeaf(Claim calldata claim) external;

    /// @notice Root of a posted batch and when it was posted; zeros if it was not.
    function postedRoot(uint256 batchId) external view returns (bytes32 root, uint64 postedAt);

    /// @notice Tag of the batch of these leaves, all of `modelId`, under the key for `items`.
    function batchTagOf(
        uint256 modelId,
        uint256 items,
        uint256[] calldata ids,
        address[] calldata payees
    ) external view returns (bytes32);

    /// @notice Public inputs of `settleBatch` or `settleRoot` for these leaves.
    function instancesOf(RootBatch calldata batch) external view returns (uint256[] memory);

    /// @notice keccak256(abi.encode(ROOT_V1, modelId, batchTag)).
    function batchIdOf(uint256 modelId, bytes32 batchTag) external view returns (uint256);

    /// @notice Hash of one result, as the root holds it.
    function leafOf(
        uint256 batchId,
        uint256 index,
        uint256 id,
        address payee,
        uint256 status,
        bytes32 inputDigest,
        bytes32 outputDigest
    ) external view returns (bytes32);

    /// @notice Where models are registered.
    function registry() external view returns (IModelRegistry);
}
