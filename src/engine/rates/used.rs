//! The rates that gave trades their values, as a version records them.

use super::{FoundRate, RateOrigin, RateSource};
use crate::engine::digits::push_decimal;
use crate::engine::fact::Fact;
use crate::engine::hash::RowsHash;
use crate::engine::ids::{Account, Asset};
use crate::engine::issue::UnknownWord;
use crate::engine::number::Usd;
use crate::engine::policy::{RATE_IS_OLD_MICROS, USD_SCALE};
use crate::engine::time::{Timestamp, push_time};

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
    /// not in it: they depend on the order of imports.
    fn add_to(self, hash: &mut RowsHash, line: &mut CellLine) {
        for (nth, step) in (1_i128..).zip(&self.rate.steps) {
            let trade = match &step.origin {
                RateOrigin::Line { .. } | RateOrigin::Peg => "",
                RateOrigin::Trade(id) => id.as_str(),
            };
            line.text.clear();
            line.add_text(self.account.as_str());
            line.add_text(self.order_id);
            line.add_text(self.purpose.as_str());
            line.add_number((nth, 0));
            line.add_text(self.asset.as_str());
            line.add_fact(self.units);
            line.add_number((self.usd.units(), USD_SCALE));
            line.add_fact(self.rate.value.fact());
            line.add_time(self.rate.at);
            line.add_text(self.rate.source.as_str());
            line.add_text(step.asset.as_str());
            line.add_text(step.currency.as_str());
            line.add_fact(step.value.fact());
            line.add_text(trade);
            line.add_time(self.traded_at);
            hash.add_row(&line.text);
        }
    }
}

/// A line of cells, each with its length before it: no cell can end another one.
#[derive(Default)]
struct CellLine {
    text: Vec<u8>,
    cell: Vec<u8>,
}

impl CellLine {
    fn add_fact(&mut self, fact: Fact) {
        self.add_number((fact.units(), fact.scale()));
    }

    fn add_number(&mut self, (units, scale): (i128, u8)) {
        self.cell.clear();
        push_decimal(&mut self.cell, units, scale);
        push_cell(&mut self.text, &self.cell);
    }

    fn add_time(&mut self, time: Timestamp) {
        self.cell.clear();
        push_time(&mut self.cell, time);
        push_cell(&mut self.text, &self.cell);
    }

    fn add_text(&mut self, cell: &str) {
        push_cell(&mut self.text, cell.as_bytes());
    }
}

fn push_cell(line: &mut Vec<u8>, cell: &[u8]) {
    let length = i128::try_from(cell.len()).unwrap_or(i128::MAX);
    push_decimal(line, length, 0);
    line.push(b':');
    line.extend_from_slice(cell);
    line.push(b'\n');
}

/// Returns the hash of records in any order.
pub fn rates_hash<'r, Used>(used: impl IntoIterator<Item = Used>) -> RowsHash
where
    Used: Into<RateUsedRef<'r>>,
{
    let (mut hash, mut line) = (RowsHash::EMPTY, CellLine::default());
    for used in used {
        used.into().add_to(&mut hash, &mut line);
    }
    hash
}
