//! Settling several requests of one model together.

use std::time::Duration;

use alloy::primitives::Address;
use haloracle_contracts::batch::{MAX_ITEMS, MIN_ITEMS};
use serde::Deserialize;

/// Whether and how requests of one model are gathered and settled by one proof.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchConfig {
    /// The hub's batch settler.
    pub settler: Address,
    /// Longest time that an admitted request waits for others, in milliseconds.
    #[serde(default = "default_wait")]
    pub max_wait_ms: u64,
    /// Most requests of one proof; as many as the largest usable batch circuit holds, if absent.
    pub max_items: Option<usize>,
    /// Gather requests with a callback too: a batch stores their results and leaves the callback to
    /// whoever calls the hub's `deliver`.
    #[serde(default)]
    pub callbacks: bool,
}

fn default_wait() -> u64 {
    5_000
}

impl BatchConfig {
    /// Values out of range: whether, the key, what is wrong.
    pub(super) fn wrong(&self) -> [(bool, &'static str, &'static str); 2] {
        let fits = |items| (MIN_ITEMS..=MAX_ITEMS).contains(&items);
        [
            (
                self.settler.is_zero(),
                "batch.settler",
                "is the zero address: leave `[batch]` away to settle no batches",
            ),
            (
                self.max_items.is_some_and(|items| !fits(items)),
                "batch.max_items",
                "must be from 2 to 256",
            ),
        ]
    }

    /// Longest time that an admitted request waits for others.
    pub(crate) fn max_wait(&self) -> Duration {
        Duration::from_millis(self.max_wait_ms)
    }
}
