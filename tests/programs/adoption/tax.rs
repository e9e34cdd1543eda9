//! Tax files and decisions over a ledger that is another program's.

use crate::adoption::legacy::{LEDGER, row};
use crate::support::site::{Site, server};

#[test]
fn tax_files_and_decisions_leave_the_ledger_alone() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    site.sql(LEDGER);
    site.sql(&row("b-1", "buy", "1", "100", 1).insert());
    site.sql(&row("s-1", "sell", "3", "110", 2).insert());
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    let ledger = "SELECT md5(string_agg(t::text, ';' ORDER BY order_id)) FROM trade_records t";
    let before = site.value(ledger);
    let tax = |name: &str, code: i32| {
        let args = [
            "tax",
            "--year",
            "2025",
            "--timezone",
            "UTC",
            "--format",
            "lots",
            "-o",
            name,
        ];
        site.fifo_pnl(&args).expect(code);
        site.folder.read(name)
    };
    let lots = tax("a.csv", 1);
    assert!(lots.contains(",s-1,b-1,1,"), "{lots}");
    let resolve = [
        "review",
        "resolve",
        "1",
        "--basis",
        "150",
        "--acquired",
        "2025-10-01",
    ];
    let more = ["--note", "statement", "--timezone", "UTC", "--yes"];
    site.fifo_pnl(&[&resolve[..], &more[..]].concat()).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    let lots = tax("b.csv", 0);
    assert!(lots.contains("review item 1,1,review,"), "{lots}");
    assert_eq!(lots.matches("basis_by_review").count(), 1, "{lots}");
    assert_eq!(site.value(ledger), before);
    assert_eq!(site.value("SELECT source FROM trade_additions"), "review");
    let status = "SELECT status FROM manual_review_queue";
    assert_eq!(site.value(status), "resolved");
}
