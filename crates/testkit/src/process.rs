//! The agent as the real process, for tests that kill it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::TestkitError;

/// Environment variable at whose point the agent dies, see the agent's `crash` module.
pub const CRASH_AT: &str = "HALORACLE_CRASH_AT";
/// Environment variable at whose point the agent hangs, so that a test may kill it there.
pub const HOLD_AT: &str = "HALORACLE_HOLD_AT";

/// How often a waiting test looks again.
const POLL: Duration = Duration::from_millis(25);
/// First of the ports that [`free_port`] gives.
const FIRST_PORT: u16 = 20_000;
/// How many there are.
const PORTS: u16 = 12_000;

/// A running `haloracle agent run`; killed when dropped.
#[derive(Debug)]
pub struct AgentProcess {
    child: Child,
    log: PathBuf,
}

impl AgentProcess {
    /// Starts `binary agent run --config CONFIG`; its output goes to `log`, which is appended to.
    ///
    /// # Errors
    /// The binary cannot be started or the log cannot be opened.
    pub fn spawn(
        binary: &Path,
        config: &Path,
        log: &Path,
        environment: &[(&str, &str)],
    ) -> Result<Self, TestkitError> {
        let at = |path: &Path| {
            let path = path.to_path_buf();
            move |source| TestkitError::Io { path, source }
        };
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(at(log))?;
        let errors = output.try_clone().map_err(at(log))?;
        let child = Command::new(binary)
            .args(["agent", "run", "--config"])
            .arg(config)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .map_err(at(binary))?;
        Ok(Self {
            child,
            log: log.to_path_buf(),
        })
    }

    /// Everything the agent printed so far, earlier runs on the same log included.
    pub fn output(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits for the process to end.
    ///
    /// # Errors
    /// It still runs after `limit`.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus, TestkitError> {
        let start = Instant::now();
        loop {
            let status = self.child.try_wait().map_err(|source| TestkitError::Io {
                path: self.log.clone(),
                source,
            })?;
            match status {
                Some(status) => return Ok(status),
                None if start.elapsed() > limit => return Err(self.timeout("the agent to end")),
                None => thread::sleep(POLL),
            }
        }
    }

    /// Waits until the log holds `text`.
    ///
    /// # Errors
    /// It does not within `limit`, or the agent ended before.
    pub fn wait_for(&mut self, text: &str, limit: Duration) -> Result<(), TestkitError> {
        let start = Instant::now();
        loop {
            if self.output().contains(text) {
                return Ok(());
            }
            if start.elapsed() > limit || matches!(self.child.try_wait(), Ok(Some(_))) {
                return Err(self.timeout(&format!("`{text}` in the log")));
            }
            thread::sleep(POLL);
        }
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the agent to stop with SIGTERM, as a service manager does.
    ///
    /// # Errors
    /// The signal could not be sent.
    pub fn terminate(&self) -> Result<(), TestkitError> {
        let kill = PathBuf::from("kill");
        let status = Command::new(&kill)
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .map_err(|source| TestkitError::Io { path: kill, source })?;
        if status.success() {
            Ok(())
        } else {
            Err(self.timeout("the agent to accept SIGTERM"))
        }
    }

    fn timeout(&self, what: &str) -> TestkitError {
        let output = self.output();
        let lines: Vec<&str> = output.lines().collect();
        TestkitError::Timeout {
            what: what.into(),
            output: lines[lines.len().saturating_sub(30)..].join("\n"),
        }
    }
}

impl Drop for AgentProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that was free a moment ago.
///
/// # Errors
/// None is free.
pub fn free_port() -> std::io::Result<u16> {
    // Below the range that systems take the ports of outgoing connections from: such a port could
    // be gone by the time it is bound again. Processes start at different places, and a process
    // gives every port once.
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = (std::process::id() % u32::from(PORTS)) as u16;
    let mut refused = std::io::Error::from(std::io::ErrorKind::AddrInUse);
    for _ in 0..PORTS {
        let offset = NEXT.fetch_add(1, Ordering::Relaxed);
        // An odd step visits all of them, neighbouring processes far apart.
        let port = FIRST_PORT + start.wrapping_mul(97).wrapping_add(offset) % PORTS;
        match std::net::TcpListener::bind(("127.0.0.1", port)) {
            Ok(_) => return Ok(port),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}
