//! Writes the last transaction of a run, or of a person who publishes, as `rules` decided.

use super::{Driver, SqlStore, arguments, queue, runs};
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::model::Version;
use crate::store::phase::{self, Phase};
use crate::store::rules::Closing;

/// Makes the writes of a closing, inside the caller's transaction.
pub(in crate::store) async fn close<C: Driver>(
    connection: &mut C,
    closing: &Closing<'_>,
) -> StoreResult<()> {
    if let Some((version, held)) = closing.pointer {
        move_pointer(connection, version, held, closing.at).await?;
    }
    if closing.is_of_version() {
        phase::reached(Phase::Publish);
    }
    if let Some((version, update)) = closing.review {
        queue::update(connection, update, version, closing.at).await?;
    }
    if let Some((run_id, end)) = &closing.run {
        runs::end(connection, *run_id, end, closing.at).await?;
    }
    if let Some(event) = &closing.event {
        runs::log_event(connection, event).await?;
    }
    if closing.is_of_version() {
        phase::reached(Phase::CloseLog);
    }
    Ok(())
}

/// Makes the writes of a closing in a transaction of their own.
pub(in crate::store) async fn close_alone<D: SqlStore>(
    store: &D,
    closing: &Closing<'_>,
) -> StoreResult<()> {
    let mut writer = store.writer().await?;
    close(&mut *writer, closing).await?;
    D::commit(writer).await
}

async fn move_pointer<C: Driver>(
    connection: &mut C,
    version: Version,
    held: bool,
    at: Timestamp,
) -> StoreResult<()> {
    let action = "make the version current";
    let sql = "UPDATE current_version SET version = $1, held = $2, changed_at = $3";
    let arguments = arguments![version, held, at];
    connection.execute(action, sql, &arguments).await?;
    let sql = "UPDATE allocation_versions SET published_at = coalesce(published_at, $2) \
         WHERE version = $1";
    let arguments = arguments![version, at];
    connection.execute(action, sql, &arguments).await.map(drop)
}
