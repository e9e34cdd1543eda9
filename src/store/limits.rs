//! Limits of the databases and of our patience with them. Numbers with names.

/// How long a writer waits for another one (an import for a load) before it gives up.
pub const BUSY_TIMEOUT_S: u64 = 60;

/// How long a start waits for another process that is migrating the same file.
pub const MIGRATION_WAIT_S: u64 = 30;

/// Pause between two looks at a lock.
pub const LOCK_POLL_MS: u64 = 50;

/// Connections to one database: one writer, and readers beside it.
pub const CONNECTIONS_MAX: u32 = 4;

/// Suffix of the lock file beside an SQLite database.
pub const LOCK_SUFFIX: &str = ".lock";
