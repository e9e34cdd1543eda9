//! One type decides wording, hints and exit code of everything that goes wrong.

mod names;
mod pipeline;
mod tax;

use super::exit::Exit;
use crate::files::WriteError;
use crate::store::StoreError;
use crate::tax::SheetFull;

/// An error on its way to the user.
#[derive(Debug)]
pub struct CliError {
    /// The error: fits after `error: `.
    pub message: String,
    /// The remedy; may be empty.
    pub hint: String,
    /// The exit code.
    pub exit: Exit,
    /// The last line: the run, the current version, the next command.
    pub state: Option<String>,
}

/// A command's result.
pub type CliResult<T> = Result<T, CliError>;

impl CliError {
    /// Makes an error of wrong usage, configuration or input.
    pub fn usage(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let (message, hint) = (message.into(), hint.into());
        Self {
            message,
            hint,
            exit: Exit::Usage,
            state: None,
        }
    }

    /// Makes a refusal.
    pub fn refused(message: impl Into<String>, hint: impl Into<String>) -> Self {
        let (message, hint) = (message.into(), hint.into());
        Self {
            message,
            hint,
            exit: Exit::Refused,
            state: None,
        }
    }

    /// Makes a failure.
    pub fn failed(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: String::new(),
            exit: Exit::Failed,
            state: None,
        }
    }
}

/// Says how to look for rows of a version that something else wrote.
fn see_what_differs(version: i64) -> String {
    format!("see what differs: `validate_allocations --version {version}`")
}

/// Tells a server's database from a file.
fn is_postgres(location: &str) -> bool {
    location.starts_with("postgres://")
}

impl From<StoreError> for CliError {
    fn from(error: StoreError) -> Self {
        let (exit, hint) = match &error {
            StoreError::RowsDiffer(differ) => altered(differ.version),
            StoreError::RowsMoved { version, .. } => altered(*version),
            StoreError::ClaimDiffers(differ) => altered(differ.version),
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

/// Advises about rows that no run wrote.
fn altered(version: i64) -> (Exit, String) {
    let next = format!("`validate_allocations --version {version}`");
    let hint = format!("something else wrote to this database; see what differs: {next}");
    (Exit::Refused, hint)
}

const ROLES: &str = "docs/OPERATIONS.md, \"Roles\", says who may do what; nothing was changed";

const MEND_SCHEMA: &str = "DROP what is not ours; make again what is missing or changed, as \
    migrations/ has it, or restore a backup; if you adapted a view of ours: \
    `fifo-pnl migrate up --accept-views`";

const OUR_BUG: &str = "this is a bug of the program; what was complete before still is";

const OTHER_PROGRAM: &str = "restore a backup, or use the program that made this database";

const LATER: &str =
    "run it again when the other session or process is done; no version was changed";

const FILE_URL: &str = "a database is named like sqlite://fifo-pnl.db";

const REMOVE_TRIGGER: &str =
    "a trigger or rule of another program changes rows as they are written: remove it";

/// Returns an error's exit code and advice.
fn advice(error: &StoreError) -> (Exit, String) {
    let (exit, hint) = match error {
        StoreError::Missing(_) => (
            Exit::Usage,
            "name it with --database or DATABASE_URL; `fifo-pnl run FILE` makes one",
        ),
        StoreError::BadLocation { location, .. } if is_postgres(location) => (
            Exit::Usage,
            "name one that is there; or make it with createdb, then run `fifo-pnl migrate up`",
        ),
        StoreError::BadLocation { .. } => (Exit::Usage, FILE_URL),
        StoreError::NoTrade { .. } => (
            Exit::Usage,
            "--account names the account of the trade, which is \"default\" otherwise",
        ),
        StoreError::NoVersion(_) => (
            Exit::Usage,
            "`fifo-pnl versions list` shows the versions there are",
        ),
        StoreError::NoPermission { location, .. } if is_postgres(location) => (
            Exit::Refused,
            "docs/OPERATIONS.md lists what each role needs; nothing was changed",
        ),
        StoreError::NoPermission { .. } => (
            Exit::Refused,
            "the folder and the file must be writable for this user",
        ),
        StoreError::Connect { .. } => (
            Exit::Failed,
            "is the server up, and are user, password and database right?",
        ),
        StoreError::SchemaOlder { .. } => (
            Exit::Refused,
            "run `fifo-pnl migrate up`; nothing was written",
        ),
        StoreError::Locked(_) => (Exit::Refused, "try again when it is done"),
        StoreError::SchemaNewer { .. } => {
            (Exit::Refused, "use the newer program; nothing was written")
        }
        StoreError::SchemaDiffers(_) => (Exit::Refused, OTHER_PROGRAM),
        StoreError::Unsafe(_) => (Exit::Refused, ROLES),
        StoreError::StoredOtherwise { .. } => (Exit::Refused, REMOVE_TRIGGER),
        StoreError::SchemaAltered(_) => (Exit::Refused, MEND_SCHEMA),
        StoreError::Busy(_) => (Exit::Refused, LATER),
        StoreError::Version(..)
        | StoreError::Trade { .. }
        | StoreError::Item(..)
        | StoreError::NoItem(_)
        | StoreError::Snapshot(_)
        | StoreError::RunClosed(_)
        | StoreError::NoLegacyVersion(_)
        | StoreError::Schema(_)
        | StoreError::Postgres(_)
        | StoreError::WatermarkElsewhere(_)
        | StoreError::MustReadWhole(_) => (Exit::Refused, ""),
        StoreError::Stopped => (Exit::Interrupted, ""),
        StoreError::Full(..) => (
            Exit::Failed,
            "make room and run again: what was complete before still is",
        ),
        StoreError::SelfCheck(_) => (Exit::Failed, OUR_BUG),
        StoreError::Unreadable { .. }
        | StoreError::RowsDiffer(_)
        | StoreError::RowsMoved { .. }
        | StoreError::ClaimDiffers(_) => (
            Exit::Failed,
            "something else wrote to this database; `fifo-pnl validate --version current` says \
             what is wrong",
        ),
        StoreError::Database { .. } => (
            Exit::Failed,
            "what was complete before still is; run again when the cause is gone",
        ),
    };
    (exit, hint.into())
}

impl From<WriteError> for CliError {
    fn from(error: WriteError) -> Self {
        let message = error.to_string();
        match error {
            WriteError::Exists { .. } => {
                Self::refused(message, "name another file, or replace it with --overwrite")
            }
            WriteError::InUse { .. } => {
                Self::refused(message, "name another file: nothing was written")
            }
            WriteError::NoFile {
                what: "a folder", ..
            } => Self::refused(message, "name a file in it"),
            WriteError::NoFile { .. } => Self::refused(message, "name a file, or a free name"),
            WriteError::Locked { .. } => Self::refused(
                message,
                "nothing was written: run the same command again when it is done",
            ),
            WriteError::Denied { .. } => Self::refused(
                message,
                "name a file in a folder that is writable for this user",
            ),
            WriteError::Full { .. } => Self {
                hint: "make room there and run the same command again: nothing was written".into(),
                ..Self::failed(message)
            },
            WriteError::Failed { source, .. } if of_sheet(&source) => Self {
                hint: "use --format lots".into(),
                ..Self::failed(message)
            },
            WriteError::Failed { .. } => Self {
                hint: "nothing was written: run the same command again when the cause is gone"
                    .into(),
                ..Self::failed(message)
            },
        }
    }
}

fn of_sheet(source: &std::io::Error) -> bool {
    source
        .get_ref()
        .is_some_and(|error| error.is::<SheetFull>())
}
