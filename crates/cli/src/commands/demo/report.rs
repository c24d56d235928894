//! What the demo showed.

use std::fmt;

use serde::Serialize;

use crate::commands::answer::Answer;
use crate::text::units;

/// The demo's figures.
#[derive(Debug, Serialize)]
pub(crate) struct DemoReport {
    pub(crate) request_id: String,
    pub(crate) model_id: String,
    /// Raw integers that the example contract sent to the model.
    pub(crate) input: Vec<i32>,
    pub(crate) outputs: Vec<Answer>,
    /// As the agent logged it: running the model, proving, verifying.
    pub(crate) proof_seconds: f64,
    /// Gas of the settlement, callback included.
    pub(crate) fulfill_gas: u64,
    pub(crate) factor_before_bps: u64,
    pub(crate) factor_after_bps: u64,
    pub(crate) rejected: Vec<Rejection>,
    pub(crate) seconds: f64,
}

/// A forgery and what the contracts said.
#[derive(Debug, Serialize)]
pub(crate) struct Rejection {
    pub(crate) what: &'static str,
    /// The contract's error.
    pub(crate) reason: String,
    /// Transaction that reverted with it.
    pub(crate) transaction: String,
}

fn percent(bps: u64) -> String {
    i64::try_from(bps).map_or_else(|_| bps.to_string(), |bps| units(bps, 2))
}

impl fmt::Display for DemoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "request id         {}", self.request_id)?;
        writeln!(f, "model input        {:?}", self.input)?;
        for answer in &self.outputs {
            let value = units(answer.fixed, answer.decimals);
            writeln!(
                f,
                "model output       {} as integer, {} {value}",
                answer.raw, answer.name
            )?;
        }
        writeln!(f, "proof time         {:.3} s", self.proof_seconds)?;
        writeln!(f, "gas of fulfill     {}", self.fulfill_gas)?;
        let (before, after) = (
            percent(self.factor_before_bps),
            percent(self.factor_after_bps),
        );
        writeln!(f, "collateral factor  {before} % before, {after} % after")?;
        for Rejection { what, reason, .. } in &self.rejected {
            writeln!(f, "rejected           {what}: {reason}")?;
        }
        writeln!(f, "time               {:.1} s", self.seconds)
    }
}
