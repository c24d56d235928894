//! Fuzz targets: one per parser of what a stranger may hand over.
//!
//! A target takes any bytes and returns whether they were accepted. It must never panic, abort,
//! hang or take much memory, and what it accepts must be what it claims to be: targets assert
//! that too. `tests/libfuzzer.rs` drives them by coverage (`make fuzz T=60`), `tests/corpus.rs`
//! replays the committed corpus in every test run. Layers: a leaf; nothing imports this crate.
//!
//! Many formats guard their content by hashes, checksums or points of a curve, which no mutation
//! gets right. Such targets therefore start from something valid and take *edits*: [`edit`].

// A fuzz target reports by panicking.
#![allow(clippy::expect_used)]

mod base;
mod bundle;
mod data;
mod edit;
mod mutate;
mod proof;
mod srs;
mod zip;

use std::path::Path;
use std::{env, fs};

pub use edit::edit;

/// Environment variable: the target to run.
pub const TARGET: &str = "HALORACLE_FUZZ_TARGET";
/// Environment variable: where the target's own seeds go before fuzzing starts.
pub const SEEDS: &str = "HALORACLE_FUZZ_SEEDS";

/// A parser under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// ONNX files.
    Onnx,
    /// Bundle directories: each file of one, with hashes that fit.
    Bundle,
    /// Proof files, through to verification.
    Proof,
    /// SRS files: our own, `.ptau`, raw.
    Srs,
    /// Input and calibration data as JSON.
    Json,
    /// The same as csv.
    Csv,
    /// The same as npz, and the npy arrays inside.
    Npz,
}

impl Target {
    /// Every target.
    pub const ALL: [Self; 7] = [
        Self::Onnx,
        Self::Bundle,
        Self::Proof,
        Self::Srs,
        Self::Json,
        Self::Csv,
        Self::Npz,
    ];

    /// The name of its corpus folder.
    pub fn name(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Bundle => "bundle",
            Self::Proof => "proof",
            Self::Srs => "srs",
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Npz => "npz",
        }
    }

    /// The target of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }

    /// Parses `input`; whether it was accepted.
    ///
    /// # Panics
    /// If the parser does, or if what it accepts is not what it claims to be.
    pub fn run(self, input: &[u8]) -> bool {
        match self {
            Self::Onnx => onnx(input),
            Self::Bundle => bundle::run(input),
            Self::Proof => proof::run(input),
            Self::Srs => srs::run(input),
            Self::Json => data::json(input),
            Self::Csv => data::csv(input),
            Self::Npz => data::npz(input),
        }
    }

    /// A mutation of `input` that keeps its structure, if it has one; the same for the same seed.
    pub fn mutate(self, input: &[u8], seed: u32) -> Option<Vec<u8>> {
        mutate::mutate(self, input, seed)
    }

    /// Inputs made from what the project writes today, so that they never go stale; the files of
    /// `corpus/` come on top.
    pub fn seeds(self) -> Vec<Vec<u8>> {
        match self {
            Self::Onnx => Vec::new(),
            Self::Bundle => bundle::seeds(),
            Self::Proof => proof::seeds(),
            Self::Srs => srs::seeds(),
            Self::Json => data::json_seeds(),
            Self::Csv => data::csv_seeds(),
            Self::Npz => data::npz_seeds(),
        }
    }

    /// The target that [`TARGET`] names, its seeds written to the folder that [`SEEDS`] names.
    ///
    /// # Panics
    /// If there is none of that name, or the seeds cannot be written.
    pub fn from_environment() -> Self {
        let name = env::var(TARGET).unwrap_or_default();
        let target = Self::of(&name).expect("HALORACLE_FUZZ_TARGET names a target");
        if let Some(folder) = env::var_os(SEEDS) {
            for (index, seed) in target.seeds().iter().enumerate() {
                let file = Path::new(&folder).join(format!("made-{index}"));
                fs::write(file, seed).expect("seeds can be written");
            }
        }
        target
    }
}

/// Reads a model, and runs what was accepted.
fn onnx(input: &[u8]) -> bool {
    let graph = match haloracle_onnx::read_graph(input, "fuzz") {
        Ok(graph) => graph,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let features = vec![0.5; graph.features];
    let run = graph.run(&features).expect("the width is right");
    assert_eq!(run.outputs.len(), graph.outputs.len());
    true
}
