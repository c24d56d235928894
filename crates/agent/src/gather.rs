//! Gathers admitted requests of one model and proves them together.
//!
//! Who waits is only in memory: after a restart the requests are still observed, and gathered
//! again. From the moment that the shared proof is on disk, the batch and its order are.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use alloy::primitives::U256;
use haloracle_contracts::statement::MODE_BATCH;
use tracing::{Instrument, info, info_span, warn};

use crate::{
    batching::{self, DEADLINE_MARGIN_S, Group, When},
    chain::{Block, hex_id},
    config::BatchConfig,
    crash::{self, Point},
    error::AgentError,
    models::Loaded,
    prove::{Binding, Input, ProofError},
    provers::{Provers, on_thread},
    rpc::RpcError,
    store::{Job, JobState, NewBatch, Store, StoreError},
};

/// Requests of one model that wait, and the batch circuits that may hold them.
#[derive(Debug)]
pub(crate) struct Waiting {
    loaded: Arc<Loaded>,
    sizes: Vec<u32>,
    group: Group<(Job, Input)>,
}

impl Provers {
    /// Whether `job` may share a proof, by what it says itself.
    pub(crate) fn may_share(&self, job: &Job) -> bool {
        let config = self.batch.as_ref();
        config.is_some_and(|config| shares(config, job) && !self.lone.contains(&job.id))
    }

    /// Whether `job` may share a proof and others of its model do.
    pub(crate) fn is_gathered(&self, job: &Job) -> bool {
        self.shared.contains(&job.request.modelId) && self.may_share(job)
    }

    /// Batch circuits for `job`; none if it is settled alone.
    pub(crate) async fn sizes(&self, job: &Job, loaded: &Loaded) -> Result<Vec<u32>, RpcError> {
        let Some(config) = self.batch.as_ref().filter(|_| self.may_share(job)) else {
            return Ok(Vec::new());
        };
        let (models, chain) = (&self.admission.models, &self.admission.chain);
        let registered = models.batches(chain, job.request.modelId, loaded).await?;
        let gas_limit = self.admission.fees.gas_limit;
        let cost = &loaded.provable.cost;
        Ok(batching::usable(
            cost,
            &registered,
            config.max_items,
            gas_limit,
        ))
    }

    /// Lets an admitted request wait for others.
    pub(crate) fn gather(&mut self, job: Job, loaded: Arc<Loaded>, input: Input, sizes: Vec<u32>) {
        let Some(config) = &self.batch else { return };
        let (id, model) = (job.id, job.request.modelId);
        self.lock().insert(id, model);
        self.shared.insert(model);
        let (wait, wake) = (config.max_wait(), Arc::clone(&self.wake));
        let waiting = self.groups.entry(model).or_insert_with(|| {
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                wake.provers.notify_one();
            });
            Waiting {
                loaded,
                sizes: Vec::new(),
                group: Group::new(Instant::now()),
            }
        });
        waiting.sizes = sizes;
        let deadline = job.request.deadline;
        waiting.group.push((job, input), deadline);
        let requests = waiting.group.len();
        info!(model = %hex_id(model), requests, "request waits for others");
    }

    /// Models whose requests wait no longer at `head`.
    pub(crate) fn due_groups(&self, head: Block) -> Vec<U256> {
        let Some(config) = &self.batch else {
            return Vec::new();
        };
        let due = self.groups.iter().filter(|(_, waiting)| {
            waiting.group.is_due(&When {
                now: Instant::now(),
                max_wait: config.max_wait(),
                full: batching::full(&waiting.sizes, config.max_items),
                chain_time: head.timestamp,
                least_seconds: self
                    .admission
                    .limits
                    .min_seconds_left
                    .saturating_add(DEADLINE_MARGIN_S),
            })
        });
        due.map(|(model, _)| *model).collect()
    }

    /// Proves what waits no longer, as far as workers are free: together, or marked to be taken
    /// alone where that costs less.
    pub(crate) async fn flush(&mut self, head: Block) -> Result<(), AgentError> {
        for model in self.due_groups(head) {
            if self.permits.available_permits() == 0 {
                break;
            }
            let prices = self.admission.prices(head).await?;
            let Some(waiting) = self.groups.remove(&model) else {
                continue;
            };
            let Waiting {
                loaded,
                sizes,
                mut group,
            } = waiting;
            let least = self.admission.limits.min_seconds_left;
            // What the chain decided meanwhile, or what waited for a worker for too long.
            let mut gone = Vec::new();
            group.retain(|(job, _)| {
                let observed = matches!(self.store.state(job.id), Ok(Some(JobState::Observed)));
                let left = job.request.deadline.saturating_sub(head.timestamp);
                let stays = observed && left >= least;
                if !stays {
                    gone.push(job.id);
                }
                stays
            });
            gone.iter().for_each(|id| release(&self.busy, *id));
            let choice = batching::choose(&loaded.provable.cost, &sizes, group.len(), &prices);
            let Some((items, count)) = choice else {
                for (job, _) in group.into_members() {
                    self.lock().remove(&job.id);
                    self.lone.insert(job.id);
                }
                self.wake.provers.notify_one();
                continue;
            };
            let members = group.take(count);
            if group.len() > 0 {
                let loaded = Arc::clone(&loaded);
                let rest = Waiting {
                    loaded,
                    sizes,
                    group,
                };
                self.groups.insert(model, rest);
                self.wake.provers.notify_one();
            }
            self.start_batch(model, &loaded, items, members);
        }
        Ok(())
    }

    fn start_batch(
        &mut self,
        model_id: U256,
        loaded: &Arc<Loaded>,
        items: u32,
        members: Vec<(Job, Input)>,
    ) {
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        let (Ok(permit), Some(config)) = (permit, &self.batch) else {
            members
                .iter()
                .for_each(|(job, _)| release(&self.busy, job.id));
            return;
        };
        let binding = Binding {
            chain_id: self.admission.chain.id(),
            settler: config.settler,
            model_id,
            payee: self.payee,
        };
        let members: Vec<(U256, Input)> = members
            .into_iter()
            .map(|(job, input)| (job.id, input))
            .collect();
        let ids: Vec<U256> = members.iter().map(|(id, _)| *id).collect();
        let (store, metrics) = (Arc::clone(&self.store), Arc::clone(&self.metrics));
        let (busy, wake) = (Arc::clone(&self.busy), Arc::clone(&self.wake));
        let loaded = Arc::clone(loaded);
        let span = info_span!("batch", model = %hex_id(model_id), items, requests = %list(&ids));
        let task = async move {
            info!(count = ids.len(), "proving a batch");
            let started = Instant::now();
            let prove = move || loaded.provable.prove_batch(items, binding, &members);
            let outcome = on_thread(prove).await;
            let written = finish(&store, &ids, outcome, || {
                let seconds = started.elapsed().as_secs_f64();
                metrics.proof_seconds.observe(seconds);
                info!(seconds, "batch proved");
            });
            ids.iter().for_each(|id| release(&busy, *id));
            drop(permit);
            wake.provers.notify_one();
            wake.submitter.notify_one();
            written
        };
        self.tasks.spawn(task.instrument(span));
    }
}

/// Whether `job` may share a proof: it allows it, none failed it before, and its callback, if any,
/// may be left to others.
fn shares(config: &BatchConfig, job: &Job) -> bool {
    let request = &job.request;
    let callback = request.callbackGas == 0 || config.callbacks;
    request.modes & MODE_BATCH != 0 && !job.alone && callback
}

/// Lets a request be taken again.
fn release(busy: &Mutex<HashMap<U256, U256>>, id: U256) {
    let mut busy = busy.lock().unwrap_or_else(PoisonError::into_inner);
    busy.remove(&id);
}

/// Request ids as people see them.
pub(crate) fn list(ids: &[U256]) -> String {
    let ids: Vec<String> = ids.iter().map(|id| hex_id(*id)).collect();
    ids.join(" ")
}

/// Writes the outcome of one attempt. There is no second: its requests are proved alone, where
/// each failure is its own.
fn finish(
    store: &Store,
    ids: &[U256],
    outcome: Result<NewBatch, ProofError>,
    proved: impl FnOnce(),
) -> Result<(), StoreError> {
    match outcome {
        Ok(batch) => {
            crash::point(Point::Proof);
            proved();
            store.store_batch(&batch)?;
            crash::point(Point::Batch);
        }
        Err(error) => {
            warn!(%error, "no shared proof, its requests are proved alone");
            for id in ids {
                store.set_alone(*id)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NewJob, now_ms, tests::open};
    use haloracle_contracts::Request;

    #[test]
    fn who_allows_batches_and_waits_for_no_callback_shares_a_proof() {
        let job = |modes, callback_gas, alone| Job {
            id: U256::ZERO,
            request: Request {
                modes,
                callbackGas: callback_gas,
                ..Request::default()
            },
            input: vec![].into(),
            fee: U256::ZERO,
            block: Some(1),
            attempts: 0,
            alone,
        };
        let mut config: BatchConfig =
            toml::from_str("settler = '0x0101010101010101010101010101010101010101'")
                .expect("well-formed");
        assert_eq!((config.max_wait_ms, config.max_items), (5_000, None));
        assert!(shares(&config, &job(3, 0, false)));
        assert!(!shares(&config, &job(1, 0, false)), "not allowed");
        assert!(!shares(&config, &job(3, 0, true)), "its batch failed");
        assert!(
            !shares(&config, &job(3, 90_000, false)),
            "wants its callback"
        );
        config.callbacks = true;
        assert!(shares(&config, &job(3, 90_000, false)));
    }

    #[test]
    fn requests_whose_shared_proof_fails_are_proved_alone() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = open(dir.path());
        let ids = [U256::from(1), U256::from(2)];
        for id in ids {
            let new = NewJob {
                id,
                request: Request::default(),
                input: vec![].into(),
                block_number: 1,
            };
            store.record(&new).expect("written");
        }
        let failed = Err(ProofError::Prover("no memory".into()));
        finish(&store, &ids, failed, || unreachable!()).expect("written");
        let due = store.due(JobState::Observed, 9, now_ms(), 9).expect("read");
        assert_eq!(due.len(), 2);
        assert!(due.iter().all(|job| job.alone && job.attempts == 0));
    }
}
