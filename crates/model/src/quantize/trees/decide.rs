//! Exact decisions: bits, bands and arg max of exact forms.
//!
//! A comparison `s > T` of integers is the top digit of `s − T − 1 + 2^(t d)`, where `d` digits
//! hold the difference: 1 if the difference is not negative, else 0. No rounding is involved, so
//! equal values compare as equal.

use super::exact::{MAX_BITS, power_below};
use super::{DecideError, Exact, LinearForm};
use crate::integer::{IntegerModel, Node, Op, Unit, WireId};

/// Bits that forms of different units are compared with.
pub(super) const COMPARED_BITS: i32 = 32;

/// Bits that an accumulator must stay below.
const ACCUMULATOR_BITS: u32 = 62;

/// Appends exact decisions to a model.
#[derive(Debug)]
pub struct Decider<'m> {
    model: &'m mut IntegerModel,
    /// Interval of every wire over the box.
    reach: Vec<(i64, i64)>,
}

impl<'m> Decider<'m> {
    /// Starts on a model whose nodes so far are well-formed.
    ///
    /// # Errors
    /// A unit of exact digits that may leave its range.
    pub fn new(model: &'m mut IntegerModel) -> Result<Self, DecideError> {
        let inputs = model.digit_bounds().into_iter();
        let mut reach: Vec<(i64, i64)> = inputs.map(|hi| (0, i64::from(hi))).collect();
        for node in model.bounds()? {
            reach.extend(node.outputs);
        }
        Ok(Self { model, reach })
    }

    /// The model.
    pub fn model(&mut self) -> &mut IntegerModel {
        self.model
    }

    pub(super) fn digit_bits(&self) -> u32 {
        self.model.digit_bits
    }

    pub(super) fn max(&self) -> i64 {
        i64::from(self.model.max_digit())
    }

    pub(super) fn reach(&self) -> &[(i64, i64)] {
        &self.reach
    }

    pub(super) fn push(
        &mut self,
        name: impl Into<String>,
        inputs: Vec<WireId>,
        op: Op,
    ) -> Result<Vec<WireId>, DecideError> {
        let node = Node {
            name: name.into(),
            inputs,
            op,
        };
        let x = node.inputs.iter().map(|wire| self.reach[*wire as usize]);
        let bounds = node.bounds(&x.collect::<Vec<_>>(), self.digit_bits());
        let bounds = bounds.map_err(|what| crate::integer::ModelError::Malformed {
            model: self.model.name.clone(),
            what: format!("node `{}`: {what}", node.name),
        })?;
        self.reach.extend(bounds.outputs);
        Ok(self.model.push(node.name, node.inputs, node.op))
    }

    /// Interval of a form's integer over the box.
    pub(super) fn interval(&self, name: &str, form: &Exact) -> Result<(i64, i64), DecideError> {
        form.check(name, self.reach.len())?;
        let (lo, hi) = form.bounds(&self.reach);
        let widest = lo.unsigned_abs().max(hi.unsigned_abs());
        let bits = u128::BITS - widest.leading_zeros();
        if bits > MAX_BITS {
            return Err(too_wide(name, bits));
        }
        Ok((lo as i64, hi as i64))
    }

    /// Pushes exact digits of all forms, each from its smallest value on: the same numbers, as
    /// sums of few wires. Forms that are short already stay as they are.
    ///
    /// # Errors
    /// Sums beyond 48 bits.
    pub fn condense(&mut self, name: &str, forms: &[Exact]) -> Result<Vec<Exact>, DecideError> {
        let bounds = forms.iter().map(|form| self.interval(name, form));
        let bounds = bounds.collect::<Result<Vec<_>, _>>()?;
        let digits = bounds.iter().map(|(lo, hi)| self.digits(hi - lo));
        let digits = digits.max().unwrap_or(1);
        let long = |form: &Exact| form.terms.len() > 2 * digits as usize;
        if !forms.iter().any(long) {
            return Ok(forms.to_vec());
        }
        let units = forms.iter().zip(&bounds);
        let units = units.map(|(form, (lo, _))| (form, form.constant - lo));
        let wires = self.exact_digits(name, units.collect(), digits)?;
        let forms = forms.iter().zip(bounds).zip(wires.chunks(digits as usize));
        let condensed = forms.map(|((form, (lo, _)), wires)| Exact {
            terms: self.weighted(wires),
            constant: lo,
            ..form.clone()
        });
        Ok(condensed.collect())
    }

    /// Wires as the digits of one number, lowest first.
    fn weighted(&self, wires: &[WireId]) -> Vec<(WireId, i64)> {
        let weights = (0..).map(|digit| 1i64 << (digit * self.digit_bits()));
        wires.iter().copied().zip(weights).collect()
    }

    /// Digits that hold `0..=most`.
    pub(super) fn digits(&self, most: i64) -> u32 {
        let bits = i64::BITS - most.leading_zeros();
        bits.div_ceil(self.digit_bits()).max(1)
    }

    /// A node of exact digits: per form its terms plus another constant.
    pub(super) fn exact_digits(
        &mut self,
        name: &str,
        forms: Vec<(&Exact, i64)>,
        digits: u32,
    ) -> Result<Vec<WireId>, DecideError> {
        let mut inputs: Vec<WireId> = forms
            .iter()
            .flat_map(|(form, _)| form.terms.iter().map(|(wire, _)| *wire))
            .collect();
        inputs.sort_unstable();
        inputs.dedup();
        let units = forms.iter().map(|(form, bias)| {
            let terms = form.terms.iter();
            let terms = terms.map(|(wire, c)| (inputs.partition_point(|w| w < wire) as u32, *c));
            Unit::linear(*bias, terms.collect())
        });
        let units: Vec<Unit> = units.collect();
        // What `IntegerModel::validate` asks of digits and sums.
        let bits = digits * self.digit_bits();
        let largest = |unit: &Unit| {
            let terms = unit.terms.iter().map(|(_, c)| i128::from(*c).abs());
            i128::from(unit.bias).abs() + terms.sum::<i128>() * i128::from(self.max())
        };
        let sum = units.iter().map(largest).max().unwrap_or(0);
        let bits = bits.max(i128::BITS - sum.leading_zeros());
        if bits >= ACCUMULATOR_BITS {
            return Err(too_wide(name, bits));
        }
        self.push(name, inputs, Op::Digits { digits, units })
    }

    /// Per form and threshold, whether the form's integer is above the threshold: one wire each,
    /// 0 or 1.
    ///
    /// # Errors
    /// Sums beyond 48 bits.
    pub fn above(
        &mut self,
        name: &str,
        pairs: &[(Exact, i64)],
    ) -> Result<Vec<WireId>, DecideError> {
        let mut digits = 1;
        let mut units = Vec::with_capacity(pairs.len());
        for (form, threshold) in pairs {
            let (lo, hi) = self.interval(name, form)?;
            // What no value of the form reaches needs no more digits than its values.
            let least = (*threshold).clamp(lo - 1, hi) + 1;
            digits = digits.max(self.digits((hi - least).max(least - lo)));
            units.push((form, form.constant - least));
        }
        let span = digits * self.digit_bits();
        for (_, bias) in &mut units {
            *bias += 1 << span;
        }
        let wires = self.exact_digits(name, units, digits + 1)?;
        let top = wires.into_iter().skip(digits as usize);
        Ok(top.step_by(digits as usize + 1).collect())
    }

    /// `count(x)` of the form's number `x`, for a function that rises with it from 0 to `most`:
    /// one wire.
    ///
    /// The steps are found by bisection over the form's integers, so the wire is `count` of the
    /// exact number, in the float64 arithmetic of `count`.
    ///
    /// # Errors
    /// Sums beyond 48 bits, or a count that is no digit.
    pub fn count(
        &mut self,
        name: &str,
        form: &Exact,
        most: u32,
        count: impl Fn(f64) -> u32,
    ) -> Result<WireId, DecideError> {
        self.choices(name, most as usize)?;
        let forms = self.condense(&format!("{name}.sum"), std::slice::from_ref(form))?;
        let form = forms.first().unwrap_or(form);
        let interval = self.interval(name, form)?;
        let steps = (1..=most).map(|step| form.last(interval, |x| count(x) < step));
        let pairs: Vec<_> = steps.map(|last| (form.clone(), last)).collect();
        let bits = self.above(name, &pairs)?;
        if let [bit] = bits.as_slice() {
            return Ok(*bit);
        }
        let sum = Exact {
            terms: bits.into_iter().map(|bit| (bit, 1)).collect(),
            ..Exact::default()
        };
        self.one(&format!("{name}.count"), &sum)
    }

    /// A linear form with coefficients rounded to a 2^−32 part of what it spans.
    ///
    /// # Errors
    /// A coefficient or constant beyond 48 bits of that, or not finite.
    pub fn rounded(&self, name: &str, form: &LinearForm) -> Result<Exact, DecideError> {
        let span = form.terms.iter().map(|(wire, c)| {
            let (lo, hi) = self.reach.get(*wire as usize).copied().unwrap_or_default();
            c.abs() * (hi - lo) as f64
        });
        let unit = match span.sum::<f64>() {
            // Whatever the input: the constant sets the scale.
            0.0 => power_below(form.constant.abs().max(f64::MIN_POSITIVE), COMPARED_BITS),
            span => power_below(span, COMPARED_BITS),
        };
        form.rounded(name, unit, 0.0, &self.reach)
    }

    /// A form known to be a digit as one exact digit.
    pub(super) fn one(&mut self, name: &str, form: &Exact) -> Result<WireId, DecideError> {
        let wires = self.exact_digits(name, vec![(form, form.constant)], 1)?;
        Ok(wires[0])
    }

    pub(super) fn choices(&self, name: &str, count: usize) -> Result<(), DecideError> {
        let most = self.max() as usize;
        if (1..=most).contains(&count) {
            return Ok(());
        }
        Err(DecideError::Choices {
            name: name.into(),
            count,
            digit_bits: self.digit_bits(),
            most,
        })
    }
}

pub(super) fn too_wide(name: &str, bits: u32) -> DecideError {
    DecideError::TooWide {
        name: name.into(),
        bits,
        most: MAX_BITS,
    }
}
