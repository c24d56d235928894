//! The whole circuit: verifies the proofs, combines what is left to be paired, and says what they
//! were about.
//!
//! Instances: the accumulator (L, R), each coordinate as its lower two limbs and its highest one;
//! then h, γ and D.
//! * `L = Σ r^i L_i + 2^255 s τG`, `R = Σ r^i W'_i + 2^255 s G` with r and s squeezed from all
//!   proofs. Every `L_i = τ W'_i` iff `e(L, [1]) = e(R, [τ])`, but for probability `slots / r`;
//!   the multiples of s cancel (they keep the sums away from exceptional cases).
//! * `h = Poseidon(key digest, digest of the instances, for each slot)`.
//! * `D = Σ γ^j word_j` over the slots' words, each slot's being its key digest and its instances
//!   padded with zeros. A contract that draws `γ = keccak256(claimed words, h, …)` and finds D
//!   right for its words knows that they are those behind h.

use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::halo2curves::ff::Field;
use halo2_proofs::poly::commitment::ParamsProver;
use haloracle_circuit::Shape;
use haloracle_circuit::field::from_word;
use haloracle_prover::poseidon::{MAX_INSTANCES, Purpose, capacity, route_element};
use haloracle_prover::{Srs, VerifyError};

use crate::curve::LoadedPoint;
use crate::gates::power_of_two;
use crate::inner::Inner;
use crate::limbs::BASE_BITS;
use crate::msm::{Table, Term};
use crate::rows::{Builder, Cell, Program};
use crate::transcript::Transcript;
use crate::verifier::{InnerProof, Verified, verify};

/// Words of a slot: its key digest and its padded instances.
pub const SLOT_WORDS: usize = 1 + MAX_INSTANCES;
/// Instances of the accumulator.
pub const ACCUMULATOR_WORDS: usize = 8;
/// Instances of an aggregate.
pub const INSTANCES: usize = ACCUMULATOR_WORDS + 3;

/// Why proofs cannot be aggregated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AggregateError {
    /// One circuit takes proofs of one shape.
    #[error(
        "proof {index} is of the {got} shape, this aggregate is of {expected} proofs: compile the model with `--shape {expected}`"
    )]
    OtherShape {
        /// Position.
        index: usize,
        /// The aggregate's.
        expected: Shape,
        /// The proof's.
        got: Shape,
    },
    /// Instances are hashed padded to a fixed length.
    #[error("proof {index} has {got} instances; an aggregate takes at most {MAX_INSTANCES}")]
    TooManyInstances {
        /// Position.
        index: usize,
        /// Its number.
        got: usize,
    },
    /// A circuit has a fixed number of slots.
    #[error("{got} proofs; this aggregate takes 1 to {slots}")]
    Count {
        /// Proofs given.
        got: usize,
        /// Slots.
        slots: usize,
    },
    /// An aggregate of an invalid proof would be invalid.
    #[error("proof {index} is not valid: {source}")]
    Invalid {
        /// Position.
        index: usize,
        /// Why.
        source: VerifyError,
    },
    /// A constraint system that the circuit's verifier does not cover.
    #[error("the machine's constraint system asks for what its proofs do not open")]
    Unsupported,
    /// Should only happen with proofs that were made so that it happens.
    #[error("these proofs cannot be aggregated together: {0}")]
    Exceptional(&'static str),
}

/// What an aggregate is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// h.
    pub hash: Fr,
    /// Words of all slots, padded.
    pub words: Vec<Fr>,
}

impl Statement {
    /// Of `proofs`, of which the last fills the slots that are left.
    ///
    /// # Errors
    /// Proofs that do not fit.
    pub fn new(
        shape: Shape,
        slots: usize,
        srs_hash: &[u8; 32],
        proofs: &[InnerProof],
    ) -> Result<Self, AggregateError> {
        let filled = fill(shape, slots, proofs)?;
        let mut elements = Vec::new();
        let mut words = Vec::new();
        for proof in filled {
            let instances = &proof.proof.instances;
            let instances: Vec<Fr> = instances
                .iter()
                .map(|word| from_word(word).unwrap_or(Fr::ZERO))
                .collect();
            let digest = haloracle_prover::poseidon::key_digest(&proof.key, srs_hash);
            elements.push(digest);
            elements.push(haloracle_prover::poseidon::instances_digest(&instances));
            words.push(digest);
            words.extend(&instances);
            words.resize(words.len() + MAX_INSTANCES - instances.len(), Fr::ZERO);
        }
        Ok(Self {
            hash: haloracle_circuit::poseidon::hash(capacity(Purpose::Aggregate, slots), &elements),
            words,
        })
    }

    /// `D = Σ γ^j word_j`.
    pub fn combine(&self, gamma: Fr) -> Fr {
        let words = self.words.iter().rev();
        words.fold(Fr::ZERO, |sum, word| sum * gamma + word)
    }
}

/// The proofs, with the last repeated until the slots are full.
fn fill(
    shape: Shape,
    slots: usize,
    proofs: &[InnerProof],
) -> Result<Vec<&InnerProof>, AggregateError> {
    if proofs.is_empty() || proofs.len() > slots {
        let got = proofs.len();
        return Err(AggregateError::Count { got, slots });
    }
    for (index, proof) in proofs.iter().enumerate() {
        let got = proof.key.shape();
        if got != shape {
            let expected = shape;
            return Err(AggregateError::OtherShape {
                index,
                expected,
                got,
            });
        }
        let got = proof.key.instances().max(proof.proof.instances.len());
        if got > MAX_INSTANCES {
            return Err(AggregateError::TooManyInstances { index, got });
        }
    }
    let last = proofs.len() - 1;
    Ok((0..slots).map(|slot| &proofs[slot.min(last)]).collect())
}

/// The circuit of an aggregate: shape, number of slots, SRS.
#[derive(Clone, Copy, Debug)]
pub struct Aggregator<'s> {
    /// Shape of the proofs.
    pub shape: Shape,
    /// Number of proofs.
    pub slots: usize,
    /// The SRS of the proofs and of the aggregate.
    pub srs: &'s Srs,
}

impl Aggregator<'_> {
    /// Writes the circuit with `proofs` as witness and γ as a contract drew it.
    ///
    /// # Errors
    /// Proofs that do not fit or are not valid.
    pub fn program(&self, proofs: &[InnerProof], gamma: Fr) -> Result<Program, AggregateError> {
        for (index, proof) in proofs.iter().enumerate() {
            haloracle_prover::keys::verify_for_aggregation(self.srs, &proof.key, &proof.proof)
                .map_err(|source| AggregateError::Invalid { index, source })?;
        }
        let program = self.unchecked(proofs, gamma)?;
        match program.broken {
            Some(why) => Err(AggregateError::Exceptional(why)),
            None => Ok(program),
        }
    }

    /// [`Self::program`] of proofs that may be invalid: for keys, which do not depend on the
    /// witness, and for tests.
    ///
    /// # Errors
    /// Proofs that do not fit.
    pub fn unchecked(&self, proofs: &[InnerProof], gamma: Fr) -> Result<Program, AggregateError> {
        let filled = fill(self.shape, self.slots, proofs)?;
        let inner = Inner::new(self.shape);
        let route = route_element(self.shape, &self.srs.hash());
        let mut builder = Builder::default();
        let verified: Option<Vec<Verified>> = filled
            .into_iter()
            .map(|proof| verify(&mut builder, &inner, route, proof))
            .collect();
        let verified = verified.ok_or(AggregateError::Unsupported)?;
        self.accumulate(&mut builder, &verified)
            .ok_or(AggregateError::Unsupported)?;
        state(&mut builder, &verified, gamma);
        Ok(builder.finish())
    }

    fn accumulate(&self, b: &mut Builder, verified: &[Verified]) -> Option<()> {
        let mut transcript = Transcript::new(b, Purpose::Combination);
        let last: Vec<Cell> = verified.iter().map(|v| v.last).collect();
        transcript.absorb(&last);
        let r = transcript.squeeze(b);
        let s = transcript.squeeze(b);
        let generator = self.constant_table(b, &self.srs.params().get_g()[0]);
        let secret = self.constant_table(b, self.srs.params().get_g().get(1)?);
        let mut power = b.constant(Fr::ONE);
        let mut left = Vec::new();
        let mut right = Vec::new();
        let mut of_generator = b.constant(Fr::ZERO);
        for (index, proof) in verified.iter().enumerate() {
            if index > 0 {
                power = b.mul(power, r);
            }
            for term in &proof.terms {
                let scalar = match index {
                    0 => term.scalar,
                    _ => b.mul(term.scalar, power),
                };
                let table = term.table;
                left.push(Term { scalar, table });
            }
            of_generator = b.mul_add(proof.generator, power, of_generator);
            right.push(Term {
                scalar: power,
                table: proof.opening,
            });
        }
        left.push(Term {
            scalar: of_generator,
            table: generator,
        });
        let start = |table| Term { scalar: s, table };
        let left = b.sum(start(secret), &left)?;
        let right = b.sum(start(generator), &right)?;
        for point in [left, right] {
            for limbs in [point.x, point.y] {
                let low = b.add_scaled(limbs[0], limbs[1], power_of_two(BASE_BITS));
                b.expose(low);
                b.expose(limbs[2]);
            }
        }
        Some(())
    }

    /// The table of a point that the circuit fixes.
    fn constant_table(&self, b: &mut Builder, point: &G1Affine) -> Table {
        let table = b.table(point);
        let limbs = haloracle_prover::poseidon::point_limbs(point);
        let LoadedPoint { x, y } = table.point;
        for (cells, limbs) in [x, y].into_iter().zip(limbs) {
            for (cell, limb) in cells.into_iter().zip(limbs) {
                let high = Fr::from((limb >> 64) as u64) * power_of_two(64);
                let fixed = b.constant(high + Fr::from(limb as u64));
                b.equal(cell, fixed);
            }
        }
        table
    }
}

/// Exposes h, γ and D.
fn state(b: &mut Builder, verified: &[Verified], gamma: Fr) {
    let mut elements = Vec::new();
    let mut words = Vec::new();
    for proof in verified {
        elements.extend([proof.digest, proof.instances_digest]);
        words.push(proof.digest);
        words.extend(&proof.instances);
    }
    let first = b.constant(capacity(Purpose::Aggregate, verified.len()));
    let hash = b.hash(first, &elements);
    let gamma = b.witness(gamma);
    let combined = b.horner(&words, gamma);
    for cell in [hash, gamma, combined] {
        b.expose(cell);
    }
}
