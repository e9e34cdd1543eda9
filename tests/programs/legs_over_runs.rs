//! Trades with legs and values over several runs: a later run gives what one run over all gives.
#![cfg(all(feature = "cli", unix))]

use crate::support;
use crate::support::site::{Site, server};

use support::Folder;

const HEAD: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd";

/// Imports rows after a full run, runs again incrementally, and compares with a full run.
fn follow(folder: &Folder, columns: &str, rows: &str) -> String {
    folder.write("later.csv", format!("{HEAD}{columns}\n{rows}"));
    folder.fifo_pnl(&["import", "later.csv"]).expect(0);
    let done = folder.compute(&["--incremental"]);
    let version = folder.value("SELECT version FROM current_version");
    folder.compute(&["--all-symbols", "--no-publish"]);
    let full = folder.value("SELECT max(version) FROM allocation_versions");
    let summary = |version: &str| {
        folder.sql(&format!(
            "SELECT asset, status, trades, legs, buys, sells, asset_class, \
             asset_class_source, symbol, symbols, \
             ledger_hash, allocations_hash, cost_basis_usd, pnl_usd, open_cost_usd \
             FROM fifo_pool_summary WHERE allocation_version = {version} ORDER BY asset"
        ))
    };
    assert_eq!(summary(&version), summary(&full), "{}", done.stdout);
    assert_eq!(folder.export(&version), folder.export(&full));
    let rates = |version: &str| {
        folder.sql(&format!(
            "SELECT account, order_id, purpose, step, value_usd, rate, rate_time, own_order_id \
             FROM fifo_rates_used WHERE allocation_version = {version} ORDER BY 1, 2, 3, 4"
        ))
    };
    assert_eq!(rates(&version), rates(&full));
    done.stdout
}

fn folder(columns: &str, rows: &str) -> Folder {
    let folder = Folder::with_trades(&format!("{HEAD}{columns}\n{rows}"));
    folder.compute(&["--all-symbols"]);
    folder
}

#[test]
fn a_late_price_of_ones_own_changes_the_values_that_it_is_nearer_to() {
    // x gives half a BTC, worth 50,000 by b1 and 52,500 by b2. Late, b2 harms no lot of BTC: those
    // of b0 and b1 are open.
    let folder = folder(
        "",
        "b0,BTC-USD,buy,5,90000,2025-03-01T10:00:00Z,0\n\
         b1,BTC-USD,buy,1,100000,2025-03-02T10:00:00Z,0\n\
         x,ETH-BTC,buy,10,0.05,2025-03-02T12:00:00Z,0\n",
    );
    let cost = "SELECT open_cost_usd FROM fifo_pool_summary JOIN current_version \
                ON allocation_version = version WHERE asset = 'ETH'";
    assert_eq!(folder.value(cost), "50000");
    let said = follow(
        &folder,
        "",
        "b2,BTC-USD,buy,1,105000,2025-03-02T11:00:00Z,0\n",
    );
    assert_eq!(folder.value(cost), "52500", "{said}");
    assert!(said.contains("Version 2 is current"), "{said}");
    // A price after the trade is no rate of it, so its lot is appended.
    let said = follow(
        &folder,
        "",
        "b3,BTC-USD,buy,1,110000,2025-03-02T13:00:00Z,0\n",
    );
    assert_eq!(folder.value(cost), "52500", "{said}");
    let current = folder.value("SELECT version FROM current_version");
    assert_eq!(current, "2", "{said}");
}

#[test]
fn a_price_of_ones_own_that_was_missing_makes_the_pool_whole() {
    let folder = folder(
        "",
        "x,ETH-BTC,buy,10,0.05,2025-03-02T12:00:00Z,0\n\
         s,ETH-USD,sell,4,6000,2025-03-03T12:00:00Z,0\n",
    );
    let status = "SELECT group_concat(asset || ' ' || status, ', ') FROM (SELECT * FROM \
                  fifo_pool_summary JOIN current_version ON allocation_version = version \
                  ORDER BY asset)";
    assert_eq!(folder.value(status), "BTC rejected, ETH rejected");
    follow(
        &folder,
        "",
        "b1,BTC-USD,buy,1,100000,2025-03-02T10:00:00Z,0\n",
    );
    assert_eq!(folder.value(status), "BTC matched, ETH matched");
    // 4 of 10 that cost 0.5 x 100,000, for 24,000.
    let pnl = "SELECT pnl_usd FROM v_current_allocations WHERE asset = 'ETH'";
    assert_eq!(folder.value(pnl), "4000");
}

#[test]
fn the_class_of_a_pool_is_that_of_all_its_rows() {
    // Rows of FOO in the order of their arrival: its symbol, its column, and the class by then.
    let rows = [
        ("FOO-USD", "", "crypto by spelling"),
        // A ticker is a share by its spelling, the base of a pair is a coin.
        ("FOO", "", "several by spelling"),
        ("FOO", "future", "future by column"),
        ("FOO-EUR", "", "future by column"),
        ("FOO-USD", "security", "several by column"),
        ("FOO-USD", "security", "several by column"),
    ];
    let row = |nth: usize| {
        let (symbol, class, _) = rows[nth];
        format!(
            "f{nth},{symbol},buy,2,10,2025-03-0{}T10:00:00Z,0,{class}\n",
            nth + 1
        )
    };
    let class = "SELECT coalesce(asset_class, 'several') || ' by ' || asset_class_source FROM \
                 fifo_pool_summary JOIN current_version ON allocation_version = version \
                 WHERE asset = 'FOO'";
    let folder = folder(",asset_class", &row(0));
    folder.write(
        "rates.csv",
        "asset,time,currency,rate\nEUR,2025-03-04,USD,1\n",
    );
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    assert_eq!(folder.value(class), rows[0].2);
    for (nth, (_, _, expected)) in rows.iter().enumerate().skip(1) {
        follow(&folder, ",asset_class", &row(nth));
        assert_eq!(folder.value(class), *expected);
    }
    folder.validate(&["--version", "current"]).expect(0);
    // It decides the box of a tax form, so a change by another hand is found.
    let tamper = "UPDATE fifo_pool_summary SET asset_class = 'future' WHERE asset = 'FOO'";
    folder.sql(tamper);
    let found = folder.validate(&["--version", "current"]).expect(1).stdout;
    let sentence = "I13 default FOO: the summary's asset_class is \"future by column\", expected \
                    \"several by column\"";
    assert!(found.contains(sentence), "{found}");
}

#[test]
fn a_pool_that_stays_rejected_counts_its_new_rows() {
    let folder = folder(
        ",asset_class",
        "e1,FOO-EUR,buy,2,10,2025-03-01T10:00:00Z,0,security\n",
    );
    follow(
        &folder,
        ",asset_class",
        "f2,FOO-USD,sell,1,12,2025-03-02T10:00:00Z,0,crypto\n",
    );
}

#[test]
fn the_hash_of_the_ledger_names_the_symbol_of_each_trade() {
    let hash = |symbol: &str| {
        let row = format!("t1,{symbol},buy,1,100,2025-03-01T10:00:00Z,0,105\n");
        let folder = folder(",usd_value", &row);
        folder.value("SELECT ledger_hash FROM fifo_pool_summary WHERE asset = 'BTC'")
    };
    let all = ["BTC-USD", "BTC-EUR", "BTC-GBP"].map(hash);
    assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
}

const BOT: &str = "CREATE TABLE trade_records (order_id text PRIMARY KEY, symbol text, side text, \
     size float8, price float8, order_time timestamptz, total_fees_usd numeric, usd_value numeric)";

fn bot(rows: &str) -> Option<Site> {
    let site = Site::empty(&server()?);
    site.sql(BOT);
    site.sql(&format!("INSERT INTO trade_records VALUES {rows}"));
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]);
    Some(site)
}

#[test]
fn a_ledger_that_others_change_has_all_legs_of_its_trades() {
    let rows = "('b', 'BTC-USD', 'buy', 2, 90000, '2025-03-01Z', 0, NULL), \
                ('e', 'ETH-USD', 'buy', 2, 2000, '2025-03-01Z', 0, NULL)";
    let Some(site) = bot(rows) else { return };
    site.sql(
        "INSERT INTO trade_records VALUES \
         ('x', 'ETH-BTC', 'buy', 10, 0.05, '2025-03-02Z', 0, 50000)",
    );
    // A version is judged by the trades that it knew; a pool that has more of them has changed.
    site.validate(&["--version", "1"]).expect(0);
    // A file of rates lets the run read all pools.
    let folder = &site.folder;
    folder.write(
        "rates.csv",
        "asset,time,currency,rate\nEUR,2025-03-01,USD,1.05\n",
    );
    site.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    site.compute(&["--incremental"]).expect(0);
    let current = site.value("SELECT version FROM current_version");
    site.compute(&["--all-symbols", "--no-publish"]).expect(0);
    let full = site.value("SELECT max(version) FROM allocation_versions");
    let export = site.export(&current);
    assert!(export.contains(",x,b,0.5,"), "{export}");
    assert_eq!(export, site.export(&full));
    site.validate(&["--version", &current]).expect(0);
}

#[test]
fn a_faulty_row_rejects_all_pools_of_its_legs() {
    let rows = "('b', 'BTC-USD', 'buy', 2, 90000, '2025-03-01Z', 0, NULL), \
                ('s', 'SOL-USD', 'buy', 2, 100, '2025-03-01Z', 0, NULL), \
                ('x', 'ETH-BTC', 'buy', 'NaN', 0.05, '2025-03-02Z', 0, 50000)";
    let Some(site) = bot(rows) else { return };
    let status = "SELECT string_agg(asset || ' ' || status, ', ' ORDER BY asset) \
                  FROM fifo_pool_summary";
    assert_eq!(
        site.value(status),
        "BTC rejected, ETH rejected, SOL matched"
    );
    site.validate(&["--version", "1"]).expect(0);
}

#[test]
fn a_pool_that_is_computed_again_has_its_rates_in_the_summary() {
    // x and y lack a rate each. With that of x the pool still lacks that of y.
    let folder = folder(
        ",usd_value",
        "x,BTC-EUR,buy,1,100,2025-03-01T10:00:00Z,0,\n\
         y,BTC-GBP,buy,1,100,2025-03-02T10:00:00Z,0,\n\
         z,BTC-EUR,buy,1,100,2025-03-02T10:00:00Z,0,200\n",
    );
    let rates = |file: &str, rows: &str| {
        folder.write(file, format!("asset,time,currency,rate\n{rows}"));
        folder.fifo_pnl(&["import", "rates", file]).expect(0);
        folder.compute(&["--incremental"]).stdout
    };
    let text = rates("eur.csv", "EUR,2025-03-01,USD,1.1\n");
    assert!(text.contains("Rates missing   1 rate: "), "{text}");
    let text = rates("gbp.csv", "GBP,2025-03-02,USD,1.3\n");
    assert!(
        text.contains("Rates           1 more trade has a value by rates"),
        "{text}"
    );
    assert!(
        text.contains("default z: 200.00 USD, by price or rate 110.00"),
        "{text}"
    );
    // A void is the reason then, and no rate.
    folder
        .fifo_pnl(&["void", "x", "--reason", "test"])
        .expect(0);
    let text = folder.compute(&["--incremental"]).stdout;
    assert!(!text.contains("rate that the version used"), "{text}");
    assert!(text.contains("order \"x\" was voided"), "{text}");
}
