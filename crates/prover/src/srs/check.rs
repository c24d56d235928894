//! Whether the points of an SRS are powers of one secret.

use halo2_proofs::arithmetic::best_multiexp;
use halo2_proofs::halo2curves::{
    bn256::{Fr, G1Affine, G2Affine, pairing},
    ff::Field,
    group::Curve,
};
use halo2_proofs::poly::EvaluationDomain;
use halo2_proofs::poly::commitment::ParamsProver;
use rand::SeedableRng;
use rand_chacha::ChaCha20Rng;

use super::{Inconsistency, Srs, SrsError};

impl Srs {
    /// Checks by pairings that the points are powers of one non-trivial secret and that the
    /// Lagrange points belong to them, each with random coefficients: what is wrong passes with
    /// a probability of about 2^-254.
    ///
    /// # Errors
    /// [`SrsError::Inconsistent`].
    pub fn check(&self) -> Result<(), SrsError> {
        check_powers(self.params.get_g(), &self.params.s_g2())?;
        Ok(self.check_lagrange()?)
    }

    /// A random polynomial commits to the same point in both bases.
    pub(super) fn check_lagrange(&self) -> Result<(), Inconsistency> {
        let powers = self.params.get_g();
        let values = random(powers.len());
        let domain = EvaluationDomain::<Fr>::new(2, self.k());
        let coefficients = domain.lagrange_to_coeff(domain.lagrange_from_vec(values.clone()));
        let monomial = best_multiexp(&coefficients, powers);
        if monomial == best_multiexp(&values, &self.lagrange()) {
            Ok(())
        } else {
            Err(Inconsistency::Lagrange)
        }
    }
}

/// Checks that `powers`, at least two finite points of G1, are G, τG, τ²G, … for the τ ≠ 1 of
/// `secret` = τH. G being the generator is the caller's to check.
pub(super) fn check_powers(powers: &[G1Affine], secret: &G2Affine) -> Result<(), Inconsistency> {
    if secret == &G2Affine::generator() {
        return Err(Inconsistency::Trivial);
    }
    if !successive(&powers[..2], secret) {
        return Err(Inconsistency::Groups);
    }
    if successive(powers, secret) {
        return Ok(());
    }
    // The first wrong step lies between `start` and `end`.
    let (mut start, mut end) = (0, powers.len() - 1);
    while end - start > 1 {
        let middle = start.midpoint(end);
        if successive(&powers[start..=middle], secret) {
            start = middle;
        } else {
            end = middle;
        }
    }
    Err(Inconsistency::Power { index: end })
}

/// Whether each point is τ times the one before: `e(Σ cᵢ Pᵢ₊₁, H) = e(Σ cᵢ Pᵢ, τH)` for random c.
fn successive(points: &[G1Affine], secret: &G2Affine) -> bool {
    let steps = points.len() - 1;
    let coefficients = random(steps);
    let low = best_multiexp(&coefficients, &points[..steps]).to_affine();
    let high = best_multiexp(&coefficients, &points[1..]).to_affine();
    pairing(&high, &G2Affine::generator()) == pairing(&low, secret)
}

fn random(count: usize) -> Vec<Fr> {
    let mut rng = ChaCha20Rng::from_entropy();
    (0..count).map(|_| Fr::random(&mut rng)).collect()
}
