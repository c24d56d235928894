//! The agent as a process of its own: `haloracle agent run`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use alloy::primitives::{Address, U256};
use eyre::{WrapErr, ensure};
use serde_json::Value;

use crate::chain::view::show_id;
use crate::text::write;

use super::accounts::Account;
use super::child::Guarded;

/// Longest time of a clean end.
const STOP: Duration = Duration::from_secs(15);
/// Pause between the agent's looks at a node on this machine, in milliseconds.
const POLL_MS: u64 = 150;

/// What the agent is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Job<'a> {
    /// Node.
    pub(crate) rpc_url: &'a str,
    /// Its chain.
    pub(crate) chain_id: u64,
    /// The hub.
    pub(crate) hub: Address,
    /// First block to read.
    pub(crate) start_block: u64,
    /// Who is paid.
    pub(crate) payee: Address,
    /// Who signs.
    pub(crate) signer: Account,
    /// The model's bundle.
    pub(crate) bundle: &'a Path,
    /// Its id.
    pub(crate) model_id: U256,
}

/// A running agent.
#[derive(Debug)]
pub(crate) struct Agent {
    process: Guarded,
    log: PathBuf,
}

/// A basic string of TOML: JSON escapes are TOML's.
fn quoted(path: &Path) -> String {
    Value::from(path.display().to_string()).to_string()
}

impl Agent {
    /// Writes configuration and keystore into `dir` and starts the agent.
    pub(crate) fn start(dir: &Path, job: Job<'_>) -> eyre::Result<Self> {
        let (keystore, password) = job.signer.keystore(&dir.join("keys"))?;
        let absolute = |path: &Path| std::path::absolute(path).map(|path| quoted(&path));
        let config = format!(
            "chain_id = {}\nhub = \"{}\"\nstart_block = {}\npayee = \"{}\"\nstate_dir = \"state\"\n\
             \n[rpc]\nurls = [\"{}\"]\npoll_interval_ms = {POLL_MS}\nconfirmations = 0\n\
             \n[signer]\nkeystore = {}\npassword_file = {}\n\
             \n[[models]]\nbundle = {}\nid = \"{}\"\n\
             \n[admission]\nmin_profit_wei = -10000000000000000\n\
             \n[http]\nlisten = \"127.0.0.1:0\"\n",
            job.chain_id,
            job.hub,
            job.start_block,
            job.payee,
            job.rpc_url,
            absolute(&keystore)?,
            absolute(&password)?,
            absolute(job.bundle)?,
            show_id(job.model_id),
        );
        let path = dir.join("agent.toml");
        write(&path, config.as_bytes())?;
        let log = dir.join("agent.log");
        let output = File::create(&log).wrap_err_with(|| format!("`{}`", log.display()))?;
        let program = std::env::current_exe().wrap_err("where is this program?")?;
        let mut command = Command::new(program);
        command
            .args(["agent", "run", "--json", "--config"])
            .arg(&path)
            .stdout(Stdio::null())
            .stderr(output);
        Ok(Self {
            process: Guarded::spawn("the agent", &mut command)?,
            log,
        })
    }

    /// Fails, with the log's end, if the agent has ended.
    pub(crate) fn require_running(&mut self) -> eyre::Result<()> {
        let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
        self.process.require_running().wrap_err_with(|| {
            let log = log();
            let lines: Vec<&str> = log.lines().collect();
            lines[lines.len().saturating_sub(10)..].join("\n")
        })
    }

    /// Where its log lines go.
    pub(crate) fn log(&self) -> &Path {
        &self.log
    }

    /// Seconds that the agent says it took to prove the answer to request `id`.
    pub(crate) fn proof_seconds(&self, id: U256) -> Option<f64> {
        let log = std::fs::read_to_string(&self.log).ok()?;
        let lines = log.lines().filter(|line| line.contains(&show_id(id)));
        let mut lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["message"] == "proved")?["seconds"].as_f64()
    }

    /// Ends the agent as a service manager would.
    pub(crate) fn stop(mut self) -> eyre::Result<()> {
        let status = self.process.stop("TERM", STOP)?;
        ensure!(status.success(), "the agent did not end cleanly: {status}");
        Ok(())
    }
}
