//! Rows that no export has, or that the program can't read: times, fees, names of assets.

use super::*;

/// A program without a time writes the first year, or the first second of Unix.
#[test]
fn a_time_before_all_exports_is_refused() {
    let why = "expected a time from 1990 on: no export is older";
    for (name, from, to, column) in [
        ("bitstamp", "2025-02-01T10", "0001-01-01T10", "Datetime"),
        ("bitstamp", "2025-02-01T09", "1970-01-01T09", "Datetime"),
        (
            "binance-records",
            "2024-05-01 08:00:00",
            "1989-12-31 23:59:59",
            "UTC_Time",
        ),
        (
            "koinly",
            "2025-02-01 10:00:00",
            "1970-01-01 00:00:00",
            "Date",
        ),
    ] {
        let said = fault_of(name, from, to);
        assert!(
            said.contains(&format!(": {column} is ")) && said.ends_with(why),
            "{said}"
        );
    }
    assert_eq!(
        rejected(&changed("bitstamp", &[("2025-02-01T10", "1990-01-01T00")])),
        [""; 0]
    );
}

/// A fee in the base or the quote is less than the trade, in each table of coins.
#[test]
fn no_table_of_coins_takes_a_fee_as_large_as_the_trade() {
    let why = "expected less than the trade";
    for (name, from, to) in [
        ("binance-trades", "1.2850100000USDT", "1285.01USDT"),
        ("binance-trades", "0.0005000000ETH", "0.5000000000ETH"),
        ("binance-older", "0.065,USDT", "65,USDT"),
        ("binance-older", "0.002,ETH", "2,ETH"),
        ("bitstamp", "3.60,EUR", "900.00,EUR"),
        ("bitstamp-older", "12.00 USD", "2400.50 USD"),
        ("bybit-spot", "5.5E-7", "5.5E-3"),
        ("coinbase-fills", "40000,10,-20010", "40000,20000,-40000"),
        ("coinbase-fills", "3000,6.5,5993.5", "3000,6000,0"),
        ("coinbase-fills", "0.05,0.0001,-0.0501", "0.05,0.05,-0.1"),
        ("crypto-com-exchange", "0.52,USDT", "520,USDT"),
        (
            "kraken-trades",
            "1000.00000,2.60000",
            "1000.00000,1000.00000",
        ),
        ("kucoin-fills", "0.00011,0,MAKER", "0.11,0,MAKER"),
        ("kucoin-orders", "1.2,USDT", "1200,USDT"),
        ("kucoin-older", "0.000002,maker", "0.002,maker"),
        ("kucoin-oldest", "0.002,BUY", "2,BUY"),
        ("kucoin-oldest", "0.000008,SELL", "0.008,SELL"),
        ("okx-oldest", "-0.00003 BTC", "-0.02 BTC"),
        ("okx-oldest", "-0.095 USDT", "-95 USDT"),
        (
            "coinbase-account",
            "fee,2025-01-02T03:04:05.123Z,-10,9990",
            "fee,2025-01-02T03:04:05.123Z,-20000,-10000",
        ),
        ("binance-us", "BTC,0.0001,8.01", "BTC,0.1,8010"),
    ] {
        let text = sample(name);
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{name}: {from}");
        let said = rejected(&parsed(&changed));
        let is_said = |it: &String| it.ends_with(why) || it.contains("expected less than size");
        assert!(said.iter().any(is_said), "{name} {to}: {said:?}");
    }
}
