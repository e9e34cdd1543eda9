//! Reading versions from SQLite.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};
use sqlx::sqlite::SqliteRow;
use sqlx::{Row as _, SqliteConnection};

use super::SqliteStore;
use super::errors::{from_rusqlite, from_sqlx};
use super::queue::pool;
use super::raw::with_raw;
use crate::engine::{
    Pool, PoolStatus, PoolTotals, RowsHash, Size, StoredAllocation, StoredLot, Timestamp,
};
use crate::store::model::{Current, PoolSummary, Version, VersionInfo, VersionStatus, Watermark};
use crate::store::{RowSink, StoreError, StoreResult, StoredPool, StoredRow, UnreadableRow};

const REGISTRY: &str = "allocation_versions";

/// Returns the number after the last one ever given.
pub(super) async fn next_version(store: &SqliteStore) -> StoreResult<Version> {
    let mut connection = store.reader().await?;
    sqlx::query_scalar(
        "SELECT max(ifnull((SELECT max(version) FROM allocation_versions), 0), \
         ifnull((SELECT max(allocation_version) FROM fifo_computation_log), 0)) + 1",
    )
    .fetch_one(&mut *connection)
    .await
    .map_err(|e| from_sqlx("number a version", e))
}

/// Lists the registry, oldest first.
pub(super) async fn versions(store: &SqliteStore) -> StoreResult<Vec<VersionInfo>> {
    let mut connection = store.reader().await?;
    let rows = sqlx::query("SELECT * FROM allocation_versions ORDER BY version")
        .fetch_all(&mut *connection)
        .await
        .map_err(|e| from_sqlx("list the versions", e))?;
    rows.iter().map(version_info).collect()
}

/// Returns a version inside a transaction.
pub(super) async fn version_in(
    connection: &mut SqliteConnection,
    version: Version,
) -> StoreResult<VersionInfo> {
    let row = sqlx::query("SELECT * FROM allocation_versions WHERE version = $1")
        .bind(version)
        .fetch_optional(connection)
        .await
        .map_err(|e| from_sqlx("look up a version", e))?;
    row.as_ref()
        .map(version_info)
        .unwrap_or(Err(StoreError::NoVersion(version)))
}

fn version_info(row: &SqliteRow) -> StoreResult<VersionInfo> {
    let action = "read a version";
    let text = |column: &'static str| -> StoreResult<Option<String>> {
        row.try_get(column).map_err(|e| from_sqlx(action, e))
    };
    let required = |column| text(column).map(Option::unwrap_or_default);
    let time = |column: &'static str| -> StoreResult<Option<Timestamp>> {
        let micros: Option<i64> = row.try_get(column).map_err(|e| from_sqlx(action, e))?;
        Ok(micros.and_then(|micros| Timestamp::try_from_micros(micros).ok()))
    };
    let unreadable = |column, found: String| StoreError::Unreadable {
        table: REGISTRY,
        column,
        found,
    };
    let hash = |column| -> StoreResult<Option<RowsHash>> {
        let parse = |text: String| text.parse().map_err(|_| unreadable(column, text));
        text(column)?.map(parse).transpose()
    };
    let (status, watermark) = (required("status")?, required("watermark")?);
    Ok(VersionInfo {
        version: row.try_get("version").map_err(|e| from_sqlx(action, e))?,
        scope: required("scope")?,
        status: VersionStatus::from_text(&status)
            .ok_or_else(|| unreadable("status", status.clone()))?,
        origin: required("origin")?,
        ledger_hash: hash("ledger_hash")?,
        allocations_hash: hash("allocations_hash")?,
        policy: required("policy")?,
        watermark: Watermark::from_json(&watermark)
            .ok_or_else(|| unreadable("watermark", watermark.clone()))?,
        engine_version: required("engine_version")?,
        complete_through: time("complete_through")?,
        created_at: time("created_at")?.unwrap_or(Timestamp::EPOCH),
        completed_at: time("completed_at")?,
        published_at: time("published_at")?,
        sealed: time("sealed_at")?.zip(text("sealed_reason")?),
    })
}

/// Returns the current pointer.
pub(super) async fn current(store: &SqliteStore) -> StoreResult<Current> {
    let mut connection = store.reader().await?;
    current_in(&mut connection).await
}

/// Returns the current pointer inside a transaction.
pub(super) async fn current_in(connection: &mut SqliteConnection) -> StoreResult<Current> {
    let row: (Option<i64>, bool) = sqlx::query_as("SELECT version, held FROM current_version")
        .fetch_one(connection)
        .await
        .map_err(|e| from_sqlx("read the current pointer", e))?;
    Ok(Current {
        version: row.0,
        held: row.1,
    })
}

/// Lists a version's pools.
pub(super) async fn pool_summaries(
    store: &SqliteStore,
    version: Version,
) -> StoreResult<Vec<PoolSummary>> {
    let action = "read the pool summaries";
    let mut connection = store.reader().await?;
    with_raw(&mut connection, action, |raw| {
        let sql = "SELECT account, symbol, status, error, last_order_time, ledger_hash, \
             allocations_hash, trades, buys, sells, allocations, sells_matched, sells_unmatched, \
             buys_used, fees_unknown, open_lots, matched_size, unmatched_size, open_size, \
             cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, unmatched_proceeds_usd, \
             unmatched_net_proceeds_usd, open_cost_usd, first_sell, last_sell \
             FROM fifo_pool_summary WHERE allocation_version = ?1 ORDER BY account, symbol";
        let mut statement = raw.prepare(sql).map_err(|e| from_rusqlite(action, e))?;
        let mut rows = statement
            .query([version])
            .map_err(|e| from_rusqlite(action, e))?;
        let mut summaries = Vec::new();
        while let Some(row) = rows.next().map_err(|e| from_rusqlite(action, e))? {
            summaries.push(summary(row).map_err(|unreadable| StoreError::Unreadable {
                table: "fifo_pool_summary",
                column: unreadable.column,
                found: unreadable.found,
            })?);
        }
        Ok(summaries)
    })
    .await
}

fn summary(row: &Row<'_>) -> Result<PoolSummary, UnreadableRow> {
    let cells = Cells {
        row,
        account: 0,
        symbol: 1,
        sell_order_id: None,
    };
    let status = cells.text(2, "status")?;
    let count = |index, column| -> Result<u64, UnreadableRow> {
        let value = cells.integer(index, column)?.unwrap_or(0);
        u64::try_from(value).map_err(|_| cells.unreadable(column, &value.to_string()))
    };
    let status =
        PoolStatus::from_text(&status).ok_or_else(|| cells.unreadable("status", &status))?;
    Ok(PoolSummary {
        pool: pool(&cells.text(0, "account")?, &cells.text(1, "symbol")?),
        status,
        error: cells.optional(3, "error")?,
        last_order_time: cells.time(4, "last_order_time")?,
        ledger_hash: cells.parse(5, "ledger_hash")?,
        allocations_hash: cells.parse(6, "allocations_hash")?,
        totals: PoolTotals {
            trades: count(7, "trades")?,
            buys: count(8, "buys")?,
            sells: count(9, "sells")?,
            allocations: count(10, "allocations")?,
            sells_matched: count(11, "sells_matched")?,
            sells_unmatched: count(12, "sells_unmatched")?,
            buys_used: count(13, "buys_used")?,
            fees_unknown: count(14, "fees_unknown")?,
            open_lots: count(15, "open_lots")?,
            matched_size: cells.size(16, "matched_size")?,
            unmatched_size: cells.size(17, "unmatched_size")?,
            open_size: cells.size(18, "open_size")?,
            cost_basis: cells.parse(19, "cost_basis_usd")?,
            proceeds: cells.parse(20, "proceeds_usd")?,
            net_proceeds: cells.parse(21, "net_proceeds_usd")?,
            pnl: cells.parse(22, "pnl_usd")?,
            unmatched_proceeds: cells.parse(23, "unmatched_proceeds_usd")?,
            unmatched_net_proceeds: cells.parse(24, "unmatched_net_proceeds_usd")?,
            open_cost: cells.parse(25, "open_cost_usd")?,
            first_sell: cells.time(26, "first_sell")?,
            last_sell: cells.time(27, "last_sell")?,
        },
    })
}

/// Lists the pools that a version has rows of.
pub(super) async fn pools_with_rows(
    store: &SqliteStore,
    version: Version,
) -> StoreResult<Vec<Pool>> {
    let mut connection = store.reader().await?;
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT account, symbol FROM fifo_allocations WHERE allocation_version = $1 \
         UNION SELECT account, symbol FROM fifo_inventory_snapshot \
         WHERE allocation_version = $1 ORDER BY 1, 2",
    )
    .bind(version)
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx("list the pools of a version", e))?;
    Ok(rows
        .iter()
        .map(|(account, symbol)| pool(account, symbol))
        .collect())
}

const ALLOCATION_COLUMNS: &str = "id, account, symbol, sell_order_id, buy_order_id, \
    allocated_size, buy_price, sell_price, buy_fees_per_unit, sell_fees_per_unit, \
    cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, buy_time, sell_time, notes";

/// Reads what a version holds of a pool.
pub(super) async fn stored_pool(
    store: &SqliteStore,
    version: Version,
    of: &Pool,
) -> StoreResult<StoredPool> {
    let action = "read allocations";
    let (account, symbol) = (of.account.as_str(), of.symbol.as_str());
    let mut connection = store.reader().await?;
    with_raw(&mut connection, action, |raw| {
        let mut stored = StoredPool::default();
        let sql = format!(
            "SELECT {ALLOCATION_COLUMNS} FROM fifo_allocations \
             WHERE allocation_version = ?1 AND account = ?2 AND symbol = ?3 ORDER BY id"
        );
        each_row(
            raw,
            &sql,
            rusqlite::params![version, account, symbol],
            &mut |row| {
                match row {
                    Ok(row) => stored.allocations.push(row),
                    Err(unreadable) => stored.unreadable.push(unreadable),
                }
                Ok(())
            },
        )?;
        read_lots(raw, version, account, symbol, &mut stored)?;
        Ok(stored)
    })
    .await
}

fn read_lots(
    raw: &Connection,
    version: Version,
    account: &str,
    symbol: &str,
    stored: &mut StoredPool,
) -> StoreResult<()> {
    let fail = |e| from_rusqlite("read the inventory", e);
    let mut statement = raw
        .prepare(
            "SELECT account, symbol, buy_order_id, remaining_size, remaining_cost_usd \
             FROM fifo_inventory_snapshot WHERE allocation_version = ?1 AND account = ?2 \
             AND symbol = ?3 ORDER BY id",
        )
        .map_err(fail)?;
    let mut rows = statement
        .query(rusqlite::params![version, account, symbol])
        .map_err(fail)?;
    while let Some(row) = rows.next().map_err(fail)? {
        let cells = Cells {
            row,
            account: 0,
            symbol: 1,
            sell_order_id: None,
        };
        let lot = || {
            Ok(StoredLot {
                buy_order_id: cells.parse(2, "buy_order_id")?,
                remaining_size: cells.size(3, "remaining_size")?,
                remaining_cost_usd: cells.parse(4, "remaining_cost_usd")?,
            })
        };
        match lot() {
            Ok(lot) => stored.open_lots.push(lot),
            Err(unreadable) => stored.unreadable.push(unreadable),
        }
    }
    Ok(())
}

/// Reads the unmatched rows of a version.
pub(super) async fn unmatched_rows(
    store: &SqliteStore,
    version: Version,
) -> StoreResult<Vec<StoredRow>> {
    let mut connection = store.reader().await?;
    with_raw(&mut connection, "read unmatched rows", |raw| {
        let sql = format!(
            "SELECT {ALLOCATION_COLUMNS} FROM fifo_allocations \
             WHERE allocation_version = ?1 AND buy_order_id IS NULL ORDER BY id"
        );
        let mut found = Vec::new();
        each_row(raw, &sql, rusqlite::params![version], &mut |row| {
            found.push(row);
            Ok(())
        })?;
        Ok(found)
    })
    .await
}

/// Gives each row of a version to `sink`, in canonical order.
pub(super) async fn export(
    store: &SqliteStore,
    version: Version,
    sink: &mut dyn RowSink,
) -> StoreResult<u64> {
    let mut connection = store.reader().await?;
    with_raw(&mut connection, "export a version", |raw| {
        let sql = format!(
            "SELECT {ALLOCATION_COLUMNS} FROM fifo_allocations \
             WHERE allocation_version = ?1 ORDER BY account, symbol, id"
        );
        let mut rows = 0;
        each_row(raw, &sql, rusqlite::params![version], &mut |row| {
            let row = row.map_err(|unreadable| StoreError::Unreadable {
                table: "fifo_allocations",
                column: unreadable.column,
                found: unreadable.found,
            })?;
            rows += 1;
            sink.take(&row.row()).map_err(|error| StoreError::Database {
                action: "write the export",
                message: error.to_string(),
                source: Some(Box::new(error)),
            })
        })?;
        Ok(rows)
    })
    .await
}

fn each_row(
    raw: &Connection,
    sql: &str,
    arguments: impl rusqlite::Params,
    take: &mut dyn FnMut(StoredRow) -> StoreResult<()>,
) -> StoreResult<()> {
    let fail = |e| from_rusqlite("read allocations", e);
    let mut statement = raw.prepare(sql).map_err(fail)?;
    let mut rows = statement.query(arguments).map_err(fail)?;
    while let Some(row) = rows.next().map_err(fail)? {
        take(allocation(row))?;
    }
    Ok(())
}

fn allocation(row: &Row<'_>) -> StoredRow {
    let cells = Cells {
        row,
        account: 1,
        symbol: 2,
        sell_order_id: Some(3),
    };
    Ok(StoredAllocation {
        id: cells.integer(0, "id")?.unwrap_or(0),
        account: cells.parse(1, "account")?,
        symbol: cells.parse(2, "symbol")?,
        sell_order_id: cells.parse(3, "sell_order_id")?,
        buy_order_id: cells.parse_optional(4, "buy_order_id")?,
        allocated_size: cells.size(5, "allocated_size")?,
        buy_price: cells.parse_optional(6, "buy_price")?,
        sell_price: cells.parse(7, "sell_price")?,
        buy_fees_per_unit: cells.parse_optional(8, "buy_fees_per_unit")?,
        sell_fees_per_unit: cells.parse_optional(9, "sell_fees_per_unit")?,
        cost_basis_usd: cells.parse_optional(10, "cost_basis_usd")?,
        proceeds_usd: cells.parse(11, "proceeds_usd")?,
        net_proceeds_usd: cells.parse(12, "net_proceeds_usd")?,
        pnl_usd: cells.parse_optional(13, "pnl_usd")?,
        buy_time: cells.time(14, "buy_time")?,
        sell_time: cells
            .time(15, "sell_time")?
            .ok_or_else(|| cells.unreadable("sell_time", "NULL"))?,
        notes: cells.parse_optional(16, "notes")?.unwrap_or_default(),
    })
}

/// The cells of a row, read without ever failing on a value: what can't be read is named.
struct Cells<'a, 'b> {
    row: &'a Row<'b>,
    account: usize,
    symbol: usize,
    sell_order_id: Option<usize>,
}

impl Cells<'_, '_> {
    fn shown(&self, index: usize) -> String {
        match self.row.get_ref(index) {
            Ok(ValueRef::Text(text)) => String::from_utf8_lossy(text).into_owned(),
            Ok(ValueRef::Integer(value)) => value.to_string(),
            Ok(ValueRef::Real(value)) => value.to_string(),
            Ok(ValueRef::Null) | Err(_) => "NULL".into(),
            Ok(ValueRef::Blob(_)) => "a blob".into(),
        }
    }

    fn unreadable(&self, column: &'static str, found: &str) -> UnreadableRow {
        UnreadableRow {
            account: self.shown(self.account),
            symbol: self.shown(self.symbol),
            sell_order_id: self
                .sell_order_id
                .map(|index| self.shown(index))
                .unwrap_or_default(),
            column,
            found: found.to_owned(),
        }
    }

    fn optional(
        &self,
        index: usize,
        column: &'static str,
    ) -> Result<Option<String>, UnreadableRow> {
        match self.row.get_ref(index) {
            Ok(ValueRef::Null) => Ok(None),
            Ok(ValueRef::Text(text)) => match std::str::from_utf8(text) {
                Ok(text) => Ok(Some(text.to_owned())),
                Err(_) => Err(self.unreadable(column, &self.shown(index))),
            },
            _ => Err(self.unreadable(column, &self.shown(index))),
        }
    }

    fn text(&self, index: usize, column: &'static str) -> Result<String, UnreadableRow> {
        self.optional(index, column)?
            .ok_or_else(|| self.unreadable(column, "NULL"))
    }

    fn parse_optional<T: std::str::FromStr>(
        &self,
        index: usize,
        column: &'static str,
    ) -> Result<Option<T>, UnreadableRow> {
        let parse = |text: String| text.parse().map_err(|_| self.unreadable(column, &text));
        self.optional(index, column)?.map(parse).transpose()
    }

    fn parse<T: std::str::FromStr>(
        &self,
        index: usize,
        column: &'static str,
    ) -> Result<T, UnreadableRow> {
        self.parse_optional(index, column)?
            .ok_or_else(|| self.unreadable(column, "NULL"))
    }

    fn size(&self, index: usize, column: &'static str) -> Result<Size, UnreadableRow> {
        let text = self.text(index, column)?;
        Size::try_from_wide_text(&text).map_err(|_| self.unreadable(column, &text))
    }

    fn integer(&self, index: usize, column: &'static str) -> Result<Option<i64>, UnreadableRow> {
        match self.row.get_ref(index) {
            Ok(ValueRef::Null) => Ok(None),
            Ok(ValueRef::Integer(value)) => Ok(Some(value)),
            _ => Err(self.unreadable(column, &self.shown(index))),
        }
    }

    fn time(&self, index: usize, column: &'static str) -> Result<Option<Timestamp>, UnreadableRow> {
        let convert = |micros: i64| {
            Timestamp::try_from_micros(micros)
                .map_err(|_| self.unreadable(column, &micros.to_string()))
        };
        self.integer(index, column)?.map(convert).transpose()
    }
}
