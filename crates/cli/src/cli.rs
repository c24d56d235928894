//! The command line.

use clap::{Parser, Subcommand};

use crate::commands::{
    AgentCommand, AggregateArgs, BenchArgs, CompileArgs, CostArgs, DemoArgs, DemoL2Args,
    DeployArgs, DevnetArgs, FixturesArgs, InferArgs, InspectArgs, ModelVerifyArgs, OpsArgs,
    ProveArgs, RegisterArgs, RequestArgs, SetupArgs, SolidityArgs, SrsCommand, StatusArgs,
    VerifyArgs, WithdrawArgs,
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
    /// List the ONNX operators that are read: exit 1 if none has the given name
    Ops(OpsArgs),
    /// Run a bundle's model on inputs, integer and float side by side
    Infer(InferArgs),
    /// Generate a bundle's keys
    Setup(SetupArgs),
    /// Prove the answer to one input
    Prove(ProveArgs),
    /// Make one proof that verifies proofs of different models
    Aggregate(AggregateArgs),
    /// Check a proof: exit 0 valid, 1 invalid, 2 could not tell
    Verify(VerifyArgs),
    /// Write the verifier contract, key data and calldata
    Solidity(SolidityArgs),
    /// Say what a bundle, proof, verifying key or SRS file holds
    Inspect(InspectArgs),
    /// Deploy verifier, router, registry, hub and escrow
    Deploy(DeployArgs),
    /// Register a bundle's model
    Register(RegisterArgs),
    /// Ask a registered model for an answer
    Request(RequestArgs),
    /// Say what became of a request
    Status(StatusArgs),
    /// Take what the escrow owes the sender
    Withdraw(WithdrawArgs),
    /// Rebuild a registered key from its model: exit 0 the same, 1 another, 2 could not tell
    ModelVerify(ModelVerifyArgs),
    /// The same as `model-verify`, as two words
    #[command(subcommand, hide = true)]
    Model(ModelCommand),
    /// Answer requests: run, check or replay
    #[command(subcommand)]
    Agent(AgentCommand),
    /// What settling a model's requests costs, by way and chain
    Cost(CostArgs),
    /// Measure proving beside the peer's figures
    Bench(BenchArgs),
    /// Run a local chain with contracts, a registered model and an agent until ctrl-c
    Devnet(DevnetArgs),
    /// Show the whole way of a request on a local chain, and forged proofs being rejected
    Demo(DemoArgs),
    /// Show a batch settled on an OP-stack chain and its root carried to the base chain
    #[command(name = "demo-l2")]
    DemoL2(DemoL2Args),
    /// Remake the committed verifier and test fixtures
    #[command(hide = true)]
    Fixtures(FixturesArgs),
}

/// `haloracle model ...`
#[derive(Debug, Subcommand)]
enum ModelCommand {
    /// Rebuild a registered key from its model
    Verify(ModelVerifyArgs),
}

impl Cli {
    /// Runs the chosen command.
    pub(crate) fn run(self) -> eyre::Result<Exit> {
        let ui = Ui::new(self.json);
        match self.command {
            Command::Srs(command) => command.run(ui),
            Command::Compile(args) => args.run(ui),
            Command::Ops(args) => args.run(ui),
            Command::Infer(args) => args.run(ui),
            Command::Setup(args) => args.run(ui),
            Command::Prove(args) => args.run(ui),
            Command::Aggregate(args) => args.run(ui),
            Command::Verify(args) => args.run(ui),
            Command::Solidity(args) => args.run(ui),
            Command::Inspect(args) => args.run(ui),
            Command::Deploy(args) => args.run(ui),
            Command::Register(args) => args.run(ui),
            Command::Request(args) => args.run(ui),
            Command::Status(args) => args.run(ui),
            Command::Withdraw(args) => args.run(ui),
            Command::ModelVerify(args) | Command::Model(ModelCommand::Verify(args)) => args.run(ui),
            Command::Agent(command) => command.run(ui),
            Command::Cost(args) => args.run(ui),
            Command::Bench(args) => args.run(ui),
            Command::Devnet(args) => args.run(ui),
            Command::Demo(args) => args.run(ui),
            Command::DemoL2(args) => args.run(ui),
            Command::Fixtures(args) => args.run(ui),
        }
    }
}
