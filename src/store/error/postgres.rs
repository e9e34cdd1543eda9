//! Refusals that only a PostgreSQL server makes, or causes.

use crate::store::limits::POSTGRES_MIN;

/// Why nothing was done on a server.
#[derive(Debug, thiserror::Error)]
pub enum PostgresRefusal {
    /// The server has this major version.
    #[error("the server is PostgreSQL {0}, this program needs {POSTGRES_MIN} or newer")]
    OldServer(i32),
    /// A proxy keeps no session.
    #[error(
        "a proxy lends one server connection to two sessions (transaction pooling): a run lock \
         can't be held through it; connect to the server itself, or to a pool in session mode"
    )]
    ProxyShares,
    /// Something that is not ours has a name of ours.
    #[error(
        "the database has a table, view or schema \"{0}\" that is not ours: nothing was created"
    )]
    NameTaken(String),
    /// The table that is there is no ledger.
    #[error(
        "the table \"trade_records\" that is there can't be read as a ledger: {}; nothing was \
         created", joined(.0)
    )]
    NoLedger(Vec<LedgerFault>),
    /// Our own ledger can't be protected.
    #[error("the ledger is our own, and guarded already")]
    OwnLedger,
    /// The ledger has a column of this name.
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
    /// Nobody holds the run lock.
    #[error("a version is written with the run lock held")]
    NoRunLock,
    /// An earlier error took the writer's connection.
    #[error("the writer's connection is gone")]
    WriterGone,
}

/// Why a table is no ledger.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum LedgerFault {
    /// It is a view, or something else.
    #[error("it is no table")]
    NoTable,
    /// These columns are not unique.
    #[error("it has no unique key on {0}")]
    NoKey(&'static str),
    /// It lacks a column.
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

/// A role that may put something where we would execute it, and the schema or the thing.
#[derive(Debug, thiserror::Error)]
pub enum Untrusted {
    /// The role owns the schema.
    #[error(
        "schema {1} belongs to role {0}, and what it puts there could be executed with our rights; \
         give it to an owner whom you trust: ALTER SCHEMA {1} OWNER TO ..."
    )]
    Owns(String, String),
    /// The role may create in the schema.
    #[error(
        "{0} may create in schema {1}, and what it puts there could be executed with our rights; \
         take it away: REVOKE CREATE ON SCHEMA {1} FROM {0}"
    )]
    MayCreate(String, String),
    /// The role has made something: the schema and its object.
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
