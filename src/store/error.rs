//! What can go wrong in a store, and what each kind means to the user.

use super::model::{Holder, Version};

/// An error of a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database where one was looked for.
    #[error("no database at {0}")]
    Missing(String),
    /// The location can't be used: unknown scheme, a folder, not a database.
    #[error("can't use {location}: {reason}")]
    BadLocation {
        /// Where.
        location: String,
        /// Why.
        reason: String,
    },
    /// The operating system or the database lets us not in.
    #[error("no permission for {location}: {reason}")]
    NoPermission {
        /// Where.
        location: String,
        /// What was refused.
        reason: String,
    },
    /// The server can't be reached, or does not know us.
    #[error("can't connect to {location}: {reason}")]
    Connect {
        /// Where.
        location: String,
        /// Why.
        reason: String,
    },
    /// The database has a schema of an older program, and is not migrated without being asked.
    #[error("the database has schema v{found}, this program needs v{known}")]
    SchemaOlder {
        /// In the database; 0 is none.
        found: i64,
        /// In the program.
        known: i64,
    },
    /// Another process holds the run lock.
    #[error(
        "another process is at work: {} (pid {} on {}, since {})",
        .0.what, .0.pid, .0.host, .0.since
    )]
    Locked(Holder),
    /// The database has a schema of a newer program.
    #[error("the database has schema v{found}, this program knows v{known}")]
    SchemaNewer {
        /// In the database.
        found: i64,
        /// In the program.
        known: i64,
    },
    /// A migration was changed after it was applied, or a step is missing.
    #[error("the schema does not match this program: {0}")]
    SchemaDiffers(String),
    /// A change that the rules forbid; nothing was changed.
    #[error("{0}")]
    Refused(String),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
    /// There is no such trade.
    #[error("trade \"{order_id}\" of account \"{account}\" is not in the ledger")]
    NoTrade {
        /// Whose.
        account: String,
        /// The id.
        order_id: String,
    },
    /// There is no such version.
    #[error("there is no version {0}")]
    NoVersion(Version),
    /// The disk or the database is full.
    #[error("no space left for {0}")]
    Full(String),
    /// A stored value can't be read.
    #[error("unreadable value in {table}.{column}: \"{found}\"")]
    Unreadable {
        /// Where.
        table: &'static str,
        /// Which column.
        column: &'static str,
        /// What was found.
        found: String,
    },
    /// The database refused or failed.
    #[error("{action}: {message}")]
    Database {
        /// What was being done.
        action: &'static str,
        /// The database's own words.
        message: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// A store's result.
pub type StoreResult<T> = Result<T, StoreError>;
