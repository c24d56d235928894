//! Transforms between values on the rows and coefficients.
//!
//! Rows are the powers of a root of unity `ω` of order `n = 2^k`. The inverse transform takes
//! values in row order to coefficients in bit-reversed order (decimation in frequency, Gentleman
//! and Sande), the transform to a coset takes these to values in row order (decimation in time,
//! Cooley and Tukey), so no step reorders anything. The powers of a coset's shift are part of
//! its twiddle factors, hence a transform to a coset costs no more than one to the rows.

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::{BatchInvert, Field, PrimeField, WithSmallOrderMulGroup};
use rayon::prelude::*;

/// The rows and the constants of their transforms.
#[derive(Clone, Debug)]
pub(super) struct Domain {
    k: u32,
    omega: Fr,
    n_inverse: Fr,
    /// `ω_2m^j` at `m + j`, for each power of two `m < n` and `j < m`.
    twiddles: Vec<Fr>,
    /// The same of `ω^-1`.
    inverse_twiddles: Vec<Fr>,
}

/// A shifted copy of the rows: `shift · ω^i`.
#[derive(Clone, Debug)]
pub(super) struct Coset {
    /// The shift.
    pub(super) shift: Fr,
    /// `shift^n`, the value of `X^n` everywhere on the coset.
    pub(super) power: Fr,
    /// Twiddle factors times powers of the shift.
    twiddles: Vec<Fr>,
    /// Their inverses.
    inverse_twiddles: Vec<Fr>,
}

impl Domain {
    /// The domain of `2^k` rows; `k` at most 28, the field's two-adicity.
    pub(super) fn new(k: u32) -> Self {
        let power = |root: Fr| (k..Fr::S).fold(root, |root, _| root.square());
        let omega = power(Fr::ROOT_OF_UNITY);
        Self {
            k,
            omega,
            n_inverse: Fr::TWO_INV.pow([u64::from(k)]),
            twiddles: twiddles(k, omega),
            inverse_twiddles: twiddles(k, power(Fr::ROOT_OF_UNITY_INV)),
        }
    }

    /// Number of rows.
    pub(super) fn rows(&self) -> usize {
        1 << self.k
    }

    /// `ω`.
    pub(super) fn omega(&self) -> Fr {
        self.omega
    }

    /// `ω^rotation`.
    pub(super) fn rotation(&self, rotation: i32) -> Fr {
        let rows = self.rows() as i64;
        self.omega
            .pow([i64::from(rotation).rem_euclid(rows) as u64])
    }

    /// The `index`th of the cosets on which the quotient is evaluated. Their shifts are
    /// `ζ ω_4n^index`, like those of halo2's extended domain.
    pub(super) fn coset(&self, index: u32) -> Coset {
        let power = |root: Fr| (self.k + 2..Fr::S).fold(root, |root, _| root.square());
        let step = [Fr::ROOT_OF_UNITY, Fr::ROOT_OF_UNITY_INV]
            .map(|root| power(root).pow([u64::from(index)]));
        let shift = Fr::ZETA * step[0];
        Coset {
            shift,
            power: shift.pow([1 << self.k]),
            twiddles: self.shifted(&self.twiddles, shift),
            inverse_twiddles: self.shifted(&self.inverse_twiddles, Fr::ZETA.square() * step[1]),
        }
    }

    /// Twiddle factors times `shift^(n / 2m)` in each stage `m`.
    fn shifted(&self, twiddles: &[Fr], shift: Fr) -> Vec<Fr> {
        let mut twiddles = twiddles.to_vec();
        let mut power = shift;
        for stage in (0..self.k).rev() {
            let half = 1 << stage;
            for twiddle in &mut twiddles[half..2 * half] {
                *twiddle *= power;
            }
            power = power.square();
        }
        twiddles
    }

    /// Values on the rows to coefficients in bit-reversed order, in place.
    pub(super) fn interpolate(&self, values: &mut [Fr]) {
        self.inverse(values, &self.inverse_twiddles, self.n_inverse);
    }

    /// Values on a coset to coefficients in bit-reversed order times `factor`, in place.
    pub(super) fn interpolate_coset(&self, coset: &Coset, values: &mut [Fr], factor: Fr) {
        self.inverse(values, &coset.inverse_twiddles, self.n_inverse * factor);
    }

    fn inverse(&self, values: &mut [Fr], twiddles: &[Fr], factor: Fr) {
        let mut half = values.len() / 2;
        while half > 1 {
            let twiddles = &twiddles[half..2 * half];
            for block in values.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for ((a, b), twiddle) in low.iter_mut().zip(high).zip(twiddles) {
                    let difference = *a - *b;
                    *a += *b;
                    *b = difference * twiddle;
                }
            }
            half /= 2;
        }
        let last = twiddles[1] * factor;
        for pair in values.chunks_exact_mut(2) {
            if let [a, b] = pair {
                let difference = *a - *b;
                *a = (*a + *b) * factor;
                *b = difference * last;
            }
        }
    }

    /// Coefficients in bit-reversed order to values on a coset, in place.
    pub(super) fn evaluate(&self, coset: &Coset, coefficients: &mut [Fr]) {
        let mut half = 1;
        while half < coefficients.len() {
            let twiddles = &coset.twiddles[half..2 * half];
            for block in coefficients.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                for ((a, b), twiddle) in low.iter_mut().zip(high).zip(twiddles) {
                    let product = *b * twiddle;
                    *b = *a - product;
                    *a += product;
                }
            }
            half *= 2;
        }
    }

    /// Moves a vector between natural and bit-reversed order.
    pub(super) fn reverse_bits(&self, values: &mut [Fr]) {
        for index in 0..values.len() {
            let other = index.reverse_bits() >> (usize::BITS - self.k);
            if index < other {
                values.swap(index, other);
            }
        }
    }

    /// The values at `x` of the polynomials that are 1 on one row and 0 on the others:
    /// `l_i(x) = ω^i (x^n − 1) / (n (x − ω^i))`.
    ///
    /// `l_i(ω^r x) = l_(i−r)(x)`, so these serve every rotation of `x`.
    pub(super) fn lagrange(&self, x: Fr) -> Vec<Fr> {
        let rows = || powers(Fr::ONE, self.omega).take(self.rows());
        let mut values: Vec<Fr> = rows().map(|row| x - row).collect();
        batch_invert(&mut values);
        let factor = (x.pow([1 << self.k]) - Fr::ONE) * self.n_inverse;
        for (value, row) in values.iter_mut().zip(rows()) {
            *value *= row * factor;
        }
        values
    }

    /// `l_0` on a coset; `l_i` is the same, rotated by `−i`.
    pub(super) fn lagrange_first(&self, coset: &Coset) -> Vec<Fr> {
        let mut values = self.points(coset);
        for value in &mut values {
            *value -= Fr::ONE;
        }
        batch_invert(&mut values);
        let factor = (coset.power - Fr::ONE) * self.n_inverse;
        for value in &mut values {
            *value *= factor;
        }
        values
    }

    /// The coset's points in row order.
    pub(super) fn points(&self, coset: &Coset) -> Vec<Fr> {
        powers(coset.shift, self.omega).take(self.rows()).collect()
    }
}

/// `first · ratio^i` for `i = 0, 1, …`
pub(super) fn powers(first: Fr, ratio: Fr) -> impl Iterator<Item = Fr> {
    std::iter::successors(Some(first), move |power| Some(*power * ratio))
}

/// Inverts every non-zero element, in parallel.
pub(super) fn batch_invert(values: &mut [Fr]) {
    let size = values.len().div_ceil(rayon::current_num_threads()).max(256);
    values.par_chunks_mut(size).for_each(|part| {
        part.iter_mut().batch_invert();
    });
}

fn twiddles(k: u32, omega: Fr) -> Vec<Fr> {
    let rows = 1usize << k;
    let mut table = vec![Fr::ONE; rows];
    if rows == 1 {
        return table;
    }
    // The last stage holds all powers below n / 2; each stage before, every other one of them.
    let half = rows / 2;
    let mut power = Fr::ONE;
    for twiddle in &mut table[half..] {
        *twiddle = power;
        power *= omega;
    }
    for index in (1..half).rev() {
        let stage = 1 << index.ilog2();
        table[index] = table[2 * stage + 2 * (index - stage)];
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use halo2_proofs::arithmetic::eval_polynomial;
    use halo2_proofs::poly::EvaluationDomain;
    use rand::SeedableRng;
    use rand_chacha::ChaCha20Rng;

    #[test]
    fn transforms_agree_with_evaluation() {
        let mut rng = ChaCha20Rng::seed_from_u64(5);
        for k in [1, 2, 3, 7] {
            let domain = Domain::new(k);
            let rows = domain.rows();
            assert_eq!(domain.omega(), EvaluationDomain::new(5, k).get_omega());
            let values: Vec<Fr> = (0..rows).map(|_| Fr::random(&mut rng)).collect();
            let mut coefficients = values.clone();
            domain.interpolate(&mut coefficients);
            let mut natural = coefficients.clone();
            domain.reverse_bits(&mut natural);
            for (row, value) in values.iter().enumerate() {
                let point = domain.rotation(row as i32);
                assert_eq!(eval_polynomial(&natural, point), *value);
            }
            for index in 0..4 {
                let coset = domain.coset(index);
                let mut on_coset = coefficients.clone();
                domain.evaluate(&coset, &mut on_coset);
                let points = domain.points(&coset);
                for (point, value) in points.iter().zip(&on_coset) {
                    assert_eq!(eval_polynomial(&natural, *point), *value);
                    assert_eq!(point.pow([rows as u64]), coset.power);
                }
                let mut back = on_coset.clone();
                let factor = Fr::from(3);
                domain.interpolate_coset(&coset, &mut back, factor);
                let tripled: Vec<Fr> = coefficients.iter().map(|c| c * factor).collect();
                assert_eq!(back, tripled);
                let first = domain.lagrange_first(&coset);
                let mut unit = vec![Fr::ZERO; rows];
                unit[0] = Fr::ONE;
                domain.interpolate(&mut unit);
                domain.evaluate(&coset, &mut unit);
                assert_eq!(first, unit);
            }
            let x = Fr::random(&mut rng);
            for rotation in [0, 1, -1, 5] {
                let lagrange = domain.lagrange(x * domain.rotation(rotation));
                let value: Fr = lagrange.iter().zip(&values).map(|(l, v)| l * v).sum();
                let point = x * domain.rotation(rotation);
                assert_eq!(eval_polynomial(&natural, point), value);
                for (row, l) in lagrange.iter().enumerate() {
                    let at = (row as i64 - i64::from(rotation)).rem_euclid(rows as i64);
                    assert_eq!(*l, domain.lagrange(x)[at as usize]);
                }
            }
        }
    }
}
