//! Proofs that several requests share, and where their members go.

use alloy::primitives::{Address, B256, Bytes, U256};
use rusqlite::{OptionalExtension, Row, Transaction, params};

use super::{
    Job, JobState, Store, StoreError, StoredTx, address, hash, id_bytes, integer, number, outbox,
};

/// A proof of the answers to several requests of one model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct NewBatch {
    /// The contract that the proof is bound to.
    pub(crate) settler: Address,
    pub(crate) model_id: U256,
    /// Items of the circuit.
    pub(crate) items: u32,
    pub(crate) payee: Address,
    pub(crate) tag: B256,
    /// Requests in the order of the statement.
    pub(crate) members: Vec<U256>,
    /// Packed outputs of all of them.
    pub(crate) outputs: Bytes,
    pub(crate) proof: Bytes,
}

/// A batch on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) id: i64,
    pub(crate) content: NewBatch,
}

/// A member's job and its state.
#[derive(Clone, Debug)]
pub(crate) struct Member {
    pub(crate) job: Job,
    pub(crate) state: JobState,
}

const COLUMNS: &str = "id, settler, model_id, items, payee, tag, outputs, proof";

type RawBatch = (
    i64,
    Vec<u8>,
    Vec<u8>,
    u32,
    Vec<u8>,
    Vec<u8>,
    Vec<u8>,
    Vec<u8>,
);

fn raw_batch(row: &Row<'_>) -> rusqlite::Result<RawBatch> {
    Ok((
        row.get(0)?,
        row.get(1)?,
        row.get(2)?,
        row.get(3)?,
        row.get(4)?,
        row.get(5)?,
        row.get(6)?,
        row.get(7)?,
    ))
}

impl Store {
    /// Writes a proof that requests share and moves its observed members to batched, as one.
    pub(crate) fn store_batch(&self, batch: &NewBatch) -> Result<i64, StoreError> {
        let mut connection = self.lock();
        let tx = connection.transaction()?;
        tx.execute(
            "INSERT INTO batches (settler, model_id, items, payee, tag, outputs, proof, state)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'proved')",
            params![
                batch.settler.as_slice(),
                id_bytes(batch.model_id),
                batch.items,
                batch.payee.as_slice(),
                batch.tag.as_slice(),
                batch.outputs.as_ref(),
                batch.proof.as_ref(),
            ],
        )?;
        let id = tx.last_insert_rowid();
        for (position, member) in (0_i64..).zip(&batch.members) {
            tx.execute(
                "INSERT INTO batch_members (batch_id, position, request_id) VALUES (?1, ?2, ?3)",
                params![id, position, id_bytes(*member)],
            )?;
            tx.execute(
                "UPDATE jobs SET state = 'batched', reason = NULL, not_before_ms = 0
                 WHERE id = ?1 AND state = 'observed'",
                [id_bytes(*member)],
            )?;
        }
        tx.commit()?;
        Ok(id)
    }

    /// Batches that wait to be sent and whose pause is over, oldest first.
    pub(crate) fn due_batches(&self, now_ms: u64, limit: usize) -> Result<Vec<Batch>, StoreError> {
        let ids = {
            let connection = self.lock();
            let mut statement = connection.prepare_cached(
                "SELECT id FROM batches WHERE state = 'proved' AND not_before_ms <= ?1
                 ORDER BY id LIMIT ?2",
            )?;
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let rows = statement.query_map(params![integer(now_ms)?, limit], |row| row.get(0))?;
            rows.collect::<Result<Vec<i64>, _>>()?
        };
        let batches = ids.into_iter().map(|id| self.batch(id));
        batches.filter_map(Result::transpose).collect()
    }

    /// One batch.
    pub(crate) fn batch(&self, id: i64) -> Result<Option<Batch>, StoreError> {
        let connection = self.lock();
        let raw = connection
            .query_row(
                &format!("SELECT {COLUMNS} FROM batches WHERE id = ?1"),
                [id],
                raw_batch,
            )
            .optional()?;
        let Some((id, settler, model_id, items, payee, tag, outputs, proof)) = raw else {
            return Ok(None);
        };
        let mut statement = connection.prepare_cached(
            "SELECT request_id FROM batch_members WHERE batch_id = ?1 ORDER BY position",
        )?;
        let members = statement.query_map([id], |row| row.get::<_, Vec<u8>>(0))?;
        let members = members.map(|member| number(&member?));
        Ok(Some(Batch {
            id,
            content: NewBatch {
                settler: address(&settler)?,
                model_id: number(&model_id)?,
                items,
                payee: address(&payee)?,
                tag: hash(&tag)?,
                members: members.collect::<Result<_, _>>()?,
                outputs: outputs.into(),
                proof: proof.into(),
            },
        }))
    }

    /// The jobs of a batch in its order, and where they stand.
    pub(crate) fn members(&self, batch: &Batch) -> Result<Vec<Member>, StoreError> {
        let members = batch.content.members.iter();
        members
            .map(|id| {
                let missing = || StoreError::Damaged(format!("batch {} has no job", batch.id));
                Ok(Member {
                    job: self.job(*id)?.ok_or_else(missing)?,
                    state: self.state(*id)?.ok_or_else(missing)?,
                })
            })
            .collect()
    }

    /// Leaves a batch where it is until `delay_ms` from now.
    pub(crate) fn postpone_batch(&self, id: i64, delay_ms: u64) -> Result<(), StoreError> {
        let until = integer(super::now_ms().saturating_add(delay_ms))?;
        self.lock().execute(
            "UPDATE batches SET not_before_ms = ?2 WHERE id = ?1",
            params![id, until],
        )?;
        Ok(())
    }

    /// Gives up a batch that was not sent: members that wait for it are proved anew, `alone` by
    /// proofs of their own.
    pub(crate) fn dissolve_batch(
        &self,
        id: i64,
        reason: &str,
        alone: bool,
    ) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let tx = connection.transaction()?;
        let over = tx.execute(
            "UPDATE batches SET state = 'over' WHERE id = ?1 AND state = 'proved'",
            [id],
        )?;
        if over == 1 {
            tx.execute(
                "UPDATE jobs SET state = 'observed', reason = ?2, not_before_ms = 0,
                   alone = max(alone, ?3)
                 WHERE state = 'batched' AND id IN
                   (SELECT request_id FROM batch_members WHERE batch_id = ?1)",
                params![id, reason, alone],
            )?;
        }
        Ok(tx.commit()?)
    }

    /// Takes a nonce for a batch, stores its transaction and moves its waiting members to sending,
    /// as one. Returns false, and takes nothing, if the batch does not wait any more or the nonce
    /// is taken.
    pub(crate) fn take_batch_slot(
        &self,
        signer: Address,
        nonce: u64,
        batch: i64,
        tx: &StoredTx,
    ) -> Result<bool, StoreError> {
        let mut connection = self.lock();
        let db = connection.transaction()?;
        let moved = db.execute(
            "UPDATE batches SET state = 'sending' WHERE id = ?1 AND state = 'proved'",
            [batch],
        )?;
        if moved == 0 || !outbox::take(&db, signer, nonce, None, Some(batch))? {
            return Ok(false);
        }
        db.execute(
            "UPDATE jobs SET state = 'sending', reason = NULL WHERE state = 'batched' AND id IN
               (SELECT request_id FROM batch_members WHERE batch_id = ?1)",
            [batch],
        )?;
        outbox::insert(&db, signer, nonce, tx)?;
        db.commit()?;
        Ok(true)
    }

    /// Makes a request settle by a proof of its own from now on.
    pub(crate) fn set_alone(&self, id: U256) -> Result<(), StoreError> {
        self.lock()
            .execute("UPDATE jobs SET alone = 1 WHERE id = ?1", [id_bytes(id)])?;
        Ok(())
    }

    /// Where a job stands.
    pub(crate) fn state(&self, id: U256) -> Result<Option<JobState>, StoreError> {
        let name: Option<String> = self
            .lock()
            .query_row(
                "SELECT state FROM jobs WHERE id = ?1",
                [id_bytes(id)],
                |row| row.get(0),
            )
            .optional()?;
        name.map(|name| JobState::parse(&name)).transpose()
    }
}

/// Batches that were not sent and have a member in a block above `above`: the member may never come
/// back, so they are given up, and their members compared with the chain.
pub(super) fn dissolve_above(tx: &Transaction<'_>, above: i64) -> Result<(), StoreError> {
    tx.execute(
        "UPDATE batches SET state = 'over' WHERE state = 'proved' AND id IN
           (SELECT batch_id FROM batch_members JOIN jobs ON jobs.id = request_id
            WHERE block_number > ?1)",
        [above],
    )?;
    tx.execute(
        "UPDATE jobs SET state = 'resync', not_before_ms = 0 WHERE state = 'batched'
           AND NOT EXISTS (SELECT 1 FROM batch_members JOIN batches ON batches.id = batch_id
             WHERE request_id = jobs.id AND batches.state = 'proved')",
        [],
    )?;
    Ok(())
}
