//! Only the server says when a row came, for every writer and statement.

use fifo_pnl::store::model::Scope;

use crate::postgres_store::value;
use crate::subject::server::{run, with_role};
use crate::subject::{PostgresSubject, Subject, append, batch, server, trade, void};

/// A role with every right that a careless GRANT gives to a writer; gone in the end.
struct Writer<'a> {
    subject: &'a PostgresSubject,
    name: String,
}

impl<'a> Writer<'a> {
    async fn new(subject: &'a PostgresSubject) -> Self {
        let name = format!("writer_{}", subject.database.name());
        let grants = format!(
            "CREATE ROLE {name} LOGIN; \
             GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA public TO {name}"
        );
        subject.database.run(&grants).await.unwrap();
        Self { subject, name }
    }

    async fn run(&self, sql: &str) -> Result<(), String> {
        let url = with_role(self.subject.database.url(), &self.name);
        let mut connection = server::connect(&url).await;
        run(&mut connection, sql).await
    }

    async fn end(self) {
        let sql = format!("DROP OWNED BY {0}; DROP ROLE {0}", self.name);
        self.subject.database.run(&sql).await.unwrap();
    }
}

const COLUMNS: &str = "order_id, symbol, side, size, price, order_time";

fn insert(columns: &str, rows: &[&str]) -> String {
    let row = |(n, row): (usize, &&str)| {
        format!("('X-{n}', 'BTC-USD', 'buy', 1, 1, '2025-01-02T03:04:05Z'{row})")
    };
    let rows: Vec<String> = rows.iter().enumerate().map(row).collect();
    let rows = rows.join(", ");
    format!("INSERT INTO trade_records ({COLUMNS}{columns}) VALUES {rows}")
}

#[tokio::test]
async fn nobody_says_when_a_trade_came() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    append(store, vec![trade("B-1", "buy", "1", "1", 1)]).await;
    let writer = Writer::new(&subject).await;
    let ours = "pg_current_xact_id()";
    for (columns, rows) in [
        // The first stops every run for good, the second is overlooked.
        (", ingest_xid", vec![", '9999999999'"]),
        (", ingest_xid", vec![", '3'"]),
        (", ingested_at", vec![", 'infinity'"]),
        (", ingested_at", vec![", now() - interval '1 year'"]),
        // The last of several rows.
        (", ingest_xid", vec![", pg_current_xact_id()", ", '3'"]),
    ] {
        let sql = insert(columns, &rows);
        for words in [writer.run(&sql).await, subject.database.run(&sql).await] {
            let words = words.unwrap_err();
            let said = "trade_records: the server sets ingest_xid and ingested_at: leave it out";
            assert_eq!(words, said, "{sql}");
        }
    }
    let count = value(&subject.database, "SELECT count(*) FROM trade_records").await;
    assert_eq!(count, "1");
    // What the server itself would have said is no lie.
    let sql = insert(
        ", ingest_xid",
        &[&format!(", {ours}"), &format!(", {ours}")],
    );
    writer.run(&sql).await.unwrap();
    writer
        .run(&format!(
            "BEGIN; SAVEPOINT s; {}; RELEASE s; COMMIT",
            insert("", &[""]).replace("X-0", "X-9")
        ))
        .await
        .unwrap();
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    let trades: usize = read.pools.values().map(|pool| pool.trades.len()).sum();
    assert_eq!(trades, 4);
    writer.end().await;
}

#[tokio::test]
async fn a_copy_of_rows_says_no_more_than_an_insert() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let mut connection = subject.database.connect().await;
    for (xid, is_refused) in [("3", true), ("", false)] {
        let column = if is_refused { ", ingest_xid" } else { "" };
        let sql = format!("COPY trade_records ({COLUMNS}{column}) FROM STDIN (FORMAT csv)");
        let mut copy = connection.copy_in_raw(&sql).await;
        let comma = if is_refused { "," } else { "" };
        let rows: String = (0..2_000)
            .map(|n| format!("C-{n},BTC-USD,buy,1,1,2025-01-02T03:04:05Z{comma}{xid}\n"))
            .collect();
        copy.as_mut()
            .unwrap()
            .send(rows.into_bytes())
            .await
            .unwrap();
        let done = copy.unwrap().finish().await;
        assert_eq!(done.is_err(), is_refused, "{done:?}");
    }
}

#[tokio::test]
async fn nobody_numbers_a_void_or_says_when_it_came() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    append(store, vec![trade("B-1", "buy", "1", "1", 1)]).await;
    store.void(&void("B-1", false)).await.unwrap();
    let writer = Writer::new(&subject).await;
    let sql = |column: &str, value: &str| {
        format!(
            "INSERT INTO trade_voids (account, order_id, reason, voided_by{column}) \
             VALUES ('default', 'B-1', 'r', 'w'{value})"
        )
    };
    for xid in ["3", "9999999999"] {
        let sql = sql(", void_xid", &format!(", '{xid}'"));
        let words = writer.run(&sql).await.unwrap_err();
        assert_eq!(words, "trade_voids: the server sets void_xid: leave it out");
    }
    for table in [
        "trade_voids (void_seq, account, order_id, reason, voided_by) \
         VALUES (%, 'a', 'b', 'c', 'd')",
        "asset_movements (movement_seq, account, movement_id, asset, direction, size, kind, \
         moved_at, import_id, import_line) \
         VALUES (%, 'a', 'm', 'BTC', 'in', 1, 'deposit', now(), 1, 1)",
        "asset_actions (action_seq, action_id, kind, asset, happened_at, ratio_new, ratio_old, \
         import_id, import_line) VALUES (%, 's', 'split', 'ABC', now(), 4, 1, 1, 1)",
        "transfer_decisions (decision_seq, kind, withdrawal_account, withdrawal_id, \
         deposit_account, deposit_id, decided_by, decided_at) \
         VALUES (%, 'pair', 'a', 'w', 'b', 'd', 'c', now())",
        "import_voids (void_seq, import_id, reason, voided_by) VALUES (%, 1, 'c', 'd')",
        "rates (rate_seq, asset, currency, source, published_at, revision, rate, import_id, \
         import_line) VALUES (%, 'EUR', 'USD', 'ecb', now(), 1, 1, 1, 1)",
        "event_log (id, event_type) VALUES (%, 'review')",
        "review_exclusions (id, account, asset, excluded, reason, decided_by, decided_at) \
         VALUES (%, 'a', 'b', false, 'c', 'd', now())",
        "import_rejects (id, import_id, line, order_id, column_name, found, reason, line_text) \
         VALUES (%, 1, 1, 'a', 'b', 'c', 'd', 'e')",
    ] {
        let sql = format!("INSERT INTO {table}").replace('%', "9223372036854775807");
        for words in [writer.run(&sql).await, subject.database.run(&sql).await] {
            let words = words.unwrap_err();
            assert!(
                words.starts_with("cannot insert a non-DEFAULT value"),
                "{words}"
            );
        }
    }
    // The latest row wins, and that is the one of the person.
    store.void(&void("B-1", true)).await.unwrap();
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    assert_eq!((read.voided, read.pools.len()), (0, 1));
    writer.end().await;
}

#[tokio::test]
async fn a_number_of_an_import_that_another_program_gave_stops_no_import() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let store = subject.store();
    append(store, vec![trade("B-1", "buy", "1", "1", 1)]).await;
    let sql = |id: &str| {
        format!(
            "INSERT INTO imports (id, name, sha256, rows) VALUES ({id}, 'x', repeat('0', 64), 0)"
        )
    };
    for id in ["9223372036854775807", "0", "-1"] {
        let words = subject.database.run(&sql(id)).await.unwrap_err();
        assert!(words.contains("imports_id_check"), "{words}");
    }
    subject
        .database
        .run(&sql("9007199254740991"))
        .await
        .unwrap();
    for (id, number) in [("B-2", 2), ("B-3", 3)] {
        let imported = store
            .import(&batch(vec![trade(id, "buy", "1", "1", 2)]))
            .await;
        assert_eq!(imported.unwrap().import_id, Some(number));
    }
}
