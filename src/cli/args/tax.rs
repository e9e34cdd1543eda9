//! The command line of `tax`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `tax`
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct TaxArgs {
    /// Another action than to write files.
    #[command(subcommand)]
    pub command: Option<TaxCommand>,
    /// Tax year
    #[arg(long, value_name = "YEAR", required = true,
        value_parser = clap::value_parser!(i16).range(1970..=9998))]
    pub year: Option<i16>,
    /// Zone of all dates, like America/New_York; kept in fifo-pnl.toml
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Number of the version, or "current"
    #[arg(long, value_name = "N|current", default_value = "current")]
    pub version: String,
    /// This account only
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Format to write
    #[arg(long, value_name = "FORMAT", required_unless_present = "final",
        value_parser = ["form8949", "schedule-d", "lots", "taxact", "txf", "xlsx",
            "income"])]
    pub format: Option<String>,
    /// File to write; the manifest and unmatched sells go into files beside it
    #[arg(long, short, value_name = "PATH", required = true)]
    pub output: Option<PathBuf>,
    /// Replace files that are there
    #[arg(long)]
    pub overwrite: bool,
    /// End with exit code 0 even if sells or pools are missing from the figures
    #[arg(long)]
    pub allow_incomplete: bool,
    /// Round every row to whole dollars instead of cents
    #[arg(long)]
    pub whole_dollars: bool,
    /// Seal the version, and write all files to file as one zip
    #[arg(long = "final")]
    pub r#final: bool,
}

/// The commands of `tax`.
#[derive(Debug, Clone, Subcommand)]
pub enum TaxCommand {
    /// Make the files of a filed zip again and compare
    Verify {
        /// The zip that tax --final wrote
        #[arg(value_name = "ZIP")]
        zip: PathBuf,
    },
    /// Show each line that differs from a year's filing
    Amend {
        /// Tax year
        #[arg(long, value_name = "YEAR",
            value_parser = clap::value_parser!(i16).range(1970..=9998))]
        year: i16,
        /// Number of the version to compare with the filing, or "current"
        #[arg(long, value_name = "N|current", default_value = "current")]
        version: String,
    },
}
