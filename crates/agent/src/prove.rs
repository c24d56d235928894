//! The one place that calls the prover.

mod batch;

pub(crate) use batch::Binding;

use std::{
    collections::HashMap,
    path::Path,
    sync::{Arc, Mutex},
};

use alloy::primitives::{Address, B256, Bytes, U256};
use haloracle_contracts::{Schema, statement};
use haloracle_model::{IntegerModel, ModelError};
use haloracle_prover::{Bundle, Keys, ProveError};

use crate::{
    cost::{self, Cost, Way},
    crash::{self, Point},
    private::{
        Opening,
        commitment::{self, OpeningError},
    },
    registration::{self, Privacy},
    store::StoredProof,
};

/// A model that this agent can prove.
#[derive(Debug)]
pub(crate) struct Provable {
    /// Hash of the verifying key, as models pin it.
    pub(crate) vk_hash: B256,
    /// Machine shape and SRS, as models pin them.
    pub(crate) route: B256,
    /// What the model keeps to itself, as models pin it.
    pub(crate) privacy: Privacy,
    /// Inputs and outputs, as models pin them.
    pub(crate) schema: Schema,
    /// What its settlements cost.
    pub(crate) cost: cost::Model,
    /// Batch circuits with keys: items and the key's hash, ascending.
    pub(crate) batches: Vec<(u32, B256)>,
    /// Millionths of a byte that an OP-stack chain counts for a settlement of its own.
    pub(crate) counted: u64,
    pub(super) keys: Keys,
    pub(super) bundle: Bundle,
    /// Keys of batches, loaded when they are first used.
    pub(super) batch_keys: Mutex<HashMap<u32, Arc<Keys>>>,
}

/// Why a request has no proof.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProofError {
    /// The input is not of the model's domain: trying again cannot help.
    #[error("input: {0}")]
    Input(#[from] ModelError),
    /// The input bytes are no words: trying again cannot help.
    #[error("input: {0}")]
    Words(#[from] statement::StatementError),
    /// What was handed in opens nothing: trying again cannot help.
    #[error("private input: {0}")]
    Opening(#[from] OpeningError),
    /// The private input is none of the model's; what is wrong with it would show it.
    #[error("private input: it is no input of the model")]
    Hidden,
    /// The prover failed.
    #[error("prover: {0}")]
    Prover(String),
}

/// What a request asks about.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    /// Packed words, as on chain.
    Words(Bytes),
    /// What opens the commitment on chain.
    Opening(Opening),
}

impl ProofError {
    /// Whether the request itself is at fault.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Input(_) | Self::Words(_) | Self::Opening(_) | Self::Hidden => true,
            Self::Prover(_) => false,
        }
    }
}

impl Provable {
    /// Loads a bundle's keys. Takes seconds for large models.
    pub(crate) fn open(directory: &Path) -> Result<Self, String> {
        let bundle = Bundle::open(directory).map_err(|error| error.to_string())?;
        let keys = bundle.keys().map_err(|error| error.to_string())?;
        let privacy = Privacy::of(&bundle).map_err(|error| error.to_string())?;
        let schema = registration::schema_of(keys.model(), privacy);
        let data = keys.verifying_key().to_data();
        let mut batches = Vec::new();
        for items in bundle.batches() {
            let key = bundle.batch_verifying_key(*items);
            let key = key.map_err(|error| error.to_string())?;
            batches.push((*items, statement::vk_hash(&key.to_data())));
        }
        let cost = cost::Model::of(&bundle);
        Ok(Self {
            counted: Cost::new(&cost, Way::Single, 1).counted,
            cost,
            batches,
            batch_keys: Mutex::default(),
            vk_hash: statement::vk_hash(&data),
            route: registration::route(keys.verifying_key(), keys.srs()),
            privacy,
            schema: schema.map_err(|error| error.to_string())?,
            keys,
            bundle,
        })
    }

    pub(crate) fn model(&self) -> &IntegerModel {
        self.keys.model()
    }

    /// The packed answer to an input.
    pub(crate) fn answer(&self, input: &Input) -> Result<Vec<u8>, ProofError> {
        let model = self.model();
        match input {
            Input::Words(bytes) => {
                let raw = model.unpack_input(&statement::to_words("input", bytes)?)?;
                self.run(&raw)
            }
            Input::Opening(opening) => self.run(&opening.values).map_err(|_| ProofError::Hidden),
        }
    }

    fn run(&self, raw: &[i64]) -> Result<Vec<u8>, ProofError> {
        let model = self.model();
        let trace = model.run(raw)?;
        Ok(model.pack_output(trace.status, trace.outputs()).concat())
    }

    /// Proves the answer to request `id` for `payee`. Uses all cores; takes parts of a second to
    /// minutes.
    pub(crate) fn prove(
        &self,
        id: U256,
        payee: Address,
        input: &Input,
    ) -> Result<StoredProof, ProofError> {
        let model = self.model();
        let expected = self.answer(input)?;
        crash::point(Point::Witness);
        let tag = statement::tag(id, payee);
        let (words, proof) = match input {
            Input::Words(bytes) => {
                let words = statement::to_words("input", bytes)?;
                let proof = self.keys.prove(&model.unpack_input(&words)?, &tag.0);
                (words, proof)
            }
            Input::Opening(opening) => {
                let Opening { values, salt } = opening;
                let commitment = commitment::commitment_to(model, opening)?;
                let proof = self.keys.prove_private(values, salt, &tag.0);
                (vec![commitment.0], proof)
            }
        };
        let proof = proof.map_err(|error| match (input, error) {
            // The witness's own words show a value.
            (Input::Opening(_), ProveError::Witness(_)) => ProofError::Hidden,
            (_, error) => ProofError::Prover(error.to_string()),
        })?;
        let commitment = self.privacy.model_commitment;
        let output = statement::to_words("output", &expected)?;
        if proof.instances != statement::instances(tag, commitment, &words, &output) {
            return Err(ProofError::Prover(
                "the proof is of another statement".into(),
            ));
        }
        Ok(StoredProof {
            output: expected.into(),
            proof: proof.evm.into(),
        })
    }
}
