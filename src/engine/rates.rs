//! Rates: what one unit of an asset was worth at an instant, by which source.
//!
//! A rate is a fact, as a file has it. Only a look-up computes: it inverts a rate, or makes a cross
//! of two, and rounds once. Read next: `book.rs` (the look-up), `age.rs` (how old a rate may be).
//! Source: docs/SPEC-matching.md, "Rates".

mod age;
mod book;
mod missing;
mod packed;
mod used;

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;

use super::class::AssetClass;
use super::fact::Fact;
use super::ids::{Account, Asset, OrderId};
use super::leg::Leg;
use super::money::differ_by_more;
use super::number::{NumberError, Price};
use super::place::PlaceInPool;
use super::side::Side;
use super::time::Timestamp;
pub use age::published_at;
pub use book::{RateBook, RatesDiffer};
pub use missing::MissingRate;
pub use packed::RatesUsed;
pub use used::{RatePurpose, RateUsed, RateUsedKey, RateUsedRef, rates_hash};

/// How many units of a currency one unit of an asset was worth. Above zero.
///
/// At most 28 significant digits and 28 decimals, like every fact.
///
/// ```
/// use fifo_pnl::engine::RateValue;
/// assert_eq!("1.0850".parse::<RateValue>()?.to_string(), "1.085");
/// assert!("0".parse::<RateValue>().is_err());
/// # Ok::<(), fifo_pnl::engine::RateError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RateValue(Decimal);

/// Why a text is not a rate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RateError {
    /// Not a number, or one that no rate has.
    #[error(transparent)]
    Number(#[from] NumberError),
    /// Zero: an asset without a value has no rate.
    #[error("is zero")]
    Zero,
}

impl RateValue {
    /// Returns the exact number.
    pub fn as_decimal(self) -> Decimal {
        self.0
    }

    /// Tells whether two rates differ by more than a percentage of the smaller one. Exact.
    pub fn differs_from(self, other: Self, percent: u32) -> bool {
        differ_by_more(self.fact(), other.fact(), percent)
    }

    /// Makes a rate of a price. `None`: the price is zero.
    pub(in crate::engine) fn of_price(price: Price) -> Option<Self> {
        let value = price.as_decimal();
        (!value.is_zero()).then_some(Self(value))
    }

    /// One unit of currency for one unit.
    pub const PAR: Self = Self(Decimal::ONE);

    /// Returns the number as a fact.
    pub fn fact(self) -> Fact {
        Fact::of_decimal(self.0)
    }

    fn of_fact(fact: Fact) -> Self {
        Self(fact.to_decimal())
    }
}

impl FromStr for RateValue {
    type Err = RateError;

    fn from_str(text: &str) -> Result<Self, RateError> {
        let value = text.parse::<Price>()?.as_decimal();
        match value.is_zero() {
            true => Err(RateError::Zero),
            false => Ok(Self(value)),
        }
    }
}

impl fmt::Display for RateValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.fact().fmt(f)
    }
}

/// The source of a rate.
///
/// Order: that of the names. It decides between sources that are equal in all else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RateSource {
    /// Daily prices by CoinGecko.
    CoinGecko,
    /// Reference rates of the European Central Bank.
    Ecb,
    /// Noon rates of the Federal Reserve, release H.10.
    H10,
    /// Closing prices at Kraken.
    Kraken,
    /// A trade of the same account, for dollars.
    Own,
    /// One dollar, by the settings: no other rate of the coin is near enough.
    Peg,
    /// A plain file, made by a person.
    Plain,
    /// Closing prices by Yahoo.
    Yahoo,
}

/// A text that names no source of rates.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is no source of rates")]
pub struct SourceError;

impl RateSource {
    /// All sources.
    pub const ALL: [Self; 8] = [
        Self::CoinGecko,
        Self::Ecb,
        Self::H10,
        Self::Kraken,
        Self::Own,
        Self::Peg,
        Self::Plain,
        Self::Yahoo,
    ];

    /// Returns the name that files, settings and databases have.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CoinGecko => "coingecko",
            Self::Ecb => "ecb",
            Self::H10 => "h10",
            Self::Kraken => "kraken",
            Self::Own => "own",
            Self::Peg => "peg",
            Self::Plain => "plain",
            Self::Yahoo => "yahoo",
        }
    }
}

impl fmt::Display for RateSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for RateSource {
    type Err = SourceError;

    fn from_str(text: &str) -> Result<Self, SourceError> {
        let mut all = Self::ALL.into_iter();
        all.find(|source| source.as_str() == text)
            .ok_or(SourceError)
    }
}

/// A rate of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rate {
    /// One unit of this ...
    pub asset: Asset,
    /// ... was worth `value` units of this.
    pub currency: Asset,
    /// The instant of publication: no earlier trade may use the rate.
    pub at: Timestamp,
    /// The number, as the file has it.
    pub value: RateValue,
    /// The source.
    pub source: RateSource,
    /// The import that brought the rate.
    pub import_id: i64,
    /// Line in its file.
    pub import_line: u64,
}

/// The price of a trade for dollars, as a rate for other trades of its account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnRate {
    /// The trade's account.
    pub account: Account,
    /// The trade.
    pub order_id: OrderId,
    /// Its base asset.
    pub asset: Asset,
    /// When it was executed.
    pub at: Timestamp,
    /// Buy or sell. Of trades at one instant the last in the order of the pool counts.
    pub side: Side,
    /// The venue's own sequence.
    pub trade_seq: Option<i64>,
    /// Its pool may go short: there the sequence comes before the side.
    pub shorts: bool,
    /// Its price in US dollars.
    pub value: RateValue,
}

impl OwnRate {
    /// Compares two trades in the order of their pool.
    pub(in crate::engine) fn cmp_in_pool(&self, other: &Self) -> Ordering {
        match self.shorts {
            true => self.place().cmp_in_signed(&other.place()),
            false => self.place().cmp(&other.place()),
        }
    }

    fn place(&self) -> PlaceInPool<&str> {
        PlaceInPool {
            order_time: self.at,
            side: self.side,
            trade_seq: self.trade_seq,
            order_id: self.order_id.as_str(),
            leg: Leg::Base,
        }
    }
}

/// How a look-up chooses between sources: a part of a version's policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateRules {
    /// Sources by preference. The first one with a rate that is not too old wins. All other sources
    /// come last, as equals: the nearest rate wins.
    pub sources: Vec<RateSource>,
    /// The ledger's own trades for dollars are rates, too.
    pub own_trades: bool,
    /// Coins that have pools, and that count as one dollar without a rate.
    pub pegs: BTreeSet<Asset>,
}

impl Default for RateRules {
    fn default() -> Self {
        Self {
            sources: Vec::new(),
            own_trades: true,
            pegs: BTreeSet::new(),
        }
    }
}

/// A question to a [`RateBook`].
#[derive(Debug, Clone, Copy)]
pub struct WantedRate<'w> {
    /// The asset to value.
    pub asset: &'w Asset,
    /// The currency of the value.
    pub currency: &'w Asset,
    /// When: a rate published later doesn't count.
    pub at: Timestamp,
    /// The class of the asset: it decides how old a rate may be.
    pub class: AssetClass,
    /// Account and id of the trade that needs the rate. It may use trades of its account as rates,
    /// but never itself. `None`: it may not use any.
    pub own: Option<(&'w Account, &'w OrderId)>,
}

/// Answer of a [`RateBook`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRate {
    /// The rate to compute with. Rounding: 18 significant digits, half to even, once.
    pub value: RateValue,
    /// The instant of its publication. Of two rates by way of the euro, the older one.
    pub at: Timestamp,
    /// Its source. Of two rates by way of the euro, that of the asset.
    pub source: RateSource,
    /// The rates that made it: one as given, one inverted, two divided, or one of the asset in
    /// euros and one of the euro.
    pub steps: Vec<RateStep>,
}

/// A rate that a look-up used, as the file or the trade has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateStep {
    /// One unit of this ...
    pub asset: Asset,
    /// ... was worth `value` units of this.
    pub currency: Asset,
    /// The number.
    pub value: RateValue,
    /// Its place.
    pub origin: RateOrigin,
}

/// The place of a rate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RateOrigin {
    /// A line of an imported file.
    Line {
        /// The import.
        import_id: i64,
        /// Line in its file.
        line: u64,
    },
    /// A trade of the same account.
    Trade(OrderId),
    /// The settings: one dollar.
    Peg,
}

#[cfg(test)]
mod tests;
