//! Data to standard output, talk to standard error.

use std::fmt::Display;
use std::io::{self, Write};
use std::time::Duration;

use eyre::WrapErr;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// Time between two pictures of a spinner.
const TICK: Duration = Duration::from_millis(120);

/// How a command talks to its caller.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ui {
    json: bool,
}

/// A spinner on standard error; gone when dropped, and never shown where nobody watches.
#[derive(Debug)]
pub(crate) struct Working(ProgressBar);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Working {
    /// Tells the caller something that is not data, without tearing the spinner.
    pub(crate) fn say(&self, what: impl Display) {
        self.0.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{what}");
        });
    }

    /// Says what is being done now.
    pub(crate) fn now(&self, what: impl Into<String>) {
        self.0.set_message(what.into());
    }
}

impl Ui {
    /// `json`: reports are one JSON object instead of text.
    pub(crate) fn new(json: bool) -> Self {
        Self { json }
    }

    /// Whether reports are JSON.
    pub(crate) fn is_json(self) -> bool {
        self.json
    }

    /// Prints the report of a command.
    pub(crate) fn data<T: Serialize + Display>(self, report: &T) -> eyre::Result<()> {
        let text = if self.json {
            serde_json::to_string(report).wrap_err("could not encode the report")?
        } else {
            report.to_string()
        };
        let mut out = io::stdout().lock();
        let written = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
        match written {
            // Whoever reads has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.wrap_err("could not write to standard output"),
        }
    }

    /// Tells the caller something that is not data.
    pub(crate) fn say(self, what: impl Display) {
        let _ = writeln!(io::stderr().lock(), "{what}");
    }

    /// Shows that something takes its time.
    pub(crate) fn working(self, what: impl Into<String>) -> Working {
        let bar = ProgressBar::new_spinner().with_message(what.into());
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} ({elapsed})") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(TICK);
        Working(bar)
    }
}

/// Prints an error and what caused it; with a backtrace if `RUST_BACKTRACE` is `full`.
pub(crate) fn print_error(error: &eyre::Report) {
    let mut out = io::stderr().lock();
    if std::env::var_os("RUST_BACKTRACE").is_some_and(|value| value == "full") {
        let _ = writeln!(out, "{error:?}");
        return;
    }
    let mut shown = error.to_string();
    let _ = writeln!(out, "error: {shown}");
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Many errors tell their cause themselves.
        if !shown.contains(&cause) {
            let _ = writeln!(out, "  because: {cause}");
            shown = cause;
        }
    }
}
