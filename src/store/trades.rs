//! A file's trades on their way into the ledger, in lots: a file may be larger than memory.
//!
//! A store reads them once where all are new, which is what nearly every file is; otherwise once
//! to plan what becomes of each, and once more to write. So a source can begin again.

use async_trait::async_trait;

use super::StoreResult;
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
    /// Errors: stopped; the file can't be read, or is not what it was. So whoever writes may
    /// commit only after `None`.
    async fn next_lot(&mut self) -> StoreResult<Option<Vec<LedgerTrade>>>;
}

/// Trades that are in memory, in one lot.
pub(super) struct Listed<'t> {
    trades: &'t [LedgerTrade],
    is_given: bool,
}

impl<'t> Listed<'t> {
    pub(super) fn new(trades: &'t [LedgerTrade]) -> Self {
        let is_given = false;
        Self { trades, is_given }
    }
}

#[async_trait]
impl TradeSource for Listed<'_> {
    fn count(&self) -> u64 {
        self.trades.len() as u64
    }

    fn rewind(&mut self) {
        self.is_given = false;
    }

    async fn next_lot(&mut self) -> StoreResult<Option<Vec<LedgerTrade>>> {
        let is_given = std::mem::replace(&mut self.is_given, true);
        Ok((!is_given).then(|| self.trades.to_vec()))
    }
}
