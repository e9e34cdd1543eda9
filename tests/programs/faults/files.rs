//! Files of many lots that go wrong: late, often, or while they are imported; on both databases.

use std::fmt::Write as _;

use crate::faults::phases::kill_at;
use crate::faults::place::Place;
use crate::support::Done;

const HEADER: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd\n";

/// Some 700 KB, which is three lots.
const TRADES: usize = 10_000;

fn row(id: usize, price: &str) -> String {
    format!("A-{id:07},X-USD,buy,1,{price},2025-01-02T03:04:05Z,0.00000000000000000001\n")
}

fn file(ids: std::ops::Range<usize>, price: &str) -> String {
    ids.fold(HEADER.to_owned(), |mut file, id| {
        file += &row(id, price);
        file
    })
}

#[test]
fn a_conflict_in_the_last_row_keeps_a_large_file_out() {
    for place in Place::both() {
        let last = HEADER.to_owned() + &row(TRADES, "10");
        place.folder().write("last.csv", last);
        place.run(&["import", "--quiet", "last.csv"]).expect(0);
        let large = file(0..TRADES, "10") + &row(TRADES, "11");
        place.folder().write("large.csv", large);
        let refused = place.run(&["import", "large.csv"]).expect(2);
        let line = TRADES + 2;
        let expected = format!(
            "large.csv:{line}: order_id is \"A-{TRADES:07}\", which the ledger has with price \
             \"10\" where the file has \"11\""
        );
        assert!(refused.stderr.contains(&expected), "{refused:?}");
        assert!(
            refused
                .stderr
                .contains("10,000 new, 0 known, 1 known with other facts")
        );
        let counts = "SELECT (SELECT count(*) FROM trade_records), (SELECT count(*) FROM imports)";
        assert_eq!(place.value(counts), "1|1", "{}", place.name());
        // Left out, and corrected.
        let skipped = place
            .run(&["import", "--skip-invalid", "large.csv"])
            .expect(1);
        assert!(skipped.stdout.contains("10,000 new"), "{skipped:?}");
        assert_eq!(place.value(counts), "10001|2", "{}", place.name());
        let correct = [
            "import",
            "--correct",
            "--reason",
            "typed wrong",
            "large.csv",
        ];
        let corrected = place.run(&correct).expect(0);
        let said = "0 new, 10,000 known, 1 corrected";
        assert!(corrected.stdout.contains(said), "{corrected:?}");
        assert_eq!(place.value(counts), "10002|3", "{}", place.name());
        let from_line = format!("SELECT order_id FROM trade_records WHERE import_line = {line}");
        assert_eq!(place.value(&from_line), format!("A-{TRADES:07}~2"));
    }
}

#[test]
fn rejected_rows_by_the_thousand_are_grouped_and_all_kept() {
    for place in Place::both() {
        let mut file = HEADER.to_owned();
        for id in 0..TRADES {
            let price = ["10", "ten", "10", "10"][id % 4];
            file += &row(id, price);
        }
        // Cut in the middle of a quote in the middle of a row.
        write!(file, "\"A-{TRADES}").unwrap();
        place.folder().write("trades.csv", file);
        let refused = place.run(&["import", "trades.csv"]).expect(2);
        let listed = refused
            .stderr
            .lines()
            .filter(|line| line.contains("trades.csv:"));
        // The summary, five rows of one reason, and the only one of the other.
        assert_eq!(listed.count(), 1 + 5 + 1, "{}", refused.stderr);
        assert!(
            refused.stderr.contains("2,501 rejected"),
            "{}",
            place.name()
        );
        assert!(
            refused
                .stderr
                .contains("opens a quote that is never closed")
        );
        let skipped = place.run(&["import", "--quiet", "--skip-invalid", "trades.csv"]);
        skipped.expect(1);
        assert_eq!(place.value("SELECT count(*) FROM trade_records"), "7500");
        assert_eq!(place.value("SELECT count(*) FROM import_rejects"), "2501");
        // Each row knows its line.
        let lines = "SELECT count(*) FROM trade_records \
                     WHERE CAST(substr(order_id, 3) AS BIGINT) + 2 = import_line";
        assert_eq!(place.value(lines), "7500", "{}", place.name());
    }
}

#[cfg(debug_assertions)]
#[test]
fn an_import_killed_after_its_first_lot_leaves_nothing() {
    for place in Place::both() {
        place.folder().write("trades.csv", file(0..TRADES, "10"));
        let import = ["import", "--quiet", "trades.csv"];
        place.folder().write("none.csv", HEADER);
        place.run(&["import", "--quiet", "none.csv"]).expect(0);
        kill_at(&place, &import, "batch");
        let counts = "SELECT (SELECT count(*) FROM trade_records), (SELECT count(*) FROM imports)";
        assert_eq!(place.value(counts), "0|0", "{}", place.name());
        place.run(&import).expect(0);
        assert_eq!(place.value(counts), "10000|1", "{}", place.name());
    }
}

/// The import has checked its file and waits for another import; then its file changes.
#[test]
fn a_file_that_changes_before_its_rows_are_written_is_not_imported() {
    for place in Place::both() {
        let Place::Postgres(site, _) = &place else {
            continue;
        };
        site.folder.write("trades.csv", file(0..TRADES, "10"));
        let key = i64::from_be_bytes(*b"fifo-imp");
        let hold = format!("SELECT pg_advisory_lock({key}), pg_sleep(600)");
        let mut holder = crate::support::site::psql(&site.url)
            .args(["-c", &hold])
            .spawn()
            .unwrap();
        let locks = |granted: bool| {
            format!(
                "SELECT count(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database \
                 WHERE l.locktype = 'advisory' AND d.datname = current_database() \
                 AND {}granted",
                ["NOT ", ""][usize::from(granted)]
            )
        };
        site.wait_for(&locks(true), "1");
        let import = place.start(&["import", "trades.csv"]);
        site.wait_for(&locks(false), "1");
        site.folder.write("trades.csv", file(0..TRADES, "11"));
        site.sql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE query LIKE '%pg_sleep(600)%' AND pid <> pg_backend_pid() \
             AND datname = current_database()",
        );
        holder.wait().unwrap();
        let failed = Done::of(import.wait_with_output().unwrap()).expect(4);
        let said = "trades.csv: changed while it was being imported: nothing of it was imported";
        assert!(failed.stderr.contains(said), "{failed:?}");
        assert_eq!(place.value("SELECT count(*) FROM trade_records"), "0");
        place.run(&["import", "--quiet", "trades.csv"]).expect(0);
        assert_eq!(place.value("SELECT count(*) FROM trade_records"), "10000");
    }
}
