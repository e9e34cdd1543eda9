//! `--protect-ledger`: facts stay, a bot's own columns are its own, and going back takes it off.

use std::fs;

use crate::adoption::legacy::{LEDGER, Row, fill, fingerprint, row};
use crate::support::repository;
use crate::support::site::{Site, psql, server};

/// Runs a statement that must fail; returns the server's words.
#[track_caller]
fn refused(site: &Site, sql: &str) -> String {
    let done = psql(&site.url).args(["-c", sql]).output().unwrap();
    assert!(!done.status.success(), "{sql}");
    String::from_utf8(done.stderr).unwrap()
}

#[test]
fn facts_are_guarded_and_other_columns_are_not() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    site.sql(LEDGER);
    fill(&site, 1_000);
    let before = fingerprint(&site);
    let file = "SELECT pg_relation_filenode('trade_records')";
    let place = site.value(file);
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    let protect = ["migrate", "up", "--yes", "--protect-ledger"];
    let done = site.fifo_pnl(&protect).expect(0);
    assert!(
        done.stdout.contains("guarded: its facts can't be changed"),
        "{}",
        done.stdout
    );
    site.fifo_pnl(&protect).expect(0);
    assert_eq!(site.value(file), place, "no row was written anew");
    for sql in [
        "UPDATE trade_records SET price = price + 1 WHERE order_id = 'o-1'",
        "UPDATE trade_records SET status = 'open'",
        "DELETE FROM trade_records WHERE order_id = 'o-1'",
        "TRUNCATE trade_records",
    ] {
        let words = refused(&site, sql);
        assert!(words.contains("trade_records is append-only"), "{words}");
    }
    // What the bot writes beside the facts, and an upsert that changes none, go on.
    site.sql("UPDATE trade_records SET pnl_usd = 3, parent_id = 'x' WHERE order_id = 'o-1'");
    site.sql(
        "INSERT INTO trade_records SELECT * FROM trade_records WHERE order_id = 'o-1' \
         ON CONFLICT (order_id) DO UPDATE SET price = EXCLUDED.price, pnl_usd = 4",
    );
    versions_of_a_guarded_ledger(&site);
    the_server_says_when_a_row_came(&site);
    site.fifo_pnl(&["migrate", "down", "--to", "0", "--confirm", "YES"])
        .expect(0);
    site.sql(
        "DELETE FROM trade_records WHERE order_id LIKE 'n-%'; \
         UPDATE trade_records SET pnl_usd = NULL, parent_id = NULL WHERE order_id = 'o-1'",
    );
    let facts = |text: &str| {
        text.split(' ')
            .take(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(facts(&fingerprint(&site)), facts(&before));
    let columns = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'trade_records'::regclass \
                   AND attnum > 0 AND NOT attisdropped";
    assert_eq!(site.value(columns), "22");
}

fn versions_of_a_guarded_ledger(site: &Site) {
    // The version from before has another kind of watermark: the run makes a new version, then
    // extends it.
    site.validate(&["--version", "1", "--strict"]);
    site.compute(&["--incremental"]).expect(0);
    assert_eq!(site.value("SELECT version FROM current_version"), "2");
    site.sql(
        &Row {
            symbol: "S1-USD",
            ..row("n-1", "buy", "1", "10", 500_000)
        }
        .insert(),
    );
    site.compute(&["--incremental"]).expect(0);
    assert_eq!(site.value("SELECT version FROM current_version"), "2");
    let kind = "SELECT watermark ? 'unguarded' FROM allocation_versions WHERE version = 2";
    assert_eq!(site.value(kind), "f");
    // Later rows are no fault of a version.
    site.sql(
        &Row {
            symbol: "S1-USD",
            ..row("n-2", "buy", "1", "10", 3)
        }
        .insert(),
    );
    let done = site.validate(&["--version", "2"]).expect(0);
    assert!(
        done.stdout.contains("1 trade arrived after this version"),
        "{}",
        done.stdout
    );
}

/// A bot may name every column that it finds, also foreign ones.
fn the_server_says_when_a_row_came(site: &Site) {
    for (id, arrival) in [
        ("n-3", "'9999999999', 'infinity'"),
        ("n-4", "'3', now() - interval '1 year'"),
        ("n-5", "NULL, NULL"),
    ] {
        let plain = Row {
            symbol: "S2-USD",
            ..row(id, "buy", "1", "10", 600_000)
        }
        .insert();
        let named = plain.replacen(") VALUES", ", ingest_xid, ingested_at) VALUES", 1);
        assert_ne!(named, plain);
        let end = named.rfind(')').unwrap();
        site.sql(&format!(
            "{}, {arrival}){}",
            &named[..end],
            &named[end + 1..]
        ));
        let seen = format!(
            "SELECT pg_visible_in_snapshot(ingest_xid, pg_current_snapshot()) \
             AND ingested_at BETWEEN now() - interval '1 day' AND now() \
             FROM trade_records WHERE order_id = '{id}'"
        );
        assert_eq!(site.value(&seen), "t", "{id}");
        // Each is new to the next run.
        let before = site.value("SELECT count(*) FROM v_open_inventory");
        site.compute(&["--incremental"]).expect(0);
        let after = site.value("SELECT count(*) FROM v_open_inventory");
        assert_ne!(before, after, "{id}");
    }
}

/// The SQL that OPERATIONS has for a restored dump, as the page says for an adopted ledger.
#[test]
fn rows_of_a_restored_dump_can_be_marked_as_old() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    site.sql(LEDGER);
    fill(&site, 100);
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.folder.write(
        "more.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         more-1,S1-USD,buy,1,10,2025-01-01T00:00:00Z,0\n",
    );
    site.fifo_pnl(&["import", "--quiet", "more.csv"]).expect(0);
    let page = fs::read_to_string(repository().join("docs/OPERATIONS.md")).unwrap();
    let section = page.split("## Backup and restore").nth(1).unwrap();
    let sql = section.split("```sql\n").nth(1).unwrap();
    let sql = sql.split("```").next().unwrap();
    site.sql(&sql.replace("trade_records", "trade_additions"));
    let marked = |table: &str| {
        let all = "count(*) > 0 AND bool_and(ingest_xid::text = '3')";
        site.value(&format!("SELECT {all} FROM {table}"))
    };
    assert_eq!(marked("trade_additions"), "t");
    let protect = ["migrate", "up", "--yes", "--protect-ledger"];
    site.fifo_pnl(&protect).expect(0);
    site.sql(&sql.replace("trade_records_no_change", "fifo_pnl_no_change"));
    assert_eq!(marked("trade_records"), "t");
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    refused(&site, "UPDATE trade_records SET price = price + 1");
    refused(&site, "UPDATE trade_additions SET price = price + 1");
}
