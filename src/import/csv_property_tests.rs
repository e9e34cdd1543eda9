//! Properties of `csv.rs`: a written file reads back equal, and no bytes break the reader.

use proptest::prelude::*;

use super::tests::{HEADER, options, parse};
use super::*;
use crate::engine::{Carried, Entry, Side, Trade};

/// Writes trades the way any program would, quoting where it must.
fn write_csv(trades: &[LedgerTrade], line_end: csv::Terminator) -> Vec<u8> {
    let mut writer = csv::WriterBuilder::new()
        .terminator(line_end)
        .from_writer(Vec::new());
    let columns = crate::import::REQUIRED_COLUMNS
        .into_iter()
        .chain(crate::import::OPTIONAL_COLUMNS);
    writer.write_record(columns).unwrap();
    for LedgerTrade {
        account,
        symbol_text,
        trade,
        status,
        carried,
        ..
    } in trades
    {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        writer
            .write_record([
                trade.order_id.to_string(),
                symbol_text.clone(),
                trade.side.to_string(),
                trade.size.to_string(),
                trade.price.to_string(),
                trade.order_time.to_string(),
                trade.fee.map(|fee| fee.to_string()).unwrap_or_default(),
                account.to_string(),
                trade
                    .trade_seq
                    .map(|seq| seq.to_string())
                    .unwrap_or_default(),
                text(status),
                text(&carried.order_type),
                text(&carried.source),
                text(&carried.exchange),
                text(&carried.exchange_order_id),
                text(&carried.linked_order_id),
            ])
            .unwrap();
    }
    writer.into_inner().unwrap()
}

/// Any text of a column that is kept: no blanks at its ends, not empty; quotes, commas, lines
/// inside.
fn carried_text() -> impl Strategy<Value = Option<String>> {
    let text = "[a-zA-Z0-9\",;'é€]([a-z \",;\r\n]{0,6}[a-z\"])?";
    proptest::option::of(text)
}

fn ledger_trade() -> impl Strategy<Value = LedgerTrade> {
    let number = || (1_i128..10_i128.pow(20), 0_u32..28);
    let text = |(units, scale)| {
        rust_decimal::Decimal::try_from_i128_with_scale(units, scale).unwrap_or_default()
    };
    let trade = (
        "[a-zA-Z0-9\",é]([a-z \"]{0,6}[a-z,])?",
        proptest::bool::ANY,
        number(),
        (0_i128..10_i128.pow(10), 0_u32..28),
        proptest::option::of((-10_i128.pow(20)..10_i128.pow(20), 0_u32..28)),
        -62_135_596_800_000_000_i64..1_767_225_600_000_000,
        proptest::option::of(proptest::num::i64::ANY),
    )
        .prop_filter_map("too large", move |row| {
            let (order_id, buy, size, price, fee, time, trade_seq) = row;
            let trade = Trade {
                order_id: order_id.parse().ok()?,
                side: if buy { Side::Buy } else { Side::Sell },
                size: text(size).try_into().ok()?,
                price: text(price).try_into().ok()?,
                fee: fee.map(|fee| text(fee).try_into()).transpose().ok()?,
                order_time: crate::engine::Timestamp::try_from_micros(time).ok()?,
                trade_seq,
                more: None,
                entry: Entry::default(),
            };
            trade.check().ok().map(|()| trade)
        });
    let names = (
        "[a-z\",é]([a-z ]{0,3}[a-z])?",
        "[a-zA-Z]{1,4}[-/]?[A-Za-z,\"]{0,4}",
    );
    let carried = (
        carried_text(),
        carried_text(),
        carried_text(),
        carried_text(),
        carried_text(),
    );
    let status = proptest::option::of("filled|done|Partially Filled|CLOSED");
    (names, trade, status, carried).prop_map(|((account, symbol), trade, status, carried)| {
        let (order_type, source, exchange, exchange_order_id, linked_order_id) = carried;
        LedgerTrade {
            account: account.parse().unwrap(),
            symbol: symbol.parse().unwrap(),
            symbol_text: symbol,
            trade,
            status: status.map(|status| status.trim().to_owned()),
            carried: Carried {
                order_type,
                source,
                ingest_via: Some("csv".into()),
                exchange,
                exchange_order_id,
                linked_order_id,
            },
            import_line: 0,
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_reads_back_equal(
        mut trades in proptest::collection::vec(ledger_trade(), 1..20),
        crlf in proptest::bool::ANY,
    ) {
        let id = |row: &LedgerTrade| (row.account.clone(), row.trade.order_id.clone());
        trades.sort_by_key(id);
        trades.dedup_by_key(|row| id(row));
        let line_end = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
        let bytes = write_csv(&trades, line_end);
        let parsed = parse_csv(&bytes, &options(None), &mut |_| ()).unwrap();
        prop_assert_eq!(&parsed.rejected, &[]);
        let text = String::from_utf8(bytes).unwrap();
        let text = text.replace("\r\n", "\n").replace('\r', "\n");
        let lines: Vec<&str> = text.split('\n').collect();
        prop_assert_eq!(parsed.trades.len(), trades.len());
        for (read, written) in parsed.trades.into_iter().zip(trades) {
            let line = lines[usize::try_from(read.import_line).unwrap() - 1];
            let start = written.trade.order_id.as_str().replace('"', "\"\"");
            prop_assert!(line.trim_start_matches('"').starts_with(&start) || line.contains(&start));
            prop_assert_eq!(LedgerTrade { import_line: 0, ..read }, written);
        }
    }

    #[test]
    fn no_bytes_break_the_reader(
        bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..80),
        rows in "([a\"\",,, \r\n-]{0,12}(\n|A-1,X,buy,1,10,2025-01-02T03:04:05Z,0,,,\n)){0,8}",
    ) {
        let _ = parse_csv(&bytes, &options(None), &mut |_| ());
        let file = format!("{HEADER}\n{rows}");
        let parsed = parse(&file);
        let last = file.lines().count() as u64 + file.matches('\r').count() as u64;
        prop_assert!(parsed.rejected.iter().all(|row| (2..=last).contains(&row.line)));
        prop_assert!(parsed.rejected.iter().all(|row| file.contains(&row.text)));
    }
}
