//! How far the chain was read: checkpoints by number and hash, the highest is the cursor.

use alloy::primitives::B256;
use rusqlite::{OptionalExtension, params};

use super::{Store, StoreError, hash, integer, unsigned};

/// Checkpoints kept; a deeper reorganisation rescans from the start block.
const KEPT: i64 = 2048;

/// A block whose logs, and those of all blocks before it, are on disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Checkpoint {
    pub(crate) number: u64,
    pub(crate) hash: B256,
}

impl Store {
    /// The highest checkpoint; `None` before the first.
    pub(crate) fn cursor(&self) -> Result<Option<Checkpoint>, StoreError> {
        Ok(self.checkpoints(None, 1)?.pop())
    }

    /// Up to `count` checkpoints, highest first, at or below `from`.
    pub(crate) fn checkpoints(
        &self,
        from: Option<u64>,
        count: u32,
    ) -> Result<Vec<Checkpoint>, StoreError> {
        let from = from.map(integer).transpose()?.unwrap_or(i64::MAX);
        let connection = self.lock();
        let mut statement = connection.prepare_cached(
            "SELECT number, hash FROM checkpoints WHERE number <= ?1 ORDER BY number DESC LIMIT ?2",
        )?;
        let rows = statement.query_map(params![from, count], |row| {
            Ok((row.get::<_, i64>(0)?, row.get::<_, Vec<u8>>(1)?))
        })?;
        rows.map(|row| {
            let (number, bytes) = row?;
            Ok(Checkpoint {
                number: unsigned(number)?,
                hash: hash(&bytes)?,
            })
        })
        .collect()
    }

    /// Moves the cursor forward to `checkpoint`; its jobs are on disk before.
    pub(crate) fn commit_cursor(&self, checkpoint: Checkpoint) -> Result<(), StoreError> {
        let mut connection = self.lock();
        let tx = connection.transaction()?;
        tx.execute(
            "INSERT OR REPLACE INTO checkpoints (number, hash) VALUES (?1, ?2)",
            params![integer(checkpoint.number)?, checkpoint.hash.as_slice()],
        )?;
        let oldest: Option<i64> = tx
            .query_row(
                "SELECT number FROM checkpoints ORDER BY number DESC LIMIT 1 OFFSET ?1",
                [KEPT],
                |row| row.get(0),
            )
            .optional()?;
        if let Some(oldest) = oldest {
            tx.execute("DELETE FROM checkpoints WHERE number <= ?1", [oldest])?;
        }
        Ok(tx.commit()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::open;

    fn block(number: u64) -> Checkpoint {
        Checkpoint {
            number,
            hash: B256::with_last_byte(number as u8),
        }
    }

    #[test]
    fn the_cursor_survives_a_restart_and_rewinds() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = open(dir.path());
        assert_eq!(store.cursor().expect("read"), None);
        for number in [3, 10, 12] {
            store.commit_cursor(block(number)).expect("written");
        }
        drop(store);
        let store = open(dir.path());
        assert_eq!(store.cursor().expect("read"), Some(block(12)));
        let below = store.checkpoints(Some(11), 9).expect("read");
        assert_eq!(below, [block(10), block(3)]);
        store.unsettle_above(Some(10)).expect("written");
        assert_eq!(store.cursor().expect("read"), Some(block(10)));
        store.unsettle_above(None).expect("written");
        assert_eq!(store.cursor().expect("read"), None);
    }

    #[test]
    fn old_checkpoints_are_dropped() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = open(dir.path());
        store
            .lock()
            .pragma_update(None, "synchronous", "OFF")
            .expect("faster");
        for number in 0..2100 {
            store.commit_cursor(block(number)).expect("written");
        }
        let kept = store.checkpoints(None, 5000).expect("read");
        assert_eq!(kept.len() as i64, KEPT);
        assert_eq!(kept[0].number, 2099);
    }
}
