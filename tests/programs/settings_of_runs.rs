//! A version is judged by the settings of its run, even if they are others today.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use support::Folder;

/// Two symbols of one asset. By asset, the sell takes the lot at 100; by symbol, it has none.
const TRADES: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
     b1,BTC-USDC,buy,1,100,2025-01-02T10:00:00Z,0\n\
     b2,BTC-USD,buy,1,200,2025-01-03T10:00:00Z,0\n\
     s1,BTC-USD,sell,1,250,2025-01-04T10:00:00Z,0\n";

#[test]
fn a_version_is_judged_by_the_settings_of_its_run() {
    let folder = Folder::with_trades(TRADES);
    folder.write("fifo-pnl.toml", "[pools]\nby = \"symbol\"\n");
    folder.compute(&["--all-symbols"]).expect(0);
    folder.write("fifo-pnl.toml", "[pools]\nby = \"asset\"\n");
    folder.compute(&["--all-symbols"]).expect(0);
    let pnl = |version: &str| {
        folder.value(&format!(
            "SELECT group_concat(asset || ' ' || pnl_usd, ', ') FROM fifo_allocations \
             WHERE allocation_version = {version}"
        ))
    };
    assert_eq!(
        (pnl("1"), pnl("2")),
        ("BTC-USD 50".into(), "BTC 150".into())
    );
    for (version, lot) in [("1", "b2"), ("2", "b1")] {
        let valid = folder.validate(&["--version", version]).expect(0).stdout;
        assert!(!valid.contains("changed"), "{valid}");
        let explain = ["explain", "--sell", "s1", "--version", version];
        let explained = folder.fifo_pnl(&explain).expect(0).stdout;
        assert!(explained.contains(&format!("Lot 1 {lot}")), "{explained}");
        let file = format!("tax-{version}.csv");
        let tax = [
            "tax",
            "--year",
            "2025",
            "--timezone",
            "UTC",
            "--format",
            "lots",
            "--version",
            version,
            "-o",
            &file,
        ];
        folder.fifo_pnl(&tax).expect(0);
        let lots = folder.read(&file);
        // The line of the lot's trade in its file.
        assert!(lots.contains(&format!(",s1,{lot},1,")), "{lots}");
    }
}

#[test]
fn a_ledger_with_coin_fees_is_validated_and_filed() {
    let folder = Folder::with_trades(
        "order_id,symbol,side,size,price,order_time,usd_value,fee_amount,fee_currency,\
         fee_usd_value\n\
         b1,BTC-USD,buy,1,100,2025-01-01T10:00:00Z,,,,\n\
         b2,BNB-USD,buy,3,10,2025-01-01T10:00:00Z,,,,\n\
         x1,ETH-BTC,buy,4,0.1,2025-01-02T10:00:00Z,60,0.1,BTC,15\n\
         x2,ETH-BTC,buy,1,0.1,2025-01-02T10:00:00Z,16,0.1,BTC,16\n\
         s1,ETH-USD,sell,4,20,2025-01-03T10:00:00Z,,0.5,BNB,6\n",
    );
    // BTC: 0.4 at 60, a fee of 0.1 at 15, 0.1 at 16, a fee of 0.1 at 16; each cost 100 a unit.
    // BNB: 0.5 at 6, which cost 5. ETH: 4 at 80 less the fee of 6, which cost 60.
    folder.compute(&["--all-symbols"]).expect(0);
    let summary = "SELECT group_concat(line, '; ') FROM (SELECT asset || ' ' || trades || ' ' || \
                   legs || ' ' || sells_matched || ' ' || sells_by_id || ' ' || cost_basis_usd \
                   AS line FROM fifo_pool_summary ORDER BY asset)";
    let expected = "BNB 1 1 1 0 5; BTC 1 4 4 1 70; ETH 3 0 1 0 60";
    assert_eq!(folder.value(summary), expected);
    let valid = folder.validate(&["--version", "1", "--strict"]);
    assert!(
        valid.stdout.contains("every invariant holds"),
        "{}",
        valid.stdout
    );
    // One id, three legs of two pools: the coin that was bought is no sell.
    let done = folder.fifo_pnl(&["explain", "--sell", "x1"]).expect(0);
    for line in [
        "default, BTC: what the trade was paid with",
        "BTC: what its fee was paid with",
    ] {
        assert!(done.stdout.contains(line), "{}", done.stdout);
    }
    let json = folder.fifo_pnl(&["explain", "--sell", "s1", "--json"]);
    let json = json.expect(0).json();
    assert_eq!(
        (&json["asset"], &json["leg"]),
        (&"ETH".into(), &"base".into())
    );
    let fee = &json["other_legs"][0];
    assert_eq!((&fee["asset"], &fee["leg"]), (&"BNB".into(), &"fee".into()));
    assert_eq!(fee["slices"][0]["pnl_usd"], "1");
    assert_eq!(json["other_legs"][1], serde_json::Value::Null);
    let tax = [
        "tax",
        "--year",
        "2025",
        "--timezone",
        "UTC",
        "--format",
        "form8949",
        "-o",
        "f.csv",
    ];
    folder.fifo_pnl(&tax);
    let form = folder.read("f.csv");
    for row in [
        "0.5 BNB,01/01/2025,01/03/2025,6.00,5.00,,,1.00,",
        "0.1 BTC,01/01/2025,01/02/2025,15.00,10.00,,,5.00,",
        "4 ETH,01/02/2025,01/03/2025,74.00,60.00,,,14.00,",
    ] {
        assert!(form.contains(row), "{form}");
    }
}
