//! Which requests are worth a proof.

use std::sync::Arc;

use alloy::primitives::{I256, U256};
use haloracle_contracts::statement::{INPUT_COMMITMENT, INPUT_PUBLIC_WORDS, MODE_SINGLE};
use tracing::debug;

use crate::{
    chain::{Block, Chain, RequestState},
    config::{AdmissionConfig, FeeConfig},
    cost::Prices,
    error::AgentError,
    fees,
    l1::L1,
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
    pub(crate) l1: Arc<L1>,
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

    /// Why settling `job` by a proof of its own with `gas` would earn less than the configured
    /// profit, if so.
    pub(crate) async fn loss(
        &self,
        job: &Job,
        head: Block,
        gas: u64,
    ) -> Result<Option<String>, RpcError> {
        let loaded = self.models.find(&self.chain, job.request.modelId).await?;
        let counted = loaded.map_or(0, |loaded| loaded.provable.counted);
        self.loss_of(&[job], head, gas, counted).await
    }

    /// Why settling `jobs` together with `gas`, in a transaction of which an OP-stack chain counts
    /// `counted` millionths of a byte, would earn less than the configured profit of each, if so.
    pub(crate) async fn loss_of(
        &self,
        jobs: &[&Job],
        head: Block,
        gas: u64,
        counted: u64,
    ) -> Result<Option<String>, RpcError> {
        let mut income = U256::ZERO;
        for job in jobs {
            let share = self.chain.owner_share(job.id).await?;
            let ours = WHOLE_BPS.saturating_sub(u64::from(share));
            let net = job.fee.saturating_mul(U256::from(ours)) / U256::from(WHOLE_BPS);
            income = income.saturating_add(net);
        }
        let prices = self.prices(head).await?;
        let data = prices.l1.map(|l1| l1.fee_of_size(counted));
        let data = data.unwrap_or_default();
        let cost = U256::from(gas) * U256::from(prices.gas) + data;
        let profit = profit(income, cost);
        debug!(%profit, %income, gas, data_fee = %data, "profit expected");
        let each = I256::try_from(self.limits.min_profit_wei).unwrap_or(I256::MAX);
        let least = each.saturating_mul(I256::try_from(jobs.len()).unwrap_or(I256::ONE));
        Ok((profit < least).then(|| format!("it would earn {profit} wei, least is {least} wei")))
    }

    /// What settlements likely pay at `head`.
    pub(crate) async fn prices(&self, head: Block) -> Result<Prices, RpcError> {
        Ok(Prices {
            gas: fees::expected_price(&self.fees, head),
            l1: self.l1.prices(&self.chain).await?,
        })
    }
}

/// Income minus cost; amounts of wei are far below the limits of a signed word.
fn profit(income: U256, cost: U256) -> I256 {
    let signed = |amount| I256::try_from(amount).unwrap_or(I256::MAX);
    signed(income).saturating_sub(signed(cost))
}
