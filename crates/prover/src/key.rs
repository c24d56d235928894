//! Verifying keys: canonical data and digest.

use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::plonk::{self, permutation};
use halo2_proofs::poly::EvaluationDomain;
use haloracle_circuit::Shape;
use haloracle_circuit::lower::{MAX_K, MIN_K};
use haloracle_circuit::machine::config::DEGREE;

use crate::create::Commitments;
use crate::field_reduce::reduce;
use crate::files::keccak;
use crate::shape::shape_hash;
use crate::transcript::{point_from_words, point_words};

/// A verifying key as data: the part that differs between models.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    shape: Shape,
    k: u32,
    instances: usize,
    fixed: Vec<G1Affine>,
    permutation: Vec<G1Affine>,
}

/// Bytes that are not a verifying key of this machine.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a verifying key of this machine: {0}")]
pub struct KeyFormatError(String);

impl VerifyingKey {
    /// Takes the commitments of a generated key.
    pub(crate) fn new(shape: Shape, k: u32, instances: usize, commitments: Commitments) -> Self {
        Self {
            shape,
            k,
            instances,
            fixed: commitments.fixed,
            permutation: commitments.permutation,
        }
    }

    /// The constraint system that the key belongs to.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// log2 of the circuit's rows.
    pub fn k(&self) -> u32 {
        self.k
    }

    /// Number of public instances: a proof with any other number is invalid.
    pub fn instances(&self) -> usize {
        self.instances
    }

    /// Commitments: fixed columns, then permutations.
    pub fn commitments(&self) -> impl Iterator<Item = &G1Affine> {
        self.fixed.iter().chain(&self.permutation)
    }

    /// The data a contract holds: `k`, the instance count, then the commitments' coordinates,
    /// fixed columns first, all as 32-byte big-endian words. A zero column is (0, 0).
    pub fn to_data(&self) -> Vec<u8> {
        let mut data = vec![0; 64];
        data[28..32].copy_from_slice(&self.k.to_be_bytes());
        data[56..64].copy_from_slice(&(self.instances as u64).to_be_bytes());
        for point in self.fixed.iter().chain(&self.permutation) {
            data.extend_from_slice(&point_words(point));
        }
        data
    }

    /// Reads [`Self::to_data`] back, strictly.
    ///
    /// # Errors
    /// Wrong length, sizes out of range, coordinates that are no canonical point.
    pub fn from_data(data: &[u8]) -> Result<Self, KeyFormatError> {
        let bad = |what: String| Err(KeyFormatError(what));
        // The shapes have different numbers of columns, so the length tells which it is.
        let columns = |shape: Shape| {
            let meta = shape.constraint_system();
            (
                meta.num_fixed_columns(),
                meta.permutation().get_columns().len(),
            )
        };
        let shapes = Shape::ALL.map(|shape| (shape, columns(shape)));
        let fits = |(_, (fixed, permuted)): &&(Shape, (usize, usize))| {
            data.len() == 64 * (1 + fixed + permuted)
        };
        let Some((shape, (fixed, permuted))) = shapes.iter().find(fits).copied() else {
            return bad(format!("{} bytes fit neither shape", data.len()));
        };
        let count = fixed + permuted;
        let number = |at: usize| {
            let word = &data[at..at + 32];
            let low = word[24..]
                .iter()
                .fold(0u64, |sum, byte| sum << 8 | u64::from(*byte));
            word[..24].iter().all(|byte| *byte == 0).then_some(low)
        };
        let k = number(0).filter(|k| (u64::from(MIN_K)..=u64::from(MAX_K)).contains(k));
        let Some(k) = k else {
            return bad("k is out of range".into());
        };
        let instances = number(32).filter(|count| (3..1 << k).contains(count));
        let Some(instances) = instances else {
            return bad("the instance count is out of range".into());
        };
        let mut points = Vec::with_capacity(count);
        for (index, words) in data[64..].chunks(64).enumerate() {
            let zero = index < fixed && words.iter().all(|byte| *byte == 0);
            let point = match zero {
                true => Some(G1Affine::default()),
                false => point_from_words(words),
            };
            let Some(point) = point else {
                return bad(format!("commitment {index} is not a point of the curve"));
            };
            points.push(point);
        }
        let permutation = points.split_off(fixed);
        Ok(Self {
            shape,
            k: k as u32,
            instances: instances as usize,
            fixed: points,
            permutation,
        })
    }

    /// keccak-256 of the data; pinned on chain.
    pub fn hash(&self) -> [u8; 32] {
        keccak(&self.to_data())
    }

    /// The scalar that opens the transcript: hash of shape, SRS and data, modulo r.
    pub fn digest(&self, srs_hash: &[u8; 32]) -> Fr {
        let mut bytes = shape_hash(self.shape).to_vec();
        bytes.extend_from_slice(srs_hash);
        bytes.extend_from_slice(&self.to_data());
        reduce(&keccak(&bytes))
    }

    /// halo2's form of the key.
    pub fn to_halo2(&self) -> plonk::VerifyingKey<G1Affine> {
        let meta = self.shape.constraint_system();
        let domain = EvaluationDomain::new(DEGREE as u32, self.k);
        let permutation = permutation::VerifyingKey::from_commitments(self.permutation.clone());
        plonk::VerifyingKey::from_parts(
            domain,
            self.fixed.clone(),
            permutation,
            meta,
            Vec::new(),
            false,
        )
    }
}
