//! Changes by people and bots after a version was computed, and rows that only we write beside it.

use crate::adoption::legacy::{Row, database, fingerprint, row};
use crate::support::site::{Site, psql, server};

fn adopted(server: &str, rows: &[Row<'_>]) -> Site {
    let site = database(server, rows);
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    site
}

fn two_pools() -> Vec<Row<'static>> {
    let eth = |row| Row {
        symbol: "ETH-USD",
        ..row
    };
    vec![
        row("b-1", "buy", "2", "10", 1),
        row("s-1", "sell", "1", "11", 2),
        eth(row("b-2", "buy", "2", "10", 1)),
        eth(row("s-2", "sell", "1", "12", 2)),
    ]
}

#[test]
fn a_pool_that_changed_since_is_said_and_only_a_finding_when_strict() {
    let Some(server) = server() else { return };
    let site = adopted(&server, &two_pools());
    site.validate(&["--version", "1", "--strict"]).expect(0);
    // What a bot writes into its own columns is no change.
    site.sql("UPDATE trade_records SET pnl_usd = 5, remaining_size = 1, status = 'done'");
    site.validate(&["--version", "1", "--strict"]).expect(0);
    site.sql("UPDATE trade_records SET price = 10.5 WHERE order_id = 'b-1'");
    let done = site.validate(&["--version", "1"]).expect(0);
    let line = "changed since: default BTC: 2 trades then, 2 now";
    assert!(done.stdout.contains(line), "{}", done.stdout);
    site.validate(&["--version", "1", "--strict"]).expect(1);
    // Validation still compares rows of a changed pool with each other.
    site.sql("UPDATE fifo_allocations SET pnl_usd = pnl_usd + 1 WHERE symbol = 'BTC-USD'");
    let done = site.validate(&["--version", "1"]).expect(1);
    for words in ["I6 default BTC order \"s-1\"", "I13 default BTC"] {
        assert!(done.stdout.contains(words), "{words}\n{}", done.stdout);
    }
    site.sql("DELETE FROM trade_records WHERE symbol = 'ETH-USD'");
    site.sql(
        &Row {
            symbol: "NEW-USD",
            ..row("n-1", "buy", "1", "1", 9)
        }
        .insert(),
    );
    let done = site
        .validate(&["--version", "1", "--json"])
        .expect(1)
        .json();
    assert_eq!(done["changed_since"].as_array().unwrap().len(), 2);
    assert_eq!(done["arrived_since"], 1);
    // A comparison refuses rows that no run wrote.
    let refused = site.fifo_pnl(&["compare", "1", "1", "--year", "2025"]);
    assert!(refused.expect(3).stderr.contains("version 1 was changed"));
    site.sql("UPDATE fifo_allocations SET pnl_usd = pnl_usd - 1 WHERE symbol = 'BTC-USD'");
    // A version made now sees all of it; what the trades were before is gone.
    site.compute(&["--all-symbols", "--no-publish"]).expect(0);
    let done = site.fifo_pnl(&["compare", "1", "2", "--json"]).expect(0);
    let json = done.json();
    let sells = json["sells"].as_array().unwrap().iter();
    let whys: Vec<&str> = sells.map(|sell| sell["why"].as_str().unwrap()).collect();
    assert!(
        whys.contains(&"the ledger was changed, and what it was is gone"),
        "{whys:?}"
    );
    assert!(
        whys.contains(&"version 2 does not have the pool"),
        "{whys:?}"
    );
    site.validate(&["--version", "2", "--strict"]).expect(0);
}

#[test]
fn a_pool_that_changed_since_is_not_explained_and_is_said_when_filed() {
    let Some(server) = server() else { return };
    let site = adopted(&server, &two_pools());
    let explain = |sell| site.fifo_pnl(&["explain", "--sell", sell]);
    explain("s-1").expect(0);
    site.sql("UPDATE trade_records SET price = 6 WHERE order_id = 'b-1'");
    let done = explain("s-1").expect(3);
    let said = "the ledger of default BTC was changed since version 1";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    explain("s-2").expect(0);
    let last = [
        "tax",
        "--year",
        "2025",
        "--timezone",
        "UTC",
        "--final",
        "-o",
    ];
    let done = site
        .fifo_pnl(&[&last[..], &["filed.zip"]].concat())
        .expect(0);
    let said = "the ledger of 1 pool was changed since the version: default BTC.";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    site.compute(&["--all-symbols"]).expect(0);
    explain("s-1").expect(0);
}

#[test]
fn a_row_says_what_is_missing_and_what_its_name_may_not_have() {
    let Some(server) = server() else { return };
    let site = database(&server, &two_pools());
    site.sql("ALTER TABLE trade_records ALTER order_time DROP NOT NULL, ALTER side DROP NOT NULL");
    let rows = [
        ("t-1", "NULL-USD", "'buy'", "NULL"),
        ("t-2", "INF-USD", "'buy'", "'infinity'"),
        ("t-3", "PAST-USD", "'buy'", "'-infinity'"),
        ("t-4", "SIDE-USD", "NULL", "'2025-11-01'"),
        ("t\u{ad}5", "SOFT-USD", "'buy'", "'2025-11-01'"),
        ("t-6", "FILL\u{3164}-USD", "'buy'", "'2025-11-01'"),
    ];
    let insert = |(id, symbol, side, time): (&str, &str, &str, &str)| {
        site.sql(&format!(
            "INSERT INTO trade_records (order_id, symbol, side, order_time, price, size) \
             VALUES ('{id}', '{symbol}', {side}, {time}, 1, 1)"
        ));
    };
    rows.into_iter().for_each(insert);
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    let done = site.compute(&["--all-symbols"]).expect(1);
    for line in [
        "NULL (1 trade): order \"t-1\": order_time is missing\n",
        "INF (1 trade): order \"t-2\": order_time is \"infinity\": it is not finite\n",
        "PAST (1 trade): order \"t-3\": order_time is \"-infinity\": it is not finite\n",
        "SIDE (1 trade): order \"t-4\": side is missing\n",
        "order \"t\\u{ad}5\": order_id is \"t\\u{ad}5\": it has the invisible character U+00AD\n",
        "asset \"FILL\\u{3164}\" has the invisible character U+3164\n",
    ] {
        assert!(done.stdout.contains(line), "{line}\n{}", done.stdout);
    }
    // What arrives later is read by other code.
    insert(("t-7", "BTC-USD", "'buy'", "NULL"));
    insert(("t-8", "ETH-USD", "'buy'", "'infinity'"));
    let done = site.compute(&["--incremental"]).expect(1);
    for line in [
        "order \"t-7\": order_time is missing\n",
        "order \"t-8\": order_time is \"infinity\": it is not finite\n",
    ] {
        assert!(done.stdout.contains(line), "{line}\n{}", done.stdout);
    }
}

#[test]
fn voids_and_additions_stand_beside_the_ledger() {
    let Some(server) = server() else { return };
    let site = adopted(&server, &two_pools());
    let before = fingerprint(&site);
    site.fifo_pnl(&["void", "b-1", "--reason", "a test"])
        .expect(0);
    site.fifo_pnl(&["void", "nowhere", "--reason", "a test"])
        .expect(2);
    let csv = "order_id,symbol,side,size,price,order_time,total_fees_usd,status\n\
               b-9,BTC-USD,buy,5,9,2025-10-01T00:00:00Z,0.5,filled\n\
               s-2,ETH-USD,sell,1,12,2025-11-01T00:02:00Z,0.1,filled\n";
    site.folder.write("more.csv", csv);
    let done = site.fifo_pnl(&["import", "more.csv"]).expect(0);
    assert!(done.stdout.contains('1'), "{}", done.stdout);
    assert_eq!(site.value("SELECT count(*) FROM trade_additions"), "1");
    // Imported again nothing is new, and other facts are a conflict.
    site.fifo_pnl(&["import", "more.csv"]).expect(0);
    assert_eq!(site.value("SELECT count(*) FROM trade_additions"), "1");
    site.folder.write("other.csv", csv.replace(",12,", ",13,"));
    let done = site.fifo_pnl(&["import", "other.csv"]).expect(2);
    assert!(
        done.stdout.contains("s-2") || done.stderr.contains("s-2"),
        "{done:?}"
    );
    site.fifo_pnl(&[
        "import",
        "--correct",
        "--reason",
        "the venue said so",
        "other.csv",
    ])
    .expect(0);
    let ids = "SELECT string_agg(order_id, ' ' ORDER BY order_id) FROM trade_additions";
    assert_eq!(site.value(ids), "b-9 s-2~2");
    site.compute(&["--all-symbols"]).expect(0);
    let pairs = "SELECT string_agg(concat_ws(' ', sell_order_id, buy_order_id, sell_price::text), \
                 ', ' ORDER BY id) FROM v_current_allocations";
    assert_eq!(site.value(pairs), "s-1 b-9 11, s-2~2 b-2 13");
    site.validate(&["--version", "current", "--strict"])
        .expect(0);
    // Version 1 is judged by what it saw: without the addition, with what is voided since.
    site.validate(&["--version", "1", "--strict"]).expect(0);
    let explained = site.fifo_pnl(&["explain", "--sell", "s-1"]).expect(0);
    assert!(
        explained.stdout.contains("more.csv"),
        "{}",
        explained.stdout
    );
    // A bot that reports an added row itself has the word.
    site.sql(&row("b-9", "buy", "5", "9", 3).insert());
    let reason = "SELECT reason FROM ineligible_trades WHERE order_id = 'b-9'";
    assert_eq!(site.value(reason), "is in trade_records");
    site.sql("DELETE FROM trade_records WHERE order_id = 'b-9'");
    assert_eq!(fingerprint(&site), before);
    let refused = crate::support::site::psql(&site.url)
        .args(["-c", "DELETE FROM trade_additions"])
        .output()
        .unwrap();
    assert!(!refused.status.success());
}

#[test]
fn going_back_leaves_the_ledger_and_no_other_trace() {
    let Some(server) = server() else { return };
    let site = adopted(&server, &two_pools());
    let before = fingerprint(&site);
    let rows = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
                b-9,BTC-USD,buy,5,9,2025-10-01T00:00:00Z,0\n";
    site.folder.write("more.csv", rows);
    let down = ["migrate", "down", "--to", "0", "--confirm", "YES"];
    let cancelled = ["migrate", "down", "--to", "0", "--confirm", "yes"];
    site.fifo_pnl(&cancelled).expect(3);
    site.fifo_pnl(&down).expect(0);
    assert_eq!(fingerprint(&site), before);
    let left = "SELECT coalesce(string_agg(c.relname, ' ' ORDER BY c.relname), '') FROM pg_class c \
                JOIN pg_namespace n ON n.oid = c.relnamespace \
                AND n.nspname IN ('public', 'fifo_parts') AND c.relname NOT LIKE 'historical%' \
                WHERE c.relkind IN ('r', 'v', 'p')";
    assert_eq!(site.value(left), "_pnl_migrations trade_records");
    // And up again; what was added since is a fact, which is not thrown away.
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.fifo_pnl(&["import", "more.csv"]).expect(0);
    let done = site.fifo_pnl(&down).expect(3);
    assert!(
        done.stderr.contains("has no place for 1 trades"),
        "{}",
        done.stderr
    );
    assert_eq!(fingerprint(&site), before);
}

/// `migrate up` writes the missing views again for the same ledger. It keeps an accepted view, and
/// still refuses one that nobody accepted.
#[test]
fn a_schema_that_was_taken_back_part_of_the_way_comes_back_for_the_same_ledger() {
    let Some(server) = server() else { return };
    let up = ["migrate", "up", "--yes"];
    for target in ["2", "1"] {
        let site = adopted(&server, &two_pools());
        let rows = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
                    b-9,BTC-USD,buy,5,9,2025-10-01T00:00:00Z,0\n";
        site.folder.write("more.csv", rows);
        site.fifo_pnl(&["run", "more.csv"]).expect(0);
        let lots = "SELECT string_agg(v::text, ' ' ORDER BY v::text) FROM v_open_inventory v";
        let before = site.value(lots);
        let down = ["migrate", "down", "--to", target, "--confirm", "YES"];
        let comes_back = || {
            site.fifo_pnl(&down).expect(0);
            site.fifo_pnl(&up).expect(0);
            site.fifo_pnl(&["versions", "list"]).expect(0);
            let done = site.compute(&["--all-symbols"]).expect(0);
            site.fifo_pnl(&up).expect(0);
            done
        };
        if target == "2" {
            site.fifo_pnl(&down).expect(0);
            site.fifo_pnl(&up).expect(0);
            assert_eq!(site.value(lots), before, "with the rows that were added");
        }
        comes_back();
        // An accepted view stays accepted, and results name it.
        let adapt = |condition: &str| {
            site.sql(&format!(
                "DO $$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW ineligible_trades AS SELECT * FROM (' \
                 || trim(trailing ';' FROM pg_get_viewdef('ineligible_trades'::regclass)) \
                 || ') i WHERE {condition}'; END $$"
            ))
        };
        adapt("FALSE");
        site.compute(&["--all-symbols"]).expect(3);
        site.fifo_pnl(&["migrate", "up", "--accept-views"])
            .expect(0);
        let told = "read through ineligible_trades as an operator adapted it";
        let done = comes_back();
        assert!(done.stderr.contains(told), "{}", done.stderr);
        // What nobody accepted does not become ours by the way.
        adapt("TRUE");
        site.fifo_pnl(&down).expect(0);
        site.fifo_pnl(&up).expect(0);
        let done = site.compute(&["--all-symbols"]).expect(3);
        let said = "as this program made it: view \"ineligible_trades\" was changed\n";
        assert!(done.stderr.contains(said), "{}", done.stderr);
        site.fifo_pnl(&["migrate", "up", "--accept-views"])
            .expect(0);
        let done = site.compute(&["--all-symbols"]).expect(0);
        assert!(done.stderr.contains(told), "{}", done.stderr);
        // The guard stays until nothing of ours is left that needs it.
        site.fifo_pnl(&["migrate", "up", "--yes", "--protect-ledger"])
            .expect(0);
        comes_back();
        let update = "UPDATE trade_records SET price = price + 1 WHERE order_id = 'b-1'";
        let done = psql(&site.url).args(["-c", update]).output().unwrap();
        assert!(!done.status.success(), "{done:?}");
    }
}
