//! One type has the wording, the hint and the exit code of every error.

mod assets;
mod import;
mod names;
mod pipeline;
mod rates;
mod store;
mod tax;

use super::exit::Exit;
use crate::files::WriteError;
use crate::tax::SheetFull;

pub use self::assets::{columns_words, proposal_words, tickers_words};
pub use self::import::{dollars_hint, file_hint, hint_settings, hint_words, zone_hint};

/// An error to print for the user.
#[derive(Debug)]
pub struct CliError {
    /// The error: fits after `error: `.
    pub message: String,
    /// The remedy; may be empty.
    pub hint: String,
    /// The exit code.
    pub exit: Exit,
    /// The present state, printed last: the run, the current version, the next command.
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

/// Names the command that lists rows of a version that no run wrote.
fn see_what_differs(version: i64) -> String {
    format!("see what differs: `validate_allocations --version {version}`")
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
            WriteError::Folder { .. } => Self::refused(message, "name a file in it"),
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
