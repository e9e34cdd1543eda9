//! Why a symbol's asset or currency is not known, and what could settle it.

use crate::engine::class::AssetClass;
use crate::engine::ids::{Asset, IdError, Symbol};

/// A symbol whose asset or quote is not known. It is never taken for dollars.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{symbol} {why}")]
pub struct UnknownInstrument {
    /// The symbol.
    pub symbol: Symbol,
    /// The reason.
    pub why: UnknownWhy,
    /// Settings that would settle it, the likeliest first.
    pub proposals: Vec<Proposal>,
}

/// Settings of a symbol that would settle what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The asset.
    pub base: String,
    /// The quote of its prices.
    pub quote: String,
    /// Its class.
    pub class: AssetClass,
}

/// The reason why a symbol is not known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnknownWhy {
    /// The symbol begins or ends with known codes, and what is left is no known code.
    #[error("begins or ends with {}, and may be a pair", .0.join(", "))]
    Resembles(Vec<String>),
    /// More than one split has two known codes.
    #[error("can be split in more than one way: {}", pairs(.0))]
    ManySplits(Vec<(String, String)>),
    /// No known code follows the separator.
    #[error("has an unknown quote, \"{0}\"")]
    UnknownQuote(String),
    /// Nothing stands before the separator.
    #[error("names no asset")]
    NoBase,
    /// A currency alone.
    #[error("is a currency, and nothing says what it is priced in")]
    BareCurrency,
    /// A code that a coin and a share have.
    #[error("is the code of a coin and of a share")]
    CoinOrShare,
    /// Dollars priced in a coin: the pair is written with its quote first.
    #[error("looks like a pair with the quote first, {1} priced in {0}")]
    QuoteFirst(String, String),
    /// Base and quote are one asset.
    #[error("is {0} priced in itself")]
    SameAsset(Asset),
    /// The symbol names another quote than the trade's own column.
    #[error("is priced in {symbol}, and quote_currency says {column}")]
    OtherQuote {
        /// The quote that the symbol names.
        symbol: String,
        /// The quote of the column.
        column: Asset,
    },
    /// A column holds no code.
    #[error("has {column} \"{text}\", which {error}")]
    BadCode {
        /// The column.
        column: &'static str,
        /// Its text.
        text: String,
        /// Its fault.
        error: IdError,
    },
    /// The column `asset_class` holds no class.
    #[error("has asset_class \"{0}\", expected crypto, security, fx or future")]
    BadClass(String),
}

fn pairs(splits: &[(String, String)]) -> String {
    let all = splits.iter().map(|(base, quote)| format!("{base}-{quote}"));
    all.collect::<Vec<_>>().join(", ")
}
