// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

/// @title What a recursive aggregate is about
/// @notice The one definition on chain; `haloracle-aggregation` holds its twin in Rust. The
/// aggregate's instances end with h, gamma and D: h is a Poseidon hash of the key digests and
/// instances of all slots, D their words combined by powers of gamma. A contract that draws gamma
/// from its own claims and h, and finds D right for these claims, knows that they are the words
/// behind h. gamma without h would let a prover choose h afterwards.
library AggregateStatement {
    bytes32 internal constant AGGREGATE_V1 = keccak256("haloracle.aggregate.v1");

    /// @dev Order of the curve.
    uint256 internal constant R =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;
    /// @dev Most instances of one proof: shorter ones count as padded with zeros.
    uint256 internal constant MAX_INSTANCES = 64;

    /// @notice More instances than a slot has.
    error TooManyInstances(uint256 slot, uint256 count);
    /// @notice A claimed word is not below the order of the curve.
    error WordOutOfRange(uint256 slot, uint256 index);
    /// @notice As many lists of instances as key digests are needed.
    error LengthMismatch(uint256 digests, uint256 lists);

    /// @notice gamma and D of claims about an aggregate with hash `h`.
    /// @param settler Contract that settles the aggregate.
    /// @param h The aggregate's hash, a public instance.
    /// @param digests Poseidon digest of each slot's verifying key; it fixes the number of
    /// instances, too.
    /// @param instances Of each slot.
    function combine(
        address settler,
        uint256 h,
        uint256[] memory digests,
        uint256[][] memory instances
    ) internal view returns (uint256 gamma, uint256 d) {
        uint256 slots = digests.length;
        if (instances.length != slots) revert LengthMismatch(slots, instances.length);
        gamma = draw(settler, h, digests, instances);
        // gamma^(1 + MAX_INSTANCES) leads from slot to slot.
        uint256 step = gamma;
        for (uint256 i = 0; i < 6; ++i) {
            step = mulmod(step, step, R);
        }
        step = mulmod(step, gamma, R);
        uint256 base = 1;
        for (uint256 slot = 0; slot < slots; ++slot) {
            if (digests[slot] >= R) revert WordOutOfRange(slot, 0);
            uint256 sum = _evaluate(slot, digests[slot], instances[slot], gamma);
            d = addmod(d, mulmod(sum, base, R), R);
            base = mulmod(base, step, R);
        }
    }

    /// @notice gamma, drawn from everything that is claimed.
    function draw(
        address settler,
        uint256 h,
        uint256[] memory digests,
        uint256[][] memory instances
    ) internal view returns (uint256) {
        for (uint256 slot = 0; slot < digests.length; ++slot) {
            uint256 count = instances[slot].length;
            if (count > MAX_INSTANCES) revert TooManyInstances(slot, count);
        }
        bytes32 claims;
        // Digest, number and words of every slot, one after the other, behind the free memory.
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let buffer := mload(0x40)
            let at := buffer
            let end := shl(5, add(mload(digests), 1))
            for { let slot := 0x20 } lt(slot, end) { slot := add(slot, 0x20) } {
                let words := mload(add(instances, slot))
                let count := mload(words)
                mstore(at, mload(add(digests, slot)))
                mcopy(add(at, 0x20), words, shl(5, add(count, 1)))
                at := add(at, shl(5, add(count, 2)))
            }
            claims := keccak256(buffer, sub(at, buffer))
        }
        return uint256(keccak256(abi.encode(AGGREGATE_V1, block.chainid, settler, h, claims))) % R;
    }

    /// @dev digest + gamma word_1 + gamma^2 word_2 + …
    function _evaluate(uint256 slot, uint256 digest, uint256[] memory words, uint256 gamma)
        private
        pure
        returns (uint256 sum)
    {
        uint256 r = R;
        uint256 bad;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            let at := add(words, shl(5, mload(words)))
            for {} gt(at, words) { at := sub(at, 0x20) } {
                let word := mload(at)
                if iszero(lt(word, r)) {
                    bad := shr(5, sub(at, words))
                    break
                }
                sum := addmod(mulmod(sum, gamma, r), word, r)
            }
            sum := addmod(mulmod(sum, gamma, r), digest, r)
        }
        if (bad != 0) revert WordOutOfRange(slot, bad);
    }
}
