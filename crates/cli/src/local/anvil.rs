//! An anvil node on a free port.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use eyre::eyre;

use crate::checkout::Checkout;

use super::child::Guarded;

/// Longest time until the node listens.
const START: Duration = Duration::from_secs(20);
/// Longest time until a stopped node has written its state.
const STOP: Duration = Duration::from_secs(20);
/// Overrides where anvil is looked for.
const PROGRAM: &str = "HALORACLE_ANVIL";

/// A running node.
#[derive(Debug)]
pub(crate) struct Anvil {
    process: Guarded,
    url: String,
}

/// The program: as the environment says, else from npm's platform package, else from PATH.
fn program(checkout: &Checkout) -> eyre::Result<PathBuf> {
    if let Some(path) = std::env::var_os(PROGRAM) {
        return Ok(path.into());
    }
    let packages = std::fs::read_dir(checkout.path("node_modules/@foundry-rs"));
    let installed = packages
        .into_iter()
        .flatten()
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with("anvil-"))
        .map(|entry| entry.path().join("bin/anvil"));
    let on_path = std::env::var_os("PATH");
    let on_path: Vec<PathBuf> = on_path.iter().flat_map(std::env::split_paths).collect();
    installed
        .chain(on_path.into_iter().map(|folder| folder.join("anvil")))
        .find(|path| path.is_file())
        .ok_or_else(|| eyre!("anvil is neither under node_modules nor on PATH; run `make tools`"))
}

impl Anvil {
    /// Starts a node; `port` 0 takes a free one.
    pub(crate) fn start(checkout: &Checkout, port: u16, more: &[&str]) -> eyre::Result<Self> {
        Self::spawn(checkout, port, "cancun", more)
    }

    /// Starts an OP-stack node under `hardfork` on a free port.
    pub(crate) fn start_optimism(
        checkout: &Checkout,
        hardfork: &str,
        more: &[&str],
    ) -> eyre::Result<Self> {
        let network = [&["--network", "optimism"], more].concat();
        Self::spawn(checkout, 0, hardfork, &network)
    }

    fn spawn(checkout: &Checkout, port: u16, hardfork: &str, more: &[&str]) -> eyre::Result<Self> {
        let mut command = Command::new(program(checkout)?);
        command
            .args(["--port", &port.to_string(), "--hardfork", hardfork])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut process = Guarded::spawn("anvil", &mut command)?;
        let (sender, address) = mpsc::channel();
        if let Some(output) = process.stdout() {
            // Reads to the end: a full pipe would stop the node.
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if let Some(address) = line.strip_prefix("Listening on ") {
                        let _ = sender.send(address.to_owned());
                    }
                }
            });
        }
        let address = address.recv_timeout(START);
        let address =
            address.map_err(|_| eyre!("anvil does not listen; is port {port} in use?"))?;
        Ok(Self {
            process,
            url: format!("http://{address}"),
        })
    }

    /// Its HTTP address.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Fails if the node has ended.
    pub(crate) fn require_running(&mut self) -> eyre::Result<()> {
        self.process.require_running()
    }

    /// Stops a node that was started with `--dump-state` and returns the state it wrote.
    pub(crate) fn stop_and_read(mut self, state: &Path) -> eyre::Result<Vec<u8>> {
        self.process.stop("INT", STOP)?;
        crate::text::read(state)
    }
}
