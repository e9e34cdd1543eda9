//! Refusals of actions on a PostgreSQL server; the other databases have none of these.

use crate::store::limits::POSTGRES_MIN;

/// Why nothing was done on a server.
#[derive(Debug, thiserror::Error)]
pub enum PostgresRefusal {
    /// The server is too old; has its major version.
    #[error("the server is PostgreSQL {0}, this program needs {POSTGRES_MIN} or newer")]
    OldServer(i32),
    /// A proxy shares one server connection between sessions, so no session can hold a lock.
    #[error(
        "a proxy lends one server connection to two sessions (transaction pooling): a run lock \
         can't be held through it; connect to the server itself, or to a pool in session mode"
    )]
    ProxyShares,
    /// Another program's table, view or schema has a name that this program needs.
    #[error(
        "the database has a table, view or schema \"{0}\" that is not ours: nothing was created"
    )]
    NameTaken(String),
    /// The existing table `trade_records` can't be read as a ledger.
    #[error(
        "the table \"trade_records\" that is there can't be read as a ledger: {}; nothing was \
         created", joined(.0)
    )]
    NoLedger(Vec<LedgerFault>),
    /// The ledger was made by this program, and is guarded already.
    #[error("the ledger is our own, and guarded already")]
    OwnLedger,
    /// The ledger has a column with a name that this program needs.
    #[error("the ledger has a column \"{0}\" already: nothing was changed")]
    ColumnTaken(&'static str),
    /// The ledger was copied from another cluster.
    #[error(
        "the ledger has rows of transactions that this server has not reached: it was copied from \
         another cluster (ingest_xid), and no run could find what is new in it"
    )]
    CopiedLedger,
    /// No earlier system computed versions here.
    #[error("the database has no versions of an earlier system (schema fifo_legacy)")]
    NoLegacy,
    /// The process doesn't hold the run lock, without which nobody writes a version.
    #[error("a version is written with the run lock held")]
    NoRunLock,
    /// An earlier error took the writer's connection.
    #[error("the writer's connection is gone")]
    WriterGone,
}

/// Why a table can't be read as a ledger.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerFault {
    /// The relation is a view, or another thing than a table.
    #[error("it is no table")]
    NoTable,
    /// No unique key has these columns.
    #[error("it has no unique key on {0}")]
    NoKey(&'static str),
    /// A column may hold the currency of prices, and nothing reads it.
    #[error(
        "column \"{0}\" may name the currency of prices: call it quote_currency, or add a column \
         quote_currency"
    )]
    Currency(String),
    /// The table lacks this column.
    #[error("column \"{0}\" is missing")]
    NoColumn(String),
    /// A column has another type.
    #[error("column \"{name}\" is {kind}, expected {expected}")]
    Kind {
        /// The column.
        name: String,
        /// Its type.
        kind: String,
        /// The expected kind of thing, with its article.
        expected: &'static str,
    },
}

/// A role that could make our sessions execute its objects; has the role and the schema.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    /// The role owns the schema.
    #[error(
        "schema {1} belongs to role {0}, and what it puts there could be executed with our rights; \
         give it to an owner whom you trust: ALTER SCHEMA {1} OWNER TO ..."
    )]
    Owns(String, String),
    /// The role may create objects in the schema.
    #[error(
        "{0} may create in schema {1}, and what it puts there could be executed with our rights; \
         take it away: REVOKE CREATE ON SCHEMA {1} FROM {0}"
    )]
    MayCreate(String, String),
    /// The role made an object in the schema; has the role, then schema and object in words.
    #[error(
        "schema {1} of role {0}, which could be executed with our rights: drop it, or give it to \
         an owner whom you trust"
    )]
    Made(String, String),
}

fn joined(faults: &[LedgerFault]) -> String {
    let faults: Vec<String> = faults.iter().map(LedgerFault::to_string).collect();
    faults.join("; ")
}
