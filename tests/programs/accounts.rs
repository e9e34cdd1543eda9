//! Accounts and the log of imports, as a user meets them.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use support::Folder;

const HEADER: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd\n";
const GOOD: &str = "b1,BTC-USD,buy,1,100,2025-01-02T00:00:00Z,0\n";
const BAD: &str = "b2,BTC-USD,buy,0,100,2025-01-03T00:00:00Z,0\n";
const CONFLICT: &str = "b1,BTC-USD,buy,1,101,2025-01-02T00:00:00Z,0\n";

fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("good.csv", format!("{HEADER}{GOOD}"));
    folder.write("bad.csv", format!("{HEADER}{BAD}"));
    folder.write("mixed.csv", format!("{HEADER}{GOOD}{BAD}"));
    folder.write("conflict.csv", format!("{HEADER}{CONFLICT}"));
    folder.write("none.csv", "a,b\n1,2\n");
    folder
}

/// Returns a line for each row of the log, oldest first.
fn log(folder: &Folder) -> Vec<String> {
    folder.sql(
        "SELECT a.account, l.status, l.file, ifnull(l.import_id, '-'), rows_read, trades_synced, \
         trades_known, rows_rejected, conflicts FROM sync_logs l \
         JOIN trading_accounts a ON a.id = l.account_id ORDER BY l.id",
    )
}

/// Tries nine imports into one account, and a preview.
fn tried() -> Folder {
    let folder = folder();
    // No database is made for a file that can't be imported, so there is no row.
    folder.fifo_pnl(&["import", "bad.csv"]).expect(2);
    assert!(!folder.join("fifo-pnl.db").exists());
    let to = |file| ["import", "--account", "k", file];
    folder.fifo_pnl(&to("good.csv")).expect(0);
    folder.fifo_pnl(&to("good.csv")).expect(0);
    folder.fifo_pnl(&to("none.csv")).expect(2);
    folder.fifo_pnl(&to("missing.csv")).expect(2);
    folder.fifo_pnl(&to("bad.csv")).expect(2);
    folder.fifo_pnl(&to("conflict.csv")).expect(2);
    let counters = "SELECT sync_failure_count, connection_status FROM trading_accounts";
    assert_eq!(folder.sql(counters), ["4|error"]);
    let mixed = [&to("mixed.csv")[..], &["--skip-invalid"]].concat();
    folder.fifo_pnl(&mixed).expect(1);
    // A partial import ends no count of failures.
    assert_eq!(folder.sql(counters), ["4|active"]);
    // A preview is no try.
    let preview = [&to("bad.csv")[..], &["--preview"]].concat();
    folder.fifo_pnl(&preview).expect(2);
    // A file that another one keeps out is one that failed.
    let both = [&to("good.csv")[..], &["bad.csv"]].concat();
    folder.fifo_pnl(&both).expect(2);
    folder
}

#[test]
fn each_try_of_an_import_leaves_its_row() {
    let folder = tried();
    assert_eq!(
        log(&folder),
        [
            "k|success|good.csv|1|1|1|0|0|0",
            "k|success|good.csv|-|1|0|1|0|0",
            "k|failed|none.csv|-|0|0|0|0|0",
            "k|failed|missing.csv|-|0|0|0|0|0",
            "k|failed|bad.csv|-|1|0|0|1|0",
            "k|failed|conflict.csv|-|1|0|0|0|1",
            "k|partial|mixed.csv|2|2|0|1|1|0",
            "k|failed|good.csv|-|1|0|0|0|0",
            "k|failed|bad.csv|-|1|0|0|1|0",
        ]
    );
    let error = |nth: u8| {
        folder.value(&format!(
            "SELECT error_message FROM sync_logs WHERE id = {nth}"
        ))
    };
    assert!(
        error(4).starts_with("missing.csv: can't be read: "),
        "{}",
        error(4)
    );
    assert_eq!(
        error(5),
        "bad.csv:2: size is \"0\", expected a number above zero"
    );
    assert_eq!(
        error(6),
        "conflict.csv:2: \"b1\" is known with price \"100\", the file has \"101\""
    );
    assert_eq!(error(8), "another file stopped the import");
    let whole = "SELECT count(*) FROM sync_logs WHERE duration_ms >= 0 AND completed_at >= \
                 started_at AND created_at IS NOT NULL AND triggered_by <> ''";
    assert_eq!(folder.value(whole), "9");
}

#[test]
fn views_and_commands_say_how_the_imports_of_an_account_go() {
    let folder = tried();
    // One of nine was whole twice: 22 percent, rounded down.
    assert_eq!(
        folder.sql(
            "SELECT account, is_active, sync_failure_count, syncs_24h, failed_syncs_24h, \
             partial_syncs_24h, success_rate_pct FROM account_sync_health"
        ),
        ["k|1|6|9|6|1|22"]
    );
    assert_eq!(
        folder.value("SELECT count(*) FROM recent_sync_failures"),
        "7"
    );
    // The last one of each format: a file that can't be read has none.
    assert_eq!(
        folder.sql(
            "SELECT account, source, trades_synced, discrepancies_found, auto_fixed, status \
             FROM v_sync_status ORDER BY source"
        ),
        ["k||0|0|0|failed", "k|native|0|1|0|failed"]
    );
    let shown = folder.fifo_pnl(&["account", "show", "k"]).expect(0).stdout;
    for line in [
        "  status: error\n",
        "  failed imports since: 6\n",
        "  last error: bad.csv:2: size is \"0\", expected a number above zero\n",
    ] {
        assert!(shown.contains(line), "{shown}");
    }
    let json = folder.fifo_pnl(&["account", "show", "k", "--json"]);
    let json = json.expect(0).json();
    assert_eq!(json["imports"].as_array().unwrap().len(), 9);
    assert_eq!(json["imports"][0]["rejected"], 1);
    // A name that differs in capital letters alone may be a mistyped one.
    folder.write("more.csv", format!("{HEADER}{}", GOOD.replace("b1", "b9")));
    let note = "note: \"K\" and \"k\" are two accounts, and share no lots\n";
    for (account, is_said) in [("K", true), ("k", false)] {
        let preview = ["import", "--preview", "--account", account, "more.csv"];
        let said = folder.fifo_pnl(&preview).expect(0).stderr;
        assert_eq!(said.contains(note), is_said, "{said}");
    }
}

#[test]
fn the_class_of_a_stored_account_counts_as_one_of_the_settings() {
    let folder = Folder::new();
    // ABNB may be a pair with BNB, so nobody knows its dollars.
    let rows =
        "b1,ABNB,buy,1,100,2025-01-02T00:00:00Z,0\ns1,ABNB,sell,1,120,2025-01-03T00:00:00Z,0\n";
    folder.write("trades.csv", format!("{HEADER}{rows}"));
    let run = ["run", "--account", "ib", "trades.csv"];
    folder.fifo_pnl(&run).expect(1);
    let pool = "SELECT status, ifnull(asset_class, '-') FROM fifo_pool_summary WHERE \
                allocation_version = (SELECT max(version) FROM allocation_versions)";
    assert_eq!(folder.sql(pool), ["rejected|-"]);
    let add = [
        "account",
        "add",
        "ib",
        "--class",
        "security",
        "--platform",
        "ib",
    ];
    let said = folder.fifo_pnl(&add).expect(0).stdout;
    assert!(
        said.contains("Changed   account \"ib\"\n  platform: ib\n  class: security\n"),
        "{said}"
    );
    // The policy is another one: an incremental run computes all again.
    folder.compute(&["--incremental"]).expect(0);
    assert_eq!(folder.sql(pool), ["matched|security"]);
    folder.validate(&["--version", "current"]).expect(0);
    let policy = "SELECT policy ->> '$.assets.accounts.ib' FROM allocation_versions ORDER BY 1";
    assert_eq!(folder.sql(policy), ["", "security"]);
    // The settings win.
    folder.write("fifo-pnl.toml", "[accounts.ib]\nclass = \"crypto\"\n");
    folder.compute(&["--all-symbols"]);
    assert_eq!(folder.sql(pool), ["rejected|-"]);
    let said = folder.fifo_pnl(&add).expect(0).stdout;
    assert!(
        said.contains("warning: the settings say crypto, which wins"),
        "{said}"
    );
    let list = folder.fifo_pnl(&["account", "list"]).expect(0).stdout;
    assert!(list.contains("ib"), "{list}");
}

#[test]
fn local_times_are_those_of_the_accounts_server() {
    let folder = Folder::new();
    let clocks = ["+02:00", "+03:00@2025-03-30", "+02:00@2025-10-26"];
    let clocks = clocks.map(|clock| ["--server-time", clock]).concat();
    let add = [&["account", "add", "mt"][..], &clocks].concat();
    let said = folder.fifo_pnl(&add).expect(0).stdout;
    assert!(
        said.contains("  server time: +03:00 from 2025-03-30 00:00:00 UTC on\n"),
        "{said}"
    );
    let rows =
        "b1,EURUSD,buy,1,1.05,2025-01-15 12:00:00,0\nb2,EURUSD,buy,1,1.1,2025-07-15 12:00:00,0\n";
    folder.write("deals.csv", format!("{HEADER}{rows}"));
    // Without an account whose clock is known, nobody says the zone.
    folder.fifo_pnl(&["import", "deals.csv"]).expect(2);
    folder
        .fifo_pnl(&["import", "--account", "mt", "deals.csv"])
        .expect(0);
    let times = "SELECT strftime('%Y-%m-%d %H:%M', order_time / 1000000, 'unixepoch') \
                 FROM trade_records ORDER BY order_id";
    assert_eq!(folder.sql(times), ["2025-01-15 10:00", "2025-07-15 09:00"]);
    let offset = "SELECT broker_server_time_offset FROM trading_accounts WHERE account = 'mt'";
    assert_eq!(folder.value(offset), "7200");
    // A clock from a day on says nothing of the days before.
    let late = [
        "account",
        "add",
        "late",
        "--server-time",
        "+03:00@2025-03-30",
    ];
    folder.fifo_pnl(&late).expect(0);
    let import = ["import", "--account", "late", "deals.csv"];
    let said = folder.fifo_pnl(&import).expect(2);
    let said = said.stdout + &said.stderr;
    let why = "2: order_time is \"2025-01-15 12:00:00\", expected a time";
    assert!(
        said.contains(why) && said.contains("--server-time +02:00"),
        "{said}"
    );
    assert!(
        !said.contains("3: order_time") && !said.contains("--skip-invalid"),
        "{said}"
    );
    let earlier = ["account", "add", "late", "--server-time", "+02:00"];
    folder.fifo_pnl(&earlier).expect(0);
    let import = ["import", "--account", "late", "deals.csv", "--again"];
    folder.fifo_pnl(&import).expect(0);
    // An offset is a clock, too.
    let import = ["--timezone", "+02:00", "--account", "other", "--again"];
    let import = [&["import", "deals.csv"], &import[..]].concat();
    folder.fifo_pnl(&import).expect(0);
    let times = times.replace("ORDER", "WHERE account = 'other' ORDER");
    assert_eq!(folder.sql(&times), ["2025-01-15 10:00", "2025-07-15 10:00"]);
}
