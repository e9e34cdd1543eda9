//! Faults in the applied migrations, and refused changes of the schema.

use std::path::PathBuf;

use sqlx::migrate::MigrateError;

use crate::files::WriteError;

/// A fault in the applied migrations.
#[derive(Debug, thiserror::Error)]
pub enum StepFault {
    /// The migration of this number was changed after it was applied.
    #[error("migration {0} was changed after it was applied")]
    Changed(i64),
    /// The migration of this number was never applied, and later ones were.
    #[error("migration {0} was never applied, and later ones were")]
    Skipped(i64),
    /// The migration library reported a fault.
    #[error(transparent)]
    Found(MigrateError),
}

/// Why the schema can't be changed.
#[derive(Debug, thiserror::Error)]
pub enum SchemaRefusal {
    /// The requested schema version is not older than the present one, which this has.
    #[error("the schema is at v{0}: it can only go back to an older version")]
    NotOlder(i64),
    /// The older schema has no place for some rows, which would be lost.
    #[error("schema v{target} has no place for {rows} {what}")]
    Loses {
        /// The requested schema version.
        target: i64,
        /// Number of rows that would be lost.
        rows: i64,
        /// Kind of the rows, in words.
        what: &'static str,
    },
    /// No operator changed the views, so there is nothing to accept.
    #[error("the views eligible_trades and ineligible_trades are as this program made them")]
    NothingAdapted,
    /// The file has a table of another program.
    #[error(
        "{} belongs to another program: it has a table \"{}\" and no schema of ours",
        .0.display(), .1
    )]
    OtherProgram(PathBuf, String),
    /// The copy of the file that precedes a migration can't be written.
    #[error(transparent)]
    Copy(WriteError),
}
