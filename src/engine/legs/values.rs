//! Values of trades and fees in dollars: as the row states them, or by a rate.
//!
//! Source: docs/SPEC-matching.md, "Values".

use super::{LegFee, LegMaker, MissingRate, NoLegs, Paid};
use crate::engine::assets::PoolsBy;
use crate::engine::class::AssetClass;
use crate::engine::fact::Fact;
use crate::engine::facts::OtherFee;
use crate::engine::ids::{Account, Asset, OrderId};
use crate::engine::money;
use crate::engine::number::Usd;
use crate::engine::policy::{STATED_VALUE_PERCENT, USD, USD_SCALE};
use crate::engine::rates::{RatePurpose, RateUsed, WantedRate};
use crate::engine::side::Side;

/// A value that a row states, and that its price or a rate gives otherwise: by more than
/// [`STATED_VALUE_PERCENT`] of the smaller one. The stated value counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnlikeValue {
    /// The account of the trade.
    pub account: Account,
    /// The trade.
    pub order_id: OrderId,
    /// The kind of amount.
    pub purpose: RatePurpose,
    /// As the row states it. Units: USD.
    pub stated: Usd,
    /// The value by the price, or by the rate that would count. Units: USD.
    pub by_rate: Usd,
}

impl LegMaker<'_> {
    /// Returns the value of the trade without fees: as the row states it, or by a rate. Units: USD.
    pub(super) fn value(&mut self, paid: Option<&Paid>) -> Result<Usd, NoLegs> {
        let more = self.pending.trade.more.as_ref();
        let Some(stated) = more.and_then(|more| more.usd_value) else {
            let value = self.value_by_rate(paid)?;
            self.compare_with_price(value);
            return Ok(value);
        };
        let stated = money::dollars(Fact::of_worth(stated));
        let stated = stated.map_err(|error| self.beyond("usd_value", error))?;
        self.compare(RatePurpose::Value, stated, |maker| {
            maker.value_by_rate(paid)
        });
        Ok(stated)
    }

    /// Compares a stated value in the quote with price times size. A price of 0 says nothing.
    fn compare_with_price(&mut self, value: Usd) {
        let (of, trade) = (self.instrument, &self.pending.trade);
        let Some(stated) = trade.more.as_ref().and_then(|more| more.quote_value) else {
            return;
        };
        let product = self.size().ok();
        let product = product.and_then(|it| money::exact_product(Fact::of_price(trade.price), it));
        let Some(product) = product.filter(|it| it.units() != 0) else {
            return;
        };
        if !money::differ_by_more(Fact::of_worth(stated), product, STATED_VALUE_PERCENT) {
            return;
        }
        self.compare(RatePurpose::Value, value, |maker| match of.is_usd {
            true => money::dollars(product).map_err(|error| maker.beyond("price", error)),
            false => maker.converted(&of.quote, product, RatePurpose::Value),
        });
    }

    /// Compares a stated value with that by a rate, which the trade does not use.
    pub(super) fn compare(
        &mut self,
        purpose: RatePurpose,
        stated: Usd,
        by_rate: impl FnOnce(&mut Self) -> Result<Usd, NoLegs>,
    ) {
        let used = self.rates.len();
        let by_rate = by_rate(self);
        self.rates.truncate(used);
        let Ok(by_rate) = by_rate else { return };
        let size = |usd: Usd| Fact::of_parts(usd.units().saturating_abs(), USD_SCALE);
        if money::differ_by_more(size(stated), size(by_rate), STATED_VALUE_PERCENT) {
            self.unlike.push(UnlikeValue {
                account: self.pending.of.account.clone(),
                order_id: self.pending.trade.order_id.clone(),
                purpose,
                stated,
                by_rate,
            });
        }
    }

    fn value_by_rate(&mut self, paid: Option<&Paid>) -> Result<Usd, NoLegs> {
        let pending = self.pending;
        let (of, trade) = (self.instrument, &pending.trade);
        let more = trade.more.as_ref();
        if of.is_usd {
            let (value, column) = match more.and_then(|more| more.quote_value) {
                Some(value) => (money::dollars(Fact::of_worth(value)), "quote_value"),
                None => (money::gross_of_size(trade.price, trade.size), "price"),
            };
            return value.map_err(|error| self.beyond(column, error));
        }
        let units = match paid {
            Some(paid) => paid.units,
            None => self.quote_units()?,
        };
        if units.units() == 0 {
            return Ok(Usd::ZERO);
        }
        let quote = self.converted(&of.quote, units, RatePurpose::Value);
        match quote {
            // The value of what was bought is the value of what was paid.
            Err(NoLegs::Rates(missing)) if paid.is_some() => {
                let size = self.size()?;
                let base = self.converted(&of.base, size, RatePurpose::Value);
                base.map_err(|_| NoLegs::Rates(missing))
            }
            value => value,
        }
    }

    /// Returns the value of an amount at its rate, and records the rate.
    pub(super) fn converted(
        &mut self,
        asset: &Asset,
        units: Fact,
        purpose: RatePurpose,
    ) -> Result<Usd, NoLegs> {
        let pending = self.pending;
        let trade = &pending.trade;
        let class = match self.rules.is_currency(asset) {
            true => AssetClass::Fx,
            false => AssetClass::Crypto,
        };
        let dollar = Asset::unreadable(USD);
        let wanted = WantedRate {
            asset,
            currency: &dollar,
            at: trade.order_time,
            class,
            own: Some((&pending.of.account, &trade.order_id)),
        };
        let rate = self.book.look_up(&wanted).ok_or_else(|| {
            let asset = self.book.lacking(&wanted);
            NoLegs::Rates(vec![MissingRate {
                is_by_day: self.rules.is_currency(&asset),
                asset,
                at: trade.order_time,
                purpose,
            }])
        })?;
        let usd = money::value_at(units, Fact::of_decimal(rate.value.as_decimal()));
        let column = match purpose {
            RatePurpose::Value => "price",
            RatePurpose::Fee => "fee_amount",
        };
        let usd = usd.map_err(|error| self.beyond(column, error))?;
        self.rates.push(RateUsed {
            account: pending.of.account.clone(),
            order_id: trade.order_id.as_str().to_owned(),
            purpose,
            asset: asset.clone(),
            units,
            usd,
            traded_at: trade.order_time,
            rate,
        });
        Ok(usd)
    }

    pub(super) fn fee(&mut self, is_paid_in_asset: bool) -> Result<LegFee, NoLegs> {
        let pending = self.pending;
        let (of, trade) = (self.instrument, &pending.trade);
        if let Some(fee) = trade.fee {
            return Ok(LegFee::Money(fee));
        }
        let other = trade.more.as_ref().and_then(|more| more.fee.clone());
        let Some(OtherFee {
            amount,
            currency,
            usd_value,
        }) = other
        else {
            return Ok(LegFee::Unknown);
        };
        let asset = self.rules.asset_named(currency.as_str());
        let units = Fact::of_fee(amount);
        // Withheld from what was bought, also if that is money.
        let is_bought = trade.side == Side::Buy && !is_paid_in_asset && asset == of.base;
        if is_bought && units.units() > 0 {
            return Ok(LegFee::Withheld(units));
        }
        if self.rules.is_usd(&asset) {
            let Some(stated) = usd_value else {
                return Ok(LegFee::Money(amount));
            };
            let stated = self.stated_fee(units, Fact::of_fee(stated))?;
            self.compare(RatePurpose::Fee, stated, |maker| {
                let dollars = money::dollars(units);
                dollars.map_err(|error| maker.beyond("fee_amount", error))
            });
            return Ok(LegFee::Money(self.usd_fee(stated)?));
        }
        let is_money = self.rules.is_currency(&asset);
        if !is_money && self.rules.pools == PoolsBy::Symbol && units.units() != 0 {
            let reason = "is an asset, and pools by symbol have no place for its units";
            return Err(self.fault("fee_currency", reason));
        }
        let value = match usd_value {
            Some(value) => {
                let stated = self.stated_fee(units, Fact::of_fee(value))?;
                self.compare(RatePurpose::Fee, stated, |maker| {
                    maker.converted(&asset, units, RatePurpose::Fee)
                });
                stated
            }
            None if units.units() == 0 => Usd::ZERO,
            None => self.converted(&asset, units, RatePurpose::Fee)?,
        };
        Ok(match is_money {
            true => LegFee::Money(self.usd_fee(value)?),
            false => LegFee::Asset {
                asset,
                amount: units,
                value,
            },
        })
    }

    /// Returns the value that the row states of its fee.
    fn stated_fee(&self, units: Fact, value: Fact) -> Result<Usd, NoLegs> {
        let (sign, expected) = (value.units().signum(), units.units().signum());
        // Nobody knows what a cost with the value of a rebate is.
        if sign != 0 && (sign < 0) != (expected < 0) {
            let reason = "and fee_amount have different signs";
            return Err(self.fault("fee_usd_value", reason));
        }
        money::dollars(value).map_err(|error| self.beyond("fee_usd_value", error))
    }
}
