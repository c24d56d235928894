// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Test} from "forge-std/Test.sol";

import {Escrow} from "../../contracts/Escrow.sol";
import {IHalo2Verifier} from "../../contracts/interfaces/IHalo2Verifier.sol";
import {IVerifierRouter} from "../../contracts/interfaces/IVerifierRouter.sol";
import {Deploy} from "../../script/Deploy.s.sol";
import {StubVerifier} from "../mocks/StubVerifier.sol";

/// @dev With the generated verifiers, as committed; a second shape is a stub where it matters.
contract DeployTest is Test {
    Deploy internal script;
    address internal immutable owner = makeAddr("owner");
    address internal immutable guardian = makeAddr("guardian");

    function setUp() public {
        script = new Deploy();
    }

    function test_deploy_wiresEverything() public {
        Deploy.Deployment memory d = _deploy(script.verifiers(false), owner);
        assertEq(address(d.hub.registry()), address(d.registry));
        assertEq(address(d.hub.router()), address(d.router));
        assertEq(address(d.registry.router()), address(d.router));
        assertEq(d.settler.hub(), address(d.hub));
        assertEq(address(d.settler.registry()), address(d.registry));
        assertTrue(d.hub.isModule(address(d.settler)));
        assertEq(d.hub.modules().length, 1);
        assertEq(Escrow(address(d.hub.escrow())).hub(), address(d.hub));
        assertEq(d.router.guardian(), guardian);
        assertEq(d.router.owner(), address(script));
        assertEq(d.router.pendingOwner(), owner);
        _assertRoutes(d);
    }

    /// Every generated contract has a route, the narrow shape the first.
    function test_verifiers_areTheGeneratedOnes() public {
        Deploy.Route[] memory routes = script.verifiers(false);
        assertEq(routes[0].name, "Halo2Verifier");
        bool wide = vm.exists(
            string.concat(vm.projectRoot(), "/contracts/generated/Halo2VerifierWide.sol")
        );
        assertEq(routes.length, wide ? 2 : 1);
        if (wide) {
            assertEq(routes[1].name, "Halo2VerifierWide");
            assertNotEq(routes[0].verifier.shapeHash(), routes[1].verifier.shapeHash());
            assertEq(routes[0].verifier.srsHash(), routes[1].verifier.srsHash());
        }
    }

    function test_deploy_activatesARoutePerVerifier() public {
        Deploy.Deployment memory d = _deploy(_two("other shape"), owner);
        assertEq(d.routes.length, 2);
        assertNotEq(d.routes[0].route, d.routes[1].route);
        _assertRoutes(d);
    }

    /// One shape under one SRS has one verifier.
    function test_deploy_revertsIfTwoVerifiersShareARoute() public {
        Deploy.Route[] memory routes = _two("shape");
        routes[0].verifier = new StubVerifier("shape", "srs", true);
        vm.expectRevert(
            abi.encodeWithSelector(
                IVerifierRouter.RouteAlreadyActive.selector,
                keccak256(abi.encode(bytes32("shape"), bytes32("srs")))
            )
        );
        script.deploy(routes, address(script), owner, guardian);
    }

    function test_deploy_keepsTheRouterIfTheDeployerOwnsIt() public {
        Deploy.Deployment memory d = _deploy(script.verifiers(false), address(script));
        assertEq(d.router.owner(), address(script));
        assertEq(d.router.pendingOwner(), address(0));
    }

    /// The committed verifiers are of a locally made SRS.
    function test_verifiers_revertIfSrsUnsafeOnARealChain() public {
        vm.chainId(1);
        vm.expectRevert(abi.encodeWithSelector(Deploy.UnsafeSrs.selector, 1));
        script.verifiers(false);
        assertTrue(script.verifiers(true)[0].verifier.srsUnsafe());
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
        Deploy.Deployment memory d = _deploy(_two("other shape"), owner);
        string memory path = script.write(d, owner, guardian);
        string memory json = vm.readFile(path);
        vm.removeFile(path);
        assertEq(vm.parseJsonUint(json, ".chainId"), 424_242);
        assertEq(vm.parseJsonUint(json, ".fromBlock"), 17);
        assertEq(vm.parseJsonAddress(json, ".router"), address(d.router));
        assertEq(vm.parseJsonAddress(json, ".registry"), address(d.registry));
        assertEq(vm.parseJsonAddress(json, ".hub"), address(d.hub));
        assertEq(vm.parseJsonAddress(json, ".settler"), address(d.settler));
        assertEq(vm.parseJsonAddress(json, ".escrow"), address(d.hub.escrow()));
        assertEq(vm.parseJsonAddress(json, ".owner"), owner);
        assertEq(vm.parseJsonAddress(json, ".guardian"), guardian);
        for (uint256 i = 0; i < 2; ++i) {
            Deploy.Route memory route = d.routes[i];
            string memory at = string.concat(".verifiers[", vm.toString(i), "]");
            assertEq(vm.parseJsonString(json, string.concat(at, ".name")), route.name);
            assertEq(
                vm.parseJsonAddress(json, string.concat(at, ".address")), address(route.verifier)
            );
            assertEq(
                vm.parseJsonBytes32(json, string.concat(at, ".shapeHash")),
                route.verifier.shapeHash()
            );
            assertEq(
                vm.parseJsonBytes32(json, string.concat(at, ".srsHash")), route.verifier.srsHash()
            );
            assertEq(vm.parseJsonBytes32(json, string.concat(at, ".route")), route.route);
            assertEq(
                vm.parseJsonBool(json, string.concat(at, ".srsUnsafe")), route.verifier.srsUnsafe()
            );
        }
        assertFalse(vm.keyExistsJson(json, ".verifiers[2]"));
    }

    function _deploy(Deploy.Route[] memory routes, address owner_)
        private
        returns (Deploy.Deployment memory)
    {
        return script.deploy(routes, address(script), owner_, guardian);
    }

    /// @dev The generated narrow verifier, and a stub of another shape.
    function _two(bytes32 shape) private returns (Deploy.Route[] memory routes) {
        routes = new Deploy.Route[](2);
        routes[0] = script.verifiers(true)[0];
        routes[1] =
            Deploy.Route({name: "Stub", verifier: new StubVerifier(shape, "srs", false), route: 0});
    }

    function _assertRoutes(Deploy.Deployment memory d) private view {
        for (uint256 i = 0; i < d.routes.length; ++i) {
            IHalo2Verifier verifier = d.routes[i].verifier;
            assertEq(
                d.routes[i].route, keccak256(abi.encode(verifier.shapeHash(), verifier.srsHash()))
            );
            assertEq(d.router.verifierOf(d.routes[i].route), address(verifier));
        }
    }
}
