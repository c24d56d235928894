//! What becomes of a transaction after it is on disk: sent again, replaced, mined, final.
//!
//! A nonce is decided by receipts alone. All transactions ever signed for it are looked up before
//! anything is called failed, because any of them may have been mined; a request is settled or
//! not by what the hub says, because anybody may have sent our proof.

use haloracle_contracts::State;
use tracing::{Instrument, debug, info, info_span, warn};

use crate::{
    chain::{Block, Receipt, hex_id},
    crash::{self, Point},
    error::AgentError,
    fees::{self, Fees},
    provers::backoff,
    settle,
    store::{JobState, Slot, SlotState, StoredTx, now_ms},
    submitter::{Sent, Submitter},
};

/// Time a used nonce may be without a receipt before its user counts as a stranger: nodes behind
/// one address may lag behind each other.
const STRANGER_MS: u64 = 60_000;

impl Submitter {
    /// Brings every open nonce up to date with the chain at `head`.
    pub(crate) async fn reconcile(&self, head: Block) -> Result<(), AgentError> {
        let mut nonce = None;
        for slot in self.store.open_slots()? {
            let span = match slot.request_id {
                Some(id) => info_span!("request", id = %hex_id(id)),
                None => info_span!("filler", nonce = slot.nonce),
            };
            let used = match nonce {
                Some((signer, used)) if signer == slot.signer => used,
                _ => self.chain.nonce(slot.signer).await?,
            };
            nonce = Some((slot.signer, used));
            self.reconcile_slot(&slot, slot.nonce < used, head)
                .instrument(span)
                .await?;
        }
        Ok(())
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
        let newest = transactions
            .iter()
            .filter_map(|tx| tx.sent_ms.or(Some(tx.created_ms)))
            .max();
        if newest.is_some_and(|sent| now_ms().saturating_sub(sent) < STRANGER_MS) {
            debug!(nonce = slot.nonce, "the nonce is used, no receipt yet");
            return Ok(());
        }
        warn!(
            nonce = slot.nonce,
            "the nonce was used by a transaction that is not ours"
        );
        self.store.set_slot(slot, SlotState::Usurped, None)?;
        self.decide(slot, None, head).await
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
        // The job first: should the process die in between, the slot is looked at again.
        self.decide(slot, Some(receipt), head).await?;
        self.store.set_slot(slot, SlotState::Final, Some(mined))?;
        self.metrics.add_gas_spent(receipt.cost);
        Ok(())
    }

    /// Moves the job of a decided nonce to where the hub says it is.
    async fn decide(
        &self,
        slot: &Slot,
        receipt: Option<Receipt>,
        head: Block,
    ) -> Result<(), AgentError> {
        let Some(id) = slot.request_id else {
            return Ok(());
        };
        let on_chain = self.chain.request_state(id).await?;
        let (to, reason) = settle::target(&self.store, id, on_chain, self.payee)?;
        let from = [JobState::Sending];
        let hash = receipt.map(|receipt| tracing::field::display(receipt.hash));
        if on_chain.state != State::Open {
            let block = receipt.map_or(head.number, |receipt| receipt.block);
            info!(state = to.name(), block, hash, "request settled");
            self.store
                .transition(id, &from, to, reason.as_deref(), Some(block))?;
            return Ok(());
        }
        // Reverted, or used up by something else, and the request is still open.
        let why = if receipt.is_some() {
            "its transaction reverted"
        } else {
            "its nonce was used"
        };
        let attempts = self.store.postpone(id, 0, why, true)?;
        let failed = attempts >= self.max_attempts;
        let to = if failed { JobState::Failed } else { to };
        warn!(
            ?hash,
            attempts,
            state = to.name(),
            "{why}, but the request is open"
        );
        self.store.transition(id, &from, to, Some(why), None)?;
        if !failed {
            self.store.postpone(id, backoff(attempts), why, false)?;
        }
        Ok(())
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
        if let Some(id) = slot.request_id {
            let on_chain = self.chain.request_state(id).await?;
            match on_chain.state {
                State::Open => {}
                // Its block left the chain; the request will be back, or the nonce filled later.
                State::None if !self.is_old(newest) => return Ok(()),
                // Sent now it would only revert. A filler costs the least.
                _ => return self.fill(slot, newest, head).await,
            }
        }
        if !self.chain.knows(newest.hash).await? {
            return match self.broadcast(newest).await? {
                Sent::Accepted | Sent::NonceUsed => Ok(()),
                Sent::Underpriced => self.replace(slot, newest, head).await,
                Sent::Rejected => self.fill(slot, newest, head).await,
            };
        }
        if newest.sent_ms.is_none() {
            self.store.mark_sent(newest.hash)?;
        }
        if self.is_old(newest) {
            return self.replace(slot, newest, head).await;
        }
        Ok(())
    }

    fn is_old(&self, tx: &StoredTx) -> bool {
        let limit = self.fees.bump_after_s.saturating_mul(1000);
        now_ms().saturating_sub(tx.created_ms) > limit
    }

    /// Replaces the newest transaction of a nonce by the same with higher fees, up to the cap.
    async fn replace(&self, slot: &Slot, newest: &StoredTx, head: Block) -> Result<(), AgentError> {
        let Some(fees) = self.raised(slot, newest, head).await? else {
            return Ok(());
        };
        let tx = match slot.request_id {
            None => self.sign_filler(slot, fees)?,
            Some(id) => {
                let (job, proof) = (self.store.job(id)?, self.store.proof(id, self.payee)?);
                let (Some(job), Some(proof)) = (job, proof) else {
                    return Ok(());
                };
                self.sign_settlement(slot, &job, &proof, newest.gas, fees)?
            }
        };
        info!(hash = %tx.hash, replaces = %newest.hash, max_fee = fees.max, "raising the fee");
        self.store.add_replacement(slot, &tx, false)?;
        self.metrics.replacements.inc();
        self.broadcast(&tx).await.map(drop)
    }

    /// Gives up the settlement at this nonce and uses the nonce up; the job goes where the chain
    /// says.
    async fn fill(&self, slot: &Slot, newest: &StoredTx, head: Block) -> Result<(), AgentError> {
        let Some(fees) = self.raised(slot, newest, head).await? else {
            return Ok(());
        };
        let tx = self.sign_filler(slot, fees)?;
        warn!(nonce = slot.nonce, hash = %tx.hash, "using the nonce up without its request");
        self.decide(slot, None, head).await?;
        self.store.add_replacement(slot, &tx, true)?;
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
