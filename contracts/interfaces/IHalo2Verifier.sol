// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title Universal Halo2-KZG verifier of one machine shape
/// @notice Stateless and ownerless. The verifying key is data: `k`, the instance count and the
/// commitments, read from the code of `vk` after its leading STOP byte.
interface IHalo2Verifier {
    /// @notice Whether `proof` shows `instances` under the verifying key held by `vk`.
    /// @dev Returns false for everything that is not a canonical valid proof: wrong lengths,
    /// trailing calldata, scalars not below r, coordinates not below q, points off the curve, a
    /// wrong instance count, a failed pairing, a `vk` that holds no key. Reverts only for want of
    /// gas, so that true and false never depend on the gas supplied.
    /// Warning: the caller must pin `vk` by code hash; a key chosen by the prover proves nothing.
    /// @param vk Contract whose code is 0x00 followed by the verifying-key data.
    /// @param instances Public inputs, each below r.
    /// @param proof Uncompressed points and scalars in transcript order.
    function verify(address vk, uint256[] calldata instances, bytes calldata proof)
        external
        view
        returns (bool valid);

    /// @notice keccak256 of the constraint system, LogUp tables excluded: which shape this is.
    function shapeHash() external view returns (bytes32);

    /// @notice keccak256 of the SRS's verifier part: G1 generator, G2 generator, tau G2.
    function srsHash() external view returns (bytes32);

    /// @notice Whether the SRS was made locally, by someone who may know tau and forge any proof.
    function srsUnsafe() external view returns (bool);

    /// @notice Commitments in a verifying key of this shape: its data is
    /// 64 + 64 * (fixedCommitments + permutationCommitments) bytes long.
    function keyShape()
        external
        view
        returns (uint256 fixedCommitments, uint256 permutationCommitments);
}
