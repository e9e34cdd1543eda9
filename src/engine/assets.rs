//! Settings and facts to the asset, the quote and the class of a trade. Pure.
//!
//! Nothing is taken for dollars by default: a symbol that may be a pair is refused until a column,
//! a setting or a known code says what it is. Source: docs/SPEC-matching.md, "Assets". Read next:
//! `assets/names.rs` (the reading of a symbol), `assets/codes.csv` (the known codes).

mod codes;
mod names;
#[cfg(test)]
mod table_tests;
mod unknown;

use std::collections::{BTreeMap, BTreeSet};

pub use codes::{CodeKind, codes_hash, is_dollar_coin, kind_of_code};
pub use unknown::{Proposal, UnknownInstrument, UnknownWhy, short_settings, ticker_settings};

use super::class::{AssetClass, ClassSource, PoolClass};
use super::ids::{Account, Asset, Pool, Symbol};
use super::issue::words;
use super::number::Size;
use super::policy::{USD, USD_QUOTES_DEFAULT};
use super::rates::RateRules;
use names::{Stated, SymbolReading};

words! {
    /// The name of a trade's pool.
    PoolsBy {
        /// The asset: BTC-USD, BTC-USDC and BTC-EUR share their lots.
        Asset = "asset",
        /// The symbol.
        Symbol = "symbol",
    }
}

/// Settings of one symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstrumentSettings {
    /// The asset that is bought and sold.
    pub base: Option<Asset>,
    /// The asset or currency of the prices.
    pub quote: Option<Asset>,
    /// The asset's class.
    pub class: Option<AssetClass>,
    /// A rest up to this size is of low severity. It is matched like everything else.
    pub dust_threshold: Size,
}

impl Default for InstrumentSettings {
    fn default() -> Self {
        Self {
            base: None,
            quote: None,
            class: None,
            dust_threshold: Size::ZERO,
        }
    }
}

/// The settings that say what a symbol is.
///
/// ```
/// use fifo_pnl::engine::AssetRules;
/// let rules = AssetRules::default();
/// let account = "main".parse()?;
/// let kraken = rules.instrument(&account, &"XXBTZUSD".parse()?, None, None, None).unwrap();
/// assert_eq!((kraken.base.as_str(), kraken.quote.as_str(), kraken.is_usd), ("BTC", "USD", true));
/// // Airbnb, or a pair with BNB? The engine does not guess.
/// assert!(rules.instrument(&account, &"ABNB".parse()?, None, None, None).is_err());
/// # Ok::<(), fifo_pnl::engine::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetRules {
    /// Quotes that count as the dollar, beside USD itself.
    pub usd_quotes: BTreeSet<String>,
    /// Other names of assets, in upper case: `XBT` is `BTC`. No asset of a value is itself a key.
    pub aliases: BTreeMap<String, Asset>,
    /// Settings by symbol.
    pub symbols: BTreeMap<Symbol, InstrumentSettings>,
    /// Classes by account.
    pub accounts: BTreeMap<Account, AssetClass>,
    /// Whether accounts may go short; one that is missing may not.
    pub short_accounts: BTreeMap<Account, bool>,
    /// The name of a trade's pool.
    pub pools: PoolsBy,
    /// How rates are chosen.
    pub rates: RateRules,
}

impl Default for AssetRules {
    fn default() -> Self {
        Self {
            usd_quotes: USD_QUOTES_DEFAULT.map(str::to_owned).into(),
            aliases: BTreeMap::new(),
            symbols: BTreeMap::new(),
            accounts: BTreeMap::new(),
            short_accounts: BTreeMap::new(),
            pools: PoolsBy::Asset,
            rates: RateRules::default(),
        }
    }
}

/// The asset, quote and class of a trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instrument {
    /// The asset that is bought and sold.
    pub base: Asset,
    /// The asset or currency of the price.
    pub quote: Asset,
    /// The class of the base.
    pub class: AssetClass,
    /// The source of the class.
    pub class_source: ClassSource,
    /// The quote is the dollar or counts as one.
    pub is_usd: bool,
    /// The symbol names the quote. Otherwise a column, a setting or a rule for tickers says it.
    pub is_pair: bool,
}

/// A trade that has no price in dollars.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotInUsd {
    /// Its quote is another currency or a coin.
    #[error("{symbol} is priced in {quote}, not in USD")]
    OtherQuote {
        /// The symbol.
        symbol: Symbol,
        /// The currency or coin of the price.
        quote: Asset,
    },
    /// Nothing says what its quote is.
    #[error(transparent)]
    Unknown(#[from] UnknownInstrument),
}

impl NotInUsd {
    /// Returns the symbol.
    pub fn symbol(&self) -> &Symbol {
        match self {
            Self::OtherQuote { symbol, .. } => symbol,
            Self::Unknown(unknown) => &unknown.symbol,
        }
    }
}

impl AssetRules {
    /// Returns the class of an asset that pays, or that pays a fee: by the settings of a symbol of
    /// its name, the account's, and the known codes. Any other such asset is crypto.
    pub fn class_of_leg(&self, account: &Account, asset: &Asset) -> PoolClass {
        let of_symbol = match self.symbols.is_empty() {
            true => None,
            false => self.symbols.get(&Symbol::unreadable(asset.as_str())),
        };
        let of_symbol = of_symbol.and_then(|settings| settings.class);
        let of_account = self.accounts.get(account).copied();
        let by_code = || match self.kind_of(asset.as_str()) {
            Some(CodeKind::Currency | CodeKind::Metal) => AssetClass::Fx,
            _ => AssetClass::Crypto,
        };
        let class = of_symbol.or(of_account).unwrap_or_else(by_code);
        PoolClass::of(class, ClassSource::Payment)
    }

    /// Tells whether sells of an account beyond its lots are short sales.
    pub fn may_go_short(&self, account: &Account) -> bool {
        self.short_accounts.get(account) == Some(&true)
    }

    /// Returns the settings of a symbol.
    pub fn settings(&self, symbol: &Symbol) -> InstrumentSettings {
        self.symbols.get(symbol).cloned().unwrap_or_default()
    }

    /// Returns the asset, quote and class of a trade.
    ///
    /// Base and quote come from the trade's own columns, then the settings of its symbol, then the
    /// symbol's text. The class comes from the column, the symbol's settings, the account's, and
    /// then the known codes. An empty column is no column. Errors: nothing says what the symbol is.
    pub fn instrument(
        &self,
        account: &Account,
        symbol: &Symbol,
        base_asset: Option<&str>,
        quote_currency: Option<&str>,
        asset_class: Option<&str>,
    ) -> Result<Instrument, UnknownInstrument> {
        let reading = SymbolReading {
            rules: self,
            symbol,
            settings: self.symbols.get(symbol),
            account_class: self.accounts.get(account).copied(),
        };
        let stated = Stated {
            base: base_asset.filter(|text| !text.is_empty()),
            quote: quote_currency.filter(|text| !text.is_empty()),
            class: asset_class.filter(|text| !text.is_empty()),
        };
        reading.instrument(&stated)
    }

    /// Returns the asset that names the trade's pool: the base, or the symbol if pools are by
    /// symbol. A refused symbol names the pool of its refusal.
    pub fn asset_of(&self, symbol: &Symbol, instrument: Option<&Instrument>) -> Asset {
        match (self.pools, instrument) {
            (PoolsBy::Asset, Some(instrument)) => instrument.base.clone(),
            _ => Asset::of_symbol(symbol),
        }
    }

    /// Returns the asset that a code names after aliases: `BTC` for `XXBT`.
    pub fn asset_named(&self, code: &str) -> Asset {
        let upper = code.to_ascii_uppercase();
        let upper = upper.as_str();
        if let Some(asset) = self.aliases.get(upper) {
            return asset.clone();
        }
        let name = codes::find_code(upper).map_or(upper, |known| known.asset);
        let share = names::share_class(name);
        let name = share.as_deref().unwrap_or(name);
        match self.aliases.get(name) {
            Some(asset) => asset.clone(),
            None => Asset::unreadable(name),
        }
    }

    /// Returns assets with all the spellings that aliases and known codes give them: `XBT` and
    /// `XXBT` beside `BTC`.
    pub fn spellings(&self, assets: &BTreeSet<Asset>) -> BTreeSet<Asset> {
        let mut all = assets.clone();
        let codes = codes::all_codes().map(Asset::unreadable);
        let aliases = self.aliases.keys().map(|code| Asset::unreadable(code));
        let spellings = codes.chain(aliases);
        all.extend(spellings.filter(|code| assets.contains(&self.asset_named(code.as_str()))));
        let shares = all.iter().filter_map(|asset| {
            let (base, class) = asset.as_str().rsplit_once('-')?;
            names::share_class(asset.as_str())?;
            Some(Asset::unreadable(&format!("{base}.{class}")))
        });
        let shares: Vec<Asset> = shares.collect();
        all.extend(shares);
        all
    }

    /// Tells whether an asset is the dollar or counts as one.
    pub fn is_usd(&self, asset: &Asset) -> bool {
        asset.as_str() == USD || self.usd_quotes.contains(asset.as_str())
    }

    /// Tells whether an asset is the money of a state. Such a quote or fee has no pool.
    pub fn is_currency(&self, asset: &Asset) -> bool {
        self.kind_of(asset.as_str()) == Some(CodeKind::Currency)
    }

    /// Returns the kind of a code, after aliases. `None`: it is not known.
    pub fn kind_of(&self, code: &str) -> Option<CodeKind> {
        let asset = self.aliases.get(code).map_or(code, Asset::as_str);
        match codes::find_code(asset) {
            Some(known) => Some(known.kind),
            None if self.usd_quotes.contains(asset) || self.is_pegged(asset) => {
                Some(CodeKind::DollarCoin)
            }
            None => None,
        }
    }

    /// Tells whether a coin has a pool, and counts as one dollar if it has no rate.
    pub(super) fn is_pegged(&self, asset: &str) -> bool {
        self.rates.pegs.iter().any(|peg| peg.as_str() == asset)
    }

    /// Checks that a pool's symbol has prices in dollars. Errors: another or an unknown quote.
    pub fn check_pool_in_usd(&self, pool: &Pool) -> Result<Instrument, NotInUsd> {
        let instrument = self.instrument(&pool.account, &pool.as_symbol(), None, None, None);
        self.check_in_usd(&pool.as_symbol(), instrument)
    }

    /// Checks that a trade has a price in dollars. Errors: another or an unknown quote.
    ///
    /// The one place that decides that a pool without dollar prices is not matched.
    pub fn check_in_usd(
        &self,
        symbol: &Symbol,
        instrument: Result<Instrument, UnknownInstrument>,
    ) -> Result<Instrument, NotInUsd> {
        let instrument = instrument?;
        match instrument.is_usd {
            true => Ok(instrument),
            false => Err(NotInUsd::OtherQuote {
                symbol: symbol.clone(),
                quote: instrument.quote,
            }),
        }
    }
}
