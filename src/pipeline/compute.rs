//! One run: lock, log row, read, match, self-check, load, publish, report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use serde_json::json;

use super::batches::{Batches, MEMORY_DEFAULT, PartKind};
use super::context::{Context, Phase, PipelineError, PipelineResult};
use super::lock::{holder_of, lock_runs};
use super::make::{self, Work};
use super::names::{check_scope, scope_words};
use super::prune::{PruneReport, prune_automatic};
use super::publish::covered_pools;
use super::run_log::RunLog;
use super::slices::{self, Sliced};
use crate::engine::{
    IssueType, Pool, PoolLedger, PoolOutcome, PoolResult, PoolStatus, PoolTotals, ReviewItem,
    RowsHash, Timestamp,
};
use crate::store::model::{
    Completion, Current, Exclusion, LedgerRead, ReviewUpdate, RunCounts, RunStart, Scope, Version,
    VersionInfo, VersionPlan, VersionStatus, Watermark, policy_json,
};
use crate::store::rows::PartSource;
use crate::store::{Store, StoreResult, VersionWriter};

/// What a run is asked to do.
#[derive(Debug, Clone, Default)]
pub struct ComputeOptions {
    /// Which pools.
    pub scope: Scope,
    /// The number to write; `None`: the next one.
    pub version: Option<Version>,
    /// Replace the version if its number is taken.
    pub force: bool,
    /// Leave the current pointer where it is.
    pub no_publish: bool,
    /// Compute and report, write nothing at all.
    pub dry_run: bool,
    /// Threads; `None`: one a processor.
    pub jobs: Option<usize>,
    /// Bytes that the ledger may take in memory; `None` is [`MEMORY_DEFAULT`]. A larger one is
    /// read in parts, and a single pool that is larger still in slices. A ledger
    /// that others may change is read at once, whatever it takes.
    pub memory: Option<u64>,
    /// Why the version is made: `hand`, `full`, ...
    pub origin: String,
    /// After publishing, drop automatic versions beyond so many; `None`: drop none.
    pub keep_versions: Option<usize>,
}

/// Whether a run moved the current pointer, and if not, why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Publication {
    /// The version is current.
    Published,
    /// `--no-publish`.
    NotAsked,
    /// A scoped run never publishes.
    Scoped,
    /// A person holds the pointer.
    Held,
    /// Publishing would take these pools away: current covers them, this version can't.
    WouldTakeAway(Vec<Pool>),
    /// `--dry-run`.
    DryRun,
}

/// A pool in a run's report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolLine {
    /// Which pool.
    pub pool: Pool,
    /// What became of it.
    pub status: PoolStatus,
    /// Counts and sums.
    pub totals: PoolTotals,
    /// Why it has no allocations.
    pub error: Option<String>,
}

/// What a run did.
#[derive(Debug, Clone)]
pub struct ComputeReport {
    /// The log row; `None` in a dry run.
    pub run_id: Option<i64>,
    /// The version written, or that would be.
    pub version: Version,
    /// Completed or partial.
    pub status: VersionStatus,
    /// Which pools.
    pub scope: Scope,
    /// Whether it is current.
    pub publication: Publication,
    /// The pointer after the run.
    pub current: Current,
    /// By account and symbol.
    pub pools: Vec<PoolLine>,
    /// Counts and sums over the pools.
    pub counts: RunCounts,
    /// Trades voided and left out.
    pub voided: u64,
    /// Rows that are not executions, by reason.
    pub ineligible: BTreeMap<String, u64>,
    /// Hash of the facts.
    pub ledger_hash: RowsHash,
    /// Hash of the canonical export.
    pub allocations_hash: RowsHash,
    /// Execution time of the newest trade seen.
    pub complete_through: Option<Timestamp>,
    /// Duration of the run.
    pub duration_ms: i64,
    /// Automatic versions that the run dropped.
    pub pruned: PruneReport,
}

/// Runs the job: computes a version from the ledger and publishes it if that is right.
///
/// Errors: locked by another run; number taken; nothing to match in the scope; the store fails.
/// Whatever happens, the current version stays whole and the log says what happened.
pub async fn compute(
    store: &dyn Store,
    context: &Context,
    options: &ComputeOptions,
) -> PipelineResult<ComputeReport> {
    let started_us = context.clock.elapsed_us();
    // Before the log has a row: a typing error is no run that failed.
    check_scope(store, &options.scope).await?;
    if options.dry_run {
        let target = Target::choose(store, options).await?;
        let batches = Batches::plan(store, &options.scope, options.memory_bytes()).await?;
        let (seen, pools) = read_first(store, context, &batches).await?;
        let mut making = PartsAtWork::new((store, context, options), &batches, seen);
        making.make(pools, None).await?;
        let (seen, mut made) = making.end();
        let publication = Publication::DryRun;
        let facts = (&seen, &mut made);
        return Ok(report(
            options,
            &target,
            None,
            publication,
            facts,
            (context, started_us),
        ));
    }
    let lock = lock_runs(store, context).await?;
    let mut done = run_locked(store, context, options, started_us).await;
    if let Ok(report) = &mut done {
        prune_after(store, context, options, report).await;
    }
    lock.release().await;
    done
}

/// Drops old automatic versions after a publication.
pub(super) async fn prune_after(
    store: &dyn Store,
    context: &Context,
    options: &ComputeOptions,
    report: &mut ComputeReport,
) {
    if let Some(keep) = options.keep_versions
        && report.publication == Publication::Published
    {
        report.pruned = prune_automatic(store, context, keep).await;
    }
}

async fn run_locked(
    store: &dyn Store,
    context: &Context,
    options: &ComputeOptions,
    started_us: i64,
) -> PipelineResult<ComputeReport> {
    store.close_orphans(&holder_of(context)).await?;
    let target = Target::choose(store, options).await?;
    let run = run_start(context, options, &target);
    let run_id = store.begin_run(&run).await?;
    let log = RunLog::new(store, context, run_id);
    let run = run_full(store, context, options, &target, &run, &log, started_us);
    let done = log.interruptible(run).await;
    if let Err(error) = &done {
        log.close_failed(error).await;
    }
    done.map_err(|error| PipelineError::Run {
        run_id,
        error: Box::new(error),
    })
}

/// The version that a run writes, and what stood there before.
pub(super) struct Target {
    version: Version,
    replaces: bool,
    current: Current,
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

fn check_replaceable(info: &VersionInfo, options: &ComputeOptions) -> PipelineResult<()> {
    let version = info.version;
    let refuse = |message: String, hint: &str| {
        Err(PipelineError::Refused {
            message,
            hint: hint.to_owned(),
        })
    };
    if let Some((at, reason)) = &info.sealed {
        return refuse(
            format!("version {version} is sealed since {at} ({reason})"),
            "leave --version out: the next number is free",
        );
    }
    if !options.force {
        return refuse(
            format!("version {version} exists"),
            "leave --version out for the next number, or replace it with --force",
        );
    }
    if info.status == VersionStatus::Dropped {
        return refuse(
            format!("version {version} was dropped, and a number is never used again"),
            "leave --version out: the next number is free",
        );
    }
    if info.scope != options.scope.to_text() {
        return refuse(
            format!(
                "version {version} covers {}, this run {}",
                scope_words(&info.scope),
                scope_words(&options.scope.to_text())
            ),
            "--force replaces a version by one of the same scope only",
        );
    }
    Ok(())
}

pub(super) fn run_start(context: &Context, options: &ComputeOptions, target: &Target) -> RunStart {
    RunStart {
        scope: options.scope.clone(),
        version: Some(target.version),
        batch_id: uuid::Uuid::new_v4().to_string(),
        started_at: context.clock.now(),
        mode: if options.scope.is_all() {
            "full"
        } else {
            "scoped"
        }
        .into(),
        triggered_by: context.user.clone(),
        host: context.holder.host.clone(),
        pid: context.holder.pid,
    }
}

/// What a run read beside the pools.
struct Seen {
    watermark: Watermark,
    voided: u64,
    ineligible: BTreeMap<String, u64>,
    exclusions: Vec<Exclusion>,
}

/// What a run made, pool by pool.
#[derive(Default)]
struct MadePools {
    lines: Vec<PoolLine>,
    items: Vec<ReviewItem>,
    ledger_hash: RowsHash,
    allocations_hash: RowsHash,
    complete_through: Option<Timestamp>,
}

impl MadePools {
    fn add(&mut self, outcome: &PoolOutcome, items: Vec<ReviewItem>) {
        self.lines.push(pool_line(outcome));
        self.items.extend(items);
        self.ledger_hash.add(outcome.ledger_hash);
        self.allocations_hash.add(outcome.allocations_hash);
        if let PoolResult::Matched(matching) = &outcome.result {
            let last = matching.trades.last().map(|trade| trade.order_time);
            self.complete_through = self.complete_through.max(last);
        }
    }
}

fn pools_of(lines: &[PoolLine], status: PoolStatus) -> impl Iterator<Item = &Pool> {
    let lines = lines.iter().filter(move |line| line.status == status);
    lines.map(|line| &line.pool)
}

pub(super) async fn run_full(
    store: &dyn Store,
    context: &Context,
    options: &ComputeOptions,
    target: &Target,
    run: &RunStart,
    log: &RunLog<'_>,
    started_us: i64,
) -> PipelineResult<ComputeReport> {
    let plan = async || Batches::plan(store, &options.scope, options.memory_bytes()).await;
    let batches = log.retried(plan).await?;
    let first = async || read_first(store, context, &batches).await;
    let (seen, pools) = log.retried(first).await?;
    let plan = VersionPlan {
        version: target.version,
        run_id: log.run_id,
        batch_id: run.batch_id.clone(),
        scope: options.scope.clone(),
        origin: options.origin.clone(),
        policy: policy_json(&context.rules, &seen.exclusions, &store.adapted_views()),
        watermark: seen.watermark.clone(),
        created_at: run.started_at,
        allocation_time: context.clock.now(),
        replaces: target.replaces,
    };
    let begin = async || Ok(store.begin_version(&plan).await?);
    let mut writer = log.retried(begin).await?;
    let mut making = PartsAtWork::new((store, context, options), &batches, seen);
    making.make(pools, Some(writer.as_mut())).await?;
    let (seen, mut made) = making.end();
    let publication = decide(store, options, target, &made).await?;
    if let (Publication::WouldTakeAway(pools), true) = (&publication, target.replaces) {
        return Err(PipelineError::Refused {
            message: format!(
                "version {} is not replaced: the new result has nothing for {}",
                target.version,
                names(pools)
            ),
            hint: "correct the trades, or exclude the pools with `fifo-pnl review exclude \
                   --account NAME --symbol SYMBOL --reason TEXT`"
                .into(),
        });
    }
    let facts = (&seen, &mut made);
    let times = (context, started_us);
    let mut report = report(options, target, Some(log.run_id), publication, facts, times);
    let completion = completion(context, options, target, &report, made.items);
    context.cancel.check()?;
    writer.finish(&completion).await?;
    // Not read: the run is complete, whether or not the database still answers, and nobody else
    // moves the pointer while the run lock is held.
    if completion.publish {
        report.current = Current {
            version: Some(target.version),
            held: completion.held,
        };
    }
    Ok(report)
}

fn names(pools: &[Pool]) -> String {
    pools
        .iter()
        .map(Pool::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

impl Seen {
    /// Adds what another part of the ledger has; returns its pools.
    fn add(&mut self, read: LedgerRead) -> BTreeMap<Pool, PoolLedger> {
        self.voided += read.voided;
        for (reason, rows) in read.ineligible {
            *self.ineligible.entry(reason).or_default() += rows;
        }
        read.pools
    }
}

impl ComputeOptions {
    fn memory_bytes(&self) -> u64 {
        self.memory.unwrap_or(MEMORY_DEFAULT)
    }
}

/// Reads the first part of the ledger, which mostly is all of it.
async fn read_first(
    store: &dyn Store,
    context: &Context,
    batches: &Batches,
) -> PipelineResult<(Seen, BTreeMap<Pool, PoolLedger>)> {
    let exclusions = store.exclusions().await?;
    let read = batches.read(store, context, 0).await?;
    let seen = Seen {
        watermark: read.watermark,
        voided: read.voided,
        ineligible: read.ineligible,
        exclusions,
    };
    Ok((seen, read.pools))
}

/// The parts of a ledger on their way into a version.
struct PartsAtWork<'a> {
    store: &'a dyn Store,
    context: &'a Context,
    options: &'a ComputeOptions,
    batches: &'a Batches,
    seen: Seen,
    made: MadePools,
    /// The pool that comes in slices, from its first slice to its last.
    sliced: Option<Arc<Mutex<Sliced>>>,
}

impl<'a> PartsAtWork<'a> {
    fn new(
        (store, context, options): (&'a dyn Store, &'a Context, &'a ComputeOptions),
        batches: &'a Batches,
        seen: Seen,
    ) -> Self {
        Self {
            store,
            context,
            options,
            batches,
            seen,
            made: MadePools::default(),
            sliced: None,
        }
    }

    fn end(self) -> (Seen, MadePools) {
        (self.seen, self.made)
    }

    /// Matches all pools and writes them, if there is a writer. `first` is the first part.
    async fn make(
        &mut self,
        first: BTreeMap<Pool, PoolLedger>,
        mut writer: Option<&mut dyn VersionWriter>,
    ) -> PipelineResult<()> {
        let mut first = Some(first);
        for nth in 0..self.batches.len() {
            let pools = match first.take() {
                Some(pools) => pools,
                None => {
                    let read = self.batches.read(self.store, self.context, nth).await?;
                    self.seen.add(read)
                }
            };
            let writer: Option<&mut dyn VersionWriter> = match &mut writer {
                Some(writer) => Some(&mut **writer),
                None => None,
            };
            self.make_part(self.batches.kind(nth), pools, writer)
                .await?;
        }
        Ok(())
    }

    async fn make_part(
        &mut self,
        kind: PartKind,
        mut pools: BTreeMap<Pool, PoolLedger>,
        writer: Option<&mut dyn VersionWriter>,
    ) -> PipelineResult<()> {
        let work = self.work(writer.as_deref());
        let trades = pools.values().map(|ledger| ledger.trades.len() as u64);
        let phase = if writer.is_some() {
            Phase::Load
        } else {
            Phase::Match
        };
        self.context.progress.begin(phase, Some(trades.sum()));
        let made = &mut self.made;
        let mut on_pool = |outcome: &PoolOutcome, items| made.add(outcome, items);
        let mut making = match kind {
            PartKind::Pools => make::start(work, pools, &mut on_pool),
            PartKind::Slice(pool, is_last) => {
                let begin = || Arc::new(Mutex::new(Sliced::begin(&work, &pool)));
                let sliced = self.sliced.take().unwrap_or_else(begin);
                if !is_last {
                    self.sliced = Some(sliced.clone());
                }
                let slice = pools.remove(&pool).unwrap_or_else(|| PoolLedger::new(pool));
                slices::start(work, sliced, slice, is_last, &mut on_pool)
            }
        };
        let written = match writer {
            Some(writer) => writer.write(&mut making).await,
            None => drain(&mut making).await,
        };
        let joined = making.join().await;
        self.context.progress.end();
        // A worker's panic ends the writer too, and is the error to show.
        joined?;
        written?;
        self.context.cancel.check()
    }

    fn work(&self, writer: Option<&dyn VersionWriter>) -> Work {
        let excluded = self.seen.exclusions.iter();
        let excluded = excluded.map(|e| (e.pool.clone(), e.reason.clone()));
        Work {
            context: self.context.clone(),
            excluded: excluded.collect(),
            encoder: writer.map(|writer| writer.encoder()),
            jobs: self.options.jobs.unwrap_or(0),
        }
    }
}

async fn drain(parts: &mut dyn PartSource) -> StoreResult<()> {
    while parts.next().await?.is_some() {}
    Ok(())
}

/// Decides whether the result becomes current. It must not take away what current has.
async fn decide(
    store: &dyn Store,
    options: &ComputeOptions,
    target: &Target,
    made: &MadePools,
) -> PipelineResult<Publication> {
    if !options.scope.is_all() {
        return Ok(Publication::Scoped);
    }
    if target.current.version.is_some() {
        let rejected: BTreeSet<&Pool> = pools_of(&made.lines, PoolStatus::Rejected).collect();
        // Most runs reject nothing, and need not know what all pools of another version came to.
        let covered = match rejected.is_empty() {
            true => BTreeSet::new(),
            false => covered_pools(store, &target.current).await?,
        };
        let lost = covered.into_iter().filter(|pool| rejected.contains(pool));
        let lost: Vec<Pool> = lost.collect();
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

fn report(
    options: &ComputeOptions,
    target: &Target,
    run_id: Option<i64>,
    publication: Publication,
    (seen, made): (&Seen, &mut MadePools),
    (context, started_us): (&Context, i64),
) -> ComputeReport {
    let counts = counts(seen, made);
    let status = match counts.pools_rejected {
        0 => VersionStatus::Completed,
        _ => VersionStatus::Partial,
    };
    ComputeReport {
        run_id,
        version: target.version,
        status,
        scope: options.scope.clone(),
        publication,
        current: target.current,
        pools: std::mem::take(&mut made.lines),
        counts,
        voided: seen.voided,
        ineligible: seen.ineligible.clone(),
        ledger_hash: made.ledger_hash,
        allocations_hash: made.allocations_hash,
        complete_through: made.complete_through,
        duration_ms: (context.clock.elapsed_us() - started_us) / 1000,
        pruned: PruneReport::default(),
    }
}

fn counts(seen: &Seen, made: &MadePools) -> RunCounts {
    let mut counts = RunCounts {
        ineligible: seen.ineligible.values().sum(),
        ..RunCounts::default()
    };
    for line in &made.lines {
        counts.add_totals(&line.totals);
        match line.status {
            PoolStatus::Matched | PoolStatus::Stale => counts.pools_matched += 1,
            PoolStatus::Rejected => counts.pools_rejected += 1,
            PoolStatus::Excluded => {}
        }
    }
    let rejected = made
        .lines
        .iter()
        .filter(|line| line.status == PoolStatus::Rejected);
    let errors: Vec<String> = rejected
        .map(|line| format!("{}: {}", line.pool, line.error.as_deref().unwrap_or("")))
        .collect();
    counts.error = (!errors.is_empty()).then(|| errors.join("\n"));
    counts
}

fn pool_line(outcome: &PoolOutcome) -> PoolLine {
    let nothing = PoolTotals {
        trades: outcome.trades,
        ..PoolTotals::default()
    };
    let (status, totals, error) = match &outcome.result {
        PoolResult::Matched(matching) => (PoolStatus::Matched, matching.totals, None),
        PoolResult::Rejected(rejection) => (
            PoolStatus::Rejected,
            nothing,
            Some(rejection.reason.clone()),
        ),
        PoolResult::Excluded(reason) => (PoolStatus::Excluded, nothing, Some(reason.clone())),
    };
    PoolLine {
        pool: outcome.pool.clone(),
        status,
        totals,
        error,
    }
}

fn completion(
    context: &Context,
    options: &ComputeOptions,
    target: &Target,
    report: &ComputeReport,
    items: Vec<ReviewItem>,
) -> Completion {
    let publish = report.publication == Publication::Published;
    Completion {
        status: report.status,
        completed_at: context.clock.now(),
        duration_ms: report.duration_ms,
        ledger_hash: report.ledger_hash,
        allocations_hash: report.allocations_hash,
        complete_through: report.complete_through,
        counts: report.counts.clone(),
        publish,
        held: target.current.held && target.current.version == Some(target.version),
        review: review_update(options, (&report.pools, items), publish),
        details: json!({
            "run_id": report.run_id, "status": report.status.as_str(), "published": publish,
            "scope": options.scope.to_text(), "pools": report.pools.len(),
            "allocations": report.counts.allocations, "pnl_usd": report.counts.pnl.to_string(),
            "unmatched_sells": report.counts.unmatched_sells,
            "ledger_hash": report.ledger_hash.to_string(),
            "allocations_hash": report.allocations_hash.to_string(),
        }),
    }
}

/// Data issues come from any run over all symbols; unmatched sells only with the pointer.
fn review_update(
    options: &ComputeOptions,
    (lines, items): (&[PoolLine], Vec<ReviewItem>),
    publish: bool,
) -> ReviewUpdate {
    let mut update = ReviewUpdate::default();
    if !options.scope.is_all() {
        return update;
    }
    update.kinds = BTreeSet::from([
        IssueType::InvalidTrade,
        IssueType::MissingFx,
        IssueType::AllocationError,
    ]);
    if publish {
        update.kinds.insert(IssueType::UnmatchedSell);
    }
    for status in [PoolStatus::Rejected, PoolStatus::Excluded] {
        update
            .pools_without_result
            .extend(pools_of(lines, status).cloned());
    }
    update.items = items;
    update
        .items
        .retain(|item| update.kinds.contains(&item.issue));
    update
}
