//! Snapshots of an earlier system's figures in PostgreSQL: a table for each.

use sqlx::{AssertSqlSafe, PgConnection};

use super::adoption::mapping::Mapping;
use super::errors::from_sqlx;
use crate::store::StoreResult;
use crate::store::model::SNAPSHOT_PREFIX;
use crate::store::rules::check_snapshot_free;
use crate::store::sql::Driver;
use crate::store::sql::history::snapshots;

/// Copies the earlier system's figures from an adopted ledger, unless a snapshot exists. Only sells
/// with a parent have figures. Returns the snapshot's name and rows. `None`: the ledger has no
/// column of parents.
pub(super) async fn take(
    connection: &mut PgConnection,
    mapping: &Mapping,
    date: Option<&str>,
) -> StoreResult<Option<(String, u64)>> {
    let action = "take the snapshot of the old answers";
    if let Some(name) = snapshots(connection).await?.pop() {
        return Ok(Some((name.clone(), count(connection, &name).await?)));
    }
    let parents = ["parent_id", "parent_ids"];
    if !parents.into_iter().any(|name| mapping.has(name)) {
        return Ok(None);
    }
    let today: String = sqlx::query_scalar("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')")
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    let name = format!("{SNAPSHOT_PREFIX}{}", date.unwrap_or(&today));
    check_snapshot_free(&name, &[])?;
    let sql = taking(&name, mapping);
    for sql in [PgConnection::create_snapshot(&name), sql] {
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection);
        done.await.map_err(|e| from_sqlx(action, e))?;
    }
    let rows = count(connection, &name).await?;
    Ok(Some((name, rows)))
}

/// Returns the statement that copies the old figures, unchanged.
fn taking(name: &str, mapping: &Mapping) -> String {
    let from = |column: &str, kind: &str| match mapping.has(column) {
        true => format!("t.{column}::text::{kind}"),
        false => format!("NULL::{kind}"),
    };
    let parent_ids = match mapping.has("parent_ids") {
        true => {
            "CASE jsonb_typeof(to_jsonb(t.parent_ids)) WHEN 'array' THEN \
                 (SELECT array_agg(v) FROM jsonb_array_elements_text(to_jsonb(t.parent_ids)) v) \
                 WHEN 'string' THEN ARRAY[t.parent_ids::text] END"
        }
        false => "NULL::text[]",
    };
    let columns = [
        mapping.sql("order_id").to_owned(),
        from("parent_id", "text"),
        parent_ids.to_owned(),
        from("pnl_usd", "numeric"),
        from("cost_basis_usd", "numeric"),
        from("sale_proceeds_usd", "numeric"),
        from("net_sale_proceeds_usd", "numeric"),
        from("realized_profit", "numeric"),
        from("remaining_size", "numeric"),
    ];
    format!(
        "INSERT INTO public.{name} SELECT * FROM (SELECT {}, NULL::text, now() \
         FROM public.trade_records t WHERE {} = 'sell') \
         AS old (order_id, parent_id, parent_ids, a, b, c, d, e, f, note, at) \
         WHERE nullif(parent_id, '') IS NOT NULL OR cardinality(parent_ids) > 0",
        columns.join(", "),
        mapping.sql("side")
    )
}

/// Counts a snapshot's rows.
pub(super) async fn count(connection: &mut PgConnection, name: &str) -> StoreResult<u64> {
    let sql = AssertSqlSafe(format!("SELECT count(*) FROM public.{name}"));
    let rows: i64 = sqlx::query_scalar(sql)
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx("count a snapshot", e))?;
    Ok(u64::try_from(rows).unwrap_or(0))
}

/// Counts the rows of every snapshot.
pub(super) async fn counts(connection: &mut PgConnection) -> StoreResult<Vec<(String, u64)>> {
    let mut counts = Vec::new();
    for name in snapshots(connection).await? {
        let rows = count(connection, &name).await?;
        counts.push((name, rows));
    }
    Ok(counts)
}
