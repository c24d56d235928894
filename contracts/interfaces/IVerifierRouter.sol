// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Routes of proofs to verifiers
/// @notice A route is a machine shape under one SRS. Once activated it never changes; the
/// guardian may stop it for ever.
interface IVerifierRouter {
    /// @notice Proofs under `route` go to `verifier` from now on.
    event RouteActivated(bytes32 indexed route, address indexed verifier);
    /// @notice No proof under `route` is accepted any more.
    event RouteStopped(bytes32 indexed route);
    /// @notice `guardian` may stop routes from now on.
    event GuardianChanged(address indexed guardian);

    /// @notice The route was never activated.
    error UnknownRoute(bytes32 route);
    /// @notice A route is activated once; it may be stopped by now.
    error RouteAlreadyActive(bytes32 route);
    /// @notice The route was stopped for ever.
    error RouteIsStopped(bytes32 route);
    /// @notice There is no contract at the address.
    error NotAVerifier(address verifier);
    /// @notice Only the guardian stops routes.
    error NotGuardian(address caller);
    /// @notice Somebody must be able to stop a broken route.
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
