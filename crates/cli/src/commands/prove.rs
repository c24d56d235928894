//! `haloracle prove`: one proof of one answer or a batch of them, self-verified.

use std::fmt;
use std::path::PathBuf;
use std::time::Instant;

use eyre::{WrapErr, bail};
use haloracle_aggregation::InnerProof;
use haloracle_aggregation::files::InnerProofFile;
use haloracle_prover::Bundle;
use haloracle_prover::proof::TranscriptKind;
use serde::Serialize;

use crate::exit::Exit;
use crate::inputs::InputArgs;
use crate::text::{hexed, peak_kib, seconds, word, write};
use crate::ui::Ui;

use super::answer::Answer;

/// `haloracle prove`
#[derive(Debug, clap::Args)]
pub(crate) struct ProveArgs {
    /// Bundle with keys
    bundle: PathBuf,
    #[command(flatten)]
    input: InputArgs,
    /// Row of the input file, from 1; may be left out where there is only one. Of a batch, the
    /// first row
    #[arg(long, value_name = "N")]
    row: Option<usize>,
    /// Answer up to N rows in one proof, which the bundle was compiled for; the last is repeated
    /// where there are fewer
    #[arg(long, value_name = "N")]
    batch: Option<u32>,
    /// Statement that the proof is bound to: 32 bytes; on chain, request and payee, or the batch
    #[arg(long, value_name = "HEX", value_parser = word)]
    statement: Option<[u8; 32]>,
    /// Salt of the commitment to private inputs: 32 random bytes, used for one request. Of a
    /// batch, one per row, in order
    #[arg(long, value_name = "HEX", value_parser = word)]
    salt: Vec<[u8; 32]>,
    /// Hash of the proof's challenges: keccak for contracts, poseidon for aggregation
    #[arg(long, value_name = "HASH", default_value = "keccak", value_parser = transcript)]
    transcript: TranscriptKind,
    /// Where the proof goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
}

fn transcript(text: &str) -> Result<TranscriptKind, String> {
    match text {
        "keccak" => Ok(TranscriptKind::Keccak),
        "poseidon" => Ok(TranscriptKind::Poseidon),
        other => Err(format!(
            "`{other}` is no transcript; there are `keccak` and `poseidon`"
        )),
    }
}

#[derive(Serialize)]
struct ProveReport {
    proof: PathBuf,
    statement: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    outputs: Option<Vec<Answer>>,
    /// Outputs of every row of a batch, without those that fill it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<Vec<Answer>>>,
    compact_bytes: usize,
    evm_bytes: usize,
    /// Reading and checking the bundle with its keys.
    load_seconds: f64,
    /// Running the model, proving and verifying.
    prove_seconds: f64,
    peak_kib: Option<u64>,
}

impl fmt::Display for ProveReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "proof      {}", self.proof.display())?;
        writeln!(f, "statement  {}", self.statement)?;
        for answer in self.outputs.iter().flatten() {
            writeln!(f, "output     {answer}")?;
        }
        for (answers, number) in self.items.iter().flatten().zip(1..) {
            for answer in answers {
                writeln!(f, "output     {number}: {answer}")?;
            }
        }
        writeln!(
            f,
            "size       {} bytes, {} for a contract",
            self.compact_bytes, self.evm_bytes
        )?;
        let (load, prove) = (self.load_seconds, self.prove_seconds);
        write!(
            f,
            "time       {load:.3} s to load, {prove:.3} s to prove and verify"
        )?;
        self.peak_kib
            .map_or(Ok(()), |kib| write!(f, ", {:.1} MiB", kib as f64 / 1024.0))
    }
}

impl ProveArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let start = Instant::now();
        let working = ui.working("loading keys");
        let bundle = Bundle::open(&self.bundle)?;
        let model = bundle.model();
        let rows: Vec<Vec<i64>> = match self.batch {
            None => vec![self.input.row(model, self.row)?.raw],
            Some(items) => {
                // Whether there are such batches at all comes first.
                bundle.batch_verifying_key(items)?;
                let rows = self.input.some(model, self.row, items as usize)?;
                rows.into_iter().map(|row| row.raw).collect()
            }
        };
        let needed = if model.privacy.inputs { rows.len() } else { 0 };
        match (self.salt.len(), needed) {
            (given, needed) if given == needed => {}
            (_, 0) => bail!("--salt is for private inputs, this model's are public"),
            (0, 1) => {
                bail!("the model's inputs are private: give the salt of their commitment, --salt")
            }
            (given, _) => bail!(
                "{given} salts for {needed} private inputs: give --salt once per row, in order"
            ),
        }
        let keys = match self.batch {
            None => bundle.keys()?,
            Some(items) => bundle.batch_keys(items)?,
        };
        let loaded = start.elapsed();
        working.now("proving");
        let statement = self.statement.unwrap_or_default();
        let proof = match self.transcript {
            TranscriptKind::Keccak => keys.prove_batch(&rows, &self.salt, &statement)?,
            TranscriptKind::Poseidon => {
                keys.prove_for_aggregation(&rows, &self.salt, &statement)?
            }
        };
        let proved = start.elapsed() - loaded;
        drop(working);
        let compact = proof
            .compact()
            .wrap_err("the finished proof has no compact form")?;
        let text = match self.transcript {
            TranscriptKind::Keccak => serde_json::to_string_pretty(&proof),
            TranscriptKind::Poseidon => {
                let inner = InnerProof {
                    key: keys.verifying_key().clone(),
                    proof: proof.clone(),
                };
                let file = InnerProofFile::new(&inner, &keys.srs().hash());
                serde_json::to_string_pretty(&file)
            }
        };
        let mut text = text.wrap_err("could not encode")?;
        text.push('\n');
        write(&self.output, text.as_bytes())?;
        let answers = rows.iter().map(|raw| {
            let run = model.run(raw)?;
            Ok(Answer::all(model, run.outputs()))
        });
        let mut answers = answers.collect::<eyre::Result<Vec<_>>>()?;
        let outputs = match self.batch {
            None => answers.pop(),
            Some(_) => None,
        };
        ui.data(&ProveReport {
            proof: self.output,
            statement: hexed(statement),
            outputs,
            items: self.batch.map(|_| answers),
            compact_bytes: compact.len(),
            evm_bytes: proof.evm.len(),
            load_seconds: seconds(loaded),
            prove_seconds: seconds(proved),
            peak_kib: peak_kib(),
        })?;
        Ok(Exit::Yes)
    }
}
