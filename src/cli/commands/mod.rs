//! One file for each command: it calls the pipeline, describes the report, and chooses the exit
//! code.

mod account;
mod actions;
mod compare;
mod compute;
mod counts;
mod decided;
mod explain;
mod formats;
mod health;
mod history;
mod import;
mod incremental;
mod migrate;
mod pools;
mod prune;
mod rates;
mod review;
mod run;
mod tax;
mod transfers;
mod validate;
mod versions;
mod void;
mod wanted;

use super::Outcome;
use super::args::{
    ActionsCommand, Command, HistoryCommand, MigrateCommand, TransfersCommand, VersionsCommand,
    WaitArgs,
};
use super::error::{CliError, CliResult};
use super::session::Session;
use crate::engine::{Account, Timestamp};
use crate::pipeline::Wait;

/// Returns the command's name in locks and logs.
pub(super) fn name(command: &Command) -> &'static str {
    match command {
        Command::Run(_) => "fifo-pnl run",
        Command::Import(_) => "fifo-pnl import",
        Command::Void(_) => "fifo-pnl void",
        Command::Account(_) => "fifo-pnl account",
        Command::Compute(_) => "compute_allocations",
        Command::Validate(_) => "validate_allocations",
        Command::Explain(_) => "fifo-pnl explain",
        Command::Versions(_) => "fifo-pnl versions",
        Command::Compare(_) => "fifo-pnl compare",
        Command::History(_) => "fifo-pnl history",
        Command::Formats(_) => "fifo-pnl formats",
        Command::Rates(_) => "fifo-pnl rates",
        Command::Review(_) => "fifo-pnl review",
        Command::Transfers(_) => "fifo-pnl transfers",
        Command::Actions(_) => "fifo-pnl actions",
        Command::Tax(_) => "fifo-pnl tax",
        Command::Health(_) => "fifo-pnl health",
        Command::Migrate(_) => "fifo-pnl migrate",
    }
}

/// Tells whether the command's result would be wrong if the server hid rows from this role. All
/// other commands show the rows that the role may read, and say so.
pub(super) fn needs_all_rows(command: &Command) -> bool {
    match command {
        Command::Versions(args) => !matches!(args.command, VersionsCommand::List { .. }),
        Command::Transfers(args) => !matches!(args.command, TransfersCommand::List { .. }),
        Command::Actions(args) => !matches!(args.command, ActionsCommand::List { .. }),
        Command::Void(_)
        | Command::Account(_)
        | Command::Explain(_)
        | Command::Compare(_)
        | Command::History(_)
        | Command::Formats(_)
        | Command::Rates(_)
        | Command::Review(_)
        | Command::Health(_) => false,
        Command::Run(_)
        | Command::Import(_)
        | Command::Compute(_)
        | Command::Validate(_)
        | Command::Tax(_)
        | Command::Migrate(_) => true,
    }
}

/// Returns how long the command waits for another command that holds the run lock.
pub(super) fn wait(command: &Command) -> Wait {
    let args = match command {
        Command::Run(args) => args.wait,
        Command::Compute(args) => args.wait,
        Command::Versions(args) => args.wait,
        Command::Migrate(args) => match args.command {
            MigrateCommand::Down { wait, .. } => wait,
            _ => WaitArgs::default(),
        },
        _ => WaitArgs::default(),
    };
    args.wait.unwrap_or_default()
}

/// Checks the values that were typed, without any input or output.
///
/// Errors: a value can't be read, or has no effect beside another value.
pub(super) fn check(command: &Command, now: Timestamp) -> CliResult<()> {
    match command {
        Command::Run(args) => run::check(args),
        Command::Import(args) => import::check(args),
        Command::Void(args) => void::check(args).map(drop),
        Command::Account(args) => account::check(&args.command),
        Command::Compute(args) => compute::check(args, now),
        Command::Validate(args) => validate::check(args),
        Command::Explain(args) => read_account(args.account.as_deref()).map(drop),
        Command::Versions(args) => match &args.command {
            VersionsCommand::Seal { reason, .. } => check_reason(reason),
            VersionsCommand::Export { version, .. } => parse_version(version).map(drop),
            VersionsCommand::Prune(args) => prune::check(args, now),
            _ => Ok(()),
        },
        Command::Compare(args) => compare::check(args),
        Command::History(args) => match &args.command {
            HistoryCommand::Import { snapshot_date, .. } => check_date(snapshot_date.as_deref()),
            HistoryCommand::List => Ok(()),
        },
        Command::Formats(_) => Ok(()),
        Command::Rates(args) => rates::check(&args.command),
        Command::Review(args) => review::check(&args.command, now),
        Command::Transfers(args) => transfers::check(&args.command),
        Command::Actions(args) => actions::check(&args.command, now),
        Command::Tax(args) => tax::check(args),
        Command::Health(_) => Ok(()),
        Command::Migrate(args) => match &args.command {
            MigrateCommand::Up { snapshot_date, .. } => check_date(snapshot_date.as_deref()),
            _ => Ok(()),
        },
    }
}

fn check_date(text: Option<&str>) -> CliResult<()> {
    text.map(migrate::snapshot_date).transpose().map(drop)
}

/// Reads a version's number; `None` is the current one.
fn parse_version(text: &str) -> CliResult<Option<i64>> {
    if text == "current" {
        return Ok(None);
    }
    match text.parse::<i64>() {
        Ok(version) if version > 0 => Ok(Some(version)),
        _ => Err(CliError::usage(
            format!("the version is \"{text}\", expected a number from 1 or \"current\""),
            "`fifo-pnl versions list` shows the versions there are",
        )),
    }
}

/// Reads the value of `--account`. Errors: the text can't be the name of an account.
pub(super) fn read_account(text: Option<&str>) -> CliResult<Option<Account>> {
    let read = |text: &str| {
        let bad = |error| CliError::usage(format!("--account is \"{text}\": it {error}"), "");
        text.parse().map_err(bad)
    };
    text.map(read).transpose()
}

fn check_reason(reason: &str) -> CliResult<()> {
    if !reason.trim().is_empty() {
        return Ok(());
    }
    Err(CliError::usage(
        "--reason is empty",
        "say why, for a later audit",
    ))
}

/// Runs a command.
pub(super) async fn run(command: Command, session: &Session) -> CliResult<Outcome> {
    match command {
        Command::Run(args) => run::run(args, session).await,
        Command::Import(args) => import::run(args, session).await,
        Command::Void(args) => void::run(args, session).await,
        Command::Account(args) => account::run(&args.command, session).await,
        Command::Compute(args) if args.incremental => incremental::run(args, session).await,
        Command::Compute(args) => compute::run(args, session).await,
        Command::Validate(args) => validate::run(args, session).await,
        Command::Explain(args) => explain::run(args, session).await,
        Command::Versions(args) => versions::run(args.command, session).await,
        Command::Compare(args) => compare::run(args, session).await,
        Command::History(args) => history::run(args.command, session).await,
        Command::Formats(args) => formats::run(&args.command, session),
        Command::Rates(args) => rates::run(&args.command, session).await,
        Command::Review(args) => review::run(args.command, session).await,
        Command::Transfers(args) => transfers::run(&args.command, session).await,
        Command::Actions(args) => actions::run(&args.command, session).await,
        Command::Tax(args) => tax::run(args, session).await,
        Command::Health(args) => health::run(&args, session).await,
        Command::Migrate(args) => migrate::run(args.command, session).await,
    }
}
