//! The fees of networks: units that left with a transfer and did not arrive.
//!
//! Each is a sale of the sending account, right after the lots have left. If the source states the
//! value of the withdrawal, the fee has its share. Else it waits for the rate of its asset, as
//! other trades without a price in dollars do. `legs.rs` makes its entry, and
//! `reference/legs.rs` the one to compare with. Source: docs/SPEC-matching.md, "Transfers".

use std::sync::Arc;

use super::assets::{AssetRules, Instrument};
use super::class::AssetClass;
use super::fact::Fact;
use super::ids::{Asset, Pool, Symbol};
use super::leg::{Entry, Leg};
use super::money::{dollars, value_share_of_size};
use super::number::{Price, Size, Usd};
use super::pending::Pending;
use super::rates::RatePurpose;
use super::side::Side;
use super::time::Timestamp;
use super::trade::{InvalidTrade, Trade, TradeRef};
use super::traded::Traded;
use super::transfer::Transfer;

/// Returns the pools of the sending account in which the networks of a transfer took a fee.
///
/// Dollars and the money of states have no lots: a fee in them is left out.
pub fn network_fees(transfer: &Transfer, rules: &AssetRules) -> Vec<(Pool, Size)> {
    // Pairing refuses a transfer whose fee can't be computed.
    let fees = transfer.network_fees().unwrap_or_default().into_iter();
    let is_money = |asset: &Asset| rules.is_usd(asset) || rules.is_currency(asset);
    let fees = fees.filter(|(asset, _)| !is_money(asset));
    let pool = |asset| Pool::new(transfer.from.clone(), asset);
    fees.map(|(asset, units)| (pool(asset), units)).collect()
}

/// Lets the fees of transfers wait for their rates. `is_wanted` tells which pools are read, and
/// which part of their time.
///
/// Errors: an id or a number that no trade of a ledger has.
pub fn push_network_fees(
    transfers: &[Transfer],
    rules: &AssetRules,
    is_wanted: &dyn Fn(&Pool, Timestamp) -> bool,
    pending: &mut Pending,
) -> Result<(), InvalidTrade> {
    for transfer in transfers {
        for (pool, units) in network_fees(transfer, rules) {
            if !is_wanted(&pool, transfer.sent_at) {
                continue;
            }
            let trade = sale_of(transfer, &pool.asset, units);
            let row = TradeRef::try_of(&trade);
            let row = row.map_err(|error| {
                InvalidTrade::of(trade.order_id.as_str(), "size", error.to_string())
            })?;
            pending.push(&traded(pool, Some(&transfer.asset), rules), &row)?;
        }
    }
    Ok(())
}

/// Returns the share of a fee in the value that the source states of the withdrawal. `None`: it
/// states none.
///
/// Units: USD. Rounding: 12 decimals, half to even. Source: docs/SPEC-matching.md, "Transfers".
fn stated_value(transfer: &Transfer, units: Size) -> Option<Usd> {
    let (worth, all) = transfer.usd_value?;
    let worth = dollars(Fact::of_worth(worth)).ok()?;
    value_share_of_size(worth, units, all).ok()
}

/// Makes the sale of a fee. A fee in the asset that moved has the leg `network`.
fn sale_of(transfer: &Transfer, asset: &Asset, units: Size) -> Trade {
    let (leg, value) = match *asset == transfer.asset {
        true => (Leg::Network, stated_value(transfer, units)),
        false => (Leg::Fee, None),
    };
    Trade {
        order_id: transfer.withdrawal.clone(),
        side: Side::Sell,
        size: units,
        price: Price::ZERO,
        fee: None,
        order_time: transfer.sent_at,
        trade_seq: None,
        more: None,
        entry: Entry {
            leg,
            value,
            ..Entry::default()
        },
    }
}

/// Describes units that no symbol names but that of their asset. `quote`: the asset for whose move
/// they were paid. `None`: for none, as they are income.
pub(super) fn traded(pool: Pool, quote: Option<&Asset>, rules: &AssetRules) -> Arc<Traded> {
    let class = rules.class_of_leg(&pool.account, &pool.asset);
    let Pool { account, asset } = pool;
    Arc::new(Traded {
        account,
        symbol: Symbol::unreadable(asset.as_str()),
        instrument: Ok(Instrument {
            base: asset.clone(),
            quote: quote.unwrap_or(&asset).clone(),
            class: class.class.unwrap_or(AssetClass::Crypto),
            class_source: class.source,
            is_usd: false,
            is_pair: false,
        }),
        asset,
    })
}

/// Tells two fees of one withdrawal apart: one in the asset that moved, and one in another. The
/// rate of income is that of its value.
pub(super) fn movement_purpose(leg: Leg, of: &Instrument) -> RatePurpose {
    match leg != Leg::Income && of.base == of.quote {
        true => RatePurpose::Fee,
        false => RatePurpose::Value,
    }
}
