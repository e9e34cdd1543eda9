//! Files of exchanges, imported as they are.
#![cfg(all(feature = "cli", unix))]

use std::fs;

use crate::support;

use support::{Folder, repository};

/// Returns the name and the text of each sample.
fn samples() -> Vec<(String, String)> {
    let folder = repository().join("fixtures/formats");
    let formats = fs::read_dir(&folder).unwrap();
    let mut samples = Vec::new();
    for format in formats {
        let format = format.unwrap();
        if !format.path().join("expected.csv").exists() {
            continue;
        }
        let text = fs::read_to_string(format.path().join("sample.csv")).unwrap();
        samples.push((format.file_name().into_string().unwrap(), text));
    }
    samples.sort();
    assert!(samples.len() >= 5, "{folder:?}");
    samples
}

/// Lists the facts of the ledger, without the lines of files.
fn ledger(folder: &Folder) -> Vec<String> {
    folder.sql(
        "SELECT account, order_id, symbol, side, size, price, order_time, total_fees_usd, \
         quote_value, fee_amount, fee_currency, exchange FROM trade_records ORDER BY 1, 2",
    )
}

#[test]
fn each_sample_is_imported_once_and_named() {
    for (name, text) in samples() {
        let folder = Folder::new();
        folder.write("export.csv", &text);
        let first = folder.fifo_pnl(&["import", "export.csv"]).expect(0).stdout;
        assert!(first.contains(&format!("  format: {name}\n")), "{first}");
        let whole = ledger(&folder);
        let second = folder
            .fifo_pnl(&["import", "--json", "export.csv"])
            .expect(0);
        let file = second.json()["files"][0].clone();
        assert_eq!(
            (&file["appended"], &file["format"]),
            (&0.into(), &name.into()),
            "{file}"
        );
        assert_eq!(ledger(&folder), whole);
    }
}

/// Returns the lines of trades before which a file may begin or end: not between rows of one
/// instant.
fn cuts(name: &str) -> Vec<usize> {
    let expected = repository().join(format!("fixtures/formats/{name}/expected.csv"));
    let expected = fs::read_to_string(expected).unwrap();
    let trades = expected.lines().skip(1).map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        let line: usize = cells.last().unwrap().parse().unwrap();
        (line, cells[5].to_owned())
    });
    let trades: Vec<(usize, String)> = trades.collect();
    let first = trades.first().map(|(line, _)| *line);
    let later = trades.windows(2).filter_map(|pair| match pair {
        [(_, before), (line, time)] if before != time => Some(*line),
        _ => None,
    });
    first.into_iter().chain(later).collect()
}

#[test]
fn files_that_overlap_give_what_the_whole_file_gives() {
    for (name, text) in samples() {
        let folder = Folder::new();
        folder.write("whole.csv", &text);
        folder.fifo_pnl(&["import", "whole.csv"]).expect(0);
        let whole = ledger(&folder);
        let lines: Vec<&str> = text.lines().collect();
        let mut cuts = cuts(&name);
        let head = lines[..cuts[0] - 1].join("\n");
        cuts.push(lines.len() + 1);
        for at in cuts.windows(3) {
            // The rows between two cuts are in both files.
            let (early, late) = (&lines[cuts[0] - 1..at[2] - 1], &lines[at[1] - 1..]);
            for order in [[early, late], [late, early]] {
                let folder = Folder::new();
                for (nth, rows) in order.iter().enumerate() {
                    let rows = rows.join("\n");
                    folder.write(&format!("{nth}.csv"), format!("{head}\n{rows}\n"));
                    folder
                        .fifo_pnl(&["import", &format!("{nth}.csv")])
                        .expect(0);
                }
                assert_eq!(ledger(&folder), whole, "{name} at {at:?}");
            }
        }
    }
}

#[test]
fn a_list_of_orders_is_refused_by_name() {
    let folder = Folder::new();
    let sample = repository().join("fixtures/formats/binance-orders/sample.csv");
    folder.write("export.csv", fs::read_to_string(sample).unwrap());
    let said = folder.fifo_pnl(&["import", "export.csv"]).expect(2).stderr;
    let why = "export.csv:1: the file is binance-orders: a list of orders has no fees; export the \
               trade history of spot";
    assert!(said.contains(why), "{said}");
}

/// The same wall time in a zone two hours ahead is two hours earlier.
#[test]
fn the_name_of_a_file_says_the_zone_of_its_times() {
    let folder = Folder::new();
    let sample = repository().join("fixtures/formats/binance-trades/sample.csv");
    let name = "Binance-Spot-Trade-History-202408250000(UTC+2).csv";
    folder.write(name, fs::read_to_string(sample).unwrap());
    folder.fifo_pnl(&["import", name]).expect(0);
    // 2024-08-24T20:40:05Z, in microseconds.
    let last = folder.value("SELECT max(order_time) FROM trade_records");
    assert_eq!(last, "1724532005000000");
}

/// Bought 0.4 ETH for 2,500 each, less 0.0016 withheld: 0.3984 for 1,000. Sold 0.2 for 520 less
/// 0.52. Cost: round12(1000 x 0.2 / 0.3984) = 502.008032128514.
#[test]
fn an_export_gives_a_result_in_one_step() {
    let folder = Folder::new();
    let (_, text) = samples()
        .into_iter()
        .find(|(name, _)| name == "crypto-com-exchange")
        .unwrap();
    folder.write("export.csv", text);
    folder.fifo_pnl(&["run", "export.csv"]).expect(0);
    let row = "SELECT cost_basis_usd || ' ' || net_proceeds_usd || ' ' || pnl_usd \
               FROM v_current_allocations";
    assert_eq!(folder.value(row), "502.008032128514 519.48 17.471967871486");
}

#[test]
fn a_header_that_is_nearly_known_is_refused_with_what_differs() {
    let folder = Folder::new();
    let (_, text) = samples()
        .into_iter()
        .find(|(name, _)| name == "kraken-trades")
        .unwrap();
    folder.write("export.csv", text.replacen("\"costusd\"", "\"feeccy\"", 1));
    let said = folder.fifo_pnl(&["import", "export.csv"]).expect(2).stderr;
    let why = "export.csv:1: the header is nearly that of kraken-trades: nobody has seen \
               \"feeccy\" there";
    assert!(said.contains(why), "{said}");
    assert!(said.contains("--ignore-column \"feeccy\""), "{said}");
}

#[test]
fn a_drafted_format_reads_the_file_that_it_was_drafted_from() {
    let folder = Folder::new();
    let text = "My broker\nDate,Pair,Action,Qty,Price,Fee,Fee Currency\n\
                2025-01-02 10:00:00,BTC-EUR,buy,1,100,1,EUR\n\
                2025-01-02 10:00:00,BTC-EUR,buy,1,100,1,EUR\n";
    folder.write("export.csv", text);
    folder.fifo_pnl(&["import", "export.csv"]).expect(2);
    let draft = folder
        .fifo_pnl(&["formats", "draft", "export.csv"])
        .expect(0)
        .stdout;
    folder.write("fifo-pnl.toml", &draft);
    let listed = folder.fifo_pnl(&["formats", "list"]).expect(0).stdout;
    assert!(listed.contains("\nkraken-trades\n"), "{listed}");
    assert!(listed.ends_with("\nexport\n"), "{listed}");
    let said = folder
        .fifo_pnl(&["import", "--format", "export", "export.csv"])
        .expect(0)
        .stdout;
    assert!(said.contains("2 rows, 2 new"), "{said}");
    let other = ["import", "--format", "kraken-trades", "export.csv"];
    let said = folder.fifo_pnl(&other).expect(2).stderr;
    assert!(said.contains("nearly that of kraken-trades"), "{said}");
    let said = folder.fifo_pnl(&["import", "--format", "x", "export.csv"]);
    let said = said.expect(2).stderr;
    assert!(said.contains("no format has the name \"x\""), "{said}");
    // A name of the program's own formats is taken.
    folder.write(
        "fifo-pnl.toml",
        draft.replace("formats.export", "formats.schwab"),
    );
    let said = folder.fifo_pnl(&["formats", "list"]).expect(2).stderr;
    let why = "fifo-pnl.toml: formats.schwab: another format has this name";
    assert!(said.contains(why), "{said}");
}

#[test]
fn a_table_is_shown_as_it_is_in_the_program() {
    let folder = Folder::new();
    let shown = folder.fifo_pnl(&["formats", "show", "schwab"]).expect(0);
    let table = repository().join("src/import/formats/schwab.toml");
    assert_eq!(shown.stdout, fs::read_to_string(table).unwrap());
}
