//! The current pointer in PostgreSQL: which version reports read.

use serde_json::json;
use sqlx::PgConnection;

use super::errors::from_sqlx;
use super::{PostgresStore, commit, queue, read, readers, runs};
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::model::{Current, Event, PointerMove, Version};
use crate::store::rules::check_publishable;

/// Moves the pointer inside a transaction.
pub(super) async fn set(
    connection: &mut PgConnection,
    version: Version,
    held: bool,
    at: Timestamp,
) -> StoreResult<()> {
    let action = "make the version current";
    sqlx::query("UPDATE current_version SET version = $1, held = $2, changed_at = $3::timestamptz")
        .bind(version)
        .bind(held)
        .bind(at.to_string())
        .execute(&mut *connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    sqlx::query(
        "UPDATE allocation_versions SET published_at = coalesce(published_at, $2::timestamptz) \
         WHERE version = $1",
    )
    .bind(version)
    .bind(at.to_string())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx(action, e))
}

/// Returns the pointer, which nobody else moves until the transaction ends.
pub(super) async fn locked(connection: &mut PgConnection) -> StoreResult<Current> {
    sqlx::query("SELECT 1 FROM current_version FOR UPDATE")
        .execute(&mut *connection)
        .await
        .map_err(|e| from_sqlx("read the current version", e))?;
    read::current_in(connection).await
}

/// Publishes a version by hand: pointer, review queue and audit trail in one transaction.
pub(super) async fn move_by_hand(store: &PostgresStore, pointer: &PointerMove) -> StoreResult<()> {
    let mut connection = store.reader().await?;
    let nobody = readers::Steady::default();
    readers::wait_until_gone(&mut connection, store.reader_wait, &nobody).await?;
    drop(connection);
    let mut transaction = store.writer().await?;
    let info = read::version_locked(&mut transaction, pointer.version).await?;
    check_publishable(&info)?;
    set(&mut transaction, pointer.version, pointer.held, pointer.at).await?;
    queue::update(
        &mut transaction,
        &pointer.review,
        pointer.version,
        pointer.at,
    )
    .await?;
    let details = json!({ "held": pointer.held, "by": pointer.by });
    let event = Event {
        version: Some(pointer.version),
        ..Event::info("publish", pointer.at, details)
    };
    runs::log_event(&mut transaction, &event).await?;
    commit(transaction).await
}
