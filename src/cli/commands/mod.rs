//! One file a command: call the job, put its report into words, choose the exit code.

mod compare;
mod compute;
mod explain;
mod health;
mod history;
mod import;
mod incremental;
mod migrate;
mod prune;
mod review;
mod run;
mod tax;
mod validate;
mod versions;
mod void;

use super::Outcome;
use super::args::{Command, MigrateCommand, WaitArgs};
use super::error::{CliError, CliResult};
use super::session::Session;
use crate::pipeline::Wait;

/// Returns what the command is called in locks and logs.
pub(super) fn name(command: &Command) -> &'static str {
    match command {
        Command::Run(_) => "fifo-pnl run",
        Command::Import(_) => "fifo-pnl import",
        Command::Void(_) => "fifo-pnl void",
        Command::Compute(_) => "compute_allocations",
        Command::Validate(_) => "validate_allocations",
        Command::Explain(_) => "fifo-pnl explain",
        Command::Versions(_) => "fifo-pnl versions",
        Command::Compare(_) => "fifo-pnl compare",
        Command::History(_) => "fifo-pnl history",
        Command::Review(_) => "fifo-pnl review",
        Command::Tax(_) => "fifo-pnl tax",
        Command::Health(_) => "fifo-pnl health",
        Command::Migrate(_) => "fifo-pnl migrate",
    }
}

/// Returns how long the command waits for another one that holds the run lock.
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

/// Checks that a reason says something.
fn check_reason(reason: &str) -> CliResult<()> {
    if !reason.trim().is_empty() {
        return Ok(());
    }
    Err(CliError::usage(
        "--reason is empty",
        "say why, for whoever audits this later",
    ))
}

/// Runs a command.
pub(super) async fn run(command: Command, session: &Session) -> CliResult<Outcome> {
    match command {
        Command::Run(args) => run::run(args, session).await,
        Command::Import(args) => import::run(args, session).await,
        Command::Void(args) => void::run(args, session).await,
        Command::Compute(args) => compute::run(args, session).await,
        Command::Validate(args) => validate::run(args, session).await,
        Command::Explain(args) => explain::run(args, session).await,
        Command::Versions(args) => versions::run(args.command, session).await,
        Command::Compare(args) => compare::run(args, session).await,
        Command::History(args) => history::run(args.command, session).await,
        Command::Review(args) => review::run(args.command, session).await,
        Command::Tax(args) => tax::run(args, session).await,
        Command::Health(args) => health::run(&args, session).await,
        Command::Migrate(args) => migrate::run(args.command, session).await,
    }
}
