//! Makes a version: pools matched and spelled by many threads, written by one, in canonical order.
//!
//! Each worker takes the next pool, matches and self-checks it, and walks over its allocations. It
//! hashes each, spells it for the store, and sends them in chunks. A pool's chunks wait in a queue
//! of its own. The queue is short, so a worker who is ahead stops instead of filling memory. The
//! writer empties the queues in the order of the pools. So rows and ids are the same for any number
//! of threads, and the database writes while workers match the next pools.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use rayon::prelude::*;
use tokio::sync::mpsc;

use super::error::{PipelineError, PipelineResult};
use super::job::Context;
use crate::engine::{
    Matching, Pool, PoolLedger, PoolOutcome, PoolResult, ReviewItem, RowsHash, SelfCheckError,
    judge_pool, missing_items, review_items, unmatched_item,
};
use crate::store::phase::{self, Phase};
use crate::store::rows::{Part, PartSource, RowChunk, RowEncoder};
use crate::store::{StoreError, StoreResult};

/// Bytes of a chunk of rows. In so large a chunk, the cost of sending it does not matter.
pub(super) const CHUNK_BYTES: usize = 256 * 1024;

/// Chunks of one pool that may wait for the writer.
const CHUNKS_WAITING: usize = 8;

/// Data that all workers use.
pub(super) struct Work {
    /// Clock, progress, cancellation, symbol rules.
    pub(super) context: Context,
    /// Pools that a person excluded, with the reason.
    pub(super) excluded: BTreeMap<Pool, String>,
    /// Encodes rows for the store; `None` if nothing is written.
    pub(super) encoder: Option<Arc<dyn RowEncoder>>,
    /// Number of threads; 0 means one per processor.
    pub(super) jobs: usize,
}

/// A worker's message about a pool.
pub(super) enum PoolMessage {
    Part(Part),
    /// A slice is complete, and further slices of its pool follow.
    Slice,
    Done(Box<PoolOutcome>, Vec<ReviewItem>, i64),
}

type Queue = mpsc::Receiver<PoolMessage>;

/// Receives each pool's result before the store does.
pub(super) type OnPool<'a> = &'a mut (dyn FnMut(&PoolOutcome, Vec<ReviewItem>) + Send);

/// Pools whose rows workers make and a writer takes, in canonical order.
pub(super) struct Making<'a> {
    queues: mpsc::Receiver<Queue>,
    queue: Option<Queue>,
    workers: Option<tokio::task::JoinHandle<PipelineResult<()>>>,
    on_pool: OnPool<'a>,
}

/// Starts one worker, which sends the rows of a slice.
pub(super) fn start_one<'a>(
    make: impl FnOnce(&mpsc::Sender<PoolMessage>) -> PipelineResult<()> + Send + 'static,
    on_pool: OnPool<'a>,
) -> Making<'a> {
    let (sender, queues) = mpsc::channel(1);
    let workers = tokio::task::spawn_blocking(move || {
        let (made, queue) = mpsc::channel(CHUNKS_WAITING);
        match sender.blocking_send(queue) {
            Ok(()) => make(&made),
            Err(_) => Ok(()),
        }
    });
    Making {
        queues,
        queue: None,
        workers: Some(workers),
        on_pool,
    }
}

/// Starts the workers. `pools` are in canonical order.
pub(super) fn start<'a>(
    work: Work,
    pools: BTreeMap<Pool, PoolLedger>,
    on_pool: OnPool<'a>,
) -> Making<'a> {
    let (sender, queues) = mpsc::channel(rayon::current_num_threads().max(work.jobs));
    let workers = tokio::task::spawn_blocking(move || {
        let threads = rayon::ThreadPoolBuilder::new()
            .num_threads(work.jobs)
            .build();
        let threads = threads.map_err(|error| PipelineError::Worker(error.to_string()))?;
        // The lock makes one step of both: taking the next pool, and passing on its queue.
        let ledgers = pools.into_values().map_while(|ledger| {
            let (made, queue) = mpsc::channel(CHUNKS_WAITING);
            sender.blocking_send(queue).ok()?;
            Some((ledger, made))
        });
        threads.install(|| {
            ledgers
                .par_bridge()
                .try_for_each(|(ledger, made)| error_of(try_make_pool(&work, ledger, &made)))
        })
    });
    Making {
        queues,
        queue: None,
        workers: Some(workers),
        on_pool,
    }
}

impl Making<'_> {
    /// Waits for the workers. Errors: one of them panicked, which is our own bug.
    pub(super) async fn join(mut self) -> PipelineResult<()> {
        self.queues.close();
        self.queue = None;
        while self.queues.recv().await.is_some() {}
        match self.workers.take() {
            Some(workers) => workers
                .await
                .unwrap_or_else(|error| Err(PipelineError::Worker(error.to_string()))),
            None => Ok(()),
        }
    }
}

#[async_trait]
impl PartSource for Making<'_> {
    async fn next(&mut self) -> StoreResult<Option<Part>> {
        loop {
            let Some(queue) = &mut self.queue else {
                self.queue = self.queues.recv().await;
                if self.queue.is_none() {
                    return Ok(None);
                }
                continue;
            };
            match queue.recv().await {
                Some(PoolMessage::Part(part)) => return Ok(Some(part)),
                Some(PoolMessage::Slice) => self.queue = None,
                Some(PoolMessage::Done(outcome, items, duration_us)) => {
                    self.queue = None;
                    (self.on_pool)(&outcome, items);
                    return Ok(Some(Part::Pool(outcome, duration_us)));
                }
                // The queue of a worker that stopped or panicked ends without a result.
                None => return Err(StoreError::Stopped),
            }
        }
    }
}

/// Why a worker did not complete a pool.
#[derive(Debug)]
pub(super) enum UnfinishedPool {
    /// The run stopped, or the writer failed.
    Unwanted,
    /// Rows or lots are missing: a bug of the engine.
    Broken(SelfCheckError),
}

impl From<SelfCheckError> for UnfinishedPool {
    fn from(error: SelfCheckError) -> Self {
        Self::Broken(error)
    }
}

/// Returns the error of a worker that ended early. A queue that ends without a result tells the
/// writer to stop. The writer's error is shown if the worker has none.
pub(super) fn error_of(made: Result<(), UnfinishedPool>) -> PipelineResult<()> {
    match made {
        Ok(()) | Err(UnfinishedPool::Unwanted) => Ok(()),
        Err(UnfinishedPool::Broken(error)) => Err(PipelineError::Store(error.into())),
    }
}

fn try_make_pool(
    work: &Work,
    mut ledger: PoolLedger,
    made: &mpsc::Sender<PoolMessage>,
) -> Result<(), UnfinishedPool> {
    let context = &work.context;
    context
        .cancel
        .check()
        .map_err(|_| UnfinishedPool::Unwanted)?;
    let started_us = context.clock.elapsed_us();
    ledger.refuse_excluded(|pool| work.excluded.contains_key(pool));
    let exclusion = work.excluded.get(&ledger.pool).map(String::as_str);
    let mut outcome = judge_pool(ledger, exclusion);
    phase::reached(Phase::Match);
    let (items, hash) = match &outcome.result {
        PoolResult::Matched(matching) => {
            let mut walk = Walk::new(work, made, matching);
            let mut walked = walk.allocations()?;
            let missing = missing_items(&outcome.pool, &matching.moved_out);
            walked.0.extend(missing);
            walk.lots()?;
            walk.end(outcome.trades);
            walked
        }
        _ => {
            context.progress.advance(outcome.trades);
            (review_items(&outcome, &context.rules)?, RowsHash::EMPTY)
        }
    };
    outcome.allocations_hash = hash;
    let duration_us = context.clock.elapsed_us() - started_us;
    send(
        made,
        PoolMessage::Done(Box::new(outcome), items, duration_us),
    )
}

pub(super) fn send(
    made: &mpsc::Sender<PoolMessage>,
    what: PoolMessage,
) -> Result<(), UnfinishedPool> {
    made.blocking_send(what)
        .map_err(|_| UnfinishedPool::Unwanted)
}

/// Hashes, encodes and sends the rows of one pool.
pub(super) struct Walk<'a> {
    work: &'a Work,
    made: &'a mpsc::Sender<PoolMessage>,
    matching: &'a Matching,
    chunk: RowChunk,
    /// Trades that were reported as progress.
    trades_told: u64,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        work: &'a Work,
        made: &'a mpsc::Sender<PoolMessage>,
        matching: &'a Matching,
    ) -> Self {
        Self {
            work,
            made,
            matching,
            chunk: RowChunk::default(),
            trades_told: 0,
        }
    }

    /// Reports the rest of the pool's trades as progress.
    pub(super) fn end(&self, trades: u64) {
        let progress = &self.work.context.progress;
        progress.advance(trades.saturating_sub(self.trades_told));
    }

    /// Hashes and sends the allocations. Returns the review items of unmatched rows, and the hash.
    pub(super) fn allocations(&mut self) -> Result<(Vec<ReviewItem>, RowsHash), UnfinishedPool> {
        let (mut items, mut hash, mut line) = (Vec::new(), RowsHash::EMPTY, Vec::new());
        let rules = &self.work.context.rules;
        let mut rows = 0;
        self.matching.try_each_row(|row| {
            rows += 1;
            line.clear();
            row.write_line(&mut line);
            hash.add_row(&line);
            if row.notes.unmatched {
                items.push(unmatched_item(&self.matching.pool, row, rules));
            }
            if let Some(encoder) = &self.work.encoder {
                encoder.allocation(row, &mut self.chunk);
                if self.chunk.len() >= CHUNK_BYTES {
                    self.send(Part::Allocations)?;
                    self.tell(rows);
                }
            }
            Ok::<(), UnfinishedPool>(())
        })?;
        self.send(Part::Allocations)?;
        Ok((items, hash))
    }

    fn lots(&mut self) -> Result<(), UnfinishedPool> {
        let Some(encoder) = &self.work.encoder else {
            return Ok(());
        };
        for lot in self.matching.open_lots_with_buys() {
            let (buy, lot) = lot?;
            encoder.lot(&self.matching.pool, &buy, lot, &mut self.chunk);
            if self.chunk.len() >= CHUNK_BYTES {
                self.send(Part::Lots)?;
            }
        }
        self.send(Part::Lots)
    }

    fn send(&mut self, part: impl Fn(RowChunk) -> Part) -> Result<(), UnfinishedPool> {
        self.work
            .context
            .cancel
            .check()
            .map_err(|_| UnfinishedPool::Unwanted)?;
        if self.chunk.is_empty() {
            return Ok(());
        }
        let chunk = std::mem::take(&mut self.chunk);
        send(self.made, PoolMessage::Part(part(chunk)))
    }

    /// Reports progress: the share of the pool's trades that matches the share of its rows sent.
    fn tell(&mut self, rows: u64) {
        let (trades, all) = (self.matching.totals.trades, self.matching.rows_count());
        let passed = trades
            .saturating_mul(rows)
            .checked_div(all)
            .unwrap_or(trades);
        let progress = &self.work.context.progress;
        progress.advance(passed.saturating_sub(self.trades_told));
        self.trades_told = passed;
    }
}
