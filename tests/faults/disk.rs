//! A disk without room, under SQLite: whatever is left of it, nothing is published, nothing lost,
//! and the next run completes when there is room. (PostgreSQL: `tests/postgres_cli/faults.rs`.)

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::place::{Place, State, file_of};
use crate::support::Done;
use crate::support::ledger::{Shape, csv, rows};

const SHAPE: Shape = Shape {
    trades: 2_000,
    accounts: 2,
    symbols: 10,
    seconds: 500_000,
};

const RUN: [&str; 3] = ["compute", "--all-symbols", "--quiet"];

/// A small disk, unmounted in the end. Whoever makes one keeps it longer than its files are open.
struct Disk(PathBuf);

impl Disk {
    /// Mounts one of 16 MiB over a folder. `None`: this machine does not let us.
    fn mount(folder: &Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=16m", "tmpfs"]);
        let done = mount.arg(folder).stderr(Stdio::null()).status();
        let mounted = done.is_ok_and(|status| status.success());
        mounted.then(|| Self(folder.to_owned()))
    }

    fn filler(&self) -> PathBuf {
        self.0.join("filler")
    }

    /// Fills it up, but for so many bytes.
    fn fill_but(&self, left: usize) {
        self.empty();
        let mut length = 16 << 20;
        let mut step = length;
        // Halving: the largest file that there is room for, to a page.
        while step >= 4096 {
            match fs::write(self.filler(), vec![0; length]) {
                Ok(()) if length == 16 << 20 => panic!("the disk has no limit"),
                Ok(()) => length += step / 2,
                Err(_) => length -= step / 2,
            }
            self.empty();
            step /= 2;
        }
        while fs::write(self.filler(), vec![0; length]).is_err() {
            length -= 4096;
        }
        fs::write(self.filler(), vec![0; length.saturating_sub(left)]).unwrap();
    }

    fn empty(&self) {
        let _ = fs::remove_file(self.filler());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
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
        assert_eq!(self.place.value("PRAGMA integrity_check"), "ok", "{what}");
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
fn a_disk_that_is_full_takes_nothing_away() {
    let place = Place::sqlite();
    let Some(disk) = Disk::mount(place.folder().path()) else {
        println!("skipped: this machine does not let us mount a small disk");
        return;
    };
    let base = Base::make(place);
    let import = ["import", "--quiet", "more.csv"];
    for left in [0, 1, 4, 16, 40, 120, 300] {
        for args in [&RUN[..], &import] {
            disk.fill_but(left << 10);
            let done = base.place.run(args);
            // What follows asks the database, which has to have room for that.
            disk.empty();
            base.check_failed(
                done,
                "no space left for ",
                &format!("{} with {left} KiB left", args[0]),
            );
        }
    }
    base.check_next_run();
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
