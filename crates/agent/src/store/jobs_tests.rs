//! Tests of jobs and outbox together: what may happen to one request.

use alloy::primitives::{Address, B256, U256, Uint};
use haloracle_contracts::Request;

use super::{
    JobState, NewJob, Slot, SlotState, Store, StoredProof, StoredTx, id_bytes, now_ms, tests::open,
};

fn new(nonce: u64, block_number: u64) -> NewJob {
    let request = Request {
        nonce,
        deadline: 1000,
        fee: Uint::from(50),
        ..Request::default()
    };
    NewJob {
        id: U256::from(nonce),
        request,
        input: vec![1; 32].into(),
        block_number,
    }
}

fn state(store: &Store, id: u64) -> (JobState, Option<String>, u32) {
    let (name, reason, attempts): (String, _, _) = store
        .lock()
        .query_row(
            "SELECT state, reason, attempts FROM jobs WHERE id = ?1",
            [id_bytes(U256::from(id))],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        )
        .expect("a job");
    let state = JobState::ALL.into_iter().find(|state| state.name() == name);
    (state.expect("a state"), reason, attempts)
}

fn proof() -> StoredProof {
    StoredProof {
        output: vec![2; 32].into(),
        proof: vec![3; 64].into(),
    }
}

const PAYEE: Address = Address::repeat_byte(0x99);

#[test]
fn a_request_seen_twice_is_one_job() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = open(dir.path());
    assert!(store.record(&new(1, 5)).expect("written"));
    store
        .store_proof(U256::from(1), PAYEE, &proof())
        .expect("written");
    assert!(!store.record(&new(1, 6)).expect("written"));
    assert_eq!(state(&store, 1).0, JobState::Proved);
    let due = store.due(JobState::Proved, 10, 0, 10).expect("read");
    assert_eq!(due.len(), 1);
    assert_eq!(due[0].request, new(1, 5).request);
    assert_eq!(
        store.proof(U256::from(1), PAYEE).expect("read"),
        Some(proof())
    );
    assert_eq!(
        store.proof(U256::from(1), Address::ZERO).expect("read"),
        None
    );
}

#[test]
fn jobs_wait_for_depth_and_pauses() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = open(dir.path());
    for (nonce, block) in [(1, 5), (2, 7)] {
        store.record(&new(nonce, block)).expect("written");
    }
    let ids = |block| {
        let due = store.due(JobState::Observed, block, now_ms(), 10);
        due.expect("read")
            .iter()
            .map(|job| job.id.to::<u64>())
            .collect::<Vec<_>>()
    };
    assert_eq!(ids(4), Vec::<u64>::new());
    assert_eq!(ids(6), [1]);
    assert_eq!(ids(7), [1, 2]);
    assert_eq!(
        store
            .postpone(U256::from(1), 60_000, "later", true)
            .expect("written"),
        1
    );
    assert_eq!(ids(7), [2]);
    assert_eq!(
        state(&store, 1),
        (JobState::Observed, Some("later".into()), 1)
    );
}

#[test]
fn a_raised_fee_brings_back_what_was_skipped() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = open(dir.path());
    store.record(&new(1, 5)).expect("written");
    let skip = |from: &[JobState]| {
        store.transition(U256::from(1), from, JobState::Skipped, Some("cheap"), None)
    };
    assert!(
        !skip(&[JobState::Proved]).expect("read"),
        "only from the named states"
    );
    assert!(skip(&[JobState::Observed]).expect("written"));
    store
        .raise_fee(U256::from(1), U256::from(70))
        .expect("written");
    let due = store
        .due(JobState::Observed, 9, u64::MAX >> 1, 9)
        .expect("read");
    assert_eq!(due[0].fee, U256::from(70));
}

#[test]
fn a_reorganisation_unsettles_what_was_above() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = open(dir.path());
    let signer = Address::repeat_byte(1);
    for nonce in 1..=4 {
        store.record(&new(nonce, 5 + nonce)).expect("written");
        store
            .store_proof(U256::from(nonce), PAYEE, &proof())
            .expect("written");
    }
    // 1: seen in 6, settled in 7. 2: seen in 7, mined in 9 and final. 3: seen in 8, nothing
    // sent. 4: settled in 12.
    let tx = |byte| StoredTx {
        hash: B256::repeat_byte(byte),
        raw: vec![byte].into(),
        gas: 1,
        max_fee: 1,
        priority_fee: 1,
        created_ms: 1,
        sent_ms: None,
    };
    assert!(
        store
            .take_slot(signer, 0, Some(U256::from(2)), &tx(2))
            .expect("written")
    );
    let slot = store.open_slots().expect("read")[0].clone();
    let mined = Some((tx(2).hash, 9, true));
    store
        .set_slot(&slot, SlotState::Final, mined)
        .expect("written");
    for (id, from, block) in [
        (1, JobState::Proved, 7),
        (2, JobState::Sending, 9),
        (4, JobState::Proved, 12),
    ] {
        let (from, to) = ([from], JobState::Done);
        store
            .transition(U256::from(id), &from, to, None, Some(block))
            .expect("written");
    }
    assert_eq!(store.unsettle_above(Some(8)).expect("written"), 1);
    assert_eq!(state(&store, 1).0, JobState::Done);
    assert_eq!(state(&store, 2).0, JobState::Sending);
    assert_eq!(state(&store, 3).0, JobState::Proved);
    assert_eq!(state(&store, 4).0, JobState::Resync);
    let open = store.open_slots().expect("read");
    assert_eq!((open.len(), open[0].state), (1, SlotState::Live));
    let removed = JobState::Removed;
    store
        .transition(U256::from(4), &[JobState::Resync], removed, None, None)
        .expect("written");
    store.record(&new(4, 10)).expect("written");
    assert_eq!(
        state(&store, 4).0,
        JobState::Proved,
        "its proof is still good"
    );
}

#[test]
fn a_request_has_one_transaction_at_a_time() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = open(dir.path());
    let signer = Address::repeat_byte(1);
    store.record(&new(1, 5)).expect("written");
    let tx = |byte| StoredTx {
        hash: B256::repeat_byte(byte),
        raw: vec![byte].into(),
        gas: 1,
        max_fee: u128::from(u64::MAX) * 5,
        priority_fee: 1,
        created_ms: 1,
        sent_ms: None,
    };
    let take = |nonce, byte| store.take_slot(signer, nonce, Some(U256::from(1)), &tx(byte));
    assert!(!take(0, 1).expect("read"), "not proved yet");
    store
        .store_proof(U256::from(1), PAYEE, &proof())
        .expect("written");
    assert!(take(0, 1).expect("written"));
    assert!(!take(1, 2).expect("read"), "already being sent");
    // Even if a bug moved the job back, the database refuses a second live transaction.
    store
        .transition(
            U256::from(1),
            &[JobState::Sending],
            JobState::Proved,
            None,
            None,
        )
        .expect("written");
    assert!(!take(1, 2).expect("read"), "being sent already, no error");
    assert_eq!(state(&store, 1).0, JobState::Sending);
    let slot: Slot = store.open_slots().expect("read")[0].clone();
    store.add_replacement(&slot, &tx(3)).expect("written");
    store.mark_sent(tx(3).hash).expect("written");
    let stored = store.transactions(&slot).expect("read");
    assert_eq!(
        stored.iter().map(|tx| tx.hash[0]).collect::<Vec<_>>(),
        [3, 1]
    );
    assert_eq!(stored[0].max_fee, tx(3).max_fee);
    assert!(stored[0].sent_ms.is_some() && stored[1].sent_ms.is_none());
    assert_eq!(store.next_nonce(signer).expect("read"), Some(1));
    assert_eq!(store.next_nonce(Address::ZERO).expect("read"), None);
}

#[test]
fn a_job_that_is_sent_by_no_nonce_is_compared_with_the_chain() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = open(dir.path());
    store.record(&new(1, 5)).expect("written");
    let (from, to) = ([JobState::Observed], JobState::Sending);
    let moved = store.transition(U256::from(1), &from, to, None, None);
    assert!(moved.expect("written"));
    assert_eq!(store.unsettle_stranded().expect("written"), 1);
    assert_eq!(state(&store, 1).0, JobState::Resync);
}
