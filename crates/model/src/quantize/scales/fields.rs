//! Output fields: steps that people and contracts can read.

use super::Interval;
use crate::integer::OutputField;
use crate::quantize::net::Clamp;

/// Room around the calibrated outputs, as part of their range on each side.
const OUTPUT_HEADROOM: f64 = 0.05;
/// Outputs whose ranges differ by less share one scale, so that raw digits compare.
const SHARED_SCALE_RATIO: f64 = 8.0;
/// Largest significand of an output's step: two decimal figures.
const STEP_FIGURES: f64 = 100.0;

/// What an output has to hold.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Calibrated values.
    pub(super) seen: Interval,
    /// Values that it can take at all.
    pub(super) possible: Interval,
    /// Where the digits must saturate.
    pub(super) clamp: Clamp,
    /// Finest step that keeps every input provable.
    pub(super) least: f64,
    /// The values of a function between 0 and 1.
    pub(super) probability: bool,
}

impl Wanted {
    fn range(&self) -> Interval {
        let room = OUTPUT_HEADROOM * self.seen.width();
        // Zero must be a digit: the zero point is one.
        Interval {
            lo: (self.seen.lo - room).max(self.possible.lo).min(0.0),
            hi: (self.seen.hi + room).min(self.possible.hi).max(0.0),
        }
    }
}

/// One field per output.
///
/// # Errors
/// Says that an output is too large for the contract's 32-bit steps.
pub(super) fn fields(
    names: &[String],
    wanted: &[Wanted],
    max_digit: u32,
) -> Result<Vec<OutputField>, String> {
    let numbers = || wanted.iter().filter(|w| !w.probability);
    let spans = || numbers().map(|w| w.range().width());
    let widest = spans().fold(0.0, f64::max);
    let narrowest = spans().fold(f64::INFINITY, f64::min);
    // Digits that saturate at a clamp cannot have the zero point of others that do not.
    let mut clamps = numbers().map(|w| w.clamp);
    let first = clamps.next();
    let alike = clamps.all(|clamp| Some(clamp) == first);
    let shared = widest <= narrowest * SHARED_SCALE_RATIO;
    let all = numbers()
        .map(Wanted::range)
        .fold(Interval::point(0.0), Interval::hull);
    let coarsest = numbers().map(|w| w.least).fold(0.0, f64::max);
    names
        .iter()
        .zip(wanted)
        .map(|(name, wanted)| {
            if wanted.probability {
                return Ok(probability_field(name, max_digit));
            }
            let own = wanted.range();
            let (range, least) = match shared {
                true => (all, coarsest),
                false => (own, wanted.least),
            };
            let lo = if alike { range.lo } else { own.lo };
            let span = if range.hi > range.lo {
                range.width()
            } else {
                1.0
            };
            let step = (span / f64::from(max_digit)).max(least);
            let (multiplier, decimals) = nice_step(step).ok_or_else(|| {
                format!(
                    "output `{name}` spans {span:e} units, more than 32-bit steps can tell; let \
                     the model answer in a larger unit"
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
            field.zero_point = (-lo / field.step()).round().max(0.0) as u64;
            Ok(field)
        })
        .collect()
}

/// Output field of a probability: the finest round step that fits the digits.
fn probability_field(name: &str, max_digit: u32) -> OutputField {
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
