//! Publishing, sealing and dropping versions by hand.

use std::collections::BTreeSet;

use serde_json::json;

use super::error::PipelineResult;
use super::error::PointerError;
use super::job::Context;
use super::lock::lock_runs;
use crate::engine::{IssueType, Pool, PoolStatus, unmatched_item};
use crate::store::model::{
    Current, Event, EventKind, PointerMove, ReviewUpdate, Version, VersionInfo,
};
use crate::store::proof::check_version;
use crate::store::{Store, StoreError, VersionStore};

/// Makes a version current. Holds the version if a newer one can be current.
///
/// Errors: no such version, no result, or a scope; something else changed its rows; another run is
/// at work.
pub async fn publish(
    store: &dyn Store,
    context: &Context,
    version: Version,
) -> PipelineResult<Current> {
    let lock = lock_runs(store, context).await?;
    let done = publish_locked(store, context, version).await;
    lock.release().await;
    done
}

async fn publish_locked(
    store: &dyn Store,
    context: &Context,
    version: Version,
) -> PipelineResult<Current> {
    let versions = store.versions().await?;
    let Some(info) = versions.iter().find(|info| info.version == version) else {
        return Err(StoreError::NoVersion(version).into());
    };
    check_publishable(info)?;
    check_version(store, info).await?;
    let newest = publishable(&versions).next().map(|info| info.version);
    move_to(store, context, version, newest != Some(version)).await
}

/// Ends a hold. The newest version that keeps all pools of the held one becomes current.
///
/// Errors: no version is held; something else changed the rows of the new one; another run is at
/// work.
pub async fn release(store: &dyn Store, context: &Context) -> PipelineResult<Current> {
    let lock = lock_runs(store, context).await?;
    let done = release_locked(store, context).await;
    lock.release().await;
    done
}

async fn release_locked(store: &dyn Store, context: &Context) -> PipelineResult<Current> {
    let current = store.current().await?;
    let (Some(held), true) = (current.version, current.held) else {
        return Err(PointerError::NotHeld.into());
    };
    let versions = store.versions().await?;
    let covered = covered_pools(store, &current).await?;
    for info in publishable(&versions) {
        let rejected =
            pools_of(store, info.version, |status| status == PoolStatus::Rejected).await?;
        if covered.is_disjoint(&rejected) {
            if info.version != held {
                check_version(store, info).await?;
            }
            return move_to(store, context, info.version, false).await;
        }
    }
    move_to(store, context, held, false).await
}

fn check_publishable(info: &VersionInfo) -> Result<(), PointerError> {
    if !info.status.is_readable() {
        return Err(PointerError::NoResult(info.version, info.status));
    }
    match info.scope.is_all() {
        true => Ok(()),
        false => Err(PointerError::OfScope(info.version, info.scope.clone())),
    }
}

/// Lists the versions that can be current, newest first.
pub(super) fn publishable(versions: &[VersionInfo]) -> impl Iterator<Item = &VersionInfo> {
    versions
        .iter()
        .rev()
        .filter(|info| info.status.is_readable() && info.scope.is_all())
}

/// Returns the pools that the current version has allocations of. The next current version must
/// have them, too.
pub(super) async fn covered_pools(
    store: &dyn VersionStore,
    current: &Current,
) -> PipelineResult<BTreeSet<Pool>> {
    let Some(version) = current.version else {
        return Ok(BTreeSet::new());
    };
    let covers = |status| matches!(status, PoolStatus::Matched | PoolStatus::Stale);
    pools_of(store, version, covers).await
}

async fn pools_of(
    store: &dyn VersionStore,
    version: Version,
    is_meant: impl Fn(PoolStatus) -> bool,
) -> PipelineResult<BTreeSet<Pool>> {
    let summaries = store.pool_summaries(version).await?;
    let pools = summaries
        .into_iter()
        .filter(|summary| is_meant(summary.status));
    Ok(pools.map(|summary| summary.pool).collect())
}

pub(super) async fn move_to(
    store: &dyn VersionStore,
    context: &Context,
    version: Version,
    held: bool,
) -> PipelineResult<Current> {
    let mut review = ReviewUpdate {
        kinds: BTreeSet::from([IssueType::UnmatchedSell]),
        ..ReviewUpdate::default()
    };
    for row in store.unmatched_rows(version).await? {
        let row = row.map_err(|bad| StoreError::Unreadable {
            table: "fifo_allocations",
            column: bad.column,
            found: bad.found,
        })?;
        let pool = row.pool();
        review
            .items
            .push(unmatched_item(&pool, &row.row(), &context.rules));
    }
    let summaries = store.pool_summaries(version).await?;
    let without = summaries
        .into_iter()
        .filter(|summary| !matches!(summary.status, PoolStatus::Matched | PoolStatus::Stale));
    review.pools_without_result = without.map(|summary| summary.pool).collect();
    let (at, by) = (context.clock.now(), context.user.clone());
    store
        .move_pointer(&PointerMove {
            version,
            held,
            review,
            at,
            by,
        })
        .await?;
    Ok(store.current().await?)
}

/// Seals a version: from here on nobody replaces it, appends to it, or drops it.
///
/// Errors: no such version, no result, already sealed; another run is at work.
pub async fn seal(
    store: &dyn Store,
    context: &Context,
    version: Version,
    reason: &str,
) -> PipelineResult<()> {
    let lock = lock_runs(store, context).await?;
    let details = json!({ "reason": reason, "by": context.user });
    let event = Event {
        version: Some(version),
        ..Event::info(EventKind::Seal, context.clock.now(), details)
    };
    let done = store.seal(version, reason, &event).await;
    lock.release().await;
    Ok(done?)
}

/// Drops a version's rows. Errors: no such version, current, sealed; another run is at work.
pub async fn drop_version(
    store: &dyn Store,
    context: &Context,
    version: Version,
) -> PipelineResult<()> {
    let lock = lock_runs(store, context).await?;
    let details = json!({ "by": context.user });
    let event = Event {
        version: Some(version),
        ..Event::info(EventKind::Drop, context.clock.now(), details)
    };
    let done = store.drop_version(version, &event).await;
    lock.release().await;
    Ok(done?)
}
