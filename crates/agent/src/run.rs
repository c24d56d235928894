//! Starts the agent's parts, keeps them going and stops them.

use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use alloy::primitives::U256;
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use crate::{
    admission::Admission,
    chain::{Block, Chain},
    config::Config,
    error::AgentError,
    http::{self, Status},
    l1::L1,
    metrics::Metrics,
    models::Models,
    private::{
        self, Openings,
        intake::{Door, Intake, Limits},
        vault::Vault,
    },
    provers::{Provers, Wake},
    rpc::Rpc,
    signer::Signer,
    store::{Store, now_ms},
    submitter::Submitter,
    watcher::{Progress, WatchConfig, Watcher},
};

/// Time that proofs under way have to finish when the agent stops; later ones are made again.
const GRACE: Duration = Duration::from_secs(5);
/// Pause between two looks at the signer's balance.
const BALANCE_PERIOD: Duration = Duration::from_secs(15);
/// Longest pause of a loop while no node answers.
const LONGEST_REST: Duration = Duration::from_secs(10);

/// Runs the agent until `shutdown` or until it cannot go on.
///
/// Nothing is lost however it ends: everything that matters is on disk before it takes effect.
/// The health server answers as soon as the configuration holds; `/ready` says when the chain
/// was read to its head.
///
/// # Errors
/// What the configuration names cannot be used (state directory, keystore, bundles, HTTP
/// address), the node is on another chain, or the database fails. Unreachable nodes are waited
/// for.
pub async fn run(config: Config, shutdown: CancellationToken) -> Result<(), AgentError> {
    let metrics = Arc::new(Metrics::new());
    let status = Arc::new(Status::new(config.poll_interval()));
    let store = Arc::new(Store::open(&config.state_dir, config.chain_id, config.hub)?);
    let stranded = store.unsettle_stranded()?;
    if stranded > 0 {
        warn!(
            jobs = stranded,
            "requests without an open nonce are compared with the chain"
        );
    }
    let rpc = Rpc::new(&config.rpc, Arc::clone(&metrics))?.on_chain(config.chain_id);
    let chain = Chain::new(rpc, config.chain_id, config.hub);
    let listener = http::bind(config.http.listen).await?;
    let door = match &config.intake {
        Some(intake) => Some(Door::open(intake).await?),
        None => None,
    };

    // Whatever ends one part ends all.
    let stop = shutdown.child_token();
    let _stop_on_drop = stop.clone().drop_guard();
    let mut parts: JoinSet<Result<(), AgentError>> = JoinSet::new();
    let health = http::serve(
        listener,
        Arc::clone(&status),
        Arc::clone(&metrics),
        Arc::clone(&store),
        stop.clone(),
    );
    let address = config.http.listen;
    parts.spawn(async move {
        health
            .await
            .map_err(|source| AgentError::Http { address, source })
    });

    let Some(prepared) = stop.run_until_cancelled(prepare(&config, &chain)).await else {
        return Ok(());
    };
    let (signer, models) = prepared?;
    info!(
        signer = %signer.address(), payee = %config.payee, hub = %config.hub,
        chain_id = config.chain_id, models = config.models.len(), "agent started"
    );

    let (head_sender, head) = watch::channel(None);
    let wake = Arc::new(Wake::default());
    let openings = match &config.intake {
        Some(intake) => {
            let secret = intake.secret()?.unwrap_or_else(|| signer.secret());
            let openings = Openings::new(Arc::clone(&store), Vault::new(&secret));
            Some(Arc::new(openings))
        }
        None => None,
    };
    let l1 = Arc::new(L1::default());
    let admission = || Admission {
        chain: chain.clone(),
        store: Arc::clone(&store),
        models: Arc::clone(&models),
        openings: openings.clone(),
        limits: config.admission.clone(),
        fees: config.fees.clone(),
        l1: Arc::clone(&l1),
    };
    let address = signer.address();
    let watcher = Watcher::new(
        chain.clone(),
        Arc::clone(&store),
        Arc::clone(&metrics),
        WatchConfig {
            start_block: config.start_block,
            max_span: config.rpc.log_span,
            payee: config.payee,
        },
        head_sender,
    );
    let provers = Provers::new(
        admission(),
        Arc::clone(&metrics),
        &config,
        Arc::clone(&wake),
    );
    let submitter = Submitter {
        chain: chain.clone(),
        store: Arc::clone(&store),
        metrics: Arc::clone(&metrics),
        signer,
        admission: admission(),
        fees: config.fees.clone(),
        payee: config.payee,
        confirmations: config.rpc.confirmations,
        max_attempts: config.prover.max_attempts,
    };
    if let (Some(door), Some(openings), Some(limits)) = (door, openings, &config.intake) {
        let intake = Intake {
            chain: chain.clone(),
            store: Arc::clone(&store),
            models,
            openings,
            metrics: Arc::clone(&metrics),
            wake: Arc::clone(&wake),
            head: head.clone(),
            limits: Limits::new(limits, config.admission.min_seconds_left),
        };
        parts.spawn(door.serve(intake, stop.clone()));
    }
    parts.spawn(private::purge(store, stop.clone()));
    let poll = config.poll_interval();
    parts.spawn(watch_chain(
        watcher,
        poll,
        Arc::clone(&status),
        stop.clone(),
    ));
    parts.spawn(prove(
        provers,
        head.clone(),
        Arc::clone(&wake),
        poll,
        stop.clone(),
    ));
    parts.spawn(submit(submitter, head, wake, poll, stop.clone()));
    let low = U256::from(config.fees.low_balance_wei);
    let balance = watch_balance(chain, address, low, status, metrics, stop.clone());
    parts.spawn(balance);
    supervise(parts, stop).await
}

/// Waits for every part; the first error stops the others and is returned.
async fn supervise(
    mut parts: JoinSet<Result<(), AgentError>>,
    stop: CancellationToken,
) -> Result<(), AgentError> {
    let mut outcome = Ok(());
    while let Some(part) = parts.join_next().await {
        let ended = match part {
            Ok(Ok(())) if stop.is_cancelled() => continue,
            Ok(Ok(())) => AgentError::Stopped("health server"),
            Ok(Err(error)) => error,
            Err(error) => {
                error!(%error, "a part of the agent panicked");
                AgentError::Stopped("agent's inner loop")
            }
        };
        stop.cancel();
        if outcome.is_ok() {
            error!(error = %ended, "the agent stops");
            outcome = Err(ended);
        }
    }
    info!("agent stopped");
    outcome
}

/// Decrypts the key, loads the bundles and waits for a node of the right chain.
async fn prepare(config: &Config, chain: &Chain) -> Result<(Signer, Arc<Models>), AgentError> {
    let (signer_config, model_configs) = (config.signer.clone(), config.models.clone());
    let signer = tokio::task::spawn_blocking(move || Signer::open(&signer_config));
    let models = tokio::task::spawn_blocking(move || Models::open(&model_configs));
    let signer = signer
        .await
        .map_err(|_| AgentError::Stopped("keystore decryption"))??;
    let models = models
        .await
        .map_err(|_| AgentError::Stopped("loading of the bundles"))??;
    loop {
        match chain.node_chain_id().await {
            Ok(got) if got == config.chain_id => return Ok((signer, Arc::new(models))),
            Ok(got) => {
                let expected = config.chain_id;
                return Err(AgentError::WrongChain { expected, got });
            }
            Err(error) if error.is_transient() => {
                warn!(%error, "no node answers yet");
                tokio::time::sleep(config.poll_interval()).await;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// How long a loop rests: the poll interval, and longer after each failure in a row.
#[derive(Debug)]
struct Pace {
    part: &'static str,
    poll: Duration,
    failures: u32,
}

impl Pace {
    fn new(part: &'static str, poll: Duration) -> Self {
        Self {
            part,
            poll,
            failures: 0,
        }
    }

    /// Passes over what may be gone next time, returns what will not.
    fn judge(&mut self, outcome: Result<(), AgentError>) -> Result<(), AgentError> {
        match outcome {
            Ok(()) => self.failures = 0,
            // A node's refusal of one call says nothing about the next.
            Err(AgentError::Rpc(error)) => {
                self.failures = self.failures.saturating_add(1);
                warn!(part = self.part, failures = self.failures, %error, "trying again");
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn rest(&self) -> Duration {
        let longest = LONGEST_REST.max(self.poll);
        (self.poll * 2u32.pow(self.failures.min(10))).min(longest)
    }
}

async fn watch_chain(
    mut watcher: Watcher,
    poll: Duration,
    status: Arc<Status>,
    stop: CancellationToken,
) -> Result<(), AgentError> {
    let mut pace = Pace::new("watcher", poll);
    while let Some(outcome) = stop.run_until_cancelled(watcher.advance()).await {
        match outcome {
            Ok(Progress::More) => continue,
            Ok(Progress::CaughtUp) => status.caught_up_ms.store(now_ms(), Ordering::Relaxed),
            Ok(Progress::Behind) | Err(_) => {}
        }
        pace.judge(outcome.map(drop))?;
        stop.run_until_cancelled(tokio::time::sleep(pace.rest()))
            .await;
    }
    Ok(())
}

/// Waits for a new head, a wake-up or the next poll; the head to work with, if one is known.
async fn next_head(
    head: &mut watch::Receiver<Option<Block>>,
    wake: &Notify,
    pace: &Pace,
) -> Option<Block> {
    if pace.failures > 0 {
        tokio::time::sleep(pace.rest()).await;
        return *head.borrow_and_update();
    }
    tokio::select! {
        changed = head.changed() => {
            if changed.is_err() {
                // The watcher has ended; so will this loop, told by its supervisor.
                std::future::pending::<()>().await;
            }
        }
        () = wake.notified() => {}
        () = tokio::time::sleep(pace.rest()) => {}
    }
    *head.borrow_and_update()
}

async fn prove(
    mut provers: Provers,
    mut head: watch::Receiver<Option<Block>>,
    wake: Arc<Wake>,
    poll: Duration,
    stop: CancellationToken,
) -> Result<(), AgentError> {
    let mut pace = Pace::new("provers", poll);
    while let Some(block) = stop
        .run_until_cancelled(next_head(&mut head, &wake.provers, &pace))
        .await
    {
        let Some(block) = block else { continue };
        match stop.run_until_cancelled(provers.dispatch(block)).await {
            Some(outcome) => pace.judge(outcome)?,
            None => break,
        }
    }
    if tokio::time::timeout(GRACE, provers.drain()).await.is_err() {
        warn!("a proof under way is abandoned; it will be made again");
    }
    Ok(())
}

async fn submit(
    submitter: Submitter,
    mut head: watch::Receiver<Option<Block>>,
    wake: Arc<Wake>,
    poll: Duration,
    stop: CancellationToken,
) -> Result<(), AgentError> {
    let mut pace = Pace::new("submitter", poll);
    while let Some(block) = stop
        .run_until_cancelled(next_head(&mut head, &wake.submitter, &pace))
        .await
    {
        let Some(block) = block else { continue };
        // Safe to drop at any await: what is on disk decides what happens after a restart.
        match stop.run_until_cancelled(submitter.round(block)).await {
            Some(outcome) => pace.judge(outcome)?,
            None => break,
        }
    }
    Ok(())
}

async fn watch_balance(
    chain: Chain,
    signer: alloy::primitives::Address,
    low: U256,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
) -> Result<(), AgentError> {
    let mut pace = Pace::new("balance", BALANCE_PERIOD);
    while let Some(balance) = stop.run_until_cancelled(chain.balance(signer)).await {
        match balance {
            Ok(balance) => {
                metrics.set_balance(balance);
                let is_low = balance < low;
                if is_low && !status.low_balance.swap(is_low, Ordering::Relaxed) {
                    warn!(%signer, %balance, "the signer's balance is low");
                }
                status.low_balance.store(is_low, Ordering::Relaxed);
            }
            Err(error) => pace.judge(Err(error.into()))?,
        }
        stop.run_until_cancelled(tokio::time::sleep(BALANCE_PERIOD))
            .await;
    }
    Ok(())
}
