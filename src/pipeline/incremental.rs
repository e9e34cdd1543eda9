//! An incremental run: what is new since a version's watermark, appended to that version.
//!
//! A pool goes on from its open lots. Where that is not enough, because a trade came late, was
//! voided or put back, or because the policy changed, the run makes a new version of everything
//! and says what forced it. What is appended is what a full run would give.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;

use super::compute::{
    ComputeOptions, ComputeReport, Publication, Target, prune_after, run_full, run_start,
};
use super::context::{Context, PipelineError, PipelineResult};
use super::lock::{holder_of, lock_runs};
use super::publish::{covered_pools, move_to, publishable};
use super::run_log::RunLog;
use super::unguarded;
use crate::engine::{
    Continued, IssueType, LotSums, Matching, OrderKey, Pool, PoolLedger, PoolOutcome, PoolResult,
    PoolState, PoolStatus, PoolTotals, Rejection, ReviewItem, RowsHash, Timestamp, Usd,
    compute_pool, continue_pool, reach_of, review_items, unmatched_item,
};
use crate::store::lots::{OpenLots, Reach};
use crate::store::model::{
    AppendedPool, Arrivals, Completion, Current, Exclusion, PoolSummary, ReviewUpdate, RunCounts,
    Scope, Version, VersionInfo, VersionPlan, VersionStatus, Watermark, policy_json,
};
use crate::store::{Store, StoreError};

/// Kinds of review items that a rejected pool has.
const DATA_ISSUES: [IssueType; 3] = [
    IssueType::InvalidTrade,
    IssueType::MissingFx,
    IssueType::AllocationError,
];

/// What an incremental run came to.
#[derive(Debug, Clone)]
pub enum Incremental {
    /// Nothing is new.
    Nothing(NothingNew),
    /// The version has more rows now.
    Appended(Box<AppendReport>),
    /// A new version of everything, and what forced it.
    Full(Box<ComputeReport>, Vec<Forced>),
}

/// A run that found nothing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NothingNew {
    /// The log row; `None` in a dry run.
    pub run_id: Option<i64>,
    /// The version that has everything.
    pub version: Version,
    /// Execution time of the newest trade it knows.
    pub complete_through: Option<Timestamp>,
    /// The pointer.
    pub current: Current,
}

/// Why only a full run would do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Forced {
    /// There is no version to extend.
    NoVersion,
    /// The version is sealed.
    Sealed(Version),
    /// Symbols, exclusions or another rule are no longer what the version was computed with.
    Policy,
    /// The version's watermark says nothing here.
    Watermark(String),
    /// The pool's inventory snapshot is not what the version left.
    Snapshot(Pool, String),
    /// A trade came before what was matched.
    Late(Pool, String),
    /// Trades were voided or put back.
    Revised(Pool, Vec<String>),
    /// The past of a pool of an unguarded ledger is not what it was.
    Changed(Pool),
}

/// A pool in the report of an incremental run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppendLine {
    /// Which pool.
    pub pool: Pool,
    /// What it is now.
    pub status: PoolStatus,
    /// Counts and sums of what was appended.
    pub added: PoolTotals,
    /// The newest trade.
    pub newest: Option<Timestamp>,
    /// Why nothing was appended.
    pub error: Option<String>,
}

/// What an incremental run appended.
#[derive(Debug, Clone)]
pub struct AppendReport {
    /// The log row; `None` in a dry run.
    pub run_id: Option<i64>,
    /// The version that was extended.
    pub version: Version,
    /// Completed or partial.
    pub status: VersionStatus,
    /// Whether it is current; `Held`: a person holds the pointer at another one.
    pub publication: Publication,
    /// The pointer after the run.
    pub current: Current,
    /// Pools with something new, by account and symbol.
    pub pools: Vec<AppendLine>,
    /// Counts and sums of what was appended.
    pub counts: RunCounts,
    /// New trades that were voided again.
    pub voided: u64,
    /// New rows that are not executions, by reason.
    pub ineligible: BTreeMap<String, u64>,
    /// Execution time of the newest trade the version knows.
    pub complete_through: Option<Timestamp>,
    /// Duration of the run.
    pub duration_ms: i64,
}

/// Extends the newest version by what arrived since.
///
/// Errors: locked by another run; the store fails. Whatever happens, the current version stays
/// whole and the log says what happened.
pub async fn compute_incremental(
    store: &dyn Store,
    context: &Context,
    options: &ComputeOptions,
) -> PipelineResult<Incremental> {
    let started_us = context.clock.elapsed_us();
    if options.dry_run {
        let found = Found::look(store, context).await?;
        return match found.judge(context, started_us) {
            Judged::Nothing(nothing) => Ok(Incremental::Nothing(nothing)),
            Judged::Append(append) => Ok(Incremental::Appended(Box::new(append.report))),
            Judged::Forced(forced) => {
                let report = super::compute::compute(store, context, options).await?;
                Ok(Incremental::Full(Box::new(report), forced))
            }
        };
    }
    let lock = lock_runs(store, context).await?;
    let mut done = run_locked(store, context, options, started_us).await;
    if let Ok(Incremental::Full(report, _)) = &mut done {
        prune_after(store, context, options, report).await;
    }
    lock.release().await;
    done
}

async fn run_locked(
    store: &dyn Store,
    context: &Context,
    options: &ComputeOptions,
    started_us: i64,
) -> PipelineResult<Incremental> {
    store.close_orphans(&holder_of(context)).await?;
    let target = Target::choose(store, options).await?;
    let mut run = run_start(context, options, &target);
    run.mode = "incremental".into();
    // Which version it is about is known when it ends.
    run.version = None;
    let run_id = store.begin_run(&run).await?;
    let log = RunLog::new(store, context, run_id);
    let work = async {
        let look = async || Found::look(store, context).await;
        let found = log.retried(look).await?;
        context.cancel.check()?;
        match found.judge(context, started_us) {
            Judged::Nothing(nothing) => end_idle(store, context, run_id, nothing, started_us).await,
            Judged::Append(append) => append.write(store, context, &run, run_id).await,
            Judged::Forced(forced) => {
                let mut options = options.clone();
                options.origin = origin(&forced).into();
                let report = run_full(store, context, &options, &target, &run, &log, started_us);
                Ok(Incremental::Full(Box::new(report.await?), forced))
            }
        }
    };
    let done = log.interruptible(work).await;
    if let Err(error) = &done {
        log.close_failed(error).await;
    }
    done.map_err(|error| PipelineError::Run {
        run_id,
        error: Box::new(error),
    })
}

/// A version that nobody asked for by hand can be dropped by itself again.
fn origin(forced: &[Forced]) -> &'static str {
    match forced {
        [Forced::NoVersion] => "full",
        _ => "late-arrival",
    }
}

async fn end_idle(
    store: &dyn Store,
    context: &Context,
    run_id: i64,
    nothing: NothingNew,
    started_us: i64,
) -> PipelineResult<Incremental> {
    let duration_ms = (context.clock.elapsed_us() - started_us) / 1000;
    let version = nothing.version;
    store
        .end_idle_run(run_id, version, context.clock.now(), duration_ms)
        .await?;
    Ok(Incremental::Nothing(NothingNew {
        run_id: Some(run_id),
        ..nothing
    }))
}

/// What a run found, before anything is decided.
struct Found {
    current: Current,
    base: Option<VersionInfo>,
    policy: String,
    exclusions: Vec<Exclusion>,
    /// Pools that current covers, where current is not the base.
    covered: BTreeSet<Pool>,
    summaries: BTreeMap<Pool, PoolSummary>,
    /// What is new; or why that can't be told.
    arrivals: Result<Arrivals, Forced>,
    lots: BTreeMap<Pool, OpenLots>,
    /// Pools that are computed whole, as nothing of them was matched.
    whole: BTreeMap<Pool, PoolLedger>,
    /// Pools whose past is another one.
    changed: Vec<Pool>,
}

impl Found {
    async fn look(store: &dyn Store, context: &Context) -> PipelineResult<Self> {
        let current = store.current().await?;
        let exclusions = store.exclusions().await?;
        let base = base_of(&store.versions().await?, &current);
        let mut found = Self {
            current,
            policy: policy_json(&context.rules, &exclusions),
            exclusions,
            base,
            covered: BTreeSet::new(),
            summaries: BTreeMap::new(),
            arrivals: Err(Forced::NoVersion),
            lots: BTreeMap::new(),
            whole: BTreeMap::new(),
            changed: Vec::new(),
        };
        found.read(store, context).await?;
        Ok(found)
    }

    async fn read(&mut self, store: &dyn Store, context: &Context) -> PipelineResult<()> {
        let Some(base) = &self.base else {
            return Ok(());
        };
        let (version, watermark) = (base.version, base.watermark.clone());
        if self.current.version != Some(version) {
            self.covered = covered_pools(store, &self.current).await?;
        }
        let summaries = store.pool_summaries(version).await?;
        let by_pool = summaries.into_iter().map(|it| (it.pool.clone(), it));
        self.summaries = by_pool.collect();
        if watermark.is_unguarded() {
            self.compare(store, context).await?;
        } else {
            self.arrivals = match store.arrivals(&Scope::default(), &watermark).await {
                Ok(arrivals) => Ok(arrivals),
                Err(StoreError::Refused(why)) => Err(Forced::Watermark(why)),
                Err(error) => return Err(error.into()),
            };
            self.read_stale(store).await?;
        }
        let Ok(arrivals) = &self.arrivals else {
            return Ok(());
        };
        let (mut resumed, mut whole) = (Reach::new(), BTreeSet::new());
        let touched = arrivals.pools.keys().chain(arrivals.revised.keys());
        for pool in touched {
            let summary = self.summaries.get(pool);
            match summary.map(|summary| (summary.status, summary.last.as_ref())) {
                Some((PoolStatus::Matched | PoolStatus::Stale, last)) => {
                    let new = arrivals.pools.get(pool);
                    let reach = new.and_then(|new| reach_of(&new.trades, last));
                    resumed.insert(pool.clone(), reach);
                }
                _ if is_counted_only(&self.summaries, arrivals, pool) => {}
                _ => drop(whole.insert(pool.clone())),
            }
        }
        if !resumed.is_empty() {
            self.lots = store.open_lots(version, &resumed).await?;
        }
        if !whole.is_empty() {
            let scope = only(whole);
            let as_of = arrivals.watermark.clone();
            let read = store.read_ledger(&scope, Some(&as_of)).await?;
            self.whole = read.pools;
            // All its rows may be voided by now.
            for pool in scope.part.iter().flat_map(|part| part.iter()) {
                let empty = || PoolLedger::new(pool.clone());
                self.whole.entry(pool.clone()).or_insert_with(empty);
            }
        }
        Ok(())
    }

    /// Reads all of an unguarded ledger, and holds it against the version.
    async fn compare(&mut self, store: &dyn Store, context: &Context) -> PipelineResult<()> {
        let read = context.read_ledger(store, &Scope::default(), None).await?;
        if !read.watermark.is_unguarded() {
            let why = "the ledger is guarded since the version was computed".into();
            self.arrivals = Err(Forced::Watermark(why));
            return Ok(());
        }
        let compared = unguarded::compare(read, &self.summaries);
        self.whole = compared.whole;
        self.changed = compared.changed;
        self.arrivals = Ok(compared.arrivals);
        Ok(())
    }

    /// A stale pool ends earlier than its version: what is new of it is older.
    async fn read_stale(&mut self, store: &dyn Store) -> PipelineResult<()> {
        let Ok(arrivals) = &mut self.arrivals else {
            return Ok(());
        };
        for (pool, summary) in &self.summaries {
            if summary.status != PoolStatus::Stale {
                continue;
            }
            let scope = only(BTreeSet::from([pool.clone()]));
            let own = store.arrivals(&scope, &summary.watermark).await?;
            arrivals.pools.remove(pool);
            arrivals.revised.remove(pool);
            let nothing = (pool.clone(), PoolLedger::new(pool.clone()));
            arrivals.pools.extend([nothing]);
            arrivals.pools.extend(own.pools);
            arrivals.revised.extend(own.revised);
        }
        Ok(())
    }

    fn judge(mut self, context: &Context, started_us: i64) -> Judged {
        let forced = match (&self.base, &self.arrivals) {
            (None, _) => vec![Forced::NoVersion],
            (_, Err(forced)) => vec![forced.clone()],
            (Some(base), _) if base.policy != self.policy => vec![Forced::Policy],
            _ => Vec::new(),
        };
        let (Some(base), Ok(arrivals), true) = (&self.base, &self.arrivals, forced.is_empty())
        else {
            return Judged::Forced(forced);
        };
        let mut appending = Appending::new(context, base, arrivals, self.current, &self.covered);
        let changed = std::mem::take(&mut self.changed).into_iter();
        let mut forced: Vec<Forced> = changed.map(Forced::Changed).collect();
        for (pool, revised) in &arrivals.revised {
            let is_matched = self.summaries.get(pool).is_some_and(|summary| {
                matches!(summary.status, PoolStatus::Matched | PoolStatus::Stale)
            });
            if is_matched {
                let orders = revised.iter().cloned().collect();
                forced.push(Forced::Revised(pool.clone(), orders));
            }
        }
        for (pool, new) in &arrivals.pools {
            let Some(summary) = self.summaries.get(pool) else {
                continue;
            };
            match summary.status {
                PoolStatus::Matched | PoolStatus::Stale => {
                    let lots = self.lots.remove(pool);
                    forced.extend(appending.go_on(new.clone(), summary, lots));
                }
                _ if self.whole.contains_key(pool) => {}
                _ => appending.count(new, summary),
            }
        }
        for (pool, ledger) in self.whole {
            let exclusion = self.exclusions.iter().find(|e| e.pool == pool);
            let reason = exclusion.map(|exclusion| exclusion.reason.as_str());
            appending.add_whole(compute_pool(ledger, &context.rules, reason));
        }
        let is_new = !appending.pools.is_empty();
        if (is_new || !forced.is_empty()) && base.sealed.is_some() {
            return Judged::Forced(vec![Forced::Sealed(base.version)]);
        }
        if !forced.is_empty() {
            return Judged::Forced(forced);
        }
        if !is_new {
            return Judged::Nothing(NothingNew {
                run_id: None,
                version: base.version,
                complete_through: base.complete_through,
                current: self.current,
            });
        }
        Judged::Append(Box::new(appending.end(self.summaries, started_us)))
    }
}

fn only(pools: BTreeSet<Pool>) -> Scope {
    Scope {
        part: Some(Arc::new(pools)),
        ..Scope::default()
    }
}

/// The version to extend: the current one; where a person holds the pointer, the newest one; and
/// where a run had to make a new one that could not be published, that.
fn base_of(versions: &[VersionInfo], current: &Current) -> Option<VersionInfo> {
    let newest = publishable(versions).next();
    let of_current = versions
        .iter()
        .find(|info| Some(info.version) == current.version);
    let is_ours = |info: &&VersionInfo| {
        current.held || (info.origin == "late-arrival" && Some(info.version) > current.version)
    };
    newest.filter(is_ours).or(of_current).cloned()
}

/// Tells whether new rows of a pool without allocations can't change that: they are only counted.
fn is_counted_only(
    summaries: &BTreeMap<Pool, PoolSummary>,
    arrivals: &Arrivals,
    pool: &Pool,
) -> bool {
    let has_result = summaries.contains_key(pool);
    let new = arrivals.pools.get(pool);
    has_result
        && !arrivals.revised.contains_key(pool)
        && new.is_some_and(|new| new.invalid.is_empty())
}

/// What a run is to do.
enum Judged {
    Nothing(NothingNew),
    Append(Box<Append>),
    Forced(Vec<Forced>),
}

/// What is appended, as it is put together.
struct Appending<'a> {
    context: &'a Context,
    base: &'a VersionInfo,
    arrivals: &'a Arrivals,
    current: Current,
    covered: &'a BTreeSet<Pool>,
    at: Timestamp,
    pools: Vec<AppendedPool>,
    lines: Vec<AppendLine>,
    review: ReviewUpdate,
}

impl<'a> Appending<'a> {
    fn new(
        context: &'a Context,
        base: &'a VersionInfo,
        arrivals: &'a Arrivals,
        current: Current,
        covered: &'a BTreeSet<Pool>,
    ) -> Self {
        let mut kinds = BTreeSet::from(DATA_ISSUES);
        if current.version == Some(base.version) {
            kinds.insert(IssueType::UnmatchedSell);
        }
        Self {
            context,
            base,
            arrivals,
            current,
            covered,
            at: context.clock.now(),
            pools: Vec::new(),
            lines: Vec::new(),
            review: ReviewUpdate {
                kinds,
                looked_at: Some(BTreeMap::new()),
                ..ReviewUpdate::default()
            },
        }
    }

    /// Matches what is new of a pool; returns what forces a full run.
    fn go_on(
        &mut self,
        new: PoolLedger,
        summary: &PoolSummary,
        lots: Option<OpenLots>,
    ) -> Option<Forced> {
        let started_us = self.context.clock.elapsed_us();
        let pool = summary.pool.clone();
        let hash = new.ledger_hash;
        let (lots, rest) = match lots {
            Some(lots) => (lots.oldest, lots.rest),
            None => (Vec::new(), LotSums::NONE),
        };
        let state = PoolState {
            totals: summary.totals,
            last: summary.last.clone(),
            lots,
            rest,
        };
        match continue_pool(new, &state) {
            Continued::Matched(matching, totals) => {
                self.add_matched(summary, matching, *totals, hash, started_us);
                None
            }
            Continued::Rejected(rejection) => {
                self.add_stale(summary, rejection);
                None
            }
            Continued::HistoryChanged { order_id } => Some(Forced::Late(pool, order_id)),
            Continued::Damaged(why) => Some(Forced::Snapshot(pool, why)),
        }
    }

    fn add_matched(
        &mut self,
        summary: &PoolSummary,
        matching: Box<Matching>,
        totals: PoolTotals,
        ledger_hash: RowsHash,
        started_us: i64,
    ) {
        let newest = matching.trades.last().map(|trade| OrderKey::of(&trade));
        let has_rows = matching.rows_count() > 0;
        let mut after = PoolSummary {
            status: PoolStatus::Matched,
            totals,
            last: summary.last.clone().max(newest),
            watermark: self.arrivals.watermark.clone(),
            error: None,
            ..summary.clone()
        };
        after.ledger_hash.add(ledger_hash);
        after.allocations_hash.add(matching.allocations_hash());
        if has_rows {
            after.first_allocation.get_or_insert(self.at);
            after.last_allocation = Some(self.at);
        }
        if self.review.kinds.contains(&IssueType::UnmatchedSell) {
            let (items, rules) = (&mut self.review.items, &self.context.rules);
            matching.each_row(|row| {
                if row.notes.unmatched {
                    items.push(unmatched_item(&matching.pool, row, rules));
                }
            });
        }
        self.look_at(&summary.pool, &DATA_ISSUES);
        self.line(&after, matching.totals);
        self.push(after, Some(matching), started_us);
    }

    /// What came can't be matched: the pool keeps what it has, and where it ended.
    fn add_stale(&mut self, summary: &PoolSummary, rejection: Rejection) {
        let after = PoolSummary {
            status: PoolStatus::Stale,
            error: Some(rejection.reason.clone()),
            ..summary.clone()
        };
        if after == *summary {
            return;
        }
        let outcome = PoolOutcome {
            pool: summary.pool.clone(),
            trades: summary.totals.trades,
            ledger_hash: summary.ledger_hash,
            allocations_hash: summary.allocations_hash,
            result: PoolResult::Rejected(rejection),
        };
        let items = review_items(&outcome, &self.context.rules);
        self.review.items.extend(items);
        self.look_at(&summary.pool, &DATA_ISSUES);
        self.line(&after, PoolTotals::default());
        let started_us = self.context.clock.elapsed_us();
        self.push(after, None, started_us);
    }

    /// A pool without allocations has more rows: nothing else about it can have changed.
    fn count(&mut self, new: &PoolLedger, summary: &PoolSummary) {
        let mut after = summary.clone();
        after.ledger_hash.add(new.ledger_hash);
        after.totals.trades = after.totals.trades.saturating_add(new.rows());
        after.watermark = self.arrivals.watermark.clone();
        let added = PoolTotals {
            trades: new.rows(),
            ..PoolTotals::default()
        };
        self.line(&after, added);
        let started_us = self.context.clock.elapsed_us();
        self.push(after, None, started_us);
    }

    /// A pool of which nothing was matched before.
    fn add_whole(&mut self, outcome: PoolOutcome) {
        let started_us = self.context.clock.elapsed_us();
        let summary = PoolSummary::of(&outcome, &self.arrivals.watermark, self.at);
        let kinds: Vec<IssueType> = self.review.kinds.iter().copied().collect();
        let mut items: Vec<ReviewItem> = review_items(&outcome, &self.context.rules);
        items.retain(|item| kinds.contains(&item.issue));
        self.review.items.extend(items);
        self.look_at(&outcome.pool, &kinds);
        self.line(&summary, summary.totals);
        let matching = match outcome.result {
            PoolResult::Matched(matching) => Some(matching),
            PoolResult::Rejected(_) | PoolResult::Excluded(_) => {
                let without = &mut self.review.pools_without_result;
                without.insert(outcome.pool.clone());
                None
            }
        };
        self.push(summary, matching, started_us);
    }

    fn look_at(&mut self, pool: &Pool, kinds: &[IssueType]) {
        let looked_at = self.review.looked_at.get_or_insert_default();
        let kinds = kinds.iter().copied();
        looked_at.entry(pool.clone()).or_default().extend(kinds);
    }

    fn line(&mut self, summary: &PoolSummary, added: PoolTotals) {
        self.lines.push(AppendLine {
            pool: summary.pool.clone(),
            status: summary.status,
            added,
            newest: summary.last.as_ref().map(|last| last.order_time),
            error: summary.error.clone(),
        });
    }

    fn push(&mut self, summary: PoolSummary, matching: Option<Box<Matching>>, started_us: i64) {
        let duration_us = self.context.clock.elapsed_us() - started_us;
        self.pools.push(AppendedPool {
            summary,
            matching,
            duration_us,
        });
    }

    fn end(mut self, mut summaries: BTreeMap<Pool, PoolSummary>, started_us: i64) -> Append {
        for pool in &self.pools {
            summaries.insert(pool.summary.pool.clone(), pool.summary.clone());
        }
        let (mut ledger_hash, mut allocations_hash) = (RowsHash::EMPTY, RowsHash::EMPTY);
        for summary in summaries.values() {
            ledger_hash.add(summary.ledger_hash);
            allocations_hash.add(summary.allocations_hash);
        }
        let lasts = summaries.values().filter_map(|it| it.last.as_ref());
        let counts = counts(&self.lines, &summaries, self.arrivals);
        let rejected = |it: &&PoolSummary| it.status == PoolStatus::Rejected;
        let rejected: BTreeSet<&Pool> = summaries
            .values()
            .filter(rejected)
            .map(|it| &it.pool)
            .collect();
        let taken = self.covered.iter().filter(|pool| rejected.contains(pool));
        let taken: Vec<Pool> = taken.cloned().collect();
        let publication = if self.current.version == Some(self.base.version) {
            Publication::Published
        } else if self.current.held {
            Publication::Held
        } else if taken.is_empty() {
            Publication::NotAsked
        } else {
            Publication::WouldTakeAway(taken)
        };
        let report = AppendReport {
            run_id: None,
            version: self.base.version,
            status: match counts.pools_rejected {
                0 => VersionStatus::Completed,
                _ => VersionStatus::Partial,
            },
            publication,
            current: self.current,
            pools: std::mem::take(&mut self.lines),
            voided: self.arrivals.voided,
            ineligible: self.arrivals.ineligible.clone(),
            complete_through: lasts.map(|last| last.order_time).max(),
            duration_ms: (self.context.clock.elapsed_us() - started_us) / 1000,
            counts,
        };
        Append {
            base: self.base.clone(),
            watermark: self.arrivals.watermark.clone(),
            at: self.at,
            pools: self.pools,
            review: self.review,
            hashes: (ledger_hash, allocations_hash),
            report,
        }
    }
}

/// Counts what was appended; pools that are rejected or stale count wherever they are.
fn counts(
    lines: &[AppendLine],
    summaries: &BTreeMap<Pool, PoolSummary>,
    arrivals: &Arrivals,
) -> RunCounts {
    let mut counts = RunCounts {
        ineligible: arrivals.ineligible.values().sum(),
        ..RunCounts::default()
    };
    let mut pnl = 0_i128;
    for line in lines {
        counts.buys += line.added.buys;
        counts.sells += line.added.sells;
        counts.allocations += line.added.allocations;
        counts.unmatched_sells += line.added.sells_unmatched;
        counts.fees_unknown += line.added.fees_unknown;
        counts.pools_matched += u64::from(line.status == PoolStatus::Matched);
        pnl = pnl.saturating_add(line.added.pnl.units());
    }
    counts.pnl = Usd::from_units(pnl);
    let failed = summaries
        .values()
        .filter(|it| matches!(it.status, PoolStatus::Rejected | PoolStatus::Stale));
    let errors: Vec<String> = failed
        .map(|it| format!("{}: {}", it.pool, it.error.as_deref().unwrap_or("")))
        .collect();
    counts.pools_rejected = errors.len() as u64;
    counts.error = (!errors.is_empty()).then(|| errors.join("\n"));
    counts
}

/// What is appended, complete.
struct Append {
    base: VersionInfo,
    watermark: Watermark,
    at: Timestamp,
    pools: Vec<AppendedPool>,
    review: ReviewUpdate,
    hashes: (RowsHash, RowsHash),
    report: AppendReport,
}

impl Append {
    async fn write(
        self,
        store: &dyn Store,
        context: &Context,
        run: &crate::store::model::RunStart,
        run_id: i64,
    ) -> PipelineResult<Incremental> {
        let mut report = self.report;
        let plan = VersionPlan {
            version: self.base.version,
            run_id,
            batch_id: run.batch_id.clone(),
            scope: Scope::default(),
            origin: self.base.origin.clone(),
            policy: self.base.policy.clone(),
            watermark: self.watermark,
            created_at: self.base.created_at,
            allocation_time: self.at,
            replaces: false,
        };
        let (ledger_hash, allocations_hash) = self.hashes;
        let completion = Completion {
            status: report.status,
            completed_at: context.clock.now(),
            duration_ms: report.duration_ms,
            ledger_hash,
            allocations_hash,
            complete_through: report.complete_through,
            counts: report.counts.clone(),
            publish: false,
            held: false,
            review: self.review,
            details: json!({
                "run_id": run_id, "status": report.status.as_str(), "incremental": true,
                "pools": report.pools.len(), "allocations": report.counts.allocations,
                "pnl_usd": report.counts.pnl.to_string(),
                "unmatched_sells": report.counts.unmatched_sells,
                "ledger_hash": ledger_hash.to_string(),
                "allocations_hash": allocations_hash.to_string(),
            }),
        };
        store.append(&plan, &self.pools, &completion).await?;
        report.run_id = Some(run_id);
        if report.publication == Publication::NotAsked {
            // What kept it from being current is settled.
            report.current = move_to(store, context, plan.version, false).await?;
            report.publication = Publication::Published;
        }
        Ok(Incremental::Appended(Box::new(report)))
    }
}
