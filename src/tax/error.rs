//! Why there is no tax file.

use std::io;
use std::path::Path;

use crate::files::WriteError;
use crate::store::StoreError;

/// Why an export was not made.
#[derive(Debug, thiserror::Error)]
pub enum TaxError {
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The request makes no sense here; nothing was written.
    #[error("{message}")]
    Usage {
        /// The fault.
        message: String,
        /// The remedy.
        hint: String,
    },
    /// Refused; nothing was written.
    #[error("{message}")]
    Refused {
        /// The refusal.
        message: String,
        /// The remedy.
        hint: String,
    },
    /// A stop was asked for; nothing was written.
    #[error("interrupted: nothing was written")]
    Stopped,
    /// A file can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl TaxError {
    /// Sorts an error of writing that a file was named in, or none.
    pub(super) fn write(error: io::Error) -> Self {
        Self::at(Path::new("the export"), error)
    }

    /// Says another place of an error of writing.
    pub(super) fn seen_at(self, place: &Path) -> Self {
        match self {
            Self::Write(error) => Self::Write(error.seen_at(place)),
            other => other,
        }
    }

    /// Sorts an error of writing a file.
    pub(super) fn at(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::Interrupted => Self::Stopped,
            _ => Self::Write(WriteError::of(error, path)),
        }
    }
}

/// The result of a tax command.
pub type TaxResult<T> = Result<T, TaxError>;
