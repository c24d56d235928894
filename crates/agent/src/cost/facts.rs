//! A bundle's model as costs see it.

use haloracle_prover::proof::evm_proof_bytes;
use haloracle_prover::{Bundle, VerifyingKey};

/// Bytes of a verifying key's data before its commitments, and of each.
const HEADER: usize = 64;
const POINT: usize = 64;

use super::Model;

impl Model {
    /// What the costs of `bundle`'s model depend on.
    pub fn of(bundle: &Bundle) -> Self {
        let model = bundle.model();
        let shape = bundle.program().shape();
        let slots = |count: usize, bits: u32| count * bits as usize;
        Self {
            shape,
            proof_bytes: evm_proof_bytes(shape),
            // A commitment is a whole field element.
            input_bits: match model.privacy.inputs {
                true => 253,
                false => slots(model.input.features.len(), model.input_slot_bits()),
            },
            input_words: match model.privacy.inputs {
                true => 1,
                false => model.input_words(),
            },
            output_words: model.output_words(),
            output_bits: slots(1 + model.output.len(), model.output_slot_bits()),
            private_weights: model.privacy.weights,
            private_inputs: model.privacy.inputs,
            // Unknown before setup: none then.
            empty_columns: bundle.verifying_key().map_or(0, |key| empty_columns(&key)),
            batches: bundle.batches().to_vec(),
        }
    }
}

/// Commitments of `key` to columns of zeros: the point at infinity, which the contract skips.
fn empty_columns(key: &VerifyingKey) -> u32 {
    let data = key.to_data();
    let points = data.get(HEADER..).unwrap_or_default().chunks_exact(POINT);
    points
        .filter(|point| point.iter().all(|byte| *byte == 0))
        .count() as u32
}
