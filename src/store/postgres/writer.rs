//! Writes versions into PostgreSQL, and publishes them.
//!
//! A version is a partition. It is filled, indexed and committed before it is attached, so no
//! reader sees it and nobody waits. Then it is attached. One short transaction enters it, makes it
//! current, updates the review queue and closes the log row. A process that dies in between leaves
//! tables that no version has; the next run removes them.
//!
//! A statement that was planned before a partition was attached does not find it, even when the
//! version is current by then. So a run publishes only when those readers are gone: `readers.rs`.
//!
//! A version that is replaced keeps its partition: one transaction deletes its rows and writes the
//! new ones. Changing the partition would be quicker and is wrong. A change of a table is seen at
//! once, also by readers of an older state, who would find it empty.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

use super::copy::BinaryCopy;
use super::drop::{delete_rows, drop_tables};
use super::errors::from_sqlx;
use super::halves::{self, Beside, SUMMARIES, Tables};
use super::lock::LockedConnection;
use super::readers::Steady;
use super::rows::{ALLOCATION_COLUMNS, LOT_COLUMNS, PostgresRows};
use super::session::{begin_short, execute};
use super::{PostgresStore, PostgresUrl, copy, lock, readers, rows};
use crate::engine::{Pool, PoolOutcome};
use crate::store::model::{Completion, PoolSummary, VersionPlan};
use crate::store::phase::Phase;
use crate::store::rows::{Part, PartSource, RowEncoder};
use crate::store::rules::{Closing, check_version_free};
use crate::store::sql::closing::close;
use crate::store::sql::read::version_locked;
use crate::store::sql::versions::{SUMMARY_COLUMNS, summary};
use crate::store::{Denial, PostgresRefusal, StoreError, StoreResult, VersionWriter, phase, sql};

/// A version being written, on the connection that holds the run lock.
pub(super) struct PostgresVersionWriter {
    /// Lent for the time of writing; `None` when it can no longer be used.
    connection: Option<PgConnection>,
    slot: LockedConnection,
    url: PostgresUrl,
    plan: VersionPlan,
    pools: BTreeSet<Pool>,
    allocation_next: i64,
    lot_next: i64,
    /// Summaries that wait for the last transaction.
    summaries: copy::CopyText,
    /// Tables where others wait.
    spilled: BTreeSet<String>,
    /// Writes the first half of a version that is cut.
    beside: Option<Beside>,
    reader_wait: Duration,
}

impl Drop for PostgresVersionWriter {
    fn drop(&mut self) {
        // A transaction may be open: the next user of the connection rolls it back first. The run
        // holds the run lock until it lets it go.
        if let Some(connection) = self.connection.take() {
            self.slot.give_back(connection);
        }
    }
}

pub(super) const WRITE_ROWS: &str = "write allocations";

/// Lots that wait for the rows before them, in bytes.
const LOTS_WAITING_BYTES: usize = 1 << 20;

/// Summaries that wait in memory for the last transaction, in bytes: those of some two thousand
/// pools. More wait in a table that no version has.
const SUMMARIES_WAITING_BYTES: usize = 1 << 20;

/// Why a COPY of allocations ends.
enum Pause {
    /// There are no more rows.
    Source,
    /// The pool is written with which the half ends.
    Pool,
    /// A pool's rows go.
    Discard(Pool),
    /// Other rows wait, and are written first.
    Full,
}

fn gone() -> StoreError {
    PostgresRefusal::WriterGone.into()
}

const WRITE_SUMMARIES: &str = "write the summaries";

/// Makes the tables, in a transaction that [`VersionWriter::finish`] commits.
pub(super) async fn begin(
    store: &PostgresStore,
    plan: &VersionPlan,
) -> StoreResult<PostgresVersionWriter> {
    let Some(mut connection) = store.locked.lend() else {
        return Err(PostgresRefusal::NoRunLock.into());
    };
    let begun = begin_on(&mut connection, plan).await;
    // From here on dropping the writer gives the connection back.
    let mut writer = PostgresVersionWriter {
        connection: Some(connection),
        slot: store.locked.clone(),
        url: store.url.clone(),
        plan: plan.clone(),
        pools: BTreeSet::new(),
        allocation_next: 0,
        lot_next: 0,
        summaries: copy::CopyText::default(),
        spilled: BTreeSet::new(),
        beside: None,
        reader_wait: store.reader_wait,
    };
    (writer.allocation_next, writer.lot_next) = begun?;
    writer.make_tables(store).await?;
    Ok(writer)
}

/// Begins the transaction; returns the first free ids.
async fn begin_on(connection: &mut PgConnection, plan: &VersionPlan) -> StoreResult<(i64, i64)> {
    // What a writer left that was dropped before its end.
    execute(connection, "undo a broken version", "ROLLBACK".into()).await?;
    begin_short(connection).await?;
    check_free(connection, plan).await?;
    check_owner(connection).await?;
    if plan.replaces {
        delete_rows(connection, plan.version).await?;
    }
    ids_next(connection).await
}

/// Refuses a number that is taken, or a version that may not be replaced.
async fn check_free(connection: &mut PgConnection, plan: &VersionPlan) -> StoreResult<()> {
    match version_locked(connection, plan.version).await {
        Ok(old) => check_version_free(plan, Some(&old)),
        Err(StoreError::NoVersion(_)) => check_version_free(plan, None),
        Err(error) => Err(error),
    }
}

/// Refuses a role that could not attach, before all is written in vain: rights are not enough.
async fn check_owner(connection: &mut PgConnection) -> StoreResult<()> {
    let action = "add a version";
    let other: Option<String> = sqlx::query_scalar(
        "SELECT relname::text FROM pg_class WHERE oid IN ('public.fifo_allocations'::regclass, \
         'public.fifo_inventory_snapshot'::regclass) AND NOT pg_has_role(relowner, 'USAGE') \
         ORDER BY 1 LIMIT 1",
    )
    .fetch_optional(connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    match other {
        None => Ok(()),
        Some(table) => Err(StoreError::NoPermission {
            location: action.into(),
            reason: Denial::MustOwn(table),
        }),
    }
}

/// Returns the first free ids. Only the holder of the run lock gives any out.
pub(super) async fn ids_next(connection: &mut PgConnection) -> StoreResult<(i64, i64)> {
    sqlx::query_as(
        "SELECT (SELECT last_value + is_called::int FROM fifo_parts.allocation_ids), \
                (SELECT last_value + is_called::int FROM fifo_parts.lot_ids)",
    )
    .fetch_one(connection)
    .await
    .map_err(|e| from_sqlx("number a version's rows", e))
}

impl PostgresVersionWriter {
    fn connection(&mut self) -> StoreResult<&mut PgConnection> {
        self.connection.as_mut().ok_or_else(gone)
    }

    /// Makes the tables of the version, or of its halves, each on its connection.
    async fn make_tables(&mut self, store: &PostgresStore) -> StoreResult<()> {
        if self.plan.replaces {
            self.plan.cut = None;
            return Ok(());
        }
        let second = match self.plan.cut {
            Some(_) => halves::connect(store).await,
            None => None,
        };
        if second.is_none() {
            self.plan.cut = None;
        }
        let last = self.last_tables()?;
        last.create(self.connection()?).await?;
        if let (Some(second), Some(first)) = (second, Tables::of(&self.plan).first()) {
            self.beside = Some(Beside::begin(second, first).await?);
        }
        Ok(())
    }

    /// Returns the tables that the connection with the run lock fills.
    fn last_tables(&self) -> StoreResult<Tables> {
        Tables::of(&self.plan).pop().ok_or_else(gone)
    }

    /// Writes rows by COPY, up to the end of a pool or to the end of the rows. Lots wait until they
    /// are worth changing the table for. Returns whether that pool is written.
    async fn write_on(
        &mut self,
        connection: &mut PgConnection,
        tables: &Tables,
        last: Option<&Pool>,
        parts: &mut dyn PartSource,
    ) -> StoreResult<bool> {
        let mut lots = Vec::new();
        loop {
            let pause = self
                .copy_allocations(connection, tables, &mut lots, last, parts)
                .await?;
            if self.summaries.bytes() >= SUMMARIES_WAITING_BYTES {
                self.spill_summaries(connection, &tables.summaries).await?;
            }
            if let Pause::Discard(pool) = &pause {
                discard_pool(connection, &tables.allocations, pool).await?;
            }
            let into = (tables.inventory.as_str(), LOT_COLUMNS);
            let mut copy = BinaryCopy::new(connection, WRITE_ROWS, into);
            copy.send(&lots).await?;
            copy.finish().await?;
            lots.clear();
            match pause {
                Pause::Source => return Ok(false),
                Pause::Pool => return Ok(true),
                Pause::Discard(_) | Pause::Full => {}
            }
        }
    }

    /// Writes allocations until something else is to be done.
    async fn copy_allocations(
        &mut self,
        connection: &mut PgConnection,
        tables: &Tables,
        lots: &mut Vec<u8>,
        last: Option<&Pool>,
        parts: &mut dyn PartSource,
    ) -> StoreResult<Pause> {
        let into = (tables.allocations.as_str(), ALLOCATION_COLUMNS);
        let mut copy = BinaryCopy::new(connection, WRITE_ROWS, into);
        let pause = loop {
            let part = match parts.next().await {
                Ok(part) => part,
                Err(error) => {
                    copy.abort().await;
                    return Err(error);
                }
            };
            match part {
                None => break Pause::Source,
                Some(Part::Allocations(mut chunk)) => {
                    self.allocation_next = rows::number(&mut chunk, self.allocation_next);
                    copy.send(&chunk.bytes).await?;
                    phase::reached(Phase::Load);
                }
                Some(Part::Lots(mut chunk)) => {
                    self.lot_next = rows::number(&mut chunk, self.lot_next);
                    lots.extend_from_slice(&chunk.bytes);
                    if lots.len() >= LOTS_WAITING_BYTES {
                        break Pause::Full;
                    }
                }
                Some(Part::Discard(pool)) => break Pause::Discard(pool),
                Some(Part::Pool(outcome, duration_us)) => {
                    if let Err(error) = self.add_pool(&outcome, duration_us) {
                        copy.abort().await;
                        return Err(error);
                    }
                    if last == Some(&outcome.pool) {
                        break Pause::Pool;
                    }
                    if self.summaries.bytes() >= SUMMARIES_WAITING_BYTES {
                        break Pause::Full;
                    }
                }
            }
        };
        copy.finish().await?;
        Ok(pause)
    }

    /// Writes the rows of the first half. Returns whether more rows follow.
    async fn write_first_half(&mut self, parts: &mut dyn PartSource) -> StoreResult<bool> {
        let Some(Beside::Writing(mut connection)) = self
            .beside
            .take_if(|beside| matches!(beside, Beside::Writing(_)))
        else {
            return Ok(true);
        };
        let tables = Tables::of(&self.plan);
        let (Some(first), Some(cut)) = (tables.first(), self.plan.cut.clone()) else {
            return Err(gone());
        };
        let is_whole = self
            .write_on(&mut connection, first, Some(&cut.last), parts)
            .await?;
        self.beside = Some(match is_whole {
            true => Beside::index(connection, first),
            false => Beside::Writing(connection),
        });
        if is_whole {
            phase::reached(Phase::Half);
        }
        Ok(is_whole)
    }

    fn add_pool(&mut self, outcome: &PoolOutcome, duration_us: i64) -> StoreResult<()> {
        if !self.pools.insert(outcome.pool.clone()) {
            return Err(StoreError::Database {
                action: WRITE_ROWS,
                message: format!("pool {} was written already", outcome.pool),
                source: None,
            });
        }
        let (watermark, at) = (&self.plan.watermark, self.plan.allocation_time);
        let of_pool = PoolSummary::of(outcome, watermark, at);
        let row = summary(self.plan.version, &of_pool, duration_us);
        self.summaries.add(&row);
        Ok(())
    }

    /// Writes the summaries so far to the table where they wait.
    async fn spill_summaries(
        &mut self,
        connection: &mut PgConnection,
        table: &str,
    ) -> StoreResult<()> {
        if table != SUMMARIES && self.spilled.insert(table.to_owned()) {
            let sql = format!("CREATE TABLE {table} (LIKE {SUMMARIES} INCLUDING DEFAULTS)");
            execute(connection, WRITE_SUMMARIES, sql).await?;
        }
        let rows = std::mem::take(&mut self.summaries);
        copy::send(connection, WRITE_SUMMARIES, table, SUMMARY_COLUMNS, rows).await
    }

    async fn end(&mut self, completion: &Completion) -> StoreResult<()> {
        phase::reached(Phase::Index);
        self.commit_parts().await?;
        let is_attached = self.attach_parts(completion).await?;
        self.publish(completion, is_attached).await
    }

    /// Indexes and commits the unattached tables.
    async fn commit_parts(&mut self) -> StoreResult<()> {
        if self.plan.replaces {
            // One transaction from the first row to the publication.
            return Ok(());
        }
        let (beside, tables) = (self.beside.take(), Tables::of(&self.plan));
        let (Some(first), Some(last)) = (tables.first(), tables.last()) else {
            return Err(gone());
        };
        let connection = self.connection()?;
        last.index(connection).await?;
        let commit = || "COMMIT".to_owned();
        if let Some(beside) = beside {
            let mut indexed = beside.indexed(first).await?;
            execute(&mut indexed, "commit", commit()).await?;
            let _ = (*indexed).close().await;
        }
        execute(connection, "commit", commit()).await
    }

    /// Attaches the tables in a transaction of its own, if the version is to become current.
    async fn attach_parts(&mut self, completion: &Completion) -> StoreResult<bool> {
        if self.plan.replaces || !completion.publish {
            return Ok(false);
        }
        let (plan, reader_wait) = (self.plan.clone(), self.reader_wait);
        let connection = self.connection()?;
        // A reader that would block the publication is found before anything is attached.
        let steady = readers::wait_until_gone(connection, reader_wait, &Steady::default()).await?;
        begin_short(connection).await?;
        lock::check_still_running(connection, plan.run_id).await?;
        phase::reached(Phase::Attach);
        attach(connection, &plan).await?;
        execute(connection, "commit", "COMMIT".into()).await?;
        phase::reached(Phase::Attached);
        readers::wait_until_gone(connection, reader_wait, &steady).await?;
        Ok(true)
    }

    /// Enters the version and publishes it, in a short transaction.
    async fn publish(&mut self, completion: &Completion, is_attached: bool) -> StoreResult<()> {
        let plan = self.plan.clone();
        let ids = (self.allocation_next, self.lot_next);
        let summaries = std::mem::take(&mut self.summaries);
        let spilled = std::mem::take(&mut self.spilled);
        let connection = self.connection()?;
        if !plan.replaces {
            begin_short(connection).await?;
        }
        lock::check_still_running(connection, plan.run_id).await?;
        check_free(connection, &plan).await?;
        sql::versions::enter(connection, &plan).await?;
        sql::versions::complete(connection, &plan, completion).await?;
        if !plan.replaces && !is_attached {
            attach(connection, &plan).await?;
        }
        let (allocation_next, lot_next) = ids;
        let sql = format!(
            "SELECT setval('fifo_parts.allocation_ids', {allocation_next}, false), \
                    setval('fifo_parts.lot_ids', {lot_next}, false)"
        );
        execute(connection, "number a version's rows", sql).await?;
        for table in spilled {
            let sql = format!("INSERT INTO {SUMMARIES} SELECT * FROM {table}; DROP TABLE {table}");
            execute(connection, WRITE_SUMMARIES, sql).await?;
        }
        let (action, table) = (WRITE_SUMMARIES, SUMMARIES);
        copy::send(connection, action, table, SUMMARY_COLUMNS, summaries).await?;
        close(connection, &Closing::of_version(&plan, completion)).await?;
        execute(connection, "commit", "COMMIT".into()).await?;
        phase::reached(Phase::Committed);
        Ok(())
    }

    /// Undoes a failed end. If that fails, too, the next run does it.
    async fn clean_up(&mut self) {
        self.beside = None;
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let action = "undo a broken version";
        let rolled_back = execute(&mut connection, action, "ROLLBACK".into()).await;
        if rolled_back.is_ok() && drop_tables(&mut connection, Duration::ZERO).await.is_ok() {
            self.connection = Some(connection);
        }
    }
}

/// Makes a version's tables partitions.
async fn attach(connection: &mut PgConnection, plan: &VersionPlan) -> StoreResult<()> {
    for tables in Tables::of(plan) {
        tables.attach(connection).await?;
    }
    Ok(())
}

#[async_trait]
impl VersionWriter for PostgresVersionWriter {
    fn encoder(&self) -> Arc<dyn RowEncoder> {
        Arc::new(PostgresRows::new(&self.plan))
    }

    async fn write(&mut self, parts: &mut dyn PartSource) -> StoreResult<()> {
        let more = self.write_first_half(parts).await;
        if !self.url.named(more).await? {
            return Ok(());
        }
        // If this ends in an error, the connection stays out of reach until it is dropped. The next
        // user of the connection rolls half-written rows back.
        let Some(mut connection) = self.connection.take() else {
            return Err(gone());
        };
        let written = match self.last_tables() {
            Ok(tables) => self.write_on(&mut connection, &tables, None, parts).await,
            Err(error) => Err(error),
        };
        self.connection = Some(connection);
        self.url.named(written.map(|_| ())).await
    }

    async fn finish(mut self: Box<Self>, completion: &Completion) -> StoreResult<()> {
        let done = self.end(completion).await;
        if done.is_err() {
            self.clean_up().await;
        }
        self.url.named(done).await
    }
}

/// Deletes the rows of a pool. Lots are written only when all is matched.
async fn discard_pool(connection: &mut PgConnection, table: &str, pool: &Pool) -> StoreResult<()> {
    let sql = format!("DELETE FROM {table} WHERE account = $1 AND asset = $2");
    sqlx::query(AssertSqlSafe(sql))
        .bind(pool.account.as_str())
        .bind(pool.asset.as_str())
        .execute(connection)
        .await
        .map(|_| ())
        .map_err(|e| from_sqlx(WRITE_ROWS, e))
}
