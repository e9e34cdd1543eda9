//! The demo and the walk-through, unchanged.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::adoption::legacy::fingerprint;
use crate::support::site::{Site, psql, server};
use crate::support::{Done, repository};

/// Makes a database of the files in `fixtures/adoption`.
fn site(server: &str, parts: &[&str]) -> Site {
    let site = Site::empty(server);
    for part in parts {
        let file = repository().join(format!("fixtures/adoption/{part}.sql"));
        let done = psql(&site.url).arg("-f").arg(file).output().unwrap();
        Done::of(done).expect(0);
    }
    site
}

/// The shell blocks of a document.
fn blocks(document: &str) -> Vec<String> {
    let text = fs::read_to_string(repository().join(document)).unwrap();
    let blocks = text.split("```sh\n").skip(1);
    blocks
        .map(|rest| rest.split("```").next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_walk_through_runs_as_it_stands() {
    let Some(server) = server() else { return };
    let site = site(&server, &["ledger", "phantom-lots", "fills-and-order"]);
    let before = fingerprint(&site);
    site.folder.write(
        "reported.csv",
        "order_id,parent_id,pnl_usd\nold-s-1,old-b-1,1.36\n",
    );
    let blocks = blocks("docs/MIGRATION.md");
    assert_eq!(blocks.len(), 6);
    let script = format!("set -eu\nSELL=new-s-1\n{}", blocks.concat());
    let mut shell = site.program("sh", &["-c", &script]);
    let done = Done::of(shell.output().unwrap()).expect(0);
    for words in [
        "Rows preserved: 17",
        "13 equal, 4 differ, 0 missing",
        "historical_pnl_snapshot_20241231  1 sell",
        "0 sells differ",
    ] {
        assert!(done.stdout.contains(words), "{words}\n{}", done.stdout);
    }
    assert_eq!(fingerprint(&site), before);
}

#[test]
fn the_demo_runs_and_the_ledger_is_what_it_was() {
    let Some(server) = server() else { return };
    let programs = Path::new(env!("CARGO_BIN_EXE_fifo-pnl")).parent().unwrap();
    let output = Command::new(repository().join("scripts/demo-adoption"))
        .env("TEST_POSTGRES_URL", &server)
        .env("DEMO_PROGRAMS", programs)
        .output()
        .unwrap();
    let done = Done::of(output).expect(0);
    for words in [
        "13 equal, 4 differ",
        "The ledger is what it was, to the last byte.",
    ] {
        assert!(done.stdout.contains(words), "{words}\n{}", done.stdout);
    }
}

#[test]
fn one_bad_row_among_188_symbols_takes_out_its_own() {
    let Some(server) = server() else { return };
    let site = site(&server, &["ledger", "production-shape"]);
    let shape = "SELECT count(DISTINCT symbol), count(*) FILTER (WHERE side = 'buy'), \
                 count(*) FILTER (WHERE side = 'sell') FROM trade_records";
    assert_eq!(site.value(shape), "188|3675|3714");
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    let done = site.compute(&["--all-symbols", "--json"]).expect(1).json();
    assert_eq!(done["status"], "partial", "{done}");
    let pools = "SELECT status, count(*), sum(sells_unmatched) FROM fifo_pool_summary \
                 WHERE allocation_version = 1 GROUP BY status ORDER BY status";
    assert_eq!(site.sql(pools), ["matched|187|33", "rejected|1|0"]);
    site.validate(&["--version", "1"]).expect(0);
    // Corrected, all of it is there.
    site.sql("UPDATE trade_records SET size = 1.5 WHERE size = 'NaN'");
    site.compute(&["--incremental"]).expect(0);
    let pools = "SELECT status, count(*), sum(sells_unmatched) FROM fifo_pool_summary \
                 WHERE allocation_version = (SELECT version FROM current_version) \
                 GROUP BY status ORDER BY status";
    assert_eq!(site.sql(pools), ["matched|188|33"]);
    site.validate(&["--version", "current"]).expect(0);
}
