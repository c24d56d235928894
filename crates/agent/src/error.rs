//! The agent's error.

use std::net::SocketAddr;

use crate::{
    config::{ConfigError, IntakeError},
    models::BundleError,
    rpc::RpcError,
    signer::SignerError,
    store::StoreError,
};

/// Why the agent cannot start or had to stop. Trouble with a single request is never one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AgentError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The state directory.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The keystore.
    #[error(transparent)]
    Signer(#[from] SignerError),
    /// A bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
    /// The intake's files.
    #[error(transparent)]
    Intake(#[from] IntakeError),
    /// The nodes.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The nodes are on another chain than configured.
    #[error("configured for chain {expected}, but the node is on chain {got}")]
    WrongChain {
        /// `chain_id` of the configuration.
        expected: u64,
        /// What the node says.
        got: u64,
    },
    /// The chain contradicts more of what was read than any reorganisation does.
    #[error(
        "the chain differs from what was read for more than {depth} blocks: are the nodes on the \
         right chain? If so, start with an empty `state_dir`"
    )]
    DeepReorg {
        /// Blocks that differ.
        depth: u64,
    },
    /// A server cannot listen.
    #[error("could not serve on {address}")]
    Http {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// A part of the agent ended unexpectedly.
    #[error("the {0} stopped unexpectedly")]
    Stopped(&'static str),
}

impl AgentError {
    /// Whether the next attempt may succeed without anybody's help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Rpc(error) => error.is_transient(),
            Self::Config(_)
            | Self::Store(_)
            | Self::Signer(_)
            | Self::Bundle(_)
            | Self::Intake(_)
            | Self::WrongChain { .. }
            | Self::DeepReorg { .. }
            | Self::Http { .. }
            | Self::Stopped(_) => false,
        }
    }
}
