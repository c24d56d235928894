//! What the circuit of the model takes: counted where it is lowered, which is not here.

use serde::{Deserialize, Serialize};

/// The circuit that a model was lowered to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CircuitReport {
    /// The constraint system: `narrow` or `wide`.
    pub shape: String,
    /// log2 of the rows.
    pub k: u32,
    /// Rows in use.
    pub rows: u64,
    /// Rows that there are at this k.
    pub usable_rows: u64,
    /// Rows of no node: public words, their digits, commitments.
    pub other_rows: u64,
    /// Entries of the look-up table.
    pub table_entries: u64,
    /// Public instances.
    pub instances: u64,
    /// What setup and proving will take, about.
    pub estimate: Estimate,
}

/// Time and memory, from a formula fitted to measurements: for orientation, no promise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Processor cores that the figures are for.
    pub cores: u32,
    /// Seconds of one proof.
    pub prove_seconds: f64,
    /// Most memory while proving, in MiB.
    pub prove_mib: f64,
    /// Seconds of setup.
    pub setup_seconds: f64,
}

impl Estimate {
    /// Figures for a circuit of 2^k rows of 2 cores, as measured from k = 9 to 14.
    pub fn new(narrow: bool, k: u32) -> Self {
        let rows = 2f64.powi(k as i32);
        let log = f64::from(k);
        let (prove, mib, each) = match narrow {
            true => (3.3e-6, 13.0, 0.002),
            false => (4.7e-6, 9.0, 0.0088),
        };
        Self {
            cores: 2,
            prove_seconds: 0.02 + prove * log * rows,
            prove_mib: mib + each * rows,
            setup_seconds: 0.1 + 5e-5 * log * rows,
        }
    }
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "about {} to prove with {:.0} MiB, {} to set up, on {} cores",
            duration(self.prove_seconds),
            self.prove_mib,
            duration(self.setup_seconds),
            self.cores
        )
    }
}

/// Two figures are as much as an estimate has.
fn duration(seconds: f64) -> String {
    match seconds {
        s if s < 1.0 => format!("{s:.2} s"),
        s if s < 10.0 => format!("{s:.1} s"),
        s if s < 300.0 => format!("{s:.0} s"),
        s => format!("{:.0} min", s / 60.0),
    }
}
