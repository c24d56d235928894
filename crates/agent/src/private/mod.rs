//! Private inputs: values that the chain holds a commitment to and the operator is told.
//!
//! A subject hands salt and values to [`intake`], with a signature over chain, hub, request and
//! commitment. What opens the commitment is kept encrypted ([`vault`]) until the request is
//! settled, or for a set time. Nothing here prints a value: not in logs, errors or debug output.

pub(crate) mod authorise;
pub(crate) mod commitment;
pub(crate) mod intake;
pub(crate) mod limits;
pub(crate) mod vault;

use std::{fmt, sync::Arc, time::Duration};

use alloy::primitives::U256;
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{
    chain::hex_id,
    error::AgentError,
    store::{Store, StoreError, Stored, now_ms},
};
use vault::Vault;

/// Bytes of a salt.
pub(crate) const SALT_BYTES: usize = 32;
/// Pause between two looks for inputs to delete.
const PURGE_PERIOD: Duration = Duration::from_secs(30);
/// Bytes of a value where it is stored.
const VALUE_BYTES: usize = 8;

/// What opens a commitment. Wiped when dropped, never printed.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub(crate) struct Opening {
    /// A field element, big-endian.
    pub(crate) salt: [u8; SALT_BYTES],
    /// Raw values in the order of the model's features.
    pub(crate) values: Vec<i64>,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opening(not shown)")
    }
}

impl Opening {
    fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let values = self.values.iter().flat_map(|value| value.to_be_bytes());
        Zeroizing::new(self.salt.into_iter().chain(values).collect())
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (salt, rest) = bytes.split_first_chunk::<SALT_BYTES>()?;
        let (values, rest) = rest.as_chunks::<VALUE_BYTES>();
        rest.is_empty().then(|| Self {
            salt: *salt,
            values: values
                .iter()
                .map(|value| i64::from_be_bytes(*value))
                .collect(),
        })
    }
}

/// The openings on disk, each under its request.
#[derive(Debug)]
pub(crate) struct Openings {
    store: Arc<Store>,
    vault: Vault,
}

impl Openings {
    pub(crate) fn new(store: Arc<Store>, vault: Vault) -> Self {
        Self { store, vault }
    }

    /// Keeps what opens request `id` until `until_ms`, and lets its job go on. Says whether the
    /// job still waits for it; if not, nothing is kept.
    pub(crate) fn keep(
        &self,
        id: U256,
        opening: &Opening,
        until_ms: u64,
    ) -> Result<Stored, StoreError> {
        let sealed = self.vault.seal(id, &opening.to_bytes());
        let sealed = sealed.ok_or(StoreError::TooLarge)?;
        self.store.put_opening(id, &sealed, until_ms)
    }

    /// What opens request `id`, if it is here. One that cannot be decrypted, because it was stored
    /// under another key, is dropped: its subject can send it again.
    pub(crate) fn get(&self, id: U256) -> Result<Option<Opening>, StoreError> {
        let Some(sealed) = self.store.opening(id, now_ms())? else {
            return Ok(None);
        };
        let opened = self.vault.open(id, &sealed);
        let opening = opened.and_then(|bytes| Opening::from_bytes(&bytes));
        if opening.is_none() {
            warn!(request = %hex_id(id), "a stored private input is of another key, dropped");
            self.store.drop_opening(id)?;
        }
        Ok(opening)
    }
}

/// Deletes inputs that are settled or too old, until `stop`: also where none are taken any more.
pub(crate) async fn purge(store: Arc<Store>, stop: CancellationToken) -> Result<(), AgentError> {
    loop {
        let deleted = store.purge_openings(now_ms())?;
        if deleted > 0 {
            debug!(deleted, "private inputs deleted");
        }
        let rest = tokio::time::sleep(PURGE_PERIOD);
        if stop.run_until_cancelled(rest).await.is_none() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{JobState, NewJob, tests::open};
    use haloracle_contracts::Request;

    fn opening() -> Opening {
        Opening {
            salt: [0x5a; SALT_BYTES],
            // No run of bytes that a database file would hold anyway.
            values: vec![
                i64::MIN + 0x1234_5678,
                -0x1122_3344_5566,
                0x0102_0304_0506_0708,
                0x7a6b_5c4d_3e2f_1a0b,
                123_456_789_123_456_789,
                i64::MAX - 0x8765_4321,
            ],
        }
    }

    /// A store with an observed job `1`, and openings under the key `secret`.
    fn openings(directory: &std::path::Path, secret: u8) -> Openings {
        let store = open(directory);
        let new = NewJob {
            id: U256::from(1),
            request: Request::default(),
            input: vec![].into(),
            block_number: 1,
        };
        store.record(&new).expect("written");
        Openings::new(Arc::new(store), Vault::new(&[secret; 32]))
    }

    #[test]
    fn openings_survive_their_encoding_and_are_never_shown() {
        let opening = opening();
        assert_eq!(
            Opening::from_bytes(&opening.to_bytes()),
            Some(opening.clone())
        );
        assert_eq!(Opening::from_bytes(&opening.to_bytes()[1..]), None);
        assert_eq!(Opening::from_bytes(&[0; 31]), None);
        assert_eq!(format!("{opening:?}"), "Opening(not shown)");
    }

    #[test]
    fn an_opening_is_kept_encrypted_until_its_request_is_settled() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let openings = openings(directory.path(), 1);
        let id = U256::from(1);
        assert_eq!(openings.get(id).expect("read"), None);
        let until = now_ms() + 60_000;
        let kept = openings.keep(id, &opening(), until).expect("written");
        assert_eq!(kept, Stored::Kept);
        assert!(openings.get(id).expect("read").is_some());
        assert_eq!(openings.get(id).expect("read"), Some(opening()));

        openings.store.purge_openings(now_ms()).expect("deleted");
        assert!(openings.get(id).expect("read").is_some(), "not settled yet");
        let from = [JobState::Observed];
        let (to, store) = (JobState::Done, &openings.store);
        store.transition(id, &from, to, None, None).expect("moved");
        openings.store.purge_openings(now_ms()).expect("deleted");
        assert_eq!(openings.get(id).expect("read"), None);
        // And is not taken again.
        let again = openings.keep(id, &opening(), until).expect("written");
        assert_eq!(again, Stored::NotWaiting(JobState::Done));
        assert_eq!(openings.get(id).expect("read"), None);
    }

    #[test]
    fn neither_the_database_nor_its_log_holds_a_value_or_the_salt() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let openings = openings(directory.path(), 1);
        let (id, opening) = (U256::from(1), opening());
        openings
            .keep(id, &opening, now_ms() + 60_000)
            .expect("written");
        let clear = opening.to_bytes();
        let mut files = 0;
        for file in std::fs::read_dir(directory.path()).expect("listed") {
            let bytes = std::fs::read(file.expect("an entry").path()).expect("read");
            files += usize::from(!bytes.is_empty());
            for part in clear.chunks(16) {
                assert!(!bytes.windows(part.len()).any(|window| window == part));
            }
        }
        assert!(files > 0);
    }

    #[test]
    fn what_is_too_old_is_gone_even_before_it_is_deleted() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let openings = openings(directory.path(), 1);
        let id = U256::from(1);
        let kept = openings.keep(id, &opening(), now_ms() - 1);
        assert_eq!(kept.expect("written"), Stored::Kept);
        assert_eq!(openings.get(id).expect("read"), None);
        assert_eq!(openings.get(id).expect("read"), None);
        assert_eq!(openings.store.purge_openings(now_ms()).expect("deleted"), 1);
    }

    #[test]
    fn another_key_opens_nothing_and_drops_what_it_cannot_open() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let first = openings(directory.path(), 1);
        let (id, until) = (U256::from(1), now_ms() + 60_000);
        first.keep(id, &opening(), until).expect("written");
        drop(first);
        let second = openings(directory.path(), 2);
        assert_eq!(second.get(id).expect("read"), None);
        let left = second.store.opening(id, 0).expect("read");
        assert_eq!(left, None);
    }
}
