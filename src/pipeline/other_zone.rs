//! A file whose times are read in another zone than those of an earlier file of its source. Rows
//! that both files have get other ids then, and count twice.

use super::earlier::{ImportedAs, OtherZone};
use super::error::PipelineResult;
use super::file_read::FileRead;
use super::sync_log::{city, zone_of};
use crate::engine::Account;
use crate::import::{FileTimes, ZoneSource};
use crate::store::Store;
use crate::store::model::SyncStatus;

/// Most tries of an account that are searched.
const TRIES_MAX: u64 = 1_000;

/// Finds the last import of an account and format that read times in another zone. `None`: the zone
/// is the same, or the file itself states it.
///
/// Errors: as of the store.
pub(super) async fn other_zone(
    store: &dyn Store,
    read: &FileRead,
    account: &Account,
) -> PipelineResult<Option<OtherZone>> {
    let Some(now) = read.times.as_ref().and_then(unstated) else {
        return Ok(None);
    };
    let syncs = store.syncs(account, TRIES_MAX).await?;
    let out = store.imports_out(None).await?;
    let last = syncs.iter().find_map(|sync| {
        let import_id = sync.import_id.filter(|id| !out.contains(id))?;
        let is_like =
            sync.status != SyncStatus::Failed && sync.format.as_ref() == Some(&read.format);
        let before = zone_of(sync).filter(|_| is_like)?;
        Some((import_id, sync, before))
    });
    let Some((import_id, sync, before)) = last else {
        return Ok(None);
    };
    let earlier = ImportedAs {
        import_id,
        account: account.to_string(),
        file: sync.file.clone(),
        at: sync.completed_at,
    };
    Ok((before != now).then(|| OtherZone {
        earlier,
        before: before.to_owned(),
        now,
    }))
}

/// Returns the zone of a file that does not state it.
fn unstated(times: &FileTimes) -> Option<String> {
    let is_unstated = matches!(times.from, ZoneSource::Assumed | ZoneSource::Person);
    is_unstated.then(|| city(&times.zone))
}
