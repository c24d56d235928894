// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {InputModes, Schema, State} from "../../contracts/types/Types.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {
    BombConsumer,
    BurningConsumer,
    RecordingConsumer,
    ReentrantConsumer,
    RevertingConsumer,
    TestConsumer
} from "../mocks/Consumers.sol";

/// @title Does what anybody may do, in any order, also to requests that have ended
/// @notice Keeps its own books; the invariants compare the contracts with them.
contract HubHandler is HaloracleTest {
    TestConsumer[] internal consumers;
    Asked[] internal requests;
    address[] internal accounts;

    uint256 public paidIn;
    uint256 public paidOut;
    /// @notice How often a request was ended successfully, by any of the four ways.
    mapping(uint256 id => uint256) public endings;
    mapping(uint256 id => State) public ended;
    mapping(uint256 id => uint256) public feeOf;
    /// @notice What each account must have been credited with.
    mapping(address account => uint256) public earned;
    /// @notice How often each way of ending worked: an invariant over nothing shows nothing.
    mapping(State => uint256) public ways;

    /// @dev Weights and inputs.
    uint256 internal immutable privateModel;

    /// @notice Whether a proof was accepted for a request that it was not made for.
    bool public forged;

    modifier onceAsked() {
        if (requests.length != 0) _;
    }

    constructor() {
        setUp();
        Schema memory schema = schemaOf(30, 1);
        schema.inputMode = InputModes.COMMITMENT;
        privateModel = register(schema, bytes32(uint256(77)));
        consumers.push(new RecordingConsumer(hub));
        consumers.push(new RevertingConsumer(hub));
        consumers.push(new BurningConsumer(hub));
        consumers.push(new BombConsumer(hub, true, 50_000));
        consumers.push(new ReentrantConsumer(hub));
        accounts.push(modelOwner);
        accounts.push(refundee);
        accounts.push(payee);
        accounts.push(makeAddr("payee 2"));
        vm.deal(address(this), type(uint128).max);
    }

    /// @dev All with one commitment: they differ by their ids alone.
    function requestPrivately(uint256 who) external {
        if (router.isStopped(route)) return;
        Asked memory asked = askPrivately(
            consumers[who % consumers.length], privateModel, bytes32(uint256(5)), address(this)
        );
        requests.push(asked);
        feeOf[asked.id] = FEE;
        paidIn += FEE;
    }

    function request(uint256 who, uint96 fee, bool push) external {
        if (router.isStopped(route)) return;
        fee = uint96(bound(fee, FEE, 1 ether));
        TestConsumer consumer = consumers[who % consumers.length];
        Asked memory asked = ask(consumer, fee, options(push ? 100_000 : 0));
        requests.push(asked);
        feeOf[asked.id] = fee;
        paidIn += fee;
        if (who % consumers.length == 4) {
            // Next time it is called back, it tries to have this one refunded or paid again.
            bytes memory output = outputOf(0, 7);
            ReentrantConsumer(address(consumer))
                .arm(
                    push
                        ? abi.encodeCall(hub.expire, (asked.request))
                        : abi.encodeCall(
                            hub.fulfill,
                            (
                                asked.request,
                                asked.input,
                                payee,
                                output,
                                proofOf(asked, payee, output)
                            )
                        )
                );
        }
    }

    function topUp(uint256 which, uint96 amount) external onceAsked {
        Asked storage asked = _pick(which);
        amount = uint96(bound(amount, 1, 1 ether));
        try hub.topUp{value: amount}(asked.id) {
            feeOf[asked.id] += amount;
            paidIn += amount;
        } catch {}
    }

    function fulfill(uint256 which, bool second, uint8 digit) external onceAsked {
        Asked memory asked = _pick(which);
        address paid = accounts[second ? 3 : 2];
        bytes memory output = outputOf(0, digit);
        bytes memory proof = proofOf(asked, paid, output);
        try hub.fulfill(asked.request, asked.input, paid, output, proof) {
            _ended(asked.id, State.Verified);
            uint256 share = feeOf[asked.id] * SHARE_BPS / 10_000;
            earned[modelOwner] += share;
            earned[paid] += feeOf[asked.id] - share;
        } catch {}
    }

    function fulfillWithAnothersProof(uint256 which, uint256 other) external onceAsked {
        Asked memory asked = _pick(which);
        Asked memory source = _pick(other);
        if (asked.id == source.id) return;
        bytes memory output = outputOf(0, 3);
        bytes memory proof = proofOf(source, payee, output);
        try hub.fulfill(asked.request, asked.input, payee, output, proof) {
            forged = true;
        } catch {}
    }

    function deliver(uint256 which, uint8 digit) external onceAsked {
        Asked storage asked = _pick(which);
        try hub.deliver(asked.request, outputOf(0, digit)) {} catch {}
    }

    function cancel(uint256 which) external onceAsked {
        Asked storage asked = _pick(which);
        try TestConsumer(asked.request.consumer).cancel(asked.request) {} catch {}
    }

    function finalizeCancel(uint256 which) external onceAsked {
        Asked storage asked = _pick(which);
        try hub.finalizeCancel(asked.request) {
            _refunded(asked.id, State.Cancelled);
        } catch {}
    }

    function expire(uint256 which) external onceAsked {
        Asked storage asked = _pick(which);
        try hub.expire(asked.request) {
            _refunded(asked.id, State.Expired);
        } catch {}
    }

    function refundStopped(uint256 which) external onceAsked {
        Asked storage asked = _pick(which);
        try hub.refundStopped(asked.request) {
            _refunded(asked.id, State.Stopped);
        } catch {}
    }

    function withdraw(uint256 who) external {
        address account = accounts[who % accounts.length];
        vm.prank(account);
        try escrow.withdraw(account) returns (uint256 amount) {
            paidOut += amount;
        } catch {}
    }

    function wait(uint16 time) external {
        skip(time % 30 minutes);
    }

    function stopRoute(uint8 luck) external {
        // Rarely: nothing can be asked afterwards.
        if (luck < 8 && requests.length > 10 && !router.isStopped(route)) {
            vm.prank(guardian);
            router.stop(route);
        }
    }

    // What the invariants read.

    function count() external view returns (uint256) {
        return requests.length;
    }

    function idAt(uint256 index) external view returns (uint256) {
        return requests[index].id;
    }

    function accountAt(uint256 index) external view returns (address) {
        return accounts[index];
    }

    function theHub() external view returns (address) {
        return address(hub);
    }

    function _refunded(uint256 id, State state) private {
        _ended(id, state);
        earned[refundee] += feeOf[id];
    }

    function _ended(uint256 id, State state) private {
        ++endings[id];
        ended[id] = state;
        ++ways[state];
    }

    function _pick(uint256 which) private view returns (Asked storage) {
        return requests[which % requests.length];
    }
}
