//! The agent's TOML configuration.
//!
//! Keys never appear in it: the keystore is a path, its password comes from a file or an
//! environment variable. Relative paths are relative to the configuration file, so that an agent
//! behaves the same wherever it is started. Unknown keys are errors: a misspelt limit must not
//! become no limit.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::primitives::{Address, U256};
use serde::Deserialize;

mod batch;
mod intake;

pub use batch::BatchConfig;
pub use intake::{IntakeConfig, IntakeError};

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// The file could not be read.
    #[error("could not read configuration `{}`", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what the agent expects.
    #[error("`{}` line {line}, column {column}: {message}", .path.display())]
    Parse {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// What is wrong.
        message: String,
    },
    /// A value is outside its range.
    #[error("`{}`: `{key}` {message}", .path.display())]
    Value {
        /// The file.
        path: PathBuf,
        /// The key.
        key: &'static str,
        /// What is wrong with its value.
        message: String,
    },
}

/// Everything an agent needs to know; see `docs/agent.md` for one line per key.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Chain the hub is on; an RPC node of another chain is refused.
    pub chain_id: u64,
    /// The inference hub.
    pub hub: Address,
    /// First block that may hold a request: the hub's deployment block.
    #[serde(default)]
    pub start_block: u64,
    /// Who is paid: any address, bound into every proof. Never zero.
    pub payee: Address,
    /// Directory of the agent's database; one agent per directory.
    pub state_dir: PathBuf,
    /// Models this agent proves.
    #[serde(default)]
    pub models: Vec<ModelConfig>,
    /// Nodes to talk to.
    pub rpc: RpcConfig,
    /// Who signs transactions.
    pub signer: SignerConfig,
    /// Proving.
    #[serde(default)]
    pub prover: ProverConfig,
    /// Transaction fees.
    #[serde(default)]
    pub fees: FeeConfig,
    /// Which requests are taken.
    #[serde(default)]
    pub admission: AdmissionConfig,
    /// Health and metrics.
    #[serde(default)]
    pub http: HttpConfig,
    /// Where private inputs are handed in; none are taken if absent.
    pub intake: Option<IntakeConfig>,
    /// Settling requests together; each is settled by a proof of its own if absent.
    pub batch: Option<BatchConfig>,
}

/// One model.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// Its compiled bundle.
    pub bundle: PathBuf,
    /// Registered id: the bundle then answers for this model only, not for others registered with
    /// its key.
    pub id: Option<U256>,
    /// Least fee in wei for this model, instead of `admission.min_fee_wei`.
    pub min_fee_wei: Option<u64>,
    /// Most requests of this model between proving and settlement at a time.
    #[serde(default = "default_max_pending")]
    pub max_pending: usize,
}

/// Nodes and how they are asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RpcConfig {
    /// HTTP addresses in order of preference; the next one is used when one fails.
    pub urls: Vec<String>,
    /// Time one call may take, in milliseconds.
    #[serde(default = "default_timeout")]
    pub timeout_ms: u64,
    /// Rounds over all nodes before a call is given up until the next poll.
    #[serde(default = "default_retries")]
    pub retries: u32,
    /// Time between two looks at the chain, in milliseconds.
    #[serde(default = "default_poll")]
    pub poll_interval_ms: u64,
    /// Most blocks asked for in one log query; halved when a node refuses.
    #[serde(default = "default_span")]
    pub log_span: u64,
    /// Blocks on top of a request's or receipt's block before it counts; 0 acts at once.
    #[serde(default = "default_confirmations")]
    pub confirmations: u64,
}

/// The encrypted keystore of the transaction signer.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignerConfig {
    /// Web3 secret storage file (version 3), as ethers, geth and cast write it.
    pub keystore: PathBuf,
    /// File holding the password; trailing newlines are ignored.
    pub password_file: Option<PathBuf>,
    /// Environment variable holding the password.
    pub password_env: Option<String>,
}

/// Proving.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProverConfig {
    /// Proofs made at the same time; each uses all cores for most of its time.
    pub workers: usize,
    /// Times a request is tried before it is set aside as failed.
    pub max_attempts: u32,
}

/// Transaction fees, in wei per gas where not said otherwise.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeeConfig {
    /// Never pay more per gas.
    pub max_fee_wei: u64,
    /// Tip per gas; asked from the node when absent.
    pub priority_fee_wei: Option<u64>,
    /// How much a replacement raises both fees, in percent; nodes want at least 10.
    pub bump_percent: u64,
    /// Seconds without inclusion before a transaction is replaced.
    pub bump_after_s: u64,
    /// Never send a transaction with more gas.
    pub gas_limit: u64,
    /// Transactions waiting for inclusion at a time.
    pub max_in_flight: usize,
    /// Balance in wei below which the agent warns and `ready` says so.
    pub low_balance_wei: u64,
}

/// Which requests are taken.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdmissionConfig {
    /// Least fee of a request, in wei.
    pub min_fee_wei: u64,
    /// Least of fee minus owner's share minus gas, in wei; negative pays for others' requests.
    pub min_profit_wei: i64,
    /// Gas that a settlement is expected to cost, without the callback.
    pub expected_gas: u64,
    /// Seconds a request must still have before its deadline when proving starts.
    pub min_seconds_left: u64,
}

/// Health and metrics.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    /// Where `/live`, `/ready` and `/metrics` are served.
    pub listen: SocketAddr,
}

fn default_max_pending() -> usize {
    64
}
fn default_timeout() -> u64 {
    10_000
}
fn default_retries() -> u32 {
    4
}
fn default_poll() -> u64 {
    1_000
}
fn default_span() -> u64 {
    2_000
}
fn default_confirmations() -> u64 {
    2
}

impl Default for ProverConfig {
    fn default() -> Self {
        Self {
            workers: 1,
            max_attempts: 5,
        }
    }
}

impl Default for FeeConfig {
    fn default() -> Self {
        Self {
            max_fee_wei: 200_000_000_000,
            priority_fee_wei: None,
            bump_percent: 25,
            bump_after_s: 60,
            gas_limit: 5_000_000,
            max_in_flight: 16,
            low_balance_wei: 10_000_000_000_000_000,
        }
    }
}

impl Default for AdmissionConfig {
    fn default() -> Self {
        Self {
            min_fee_wei: 0,
            min_profit_wei: 0,
            expected_gas: 650_000,
            min_seconds_left: 15,
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 9464)),
        }
    }
}

impl Config {
    /// Reads and checks a configuration file; touches nothing else.
    ///
    /// # Errors
    /// The file is unreadable, not well-formed (with line and column), or a value is senseless.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_path_buf(),
            source,
        })?;
        Self::parse(&text, path)
    }

    /// As [`Self::read`], for text that came from `path`.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|error| {
            let before = &text[..error.span().map_or(0, |span| span.start).min(text.len())];
            ConfigError::Parse {
                path: path.to_path_buf(),
                line: before.matches('\n').count() + 1,
                column: before.chars().rev().take_while(|c| *c != '\n').count() + 1,
                message: error.message().to_owned(),
            }
        })?;
        config.check_values(path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        let password = config.signer.password_file.iter_mut();
        let bundles = config.models.iter_mut().map(|model| &mut model.bundle);
        let intake = config.intake.iter_mut();
        let intake = intake.flat_map(|intake| [&mut intake.token_file, &mut intake.secret_file]);
        [&mut config.state_dir, &mut config.signer.keystore]
            .into_iter()
            .chain(password)
            .chain(intake.flatten())
            .chain(bundles)
            .for_each(|path| *path = base.join(&*path));
        Ok(config)
    }

    fn check_values(&self, path: &Path) -> Result<(), ConfigError> {
        let signer = &self.signer;
        let wrong = [
            (
                self.payee.is_zero(),
                "payee",
                "is the zero address: nobody would be paid",
            ),
            (self.hub.is_zero(), "hub", "is the zero address"),
            (self.rpc.urls.is_empty(), "rpc.urls", "is empty"),
            (self.rpc.log_span == 0, "rpc.log_span", "must be at least 1"),
            (
                self.rpc.timeout_ms == 0,
                "rpc.timeout_ms",
                "must be at least 1",
            ),
            (
                self.rpc.poll_interval_ms == 0,
                "rpc.poll_interval_ms",
                "must be at least 1",
            ),
            (
                self.prover.workers == 0,
                "prover.workers",
                "must be at least 1",
            ),
            (
                self.prover.max_attempts == 0,
                "prover.max_attempts",
                "must be at least 1",
            ),
            (
                self.fees.bump_percent < 10,
                "fees.bump_percent",
                "must be at least 10",
            ),
            (
                self.fees.max_fee_wei == 0,
                "fees.max_fee_wei",
                "must be at least 1",
            ),
            (
                self.fees.max_in_flight == 0,
                "fees.max_in_flight",
                "must be at least 1",
            ),
            (
                signer.password_file.is_some() == signer.password_env.is_some(),
                "signer",
                "needs either `password_file` or `password_env`",
            ),
        ];
        let intake = self.intake.iter().flat_map(IntakeConfig::wrong);
        let batch = self.batch.iter().flat_map(BatchConfig::wrong);
        let mut all = wrong.into_iter().chain(intake).chain(batch);
        if let Some((_, key, message)) = all.find(|(wrong, ..)| *wrong) {
            return Err(ConfigError::Value {
                path: path.to_path_buf(),
                key,
                message: message.to_owned(),
            });
        }
        Ok(())
    }

    /// Time between two looks at the chain.
    pub fn poll_interval(&self) -> Duration {
        Duration::from_millis(self.rpc.poll_interval_ms)
    }
}

#[cfg(test)]
mod tests;
