//! Snapshots of what an earlier system answered, in PostgreSQL: a table each.

use async_trait::async_trait;
use serde_json::json;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::adoption::mapping::Mapping;
use super::adoption::{legacy, mapping};
use super::errors::from_sqlx;
use super::{PostgresStore, commit, log};
use crate::engine::Timestamp;
use crate::store::model::{
    Event, HistoricalSell, ImportedFile, LegacyRow, LoggedEvent, OrderUnlikeFills,
    SNAPSHOT_COLUMNS, SNAPSHOT_PREFIX, Version, is_snapshot_name, parents_of_json,
};
use crate::store::rules::{REVIEW_EVENTS, check_snapshot_free};
use crate::store::{HistoryStore, SnapshotRefusal, StoreError, StoreResult, cells};

#[async_trait]
impl HistoryStore for PostgresStore {
    async fn imports(&self) -> StoreResult<Vec<ImportedFile>> {
        self.named(async {
            let mut connection = self.reader().await?;
            let rows: Vec<(i64, String, String, i64, i64)> = sqlx::query_as(
                "SELECT id, name, sha256, rows::bigint, \
                 (extract(epoch FROM imported_at) * 1000000)::bigint FROM imports ORDER BY id",
            )
            .fetch_all(&mut *connection)
            .await
            .map_err(|e| from_sqlx("list the imported files", e))?;
            Ok(rows.into_iter().map(cells::imported_file).collect())
        })
        .await
    }

    async fn events_of(&self, kinds: &[&str]) -> StoreResult<Vec<LoggedEvent>> {
        self.named(async { events(self, kinds, None).await }).await
    }

    async fn item_history(&self, id: i64) -> StoreResult<Vec<LoggedEvent>> {
        self.named(async { events(self, &REVIEW_EVENTS, Some(id)).await })
            .await
    }

    async fn log_event(&self, event: &Event) -> StoreResult<()> {
        self.named(async {
            let mut transaction = self.writer().await?;
            log::log_event(&mut transaction, event).await?;
            commit(transaction).await
        })
        .await
    }

    async fn snapshots(&self) -> StoreResult<Vec<String>> {
        self.named(async {
            let mut connection = self.reader().await?;
            names(&mut connection).await
        })
        .await
    }

    async fn snapshot(&self, name: &str) -> StoreResult<Vec<HistoricalSell>> {
        self.named(async {
            let action = "read a snapshot";
            let columns = SNAPSHOT_COLUMNS.map(|column| format!("j ->> '{column}'"));
            let sql = format!(
                "SELECT {} FROM (SELECT to_jsonb(s) AS j FROM public.{name} s) rows ORDER BY 1",
                columns.join(", ")
            );
            let mut connection = self.reader().await?;
            // Only a name of the list stands in a statement.
            if !names(&mut connection)
                .await?
                .iter()
                .any(|known| known == name)
            {
                return Err(no_snapshot(name));
            }
            let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut *connection);
            let rows = rows.await.map_err(|e| from_sqlx(action, e))?;
            let sell = |row: &sqlx::postgres::PgRow| {
                let text = |index: usize| row.try_get::<Option<String>, _>(index).unwrap_or(None);
                HistoricalSell {
                    order_id: text(0).unwrap_or_default(),
                    parent_id: text(1),
                    parent_ids: parents_of_json(text(2).as_deref()),
                    pnl_usd: text(3),
                    cost_basis: text(4),
                    sale_proceeds: text(5),
                    net_sale_proceeds: text(6),
                    realized_profit: text(7),
                    remaining_size: text(8),
                    note: text(9),
                }
            };
            Ok(rows.iter().map(sell).collect())
        })
        .await
    }

    async fn add_snapshot(
        &self,
        name: &str,
        sells: &[HistoricalSell],
        at: Timestamp,
    ) -> StoreResult<()> {
        self.named(async {
            let action = "write a snapshot";
            let mut transaction = self.writer().await?;
            check_snapshot_free(name, &names(&mut transaction).await?)?;
            let sql = AssertSqlSafe(create(name));
            let created = sqlx::query(sql).execute(&mut *transaction).await;
            created.map_err(|e| from_sqlx(action, e))?;
            for sells in sells.chunks(ROWS_MAX) {
                let of = |part: fn(&HistoricalSell) -> Option<String>| -> Vec<Option<String>> {
                    sells.iter().map(part).collect()
                };
                let sql = format!(
                    "INSERT INTO public.{name} SELECT a, b, \
                     (SELECT array_agg(v) FROM jsonb_array_elements_text(c::jsonb) v), \
                     d::numeric, e::numeric, f::numeric, g::numeric, h::numeric, i::numeric, j, \
                     $11::timestamptz FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], \
                     $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[]) \
                     AS x (a, b, c, d, e, f, g, h, i, j)"
                );
                sqlx::query(AssertSqlSafe(sql))
                    .bind(of(|sell| Some(sell.order_id.clone())))
                    .bind(of(|sell| sell.parent_id.clone()))
                    .bind(of(|sell| Some(json!(sell.parent_ids).to_string())))
                    .bind(of(|sell| sell.pnl_usd.clone()))
                    .bind(of(|sell| sell.cost_basis.clone()))
                    .bind(of(|sell| sell.sale_proceeds.clone()))
                    .bind(of(|sell| sell.net_sale_proceeds.clone()))
                    .bind(of(|sell| sell.realized_profit.clone()))
                    .bind(of(|sell| sell.remaining_size.clone()))
                    .bind(of(|sell| sell.note.clone()))
                    .bind(at.to_string())
                    .execute(&mut *transaction)
                    .await
                    .map_err(|e| from_sqlx(action, e))?;
            }
            let details = json!({ "snapshot": name, "rows": sells.len() });
            log::log_event(&mut transaction, &Event::info("history", at, details)).await?;
            commit(transaction).await
        })
        .await
    }

    async fn legacy_rows(&self, version: Version) -> StoreResult<Vec<LegacyRow>> {
        self.named(legacy::rows(self, version)).await
    }

    async fn orders_unlike_fills(&self) -> StoreResult<Vec<OrderUnlikeFills>> {
        self.named(mapping::orders_unlike_fills(self)).await
    }
}

/// Rows written in one statement.
const ROWS_MAX: usize = 10_000;

async fn events(
    store: &PostgresStore,
    kinds: &[&str],
    item: Option<i64>,
) -> StoreResult<Vec<LoggedEvent>> {
    let mut connection = store.reader().await?;
    let rows: Vec<(String, i64, Option<i64>, String)> = sqlx::query_as(
        "SELECT event_type, (extract(epoch FROM event_time) * 1000000)::bigint, \
         allocation_version::bigint, details::text FROM event_log \
         WHERE event_type = ANY (string_to_array($1, ',')) \
         AND ($2::bigint IS NULL OR details -> 'id' = to_jsonb($2::bigint)) ORDER BY id",
    )
    .bind(kinds.join(","))
    .bind(item)
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx("read the audit trail", e))?;
    let event = |(kind, at, version, details): (String, i64, Option<i64>, String)| LoggedEvent {
        kind,
        at: Timestamp::try_from_micros(at).unwrap_or(Timestamp::EPOCH),
        version,
        details: serde_json::from_str(&details).unwrap_or_default(),
    };
    Ok(rows.into_iter().map(event).collect())
}

async fn names(connection: &mut PgConnection) -> StoreResult<Vec<String>> {
    let names: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'public' AND c.relkind = 'r' AND starts_with(c.relname::text, $1) \
         ORDER BY 1",
    )
    .bind(SNAPSHOT_PREFIX)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("list the snapshots", e))?;
    Ok(names
        .into_iter()
        .filter(|name| is_snapshot_name(name))
        .collect())
}

fn no_snapshot(name: &str) -> StoreError {
    SnapshotRefusal::Missing(name.to_owned()).into()
}

/// The types of a snapshot's columns, in order.
const TYPES: [&str; 11] = [
    "text",
    "text",
    "text[]",
    "numeric",
    "numeric",
    "numeric",
    "numeric",
    "numeric",
    "numeric",
    "text",
    "timestamptz",
];

fn create(name: &str) -> String {
    let columns = SNAPSHOT_COLUMNS.iter().zip(TYPES);
    let columns: Vec<String> = columns
        .map(|(name, kind)| format!("{name} {kind}"))
        .collect();
    format!("CREATE TABLE public.{name} ({})", columns.join(", "))
}

/// Takes the snapshot of a ledger that is adopted, of sells that had a parent, unless there is one
/// already. Returns its name and rows; `None`: the ledger has no such columns.
pub(super) async fn take(
    connection: &mut PgConnection,
    mapping: &Mapping,
    date: Option<&str>,
) -> StoreResult<Option<(String, u64)>> {
    let action = "take the snapshot of the old answers";
    if let Some(name) = names(connection).await?.pop() {
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
    for sql in [create(&name), sql] {
        let done = sqlx::query(AssertSqlSafe(sql)).execute(&mut *connection);
        done.await.map_err(|e| from_sqlx(action, e))?;
    }
    let rows = count(connection, &name).await?;
    Ok(Some((name, rows)))
}

/// Returns the statement that copies the old answers as they are.
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
    for name in names(connection).await? {
        let rows = count(connection, &name).await?;
        counts.push((name, rows));
    }
    Ok(counts)
}
