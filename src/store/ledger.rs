//! The ledger: what was imported, what was voided, and what came since.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::engine::{Account, Pool, Timestamp};
use crate::store::fingerprint::AdaptedViews;
use crate::store::model::{
    Arrivals, ImportBatch, ImportFile, ImportReceipt, LedgerCounts, LedgerRead, NamedTrade,
    PoolSizes, Scope, TradeIds, VoidChange, Watermark,
};
use crate::store::trades::{Listed, TradeSource};
use crate::store::{Seen, StoreResult};

/// Keeps the ledger: trades, voids, and the files that brought them.
///
/// Every method that writes is one transaction: it happens whole or not at all.
#[async_trait]
pub trait LedgerStore: Send + Sync {
    /// Returns where the data is, without any password.
    fn location(&self) -> String;

    /// Returns the views that an operator adapted and accepted. Their rows go into every result, so
    /// a version's policy names them.
    fn adapted_views(&self) -> AdaptedViews {
        AdaptedViews::new()
    }

    /// Appends a file's trades in one transaction. A preview changes nothing. Nor does an import
    /// with conflicts, unless the file may skip them.
    async fn import_file(
        &self,
        file: &ImportFile,
        trades: &mut dyn TradeSource,
    ) -> StoreResult<ImportReceipt>;

    /// Appends trades that are in memory, as [`import_file`](Self::import_file) does.
    async fn import(&self, batch: &ImportBatch) -> StoreResult<ImportReceipt> {
        self.import_file(&batch.file, &mut Listed::new(batch)).await
    }

    /// Takes a trade out of matching or puts it back. Errors: no such trade; nothing to change.
    async fn void(&self, change: &VoidChange) -> StoreResult<()>;

    /// Returns account and order id of the trades that are voided as of an instant.
    ///
    /// Errors: the watermark is another kind of database's, or another cluster's.
    async fn voided_as_of(&self, as_of: &Watermark) -> StoreResult<BTreeSet<(String, String)>>;

    /// Returns the file and line of a trade, and the instant of their import.
    async fn trade_origin(
        &self,
        account: &Account,
        order_id: &str,
    ) -> StoreResult<Option<(String, i64, Timestamp)>>;

    /// Returns the executions with these ids, voided ones too, by account and order id. With
    /// `as_of`, rows and voids after that instant don't count; `None` is the present.
    ///
    /// Errors: the watermark is of another kind of database, or of another cluster.
    async fn trades_named(
        &self,
        ids: &TradeIds,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<NamedTrade>>;

    /// Counts the ledger's rows by eligibility.
    async fn ledger_counts(&self) -> StoreResult<LedgerCounts>;

    /// Estimates the number of the ledger's rows at little cost. `None`: there is no estimate.
    async fn ledger_rows_about(&self) -> StoreResult<Option<u64>>;

    /// Counts the rows of each pool of a scope at present.
    ///
    /// `None`: others may change this ledger, so a run must read it with one query.
    async fn pool_sizes(&self, scope: &Scope) -> StoreResult<Option<PoolSizes>>;

    /// Returns the instants between the slices of a pool, in order; a slice has about `rows` rows.
    /// `symbols` are those of its rows.
    ///
    /// `None`: this store never reads a pool in slices.
    async fn slice_times(
        &self,
        pool: &Pool,
        symbols: &BTreeSet<String>,
        rows: u64,
    ) -> StoreResult<Option<Vec<Timestamp>>>;

    /// Reads the pools of a scope as of an instant; `None` is the present. It reports the number of
    /// rows in each batch to `seen`, and stops if `seen` returns false.
    ///
    /// Errors: stopped; the watermark is of another kind of database, or of another cluster.
    async fn read_ledger_seen(
        &self,
        scope: &Scope,
        as_of: Option<&Watermark>,
        seen: Seen<'_>,
    ) -> StoreResult<LedgerRead>;

    /// Reads the pools of a scope without reports of progress.
    async fn read_ledger(
        &self,
        scope: &Scope,
        as_of: Option<&Watermark>,
    ) -> StoreResult<LedgerRead> {
        self.read_ledger_seen(scope, as_of, &mut |_| true).await
    }

    /// Returns the rows of a scope's pools that came into the ledger since a watermark.
    ///
    /// A row committed after the watermark is among them, whenever it was written. Errors: the
    /// watermark is of another kind of database, or of another cluster.
    async fn arrivals(&self, scope: &Scope, since: &Watermark) -> StoreResult<Arrivals>;
}
