//! An SQLite file that was damaged: bytes that flipped, a part that is gone, pages that changed
//! places, a journal that was lost. No program may panic. None may end with 0 and another result
//! than the whole file gives, unless a validation of the version says that something is wrong.

use std::fs;
use std::time::Instant;

use crate::support::ledger::{HEADER, Random, Shape, csv, rows};
use crate::support::{DATABASE, Done, Folder};

const LEDGER: Shape = Shape {
    trades: 120,
    accounts: 2,
    symbols: 4,
    seconds: 40_000,
};

/// Bytes of a page of SQLite's.
const PAGE: usize = 4_096;

/// Files tried among the tests; `scripts/soak` tries more.
const FILES: u64 = 16;

/// A whole database, and what it gives.
struct Whole {
    folder: Folder,
    /// The file, and the journal beside it, which has the last commits.
    file: Vec<u8>,
    journal: Vec<u8>,
    export: String,
    next: String,
}

impl Whole {
    fn make() -> Self {
        let folder = Folder::new();
        folder.write("trades.csv", csv(&rows(LEDGER, 7)));
        folder.write("fifo-pnl.toml", "[tax]\ntimezone = \"America/New_York\"\n");
        folder
            .fifo_pnl(&["import", "trades.csv", "--quiet"])
            .expect(0);
        // As long as somebody else has the file open, the journal stays beside it.
        let reader = rusqlite::Connection::open(folder.join(DATABASE)).unwrap();
        let count = |sql| {
            reader
                .query_row(sql, [], |row| row.get::<_, i64>(0))
                .unwrap()
        };
        assert_eq!(count("SELECT count(*) FROM trade_records"), 120);
        folder
            .fifo_pnl(&["compute", "--all-symbols", "--quiet"])
            .expect(0);
        assert_eq!(count("SELECT count(*) FROM allocation_versions"), 1);
        let read = |name: String| fs::read(folder.join(&name)).unwrap();
        let (file, journal) = (read(DATABASE.into()), read(format!("{DATABASE}-wal")));
        assert!(journal.len() > PAGE);
        let export = folder.export("1");
        drop(reader);
        folder
            .fifo_pnl(&["compute", "--all-symbols", "--quiet"])
            .expect(0);
        let next = folder.export("2");
        assert_eq!(next, export);
        Self {
            folder,
            file,
            journal,
            export,
            next,
        }
    }

    /// Puts a database into the folder. `None`: without a journal.
    fn put(&self, file: &[u8], journal: Option<&[u8]>) {
        for end in ["", "-wal", "-shm"] {
            let _ = fs::remove_file(self.folder.join(&format!("{DATABASE}{end}")));
        }
        self.folder.write(DATABASE, file);
        if let Some(journal) = journal {
            self.folder.write(&format!("{DATABASE}-wal"), journal);
        }
    }
}

/// Damages bytes in one of the ways that disks, networks and people do.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    let length = bytes.len() as u64;
    let mut place = || random.below(length) as usize;
    let (from, to) = (place(), place());
    let (from, to) = (from.min(to), from.max(to) + 1);
    let pages = bytes.len() / PAGE;
    match random.below(7) {
        0 | 1 => {
            for _ in 0..=random.below(4) {
                let at = random.below(length) as usize;
                bytes[at] ^= 1 << random.below(8);
            }
        }
        // A digit of a text: the least that can be changed.
        2 => {
            let is_digit = |at: &usize| bytes[*at].is_ascii_digit();
            if let Some(at) = (from..bytes.len()).find(is_digit) {
                bytes[at] = b'0' + (bytes[at] - b'0' + 1) % 10;
            }
        }
        3 => bytes.truncate(from),
        4 => drop(bytes.drain(from..to)),
        5 if pages > 1 => {
            let page = |random: &mut Random| random.below(pages as u64) as usize * PAGE;
            let (one, other) = (page(random), page(random));
            for at in 0..PAGE {
                bytes.swap(one + at, other + at);
            }
        }
        _ => bytes[from..to.min(from + 2 * PAGE)].fill(0),
    }
}

/// Checks what holds after any damage.
fn is_plain(done: &Done, what: &str) {
    assert!((0..=4).contains(&done.code), "{what}: {done:?}");
    assert!(!done.stderr.contains("panicked"), "{what}: {done:?}");
    assert!(
        done.code == 0 || !done.stderr.is_empty() || !done.stdout.is_empty(),
        "{what}: {done:?}"
    );
}

/// Outcomes of the files.
#[derive(Debug, Default)]
struct Tally {
    files: u64,
    refused: u64,
    found: u64,
    whole: u64,
}

fn try_one(whole: &Whole, what: &str, tally: &mut Tally) {
    let run = |args: &[&str]| {
        let done = whole.folder.fifo_pnl(args);
        is_plain(&done, &format!("{what}: {}", args.join(" ")));
        done
    };
    tally.files += 1;
    let export = run(&["versions", "export", "1"]);
    if export.code == 0 {
        assert_eq!(export.stdout, whole.export, "{what}: another export");
    }
    let validated = run(&["validate", "--version", "1"]);
    if validated.code > 1 {
        tally.refused += 1;
    }
    if validated.code == 1 {
        tally.found += 1;
    }
    let tax = [
        "tax",
        "--year",
        "2025",
        "--format",
        "lots",
        "-o",
        "lots.csv",
        "--overwrite",
    ];
    run(&tax);
    run(&["health"]);
    let computed = run(&["compute", "--all-symbols"]);
    if computed.code == 0 && validated.code == 0 {
        // What validated is whole, in its facts too: so it gives the same again.
        tally.whole += 1;
        let list = run(&["versions", "export", "current"]);
        if list.code == 0 {
            assert_eq!(list.stdout, whole.next, "{what}: another result");
        }
    }
    run(&["import", "trades.csv"]);
}

/// Damages file after file.
pub fn soak(seed: u64, until: Option<Instant>) {
    let whole = Whole::make();
    let mut tally = Tally::default();
    // Without its journal the file is what it was at the last checkpoint: whole, and older.
    whole.put(&whole.file, None);
    try_one(&whole, "without the journal", &mut tally);
    whole.put(&whole.file, Some(&whole.journal));
    try_one(&whole, "undamaged", &mut tally);
    assert!(tally.whole > 0, "{tally:?}");
    whole
        .folder
        .shell("sqlite3 fifo-pnl.db 'PRAGMA wal_checkpoint(TRUNCATE)'");
    whole.put(&whole.file, Some(&whole.journal));
    whole.folder.sql("PRAGMA wal_checkpoint(TRUNCATE)");
    let all = fs::read(whole.folder.join(DATABASE)).unwrap();
    let mut random = Random(seed);
    while tally.files < FILES || until.is_some_and(|until| Instant::now() < until) {
        let what = format!("seed {seed}, file {}", tally.files);
        match random.below(4) {
            0 => {
                let mut journal = whole.journal.clone();
                damage(&mut journal, &mut random);
                whole.put(&whole.file, Some(&journal));
            }
            _ => {
                let mut file = all.clone();
                damage(&mut file, &mut random);
                whole.put(&file, None);
            }
        }
        try_one(&whole, &what, &mut tally);
    }
    println!("damaged files, seed {seed}: {tally:?}");
}

/// Changes one digit of the price of a buy that no sell used: no row of a version has it.
pub fn change_a_fact() {
    let folder = Folder::new();
    let rows = "main,b-1,C1-USD,buy,1,1,2025-01-01T00:00:00Z,0,\n\
                main,s-1,C1-USD,sell,1,2,2025-01-02T00:00:00Z,0,\n\
                main,b-2,C1-USD,buy,1,7654.321987,2025-01-03T00:00:00Z,0,\n";
    folder.write("trades.csv", format!("{HEADER}\n{rows}"));
    folder.fifo_pnl(&["run", "trades.csv", "--quiet"]).expect(0);
    let export = folder.export("1");
    let mut file = fs::read(folder.join(DATABASE)).unwrap();
    let price = b"7654.321987";
    let at = |file: &[u8]| file.windows(price.len()).position(|bytes| bytes == price);
    while let Some(at) = at(&file) {
        file[at] = b'8';
    }
    folder.write(DATABASE, file);
    let found = folder.value("SELECT price FROM trade_records WHERE order_id = 'b-2'");
    assert_eq!(found, "8654.321987");
    assert_eq!(folder.export("1"), export);
    let done = folder.fifo_pnl(&["validate", "--version", "1"]).expect(1);
    assert!(done.stdout.contains("ledger"), "{}", done.stdout);
}
