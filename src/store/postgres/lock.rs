//! One run at a time: a session advisory lock, held by the connection that publishes.
//!
//! The server frees it when the connection ends, however it ends. Behind a proxy that lends a
//! server connection for one transaction only, a session's lock would belong to nobody: such a
//! proxy is refused.

use async_trait::async_trait;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection, PgConnection};
use std::sync::Arc;
use tokio::sync::Mutex;

use super::errors::{from_connect, from_sqlx};
use crate::engine::Timestamp;
use crate::store::model::Holder;
use crate::store::{RunLock, StoreError, StoreResult};

/// The key of our lock, in the server's 64-bit space: "fifo-pnl" as bytes.
const LOCK_KEY: i64 = i64::from_be_bytes(*b"fifo-pnl");

/// The connection that holds the lock, while a run is at work.
pub(super) type LockedConnection = Arc<Mutex<Option<PgConnection>>>;

/// A held lock; releasing or dropping it lets the next run in.
pub(super) struct AdvisoryLock {
    connection: LockedConnection,
}

#[async_trait]
impl RunLock for AdvisoryLock {
    async fn release(self: Box<Self>) {
        if let Some(mut connection) = self.connection.lock().await.take() {
            // Unlocked before goodbye: the server notices a closed connection only some time later.
            let _ = sqlx::query("SELECT pg_advisory_unlock_all()")
                .execute(&mut connection)
                .await;
            let _ = connection.close().await;
        }
    }
}

impl Drop for AdvisoryLock {
    fn drop(&mut self) {
        // Without a goodbye the server notices the closed socket by itself.
        if let Ok(mut slot) = self.connection.try_lock() {
            *slot = None;
        }
    }
}

/// Takes the lock on a connection of its own, or says who has it.
pub(super) async fn try_lock(
    options: &PgConnectOptions,
    location: &str,
    slot: &LockedConnection,
    holder: &Holder,
) -> StoreResult<AdvisoryLock> {
    let mut connection = PgConnection::connect_with(options)
        .await
        .map_err(|e| from_connect(location, e))?;
    let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(LOCK_KEY)
        .fetch_one(&mut connection)
        .await
        .map_err(|e| from_sqlx("take the run lock", e))?;
    if !locked {
        return Err(StoreError::Locked(
            read_holder(&mut connection, holder.since).await,
        ));
    }
    refuse_proxy(options, location, &mut connection).await?;
    *slot.lock().await = Some(connection);
    Ok(AdvisoryLock {
        connection: Arc::clone(slot),
    })
}

/// Names the holder: from its open log row, else from what the server knows of its connection.
async fn read_holder(connection: &mut PgConnection, since: Timestamp) -> Holder {
    let row: Option<(i64, String, String, i64)> = sqlx::query_as(
        "SELECT pid, host, triggered_by, \
         (extract(epoch FROM computation_start) * 1000000)::bigint \
         FROM fifo_computation_log WHERE status = 'running' ORDER BY id DESC LIMIT 1",
    )
    .fetch_optional(&mut *connection)
    .await
    .unwrap_or_default();
    if let Some((pid, host, who, started)) = row {
        let since = Timestamp::try_from_micros(started).unwrap_or(since);
        let pid = u32::try_from(pid).unwrap_or(0);
        return Holder {
            pid,
            host,
            since,
            what: format!("a run started by {who}"),
        };
    }
    let row: Option<(i32, Option<String>, i64)> = sqlx::query_as(
        "SELECT a.pid, a.application_name, \
         (extract(epoch FROM a.backend_start) * 1000000)::bigint \
         FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted \
         AND l.classid::bigint = ($1 >> 32) AND l.objid::bigint = ($1 & 4294967295) LIMIT 1",
    )
    .bind(LOCK_KEY)
    .fetch_optional(&mut *connection)
    .await
    .unwrap_or_default();
    let (pid, what, started) = row.unwrap_or((0, None, since.as_micros()));
    Holder {
        pid: u32::try_from(pid).unwrap_or(0),
        host: "the server".into(),
        since: Timestamp::try_from_micros(started).unwrap_or(since),
        what: what
            .map(|name| name.split(" (pid").next().unwrap_or_default().to_owned())
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| "a connection".into()),
    }
}

/// Refuses a proxy that shares one server connection between two open client connections.
async fn refuse_proxy(
    options: &PgConnectOptions,
    location: &str,
    locked: &mut PgConnection,
) -> StoreResult<()> {
    let backend = "SELECT pg_backend_pid()";
    let action = "look for a proxy";
    let mut second = PgConnection::connect_with(options)
        .await
        .map_err(|e| from_connect(location, e))?;
    let theirs: i32 = sqlx::query_scalar(backend)
        .fetch_one(&mut second)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    let ours: i32 = sqlx::query_scalar(backend)
        .fetch_one(locked)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    let _ = second.close().await;
    if ours != theirs {
        return Ok(());
    }
    Err(StoreError::Refused(
        "a proxy lends one server connection to two sessions (transaction pooling): a run lock \
         can't be held through it; connect to the server itself, or to a pool in session mode"
            .into(),
    ))
}
