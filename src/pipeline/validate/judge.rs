//! Checks the pools of a part: reads the version's rows of each, and runs the checks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::super::batches::TRADE_BYTES;
use super::super::changed::check_own_rows;
use super::super::error::{PipelineError, PipelineResult};
use super::super::job::Context;
use super::elsewhere::OtherPools;
use super::moved::{MovedGroups, StoredMoves, stray_moves};
use super::parts::LedgerPart;
use crate::engine::{
    Account, Asset, AssetClass, Invariant, IssueType, OrderId, PlaceInPool, Pool, PoolClass,
    PoolLedger, PoolStatus, PoolVersion, Size, StoredAllocation, Symbol, UnmatchedItems, Usd,
    Violation, add_sizes, check_pool,
};
use crate::store::limits::{POOLS_TOGETHER_MAX, ROWS_TOGETHER_MAX};
use crate::store::model::{LedgerRead, PoolSummary, QueuedItem, Version};
use crate::store::values::UnlikeLegs;
use crate::store::{Store, StoredPool};

/// Bytes that a row and its trade take while their pool is checked.
const ROW_BYTES: u64 = 1_200;

/// Data that the checks of all pools use.
pub(super) struct SharedFacts {
    pub(super) version: Version,
    pub(super) covers_all: bool,
    pub(super) is_current: bool,
    pub(super) was_published: bool,
    /// Summaries by pool.
    pub(super) summaries: Arc<Vec<PoolSummary>>,
    pub(super) unmatched: BTreeMap<Pool, UnmatchedItems>,
    /// The stored moves of lots.
    pub(super) moves: StoredMoves,
    /// Memory that the validation may use, in bytes.
    pub(super) memory: u64,
}

/// A part of the ledger and everything that its checks use, shared by the threads that check.
pub(super) struct Judge {
    known: Arc<SharedFacts>,
    changed: BTreeSet<Pool>,
    read: LedgerRead,
    unlike: UnlikeLegs,
    moved: MovedGroups,
    pub(super) elsewhere: OtherPools,
    /// Rows that may be in memory at once.
    rows_max: u64,
}

/// Violations by pool; pools without one are left out.
pub(super) type ByPool = Vec<(Pool, Vec<Violation>)>;

/// Pools that are read and checked together.
#[derive(Default)]
struct Batch {
    pools: Vec<Pool>,
    /// Rows of these pools, estimated from the summaries.
    rows: u64,
}

impl Batch {
    fn is_full(&self) -> bool {
        self.rows >= ROWS_TOGETHER_MAX || self.pools.len() >= POOLS_TOGETHER_MAX
    }
}

/// A batch while other threads check it.
struct Judging {
    task: tokio::task::JoinHandle<ByPool>,
    rows: u64,
}

impl Judge {
    pub(super) fn new(
        known: &Arc<SharedFacts>,
        part: LedgerPart,
        elsewhere: OtherPools,
    ) -> Arc<Self> {
        let moved = MovedGroups::of(&part.read, |pool| known.is_matched(pool));
        let left = known.memory.saturating_sub(part.trades() * TRADE_BYTES);
        let mut judge = Self {
            known: Arc::clone(known),
            changed: part.changed.into_iter().map(|it| it.pool).collect(),
            read: part.read,
            unlike: part.unlike,
            moved,
            elsewhere,
            rows_max: left / ROW_BYTES,
        };
        // The largest pool has to fit in memory anyway, so the others may use as much together.
        let claimed = known.summaries.iter().map(|it| &it.pool);
        let pools = claimed.chain(judge.read.pools.keys());
        let largest = pools.map(|pool| judge.rows_about(pool)).max();
        judge.rows_max = judge.rows_max.max(largest.unwrap_or(0));
        Arc::new(judge)
    }

    /// Checks the given pools, and the part's other pools in the version's scope.
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

    /// Checks some pools, in their order.
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
            // A pool that does not fit in memory beside the others waits until these are checked.
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
                // One batch is checked while the next is read. No third one waits in memory.
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

    /// Estimates a pool before its rows are read: its rows or trades, the larger number.
    fn rows_about(&self, pool: &Pool) -> u64 {
        let trades = self.read.pools.get(pool).map_or(0, PoolLedger::rows);
        let rows = self.known.summary(pool).map_or(0, PoolSummary::rows);
        rows.max(trades)
    }

    /// Reads a batch, and begins to check it on other threads.
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
        let moves = known.moves.get(pool).map_or(&[][..], Vec::as_slice);
        let (moved, mut violations) = match self.moved.of_pool(pool, moves) {
            Ok(Some(moved)) if known.is_matched(pool) => (Some(moved), Vec::new()),
            Ok(_) => (None, stray_moves(pool, moves)),
            Err(violation) if known.is_matched(pool) => return vec![violation],
            Err(_) => (None, stray_moves(pool, moves)),
        };
        let version = PoolVersion {
            pool,
            ledger,
            allocations: &stored.allocations,
            open_lots: &stored.open_lots,
            summary,
            review,
            moved,
            is_current: known.is_current,
            was_published: known.was_published,
        };
        let elsewhere = |_: &Account, order_id: &str| -> Option<Asset> {
            self.elsewhere.find(&self.read, pool, order_id)
        };
        violations.extend(stored.unreadable.iter().map(|row| {
            let reason = &"can't be read";
            let pool = Some(pool.clone());
            Violation::unreadable_row(pool, &row.sell_order_id, row.column, &row.found, reason)
        }));
        violations.extend(match self.changed.contains(pool) {
            true => check_own_rows(pool, stored, summary),
            false => check_pool(&version, &elsewhere),
        });
        if !self.changed.contains(pool) {
            violations.extend(known.summary(pool).and_then(|it| check_last(it, ledger)));
            violations.extend(known.summary(pool).and_then(|it| check_class(it, ledger)));
            let rows = stored.allocations.as_slice();
            violations.extend(known.summary(pool).and_then(|it| check_symbols(it, rows)));
        }
        violations.extend(self.unlike.get(pool).into_iter().flatten().cloned());
        violations
    }
}

/// Checks I13: the last trade in a summary is the pool's last one. The next run goes on from it.
fn check_last(summary: &PoolSummary, ledger: &PoolLedger) -> Option<Violation> {
    let expected = match summary.status {
        PoolStatus::Matched | PoolStatus::Stale => ledger.last_trade(),
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

/// Checks I13: the class in a summary is that of the pool's rows. It decides the box of a tax form.
fn check_class(summary: &PoolSummary, ledger: &PoolLedger) -> Option<Violation> {
    let text = |class: Option<PoolClass>| match class {
        None => "NULL".to_owned(),
        Some(PoolClass { class, source }) => {
            let class = class.map_or("several", AssetClass::as_str);
            format!("{class} by {source}")
        }
    };
    let (found, wanted) = (text(summary.class), text(ledger.class));
    (found != wanted).then(|| Violation {
        invariant: Invariant::I13,
        pool: Some(summary.pool.clone()),
        order_id: String::new(),
        message: format!("the summary's asset_class is \"{found}\", expected \"{wanted}\""),
    })
}

/// Pairs of a symbol, the sum of their sizes, and the sum of their pnl.
type SymbolSums = (u64, Size, Usd);

/// Checks I13: the sums by symbol in a summary are those of the pool's rows.
fn check_symbols(summary: &PoolSummary, rows: &[StoredAllocation]) -> Option<Violation> {
    let none: SymbolSums = (0, Size::ZERO, Usd::ZERO);
    let mut of_rows: BTreeMap<&Symbol, SymbolSums> = BTreeMap::new();
    for row in rows {
        let Some(pnl) = row.pnl_usd else { continue };
        let (pairs, size, sum) = of_rows.entry(&row.symbol).or_insert(none);
        *pairs = pairs.saturating_add(1);
        *size = add_sizes(*size, row.allocated_size).unwrap_or(*size);
        *sum = sum.checked_add(pnl).unwrap_or(*sum);
    }
    let stated = summary.symbols.iter();
    let stated = stated.map(|of| (&of.symbol, (of.allocations, of.matched_size, of.pnl)));
    let stated: BTreeMap<&Symbol, SymbolSums> = stated.collect();
    let names: BTreeSet<&&Symbol> = stated.keys().chain(of_rows.keys()).collect();
    names.into_iter().find_map(|symbol| {
        let of = |sums: &BTreeMap<&Symbol, SymbolSums>| sums.get(*symbol).copied().unwrap_or(none);
        let text =
            |(pairs, size, pnl): SymbolSums| format!("pairs {pairs}, size {size}, pnl {pnl}");
        let (found, wanted) = (of(&stated), of(&of_rows));
        (found != wanted).then(|| Violation {
            invariant: Invariant::I13,
            pool: Some(summary.pool.clone()),
            order_id: String::new(),
            message: format!(
                "the summary has of {symbol} \"{}\", expected \"{}\"",
                text(found),
                text(wanted)
            ),
        })
    })
}

/// Lets neighbouring rows share equal texts: half of the ids of a long version, and all names.
fn share_names(pool: &Pool, rows: &mut [StoredAllocation]) {
    let mut last: Option<(OrderId, Option<OrderId>)> = None;
    let mut symbol: Option<Symbol> = None;
    for row in rows {
        if row.account == pool.account {
            row.account = pool.account.clone();
        }
        if row.asset == pool.asset {
            row.asset = pool.asset.clone();
        }
        match &symbol {
            Some(symbol) if *symbol == row.symbol => row.symbol = symbol.clone(),
            _ => symbol = Some(row.symbol.clone()),
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

impl SharedFacts {
    /// Returns the version's summary of a pool.
    pub(super) fn summary(&self, pool: &Pool) -> Option<&PoolSummary> {
        let found = self.summaries.binary_search_by(|it| it.pool.cmp(pool));
        found.ok().and_then(|at| self.summaries.get(at))
    }

    /// Tells whether the version has a result of a pool, or does not cover it: nobody says then
    /// that it has none.
    fn is_matched(&self, pool: &Pool) -> bool {
        let status = self.summary(pool).map(|it| it.status);
        matches!(status, None | Some(PoolStatus::Matched | PoolStatus::Stale))
    }
}

/// Groups the unmatched sells of the review queue by pool.
pub(super) fn unmatched_by_pool(queue: Vec<QueuedItem>) -> BTreeMap<Pool, UnmatchedItems> {
    let mut by_pool: BTreeMap<Pool, UnmatchedItems> = BTreeMap::new();
    let unmatched = queue.into_iter();
    for item in unmatched.filter(|item| item.issue == IssueType::UnmatchedSell) {
        let items = by_pool.entry(item.pool).or_default();
        if item.status.is_open() {
            items.open.insert((item.order_id.clone(), item.leg));
        }
        items.any.insert((item.order_id, item.leg));
    }
    by_pool
}

/// Waits until a batch is checked. Errors: a check panicked, which is our own bug.
async fn found(judging: Option<Judging>) -> PipelineResult<ByPool> {
    match judging {
        None => Ok(Vec::new()),
        Some(judging) => {
            let found = judging.task.await;
            found.map_err(|error| PipelineError::Worker(error.to_string()))
        }
    }
}
