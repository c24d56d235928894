//! Jobs, one per request id, and their proofs.

use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolValue,
};
use haloracle_contracts::Request;
use rusqlite::{OptionalExtension, Row, params};

use super::{Store, StoreError, id_bytes, integer, number, unsigned};

/// Where a request stands for this agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum JobState {
    /// Seen in a log; waits for depth, admission and a worker.
    Observed,
    /// The proof is on disk.
    Proved,
    /// A proof that it shares with others is on disk.
    Batched,
    /// A signed transaction is on disk; the outbox owns what happens next.
    Sending,
    /// Settled for our payee, at depth.
    Done,
    /// Settled for somebody else's payee: no error.
    Lost,
    /// Cancelled, expired or stopped on chain.
    Closed,
    /// Not taken, with the reason; a raised fee brings it back.
    Skipped,
    /// Given up, with the reason.
    Failed,
    /// Its block left the chain; seen again, it starts where it was.
    Removed,
    /// Must be compared with the chain after a reorganisation.
    Resync,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 11] = [
        Self::Observed,
        Self::Proved,
        Self::Batched,
        Self::Sending,
        Self::Done,
        Self::Lost,
        Self::Closed,
        Self::Skipped,
        Self::Failed,
        Self::Removed,
        Self::Resync,
    ];

    /// Its name in the database, in logs and as a metric label.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Proved => "proved",
            Self::Batched => "batched",
            Self::Sending => "sending",
            Self::Done => "done",
            Self::Lost => "lost",
            Self::Closed => "closed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
            Self::Removed => "removed",
            Self::Resync => "resync",
        }
    }

    /// The state of a name in the database.
    pub(super) fn parse(name: &str) -> Result<Self, StoreError> {
        let mut all = Self::ALL.into_iter();
        all.find(|state| state.name() == name)
            .ok_or_else(|| StoreError::Damaged(format!("job state `{name}`")))
    }
}

/// A request as read from its log.
#[derive(Clone, Debug)]
pub(crate) struct NewJob {
    pub(crate) id: U256,
    pub(crate) request: Request,
    pub(crate) input: Bytes,
    pub(crate) block_number: u64,
}

/// A request and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) id: U256,
    pub(crate) request: Request,
    pub(crate) input: Bytes,
    /// Fee in wei, later increases included.
    pub(crate) fee: U256,
    /// Block of its log; `None` once that left the chain, until the log is seen again.
    pub(crate) block: Option<u64>,
    /// Attempts that failed.
    pub(crate) attempts: u32,
    /// Whether it is to be settled by a proof of its own.
    pub(crate) alone: bool,
}

/// Where a job goes when the fate of its nonce is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobOutcome {
    pub(crate) id: U256,
    pub(crate) to: JobState,
    pub(crate) reason: Option<String>,
    pub(crate) settled_block: Option<u64>,
    /// Whether it counts as a failed attempt, and the pause before the next.
    pub(crate) retry_ms: Option<u64>,
    /// Whether it is to be settled by a proof of its own from now on.
    pub(crate) alone: bool,
}

/// Block number of a job whose block left the chain: never deep enough, above every ancestor.
pub(super) const NOWHERE: i64 = i64::MAX;

/// A proof on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredProof {
    pub(crate) output: Bytes,
    pub(crate) proof: Bytes,
}

const COLUMNS: &str = "id, request, input, fee, block_number, attempts, alone";

type RawJob = (Vec<u8>, Vec<u8>, Vec<u8>, String, i64, u32, bool);

fn raw_job(row: &Row<'_>) -> rusqlite::Result<RawJob> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
    ))
}

fn job((id, request, input, fee, block, attempts, alone): RawJob) -> Result<Job, StoreError> {
    Ok(Job {
        id: number(&id)?,
        request: Request::abi_decode(&request)
            .map_err(|error| StoreError::Damaged(format!("request: {error}")))?,
        input: input.into(),
        fee: fee
            .parse()
            .map_err(|_| StoreError::Damaged(format!("fee `{fee}`")))?,
        block: (block != NOWHERE).then(|| unsigned(block)).transpose()?,
        attempts,
        alone,
    })
}

impl Store {
    /// Writes a request seen in a canonical log. Seeing it again changes nothing but its block,
    /// and brings it back if its earlier block was removed. Returns whether it is new.
    pub(crate) fn record(&self, new: &NewJob) -> Result<bool, StoreError> {
        let (id, block) = (id_bytes(new.id), integer(new.block_number)?);
        let mut connection = self.lock();
        let tx = connection.transaction()?;
        let inserted = tx.execute(
            "INSERT OR IGNORE INTO jobs
             (id, request, input, model_id, fee, deadline, block_number, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'observed')",
            params![
                id,
                new.request.abi_encode(),
                new.input.as_ref(),
                id_bytes(new.request.modelId),
                new.request.fee.to_string(),
                integer(new.request.deadline)?,
                block,
            ],
        )?;
        if inserted == 0 {
            tx.execute(
                "UPDATE jobs SET block_number = ?2, state = CASE
                   WHEN state <> 'removed' THEN state
                   WHEN EXISTS (SELECT 1 FROM proofs WHERE proofs.id = jobs.id) THEN 'proved'
                   ELSE 'observed' END
                 WHERE id = ?1",
                params![id, block],
            )?;
        }
        tx.commit()?;
        Ok(inserted == 1)
    }

    /// Writes a raised fee; a request that was not taken, or waits, is looked at again. An
    /// increase seen before changes nothing.
    pub(crate) fn raise_fee(&self, id: U256, total: U256) -> Result<(), StoreError> {
        if self.job(id)?.is_none_or(|job| job.fee >= total) {
            return Ok(());
        }
        self.lock().execute(
            "UPDATE jobs SET fee = ?2, not_before_ms = 0,
               state = CASE WHEN state = 'skipped' THEN 'observed' ELSE state END
             WHERE id = ?1",
            params![id_bytes(id), total.to_string()],
        )?;
        Ok(())
    }

    /// One job.
    pub(crate) fn job(&self, id: U256) -> Result<Option<Job>, StoreError> {
        let raw = self
            .lock()
            .query_row(
                &format!("SELECT {COLUMNS} FROM jobs WHERE id = ?1"),
                [id_bytes(id)],
                raw_job,
            )
            .optional()?;
        raw.map(job).transpose()
    }

    /// Jobs in `state` from blocks up to `max_block` whose pause is over, oldest first.
    pub(crate) fn due(
        &self,
        state: JobState,
        max_block: u64,
        now_ms: u64,
        limit: usize,
    ) -> Result<Vec<Job>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(&format!(
            "SELECT {COLUMNS} FROM jobs
             WHERE state = ?1 AND block_number <= ?2 AND not_before_ms <= ?3
             ORDER BY block_number, rowid LIMIT ?4"
        ))?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let arguments = params![state.name(), integer(max_block)?, integer(now_ms)?, limit];
        let rows = statement.query_map(arguments, raw_job)?;
        rows.map(|row| job(row?)).collect()
    }

    /// Moves a job, if it is in one of the states `from`; says whether its state changed.
    pub(crate) fn transition(
        &self,
        id: U256,
        from: &[JobState],
        to: JobState,
        reason: Option<&str>,
        settled_block: Option<u64>,
    ) -> Result<bool, StoreError> {
        let mut connection = self.lock();
        let tx = connection.transaction()?;
        let now: Option<String> = tx
            .query_row(
                "SELECT state FROM jobs WHERE id = ?1",
                [id_bytes(id)],
                |row| row.get(0),
            )
            .optional()?;
        let moved = now
            .as_ref()
            .is_some_and(|now| from.iter().any(|state| state.name() == now.as_str()));
        if moved {
            tx.execute(
                "UPDATE jobs SET state = ?2, reason = ?3, not_before_ms = 0,
                   settled_block = coalesce(?4, settled_block) WHERE id = ?1",
                params![
                    id_bytes(id),
                    to.name(),
                    reason,
                    settled_block.map(integer).transpose()?
                ],
            )?;
        }
        tx.commit()?;
        Ok(moved && now.is_some_and(|now| now != to.name()))
    }

    /// Leaves a job where it is until `delay_ms` from now; `counts` makes it an attempt.
    /// Returns the attempts made.
    pub(crate) fn postpone(
        &self,
        id: U256,
        delay_ms: u64,
        reason: &str,
        counts: bool,
    ) -> Result<u32, StoreError> {
        let until = integer(super::now_ms().saturating_add(delay_ms))?;
        let attempts = self.lock().query_row(
            "UPDATE jobs SET not_before_ms = ?2, reason = ?3, attempts = attempts + ?4
             WHERE id = ?1 RETURNING attempts",
            params![id_bytes(id), until, reason, u32::from(counts)],
            |row| row.get(0),
        )?;
        Ok(attempts)
    }

    /// Writes a proof and moves its job from observed to proved, as one.
    pub(crate) fn store_proof(
        &self,
        id: U256,
        payee: Address,
        proof: &StoredProof,
    ) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let tx = connection.transaction()?;
        tx.execute(
            "INSERT OR REPLACE INTO proofs (id, payee, output, proof) VALUES (?1, ?2, ?3, ?4)",
            params![
                id_bytes(id),
                payee.as_slice(),
                proof.output.as_ref(),
                proof.proof.as_ref()
            ],
        )?;
        tx.execute(
            "UPDATE jobs SET state = 'proved', reason = NULL, not_before_ms = 0
             WHERE id = ?1 AND state = 'observed'",
            [id_bytes(id)],
        )?;
        Ok(tx.commit()?)
    }

    /// The proof of a request for `payee`.
    pub(crate) fn proof(
        &self,
        id: U256,
        payee: Address,
    ) -> Result<Option<StoredProof>, StoreError> {
        let found = self
            .lock()
            .query_row(
                "SELECT output, proof FROM proofs WHERE id = ?1 AND payee = ?2",
                params![id_bytes(id), payee.as_slice()],
                |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)),
            )
            .optional()?;
        Ok(found.map(|(output, proof)| StoredProof {
            output: output.into(),
            proof: proof.into(),
        }))
    }

    /// Forgets the proofs of a request, so that it is proved again.
    pub(crate) fn drop_proof(&self, id: U256) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let tx = connection.transaction()?;
        tx.execute("DELETE FROM proofs WHERE id = ?1", [id_bytes(id)])?;
        tx.execute(
            "UPDATE jobs SET state = 'observed' WHERE id = ?1 AND state = 'proved'",
            [id_bytes(id)],
        )?;
        Ok(tx.commit()?)
    }

    /// Number of jobs in each state.
    pub(crate) fn counts(&self) -> Result<Vec<(JobState, u64)>, StoreError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare_cached("SELECT count(*) FROM jobs WHERE state = ?1")?;
        JobState::ALL
            .into_iter()
            .map(|state| {
                let count = statement.query_row([state.name()], |row| row.get::<_, i64>(0))?;
                Ok((state, unsigned(count)?))
            })
            .collect()
    }

    /// Requests of a model that are proved, alone or with others, or being sent.
    pub(crate) fn pending_of_model(&self, model_id: U256) -> Result<usize, StoreError> {
        let count: i64 = self.lock().query_row(
            "SELECT count(*) FROM jobs WHERE model_id = ?1 AND state
               IN ('proved', 'batched', 'sending')",
            [id_bytes(model_id)],
            |row| row.get(0),
        )?;
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }
}
