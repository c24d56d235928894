//! What the hub's word about a request means for its job.

use alloy::primitives::{Address, U256};
use haloracle_contracts::State;

use crate::{
    chain::RequestState,
    store::{JobState, Store, StoreError},
};

/// The state that a job should be in, given what the hub says, and why.
///
/// Verified for our payee is success whoever sent the transaction.
pub(crate) fn target(
    store: &Store,
    id: U256,
    on_chain: RequestState,
    payee: Address,
) -> Result<(JobState, Option<String>), StoreError> {
    let closed = |why: &str| (JobState::Closed, Some(why.to_owned()));
    Ok(match on_chain.state {
        State::None => (JobState::Removed, Some("its block left the chain".into())),
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
    })
}
