//! A float counts as its shortest decimal text, on any server.

use crate::adoption::legacy::{LEDGER, fill};
use crate::support::Folder;
use crate::support::site::{Site, ask, server};

/// The ledger as a file of trades, in the shortest texts.
fn as_csv(site: &Site) -> String {
    let rows = site.sql(
        "SELECT concat_ws(',', order_id, symbol, side, size::text, price::text, \
         to_char(order_time AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), \
         total_fees_usd::text) FROM trade_records \
         WHERE coalesce(status, '') NOT IN ('cancelled', 'open') ORDER BY order_id DESC",
    );
    let header = "order_id,symbol,side,size,price,order_time,total_fees_usd";
    format!("{header}\n{}\n", rows.join("\n"))
}

#[test]
fn a_ledger_of_doubles_gives_what_their_shortest_texts_give() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    site.sql(LEDGER);
    fill(&site, 3_000);
    // Settings of the operator's other programs: none of them may change a digit.
    site.sql(&format!(
        "ALTER DATABASE {0} SET extra_float_digits = 0; \
         ALTER DATABASE {0} SET timezone = 'Asia/Kathmandu'; \
         ALTER DATABASE {0} SET datestyle = 'SQL, DMY'",
        site.database
    ));
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    let folder = Folder::new();
    let csv = as_csv_with_all_digits(&site);
    folder.write("trades.csv", csv);
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    let exact = folder.fifo_pnl(&["versions", "export", "1"]).expect(0);
    assert!(exact.stdout.lines().count() > 1_000);
    assert!(exact.stdout == site.export("1"), "the exports differ");
    let hashes = "SELECT ledger_hash || allocations_hash FROM allocation_versions";
    let here = site.value(hashes);

    // The same rows on a host of another locale, whose capital of "i" is not "I".
    let other = format!("{}_tr", site.database);
    let sql = format!(
        "CREATE DATABASE {other} TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'tr-TR'"
    );
    ask(&server, &sql);
    let there = Site::of(&server, &other);
    there.sql(LEDGER);
    fill(&there, 3_000);
    there.sql("UPDATE trade_records SET symbol = lower(symbol COLLATE \"C\") WHERE size > 5");
    there.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    there.compute(&["--all-symbols"]).expect(0);
    assert_eq!(there.value(hashes), here);
}

fn as_csv_with_all_digits(site: &Site) -> String {
    site.sql(&format!(
        "ALTER DATABASE {} RESET extra_float_digits",
        site.database
    ));
    let csv = as_csv(site);
    site.sql(&format!(
        "ALTER DATABASE {} SET extra_float_digits = 0",
        site.database
    ));
    csv
}
