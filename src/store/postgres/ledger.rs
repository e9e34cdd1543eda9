//! The ledger in PostgreSQL: imports, voids, and reads of eligible trades.
//!
//! A snapshot, not a sequence, tells what arrived. A slow transaction that commits late is in no
//! earlier snapshot, so no run misses it. Source: docs/SPEC-matching.md, "Versions".

use std::collections::BTreeSet;

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};

use super::adoption::mapping::Ledger;
use super::adoption::writings;
use super::cells::literal;
use super::errors::from_sqlx;
use super::gate::snapshot_seen;
use super::gate::{PostgresGate, count_ineligible, names, snapshot_now};
use super::voids::{ledger_writer, relatives, seen_and_voided, voided_as_of};
use super::{PostgresStore, append, commit, end_snapshot, gate, import};
use crate::engine::{Account, AssetRules, Pool, Timestamp};
use crate::store::fingerprint::AdaptedViews;
use crate::store::model::{
    Arrivals, ImportFile, ImportReceipt, LedgerCounts, LedgerRead, NamedTrade, PoolSizes, Scope,
    TradeIds, VoidChange, Watermark, Writings,
};
use crate::store::more::name_columns;
use crate::store::trades::TradeSource;
use crate::store::{LedgerStore, Seen, StoreResult, cells, more, sql};

#[async_trait]
impl LedgerStore for PostgresStore {
    fn location(&self) -> String {
        self.url.location.clone()
    }

    fn adapted_views(&self) -> AdaptedViews {
        self.adapted.clone()
    }

    async fn import_file(
        &self,
        file: &ImportFile,
        trades: &mut dyn TradeSource,
    ) -> StoreResult<ImportReceipt> {
        self.named(import::import(self, file, trades)).await
    }

    async fn void(&self, change: &VoidChange) -> StoreResult<()> {
        self.named(async {
            let mut transaction = ledger_writer(self).await?;
            let (account, order_id) = (change.account.as_str(), change.order_id.as_str());
            let (rows, id) = (self.ledger.rows(), (account, order_id));
            let state = sql::ledger::is_voided(&mut *transaction, rows, id).await?;
            let relatives = relatives(&mut transaction, self.ledger, account, order_id).await?;
            sql::ledger::void(&mut *transaction, change, state, &relatives).await?;
            commit(transaction).await
        })
        .await
    }

    async fn voided_as_of(&self, as_of: &Watermark) -> StoreResult<BTreeSet<(String, String)>> {
        self.named(async {
            let (_, voided) = seen_and_voided(self, as_of).await?;
            Ok(voided)
        })
        .await
    }

    async fn trade_origin(
        &self,
        account: &Account,
        order_id: &str,
    ) -> StoreResult<Option<(String, i64, Timestamp)>> {
        self.named(async {
            let (additions, id) = (self.ledger.additions(), (account.as_str(), order_id));
            let of = (additions, "order_id");
            sql::ledger::origin(&mut *self.reader().await?, of, id).await
        })
        .await
    }

    async fn trades_named(
        &self,
        ids: &TradeIds,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<NamedTrade>> {
        self.named(async {
            let then = match as_of {
                Some(as_of) => Some(seen_and_voided(self, as_of).await?),
                None => None,
            };
            let (snapshot, voided) = then.unzip();
            let accounts: Vec<&str> = ids.iter().map(|(account, _)| &**account).collect();
            let order_ids: Vec<&str> = ids.iter().map(|(_, id)| &**id).collect();
            let mut connection = self.reader().await?;
            let rows = sqlx::query(
                "SELECT t.account, t.symbol, t.base_asset, t.quote_currency, t.asset_class, \
                        t.fee_currency, t.order_id, t.side, CASE WHEN isfinite(t.order_time) \
                        THEN (extract(epoch FROM t.order_time) * 1000000)::bigint END, \
                        t.void_seq IS NOT NULL \
                 FROM eligible_trades t JOIN (SELECT DISTINCT account COLLATE \"C\" AS account, \
                      id COLLATE \"C\" AS id FROM unnest($1::text[], $2::text[]) AS u (account, \
                      id)) i ON t.account = i.account AND t.order_id = i.id \
                 WHERE $3::text IS NULL OR pg_visible_in_snapshot(t.ingest_xid, $3::pg_snapshot) \
                 ORDER BY i.account, i.id",
            )
            .bind(&accounts)
            .bind(&order_ids)
            .bind(&snapshot)
            .fetch_all(&mut *connection)
            .await
            .map_err(|e| from_sqlx("look trades up", e))?;
            let trade = |row: &PgRow| -> sqlx::Result<Option<NamedTrade>> {
                let (account, symbol, stated) = names(row)?;
                let pool = self.rules.get().pool_of_row(&account, &symbol, &stated);
                let (id, side): (String, String) = (row.try_get(6)?, row.try_get(7)?);
                let (micros, is_voided) = (row.try_get(8)?, row.try_get(9)?);
                let key = (account, id.clone());
                let is_voided = voided.as_ref().map_or(is_voided, |of| of.contains(&key));
                Ok(cells::named_trade((pool, &id), &side, micros, is_voided))
            };
            let trades = rows.iter().filter_map(|row| trade(row).transpose());
            let trades: sqlx::Result<Vec<NamedTrade>> = trades.collect();
            trades.map_err(|e| from_sqlx("look trades up", e))
        })
        .await
    }

    async fn ledger_counts(&self) -> StoreResult<LedgerCounts> {
        self.named(async {
            let mut connection = self.reader().await?;
            let action = "count the ledger";
            // A row has its own key. So if both views have as many rows as the table, and the same
            // sum of key hashes, every row is in exactly one view.
            let of = |relation: &str| {
                format!(
                    "(SELECT count(*) AS n, coalesce(sum(hashtextextended(order_id, \
                        hashtextextended(account, 0))), 0) AS keys FROM {relation})"
                )
            };
            let row: (i64, i64, i64, i64, bool) = sqlx::query_as(AssertSqlSafe(format!(
                "SELECT t.n, e.n, i.n, (SELECT count(*) FROM active_voids) + CASE WHEN EXISTS \
                        (SELECT 1 FROM active_import_voids) THEN (SELECT count(*) \
                        FROM eligible_trades WHERE void_seq = 0) ELSE 0 END, \
                        t.n = e.n + i.n AND t.keys = e.keys + i.keys FROM {} t, {} e, {} i",
                of(self.ledger.rows()),
                of("eligible_trades"),
                of("ineligible_trades")
            )))
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| from_sqlx(action, e))?;
            let (in_neither, in_both) = match row.4 {
                true => (0, 0),
                false => misplaced(&mut connection, self.ledger).await?,
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
        })
        .await
    }

    async fn ledger_rows_about(&self) -> StoreResult<Option<u64>> {
        self.named(async {
            let mut connection = self.reader().await?;
            let rows: i64 = sqlx::query_scalar(
                "SELECT greatest(reltuples::bigint, pg_stat_get_live_tuples(oid)) FROM pg_class \
                 WHERE oid = 'public.trade_records'::regclass",
            )
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| from_sqlx("count the ledger", e))?;
            Ok(u64::try_from(rows).ok().filter(|rows| *rows > 0))
        })
        .await
    }

    async fn pool_sizes(&self, scope: &Scope) -> StoreResult<Option<PoolSizes>> {
        self.named(async {
            if self.ledger == Ledger::Unguarded {
                // Others may change this ledger between two queries, and an earlier state is lost.
                return Ok(None);
            }
            let mut connection = self.snapshot().await?;
            let sizes = sizes_in(&mut connection, (scope, &self.rules.get())).await;
            end_snapshot(connection, sizes).await.map(Some)
        })
        .await
    }

    async fn slice_times(
        &self,
        pool: &Pool,
        symbols: &BTreeSet<String>,
        rows: u64,
    ) -> StoreResult<Option<Vec<Timestamp>>> {
        self.named(async {
            let action = "cut a pool into slices";
            let mut connection = self.reader().await?;
            let symbols: Vec<&str> = symbols.iter().map(String::as_str).collect();
            let times: Vec<i64> = sqlx::query_scalar(
                "SELECT DISTINCT (extract(epoch FROM order_time) * 1000000)::bigint AS cut FROM ( \
                     SELECT order_time, row_number() OVER (ORDER BY order_time) AS nth \
                     FROM eligible_trades WHERE account = $1 AND symbol = ANY ($2::text[]) AND \
                     isfinite(order_time)) o WHERE nth % $3 = 0 ORDER BY cut",
            )
            .bind(pool.account.as_str())
            .bind(symbols)
            .bind(i64::try_from(rows).unwrap_or(i64::MAX))
            .fetch_all(&mut *connection)
            .await
            .map_err(|e| from_sqlx(action, e))?;
            // An invalid time is reported by the query that reads its row.
            let times = times.into_iter().map(Timestamp::try_from_micros);
            Ok(Some(times.filter_map(Result::ok).collect()))
        })
        .await
    }

    async fn read_ledger_seen(
        &self,
        scope: &Scope,
        as_of: Option<&Watermark>,
        seen: Seen<'_>,
    ) -> StoreResult<LedgerRead> {
        self.named(async {
            let mut connection = self.snapshot().await?;
            let read = read_in(
                &mut connection,
                self.ledger,
                (scope, &self.rules.get()),
                as_of,
                seen,
            )
            .await;
            end_snapshot(connection, read).await
        })
        .await
    }

    async fn arrivals(&self, scope: &Scope, since: &Watermark) -> StoreResult<Arrivals> {
        self.named(async {
            if self.ledger == Ledger::Unguarded {
                return writings::arrivals(self, scope, since).await;
            }
            let mut connection = self.snapshot().await?;
            let arrivals = append::arrivals_in(
                &mut connection,
                self.ledger,
                (scope, &self.rules.get()),
                since,
            )
            .await;
            end_snapshot(connection, arrivals).await
        })
        .await
    }
}

/// Counts rows that are in neither view, or in both: an adapted view that has any is wrong.
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

async fn read_in(
    connection: &mut PgConnection,
    ledger: Ledger,
    (scope, rules): (&Scope, &AssetRules),
    as_of: Option<&Watermark>,
    seen: Seen<'_>,
) -> StoreResult<LedgerRead> {
    let (snapshot, cluster, newest) = snapshot_now(connection, "read the ledger").await?;
    let cursors = as_of.map_or(newest, |as_of| *as_of.cursors());
    let as_of = as_of
        .map(|watermark| snapshot_seen(watermark, &cluster))
        .transpose()?;
    let voided = match &as_of {
        None => None,
        Some(snapshot) => Some(voided_as_of(connection, ledger, (snapshot, &cursors)).await?),
    };
    let snapshot = as_of.clone().unwrap_or(snapshot);
    let mut read = LedgerRead::default();
    let rows = PostgresGate::new((scope, rules), &snapshot, voided, as_of.is_some())?;
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
        let seen = format!(
            "WHERE pg_visible_in_snapshot(ingest_xid, {}::pg_snapshot)",
            literal(&snapshot)
        );
        count_ineligible(connection, (scope, rules), &seen, &mut read.ineligible).await?;
    }
    read.watermark = match ledger {
        Ledger::Ours | Ledger::Guarded => Watermark::Snapshot {
            snapshot,
            cluster,
            cursors,
        },
        Ledger::Unguarded => Watermark::Unguarded {
            snapshot,
            cluster,
            cursors,
            // The sums of an earlier instant can't be read any more.
            writings: match as_of {
                None => writings::seen(connection).await?,
                Some(_) => Writings::default(),
            },
        },
    };
    Ok(read)
}

async fn sizes_in(
    connection: &mut PgConnection,
    (scope, rules): (&Scope, &AssetRules),
) -> StoreResult<PoolSizes> {
    let action = "count the ledger";
    let (snapshot, cluster, cursors) = snapshot_now(connection, action).await?;
    let key = name_columns();
    let sql = format!(
        "SELECT {key}, sum(n)::bigint, bool_and(seen) FROM ( \
             SELECT {key}, count(*) AS n, \
                    max(ingest_xid) < pg_snapshot_xmax($1::pg_snapshot) AS seen \
             FROM eligible_trades GROUP BY {key} \
             UNION ALL SELECT DISTINCT {key}, 0, true FROM ineligible_trades) pools \
         GROUP BY {key}"
    );
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(&snapshot)
        .fetch_all(connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    let mut sizes = PoolSizes {
        watermark: Watermark::Snapshot {
            snapshot,
            cluster,
            cursors,
        },
        ..PoolSizes::default()
    };
    let failed = |e| from_sqlx(action, e);
    for row in &rows {
        if !row.try_get::<bool, _>(7).map_err(failed)? {
            return Err(gate::copied_ledger());
        }
        let count = row.try_get(6).map_err(failed)?;
        more::add_size(
            &mut sizes,
            (scope, rules),
            &names(row).map_err(failed)?,
            count,
        );
    }
    Ok(sizes)
}

/// Names in a statement, at most; beyond, the server sends all rows, and the program chooses.
const NAMES_MAX: usize = 10_000;

/// Returns the WHERE clause that selects the rows of a scope's part or slice.
fn condition_of(scope: &Scope) -> String {
    let mut conditions = slice_conditions(scope);
    let part = scope.part.as_deref().into_iter().flatten();
    let accounts: BTreeSet<&str> = part.map(|pool| pool.account.as_str()).collect();
    let symbols = scope.symbols.as_deref().into_iter().flatten();
    let symbols: BTreeSet<&str> = symbols.map(String::as_str).collect();
    for (column, names) in [("account", accounts), ("symbol", symbols)] {
        if (1..=NAMES_MAX).contains(&names.len()) {
            let names: Vec<String> = names.into_iter().map(literal).collect();
            conditions.push(format!("{column} IN ({})", names.join(", ")));
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

/// Counts a ledger's rows; in an adopted one, faster than finding the ineligible ones.
async fn rows_in(connection: &mut PgConnection, ledger: Ledger) -> StoreResult<u64> {
    let sql = format!("SELECT count(*) FROM {}", ledger.rows());
    let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx("count the ledger", e))?;
    Ok(u64::try_from(rows).unwrap_or(0))
}
