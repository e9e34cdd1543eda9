//! The workbook, opened by a reader that is not the program's.

use std::fs;

use calamine::{Data, Range, Reader, Xlsx, open_workbook};

use crate::tax::{column, fixture, folder_with, tax};

type Book = Xlsx<std::io::BufReader<fs::File>>;

fn sheet(book: &mut Book, name: &str) -> Range<Data> {
    book.worksheet_range(name).unwrap()
}

/// Returns a column by its title, without the title.
fn cells(range: &Range<Data>, title: &str) -> Vec<Data> {
    let head = range.rows().next().unwrap();
    let at = head.iter().position(|cell| *cell == title).unwrap();
    range.rows().skip(1).map(|row| row[at].clone()).collect()
}

fn texts(range: &Range<Data>, title: &str) -> Vec<String> {
    cells(range, title)
        .iter()
        .map(ToString::to_string)
        .collect()
}

#[test]
fn a_workbook_has_what_the_other_files_have() {
    let folder = folder_with("fees-and-dates/trades.csv");
    folder.write("more.csv", fixture("missing-buy/trades.csv"));
    folder.fifo_pnl(&["run", "more.csv"]).expect(0);
    tax(&folder, "2025", "xlsx", "t.xlsx", &["--allow-incomplete"]).expect(0);
    tax(
        &folder,
        "2025",
        "form8949",
        "f.csv",
        &["--allow-incomplete"],
    )
    .expect(0);
    let mut book: Book = open_workbook(folder.join("t.xlsx")).unwrap();
    let expected = [
        "Summary",
        "Short term",
        "Long term",
        "Lots",
        "Unmatched",
        "Open lots",
    ];
    assert_eq!(book.sheet_names(), expected);
    let (short, long) = (
        sheet(&mut book, "Short term"),
        sheet(&mut book, "Long term"),
    );
    let form = folder.read("f.csv");
    for (title, name) in [
        ("(d) Proceeds", "(d) Proceeds"),
        ("(e) Cost", "(e) Cost or other basis"),
        ("(h) Gain or loss", "(h) Gain or loss"),
    ] {
        let printed = [cells(&short, title), cells(&long, title)].concat();
        let printed: Vec<String> = printed
            .iter()
            .map(|cell| match cell {
                Data::Float(number) => format!("{number:.2}"),
                other => panic!("{title}: {other:?} is no number"),
            })
            .collect();
        assert_eq!(printed, column(&form, name), "{title}");
    }
    let dates = cells(&long, "(c) Sold");
    assert!(matches!(dates[0], Data::DateTime(_)), "{dates:?}");
    // Exact values are text: no float has touched them.
    let exact = cells(&short, "Exact cost");
    assert!(
        exact.contains(&Data::String("10.033333333334".into())),
        "{exact:?}"
    );
    let unmatched = sheet(&mut book, "Unmatched");
    assert_eq!(texts(&unmatched, "Exact net proceeds"), ["32.967"]);
    let lots = sheet(&mut book, "Lots");
    assert_eq!(lots.rows().count(), 13);
    assert!(texts(&lots, "Slice of lot").contains(&"2 of 3".to_owned()));
    let summary = sheet(&mut book, "Summary");
    let has = |text: &str| summary.rows().flatten().any(|cell| *cell == text);
    assert!(has("America/New_York") && has("Part II, box L"));
}

#[test]
fn open_lots_are_those_of_the_version() {
    let folder = folder_with("fees-and-dates/trades.csv");
    folder.write(
        "more.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd,account\n\
         o-1,OPN-USD,buy,0.123456789012345678,3,2025-05-01T15:00:00Z,0.01,main\n",
    );
    folder.fifo_pnl(&["run", "more.csv"]).expect(0);
    tax(&folder, "2025", "xlsx", "t.xlsx", &[]).expect(0);
    let mut book: Book = open_workbook(folder.join("t.xlsx")).unwrap();
    let open = sheet(&mut book, "Open lots");
    assert_eq!(texts(&open, "Buy order"), ["o-1"]);
    assert_eq!(
        cells(&open, "Size left"),
        [Data::String("0.123456789012345678".into())]
    );
}

#[test]
fn the_same_workbook_has_the_same_bytes_and_frozen_headers() {
    let folder = folder_with("fees-and-dates/trades.csv");
    tax(&folder, "2025", "xlsx", "a.xlsx", &[]).expect(0);
    tax(&folder, "2025", "xlsx", "b.xlsx", &[]).expect(0);
    let bytes = fs::read(folder.join("a.xlsx")).unwrap();
    assert_eq!(bytes, fs::read(folder.join("b.xlsx")).unwrap());
    let mut zip = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let file = zip.by_name("xl/worksheets/sheet2.xml").unwrap();
    let xml = std::io::read_to_string(file).unwrap();
    assert!(xml.contains("state=\"frozen\""), "no frozen header");
}
