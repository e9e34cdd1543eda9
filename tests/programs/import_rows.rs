//! Rows that an import does not take. It names each fault once for each reason, counts to the last
//! row, and keeps the rows whole in the database if they are left out.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use serde_json::Value;
use support::Folder;

const HEAD: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd";
const TIME: &str = "2025-03-04T10:00:00Z";

/// The rejected row of a file of one.
fn rejected(folder: &Folder, row: &str) -> Value {
    folder.write("one.csv", format!("{HEAD}\n{row}\n"));
    let done = folder.fifo_pnl(&["import", "--json", "one.csv"]).expect(2);
    let file = done.json()["files"][0].clone();
    assert_eq!(file["rejected_rows"], 1, "{row}: {file}");
    file["rejected"][0].clone()
}

/// Each cell as brokers and spreadsheets write it, the word of the hint, and what is to be written
/// instead. A file in which that is written is imported.
#[test]
fn what_is_in_the_way_of_a_number_is_named_and_mended() {
    let folder = Folder::new();
    for (nth, (column, cell, said, write)) in [
        ("size", "-72", "drop the sign", "72"),
        ("size", "(72)", "drop the sign", "72"),
        ("size", "0.5 QNT", "\"QNT\" is no part of a number", ""),
        ("size", "７２", "full-width", "72"),
        ("price", "$51.20", "\"$\" is no part", "51.20"),
        ("price", "51.20 USD", "\"USD\" is no part", "51.20"),
        ("price", "8,765.43", "thousands", "8765.43"),
        ("price", "8.765,43", "decimals follow a point", "8765.43"),
        ("price", "8,765", "write 8765, or 8.765", ""),
        (
            "price",
            "51.20 CHF",
            "\"CHF\" is another currency than the dollar",
            "",
        ),
        (
            "price",
            "£51.20",
            "\"£\" is another currency than the dollar",
            "",
        ),
        ("price", "($2.50)", "a price has no sign: a sale is", ""),
        ("price", "-5", "a price has no sign: a sale is", ""),
        ("total_fees_usd", "($2.50)", "\"$\" is no part", "-2.50"),
        (
            "total_fees_usd",
            "0.001 BNB",
            "\"BNB\" is another currency than the dollar",
            "",
        ),
        ("total_fees_usd", "2.50-", "a minus stands before", "-2.50"),
    ]
    .into_iter()
    .enumerate()
    {
        let row = |cell: &str| {
            let of = |name: &str, other: &'static str| {
                let cell = if name == column { cell } else { other };
                format!("\"{cell}\"")
            };
            let (size, price, fee) = (of("size", "3"), of("price", "4"), of("total_fees_usd", "0"));
            format!("s{nth},QNT-USD,SELL,{size},{price},{TIME},{fee}")
        };
        let found = rejected(&folder, &row(cell));
        assert_eq!(found["column"], column, "{cell}");
        let hint = found["hint"].as_str().unwrap_or_default();
        assert!(hint.contains(said), "{cell}: {hint}");
        assert_eq!(found["write"].as_str().unwrap_or_default(), write, "{cell}");
        if !write.is_empty() {
            folder.write("mended.csv", format!("{HEAD}\n{}\n", row(write)));
            folder.fifo_pnl(&["import", "mended.csv"]).expect(0);
        }
    }
}

#[test]
fn ids_that_a_spreadsheet_cut_are_said_to_be() {
    let folder = Folder::new();
    let found = rejected(&folder, &format!("3.14159E+17,QNT-USD,buy,1,4,{TIME},0"));
    assert_eq!(found["column"], "order_id");
    let hint = found["hint"].as_str().unwrap();
    assert!(hint.contains("a spreadsheet cut the digits"), "{hint}");
    assert!(hint.contains("export the file again"), "{hint}");
    // Zeros in place of the last digits: two ids became one.
    let row = |size| format!("314159265358979000,QNT-USD,buy,{size},4,{TIME},0\n");
    folder.write("two.csv", format!("{HEAD}\n{}{}", row(1), row(2)));
    let done = folder.fifo_pnl(&["import", "two.csv"]).expect(2);
    assert!(done.stderr.contains("a spreadsheet cut"), "{}", done.stderr);
    // Two that only look alike.
    let row = |size| format!("31415,QNT-USD,buy,{size},4,{TIME},0\n");
    folder.write("two.csv", format!("{HEAD}\n{}{}", row(1), row(2)));
    let done = folder.fifo_pnl(&["import", "two.csv"]).expect(2);
    assert!(
        done.stderr.contains("each fill needs its own id"),
        "{}",
        done.stderr
    );
}

/// A cancelled buy and its second booking. Left out alone, the row that cancels would leave the
/// first buy in the ledger beside the second.
#[test]
fn a_row_that_takes_back_another_is_never_left_out_alone() {
    for (side, size) in [("BUY (Ca.)", "-70"), ("Cancel Buy", "70"), ("buy", "-70")] {
        let folder = Folder::new();
        let first = format!("71,QNT-USD,BUY,70,3,{TIME},2\n");
        let cancels = format!("72,QNT-USD,{side},{size},3,{TIME},0\n");
        let rest = format!("73,QNT-USD,BUY,70,3,{TIME},2\n");
        folder.write("all.csv", format!("{HEAD}\n{first}{cancels}{rest}"));
        let done = folder.fifo_pnl(&["import", "all.csv"]).expect(2);
        let text = done.stderr;
        assert!(text.contains("remove both"), "{text}");
        assert!(!text.contains("or leave them out with"), "{text}");
        for command in ["import", "run"] {
            let done = folder
                .fifo_pnl(&[command, "--skip-invalid", "all.csv"])
                .expect(2);
            assert!(
                done.stderr
                    .contains("other one in the ledger, so it refuses"),
                "{}",
                done.stderr
            );
            assert!(!folder.join(support::DATABASE).exists());
        }
        folder.write("both-removed.csv", format!("{HEAD}\n{rest}"));
        folder.fifo_pnl(&["run", "both-removed.csv"]).expect(0);
        let held = "SELECT decimal_sum(remaining_size) FROM v_open_inventory";
        assert_eq!(folder.value(held), "70", "{side}");
    }
}

/// The first fault does not decide: the row reverses another one all the same.
#[test]
fn a_row_that_takes_back_another_is_told_behind_any_other_fault() {
    let head = format!("{HEAD},status");
    for row in [
        format!("c,QNT-USD,buy,-10,3,{TIME},0,cancelled"),
        format!("c,,buy,-10,3,{TIME},0,filled"),
        format!(",QNT-USD,buy,-10,3,{TIME},0,filled"),
        format!("c,QNT-USD,buy,-10,3,{TIME},0"),
        format!("c,QNT-USD,-10,3,{TIME},0,filled"),
        format!("c,QNT-USD,buy,-1,000,3,{TIME},0,filled"),
        format!("c,QNT-USD,buy,\"-1,000\",3,{TIME},0,filled"),
        format!("c,QNT-USD,buy,\"-10\"x,3,{TIME},0,filled"),
        format!("c,QNT USD,cancel,10,3,{TIME},0,filled"),
        format!("c,QNT-USD,,-10,3,{TIME},0,filled"),
        format!("c,QNT-USD,buy,10,3,{TIME},0,busted"),
        format!("c,QNT-USD,buy,10,x,{TIME},0,Reversed"),
        format!("c,QNT-USD,sell,10,3,{TIME},0,void"),
        format!("c,QNT-USD,buy,10,3,{TIME},0,trade cancel"),
    ] {
        let folder = Folder::new();
        folder.write(
            "all.csv",
            format!("{head}\ng,QNT-USD,buy,10,3,{TIME},0,filled\n{row}\n"),
        );
        let done = folder
            .fifo_pnl(&["import", "--skip-invalid", "all.csv"])
            .expect(2);
        assert!(
            done.stderr.contains("remove both"),
            "{row}: {}",
            done.stderr
        );
        assert!(!folder.join(support::DATABASE).exists(), "{row}");
    }
    // These reverse no row, with any fault, or are trades.
    for row in [
        format!("c,QNT-USD,buy,10,3,{TIME},0,cancelled"),
        format!("c,QNT-USD,sell,-10,3,{TIME},0,filled"),
        format!("c-1,QNT-USD,buy,3,{TIME},-0.5,filled"),
        format!("c,QNT-USD,buy,10,3,{TIME},0,partially_canceled"),
    ] {
        let folder = Folder::new();
        folder.write(
            "all.csv",
            format!("{head}\ng,QNT-USD,buy,10,3,{TIME},0,filled\n{row}\n"),
        );
        let done = folder.fifo_pnl(&["import", "--skip-invalid", "all.csv"]);
        assert!(matches!(done.code, 0 | 1), "{row}: {}", done.stderr);
    }
    // A lot of a negative size, beside the lot that it takes from.
    let folder = Folder::new();
    let lots = "symbol,size,acquired,basis\nQNT-USD,10,2024-05-01T00:00:00Z,9\n\
        QNT-USD,-4,2024-05-02T00:00:00Z,4\n";
    folder.write("lots.csv", lots);
    let done = folder
        .fifo_pnl(&["import", "lots", "--skip-invalid", "lots.csv"])
        .expect(2);
    assert!(done.stderr.contains("remove both"), "{}", done.stderr);
}

/// A number in a hint keeps the sign and every digit.
#[test]
fn a_hint_loses_no_sign_and_no_digit() {
    let folder = Folder::new();
    let row = |side, size, fee| format!("c,QNT-USD,{side},\"{size}\",3,{TIME},\"{fee}\"");
    for (row, said, never) in [
        (
            row("sell", "-1,000", "0"),
            "drop the sign, as side \"sell\" says already that it is a \
          sale; write 1000, or 1.000 if its comma is the decimal point",
            "-1",
        ),
        (
            row("buy", "-1,000", "0"),
            "if the row reverses another one, remove both",
            "1000",
        ),
        (
            row("buy", "1", "-1,000"),
            "write -1000, or -1.000",
            "write 1000",
        ),
        (
            row("buy", "1,234.5,6", "0"),
            "no thousands separator",
            "1234.5",
        ),
    ] {
        let found = rejected(&folder, &row);
        let hint = found["hint"].as_str().unwrap();
        assert!(
            hint.contains(said) && !hint.contains(never),
            "{row}: {hint}"
        );
    }
}

/// A file of trades with one more column.
fn with_column(column: &str, cells: &[&str]) -> String {
    let mut text = format!("{HEAD},{column}\n");
    for (nth, cell) in cells.iter().enumerate() {
        text.push_str(&format!("b{nth},QNT-USD,buy,1,4,{TIME},0,\"{cell}\"\n"));
    }
    text
}

#[test]
fn a_column_that_names_a_currency_is_not_ignored() {
    let folder = Folder::new();
    for (column, cells, found) in [
        (
            "Spot Price Currency",
            &["USD", "SEK"][..],
            "3: Spot Price Currency is \"SEK\", expected USD",
        ),
        ("fee_ccy", &["BNB"], "2: fee_ccy is \"BNB\", expected USD"),
        (
            "Size Unit",
            &["", "pieces"],
            "3: Size Unit is \"pieces\", expected USD",
        ),
        (
            "Currency Rate",
            &["0.93"],
            "2: Currency Rate is \"0.93\", expected USD",
        ),
    ] {
        folder.write("t.csv", with_column(column, cells));
        for args in [
            &["import", "t.csv"][..],
            &["run", "--skip-invalid", "t.csv"],
        ] {
            let done = folder.fifo_pnl(args).expect(2);
            assert!(
                done.stderr.contains(&format!("t.csv:{found}")),
                "{}",
                done.stderr
            );
            assert!(
                done.stderr.contains(
                    "If the column has nothing to do with prices and fees, add --ignore-column"
                ),
                "{}",
                done.stderr
            );
        }
    }
    assert!(!folder.join(support::DATABASE).exists());
    folder.write(
        "lots.csv",
        "symbol,size,acquired,basis,basis currency\nQNT-USD,1,2024-05-01T00:00:00Z,9,SEK\n",
    );
    let done = folder.fifo_pnl(&["import", "lots", "lots.csv"]).expect(2);
    assert!(
        done.stderr
            .contains("lots.csv:2: basis currency is \"SEK\""),
        "{}",
        done.stderr
    );
}

/// A person says that a column is not about the prices, or which column it is.
#[test]
fn a_column_is_ignored_or_renamed_by_name() {
    let folder = Folder::new();
    folder.write("t.csv", with_column("Deposit Currency", &["SEK"]));
    let done = folder.fifo_pnl(&["import", "--preview", "t.csv"]).expect(2);
    let hint = "add --rename-column \"Deposit Currency=quote_currency\"";
    assert!(done.stderr.contains(hint), "{}", done.stderr);
    let ignore = ["import", "--ignore-column", "deposit currency", "t.csv"];
    folder.fifo_pnl(&ignore).expect(0);
    assert_eq!(folder.sql("SELECT count(*) FROM trade_records"), ["1"]);

    // As the currency of its prices, the column rejects the pool: no krona is a dollar.
    let prices = Folder::new();
    prices.write("t.csv", with_column("Deposit Currency", &["SEK"]));
    let rename = "--rename-column 'Deposit Currency=quote_currency'";
    let done = prices
        .shell(&format!("fifo-pnl run {rename} t.csv"))
        .expect(1);
    assert!(done.stdout.contains("SEK"), "{}", done.stdout);
    assert_eq!(prices.sql("SELECT count(*) FROM fifo_allocations"), ["0"]);

    let text = with_column("Venue", &["Kraken"]).replace("symbol", "Ticker");
    folder.write("t.csv", text);
    folder.fifo_pnl(&["import", "t.csv"]).expect(2);
    let rename = "--rename-column ticker=symbol --rename-column Venue=exchange";
    folder
        .shell(&format!("fifo-pnl import {rename} t.csv"))
        .expect(0);
    let rows = folder.sql("SELECT symbol, exchange FROM trade_records ORDER BY import_id DESC");
    assert_eq!(
        rows.first().map(String::as_str),
        Some("QNT-USD|"),
        "one id, known: not taken"
    );
    folder.write(
        "new.csv",
        with_column("Venue", &["Kraken"]).replace("b0", "c0"),
    );
    folder
        .shell("fifo-pnl import --rename-column Venue=exchange new.csv")
        .expect(0);
    let venue = folder.sql("SELECT exchange FROM trade_records WHERE order_id = 'c0'");
    assert_eq!(venue, ["Kraken"]);

    folder.write(
        "lots.csv",
        "Ticker,size,acquired,basis,basis ccy\nQNT,1,2024-05-01T00:00:00Z,9,SEK\n",
    );
    let names = "--rename-column Ticker=symbol --ignore-column 'Basis CCY'";
    folder
        .shell(&format!("fifo-pnl import lots {names} lots.csv"))
        .expect(0);
    folder
        .shell("fifo-pnl import --rename-column Ticker=smybol t.csv")
        .expect(2);
}

/// A cell that names dollars, or is empty, is fine; so are numbers of units.
#[test]
fn a_column_that_names_dollars_is_read_as_such() {
    let folder = Folder::new();
    for (column, cells) in [
        ("Currency", &["USD", "usd", "USDC", ""][..]),
        ("Units", &["12", "1.5"]),
        ("community", &["QNT holders"]),
    ] {
        folder.write("t.csv", with_column(column, cells));
        let done = folder.fifo_pnl(&["import", "--preview", "t.csv"]).expect(0);
        let ignored = done.stdout.contains("ignored columns");
        assert_eq!(ignored, column == "community", "{}", done.stdout);
    }
    folder.write("t.csv", with_column("Currency", &["DAI"]));
    folder.fifo_pnl(&["import", "--preview", "t.csv"]).expect(2);
    folder.write("fifo-pnl.toml", "usd_quotes = [\"USD\", \"DAI\"]\n");
    folder.fifo_pnl(&["import", "--preview", "t.csv"]).expect(0);
}

/// Rows of a few reasons, thousands of one: 1,500 with a sign, 3 with a comma, 400 of one id. Also
/// 2 that repeat a row, and 10 good ones.
fn many() -> String {
    let mut text = format!("{HEAD}\n");
    for nth in 0..10 {
        text.push_str(&format!("g{nth},QNT-USD,buy,1,4,{TIME},0\n"));
    }
    text.push_str(&format!("g0,QNT-USD,buy,1,4,{TIME},0\n").repeat(2));
    for nth in 0..1_500 {
        text.push_str(&format!("n{nth},QNT-USD,sell,-{},4,{TIME},0\n", nth + 1));
        if nth % 500 == 0 {
            text.push_str(&format!("c{nth},QNT-USD,sell,1,\"4,000.25\",{TIME},0\n"));
        }
    }
    for nth in 0..400 {
        text.push_str(&format!("g1,QNT-USD,buy,{},4,{TIME},0\n", nth + 2));
    }
    text
}

#[test]
fn rows_of_one_reason_are_told_together_and_all_are_counted() {
    let folder = Folder::new();
    folder.write("many.csv", many());
    let done = folder.fifo_pnl(&["import", "many.csv"]).expect(2);
    let text = done.stderr;
    let head = "many.csv: 1,915 rows, 2 repeated in the file, 1,903 rejected, 10 good\n";
    assert!(text.contains(head), "{text}");
    for said in [
        "  1,500 rows: size, expected a number above zero\n",
        "    many.csv:14: size is \"-1\": write 1\n",
        "    and 1,495 more\n    hint: drop the sign, as side \"sell\" says",
        "  3 rows: price, expected a number without commas\n    many.csv:15: price is \
         \"4,000.25\": write 4000.25\n",
        "  400 rows: order_id, expected an id of its own\n",
        "which line 3 has with size \"1\" where this one has \"2\"\n",
        "    and 395 more\n",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert_eq!(text.matches("hint:").count(), 3, "{text}");
    assert!(text.lines().count() < 30, "{text}");
}

#[test]
fn json_lists_some_rows_of_each_reason_and_counts_the_rest() {
    let folder = Folder::new();
    folder.write("many.csv", many());
    let done = folder.fifo_pnl(&["import", "--json", "many.csv"]).expect(2);
    let file = &done.json()["files"][0];
    let listed = file["rejected"].as_array().unwrap();
    assert_eq!(listed.len(), 100 + 3 + 100);
    let lines: Vec<u64> = listed
        .iter()
        .map(|row| row["line"].as_u64().unwrap())
        .collect();
    assert!(lines.is_sorted(), "{lines:?}");
    assert_eq!(
        (
            file["rejected_rows"].as_u64(),
            file["rejected_not_listed"].as_u64()
        ),
        (Some(1_903), Some(1_700))
    );
    let reasons = file["rejected_reasons"].as_array().unwrap();
    let counts: Vec<_> = reasons
        .iter()
        .map(|reason| {
            (
                reason["column"].as_str().unwrap(),
                reason["rows"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(counts, [("size", 1_500), ("price", 3), ("order_id", 400)]);
}

/// All rows that are left out are in the database, each once, with what was wrong in full.
#[test]
fn every_row_that_is_left_out_is_kept() {
    let folder = Folder::new();
    folder.write("many.csv", many());
    let done = folder
        .fifo_pnl(&["import", "--skip-invalid", "--json", "many.csv"])
        .expect(1);
    let file = &done.json()["files"][0];
    assert_eq!(
        (file["appended"].as_u64(), file["rejected_rows"].as_u64()),
        (Some(10), Some(1_903))
    );
    let rows = "SELECT count(*), count(DISTINCT line), min(line), max(line) FROM import_rejects";
    assert_eq!(folder.sql(rows), ["1903|1903|14|1916"]);
    let reasons = "SELECT column_name, count(*) FROM import_rejects GROUP BY 1 ORDER BY 2";
    assert_eq!(
        folder.sql(reasons),
        ["price|3", "order_id|400", "size|1500"]
    );
    let one = "SELECT order_id, found, reason, line_text FROM import_rejects WHERE line = 1517";
    let expected = format!(
        "g1|g1|which line 3 has with size \"1\" where this one has \"2\", expected an id of its \
         own|g1,QNT-USD,buy,2,4,{TIME},0"
    );
    assert_eq!(folder.sql(one), [expected]);
    let event =
        "SELECT json_extract(details, '$.rejected') FROM event_log WHERE event_type = 'import'";
    assert_eq!(folder.value(event), "1903");
}

#[test]
fn conflicts_of_one_column_are_told_together() {
    let folder = Folder::new();
    let rows = |price: u32, size: u32| -> String {
        let row = |nth| format!("b{nth},QNT-USD,buy,{size},{price},{TIME},0\n");
        (0..300).map(row).collect()
    };
    folder.write(
        "old.csv",
        format!("{HEAD}\n{}x,QNT-USD,buy,1,1,{TIME},0\n", rows(4, 1)),
    );
    folder.fifo_pnl(&["import", "old.csv"]).expect(0);
    folder.write(
        "new.csv",
        format!("{HEAD}\n{}x,QNT-USD,buy,2,1,{TIME},0\n", rows(5, 1)),
    );
    let text = folder.fifo_pnl(&["import", "new.csv"]).expect(2).stderr;
    for said in [
        "new.csv: 301 rows, 0 new, 0 known, 301 known with other facts\n",
        "  300 rows: known with another price\n",
        "    and 295 more\n",
        "  new.csv:302: order_id is \"x\", which the ledger has with size \"1\"",
    ] {
        assert!(text.contains(said), "{said}\n{text}");
    }
    assert_eq!(text.matches("hint:").count(), 2, "{text}");
    let json = folder
        .fifo_pnl(&["import", "--json", "new.csv"])
        .expect(2)
        .json();
    let file = &json["files"][0];
    assert_eq!(file["conflicts"].as_array().unwrap().len(), 101);
    assert_eq!(
        (
            file["conflict_rows"].as_u64(),
            file["conflicts_not_listed"].as_u64()
        ),
        (Some(301), Some(200))
    );
    let event = "SELECT count(*) FROM event_log WHERE event_type = 'import'";
    assert_eq!(folder.value(event), "1", "nothing was written");
}

#[test]
fn times_of_another_zone_are_told_from_corrected_times() {
    let folder = Folder::new();
    let rows = |minutes: &str| {
        format!(
            "{HEAD}\nb1,QNT-USD,buy,1,10,2025-03-01 12:{minutes}:00,0\n\
             b2,QNT-USD,buy,1,10,2025-07-01 12:{minutes}:00,0\n"
        )
    };
    folder.write("trades.csv", rows("00"));
    folder.write("later.csv", rows("07"));
    let import = |zone: &str, file: &str| folder.fifo_pnl(&["import", "--timezone", zone, file]);
    import("Europe/Athens", "trades.csv").expect(0);
    // Two hours in winter and three in summer: the rows are the same, the zone is not.
    let text = import("UTC", "trades.csv").expect(2).stderr;
    assert!(text.contains("read in another zone than before"), "{text}");
    assert!(
        text.contains("`fifo-pnl import undo ID --reason TEXT`"),
        "{text}"
    );
    assert!(!text.contains("--correct"), "{text}");
    let text = import("Europe/Athens", "later.csv").expect(2).stderr;
    assert!(!text.contains("another zone"), "{text}");
    assert!(
        text.contains("--timezone Europe/Athens --correct"),
        "{text}"
    );
}
