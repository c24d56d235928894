//! Which requests are worth a proof.

use std::sync::Arc;

use alloy::primitives::{I256, U256};
use haloracle_contracts::statement::{INPUT_COMMITMENT, INPUT_PUBLIC_WORDS, MODE_SINGLE};
use tracing::debug;

use crate::{
    chain::{Block, Chain, RequestState},
    config::{AdmissionConfig, FeeConfig},
    error::AgentError,
    fees,
    models::{Loaded, Models},
    private::Openings,
    prove::Input,
    rpc::RpcError,
    store::{Job, Store},
};

/// The whole fee in basis points.
const WHOLE_BPS: u64 = 10_000;
/// Pause before a request that is not worth its gas now is looked at again.
const WAIT_FOR_GAS_MS: u64 = 30_000;
/// Pause before a request whose private input has not come is looked at again; its coming ends
/// the pause.
const WAIT_FOR_INPUT_MS: u64 = 15_000;
/// Pause before a request above its model's limit is looked at again.
const WAIT_FOR_ROOM_MS: u64 = 1_000;

/// What to do with an observed request.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Prove it, on this input.
    Take(Arc<Loaded>, Input),
    /// Not this one; the reason is for people.
    Skip(String),
    /// Not now.
    Wait { ms: u64, reason: String },
    /// The chain has decided already.
    Settled(RequestState),
}

/// Judges requests.
#[derive(Debug)]
pub(crate) struct Admission {
    pub(crate) chain: Chain,
    pub(crate) store: Arc<Store>,
    pub(crate) models: Arc<Models>,
    /// Private inputs; `None` if none are taken.
    pub(crate) openings: Option<Arc<Openings>>,
    pub(crate) limits: AdmissionConfig,
    pub(crate) fees: FeeConfig,
}

impl Admission {
    /// Judges one request against the chain at `head`; `busy` is how many of its model are being
    /// proved.
    pub(crate) async fn judge(
        &self,
        job: &Job,
        head: Block,
        busy: impl Fn(U256) -> usize,
    ) -> Result<Verdict, AgentError> {
        let request = &job.request;
        let left = request.deadline.saturating_sub(head.timestamp);
        let input = self.input(job)?;
        // While there is time the chain need not be asked: nothing can be done without the input.
        if input.is_none()
            && self.openings.is_some()
            && left >= self.limits.min_seconds_left
            && self.is_served(request.modelId).await?
        {
            return Ok(Verdict::Wait {
                ms: WAIT_FOR_INPUT_MS,
                reason: "its private input has not been handed in".into(),
            });
        }
        let on_chain = self.chain.request_state(job.id, head).await?;
        if on_chain.state != haloracle_contracts::State::Open {
            return Ok(Verdict::Settled(on_chain));
        }
        let Some(loaded) = self.models.find(&self.chain, request.modelId).await? else {
            return Ok(Verdict::Skip(
                "no loaded bundle has this model's key".into(),
            ));
        };
        if request.modes & MODE_SINGLE == 0
            || request.inputMode != loaded.provable.privacy.input_mode()
        {
            return Ok(Verdict::Skip(
                "its settlement or input mode is not supported".into(),
            ));
        }
        if left < self.limits.min_seconds_left {
            return Ok(Verdict::Skip(format!(
                "only {left} s are left before its deadline"
            )));
        }
        let Some(input) = input else {
            return Ok(Verdict::Skip(
                "its input is private and no `[intake]` is configured".into(),
            ));
        };
        let least = loaded.config.min_fee_wei.unwrap_or(self.limits.min_fee_wei);
        if job.fee < U256::from(least) {
            return Ok(Verdict::Skip(format!(
                "its fee of {} wei is below {least} wei",
                job.fee
            )));
        }
        let pending = self
            .store
            .pending_of_model(request.modelId)
            .unwrap_or(usize::MAX);
        if pending.saturating_add(busy(request.modelId)) >= loaded.config.max_pending {
            return Ok(Verdict::Wait {
                ms: WAIT_FOR_ROOM_MS,
                reason: "its model is at `max_pending`".into(),
            });
        }
        match self
            .loss(
                job,
                head,
                self.limits
                    .expected_gas
                    .saturating_add(u64::from(request.callbackGas)),
            )
            .await?
        {
            Some(reason) => Ok(Verdict::Wait {
                ms: WAIT_FOR_GAS_MS,
                reason,
            }),
            None => Ok(Verdict::Take(loaded, input)),
        }
    }

    async fn is_served(&self, model_id: U256) -> Result<bool, RpcError> {
        Ok(self.models.find(&self.chain, model_id).await?.is_some())
    }

    /// What a request asks about; `None` if it is private and not here.
    fn input(&self, job: &Job) -> Result<Option<Input>, AgentError> {
        match (job.request.inputMode, &self.openings) {
            (INPUT_PUBLIC_WORDS, _) => Ok(Some(Input::Words(job.input.clone()))),
            (INPUT_COMMITMENT, Some(openings)) => Ok(openings.get(job.id)?.map(Input::Opening)),
            _ => Ok(None),
        }
    }

    /// Why settling `job` with `gas` would earn less than the configured profit, if so.
    pub(crate) async fn loss(
        &self,
        job: &Job,
        head: Block,
        gas: u64,
    ) -> Result<Option<String>, RpcError> {
        let share = self.chain.owner_share(job.id).await?;
        let ours = WHOLE_BPS.saturating_sub(u64::from(share));
        let income = job.fee.saturating_mul(U256::from(ours)) / U256::from(WHOLE_BPS);
        let price = fees::expected_price(&self.fees, head);
        let profit = profit(income, U256::from(gas) * U256::from(price));
        debug!(%profit, %income, gas, "profit expected");
        let least = I256::try_from(self.limits.min_profit_wei).unwrap_or(I256::MAX);
        Ok((profit < least).then(|| format!("it would earn {profit} wei, least is {least} wei")))
    }
}

/// Income minus cost; amounts of wei are far below the limits of a signed word.
fn profit(income: U256, cost: U256) -> I256 {
    let signed = |amount| I256::try_from(amount).unwrap_or(I256::MAX);
    signed(income).saturating_sub(signed(cost))
}
