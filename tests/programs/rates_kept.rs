//! Rates that are stored or used: undone imports, changed records, and pools without a leg.

#![cfg(all(feature = "cli", unix))]

use crate::support::Folder;

/// The values of an undone import do not count: neither as known rates, nor against others.
#[test]
fn rates_of_an_undone_import_can_be_imported_again() {
    let folder = Folder::new();
    let file = |rate: &str| format!("asset;time;currency;rate\nEUR;2025-03-07;USD;{rate}\n");
    folder.write("a.csv", file("1.05"));
    folder.write("b.csv", file("1.06"));
    let import = |file: &str| folder.fifo_pnl(&["import", "rates", file]);
    let correct = ["import", "rates", "b.csv", "--correct", "--reason", "r"];
    let rates = "SELECT rate, revision, reason FROM rates ORDER BY revision";
    import("a.csv").expect(0);
    folder
        .fifo_pnl(&["import", "undo", "1", "--reason", "no"])
        .expect(0);
    let said = import("a.csv").expect(0).stdout;
    assert!(said.contains("1 new, 0 known"), "{said}");
    let again = "1.05|2|its earlier import is undone";
    assert_eq!(folder.sql(rates), ["1.05|1|", again]);
    // A correction that is undone leaves the rate before it, which another one corrects.
    folder.fifo_pnl(&correct).expect(0);
    folder
        .fifo_pnl(&["import", "undo", "3", "--reason", "no"])
        .expect(0);
    let said = import("b.csv").expect(2).stderr;
    assert!(said.contains("is 1.06, which is stored as 1.05"), "{said}");
    let said = folder.fifo_pnl(&correct).expect(0).stdout;
    assert!(said.contains("1 corrected"), "{said}");
    assert_eq!(
        folder.sql(rates),
        ["1.05|1|", again, "1.06|3|r", "1.06|4|r"]
    );
    // Put back, an earlier import changes nothing.
    let back = ["import", "undo", "1", "--undo", "--reason", "yes"];
    let done = folder.fifo_pnl(&back).expect(0).stdout;
    assert!(!done.contains("warning"), "{done}");
    let listed = folder.fifo_pnl(&["rates", "list"]).expect(0).stdout;
    assert!(
        listed.contains("1.06") && !listed.contains("1.05"),
        "{listed}"
    );
}

/// Pounds by way of the euro take two steps: each has the facts of the whole.
#[test]
fn each_step_of_a_used_rate_is_checked() {
    let folder = Folder::new();
    let trades = "order_id,symbol,side,size,price,total_fees_usd,order_time\n\
                  b1,BTC-GBP,buy,1,60000,0,2025-03-08T09:00:00Z\n\
                  e1,SOL-CHF,buy,1,100,0,2025-03-08T09:00:00Z\n\
                  z1,SOL-EUR,buy,1,0,0,2025-03-08T09:00:00Z\n\
                  n1,BNB-USD,buy,1,600,0,2025-03-08T09:00:00Z\n";
    folder.write("trades.csv", trades);
    folder.write("ecb.csv", "Date,USD,GBP\n2025-03-07,1.0857,0.8328\n");
    folder.fifo_pnl(&["import", "rates", "ecb.csv"]).expect(0);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
    folder.validate(&["--version", "1"]).expect(0);
    for (change, back) in [
        (
            "fifo_rates_used SET rate = '9'",
            "fifo_rates_used SET rate = (SELECT rate FROM fifo_rates_used WHERE step = 1)",
        ),
        (
            "fifo_rates_used SET step = 7",
            "fifo_rates_used SET step = 2",
        ),
    ] {
        let unchecked = "PRAGMA ignore_check_constraints = 1";
        folder.sql(&format!("{unchecked}; UPDATE {change} WHERE step = 2"));
        let text = folder.validate(&["--version", "1"]).expect(1).stdout;
        assert!(text.contains("I18"), "{change}: {text}");
        folder.sql(&format!("UPDATE {back} WHERE step <> 1"));
        folder.validate(&["--version", "1"]).expect(0);
    }
    // A pool without a result has no sums.
    folder.sql("UPDATE fifo_pool_summary SET sells_unmatched = 7 WHERE asset = 'SOL'");
    let text = folder.validate(&["--version", "1"]).expect(1).stdout;
    assert!(
        text.contains("its summary has sums, expected none"),
        "{text}"
    );
}

/// A fee of zero in a coin, and a price of zero in another, move nothing of these.
#[test]
fn a_pool_without_a_leg_of_a_trade_without_a_value_has_a_result() {
    let folder = Folder::new();
    let trades = "order_id,symbol,side,size,price,fee_amount,fee_currency,order_time\n\
                  n1,BNB-USD,buy,1,600,,,2025-03-03T09:00:00Z\n\
                  b1,BTC-USD,buy,1,80000,,,2025-03-03T09:00:00Z\n\
                  s1,SOL-EUR,buy,1,150,0,BNB,2025-03-03T10:00:00Z\n\
                  e1,ETH-BTC,buy,1,0,1,EUR,2025-03-03T10:00:00Z\n";
    folder.write("trades.csv", trades);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
    let status = "SELECT asset, status FROM fifo_pool_summary ORDER BY asset";
    let expected = ["BNB|matched", "BTC|matched", "ETH|rejected", "SOL|rejected"];
    assert_eq!(folder.sql(status), expected);
    folder.validate(&["--version", "current"]).expect(0);
}

/// Bought 100 euros for 110 dollars, less 2 euros withheld: 98 for 110. Sold for 107.8: 2.2 lost.
#[test]
fn a_fee_withheld_from_bought_money_lessens_its_units() {
    let folder = Folder::new();
    let trades = "order_id,symbol,side,size,price,fee_amount,fee_currency,order_time\n\
                  b2,EUR-USD,buy,100,1.1,2,EUR,2025-03-01T00:00:00Z\n\
                  s2,EUR-USD,sell,98,1.1,0,EUR,2025-03-02T00:00:00Z\n";
    folder.write("trades.csv", trades);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    let row = "SELECT allocated_size || ' ' || cost_basis_usd || ' ' || pnl_usd \
               FROM v_current_allocations";
    assert_eq!(folder.value(row), "98 110 -2.2");
    // Another spelling names the same pool.
    folder.compute(&["--asset", "ZEUR"]).expect(0);
    let open = "SELECT count(*) FROM fifo_inventory_snapshot";
    assert_eq!(folder.value(open), "0");
    folder
        .validate(&["--version", "current", "--strict"])
        .expect(0);
}

/// The pool of a future is rejected, and its price is no rate for others.
#[test]
fn the_price_of_a_contract_is_no_rate() {
    let folder = Folder::new();
    let trades = "order_id,symbol,side,size,price,order_time,total_fees_usd,contract_size\n\
                  c1,BTC-USD,buy,10,800,2025-03-01T00:00:00Z,0,0.01\n\
                  e1,ETH-BTC,buy,1,0.05,2025-03-01T01:00:00Z,0,\n";
    folder.write("trades.csv", trades);
    let text = folder.fifo_pnl(&["run", "trades.csv"]).expect(1).stdout;
    assert!(text.contains("a rate of BTC"), "{text}");
}
