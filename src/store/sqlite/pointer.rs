//! The current pointer in SQLite: which version reports read.

use serde_json::json;
use sqlx::SqliteConnection;

use super::errors::from_sqlx;
use super::{SqliteStore, commit, queue, read, runs};
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::model::{Event, PointerMove, Version};
use crate::store::rules::check_publishable;

/// Moves the pointer inside a transaction.
pub(super) async fn set(
    connection: &mut SqliteConnection,
    version: Version,
    held: bool,
    at: Timestamp,
) -> StoreResult<()> {
    let action = "make the version current";
    sqlx::query("UPDATE current_version SET version = $1, held = $2, changed_at = $3")
        .bind(version)
        .bind(held)
        .bind(at.as_micros())
        .execute(&mut *connection)
        .await
        .map_err(|e| from_sqlx(action, e))?;
    sqlx::query(
        "UPDATE allocation_versions SET published_at = ifnull(published_at, $2) \
         WHERE version = $1",
    )
    .bind(version)
    .bind(at.as_micros())
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx(action, e))
}

/// Publishes a version by hand: pointer, review queue and audit trail in one transaction.
pub(super) async fn move_by_hand(store: &SqliteStore, pointer: &PointerMove) -> StoreResult<()> {
    let mut transaction = store.writer().await?;
    let info = read::version_in(&mut transaction, pointer.version).await?;
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
