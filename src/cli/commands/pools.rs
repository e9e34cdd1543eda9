//! The pools that a command is about: `--asset` names them, and `--symbol` stands for its asset.

use std::collections::BTreeSet;

use crate::cli::args::AssetArgs;
use crate::cli::error::{CliError, CliResult};
use crate::cli::session::Session;
use crate::cli::terminal::note;
use crate::engine::{Account, Asset, IdError, PoolsBy, Symbol, shown};
use crate::pipeline::assets_of_symbol;
use crate::store::TradeStore;

/// Assets and symbols as they were typed.
#[derive(Debug, Default)]
pub(super) struct NamedAssets {
    assets: BTreeSet<Asset>,
    symbols: BTreeSet<Symbol>,
}

impl NamedAssets {
    /// Reads the values of `--asset` and `--symbol`. Errors: a text can be none.
    pub(super) fn read(assets: &[String], symbols: &[String]) -> CliResult<Self> {
        let assets = assets.iter().map(|text| read_asset(text));
        let symbols = symbols.iter().map(|text| read_symbol(text));
        Ok(Self {
            assets: assets.collect::<CliResult<_>>()?,
            symbols: symbols.collect::<CliResult<_>>()?,
        })
    }

    /// Reads the arguments of a command that takes one asset. Errors: a text can be none.
    pub(super) fn of(args: &AssetArgs) -> CliResult<Self> {
        Self::read(args.asset.as_slice(), args.symbol.as_slice())
    }

    /// Tells whether nothing was named: then all assets are meant.
    pub(super) fn is_all(&self) -> bool {
        self.assets.is_empty() && self.symbols.is_empty()
    }

    /// Returns the assets by the names of the settings: BTC for XBT. A note names the asset that a
    /// symbol stands for.
    ///
    /// Errors: the ledger lacks a symbol; the store fails.
    pub(super) async fn resolve(
        self,
        store: &dyn TradeStore,
        account: Option<&Account>,
        session: &Session,
    ) -> CliResult<BTreeSet<Asset>> {
        let rules = &session.config.rules;
        let name = |asset: Asset| match rules.pools {
            PoolsBy::Asset => rules.asset_named(asset.as_str()),
            PoolsBy::Symbol => asset,
        };
        let mut all: BTreeSet<Asset> = self.assets.into_iter().map(name).collect();
        for symbol in &self.symbols {
            let assets = assets_of_symbol(store, account, symbol).await?;
            let names: Vec<String> = assets
                .iter()
                .filter(|asset| asset.as_str() != symbol.as_str())
                .map(|asset| shown(asset.as_str()).to_string())
                .collect();
            if !names.is_empty() && !session.config.quiet {
                let names = names.join(" and ");
                let symbol = shown(symbol.as_str());
                note(&format!(
                    "--symbol {symbol} stands for all of {names}: pools are by asset"
                ));
            }
            all.extend(assets);
        }
        Ok(all)
    }
}

fn read_asset(text: &str) -> CliResult<Asset> {
    let hint = "an asset is a code like BTC or AAPL";
    text.parse()
        .map_err(|error| bad("--asset", text, (error, hint)))
}

fn read_symbol(text: &str) -> CliResult<Symbol> {
    let hint = "a symbol looks like BTC-USD";
    text.parse()
        .map_err(|error| bad("--symbol", text, (error, hint)))
}

fn bad(flag: &str, text: &str, (error, hint): (IdError, &str)) -> CliError {
    CliError::usage(format!("{flag} is \"{text}\": it {error}"), hint)
}
