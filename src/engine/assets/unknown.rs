//! Why a symbol's asset or currency is not known, and what could settle it.

use crate::engine::class::AssetClass;
use crate::engine::ids::{Account, Asset, IdError, Symbol};

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

impl UnknownInstrument {
    /// Returns the settings of all proposals as lines of TOML, each with a comment that says when
    /// it is the right one.
    pub fn settings_text(&self) -> String {
        let one = |of: &Proposal| {
            let lines = of.settings(&self.symbol).join("\n");
            format!(
                "# if it is {} ({}) priced in {}\n{lines}",
                of.base, of.class, of.quote
            )
        };
        let all: Vec<String> = self.proposals.iter().map(one).collect();
        all.join("\n")
    }
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

impl Proposal {
    /// Returns the settings of a symbol as lines of TOML.
    pub fn settings(&self, symbol: &Symbol) -> Vec<String> {
        vec![
            format!("[symbols.{}]", quoted(symbol.as_str())),
            format!("base = {}", quoted(&self.base)),
            format!("quote = {}", quoted(&self.quote)),
            format!("class = \"{}\"", self.class),
        ]
    }
}

/// Returns the settings that make all symbols of an account tickers, as lines of TOML.
pub fn ticker_settings(account: &Account) -> Vec<String> {
    let class = AssetClass::Security;
    vec![
        format!("[accounts.{}]", quoted(account.as_str())),
        format!("class = \"{class}\""),
    ]
}

/// Returns the settings with which an account may go short, as TOML.
pub fn short_settings(account: &Account) -> Vec<String> {
    vec![
        format!("[accounts.{}]", quoted(account.as_str())),
        "shorts = true".to_owned(),
    ]
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
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
    /// The symbol names another base than the trade's own column.
    #[error("is {symbol} by its name, and base_asset says {column}")]
    OtherBase {
        /// The base that the symbol names.
        symbol: String,
        /// The base of the column.
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

impl UnknownWhy {
    /// Returns the column at fault. `None`: the symbol alone is what nobody knows.
    pub fn column(&self) -> Option<&'static str> {
        match self {
            Self::OtherQuote { .. } => Some("quote_currency"),
            Self::OtherBase { .. } => Some("base_asset"),
            Self::BadCode { column, .. } => Some(column),
            Self::BadClass(_) => Some("asset_class"),
            _ => None,
        }
    }
}

fn pairs(splits: &[(String, String)]) -> String {
    let all = splits.iter().map(|(base, quote)| format!("{base}-{quote}"));
    all.collect::<Vec<_>>().join(", ")
}
