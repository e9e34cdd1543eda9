//! One run: lock, log row, read, match, self-check, load, publish, report.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use serde_json::{Value, json};

use super::context::{Context, Phase, PipelineError, PipelineResult};
use crate::engine::{
    IssueType, Pool, PoolLedger, PoolOutcome, PoolResult, PoolStatus, PoolTotals, RowsHash,
    Timestamp, Usd, compute_pool, review_items,
};
use crate::store::Store;
use crate::store::model::{
    Completion, Current, Exclusion, LedgerRead, ReviewUpdate, RunCounts, RunFailure, RunStart,
    Scope, Version, VersionInfo, VersionPlan, VersionStatus, Watermark, policy_json,
};

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
    /// Why the version is made: `hand`, `full`, ...
    pub origin: String,
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
    if options.dry_run {
        let target = Target::choose(store, options).await?;
        let matched = read_and_match(store, context, options).await?;
        let publication = Publication::DryRun;
        return Ok(matched.report(options, &target, None, publication, context, started_us));
    }
    let lock = store.lock_runs(&context.holder).await?;
    let done = run_locked(store, context, options, started_us).await;
    lock.release().await;
    done
}

async fn run_locked(
    store: &dyn Store,
    context: &Context,
    options: &ComputeOptions,
    started_us: i64,
) -> PipelineResult<ComputeReport> {
    store.close_orphans(&context.holder).await?;
    let target = Target::choose(store, options).await?;
    let run = run_start(context, options, &target);
    let run_id = store.begin_run(&run).await?;
    let done = run_logged(store, context, options, &target, &run, run_id, started_us).await;
    if let Err(error) = &done {
        close_failed(store, context, run_id, error).await;
    }
    done.map_err(|error| PipelineError::Run {
        run_id,
        error: Box::new(error),
    })
}

/// The version that a run writes, and what stood there before.
struct Target {
    version: Version,
    replaces: bool,
    current: Current,
}

impl Target {
    async fn choose(store: &dyn Store, options: &ComputeOptions) -> PipelineResult<Self> {
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

/// Says which pools a scope has, from its text.
pub(super) fn scope_words(scope: &str) -> String {
    let scope: Value = serde_json::from_str(scope).unwrap_or_default();
    let symbols = scope.get("symbols").and_then(Value::as_array);
    let symbols: Vec<&str> = symbols
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let symbols = match symbols.as_slice() {
        [] => "all symbols".to_owned(),
        symbols => format!("only {}", symbols.join(", ")),
    };
    match scope.get("account").and_then(Value::as_str) {
        None => symbols,
        Some(account) => format!("{symbols} of account \"{account}\""),
    }
}

fn run_start(context: &Context, options: &ComputeOptions, target: &Target) -> RunStart {
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

async fn close_failed(store: &dyn Store, context: &Context, run_id: i64, error: &PipelineError) {
    let mut causes = String::new();
    let mut cause: Option<&dyn std::error::Error> = Some(error);
    while let Some(error) = cause {
        causes.push_str(&format!("{error}\n"));
        cause = error.source();
    }
    let failure = RunFailure {
        ended_at: context.clock.now(),
        message: error.to_string(),
        causes,
        details: json!({ "interrupted": matches!(error, PipelineError::Interrupted) }),
    };
    // The first error is what the user must see. A row that stays open is closed by the next run.
    let _ = store.fail_run(run_id, &failure).await;
}

/// A run's pools, matched, and what was seen on the way.
struct Matched {
    outcomes: Vec<(PoolOutcome, i64)>,
    watermark: Watermark,
    voided: u64,
    ineligible: BTreeMap<String, u64>,
    exclusions: Vec<Exclusion>,
}

async fn run_logged(
    store: &dyn Store,
    context: &Context,
    options: &ComputeOptions,
    target: &Target,
    run: &RunStart,
    run_id: i64,
    started_us: i64,
) -> PipelineResult<ComputeReport> {
    let matched = read_and_match(store, context, options).await?;
    let publication = decide(store, options, target, &matched.outcomes).await?;
    if let (Publication::WouldTakeAway(pools), true) = (&publication, target.replaces) {
        return Err(PipelineError::Refused {
            message: format!(
                "version {} is not replaced: the new result has nothing for {}",
                target.version,
                names(pools)
            ),
            hint: "correct the trades, or exclude the pools with fifo-pnl review exclude".into(),
        });
    }
    let plan = VersionPlan {
        version: target.version,
        run_id,
        batch_id: run.batch_id.clone(),
        scope: options.scope.clone(),
        origin: options.origin.clone(),
        policy: policy_json(&context.rules, &matched.exclusions),
        watermark: matched.watermark.clone(),
        created_at: run.started_at,
        allocation_time: context.clock.now(),
        replaces: target.replaces,
    };
    let mut report = matched.report(
        options,
        target,
        Some(run_id),
        publication,
        context,
        started_us,
    );
    let mut writer = store.begin_version(&plan).await?;
    let trades = matched
        .outcomes
        .iter()
        .map(|(outcome, _)| outcome.trades)
        .sum();
    context.progress.begin(Phase::Load, Some(trades));
    for (outcome, duration_us) in &matched.outcomes {
        context.cancel.check()?;
        writer.load(outcome, *duration_us).await?;
        context.progress.advance(outcome.trades);
        tokio::task::yield_now().await;
    }
    context.progress.end();
    report.duration_ms = (context.clock.elapsed_us() - started_us) / 1000;
    let completion = completion(context, options, target, &matched, &report);
    context.cancel.check()?;
    writer.finish(&completion).await?;
    report.current = store.current().await?;
    Ok(report)
}

fn names(pools: &[Pool]) -> String {
    pools
        .iter()
        .map(Pool::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

async fn read_and_match(
    store: &dyn Store,
    context: &Context,
    options: &ComputeOptions,
) -> PipelineResult<Matched> {
    let exclusions = store.exclusions().await?;
    let read = context.read_ledger(store, &options.scope, None).await?;
    let LedgerRead {
        watermark,
        pools,
        voided,
        ineligible,
    } = read;
    context.cancel.check()?;
    check_scope_found(&options.scope, &pools)?;
    let outcomes = match_pools(context, options, pools, &exclusions).await?;
    Ok(Matched {
        outcomes,
        watermark,
        voided,
        ineligible,
        exclusions,
    })
}

/// A symbol or account that the ledger does not have is a typing error, not an empty result.
fn check_scope_found(scope: &Scope, pools: &BTreeMap<Pool, PoolLedger>) -> PipelineResult<()> {
    let found: BTreeSet<_> = pools.keys().map(|pool| &pool.symbol).collect();
    let missing: Vec<&str> = scope
        .symbols
        .iter()
        .filter(|s| !found.contains(s))
        .map(|s| s.as_str())
        .collect();
    let (what, hint) = if !missing.is_empty() {
        let hint = "symbols are written like BTC-USD; compute_allocations --all-symbols takes all";
        (format!("symbol {}", missing.join(", ")), hint)
    } else if let (Some(account), true) = (&scope.account, pools.is_empty()) {
        let hint = "names of accounts are as in the files; without --account all are taken";
        (format!("account \"{account}\""), hint)
    } else {
        return Ok(());
    };
    Err(PipelineError::Usage {
        message: format!("the ledger has no trades of {what}"),
        hint: hint.into(),
    })
}

/// Matches all pools, the largest first so that no thread ends with a long one alone; returns
/// them in canonical order.
async fn match_pools(
    context: &Context,
    options: &ComputeOptions,
    pools: BTreeMap<Pool, PoolLedger>,
    exclusions: &[Exclusion],
) -> PipelineResult<Vec<(PoolOutcome, i64)>> {
    let excluded: BTreeMap<Pool, String> = exclusions
        .iter()
        .map(|e| (e.pool.clone(), e.reason.clone()))
        .collect();
    let mut ledgers: Vec<PoolLedger> = pools.into_values().collect();
    let trades = ledgers
        .iter()
        .map(|ledger| ledger.trades.len() as u64)
        .sum();
    ledgers.sort_by_key(|ledger| std::cmp::Reverse(ledger.trades.len()));
    context.progress.begin(Phase::Match, Some(trades));
    let worker_context = context.clone();
    let jobs = options.jobs.unwrap_or(0);
    let matched = tokio::task::spawn_blocking(move || {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(jobs).build();
        let threads = threads.map_err(|error| PipelineError::Worker(error.to_string()))?;
        let context = Arc::new(worker_context);
        let work = |ledger: PoolLedger| {
            context.cancel.check()?;
            let started_us = context.clock.elapsed_us();
            let rows = ledger.trades.len() as u64;
            let exclusion = excluded.get(&ledger.pool).map(String::as_str);
            let outcome = compute_pool(ledger, &context.rules, exclusion);
            context.progress.advance(rows);
            Ok((outcome, context.clock.elapsed_us() - started_us))
        };
        threads.install(|| ledgers.into_par_iter().with_max_len(1).map(work).collect())
    });
    let matched: PipelineResult<Vec<(PoolOutcome, i64)>> = matched
        .await
        .map_err(|error| PipelineError::Worker(error.to_string()))?;
    context.progress.end();
    let mut outcomes = matched?;
    outcomes.sort_by(|(left, _), (right, _)| left.pool.cmp(&right.pool));
    Ok(outcomes)
}

/// Decides whether the result becomes current. It must not take away what current has.
async fn decide(
    store: &dyn Store,
    options: &ComputeOptions,
    target: &Target,
    outcomes: &[(PoolOutcome, i64)],
) -> PipelineResult<Publication> {
    if !options.scope.is_all() {
        return Ok(Publication::Scoped);
    }
    if let Some(current) = target.current.version {
        let rejected: BTreeSet<&Pool> = outcomes
            .iter()
            .filter(|(outcome, _)| matches!(outcome.result, PoolResult::Rejected(_)))
            .map(|(outcome, _)| &outcome.pool)
            .collect();
        let covered = store.pool_summaries(current).await?;
        let lost: Vec<Pool> = covered
            .into_iter()
            .filter(|summary| summary.status == PoolStatus::Matched)
            .map(|summary| summary.pool)
            .filter(|pool| rejected.contains(pool))
            .collect();
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

impl Matched {
    fn report(
        &self,
        options: &ComputeOptions,
        target: &Target,
        run_id: Option<i64>,
        publication: Publication,
        context: &Context,
        started_us: i64,
    ) -> ComputeReport {
        let pools: Vec<PoolLine> = self
            .outcomes
            .iter()
            .map(|(outcome, _)| pool_line(outcome))
            .collect();
        let counts = self.counts(&pools);
        let (mut ledger_hash, mut allocations_hash) = (RowsHash::EMPTY, RowsHash::EMPTY);
        let mut complete_through = None;
        for (outcome, _) in &self.outcomes {
            ledger_hash.add(outcome.ledger_hash);
            allocations_hash.add(outcome.allocations_hash);
            if let PoolResult::Matched(matching) = &outcome.result {
                let last = matching.trades.last().map(|trade| trade.order_time);
                complete_through = complete_through.max(last);
            }
        }
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
            pools,
            counts,
            voided: self.voided,
            ineligible: self.ineligible.clone(),
            ledger_hash,
            allocations_hash,
            complete_through,
            duration_ms: (context.clock.elapsed_us() - started_us) / 1000,
        }
    }

    fn counts(&self, pools: &[PoolLine]) -> RunCounts {
        let mut counts = RunCounts {
            ineligible: self.ineligible.values().sum(),
            ..RunCounts::default()
        };
        let mut pnl = 0_i128;
        for line in pools {
            counts.buys += line.totals.buys;
            counts.sells += line.totals.sells;
            counts.allocations += line.totals.allocations;
            counts.unmatched_sells += line.totals.sells_unmatched;
            counts.fees_unknown += line.totals.fees_unknown;
            // A pool's total is below 10^24 USD: more than a hundred of them fit.
            pnl = pnl.saturating_add(line.totals.pnl.units());
            match line.status {
                PoolStatus::Matched => counts.pools_matched += 1,
                PoolStatus::Rejected => counts.pools_rejected += 1,
                PoolStatus::Excluded => {}
            }
        }
        counts.pnl = Usd::from_units(pnl);
        let rejected = pools
            .iter()
            .filter(|line| line.status == PoolStatus::Rejected);
        let errors: Vec<String> = rejected
            .map(|line| format!("{}: {}", line.pool, line.error.as_deref().unwrap_or("")))
            .collect();
        counts.error = (!errors.is_empty()).then(|| errors.join("\n"));
        counts
    }
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
    matched: &Matched,
    report: &ComputeReport,
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
        review: review_update(context, options, matched, publish),
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
    context: &Context,
    options: &ComputeOptions,
    matched: &Matched,
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
    for (outcome, _) in &matched.outcomes {
        if !matches!(outcome.result, PoolResult::Matched(_)) {
            update.pools_without_result.insert(outcome.pool.clone());
        }
        let items = review_items(outcome, &context.rules);
        update.items.extend(
            items
                .into_iter()
                .filter(|item| update.kinds.contains(&item.issue)),
        );
    }
    update
}
