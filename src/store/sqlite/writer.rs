//! Writing, sealing and dropping versions in SQLite.
//!
//! A version is written in one transaction, from its first row to the publication and the log row.
//! If a process dies in between, the file's journal undoes it all.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params, params_from_iter};
use sqlx::{Sqlite, SqliteConnection, Transaction};

use super::errors::{from_rusqlite, from_sqlx};
use super::indexes::{Dropped, MAKE_INDEXES};
use super::raw::{Load, Raw, insert_row, with_raw};
use super::rows::{SqliteRows, cells};
use super::{SqliteStore, commit, indexes};
use crate::engine::Pool;
use crate::store::model::{Completion, PoolSummary, Version, VersionPlan};
use crate::store::phase::Phase;
use crate::store::rows::{Part, PartSource, RowChunk, RowEncoder};
use crate::store::rules::{Closing, check_version_free};
use crate::store::sql::closing::close;
use crate::store::sql::read::version_locked;
use crate::store::sql::versions::SUMMARY_COLUMNS;
use crate::store::{StoreError, StoreResult, VersionWriter, phase, sql};

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
    let old = match version_locked(&mut *transaction, plan.version).await {
        Ok(old) => Some(old),
        Err(StoreError::NoVersion(_)) => None,
        Err(error) => return Err(error),
    };
    check_version_free(plan, old.as_ref())?;
    if plan.replaces {
        delete_rows(&mut transaction, plan.version).await?;
    }
    sql::versions::enter(&mut *transaction, plan).await?;
    let action = "drop the indexes of empty tables";
    let dropped = with_raw(&mut transaction, action, |raw| {
        indexes::drop_if_empty(raw, &LARGE).map_err(|e| from_rusqlite(action, e))
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
        let raw = Raw::take(&mut self.transaction, action).await?;
        let mut load = Load::new(raw);
        while let Some(part) = parts.next().await? {
            load.next(part.rows())
                .and_then(|raw| write_part(raw, plan, &part))
                .map_err(|e| from_rusqlite(action, e))?;
            phase::reached(Phase::Load);
        }
        load.end().map_err(|e| from_rusqlite(action, e))?;
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
        sql::versions::complete(&mut *transaction, &plan, completion).await?;
        close(&mut *transaction, &Closing::of_version(&plan, completion)).await?;
        commit(transaction).await?;
        phase::reached(Phase::Committed);
        Ok(())
    }
}

/// Tables with a row for each allocation, and for each open lot.
const LARGE: [&str; 2] = ["fifo_allocations", "fifo_inventory_snapshot"];

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
         AND asset = ?3",
    )?;
    delete.execute(params![version, pool.account.as_str(), pool.asset.as_str()])?;
    Ok(())
}

pub(super) const INSERT_ALLOCATION: &str = "INSERT INTO fifo_allocations (account, sell_order_id, \
    buy_order_id, symbol, allocated_size, buy_price, sell_price, buy_fees_per_unit, \
    sell_fees_per_unit, cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, buy_time, \
    sell_time, allocation_time, allocation_version, allocation_batch_id, notes, asset, sell_leg, \
    buy_leg, buy_account, buy_movement, direction) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, \
    ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25)";

pub(super) const INSERT_LOT: &str = "INSERT INTO fifo_inventory_snapshot (symbol, buy_order_id, \
    remaining_size, snapshot_time, allocation_version, account, remaining_cost_usd, asset, \
    buy_leg, lot_size, lot_value_usd, lot_fee_usd, direction, buy_account, buy_movement) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)";

pub(super) fn insert_rows(raw: &Connection, sql: &str, chunk: &RowChunk) -> rusqlite::Result<()> {
    let mut insert = raw.prepare_cached(sql)?;
    let mut before: &[u8] = &[];
    for row in chunk.rows() {
        insert_row(&mut insert, cells(row), cells(before))?;
        before = row;
    }
    Ok(())
}

/// Writes a pool's summary. Errors: the version has one of the pool.
pub(super) fn insert_summary(
    raw: &Connection,
    version: Version,
    summary: &PoolSummary,
    duration_us: i64,
) -> rusqlite::Result<()> {
    let row = sql::versions::summary(version, summary, duration_us);
    let places: Vec<String> = (1..=row.len()).map(|nth| format!("?{nth}")).collect();
    let insert = format!(
        "INSERT INTO fifo_pool_summary ({SUMMARY_COLUMNS}) VALUES ({})",
        places.join(", ")
    );
    raw.prepare_cached(&insert)?
        .execute(params_from_iter(row))?;
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
