//! `haloracle setup`: keys of a bundle.

use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use haloracle_prover::onchain::BatchKey;
use haloracle_prover::{Bundle, Srs};
use serde::Serialize;

use crate::exit::Exit;
use crate::text::{hexed, seconds};
use crate::ui::Ui;

/// `haloracle setup`
#[derive(Debug, clap::Args)]
pub(crate) struct SetupArgs {
    /// Bundle written by `compile`
    bundle: PathBuf,
    /// SRS file with at least the bundle's k
    #[arg(long, value_name = "FILE")]
    srs: PathBuf,
}

#[derive(Serialize)]
struct SetupReport {
    bundle: PathBuf,
    k: u32,
    instances: usize,
    vk_hash: String,
    /// Keys of proofs that answer several inputs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    batches: Vec<BatchReport>,
    srs_hash: String,
    srs_unsafe: bool,
    seconds: f64,
}

#[derive(Serialize)]
struct BatchReport {
    items: u32,
    k: u32,
    instances: usize,
    vk_hash: String,
}

impl From<BatchKey> for BatchReport {
    fn from(key: BatchKey) -> Self {
        Self {
            items: key.items,
            k: key.k,
            instances: key.instances,
            vk_hash: key.vk_hash,
        }
    }
}

impl fmt::Display for SetupReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "bundle       {}", self.bundle.display())?;
        writeln!(f, "k            {}", self.k)?;
        writeln!(f, "instances    {}", self.instances)?;
        writeln!(f, "vk hash      {}", self.vk_hash)?;
        for batch in &self.batches {
            let BatchReport {
                items, k, vk_hash, ..
            } = batch;
            writeln!(f, "batch of {items:<3} {vk_hash}, k = {k}")?;
        }
        let secret = if self.srs_unsafe {
            "  UNSAFE, development only"
        } else {
            ""
        };
        writeln!(f, "srs hash     {}{secret}", self.srs_hash)?;
        writeln!(f, "time         {:.3} s", self.seconds)
    }
}

impl SetupArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let start = Instant::now();
        let mut bundle = Bundle::open(&self.bundle)?;
        let working = ui.working("reading and checking the SRS");
        let srs = Srs::read(&self.srs)?.truncate(bundle.largest_k()?)?;
        srs.check()?;
        working.now("generating keys");
        let keys = bundle.setup(&srs)?;
        drop(working);
        let batches = bundle.onchain()?.batches.into_iter();
        ui.data(&SetupReport {
            batches: batches.map(BatchReport::from).collect(),
            k: keys.verifying_key().k(),
            instances: keys.verifying_key().instances(),
            vk_hash: hexed(keys.verifying_key().hash()),
            srs_hash: hexed(srs.hash()),
            srs_unsafe: srs.is_unsafe(),
            bundle: self.bundle,
            seconds: seconds(start.elapsed()),
        })?;
        Ok(Exit::Yes)
    }
}
