//! A version's own claims: its summaries, those of its pools, and its ledger. A change of any is
//! found before the version is compared, filed or extended.

use crate::altered_rows::{Place, SEALED};

/// Trades of a pool that is rejected: its price is in another coin.
const REJECTED: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
    r-1,LTC-EUR,buy,1,1,2025-01-01T00:00:00Z,0\n\
    r-2,LTC-EUR,sell,1,1,2025-06-01T00:00:00Z,0\n";

/// Checks that each command ends with exit code 3, and says which version was changed.
#[track_caller]
fn expect_changed(place: &Place, commands: &[&[&str]], what: &str) {
    for command in commands {
        let done = place.run(command);
        assert_eq!(done.code, 3, "{what}: {command:?}: {}", done.stdout);
        let said = "version 2 was changed: ";
        assert!(
            done.stderr.contains(said),
            "{what}: {command:?}: {}",
            done.stderr
        );
    }
}

/// Versions 1 and 2 have the same rows, so that no pool of them differs.
fn equal_hashes_hide_nothing(place: &Place) {
    place.run(&["tax", "--final", "-o", "filed.zip"]).expect(0);
    let compute = ["compute", "--all-symbols"];
    place.run(&compute).expect(0);
    let commands: [&[&str]; 4] = [
        &["compare", "1", "2"],
        &["compare", "2", "1", "--asset", "BTC"],
        &["compare", "2", "2"],
        &["tax", "amend", "--year", "2025"],
    ];
    for command in commands {
        place.run(command).expect(0);
    }
    let hash = place.ask("SELECT ledger_hash FROM allocation_versions WHERE version = 2");
    let of_version = |set: &str| format!("UPDATE allocation_versions SET {set} WHERE version = 2");
    let of_pool = |set: &str| {
        format!(
            "UPDATE fifo_pool_summary SET {set} \
             WHERE allocation_version = 2 AND asset = 'ETH'"
        )
    };
    let of_row = |set: &str| {
        format!(
            "UPDATE fifo_allocations SET {set} \
             WHERE allocation_version = 2 AND sell_order_id = 's-3'"
        )
    };
    let changes = [
        (of_row("pnl_usd = '777'"), of_row("pnl_usd = '1'")),
        (of_pool("pnl_usd = '1000001'"), of_pool("pnl_usd = '1'")),
        (
            of_pool("unmatched_size = '1'"),
            of_pool("unmatched_size = '0'"),
        ),
        (of_pool("buys_used = 7"), of_pool("buys_used = 1")),
        (of_pool("trades = 7"), of_pool("trades = 2")),
        (
            of_version("ledger_hash = allocations_hash"),
            of_version(&format!("ledger_hash = '{hash}'")),
        ),
        (
            of_version("status = 'partial'"),
            of_version("status = 'completed'"),
        ),
    ];
    for (change, undo) in changes {
        place.change(&change);
        expect_changed(place, &commands, &change);
        place.change(&undo);
        place.run(commands[0]).expect(0);
    }
    let gone = "DELETE FROM fifo_allocations WHERE allocation_version = 2";
    place.change(gone);
    expect_changed(place, &commands, gone);
}

#[test]
fn equal_hashes_hide_nothing_on_both() {
    equal_hashes_hide_nothing(&Place::sqlite());
    Place::postgres().iter().for_each(equal_hashes_hide_nothing);
}

/// A summary that hides a rejected pool would make figures look complete.
fn nothing_is_filed_as_complete_that_is_not(place: &Place) {
    place.folder.write("rejected.csv", REJECTED);
    place.run(&["run", "rejected.csv"]).expect(1);
    let last = ["tax", "--final", "--version", "2", "-o", "out.zip"];
    let draft = [
        "tax",
        "--version",
        "2",
        "--format",
        "lots",
        "-o",
        "out.file",
    ];
    let done = place.run(&last).expect(3);
    assert!(
        done.stderr.contains("1 pool rejected: default LTC"),
        "{}",
        done.stderr
    );
    let commands: [&[&str]; 4] = [&last, &draft, &["versions", "export", "2"], &["compare"]];
    let pool = "WHERE allocation_version = 2 AND asset = 'LTC'";
    let back = format!("UPDATE fifo_pool_summary SET status = 'rejected', error = 'x' {pool}");
    let seal = ["versions", "seal", "2", "--reason", "audit"];
    let names = place.names();
    for change in [
        "UPDATE fifo_pool_summary SET status = 'matched', error = NULL",
        "UPDATE fifo_pool_summary SET status = 'excluded'",
        "DELETE FROM fifo_pool_summary",
    ] {
        place.change(&format!("{change} {pool}"));
        expect_changed(place, &commands[..3], change);
        expect_changed(place, &[&seal], change);
        assert_eq!(place.ask(SEALED), "0", "{change}");
        assert_eq!(place.names(), names, "{change}");
        let judged = place.run(&["validate", "--version", "2"]).expect(1);
        assert!(
            judged.stdout.contains("  I13"),
            "{change}: {}",
            judged.stdout
        );
        place.change(&back);
    }
}

#[test]
fn nothing_is_filed_as_complete_that_is_not_on_both() {
    nothing_is_filed_as_complete_that_is_not(&Place::sqlite());
    Place::postgres()
        .iter()
        .for_each(nothing_is_filed_as_complete_that_is_not);
}

/// Validation judges figures beside the rows like the rows.
fn validation_finds_what_a_version_says_of_itself(place: &Place) {
    let validate = ["validate", "--version", "1"];
    place.run(&validate).expect(0);
    let (instant, micros) = match place.server {
        Some(_) => ("TIMESTAMPTZ '2027-03-09T00:00:00Z'", "2027-03-09"),
        None => ("1804550400000000", "2027-03-09"),
    };
    let version = format!("UPDATE allocation_versions SET complete_through = {instant}");
    place.change(&version);
    let done = place.run(&validate).expect(1);
    let said = format!("I13: the version was changed: it is complete through \"{micros}");
    assert!(done.stdout.contains(&said), "{}", done.stdout);
    place.change(
        "UPDATE allocation_versions SET complete_through = \
         (SELECT max(sell_time) FROM fifo_allocations)",
    );
    place.run(&validate).expect(0);
    place.change("UPDATE fifo_pool_summary SET last_order_id = 's-9' WHERE asset = 'ETH'");
    let done = place.run(&validate).expect(1);
    let said = "I13 default ETH: the summary's last trade is \"s-9 of 2025-06-01";
    assert!(done.stdout.contains(said), "{}", done.stdout);
}

#[test]
fn validation_finds_what_a_version_says_of_itself_on_both() {
    validation_finds_what_a_version_says_of_itself(&Place::sqlite());
    Place::postgres()
        .iter()
        .for_each(validation_finds_what_a_version_says_of_itself);
}

/// Nothing goes on from sums that no run wrote.
fn an_altered_version_is_not_extended(place: &Place) {
    place.change("UPDATE fifo_pool_summary SET allocations_hash = ledger_hash");
    place.folder.write("rejected.csv", REJECTED);
    place.run(&["import", "rejected.csv"]).expect(0);
    let done = place.run(&["compute", "--incremental"]).expect(3);
    assert!(
        done.stderr.contains("version 1 was changed: "),
        "{}",
        done.stderr
    );
}

#[test]
fn an_altered_version_is_not_extended_on_both() {
    an_altered_version_is_not_extended(&Place::sqlite());
    Place::postgres()
        .iter()
        .for_each(an_altered_version_is_not_extended);
}

/// Changes a trade of a ledger that is guarded, and guards it again.
fn change_ledger(place: &Place, sql: &str) {
    if place.server.is_some() {
        for toggle in ["DISABLE", "ENABLE"] {
            place.change(&format!("ALTER TABLE trade_records {toggle} TRIGGER USER"));
            if toggle == "DISABLE" {
                place.change(sql);
            }
        }
        return;
    }
    let name = "trade_records_no_update";
    let trigger = format!("SELECT sql FROM sqlite_master WHERE name = '{name}'");
    let trigger = place.folder.sql(&trigger).join("\n");
    place.change(&format!("DROP TRIGGER {name}"));
    place.change(sql);
    place.change(&trigger);
}

/// The arithmetic of a version is that of its own trades, or nobody's.
fn a_changed_ledger_is_neither_explained_nor_filed(place: &Place) {
    let explain = ["explain", "--sell", "s-3", "--version", "1"];
    let last = ["tax", "--final", "-o", "out.zip"];
    place.run(&explain).expect(0);
    change_ledger(
        place,
        "UPDATE trade_records SET price = '4' WHERE order_id = 'b-3'",
    );
    let done = place.run(&explain).expect(3);
    let said = "the ledger of default ETH was changed since version 1";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert!(!done.stdout.contains("cost basis"), "{}", done.stdout);
    // The other pool is what it was.
    place
        .run(&["explain", "--sell", "s-1", "--version", "1"])
        .expect(0);
    let done = place.run(&last).expect(3);
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert_eq!(place.ask(SEALED), "0");
    assert!(!place.folder.join("out.zip").exists());
}

#[test]
fn a_changed_ledger_is_neither_explained_nor_filed_on_both() {
    a_changed_ledger_is_neither_explained_nor_filed(&Place::sqlite());
    Place::postgres()
        .iter()
        .for_each(a_changed_ledger_is_neither_explained_nor_filed);
}

/// No transfer brought a lot to this account, and none is short in it. A row that says so is not a
/// run's.
fn a_column_without_use_stays_empty(place: &Place) {
    let of_row = |column: &str, value: &str| {
        format!(
            "UPDATE fifo_allocations SET {column} = {value} \
             WHERE allocation_version = 1 AND sell_order_id = 's-3'"
        )
    };
    for value in ["'m-1'", "'m-1', buy_account = 'other'"] {
        place.change(&of_row("buy_movement", value));
        let judged = place.run(&["validate", "--version", "1"]).expect(1);
        for found in ["I9", "I13"] {
            assert!(judged.stdout.contains(found), "{}", judged.stdout);
        }
        let export = place.run(&["versions", "export", "1"]);
        assert_ne!(export.code, 0, "{value}");
        place.change(&of_row("buy_movement", "NULL, buy_account = NULL"));
    }
    // The sell of a short row comes first, or the database refuses the row.
    let turned = |direction: &str| {
        let times = "buy_time = sell_time, sell_time = buy_time";
        place.change(&of_row("direction", &format!("{direction}, {times}")));
    };
    turned("'short'");
    let judged = place.run(&["validate", "--version", "1"]).expect(1);
    assert!(judged.stdout.contains("I21"), "{}", judged.stdout);
    assert_ne!(place.run(&["versions", "export", "1"]).code, 0);
    turned("NULL");
    place.run(&["validate", "--version", "1"]).expect(0);
    // Without its settings, nobody knows which pools the version had.
    let policy = place.ask("SELECT policy FROM allocation_versions WHERE version = 1");
    let set = |policy: &str| {
        let policy = policy.replace('\'', "''");
        place.change(&format!(
            "UPDATE allocation_versions SET policy = '{policy}' WHERE version = 1"
        ));
    };
    set("{}");
    let judged = place.run(&["validate", "--version", "1"]).expect(1);
    let said = "its policy can't be read";
    assert!(judged.stdout.contains(said), "{}", judged.stdout);
    set(&policy);
    place.run(&["validate", "--version", "1"]).expect(0);
}

#[test]
fn a_column_without_use_stays_empty_on_both() {
    a_column_without_use_stays_empty(&Place::sqlite());
    Place::postgres()
        .iter()
        .for_each(a_column_without_use_stays_empty);
}
