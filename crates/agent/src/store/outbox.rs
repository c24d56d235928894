//! Nonces taken and transactions signed: on disk before anything is sent.

use alloy::primitives::{Address, B256, Bytes, U256};
use rusqlite::{OptionalExtension, params};

use super::{
    JobOutcome, Store, StoreError, address, hash, id_bytes, integer, now_ms, number, unsigned,
};

/// What became of a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotState {
    /// Waits for inclusion.
    Live,
    /// In a block, not deep enough.
    Mined,
    /// In a block at depth.
    Final,
    /// Used by a transaction that this agent did not sign.
    Usurped,
}

impl SlotState {
    const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Mined => "mined",
            Self::Final => "final",
            Self::Usurped => "usurped",
        }
    }

    fn parse(name: &str) -> Result<Self, StoreError> {
        [Self::Live, Self::Mined, Self::Final, Self::Usurped]
            .into_iter()
            .find(|state| state.name() == name)
            .ok_or_else(|| StoreError::Damaged(format!("slot state `{name}`")))
    }
}

/// A nonce that this agent took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slot {
    pub(crate) signer: Address,
    pub(crate) nonce: u64,
    /// `None`: a batch or a filler.
    pub(crate) request_id: Option<U256>,
    /// The batch that it settles, if any.
    pub(crate) batch_id: Option<i64>,
    pub(crate) state: SlotState,
    /// Hash of the mined transaction and its block.
    pub(crate) mined: Option<(B256, u64)>,
    /// When it was first seen used without a receipt of ours.
    pub(crate) used_ms: Option<u64>,
}

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredTx {
    pub(crate) hash: B256,
    pub(crate) raw: Bytes,
    pub(crate) gas: u64,
    pub(crate) max_fee: u128,
    pub(crate) priority_fee: u128,
    pub(crate) created_ms: u64,
    /// When it was last sent; `None` if it may never have been.
    pub(crate) sent_ms: Option<u64>,
}

impl Store {
    /// The nonce after the highest one taken by `signer`.
    pub(crate) fn next_nonce(&self, signer: Address) -> Result<Option<u64>, StoreError> {
        let highest: Option<i64> = self.lock().query_row(
            "SELECT max(nonce) FROM slots WHERE signer = ?1",
            [signer.as_slice()],
            |row| row.get(0),
        )?;
        highest.map(|nonce| Ok(unsigned(nonce)? + 1)).transpose()
    }

    /// Takes a nonce for `request_id` (or a filler), stores its transaction and moves the job to
    /// sending, as one. Returns false, and takes nothing, if the job is not `proved` any more or
    /// is being sent already, or the nonce is taken.
    pub(crate) fn take_slot(
        &self,
        signer: Address,
        nonce: u64,
        request_id: Option<U256>,
        tx: &StoredTx,
    ) -> Result<bool, StoreError> {
        let mut connection = self.lock();
        let db = connection.transaction()?;
        if let Some(id) = request_id {
            let moved = db.execute(
                "UPDATE jobs SET state = 'sending', reason = NULL
                 WHERE id = ?1 AND state = 'proved'",
                [id_bytes(id)],
            )?;
            if moved == 0 {
                return Ok(false);
            }
            let sent_already: bool = db.query_row(
                "SELECT EXISTS (SELECT 1 FROM slots
                   WHERE request_id = ?1 AND state IN ('live', 'mined'))",
                [id_bytes(id)],
                |row| row.get(0),
            )?;
            if sent_already {
                db.commit()?;
                return Ok(false);
            }
        }
        if !take(&db, signer, nonce, request_id, None)? {
            return Ok(false);
        }
        insert(&db, signer, nonce, tx)?;
        db.commit()?;
        Ok(true)
    }

    /// Stores a transaction that replaces those of a live nonce.
    pub(crate) fn add_replacement(&self, slot: &Slot, tx: &StoredTx) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let db = connection.transaction()?;
        insert(&db, slot.signer, slot.nonce, tx)?;
        Ok(db.commit()?)
    }

    /// Stores a transaction that uses a live nonce up without its request, and moves the job
    /// or the jobs away, as one.
    pub(crate) fn fill_slot(
        &self,
        slot: &Slot,
        tx: &StoredTx,
        outcomes: &[JobOutcome],
    ) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let db = connection.transaction()?;
        db.execute(
            "UPDATE slots SET request_id = NULL, batch_id = NULL
             WHERE signer = ?1 AND nonce = ?2",
            params![slot.signer.as_slice(), integer(slot.nonce)?],
        )?;
        insert(&db, slot.signer, slot.nonce, tx)?;
        apply(&db, slot, outcomes)?;
        Ok(db.commit()?)
    }

    /// Notes that a nonce is used by no transaction of ours that a node has a receipt for.
    pub(crate) fn mark_used(&self, slot: &Slot) -> Result<(), StoreError> {
        self.lock().execute(
            "UPDATE slots SET used_ms = coalesce(used_ms, ?3) WHERE signer = ?1 AND nonce = ?2",
            params![
                slot.signer.as_slice(),
                integer(slot.nonce)?,
                integer(now_ms())?
            ],
        )?;
        Ok(())
    }

    /// Notes that a transaction was sent now.
    pub(crate) fn mark_sent(&self, hash: B256) -> Result<(), StoreError> {
        self.lock().execute(
            "UPDATE transactions SET sent_ms = ?2 WHERE hash = ?1",
            params![hash.as_slice(), integer(now_ms())?],
        )?;
        Ok(())
    }

    /// Nonces whose fate is open, lowest first.
    pub(crate) fn open_slots(&self) -> Result<Vec<Slot>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT signer, nonce, request_id, state, mined_hash, mined_block, used_ms, batch_id
             FROM slots
             WHERE state IN ('live', 'mined') ORDER BY signer, nonce",
        )?;
        let rows = statement.query_map([], |row| {
            Ok((
                row.get::<_, Vec<u8>>(0)?,
                row.get::<_, i64>(1)?,
                row.get::<_, Option<Vec<u8>>>(2)?,
                row.get::<_, String>(3)?,
                row.get::<_, Option<Vec<u8>>>(4)?,
                row.get::<_, Option<i64>>(5)?,
                row.get::<_, Option<i64>>(6)?,
                row.get::<_, Option<i64>>(7)?,
            ))
        })?;
        rows.map(|row| {
            let (signer, nonce, request_id, state, mined_hash, mined_block, used, batch_id) = row?;
            Ok(Slot {
                signer: address(&signer)?,
                nonce: unsigned(nonce)?,
                request_id: request_id.map(|id| number(&id)).transpose()?,
                batch_id,
                state: SlotState::parse(&state)?,
                mined: match (mined_hash, mined_block) {
                    (Some(bytes), Some(block)) => Some((hash(&bytes)?, unsigned(block)?)),
                    _ => None,
                },
                used_ms: used.map(unsigned).transpose()?,
            })
        })
        .collect()
    }

    /// The transactions of a nonce, newest first.
    pub(crate) fn transactions(&self, slot: &Slot) -> Result<Vec<StoredTx>, StoreError> {
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT hash, raw, gas, max_fee, priority_fee, created_ms, sent_ms FROM transactions
             WHERE signer = ?1 AND nonce = ?2 ORDER BY rowid DESC",
        )?;
        let rows = statement.query_map(
            params![slot.signer.as_slice(), integer(slot.nonce)?],
            |row| {
                Ok((
                    row.get::<_, Vec<u8>>(0)?,
                    row.get::<_, Vec<u8>>(1)?,
                    row.get::<_, i64>(2)?,
                    row.get::<_, String>(3)?,
                    row.get::<_, String>(4)?,
                    row.get::<_, i64>(5)?,
                    row.get::<_, Option<i64>>(6)?,
                ))
            },
        )?;
        let amount = |text: String| {
            text.parse()
                .map_err(|_| StoreError::Damaged(format!("fee `{text}`")))
        };
        rows.map(|row| {
            let (bytes, raw, gas, max_fee, priority_fee, created, sent) = row?;
            Ok(StoredTx {
                hash: hash(&bytes)?,
                raw: raw.into(),
                gas: unsigned(gas)?,
                max_fee: amount(max_fee)?,
                priority_fee: amount(priority_fee)?,
                created_ms: unsigned(created)?,
                sent_ms: sent.map(unsigned).transpose()?,
            })
        })
        .collect()
    }

    /// Writes what became of a nonce; `mined` is the transaction, its block and its success.
    pub(crate) fn set_slot(
        &self,
        slot: &Slot,
        state: SlotState,
        mined: Option<(B256, u64, bool)>,
    ) -> Result<(), StoreError> {
        self.close_slot(slot, state, mined, &[])
    }

    /// As [`Self::set_slot`], and moves the jobs of the nonce where `outcomes` say, as one; its
    /// batch is over then.
    pub(crate) fn close_slot(
        &self,
        slot: &Slot,
        state: SlotState,
        mined: Option<(B256, u64, bool)>,
        outcomes: &[JobOutcome],
    ) -> Result<(), StoreError> {
        let (mined_hash, block, ok) = match mined {
            Some((hash, block, ok)) => (Some(hash.to_vec()), Some(integer(block)?), Some(ok)),
            None => (None, None, None),
        };
        let mut connection = self.lock();
        let db = connection.transaction()?;
        db.query_row(
            "UPDATE slots SET state = ?3, mined_hash = ?4, mined_block = ?5, mined_ok = ?6,
                   used_ms = NULL WHERE signer = ?1 AND nonce = ?2 RETURNING nonce",
            params![
                slot.signer.as_slice(),
                integer(slot.nonce)?,
                state.name(),
                mined_hash,
                block,
                ok
            ],
            |row| row.get::<_, i64>(0),
        )
        .optional()?
        .ok_or_else(|| StoreError::Damaged(format!("no slot for nonce {}", slot.nonce)))?;
        if matches!(state, SlotState::Final | SlotState::Usurped) {
            apply(&db, slot, outcomes)?;
        }
        Ok(db.commit()?)
    }
}

/// Takes a nonce, unless it is taken.
pub(super) fn take(
    db: &rusqlite::Transaction<'_>,
    signer: Address,
    nonce: u64,
    request_id: Option<U256>,
    batch_id: Option<i64>,
) -> Result<bool, StoreError> {
    let taken = db.execute(
        "INSERT INTO slots (signer, nonce, request_id, batch_id, state)
         VALUES (?1, ?2, ?3, ?4, 'live')
         ON CONFLICT (signer, nonce) DO UPDATE SET request_id = ?3, batch_id = ?4, state = 'live',
           mined_hash = NULL, mined_block = NULL, mined_ok = NULL, used_ms = NULL
         WHERE state = 'usurped' OR (state = 'final' AND mined_ok = 0)",
        params![
            signer.as_slice(),
            integer(nonce)?,
            request_id.map(id_bytes),
            batch_id
        ],
    )?;
    Ok(taken == 1)
}

/// Moves the jobs of a decided nonce that are being sent; its batch is over.
fn apply(
    db: &rusqlite::Transaction<'_>,
    slot: &Slot,
    outcomes: &[JobOutcome],
) -> Result<(), StoreError> {
    if let Some(batch) = slot.batch_id {
        db.execute(
            "UPDATE batches SET state = 'over' WHERE id = ?1 AND state = 'sending'",
            [batch],
        )?;
    }
    for outcome in outcomes {
        let until = now_ms().saturating_add(outcome.retry_ms.unwrap_or_default());
        db.execute(
            "UPDATE jobs SET state = ?2, reason = ?3, settled_block = coalesce(?4, settled_block),
               attempts = attempts + ?5, not_before_ms = CASE WHEN ?5 THEN ?6 ELSE 0 END,
               alone = max(alone, ?7)
             WHERE id = ?1 AND state = 'sending'",
            params![
                id_bytes(outcome.id),
                outcome.to.name(),
                outcome.reason,
                outcome.settled_block.map(integer).transpose()?,
                outcome.retry_ms.is_some(),
                integer(until)?,
                outcome.alone,
            ],
        )?;
    }
    Ok(())
}

pub(super) fn insert(
    db: &rusqlite::Transaction<'_>,
    signer: Address,
    nonce: u64,
    tx: &StoredTx,
) -> Result<(), StoreError> {
    db.execute(
        "INSERT INTO transactions
         (hash, signer, nonce, raw, gas, max_fee, priority_fee, created_ms, sent_ms)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, NULL)",
        params![
            tx.hash.as_slice(),
            signer.as_slice(),
            integer(nonce)?,
            tx.raw.as_ref(),
            integer(tx.gas)?,
            tx.max_fee.to_string(),
            tx.priority_fee.to_string(),
            integer(tx.created_ms)?,
        ],
    )?;
    Ok(())
}
