//! The finest steps that keep weights small and every input provable.

use super::{Factors, Interval, MAX_HIDDEN_WEIGHT, Round};
use crate::quantize::net::{NetOp, NetUnit, Var};

impl Round<'_, '_> {
    /// What one digit of a variable counts for, largest digit.
    fn digit_step(&self, var: Var) -> f64 {
        match self.planner.classes.of(var) {
            Some(class) => self.scales[class].map_or(1.0, |scale| scale.step),
            None => {
                let largest = self.planner.digits[var as usize].last();
                largest.map_or(1.0, |(_, step)| *step)
            }
        }
    }

    pub(super) fn unit_factors(&self, unit: &NetUnit) -> Factors {
        let mut factors = Factors::None;
        let raw = |var: Var| self.planner.classes.of(var).is_none();
        for (a, b, c) in &unit.products {
            factors.add(c * self.digit_step(a.var) * self.digit_step(b.var));
        }
        for (r, c) in &unit.terms {
            if raw(r.var) && self.planner.digits[r.var as usize].len() != 1 {
                return Factors::Different;
            }
            if unit.products.is_empty() {
                factors.add(c * self.digit_step(r.var));
            }
        }
        factors
    }

    /// Finest step per unit that keeps weights small and every input provable.
    pub(super) fn least_steps(&self, op: &NetOp, reach: &[Interval]) -> Vec<f64> {
        let planner = self.planner;
        let base = planner.base();
        // Rounding of weights and bias, rounding and zero point, in digits.
        let slack = |digits: f64| digits * planner.max() / base + 2.0 * base;
        let provable = |reach: &Interval, digits: f64| {
            let room = (base * base - slack(digits)).max(1.0);
            reach.largest_magnitude() / room
        };
        let heavy = |largest: f64| largest * base / MAX_HIDDEN_WEIGHT;
        let raw = |var: Var| planner.classes.of(var).is_none();
        match op {
            NetOp::Dense(dense) => {
                let steps: Vec<f64> = (dense.inputs.iter())
                    .map(|r| match raw(r.var) {
                        true => 0.0,
                        false => self.digit_step(r.var),
                    })
                    .collect();
                let digits = self.digit_count(dense.inputs.iter().map(|r| r.var));
                let units = dense.weights.iter().zip(reach);
                units
                    .map(|(row, reach)| {
                        let weights = row.iter().zip(&steps).map(|(w, s)| (w * s).abs());
                        provable(reach, digits).max(heavy(weights.fold(0.0, f64::max)))
                    })
                    .collect()
            }
            NetOp::Conv(conv) => {
                let shape = &conv.shape;
                let taps = (shape.kernel[0] * shape.kernel[1]) as usize;
                let own = (shape.channels / shape.groups) as usize;
                let per_group = (shape.filters / shape.groups) as usize;
                let steps: Vec<f64> = (conv.inputs.chunks(conv.area().max(1)))
                    .map(|channel| match channel.iter().flatten().next() {
                        Some(r) if !raw(r.var) => self.digit_step(r.var),
                        _ => 0.0,
                    })
                    .collect();
                let plane = conv.plane().max(1);
                let largest: Vec<f64> = (0..shape.filters as usize)
                    .map(|filter| {
                        let weights = &conv.weights[filter * own * taps..][..own * taps];
                        let first = filter / per_group * own;
                        let weights = weights.iter().enumerate();
                        let weights =
                            weights.map(|(index, w)| (w * steps[first + index / taps]).abs());
                        weights.fold(0.0, f64::max)
                    })
                    .collect();
                let digits = (own * taps) as f64;
                let units = reach.iter().enumerate();
                units
                    .map(|(output, reach)| {
                        provable(reach, digits).max(heavy(largest[output / plane]))
                    })
                    .collect()
            }
            NetOp::Sparse(units) => {
                let units = units.iter().zip(reach);
                units
                    .map(|(unit, reach)| {
                        let digits = self.digit_count(unit.terms.iter().map(|(r, _)| r.var));
                        let products = unit.products.len() as f64 * planner.max();
                        provable(reach, digits + products)
                    })
                    .collect()
            }
            NetOp::Map { .. }
            | NetOp::Max(_)
            | NetOp::Trees(_)
            | NetOp::Sum(_)
            | NetOp::Exact(_) => {
                vec![0.0; reach.len()]
            }
        }
    }

    /// Digits of some variables, as many as they can change a sum by rounding.
    fn digit_count(&self, vars: impl Iterator<Item = Var>) -> f64 {
        let max = self.planner.max();
        let count = |var: Var| match self.planner.digits[var as usize].as_slice() {
            [] => 1.0,
            digits => digits.iter().map(|(top, _)| top / max).sum(),
        };
        vars.map(count).sum()
    }
}
