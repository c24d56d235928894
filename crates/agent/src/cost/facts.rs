//! A bundle's model as costs see it.

use haloracle_prover::Bundle;
use haloracle_prover::proof::evm_proof_bytes;

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
            batches: bundle.batches().to_vec(),
        }
    }
}
