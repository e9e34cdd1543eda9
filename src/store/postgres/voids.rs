//! Finds the rows that are forms of one execution: the original and its corrections.

use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};

use super::adoption::mapping::Ledger;
use super::errors::from_sqlx;
use super::{PostgresStore, waits};
use crate::store::StoreResult;
use crate::store::corrections::{Forms, Relative};

/// Begins a transaction that writes to the ledger, after the last such transaction has ended.
pub(super) async fn ledger_writer(
    store: &PostgresStore,
) -> StoreResult<Transaction<'static, Postgres>> {
    let mut transaction = store.writer().await?;
    waits::take_turn(&mut transaction, &waits::IMPORTS).await?;
    Ok(transaction)
}

/// Returns the rows that may be forms of the same execution as an order.
pub(super) async fn relatives(
    connection: &mut PgConnection,
    ledger: Ledger,
    account: &str,
    order_id: &str,
) -> StoreResult<Vec<Relative>> {
    let Forms { original, from, to } = Forms::of(order_id);
    // Two lookups by key: with one OR in place of the two the server reads the whole ledger.
    let rows = ledger.rows();
    let rows: Vec<(String, bool)> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT t.order_id, EXISTS (SELECT 1 FROM eligible_trades e WHERE e.account = t.account \
         AND e.order_id = t.order_id AND e.void_seq IS NULL) FROM ( \
         SELECT account, order_id FROM {rows} WHERE account = $1 AND order_id = $2 \
         UNION ALL SELECT account, order_id FROM {rows} WHERE account = $1 \
         AND order_id >= $3 COLLATE \"C\" AND order_id < $4 COLLATE \"C\") t"
    )))
    .bind(account)
    .bind(original)
    .bind(from)
    .bind(to)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("look for corrections", e))?;
    let relative = |(order_id, counts)| Relative { order_id, counts };
    Ok(rows.into_iter().map(relative).collect())
}
