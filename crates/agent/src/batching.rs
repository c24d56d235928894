//! Which requests are settled together: pure choices, made by what settlements cost.

use std::time::{Duration, Instant};

use crate::cost::{self, Cost, Prices, Way};

/// Gas that an estimate may add to what a settlement was reckoned to need, in percent.
const GAS_MARGIN: u64 = 20;
/// Seconds beyond `admission.min_seconds_left` at which a request waits for no others any more: time
/// to prove and to be mined.
pub(crate) const DEADLINE_MARGIN_S: u64 = 20;

/// Requests of one model that wait for others.
#[derive(Debug)]
pub(crate) struct Group<T> {
    since: Instant,
    /// Earliest deadline of the members, in seconds since 1970.
    deadline: u64,
    members: Vec<T>,
}

impl<T> Group<T> {
    /// A group of one, from `now` on.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            since: now,
            deadline: u64::MAX,
            members: Vec::new(),
        }
    }

    pub(crate) fn push(&mut self, member: T, deadline: u64) {
        self.deadline = self.deadline.min(deadline);
        self.members.push(member);
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// Keeps the members that `stays` wants.
    pub(crate) fn retain(&mut self, stays: impl FnMut(&T) -> bool) {
        self.members.retain(stays);
    }

    /// Takes the first `count` members out.
    pub(crate) fn take(&mut self, count: usize) -> Vec<T> {
        let rest = self.members.split_off(count.min(self.members.len()));
        std::mem::replace(&mut self.members, rest)
    }

    pub(crate) fn into_members(self) -> Vec<T> {
        self.members
    }

    /// Whether the group waits no longer: it is full, its time is over, or a deadline is near.
    pub(crate) fn is_due(&self, when: &When) -> bool {
        self.members.len() >= when.full
            || when.now.saturating_duration_since(self.since) >= when.max_wait
            || self.deadline.saturating_sub(when.chain_time) <= when.least_seconds
    }
}

/// What a group's waiting is judged by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct When {
    pub(crate) now: Instant,
    pub(crate) max_wait: Duration,
    /// Members with which a group is full.
    pub(crate) full: usize,
    /// Timestamp of the head.
    pub(crate) chain_time: u64,
    /// Seconds before a deadline from which on nothing waits.
    pub(crate) least_seconds: u64,
}

/// The sizes of `model`'s batches whose settlement fits `gas_limit` when filled with up to
/// `max_items` requests.
pub(crate) fn usable(
    model: &cost::Model,
    registered: &[u32],
    max_items: Option<usize>,
    gas_limit: u64,
) -> Vec<u32> {
    let most = max_items.map_or(u32::MAX, |items| u32::try_from(items).unwrap_or(u32::MAX));
    let fits = |items: &u32| {
        let cost = Cost::new(model, Way::Batch { items: *items }, (*items).min(most));
        cost.gas.saturating_add(cost.gas / 100 * GAS_MARGIN) <= gas_limit
    };
    registered.iter().copied().filter(fits).collect()
}

/// Members with which a group is full.
pub(crate) fn full(usable: &[u32], max_items: Option<usize>) -> usize {
    let largest = usable.iter().max().map_or(1, |items| *items as usize);
    max_items.map_or(largest, |items| items.min(largest))
}

/// How the first of `waiting` requests are settled: the items of the circuit and how many requests
/// go into it, or `None` for proofs of their own, the cheapest per request.
pub(crate) fn choose(
    model: &cost::Model,
    usable: &[u32],
    waiting: usize,
    prices: &Prices,
) -> Option<(u32, usize)> {
    let model = cost::Model {
        batches: usable.to_vec(),
        ..model.clone()
    };
    let waiting = u32::try_from(waiting).unwrap_or(u32::MAX);
    let cost = cost::cheapest(&model, waiting, prices)?;
    match cost.way {
        // A circuit of many items with one answer costs more than a proof of one.
        Way::Batch { items } if cost.requests > 1 => Some((items, cost.requests as usize)),
        Way::Batch { .. } | Way::Single | Way::Root { .. } | Way::Aggregate { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use haloracle_prover::Shape;

    const PRICES: Prices = Prices {
        gas: 1_000_000_000,
        l1: None,
    };

    fn model() -> cost::Model {
        cost::Model {
            shape: Shape::Narrow,
            proof_bytes: 2_048,
            input_words: 1,
            input_bits: 64,
            output_words: 1,
            output_bits: 32,
            private_weights: false,
            private_inputs: false,
            empty_columns: 0,
            batches: vec![4, 16, 64],
        }
    }

    #[test]
    fn a_group_waits_until_it_is_full_late_or_has_waited() {
        let start = Instant::now();
        let mut group = Group::new(start);
        group.push("a", 2_000);
        group.push("b", 1_500);
        let when = When {
            now: start,
            max_wait: Duration::from_secs(5),
            full: 3,
            chain_time: 1_000,
            least_seconds: 35,
        };
        assert!(!group.is_due(&when));
        let later = |seconds| When {
            now: start + Duration::from_secs(seconds),
            ..when
        };
        assert!(!group.is_due(&later(4)) && group.is_due(&later(5)));
        let chain_time = |chain_time| When { chain_time, ..when };
        assert!(!group.is_due(&chain_time(1_464)), "36 s are left of b's");
        assert!(group.is_due(&chain_time(1_465)), "35 s are left of b's");
        assert!(group.is_due(&chain_time(9_000)), "and none");
        assert!(group.is_due(&When { full: 2, ..when }));
        assert_eq!((group.len(), group.into_members()), (2, vec!["a", "b"]));
    }

    #[test]
    fn the_cheapest_way_is_taken_with_padding_where_it_pays() {
        let choice = |waiting| choose(&model(), &[4, 16, 64], waiting, &PRICES);
        assert_eq!(choice(0), None);
        assert_eq!(choice(1), None, "nobody to share a proof with");
        assert_eq!(choice(3), Some((4, 3)), "one item is padding");
        assert_eq!(choice(16), Some((16, 16)));
        assert_eq!(choice(70), Some((64, 64)), "the others are settled next");
        assert_eq!(choose(&model(), &[], 16, &PRICES), None);
    }

    #[test]
    fn sizes_whose_settlement_is_beyond_the_gas_limit_are_not_used() {
        let sizes = |max_items, gas| usable(&model(), &[4, 16, 64], max_items, gas);
        assert_eq!(sizes(None, 30_000_000), [4, 16, 64]);
        assert_eq!(sizes(None, 2_500_000), [4, 16]);
        assert_eq!(sizes(None, 100_000), [0; 0]);
        assert_eq!(full(&[4, 16], None), 16);
        assert_eq!(full(&[4, 16], Some(10)), 10);
        assert_eq!(full(&[4], Some(10)), 4);
        assert_eq!(full(&[], Some(10)), 1);
    }
}
