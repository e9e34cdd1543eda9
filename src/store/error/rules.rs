//! Refusals by the rules in `store/rules.rs`. A refused change leaves the store as it was.

use crate::engine::Timestamp;
use crate::store::model::{ReviewStatus, VersionStatus};

/// Why a version can't be changed. The text follows the words "version 7".
#[derive(Debug, thiserror::Error)]
pub enum VersionRefusal {
    /// A new version can't take the number of an existing one.
    #[error("exists: a number is never used again")]
    Exists,
    /// No run replaces a sealed version; has the reason for the seal.
    #[error("is sealed ({0}): it can't be replaced")]
    NotReplacedSealed(String),
    /// No run replaces a dropped version.
    #[error("was dropped: it can't be replaced")]
    NotReplacedDropped,
    /// The scopes of the version and of the run differ; has both, as text.
    #[error("has scope {0}, not {1}: it can't be replaced")]
    NotReplacedScope(String, String),
    /// The version is sealed already; has the instant and the reason of the seal.
    #[error("is sealed already, since {0} ({1})")]
    SealedAlready(Timestamp, String),
    /// A version without a result can't be sealed.
    #[error("is {word}: nothing to seal", word = .0.as_str())]
    NothingToSeal(VersionStatus),
    /// Nobody drops a sealed version.
    #[error("is sealed: it can't be dropped")]
    NotDroppedSealed,
    /// Nobody drops the current version.
    #[error("is current: publish another one first")]
    NotDroppedCurrent,
    /// The version is dropped already.
    #[error("is dropped already")]
    DroppedAlready,
    /// The version has no result, or covers only a scope (here as text), so it can't be current.
    #[error(
        "is {} with scope {}: only a complete version over all symbols can be current",
        .0.as_str(), .1
    )]
    NotPublished(VersionStatus, String),
    /// No run appends to a sealed version; has the reason for the seal.
    #[error("is sealed ({0}): nothing can be appended")]
    NotAppended(String),
    /// A run changed the version while another process read it.
    #[error("was extended, replaced or dropped meanwhile: run it again")]
    Moved,
}

/// Why a trade can't be changed. The text follows the words "trade \"A\" of account \"main\"".
#[derive(Debug, thiserror::Error)]
pub enum TradeRefusal {
    /// The trade is voided already.
    #[error("is voided already")]
    VoidedAlready,
    /// The trade is not voided, so there is no void to undo.
    #[error("is not voided")]
    NotVoided,
    /// A correction of the voided trade counts; has its id.
    #[error(
        "was replaced by its correction \"{0}\", which counts: void \"{0}\" first, then undo this \
         void"
    )]
    Replaced(String),
    /// The voided trade is a correction of a trade that counts; has that trade's id.
    #[error("is a correction of \"{0}\", which counts: void \"{0}\" first, then undo this void")]
    Corrects(String),
    /// The trade would count beside another form of the same execution; has that form's id.
    #[error(
        "has the id of a correction, and would count beside \"{0}\": give it another id, or void \
         \"{0}\" first"
    )]
    Beside(String),
    /// A movement of the account has this id.
    #[error("has the id of a movement: each record of an account needs an id of its own")]
    IsMovement,
    /// It would correct a correction of this trade.
    #[error("would correct a correction: give the file's row the id \"{0}\"")]
    CorrectsCorrection(String),
}

/// Why an import can't be undone or put back. The text follows the words "import 7".
#[derive(Debug, thiserror::Error)]
pub enum ImportRefusal {
    /// All rows of the import are out already.
    #[error("is undone already")]
    UndoneAlready,
    /// The import is not undone, so there is nothing to put back.
    #[error("is not undone")]
    NotUndone,
    /// Put back, a row would count beside another form of it.
    #[error(
        "has {what} that would count twice: \"{id}\"{of} is \"{other}\"{by}",
        of = within(" of account ", account),
        by = .import.map_or_else(String::new, |id| format!(" of import {id}"))
    )]
    BackBeside {
        /// A trade, a movement or an action.
        what: &'static str,
        /// Its account; empty: all accounts.
        account: String,
        /// Its id.
        id: String,
        /// The id of the form that counts.
        other: String,
        /// The import that brought this form.
        import: Option<i64>,
    },
}

/// Returns words before a name in quotes. Without a name, the text is empty.
fn within(words: &str, name: &str) -> String {
    match name {
        "" => String::new(),
        name => format!("{words}\"{name}\""),
    }
}

/// Why a review item can't be changed. The text follows the words "review item 7".
#[derive(Debug, thiserror::Error)]
pub enum ItemRefusal {
    /// The item has the requested status already.
    #[error("is {word} already", word = .0.as_str())]
    Already(ReviewStatus),
    /// An open item can't be reopened; has its status.
    #[error("is {word}: it is open already", word = .0.as_str())]
    Open(ReviewStatus),
    /// The item is settled, and has to be reopened first; has its status.
    #[error("is {word}: reopen it first", word = .0.as_str())]
    Settled(ReviewStatus),
}

/// Why a snapshot of history can't be read or made.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotRefusal {
    /// No snapshot has that name.
    #[error("there is no snapshot \"{0}\"")]
    Missing(String),
    /// A snapshot's name ends in a date; this one does not.
    #[error("\"{0}\" is no snapshot's name: it ends in a date like 20251120")]
    Name(String),
    /// Another snapshot has that name.
    #[error("snapshot \"{0}\" is there, and a snapshot is never changed")]
    Taken(String),
}
