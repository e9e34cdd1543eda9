//! Rows that no export has, or that the program can't read: times, fees, names of assets.

use super::*;
use crate::engine::InstrumentSettings;
use crate::import::FileError;

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

/// A contract is no pair, and no setting makes it one.
#[test]
fn futures_are_refused_by_name() {
    let why = "futures are not computed";
    for (name, from, to, column) in [
        ("okx-account", "ETH-USDT", "ETH-USDT-SWAP", "Symbol"),
        (
            "okx-account",
            "2025-04-03 09:00:00,Spot",
            "2025-04-03 09:00:00,Futures",
            "Trade Type",
        ),
        ("bybit-account", "BTCUSDT", "BTC-27JUN25", "Contract"),
        ("bybit-log", "BTCUSDT", "BTCUSDT-27JUN25", "Contract"),
        (
            "binance-records",
            "Spot,Deposit,USDT",
            "USD-M Futures,Fee,USDT",
            "Account",
        ),
        (
            "binance-records",
            "Spot,Deposit,USDT",
            "Coin-M,Realized Profit and Loss,USDT",
            "Account",
        ),
        ("kucoin-fills", "ETH-BTC", "ETH-USDT-PERP", "Symbol"),
        ("kucoin-orders", "BTC-USDT", "XBT-USDT-240628", "Symbol"),
        ("okx-oldest", "BTC_USDT,0.02", "BTC_USDT_SWAP,0.02", "Pairs"),
        ("binance-trades", "ETHUSDT", "ETHUSDT_240628", "Pair"),
        (
            "binance-us",
            "Spot Trading,Buy,82,9002,,,,BTC",
            "Spot Trading,Buy,82,9002,,,,BTC-PERP",
            "",
        ),
    ] {
        let file = changed(name, &[(from, to)]);
        let row = file.rejected.iter().find(|row| row.reason.ends_with(why));
        let row = row.unwrap_or_else(|| panic!("{name} {to}: {:?}", rejected(&file)));
        assert!(row.column == column || column.is_empty(), "{row}");
        assert_eq!(row.hint, None, "{name}");
    }
    // A person who followed other advice has settings for the contract.
    let mut options = with_zone();
    let text = sample("kucoin-fills").replacen("ETH-BTC", "ETH-USDT-SWAP", 1);
    let told = InstrumentSettings {
        base: Some("ETH".parse().unwrap()),
        quote: Some("USDT".parse().unwrap()),
        ..InstrumentSettings::default()
    };
    options
        .assets
        .symbols
        .insert("ETH-USDT-SWAP".parse().unwrap(), told);
    let file = parse_csv(text.as_bytes(), &options, &mut |_| ()).unwrap();
    assert!(
        file.rejected[0].reason.ends_with(why),
        "{:?}",
        file.rejected
    );
}

/// ETH2 was the name of staked ETH. In files of tax programs, ETH that became ETH2 is no trade.
#[test]
fn staked_eth_is_eth_in_files_of_tax_programs() {
    let koinly = |sent: &str, received: &str| {
        let row = "2025-02-02 10:00:00 UTC,exchange,,Main,0.003,BTC,180,Main,0.06,ETH";
        let other = format!("2025-02-02 10:00:00 UTC,exchange,,Main,{sent},,Main,{received}");
        changed(
            "koinly",
            &[(row, &other), (",0.0001,BNB,4,184,0.06", ",,,0,184,")],
        )
    };
    let file = koinly("0.5,ETH", "0.5,ETH2");
    assert_eq!(rejected(&file), [""; 0]);
    let plain = parsed(&sample("koinly"));
    assert_eq!(file.trades.len() + 1, plain.trades.len());
    // Another amount is no other name.
    let said = rejected(&koinly("0.5,ETH", "0.52,ETH2"));
    assert!(
        said[0].contains("what was sent is not what was"),
        "{said:?}"
    );
    for (name, from, to) in [
        ("koinly", "0.06,ETH,", "0.06,ETH2,"),
        ("cointracker", "ETH", "ETH2"),
        ("cointracking", "ETH", "ETH2"),
        ("coinledger", "ETH", "ETH2"),
    ] {
        let text = sample(name);
        let named = text.replace(from, to);
        assert_ne!(named, text, "{name}");
        let (plain, named) = (parsed(&text), parsed(&named));
        assert_eq!(
            (named.trades, named.movements),
            (plain.trades, plain.movements),
            "{name}"
        );
    }
    let header = sample("coinledger");
    let header = header
        .lines()
        .find(|line| line.starts_with("Timestamp"))
        .unwrap();
    let leg = |kind: &str, asset: &str, amount: &str| {
        let names: Vec<&str> = header.split(',').collect();
        let cell = |name: &&&str| match **name {
            "Timestamp (UTC)" => "2022-09-20 10:00:00",
            "Type" => "Trade",
            "Internal Id" => "id-1",
            "Record Type" => kind,
            "Asset" => asset,
            "Amount" => amount,
            _ => "",
        };
        let cells: Vec<&str> = names.iter().map(|name| cell(&name)).collect();
        cells.join(",") + "\n"
    };
    let rows = leg("Debit", "ETH2", "-0.5") + &leg("Credit", "ETH", "0.5");
    let file = parsed(&format!("{header}\n{rows}"));
    assert_eq!((rejected(&file), file.trades.len()), (vec![], 0));
    assert_eq!(file.ignored.get("ETH2 to ETH"), Some(&2));
}

/// A format can't do without its columns.
#[test]
fn a_column_that_the_format_reads_is_not_ignored() {
    let of = |name: &str, column: &str| {
        let mut options = with_zone();
        options.columns.ignore(column);
        parse_csv(sample(name).as_bytes(), &options, &mut |_| ())
    };
    for (name, column) in [
        ("bitstamp", "Fee"),
        ("kraken-trades", "MARGIN"),
        ("kucoin-fills", "Filled Time(UTC+02:00)"),
        ("kraken-ledgers", "fee"),
        ("coinbase", "Notes"),
    ] {
        let error = of(name, column).unwrap_err();
        let is_said = matches!(error, FileError::IgnoredColumn { format, .. } if format == name);
        assert!(is_said, "{name} {column}: {error}");
    }
    let said = of("bitstamp", "fee").unwrap_err();
    assert_eq!(
        said.to_string(),
        "the column \"Fee\" can't be ignored: bitstamp reads it"
    );
    // The table does not read these.
    for (name, column) in [("kraken-trades", "ledgers"), ("coinbase", "Sender Address")] {
        let (file, whole) = (of(name, column).unwrap(), parsed(&sample(name)));
        assert_eq!(
            (file.trades, file.movements),
            (whole.trades, whole.movements),
            "{name}"
        );
    }
    let mut options = options();
    options.columns.ignore("size");
    let native = "order_id,symbol,side,size,price,order_time,total_fees_usd\n";
    let error = parse_csv(native.as_bytes(), &options, &mut |_| ()).unwrap_err();
    assert!(
        matches!(
            error,
            FileError::IgnoredColumn {
                format: "native",
                ..
            }
        ),
        "{error}"
    );
}

/// A spreadsheet keeps an id that is written as a formula.
#[test]
fn a_formula_of_our_own_format_is_its_text() {
    let header = "order_id,symbol,side,size,price,order_time,total_fees_usd\n";
    let row = |id: &str| format!("{header}{id},BTC-USD,buy,1,10,2025-01-02T03:04:05Z,0\n");
    let trades = |id: &str| {
        parse_csv(row(id).as_bytes(), &options(), &mut |_| ())
            .unwrap()
            .trades
    };
    let plain = trades("2290000000000000001");
    assert_eq!(plain.len(), 1);
    assert_eq!(trades("\"=\"\"2290000000000000001\"\"\""), plain);
    assert_eq!(trades("=\"2290000000000000001\""), plain);
    // Any other formula is no id that a source gives.
    assert_eq!(trades("=A1")[0].trade.order_id.as_str(), "=A1");
}
