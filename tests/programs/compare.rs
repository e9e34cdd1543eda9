//! Two versions beside each other: which sells differ, and why.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use support::Folder;

const HEADER: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd\n";

fn csv(rows: &[&str]) -> String {
    let rows: String = rows.iter().map(|row| format!("{row}\n")).collect();
    format!("{HEADER}{rows}")
}

/// Two pools: BTC sold twice in two years, ETH once.
fn folder() -> Folder {
    let folder = Folder::with_trades(&csv(&[
        "b-1,BTC-USD,buy,2,10,2024-01-01T00:00:00Z,0",
        "s-1,BTC-USD,sell,1,12,2024-06-01T00:00:00Z,0",
        "s-2,BTC-USD,sell,1,13,2025-06-01T00:00:00Z,0",
        "b-3,ETH-USD,buy,1,5,2024-01-01T00:00:00Z,0",
        "s-3,ETH-USD,sell,1,6,2024-06-01T00:00:00Z,0",
    ]));
    folder.compute(&["--all-symbols"]).expect(0);
    folder
}

fn add(folder: &Folder, name: &str, rows: &[&str], more: &[&str]) {
    folder.write(name, csv(rows));
    let mut args = vec!["import"];
    args.extend(more);
    args.push(name);
    folder.fifo_pnl(&args).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
}

#[test]
fn equal_versions_do_not_differ() {
    let folder = folder();
    folder.compute(&["--all-symbols"]).expect(0);
    let done = folder.fifo_pnl(&["compare", "1", "2"]).expect(0);
    let line = "0 sells differ; realized PnL 6.00 and 6.00, difference 0.00";
    assert!(done.stdout.contains(line), "{}", done.stdout);
    folder.fifo_pnl(&["compare", "1", "7"]).expect(2);
    folder.fifo_pnl(&["compare", "1", "x"]).expect(2);
}

#[test]
fn a_new_trade_a_void_and_a_correction_are_named() {
    let folder = folder();
    let late = "b-0,BTC-USD,buy,1,7,2023-01-01T00:00:00Z,0";
    add(&folder, "late.csv", &[late], &[]);
    let compare = |left: &str, right: &str| {
        let done = folder.fifo_pnl(&["compare", left, right, "--json"]);
        done.expect(0).json()
    };
    let json = compare("1", "2");
    assert_eq!(json["total"]["sells_differ"], 1);
    assert_eq!(json["total"]["difference_usd"], "3");
    assert_eq!(json["sells"][0]["why"], "new buy \"b-0\"");
    let lots = |side: &str| json["sells"][0][side]["lots"][0]["buy_order_id"].clone();
    assert_eq!(
        (lots("first"), lots("second")),
        ("b-1".into(), "b-0".into())
    );
    assert_eq!(json["assets"]["ETH"]["sells_differ"], 0);
    assert_eq!(json["assets"]["ETH"]["second_pnl_usd"], "1");
    folder
        .fifo_pnl(&["void", "b-0", "--reason", "a test"])
        .expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    let why = &compare("2", "3")["sells"][0]["why"];
    assert_eq!(why, "\"b-0\" was voided, or is gone");
    let corrected = "b-3,ETH-USD,buy,1,4,2024-01-01T00:00:00Z,0";
    let why = ["--correct", "--reason", "a typing error"];
    add(&folder, "corrected.csv", &[corrected], &why);
    let done = folder
        .validate(&["--compare-versions", "3", "4", "--json"])
        .expect(0);
    let json = done.json();
    assert_eq!(json["sells"][0]["why"], "correction of \"b-3\"");
    assert_eq!(json["sells"][0]["difference_usd"], "1");
    assert_eq!(json["assets"]["BTC"]["sells_differ"], 0);
    folder
        .validate(&["--compare-versions", "3", "4", "--strict"])
        .expect(2);
    folder.validate(&[]).expect(2);
}

#[test]
fn symbols_years_and_files_choose_and_keep() {
    let folder = folder();
    let late = "b-0,BTC-USD,buy,1,7,2023-01-01T00:00:00Z,0";
    add(&folder, "late.csv", &[late], &[]);
    let of = |args: &[&str]| {
        let all = ["compare", "1", "2", "--json"];
        folder.fifo_pnl(&[&all, args].concat()).expect(0).json()
    };
    assert_eq!(of(&["--asset", "ETH"])["total"]["sells_differ"], 0);
    let year = of(&["--year", "2024"]);
    assert_eq!(year["total"]["sells_differ"], 1);
    assert_eq!(year["total"]["first_pnl_usd"], "3");
    assert_eq!(year["total"]["second_pnl_usd"], "6");
    let done = folder
        .fifo_pnl(&["compare", "1", "2", "--symbol", "btc/usd", "-o", "all.csv"])
        .expect(0);
    assert!(done.stdout.contains("all.csv: 1 sell\n"), "{}", done.stdout);
    let file = folder.read("all.csv");
    let line = "default,BTC,s-1,2024-06-01T00:00:00.000000Z,b-1:1,b-0:1,10,7,2,5,3,\
                \"new buy \"\"b-0\"\"\"";
    assert_eq!(file.lines().nth(1), Some(line));
    // The second sell has the same lot, as much of it and at the same cost: it does not differ.
    assert_eq!(file.lines().count(), 2);
}

#[test]
fn settings_and_excluded_pools_are_named() {
    let folder = folder();
    let exclude = [
        "review",
        "exclude",
        "--account",
        "default",
        "--asset",
        "ETH",
    ];
    folder
        .fifo_pnl(&[&exclude[..], &["--reason", "a test"]].concat())
        .expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    let done = folder.fifo_pnl(&["compare", "1", "2", "--json"]).expect(0);
    let json = done.json();
    assert_eq!(json["notes"][0], "their excluded pools differ");
    let left_out = "version 2 has no result of default ETH: its sums leave that out";
    assert_eq!(json["notes"][1], left_out);
    assert_eq!(json["notes"].as_array().unwrap().len(), 2);
    let why = json["sells"][0]["why"].as_str().unwrap();
    assert!(why.starts_with("excluded in version 2: "), "{why}");
    assert_eq!(json["sells"][0]["second"], serde_json::Value::Null);
}

/// Two buys of BTC. One is paid away for ETH, which is the quote leg of e-1.
fn with_legs() -> Folder {
    let folder = Folder::with_trades(&csv(&[
        "b-1,BTC-USD,buy,2,20000,2025-01-01T00:00:00Z,0",
        "e-1,ETH-BTC,buy,10,0.05,2025-03-03T10:00:00Z,0",
        "w-1,WETH-USD,buy,1,900,2025-02-01T00:00:00Z,0",
        "s-1,ETH-USD,sell,2,3000,2025-04-01T00:00:00Z,0",
        "s-2,BTC-USD,sell,1,30000,2025-04-01T00:00:00Z,0",
    ]));
    folder.write(
        "rates.csv",
        "asset,time,currency,rate\nBTC,2025-03-03,USD,40000\n",
    );
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    folder
}

/// Corrects the rate that values e-1.
fn correct_rate(folder: &Folder) {
    let rates = "asset,time,currency,rate\nBTC,2025-03-03,USD,50000\n";
    folder.write("corrected.csv", rates);
    let import = ["import", "rates", "corrected.csv", "--correct"];
    folder
        .fifo_pnl(&[&import[..], &["--reason", "a typing error"]].concat())
        .expect(0);
}

/// How the two rates of e-1 are named.
const RATE: &str = "rate of BTC for \"e-1\": 40000 (plain), then 50000 (plain)";

/// Returns the sells that differ between two versions, each with its cause.
fn causes(folder: &Folder, left: &str, right: &str) -> Vec<(String, String)> {
    let done = folder.fifo_pnl(&["compare", left, right, "--json"]);
    let json = done.expect(0).json();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let of = |it: &serde_json::Value| {
        let (asset, sell) = (text(&it["asset"]), text(&it["sell_order_id"]));
        (format!("{asset} {sell}"), text(&it["why"]))
    };
    let mut all: Vec<_> = json["sells"].as_array().unwrap().iter().map(of).collect();
    all.sort();
    all
}

fn expected(all: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = all
        .iter()
        .map(|(sell, why)| ((*sell).into(), (*why).into()));
    owned.collect()
}

#[test]
fn a_leg_of_a_changed_trade_names_the_trade() {
    let folder = with_legs();
    // 8 ETH for 0.4 BTC: another cost of s-1, and another quote leg.
    let corrected = "e-1,ETH-BTC,buy,8,0.05,2025-03-03T10:00:00Z,0";
    let why = ["--correct", "--reason", "a typing error"];
    add(&folder, "corrected.csv", &[corrected], &why);
    let leg = "the quote leg follows its trade: correction of \"e-1\"";
    let correction = "correction of \"e-1\"";
    // The cost of 2 ETH is 4,000 both times, from another lot.
    assert_eq!(
        causes(&folder, "1", "2"),
        expected(&[
            ("BTC e-1", leg),
            ("BTC e-1~2", leg),
            ("ETH s-1", correction)
        ])
    );
    // A new trade whose fee leg sells BTC of before s-2.
    folder.write(
        "fee.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd,fee_amount,fee_currency\n\
         f-1,SOL-USD,buy,1,100,2025-03-03T12:00:00Z,,0.001,BTC\n",
    );
    folder.fifo_pnl(&["import", "fee.csv"]).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    let new = "the fee leg follows its trade: new trade \"f-1\"";
    assert_eq!(causes(&folder, "2", "3"), expected(&[("BTC f-1", new)]));
    folder
        .fifo_pnl(&["void", "f-1", "--reason", "a test"])
        .expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    let gone = "the fee leg follows its trade: \"f-1\" was voided, or is gone";
    assert_eq!(causes(&folder, "3", "4"), expected(&[("BTC f-1", gone)]));
}

#[test]
fn a_changed_rate_is_the_cause_in_every_pool_that_it_values() {
    let folder = with_legs();
    correct_rate(&folder);
    folder.compute(&["--all-symbols"]).expect(0);
    assert_eq!(
        causes(&folder, "1", "2"),
        expected(&[("BTC e-1", RATE), ("ETH s-1", RATE)])
    );
}

/// s-2 takes the lots that s-1 has freed. The older e-1 has another rate, which moves no lot.
#[test]
fn a_rate_of_another_trade_moves_no_lot() {
    let folder = Folder::with_trades(&csv(&[
        "b-1,BTC-USD,buy,1,100,2025-01-01T10:00:00Z,0",
        "b-2,BTC-USD,buy,1,200,2025-01-02T10:00:00Z,0",
        "e-1,ETH-BTC,buy,1,0.1,2025-01-04T10:00:00Z,0",
        "s-1,BTC-USD,sell,0.5,400,2025-01-05T10:00:00Z,0",
        "s-2,BTC-USD,sell,1,400,2025-01-06T10:00:00Z,0",
    ]));
    let rates = |rate: u32, more: &[&str]| {
        let row = format!("asset,time,currency,rate\nBTC,2025-01-04T10:00:00Z,USD,{rate}\n");
        folder.write("rates.csv", row);
        folder
            .fifo_pnl(&[&["import", "rates", "rates.csv"], more].concat())
            .expect(0);
        folder.compute(&["--all-symbols"]).expect(0);
    };
    rates(350, &[]);
    folder
        .fifo_pnl(&["void", "s-1", "--reason", "a test"])
        .expect(0);
    rates(360, &["--correct", "--reason", "a test"]);
    let rate = "rate of BTC for \"e-1\": 350 (plain), then 360 (plain)";
    let gone = "\"s-1\" was voided, or is gone";
    assert_eq!(
        causes(&folder, "1", "2"),
        expected(&[("BTC e-1", rate), ("BTC s-1", gone), ("BTC s-2", gone)])
    );
}

#[test]
fn another_lot_and_a_changed_rate_are_both_named() {
    let folder = with_legs();
    correct_rate(&folder);
    // s-1 takes the lot of the new buy, and that of e-1, valued by the corrected rate.
    let older = "e-0,ETH-USD,buy,1,1000,2025-03-01T00:00:00Z,0";
    add(&folder, "older.csv", &[older], &[]);
    let both = format!("new buy \"e-0\"; {RATE}");
    assert_eq!(
        causes(&folder, "1", "2"),
        expected(&[("BTC e-1", RATE), ("ETH s-1", &both)])
    );
}

#[test]
fn settings_that_differ_are_named_and_no_trade_is_blamed() {
    let folder = with_legs();
    folder.write("fifo-pnl.toml", "[aliases]\nWETH = \"ETH\"\n");
    folder.compute(&["--all-symbols"]).expect(0);
    // The buy of WETH is the first lot of ETH from now on.
    let settings = "their settings differ: aliases.WETH";
    assert_eq!(
        causes(&folder, "1", "2"),
        expected(&[("ETH s-1", settings)])
    );
    let json = folder.fifo_pnl(&["compare", "1", "2", "--json"]).json();
    assert_eq!(json["notes"][0], settings);
    // A change of the trade and one of the settings: both may be the cause, and only for ETH.
    let corrected = "e-1,ETH-BTC,buy,8,0.05,2025-03-03T10:00:00Z,0";
    folder.write("fifo-pnl.toml", "");
    let why = ["--correct", "--reason", "a typing error"];
    add(&folder, "corrected.csv", &[corrected], &why);
    let both = "correction of \"e-1\"; their settings differ: aliases.WETH, too";
    let leg = "the quote leg follows its trade: correction of \"e-1\"";
    assert_eq!(
        causes(&folder, "2", "3"),
        expected(&[("BTC e-1", leg), ("BTC e-1~2", leg), ("ETH s-1", both)])
    );
    // Pools by symbol: no pool has its name of before.
    folder.write("fifo-pnl.toml", "[pools]\nby = \"symbol\"\n");
    folder.compute(&["--all-symbols"]).expect(1);
    let all = causes(&folder, "3", "4");
    assert!(!all.is_empty());
    let by = "their settings differ: pools.by";
    for (sell, why) in all {
        let is_rejected = why.starts_with("rejected in version 4");
        assert!(why == by || is_rejected, "{sell}: {why}");
    }
}
