//! The command lines of `import rates` and `rates`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::engine::RateSource;

/// Kinds of files of rates.
const KINDS: [&str; 6] = ["ecb", "h10", "coingecko", "kraken", "yahoo", "plain"];

/// `import rates`
#[derive(Debug, Clone, Args)]
pub struct ImportRatesArgs {
    /// CSV files of rates
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Asset of a file that names none, like BTC
    #[arg(long, value_name = "ASSET")]
    pub asset: Option<String>,
    /// Currency of a file that names none, like USD
    #[arg(long, value_name = "CURRENCY")]
    pub currency: Option<String>,
    /// Kind of the files [default: as their headers tell]
    #[arg(long, value_name = "KIND", value_parser = KINDS)]
    pub kind: Option<String>,
    /// Say what would be imported, write nothing
    #[arg(long)]
    pub preview: bool,
    /// Store changed rates as corrections; versions keep the rates they used
    #[arg(long)]
    pub correct: bool,
    /// Why rates are corrected
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

impl ImportRatesArgs {
    /// Returns the kind of the files, if one was named.
    pub fn kind(&self) -> Option<RateSource> {
        self.kind.as_ref().and_then(|kind| kind.parse().ok())
    }
}

/// `rates`
#[derive(Debug, Clone, Args)]
pub struct RatesArgs {
    /// The action.
    #[command(subcommand)]
    pub command: RatesCommand,
}

/// The commands of `rates`.
#[derive(Debug, Clone, Subcommand)]
pub enum RatesCommand {
    /// List the stored rates: a line for each asset, currency and source
    List {
        /// List each rate of this asset
        #[arg(long, value_name = "ASSET")]
        asset: Option<String>,
    },
    /// Look for gaps, jumps, coins away from one dollar, and sources that differ
    Check,
    /// List the assets and days of trades that lack a rate
    Missing {
        /// Write a file to fill in and import: one row for each missing rate
        #[arg(long, short, value_name = "FILE")]
        output: Option<PathBuf>,
        /// Replace the file if it exists
        #[arg(long)]
        overwrite: bool,
    },
}
