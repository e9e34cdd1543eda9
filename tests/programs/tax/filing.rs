//! Filing: sealed, packed, made again, and amended.

use std::fs;
use std::io::{Cursor, Read, Write};

use crate::support::Folder;
use crate::tax::{column, fixture, folder_with, tax};

/// Reads a zip as names and bytes, in its order.
pub fn unpacked(bytes: Vec<u8>) -> Vec<(String, Vec<u8>)> {
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    (0..zip.len())
        .map(|at| {
            let mut file = zip.by_index(at).unwrap();
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes).unwrap();
            (file.name().unwrap().into_owned(), bytes)
        })
        .collect()
}

pub fn packed(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(name.as_str(), options).unwrap();
        zip.write_all(bytes).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

const FINAL: [&str; 6] = ["tax", "--year", "2025", "--final", "-o", "filed.zip"];

pub fn filed() -> Folder {
    let folder = folder_with("missing-buy/trades.csv");
    folder
        .fifo_pnl(&[&FINAL[..], &["--allow-incomplete"]].concat())
        .expect(0);
    folder
}

#[test]
fn a_filed_zip_has_everything_and_verifies() {
    let folder = filed();
    let bytes = fs::read(folder.join("filed.zip")).unwrap();
    let names: Vec<String> = unpacked(bytes.clone())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    let expected = [
        "income.csv",
        "inputs.csv",
        "lots.csv",
        "reviews.csv",
        "schedule-d.csv",
        "tax.csv",
        "tax.manifest.json",
        "tax.unmatched.csv",
        "taxact.csv",
        "txf.txf",
        "xlsx.xlsx",
    ];
    assert_eq!(names, expected);
    let sealed = folder.value("SELECT sealed_reason FROM allocation_versions WHERE version = 1");
    assert_eq!(sealed, "filed for tax year 2025");
    let done = folder.fifo_pnl(&["tax", "verify", "filed.zip"]).expect(0);
    assert!(
        done.stdout
            .contains("Equal: this database gives what was filed"),
        "{}",
        done.stdout
    );
    let inputs = unpacked(bytes.clone()).remove(1).1;
    let inputs = String::from_utf8(inputs).unwrap();
    let sum = folder.shell("sha256sum trades.csv").expect(0).stdout;
    assert!(inputs.contains(sum.split(' ').next().unwrap()), "{inputs}");
    // The same call again gives the same bytes, although the version is sealed by now.
    folder
        .fifo_pnl(&[&FINAL[..], &["--allow-incomplete", "--overwrite"]].concat())
        .expect(0);
    assert_eq!(fs::read(folder.join("filed.zip")).unwrap(), bytes);
    let kinds = folder.sql("SELECT count(*) FROM event_log WHERE event_type = 'tax_filed'");
    assert_eq!(kinds, ["2"]);
    // Nothing is left beside it.
    let left = folder.shell("ls -A | grep -c parts").stdout;
    assert_eq!(left.trim(), "0");
}

#[test]
fn what_is_incomplete_is_not_filed_by_accident() {
    let folder = folder_with("missing-buy/trades.csv");
    let done = folder.fifo_pnl(&FINAL).expect(3);
    let said = "incomplete: 1 sell, USD 32.97 proceeds";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert!(!folder.join("filed.zip").exists());
    let sealed = "SELECT count(*) FROM allocation_versions WHERE sealed_at IS NOT NULL";
    assert_eq!(folder.value(sealed), "0");
}

#[test]
fn a_zip_that_somebody_changed_is_found() {
    let folder = filed();
    let mut files = unpacked(fs::read(folder.join("filed.zip")).unwrap());
    let form = files
        .iter_mut()
        .find(|(name, _)| name == "tax.csv")
        .unwrap();
    form.1 = String::from_utf8(form.1.clone())
        .unwrap()
        .replace("54.95", "64.95")
        .into_bytes();
    folder.write("changed.zip", packed(&files));
    let done = folder.fifo_pnl(&["tax", "verify", "changed.zip"]).expect(1);
    assert!(done.stdout.contains("altered   tax.csv"), "{}", done.stdout);
    assert!(
        done.stdout.contains("equal     lots.csv"),
        "{}",
        done.stdout
    );
    for (name, bytes, said) in [
        ("no.zip", b"no zip".to_vec(), "is no zip"),
        ("empty.zip", packed(&[]), "has no tax.manifest.json"),
    ] {
        folder.write(name, bytes);
        let done = folder.fifo_pnl(&["tax", "verify", name]).expect(2);
        assert!(done.stderr.contains(said), "{}", done.stderr);
    }
}

#[test]
fn a_database_that_was_changed_is_found() {
    let folder = filed();
    folder.sql(
        "UPDATE fifo_allocations SET cost_basis_usd = '50.06', pnl_usd = '4.885' \
         WHERE buy_order_id = 'b-1'",
    );
    let done = folder.fifo_pnl(&["tax", "verify", "filed.zip"]).expect(1);
    let said = "differs   tax.csv in line 2";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    assert!(done.stdout.contains("Not equal"), "{}", done.stdout);
}

#[test]
fn an_amendment_shows_each_line_that_differs() {
    let folder = filed();
    let done = folder
        .fifo_pnl(&["tax", "amend", "--year", "2025"])
        .expect(0);
    assert!(done.stdout.contains("No line differs"), "{}", done.stdout);
    folder.write("found.csv", fixture("missing-buy/found.csv"));
    let done = folder.fifo_pnl(&["run", "found.csv"]).expect(0);
    let said = "tax year 2025, filed from version 1: 3 lines differ in version 2";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    let done = folder
        .fifo_pnl(&["tax", "amend", "--year", "2025"])
        .expect(1);
    let text = &done.stdout;
    assert!(
        text.contains("gone     unmatched: sell s-1 of main HBAR-USD, buy no lot"),
        "{text}"
    );
    assert!(
        text.contains("new      Part I, box I: sell s-1 of main HBAR-USD, buy b-2-FILL-1"),
        "{text}"
    );
    assert!(
        text.contains("proceeds 21.98, cost 20.82, gain 1.16"),
        "{text}"
    );
    let json = folder
        .fifo_pnl(&["tax", "amend", "--year", "2025", "--json"])
        .expect(1)
        .json();
    assert_eq!(json["filings"][0]["gain_filed"], "0.00");
    assert_eq!(json["filings"][0]["gain_now"], "1.74");
    assert_eq!(json["filings"][0]["lines"].as_array().unwrap().len(), 3);
    // What was filed is still made, byte by byte.
    folder.fifo_pnl(&["tax", "verify", "filed.zip"]).expect(0);
    let done = folder
        .fifo_pnl(&["tax", "amend", "--year", "2024"])
        .expect(2);
    assert!(
        done.stderr.contains("nothing was filed for tax year 2024"),
        "{}",
        done.stderr
    );
}

/// The rows stay as they were, and the class of their pool moves them to another box.
#[test]
fn an_amendment_shows_lines_of_another_class() {
    let folder = Folder::with_trades(
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         b1,AAPL,buy,2,100,2023-01-02T10:00:00Z,0\n\
         s1,AAPL,sell,1,150,2025-01-03T10:00:00Z,0\n",
    );
    folder.compute(&["--all-symbols"]).expect(0);
    folder
        .fifo_pnl(&[&FINAL[..], &["--timezone", "UTC"]].concat())
        .expect(0);
    folder.write(
        "euro.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd,asset_class,usd_value\n\
         b2,AAPL-EUR,buy,1,100,2025-06-02T10:00:00Z,0,crypto,110\n",
    );
    folder.fifo_pnl(&["import", "euro.csv"]).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    let amend = ["tax", "amend", "--year", "2025"];
    let text = folder.fifo_pnl(&amend).expect(1).stdout;
    assert!(text.contains("Part II, box F"), "{text}");
    assert!(text.contains("Part II, box L"), "{text}");
}

/// `AAPL` is a share by its spelling, and the base of `AAPL-EUR` is a coin.
#[test]
fn a_pool_of_several_classes_has_no_box_until_a_person_names_one() {
    let folder = Folder::with_trades(
        "order_id,symbol,side,size,price,order_time,total_fees_usd,usd_value\n\
         b1,AAPL,buy,2,100,2023-01-02T10:00:00Z,0,\n\
         b2,AAPL-EUR,buy,1,100,2023-06-02T10:00:00Z,0,110\n\
         s1,AAPL,sell,1,150,2025-01-03T10:00:00Z,0,\n",
    );
    folder.compute(&["--all-symbols"]).expect(0);
    let export = |file: &str, year: &str| tax(&folder, year, "lots", file, &["--timezone", "UTC"]);
    let said = export("a.csv", "2025").expect(3).stderr;
    let expected = "the rows of default AAPL give the asset several classes, so its tax box is \
                    unknown";
    assert!(said.contains(expected), "{said}");
    let line = "securities = [\"AAPL\"]";
    assert!(said.contains(line), "{said}");
    assert!(!folder.path().join("a.csv").exists());
    // The amounts are known: only a year with sales of the pool asks.
    export("b.csv", "2024").expect(0);
    folder.write("fifo-pnl.toml", format!("[tax]\n{line}\n"));
    export("c.csv", "2025").expect(0);
    assert_eq!(column(&folder.read("c.csv"), "box"), ["F"]);
}

#[test]
fn a_version_that_changes_another_year_says_nothing() {
    let folder = filed();
    folder.write(
        "more.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd,account\n\
         n-1,NEW-USD,buy,1,1,2026-02-01T00:00:00Z,0,main\n\
         n-2,NEW-USD,sell,1,2,2026-02-02T00:00:00Z,0,main\n",
    );
    let done = folder.fifo_pnl(&["run", "more.csv"]).expect(0);
    assert!(!done.stdout.contains("lines differ"), "{}", done.stdout);
}

#[test]
fn an_incremental_run_says_what_it_changes_in_a_filed_year() {
    let folder = filed();
    let add = |name: &str, rows: &str| {
        let head = "order_id,symbol,side,size,price,order_time,total_fees_usd,account\n";
        folder.write(name, format!("{head}{rows}"));
        folder.fifo_pnl(&["import", name]).expect(0);
        folder.compute(&["--incremental"]).expect(0).stdout
    };
    // The sealed version can't be appended to: the first run makes a new one.
    let text = add("1.csv", "n-1,NEW-USD,buy,5,1,2025-02-01T00:00:00Z,0,main\n");
    assert!(!text.contains("lines differ"), "{text}");
    let text = add(
        "2.csv",
        "n-2,NEW-USD,sell,1,2,2026-02-02T00:00:00Z,0,main\n",
    );
    assert!(!text.contains("differ in version"), "{text}");
    // A pool of its own, so that it is appended: a sale of the filed year that came late.
    let text = add(
        "3.csv",
        "l-1,LTE-USD,buy,1,1,2025-03-01T00:00:00Z,0,main\n\
         l-2,LTE-USD,sell,1,2,2025-03-02T00:00:00Z,0,main\n",
    );
    assert!(
        text.contains("tax year 2025, filed from version 1: 1 line differ"),
        "{text}"
    );
}
