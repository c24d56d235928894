//! Reads the hub's logs from the durable cursor and notices when blocks leave the chain.
//!
//! One look: compare the cursor's hash with the chain (walk back if it differs), read the next
//! span of logs, check that the span is still canonical, write jobs, then the cursor. A crash
//! anywhere repeats at most one span, and jobs ignore ids they hold.
//!
//! A missing block or answer is never evidence: only another hash at the same height is.

use std::{collections::HashSet, sync::Arc};

use tokio::sync::watch;
use tracing::{debug, info, warn};

use crate::{
    chain::{Block, Chain, HubEvent, HubLog, hex_id},
    crash::{self, Point},
    error::AgentError,
    metrics::Metrics,
    rpc::Class,
    settle,
    store::{Checkpoint, JobState, Store},
};

use alloy::primitives::Address;

/// Checkpoints compared per step when walking back.
const WALK: u32 = 32;
/// Blocks behind the tip whose logs are read again with every new block.
const REREAD: u64 = 64;
/// A deeper reorganisation is another chain, or the end of this one: not for a program to judge.
const DEEPEST: u64 = 1024;
/// Pause before a request that the hub does not know, though it should, is compared again.
const UNKNOWN_MS: u64 = 5_000;

/// What one look at the chain came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is more to read at once.
    More,
    /// Everything up to the head is on disk.
    CaughtUp,
    /// The node knows less of the chain than was read before.
    Behind,
}

/// What a node has at the place of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    Same,
    Different,
    /// No block: the node lags, it does not contradict.
    Unknown,
}

/// What the watcher needs to know.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WatchConfig {
    pub(crate) start_block: u64,
    pub(crate) max_span: u64,
    pub(crate) payee: Address,
}

/// Follows the chain.
#[derive(Debug)]
pub(crate) struct Watcher {
    chain: Chain,
    store: Arc<Store>,
    metrics: Arc<Metrics>,
    config: WatchConfig,
    span: u64,
    /// Logs behind the tip that are on disk.
    applied: HashSet<(Checkpoint, u64)>,
    head: watch::Sender<Option<Block>>,
}

impl Watcher {
    pub(crate) fn new(
        chain: Chain,
        store: Arc<Store>,
        metrics: Arc<Metrics>,
        config: WatchConfig,
        head: watch::Sender<Option<Block>>,
    ) -> Self {
        Self {
            chain,
            store,
            metrics,
            config,
            span: config.max_span,
            applied: HashSet::new(),
            head,
        }
    }

    /// One look at the chain.
    pub(crate) async fn advance(&mut self) -> Result<Progress, AgentError> {
        let head = self.chain.head().await?;
        let Some(cursor) = self.canonical_cursor(head).await? else {
            return Ok(Progress::Behind);
        };
        self.resync(head).await?;
        let next = cursor.map_or(self.config.start_block, |block| {
            block.number.saturating_add(1)
        });
        let lag = head.number.saturating_add(1).saturating_sub(next);
        self.metrics
            .head
            .set(i64::try_from(head.number).unwrap_or(i64::MAX));
        self.metrics
            .head_lag
            .set(i64::try_from(lag).unwrap_or(i64::MAX));
        let progress = if lag == 0 {
            Progress::CaughtUp
        } else {
            self.read_span(next, head).await?
        };
        // Others act on a head only once its logs are on disk.
        if progress == Progress::CaughtUp {
            self.head.send_replace(Some(head));
        }
        Ok(progress)
    }

    /// The cursor, moved back to the last block that is still on the chain if that is certain;
    /// `None` if the node does not have enough of the chain to tell.
    async fn canonical_cursor(
        &mut self,
        head: Block,
    ) -> Result<Option<Option<Checkpoint>>, AgentError> {
        let Some(cursor) = self.store.cursor()? else {
            return Ok(Some(None));
        };
        // A shorter chain, or a node that lags: decided by the blocks that both have.
        let newest = self.store.checkpoints(Some(head.number), 1)?.pop();
        let Some(newest) = newest else {
            debug!(head = head.number, cursor = cursor.number, "the node lags");
            return Ok(None);
        };
        match self.seen(newest).await? {
            Seen::Same if newest == cursor => return Ok(Some(Some(cursor))),
            Seen::Same | Seen::Unknown => {
                debug!(head = head.number, cursor = cursor.number, "the node lags");
                return Ok(None);
            }
            Seen::Different => {}
        }
        let Some(ancestor) = self.common_ancestor(newest).await? else {
            return Ok(None);
        };
        let number = ancestor.map(|block| block.number);
        let _undoing = self.store.fork.write().await;
        let marked = self.store.unsettle_above(number)?;
        self.applied.clear();
        warn!(from = cursor.number, to = ?number, jobs = marked, "chain reorganised");
        self.metrics.reorgs.inc();
        crash::point(Point::RemovedLog);
        Ok(Some(ancestor))
    }

    /// What the chain has at the place of `block`.
    async fn seen(&self, block: Checkpoint) -> Result<Seen, AgentError> {
        Ok(match self.chain.block(block.number).await? {
            Some(found) if found.hash == block.hash => Seen::Same,
            Some(_) => Seen::Different,
            None => Seen::Unknown,
        })
    }

    /// The highest checkpoint below `gone` that is still on the chain, or that there is none;
    /// the outer `None` if the node does not say.
    async fn common_ancestor(
        &self,
        gone: Checkpoint,
    ) -> Result<Option<Option<Checkpoint>>, AgentError> {
        let mut lowest = gone.number;
        while let Some(below) = lowest.checked_sub(1) {
            let checkpoints = self.store.checkpoints(Some(below), WALK)?;
            if checkpoints.is_empty() {
                break;
            }
            for checkpoint in checkpoints {
                match self.seen(checkpoint).await? {
                    Seen::Same => return Ok(Some(Some(checkpoint))),
                    Seen::Unknown => return Ok(None),
                    Seen::Different => lowest = checkpoint.number,
                }
                let depth = gone.number - lowest;
                if depth > DEEPEST {
                    return Err(AgentError::DeepReorg { depth });
                }
            }
        }
        Ok(Some(None))
    }

    /// Reads one span of logs and moves the cursor over it. At the tip the blocks before it are
    /// read again: a node may have known a block before it had indexed its logs.
    async fn read_span(&mut self, next: u64, head: Block) -> Result<Progress, AgentError> {
        let to = head.number.min(next.saturating_add(self.span - 1));
        let Some(before) = self.chain.block(to).await? else {
            return Ok(Progress::Behind);
        };
        let mut from = next;
        if to == head.number {
            let window = next.saturating_sub(REREAD).max(self.config.start_block);
            from = window.min(next);
        }
        let mut logs = Vec::new();
        let mut at = from;
        while at <= to {
            let end = to.min(at.saturating_add(self.span - 1));
            match self.chain.logs(at, end).await {
                Ok(found) => logs.extend(found),
                Err(error) => {
                    // Nodes refuse, cut or time out what is too much for them in many ways.
                    let smaller = (self.span / 2).max(1);
                    let too_large = error.class == Class::RangeTooLarge && self.span > 1;
                    self.span = smaller;
                    debug!(span = self.span, "asking for fewer blocks");
                    return if too_large {
                        Ok(Progress::More)
                    } else {
                        Err(error.into())
                    };
                }
            }
            at = end.saturating_add(1);
        }
        logs.retain(|log| !self.applied.contains(&(log.block, log.index)));
        match self.all_seen(before.checkpoint(), &logs).await? {
            Seen::Same => {}
            Seen::Different => {
                debug!(from, to, "blocks changed while they were read");
                return Ok(Progress::More);
            }
            Seen::Unknown => return Ok(Progress::Behind),
        }
        crash::point(Point::Log);
        for log in logs {
            let place = (log.block, log.index);
            self.apply(log)?;
            self.applied.insert(place);
        }
        crash::point(Point::Job);
        self.store.commit_cursor(before.checkpoint())?;
        crash::point(Point::CursorCommit);
        let oldest = to.saturating_sub(REREAD);
        self.applied.retain(|(block, _)| block.number >= oldest);
        self.span = self.span.saturating_mul(2).min(self.config.max_span);
        Ok(if to < head.number {
            Progress::More
        } else {
            Progress::CaughtUp
        })
    }

    /// Whether the last block read and the blocks of all logs are on the chain: with several
    /// nodes, logs may come from one that is on a fork.
    async fn all_seen(&self, end: Checkpoint, logs: &[HubLog]) -> Result<Seen, AgentError> {
        let mut last = None;
        for block in logs.iter().map(|log| log.block).chain([end]) {
            if last != Some(block) {
                match self.seen(block).await? {
                    Seen::Same => {}
                    other => return Ok(other),
                }
            }
            last = Some(block);
        }
        Ok(Seen::Same)
    }

    /// Writes what one event says.
    fn apply(&self, log: HubLog) -> Result<(), AgentError> {
        // All but those that the outbox or the comparison after a reorganisation will decide.
        let decided = [
            JobState::Observed,
            JobState::Proved,
            JobState::Batched,
            JobState::Skipped,
            JobState::Failed,
            JobState::Done,
            JobState::Lost,
            JobState::Closed,
        ];
        let block = log.block.number;
        match log.event {
            HubEvent::Requested(job) => {
                if self.store.record(&job)? {
                    self.metrics.requests.inc();
                    let model = hex_id(job.request.modelId);
                    info!(request = %hex_id(job.id), %model, block, "request seen");
                }
            }
            HubEvent::FeeIncreased { id, total } => self.store.raise_fee(id, total)?,
            HubEvent::Verified { id, payee, .. } => {
                let to = if payee == self.config.payee {
                    JobState::Done
                } else {
                    JobState::Lost
                };
                let reason = format!("verified for {payee}");
                if self
                    .store
                    .transition(id, &decided, to, Some(&reason), Some(block))?
                {
                    info!(request = %hex_id(id), %payee, state = to.name(), "request settled");
                }
            }
            HubEvent::Closed { id } => {
                let to = JobState::Closed;
                self.store
                    .transition(id, &decided, to, Some("closed on chain"), Some(block))?;
            }
        }
        Ok(())
    }

    /// Compares marked jobs with the chain as it is at `head`.
    async fn resync(&self, head: Block) -> Result<(), AgentError> {
        let now = crate::store::now_ms();
        let marked = self
            .store
            .due(JobState::Resync, i64::MAX as u64, now, usize::MAX)?;
        for job in marked {
            let state = self.chain.request_state(job.id, head).await?;
            let target = settle::target(&self.store, job.id, state, self.config.payee)?;
            let (to, reason) = match target {
                Some(target) => target,
                None if job.block.is_none() => {
                    (JobState::Removed, Some("its block left the chain".into()))
                }
                None => {
                    let reason = "the hub does not know it, its block is on the chain";
                    self.store.postpone(job.id, UNKNOWN_MS, reason, false)?;
                    continue;
                }
            };
            self.store
                .transition(job.id, &[JobState::Resync], to, reason.as_deref(), None)?;
            info!(request = %hex_id(job.id), state = to.name(), "request compared with the chain");
        }
        Ok(())
    }
}
