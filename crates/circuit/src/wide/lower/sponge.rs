//! Commitments: a Poseidon sponge over the salt and the packed digits.
//!
//! A permutation takes a row per S-box. Full rounds rotate the state, so that each element passes
//! the first cell; the mixing and the next round's constants follow the last S-box of a round.
//! The first round's constants are part of the equations that absorb.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::builder::{Builder, Term, cell};
use crate::commitment::{Domain, capacity};
use crate::field::power_of_two;
use crate::poseidon::{FULL_ROUNDS, PARTIAL_ROUNDS, RATE, WIDTH, is_full, parameters};
use crate::wide::config::CELLS;
use crate::wide::program::{Live, Row, Source, State, Value};

/// S-boxes of one permutation.
pub const STEPS: usize = FULL_ROUNDS * WIDTH + PARTIAL_ROUNDS;

/// The states of one permutation after 0, 1, ... S-boxes, as rows hold them: from the state with
/// the first round's constants added, to the permuted state.
pub(in crate::wide) fn states(start: [Fr; WIDTH]) -> Vec<[Fr; WIDTH]> {
    let mut state = start;
    let mut all = vec![state];
    for lanes in lanes() {
        let [x, y, z] = state;
        let boxed = x.square().square() * x;
        state = std::array::from_fn(|i| {
            lanes[3 * i] * boxed + lanes[3 * i + 1] * y + lanes[3 * i + 2] * z + lanes[9 + i]
        });
        all.push(state);
    }
    all
}

/// Matrix and constants of every row of a permutation.
fn lanes() -> Vec<[Fr; 12]> {
    let parameters = parameters();
    let rounds = parameters.constants.len();
    let mut rows = Vec::with_capacity(STEPS);
    for round in 0..rounds {
        let next = parameters.constants.get(round + 1);
        let constants = next.copied().unwrap_or([Fr::ZERO; WIDTH]);
        let full = is_full(round);
        if full {
            // Two rotations: (x, y, z) becomes (y, z, x^5).
            for _ in 1..WIDTH {
                let mut row = [Fr::ZERO; 12];
                row[1] = Fr::ONE;
                row[5] = Fr::ONE;
                row[6] = Fr::ONE;
                rows.push(row);
            }
        }
        let mut row = [Fr::ZERO; 12];
        for i in 0..WIDTH {
            let matrix = &parameters.matrix[i];
            // After the rotations the cells hold elements 2, 0 and 1.
            let order = if full { [2, 0, 1] } else { [0, 1, 2] };
            for (at, element) in order.into_iter().enumerate() {
                row[3 * i + at] = matrix[element];
            }
            row[9 + i] = constants[i];
        }
        rows.push(row);
    }
    rows
}

impl Builder<'_> {
    /// Commits to `digits`, `per_word` in a word, absorbed after the salt; the result is the
    /// instance `instance`.
    pub(super) fn commit(
        &mut self,
        domain: Domain,
        digits: &[Value],
        per_word: usize,
        instance: u32,
    ) {
        let bits = self.model.digit_bits;
        let words: Vec<&[Value]> = digits.chunks(per_word).collect();
        let start = capacity(domain, words.len());
        // The salt is the first word.
        let inputs = 1 + words.len();
        let constants = parameters().constants[0];
        let permutations = inputs.div_ceil(RATE);
        for permutation in 0..permutations as u32 {
            let state = |step: usize, lane: u8| {
                Value::State(State {
                    domain,
                    permutation,
                    step: step as u32,
                    lane,
                })
            };
            for lane in 0..WIDTH as u8 {
                let mut constant = -constants[usize::from(lane)];
                let mut free: Vec<Term> = vec![(state(0, lane), Fr::ONE)];
                let mut looked: Vec<Term> = Vec::new();
                if permutation == 0 {
                    if lane == 0 {
                        constant -= start;
                    }
                } else {
                    let before = State {
                        domain,
                        permutation: permutation - 1,
                        step: STEPS as u32,
                        lane,
                    };
                    free.push((Value::State(before), -Fr::ONE));
                }
                if lane > 0 {
                    let input = permutation as usize * RATE + usize::from(lane) - 1;
                    if input == 0 {
                        free.push((Value::Salt(domain), -Fr::ONE));
                    } else if let Some(word) = words.get(input - 1) {
                        looked.extend(
                            word.iter()
                                .enumerate()
                                .map(|(at, digit)| (*digit, -power_of_two(bits * at as u32))),
                        );
                    }
                }
                self.absorb(&free, &looked, constant);
            }
            for (step, lanes) in lanes().into_iter().enumerate() {
                let values = [state(step, 0), state(step, 1), state(step, 2), Value::Zero];
                let mut row = Row::new(Source::Values(values));
                row.fixed.live = Live::Hash;
                row.fixed.lanes[..12].copy_from_slice(&lanes);
                self.push(row);
            }
            let values = [
                state(STEPS, 0),
                state(STEPS, 1),
                state(STEPS, 2),
                Value::Zero,
            ];
            let at = self.push(Self::free(Source::Values(values)));
            if permutation as usize + 1 == permutations {
                self.public.push((cell(at, 1), instance as usize));
            }
        }
    }

    /// One equation: free cells on the first row, digits on the rows after it.
    fn absorb(&mut self, free: &[Term], looked: &[Term], constant: Fr) {
        let mut values = [Value::Zero; CELLS];
        let mut row = Self::free(Source::IDLE);
        for (lane, (value, coefficient)) in free.iter().enumerate() {
            values[lane] = *value;
            row.fixed.lanes[lane] = *coefficient;
        }
        row.source = Source::Values(values);
        row.fixed.local = true;
        row.fixed.lanes[CELLS + 2] = constant;
        row.fixed.close = looked.is_empty();
        self.push(row);
        let count = looked.chunks(CELLS).count();
        for (index, chunk) in looked.chunks(CELLS).enumerate() {
            let mut values = [Value::Zero; CELLS];
            let mut coefficients = [Fr::ZERO; CELLS];
            for (lane, (value, coefficient)) in chunk.iter().enumerate() {
                values[lane] = *value;
                coefficients[lane] = *coefficient;
            }
            let at = self.close_with(values, coefficients);
            self.rows[at].fixed.close = index + 1 == count;
            for (lane, (value, _)) in chunk.iter().enumerate() {
                if let Value::Wire(wire) = value
                    && (*wire as usize) < self.model.input_wires()
                    && self.homes[*wire as usize].is_none()
                {
                    self.own(*wire as usize, at, lane);
                }
            }
        }
    }
}
