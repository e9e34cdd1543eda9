//! An operator's work around runs, on a server: the health of the database, pruning versions that
//! somebody reads.

use crate::postgres_cli::SMALL;
use crate::support::ledger::{csv, rows};
use crate::support::site::{Site, server};

/// Returns the versions that still have partitions.
fn versions(site: &Site) -> String {
    site.value(
        "SELECT string_agg(version, ' ' ORDER BY version) FROM \
         (SELECT DISTINCT substring(c.relname FROM '_v([0-9]+)_r') AS version \
         FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid \
         WHERE i.inhparent = 'fifo_allocations'::regclass) v",
    )
}

#[test]
fn a_prune_names_what_a_reader_holds() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 31)));
    for _ in 0..3 {
        site.compute(&["--all-symbols", "--quiet"]).expect(0);
    }
    let prune = ["versions", "prune", "--keep", "1"];
    let held = site.hold("SELECT count(*) FROM fifo_allocations WHERE allocation_version = 2");
    let done = site.fifo_pnl(&prune).expect(0);
    let said = "Nothing to drop; 4 versions left.\nNot dropped: versions 1, 2, 3. ";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    assert!(done.stdout.contains("\"holds "), "{}", done.stdout);
    assert_eq!(versions(&site), "1 2 3 4");
    let event = "SELECT severity || ' ' || (details->>'stayed') FROM event_log \
                 WHERE event_type = 'prune'";
    assert_eq!(site.value(event), "warning [1, 2, 3]");
    drop(held);
    let done = site.fifo_pnl(&prune).expect(0);
    let said = "Dropped versions 1, 2, 3; 1 version left.\n";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    assert_eq!(versions(&site), "4");
    site.validate(&["--version", "current", "--quiet"])
        .expect(0);
}

#[test]
fn a_run_drops_old_automatic_versions_and_goes_on_where_it_can_not() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 32)));
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    site.sql("UPDATE allocation_versions SET origin = 'late-arrival'");
    let run = ["--all-symbols", "--keep-versions", "1"];
    // A reader that keeps its state lets a run publish, and no version go.
    site.sql(&format!(
        "ALTER DATABASE {} SET default_transaction_isolation = 'repeatable read'",
        site.database
    ));
    let held = site.hold("SELECT count(*) FROM fifo_allocations WHERE allocation_version = 1");
    let done = site.compute(&run).expect(0);
    assert!(
        done.stdout.contains("Not dropped     version 1: "),
        "{}",
        done.stdout
    );
    assert_eq!(versions(&site), "1 2 3");
    drop(held);
    let done = site.compute(&run).expect(0);
    assert!(
        done.stdout
            .contains("Dropped         version 1, made by incremental runs"),
        "{}",
        done.stdout
    );
    assert_eq!(versions(&site), "2 3 4");
}

/// Returns the codes of what is found.
fn findings(site: &Site, args: &[&str]) -> Vec<String> {
    let done = site.fifo_pnl(&[&["health", "--json"], args].concat());
    let json = done.json();
    let found = json["findings"].as_array().unwrap();
    assert_eq!(done.code, i32::from(!found.is_empty()));
    let code = |finding: &serde_json::Value| finding["code"].as_str().unwrap().to_owned();
    found.iter().map(code).collect()
}

#[test]
fn health_says_what_is_not_as_it_should_be() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    assert_eq!(findings(&site, &[]), ["schema"]);
    site.fifo_pnl(&["migrate", "up", "--yes", "--quiet"])
        .expect(0);
    assert_eq!(findings(&site, &[]), ["no-run"]);
    site.folder.write("trades.csv", csv(&rows(SMALL, 33)));
    site.fifo_pnl(&["import", "--quiet", "trades.csv"])
        .expect(0);
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    let line = site.fifo_pnl(&["health"]).expect(0).stdout;
    assert_eq!(line.lines().count(), 1, "{line}");
    assert!(
        line.ends_with("room on the server's disk is not known\n"),
        "{line}"
    );
    let insert = |id: &str, at: &str| {
        site.sql(&format!(
            "INSERT INTO trade_records (order_id, symbol, side, size, price, order_time) \
             VALUES ('{id}', 'C1-USD', 'buy', 1, 2, {at})"
        ));
    };
    insert("now", "now()");
    assert_eq!(findings(&site, &["--max-age", "1h"]), [""; 0]);
    insert("late", "'2025-01-01'");
    assert_eq!(findings(&site, &["--max-age", "1h"]), [""; 0]);
    site.sql("UPDATE fifo_computation_log SET computation_start = now() - interval '20 min'");
    assert_eq!(findings(&site, &[]), ["changed"]);
    insert("waits", "now() - interval '16 min'");
    assert_eq!(findings(&site, &[]), ["behind"]);
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    assert_eq!(findings(&site, &[]), [""; 0]);
    site.sql("UPDATE fifo_computation_log SET status = 'failed' WHERE id = 2");
    site.sql(
        "INSERT INTO fifo_computation_log (allocation_batch_id, computation_start, status, \
         computation_mode, triggered_by, host, pid, engine_version) VALUES \
         (gen_random_uuid(), now() - interval '2 h', 'running', 'full', 'x', 'h', 1, '0')",
    );
    assert_eq!(findings(&site, &[]), ["last-run", "run-too-long"]);
}
