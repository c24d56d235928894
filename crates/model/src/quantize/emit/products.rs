//! Units whose factors are too small to be rounded to integers: first exactly, at a finer
//! scale, as several digits; then requantized from these.

use super::linear::{Inputs, RealUnit};
use super::{Emitter, Form, Rows};
use crate::integer::{ModelError, Node, Op, Unit};
use crate::quantize::net::{NetUnit, Ref, Var};
use crate::quantize::scales::Scale;

/// A factor may change by this part of itself when it is rounded.
const PRECISION: f64 = 1.0 / 128.0;
/// What the smallest factor of an exact unit becomes.
const FINE: f64 = 256.0;
/// Most bits that an exact unit may have.
const MAX_BITS: u32 = 48;

impl Emitter<'_> {
    /// Whether rounding the factors of products at the output's scale would change them by
    /// too much.
    pub(super) fn needs_digits(&self, unit: &NetUnit, scale: Scale) -> bool {
        let real = RealUnit::new(unit, &self.forms);
        let factor = self.base() / scale.step;
        real.products.iter().any(|product| {
            let exact = (product.coefficient * factor).abs();
            (exact - exact.round()).abs() > PRECISION * exact
        })
    }

    /// Writes `units` as exact digits and their requantization.
    pub(super) fn through_digits(
        &mut self,
        index: usize,
        units: &[(&NetUnit, Var)],
        rows: &Rows<'_>,
    ) -> Result<(), ModelError> {
        let name = self.writer.net.nodes[index].name.clone();
        let bits = self.writer.digit_bits;
        let mut inputs = Inputs::default();
        let mut exact = Vec::with_capacity(units.len());
        let mut factors = Vec::with_capacity(units.len());
        for (unit, _) in units {
            let (unit, factor) = self.exact_unit(unit, &mut inputs);
            exact.push(unit);
            factors.push(factor);
        }
        let sparse = Node {
            name: name.clone(),
            inputs: inputs.wires.clone(),
            op: Op::Sparse {
                units: exact.clone(),
            },
        };
        // Shifted so that none is negative, and given as many digits as the box needs.
        let bounds = self.bounds(&sparse)?.accumulators;
        let mut digits = 1;
        for (unit, (lo, hi)) in exact.iter_mut().zip(&bounds) {
            unit.bias -= lo;
            let width = (hi - lo).max(1) as u64;
            digits = digits.max((u64::BITS - width.leading_zeros()).div_ceil(bits));
        }
        if digits * bits > MAX_BITS {
            return Err(self.malformed(format!(
                "node `{name}`: a sum of products needs {} bits; use a narrower box",
                digits * bits
            )));
        }
        let shifts: Vec<i64> = bounds.iter().map(|(lo, _)| *lo).collect();
        let op = Op::Digits {
            digits,
            units: exact,
        };
        let wires = self.push(None, &format!("{name}.exact"), inputs.wires, op)?;
        // Each unit's digits are a variable of their own for the moment.
        let first = self.forms.len() as Var;
        let mut requantized = Vec::with_capacity(units.len());
        for (unit, own) in wires.chunks(digits as usize).enumerate() {
            let step = |d: usize| 2f64.powi((bits as usize * d) as i32) / factors[unit];
            self.forms.push(Form {
                constant: shifts[unit] as f64 / factors[unit],
                terms: own.iter().enumerate().map(|(d, w)| (*w, step(d))).collect(),
            });
            let of = Ref::bare(first + unit as Var);
            requantized.push(NetUnit::affine(of, 1.0, 0.0));
        }
        let mut inputs = Inputs::default();
        let vars: Vec<Var> = units.iter().map(|(_, var)| *var).collect();
        let quantized: Vec<Unit> = requantized
            .iter()
            .zip(&vars)
            .map(|(unit, var)| self.unit(unit, self.unit_scale(*var), &mut inputs))
            .collect();
        let op = Op::Sparse { units: quantized };
        self.requantized(index, inputs.wires, op, &vars, rows)?;
        self.forms.truncate(first as usize);
        Ok(())
    }

    /// Integers on a scale fine enough for every factor, and the scale: integers per real unit.
    fn exact_unit(&self, unit: &NetUnit, inputs: &mut Inputs) -> (Unit, f64) {
        let mut real = RealUnit::new(unit, &self.forms);
        let products = real.products.iter().map(|p| p.coefficient.abs());
        let terms = real.terms.iter().map(|(_, c)| c.abs() * self.base());
        let smallest = products
            .chain(terms)
            .filter(|c| *c > 0.0)
            .fold(f64::INFINITY, f64::min);
        let factor = match smallest.is_finite() {
            true => FINE / smallest,
            false => 1.0,
        };
        let bias = (real.constant * factor).round() as i64;
        let reach = &self.reach;
        let unit = real.round(factor, bias, inputs, |wire| reach[wire as usize].1 == 0);
        (unit, factor)
    }
}
