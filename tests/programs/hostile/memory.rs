//! Memory that a file may cost: the program gets so much and no more (`ulimit -d`), on any machine.

use std::fs::File;
use std::io::{BufWriter, Write};

use crate::support::{Done, Folder};

/// Data that the program may have, in KiB: 192 MiB.
const LIMIT_KIB: u64 = 192 * 1024;

const HEADER: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd,note\n";

/// Bytes of a line that no trade has; what held it nine times over needed half a gigabyte.
const LONG: usize = 48 * 1024 * 1024;

fn within_limit(folder: &Folder, command: &str) -> Done {
    folder.shell(&format!("ulimit -d {LIMIT_KIB}; exec {command}"))
}

fn write(folder: &Folder, name: &str, parts: &[(&str, usize)]) {
    let mut file = BufWriter::new(File::create(folder.join(name)).unwrap());
    for (text, times) in parts {
        for _ in 0..*times {
            file.write_all(text.as_bytes()).unwrap();
        }
    }
    file.flush().unwrap();
}

/// A folder with a version and an item to review.
fn folder() -> Folder {
    let folder = Folder::with_trades(
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         a-1,BTC-USD,sell,1,10,2025-01-02T03:04:05Z,0\n",
    );
    folder.compute(&["--all-symbols"]).expect(0);
    folder
}

/// A file of pieces, each so many times over, and the expected message.
type Shape<'s> = (&'s str, Vec<(&'s str, usize)>, &'s str);

#[test]
fn no_shape_of_a_file_takes_more_than_its_share() {
    let folder = folder();
    let kib = "x".repeat(1024);
    let long = (kib.as_str(), LONG / 1024);
    // Each line becomes a rejected row, and 4 KiB of it are kept.
    let block = format!("{}\n", kib.repeat(128));
    let start = "b-1,BTC-USD,buy,1,10,2025-01-02T03:04:05Z,0,";
    let lines = format!("{start}\"\n{}\n\"\n", "y,".repeat(300_000));
    let wide = format!("{}\n", "x,".repeat(500_000));
    let header = format!("{}{}\n", HEADER.trim_end(), ",c".repeat(1_000));
    let too_long = "the line has more than 1 MiB";
    let shapes: [Shape<'_>; 9] = [
        ("no line end", vec![long], too_long),
        ("a header", vec![(HEADER.trim_end(), 1), long], too_long),
        ("a line", vec![(HEADER, 1), (start, 1), long], too_long),
        (
            "a cell",
            vec![(HEADER, 1), (start, 1), ("\"", 1), long, ("\"\n", 1)],
            too_long,
        ),
        ("commas", vec![(HEADER, 1), (",", LONG)], too_long),
        (
            "a quote",
            vec![
                (HEADER, 1),
                (start, 1),
                ("\"", 1),
                (&block, LONG / block.len()),
            ],
            "never closed",
        ),
        (
            "columns",
            vec![(&header, 1)],
            "1,008 columns, expected at most 1,000",
        ),
        (
            "wide rows",
            vec![(HEADER, 1), (&wide, 20)],
            "f.csv:2: row has 500001 cells\n",
        ),
        ("long rows", vec![(HEADER, 1), (&lines, 40)], "40 rows"),
    ];
    for (what, parts, said) in shapes {
        write(&folder, "f.csv", &parts);
        check(&folder, what, said);
    }
}

/// Reads the file in every way there is. Nothing of it is taken.
fn check(folder: &Folder, what: &str, said: &str) {
    let done = within_limit(folder, "fifo-pnl import --preview f.csv");
    assert!([0, 2].contains(&done.code), "{what}: {done:?}");
    let text = done.stdout + &done.stderr;
    assert!(text.contains(said), "{what}: {text}");
    // What is read as a whole has the same limits.
    for command in [
        "fifo-pnl import lots --timezone UTC f.csv",
        "fifo-pnl history import f.csv",
        "fifo-pnl review apply f.csv",
    ] {
        let done = within_limit(folder, command);
        assert_eq!(done.code, 2, "{what}: {command}: {done:?}");
    }
    if said.contains("1 MiB") {
        let pipe = "cat f.csv | fifo-pnl import --preview /dev/stdin";
        let done = folder.shell(&format!("ulimit -d {LIMIT_KIB}; {pipe}"));
        assert_eq!(done.code, 2, "{what}: {done:?}");
    }
}

#[test]
fn zeros_without_an_end_are_told_from_text_at_once() {
    let folder = folder();
    // A hole in a file takes no room on the disk.
    File::create(folder.join("f.csv"))
        .unwrap()
        .set_len(1 << 33)
        .unwrap();
    for command in [
        "import f.csv",
        "import lots --timezone UTC f.csv",
        "history import f.csv",
        "review apply f.csv",
    ] {
        let done = within_limit(&folder, &format!("fifo-pnl {command}"));
        assert_eq!(done.code, 2, "{command}: {}", done.stderr);
        assert!(
            done.stderr.contains("NUL byte"),
            "{command}: {}",
            done.stderr
        );
    }
}
