//! An import's words about a file that counts twice, and about unknown statuses.

use crate::figures::{Place, has};

const TWO: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd,status\n\
                   b1,BTC-USD,buy,1,100,2025-01-01T00:00:00Z,0,Filled\n\
                   s1,BTC-USD,sell,1,150,2025-03-01T00:00:00Z,0,closed\n\
                   s2,BTC-USD,sell,1,150,2025-03-02T00:00:00Z,0,done\n\
                   b2,BTC-USD,buy,1,150,2025-01-02T00:00:00Z,0,\n";

pub fn the_same_file_under_another_account_is_named(place: &Place) {
    place.folder.write("two.csv", TWO);
    let first = place.run("fifo-pnl run two.csv --account kraken").expect(0);
    assert_eq!(first.stderr, "");
    place.folder.write("copy.csv", TWO);
    let preview = place.run("fifo-pnl import copy.csv --preview").expect(0);
    has(
        &preview.stderr,
        &["Its trades would count in both accounts. If that is wrong, do not import it\n"],
    );
    let refused = place.run("fifo-pnl run copy.csv").expect(2);
    let said = [
        "copy.csv: import 1 (two.csv) has this file already, in account \"kraken\", since 20",
        "`fifo-pnl import undo 1 --reason TEXT",
    ];
    has(&refused.stderr, &said);
    let done = place.run("fifo-pnl run copy.csv --json --again").expect(0);
    let said = [
        "warning: copy.csv has the bytes of two.csv, imported as account \"kraken\" at 20",
        "undo this import: `fifo-pnl import undo 2 --reason TEXT",
    ];
    has(&done.stderr, &said);
    let before = &done.json()["files"][0]["imported_before_as"];
    assert_eq!(
        (&before["account"], &before["file"]),
        (&"kraken".into(), &"two.csv".into())
    );
    // Nothing is new by now, so nothing counts twice by this import.
    let again = place.run("fifo-pnl import copy.csv").expect(0);
    assert_eq!(again.stderr, "");
    let again = place
        .run("fifo-pnl import two.csv --account kraken")
        .expect(0);
    assert_eq!(again.stderr, "");
    // A file that is refused counts nowhere.
    place.write(
        "held.csv",
        "b1,BTC-USD,buy,1,7,2025-01-01T00:00:00Z,0,third\n",
    );
    place.run("fifo-pnl import held.csv").expect(0);
    let refused = place
        .run("fifo-pnl import copy.csv --account third")
        .expect(2);
    assert!(
        !refused.stderr.contains("both accounts"),
        "{}",
        refused.stderr
    );
    assert!(!refused.stdout.contains("Next:"), "{}", refused.stdout);
    // A file that names its accounts itself counts once.
    place.write(
        "own.csv",
        "o1,BTC-USD,buy,1,100,2025-01-01T00:00:00Z,0,main\n",
    );
    place.run("fifo-pnl import own.csv --account one").expect(0);
    let own = place.run("fifo-pnl import own.csv --account two").expect(0);
    assert_eq!(own.stderr, "");
}

pub fn statuses_that_nobody_knows_are_refused(place: &Place) {
    let odd = TWO.replace(",closed\n", ",amended\n");
    place
        .folder
        .write("odd.csv", odd.replace(",done\n", ",Partially Canceled\n"));
    let said = [
        "  2 rows: status, expected the status of an executed trade, like filled\n",
        "    odd.csv:3: status is \"amended\"\n    odd.csv:4: status is \"Partially Canceled\"\n",
        "    hint: if the trade was executed, write \"filled\" or leave the cell empty",
    ];
    let done = place.run("fifo-pnl import odd.csv").expect(2);
    has(&done.stderr, &said);
    // From a pipe, too.
    let piped = place
        .run("cat odd.csv | fifo-pnl import /dev/stdin")
        .expect(2);
    has(&piped.stderr, &["status is \"amended\""]);
}

pub fn an_incremental_run_says_what_its_totals_lack(place: &Place) {
    place.write(
        "b.csv",
        "b1,BTC-USD,buy,1,100,2025-01-01T00:00:00Z,0,main\n",
    );
    place.run("fifo-pnl run b.csv --quiet").expect(0);
    place.write(
        "s.csv",
        "s1,BTC-USD,sell,3,150,2025-03-01T00:00:00Z,1.5,main\n",
    );
    place.run("fifo-pnl import s.csv").expect(0);
    let incremental = "compute_allocations --incremental";
    let done = place.run(&format!("{incremental} --dry-run")).expect(0);
    has(&done.stdout, &["Next: compute_allocations --incremental"]);
    let done = place.run(incremental).expect(0);
    let said = [
        "USD, of the new trades; totals are incomplete, see below\n",
        "1 new sell finds too few buys: 299.00 USD of net proceeds have no cost basis",
        "Import their buys. `fifo-pnl review list",
        "Next: fifo-pnl review list",
    ];
    has(&done.stdout, &said);
    place.write(
        "c.csv",
        "c1,BTC-USD,buy,1,100,2025-04-01T00:00:00Z,0,main\n",
    );
    place.run("fifo-pnl import c.csv").expect(0);
    let done = place.run(incremental).expect(0);
    assert!(!done.stdout.contains("incomplete"), "{}", done.stdout);
    has(&done.stdout, &["Next: validate_allocations --version 1"]);
    place.run("validate_allocations --version 1").expect(0);
}
