//! One run at a time: a session advisory lock, held by the connection that publishes.
//!
//! The server frees it when the connection ends, however it ends. The connection's name on the
//! server names the holder: it comes and goes with the lock. A proxy may lend a server connection
//! for one transaction only. A session's lock would then belong to nobody, so such a proxy is
//! refused before anything is locked through it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use sqlx::{Connection, Executor, PgConnection, Row};

use super::PostgresUrl;
use super::errors::from_sqlx;
use crate::engine::Timestamp;
use crate::engine::policy::PROGRAM;
use crate::store::limits::SESSION_NAME_BYTES_MAX;
use crate::store::model::Holder;
use crate::store::rules::closed_by_another;
use crate::store::{PostgresRefusal, RunLock, StoreError, StoreResult};

/// The key of our lock, in the server's 64-bit space: "fifo-pnl" as bytes.
const LOCK_KEY: i64 = i64::from_be_bytes(*b"fifo-pnl");

/// Bytes of a host's name that stay if the whole holder does not fit.
const HOST_BYTES_MAX: usize = 24;

/// The user of the connection with the run lock.
#[derive(Debug)]
enum LockPlace {
    /// Nobody holds the lock.
    Free,
    /// This process has the lock, and no writer uses the connection.
    Held(PgConnection),
    /// A writer uses the connection, and gives it back.
    Lent,
}

/// The connection that holds the lock, while a run is at work.
#[derive(Debug, Clone)]
pub(super) struct LockedConnection(Arc<Mutex<LockPlace>>);

impl Default for LockedConnection {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(LockPlace::Free)))
    }
}

impl LockedConnection {
    fn place(&self) -> MutexGuard<'_, LockPlace> {
        // Each method assigns once, so a panic of another thread leaves no half-changed value.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lends the connection to a writer. `None`: no lock is held, or another writer has it.
    pub(super) fn lend(&self) -> Option<PgConnection> {
        let mut place = self.place();
        match std::mem::replace(&mut *place, LockPlace::Lent) {
            LockPlace::Held(connection) => Some(connection),
            other => {
                *place = other;
                None
            }
        }
    }

    /// Takes the connection back from a writer, or closes it if the lock was released meanwhile.
    pub(super) fn give_back(&self, connection: PgConnection) {
        let mut place = self.place();
        if matches!(*place, LockPlace::Lent) {
            *place = LockPlace::Held(connection);
        }
    }

    fn free(&self) -> Option<PgConnection> {
        match std::mem::replace(&mut *self.place(), LockPlace::Free) {
            LockPlace::Held(connection) => Some(connection),
            LockPlace::Free | LockPlace::Lent => None,
        }
    }
}

/// A held run lock. Releasing or dropping it frees the lock.
pub(super) struct AdvisoryLock {
    connection: LockedConnection,
}

#[async_trait]
impl RunLock for AdvisoryLock {
    async fn release(self: Box<Self>) {
        if let Some(mut connection) = self.connection.free() {
            // Waits for the server's answer, after which the lock is free. If the connection were
            // only closed, the server would free the lock a moment later.
            let _ = connection
                .execute("ROLLBACK; SELECT pg_advisory_unlock_all()")
                .await;
            let _ = connection.close().await;
        }
    }
}

impl Drop for AdvisoryLock {
    fn drop(&mut self) {
        // The server notices the closed socket, and frees the lock.
        drop(self.connection.free());
    }
}

/// Takes the run lock on a new connection. Errors: another process holds the lock.
pub(super) async fn try_lock(
    url: &PostgresUrl,
    slot: &LockedConnection,
    holder: &Holder,
) -> StoreResult<AdvisoryLock> {
    let connection = connect_and_lock(url, holder).await?;
    *slot.place() = LockPlace::Held(connection);
    Ok(AdvisoryLock {
        connection: slot.clone(),
    })
}

async fn connect_and_lock(url: &PostgresUrl, holder: &Holder) -> StoreResult<PgConnection> {
    let mut connection = url.connect(&name_of(holder)).await?;
    let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(LOCK_KEY)
        .fetch_one(&mut connection)
        .await
        .map_err(|e| from_sqlx("take the run lock", e))?;
    if !locked {
        let holder = read_holder(&mut connection, holder.since).await;
        let _ = connection.close().await;
        return Err(StoreError::Locked(holder));
    }
    Ok(connection)
}

/// Takes the lock again if its connection was lost.
///
/// Errors: another process took the lock meanwhile; no connection.
pub(super) async fn renew(
    url: &PostgresUrl,
    slot: &LockedConnection,
    holder: &Holder,
) -> StoreResult<()> {
    if let Some(mut connection) = slot.lend() {
        let answer = connection.ping().await;
        slot.give_back(connection);
        if answer.is_ok() {
            return Ok(());
        }
    }
    let connection = connect_and_lock(url, holder).await?;
    *slot.place() = LockPlace::Held(connection);
    Ok(())
}

/// Cancels the statements that the server is executing for this process.
pub(super) async fn interrupt(url: &PostgresUrl, holder: &Holder) -> StoreResult<()> {
    let action = "cancel what is under way";
    let name = name_of(holder);
    let (before_since, _) = name.rsplit_once(' ').unwrap_or((&name, ""));
    let mut connection = url.connect_plain(&format!("{PROGRAM} interrupt")).await?;
    // The server checks the right to cancel of the role that logged in, not of a later SET ROLE.
    let plain = "SET ROLE NONE; SET search_path = pg_catalog, pg_temp";
    let done = connection.execute(plain).await;
    done.map_err(|e| from_sqlx(action, e))?;
    sqlx::query(
        "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity \
         WHERE starts_with(application_name, $1) AND state = 'active' \
         AND usename = session_user AND datname = current_database()",
    )
    .bind(format!("{before_since} "))
    .execute(&mut connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    let _ = connection.close().await;
    Ok(())
}

/// Returns the name of a holder's connections. The server cuts a long name.
///
/// If the name is too long, this function shortens the holder's work, then the name of its host.
pub(super) fn name_of(holder: &Holder) -> String {
    let plain = |text: &str| -> String {
        let shown = |c: char| if c.is_ascii_graphic() { c } else { '?' };
        let words = text.split(' ').map(|w| w.chars().map(shown).collect());
        words.collect::<Vec<String>>().join(" ")
    };
    let mut host = plain(&holder.host).replace(' ', "?");
    let mut what = plain(&holder.what);
    let rest = format!(" {}@ {}", holder.pid, holder.since.as_micros());
    let room = SESSION_NAME_BYTES_MAX.saturating_sub(rest.len());
    if what.len() + host.len() > room {
        host.truncate(HOST_BYTES_MAX.max(room.saturating_sub(what.len())));
        what.truncate(room.saturating_sub(host.len()));
    }
    format!("{what} {}@{host} {}", holder.pid, holder.since.as_micros())
}

/// Reads a holder from the name of its connection.
fn holder_of(name: &str) -> Option<Holder> {
    let (rest, since) = name.rsplit_once(' ')?;
    let (what, place) = rest.rsplit_once(' ')?;
    let (pid, host) = place.split_once('@')?;
    Some(Holder {
        pid: pid.parse().ok()?,
        host: host.to_owned(),
        since: Timestamp::try_from_micros(since.parse().ok()?).ok()?,
        what: what.to_owned(),
    })
}

/// Returns the lock's holder, from the name of its connection, else from the server's statistics.
async fn read_holder(connection: &mut PgConnection, since: Timestamp) -> Holder {
    let row: Option<(i32, Option<String>, Option<i64>)> = sqlx::query_as(
        "SELECT a.pid, a.application_name, \
         (extract(epoch FROM a.backend_start) * 1000000)::bigint \
         FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid \
         WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 \
         AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
         AND l.classid::bigint = ($1 >> 32) AND l.objid::bigint = ($1 & 4294967295) LIMIT 1",
    )
    .bind(LOCK_KEY)
    .fetch_optional(&mut *connection)
    .await
    .unwrap_or_default();
    let (pid, name, started) = row.unwrap_or((0, None, None));
    let name = name.unwrap_or_default();
    if let Some(holder) = holder_of(&name) {
        return holder;
    }
    let started = started.and_then(|at| Timestamp::try_from_micros(at).ok());
    Holder {
        pid: u32::try_from(pid).unwrap_or(0),
        host: "the server".into(),
        since: started.unwrap_or(since),
        what: match name.as_str() {
            "" => "a connection".into(),
            name => format!("\"{name}\""),
        },
    }
}

/// Refuses a proxy that shares one server connection between two open client connections.
///
/// Neither connection keeps anything of the check. The check uses the two in an irregular order,
/// which finds a proxy that lends its connections in turn, too.
pub(super) async fn refuse_proxy(url: &PostgresUrl) -> StoreResult<()> {
    let (mut first, mut second) = (
        url.connect_plain(PROGRAM).await?,
        url.connect_plain(PROGRAM).await?,
    );
    let mut seen = (None, None);
    let mut shared = false;
    for is_first in [true, false, true, true, false, false, true] {
        let connection = if is_first { &mut first } else { &mut second };
        let server = server_connection(connection).await?;
        let before = if is_first { &mut seen.0 } else { &mut seen.1 };
        shared |= before.replace(server).is_some_and(|pid| pid != server);
        shared |= seen.0.is_some() && seen.0 == seen.1;
    }
    let _ = first.close().await;
    let _ = second.close().await;
    match shared {
        true => Err(PostgresRefusal::ProxyShares.into()),
        false => Ok(()),
    }
}

/// Returns the process that serves a connection, without preparing a statement.
async fn server_connection(connection: &mut PgConnection) -> StoreResult<i32> {
    let action = "look for a proxy";
    let row = connection
        .fetch_one("SELECT pg_catalog.pg_backend_pid()")
        .await
        .map_err(|e| from_sqlx(action, e))?;
    row.try_get(0).map_err(|e| from_sqlx(action, e))
}

/// Checks, in the transaction that publishes, that no other run closed this run's log row.
///
/// A process that lost its lock unnoticed must not publish over a later run.
pub(super) async fn check_still_running(
    connection: &mut PgConnection,
    run_id: i64,
) -> StoreResult<()> {
    let status: Option<String> =
        sqlx::query_scalar("SELECT status FROM fifo_computation_log WHERE id = $1 FOR UPDATE")
            .bind(run_id)
            .fetch_optional(connection)
            .await
            .map_err(|e| from_sqlx("check the run's log row", e))?;
    match status.as_deref() {
        Some("running") => Ok(()),
        _ => Err(closed_by_another(run_id)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(host: &str, what: &str) -> Holder {
        Holder {
            pid: 4_194_304,
            host: host.into(),
            since: Timestamp::try_from_micros(1_735_787_045_000_006).unwrap(),
            what: what.into(),
        }
    }

    #[test]
    fn a_name_that_fits_reads_back_as_it_was() {
        for what in ["compute", "versions publish", ""] {
            let holder = holder("db-1.example.org", what);
            assert_eq!(holder_of(&name_of(&holder)), Some(holder));
        }
    }

    #[test]
    fn a_name_that_does_not_fit_keeps_process_and_start() {
        for (host, what) in [
            ("h".repeat(80), "compute".to_owned()),
            ("host".to_owned(), "w".repeat(80)),
            ("h".repeat(80), "w".repeat(80)),
            ("höst".to_owned(), "prüfen \u{1f600}\n".to_owned()),
        ] {
            let holder = holder(&host, &what);
            let name = name_of(&holder);
            assert!(name.len() <= SESSION_NAME_BYTES_MAX, "{name}");
            let read = holder_of(&name).unwrap();
            assert_eq!((read.pid, read.since), (holder.pid, holder.since));
            assert!(read.host.len() >= 4 && !read.host.contains(' '));
        }
        assert_eq!(holder_of("psql"), None);
        assert_eq!(holder_of("a b c"), None);
    }
}
