//! The formats agree with each other, and other readers can read them.

use std::collections::BTreeMap;

use crate::support::Folder;
use crate::tax::{column, fixture, folder_with, rows, tax};

/// Reads a TXF file as records of lines by their letters.
fn txf_records(text: &str) -> Vec<Vec<String>> {
    let lines: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(lines.last(), Some(&""), "the last line ends");
    let mut records = vec![Vec::new()];
    for line in &lines[..lines.len() - 1] {
        match *line {
            "^" => records.push(Vec::new()),
            line => records.last_mut().unwrap().push(line.to_owned()),
        }
    }
    assert_eq!(records.pop(), Some(Vec::new()), "the last record ends");
    records
}

fn cents(text: &str) -> i64 {
    let (whole, cents) = text.split_once('.').unwrap();
    assert_eq!(cents.len(), 2, "{text}");
    let digits: i64 = format!("{}{cents}", whole.trim_start_matches('-'))
        .parse()
        .unwrap();
    if text.starts_with('-') {
        -digits
    } else {
        digits
    }
}

fn sum(cells: &[String]) -> i64 {
    cells.iter().map(|cell| cents(cell)).sum()
}

/// A ledger whose sales have boxes that every format has: of 2024.
fn folder_of_2024() -> Folder {
    let trades = fixture("fees-and-dates/trades.csv");
    let trades = trades.replace("2024-", "2023-").replace("2025-", "2024-");
    let folder = folder_with("missing-buy/trades.csv");
    folder.write("more.csv", trades.replace("2026-", "2025-"));
    folder.fifo_pnl(&["run", "more.csv"]).expect(0);
    folder
}

#[test]
fn totals_of_all_formats_agree() {
    let folder = folder_of_2024();
    for format in ["form8949", "schedule-d", "lots", "taxact"] {
        tax(&folder, "2024", format, &format!("{format}.csv"), &[]).expect(0);
    }
    tax(&folder, "2024", "txf", "t.txf", &[]).expect(0);
    let form = folder.read("form8949.csv");
    let proceeds = sum(&column(&form, "(d) Proceeds"));
    let cost = sum(&column(&form, "(e) Cost or other basis"));
    let gain = sum(&column(&form, "(h) Gain or loss"));
    assert_eq!((proceeds, cost, gain), (41_870, 39_121, 2_749));
    let schedule = rows(&folder.read("schedule-d.csv"));
    let last = schedule.last().unwrap();
    assert_eq!(
        [&last[0], &last[4], &last[5], &last[7]],
        ["16", "418.70", "391.21", "27.49"]
    );
    let lots = folder.read("lots.csv");
    assert_eq!(sum(&column(&lots, "printed_proceeds")), proceeds);
    assert_eq!(sum(&column(&lots, "printed_cost")), cost);
    assert_eq!(sum(&column(&lots, "printed_gain")), gain);
    let taxact = folder.read("taxact.csv");
    assert_eq!(sum(&column(&taxact, "Sales Proceeds")), proceeds);
    assert_eq!(sum(&column(&taxact, "Cost or Other Basis")), cost);
    let records = txf_records(&folder.read("t.txf"));
    let amounts = |at: usize| -> i64 {
        let of = |record: &Vec<String>| cents(record[at].strip_prefix('$').unwrap());
        records[1..].iter().map(of).sum()
    };
    assert_eq!((amounts(7), amounts(8)), (cost, proceeds));
    for format in ["form8949", "schedule-d", "lots", "taxact"] {
        let manifest = folder.read(&format!("{format}.manifest.json"));
        let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
        assert_eq!(manifest["totals"]["printed"]["gain"], "27.49", "{format}");
        assert_eq!(manifest["totals"]["exact"]["gain"], "27.4945", "{format}");
    }
}

#[test]
fn a_txf_has_the_records_of_its_specification() {
    let folder = folder_of_2024();
    tax(&folder, "2024", "txf", "t.txf", &[]).expect(0);
    let records = txf_records(&folder.read("t.txf"));
    assert_eq!(records[0][0], "V042");
    assert!(records[0][1].starts_with("Afifo-pnl "), "{:?}", records[0]);
    assert_eq!(records[0][2], "D 12/31/2024");
    let mut references = BTreeMap::new();
    for record in &records[1..] {
        let letters: String = record.iter().map(|line| &line[..1]).collect();
        assert_eq!(letters, "TNCLPDD$$", "{record:?}");
        *references.entry(record[1].clone()).or_insert(0) += 1;
    }
    let expected = [("N712".to_owned(), 8), ("N714".to_owned(), 2)];
    assert_eq!(references, expected.into());
    let long = records[1..]
        .iter()
        .find(|record| record[4] == "P1 NYE")
        .unwrap();
    let expected = [
        "TD",
        "N714",
        "C1",
        "L1",
        "P1 NYE",
        "D12/05/2023",
        "D12/31/2024",
        "$1.00",
        "$3.00",
    ];
    assert_eq!(long, &expected);
}

#[test]
fn a_txf_says_which_boxes_it_has_no_reference_for() {
    let folder = folder_with("fees-and-dates/trades.csv");
    let done = tax(&folder, "2025", "txf", "t.txf", &[]).expect(0);
    assert_eq!(txf_records(&folder.read("t.txf")).len(), 1);
    let said = "8 rows of box I from txf: version 042 of the format has no reference for it";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    let manifest = folder.read("t.txf.manifest.json");
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    assert_eq!(manifest["left_out"][1]["what"], "box L");
    assert_eq!(manifest["left_out"][1]["rows"], 2);
}

#[test]
fn taxact_gets_files_that_it_has_room_for() {
    let mut trades = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
                      b,A-USD,buy,5000,1,2024-01-02T15:00:00Z,0\n"
        .to_owned();
    for number in 0..2_001 {
        trades.push_str(&format!(
            "s{number:04},A-USD,sell,1,2,2024-02-02T15:00:00Z,0\n"
        ));
    }
    let folder = Folder::with_trades(&trades);
    folder.compute(&["--all-symbols"]).expect(0);
    tax(&folder, "2024", "taxact", "t.csv", &["--timezone", "UTC"]).expect(0);
    assert_eq!(rows(&folder.read("t.csv")).len(), 2_001);
    let rest = rows(&folder.read("t.2.csv"));
    assert_eq!(rest.len(), 2);
    assert_eq!(rest[1][7], "s2000");
    // A smaller export in the same place takes the second file away.
    folder
        .fifo_pnl(&["void", "s0000", "--reason", "test"])
        .expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    tax(&folder, "2024", "taxact", "t.csv", &["--overwrite"]).expect(0);
    assert!(!folder.join("t.2.csv").exists());
}

#[test]
fn whole_dollars_are_rounded_row_by_row() {
    let folder = folder_with("fees-and-dates/trades.csv");
    tax(&folder, "2025", "form8949", "t.csv", &["--whole-dollars"]).expect(0);
    let form = folder.read("t.csv");
    let gains = column(&form, "(h) Gain or loss");
    // 11 less 10 three times, where the exact gains add up to 2.75.
    assert_eq!(gains[3..6], ["1", "1", "1"]);
    assert_eq!(column(&form, "(d) Proceeds")[0], "0");
    tax(&folder, "2025", "schedule-d", "d.csv", &["--whole-dollars"]).expect(0);
    let total: i64 = gains.iter().map(|gain| gain.parse::<i64>().unwrap()).sum();
    assert_eq!(
        rows(&folder.read("d.csv")).last().unwrap()[7],
        total.to_string()
    );
}

#[test]
fn symbols_that_look_like_formulas_are_harmless() {
    let folder = Folder::with_trades(
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         =1+1,\"=CMD(\"\"A\"\",1)-USD\",buy,1,5,2025-01-02T15:00:00Z,0\n\
         @s,\"=CMD(\"\"A\"\",1)-USD\",sell,1,6,2025-01-03T15:00:00Z,0\n",
    );
    folder.compute(&["--all-symbols"]).expect(0);
    for format in ["lots", "form8949", "taxact"] {
        let name = format!("{format}.csv");
        tax(&folder, "2025", format, &name, &["--timezone", "UTC"]).expect(0);
        for cell in rows(&folder.read(&name)).concat() {
            assert!(!cell.starts_with(['=', '+', '@']), "{format}: {cell}");
        }
    }
    let lots = folder.read("lots.csv");
    assert_eq!(column(&lots, "symbol"), ["'=CMD(\"A\",1)-USD"]);
    assert_eq!(column(&lots, "sell_order_id"), ["'@s"]);
    // A number below zero is no text: it stays a number.
    folder.write(
        "loss.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         b,A-USD,buy,1,5,2025-01-02T15:00:00Z,0\ns,A-USD,sell,1,4,2025-01-03T15:00:00Z,0\n",
    );
    folder.fifo_pnl(&["run", "loss.csv"]).expect(0);
    tax(&folder, "2025", "lots", "loss-lots.csv", &[]).expect(0);
    assert!(column(&folder.read("loss-lots.csv"), "pnl_usd").contains(&"-1".to_owned()));
}
