//! What one digit of every value stands for.
//!
//! ```text
//! Classes  which values must share a scale
//! range    what a class has to hold: calibrated values, and room towards what the box reaches
//! plan     one scale per class, coarse enough that every input of the box has a proof
//! fields   round steps for outputs
//! ```

mod classes;
mod fields;
mod plan;
mod range;

pub(super) use classes::Classes;
pub(super) use plan::{Plan, Planner};

use super::net::NetRun;

/// What a digit `z` stands for: `(z − zero) · step`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Scale {
    /// Units of the float model per digit.
    pub(super) step: f64,
    /// Digit, possibly fractional, that stands for 0.
    pub(super) zero: f64,
}

impl Scale {
    /// The number that `digit` stands for.
    pub(super) fn real(&self, digit: f64) -> f64 {
        (digit - self.zero) * self.step
    }

    /// The digit, possibly fractional, that stands for `value`.
    pub(super) fn digit(&self, value: f64) -> f64 {
        value / self.step + self.zero
    }
}

/// An interval of real numbers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Interval {
    pub(super) lo: f64,
    pub(super) hi: f64,
}

impl Interval {
    /// Holds nothing.
    pub(super) const EMPTY: Self = Self {
        lo: f64::INFINITY,
        hi: f64::NEG_INFINITY,
    };

    pub(super) fn new(a: f64, b: f64) -> Self {
        Self {
            lo: a.min(b),
            hi: a.max(b),
        }
    }

    pub(super) fn point(value: f64) -> Self {
        Self {
            lo: value,
            hi: value,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lo > self.hi
    }

    pub(super) fn hull(self, other: Self) -> Self {
        Self {
            lo: self.lo.min(other.lo),
            hi: self.hi.max(other.hi),
        }
    }

    pub(super) fn width(&self) -> f64 {
        (self.hi - self.lo).max(0.0)
    }

    /// The part inside `[lo, hi]`; an end of it if there is none.
    pub(super) fn clamp(self, (lo, hi): (f64, f64)) -> Self {
        Self {
            lo: self.lo.max(lo).min(hi),
            hi: self.hi.max(lo).min(hi),
        }
    }

    pub(super) fn times(self, factor: f64) -> Self {
        // 0 · ∞ is 0 here: what is not read does not count.
        match factor == 0.0 {
            true => Self::point(0.0),
            false => Self::new(self.lo * factor, self.hi * factor),
        }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        Self {
            lo: self.lo + other.lo,
            hi: self.hi + other.hi,
        }
    }

    pub(super) fn product(self, other: Self) -> Self {
        let ends = [
            self.lo * other.lo,
            self.lo * other.hi,
            self.hi * other.lo,
            self.hi * other.hi,
        ];
        let point = |v: &f64| Self::point(*v);
        ends.iter().map(point).fold(Self::EMPTY, Self::hull)
    }

    pub(super) fn largest_magnitude(&self) -> f64 {
        self.lo.abs().max(self.hi.abs())
    }
}

/// Calibrated ranges, by variable: linear units before their clamp.
#[derive(Clone, Debug)]
pub(super) struct Seen(pub(super) Vec<Interval>);

impl Seen {
    pub(super) fn new(vars: usize) -> Self {
        Self(vec![Interval::EMPTY; vars])
    }

    pub(super) fn add(&mut self, run: &NetRun) {
        for (seen, value) in self.0.iter_mut().zip(&run.linear) {
            *seen = seen.hull(Interval::point(*value));
        }
    }
}

/// How scales are taken from calibrated ranges.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Choice {
    /// Where the end of a range lies between its calibrated end (0) and what the box can reach
    /// (1), geometrically.
    pub(super) headroom: f64,
    /// Factor on the calibrated range.
    pub(super) clip: f64,
    /// A function's flat tails begin where it is this near to its limit, as part of the range
    /// of its calibrated values.
    pub(super) tail: f64,
    /// Tables reach to the flat tails of their functions, however little of that was seen.
    pub(super) wide_tables: bool,
    /// A node of private weights gets coarser units, by at most this factor, where its weights
    /// take a digit less then.
    pub(super) lighter: f64,
}
