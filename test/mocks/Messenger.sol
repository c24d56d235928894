// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {ICrossDomainMessenger} from "../../contracts/interfaces/ICrossDomainMessenger.sol";

/// @title TEST DOUBLE of the OP stack's cross-domain messenger, either end
/// @notice Behaves as the real one does, the proof of what the other chain sent apart: that is read
/// from the other end. A message is proved, waits for the challenge period, is relayed once; a call
/// that fails, or that has too little gas, marks the message failed, and anyone may replay it.
contract Messenger is ICrossDomainMessenger {
    event SentMessage(
        address indexed target, address sender, bytes message, uint256 nonce, uint256 gasLimit
    );
    event RelayedMessage(bytes32 indexed hash);
    event FailedRelayedMessage(bytes32 indexed hash);

    struct Message {
        uint256 nonce;
        address sender;
        address target;
        uint256 minGasLimit;
        bytes data;
    }

    /// @dev As the real one's: outside a relay nobody is the sender.
    address private constant NOBODY = address(0xdEaD);
    /// @dev Kept back for what follows the call.
    uint256 private constant RESERVED = 40_000;

    uint256 public immutable challengePeriod;
    Messenger public other;

    uint256 public nonce;
    mapping(bytes32 hash => bool) public sent;
    mapping(bytes32 hash => uint256) public provenAt;
    mapping(bytes32 hash => bool) public successful;
    mapping(bytes32 hash => bool) public failed;

    address private _sender = NOBODY;

    constructor(uint256 challengePeriod_) {
        challengePeriod = challengePeriod_;
    }

    function pair(Messenger other_) external {
        other = other_;
    }

    function sendMessage(address target, bytes calldata message, uint32 minGasLimit)
        external
        payable
    {
        Message memory m = Message(nonce, msg.sender, target, minGasLimit, message);
        sent[hashOf(m)] = true;
        emit SentMessage(target, msg.sender, message, nonce, minGasLimit);
        ++nonce;
    }

    function prove(Message calldata m) external {
        bytes32 hash = hashOf(m);
        require(other.sent(hash), "not sent on the other chain");
        provenAt[hash] = block.timestamp;
    }

    function relayMessage(Message calldata m) external {
        bytes32 hash = hashOf(m);
        if (!failed[hash]) {
            require(provenAt[hash] != 0, "not proved");
            require(block.timestamp > provenAt[hash] + challengePeriod, "challenge period");
        }
        require(!successful[hash], "message has already been relayed");
        require(m.target != address(this), "blocked target");
        // Too little gas for the call, or a relay within a relay.
        if (gasleft() < m.minGasLimit * 64 / 63 + RESERVED || _sender != NOBODY) {
            _fail(hash);
            return;
        }
        _sender = m.sender;
        (bool ok,) = m.target.call{gas: gasleft() - RESERVED}(m.data);
        _sender = NOBODY;
        if (ok) {
            successful[hash] = true;
            emit RelayedMessage(hash);
        } else {
            _fail(hash);
        }
    }

    function xDomainMessageSender() external view returns (address) {
        require(_sender != NOBODY, "no message is being relayed");
        return _sender;
    }

    function hashOf(Message memory m) public pure returns (bytes32) {
        return keccak256(abi.encode(m));
    }

    function _fail(bytes32 hash) private {
        failed[hash] = true;
        emit FailedRelayedMessage(hash);
    }
}
