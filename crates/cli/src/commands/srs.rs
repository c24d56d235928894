//! `haloracle srs`: structured reference strings.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use eyre::ensure;
use haloracle_prover::srs::{ImportOptions, Pin, Progress, Srs, Stage};
use serde::Serialize;

use crate::checkout::dev_seed;
use crate::exit::Exit;
use crate::text::{hexed, must_not_exist, word};
use crate::ui::Ui;

/// `haloracle srs ...`
#[derive(Debug, Subcommand)]
pub(crate) enum SrsCommand {
    /// Make an SRS whose secret this machine knows: for development only
    New(NewArgs),
    /// Check that the points of an SRS are powers of one secret: exit 0 yes, 1 no, 2 unreadable
    Verify {
        /// SRS file
        file: PathBuf,
    },
    /// Check the SRS of a ceremony and write it in this project's format
    ///
    /// Understood are .ptau files of snarkjs (BN254, prepared for phase 2 or not), raw parameters
    /// of halo2 (`SerdeFormat::RawBytes`), and SRS files of this project; the content tells which.
    /// Every point that is used is checked to be on the curve, and all of them by pairings to be
    /// powers of one secret. What no check can show is that nobody knows that secret: name the
    /// ceremony that you trust by --hash.
    Import(ImportArgs),
}

/// `haloracle srs new`
#[derive(Debug, clap::Args)]
pub(crate) struct NewArgs {
    /// Rows of the largest circuit, as a power of two
    #[arg(long, value_name = "N")]
    k: u32,
    /// Accept that whoever knows the secret can forge proofs
    #[arg(long = "unsafe")]
    accept_unsafe: bool,
    /// Where the SRS goes
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// 32 bytes that fix the secret, in hexadecimal; random if absent
    #[arg(long, value_name = "HEX", value_parser = word, conflicts_with = "dev")]
    seed: Option<[u8; 32]>,
    /// Take the public seed of this project's fixtures, demo and committed verifier
    #[arg(long)]
    dev: bool,
}

/// `haloracle srs import`
#[derive(Debug, clap::Args)]
pub(crate) struct ImportArgs {
    /// .ptau or .srs file of a ceremony
    file: PathBuf,
    /// Where the checked SRS goes
    #[arg(short, long, visible_alias = "out", value_name = "FILE")]
    output: PathBuf,
    /// Take the first 2^K points only; nothing else is read
    #[arg(long, value_name = "K")]
    k: Option<u32>,
    /// Refuse anything else: SRS hash, BLAKE2b-512 of the file, or `hermez`
    #[arg(long, value_name = "HASH")]
    hash: Option<Pin>,
}

#[derive(Serialize)]
struct SrsReport {
    file: PathBuf,
    k: u32,
    srs_hash: String,
    #[serde(rename = "unsafe")]
    is_unsafe: bool,
    ceremony: Option<&'static str>,
    valid: bool,
    problem: Option<String>,
}

impl SrsReport {
    fn new(file: &Path, srs: &Srs, problem: Option<String>) -> Self {
        Self {
            file: file.to_owned(),
            k: srs.k(),
            srs_hash: hexed(srs.hash()),
            is_unsafe: srs.is_unsafe(),
            ceremony: srs.ceremony(),
            valid: problem.is_none(),
            problem,
        }
    }
}

impl fmt::Display for SrsReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "file      {}", self.file.display())?;
        writeln!(f, "k         {} ({} rows)", self.k, 1u64 << self.k)?;
        writeln!(f, "srs hash  {}", self.srs_hash)?;
        match self.ceremony {
            _ if self.is_unsafe => writeln!(f, "secret    known: development only")?,
            Some(name) => writeln!(f, "ceremony  {name}")?,
            None => writeln!(f, "ceremony  not one known here: compare its record")?,
        }
        match &self.problem {
            None => writeln!(f, "points    powers of one secret"),
            Some(problem) => writeln!(f, "points    INVALID: {problem}"),
        }
    }
}

impl SrsCommand {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        match self {
            Self::New(args) => args.run(ui),
            Self::Verify { file } => {
                let srs = Srs::read(&file)?;
                let working = ui.working("checking the SRS by pairings");
                let problem = srs.check().err().map(|error| error.to_string());
                drop(working);
                let valid = problem.is_none();
                ui.data(&SrsReport::new(&file, &srs, problem))?;
                Ok(Exit::from_verdict(valid))
            }
            Self::Import(args) => args.run(ui),
        }
    }
}

impl NewArgs {
    fn run(self, ui: Ui) -> eyre::Result<Exit> {
        ensure!(
            self.accept_unsafe,
            "an SRS made on one machine is unsafe: whoever knows its secret can forge proofs of \
             anything. Add --unsafe for development; import a ceremony's SRS for real use"
        );
        must_not_exist(&self.output)?;
        let seed = match self.seed {
            Some(seed) => seed,
            None if self.dev => dev_seed(),
            None => rand::random(),
        };
        let working = ui.working(format!("making an SRS for 2^{} rows", self.k));
        let srs = Srs::unsafe_setup(self.k, seed)?;
        srs.write(&self.output)?;
        drop(working);
        ui.say("warning: UNSAFE SRS, for development only: its maker can forge proofs");
        ui.data(&SrsReport::new(&self.output, &srs, None))?;
        Ok(Exit::Yes)
    }
}

impl ImportArgs {
    fn run(self, ui: Ui) -> eyre::Result<Exit> {
        must_not_exist(&self.output)?;
        let options = ImportOptions {
            k: self.k,
            pin: self.hash,
        };
        let working = ui.working("opening the file");
        let srs = Srs::import(&self.file, &options, &mut |progress| {
            working.now(describe(progress));
        })?;
        working.now("writing the file");
        srs.write(&self.output)?;
        drop(working);
        if srs.is_unsafe() {
            ui.say("warning: UNSAFE SRS, for development only: its secret is known");
        }
        ui.data(&SrsReport::new(&self.output, &srs, None))?;
        Ok(Exit::Yes)
    }
}

fn describe(progress: Progress) -> String {
    let what = match progress.stage {
        Stage::Hash => "hashing the file",
        Stage::Read => "reading points",
        Stage::Check => "checking by pairings that the points are powers of one secret",
        Stage::Lagrange => "computing the Lagrange basis",
        _ => "importing",
    };
    match progress.total {
        0 => what.into(),
        total => format!("{what}, {} %", progress.done.saturating_mul(100) / total),
    }
}
