//! Waits for readers that could see a new version without its rows.
//!
//! Attaching a partition blocks nobody. But a plan made before it lacks the partition: the plan of
//! a running statement, or of a prepared one that its transaction uses again. In READ COMMITTED
//! such a reader sees which version is current at the moment. If a run published too early, that
//! reader would find no rows of the version. So the run waits for the sessions that use the tables
//! now. Later sessions don't matter.
//!
//! A reader that keeps its snapshot (REPEATABLE READ, a backup) does not see the publication. Its
//! oldest visible transaction stays the same. Our role can see that of our own sessions, or with
//! `pg_read_all_stats` of all.

use std::collections::BTreeMap;
use std::time::Duration;

use sqlx::PgConnection;

use super::errors::from_sqlx;
use crate::store::limits::READER_POLL_MS;
use crate::store::{Busy, StoreResult};

/// A reader: its server process, and the number of its transaction in that process.
type TableUser = (i32, String);

/// The name of a reader's session, and the oldest transaction visible to it, if known.
type KnownReader = (String, Option<String>);

/// Readers that keep their snapshot, and so don't see a publication.
#[derive(Debug, Default)]
pub(super) struct Steady(BTreeMap<TableUser, KnownReader>);

/// Waits for the readers of the tables that might see the publication. Readers in `known` keep
/// their snapshot, and are not waited for. Returns the readers that are left.
///
/// Call outside a transaction, in which the list of sessions would never change. Errors: such a
/// reader is still there after `reader_wait`.
pub(super) async fn wait_until_gone(
    connection: &mut PgConnection,
    reader_wait: Duration,
    known: &Steady,
) -> StoreResult<Steady> {
    let pause = Duration::from_millis(READER_POLL_MS);
    let mut left = reader_wait;
    let mut waited_for = readers(connection).await?;
    loop {
        let others = waited_for
            .iter()
            .any(|(reader, seen)| seen.1.is_none() || known.0.get(reader) != Some(seen));
        if !others || left.is_zero() {
            return steady(waited_for);
        }
        tokio::time::sleep(pause).await;
        left = left.saturating_sub(pause);
        let there = readers(connection).await?;
        waited_for.retain(|reader, _| there.contains_key(reader));
        for (reader, (_, oldest)) in &mut waited_for {
            if there.get(reader).is_none_or(|(_, seen)| seen != oldest) {
                *oldest = None;
            }
        }
    }
}

/// Refuses to go on if a reader's snapshot changes, or may change.
fn steady(readers: BTreeMap<TableUser, KnownReader>) -> StoreResult<Steady> {
    let mut moving = readers.iter().filter(|(_, (_, oldest))| oldest.is_none());
    match moving.next() {
        None => Ok(Steady(readers)),
        Some(((pid, _), (name, _))) => Err(Busy::Reader(*pid, name.clone()).into()),
    }
}

/// Lists the transactions that use the tables at present.
async fn readers(connection: &mut PgConnection) -> StoreResult<BTreeMap<TableUser, KnownReader>> {
    let rows: Vec<(i32, String, String, Option<String>)> = sqlx::query_as(
        "SELECT coalesce(l.pid, 0), l.virtualtransaction, coalesce(a.application_name, ''), \
         a.backend_xmin::text FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND l.relation IN ('public.fifo_allocations'::regclass, \
                            'public.fifo_inventory_snapshot'::regclass) \
         AND l.mode IN ('AccessShareLock', 'RowShareLock')",
    )
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("look for readers", e))?;
    let reader = |(pid, number, name, oldest)| ((pid, number), (name, oldest));
    Ok(rows.into_iter().map(reader).collect())
}
