//! Imports as wholes: all rows of a file taken out, or put back.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::store::StoreResult;
use crate::store::model::{ImportUndo, ImportUndone, ImportedTrade, Watermark};

/// Keeps which imports are undone.
///
/// Every method that writes is one transaction: it happens whole or not at all.
#[async_trait]
pub trait ImportStore: Send + Sync {
    /// Takes all rows of an import out, or puts them back. A trade that a correction of the import
    /// replaced counts again; put back, the correction replaces the trade again.
    ///
    /// Errors: no such import; nothing to change; put back, an execution would count twice.
    async fn undo_import(&self, change: &ImportUndo) -> StoreResult<ImportUndone>;

    /// Returns the imports whose rows are out as of an instant; `None` is the present.
    async fn imports_out(&self, as_of: Option<&Watermark>) -> StoreResult<BTreeSet<i64>>;

    /// Returns the executions that some imports brought, without those that a person voided.
    /// Order: by import, then as in its file.
    async fn trades_of_imports(&self, ids: &BTreeSet<i64>) -> StoreResult<Vec<ImportedTrade>>;

    /// Counts the executions of an import that another import brought, too, under other ids:
    /// account, symbol, time, side, size and price are equal. Of equal ones, as many count as both
    /// imports have. Executions that a person voided do not count. Order: by the other import.
    async fn equal_trades(&self, import_id: i64) -> StoreResult<Vec<(i64, u64)>>;
}
