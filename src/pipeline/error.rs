//! Why the job failed or refused, as values. `cli/error` finds hints and exit codes.

use std::time::Duration;

use super::scopes::scope_words;
use crate::engine::{Account, MoneyError, Pool, Timestamp};
use crate::import::FileError;
use crate::store::StoreError;
use crate::store::model::{Holder, Version, VersionStatus};

/// Why the job failed or refused.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The store failed or refused.
    #[error(transparent)]
    Store(StoreError),
    /// A file can't be read as trades at all.
    #[error("{file}: {error}")]
    File {
        /// Its name.
        file: String,
        /// Why.
        error: FileError,
    },
    /// A file can't be opened.
    #[error("{file}: can't be read: {reason}")]
    Unreadable {
        /// Its name.
        file: String,
        /// Why.
        reason: String,
    },
    /// A file changed since its rows were checked. Nothing of it is in the ledger.
    #[error("{file}: changed while it was being imported: nothing of it was imported")]
    Changed {
        /// Its name.
        file: String,
    },
    /// Another process held the run lock for as long as the caller waits.
    #[error("{} (waited {:?} for it)", StoreError::Locked(.0.clone()), .1)]
    WaitedInVain(Holder, Duration),
    /// The ledger has no such account or symbol.
    #[error("the ledger has no trades of {what} \"{name}\"")]
    UnknownName {
        /// "account" or "symbol".
        what: &'static str,
        /// The typed name.
        name: String,
        /// Those that it has, in order.
        known: Vec<String>,
    },
    /// There is no such snapshot. The list has those there are.
    #[error("there is no snapshot \"{0}\"")]
    NoSnapshot(String, Vec<String>),
    /// The earlier system has no such version.
    #[error("the earlier system has no version {0}")]
    NoLegacyVersion(Version),
    /// No version is current.
    #[error("no version is current yet")]
    NoneCurrent,
    /// A version without a result can't be read.
    #[error("version {0} is {word}: it has no result", word = .1.as_str())]
    NoResult(Version, VersionStatus),
    /// Runs extended the version so many times while it was checked.
    #[error("runs extended the version {0} times while it was checked")]
    Extended(usize),
    /// A version can't take the place of the stored one.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    /// The version can't become current.
    #[error(transparent)]
    Pointer(#[from] PointerError),
    /// A sell can't be explained.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// A run that was logged ended without a result.
    #[error("{error}")]
    Run {
        /// Its log row.
        run_id: i64,
        /// Why.
        error: Box<PipelineError>,
    },
    /// A stop was asked for.
    #[error("interrupted")]
    Interrupted,
    /// A thread of ours ended in a panic: our own bug.
    #[error("a worker failed: {0}")]
    Worker(String),
}

/// Why a run does not replace a stored version.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// It is sealed: since when, and why.
    #[error("version {0} is sealed since {1} ({2})")]
    Sealed(Version, Timestamp, String),
    /// Nobody asked to replace it.
    #[error("version {0} exists")]
    Exists(Version),
    /// Its number is used up.
    #[error("version {0} was dropped, and a number is never used again")]
    Dropped(Version),
    /// It has another scope than the run: the two, as text.
    #[error("version {} covers {}, this run {}", .0, scope_words(.1), scope_words(.2))]
    OtherScope(Version, String, String),
    /// It has allocations of pools that the run has no result for.
    #[error("version {} is not replaced: the new result has nothing for {}", .0, listed(.1))]
    TakesAway(Version, Vec<Pool>),
}

/// Why a version does not become current.
#[derive(Debug, thiserror::Error)]
pub enum PointerError {
    /// It is not held.
    #[error("no version is held as current")]
    NotHeld,
    /// The version has no result.
    #[error("version {0} is {word}: it has no result", word = .1.as_str())]
    NoResult(Version, VersionStatus),
    /// The version covers only a scope, here as text.
    #[error("version {} covers {}: it can't be current", .0, scope_words(.1))]
    OfScope(Version, String),
}

/// Why a sell can't be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The version's amounts are out of range.
    #[error("the figures of \"{0}\" can't be explained: {2}")]
    Figures(String, Version, MoneyError),
    /// The version has no rows of the sell, which is of this pool.
    #[error("version {1} has no rows of sell \"{0}\"")]
    NoRows(String, Version, Pool),
    /// The pool has other trades by now.
    #[error(
        "the ledger of {pool} was changed since version {version}: its trades do not give the \
         version's figures"
    )]
    LedgerChanged {
        /// The pool.
        pool: Pool,
        /// The version.
        version: Version,
        /// Whether the ledger was unguarded.
        is_unguarded: bool,
    },
    /// The sell was corrected, most recently by the correction of this number.
    #[error("sell \"{0}\" of account \"{1}\" was corrected: it counts as \"{0}~{2}\"")]
    Corrected(String, Account, u64),
    /// The version knows no such trade.
    #[error("version {1} knows no trade \"{0}\"")]
    NoTrade(String, Version),
    /// The trade is a buy.
    #[error("\"{0}\" is a buy, expected a sell")]
    IsBuy(String),
    /// Several accounts have a sell of that name.
    #[error("\"{}\" stands in accounts {}", .0, .1.join(", "))]
    SeveralAccounts(String, Vec<String>),
}

/// The job's result.
pub type PipelineResult<T> = Result<T, PipelineError>;

impl From<StoreError> for PipelineError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Stopped => Self::Interrupted,
            other => Self::Store(other),
        }
    }
}

fn listed(pools: &[Pool]) -> String {
    let pools: Vec<String> = pools.iter().map(Pool::to_string).collect();
    pools.join(", ")
}
