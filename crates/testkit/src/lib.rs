//! Test support: a real anvil, forge artifacts, fault injection, the agent as a process and
//! random models.
//!
//! Only tests depend on this crate. Nothing here stands in for a part of the product: chains are
//! anvil nodes, contracts are what forge built, the agent is its real binary.
//!
//! Layers: imports `contracts` and `model` only.

pub mod anvil;
pub mod artifacts;
pub mod hub;
pub mod models;
pub mod operator;
pub mod process;
pub mod proxy;

pub use anvil::Anvil;
pub use artifacts::Artifact;
pub use hub::Hub;
pub use operator::{Operator, OperatorConfig};
pub use process::AgentProcess;
pub use proxy::{Fault, FaultyProxy};

use std::path::PathBuf;

/// Why test support could not do its work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TestkitError {
    /// A tool is neither installed by npm nor on the path.
    #[error("`{tool}` is neither under node_modules/@foundry-rs nor on PATH; run `npm ci`")]
    ToolMissing {
        /// The program's name.
        tool: &'static str,
    },
    /// A program could not be started, or a file could not be read.
    #[error("could not use `{}`", .path.display())]
    Io {
        /// Program or file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A process ended or said something unexpected.
    #[error("{what}: {output}")]
    Process {
        /// What was tried.
        what: String,
        /// What the process printed last.
        output: String,
    },
    /// Waiting took too long.
    #[error("timed out waiting for {what}; last output:\n{output}")]
    Timeout {
        /// What was waited for.
        what: String,
        /// What was seen last.
        output: String,
    },
    /// The node refused a call.
    #[error("node: {0}")]
    Node(#[from] alloy::transports::TransportError),
    /// A contract call failed.
    #[error("contract: {0}")]
    Contract(#[from] alloy::contract::Error),
    /// A pending transaction was lost.
    #[error("transaction: {0}")]
    Pending(#[from] alloy::providers::PendingTransactionError),
    /// A transaction reverted.
    #[error("{what} reverted: {reason}")]
    Reverted {
        /// What the transaction did.
        what: String,
        /// What the same call says now.
        reason: String,
    },
    /// A forge artifact lacks what it should hold.
    #[error("artifact `{name}`: {what}; run `forge build`")]
    Artifact {
        /// Contract name.
        name: String,
        /// What is wrong.
        what: String,
    },
}

/// The root of the repository: two folders above this crate.
pub fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .nth(2)
        .map(PathBuf::from)
        .unwrap_or_default()
}

/// A program of Foundry: from `variable`, from npm's platform package, or from `PATH`.
///
/// # Errors
/// [`TestkitError::ToolMissing`].
pub fn foundry_tool(tool: &'static str, variable: &str) -> Result<PathBuf, TestkitError> {
    if let Some(path) = std::env::var_os(variable) {
        return Ok(PathBuf::from(path));
    }
    let packages = repository().join("node_modules/@foundry-rs");
    let prefix = format!("{tool}-");
    let installed = std::fs::read_dir(packages)
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
        .map(|entry| entry.path().join("bin").join(tool));
    let on_path = std::env::var_os("PATH")
        .map(|path| {
            std::env::split_paths(&path)
                .map(|dir| dir.join(tool))
                .collect::<Vec<_>>()
        })
        .unwrap_or_default();
    installed
        .chain(on_path)
        .find(|path| path.is_file())
        .ok_or(TestkitError::ToolMissing { tool })
}
