//! Commitments: a sponge over a salt and words of digits.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::point::ZERO;
use super::walk::{Position, Walk};
use super::wiring::cell;
use super::{AuditError, check};
use crate::commitment::{Domain, capacity};
use crate::field::power_of_two;
use crate::poseidon::{self, FULL_ROUNDS, PARTIAL_ROUNDS, WIDTH};
use crate::wide::program::{Cell, FixedRow};

/// S-boxes of a permutation, two a row.
const BOXES: usize = FULL_ROUNDS * WIDTH + PARTIAL_ROUNDS;

/// What the first row of a permutation shows.
#[derive(Clone, Copy)]
enum Start {
    /// A value that lives elsewhere.
    Shown(Cell),
    /// The salt, which is nobody's but this cell's.
    Salt,
}

impl Walk<'_> {
    /// The sponge of a commitment to digits, each a wire's or one without a name, `per_word` in
    /// a word; returns the cell of the result.
    pub(super) fn commitment(
        &mut self,
        domain: Domain,
        digits: &[Option<usize>],
        per_word: usize,
    ) -> Result<Cell, AuditError> {
        let mut words = digits.chunks(per_word);
        // The first element's constant comes with its value.
        let constant = poseidon::parameters().constants[0][0];
        let position = self.position()?;
        let row = self.opening(position)?;
        let first = cell(row, 0);
        self.own_free(first)?;
        let known = capacity(domain, words.len()) + constant;
        self.prescribed += position.power * (self.point.z(first) - known);
        let third = match words.next() {
            Some(word) => self.third(None, word)?,
            None => ZERO,
        };
        let mut start = [Start::Shown(first), Start::Salt, Start::Shown(third)];
        loop {
            let (one, two) = (words.next(), words.next());
            let end = one.map_or(Fr::ZERO, |_| constant);
            let row = self.permutation(start, end)?;
            let Some(word) = one else {
                return Ok(cell(row, 1));
            };
            let out = [0, 1, 2].map(|lane| cell(row, lane));
            let position = self.position()?;
            self.opens(position, row)?;
            let second = cell(row, WIDTH);
            self.own_free(second)?;
            self.absorb(position, row, Some(out[1]), second, word)?;
            let third = match two {
                Some(word) => self.third(Some(out[2]), word)?,
                None => out[2],
            };
            start = [out[0], second, third].map(Start::Shown);
        }
    }

    /// The third element, which absorbs a word on rows of its own.
    fn third(&mut self, before: Option<Cell>, word: &[Option<usize>]) -> Result<Cell, AuditError> {
        let position = self.position()?;
        let row = self.opening(position)?;
        let state = cell(row, 0);
        self.own_free(state)?;
        self.absorb(position, row, before, state, word)?;
        Ok(state)
    }

    /// `state = before + Σ 2^bit digit`, the digits on the rows after `row`.
    fn absorb(
        &mut self,
        position: Position,
        row: usize,
        before: Option<Cell>,
        state: Cell,
        word: &[Option<usize>],
    ) -> Result<(), AuditError> {
        let mut sum = self.point.z(state);
        if let Some(before) = before {
            sum -= self.point.z(before);
        }
        let bits = self.model.digit_bits;
        for (number, wire) in word.iter().enumerate() {
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
        Ok(())
    }

    /// The rows of one permutation; returns the row behind, which holds the permuted state with
    /// `end` added to its first element.
    fn permutation(&mut self, start: [Start; WIDTH], end: Fr) -> Result<usize, AuditError> {
        let mut state = [Fr::ZERO; WIDTH];
        let mut next: Option<usize> = None;
        // Any state serves as a test: the rows compute a polynomial of degree below 2^191, which
        // agrees with the permutation at this point only if it is the permutation.
        let mut wanted = state;
        for step in 0..BOXES.div_ceil(2) {
            let row = self.next_hash()?;
            check(next.is_none_or(|next| next == row), || {
                format!("row {row}: not behind the S-boxes before")
            })?;
            next = Some(row + 1);
            for (lane, start) in start.iter().enumerate() {
                let here = cell(row, lane);
                match start {
                    Start::Shown(home) if step == 0 => self.shows(here, *home)?,
                    _ => self.own_hash(here)?,
                }
            }
            self.own_hash(cell(row, WIDTH))?;
            if step == 0 {
                state = std::array::from_fn(|lane| self.point.z(cell(row, lane)));
                let [first, second, third] = state;
                let constant = poseidon::parameters().constants[0][0];
                wanted = poseidon::permute([first - constant, second, third]);
                wanted[0] += end;
            }
            state = pass(&self.program.rows[row].fixed, state)
                .ok_or_else(|| AuditError(format!("row {row}: an S-box without effect")))?;
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

/// The next row's state, by the gates; `None` if the second S-box has an input and its output
/// is not read, or the other way round.
fn pass(fixed: &FixedRow, [x, y, z]: [Fr; WIDTH]) -> Option<[Fr; WIDTH]> {
    let fifth = |x: Fr| x.square().square() * x;
    let w = &fixed.lanes;
    let (fed, read) = (w[..4] != [Fr::ZERO; 4], [w[7], w[12]] != [Fr::ZERO; 2]);
    if fed != read {
        return None;
    }
    let a = fifth(x);
    let b = fifth(w[0] * a + w[1] * y + w[2] * z + w[3]);
    let mixed = |at: usize| w[at] * a + w[at + 1] * y + w[at + 2] * z;
    Some([
        mixed(4) + w[7] * b + w[8],
        mixed(9) + w[12] * b,
        mixed(13) + w[12] * b,
    ])
}
