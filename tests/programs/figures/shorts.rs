//! Short sales, on both databases: the setting, full and incremental runs, slices, the views, the
//! tax year, and `explain`.

use crate::figures::{Place, has};

const SHORTS: &str = "[accounts.margin]\nshorts = true\n";

/// A rebate of 0.35, then fees of 0.35: 280.35 less 70.35.
const FIRST: &str = "s1,QLT,sell,700,0.40,2024-12-30T15:00:00Z,-0.35,margin\n\
                     b1,QLT,buy,700,0.10,2025-01-03T15:00:00Z,0.35,margin\n";
/// A lot of 100 for 50.35; of 150 sold for 89.70, 100 bring 60 less 0.20.
const LATER: &str = "b2,QLT,buy,100,0.50,2025-02-10T15:00:00Z,0.35,margin\n\
                     s2,QLT,sell,150,0.60,2025-03-12T15:00:00Z,0.30,margin\n";
/// Closes the other 50, for 30 less 0.10, at 20.05.
const LAST: &str = "b3,QLT,buy,50,0.40,2026-03-13T15:00:00Z,0.05,margin\n";
/// Comes before the trades that closed the lots.
const LATE: &str = "s0,QLT,sell,10,0.50,2025-01-02T15:00:00Z,0,margin\n";

fn exported(place: &Place) -> String {
    let done = place.run("fifo-pnl versions export current");
    done.expect(0).stdout
}

/// An incremental run gives the rows of a full one, and so does a pool that is read in slices.
fn as_in_full(place: &Place) {
    let incremental = exported(place);
    for memory in ["", " --memory 1"] {
        place
            .run(&format!("compute_allocations --all-symbols{memory}"))
            .expect(0);
        assert_eq!(exported(place), incremental);
        place
            .run("validate_allocations --version current --strict")
            .expect(0);
    }
}

pub fn a_short_sale_is_closed_by_later_buys(place: &Place) {
    for (name, rows) in [
        ("first.csv", FIRST),
        ("later.csv", LATER),
        ("last.csv", LAST),
        ("late.csv", LATE),
    ] {
        place.write(name, rows);
    }
    // Without the setting it is an unmatched sell, and the buy is a lot.
    let done = place.run("fifo-pnl run first.csv").expect(0);
    has(&done.stdout, &["1 sell finds too few buys"]);
    let done = place.run("fifo-pnl review show 1").expect(0);
    has(&done.stdout, &["[accounts.\"margin\"]", "shorts = true"]);

    // A setting of a mistyped account would count for nothing.
    let typed = SHORTS.replace("margin", "margn");
    place.folder.write("fifo-pnl.toml", typed);
    let done = place.run("compute_allocations --all-symbols --dry-run");
    let said = "Settings        [accounts.\"margn\"] is of an account without trades\n";
    has(&done.expect(0).stdout, &[said]);
    place.folder.write("fifo-pnl.toml", SHORTS);
    // From now on it is a short sale, so that a lot of its own would be one too many.
    let lot = "--basis 50 --acquired 2024-01-02 --timezone UTC --note x --yes";
    let done = place.run(&format!("fifo-pnl review resolve 1 {lot}"));
    has(
        &done.expect(3).stderr,
        &["may go short", "compute_allocations"],
    );
    let done = place.run("compute_allocations --incremental").expect(0);
    has(&done.stdout, &["210.00"]);
    has(
        &exported(place),
        &["margin,QLT,s1,b1,700,0.1,0.4,0.0005,-0.0005,70.35,280,280.35,210,"],
    );
    has(
        &exported(place),
        &["2024-12-30T15:00:00.000000Z,,QLT,,,,,short\n"],
    );
    as_in_full(place);
    let done = place.run("fifo-pnl review list").expect(0);
    assert!(!done.stdout.contains("unmatched_sell"), "{done:?}");

    place.run("fifo-pnl import later.csv").expect(0);
    place.run("compute_allocations --incremental").expect(0);
    has(
        &exported(place),
        &["s2,b2,100,0.5,0.6,0.0035,0.002,50.35,60,59.8,9.45,"],
    );
    as_in_full(place);
    open_short_lot(place);

    place.run("fifo-pnl import last.csv").expect(0);
    let done = place.run("compute_allocations --incremental").expect(0);
    assert!(!done.stdout.contains("earlier"), "{done:?}");
    has(
        &exported(place),
        &["s2,b3,50,0.4,0.6,0.001,0.002,20.05,30,29.9,9.85,"],
    );
    as_in_full(place);
    explained(place);
    filed(place);

    place.run("fifo-pnl import late.csv").expect(0);
    let done = place.run("compute_allocations --incremental").expect(0);
    has(&done.stdout, &["s0"]);
    // The late sale is the second short lot: b1 closes s1 alone, and b2 closes s0 first.
    has(&exported(place), &["s1,b1,700,", "s0,b2,10,", "s2,b2,90,"]);
    as_in_full(place);
}

fn open_short_lot(place: &Place) {
    let done = place.run("compute_allocations --all-symbols").expect(0);
    has(&done.stdout, &["1 short, for 29.90 USD"]);
    let done = place.run("fifo-pnl explain --sell s2").expect(0);
    let rest = "  still short: 50 with 29.9 USD of net proceeds is in no total\n";
    has(&done.stdout, &["Total over 1 lot\n", rest]);
    let summary = place
        .run("compute_allocations --all-symbols --json")
        .expect(0);
    let summary = &summary.json()["pools"][0];
    assert_eq!(
        (
            &summary["open_direction"],
            &summary["open_lots"],
            &summary["open_size"],
            &summary["open_cost_usd"],
        ),
        (&"short".into(), &1.into(), &"50".into(), &"29.9".into(),)
    );
}

fn explained(place: &Place) {
    let done = place.run("fifo-pnl explain --sell s2").expect(0);
    has(
        &done.stdout,
        &[
            "Lot 1 b2",
            "Closed by buy 2 b3",
            "0.6 x 150 - 0.6 x 100",
            "19.3",
        ],
    );
    assert!(!done.stdout.contains("still short"), "{}", done.stdout);
}

/// The property that is delivered was bought when the short sale was closed: both dates are of that
/// day.
fn filed(place: &Place) {
    let tax = |year: &str, format: &str| {
        let file = format!("{format}-{year}.csv");
        let zone = "--timezone UTC";
        place
            .run(&format!(
                "fifo-pnl tax --year {year} --format {format} {zone} -o {file}"
            ))
            .expect(0);
        place.folder.read(&file)
    };
    assert_eq!(
        tax("2024", "form8949").lines().count(),
        1,
        "{}",
        tax("2024", "lots")
    );
    let rows = tax("2025", "form8949");
    has(&rows, &["01/03/2025,01/03/2025,280.35,70.35,"]);
    has(&rows, &["02/10/2025,03/12/2025,59.80,50.35,"]);
    assert_eq!(rows.lines().count(), 3, "{rows}");
    let rows = tax("2026", "lots");
    has(&rows, &[",2026-03-13,2026-03-13,0,short,"]);
    // The term is short, too: the flag has a column of its own.
    let mut read = csv::Reader::from_reader(rows.as_bytes());
    let flags = read.headers().unwrap().iter().position(|it| it == "flags");
    let lots = read
        .records()
        .map(|row| row.unwrap()[flags.unwrap()].to_owned());
    assert_eq!(lots.collect::<Vec<_>>(), ["short"], "{rows}");
}
