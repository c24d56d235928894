//! One file per command.

mod answer;
mod compile;
mod fixtures;
mod infer;
mod inspect;
mod prove;
mod setup;
mod solidity;
mod srs;
mod verify;

pub(crate) use compile::CompileArgs;
pub(crate) use fixtures::FixturesArgs;
pub(crate) use infer::InferArgs;
pub(crate) use inspect::InspectArgs;
pub(crate) use prove::ProveArgs;
pub(crate) use setup::SetupArgs;
pub(crate) use solidity::SolidityArgs;
pub(crate) use srs::SrsCommand;
pub(crate) use verify::VerifyArgs;
