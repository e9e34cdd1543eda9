//! Limits of the databases and of our patience with them. Numbers with names.

/// How long a writer waits for another one (an import for a load) before it gives up.
pub const BUSY_TIMEOUT_S: u64 = 60;

/// How long a start waits for another process that is migrating the same file.
pub const MIGRATION_WAIT_S: u64 = 30;

/// Conflicts of one column that an import names; all are counted.
pub const CONFLICTS_KEPT_MAX: u64 = 100;

/// Pause between two looks at a lock.
pub const LOCK_POLL_MS: u64 = 50;

/// Connections to one database: one writer, and readers beside it.
pub const CONNECTIONS_MAX: u32 = 4;

/// Rows read between two words about how far a read is.
pub const ROWS_SEEN: u64 = 4_096;

/// Rows of a version that are read with one question, unless one pool alone has more.
pub const ROWS_TOGETHER_MAX: u64 = 32_768;

/// Pools of a version that are read with one question: their names are a quarter of a megabyte.
pub const POOLS_TOGETHER_MAX: usize = 4_096;

/// Suffix of the lock file beside an SQLite database.
pub const LOCK_SUFFIX: &str = ".lock";

/// How long a server may take to answer at all.
pub const CONNECT_WAIT_S: u64 = 10;

/// How long a statement waits on a server for a lock that another session holds.
pub const LOCK_WAIT_S: u64 = 10;

/// How long we wait for readers of a table before we give up and say so.
pub const READER_WAIT_S: u64 = 10;

/// How long one try for a table's lock lasts: while we wait, new readers wait behind us. Shorter
/// than the second after which a server looks for a deadlock and ends somebody's statement.
pub const READER_TRY_MS: u64 = 400;

/// Pause between two looks at who reads.
pub const READER_POLL_MS: u64 = 10;

/// Bytes of a connection's name that a PostgreSQL server keeps.
pub const SESSION_NAME_BYTES_MAX: usize = 63;

/// The oldest PostgreSQL that has all we use: exact times as numbers (14).
pub const POSTGRES_MIN: i32 = 14;

/// Facts that an older schema can't hold: the first version that has them, the rows, in words.
pub const LOST_BELOW: [(i64, &str, &str); 4] = [
    (1, "trade_records", "trades"),
    (1, "event_log", "events of the audit trail"),
    (
        2,
        "allocation_versions WHERE sealed_at IS NOT NULL",
        "sealed versions",
    ),
    (2, "review_exclusions", "decisions about pools"),
];

/// Rows that one statement writes: more take another one, so that no statement grows without end.
pub const ROWS_AT_ONCE_MAX: usize = 10_000;
