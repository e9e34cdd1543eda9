//! A version's rows with the file and line of their trades.

use std::collections::BTreeMap;
use std::sync::Arc;

use rusqlite::Connection;
use serde_json::json;

use super::cells::{each, select};
use super::raw::with_raw;
use super::{SqliteStore, commit};
use crate::engine::{Account, Pool};
use crate::store::cells::Cells;
use crate::store::model::{LongRun, Scope, Sold, Version};
use crate::store::sourced::{Origins, RowsOfPool, SourcedRows, Span};
use crate::store::{
    HistoryStore, LedgerStore, SourcedSink, StoreError, StoreResult, cells, sourced,
};

const ACTION: &str = "export a version";

/// Passes each row of a version to `sink` with the origin of its trades, in canonical order.
pub(super) async fn rows(
    store: &SqliteStore,
    version: Version,
    account: Option<&Account>,
    sold: Sold,
    sink: &mut dyn SourcedSink,
) -> StoreResult<u64> {
    let files = store.imports().await?;
    let files: BTreeMap<i64, Arc<str>> = files
        .into_iter()
        .map(|file| (file.id, Arc::from(file.name)))
        .collect();
    let mut snapshot = store.snapshot().await?;
    let account = account.map(Account::as_str);
    let pools = with_raw(&mut snapshot, ACTION, |raw| pools(raw, version, account)).await?;
    let most = store.origins_max;
    let is_one_span = sourced::is_one_span(pools.iter().map(|(pool, _)| pool.2).sum(), most);
    let sizes = match is_one_span {
        true => None,
        false => store.pool_sizes(&Scope::default()).await?,
    };
    let rows = with_raw(&mut snapshot, ACTION, |raw| {
        let mut origins = Origins::new(&files);
        let has_legs = pools.iter().any(|(_, legs)| *legs > 0);
        let pools: Vec<RowsOfPool> = pools.into_iter().map(|(pool, _)| pool).collect();
        let mut reader = Sourced {
            raw,
            version,
            account,
            ids: ids(raw, version)?,
            sold,
            edges: String::new(),
            has_legs,
            has_moves: false,
        };
        let moved_into = reader.pools_moved_into()?;
        reader.has_moves = !moved_into.is_empty();
        reader.edges = reader.edges(&pools, &moved_into)?;
        let mut rows = 0;
        for span in sourced::spans(&pools, sizes.as_ref(), most) {
            reader.read_origins(&span, &mut origins)?;
            rows += reader.read_rows(&span, &mut origins, sink)?;
        }
        Ok(rows)
    })
    .await?;
    commit(snapshot).await?;
    Ok(rows)
}

/// Lists the version's pools with their numbers of trades, from which the passes are planned, and
/// of legs. Rows of a pool that is not listed are in one of the passes all the same.
fn pools(
    raw: &Connection,
    version: Version,
    account: Option<&str>,
) -> StoreResult<Vec<(RowsOfPool, i64)>> {
    let mut pools = Vec::new();
    let columns = "account, asset, trades, legs";
    let from = "fifo_pool_summary WHERE allocation_version = ?1 \
                AND (?2 IS NULL OR account = ?2) ORDER BY account, asset";
    let arguments = rusqlite::params![version, account];
    select(raw, columns, from, arguments, &mut |row| {
        let text = |index| row.text(index).ok().flatten().unwrap_or_default();
        let count = |index| row.integer(index).ok().flatten().unwrap_or(0);
        pools.push(((text(0), text(1), count(2)), count(3)));
        Ok(())
    })?;
    Ok(pools)
}

/// Returns the first and the last id of a version's rows.
fn ids(raw: &Connection, version: Version) -> StoreResult<(i64, i64)> {
    let mut ids = (0, -1);
    let columns = "min(id), max(id)";
    let from = "fifo_allocations WHERE allocation_version = ?1";
    select(raw, columns, from, [version], &mut |row| {
        let integer = |index| row.integer(index).ok().flatten();
        ids = (integer(0).unwrap_or(0), integer(1).unwrap_or(-1));
        Ok(())
    })?;
    Ok(ids)
}

/// The rows of a version that an export passes on.
struct Sourced<'c> {
    raw: &'c Connection,
    version: Version,
    account: Option<&'c str>,
    ids: (i64, i64),
    sold: Sold,
    /// Lots that may have rows outside the period, as a JSON list.
    edges: String,
    /// Some pool has legs of other pools' trades, so that a sell may bring a lot.
    has_legs: bool,
    /// Lots moved, so that a buy may be in another account than its row.
    has_moves: bool,
}

/// The condition for the rows of a pass; [`arguments`] returns its arguments.
const IN_SPAN: &str = "(?1 IS NULL OR account = ?1) \
     AND (?2 IS NULL OR (account, asset) >= (?2, ?3)) \
     AND (?4 IS NULL OR (account, asset) < (?4, ?5))";

type Arguments<'a> = [Option<&'a str>; 5];

fn arguments<'a>(account: Option<&'a str>, span: &'a Span) -> Arguments<'a> {
    let pair = |of: &'a Option<(String, String)>| match of {
        Some((account, asset)) => (Some(account.as_str()), Some(asset.as_str())),
        None => (None, None),
    };
    let (from, until) = (pair(&span.from), pair(&span.until));
    [account, from.0, from.1, until.0, until.1]
}

impl Sourced<'_> {
    /// Lists the lots of each pool's first and last row in the period. Only these two can have rows
    /// outside the period: lots are used first in, first out. If older lots moved in, any lot can.
    fn edges(&self, pools: &[RowsOfPool], moved_into: &[(String, String)]) -> StoreResult<String> {
        let mut edges = Vec::new();
        let (from_time, until) = (self.sold.from.as_micros(), self.sold.until.as_micros());
        for (account, asset, _) in pools {
            for order in ["sell_time, id", "sell_time DESC, id DESC"] {
                let from = format!(
                    "fifo_allocations INDEXED BY fifo_allocations_pool_index \
                     WHERE allocation_version = ?1 AND account = ?2 AND asset = ?3 \
                     AND sell_time >= ?4 AND sell_time < ?5 ORDER BY {order} LIMIT 1"
                );
                let arguments = rusqlite::params![self.version, account, asset, from_time, until];
                select(self.raw, "buy_order_id", &from, arguments, &mut |row| {
                    edges.extend(row.text(0).ok().flatten());
                    Ok(())
                })?;
            }
        }
        let is_listed = |of: &&(String, String)| {
            let mut pools = pools.iter();
            pools.any(|it| (&it.0, &it.1) == (&of.0, &of.1))
        };
        for (account, asset) in moved_into.iter().filter(is_listed) {
            let from = "fifo_allocations INDEXED BY fifo_allocations_pool_index \
                 WHERE allocation_version = ?1 AND account = ?2 AND asset = ?3 \
                 AND sell_time >= ?4 AND sell_time < ?5";
            let arguments = rusqlite::params![self.version, account, asset, from_time, until];
            select(
                self.raw,
                "DISTINCT buy_order_id",
                from,
                arguments,
                &mut |row| {
                    edges.extend(row.text(0).ok().flatten());
                    Ok(())
                },
            )?;
        }
        Ok(json!(edges).to_string())
    }

    /// Lists account and asset of the pools that lots moved into.
    fn pools_moved_into(&self) -> StoreResult<Vec<(String, String)>> {
        let mut pools = Vec::new();
        let from = "fifo_lot_moves WHERE allocation_version = ?1";
        let columns = "DISTINCT to_account, asset";
        select(self.raw, columns, from, [self.version], &mut |row| {
            let text = |index| row.text(index).ok().flatten().unwrap_or_default();
            pools.push((text(0), text(1)));
            Ok(())
        })?;
        Ok(pools)
    }

    /// Counts the rows of a sell or a lot.
    fn counted(&self, mut run: LongRun) -> StoreResult<LongRun> {
        let column = if run.is_sell {
            "sell_order_id"
        } else {
            "buy_order_id"
        };
        let from = format!(
            "fifo_allocations WHERE allocation_version = ?1 AND account = ?2 AND {column} = ?3 \
             AND asset = ?4"
        );
        let arguments = rusqlite::params![self.version, run.account, run.order_id, run.asset];
        let mut rows = 0;
        select(self.raw, "count(*)", &from, arguments, &mut |row| {
            rows = row.integer(0).ok().flatten().unwrap_or(0);
            Ok(())
        })?;
        run.rows = u32::try_from(rows).unwrap_or(u32::MAX);
        Ok(run)
    }

    fn read_origins(&self, span: &Span, origins: &mut Origins<'_>) -> StoreResult<()> {
        let [account, from_account, _, until_account, _] = arguments(self.account, span);
        let symbols = span.symbols.as_ref().map(|them| json!(them).to_string());
        let arguments = rusqlite::params![
            account,
            from_account,
            until_account,
            symbols,
            self.sold.from.as_micros(),
            self.sold.until.as_micros(),
            self.has_legs,
            self.has_moves,
            self.version
        ];
        origins.clear();
        // Read in the order of the rows: with an index, the read would jump all over the file.
        let from = "trade_records NOT INDEXED WHERE order_time < ?6 \
             AND (order_time >= ?5 OR side = 'buy' OR ?7) AND (?1 IS NULL OR account = ?1) \
             AND (?2 IS NULL OR account >= ?2) AND (?3 IS NULL OR account <= ?3) \
             AND (?4 IS NULL \
                  OR replace(upper(symbol), '/', '-') IN (SELECT value FROM json_each(?4))) \
             OR (?8 AND order_id IN (SELECT buy_order_id FROM fifo_lot_moves \
                  WHERE allocation_version = ?9))";
        let columns = sourced::ORIGIN.join(", ");
        select(self.raw, &columns, from, arguments, &mut |row| {
            origins.add_row(row)
        })?;
        origins.sort();
        Ok(())
    }

    /// Passes on the rows of a pass. Only their ids are sorted. The rows are then read in the order
    /// of the file, except for later appends.
    fn read_rows(
        &self,
        span: &Span,
        origins: &mut Origins<'_>,
        sink: &mut dyn SourcedSink,
    ) -> StoreResult<u64> {
        let sql = format!(
            "WITH of_version AS MATERIALIZED (SELECT id AS row_id \
                 FROM fifo_allocations WHERE id BETWEEN ?6 AND ?7 \
                 AND +allocation_version = ?8 AND {} \
                 AND (sell_time >= ?9 AND sell_time < ?10 \
                      OR buy_order_id IN (SELECT value FROM json_each(?11))) \
                 ORDER BY account, asset, id LIMIT -1) \
             SELECT {}, allocation_batch_id FROM of_version \
                 CROSS JOIN fifo_allocations ON id = row_id",
            IN_SPAN,
            cells::ALLOCATION
        );
        let of_span = arguments(self.account, span);
        let [
            account,
            from_account,
            from_asset,
            until_account,
            until_asset,
        ] = of_span;
        let arguments = rusqlite::params![
            account,
            from_account,
            from_asset,
            until_account,
            until_asset,
            self.ids.0,
            self.ids.1,
            self.version,
            self.sold.from.as_micros(),
            self.sold.until.as_micros(),
            self.edges
        ];
        let mut rows = SourcedRows::new(origins, sink);
        let mut last = (None, i64::MIN);
        each(self.raw, &sql, arguments, &mut |row| {
            rows.take_cells(row)?;
            check_order(&mut last, rows.pool(), row)?;
            // Rows of a lot may lie apart, if an older one moved in between.
            let is_one_run = |run: &LongRun| run.is_sell || !self.has_moves;
            let long: Vec<LongRun> = rows.long_runs().filter(is_one_run).collect();
            long.into_iter()
                .try_for_each(|run| rows.tell(self.counted(run)?))
        })?;
        Ok(rows.rows())
    }
}

/// Refuses rows out of order: counts that go from row to row would be wrong.
fn check_order(
    last: &mut (Option<Pool>, i64),
    pool: Option<&Pool>,
    row: &impl Cells,
) -> StoreResult<()> {
    let id = row.integer(0).ok().flatten().unwrap_or(i64::MIN);
    let is_new_pool = last.0.as_ref() != pool;
    let is_ordered = if is_new_pool {
        last.0.as_ref() < pool
    } else {
        last.1 < id
    };
    if !is_ordered {
        return Err(StoreError::Unreadable {
            table: "fifo_allocations",
            column: "id",
            found: format!("{id} before {}", last.1),
        });
    }
    if is_new_pool {
        last.0 = pool.cloned();
    }
    last.1 = id;
    Ok(())
}
