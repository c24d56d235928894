//! The `haloracle` binary.
//!
//! One file per command under `commands/`. Standard output carries data and nothing else
//! (`--json`: exactly one object), standard error carries talk. Exit codes: 0 done or yes,
//! 1 checked and false, 2 could not tell.

mod chain;
mod checkout;
mod cli;
mod commands;
mod exit;
mod inputs;
mod local;
mod text;
mod ui;

use std::panic;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;
use crate::exit::Exit;

fn main() -> ExitCode {
    // Fails only if a hook is installed already.
    let _ = color_eyre::config::HookBuilder::default()
        .display_env_section(false)
        .install();
    let cli = Cli::parse();
    // The proof system panics on some impossible inputs; a caller still gets an exit code.
    let exit = match panic::catch_unwind(|| cli.run()) {
        Ok(Ok(exit)) => exit,
        Ok(Err(error)) => {
            ui::print_error(&error);
            Exit::CouldNotTell
        }
        Err(_) => {
            eprintln!("error: this is a bug in haloracle; please report it with the lines above");
            Exit::CouldNotTell
        }
    };
    exit.into()
}
