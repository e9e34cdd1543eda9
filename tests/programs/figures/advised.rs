//! Advice leads on: no command without work to do, and no command that would be refused.

use crate::figures::{Place, has};

pub fn an_import_advises_a_run_if_something_is_new(place: &Place) {
    place.write(
        "b.csv",
        "b1,BTC-USD,buy,1,100,2025-01-01T00:00:00Z,0,main\n",
    );
    let import = "fifo-pnl import b.csv";
    has(
        &place.run(import).expect(0).stdout,
        &["Next: compute_allocations"],
    );
    let known = place.run(import).expect(0).stdout;
    assert!(!known.contains("Next:"), "{known}");
    place.write(
        "c.csv",
        "c1,BTC-USD,buy,1,100,2025-01-01T00:00:00Z,0,main\nc2,BTC-USD,no,1,1,x,0,m\n",
    );
    let part = place
        .run("fifo-pnl import c.csv --skip-invalid")
        .expect(1)
        .stdout;
    has(&part, &["Next: compute_allocations"]);
}

pub fn negative_fees_are_corrected_as_advised(place: &Place) {
    place.write(
        "b.csv",
        "b1,BTC-USD,buy,1,100,2025-01-01T00:00:00Z,-2,main\n",
    );
    let done = place.run("fifo-pnl import b.csv").expect(0);
    has(
        &done.stdout,
        &["import the file with --correct --reason TEXT"],
    );
    assert!(!done.stdout.contains("void"), "{}", done.stdout);
    place.write(
        "b.csv",
        "b1,BTC-USD,buy,1,100,2025-01-01T00:00:00Z,2,main\n",
    );
    place
        .run("fifo-pnl import b.csv --correct --reason TEXT")
        .expect(0);
}

pub fn a_ledger_of_rejected_trades_has_trades(place: &Place) {
    place.write(
        "e.csv",
        "e1,BTC-EUR,buy,1,100,2025-01-01T00:00:00Z,0,main\n",
    );
    let done = place.run("fifo-pnl run e.csv").expect(1);
    has(&done.stdout, &["\nno trade could be matched, see below\n"]);
    assert!(!done.stdout.contains("has no trades"), "{}", done.stdout);
}
