//! Judges a stored version: reads it and the ledger as of its watermark, and runs the checks.
//!
//! A large ledger is read in parts of whole pools (`validate/parts.rs`), one judged after the other
//! (`validate/judge.rs`). Relations of a pool's rows to other pools are checked at the end.

mod elsewhere;
mod judge;
mod moved;
mod parts;
mod used;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::batches::MEMORY_DEFAULT;
use super::changed::{ChangedPool, differing};
use super::decided::{DecidedLot, decided_lots};
use super::error::{PipelineError, PipelineResult};
use super::job::{Context, Stage};
use super::late_rates::{RateNow, rates_given_otherwise};
use super::twice::Twice;
use crate::engine::{Invariant, Pool, PoolStatus, RowsHash, Violation};
use crate::store::model::{
    Current, LedgerCounts, OrderUnlikeFills, PoolSummary, Version, VersionInfo,
};
use crate::store::proof::differing_claims;
use crate::store::{Store, StoreError, VersionStore, values};
use elsewhere::{Asked, FoundPools, OtherPools};
use judge::{Judge, SharedFacts, unmatched_by_pool};
pub(super) use moved::MovedGroups;
use moved::stored_moves;
use parts::{LedgerPart, LedgerParts};
use used::UsedRates;

/// Result of a validation.
#[derive(Debug, Clone)]
pub struct ValidateReport {
    /// The version that was checked.
    pub version: VersionInfo,
    /// The current version.
    pub current: Current,
    /// Broken invariants, by pool, then invariant.
    pub violations: Vec<Violation>,
    /// The version's summary of each pool.
    pub pools: Vec<PoolSummary>,
    /// Number of trades that came after the version, and are not computed yet.
    pub arrived_since: u64,
    /// Counts of the whole ledger.
    pub ledger: LedgerCounts,
    /// Number of trades that were checked: those of the pools that the version covers.
    pub trades_checked: u64,
    /// Pools of an unguarded ledger that changed since: only their rows could be checked.
    pub changed: Vec<ChangedPool>,
    /// Used rates that a look-up gives otherwise by now; the version keeps its own.
    pub rates_otherwise: Vec<RateNow>,
    /// Lots whose cost a person named.
    pub decided: Vec<DecidedLot>,
    /// Orders whose size differs from the sum of their fills; matching uses only the fills.
    pub unlike_fills: Vec<OrderUnlikeFills>,
}

impl ValidateReport {
    /// Counts the violations of an invariant.
    pub fn violations_of(&self, invariant: Invariant) -> usize {
        self.violations
            .iter()
            .filter(|violation| violation.invariant == invariant)
            .count()
    }

    /// Lists the pools of a status.
    pub fn pools_of(&self, status: PoolStatus) -> impl Iterator<Item = &PoolSummary> {
        self.pools.iter().filter(move |pool| pool.status == status)
    }

    /// Counts the sells with a part that found no lot.
    pub fn unmatched_sells(&self) -> u64 {
        self.pools
            .iter()
            .map(|pool| pool.totals.sells_unmatched)
            .sum()
    }

    /// Counts the findings that only `--strict` reports.
    pub fn strict_findings(&self) -> u64 {
        let pools = self.pools_of(PoolStatus::Stale).count()
            + self.pools_of(PoolStatus::Rejected).count()
            + self.pools_of(PoolStatus::Excluded).count();
        self.unmatched_sells()
            + self.fees_unknown()
            + (pools + self.changed.len() + self.unlike_fills.len() + self.decided.len()) as u64
    }

    /// Counts the trades whose fee is unknown.
    pub fn fees_unknown(&self) -> u64 {
        self.pools.iter().map(|pool| pool.totals.fees_unknown).sum()
    }
}

/// How often a validation starts again because a run extended the version meanwhile.
const TRIES_MAX: usize = 4;

/// Checks a version; `None` is the current one. Takes [`MEMORY_DEFAULT`].
///
/// Errors: no such version, or it has no result; the store fails.
pub async fn validate(
    store: &dyn Store,
    context: &Context,
    version: Option<Version>,
) -> PipelineResult<ValidateReport> {
    validate_within(store, context, version, MEMORY_DEFAULT).await
}

/// Checks a version with at most `memory` bytes. If the ledger is larger than half of them, it is
/// read in parts; the report is the same. A single pool may take more: it is checked whole.
///
/// Errors: no such version, or it has no result; runs extend it again and again; the store fails.
pub async fn validate_within(
    store: &dyn Store,
    context: &Context,
    version: Option<Version>,
    memory: u64,
) -> PipelineResult<ValidateReport> {
    // A run may extend the version while its parts are read; they then belong to different states.
    let judge = async || validate_once(store, context, version, memory).await;
    let stands = async |report: &ValidateReport| {
        let versions = store.versions().await?;
        let mut now = versions.iter();
        let now = now.find(|info| info.version == report.version.version);
        Ok(now.is_none_or(|now| now.completed_at == report.version.completed_at))
    };
    let judged = at_rest(TRIES_MAX, judge, stands).await?;
    judged.ok_or(PipelineError::Extended(TRIES_MAX))
}

/// Repeats the work until `stands` finds that the data did not change during it. `None`: the data
/// changed during every try.
///
/// Errors: those of `work` and of `stands`.
async fn at_rest<T>(
    tries: usize,
    work: impl AsyncFn() -> PipelineResult<T>,
    stands: impl AsyncFn(&T) -> PipelineResult<bool>,
) -> PipelineResult<Option<T>> {
    for _ in 0..tries {
        let done = work().await?;
        if stands(&done).await? {
            return Ok(Some(done));
        }
    }
    Ok(None)
}

async fn validate_once(
    store: &dyn Store,
    context: &Context,
    version: Option<Version>,
    memory: u64,
) -> PipelineResult<ValidateReport> {
    let current = store.current().await?;
    let info = find_version(store, &current, version).await?;
    values::use_rules_of(store, &info);
    let mut pools = store.pool_summaries(info.version).await?;
    pools.sort_by(|left, right| left.pool.cmp(&right.pool));
    let pools = Arc::new(pools);
    let parts = LedgerParts::plan(store, context, (&info, &pools), memory).await?;
    // A server can run both queries at the same time.
    let (first, ledger) = tokio::join!(parts.read(0), store.ledger_counts());
    let (first, ledger) = (first?, ledger?);
    let (moves, unreadable) = stored_moves(store, info.version).await?;
    let known = Arc::new(SharedFacts {
        is_current: current.version == Some(info.version),
        was_published: has_items(&info),
        version: info.version,
        covers_all: info.scope.is_all(),
        summaries: Arc::clone(&pools),
        unmatched: unmatched_by_pool(store.review_queue().await?),
        moves,
        memory,
    });
    let mut rates = UsedRates::read(store, &info).await?;
    let mut sums = judge_parts(&parts, (store, context), &known, (first, &mut rates)).await?;
    let mut violations = sums.take_violations();
    violations.extend(rates.end(sums.changed.is_empty()));
    violations.extend(unreadable);
    violations.extend(check_version_claims(&info, &pools));
    violations.extend(Violation::of_views(ledger.in_neither, ledger.in_both));
    // In an unguarded ledger, only the rows of pools that the version lacks are known to be new.
    let arrived_since = match info.watermark.is_unguarded() {
        true => sums.rows_later,
        false => ledger.eligible.saturating_sub(sums.seen),
    };
    let mut decided = decided_lots(store, Some(&info.watermark)).await?;
    decided.retain(|lot| pools.iter().any(|summary| summary.pool == lot.pool));
    let rates_otherwise = match rates_given_otherwise(store, &info).await {
        // It is a violation already.
        Err(PipelineError::Store(error)) if used::is_unreadable(&error) => Vec::new(),
        rates => rates?,
    };
    Ok(ValidateReport {
        current,
        rates_otherwise,
        decided,
        violations,
        arrived_since,
        ledger,
        trades_checked: sums.trades_checked,
        unlike_fills: store.orders_unlike_fills().await?,
        changed: sums.changed,
        pools: Arc::unwrap_or_clone(pools),
        version: info,
    })
}

/// Lists the pools whose trades in the ledger differ from those that a version was computed from.
/// The version's rows are not read. Takes [`MEMORY_DEFAULT`].
///
/// Errors: the store fails.
pub async fn changed_since_version(
    store: &dyn Store,
    context: &Context,
    info: &VersionInfo,
) -> PipelineResult<Vec<ChangedPool>> {
    values::use_rules_of(store, info);
    let pools = store.pool_summaries(info.version).await?;
    let parts = LedgerParts::plan(store, context, (info, &pools), MEMORY_DEFAULT).await?;
    let mut changed = Vec::new();
    for nth in 0..parts.len() {
        let part = parts.read(nth).await?;
        changed.extend(differing(parts.summaries_of(nth), &part.read));
    }
    changed.sort_by(|left, right| left.pool.cmp(&right.pool));
    Ok(changed)
}

/// Sums over all parts.
#[derive(Default)]
struct ValidationSums {
    by_pool: BTreeMap<Pool, Vec<Violation>>,
    doubled: Vec<Violation>,
    changed: Vec<ChangedPool>,
    trades_checked: u64,
    seen: u64,
    rows_later: u64,
}

impl ValidationSums {
    fn add(&mut self, part: &LedgerPart, known: &SharedFacts) {
        self.changed.extend(part.changed.iter().cloned());
        // Parts have all pools of the ledger: the order of a row may be in another pool.
        let is_covered = |pool: &Pool| known.covers_all || known.summary(pool).is_some();
        self.trades_checked += part.rows_of(is_covered);
        self.seen += part.seen();
        self.rows_later += part.rows_later;
    }

    fn take_violations(&mut self) -> Vec<Violation> {
        let by_pool = std::mem::take(&mut self.by_pool).into_values().flatten();
        by_pool.chain(std::mem::take(&mut self.doubled)).collect()
    }
}

/// Judges all pools, part by part.
async fn judge_parts(
    parts: &LedgerParts<'_>,
    (store, context): (&dyn Store, &Context),
    known: &Arc<SharedFacts>,
    (first, rates): (LedgerPart, &mut UsedRates),
) -> PipelineResult<ValidationSums> {
    let listed = store.pools_with_rows(known.version).await?;
    let claimed = known.summaries.iter().map(|it| it.pool.clone());
    let sending = known.moves.keys().cloned();
    let mut listed: BTreeSet<Pool> = claimed.chain(listed).chain(sending).collect();
    let is_one = parts.len() == 1;
    let (mut sums, mut twice, mut asked) = (
        ValidationSums::default(),
        Twice::default(),
        Asked::default(),
    );
    let mut first = Some(first);
    for nth in 0..parts.len() {
        let part = match first.take() {
            Some(part) => part,
            None => parts.read(nth).await?,
        };
        sums.add(&part, known);
        rates.meet(&part, parts.summaries_of(nth));
        twice.meet(&part.read, is_one);
        let elsewhere = match is_one {
            true => {
                twice.end();
                sums.doubled = twice.check(&part.read);
                OtherPools::here()
            }
            false => OtherPools::later(),
        };
        context.progress.begin(Stage::Check, Some(part.trades()));
        let judge = Judge::new(known, part, elsewhere);
        let pools = match is_one {
            true => std::mem::take(&mut listed),
            false => parts.pools_of(nth, &listed),
        };
        let found = judge.check_part(store, context, pools).await?;
        context.progress.end();
        sums.by_pool.extend(found);
        judge.elsewhere.move_asked(&mut asked);
    }
    if !is_one {
        twice.end();
    }
    if !is_one && (!asked.ids.is_empty() || twice.may_be_double()) {
        let found = look_through(parts, &asked, &twice, &mut sums).await?;
        judge_again(
            parts,
            (store, context),
            known,
            (asked.pools, found),
            &mut sums,
        )
        .await?;
    }
    if twice.needs_voided() {
        let voided = store.voided_as_of(parts.watermark()).await?;
        sums.doubled.extend(twice.check_voided(&voided));
    }
    let place = |it: &Violation| (it.invariant, it.pool.clone(), it.order_id.clone());
    sums.doubled.sort_by_key(place);
    Ok(sums)
}

/// Reads all parts again, for checks across parts.
async fn look_through(
    parts: &LedgerParts<'_>,
    asked: &Asked,
    twice: &Twice,
    sums: &mut ValidationSums,
) -> PipelineResult<FoundPools> {
    let mut found = FoundPools::default();
    for nth in 0..parts.len() {
        if asked.ids.is_empty() && !parts.has(nth, |pool| twice.concern(pool)) {
            continue;
        }
        let part = parts.read(nth).await?;
        found.look(&part.read, &asked.ids);
        sums.doubled.extend(twice.check(&part.read));
    }
    Ok(found)
}

/// Checks again the pools whose checks asked about orders in other parts.
async fn judge_again(
    parts: &LedgerParts<'_>,
    (store, context): (&dyn Store, &Context),
    known: &Arc<SharedFacts>,
    (pools, found): (BTreeSet<Pool>, FoundPools),
    sums: &mut ValidationSums,
) -> PipelineResult<()> {
    let found = Arc::new(found);
    for nth in 0..parts.len() {
        let pools = parts.pools_of(nth, &pools);
        if pools.is_empty() {
            continue;
        }
        let part = parts.read_pools(&pools).await?;
        context.progress.begin(Stage::Check, Some(part.trades()));
        let judge = Judge::new(known, part, OtherPools::Known(Arc::clone(&found)));
        let found = judge.check_pools(store, context, pools).await?;
        context.progress.end();
        sums.by_pool.extend(found);
    }
    Ok(())
}

/// Tells whether the unmatched rows of a version must have review items although it is not current.
///
/// Only a run that publishes changes review items. If the version was extended after its
/// publication, another one may have been current at that time. Then the added rows have no items.
fn has_items(info: &VersionInfo) -> bool {
    let published = info.published_at.zip(info.completed_at);
    published.is_some_and(|(published, completed)| completed <= published)
}

pub(super) async fn find_version(
    store: &dyn VersionStore,
    current: &Current,
    version: Option<Version>,
) -> PipelineResult<VersionInfo> {
    let Some(number) = version.or(current.version) else {
        return Err(PipelineError::NoneCurrent);
    };
    let versions = store.versions().await?;
    let Some(info) = versions.into_iter().find(|info| info.version == number) else {
        return Err(StoreError::NoVersion(number).into());
    };
    if !info.status.is_readable() {
        return Err(PipelineError::NoResult(number, info.status));
    }
    Ok(info)
}

/// Checks that the hashes, status and times of a version agree with its pools.
fn check_version_claims(info: &VersionInfo, pools: &[PoolSummary]) -> Vec<Violation> {
    let (mut ledger, mut allocations) = (RowsHash::EMPTY, RowsHash::EMPTY);
    for pool in pools {
        ledger.add(pool.ledger_hash);
        allocations.add(pool.allocations_hash);
    }
    let pairs = [
        ("ledger", info.ledger_hash, ledger),
        ("allocations", info.allocations_hash, allocations),
    ];
    let differs = pairs
        .into_iter()
        .filter(|(_, claimed, summed)| *claimed != Some(*summed));
    let hashes = differs.map(|(what, claimed, summed)| {
        let claimed = claimed.map(|hash| hash.to_string()).unwrap_or_default();
        format!("{what} hash of the version is \"{claimed}\", its pools sum up to \"{summed}\"")
    });
    let claims = differing_claims(info, pools).into_iter();
    let settings = values::recorded_rules(info).is_none();
    let settings = settings.then(|| "its policy can't be read".to_owned());
    let claims = claims.map(|claim| claim.to_string()).chain(settings);
    let claims = claims.map(|claim| format!("the version was changed: {claim}"));
    let violation = |message| Violation {
        invariant: Invariant::I13,
        pool: None,
        order_id: String::new(),
        message,
    };
    hashes.chain(claims).map(violation).collect()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Works on something that changes under the first `changes` tries: which try was answered
    /// with, and how many there were.
    fn answered(changes: usize) -> (Option<usize>, usize) {
        let tries = Cell::new(0);
        let work = async || {
            tries.set(tries.get() + 1);
            Ok(tries.get())
        };
        let stands = async |nth: &usize| Ok(*nth > changes);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let done = runtime.block_on(at_rest(TRIES_MAX, work, stands)).unwrap();
        (done, tries.get())
    }

    #[test]
    fn every_try_is_looked_at_and_the_last_one_too() {
        assert_eq!(answered(0), (Some(1), 1));
        assert_eq!(answered(TRIES_MAX - 1), (Some(TRIES_MAX), TRIES_MAX));
        assert_eq!(answered(TRIES_MAX), (None, TRIES_MAX));
    }
}
