//! The command line of `formats`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `formats`
#[derive(Debug, Clone, Args)]
pub struct FormatsArgs {
    /// The action.
    #[command(subcommand)]
    pub command: FormatsCommand,
}

/// The commands of `formats`.
#[derive(Debug, Clone, Subcommand)]
pub enum FormatsCommand {
    /// List the formats of files that an import reads
    List,
    /// Print the table of a built-in format, to paste into the settings
    Show {
        /// Name of the format
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Propose a table for a file that no format reads
    Draft {
        /// CSV file or Excel workbook that no format reads
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
