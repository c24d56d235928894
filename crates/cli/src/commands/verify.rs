//! `haloracle verify`: exit 0 valid, 1 invalid, 2 could not tell.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use eyre::{WrapErr, ensure, eyre};
use haloracle_model::IntegerModel;
use haloracle_model::integer::{STATUS_OK, STATUS_OUT_OF_DOMAIN};
use haloracle_model::words::Word;
use haloracle_prover::shape::check_environment;
use haloracle_prover::{Bundle, Proof, Srs, VerifyingKey, verify};
use serde::{Deserialize, Serialize};

use crate::exit::Exit;
use crate::text::{hexed, read, seconds, unhex};
use crate::ui::Ui;

use super::answer::Answer;

/// `haloracle verify`
#[derive(Debug, clap::Args)]
pub(crate) struct VerifyArgs {
    /// Bundle with keys
    bundle: PathBuf,
    /// Proof written by `prove`
    proof: PathBuf,
}

#[derive(Serialize)]
struct VerifyReport {
    valid: bool,
    problem: Option<String>,
    statement: Option<String>,
    /// What a proof of one answer says.
    #[serde(flatten)]
    answer: Option<ItemReport>,
    /// What a proof of several answers says, one by one.
    #[serde(skip_serializing_if = "Option::is_none")]
    items: Option<Vec<ItemReport>>,
    seconds: f64,
}

/// One answer.
#[derive(Default, Serialize)]
struct ItemReport {
    /// Raw public input.
    #[serde(skip_serializing_if = "Option::is_none")]
    input: Option<Vec<i64>>,
    /// Commitment to a private input.
    #[serde(skip_serializing_if = "Option::is_none")]
    input_commitment: Option<String>,
    /// 0 an answer; 1 the private input lies outside the model's box.
    status: Option<u64>,
    /// Absent unless the status is 0.
    outputs: Option<Vec<Answer>>,
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            None => writeln!(f, "valid ({:.3} s)", self.seconds)?,
            Some(problem) => return writeln!(f, "INVALID: {problem}"),
        }
        if let Some(statement) = &self.statement {
            writeln!(f, "statement  {statement}")?;
        }
        if let Some(answer) = &self.answer {
            write!(f, "{answer}")?;
        }
        for (item, number) in self.items.iter().flatten().zip(1..) {
            write!(f, "item       {number}\n{item}")?;
        }
        Ok(())
    }
}

impl fmt::Display for ItemReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(input) = &self.input {
            writeln!(f, "raw input  {input:?}")?;
        }
        if let Some(commitment) = &self.input_commitment {
            writeln!(f, "input      private, commitment {commitment}")?;
        }
        if self.status == Some(STATUS_OUT_OF_DOMAIN) {
            writeln!(
                f,
                "refused    the private input lies outside the model's box"
            )?;
        }
        for answer in self.outputs.iter().flatten() {
            writeln!(f, "output     {answer}")?;
        }
        Ok(())
    }
}

impl ItemReport {
    fn new(model: &IntegerModel, item: Item) -> Self {
        let (input, input_commitment) = match item.input {
            Asked::Raw(raw) => (Some(raw), None),
            Asked::Commitment(commitment) => (None, Some(hexed(commitment))),
        };
        let answered = item.status == STATUS_OK;
        Self {
            input,
            input_commitment,
            status: Some(item.status),
            outputs: answered.then(|| Answer::all(model, &item.outputs)),
        }
    }
}

/// The file's outer form; what is inside is the verifier's to judge.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ProofFile {
    format: String,
    instances: Vec<String>,
    proof: String,
}

/// What a valid proof says.
struct Claim {
    statement: [u8; 32],
    items: Vec<Item>,
}

/// One answer of a proof.
struct Item {
    input: Asked,
    status: u64,
    outputs: Vec<u64>,
}

/// What a proof says of its input.
enum Asked {
    Raw(Vec<i64>),
    Commitment([u8; 32]),
}

/// Reads a proof file: an outer error where it is no proof file, an inner one where its content
/// cannot be a valid proof.
pub(crate) fn read_proof(path: &Path) -> eyre::Result<Result<Proof, String>> {
    let name = path.display();
    let file: ProofFile = serde_json::from_slice(&read(path)?)
        .wrap_err_with(|| format!("`{name}` is not a proof file"))?;
    ensure!(
        file.format == "haloracle-proof-v1",
        "`{name}` has format `{}`, expected `haloracle-proof-v1`",
        file.format
    );
    let words = file.instances.iter().map(|text| {
        let bytes = unhex(text)?;
        <[u8; 32]>::try_from(bytes).map_err(|_| eyre!("an instance has 32 bytes, not `{text}`"))
    });
    let words: eyre::Result<Vec<_>> = words.collect();
    let words = words.wrap_err_with(|| format!("`{name}`, instances"))?;
    let bytes = unhex(&file.proof).wrap_err_with(|| format!("`{name}`, proof"))?;
    Ok(Proof::from_compact(words, &bytes).map_err(|error| error.to_string()))
}

/// Whether `proof` is valid, and what it says then. `weights` is the commitment to the weights
/// that it must be about, if they are private.
fn judge(
    model: &IntegerModel,
    weights: Option<[u8; 32]>,
    srs: &Srs,
    key: &VerifyingKey,
    proof: &Proof,
) -> Result<Claim, String> {
    verify(srs, key, proof).map_err(|error| error.to_string())?;
    // The key fixes the number of instances.
    let (tag, mut words) = proof.instances.split_at(2);
    if let (Some(expected), Some((commitment, rest))) = (weights, words.split_first()) {
        if *commitment != expected {
            return Err("the proof is about other weights than the bundle's".into());
        }
        words = rest;
    }
    let items = words
        .chunks(item_words(model))
        .map(|words| item(model, words));
    let items = items.collect::<Result<_, String>>()?;
    let mut statement = [0; 32];
    statement[..16].copy_from_slice(&tag[0][16..]);
    statement[16..].copy_from_slice(&tag[1][16..]);
    Ok(Claim { statement, items })
}

/// Public words of one answer.
fn item_words(model: &IntegerModel) -> usize {
    let input = match model.privacy.inputs {
        true => 1,
        false => model.input_words(),
    };
    input + model.output_words()
}

/// How many answers a proof with so many instances is about; 1 if its count is no batch's of the
/// bundle, for the verifier to refuse.
fn items_of(bundle: &Bundle, instances: usize) -> u32 {
    let model = bundle.model();
    let all = 2 + usize::from(model.privacy.weights);
    let batches = bundle.batches().iter().copied();
    let mut batches = batches.filter(|n| all + *n as usize * item_words(model) == instances);
    batches.next().unwrap_or(1)
}

/// What the words of one answer say.
fn item(model: &IntegerModel, words: &[Word]) -> Result<Item, String> {
    let (input, output) = match (model.privacy.inputs, words.split_first()) {
        (true, Some((commitment, output))) => (Asked::Commitment(*commitment), output),
        _ => {
            let (input, output) = words.split_at(model.input_words());
            let input = model.unpack_input(input);
            (
                Asked::Raw(input.map_err(|error| error.to_string())?),
                output,
            )
        }
    };
    let (status, mut outputs) = model
        .unpack_output(output)
        .map_err(|error| error.to_string())?;
    match status {
        STATUS_OK => {}
        STATUS_OUT_OF_DOMAIN if model.privacy.inputs => outputs.clear(),
        _ => return Err(format!("status {status}: not an answer")),
    }
    Ok(Item {
        input,
        status,
        outputs,
    })
}

impl VerifyArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        let bundle = Bundle::open(&self.bundle)?;
        // A verdict under another environment or under another model's key would be none.
        check_environment()?;
        let proof = read_proof(&self.proof)?;
        let instances = proof.as_ref().map_or(0, |proof| proof.instances.len());
        let count = items_of(&bundle, instances);
        let (srs, key) = match count {
            1 => (bundle.srs()?, bundle.check_key()?),
            _ => (bundle.batch_srs(count)?, bundle.check_batch_key(count)?),
        };
        let model = bundle.model();
        let weights = match model.privacy.weights {
            true => Some(bundle.model_commitment()?),
            false => None,
        };
        let start = Instant::now();
        let claim = proof.and_then(|proof| judge(model, weights, &srs, &key, &proof));
        let seconds = seconds(start.elapsed());
        let (claim, problem) = match claim {
            Ok(claim) => (Some(claim), None),
            Err(problem) => (None, Some(problem)),
        };
        let valid = claim.is_some();
        let statement = claim.as_ref().map(|claim| hexed(claim.statement));
        let items = claim.map(|claim| {
            let items = claim.items.into_iter();
            items.map(|item| ItemReport::new(model, item)).collect()
        });
        let (answer, items): (_, Option<Vec<ItemReport>>) = match count {
            1 => (
                items.and_then(|mut items: Vec<ItemReport>| items.pop()),
                None,
            ),
            _ => (None, items),
        };
        ui.data(&VerifyReport {
            valid,
            problem,
            statement,
            // A verdict of one answer has its fields, if only as null.
            answer: (count == 1).then(|| answer.unwrap_or_default()),
            items,
            seconds,
        })?;
        Ok(Exit::from_verdict(valid))
    }
}
