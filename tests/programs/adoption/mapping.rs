//! The mapping of columns, the rows left out, and columns that can't be read at all.

use crate::adoption::legacy::{Row, database, fingerprint, row};
use crate::support::Done;
use crate::support::site::{Site, server, with_role};

/// A trade of each kind that a bot's ledger has.
fn kinds() -> Vec<Row<'static>> {
    vec![
        row("b-1", "buy", "0.1", "30000.1", 1),
        Row {
            symbol: "btc/usd",
            status: "done",
            ..row("s-1", "sell", "0.05", "31000", 2)
        },
        Row {
            status: "",
            fee: "NULL",
            ..row("s-2", "SELL", "0.03", "32000", 3)
        },
        Row {
            status: "placed",
            ..row("x-1", "buy", "5", "1", 4)
        },
        Row {
            status: "Cancelled",
            ..row("x-2", "buy", "5", "1", 4)
        },
        row("w-1-FILL-1", "buy", "3", "10", 5),
        row("w-1-FILL-2", "buy", "2", "10.2", 5),
        row("w-1", "buy", "5", "10.08", 5),
    ]
}

#[test]
fn a_ledger_is_adopted_and_stays_as_it_was() {
    let Some(server) = server() else { return };
    let site = database(&server, &kinds());
    let before = fingerprint(&site);
    let done = site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    for line in [
        "trade_records was here before (unguarded",
        "Rows      5 trades, 3 left out",
        "1 left out: its fills are there",
        "1 left out: status cancelled",
        "1 left out: status placed",
        "its shortest decimal text",
        "\"default\" for every row",
        "none: order_id decides among equal times",
        "Left alone: parent_id, parent_ids, pnl_usd, trigger,",
    ] {
        assert!(done.stdout.contains(line), "{line}\n{}", done.stdout);
    }
    let done = site.compute(&["--all-symbols"]).expect(0);
    assert!(
        done.stdout.contains("Version 1 is current"),
        "{}",
        done.stdout
    );
    let export = site.export("1");
    let lines: Vec<&str> = export.lines().skip(1).collect();
    assert_eq!(lines.len(), 2, "{export}");
    assert!(lines[0].starts_with("default,BTC-USD,s-1,b-1,0.05,30000.1,31000,1,2,"));
    assert!(lines[1].starts_with("default,BTC-USD,s-2,b-1,0.03,30000.1,32000,"));
    site.validate(&["--version", "1"]).expect(0);
    site.validate(&["--version", "current", "--strict"])
        .expect(1);
    let explained = site.fifo_pnl(&["explain", "--sell", "s-1"]);
    assert!(explained.stdout.contains("b-1"), "{explained:?}");
    site.fifo_pnl(&["versions", "list"]).expect(0);
    site.fifo_pnl(&["health"]);
    let views = "SELECT count(*) FROM v_allocation_discrepancies WHERE status <> 'OK'";
    assert_eq!(site.value(views), "0");
    assert_eq!(
        site.value("SELECT sum(remaining_size) FROM v_open_inventory WHERE buy_price > 9"),
        "5.02"
    );
    // The whole row of an order was executed, whether or not it counts.
    let watermark = "SELECT watermark -> 'unguarded' ->> 'rows' FROM allocation_versions";
    assert_eq!(site.value(watermark), "6");
    assert_eq!(fingerprint(&site), before);
    let status = site.fifo_pnl(&["migrate", "status"]).expect(0);
    assert!(status.stdout.contains("5 trades, 3 left out"), "{status:?}");
}

#[test]
fn what_cannot_be_read_is_named_and_nothing_is_created() {
    let Some(server) = server() else { return };
    let cases = [
        (
            "CREATE TABLE trade_records (id BIGINT)",
            vec![
                "column \"order_id\" is missing",
                "column \"size\" is missing",
            ],
        ),
        (
            "CREATE TABLE trade_records (order_id text PRIMARY KEY, symbol text, side text, \
             size float8, price bytea, order_time bigint)",
            vec![
                "column \"price\" is bytea, expected a number",
                "column \"order_time\" is bigint, expected a time",
            ],
        ),
        (
            "CREATE TABLE trade_records (order_id text, symbol text, side text, size float8, \
             price float8, order_time timestamptz)",
            vec!["it has no unique key on order_id"],
        ),
        (
            "CREATE VIEW trade_records AS SELECT 'a'::text AS order_id",
            vec!["it is no table"],
        ),
    ];
    for (sql, words) in cases {
        let site = Site::empty(&server);
        site.sql(sql);
        let done = site.fifo_pnl(&["migrate", "up", "--yes"]).expect(3);
        for word in words {
            assert!(done.stderr.contains(word), "{word}\n{}", done.stderr);
        }
        assert!(
            done.stderr.contains("nothing was created"),
            "{}",
            done.stderr
        );
        let relations = "SELECT count(*) FROM pg_class c JOIN pg_namespace n \
             ON n.oid = c.relnamespace WHERE n.nspname IN ('public', 'fifo_parts') \
             AND c.relkind IN ('r', 'v', 'p') AND c.relname <> 'trade_records'";
        assert_eq!(site.value(relations), "0", "{sql}");
    }
}

#[test]
fn other_columns_and_types_are_read_too() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    site.sql(
        "CREATE DOMAIN money_text AS varchar(40); CREATE TYPE sides AS ENUM ('buy', 'sell'); \
         CREATE TABLE trade_records (account varchar, order_id varchar, symbol text, side sides, \
             size numeric(38,18), price money_text, order_time timestamp, trade_seq int, \
             total_fees_usd text, quote_value text, UNIQUE (account, order_id)); \
         INSERT INTO trade_records VALUES \
             (NULL, 'b', 'ETH/USDC', 'buy', 2, ' 1.5e1 ', '2025-01-02 03:04:05.000006', 1, '', \
                 ' '), \
             ('', 's', 'eth-usdc', 'sell', 1, '20', '2025-01-03', 2, '1', ''), \
             ('two', 'b', 'ETH-USD', 'buy', 1, 'ten', '2025-01-03', 1, NULL, NULL), \
             ('three', 'b', 'ETH-USD', 'buy', 1, '', '2025-01-03', 1, NULL, NULL)",
    );
    let done = site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    let words = "taken as UTC: it has no zone of its own";
    assert!(done.stdout.contains(words), "{}", done.stdout);
    // An unreadable number takes its pool out, and no other.
    site.compute(&["--all-symbols"]).expect(1);
    let export = site.export("1");
    let line = export.lines().nth(1).unwrap();
    assert!(line.starts_with("default,ETH-USDC,s,b,1,15,20,"), "{line}");
    assert!(line.contains("2025-01-02T03:04:05.000006Z"), "{line}");
    // An empty fee is unknown, and a blank states no value. An empty price is a missing fact.
    let fees = "SELECT concat(buy_fees_per_unit, ',', sell_fees_per_unit, ',', notes) \
                FROM v_current_allocations";
    assert_eq!(site.value(fees), ",1,buy_fee_unknown");
    let items = "SELECT string_agg(account || ' ' || issue_type || ' ' || (details ->> 'column'), \
                 ', ' ORDER BY account) FROM manual_review_queue";
    assert_eq!(
        site.value(items),
        "three invalid_trade price, two invalid_trade price"
    );
}

#[test]
fn rows_without_a_symbol_take_out_themselves_alone() {
    let Some(server) = server() else { return };
    for protect in [&["--protect-ledger"][..], &[]] {
        let site = Site::empty(&server);
        site.sql(
            "CREATE TABLE trade_records (order_id varchar PRIMARY KEY, symbol varchar, \
                 side varchar, size float8, price float8, order_time timestamptz, status varchar); \
             INSERT INTO trade_records VALUES \
                 ('b', 'ETH-USD', 'buy', 2, 15, '2025-01-02Z', 'filled'), \
                 ('s', 'ETH-USD', 'sell', 1, 20, '2025-01-03Z', 'filled'), \
                 ('none', NULL, 'sell', 1, 20, '2025-01-03Z', 'filled'), \
                 ('off', NULL, 'sell', 1, 20, '2025-01-03Z', 'cancelled')",
        );
        let migrate = [&["migrate", "up", "--yes"], protect].concat();
        let done = site.fifo_pnl(&migrate).expect(0);
        assert!(done.stdout.contains("3 trades, 1 left out"), "{done:?}");
        for memory in ["1G", "1"] {
            let run = ["--all-symbols", "--no-publish", "--memory", memory];
            let done = site.compute(&run).expect(1);
            assert!(done.stdout.contains("asset \"\" is empty"), "{done:?}");
            let version = site.value("SELECT max(version) FROM allocation_versions");
            let export = site.export(&version);
            assert_eq!(export.lines().count(), 2, "{export}");
            assert!(
                export.contains("\ndefault,ETH-USD,s,b,1,15,20,"),
                "{export}"
            );
            site.validate(&["--version", &version, "--memory", memory])
                .expect(0);
        }
    }
}

#[test]
fn a_role_that_may_not_read_the_ledger_is_told_so() {
    let Some(server) = server() else { return };
    let site = database(&server, &kinds());
    let role = format!("{}_role", site.database);
    site.sql(&format!(
        "CREATE ROLE {role} LOGIN; GRANT CREATE ON SCHEMA public TO {role}; \
         GRANT CREATE ON DATABASE {} TO {role}",
        site.database
    ));
    let mut program = site.program(env!("CARGO_BIN_EXE_fifo-pnl"), &["migrate", "up", "--yes"]);
    program.env("DATABASE_URL", with_role(&site.url, &role));
    let done = Done::of(program.output().unwrap()).expect(3);
    let words = format!("role \"{role}\" can't look at the ledger that is there: it lacks SELECT");
    assert!(done.stderr.contains(&words), "{}", done.stderr);
    site.sql(&format!("GRANT SELECT ON trade_records TO {role}"));
    let done = Done::of(program.output().unwrap()).expect(0);
    assert!(
        done.stdout.contains("5 trades, 3 left out"),
        "{}",
        done.stdout
    );
    site.sql(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn more_facts_are_read_and_a_fee_counts_once() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    let more = "base_asset, quote_currency, asset_class, contract_size, fee_amount, fee_currency, \
                total_fees_usd";
    let insert = |rows: &str| {
        site.sql(&format!(
            "INSERT INTO trade_records (order_id, symbol, side, size, price, order_time, {more}) \
             VALUES {rows}"
        ));
    };
    site.sql(
        "CREATE TABLE trade_records (order_id text PRIMARY KEY, symbol text, side text, \
             size float8, price float8, order_time timestamptz, base_asset varchar, \
             quote_currency text, asset_class text, contract_size int, fee_amount float8, \
             fee_currency text, fee_usd_value float8, total_fees_usd numeric)",
    );
    insert(
        "('b', 'ETH-USD', 'buy', 2, 15, '2025-01-02Z', 'eth', 'USD', 'crypto', 1, 0.5, 'USD', \
         NULL), \
         ('s', 'ETH-USD', 'sell', 1, 20, '2025-01-03Z', '', '', '', NULL, 9, 'BNB', 0.25), \
         ('e', 'SOL-USD', 'buy', 1, 1, '2025-01-03Z', NULL, 'EUR', NULL, NULL, NULL, NULL, 0), \
         ('c', 'ADA-USD', 'buy', 1, 1, '2025-01-03Z', NULL, NULL, 'stock', NULL, NULL, NULL, 0), \
         ('f', 'XRP-USD', 'buy', 1, 1, '2025-01-03Z', NULL, NULL, NULL, NULL, 1, 'BNB', NULL)",
    );
    let done = site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    let words = "its shortest decimal text, without total_fees_usd";
    assert!(done.stdout.contains(words), "{}", done.stdout);
    assert!(!done.stdout.contains("quote_value"), "{}", done.stdout);
    site.compute(&["--all-symbols"]).expect(1);
    // The buy costs 15 and half of 0.5; the sell brings 20 less 0.25.
    let first = "default,ETH-USD,s,b,1,15,20,0.25,0.25,15.25,20,19.75,4.5,";
    let export = site.export("1");
    assert_eq!(export.lines().count(), 2, "{export}");
    assert!(export.contains(first), "{export}");
    let items = "SELECT string_agg(asset || ' ' || issue_type || ' ' || order_id || ' ' || \
                 description, '; ' ORDER BY asset) FROM manual_review_queue";
    assert_eq!(
        site.value(items),
        "ADA-USD missing_fx  ADA-USD has asset_class \"stock\", expected crypto, security, fx or \
         future; \
         BNB missing_fx f fee_amount has no value in USD: a rate of BNB at \
         2025-01-03 00:00:00 UTC is missing; \
         SOL-USD missing_fx  SOL-USD is priced in USD, and quote_currency says EUR; \
         XRP missing_fx f fee_amount has no value in USD: a rate of BNB at \
         2025-01-03 00:00:00 UTC is missing"
    );
    insert(
        "('s2', 'ETH-USD', 'sell', 1, 20, '2025-01-04Z', NULL, NULL, 'crypto', NULL, 0, \
         'USD', NULL)",
    );
    site.compute(&["--incremental"]).expect(1);
    let export = site.export("1");
    assert_eq!(export.lines().count(), 3, "{export}");
    let second = "default,ETH-USD,s2,b,1,15,20,0.25,0,15.25,20,20,4.75,";
    assert!(export.contains(second), "{export}");
    site.validate(&["--version", "1"]).expect(0);
    let explained = site.fifo_pnl(&["explain", "--sell", "s2"]).expect(0);
    assert!(
        explained.stdout.contains("\n      asset_class crypto\n"),
        "{}",
        explained.stdout
    );
}

/// A price in another currency is never read as dollars because its column has another name.
#[test]
fn columns_of_currencies_are_read_under_other_names() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    site.sql(
        "CREATE TABLE trade_records (order_id text PRIMARY KEY, symbol text, side text, \
             size float8, price float8, order_time timestamptz, currency text, fee_amount float8, \
             fee_ccy text); \
         INSERT INTO trade_records VALUES \
             ('b1', 'AAPL', 'buy', 2, 15, '2025-01-02Z', 'EUR', 0, 'USD'), \
             ('b2', 'SAP', 'buy', 2, 15, '2025-01-02Z', 'USD', 1, 'EUR'), \
             ('b3', 'VT', 'buy', 2, 15, '2025-01-02Z', 'USD', 1, 'USD')",
    );
    let protect = ["migrate", "up", "--yes", "--protect-ledger"];
    let done = site.fifo_pnl(&protect).expect(0);
    let ours = "Left alone: ingested_at, ingest_xid\n";
    assert!(done.stdout.contains(ours), "{}", done.stdout);
    // They are facts, so nobody changes them.
    for column in ["currency", "fee_ccy"] {
        site.sql(&format!(
            "DO $$ BEGIN BEGIN UPDATE trade_records SET {column} = 'JPY'; \
             EXCEPTION WHEN OTHERS THEN RETURN; END; RAISE EXCEPTION 'changed'; END $$"
        ));
    }
    let text = site.compute(&["--all-symbols"]).expect(1).stdout;
    for said in [
        "AAPL (1 trade): order \"b1\": price has no value in USD: a rate of EUR on 2025-01-02",
        "SAP (1 trade): order \"b2\": fee_amount has no value in USD: a rate of EUR on 2025-01-02",
    ] {
        assert!(text.contains(said), "{text}");
    }
    let costs = "SELECT string_agg(asset || ' ' || open_cost_usd, ',') FROM fifo_pool_summary \
                 WHERE status = 'matched'";
    assert_eq!(site.value(costs), "VT 31");
}

/// Otherwise the price of a row in euros would be read as dollars.
#[test]
fn a_column_that_may_name_a_currency_is_not_left_alone() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    let columns = ["\"Currency\"", "settlement_ccy", "\"quoteAsset\"", "curr"];
    for column in columns {
        site.sql(&format!(
            "DROP TABLE IF EXISTS trade_records; \
             CREATE TABLE trade_records (order_id text PRIMARY KEY, symbol text, side text, \
                 size float8, price float8, order_time timestamptz, {column} text); \
             INSERT INTO trade_records VALUES ('b', 'BTC', 'buy', 2, 15, '2025-01-02Z', 'EUR')"
        ));
        let said = site.fifo_pnl(&["migrate", "up", "--yes"]).expect(3).stderr;
        let name = column.trim_matches('"');
        let why = format!("column \"{name}\" may name the currency of prices");
        assert!(said.contains(&why), "{said}");
    }
    site.sql("ALTER TABLE trade_records ADD COLUMN quote_currency text DEFAULT 'USD'");
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
}

#[test]
fn half_of_a_fee_in_another_currency_is_not_read() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    site.sql(
        "CREATE TABLE trade_records (order_id text PRIMARY KEY, symbol text, side text, \
             size float8, price float8, order_time timestamptz, fee_amount float8); \
         INSERT INTO trade_records VALUES ('b', 'ETH-USD', 'buy', 2, 15, '2025-01-02Z', 7)",
    );
    let protect = ["migrate", "up", "--yes", "--protect-ledger"];
    let done = site.fifo_pnl(&protect).expect(0);
    assert!(
        done.stdout.contains("Left alone: fee_amount"),
        "{}",
        done.stdout
    );
    site.compute(&["--all-symbols"]).expect(0);
    // The bot may still write it.
    site.sql("UPDATE trade_records SET fee_amount = 8");
}
