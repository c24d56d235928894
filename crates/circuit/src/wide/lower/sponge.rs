//! Commitments: a Poseidon sponge over the salt and the packed digits.
//!
//! Between permutations the state passes through a free row, whose last cell is the second
//! element after it absorbed a word; the third element absorbs on rows of its own. The first
//! element absorbs nothing, so its next round constant is added by the rows before.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::boxes::{ROWS, rows};
use super::builder::{Builder, Term, cell};
use crate::commitment::capacity;
use crate::field::power_of_two;
use crate::poseidon::{RATE, WIDTH, parameters};
use crate::wide::config::CELLS;
use crate::wide::program::{Committed, Live, Row, Source, State, Value};

/// An element of a sponge's state.
fn state(sponge: Committed, permutation: usize, step: usize, lane: usize) -> Value {
    Value::State(State {
        sponge,
        permutation: permutation as u32,
        step: step as u32,
        lane: lane as u8,
    })
}

impl Builder<'_> {
    /// Commits to `digits`, `per_word` in a word, absorbed after the salt; the result is the
    /// instance `instance`.
    pub(super) fn commit(
        &mut self,
        sponge: Committed,
        digits: &[Value],
        per_word: usize,
        instance: u32,
    ) {
        let words: Vec<&[Value]> = digits.chunks(per_word).collect();
        let constant = parameters().constants[0][0];
        let first = state(sponge, 0, 0, 0);
        let start = capacity(sponge.domain(), words.len()) + constant;
        self.absorb(&[(first, Fr::ONE)], &[], -start);
        // The salt is the first word, alone in its element.
        let mut start = [first, Value::Salt(sponge), Value::Nought];
        let mut words = words.into_iter();
        if let Some(word) = words.next() {
            start[2] = state(sponge, 0, 0, 2);
            let free = [(start[2], Fr::ONE)];
            self.absorb(&free, word, Fr::ZERO);
        }
        let mut number = 0;
        loop {
            let mut pair = words.by_ref().take(RATE);
            let (one, two) = (pair.next(), pair.next());
            let end = one.map_or(Fr::ZERO, |_| constant);
            self.permutation(sponge, number, start, end);
            let out = move |lane| state(sponge, number, ROWS, lane);
            let Some(word) = one else {
                let [x, y, z] = [0, 1, 2].map(out);
                let values = Source::Values([x, y, z, Value::Zero]);
                let at = self.push(Self::free(values));
                self.public.push((cell(at, 1), instance as usize));
                return;
            };
            number += 1;
            let next = move |lane| state(sponge, number, 0, lane);
            start = [out(0), next(1), next(2)];
            let free = [
                (out(0), Fr::ZERO),
                (out(1), -Fr::ONE),
                (out(2), Fr::ZERO),
                (next(1), Fr::ONE),
            ];
            self.absorb(&free, word, Fr::ZERO);
            match two {
                Some(word) => {
                    let free = [(next(2), Fr::ONE), (out(2), -Fr::ONE)];
                    self.absorb(&free, word, Fr::ZERO);
                }
                None => start[2] = out(2),
            }
        }
    }

    /// The rows of one permutation; `end` is added to the first element behind it.
    fn permutation(&mut self, sponge: Committed, number: usize, start: [Value; WIDTH], end: Fr) {
        for (step, lanes) in rows().iter().enumerate() {
            let mut values: [Value; CELLS] =
                std::array::from_fn(|lane| state(sponge, number, step, lane));
            if step == 0 {
                values[..WIDTH].copy_from_slice(&start);
            }
            let mut row = Row::new(Source::Values(values));
            row.fixed.live = Live::Hash;
            row.fixed.lanes = *lanes;
            if step + 1 == ROWS {
                row.fixed.lanes[8] += end;
            }
            let at = self.push(row);
            for (lane, value) in values.iter().enumerate() {
                if *value == Value::Nought {
                    self.noughts.push(cell(at, lane));
                }
            }
        }
    }

    /// One equation: free cells on the first row, less the word's digits on the rows after it.
    fn absorb(&mut self, free: &[Term], word: &[Value], constant: Fr) {
        let bits = self.model.digit_bits;
        let mut values = [Value::Zero; CELLS];
        let mut row = Self::free(Source::IDLE);
        for (lane, (value, coefficient)) in free.iter().enumerate() {
            values[lane] = *value;
            row.fixed.lanes[lane] = *coefficient;
        }
        row.source = Source::Values(values);
        row.fixed.local = true;
        row.fixed.lanes[CELLS + 2] = constant;
        row.fixed.close = word.is_empty();
        self.push(row);
        let count = word.chunks(CELLS).count();
        for (index, chunk) in word.chunks(CELLS).enumerate() {
            let mut values = [Value::Zero; CELLS];
            let mut coefficients = [Fr::ZERO; CELLS];
            for (lane, digit) in chunk.iter().enumerate() {
                values[lane] = *digit;
                coefficients[lane] = -power_of_two(bits * (index * CELLS + lane) as u32);
            }
            let at = self.close_with(values, coefficients);
            self.rows[at].fixed.close = index + 1 == count;
            for (lane, value) in chunk.iter().enumerate() {
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
