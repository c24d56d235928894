//! Sends proofs: recheck, simulate, sign, write to disk, broadcast.
//!
//! What happens to a transaction after that is in [`crate::outbox`].

use std::sync::Arc;

use alloy::{
    consensus::TxEip1559,
    primitives::{Address, Bytes, TxKind, U256},
    sol_types::SolCall,
};
use haloracle_contracts::{
    IInferenceHub::{self, IInferenceHubErrors},
    State,
};
use tracing::{Instrument, debug, error, info, info_span, warn};

use crate::{
    admission::Admission,
    chain::{Block, Chain, hex_id, hub_error},
    config::FeeConfig,
    crash::{self, Point},
    error::AgentError,
    fees::{self, Fees},
    metrics::Metrics,
    provers::backoff,
    rpc::{Class, Method, RpcError},
    settle,
    signer::Signer,
    store::{Job, JobState, Slot, Store, StoredProof, StoredTx, now_ms},
};

/// Gas added to an estimate, in percent: state may change between estimate and inclusion.
const GAS_MARGIN: u64 = 15;
/// Gas of a transfer to oneself.
const FILLER_GAS: u64 = 21_000;
/// Pause while gas is above the cap, or after trouble with the nodes.
pub(crate) const WAIT_MS: u64 = 2_000;

/// Signs and sends for one address.
#[derive(Debug)]
pub(crate) struct Submitter {
    pub(crate) chain: Chain,
    pub(crate) store: Arc<Store>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) signer: Signer,
    pub(crate) admission: Admission,
    pub(crate) fees: FeeConfig,
    pub(crate) payee: Address,
    pub(crate) confirmations: u64,
    pub(crate) max_attempts: u32,
}

impl Submitter {
    /// One round at `head`: settle what was sent, then send what is proved.
    pub(crate) async fn round(&self, head: Block) -> Result<(), AgentError> {
        let trouble = self.reconcile(head).await?;
        self.fill_gaps(head).await?;
        self.submit_batches(head, self.room()?).await?;
        let room = self.room()?;
        for job in self
            .store
            .due(JobState::Proved, u64::MAX >> 1, now_ms(), room)?
        {
            let span = info_span!("request", id = %hex_id(job.id));
            let id = job.id;
            if let Err(error) = self.submit(job, head).instrument(span).await {
                // The others first next time: one request must not block them.
                self.store
                    .postpone(id, WAIT_MS, &error.to_string(), false)?;
                return Err(error);
            }
        }
        trouble.map_or(Ok(()), Err)
    }

    /// Transactions that may still be sent.
    fn room(&self) -> Result<usize, AgentError> {
        let in_flight = self.store.open_slots()?.len();
        Ok(self.fees.max_in_flight.saturating_sub(in_flight))
    }

    /// Takes one proved request to a broadcast transaction.
    async fn submit(&self, job: Job, head: Block) -> Result<(), AgentError> {
        let _same_fork = self.store.fork.read().await;
        let Some(proof) = self.store.proof(job.id, self.payee)? else {
            // Proved for a payee of an earlier configuration.
            self.store.drop_proof(job.id)?;
            return Ok(());
        };
        let on_chain = self.chain.request_state(job.id, head).await?;
        if on_chain.state != State::Open {
            return self.settled(&job, on_chain, head);
        }
        let data = calldata(&job, self.payee, &proof);
        let gas = match self.gas(&data).await {
            Ok(gas) => gas,
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => return self.refused(&job, &error, head).await,
        };
        if let Some(reason) = self.admission.loss(&job, head, gas).await? {
            debug!(%reason, "settlement waits");
            self.store.postpone(job.id, WAIT_MS, &reason, false)?;
            return Ok(());
        }
        let Some(fees) = self.first_fees(head).await? else {
            warn!("gas is above `fees.max_fee_wei`, settlement waits");
            self.store
                .postpone(job.id, WAIT_MS, "gas is above the cap", false)?;
            return Ok(());
        };
        let nonce = self.next_nonce(head).await?;
        let tx = self.sign(nonce, self.chain.hub(), data, gas, fees)?;
        if self
            .store
            .take_slot(self.signer.address(), nonce, Some(job.id), &tx)?
        {
            info!(hash = %tx.hash, nonce, gas, max_fee = fees.max, "settlement signed");
            self.metrics.transactions.inc();
            crash::point(Point::DiskWrite);
            self.broadcast(&tx).await?;
        }
        Ok(())
    }

    /// Gas for `data`, after a simulation for the sake of its clear refusal.
    async fn gas(&self, data: &Bytes) -> Result<u64, RpcError> {
        let (from, hub) = (self.signer.address(), self.chain.hub());
        self.chain.simulate(from, hub, data).await?;
        self.estimate(hub, data).await
    }

    /// Gas for `data` sent to `to`, with a margin and below the configured limit.
    pub(crate) async fn estimate(&self, to: Address, data: &Bytes) -> Result<u64, RpcError> {
        let from = self.signer.address();
        let estimate = self.chain.estimate_gas(from, to, data).await?;
        if estimate > self.fees.gas_limit {
            let limit = self.fees.gas_limit;
            let message = format!("needs {estimate} gas, `fees.gas_limit` is {limit}");
            return Err(RpcError::new(Method::EstimateGas, Class::Rejected, message));
        }
        // The limit holds the estimate, so what is cut is margin only.
        let margin = estimate.saturating_mul(GAS_MARGIN) / 100;
        Ok(estimate.saturating_add(margin).min(self.fees.gas_limit))
    }

    /// Writes what the chain decided about a request that was to be sent.
    fn settled(
        &self,
        job: &Job,
        on_chain: crate::chain::RequestState,
        head: Block,
    ) -> Result<(), AgentError> {
        let Some((to, reason)) = settle::target(&self.store, job.id, on_chain, self.payee)? else {
            let reason = "the hub does not know it yet";
            self.store.postpone(job.id, WAIT_MS, reason, false)?;
            return Ok(());
        };
        info!(state = to.name(), "request is settled already");
        let block = Some(head.number);
        self.store
            .transition(job.id, &[JobState::Proved], to, reason.as_deref(), block)?;
        Ok(())
    }

    /// Deals with a simulation that the hub or the node refused.
    async fn refused(&self, job: &Job, error: &RpcError, head: Block) -> Result<(), AgentError> {
        let reason = match hub_error(error) {
            Some(IInferenceHubErrors::NotOpen(open)) => {
                let on_chain = self.chain.request_state(job.id, head).await?;
                let cancelled = open.state == State::Cancelled && on_chain.state == State::Open;
                return if cancelled {
                    // Announced and in effect, though nobody has finalized it yet.
                    self.close(job, "cancelled", head)
                } else {
                    self.settled(job, on_chain, head)
                };
            }
            Some(IInferenceHubErrors::DeadlinePassed(_)) => {
                return self.close(job, "its deadline has passed", head);
            }
            Some(IInferenceHubErrors::UnknownRequest(_)) => "the hub does not know it".to_owned(),
            Some(IInferenceHubErrors::InvalidProof(_)) => {
                self.store.drop_proof(job.id)?;
                "the verifier refused the proof".to_owned()
            }
            Some(other) => format!("the hub refused: {other:?}"),
            None => error.to_string(),
        };
        let attempts = self.store.postpone(job.id, 0, &reason, true)?;
        if attempts >= self.max_attempts {
            error!(%reason, attempts, "request given up");
            let from = [JobState::Proved, JobState::Observed];
            self.store
                .transition(job.id, &from, JobState::Failed, Some(&reason), None)?;
        } else {
            warn!(%reason, attempts, "settlement refused");
            self.store
                .postpone(job.id, backoff(attempts), &reason, false)?;
        }
        Ok(())
    }

    fn close(&self, job: &Job, reason: &str, head: Block) -> Result<(), AgentError> {
        info!(%reason, "request is closed");
        let (from, to) = ([JobState::Proved], JobState::Closed);
        self.store
            .transition(job.id, &from, to, Some(reason), Some(head.number))?;
        Ok(())
    }

    /// The first nonce that neither the chain nor this agent has used.
    pub(crate) async fn next_nonce(&self, head: Block) -> Result<u64, AgentError> {
        let on_chain = self.chain.nonce(self.signer.address(), head).await?;
        let on_disk = self.store.next_nonce(self.signer.address())?;
        self.believable(on_chain, on_disk)?;
        Ok(on_disk.map_or(on_chain, |nonce| nonce.max(on_chain)))
    }

    /// Refuses a nonce far above all that this agent has used: every nonce in between would have
    /// to be filled, for money, on one node's word.
    fn believable(&self, on_chain: u64, on_disk: Option<u64>) -> Result<(), RpcError> {
        let most = u64::try_from(self.fees.max_in_flight).unwrap_or(u64::MAX);
        match on_disk {
            Some(ours) if on_chain > ours.saturating_add(most) => {
                let message = format!(
                    "the node says {on_chain}, this agent has used nonces up to {ours}: if others \
                     sent with its key, raise `fees.max_in_flight` above the difference once"
                );
                Err(RpcError::new(Method::Nonce, Class::Rejected, message))
            }
            _ => Ok(()),
        }
    }

    /// Uses up nonces that block others: below one of ours, above the chain's, and not ours.
    async fn fill_gaps(&self, head: Block) -> Result<(), AgentError> {
        let signer = self.signer.address();
        let slots = self.store.open_slots()?;
        let ours: Vec<u64> = slots
            .iter()
            .filter(|slot| slot.signer == signer)
            .map(|slot| slot.nonce)
            .collect();
        let Some(highest) = ours.iter().max().copied() else {
            return Ok(());
        };
        let from = self.chain.nonce(signer, head).await?;
        let gaps = (from..highest).filter(|nonce| !ours.contains(nonce));
        for nonce in gaps.take(self.fees.max_in_flight) {
            let Some(fees) = self.first_fees(head).await? else {
                return Ok(());
            };
            let tx = self.sign(nonce, signer, Bytes::new(), FILLER_GAS, fees)?;
            if !self.store.take_slot(signer, nonce, None, &tx)? {
                debug!(nonce, "the nonce is ours and final, the node is behind");
                continue;
            }
            warn!(nonce, "filling a gap in the nonces");
            self.broadcast(&tx).await?;
        }
        Ok(())
    }

    pub(crate) async fn first_fees(&self, head: Block) -> Result<Option<Fees>, AgentError> {
        let tip = match self.fees.priority_fee_wei {
            Some(_) => None,
            None => self.chain.priority_fee().await.ok(),
        };
        Ok(fees::first(&self.fees, head, tip))
    }

    /// A signed transaction that uses up the nonce of `slot` and does nothing else.
    pub(crate) fn sign_filler(&self, slot: &Slot, fees: Fees) -> Result<StoredTx, AgentError> {
        self.sign(
            slot.nonce,
            self.signer.address(),
            Bytes::new(),
            FILLER_GAS,
            fees,
        )
    }

    /// A signed settlement of `job` at the nonce of `slot`.
    pub(crate) fn sign_settlement(
        &self,
        slot: &Slot,
        job: &Job,
        proof: &StoredProof,
        gas: u64,
        fees: Fees,
    ) -> Result<StoredTx, AgentError> {
        let data = calldata(job, self.payee, proof);
        self.sign(slot.nonce, self.chain.hub(), data, gas, fees)
    }

    pub(crate) fn sign(
        &self,
        nonce: u64,
        to: Address,
        input: Bytes,
        gas: u64,
        fees: Fees,
    ) -> Result<StoredTx, AgentError> {
        let signed = self.signer.sign(TxEip1559 {
            chain_id: self.chain.id(),
            nonce,
            gas_limit: gas,
            max_fee_per_gas: fees.max,
            max_priority_fee_per_gas: fees.tip,
            to: TxKind::Call(to),
            value: U256::ZERO,
            access_list: Default::default(),
            input,
        })?;
        Ok(StoredTx {
            hash: signed.hash,
            raw: signed.raw,
            gas,
            max_fee: fees.max,
            priority_fee: fees.tip,
            created_ms: now_ms(),
            sent_ms: None,
        })
    }

    /// Hands a stored transaction to a node. A refusal leaves it to the next round's
    /// reconciliation; only trouble that concerns all transactions is an error.
    pub(crate) async fn broadcast(&self, tx: &StoredTx) -> Result<Sent, AgentError> {
        let sent = match self.chain.send(&tx.raw).await {
            Ok(()) => {
                info!(hash = %tx.hash, "transaction sent");
                Sent::Accepted
            }
            Err(error) => match error.class {
                Class::AlreadyKnown => Sent::Accepted,
                Class::NonceTooLow => Sent::NonceUsed,
                Class::Underpriced => Sent::Underpriced,
                Class::InsufficientFunds => {
                    error!(signer = %self.signer.address(), "the signer cannot pay for gas");
                    return Err(error.into());
                }
                Class::Transient => return Err(error.into()),
                Class::RangeTooLarge | Class::Revert(_) | Class::Rejected => {
                    warn!(hash = %tx.hash, %error, "the node refuses the transaction");
                    Sent::Rejected
                }
            },
        };
        crash::point(Point::Broadcast);
        if sent == Sent::Accepted {
            self.store.mark_sent(tx.hash)?;
        }
        Ok(sent)
    }
}

/// What a node did with a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It waits for inclusion.
    Accepted,
    /// Its nonce is used: a receipt will say by what.
    NonceUsed,
    /// It must pay more.
    Underpriced,
    /// The node will never take it.
    Rejected,
}

/// Calldata of a settlement.
fn calldata(job: &Job, payee: Address, proof: &StoredProof) -> Bytes {
    IInferenceHub::fulfillCall {
        request: job.request.clone(),
        input: job.input.clone(),
        payee,
        output: proof.output.clone(),
        proof: proof.proof.clone(),
    }
    .abi_encode()
    .into()
}
