//! New rows of an unguarded ledger, found by the transactions that wrote them. The tests show when
//! that is enough, and when a run reads the whole ledger instead. The result is the same.

use std::io::Write;

use fifo_pnl::engine::Timestamp;
use fifo_pnl::store::model::{Arrivals, Holder, Scope, Watermark};
use fifo_pnl::store::postgres::{PostgresStore, PostgresUrl};
use fifo_pnl::store::{LedgerStore, StoreError, VersionStore};

use crate::adoption::legacy::{Row, database, row};
use crate::support::ledger::Random;
use crate::support::site::{Holding, Site, server};

/// Returns the rows since the newest version, or why the ledger can't tell.
async fn arrivals(site: &Site) -> Result<Arrivals, String> {
    let holder = Holder {
        pid: std::process::id(),
        host: "bot-7.example.org".into(),
        since: Timestamp::EPOCH,
        what: "test".into(),
    };
    let url = PostgresUrl::parse(&site.url).unwrap();
    let store = PostgresStore::open(&url, &holder).await.unwrap();
    let since = store.versions().await.unwrap().pop().unwrap().watermark;
    let arrivals = store.arrivals(&Scope::default(), &since).await;
    store.close().await;
    match arrivals {
        Ok(arrivals) => Ok(arrivals),
        Err(why @ (StoreError::MustReadWhole(_) | StoreError::WatermarkElsewhere(_))) => {
            Err(why.to_string())
        }
        Err(error) => panic!("{error}"),
    }
}

/// Makes a ledger that a version was computed from.
fn computed(server: &str, rows: &[Row<'_>]) -> Site {
    let site = database(server, rows);
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    site
}

fn orders(arrivals: &Arrivals) -> Vec<String> {
    let pools = arrivals.pools.values();
    let trades = pools.flat_map(|pool| pool.trades.iter().map(|it| it.order_id.to_owned()));
    let mut orders: Vec<String> = trades.collect();
    orders.sort();
    orders
}

fn open(row: Row<'_>) -> Row<'_> {
    Row {
        status: "open",
        ..row
    }
}

#[tokio::test]
async fn new_rows_are_told_from_those_that_were_seen() {
    let Some(server) = server() else { return };
    let old = [
        row("b-1", "buy", "2", "10", 1),
        row("w-1", "buy", "2", "10", 2),
        row("w-1-FILL-1", "buy", "1", "10", 2),
        // Ids that look like a mark, or have two of them.
        row("m-FILL-FILL-1", "buy", "1", "10", 2),
        row("k-FILL-2-FILL-3", "buy", "1", "10", 2),
        open(row("o-1", "buy", "9", "10", 3)),
    ];
    let site = computed(&server, &old);
    assert!(orders(&arrivals(&site).await.unwrap()).is_empty());
    for new in [
        row("s-1", "sell", "1", "11", 4),
        // One more fill of an order that does not count as it is, and one of a new order.
        row("w-1-FILL-2", "buy", "1", "10", 5),
        row("n-1", "buy", "2", "10", 6),
        row("n-1-FILL-1", "buy", "2", "10", 6),
        row("m-FILL", "buy", "1", "10", 6),
        row("k-FILL-2", "buy", "1", "10", 6),
        row("bad", "sell", "'NaN'", "11", 7),
        open(row("o-2", "buy", "9", "10", 8)),
    ] {
        site.sql(&new.insert());
    }
    // What was no execution is one now: a new row, as far as anybody computes.
    site.sql("UPDATE trade_records SET status = 'filled' WHERE order_id = 'o-1'");
    let came = arrivals(&site).await.unwrap();
    assert_eq!(orders(&came), ["n-1-FILL-1", "o-1", "s-1", "w-1-FILL-2"]);
    let invalid = came.pools.values().flat_map(|pool| &pool.invalid);
    assert_eq!(invalid.count(), 1);
    let ineligible: Vec<_> = came.ineligible.into_iter().collect();
    let expected = [("its fills are there".into(), 3), ("status open".into(), 1)];
    assert_eq!(ineligible, expected);
    // The next one begins where this one ended.
    let Watermark::Unguarded { writings, .. } = came.watermark else {
        panic!("{:?}", came.watermark);
    };
    let rows = "SELECT count(*) FROM ledger_writings WHERE is_executed";
    assert_eq!(writings.rows.to_string(), site.value(rows));
}

#[tokio::test]
async fn what_may_change_an_older_row_is_not_told() {
    let Some(server) = server() else { return };
    let old = || {
        [
            row("b-1", "buy", "2", "10", 1),
            row("b-2", "buy", "2", "10", 2),
            row("w-1", "buy", "2", "10", 3),
            row("s-1", "sell", "1", "11", 4),
        ]
    };
    let first_fill = row("w-1-FILL-1", "buy", "1", "10", 3).insert();
    let cases = [
        (
            "UPDATE trade_records SET price = 11 WHERE order_id = 'b-1'",
            "changed or removed",
        ),
        (
            "DELETE FROM trade_records WHERE order_id = 'b-2'",
            "changed or removed",
        ),
        (
            "DELETE FROM trade_records WHERE order_id = 'b-2'; INSERT INTO trade_records \
             SELECT 'b-3', NULL, NULL, symbol, side, order_time, price, size \
             FROM trade_records WHERE order_id = 'b-1'",
            "changed or removed",
        ),
        (
            "UPDATE trade_records SET status = 'cancelled' WHERE order_id = 's-1'",
            "changed",
        ),
        (first_fill.as_str(), "an order got its first fill"),
        (
            "INSERT INTO trade_records (order_id, symbol, side, order_time, price, size) \
             SELECT 'many-' || n, 'BTC-USD', 'buy', now(), 1, 1 FROM generate_series(1, 50001) n",
            "too many rows are new",
        ),
        (
            "UPDATE allocation_versions SET watermark = jsonb_set(watermark, '{snapshot}', \
             to_jsonb('3:3:'::text))",
            "changed or removed",
        ),
        (
            "UPDATE allocation_versions SET watermark = jsonb_set(watermark, '{cluster}', \
             to_jsonb('1'::text))",
            "not of this ledger",
        ),
    ];
    for (sql, why) in cases {
        let site = computed(&server, &old());
        site.sql(sql);
        let said = arrivals(&site).await.map(|came| orders(&came));
        assert!(
            said.as_ref().is_err_and(|said| said.contains(why)),
            "{sql}: {said:?}"
        );
    }
}

#[tokio::test]
async fn what_was_done_by_hand_is_not_told() {
    let Some(server) = server() else { return };
    let old = [
        row("b-1", "buy", "2", "10", 1),
        row("s-1", "sell", "1", "11", 4),
    ];
    let site = computed(&server, &old);
    site.fifo_pnl(&["void", "b-1", "--reason", "a test"])
        .expect(0);
    assert!(arrivals(&site).await.unwrap_err().contains("by hand"));
    site.compute(&["--all-symbols"]).expect(0);
    site.folder.write(
        "more.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         a-1,BTC-USD,buy,1,1,2026-11-01T00:00:00Z,0\n",
    );
    site.fifo_pnl(&["import", "more.csv"]).expect(0);
    assert!(arrivals(&site).await.unwrap_err().contains("by hand"));
    site.compute(&["--all-symbols"]).expect(0);
    site.sql(&row("a-1", "buy", "1", "1", 9).insert());
    let why = arrivals(&site).await.unwrap_err();
    assert!(why.contains("in the place of one of ours"), "{why}");
}

/// Ends a transaction with what it wrote.
fn commit(mut held: Holding) {
    writeln!(held.input.as_mut().unwrap(), "COMMIT;").unwrap();
}

/// Two transactions ran at the same time. A version saw one of them, and not the other.
#[tokio::test]
async fn what_was_not_committed_is_new_whatever_its_number() {
    let Some(server) = server() else { return };
    let site = database(&server, &[row("b-1", "buy", "9", "10", 1)]);
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    let slow = row("slow", "sell", "1", "11", 3).insert();
    let slow = site.hold(slow.trim_end_matches(';'));
    site.sql(&row("quick", "sell", "1", "11", 2).insert());
    site.compute(&["--all-symbols"]).expect(0);
    commit(slow);
    assert_eq!(orders(&arrivals(&site).await.unwrap()), ["slow"]);
    // Snapshots do not name subtransactions: that such a row came is not told, and nothing is lost.
    let nested = row("nested", "sell", "1", "11", 4).insert();
    let nested = site.hold(&format!(
        "DO $$ BEGIN {nested} EXCEPTION WHEN others THEN RAISE; END $$"
    ));
    site.sql(&row("later", "sell", "1", "11", 5).insert());
    site.compute(&["--all-symbols"]).expect(0);
    commit(nested);
    let why = arrivals(&site).await.unwrap_err();
    assert!(why.contains("changed or removed"), "{why}");
    site.compute(&["--incremental"]).expect(0);
    let sells = "SELECT count(DISTINCT sell_order_id) FROM v_current_allocations";
    assert_eq!(site.value(sells), "4");
}

/// Orders that are opened, filled in parts and reconciled, at random.
#[test]
fn any_life_of_orders_gives_what_a_full_run_gives() {
    let Some(server) = server() else { return };
    let site = computed(&server, &[row("b-0", "buy", "100", "10", 0)]);
    let mut random = Random(11);
    let (mut appended, mut ids, mut now) = (0, 0, 0);
    for step in 0..14 {
        let mut sql = String::new();
        for _ in 0..1 + random.below(5) {
            ids += 1;
            now += 1;
            let (id, of) = (format!("t{ids}"), format!("t{}", 1 + random.below(ids)));
            let side = ["buy", "sell"][usize::from(random.below(2) == 0)];
            let size = format!("{}.5", random.below(4));
            let fill = format!("{of}-FILL-{ids}");
            let new = row(&id, side, &size, "10.25", now);
            sql.push_str(&match random.below(12) {
                0..=4 => new.insert(),
                5..=6 => open(new).insert(),
                7 => row(&format!("{id}-FILL-1"), side, "1", "10", now).insert(),
                8 => row(&fill, side, "1", "10", now).insert(),
                9 => format!(
                    "UPDATE trade_records SET status = 'filled', order_time = order_time + \
                     interval '1 day' WHERE order_id = '{of}' AND status = 'open';"
                ),
                10 if random.below(4) == 0 => {
                    format!("DELETE FROM trade_records WHERE order_id = '{of}';")
                }
                _ => format!("SAVEPOINT s; {} RELEASE s;", new.insert()),
            });
        }
        site.sql(&format!("BEGIN; {sql} COMMIT"));
        let before = site.value("SELECT count(*) FROM allocation_versions");
        let done = site.compute(&["--incremental", "--json"]);
        assert!([0, 1].contains(&done.code), "{done:?}");
        let after = site.value("SELECT count(*) FROM allocation_versions");
        appended += u32::from(before == after);
        crate::adoption::recent::assert_whole(
            &site,
            &format!("step {step}: {sql} {}", done.stdout),
        );
    }
    assert!(
        (3..14).contains(&appended),
        "{appended} of 14 were appended"
    );
}
