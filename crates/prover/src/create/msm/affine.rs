//! Sums of many groups of points, by affine additions that share their inversions.
//!
//! An affine addition costs an inversion and about three multiplications; Montgomery's trick
//! turns the inversions of many independent additions into one and three multiplications each,
//! which makes six a point instead of the eleven of a mixed Jacobian addition. The additions of
//! a sum are made independent by adding in pairs, round by round.

use halo2_proofs::halo2curves::bn256::{Fq, G1Affine};
use halo2_proofs::halo2curves::ff::Field;
use halo2_proofs::halo2curves::group::prime::PrimeCurveAffine;

/// Points that are summed together: the scratch of one block fits the second-level cache.
const BLOCK: usize = 2048;
/// Additions that share an inversion: the inversion costs about 120 multiplications.
const BATCH: usize = 512;

/// Sums `load(order[..])` per segment: segment `s` holds the items
/// `order[starts[s]..starts[s + 1]]`. An empty segment sums to the identity.
pub(super) fn segment_sums<L>(order: &[u32], starts: &[u32], load: L) -> Vec<G1Affine>
where
    L: Fn(u32) -> G1Affine,
{
    let segments = starts.len().saturating_sub(1);
    let mut sums = vec![G1Affine::identity(); segments];
    let mut scratch = Scratch::default();
    let mut first = 0;
    while first < segments {
        // At least one segment, then as many as fit.
        let begin = starts[first] as usize;
        let fits = |end: usize| starts[end] as usize - begin <= BLOCK;
        let mut last = first + 1;
        while last < segments && fits(last + 1) {
            last += 1;
        }
        let items = &order[begin..starts[last] as usize];
        scratch.points.clear();
        scratch.points.extend(items.iter().map(|item| load(*item)));
        scratch.lengths.clear();
        let bounds = starts[first..=last].windows(2);
        scratch.lengths.extend(bounds.map(|b| b[1] - b[0]));
        while scratch.lengths.iter().any(|length| *length > 1) {
            scratch.round();
        }
        let mut points = scratch.points.iter();
        for (sum, length) in sums[first..last].iter_mut().zip(&scratch.lengths) {
            if *length > 0 {
                *sum = points.next().copied().unwrap_or(*sum);
            }
        }
        first = last;
    }
    sums
}

/// The points of a block, segment after segment, and room for the next round's.
#[derive(Default)]
struct Scratch {
    points: Vec<G1Affine>,
    next: Vec<G1Affine>,
    lengths: Vec<u32>,
    /// Where each pair is found and where its sum goes.
    pairs: Vec<(u32, u32)>,
    denominators: Vec<Fq>,
    products: Vec<Fq>,
}

impl Scratch {
    /// Adds neighbours within each segment, halving its length (rounding up).
    fn round(&mut self) {
        self.next.clear();
        self.pairs.clear();
        let mut at = 0;
        for length in &mut self.lengths {
            let pairs = *length / 2;
            for pair in 0..pairs {
                let from = at + 2 * pair;
                self.pairs.push((from, self.next.len() as u32));
                self.next.push(G1Affine::identity());
            }
            if *length % 2 == 1 {
                let odd = self.points[(at + *length - 1) as usize];
                self.next.push(odd);
            }
            at += *length;
            *length = length.div_ceil(2);
        }
        for pairs in self.pairs.chunks(BATCH) {
            add_pairs(
                &self.points,
                pairs,
                &mut self.next,
                &mut self.denominators,
                &mut self.products,
            );
        }
        std::mem::swap(&mut self.points, &mut self.next);
    }
}

/// `to[t] = from[f] + from[f + 1]` for every pair `(f, t)`.
fn add_pairs(
    from: &[G1Affine],
    pairs: &[(u32, u32)],
    to: &mut [G1Affine],
    denominators: &mut Vec<Fq>,
    products: &mut Vec<Fq>,
) {
    denominators.clear();
    products.clear();
    let mut product = Fq::ONE;
    for (f, _) in pairs {
        let [a, b] = neighbours(from, *f);
        let difference = b.x - a.x;
        let denominator = match is_special(a, b) {
            false => difference,
            true => special_denominator(a, b),
        };
        denominators.push(denominator);
        products.push(product);
        product *= denominator;
    }
    let mut inverse = product.invert().unwrap_or(Fq::ZERO);
    let shared = denominators.iter().zip(products.iter());
    for ((f, t), (denominator, product)) in pairs.iter().zip(shared).rev() {
        let [a, b] = neighbours(from, *f);
        let inverted = inverse * product;
        inverse *= denominator;
        let sum = match is_special(a, b) {
            false => chord(a, b, (b.y - a.y) * inverted),
            true => special_sum(a, b, inverted),
        };
        to[*t as usize] = sum;
    }
}

fn neighbours(points: &[G1Affine], at: u32) -> [&G1Affine; 2] {
    let at = at as usize;
    [&points[at], &points[at + 1]]
}

/// The third point on the line of `slope` through both, mirrored.
fn chord(a: &G1Affine, b: &G1Affine, slope: Fq) -> G1Affine {
    let x = slope * slope - a.x - b.x;
    let y = slope * (a.x - x) - a.y;
    G1Affine { x, y }
}

/// Whether the chord formula does not hold: an identity (its x is 0; the curve has no other
/// point there, but none is excluded) or equal x.
fn is_special(a: &G1Affine, b: &G1Affine) -> bool {
    a.x == b.x || a.x == Fq::ZERO || b.x == Fq::ZERO
}

fn is_identity(point: &G1Affine) -> bool {
    point.x == Fq::ZERO && point.y == Fq::ZERO
}

/// What to invert for [`special_sum`]; never zero.
#[cold]
fn special_denominator(a: &G1Affine, b: &G1Affine) -> Fq {
    if is_identity(a) || is_identity(b) {
        Fq::ONE
    } else if a.x != b.x {
        b.x - a.x
    } else if a.y == b.y && a.y != Fq::ZERO {
        a.y.double()
    } else {
        Fq::ONE
    }
}

#[cold]
fn special_sum(a: &G1Affine, b: &G1Affine, inverted: Fq) -> G1Affine {
    if is_identity(a) {
        *b
    } else if is_identity(b) {
        *a
    } else if a.x != b.x {
        chord(a, b, (b.y - a.y) * inverted)
    } else if a.y == b.y && a.y != Fq::ZERO {
        let square = a.x * a.x;
        chord(a, b, (square.double() + square) * inverted)
    } else {
        G1Affine::identity()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use halo2_proofs::halo2curves::bn256::{Fr, G1};
    use halo2_proofs::halo2curves::group::{Curve, Group};
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn sums_equal_those_of_the_group_law() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let mut points: Vec<G1Affine> = (0..40).map(|_| G1::random(&mut rng).to_affine()).collect();
        // Equal, opposite and neutral points meet often.
        points.push(G1Affine::identity());
        points.push(-points[0]);
        points.push(-points[1]);
        points.push((points[0] * Fr::from(2)).to_affine());
        for _ in 0..60 {
            let lengths: Vec<u32> = (0..rng.gen_range(1..30))
                .map(|_| match rng.gen_range(0..10) {
                    0 => 0,
                    1 => rng.gen_range(0..3000),
                    _ => rng.gen_range(0..12),
                })
                .collect();
            let mut starts = vec![0];
            for length in &lengths {
                starts.push(starts.last().unwrap() + length);
            }
            let few = rng.gen_range(1..=points.len() as u32);
            let order: Vec<u32> = (0..*starts.last().unwrap())
                .map(|_| rng.gen_range(0..few))
                .collect();
            let sums = segment_sums(&order, &starts, |index| points[index as usize]);
            assert_eq!(sums.len(), lengths.len());
            for (segment, sum) in sums.iter().enumerate() {
                let items = &order[starts[segment] as usize..starts[segment + 1] as usize];
                let expected: G1 = items.iter().map(|i| points[*i as usize].to_curve()).sum();
                assert_eq!(*sum, expected.to_affine());
            }
        }
    }
}
