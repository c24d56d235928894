//! The bucket method, and shared doublings for few terms.

use halo2_proofs::halo2curves::bn256::{G1, G1Affine};
use halo2_proofs::halo2curves::group::{Curve, Group, prime::PrimeCurveAffine};
use rayon::prelude::*;

use super::affine::segment_sums;
use super::scalars::{booth_digit, windows};
use super::{NEGATIVE, Terms};

/// Widest window: 2^15 buckets.
const MAX_WIDTH: u32 = 16;
/// A Jacobian addition of the last step costs about this many shared affine ones.
const JACOBIAN: usize = 4;

/// `Σ magnitude × point` by buckets, windows in parallel.
pub(super) fn pippenger(terms: &Terms<'_>) -> G1 {
    let width = best_width(terms.references.len(), terms.bits);
    let sums: Vec<G1> = (0..windows(terms.bits, width))
        .into_par_iter()
        .map(|index| window_sum(terms, width, index))
        .collect();
    sums.iter().rev().fold(G1::identity(), |sum, window| {
        times_power_of_two(sum, width) + window
    })
}

/// The width with the fewest additions.
fn best_width(terms: usize, bits: u32) -> u32 {
    let cost = |width: u32| {
        let buckets = 1usize << (width - 1);
        let last = (1usize << (width / 2)) * 4 * JACOBIAN;
        windows(bits, width) as usize * (terms + 2 * buckets + last)
    };
    (1..=MAX_WIDTH)
        .min_by_key(|width| cost(*width))
        .unwrap_or(1)
}

/// One window: `Σ digit × point`.
fn window_sum(terms: &Terms<'_>, width: u32, index: u32) -> G1 {
    // Items per bucket, shifted by one, then running sums: where each bucket starts.
    let mut starts = vec![0u32; (1 << (width - 1)) + 1];
    let digits: Vec<i32> = terms
        .magnitudes
        .iter()
        .map(|magnitude| {
            let digit = booth_digit(*magnitude, width, index);
            if digit != 0 {
                starts[digit.unsigned_abs() as usize] += 1;
            }
            digit
        })
        .collect();
    for bucket in 1..starts.len() {
        starts[bucket] += starts[bucket - 1];
    }
    let total = starts.last().map_or(0, |last| *last as usize);
    let mut order = vec![0u32; total];
    let mut next = starts.clone();
    for (digit, reference) in digits.iter().zip(&terms.references) {
        if *digit != 0 {
            let at = &mut next[digit.unsigned_abs() as usize - 1];
            order[*at as usize] = match *digit < 0 {
                true => reference ^ NEGATIVE,
                false => *reference,
            };
            *at += 1;
        }
    }
    let buckets = segment_sums(&order, &starts, |reference| terms.bases.load(reference));
    weighted_buckets(&buckets)
}

/// `Σ (i + 1) buckets_i` for a power of two of buckets.
///
/// As a table of `2^low` columns: rows count `i >> low` times `2^low`, columns `(i mod 2^low) +
/// 1` times. The sums of rows and columns are independent additions; only their weighted sums
/// are a chain.
fn weighted_buckets(buckets: &[G1Affine]) -> G1 {
    let low = buckets.len().ilog2() / 2;
    if low == 0 {
        return weighted(buckets, true);
    }
    let columns = 1usize << low;
    let rows = buckets.len() >> low;
    let sums = |order: Vec<u32>, segments: usize| {
        let size = order.len() / segments;
        let starts: Vec<u32> = (0..=segments).map(|s| (s * size) as u32).collect();
        segment_sums(&order, &starts, |index| buckets[index as usize])
    };
    let by_row = sums((0..buckets.len() as u32).collect(), rows);
    let transposed =
        (0..columns).flat_map(|column| (0..rows).map(move |row| (row * columns + column) as u32));
    let by_column = sums(transposed.collect(), columns);
    times_power_of_two(weighted(&by_row, false), low) + weighted(&by_column, true)
}

/// `Σ (i + 1) points_i`, or `Σ i points_i` without `from_one`.
fn weighted(points: &[G1Affine], from_one: bool) -> G1 {
    let mut running = G1::identity();
    let mut sum = G1::identity();
    let skip = usize::from(!from_one);
    for point in points.iter().skip(skip).rev() {
        if !bool::from(point.is_identity()) {
            running += point;
        }
        sum += running;
    }
    sum
}

fn times_power_of_two(point: G1, power: u32) -> G1 {
    (0..power).fold(point, |point, _| point.double())
}

/// `Σ magnitude × point` with multiples of each point at hand and one chain of doublings for
/// all.
pub(super) fn shared_doublings(terms: &Terms<'_>) -> G1 {
    const WIDTH: u32 = 4;
    const MULTIPLES: usize = 1 << (WIDTH - 1);
    let mut multiples = Vec::with_capacity(terms.references.len() * MULTIPLES);
    for reference in &terms.references {
        let point = terms.bases.load(*reference);
        let mut multiple = G1::identity();
        for _ in 0..MULTIPLES {
            multiple += point;
            multiples.push(multiple);
        }
    }
    let mut affine = vec![G1Affine::identity(); multiples.len()];
    G1::batch_normalize(&multiples, &mut affine);
    let mut sum = G1::identity();
    for index in (0..windows(terms.bits, WIDTH)).rev() {
        sum = times_power_of_two(sum, WIDTH);
        for (magnitude, multiples) in terms.magnitudes.iter().zip(affine.chunks(MULTIPLES)) {
            let digit = booth_digit(*magnitude, WIDTH, index);
            if digit > 0 {
                sum += multiples[digit.unsigned_abs() as usize - 1];
            } else if digit < 0 {
                sum -= multiples[digit.unsigned_abs() as usize - 1];
            }
        }
    }
    sum
}
