//! One proof of the answers to several requests.

use std::sync::{Arc, PoisonError};

use alloy::primitives::{Address, U256};
use haloracle_contracts::{batch, statement};
use haloracle_prover::Keys;
use zeroize::Zeroize;

use super::{Input, ProofError, Provable};
use crate::{
    crash::{self, Point},
    private::commitment,
    store::NewBatch,
};

/// What a proof of several answers is bound to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Binding {
    pub(crate) chain_id: u64,
    pub(crate) settler: Address,
    pub(crate) model_id: U256,
    pub(crate) payee: Address,
}

impl Provable {
    /// The keys of batches of `items`; loads them once.
    fn keys_of(&self, items: u32) -> Result<Arc<Keys>, ProofError> {
        let mut known = self
            .batch_keys
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(keys) = known.get(&items) {
            return Ok(Arc::clone(keys));
        }
        let keys = self.bundle.batch_keys(items);
        let keys = Arc::new(keys.map_err(|error| ProofError::Prover(error.to_string()))?);
        known.insert(items, Arc::clone(&keys));
        Ok(keys)
    }

    /// Proves the answers to `members` in the circuit of `items`. As slow as it is large.
    pub(crate) fn prove_batch(
        &self,
        items: u32,
        binding: Binding,
        members: &[(U256, Input)],
    ) -> Result<NewBatch, ProofError> {
        let Binding {
            chain_id,
            settler,
            model_id,
            payee,
        } = binding;
        let model = self.model();
        let (mut rows, mut salts) = (Vec::new(), Vec::new());
        let (mut outputs, mut leaves) = (Vec::new(), Vec::new());
        for (_, input) in members {
            let answer = self.answer(input)?;
            let mut words = match input {
                Input::Words(bytes) => {
                    let words = statement::to_words("input", bytes)?;
                    rows.push(model.unpack_input(&words)?);
                    words
                }
                Input::Opening(opening) => {
                    rows.push(opening.values.clone());
                    salts.push(opening.salt);
                    vec![commitment::commitment_to(model, opening)?.0]
                }
            };
            words.extend(statement::to_words("output", &answer)?);
            leaves.push(words);
            outputs.extend(answer);
        }
        crash::point(Point::Witness);
        let keys = self.keys_of(items)?;
        let vk_hash = statement::vk_hash(&keys.verifying_key().to_data());
        let ids: Vec<U256> = members.iter().map(|(id, _)| *id).collect();
        let paid: Vec<(U256, Address)> = ids.iter().map(|id| (*id, payee)).collect();
        let tag = batch::batch_tag(chain_id, settler, vk_hash, &paid);
        let proof = keys.prove_batch(&rows, &salts, &tag.0);
        rows.zeroize();
        let private = !salts.is_empty();
        salts.zeroize();
        // Of private inputs the error shows no value.
        let proof = proof.map_err(|error| match private {
            false => ProofError::Prover(error.to_string()),
            true => ProofError::Hidden,
        })?;
        let commitment = self.privacy.model_commitment;
        let expected = batch::instances(tag, commitment, items as usize, &leaves);
        let expected = expected.map_err(|error| ProofError::Prover(error.to_string()))?;
        if proof.instances != expected {
            return Err(ProofError::Prover(
                "the proof is of another statement".into(),
            ));
        }
        Ok(NewBatch {
            settler,
            model_id,
            items,
            payee,
            tag,
            members: ids,
            outputs: outputs.into(),
            proof: proof.evm.into(),
        })
    }
}
