//! What the demo on a rollup showed.

use std::fmt;

use alloy::primitives::{U256, utils::format_ether};
use haloracle_agent::cost::Cost;
use serde::Serialize;

use super::batch::Settled;

/// A settlement beside what it was estimated to take.
#[derive(Debug, Serialize)]
pub(crate) struct Settlement {
    /// Requests.
    pub(crate) requests: usize,
    /// Items of the circuit.
    pub(crate) items: u32,
    /// Seconds of proving, self-verification included.
    pub(crate) proof_seconds: f64,
    /// Gas of the transaction.
    pub(crate) gas: u64,
    /// The same, per request.
    pub(crate) gas_per_request: u64,
    /// As `haloracle cost` estimates it.
    pub(crate) estimated_gas: u64,
    /// What the chain took for the data, beside gas.
    pub(crate) data_fee_wei: U256,
    /// The same by the formula, of the transaction's bytes.
    pub(crate) computed_data_fee_wei: U256,
}

impl Settlement {
    pub(crate) fn new(settled: &Settled, estimate: &Cost) -> Self {
        Self {
            requests: settled.requests,
            items: settled.items,
            proof_seconds: (settled.proof_seconds * 1e3).round() / 1e3,
            gas: settled.gas,
            gas_per_request: settled.gas / settled.requests.max(1) as u64,
            estimated_gas: estimate.gas,
            data_fee_wei: settled.data_fee,
            computed_data_fee_wei: settled.computed_data_fee,
        }
    }
}

impl fmt::Display for Settlement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} requests in a proof of {} items, {:.3} s; {} gas, {} a request, estimated {}; data \
             fee {} coins",
            self.requests,
            self.items,
            self.proof_seconds,
            self.gas,
            self.gas_per_request,
            self.estimated_gas,
            format_ether(self.data_fee_wei)
        )
    }
}

/// What the bridge did.
#[derive(Debug, Serialize)]
pub(crate) struct Carried {
    /// The batch.
    pub(crate) batch_id: String,
    /// Its root, as the base chain holds it.
    pub(crate) root: String,
    /// Relays and claims that were refused, and why.
    pub(crate) refused: Vec<Refusal>,
    /// Status that the consumer on the base chain recorded; 0: answered.
    pub(crate) status: u64,
    /// Hash of the recorded answer.
    pub(crate) output_hash: String,
    /// Gas of recording one result on the base chain.
    pub(crate) record_gas: u64,
}

/// What a contract refused.
#[derive(Debug, Serialize)]
pub(crate) struct Refusal {
    pub(crate) what: &'static str,
    /// The contract's error.
    pub(crate) reason: String,
}

/// The demo's figures.
#[derive(Debug, Serialize)]
pub(crate) struct L2Report {
    pub(crate) l1_chain: u64,
    pub(crate) l2_chain: u64,
    pub(crate) stored: Settlement,
    pub(crate) rooted: Settlement,
    /// Gas of settling one leaf of the posted root.
    pub(crate) claim_gas: u64,
    pub(crate) carried: Carried,
    pub(crate) seconds: f64,
}

impl fmt::Display for L2Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (l1, l2) = (self.l1_chain, self.l2_chain);
        writeln!(f, "chains     {l2} (OP stack), on top of {l1}")?;
        writeln!(f, "batch      {}", self.stored)?;
        writeln!(f, "root       {}", self.rooted)?;
        writeln!(f, "claim      {} gas for one leaf", self.claim_gas)?;
        let carried = &self.carried;
        writeln!(f, "bridge     root {} is on chain {l1}", carried.root)?;
        for refusal in &carried.refused {
            writeln!(f, "refused    {}: {}", refusal.what, refusal.reason)?;
        }
        writeln!(
            f,
            "consumer   status {}, answer {}, {} gas",
            carried.status, carried.output_hash, carried.record_gas
        )?;
        write!(f, "time       {:.1} s", self.seconds)
    }
}
