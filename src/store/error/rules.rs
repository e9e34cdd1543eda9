//! Refusals by the rules of `store/rules.rs`; nothing was changed.

use crate::engine::Timestamp;
use crate::store::model::{ReviewStatus, VersionStatus};

/// Why a version stays as it is: fits after "version 7".
#[derive(Debug, thiserror::Error)]
pub enum VersionRefusal {
    /// A new version can't have its number.
    #[error("exists: a number is never used again")]
    Exists,
    /// It is sealed for this reason: no run replaces it.
    #[error("is sealed ({0}): it can't be replaced")]
    NotReplacedSealed(String),
    /// It was dropped: no run replaces it.
    #[error("was dropped: it can't be replaced")]
    NotReplacedDropped,
    /// It has the first scope, the run the second, as text.
    #[error("has scope {0}, not {1}: it can't be replaced")]
    NotReplacedScope(String, String),
    /// It is sealed already: since when, and why.
    #[error("is sealed already, since {0} ({1})")]
    SealedAlready(Timestamp, String),
    /// It has no result.
    #[error("is {word}: nothing to seal", word = .0.as_str())]
    NothingToSeal(VersionStatus),
    /// It is sealed: nobody drops it.
    #[error("is sealed: it can't be dropped")]
    NotDroppedSealed,
    /// It is current: nobody drops it.
    #[error("is current: publish another one first")]
    NotDroppedCurrent,
    /// It is dropped already.
    #[error("is dropped already")]
    DroppedAlready,
    /// It has no result, or a scope, here as text.
    #[error(
        "is {} with scope {}: only a complete version over all symbols can be current",
        .0.as_str(), .1
    )]
    NotPublished(VersionStatus, String),
    /// It is sealed for this reason: no run appends to it.
    #[error("is sealed ({0}): nothing can be appended")]
    NotAppended(String),
    /// A run changed it while it was read.
    #[error("was extended, replaced or dropped meanwhile: run it again")]
    Moved,
}

/// Why a trade stays as it is: fits after "trade \"A\" of account \"main\"".
#[derive(Debug, thiserror::Error)]
pub enum TradeRefusal {
    /// It is voided already.
    #[error("is voided already")]
    VoidedAlready,
    /// It is not voided, so nothing can be undone.
    #[error("is not voided")]
    NotVoided,
    /// A correction of it counts.
    #[error(
        "was replaced by its correction \"{0}\", which counts: void \"{0}\" first, then undo this \
         void"
    )]
    Replaced(String),
    /// It corrects a trade that counts.
    #[error("is a correction of \"{0}\", which counts: void \"{0}\" first, then undo this void")]
    Corrects(String),
    /// It would count beside another form of the same execution.
    #[error(
        "has the id of a correction, and would count beside \"{0}\": give it another id, or void \
         \"{0}\" first"
    )]
    Beside(String),
    /// It would correct a correction of this trade.
    #[error("would correct a correction: give the file's row the id \"{0}\"")]
    CorrectsCorrection(String),
}

/// Why a review item stays as it is: fits after "review item 7".
#[derive(Debug, thiserror::Error)]
pub enum ItemRefusal {
    /// It has that status already.
    #[error("is {word} already", word = .0.as_str())]
    Already(ReviewStatus),
    /// It is open, and is to be reopened.
    #[error("is {word}: it is open already", word = .0.as_str())]
    Open(ReviewStatus),
    /// It is settled.
    #[error("is {word}: reopen it first", word = .0.as_str())]
    Settled(ReviewStatus),
}

/// Why there is no such snapshot, or none is made.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotRefusal {
    /// No snapshot has that name.
    #[error("there is no snapshot \"{0}\"")]
    Missing(String),
    /// The name has not the form of one.
    #[error("\"{0}\" is no snapshot's name: it ends in a date like 20251120")]
    Name(String),
    /// There is one of that name.
    #[error("snapshot \"{0}\" is there, and a snapshot is never changed")]
    Taken(String),
}
