//! Takes a ledger part by part into a version: reads, matches and writes each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::Run;
use super::report::Made;
use crate::engine::{Pool, PoolLedger, PoolOutcome};
use crate::pipeline::batches::{Batches, PartKind};
use crate::pipeline::error::PipelineResult;
use crate::pipeline::job::Stage;
use crate::pipeline::make::{self, Work};
use crate::pipeline::slices::{self, Sliced};
use crate::store::rows::PartSource;
use crate::store::{StoreResult, VersionWriter};

/// Reads the first part of the ledger. A ledger that fits in memory has only one.
pub(super) async fn read_first(
    run: &Run<'_>,
    batches: &Batches,
) -> PipelineResult<(Made, BTreeMap<Pool, PoolLedger>)> {
    let exclusions = run.store.exclusions().await?;
    let mut read = batches.read(run.store, run.context, 0).await?;
    Ok((Made::of_first(&mut read, exclusions), read.pools))
}

/// A run that takes a ledger part by part into a version.
pub(super) struct PartsAtWork<'a> {
    run: Run<'a>,
    batches: &'a Batches,
    made: Made,
    /// The pool that is too large for memory, while its slices are matched.
    sliced: Option<Arc<Mutex<Sliced>>>,
}

impl<'a> PartsAtWork<'a> {
    pub(super) fn new(run: Run<'a>, batches: &'a Batches, made: Made) -> Self {
        Self {
            run,
            batches,
            made,
            sliced: None,
        }
    }

    /// Matches all pools, and writes them if there is a writer. `first` is the first part.
    pub(super) async fn make(
        mut self,
        first: BTreeMap<Pool, PoolLedger>,
        mut writer: Option<&mut dyn VersionWriter>,
    ) -> PipelineResult<Made> {
        let mut first = Some(first);
        for nth in 0..self.batches.len() {
            let pools = match first.take() {
                Some(pools) => pools,
                None => {
                    let Run { store, context, .. } = self.run;
                    let read = self.batches.read(store, context, nth).await?;
                    self.made.add_read(read)
                }
            };
            let writer: Option<&mut dyn VersionWriter> = match &mut writer {
                Some(writer) => Some(&mut **writer),
                None => None,
            };
            self.make_part(self.batches.kind(nth), pools, writer)
                .await?;
        }
        Ok(self.made)
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
            Stage::Load
        } else {
            Stage::Match
        };
        self.run.context.progress.begin(phase, Some(trades.sum()));
        let made = &mut self.made;
        let mut on_pool = |outcome: &PoolOutcome, items| made.add_pool(outcome, items);
        let mut making = match kind {
            PartKind::Pools => make::start(work, pools, &mut on_pool),
            PartKind::Slice(pool, is_last) => {
                let begin = || Arc::new(Mutex::new(Sliced::begin(&work, &pool)));
                let sliced = self.sliced.take().unwrap_or_else(begin);
                if !is_last {
                    self.sliced = Some(sliced.clone());
                }
                let empty = || PoolLedger::of_rules(pool.clone(), &self.run.context.rules);
                let slice = pools.remove(&pool).unwrap_or_else(empty);
                slices::start(work, sliced, slice, is_last, &mut on_pool)
            }
        };
        let written = match writer {
            Some(writer) => writer.write(&mut making).await,
            None => drain(&mut making).await,
        };
        let joined = making.join().await;
        self.run.context.progress.end();
        // If a worker panicked, the writer fails, too: the panic is the error to show.
        joined?;
        written?;
        self.run.context.cancel.check()
    }

    fn work(&self, writer: Option<&dyn VersionWriter>) -> Work {
        let excluded = self.made.exclusions.iter();
        let excluded = excluded.map(|e| (e.pool.clone(), e.reason.clone()));
        Work {
            context: self.run.context.clone(),
            excluded: excluded.collect(),
            encoder: writer.map(|writer| writer.encoder()),
            jobs: self.run.options.jobs.unwrap_or(0),
        }
    }
}

async fn drain(parts: &mut dyn PartSource) -> StoreResult<()> {
    while parts.next().await?.is_some() {}
    Ok(())
}
