//! The programs: arguments, configuration, printing, exit codes. `commands/` has one file for each
//! command.
//!
//! In reading order: parse (`args.rs`), work out the meaning (`config.rs`), run the command. Then
//! turn its outcome into text or JSON and an exit code (`exit.rs`).

mod args;
mod commands;
mod config;
mod duration;
mod error;
mod exit;
mod flags;
mod format;
mod next;
mod printable;
mod session;
mod terminal;
mod width;

use std::io;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use serde_json::{Value, json};
use tokio::runtime::{Builder, Runtime};

use args::{Command, ComputeAllocations, FifoPnl, GlobalArgs, ValidateAllocations};
use config::{Config, mask_passwords};
use error::{CliError, CliResult};
pub use exit::Exit;
use flags::Typed;
use next::Next;
use session::Session;
use terminal::SystemClock;

use crate::engine::Timestamp;
use crate::files::remove_unfinished;
use crate::pipeline::{Cancel, Clock};
use crate::store::phase::{self, Phase};
use crate::store::sqlite::steps_taken;

/// The result of a command.
struct Outcome {
    /// The output for people.
    text: String,
    /// The output of `--json`.
    json: Value,
    /// The exit code.
    exit: Exit,
    /// The text is a summary of work done, which `--quiet` drops.
    is_summary: bool,
    /// The text is to be pasted into a file: its lines stay whole on any terminal.
    is_pasted: bool,
}

impl Outcome {
    /// Makes the result of a command that changed something: `--quiet` drops its text.
    fn summary(exit: Exit, text: String, json: Value) -> Self {
        Self {
            text,
            json,
            exit,
            is_summary: true,
            is_pasted: false,
        }
    }

    /// Makes the result of a command that shows something: `--quiet` leaves its text.
    fn answer(exit: Exit, text: String, json: Value) -> Self {
        Self {
            is_summary: false,
            ..Self::summary(exit, text, json)
        }
    }

    /// Makes the result of a command that shows lines for a file.
    fn pasted(text: String, json: Value) -> Self {
        Self {
            is_pasted: true,
            ..Self::answer(Exit::Done, text, json)
        }
    }
}

/// One of the programs: its arguments, and how they become a command.
trait Program: CommandFactory + FromArgMatches {
    /// The command of `fifo-pnl` that the program runs; empty: the arguments name the command.
    const COMMAND: &'static str;

    /// Splits the arguments into the command and the options of every command.
    fn split(self) -> (Command, GlobalArgs);
}

impl Program for FifoPnl {
    const COMMAND: &'static str = "";
    fn split(self) -> (Command, GlobalArgs) {
        (self.command, self.global)
    }
}

impl Program for ComputeAllocations {
    const COMMAND: &'static str = "compute";
    fn split(self) -> (Command, GlobalArgs) {
        (Command::Compute(self.args), self.global)
    }
}

impl Program for ValidateAllocations {
    const COMMAND: &'static str = "validate";
    fn split(self) -> (Command, GlobalArgs) {
        (Command::Validate(self.args), self.global)
    }
}

/// Runs `fifo-pnl`.
pub fn fifo_pnl() -> ExitCode {
    run::<FifoPnl>()
}

/// Runs `compute_allocations`.
pub fn compute_allocations() -> ExitCode {
    run::<ComputeAllocations>()
}

/// Runs `validate_allocations`.
pub fn validate_allocations() -> ExitCode {
    run::<ValidateAllocations>()
}

fn run<P: Program>() -> ExitCode {
    std::panic::set_hook(Box::new(|info| {
        terminal::note(&printable::panic_message(info));
    }));
    let code = match P::command().try_get_matches() {
        Ok(matches) => run_matches::<P>(&matches),
        Err(error) => end_of_parsing(error),
    };
    if let Some(steps) = steps_taken() {
        terminal::note(&format!("steps: {steps}"));
    }
    phase::reached(Phase::Ended);
    code
}

/// Prints the parser's result: an error, the help or the version.
fn end_of_parsing(error: clap::Error) -> ExitCode {
    let (kind, is_error) = (error.kind(), error.use_stderr());
    let text = printable::usage(error);
    if is_error && asks_for_json() {
        terminal::print_json(&usage_json(&text));
    }
    match is_error {
        true => terminal::note(text.trim_end()),
        false => terminal::print(&text),
    }
    match kind {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Exit::Done.into(),
        _ => Exit::Usage.into(),
    }
}

/// Tells whether `--json` is among arguments that could not be parsed.
fn asks_for_json() -> bool {
    let typed = std::env::args_os().skip(1);
    typed
        .take_while(|arg| arg != "--")
        .any(|arg| arg == "--json")
}

/// Returns an error of the argument parser as JSON, in the form of all other errors.
///
/// `text` is the parser's message: the error up to an empty line, then tips and the usage.
fn usage_json(text: &str) -> Value {
    let mut parts = text.trim().split("\n\n");
    let first = parts.next().unwrap_or_default();
    let one_line = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = one_line(first.strip_prefix("error: ").unwrap_or(first));
    let tips = parts
        .map(str::trim)
        .filter_map(|part| part.strip_prefix("tip: "));
    let hint = match tips
        .map(one_line)
        .reduce(|all, tip| format!("{all}; {tip}"))
    {
        Some(tips) => tips,
        None => "--help shows what can be typed".into(),
    };
    json!({ "error": message, "hint": hint, "state": Value::Null,
        "exit_code": Exit::Usage as u8 })
}

fn run_matches<P: Program>(matches: &ArgMatches) -> ExitCode {
    let typed = Typed::of(P::COMMAND, matches);
    let (command, global) = match P::from_arg_matches(matches) {
        Ok(program) => program.split(),
        Err(error) => return end_of_parsing(error),
    };
    let clock = SystemClock::start();
    let json = global.json;
    let mut next = Next::default();
    let done = check(&typed, &command, &global, clock.now())
        .and_then(|()| Config::load(&global))
        .and_then(|config| {
            next = Next::of(&config);
            typed.check_database(&config.database)?;
            run_to_outcome(command, config)
        });
    match done {
        Ok(outcome) => {
            if json {
                terminal::print_json(&outcome.json);
            } else if outcome.exit == Exit::Usage {
                // The command did nothing, so its text is an error message.
                terminal::note(outcome.text.trim_end());
            } else {
                match outcome.is_pasted {
                    true => terminal::print_whole(&outcome.text),
                    false => terminal::print(&outcome.text),
                }
            }
            outcome.exit.into()
        }
        Err(error) => {
            report(&error, &next, json);
            error.exit.into()
        }
    }
}

/// Checks the typed arguments, before anything is read or opened.
///
/// Errors: a flag without effect; a value that can't be read.
fn check(
    typed: &Typed<'_>,
    command: &Command,
    global: &GlobalArgs,
    now: Timestamp,
) -> CliResult<()> {
    typed.check()?;
    commands::check(command, now)?;
    typed.check_values()?;
    config::check_flags(global)
}

fn run_to_outcome(command: Command, config: Config) -> CliResult<Outcome> {
    terminal::hush_caught_panics();
    let runtime = runtime_for(&command)
        .map_err(|error| CliError::failed(format!("start the runtime: {error}")))?;
    let cancel = Cancel::default();
    let signals = terminal::stop_on_signal(cancel.clone())
        .map_err(|error| CliError::failed(format!("listen to signals: {error}")))?;
    let quiet = config.quiet;
    config.keep_files();
    let mut session = Session::new(config, commands::name(&command), cancel.clone());
    session.context.wait = commands::wait(&command);
    session.needs_all_rows = commands::needs_all_rows(&command);
    let done = runtime.block_on(async {
        let done = commands::run(command, &session).await;
        let closed = session.close().await;
        drop(signals);
        done.and_then(|outcome| closed.map(|()| outcome))
    });
    runtime.shutdown_background();
    // A thread that still reads or writes ends with the process.
    remove_unfinished();
    done.map(|mut outcome| {
        outcome.json = session.with_adapted(outcome.json);
        if quiet && outcome.is_summary && outcome.exit == Exit::Done {
            outcome.text.clear();
        }
        outcome
    })
}

/// Makes the runtime that waits for the databases.
///
/// One thread waits for data and works on it. With a second thread to wait, each piece of data
/// wakes two threads, on processors that the server may need: a full run took 5.7 s instead of 5.4
/// s. Only a tax export has a second thread, which reads ahead: printing its lines costs as much as
/// reading them.
fn runtime_for(command: &Command) -> io::Result<Runtime> {
    match command {
        Command::Tax(_) => Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build(),
        _ => Builder::new_current_thread().enable_all().build(),
    }
}

/// Prints an error, its hint, and the present state.
fn report(error: &CliError, next: &Next, as_json: bool) {
    let hint = next.in_text(&error.hint);
    if as_json {
        let masked = |text: &String| mask_passwords(text);
        let value = json!({ "error": masked(&error.message), "hint": masked(&hint),
            "state": error.state.as_ref().map(masked), "exit_code": error.exit as u8 });
        terminal::print_json(&value);
    }
    terminal::note(&format!("error: {}", printable::message(&error.message)));
    if !hint.is_empty() {
        terminal::note(&format!("hint: {}", printable::message(&hint)));
    }
    if let Some(state) = &error.state {
        terminal::note(&printable::message(state));
    }
}
