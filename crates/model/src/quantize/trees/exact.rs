//! Exact forms: integer combinations of wires.

use super::DecideError;
use crate::integer::{InputSchema, WireId};

/// A real number as an exact integer combination of wires:
/// `offset + unit · (constant + Σ coefficient · wire)`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Exact {
    /// (wire, coefficient).
    pub terms: Vec<(WireId, i64)>,
    /// Added to the terms.
    pub constant: i64,
    /// What one counts for; positive.
    pub unit: f64,
    /// Where zero stands.
    pub offset: f64,
    /// Bound of the distance to the real number that it stands for, from rounding coefficients
    /// or leaves to the unit; 0 if they fit it exactly.
    pub error: f64,
}

/// A real number as a combination of wires, to be requantized: `constant + Σ coefficient · wire`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LinearForm {
    /// Constant.
    pub constant: f64,
    /// (wire, coefficient).
    pub terms: Vec<(WireId, f64)>,
}

impl Exact {
    /// A quantized digit: `offset + scale · wire`, for a positive scale.
    pub fn digit(wire: WireId, offset: f64, scale: f64) -> Self {
        Self {
            terms: vec![(wire, 1)],
            constant: 0,
            unit: scale,
            offset,
            error: 0.0,
        }
    }

    /// Raw feature `index` of the schema, from all its digits; `None` if there is no such feature.
    pub fn feature(input: &InputSchema, digit_bits: u32, index: usize) -> Option<Self> {
        let feature = input.features.get(index)?;
        let first = index as WireId * input.digits;
        let digits = (0..input.digits).map(|d| (first + d, 1 << (d * digit_bits)));
        Some(Self {
            terms: digits.collect(),
            constant: feature.lo.into(),
            unit: 10f64.powi(-i32::from(feature.decimals)),
            offset: 0.0,
            error: 0.0,
        })
    }

    /// The real number at the integer `n = constant + Σ coefficient · wire`.
    pub fn real(&self, n: i64) -> f64 {
        self.offset + self.unit * n as f64
    }

    /// The same number with real coefficients, for a requantized unit.
    pub fn linear(&self) -> LinearForm {
        let terms = self.terms.iter();
        LinearForm {
            constant: self.real(self.constant),
            terms: terms
                .map(|(wire, c)| (*wire, self.unit * *c as f64))
                .collect(),
        }
    }

    /// The integer for the wires' values.
    pub fn integer(&self, wires: &[u32]) -> i64 {
        let terms = self.terms.iter();
        let terms = terms.map(|(wire, c)| c * i64::from(wires[*wire as usize]));
        self.constant + terms.sum::<i64>()
    }

    /// Interval of the integer for wires inside `reach`.
    pub(super) fn bounds(&self, reach: &[(i64, i64)]) -> (i128, i128) {
        let constant = i128::from(self.constant);
        self.terms
            .iter()
            .fold((constant, constant), |sum, (wire, c)| {
                let (lo, hi) = reach.get(*wire as usize).copied().unwrap_or_default();
                let [a, b] = [lo, hi].map(|end| i128::from(*c) * i128::from(end));
                (sum.0 + a.min(b), sum.1 + a.max(b))
            })
    }

    /// `offset + scale · self`, for a scale other than 0.
    pub fn scaled(&self, scale: f64, offset: f64) -> Self {
        let sign = if scale < 0.0 { -1 } else { 1 };
        // What saturates is refused where it is used.
        let terms = self.terms.iter();
        let terms = terms.map(|(wire, c)| (*wire, c.saturating_mul(sign)));
        Self {
            terms: terms.collect(),
            constant: self.constant.saturating_mul(sign),
            unit: self.unit * scale.abs(),
            offset: offset + scale * self.offset,
            error: self.error * scale.abs(),
        }
    }

    /// Last integer of `[lo, hi]` whose real number satisfies `holds`, which then holds for all
    /// before it; `lo − 1` if there is none.
    pub(super) fn last(&self, (lo, hi): (i64, i64), holds: impl Fn(f64) -> bool) -> i64 {
        let (mut from, mut to) = (lo, hi.saturating_add(1));
        while from < to {
            let middle = from + (to - from) / 2;
            if holds(self.real(middle)) {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        from - 1
    }

    /// Width of the real numbers that the form can take.
    pub(super) fn span(&self, reach: &[(i64, i64)]) -> f64 {
        let (lo, hi) = self.bounds(reach);
        self.unit * (hi - lo) as f64
    }

    pub(super) fn check(&self, name: &str, wires: usize) -> Result<(), DecideError> {
        let bad = |what, value| {
            Err(DecideError::NotFinite {
                name: name.into(),
                what,
                value,
            })
        };
        if !self.offset.is_finite() {
            return bad("an offset", self.offset);
        }
        if !self.unit.is_finite() || self.unit <= 0.0 {
            return bad("a unit", self.unit);
        }
        let constants = self.terms.iter().map(|(_, c)| *c).chain([self.constant]);
        let largest = constants.map(i64::unsigned_abs).max().unwrap_or(0);
        let bits = u64::BITS - largest.leading_zeros();
        if bits > MAX_COEFFICIENT_BITS {
            return Err(DecideError::TooWide {
                name: name.into(),
                bits,
                most: MAX_COEFFICIENT_BITS,
            });
        }
        match self.terms.iter().find(|(wire, _)| *wire as usize >= wires) {
            None => Ok(()),
            Some((wire, _)) => Err(DecideError::Wire {
                name: name.into(),
                wire: *wire,
                wires,
            }),
        }
    }

    /// `self − other` in integers, equal wires together; the units must be the same.
    pub(super) fn minus(&self, other: &Self) -> Self {
        let mut terms = self.terms.clone();
        terms.extend(other.terms.iter().map(|(wire, c)| (*wire, -c)));
        terms.sort_unstable_by_key(|(wire, _)| *wire);
        let mut joined: Vec<(WireId, i64)> = Vec::with_capacity(terms.len());
        for (wire, c) in terms {
            match joined.last_mut() {
                Some(last) if last.0 == wire => last.1 += c,
                _ => joined.push((wire, c)),
            }
        }
        joined.retain(|(_, c)| *c != 0);
        Self {
            terms: joined,
            constant: self.constant - other.constant,
            offset: self.offset - other.offset,
            error: self.error + other.error,
            ..*self
        }
    }
}

/// The forms in one unit with offset 0, to be compared with each other; the first form's offset
/// becomes the origin.
///
/// Forms of one unit keep it: what is equal stays equal, and only offsets that are no multiples of
/// it are rounded. Otherwise the unit is a power of two of which the widest form spans up to
/// `2^bits`, and coefficients are rounded to it.
pub(super) fn align(
    name: &str,
    forms: &[Exact],
    reach: &[(i64, i64)],
    bits: i32,
) -> Result<Vec<Exact>, DecideError> {
    for form in forms {
        form.check(name, reach.len())?;
    }
    // Constants have no unit of their own.
    let mut varying = forms.iter().filter(|form| !form.terms.is_empty());
    let first = varying
        .next()
        .or(forms.first())
        .map_or(1.0, |form| form.unit);
    let same = varying.all(|form| form.unit == first);
    let constants = forms.iter().all(|form| form.terms.is_empty());
    let unit = if constants {
        // Their differences are all there is.
        let origin = forms.first().map_or(0.0, |form| form.offset);
        let far = forms
            .iter()
            .map(|form| (form.real(form.constant) - origin).abs());
        match far.fold(0.0, f64::max) {
            0.0 => 1.0,
            far => power_below(far, bits),
        }
    } else if same {
        first
    } else {
        let widest = forms.iter().map(|form| form.span(reach));
        power_below(widest.fold(0.0, f64::max), bits)
    };
    let origin = forms.first().map_or(0.0, |form| form.offset);
    let aligned = forms.iter().map(|form| {
        if same && !form.terms.is_empty() {
            let moved = whole(name, (form.offset - origin) / unit)?;
            return Ok(Exact {
                constant: form.constant + moved,
                offset: 0.0,
                error: form.error + unit / 2.0,
                ..form.clone()
            });
        }
        let mut linear = form.linear();
        linear.constant -= origin;
        linear.rounded(name, unit, form.error, reach)
    });
    aligned.collect()
}

/// The power of two of which `span` is between `2^(bits − 1)` and `2^bits`.
pub(super) fn power_below(span: f64, bits: i32) -> f64 {
    // Far enough from float64's ends that units and their multiples stay normal.
    2f64.powi((span.log2().ceil().clamp(-900.0, 900.0)) as i32 - bits)
}

/// The nearest integer, if sums of such still fit.
fn whole(name: &str, x: f64) -> Result<i64, DecideError> {
    let rounded = x.round();
    if rounded.abs() <= (1u64 << MAX_BITS) as f64 {
        return Ok(rounded as i64);
    }
    Err(DecideError::TooWide {
        name: name.into(),
        bits: rounded.abs().log2().ceil().min(1e4) as u32,
        most: MAX_BITS,
    })
}

impl LinearForm {
    /// With coefficients rounded to multiples of `unit`; it may have been off by `error` before.
    pub(super) fn rounded(
        &self,
        name: &str,
        unit: f64,
        error: f64,
        reach: &[(i64, i64)],
    ) -> Result<Exact, DecideError> {
        let mut exact = Exact {
            constant: whole(name, self.constant / unit)?,
            unit,
            error: error + unit / 2.0,
            ..Exact::default()
        };
        for (wire, c) in &self.terms {
            let c = c / unit;
            let coefficient = whole(name, c)?;
            let (lo, hi) = reach.get(*wire as usize).copied().unwrap_or_default();
            exact.error += (c - c.round()).abs() * lo.abs().max(hi.abs()) as f64 * unit;
            exact.terms.push((*wire, coefficient));
        }
        exact.check(name, reach.len())?;
        Ok(exact)
    }
}

/// Bits of a coefficient or constant: twice as large still fits 64 bits.
const MAX_COEFFICIENT_BITS: u32 = 60;
/// Bits of a sum that the machine can take apart into digits, one top digit left for a sign.
pub(super) const MAX_BITS: u32 = 48;
