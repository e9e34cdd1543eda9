//! Tables and views of an earlier system: they make room, and stay readable.
//!
//! They move to schema `fifo_legacy` as they are; nothing is copied, and going back moves them
//! back. `CREATE TABLE IF NOT EXISTS ... PARTITION BY` over its plain tables would have left them
//! plain: so they move first.

use std::time::Duration;

use sqlx::{AssertSqlSafe, Executor, PgConnection};

use crate::store::limits::{READER_POLL_MS, READER_TRY_MS, READER_WAIT_S};
use crate::store::model::LegacyRow;
use crate::store::postgres::PostgresStore;
use crate::store::postgres::errors::from_sqlx;
use crate::store::{PostgresRefusal, StoreError, StoreResult};

/// Tables and views of the earlier system whose names this program needs.
pub(in crate::store::postgres) const NAMES: [&str; 8] = [
    "fifo_allocations",
    "fifo_computation_log",
    "fifo_inventory_snapshot",
    "manual_review_queue",
    "v_allocation_discrepancies",
    "v_allocation_health",
    "v_pnl_by_symbol",
    "v_unmatched_sells",
];

/// A table or view of the earlier system, which moves to schema `fifo_legacy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store::postgres) struct Old {
    pub(in crate::store::postgres) name: String,
    pub(in crate::store::postgres) is_view: bool,
}

/// Lists an earlier system's tables and views; none if its table of allocations is missing.
pub(in crate::store::postgres) async fn find(
    connection: &mut PgConnection,
) -> StoreResult<Vec<Old>> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, c.relkind::text FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'public' AND c.relname = ANY ($1) AND c.relkind IN ('r', 'v') \
         AND EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attname = 'allocation_version' \
                     AND a.attrelid = to_regclass('public.fifo_allocations')) ORDER BY 1",
    )
    .bind(&NAMES[..])
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("look for an earlier system", e))?;
    let old = |(name, kind): (String, String)| Old {
        name,
        is_view: kind == "v",
    };
    Ok(rows.into_iter().map(old).collect())
}

/// Moves tables and views to schema `fifo_legacy`, inside a transaction.
///
/// Errors: a reader holds one of them longer than we wait.
pub(in crate::store::postgres) async fn move_away(
    connection: &mut PgConnection,
    old: &[Old],
) -> StoreResult<()> {
    if old.is_empty() {
        return Ok(());
    }
    lock(connection, old, "public").await?;
    let mut sql = String::from("CREATE SCHEMA fifo_legacy;");
    for Old { name, is_view } in old {
        let kind = if *is_view { "VIEW" } else { "TABLE" };
        sql.push_str(&format!(
            "ALTER {kind} public.{name} SET SCHEMA fifo_legacy;"
        ));
    }
    execute(connection, &sql).await
}

/// Moves the tables and views back to `public`, inside a transaction.
pub(in crate::store::postgres) async fn move_back(
    connection: &mut PgConnection,
) -> StoreResult<()> {
    let action = "move the earlier system's tables";
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT c.relname::text, c.relkind::text FROM pg_class c \
         JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'fifo_legacy' AND c.relkind IN ('r', 'v') ORDER BY 1",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    if rows.is_empty() {
        return Ok(());
    }
    let old = |(name, kind): (String, String)| Old {
        name,
        is_view: kind == "v",
    };
    let old: Vec<Old> = rows.into_iter().map(old).collect();
    lock(connection, &old, "fifo_legacy").await?;
    let mut sql = String::new();
    for Old { name, is_view } in &old {
        let kind = if *is_view { "VIEW" } else { "TABLE" };
        sql.push_str(&format!(
            "ALTER {kind} fifo_legacy.\"{name}\" SET SCHEMA public;"
        ));
    }
    sql.push_str("DROP SCHEMA fifo_legacy");
    execute(connection, &sql).await
}

/// Locks the tables in short tries, so that new readers don't have to wait long.
///
/// Views are not locked, because that would lock the ledger, too.
async fn lock(connection: &mut PgConnection, old: &[Old], schema: &str) -> StoreResult<()> {
    let tables = old.iter().filter(|old| !old.is_view);
    let tables: Vec<String> = tables
        .map(|old| format!("{schema}.\"{}\"", old.name))
        .collect();
    let sql = format!(
        "SET LOCAL lock_timeout = '{READER_TRY_MS}ms'; LOCK TABLE {} IN ACCESS EXCLUSIVE MODE",
        tables.join(", ")
    );
    let mut left = Duration::from_secs(READER_WAIT_S);
    let pause = Duration::from_millis(READER_TRY_MS);
    loop {
        execute(connection, "SAVEPOINT making_room").await?;
        match execute(connection, &sql).await {
            Ok(()) => return Ok(()),
            Err(error @ StoreError::Busy(_)) => {
                execute(connection, "ROLLBACK TO making_room").await?;
                if left.is_zero() {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        tokio::time::sleep(Duration::from_millis(READER_POLL_MS)).await;
        left = left.saturating_sub(pause);
    }
}

async fn execute(connection: &mut PgConnection, sql: &str) -> StoreResult<()> {
    let action = "move the earlier system's tables";
    let done = connection.execute(AssertSqlSafe(sql)).await;
    done.map(|_| ()).map_err(|e| from_sqlx(action, e))
}

/// Records the version numbers of the earlier system, so that no run uses one of them.
pub(in crate::store::postgres) async fn take_numbers(
    connection: &mut PgConnection,
    old: &[Old],
) -> StoreResult<()> {
    if old.is_empty() {
        return Ok(());
    }
    let sql = "INSERT INTO allocation_versions (version, method, scope, status, origin, policy, \
         watermark, engine_version, created_at) SELECT DISTINCT allocation_version, 'fifo', \
         'all', 'dropped', 'legacy', jsonb '{}', jsonb '{\"ingest_seq\": 0, \"void_seq\": 0}', \
         'an earlier system', now() FROM fifo_legacy.fifo_allocations \
         WHERE allocation_version > 0";
    execute(connection, sql).await
}

/// Records these numbers again, after `migrate down` removed the registry of versions. The earlier
/// system's tables are still in `fifo_legacy`.
pub(in crate::store::postgres) async fn take_numbers_again(
    connection: &mut PgConnection,
) -> StoreResult<()> {
    let old: Option<String> =
        sqlx::query_scalar("SELECT to_regclass('fifo_legacy.fifo_allocations')::text")
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| from_sqlx("look for an earlier system's versions", e))?;
    let old = old.map(|name| Old {
        name,
        is_view: false,
    });
    take_numbers(connection, old.as_slice()).await
}

/// Reads the rows of a version that the earlier system computed.
pub(in crate::store::postgres) async fn rows(
    store: &PostgresStore,
    version: i64,
) -> StoreResult<Vec<LegacyRow>> {
    let action = "read a version of the earlier system";
    let mut connection = store.reader().await?;
    let there = "SELECT to_regclass('fifo_legacy.fifo_allocations') IS NOT NULL";
    let there: bool = sqlx::query_scalar(there)
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    if !there {
        return Err(PostgresRefusal::NoLegacy.into());
    }
    // The columns may be floats or numerics; JSON has all digits of either.
    let number = |name: &str| format!("trim_scale((j ->> '{name}')::numeric)::text");
    let sql = format!(
        "SELECT j ->> 'symbol', j ->> 'sell_order_id', j ->> 'buy_order_id', {}, {}, {}, \
         (extract(epoch FROM (j ->> 'sell_time')::timestamptz) * 1000000)::bigint \
         FROM (SELECT to_jsonb(a) AS j FROM fifo_legacy.fifo_allocations a \
               WHERE allocation_version = $1) rows ORDER BY 1, 7, 2, j ->> 'buy_time', 3",
        number("allocated_size"),
        number("cost_basis_usd"),
        number("pnl_usd")
    );
    type LegacyCells = (
        String,
        String,
        Option<String>,
        String,
        Option<String>,
        Option<String>,
        i64,
    );
    let rows: Vec<LegacyCells> = sqlx::query_as(AssertSqlSafe(sql))
        .bind(version)
        .fetch_all(&mut *connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    let row = |(symbol, sell_order_id, buy_order_id, size, cost_basis, pnl, micros)| LegacyRow {
        symbol,
        sell_order_id,
        buy_order_id,
        size,
        cost_basis,
        pnl,
        sell_time_micros: micros,
    };
    Ok(rows.into_iter().map(row).collect())
}
