//! Child processes that do not outlive this one.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use eyre::{WrapErr, ensure, eyre};

/// Pause between two looks at a process.
const POLL: Duration = Duration::from_millis(20);

/// A process that is killed when dropped.
#[derive(Debug)]
pub(crate) struct Guarded {
    child: Child,
    name: &'static str,
}

impl Guarded {
    /// Starts a process that reads nothing.
    pub(crate) fn spawn(name: &'static str, command: &mut Command) -> eyre::Result<Self> {
        let child = command.stdin(Stdio::null()).spawn();
        let program = command.get_program().to_string_lossy().into_owned();
        let child = child.wrap_err_with(|| format!("could not start {name} (`{program}`)"))?;
        Ok(Self { child, name })
    }

    /// Its standard output, if it was piped and not taken yet.
    pub(crate) fn stdout(&mut self) -> Option<std::process::ChildStdout> {
        self.child.stdout.take()
    }

    /// Fails if the process has ended.
    pub(crate) fn require_running(&mut self) -> eyre::Result<()> {
        let ended = self.child.try_wait().wrap_err(self.name)?;
        match ended {
            None => Ok(()),
            Some(status) => Err(eyre!("{} ended unexpectedly: {status}", self.name)),
        }
    }

    /// Asks the process to end with a signal, such as `TERM`, and waits.
    pub(crate) fn stop(&mut self, signal: &str, limit: Duration) -> eyre::Result<ExitStatus> {
        let asked = Command::new("kill")
            .args([&format!("-{signal}"), &self.child.id().to_string()])
            .status()
            .wrap_err("could not run `kill`")?;
        ensure!(
            asked.success(),
            "could not send SIG{signal} to {}",
            self.name
        );
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().wrap_err(self.name)? {
                return Ok(status);
            }
            ensure!(start.elapsed() < limit, "{} does not end", self.name);
            thread::sleep(POLL);
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // Errors mean that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
