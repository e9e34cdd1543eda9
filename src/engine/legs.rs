//! From a trade to what its pools take in: one to three legs.
//!
//! A trade moves its base asset. If it is paid with another asset, that one moves, too; and so does
//! the asset of a fee. Each leg has its units and its share of the trade's value in US dollars. No
//! amount becomes dollars by default: a value that needs a rate and has none is an error.
//!
//! Source: docs/SPEC-matching.md, "Legs" and "Values"; 26 CFR 1.1001-7, 1.1012-1(h) and (j). The
//! second matcher has its own legs: `reference/legs.rs`. Read next: `legs/values.rs`.

mod values;

use super::assets::{AssetRules, Instrument};
use super::fact::Fact;
use super::ids::Asset;
use super::issue::IssueType;
use super::leg::{Entry, Leg};
use super::money::{self, MoneyError};
use super::network::movement_purpose;
use super::number::{Fee, Price, Usd};
use super::policy::USD_SCALE;
use super::rates::{MissingRate, RateBook, RateUsed};
use super::side::Side;
use super::trade::{InvalidTrade, NOT_COMPUTED, Trade};
use super::traded::PendingTrade;
pub use values::UnlikeValue;

/// The legs of a trade.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TradeLegs {
    /// The asset and the entry of each leg, the base first.
    pub entries: Vec<(Asset, Trade)>,
    /// The rates that made their values.
    pub rates: Vec<RateUsed>,
    /// Values that the row states, and that rates give otherwise.
    pub unlike: Vec<UnlikeValue>,
}

/// Why a trade has no legs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NoLegs {
    /// Rates are missing: of the trade's value, then of its fee.
    Rates(Vec<MissingRate>),
    /// A fact of the row is at fault, or can't be used.
    Fact(InvalidTrade),
}

impl NoLegs {
    /// Returns the row's entry in the review queue.
    pub fn of_row(self, order_id: &str) -> InvalidTrade {
        match self {
            Self::Fact(invalid) => invalid,
            Self::Rates(missing) => {
                let column = missing.first().map_or("price", MissingRate::column);
                let reason = MissingRate::reason_of(&missing);
                InvalidTrade {
                    issue: IssueType::MissingFx,
                    missing: missing.into(),
                    ..InvalidTrade::of(order_id, column, reason)
                }
            }
        }
    }
}

/// The fee of a trade, with its value in dollars.
enum LegFee {
    /// Nothing says what it was.
    Unknown,
    /// In money.
    Money(Fee),
    /// In an asset: it moves.
    Asset {
        asset: Asset,
        /// Units of the asset; negative is a rebate.
        amount: Fact,
        /// Units: USD, with the sign of the amount.
        value: Usd,
    },
    /// In the asset that was bought with money: the units lessen, and need no value.
    Withheld(Fact),
}

/// The asset that a trade was paid with, and its units.
struct Paid {
    asset: Asset,
    units: Fact,
}

/// Returns the legs of a trade, by the settings and the rates of a run.
///
/// Rounding: each value is rounded once, at 12 decimals, half to even.
/// Errors: a rate is missing; a fact is at fault.
pub fn legs_of(
    pending: &PendingTrade,
    rules: &AssetRules,
    book: &RateBook,
) -> Result<TradeLegs, NoLegs> {
    let Ok(instrument) = &pending.of.instrument else {
        // An intake lets no such trade wait.
        return Ok(TradeLegs::default());
    };
    let mut making = LegMaker {
        pending,
        instrument,
        rules,
        book,
        rates: Vec::new(),
        unlike: Vec::new(),
    };
    let entries = making.entries()?;
    Ok(TradeLegs {
        entries,
        rates: making.rates,
        unlike: making.unlike,
    })
}

/// The column of the units of a contract.
const CONTRACT_SIZE: &str = "contract_size";

struct LegMaker<'a> {
    pending: &'a PendingTrade,
    instrument: &'a Instrument,
    rules: &'a AssetRules,
    book: &'a RateBook,
    rates: Vec<RateUsed>,
    unlike: Vec<UnlikeValue>,
}

impl LegMaker<'_> {
    fn entries(&mut self) -> Result<Vec<(Asset, Trade)>, NoLegs> {
        let trade = &self.pending.trade;
        if trade.entry.leg != Leg::Base {
            return self.movement_entry().map(|entry| vec![entry]);
        }
        let contract = trade.more.as_ref().and_then(|more| more.contract_size);
        if let Some(size) = contract.filter(|size| size.to_units() != Some((1, 0))) {
            let reason = format!("is {size}: contracts of {size} units {NOT_COMPUTED}");
            return Err(self.fault(CONTRACT_SIZE, &reason));
        }
        let paid = self.paid()?;
        let value = self.value(paid.as_ref());
        // A trade without value pays nothing.
        let pays_nothing = paid.as_ref().is_some_and(|paid| paid.units.units() == 0);
        let paid = paid.filter(|_| !pays_nothing);
        let (value, fee) = match value {
            // Who looks for the rate of the price can look for that of the fee, too.
            Err(NoLegs::Rates(mut missing)) => {
                if let Err(NoLegs::Rates(of_fee)) = self.fee(paid.is_some()) {
                    missing.extend(of_fee);
                }
                return Err(NoLegs::Rates(missing));
            }
            value => (value?, self.fee(paid.is_some())?),
        };
        if pays_nothing && value != Usd::ZERO {
            return Err(self.fault("usd_value", "is not 0, and the value in the quote is"));
        }
        self.made(value, paid, fee)
    }

    /// Makes the sale of what a network took of a transfer, or the buy of income: at its value,
    /// without a fee.
    fn movement_entry(&mut self) -> Result<(Asset, Trade), NoLegs> {
        let (asset, units) = (self.instrument.base.clone(), self.size()?);
        let trade = &self.pending.trade;
        let (leg, side) = (trade.entry.leg, trade.side);
        let purpose = movement_purpose(leg, self.instrument);
        let value = match trade.entry.value {
            Some(stated) => {
                self.compare(purpose, stated, |maker| {
                    maker.converted(&asset, units, purpose)
                });
                stated
            }
            None => self.converted(&asset, units, purpose)?,
        };
        let none = Some(self.usd_fee(Usd::ZERO)?);
        let entry = self.entry(leg, side, (units, value), none)?;
        Ok((asset, entry))
    }

    /// Returns the leg that pays, if the quote is neither a dollar nor the money of a state.
    fn paid(&self) -> Result<Option<Paid>, NoLegs> {
        let of = self.instrument;
        if of.is_usd || self.rules.is_currency(&of.quote) {
            return Ok(None);
        }
        let asset = of.quote.clone();
        let units = self.quote_units()?;
        Ok(Some(Paid { asset, units }))
    }

    /// Returns the value of the whole trade in its quote: as the row states it, or the product.
    fn quote_units(&self) -> Result<Fact, NoLegs> {
        let trade = &self.pending.trade;
        if let Some(value) = trade.more.as_ref().and_then(|more| more.quote_value) {
            return Ok(Fact::of_worth(value));
        }
        let size = self.size()?;
        money::exact_product(Fact::of_price(trade.price), size).ok_or_else(|| {
            let reason = "times size has too many digits: give quote_value";
            self.fault("price", reason)
        })
    }

    fn size(&self) -> Result<Fact, NoLegs> {
        let size = Fact::try_of_size(self.pending.trade.size);
        size.map_err(|error| self.fault("size", &error.to_string()))
    }

    /// Makes the entries. Source: the table of docs/SPEC-matching.md, "Legs".
    fn made(
        &self,
        value: Usd,
        paid: Option<Paid>,
        fee: LegFee,
    ) -> Result<Vec<(Asset, Trade)>, NoLegs> {
        let (of, trade) = (self.instrument, &self.pending.trade);
        let (mut size, none) = (self.size()?, Some(self.usd_fee(Usd::ZERO)?));
        let is_buy = trade.side == Side::Buy;
        // What was bought and what was given have one value. The fee is a cost of what was given;
        // only of a purchase with money it is a cost of what was bought.
        let fee_usd = match &fee {
            LegFee::Unknown => None,
            LegFee::Money(fee) => Some(*fee),
            LegFee::Asset { value, .. } => Some(self.usd_fee(*value)?),
            LegFee::Withheld(units) => {
                size = self.less(size, *units)?;
                none
            }
        };
        let mut paid_units = paid.as_ref().map(|paid| paid.units);
        let (mut received_value, mut fee_moves) = (value, None);
        if let LegFee::Asset {
            asset,
            amount,
            value: fee_value,
        } = &fee
        {
            let received = match (&paid, is_buy) {
                (Some(_), true) => Some(&of.base),
                (Some(paid), false) => Some(&paid.asset),
                (None, _) => None,
            };
            if received == Some(asset) && amount.units() > 0 {
                // Withheld from what was received: fewer units, and a fee of what was given.
                match (&mut paid_units, is_buy) {
                    (Some(units), false) => *units = self.less(*units, *amount)?,
                    _ => size = self.less(size, *amount)?,
                }
                received_value = self.value_less(value, *fee_value)?;
            } else if amount.units() != 0 {
                fee_moves = Some((asset.clone(), *amount, *fee_value));
            }
        }
        let is_given = !is_buy || paid.is_none();
        let base_value = if is_buy { received_value } else { value };
        let base_fee = if is_given { fee_usd } else { none };
        let mut entries = vec![(
            self.pending.of.asset.clone(),
            self.entry(Leg::Base, trade.side, (size, base_value), base_fee)?,
        )];
        if let (Some(paid), Some(units)) = (paid, paid_units) {
            let (side, value, fee) = match is_buy {
                true => (Side::Sell, value, fee_usd),
                false => (Side::Buy, received_value, none),
            };
            entries.push((
                paid.asset,
                self.entry(Leg::Quote, side, (units, value), fee)?,
            ));
        }
        if let Some((asset, amount, value)) = fee_moves {
            entries.push((asset, self.fee_entry(amount, value)?));
        }
        Ok(entries)
    }

    /// Makes the entry of a fee in an asset: its units leave, or those of a rebate come in.
    fn fee_entry(&self, amount: Fact, value: Usd) -> Result<Trade, NoLegs> {
        let is_rebate = amount.units() < 0;
        let side = if is_rebate { Side::Buy } else { Side::Sell };
        let units = Fact::of_parts(amount.units().saturating_abs(), amount.scale());
        let value = match is_rebate {
            true => self.usd_less(Usd::ZERO, value)?,
            false => value,
        };
        let none = Some(self.usd_fee(Usd::ZERO)?);
        self.entry(Leg::Fee, side, (units, value), none)
    }

    fn entry(
        &self,
        leg: Leg,
        side: Side,
        (units, value): (Fact, Usd),
        fee: Option<Fee>,
    ) -> Result<Trade, NoLegs> {
        let trade = &self.pending.trade;
        let size = units
            .to_size()
            .map_err(|error| self.fault("size", &error.to_string()))?;
        Ok(Trade {
            order_id: trade.order_id.clone(),
            side,
            size,
            price: Price::ZERO,
            fee,
            order_time: trade.order_time,
            trade_seq: trade.trade_seq,
            more: None,
            entry: Entry {
                symbol: Some(self.pending.of.symbol.clone()),
                leg,
                value: Some(value),
                moved: None,
            },
        })
    }

    /// Subtracts a withheld fee from the received units.
    fn less(&self, units: Fact, fee: Fact) -> Result<Fact, NoLegs> {
        let left = money::exact_difference(units, fee);
        let left = left.ok_or_else(|| {
            let reason = "leaves a size with too many digits";
            self.fault("fee_amount", reason)
        })?;
        match left.units() > 0 {
            true => Ok(left),
            false => {
                let reason = "is not less than the units received";
                Err(self.fault("fee_amount", reason))
            }
        }
    }

    /// Subtracts a withheld fee from the value of its trade. No lot costs less than nothing.
    fn value_less(&self, value: Usd, fee: Usd) -> Result<Usd, NoLegs> {
        let left = self.usd_less(value, fee)?;
        if left >= Usd::ZERO {
            return Ok(left);
        }
        let more = self.pending.trade.more.as_ref();
        let stated = more.and_then(|more| more.fee.as_ref()?.usd_value);
        let column = match stated {
            Some(_) => "fee_usd_value",
            None => "fee_amount",
        };
        Err(self.fault(column, "has a higher value than the whole trade"))
    }

    fn usd_less(&self, left: Usd, right: Usd) -> Result<Usd, NoLegs> {
        let difference = left.checked_sub(right);
        difference.map_err(|error| self.beyond("fee_amount", error))
    }

    fn usd_fee(&self, value: Usd) -> Result<Fee, NoLegs> {
        let fee = Fact::try_new(value.units(), USD_SCALE)
            .ok()
            .map(Fact::to_fee);
        fee.ok_or_else(|| self.fault("fee_amount", "has a value with too many digits"))
    }

    fn beyond(&self, column: &'static str, error: MoneyError) -> NoLegs {
        self.fault(column, &format!("is too large: {error}"))
    }

    fn fault(&self, column: &'static str, reason: &str) -> NoLegs {
        NoLegs::Fact(InvalidTrade::of(
            self.pending.trade.order_id.as_str(),
            column,
            reason,
        ))
    }
}

#[cfg(test)]
mod tests;
