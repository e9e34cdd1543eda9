//! What can go wrong in a store, and what each kind means to the user.

use super::fingerprint::{SchemaFinding, joined};
use super::model::{Holder, Version};
use super::proof::{ClaimDiffers, RowsDiffer};
use crate::engine::SelfCheckError;

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
    /// The schema has objects that this program did not make, or lacks some of its own.
    #[error("the schema is not as this program made it: {}", joined(.0))]
    SchemaAltered(Vec<SchemaFinding>),
    /// What an import wrote is not what the database stored; it was taken back.
    #[error(
        "the database stored other {what} than the import wrote ({written} written, {stored} \
         stored): nothing was imported"
    )]
    StoredOtherwise {
        /// Trades, or voids.
        what: &'static str,
        /// Rows.
        written: u64,
        /// Rows.
        stored: u64,
    },
    /// A change that the rules forbid; nothing was changed.
    ///
    /// Its words are for a person. What the program itself acts on has a variant of its own.
    #[error("{0}")]
    Refused(String),
    /// What others may do in this database makes it unsafe to go on; nothing was changed.
    #[error("{0}")]
    Unsafe(String),
    /// Somebody holds what we need for longer than we wait; nothing was changed.
    #[error("{0}")]
    Busy(String),
    /// A version's watermark counts what another database or ledger counts: nothing here is "new
    /// since" it.
    #[error("{0}")]
    WatermarkElsewhere(&'static str),
    /// What is new can't be told from what changed: the ledger has to be read whole.
    #[error("{0}: the ledger has to be read whole")]
    MustReadWhole(&'static str),
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
    #[error("no space left to {0}")]
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
    /// A version's rows are not those that its run wrote: something else wrote to the table.
    #[error(transparent)]
    RowsDiffer(Box<RowsDiffer>),
    /// A version's rows are those that its run wrote, in another order.
    #[error(
        "version {version} was changed: the rows of sell \"{sell_order_id}\" stand where its run \
         wrote others"
    )]
    RowsMoved {
        /// Whose rows.
        version: Version,
        /// The first that can't stand there.
        sell_order_id: String,
    },
    /// A version says something of itself that is not so: something else wrote to its tables.
    #[error(transparent)]
    ClaimDiffers(Box<ClaimDiffers>),
    /// The engine lost rows or lots of a pool: a bug of this program.
    #[error(transparent)]
    SelfCheck(#[from] SelfCheckError),
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

impl StoreError {
    /// Returns the five letters by which a PostgreSQL server names the error.
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

    /// Tells whether the same may work a moment later: the server was restarted, the connection was
    /// lost, or two transactions were in each other's way.
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
    // Serialization, deadlock; shutdown, crash, not yet started; the class of lost connections.
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
        assert!(!StoreError::Refused("no".into()).is_transient());
        assert!(!StoreError::Busy("no".into()).is_transient());
    }
}
