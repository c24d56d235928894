//! Public words: each instance is the sum of its digits, or a commitment.

use std::collections::BTreeSet;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::{Batch, words};

use super::walk::{Position, Walk};
use super::wiring::cell;
use super::{AuditError, check};
use crate::commitment::Domain;
use crate::field::power_of_two;
use crate::wide::config::CELLS;
use crate::wide::program::Cell;

/// Bits of each half of the statement's tag.
const TAG_BITS: u32 = 128;

/// A digit of an instance: its lowest bit, and its wire unless it is the tag's.
type Digit = (u32, Option<usize>);

/// Slots of one width, which fill words in order, as digits; a slot lists its wires.
fn slots(slots: &[Vec<usize>], width: u32, bits: u32) -> Vec<Vec<Digit>> {
    let per_word = words::slots_per_word(width);
    let word = |slots: &[Vec<usize>]| {
        let lows = (0..).step_by(width as usize);
        let digits = slots.iter().zip(lows).flat_map(|(wires, low)| {
            let at = (low..).step_by(bits as usize);
            wires.iter().zip(at).map(|(wire, bit)| (bit, Some(*wire)))
        });
        digits.collect()
    };
    slots.chunks(per_word).map(word).collect()
}

/// An item's input wires in the graph, in order.
fn input_wires(batch: &Batch<'_>, item: usize) -> Vec<usize> {
    let wires = 0..batch.item().input_wires() as u32;
    wires.map(|wire| batch.wire(item, wire) as usize).collect()
}

/// The digits of every input word of an item.
fn inputs(batch: &Batch<'_>, item: usize) -> Vec<Vec<Digit>> {
    let model = batch.item();
    let features: Vec<Vec<usize>> = input_wires(batch, item)
        .chunks(model.input.digits as usize)
        .map(<[usize]>::to_vec)
        .collect();
    slots(&features, model.input_slot_bits(), model.digit_bits)
}

/// The digits of every output word of an item: the status, then the outputs.
fn outputs(batch: &Batch<'_>, item: usize) -> Vec<Vec<Digit>> {
    let model = batch.item();
    let wires = |first: u32, count: u32| -> Vec<usize> {
        let own = first..first + count;
        own.map(|wire| batch.wire(item, wire) as usize).collect()
    };
    let status = model.privacy.status.iter().flat_map(|wire| wires(*wire, 1));
    let mut all: Vec<Vec<usize>> = vec![status.collect()];
    all.extend((model.output.iter()).map(|field| wires(field.wire, field.digits)));
    slots(&all, model.output_slot_bits(), model.digit_bits)
}

/// Digits do not overlap and end below the modulus: the word's digits are unique.
fn disjoint(digits: &[Digit], bits: u32) -> bool {
    let starts: BTreeSet<u32> = digits.iter().map(|(bit, _)| *bit).collect();
    let gaps = starts.iter().zip(starts.iter().skip(1));
    starts.len() == digits.len()
        && gaps.into_iter().all(|(low, high)| low + bits <= *high)
        && starts
            .last()
            .is_none_or(|top| top + bits <= words::WORD_BITS)
}

impl Walk<'_> {
    /// One equation per public word, a sponge per commitment: those of all items, then item by
    /// item.
    pub(super) fn words(&mut self) -> Result<(), AuditError> {
        let model = self.model;
        for wire in 0..model.input_wires() {
            self.own(self.home(wire))?;
        }
        let bits = model.digit_bits;
        let tag: Vec<Digit> = (0..TAG_BITS)
            .step_by(bits as usize)
            .map(|bit| (bit, None))
            .collect();
        let mut public = vec![self.word(&tag)?, self.word(&tag)?];
        if model.privacy.weights {
            let count = model.parameter_layout().1;
            let digits: Vec<Option<usize>> = vec![None; count];
            let per_word = words::slots_per_word(bits);
            public.push(self.commitment(Domain::Model, &digits, per_word)?);
        }
        for item in 0..self.batch.items() {
            if model.privacy.inputs {
                let digits = input_wires(self.batch, item).into_iter().map(Some);
                let digits: Vec<Option<usize>> = digits.collect();
                let slots = words::slots_per_word(model.input_slot_bits());
                let per_word = slots * model.input.digits as usize;
                public.push(self.commitment(Domain::Input, &digits, per_word)?);
            } else {
                for digits in inputs(self.batch, item) {
                    public.push(self.word(&digits)?);
                }
            }
            for digits in outputs(self.batch, item) {
                public.push(self.word(&digits)?);
            }
        }
        let found: BTreeSet<(Cell, usize)> = self.program.public.iter().copied().collect();
        let wanted: BTreeSet<(Cell, usize)> = public.into_iter().zip(0..).collect();
        let same = found == wanted && self.program.public.len() == found.len();
        check(same, || "public cells are not the instances".into())
    }

    /// `I = Σ 2^bit digit`; returns the public cell.
    fn word(&mut self, digits: &[Digit]) -> Result<Cell, AuditError> {
        check(disjoint(digits, self.model.digit_bits), || {
            "an instance's digits overlap or exceed the modulus".into()
        })?;
        let position = self.position()?;
        let row = self.opening(position)?;
        let instance = cell(row, 0);
        self.own_free(instance)?;
        let mut sum: Fr = self.point.z(instance);
        for (number, (bit, wire)) in digits.iter().enumerate() {
            let home = match wire {
                Some(wire) => self.home(*wire),
                None => self.unnamed(position, row + 1, number)?,
            };
            sum -= power_of_two(*bit) * self.point.z(home);
        }
        self.prescribed += position.power * sum;
        Ok(instance)
    }

    /// The free row that opens an equation.
    pub(super) fn opening(&mut self, position: Position) -> Result<usize, AuditError> {
        let row = self.next_free()?;
        self.opens(position, row)?;
        Ok(row)
    }

    /// Refuses a row that does not open an equation.
    pub(super) fn opens(&self, position: Position, row: usize) -> Result<(), AuditError> {
        position.holds(row)?;
        let fresh = self.program.rows[row].fixed.a == [Fr::ZERO; 3];
        check(fresh, || format!("row {row}: carries another sum on"))
    }

    /// The home of a digit that no wire of the model is: it is found by its place, the
    /// `number`th from `first` on.
    pub(super) fn unnamed(
        &mut self,
        position: Position,
        first: usize,
        number: usize,
    ) -> Result<Cell, AuditError> {
        let here = cell(first + number / CELLS, number % CELLS);
        position.holds(here.row as usize)?;
        self.own(here)?;
        Ok(here)
    }
}
