//! Counts of a run add up, and say what a reader should know: trades that were not matched,
//! rebates, trades that only their ids put into order.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use serde_json::Value;
use support::Folder;

const HEADER: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd,trade_seq\n";

fn csv(rows: &[&str]) -> String {
    let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
    format!("{HEADER}{rows}")
}

/// BTC is matched, ETH is left out by a person, BTCIDRT may be many things and is rejected.
///
/// At the first instant stand three buys of one sequence or none: `2` and `10` tie, `x` has a
/// sequence. Of the three sells at the last, all tie.
fn folder() -> Folder {
    let folder = Folder::with_trades(&csv(&[
        "10,BTC-USD,buy,1,20,2025-01-01T00:00:00Z,-14.005,",
        "2,BTC-USD,buy,1,10,2025-01-01T00:00:00Z,-0.195,",
        "x,BTC-USD,buy,1,10,2025-01-01T00:00:00Z,0,7",
        "s9,BTC-USD,sell,1,30,2025-02-01T00:00:00Z,0.1,",
        "s8,BTC-USD,sell,1,30,2025-02-01T00:00:00Z,,",
        "s7,BTC-USD,sell,1,30,2025-02-01T00:00:00Z,0,",
        "e1,ETH-USD,buy,1,10,2025-01-01T00:00:00Z,-1,",
        "e2,ETH-USD,buy,1,10,2025-01-01T00:00:00Z,0,",
        "f1,BTCIDRT,buy,1,10,2025-01-01T00:00:00Z,0,",
    ]));
    let exclude = "review exclude --account default --asset ETH --reason test";
    folder
        .fifo_pnl(&exclude.split(' ').collect::<Vec<_>>())
        .expect(0);
    folder
}

fn number(json: &Value, name: &str) -> u64 {
    json[name]
        .as_u64()
        .unwrap_or_else(|| panic!("{name}: {json}"))
}

/// All trades are buys, sells or not matched, and the pools' trades are all trades.
#[track_caller]
fn assert_adds_up(json: &Value, trades: u64) {
    let sum = ["buys", "sells", "trades_not_matched"];
    let sum: u64 = sum.iter().map(|name| number(json, name)).sum();
    assert_eq!((number(json, "trades"), sum), (trades, trades), "{json}");
    let pools = json["pools"].as_array().unwrap();
    let pools: u64 = pools.iter().map(|pool| number(pool, "trades")).sum();
    assert_eq!(pools, trades, "{json}");
}

#[test]
fn counts_of_a_full_run_add_up_everywhere() {
    let folder = folder();
    let done = folder.compute(&["--all-symbols"]).expect(1);
    for line in [
        "  Trades            9   3 buys, 3 sells, 3 left out\n",
        "Rebates         2 trades, 14.20 USD\n",
        "Order of ids    2 sells and 1 buy have the same time as other trades, and no `trade_seq`: \
         their ids decide the order\n",
    ] {
        assert!(done.stdout.contains(line), "{line}{}", done.stdout);
    }
    let json = folder
        .compute(&["--all-symbols", "--json"])
        .expect(1)
        .json();
    assert_adds_up(&json, 9);
    assert_eq!(number(&json, "sells_by_id"), 2);
    assert_eq!(number(&json, "buys_by_id"), 1);
    assert_eq!(
        (number(&json, "rebates"), &json["rebates_usd"]),
        (2, &"14.2".into())
    );
    let log = "SELECT buys_processed || ' ' || sells_processed || ' ' || trades_not_matched \
               FROM fifo_computation_log ORDER BY id DESC LIMIT 1";
    assert_eq!(folder.value(log), "3 3 3");
    let judged = folder.validate(&["--version", "current"]).expect(0);
    assert!(judged.stdout.contains("9 trades"), "{}", judged.stdout);
}

#[test]
fn counts_of_an_extended_version_add_up() {
    let folder = folder();
    folder.compute(&["--all-symbols"]).expect(1);
    folder.write(
        "more.csv",
        csv(&[
            // It ties with the last trade that was matched, and comes next.
            "s99,BTC-USD,sell,0.5,30,2025-02-01T00:00:00Z,0,",
            "b4,BTC-USD,buy,1,10,2025-03-01T00:00:00Z,-1,",
            "f2,BTCIDRT,buy,1,10,2025-01-02T00:00:00Z,0,",
        ]),
    );
    folder.fifo_pnl(&["import", "more.csv"]).expect(0);
    let json = folder.compute(&["--incremental", "--json"]).json();
    assert_eq!(json["outcome"], "appended");
    assert_adds_up(&json, 3);
    assert_eq!(number(&json, "trades_not_matched"), 1);
    assert_eq!(
        (number(&json, "sells_by_id"), number(&json, "rebates")),
        (1, 1)
    );
    folder.write(
        "last.csv",
        csv(&["f3,BTCIDRT,buy,1,10,2025-01-03T00:00:00Z,0,"]),
    );
    folder.fifo_pnl(&["import", "last.csv"]).expect(0);
    let done = folder.compute(&["--incremental"]);
    let line = "  New trades       1   0 buys, 0 sells, 1 left out in 1 pool\n";
    assert!(done.stdout.contains(line), "{}", done.stdout);
    // What a full run counts of the same.
    folder.validate(&["--version", "current"]).expect(0);
    let sums = "SELECT sells_by_id || ' ' || buys_by_id || ' ' || rebates || ' ' || rebates_usd \
                FROM fifo_pool_summary WHERE asset = 'BTC' ORDER BY allocation_version";
    folder.compute(&["--all-symbols"]);
    assert_eq!(folder.sql(sums), ["3 1 3 15.2", "3 1 3 15.2"]);
}

#[test]
fn an_import_says_what_its_rebates_come_to() {
    let folder = Folder::new();
    folder.write(
        "trades.csv",
        csv(&[
            "1,BTC-USD,buy,1,20,2025-01-01T00:00:00Z,-14.005,",
            "2,BTC-USD,buy,1,10,2025-01-01T00:00:00Z,-0.195,",
            "3,BTC-USD,buy,1,10,2025-01-01T00:00:00Z,0,",
            "4,BTC-USD,buy,1,10,2025-01-01T00:00:00Z,0.01,",
        ]),
    );
    let done = folder.fifo_pnl(&["import", "trades.csv"]).expect(0);
    let line = "  rebates: 2 trades, 14.20 USD\n";
    assert!(done.stdout.contains(line), "{}", done.stdout);
    assert!(!done.stdout.contains("warning"), "{}", done.stdout);
    folder.write(
        "negative.csv",
        csv(&[
            "5,BTC-USD,buy,1,20,2025-01-01T00:00:00Z,-1,",
            "6,BTC-USD,sell,1,10,2025-01-01T00:00:00Z,0,",
            "7,BTC-USD,sell,1,10,2025-01-01T00:00:00Z,,",
        ]),
    );
    let done = folder.fifo_pnl(&["run", "negative.csv"]).expect(0);
    assert!(
        done.stdout
            .contains("warning: every fee of the file but zeros is negative"),
        "{}",
        done.stdout
    );
    let json = folder
        .fifo_pnl(&["import", "--preview", "--json", "negative.csv"])
        .json();
    let file = &json["files"][0];
    assert_eq!(
        (number(file, "rebates"), &file["rebates_usd"]),
        (1, &"1".into())
    );
    assert_eq!(file["every_fee_is_a_rebate"], true);
}

#[test]
fn a_table_of_new_trades_has_legs_and_no_rejected_pool() {
    let header = "order_id,symbol,side,size,price,order_time,total_fees_usd,usd_value";
    let folder = Folder::with_trades(&format!(
        "{header}\nb1,BTC-USD,buy,2,100,2025-01-01T10:00:00Z,0,\n\
         b2,DOT-USD,buy,2,100,2025-01-01T10:00:00Z,0,\n"
    ));
    folder.compute(&["--all-symbols"]).expect(0);
    let later = "x1,ETH-BTC,buy,10,0.1,2025-01-02T10:00:00Z,0,120\n\
                 f1,XMR-EUR,buy,1,5,2025-01-02T10:00:00Z,0,\n";
    folder.write("later.csv", format!("{header}\n{later}"));
    folder.fifo_pnl(&["import", "later.csv"]).expect(0);
    let done = folder.compute(&["--incremental"]).expect(1).stdout;
    for line in [
        "Pool         Trades + legs  Realized PnL  Newest (UTC)\n",
        "default BTC          0 + 1         20.00  2025-01-02 10:00",
        "default ETH              1          0.00  2025-01-02 10:00",
    ] {
        assert!(done.contains(line), "{line}: {done}");
    }
    assert!(!done.contains("default XMR   "), "{done}");
    assert!(
        done.contains("Rejected        default XMR: order \"f1\": "),
        "{done}"
    );
    // A version of one asset checks the trades of that asset: b1, and the sell of x1 is a leg.
    folder.compute(&["--asset", "BTC"]);
    let valid = folder.validate(&["--version", "2"]).expect(0).stdout;
    assert!(valid.contains("1 trade in 1 pool"), "{valid}");
    assert!(valid.contains("checks over 1 trade)"), "{valid}");
}

#[test]
fn a_version_without_a_matched_trade_says_so() {
    let folder = Folder::with_trades(&csv(&["f1,XMR-EUR,buy,1,5,2025-01-02T10:00:00Z,0,"]));
    folder.compute(&["--all-symbols"]).expect(1);
    let idle = folder.compute(&["--incremental"]).expect(0).stdout;
    let said = "nothing to compute, version 1 knows all trades, and none is matched\n";
    assert!(idle.contains(said), "{idle}");
}
