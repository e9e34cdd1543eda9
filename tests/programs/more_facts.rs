//! Files with more facts than dollars: what is matched, what rejects its pool, and what is shown.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use support::Folder;

#[test]
fn a_fact_that_changes_dollars_rejects_its_pool_and_no_other() {
    // The lot costs 1,000 and its fee 2; half of it is sold for 600 less 1.
    let folder = Folder::with_trades(
        "order_id,symbol,side,size,price,order_time,base_asset,quote_currency,asset_class,\
         quote_value,fee_amount,fee_currency\n\
         b1,AAPL,buy,10,100,2025-01-02T10:00:00Z,AAPL,USD,security,,2,USD\n\
         s1,AAPL,sell,5,120,2025-01-03T10:00:00Z,,USD,,,1,usd\n\
         b2,SAP,buy,1,200,2025-01-02T10:00:00Z,,EUR,security,200.01,0,USD\n\
         b3,BTC-USD,buy,1,200,2025-01-02T10:00:00Z,BTC,USD,crypto,,0.001,BNB\n\
         b4,ETH-USD,buy,1,200,2025-01-02T10:00:00Z,,,,,0,USD\n",
    );
    let done = folder.compute(&["--all-symbols"]).expect(1);
    for (order, missing) in [
        ("b2", "a rate of EUR on 2025-01-02 is missing"),
        ("b3", "a rate of BNB at 2025-01-02 10:00:00 UTC is missing"),
    ] {
        let names =
            |line: &str| line.contains(&format!("order \"{order}\"")) && line.contains(missing);
        assert!(done.stdout.lines().any(names), "{}", done.stdout);
    }
    let export = folder.export("1");
    assert_eq!(export.lines().count(), 2, "{export}");
    let row = "default,AAPL,s1,b1,5,100,120,0.2,0.2,501,600,599,98,";
    assert!(export.contains(row), "{export}");
    let items = "SELECT group_concat(asset || ' ' || issue_type || ' ' || order_id, ', ') FROM \
                 (SELECT * FROM manual_review_queue ORDER BY asset)";
    let expected = "BNB missing_fx b3, BTC missing_fx b3, SAP missing_fx b2";
    assert_eq!(folder.value(items), expected);
    folder.validate(&["--version", "1"]).expect(0);
    let explained = folder
        .fifo_pnl(&["explain", "--sell", "s1"])
        .expect(0)
        .stdout;
    let facts = "base_asset AAPL, quote_currency USD, asset_class security";
    assert!(explained.contains(facts), "{explained}");
    let explain = ["explain", "--sell", "s1", "--json"];
    let json = folder.fifo_pnl(&explain).expect(0).json();
    assert_eq!(json["sell"]["quote_currency"], "USD");
    assert_eq!(json["sell"]["asset_class"], serde_json::Value::Null);
    assert_eq!(json["slices"][0]["lot"]["buy"]["asset_class"], "security");
}

#[test]
fn a_rejected_pool_stays_rejected_when_plain_trades_follow() {
    let header = "order_id,symbol,side,size,price,order_time,total_fees_usd";
    let folder = Folder::with_trades(&format!(
        "{header},quote_currency\nb1,SAP,buy,1,200,2025-01-02T10:00:00Z,0,EUR\n\
         b2,AAPL,buy,1,200,2025-01-02T10:00:00Z,0,USD\n"
    ));
    folder.compute(&["--all-symbols"]).expect(1);
    let more = format!(
        "{header}\ns1,SAP,sell,1,210,2025-01-03T10:00:00Z,0\n\
         s2,AAPL,sell,1,210,2025-01-03T10:00:00Z,0\n"
    );
    folder.write("more.csv", more);
    folder.fifo_pnl(&["import", "more.csv"]).expect(0);
    folder.compute(&["--incremental"]).expect(1);
    let export = folder.export("current");
    assert_eq!(export.lines().count(), 2, "{export}");
    assert!(export.contains("default,AAPL,s2,b2,1,200,210,"), "{export}");
}
