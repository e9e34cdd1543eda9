//! Lots by decision: counted in each summary, and named when their buy arrives after all.

use crate::figures::{Place, has};

const DECIDE: &str = "fifo-pnl review resolve 1 --basis 100 --acquired 2025-01-01T00:00:00Z \
                      --note lost --yes";

const VOID: &str = "`fifo-pnl void review-1-1 --account main --reason TEXT`";

/// A sale without a buy, and a lot that a person decided for it.
fn decide(place: &Place) {
    place.write(
        "s1.csv",
        "s1,BTC-USD,sell,1,150,2025-03-01T00:00:00Z,0,main\n",
    );
    place.run("fifo-pnl run s1.csv --quiet").expect(0);
    let done = place.run(DECIDE).expect(0);
    has(&done.stdout, &["appended review-1-1", VOID]);
}

fn buy(place: &Place) {
    place.write(
        "b1.csv",
        "b1,BTC-USD,buy,1,60,2025-02-01T00:00:00Z,0,main\n\
         b2,BTC-USD,buy,1,60,2025-04-01T00:00:00Z,0,main\n\
         b3,BTC-USD,buy,1,60,2025-02-01T00:00:00Z,0,other\n",
    );
}

pub fn a_lot_by_decision_is_counted_wherever_its_figures_are(place: &Place) {
    decide(place);
    let count = "1 lot by decision";
    let run = "By decision     1 lot by decision counts: a person named the cost\n";
    for command in [
        "compute_allocations --all-symbols --dry-run",
        "compute_allocations --incremental",
        "compute_allocations --incremental",
        "compute_allocations --all-symbols",
        "fifo-pnl run s1.csv",
    ] {
        let done = place.run(command).expect(0);
        has(&done.stdout, &[run]);
        assert!(!done.stdout.contains("Warning"), "{}", done.stdout);
    }
    let done = place
        .run("compute_allocations --all-symbols --json")
        .expect(0);
    assert_eq!(done.json()["lots_by_decision"], 1);
    let done = place.run("fifo-pnl run s1.csv --json").expect(0).json();
    assert_eq!(done["compute"]["lots_by_decision"], 1);
    let done = place.run("compute_allocations --asset ETH");
    assert_eq!(done.code, 2, "no such symbol");
    let done = place.run("fifo-pnl health").expect(0);
    has(&done.stdout, &[count]);
    let done = place.run("fifo-pnl health --json").expect(0).json();
    assert_eq!(done["lots_by_decision"], 1);
    let line = "1 lot by decision: review-1-1 of main BTC";
    let done = place
        .run("validate_allocations --version current")
        .expect(0);
    has(&done.stdout, &[&format!("Known           {line}")]);
    let done = place.run("validate_allocations --version current --strict");
    has(
        &done.expect(1).stdout,
        &[&format!("Finding         {line}")],
    );
    let shown = place.run("fifo-pnl review show 1").expect(0).stdout;
    has(&shown, &["was imported: undo it", VOID.trim_matches('`')]);
    // The way back leads back.
    place
        .run(&VOID.trim_matches('`').replace("TEXT", "test"))
        .expect(0);
    let done = place.run("compute_allocations --all-symbols").expect(0);
    assert!(!done.stdout.contains("By decision"), "{}", done.stdout);
    has(&done.stdout, &["1 sell finds too few buys"]);
    let done = place.run("fifo-pnl health --json").json();
    assert_eq!(done["lots_by_decision"], 0);
    let shown = place.run("fifo-pnl review show 1").expect(0).stdout;
    assert!(!shown.contains("was imported: undo it"), "{shown}");
}

pub fn a_missing_buy_that_arrives_is_named_beside_the_decision(place: &Place) {
    decide(place);
    place.run("compute_allocations --all-symbols").expect(0);
    buy(place);
    let warning = "buy b1 of main BTC arrived after the decision";
    let done = place.run("fifo-pnl import b1.csv --preview").expect(0);
    assert!(!done.stdout.contains("Warning"), "{}", done.stdout);
    let done = place.run("fifo-pnl import b1.csv").expect(0);
    has(
        &done.stdout,
        &["Warning", warning, "about sale s1 (item 1)", VOID],
    );
    let done = place.run("fifo-pnl import b1.csv --json").expect(0).json();
    let late = &done["buys_beside_decisions"][0];
    assert_eq!(
        (&late["lot"], &late["more_buys"]),
        (&"review-1-1".into(), &0.into())
    );
    assert_eq!(late["buy_order_id"], "b1");
    let done = place.run("compute_allocations --incremental").expect(0);
    has(&done.stdout, &[warning, VOID]);
    // Only the run that brought it says so; the count stays.
    let done = place.run("compute_allocations --all-symbols").expect(0);
    assert!(!done.stdout.contains("Warning"), "{}", done.stdout);
    has(&done.stdout, &["1 lot by decision counts"]);
    place.write(
        "b4.csv",
        "b4,BTC-USD,buy,1,60,2025-03-01T00:00:00Z,0,main\n",
    );
    let done = place.run("fifo-pnl run b4.csv").expect(0);
    has(&done.stdout, &["buy b4 of main BTC arrived", VOID]);
    place.follow(&done.stdout, "fifo-pnl void");
    let done = place.run("compute_allocations --all-symbols").expect(0);
    assert!(!done.stdout.contains("By decision"), "{}", done.stdout);
}

pub fn a_version_counts_the_decisions_that_it_saw(place: &Place) {
    decide(place);
    // Version 1 is older than the decision, and version 2 than its void.
    place.run("compute_allocations --all-symbols").expect(0);
    place
        .run(&VOID.trim_matches('`').replace("TEXT", "test"))
        .expect(0);
    for (version, lots) in [("1", 0), ("2", 1)] {
        let line = format!("validate_allocations --version {version} --json");
        let done = place.run(&line).expect(0).json();
        assert_eq!(done["lots_by_decision"], lots, "version {version}");
    }
}
