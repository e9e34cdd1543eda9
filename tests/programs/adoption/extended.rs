//! Incremental runs over a ledger that others change: what a full run gives, with less work.

use crate::adoption::legacy::{LEDGER, Row, fill, fingerprint, row};
use crate::support::site::{Site, server};

/// Runs, and compares the result with a full run. Returns the output, and the version.
#[track_caller]
fn extend(site: &Site) -> (String, String) {
    let done = site.compute(&["--incremental"]).expect(0);
    let version = site.value("SELECT version FROM current_version");
    site.compute(&["--all-symbols", "--no-publish"]).expect(0);
    let full = site.value("SELECT max(version) FROM allocation_versions");
    let rows = |version: &str| {
        let export = site.export(version);
        let mut rows: Vec<String> = export.lines().map(str::to_owned).collect();
        rows.sort();
        rows
    };
    assert!(
        rows(&version) == rows(&full),
        "versions {version} and {full} differ"
    );
    site.validate(&["--version", &version]).expect(0);
    site.fifo_pnl(&["versions", "drop", &full]).expect(0);
    (done.stdout, version)
}

#[test]
fn what_others_add_is_appended_and_what_they_change_makes_a_new_version() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    site.sql(LEDGER);
    fill(&site, 2_000);
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    let (_, version) = extend(&site);
    assert_eq!(version, "1", "nothing is new");
    // A bot's own columns are no facts.
    site.sql("UPDATE trade_records SET pnl_usd = 1, remaining_size = 2 WHERE symbol = 'S1-USD'");
    assert_eq!(extend(&site).1, "1");
    let later = |row: Row<'static>| Row {
        symbol: "S1-USD",
        ..row
    };
    site.sql(&later(row("n-1", "buy", "3", "11", 500_000)).insert());
    site.sql(&later(row("n-2", "sell", "2", "12", 500_001)).insert());
    site.sql(
        &Row {
            symbol: "NEW-USD",
            ..row("n-3", "buy", "2", "12", 500_001)
        }
        .insert(),
    );
    let (said, version) = extend(&site);
    assert_eq!(version, "1", "{said}");
    // Once more, from the appended watermark.
    site.sql(&later(row("n-4", "sell", "1", "13", 500_002)).insert());
    assert_eq!(extend(&site).1, "1");
    let steps = [
        (
            "changed",
            "UPDATE trade_records SET price = price + 1 WHERE order_id = 'n-1'".to_owned(),
        ),
        (
            "gone",
            "DELETE FROM trade_records WHERE order_id = 'n-4'".to_owned(),
        ),
        ("late", later(row("late", "sell", "1", "1", 5)).insert()),
    ];
    for (nth, (what, sql)) in (0..).zip(steps) {
        let before = site.value("SELECT version FROM current_version");
        site.sql(&sql);
        let (said, version) = extend(&site);
        assert!(
            version > before || version.len() > before.len(),
            "{what}: {said}"
        );
        assert!(said.contains("default S1:"), "{nth} {what}: {said}");
    }
    additions_and_voids(&site);
}

fn additions_and_voids(site: &Site) {
    let before = fingerprint(site);
    site.folder.write(
        "more.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         a-1,S2-USD,buy,1,1,2026-11-01T00:00:00Z,0\n",
    );
    site.fifo_pnl(&["import", "more.csv"]).expect(0);
    let version = site.value("SELECT version FROM current_version");
    assert_eq!(extend(site).1, version, "an addition is appended");
    site.fifo_pnl(&["void", "a-1", "--reason", "a test"])
        .expect(0);
    assert_ne!(extend(site).1, version, "a void is not");
    assert_eq!(fingerprint(site), before);
}
