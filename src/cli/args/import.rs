//! The command line of `import` and `void`.

use clap::{Args, Subcommand};

use super::{FileArgs, ImportRatesArgs};

/// `import`
#[derive(Debug, Clone, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct ImportArgs {
    /// Another kind of file to import.
    #[command(subcommand)]
    pub command: Option<ImportCommand>,
    /// How files are read.
    #[command(flatten)]
    pub files: FileArgs,
    /// Say what would be imported, write nothing
    #[arg(long)]
    pub preview: bool,
    /// Replace trades that differ from the ledger: the old one is voided, the new one is ID~2
    #[arg(long)]
    pub correct: bool,
    /// Why; needed with --correct
    #[arg(long, value_name = "TEXT")]
    pub reason: Option<String>,
}

const LOTS_ACCOUNT: &str = "Account of the lots, if the file has no column `account`";

/// The commands of `import`.
#[derive(Debug, Clone, Subcommand)]
pub enum ImportCommand {
    /// Import lots from another system (columns symbol, size, acquired, basis)
    #[command(
        mut_arg("files", |files| files.help("CSV files of lots")),
        mut_arg("account", |account| account.help(LOTS_ACCOUNT)),
        mut_arg("format", |format| format.hide(true)),
        mut_arg("decimal_mark", |mark| mark.hide(true))
    )]
    Lots {
        /// How the file is read.
        #[command(flatten)]
        files: FileArgs,
        /// Say what would be imported, write nothing
        #[arg(long)]
        preview: bool,
    },
    /// Import rates: of the ECB, Federal Reserve, CoinGecko, Kraken, Yahoo, or columns
    /// asset,time,currency,rate
    Rates(ImportRatesArgs),
    /// List the imports with their numbers
    List,
    /// Take all rows of an import out of matching, or put them back
    Undo(ImportUndoArgs),
    /// Confirm that an import is no duplicate: its trades count beside equal ones of other files
    Keep(ImportKeepArgs),
}

/// `import keep`
#[derive(Debug, Clone, Args)]
pub struct ImportKeepArgs {
    /// Number of the import
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    pub id: i64,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Look at the trades of the import again
    #[arg(long)]
    pub undo: bool,
}

/// `import undo`
#[derive(Debug, Clone, Args)]
pub struct ImportUndoArgs {
    /// Number of the import
    #[arg(value_name = "ID", value_parser = clap::value_parser!(i64).range(1..))]
    pub id: i64,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Put the rows of an undone import back
    #[arg(long)]
    pub undo: bool,
    /// Take out also rows that later files repeat; import these files again to bring them back
    #[arg(long, conflicts_with = "undo")]
    pub yes: bool,
}

/// `void`
#[derive(Debug, Clone, Args)]
pub struct VoidArgs {
    /// Order id of the trade
    #[arg(value_name = "ORDER_ID")]
    pub order_id: String,
    /// Account of the trade
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub account: String,
    /// Why
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Put a voided trade back
    #[arg(long)]
    pub undo: bool,
}
