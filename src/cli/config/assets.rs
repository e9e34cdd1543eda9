//! The settings of assets: dollar quotes, aliases, symbols, accounts, pools, rates.

mod lots;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;
use std::str::FromStr;

use serde::Deserialize;

pub(super) use self::lots::contract_sizes;
use super::CONFIG_FILE_DEFAULT;
use crate::cli::error::{CliError, CliResult};
use crate::engine::policy::USD;
use crate::engine::{
    Account, Asset, AssetRules, CodeKind, InstrumentSettings, RateRules, RateSource, Size, Symbol,
    kind_of_code,
};

/// The settings of assets as written.
#[derive(Debug, Default)]
pub(super) struct FileAssets {
    pub(super) usd_quotes: Option<Vec<String>>,
    pub(super) aliases: BTreeMap<String, String>,
    pub(super) symbols: BTreeMap<String, FileSymbol>,
    pub(super) accounts: BTreeMap<String, FileAccount>,
    pub(super) pegs: BTreeMap<String, String>,
    pub(super) pools: FilePools,
    pub(super) rates: FileRates,
}

/// `[symbols."X"]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileSymbol {
    base: Option<String>,
    quote: Option<String>,
    class: Option<String>,
    dust_threshold: Option<String>,
    contract_size: Option<String>,
}

/// `[accounts."A"]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileAccount {
    class: Option<String>,
    shorts: Option<bool>,
}

/// `[pools]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FilePools {
    by: Option<String>,
}

/// `[rates]` as written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct FileRates {
    sources: Option<Vec<String>>,
    own_trades: Option<bool>,
}

/// The place of a bad value: `fifo-pnl.toml: aliases."XBT"`.
struct Place<'a> {
    path: &'a Path,
    name: String,
}

impl<'a> Place<'a> {
    /// Returns a maker of places in a file.
    fn named_in(path: Option<&'a Path>) -> impl Fn(String) -> Self {
        let path = path.unwrap_or(Path::new(CONFIG_FILE_DEFAULT));
        move |name| Self { path, name }
    }

    fn bad(&self, what: impl Display) -> CliError {
        CliError::usage(
            format!("{}: {}{what}", self.path.display(), self.name),
            "docs/SPEC-matching.md lists the settings",
        )
    }

    /// Reads the value of a key. Errors: the key, its value and the fault.
    fn value<T>(&self, key: &str, text: Option<&String>) -> CliResult<Option<T>>
    where
        T: FromStr,
        T::Err: Display,
    {
        let of = |text: &String| {
            let parsed = text.parse();
            parsed.map_err(|error| self.bad(format!("{key} is \"{text}\": it {error}")))
        };
        text.map(of).transpose()
    }
}

/// Tells whether an asset counts as a dollar, or is one of the coins that are worth one.
fn is_dollar(asset: &Asset, rules: &AssetRules) -> bool {
    rules.is_usd(asset) || kind_of_code(asset.as_str()) == Some(CodeKind::DollarCoin)
}

impl FileAssets {
    /// Checks the settings. Errors: a name or value that can't be one.
    pub(super) fn rules(&self, path: Option<&Path>) -> CliResult<AssetRules> {
        let place = Place::named_in(path);
        let mut rules = AssetRules::default();
        if let Some(quotes) = &self.usd_quotes {
            rules.usd_quotes = usd_quotes(quotes, &place(String::new()))?;
        }
        for (name, asset) in &self.aliases {
            let place = place(format!("aliases.\"{name}\": "));
            let code: Asset = name
                .parse()
                .map_err(|e| place.bad(format!("the name {e}")))?;
            let asset: Option<Asset> = place.value("the asset", Some(asset))?;
            if kind_of_code(code.as_str()) == Some(CodeKind::Currency)
                && asset.as_ref() != Some(&code)
            {
                return Err(place.bad("it is money of a state, which is no other asset"));
            }
            if let Some(asset) = asset.as_ref().filter(|asset| is_dollar(asset, &rules))
                && is_no_dollar(code.as_str())
            {
                let what = format!("it is no dollar, and {asset} counts as one");
                return Err(place.bad(what));
            }
            rules
                .aliases
                .extend(asset.map(|asset| (code.to_string(), asset)));
        }
        for (code, asset) in &rules.aliases {
            if rules.aliases.contains_key(asset.as_str()) {
                let place = place(format!("aliases.\"{code}\": "));
                let what = format!("{asset} is an alias itself: name the asset that it stands for");
                return Err(place.bad(what));
            }
        }
        for (name, written) in &self.symbols {
            let place = place(format!("symbols.\"{name}\": "));
            let symbol: Symbol = name
                .parse()
                .map_err(|e| place.bad(format!("the name {e}")))?;
            if rules.symbols.contains_key(&symbol) {
                return Err(place.bad(format!("{symbol} has settings under another spelling, too")));
            }
            // The units of a lot are facts of an import, and change no result.
            if !written.is_of_lots() {
                rules.symbols.insert(symbol, written.settings(&place)?);
            }
        }
        for (name, written) in &self.accounts {
            let place = place(format!("accounts.\"{name}\": "));
            let account: Account = name
                .parse()
                .map_err(|e| place.bad(format!("the name {e}")))?;
            let class = place.value("class", written.class.as_ref())?;
            let shorts = written.shorts.map(|may| (account.clone(), may));
            rules.short_accounts.extend(shorts);
            rules.accounts.extend(class.map(|class| (account, class)));
        }
        let by = place("pools: ".into()).value("by", self.pools.by.as_ref())?;
        rules.pools = by.unwrap_or(rules.pools);
        rules.rates = self.rates.rules(&place("rates: ".into()))?;
        for (name, written) in &self.pegs {
            self.peg(
                name,
                written,
                &place(format!("pegs.\"{name}\": ")),
                &mut rules,
            )?;
        }
        Ok(rules)
    }

    /// Gives a coin that stands for the dollar a pool of its own.
    fn peg(
        &self,
        name: &str,
        written: &str,
        place: &Place<'_>,
        rules: &mut AssetRules,
    ) -> CliResult<()> {
        let coin: Asset = name
            .parse()
            .map_err(|error| place.bad(format!("the name {error}")))?;
        let coin = rules.asset_named(coin.as_str());
        if written != PEG_POOL {
            return Err(place.bad(format!("is \"{written}\", expected \"{PEG_POOL}\"")));
        }
        if rules.is_currency(&coin) {
            return Err(place.bad("it is money of a state, which has no pool"));
        }
        if is_no_dollar(coin.as_str()) {
            return Err(place.bad("it is a coin that stands for no dollar"));
        }
        if self.usd_quotes.is_some() && rules.is_usd(&coin) {
            return Err(place.bad("usd_quotes has it, too: name it in one place"));
        }
        rules.usd_quotes.remove(coin.as_str());
        rules.rates.pegs.insert(coin);
        Ok(())
    }
}

/// Reads the dollars. Errors: no code, or one of something else.
fn usd_quotes(quotes: &[String], place: &Place<'_>) -> CliResult<BTreeSet<String>> {
    if quotes.is_empty() {
        return Err(place.bad("usd_quotes is empty, expected at least USD"));
    }
    if let Some(code) = quotes.iter().find(|code| is_no_dollar(code)) {
        return Err(place.bad(format!("usd_quotes has {code}, which is no dollar")));
    }
    let upper = quotes.iter().map(|quote| quote.to_ascii_uppercase());
    Ok(upper.collect())
}

/// Tells whether a code is known, and stands neither for the dollar nor for one.
fn is_no_dollar(code: &str) -> bool {
    let code = code.to_ascii_uppercase();
    let kind = kind_of_code(&code);
    code != USD && kind.is_some_and(|kind| kind != CodeKind::DollarCoin)
}

/// The value of a setting of `[pegs]`.
const PEG_POOL: &str = "pool";

impl FileRates {
    fn rules(&self, place: &Place<'_>) -> CliResult<RateRules> {
        let mut rules = RateRules::default();
        for text in self.sources.iter().flatten() {
            let sources = RateSource::ALL.iter().filter(|it| **it != RateSource::Peg);
            let Some(source) = sources.clone().find(|it| it.as_str() == text).copied() else {
                let all: Vec<&str> = sources.map(|source| source.as_str()).collect();
                let all = all.join(", ");
                return Err(place.bad(format!("sources has \"{text}\", expected one of {all}")));
            };
            if rules.sources.contains(&source) {
                return Err(place.bad(format!("sources has \"{text}\" twice")));
            }
            rules.sources.push(source);
        }
        rules.own_trades = self.own_trades.unwrap_or(rules.own_trades);
        Ok(rules)
    }
}

impl FileSymbol {
    /// Tells whether only the units of a lot are set.
    fn is_of_lots(&self) -> bool {
        let of_engine = [&self.base, &self.quote, &self.class, &self.dust_threshold];
        self.contract_size.is_some() && of_engine.iter().all(|it| it.is_none())
    }

    fn settings(&self, place: &Place<'_>) -> CliResult<InstrumentSettings> {
        let dust_threshold = place.value("dust_threshold", self.dust_threshold.as_ref())?;
        Ok(InstrumentSettings {
            base: place.value("base", self.base.as_ref())?,
            quote: place.value("quote", self.quote.as_ref())?,
            class: place.value("class", self.class.as_ref())?,
            dust_threshold: dust_threshold.unwrap_or(Size::ZERO),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::*;
    use crate::engine::{AssetClass, PoolsBy, UnknownWhy, ticker_settings};

    fn rules(text: &str) -> CliResult<AssetRules> {
        let file: File = toml::from_str(text).unwrap();
        file.assets().rules(None)
    }

    #[test]
    fn every_setting_is_read() {
        let rules = rules(
            "usd_quotes = [\"usd\"]\n\
             [pegs]\nusdc = \"pool\"\n\
             [rates]\nsources = [\"kraken\", \"own\"]\nown_trades = false\n\
             [pools]\nby = \"symbol\"\n\
             [aliases]\nxbt = \"BTC\"\n\
             [accounts.ib]\nclass = \"security\"\nshorts = true\n\
             [symbols.\"abnb\"]\nbase = \"abnb\"\nquote = \"USD\"\nclass = \"security\"\n\
             dust_threshold = \"0.01\"",
        );
        let rules = rules.unwrap();
        assert_eq!(rules.usd_quotes, ["USD".to_owned()].into());
        assert_eq!(rules.pools, PoolsBy::Symbol);
        assert_eq!(rules.rates.sources, [RateSource::Kraken, RateSource::Own]);
        assert!(!rules.rates.own_trades);
        assert_eq!(rules.rates.pegs, ["USDC".parse().unwrap()].into());
        assert_eq!(rules.aliases["XBT"].as_str(), "BTC");
        let account: Account = "ib".parse().unwrap();
        assert_eq!(rules.accounts[&account], AssetClass::Security);
        assert!(rules.may_go_short(&account));
        let settings = rules.settings(&"ABNB".parse().unwrap());
        assert_eq!(settings.base.unwrap().as_str(), "ABNB");
        assert_eq!(settings.quote.unwrap().as_str(), "USD");
        assert_eq!(settings.class, Some(AssetClass::Security));
        assert_eq!(settings.dust_threshold.to_string(), "0.01");
    }

    #[test]
    fn bad_values_are_named() {
        for (text, expected) in [
            (
                "usd_quotes = []",
                "usd_quotes is empty, expected at least USD",
            ),
            (
                "[rates]\nsources = [\"ECB\"]",
                "rates: sources has \"ECB\", expected one of coingecko, ecb, h10, kraken, own, \
                 plain, yahoo",
            ),
            (
                "[rates]\nsources = [\"ecb\", \"ecb\"]",
                "rates: sources has \"ecb\" twice",
            ),
            (
                "[pools]\nby = \"lot\"",
                "pools: by is \"lot\": it is not one of asset symbol",
            ),
            (
                "[aliases]\nA = \"B\"\nB = \"C\"",
                "aliases.\"A\": B is an alias itself: name the asset that it stands for",
            ),
            (
                "[symbols.X]\nclass = \"stock\"",
                "symbols.\"X\": class is \"stock\": it is not one of crypto, security, fx, future",
            ),
            (
                "[accounts.X]\nclass = \"\"",
                "accounts.\"X\": class is \"\": it is not one of crypto, security, fx, future",
            ),
            (
                "[symbols.X]\nquote = \"\"",
                "symbols.\"X\": quote is \"\": it is empty",
            ),
        ] {
            assert_refused(text, expected);
        }
        assert!(toml::from_str::<File>("colour = 1").is_err());
    }

    /// A refusal of each kind that has proposals. Lines that nobody can paste would leave a user
    /// without a way.
    #[test]
    fn the_lines_that_a_refusal_prints_cure_it() {
        let account: Account = "a.b c".parse().unwrap();
        let mut kinds = [0; 6];
        for text in [
            "ABNB",
            "AMD",
            "A-",
            "BTC-PERP",
            "BTCIDRT",
            "EUR",
            "GBPCADm",
            "GBTC-B",
            "KRW-BTC",
            "NASDAQ:AAPL",
            "STX",
            "USDJPY.r",
            "USDTBTC",
            "VOD.L",
            "XAUEUR#",
            "XAUTUSD",
        ] {
            let symbol: Symbol = text.parse().unwrap();
            let of = |rules: &AssetRules| rules.instrument(&account, &symbol, None, None, None);
            let unknown = of(&AssetRules::default()).unwrap_err();
            let kind = match unknown.why {
                UnknownWhy::Resembles(_) => 0,
                UnknownWhy::ManySplits(_) => 1,
                UnknownWhy::UnknownQuote(_) => 2,
                UnknownWhy::BareCurrency => 3,
                UnknownWhy::CoinOrShare => 4,
                UnknownWhy::QuoteFirst(..) => 5,
                why => panic!("{text} {why}"),
            };
            kinds[kind] += 1;
            assert!(!unknown.proposals.is_empty(), "{text}");
            let blocks = unknown.settings_text();
            let blocks: Vec<&str> = blocks.split("# if it is ").skip(1).collect();
            assert_eq!(blocks.len(), unknown.proposals.len(), "{text}");
            for (proposal, block) in unknown.proposals.iter().zip(blocks) {
                let printed = proposal.settings(&symbol).join("\n");
                assert!(block.trim_end().ends_with(&printed), "{block}");
                let rules = rules(&printed).unwrap_or_else(|error| panic!("{}", error.message));
                let cured = of(&rules).unwrap_or_else(|error| panic!("{printed}\n{error}"));
                let named = |name: &str| rules.asset_named(name);
                assert_eq!(cured.base, named(&proposal.base), "{printed}");
                assert_eq!(cured.quote, named(&proposal.quote), "{printed}");
                assert_eq!(cured.class, proposal.class, "{printed}");
            }
            if unknown
                .proposals
                .iter()
                .any(|of| of.class == AssetClass::Security)
            {
                let printed = ticker_settings(&account).join("\n");
                let cured = of(&rules(&printed).unwrap());
                let cured = cured.unwrap_or_else(|error| panic!("{printed}\n{error}"));
                assert_eq!(cured.class, AssetClass::Security, "{text}");
            }
        }
        assert!(!kinds.contains(&0), "{kinds:?}");
    }

    #[test]
    fn nothing_becomes_dollars_by_a_setting() {
        for (text, expected) in [
            (
                "usd_quotes = [\"usd\", \"eur\"]",
                "usd_quotes has eur, which is no dollar",
            ),
            (
                "usd_quotes = [\"BTC\"]",
                "usd_quotes has BTC, which is no dollar",
            ),
            (
                "[aliases]\nETH = \"USDC\"",
                "aliases.\"ETH\": it is no dollar, and USDC counts as one",
            ),
            (
                "[aliases]\nXAU = \"DAI\"",
                "aliases.\"XAU\": it is no dollar, and DAI counts as one",
            ),
            (
                "[aliases]\nEUR = \"USD\"",
                "aliases.\"EUR\": it is money of a state, which is no other asset",
            ),
            (
                "[symbols.\"BTC-EUR\"]\nquote = \"EUR\"\n[symbols.\"BTC/EUR\"]\nquote = \"USD\"",
                "symbols.\"BTC/EUR\": BTC-EUR has settings under another spelling, too",
            ),
            (
                "[pegs]\nUSDC = \"1\"",
                "pegs.\"USDC\": is \"1\", expected \"pool\"",
            ),
            (
                "[pegs]\neur = \"pool\"",
                "pegs.\"eur\": it is money of a state, which has no pool",
            ),
            (
                "[pegs]\nBTC = \"pool\"",
                "pegs.\"BTC\": it is a coin that stands for no dollar",
            ),
            (
                "[pegs]\nUSD = \"pool\"",
                "pegs.\"USD\": it is money of a state, which has no pool",
            ),
            (
                "usd_quotes = [\"USD\", \"USDC\"]\n[pegs]\nUSDC = \"pool\"",
                "pegs.\"USDC\": usd_quotes has it, too: name it in one place",
            ),
        ] {
            assert_refused(text, expected);
        }
    }

    #[track_caller]
    fn assert_refused(text: &str, expected: &str) {
        let error = rules(text).unwrap_err();
        assert_eq!(error.message, format!("fifo-pnl.toml: {expected}"));
    }
}
