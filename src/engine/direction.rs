//! Long and short: whether a lot was opened by a buy or by a sell.

use std::fmt;
use std::str::FromStr;

use super::issue::UnknownWord;

/// The side that opened a lot.
///
/// Source: docs/SPEC-matching.md, "Short sales".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LotDirection {
    /// A buy opened it, and sells use it up.
    #[default]
    Long,
    /// A sell opened it, and buys use it up.
    Short,
}

impl LotDirection {
    /// Returns the word for the direction.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Long => "long",
            Self::Short => "short",
        }
    }

    /// Returns the word that a row stores; `None` for a long lot, which most rows have.
    pub fn stored(self) -> Option<&'static str> {
        (self == Self::Short).then_some(self.as_str())
    }

    /// Tells whether it is short.
    pub fn is_short(self) -> bool {
        self == Self::Short
    }
}

impl fmt::Display for LotDirection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for LotDirection {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        match text {
            "long" => Ok(Self::Long),
            "short" => Ok(Self::Short),
            _ => Err(UnknownWord("long short")),
        }
    }
}
