//! The fee that was withheld from what a trade brought in, for those who follow the arithmetic.
//!
//! `legs.rs` makes the entries of a trade. This file compares an entry with its row.
//! Source: docs/SPEC-matching.md, "Legs".

use super::fact::Fact;
use super::facts::OtherFee;
use super::ids::{Asset, Symbol};
use super::leg::Leg;
use super::money;
use super::number::{Size, Usd};
use super::rates::{RatePurpose, RateUsed};
use super::side::Side;
use super::trade::Trade;
use super::traded::PendingTrade;

/// Units and value of a trade before its fee was taken from them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// The fee. Units: its own currency, which is the asset of the entry.
    pub fee: OtherFee,
    /// Units of the asset before the fee.
    pub units_before: Size,
    /// The value before the fee, and that of the fee; `None`: the fee leaves the value as it is.
    /// Units: USD.
    pub value_before: Option<(Usd, Usd)>,
}

/// Tells whether the fee of a purchase, in the asset that was bought, leaves nothing of it. Reads
/// the row alone: a symbol without a separator names no asset.
pub fn leaves_nothing(trade: &Trade, symbol: &Symbol) -> bool {
    let Some(facts) = &trade.more else {
        return false;
    };
    // A size in contracts of several units is no size of the asset.
    let is_withheld = trade.side == Side::Buy && facts.is_one_unit();
    let Some(fee) = facts.fee.as_ref().filter(|_| is_withheld) else {
        return false;
    };
    let stated = facts.base_asset.as_ref().map(Asset::as_str);
    let named = symbol.as_str().split_once('-').map(|(base, _)| base);
    let size = Fact::try_of_size(trade.size).ok();
    let left = size.and_then(|size| money::exact_difference(size, Fact::of_fee(fee.amount)));
    stated.or(named) == Some(fee.currency.as_str()) && left.is_some_and(|left| left.units() <= 0)
}

/// Returns the fee that was withheld from the units of an entry. `None`: none was.
///
/// `rates`: those of the trade, as its version has them.
pub fn withheld(row: &PendingTrade, entry: &Trade, rates: &[RateUsed]) -> Option<Withheld> {
    let facts = row.trade.more.as_ref()?;
    let fee = facts.fee.clone()?;
    let units = match entry.entry.leg {
        Leg::Base => Fact::try_of_size(row.trade.size).ok()?,
        Leg::Quote => match facts.quote_value {
            Some(value) => Fact::of_worth(value),
            None => {
                let size = Fact::try_of_size(row.trade.size).ok()?;
                money::exact_product(Fact::of_price(row.trade.price), size)?
            }
        },
        Leg::Fee | Leg::Network | Leg::Income => return None,
    };
    if units == Fact::try_of_size(entry.size).ok()? {
        return None;
    }
    let by_rate = || {
        let mut rates = rates.iter();
        let rate = rates.find(|used| used.purpose == RatePurpose::Value)?;
        Some(rate.usd)
    };
    let value = match facts.usd_value {
        Some(value) => money::dollars(Fact::of_worth(value)).ok(),
        None => by_rate(),
    };
    let value_before = value.zip(entry.entry.value).and_then(|(value, left)| {
        let of_fee = value.checked_sub(left).ok()?;
        (of_fee != Usd::ZERO).then_some((value, of_fee))
    });
    Some(Withheld {
        fee,
        units_before: units.to_size().ok()?,
        value_before,
    })
}
