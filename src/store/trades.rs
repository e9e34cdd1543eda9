//! Gives a file's trades to a store in batches, because a file may be larger than memory.
//!
//! If all trades are new, as in nearly every file, a store reads them once. Otherwise it reads them
//! once to plan each, and once more to write. So a source can begin again.

use async_trait::async_trait;

use super::StoreResult;
use super::model::{ImportBatch, Reject};
use crate::engine::{AssetAction, LedgerTrade, Movement};

/// Gives a file's trades, batch by batch.
///
/// Trades with the same id are in one batch. A file that is read by blocks has no repeated ids.
#[async_trait]
pub trait TradeSource: Send {
    /// Returns the number of trades.
    fn count(&self) -> u64;

    /// Goes back to the first batch, at which a new source begins.
    fn rewind(&mut self);

    /// Returns the next batch, in the order of the file; `None` after the last.
    ///
    /// Errors: stopped; the file can't be read, or has changed. So a writer may commit only after
    /// `None`.
    async fn next_batch(&mut self) -> StoreResult<Option<Vec<LedgerTrade>>>;

    /// Returns the movements of the file. They are in memory: files have few.
    fn movements(&self) -> &[Movement] {
        &[]
    }

    /// Returns the actions of the file, in memory, too.
    fn actions(&self) -> &[AssetAction] {
        &[]
    }

    /// Returns the number of rejected rows, which the store keeps with the import.
    fn rejected(&self) -> u64 {
        0
    }

    /// Returns the next rejected rows, in the order of the file; `None` after the last. A writer
    /// asks for them after the last batch of trades.
    async fn next_rejects(&mut self) -> StoreResult<Option<Vec<Reject>>> {
        Ok(None)
    }
}

/// Gives trades that are in memory, in one batch.
pub(super) struct Listed<'t> {
    trades: &'t [LedgerTrade],
    rejects: &'t [Reject],
    movements: &'t [Movement],
    actions: &'t [AssetAction],
    is_given: bool,
    are_rejects_given: bool,
}

impl<'t> Listed<'t> {
    pub(super) fn new(batch: &'t ImportBatch) -> Self {
        Self {
            trades: &batch.trades,
            rejects: &batch.rejects,
            movements: &batch.movements,
            actions: &batch.actions,
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

    async fn next_batch(&mut self) -> StoreResult<Option<Vec<LedgerTrade>>> {
        let is_given = std::mem::replace(&mut self.is_given, true);
        Ok((!is_given).then(|| self.trades.to_vec()))
    }

    fn movements(&self) -> &[Movement] {
        self.movements
    }

    fn actions(&self) -> &[AssetAction] {
        self.actions
    }

    fn rejected(&self) -> u64 {
        self.rejects.len() as u64
    }

    async fn next_rejects(&mut self) -> StoreResult<Option<Vec<Reject>>> {
        let are_given = std::mem::replace(&mut self.are_rejects_given, true);
        Ok((!are_given).then(|| self.rejects.to_vec()))
    }
}
