//! The ledger in SQLite: imports, voids, and reads of eligible trades.

use std::collections::BTreeSet;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use serde_json::json;

use super::cells::select;
use super::errors::{from_rusqlite, from_sqlx};
use super::gate::{SqliteGate, count_ineligible, names, newest, sequence};
use super::raw::with_raw;
use super::voids::{relatives, voided_as_of};
use super::{SqliteStore, append, commit, import};
use crate::engine::{Account, AssetRules, Pool, Timestamp, is_never_executed};
use crate::store::cells::Cells;
use crate::store::fingerprint::AdaptedViews;
use crate::store::limits::ROWS_SEEN;
use crate::store::model::{
    Arrivals, Cursors, ImportFile, ImportReceipt, LedgerCounts, LedgerRead, NamedTrade, PoolSizes,
    Scope, TradeIds, VoidChange, Watermark,
};
use crate::store::more::name_columns;
use crate::store::trades::TradeSource;
use crate::store::{LedgerStore, Seen, StoreError, StoreResult, cells, more, sql};

#[async_trait]
impl LedgerStore for SqliteStore {
    fn location(&self) -> String {
        format!("sqlite://{}", self.path.display())
    }

    fn adapted_views(&self) -> AdaptedViews {
        self.adapted.clone()
    }

    async fn import_file(
        &self,
        file: &ImportFile,
        trades: &mut dyn TradeSource,
    ) -> StoreResult<ImportReceipt> {
        import::import(self, file, trades).await
    }

    async fn void(&self, change: &VoidChange) -> StoreResult<()> {
        let action = "void a trade";
        let mut transaction = self.writer().await?;
        let id = (change.account.as_str(), change.order_id.as_str());
        let state = sql::ledger::is_voided(&mut *transaction, "trade_records", id).await?;
        let relatives = with_raw(&mut transaction, action, |raw| {
            relatives(raw, id.0, id.1).map_err(|e| from_rusqlite(action, e))
        });
        let relatives = relatives.await?;
        sql::ledger::void(&mut *transaction, change, state, &relatives).await?;
        commit(transaction).await
    }

    async fn voided_as_of(&self, as_of: &Watermark) -> StoreResult<BTreeSet<(String, String)>> {
        let voids = voids_of(as_of)?;
        let mut transaction = self.snapshot().await?;
        with_raw(&mut transaction, "read the voids", |raw| {
            voided_as_of(raw, voids).map_err(|e| from_rusqlite("read the voids", e))
        })
        .await
    }

    async fn trade_origin(
        &self,
        account: &Account,
        order_id: &str,
    ) -> StoreResult<Option<(String, i64, Timestamp)>> {
        let id = (account.as_str(), order_id);
        let of = ("trade_records", "order_id");
        sql::ledger::origin(&mut *self.reader().await?, of, id).await
    }

    async fn trades_named(
        &self,
        ids: &TradeIds,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<NamedTrade>> {
        let now = Watermark::Sequence {
            ingest_seq: i64::MAX,
            void_seq: i64::MAX,
            cursors: Cursors::END,
        };
        let as_of = as_of.unwrap_or(&now);
        let (last, _) = sequence(as_of)?;
        let voided = self.voided_as_of(as_of).await?;
        let rules = self.rules.get();
        let mut connection = self.reader().await?;
        let mut trades = Vec::new();
        with_raw(&mut connection, "look trades up", |raw| {
            let columns = "t.account, replace(upper(t.symbol), '/', '-'), t.base_asset, \
                 t.quote_currency, t.asset_class, t.fee_currency, t.order_id, t.side, \
                 t.order_time, t.status";
            // The ids come first in the join, so that each trade is found by its key.
            let from = format!(
                "json_each(?1) i CROSS JOIN trade_records t ON t.account = i.value ->> 0 \
                 AND t.order_id = i.value ->> 1 WHERE t.ingest_seq <= {last} ORDER BY i.key"
            );
            select(raw, columns, &from, [json!(ids).to_string()], &mut |row| {
                let text = |index| row.text(index).ok().flatten();
                let name = |index| text(index).unwrap_or_default();
                if is_never_executed(text(9).as_deref()) {
                    return Ok(());
                }
                let key = (name(0), name(6));
                let is_voided = voided.contains(&key);
                let stated = [text(2), text(3), text(4), text(5)];
                let pool = rules.pool_of_row(&key.0, &name(1), &stated);
                let micros = row.integer(8).ok().flatten();
                let names = (pool, &*key.1);
                trades.extend(cells::named_trade(names, &name(7), micros, is_voided));
                Ok(())
            })
        })
        .await?;
        Ok(trades)
    }

    async fn ledger_counts(&self) -> StoreResult<LedgerCounts> {
        let mut connection = self.reader().await?;
        let row: (i64, i64, i64, i64, i64, i64) = sqlx::query_as(
            "WITH seen AS (SELECT account, order_id FROM eligible_trades \
                           UNION ALL SELECT account, order_id FROM ineligible_trades), \
                  times AS (SELECT account, order_id, count(*) AS n FROM seen \
                            GROUP BY account, order_id) \
             SELECT (SELECT count(*) FROM trade_records), (SELECT count(*) FROM eligible_trades), \
                    (SELECT count(*) FROM ineligible_trades), \
                    (SELECT count(*) FROM active_voids) + CASE WHEN EXISTS \
                    (SELECT 1 FROM active_import_voids) THEN (SELECT count(*) \
                    FROM eligible_trades WHERE void_seq = 0) ELSE 0 END, \
                    (SELECT count(*) FROM trade_records t LEFT JOIN times USING (account, \
                    order_id) WHERE n IS NULL), \
                    (SELECT count(*) FROM times WHERE n > 1)",
        )
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| from_sqlx("count the ledger", e))?;
        let count = |value: i64| u64::try_from(value).unwrap_or(0);
        Ok(LedgerCounts {
            rows: count(row.0),
            eligible: count(row.1),
            ineligible: count(row.2),
            voided: count(row.3),
            in_neither: count(row.4),
            in_both: count(row.5),
        })
    }

    async fn ledger_rows_about(&self) -> StoreResult<Option<u64>> {
        let mut connection = self.reader().await?;
        let rows: Option<i64> = sqlx::query_scalar("SELECT max(ingest_seq) FROM trade_records")
            .fetch_one(&mut *connection)
            .await
            .map_err(|e| from_sqlx("count the ledger", e))?;
        Ok(rows.and_then(|rows| u64::try_from(rows).ok()))
    }

    async fn pool_sizes(&self, scope: &Scope) -> StoreResult<Option<PoolSizes>> {
        let rules = self.rules.get();
        let mut transaction = self.snapshot().await?;
        with_raw(&mut transaction, "count the ledger", |raw| {
            sizes_in(raw, scope, &rules)
                .map(Some)
                .map_err(|e| from_rusqlite("count the ledger", e))
        })
        .await
    }

    async fn slice_times(
        &self,
        pool: &Pool,
        symbols: &BTreeSet<String>,
        rows: u64,
    ) -> StoreResult<Option<Vec<Timestamp>>> {
        let action = "cut a pool into slices";
        let rows = i64::try_from(rows).unwrap_or(i64::MAX);
        let (account, symbols) = (pool.account.to_string(), json!(symbols).to_string());
        let mut transaction = self.snapshot().await?;
        with_raw(&mut transaction, action, |raw| {
            let times = || {
                let mut statement = raw.prepare(
                    "SELECT DISTINCT order_time FROM ( \
                         SELECT order_time, row_number() OVER (ORDER BY order_time) AS nth \
                         FROM eligible_trades WHERE account = ?1 \
                         AND symbol IN (SELECT value FROM json_each(?2))) \
                     WHERE nth % ?3 = 0 ORDER BY order_time",
                )?;
                let arguments = params![account, symbols, rows];
                let times = statement.query_map(arguments, |row| row.get(0))?;
                times.collect::<rusqlite::Result<Vec<i64>>>()
            };
            let times = times().map_err(|e| from_rusqlite(action, e))?;
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
        as_of.map(sequence).transpose()?;
        let rules = self.rules.get();
        let mut transaction = self.snapshot().await?;
        with_raw(&mut transaction, "read the ledger", |raw| {
            let mut going = true;
            let mut seen = |rows| {
                going = seen(rows);
                going
            };
            let read = read_pools(raw, (scope, &rules), as_of, &mut seen);
            let read = read.map_err(|e| from_rusqlite("read the ledger", e))?;
            if going {
                Ok(read)
            } else {
                Err(StoreError::Stopped)
            }
        })
        .await
    }

    async fn arrivals(&self, scope: &Scope, since: &Watermark) -> StoreResult<Arrivals> {
        let since = (sequence(since)?.0, voids_of(since)?);
        let action = "look for new trades";
        let rules = self.rules.get();
        let mut transaction = self.snapshot().await?;
        with_raw(&mut transaction, action, |raw| {
            append::arrivals_in(raw, (scope, &rules), since).map_err(|e| from_rusqlite(action, e))
        })
        .await
    }
}

/// Returns the numbers of the last void and the last void of an import that a watermark covers.
fn voids_of(watermark: &Watermark) -> StoreResult<(i64, i64)> {
    let (_, void_seq) = sequence(watermark)?;
    Ok((void_seq, watermark.cursors().import_void_seq))
}

fn sizes_in(raw: &Connection, scope: &Scope, rules: &AssetRules) -> rusqlite::Result<PoolSizes> {
    let mut sizes = PoolSizes {
        watermark: newest(raw)?,
        ..PoolSizes::default()
    };
    let key = name_columns();
    let mut statement = raw.prepare(&format!(
        "SELECT {key}, sum(n) FROM ( \
             SELECT {key}, count(*) AS n FROM eligible_trades GROUP BY {key} \
             UNION ALL SELECT DISTINCT {key}, 0 FROM ineligible_trades) GROUP BY {key}"
    ))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        more::add_size(&mut sizes, (scope, rules), &names(row)?, row.get(6)?);
    }
    Ok(sizes)
}

fn read_pools(
    raw: &Connection,
    (scope, rules): (&Scope, &AssetRules),
    as_of: Option<&Watermark>,
    seen: Seen<'_>,
) -> rusqlite::Result<LedgerRead> {
    let newest = newest(raw)?;
    let watermark = as_of.unwrap_or(&newest).clone();
    let (ingest_seq, void_seq) = watermark.sequence().unwrap_or_default();
    let voids = (void_seq, watermark.cursors().import_void_seq);
    let mut read = LedgerRead {
        watermark,
        ..LedgerRead::default()
    };
    let voided = match as_of {
        Some(_) => voided_as_of(raw, voids)?,
        None => BTreeSet::new(),
    };
    let mut gate = SqliteGate::begin(raw, scope, rules)?;
    let arrived = "ingest_seq <= ?1 AND order_time > ?2 AND order_time <= ?3";
    let mut statement = raw.prepare(&gate.query(arrived))?;
    let slice = scope.slice.unwrap_or_default();
    let after = slice.after.map_or(i64::MIN, Timestamp::as_micros);
    let until = slice.until.map_or(i64::MAX, Timestamp::as_micros);
    let mut rows = statement.query([ingest_seq, after, until])?;
    let mut rows_read = 0;
    while let Some(row) = rows.next()? {
        let is_voided = match as_of {
            None => row.get::<_, Option<i64>>(9)?.is_some(),
            Some(_) if voided.is_empty() => false,
            Some(_) => voided.contains(&(row.get(0)?, row.get(2)?)),
        };
        gate.take_row(row, is_voided)?;
        rows_read += 1;
        if rows_read % ROWS_SEEN == 0 && !seen(ROWS_SEEN) {
            return Ok(read);
        }
    }
    seen(rows_read % ROWS_SEEN);
    let (taken, voided) = gate.end();
    read.voided = voided;
    (read.pools, read.pending) = taken.into_parts();
    if scope.is_first_slice() {
        let arrived = ("ingest_seq <= ?1", ingest_seq);
        count_ineligible(raw, (scope, rules), arrived, &mut read.ineligible)?;
    }
    Ok(read)
}
