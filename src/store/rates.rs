//! Rates of assets, which files bring.

use async_trait::async_trait;

use crate::engine::Rate;
use crate::store::StoreResult;
use crate::store::model::{RateBatch, RateReceipt, Watermark};

/// Tells whether a caller wants a rate.
pub type WantsRate<'w> = &'w (dyn Fn(&Rate) -> bool + Send + Sync);

/// Keeps rates of assets.
///
/// Every method that writes is one transaction: it happens whole or not at all.
#[async_trait]
pub trait RateStore: Send + Sync {
    /// Appends a file's rates in one transaction. A preview changes nothing. Nor does an import
    /// with conflicts.
    async fn import_rates(&self, batch: &RateBatch) -> StoreResult<RateReceipt>;

    /// Returns the wanted rates that count as of an instant; `None` is the present. Of a corrected
    /// rate, the last revision counts.
    ///
    /// Order: by asset, currency, source and time.
    async fn rates(
        &self,
        as_of: Option<&Watermark>,
        wants: WantsRate<'_>,
    ) -> StoreResult<Vec<Rate>>;
}
