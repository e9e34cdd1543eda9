//! The command line of `versions`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{NoWaitArgs, WaitArgs};
use crate::cli::duration::parse_duration;

/// `versions`
#[derive(Debug, Clone, Args)]
pub struct VersionsArgs {
    /// The action.
    #[command(subcommand)]
    pub command: VersionsCommand,
    /// Whether to wait.
    #[command(flatten)]
    pub wait: WaitArgs,
}

/// The commands of `versions`.
#[derive(Debug, Clone, Subcommand)]
pub enum VersionsCommand {
    /// List all versions and which one is current
    List {
        /// Whether to wait: never.
        #[command(flatten)]
        no_wait: NoWaitArgs,
    },
    /// Make a version current; an older one is held until it is released
    Publish {
        /// Its number
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        version: i64,
    },
    /// Let runs publish again, after `publish` held an older version
    Release,
    /// Protect a version: it is never replaced or dropped
    Seal {
        /// Its number
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        version: i64,
        /// Why
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Remove a version's rows; its number stays taken
    Drop {
        /// Its number
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        version: i64,
    },
    /// Drop old versions; never the current one, a sealed one, or the newest over all pools
    Prune(PruneArgs),
    /// Write a version as canonical CSV
    Export {
        /// Its number, or "current"
        version: String,
        /// File to write [default: stdout]
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace the file if it exists
        #[arg(long)]
        overwrite: bool,
        /// Whether to wait: never.
        #[command(flatten)]
        no_wait: NoWaitArgs,
    },
}

/// `versions prune`
#[derive(Debug, Clone, Copy, Args)]
pub struct PruneArgs {
    /// Keep N of the newest versions [default: the setting keep_versions, else 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub keep: Option<u16>,
    /// Drop versions that were complete longer ago, like 30d
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    pub older_than: Option<Duration>,
    /// Say what would be dropped, drop nothing
    #[arg(long)]
    pub dry_run: bool,
}
