//! The command line of `review`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{AssetArgs, PoolArgs};

/// `review`
#[derive(Debug, Clone, Args)]
pub struct ReviewArgs {
    /// The action.
    #[command(subcommand)]
    pub command: ReviewCommand,
}

/// The commands of `review`.
#[derive(Debug, Clone, Subcommand)]
pub enum ReviewCommand {
    /// List review items, the most urgent first
    List {
        /// Settled items, too, and each item that a missing rate makes
        #[arg(long)]
        all: bool,
        /// Items of this status only
        #[arg(long, value_name = "STATUS",
            value_parser = ["pending", "in_progress", "resolved", "dismissed"])]
        status: Option<String>,
        /// Items of this severity only
        #[arg(long, value_name = "SEVERITY",
            value_parser = ["low", "medium", "high", "critical"])]
        severity: Option<String>,
        /// The asset of the items.
        #[command(flatten)]
        pool: AssetArgs,
    },
    /// Show one item: what it is about, likely causes, ways to settle it, its history
    Show {
        /// Number of the item
        id: i64,
    },
    /// Mark an item as in progress
    Start(NoteArgs),
    /// Settle an item; for an unmatched sell, name the basis of the sold units
    Resolve(ResolveArgs),
    /// Close an item that needs no action
    Dismiss(NoteArgs),
    /// Open a settled item again
    Reopen(NoteArgs),
    /// Write the open items as CSV, to fill in and apply
    Export {
        /// File to write
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
        /// Replace the file if it exists
        #[arg(long)]
        overwrite: bool,
    },
    /// Apply the decisions of a CSV that review export wrote
    Apply {
        /// The CSV, filled in
        #[arg(value_name = "ITEMS.csv")]
        file: PathBuf,
        /// Say what would change, change nothing
        #[arg(long)]
        preview: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
    /// Take a pool out of matching; every summary names it
    Exclude(PoolArgs),
    /// Put an excluded pool back
    Include(PoolArgs),
}

/// An item and a note about it.
#[derive(Debug, Clone, Args)]
pub struct NoteArgs {
    /// Number of the item
    pub id: i64,
    /// Why, for a later audit
    #[arg(long, value_name = "TEXT")]
    pub note: String,
}

/// `review resolve`
#[derive(Debug, Clone, Args)]
pub struct ResolveArgs {
    /// The item and why.
    #[command(flatten)]
    pub item: NoteArgs,
    /// Total cost of a lot in USD (may be repeated, once a lot)
    #[arg(long, value_name = "USD", allow_negative_numbers = true)]
    pub basis: Vec<String>,
    /// Day on which it was acquired, or a time with an offset
    #[arg(long, value_name = "DATE")]
    pub acquired: Vec<String>,
    /// Its size [default: all units without a lot]
    #[arg(long, value_name = "SIZE")]
    pub size: Vec<String>,
    /// Person who signs for a basis of zero
    #[arg(long, value_name = "NAME")]
    pub signed_by: Option<String>,
    /// Zone of days [default: tax.timezone in fifo-pnl.toml]
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
}
