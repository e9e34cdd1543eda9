//! Rows of rates, and of the rates that a version used.

use super::{BadCell, Cells, Named, in_table};
use crate::engine::{
    Account, FoundRate, OrderId, Rate, RateOrigin, RateSource, RateStep, RateUsed,
};
use crate::store::StoreError;
use crate::store::model::StoredRate;

/// The columns that [`rate`] reads, in order.
pub(in crate::store) const RATE: &str =
    "asset, currency, source, published_at, revision, rate, import_id, import_line";

/// Reads a row of `rates`.
pub(in crate::store) fn rate(cells: &dyn Cells) -> Result<StoredRate, StoreError> {
    let named = Named::new(cells, RATE);
    let read = || {
        Ok(StoredRate {
            rate: Rate {
                asset: named.parse(0)?,
                currency: named.parse(1)?,
                source: named.parse(2)?,
                at: named.time(3)?,
                value: named.parse(5)?,
                import_id: named.integer(6)?,
                import_line: named.count(7)?,
            },
            revision: named.integer(4)?,
        })
    };
    read().map_err(in_table("rates"))
}

/// The columns that [`rate_used`] reads, in order.
pub(in crate::store) const RATE_USED: &str = "account, order_id, purpose, asset, units, \
    value_usd, rate, rate_time, source, order_time, step_asset, step_currency, step_rate, \
    import_id, import_line, own_order_id, step";

/// Returns the error of a step that has other facts than the first one, or another number than the
/// next one.
pub(in crate::store) fn wrong_step(step: u64) -> StoreError {
    in_table("fifo_rates_used")(("step", step.to_string()))
}

/// Reads a row of `fifo_rates_used`: the number of a step, and a record with this step alone.
pub(in crate::store) fn rate_used(cells: &dyn Cells) -> Result<(u64, RateUsed), StoreError> {
    let named = Named::new(cells, RATE_USED);
    let origin = || -> Result<RateOrigin, BadCell> {
        Ok(match (named.parse(8)?, named.optional(15)?) {
            (RateSource::Peg, _) => RateOrigin::Peg,
            (_, Some(own)) => RateOrigin::Trade(OrderId::unreadable(&own)),
            (_, None) => RateOrigin::Line {
                import_id: named.integer(13)?,
                line: named.count(14)?,
            },
        })
    };
    let read = || {
        let account = named.text(0)?;
        let used = RateUsed {
            account: account
                .parse()
                .unwrap_or_else(|_| Account::unreadable(&account)),
            order_id: named.text(1)?,
            purpose: named.parse(2)?,
            asset: named.parse(3)?,
            units: named.parse(4)?,
            usd: named.parse(5)?,
            traded_at: named.time(9)?,
            rate: FoundRate {
                value: named.parse(6)?,
                at: named.time(7)?,
                source: named.parse(8)?,
                steps: vec![RateStep {
                    asset: named.parse(10)?,
                    currency: named.parse(11)?,
                    value: named.parse(12)?,
                    origin: origin()?,
                }],
            },
        };
        Ok((named.count(16)?, used))
    };
    read().map_err(in_table("fifo_rates_used"))
}
