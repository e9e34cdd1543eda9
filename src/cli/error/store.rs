//! Exit code and hint of each error of a store.

use super::{CliError, see_what_differs};
use crate::cli::exit::Exit;
use crate::store::{ImportRefusal, StoreError};

/// Tells whether a location is that of a PostgreSQL database.
fn is_postgres(location: &str) -> bool {
    location.starts_with("postgres://")
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let (exit, hint) = match &error {
            StoreError::RowsDiffer(differ) => altered(differ.version),
            StoreError::RowsMoved { version, .. } => altered(*version),
            StoreError::ClaimDiffers(differ) => altered(differ.version),
            StoreError::Import(id, ImportRefusal::BackBeside { import, .. }) => {
                (Exit::Refused, back_beside(*id, *import))
            }
            other => advice(other),
        };
        Self {
            message: error.to_string(),
            hint,
            exit,
            state: None,
        }
    }
}

/// Advises about an import that can't be put back: `other` has a row of it.
fn back_beside(id: i64, other: Option<i64>) -> String {
    match other {
        Some(other) => format!(
            "`fifo-pnl import undo {other} --reason TEXT` takes import {other} out; then put \
             import {id} back"
        ),
        None => "void the other one first: `fifo-pnl void ID --account NAME --reason TEXT`".into(),
    }
}

const UNREADABLE: &str = "something else wrote to this database: restore it from a backup, or \
                          mend the value; of a version, `compute_allocations --all-symbols` makes \
                          a new one";

/// Advises about rows that no run wrote.
fn altered(version: i64) -> (Exit, String) {
    let next = see_what_differs(version);
    let hint = format!("something else wrote to this database; {next}");
    (Exit::Refused, hint)
}

const ROLES: &str = "docs/OPERATIONS.md, \"Roles\", says who may do what; nothing was changed";

const MEND_SCHEMA: &str = "DROP what is not ours; make again what is missing or changed, as \
    migrations/ has it, or restore a backup; if you adapted a view of ours: \
    `fifo-pnl migrate up --accept-views`";

const ONE_RATE: &str = "`fifo-pnl rates check` shows both; import a file with the right one with \
    --correct --reason TEXT, or mend [aliases] in fifo-pnl.toml";

const OUR_BUG: &str = "this is a bug of the program; what was complete before still is";

const OTHER_PROGRAM: &str = "use the program that made this database, restore a backup, or import \
    its files into a new one";

const LATER: &str =
    "run it again when the other session or process is done; no version was changed";

const FILE_URL: &str = "a database is named like sqlite://fifo-pnl.db";

const REMOVE_TRIGGER: &str =
    "a trigger or rule of another program changes rows as they are written: remove it";

/// Returns an error's exit code and advice.
fn advice(error: &StoreError) -> (Exit, String) {
    let usage = |hint| (Exit::Usage, hint);
    let refused = |hint| (Exit::Refused, hint);
    let failed = |hint| (Exit::Failed, hint);
    let (exit, hint) = match error {
        StoreError::Missing(_) => {
            usage("name it with --database or DATABASE_URL; `fifo-pnl run FILE` makes one")
        }
        StoreError::BadLocation { location, .. } if is_postgres(location) => usage(
            "name one that is there; or make it with createdb, then run `fifo-pnl migrate up`",
        ),
        StoreError::BadLocation { .. } => usage(FILE_URL),
        StoreError::NoTrade { .. } => {
            usage("--account names the account of the trade, which is \"default\" otherwise")
        }
        StoreError::LoginTaken { .. } => {
            usage("use the name of that account; `fifo-pnl account list` shows all")
        }
        StoreError::NoImport(_) => usage("`fifo-pnl import list` shows the imports there are"),
        StoreError::NoVersion(_) => usage("`fifo-pnl versions list` shows the versions there are"),
        StoreError::NoPermission { location, .. } if is_postgres(location) => {
            refused("docs/OPERATIONS.md lists what each role needs; nothing was changed")
        }
        StoreError::NoPermission { .. } => {
            refused("the folder and the file must be writable for this user")
        }
        StoreError::Connect { .. } => {
            failed("is the server up, and are user, password and database right?")
        }
        StoreError::SchemaOlder { .. } => refused("run `fifo-pnl migrate up`; nothing was written"),
        StoreError::Locked(_) => refused("try again when it is done"),
        StoreError::SchemaNewer { .. } => refused("use the newer program; nothing was written"),
        StoreError::SchemaDiffers(_) => refused(OTHER_PROGRAM),
        StoreError::Unsafe(_) => refused(ROLES),
        StoreError::StoredOtherwise { .. } => refused(REMOVE_TRIGGER),
        StoreError::SchemaAltered(_) => refused(MEND_SCHEMA),
        StoreError::Busy(_) => refused(LATER),
        StoreError::Version(..)
        | StoreError::Trade { .. }
        | StoreError::Item(..)
        | StoreError::Import(..)
        | StoreError::NoItem(_)
        | StoreError::Snapshot(_)
        | StoreError::RunClosed(_)
        | StoreError::NoLegacyVersion(_)
        | StoreError::Schema(_)
        | StoreError::Postgres(_)
        | StoreError::WatermarkElsewhere(_)
        | StoreError::MustReadWhole(_) => refused(""),
        StoreError::Stopped => (Exit::Interrupted, ""),
        StoreError::Full(..) => {
            failed("make room and run again: what was complete before still is")
        }
        StoreError::SelfCheck(_) => failed(OUR_BUG),
        StoreError::RatesDiffer(_) => refused(ONE_RATE),
        StoreError::Unreadable { .. } => failed(UNREADABLE),
        StoreError::RowsDiffer(_) | StoreError::RowsMoved { .. } | StoreError::ClaimDiffers(_) => {
            failed(
                "something else wrote to this database; `fifo-pnl validate --version current` says \
             what is wrong",
            )
        }
        StoreError::Database { .. } => {
            failed("what was complete before still is; run again when the cause is gone")
        }
    };
    (exit, hint.into())
}
