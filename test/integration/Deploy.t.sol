// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {Escrow} from "../../contracts/Escrow.sol";
import {Deploy} from "../../script/Deploy.s.sol";

/// @dev With the generated verifier, as committed.
contract DeployTest is Test {
    Deploy internal script;
    address internal immutable owner = makeAddr("owner");
    address internal immutable guardian = makeAddr("guardian");

    function setUp() public {
        script = new Deploy();
    }

    function test_deploy_wiresEverything() public {
        Deploy.Deployment memory d = script.deploy(address(script), owner, guardian, false);
        assertEq(address(d.hub.registry()), address(d.registry));
        assertEq(address(d.hub.router()), address(d.router));
        assertEq(address(d.registry.router()), address(d.router));
        assertEq(Escrow(address(d.hub.escrow())).hub(), address(d.hub));
        assertEq(d.router.verifierOf(d.route), address(d.verifier));
        assertEq(d.route, keccak256(abi.encode(d.verifier.shapeHash(), d.verifier.srsHash())));
        assertEq(d.router.guardian(), guardian);
        assertEq(d.router.owner(), address(script));
        assertEq(d.router.pendingOwner(), owner);
    }

    function test_deploy_keepsTheRouterIfTheDeployerOwnsIt() public {
        Deploy.Deployment memory d =
            script.deploy(address(script), address(script), guardian, false);
        assertEq(d.router.owner(), address(script));
        assertEq(d.router.pendingOwner(), address(0));
    }

    /// The committed verifier is of a locally made SRS.
    function test_deploy_revertsIfSrsUnsafeOnARealChain() public {
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(Deploy.UnsafeSrs.selector, 1));
        script.deploy(address(script), owner, guardian, false);
        Deploy.Deployment memory d = script.deploy(address(script), owner, guardian, true);
        assertTrue(d.verifier.srsUnsafe());
    }

    /// Only what is broadcast is recorded.
    function test_run_writesNothingUnlessBroadcasting() public {
        vm.chainId(424_243);
        vm.setEnv("ALLOW_UNSAFE", "true");
        script.run();
        assertFalse(vm.exists(string.concat(vm.projectRoot(), "/deployments/424243.json")));
    }

    function test_write_recordsTheDeployment() public {
        vm.chainId(424_242);
        vm.roll(17);
        Deploy.Deployment memory d = script.deploy(address(script), owner, guardian, true);
        string memory path = script.write(d, owner, guardian);
        string memory json = vm.readFile(path);
        vm.removeFile(path);
        assertEq(vm.parseJsonUint(json, ".chainId"), 424_242);
        assertEq(vm.parseJsonUint(json, ".fromBlock"), 17);
        assertEq(vm.parseJsonAddress(json, ".verifier"), address(d.verifier));
        assertEq(vm.parseJsonAddress(json, ".router"), address(d.router));
        assertEq(vm.parseJsonAddress(json, ".registry"), address(d.registry));
        assertEq(vm.parseJsonAddress(json, ".hub"), address(d.hub));
        assertEq(vm.parseJsonAddress(json, ".escrow"), address(d.hub.escrow()));
        assertEq(vm.parseJsonAddress(json, ".owner"), owner);
        assertEq(vm.parseJsonAddress(json, ".guardian"), guardian);
        assertEq(vm.parseJsonBytes32(json, ".shapeHash"), d.verifier.shapeHash());
        assertEq(vm.parseJsonBytes32(json, ".srsHash"), d.verifier.srsHash());
        assertEq(vm.parseJsonBytes32(json, ".route"), d.route);
        assertTrue(vm.parseJsonBool(json, ".srsUnsafe"));
    }
}
