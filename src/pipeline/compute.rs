//! One run: lock, log row, read, match, self-check, load, publish, report.

mod parts;
mod report;
mod target;

use self::parts::{PartsAtWork, read_first};
use self::report::{completion, pools_of, report};
use self::target::decide;
use super::batches::{Batches, MEMORY_DEFAULT};
use super::context::{Context, PipelineError, PipelineResult};
use super::lock::{holder_of, lock_runs};
use super::names::check_scope;
use super::prune::prune_automatic;
use super::run_log::RunLog;
use crate::engine::{Pool, PoolStatus};
use crate::store::Store;
use crate::store::model::{Current, RunStart, Scope, Version, VersionPlan, policy_json};

pub use self::report::{ComputeReport, PoolLine};
pub use self::target::Publication;
pub(super) use self::target::Target;

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
    let rejected = pools_of(&made.lines, PoolStatus::Rejected).collect();
    let publication = decide(store, options, target, &rejected).await?;
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

impl ComputeOptions {
    fn memory_bytes(&self) -> u64 {
        self.memory.unwrap_or(MEMORY_DEFAULT)
    }
}
