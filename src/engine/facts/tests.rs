//! The more facts of a trade: what is read, what is refused, and what is the same fact.

use super::*;
use crate::engine::{IssueType, Trade, TradeText, plain};

/// Columns and their texts.
type Cells<'a> = &'a [(&'a str, &'a str)];

/// Returns the facts of columns and their texts.
fn text<'a>(cells: &[(&str, &'a str)]) -> MoreText<'a> {
    let mut text = MoreText::default();
    for (column, cell) in cells {
        let place = MORE_COLUMNS.iter().position(|name| name == column);
        text.0[place.unwrap()] = Some(cell);
    }
    text
}

fn trade(cells: &[(&str, &str)], fee: Option<&str>) -> Result<Trade, String> {
    let more = text(cells);
    let text = TradeText {
        order_id: "A-1",
        side: "buy",
        size: "2",
        price: "100",
        fee,
        order_time_micros: Some(0),
        trade_seq: None,
        more: Some(&more),
    };
    Trade::try_from_text(&text).map_err(|error| error.to_string())
}

fn facts(cells: &[(&str, &str)]) -> MoreFacts {
    MoreFacts::try_of(&text(cells), false).unwrap().0.unwrap()
}

#[test]
fn facts_come_back_as_text() {
    let all = [
        ("base_asset", "BTC"),
        ("quote_currency", "EUR"),
        ("asset_class", "crypto"),
        ("quote_value", "200.01"),
        ("usd_value", "220.5"),
        ("fee_amount", "-0.001"),
        ("fee_currency", "BNB"),
        ("fee_usd_value", "-0.6"),
        ("contract_size", "100"),
    ];
    let read = facts(&all);
    let expected = all.map(|(_, text)| Some(text.to_owned()));
    assert_eq!(read.texts(), expected);
    let spelled = [
        ("base_asset", "btc"),
        ("asset_class", "Crypto"),
        ("quote_value", "200.010"),
    ];
    let read = facts(&spelled).texts();
    let expected = ["BTC", "crypto", "200.01"].map(|text| Some(text.to_owned()));
    assert_eq!(
        [&read[0], &read[2], &read[3]],
        [&expected[0], &expected[1], &expected[2]]
    );
    assert_eq!(trade(&[], Some("1")).unwrap().more, None);
}

#[test]
fn a_fee_is_stated_once_and_with_its_currency() {
    let fee = |amount, currency| [("fee_amount", amount), ("fee_currency", currency)];
    let twice = "fee_amount is there, and total_fees_usd is too";
    let other = [fee("1", "USD").as_slice(), &[("fee_usd_value", "2")]].concat();
    let cases: [(Cells<'_>, Option<&str>, &str); 6] = [
        (&fee("1", "BNB"), Some("0"), twice),
        (&fee("1", "USD"), Some("1"), twice),
        (
            &[("fee_amount", "1")],
            None,
            "fee_currency is missing, and fee_amount is there",
        ),
        (
            &[("fee_currency", "BNB")],
            None,
            "fee_amount is missing, and fee_currency is there",
        ),
        (
            &[("fee_usd_value", "1")],
            Some("1"),
            "fee_amount is missing, and fee_usd_value is there",
        ),
        (
            &other,
            None,
            "fee_usd_value is \"2\": it differs from fee_amount, which is in USD",
        ),
    ];
    for (cells, fee, message) in cases {
        let error = trade(cells, fee).unwrap_err();
        assert_eq!(error, format!("order \"A-1\": {message}"), "{cells:?}");
    }
}

#[test]
fn every_value_at_fault_is_refused_by_its_column() {
    let long = "0.00000000000000000000000000001";
    let cases = [
        ("quote_value", "-1", "is negative"),
        ("quote_value", "much", "is not a number"),
        ("quote_value", "NaN", "is not a number"),
        ("quote_value", "1,5", "has a comma in it"),
        ("usd_value", "-0.01", "is negative"),
        ("usd_value", "", "is empty"),
        (
            "fee_amount",
            long,
            "has 29 decimals, more than the 28 allowed",
        ),
        ("fee_usd_value", "Infinity", "is not a number"),
        (
            "asset_class",
            "stock",
            "is not one of crypto, security, fx, future",
        ),
        ("contract_size", "0", "is not above zero"),
        ("contract_size", "-1", "is negative"),
        ("base_asset", "", "is empty"),
        ("quote_currency", "US D", "has a misplaced blank, U+0020"),
    ];
    for (column, found, why) in cases {
        let error = trade(&[(column, found)], None).unwrap_err();
        assert_eq!(
            error,
            format!("order \"A-1\": {column} is \"{found}\": it {why}")
        );
    }
}

#[test]
fn a_fee_in_dollars_is_the_fee_of_a_plain_trade() {
    let plain = trade(&[], Some("1.5")).unwrap();
    let in_usd = [
        ("fee_amount", "1.50"),
        ("fee_currency", "usd"),
        ("fee_usd_value", "1.5"),
    ];
    assert_eq!(trade(&in_usd, None).unwrap(), plain);
}

#[test]
fn a_fact_that_the_symbol_says_is_the_same_as_an_empty_cell() {
    let said = [
        ("base_asset", "BTC"),
        ("quote_currency", "USD"),
        ("contract_size", "1.0"),
    ];
    assert_eq!(facts(&said).beside("BTC-USD"), None);
    let left = facts(&said).beside("XBT-EUR").unwrap();
    assert_eq!(
        left,
        facts(&[("base_asset", "BTC"), ("quote_currency", "USD")])
    );
    // A symbol without a separator, or with two, does not say what its parts are.
    for symbol in ["BTCUSD", "BTC-USD-PERP", "BTC"] {
        assert_eq!(facts(&said).beside(symbol).unwrap(), left, "{symbol}");
    }
    let class = facts(&[("asset_class", "security")]);
    assert_eq!(class.clone().beside("BRK-B"), Some(class));
}

#[test]
fn only_facts_that_change_nothing_are_plain() {
    let plain: [(&str, Cells<'_>); 6] = [
        (
            "BTC-USD",
            &[("base_asset", "BTC"), ("asset_class", "crypto")],
        ),
        ("AAPL", &[("base_asset", "AAPL"), ("quote_currency", "USD")]),
        (
            "BTCUSD",
            &[("base_asset", "BTC"), ("quote_currency", "USD")],
        ),
        ("BTCUSDT", &[("quote_currency", "USDT")]),
        ("GC", &[("asset_class", "future"), ("contract_size", "1")]),
        ("EUR-USD", &[("asset_class", "fx")]),
    ];
    for (symbol, cells) in plain {
        assert_eq!(
            plain::plain(symbol, &facts(cells)),
            Ok(()),
            "{symbol} {cells:?}"
        );
    }
    let others: [(&str, Cells<'_>, &str, &str); 8] = [
        (
            "AAPL",
            &[("quote_currency", "EUR")],
            "quote_currency",
            "trade",
        ),
        (
            "AAPL",
            &[("quote_currency", "USDC")],
            "quote_currency",
            "trade",
        ),
        (
            "BTCEUR",
            &[("quote_currency", "EUR")],
            "quote_currency",
            "trade",
        ),
        ("BTC-USD", &[("base_asset", "ETH")], "base_asset", "trade"),
        ("BTC-USD", &[("quote_value", "200")], "quote_value", "trade"),
        ("BTC-USD", &[("usd_value", "0")], "usd_value", "trade"),
        (
            "BTC-USD",
            &[("fee_amount", "0"), ("fee_currency", "BNB")],
            "fee_currency",
            "fee",
        ),
        ("GC", &[("contract_size", "100")], "contract_size", "trade"),
    ];
    for (symbol, cells, column, of) in others {
        let error = plain::plain(symbol, &facts(cells)).unwrap_err();
        assert_eq!(error.column, column, "{symbol} {cells:?}");
        let message = error.to_string();
        let said = format!("the {of}'s value in USD is unknown");
        assert!(message.ends_with(&said), "{message}");
    }
}

#[test]
fn a_trade_that_is_not_plain_rejects_its_pool_by_name() {
    use crate::engine::{Pool, PoolLedger, PoolResult, compute_pool};
    let pool = Pool::new("main".parse().unwrap(), "AAPL".parse().unwrap());
    let in_currency = |currency: &'static str| {
        let mut ledger = PoolLedger::new(pool.clone());
        for (order_id, currency) in [("A-2", currency), ("A-1", currency), ("A-0", "USD")] {
            let more = text(&[("quote_currency", currency)]);
            ledger.push_text(&TradeText {
                order_id,
                side: "buy",
                size: "1",
                price: "1",
                fee: None,
                order_time_micros: Some(0),
                trade_seq: None,
                more: Some(&more),
            });
        }
        compute_pool(ledger, None)
    };
    let outcome = in_currency("EUR");
    let PoolResult::Rejected(rejection) = outcome.result else {
        panic!("matched");
    };
    assert_eq!(rejection.issue, IssueType::MissingFx);
    assert_eq!(
        rejection.reason,
        "order \"A-1\": quote_currency is \"EUR\": the trade's value in USD is unknown"
    );
    assert_eq!(outcome.trades, 3);
    assert!(matches!(in_currency("USD").result, PoolResult::Matched(_)));
}

#[test]
fn the_ledger_line_ends_in_the_facts_of_a_trade_that_has_any() {
    use crate::engine::{Pool, TradeRef, write_trade_line};
    let pool = Pool::new("main".parse().unwrap(), "BTC-EUR".parse().unwrap());
    let line = |cells: &[(&str, &str)]| {
        let mut line = Vec::new();
        let trade = trade(cells, None).unwrap();
        write_trade_line(&pool, &TradeRef::try_of(&trade).unwrap(), &mut line);
        String::from_utf8(line).unwrap()
    };
    let plain = "main,BTC-EUR,A-1,buy,2,100,1970-01-01T00:00:00.000000Z,,";
    assert_eq!(line(&[]), format!("{plain}\n"));
    assert_eq!(
        line(&[
            ("fee_amount", "0.1"),
            ("fee_currency", "BNB"),
            ("contract_size", "10")
        ]),
        format!("{plain},,,,,,0.1,BNB,,10\n")
    );
    assert_eq!(
        line(&[
            ("base_asset", "BTC"),
            ("quote_currency", "EUR"),
            ("asset_class", "crypto"),
            ("quote_value", "200"),
            ("usd_value", "220"),
            ("fee_amount", "1"),
            ("fee_currency", "EUR"),
            ("fee_usd_value", "1.1"),
        ]),
        format!("{plain},BTC,EUR,crypto,200,220,1,EUR,1.1,\n")
    );
}

#[test]
fn two_rows_are_compared_by_what_their_facts_mean() {
    use crate::engine::{Account, Carried, LedgerTrade};
    let row = |symbol: &str, cells: &[(&str, &str)], fee| LedgerTrade {
        account: Account::default(),
        symbol: symbol.parse().unwrap(),
        symbol_text: symbol.to_owned(),
        trade: trade(cells, fee).unwrap(),
        status: None,
        carried: Carried::default(),
        import_line: 0,
    };
    let plain = row("BTC-USD", &[], Some("1"));
    let in_usd = [("fee_amount", "1.0"), ("fee_currency", "USD")];
    let same = [
        row(
            "btc/usd",
            &[("base_asset", "btc"), ("quote_currency", "USD")],
            Some("1"),
        ),
        row("BTC-USD", &in_usd, None),
        row("BTC-USD", &[("contract_size", "1")], Some("1.00")),
    ];
    for other in &same {
        assert_eq!(plain.fact_that_differs(other), None, "{other:?}");
        assert_eq!(other.fact_that_differs(&plain), None, "{other:?}");
    }
    let other = row(
        "BTC-USD",
        &[("base_asset", "XBT"), ("usd_value", "5")],
        Some("1"),
    );
    let expected = ("base_asset", "XBT".to_owned(), "NULL".to_owned());
    assert_eq!(other.fact_that_differs(&plain), Some(expected));
    let in_bnb = row(
        "BTC-USD",
        &[("fee_amount", "1"), ("fee_currency", "BNB")],
        None,
    );
    let expected = ("total_fees_usd", "NULL".to_owned(), "1".to_owned());
    assert_eq!(in_bnb.fact_that_differs(&plain), Some(expected));
    let in_eth = row(
        "BTC-USD",
        &[("fee_amount", "1"), ("fee_currency", "ETH")],
        None,
    );
    let expected = ("fee_currency", "BNB".to_owned(), "ETH".to_owned());
    assert_eq!(in_bnb.fact_that_differs(&in_eth), Some(expected));
}

#[test]
fn a_matcher_takes_plain_trades_only() {
    use crate::engine::Matcher;
    let mut matcher = Matcher::new();
    let plain = [("base_asset", "AAPL"), ("quote_currency", "USD")];
    assert_eq!(
        matcher.push(trade(&plain, Some("0")).unwrap()),
        Ok(Vec::new())
    );
    let in_euros = trade(&[("quote_currency", "EUR")], Some("0")).unwrap();
    let error = matcher.push(in_euros).unwrap_err().to_string();
    let said = "quote_currency is \"EUR\": the trade's value in USD is unknown";
    assert!(error.ends_with(said), "{error}");
}
