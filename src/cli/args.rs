//! The command line. `config.rs` and the commands work out what it means.

mod account;
mod actions;
mod files;
mod formats;
mod import;
mod rates;
mod review;
mod tax;
mod transfers;
mod versions;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use account::{AccountAddArgs, AccountArgs, AccountCommand};
pub use actions::{ActionsArgs, ActionsCommand, AddActionCommand, StatedActionArgs};
pub use files::{DecimalMarkArg, FileArgs};
pub use formats::{FormatsArgs, FormatsCommand};
pub use import::{ImportArgs, ImportCommand, ImportKeepArgs, ImportUndoArgs, VoidArgs};
pub use rates::{ImportRatesArgs, RatesArgs, RatesCommand};
pub use review::{NoteArgs, ResolveArgs, ReviewArgs, ReviewCommand};
pub use tax::{TaxArgs, TaxCommand};
pub use transfers::{
    AddMovementArgs, DecideArgs, DecideOneArgs, TransfersArgs, TransfersCommand, WantedArgs,
};
pub use versions::{PruneArgs, VersionsArgs, VersionsCommand};

use super::duration::{WAIT_FOREVER, parse_duration, parse_wait};
use super::exit::EXIT_CODES_HELP;
use crate::pipeline::Wait;

/// Exact FIFO profit and loss from a ledger of trades.
///
/// Matches every sell to the oldest open buys of the same account and asset. Keeps the matches as
/// numbered versions that you can recompute, compare, validate and explain.
#[derive(Debug, Parser)]
#[command(
    name = "fifo-pnl",
    version,
    disable_version_flag = true,
    after_help = EXIT_CODES_HELP,
    subcommand_required = true,
    arg_required_else_help = true,
    max_term_width = 100
)]
pub struct FifoPnl {
    /// The command.
    #[command(subcommand)]
    pub command: Command,
    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// Print the program's version
    #[arg(short = 'V', long = "version", action = clap::ArgAction::Version)]
    pub program_version: Option<bool>,
}

/// Computes allocations from the ledger: `fifo-pnl compute` under its own name.
#[derive(Debug, Parser)]
#[command(
    name = "compute_allocations",
    version,
    disable_version_flag = true,
    after_help = EXIT_CODES_HELP,
    max_term_width = 100
)]
pub struct ComputeAllocations {
    /// The command's options.
    #[command(flatten)]
    pub args: ComputeArgs,
    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// Print the program's version
    #[arg(short = 'V', action = clap::ArgAction::Version)]
    pub program_version: Option<bool>,
}

/// Checks a version of allocations: `fifo-pnl validate` under its own name.
#[derive(Debug, Parser)]
#[command(
    name = "validate_allocations",
    version,
    disable_version_flag = true,
    after_help = EXIT_CODES_HELP,
    max_term_width = 100
)]
pub struct ValidateAllocations {
    /// The command's options.
    #[command(flatten)]
    pub args: ValidateArgs,
    /// Options of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// Print the program's version
    #[arg(short = 'V', action = clap::ArgAction::Version)]
    pub program_version: Option<bool>,
}

/// Options of every command.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Everywhere")]
pub struct GlobalArgs {
    /// Database to use [default: DATABASE_URL, then fifo-pnl.toml, then sqlite://fifo-pnl.db]
    #[arg(long, value_name = "URL", global = true)]
    pub database: Option<String>,
    /// Settings file [default: fifo-pnl.toml, if it is there]
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,
    /// Print one JSON document on stdout instead of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Print no progress, and no summary if all is well
    #[arg(long, short, global = true)]
    pub quiet: bool,
}

/// The commands of `fifo-pnl`.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Import files, compute, validate: the whole job on one line
    Run(RunArgs),
    /// Import trades from exports of exchanges and brokers, or from CSV files
    Import(ImportArgs),
    /// Take a trade out of matching, or put it back
    Void(VoidArgs),
    /// Store facts about accounts; show the state of their imports
    Account(AccountArgs),
    /// Match sells to buys and write a version of allocations
    Compute(ComputeArgs),
    /// Check a version of allocations against its invariants
    Validate(ValidateArgs),
    /// Show which lots a sell used, with the arithmetic line by line
    Explain(ExplainArgs),
    /// List, publish, seal, drop and export versions
    Versions(VersionsArgs),
    /// Show the sells that differ between two versions, and why
    Compare(CompareArgs),
    /// Keep the figures of an earlier system, to compare with
    History(HistoryArgs),
    /// List and show the formats of files, and draft a new one
    Formats(FormatsArgs),
    /// List the stored rates of currencies and coins, and look them over
    Rates(RatesArgs),
    /// List and settle questions that only a person can decide; exclude pools
    Review(ReviewArgs),
    /// List coins that moved between your accounts; say which movements belong together
    Transfers(TransfersArgs),
    /// List splits and other actions; state one, or take one out
    Actions(ActionsArgs),
    /// Write the files of a tax year; verify and amend filed ones
    Tax(TaxArgs),
    /// Say in one line that all is well, or print a line for each finding
    Health(HealthArgs),
    /// Show and change the schema of the database
    Migrate(MigrateArgs),
}

/// Whether to wait while another run is at work.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct WaitArgs {
    /// Wait for another run, at most DURATION (90s, 15m); without DURATION there is no limit
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = WAIT_FOREVER,
        value_parser = parse_wait, global = true)]
    pub wait: Option<Wait>,
}

/// `--wait` for a command that takes no lock: not in its help, and refused with a hint.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct NoWaitArgs {
    /// Has no effect
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = WAIT_FOREVER,
        value_parser = parse_wait, hide = true)]
    pub wait: Option<Wait>,
}

/// `run`
#[derive(Debug, Clone, Args)]
pub struct RunArgs {
    /// How files are read.
    #[command(flatten)]
    pub files: FileArgs,
    /// Replace trades that differ from the ledger: the old one is voided, the new one is ID~2
    #[arg(long)]
    pub correct: bool,
    /// Why; needed with --correct
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Threads for matching [default: one a processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// Show every asset, not only those with the largest amounts
    #[arg(long)]
    pub all_rows: bool,
    /// Whether to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// `compute`
#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("scope").required(true).multiple(true)))]
pub struct ComputeArgs {
    /// Match every asset, and so every symbol, and publish the result
    #[arg(long, group = "scope")]
    pub all_symbols: bool,
    /// Match this asset only (may be repeated); the result is not published
    #[arg(long, value_name = "ASSET", group = "scope")]
    pub asset: Vec<String>,
    /// Match all of the asset that SYMBOL trades (may be repeated); the result is not published
    #[arg(long, value_name = "SYMBOL", group = "scope")]
    pub symbol: Vec<String>,
    /// Append new trades to the current version; if older trades changed, compute a new version
    #[arg(long, group = "scope")]
    pub incremental: bool,
    /// With --incremental, list only pools with trades since TIME: "10 minutes ago", 2025-11-20 or
    /// an RFC 3339 time. The run still computes all new trades
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Match this account only; the result is not published
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Number of the version to write [default: the next one]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub version: Option<i64>,
    /// Replace the version if it exists, is not sealed and has the same scope
    #[arg(long)]
    pub force: bool,
    /// Leave the current version as it is
    #[arg(long)]
    pub no_publish: bool,
    /// Compute and report, write nothing at all
    #[arg(long)]
    pub dry_run: bool,
    /// Memory for the ledger, like 512M or 4G; a larger ledger is read in parts [default: 1G]
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    pub memory: Option<u64>,
    /// Threads for matching [default: one a processor]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub jobs: Option<u16>,
    /// After publishing, drop automatic versions beyond N [default: keep_versions, else 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub keep_versions: Option<u16>,
    /// Person or program that started the run, for the log [default: the user]
    #[arg(long, value_name = "WHO")]
    pub triggered_by: Option<String>,
    /// Show every asset, not only those with the largest amounts
    #[arg(long)]
    pub all_rows: bool,
    /// Whether to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// `validate`
#[derive(Debug, Clone, Args)]
pub struct ValidateArgs {
    /// Number of the version, or "current"
    #[arg(
        long,
        value_name = "N|current",
        required_unless_present = "compare_versions"
    )]
    pub version: Option<String>,
    /// Show the sells that differ between two versions, as fifo-pnl compare does
    #[arg(long, num_args = 2, value_names = ["A", "B"])]
    pub compare_versions: Option<Vec<String>>,
    /// Count as findings, too: unmatched sells, lots by decision, unknown fees, pools without a
    /// full result, changed pools. Also fills unlike their order, and differences from an earlier
    /// system
    #[arg(long)]
    pub strict: bool,
    /// Print a line for every invariant, every pool and every figure of an earlier system that
    /// differs
    #[arg(long)]
    pub report: bool,
    /// Snapshot of an earlier system's figures to compare with, or its date [default: the newest,
    /// if any]
    #[arg(long, value_name = "NAME")]
    pub snapshot: Option<String>,
    /// Memory for the check, like 512M or 4G; a larger ledger is read in parts, each pool whole
    /// [default: 1G]
    #[arg(long, value_name = "SIZE", value_parser = parse_memory)]
    pub memory: Option<u64>,
}

/// `explain`
#[derive(Debug, Clone, Args)]
pub struct ExplainArgs {
    /// Order id of the sell
    #[arg(long, value_name = "ORDER_ID")]
    pub sell: String,
    /// Account of the sell, if several accounts have its id
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Number of the version [default: current]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    pub version: Option<i64>,
}

/// An asset, or a symbol that trades it.
#[derive(Debug, Clone, Default, Args)]
pub struct AssetArgs {
    /// This asset only
    #[arg(long, value_name = "ASSET")]
    pub asset: Option<String>,
    /// All of the asset that SYMBOL trades
    #[arg(long, value_name = "SYMBOL")]
    pub symbol: Option<String>,
}

/// A pool and a reason.
#[derive(Debug, Clone, Args)]
#[command(group(clap::ArgGroup::new("pool").required(true).multiple(true)))]
pub struct PoolArgs {
    /// Account of the pool
    #[arg(long, value_name = "NAME")]
    pub account: String,
    /// Asset of the pool
    #[arg(long, value_name = "ASSET", group = "pool")]
    pub asset: Option<String>,
    /// A symbol that trades the pool's asset
    #[arg(long, value_name = "SYMBOL", group = "pool")]
    pub symbol: Option<String>,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// `health`
#[derive(Debug, Clone, Copy, Args)]
pub struct HealthArgs {
    /// How long a trade may wait until it is computed
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = parse_duration)]
    pub max_age: Duration,
    /// How long a run may be at work before it counts as hanging
    #[arg(long, value_name = "DURATION", default_value = "15m", value_parser = parse_duration)]
    pub max_run: Duration,
    /// How long a review item may stay open
    #[arg(long, value_name = "DURATION", default_value = "7d", value_parser = parse_duration)]
    pub max_review_age: Duration,
    /// How much of the database's file system has to be free, in percent (SQLite)
    #[arg(long, value_name = "PERCENT", default_value = "5",
        value_parser = clap::value_parser!(u8).range(0..=100))]
    pub min_free: u8,
}

/// `migrate`
#[derive(Debug, Clone, Args)]
pub struct MigrateArgs {
    /// The action.
    #[command(subcommand)]
    pub command: MigrateCommand,
}

/// `compare`
#[derive(Debug, Clone, Args)]
pub struct CompareArgs {
    /// Number of the first version, "current", or legacy:N of an earlier system
    #[arg(value_name = "A")]
    pub left: String,
    /// Number of the second version, "current", or legacy:N of an earlier system
    #[arg(value_name = "B")]
    pub right: String,
    /// The asset to compare.
    #[command(flatten)]
    pub pool: AssetArgs,
    /// Only sells of this year (UTC)
    #[arg(long, value_name = "YEAR",
        value_parser = clap::value_parser!(i16).range(1970..=9998))]
    pub year: Option<i16>,
    /// Write all sells that differ to a CSV file
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Replace the file if it is there
    #[arg(long)]
    pub overwrite: bool,
}

/// `history`
#[derive(Debug, Clone, Args)]
pub struct HistoryArgs {
    /// The action.
    #[command(subcommand)]
    pub command: HistoryCommand,
}

/// The commands of `history`.
#[derive(Debug, Clone, Subcommand)]
pub enum HistoryCommand {
    /// Keep the figures of a CSV file: the results of another system
    Import {
        /// CSV with order_id and any of parent_id, parent_ids (with ; between), pnl_usd, ...
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Date in the snapshot's name [default: today]
        #[arg(long, value_name = "DATE")]
        snapshot_date: Option<String>,
    },
    /// List the snapshots that are kept
    List,
}

/// The commands of `migrate`.
#[derive(Debug, Clone, Subcommand)]
pub enum MigrateCommand {
    /// Bring the schema up to this program's; an SQLite file is copied first
    Up {
        /// Do not ask (PostgreSQL)
        #[arg(long, short)]
        yes: bool,
        /// Date in the name of the snapshot that keeps the ledger's earlier figures
        /// [default: today]
        #[arg(long, value_name = "DATE")]
        snapshot_date: Option<String>,
        /// Guard a ledger that was there before: adds columns and triggers to it (PostgreSQL)
        #[arg(long)]
        protect_ledger: bool,
        /// Accept your changes to the views eligible_trades and ineligible_trades; migrates nothing
        #[arg(long)]
        accept_views: bool,
    },
    /// List the schema's steps and which are applied
    Status,
    /// Go back to an older version of the schema; refused if facts would be lost
    Down {
        /// Version of schema to go back to
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(0..))]
        to: i64,
        /// Type YES here instead of at the prompt
        #[arg(long, value_name = "YES")]
        confirm: Option<String>,
        /// Whether to wait.
        #[command(flatten)]
        wait: WaitArgs,
    },
}

/// Reads a size of memory: a whole number of bytes, or of K, M or G (1024 each).
fn parse_memory(text: &str) -> Result<u64, String> {
    let (number, unit) = match text.strip_suffix(['K', 'M', 'G']) {
        Some(number) => (number, text.chars().next_back()),
        None => (text, None),
    };
    let shift = match unit {
        Some('K') => 10,
        Some('M') => 20,
        Some('G') => 30,
        _ => 0,
    };
    let bytes = number.parse::<u64>().ok().filter(|number| *number > 0);
    let bytes = bytes.and_then(|number| number.checked_mul(1 << shift));
    bytes.ok_or_else(|| "expected a size like 512M or 4G".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use clap::error::ErrorKind;

    use super::*;

    #[test]
    fn the_version_is_printed_where_the_command_has_no_such_flag() {
        for flag in ["-V", "--version"] {
            let parsed = FifoPnl::command().try_get_matches_from(["fifo-pnl", flag]);
            assert_eq!(
                parsed.unwrap_err().kind(),
                ErrorKind::DisplayVersion,
                "{flag}"
            );
        }
        let named = ["validate_allocations", "--version", "3"];
        let parsed = ValidateAllocations::command().try_get_matches_from(named);
        assert!(parsed.is_ok(), "there it names a version of allocations");
    }
}
