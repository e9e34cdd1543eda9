//! `--protect-ledger`: protects the facts of an adopted ledger from change.
//!
//! The ledger gets columns (two for a row's arrival, and account if that is missing), and triggers
//! on its facts. No row is rewritten for the defaults. A bot may still write other columns.

use std::time::Duration;

use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::adoption::mapping::{self, Ledger, MAPPING};
use super::adoption::views;
use super::errors::from_sqlx;
use super::fingerprint;
use crate::engine::MORE_COLUMNS;
use crate::store::limits::{READER_POLL_MS, READER_TRY_MS, READER_WAIT_S};
use crate::store::{PostgresRefusal, StoreError, StoreResult};

const ACTION: &str = "protect the ledger";

/// Columns that hold facts, if the ledger has them.
const FACTS: [&str; 10] = [
    "account",
    "order_id",
    "symbol",
    "side",
    "size",
    "price",
    "order_time",
    "total_fees_usd",
    "trade_seq",
    "status",
];

/// Additions that protection makes to a ledger, in words.
pub(super) const PLAN: [&str; 6] = [
    "column account, 'default' for every row, if it is missing",
    "column ingested_at: when a row came; unknown for those that are there",
    "column ingest_xid: the transaction that brought it",
    "a trigger that sets both for each new row, also against its writer",
    "triggers that refuse a change of a fact, DELETE and TRUNCATE",
    "other columns can be written as before; no row is rewritten",
];

/// Protects the ledger, in one transaction. A guarded ledger stays as it is.
///
/// Errors: the ledger is our own; a name is taken; a session holds the table too long.
pub(super) async fn protect(connection: &mut PgConnection) -> StoreResult<()> {
    match mapping::ledger_of(connection).await? {
        Ledger::Unguarded => {}
        Ledger::Guarded => return Ok(()),
        Ledger::Ours => {
            return Err(PostgresRefusal::OwnLedger.into());
        }
    }
    let found = mapping::find(connection).await?;
    let Some(found) = found else { return Ok(()) };
    for taken in ["ingested_at", "ingest_xid"] {
        if found.has(taken) {
            return Err(PostgresRefusal::ColumnTaken(taken).into());
        }
    }
    let mut left = Duration::from_secs(READER_WAIT_S);
    loop {
        match change(connection, !found.has("account")).await {
            // A statement of another session holds the table: try again after a pause.
            Err(StoreError::Busy(_)) if !left.is_zero() => {}
            done => return done,
        }
        tokio::time::sleep(Duration::from_millis(READER_POLL_MS)).await;
        left = left.saturating_sub(Duration::from_millis(READER_TRY_MS));
    }
}

async fn change(connection: &mut PgConnection, adds_account: bool) -> StoreResult<()> {
    let failed = |error| from_sqlx(ACTION, error);
    let mut transaction = connection.begin().await.map_err(failed)?;
    let account = match adds_account {
        true => {
            "ALTER TABLE public.trade_records ADD COLUMN account text COLLATE \"C\" NOT NULL \
             DEFAULT 'default';"
        }
        false => "",
    };
    // The default is set after the column, so that existing rows keep NULL and are not rewritten.
    let sql = format!(
        "SET LOCAL lock_timeout = '{READER_TRY_MS}ms'; {account} \
         ALTER TABLE public.trade_records ADD COLUMN ingested_at timestamptz; \
         ALTER TABLE public.trade_records ADD COLUMN ingest_xid xid8; \
         ALTER TABLE public.trade_records ALTER COLUMN ingested_at SET DEFAULT now(); \
         ALTER TABLE public.trade_records ALTER COLUMN ingest_xid \
             SET DEFAULT pg_current_xact_id();"
    );
    execute(&mut transaction, &sql).await?;
    let Some(mapping) = mapping::find(&mut transaction).await? else {
        return Ok(());
    };
    // Without fee_currency, fee_amount is no fact, and may be written as before.
    let facts = FACTS.iter().chain(&MORE_COLUMNS);
    let facts = facts.filter_map(|name| mapping.source(name));
    let facts: Vec<&str> = facts.chain(["ingest_xid", "ingested_at"]).collect();
    let row = |of: &str| {
        let names = facts.iter().map(|name| format!("{of}.{name}"));
        format!("({})", names.collect::<Vec<_>>().join(", "))
    };
    let sql = format!(
        "CREATE TRIGGER fifo_pnl_no_change BEFORE UPDATE ON public.trade_records \
             FOR EACH ROW WHEN ({} IS DISTINCT FROM {}) EXECUTE FUNCTION refuse_change(); \
         CREATE TRIGGER fifo_pnl_no_delete BEFORE DELETE ON public.trade_records \
             FOR EACH ROW EXECUTE FUNCTION refuse_change(); \
         CREATE TRIGGER fifo_pnl_no_truncate BEFORE TRUNCATE ON public.trade_records \
             FOR EACH STATEMENT EXECUTE FUNCTION refuse_change(); \
         CREATE TRIGGER fifo_pnl_arrival BEFORE INSERT ON public.trade_records \
             FOR EACH ROW EXECUTE FUNCTION set_arrival(); {}",
        row("OLD"),
        row("NEW"),
        views::gate(&mapping, true)
    );
    execute(&mut transaction, &sql).await?;
    let mut columns = mapping::columns_json(&mapping.adoption());
    if let Some(object) = columns.as_object_mut() {
        object.insert("account_added".into(), json!(adds_account));
    }
    let sql = format!("UPDATE {MAPPING} SET guarded = TRUE, columns = $1::jsonb");
    sqlx::query(AssertSqlSafe(sql))
        .bind(columns.to_string())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    let details = json!({ "protected": true, "account_added": adds_account }).to_string();
    sqlx::query("INSERT INTO event_log (event_type, details) VALUES ('migration', $1::jsonb)")
        .bind(details)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    fingerprint::record_written(&mut transaction).await?;
    transaction.commit().await.map_err(failed)
}

/// Removes the triggers, whose function is removed after them. Returns the statement to execute
/// once the views are removed, too.
pub(super) async fn take_off(connection: &mut PgConnection) -> StoreResult<String> {
    let sql = format!("SELECT columns::text FROM {MAPPING}");
    let columns: String = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| from_sqlx(ACTION, e))?;
    let columns: Value = serde_json::from_str(&columns).unwrap_or_default();
    execute(
        connection,
        "DROP TRIGGER fifo_pnl_no_change ON public.trade_records; \
         DROP TRIGGER fifo_pnl_no_delete ON public.trade_records; \
         DROP TRIGGER fifo_pnl_no_truncate ON public.trade_records; \
         DROP TRIGGER fifo_pnl_arrival ON public.trade_records",
    )
    .await?;
    let mut sql = String::from(
        "ALTER TABLE public.trade_records DROP COLUMN ingested_at, DROP COLUMN ingest_xid",
    );
    if columns.get("account_added").and_then(Value::as_bool) == Some(true) {
        sql.push_str(", DROP COLUMN account");
    }
    Ok(sql)
}

/// Runs statements inside a transaction.
pub(super) async fn execute(connection: &mut PgConnection, sql: &str) -> StoreResult<()> {
    let done = connection.execute(AssertSqlSafe(sql)).await;
    done.map(|_| ()).map_err(|e| from_sqlx(ACTION, e))
}
