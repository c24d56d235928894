//! Leaf weights as fixed-point limbs.
//!
//! All weights are rounded to multiples of one `2^−f`. A tree's limbs hold the distance to its
//! smallest weight, which goes into the sum's constant, so limbs are never negative and a tree's
//! own range alone counts. `f` is the smallest that holds every weight exactly, if that fits;
//! else the largest that fits into [`PRECISION`] bits. Then a leaf is off by `2^−f / 2` at most,
//! less than `range · 2^−24`: over the whole sum no more than what float32 may lose in a single
//! addition near the sum of all ranges, while a runtime rounds at every addition.
//!
//! Few trees, whose float32 sum rounds rarely or never, may take more limbs to be exact.

use super::Exact;
use super::shape::{Shape, ShapeNode};
use crate::integer::WireId;

/// Bits per leaf and target that are spent where weights do not fit exactly.
const PRECISION: u32 = 24;
/// Bits that are spent to hold every weight exactly, for up to [`FEW_TREES`] trees.
const EXACT_PRECISION: u32 = 48;
/// Ensembles of at most this many trees may take more limbs.
const FEW_TREES: usize = 4;
/// Finest unit; below float32's smallest number nothing is to be gained.
const FINEST: i32 = 149;
/// Largest sum in units: far inside 64 bits, also with thresholds and offsets added.
const MAX_SUM: f64 = (1u64 << 56) as f64;

/// One tree's weights of one target.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Span {
    /// Which target.
    pub(super) target: u32,
    lo: f64,
    hi: f64,
}

/// The fixed-point form of an ensemble's leaves.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Leaves {
    /// Per tree, the targets that its leaves hold, in order.
    pub(super) spans: Vec<Vec<Span>>,
    /// Limbs per target.
    pub(super) limbs: u32,
    /// A weight of 1 is `2^fraction`.
    pub(super) fraction: i32,
    /// Whether every weight is a multiple of the unit.
    pub(super) exact: bool,
    digit_bits: u32,
}

impl Leaves {
    /// The finest form that fits the leaves of `shapes`, and `constants` as well as may be.
    pub(super) fn new(shapes: &[Shape], constants: &[f64], digit_bits: u32) -> Self {
        let mut finest = i32::MIN;
        let mut seen = |weight: f64| {
            if let Some(bits) = fraction_bits(weight) {
                finest = finest.max(bits);
            }
            weight
        };
        constants.iter().for_each(|weight| {
            seen(*weight);
        });
        let spans: Vec<Vec<Span>> = shapes.iter().map(|s| spans(s, &mut seen)).collect();
        let widest = spans.iter().flatten();
        let widest = widest.map(|span| span.hi - span.lo).fold(0.0, f64::max);
        let limbs_for = |bits: u32| bits.div_ceil(digit_bits);
        let most = match shapes.len() {
            0..=FEW_TREES => limbs_for(EXACT_PRECISION),
            _ => limbs_for(PRECISION),
        };
        let largest = |spans: &Vec<Span>| {
            let spans = spans.iter().map(|span| span.lo.abs().max(span.hi.abs()));
            spans.fold(0.0, f64::max)
        };
        let constant = constants.iter().fold(0.0f64, |most, c| most.max(c.abs()));
        let total = constant + spans.iter().map(largest).sum::<f64>();
        let fits = |fraction: i32, limit: f64| {
            let scale = 2f64.powi(fraction);
            widest * scale <= limit && total * scale <= MAX_SUM
        };
        // Nothing but zeros needs no fraction.
        let finest = match finest {
            i32::MIN => 0,
            bits => bits.clamp(-FINEST, FINEST),
        };
        for limbs in 1..=most {
            if fits(finest, 2f64.powi((limbs * digit_bits) as i32) - 1.0) {
                return Self {
                    spans,
                    limbs,
                    fraction: finest,
                    exact: true,
                    digit_bits,
                };
            }
        }
        let limbs = limbs_for(PRECISION);
        // Rounding may widen a range by one unit.
        let limit = 2f64.powi((limbs * digit_bits) as i32) - 2.0;
        let mut fraction = finest;
        while !fits(fraction, limit) && fraction > -FINEST {
            fraction -= 1;
        }
        Self {
            spans,
            limbs,
            fraction,
            exact: false,
            digit_bits,
        }
    }

    /// What one counts for.
    pub(super) fn unit(&self) -> f64 {
        2f64.powi(-self.fraction)
    }

    /// Most that rounding moves a weight.
    fn rounding(&self) -> f64 {
        if self.exact { 0.0 } else { self.unit() / 2.0 }
    }

    /// The nearest multiple of the unit, halves away from zero.
    pub(super) fn integer(&self, weight: f64) -> i64 {
        (weight * 2f64.powi(self.fraction)).round() as i64
    }

    /// What the limbs of tree `tree` count from, for one of its spans.
    pub(super) fn least(&self, span: &Span) -> i64 {
        self.integer(span.lo)
    }

    /// The sum of every target over the trees' output wires, `width` of them per tree, divided by
    /// `divisor`; `origins` says which float tree each tree is of, ascending.
    pub(super) fn sums(
        &self,
        constants: &[f64],
        origins: &[usize],
        outputs: &[WireId],
        width: u32,
        divisor: f64,
    ) -> Vec<Exact> {
        let unit = self.unit() / divisor;
        let mut sums: Vec<Exact> = constants
            .iter()
            .map(|constant| Exact {
                constant: self.integer(*constant),
                unit,
                error: match *constant {
                    0.0 => 0.0,
                    _ => self.rounding() / divisor,
                },
                ..Exact::default()
            })
            .collect();
        let trees = self.spans.iter().zip(outputs.chunks(width.max(1) as usize));
        let mut counted = vec![None; constants.len()];
        for ((spans, wires), origin) in trees.zip(origins) {
            let places = spans.iter().zip(wires.chunks(self.limbs as usize));
            for (span, wires) in places {
                let Some(sum) = sums.get_mut(span.target as usize) else {
                    continue;
                };
                sum.constant += self.least(span);
                // Of a tree that was split, only one part's leaf is not a zero, which is exact.
                if counted[span.target as usize].replace(origin) != Some(origin) {
                    sum.error += self.rounding() / divisor;
                }
                let weights = (0..).map(|limb| 1i64 << (limb * self.digit_bits));
                sum.terms.extend(wires.iter().copied().zip(weights));
            }
        }
        sums
    }

    /// Limbs of a leaf of tree `tree`, lowest first, target by target.
    pub(super) fn limbs(&self, tree: usize, weights: &[(u32, u64)], width: usize) -> Vec<u32> {
        let max = (1u64 << self.digit_bits) - 1;
        let mut limbs = Vec::with_capacity(width);
        for span in self.spans.get(tree).into_iter().flatten() {
            let above = self.integer(weight_of(weights, span.target)) - self.least(span);
            let above = above.max(0) as u64;
            limbs.extend((0..self.limbs).map(|l| (above >> (l * self.digit_bits) & max) as u32));
        }
        limbs.resize(width, 0);
        limbs
    }
}

/// A leaf's weight for a target; leaves leave zeros out.
pub(super) fn weight_of(weights: &[(u32, u64)], target: u32) -> f64 {
    match weights.binary_search_by_key(&target, |(t, _)| *t) {
        Ok(at) => f64::from_bits(weights[at].1),
        Err(_) => 0.0,
    }
}

/// Ranges of the targets that a shape's leaves hold.
fn spans(shape: &Shape, seen: &mut impl FnMut(f64) -> f64) -> Vec<Span> {
    let order = shape.order();
    let leaves = || {
        order.iter().filter_map(|id| match shape.node(*id) {
            ShapeNode::Leaf { weights } => Some(weights),
            ShapeNode::Branch { .. } => None,
        })
    };
    let mut targets: Vec<u32> = leaves().flatten().map(|(target, _)| *target).collect();
    targets.sort_unstable();
    targets.dedup();
    let spans = targets.into_iter().map(|target| {
        let weights = leaves().map(|weights| seen(weight_of(weights, target)));
        let (lo, hi) = weights.fold((f64::INFINITY, f64::NEG_INFINITY), |(lo, hi), w| {
            (lo.min(w), hi.max(w))
        });
        Span { target, lo, hi }
    });
    spans.collect()
}

/// Fractional bits of a number that is not 0: the least `f` that makes `x · 2^f` an integer.
fn fraction_bits(x: f64) -> Option<i32> {
    if x == 0.0 {
        return None;
    }
    let bits = x.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    let mantissa = bits & ((1 << 52) - 1);
    // Sums of float32 are never subnormal in float64.
    let whole = mantissa | 1 << 52;
    Some(1075 - exponent - whole.trailing_zeros() as i32)
}
