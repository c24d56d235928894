//! What becomes of a transaction after it is on disk: sent again, replaced, mined, final.
//!
//! A nonce is decided by receipts alone. All transactions ever signed for it are looked up before
//! anything is called failed, because any of them may have been mined; a request is settled or
//! not by what the hub says, because anybody may have sent our proof.

use alloy::primitives::U256;
use haloracle_contracts::State;
use tracing::{Instrument, Span, debug, info, info_span, warn};

use crate::{
    chain::{Block, Receipt, hex_id},
    crash::{self, Point},
    error::AgentError,
    fees::{self, Fees},
    provers::backoff,
    settle,
    store::{JobOutcome, JobState, Slot, SlotState, StoredTx, now_ms},
    submitter::{Sent, Submitter},
};

/// Time a nonce may be seen used without a receipt before its user counts as a stranger: nodes behind
/// one address may lag behind each other.
const STRANGER_MS: u64 = 60_000;

/// Nonces in trouble per round before the nodes are left alone.
const MOST_TROUBLES: u32 = 3;

impl Submitter {
    /// Brings every open nonce up to date with the chain at `head`. Trouble with one does not keep
    /// the others waiting; the first is returned.
    pub(crate) async fn reconcile(&self, head: Block) -> Result<Option<AgentError>, AgentError> {
        let mut nonce = None;
        let (mut first, mut troubles) = (None, 0);
        for slot in self.store.open_slots()? {
            let span = match (slot.request_id, slot.batch_id) {
                (Some(id), _) => info_span!("request", id = %hex_id(id)),
                (None, Some(id)) => info_span!("batch", id),
                (None, None) => info_span!("filler", nonce = slot.nonce),
            };
            let used = match nonce {
                Some((signer, used)) if signer == slot.signer => used,
                _ => self.chain.nonce(slot.signer, head).await?,
            };
            nonce = Some((slot.signer, used));
            let outcome = self
                .reconcile_slot(&slot, slot.nonce < used, head)
                .instrument(span)
                .await;
            match outcome {
                Ok(()) => {}
                Err(AgentError::Rpc(error)) if troubles < MOST_TROUBLES => {
                    warn!(nonce = slot.nonce, %error, "trouble with one nonce");
                    troubles += 1;
                    first.get_or_insert(AgentError::Rpc(error));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(first)
    }

    async fn reconcile_slot(&self, slot: &Slot, used: bool, head: Block) -> Result<(), AgentError> {
        let _same_fork = self.store.fork.read().await;
        let transactions = self.store.transactions(slot)?;
        if !used {
            if slot.state == SlotState::Mined {
                warn!(nonce = slot.nonce, "the transaction's block left the chain");
                self.store.set_slot(slot, SlotState::Live, None)?;
            }
            return self.push(slot, &transactions, head).await;
        }
        for tx in &transactions {
            if let Some(receipt) = self.chain.receipt(tx.hash).await? {
                crash::point(Point::Receipt);
                return self.mined(slot, receipt, head).await;
            }
        }
        let Some(since) = slot.used_ms else {
            debug!(nonce = slot.nonce, "the nonce is used, no receipt yet");
            return Ok(self.store.mark_used(slot)?);
        };
        if now_ms().saturating_sub(since) < STRANGER_MS {
            return Ok(());
        }
        warn!(
            nonce = slot.nonce,
            "the nonce was used by a transaction that is not ours"
        );
        let outcomes = self.outcomes(slot, None, head).await?;
        self.store
            .close_slot(slot, SlotState::Usurped, None, &outcomes)?;
        Ok(())
    }

    /// Notes a receipt; at depth it is final.
    async fn mined(&self, slot: &Slot, receipt: Receipt, head: Block) -> Result<(), AgentError> {
        let mined = (receipt.hash, receipt.block, receipt.ok);
        if head.number < receipt.block.saturating_add(self.confirmations) {
            if slot.mined != Some((receipt.hash, receipt.block)) || slot.state == SlotState::Live {
                info!(hash = %receipt.hash, block = receipt.block, ok = receipt.ok, "mined");
                self.store.set_slot(slot, SlotState::Mined, Some(mined))?;
            }
            return Ok(());
        }
        let outcomes = self.outcomes(slot, Some(receipt), head).await?;
        self.store
            .close_slot(slot, SlotState::Final, Some(mined), &outcomes)?;
        if slot.batch_id.is_some() && receipt.ok {
            let settled = outcomes
                .iter()
                .filter(|outcome| outcome.to == JobState::Done);
            self.metrics.batch_settled(settled.count());
        }
        self.metrics.add_gas_spent(receipt.cost);
        Ok(())
    }

    /// The requests that are being sent at a nonce.
    fn requests_of(&self, slot: &Slot) -> Result<Vec<U256>, AgentError> {
        let batch = slot.batch_id.map(|id| self.store.batch(id)).transpose()?;
        let Some(batch) = batch.flatten() else {
            return Ok(slot.request_id.into_iter().collect());
        };
        let members = self.store.members(&batch)?.into_iter();
        let sending = members.filter(|member| member.state == JobState::Sending);
        Ok(sending.map(|member| member.job.id).collect())
    }

    /// Where the jobs of a decided nonce go, by what the hub says at `head`; writes nothing, so
    /// that nonce and jobs are decided in one transaction.
    async fn outcomes(
        &self,
        slot: &Slot,
        receipt: Option<Receipt>,
        head: Block,
    ) -> Result<Vec<JobOutcome>, AgentError> {
        let shared = slot.batch_id.is_some();
        let mut outcomes = Vec::new();
        for id in self.requests_of(slot)? {
            let span = match shared {
                true => info_span!("request", id = %hex_id(id)),
                false => Span::none(),
            };
            let outcome = self.outcome(id, shared, receipt, head).instrument(span);
            outcomes.push(outcome.await?);
        }
        Ok(outcomes)
    }

    /// Where one job of a decided nonce goes.
    async fn outcome(
        &self,
        id: U256,
        shared: bool,
        receipt: Option<Receipt>,
        head: Block,
    ) -> Result<JobOutcome, AgentError> {
        let on_chain = self.chain.request_state(id, head).await?;
        let target = settle::target(&self.store, id, on_chain, self.payee)?;
        let hash = receipt.map(|receipt| tracing::field::display(receipt.hash));
        let mut outcome = JobOutcome {
            id,
            to: JobState::Resync,
            reason: None,
            settled_block: None,
            retry_ms: None,
            alone: false,
        };
        let Some((to, reason)) = target else {
            // Whether its block left the chain is for the watcher to say.
            return Ok(outcome);
        };
        (outcome.to, outcome.reason) = (to, reason);
        if on_chain.state != State::Open {
            let block = receipt.map_or(head.number, |receipt| receipt.block);
            info!(state = to.name(), block, hash, "request settled");
            outcome.settled_block = Some(block);
            return Ok(outcome);
        }
        // Reverted, or used up by something else, and the request is still open.
        let why = match receipt {
            Some(_) if shared => "its batch did not settle it",
            Some(_) => "its transaction reverted",
            None => "its nonce was used",
        };
        outcome.alone = shared;
        let attempts = self.store.job(id)?.map_or(0, |job| job.attempts) + 1;
        if attempts >= self.max_attempts {
            outcome.to = JobState::Failed;
        }
        outcome.reason = Some(why.into());
        outcome.retry_ms = Some(backoff(attempts));
        let state = outcome.to.name();
        warn!(?hash, attempts, state, "{why}, but the request is open");
        Ok(outcome)
    }

    /// Gets a waiting nonce mined: send, send again, replace with a higher fee, or fill.
    async fn push(
        &self,
        slot: &Slot,
        transactions: &[StoredTx],
        head: Block,
    ) -> Result<(), AgentError> {
        let Some(newest) = transactions.first() else {
            return Ok(());
        };
        let requests = self.requests_of(slot)?;
        let mut open = Vec::new();
        let mut unknown = false;
        for id in &requests {
            match self.chain.request_state(*id, head).await?.state {
                State::Open => open.push(*id),
                // Its block left the chain; the request will be back, or the nonce filled later.
                State::None => {
                    let gone = self.store.job(*id)?.is_some_and(|job| job.block.is_none());
                    unknown |= !gone || !self.is_old(newest);
                }
                _ => {}
            }
        }
        if open.is_empty() && (slot.request_id.is_some() || slot.batch_id.is_some()) {
            // Sent now it would only revert, or settle nothing. A filler costs the least.
            return match unknown {
                true => Ok(()),
                false => self.fill(slot, transactions, head).await,
            };
        }
        let known = self.chain.knows(newest.hash).await?;
        if known && newest.sent_ms.is_none() {
            self.store.mark_sent(newest.hash)?;
        }
        if known && !self.is_old(newest) {
            return Ok(());
        }
        if self.are_late(&open, head).await? {
            return self.fill(slot, transactions, head).await;
        }
        if known {
            return self.replace(slot, newest, head).await;
        }
        match self.broadcast(newest).await? {
            Sent::Accepted | Sent::NonceUsed => Ok(()),
            Sent::Underpriced => self.replace(slot, newest, head).await,
            Sent::Rejected => self.fill(slot, transactions, head).await,
        }
    }

    /// Whether there are open requests and none can be answered any more: its deadline has passed,
    /// or its cancellation is in effect.
    async fn are_late(&self, open: &[U256], head: Block) -> Result<bool, AgentError> {
        for id in open {
            let Some(job) = self.store.job(*id)? else {
                return Ok(false);
            };
            if head.timestamp < job.request.deadline {
                let cancelled = self.chain.cancelled_at(*id).await?;
                if cancelled == 0 || head.timestamp < cancelled {
                    return Ok(false);
                }
            }
        }
        Ok(!open.is_empty())
    }

    fn is_old(&self, tx: &StoredTx) -> bool {
        let limit = self.fees.bump_after_s.saturating_mul(1000);
        now_ms().saturating_sub(tx.created_ms) > limit
    }

    /// Replaces the newest transaction of a nonce by the same with higher fees, up to the cap.
    async fn replace(&self, slot: &Slot, newest: &StoredTx, head: Block) -> Result<(), AgentError> {
        let Some(fees) = self.raised(slot, newest, head).await? else {
            // At the cap: nodes forget transactions, so this one is handed to them again.
            return self.broadcast(newest).await.map(drop);
        };
        let tx = match (slot.request_id, slot.batch_id) {
            (None, None) => self.sign_filler(slot, fees)?,
            (None, Some(id)) => {
                let Some(batch) = self.store.batch(id)? else {
                    return Ok(());
                };
                self.sign_batch(slot, &batch, newest.gas, fees)?
            }
            (Some(id), _) => {
                let (job, proof) = (self.store.job(id)?, self.store.proof(id, self.payee)?);
                let (Some(job), Some(proof)) = (job, proof) else {
                    return Ok(());
                };
                self.sign_settlement(slot, &job, &proof, newest.gas, fees)?
            }
        };
        info!(hash = %tx.hash, replaces = %newest.hash, max_fee = fees.max, "raising the fee");
        self.store.add_replacement(slot, &tx)?;
        self.metrics.replacements.inc();
        self.broadcast(&tx).await.map(drop)
    }

    /// Gives up the settlement at this nonce and uses the nonce up; the job goes where the chain
    /// says.
    async fn fill(
        &self,
        slot: &Slot,
        transactions: &[StoredTx],
        head: Block,
    ) -> Result<(), AgentError> {
        let Some(newest) = transactions.first() else {
            return Ok(());
        };
        let fees = match self.raised(slot, newest, head).await? {
            Some(fees) => fees,
            None if slot.signer != self.signer.address() => return Ok(()),
            None => {
                // At the cap. What no node knows needs no raise to be replaced.
                for tx in transactions {
                    if self.chain.knows(tx.hash).await? {
                        return self.broadcast(newest).await.map(drop);
                    }
                }
                match self.first_fees(head).await? {
                    Some(fees) => fees,
                    None => return Ok(()),
                }
            }
        };
        let tx = self.sign_filler(slot, fees)?;
        if transactions.iter().any(|old| old.hash == tx.hash) {
            return self.broadcast(&tx).await.map(drop);
        }
        warn!(nonce = slot.nonce, hash = %tx.hash, "using the nonce up without its request");
        let outcomes = self.outcomes(slot, None, head).await?;
        self.store.fill_slot(slot, &tx, &outcomes)?;
        self.broadcast(&tx).await.map(drop)
    }

    /// Fees of a replacement; `None` at the cap, or for a signer that is not ours any more.
    async fn raised(
        &self,
        slot: &Slot,
        newest: &StoredTx,
        head: Block,
    ) -> Result<Option<Fees>, AgentError> {
        if slot.signer != self.signer.address() {
            debug!(signer = %slot.signer, "only its own signer can replace a transaction");
            return Ok(None);
        }
        let old = Fees {
            max: newest.max_fee,
            tip: newest.priority_fee,
        };
        let raised = fees::bump(&self.fees, old, self.first_fees(head).await?);
        if raised.is_none() {
            debug!(nonce = slot.nonce, "the fee is at its cap");
        }
        Ok(raised)
    }
}
