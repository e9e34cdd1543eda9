//! An incremental run appends the trades since a version's watermark to that version.
//!
//! A pool goes on from its open lots. If a trade came late, was voided or put back, or if the
//! policy changed, the run makes a new version. Appended rows are those of a full run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::acted::{ActedSince, ActionCause, acted_since, is_as_before, is_counted_only};
use super::append::{Append, AppendReport, Appending, Forced};
use super::compute::{ComputeOptions, ComputeReport, Logged, Run};
use super::error::PipelineResult;
use super::job::Context;
use super::lock::lock_runs;
use super::publish::{Covered, covered_pools, publishable};
use super::stale::stale_pools;
use super::unguarded;
use super::valued::{self, RatesNow, RatesSince};
use crate::engine::{Pool, PoolLedger, PoolStatus, RatesUsed, Timestamp, compute_pool, reach_of};
use crate::store::lots::{OpenLots, Reach};
use crate::store::model::{
    Arrivals, Current, Cursors, Exclusion, PoolSummary, QueuedItem, ReviewStatus, RunMode,
    RunStart, Scope, Version, VersionInfo, VersionOrigin, policy_json,
};
use crate::store::proof::check_summaries;
use crate::store::values;
use crate::store::{Store, StoreError, TradeStore};

/// Outcome of an incremental run.
#[derive(Debug, Clone)]
pub enum Incremental {
    /// No trade is new.
    Nothing(NothingNew),
    /// The new trades were matched, and their rows appended to the version.
    Appended(Box<AppendReport>),
    /// The run made a new version of everything, for these reasons.
    Full(Box<ComputeReport>, Vec<Forced>),
}

/// Result of a run that found no new trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NothingNew {
    /// The log row; `None` in a dry run.
    pub run_id: Option<i64>,
    /// The version, which has all trades.
    pub version: Version,
    /// Execution time of the newest trade in the version.
    pub complete_through: Option<Timestamp>,
    /// The current version.
    pub current: Current,
}

/// Adds the trades since a version's watermark to that version, which keeps its number. If that is
/// not possible, the run computes a new version of everything.
///
/// Errors: locked by another run; the store fails. After any failure the current version is whole,
/// and the log of runs has the error.
pub async fn compute_incremental(
    store: &dyn Store,
    context: &Context,
    options: &ComputeOptions,
) -> PipelineResult<Incremental> {
    let run = Run::begin(store, context, options);
    if options.dry_run {
        let found = FoundState::look(&run).await?;
        return match found.judge(&run)? {
            Judged::Nothing(nothing) => Ok(Incremental::Nothing(nothing)),
            Judged::Append(append) => Ok(Incremental::Appended(Box::new(append.report))),
            Judged::Forced(forced) => {
                let report = super::compute::compute(store, context, options).await?;
                Ok(Incremental::Full(Box::new(report), forced))
            }
        };
    }
    let lock = lock_runs(store, context).await?;
    // Only the end of the run tells which version it extends or makes.
    let start = |start| RunStart {
        mode: RunMode::Incremental,
        version: None,
        ..start
    };
    let mut done = run.logged(start, async |it| work(&run, it).await).await;
    if let Ok(Incremental::Full(report, _)) = &mut done {
        run.prune_after(report).await;
    }
    lock.release().await;
    done
}

async fn work(run: &Run<'_>, logged: &Logged<'_>) -> PipelineResult<Incremental> {
    let (Run { context, .. }, log) = (*run, &logged.log);
    let look = async || FoundState::look(run).await;
    let found = log.retried(look).await?;
    context.cancel.check()?;
    let moved_to = found.moved_to;
    match found.judge(run)? {
        Judged::Nothing(nothing) => {
            if let Some(last) = moved_to {
                let seen = (last, context.clock.now());
                valued::note_seen(run.store, nothing.version, seen).await?;
            }
            end_idle(run, log.run_id, nothing).await
        }
        Judged::Append(append) => Ok(Incremental::Appended(Box::new(append.write(logged).await?))),
        Judged::Forced(forced) => {
            let mut options = run.options.clone();
            options.origin = origin(&forced);
            let report = logged.full(&options).await?;
            Ok(Incremental::Full(Box::new(report), forced))
        }
    }
}

/// Returns the origin of a version. Runs drop old versions that no person requested.
fn origin(forced: &[Forced]) -> VersionOrigin {
    match forced {
        [Forced::NoVersion] => VersionOrigin::Full,
        _ => VersionOrigin::LateArrival,
    }
}

async fn end_idle(run: &Run<'_>, run_id: i64, nothing: NothingNew) -> PipelineResult<Incremental> {
    let (now, duration_ms) = (run.context.clock.now(), run.duration_ms());
    let version = nothing.version;
    run.store
        .end_idle_run(run_id, version, now, duration_ms)
        .await?;
    Ok(Incremental::Nothing(NothingNew {
        run_id: Some(run_id),
        ..nothing
    }))
}

/// Everything that a run reads before it decides what to do.
struct FoundState {
    current: Current,
    base: Option<VersionInfo>,
    policy: String,
    exclusions: Vec<Exclusion>,
    /// The pools of the current version, if the run extends another one.
    covered: Covered,
    summaries: BTreeMap<Pool, PoolSummary>,
    /// The new rows; or why the ledger can't name them.
    arrivals: Result<Arrivals, Forced>,
    lots: BTreeMap<Pool, OpenLots>,
    /// The pools that actions concern.
    acted: ActedSince,
    /// Pools without earlier matches, which are computed whole.
    whole: BTreeMap<Pool, PoolLedger>,
    /// Pools whose earlier trades have changed.
    changed: Vec<Pool>,
    /// The rates of all trades, if the run has read them all.
    all_rates: Option<RatesUsed>,
    rates: RatesNow,
    /// The last numbers, if rates came or left that no run has looked up for the version.
    moved_to: Option<Cursors>,
}

impl FoundState {
    async fn look(run: &Run<'_>) -> PipelineResult<Self> {
        let Run { store, context, .. } = *run;
        let current = store.current().await?;
        let exclusions = store.exclusions().await?;
        let base = base_of(&store.versions().await?, &current);
        let mut found = Self {
            current,
            policy: policy_json(&context.rules, &exclusions, &store.adapted_views()),
            exclusions,
            base,
            covered: Covered::default(),
            summaries: BTreeMap::new(),
            arrivals: Err(Forced::NoVersion),
            lots: BTreeMap::new(),
            acted: ActedSince::default(),
            whole: BTreeMap::new(),
            changed: Vec::new(),
            all_rates: None,
            rates: RatesNow::default(),
            moved_to: None,
        };
        found.read(run).await?;
        Ok(found)
    }

    async fn read(&mut self, run: &Run<'_>) -> PipelineResult<()> {
        let Run { store, context, .. } = *run;
        let Some(base) = self.base.clone() else {
            return Ok(());
        };
        let (version, watermark) = (base.version, base.watermark.clone());
        if self.current.version != Some(version) {
            self.covered = covered_pools(store, &self.current).await?;
        }
        let summaries = store.pool_summaries(version).await?;
        // The version's rows are not read again, which would take as long as an export.
        check_summaries(&base, &summaries)?;
        let by_pool = summaries.into_iter().map(|it| (it.pool.clone(), it));
        self.summaries = by_pool.collect();
        self.arrivals = match values::arrivals(store, &Scope::default(), &watermark).await {
            Ok(arrivals) => Ok(arrivals),
            // Only these two errors are about the watermark, which a full run does not need.
            Err(StoreError::WatermarkElsewhere(why)) => Err(Forced::Elsewhere(why)),
            Err(StoreError::MustReadWhole(why)) => Err(Forced::Untold(why)),
            Err(error) => return Err(error.into()),
        };
        if let Ok(arrivals) = &self.arrivals {
            self.moved_to = valued::moved_to(store, &base, &arrivals.watermark).await?;
        }
        let is_moved = self.moved_to.is_some();
        if !watermark.is_unguarded() {
            self.read_stale(store).await?;
        } else if !self.is_told() || is_moved || self.has_actions() {
            self.compare(store, context, is_moved).await?;
        }
        if let Ok(new) = &self.arrivals {
            let (rules, read) = (&context.rules, (&self.summaries, new));
            self.acted = acted_since(store, (rules, &watermark), read).await?;
        }
        self.read_pools(run, &base, is_moved).await
    }

    /// Reads the open lots of pools with new rows, or all their rows.
    async fn read_pools(
        &mut self,
        run: &Run<'_>,
        base: &VersionInfo,
        is_moved: bool,
    ) -> PipelineResult<()> {
        let Run { store, context, .. } = *run;
        let Ok(arrivals) = &mut self.arrivals else {
            return Ok(());
        };
        let (mut resumed, mut whole) = (Reach::new(), self.acted.again.clone());
        let mut has_unmatched = false;
        let touched = arrivals.pools.keys().chain(arrivals.revised.keys());
        for pool in touched {
            let summary = self.summaries.get(pool);
            match summary.map(|summary| (summary.status, summary.last.as_ref())) {
                Some((PoolStatus::Matched | PoolStatus::Stale, last)) => {
                    let new = arrivals.pools.get(pool);
                    let reach = new.and_then(|new| reach_of(new, last));
                    resumed.insert(pool.clone(), reach);
                }
                _ if is_counted_only(&self.summaries, arrivals, pool) => has_unmatched = true,
                _ => {
                    has_unmatched = true;
                    whole.insert(pool.clone());
                }
            }
        }
        let has_prices = run.context.rules.rates.own_trades && !arrivals.pools.is_empty();
        if (is_moved || has_prices) && !base.watermark.is_unguarded() {
            // A rate that they lack may be there now.
            let rejected = self.summaries.values().filter(|it| is_rejected(it));
            let rejected: BTreeSet<Pool> = rejected.map(|it| it.pool.clone()).collect();
            let lack_rates = match rejected.is_empty() || is_moved {
                true => rejected,
                false => &rejected & &lacking_rates(store).await?,
            };
            whole.extend(lack_rates);
        }
        if !resumed.is_empty() {
            self.lots = store.open_lots(base.version, &resumed).await?;
        }
        let mut whole_rates = RatesUsed::default();
        if !whole.is_empty() {
            let scope = only(whole);
            let as_of = arrivals.watermark.clone();
            let mut read = values::read(store, &scope, Some(&as_of)).await?;
            self.whole = read.pools;
            whole_rates = std::mem::take(&mut read.rates.used);
            valued::add_questions(&mut arrivals.rates, read.rates);
            // A pool whose rows are all voided by now is missing from the read.
            for pool in scope.part.iter().flat_map(|part| part.iter()) {
                let empty = || PoolLedger::of_rules(pool.clone(), &context.rules);
                self.whole.entry(pool.clone()).or_insert_with(empty);
            }
        }
        let is_stale = |it: &PoolSummary| it.status == PoolStatus::Stale;
        let since = RatesSince {
            base,
            arrivals,
            is_moved,
            whole: whole_rates,
            all: self.all_rates.take(),
            has_unmatched,
            has_rejected: self.summaries.values().any(is_rejected),
            has_read_again: !self.whole.is_empty() || self.summaries.values().any(is_stale),
        };
        self.rates = since.judge(store, context, run.options.memory).await?;
        Ok(())
    }

    fn has_actions(&self) -> bool {
        let arrivals = self.arrivals.as_ref();
        arrivals.is_ok_and(|it| it.watermark.cursors().action_seq > 0)
    }

    /// Tells whether the new rows of an unguarded ledger are enough to go on. They are not if a
    /// pool has to be read whole: then the run reads all pools together.
    fn is_told(&self) -> bool {
        let is_matched = |pool| {
            let summary = self.summaries.get(pool);
            summary.is_some_and(|summary| summary.status == PoolStatus::Matched)
        };
        let is_stale = |summary: &PoolSummary| summary.status == PoolStatus::Stale;
        self.arrivals.as_ref().is_ok_and(|arrivals| {
            let mut pools = arrivals.pools.keys();
            pools.all(|it| is_matched(it) || is_counted_only(&self.summaries, arrivals, it))
                && !self.summaries.values().any(is_stale)
        })
    }

    /// Reads all of an unguarded ledger, and compares each pool with the version's summary.
    async fn compare(
        &mut self,
        store: &dyn TradeStore,
        context: &Context,
        is_moved: bool,
    ) -> PipelineResult<()> {
        let read = context.read_ledger(store, &Scope::default(), None).await?;
        if !read.watermark.is_unguarded() {
            self.arrivals = Err(Forced::Guarded);
            return Ok(());
        }
        let is_again = |summary: &PoolSummary| is_moved && is_rejected(summary);
        let compared = unguarded::compare(read, (&self.summaries, &context.rules), is_again);
        self.all_rates = Some(compared.rates.used);
        self.whole = compared.whole;
        self.changed = compared.changed;
        let mut arrivals = compared.arrivals;
        arrivals.rates.missing = compared.rates.missing;
        self.arrivals = Ok(arrivals);
        Ok(())
    }

    /// Reads the new trades of stale pools. Their watermark is older than that of the version.
    async fn read_stale(&mut self, store: &dyn TradeStore) -> PipelineResult<()> {
        let Ok(arrivals) = &mut self.arrivals else {
            return Ok(());
        };
        for (watermark, pools) in stale_pools(self.summaries.values()) {
            for pool in &pools {
                arrivals.revised.remove(pool);
                let nothing = PoolLedger::of_rules(pool.clone(), &store.rules());
                arrivals.pools.insert(pool.clone(), nothing);
            }
            let own = values::arrivals(store, &only(pools), watermark).await?;
            arrivals.pools.extend(own.pools);
            arrivals.revised.extend(own.revised);
            valued::add(&mut arrivals.rates, own.rates);
        }
        Ok(())
    }

    fn judge(mut self, run: &Run<'_>) -> PipelineResult<Judged> {
        let forced = match (&self.base, &self.arrivals) {
            (None, _) => vec![Forced::NoVersion],
            (_, Err(forced)) => vec![forced.clone()],
            (Some(base), _) if base.policy != self.policy => vec![Forced::Policy],
            _ => Vec::new(),
        };
        let (Some(base), Ok(arrivals), true) = (&self.base, &self.arrivals, forced.is_empty())
        else {
            return Ok(Judged::Forced(forced));
        };
        let mut appending =
            Appending::new(run.context, base, arrivals, self.current, &self.covered);
        let changed = std::mem::take(&mut self.changed).into_iter();
        let mut forced: Vec<Forced> = changed.map(Forced::Changed).collect();
        for (pool, revised) in &arrivals.revised {
            if self.summaries.get(pool).is_some_and(has_rows) {
                let orders = revised.iter().cloned().collect();
                forced.push(Forced::Revised(pool.clone(), orders));
            }
        }
        let of_pools = self.acted.forced.clone().into_iter();
        forced.extend(of_pools.map(|(pool, it)| Forced::Action(pool, Box::new(it))));
        for (pool, new) in &arrivals.pools {
            let Some(summary) = self.summaries.get(pool) else {
                continue;
            };
            match summary.status {
                _ if self.acted.forced.contains_key(pool) => {}
                PoolStatus::Matched | PoolStatus::Stale => {
                    let lots = self.lots.remove(pool);
                    forced.extend(appending.go_on(new.clone(), summary, lots));
                }
                _ if self.whole.contains_key(pool) => {}
                _ => appending.count(new, summary),
            }
        }
        let whole = std::mem::take(&mut self.whole);
        forced.extend(self.add_whole(whole, (base, arrivals), &mut appending)?);
        forced.extend(cause_of_rates(&mut self.rates, &forced));
        let is_new = !appending.pools.is_empty();
        if (is_new || !forced.is_empty()) && base.sealed.is_some() {
            forced.insert(0, Forced::Sealed(base.version));
            return Ok(Judged::Forced(forced));
        }
        if !forced.is_empty() {
            return Ok(Judged::Forced(forced));
        }
        if !is_new {
            return Ok(Judged::Nothing(NothingNew {
                run_id: None,
                version: base.version,
                complete_through: base.complete_through,
                current: self.current,
            }));
        }
        let append = appending.end(self.summaries, self.rates.locked, run.duration_ms());
        Ok(Judged::Append(Box::new(append)))
    }

    /// Computes pools without earlier matches whole, and adds their results. Returns those that
    /// call for a new version.
    fn add_whole(
        &self,
        whole: BTreeMap<Pool, PoolLedger>,
        (base, arrivals): (&VersionInfo, &Arrivals),
        appending: &mut Appending<'_>,
    ) -> PipelineResult<Vec<Forced>> {
        let mut forced = Vec::new();
        let reasons = self.exclusions.iter().map(|e| (&e.pool, e.reason.as_str()));
        let reasons: BTreeMap<&Pool, &str> = reasons.collect();
        for (pool, mut ledger) in whole {
            let is_tied = ledger.moves.is_some();
            ledger.refuse_excluded(|pool| reasons.contains_key(pool));
            let reason = reasons.get(&pool).copied();
            let outcome = compute_pool(ledger, reason);
            let has_arrived =
                arrivals.pools.contains_key(&pool) || arrivals.revised.contains_key(&pool);
            let is_same = is_as_before(self.summaries.get(&pool), &outcome, base.created_at);
            if is_tied && !is_same {
                forced.push(Forced::Action(pool, Box::new(ActionCause::Tied)));
            } else if has_arrived || !is_same {
                let added = appending.add_whole(outcome);
                added.map_err(StoreError::from)?;
            }
        }
        Ok(forced)
    }
}

/// Returns why rates call for a new version. If they differ by a void alone, that is the reason.
fn cause_of_rates(rates: &mut RatesNow, told: &[Forced]) -> Option<Forced> {
    let is_told = told.iter().any(|it| matches!(it, Forced::Revised(..)));
    let are_voided = rates.are_voided;
    let late = rates.late.take().filter(|_| !(are_voided && is_told));
    late.map(|late| Forced::Rates(Box::new(late)))
}

/// Returns the pools with a trade that lacks a rate, by the questions that no run has settled.
async fn lacking_rates(store: &dyn Store) -> PipelineResult<BTreeSet<Pool>> {
    let items = store.review_queue().await?.into_iter();
    let is_lacking = |item: &QueuedItem| item.status != ReviewStatus::Resolved && item.lacks_rate();
    Ok(items.filter(is_lacking).map(|item| item.pool).collect())
}

fn has_rows(summary: &PoolSummary) -> bool {
    matches!(summary.status, PoolStatus::Matched | PoolStatus::Stale)
}

fn is_rejected(summary: &PoolSummary) -> bool {
    summary.status == PoolStatus::Rejected
}

fn only(pools: BTreeSet<Pool>) -> Scope {
    Scope {
        part: Some(Arc::new(pools)),
        ..Scope::default()
    }
}

/// Returns the version to extend. That is the current version, with two exceptions: the newest one
/// if a person holds the current version, or if a run made it and could not publish it.
fn base_of(versions: &[VersionInfo], current: &Current) -> Option<VersionInfo> {
    let newest = publishable(versions).next();
    let of_current = versions
        .iter()
        .find(|info| Some(info.version) == current.version);
    let is_ours = |info: &&VersionInfo| {
        current.held
            || (info.origin == VersionOrigin::LateArrival && Some(info.version) > current.version)
    };
    newest.filter(is_ours).or(of_current).cloned()
}

/// Decision about a run.
enum Judged {
    Nothing(NothingNew),
    Append(Box<Append>),
    Forced(Vec<Forced>),
}
