//! Takes the mean error of rounded weights on the calibration rows out of the biases.

use super::{Emitter, Rows};
use crate::integer::{Node, Op};
use crate::quantize::net::Var;

/// Calibration rows that a unit's mean error must outweigh before it is fully believed.
const PRIOR: f64 = 4.0;
/// The same for what one output of a filter adds to the filter's mean error.
const POSITION_PRIOR: f64 = 16.0;

impl Emitter<'_> {
    /// Corrects the biases of a node of requantized `vars`, and appends its digits to the rows.
    ///
    /// Only rows that the unit does not clamp count: there the error reaches the output.
    pub(super) fn correct(&mut self, node: &mut Node, vars: &[Var], rows: &Rows<'_>) {
        let base = self.base();
        let top = base * base;
        let Some(linear) = node.linear() else { return };
        let mut accumulators: Vec<Vec<i64>> = Vec::with_capacity(self.digits.len());
        for wires in &self.digits {
            let x: Vec<u32> = node.inputs.iter().map(|w| wires[*w as usize]).collect();
            accumulators.push(linear.accumulators(&x));
        }
        let mut errors = vec![(0.0, 0.0); vars.len()];
        for ((unit, var), error) in vars.iter().enumerate().zip(&mut errors) {
            let Some((_, scale)) = self.writer.scale(*var) else {
                continue;
            };
            for (own, target) in accumulators.iter().zip(&rows.linear) {
                let target = f64::from(target[*var as usize]);
                let wanted = base * scale.digit(target) + base / 2.0;
                if wanted > 0.0 && wanted < top {
                    error.0 += wanted - own[unit] as f64;
                    error.1 += 1.0;
                }
            }
        }
        let plane = match &node.op {
            Op::Conv(conv) => conv.outputs() / conv.filters.max(1) as usize,
            _ => 1,
        };
        let mut shifts = Vec::with_capacity(vars.len());
        for filter in errors.chunks(plane.max(1)) {
            let sum: f64 = filter.iter().map(|(sum, _)| sum).sum();
            let count: f64 = filter.iter().map(|(_, count)| count).sum();
            let common = sum / (count + PRIOR);
            shifts.extend(filter.iter().map(|(sum, count)| {
                let own = match plane {
                    1 => 0.0,
                    // A private filter has one bias.
                    _ if self.writer.private => 0.0,
                    _ => (sum - common * count) / (count + POSITION_PRIOR),
                };
                (common + own).round() as i64
            }));
        }
        match &mut node.op {
            Op::Dense { bias, .. } => add(bias.iter_mut(), &shifts),
            Op::Conv(conv) => add(conv.bias.iter_mut(), &shifts),
            Op::Sparse { units } => add(units.iter_mut().map(|unit| &mut unit.bias), &shifts),
            Op::Digits { .. } | Op::Table(_) | Op::Max { .. } | Op::Trees(_) => {}
        }
        let bits = self.writer.digit_bits;
        let max = i64::from(self.model.max_digit());
        for (wires, own) in self.digits.iter_mut().zip(&accumulators) {
            let digits = own.iter().zip(&shifts);
            wires.extend(digits.map(|(u, shift)| ((u + shift) >> bits).clamp(0, max) as u32));
        }
    }
}

fn add<'b>(biases: impl Iterator<Item = &'b mut i64>, shifts: &[i64]) {
    biases.zip(shifts).for_each(|(bias, shift)| *bias += shift);
}
