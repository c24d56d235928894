//! What the hub's word about a request means for its job.

use alloy::primitives::{Address, U256};
use haloracle_contracts::State;

use crate::{
    chain::RequestState,
    store::{JobState, Store, StoreError},
};

/// The state that a job should be in, given what the hub says, and why. `None` if the hub does
/// not know the request: whoever answered may be behind, so only the watcher may drop a job, and
/// only after it saw that the block of the request's log left the chain.
///
/// Verified for our payee is success whoever sent the transaction.
pub(crate) fn target(
    store: &Store,
    id: U256,
    on_chain: RequestState,
    payee: Address,
) -> Result<Option<(JobState, Option<String>)>, StoreError> {
    let closed = |why: &str| (JobState::Closed, Some(why.to_owned()));
    Ok(Some(match on_chain.state {
        State::None => return Ok(None),
        State::Open | State::Claimed | State::Provisional => {
            let proved = store.proof(id, payee)?.is_some();
            (
                if proved {
                    JobState::Proved
                } else {
                    JobState::Observed
                },
                None,
            )
        }
        State::Verified if on_chain.payee == payee => (JobState::Done, None),
        State::Verified => (
            JobState::Lost,
            Some(format!("verified for {}", on_chain.payee)),
        ),
        State::Cancelled => closed("cancelled"),
        State::Expired => closed("expired"),
        State::Stopped => closed("its model's route was stopped"),
        // `sol!` adds a variant for numbers that the interface does not name.
        State::__Invalid => closed("in a state that this agent does not know"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{NewJob, StoredProof, tests::open};
    use haloracle_contracts::Request;

    #[test]
    fn the_hubs_word_decides() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let store = open(dir.path());
        let (id, us, rival) = (
            U256::from(1),
            Address::repeat_byte(1),
            Address::repeat_byte(2),
        );
        let new = NewJob {
            id,
            request: Request::default(),
            input: vec![].into(),
            block_number: 1,
        };
        store.record(&new).expect("written");
        let goes = |state, payee| {
            target(&store, id, RequestState { state, payee }, us)
                .expect("read")
                .map(|(to, _)| to)
        };
        assert_eq!(goes(State::Open, Address::ZERO), Some(JobState::Observed));
        assert_eq!(goes(State::Verified, us), Some(JobState::Done));
        assert_eq!(goes(State::Verified, rival), Some(JobState::Lost));
        assert_eq!(
            goes(State::None, Address::ZERO),
            None,
            "whoever says so may be behind"
        );
        for state in [State::Cancelled, State::Expired, State::Stopped] {
            assert_eq!(goes(state, Address::ZERO), Some(JobState::Closed));
        }
        let proof = StoredProof {
            output: vec![].into(),
            proof: vec![].into(),
        };
        store.store_proof(id, us, &proof).expect("written");
        assert_eq!(goes(State::Open, Address::ZERO), Some(JobState::Proved));
    }
}
