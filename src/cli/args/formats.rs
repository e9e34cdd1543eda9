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
    /// Print the table of a format, to copy
    Show {
        /// Its name
        #[arg(value_name = "NAME")]
        name: String,
    },
    /// Propose a table for a file, by its header
    Draft {
        /// The file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
}
