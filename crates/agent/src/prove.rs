//! The one place that calls the prover.

use std::path::Path;

use alloy::primitives::{Address, B256, U256};
use haloracle_contracts::{Schema, statement};
use haloracle_model::{IntegerModel, ModelError};
use haloracle_prover::{Bundle, Keys};

use crate::{
    crash::{self, Point},
    registration::{self, Privacy},
    store::StoredProof,
};

/// A model that this agent can prove.
#[derive(Debug)]
pub(crate) struct Provable {
    /// Hash of the verifying key, as models pin it.
    pub(crate) vk_hash: B256,
    /// Code hash of the contract that holds the verifying key.
    pub(crate) vk_code_hash: B256,
    /// Machine shape and SRS, as models pin them.
    pub(crate) route: B256,
    /// What the model keeps to itself, as models pin it.
    pub(crate) privacy: Privacy,
    /// Inputs and outputs, as models pin them.
    pub(crate) schema: Schema,
    keys: Keys,
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
    /// The prover failed.
    #[error("prover: {0}")]
    Prover(String),
}

impl ProofError {
    /// Whether the request itself is at fault.
    pub(crate) fn is_final(&self) -> bool {
        match self {
            Self::Input(_) | Self::Words(_) => true,
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
        Ok(Self {
            vk_hash: statement::vk_hash(&data),
            vk_code_hash: statement::vk_code_hash(&data),
            route: registration::route(keys.verifying_key(), keys.srs()),
            privacy,
            schema: schema.map_err(|error| error.to_string())?,
            keys,
        })
    }

    pub(crate) fn model(&self) -> &IntegerModel {
        self.keys.model()
    }

    /// The packed answer to packed input words.
    pub(crate) fn answer(&self, input: &[u8]) -> Result<Vec<u8>, ProofError> {
        let model = self.model();
        let raw = model.unpack_input(&statement::to_words("input", input)?)?;
        let trace = model.run(&raw)?;
        let words = model.pack_output(haloracle_model::integer::STATUS_OK, trace.outputs());
        Ok(words.concat())
    }

    /// Proves the answer to request `id` for `payee`. Uses all cores; takes parts of a second to
    /// minutes.
    pub(crate) fn prove(
        &self,
        id: U256,
        payee: Address,
        input: &[u8],
    ) -> Result<StoredProof, ProofError> {
        let model = self.model();
        let words = statement::to_words("input", input)?;
        let raw = model.unpack_input(&words)?;
        let expected = self.answer(input)?;
        crash::point(Point::Witness);
        let tag = statement::tag(id, payee);
        let proof = self
            .keys
            .prove(&raw, &tag.0)
            .map_err(|error| ProofError::Prover(error.to_string()))?;
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
