//! One run: lock, log row, read, match, self-check, load, publish, report.

mod parts;
mod report;
mod target;

use std::collections::BTreeMap;

use self::parts::{PartsAtWork, read_first};
use self::report::{completion, pools_of, report};
use self::target::{Target, decide};
use super::batches::{Batches, MEMORY_DEFAULT};
use super::error::ReplaceError;
use super::error::{PipelineError, PipelineResult};
use super::job::Context;
use super::lock::{holder_of, lock_runs};
use super::names::check_scope;
use super::prune::prune_automatic;
use super::run_log::RunLog;
use crate::engine::{Pool, PoolLedger, PoolStatus};
use crate::store::Store;
use crate::store::cut::Cut;
use crate::store::model::{
    Current, RunMode, RunStart, Scope, Version, VersionOrigin, VersionPlan, policy_json,
};

pub use self::report::{ComputeReport, PoolLine};
pub use self::target::Publication;

/// Options of a run.
#[derive(Debug, Clone, Default)]
pub struct ComputeOptions {
    /// The pools to match.
    pub scope: Scope,
    /// The version number to write; `None` takes the next one.
    pub version: Option<Version>,
    /// Replace the version if its number is taken.
    pub force: bool,
    /// Leave the current version as it is.
    pub no_publish: bool,
    /// Compute and report, without writing anything.
    pub dry_run: bool,
    /// Number of threads; `None` means one per processor.
    pub jobs: Option<usize>,
    /// Bytes that the ledger may take in memory; `None` is [`MEMORY_DEFAULT`]. A larger ledger is
    /// read in parts, and a larger single pool in slices. An unguarded ledger is read with one
    /// query, of any size.
    pub memory: Option<u64>,
    /// The reason why the version is made.
    pub origin: VersionOrigin,
    /// Number of automatic versions to keep after publishing; `None`: drop none.
    pub keep_versions: Option<usize>,
}

/// A run: its context, its options, and its start.
#[derive(Clone, Copy)]
pub(super) struct Run<'a> {
    pub(super) store: &'a dyn Store,
    pub(super) context: &'a Context,
    pub(super) options: &'a ComputeOptions,
    started_us: i64,
}

/// A run with its log row.
pub(super) struct Logged<'a> {
    pub(super) run: Run<'a>,
    target: Target,
    pub(super) start: RunStart,
    pub(super) log: RunLog<'a>,
}

/// Runs the job: computes a version from the ledger and publishes it if that is right.
///
/// Errors: locked by another run; number taken; nothing to match in the scope; the store fails.
/// After any failure the current version is whole, and the log says what happened.
pub async fn compute(
    store: &dyn Store,
    context: &Context,
    options: &ComputeOptions,
) -> PipelineResult<ComputeReport> {
    let run = Run::begin(store, context, options);
    // Before the log has a row: a name that was mistyped is no failed run.
    check_scope(store, &options.scope).await?;
    if options.dry_run {
        return run.full_dry().await;
    }
    let lock = lock_runs(store, context).await?;
    let work = async |logged: &Logged<'_>| logged.full(options).await;
    let mut done = run.logged(|start| start, work).await;
    if let Ok(report) = &mut done {
        run.prune_after(report).await;
    }
    lock.release().await;
    done
}

impl<'a> Run<'a> {
    pub(super) fn begin(
        store: &'a dyn Store,
        context: &'a Context,
        options: &'a ComputeOptions,
    ) -> Self {
        store.use_rules(&context.rules);
        Self {
            store,
            context,
            options,
            started_us: context.clock.elapsed_us(),
        }
    }

    pub(super) fn duration_ms(&self) -> i64 {
        (self.context.clock.elapsed_us() - self.started_us) / 1000
    }

    /// Drops old automatic versions after a publication.
    pub(super) async fn prune_after(&self, report: &mut ComputeReport) {
        if let Some(keep) = self.options.keep_versions
            && report.publication == Publication::Published
        {
            report.pruned = prune_automatic(self.store, self.context, keep).await;
        }
    }

    /// Does work under a log row, and closes the row if the work fails. `start` may change the row
    /// before it is written.
    pub(super) async fn logged<T>(
        self,
        start: impl FnOnce(RunStart) -> RunStart,
        work: impl AsyncFnOnce(&Logged<'a>) -> PipelineResult<T>,
    ) -> PipelineResult<T> {
        let Self { store, context, .. } = self;
        store.close_orphans(&holder_of(context)).await?;
        let target = Target::choose(store, self.options).await?;
        let start = start(self.start(&target));
        let run_id = store.begin_run(&start).await?;
        let logged = Logged {
            run: self,
            target,
            start,
            log: RunLog::new(store, context, run_id),
        };
        let done = logged.log.interruptible(work(&logged)).await;
        if let Err(error) = &done {
            logged.log.close_failed(error).await;
        }
        done.map_err(|error| PipelineError::Run {
            run_id,
            error: Box::new(error),
        })
    }

    fn start(&self, target: &Target) -> RunStart {
        let (scope, holder) = (&self.options.scope, &self.context.holder);
        RunStart {
            scope: scope.clone(),
            version: Some(target.version),
            batch_id: uuid::Uuid::new_v4().to_string(),
            started_at: self.context.clock.now(),
            mode: if scope.is_all() {
                RunMode::Full
            } else {
                RunMode::Scoped
            },
            triggered_by: self.context.user.clone(),
            host: holder.host.clone(),
            pid: holder.pid,
        }
    }

    async fn batches(&self) -> PipelineResult<Batches> {
        let memory = self.options.memory.unwrap_or(MEMORY_DEFAULT);
        Batches::plan(self.store, &self.options.scope, memory).await
    }

    async fn full_dry(&self) -> PipelineResult<ComputeReport> {
        let target = Target::choose(self.store, self.options).await?;
        let batches = self.batches().await?;
        let (made, pools) = read_first(self, &batches).await?;
        let made = PartsAtWork::new(*self, &batches, made);
        let (mut made, publication) = (made.make(pools, None).await?, Publication::DryRun);
        Ok(report(self, &target, None, publication, &mut made))
    }
}

impl Logged<'_> {
    /// Computes a new version, and publishes it if that is right.
    pub(super) async fn full(&self, options: &ComputeOptions) -> PipelineResult<ComputeReport> {
        let (run, target, log) = (
            Run {
                options,
                ..self.run
            },
            &self.target,
            &self.log,
        );
        let Run { store, context, .. } = run;
        let batches = log.retried(async || run.batches().await).await?;
        let first = async || read_first(&run, &batches).await;
        let (made, pools) = log.retried(first).await?;
        let plan = VersionPlan {
            version: target.version,
            run_id: log.run_id,
            batch_id: self.start.batch_id.clone(),
            scope: options.scope.clone(),
            origin: options.origin,
            policy: policy_json(&context.rules, &made.exclusions, &store.adapted_views()),
            watermark: made.watermark.clone(),
            created_at: self.start.started_at,
            allocation_time: context.clock.now(),
            replaces: target.replaces,
            cut: cut(&batches, &pools),
        };
        let begin = async || Ok(store.begin_version(&plan).await?);
        let mut writer = log.retried(begin).await?;
        let making = PartsAtWork::new(run, &batches, made);
        let mut made = making.make(pools, Some(writer.as_mut())).await?;
        let rejected = pools_of(&made.lines, PoolStatus::Rejected).collect();
        let publication = decide(store, options, target, &rejected).await?;
        if let (Publication::WouldTakeAway(pools), true) = (&publication, target.replaces) {
            return Err(ReplaceError::TakesAway(target.version, pools.clone()).into());
        }
        let mut report = report(&run, target, Some(log.run_id), publication, &mut made);
        let completion = completion(&run, target, &report, made);
        context.cancel.check()?;
        writer.finish(&completion).await?;
        // Not read again: the run is complete, even if the database no longer answers. While the
        // run holds its lock, no other process changes the current version.
        if completion.publish {
            report.current = Current {
                version: Some(target.version),
                held: completion.held,
            };
        }
        Ok(report)
    }
}

/// Chooses where the version may be cut. The sizes of pools are known where all are read at once.
fn cut(batches: &Batches, pools: &BTreeMap<Pool, PoolLedger>) -> Option<Cut> {
    let sizes = pools.iter();
    let sizes = sizes.map(|(pool, ledger)| (pool, ledger.trades.len() as u64));
    (batches.len() == 1).then(|| Cut::choose(sizes)).flatten()
}
