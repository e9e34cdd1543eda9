//! The currency that a symbol is priced in. The engine never takes another currency for dollars.

use std::collections::{BTreeMap, BTreeSet};

use super::ids::Symbol;
use super::number::Size;
use super::policy::{CURRENCY_CODES, USD_QUOTES_DEFAULT};

/// Settings of one symbol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolSettings {
    /// The symbol is priced in USD, although its name looks like that of a pair (`BRK-B`).
    pub priced_in_usd: bool,
    /// A rest up to this size is of low severity. It is matched like everything else.
    pub dust_threshold: Size,
}

impl Default for SymbolSettings {
    fn default() -> Self {
        Self {
            priced_in_usd: false,
            dust_threshold: Size::ZERO,
        }
    }
}

/// Rules that say which symbols have a USD price.
///
/// ```
/// use fifo_pnl::engine::SymbolRules;
/// let rules = SymbolRules::default();
/// assert!(rules.check_priced_in_usd(&"BTC-USDC".parse()?).is_ok());
/// assert!(rules.check_priced_in_usd(&"BTCEUR".parse()?).is_err());
/// # Ok::<(), fifo_pnl::engine::IdError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SymbolRules {
    /// Quotes that count as the dollar.
    pub usd_quotes: BTreeSet<String>,
    /// Settings by symbol.
    pub symbols: BTreeMap<Symbol, SymbolSettings>,
}

impl Default for SymbolRules {
    fn default() -> Self {
        Self {
            usd_quotes: USD_QUOTES_DEFAULT
                .iter()
                .map(|code| (*code).to_owned())
                .collect(),
            symbols: BTreeMap::new(),
        }
    }
}

/// A symbol that is priced in something that is not a dollar.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{symbol} is priced in {quote}, not in USD")]
pub struct MissingFx {
    /// The symbol.
    pub symbol: Symbol,
    /// The currency or coin of the price.
    pub quote: String,
}

impl SymbolRules {
    /// Returns the settings of a symbol.
    pub fn settings(&self, symbol: &Symbol) -> SymbolSettings {
        self.symbols.get(symbol).cloned().unwrap_or_default()
    }

    /// Checks that a symbol has a USD price. Errors: another quote.
    pub fn check_priced_in_usd(&self, symbol: &Symbol) -> Result<(), MissingFx> {
        if self.settings(symbol).priced_in_usd {
            return Ok(());
        }
        let quote = match symbol.as_str().rsplit_once('-') {
            Some((_, quote)) => Some(quote),
            None => self.quote_without_separator(symbol.as_str()),
        };
        match quote {
            Some(quote) if !self.usd_quotes.contains(quote) => Err(MissingFx {
                symbol: symbol.clone(),
                quote: quote.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    /// Tells whether a text is the code of a currency or stable coin.
    pub fn is_known_code(&self, text: &str) -> bool {
        CURRENCY_CODES.contains(&text) || self.usd_quotes.contains(text)
    }

    /// Returns the longest known code that the symbol ends in, after at least one character.
    fn quote_without_separator<'a>(&self, symbol: &'a str) -> Option<&'a str> {
        let configured = self.usd_quotes.iter().map(String::as_str);
        CURRENCY_CODES
            .into_iter()
            .chain(configured)
            .filter(|code| symbol.len() > code.len() && symbol.ends_with(code))
            .map(str::len)
            .max()
            .and_then(|length| symbol.get(symbol.len().saturating_sub(length)..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quote_refused(rules: &SymbolRules, symbol: &str) -> Option<String> {
        rules
            .check_priced_in_usd(&symbol.parse().unwrap())
            .err()
            .map(|error| error.quote)
    }

    #[test]
    fn only_dollars_are_dollars() {
        let rules = SymbolRules::default();
        for usd in [
            "BTC-USD", "eth/usdt", "BTCUSD", "SOLUSDC", "AAPL", "BTC", "USD", "EUR",
        ] {
            assert_eq!(quote_refused(&rules, usd), None, "{usd}");
        }
        let others = [
            ("BTC-EUR", "EUR"),
            ("BTCEUR", "EUR"),
            ("ETH-BTC", "BTC"),
            ("ETHBTC", "BTC"),
            ("BTC-BUSD", "BUSD"),
            ("DOTUSD", "TUSD"),
            ("BRK-B", "B"),
            ("A-", ""),
        ];
        for (symbol, quote) in others {
            assert_eq!(
                quote_refused(&rules, symbol).as_deref(),
                Some(quote),
                "{symbol}"
            );
        }
    }

    #[test]
    fn coins_that_stand_for_a_dollar_are_known_codes() {
        for code in crate::engine::policy::DOLLAR_COINS {
            assert!(CURRENCY_CODES.contains(&code), "{code}");
        }
    }

    #[test]
    fn configuration_decides() {
        let mut rules = SymbolRules::default();
        rules.usd_quotes.insert("DAI".into());
        let settings = SymbolSettings {
            priced_in_usd: true,
            ..SymbolSettings::default()
        };
        rules.symbols.insert("BRK-B".parse().unwrap(), settings);
        assert_eq!(quote_refused(&rules, "BRK-B"), None);
        assert_eq!(quote_refused(&rules, "ETHDAI"), None);
        rules.usd_quotes.remove("USDT");
        assert_eq!(quote_refused(&rules, "BTCUSDT").as_deref(), Some("USDT"));
    }
}
