//! Faults in the steps of a schema, and changes of it that are refused.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;

use crate::files::WriteError;

/// A fault in the applied steps.
#[derive(Debug, thiserror::Error)]
pub enum StepFault {
    /// The step was changed after it was applied.
    #[error("migration {0} was changed after it was applied")]
    Changed(i64),
    /// The step is missing, and later ones are there.
    #[error("migration {0} was never applied, and later ones were")]
    Skipped(i64),
    /// The library that applies steps found it.
    #[error(transparent)]
    Found(MigrateError),
}

/// Why the schema stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum SchemaRefusal {
    /// The schema has this version, and the requested one is not older.
    #[error("the schema is at v{0}: it can only go back to an older version")]
    NotOlder(i64),
    /// Rows would be lost.
    #[error("schema v{target} has no place for {rows} {what}")]
    Loses {
        /// The version asked for.
        target: i64,
        /// How many.
        rows: i64,
        /// The kind of thing.
        what: &'static str,
    },
    /// No view was adapted.
    #[error("the views eligible_trades and ineligible_trades are as this program made them")]
    NothingAdapted,
    /// The file has a table of another program.
    #[error(
        "{} belongs to another program: it has a table \"{}\" and no schema of ours",
        .0.display(), .1
    )]
    OtherProgram(PathBuf, String),
    /// The copy that comes first can't be written.
    #[error(transparent)]
    Copy(WriteError),
}
