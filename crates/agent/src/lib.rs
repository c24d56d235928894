//! The oracle operator's agent: watcher, jobs, prover workers, transaction outbox, health and
//! metrics.
//!
//! One request goes: log → job → proof → signed transaction → receipt at depth. Each arrow is a
//! commit in the [`store`] before the next effect, so a process killed anywhere goes on where it
//! was, and no request is lost, paid twice or sent twice at a time.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! use haloracle_agent::{CancellationToken, Config, LogFormat, logging, run};
//!
//! logging::init(LogFormat::Json);
//! let config = Config::read("agent.toml".as_ref())?;
//! let shutdown = CancellationToken::new();
//! let on_signal = shutdown.clone();
//! tokio::spawn(async move {
//!     let _ = tokio::signal::ctrl_c().await;
//!     on_signal.cancel();
//! });
//! run(config, shutdown).await?;
//! # Ok(())
//! # }
//! ```
//!
//! Layers: imports `model`, `prover` and `contracts`.

mod admission;
mod batch_submit;
mod batching;
mod chain;
pub mod check;
pub mod config;
pub mod cost;
pub mod crash;
mod error;
mod fees;
mod gather;
mod http;
mod l1;
pub mod logging;
mod metrics;
mod models;
mod outbox;
mod private;
mod prove;
mod provers;
pub mod registration;
pub mod replay;
mod rpc;
mod run;
mod settle;
pub mod signer;
mod store;
mod submitter;
mod watcher;

pub use check::{Check, CheckReport, CheckStatus, check};
pub use config::{Config, ConfigError};
pub use error::AgentError;
pub use logging::LogFormat;
pub use models::BundleError;
pub use replay::{Outcome, ReplayReport, Replayed, replay};
pub use rpc::{Class, Method, RpcError};
pub use run::run;
pub use signer::{Signer, SignerError};
pub use store::{JobState, StoreError};
pub use tokio_util::sync::CancellationToken;
