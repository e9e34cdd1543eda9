//! Rows of a version that something else than its run changed: each export refuses, on both
//! databases, and leaves no file behind. What is filed, sealed or made current was compared before.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use crate::support::postgres;

mod claims;

use std::fs;

use postgres::{Database, apart};
use support::{DATABASE, Done, Folder};

const TRADES: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
    b-1,BTC-USD,buy,2,10,2025-01-01T00:00:00Z,0\n\
    b-2,BTC-USD,buy,2,11,2025-01-02T00:00:00Z,0\n\
    s-1,BTC-USD,sell,1,12,2025-06-01T00:00:00Z,0\n\
    s-2,BTC-USD,sell,2,13,2025-06-02T00:00:00Z,0\n\
    b-3,ETH-USD,buy,2,5,2025-01-01T00:00:00Z,0\n\
    s-3,ETH-USD,sell,1,6,2025-06-01T00:00:00Z,0\n";

/// A later buy changes what every sell of BTC used, so that two versions can be compared.
const LATE: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
    b-0,BTC-USD,buy,1,9,2024-12-01T00:00:00Z,0\n";

/// Changes to the rows of version 1.
const CHANGES: [(&str, &str); 5] = [
    (
        "alter",
        "UPDATE fifo_allocations SET pnl_usd = '777', cost_basis_usd = '1' \
         WHERE allocation_version = 1 AND sell_order_id = 's-1'",
    ),
    (
        "delete",
        "DELETE FROM fifo_allocations WHERE allocation_version = 1 AND sell_order_id = 's-1'",
    ),
    (
        "add",
        "INSERT INTO fifo_allocations (id, account, sell_order_id, buy_order_id, symbol, \
         allocated_size, buy_price, sell_price, buy_fees_per_unit, sell_fees_per_unit, \
         cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, buy_time, sell_time, \
         allocation_time, allocation_version, allocation_batch_id, notes, asset) \
         SELECT 1000000, account, 's-9', buy_order_id, symbol, \
         allocated_size, buy_price, sell_price, buy_fees_per_unit, sell_fees_per_unit, \
         cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, buy_time, sell_time, \
         allocation_time, allocation_version, allocation_batch_id, notes, asset \
         FROM fifo_allocations WHERE allocation_version = 1 AND sell_order_id = 's-1'",
    ),
    (
        "swap cells",
        "UPDATE fifo_allocations SET cost_basis_usd = '11' WHERE allocation_version = 1 \
         AND sell_order_id = 's-2' AND buy_order_id = 'b-1'; \
         UPDATE fifo_allocations SET cost_basis_usd = '10' WHERE allocation_version = 1 \
         AND sell_order_id = 's-2' AND buy_order_id = 'b-2'",
    ),
    (
        "add to a pool that has none",
        "INSERT INTO fifo_allocations (id, account, sell_order_id, buy_order_id, symbol, \
         allocated_size, buy_price, sell_price, buy_fees_per_unit, sell_fees_per_unit, \
         cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, buy_time, sell_time, \
         allocation_time, allocation_version, allocation_batch_id, notes, asset) \
         SELECT 1000000, account, 's-9', buy_order_id, 'XRP-USD', \
         allocated_size, buy_price, sell_price, buy_fees_per_unit, sell_fees_per_unit, \
         cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, buy_time, sell_time, \
         allocation_time, allocation_version, allocation_batch_id, notes, 'XRP' \
         FROM fifo_allocations WHERE allocation_version = 1 AND sell_order_id = 's-1'",
    ),
];

/// Everything that hands rows of a version out.
const EXPORTS: [&[&str]; 9] = [
    &["versions", "export", "1", "-o", "out.file"],
    &["tax", "--format", "form8949", "-o", "out.file"],
    &["tax", "--format", "schedule-d", "-o", "out.file"],
    &["tax", "--format", "lots", "-o", "out.file"],
    &["tax", "--format", "taxact", "-o", "out.file"],
    &["tax", "--format", "txf", "-o", "out.file"],
    &["tax", "--format", "xlsx", "-o", "out.file"],
    &[
        "tax",
        "--account",
        "default",
        "--format",
        "lots",
        "-o",
        "out.file",
    ],
    &["tax", "--final", "-o", "out.file"],
];

/// A folder, and its database.
struct Place {
    folder: Folder,
    server: Option<Database>,
}

impl Place {
    fn sqlite() -> Self {
        let server = None;
        Self::prepared(Folder::new(), server)
    }

    /// `None`: there is no server.
    fn postgres() -> Option<Self> {
        let server = Database::new()?;
        Some(Self::prepared(Folder::new(), Some(server)))
    }

    fn prepared(folder: Folder, server: Option<Database>) -> Self {
        folder.write("trades.csv", TRADES);
        folder.write("late.csv", LATE);
        folder.write("fifo-pnl.toml", "[tax]\ntimezone = \"America/New_York\"\n");
        let place = Self { folder, server };
        if place.server.is_some() {
            place.run(&["migrate", "up", "--yes"]).expect(0);
        }
        place.run(&["run", "trades.csv"]).expect(0);
        place
    }

    fn run(&self, args: &[&str]) -> Done {
        let url = match &self.server {
            Some(server) => server.url().to_owned(),
            None => format!("sqlite://{DATABASE}"),
        };
        let mut args = args.to_vec();
        if args[0] == "tax" && args[1] != "verify" && args[1] != "amend" {
            args.extend(["--year", "2025"]);
            if !args.contains(&"--version") {
                args.extend(["--version", "1"]);
            }
        }
        self.folder
            .fifo_pnl(&[&args[..], &["--database", &url]].concat())
    }

    /// Changes what is stored as any other program could.
    fn change(&self, sql: &str) {
        match &self.server {
            Some(server) => apart(server.run(sql)).unwrap(),
            None => drop(self.folder.sql(sql)),
        }
    }

    /// Returns a number of the database, as text.
    fn ask(&self, sql: &str) -> String {
        match &self.server {
            Some(server) => apart(server.ask(sql)).concat(),
            None => self.folder.value(sql),
        }
    }

    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder.path()).unwrap();
        let name = |entry: fs::DirEntry| entry.file_name().to_string_lossy().into_owned();
        let mut names: Vec<String> = entries.map(|entry| name(entry.unwrap())).collect();
        // What SQLite keeps beside a file that is open.
        names.retain(|name| !name.starts_with(DATABASE));
        names.sort();
        names
    }
}

/// Checks a refusal: its code, the version, both hashes, and what to do next.
#[track_caller]
fn expect_refused(done: Done, hash: &str, what: &str) {
    let done = done.expect(3);
    assert!(
        done.stderr.contains("version 1 was changed"),
        "{what}: {}",
        done.stderr
    );
    assert!(done.stderr.contains(hash), "{what}: {}", done.stderr);
    let hashes = done.stderr.split(|c: char| !c.is_ascii_hexdigit());
    assert_eq!(
        hashes.filter(|word| word.len() == 64).count(),
        2,
        "{what}: {}",
        done.stderr
    );
    let next = "validate_allocations --version 1";
    assert!(done.stderr.contains(next), "{what}: {}", done.stderr);
}

const HASH: &str = "SELECT allocations_hash FROM allocation_versions WHERE version = 1";
const SEALED: &str = "SELECT CAST(count(sealed_at) AS TEXT) FROM allocation_versions";

fn every_export_refuses(make: impl Fn() -> Option<Place>) {
    for (what, sql) in CHANGES {
        let Some(place) = make() else { return };
        let (names, hash) = (place.names(), place.ask(HASH));
        place.change(sql);
        // All of them hear of the first change; what else they could do wrong is the same.
        let some = [0, 3, 8].map(|at| EXPORTS[at]);
        let exports = if what == "alter" { &EXPORTS[..] } else { &some };
        for export in exports {
            let what = format!("{what}: {}", export.join(" "));
            expect_refused(place.run(export), &hash, &what);
            assert_eq!(place.names(), names, "{what}");
        }
        assert_eq!(place.ask(SEALED), "0", "{what}");
        // To a pipe there is no file to leave out: the exit code tells.
        expect_refused(place.run(&["versions", "export", "1"]), &hash, what);
    }
}

#[test]
fn every_export_refuses_altered_rows() {
    every_export_refuses(|| Some(Place::sqlite()));
}

#[test]
fn every_export_refuses_altered_rows_on_postgres() {
    every_export_refuses(Place::postgres);
}

/// The hash of a version says nothing of the order of its rows, and an export has one.
fn moved_rows_are_refused(place: &Place) {
    place.change("UPDATE fifo_allocations SET id = 1000 - id");
    for export in [EXPORTS[0], EXPORTS[3], EXPORTS[8]] {
        let done = place.run(export).expect(3);
        let said =
            "version 1 was changed: the rows of sell \"s-2\" stand where its run wrote others";
        assert!(done.stderr.contains(said), "{}", done.stderr);
        assert!(!place.folder.join("out.file").exists());
    }
}

#[test]
fn moved_rows_are_refused_on_both() {
    moved_rows_are_refused(&Place::sqlite());
    Place::postgres().iter().for_each(moved_rows_are_refused);
}

fn unaltered_rows_go_out(place: &Place) {
    for export in EXPORTS {
        place.run(export).expect(0);
        place.run(&[export, &["--overwrite"]].concat()).expect(0);
        for name in place.names().iter().filter(|name| name.starts_with("out.")) {
            fs::remove_file(place.folder.join(name)).unwrap();
        }
    }
}

#[test]
fn unaltered_rows_go_out_on_both() {
    unaltered_rows_go_out(&Place::sqlite());
    Place::postgres().iter().for_each(unaltered_rows_go_out);
}

/// Open lots have no hash: their number, sizes and costs are those of the summary, or refused.
fn a_workbook_refuses_altered_lots(place: &Place) {
    let xlsx = ["tax", "--format", "xlsx", "-o", "out.file"];
    place.change("UPDATE fifo_inventory_snapshot SET remaining_cost_usd = '1' WHERE asset = 'ETH'");
    let done = place.run(&xlsx).expect(3);
    let said = "version 1 was changed: the open lots of default ETH are not those";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    place.change("DELETE FROM fifo_inventory_snapshot");
    place.run(&xlsx).expect(3);
    assert!(!place.folder.join("out.file").exists());
}

#[test]
fn a_workbook_refuses_altered_lots_on_both() {
    a_workbook_refuses_altered_lots(&Place::sqlite());
    Place::postgres()
        .iter()
        .for_each(a_workbook_refuses_altered_lots);
}

fn what_was_filed_is_told_from_what_is_stored(place: &Place) {
    place.run(&["tax", "--final", "-o", "filed.zip"]).expect(0);
    let done = place.run(&["tax", "verify", "filed.zip"]).expect(0);
    assert!(
        done.stdout.contains("equal     hashes of the version's"),
        "{}",
        done.stdout
    );
    let hash = place.ask(HASH);
    place.change(CHANGES[0].1);
    let done = place.run(&["tax", "verify", "filed.zip"]).expect(1);
    assert!(!done.stdout.contains("equal     hashes"), "{}", done.stdout);
    assert!(
        done.stdout.contains("differ    hashes of the version's"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout.contains("version 1 was changed"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains(&hash), "{}", done.stdout);
    assert!(
        done.stdout.contains("differs   lots.csv in line"),
        "{}",
        done.stdout
    );
    assert!(done.stdout.contains("Not equal"), "{}", done.stdout);
}

#[test]
fn verify_never_calls_altered_rows_equal() {
    what_was_filed_is_told_from_what_is_stored(&Place::sqlite());
    Place::postgres()
        .iter()
        .for_each(what_was_filed_is_told_from_what_is_stored);
}

/// A command that reads one pool compares that pool alone.
fn what_reads_a_pool_refuses(place: &Place) {
    place.run(&["tax", "--final", "-o", "filed.zip"]).expect(0);
    place.run(&["run", "late.csv"]).expect(0);
    let compare = ["compare", "1", "2", "-o", "differ.csv"];
    let amend = ["tax", "amend", "--year", "2025"];
    let explain = ["explain", "--sell", "s-1", "--version", "1"];
    for command in [&compare[..], &amend, &explain] {
        let code = place.run(command).code;
        assert!(code <= 1, "{}: exit code {code}", command.join(" "));
    }
    fs::remove_file(place.folder.join("differ.csv")).unwrap();
    place.change(CHANGES[0].1);
    let all = "version 1 was changed: it has 4 rows with hash";
    let of_pool = "version 1 was changed: default BTC has 3 rows with hash";
    for (command, said) in [(&compare[..], all), (&amend, all), (&explain, of_pool)] {
        let done = place.run(command).expect(3);
        assert!(done.stderr.contains(said), "{}", done.stderr);
        assert!(!place.folder.join("differ.csv").exists());
    }
    // A pool with a false summary is one that no run wrote, either.
    place.change(
        "UPDATE fifo_pool_summary SET allocations_hash = ledger_hash WHERE allocation_version = 1",
    );
    let done = place.run(&compare).expect(3);
    assert!(
        done.stderr.contains("version 1 was changed: it has 4 rows"),
        "{}",
        done.stderr
    );
}

#[test]
fn compare_amend_and_explain_refuse_altered_rows() {
    what_reads_a_pool_refuses(&Place::sqlite());
    Place::postgres().iter().for_each(what_reads_a_pool_refuses);
}

/// A reader of the current version takes its rows unchecked, so publishing checks them.
fn altered_rows_are_not_published_or_sealed(place: &Place) {
    const POINTER: &str = "SELECT CAST(version AS TEXT) FROM current_version";
    place.run(&["run", "late.csv"]).expect(0);
    place.run(&["versions", "publish", "1"]).expect(0);
    assert_eq!(place.ask(POINTER), "1");
    // Version 1 is held, and version 2 would be next.
    place.change(
        "UPDATE fifo_allocations SET pnl_usd = '777' \
         WHERE allocation_version = 2 AND sell_order_id = 's-1'",
    );
    let seal = ["versions", "seal", "2", "--reason", "audit"];
    for command in [
        &["versions", "publish", "2"][..],
        &["versions", "release"],
        &seal,
    ] {
        let done = place.run(command).expect(3);
        let said = "version 2 was changed: it has";
        assert!(done.stderr.contains(said), "{command:?}: {}", done.stderr);
        let next = "validate_allocations --version 2";
        assert!(done.stderr.contains(next), "{command:?}: {}", done.stderr);
        assert_eq!(place.ask(POINTER), "1", "{command:?}");
        assert_eq!(place.ask(SEALED), "0", "{command:?}");
    }
    // What its run wrote still goes.
    place.run(&["versions", "publish", "1"]).expect(0);
    place
        .run(&["versions", "seal", "1", "--reason", "audit"])
        .expect(0);
}

#[test]
fn altered_rows_are_not_published_or_sealed_on_both() {
    altered_rows_are_not_published_or_sealed(&Place::sqlite());
    Place::postgres()
        .iter()
        .for_each(altered_rows_are_not_published_or_sealed);
}
