//! `haloracle agent`: the operator's agent.

use std::fmt;
use std::path::PathBuf;

use clap::Subcommand;
use eyre::WrapErr;
use haloracle_agent::{
    CancellationToken, CheckReport, CheckStatus, Config, LogFormat, Outcome, ReplayReport, check,
    logging, replay, run,
};
use serde::Serialize;
use tokio::signal::unix::{SignalKind, signal};

use crate::chain::block_on;
use crate::exit::Exit;
use crate::ui::Ui;

/// `haloracle agent ...`
#[derive(Debug, Subcommand)]
pub(crate) enum AgentCommand {
    /// Answer requests until told to stop; with --json, log lines are JSON
    Run(ConfigArgs),
    /// Look at everything the configuration names, changing nothing: exit 0 usable, 2 not
    Check(ConfigArgs),
    /// Run past requests again: exit 0 all answers equal, 1 one differs, 2 could not tell
    Replay {
        #[command(flatten)]
        config: ConfigArgs,
        /// First block
        #[arg(long, value_name = "BLOCK")]
        from: u64,
    },
}

/// The agent's configuration.
#[derive(Debug, clap::Args)]
pub(crate) struct ConfigArgs {
    /// Configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Checked(CheckReport);

impl fmt::Display for Checked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.checks.iter().try_for_each(|check| {
            let status = match check.status {
                CheckStatus::Ok => "ok",
                CheckStatus::Warning => "WARNING",
                CheckStatus::Failed => "FAILED",
                _ => "?",
            };
            writeln!(f, "{status:<8} {:<12} {}", check.name, check.detail)
        })
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct Rerun(ReplayReport);

impl fmt::Display for Rerun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ReplayReport { from, to, requests } = &self.0;
        writeln!(f, "{} requests in blocks {from} to {to}", requests.len())?;
        requests.iter().try_for_each(|request| {
            let outcome = match &request.outcome {
                Outcome::Equal => "equal".to_owned(),
                Outcome::Different {
                    word,
                    computed,
                    settled,
                } => {
                    format!("DIFFERENT in word {word}: computed {computed}, settled {settled}")
                }
                Outcome::NotSettled => "not settled".to_owned(),
                Outcome::NoBundle => "no bundle for its model".to_owned(),
                Outcome::NoAnswer { reason } => format!("NO ANSWER: {reason}"),
                _ => "unknown".to_owned(),
            };
            writeln!(f, "{} block {}: {outcome}", request.id, request.block)
        })
    }
}

impl AgentCommand {
    /// Runs the command.
    pub(crate) fn run(self, ui: Ui) -> eyre::Result<Exit> {
        match self {
            Self::Run(args) => {
                let config = Config::read(&args.config)?;
                logging::init(if ui.is_json() {
                    LogFormat::Json
                } else {
                    LogFormat::Text
                });
                block_on(async {
                    let shutdown = CancellationToken::new();
                    cancel_on_signal(shutdown.clone())?;
                    run(config, shutdown).await?;
                    Ok(Exit::Yes)
                })
            }
            Self::Check(args) => {
                let config = Config::read(&args.config)?;
                let report = block_on(async { Ok(check(&config).await) })?;
                let exit = if report.is_ok() {
                    Exit::Yes
                } else {
                    Exit::CouldNotTell
                };
                ui.data(&Checked(report))?;
                Ok(exit)
            }
            Self::Replay { config, from } => {
                let config = Config::read(&config.config)?;
                let working = ui.working("running past requests again");
                let report = block_on(async { Ok(replay(&config, from).await?) })?;
                drop(working);
                let exit = Exit::from_verdict(report.is_consistent());
                ui.data(&Rerun(report))?;
                Ok(exit)
            }
        }
    }
}

/// Cancels `token` on SIGINT or SIGTERM.
pub(crate) fn cancel_on_signal(token: CancellationToken) -> eyre::Result<()> {
    let listen = |kind| signal(kind).wrap_err("could not listen for signals");
    let (mut interrupt, mut terminate) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
    );
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        token.cancel();
    });
    Ok(())
}
