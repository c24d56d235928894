//! Takes observed requests that are deep enough, and proves them in a bounded pool.
//!
//! Proving blocks a thread and uses all cores, so it never runs on the async workers. What is
//! being proved is only in memory: a request that was in the pool when the process died is
//! still observed, and is taken again.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use alloy::primitives::{Address, U256};
use tokio::{
    sync::{Notify, Semaphore, oneshot},
    task::JoinSet,
};
use tracing::{Instrument, Span, debug, error, info, info_span, warn};

use crate::{
    admission::{Admission, Verdict},
    chain::{Block, hex_id},
    config::{BatchConfig, ProverConfig},
    crash::{self, Point},
    error::AgentError,
    gather::Waiting,
    metrics::Metrics,
    models::Loaded,
    prove::{Input, ProofError},
    settle,
    store::{Job, JobState, Store, StoreError, StoredProof, now_ms},
};

/// Jobs looked at per round beyond the free workers, so that waiting ones do not hide others.
const LOOKAHEAD: usize = 64;
/// Pause after a failed attempt, doubled each time.
const RETRY_MS: u64 = 1_000;

/// Wakes the loops before their next look at the chain.
#[derive(Debug, Default)]
pub(crate) struct Wake {
    /// A worker is free.
    pub(crate) provers: Notify,
    /// A proof is on disk.
    pub(crate) submitter: Notify,
}

/// The pool and what it works on.
#[derive(Debug)]
pub(crate) struct Provers {
    pub(crate) admission: Admission,
    pub(crate) store: Arc<Store>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) config: ProverConfig,
    pub(crate) payee: Address,
    pub(crate) confirmations: u64,
    pub(crate) batch: Option<BatchConfig>,
    pub(crate) wake: Arc<Wake>,
    pub(crate) permits: Arc<Semaphore>,
    /// Requests that wait for others or are being proved, and their models.
    pub(crate) busy: Arc<Mutex<HashMap<U256, U256>>>,
    pub(crate) tasks: JoinSet<Result<(), StoreError>>,
    /// Requests that wait for others, by model.
    pub(crate) groups: HashMap<U256, Waiting>,
    /// Requests that have waited in vain, until they are taken alone.
    pub(crate) lone: HashSet<U256>,
    /// Models whose requests were gathered before.
    pub(crate) shared: HashSet<U256>,
}

impl Provers {
    pub(crate) fn new(
        admission: Admission,
        metrics: Arc<Metrics>,
        config: &crate::config::Config,
        wake: Arc<Wake>,
    ) -> Self {
        Self {
            store: Arc::clone(&admission.store),
            admission,
            metrics,
            config: config.prover.clone(),
            payee: config.payee,
            confirmations: config.rpc.confirmations,
            batch: config.batch.clone(),
            wake,
            permits: Arc::new(Semaphore::new(config.prover.workers)),
            busy: Arc::default(),
            tasks: JoinSet::new(),
            groups: HashMap::new(),
            lone: HashSet::new(),
            shared: HashSet::new(),
        }
    }

    /// Fills free workers with requests that are deep enough at `head`, or gathers them.
    pub(crate) async fn dispatch(&mut self, head: Block) -> Result<(), AgentError> {
        while let Some(finished) = self.tasks.try_join_next() {
            match finished {
                Ok(outcome) => outcome?,
                Err(error) => error!(%error, "a proving task ended badly"),
            }
        }
        let Some(deep_enough) = head.number.checked_sub(self.confirmations) else {
            return Ok(());
        };
        let free = self.permits.available_permits();
        if free == 0 && self.batch.is_none() {
            return Ok(());
        }
        let limit = free + self.lock().len() + LOOKAHEAD;
        // Groups that wait no longer go before requests that came later.
        let reserved = self.due_groups(head).len();
        for job in self
            .store
            .due(JobState::Observed, deep_enough, now_ms(), limit)?
        {
            if self.lock().contains_key(&job.id) {
                continue;
            }
            if self.permits.available_permits() <= reserved && !self.is_gathered(&job) {
                continue;
            }
            let span = info_span!("request", id = %hex_id(job.id));
            let id = job.id;
            if let Err(error) = self.take(job, head).instrument(span).await {
                // The others first next time: one request must not block them.
                self.store
                    .postpone(id, RETRY_MS, &error.to_string(), false)?;
                return Err(error);
            }
        }
        self.flush(head).await
    }

    /// Judges one request and starts proving it.
    async fn take(&mut self, job: Job, head: Block) -> Result<(), AgentError> {
        let store = Arc::clone(&self.store);
        let _same_fork = store.fork.read().await;
        if self.store.proof(job.id, self.payee)?.is_some() {
            let from = [JobState::Observed];
            self.store
                .transition(job.id, &from, JobState::Proved, None, None)?;
            self.wake.submitter.notify_one();
            return Ok(());
        }
        let busy = |model| self.lock().values().filter(|busy| **busy == model).count();
        let verdict = self.admission.judge(&job, head, busy).await?;
        if !matches!(verdict, Verdict::Take(..)) {
            self.lone.remove(&job.id);
        }
        match verdict {
            Verdict::Take(loaded, input) => {
                let sizes = self.sizes(&job, &loaded).await?;
                if sizes.is_empty() {
                    self.start(job, loaded, input);
                } else {
                    self.gather(job, loaded, input, sizes);
                }
            }
            Verdict::Skip(reason) => {
                info!(%reason, "request not taken");
                let (from, to) = ([JobState::Observed], JobState::Skipped);
                self.store
                    .transition(job.id, &from, to, Some(&reason), None)?;
            }
            Verdict::Wait { ms, reason } => {
                debug!(%reason, "request waits");
                self.store.postpone(job.id, ms, &reason, false)?;
            }
            Verdict::Settled(on_chain) => {
                let target = settle::target(&self.store, job.id, on_chain, self.payee)?;
                let Some((to, reason)) = target else {
                    let reason = "the hub does not know it yet";
                    self.store.postpone(job.id, RETRY_MS, reason, false)?;
                    return Ok(());
                };
                info!(state = to.name(), "request is settled already");
                let from = [JobState::Observed];
                let block = Some(head.number);
                self.store
                    .transition(job.id, &from, to, reason.as_deref(), block)?;
            }
        }
        Ok(())
    }

    fn start(&mut self, job: Job, loaded: Arc<Loaded>, input: Input) {
        let Ok(permit) = Arc::clone(&self.permits).try_acquire_owned() else {
            return;
        };
        self.lock().insert(job.id, job.request.modelId);
        self.lone.remove(&job.id);
        let (store, metrics) = (Arc::clone(&self.store), Arc::clone(&self.metrics));
        let (busy, wake) = (Arc::clone(&self.busy), Arc::clone(&self.wake));
        let (payee, max_attempts) = (self.payee, self.config.max_attempts);
        let id = job.id;
        let task = async move {
            info!("proving");
            let started = Instant::now();
            let outcome = on_thread(move || loaded.provable.prove(id, payee, &input)).await;
            let written = finish(&store, id, payee, max_attempts, outcome, || {
                let seconds = started.elapsed().as_secs_f64();
                metrics.proof_seconds.observe(seconds);
                info!(seconds, "proved");
            });
            busy.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .remove(&id);
            drop(permit);
            wake.provers.notify_one();
            wake.submitter.notify_one();
            written
        };
        self.tasks.spawn(task.in_current_span());
    }

    /// Waits for the proofs under way; dropped, they are made again later.
    pub(crate) async fn drain(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, HashMap<U256, U256>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs `prove` on a thread of its own. Unlike the runtime's blocking threads it does not keep the
/// process alive: an agent that stops does not wait minutes for a large proof.
pub(crate) async fn on_thread<T, F>(prove: F) -> Result<T, ProofError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ProofError> + Send + 'static,
{
    let (sender, outcome) = oneshot::channel();
    let span = Span::current();
    let work = move || {
        let _ = sender.send(span.in_scope(prove));
    };
    thread::Builder::new()
        .name("prover".into())
        .spawn(work)
        .map_err(|error| ProofError::Prover(format!("no thread: {error}")))?;
    outcome
        .await
        .unwrap_or_else(|_| Err(ProofError::Prover("the prover panicked".into())))
}

/// Writes the outcome of one attempt.
fn finish(
    store: &Store,
    id: U256,
    payee: Address,
    max_attempts: u32,
    outcome: Result<StoredProof, ProofError>,
    proved: impl FnOnce(),
) -> Result<(), StoreError> {
    let error = match outcome {
        Ok(proof) => {
            crash::point(Point::Proof);
            proved();
            return store.store_proof(id, payee, &proof);
        }
        Err(error) => error,
    };
    let reason = error.to_string();
    let attempts = store.postpone(id, 0, &reason, true)?;
    if error.is_final() || attempts >= max_attempts {
        error!(%reason, attempts, "request given up");
        store.transition(
            id,
            &[JobState::Observed],
            JobState::Failed,
            Some(&reason),
            None,
        )?;
    } else {
        warn!(%reason, attempts, "attempt failed");
        store.postpone(id, backoff(attempts), &reason, false)?;
    }
    Ok(())
}

/// Pause after `attempts` failures, in milliseconds.
pub(crate) fn backoff(attempts: u32) -> u64 {
    RETRY_MS << attempts.min(8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NewJob, tests::open};
    use haloracle_contracts::{Request, statement::StatementError};

    #[test]
    fn an_attempt_that_fails_is_made_again_until_it_is_given_up() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = open(dir.path());
        let new = |nonce| NewJob {
            id: U256::from(nonce),
            request: Request::default(),
            input: vec![].into(),
            block_number: 1,
        };
        for nonce in [1, 2, 3] {
            store.record(&new(nonce)).expect("written");
        }
        let fail = |id, error| {
            let (id, payee) = (U256::from(id), Address::ZERO);
            finish(&store, id, payee, 2, Err(error), || unreachable!()).expect("written");
        };
        let prover = || ProofError::Prover("no memory".into());
        let what = "input";
        fail(1, prover());
        fail(
            2,
            ProofError::Words(StatementError::NotWords { what, bytes: 1 }),
        );
        let ids = |now| {
            let due = store.due(JobState::Observed, 9, now, 9).expect("read");
            due.iter().map(|job| job.id.to::<u64>()).collect::<Vec<_>>()
        };
        assert_eq!(
            ids(now_ms()),
            [3],
            "1 rests, 2 is given up, 3 is not held up"
        );
        let later = now_ms() + backoff(1);
        assert_eq!(ids(later), [1, 3]);
        fail(1, prover());
        let counts = store.counts().expect("read");
        assert!(counts.contains(&(JobState::Failed, 2)), "{counts:?}");
    }

    #[tokio::test]
    async fn a_panic_of_the_prover_is_a_failed_attempt() {
        let outcome = on_thread::<StoredProof, _>(|| panic!("out of memory")).await;
        assert!(matches!(outcome, Err(ProofError::Prover(_))));
    }
}
