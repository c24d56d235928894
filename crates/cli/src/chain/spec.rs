//! What a registry is told about a bundle.

use alloy::primitives::B256;
use haloracle_agent::registration::{Privacy, route, schema_of};
use haloracle_contracts::{ModelSpec, Schema, statement};
use haloracle_prover::{Bundle, Srs, VerifyingKey};

/// A model as it is registered.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    /// Hashes that make up the model's id, together with its owner.
    pub(crate) spec: ModelSpec,
    /// Verifying-key data.
    pub(crate) vk_data: Vec<u8>,
    /// Inputs and outputs.
    pub(crate) schema: Schema,
}

impl Registration {
    /// Collects everything from the files of `bundle`, for the key `key` under `srs`.
    pub(crate) fn new(bundle: &Bundle, key: &VerifyingKey, srs: &Srs) -> eyre::Result<Self> {
        let vk_data = key.to_data();
        let privacy = Privacy::of(bundle)?;
        let schema = schema_of(bundle.model(), privacy)?;
        let hash = |name: &str| -> eyre::Result<B256> { Ok(bundle.published_hash(name)?.into()) };
        let spec = ModelSpec {
            route: route(key, srs),
            vkHash: statement::vk_hash(&vk_data),
            schemaHash: statement::schema_hash(&schema),
            modelCommitment: privacy.model_commitment,
            graphHash: hash("model.json")?,
            onnxHash: bundle.published_onnx_hash()?.into(),
            srsHash: srs.hash().into(),
            reportHash: hash("report.json")?,
            compilerVersion: bundle.compiler().to_owned(),
            batchKeys: Vec::new(),
        };
        Ok(Self {
            spec,
            vk_data,
            schema,
        })
    }
}
