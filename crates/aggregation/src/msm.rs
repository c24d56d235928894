//! Sums of many points times scalars, with the doublings paid once (Straus).
//!
//! A scalar s is written as 51 odd digits between −31 and 31, s = Σ 32^j d_j mod r; an odd digit
//! is never zero, so every window adds one table entry per point. Any such digits do: the group
//! has order r, so digits that are equal to s modulo r give the same multiple.
//!
//! The sum starts at an offset, a multiple of a fixed point by a scalar that is a hash of all
//! points and scalars. Before an addition the register holds 32^t times that multiple plus
//! something that was fixed before the hash, so it meets the entry that is added, or its
//! negative, with probability about 1/r.

use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::halo2curves::ff::Field;
use num_bigint::BigUint;
use num_integer::Integer;
use num_traits::{One, ToPrimitive};

use crate::curve::LoadedPoint;
use crate::limbs::{scalar_modulus, to_integer};
use crate::rows::{Builder, Cell};

/// Bits of a window.
pub const WINDOW_BITS: usize = 5;
/// Windows of a scalar: 2^255 exceeds twice the scalar field's modulus.
pub const WINDOWS: usize = 51;

/// A point with the table of its odd multiples up to ±31.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Names its entries: index `(d + 31) / 2` for the digit d.
    pub(crate) id: u32,
    /// The point's limbs.
    pub(crate) point: LoadedPoint,
}

/// One point of a sum.
#[derive(Clone, Copy, Debug)]
pub struct Term {
    /// Its scalar.
    pub scalar: Cell,
    /// The point.
    pub table: Table,
}

impl Builder {
    /// Loads a point and writes its table.
    pub fn table(&mut self, point: &G1Affine) -> Table {
        let largest = (1 << WINDOW_BITS) - 1;
        let loaded = self.load(point);
        let id = self.table_id();
        let [base, twice] = [self.table_id(), self.table_id()];
        self.both_signs(id, 1);
        self.entry(base, 0, false);
        self.double_reduced();
        self.entry(twice, 0, false);
        self.start(base, 0);
        for multiple in (3..=largest).step_by(2) {
            self.add_entry(twice, 0);
            self.both_signs(id, multiple);
        }
        Table { id, point: loaded }
    }

    fn both_signs(&mut self, id: u32, multiple: u32) {
        let largest = (1 << WINDOW_BITS) - 1;
        self.entry(id, (largest + multiple) / 2, false);
        self.entry(id, (largest - multiple) / 2, true);
    }

    /// `Σ scalar point + 32^51 offset`, where `offset` is the multiple `start` of a point.
    pub fn sum(&mut self, start: Term, terms: &[Term]) -> Option<LoadedPoint> {
        let first = indices(&start.scalar.value);
        let indexed: Vec<_> = terms
            .iter()
            .map(|term| indices(&term.scalar.value))
            .collect();
        let mut start_cells = Vec::with_capacity(WINDOWS);
        for (window, index) in first.iter().enumerate() {
            let id = start.table.id;
            start_cells.push(match window {
                0 => self.start(id, *index),
                _ => {
                    self.next_window();
                    self.add_entry(id, *index)
                }
            });
        }
        let mut cells = vec![Vec::with_capacity(WINDOWS); terms.len()];
        for window in 0..WINDOWS {
            self.next_window();
            for ((term, indices), cells) in terms.iter().zip(&indexed).zip(&mut cells) {
                cells.push(self.add_entry(term.table.id, indices[window]));
            }
        }
        let sum = self.limbs();
        self.recompose(start.scalar, &start_cells);
        for (term, cells) in terms.iter().zip(&cells) {
            self.recompose(term.scalar, cells);
        }
        sum
    }

    fn next_window(&mut self) {
        for _ in 0..WINDOW_BITS {
            self.reduce();
            self.double_reduced();
        }
    }

    /// Requires `scalar = Σ 32^j (2 index_j − 31)`, the highest index first.
    fn recompose(&mut self, scalar: Cell, indices: &[Cell]) {
        let [zero, base] = [Fr::ZERO, Fr::from(1 << WINDOW_BITS)];
        let odd = indices.len() % 2;
        let mut sum = match indices.first() {
            Some(first) if odd == 1 => *first,
            _ => self.constant(zero),
        };
        for pair in indices[odd..].chunks(2) {
            if let [high, low] = pair {
                let row = [zero, base.square(), base, Fr::ONE, zero];
                sum = self.plain_row([Some(sum), Some(*high), Some(*low)], row);
            }
        }
        let digits = base.pow_vartime([indices.len() as u64]) - Fr::ONE;
        let value = self.affine(sum, Fr::from(2), -digits);
        self.equal(value, scalar);
    }
}

/// Indices of a scalar's digits, the highest first.
fn indices(scalar: &Fr) -> Vec<u32> {
    let mut value = to_integer(scalar);
    if value.is_even() {
        value += scalar_modulus();
    }
    let all = (BigUint::one() << (WINDOW_BITS * WINDOWS)) - 1u8;
    let half: BigUint = (value + all) >> 1;
    let mask = BigUint::from((1u32 << WINDOW_BITS) - 1);
    let windows = (0..WINDOWS).rev();
    windows
        .map(|window| ((&half >> (WINDOW_BITS * window)) & &mask).to_u32())
        .map(Option::unwrap_or_default)
        .collect()
}
