//! Decides which version a run writes, and whether the result becomes current.

use std::collections::BTreeSet;

use super::ComputeOptions;
use crate::engine::Pool;
use crate::pipeline::error::{PipelineResult, ReplaceError};
use crate::pipeline::publish::{Covered, covered_pools};
use crate::store::model::{Current, Version, VersionInfo, VersionScope, VersionStatus};
use crate::store::{Store, VersionStore};

/// Whether a run's version became current, or the reason against it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publication {
    /// The version is current.
    Published,
    /// `--no-publish`.
    NotAsked,
    /// A scoped run never publishes.
    Scoped,
    /// A person holds another version.
    Held,
    /// The version has no result for these pools, which the current version covers.
    WouldTakeAway(Vec<Pool>),
    /// `--dry-run`.
    DryRun,
}

/// The number of the version that a run writes, and the version that it replaces.
pub(super) struct Target {
    pub(super) version: Version,
    pub(super) replaces: bool,
    pub(super) current: Current,
}

impl Target {
    pub(super) async fn choose(
        store: &dyn Store,
        options: &ComputeOptions,
    ) -> PipelineResult<Self> {
        let current = store.current().await?;
        let Some(version) = options.version else {
            let version = store.next_version().await?;
            return Ok(Self {
                version,
                replaces: false,
                current,
            });
        };
        let versions = store.versions().await?;
        let taken = versions.into_iter().find(|info| info.version == version);
        if let Some(info) = &taken {
            check_replaceable(info, options)?;
        }
        Ok(Self {
            version,
            replaces: taken.is_some(),
            current,
        })
    }
}

fn check_replaceable(info: &VersionInfo, options: &ComputeOptions) -> Result<(), ReplaceError> {
    let (version, scope) = (info.version, VersionScope::of(&options.scope));
    Err(match &info.sealed {
        Some((at, reason)) => ReplaceError::Sealed(version, *at, reason.clone()),
        None if !options.force => ReplaceError::Exists(version),
        None if info.status == VersionStatus::Dropped => ReplaceError::Dropped(version),
        None if info.scope != scope => ReplaceError::OtherScope(version, info.scope.clone(), scope),
        None => return Ok(()),
    })
}

/// Decides whether the run's version becomes current. It does not if the run rejects a pool that
/// the current version covers.
pub(super) async fn decide(
    store: &dyn VersionStore,
    options: &ComputeOptions,
    target: &Target,
    rejected: &BTreeSet<&Pool>,
) -> PipelineResult<Publication> {
    if !options.scope.is_all() {
        return Ok(Publication::Scoped);
    }
    if target.current.version.is_some() {
        // A run that rejects no pool need not read the current version's pools.
        let covered = match rejected.is_empty() {
            true => Covered::default(),
            false => covered_pools(store, &target.current).await?,
        };
        let lost = covered.lost(rejected);
        if !lost.is_empty() {
            return Ok(Publication::WouldTakeAway(lost));
        }
    }
    let stays_current = target.current.version == Some(target.version);
    Ok(match (options.no_publish, target.current.held) {
        _ if stays_current => Publication::Published,
        (true, _) => Publication::NotAsked,
        (false, true) => Publication::Held,
        (false, false) => Publication::Published,
    })
}
