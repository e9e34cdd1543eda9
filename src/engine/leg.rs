//! How an execution enters a pool: under which symbol, as which leg, at which value.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::ids::Symbol;
use super::issue::UnknownWord;
use super::number::Usd;
use super::origin::MovedFrom;

/// A leg of an execution: what one trade moves in one pool.
///
/// Order: the place of legs of one execution in a pool.
/// Source: docs/SPEC-matching.md, "Legs".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Leg {
    /// The asset that was bought or sold.
    #[default]
    Base,
    /// The asset that it was paid with, if that is not money.
    Quote,
    /// The asset that the fee was paid with, or a rebate was paid in.
    Fee,
    /// The part of a transfer that a network took. The order id is that of the withdrawal.
    Network,
    /// Income: a reward and the like. The order id is that of the movement.
    Income,
}

impl Leg {
    /// Returns the word for the leg.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Quote => "quote",
            Self::Fee => "fee",
            Self::Network => "network",
            Self::Income => "income",
        }
    }

    /// Returns the word for the record that has such a leg.
    pub const fn record(self) -> &'static str {
        match self {
            Self::Base | Self::Quote | Self::Fee => "order",
            Self::Network => "withdrawal",
            Self::Income => "income",
        }
    }

    /// Returns the word that a row stores; `None` for a base leg, which most rows have.
    pub fn stored(self) -> Option<&'static str> {
        (self != Self::Base).then_some(self.as_str())
    }
}

impl fmt::Display for Leg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Leg {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "base" => Ok(Self::Base),
            "quote" => Ok(Self::Quote),
            "fee" => Ok(Self::Fee),
            "network" => Ok(Self::Network),
            "income" => Ok(Self::Income),
            _ => Err(UnknownWord("base quote fee network income")),
        }
    }
}

/// How an execution enters a pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The trade's symbol; `None` if the pool's name is the symbol.
    pub symbol: Option<Symbol>,
    /// The leg.
    pub leg: Leg,
    /// Value of all units without fees, if it is not price x size. Units: USD.
    pub value: Option<Usd>,
    /// The origin of the lot. `None`: it is a trade of the pool itself.
    pub moved: Option<Arc<MovedFrom>>,
}
