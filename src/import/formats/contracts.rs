//! Names of perpetuals, dated futures and options. None of them is a pair of spot trades.

use crate::import::rejected::{Fault, Hint};

/// Words of a name that say so.
const WORDS: [&str; 6] = ["SWAP", "PERP", "PERPETUAL", "FUTURES", "FUT", "INTX"];

/// Ends of names without separators: `BTCPERP`, and `XBTUSDTM` of KuCoin.
const ENDS: [&str; 4] = ["PERP", "USDTM", "USDCM", "USDM"];

const FUTURES: &str = "expected a pair of spot trades: futures are not computed";

/// Refuses the name of a contract, also if the settings have it.
pub(super) fn check_spot(symbol: &str) -> Result<(), Fault> {
    match is_named_contract(symbol) {
        true => Err(Fault::new(FUTURES)),
        false => Ok(()),
    }
}

/// Returns the fault of a symbol without a known pair.
pub(super) fn no_pair(symbol: &str) -> Fault {
    match names_contract(symbol) {
        true => Fault::new(FUTURES),
        false => Fault::new("expected a pair whose quote is a known currency or coin")
            .with_hint(Hint::UnknownPair),
    }
}

/// Tells whether a symbol is the name of a contract: `BTC-USDT-SWAP`, `BTCUSDT_240329`,
/// `BTC-29MAR24`, `BTC-USD-240329-50000-C`.
fn names_contract(symbol: &str) -> bool {
    let symbol = symbol.to_ascii_uppercase();
    let ends = |end: &&str| symbol.len() > end.len() && symbol.ends_with(*end);
    is_named_contract(&symbol) || ENDS.iter().any(ends)
}

/// Tells whether a later part of a name is a word of contracts, or a day: `PERP-USDT` is a pair of
/// a coin.
fn is_named_contract(symbol: &str) -> bool {
    let symbol = symbol.to_ascii_uppercase();
    let is_separator = |of: char| matches!(of, '-' | '_' | '/' | ':' | ' ');
    let mut parts = symbol.split(is_separator).skip(1);
    parts.any(|part| WORDS.contains(&part) || is_expiry(part))
}

/// Tells whether a part of a name is a day: `240329`, `20240329`, `29MAR24`, `29MAR`.
fn is_expiry(part: &str) -> bool {
    let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if matches!(part.len(), 6 | 8) && is_digits(part) {
        return true;
    }
    let day = part.trim_start_matches(|of: char| of.is_ascii_digit());
    let (days, year) = (part.len() - day.len(), day.get(3..).unwrap_or_default());
    let is_month = day.get(..3).is_some_and(|month| MONTHS.contains(&month));
    matches!(days, 1 | 2) && is_month && matches!(year.len(), 0 | 2) && is_digits(year)
}

const MONTHS: [&str; 12] = [
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contracts_are_told_from_pairs() {
        for contract in [
            "BTC-USDT-SWAP",
            "BTC-USD-240329",
            "BTC-USD-240329-50000-C",
            "BTCUSDT_240329",
            "BTCUSD_PERP",
            "BTCPERP",
            "BTC-29MAR24",
            "BTC-5APR24-60000-P",
            "XBTUSDTM",
            "BTC-PERP-INTX",
        ] {
            assert!(names_contract(contract), "{contract}");
        }
        for pair in [
            "BTC-USDT",
            "XBTUSD",
            "1000SATS-USDT",
            "SWAPP-EUR",
            "MAY-USD",
            "PERP-USDT",
        ] {
            assert!(!names_contract(pair), "{pair}");
        }
    }
}
