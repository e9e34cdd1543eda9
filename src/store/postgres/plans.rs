//! How the server may carry out a statement, so that time grows with the rows and not with their
//! square.
//!
//! The server chooses a plan by statistics. A new version has none, and those of a ledger or a
//! version are old after an import or an incremental run. Old statistics may know of one pool only:
//! then a pool is the whole table, and every index is as good as any other. So three things choose
//! the plan instead:
//!
//! - A statement that looks rows up by keys may not read a table whole.
//! - Only one index of a table begins with the columns of a key (`0002_allocations.up.sql`).
//! - A lookup has a range on a column of that index, and the server can't see the range's ends. So
//!   it expects few rows from that index, for any statistics.

use sqlx::{Executor, PgConnection};

use super::errors::from_sqlx;
use crate::store::StoreResult;

/// The range of all times, from `since` to `until`. OFFSET hides the values from the planner.
pub(super) const EVER: &str = "(SELECT '-infinity'::timestamptz AS since, \
     'infinity'::timestamptz AS until OFFSET 0)";

/// Makes the statements of a transaction look rows up by keys.
pub(super) async fn look_up(connection: &mut PgConnection) -> StoreResult<()> {
    set(connection, "enable_seqscan = off", "enable_nestloop = on").await
}

/// Lets the statements of a transaction read whole tables.
pub(super) async fn read_all(connection: &mut PgConnection) -> StoreResult<()> {
    set(connection, "enable_seqscan = on", "enable_nestloop = off").await
}

/// Changes settings of a transaction. The server takes a plan that it may not choose for a very
/// long one, and compiles its expressions first: that takes longer than our statements.
async fn set(connection: &mut PgConnection, scan: &str, join: &str) -> StoreResult<()> {
    let sql = format!("SET LOCAL {scan}; SET LOCAL {join}; SET LOCAL jit = off");
    let done = connection.execute(sqlx::AssertSqlSafe(sql)).await;
    done.map(|_| ()).map_err(|e| from_sqlx("choose a plan", e))
}
