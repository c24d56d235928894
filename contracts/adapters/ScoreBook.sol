// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IRootReceiver} from "../interfaces/IRootReceiver.sol";
import {ResultTree} from "../libraries/ResultTree.sol";
import {Statement} from "../libraries/Statement.sol";
import {Request} from "../types/Types.sol";

/// @title Reads results of a rollup's batches on the base chain
/// @notice Example of a consumer: keeps the newest answer of one model per `userData` of requests
/// that one contract made on the rollup. Whoever chooses a model's input chooses its score: hence
/// that contract, which builds inputs from its own state, and no other.
contract ScoreBook {
    /// @param output Hash of the output words.
    /// @param status 0: answered.
    /// @param postedAt When the batch was posted, by the rollup's clock.
    struct Score {
        bytes32 output;
        uint64 status;
        uint64 postedAt;
    }

    /// @notice Which results count.
    /// @param receiver Where roots arrive.
    /// @param hub Hub on the rollup.
    /// @param source Contract on the rollup whose requests count.
    /// @param modelId Model whose answers count.
    /// @param outputSlotBits Bits of its output slots; the first holds the status.
    /// @param maxAge Seconds after posting in which a result can be recorded: the challenge period
    /// of the bridge and some days.
    struct Config {
        IRootReceiver receiver;
        address hub;
        address source;
        uint256 modelId;
        uint8 outputSlotBits;
        uint64 maxAge;
    }

    /// @notice One result of a batch, as in `IBatchSettler.Claim`.
    struct Claim {
        Request request;
        bytes32 batchTag;
        uint256 index;
        address payee;
        bytes output;
        bytes32[] path;
    }

    /// @notice The newest answer about `key`.
    event Scored(bytes32 indexed key, uint256 indexed id, uint256 status, bytes output);

    /// @notice The request is of another model, or of somebody else.
    error NotOurs(uint256 modelId, address consumer);
    /// @notice No root of this batch has arrived for this contract.
    error UnknownBatch(uint256 batchId);
    /// @notice The batch has no such result at this position.
    error NotInBatch(uint256 batchId, uint256 index);
    /// @notice Too old to act on.
    error TooOld(uint64 postedAt);
    /// @notice An answer that is as new or newer stands.
    error NotNewer(uint64 known, uint64 postedAt);

    Config private _config;

    /// @notice Newest answers.
    mapping(bytes32 key => Score) public scoreOf;

    constructor(Config memory config_) {
        _config = config_;
    }

    /// @notice Records a result under its request's `userData`. Anyone may call.
    function record(Claim calldata claim) external {
        Config memory config_ = _config;
        Request calldata request = claim.request;
        if (request.modelId != config_.modelId || request.consumer != config_.source) {
            revert NotOurs(request.modelId, request.consumer);
        }
        uint256 batchId = ResultTree.batchId(request.modelId, claim.batchTag);
        (bytes32 root, uint64 postedAt) = config_.receiver.rootFor(address(this), batchId);
        if (root == 0) revert UnknownBatch(batchId);
        if (block.timestamp > uint256(postedAt) + config_.maxAge) revert TooOld(postedAt);
        uint256 id = Statement.requestIdOn(config_.receiver.sourceChainId(), config_.hub, request);
        uint256 status = uint256(bytes32(claim.output)) & ((1 << config_.outputSlotBits) - 1);
        if (
            ResultTree.rootOf(_leaf(config_, batchId, id, status, claim), claim.index, claim.path)
                != root
        ) revert NotInBatch(batchId, claim.index);

        Score storage score = scoreOf[request.userData];
        if (postedAt <= score.postedAt) revert NotNewer(score.postedAt, postedAt);
        score.output = keccak256(claim.output);
        score.status = uint64(status);
        score.postedAt = postedAt;
        emit Scored(request.userData, id, status, claim.output);
    }

    /// @notice Which results count.
    function config() external view returns (Config memory) {
        return _config;
    }

    function _leaf(
        Config memory config_,
        uint256 batchId,
        uint256 id,
        uint256 status,
        Claim calldata claim
    ) private view returns (bytes32) {
        return ResultTree.leaf(
            config_.receiver.sourceChainId(),
            config_.receiver.settler(),
            batchId,
            ResultTree.Result({
                index: claim.index,
                requestId: id,
                payee: claim.payee,
                status: status,
                inputDigest: claim.request.inputDigest,
                outputDigest: keccak256(claim.output)
            })
        );
    }
}
