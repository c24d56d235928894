// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IBatchSettler} from "../interfaces/IBatchSettler.sol";
import {ICrossDomainMessenger} from "../interfaces/ICrossDomainMessenger.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";
import {IRootReceiver} from "../interfaces/IRootReceiver.sol";

/// @title Sends roots of posted batches from a rollup to its base chain
/// @notice Example of a bridge back: on the rollup a batch costs little, on the base chain its
/// results are read with Merkle paths, for the price of one root. Anyone may send any posted root,
/// as often as they like; what arrives is what the settler holds.
contract RootSender {
    /// @notice The settler has no such batch.
    error NotPosted(uint256 batchId);
    /// @notice The model's route was stopped: what it proved no longer counts.
    error RouteIsStopped(bytes32 route);

    /// @notice A root is on its way to `consumer`.
    event RootSent(address indexed consumer, uint256 indexed batchId, bytes32 root);

    /// @notice The rollup's end of the bridge.
    ICrossDomainMessenger public immutable messenger;
    /// @notice Where batches are posted.
    IBatchSettler public immutable settler;
    /// @notice `RootReceiver` on the base chain.
    address public immutable receiver;
    /// @notice The base chain.
    uint256 public immutable targetChainId;

    constructor(
        ICrossDomainMessenger messenger_,
        IBatchSettler settler_,
        address receiver_,
        uint256 targetChainId_
    ) {
        messenger = messenger_;
        settler = settler_;
        receiver = receiver_;
        targetChainId = targetChainId_;
    }

    /// @notice Sends the root of the batch of `modelId` with tag `batchTag` to `consumer`.
    /// @param gasLimit Least gas of the receiver's call; 100,000 are enough.
    function sendRoot(uint256 modelId, bytes32 batchTag, address consumer, uint32 gasLimit)
        external
    {
        uint256 batchId = settler.batchIdOf(modelId, batchTag);
        (bytes32 root, uint64 postedAt) = settler.postedRoot(batchId);
        if (postedAt == 0) revert NotPosted(batchId);
        IModelRegistry registry = settler.registry();
        bytes32 route = registry.routeOf(modelId);
        if (registry.router().isStopped(route)) revert RouteIsStopped(route);
        IRootReceiver.RootMessage memory message = IRootReceiver.RootMessage({
            sourceChainId: block.chainid,
            targetChainId: targetChainId,
            settler: address(settler),
            consumer: consumer,
            batchId: batchId,
            root: root,
            postedAt: postedAt
        });
        emit RootSent(consumer, batchId, root);
        messenger.sendMessage(
            receiver, abi.encodeCall(IRootReceiver.receiveRoot, (message)), gasLimit
        );
    }
}
