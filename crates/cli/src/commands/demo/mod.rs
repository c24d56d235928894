//! `haloracle demo`: a lending position's collateral factor moves because a proof was verified.
//!
//! Everything is real: anvil, the contracts, the agent as a process of its own, the proof. Then
//! proofs that should not be accepted are sent by an attacker, and are not.

mod forgery;
mod lending;
mod report;

use std::future::Future;
use std::time::{Duration, Instant};

use alloy::primitives::U256;
use alloy::providers::Provider;
use alloy::sol_types::SolCall;
use eyre::{WrapErr, bail, ensure, eyre};
use haloracle_agent::CancellationToken;
use haloracle_contracts::IInferenceHub::fulfillCall;

use crate::chain::block_on;
use crate::chain::revert::explain_transport;
use crate::chain::view::{decode_output, encoding, requested, schema, show_id, verified};
use crate::checkout::Checkout;
use crate::exit::Exit;
use crate::local::agent::Agent;
use crate::local::anvil::Anvil;
use crate::local::stack::Stack;
use crate::text::seconds;
use crate::ui::{Ui, Working};

use super::agent::cancel_on_signal;
use super::answer::Answer;
use forgery::Attack;
use lending::Lending;
use report::DemoReport;

/// Longest wait for the agent's answer.
const ANSWER: Duration = Duration::from_secs(90);
/// Pause between two looks.
const POLL: Duration = Duration::from_millis(50);

/// `haloracle demo`
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    checkout: Checkout,
}

/// A settled request, as the chain shows it.
struct Settled {
    call: fulfillCall,
    gas_used: u64,
    outputs: Vec<Answer>,
}

/// Ends what `work` does, cleanly, when the user stops the program.
pub(crate) async fn unless_stopped<T>(
    work: impl Future<Output = eyre::Result<T>>,
) -> eyre::Result<T> {
    let stop = CancellationToken::new();
    cancel_on_signal(stop.clone())?;
    match stop.run_until_cancelled(work).await {
        Some(outcome) => outcome,
        None => bail!("stopped; every process that was started has ended"),
    }
}

/// Waits for the agent's answer to `id` and reads it off the chain.
async fn settled(stack: &Stack, agent: &mut Agent, id: U256) -> eyre::Result<Settled> {
    let start = Instant::now();
    let found = loop {
        if let Some(found) = verified(&stack.node, &stack.contracts, id).await? {
            break found;
        }
        agent.require_running()?;
        let log = agent.log().display();
        ensure!(
            start.elapsed() < ANSWER,
            "no answer to {}; see `{log}`",
            show_id(id)
        );
        tokio::time::sleep(POLL).await;
    };
    let hash = found
        .transaction
        .ok_or_else(|| eyre!("the answer has no transaction"))?;
    let asked = |error| explain_transport("reading the settlement", &error);
    let provider = &stack.node.provider;
    let transaction = provider
        .get_transaction_by_hash(hash)
        .await
        .map_err(asked)?;
    let receipt = provider
        .get_transaction_receipt(hash)
        .await
        .map_err(asked)?;
    let (Some(transaction), Some(receipt)) = (transaction, receipt) else {
        bail!("the node does not know transaction {hash}");
    };
    let input = alloy::consensus::Transaction::input(&transaction).clone();
    let call = fulfillCall::abi_decode(&input).wrap_err("the settlement is not a `fulfill`")?;
    let chain_schema = schema(&stack.node, &stack.contracts, stack.model_id).await?;
    let model = encoding(stack.model_id, &chain_schema)?;
    let (status, outputs) = decode_output(&model, &found.event.output)?;
    let outputs = outputs.ok_or_else(|| eyre!("the model refused: status {status}"))?;
    // The chain holds no names; the bundle does.
    let outputs = Answer::all(stack.compiled.bundle.model(), &outputs);
    Ok(Settled {
        call,
        gas_used: receipt.gas_used,
        outputs,
    })
}

async fn demo(checkout: &Checkout, working: &Working) -> eyre::Result<DemoReport> {
    let start = Instant::now();
    let scratch = tempfile::tempdir().wrap_err("no temporary directory")?;
    working.now("starting anvil");
    let anvil = Anvil::start(checkout, 0, &[])?;
    let stack = Stack::build(checkout, scratch.path(), anvil, working).await?;
    working.say(format!(
        "contracts     hub {} on anvil",
        stack.contracts.hub
    ));
    working.say(format!(
        "model         credit_risk, id {}",
        show_id(stack.model_id)
    ));
    let payee = crate::local::accounts::OPERATOR.signer()?.address();
    let mut agent = stack.start_agent(scratch.path(), payee)?;

    working.now("opening a lending position");
    let lending = Lending::open(&stack, checkout).await?;
    let factor_before = lending.factor().await?;
    let position = lending.position();
    working.say(format!("position      {position}"));
    let id = lending.request_review().await?;
    working.say(format!(
        "request       {}, waiting for the agent",
        show_id(id)
    ));
    working.now("the agent proves and settles");
    let settled = settled(&stack, &mut agent, id).await?;
    let factor_after = lending.factor().await?;
    ensure!(
        lending.applied(id).await? == Some((factor_before, factor_after)),
        "the review was settled but not applied"
    );
    // Its log line follows the settlement within moments.
    let proof_seconds = loop {
        match agent.proof_seconds(id) {
            Some(seconds) => break seconds,
            None if start.elapsed() > ANSWER * 2 => bail!("the agent's log has no proof time"),
            None => tokio::time::sleep(POLL).await,
        }
    };

    // A second request that the agent must not answer first.
    agent.stop()?;
    working.now("sending forged proofs");
    let second = lending.request_review().await?;
    let open = requested(&stack.node, &stack.contracts, second)
        .await?
        .event;
    let attack = Attack::new(&stack, second, open, settled.call);
    let rejections = attack.run().await?;
    let factor_in_the_end = lending.factor().await?;
    ensure!(
        factor_in_the_end == factor_after,
        "a forged proof moved the collateral factor"
    );
    Ok(DemoReport {
        request_id: show_id(id),
        model_id: show_id(stack.model_id),
        input: lending.features().to_vec(),
        outputs: settled.outputs,
        proof_seconds: (proof_seconds * 1e3).round() / 1e3,
        fulfill_gas: settled.gas_used,
        factor_before_bps: factor_before,
        factor_after_bps: factor_after,
        rejected: rejections,
        seconds: seconds(start.elapsed()),
    })
}

impl DemoArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let working = ui.working("starting");
        let report = block_on(unless_stopped(demo(&self.checkout, &working)))?;
        drop(working);
        ui.data(&report)?;
        Ok(Exit::Yes)
    }
}
