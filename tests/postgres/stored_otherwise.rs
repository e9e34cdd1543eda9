//! A program may make a trigger or a rule while a command has the database open. Its effect shows
//! it: an import reads its rows back before it commits. On both databases.
#![cfg(feature = "job")]

use crate::subject;

use fifo_pnl::store::{Store, StoreError};
use subject::{PostgresSubject, SqliteSubject, Subject, append, batch, trade};

/// The object, for SQLite and for PostgreSQL, and how many of the three rows it lets in.
const SPOILERS: [(&str, &str, u64); 4] = [
    (
        // Changes a fact.
        "DROP TRIGGER trade_records_no_update; \
         CREATE TRIGGER spoil AFTER INSERT ON trade_records WHEN NEW.order_id = 'b-2' \
         BEGIN UPDATE trade_records SET price = '7' WHERE ingest_seq = NEW.ingest_seq; END",
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.order_id = 'b-2' THEN NEW.price := 7; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER spoil BEFORE INSERT ON trade_records \
         FOR EACH ROW EXECUTE FUNCTION spoil()",
        3,
    ),
    (
        // Drops a row.
        "CREATE TRIGGER spoil BEFORE INSERT ON trade_records WHEN NEW.order_id = 'b-2' \
         BEGIN SELECT RAISE(IGNORE); END",
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.order_id = 'b-2' THEN RETURN NULL; END IF; RETURN NEW; END $$; \
         CREATE TRIGGER spoil BEFORE INSERT ON trade_records \
         FOR EACH ROW EXECUTE FUNCTION spoil()",
        2,
    ),
    (
        // Adds a row, which no import has.
        "CREATE TRIGGER spoil AFTER INSERT ON trade_records WHEN NEW.order_id = 'b-2' BEGIN \
         INSERT INTO trade_records (order_id, symbol, side, size, price, order_time) \
         VALUES ('more', 'BTC-USD', 'buy', '1', '1', 1); END",
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.order_id = 'b-2' THEN \
         INSERT INTO trade_records (order_id, symbol, side, size, price, order_time) \
         VALUES ('more', 'BTC-USD', 'buy', 1, 1, '2025-01-01'); END IF; RETURN NULL; END $$; \
         CREATE TRIGGER spoil AFTER INSERT ON trade_records \
         FOR EACH ROW EXECUTE FUNCTION spoil()",
        4,
    ),
    (
        // Takes a trade out of matching.
        "CREATE TRIGGER spoil AFTER INSERT ON trade_records WHEN NEW.order_id = 'b-2' BEGIN \
         INSERT INTO trade_voids (account, order_id, reason, voided_by) \
         VALUES (NEW.account, NEW.order_id, 'x', 'x'); END",
        "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.order_id = 'b-2' THEN \
         INSERT INTO trade_voids (account, order_id, reason, voided_by) \
         VALUES (NEW.account, NEW.order_id, 'x', 'x'); END IF; RETURN NULL; END $$; \
         CREATE TRIGGER spoil AFTER INSERT ON trade_records \
         FOR EACH ROW EXECUTE FUNCTION spoil()",
        1,
    ),
];

async fn is_refused(store: &dyn Store, stored_as: u64, spoiler: &str) {
    let before = store.ledger_counts().await.unwrap();
    let ids = ["b-1", "b-2", "b-3"];
    let trades = ids.map(|id| trade(id, "buy", "1.5", "100.25", 5)).to_vec();
    match store.import(&batch(trades)).await {
        Err(StoreError::StoredOtherwise { stored, .. }) => assert_eq!(stored, stored_as),
        other => panic!("{spoiler}: {other:?}"),
    }
    assert_eq!(store.ledger_counts().await.unwrap(), before, "{spoiler}");
    // What it leaves alone goes in.
    append(store, vec![trade("b-9", "buy", "0.10", "3", 9)]).await;
}

#[tokio::test]
async fn what_is_stored_otherwise_is_taken_back() {
    for (spoiler, _, stored) in SPOILERS {
        let subject = SqliteSubject::new().await;
        append(subject.store(), vec![trade("a-1", "buy", "1", "2", 1)]).await;
        subject.connection().execute_batch(spoiler).unwrap();
        is_refused(subject.store(), stored, spoiler).await;
    }
}

#[tokio::test]
async fn what_is_stored_otherwise_is_taken_back_on_postgres() {
    for (_, spoiler, stored) in SPOILERS {
        let Some(subject) = PostgresSubject::new().await else {
            return;
        };
        append(subject.store(), vec![trade("a-1", "buy", "1", "2", 1)]).await;
        subject.database.run(spoiler).await.unwrap();
        is_refused(subject.store(), stored, spoiler).await;
    }
}
