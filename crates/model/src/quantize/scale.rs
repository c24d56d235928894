//! Scales: what one digit of a unit stands for.

use super::Samples;
use super::build::Choice;
use crate::float::{Activation, FloatLayer};
use crate::integer::OutputField;

/// Room around the calibrated outputs, as part of their range on each side.
const OUTPUT_HEADROOM: f64 = 0.05;
/// Hidden units' tops lie above the calibrated maximum by this factor, so that rounding on
/// the way there does not clip it.
const ROUNDING_ROOM: f64 = 1.05;
/// Outputs whose ranges differ by less share one scale, so that raw digits compare.
const SHARED_SCALE_RATIO: f64 = 8.0;
/// Largest significand of an output's step: two decimal figures.
const STEP_FIGURES: f64 = 100.0;

/// What a digit of a unit stands for before its table: `(z − zero) × step`.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnitScale {
    /// Units of the float model per digit.
    pub(super) step: f64,
    /// Digit, possibly fractional, that stands for 0.
    pub(super) zero: f64,
}

/// Calibrated values of one unit before its activation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    /// Smallest.
    pub(super) lo: f64,
    /// Largest.
    pub(super) hi: f64,
}

/// Ranges of every unit of layer `index` over `rows`.
pub(super) fn seen(samples: &Samples, rows: &[usize], index: usize) -> Vec<Seen> {
    let units = samples.float[rows[0]].linear[index].len();
    (0..units)
        .map(|unit| {
            let empty = Seen {
                lo: f64::INFINITY,
                hi: f64::NEG_INFINITY,
            };
            rows.iter().fold(empty, |seen, row| {
                let v = samples.float[*row].linear[index][unit];
                Seen {
                    lo: seen.lo.min(v),
                    hi: seen.hi.max(v),
                }
            })
        })
        .collect()
}

/// Step of a hidden ReLU unit whose range is `seen` on the data and `reachable` in the box.
///
/// A unit that calibration hardly activates gets a quarter of its negative range, so that it
/// still answers, coarsely, where the box goes beyond the calibration. Digits for more than
/// what the box can reach would be wasted.
pub(super) fn relu_step(seen: Seen, reachable: Seen, choice: Choice, max_digit: f64) -> f64 {
    let least = (seen.hi * choice.clip * ROUNDING_ROOM).max(-seen.lo * 0.25);
    let range = if least > 0.0 && reachable.hi > least {
        least.powf(1.0 - choice.headroom) * reachable.hi.powf(choice.headroom)
    } else {
        least.min(reachable.hi)
    };
    if range > 0.0 {
        range / max_digit
    } else {
        1.0 / max_digit
    }
}

/// Output fields of a last layer without table, at least as coarse as `least` per unit.
///
/// # Errors
/// Says that an output is too large for the contract's 32-bit steps.
pub(super) fn output_fields(
    layer: &FloatLayer,
    names: &[String],
    seen: &[Seen],
    least: &[f64],
    max_digit: u32,
) -> Result<Vec<OutputField>, String> {
    let relu = layer.activation == Activation::Relu;
    let ranges: Vec<Seen> = seen
        .iter()
        .map(|seen| {
            let room = OUTPUT_HEADROOM * (seen.hi - seen.lo);
            Seen {
                // Zero must be a digit: the zero point is one.
                lo: if relu { 0.0 } else { (seen.lo - room).min(0.0) },
                hi: (seen.hi + room).max(0.0),
            }
        })
        .collect();
    let spans = || ranges.iter().map(|r| r.hi - r.lo);
    let widest = spans().fold(0.0, f64::max);
    let narrowest = spans().fold(f64::INFINITY, f64::min);
    let shared = widest <= narrowest * SHARED_SCALE_RATIO;
    let all = ranges
        .iter()
        .fold(Seen { lo: 0.0, hi: 0.0 }, |all, r| Seen {
            lo: all.lo.min(r.lo),
            hi: all.hi.max(r.hi),
        });
    let coarsest = least.iter().copied().fold(0.0, f64::max);
    names
        .iter()
        .zip(ranges.iter().zip(least))
        .map(|(name, (own, least))| {
            let (range, least) = if shared {
                (&all, coarsest)
            } else {
                (own, *least)
            };
            let span = if range.hi > range.lo {
                range.hi - range.lo
            } else {
                1.0
            };
            let step = (span / f64::from(max_digit)).max(least);
            let (multiplier, decimals) = nice_step(step).ok_or_else(|| {
                format!(
                    "output `{name}` spans {span:e} units, more than 32-bit steps can tell; let the \
                     model answer in a larger unit"
                )
            })?;
            let mut field = OutputField {
                name: name.clone(),
                wire: 0,
                digits: 1,
                zero_point: 0,
                multiplier,
                decimals,
            };
            field.zero_point = (-range.lo / field.step()).round().max(0.0) as u64;
            Ok(field)
        })
        .collect()
}

/// Output field of a last layer with a sigmoid: the finest round step that fits the digits.
pub(super) fn probability_field(name: &str, max_digit: u32) -> OutputField {
    // 1/S for S of 1, 2, 2.5, 5 times a power of ten.
    let candidates = (0..4u8).flat_map(|k| {
        [(1.0, 1, 0), (2.0, 5, 1), (2.5, 4, 1), (5.0, 2, 1)]
            .map(|(s, multiplier, more)| (s * 10f64.powi(i32::from(k)), multiplier, k + more))
    });
    let (_, multiplier, decimals) = candidates
        .filter(|(s, _, _)| *s <= f64::from(max_digit) && s.fract() == 0.0)
        .fold((1.0, 1, 0), |best, c| if c.0 > best.0 { c } else { best });
    OutputField {
        name: name.into(),
        wire: 0,
        digits: 1,
        zero_point: 0,
        multiplier,
        decimals,
    }
}

/// Digits that stand for probability 1 in [`probability_field`].
pub(super) fn probability_one(field: &OutputField) -> f64 {
    1.0 / field.step()
}

/// Smallest `multiplier × 10^−decimals` of two figures that is at least `step`; `None` if the
/// multiplier would not fit.
fn nice_step(step: f64) -> Option<(u32, u8)> {
    for decimals in (0..=9u8).rev() {
        let multiplier = (step * 10f64.powi(i32::from(decimals)) - 1e-9).ceil();
        if multiplier < STEP_FIGURES {
            return Some((multiplier.max(1.0) as u32, decimals));
        }
    }
    // Steps of a hundred units and more: two figures, then zeros.
    let power = 10f64.powi(step.log10().floor() as i32 - 1);
    let multiplier = (step / power).ceil() * power;
    (multiplier <= f64::from(u32::MAX)).then_some((multiplier as u32, 0))
}
