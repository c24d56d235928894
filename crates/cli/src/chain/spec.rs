//! What a registry is told about a bundle.

use alloy::primitives::B256;
use eyre::WrapErr;
use haloracle_agent::registration::{Privacy, route, schema_of};
use haloracle_contracts::{BatchKey, ModelSpec, Schema, statement};
use haloracle_prover::{Bundle, Srs, VerifyingKey};

/// A model as it is registered.
#[derive(Clone, Debug)]
pub(crate) struct Registration {
    /// Hashes that make up the model's id, together with its owner.
    pub(crate) spec: ModelSpec,
    /// Verifying-key data.
    pub(crate) vk_data: Vec<u8>,
    /// Verifying-key data of the batches, in the order of the description.
    pub(crate) batches: Vec<Vec<u8>>,
    /// Inputs and outputs.
    pub(crate) schema: Schema,
}

impl Registration {
    /// Collects everything from the files of `bundle`, for the key `key` under `srs` and the
    /// bundle's own keys of batches.
    pub(crate) fn new(bundle: &Bundle, key: &VerifyingKey, srs: &Srs) -> eyre::Result<Self> {
        let batches = bundle.batches().iter();
        let batches = batches.map(|items| Ok((*items, bundle.batch_verifying_key(*items)?)));
        let batches = batches.collect::<eyre::Result<Vec<_>>>()?;
        Self::with_batches(bundle, key, srs, &batches)
    }

    /// [`Self::new`] for given keys of batches, by rising number of items.
    pub(crate) fn with_batches(
        bundle: &Bundle,
        key: &VerifyingKey,
        srs: &Srs,
        batches: &[(u32, VerifyingKey)],
    ) -> eyre::Result<Self> {
        let batches = batches.iter().map(|(items, key)| {
            let items = u16::try_from(*items).wrap_err("size of a batch")?;
            Ok((items, key.to_data()))
        });
        let batches = batches.collect::<eyre::Result<Vec<(u16, Vec<u8>)>>>()?;
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
            batchKeys: batches
                .iter()
                .map(|(items, data)| BatchKey {
                    items: *items,
                    vkHash: statement::vk_hash(data),
                })
                .collect(),
        };
        Ok(Self {
            spec,
            vk_data,
            batches: batches.into_iter().map(|(_, data)| data).collect(),
            schema,
        })
    }
}
