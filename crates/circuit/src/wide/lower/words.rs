//! Public words: free cells that equal the instances, and the digits they consist of.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::{IntegerModel, words};

use super::builder::Builder;
use crate::field::power_of_two;
use crate::lower::TAG_HALF_BITS;
use crate::wide::config::CELLS;
use crate::wide::program::{Source, Value};

/// The digits of every instance word, as (lowest bit, wire); tag digits have no wire. Bits that
/// no digit covers are zero in every provable instance.
pub(in crate::wide) fn instance_words(model: &IntegerModel) -> Vec<Vec<(u32, Option<u32>)>> {
    let bits = model.digit_bits;
    let tag: Vec<_> = (0..TAG_HALF_BITS.div_ceil(bits))
        .map(|digit| (digit * bits, None))
        .collect();
    let mut all = vec![tag.clone(), tag];
    let digits = model.input.digits;
    let slot = model.input_slot_bits();
    let per_word = words::slots_per_word(slot);
    let mut inputs = vec![Vec::new(); model.input_words()];
    for feature in 0..model.input.features.len() {
        for digit in 0..digits {
            let bit = (feature % per_word) as u32 * slot + digit * bits;
            inputs[feature / per_word].push((bit, Some(feature as u32 * digits + digit)));
        }
    }
    all.append(&mut inputs);
    // Slot 0 is the status. It has no digit: a public input's status is always 0.
    let slot = model.output_slot_bits();
    let per_word = words::slots_per_word(slot);
    let mut outputs = vec![Vec::new(); model.output_words()];
    for (index, field) in model.output.iter().enumerate() {
        let at = index + 1;
        for digit in 0..field.digits {
            let bit = (at % per_word) as u32 * slot + digit * bits;
            outputs[at / per_word].push((bit, Some(field.wire + digit)));
        }
    }
    all.append(&mut outputs);
    all
}

impl Builder<'_> {
    /// Per word: the instance on a free row, then its digits, four a row. Input digits live here.
    pub(super) fn words(&mut self) {
        let inputs = self.model.input_wires();
        for (word, digits) in instance_words(self.model).into_iter().enumerate() {
            let mut row = Self::free(Source::Values([
                Value::Instance(word as u32),
                Value::Zero,
                Value::Zero,
                Value::Zero,
            ]));
            row.fixed.local = true;
            row.fixed.lanes[0] = Fr::ONE;
            // Only the status: the word must be 0.
            row.fixed.close = digits.is_empty();
            self.push(row);
            let count = digits.chunks(CELLS).count();
            for (index, chunk) in digits.chunks(CELLS).enumerate() {
                let mut values = [Value::Zero; CELLS];
                let mut coefficients = [Fr::ZERO; CELLS];
                for (lane, (bit, wire)) in chunk.iter().enumerate() {
                    coefficients[lane] = -power_of_two(*bit);
                    values[lane] = match wire {
                        Some(wire) => Value::Wire(*wire),
                        None => Value::Digit {
                            word: word as u32,
                            bit: *bit,
                        },
                    };
                }
                let at = self.close_with(values, coefficients);
                self.rows[at].fixed.close = index + 1 == count;
                for (lane, (_, wire)) in chunk.iter().enumerate() {
                    if let Some(wire) = wire
                        && (*wire as usize) < inputs
                        && self.homes[*wire as usize].is_none()
                    {
                        self.own(*wire as usize, at, lane);
                    }
                }
            }
        }
    }
}
