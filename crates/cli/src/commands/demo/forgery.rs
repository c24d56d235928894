//! Proofs that the contracts must not accept, sent in real transactions.

use alloy::network::TransactionBuilder;
use alloy::primitives::{Bytes, U256};
use alloy::providers::Provider;
use alloy::rpc::types::TransactionRequest;
use alloy::sol_types::SolCall;
use eyre::{WrapErr, ensure, eyre};
use haloracle_contracts::IInferenceHub::{InferenceRequested, fulfillCall};
use haloracle_contracts::statement;

use crate::chain::node::Node;
use crate::chain::revert::{describe, explain_transport};
use crate::local::accounts::ATTACKER;
use crate::local::stack::Stack;

use super::report::Rejection;

/// Enough for an honest settlement with its callback, so that gas is no reason to fail.
const GAS: u64 = 2_000_000;
/// Byte of the proof that is changed: in the middle, among the commitments.
const TAMPERED_BYTE: usize = 777;

/// One open request, one settled one.
pub(crate) struct Attack<'a> {
    stack: &'a Stack,
    id: U256,
    open: InferenceRequested,
    settled: fulfillCall,
}

impl<'a> Attack<'a> {
    /// `settled` is the agent's own settlement of an earlier request.
    pub(crate) fn new(
        stack: &'a Stack,
        id: U256,
        open: InferenceRequested,
        settled: fulfillCall,
    ) -> Self {
        Self {
            stack,
            id,
            open,
            settled,
        }
    }

    /// An honest settlement of the open request, in favour of the attacker.
    fn honest(&self) -> eyre::Result<fulfillCall> {
        let payee = ATTACKER.signer()?.address();
        let model = self.stack.compiled.bundle.model();
        let words = statement::to_words("input", &self.open.input)?;
        let raw = model.unpack_input(&words)?;
        let tag = statement::tag(self.id, payee);
        let proof = self.stack.compiled.keys.prove(&raw, &tag.0)?;
        let output = proof.instances[2 + words.len()..].as_flattened();
        Ok(fulfillCall {
            request: self.open.request.clone(),
            input: self.open.input.clone(),
            payee,
            output: Bytes::copy_from_slice(output),
            proof: proof.evm.into(),
        })
    }

    /// The request as the attacker would send it.
    fn transaction(&self, call: &fulfillCall) -> TransactionRequest {
        TransactionRequest::default()
            .with_to(self.stack.contracts.hub)
            .with_input(call.abi_encode())
            .with_gas_limit(GAS)
    }

    /// What the hub answers to `call`: `None` if it accepts.
    async fn simulated(&self, node: &Node, call: &fulfillCall) -> eyre::Result<Option<String>> {
        match node.provider.call(self.transaction(call)).await {
            Ok(_) => Ok(None),
            Err(error) => {
                let data = error
                    .as_error_resp()
                    .and_then(|response| response.as_revert_data());
                let Some(data) = data else {
                    return Err(explain_transport("simulating a settlement", &error));
                };
                Ok(Some(
                    describe(&data).unwrap_or_else(|| format!("unknown error {data}")),
                ))
            }
        }
    }

    async fn rejected(
        &self,
        node: &Node,
        what: &'static str,
        call: &fulfillCall,
    ) -> eyre::Result<Rejection> {
        let reason = self.simulated(node, call).await?;
        let reason = reason.ok_or_else(|| eyre!("the hub accepts {what}"))?;
        let pending = node.provider.send_transaction(self.transaction(call)).await;
        let pending = pending.map_err(|error| explain_transport(what, &error))?;
        let receipt = pending.get_receipt().await.wrap_err(what)?;
        ensure!(!receipt.status(), "the hub accepts {what}");
        Ok(Rejection {
            what,
            reason,
            transaction: receipt.transaction_hash.to_string(),
        })
    }

    /// Sends every forgery; fails if one is accepted, or if an honest proof would not be.
    pub(crate) async fn run(self) -> eyre::Result<Vec<Rejection>> {
        let node = self.stack.as_account(ATTACKER).await?;
        let honest = self.honest()?;

        let mut tampered = honest.clone();
        let mut bytes = tampered.proof.to_vec();
        if let Some(byte) = bytes.get_mut(TAMPERED_BYTE) {
            *byte ^= 1;
        }
        tampered.proof = bytes.into();

        // The lowest risk instead of what the model says: slot 1 of the output word.
        let bits = self.stack.compiled.bundle.model().digit_bits as usize;
        let mut forged = honest.clone();
        let answer = U256::try_from_be_slice(&forged.output).unwrap_or_default();
        let digit = U256::from((1u64 << bits) - 1) << bits;
        let answer = answer & !digit;
        ensure!(
            answer.to_be_bytes::<32>() != forged.output[..],
            "the answer is the lowest already"
        );
        forged.output = answer.to_be_bytes_vec().into();

        let replayed = fulfillCall {
            request: honest.request.clone(),
            input: honest.input.clone(),
            ..self.settled.clone()
        };
        let mut stolen = honest.clone();
        stolen.payee = self.settled.payee;
        let attacks = [
            ("tampered proof, one bit changed", &tampered),
            ("forged answer with an honest proof", &forged),
            ("replayed proof of the settled request", &replayed),
            ("honest proof in favour of somebody else", &stolen),
            ("the settled request once more", &self.settled),
        ];
        let mut rejections = Vec::with_capacity(attacks.len());
        for (what, call) in attacks {
            rejections.push(self.rejected(&node, what, call).await?);
        }
        // Not vacuous: without the change, the very same call would settle the request.
        if let Some(reason) = self.simulated(&node, &honest).await? {
            return Err(eyre!("an honest proof is not accepted either: {reason}"));
        }
        Ok(rejections)
    }
}
