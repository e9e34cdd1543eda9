//! Incremental runs on a ledger that a bot changes as it likes. New rows are appended; any other
//! change makes a new version. Either gives the result of a full run.

use crate::adoption::legacy::{Row, database, row};
use crate::support::ledger::Random;
use crate::support::site::{Site, server};

fn incremental(site: &Site) -> serde_json::Value {
    let done = site.compute(&["--incremental", "--json"]);
    assert!([0, 1].contains(&done.code), "{done:?}");
    done.json()
}

/// Compares the current version with a full run over the ledger as it is.
pub fn assert_whole(site: &Site, what: &str) {
    let current = site.value("SELECT version FROM current_version");
    let full = site.compute(&["--all-symbols", "--no-publish", "--json"]);
    let full = full.json();
    let version = full["version"].to_string();
    assert_eq!(site.export(&current), site.export(&version), "{what}");
    let hashes = |version: &str| {
        site.sql(&format!(
            "SELECT ledger_hash, allocations_hash FROM allocation_versions \
             WHERE version = {version}"
        ))
    };
    assert_eq!(hashes(&current), hashes(&version), "{what}");
    site.validate(&["--version", "current", "--quiet"])
        .expect(0);
    site.fifo_pnl(&["versions", "drop", &version, "--yes"]);
}

#[test]
fn what_is_only_added_is_appended() {
    let Some(server) = server() else { return };
    let site = database(
        &server,
        &[
            row("b-1", "buy", "2", "10", 1),
            row("s-1", "sell", "1", "11", 2),
        ],
    );
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    let done = site.compute(&["--incremental"]).expect(0);
    assert!(
        done.stdout.contains("nothing to compute, version 1"),
        "{}",
        done.stdout
    );
    // What the bot does each hour writes all rows again, and changes no fact.
    site.sql("UPDATE trade_records SET status = 'done', remaining_size = 1, price = price");
    let done = site.compute(&["--incremental"]).expect(0);
    assert!(
        done.stdout.contains("nothing to compute, version 1"),
        "{}",
        done.stdout
    );
    let eth = |row| Row {
        symbol: "ETH-USD",
        ..row
    };
    site.sql(&row("s-2", "sell", "1", "12", 3).insert());
    site.sql(&row("b-2", "buy", "3", "9", 4).insert());
    site.sql(&eth(row("b-3", "buy", "3", "9", 1)).insert());
    let done = incremental(&site);
    assert_eq!(done["version"], 1, "{done}");
    assert_eq!(done["pools"].as_array().unwrap().len(), 2, "{done}");
    let pairs = "SELECT string_agg(concat_ws(' ', sell_order_id, buy_order_id), ', ' ORDER BY id) \
                 FROM v_current_allocations";
    assert_eq!(site.value(pairs), "s-1 b-1, s-2 b-1");
    assert_whole(&site, "appended");
}

#[test]
fn what_was_changed_removed_voided_or_came_late_makes_a_new_version() {
    let Some(server) = server() else { return };
    let site = database(
        &server,
        &[
            row("b-1", "buy", "2", "10", 10),
            row("s-1", "sell", "1", "11", 20),
            row("b-2", "buy", "1", "12", 30),
        ],
    );
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    site.sql(&row("b-0", "buy", "1", "5", 5).insert());
    let done = incremental(&site);
    assert_eq!(done["forced_by"][0]["kind"], "late arrival", "{done}");
    assert_whole(&site, "late");
    let changes = [
        (
            "UPDATE trade_records SET price = 10.5 WHERE order_id = 'b-1'",
            "changed",
        ),
        (
            "DELETE FROM trade_records WHERE order_id = 'b-2'",
            "removed",
        ),
        (
            "UPDATE trade_records SET status = 'cancelled' WHERE order_id = 's-1'",
            "cancelled",
        ),
    ];
    for (version, (sql, what)) in (4..).step_by(2).zip(changes) {
        site.sql(sql);
        let done = incremental(&site);
        assert_eq!(done["version"], version, "{what}: {done}");
        assert_eq!(done["forced_by"][0]["kind"], "changed", "{what}: {done}");
        assert_eq!(done["forced_by"][0]["asset"], "BTC", "{what}: {done}");
        assert_whole(&site, what);
    }
    site.fifo_pnl(&["void", "b-1", "--reason", "a test"])
        .expect(0);
    let done = incremental(&site);
    assert_eq!(done["forced_by"][0]["kind"], "changed", "{done}");
    assert_whole(&site, "voided");
}

#[test]
fn a_row_that_is_no_trade_makes_its_pool_stale_until_it_is_gone() {
    let Some(server) = server() else { return };
    let site = database(&server, &[row("b-1", "buy", "2", "10", 1)]);
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    site.sql(&row("s-1", "sell", "1", "12", 2).insert());
    site.sql(&row("x-1", "sell", "'NaN'", "12", 3).insert());
    let done = site.compute(&["--incremental", "--json"]).expect(1).json();
    assert_eq!(done["version"], 1, "{done}");
    let status = "SELECT status FROM fifo_pool_summary WHERE allocation_version = 1";
    assert_eq!(site.value(status), "stale");
    // Tried again, it says the same; then somebody removes the row.
    site.compute(&["--incremental", "--quiet"]);
    assert_eq!(site.value(status), "stale");
    site.sql("DELETE FROM trade_records WHERE order_id = 'x-1'");
    let done = incremental(&site);
    assert_eq!(done["version"], 1, "{done}");
    assert_eq!(site.value(status), "matched");
    assert_whole(&site, "gone");
}

#[test]
fn any_life_of_a_bot_gives_what_a_full_run_gives() {
    let Some(server) = server() else { return };
    for seed in [1] {
        let site = database(&server, &[]);
        site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
        let mut random = Random(seed);
        let (mut appended, mut ids, mut now) = (0, 0, 0);
        for step in 0..10 {
            let mut sql = String::new();
            for _ in 0..1 + random.below(6) {
                ids += 1;
                now += 1 + random.below(3) as u32;
                let id = format!("t{ids}");
                let side = ["buy", "sell"][usize::from(random.below(100) >= 55)];
                let size = format!("{}.{:03}", random.below(5), 1 + random.below(999));
                let price = format!("{}.{:02}", 10 + random.below(90), random.below(100));
                let minute = match random.below(25) {
                    0 => now / 2,
                    _ => now,
                };
                let symbol = ["BTC-USD", "ETH-USD", "SOL-USD"][random.below(3) as usize];
                let row = row(&id, side, &size, &price, minute);
                sql.push_str(&Row { symbol, ..row }.insert());
            }
            let id = format!("t{}", 1 + random.below(ids));
            match random.below(6) {
                0 => sql.push_str(&format!(
                    "DELETE FROM trade_records WHERE order_id = '{id}';"
                )),
                1 => sql.push_str(&format!(
                    "UPDATE trade_records SET size = size + 1 WHERE order_id = '{id}';"
                )),
                _ => {}
            }
            site.sql(&sql);
            let before = site.value("SELECT count(*) FROM allocation_versions");
            let what = format!("seed {seed}, step {step}: {}", incremental(&site));
            let after = site.value("SELECT count(*) FROM allocation_versions");
            appended += u32::from(before == after);
            assert_whole(&site, &what);
        }
        assert!(
            (2..10).contains(&appended),
            "seed {seed}: {appended} of 10 appended"
        );
    }
}
