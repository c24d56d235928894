//! Runs past requests again and compares the answers with what was settled.

use std::{collections::HashMap, path::PathBuf, sync::Arc};

use alloy::primitives::{Bytes, U256};
use haloracle_contracts::statement::INPUT_PUBLIC_WORDS;
use serde::Serialize;

use crate::{
    chain::{Chain, HubEvent, HubLog, hex_id},
    config::Config,
    error::AgentError,
    metrics::Metrics,
    models::Models,
    prove::Input,
    rpc::{Class, Rpc},
    store::NewJob,
};

/// What became of one request when it was run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// The answer is the settled one, bit for bit.
    Equal,
    /// The first word that differs.
    Different {
        /// Its position in the output, from 0.
        word: usize,
        /// What the bundle answers.
        computed: String,
        /// What was settled.
        settled: String,
    },
    /// Nothing was settled to compare with.
    NotSettled,
    /// No configured bundle has the key of this model.
    NoBundle,
    /// The input is private: it was deleted after the settlement, and cannot be run again.
    PrivateInput,
    /// The bundle cannot answer this input.
    NoAnswer {
        /// Why.
        reason: String,
    },
}

/// One request run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Replayed {
    /// Request id.
    pub id: String,
    /// Model id.
    pub model_id: String,
    /// Block of the request.
    pub block: u64,
    /// The bundle that answered.
    pub bundle: Option<PathBuf>,
    /// What came out.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// All requests of a range of blocks, run again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReplayReport {
    /// First block.
    pub from: u64,
    /// Last block.
    pub to: u64,
    /// Requests in order.
    pub requests: Vec<Replayed>,
}

impl ReplayReport {
    /// Whether no answer differs from what was settled.
    pub fn is_consistent(&self) -> bool {
        let mut outcomes = self.requests.iter().map(|request| &request.outcome);
        !outcomes.any(|o| matches!(o, Outcome::Different { .. } | Outcome::NoAnswer { .. }))
    }
}

/// Runs every request from block `from` to the head again, with the configured bundles.
///
/// Needs neither keystore nor state directory, so it may run beside an agent.
///
/// # Errors
/// A bundle cannot be loaded, or no node answers.
pub async fn replay(config: &Config, from: u64) -> Result<ReplayReport, AgentError> {
    let rpc = Rpc::new(&config.rpc, Arc::new(Metrics::new()))?.on_chain(config.chain_id);
    let chain = Chain::new(rpc, config.chain_id, config.hub);
    let configs = config.models.clone();
    let models = tokio::task::spawn_blocking(move || Models::open(&configs));
    let models = models
        .await
        .map_err(|_| AgentError::Stopped("loading of the bundles"))??;
    let to = chain.head().await?.number;
    let (mut asked, mut settled) = (Vec::new(), HashMap::new());
    for log in all_logs(&chain, from, to, config.rpc.log_span).await? {
        match log.event {
            HubEvent::Requested(job) => asked.push(job),
            HubEvent::Verified { id, output, .. } => {
                settled.insert(id, output);
            }
            HubEvent::FeeIncreased { .. } | HubEvent::Closed { .. } => {}
        }
    }
    let mut requests = Vec::with_capacity(asked.len());
    for job in asked {
        requests.push(replay_one(&chain, &models, &settled, job).await?);
    }
    Ok(ReplayReport { from, to, requests })
}

async fn replay_one(
    chain: &Chain,
    models: &Models,
    settled: &HashMap<U256, Bytes>,
    job: NewJob,
) -> Result<Replayed, AgentError> {
    let loaded = models.find(chain, job.request.modelId).await?;
    let private = job.request.inputMode != INPUT_PUBLIC_WORDS;
    let input = Input::Words(job.input);
    let outcome = match (&loaded, settled.get(&job.id)) {
        (None, _) => Outcome::NoBundle,
        _ if private => Outcome::PrivateInput,
        (Some(loaded), settled) => match (loaded.provable.answer(&input), settled) {
            (Err(error), _) => Outcome::NoAnswer {
                reason: error.to_string(),
            },
            (Ok(_), None) => Outcome::NotSettled,
            (Ok(computed), Some(settled)) => compare(&computed, settled),
        },
    };
    Ok(Replayed {
        id: hex_id(job.id),
        model_id: hex_id(job.request.modelId),
        block: job.block_number,
        bundle: loaded.map(|loaded| loaded.config.bundle.clone()),
        outcome,
    })
}

/// The first difference of two packed outputs.
fn compare(computed: &[u8], settled: &[u8]) -> Outcome {
    let (ours, theirs) = (computed.chunks(32), settled.chunks(32));
    let words = ours.len().max(theirs.len());
    let (mut ours, mut theirs) = (ours, theirs);
    for word in 0..words {
        let (computed, settled) = (ours.next(), theirs.next());
        if computed != settled {
            let show = |word: Option<&[u8]>| {
                word.map_or("missing".into(), |w| format!("0x{}", hex::encode(w)))
            };
            return Outcome::Different {
                word,
                computed: show(computed),
                settled: show(settled),
            };
        }
    }
    Outcome::Equal
}

/// Logs of `from..=to`, in spans that shrink when a node asks for it.
async fn all_logs(
    chain: &Chain,
    mut from: u64,
    to: u64,
    mut span: u64,
) -> Result<Vec<HubLog>, AgentError> {
    let mut logs = Vec::new();
    while from <= to {
        let end = to.min(from.saturating_add(span - 1));
        match chain.logs(from, end).await {
            Ok(found) => logs.extend(found),
            Err(error) if error.class == Class::RangeTooLarge && span > 1 => {
                span = (span / 2).max(1);
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        from = end + 1;
    }
    Ok(logs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_difference_is_named() {
        let one = [7u8; 64];
        let mut other = one;
        assert_eq!(compare(&one, &other), Outcome::Equal);
        other[40] = 1;
        assert!(matches!(
            compare(&one, &other),
            Outcome::Different { word: 1, .. }
        ));
        let short = compare(&one, &one[..32]);
        assert!(
            matches!(&short, Outcome::Different { word: 1, settled, .. } if settled == "missing")
        );
    }
}
