//! Tests of `csv.rs`: every bad row with its exact message, and the trades of good ones.

use jiff::tz::TimeZone;

use super::*;
use crate::engine::{Carried, Side};
use crate::import::rejected::quoted;
use crate::import::{Hint, Obstacle, REQUIRED_COLUMNS, parse_timezone};

pub(super) const HEADER: &str =
    "order_id,symbol,side,size,price,order_time,total_fees_usd,account,trade_seq,status";

pub(super) fn options(timezone: Option<TimeZone>) -> ImportOptions {
    ImportOptions {
        account_default: "main".parse().unwrap(),
        timezone,
        ..crate::import::test_options::options()
    }
}

pub(super) fn parse(text: &str) -> ParsedFile {
    let parsed = parse_csv(text.as_bytes(), &options(None), &mut |_| ()).unwrap();
    let parts = parsed.trades.len() as u64 + parsed.rejected.len() as u64 + parsed.duplicates;
    assert_eq!(parsed.rows, parts);
    parsed
}

/// The only rejected row of a file: message, hint and text.
fn rejected(text: &str) -> (String, Option<Hint>, String) {
    let rejected = parse(text).rejected;
    assert_eq!(rejected.len(), 1, "{rejected:?}");
    let row = rejected.into_iter().next().unwrap();
    (row.to_string(), row.hint, row.text)
}

fn ids(parsed: &ParsedFile) -> Vec<(u64, &str)> {
    let rows = parsed.trades.iter();
    rows.map(|row| (row.import_line, row.trade.order_id.as_str()))
        .collect()
}

/// A good row, with one cell replaced.
fn row_with(column: &str, value: &str) -> String {
    let cells = [
        ("order_id", "A-1"),
        ("symbol", "BTC-USD"),
        ("side", "buy"),
        ("size", "1"),
        ("price", "10"),
        ("order_time", "2025-01-02T03:04:05Z"),
        ("total_fees_usd", "0.1"),
        ("account", ""),
        ("trade_seq", ""),
        ("status", ""),
    ];
    assert!(column.is_empty() || cells.iter().any(|(name, _)| *name == column));
    let quoted = format!("\"{}\"", value.replace('"', "\"\""));
    cells
        .map(|(name, cell)| {
            if name == column {
                quoted.as_str()
            } else {
                cell
            }
        })
        .join(",")
}

const ABOVE: &str = "expected a number above zero";
const NUMBER: &str = "expected a number, zero or more";
const NO_COMMA: &str = "expected a number without commas";
const SIDE: &str = "expected \"buy\" or \"sell\"";
const SIGN: &str = "expected a code like EUR, not the sign of a currency";
const BLANK: &str = "expected no blank at either end";
const SEQ: &str = "expected a whole number of 64 bits, or nothing";
const STATUS: &str = "the status of an order that never executed, expected a trade";
const EXECUTED: &str = "expected the status of an executed trade, like filled";

/// Column, value, reason, hint.
const BAD_CELLS: &[(&str, &str, &str, Option<Hint>)] = &[
    ("order_id", "", "expected the id of the execution", None),
    ("order_id", " A-1", BLANK, None),
    ("order_id", "A-1 ", BLANK, None),
    (
        "order_id",
        "A\u{1}",
        "expected no control character such as '\\u{1}'",
        None,
    ),
    (
        "order_id",
        "A\u{ad}1",
        "expected no invisible character such as U+00AD",
        Some(Hint::CopiedText),
    ),
    (
        "account",
        "a\u{e0041}",
        "expected no invisible character such as U+E0041",
        Some(Hint::CopiedText),
    ),
    (
        "symbol",
        "BTC\u{3164}-USD",
        "expected no invisible character such as U+3164",
        Some(Hint::CopiedText),
    ),
    (
        "account",
        "my\u{a0}acc",
        "expected no character that looks like a plain blank, such as U+00A0",
        Some(Hint::PlainBlank),
    ),
    (
        "order_id",
        "A\u{3000}1",
        "expected no character that looks like a plain blank, such as U+3000",
        Some(Hint::PlainBlank),
    ),
    (
        "order_id",
        "A\u{e000}",
        "expected no character without a picture, such as U+E000",
        Some(Hint::CopiedText),
    ),
    ("account", " ", BLANK, None),
    (
        "account",
        "a\t",
        "expected no control character such as '\\t'",
        None,
    ),
    ("symbol", "", "expected a symbol like BTC-USD", None),
    (
        "symbol",
        "BTC USD",
        "expected a symbol without blanks, like BTC-USD",
        None,
    ),
    (
        "symbol",
        "BTC\nUSD",
        "expected no control character such as '\\n'",
        None,
    ),
    ("side", "", SIDE, None),
    ("side", "short", SIDE, None),
    ("side", "b", SIDE, None),
    ("size", "", ABOVE, None),
    ("size", "0", ABOVE, None),
    ("size", "-0.0", ABOVE, None),
    ("size", "-1", ABOVE, Some(Hint::BuySign)),
    ("size", "NaN", ABOVE, None),
    ("size", "1_000", ABOVE, None),
    ("size", "0x10", ABOVE, None),
    (
        "size",
        "1e2000",
        "expected at most 28 significant digits",
        None,
    ),
    ("size", "1e-29", "expected at most 28 decimals", None),
    ("size", "\"1\"", ABOVE, Some(Hint::BlankBeforeQuote)),
    ("price", "", NUMBER, None),
    ("price", "-12", NUMBER, Some(Hint::PriceSign)),
    ("price", "(12)", NUMBER, Some(Hint::PriceSign)),
    ("price", "Infinity", NUMBER, None),
    ("price", "market", NUMBER, None),
    (
        "price",
        "1e22",
        "expected size times price below 10^22 USD",
        None,
    ),
    (
        "total_fees_usd",
        "n/a",
        "expected a number",
        Some(Hint::UnknownFee),
    ),
    (
        "total_fees_usd",
        "NULL",
        "expected a number",
        Some(Hint::UnknownFee),
    ),
    (
        "total_fees_usd",
        "-1e22",
        "expected a fee below 10^22 USD",
        None,
    ),
    ("trade_seq", "1.5", SEQ, None),
    ("trade_seq", "9223372036854775808", SEQ, None),
    ("status", "cancelled", STATUS, Some(Hint::NeverExecuted)),
    ("status", "Canceled", STATUS, Some(Hint::NeverExecuted)),
    ("status", "OPEN", STATUS, Some(Hint::NeverExecuted)),
    ("status", "amended", EXECUTED, Some(Hint::UnknownStatus)),
    (
        "status",
        "partially canceled",
        EXECUTED,
        Some(Hint::UnknownStatus),
    ),
    (
        "order_time",
        "",
        "expected a time like 2025-01-02T03:04:05Z",
        None,
    ),
    (
        "order_time",
        "2025-01-02",
        "expected a time of day too",
        Some(Hint::TimeOfDay),
    ),
    (
        "order_time",
        "2999-01-01T00:00:00Z",
        "which is in the future, expected at most 2026-01-01T00:00:00.000000Z",
        None,
    ),
];

#[test]
fn every_bad_cell_is_refused_by_line_column_and_reason() {
    let number = |obstacle| Some(Hint::Number(vec![obstacle]));
    let numbers = [
        ("size", "1,234.5", NO_COMMA, number(Obstacle::Thousands)),
        ("size", "0,5", NO_COMMA, number(Obstacle::Decimals)),
        (
            "price",
            "$10",
            NUMBER,
            number(Obstacle::Unit("\"$\"".into())),
        ),
        ("price", "1.234,5", NO_COMMA, number(Obstacle::Decimals)),
        (
            "total_fees_usd",
            "1,5",
            NO_COMMA,
            number(Obstacle::Decimals),
        ),
    ];
    for (column, value, reason, hint) in BAD_CELLS.iter().cloned().chain(numbers) {
        let bad = row_with(column, value);
        let text = format!("{HEADER}\n{bad}\n{}\n", row_with("order_id", "A-2"));
        let found = match value {
            "" => "is empty".to_owned(),
            value => format!("is {}", quoted(value)),
        };
        let (message, found_hint, row) = rejected(&text);
        assert_eq!(message, format!("2: {column} {found}, {reason}"));
        assert_eq!((found_hint, row), (hint, bad), "{column} {value}");
        assert_eq!(parse(&text).trades.len(), 1, "{column} {value}");
    }
}

#[test]
fn long_values_are_refused_by_their_limit() {
    let digits = "9".repeat(29);
    let id = "x".repeat(256);
    let cases = [
        ("size", &digits, "expected at most 28 significant digits"),
        ("price", &digits, "expected at most 28 significant digits"),
        (
            "total_fees_usd",
            &digits,
            "expected at most 28 significant digits",
        ),
        ("order_id", &id, "expected at most 255 bytes"),
        ("account", &id, "expected at most 255 bytes"),
        ("symbol", &id, "expected at most 255 bytes"),
    ];
    for (column, value, reason) in cases {
        let bad = row_with(column, value);
        let found = parse(&format!("{HEADER}\n{bad}\n")).rejected.remove(0);
        assert_eq!((&found.found, &found.text), (value, &bad));
        let shown = format!("2: {column} is {}, {reason}", quoted(value));
        assert_eq!(found.to_string(), shown);
    }
}

#[test]
fn a_comma_inside_the_last_cell_is_found_below_a_header_with_one_at_its_end() {
    let header = format!("{},", REQUIRED_COLUMNS.join(","));
    let row = |end: &str| format!("A-1,BTC-USD,buy,1,10,2025-01-02T03:04:05Z,{end}\n");
    let (shown, hint, _) = rejected(&format!("{header}\n{}", row("1,05")));
    let message = "2: row has a value in column 8, which has no name, expected none";
    assert_eq!((shown.as_str(), hint), (message, Some(Hint::InnerComma)));
    assert_eq!(
        parse(&format!("{header}\n{}", row("1.05,"))).trades.len(),
        1
    );
    // An unnamed column before others takes no cell of theirs.
    let index = format!(",{header}\n7,{}", row("1.05,"));
    assert_eq!(parse(&index).trades.len(), 1);
}

#[test]
fn rows_of_another_shape_are_refused_and_the_next_is_read() {
    let good = row_with("", "");
    let header = HEADER.to_uppercase();
    let cases = [
        (
            "A-2,BTC-USD,sell,1,234.5,10,2025-01-02T03:04:05Z,0,,,\n",
            "has 11 cells, expected 10",
            Hint::InnerComma,
        ),
        (
            "A-2,BTC-USD,sell,1\n",
            "has 4 cells, expected 10",
            Hint::MissingComma,
        ),
        ("A-2\n", "has 1 cell, expected 10", Hint::MissingComma),
        (
            "A-2,BTC-USD,sell,1",
            "has 4 cells, expected 10",
            Hint::CutFile,
        ),
        (
            "A-2,\"x\ny\",sell\n",
            "has 3 cells on lines 3 to 4, expected 10",
            Hint::LateQuote,
        ),
        (
            "\"A-2,BTC-USD,sell\n",
            "opens a quote that is never closed, expected a closing quote",
            Hint::OpenQuote,
        ),
        (
            "A-2,BTC-USD,\"se",
            "opens a quote that is never closed, expected a closing quote",
            Hint::OpenQuote,
        ),
        (
            "A-2,\"BTC\"USD,sell\n",
            "has text after a closing quote, expected a comma there",
            Hint::InnerQuote,
        ),
        (
            &format!("{header}\n"),
            "is the header again, expected a trade",
            Hint::SecondHeader,
        ),
    ];
    for (bad, message, hint) in cases {
        let (shown, found_hint, text) = rejected(&format!("{HEADER}\n{good}\n{bad}"));
        assert_eq!(
            (shown, found_hint),
            (format!("3: row {message}"), Some(hint))
        );
        assert_eq!(text, bad.trim_end_matches('\n'));
    }
}

#[test]
fn a_quote_never_closed_hides_no_row() {
    let mut text = format!("{HEADER}\n\"{}\n", row_with("", ""));
    for at in 0..500 {
        text += &format!("{}\n", row_with("order_id", &format!("B-{at}")));
    }
    let parsed = parse(&text);
    assert_eq!((parsed.trades.len(), parsed.rejected.len()), (500, 1));
    assert_eq!(
        (parsed.rejected[0].line, parsed.trades[0].import_line),
        (2, 3)
    );
    let unquoted = text.replace("\"B-", "B-").replace("\",BTC", ",BTC");
    let parsed = parse(&unquoted);
    assert_eq!((parsed.trades.len(), parsed.rejected.len()), (500, 1));
    let shown = parsed.rejected[0].to_string();
    assert_eq!(
        shown,
        "2: row opens a quote that is never closed, expected a closing quote"
    );
}

#[test]
fn columns_are_found_by_name() {
    let text = "\u{feff}Note, TOTAL_FEES_USD ,\"price\",size,side,symbol,order_time,order_id,\
                account,trade_seq,status,order_type,source,exchange,exchange_order_id,\
                linked_order_id,,note\r\n\
                \"a, b\r\nc\", ,1e-8, 0.50 ,BUY,btc/usd,2025-01-02T03:04:05Z,A-1,,,,,,,,,,\r\n\
                \r\n\
                ,-0.020,10,5.,Sell,\"BTC-USD\",2025-01-02 04:04:05+01:00,A 1,other,-7,done,limit,\
                bot,kraken,X-1,A-1,,\r\n\
                ,,, , ,,,,,,,,,,,,,\r\n";
    let parsed = parse(text);
    assert_eq!(
        (parsed.rows, parsed.rejected.len(), parsed.duplicates),
        (2, 0, 0)
    );
    assert!(!parsed.ends_without_line_end);
    assert_eq!(parsed.unknown_columns, ["Note", "column 17", "note"]);
    let [first, second] = parsed.trades.as_slice() else {
        panic!("{parsed:?}");
    };
    assert_eq!((first.import_line, second.import_line), (2, 5));
    assert_eq!(
        (first.account.as_str(), second.account.as_str()),
        ("main", "other")
    );
    assert_eq!(
        (first.symbol.as_str(), first.symbol_text.as_str()),
        ("BTC-USD", "btc/usd")
    );
    assert_eq!(
        (first.trade.side, second.trade.side),
        (Side::Buy, Side::Sell)
    );
    assert_eq!(first.trade.size.to_string(), "0.5");
    assert_eq!(first.trade.price.to_string(), "0.00000001");
    assert_eq!(
        (first.trade.fee, first.trade.trade_seq, &first.status),
        (None, None, &None)
    );
    assert_eq!(second.trade.fee.unwrap().to_string(), "-0.02");
    assert_eq!(second.trade.order_time, first.trade.order_time);
    assert_eq!(
        (second.trade.trade_seq, second.status.as_deref()),
        (Some(-7), Some("done"))
    );
    let nothing = Carried {
        ingest_via: Some("csv".into()),
        ..Carried::default()
    };
    assert_eq!(first.carried, nothing);
    let carried = Carried {
        order_type: Some("limit".into()),
        source: Some("bot".into()),
        ingest_via: Some("csv".into()),
        exchange: Some("kraken".into()),
        exchange_order_id: Some("X-1".into()),
        linked_order_id: Some("A-1".into()),
    };
    assert_eq!(second.carried, carried);
}

#[test]
fn a_local_time_is_read_in_the_zone_of_the_caller() {
    let text = format!(
        "{HEADER}\n{}\n",
        row_with("order_time", "2025-07-02 03:04:05")
    );
    let (message, hint, _) = rejected(&text);
    let expected =
        "2: order_time is \"2025-07-02 03:04:05\", expected a time with an offset from UTC";
    assert_eq!(message, expected);
    assert_eq!(hint, Some(Hint::ZoneOfTimes));
    let options = options(parse_timezone("Europe/Berlin").ok());
    let parsed = parse_csv(text.as_bytes(), &options, &mut |_| ()).unwrap();
    let time = parsed.trades[0].trade.order_time.to_string();
    assert_eq!(time, "2025-07-02T01:04:05.000000Z");
}

#[test]
fn one_id_twice_is_a_duplicate_or_a_conflict() {
    let good = row_with("", "");
    let spelled = "A-1,btc/usd,BUY,1.0,1e1,2025-01-02 04:04:05+01:00,0.10,main,,";
    let text = format!(
        "{HEADER}\n{good}\n{spelled}\n{}\n",
        row_with("account", "other")
    );
    let parsed = parse(&text);
    assert_eq!((parsed.rejected.len(), parsed.duplicates), (0, 1));
    assert_eq!(ids(&parsed), [(2, "A-1"), (4, "A-1")]);

    let cases = [
        ("size", "2", "\"1\"", "\"2\""),
        ("symbol", "ETH-USD", "\"BTC-USD\"", "\"ETH-USD\""),
        ("total_fees_usd", "", "\"0.1\"", "\"NULL\""),
        ("status", "filled", "\"NULL\"", "\"filled\""),
    ];
    for (column, value, before, here) in cases {
        let other = row_with(column, value);
        let expected = format!(
            "4: order_id is \"A-1\", which line 2 has with {column} {before} where this one has \
             {here}, expected an id of its own"
        );
        let text = format!("{HEADER}\n{good}\n{good}\n{other}\n");
        assert_eq!(rejected(&text), (expected, Some(Hint::OwnId), other));
        assert_eq!(parse(&text).duplicates, 1);
    }
}

#[test]
fn a_bad_row_does_not_take_the_id_of_a_good_one() {
    let text = format!("{HEADER}\n{}\n{}", row_with("size", "0"), row_with("", ""));
    let parsed = parse(&text);
    assert_eq!(ids(&parsed), [(3, "A-1")]);
    assert_eq!(parsed.rejected[0].order_id, "A-1");
    assert!(parsed.ends_without_line_end);
}

#[test]
fn a_header_alone_is_a_file_without_rows() {
    for text in [HEADER.to_owned(), format!("\r\n,,\r\n{HEADER}\r\n\r\n")] {
        let parsed = parse(&text);
        assert_eq!((parsed.rows, parsed.trades.len()), (0, 0));
    }
}

#[test]
fn a_whole_file_is_refused_before_any_row() {
    let error = |bytes: &[u8]| parse_csv(bytes, &options(None), &mut |_| ()).unwrap_err();
    assert!(matches!(error(b""), FileError::Empty));
    assert!(matches!(error(b",,\n,,\n"), FileError::Empty));
    assert!(matches!(
        error(b"\xff\xfeo\0x"),
        FileError::NotUtf16 { line: 1 }
    ));
    let late = format!("{HEADER}\n{}\nA-2,\u{0}", row_with("", ""));
    assert!(matches!(error(late.as_bytes()), FileError::Nul { line: 3 }));
    let row = row_with("", "");
    assert!(matches!(
        error(row.as_bytes()),
        FileError::NoHeader { line: 1, .. }
    ));
}

#[test]
fn progress_rises_to_all_bytes() {
    let mut text = format!("\u{feff}{HEADER}\n");
    for at in 0..10_000 {
        text += &format!("{}\n", row_with("order_id", &format!("B-{at}")));
    }
    let mut seen = Vec::new();
    parse_csv(text.as_bytes(), &options(None), &mut |done| seen.push(done)).unwrap();
    assert_eq!(seen.len(), 3);
    assert!(seen.is_sorted());
    assert_eq!(seen.last(), Some(&text.len()));
}

/// A file of one row with more columns.
fn with_more(cells: &[(&str, &str)], fee: &str) -> String {
    let names: Vec<&str> = cells.iter().map(|(name, _)| *name).collect();
    let cells: Vec<&str> = cells.iter().map(|(_, cell)| *cell).collect();
    let (names, cells) = (names.join(","), cells.join(","));
    let row = "A-1,BTC-EUR,buy,1,10,2025-01-02T03:04:05Z";
    format!(
        "order_id,symbol,side,size,price,order_time,total_fees_usd,{names}\n{row},{fee},{cells}\n"
    )
}

#[test]
fn more_facts_are_read_by_their_columns() {
    let cells = [
        ("Base_Asset", "btc"),
        ("quote_currency", "EUR"),
        ("asset_class", "Crypto"),
        ("quote_value", "10.010"),
        ("usd_value", "11"),
        ("fee_amount", "-0.1"),
        ("fee_currency", " BNB "),
        ("fee_usd_value", "-60"),
        ("contract_size", "1e1"),
    ];
    let trade = parse(&with_more(&cells, "")).trades.remove(0).trade;
    let texts = trade.more.unwrap().texts().map(Option::unwrap);
    let expected = [
        "BTC", "EUR", "crypto", "10.01", "11", "-0.1", "BNB", "-60", "10",
    ];
    assert_eq!((texts, trade.fee), (expected.map(str::to_owned), None));
    // Empty cells are no facts, and a fee in dollars is the fee.
    let empty = [("base_asset", ""), ("fee_amount", ""), ("fee_currency", "")];
    let trade = parse(&with_more(&empty, "0.5")).trades.remove(0).trade;
    assert_eq!(
        (trade.more, trade.fee),
        (None, Some("0.5".parse().unwrap()))
    );
    let in_usd = "order_id,symbol,side,size,price,order_time,fee_amount,fee_currency\n\
                  A-1,BTC-USD,buy,1,10,2025-01-02T03:04:05Z,0.50,USD\n";
    let trade = parse(in_usd).trades.remove(0).trade;
    assert_eq!(
        (trade.more, trade.fee),
        (None, Some("0.5".parse().unwrap()))
    );
}

#[test]
fn a_fee_in_two_forms_or_in_half_of_one_is_refused() {
    let fee = |amount, currency| [("fee_amount", amount), ("fee_currency", currency)];
    let value = [("fee_usd_value", "1")];
    let other = [fee("1", "USD").as_slice(), &[("fee_usd_value", "2")]].concat();
    for (cells, fee, expected) in [
        (
            fee("1", "BNB").as_slice(),
            "0",
            "fee_amount is \"1\", expected nothing, as total_fees_usd has the fee",
        ),
        (
            &fee("1", ""),
            "",
            "fee_currency is empty, expected a value, as fee_amount has one",
        ),
        (
            &fee("", "BNB"),
            "1",
            "fee_amount is empty, expected a value, as fee_currency has one",
        ),
        (
            &value,
            "1",
            "fee_amount is empty, expected a value, as fee_usd_value has one",
        ),
        (
            &other,
            "",
            "fee_usd_value is \"2\", expected fee_amount, which is in USD",
        ),
    ] {
        let (message, _, _) = rejected(&with_more(cells, fee));
        assert_eq!(message, format!("2: {expected}"), "{cells:?}");
    }
}

#[test]
fn a_withheld_fee_that_leaves_nothing_is_refused() {
    let header = "order_id,symbol,side,size,price,order_time,fee_amount,fee_currency,base_asset";
    let row = |row: &str| format!("{header}\nA-1,{row}\n");
    let time = "10,2025-01-02T03:04:05Z";
    for (symbol, amount, base) in [
        ("BTC-EUR", "1", ""),
        ("BTC-EUR", "1.5", "BTC"),
        ("X", "1", "BTC"),
    ] {
        let (message, _, _) = rejected(&row(&format!("{symbol},buy,1,{time},{amount},BTC,{base}")));
        let expected = format!(
            "2: fee_amount is \"{amount}\", expected less than size, as the fee is in the asset \
             that was bought"
        );
        assert_eq!(message, expected);
    }
    // A part of it, a rebate, a fee of a sale, and one in another asset leave something.
    for good in [
        format!("BTC-EUR,buy,1,{time},0.999,BTC,"),
        format!("BTC-EUR,buy,1,{time},-1,BTC,"),
        format!("BTC-EUR,sell,1,{time},1,BTC,"),
        format!("BTC-EUR,buy,1,{time},5,BNB,"),
        format!("X,buy,1,{time},5,BTC,"),
    ] {
        assert_eq!(parse(&row(&good)).trades.len(), 1, "{good}");
    }
    // A size in contracts is no size of the asset.
    let of_contracts = |size: &str| {
        let row = format!("A-1,BTC-EUR,buy,1,{time},1,BTC,,{size}");
        format!("{header},contract_size\n{row}\n")
    };
    assert_eq!(parse(&of_contracts("10")).trades.len(), 1);
    assert!(rejected(&of_contracts("1")).0.contains("less than size"));
}

#[test]
fn each_of_the_more_facts_is_refused_by_line_column_and_reason() {
    let long = "1.23456789012345678901234567890";
    for (column, found, expected) in [
        ("quote_value", "-1", NUMBER),
        ("quote_value", "much", NUMBER),
        (
            "quote_value",
            long,
            "expected at most 28 significant digits",
        ),
        ("usd_value", "NaN", NUMBER),
        (
            "asset_class",
            "stock",
            "expected crypto, security, fx or future",
        ),
        ("quote_currency", "€", SIGN),
        ("fee_currency", "$", SIGN),
        ("contract_size", "0", ABOVE),
        ("contract_size", "-1", ABOVE),
        (
            "base_asset",
            "B TC",
            "expected a code without blanks, like EUR",
        ),
    ] {
        let (message, _, _) = rejected(&with_more(&[(column, found)], ""));
        assert_eq!(message, format!("2: {column} is \"{found}\", {expected}"));
    }
}
