//! Keys of an aggregation circuit, proofs and their verification.
//!
//! One key serves every mixture of models, because nothing in the circuit's fixed columns depends
//! on the proofs; see [`Aggregator`].

use std::sync::Arc;

use halo2_proofs::halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2_proofs::plonk::{self, permutation};
use halo2_proofs::poly::EvaluationDomain;
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::KZGCommitmentScheme;
use halo2_proofs::poly::kzg::multiopen::VerifierSHPLONK;
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use haloracle_circuit::Shape;
use haloracle_prover::Srs;
use haloracle_prover::create::{CreateError, ProvingKey, create_proof};
use haloracle_prover::field_reduce::reduce;
use haloracle_prover::shape::describe;
use haloracle_prover::srs::SrsError;
use haloracle_prover::transcript::{EvmReader, EvmWriter, point_from_words, point_words};
use rand::rngs::OsRng;
use sha3::{Digest, Keccak256};

use crate::accumulator::{Accumulator, AccumulatorError};
use crate::aggregate::{AggregateError, Aggregator, INSTANCES};
use crate::circuit::AggregationCircuit;
use crate::config::constraint_system;
use crate::rows::Program;
use crate::verifier::InnerProof;

/// Rows that hold blinding, and the row of the permutation's last value.
pub fn unusable_rows() -> usize {
    constraint_system().blinding_factors() + 1
}

/// log2 of the rows that a program needs.
pub fn rows_log2(program: &Program) -> u32 {
    let rows = program.rows.len() + 1 + unusable_rows();
    rows.next_power_of_two().trailing_zeros()
}

/// keccak-256 of the constraint system's description.
pub fn shape_hash() -> [u8; 32] {
    Keccak256::digest(describe(&constraint_system())).into()
}

/// A verifying key of an aggregation circuit, as data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregationKey {
    k: u32,
    fixed: Vec<G1Affine>,
    permutation: Vec<G1Affine>,
}

/// Bytes that are not a key of an aggregation circuit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a verifying key of an aggregation circuit: {0}")]
pub struct KeyFormatError(String);

/// Why there is no aggregate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AggregationError {
    /// The proofs do not fit.
    #[error(transparent)]
    Proofs(#[from] AggregateError),
    /// The SRS does not fit.
    #[error(transparent)]
    Srs(#[from] SrsError),
    /// The circuit does not fit the proof system.
    #[error("proving failed: {0}")]
    Create(#[from] CreateError),
    /// The finished aggregate does not verify.
    #[error(
        "the finished aggregate does not verify ({0}); key and circuit may be of different versions"
    )]
    SelfCheck(#[from] VerifyError),
}

/// Why an aggregate is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// Every aggregate has the same number.
    #[error("{0} instances instead of {INSTANCES}")]
    InstanceCount(usize),
    /// The accumulator has no canonical form.
    #[error(transparent)]
    Accumulator(#[from] AccumulatorError),
    /// The circuit's proof does not show the instances.
    #[error("the proof is not valid for these instances and this key")]
    Invalid,
    /// Bytes behind the proof.
    #[error("trailing bytes behind the proof")]
    Trailing,
    /// Some aggregated proof is not valid.
    #[error("the accumulated proofs are not all valid")]
    Pairing,
}

/// An aggregate: a proof with its instances.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregateProof {
    /// Accumulator, h, γ, D.
    pub instances: Vec<Fr>,
    /// As contracts take it.
    pub evm: Vec<u8>,
}

impl AggregationKey {
    /// k, instance count and commitments as 32-byte words, as keys of models have them.
    pub fn to_data(&self) -> Vec<u8> {
        let mut data = vec![0; 64];
        data[28..32].copy_from_slice(&self.k.to_be_bytes());
        data[56..64].copy_from_slice(&(INSTANCES as u64).to_be_bytes());
        for point in self.fixed.iter().chain(&self.permutation) {
            data.extend_from_slice(&point_words(point));
        }
        data
    }

    /// Reads [`Self::to_data`] back, strictly.
    ///
    /// # Errors
    /// Wrong length, sizes, or points.
    pub fn from_data(data: &[u8]) -> Result<Self, KeyFormatError> {
        let cs = constraint_system();
        let fixed = cs.num_fixed_columns();
        let permuted = cs.permutation().get_columns().len();
        let expected = 64 * (1 + fixed + permuted);
        if data.len() != expected {
            let got = data.len();
            return Err(KeyFormatError(format!("{got} bytes instead of {expected}")));
        }
        let number = |at: usize| {
            let word = &data[at..at + 32];
            let low = word[24..]
                .iter()
                .fold(0u64, |sum, b| sum << 8 | u64::from(*b));
            word[..24].iter().all(|byte| *byte == 0).then_some(low)
        };
        let k = number(0).and_then(|k| u32::try_from(k).ok());
        let k = k.filter(|k| (1..=haloracle_prover::srs::MAX_K).contains(k));
        let k = k.ok_or_else(|| KeyFormatError("k is out of range".into()))?;
        if number(32) != Some(INSTANCES as u64) {
            return Err(KeyFormatError("the instance count is another".into()));
        }
        let points = data[64..].chunks(64).enumerate().map(|(index, words)| {
            let point = point_from_words(words);
            point.ok_or_else(|| KeyFormatError(format!("commitment {index} is not on the curve")))
        });
        let mut fixed_points = points.collect::<Result<Vec<_>, _>>()?;
        let permutation = fixed_points.split_off(fixed);
        Ok(Self {
            k,
            fixed: fixed_points,
            permutation,
        })
    }

    /// log2 of the rows.
    pub fn k(&self) -> u32 {
        self.k
    }

    /// Opens the transcript.
    pub fn digest(&self, srs_hash: &[u8; 32]) -> Fr {
        let bytes = [&shape_hash()[..], srs_hash, &self.to_data()].concat();
        reduce(&Keccak256::digest(bytes).into())
    }

    /// halo2's form.
    pub fn to_halo2(&self) -> plonk::VerifyingKey<G1Affine> {
        let cs = constraint_system();
        let domain = EvaluationDomain::new(cs.degree() as u32, self.k);
        let permutation = permutation::VerifyingKey::from_commitments(self.permutation.clone());
        plonk::VerifyingKey::from_parts(
            domain,
            self.fixed.clone(),
            permutation,
            cs,
            Vec::new(),
            false,
        )
    }

    /// Verifies an aggregate under `srs`: the circuit's proof, then the accumulator's pairing.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, srs: &Srs, proof: &AggregateProof) -> Result<(), VerifyError> {
        if proof.instances.len() != INSTANCES {
            return Err(VerifyError::InstanceCount(proof.instances.len()));
        }
        let accumulator = Accumulator::read(&proof.instances)?;
        let params = srs.verifier_params(self.k);
        let mut transcript = EvmReader::new(self.digest(&srs.hash()), &proof.evm);
        plonk::verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
            &params,
            &self.to_halo2(),
            SingleStrategy::new(&params),
            &[&[&proof.instances]],
            &mut transcript,
        )
        .map_err(|_| VerifyError::Invalid)?;
        if !transcript.is_finished() {
            return Err(VerifyError::Trailing);
        }
        match accumulator.holds(srs) {
            true => Ok(()),
            false => Err(VerifyError::Pairing),
        }
    }
}

/// Keys to make aggregates with.
#[derive(Debug)]
pub struct AggregationKeys {
    shape: Shape,
    slots: usize,
    srs: Srs,
    proving: ProvingKey,
    verifying: AggregationKey,
}

impl AggregationKeys {
    /// Makes the keys of a circuit with `slots` proofs of `shape`. The circuit is written once
    /// with `example` as witness, of which nothing enters the keys.
    ///
    /// # Errors
    /// An SRS that is too small.
    pub fn generate(
        shape: Shape,
        slots: usize,
        srs: &Srs,
        example: &InnerProof,
    ) -> Result<Self, AggregationError> {
        Self::load(shape, slots, srs, example, None)
    }

    /// [`Self::generate`], but takes a verifying key that was made before at its word: commitments
    /// take most of the time. If it is another circuit's, no aggregate passes its check.
    ///
    /// # Errors
    /// An SRS that is too small.
    pub fn load(
        shape: Shape,
        slots: usize,
        srs: &Srs,
        example: &InnerProof,
        known: Option<AggregationKey>,
    ) -> Result<Self, AggregationError> {
        let aggregator = Aggregator { shape, slots, srs };
        let program = aggregator.unchecked(std::slice::from_ref(example), Fr::from(0))?;
        let truncated = srs.truncate(rows_log2(&program))?;
        let circuit = AggregationCircuit::without_witness(Arc::new(program));
        let monomial = truncated.params().get_g().to_vec();
        let proving = ProvingKey::generate(&circuit, monomial, truncated.lagrange())?;
        let verifying = known.unwrap_or_else(|| {
            let commitments = proving.commitments();
            AggregationKey {
                k: truncated.k(),
                fixed: commitments.fixed,
                permutation: commitments.permutation,
            }
        });
        Ok(Self {
            shape,
            slots,
            verifying,
            srs: truncated,
            proving,
        })
    }

    /// The verifying key.
    pub fn verifying_key(&self) -> &AggregationKey {
        &self.verifying
    }

    /// Aggregates `proofs` with γ as a contract drew it, and verifies the result.
    ///
    /// # Errors
    /// Proofs that are not valid or do not fit.
    pub fn prove(
        &self,
        proofs: &[InnerProof],
        gamma: Fr,
    ) -> Result<AggregateProof, AggregationError> {
        let aggregator = Aggregator {
            shape: self.shape,
            slots: self.slots,
            srs: &self.srs,
        };
        let proof = self.prove_program(aggregator.program(proofs, gamma)?)?;
        self.verifying.verify(&self.srs, &proof)?;
        Ok(proof)
    }

    /// Proves a program as it is, unchecked: the result may be invalid. For tests that tamper.
    ///
    /// # Errors
    /// A program that does not fit the keys.
    pub fn prove_program(&self, program: Program) -> Result<AggregateProof, AggregationError> {
        let instances = program.instances.clone();
        let circuit = AggregationCircuit::new(Arc::new(program));
        let digest = self.verifying.digest(&self.srs.hash());
        let mut transcript = EvmWriter::new(digest);
        create_proof(
            &self.proving,
            &circuit,
            &[&instances],
            digest,
            OsRng,
            &mut transcript,
        )?;
        Ok(AggregateProof {
            instances,
            evm: transcript.finish(),
        })
    }
}
