//! Rates of assets, which files bring.

use std::collections::BTreeSet;

use async_trait::async_trait;

use crate::engine::{Account, RateUsed};
use crate::store::StoreResult;
use crate::store::model::{RateBatch, RateReceipt, RateScope, StoredRate, Version, Watermark};

/// Keeps rates of assets.
///
/// Every method that writes is one transaction: it happens whole or not at all.
#[async_trait]
pub trait RateStore: Send + Sync {
    /// Appends a file's rates in one transaction. A preview changes nothing. Nor does an import
    /// with conflicts.
    async fn import_rates(&self, batch: &RateBatch) -> StoreResult<RateReceipt>;

    /// Returns the rates of a scope that count as of an instant, as their files spell them; `None`
    /// is the present. Of a corrected rate, the last revision of each spelling counts.
    /// [`rates_named`](super::values::rates_named) gives them the names of the settings.
    ///
    /// Order: by asset, currency, source and time.
    async fn rates(
        &self,
        scope: &RateScope,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<StoredRate>>;

    /// Returns the rates that gave a version's trades their values; or those of one trade, named by
    /// its account and order id.
    ///
    /// Order: by account, order id and purpose.
    async fn rates_used(
        &self,
        version: Version,
        trade: Option<(&Account, &str)>,
    ) -> StoreResult<Vec<RateUsed>>;

    /// Returns the accounts of the ledger's executions with the currencies that columns name for
    /// their prices and fees.
    async fn currencies_named(&self) -> StoreResult<BTreeSet<(String, String)>>;
}
