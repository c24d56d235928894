// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {Poseidon} from "./Poseidon.sol";

/// @title The Poseidon digest of a verifying key, as aggregates expose it
/// @notice `haloracle_prover::poseidon::key_digest` is its twin in Rust. A point is three elements,
/// each of two limbs of 85 bits: x0 + 2^90 x1, x2 + 2^90 y0, y1 + 2^90 y2; infinity is three zeros.
library KeyDigest {
    /// @notice Key data are k, the number of instances and whole points.
    error BadKeyLength(uint256 length);

    /// @dev Capacity of the sponge: its purpose plus 2^32 times the number of elements.
    uint256 private constant PURPOSE = 0x6b79;
    uint256 private constant LIMB = (1 << 85) - 1;

    /// @param route keccak256 of shape hash and SRS hash, see `VerifierRouter`.
    /// @param data k, number of instances, then (x, y) of every commitment, checked at
    /// registration.
    function digest(bytes32 route, bytes memory data) internal pure returns (uint256) {
        if (data.length < 64 || data.length % 64 != 0) revert BadKeyLength(data.length);
        uint256 points = data.length / 64 - 1;
        uint256[] memory elements = new uint256[](3 + 3 * points);
        elements[0] = uint256(route) % Poseidon.R;
        elements[1] = _word(data, 0);
        elements[2] = _word(data, 32);
        for (uint256 i = 0; i < points; ++i) {
            uint256 x = _word(data, 64 + 64 * i);
            uint256 y = _word(data, 96 + 64 * i);
            elements[3 + 3 * i] = (x & LIMB) | ((x >> 85) & LIMB) << 90;
            elements[4 + 3 * i] = (x >> 170) | (y & LIMB) << 90;
            elements[5 + 3 * i] = ((y >> 85) & LIMB) | (y >> 170) << 90;
        }
        return Poseidon.hash(PURPOSE + (elements.length << 32), elements);
    }

    function _word(bytes memory data, uint256 position) private pure returns (uint256 word) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            word := mload(add(add(data, 0x20), position))
        }
    }
}
