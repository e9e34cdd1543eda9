//! Why there is no tax file.

use crate::store::StoreError;

/// Why an export was not made.
#[derive(Debug, thiserror::Error)]
pub enum TaxError {
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was asked makes no sense here; nothing was written.
    #[error("{message}")]
    Usage {
        /// What is wrong.
        message: String,
        /// What to do.
        hint: String,
    },
    /// Refused; nothing was written.
    #[error("{message}")]
    Refused {
        /// What is refused.
        message: String,
        /// What to do.
        hint: String,
    },
    /// A stop was asked for; nothing was written.
    #[error("interrupted: nothing was written")]
    Stopped,
    /// A file can't be written to its end.
    #[error("can't write the export: {0}")]
    Write(#[source] std::io::Error),
}

/// The result of a tax command.
pub type TaxResult<T> = Result<T, TaxError>;
