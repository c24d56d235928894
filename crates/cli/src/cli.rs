//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    CompileArgs, FixturesArgs, InferArgs, InspectArgs, ProveArgs, SetupArgs, SolidityArgs,
    SrsCommand, VerifyArgs,
};
use crate::exit::Exit;
use crate::ui::Ui;

/// Verifiable machine-learning inference for Ethereum contracts
///
/// Exit codes: 0 done or yes, 1 checked and false, 2 could not tell.
#[derive(Debug, Parser)]
#[command(name = "haloracle", version, propagate_version = true)]
pub(crate) struct Cli {
    /// Print reports as one JSON object
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make, check or import a structured reference string
    #[command(subcommand)]
    Srs(SrsCommand),
    /// Turn an ONNX model into a bundle
    Compile(CompileArgs),
    /// Run a bundle's model on inputs, integer and float side by side
    Infer(InferArgs),
    /// Generate a bundle's keys
    Setup(SetupArgs),
    /// Prove the answer to one input
    Prove(ProveArgs),
    /// Check a proof: exit 0 valid, 1 invalid, 2 could not tell
    Verify(VerifyArgs),
    /// Write the verifier contract, key data and calldata
    Solidity(SolidityArgs),
    /// Say what a bundle, proof, verifying key or SRS file holds
    Inspect(InspectArgs),
    /// Remake the committed verifier and test fixtures
    #[command(hide = true)]
    Fixtures(FixturesArgs),
}

impl Cli {
    /// Runs the chosen command.
    pub(crate) fn run(self) -> eyre::Result<Exit> {
        let ui = Ui::new(self.json);
        match self.command {
            Command::Srs(command) => command.run(ui),
            Command::Compile(args) => args.run(ui),
            Command::Infer(args) => args.run(ui),
            Command::Setup(args) => args.run(ui),
            Command::Prove(args) => args.run(ui),
            Command::Verify(args) => args.run(ui),
            Command::Solidity(args) => args.run(ui),
            Command::Inspect(args) => args.run(ui),
            Command::Fixtures(args) => args.run(ui),
        }
    }
}
