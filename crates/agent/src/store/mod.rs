//! What the agent must not forget: one SQLite database per state directory.
//!
//! WAL with `synchronous = FULL`: a committed transaction survives a power cut. Every effect on
//! the outside world is preceded by a commit that lets a restarted agent know it may have
//! happened. A lock file keeps a second agent out: two agents on one nonce lose money.

mod batches;
#[cfg(test)]
mod batches_tests;
mod cursor;
mod jobs;
#[cfg(test)]
mod jobs_tests;
mod openings;
mod outbox;
mod reorg;

use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use alloy::primitives::{Address, B256, U256};
use rusqlite::{Connection, OptionalExtension, params};
use tokio::sync::RwLock;

pub(crate) use batches::{Batch, NewBatch};
pub(crate) use cursor::Checkpoint;
pub use jobs::JobState;
pub(crate) use jobs::{Job, JobOutcome, NewJob, StoredProof};
pub(crate) use openings::Stored;
pub(crate) use outbox::{Slot, SlotState, StoredTx};

/// Version of the schema that this agent writes.
const VERSION: i64 = 4;

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The directory or its lock file cannot be used.
    #[error("could not use state directory `{}`", .path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Another agent runs on this directory.
    #[error("state directory `{}` is in use by another agent", .0.display())]
    Locked(PathBuf),
    /// A newer agent wrote the database.
    #[error(
        "database has schema version {found}, this agent knows up to {known}: upgrade the agent"
    )]
    Newer {
        /// Version found.
        found: i64,
        /// Version known.
        known: i64,
    },
    /// The directory belongs to another chain or hub.
    #[error(
        "state directory belongs to hub {hub} on chain {chain_id}: use another `state_dir` for \
         another hub"
    )]
    OtherHub {
        /// Chain of the database.
        chain_id: u64,
        /// Hub of the database.
        hub: Address,
    },
    /// The database refused.
    #[error("database: {0}")]
    Database(#[from] rusqlite::Error),
    /// A private input that is too large to be encrypted.
    #[error("a private input is too large to be encrypted")]
    TooLarge,
    /// The database holds something that this agent did not write.
    #[error("database is damaged: {0}")]
    Damaged(String),
}

/// The open database.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Mutex<Connection>,
    /// Held for reading while something is asked from the chain and its answer written, for
    /// writing while what removed blocks had said is undone: an answer from before a
    /// reorganisation is never written after it.
    pub(crate) fork: RwLock<()>,
    /// Held until the process ends, however it ends.
    _lock: File,
}

impl Store {
    /// Opens or creates the database of `hub` on `chain_id` in `directory`.
    pub(crate) fn open(directory: &Path, chain_id: u64, hub: Address) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Directory {
            path: directory.to_path_buf(),
            source,
        };
        fs::create_dir_all(directory).map_err(unusable)?;
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(directory.join("lock"))
            .map_err(unusable)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => StoreError::Locked(directory.to_path_buf()),
            TryLockError::Error(source) => unusable(source),
        })?;
        let mut connection = Connection::open(directory.join("agent.db"))?;
        connection.pragma_update(None, "journal_mode", "WAL")?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        connection.pragma_update(None, "foreign_keys", true)?;
        // Private inputs are encrypted; when they are deleted, their bytes go as well.
        connection.pragma_update(None, "secure_delete", true)?;
        let found: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        if found > VERSION {
            return Err(StoreError::Newer {
                found,
                known: VERSION,
            });
        }
        if found == 0 {
            let tx = connection.transaction()?;
            tx.execute_batch(include_str!("schema.sql"))?;
            tx.execute(
                "INSERT INTO binding (only, chain_id, hub) VALUES (0, ?1, ?2)",
                params![integer(chain_id)?, hub.as_slice()],
            )?;
            tx.pragma_update(None, "user_version", 1)?;
            tx.commit()?;
        }
        if found < 2 {
            let tx = connection.transaction()?;
            tx.execute_batch(include_str!("schema_2.sql"))?;
            tx.pragma_update(None, "user_version", 2)?;
            tx.commit()?;
        }
        if found < 3 {
            let tx = connection.transaction()?;
            tx.execute_batch(include_str!("schema_3.sql"))?;
            tx.pragma_update(None, "user_version", 3)?;
            tx.commit()?;
        }
        if found < 4 {
            let tx = connection.transaction()?;
            tx.execute_batch(include_str!("schema_4.sql"))?;
            tx.pragma_update(None, "user_version", 4)?;
            tx.commit()?;
        }
        let store = Self {
            connection: Mutex::new(connection),
            fork: RwLock::new(()),
            _lock: lock,
        };
        store.check_binding(chain_id, hub)?;
        Ok(store)
    }

    fn check_binding(&self, chain_id: u64, hub: Address) -> Result<(), StoreError> {
        let (found_chain, found_hub): (i64, Vec<u8>) = self
            .lock()
            .query_row("SELECT chain_id, hub FROM binding", [], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .optional()?
            .ok_or_else(|| StoreError::Damaged("no binding".into()))?;
        let found_chain = unsigned(found_chain)?;
        let found_hub = address(&found_hub)?;
        if (found_chain, found_hub) == (chain_id, hub) {
            Ok(())
        } else {
            Err(StoreError::OtherHub {
                chain_id: found_chain,
                hub: found_hub,
            })
        }
    }

    /// The connection. A panic elsewhere cannot leave a transaction half done: it rolls back.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since 1970.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

fn integer(value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::Damaged(format!("{value} is no SQLite integer")))
}

fn unsigned(value: i64) -> Result<u64, StoreError> {
    u64::try_from(value).map_err(|_| StoreError::Damaged(format!("{value} is negative")))
}

fn address(bytes: &[u8]) -> Result<Address, StoreError> {
    Address::try_from(bytes).map_err(|_| StoreError::Damaged("not an address".into()))
}

fn hash(bytes: &[u8]) -> Result<B256, StoreError> {
    B256::try_from(bytes).map_err(|_| StoreError::Damaged("not a hash".into()))
}

fn id_bytes(id: U256) -> [u8; 32] {
    id.to_be_bytes()
}

fn number(bytes: &[u8]) -> Result<U256, StoreError> {
    U256::try_from_be_slice(bytes).ok_or_else(|| StoreError::Damaged("not a number".into()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) const HUB: Address = Address::repeat_byte(0xaa);

    pub(crate) fn open(directory: &Path) -> Store {
        Store::open(directory, 31337, HUB).expect("opens")
    }

    #[test]
    fn a_directory_has_one_agent_one_hub_and_no_newer_schema() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = open(dir.path());
        let second = Store::open(dir.path(), 31337, HUB);
        assert!(matches!(second, Err(StoreError::Locked(_))), "{second:?}");
        drop(store);
        let other = Store::open(dir.path(), 1, HUB);
        assert!(
            matches!(
                other,
                Err(StoreError::OtherHub {
                    chain_id: 31337,
                    ..
                })
            ),
            "{other:?}"
        );
        open(dir.path())
            .lock()
            .pragma_update(None, "user_version", 99)
            .expect("set");
        let newer = Store::open(dir.path(), 31337, HUB);
        assert!(
            matches!(
                newer,
                Err(StoreError::Newer {
                    found: 99,
                    known: VERSION
                })
            ),
            "{newer:?}"
        );
    }

    #[test]
    fn commits_are_flushed_to_disk() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = open(dir.path());
        let connection = store.lock();
        let mode: String = connection
            .pragma_query_value(None, "journal_mode", |r| r.get(0))
            .expect("mode");
        let synchronous: i64 = connection
            .pragma_query_value(None, "synchronous", |r| r.get(0))
            .expect("level");
        assert_eq!((mode.as_str(), synchronous), ("wal", 2));
    }
}
