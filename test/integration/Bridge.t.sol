// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {RootReceiver} from "../../contracts/adapters/RootReceiver.sol";
import {RootSender} from "../../contracts/adapters/RootSender.sol";
import {ScoreBook} from "../../contracts/adapters/ScoreBook.sol";
import {IBatchSettler} from "../../contracts/interfaces/IBatchSettler.sol";
import {IRootReceiver} from "../../contracts/interfaces/IRootReceiver.sol";
import {BatchTest} from "../base/BatchTest.sol";
import {Messenger} from "../mocks/Messenger.sol";

/// @dev A batch proved on chain 10 is read on chain 1, through a messenger that behaves as the real
/// one does. Both ends live in one EVM: `_on` says on which chain what follows runs.
contract BridgeTest is BatchTest {
    uint256 private constant L1 = 1;
    uint256 private constant L2 = 10;
    uint256 private constant CHALLENGE = 7 days;
    uint32 private constant GAS = 100_000;

    Messenger internal l1Messenger;
    Messenger internal l2Messenger;
    RootSender internal sender;
    RootReceiver internal receiver;
    ScoreBook internal book;

    Asked[] internal asked;
    IBatchSettler.RootBatch internal batch;
    bytes32 internal tag;
    uint256 internal batchId;
    bytes32 internal root;

    function setUp() public override {
        vm.chainId(L2);
        super.setUp();
        l1Messenger = new Messenger(CHALLENGE);
        l2Messenger = new Messenger(0);
        l1Messenger.pair(l2Messenger);
        l2Messenger.pair(l1Messenger);
        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        sender = new RootSender(l2Messenger, settler, next, L1);
        receiver = new RootReceiver(l1Messenger, address(sender), L2, address(settler));
        book = new ScoreBook(
            ScoreBook.Config({
                receiver: receiver,
                hub: address(hub),
                source: address(consumer),
                modelId: modelId,
                outputSlotBits: 8,
                maxAge: 30 days
            })
        );
        for (uint256 i = 0; i < 3; ++i) {
            asked.push(askOnce(ANY));
        }
        batch = rootBatchOf(4, asked, one(payee));
        batchId = settler.settleRoot(batch);
        tag = settler.batchTagOf(modelId, 4, batch.ids, batch.payees);
        (root,) = settler.postedRoot(batchId);
    }

    function test_bridge_carriesAResultToTheBaseChain() public {
        uint64 postedAt = uint64(block.timestamp);
        ScoreBook.Claim memory claim = _claim(1);
        Messenger.Message memory m = _send();
        _on(L1);
        l1Messenger.prove(m);
        skip(CHALLENGE + 1);
        vm.expectEmit();
        emit IRootReceiver.RootReceived(address(book), batchId, root, postedAt);
        l1Messenger.relayMessage(m);
        (bytes32 received, uint64 at) = receiver.rootFor(address(book), batchId);
        assertEq(received, root);
        assertEq(at, postedAt);

        vm.expectEmit();
        emit ScoreBook.Scored(USER_DATA, asked[1].id, 0, leafOutput(1));
        book.record(claim);
        (bytes32 output, uint64 status, uint64 scoredAt) = book.scoreOf(USER_DATA);
        assertEq(output, keccak256(leafOutput(1)));
        assertEq(status, 0);
        assertEq(scoredAt, postedAt);
    }

    // The bridge's own ways.

    function test_bridge_waitsForTheChallengePeriod() public {
        Messenger.Message memory m = _send();
        _on(L1);
        vm.expectRevert("not proved");
        l1Messenger.relayMessage(m);
        l1Messenger.prove(m);
        skip(CHALLENGE);
        vm.expectRevert("challenge period");
        l1Messenger.relayMessage(m);
        ScoreBook.Claim memory claim = _claimOn(L2, 0);
        vm.expectRevert(abi.encodeWithSelector(ScoreBook.UnknownBatch.selector, batchId));
        book.record(claim);
    }

    function test_bridge_relaysOnce() public {
        Messenger.Message memory m = _arrive();
        vm.expectRevert("message has already been relayed");
        l1Messenger.relayMessage(m);
        // Sent again it is another message; the root stands.
        _on(L2);
        m = _send();
        _on(L1);
        l1Messenger.prove(m);
        skip(CHALLENGE + 1);
        l1Messenger.relayMessage(m);
        assertTrue(l1Messenger.failed(l1Messenger.hashOf(m)));
    }

    /// Too little gas fails the relay, not the message: anyone replays it later.
    function test_bridge_replaysAFailedRelay() public {
        Messenger.Message memory m = _send();
        _on(L1);
        l1Messenger.prove(m);
        skip(CHALLENGE + 1);
        l1Messenger.relayMessage{gas: 120_000}(m);
        assertTrue(l1Messenger.failed(l1Messenger.hashOf(m)));
        (bytes32 received,) = receiver.rootFor(address(book), batchId);
        assertEq(received, 0);
        skip(3 days);
        vm.prank(makeAddr("anyone"));
        l1Messenger.relayMessage(m);
        (received,) = receiver.rootFor(address(book), batchId);
        assertEq(received, root);
    }

    function test_bridge_provesOnlyWhatWasSent() public {
        Messenger.Message memory m = _send();
        m.data[200] ^= 0x01;
        vm.expectRevert("not sent on the other chain");
        l1Messenger.prove(m);
    }

    // The receiver believes nobody else.

    function test_receiveRoot_revertsUnlessTheMessengerCalls() public {
        IRootReceiver.RootMessage memory message = _message();
        _on(L1);
        vm.expectRevert(abi.encodeWithSelector(IRootReceiver.NotMessenger.selector, address(this)));
        receiver.receiveRoot(message);
        // The messenger itself, outside a relay.
        vm.prank(address(l1Messenger));
        vm.expectRevert("no message is being relayed");
        receiver.receiveRoot(message);
    }

    /// Anyone can send messages through the messenger: only the sender's are believed.
    function test_receiveRoot_revertsForAnotherSender() public {
        bytes memory data = abi.encodeCall(IRootReceiver.receiveRoot, (_message()));
        l2Messenger.sendMessage(address(receiver), data, GAS);
        Messenger.Message memory m =
            Messenger.Message(0, address(this), address(receiver), GAS, data);
        _on(L1);
        l1Messenger.prove(m);
        skip(CHALLENGE + 1);
        vm.expectCall(address(receiver), data);
        l1Messenger.relayMessage(m);
        assertTrue(l1Messenger.failed(l1Messenger.hashOf(m)));
        (bytes32 received,) = receiver.rootFor(address(book), batchId);
        assertEq(received, 0);
    }

    /// Every part of the message is checked, even though the sender is honest.
    function test_receiveRoot_revertsIfAnyPartIsForAnother() public {
        _on(L1);
        IRootReceiver.RootMessage memory message = _message();
        message.sourceChainId = 8453;
        _expectRefused(
            message, abi.encodeWithSelector(IRootReceiver.WrongSourceChain.selector, L2, 8453)
        );
        message = _message();
        message.targetChainId = 5;
        _expectRefused(
            message, abi.encodeWithSelector(IRootReceiver.WrongTargetChain.selector, L1, 5)
        );
        message = _message();
        message.settler = address(this);
        _expectRefused(
            message,
            abi.encodeWithSelector(
                IRootReceiver.WrongSettler.selector, address(settler), address(this)
            )
        );
        message = _message();
        message.consumer = address(0);
        _expectRefused(message, abi.encodeWithSelector(IRootReceiver.EmptyMessage.selector));
        message = _message();
        message.root = 0;
        _expectRefused(message, abi.encodeWithSelector(IRootReceiver.EmptyMessage.selector));
        _expectRefused(_message(), "");
        _expectRefused(
            _message(),
            abi.encodeWithSelector(IRootReceiver.AlreadyReceived.selector, address(book), batchId)
        );
    }

    /// The same bytes on a chain that split off: the receiver there is not the target.
    function test_receiveRoot_revertsOnAnotherChain() public {
        Messenger.Message memory m = _send();
        _on(61);
        l1Messenger.prove(m);
        skip(CHALLENGE + 1);
        l1Messenger.relayMessage(m);
        assertTrue(l1Messenger.failed(l1Messenger.hashOf(m)));
    }

    // The sender sends what the settler holds.

    function test_sendRoot_revertsForWhatWasNotPosted() public {
        uint256 other = settler.batchIdOf(modelId, "another");
        vm.expectRevert(abi.encodeWithSelector(RootSender.NotPosted.selector, other));
        sender.sendRoot(modelId, "another", address(book), GAS);
        uint256 twin = registerBatched(makeAddr("twin"), schemaOf(30, 1), 0);
        other = settler.batchIdOf(twin, tag);
        vm.expectRevert(abi.encodeWithSelector(RootSender.NotPosted.selector, other));
        sender.sendRoot(twin, tag, address(book), GAS);
    }

    function test_sendRoot_revertsIfRouteStopped() public {
        vm.prank(guardian);
        router.stop(route);
        vm.expectRevert(abi.encodeWithSelector(RootSender.RouteIsStopped.selector, route));
        sender.sendRoot(modelId, tag, address(book), GAS);
    }

    // The consumer reads leaves, and its own only.

    function test_record_revertsIfAnythingDiffers() public {
        ScoreBook.Claim memory claim = _claim(1);
        _arrive();
        claim.output = leafOutput(2);
        _expectNotIn(claim);
        claim = _claimOn(L2, 1);
        claim.payee = address(this);
        _expectNotIn(claim);
        claim = _claimOn(L2, 1);
        claim.index = 0;
        _expectNotIn(claim);
        claim = _claimOn(L2, 1);
        claim.path[1] = "another";
        _expectNotIn(claim);
        claim = _claimOn(L2, 1);
        claim.request.nonce += 1;
        _expectNotIn(claim);
        claim = _claimOn(L2, 1);
        claim.request.consumer = address(this);
        vm.expectRevert(abi.encodeWithSelector(ScoreBook.NotOurs.selector, modelId, address(this)));
        book.record(claim);
        claim = _claimOn(L2, 1);
        claim.request.modelId = 5;
        vm.expectRevert(abi.encodeWithSelector(ScoreBook.NotOurs.selector, 5, address(consumer)));
        book.record(claim);
        claim = _claimOn(L2, 1);
        claim.batchTag = "another";
        vm.expectPartialRevert(ScoreBook.UnknownBatch.selector);
        book.record(claim);
        book.record(_claimOn(L2, 1));
    }

    /// A root that came for one consumer is none of another's.
    function test_record_revertsForAnothersRoot() public {
        _arrive();
        ScoreBook.Claim memory claim = _claimOn(L2, 1);
        ScoreBook other = new ScoreBook(book.config());
        vm.expectRevert(abi.encodeWithSelector(ScoreBook.UnknownBatch.selector, batchId));
        other.record(claim);
    }

    function test_record_revertsIfNotNewerOrTooOld() public {
        uint64 postedAt = uint64(block.timestamp);
        _arrive();
        book.record(_claimOn(L2, 1));
        ScoreBook.Claim memory claim = _claimOn(L2, 2);
        vm.expectRevert(abi.encodeWithSelector(ScoreBook.NotNewer.selector, postedAt, postedAt));
        book.record(claim);
        vm.warp(uint256(postedAt) + 30 days + 1);
        vm.expectRevert(abi.encodeWithSelector(ScoreBook.TooOld.selector, postedAt));
        book.record(claim);
    }

    function _on(uint256 chainId) private {
        vm.chainId(chainId);
    }

    function _send() private returns (Messenger.Message memory) {
        uint256 nonce = l2Messenger.nonce();
        sender.sendRoot(modelId, tag, address(book), GAS);
        return Messenger.Message(
            nonce,
            address(sender),
            address(receiver),
            GAS,
            abi.encodeCall(IRootReceiver.receiveRoot, (_message()))
        );
    }

    function _arrive() private returns (Messenger.Message memory m) {
        m = _send();
        _on(L1);
        l1Messenger.prove(m);
        skip(CHALLENGE + 1);
        l1Messenger.relayMessage(m);
    }

    function _message() private view returns (IRootReceiver.RootMessage memory) {
        (, uint64 postedAt) = settler.postedRoot(batchId);
        return IRootReceiver.RootMessage({
            sourceChainId: L2,
            targetChainId: L1,
            settler: address(settler),
            consumer: address(book),
            batchId: batchId,
            root: root,
            postedAt: postedAt
        });
    }

    /// @dev Delivered as the messenger does for the sender; an empty `reason` means accepted.
    function _expectRefused(IRootReceiver.RootMessage memory message, bytes memory reason) private {
        vm.mockCall(
            address(l1Messenger),
            abi.encodeCall(l1Messenger.xDomainMessageSender, ()),
            abi.encode(address(sender))
        );
        vm.prank(address(l1Messenger));
        if (reason.length != 0) vm.expectRevert(reason);
        receiver.receiveRoot(message);
        vm.clearMockedCalls();
    }

    function _expectNotIn(ScoreBook.Claim memory claim) private {
        vm.expectRevert(abi.encodeWithSelector(ScoreBook.NotInBatch.selector, batchId, claim.index));
        book.record(claim);
    }

    function _claimOn(uint256 chainId, uint256 index) private returns (ScoreBook.Claim memory c) {
        uint256 now_ = block.chainid;
        _on(chainId);
        c = _claim(index);
        _on(now_);
    }

    function _claim(uint256 index) private view returns (ScoreBook.Claim memory) {
        IBatchSettler.Claim memory claim = claimOf(asked[index], batch, index);
        return ScoreBook.Claim({
            request: claim.request,
            batchTag: claim.batchTag,
            index: claim.index,
            payee: claim.payee,
            output: claim.output,
            path: claim.path
        });
    }
}
