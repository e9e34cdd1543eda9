//! Arguments of commands that read files of trades.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// How files are read.
#[derive(Debug, Clone, Args)]
pub struct FileArgs {
    /// Exports of known exchanges, or CSV files of trades
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Account of the trades, if the file has no column `account`
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub account: String,
    /// Time zone of times without an offset, like Europe/Berlin, or a fixed offset, like +02:00
    #[arg(long, value_name = "ZONE")]
    pub timezone: Option<String>,
    /// Format of the files [default: by the header; `fifo-pnl formats list` names them]
    #[arg(long, value_name = "NAME")]
    pub format: Option<String>,
    /// Mark before decimals, if a number like 1,234 can be read in two ways
    #[arg(long, value_name = "MARK", value_enum)]
    pub decimal_mark: Option<DecimalMarkArg>,
    /// In the native format, read the column NAME as COLUMN, like 'Price Currency=quote_currency'
    #[arg(long, value_name = "NAME=COLUMN")]
    pub rename_column: Vec<String>,
    /// Ignore the column NAME; use it only if the column changes no amount
    #[arg(long, value_name = "NAME")]
    pub ignore_column: Vec<String>,
    /// Import trades that another import has, too; they then count twice
    #[arg(long)]
    pub again: bool,
    /// Leave out bad rows, and store them for later (table import_rejects)
    #[arg(long)]
    pub skip_invalid: bool,
}

/// The mark before decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DecimalMarkArg {
    /// 1,234.5
    Point,
    /// 1.234,5
    Comma,
}
