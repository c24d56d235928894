//! Poseidon over BN254's scalar field: width 3, S-box x^5, 8 full and 57 partial rounds, with
//! the constants that the reference generator makes (Grassi et al., "Poseidon: A New Hash
//! Function for Zero-Knowledge Proof Systems", 2021, appendices E and F).

use std::sync::OnceLock;

use halo2_proofs::halo2curves::{
    bn256::Fr,
    ff::{Field, PrimeField},
};

/// Field elements of a state.
pub const WIDTH: usize = 3;
/// Elements absorbed per permutation.
pub const RATE: usize = 2;
/// Rounds with an S-box on every element, half before and half after the others.
pub const FULL_ROUNDS: usize = 8;
/// Rounds with an S-box on the first element.
pub const PARTIAL_ROUNDS: usize = 57;

/// Round constants and mixing matrix.
#[derive(Clone, Debug)]
pub struct Parameters {
    /// Added to the state before each round's S-boxes.
    pub constants: Vec<[Fr; WIDTH]>,
    /// Multiplied with the state after each round's S-boxes.
    pub matrix: [[Fr; WIDTH]; WIDTH],
}

/// The parameters; made once.
pub fn parameters() -> &'static Parameters {
    static PARAMETERS: OnceLock<Parameters> = OnceLock::new();
    PARAMETERS.get_or_init(|| {
        let mut grain = Grain::new();
        let rounds = FULL_ROUNDS + PARTIAL_ROUNDS;
        let constants = (0..rounds)
            .map(|_| std::array::from_fn(|_| grain.element()))
            .collect();
        // A Cauchy matrix, 1 / (x_i + y_j), of elements drawn without rejection.
        let drawn: [Fr; 2 * WIDTH] = std::array::from_fn(|_| grain.element_modulo());
        let entry = |i: usize, j: usize| {
            let sum = drawn[i] + drawn[WIDTH + j];
            sum.invert().unwrap_or(Fr::ZERO)
        };
        Parameters {
            constants,
            matrix: std::array::from_fn(|i| std::array::from_fn(|j| entry(i, j))),
        }
    })
}

/// Whether a round has an S-box on every element.
pub fn is_full(round: usize) -> bool {
    let half = FULL_ROUNDS / 2;
    round < half || round >= half + PARTIAL_ROUNDS
}

/// `M x`.
pub fn mix(state: [Fr; WIDTH]) -> [Fr; WIDTH] {
    let matrix = &parameters().matrix;
    matrix.map(|row| row.iter().zip(state).map(|(m, x)| m * x).sum())
}

/// The permutation.
pub fn permute(mut state: [Fr; WIDTH]) -> [Fr; WIDTH] {
    for (round, constants) in parameters().constants.iter().enumerate() {
        for (x, c) in state.iter_mut().zip(constants) {
            *x += c;
        }
        let boxes = if is_full(round) { WIDTH } else { 1 };
        for x in &mut state[..boxes] {
            *x = x.square().square() * *x;
        }
        state = mix(state);
    }
    state
}

/// A sponge whose capacity holds what is hashed and how long it is, so that no input of one
/// kind or length is an input of another.
///
/// The output is the first element of the rate.
pub fn hash(capacity: Fr, input: &[Fr]) -> Fr {
    let mut state = [capacity, Fr::ZERO, Fr::ZERO];
    for chunk in input.chunks(RATE) {
        for (x, word) in state[1..].iter_mut().zip(chunk) {
            *x += word;
        }
        state = permute(state);
    }
    state[1]
}

/// The Grain LFSR in self-shrinking mode that the constants come from.
struct Grain {
    bits: [bool; 80],
    at: usize,
}

impl Grain {
    fn new() -> Self {
        let fields = [
            (1, 2),
            (0, 4),
            (u64::from(Fr::NUM_BITS), 12),
            (WIDTH as u64, 12),
            (FULL_ROUNDS as u64, 10),
            (PARTIAL_ROUNDS as u64, 10),
            ((1 << 30) - 1, 30),
        ];
        let mut bits = [false; 80];
        let all = fields
            .iter()
            .flat_map(|(value, width)| (0..*width).rev().map(move |bit| value >> bit & 1 == 1));
        for (slot, bit) in bits.iter_mut().zip(all) {
            *slot = bit;
        }
        let mut grain = Self { bits, at: 0 };
        for _ in 0..160 {
            grain.step();
        }
        grain
    }

    fn step(&mut self) -> bool {
        let bit = |offset: usize| self.bits[(self.at + offset) % 80];
        let new = bit(62) ^ bit(51) ^ bit(38) ^ bit(23) ^ bit(13) ^ bit(0);
        self.bits[self.at] = new;
        self.at = (self.at + 1) % 80;
        new
    }

    fn bit(&mut self) -> bool {
        loop {
            let take = self.step();
            let bit = self.step();
            if take {
                return bit;
            }
        }
    }

    /// 254 bits, highest first, as little-endian bytes.
    fn bytes(&mut self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        for bit in (0..Fr::NUM_BITS as usize).rev() {
            if self.bit() {
                bytes[bit / 8] |= 1 << (bit % 8);
            }
        }
        bytes
    }

    /// The next bits that are below the modulus.
    fn element(&mut self) -> Fr {
        loop {
            let value: Option<Fr> = Fr::from_repr(self.bytes()).into();
            if let Some(value) = value {
                return value;
            }
        }
    }

    /// The next bits, reduced.
    fn element_modulo(&mut self) -> Fr {
        let bytes = self.bytes();
        let base = Fr::from(256);
        let digits = bytes.iter().rev();
        digits.fold(Fr::ZERO, |sum, byte| {
            sum * base + Fr::from(u64::from(*byte))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::field::to_word;

    #[test]
    fn constants_and_permutation_are_the_published_ones() {
        // First round constant and the hash of (1, 2) of the widely deployed instance of these
        // parameters: capacity 0, first element of the permuted state.
        let first = hex(&parameters().constants[0][0]);
        assert_eq!(
            first,
            "0ee9a592ba9a9518d05986d656f40c2114c4993c11bb29938d21d47304cd8e6e"
        );
        let out = permute([Fr::ZERO, Fr::from(1), Fr::from(2)])[0];
        assert_eq!(
            hex(&out),
            "115cc0f5e7d690413df64c6b9662e9cf2a3617f2743245519e19607a4417189a"
        );
    }

    fn hex(value: &Fr) -> String {
        to_word(value)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}
