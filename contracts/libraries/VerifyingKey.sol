// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {IHalo2Verifier} from "../interfaces/IHalo2Verifier.sol";
import {IModelRegistry} from "../interfaces/IModelRegistry.sol";

/// @title What a chain can check of verifying-key data
/// @notice Data: k, instance count, then (x, y) of every commitment, 32-byte words.
/// Warning: that the commitments are those of the model's circuit only a rebuild of the key shows.
library VerifyingKey {
    /// @dev Largest k the verifier takes: 2^25 rows.
    uint256 internal constant MAX_K = 25;
    /// @dev Base field of BN254: point coordinates are below it.
    uint256 internal constant BASE_FIELD =
        0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;
    /// @dev Rows at the end of the machine's columns that hold blinding. One more before them holds
    /// the permutation's last value; instances fit in what is left.
    uint256 internal constant BLINDING_ROWS = 5;
    /// @dev Bytes of k and the instance count.
    uint256 private constant HEADER_BYTES = 64;
    /// @dev Bytes of a commitment.
    uint256 private constant POINT_BYTES = 64;

    /// @notice Reverts `BadVerifyingKey` unless `data` is well-formed for `verifier`'s shape.
    /// @param instances Public inputs that the model's schema implies.
    /// @param digitBits Digit width: the look-up table alone needs 2^digitBits of 2^k rows.
    function check(
        bytes calldata data,
        IHalo2Verifier verifier,
        uint256 instances,
        uint256 digitBits
    ) internal view {
        (uint256 fixedPoints, uint256 permutationPoints) = verifier.keyShape();
        uint256 points = fixedPoints + permutationPoints;
        if (data.length != HEADER_BYTES + POINT_BYTES * points) {
            revert IModelRegistry.BadVerifyingKey("length");
        }
        uint256 k = _word(data, 0);
        if (k > MAX_K || k <= digitBits) revert IModelRegistry.BadVerifyingKey("k");
        if (_word(data, 32) != instances) revert IModelRegistry.BadVerifyingKey("instance count");
        // The verifier refuses such a key: requests of its model could never be answered.
        if (instances + BLINDING_ROWS >= 1 << k) {
            revert IModelRegistry.BadVerifyingKey("more instances than rows");
        }
        for (uint256 i = 0; i < points; ++i) {
            uint256 position = HEADER_BYTES + POINT_BYTES * i;
            _checkPoint(_word(data, position), _word(data, position + 32), i < fixedPoints);
        }
    }

    /// @dev (0, 0) stands for the point at infinity: an all-zero fixed column. A permutation
    /// column is never zero.
    function _checkPoint(uint256 x, uint256 y, bool mayBeZero) private pure {
        if (x == 0 && y == 0) {
            if (!mayBeZero) revert IModelRegistry.BadVerifyingKey("zero permutation commitment");
            return;
        }
        if (x >= BASE_FIELD || y >= BASE_FIELD) {
            revert IModelRegistry.BadVerifyingKey("coordinate not canonical");
        }
        uint256 cube = mulmod(mulmod(x, x, BASE_FIELD), x, BASE_FIELD);
        if (mulmod(y, y, BASE_FIELD) != addmod(cube, 3, BASE_FIELD)) {
            revert IModelRegistry.BadVerifyingKey("point off the curve");
        }
    }

    function _word(bytes calldata data, uint256 position) private pure returns (uint256 word) {
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, position))
        }
    }
}
