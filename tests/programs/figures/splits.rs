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
    has(&done.stdout, &["it has a split, at 2020-09-15"]);
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
    has(&done.stdout, &["makes 36 for 16 held"]);

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

/// A lot that is sold in part before a split and after it is one lot, and may come in any run. 2 of
/// 10 are sold at 12. The other 8, at 10, are 16 at 5: 2 are sold at 7.
pub fn a_lot_used_before_and_after_a_split_is_one_lot(place: &Place) {
    let line = |day: &str, action: &str, of: &str| {
        format!("\"{day}/2020\",\"{action}\",\"HYLB\",\"A FUND\",{of}\n")
    };
    let rows = [
        line("09/01", "Buy", r#""10","$10.00","","-$100.00""#),
        line("09/02", "Sell", r#""2","$12.00","","$24.00""#),
        line("09/15", "Stock Split", r#""8","","","""#),
        line("10/01", "Sell", r#""2","$7.00","","$14.00""#),
    ];
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    write(
        place,
        "other.csv",
        &[
            r#""09/01/2020","Buy","ABC","A FUND","1","$10.00","","-$10.00"
"#,
        ],
    );
    write(place, "all.csv", &rows);
    place.run("fifo-pnl run other.csv").expect(0);
    // The pool is new to the version.
    place.run("fifo-pnl import all.csv").expect(0);
    place.run("compute_allocations --incremental").expect(0);
    place
        .run("validate_allocations --version current --strict")
        .expect(0);
    has(
        &exported(place),
        &[",2,10,12,0,0,20,24,24,4,", ",2,5,7,0,0,10,14,14,4,"],
    );
    as_in_full(place);
    let sell = exported(place);
    let sell = sell.lines().find(|row| row.contains(",2,5,7,")).unwrap();
    let sell = sell.split(',').nth(2).unwrap();
    let shown = place
        .run(&format!("fifo-pnl explain --sell {sell}"))
        .expect(0);
    has(&shown.stdout, &["split, 8 units came: 16 left, cost 80"]);
}

/// A pool that is larger than the memory of a run is read in slices.
pub fn a_pool_in_slices_applies_its_splits(place: &Place) {
    let row = |date: String, action: &str, size: u64, price: u64, amount: String| {
        let what = format!("\"{date}\",\"{action}\",\"HYLB\",\"A FUND\"");
        format!("{what},\"{size}\",\"${price}.00\",\"\",\"{amount}\"\n")
    };
    let buy = |nth: u64| {
        let date = format!("0{}/{:02}/2020", 1 + nth % 8, 1 + nth % 28);
        row(date, "Buy", 1, nth, format!("-${nth}.00"))
    };
    let sell = |nth: u64| {
        let date = format!("10/{:02}/2020", 1 + nth % 28);
        row(date, "Sell", 3, 9, "$27.00".to_owned())
    };
    let buys: String = (1..=400).map(buy).collect();
    let sells: String = (1..=200).map(sell).collect();
    let split = r#""09/15/2020","Stock Split","HYLB","A FUND","400","","",""
"#;
    write(place, "all.csv", &[&buys, split, &sells]);
    place.run("fifo-pnl run all.csv").expect(0);
    as_in_full(place);
}

/// A person may not settle a sale with a lot whose units a split has changed since.
pub fn a_lot_by_decision_may_not_lie_before_a_split(place: &Place) {
    let rows = [
        r#""09/01/2020","Buy","HYLB","A FUND","10","$10.00","","-$100.00"
"#,
        r#""09/15/2020","Stock Split","HYLB","A FUND","10","","",""
"#,
        r#""10/01/2020","Sell","HYLB","A FUND","30","$7.00","","$210.00"
"#,
    ];
    write(place, "all.csv", &rows);
    place.run("fifo-pnl run all.csv").expect(0);
    let resolve = "fifo-pnl review resolve 1 --basis 50 --note test --yes --acquired";
    let done = place
        .run(&format!("{resolve} 2020-01-01T00:00:00Z"))
        .expect(2);
    has(
        &done.stderr,
        &[
            "before the split of 2020-09-15",
            "fifo-pnl import lots FILE",
        ],
    );
    place
        .run(&format!("{resolve} 2020-09-16T00:00:00Z"))
        .expect(0);
    place.run("compute_allocations --all-symbols").expect(0);
    has(&exported(place), &[",10,5,7,0,0,50,70,70,20,"]);
}
