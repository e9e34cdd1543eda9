//! The amounts in other money that gave a version's trades their values, with their rates.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::sync::Arc;

use super::error::TaxResult;
use crate::engine::{Account, RatePurpose, RateUsed, RowsHash};
use crate::store::RateStore;
use crate::store::model::VersionInfo;

/// The rates of one trade. Both are empty for plain dollars, and for values that the trade states.
#[derive(Debug, Clone, Default)]
pub struct TradeRates {
    value: Option<Arc<RateUsed>>,
    fee: Option<Arc<RateUsed>>,
}

impl TradeRates {
    /// Returns six cells: currency, amount and rate of the trade, then of its fee. A cell is empty
    /// if no rate converted the amount.
    ///
    /// Units: amounts are of the whole trade, a rate is the USD for one unit.
    pub(super) fn cells(&self) -> [String; 6] {
        let text = |used: &Option<Arc<RateUsed>>, of: fn(&RateUsed) -> &dyn Display| {
            used.as_ref()
                .map_or_else(String::new, |used| of(used).to_string())
        };
        let three = |used: &Option<Arc<RateUsed>>| {
            [
                text(used, |used| &used.asset),
                text(used, |used| &used.units),
                text(used, |used| &used.rate.value),
            ]
        };
        let ([a, b, c], [d, e, f]) = (three(&self.value), three(&self.fee));
        [a, b, c, d, e, f]
    }
}

/// The rates of a version's trades, by account and order id.
#[derive(Debug, Clone, Default)]
pub struct Converted(BTreeMap<Account, BTreeMap<String, TradeRates>>);

impl Converted {
    /// Reads the rates of a version. Errors: the store fails.
    pub(super) async fn read(store: &dyn RateStore, version: &VersionInfo) -> TaxResult<Self> {
        let mut all = Self::default();
        if version
            .rates_hash
            .is_none_or(|hash| hash == RowsHash::EMPTY)
        {
            return Ok(all);
        }
        for used in store.rates_used(version.version, None).await? {
            let of_account = all.0.entry(used.account.clone()).or_default();
            let rates = of_account.entry(used.order_id.clone()).or_default();
            match used.purpose {
                RatePurpose::Value => rates.value = Some(Arc::new(used)),
                RatePurpose::Fee => rates.fee = Some(Arc::new(used)),
            }
        }
        Ok(all)
    }

    /// Returns the rates of a trade.
    pub(super) fn of(&self, account: &Account, order_id: &str) -> TradeRates {
        let of_account = self.0.get(account);
        let rates = of_account.and_then(|trades| trades.get(order_id));
        rates.cloned().unwrap_or_default()
    }
}
