//! Sends proofs that requests share: recheck, simulate, sign, write to disk, broadcast.

use alloy::{primitives::Bytes, sol_types::SolCall};
use haloracle_contracts::{
    IBatchSettler::{Batch as Call, settleBatchCall},
    LeafResult, State,
    statement::INPUT_COMMITMENT,
};
use tracing::{debug, info, warn};

use crate::{
    chain::{Block, RequestState, hex_id},
    cost::{Cost, Way},
    crash::{self, Point},
    error::AgentError,
    fees::Fees,
    settle,
    store::{Batch, Job, JobState, Slot, StoreError, StoredTx, now_ms},
    submitter::{Submitter, WAIT_MS},
};

impl Submitter {
    /// Sends batches while `room` for transactions is left.
    pub(crate) async fn submit_batches(&self, head: Block, room: usize) -> Result<(), AgentError> {
        for batch in self.store.due_batches(now_ms(), room)? {
            let id = batch.id;
            if let Err(error) = self.submit_batch(&batch, head).await {
                // The others first next time: one batch must not block them.
                self.store.postpone_batch(id, WAIT_MS)?;
                return Err(error);
            }
        }
        Ok(())
    }

    /// Takes one proved batch to a broadcast transaction, or gives it up.
    async fn submit_batch(&self, batch: &Batch, head: Block) -> Result<(), AgentError> {
        let _same_fork = self.store.fork.read().await;
        let (id, content) = (batch.id, &batch.content);
        if content.payee != self.payee {
            // Proved for a payee of an earlier configuration.
            return Ok(self.store.dissolve_batch(id, "for another payee", false)?);
        }
        let (mut jobs, mut open) = (Vec::new(), 0_usize);
        for member in self.store.members(batch)? {
            if member.state == JobState::Batched {
                let on_chain = self.chain.request_state(member.job.id, head).await?;
                match on_chain.state {
                    State::Open => open += 1,
                    State::None => {
                        let request = hex_id(member.job.id);
                        debug!(batch = id, %request, "the hub does not know a request yet");
                        return Ok(self.store.postpone_batch(id, WAIT_MS)?);
                    }
                    _ => self.member_settled(&member.job, on_chain, head)?,
                }
            }
            jobs.push(member);
        }
        if open == 0 {
            info!(batch = id, "all requests of the batch are settled already");
            return Ok(self.store.dissolve_batch(id, "settled already", false)?);
        }
        let members: Vec<&Job> = jobs.iter().map(|member| &member.job).collect();
        let data = calldata(batch, &members);
        let (settled, gas) = match self.try_batch(batch, &data).await {
            Ok(tried) => tried,
            Err(error) if error.is_transient() => return Err(error.into()),
            Err(error) => {
                warn!(batch = id, %error, "batch refused, its requests are settled alone");
                let reason = format!("its batch was refused: {error}");
                return Ok(self.store.dissolve_batch(id, &reason, true)?);
            }
        };
        // What another transaction of ours settles earns nothing here.
        let earning: Vec<&Job> = jobs
            .iter()
            .zip(&settled)
            .filter(|(member, settled)| **settled && member.state == JobState::Batched)
            .map(|(member, _)| &member.job)
            .collect();
        if earning.is_empty() {
            warn!(batch = id, "the batch would settle nothing");
            let reason = "its batch would not settle it";
            return Ok(self.store.dissolve_batch(id, reason, true)?);
        }
        let counted = self.counted(batch).await?;
        if let Some(reason) = self.admission.loss_of(&earning, head, gas, counted).await? {
            debug!(batch = id, %reason, "batch waits");
            return Ok(self.store.postpone_batch(id, WAIT_MS)?);
        }
        let Some(fees) = self.first_fees(head).await? else {
            warn!(batch = id, "gas is above `fees.max_fee_wei`, batch waits");
            return Ok(self.store.postpone_batch(id, WAIT_MS)?);
        };
        let nonce = self.next_nonce(head).await?;
        let tx = self.sign(nonce, content.settler, data, gas, fees)?;
        let signer = self.signer.address();
        if self.store.take_batch_slot(signer, nonce, id, &tx)? {
            info!(
                batch = id, hash = %tx.hash, nonce, gas, max_fee = fees.max, tag = %content.tag,
                items = content.items, requests = %crate::gather::list(&content.members),
                "batch signed"
            );
            self.metrics.transactions.inc();
            crash::point(Point::DiskWrite);
            self.broadcast(&tx).await?;
        }
        Ok(())
    }

    /// Which members the settler would settle now, and the gas of the transaction.
    async fn try_batch(
        &self,
        batch: &Batch,
        data: &Bytes,
    ) -> Result<(Vec<bool>, u64), crate::rpc::RpcError> {
        let settler = batch.content.settler;
        let answer = self
            .chain
            .simulate(self.signer.address(), settler, data)
            .await?;
        let results = settleBatchCall::abi_decode_returns(&answer).map_err(|error| {
            let class = crate::rpc::Class::Rejected;
            crate::rpc::RpcError::new(crate::rpc::Method::Call, class, error)
        })?;
        let settled = results
            .iter()
            .map(|result| *result == LeafResult::Settled)
            .collect();
        Ok((settled, self.estimate(settler, data).await?))
    }

    /// Millionths of a byte that an OP-stack chain counts for the settlement; 0 if its model is
    /// not loaded any more.
    async fn counted(&self, batch: &Batch) -> Result<u64, AgentError> {
        let content = &batch.content;
        let models = &self.admission.models;
        let loaded = models.find(&self.chain, content.model_id).await?;
        let requests = u32::try_from(content.members.len()).unwrap_or(u32::MAX);
        let way = Way::Batch {
            items: content.items,
        };
        Ok(loaded.map_or(0, |loaded| {
            Cost::new(&loaded.provable.cost, way, requests).counted
        }))
    }

    /// Writes what the chain decided about a member that was to be sent.
    fn member_settled(
        &self,
        job: &Job,
        on_chain: RequestState,
        head: Block,
    ) -> Result<(), StoreError> {
        let target = settle::target(&self.store, job.id, on_chain, self.payee)?;
        let Some((to, reason)) = target else {
            return Ok(());
        };
        info!(request = %hex_id(job.id), state = to.name(), "request is settled already");
        let (from, block) = ([JobState::Batched], Some(head.number));
        self.store
            .transition(job.id, &from, to, reason.as_deref(), block)
            .map(drop)
    }

    /// A signed settlement of `batch` at the nonce of `slot`.
    pub(crate) fn sign_batch(
        &self,
        slot: &Slot,
        batch: &Batch,
        gas: u64,
        fees: Fees,
    ) -> Result<StoredTx, AgentError> {
        let members = self.store.members(batch)?;
        let jobs: Vec<&Job> = members.iter().map(|member| &member.job).collect();
        let data = calldata(batch, &jobs);
        self.sign(slot.nonce, batch.content.settler, data, gas, fees)
    }
}

/// Calldata of a batch's settlement.
fn calldata(batch: &Batch, jobs: &[&Job]) -> Bytes {
    let content = &batch.content;
    let mut inputs = Vec::new();
    for job in jobs {
        // Of a private input the request holds the commitment, its one word.
        match job.request.inputMode == INPUT_COMMITMENT {
            true => inputs.extend_from_slice(job.request.inputDigest.as_slice()),
            false => inputs.extend_from_slice(&job.input),
        }
    }
    let call = settleBatchCall {
        batch: Call {
            modelId: content.model_id,
            items: alloy::primitives::U256::from(content.items),
            requests: jobs.iter().map(|job| job.request.clone()).collect(),
            payees: vec![content.payee],
            inputs: inputs.into(),
            outputs: content.outputs.clone(),
            proof: content.proof.clone(),
        },
    };
    call.abi_encode().into()
}
