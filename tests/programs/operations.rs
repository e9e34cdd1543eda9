//! An operator's work around runs, on SQLite: the nightly job, the health of the database, pruning
//! versions.
#![cfg(all(feature = "cli", unix))]

use crate::support;

mod health;
mod nightly;
mod prune;

use support::Folder;
use support::ledger::{Shape, csv, rows};

const SMALL: Shape = Shape {
    trades: 300,
    accounts: 2,
    symbols: 4,
    seconds: 5_000,
};

/// Makes a folder with so many versions; the last one is current.
fn with_versions(number: usize) -> Folder {
    let folder = Folder::with_trades(&csv(&rows(SMALL, 1)));
    for _ in 0..number {
        folder.compute(&["--all-symbols", "--quiet"]).expect(0);
    }
    folder
}

#[test]
fn what_a_killed_export_left_is_in_nobodys_way() {
    let folder = with_versions(1);
    let half = "account,symbol,sell_order_id";
    let left = ".v1.csv.0123456789abcdef.unfinished";
    folder.write(left, half);
    let export = ["versions", "export", "1", "--output", "v1.csv"];
    folder.fifo_pnl(&export).expect(0);
    assert_eq!(folder.read("v1.csv"), folder.export("1"));
    // Another process may be writing it.
    assert_eq!(folder.read(left), half);
}
