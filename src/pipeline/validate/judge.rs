//! Judges the pools of a part: reads the version's rows of each, and runs the checks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::super::batches::TRADE_BYTES;
use super::super::changed::check_own_rows;
use super::super::error::{PipelineError, PipelineResult};
use super::super::job::Context;
use super::elsewhere::Elsewhere;
use super::parts::Part;
use crate::engine::{
    Account, Invariant, IssueType, OrderId, PlaceInPool, Pool, PoolLedger, PoolStatus, PoolVersion,
    StoredAllocation, Symbol, UnmatchedItems, Violation, check_pool,
};
use crate::store::limits::{POOLS_TOGETHER_MAX, ROWS_TOGETHER_MAX};
use crate::store::model::{LedgerRead, PoolSummary, QueuedItem, Version};
use crate::store::{Store, StoredPool};

/// Bytes of a row and its trade while their pool is judged.
const ROW_BYTES: u64 = 1_200;

/// Data that the checks of all pools use.
pub(super) struct Known {
    pub(super) version: Version,
    pub(super) covers_all: bool,
    pub(super) is_current: bool,
    pub(super) was_published: bool,
    /// Summaries by pool.
    pub(super) summaries: Arc<Vec<PoolSummary>>,
    pub(super) unmatched: BTreeMap<Pool, UnmatchedItems>,
    /// Memory of the validation, in bytes.
    pub(super) memory: u64,
}

/// A part and all that its checks look at, shared by the threads that judge.
pub(super) struct Judge {
    known: Arc<Known>,
    changed: BTreeSet<Pool>,
    read: LedgerRead,
    pub(super) elsewhere: Elsewhere,
    /// Rows that may be judged at once.
    rows_max: u64,
}

/// Violations of the pools that have some.
pub(super) type ByPool = Vec<(Pool, Vec<Violation>)>;

/// Pools whose rows are read together, and judged together.
#[derive(Default)]
struct Batch {
    pools: Vec<Pool>,
    /// Their rows, estimated from the summaries.
    rows: u64,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.rows >= ROWS_TOGETHER_MAX || self.pools.len() >= POOLS_TOGETHER_MAX
    }
}

/// A batch that is being judged.
struct Judging {
    task: tokio::task::JoinHandle<ByPool>,
    rows: u64,
}

impl Judge {
    pub(super) fn new(known: &Arc<Known>, part: Part, elsewhere: Elsewhere) -> Arc<Self> {
        let left = known.memory.saturating_sub(part.trades() * TRADE_BYTES);
        let mut judge = Self {
            known: Arc::clone(known),
            changed: part.changed.into_iter().map(|it| it.pool).collect(),
            read: part.read,
            elsewhere,
            rows_max: left / ROW_BYTES,
        };
        // The largest pool is whole in memory at some time: the others together need no more than
        // that.
        let claimed = known.summaries.iter().map(|it| &it.pool);
        let pools = claimed.chain(judge.read.pools.keys());
        let largest = pools.map(|pool| judge.rows_about(pool)).max();
        judge.rows_max = judge.rows_max.max(largest.unwrap_or(0));
        Arc::new(judge)
    }

    /// Judges some pools, and those that only the ledger knows.
    pub(super) async fn check_part(
        self: &Arc<Self>,
        store: &dyn Store,
        context: &Context,
        mut pools: BTreeSet<Pool>,
    ) -> PipelineResult<ByPool> {
        let known = &self.known;
        let in_scope = |pool: &&Pool| known.covers_all || known.summary(pool).is_some();
        pools.extend(self.read.pools.keys().filter(in_scope).cloned());
        self.check_pools(store, context, pools).await
    }

    /// Judges some pools, in their order.
    pub(super) async fn check_pools(
        self: &Arc<Self>,
        store: &dyn Store,
        context: &Context,
        pools: BTreeSet<Pool>,
    ) -> PipelineResult<ByPool> {
        let mut violations = Vec::new();
        let mut batch = Batch::default();
        let mut judging: Option<Judging> = None;
        for pool in pools {
            context.cancel.check()?;
            // A pool that does not fit beside the others waits until they are judged.
            let rows = self.rows_about(&pool);
            let fits = |others: u64| others.saturating_add(rows) <= self.rows_max;
            if !fits(batch.rows + judging.as_ref().map_or(0, |it| it.rows)) {
                violations.extend(found(judging.take()).await?);
            }
            if !fits(batch.rows) && !batch.pools.is_empty() {
                let alone = self.start((store, context), std::mem::take(&mut batch));
                violations.extend(found(Some(alone.await?)).await?);
            }
            batch.rows += rows;
            batch.pools.push(pool);
            if batch.is_full() {
                // One batch is judged while the next is read, and no third one waits in memory.
                let next = self.start((store, context), std::mem::take(&mut batch));
                let last = judging.replace(next.await?);
                violations.extend(found(last).await?);
            }
        }
        let next = self.start((store, context), batch).await?;
        violations.extend(found(judging).await?);
        violations.extend(found(Some(next)).await?);
        Ok(violations)
    }

    /// Says how many rows or trades, whichever are more, a pool has before they are read.
    fn rows_about(&self, pool: &Pool) -> u64 {
        let trades = self.read.pools.get(pool).map_or(0, PoolLedger::rows);
        let rows = self.known.summary(pool).map_or(0, PoolSummary::rows);
        rows.max(trades)
    }

    /// Reads a batch, and begins to judge it on other threads.
    async fn start(
        self: &Arc<Self>,
        (store, context): (&dyn Store, &Context),
        batch: Batch,
    ) -> PipelineResult<Judging> {
        let stored = store.stored_pools(self.known.version, &batch.pools).await?;
        let rows = stored.iter().map(|pool| pool.allocations.len() as u64);
        let rows = batch.rows.max(rows.sum());
        let (judge, context) = (Arc::clone(self), context.clone());
        let task = tokio::task::spawn_blocking(move || {
            let check = |(pool, mut stored): (Pool, StoredPool)| {
                share_names(&pool, &mut stored.allocations);
                let found = judge.check_one(&pool, &stored);
                let ledger = judge.read.pools.get(&pool);
                let trades = ledger.map_or(0, |ledger| ledger.trades.len());
                context.progress.advance(trades as u64);
                (!found.is_empty()).then_some((pool, found))
            };
            let pools: Vec<_> = batch.pools.into_iter().zip(stored).collect();
            let found: Vec<_> = pools.into_par_iter().map(check).collect();
            found.into_iter().flatten().collect()
        });
        Ok(Judging { task, rows })
    }

    fn check_one(&self, pool: &Pool, stored: &StoredPool) -> Vec<Violation> {
        let known = &self.known;
        let empty = PoolLedger::new(pool.clone());
        let ledger = self.read.pools.get(pool).unwrap_or(&empty);
        let nothing = UnmatchedItems::default();
        let review = known.unmatched.get(pool).unwrap_or(&nothing);
        let summary = known.summary(pool).map(PoolSummary::claim);
        let summary = summary.as_ref();
        let version = PoolVersion {
            pool,
            ledger,
            allocations: &stored.allocations,
            open_lots: &stored.open_lots,
            summary,
            review,
            is_current: known.is_current,
            was_published: known.was_published,
        };
        let elsewhere = |_: &Account, order_id: &str| -> Option<Symbol> {
            self.elsewhere.find(&self.read, pool, order_id)
        };
        let mut violations: Vec<Violation> = stored
            .unreadable
            .iter()
            .map(|row| {
                let reason = &"can't be read";
                let pool = Some(pool.clone());
                Violation::unreadable_row(pool, &row.sell_order_id, row.column, &row.found, reason)
            })
            .collect();
        violations.extend(match self.changed.contains(pool) {
            true => check_own_rows(pool, stored, summary),
            false => check_pool(&version, &elsewhere),
        });
        if !self.changed.contains(pool) {
            violations.extend(known.summary(pool).and_then(|it| check_last(it, ledger)));
        }
        violations
    }
}

/// I13: the last trade that a summary names, from which the next run goes on, is the pool's last.
fn check_last(summary: &PoolSummary, ledger: &PoolLedger) -> Option<Violation> {
    let trades = || ledger.trades.iter();
    let newest = trades().map(|trade| trade.order_time).max();
    let expected = match summary.status {
        PoolStatus::Matched | PoolStatus::Stale => trades()
            .filter(|trade| Some(trade.order_time) == newest)
            .map(|trade| trade.place().owned())
            .max(),
        PoolStatus::Rejected | PoolStatus::Excluded => None,
    };
    let text = |last: &Option<PlaceInPool>| match last {
        Some(last) => format!("{} of {}", last.order_id, last.order_time),
        None => "NULL".to_owned(),
    };
    let (found, wanted) = (text(&summary.last), text(&expected));
    (summary.last != expected).then(|| Violation {
        invariant: Invariant::I13,
        pool: Some(summary.pool.clone()),
        order_id: String::new(),
        message: format!("the summary's last trade is \"{found}\", expected \"{wanted}\""),
    })
}

/// Lets neighbouring rows with an equal text share it. That is half of the ids of a long version,
/// and all of its accounts and symbols.
fn share_names(pool: &Pool, rows: &mut [StoredAllocation]) {
    let mut last: Option<(OrderId, Option<OrderId>)> = None;
    for row in rows {
        if row.account == pool.account {
            row.account = pool.account.clone();
        }
        if row.symbol == pool.symbol {
            row.symbol = pool.symbol.clone();
        }
        if let Some((sell, buy)) = last {
            if row.sell_order_id == sell {
                row.sell_order_id = sell;
            }
            if row.buy_order_id == buy {
                row.buy_order_id = buy;
            }
        }
        last = Some((row.sell_order_id.clone(), row.buy_order_id.clone()));
    }
}

impl Known {
    /// Returns the version's summary of a pool.
    pub(super) fn summary(&self, pool: &Pool) -> Option<&PoolSummary> {
        let found = self.summaries.binary_search_by(|it| it.pool.cmp(pool));
        found.ok().and_then(|at| self.summaries.get(at))
    }
}

/// Puts the unmatched sells of the review queue beside their pools.
pub(super) fn unmatched_by_pool(queue: Vec<QueuedItem>) -> BTreeMap<Pool, UnmatchedItems> {
    let mut by_pool: BTreeMap<Pool, UnmatchedItems> = BTreeMap::new();
    let unmatched = queue.into_iter();
    for item in unmatched.filter(|item| item.issue == IssueType::UnmatchedSell) {
        let items = by_pool.entry(item.pool).or_default();
        if item.status.is_open() {
            items.open.insert(item.order_id.clone());
        }
        items.any.insert(item.order_id);
    }
    by_pool
}

/// Waits for a batch. Errors: a check panicked, which is our own bug.
async fn found(judging: Option<Judging>) -> PipelineResult<ByPool> {
    match judging {
        None => Ok(Vec::new()),
        Some(judging) => {
            let found = judging.task.await;
            found.map_err(|error| PipelineError::Worker(error.to_string()))
        }
    }
}
