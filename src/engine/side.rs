//! Buy or sell.

use std::fmt;
use std::str::FromStr;

use super::direction::LotDirection;

/// The side of a trade. A buy opens a lot, a sell uses lots up. In a pool that may go short, a sell
/// beyond the lots opens a short lot, and buys use that up.
///
/// Order: buys before sells, so that a sell can use a buy of the same microsecond.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// Opens a lot.
    Buy,
    /// Uses lots up.
    Sell,
}

impl Side {
    /// Returns the direction of the lots that a trade of this side opens.
    pub fn opens(self) -> LotDirection {
        match self {
            Self::Buy => LotDirection::Long,
            Self::Sell => LotDirection::Short,
        }
    }

    /// Returns `buy` or `sell`.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Buy => "buy",
            Side::Sell => "sell",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A text that is neither `buy` nor `sell`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is neither \"buy\" nor \"sell\"")]
pub struct SideError;

impl FromStr for Side {
    type Err = SideError;

    fn from_str(text: &str) -> Result<Self, SideError> {
        match text {
            "buy" => Ok(Side::Buy),
            "sell" => Ok(Side::Sell),
            _ => Err(SideError),
        }
    }
}
