// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {
    CollateralManager,
    ManagerConfig,
    RatioFeature
} from "../../contracts/consumers/CollateralManager.sol";
import {RiskBounds} from "../../contracts/consumers/RiskPolicy.sol";
import {MockInferenceHub} from "../../contracts/mocks/MockInferenceHub.sol";
import {Feature, OutputField, Schema, State} from "../../contracts/types/Types.sol";

/// @title Borrowers, an attester and a hub that answers anything, in any order
contract CollateralHandler is Test {
    struct Change {
        uint256 from;
        uint256 to;
        // Since the last change, or since the account was opened.
        uint256 sinceLast;
        bool first;
        // Between the position's last improvement and the review's request.
        uint256 held;
    }

    MockInferenceHub public immutable hub = new MockInferenceHub();
    CollateralManager public immutable manager;
    address[] public accounts;
    uint256[] internal ids;
    Change[] public changes;
    mapping(address account => uint256) internal changedAt;
    mapping(address account => uint256) internal improvedAt;
    uint256 internal immutable openedAt;

    constructor() {
        vm.warp(1_700_000_000);
        openedAt = block.timestamp;
        Schema memory schema;
        (schema.digitBits, schema.inputDigits, schema.outputDigits) = (8, 3, 1);
        schema.features = new Feature[](3);
        for (uint256 i = 0; i < 3; ++i) {
            schema.features[i] = Feature({lo: 0, hi: 100_000, decimals: 3});
        }
        schema.outputs = new OutputField[](1);
        schema.outputs[0] = OutputField({zeroPoint: 0, multiplier: 4, decimals: 3});
        hub.setModel(1, schema, 0);
        manager = new CollateralManager(
            ManagerConfig({
                hub: hub,
                modelId: 1,
                attester: address(this),
                price: 2_000e18,
                loanToValue: RatioFeature({feature: 0, one: 1_000}),
                utilization: RatioFeature({feature: 1, one: 1_000}),
                bounds: RiskBounds({
                    floorBps: 4_000,
                    ceilingBps: 8_000,
                    initialBps: 7_000,
                    maxTightenBps: 1_000,
                    maxLoosenBps: 250,
                    tightenDelay: 1 hours,
                    loosenDelay: 1 days,
                    maxAge: 2 days
                })
            })
        );
        accounts.push(makeAddr("ann"));
        accounts.push(makeAddr("bob"));
        for (uint256 i = 0; i < accounts.length; ++i) {
            manager.attest(accounts[i], new int32[](1));
        }
    }

    function deposit(uint256 who, uint96 amount) external {
        amount = uint96(bound(amount, 1, 100 ether));
        hoax(_account(who), amount);
        manager.deposit{value: amount}();
        improvedAt[_account(who)] = block.timestamp;
    }

    function withdraw(uint256 who, uint96 amount) external {
        (uint256 collateral,) = manager.positionOf(_account(who));
        vm.prank(_account(who));
        try manager.withdraw(bound(amount, 0, collateral)) {} catch {}
    }

    function borrow(uint256 who, uint256 amount) external {
        address account = _account(who);
        amount = bound(amount, 0, manager.limitOf(account) + 1);
        vm.prank(account);
        try manager.borrow(amount) {
            (, uint256 debt) = manager.positionOf(account);
            assertLe(debt, manager.limitOf(account), "borrowed beyond the limit");
        } catch {}
    }

    function repay(uint256 who, uint256 amount) external {
        (, uint256 debt) = manager.positionOf(_account(who));
        vm.prank(_account(who));
        try manager.repay(bound(amount, 0, debt)) {
            improvedAt[_account(who)] = block.timestamp;
        } catch {}
    }

    function attest(uint256 who, uint16 value) external {
        int32[] memory features = new int32[](1);
        features[0] = int32(uint32(value));
        manager.attest(_account(who), features);
    }

    function review(uint256 who) external {
        ids.push(manager.requestReview(_account(who)));
    }

    function answer(uint256 which, uint8 digit) external {
        if (ids.length == 0) return;
        uint256 id = ids[which % ids.length];
        (State state,,,,) = hub.resultOf(id);
        if (state != State.Open) return;
        (address account, uint40 requestedAt,,) = manager.reviews(id);
        uint256 before = manager.factorOf(account);
        try hub.answer(id, digit) {} catch {}
        uint256 current = manager.factorOf(account);
        if (current == before) return;
        bool first = changedAt[account] == 0;
        changes.push(
            Change({
                from: before,
                to: current,
                sinceLast: block.timestamp - (first ? openedAt : changedAt[account]),
                first: first,
                held: requestedAt < improvedAt[account] ? 0 : requestedAt - improvedAt[account]
            })
        );
        changedAt[account] = block.timestamp;
    }

    /// @dev A refusal, of any status: whoever it is about, nothing of them may move.
    function refuse(uint256 which, uint8 status) external {
        if (ids.length == 0) return;
        uint256 id = ids[which % ids.length];
        (State state,,,,) = hub.resultOf(id);
        if (state != State.Open) return;
        (address account,,,) = manager.reviews(id);
        uint256 before = manager.factorOf(account);
        hub.refuse(id, status == 0 ? 1 : status);
        assertEq(manager.factorOf(account), before, "a refusal moved a factor");
    }

    function wait(uint32 time) external {
        skip(time % 18 hours);
    }

    function changeCount() external view returns (uint256) {
        return changes.length;
    }

    function _account(uint256 who) private view returns (address) {
        return accounts[who % accounts.length];
    }
}
