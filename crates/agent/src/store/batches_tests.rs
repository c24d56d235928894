//! Tests of batches, their members and their nonces together.

use alloy::primitives::{Address, B256, U256};
use haloracle_contracts::Request;

use super::{
    JobOutcome, JobState, NewBatch, NewJob, SlotState, Store, StoredTx, now_ms, tests::open,
};

const SIGNER: Address = Address::repeat_byte(7);

fn batch(store: &Store, members: &[u64]) -> i64 {
    for id in members {
        let new = NewJob {
            id: U256::from(*id),
            request: Request::default(),
            input: vec![1; 32].into(),
            block_number: *id,
        };
        store.record(&new).expect("written");
    }
    let new = NewBatch {
        settler: Address::repeat_byte(1),
        model_id: U256::ZERO,
        items: 4,
        payee: Address::repeat_byte(2),
        tag: B256::repeat_byte(3),
        members: members.iter().map(|id| U256::from(*id)).collect(),
        outputs: vec![4; 64].into(),
        proof: vec![5; 64].into(),
    };
    let id = store.store_batch(&new).expect("written");
    let read = store.batch(id).expect("read").expect("a batch");
    assert_eq!(read.content, new, "what was written, in its order");
    id
}

fn states(store: &Store, ids: &[u64]) -> Vec<JobState> {
    let state = |id: &u64| store.state(U256::from(*id)).expect("read").expect("a job");
    ids.iter().map(state).collect()
}

fn due(store: &Store) -> Vec<i64> {
    let due = store.due_batches(now_ms(), 9).expect("read");
    due.iter().map(|batch| batch.id).collect()
}

fn tx(byte: u8) -> StoredTx {
    StoredTx {
        hash: B256::repeat_byte(byte),
        raw: vec![byte].into(),
        gas: 1,
        max_fee: 1,
        priority_fee: 1,
        created_ms: 1,
        sent_ms: None,
    }
}

#[test]
fn a_batch_has_one_transaction_at_a_time_and_ends_with_it() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = open(dir.path());
    let id = batch(&store, &[2, 1]);
    assert_eq!(states(&store, &[1, 2]), [JobState::Batched; 2]);
    // One is settled by a rival before the batch is signed.
    let from = [JobState::Batched];
    let moved = store.transition(U256::from(2), &from, JobState::Lost, None, Some(9));
    assert!(moved.expect("written"));
    let taken = |nonce, byte| store.take_batch_slot(SIGNER, nonce, id, &tx(byte));
    assert!(taken(0, 1).expect("written"));
    assert!(!taken(1, 2).expect("written"), "it is being sent already");
    assert_eq!(states(&store, &[1, 2]), [JobState::Sending, JobState::Lost]);
    assert_eq!(due(&store), [0; 0]);
    assert_eq!(store.unsettle_stranded().expect("written"), 0);
    let late = store.dissolve_batch(id, "too late", true);
    late.expect("written");
    assert_eq!(states(&store, &[1]), [JobState::Sending], "it was sent");

    let slot = store.open_slots().expect("read").remove(0);
    assert_eq!((slot.batch_id, slot.request_id), (Some(id), None));
    let outcome = JobOutcome {
        id: U256::from(1),
        to: JobState::Observed,
        reason: Some("reverted".into()),
        settled_block: None,
        retry_ms: Some(0),
        alone: true,
    };
    let mined = Some((B256::repeat_byte(1), 5, false));
    let close = store.close_slot(&slot, SlotState::Final, mined, &[outcome]);
    close.expect("written");
    let job = store.job(U256::from(1)).expect("read").expect("a job");
    assert!(job.alone && job.attempts == 1, "never again in a batch");
    assert_eq!(
        states(&store, &[1, 2]),
        [JobState::Observed, JobState::Lost]
    );
    assert!(!taken(3, 3).expect("written"), "it is over");
}

#[test]
fn members_of_a_dissolved_batch_are_proved_anew() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = open(dir.path());
    let id = batch(&store, &[1, 2]);
    store.postpone_batch(id, 60_000).expect("written");
    assert_eq!(due(&store), [0; 0], "it rests");
    store.postpone_batch(id, 0).expect("written");
    assert_eq!(due(&store), [id]);
    store.dissolve_batch(id, "refused", true).expect("written");
    assert_eq!(states(&store, &[1, 2]), [JobState::Observed; 2]);
    assert!(
        store
            .job(U256::from(1))
            .expect("read")
            .is_some_and(|job| job.alone)
    );
    assert_eq!(due(&store), [0; 0]);
}

#[test]
fn a_reorganisation_gives_up_the_batches_that_it_touches() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = open(dir.path());
    let safe = batch(&store, &[1, 2]);
    let touched = batch(&store, &[3, 9]);
    store.unsettle_above(Some(5)).expect("written");
    assert_eq!(due(&store), [safe]);
    assert_ne!(safe, touched);
    assert_eq!(states(&store, &[1, 2]), [JobState::Batched; 2]);
    assert_eq!(states(&store, &[3, 9]), [JobState::Resync; 2]);
}

#[test]
fn a_settled_batch_whose_block_is_removed_is_being_sent_again() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let store = open(dir.path());
    let id = batch(&store, &[1, 2]);
    assert!(
        store
            .take_batch_slot(SIGNER, 0, id, &tx(1))
            .expect("written")
    );
    let slot = store.open_slots().expect("read").remove(0);
    let done = |id: u64| JobOutcome {
        id: U256::from(id),
        to: JobState::Done,
        reason: None,
        settled_block: Some(6),
        retry_ms: None,
        alone: false,
    };
    let mined = Some((B256::repeat_byte(1), 6, true));
    let close = store.close_slot(&slot, SlotState::Final, mined, &[done(1), done(2)]);
    close.expect("written");
    assert_eq!(states(&store, &[1, 2]), [JobState::Done; 2]);
    store.unsettle_above(Some(5)).expect("written");
    assert_eq!(states(&store, &[1, 2]), [JobState::Sending; 2]);
    assert_eq!(store.open_slots().expect("read").len(), 1);
    assert_eq!(store.unsettle_stranded().expect("written"), 0);
}
