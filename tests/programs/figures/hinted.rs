//! The advice of a refusal works, and differs from the refused command.

use super::{Place, has};

fn ledger(place: &Place) {
    place.write(
        "a.csv",
        "s1,BTC-USD,sell,1,900,2025-02-01T00:00:00Z,0,main\n\
         s2,BTC-USD,sell,2,900,2025-02-02T00:00:00Z,0,main\n",
    );
    place.run("fifo-pnl run a.csv").expect(0);
}

pub fn what_was_refused_is_not_the_next_command(place: &Place) {
    ledger(place);
    for (command, exit) in [
        ("compute_allocations --symbol BTC", 2),
        ("compute_allocations --asset ETH", 2),
        ("compute_allocations --all-symbols --account mian", 2),
        ("compute_allocations --all-symbols --version 1", 3),
    ] {
        let done = place.run(command).expect(exit);
        assert!(!done.stderr.contains("next:"), "{}", done.stderr);
        has(
            &done.stderr,
            &["no run was begun; version 1 is still current"],
        );
    }
    let done = place.run("compute_allocations --all-symbols --dry-run");
    assert!(!done.expect(0).stdout.contains("Next:"));
}

pub fn all_bad_rows_of_a_sheet_are_told_by_their_lines(place: &Place) {
    ledger(place);
    let head = "item,action,size,basis,acquired,signed_by,note\n";
    let rows = "2,resolve,1,$90,2025-01-01T00:00:00Z,,x\n\
                x,dismiss,,,,,x\n\
                1,resolve,1,\"5,000\",2025-01-01T00:00:00Z,,x\n\
                9,dismiss,,,,,x\n\
                1,resolve,1,7,01/02/2024,,x\n";
    place.folder.write("bad.csv", format!("{head}{rows}"));
    let done = place.run("fifo-pnl review apply bad.csv --yes").expect(2);
    let said = "error: bad.csv:2: basis is \"$90\", expected USD, zero or more; \
                bad.csv:3: item is \"x\", expected a number; \
                bad.csv:4: basis is \"5,000\", expected USD, zero or more; \
                bad.csv:5: there is no review item 9; \
                bad.csv:6: acquired is \"01/02/2024\", expected a day like";
    has(
        &done.stderr,
        &[
            said,
            "\"$\" is no part of a number: write 90;",
            "write 5000, or 5.000",
            "write the year, the month and the day",
        ],
    );
    // One row alone reads like any other error.
    place
        .folder
        .write("bad.csv", format!("{head}1,dismiss,,,,,\n"));
    let done = place.run("fifo-pnl review apply bad.csv --yes").expect(2);
    has(
        &done.stderr,
        &["error: bad.csv:2: note is empty\nhint: say why"],
    );
}

pub fn a_typed_basis_or_day_is_told_what_is_in_its_way(place: &Place) {
    ledger(place);
    let of = |basis: &str, day: &str| {
        let resolve = "fifo-pnl review resolve 1 --timezone Etc/UTC --note x --yes";
        let done = place.run(&format!("{resolve} --basis '{basis}' --acquired {day}"));
        done.expect(2).stderr
    };
    let total = "the basis is the total cost of the lot, fees included\n";
    let dollar = format!("hint: \"$\" is no part of a number: write 90; {total}");
    has(&of("$90", "2025-01-01"), &[&dollar]);
    // Less than zero is no cost: nothing says how to write it.
    has(&of("(90)", "2025-01-01"), &[&format!("hint: {total}")]);
    has(
        &of("90", "01/02/2024"),
        &["hint: write the year, the month"],
    );
}

pub fn a_decision_and_its_lot_are_in_the_history(place: &Place) {
    ledger(place);
    let resolve = "fifo-pnl review resolve 1 --basis 90 --acquired 2025-01-01 \
                   --timezone Etc/UTC --note 'by the bank' --yes";
    place.run(resolve).expect(0);
    let shown = place.run("fifo-pnl review show 1").expect(0);
    has(
        &shown.stdout,
        &[
            " decided by ",
            ": by the bank\n          lot review-1-1: 1 at 90 USD, acquired 2025-01-01T00:00:00",
        ],
    );
}

pub fn a_trade_is_named_where_it_stands(place: &Place) {
    let row = |price: u32| format!("2,BTC-USD,sell,1,{price},2025-02-02T00:00:00Z,0,main\n");
    place.write("a.csv", &row(900));
    place.run("fifo-pnl run a.csv").expect(0);
    place.write("a.csv", &row(800));
    place
        .run("fifo-pnl import a.csv --correct --reason test")
        .expect(0);
    place.run("compute_allocations --all-symbols").expect(0);
    // The correction is what counts.
    let done = place.run("fifo-pnl explain --sell 2 --account main");
    has(
        &done.expect(2).stderr,
        &[
            "sell \"2\" of account \"main\" was corrected: it counts as \"2~2\"",
            "hint: name it: --sell '2~2'",
        ],
    );
    place.run("fifo-pnl explain --sell '2~2'").expect(0);
    // The account that has it is named, and naming it works.
    let done = place.run("fifo-pnl void '2~2' --reason test").expect(2);
    has(&done.stderr, &["hint: it is in --account main: add that"]);
    place
        .run("fifo-pnl void '2~2' --reason test --account main")
        .expect(0);
    let done = place.run("fifo-pnl void none --reason test").expect(2);
    has(&done.stderr, &["hint: --account names the account"]);
}
