//! What `haloracle bench` prints.

use std::fmt;

use serde::Serialize;

use super::cases::{Peer, Target};

/// The peer's megabytes are decimal.
const MB_PER_MIB: f64 = 1.048_576;

#[derive(Serialize)]
pub(super) struct BenchReport {
    pub(super) version: &'static str,
    pub(super) cores: usize,
    pub(super) runs: u32,
    pub(super) models: Vec<ModelReport>,
    /// Models whose files are not there, and the script that writes them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) skipped: Vec<Skipped>,
}

#[derive(Serialize)]
pub(super) struct Skipped {
    pub(super) model: &'static str,
    pub(super) script: &'static str,
}

#[derive(Serialize)]
pub(super) struct ModelReport {
    pub(super) model: &'static str,
    pub(super) shape: String,
    pub(super) k: u64,
    pub(super) rows: u64,
    /// Inputs that a proof answers.
    pub(super) items: u32,
    /// Wall seconds of `compile`, `setup` and `verify` as processes.
    pub(super) compile_seconds: f64,
    pub(super) setup_seconds: f64,
    pub(super) verify_seconds: f64,
    /// Median wall seconds of `prove` as a process.
    pub(super) prove_seconds: f64,
    pub(super) prove_seconds_all: Vec<f64>,
    /// Median peak of resident memory of `prove`; null where the system does not tell.
    pub(super) prove_peak_mib: Option<f64>,
    pub(super) proof_bytes: u64,
    pub(super) proof_bytes_evm: u64,
    /// Rows that were compared with onnxruntime's outputs.
    pub(super) golden_rows: usize,
    /// Part of them with onnxruntime's class.
    pub(super) agreement: f64,
    /// Mean absolute error, as part of the range of onnxruntime's outputs.
    pub(super) mean_error: f64,
    pub(super) target: Target,
    pub(super) target_met: bool,
    pub(super) peers: Vec<Comparison>,
}

#[derive(Serialize)]
pub(super) struct Comparison {
    #[serde(flatten)]
    peer: Peer,
    times_faster: f64,
    times_less_memory: Option<f64>,
}

impl Comparison {
    pub(super) fn new(peer: Peer, prove_seconds: f64, peak_mib: Option<f64>) -> Self {
        Self {
            peer,
            times_faster: rounded(peer.prove_seconds / prove_seconds, 1),
            times_less_memory: peak_mib
                .map(|mib| rounded(peer.prove_peak_mb / (mib * MB_PER_MIB), 1)),
        }
    }
}

/// Rounds to `digits` decimals, as far as the figure means anything.
pub(super) fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10f64.powi(digits);
    (value * scale).round() / scale
}

impl fmt::Display for ModelReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown = || "?".to_owned();
        let peak = |mib: Option<f64>| mib.map_or_else(unknown, |mib| format!("{mib:.1}"));
        let agreement = match self.target.agreement {
            Some(_) => format!("{:.1}", self.agreement * 100.0),
            None => "-".into(),
        };
        writeln!(
            f,
            "{:<21} {:>6} {:>2} {:>8.3} {:>8} {:>7.2} {:>7.2} {:>7.3} {:>6} {:>7.3}  {}",
            self.model,
            self.shape,
            self.k,
            self.prove_seconds,
            peak(self.prove_peak_mib),
            self.compile_seconds,
            self.setup_seconds,
            self.verify_seconds,
            agreement,
            self.mean_error * 100.0,
            if self.target_met { "met" } else { "MISSED" },
        )?;
        let most = self.target;
        writeln!(
            f,
            "  {:<28} {:>8} {:>8}",
            "at most", most.prove_seconds, most.peak_mib
        )?;
        for line in &self.peers {
            let memory = line
                .times_less_memory
                .map_or(String::new(), |times| format!(", {times:.0}x memory"));
            writeln!(
                f,
                "  {:<28} {:>8.2} {:>8.0} {:>7} {:>7.2} {:>7.3}   {:.0}x time{memory}",
                line.peer.name,
                line.peer.prove_seconds,
                line.peer.prove_peak_mb / MB_PER_MIB,
                "",
                line.peer.setup_seconds,
                line.peer.verify_seconds,
                line.times_faster,
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for BenchReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (cores, runs) = (self.cores, self.runs);
        writeln!(f, "fresh processes on {cores} cores, median of {runs}\n")?;
        writeln!(
            f,
            "{:<21} {:>6} {:>2} {:>8} {:>8} {:>7} {:>7} {:>7} {:>6} {:>7}  target",
            "", "shape", "k", "prove s", "MiB", "compile", "setup", "verify", "agree%", "error%"
        )?;
        for model in &self.models {
            write!(f, "{model}")?;
        }
        for Skipped { model, script } in &self.skipped {
            writeln!(f, "{model:<21} not there: run `python3 {script}` first")?;
        }
        Ok(())
    }
}
