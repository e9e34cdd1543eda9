//! Files of exchanges, imported as they are.
#![cfg(all(feature = "cli", unix))]

use std::collections::BTreeMap;
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

/// Returns whether a file may begin or end before each line: not between rows of one instant.
fn cuts(name: &str, text: &str) -> Vec<usize> {
    let expected = repository().join(format!("fixtures/formats/{name}/expected.csv"));
    let expected = fs::read_to_string(expected).unwrap();
    let trades = expected.lines().skip(1).map(|row| {
        let cells: Vec<&str> = row.split(',').collect();
        let line: usize = cells.last().unwrap().parse().unwrap();
        (line, cells[5].to_owned())
    });
    let times: BTreeMap<usize, String> = trades.collect();
    let lines = 2..=text.lines().count();
    let is_cut = |line: &usize| {
        let before = times.range(..line).next_back();
        let behind = times.range(line..).next();
        before.map(|(_, time)| time) != behind.map(|(_, time)| time)
    };
    lines.filter(is_cut).collect()
}

#[test]
fn files_that_overlap_give_what_the_whole_file_gives() {
    for (name, text) in samples() {
        let folder = Folder::new();
        folder.write("whole.csv", &text);
        folder.fifo_pnl(&["import", "whole.csv"]).expect(0);
        let whole = ledger(&folder);
        let (header, _) = text.split_once('\n').unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let cuts = cuts(&name, &text);
        for pair in cuts.windows(2) {
            // The rows between the cuts are in both files.
            let (early, late) = (
                lines[1..pair[1] - 1].join("\n"),
                lines[pair[0] - 1..].join("\n"),
            );
            for order in [[&early, &late], [&late, &early]] {
                let folder = Folder::new();
                for (nth, rows) in order.iter().enumerate() {
                    folder.write(&format!("{nth}.csv"), format!("{header}\n{rows}\n"));
                    folder
                        .fifo_pnl(&["import", &format!("{nth}.csv")])
                        .expect(0);
                }
                assert_eq!(ledger(&folder), whole, "{name} at {pair:?}");
            }
        }
    }
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
