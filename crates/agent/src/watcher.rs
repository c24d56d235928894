//! Reads the hub's logs from the durable cursor and notices when blocks leave the chain.
//!
//! One look: compare the cursor's hash with the chain (walk back if it differs), read the next
//! span of logs, check that the span is still canonical, write jobs, then the cursor. A crash
//! anywhere repeats at most one span, and jobs ignore ids they hold.

use std::sync::Arc;

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
            head,
        }
    }

    /// One look at the chain. Returns whether there is more to read at once.
    pub(crate) async fn advance(&mut self) -> Result<bool, AgentError> {
        let head = self.chain.head().await?;
        let cursor = self.canonical_cursor(head).await?;
        self.resync().await?;
        let next = cursor.map_or(self.config.start_block, |block| block.number + 1);
        let lag = (head.number + 1).saturating_sub(next);
        self.metrics
            .head
            .set(i64::try_from(head.number).unwrap_or(i64::MAX));
        self.metrics
            .head_lag
            .set(i64::try_from(lag).unwrap_or(i64::MAX));
        let more = if lag == 0 {
            false
        } else {
            self.read_span(next, head).await?
        };
        // Others act on a head only once its logs are on disk.
        if !more {
            self.head.send_replace(Some(head));
        }
        Ok(more)
    }

    /// The cursor, moved back to the last block that is still on the chain.
    async fn canonical_cursor(&self, head: Block) -> Result<Option<Checkpoint>, AgentError> {
        let Some(cursor) = self.store.cursor()? else {
            return Ok(None);
        };
        let mut from = cursor.number;
        if head.number < cursor.number {
            // A node that lags, or a shorter chain: decided by the blocks that both have.
            from = head.number;
        } else if self.is_canonical(cursor).await? {
            return Ok(Some(cursor));
        }
        let ancestor = self.common_ancestor(from).await?;
        let expected = self.store.checkpoints(Some(from), 1)?.pop();
        if head.number < cursor.number && ancestor == expected && ancestor.is_some() {
            debug!(head = head.number, cursor = cursor.number, "the node lags");
            return Ok(Some(cursor));
        }
        let number = ancestor.map(|block| block.number);
        let _undoing = self.store.fork.write().await;
        let marked = self.store.unsettle_above(number)?;
        warn!(from = cursor.number, to = ?number, jobs = marked, "chain reorganised");
        self.metrics.reorgs.inc();
        crash::point(Point::RemovedLog);
        self.store.rewind_cursor(ancestor)?;
        Ok(ancestor)
    }

    async fn is_canonical(&self, block: Checkpoint) -> Result<bool, AgentError> {
        let found = self.chain.block(block.number).await?;
        Ok(found.is_some_and(|found| found.hash == block.hash))
    }

    /// The highest checkpoint at or below `from` that is still on the chain.
    async fn common_ancestor(&self, mut from: u64) -> Result<Option<Checkpoint>, AgentError> {
        loop {
            let checkpoints = self.store.checkpoints(Some(from), WALK)?;
            let Some(lowest) = checkpoints.last().copied() else {
                return Ok(None);
            };
            for checkpoint in checkpoints {
                if self.is_canonical(checkpoint).await? {
                    return Ok(Some(checkpoint));
                }
            }
            match lowest.number.checked_sub(1) {
                Some(below) => from = below,
                None => return Ok(None),
            }
        }
    }

    /// Reads one span of logs and moves the cursor over it.
    async fn read_span(&mut self, from: u64, head: Block) -> Result<bool, AgentError> {
        let to = head.number.min(from.saturating_add(self.span - 1));
        let Some(before) = self.chain.block(to).await? else {
            return Ok(false);
        };
        let logs = match self.chain.logs(from, to).await {
            Ok(logs) => logs,
            Err(error) if error.class == Class::RangeTooLarge && self.span > 1 => {
                self.span = (self.span / 2).max(1);
                debug!(span = self.span, "asking for fewer blocks");
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        if !self.is_canonical(before.checkpoint()).await? || !self.all_canonical(&logs).await? {
            debug!(from, to, "blocks changed while they were read");
            return Ok(true);
        }
        crash::point(Point::Log);
        for log in logs {
            self.apply(log)?;
        }
        crash::point(Point::Job);
        self.store.commit_cursor(before.checkpoint())?;
        crash::point(Point::CursorCommit);
        self.span = self.span.saturating_mul(2).min(self.config.max_span);
        Ok(to < head.number)
    }

    /// Whether the blocks of all logs are on the chain: with several nodes, logs may come from
    /// one that is on a fork.
    async fn all_canonical(&self, logs: &[HubLog]) -> Result<bool, AgentError> {
        let mut last = None;
        for log in logs {
            if last != Some(log.block) && !self.is_canonical(log.block).await? {
                return Ok(false);
            }
            last = Some(log.block);
        }
        Ok(true)
    }

    /// Writes what one event says.
    fn apply(&self, log: HubLog) -> Result<(), AgentError> {
        // All but those that the outbox or the comparison after a reorganisation will decide.
        let decided = [
            JobState::Observed,
            JobState::Proved,
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

    /// Compares jobs marked by a reorganisation with the chain as it is now.
    async fn resync(&self) -> Result<(), AgentError> {
        for job in self.store.due(
            JobState::Resync,
            i64::MAX as u64,
            crate::store::now_ms(),
            64,
        )? {
            let state = self.chain.request_state(job.id).await?;
            let (to, reason) = settle::target(&self.store, job.id, state, self.config.payee)?;
            self.store
                .transition(job.id, &[JobState::Resync], to, reason.as_deref(), None)?;
            info!(request = %hex_id(job.id), state = to.name(), "request compared with the chain");
        }
        Ok(())
    }
}
