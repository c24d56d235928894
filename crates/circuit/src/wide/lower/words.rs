//! Public words: free cells that equal the instances, and the digits they consist of.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::{Batch, words};

use super::builder::Builder;
use crate::commitment::digits_per_word;
use crate::field::power_of_two;
use crate::lower::TAG_HALF_BITS;
use crate::wide::config::CELLS;
use crate::wide::program::{Committed, Source, Value};

/// What a public instance consists of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::wide) enum Instance {
    /// Digits as (lowest bit, wire); tag digits have no wire. Bits that no digit covers are zero
    /// in every provable instance.
    Digits(Vec<(u32, Option<u32>)>),
    /// A commitment.
    Commitment(Committed),
}

/// Every instance in order: tag halves, commitment to private weights, then per item the input
/// words or the commitment to private inputs, and the output words.
pub(in crate::wide) fn instances(batch: &Batch<'_>) -> Vec<Instance> {
    let model = batch.item();
    let bits = model.digit_bits;
    let tag: Vec<_> = (0..TAG_HALF_BITS.div_ceil(bits))
        .map(|digit| (digit * bits, None))
        .collect();
    let mut all = vec![Instance::Digits(tag.clone()), Instance::Digits(tag)];
    if model.privacy.weights {
        all.push(Instance::Commitment(Committed::Model));
    }
    for item in 0..batch.items() {
        if model.privacy.inputs {
            all.push(Instance::Commitment(Committed::Input(item as u32)));
        } else {
            all.extend(input_words(batch, item).into_iter().map(Instance::Digits));
        }
        all.extend(output_words(batch, item).into_iter().map(Instance::Digits));
    }
    all
}

/// An item's output words' digits, as (lowest bit, wire).
fn output_words(batch: &Batch<'_>, item: usize) -> Vec<Vec<(u32, Option<u32>)>> {
    // Slot 0 is the status; without a wire it has no digit, and is 0.
    let model = batch.item();
    let slot = model.output_slot_bits();
    let per_word = words::slots_per_word(slot);
    let mut outputs = vec![Vec::new(); model.output_words()];
    if let Some(status) = batch.status(item) {
        outputs[0].push((0, Some(status)));
    }
    for (index, field) in model.output.iter().enumerate() {
        let at = index + 1;
        for (digit, wire) in (0..).zip(batch.output_digits(item, field)) {
            let bit = (at % per_word) as u32 * slot + digit * model.digit_bits;
            outputs[at / per_word].push((bit, Some(wire)));
        }
    }
    outputs
}

/// An item's input words' digits, as (lowest bit, wire).
fn input_words(batch: &Batch<'_>, item: usize) -> Vec<Vec<(u32, Option<u32>)>> {
    let model = batch.item();
    let digits = model.input.digits;
    let slot = model.input_slot_bits();
    let per_word = words::slots_per_word(slot);
    let mut inputs = vec![Vec::new(); model.input_words()];
    for feature in 0..model.input.features.len() {
        for digit in 0..digits {
            let bit = (feature % per_word) as u32 * slot + digit * model.digit_bits;
            let wire = batch.wire(item, feature as u32 * digits + digit);
            inputs[feature / per_word].push((bit, Some(wire)));
        }
    }
    inputs
}

impl Builder<'_> {
    /// Per word: the instance on a free row, then its digits, four a row. Input digits live here.
    pub(super) fn words(&mut self) {
        let inputs = self.model.input_wires();
        for (word, instance) in instances(self.batch).into_iter().enumerate() {
            let digits = match instance {
                Instance::Digits(digits) => digits,
                Instance::Commitment(sponge) => {
                    let (digits, per_word) = self.committed(sponge);
                    self.commit(sponge, &digits, per_word, word as u32);
                    continue;
                }
            };
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

    /// The digits that a commitment is to, and how many make a word.
    fn committed(&self, sponge: Committed) -> (Vec<Value>, usize) {
        let model = self.batch.item();
        match sponge {
            Committed::Model => {
                let digits = (0..model.parameter_layout().1 as u32).map(Value::Parameter);
                (digits.collect(), digits_per_word(model.digit_bits))
            }
            Committed::Input(item) => {
                let slots = words::slots_per_word(model.input_slot_bits());
                let digits = (0..model.input_wires() as u32)
                    .map(|digit| Value::Wire(self.batch.wire(item as usize, digit)));
                (digits.collect(), slots * model.input.digits as usize)
            }
        }
    }
}
