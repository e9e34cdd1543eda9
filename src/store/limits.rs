//! Limits of the databases, and how long we wait for them.

/// How long a writer waits for another writer before it gives up.
pub const BUSY_TIMEOUT_S: u64 = 60;

/// Rows of a load on SQLite that meet the CHECKs of its tables. SQLite ignores the CHECKs for
/// later rows.
pub const ROWS_CHECKED: usize = 4_096;

/// How long a program waits for another process that is migrating the same database.
pub const MIGRATION_WAIT_S: u64 = 30;

/// Conflicts of one column that an import reports in detail; it counts the others only.
pub const CONFLICTS_KEPT_MAX: u64 = 100;

/// Instants at which an earlier file was cut that an import names.
pub const CUTS_KEPT_MAX: usize = 5;

/// Pause before a program tries again to take a file's lock.
pub const LOCK_POLL_MS: u64 = 50;

/// Connections of one process to a database: one for the writer, the others for readers.
pub const CONNECTIONS_MAX: u32 = 4;

/// Rows between two progress reports while the ledger is read.
pub const ROWS_SEEN: u64 = 4_096;

/// Rows of a version that one query reads; a pool with more rows has a query of its own.
pub const ROWS_TOGETHER_MAX: u64 = 32_768;

/// Pools that one query reads. A validation has the rows of two such lists in memory.
pub const POOLS_TOGETHER_MAX: usize = 1_024;

/// A version of fewer trades is not cut in two. Builds with debug assertions cut small ones, so
/// that tests of all kinds come past the cut.
pub const CUT_TRADES_MIN: u64 = if cfg!(debug_assertions) { 100 } else { 50_000 };

/// How long a run waits for a second connection before it goes on with one.
pub const SECOND_CONNECTION_WAIT_MS: u64 = 1_000;

/// Suffix of the lock file beside an SQLite database.
pub const LOCK_SUFFIX: &str = ".lock";

/// How long opening a connection to a server may take.
pub const CONNECT_WAIT_S: u64 = 10;

/// How long a statement waits on a server for a lock that another session holds.
pub const LOCK_WAIT_S: u64 = 10;

/// How long a writer waits for readers of a table before it ends with an error.
pub const READER_WAIT_S: u64 = 10;

/// How long one try to lock a table lasts. New readers of the table wait meanwhile. A try ends
/// before the server looks for deadlocks (after a second) and cancels somebody's statement.
pub const READER_TRY_MS: u64 = 400;

/// Pause before a writer looks again whether readers still use a table.
pub const READER_POLL_MS: u64 = 10;

/// Bytes of a connection's name that a PostgreSQL server keeps.
pub const SESSION_NAME_BYTES_MAX: usize = 63;

/// The oldest PostgreSQL with all that we use: since 14, EXTRACT returns exact numbers.
pub const POSTGRES_MIN: i32 = 14;

/// Rows that going back to an older schema would lose: the first schema version that has them, the
/// rows as SQL, and their name in messages.
pub const LOST_BELOW: [(i64, &str, &str); 5] = [
    (1, "trade_records", "trades"),
    (1, "rates", "rates"),
    (1, "event_log", "events of the audit trail"),
    (
        2,
        "allocation_versions WHERE sealed_at IS NOT NULL",
        "sealed versions",
    ),
    (2, "review_exclusions", "decisions about pools"),
];

/// Rows that one statement writes at most; more rows take several statements.
pub const ROWS_AT_ONCE_MAX: usize = 10_000;
