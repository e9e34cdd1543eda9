//! The ledger in PostgreSQL: imports, voids, and reads of eligible trades.
//!
//! A snapshot, not a sequence, tells what arrived. A slow transaction that commits late is in no
//! earlier snapshot, so no run misses it. Source: docs/SPEC-matching.md, "Versions".

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Postgres, Transaction};

use super::adoption::mapping::Ledger;
use super::adoption::writings;
use super::cells::literal;
use super::errors::from_sqlx;
use super::gate::{self, GateRows, snapshot_now};
use super::{PostgresStore, commit, end_snapshot, runs, waits};
use crate::engine::{Pool, Timestamp};
use crate::store::cells::pool;
use crate::store::corrections::{Forms, Relative};
use crate::store::model::{
    Event, LedgerCounts, LedgerRead, PoolSizes, Scope, VoidChange, Watermark, Writings,
};
use crate::store::rules::check_voidable;
use crate::store::{Elsewhere, Seen, StoreError, StoreResult};

/// Begins a transaction that writes to the ledger, after the last one that does has ended.
pub(super) async fn ledger_writer(
    store: &PostgresStore,
) -> StoreResult<Transaction<'static, Postgres>> {
    let mut transaction = store.writer().await?;
    waits::take_turn(&mut transaction, &waits::IMPORTS).await?;
    Ok(transaction)
}

pub(super) async fn insert_void(
    connection: &mut PgConnection,
    change: &VoidChange,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO trade_voids (account, order_id, reason, voided_by, voided_at, undone) \
         VALUES ($1, $2, $3, $4, $5::timestamptz, $6)",
    )
    .bind(change.account.as_str())
    .bind(&change.order_id)
    .bind(&change.reason)
    .bind(&change.voided_by)
    .bind(change.voided_at.to_string())
    .bind(change.undo)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx("void a trade", e))
}

/// Appends a void or an undo.
pub(super) async fn void(store: &PostgresStore, change: &VoidChange) -> StoreResult<()> {
    let mut transaction = ledger_writer(store).await?;
    let (account, order_id) = (change.account.as_str(), change.order_id.as_str());
    let state: Option<bool> = sqlx::query_scalar(AssertSqlSafe(format!(
        "SELECT EXISTS (SELECT 1 FROM active_voids v WHERE v.account = t.account \
         AND v.order_id = t.order_id) FROM {} t WHERE account = $1 AND order_id = $2",
        store.ledger.rows()
    )))
    .bind(account)
    .bind(order_id)
    .fetch_optional(&mut *transaction)
    .await
    .map_err(|e| from_sqlx("void a trade", e))?;
    let relatives = relatives(&mut transaction, store.ledger, account, order_id).await?;
    check_voidable(change, state, &relatives)?;
    insert_void(&mut transaction, change).await?;
    let details = json!({ "account": account, "order_id": order_id, "undo": change.undo,
        "reason": change.reason, "by": change.voided_by });
    runs::log_event(
        &mut transaction,
        &Event::info("void", change.voided_at, details),
    )
    .await?;
    commit(transaction).await
}

/// Returns the rows among which all forms of an order are, its corrections and what it corrects.
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

/// Counts the ledger's rows; each is in exactly one of the two views.
pub(super) async fn counts(store: &PostgresStore) -> StoreResult<LedgerCounts> {
    let mut connection = store.reader().await?;
    let action = "count the ledger";
    // Each row has a key of its own, so where both views together have as many rows as the table,
    // and the same sum of the keys' hashes, every row is in one of them and none in both.
    let of = |relation: &str| {
        format!(
            "(SELECT count(*) AS n, coalesce(sum(hashtextextended(order_id, \
                hashtextextended(account, 0))), 0) AS keys FROM {relation})"
        )
    };
    let row: (i64, i64, i64, i64, bool) = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT t.n, e.n, i.n, (SELECT count(*) FROM active_voids), \
                t.n = e.n + i.n AND t.keys = e.keys + i.keys FROM {} t, {} e, {} i",
        of(store.ledger.rows()),
        of("eligible_trades"),
        of("ineligible_trades")
    )))
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    let (in_neither, in_both) = match row.4 {
        true => (0, 0),
        false => misplaced(&mut connection, store.ledger).await?,
    };
    let count = |value: i64| u64::try_from(value).unwrap_or(0);
    Ok(LedgerCounts {
        rows: count(row.0),
        eligible: count(row.1),
        ineligible: count(row.2),
        voided: count(row.3),
        in_neither: count(in_neither),
        in_both: count(in_both),
    })
}

/// Counts the rows in neither view, and those in both: an adapted view is wrong.
async fn misplaced(connection: &mut PgConnection, ledger: Ledger) -> StoreResult<(i64, i64)> {
    sqlx::query_as(AssertSqlSafe(format!(
        "WITH seen AS (SELECT account, order_id FROM eligible_trades \
                       UNION ALL SELECT account, order_id FROM ineligible_trades), \
              times AS (SELECT account, order_id, count(*) AS n FROM seen \
                        GROUP BY account, order_id) \
         SELECT (SELECT count(*) FROM {} t LEFT JOIN times USING (account, order_id) \
                 WHERE n IS NULL), \
                (SELECT count(*) FROM times WHERE n > 1)",
        ledger.rows()
    )))
    .fetch_one(connection)
    .await
    .map_err(|e| from_sqlx("count the ledger", e))
}

/// Reads the pools of a scope through the gate, in one snapshot.
pub(super) async fn read(
    store: &PostgresStore,
    scope: &Scope,
    as_of: Option<&Watermark>,
    seen: Seen<'_>,
) -> StoreResult<LedgerRead> {
    let mut connection = store.snapshot().await?;
    let read = read_in(&mut connection, store.ledger, scope, as_of, seen).await;
    end_snapshot(connection, read).await
}

async fn read_in(
    connection: &mut PgConnection,
    ledger: Ledger,
    scope: &Scope,
    as_of: Option<&Watermark>,
    seen: Seen<'_>,
) -> StoreResult<LedgerRead> {
    let (snapshot, cluster) = snapshot_now(connection, "read the ledger").await?;
    let as_of = as_of
        .map(|watermark| snapshot_seen(watermark, &cluster))
        .transpose()?;
    let voided = match &as_of {
        None => None,
        Some(snapshot) => Some(voided_as_of(connection, snapshot).await?),
    };
    let snapshot = as_of.clone().unwrap_or(snapshot);
    let mut read = LedgerRead::default();
    let rows = GateRows::new(scope, &snapshot, voided, as_of.is_some())?;
    if ledger != Ledger::Ours {
        // The server looks fills up in a hash. To merge them with the ledger it would sort the
        // ledger: 1.9 s of a million rows instead of 1.2 s.
        let hash = connection.execute("SET LOCAL enable_mergejoin = off").await;
        hash.map_err(|e| from_sqlx("read the ledger", e))?;
    }
    let condition = condition_of(scope);
    let rows = gate::copy_out(connection, &condition, rows, &mut read, seen).await?;
    let all_are_eligible = ledger != Ledger::Ours
        && condition.is_empty()
        && rows == rows_in(connection, ledger).await?;
    if scope.is_first_slice() && !all_are_eligible {
        count_ineligible(connection, scope, &snapshot, &mut read).await?;
    }
    read.watermark = match ledger {
        Ledger::Ours | Ledger::Guarded => Watermark::Snapshot { snapshot, cluster },
        Ledger::Unguarded => Watermark::Unguarded {
            snapshot,
            cluster,
            // Of an earlier instant nobody knows them any more.
            writings: match as_of {
                None => writings::seen(connection).await?,
                Some(_) => Writings::default(),
            },
        },
    };
    Ok(read)
}

/// Counts the rows of each pool of a scope, in one snapshot.
pub(super) async fn pool_sizes(
    store: &PostgresStore,
    scope: &Scope,
) -> StoreResult<Option<PoolSizes>> {
    if store.ledger == Ledger::Unguarded {
        // It can change between two readings, and nothing tells what it was.
        return Ok(None);
    }
    let mut connection = store.snapshot().await?;
    let sizes = sizes_in(&mut connection, scope).await;
    end_snapshot(connection, sizes).await.map(Some)
}

async fn sizes_in(connection: &mut PgConnection, scope: &Scope) -> StoreResult<PoolSizes> {
    let action = "count the ledger";
    let (snapshot, cluster) = snapshot_now(connection, action).await?;
    let rows: Vec<(String, String, i64, bool)> = sqlx::query_as(
        "SELECT account, symbol, sum(n)::bigint, bool_and(seen) FROM ( \
             SELECT account, symbol, count(*) AS n, \
                    max(ingest_xid) < pg_snapshot_xmax($1::pg_snapshot) AS seen \
             FROM eligible_trades GROUP BY account, symbol \
             UNION ALL SELECT DISTINCT account, symbol, 0, true FROM ineligible_trades) pools \
         GROUP BY account, symbol",
    )
    .bind(&snapshot)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    let mut sizes = PoolSizes {
        watermark: Watermark::Snapshot { snapshot, cluster },
        rows: BTreeMap::new(),
    };
    for (account, symbol, rows, is_ours) in &rows {
        if !is_ours {
            return Err(gate::copied_ledger());
        }
        let pool = pool(account, symbol);
        if scope.contains(&pool) {
            sizes.rows.insert(pool, u64::try_from(*rows).unwrap_or(0));
        }
    }
    Ok(sizes)
}

/// More names than this are not listed in a statement: all rows are sent, and the choice is ours.
const NAMES_MAX: usize = 10_000;

/// Leaves the choice of the rows of a part or a slice to the server, which sends no others.
///
/// By account and by symbol; the server looks each up in a hash. That may let through an account of
/// one pool with the symbol of another, so a reader still asks the scope.
fn condition_of(scope: &Scope) -> String {
    let mut conditions = slice_conditions(scope);
    if let Some(part) = &scope.part {
        let accounts: BTreeSet<&str> = part.iter().map(|pool| pool.account.as_str()).collect();
        let symbols: BTreeSet<&str> = part.iter().map(|pool| pool.symbol.as_str()).collect();
        for (column, names) in [("account", accounts), ("symbol", symbols)] {
            if (1..=NAMES_MAX).contains(&names.len()) {
                let names: Vec<String> = names.into_iter().map(literal).collect();
                conditions.push(format!("{column} IN ({})", names.join(", ")));
            }
        }
    }
    match conditions.is_empty() {
        true => String::new(),
        false => format!("WHERE {}", conditions.join(" AND ")),
    }
}

fn slice_conditions(scope: &Scope) -> Vec<String> {
    let after = |time: Timestamp| format!("order_time > '{time}'");
    let until = |time: Timestamp| format!("order_time <= '{time}'");
    match scope.slice.map(|slice| (slice.after, slice.until)) {
        None | Some((None, None)) => Vec::new(),
        Some((None, Some(end))) => vec![format!("({} OR order_time IS NULL)", until(end))],
        Some((Some(start), None)) => vec![after(start)],
        Some((Some(start), Some(end))) => vec![after(start), until(end)],
    }
}

/// Returns the instants that cut a pool into slices of about so many rows.
pub(super) async fn slice_times(
    store: &PostgresStore,
    pool: &Pool,
    rows: u64,
) -> StoreResult<Option<Vec<Timestamp>>> {
    let action = "cut a pool into slices";
    let mut connection = store.reader().await?;
    let times: Vec<i64> = sqlx::query_scalar(
        "SELECT DISTINCT (extract(epoch FROM order_time) * 1000000)::bigint AS cut FROM ( \
             SELECT order_time, row_number() OVER (ORDER BY order_time) AS nth \
             FROM eligible_trades WHERE account = $1 AND symbol = $2 AND isfinite(order_time)) o \
         WHERE nth % $3 = 0 ORDER BY cut",
    )
    .bind(pool.account.as_str())
    .bind(pool.symbol.as_str())
    .bind(i64::try_from(rows).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    // A time that is none is found where the row is read.
    let times = times.into_iter().map(Timestamp::try_from_micros);
    Ok(Some(times.filter_map(Result::ok).collect()))
}

/// Returns the snapshot that a version saw of what only we write.
///
/// Errors: it is another cluster's, or no snapshot at all.
fn snapshot_seen(watermark: &Watermark, cluster: &str) -> StoreResult<String> {
    match watermark {
        Watermark::Unguarded {
            snapshot,
            cluster: theirs,
            ..
        } if theirs == cluster => Ok(snapshot.clone()),
        other => snapshot_of(other, cluster),
    }
}

/// Returns the snapshot of a watermark. Errors: it is another cluster's, or no snapshot at all.
pub(super) fn snapshot_of(watermark: &Watermark, cluster: &str) -> StoreResult<String> {
    match watermark {
        Watermark::Snapshot {
            snapshot,
            cluster: theirs,
        } if theirs == cluster => Ok(snapshot.clone()),
        Watermark::Unguarded {
            cluster: theirs, ..
        } if theirs == cluster => Err(StoreError::WatermarkElsewhere(Elsewhere::Unguarded)),
        _ => Err(StoreError::WatermarkElsewhere(Elsewhere::Cluster)),
    }
}

pub(super) async fn count_ineligible(
    connection: &mut PgConnection,
    scope: &Scope,
    snapshot: &str,
    read: &mut LedgerRead,
) -> StoreResult<()> {
    let reasons: Vec<(String, String, String, i64)> = sqlx::query_as(
        "SELECT account, symbol, reason, count(*) FROM ineligible_trades \
         WHERE pg_visible_in_snapshot(ingest_xid, $1::pg_snapshot) \
         GROUP BY account, symbol, reason",
    )
    .bind(snapshot)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("read the ledger", e))?;
    for (account, symbol, reason, rows) in reasons {
        if scope.contains(&pool(&account, &symbol)) {
            *read.ineligible.entry(reason).or_default() += rows as u64;
        }
    }
    Ok(())
}

/// Counts a ledger's rows: at a small part of the time that asking which are ineligible takes in a
/// ledger that was there before us.
async fn rows_in(connection: &mut PgConnection, ledger: Ledger) -> StoreResult<u64> {
    let sql = format!("SELECT count(*) FROM {}", ledger.rows());
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx("count the ledger", e))?;
    Ok(u64::try_from(rows).unwrap_or(0))
}

/// Returns the voids in force as of an instant.
pub(super) async fn voided(
    store: &PostgresStore,
    as_of: &Watermark,
) -> StoreResult<BTreeSet<(String, String)>> {
    let (_, voided) = seen_and_voided(store, as_of).await?;
    Ok(voided)
}

/// Returns the server's text of an instant, and the voids in force then.
pub(super) async fn seen_and_voided(
    store: &PostgresStore,
    as_of: &Watermark,
) -> StoreResult<(String, BTreeSet<(String, String)>)> {
    let mut connection = store.snapshot().await?;
    let (_, cluster) = snapshot_now(&mut connection, "read the voids").await?;
    let voided = match snapshot_seen(as_of, &cluster) {
        Ok(snapshot) => {
            let voided = voided_as_of(&mut connection, &snapshot).await;
            voided.map(|voided| (snapshot, voided))
        }
        Err(error) => Err(error),
    };
    end_snapshot(connection, voided).await
}

/// Returns the voids in force as of a snapshot: not the view's, which knows only this instant.
async fn voided_as_of(
    connection: &mut PgConnection,
    snapshot: &str,
) -> StoreResult<BTreeSet<(String, String)>> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT account, order_id FROM \
         (SELECT DISTINCT ON (account, order_id) account, order_id, undone FROM trade_voids \
          WHERE pg_visible_in_snapshot(void_xid, $1::pg_snapshot) \
          ORDER BY account, order_id, void_seq DESC) last WHERE NOT undone",
    )
    .bind(snapshot)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("read the voids", e))?;
    Ok(rows.into_iter().collect())
}

/// Says about how many rows the ledger has, as the server's statistics have it.
pub(super) async fn rows_about(store: &PostgresStore) -> StoreResult<Option<u64>> {
    let mut connection = store.reader().await?;
    let rows: i64 = sqlx::query_scalar(
        "SELECT greatest(reltuples::bigint, pg_stat_get_live_tuples(oid)) FROM pg_class \
         WHERE oid = 'public.trade_records'::regclass",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx("count the ledger", e))?;
    Ok(u64::try_from(rows).ok().filter(|rows| *rows > 0))
}

/// Returns the file and line that a trade came from.
pub(super) async fn origin(
    store: &PostgresStore,
    account: &str,
    order_id: &str,
) -> StoreResult<Option<(String, i64, Timestamp)>> {
    let mut connection = store.reader().await?;
    let row: Option<(String, i64, i64)> = sqlx::query_as(AssertSqlSafe(format!(
        "SELECT i.name, t.import_line, (extract(epoch FROM i.imported_at) * 1000000)::bigint \
         FROM {} t JOIN imports i ON i.id = t.import_id \
         WHERE t.account = $1 AND t.order_id = $2",
        store.ledger.additions()
    )))
    .bind(account)
    .bind(order_id)
    .fetch_optional(&mut *connection)
    .await
    .map_err(|e| from_sqlx("look up a trade's file", e))?;
    Ok(row.map(|(name, line, at)| {
        (
            name,
            line,
            Timestamp::try_from_micros(at).unwrap_or(Timestamp::EPOCH),
        )
    }))
}
