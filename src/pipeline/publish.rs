//! Publishing, sealing and dropping versions by hand.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::error::PipelineResult;
use super::error::PointerError;
use super::job::Context;
use super::lock::lock_runs;
use crate::engine::{Asset, IssueType, Pool, PoolStatus, SymbolTotals, unmatched_item};
use crate::store::model::{
    Current, Event, EventKind, PointerMove, PoolSummary, ReviewUpdate, Version, VersionInfo,
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
        if covered.lost(&rejected.iter().collect()).is_empty() {
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

/// The pools that the current version has allocations of. The next current version must have them,
/// too.
#[derive(Debug, Default)]
pub(super) struct Covered {
    /// Each with the names that pools of its symbols have if the settings refuse these.
    pools: BTreeMap<Pool, BTreeSet<Pool>>,
}

impl Covered {
    /// Returns the pools that a version would lose which rejects these.
    pub(super) fn lost(&self, rejected: &BTreeSet<&Pool>) -> Vec<Pool> {
        let is_lost = |(pool, names): &(&Pool, &BTreeSet<Pool>)| {
            rejected.contains(pool) || names.iter().any(|name| rejected.contains(name))
        };
        let lost = self.pools.iter().filter(is_lost);
        lost.map(|(pool, _)| pool.clone()).collect()
    }
}

/// Returns the pools that the current version covers.
pub(super) async fn covered_pools(
    store: &dyn VersionStore,
    current: &Current,
) -> PipelineResult<Covered> {
    let Some(version) = current.version else {
        return Ok(Covered::default());
    };
    let summaries = store.pool_summaries(version).await?;
    let covers = |it: &PoolSummary| matches!(it.status, PoolStatus::Matched | PoolStatus::Stale);
    let of = |it: PoolSummary| {
        let account = &it.pool.account;
        let of_base = it.symbols.iter().filter(|symbol| symbol.trades > 0);
        let name = |of: &SymbolTotals| Pool::new(account.clone(), Asset::of_symbol(&of.symbol));
        let names = of_base.map(name).collect();
        (it.pool, names)
    };
    let pools = summaries.into_iter().filter(covers).map(of).collect();
    Ok(Covered { pools })
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
