//! Errors of a store, and what each kind means to the user.

mod postgres;
mod rules;
mod schema;

pub use self::postgres::{LedgerFault, PostgresRefusal, Untrusted};
pub use self::rules::{ImportRefusal, ItemRefusal, SnapshotRefusal, TradeRefusal, VersionRefusal};
pub use self::schema::{SchemaRefusal, StepFault};
use super::fingerprint::{SchemaFinding, joined};
use super::model::{Holder, Version};
use super::proof::{ClaimDiffers, RowsDiffer};
use crate::engine::{RatesDiffer, SelfCheckError};

/// Why a location can't be used.
#[derive(Debug, thiserror::Error)]
pub enum BadPlace {
    /// In the words of the database, or of the reader of URLs.
    #[error("{0}")]
    Told(String),
    /// A link to nothing, with the system's error.
    #[error("it is a symbolic link that leads nowhere ({0})")]
    DeadLink(std::io::Error),
    /// Something else than a file.
    #[error("it is {0}, expected a database file")]
    NoFile(&'static str),
    /// The file has more than one name; holds their number.
    #[error("the file has {0} names (hard links), expected one: copy it instead")]
    HardLinks(u64),
    /// An empty file, and nobody asked to make a database.
    #[error("the file is empty")]
    EmptyFile,
    /// A file of something else.
    #[error("it is not an SQLite database")]
    NotSqlite,
    /// No folder to make the file in.
    #[error("its folder does not exist")]
    NoFolder,
    /// A URL with a value that nobody knows.
    #[error("a setting in it has a value that is not known")]
    UnknownSetting,
    /// A URL without a scheme.
    #[error("expected \"://\" after the scheme")]
    NoScheme,
    /// A URL with a fragment: probably a part of the password.
    #[error("it has a \"#\"; in a password, write %23")]
    Fragment,
    /// A URL with a login after its host.
    #[error(
        "it has an \"@\" after the host; in a password, write %2F for a slash and %3F for a \
         question mark"
    )]
    LateLogin,
    /// A URL with a name that no terminal shows.
    #[error("a name in it has a control character")]
    ControlCharacter,
    /// A URL whose user has a password in it.
    #[error("its user has a \":\", which separates user and password")]
    UserColon,
    /// A URL whose host or database has a login in it.
    #[error("its host or its database looks like a login")]
    LoginLike,
}

/// Why the operating system or the database refuses access.
#[derive(Debug, thiserror::Error)]
pub enum Denial {
    /// In the words of the system or of the server.
    #[error("{0}")]
    Told(String),
    /// The server takes no writes; its words.
    #[error("{0}: is this a read-only replica?")]
    ReadOnly(String),
    /// Only the owner of this table may do so.
    #[error("must be owner of table {0}")]
    MustOwn(String),
    /// The ledger can't be read.
    #[error("it lacks SELECT on trade_records; nothing was created")]
    Unreadable,
    /// Another program's file has the name of the lock.
    #[error("it is no lock file of this program")]
    ForeignLock,
}

/// An error of a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no database at the path.
    #[error("no database at {0}")]
    Missing(String),
    /// The location can't be used: it has an unknown scheme, or it is a folder or no database.
    #[error("can't use {location}: {reason}")]
    BadLocation {
        /// The database.
        location: String,
        /// Why the location can't be used.
        reason: BadPlace,
    },
    /// The operating system or the database refuses access to this user or role.
    #[error("no permission for {location}: {reason}")]
    NoPermission {
        /// The database.
        location: String,
        /// The refusal.
        reason: Denial,
    },
    /// The server can't be reached, or refuses the login.
    #[error("can't connect to {location}: {reason}")]
    Connect {
        /// The database.
        location: String,
        /// Why the connection failed.
        reason: String,
    },
    /// The schema is older than this program, which migrates a database only on request.
    #[error("the database has schema v{found}, this program needs v{known}")]
    SchemaOlder {
        /// Schema version of the database; 0 if the database has no schema.
        found: i64,
        /// Schema version that this program needs.
        known: i64,
    },
    /// Another process holds the run lock.
    #[error(
        "another process is at work: {} (pid {} on {}, since {})",
        .0.what, .0.pid, .0.host, .0.since
    )]
    Locked(Holder),
    /// The schema is newer than this program.
    #[error("the database has schema v{found}, this program knows v{known}")]
    SchemaNewer {
        /// Schema version of the database.
        found: i64,
        /// Schema version that this program knows.
        known: i64,
    },
    /// A migration was changed after it was applied, or a step is missing.
    #[error("the schema does not match this program: {0}")]
    SchemaDiffers(StepFault),
    /// The schema has objects that this program did not make, or lacks some of its own.
    #[error("the schema is not as this program made it: {}", joined(.0))]
    SchemaAltered(Vec<SchemaFinding>),
    /// The database stored other rows than an import wrote; the import was undone.
    #[error(
        "the database stored other {what} than the import wrote ({written} written, {stored} \
         stored): nothing was imported"
    )]
    StoredOtherwise {
        /// Kind of the rows: trades or voids.
        what: &'static str,
        /// Number of rows that the import wrote.
        written: u64,
        /// Number of rows that the database stored.
        stored: u64,
    },
    /// A rule forbids this change of the version.
    #[error("version {0} {1}")]
    Version(Version, VersionRefusal),
    /// A rule forbids this change of the trade.
    #[error("trade \"{order_id}\" of account \"{account}\" {why}")]
    Trade {
        /// Account of the trade.
        account: String,
        /// The trade's order id.
        order_id: String,
        /// The rule that forbids the change.
        why: TradeRefusal,
    },
    /// A rule forbids this change of the review item.
    #[error("review item {0} {1}")]
    Item(i64, ItemRefusal),
    /// No review item has this number.
    #[error("there is no review item {0}")]
    NoItem(i64),
    /// A rule forbids this change of the import.
    #[error("import {0} {1}")]
    Import(i64, ImportRefusal),
    /// Another account has this login on its server.
    #[error("account \"{other}\" has this login, server and platform already")]
    LoginTaken {
        /// The account to change.
        account: String,
        /// The account that has them.
        other: String,
    },
    /// No import has this number.
    #[error("there is no import {0}")]
    NoImport(i64),
    /// No snapshot of history has this name, or a new one can't have it.
    #[error(transparent)]
    Snapshot(#[from] SnapshotRefusal),
    /// Another run closed the log row of this run.
    #[error("run {0} was closed by another run: nothing was published")]
    RunClosed(i64),
    /// No earlier system computed the version here.
    #[error("the database has no version {0} of an earlier system")]
    NoLegacyVersion(Version),
    /// This change of the schema is refused; nothing was changed.
    #[error(transparent)]
    Schema(#[from] SchemaRefusal),
    /// A refusal that only a PostgreSQL server makes; nothing was changed.
    #[error(transparent)]
    Postgres(#[from] PostgresRefusal),
    /// Another role's rights in this database are a danger to ours; nothing was changed.
    #[error(transparent)]
    Unsafe(#[from] Untrusted),
    /// Another process held a lock longer than this one waits; nothing was changed.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// A version's watermark is of another database or ledger, so new rows can't be found with it.
    #[error("{0}")]
    WatermarkElsewhere(Elsewhere),
    /// New and changed rows look the same, so a run must read the whole ledger.
    #[error("{0}: the ledger has to be read whole")]
    MustReadWhole(Untold),
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
    /// The ledger has no such trade.
    #[error("trade \"{order_id}\" of account \"{account}\" is not in the ledger")]
    NoTrade {
        /// Account of the trade.
        account: String,
        /// The order id.
        order_id: String,
    },
    /// No version has this number.
    #[error("there is no version {0}")]
    NoVersion(Version),
    /// The disk or the database is full; has the action that failed, and the system's reason.
    #[error("no space left to {0} ({1})")]
    Full(String, String),
    /// A stored value can't be read.
    #[error("unreadable value in {table}.{column}: \"{found}\"")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// The value found.
        found: String,
    },
    /// A version's rows differ from those of its run: another program wrote to the table.
    #[error(transparent)]
    RowsDiffer(Box<RowsDiffer>),
    /// A version's rows are in another order than its run wrote them.
    #[error(
        "version {version} was changed: the rows of sell \"{sell_order_id}\" stand where its run \
         wrote others"
    )]
    RowsMoved {
        /// The version of the rows.
        version: Version,
        /// The sell of the first row out of order.
        sell_order_id: String,
    },
    /// A version's sums, times or states are wrong: another program wrote to its tables.
    #[error(transparent)]
    ClaimDiffers(Box<ClaimDiffers>),
    /// The engine lost rows or lots of a pool: a bug of this program.
    #[error(transparent)]
    SelfCheck(#[from] SelfCheckError),
    /// Two rates for one instant that differ. An import refuses them; an alias may make them.
    #[error(transparent)]
    RatesDiffer(#[from] Box<RatesDiffer>),
    /// The database refused or failed.
    #[error("{action}: {message}")]
    Database {
        /// The action.
        action: &'static str,
        /// The database's own words.
        message: String,
        /// The cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

/// The holder of a lock that this process waited for in vain.
#[derive(Debug, thiserror::Error)]
pub enum Busy {
    /// Another process writes to the SQLite file; has our action, and SQLite's reason.
    #[error("{0}: another process writes to the database longer than we wait ({1})")]
    Writer(&'static str, String),
    /// Other sessions hold a lock.
    #[error(
        "{action}: another session holds what this needs longer than we wait ({message}){}",
        named(.sessions)
    )]
    Sessions {
        /// The action.
        action: &'static str,
        /// The server's own words.
        message: String,
        /// The sessions that hold the lock, if the server names them.
        sessions: Vec<String>,
    },
    /// A reader holds the tables of allocations; has its server process, and its name.
    #[error(
        "a reader holds the tables of allocations longer than we wait (server process {0}, \
         \"{1}\"): it would take a new version for an empty one"
    )]
    Reader(i32, String),
}

fn named(sessions: &[String]) -> String {
    match sessions {
        [] => String::new(),
        sessions => format!(": {}", sessions.join(", ")),
    }
}

/// The other place of a version's computation, so that its watermark says nothing here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Elsewhere {
    /// In PostgreSQL; this database is not.
    #[error("the version was computed in a PostgreSQL database")]
    Postgres,
    /// In this cluster, but before its ledger was guarded.
    #[error(
        "the version was computed from an unguarded ledger: transactions can't tell what came \
         since; compute a new version"
    )]
    Unguarded,
    /// In another cluster, or not in PostgreSQL.
    #[error(
        "the version was computed in another database cluster, whose transaction numbers mean \
         nothing here: compute a new version"
    )]
    Cluster,
    /// From another ledger than the unguarded one of this database.
    #[error("the version is not of this ledger: the ledger has to be read whole")]
    Ledger,
}

/// Why the new rows of an unguarded ledger can't be found without reading all rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Untold {
    /// More rows are new than a run checks one by one.
    #[error("too many rows are new")]
    ManyRows,
    /// Rows that the version saw were changed or removed.
    #[error("rows were changed or removed")]
    Changed,
    /// More transactions began since the version than a row's transaction number can tell apart.
    #[error("too many transactions went by")]
    ManyTransactions,
    /// Trades or voids were added in our own tables, beside the ledger.
    #[error("trades were added or voided by hand")]
    ByHand,
    /// A new row of the ledger, or the order that it fills, has the id of a trade in our own table.
    #[error("a row stands in the place of one of ours")]
    InPlace,
    /// An order got its first fill, which replaces the order's own row in matching.
    #[error("an order got its first fill")]
    FirstFill,
}

impl StoreError {
    /// Returns the five characters by which a PostgreSQL server names the error.
    pub fn sqlstate(&self) -> Option<String> {
        let Self::Database {
            source: Some(source),
            ..
        } = self
        else {
            return None;
        };
        let code = match source.downcast_ref::<sqlx::Error>()? {
            sqlx::Error::Database(database) => database.code()?,
            _ => return None,
        };
        (code.len() == SQLSTATE_BYTES).then(|| code.into_owned())
    }

    /// Tells whether a retry may succeed. It may if the server restarted, the connection was lost,
    /// or two transactions collided.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } => true,
            Self::Database {
                source: Some(source),
                ..
            } => match source.downcast_ref::<sqlx::Error>() {
                Some(sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut) => true,
                _ => self.sqlstate().is_some_and(|code| is_transient_code(&code)),
            },
            _ => false,
        }
    }
}

/// Bytes of a SQLSTATE.
const SQLSTATE_BYTES: usize = 5;

fn is_transient_code(code: &str) -> bool {
    // Serialization failure, deadlock; shutdown, crash, start-up. Class 08: lost connections.
    let known = ["40001", "40P01", "57P01", "57P02", "57P03"];
    known.contains(&code) || code.starts_with("08")
}

/// A store's result.
pub type StoreResult<T> = Result<T, StoreError>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_by_itself() {
        for code in [
            "40001", "40P01", "08000", "08006", "57P01", "57P02", "57P03",
        ] {
            assert!(is_transient_code(code), "{code}");
        }
        for code in [
            "57014", "53100", "42501", "23505", "55P03", "57P04", "XX000",
        ] {
            assert!(!is_transient_code(code), "{code}");
        }
        let database = |source: Option<sqlx::Error>| StoreError::Database {
            action: "read",
            message: "x".into(),
            source: source.map(|error| error.into()),
        };
        let reset = std::io::Error::from(std::io::ErrorKind::ConnectionReset);
        assert!(database(Some(sqlx::Error::Io(reset))).is_transient());
        assert!(!database(Some(sqlx::Error::RowNotFound)).is_transient());
        assert!(!database(None).is_transient());
        assert!(!StoreError::RunClosed(1).is_transient());
        let busy = Busy::Writer("begin", "locked".into());
        assert!(!StoreError::Busy(busy).is_transient());
    }
}
