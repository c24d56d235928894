//! Counters and gauges in the OpenMetrics text format.

use std::{
    fmt,
    sync::atomic::{AtomicI64, AtomicU64},
};

use alloy::primitives::U256;
use prometheus_client::{
    encoding::text::encode,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::{Registry, Unit},
};

use crate::{
    rpc::{Class, Method},
    store::JobState,
};

type Label = (&'static str, &'static str);

/// Upper bounds of the proving time histogram, in seconds.
const PROOF_SECONDS: [f64; 10] = [0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 15.0, 60.0, 300.0];

/// Upper bounds of the histogram of requests per batch.
const BATCH_REQUESTS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// Everything the agent counts.
pub(crate) struct Metrics {
    registry: Registry,
    jobs: Family<[Label; 1], Gauge>,
    rpc_errors: Family<[Label; 2], Counter>,
    private_inputs: Family<[Label; 1], Counter>,
    pub(crate) proof_seconds: Histogram,
    pub(crate) requests: Counter,
    pub(crate) reorgs: Counter,
    pub(crate) transactions: Counter,
    pub(crate) replacements: Counter,
    batches: Counter,
    batch_requests: Histogram,
    gas_spent: Counter<f64, AtomicU64>,
    balance: Gauge<f64, AtomicU64>,
    pub(crate) head: Gauge<i64, AtomicI64>,
    pub(crate) head_lag: Gauge<i64, AtomicI64>,
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Metrics")
    }
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let mut registry = Registry::with_prefix("haloracle");
        let jobs = Family::default();
        registry.register("jobs", "Requests by state", jobs.clone());
        let rpc_errors = Family::default();
        registry.register(
            "rpc_errors",
            "Failed calls by method and class",
            rpc_errors.clone(),
        );
        let private_inputs = Family::default();
        registry.register(
            "private_inputs",
            "Private inputs handed in, by outcome",
            private_inputs.clone(),
        );
        let proof_seconds = Histogram::new(PROOF_SECONDS);
        let help = "Time to answer and prove one request";
        registry.register_with_unit("proof", help, Unit::Seconds, proof_seconds.clone());
        let requests = Counter::default();
        registry.register("requests", "Requests seen", requests.clone());
        let reorgs = Counter::default();
        registry.register("reorgs", "Chain reorganisations seen", reorgs.clone());
        let transactions = Counter::default();
        registry.register("transactions", "Transactions signed", transactions.clone());
        let replacements = Counter::default();
        registry.register(
            "replacements",
            "Transactions replaced for a fee",
            replacements.clone(),
        );
        let batches = Counter::default();
        registry.register("batches", "Batches settled", batches.clone());
        let batch_requests = Histogram::new(BATCH_REQUESTS);
        let help = "Requests that a batch settled";
        registry.register("batch_requests", help, batch_requests.clone());
        let gas_spent = Counter::default();
        registry.register("gas_spent_wei", "Wei paid for gas", gas_spent.clone());
        let balance = Gauge::default();
        registry.register(
            "balance_wei",
            "Balance of the signer in wei",
            balance.clone(),
        );
        let head = Gauge::default();
        registry.register("head_block", "Latest block of the node", head.clone());
        let head_lag = Gauge::default();
        registry.register("head_lag_blocks", "Blocks not yet read", head_lag.clone());
        Self {
            registry,
            jobs,
            rpc_errors,
            private_inputs,
            proof_seconds,
            requests,
            reorgs,
            transactions,
            replacements,
            batches,
            batch_requests,
            gas_spent,
            balance,
            head,
            head_lag,
        }
    }

    pub(crate) fn rpc_error(&self, method: Method, class: &Class) {
        let labels = [("method", method.name()), ("class", class.name())];
        self.rpc_errors.get_or_create(&labels).inc();
    }

    /// `taken` or `refused`.
    pub(crate) fn private_input(&self, outcome: &'static str) {
        let labels = [("outcome", outcome)];
        self.private_inputs.get_or_create(&labels).inc();
    }

    pub(crate) fn set_jobs(&self, state: JobState, count: u64) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.jobs
            .get_or_create(&[("state", state.name())])
            .set(count);
    }

    /// A batch that settled `requests` for our payee is final.
    pub(crate) fn batch_settled(&self, requests: usize) {
        self.batches.inc();
        self.batch_requests.observe(requests as f64);
    }

    pub(crate) fn add_gas_spent(&self, wei: U256) {
        self.gas_spent.inc_by(f64::from(wei));
    }

    pub(crate) fn set_balance(&self, wei: U256) {
        self.balance.set(f64::from(wei));
    }

    /// All metrics as text.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_holds_what_was_counted() {
        let metrics = Metrics::new();
        metrics.set_jobs(JobState::Done, 3);
        metrics.rpc_error(Method::Send, &Class::Transient);
        metrics.proof_seconds.observe(0.15);
        metrics.add_gas_spent(U256::from(7u64));
        metrics.batch_settled(3);
        let text = metrics.encode().expect("encodes");
        for line in [
            "haloracle_jobs{state=\"done\"} 3",
            "haloracle_rpc_errors_total{method=\"eth_sendRawTransaction\",class=\"transient\"} 1",
            "haloracle_proof_seconds_bucket{le=\"0.2\"} 1",
            "haloracle_gas_spent_wei_total 7",
            "haloracle_batches_total 1",
            "haloracle_batch_requests_bucket{le=\"4.0\"} 1",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
    }
}
