// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {BatchSettler} from "../../contracts/BatchSettler.sol";
import {InferenceHub} from "../../contracts/InferenceHub.sol";
import {IInferenceHub} from "../../contracts/interfaces/IInferenceHub.sol";
import {ISettlementHub} from "../../contracts/interfaces/ISettlementHub.sol";
import {Modes, Settlement, SettlementTerms} from "../../contracts/types/Types.sol";
import {BatchTest} from "../base/BatchTest.sol";

/// @dev The hub's side of settlement modules, and the modes that requests allow.
contract HubModulesTest is BatchTest {
    function test_settleFromModule_isForModulesOnly() public {
        SettlementTerms memory terms;
        vm.expectRevert(abi.encodeWithSelector(ISettlementHub.NotModule.selector, address(this)));
        hub.settleFromModule(new Settlement[](1), new bytes(32), terms);
    }

    function test_settleFromModule_revertsIfOutputsDoNotFit() public {
        SettlementTerms memory terms;
        uint256[2][4] memory bad =
            [[uint256(0), 0], [uint256(1), 0], [uint256(1), 33], [uint256(2), 32]];
        for (uint256 i = 0; i < bad.length; ++i) {
            vm.expectRevert(
                abi.encodeWithSelector(
                    ISettlementHub.OutputsMalformed.selector, bad[i][1], bad[i][0]
                )
            );
            vm.prank(address(settler));
            hub.settleFromModule(new Settlement[](bad[i][0]), new bytes(bad[i][1]), terms);
        }
    }

    function test_constructor_takesModulesOfThisHubOnly() public {
        BatchSettler stray = new BatchSettler(address(hub), registry);
        vm.expectRevert(
            abi.encodeWithSelector(
                ISettlementHub.ModuleOfAnotherHub.selector, address(stray), address(hub)
            )
        );
        new InferenceHub(registry, router, modulesOf(address(stray)));

        address next = vm.computeCreateAddress(address(this), vm.getNonce(address(this)) + 1);
        BatchSettler once = new BatchSettler(next, registry);
        address[] memory twice = new address[](2);
        (twice[0], twice[1]) = (address(once), address(once));
        vm.expectRevert(abi.encodeWithSelector(ISettlementHub.ModuleTwice.selector, address(once)));
        new InferenceHub(registry, router, twice);
    }

    function test_modules_areFixed() public view {
        assertEq(hub.modules(), modulesOf(address(settler)));
        assertTrue(hub.isModule(address(settler)));
        assertFalse(hub.isModule(address(this)));
        assertEq(settler.hub(), address(hub));
        assertEq(address(settler.registry()), address(registry));
        assertEq(address(settler.router()), address(router));
        assertEq(settler.kind(), BATCH_V1);
    }

    function test_fulfill_revertsIfSingleIsNotAllowed() public {
        Asked memory asked = askOnce(Modes.BATCH);
        bytes memory proof = proofOf(asked, payee, leafOutput(0));
        vm.expectRevert(
            abi.encodeWithSelector(IInferenceHub.ModeNotAllowed.selector, asked.id, Modes.BATCH)
        );
        hub.fulfill(asked.request, asked.input, payee, leafOutput(0), proof);
    }

    function test_requestInference_choosesModes() public {
        assertEq(askOnce(0).request.modes, Modes.SINGLE | Modes.BATCH);
        for (uint8 modes = 1; modes < 8; ++modes) {
            assertEq(askOnce(modes).request.modes, modes);
        }
        for (uint256 bit = 3; bit < 8; ++bit) {
            uint8 modes = uint8(1 << bit | 1);
            vm.expectRevert(abi.encodeWithSelector(IInferenceHub.BadModes.selector, modes));
            consumer.ask{value: FEE}(modelId, rawInput(30), moded(modes, 0));
        }
    }
}
