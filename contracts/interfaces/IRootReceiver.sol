// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Receives roots of batches that were proved on a rollup
interface IRootReceiver {
    /// @notice A posted batch on its way; every part of it is checked on arrival.
    /// @param sourceChainId Chain of the settler.
    /// @param targetChainId Chain of the receiver.
    /// @param settler Where the batch was posted.
    /// @param consumer Contract on the target chain that the root is for.
    /// @param batchId See `ResultTree.batchId`.
    /// @param root Over the batch's results.
    /// @param postedAt When it was posted, by the source chain's clock.
    struct RootMessage {
        uint256 sourceChainId;
        uint256 targetChainId;
        address settler;
        address consumer;
        uint256 batchId;
        bytes32 root;
        uint64 postedAt;
    }

    /// @notice `consumer` can read the results of batch `batchId` from now on.
    event RootReceived(
        address indexed consumer, uint256 indexed batchId, bytes32 root, uint64 postedAt
    );

    /// @notice Only the messenger brings roots.
    error NotMessenger(address caller);
    /// @notice The message was not sent by the sender that belongs to this receiver.
    error NotSender(address sender);
    /// @notice The batch was proved on another chain than this receiver is for.
    error WrongSourceChain(uint256 expected, uint256 got);
    /// @notice The root is for another chain than this one.
    error WrongTargetChain(uint256 expected, uint256 got);
    /// @notice The batch was posted at another settler.
    error WrongSettler(address expected, address got);
    /// @notice Nobody to read the root, or no root.
    error EmptyMessage();
    /// @notice The consumer has this root already.
    error AlreadyReceived(address consumer, uint256 batchId);

    /// @notice Stores a root for `message.consumer`. Messenger only, for the sender's messages.
    function receiveRoot(RootMessage calldata message) external;

    /// @notice Root of `batchId` as it came for `consumer`, and when it was posted; zeros if not.
    function rootFor(address consumer, uint256 batchId)
        external
        view
        returns (bytes32 root, uint64 postedAt);

    /// @notice Chain of the settler.
    function sourceChainId() external view returns (uint256);

    /// @notice Settler whose roots come here.
    function settler() external view returns (address);
}
