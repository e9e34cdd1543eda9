//! Tax files, made by the program as a person makes them, and read by other readers.
//!
//! The fixtures are worked by hand: fixtures/tax/README.md.
#![cfg(all(feature = "cli", unix))]

use crate::support;

mod filing;
mod formats;
mod income;
mod places;
mod rounding;
mod undecided;
mod workbook;
mod zips;

use std::fs;

use support::{Done, Folder, repository};

/// Returns a file of the fixtures.
fn fixture(name: &str) -> String {
    let path = repository().join("fixtures/tax").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Makes a folder whose ledger is a fixture, computed, and whose dates are of New York.
fn folder_with(name: &str) -> Folder {
    let folder = Folder::new();
    folder.write("trades.csv", fixture(name));
    folder.write("fifo-pnl.toml", "[tax]\ntimezone = \"America/New_York\"\n");
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    folder
}

/// Exports a year.
fn tax(folder: &Folder, year: &str, format: &str, output: &str, more: &[&str]) -> Done {
    let mut args = vec!["tax", "--year", year, "--format", format, "-o", output];
    args.extend(more);
    folder.fifo_pnl(&args)
}

/// Reads a CSV as rows of cells, by a reader that is not the program's.
fn rows(text: &str) -> Vec<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .from_reader(text.as_bytes());
    let cells = |record: csv::StringRecord| record.iter().map(str::to_owned).collect();
    reader.records().map(|row| cells(row.unwrap())).collect()
}

/// Returns a column of a CSV by name, without the header.
fn column(text: &str, name: &str) -> Vec<String> {
    let rows = rows(text);
    let at = rows[0].iter().position(|cell| cell == name).unwrap();
    rows[1..].iter().map(|row| row[at].clone()).collect()
}

/// Returns the expected text of a file: lines of a tax file end as RFC 4180 has it.
fn with_crlf(text: &str) -> String {
    text.replace('\n', "\r\n")
}

/// Nothing says that the base of a pair is a share: the note asks.
#[test]
fn a_share_priced_in_euros_is_named_until_a_setting_says_what_it_is() {
    let folder = Folder::with_trades(
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         b1,AAPL-EUR,buy,1,100,2025-03-03T10:00:00Z,0\n\
         s1,AAPL-EUR,sell,1,120,2025-03-04T10:00:00Z,0\n",
    );
    let rate = "asset,time,currency,rate\nEUR,2025-03-03,USD,1.05\nEUR,2025-03-04,USD,1.05\n";
    folder.write("rates.csv", rate);
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    let tax = [
        "tax",
        "--year",
        "2025",
        "--timezone",
        "UTC",
        "--format",
        "form8949",
        "-o",
        "a.csv",
    ];
    let text = folder.fifo_pnl(&tax).expect(0).stdout;
    let note = "Note      AAPL counts as a digital asset, because it is traded as a pair.";
    assert!(text.contains(note) && text.contains("box I"), "{text}");
    folder.write("fifo-pnl.toml", "[tax]\nsecurities = [\"AAPL\"]\n");
    let again = folder
        .fifo_pnl(&[&tax[..], &["--overwrite"]].concat())
        .expect(0)
        .stdout;
    assert!(
        !again.contains("digital asset") && again.contains("box C"),
        "{again}"
    );
}

#[test]
fn fees_dates_and_terms() {
    let folder = folder_with("fees-and-dates/trades.csv");
    let done = tax(&folder, "2025", "form8949", "f.csv", &[]).expect(0);
    let expected = with_crlf(&fixture("fees-and-dates/form8949-2025.csv"));
    assert_eq!(folder.read("f.csv"), expected);
    assert!(
        done.stdout.contains("1 row has a fee that is unknown"),
        "{}",
        done.stdout
    );
    tax(&folder, "2025", "schedule-d", "d.csv", &[]).expect(0);
    let expected = with_crlf(&fixture("fees-and-dates/schedule-d-2025.csv"));
    assert_eq!(folder.read("d.csv"), expected);
    tax(&folder, "2025", "lots", "lots.csv", &[]).expect(0);
    let lots = folder.read("lots.csv");
    let at = |name: &str, sell: &str| {
        let sells = column(&lots, "sell_order_id");
        let row = sells.iter().position(|id| id == sell).unwrap();
        column(&lots, name)[row].clone()
    };
    let fees = ["thr-s1", "thr-s2", "thr-s3"].map(|sell| at("buy_fee_usd", sell));
    assert_eq!(fees, ["0.033333333333", "0.033333333334", "0.033333333333"]);
    assert_eq!(
        (at("lot_slice", "thr-s2"), at("lot_slices", "thr-s2")),
        ("2".into(), "3".into())
    );
    assert_eq!(at("pnl_usd", "prf-s"), "-0.2755");
    assert_eq!(at("pnl_usd", "rbt-s"), "1.04");
    assert_eq!(at("pnl_usd", "dst-s"), "-0.01");
    assert_eq!(at("buy_fee_usd", "unk-s"), "");
    assert_eq!(
        (at("days_held", "yrs-s1"), at("term", "yrs-s1")),
        ("365".into(), "short".into())
    );
    assert_eq!(
        (at("days_held", "yrs-s2"), at("term", "yrs-s2")),
        ("366".into(), "long".into())
    );
    assert_eq!(
        (at("sell_file", "yrs-s2"), at("sell_line", "yrs-s2")),
        ("trades.csv".into(), "16".into())
    );
}

#[test]
fn the_tax_year_is_that_of_the_zone() {
    let folder = folder_with("fees-and-dates/trades.csv");
    tax(&folder, "2024", "lots", "ny.csv", &[]).expect(0);
    assert_eq!(column(&folder.read("ny.csv"), "sell_order_id"), ["nye-s1"]);
    assert_eq!(column(&folder.read("ny.csv"), "box"), ["C"]);
    let utc = ["--timezone", "UTC"];
    let done = tax(&folder, "2024", "lots", "utc.csv", &utc).expect(0);
    assert!(done.stdout.contains("No sales"), "{}", done.stdout);
    assert!(done.stderr.contains("America/New_York"), "{}", done.stderr);
    tax(&folder, "2026", "lots", "26.csv", &utc).expect(0);
    assert_eq!(column(&folder.read("26.csv"), "sell_order_id"), ["nye-s2"]);
    let manifest: serde_json::Value =
        serde_json::from_str(&folder.read("26.manifest.json")).unwrap();
    assert_eq!(manifest["tax"]["timezone"], "UTC");
}

/// More slices than are kept back: their number stands in each row all the same.
#[test]
fn a_lot_and_a_sell_of_very_many_slices() {
    let folder = Folder::new();
    let mut text = "order_id,symbol,side,size,price,order_time,total_fees_usd\n".to_owned();
    let mut line = |id: &str, side, size, minute: usize| {
        let (day, hour) = (1 + minute / 1_440, minute / 60 % 24);
        let time = format!("2025-01-{day:02}T{hour:02}:{:02}:00Z", minute % 60);
        text.push_str(&format!("{id},BTC-USD,{side},{size},10,{time},0\n"));
    };
    line("b-long", "buy", 9_000, 0);
    (1..=9_000).for_each(|number| line(&format!("s{number:05}"), "sell", 1, number));
    (1..=9_000).for_each(|number| line(&format!("b{number:05}"), "buy", 1, 9_000 + number));
    line("s-long", "sell", 9_000, 20_000);
    folder.write("trades.csv", text);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    tax(&folder, "2025", "lots", "l.csv", &["--timezone", "UTC"]).expect(0);
    let lots = folder.read("l.csv");
    let numbers = || (1..=9_000).map(|number: usize| number.to_string());
    let same = |text: &str| std::iter::repeat_n(text.to_owned(), 9_000);
    let lot: Vec<String> = numbers().chain(same("1")).collect();
    let of_lot: Vec<String> = same("9000").chain(same("1")).collect();
    let sell: Vec<String> = same("1").chain(numbers()).collect();
    let of_sell: Vec<String> = same("1").chain(same("9000")).collect();
    assert_eq!(column(&lots, "lot_slice"), lot);
    assert_eq!(column(&lots, "lot_slices"), of_lot);
    assert_eq!(column(&lots, "sell_slice"), sell);
    assert_eq!(column(&lots, "sell_slices"), of_sell);
}

#[test]
fn a_missing_buy_is_seen_and_then_found() {
    let folder = folder_with("missing-buy/trades.csv");
    let done = tax(&folder, "2025", "form8949", "t.csv", &[]).expect(1);
    let last = done.stdout.lines().last().unwrap_or_default();
    assert_eq!(last, "incomplete: 1 sell, USD 32.97 proceeds");
    let unmatched = folder.read("t.unmatched.csv");
    assert_eq!(column(&unmatched, "net_proceeds_usd"), ["32.967"]);
    assert_eq!(column(&unmatched, "unmatched_size"), ["6"]);
    assert_eq!(column(&unmatched, "sell_order_id"), ["s-1"]);
    assert!(!unmatched.contains("cost_basis"));
    assert_eq!(column(&folder.read("t.csv"), "(h) Gain or loss"), ["4.90"]);
    let allowed = ["--allow-incomplete", "--overwrite"];
    tax(&folder, "2025", "form8949", "t.csv", &allowed).expect(0);
    // The buy is found: version 2 is whole, and version 1 is what it was.
    tax(&folder, "2025", "lots", "v1.csv", &["--allow-incomplete"]).expect(0);
    folder.write("found.csv", fixture("missing-buy/found.csv"));
    folder.fifo_pnl(&["import", "found.csv"]).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    tax(&folder, "2025", "form8949", "t.csv", &["--overwrite"]).expect(0);
    let expected = with_crlf(&fixture("missing-buy/form8949-2025-found.csv"));
    assert_eq!(folder.read("t.csv"), expected);
    assert!(!folder.join("t.unmatched.csv").exists());
    tax(&folder, "2025", "lots", "v2.csv", &[]).expect(0);
    assert_eq!(
        column(&folder.read("v2.csv"), "pnl_usd"),
        ["4.895", "1.1572", "0.5786"]
    );
    assert_eq!(
        folder.value("SELECT status FROM manual_review_queue"),
        "resolved"
    );
    let old = ["--version", "1", "--allow-incomplete"];
    tax(&folder, "2025", "lots", "again.csv", &old).expect(0);
    assert_eq!(folder.read("again.csv"), folder.read("v1.csv"));
}

#[test]
fn boxes_come_from_the_configuration() {
    let folder = folder_with("missing-buy/trades.csv");
    let lines = "[tax]\ntimezone = \"UTC\"\n[[tax.boxes]]\naccount = \"main\"\nyear = 2025\n\
                 reported = \"no-basis\"\n";
    folder.write("fifo-pnl.toml", lines);
    tax(&folder, "2025", "lots", "a.csv", &["--allow-incomplete"]).expect(0);
    assert_eq!(column(&folder.read("a.csv"), "box"), ["H", ""]);
    let lines = lines.replace("[[tax", "securities = [\"HBAR-USD\"]\n[[tax");
    folder.write("fifo-pnl.toml", lines);
    tax(&folder, "2025", "lots", "b.csv", &["--allow-incomplete"]).expect(0);
    assert_eq!(column(&folder.read("b.csv"), "box"), ["B", ""]);
}

/// BTC: 150 - 100 = 50. EUR: 100 x (1.10 - 1.05) = 5. MES: 510 - 500 = 10.
const THREE_CLASSES: &str = "\
    order_id,symbol,side,size,price,order_time,total_fees_usd,asset_class\n\
    b1,BTC-USD,buy,1,100,2025-01-02T15:00:00Z,0,\n\
    s1,BTC-USD,sell,1,150,2025-06-02T15:00:00Z,0,\n\
    b2,EUR-USD,buy,100,1.05,2025-01-02T15:00:00Z,0,\n\
    s2,EUR-USD,sell,100,1.10,2025-06-02T15:00:00Z,0,\n\
    b3,MES,buy,1,500,2025-01-02T15:00:00Z,0,future\n\
    s3,MES,sell,1,510,2025-06-02T15:00:00Z,0,future\n";

#[test]
fn currencies_and_contracts_are_not_on_form_8949() {
    let folder = Folder::with_trades(THREE_CLASSES);
    folder.write("fifo-pnl.toml", "[tax]\ntimezone = \"UTC\"\n");
    folder.compute(&["--all-symbols"]).expect(0);
    let apart = [
        "Apart     1 row of class fx, not on Form 8949: proceeds 110.00, cost 105.00, gain 5.00\n",
        "Apart     1 row of class future, not on Form 8949: proceeds 510.00, cost 500.00, gain \
         10.00\n",
    ];
    for (format, number) in [("form8949", 1), ("taxact", 1), ("lots", 3)] {
        let file = format!("{format}.csv");
        let done = tax(&folder, "2025", format, &file, &[]).expect(0).stdout;
        assert!(apart.iter().all(|said| done.contains(said)), "{done}");
        assert_eq!(rows(&folder.read(&file)).len() - 1, number);
    }
    let form = folder.read("form8949.csv");
    assert_eq!(column(&form, "(h) Gain or loss"), ["50.00"]);
    let lots = folder.read("lots.csv");
    assert_eq!(column(&lots, "asset"), ["BTC", "EUR", "MES"]);
    assert_eq!(column(&lots, "box"), ["I", "", ""]);
    assert_eq!(column(&lots, "part"), ["I", "", ""]);
    assert_eq!(column(&lots, "printed_gain"), ["50.00", "5.00", "10.00"]);
    tax(&folder, "2025", "schedule-d", "d.csv", &[]).expect(0);
    let gains = column(&folder.read("d.csv"), "(h) Gain or loss");
    assert_eq!(gains, ["50.00"; 3]);
    let manifest: serde_json::Value =
        serde_json::from_str(&folder.read("form8949.manifest.json")).unwrap();
    let others = &manifest["not_on_form_8949"];
    let of = |nth: usize| {
        format!(
            "{} {}",
            others[nth]["class"], others[nth]["printed"]["gain"]
        )
    };
    assert_eq!(of(0), "\"fx\" \"5.00\"");
    assert_eq!(of(1), "\"future\" \"10.00\"");
    assert_eq!(manifest["totals"]["exact"]["gain"], "50");

    // A person who treats them as capital says so.
    let lines = "[tax]\ntimezone = \"UTC\"\nsecurities = [\"EUR-USD\", \"MES\"]\n";
    folder.write("fifo-pnl.toml", lines);
    let done = tax(&folder, "2025", "lots", "again.csv", &[])
        .expect(0)
        .stdout;
    assert!(!done.contains("Apart"), "{done}");
    assert_eq!(column(&folder.read("again.csv"), "box"), ["I", "C", "C"]);
}

#[test]
fn rejected_and_excluded_pools_are_named() {
    let folder = folder_with("missing-buy/trades.csv");
    let exclude = ["review", "exclude", "--account", "main", "--asset", "HBAR"];
    folder
        .fifo_pnl(&[&exclude[..], &["--reason", "=why"]].concat())
        .expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    let done = tax(&folder, "2025", "form8949", "t.csv", &[]).expect(1);
    let last = done.stdout.lines().last().unwrap_or_default();
    assert_eq!(
        last,
        "incomplete: 0 sells, USD 0.00 proceeds; 1 pool excluded: main HBAR"
    );
    let pools = folder.read("t.pools-left-out.csv");
    assert_eq!(column(&pools, "status"), ["excluded"]);
    assert_eq!(column(&pools, "reason"), ["'=why"]);
}

#[test]
fn several_dollar_symbols_of_one_asset_are_said() {
    let folder = Folder::with_trades(
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         b1,BTC-USD,buy,1,5,2025-01-02T15:00:00Z,0\n\
         b2,BTC-USDC,buy,1,5,2025-01-02T15:00:00Z,0\n",
    );
    folder.compute(&["--all-symbols"]).expect(0);
    let said = "BTC of account default was traded as BTC-USD, BTC-USDC";
    let one = tax(&folder, "2025", "lots", "one.csv", &["--timezone", "UTC"]).expect(0);
    assert!(!one.stdout.contains(said), "{}", one.stdout);
    folder.write("fifo-pnl.toml", "[pools]\nby = \"symbol\"\n");
    folder.compute(&["--all-symbols"]).expect(0);
    let done = tax(&folder, "2025", "lots", "t.csv", &["--timezone", "UTC"]).expect(0);
    assert!(done.stdout.contains(said), "{}", done.stdout);
    let manifest = folder.read("t.manifest.json");
    assert!(manifest.contains("\"BTC-USDC\""), "{manifest}");
}
