// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Ownable, Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";

import {IHalo2Verifier} from "./interfaces/IHalo2Verifier.sol";
import {IVerifierRouter} from "./interfaces/IVerifierRouter.sol";
import {Statement} from "./libraries/Statement.sol";

/// @title Routes of proofs to verifiers
/// @notice The owner adds routes and names the guardian; the guardian stops routes. Neither can
/// change a route that exists, and a stopped one never comes back.
contract VerifierRouter is IVerifierRouter, Ownable2Step {
    struct Route {
        address verifier;
        bool stopped;
    }

    /// @notice May stop routes.
    address public guardian;

    mapping(bytes32 route => Route) private _routes;

    constructor(address owner_, address guardian_) Ownable(owner_) {
        _setGuardian(guardian_);
    }

    /// @notice Names another guardian.
    function setGuardian(address guardian_) external onlyOwner {
        _setGuardian(guardian_);
    }

    /// @inheritdoc IVerifierRouter
    function activate(address verifier) external onlyOwner returns (bytes32 route) {
        if (verifier.code.length == 0) revert NotAVerifier(verifier);
        route = Statement.route(
            IHalo2Verifier(verifier).shapeHash(), IHalo2Verifier(verifier).srsHash()
        );
        if (_routes[route].verifier != address(0)) revert RouteAlreadyActive(route);
        _routes[route].verifier = verifier;
        emit RouteActivated(route, verifier);
    }

    /// @inheritdoc IVerifierRouter
    function stop(bytes32 route) external {
        if (msg.sender != guardian) revert NotGuardian(msg.sender);
        Route storage known = _known(route);
        if (known.stopped) revert RouteIsStopped(route);
        known.stopped = true;
        emit RouteStopped(route);
    }

    /// @inheritdoc IVerifierRouter
    function verifierOf(bytes32 route) external view returns (address) {
        Route storage known = _known(route);
        if (known.stopped) revert RouteIsStopped(route);
        return known.verifier;
    }

    /// @inheritdoc IVerifierRouter
    function isStopped(bytes32 route) external view returns (bool) {
        return _routes[route].stopped;
    }

    function _setGuardian(address guardian_) private {
        if (guardian_ == address(0)) revert ZeroGuardian();
        guardian = guardian_;
        emit GuardianChanged(guardian_);
    }

    function _known(bytes32 route) private view returns (Route storage known) {
        known = _routes[route];
        if (known.verifier == address(0)) revert UnknownRoute(route);
    }
}
