//! `haloracle aggregate`: one proof that verifies proofs of different models.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use eyre::{WrapErr, bail, ensure, eyre};
use haloracle_aggregation::files::{
    AggregateFile, Destination, InnerProofFile, counts, key_file_name,
};
use haloracle_aggregation::memory::estimate;
use haloracle_aggregation::{AggregationKey, AggregationKeys, InnerProof, Statement};
use haloracle_prover::files::write_atomic;
use haloracle_prover::shape::check_environment;
use haloracle_prover::{Shape, Srs};
use serde::Serialize;

use crate::exit::Exit;
use crate::text::{hexed, peak_kib, read, seconds, unhex, write};
use crate::ui::Ui;

const GIB: f64 = (1u64 << 30) as f64;

/// `haloracle aggregate`
#[derive(Debug, clap::Args)]
pub(crate) struct AggregateArgs {
    /// Proofs of one shape written by `prove --transcript poseidon`
    #[arg(required = true)]
    proofs: Vec<PathBuf>,
    /// SRS of the proofs, large enough for the aggregate
    #[arg(long, value_name = "FILE")]
    srs: PathBuf,
    /// Slots of the circuit; the last proof fills those that are left. As many as proofs if absent
    #[arg(long, value_name = "N")]
    slots: Option<usize>,
    /// Directory in which verifying keys are kept; one serves every mixture of models
    #[arg(long, value_name = "DIR")]
    keys: Option<PathBuf>,
    /// Chain of the contract that settles
    #[arg(long, value_name = "ID", default_value_t = 31337)]
    chain_id: u64,
    /// The contract that settles
    #[arg(long, value_name = "ADDRESS", value_parser = address, default_value = "0x0000000000000000000000000000000000000000")]
    settler: [u8; 20],
    /// Memory that may be used, in GiB: refuses instead of exhausting the machine
    #[arg(long, value_name = "GIB", default_value_t = 8.0)]
    max_memory: f64,
    /// Check an aggregate of these proofs instead of making one: exit 0 valid, 1 invalid
    #[arg(long, value_name = "FILE", conflicts_with = "output")]
    verify: Option<PathBuf>,
    /// Where the aggregate goes
    #[arg(short, long, value_name = "FILE", required_unless_present = "verify")]
    output: Option<PathBuf>,
}

fn address(text: &str) -> Result<[u8; 20], String> {
    let bytes = unhex(text).map_err(|error| error.to_string())?;
    let length = bytes.len();
    bytes
        .try_into()
        .map_err(|_| format!("an address has 20 bytes, not {length}"))
}

#[derive(Serialize)]
struct AggregateReport {
    aggregate: PathBuf,
    shape: Shape,
    slots: usize,
    k: u32,
    hash: String,
    evm_bytes: usize,
    key_seconds: f64,
    prove_seconds: f64,
    peak_kib: Option<u64>,
}

impl fmt::Display for AggregateReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "aggregate  {}", self.aggregate.display())?;
        writeln!(
            f,
            "circuit    {} slots of the {} shape, 2^{} rows",
            self.slots,
            self.shape.name(),
            self.k
        )?;
        writeln!(f, "h          {}", self.hash)?;
        writeln!(f, "size       {} bytes for a contract", self.evm_bytes)?;
        let (key, prove) = (self.key_seconds, self.prove_seconds);
        write!(
            f,
            "time       {key:.1} s for keys, {prove:.1} s to prove and verify"
        )?;
        self.peak_kib
            .map_or(Ok(()), |kib| write!(f, ", {:.1} MiB", kib as f64 / 1024.0))
    }
}

#[derive(Serialize)]
struct VerifyReport {
    valid: bool,
    problem: Option<String>,
}

impl fmt::Display for VerifyReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            None => write!(f, "valid"),
            Some(problem) => write!(f, "INVALID: {problem}"),
        }
    }
}

/// One JSON document of a file.
fn document<T: serde::de::DeserializeOwned>(path: &Path, what: &str) -> eyre::Result<T> {
    let name = path.display();
    serde_json::from_slice(&read(path)?).wrap_err_with(|| format!("`{name}` is not {what}"))
}

impl AggregateArgs {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        check_environment()?;
        let working = ui.working("reading the SRS");
        let srs = Srs::read(&self.srs)?;
        let proofs = self.proofs(&srs)?;
        let shape = proofs.first().map(|proof| proof.key.shape());
        let shape = shape.ok_or_else(|| eyre!("no proofs"))?;
        drop(working);
        match &self.verify {
            Some(path) => self.check(ui, &srs, shape, &proofs, path),
            None => self.make(ui, &srs, shape, &proofs),
        }
    }

    fn proofs(&self, srs: &Srs) -> eyre::Result<Vec<InnerProof>> {
        let hash = srs.hash();
        let proofs = self.proofs.iter().map(|path| {
            let file: InnerProofFile = document(path, "a proof for aggregation")?;
            file.read(&hash)
                .wrap_err_with(|| format!("`{}`", path.display()))
        });
        proofs.collect()
    }

    fn key_path(&self, srs: &Srs, shape: Shape, slots: usize) -> Option<PathBuf> {
        let name = key_file_name(shape, slots, &srs.hash());
        self.keys.as_ref().map(|directory| directory.join(name))
    }

    fn known_key(
        &self,
        srs: &Srs,
        shape: Shape,
        slots: usize,
    ) -> eyre::Result<Option<AggregationKey>> {
        let Some(path) = self
            .key_path(srs, shape, slots)
            .filter(|path| path.exists())
        else {
            return Ok(None);
        };
        let key = AggregationKey::from_data(&read(&path)?);
        Ok(Some(key.wrap_err_with(|| format!("`{}`", path.display()))?))
    }

    fn make(&self, ui: Ui, srs: &Srs, shape: Shape, proofs: &[InnerProof]) -> eyre::Result<Exit> {
        let Some(output) = &self.output else {
            bail!("give the aggregate's place with -o")
        };
        let slots = self.slots.unwrap_or(proofs.len());
        let size = estimate(shape, slots);
        let needed = size.bytes as f64 / GIB;
        ensure!(
            needed <= self.max_memory,
            "this aggregate, {slots} slots and 2^{} rows, takes about {needed:.1} GiB, more than \
             --max-memory {}: use fewer slots or allow more",
            size.k,
            self.max_memory
        );
        ensure!(
            size.k <= srs.k(),
            "the aggregate needs 2^{} rows, the SRS holds 2^{}: take a larger SRS of the same setup",
            size.k,
            srs.k()
        );
        ui.say(format!(
            "{slots} slots of the {} shape: about {} rows, k = {}, about {needed:.1} GiB",
            shape.name(),
            size.rows,
            size.k
        ));
        let statement = Statement::new(shape, slots, &srs.hash(), proofs)?;
        let destination = Destination {
            chain_id: self.chain_id,
            settler: self.settler,
        };
        let gamma = destination.gamma(&statement, &counts(proofs, slots));
        let start = Instant::now();
        let working = ui.working("making the keys");
        let known = self.known_key(srs, shape, slots)?;
        let fresh = known.is_none();
        let keys = AggregationKeys::load(shape, slots, srs, &proofs[0], known)?;
        let data = keys.verifying_key().to_data();
        if let Some(path) = self.key_path(srs, shape, slots).filter(|_| fresh) {
            if let Some(directory) = path.parent() {
                std::fs::create_dir_all(directory)
                    .wrap_err_with(|| format!("could not make `{}`", directory.display()))?;
            }
            write_atomic(&path, &data)?;
        }
        let keyed = start.elapsed();
        working.now("proving");
        let aggregate = keys.prove(proofs, gamma)?;
        let proved = start.elapsed() - keyed;
        drop(working);
        let file = AggregateFile::new((shape, slots), &srs.hash(), &data, destination, &aggregate);
        let mut text = serde_json::to_string_pretty(&file).wrap_err("could not encode")?;
        text.push('\n');
        write(output, text.as_bytes())?;
        ui.data(&AggregateReport {
            aggregate: output.clone(),
            shape,
            slots,
            k: keys.verifying_key().k(),
            hash: hexed(haloracle_circuit::field::to_word(&statement.hash)),
            evm_bytes: aggregate.evm.len(),
            key_seconds: seconds(keyed),
            prove_seconds: seconds(proved),
            peak_kib: peak_kib(),
        })?;
        Ok(Exit::Yes)
    }

    fn check(
        &self,
        ui: Ui,
        srs: &Srs,
        shape: Shape,
        proofs: &[InnerProof],
        path: &Path,
    ) -> eyre::Result<Exit> {
        let file: AggregateFile = document(path, "an aggregate")?;
        let slots = file.slots;
        let key = match self.known_key(srs, shape, slots)? {
            Some(key) => key,
            None => {
                let working = ui.working("making the key");
                let keys = AggregationKeys::generate(shape, slots, srs, &proofs[0])?;
                drop(working);
                keys.verifying_key().clone()
            }
        };
        let problem = judge(srs, &key, &file, shape, proofs)?;
        let valid = problem.is_none();
        ui.data(&VerifyReport { valid, problem })?;
        Ok(Exit::from_verdict(valid))
    }
}

/// What is wrong with an aggregate of `proofs`, if anything.
fn judge(
    srs: &Srs,
    key: &AggregationKey,
    file: &AggregateFile,
    shape: Shape,
    proofs: &[InnerProof],
) -> eyre::Result<Option<String>> {
    if file.shape != shape {
        return Ok(Some(format!("its shape is {}", file.shape.name())));
    }
    let statement = match Statement::new(shape, file.slots, &srs.hash(), proofs) {
        Ok(statement) => statement,
        Err(error) => return Ok(Some(error.to_string())),
    };
    let aggregate = file.read(&srs.hash(), &key.to_data())?;
    let gamma = file
        .destination()?
        .gamma(&statement, &counts(proofs, file.slots));
    let claimed = [statement.hash, gamma, statement.combine(gamma)];
    if aggregate.instances.get(8..) != Some(&claimed[..]) {
        return Ok(Some("it is not about these proofs in this order".into()));
    }
    Ok(key
        .verify(srs, &aggregate)
        .err()
        .map(|error| error.to_string()))
}
