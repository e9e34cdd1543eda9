//! Other sessions that hold what a command needs: no command waits for ever, each says for whom it
//! waited, and nothing is changed.

use crate::postgres_cli::SMALL;
use crate::support::Done;
use crate::support::ledger::{csv, rows};
use crate::support::site::{Site, server, with_patience};

/// Locks of a session, the commands that need them, and what they were doing.
const HELD: [(&str, &[&str], &str); 7] = [
    (
        "SELECT pg_advisory_xact_lock(x'6669666f2d696d70'::bigint)",
        &[
            "import more.csv",
            "run more.csv",
            "void b-9 --account main --reason typo",
        ],
        "wait for another import",
    ),
    (
        "INSERT INTO trade_records (account, order_id, symbol, side, size, price, order_time) \
         VALUES ('main', 'm-1', 'BTC-USD', 'buy', 1, 5, '2025-03-01')",
        &["import more.csv"],
        "append trades",
    ),
    (
        "SELECT * FROM allocation_versions FOR UPDATE",
        &["versions seal 2 --reason filed"],
        "look up a version",
    ),
    (
        "SELECT * FROM current_version FOR UPDATE",
        &["versions publish 1"],
        "make the version current",
    ),
    (
        "LOCK TABLE event_log IN SHARE MODE",
        &["compute --all-symbols"],
        "append to the audit trail",
    ),
    (
        "LOCK TABLE fifo_allocations IN ACCESS EXCLUSIVE MODE",
        &["versions export 1 -o one.csv", "validate --version 1"],
        "",
    ),
    (
        "LOCK TABLE trade_records IN ACCESS EXCLUSIVE MODE",
        &["compute --all-symbols", "import more.csv", "health"],
        "",
    ),
];

const MORE: &str = "account,order_id,symbol,side,size,price,order_time,total_fees_usd\n\
    main,m-1,BTC-USD,buy,1,5,2025-03-01T00:00:00Z,0\n";

const WORDS: &str = "another session holds what this needs longer than we wait";

#[track_caller]
fn refused(done: Done, doing: &str, what: &str) {
    let done = done.expect(3);
    for words in [doing, WORDS, "hint: ", "no version was changed"] {
        assert!(done.stderr.contains(words), "{what}: {}", done.stderr);
    }
}

#[test]
fn no_command_waits_for_ever_and_each_says_for_whom() {
    let Some(server) = server() else { return };
    let mut site = Site::computed(&server, &csv(&rows(SMALL, 61)));
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    site.folder.write("more.csv", MORE);
    let plain = site.url.clone();
    let state = "SELECT (SELECT count(*) FROM trade_records) || ' ' || (SELECT count(*) \
         FROM trade_voids) || ' ' || (SELECT string_agg(v::text, ' ' ORDER BY version) \
         FROM allocation_versions v) || ' ' || (SELECT version FROM current_version)";
    let before = site.value(state);
    for (sql, commands, doing) in HELD {
        let held = site.hold(sql);
        site.url = with_patience(&plain, "300ms");
        for command in commands {
            let args: Vec<&str> = command.split(' ').collect();
            let done = site.fifo_pnl(&args);
            let named = done.stderr.contains("server process") && done.stderr.contains("\"holds ");
            assert!(named, "{sql}: {command}: {}", done.stderr);
            refused(done, doing, command);
        }
        site.url.clone_from(&plain);
        drop(held);
        assert_eq!(site.value(state), before, "{sql}");
        assert!(!site.folder.join("one.csv").exists(), "{sql}");
    }
    // An export stands before it is written down.
    let held = site.hold("LOCK TABLE event_log IN SHARE MODE");
    site.url = with_patience(&plain, "300ms");
    let export = ["versions", "export", "1", "-o", "one.csv"];
    let done = site.fifo_pnl(&export).expect(4);
    let said = "the export is there, and whole; the audit trail does not have it";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    site.url = plain;
    drop(held);
    assert_eq!(site.folder.read("one.csv"), site.export("1"));
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    site.fifo_pnl(&["import", "more.csv"]).expect(0);
}

/// Without a limit in the URL the program has its own; a database's setting for others does not
/// count.
#[test]
fn the_limit_is_ours_where_the_url_has_none() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 62)));
    site.sql(&format!(
        "ALTER DATABASE {} SET lock_timeout = '1h'",
        site.database
    ));
    let held = site.hold("LOCK TABLE trade_records IN ACCESS EXCLUSIVE MODE");
    refused(site.fifo_pnl(&["health"]), "", "health");
    drop(held);
    // A migration waits for another one, longer than for a table, and not for ever.
    let mut site = Site::empty(&server);
    let held = site.hold("SELECT pg_advisory_xact_lock(x'6669666f2d6d6967'::bigint)");
    let plain = site.url.clone();
    site.url = with_patience(&plain, "300ms");
    let up = site.fifo_pnl(&["migrate", "up", "--yes"]);
    assert!(up.stderr.contains("\"holds "), "{}", up.stderr);
    refused(up, "wait for another migration", "migrate up");
    site.url = plain;
    drop(held);
}
