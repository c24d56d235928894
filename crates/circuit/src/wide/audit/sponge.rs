//! Commitments: a sponge over a salt and words of digits.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::walk::Walk;
use super::wiring::cell;
use super::{AuditError, check};
use crate::commitment::{Domain, capacity};
use crate::field::power_of_two;
use crate::poseidon::{self, FULL_ROUNDS, PARTIAL_ROUNDS, RATE, WIDTH};
use crate::wide::program::Cell;

/// S-boxes of a permutation, one a row.
const BOXES: usize = FULL_ROUNDS * WIDTH + PARTIAL_ROUNDS;
/// Lanes that a row of a sponge reads: a matrix and a constant per element.
const HASH_LANES: usize = WIDTH * WIDTH + WIDTH;

impl Walk<'_> {
    /// The sponge of a commitment to digits, each a wire's or one without a name, `per_word` in
    /// a word; returns the cell of the result.
    pub(super) fn commitment(
        &mut self,
        domain: Domain,
        digits: &[Option<usize>],
        per_word: usize,
    ) -> Result<Cell, AuditError> {
        let words: Vec<&[Option<usize>]> = digits.chunks(per_word).collect();
        let constants = poseidon::parameters().constants[0];
        let permutations = (1 + words.len()).div_ceil(RATE);
        let mut before: Option<usize> = None;
        for permutation in 0..permutations {
            let mut state = [cell(0, 0); WIDTH];
            for (lane, state) in state.iter_mut().enumerate() {
                // What this element absorbs: nothing, the salt, or a word.
                let input = (permutation * RATE + lane).checked_sub(1);
                let input = input.filter(|_| lane > 0);
                let word = input.and_then(|at| words.get(at.checked_sub(1)?));
                let mut sum = -constants[lane];
                if permutation == 0 && lane == 0 {
                    sum -= capacity(domain, words.len());
                }
                *state = self.absorb(before, lane, input == Some(0), word.copied(), sum)?;
            }
            before = Some(self.permutation(state)?);
        }
        let missing = || AuditError("a commitment to nothing".into());
        Ok(cell(before.ok_or_else(missing)?, 1))
    }

    /// `state = before + salt + Σ 2^bit digit + constants`, where `sum` is minus the constants.
    /// Returns the state's cell.
    fn absorb(
        &mut self,
        before: Option<usize>,
        lane: usize,
        salted: bool,
        word: Option<&[Option<usize>]>,
        mut sum: Fr,
    ) -> Result<Cell, AuditError> {
        let position = self.position()?;
        let row = self.opening(position)?;
        let state = cell(row, 0);
        self.own_free(state)?;
        sum += self.point.z(state);
        if let Some(before) = before {
            sum -= self.point.z(cell(before, lane));
        }
        if salted {
            // The salt is nobody's but this cell's.
            let salt = cell(row, 1);
            self.own_free(salt)?;
            sum -= self.point.z(salt);
        }
        let bits = self.model.digit_bits;
        for (number, wire) in word.unwrap_or(&[]).iter().enumerate() {
            let home = match wire {
                Some(wire) => self.home(*wire),
                None => {
                    let home = self.unnamed(position, row + 1, number)?;
                    self.parameters.push(home);
                    home
                }
            };
            sum -= power_of_two(bits * number as u32) * self.point.z(home);
        }
        self.prescribed += position.power * sum;
        Ok(state)
    }

    /// A row per S-box; returns the row behind, which holds the permuted state.
    fn permutation(&mut self, start: [Cell; WIDTH]) -> Result<usize, AuditError> {
        // Any state serves as a test: the rows compute a polynomial of degree below 5^65, which
        // agrees with the permutation at this point only if it is the permutation.
        let mut state: [Fr; WIDTH] = start.map(|cell| self.point.z(cell));
        let constants = poseidon::parameters().constants[0];
        let wanted = poseidon::permute(std::array::from_fn(|i| state[i] - constants[i]));
        let mut next: Option<usize> = None;
        for step in 0..BOXES {
            let row = self.next_hash()?;
            check(next.is_none_or(|next| next == row), || {
                format!("row {row}: not behind the S-box before")
            })?;
            next = Some(row + 1);
            for (lane, home) in start.iter().enumerate() {
                match step {
                    0 => self.shows(cell(row, lane), *home)?,
                    _ => self.own_hash(cell(row, lane))?,
                }
            }
            let w = &self.program.rows[row].fixed.lanes;
            let unused = w[HASH_LANES..].iter().all(|w| *w == Fr::ZERO);
            check(unused, || format!("row {row}: lanes that no S-box reads"))?;
            let [x, y, z] = state;
            let boxed = x.square().square() * x;
            let mixed = |i: usize| {
                w[WIDTH * i] * boxed
                    + w[WIDTH * i + 1] * y
                    + w[WIDTH * i + 2] * z
                    + w[WIDTH * WIDTH + i]
            };
            state = std::array::from_fn(mixed);
        }
        let row = self.next_free()?;
        check(next == Some(row) && state == wanted, || {
            format!("row {row}: the rows before are not the permutation")
        })?;
        for lane in 0..WIDTH {
            self.own_free(cell(row, lane))?;
        }
        Ok(row)
    }
}
