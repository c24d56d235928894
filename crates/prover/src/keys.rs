//! Key generation, proving and verification.

use std::sync::Arc;

use halo2_proofs::halo2curves::bn256::{Bn256, Fr, G1Affine};
use halo2_proofs::halo2curves::ff::Field;
use halo2_proofs::plonk;
use halo2_proofs::poly::commitment::ParamsProver;
use halo2_proofs::poly::kzg::commitment::{KZGCommitmentScheme, ParamsKZG};
use halo2_proofs::poly::kzg::multiopen::VerifierSHPLONK;
use halo2_proofs::poly::kzg::strategy::SingleStrategy;
use haloracle_circuit::wide::WideCircuit;
use haloracle_circuit::{
    CompileError, Filled, Item, Lowered, MachineCircuit, Shape, WitnessError, compile, field,
};
use haloracle_model::IntegerModel;
use haloracle_model::words::Word;
use rand::rngs::OsRng;

use crate::create::{CreateError, ProvingKey, create_proof};
use crate::key::VerifyingKey;
use crate::poseidon::{PoseidonReader, PoseidonWriter, key_digest};
use crate::proof::{Proof, TranscriptKind};
use crate::shape::{EnvironmentError, check_environment};
use crate::srs::{Srs, SrsError};
use crate::transcript::{EvmReader, EvmWriter};

/// Everything needed to prove and verify one model.
#[derive(Debug)]
pub struct Keys {
    model: Arc<IntegerModel>,
    program: Lowered,
    srs: Srs,
    proving: ProvingKey,
    verifying: VerifyingKey,
    /// `verifying` as halo2 takes it.
    halo2: plonk::VerifyingKey<G1Affine>,
    digest: Fr,
    model_salt: Fr,
}

/// Why keys cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// The model does not fit the machine.
    #[error(transparent)]
    Lower(#[from] CompileError),
    /// The SRS does not fit.
    #[error(transparent)]
    Srs(#[from] SrsError),
    /// The environment changes the proof system.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// The circuit does not fit the proof system.
    #[error("key generation failed: {0}")]
    Keygen(#[from] CreateError),
}

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The input is not of the domain, or keys and model differ.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// Private inputs without a salt.
    #[error("the model's inputs are private: give the salt of their commitment")]
    NoSalt,
    /// More inputs than the keys answer at once, or none.
    #[error("these keys answer {most} inputs at once, not {got}")]
    Items {
        /// Items of the keys.
        most: usize,
        /// Inputs given.
        got: usize,
    },
    /// Not one salt per private input.
    #[error("{got} salts for {needed} private inputs")]
    Salts {
        /// Private inputs.
        needed: usize,
        /// Salts given.
        got: usize,
    },
    /// A salt that is no field element.
    #[error(
        "the salt is not below the field's modulus: draw 32 random bytes, the first below 0x30"
    )]
    BadSalt,
    /// A witness of the other shape.
    #[error("the keys are of the {0} shape, the witness is not")]
    OtherShape(Shape),
    /// The witness does not fit the keys.
    #[error("proving failed: {0}")]
    Prover(#[from] CreateError),
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
    /// Nothing was checked: the environment changes the proof system.
    #[error(transparent)]
    Environment(#[from] EnvironmentError),
    /// A tag half has more than 128 bits.
    #[error("instance {index}, half of the statement's tag, has more than 128 bits")]
    TagRange {
        /// Position.
        index: usize,
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

impl Keys {
    /// Lowers `model` and generates its keys.
    ///
    /// # Errors
    /// A model that does not fit, or an SRS smaller than the circuit.
    pub fn generate(model: &IntegerModel, srs: &Srs) -> Result<Self, SetupError> {
        let program = compile(model, None)?;
        Self::generate_for(Arc::new(model.clone()), program, srs)
    }

    /// Generates keys for a lowered model.
    pub fn generate_for(
        model: Arc<IntegerModel>,
        program: Lowered,
        srs: &Srs,
    ) -> Result<Self, SetupError> {
        check_environment()?;
        let srs = srs.truncate(program.k())?;
        let proving = proving_key(&program, &srs)?;
        let verifying = verifying_key(&program, &proving);
        Ok(Self::with(model, program, srs, proving, verifying))
    }

    /// The verifying key of a lowered model, made anew.
    pub(crate) fn derive_verifying(
        program: &Lowered,
        srs: &Srs,
    ) -> Result<VerifyingKey, SetupError> {
        check_environment()?;
        let srs = srs.truncate(program.k())?;
        Ok(verifying_key(program, &proving_key(program, &srs)?))
    }

    /// Puts loaded parts together. `verifying` is taken at its word: if it is the key of another
    /// circuit, no proof passes its check.
    pub(crate) fn assemble(
        model: Arc<IntegerModel>,
        program: Lowered,
        srs: Srs,
        verifying: VerifyingKey,
    ) -> Result<Self, SetupError> {
        check_environment()?;
        let srs = match srs.k() == program.k() {
            true => srs,
            false => srs.truncate(program.k())?,
        };
        let proving = proving_key(&program, &srs)?;
        Ok(Self::with(model, program, srs, proving, verifying))
    }

    fn with(
        model: Arc<IntegerModel>,
        program: Lowered,
        srs: Srs,
        proving: ProvingKey,
        verifying: VerifyingKey,
    ) -> Self {
        Self {
            digest: verifying.digest(&srs.hash()),
            halo2: verifying.to_halo2(),
            model,
            program,
            srs,
            proving,
            verifying,
            model_salt: Fr::ZERO,
        }
    }

    /// Sets the salt of the commitment to private weights.
    pub(crate) fn set_model_salt(&mut self, salt: Fr) {
        self.model_salt = salt;
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
    pub fn program(&self) -> &Lowered {
        &self.program
    }

    /// Runs the model on `raw`, proves the run under the statement `tag`, and verifies the proof.
    ///
    /// # Errors
    /// An input outside the domain; keys that do not belong to the model; a model whose inputs
    /// are private, which needs [`Self::prove_private`].
    pub fn prove(&self, raw: &[i64], tag: &Word) -> Result<Proof, ProveError> {
        if self.model.privacy.inputs {
            return Err(ProveError::NoSalt);
        }
        self.prove_salted(raw, Fr::ZERO, tag)
    }

    /// [`Self::prove`] for private inputs, committed to under `salt`: 32 random bytes below the
    /// field's modulus, used for one request only.
    ///
    /// # Errors
    /// As [`Self::prove`]; a salt that is not below the modulus.
    pub fn prove_private(&self, raw: &[i64], salt: &Word, tag: &Word) -> Result<Proof, ProveError> {
        let salt = field::from_word(salt).ok_or(ProveError::BadSalt)?;
        self.prove_salted(raw, salt, tag)
    }

    fn prove_salted(&self, raw: &[i64], input: Fr, tag: &Word) -> Result<Proof, ProveError> {
        self.prove_items(&[Item { raw, salt: input }], tag, TranscriptKind::Keccak)
    }

    /// Proves the answers to up to [`Lowered::items`] inputs under the statement `tag`; where there
    /// are fewer, the last is repeated. `salts` are those of the commitments to private inputs, one
    /// per input, and none where inputs are public.
    ///
    /// # Errors
    /// As [`Self::prove`], naming the input; too many inputs or none; salts that are no field
    /// elements or not as many as inputs.
    pub fn prove_batch(
        &self,
        inputs: &[Vec<i64>],
        salts: &[Word],
        tag: &Word,
    ) -> Result<Proof, ProveError> {
        self.prove_items(&self.items(inputs, salts)?, tag, TranscriptKind::Keccak)
    }

    /// Proves the statement of [`Self::prove_batch`] for aggregation: under the Poseidon
    /// transcript.
    ///
    /// # Errors
    /// As [`Self::prove_batch`].
    pub fn prove_for_aggregation(
        &self,
        inputs: &[Vec<i64>],
        salts: &[Word],
        tag: &Word,
    ) -> Result<Proof, ProveError> {
        self.prove_items(&self.items(inputs, salts)?, tag, TranscriptKind::Poseidon)
    }

    /// The items of a proof: the last input is repeated where there are fewer.
    fn items<'i>(
        &self,
        inputs: &'i [Vec<i64>],
        salts: &[Word],
    ) -> Result<Vec<Item<'i>>, ProveError> {
        let most = self.program.items();
        let got = inputs.len();
        if got == 0 || got > most {
            return Err(ProveError::Items { most, got });
        }
        let needed = if self.model.privacy.inputs { got } else { 0 };
        if salts.len() != needed {
            let got = salts.len();
            return Err(ProveError::Salts { needed, got });
        }
        let salt = |index: usize| match salts.get(index) {
            Some(salt) => field::from_word(salt).ok_or(ProveError::BadSalt),
            None => Ok(Fr::ZERO),
        };
        let items = (0..most).map(|index| {
            let index = index.min(got - 1);
            let salt = salt(index)?;
            Ok(Item {
                raw: &inputs[index],
                salt,
            })
        });
        items.collect()
    }

    fn prove_items(
        &self,
        items: &[Item<'_>],
        tag: &Word,
        transcript: TranscriptKind,
    ) -> Result<Proof, ProveError> {
        let program = &self.program;
        let witness = program.witness_batch(&self.model, items, self.model_salt, tag)?;
        let proof = self.prove_filled(witness, transcript)?;
        let verdict = match transcript {
            TranscriptKind::Keccak => self.verify(&proof),
            TranscriptKind::Poseidon => verify_for_aggregation(&self.srs, &self.verifying, &proof),
        };
        verdict.map_err(ProveError::SelfCheck)?;
        Ok(proof)
    }

    /// Proves a witness as it is, unchecked: the prover does not notice an unsatisfied circuit, so
    /// the result may be an invalid proof. For tests that tamper with witnesses.
    ///
    /// # Errors
    /// A witness that does not fit the keys.
    pub fn prove_witness(&self, witness: impl Into<Filled>) -> Result<Proof, ProveError> {
        self.prove_filled(witness.into(), TranscriptKind::Keccak)
    }

    /// [`Self::prove_witness`] under a transcript of choice.
    ///
    /// # Errors
    /// A witness that does not fit the keys.
    pub fn prove_filled(
        &self,
        witness: Filled,
        transcript: TranscriptKind,
    ) -> Result<Proof, ProveError> {
        let values = witness.instance_values();
        let instances = witness.instances().to_vec();
        let evm = match (&self.program, witness) {
            (Lowered::Narrow(rows), Filled::Narrow(witness)) => {
                let circuit = MachineCircuit::new(Arc::clone(rows), Arc::new(witness));
                self.prove_circuit(circuit, &values, transcript)?
            }
            (Lowered::Wide(rows), Filled::Wide(witness)) => {
                let circuit = WideCircuit::new(Arc::clone(rows), Arc::new(witness));
                self.prove_circuit(circuit, &values, transcript)?
            }
            (program, _) => return Err(ProveError::OtherShape(program.shape())),
        };
        Ok(Proof { instances, evm })
    }

    fn prove_circuit<C: plonk::Circuit<Fr>>(
        &self,
        circuit: C,
        instances: &[Fr],
        transcript: TranscriptKind,
    ) -> Result<Vec<u8>, ProveError> {
        let (key, columns) = (&self.proving, [instances]);
        Ok(match transcript {
            TranscriptKind::Keccak => {
                let mut writer = EvmWriter::new(self.digest);
                create_proof(key, &circuit, &columns, self.digest, OsRng, &mut writer)?;
                writer.finish()
            }
            TranscriptKind::Poseidon => {
                let digest = key_digest(&self.verifying, &self.srs.hash());
                let mut writer = PoseidonWriter::new(digest);
                create_proof(key, &circuit, &columns, digest, OsRng, &mut writer)?;
                writer.finish()
            }
        })
    }

    /// Verifies a proof of this model.
    ///
    /// # Errors
    /// Why it is not accepted.
    pub fn verify(&self, proof: &Proof) -> Result<(), VerifyError> {
        verify_with(
            self.srs.params(),
            &self.halo2,
            self.digest,
            self.verifying.instances(),
            proof,
        )
    }
}

fn proving_key(program: &Lowered, srs: &Srs) -> Result<ProvingKey, CreateError> {
    let monomial = srs.params().get_g().to_vec();
    let lagrange = srs.lagrange();
    match program {
        Lowered::Narrow(rows) => {
            let circuit = MachineCircuit::without_witness(Arc::clone(rows));
            ProvingKey::generate(&circuit, monomial, lagrange)
        }
        Lowered::Wide(rows) => {
            let circuit = WideCircuit::without_witness(Arc::clone(rows));
            ProvingKey::generate(&circuit, monomial, lagrange)
        }
    }
}

fn verifying_key(program: &Lowered, proving: &ProvingKey) -> VerifyingKey {
    let commitments = proving.commitments();
    VerifyingKey::new(
        program.shape(),
        program.k(),
        program.instances(),
        commitments,
    )
}

impl VerifyError {
    /// Whether the proof was checked and found wrong; otherwise nothing is known about it.
    pub fn is_verdict(&self) -> bool {
        match self {
            Self::Environment(_) => false,
            Self::InstanceCount { .. }
            | Self::TagRange { .. }
            | Self::InstanceRange { .. }
            | Self::Trailing
            | Self::Invalid => true,
        }
    }
}

/// Verifies `proof` under a key given as data, with an SRS of any size.
///
/// # Errors
/// Why it is not accepted.
pub fn verify(srs: &Srs, key: &VerifyingKey, proof: &Proof) -> Result<(), VerifyError> {
    check_environment()?;
    let digest = key.digest(&srs.hash());
    let params = srs.verifier_params(key.k());
    verify_with(&params, &key.to_halo2(), digest, key.instances(), proof)
}

/// Verifies a proof that was made for aggregation, under the Poseidon transcript.
///
/// # Errors
/// Why it is not accepted.
pub fn verify_for_aggregation(
    srs: &Srs,
    key: &VerifyingKey,
    proof: &Proof,
) -> Result<(), VerifyError> {
    check_environment()?;
    let values = instance_values(key.instances(), proof)?;
    let params = srs.verifier_params(key.k());
    let mut transcript = PoseidonReader::new(key_digest(key, &srs.hash()), &proof.evm);
    plonk::verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        &params,
        &key.to_halo2(),
        SingleStrategy::new(&params),
        &[&[&values]],
        &mut transcript,
    )
    .map_err(|_| VerifyError::Invalid)?;
    match transcript.is_finished() {
        true => Ok(()),
        false => Err(VerifyError::Trailing),
    }
}

/// The instances as field elements, checked.
fn instance_values(count: usize, proof: &Proof) -> Result<Vec<Fr>, VerifyError> {
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
    // The hub builds halves of 128 bits; the circuit's digits hold a few bits more.
    for (index, half) in proof.instances.iter().take(2).enumerate() {
        if half[..16] != [0; 16] {
            return Err(VerifyError::TagRange { index });
        }
    }
    Ok(values)
}

fn verify_with(
    params: &ParamsKZG<Bn256>,
    key: &plonk::VerifyingKey<G1Affine>,
    digest: Fr,
    count: usize,
    proof: &Proof,
) -> Result<(), VerifyError> {
    let values = instance_values(count, proof)?;
    let mut transcript = EvmReader::new(digest, &proof.evm);
    plonk::verify_proof::<KZGCommitmentScheme<Bn256>, VerifierSHPLONK<'_, Bn256>, _, _, _>(
        params,
        key,
        SingleStrategy::new(params),
        &[&[&values]],
        &mut transcript,
    )
    .map_err(|_| VerifyError::Invalid)?;
    if !transcript.is_finished() {
        return Err(VerifyError::Trailing);
    }
    Ok(())
}
