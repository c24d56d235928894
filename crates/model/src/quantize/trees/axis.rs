//! Which raw integers satisfy a comparison that is made in float32.
//!
//! Every step of a pipeline is monotone in its argument, rounding included, so the value of a
//! piece of the box between two points of an imputer is monotone in the raw integer, and the
//! integers that satisfy `x ≤ θ` are found by bisection of the exact float32 computation. Where
//! the pipeline falls, they are the upper end of the piece; where it is constant, all or none.

use super::region::Region;
use super::{Pre, Source, TreesError, Value};
use crate::graph::{BranchMode, Step};

/// The float32 that a caller of the ONNX model passes for `raw` with `decimals` decimals: the one
/// nearest to `raw / 10^decimals`, ties to even.
///
/// A caller may also divide in float64 and round the quotient to float32, as Python does. That
/// rounds twice, which is wrong where the first rounding lands on the middle between two float32.
/// With up to 12 decimals it never does unless the quotient is that middle: a quotient differs
/// from a middle by a multiple of `2^−24 / 5^decimals` of itself, more than float64's `2^−53`. So
/// every caller passes the same float32. Here the decimal text is read by the standard library,
/// which rounds once however many decimals there are.
pub fn float32(raw: i64, decimals: u8) -> f32 {
    format!("{raw}e-{decimals}").parse().unwrap_or(f32::NAN)
}

impl Source {
    /// What the tree sees at `v`.
    pub fn float32(&self, v: u64) -> f32 {
        self.after(self.steps.len(), v)
    }

    /// The value at `v` after the first `count` steps.
    fn after(&self, count: usize, v: u64) -> f32 {
        let first = match self.value {
            Value::Decimal { lo, decimals } => {
                float32(i64::from(lo).saturating_add_unsigned(v), decimals)
            }
            Value::Affine { offset, scale } => (offset + scale * v as f64) as f32,
        };
        let steps = self.steps.iter().take(count);
        steps.fold(first, |x, step| match step {
            Pre::Step(step) => step.apply(x),
            Pre::Replace { from, by } => {
                if x == *from {
                    *by
                } else {
                    x
                }
            }
        })
    }

    fn refuse(&self, what: String) -> TreesError {
        TreesError::Source {
            name: self.name.clone(),
            what,
        }
    }
}

/// A source, cut into intervals on which its value is monotone.
#[derive(Clone, Debug)]
pub(super) struct Axis<'s> {
    source: &'s Source,
    pieces: Vec<(u64, u64)>,
}

impl<'s> Axis<'s> {
    /// # Errors
    /// A constant that is not finite, a division by zero, or a value that overflows in the box.
    pub(super) fn new(source: &'s Source) -> Result<Self, TreesError> {
        let mut axis = Self {
            source,
            pieces: vec![(0, source.most)],
        };
        for (count, step) in source.steps.iter().enumerate() {
            match step {
                Pre::Step(step) => check_step(*step).map_err(|what| source.refuse(what))?,
                Pre::Replace { from, .. } => axis.isolate(count, *from),
            }
        }
        // Monotone in between, so finite at both ends is finite throughout.
        for end in axis.pieces.iter().flat_map(|(lo, hi)| [*lo, *hi]) {
            for count in 0..=source.steps.len() {
                let x = source.after(count, end);
                if !x.is_finite() {
                    return Err(source.refuse(format!(
                        "becomes {x} after {count} steps, at {end} above the lower end of its \
                         box; narrow the box"
                    )));
                }
            }
        }
        Ok(axis)
    }

    /// Cuts out the integers whose value after `count` steps is `x`.
    fn isolate(&mut self, count: usize, x: f32) {
        let mut pieces = Vec::new();
        for piece in &self.pieces {
            let all = Region::interval(piece.0, piece.1);
            let below = self.satisfy(*piece, count, x, false);
            let equal = self.satisfy(*piece, count, x, true).minus(&below);
            pieces.extend_from_slice(equal.intervals());
            pieces.extend_from_slice(all.minus(&equal).intervals());
        }
        pieces.sort_unstable();
        self.pieces = pieces;
    }

    /// The integers of a piece whose value after `count` steps is below `x`, or equal to it if
    /// that is wanted too.
    fn satisfy(&self, piece: (u64, u64), count: usize, x: f32, or_equal: bool) -> Region {
        let (lo, hi) = piece;
        let value = |v| self.source.after(count, v);
        let holds = |v| value(v) < x || (or_equal && value(v) == x);
        let rises = value(lo) <= value(hi);
        let (mut from, mut to) = (lo, hi.saturating_add(1));
        // The first integer that does not satisfy it, or that does where the pipeline falls.
        while from < to {
            let middle = from + (to - from) / 2;
            if holds(middle) == rises {
                from = middle + 1;
            } else {
                to = middle;
            }
        }
        let found = match (rises, from.checked_sub(1)) {
            (true, Some(last)) if from > lo => Some((lo, last)),
            (false, _) if from <= hi => Some((from, hi)),
            _ => None,
        };
        Region::union(found.into_iter().collect())
    }

    /// Integers whose value is below `x`, or equal to it if that is wanted too.
    fn below(&self, x: f32, or_equal: bool) -> Region {
        let steps = self.source.steps.len();
        let pieces = self.pieces.iter();
        let found = pieces.map(|piece| self.satisfy(*piece, steps, x, or_equal));
        Region::union(found.flat_map(|r| r.intervals().to_vec()).collect())
    }

    fn equal(&self, x: f32) -> Region {
        self.below(x, true).minus(&self.below(x, false))
    }

    /// Largest integer.
    pub(super) fn most(&self) -> u64 {
        self.source.most
    }

    /// All integers of the box.
    pub(super) fn all(&self) -> Region {
        Region::interval(0, self.source.most)
    }

    /// The integers for which the branch goes to `yes`. The threshold must not be NaN.
    pub(super) fn holds(&self, mode: &BranchMode, threshold: f32) -> Region {
        match mode {
            BranchMode::Leq => self.below(threshold, true),
            BranchMode::Lt => self.below(threshold, false),
            BranchMode::Gt => self.all().minus(&self.below(threshold, true)),
            BranchMode::Gte => self.all().minus(&self.below(threshold, false)),
            BranchMode::Eq => self.equal(threshold),
            BranchMode::Neq => self.all().minus(&self.equal(threshold)),
            BranchMode::Member(values) => {
                let values = values.iter().filter(|x| !x.is_nan());
                let found = values.flat_map(|x| self.equal(*x).intervals().to_vec());
                Region::union(found.collect())
            }
        }
    }
}

fn check_step(step: Step) -> Result<(), String> {
    match step {
        Step::Div(0.0) => Err("is divided by 0".into()),
        Step::Add(c) | Step::Sub(c) | Step::Mul(c) | Step::Div(c) if !c.is_finite() => {
            Err(format!("is combined with {c}, which is not finite"))
        }
        _ => Ok(()),
    }
}
