//! Waits for locks of other sessions, with a limit, and names these sessions.
//!
//! The server ends a statement that waits longer than a session allows (`session.rs`). Its error
//! does not name the session that held the lock. So another connection looks up sessions with locks
//! that the statement may have needed.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use super::PostgresUrl;
use super::errors::from_sqlx;
use crate::engine::policy::PROGRAM;
use crate::store::limits::{BUSY_TIMEOUT_S, LOCK_WAIT_S, MIGRATION_WAIT_S};
use crate::store::{Busy, StoreError, StoreResult};

/// An advisory lock of this program, which a session holds while it imports or migrates.
pub(super) struct Turn {
    action: &'static str,
    key: i64,
    take: &'static str,
    wait_s: u64,
}

/// The lock of an import or a void, until its transaction ends.
pub(super) const IMPORTS: Turn = Turn {
    action: "wait for another import",
    key: i64::from_be_bytes(*b"fifo-imp"),
    take: "SELECT pg_advisory_xact_lock($1)",
    wait_s: BUSY_TIMEOUT_S,
};

/// The lock of a migration, until its connection is closed.
pub(super) const MIGRATIONS: Turn = Turn {
    action: "wait for another migration",
    key: i64::from_be_bytes(*b"fifo-mig"),
    take: "SELECT pg_advisory_lock($1)",
    wait_s: MIGRATION_WAIT_S,
};

/// Waits for an advisory lock. The wait may be longer than one for a table: the holder is at work.
///
/// Errors: another session holds the lock for longer. A limit in the URL takes precedence.
pub(super) async fn take_turn(connection: &mut PgConnection, turn: &Turn) -> StoreResult<()> {
    let failed = |error| from_sqlx(turn.action, error);
    let usual = format!("{LOCK_WAIT_S}s");
    let patience: String = sqlx::query_scalar("SELECT current_setting('lock_timeout')")
        .fetch_one(&mut *connection)
        .await
        .map_err(failed)?;
    if patience == usual {
        let sql = format!("SET lock_timeout = '{}s'", turn.wait_s);
        let set = connection.execute(AssertSqlSafe(sql)).await;
        set.map_err(failed)?;
    }
    let taken = sqlx::query(turn.take).bind(turn.key);
    taken.execute(&mut *connection).await.map_err(failed)?;
    if patience == usual {
        let sql = format!("SET lock_timeout = '{usual}'");
        let set = connection.execute(AssertSqlSafe(sql)).await;
        set.map_err(failed)?;
    }
    Ok(())
}

/// Sessions that an error names, at most.
const NAMED_MAX: i64 = 3;

/// Adds the sessions that hold the lock to the error of a wait.
pub(super) async fn explained(url: &PostgresUrl, mut busy: Busy) -> StoreError {
    if let Busy::Sessions {
        action, sessions, ..
    } = &mut busy
    {
        let turns = [IMPORTS, MIGRATIONS];
        let turn = turns.iter().find(|turn| turn.action == *action);
        let found = named(url, turn.map(|turn| turn.key)).await;
        *sessions = found.unwrap_or_default();
    }
    StoreError::Busy(busy)
}

/// Lists the sessions that hold an advisory lock or, without a key, locks on our tables, strongest
/// first. This process's own are left out. `None`: the server does not tell.
async fn named(url: &PostgresUrl, key: Option<i64>) -> Option<Vec<String>> {
    let mut connection = url.connect_plain(PROGRAM).await.ok()?;
    let path = connection.execute("SET search_path = pg_catalog, pg_temp");
    path.await.ok()?;
    let sessions = sqlx::query_scalar(
        "WITH held AS (SELECT l.pid, max(CASE l.mode WHEN 'AccessExclusiveLock' THEN 4 \
                 WHEN 'AccessShareLock' THEN 1 WHEN 'RowShareLock' THEN 2 \
                 WHEN 'RowExclusiveLock' THEN 2 ELSE 3 END) AS strength \
             FROM pg_locks l LEFT JOIN pg_class c ON c.oid = l.relation \
             WHERE l.granted AND l.pid <> pg_backend_pid() \
             AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) \
             AND CASE WHEN $1::bigint IS NULL THEN l.locktype = 'relation' AND c.relnamespace IN \
                     (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'fifo_parts')) \
                 ELSE l.locktype = 'advisory' AND l.objsubid = 1 \
                     AND l.classid::bigint = ($1 >> 32) \
                     AND l.objid::bigint = ($1 & 4294967295) END \
             GROUP BY l.pid) \
         SELECT format('server process %s, \"%s\"', h.pid, a.application_name) \
         FROM held h LEFT JOIN pg_stat_activity a ON a.pid = h.pid \
         WHERE strpos(coalesce(a.application_name, ''), $2) = 0 \
         ORDER BY h.strength DESC, h.pid LIMIT $3",
    )
    .bind(key)
    .bind(format!(" {}@", std::process::id()))
    .bind(NAMED_MAX)
    .fetch_all(&mut connection)
    .await;
    let _ = connection.close().await;
    sessions.ok()
}
