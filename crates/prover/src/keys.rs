//! Key generation, proving and verification.

use std::sync::Arc;

use halo2_proofs::halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2_proofs::plonk::{self, create_proof, keygen_pk2};
use halo2_proofs::poly::kzg::commitment::KZGCommitmentScheme;
use halo2_proofs::poly::kzg::multiopen::{ProverSHPLONK, VerifierSHPLONK};
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use haloracle_circuit::machine::config::DEGREE;
use haloracle_circuit::{LowerError, MachineCircuit, Program, Witness, WitnessError, field, lower};
use haloracle_model::IntegerModel;
use haloracle_model::words::Word;
use rand::rngs::OsRng;

use crate::key::VerifyingKey;
use crate::proof::Proof;
use crate::shape::constraint_system;
use crate::srs::{Srs, SrsError};
use crate::transcript::{EvmReader, EvmWriter};

/// Everything needed to prove and verify one model.
#[derive(Debug)]
pub struct Keys {
    model: Arc<IntegerModel>,
    program: Arc<Program>,
    srs: Srs,
    proving: plonk::ProvingKey<G1Affine>,
    verifying: VerifyingKey,
    digest: Fr,
}

/// Why keys cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The model does not fit the machine.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// The SRS does not fit.
    #[error(transparent)]
    Srs(#[from] SrsError),
    /// The proof system was told another gate degree.
    #[error(
        "the proof system's degree is {got} instead of {DEGREE}: unset the environment \
         variable MAX_DEGREE"
    )]
    Degree {
        /// Degree in force.
        got: usize,
    },
    /// halo2 refused.
    #[error("key generation failed: {0}")]
    Keygen(plonk::Error),
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The input is not of the domain, or keys and model differ.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// halo2 refused.
    #[error("proving failed: {0}")]
    Prover(plonk::Error),
    /// The finished proof does not verify: keys and program differ, or memory is faulty.
    #[error(
        "the finished proof does not verify ({0}); the bundle's keys may be damaged: run setup again"
    )]
    SelfCheck(VerifyError),
}

/// Why a proof is not accepted.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum VerifyError {
    /// The key fixes the number of instances.
    #[error("the key takes {expected} instances, the proof comes with {got}")]
    InstanceCount {
        /// The key's count.
        expected: usize,
        /// The proof's count.
        got: usize,
    },
    /// An instance is not below the scalar field's modulus.
    #[error("instance {index} is not below the field's modulus")]
    InstanceRange {
        /// Position.
        index: usize,
    },
    /// Bytes behind the proof.
    #[error("trailing bytes behind the proof")]
    Trailing,
    /// The proof does not show the instances under this key.
    #[error("the proof is not valid for these instances and this key")]
    Invalid,
}

/// Checks that the degree in force is the machine's.
fn check_degree() -> Result<(), SetupError> {
    match constraint_system().degree() {
        DEGREE => Ok(()),
        got => Err(SetupError::Degree { got }),
    }
}

impl Keys {
    /// Lowers `model` and generates its keys.
    ///
    /// # Errors
    /// A model that does not fit, or an SRS smaller than the circuit.
    pub fn generate(model: &IntegerModel, srs: &Srs) -> Result<Self, SetupError> {
        let program = Arc::new(lower(model)?);
        Self::generate_for(Arc::new(model.clone()), program, srs)
    }

    /// Generates keys for a lowered model.
    pub(crate) fn generate_for(
        model: Arc<IntegerModel>,
        program: Arc<Program>,
        srs: &Srs,
    ) -> Result<Self, SetupError> {
        check_degree()?;
        let srs = srs.truncate(program.k)?;
        let circuit = MachineCircuit::without_witness(Arc::clone(&program));
        let proving = keygen_pk2(srs.params(), &circuit, false).map_err(SetupError::Keygen)?;
        Ok(Self::assemble(model, program, srs, proving))
    }

    /// Puts loaded parts together.
    pub(crate) fn assemble(
        model: Arc<IntegerModel>,
        program: Arc<Program>,
        srs: Srs,
        proving: plonk::ProvingKey<G1Affine>,
    ) -> Self {
        let verifying = VerifyingKey::new(proving.get_vk(), program.instances);
        let digest = verifying.digest(&srs.hash());
        Self {
            model,
            program,
            srs,
            proving,
            verifying,
            digest,
        }
    }

    /// The verifying key.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.verifying
    }

    /// The SRS, truncated to the circuit.
    pub fn srs(&self) -> &Srs {
        &self.srs
    }

    /// The model.
    pub fn model(&self) -> &IntegerModel {
        &self.model
    }

    /// The row program.
    pub fn program(&self) -> &Arc<Program> {
        &self.program
    }

    pub(crate) fn proving_key(&self) -> &plonk::ProvingKey<G1Affine> {
        &self.proving
    }

    /// Runs the model on `raw`, proves the run under the statement `tag`, and verifies the proof.
    ///
    /// # Errors
    /// An input outside the domain; keys that do not belong to the model.
    pub fn prove(&self, raw: &[i64], tag: &Word) -> Result<Proof, ProveError> {
        let witness = Witness::new(&self.model, &self.program, raw, tag)?;
        let proof = self.prove_witness(witness)?;
        self.verify(&proof).map_err(ProveError::SelfCheck)?;
        Ok(proof)
    }

    /// Proves a witness as it is, unchecked: halo2 does not notice an unsatisfied circuit, so
    /// the result may be an invalid proof. For tests that tamper with witnesses.
    ///
    /// # Errors
    /// What halo2 itself refuses.
    pub fn prove_witness(&self, witness: Witness) -> Result<Proof, ProveError> {
        let values = witness.instance_values();
        let instances = witness.instances.clone();
        let circuit = MachineCircuit::new(Arc::clone(&self.program), Arc::new(witness));
        let mut transcript = EvmWriter::new(self.digest);
        create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
            self.srs.params(),
            &self.proving,
            &[circuit],
            &[&[&values]],
            OsRng,
            &mut transcript,
        )
        .map_err(ProveError::Prover)?;
        Ok(Proof {
            instances,
            evm: transcript.finish(),
        })
    }

    /// Verifies a proof of this model.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, proof: &Proof) -> Result<(), VerifyError> {
        verify_with(
            &self.srs,
            self.proving.get_vk(),
            self.digest,
            self.verifying.instances(),
            proof,
        )
    }
}

/// Verifies `proof` under a key given as data.
///
/// # Errors
/// Why it is not accepted.
pub fn verify(srs: &Srs, key: &VerifyingKey, proof: &Proof) -> Result<(), VerifyError> {
    let digest = key.digest(&srs.hash());
    verify_with(srs, &key.to_halo2(), digest, key.instances(), proof)
}

fn verify_with(
    srs: &Srs,
    key: &plonk::VerifyingKey<G1Affine>,
    digest: Fr,
    count: usize,
    proof: &Proof,
) -> Result<(), VerifyError> {
    if proof.instances.len() != count {
        return Err(VerifyError::InstanceCount {
            expected: count,
            got: proof.instances.len(),
        });
    }
    let mut values = Vec::with_capacity(count);
    for (index, word) in proof.instances.iter().enumerate() {
        values.push(field::from_word(word).ok_or(VerifyError::InstanceRange { index })?);
    }
    let mut transcript = EvmReader::new(digest, &proof.evm);
    plonk::verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        srs.params(),
        key,
        SingleStrategy::new(srs.params()),
        &[&[&values]],
        &mut transcript,
    )
    .map_err(|_| VerifyError::Invalid)?;
    if !transcript.is_finished() {
        return Err(VerifyError::Trailing);
    }
    Ok(())
}
