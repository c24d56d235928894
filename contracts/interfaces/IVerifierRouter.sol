// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Routes of proofs to verifiers
/// @notice A route is a machine shape under one SRS. Once activated it never changes; the
/// guardian may stop it for ever.
interface IVerifierRouter {
    event RouteActivated(bytes32 indexed route, address indexed verifier);
    event RouteStopped(bytes32 indexed route);
    event GuardianChanged(address indexed guardian);

    error UnknownRoute(bytes32 route);
    error RouteAlreadyActive(bytes32 route);
    error RouteIsStopped(bytes32 route);
    error NotAVerifier(address verifier);
    error NotGuardian(address caller);
    error ZeroGuardian();

    /// @notice Adds the route of `verifier`: keccak256(abi.encode(shapeHash, srsHash)).
    function activate(address verifier) external returns (bytes32 route);

    /// @notice Stops `route` for ever; open requests of its models can be refunded.
    function stop(bytes32 route) external;

    /// @notice The verifier of `route`; reverts if unknown or stopped.
    function verifierOf(bytes32 route) external view returns (address);

    /// @notice Whether `route` exists and was stopped.
    function isStopped(bytes32 route) external view returns (bool);
}
