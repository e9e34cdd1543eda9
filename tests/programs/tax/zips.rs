//! Zips that others made, or that were damaged: refused by name, never a panic, never "equal".

use std::fs;
use std::io::{Cursor, Write};

use zip::CompressionMethod::{Deflated, Stored};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::support::Folder;
use crate::support::ledger::Random;
use crate::tax::filing::filed;

/// Damaged zips of one test run. `scripts/soak` goes on for the time that you give it.
const DAMAGES: u64 = 48;

/// No number that is met elsewhere.
const ZEROS: usize = (1 << 20) + 0x1357;

type Zip = ZipWriter<Cursor<Vec<u8>>>;

fn deflated() -> SimpleFileOptions {
    SimpleFileOptions::default().compression_method(Deflated)
}

/// Makes a zip with a manifest and more.
fn zip_with(more: impl FnOnce(&mut Zip)) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    add(&mut zip, "tax.manifest.json", b"{}");
    more(&mut zip);
    zip.finish().unwrap().into_inner()
}

fn add(zip: &mut Zip, name: &str, bytes: &[u8]) {
    zip.start_file(name, deflated()).unwrap();
    zip.write_all(bytes).unwrap();
}

fn add_all(zip: &mut Zip, names: [&str; 2]) {
    for name in names {
        add(zip, name, b"x");
    }
}

fn zeros(zip: &mut Zip, mebibytes: usize) {
    zip.start_file("lots.csv", deflated()).unwrap();
    for _ in 0..mebibytes {
        zip.write_all(&vec![0; ZEROS]).unwrap();
    }
}

/// Replaces all of one text by another one of the same length.
fn replaced(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut count = 0;
    for at in 0..bytes.len() - from.len() {
        if &bytes[at..at + from.len()] == from {
            bytes[at..at + to.len()].copy_from_slice(to);
            count += 1;
        }
    }
    assert_eq!(count, 2, "a header and the list of files");
    bytes
}

#[test]
fn what_is_beyond_a_bound_is_refused_by_its_name() {
    let folder = Folder::new();
    let refused = |bytes: Vec<u8>, said: &str| {
        folder.write("a.zip", bytes);
        let done = folder.fifo_pnl(&["tax", "verify", "a.zip"]).expect(2);
        let (first, second) = done.stderr.split_once('\n').unwrap();
        assert!(
            first.starts_with("error: a.zip: ") && first.contains(said),
            "{said}: {done:?}"
        );
        assert_eq!(
            second,
            "hint: name a zip that was filed: tax --final writes it\n"
        );
    };
    refused(
        zip_with(|zip| zeros(zip, 64)),
        "bytes come to 67425730, at most ",
    );
    let unplain = [
        "../tax.csv",
        "/etc/passwd",
        "in/tax.csv",
        "in\\tax.csv",
        ".tax.csv",
        "tax\u{202e}.csv",
        "tax csv",
        &"a".repeat(101),
    ];
    for name in unplain {
        refused(
            zip_with(|zip| add(zip, name, b"x")),
            "which is no name of ours",
        );
    }
    let two = zip_with(|zip| add_all(zip, ["aaaa.csv", "aaab.csv"]));
    refused(
        replaced(two, b"aaab.csv", b"aaaa.csv"),
        "two files of one name",
    );
    let cases = zip_with(|zip| add_all(zip, ["tax.csv", "TAX.csv"]));
    refused(cases, "two files of the name TAX.csv");
    let link = zip_with(|zip| {
        zip.add_symlink("tax.csv", "/etc/passwd", deflated())
            .unwrap()
    });
    refused(link, "tax.csv is a link, a folder or encrypted");
    let many = zip_with(|zip| (0..10_000).for_each(|nth| add(zip, &format!("{nth}.csv"), b"")));
    refused(many, "has 10001 files, at most 10000");
    let mut large = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(Stored);
    large.start_file("tax.manifest.json", stored).unwrap();
    large.write_all(&vec![b' '; (8 << 20) + 1]).unwrap();
    let large = large.finish().unwrap().into_inner();
    refused(
        large,
        "tax.manifest.json has 8388609 bytes, at most 8388608",
    );
    refused(zip_with(|_| ()).split_off(1), "is no zip");
    refused(Vec::new(), "is no zip");
    let inner = zip_with(|zip| add(zip, "tax.csv", b"x"));
    let at = inner.windows(7).position(|it| it == b"tax.csv").unwrap();
    let mut other = inner;
    other[at..at + 7].copy_from_slice(b"tex.csv");
    refused(other, "is damaged");
}

/// The list of files says that there are fewer bytes than there are.
#[test]
fn a_zip_that_lies_about_a_size_is_not_believed() {
    let folder = filed();
    let bytes = zip_with(|zip| zeros(zip, 32));
    let size = u32::try_from(32 * ZEROS).unwrap().to_le_bytes();
    let lie = replaced(bytes, &size, &1000_u32.to_le_bytes());
    let filed = crate::tax::filing::unpacked(fs::read(folder.join("filed.zip")).unwrap());
    let manifest = filed
        .iter()
        .find(|(name, _)| name == "tax.manifest.json")
        .unwrap();
    // Its manifest is a true one, so that it is looked at.
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    add(&mut zip, "tax.manifest.json", &manifest.1);
    zeros(&mut zip, 32);
    let true_one = zip.finish().unwrap().into_inner();
    let lying = replaced(true_one, &size, &1000_u32.to_le_bytes());
    folder.write("lie.zip", lying);
    let done = folder.fifo_pnl(&["tax", "verify", "lie.zip"]).expect(1);
    assert!(
        done.stdout.contains("altered   lots.csv"),
        "{}",
        done.stdout
    );
    folder.write("lie.zip", lie);
    folder.fifo_pnl(&["tax", "verify", "lie.zip"]).expect(2);
}

/// Damages a zip in one of the ways that disks, networks and people do.
fn damaged(bytes: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    let length = bytes.len() as u64;
    let mut place = || random.below(length) as usize;
    let (from, to) = (place(), place());
    let (from, to) = (from.min(to), from.max(to) + 1);
    match random.below(6) {
        0 => {
            for _ in 0..=random.below(8) {
                let at = random.below(length) as usize;
                bytes[at] ^= 1 << random.below(8);
            }
        }
        // In the list of files, a bit means most.
        1 => {
            let tail = length.min(1_500);
            let at = (length - 1 - random.below(tail)) as usize;
            bytes[at] = random.below(256) as u8;
        }
        2 => bytes.truncate(from),
        3 => drop(bytes.drain(from..to)),
        4 => {
            let again = bytes[from..to].to_vec();
            bytes.splice(to..to, again);
        }
        _ => bytes[from..to].fill(0),
    }
    bytes
}

#[test]
#[allow(
    clippy::disallowed_methods,
    reason = "a soak is told how long to go on"
)]
fn a_damaged_zip_is_never_equal() {
    let folder = filed();
    let whole = fs::read(folder.join("filed.zip")).unwrap();
    let told = |name: &str| {
        std::env::var(name)
            .ok()
            .and_then(|text| text.parse::<u64>().ok())
    };
    let seed = told("FIFO_PNL_SOAK_SEED").unwrap_or(20_250_102);
    println!("seed {seed}");
    let mut random = Random(seed);
    let start = std::time::Instant::now();
    let seconds = told("FIFO_PNL_SOAK_MINUTES").unwrap_or_default() * 60;
    let mut trial = 0;
    while trial < DAMAGES || start.elapsed().as_secs() < seconds {
        trial += 1;
        let bytes = damaged(&whole, &mut random);
        if bytes == whole {
            continue;
        }
        folder.write("damaged.zip", &bytes);
        let done = folder.fifo_pnl(&["tax", "verify", "damaged.zip"]);
        let is_told = [1, 2].contains(&done.code) && !done.stdout.contains("\nEqual: ");
        let what = format!("seed {seed}, trial {trial}: {done:?}");
        assert!(is_told && !done.stderr.contains("panicked"), "{what}");
    }
    println!("{trial} damaged zips, none equal");
}
