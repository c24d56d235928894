//! One file per command.

mod agent;
mod answer;
mod bench;
mod compile;
mod deploy;
mod fixtures;
mod infer;
mod inspect;
mod model_verify;
mod prove;
mod register;
mod request;
mod setup;
mod solidity;
mod srs;
mod status;
mod verify;
mod withdraw;

pub(crate) use agent::AgentCommand;
pub(crate) use bench::BenchArgs;
pub(crate) use compile::CompileArgs;
pub(crate) use deploy::DeployArgs;
pub(crate) use fixtures::FixturesArgs;
pub(crate) use infer::InferArgs;
pub(crate) use inspect::InspectArgs;
pub(crate) use model_verify::ModelVerifyArgs;
pub(crate) use prove::ProveArgs;
pub(crate) use register::RegisterArgs;
pub(crate) use request::RequestArgs;
pub(crate) use setup::SetupArgs;
pub(crate) use solidity::SolidityArgs;
pub(crate) use srs::SrsCommand;
pub(crate) use status::StatusArgs;
pub(crate) use verify::VerifyArgs;
pub(crate) use withdraw::WithdrawArgs;
