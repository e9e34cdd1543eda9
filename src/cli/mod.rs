//! The programs: arguments, configuration, printing, exit codes. One file a command in `commands/`.
//!
//! In reading order: parse (`args.rs`), work out what it means (`config.rs`), run the command,
//! turn its outcome into text or JSON and an exit code (`exit.rs`).

mod args;
mod commands;
mod config;
mod duration;
mod error;
mod exit;
mod format;
mod session;
mod terminal;

use std::io;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;
use serde_json::json;
use tokio::runtime::{Builder, Runtime};

use args::{Command, ComputeAllocations, FifoPnl, GlobalArgs, ValidateAllocations};
use config::Config;
use error::{CliError, CliResult};
pub use exit::Exit;
use session::Session;

use crate::files::remove_unfinished;
use crate::pipeline::Cancel;

/// What a command has to say when it is done.
struct Outcome {
    /// For people.
    text: String,
    /// For programs.
    json: serde_json::Value,
    /// What the caller is told.
    exit: Exit,
    /// The text is a summary of something done, which `--quiet` drops.
    is_summary: bool,
}

/// Runs `fifo-pnl`.
pub fn fifo_pnl() -> ExitCode {
    let FifoPnl {
        command, global, ..
    } = match parse() {
        Ok(args) => args,
        Err(exit) => return exit,
    };
    run(command, &global)
}

/// Runs `compute_allocations`.
pub fn compute_allocations() -> ExitCode {
    let ComputeAllocations { args, global, .. } = match parse() {
        Ok(args) => args,
        Err(exit) => return exit,
    };
    run(Command::Compute(args), &global)
}

/// Runs `validate_allocations`.
pub fn validate_allocations() -> ExitCode {
    let ValidateAllocations { args, global, .. } = match parse() {
        Ok(args) => args,
        Err(exit) => return exit,
    };
    run(Command::Validate(args), &global)
}

fn parse<A: Parser>() -> Result<A, ExitCode> {
    A::try_parse().map_err(|error| {
        let _ = error.print();
        match error.kind() {
            ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done.into(),
            _ => Exit::Usage.into(),
        }
    })
}

fn run(command: Command, global: &GlobalArgs) -> ExitCode {
    let done = run_to_outcome(command, global);
    match done {
        Ok(outcome) => {
            if global.json {
                terminal::print(&format!("{:#}\n", outcome.json));
            } else if outcome.exit == Exit::Usage {
                // Nothing was done: all that there is to say is what is wrong.
                terminal::note(outcome.text.trim_end());
            } else {
                terminal::print(&outcome.text);
            }
            outcome.exit.into()
        }
        Err(error) => {
            report(&error, global.json);
            error.exit.into()
        }
    }
}

fn run_to_outcome(command: Command, global: &GlobalArgs) -> CliResult<Outcome> {
    terminal::hush_caught_panics();
    let config = Config::load(global)?;
    let runtime = runtime_for(&command)
        .map_err(|error| CliError::failed(format!("start the runtime: {error}")))?;
    let cancel = Cancel::default();
    let signals = terminal::stop_on_signal(cancel.clone())
        .map_err(|error| CliError::failed(format!("listen to signals: {error}")))?;
    let quiet = global.quiet;
    let mut session = Session::new(config, commands::name(&command), cancel.clone());
    session.context.wait = commands::wait(&command);
    let done = runtime.block_on(async {
        let done = commands::run(command, &session).await;
        session.close().await;
        drop(signals);
        done
    });
    runtime.shutdown_background();
    // A thread that is still reading or writing ends with the process.
    remove_unfinished();
    done.map(|mut outcome| {
        if quiet && outcome.is_summary && outcome.exit == Exit::Done {
            outcome.text.clear();
        }
        outcome
    })
}

/// Makes the runtime that waits for the databases.
///
/// One thread waits and works on what comes. Where another one waits for it, each piece wakes two
/// threads, on processors that a server on the same machine is using: a full run took 5.7 s then,
/// and takes 5.4 s. But the lines of a tax export cost as much as reading them, so there another
/// thread reads ahead.
fn runtime_for(command: &Command) -> io::Result<Runtime> {
    match command {
        Command::Tax(_) => Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build(),
        _ => Builder::new_current_thread().enable_all().build(),
    }
}

/// Prints an error: what went wrong, what to do, and what still stands.
fn report(error: &CliError, as_json: bool) {
    if as_json {
        let value = json!({ "error": error.message, "hint": error.hint, "state": error.state,
            "exit_code": error.exit as u8 });
        terminal::print(&format!("{value:#}\n"));
    }
    terminal::note(&format!("error: {}", error.message));
    if !error.hint.is_empty() {
        terminal::note(&format!("hint: {}", error.hint));
    }
    if let Some(state) = &error.state {
        terminal::note(state);
    }
}
