//! `haloracle status`: what became of a request.

use std::fmt;
use std::time::{Duration, Instant};

use alloy::primitives::{Address, B256, TxHash, U256};
use eyre::{bail, ensure};
use haloracle_contracts::{
    Delivery, IInferenceHub, State,
    statement::{INPUT_COMMITMENT, STATUS_OUT_OF_DOMAIN, to_words},
};
use haloracle_model::integer::STATUS_OK;
use serde::Serialize;

use crate::chain::block_on;
use crate::chain::contracts::{Contracts, ContractsArgs};
use crate::chain::node::{Node, NodeArgs};
use crate::chain::revert::explain;
use crate::chain::view::{decode_output, encoding, parse_id, requested, schema, show_id, verified};
use crate::exit::Exit;
use crate::text::hexed;
use crate::ui::Ui;

use super::answer::Answer;

/// Pause between two looks while waiting.
const POLL: Duration = Duration::from_millis(500);

/// `haloracle status`
#[derive(Debug, clap::Args)]
pub(crate) struct StatusArgs {
    /// Request id
    #[arg(value_parser = parse_id)]
    id: U256,
    #[command(flatten)]
    node: NodeArgs,
    #[command(flatten)]
    contracts: ContractsArgs,
    /// Wait up to this many seconds until the request is settled
    #[arg(long, value_name = "SECONDS")]
    wait: Option<u64>,
}

/// What a chain says of a request.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct StatusReport {
    request_id: String,
    model_id: String,
    consumer: Address,
    /// `open`, `verified`, `cancelled`, `expired` or `stopped`.
    pub(crate) state: &'static str,
    /// Of the callback: `none`, `pending`, `done` or `failed`.
    delivery: &'static str,
    deadline: u64,
    fee: String,
    /// Of public inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_input: Option<Vec<i64>>,
    /// To private inputs, and whose they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_commitment: Option<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<Address>,
    payee: Option<Address>,
    settled_at: Option<u64>,
    transaction: Option<TxHash>,
    /// Status of the answer: 0 is an answer, all else a refusal, which has no outputs.
    status: Option<u64>,
    pub(crate) outputs: Option<Vec<Answer>>,
    output: Option<String>,
}

impl fmt::Display for StatusReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "request id   {}", self.request_id)?;
        writeln!(f, "model id     {}", self.model_id)?;
        writeln!(f, "consumer     {}", self.consumer)?;
        if let Some(raw) = &self.raw_input {
            writeln!(f, "raw input    {raw:?}")?;
        }
        if let (Some(commitment), Some(subject)) = (self.input_commitment, self.subject) {
            writeln!(f, "input        private, of {subject}")?;
            writeln!(f, "commitment   {commitment}")?;
        }
        writeln!(f, "state        {}, callback {}", self.state, self.delivery)?;
        writeln!(f, "fee          {} wei", self.fee)?;
        writeln!(f, "deadline     {}", self.deadline)?;
        if let (Some(payee), Some(transaction)) = (self.payee, self.transaction) {
            writeln!(f, "paid to      {payee}")?;
            writeln!(f, "transaction  {transaction}")?;
        }
        match self.status {
            None | Some(STATUS_OK) => {}
            Some(STATUS_OUT_OF_DOMAIN) => {
                writeln!(f, "refused      the input is outside the model's domain")?;
            }
            Some(status) => writeln!(f, "refused      status {status}")?,
        }
        self.outputs
            .iter()
            .flatten()
            .try_for_each(|answer| writeln!(f, "output       {answer}"))
    }
}

fn state_name(state: State) -> &'static str {
    match state {
        State::Open => "open",
        State::Claimed => "claimed",
        State::Provisional => "provisional",
        State::Verified => "verified",
        State::Cancelled => "cancelled",
        State::Expired => "expired",
        State::Stopped => "stopped",
        // `None`, and what `sol!` adds for numbers outside the enumeration.
        _ => "unknown",
    }
}

fn delivery_name(delivery: Delivery) -> &'static str {
    match delivery {
        Delivery::None => "none",
        Delivery::Pending => "pending",
        Delivery::Done => "done",
        Delivery::Failed => "failed",
        _ => "unknown",
    }
}

/// Looks a request up.
pub(crate) async fn status(
    node: &Node,
    contracts: &Contracts,
    id: U256,
) -> eyre::Result<StatusReport> {
    let hub = IInferenceHub::new(contracts.hub, &node.provider);
    let result = hub.resultOf(id).call().await;
    let result = result.map_err(|error| explain("asking for the request", error))?;
    if state_name(result.state) == "unknown" {
        bail!(
            "unknown request id {}: the hub has no such request",
            show_id(id)
        );
    }
    let request = requested(node, contracts, id).await?.event;
    let encoding = encoding(
        request.modelId,
        &schema(node, contracts, request.modelId).await?,
    )?;
    let committed = request.request.inputMode == INPUT_COMMITMENT;
    let raw_input = if committed {
        None
    } else {
        Some(encoding.unpack_input(&to_words("input", &request.input)?)?)
    };
    let settled = verified(node, contracts, id).await?;
    let decoded = settled
        .as_ref()
        .map(|found| decode_output(&encoding, &found.event.output));
    let decoded = decoded.transpose()?;
    Ok(StatusReport {
        request_id: show_id(id),
        model_id: show_id(request.modelId),
        consumer: request.consumer,
        state: state_name(result.state),
        delivery: delivery_name(result.delivery),
        deadline: request.request.deadline,
        fee: request.request.fee.to_string(),
        raw_input,
        input_commitment: committed.then_some(request.request.inputDigest),
        subject: committed.then_some(request.request.subject),
        payee: settled.is_some().then_some(result.payee),
        settled_at: (result.settledAt != 0).then_some(result.settledAt),
        transaction: settled.as_ref().and_then(|found| found.transaction),
        status: decoded.as_ref().map(|(status, _)| *status),
        outputs: decoded
            .and_then(|(_, outputs)| outputs)
            .map(|outputs| Answer::all(&encoding, &outputs)),
        output: settled.map(|found| hexed(found.event.output)),
    })
}

impl StatusArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        block_on(async {
            let node = self.node.connect(None).await?;
            let contracts = self.contracts.find(&node).await?;
            let end = self
                .wait
                .map(|seconds| Instant::now() + Duration::from_secs(seconds));
            let working = end.map(|_| ui.working("waiting for the answer"));
            let report = loop {
                let report = status(&node, &contracts, self.id).await?;
                let open = report.state == "open";
                match end {
                    Some(end) if open && Instant::now() < end => tokio::time::sleep(POLL).await,
                    _ => break report,
                }
            };
            drop(working);
            ui.data(&report)?;
            ensure!(
                self.wait.is_none() || report.state != "open",
                "the request is still open after {} s",
                self.wait.unwrap_or_default()
            );
            Ok(Exit::Yes)
        })
    }
}
