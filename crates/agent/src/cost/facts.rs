//! A bundle's model as costs see it.

use haloracle_prover::Bundle;
use haloracle_prover::proof::evm_proof_bytes;

use super::Model;

impl Model {
    /// What the costs of `bundle`'s model depend on; `batches` are the items of its batch keys.
    pub fn of(bundle: &Bundle, batches: Vec<u32>) -> Self {
        let model = bundle.model();
        let shape = bundle.shape();
        let slot = model.digit_bits as usize;
        let widest = model.output.iter().map(|field| field.digits).max();
        let outputs = model.output.len() + 1;
        let input_bits = model.input.features.len() * model.input.digits as usize * slot;
        Self {
            shape,
            proof_bytes: evm_proof_bytes(shape),
            // A commitment is a whole field element.
            input_bits: match model.privacy.inputs {
                true => 253,
                false => input_bits,
            },
            input_words: match model.privacy.inputs {
                true => 1,
                false => model.input_words(),
            },
            output_words: model.output_words(),
            output_bits: outputs * widest.unwrap_or(1) as usize * slot,
            private_weights: model.privacy.weights,
            private_inputs: model.privacy.inputs,
            batches,
        }
    }
}
