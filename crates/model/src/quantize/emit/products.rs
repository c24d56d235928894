//! Units whose factors are too small to be rounded to integers: first exactly, at a finer
//! scale, as several digits; then requantized from these.

use super::linear::{Inputs, RealUnit};
use super::{Emitter, Form, Rows};
use crate::integer::{ModelError, Node, Op, Unit};
use crate::quantize::net::{NetUnit, Ref, Var};
use crate::quantize::scales::Scale;

/// A factor may change by this part of itself when it is rounded.
const PRECISION: f64 = 1.0 / 128.0;
/// What the smallest factor of an exact unit becomes, at most.
const FINE: f64 = 256.0;
/// Part of an output step that rounding the factors of an exact unit may add up to, about.
const ROUNDING: f64 = 0.125;
/// Levels that the calibrated values of a unit that stays exact are told apart by, at least.
const EXACT_LEVELS: f64 = 16_384.0;
/// Most bits that an exact unit may have.
const MAX_BITS: u32 = 48;
/// Most that it may add up to before that is looked at: sums of these still fit 64 bits.
const LARGEST: f64 = (1u64 << 60) as f64;

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
        let steps: Vec<f64> = (units.iter())
            .map(|(_, var)| self.unit_scale(*var).step)
            .collect();
        let exact: Vec<&NetUnit> = units.iter().map(|(unit, _)| *unit).collect();
        let forms = self.exact_forms(index, &exact, &steps)?;
        // Each unit's digits are a variable of their own for the moment.
        let first = self.forms.len() as Var;
        self.forms.extend(forms);
        let mut inputs = Inputs::default();
        let quantized: Vec<Unit> = units
            .iter()
            .enumerate()
            .map(|(at, (_, var))| {
                let unit = NetUnit::affine(Ref::bare(first + at as Var), 1.0, 0.0);
                self.unit(&unit, self.unit_scale(*var), &mut inputs)
            })
            .collect();
        let vars: Vec<Var> = units.iter().map(|(_, var)| *var).collect();
        let op = Op::Sparse { units: quantized };
        self.requantized(index, inputs.wires, op, &vars, rows)?;
        self.forms.truncate(first as usize);
        Ok(())
    }

    /// Writes units that stay exact.
    pub(super) fn exact(&mut self, index: usize, units: &[NetUnit]) -> Result<(), ModelError> {
        let vars = &self.writer.net.nodes[index].outputs;
        let steps: Vec<f64> = vars
            .iter()
            .map(|var| self.writer.seen.0[*var as usize].width() / EXACT_LEVELS)
            .map(|step| if step > 0.0 { step } else { 1.0 })
            .collect();
        let units: Vec<&NetUnit> = units.iter().collect();
        let forms = self.exact_forms(index, &units, &steps)?;
        for (var, form) in vars.iter().zip(forms) {
            self.forms[*var as usize] = form;
        }
        Ok(())
    }

    /// Appends exact digits of units; `steps` is about what matters of each.
    fn exact_forms(
        &mut self,
        index: usize,
        units: &[&NetUnit],
        steps: &[f64],
    ) -> Result<Vec<Form>, ModelError> {
        let name = self.writer.net.nodes[index].name.clone();
        let bits = self.writer.digit_bits;
        // Digits take whole multiples of their width.
        let most = MAX_BITS / bits * bits;
        let mut caps = vec![f64::INFINITY; units.len()];
        let (inputs, mut exact, factors, bounds) = loop {
            let mut inputs = Inputs::default();
            let mut exact = Vec::with_capacity(units.len());
            let mut factors = Vec::with_capacity(units.len());
            for ((unit, step), cap) in units.iter().zip(steps).zip(&caps) {
                let (unit, factor) = self.exact_unit(unit, *step, *cap, &mut inputs);
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
            let bounds = self.bounds(&sparse)?.accumulators;
            // A coarser scale for those that need too many bits.
            let mut fits = true;
            for ((cap, factor), (lo, hi)) in caps.iter_mut().zip(&factors).zip(&bounds) {
                let room = 2f64.powi(most as i32);
                let width = *hi as f64 - *lo as f64;
                if width >= room {
                    fits = false;
                    *cap = factor * 0.99 * room / width;
                }
            }
            if fits {
                break (inputs, exact, factors, bounds);
            }
        };
        // Shifted so that none is negative, and given as many digits as the box needs.
        let mut digits = 1;
        for (unit, (lo, hi)) in exact.iter_mut().zip(&bounds) {
            unit.bias -= lo;
            let width = (hi - lo).max(1) as u64;
            digits = digits.max((u64::BITS - width.leading_zeros()).div_ceil(bits));
        }
        let op = Op::Digits {
            digits,
            units: exact,
        };
        let wires = self.push(Some(index), &format!("{name}.digits"), inputs.wires, op)?;
        let forms = wires.chunks(digits as usize).zip(&bounds).zip(factors);
        let forms = forms.map(|((own, (lo, _)), factor)| {
            let step = |d: usize| 2f64.powi((bits as usize * d) as i32) / factor;
            Form {
                constant: *lo as f64 / factor,
                terms: own.iter().enumerate().map(|(d, w)| (*w, step(d))).collect(),
            }
        });
        Ok(forms.collect())
    }

    /// Integers on a scale fine enough for every factor, but no finer than `cap`, and the scale:
    /// integers per real unit.
    fn exact_unit(&self, unit: &NetUnit, step: f64, cap: f64, inputs: &mut Inputs) -> (Unit, f64) {
        let mut real = RealUnit::new(unit, &self.forms);
        let products = real.products.iter().map(|p| p.coefficient.abs());
        let terms = real.terms.iter().map(|(_, c)| c.abs() * self.base());
        let smallest = products
            .chain(terms)
            .filter(|c| *c > 0.0)
            .fold(f64::INFINITY, f64::min);
        // Each factor is rounded by up to a half; such errors add up like random ones.
        let factors = (real.products.len() + real.terms.len()) as f64;
        let enough = 0.5 * factors.sqrt() * self.base() * self.base() / (ROUNDING * step);
        // What 64 bits hold at any digits.
        let max = self.base() - 1.0;
        let terms = real.terms.iter().map(|(_, c)| c.abs() * max);
        let products = real.products.iter().map(|p| p.largest(max));
        let largest = real.constant.abs() + terms.chain(products).sum::<f64>();
        let factor = match smallest.is_finite() {
            true => (FINE / smallest).min(enough).min(LARGEST / largest),
            false => 1.0,
        }
        .min(cap);
        let bias = (real.constant * factor).round() as i64;
        let unit = real.round(factor, bias, inputs, |wire| self.is_blank(wire));
        (unit, factor)
    }
}
