//! Splits, on both databases: in full and incremental runs, early and late, and undone.

use crate::figures::{Place, has};

const HEADER: &str = concat!(
    r#""Date","Action","Symbol","Description","Quantity","#,
    r#""Price","Fees & Comm","Amount""#,
    "\n"
);
const BUYS: &str = r#""08/31/2020","Buy","HYLB","A FUND","12","$10.00","","-$120.00"
"08/30/2020","Buy","HYLB","A FUND","8","$20.00","","-$160.00"
"#;
const SPLIT: &str = r#""09/15/2020","Stock Split","HYLB","A FUND","20","","",""
"#;
const SELL: &str = r#""10/20/2020","Sell","HYLB","A FUND","10","$6.00","","$60.00"
"#;
const LATER: &str = r#""11/20/2020","Sell","HYLB","A FUND","30","$6.00","$0.30","$179.70"
"#;
const EARLY: &str = r#""09/01/2020","Sell","HYLB","A FUND","4","$15.00","","$60.00"
"#;

fn write(place: &Place, name: &str, rows: &[&str]) {
    place
        .folder
        .write(name, format!("{HEADER}{}", rows.concat()));
}

fn exported(place: &Place) -> String {
    let done = place.run("fifo-pnl versions export current");
    done.expect(0).stdout
}

/// An incremental run gives the rows of a full one.
fn as_in_full(place: &Place) {
    let incremental = exported(place);
    place.run("compute_allocations --all-symbols").expect(0);
    assert_eq!(exported(place), incremental);
    // A pool that is read in slices has the same rows.
    place
        .run("compute_allocations --all-symbols --memory 1")
        .expect(0);
    assert_eq!(exported(place), incremental);
    place
        .run("validate_allocations --version current --strict")
        .expect(0);
}

/// 8 at 20 and 12 at 10 are 16 at 10 and 24 at 5 after the split. Ten sold at 6 lose 40, and thirty
/// sold at 6 with a fee of 0.30 bring 179.70: 60 less 6 at 10, and 119.70 less 24 at 5.
pub fn a_split_changes_lots_in_any_run(place: &Place) {
    write(place, "buys.csv", &[BUYS]);
    write(place, "split.csv", &[SPLIT]);
    write(place, "sell.csv", &[SELL]);
    write(place, "later.csv", &[LATER]);
    write(place, "early.csv", &[EARLY]);
    place.run("fifo-pnl run buys.csv").expect(0);
    place.run("fifo-pnl import split.csv").expect(0);
    let done = place.run("compute_allocations --incremental").expect(0);
    has(&done.stdout, &["its splits or other actions have changed"]);
    as_in_full(place);

    place.run("fifo-pnl import sell.csv").expect(0);
    let done = place.run("compute_allocations --incremental").expect(0);
    has(&done.stdout, &["-40.00"]);
    has(&exported(place), &[",10,10,6,0,0,100,60,60,-40,"]);
    as_in_full(place);

    place.run("fifo-pnl import later.csv").expect(0);
    let done = place.run("compute_allocations --incremental").expect(0);
    assert!(!done.stdout.contains("Recomputed"), "{}", done.stdout);
    has(
        &exported(place),
        &[
            ",6,10,6,0,0.01,60,36,35.94,-24.06,",
            ",24,5,6,0,0.01,120,144,143.76,23.76,",
        ],
    );
    as_in_full(place);

    // A trade before the split changes what it is applied to: 16 held and 20 came is no ratio.
    place.run("fifo-pnl import early.csv").expect(0);
    let done = place.run("compute_allocations --incremental").expect(1);
    has(
        &done.stdout,
        &["a new trade comes before the split at 2020-09-15"],
    );

    place.run("fifo-pnl import undo 5 --reason test").expect(0);
    place.run("compute_allocations --incremental").expect(0);
    as_in_full(place);

    place.run("fifo-pnl import undo 2 --reason test").expect(0);
    let done = place.run("compute_allocations --incremental").expect(0);
    has(&done.stdout, &["its splits or other actions have changed"]);
    place
        .run("fifo-pnl import undo 2 --undo --reason test")
        .expect(0);
    place.run("compute_allocations --incremental").expect(0);
    as_in_full(place);
    has(&exported(place), &[",10,10,6,0,0,100,60,60,-40,"]);
}
