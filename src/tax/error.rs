//! Why there is no tax file, as values. `cli/error` finds hints and exit codes.

use std::io;
use std::path::{Path, PathBuf};

use super::unpack::BadZip;
use crate::engine::{
    Account, IdError, IssueType, MoneyError, Pool, Size, Timestamp, Usd, shown, thousands,
};
use crate::files::WriteError;
use crate::store::StoreError;
use crate::store::model::Version;

/// Why an export was not made.
#[derive(Debug, thiserror::Error)]
pub enum TaxError {
    /// The store failed or refused.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such year.
    #[error("there is no tax year {0}")]
    NoYear(i16),
    /// The name can't be an account.
    #[error("account is \"{0}\": it {1}")]
    BadAccount(String, IdError),
    /// The version has no pools of the account. Lists the accounts that it has.
    #[error("the version has no pools of account \"{0}\"")]
    NoPools(Account, Vec<String>),
    /// Pools of the year whose rows give the asset several classes: nobody knows the tax box.
    #[error("the rows of {} give the asset several classes, so its tax box is unknown", first(.0))]
    SeveralClasses(Vec<Pool>),
    /// A file is no zip that was filed.
    #[error("{}: {}", .0.display(), .1)]
    Zip(PathBuf, BadZip),
    /// The manifest is not ours, or of a newer program. Names the missing part.
    #[error("the manifest has no {0} that can be read")]
    Manifest(&'static str),
    /// The rows of a version that was filed are gone.
    #[error("version {0} was filed and its rows are gone")]
    FiledRowsGone(Version),
    /// A run extended the version while this export read it; nothing was written.
    #[error("version {0} was changed while it was read: nothing was written")]
    Moved(Version),
    /// The open lots of a pool are not those that its version's run wrote.
    #[error("version {0} was changed: the open lots of {1} are not those of its summary")]
    LotsDiffer(Version, Pool),
    /// A decision about a review item is not possible.
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// The user asked to stop; nothing was written.
    #[error("interrupted: nothing was written")]
    Stopped,
    /// A file can't be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}

/// Why a review item is not settled by a decision.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    /// The item is no unmatched sell.
    #[error("review item {0} is {word}, no unmatched sell", word = .1.as_str())]
    NoUnmatchedSell(i64, IssueType),
    /// The lots' sizes can't be added up.
    #[error(transparent)]
    Sizes(MoneyError),
    /// A lot was acquired later than it was sold.
    #[error("acquired {0}, after the sale of {1}")]
    AcquiredLater(Timestamp, Timestamp),
    /// A split lies between a lot and the sale, so units of the lot are others than those sold.
    #[error("acquired {0}, before the split of {1}, expected a lot of after it")]
    SplitBetween(Timestamp, Timestamp),
    /// The lots are larger than the unmatched size.
    #[error("{0} is more than the {1} that found no lot")]
    MoreThanUnmatched(Size, Size),
    /// The basis gives no price.
    #[error("basis {0}: {1}")]
    Basis(Usd, MoneyError),
    /// The trade that would be appended can't have this id.
    #[error("order id {0}: it {1}")]
    OrderId(String, IdError),
    /// The item's sell is no longer among the pool's trades, for example because it was voided.
    #[error("item {}: sell {} does not count any more", .0, shown(.1))]
    SellGone(i64, String),
    /// The item's sell has all its lots by now.
    #[error(
        "item {}: sell {} has all its lots since trades were appended: nothing is open", .0,
        shown(.1)
    )]
    NothingOpen(i64, String),
    /// The lots are larger than the open rest of the sell.
    #[error(
        "item {item}: {total} is more than the {open} of sell {} that are open since trades were \
         appended", shown(.order_id)
    )]
    MoreThanOpen {
        /// The item.
        item: i64,
        /// Its sell.
        order_id: String,
        /// Sum of the lots.
        total: Size,
        /// Open size of the sell.
        open: Size,
    },
    /// The pool can't be matched.
    #[error("{0} can't be matched: {1}")]
    Unmatchable(Pool, String),
}

fn first(pools: &[Pool]) -> String {
    let first = pools.first().map(Pool::to_string).unwrap_or_default();
    match pools.len().saturating_sub(1) {
        0 => first,
        1 => format!("{first}, and of 1 more pool,"),
        more => format!("{first}, and of {} more pools,", thousands(more)),
    }
}

/// A sheet has no more rows than these.
///
/// The writer returns it inside an [`io::Error`], which becomes the source of the [`WriteError`].
#[derive(Debug, thiserror::Error)]
#[error("a sheet of xlsx has room for {0} rows")]
pub struct SheetFull(pub u32);

impl TaxError {
    /// Makes a tax error of an error of writing. An error that names no file gets "the export".
    pub(super) fn write(error: io::Error) -> Self {
        Self::at(Path::new("the export"), error)
    }

    /// Replaces the path in an error of writing.
    pub(super) fn seen_at(self, place: &Path) -> Self {
        match self {
            Self::Write(error) => Self::Write(error.seen_at(place)),
            other => other,
        }
    }

    /// Makes a tax error of an error of writing a file.
    pub(super) fn at(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::Interrupted => Self::Stopped,
            _ => Self::Write(WriteError::of(error, path)),
        }
    }
}

/// The result of a tax command.
pub type TaxResult<T> = Result<T, TaxError>;
