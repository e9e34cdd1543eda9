//! Errors of the pipeline, as values. `cli/error` finds hints and exit codes for them.

use std::time::Duration;

use super::action_refusal::ActionRefusal;
use super::earlier::{ImportedAs, KnownRows, OtherZone};
use super::transfer_refusal::TransferRefusal;
use crate::engine::{Account, MoneyError, Pool, PoolStatus, Timestamp, shown, thousands};
use crate::import::FileError;
use crate::rates::RateFileError;
use crate::store::StoreError;
use crate::store::model::{Holder, Version, VersionScope, VersionStatus};

/// Why the job failed or refused.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The store failed or refused.
    #[error(transparent)]
    Store(StoreError),
    /// A file can't be read as trades at all.
    #[error("{file}: {error}")]
    File {
        /// The file's name.
        file: String,
        /// The fault of the file.
        error: FileError,
    },
    /// A file can't be read as rates at all.
    #[error("{file}: {error}")]
    Rates {
        /// The file's name.
        file: String,
        /// The fault of the file.
        error: Box<RateFileError>,
    },
    /// A file can't be opened.
    #[error("{file}: can't be read: {reason}")]
    Unreadable {
        /// The file's name.
        file: String,
        /// The system's reason.
        reason: String,
    },
    /// A file changed after its rows were checked. Nothing of the file is in the ledger.
    #[error("{file}: changed while it was being imported: nothing of it was imported")]
    Changed {
        /// The file's name.
        file: String,
    },
    /// The same file is imported for another account: its rows would count twice.
    #[error(
        "{file}: {} has this file already, in account {}, since {}",
        other.name(),
        shown(&other.account).quoted(),
        other.at
    )]
    ImportedAs {
        /// The file's name.
        file: String,
        /// The earlier import.
        other: ImportedAs,
    },
    /// The same bytes give other rows than before: they would count twice.
    #[error(
        "{file}: {} of {} read this file otherwise: {} {} would count twice",
        earlier.name(),
        earlier.at,
        thousands(*rows),
        if *rows == 1 { "row" } else { "rows" }
    )]
    ReadOtherwise {
        /// The file's name.
        file: String,
        /// The earlier import.
        earlier: ImportedAs,
        /// How many rows are new.
        rows: u64,
    },
    /// Rows of two files of one source get other ids in two zones, and count twice.
    #[error(
        "{file}: its times are read in {}, and those of import {} in {}",
        shown(&zone.now),
        zone.earlier.import_id,
        shown(&zone.before)
    )]
    OtherZone {
        /// The file's name.
        file: String,
        /// The earlier import, and both zones.
        zone: Box<OtherZone>,
    },
    /// A file cancels a trade that an earlier file brought, and that counts.
    #[error(
        "{file}:{line}: cancels trade {} of account {}, which the ledger has",
        shown(&of.1).quoted(),
        shown(&of.0).quoted()
    )]
    CancelledCounts {
        /// The file's name.
        file: String,
        /// The line of the row that cancels the trade.
        line: u64,
        /// Account and id of the trade.
        of: (String, String),
    },
    /// A file has a trade that an earlier file cancelled.
    #[error("{file}:{line}: has trade {}, which an earlier file cancels", shown(order_id).quoted())]
    CancelledBefore {
        /// The file's name.
        file: String,
        /// The line of the trade.
        line: u64,
        /// The id of the trade.
        order_id: String,
    },
    /// Most rows of the file are in the ledger for another account: they would count twice.
    #[error(
        "{file}: {} of the {} rows compared {} already in {}, of account {} at {}",
        known.known,
        known.of,
        if known.known == 1 { "is" } else { "are" },
        known.other.name(),
        shown(&known.other.account).quoted(),
        known.other.at
    )]
    KnownElsewhere {
        /// The file's name.
        file: String,
        /// The rows, and the earlier import.
        known: KnownRows,
    },
    /// Another process held the run lock for as long as the caller waits.
    #[error("{} (waited {:?} for it)", StoreError::Locked(.0.clone()), .1)]
    WaitedInVain(Holder, Duration),
    /// The ledger has no such account, asset or symbol.
    #[error("the ledger has no trades of {what} \"{name}\"")]
    UnknownName {
        /// Kind of the name: "account", "asset" or "symbol".
        what: &'static str,
        /// The name that was asked for.
        name: String,
        /// The names that the ledger has, in order.
        known: Vec<String>,
    },
    /// No snapshot of history has this name; has the names of all snapshots.
    #[error("there is no snapshot \"{0}\"")]
    NoSnapshot(String, Vec<String>),
    /// The earlier system has no such version.
    #[error("the earlier system has no version {0}")]
    NoLegacyVersion(Version),
    /// No version is current.
    #[error("no version is current yet")]
    NoneCurrent,
    /// The version has no result that could be read.
    #[error("version {0} is {word}: it has no result", word = .1.as_str())]
    NoResult(Version, VersionStatus),
    /// In each of this many tries, a run extended the version while it was checked.
    #[error("runs extended the version {0} times while it was checked")]
    Extended(usize),
    /// The run can't replace the stored version.
    #[error(transparent)]
    Replace(#[from] ReplaceError),
    /// The version can't become current.
    #[error(transparent)]
    Pointer(#[from] PointerError),
    /// A sell can't be explained.
    #[error(transparent)]
    Explain(#[from] ExplainError),
    /// An import of several files ended between them.
    #[error("{error}")]
    SomeImported {
        /// The files that were imported before; they stay imported.
        files: Vec<String>,
        /// The error that ended the import.
        error: Box<PipelineError>,
    },
    /// A run with a log row failed.
    #[error("{error}")]
    Run {
        /// Number of the log row.
        run_id: i64,
        /// The error that ended the run.
        error: Box<PipelineError>,
    },
    /// A person's word about a transfer can't be.
    #[error(transparent)]
    Transfer(#[from] TransferRefusal),
    /// A person's word about an action is refused.
    #[error(transparent)]
    Action(#[from] ActionRefusal),
    /// A stop was requested.
    #[error("interrupted")]
    Interrupted,
    /// A thread of ours ended in a panic: our own bug.
    #[error("a worker failed: {0}")]
    Worker(String),
}

/// Why a run can't replace a stored version.
#[derive(Debug, thiserror::Error)]
pub enum ReplaceError {
    /// The version is sealed; has the instant and the reason of the seal.
    #[error("version {0} is sealed since {1} ({2})")]
    Sealed(Version, Timestamp, String),
    /// The version exists, and the run was not asked to replace it.
    #[error("version {0} exists")]
    Exists(Version),
    /// The version was dropped, and its number is never used again.
    #[error("version {0} was dropped, and a number is never used again")]
    Dropped(Version),
    /// The version has another scope than the run; has both.
    #[error("version {0} covers {1}, this run {2}")]
    OtherScope(Version, VersionScope, VersionScope),
    /// The version has allocations of these pools, for which the run has no result.
    #[error("version {} is not replaced: the new result has nothing for {}", .0, listed(.1))]
    TakesAway(Version, Vec<Pool>),
}

/// Why a version can't become current.
#[derive(Debug, thiserror::Error)]
pub enum PointerError {
    /// No version is held, so no hold can end.
    #[error("no version is held as current")]
    NotHeld,
    /// The version has no result.
    #[error("version {0} is {word}: it has no result", word = .1.as_str())]
    NoResult(Version, VersionStatus),
    /// The version covers only a scope, here as text.
    #[error("version {0} covers {1}: it can't be current")]
    OfScope(Version, VersionScope),
}

/// Why a sell can't be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The sum of the version's amounts is out of range.
    #[error("the figures of \"{0}\" can't be explained: {2}")]
    Figures(String, Version, MoneyError),
    /// The version has no rows of the sell.
    #[error("version {} has no rows of \"{}\": {}", .0.version, .0.order_id, .0.why())]
    NoRows(Box<NoRows>),
    /// The pool's trades changed after the version was computed.
    #[error(
        "the ledger of {pool} was changed since version {version}: its trades do not give the \
         version's figures"
    )]
    LedgerChanged {
        /// The pool.
        pool: Pool,
        /// The version.
        version: Version,
        /// The version was computed from an unguarded ledger.
        is_unguarded: bool,
    },
    /// The sell was corrected; has the number of its newest correction.
    #[error("sell \"{0}\" of account \"{1}\" was corrected: it counts as \"{0}~{2}\"")]
    Corrected(String, Account, u64),
    /// The version was computed without such a trade.
    #[error("version {1} knows no trade \"{0}\"")]
    NoTrade(String, Version),
    /// The trade's import is undone; has its number and file.
    #[error("\"{0}\" came with import {1} of {2}, which is undone")]
    ImportUndone(String, i64, String),
    /// The trade is a buy.
    #[error("\"{0}\" is a buy, expected a sell")]
    IsBuy(String),
    /// Sells in several accounts have this id; has the accounts.
    #[error("\"{}\" stands in accounts {}", .0, .1.join(", "))]
    SeveralAccounts(String, Vec<String>),
}

/// A sell's pool without allocations in a version.
#[derive(Debug)]
pub struct NoRows {
    /// The sell.
    pub order_id: String,
    /// The version.
    pub version: Version,
    /// The pool.
    pub pool: Pool,
    /// Outcome of the pool, and why it has no allocations; `None`: it is out of the scope.
    pub status: Option<(PoolStatus, String)>,
    /// A rate is missing.
    pub lacks_rate: bool,
}

impl NoRows {
    fn why(&self) -> String {
        let pool = &self.pool;
        match &self.status {
            None => format!("it does not cover {pool}"),
            // Any other sell of a matched pool has a row.
            Some((PoolStatus::Matched, _)) => format!("its short lot in {pool} is still open"),
            Some((status, why)) if why.is_empty() => format!("{pool} is {}", status.as_str()),
            Some((status, why)) => format!("{pool} is {}: {why}", status.as_str()),
        }
    }
}

/// Result of the pipeline.
pub type PipelineResult<T> = Result<T, PipelineError>;

impl PipelineError {
    /// Notes the files that an import had imported before the error. If a person stopped it before
    /// the first file, that is noted, too.
    pub(super) fn after_files(self, files: Vec<String>) -> Self {
        match (&self, files.is_empty()) {
            (Self::Interrupted, _) | (_, false) => Self::SomeImported {
                files,
                error: Box::new(self),
            },
            (_, true) => self,
        }
    }
}

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
