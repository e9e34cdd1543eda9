//! A database in which the system before had made its own allocations: they make room, stay
//! readable, and come back.

use std::time::Duration;

use crate::adoption::legacy::{FIRST_STEP, LEDGER, fingerprint, phantom_lots};
use crate::support::site::{Site, psql, server};

fn site(server: &str) -> Site {
    let site = Site::empty(server);
    site.sql(&format!("{LEDGER}{}{FIRST_STEP}", phantom_lots()));
    site
}

/// The tables and views of the system before: schema, name, and where each is stored.
fn relations(site: &Site) -> Vec<String> {
    site.sql(
        "SELECT n.nspname || '.' || c.relname || ' ' || c.relfilenode || ' ' || c.oid \
         FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname IN ('public', 'fifo_legacy') AND c.relkind IN ('r', 'v') \
         AND (c.relname LIKE 'fifo%' OR c.relname LIKE 'v\\_%' OR c.relname LIKE 'manual%') \
         ORDER BY 1",
    )
}

#[test]
fn old_versions_make_room_and_can_be_compared() {
    let Some(server) = server() else { return };
    let site = site(&server);
    let (before, old) = (fingerprint(&site), relations(&site));
    let done = site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    let kept = "historical_pnl_snapshot_20251120\n  Rows preserved: 17";
    assert!(done.stdout.contains(kept), "{}", done.stdout);
    assert_eq!(
        site.value("SELECT count(*) FROM fifo_legacy.fifo_allocations"),
        "34"
    );
    let views = "SELECT round(total_pnl, 4) FROM fifo_legacy.v_pnl_by_symbol";
    assert_eq!(site.value(views), "35.0189");
    let kind = "SELECT relkind FROM pg_class WHERE oid = 'public.fifo_allocations'::regclass";
    assert_eq!(site.value(kind), "p");
    // Old numbers are not used again, and ours go on after them.
    site.compute(&["--all-symbols", "--version", "2"]).expect(3);
    let done = site.compute(&["--all-symbols"]).expect(0);
    assert!(
        done.stdout.contains("Version 3 is current"),
        "{}",
        done.stdout
    );
    let list = site.fifo_pnl(&["versions", "list"]).expect(0);
    assert!(list.stdout.contains("legacy"), "{}", list.stdout);
    let compare = |left: &str| {
        let done = site.fifo_pnl(&["compare", left, "3", "--json"]);
        done.expect(0).json()
    };
    // What was only rounded is the same.
    assert_eq!(compare("legacy:1")["total"]["sells_differ"], 0);
    let json = compare("legacy:2");
    assert_eq!(json["total"]["sells_differ"], 1);
    assert_eq!(json["sells"][0]["sell_order_id"], "new-s-2");
    assert_eq!(json["sells"][0]["second"]["pnl_usd"], "-0.039583");
    site.fifo_pnl(&["compare", "legacy:9", "3"]).expect(2);
    let done = site.validate(&["--version", "3"]).expect(0);
    assert!(
        done.stdout.contains("13 equal, 4 differ"),
        "{}",
        done.stdout
    );
    assert_eq!(fingerprint(&site), before);
    site.fifo_pnl(&["migrate", "down", "--to", "0", "--confirm", "YES"])
        .expect(0);
    assert_eq!(relations(&site), old);
    assert_eq!(fingerprint(&site), before);
    let events = "SELECT count(*) FROM pg_tables WHERE schemaname = 'fifo_kept'";
    assert_eq!(site.value(events), "3", "the audit trail and the voids");
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
}

#[test]
fn a_reader_of_the_old_tables_is_waited_for_and_then_left_alone() {
    let Some(server) = server() else { return };
    let site = site(&server);
    let old = relations(&site);
    let reading = site.hold("SELECT count(*) FROM fifo_allocations");
    let done = site.fifo_pnl(&["migrate", "up", "--yes"]).expect(3);
    let words = "move the earlier system's tables: another session holds what this needs longer";
    assert!(done.stderr.contains(words), "{}", done.stderr);
    assert_eq!(relations(&site), old);
    assert_eq!(
        site.value("SELECT to_regclass('public.allocation_versions') IS NULL"),
        "t"
    );
    // Who reads for a moment only makes it a moment later.
    let mut args = psql(&site.url);
    args.args([
        "-c",
        "BEGIN; SELECT 1 FROM fifo_allocations; SELECT pg_sleep(1.5); COMMIT",
    ]);
    drop(reading);
    let mut reader = args.stdout(std::process::Stdio::null()).spawn().unwrap();
    std::thread::sleep(Duration::from_millis(300));
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    assert!(reader.wait().unwrap().success());
}

#[test]
fn names_of_another_program_are_still_refused() {
    let Some(server) = server() else { return };
    let site = site(&server);
    site.sql("CREATE TABLE imports (id int)");
    let done = site.fifo_pnl(&["migrate", "up", "--yes"]).expect(3);
    assert!(
        done.stderr.contains("\"imports\" that is not ours"),
        "{}",
        done.stderr
    );
    assert_eq!(
        site.value("SELECT to_regnamespace('fifo_legacy') IS NULL"),
        "t"
    );
}

#[test]
fn what_moves_and_what_is_added_is_said_before_anything_is_made() {
    let Some(server) = server() else { return };
    let site = site(&server);
    let (before, old) = (fingerprint(&site), relations(&site));
    let asked = site.fifo_pnl(&["migrate", "up", "--protect-ledger"]);
    let asked = asked.expect(3).stderr;
    for line in [
        "  v2 allocations\n",
        "  size            double precision          its shortest decimal text\n",
        "To schema fifo_legacy move: fifo_allocations, fifo_computation_log, \
         fifo_inventory_snapshot, manual_review_queue, v_allocation_discrepancies, \
         v_allocation_health, v_pnl_by_symbol, v_unmatched_sells\n",
        "To trade_records is added:\n  column account",
        "Tables and views are added in schemas public and fifo_parts.\nNothing else is changed.\n",
        "there is no terminal to ask on: nothing was changed",
    ] {
        assert!(asked.contains(line), "{line}\n{asked}");
    }
    assert_eq!((fingerprint(&site), relations(&site)), (before, old));
    // A database that is up to date answers only what was asked.
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    let asked = site.fifo_pnl(&["migrate", "up", "--protect-ledger"]);
    let asked = asked.expect(3).stderr;
    for line in ["To schema", "Tables and views"] {
        assert!(!asked.contains(line), "{line}\n{asked}");
    }
    assert!(asked.contains("To trade_records is added:\n"), "{asked}");
}
