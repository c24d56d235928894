//! Multi-scalar multiplication over the points of an SRS.
//!
//! Pippenger's bucket method with signed digits, where
//! * zeros cost nothing and small scalars (of either sign) one or two digits,
//! * equal large scalars are met once, their points being summed first (a permutation product
//!   is constant along rows without copies, idle rows repeat one value),
//! * the remaining large scalars are halved by the endomorphism ([`scalars`]),
//! * bucket sums and the sums over rows and columns of buckets are affine additions that share
//!   their inversions ([`affine`]),
//! * a handful of large scalars, such as the blinding rows of a column of small values, share
//!   their doublings instead (Straus).
//!
//! Pippenger, "On the evaluation of powers and monomials", SIAM J. Comput. 9 (1980); signed
//! digits after Booth.

mod affine;
mod buckets;
mod merge;
mod scalars;

use halo2_proofs::halo2curves::bn256::{Fq, Fr, G1, G1Affine};
use halo2_proofs::halo2curves::ff::WithSmallOrderMulGroup;
use halo2_proofs::halo2curves::group::{Curve, Group, prime::PrimeCurveAffine};
use rayon::prelude::*;

/// Scalars below 2^`SMALL_BITS` in magnitude are taken as they are.
const SMALL_BITS: u32 = 32;
/// Bits of the halves of a large scalar.
const HALF_BITS: u32 = 127;
/// Up to so many halves, doublings are shared instead of filling buckets.
const FEW_TERMS: usize = 48;

/// Marks a reference to the image of a point under the endomorphism.
const ENDO: u32 = 1 << 30;
/// Marks a reference to the opposite of a point.
const NEGATIVE: u32 = 1 << 31;

/// Points that scalars are multiplied with; at most 2^30.
#[derive(Clone, Debug)]
pub(crate) struct Bases {
    points: Vec<G1Affine>,
    /// x coordinates of the images under the endomorphism; y stays.
    images: Vec<Fq>,
}

impl Bases {
    /// Prepares `points`.
    pub(crate) fn new(points: Vec<G1Affine>) -> Self {
        let images = points.par_iter().map(|p| p.x * Fq::ZETA).collect();
        Self { points, images }
    }

    /// Number of points.
    pub(crate) fn len(&self) -> usize {
        self.points.len()
    }

    /// The point a reference stands for.
    fn load(&self, reference: u32) -> G1Affine {
        let index = (reference & (ENDO - 1)) as usize;
        let G1Affine { x, y } = self.points[index];
        let x = match reference & ENDO {
            0 => x,
            _ => self.images[index],
        };
        let y = match reference & NEGATIVE {
            0 => y,
            _ => -y,
        };
        G1Affine { x, y }
    }
}

/// Terms of a sum: references into `bases`, each times a magnitude below 2^`bits`.
struct Terms<'b> {
    bases: std::borrow::Cow<'b, Bases>,
    references: Vec<u32>,
    magnitudes: Vec<u128>,
    bits: u32,
}

impl Terms<'_> {
    fn push(&mut self, index: usize, endo: u32, value: scalars::Signed) {
        if value.magnitude != 0 {
            let sign = if value.negative { NEGATIVE } else { 0 };
            self.references.push(index as u32 | endo | sign);
            self.magnitudes.push(value.magnitude);
        }
    }
}

/// `Σ scalars_i bases_i` for each column, in affine form.
///
/// Columns may be shorter than the bases, not longer: terms without a base are left out.
pub(crate) fn commit_all(bases: &Bases, columns: &[&[Fr]]) -> Vec<G1Affine> {
    let sums: Vec<G1> = columns
        .par_iter()
        .map(|column| multiexp(bases, column))
        .collect();
    let mut affine = vec![G1Affine::identity(); sums.len()];
    G1::batch_normalize(&sums, &mut affine);
    affine
}

/// `Σ scalars_i bases_i`, in parallel over windows.
pub(crate) fn multiexp(bases: &Bases, scalars: &[Fr]) -> G1 {
    let (small, large) = split(bases, scalars);
    let (small, large) = rayon::join(|| sum(&small), || sum(&large));
    small + large
}

/// Sorts scalars into small ones and the halves of large ones.
fn split<'b>(bases: &'b Bases, scalars: &[Fr]) -> (Terms<'b>, Terms<'b>) {
    let terms = |bases, bits| Terms {
        bases,
        references: Vec::new(),
        magnitudes: Vec::new(),
        bits,
    };
    let mut small = terms(std::borrow::Cow::Borrowed(bases), 0);
    let mut large = Vec::new();
    for (index, scalar) in scalars.iter().enumerate().take(bases.len()) {
        let limbs = scalars::limbs(scalar);
        match scalars::as_small(&limbs, SMALL_BITS) {
            Some(value) => small.push(index, 0, value),
            None => large.push((index as u32, limbs)),
        }
    }
    let all = small.magnitudes.iter().fold(0, |all, m| all | m);
    small.bits = 128 - all.leading_zeros();

    let (bases, large) = merge::equal_scalars(bases, large);
    let mut halves = terms(bases, HALF_BITS);
    for (index, limbs) in large {
        let [first, mut second] = scalars::decompose(&limbs);
        second.negative = !second.negative;
        halves.push(index as usize, 0, first);
        halves.push(index as usize, ENDO, second);
    }
    (small, halves)
}

fn sum(terms: &Terms<'_>) -> G1 {
    match terms.references.len() {
        0 => G1::identity(),
        1..=FEW_TERMS if terms.bits == HALF_BITS => buckets::shared_doublings(terms),
        _ => buckets::pippenger(terms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_proofs::arithmetic::best_multiexp;
    use halo2_proofs::halo2curves::ff::Field;
    use rand::{Rng, SeedableRng};
    use rand_chacha::ChaCha20Rng;

    fn column(rng: &mut ChaCha20Rng, kind: usize, rows: usize) -> Vec<Fr> {
        let repeated = Fr::random(&mut *rng);
        let mut column: Vec<Fr> = (0..rows)
            .map(|row| match kind {
                0 => Fr::ZERO,
                1 => Fr::random(&mut *rng),
                2 => Fr::from(rng.gen_range(0..4096u64)),
                3 => -Fr::from(rng.gen_range(0..256u64)),
                4 => match rng.gen_range(0..8) {
                    0 => Fr::random(&mut *rng),
                    1..4 => Fr::ZERO,
                    4 => -repeated,
                    _ => repeated,
                },
                5 => Fr::from(rng.r#gen::<u64>() >> rng.gen_range(0..64)),
                6 => Fr::from(u64::from(row == 3)),
                _ => Fr::from(rng.gen_range(0..2u64)) * repeated,
            })
            .collect();
        if kind > 1 {
            // Blinding rows.
            for cell in column.iter_mut().rev().take(6) {
                *cell = Fr::random(&mut *rng);
            }
        }
        column
    }

    #[test]
    fn equals_the_stock_multiexp_on_every_kind_of_column() {
        let mut rng = ChaCha20Rng::seed_from_u64(4);
        for rows in [1, 2, 7, 64, 513, 3000] {
            let points: Vec<G1> = (0..rows).map(|_| G1::random(&mut rng)).collect();
            let mut affine = vec![G1Affine::identity(); rows];
            G1::batch_normalize(&points, &mut affine);
            if rows > 7 {
                affine[5] = affine[4];
                affine[6] = -affine[4];
            }
            let bases = Bases::new(affine.clone());
            let columns: Vec<Vec<Fr>> = (0..8).map(|kind| column(&mut rng, kind, rows)).collect();
            let slices: Vec<&[Fr]> = columns.iter().map(Vec::as_slice).collect();
            let found = commit_all(&bases, &slices);
            for (kind, (column, found)) in columns.iter().zip(found).enumerate() {
                let expected = best_multiexp(column, &affine).to_affine();
                assert_eq!(found, expected, "kind {kind}, {rows} rows");
            }
            let short = &columns[1][..rows / 2];
            let expected = best_multiexp(short, &affine[..rows / 2]);
            assert_eq!(multiexp(&bases, short), expected);
        }
    }
}
