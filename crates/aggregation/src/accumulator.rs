//! The pairing that an aggregate leaves to its verifier.

use halo2_proofs::halo2curves::CurveAffine;
use halo2_proofs::halo2curves::bn256::{Bn256, Fq, Fr, G1Affine, G2Prepared, Gt};
use halo2_proofs::halo2curves::ff::PrimeField;
use halo2_proofs::halo2curves::pairing::{MillerLoopResult, MultiMillerLoop};
use haloracle_prover::Srs;
use num_bigint::BigUint;

use crate::aggregate::ACCUMULATOR_WORDS;
use crate::limbs::{BASE_BITS, to_integer};

/// Two points, `L = τ R` if every aggregated proof is valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accumulator {
    /// L.
    pub left: G1Affine,
    /// R.
    pub right: G1Affine,
}

/// Instances that are no accumulator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccumulatorError {
    /// Fewer instances than an accumulator has.
    #[error("{0} instances; an aggregate has {ACCUMULATOR_WORDS} of its accumulator")]
    Count(usize),
    /// A part of a coordinate that is too large: coordinates have one form only.
    #[error("instance {index}, part of the accumulator's coordinates, has more than {bits} bits")]
    Range {
        /// Position.
        index: usize,
        /// Largest size.
        bits: u64,
    },
    /// A coordinate that is not below the field's modulus, or not on the curve.
    #[error("point {0} of the accumulator is not a canonical point of the curve")]
    Point(usize),
}

impl Accumulator {
    /// Reads the first instances of an aggregate, strictly.
    ///
    /// # Errors
    /// What no contract would accept either.
    pub fn read(instances: &[Fr]) -> Result<Self, AccumulatorError> {
        let words = instances.get(..ACCUMULATOR_WORDS);
        let words = words.ok_or(AccumulatorError::Count(instances.len()))?;
        let low_bits = 2 * BASE_BITS as u64;
        let mut coordinates = Vec::new();
        for (pair, words) in words.chunks(2).enumerate() {
            let mut parts = [BigUint::default(), BigUint::default()];
            for (half, word) in words.iter().enumerate() {
                let bits = if half == 0 {
                    low_bits
                } else {
                    BASE_BITS as u64
                };
                let index = 2 * pair + half;
                parts[half] = to_integer(word);
                if parts[half].bits() > bits {
                    return Err(AccumulatorError::Range { index, bits });
                }
            }
            let value = &parts[0] + (&parts[1] << low_bits);
            let bytes = value.to_bytes_le();
            let mut repr = [0; 32];
            let fits = bytes.len() <= repr.len();
            if fits {
                repr[..bytes.len()].copy_from_slice(&bytes);
            }
            let coordinate: Option<Fq> = Fq::from_repr(repr).into();
            let coordinate = coordinate.filter(|_| fits);
            coordinates.push(coordinate.ok_or(AccumulatorError::Point(pair / 2))?);
        }
        let point = |index: usize| {
            let (x, y) = (coordinates[2 * index], coordinates[2 * index + 1]);
            let point: Option<G1Affine> = G1Affine::from_xy(x, y).into();
            point.ok_or(AccumulatorError::Point(index))
        };
        Ok(Self {
            left: point(0)?,
            right: point(1)?,
        })
    }

    /// Whether `e(L, [1]) = e(R, [τ])`.
    pub fn holds(&self, srs: &Srs) -> bool {
        let one = G2Prepared::from(srs.params().g2());
        let secret = G2Prepared::from(-srs.params().s_g2());
        let terms = [(&self.left, &one), (&self.right, &secret)];
        Bn256::multi_miller_loop(&terms).final_exponentiation() == Gt::identity()
    }
}
