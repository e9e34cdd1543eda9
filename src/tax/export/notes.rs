//! Notes about the sales of an export: currencies, and several dollar symbols.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::{Asset, Symbol};
use crate::store::Store;
use crate::store::model::{PoolSummary, VersionInfo};
use crate::tax::boxes::base_asset;
use crate::tax::exported::SeveralDollars;
use crate::tax::{TaxResult, TaxRules};

/// Returns the national currencies that trades of the version are priced in or paid fees in. Their
/// symbols tell, the rates that gave them values, and the columns that name a currency.
pub(super) async fn national_currencies(
    store: &dyn Store,
    version: &VersionInfo,
    summaries: &[PoolSummary],
    rules: &TaxRules,
) -> TaxResult<BTreeSet<Asset>> {
    let used = store.rates_used(version.version, None).await?;
    let named = store.currencies_named().await?;
    let quote = |summary: &PoolSummary, symbol: &Symbol| {
        let account = &summary.pool.account;
        let found = rules.assets.instrument(account, symbol, None, None, None);
        let of = found.ok().filter(|of| !of.is_usd)?;
        rules.assets.is_currency(&of.quote).then_some(of.quote)
    };
    let is_wanted = |account: &str| {
        let wanted = rules.account.as_deref();
        wanted.is_none_or(|wanted| wanted == account)
    };
    let of_rates = used.iter().filter(|it| is_wanted(it.account.as_str()));
    let of_rates = of_rates.map(|it| it.asset.clone());
    let of_columns = named.into_iter().filter(|(account, _)| is_wanted(account));
    let of_columns = of_columns.map(|(_, currency)| rules.assets.asset_named(&currency));
    let is_national = |it: &Asset| rules.assets.is_currency(it) && !rules.assets.is_usd(it);
    let mut currencies: BTreeSet<Asset> = of_rates.chain(of_columns).filter(is_national).collect();
    for summary in summaries {
        let of_base = summary.symbols.iter().filter(|of| of.trades > 0);
        currencies.extend(of_base.filter_map(|of| quote(summary, &of.symbol)));
    }
    Ok(currencies)
}

/// Returns the assets that an account traded under several dollar symbols.
pub(super) fn several_dollars(summaries: &[PoolSummary], rules: &TaxRules) -> Vec<SeveralDollars> {
    let mut by_asset: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for summary in summaries {
        let (account, symbol) = (&summary.pool.account, &summary.pool.asset);
        let asset = base_asset(&summary.pool, &rules.assets).to_string();
        let symbols = by_asset.entry((account.to_string(), asset)).or_default();
        symbols.push(symbol.to_string());
    }
    by_asset.retain(|_, symbols| symbols.len() > 1);
    by_asset
        .into_iter()
        .map(|((account, asset), symbols)| SeveralDollars {
            account,
            asset,
            symbols,
        })
        .collect()
}
