//! Requantized units that are packed: claims, and the sums of dense layers.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_model::Op;

use super::walk::{Position, Walk};
use super::wiring::cell;
use super::{AuditError, bounds, check};
use crate::field::{power_of_two, signed};
use crate::wide::config::CELLS;
use crate::wide::program::Packing;

/// `base^0, …, base^(count − 1)`.
pub(super) fn powers(base: Fr, count: usize) -> Vec<Fr> {
    let powers = std::iter::successors(Some(Fr::ONE), |power| Some(*power * base));
    powers.take(count).collect()
}

impl Walk<'_> {
    /// Refuses a unit that leaves even what an excess row holds somewhere in the domain.
    pub(super) fn provable(&self, node: usize) -> Result<(), AuditError> {
        let limit = self.model.accumulator_limit();
        let units = self.bounds[node].accumulators.iter();
        let bad = units
            .clone()
            .position(|(low, high)| *low < -limit || *high > limit);
        match bad {
            Some(unit) => Err(AuditError(format!("unit {unit}: some input has no proof"))),
            None => Ok(()),
        }
    }

    /// Units that may leave their digit's range somewhere in the domain.
    pub(super) fn saturating(&self, node: usize) -> Result<Vec<bool>, AuditError> {
        self.provable(node)?;
        let bits = self.model.digit_bits;
        let digits = 1i64 << (2 * bits);
        // Quotients in [−M, M]: sums from −2^t M up to 2^(2t) − 1.
        let units = self.bounds[node].accumulators.iter();
        let units: Vec<bool> = units
            .map(|(low, high)| *low < (1 << bits) - digits || *high >= digits)
            .collect();
        let declared = self.program.saturating[node] == units.contains(&true);
        check(declared, || "saturation differs from the model's".into())?;
        Ok(units)
    }

    /// The packing of a node, sound for its errors.
    pub(super) fn packed(&self, node: usize, saturates: &[bool]) -> Result<Packing, AuditError> {
        let error = bounds::error(
            &self.model.nodes[node],
            self.model.digit_bits,
            saturates.contains(&true),
        );
        let missing = || AuditError("no packing".into());
        let packing = self.program.packings[node].ok_or_else(missing)?;
        bounds::packing(self.program, packing, &error)?;
        Ok(packing)
    }

    /// What a lane of a claims row claims: `2^t (z − n) + r`, and 2^t times the excess row's.
    pub(super) fn claimed(&self, row: usize, lane: usize, saturates: bool) -> Fr {
        let base = power_of_two(self.model.digit_bits);
        let value = |row: usize| {
            let parts = self.point.parts(row);
            base * (self.point.z(cell(row, lane)) - parts.n[lane]) + parts.r[lane]
        };
        match saturates {
            true => value(row) + base * value(row + 1),
            false => value(row),
        }
    }

    /// The claims of one position: slot `exponent P + digit` holds the unit that `unit` gives,
    /// or nothing, which must then be claimed as 0. Adds `(bias − claim)` of each at its
    /// monomial, `σ^position ρ^exponent 2^(c digit)`.
    pub(super) fn claims(
        &mut self,
        node: usize,
        position: Position,
        pack: Packing,
        unit: &dyn Fn(usize) -> Option<usize>,
        saturates: &[bool],
    ) -> Result<(), AuditError> {
        let first_wire = self.first_wire(node);
        let groups = pack.exponents.div_ceil(CELLS);
        let exponents = powers(self.point.rho, groups * CELLS);
        let digits = powers(power_of_two(pack.bits), pack.per_exponent);
        let mut sum = Fr::ZERO;
        for group in (0..groups).rev() {
            for (digit, scale) in digits.iter().enumerate().rev() {
                let units: [Option<usize>; CELLS] = std::array::from_fn(|lane| {
                    let exponent = group * CELLS + lane;
                    let slot = exponent * pack.per_exponent + digit;
                    (exponent < pack.exponents).then(|| unit(slot)).flatten()
                });
                let excess = units.iter().flatten().any(|unit| saturates[*unit]);
                let row = self.next_claims(excess)?;
                position.holds(row)?;
                self.own_row(row)?;
                if excess {
                    position.holds(row + 1)?;
                    self.own_row(row + 1)?;
                }
                for (lane, unit) in units.into_iter().enumerate() {
                    let mut error = -self.claimed(row, lane, excess);
                    if let Some(unit) = unit {
                        self.home_is(first_wire + unit, cell(row, lane))?;
                        error += self.bias(node, unit);
                    }
                    sum += exponents[group * CELLS + lane] * scale * error;
                }
            }
        }
        self.prescribed += position.power * sum;
        Ok(())
    }

    /// A unit's bias, unless it is private: then it is part of the products.
    fn bias(&self, node: usize, unit: usize) -> Fr {
        if self.model.is_private(node) {
            return Fr::ZERO;
        }
        let linear = self.model.nodes[node].linear();
        signed(linear.map_or(0, |linear| linear.bias(unit)))
    }

    /// A matrix in one position, or one field element's worth of units per position, highest
    /// first.
    pub(super) fn dense(&mut self, node: usize) -> Result<(), AuditError> {
        let saturates = self.saturating(node)?;
        let pack = self.packed(node, &saturates)?;
        let units = saturates.len();
        let per_position = pack.exponents.saturating_mul(pack.per_exponent);
        let positions = units.div_ceil(per_position);
        let mut scales = vec![Fr::ZERO; units];
        let exponents = powers(self.point.rho, pack.exponents);
        let digits = powers(power_of_two(pack.bits), pack.per_exponent);
        for number in (0..positions).rev() {
            let position = self.position()?;
            let first = number * per_position;
            let unit = |slot: usize| Some(first + slot).filter(|unit| *unit < units);
            self.claims(node, position, pack, &unit, &saturates)?;
            for (slot, scale) in scales[first..].iter_mut().take(per_position).enumerate() {
                let exponent = exponents[slot / pack.per_exponent];
                *scale = position.power * exponent * digits[slot % pack.per_exponent];
            }
        }
        let inputs = self.model.nodes[node].inputs.len();
        let x: Vec<Fr> = (0..inputs).map(|at| self.input(node, at)).collect();
        let operator = &self.model.nodes[node];
        for (unit, scale) in scales.iter().enumerate() {
            let mut sum = Fr::ZERO;
            if let Op::Dense { weights, .. } = &operator.op {
                let terms = weights[unit].iter().zip(&x).filter(|(w, _)| **w != 0);
                sum = terms.map(|(w, x)| signed(*w) * x).sum();
            } else if let Some(linear) = operator.linear() {
                linear.terms(unit, |at, w| sum += signed(w) * x[at]);
            }
            self.prescribed += *scale * sum;
        }
        Ok(())
    }
}
