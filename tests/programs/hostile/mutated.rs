//! Files of trades with cells, rows and bytes changed at random, through the programs on SQLite. No
//! program panics, takes a trade that is not in the file, or ends with an undocumented exit code.
//!
//! The seed is printed. `FIFO_PNL_SOAK_MINUTES` and `FIFO_PNL_SOAK_SEED`, which `scripts/soak`
//! sets, make it go on with other seeds.

use std::time::{Duration, Instant};

use crate::support::ledger::{HEADER, Random, Shape, rows};
use crate::support::{Done, Folder};

/// The default, so that a failure comes again.
const SEED: u64 = 20_250_611;

/// Files of each kind among the tests.
const CASES: u64 = 24;

/// Every so many files are computed and validated, too.
const COMPUTED_EACH: u64 = 6;

const SHAPE: Shape = Shape {
    trades: 12,
    accounts: 2,
    symbols: 2,
    seconds: 50,
};

/// Values that one column or another must refuse, or read exactly.
const CELLS: [&str; 44] = [
    "",
    " ",
    "0",
    "-0",
    "+1",
    "-1",
    ".5",
    "5.",
    "1e-8",
    "1e999999999",
    "1_000",
    "1,5",
    "\"1,5\"",
    "NaN",
    "inf",
    "0x1F",
    "٣",
    "1 ",
    "\u{a0}1",
    "99999999999999999999999999999999",
    "0.00000000000000000000000000001",
    "buy",
    "SELL",
    "sell ",
    "short",
    "BTC/USD",
    "btc-usd",
    "BTC USD",
    "BTCEUR",
    "A\u{ad}",
    "A\u{202e}",
    "A\u{3164}",
    "\"a\nb\"",
    "\"a\"\"b\"",
    "\"never closed",
    "5\" nail",
    "cancelled",
    "2025-01-02",
    "2025-01-02T24:00:00Z",
    "2016-12-31T23:59:60Z",
    "2025-01-02T03:04:05+24:00",
    "9999-12-31T23:59:59Z",
    "9223372036854775808",
    "A\0B",
];

/// Bytes that mean something to a reader of CSV or of numbers, and some that no text has.
const ODD_BYTES: &[u8] = b"\"\n\r,\t -.eE0123456789\xff\x00\x1b";

fn named<T: std::str::FromStr>(name: &str) -> Option<T> {
    std::env::var(name).ok()?.parse().ok()
}

fn join(rows: &[String]) -> Vec<u8> {
    format!("{HEADER}\n{}\n", rows.join("\n")).into_bytes()
}

fn with_cells(random: &mut Random, mut rows: Vec<String>) -> Vec<u8> {
    for _ in 0..=random.below(4) {
        let at = random.below(rows.len() as u64) as usize;
        let mut cells: Vec<String> = rows[at].split(',').map(str::to_owned).collect();
        let cell = random.below(cells.len() as u64) as usize;
        cells[cell] = CELLS[random.below(CELLS.len() as u64) as usize].to_owned();
        rows[at] = cells.join(",");
    }
    join(&rows)
}

fn with_rows(random: &mut Random, mut rows: Vec<String>) -> Vec<u8> {
    for _ in 0..=random.below(4) {
        let (at, other) = (
            random.below(rows.len() as u64) as usize,
            random.below(rows.len() as u64) as usize,
        );
        match random.below(8) {
            0 => rows[at] = rows[other].clone(),
            1 => rows.swap(at, other),
            2 => rows.insert(at, HEADER.to_owned()),
            3 => rows.insert(at, String::new()),
            4 => rows.insert(at, ",,,,,,,,".to_owned()),
            5 => rows[at] = rows[at].chars().take(random.below(60) as usize).collect(),
            6 => rows[at] = format!("{}{}", rows[at], rows[other]),
            _ => rows[at] = format!("{}\r", rows[at]),
        }
    }
    join(&rows)
}

fn with_bytes(random: &mut Random, rows: Vec<String>) -> Vec<u8> {
    let mut bytes = join(&rows);
    change_bytes(random, &mut bytes);
    bytes
}

fn change_bytes(random: &mut Random, bytes: &mut Vec<u8>) {
    for _ in 0..=random.below(6) {
        let at = random.below(bytes.len() as u64) as usize;
        let odd = ODD_BYTES[random.below(ODD_BYTES.len() as u64) as usize];
        match random.below(5) {
            0 => bytes[at] = odd,
            1 => bytes.insert(at, odd),
            2 => drop(bytes.remove(at)),
            3 => bytes[at] ^= 1 << random.below(8),
            _ => {
                let end = bytes.len().min(at + random.below(200) as usize);
                let piece = bytes[at..end].to_vec();
                let to = random.below(bytes.len() as u64) as usize;
                bytes.splice(to..to, piece);
            }
        }
    }
}

/// Changes lines of any text: drops one, repeats one, lets two change places, or cuts the file.
fn change_lines(random: &mut Random, bytes: &mut Vec<u8>) {
    let mut lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    let count = lines.len() as u64;
    let (at, other) = (random.below(count) as usize, random.below(count) as usize);
    match random.below(4) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(at, lines[other]),
        2 => lines.swap(at, other),
        _ => lines.truncate(at + 1),
    }
    *bytes = lines.concat();
}

#[track_caller]
fn check_done(done: &Done, codes: &[i32], seed: u64) {
    assert!(codes.contains(&done.code), "seed {seed}: {done:?}");
    let is_bug = done.stderr.contains("a bug of this program") || done.stderr.contains("panicked");
    assert!(!is_bug, "seed {seed}: {done:?}");
}

/// A number without what does not change it, if it is written plainly.
fn plain_number(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return None;
    }
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let (whole, fraction) = (
        whole.trim_start_matches('0'),
        fraction.trim_end_matches('0'),
    );
    let whole = if whole.is_empty() { "0" } else { whole };
    Some(match fraction {
        "" if whole == "0" => "0".to_owned(),
        "" => format!("{sign}{whole}"),
        fraction => format!("{sign}{whole}.{fraction}"),
    })
}

/// Checks that every trade of the ledger stands in the file, on the line that it names.
fn check_ledger(folder: &Folder, file: &[u8], seed: u64) {
    if !folder.join(crate::support::DATABASE).exists() {
        return;
    }
    let text = String::from_utf8_lossy(file)
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let lines: Vec<&str> = text.split('\n').collect();
    let header: Vec<&str> = lines
        .iter()
        .find(|line| !line.is_empty())
        .unwrap()
        .split(',')
        .collect();
    let stored = folder.sql(
        "SELECT import_line || '|' || account || '|' || order_id || '|' || symbol || '|' || side \
         || '|' || size || '|' || price || '|' || ifnull(total_fees_usd, '') FROM trade_records",
    );
    // A name may hold what separates columns here; such a row is not looked into.
    for trade in stored.iter().filter(|row| row.matches('|').count() == 7) {
        let cells: Vec<&str> = trade.split('|').collect();
        let line: usize = cells[0].parse().unwrap();
        let found = lines[line - 1];
        assert!(
            found.contains(cells[2]),
            "seed {seed}: {trade} is not in {found:?}"
        );
        let read: Vec<&str> = found.split(',').map(str::trim).collect();
        if found.contains('"') || read.len() != header.len() {
            continue;
        }
        let cell = |name: &str| {
            let at = header
                .iter()
                .position(|column| column.trim().eq_ignore_ascii_case(name));
            at.map_or("", |at| read[at])
        };
        assert_eq!(cells[3], cell("symbol"), "seed {seed}: {trade}");
        assert!(
            cells[4].eq_ignore_ascii_case(cell("side")),
            "seed {seed}: {trade}"
        );
        for (stored, name) in [
            (cells[5], "size"),
            (cells[6], "price"),
            (cells[7], "total_fees_usd"),
        ] {
            if let Some(number) = plain_number(cell(name)) {
                assert_eq!(stored, number, "seed {seed}: {name} of {trade}");
            }
        }
    }
}

fn try_one(mutate: fn(&mut Random, Vec<String>) -> Vec<u8>, seed: u64, is_computed: bool) {
    let mut random = Random(seed);
    let file = mutate(&mut random, rows(SHAPE, seed));
    let folder = Folder::new();
    folder.write("f.csv", &file);
    check_done(&folder.fifo_pnl(&["import", "f.csv"]), &[0, 2], seed);
    check_ledger(&folder, &file, seed);
    check_done(
        &folder.fifo_pnl(&["import", "--skip-invalid", "f.csv"]),
        &[0, 1, 2],
        seed,
    );
    check_ledger(&folder, &file, seed);
    if is_computed && folder.join(crate::support::DATABASE).exists() {
        check_done(
            &folder.fifo_pnl(&["compute", "--all-symbols"]),
            &[0, 1],
            seed,
        );
        check_done(
            &folder.fifo_pnl(&["validate", "--version", "1"]),
            &[0],
            seed,
        );
    }
}

/// Tries files: so many, or until the time is over.
fn try_many(what: &str, mutate: fn(&mut Random, Vec<String>) -> Vec<u8>) {
    let minutes: Option<u64> = named("FIFO_PNL_SOAK_MINUTES");
    let seed = named("FIFO_PNL_SOAK_SEED").unwrap_or(SEED);
    // The three kinds come one after the other, and share the time.
    let until = minutes.map(|minutes| Instant::now() + Duration::from_secs(20 * minutes));
    println!("{what}: seed {seed}");
    let mut tried = 0;
    while until.map_or(tried < CASES, |until| Instant::now() < until) {
        try_one(
            mutate,
            seed.wrapping_add(tried),
            tried.is_multiple_of(COMPUTED_EACH),
        );
        tried += 1;
    }
    println!("{what}: {tried} files");
}

#[test]
fn mutated_cells_make_no_trade_of_their_own() {
    try_many("cells", with_cells);
}

#[test]
fn mutated_rows_make_no_trade_of_their_own() {
    try_many("rows", with_rows);
}

#[test]
fn mutated_bytes_make_no_trade_of_their_own() {
    try_many("bytes", with_bytes);
}

/// The samples of the formats that the program reads, with their names.
fn samples() -> Vec<(String, Vec<u8>)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/formats");
    let mut found = Vec::new();
    for format in std::fs::read_dir(folder).unwrap() {
        for file in std::fs::read_dir(format.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.file_stem().is_some_and(|stem| stem == "sample") {
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                found.push((name, std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

#[test]
fn mutated_exports_end_with_a_documented_exit_code() {
    let samples = samples();
    assert!(samples.len() >= 40, "{}", samples.len());
    for (nth, (name, sample)) in (0..).zip(samples) {
        for change in [change_lines, change_bytes] {
            let seed = SEED + nth;
            let mut bytes = sample.clone();
            change(&mut Random(seed), &mut bytes);
            let folder = Folder::new();
            folder.write(&name, &bytes);
            let run = folder.fifo_pnl(&["run", "--timezone", "UTC", &name]);
            println!("{name} {seed}: exit code {}", run.code);
            check_done(&run, &[0, 1, 2], seed);
        }
    }
}
