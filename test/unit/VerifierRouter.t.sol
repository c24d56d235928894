// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {VerifierRouter} from "../../contracts/VerifierRouter.sol";
import {IVerifierRouter} from "../../contracts/interfaces/IVerifierRouter.sol";
import {HaloracleTest} from "../base/HaloracleTest.sol";
import {StubVerifier} from "../mocks/StubVerifier.sol";

contract VerifierRouterTest is HaloracleTest {
    StubVerifier internal other;

    function setUp() public override {
        super.setUp();
        other = new StubVerifier("wide", "srs", false);
    }

    function test_activate_routesByShapeAndSrs() public {
        bytes32 expected = keccak256(abi.encode(bytes32("wide"), bytes32("srs")));
        vm.expectEmit();
        emit IVerifierRouter.RouteActivated(expected, address(other));
        vm.prank(admin);
        assertEq(router.activate(address(other)), expected);
        assertEq(router.verifierOf(expected), address(other));
        assertFalse(router.isStopped(expected));
    }

    function test_activate_revertsIfNotOwner() public {
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, guardian)
        );
        vm.prank(guardian);
        router.activate(address(other));
    }

    function test_activate_revertsIfRouteExists() public {
        StubVerifier twin = new StubVerifier("shape", "srs", false);
        vm.startPrank(admin);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteAlreadyActive.selector, route));
        router.activate(address(twin));
    }

    function test_activate_revertsIfRouteStopped() public {
        vm.prank(guardian);
        router.stop(route);
        vm.startPrank(admin);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteAlreadyActive.selector, route));
        router.activate(address(verifier));
    }

    function test_activate_revertsIfNoCode() public {
        vm.startPrank(admin);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.NotAVerifier.selector, payee));
        router.activate(payee);
    }

    function test_stop_isForEver() public {
        vm.expectEmit();
        emit IVerifierRouter.RouteStopped(route);
        vm.prank(guardian);
        router.stop(route);
        assertTrue(router.isStopped(route));
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteIsStopped.selector, route));
        router.verifierOf(route);
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.RouteIsStopped.selector, route));
        vm.prank(guardian);
        router.stop(route);
    }

    function test_stop_revertsIfNotGuardian() public {
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.NotGuardian.selector, admin));
        vm.prank(admin);
        router.stop(route);
    }

    function test_stop_revertsIfUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.UnknownRoute.selector, bytes32("x")));
        vm.prank(guardian);
        router.stop("x");
    }

    function test_verifierOf_revertsIfUnknown() public {
        vm.expectRevert(abi.encodeWithSelector(IVerifierRouter.UnknownRoute.selector, bytes32("x")));
        router.verifierOf("x");
    }

    function test_setGuardian_replacesTheGuardian() public {
        vm.expectEmit();
        emit IVerifierRouter.GuardianChanged(payee);
        vm.prank(admin);
        router.setGuardian(payee);
        vm.prank(payee);
        router.stop(route);
        assertTrue(router.isStopped(route));
    }

    function test_setGuardian_revertsIfNotOwner() public {
        vm.expectRevert(
            abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, guardian)
        );
        vm.prank(guardian);
        router.setGuardian(payee);
    }

    function test_setGuardian_revertsIfZero() public {
        vm.expectRevert(IVerifierRouter.ZeroGuardian.selector);
        vm.prank(admin);
        router.setGuardian(address(0));
        vm.expectRevert(IVerifierRouter.ZeroGuardian.selector);
        new VerifierRouter(admin, address(0));
    }

    function test_transferOwnership_needsAcceptance() public {
        vm.prank(admin);
        router.transferOwnership(payee);
        assertEq(router.owner(), admin);
        vm.prank(payee);
        router.acceptOwnership();
        assertEq(router.owner(), payee);
    }
}
