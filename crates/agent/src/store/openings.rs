//! Encrypted private inputs; what is in them only the vault knows.

use alloy::primitives::U256;
use rusqlite::{OptionalExtension, params};

use super::{JobState, Store, StoreError, id_bytes, integer};

/// What became of a private input that was handed in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// On disk; its job may go on.
    Kept,
    /// There is no such job.
    Unknown,
    /// The job has no use for it: nothing was kept.
    NotWaiting(JobState),
}

/// States in which a job may still need its input.
const WAITING: [JobState; 3] = [JobState::Observed, JobState::Removed, JobState::Resync];
/// States in which nothing will be proved any more, whatever happens to the chain or the fee.
const OVER: &str = "'done', 'lost', 'closed', 'failed'";

impl Store {
    /// Writes the sealed input of request `id` and ends its job's pause, as one.
    pub(crate) fn put_opening(
        &self,
        id: U256,
        sealed: &[u8],
        until_ms: u64,
    ) -> Result<Stored, StoreError> {
        let mut connection = self.lock();
        let tx = connection.transaction()?;
        let state: Option<String> = tx
            .query_row(
                "SELECT state FROM jobs WHERE id = ?1",
                [id_bytes(id)],
                |row| row.get(0),
            )
            .optional()?;
        let Some(name) = state else {
            return Ok(Stored::Unknown);
        };
        let state = JobState::ALL.into_iter().find(|state| state.name() == name);
        let state = state.ok_or_else(|| StoreError::Damaged(format!("job state `{name}`")))?;
        if !WAITING.contains(&state) {
            return Ok(Stored::NotWaiting(state));
        }
        tx.execute(
            "INSERT OR REPLACE INTO openings (id, sealed, until_ms) VALUES (?1, ?2, ?3)",
            params![id_bytes(id), sealed, integer(until_ms)?],
        )?;
        tx.execute(
            "UPDATE jobs SET not_before_ms = 0 WHERE id = ?1",
            [id_bytes(id)],
        )?;
        tx.commit()?;
        Ok(Stored::Kept)
    }

    /// The sealed input of request `id`, unless its time is over at `now_ms`.
    pub(crate) fn opening(&self, id: U256, now_ms: u64) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.lock().query_row(
            "SELECT sealed FROM openings WHERE id = ?1 AND until_ms > ?2",
            params![id_bytes(id), integer(now_ms)?],
            |row| row.get(0),
        );
        Ok(found.optional()?)
    }

    /// Deletes one.
    pub(crate) fn drop_opening(&self, id: U256) -> Result<(), StoreError> {
        let connection = self.lock();
        connection.execute("DELETE FROM openings WHERE id = ?1", [id_bytes(id)])?;
        Ok(())
    }

    /// Deletes those whose request is over, or whose time is at `now_ms`; how many.
    pub(crate) fn purge_openings(&self, now_ms: u64) -> Result<usize, StoreError> {
        let connection = self.lock();
        let deleted = connection.execute(
            &format!(
                "DELETE FROM openings WHERE until_ms <= ?1
                   OR id IN (SELECT id FROM jobs WHERE state IN ({OVER}))"
            ),
            [integer(now_ms)?],
        )?;
        Ok(deleted)
    }
}
