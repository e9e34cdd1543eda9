//! Finds voided trades, and rows that are forms of one execution: the original and its corrections.

use std::collections::BTreeSet;

use sqlx::{AssertSqlSafe, PgConnection, Postgres, Transaction};

use super::adoption::mapping::Ledger;
use super::errors::from_sqlx;
use super::gate::{snapshot_now, snapshot_seen};
use super::{PostgresStore, end_snapshot, waits};
use crate::store::StoreResult;
use crate::store::corrections::{Forms, Relative};
use crate::store::model::{Cursors, Watermark};
use crate::store::sql::imports::imports_out;

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

/// Returns a watermark's snapshot as the server's text, and the trades voided as of it.
pub(super) async fn seen_and_voided(
    store: &PostgresStore,
    as_of: &Watermark,
) -> StoreResult<(String, BTreeSet<(String, String)>)> {
    let mut connection = store.snapshot().await?;
    let (_, cluster, _) = snapshot_now(&mut connection, READ).await?;
    let voided = match snapshot_seen(as_of, &cluster) {
        Ok(snapshot) => {
            let seen = (snapshot.as_str(), as_of.cursors());
            let voided = voided_as_of(&mut connection, store.ledger, seen).await;
            voided.map(|voided| (snapshot, voided))
        }
        Err(error) => Err(error),
    };
    end_snapshot(connection, voided).await
}

const READ: &str = "read the voids";

/// Returns the trades voided as of a snapshot. The views of voids know only the present.
pub(super) async fn voided_as_of(
    connection: &mut PgConnection,
    ledger: Ledger,
    (snapshot, cursors): (&str, &Cursors),
) -> StoreResult<BTreeSet<(String, String)>> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT account, order_id FROM \
         (SELECT DISTINCT ON (account, order_id) account, order_id, undone FROM trade_voids \
          WHERE pg_visible_in_snapshot(void_xid, $1::pg_snapshot) \
          ORDER BY account, order_id, void_seq DESC) last WHERE NOT undone",
    )
    .bind(snapshot)
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx(READ, e))?;
    let mut voided: BTreeSet<(String, String)> = rows.into_iter().collect();
    let out: Vec<i64> = imports_out(connection, cursors)
        .await?
        .into_iter()
        .collect();
    // No index has the imports of trades, so the ledger is read only if an import is out.
    if !out.is_empty() {
        let sql = format!(
            "SELECT account, order_id FROM {} WHERE import_id = ANY ($1)",
            ledger.additions()
        );
        let rows: Vec<(String, String)> = sqlx::query_as(AssertSqlSafe(sql))
            .bind(out)
            .fetch_all(connection)
            .await
            .map_err(|e| from_sqlx(READ, e))?;
        voided.extend(rows);
    }
    Ok(voided)
}
