//! An item that was settled by facts is not opened again by hand.

use crate::figures::{Place, has};

pub fn an_item_without_an_unmatched_part_is_not_reopened(place: &Place) {
    place.write(
        "s.csv",
        "s1,BTC-USD,sell,1,150,2025-03-01T00:00:00Z,0,main\n",
    );
    place.run("fifo-pnl run s.csv --quiet").expect(0);
    place.run("fifo-pnl review dismiss 1 --note gift").expect(0);
    // Dismissed, and still unmatched.
    place.run("fifo-pnl review reopen 1 --note sold").expect(0);
    place.write(
        "b.csv",
        "b1,BTC-USD,buy,1,100,2025-01-01T00:00:00Z,0,main\n",
    );
    place.run("fifo-pnl run b.csv --quiet").expect(0);
    let done = place.run("fifo-pnl review reopen 1 --note again").expect(3);
    has(
        &done.stderr,
        &["version 2 has no unmatched part of sale s1"],
    );
    place
        .run("validate_allocations --version current")
        .expect(0);
    // The way that the hint names.
    place
        .run("fifo-pnl void b1 --account main --reason wrong")
        .expect(0);
    place.run("compute_allocations --all-symbols").expect(0);
    let listed = place.run("fifo-pnl review list").expect(0).stdout;
    has(&listed, &["pending"]);
    place
        .run("validate_allocations --version current")
        .expect(0);
}
