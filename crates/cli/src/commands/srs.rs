//! `haloracle srs`: structured reference strings.

use std::fmt;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use eyre::{bail, ensure};
use haloracle_prover::Srs;
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
    /// Check an SRS file of this project's format and copy it
    Import {
        /// .srs file; .ptau ceremonies are not readable yet
        file: PathBuf,
        /// Where the checked copy goes
        #[arg(short, long, value_name = "FILE")]
        output: PathBuf,
    },
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

#[derive(Serialize)]
struct SrsReport {
    file: PathBuf,
    k: u32,
    srs_hash: String,
    #[serde(rename = "unsafe")]
    is_unsafe: bool,
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
        let secret = if self.is_unsafe {
            "known: development only"
        } else {
            "from a ceremony"
        };
        writeln!(f, "secret    {secret}")?;
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
            Self::Import { file, output } => import(&file, &output, ui),
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

fn import(file: &Path, output: &Path, ui: Ui) -> eyre::Result<Exit> {
    if file
        .extension()
        .is_some_and(|ending| ending.eq_ignore_ascii_case("ptau"))
    {
        bail!(
            "`{}`: .ptau ceremony files cannot be imported yet; give an .srs file of this \
             project's format",
            file.display()
        );
    }
    must_not_exist(output)?;
    let srs = Srs::read(file)?;
    let working = ui.working("checking the SRS by pairings");
    srs.check()?;
    srs.write(output)?;
    drop(working);
    ui.data(&SrsReport::new(output, &srs, None))?;
    Ok(Exit::Yes)
}
