// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity ^0.8.28;

import {PoseidonConstants} from "./PoseidonConstants.sol";

/// @title Poseidon over BN254's scalar field, width 3, rate 2, S-box x^5
/// @notice What aggregation circuits hash with. About 58 k gas for two elements: for what is hashed
/// once.
library Poseidon {
    /// @dev Order of BN254's groups.
    uint256 internal constant R =
        21888242871839275222246405745257275088548364400416034343698204186575808495617;

    /// @notice Hash of `input` by a sponge whose capacity starts with `capacity`, which must say
    /// what is hashed and how long it is.
    /// @param input Elements below R.
    function hash(uint256 capacity, uint256[] memory input) internal pure returns (uint256 digest) {
        bytes memory words = PoseidonConstants.WORDS;
        uint256 r = R;
        // solhint-disable-next-line no-inline-assembly
        assembly ("memory-safe") {
            function fifth(x, p) -> y {
                y := mulmod(x, x, p)
                y := mulmod(mulmod(y, y, p), x, p)
            }
            function row(m, a, b, c, p) -> y {
                y := mulmod(mload(m), a, p)
                y := addmod(y, mulmod(mload(add(m, 0x20)), b, p), p)
                y := addmod(y, mulmod(mload(add(m, 0x40)), c, p), p)
            }

            let a := capacity
            let b := 0
            let c := 0
            let constants := add(words, 0x20)
            // 65 rounds of three words.
            let matrix := add(constants, 0x1860)
            let at := add(input, 0x20)
            let end := add(at, shl(5, mload(input)))
            for {} lt(at, end) { at := add(at, 0x40) } {
                b := addmod(b, mload(at), r)
                if lt(add(at, 0x20), end) { c := addmod(c, mload(add(at, 0x20)), r) }
                let word := constants
                for { let round := 0 } lt(round, 65) { round := add(round, 1) } {
                    a := fifth(addmod(a, mload(word), r), r)
                    b := addmod(b, mload(add(word, 0x20)), r)
                    c := addmod(c, mload(add(word, 0x40)), r)
                    // Four full rounds, 57 partial ones, four full ones.
                    if or(lt(round, 4), gt(round, 60)) {
                        b := fifth(b, r)
                        c := fifth(c, r)
                    }
                    let x := row(matrix, a, b, c, r)
                    let y := row(add(matrix, 0x60), a, b, c, r)
                    c := row(add(matrix, 0xc0), a, b, c, r)
                    a := x
                    b := y
                    word := add(word, 0x60)
                }
            }
            digest := b
        }
    }
}
