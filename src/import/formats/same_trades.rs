//! Formats that state the same trades under other ids: both count twice.

use std::collections::BTreeSet;

/// An Activity Statement with orders in place of executions.
const ORDERS: &str = "ib-activity-orders";

/// Formats of one venue. The first of a list has the trades of all others, under other ids.
const SAME_TRADES: [&[&str]; 14] = [
    &[
        "binance-records",
        "binance-trades",
        "binance-older",
        "binance-convert",
    ],
    &["bitstamp", "bitstamp-older"],
    &["bybit-account", "bybit-log", "bybit-spot"],
    &["bybit-log", "bybit-spot"],
    &[
        "coinbase",
        "coinbase-older",
        "coinbase-oldest",
        "coinbase-fills",
        "coinbase-account",
    ],
    &[
        "coinbase-older",
        "coinbase-oldest",
        "coinbase-fills",
        "coinbase-account",
    ],
    &["crypto-com-exchange", "crypto-com-journal"],
    &["okx-account", "okx-oldest"],
    &["kucoin-fills", "kucoin-older", "kucoin-oldest"],
    &["kucoin-older", "kucoin-oldest"],
    &[
        "kucoin-orders",
        "kucoin-fills",
        "kucoin-older",
        "kucoin-oldest",
    ],
    &["ib-flex-trades", "ib-activity", ORDERS, "ib-transactions"],
    &["ib-activity", ORDERS, "ib-transactions"],
    &[ORDERS, "ib-transactions"],
];

/// Formats of tax programs. They have the trades of all venues, under other ids.
const TAX_PROGRAMS: [&str; 4] = ["coinledger", "cointracker", "cointracking", "koinly"];

/// Formats whose trades are sums of rows of one second, with ids that are those of the sums.
const SUMS: [&str; 4] = [
    "binance-records",
    "bybit-account",
    "crypto-com-app",
    "okx-account",
];

/// Tells whether trades of a format are sums of rows of one second. A file that begins or ends
/// inside the second has another sum, and so another id.
pub fn adds_up_a_second(format: &str) -> bool {
    SUMS.contains(&format)
}

/// Tells whether a format is that of a tax program: its files have the trades of all venues.
pub fn is_of_tax_program(format: &str) -> bool {
    TAX_PROGRAMS.contains(&format)
}

/// Tells whether two formats may have the same trades under other ids.
pub fn may_have_same_trades(one: &str, other: &str) -> bool {
    one != other && (is_of_tax_program(one) || is_of_tax_program(other))
        || formats_with_same_trades(one).contains(other)
}

/// Returns the other formats of a venue that have trades of a format under other ids.
fn formats_with_same_trades(format: &str) -> BTreeSet<&'static str> {
    let others = SAME_TRADES.iter().filter_map(|list| {
        let (first, rest) = list.split_first()?;
        match (*first == format, rest.contains(&format)) {
            (true, _) => Some(rest),
            (false, true) => list.get(..1),
            (false, false) => None,
        }
    });
    others.flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::OwnFormats;

    #[test]
    fn each_name_is_that_of_a_format() {
        let formats = OwnFormats::default();
        let names = SAME_TRADES.iter().copied().flatten();
        let names = names.chain(&TAX_PROGRAMS).chain(&SUMS);
        for name in names.filter(|name| **name != ORDERS) {
            assert!(formats.names().any(|known| known == *name), "{name}");
        }
    }

    #[test]
    fn formats_name_each_other() {
        let of = |format: &str| Vec::from_iter(formats_with_same_trades(format));
        assert_eq!(of("binance-trades"), ["binance-records"]);
        let others = ["ib-activity-orders", "ib-flex-trades", "ib-transactions"];
        assert_eq!(of("ib-activity"), others);
        assert_eq!(
            of(ORDERS),
            ["ib-activity", "ib-flex-trades", "ib-transactions"]
        );
        assert_eq!(of("bybit-spot"), ["bybit-account", "bybit-log"]);
        assert!(of("kraken-trades").is_empty() && of("native").is_empty());
        assert!(may_have_same_trades("koinly", "kraken-trades"));
        assert!(may_have_same_trades("native", "cointracking"));
        assert!(!may_have_same_trades("koinly", "koinly"));
    }
}
