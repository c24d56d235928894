// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ICrossDomainMessenger} from "../interfaces/ICrossDomainMessenger.sol";
import {IRootReceiver} from "../interfaces/IRootReceiver.sol";

/// @title Receives roots of batches that were proved on a rollup
/// @notice No owner. Believes the messenger and, through it, one sender only. A route that is
/// stopped on the rollup later does not take back roots that have arrived: consumers bound the age
/// of what they act on.
contract RootReceiver is IRootReceiver {
    struct Received {
        bytes32 root;
        uint64 postedAt;
    }

    /// @notice The base chain's end of the bridge.
    ICrossDomainMessenger public immutable messenger;
    /// @notice `RootSender` on the rollup.
    address public immutable sender;
    /// @inheritdoc IRootReceiver
    uint256 public immutable sourceChainId;
    /// @inheritdoc IRootReceiver
    address public immutable settler;

    mapping(address consumer => mapping(uint256 batchId => Received)) private _received;

    constructor(
        ICrossDomainMessenger messenger_,
        address sender_,
        uint256 sourceChainId_,
        address settler_
    ) {
        messenger = messenger_;
        sender = sender_;
        sourceChainId = sourceChainId_;
        settler = settler_;
    }

    /// @inheritdoc IRootReceiver
    function receiveRoot(RootMessage calldata message) external {
        if (msg.sender != address(messenger)) revert NotMessenger(msg.sender);
        address from = messenger.xDomainMessageSender();
        if (from != sender) revert NotSender(from);
        if (message.sourceChainId != sourceChainId) {
            revert WrongSourceChain(sourceChainId, message.sourceChainId);
        }
        if (message.targetChainId != block.chainid) {
            revert WrongTargetChain(block.chainid, message.targetChainId);
        }
        if (message.settler != settler) revert WrongSettler(settler, message.settler);
        if (message.consumer == address(0) || message.root == 0) revert EmptyMessage();
        Received storage received = _received[message.consumer][message.batchId];
        if (received.root != 0) revert AlreadyReceived(message.consumer, message.batchId);
        received.root = message.root;
        received.postedAt = message.postedAt;
        emit RootReceived(message.consumer, message.batchId, message.root, message.postedAt);
    }

    /// @inheritdoc IRootReceiver
    function rootFor(address consumer, uint256 batchId)
        external
        view
        returns (bytes32 root, uint64 postedAt)
    {
        Received storage received = _received[consumer][batchId];
        return (received.root, received.postedAt);
    }
}
