//! The account and the instrument of a row, and the pools in which it may have legs.

use std::sync::Arc;

use super::assets::{AssetRules, Instrument, NotInUsd, PoolsBy};
use super::facts::MoreText;
use super::ids::{Account, Asset, Pool, Symbol};
use super::trade::Trade;

/// The facts of a row that say what its symbol is: base, quote, class; and the asset of its fee.
pub type StatedNames = [Option<String>; STATED_COLUMNS.len()];

/// The columns of [`StatedNames`], in order.
pub const STATED_COLUMNS: [&str; 4] = [
    "base_asset",
    "quote_currency",
    "asset_class",
    "fee_currency",
];

impl<'a> MoreText<'a> {
    /// Returns the texts of [`STATED_COLUMNS`]. An empty text says nothing.
    pub fn names(&self) -> [Option<&'a str>; STATED_COLUMNS.len()] {
        STATED_COLUMNS.map(|column| Some(self.of(column)).filter(|text| !text.is_empty()))
    }
}

/// The meaning of one symbol in an account, and the pool of its base leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Traded {
    /// The account.
    pub account: Account,
    /// The symbol in its one spelling.
    pub symbol: Symbol,
    /// Its base, quote and class. An error refuses the pool.
    pub instrument: Result<Instrument, NotInUsd>,
    /// The asset that names the pool of the base leg.
    pub asset: Asset,
}

impl Traded {
    /// Returns the pool of the base leg.
    pub fn pool(&self) -> Pool {
        Pool::new(self.account.clone(), self.asset.clone())
    }
}

/// A trade that enters its pools once the rates are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingTrade {
    /// Its account, symbol and instrument.
    pub of: Arc<Traded>,
    /// The trade, with its facts.
    pub trade: Trade,
}

/// Reads an account's symbol, by the settings and the facts of a row.
pub(super) fn traded(
    rules: &AssetRules,
    account: &str,
    symbol: &str,
    stated: &StatedNames,
) -> Traded {
    let account = account
        .parse()
        .unwrap_or_else(|_| Account::unreadable(account));
    let symbol: Symbol = symbol
        .parse()
        .unwrap_or_else(|_| Symbol::unreadable(symbol));
    let [base, quote, class, _] = stated;
    let (base, quote) = (base.as_deref(), quote.as_deref());
    let found = rules.instrument(&account, &symbol, base, quote, class.as_deref());
    let asset = rules.asset_of(&symbol, found.as_ref().ok());
    let instrument = match rules.pools {
        PoolsBy::Asset => found.map_err(NotInUsd::from),
        // A pool of a symbol has no place for the leg that pays.
        PoolsBy::Symbol => rules.check_in_usd(&symbol, found),
    };
    Traded {
        account,
        symbol,
        instrument,
        asset,
    }
}

impl AssetRules {
    /// Makes the rules of a store that nobody gave settings: each symbol has a pool of its own.
    pub fn by_symbol() -> Self {
        Self {
            pools: PoolsBy::Symbol,
            ..Self::default()
        }
    }

    /// Returns the pool of a row's base leg, by the names that the row has.
    pub fn pool_of_row(&self, account: &str, symbol: &str, stated: &StatedNames) -> Pool {
        traded(self, account, symbol, stated).pool()
    }

    /// Returns the pools in which a row may have legs, the base first, by the names that it has.
    pub fn pools_of_row(&self, account: &str, symbol: &str, stated: &StatedNames) -> Vec<Pool> {
        let of = traded(self, account, symbol, stated);
        let [_, _, _, fee] = stated;
        pools_of(self, &of, fee.as_deref())
    }
}

/// Returns the pools in which a row may have legs, the base first.
pub fn pools_of(rules: &AssetRules, of: &Traded, fee: Option<&str>) -> Vec<Pool> {
    let mut pools = vec![of.pool()];
    let Ok(instrument) = &of.instrument else {
        return pools;
    };
    if rules.pools == PoolsBy::Symbol {
        return pools;
    }
    let fee = fee.map(|fee| rules.asset_named(fee));
    for asset in [Some(instrument.quote.clone()), fee].into_iter().flatten() {
        if !rules.is_usd(&asset) && !rules.is_currency(&asset) {
            let pool = Pool::new(of.account.clone(), asset);
            if !pools.contains(&pool) {
                pools.push(pool);
            }
        }
    }
    pools
}
