//! The range that a class of values has to hold.

use super::{Choice, Interval};
use crate::quantize::net::{Clamp, ExprId, Exprs};

/// Ends of ranges lie beyond the calibrated ones by this factor, so that rounding on the way
/// there does not clip them.
const ROUNDING_ROOM: f64 = 1.05;
/// A unit that calibration hardly activates gets this part of its negative range, so that it
/// still answers, coarsely, where the box goes beyond the calibration.
const SILENT_SHARE: f64 = 0.25;
/// Times its calibrated range that a table's values may span for all of them to be held.
const WIDE: f64 = 8.0;
/// Points by which a function is looked at.
const POINTS: usize = 256;

/// From a distance that was seen to one that the box can reach.
fn extend(seen: f64, reach: f64, choice: Choice) -> f64 {
    if seen > 0.0 && reach > seen {
        seen.powf(1.0 - choice.headroom) * reach.powf(choice.headroom)
    } else {
        // Digits for more than what the box can reach would be wasted.
        seen.min(reach)
    }
}

/// Range of requantized units that were `seen` and can `reach` these values before `clamp`.
pub(super) fn units(seen: Interval, reach: Interval, clamp: Clamp, choice: Choice) -> Interval {
    let factor = choice.clip * ROUNDING_ROOM;
    if clamp.0.is_finite() {
        let silent = (clamp.0 - seen.lo) * SILENT_SHARE;
        let least = ((seen.hi - clamp.0) * factor).max(silent);
        let range = extend(least, reach.hi - clamp.0, choice);
        return Interval {
            lo: clamp.0,
            hi: (clamp.0 + range.max(0.0)).min(clamp.1),
        };
    }
    if clamp.1.is_finite() {
        let silent = (seen.hi - clamp.1) * SILENT_SHARE;
        let least = ((clamp.1 - seen.lo) * factor).max(silent);
        let range = extend(least, clamp.1 - reach.lo, choice);
        return Interval {
            lo: clamp.1 - range.max(0.0),
            hi: clamp.1,
        };
    }
    let middle = (seen.lo + seen.hi) / 2.0;
    let half = seen.width() / 2.0 * factor;
    let side = |reach: f64| extend(half, reach.max(0.0), choice);
    Interval {
        lo: middle - side(middle - reach.lo),
        hi: middle + side(reach.hi - middle),
    }
}

/// The part of `range` where some function of `functions` is not flat: beyond it, all of them
/// are within `tail` of their limits in `reach`, as parts of their calibrated ranges.
pub(super) fn not_flat(
    exprs: &Exprs,
    functions: &[ExprId],
    seen: Interval,
    reach: Interval,
    tail: f64,
) -> Interval {
    let all = functions.iter().map(|function| {
        let value = |x: f64| exprs.value(*function, x);
        let scale = hull(&value, seen).width();
        let mut part = reach;
        // A look at so many points narrows the part down to one of their gaps at a time.
        for _ in 0..6 {
            let narrower = trim(&value, part, reach, tail * scale);
            if narrower.width() > 0.9 * part.width() {
                break;
            }
            part = narrower;
        }
        part
    });
    all.fold(Interval::EMPTY, Interval::hull)
}

fn trim(value: &impl Fn(f64) -> f64, part: Interval, reach: Interval, tolerance: f64) -> Interval {
    let at = |index: usize| part.lo + part.width() * index as f64 / POINTS as f64;
    let flat = |x: f64, end: f64| (value(x) - end).abs() <= tolerance;
    let (low, high) = (value(reach.lo), value(reach.hi));
    let first = (0..=POINTS).find(|index| !flat(at(*index), low));
    let last = (0..=POINTS).rev().find(|index| !flat(at(*index), high));
    match (first, last) {
        (Some(first), Some(last)) if first <= last + 1 => Interval {
            lo: at(first.saturating_sub(1)),
            hi: at((last + 1).min(POINTS)),
        },
        _ => part,
    }
}

/// Smallest and largest finite value of a function over an interval.
pub(super) fn hull(value: &impl Fn(f64) -> f64, over: Interval) -> Interval {
    let points = (0..=POINTS).map(|i| over.lo + over.width() * i as f64 / POINTS as f64);
    let values = points.map(value).filter(|v| v.is_finite());
    values
        .map(Interval::point)
        .fold(Interval::EMPTY, Interval::hull)
}

/// Range of the values of a table that reads `inputs` and whose values were `seen`.
pub(super) fn table(
    exprs: &Exprs,
    function: ExprId,
    inputs: Interval,
    seen: Interval,
    choice: Choice,
) -> Interval {
    let all = hull(&|x| exprs.value(function, x), inputs);
    if all.is_empty() {
        return seen;
    }
    if choice.wide_tables && all.width() <= WIDE * seen.width() {
        return all;
    }
    let range = units(seen, all, (f64::NEG_INFINITY, f64::INFINITY), choice);
    range.clamp((all.lo, all.hi))
}
