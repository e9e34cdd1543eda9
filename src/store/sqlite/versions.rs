//! Writing, sealing and dropping versions in SQLite.
//!
//! A version is written in one transaction, from its first row to the publication and the log row.
//! If a process dies in between, the file's journal undoes it all.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params};
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::errors::{from_rusqlite, from_sqlx};
use super::indexes::Dropped;
use super::raw::{Raw, with_raw};
use super::rows::{SqliteRows, cells};
use super::{SqliteStore, commit, indexes, log, pointer, queue, registry};
use crate::engine::Pool;
use crate::store::model::{Completion, Event, PoolSummary, Version, VersionPlan};
use crate::store::phase::Phase;
use crate::store::rows::{Part, PartSource, RowChunk, RowEncoder};
use crate::store::rules::check_version_free;
use crate::store::{StoreError, StoreResult, VersionWriter, phase};

/// A version being written.
pub(super) struct SqliteVersionWriter {
    transaction: Transaction<'static, Sqlite>,
    plan: VersionPlan,
    dropped: Dropped,
}

/// Begins the transaction and enters the version in the registry.
pub(super) async fn begin(
    store: &SqliteStore,
    plan: &VersionPlan,
) -> StoreResult<SqliteVersionWriter> {
    let mut transaction = store.writer().await?;
    let old = match registry::version_in(&mut transaction, plan.version).await {
        Ok(old) => Some(old),
        Err(StoreError::NoVersion(_)) => None,
        Err(error) => return Err(error),
    };
    check_version_free(plan, old.as_ref())?;
    if plan.replaces {
        delete_rows(&mut transaction, plan.version).await?;
    }
    sqlx::query(
        "INSERT INTO allocation_versions (version, method, scope, status, origin, policy, \
         watermark, engine_version, created_at) \
         VALUES ($1, 'fifo', $2, 'running', $3, $4, $5, $6, $7) \
         ON CONFLICT (version) DO UPDATE SET status = 'running', origin = excluded.origin, \
         policy = excluded.policy, watermark = excluded.watermark, \
         engine_version = excluded.engine_version, created_at = excluded.created_at",
    )
    .bind(plan.version)
    .bind(plan.scope.to_text())
    .bind(&plan.origin)
    .bind(&plan.policy)
    .bind(plan.watermark.to_json())
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(plan.created_at.as_micros())
    .execute(&mut *transaction)
    .await
    .map_err(|e| from_sqlx("enter the version", e))?;
    let action = "drop the indexes of empty tables";
    let dropped = with_raw(&mut transaction, action, |raw| {
        indexes::drop_if_empty(raw).map_err(|e| from_rusqlite(action, e))
    })
    .await?;
    Ok(SqliteVersionWriter {
        transaction,
        plan: plan.clone(),
        dropped,
    })
}

#[async_trait]
impl VersionWriter for SqliteVersionWriter {
    fn encoder(&self) -> Arc<dyn RowEncoder> {
        Arc::new(SqliteRows::new(&self.plan))
    }

    async fn write(&mut self, parts: &mut dyn PartSource) -> StoreResult<()> {
        let action = "write allocations";
        let plan = &self.plan;
        let mut raw = Raw::take(&mut self.transaction, action).await?;
        while let Some(part) = parts.next().await? {
            write_part(raw.connection(), plan, &part).map_err(|e| from_rusqlite(action, e))?;
            phase::reached(Phase::Load);
        }
        Ok(())
    }

    async fn finish(self: Box<Self>, completion: &Completion) -> StoreResult<()> {
        let Self {
            mut transaction,
            plan,
            dropped,
        } = *self;
        phase::reached(Phase::Index);
        with_raw(&mut transaction, MAKE_INDEXES, |raw| {
            dropped
                .make(raw)
                .map_err(|e| from_rusqlite(MAKE_INDEXES, e))
        })
        .await?;
        sqlx::query(
            "UPDATE allocation_versions SET status = $2, ledger_hash = $3, \
             allocations_hash = $4, complete_through = $5, completed_at = $6 WHERE version = $1",
        )
        .bind(plan.version)
        .bind(completion.status.as_str())
        .bind(completion.ledger_hash.to_string())
        .bind(completion.allocations_hash.to_string())
        .bind(completion.complete_through.map(|time| time.as_micros()))
        .bind(completion.completed_at.as_micros())
        .execute(&mut *transaction)
        .await
        .map_err(|e| from_sqlx("complete the version", e))?;
        let at = completion.completed_at;
        if completion.publish {
            pointer::set(&mut transaction, plan.version, completion.held, at).await?;
        }
        phase::reached(Phase::Publish);
        queue::update(&mut transaction, &completion.review, plan.version, at).await?;
        log::complete(&mut transaction, plan.run_id, plan.version, completion).await?;
        let event = Event {
            version: Some(plan.version),
            correlation_id: Some(plan.batch_id.clone()),
            ..Event::info("run", at, completion.details.clone())
        };
        log::log_event(&mut transaction, &event).await?;
        phase::reached(Phase::CloseLog);
        commit(transaction).await?;
        phase::reached(Phase::Committed);
        Ok(())
    }
}

/// Says where SQLite sorts what is more than its memory for pages.
const MAKE_INDEXES: &str =
    "make the indexes, sorted in the folder SQLITE_TMPDIR, TMPDIR, /var/tmp or /tmp";

fn write_part(raw: &Connection, plan: &VersionPlan, part: &Part) -> rusqlite::Result<()> {
    match part {
        Part::Allocations(chunk) => insert_rows(raw, INSERT_ALLOCATION, chunk),
        Part::Lots(chunk) => insert_rows(raw, INSERT_LOT, chunk),
        Part::Discard(pool) => discard_pool(raw, plan.version, pool),
        Part::Pool(outcome, duration_us) => {
            let (watermark, at) = (&plan.watermark, plan.allocation_time);
            let summary = PoolSummary::of(outcome, watermark, at);
            insert_summary(raw, plan.version, &summary, *duration_us)
        }
    }
}

/// Deletes the rows of a pool. Lots are written only when all is matched.
fn discard_pool(raw: &Connection, version: Version, pool: &Pool) -> rusqlite::Result<()> {
    let mut delete = raw.prepare(
        "DELETE FROM fifo_allocations WHERE allocation_version = ?1 AND account = ?2 \
         AND symbol = ?3",
    )?;
    delete.execute(params![
        version,
        pool.account.as_str(),
        pool.symbol.as_str()
    ])?;
    Ok(())
}

pub(super) const INSERT_ALLOCATION: &str = "INSERT INTO fifo_allocations (account, sell_order_id, \
    buy_order_id, symbol, allocated_size, buy_price, sell_price, buy_fees_per_unit, \
    sell_fees_per_unit, cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, buy_time, \
    sell_time, allocation_time, allocation_version, allocation_batch_id, notes) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19)";

pub(super) const INSERT_LOT: &str = "INSERT INTO fifo_inventory_snapshot (symbol, buy_order_id, \
    remaining_size, snapshot_time, allocation_version, account, remaining_cost_usd) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

pub(super) fn insert_rows(raw: &Connection, sql: &str, chunk: &RowChunk) -> rusqlite::Result<()> {
    let mut insert = raw.prepare_cached(sql)?;
    for row in chunk.rows() {
        for (index, cell) in (1..).zip(cells(row)) {
            insert.raw_bind_parameter(index, cell)?;
        }
        insert.raw_execute()?;
    }
    Ok(())
}

const INSERT_SUMMARY: &str = "INSERT INTO fifo_pool_summary \
    (allocation_version, account, symbol, status, trades, buys, sells, \
    allocations, sells_matched, sells_unmatched, buys_used, \
    fees_unknown, buys_by_id, sells_by_id, rebates, rebates_usd, matched_size, cost_basis_usd, \
    proceeds_usd, net_proceeds_usd, pnl_usd, \
    unmatched_size, unmatched_proceeds_usd, unmatched_net_proceeds_usd, open_lots, open_size, \
    open_cost_usd, first_sell, last_sell, last_order_time, last_side, last_trade_seq, \
    last_order_id, ledger_hash, allocations_hash, watermark, first_allocation, last_allocation, \
    duration_us, error) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, \
    ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?29, ?30, ?31, ?32, ?33, \
    ?34, ?35, ?36, ?37, ?38, ?39, ?40)";

/// Writes a pool's summary. Errors: the version has one of the pool.
pub(super) fn insert_summary(
    raw: &Connection,
    version: Version,
    summary: &PoolSummary,
    duration_us: i64,
) -> rusqlite::Result<()> {
    let (totals, last) = (&summary.totals, summary.last.as_ref());
    let count = |count: u64| i64::try_from(count).unwrap_or(i64::MAX);
    raw.prepare_cached(INSERT_SUMMARY)?.execute(params![
        version,
        summary.pool.account.as_str(),
        summary.pool.symbol.as_str(),
        summary.status.as_str(),
        count(totals.trades),
        count(totals.buys),
        count(totals.sells),
        count(totals.allocations),
        count(totals.sells_matched),
        count(totals.sells_unmatched),
        count(totals.buys_used),
        count(totals.fees_unknown),
        count(totals.buys_by_id),
        count(totals.sells_by_id),
        count(totals.rebates),
        totals.rebates_usd.to_string(),
        totals.matched_size.to_string(),
        totals.cost_basis.to_string(),
        totals.proceeds.to_string(),
        totals.net_proceeds.to_string(),
        totals.pnl.to_string(),
        totals.unmatched_size.to_string(),
        totals.unmatched_proceeds.to_string(),
        totals.unmatched_net_proceeds.to_string(),
        count(totals.open_lots),
        totals.open_size.to_string(),
        totals.open_cost.to_string(),
        totals.first_sell.map(|time| time.as_micros()),
        totals.last_sell.map(|time| time.as_micros()),
        last.map(|last| last.order_time.as_micros()),
        last.map(|last| last.side.as_str()),
        last.and_then(|last| last.trade_seq),
        last.map(|last| last.order_id.as_str()),
        summary.ledger_hash.to_string(),
        summary.allocations_hash.to_string(),
        summary.watermark.to_json(),
        summary.first_allocation.map(|time| time.as_micros()),
        summary.last_allocation.map(|time| time.as_micros()),
        duration_us,
        summary.error,
    ])?;
    Ok(())
}

pub(super) async fn delete_rows(
    connection: &mut SqliteConnection,
    version: Version,
) -> StoreResult<()> {
    let statements = [
        "DELETE FROM fifo_allocations WHERE allocation_version = $1",
        "DELETE FROM fifo_inventory_snapshot WHERE allocation_version = $1",
        "DELETE FROM fifo_pool_summary WHERE allocation_version = $1",
    ];
    for statement in statements {
        sqlx::query(statement)
            .bind(version)
            .execute(&mut *connection)
            .await
            .map_err(|e| from_sqlx("delete a version's rows", e))?;
    }
    Ok(())
}
