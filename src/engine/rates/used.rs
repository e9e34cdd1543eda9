//! The rates that gave trades their values, as a version records them.

use std::fmt::{Display, Write as _};

use super::{FoundRate, RateOrigin, RateSource};
use crate::engine::fact::Fact;
use crate::engine::hash::RowsHash;
use crate::engine::ids::{Account, Asset};
use crate::engine::issue::UnknownWord;
use crate::engine::number::Usd;
use crate::engine::policy::RATE_IS_OLD_MICROS;
use crate::engine::time::Timestamp;

/// The kind of amount that was converted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RatePurpose {
    /// The value of the trade.
    Value,
    /// The value of its fee.
    Fee,
}

impl RatePurpose {
    /// Returns the word that the database holds.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Fee => "fee",
        }
    }
}

impl std::str::FromStr for RatePurpose {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "value" => Ok(Self::Value),
            "fee" => Ok(Self::Fee),
            _ => Err(UnknownWord("value fee")),
        }
    }
}

/// A rate that gave an amount its value in dollars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateUsed {
    /// The account of the trade.
    pub account: Account,
    /// The trade.
    pub order_id: String,
    /// The kind of amount.
    pub purpose: RatePurpose,
    /// The asset or currency of the amount.
    pub asset: Asset,
    /// The amount. Units: `asset`.
    pub units: Fact,
    /// Its value. Units: USD, 12 decimals.
    pub usd: Usd,
    /// When the trade was executed.
    pub traded_at: Timestamp,
    /// The rate.
    pub rate: FoundRate,
}

/// A view of a [`RateUsed`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateUsedRef<'r> {
    /// The account of the trade.
    pub account: &'r Account,
    /// The trade.
    pub order_id: &'r str,
    /// The kind of amount.
    pub purpose: RatePurpose,
    /// The asset or currency of the amount.
    pub asset: &'r Asset,
    /// The amount. Units: `asset`.
    pub units: Fact,
    /// Its value. Units: USD, 12 decimals.
    pub usd: Usd,
    /// When the trade was executed.
    pub traded_at: Timestamp,
    /// The rate.
    pub rate: &'r FoundRate,
}

/// Names a converted amount in a version: account, order id and purpose.
pub type RateUsedKey<'r> = (&'r str, &'r str, RatePurpose);

impl RateUsed {
    /// Returns a view of the record.
    pub fn view(&self) -> RateUsedRef<'_> {
        RateUsedRef {
            account: &self.account,
            order_id: &self.order_id,
            purpose: self.purpose,
            asset: &self.asset,
            units: self.units,
            usd: self.usd,
            traded_at: self.traded_at,
            rate: &self.rate,
        }
    }

    /// Returns the names of the amount, in the order of the stored rows.
    pub fn key(&self) -> RateUsedKey<'_> {
        self.view().key()
    }

    /// Tells whether the rate is more than an hour older than the trade.
    pub fn is_old(&self) -> bool {
        self.view().is_old()
    }

    /// Tells whether the value is one dollar a unit by the settings, as no rate was near enough.
    pub fn is_provisional(&self) -> bool {
        self.view().is_provisional()
    }
}

impl<'r> From<&'r RateUsed> for RateUsedRef<'r> {
    fn from(used: &'r RateUsed) -> Self {
        used.view()
    }
}

impl<'r> RateUsedRef<'r> {
    /// Returns the names of the amount, in the order of the stored rows.
    pub fn key(self) -> RateUsedKey<'r> {
        (self.account.as_str(), self.order_id, self.purpose)
    }

    /// Tells whether the rate is more than an hour older than the trade.
    pub fn is_old(self) -> bool {
        let age = self.traded_at.as_micros();
        age.saturating_sub(self.rate.at.as_micros()) > RATE_IS_OLD_MICROS
    }

    /// Tells whether the value is one dollar a unit by the settings, as no rate was near enough.
    pub fn is_provisional(self) -> bool {
        self.rate.source == RateSource::Peg
    }

    /// Returns the record with names and a rate of its own.
    pub fn to_owned(self) -> RateUsed {
        RateUsed {
            account: self.account.clone(),
            order_id: self.order_id.to_owned(),
            purpose: self.purpose,
            asset: self.asset.clone(),
            units: self.units,
            usd: self.usd,
            traded_at: self.traded_at,
            rate: self.rate.clone(),
        }
    }

    /// Adds the record to a hash, one line for each step. The numbers of imports and of lines are
    /// not in it: they depend on the order of imports. `line` and `text` are buffers.
    fn add_to(&self, hash: &mut RowsHash, (line, text): (&mut String, &mut String)) {
        for (nth, step) in (1_u32..).zip(&self.rate.steps) {
            let trade = match &step.origin {
                RateOrigin::Line { .. } | RateOrigin::Peg => "",
                RateOrigin::Trade(id) => id.as_str(),
            };
            line.clear();
            // A cell has its length before it: no cell can end another one.
            let mut add = |cell: &dyn Display| {
                text.clear();
                // Writing to a text never fails.
                let _ = write!(text, "{cell}");
                let _ = writeln!(line, "{}:{text}", text.len());
            };
            add(&self.account.as_str());
            add(&self.order_id);
            add(&self.purpose.as_str());
            add(&nth);
            add(&self.asset.as_str());
            add(&self.units);
            add(&self.usd);
            add(&self.rate.value);
            add(&self.rate.at);
            add(&self.rate.source.as_str());
            add(&step.asset.as_str());
            add(&step.currency.as_str());
            add(&step.value);
            add(&trade);
            add(&self.traded_at);
            hash.add_row(line.as_bytes());
        }
    }
}

/// Returns the hash of records in any order.
pub fn rates_hash<'r, Used>(used: impl IntoIterator<Item = Used>) -> RowsHash
where
    Used: Into<RateUsedRef<'r>>,
{
    let (mut hash, mut line, mut text) = (RowsHash::EMPTY, String::new(), String::new());
    for used in used {
        used.into().add_to(&mut hash, (&mut line, &mut text));
    }
    hash
}
