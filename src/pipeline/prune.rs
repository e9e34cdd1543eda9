//! Dropping versions that nobody needs any more.
//!
//! A prune never drops the current version, a sealed one, or the newest over all symbols. Reports
//! read the first, a person protects the second, and the next run goes on from the third.

use serde_json::json;

use super::error::PipelineResult;
use super::job::Context;
use super::lock::lock_runs;
use super::publish::publishable;
use crate::engine::Timestamp;
use crate::store::model::{Current, Event, EventKind, Version, VersionInfo, VersionOrigin};
use crate::store::{Store, StoreError};

/// Microseconds of 365 days: how long tries of imports without an import are kept.
const SYNCS_KEPT_MICROS: i64 = 365 * 86_400_000_000;

/// Rule that selects the versions to drop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PruneRule {
    /// All versions but this number of the newest.
    BeyondNewest(usize),
    /// Versions that were completed before an instant.
    CompletedBefore(Timestamp),
}

/// Result of a prune, or of its preview.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PruneReport {
    /// Versions that were dropped, oldest first.
    pub dropped: Vec<Version>,
    /// Versions that the rule drops, but a reader kept.
    pub stayed: Vec<Version>,
    /// Why these versions could not be dropped.
    pub reason: Option<String>,
    /// Number of versions that still have rows.
    pub left: usize,
    /// Number of old tries of imports that were removed from their log.
    pub syncs: u64,
}

/// Drops versions by a rule; with `dry_run` only lists them.
///
/// If a reader still uses a version, the prune keeps that version and all newer ones. It waits for
/// readers once, no longer than the store does. Errors: another run is at work; the store fails.
pub async fn prune(
    store: &dyn Store,
    context: &Context,
    rule: PruneRule,
    dry_run: bool,
) -> PipelineResult<PruneReport> {
    if dry_run {
        let (versions, current) = (store.versions().await?, store.current().await?);
        let dropped = chosen(&versions, current, rule, |_| true);
        let left = readable(&versions) - dropped.len();
        return Ok(PruneReport {
            dropped,
            left,
            ..PruneReport::default()
        });
    }
    let lock = lock_runs(store, context).await?;
    let done = drop_all(store, context, rule, |_| true).await;
    lock.release().await;
    Ok(done?)
}

/// Drops automatic versions beyond the newest `keep`. A run calls this while it holds the lock.
///
/// An error here does not fail the run: its version is complete.
pub(super) async fn prune_automatic(
    store: &dyn Store,
    context: &Context,
    keep: usize,
) -> PruneReport {
    let is_automatic = |info: &VersionInfo| info.origin == VersionOrigin::LateArrival;
    let rule = PruneRule::BeyondNewest(keep);
    let done = drop_all(store, context, rule, is_automatic).await;
    done.unwrap_or_else(|error| PruneReport {
        reason: Some(error.to_string()),
        ..PruneReport::default()
    })
}

async fn drop_all(
    store: &dyn Store,
    context: &Context,
    rule: PruneRule,
    counts: impl Fn(&VersionInfo) -> bool,
) -> Result<PruneReport, StoreError> {
    let (versions, current) = (store.versions().await?, store.current().await?);
    let mut report = PruneReport::default();
    let mut waiting = chosen(&versions, current, rule, counts).into_iter();
    for version in waiting.by_ref() {
        let details = json!({ "by": context.user, "because": "prune" });
        let event = Event {
            version: Some(version),
            ..Event::info(EventKind::Drop, context.clock.now(), details)
        };
        match store.drop_version(version, &event).await {
            Ok(()) => report.dropped.push(version),
            // A reader of one version blocks all drops: the versions share their parent tables.
            Err(error @ StoreError::Busy(_)) => {
                report.stayed.push(version);
                report.reason = Some(error.to_string());
                break;
            }
            Err(error) => return Err(error),
        }
    }
    report.stayed.extend(waiting);
    report.left = readable(&versions) - report.dropped.len();
    let now = context.clock.now().as_micros();
    if let Ok(before) = Timestamp::try_from_micros(now.saturating_sub(SYNCS_KEPT_MICROS)) {
        report.syncs = store.prune_syncs(before).await?;
    }
    if let Some(reason) = &report.reason {
        let details = json!({ "stayed": report.stayed, "reason": reason });
        let event = Event {
            severity: "warning",
            ..Event::info(EventKind::Prune, context.clock.now(), details)
        };
        store.log_event(&event).await?;
    }
    Ok(report)
}

fn readable(versions: &[VersionInfo]) -> usize {
    let readable = |info: &&VersionInfo| info.status.is_readable();
    versions.iter().filter(readable).count()
}

/// Returns the versions to drop, oldest first. A rule applies to versions that `counts` accepts.
fn chosen(
    versions: &[VersionInfo],
    current: Current,
    rule: PruneRule,
    counts: impl Fn(&VersionInfo) -> bool,
) -> Vec<Version> {
    let newest = publishable(versions).next().map(|info| info.version);
    let has_rows = versions
        .iter()
        .rev()
        .filter(|info| info.status.is_readable());
    let counted = has_rows.filter(|info| counts(info)).enumerate();
    let is_beyond = |(place, info): &(usize, &VersionInfo)| match rule {
        PruneRule::BeyondNewest(keep) => *place >= keep,
        PruneRule::CompletedBefore(instant) => info.completed_at.is_some_and(|at| at < instant),
    };
    let is_free = |info: &&VersionInfo| {
        let needed = [current.version, newest].contains(&Some(info.version));
        info.sealed.is_none() && !needed
    };
    let beyond = counted.filter(is_beyond).map(|(_, info)| info);
    let mut chosen: Vec<Version> = beyond.filter(is_free).map(|info| info.version).collect();
    chosen.reverse();
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::model::VersionOrigin::{Full, LateArrival};
    use crate::store::model::{VersionScope, VersionStatus, Watermark};

    fn version(number: Version, scope: &str, origin: VersionOrigin) -> VersionInfo {
        let at = Timestamp::try_from_micros(number * 1_000_000).unwrap();
        VersionInfo {
            version: number,
            scope: VersionScope::from_text(scope),
            status: VersionStatus::Completed,
            origin,
            ledger_hash: None,
            allocations_hash: None,
            rates_hash: None,
            policy: "{}".into(),
            watermark: Watermark::default(),
            engine_version: "0".into(),
            complete_through: None,
            created_at: at,
            completed_at: Some(at),
            published_at: None,
            sealed: None,
        }
    }

    fn current(version: Version) -> Current {
        Current {
            version: Some(version),
            held: false,
        }
    }

    #[test]
    fn the_newest_stay() {
        let versions: Vec<_> = (1..=6).map(|n| version(n, "all", Full)).collect();
        let beyond = |keep, current_version| {
            let rule = PruneRule::BeyondNewest(keep);
            chosen(&versions, current(current_version), rule, |_| true)
        };
        assert_eq!(beyond(4, 6), [1, 2]);
        assert_eq!(beyond(10, 6), [0; 0]);
        // A held version stays beside them, and so does the newest, for any rule.
        assert_eq!(beyond(4, 1), [2]);
        assert_eq!(beyond(0, 3), [1, 2, 4, 5]);
    }

    #[test]
    fn sealed_dropped_and_scoped_versions() {
        let mut versions: Vec<_> = (1..=6).map(|n| version(n, "all", Full)).collect();
        versions[0].sealed = Some((Timestamp::EPOCH, "filed".into()));
        versions[1].status = VersionStatus::Dropped;
        versions[5].scope = VersionScope::from_text("{}");
        let rule = PruneRule::BeyondNewest(1);
        // 5 is the newest that a run can go on from; 6 is the newest.
        assert_eq!(chosen(&versions, current(4), rule, |_| true), [3]);
        let rule = PruneRule::CompletedBefore(Timestamp::try_from_micros(100_000_000).unwrap());
        assert_eq!(chosen(&versions, current(4), rule, |_| true), [3, 6]);
        let rule = PruneRule::CompletedBefore(Timestamp::try_from_micros(3_000_000).unwrap());
        assert_eq!(chosen(&versions, current(4), rule, |_| true), [0; 0]);
    }

    #[test]
    fn only_what_counts_is_counted() {
        let origins = [LateArrival, Full, LateArrival, Full, LateArrival, Full];
        let numbered = (1..).zip(origins);
        let versions: Vec<_> = numbered.map(|(n, of)| version(n, "all", of)).collect();
        let rule = PruneRule::BeyondNewest(2);
        let automatic = |info: &VersionInfo| info.origin == VersionOrigin::LateArrival;
        assert_eq!(chosen(&versions, current(6), rule, automatic), [1]);
    }
}
