//! `onchain.json`: what registering and calling a model needs.

use haloracle_model::{Feature, OutputField};
use serde::{Deserialize, Serialize};

use crate::bundle::{Bundle, BundleError};
use crate::files::keccak;
use crate::key::VerifyingKey;
use crate::shape::shape_hash;
use crate::srs::Srs;

/// Verifying-key data, hashes and the schema of a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnChain {
    /// Verifying-key data, 0x-prefixed.
    pub vk_data: String,
    /// keccak-256 of it.
    pub vk_hash: String,
    /// keccak256(shape hash ++ SRS hash): the verifier route.
    pub route: String,
    /// Hash of the machine's constraint system.
    pub shape_hash: String,
    /// Hash of the SRS's verifier part.
    pub srs_hash: String,
    /// Whether the SRS's secret is known.
    pub srs_unsafe: bool,
    /// Hash of `model.json`.
    pub graph_hash: String,
    /// Hash of the ONNX file.
    pub onnx_hash: String,
    /// Commitment to private weights; zero if they are public.
    pub model_commitment: String,
    /// Whether the input instance is a commitment.
    pub private_inputs: bool,
    /// Hash of `report.json`.
    pub report_hash: String,
    /// Compiler that made the key.
    pub compiler_version: String,
    /// Digit width.
    pub digit_bits: u32,
    /// Digits per input slot.
    pub input_digits: u32,
    /// Inputs with their boxes.
    pub features: Vec<Feature>,
    /// Outputs with their scales.
    pub outputs: Vec<OutputField>,
    /// Number of public instances.
    pub instances: usize,
    /// Keys of proofs that answer several inputs, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub batches: Vec<BatchKey>,
}

/// The key of proofs that answer `items` inputs; route, schema and everything else are the model's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchKey {
    /// Inputs that a proof answers.
    pub items: u32,
    /// log2 of the circuit's rows.
    pub k: u32,
    /// Verifying-key data, 0x-prefixed.
    pub vk_data: String,
    /// keccak-256 of it.
    pub vk_hash: String,
    /// Number of public instances.
    pub instances: usize,
}

impl BatchKey {
    /// Describes a key.
    pub(crate) fn new(items: u32, key: &VerifyingKey) -> Self {
        let hexed = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
        Self {
            items,
            k: key.k(),
            vk_data: hexed(&key.to_data()),
            vk_hash: hexed(&key.hash()),
            instances: key.instances(),
        }
    }
}

impl OnChain {
    /// Collects what key, SRS and bundle say.
    pub(crate) fn new(
        bundle: &Bundle,
        key: &VerifyingKey,
        batches: Vec<BatchKey>,
        srs: &Srs,
    ) -> Result<Self, BundleError> {
        let hexed = |bytes: &[u8]| format!("0x{}", hex::encode(bytes));
        let hashed = |name| bundle.published_hash(name).map(|hash| hexed(&hash));
        let model = bundle.model();
        Ok(Self {
            vk_data: hexed(&key.to_data()),
            vk_hash: hexed(&key.hash()),
            route: hexed(&keccak(&[shape_hash(key.shape()), srs.hash()].concat())),
            shape_hash: hexed(&shape_hash(key.shape())),
            srs_hash: hexed(&srs.hash()),
            srs_unsafe: srs.is_unsafe(),
            graph_hash: hashed("model.json")?,
            onnx_hash: hexed(&bundle.published_onnx_hash()?),
            model_commitment: hexed(&bundle.model_commitment()?),
            private_inputs: model.privacy.inputs,
            report_hash: hashed("report.json")?,
            compiler_version: bundle.compiler().to_owned(),
            digit_bits: model.digit_bits,
            input_digits: model.input.digits,
            features: model.input.features.clone(),
            outputs: model.output.clone(),
            instances: key.instances(),
            batches,
        })
    }
}
