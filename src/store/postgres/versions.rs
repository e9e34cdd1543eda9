//! Writing, sealing and dropping versions in PostgreSQL.
//!
//! A version is a partition. It is filled, indexed and committed while it is not attached, so that
//! no reader sees it and nobody waits; then one short transaction attaches it, moves the pointer,
//! updates the review queue and closes the log row. A process that dies in between leaves an
//! unattached table, which the next run removes.

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Executor, PgConnection};

use super::errors::from_sqlx;
use super::lock::LockedConnection;
use super::{PostgresStore, commit, copy, pointer, queue, read, runs};
use crate::engine::{Matching, PoolOutcome, PoolResult, PoolStatus, PoolTotals};
use crate::store::limits::READER_WAIT_S;
use crate::store::model::{Completion, Event, Version, VersionPlan};
use crate::store::rules::{check_droppable, check_sealable, check_version_free};
use crate::store::{StoreError, StoreResult, VersionWriter};

/// A version being written, on the connection that holds the run lock.
pub(super) struct PostgresVersionWriter {
    /// Taken out of the store for the time of writing; `None` after an error has dropped it.
    connection: Option<PgConnection>,
    slot: LockedConnection,
    plan: VersionPlan,
    allocation_next: i64,
    lot_next: i64,
    summaries: copy::Rows,
}

/// The partitions of one version: allocations and inventory.
struct Parts {
    allocations: String,
    inventory: String,
}

impl Parts {
    fn of(plan: &VersionPlan) -> Self {
        let name = format!("v{}_r{}", plan.version, plan.run_id);
        Self {
            allocations: format!("fifo_allocations_{name}"),
            inventory: format!("fifo_inventory_snapshot_{name}"),
        }
    }
}

async fn execute(
    connection: &mut PgConnection,
    action: &'static str,
    sql: String,
) -> StoreResult<()> {
    let done = connection.execute(AssertSqlSafe(sql)).await;
    done.map(|_| ()).map_err(|e| from_sqlx(action, e))
}

/// Makes the unattached tables, in a transaction that [`VersionWriter::finish`] commits.
pub(super) async fn begin(
    store: &PostgresStore,
    plan: &VersionPlan,
) -> StoreResult<PostgresVersionWriter> {
    let Some(mut connection) = store.locked.lock().await.take() else {
        return Err(StoreError::Refused(
            "a version is written with the run lock held".into(),
        ));
    };
    let parts = Parts::of(plan);
    let free = match read::version_in(&mut connection, plan.version).await {
        Ok(old) => check_version_free(plan, Some(&old)),
        Err(StoreError::NoVersion(_)) => check_version_free(plan, None),
        Err(error) => Err(error),
    };
    if let Err(error) = free {
        *store.locked.lock().await = Some(connection);
        return Err(error);
    }
    let mut sql = String::from("BEGIN;");
    for (part, parent) in [
        (&parts.allocations, "fifo_allocations"),
        (&parts.inventory, "fifo_inventory_snapshot"),
    ] {
        sql.push_str(&format!(
            "CREATE TABLE fifo_parts.{part} (LIKE public.{parent} INCLUDING DEFAULTS \
             INCLUDING CONSTRAINTS);"
        ));
    }
    execute(&mut connection, "make a version's tables", sql).await?;
    let (allocation_next, lot_next) = ids_next(&mut connection).await?;
    Ok(PostgresVersionWriter {
        connection: Some(connection),
        slot: store.locked.clone(),
        plan: plan.clone(),
        allocation_next,
        lot_next,
        summaries: copy::Rows::default(),
    })
}

/// Returns the first free ids. Only the holder of the run lock gives any out.
async fn ids_next(connection: &mut PgConnection) -> StoreResult<(i64, i64)> {
    sqlx::query_as(
        "SELECT (SELECT last_value + is_called::int FROM fifo_parts.allocation_ids), \
                (SELECT last_value + is_called::int FROM fifo_parts.lot_ids)",
    )
    .fetch_one(connection)
    .await
    .map_err(|e| from_sqlx("number a version's rows", e))
}

const ALLOCATION_COLUMNS: &str = "id, account, sell_order_id, buy_order_id, symbol, \
    allocated_size, buy_price, sell_price, buy_fees_per_unit, sell_fees_per_unit, \
    cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, buy_time, sell_time, \
    allocation_time, allocation_version, allocation_batch_id, notes";

const LOT_COLUMNS: &str = "id, symbol, buy_order_id, remaining_size, snapshot_time, \
    allocation_version, account, remaining_cost_usd";

const SUMMARY_COLUMNS: &str = "allocation_version, account, symbol, status, trades, buys, sells, \
    allocations, sells_matched, sells_unmatched, buys_used, fees_unknown, matched_size, \
    cost_basis_usd, proceeds_usd, net_proceeds_usd, pnl_usd, unmatched_size, \
    unmatched_proceeds_usd, unmatched_net_proceeds_usd, open_lots, open_size, open_cost_usd, \
    first_sell, last_sell, last_order_time, last_side, last_trade_seq, last_order_id, \
    ledger_hash, allocations_hash, watermark, first_allocation, last_allocation, duration_us, \
    error";

impl PostgresVersionWriter {
    fn connection(&mut self) -> StoreResult<&mut PgConnection> {
        self.connection
            .as_mut()
            .ok_or_else(|| StoreError::Refused("the writer's connection is gone".into()))
    }

    fn allocation_rows(&mut self, matching: &Matching) -> copy::Rows {
        let mut rows = copy::Rows::default();
        for row in matching.rows() {
            rows.value(self.allocation_next);
            self.allocation_next += 1;
            rows.text(row.account);
            rows.text(row.sell_order_id);
            rows.optional_text(row.buy_order_id);
            rows.text(row.symbol);
            rows.value(row.allocated_size);
            rows.optional(row.buy_price);
            rows.value(row.sell_price);
            rows.optional(row.buy_fees_per_unit);
            rows.optional(row.sell_fees_per_unit);
            rows.optional(row.cost_basis_usd);
            rows.value(row.proceeds_usd);
            rows.value(row.net_proceeds_usd);
            rows.optional(row.pnl_usd);
            rows.optional(row.buy_time);
            rows.value(row.sell_time);
            rows.value(self.plan.allocation_time);
            rows.value(self.plan.version);
            rows.text(&self.plan.batch_id);
            rows.optional((!row.notes.is_empty()).then_some(row.notes));
            rows.end_row();
        }
        rows
    }

    fn lot_rows(&mut self, matching: &Matching) -> copy::Rows {
        let mut rows = copy::Rows::default();
        for (buy, lot) in matching.open_lots_with_buys() {
            rows.value(self.lot_next);
            self.lot_next += 1;
            rows.text(matching.pool.symbol.as_str());
            rows.text(buy.order_id.as_str());
            rows.value(lot.remaining_size);
            rows.value(self.plan.allocation_time);
            rows.value(self.plan.version);
            rows.text(matching.pool.account.as_str());
            rows.value(lot.remaining_cost);
            rows.end_row();
        }
        rows
    }

    fn add_summary(
        &mut self,
        outcome: &PoolOutcome,
        status: PoolStatus,
        error: Option<&str>,
        duration_us: i64,
    ) {
        let matching = match &outcome.result {
            PoolResult::Matched(matching) => Some(matching),
            _ => None,
        };
        let nothing = PoolTotals {
            trades: outcome.trades,
            ..PoolTotals::default()
        };
        let totals = matching.map_or(&nothing, |matching| &matching.totals);
        let last = matching.and_then(|matching| matching.trades.last());
        let has_rows = matching.is_some_and(|matching| !matching.allocations.is_empty());
        let allocated_at = has_rows.then_some(self.plan.allocation_time);
        let rows = &mut self.summaries;
        rows.value(self.plan.version);
        rows.text(outcome.pool.account.as_str());
        rows.text(outcome.pool.symbol.as_str());
        rows.value(status.as_str());
        let counts = [
            totals.trades,
            totals.buys,
            totals.sells,
            totals.allocations,
            totals.sells_matched,
            totals.sells_unmatched,
            totals.buys_used,
            totals.fees_unknown,
        ];
        counts.into_iter().for_each(|count| rows.value(count));
        rows.value(totals.matched_size);
        let amounts = [
            totals.cost_basis,
            totals.proceeds,
            totals.net_proceeds,
            totals.pnl,
        ];
        amounts.into_iter().for_each(|amount| rows.value(amount));
        rows.value(totals.unmatched_size);
        rows.value(totals.unmatched_proceeds);
        rows.value(totals.unmatched_net_proceeds);
        rows.value(totals.open_lots);
        rows.value(totals.open_size);
        rows.value(totals.open_cost);
        rows.optional(totals.first_sell);
        rows.optional(totals.last_sell);
        rows.optional(last.map(|trade| trade.order_time));
        rows.optional(last.map(|trade| trade.side));
        rows.optional(last.and_then(|trade| trade.trade_seq));
        rows.optional_text(last.map(|trade| trade.order_id.as_str()));
        rows.value(outcome.ledger_hash);
        rows.value(outcome.allocations_hash);
        rows.text(&self.plan.watermark.to_json());
        rows.optional(allocated_at);
        rows.optional(allocated_at);
        rows.value(duration_us);
        rows.optional_text(error);
        rows.end_row();
    }

    /// Indexes and commits the unattached tables.
    async fn commit_parts(&mut self) -> StoreResult<()> {
        let (parts, version) = (Parts::of(&self.plan), self.plan.version);
        let Parts {
            allocations,
            inventory,
        } = &parts;
        let sql = format!(
            "CREATE UNIQUE INDEX ON fifo_parts.{allocations} \
                 (allocation_version, account, sell_order_id, (coalesce(buy_order_id, '')));\
             CREATE INDEX ON fifo_parts.{allocations} \
                 (allocation_version, account, buy_order_id) WHERE buy_order_id IS NOT NULL;\
             CREATE INDEX ON fifo_parts.{allocations} (allocation_version, symbol, sell_time);\
             CREATE INDEX ON fifo_parts.{allocations} \
                 (allocation_version, id) WHERE buy_order_id IS NULL;\
             CREATE UNIQUE INDEX ON fifo_parts.{inventory} \
                 (allocation_version, account, symbol, buy_order_id);\
             ALTER TABLE fifo_parts.{allocations} \
                 ADD CONSTRAINT of_version CHECK (allocation_version = {version});\
             ALTER TABLE fifo_parts.{inventory} \
                 ADD CONSTRAINT of_version CHECK (allocation_version = {version});\
             COMMIT"
        );
        execute(self.connection()?, "index a version", sql).await
    }

    /// Attaches and publishes, in a short transaction.
    async fn publish(&mut self, completion: &Completion) -> StoreResult<()> {
        let plan = self.plan.clone();
        let parts = Parts::of(&plan);
        let ids = (self.allocation_next, self.lot_next);
        let summaries = std::mem::take(&mut self.summaries);
        let connection = self.connection()?;
        begin_short(connection).await?;
        runs::check_still_running(connection, plan.run_id).await?;
        if plan.replaces {
            drop_parts(connection, plan.version).await?;
        }
        enter_version(connection, &plan, completion).await?;
        let Parts {
            allocations,
            inventory,
        } = &parts;
        let version = plan.version;
        let sql = format!(
            "ALTER TABLE fifo_allocations ATTACH PARTITION fifo_parts.{allocations} \
                 FOR VALUES IN ({version});\
             ALTER TABLE fifo_parts.{allocations} DROP CONSTRAINT of_version;\
             ALTER TABLE fifo_inventory_snapshot ATTACH PARTITION fifo_parts.{inventory} \
                 FOR VALUES IN ({version});\
             ALTER TABLE fifo_parts.{inventory} DROP CONSTRAINT of_version"
        );
        execute(connection, "attach a version", sql).await?;
        let (allocation_next, lot_next) = ids;
        let sql = format!(
            "SELECT setval('fifo_parts.allocation_ids', {allocation_next}, false), \
                    setval('fifo_parts.lot_ids', {lot_next}, false)"
        );
        execute(connection, "number a version's rows", sql).await?;
        let table = "fifo_parts.fifo_pool_summary";
        copy::send(
            connection,
            "write the summaries",
            table,
            SUMMARY_COLUMNS,
            summaries,
        )
        .await?;
        let at = completion.completed_at;
        if completion.publish {
            pointer::set(connection, version, completion.held, at).await?;
        }
        queue::update(connection, &completion.review, version, at).await?;
        runs::complete(connection, plan.run_id, version, completion).await?;
        let event = Event {
            version: Some(version),
            correlation_id: Some(plan.batch_id.clone()),
            ..Event::info("run", at, completion.details.clone())
        };
        runs::log_event(connection, &event).await?;
        execute(connection, "commit", "COMMIT".into()).await
    }
}

/// Begins a transaction that waits for readers only so long.
async fn begin_short(connection: &mut PgConnection) -> StoreResult<()> {
    let sql = format!("BEGIN; SET LOCAL lock_timeout = '{READER_WAIT_S}s'");
    execute(connection, "begin a transaction", sql).await
}

async fn enter_version(
    connection: &mut PgConnection,
    plan: &VersionPlan,
    completion: &Completion,
) -> StoreResult<()> {
    sqlx::query(
        "INSERT INTO allocation_versions (version, method, scope, status, origin, policy, \
         watermark, engine_version, created_at, ledger_hash, allocations_hash, \
         complete_through, completed_at) VALUES ($1, 'fifo', $2, $3, $4, $5::jsonb, $6::jsonb, \
         $7, $8::timestamptz, $9, $10, $11::timestamptz, $12::timestamptz) \
         ON CONFLICT (version) DO UPDATE SET status = excluded.status, \
         origin = excluded.origin, policy = excluded.policy, watermark = excluded.watermark, \
         engine_version = excluded.engine_version, created_at = excluded.created_at, \
         ledger_hash = excluded.ledger_hash, allocations_hash = excluded.allocations_hash, \
         complete_through = excluded.complete_through, completed_at = excluded.completed_at",
    )
    .bind(plan.version)
    .bind(plan.scope.to_text())
    .bind(completion.status.as_str())
    .bind(&plan.origin)
    .bind(&plan.policy)
    .bind(plan.watermark.to_json())
    .bind(env!("CARGO_PKG_VERSION"))
    .bind(plan.created_at.to_string())
    .bind(completion.ledger_hash.to_string())
    .bind(completion.allocations_hash.to_string())
    .bind(completion.complete_through.map(|time| time.to_string()))
    .bind(completion.completed_at.to_string())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx("enter the version", e))
}

#[async_trait]
impl VersionWriter for PostgresVersionWriter {
    async fn load(&mut self, outcome: &PoolOutcome, duration_us: i64) -> StoreResult<()> {
        let (status, error) = match &outcome.result {
            PoolResult::Matched(matching) => {
                let parts = Parts::of(&self.plan);
                let (allocations, lots) = (self.allocation_rows(matching), self.lot_rows(matching));
                let (table, inventory) = (
                    format!("fifo_parts.{}", parts.allocations),
                    format!("fifo_parts.{}", parts.inventory),
                );
                let connection = self.connection()?;
                let action = "write allocations";
                copy::send(connection, action, &table, ALLOCATION_COLUMNS, allocations).await?;
                copy::send(connection, action, &inventory, LOT_COLUMNS, lots).await?;
                (PoolStatus::Matched, None)
            }
            PoolResult::Rejected(rejection) => {
                (PoolStatus::Rejected, Some(rejection.reason.as_str()))
            }
            PoolResult::Excluded(reason) => (PoolStatus::Excluded, Some(reason.as_str())),
        };
        self.add_summary(outcome, status, error, duration_us);
        Ok(())
    }

    async fn finish(mut self: Box<Self>, completion: &Completion) -> StoreResult<()> {
        let done = match self.commit_parts().await {
            Ok(()) => self.publish(completion).await,
            Err(error) => Err(error),
        };
        match done {
            Ok(()) => {
                // The lock goes on being held until the run lets it go.
                *self.slot.lock().await = self.connection.take();
                Ok(())
            }
            // The connection is dropped with its open transaction: the server takes all back.
            Err(error) => Err(error),
        }
    }
}

/// Lists the attached partitions of a version.
async fn parts_of(connection: &mut PgConnection, version: Version) -> StoreResult<Vec<String>> {
    let pattern = format!("^fifo_(allocations|inventory_snapshot)_v{version}_r[0-9]+$");
    sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'fifo_parts' AND c.relkind = 'r' AND c.relispartition \
         AND c.relname ~ $1",
    )
    .bind(pattern)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("look for a version's tables", e))
}

/// Removes a version's partitions and summaries, inside a transaction.
async fn drop_parts(connection: &mut PgConnection, version: Version) -> StoreResult<()> {
    let action = "drop a version's rows";
    for part in parts_of(connection, version).await? {
        execute(connection, action, format!("DROP TABLE fifo_parts.{part}")).await?;
    }
    sqlx::query("DELETE FROM fifo_parts.fifo_pool_summary WHERE allocation_version = $1")
        .bind(version)
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| from_sqlx(action, e))
}

/// Removes tables that a run left behind when it ended before it could attach them.
pub(super) async fn drop_leftovers(store: &PostgresStore) -> StoreResult<()> {
    let action = "remove what a broken run left";
    let mut connection = store.reader().await?;
    let tables: Vec<String> = sqlx::query_scalar(
        "SELECT c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
         WHERE n.nspname = 'fifo_parts' AND c.relkind = 'r' AND NOT c.relispartition \
         AND c.relname ~ '^fifo_(allocations|inventory_snapshot)_v[0-9]+_r[0-9]+$'",
    )
    .fetch_all(&mut *connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    for table in tables {
        execute(
            &mut connection,
            action,
            format!("DROP TABLE fifo_parts.{table}"),
        )
        .await?;
    }
    Ok(())
}

/// Seals a version: from then on nobody replaces or drops it.
pub(super) async fn seal(
    store: &PostgresStore,
    version: Version,
    reason: &str,
    event: &Event,
) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
    let info = read::version_in(&mut transaction, version).await?;
    check_sealable(&info)?;
    sqlx::query(
        "UPDATE allocation_versions SET sealed_at = $2::timestamptz, sealed_reason = $3 \
         WHERE version = $1",
    )
    .bind(version)
    .bind(event.at.to_string())
    .bind(reason)
    .execute(&mut *transaction)
    .await
    .map_err(|e| from_sqlx("seal a version", e))?;
    runs::log_event(&mut transaction, event).await?;
    commit(transaction).await
}

/// Drops a version's rows. Its number stays taken.
pub(super) async fn drop(
    store: &PostgresStore,
    version: Version,
    event: &Event,
) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
    execute(
        &mut transaction,
        "begin a transaction",
        format!("SET LOCAL lock_timeout = '{READER_WAIT_S}s'"),
    )
    .await?;
    let info = read::version_in(&mut transaction, version).await?;
    let current = read::current_in(&mut transaction).await?;
    check_droppable(&info, &current)?;
    drop_parts(&mut transaction, version).await?;
    sqlx::query("UPDATE allocation_versions SET status = 'dropped' WHERE version = $1")
        .bind(version)
        .execute(&mut *transaction)
        .await
        .map_err(|e| from_sqlx("drop a version", e))?;
    runs::log_event(&mut transaction, event).await?;
    commit(transaction).await
}
