//! The settings of assets as JSON: for the policy of a version, and for the manifest of an export.

use serde_json::{Map, Value, json};

use crate::engine::{
    Account, Asset, AssetRules, InstrumentSettings, RateRules, Symbol, codes_hash,
};

/// Returns the settings that say what a symbol is, with the hash of the known codes.
pub fn asset_rules_json(rules: &AssetRules) -> Value {
    let symbols = rules.symbols.iter().map(|(symbol, settings)| {
        let value = json!({
            "base": settings.base.as_ref().map(Asset::as_str),
            "quote": settings.quote.as_ref().map(Asset::as_str),
            "class": settings.class.map(|class| class.as_str()),
            "dust_threshold": settings.dust_threshold.to_string(),
        });
        (symbol.to_string(), value)
    });
    let aliases = rules.aliases.iter();
    let aliases = aliases.map(|(code, asset)| (code.clone(), asset.as_str().into()));
    let accounts = rules.accounts.iter();
    let accounts = accounts.map(|(account, class)| (account.to_string(), class.as_str().into()));
    let mut json = json!({
        "usd_quotes": rules.usd_quotes,
        "aliases": aliases.collect::<Map<String, Value>>(),
        "symbols": symbols.collect::<Map<String, Value>>(),
        "accounts": accounts.collect::<Map<String, Value>>(),
        "pools_by": rules.pools.as_str(),
        "rate_sources": rules.rates.sources.iter().map(|it| it.as_str()).collect::<Vec<_>>(),
        "own_trades_are_rates": rules.rates.own_trades,
        "pegs": rules.rates.pegs.iter().map(Asset::as_str).collect::<Vec<_>>(),
        "codes_sha256": codes_hash().to_string(),
    });
    let may = rules.short_accounts.iter().filter(|(_, may)| **may);
    let may: Vec<&str> = may.map(|(account, _)| account.as_str()).collect();
    // A version of an earlier program has no such list.
    if !may.is_empty() {
        json["short_accounts"] = may.into();
    }
    json
}

/// Reads the settings back. `None`: the text is not ours.
pub fn asset_rules_of(json: &Value) -> Option<AssetRules> {
    let object = |name: &str| json.get(name)?.as_object();
    let quotes = json.get("usd_quotes")?.as_array()?;
    let quotes = quotes.iter().map(|quote| Some(quote.as_str()?.to_owned()));
    let alias =
        |(code, asset): (&String, &Value)| Some((code.clone(), asset.as_str()?.parse().ok()?));
    let symbol = |(symbol, of): (&String, &Value)| {
        let text = |name: &str| of.get(name).and_then(Value::as_str);
        let settings = InstrumentSettings {
            base: text("base").map(str::parse).transpose().ok()?,
            quote: text("quote").map(str::parse).transpose().ok()?,
            class: text("class").map(str::parse).transpose().ok()?,
            dust_threshold: text("dust_threshold")?.parse().ok()?,
        };
        Some((symbol.parse::<Symbol>().ok()?, settings))
    };
    let account = |(account, class): (&String, &Value)| {
        Some((
            account.parse::<Account>().ok()?,
            class.as_str()?.parse().ok()?,
        ))
    };
    let short_accounts = match json.get("short_accounts") {
        Some(accounts) => accounts.as_array()?.as_slice(),
        None => &[],
    };
    Some(AssetRules {
        short_accounts: short_accounts
            .iter()
            .map(|account| Some((account.as_str()?.parse().ok()?, true)))
            .collect::<Option<_>>()?,
        usd_quotes: quotes.collect::<Option<_>>()?,
        aliases: object("aliases")?
            .iter()
            .map(alias)
            .collect::<Option<_>>()?,
        symbols: object("symbols")?
            .iter()
            .map(symbol)
            .collect::<Option<_>>()?,
        accounts: object("accounts")?
            .iter()
            .map(account)
            .collect::<Option<_>>()?,
        pools: json.get("pools_by")?.as_str()?.parse().ok()?,
        rates: RateRules {
            sources: json
                .get("rate_sources")?
                .as_array()?
                .iter()
                .map(|source| source.as_str()?.parse().ok())
                .collect::<Option<_>>()?,
            own_trades: json.get("own_trades_are_rates")?.as_bool()?,
            pegs: json
                .get("pegs")?
                .as_array()?
                .iter()
                .map(|peg| peg.as_str()?.parse().ok())
                .collect::<Option<_>>()?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{AssetClass, PoolsBy};

    #[test]
    fn settings_read_back() {
        let mut rules = AssetRules {
            pools: PoolsBy::Symbol,
            ..AssetRules::default()
        };
        rules.short_accounts.insert("mt5".parse().unwrap(), true);
        rules.aliases.insert("XBT".into(), "BTC".parse().unwrap());
        rules
            .accounts
            .insert("ib".parse().unwrap(), AssetClass::Security);
        let settings = InstrumentSettings {
            base: Some("ABNB".parse().unwrap()),
            quote: Some("USD".parse().unwrap()),
            class: Some(AssetClass::Security),
            dust_threshold: "0.01".parse().unwrap(),
        };
        rules.symbols.insert("ABNB".parse().unwrap(), settings);
        rules.rates.pegs.insert("USDC".parse().unwrap());
        rules
            .symbols
            .insert("BTC-USD".parse().unwrap(), InstrumentSettings::default());
        assert_eq!(asset_rules_of(&asset_rules_json(&rules)), Some(rules));
        assert_eq!(asset_rules_of(&json!({})), None);
    }
}
