//! What an operator does around runs, on SQLite: the nightly job, asking how things
//! stand, pruning versions.
#![cfg(all(feature = "cli", unix))]

mod support;

#[path = "operations/health.rs"]
mod health;
#[path = "operations/nightly.rs"]
mod nightly;
#[path = "operations/prune.rs"]
mod prune;

use support::Folder;
use support::ledger::{Shape, csv, rows};

const SMALL: Shape = Shape {
    trades: 300,
    accounts: 2,
    symbols: 4,
    seconds: 5_000,
};

/// Makes a folder with so many versions, the last of which is current.
fn with_versions(number: usize) -> Folder {
    let folder = Folder::with_trades(&csv(&rows(SMALL, 1)));
    for _ in 0..number {
        folder.compute(&["--all-symbols", "--quiet"]).expect(0);
    }
    folder
}
