//! A file's trades on their way into the ledger, in lots: a file may be larger than memory.
//!
//! If all trades are new, a store reads them once, as for nearly every file. Otherwise it reads
//! them once to plan each, and once more to write. So a source can begin again.

use async_trait::async_trait;

use super::StoreResult;
use super::model::Reject;
use crate::engine::LedgerTrade;

/// Gives a file's trades, lot after lot.
///
/// An id that comes twice comes twice in one lot; of files that are read by blocks none does.
#[async_trait]
pub trait TradeSource: Send {
    /// Returns how many trades there are.
    fn count(&self) -> u64;

    /// Begins with the first lot again. A source that was just made stands there.
    fn rewind(&mut self);

    /// Returns the next lot, in the order of the file; `None`: that was all.
    ///
    /// Errors: stopped; the file can't be read, or has changed. So a writer may commit only after
    /// `None`.
    async fn next_lot(&mut self) -> StoreResult<Option<Vec<LedgerTrade>>>;

    /// Returns how many rows were rejected, which the import keeps.
    fn rejected(&self) -> u64 {
        0
    }

    /// Returns the next of them, in the order of the file; `None`: that was all. A writer asks for
    /// them after the last batch.
    async fn next_rejects(&mut self) -> StoreResult<Option<Vec<Reject>>> {
        Ok(None)
    }
}

/// Trades that are in memory, in one lot.
pub(super) struct Listed<'t> {
    trades: &'t [LedgerTrade],
    rejects: &'t [Reject],
    is_given: bool,
    are_rejects_given: bool,
}

impl<'t> Listed<'t> {
    pub(super) fn new(trades: &'t [LedgerTrade], rejects: &'t [Reject]) -> Self {
        Self {
            trades,
            rejects,
            is_given: false,
            are_rejects_given: false,
        }
    }
}

#[async_trait]
impl TradeSource for Listed<'_> {
    fn count(&self) -> u64 {
        self.trades.len() as u64
    }

    fn rewind(&mut self) {
        (self.is_given, self.are_rejects_given) = (false, false);
    }

    async fn next_lot(&mut self) -> StoreResult<Option<Vec<LedgerTrade>>> {
        let is_given = std::mem::replace(&mut self.is_given, true);
        Ok((!is_given).then(|| self.trades.to_vec()))
    }

    fn rejected(&self) -> u64 {
        self.rejects.len() as u64
    }

    async fn next_rejects(&mut self) -> StoreResult<Option<Vec<Reject>>> {
        let are_given = std::mem::replace(&mut self.are_rejects_given, true);
        Ok((!are_given).then(|| self.rejects.to_vec()))
    }
}
