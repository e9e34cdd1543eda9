//! Figures of an earlier system, kept once and compared with the computed ones.

use crate::adoption::legacy::{LEDGER, Row, database, fingerprint, phantom_lots, row};
use crate::support::Folder;
use crate::support::site::{Site, server};

fn phantom(server: &str) -> Site {
    let site = Site::empty(server);
    site.sql(&format!("{LEDGER}{}", phantom_lots()));
    site
}

#[test]
fn old_answers_are_kept_and_those_that_differ_are_listed() {
    let Some(server) = server() else { return };
    let site = phantom(&server);
    let before = fingerprint(&site);
    let up = ["migrate", "up", "--yes", "--snapshot-date", "2025-11-20"];
    let done = site.fifo_pnl(&up).expect(0);
    let kept = "History   historical_pnl_snapshot_20251120\n  Rows preserved: 17\n";
    assert!(done.stdout.contains(kept), "{}", done.stdout);
    let count = "SELECT count(*) FROM historical_pnl_snapshot_20251120";
    assert_eq!(site.value(count), "17");
    site.compute(&["--all-symbols"]).expect(0);
    let pnl = |which: &str| {
        site.value(&format!(
            "SELECT trim_scale(sum(pnl_usd)) FROM fifo_allocations \
             WHERE sell_order_id LIKE '{which}'"
        ))
    };
    assert_eq!(
        (pnl("new-s-%"), pnl("old-s-%")),
        ("-0.677033".into(), "17.6865".into())
    );
    let old = "SELECT sum(old_pnl_usd) FROM historical_pnl_snapshot_20251120 \
               WHERE order_id LIKE 'new-s-%'";
    assert_eq!(site.value(old), "-317.363403");
    let done = site.validate(&["--version", "1"]).expect(0);
    for line in [
        "historical_pnl_snapshot_20251120: 13 equal, 4 differ, 0 missing",
        "PnL then -299.68, now 17.01, difference 316.69; of it 0.00 from sells now unmatched",
        "new-s-4  AVAX   differs  old-b-4 old-b-5  new-b-4  -91.363194",
        "AVAX   2025-12",
    ] {
        assert!(done.stdout.contains(line), "{line}\n{}", done.stdout);
    }
    // The largest difference first.
    let place = |id: &str| done.stdout.find(id).unwrap();
    assert!(place("new-s-4 ") < place("new-s-3 ") && place("new-s-3 ") < place("new-s-2 "));
    site.validate(&["--version", "1", "--strict"]).expect(1);
    let json = site.validate(&["--version", "1", "--json", "--snapshot", "2025-11-20"]);
    let json = json.expect(0).json();
    assert_eq!(json["history"]["differs"], 4);
    assert_eq!(json["history"]["sells"][0]["pnl_usd"], "-0.282204");
    site.validate(&["--version", "1", "--snapshot", "20200101"])
        .expect(2);
    let explained = site.fifo_pnl(&["explain", "--sell", "new-s-1"]).expect(0);
    assert!(
        explained.stdout.contains("-71.52101"),
        "{}",
        explained.stdout
    );
    assert_eq!(fingerprint(&site), before);
    // It outlives the schema, and is not taken a second time.
    site.fifo_pnl(&["migrate", "down", "--to", "0", "--confirm", "YES"])
        .expect(0);
    assert_eq!(site.value(count), "17");
    site.sql("UPDATE trade_records SET pnl_usd = 0, parent_id = NULL, parent_ids = NULL");
    let done = site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    assert!(done.stdout.contains(kept), "{}", done.stdout);
    let tables = "SELECT count(*) FROM pg_class WHERE relname LIKE 'historical_pnl%'";
    assert_eq!(site.value(tables), "1");
}

#[test]
fn a_sell_that_is_gone_or_finds_no_lot_is_said() {
    let Some(server) = server() else { return };
    let site = phantom(&server);
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.sql(
        "DELETE FROM trade_records WHERE order_id IN ('old-s-13', 'old-b-13', 'new-b-4'); \
         UPDATE trade_records SET size = 5 WHERE order_id = 'old-b-12'",
    );
    site.compute(&["--all-symbols"]).expect(0);
    let json = site
        .validate(&["--version", "1", "--json"])
        .expect(0)
        .json();
    let history = &json["history"];
    assert_eq!(history["missing"], 1);
    assert_eq!(history["differs"], 5);
    assert_eq!(history["equal"], 11);
    assert!(history["unmatched"]["sells"].as_u64().unwrap() >= 1);
    // A second row of one order is ambiguous: that is a violation.
    let name = history["snapshot"].as_str().unwrap();
    site.sql(&format!(
        "INSERT INTO {name} SELECT * FROM {name} WHERE order_id = 'new-s-1'"
    ));
    let done = site.validate(&["--version", "1"]).expect(1);
    assert!(
        done.stdout.contains("I12 order \"new-s-1\""),
        "{}",
        done.stdout
    );
}

#[test]
fn an_empty_ledger_and_one_without_old_answers_are_fine() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    site.sql(LEDGER);
    let done = site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    assert!(done.stdout.contains("Rows preserved: 0"), "{}", done.stdout);
    let site = Site::empty(&server);
    site.sql(
        "CREATE TABLE trade_records (order_id text PRIMARY KEY, symbol text, side text, \
         size float8, price float8, order_time timestamptz)",
    );
    let done = site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    assert!(!done.stdout.contains("Rows preserved"), "{}", done.stdout);
    site.fifo_pnl(&["migrate", "up", "--yes", "--snapshot-date", "yesterday"])
        .expect(2);
}

#[test]
fn answers_of_a_file_are_kept_in_a_file_too() {
    let trades = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
        b,BTC-USD,buy,2,10,2025-01-01T00:00:00Z,0\ns,BTC-USD,sell,1,12,2025-01-02T00:00:00Z,0\n";
    let old = "order_id,parent_ids,pnl_usd\ns,b;x,2.5\ngone,y,-1\n";
    let folder = Folder::with_trades(trades);
    folder.write("old.csv", old);
    folder.write("bad.csv", old.replace("2.5", "two"));
    let import =
        |file: &str| folder.fifo_pnl(&["history", "import", file, "--snapshot-date", "20250601"]);
    let done = import("bad.csv").expect(2);
    assert!(
        done.stderr.contains("bad.csv:2: pnl_usd is \"two\""),
        "{}",
        done.stderr
    );
    let done = import("old.csv").expect(0);
    assert!(done.stdout.contains("Rows preserved: 2"), "{}", done.stdout);
    import("old.csv").expect(3);
    folder.compute(&["--all-symbols"]).expect(0);
    let done = folder.validate(&["--version", "1"]).expect(0);
    let line = "historical_pnl_snapshot_20250601: 0 equal, 1 differ, 1 missing";
    assert!(done.stdout.contains(line), "{}", done.stdout);
    let list = folder.fifo_pnl(&["history", "list"]).expect(0);
    assert!(
        list.stdout
            .contains("historical_pnl_snapshot_20250601  2 sells")
    );
    // And on a server.
    let Some(server) = server() else { return };
    let site = Site::computed(&server, trades);
    site.folder.write("old.csv", old);
    let import = [
        "history",
        "import",
        "old.csv",
        "--snapshot-date",
        "20250601",
    ];
    site.fifo_pnl(&import).expect(0);
    site.fifo_pnl(&import).expect(3);
    let done = site.validate(&["--version", "1"]).expect(0);
    assert!(done.stdout.contains(line), "{}", done.stdout);
    let parents = "SELECT old_parent_ids::text FROM historical_pnl_snapshot_20250601 \
                   WHERE order_id = 's'";
    assert_eq!(site.value(parents), "{b,x}");
}

/// Fixture X3: one buy as two fills and as a whole row.
fn fills(whole: &'static str) -> Vec<Row<'static>> {
    let of = |fee, row| Row { fee, ..row };
    vec![
        of("0.03", row("o-FILL-1", "buy", "3", "10", 1)),
        of("0.0204", row("o-FILL-2", "buy", "2", "10.2", 2)),
        of("0.0504", row("o", "buy", whole, "10.08", 2)),
        of("0.055", row("s", "sell", "5", "11", 3)),
    ]
}

#[test]
fn an_order_is_not_counted_beside_its_fills() {
    let Some(server) = server() else { return };
    let site = database(&server, &fills("5"));
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    let pnl = "SELECT trim_scale(total_pnl) FROM v_pnl_by_symbol";
    assert_eq!(site.value(pnl), "4.4946");
    assert_eq!(site.value("SELECT count(*) FROM v_open_inventory"), "0");
    site.validate(&["--version", "1", "--strict"]).expect(0);
    // A whole row of another size says that fills are missing.
    let site = database(&server, &fills("6"));
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    let done = site.validate(&["--version", "1"]).expect(0);
    let line = "order \"o\" of account \"default\" has size 6, its fills have 5";
    assert!(done.stdout.contains(line), "{}", done.stdout);
    site.validate(&["--version", "1", "--strict"]).expect(1);
    // In a ledger of our own both are trades, and validation says so.
    let csv = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
        o-FILL-1,BTC-USD,buy,3,10,2025-01-01T00:00:00Z,0\n\
        o,BTC-USD,buy,5,10,2025-01-01T00:00:00Z,0\n";
    let folder = Folder::with_trades(csv);
    folder.compute(&["--all-symbols"]).expect(0);
    let done = folder.validate(&["--version", "1"]).expect(1);
    assert!(
        done.stdout.contains("I14 default BTC order \"o\""),
        "{}",
        done.stdout
    );
    folder
        .fifo_pnl(&["void", "o", "--reason", "its fills are there"])
        .expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    folder.validate(&["--version", "current"]).expect(0);
}
