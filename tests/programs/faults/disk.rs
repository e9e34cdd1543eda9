//! A disk without room, or with a little. No version is published, no row is lost, and the next run
//! completes when there is room.
//!
//! Under SQLite it is the disk of the file; under PostgreSQL that of the whole server, its
//! write-ahead log included. (Only the new tables have no room: `postgres_cli/faults.rs`.)

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::faults::place::{Place, State, file_of};
use crate::support::ledger::{Shape, csv, rows};
use crate::support::server::{Server, is_root};
use crate::support::signals::Signal;
use crate::support::site::{Site, server};
use crate::support::skip::skip;
use crate::support::{Done, Folder};

const SHAPE: Shape = Shape {
    trades: 2_000,
    accounts: 2,
    symbols: 10,
    seconds: 500_000,
};

const RUN: [&str; 3] = ["compute", "--all-symbols", "--quiet"];

/// A small disk, unmounted in the end. Its owner keeps it longer than its files are open.
struct Disk {
    place: PathBuf,
    bytes: u64,
}

impl Disk {
    /// Mounts one over a folder. `None`: this machine does not let us.
    fn mount(folder: &Path, mebibytes: u64) -> Option<Self> {
        let mut mount = Command::new("mount");
        let size = format!("size={mebibytes}m,mode=0700");
        mount.args(["-t", "tmpfs", "-o", &size, "tmpfs"]);
        let done = mount.arg(folder).stderr(Stdio::null()).status();
        let mounted = done.is_ok_and(|status| status.success());
        mounted.then(|| Self {
            place: folder.to_owned(),
            bytes: mebibytes << 20,
        })
    }

    fn filler(&self) -> PathBuf {
        self.place.join("filler")
    }

    /// Fills it up to the given number of bytes.
    fn fill_but(&self, left: u64) {
        let mut filler = File::create(self.filler()).unwrap();
        // Smaller and smaller pieces, down to a page.
        for piece in [1 << 20, 1 << 16, 1 << 12] {
            while filler.write_all(&vec![0; piece]).is_ok() {
                let length = filler.metadata().unwrap().len();
                assert!(length <= self.bytes, "the disk has no limit");
            }
        }
        let length = filler.metadata().unwrap().len();
        filler.set_len(length.saturating_sub(left)).unwrap();
    }

    /// Gives the room back, even while another process has the filler open. Another test of this
    /// process may start a program just now: until that begins, it has all our files open.
    fn empty(&self) {
        if let Ok(filler) = File::options().write(true).open(self.filler()) {
            filler.set_len(0).unwrap();
            fs::remove_file(self.filler()).unwrap();
        }
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.place).status();
    }
}

/// A database with version 1, which must stay.
struct Base {
    place: Place,
    state: State,
    export: String,
}

impl Base {
    fn make(place: Place) -> Self {
        place.compute_first(&csv(&rows(SHAPE, 61)));
        place
            .folder()
            .write("more.csv", file_of(SHAPE, 62, "more-"));
        Self {
            state: place.state(),
            export: place.export("1"),
            place,
        }
    }

    /// Checks how a program ended that found no room, and what it left.
    fn check_failed(&self, done: Done, why: &str, what: &str) {
        let what = format!("{what}: {done:?}");
        assert_eq!(done.code, 4, "{what}");
        let first = done.stderr.lines().next().unwrap_or_default();
        assert!(first.starts_with("error: "), "{what}");
        assert!(first.contains(why), "{what}");
        assert!(done.stderr.contains("hint: "), "{what}");
        let after = self.place.state();
        assert_eq!(after.ledger, self.state.ledger, "{what}");
        assert_eq!(after.versions, self.state.versions, "{what}");
        assert_eq!(after.current, self.state.current, "{what}");
        if let Place::Sqlite(folder) = &self.place {
            assert_eq!(folder.value("PRAGMA integrity_check"), "ok", "{what}");
        }
        assert_eq!(self.place.export("1"), self.export, "{what}");
        self.place.check_current();
    }

    /// Checks that with room all goes on.
    fn check_next_run(&self) {
        self.place.run(&RUN).expect(0);
        let log = self.place.log();
        assert!(!log.iter().any(|row| row.ends_with("open")), "{log:?}");
        assert_eq!(self.place.export("current"), self.export);
        self.place.run(&["import", "--quiet", "more.csv"]).expect(0);
        self.place.run(&RUN).expect(0);
        let ledger = self.place.state().ledger;
        assert_eq!(ledger.len(), 2 * SHAPE.trades);
        self.place.check_current();
    }
}

#[test]
fn an_emptied_disk_has_room_while_its_filler_is_open() {
    let folder = Folder::new();
    let Some(disk) = Disk::mount(folder.path(), 16) else {
        skip("this machine does not let us mount a small disk");
        return;
    };
    disk.fill_but(0);
    let held = File::open(disk.filler()).unwrap();
    let more = folder.path().join("more");
    assert!(fs::write(&more, [0; 4_096]).is_err());
    disk.empty();
    fs::write(&more, vec![0; 8 << 20]).unwrap();
    drop(held);
}

#[test]
fn a_disk_that_is_full_takes_nothing_away() {
    let place = Place::sqlite();
    let Some(disk) = Disk::mount(place.folder().path(), 16) else {
        skip("this machine does not let us mount a small disk");
        return;
    };
    let base = Base::make(place);
    let import = ["import", "--quiet", "more.csv"];
    let down = ["migrate", "down", "--to", "2", "--confirm", "YES"];
    let files = base.place.files();
    for left in [0, 1, 4, 16, 40, 120, 300] {
        for args in [&RUN[..], &import, &down] {
            disk.fill_but(left << 10);
            let done = base.place.run(args);
            // What follows asks the database, which has to have room for that.
            disk.empty();
            base.check_failed(
                done,
                "no space left to ",
                &format!("{} with {left} KiB left", args[0]),
            );
            // No half copy of the database either.
            assert_eq!(base.place.files(), files);
        }
    }
    base.check_next_run();
}

/// Every command that writes a file, without the file's name.
const WRITERS: [&str; 7] = [
    "versions export 1",
    "compare 1 2",
    "review export",
    "tax --year 2025 --allow-incomplete --format lots",
    "tax --year 2025 --allow-incomplete --format form8949",
    "tax --year 2025 --allow-incomplete --format xlsx",
    "tax --year 2025 --allow-incomplete --final",
];

/// Makes a ledger of two versions that differ, and dates of a zone.
fn with_two_versions() -> Base {
    let base = Base::make(Place::sqlite());
    let folder = base.place.folder();
    folder.write("fifo-pnl.toml", "[tax]\ntimezone = \"UTC\"\n");
    base.place.run(&["import", "--quiet", "more.csv"]).expect(0);
    base.place.run(&RUN).expect(0);
    fs::create_dir(folder.join("out")).unwrap();
    base
}

/// Runs a command that has no room for its file, and checks what it said and left.
fn check_no_room(base: &Base, line: &str, place: &str) {
    let folder = base.place.folder();
    let done = folder.shell(line).expect(4);
    let said = format!("error: no space left to write {place} (");
    let lines: Vec<&str> = done.stderr.lines().collect();
    let hint = "hint: make room there and run the same command again: nothing was written";
    assert!(lines[0].starts_with(&said), "{line}: {lines:?}");
    assert_eq!(lines[1..], [hint], "{line}");
    let entries = fs::read_dir(folder.join("out")).unwrap();
    let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
    assert!(
        names.iter().all(|name| name == "filler"),
        "{line}: {names:?}"
    );
    let sealed = "SELECT count(*) FROM allocation_versions WHERE sealed_at IS NOT NULL";
    assert_eq!(folder.value(sealed), "0", "{line}");
    let exported = "SELECT count(*) FROM event_log WHERE event_type IN ('export', 'tax_filed')";
    assert_eq!(folder.value(exported), "0", "{line}");
}

#[test]
fn a_file_without_room_is_told_and_not_left() {
    let base = with_two_versions();
    let Some(disk) = Disk::mount(&base.place.folder().join("out"), 32) else {
        skip("this machine does not let us mount a small disk");
        return;
    };
    for left in [0, 24] {
        let is_longer = |writer: &&&str| left == 0 || !writer.starts_with("review");
        for writer in WRITERS.iter().filter(is_longer) {
            disk.fill_but(left << 10);
            let line = format!("exec fifo-pnl {writer} -o out/file");
            check_no_room(&base, &line, "out/file");
            disk.empty();
        }
    }
    // With room they are all written, one after the other.
    let folder = base.place.folder();
    for writer in WRITERS {
        let keep = "mv out/file filed.zip && rm -f out/*";
        let line = format!("fifo-pnl {writer} -o out/file && {keep}");
        folder.shell(&line).expect(0);
    }
    disk.fill_but(24 << 10);
    let place = folder.join("out").display().to_string();
    let done = folder
        .shell("TMPDIR=$PWD/out exec fifo-pnl tax verify filed.zip")
        .expect(4);
    let said = format!("error: no space left to write {place} (");
    assert!(done.stderr.starts_with(&said), "{}", done.stderr);
    disk.empty();
    let verify = "TMPDIR=$PWD/out exec fifo-pnl tax verify filed.zip";
    folder.shell(verify).expect(0);
}

#[test]
fn a_file_that_may_not_grow_is_told_and_not_left() {
    let base = with_two_versions();
    // Blocks of 512 bytes: enough for what SQLite keeps in memory of a database that is only read.
    for writer in WRITERS
        .iter()
        .filter(|writer| !writer.starts_with("review"))
    {
        let line = format!("trap '' XFSZ; ulimit -f 80; exec fifo-pnl {writer} -o out/file");
        check_no_room(&base, &line, "out/file");
    }
}

/// Starts a server whose every file is on a small disk.
fn server_on_a_small_disk() -> Option<(Place, Disk)> {
    server()?;
    if !is_root() {
        return None;
    }
    let mut disk = None;
    let settings = ["max_wal_size = 32MB", "min_wal_size = 32MB"];
    let own = Server::start(&settings, |folder| {
        let data = folder.join("data");
        fs::create_dir(&data).unwrap();
        disk = Disk::mount(&data, 160);
    });
    let site = Site::migrated(&own.url("postgres"));
    Some((Place::Postgres(site, Some(own)), disk?))
}

#[test]
fn a_server_without_room_takes_nothing_away() {
    let Some((place, disk)) = server_on_a_small_disk() else {
        skip("no server, or this machine does not let us mount a small disk");
        return;
    };
    // Unmounted before the server's folder, which it is mounted in, is removed.
    let (mut base, disk) = (Base::make(place), disk);
    let import = ["import", "--quiet", "more.csv"];
    for left in [0, 100, 400] {
        for args in [&RUN[..], &import] {
            disk.fill_but(left << 10);
            let done = base.place.run(args);
            println!("{} with {left} KiB left: {}", args[0], done.stderr);
            disk.empty();
            // A server that can't write its log ends; its operator starts it again.
            let own = base.place.server().unwrap();
            own.down(Signal::INT);
            own.up();
            base.check_failed(done, "", &format!("{} with {left} KiB left", args[0]));
        }
    }
    base.check_next_run();
    base.place.server().unwrap().down(Signal::INT);
}

#[test]
fn a_file_that_may_not_grow_takes_nothing_away() {
    let base = Base::make(Place::sqlite());
    let database = base.place.folder().join(crate::support::DATABASE);
    let blocks = fs::metadata(database).unwrap().len() / 512;
    let program = env!("CARGO_BIN_EXE_fifo-pnl");
    // The limit is in blocks of 512 bytes, and counts for every file that the program writes.
    for (args, limit) in [
        ("compute --all-symbols --quiet", blocks / 2),
        ("import --quiet more.csv", blocks / 4),
        ("compute --all-symbols --quiet", 100),
        ("import --quiet more.csv", 100),
    ] {
        let line = format!("trap '' XFSZ; ulimit -f {limit}; exec {program} {args}");
        let done = base.place.folder().shell(&line);
        base.check_failed(
            done,
            "disk I/O error",
            &format!("{args} with files of {limit} blocks"),
        );
    }
    base.check_next_run();
}
