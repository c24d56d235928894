//! Ranges of sums and of claims: what makes the linear check hold over the integers.

use haloracle_model::{Conv, Node, Op};
use num_bigint::BigInt;

use super::{AuditError, check};
use crate::wide::config::CELLS;
use crate::wide::program::{Packing, Program};

/// Bits of a field element that equations may use: 2^253 < p.
const FIELD_BITS: u64 = 253;

/// Smallest and largest sum of a node's units, for inputs anywhere in `[0, max]`.
fn extremes(node: &Node, max: i128) -> Option<(i128, i128)> {
    if let Op::Conv(conv) = &node.op {
        return Some(conv_extremes(conv, max));
    }
    let linear = node.linear()?;
    let units = (0..linear.units()).map(|unit| {
        let bias = i128::from(linear.bias(unit));
        let (mut low, mut high) = (0i128, 0i128);
        let mut add = |reach: i128| match reach < 0 {
            true => low += reach,
            false => high += reach,
        };
        match &node.op {
            Op::Dense { weights, .. } => {
                weights[unit].iter().for_each(|w| add(i128::from(*w)));
            }
            _ => linear.terms(unit, |_, w| add(i128::from(w))),
        }
        for (_, _, w) in linear.products(unit) {
            add(i128::from(*w) * max);
        }
        (bias + low * max, bias + high * max)
    });
    units.reduce(|(low, high), (l, h)| (low.min(l), high.max(h)))
}

/// [`extremes`] with the channels of each tap summed up once per filter.
fn conv_extremes(conv: &Conv, max: i128) -> (i128, i128) {
    let [rows, columns] = conv.output_size().map(|v| v as usize);
    let plane = rows * columns;
    let taps = (conv.kernel[0] * conv.kernel[1]) as usize;
    let per_filter = taps * (conv.channels / conv.groups) as usize;
    let filters = conv.weights.chunks(per_filter).zip(conv.bias.chunks(plane));
    let mut all = (0i128, 0i128);
    for (weights, bias) in filters {
        let mut sums = vec![(0i128, 0i128); taps];
        for (at, w) in weights.iter().enumerate() {
            let (low, high) = &mut sums[at % taps];
            match *w < 0 {
                true => *low += i128::from(*w),
                false => *high += i128::from(*w),
            }
        }
        for (output, bias) in bias.iter().enumerate() {
            let (mut low, mut high) = (i128::from(*bias), i128::from(*bias));
            for (tap, (l, h)) in sums.iter().enumerate() {
                if super::conv::source(conv, output, tap).is_some() {
                    low += l * max;
                    high += h * max;
                }
            }
            all = (all.0.min(low), all.1.max(high));
        }
    }
    all
}

/// Smallest and largest number that a row of claims can hold, with its excess row or without:
/// `2^t (z − n) + r`, and 2^t as much again.
fn claims(bits: u32, saturates: bool) -> (BigInt, BigInt) {
    let base: BigInt = BigInt::from(1) << bits;
    let max: BigInt = &base - 1;
    let (low, high): (BigInt, BigInt) = (-(&base * &max), &base * &max + &max);
    match saturates {
        true => (low * (&base + 1), high * (&base + 1)),
        false => (low, high),
    }
}

/// Largest `|bias + Σ w x − y|` of a node's units, padding included, over all cells that the
/// gates allow.
pub(super) fn error(node: &Node, bits: u32, saturates: bool) -> BigInt {
    let (least, most) = claims(bits, saturates);
    let max = (1i128 << bits) - 1;
    let (low, high) = extremes(node, max).unwrap_or((0, 0));
    // A padding unit: nothing against a claim.
    let (low, high) = (BigInt::from(low.min(0)), BigInt::from(high.max(0)));
    (most - low).max(high - least)
}

/// `E < 2^c` and `c P ≤ 253`: packed errors vanish together only if each does.
pub(super) fn packing(program: &Program, pack: Packing, error: &BigInt) -> Result<(), AuditError> {
    let sound = pack.bits > 0
        && pack.per_exponent > 0
        && (1..=program.rows.len() * CELLS).contains(&pack.exponents)
        && error.bits() <= u64::from(pack.bits)
        && (pack.per_exponent as u64).saturating_mul(u64::from(pack.bits)) <= FIELD_BITS;
    check(sound, || {
        format!("packing {pack:?} is not sound for errors up to {error}")
    })
}

/// An equation alone in its monomial: its error stays below the modulus.
pub(super) fn alone(error: &BigInt) -> Result<(), AuditError> {
    check(error.bits() <= FIELD_BITS, || {
        format!("errors up to {error} exceed the modulus")
    })
}

/// Largest `|bias + Σ w x|` of a node without claims, against digits of `width` bits together.
pub(super) fn exact_error(node: &Node, bits: u32, width: u32) -> BigInt {
    let max = (1i128 << bits) - 1;
    let (low, high) = extremes(node, max).unwrap_or((0, 0));
    let digits = (BigInt::from(1) << width) - 1;
    let below: BigInt = digits - low.min(0);
    below.max(BigInt::from(high))
}

/// Largest `|bias + Σ w x − y|` for any digits of bias and weights, of which there are `terms`.
pub(super) fn private_error(bits: u32, terms: usize, limbs: u32, bias_limbs: u32) -> BigInt {
    let (least, most) = claims(bits, true);
    let max = (BigInt::from(1) << bits) - 1;
    let weights: BigInt = (BigInt::from(terms) * max) << (bits * limbs - 1);
    let sum: BigInt = weights + (BigInt::from(1) << (bits * bias_limbs - 1));
    sum + most.max(-least)
}
