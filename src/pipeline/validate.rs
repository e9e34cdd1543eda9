//! Judges a stored version: reads it and the ledger as of its watermark, and runs the checks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use rayon::prelude::*;

use super::changed::{ChangedPool, changed_since, check_own_rows};
use super::context::{Context, Phase, PipelineError, PipelineResult};
use super::fills::check_fills;
use crate::engine::{
    Account, Invariant, IssueType, Pool, PoolLedger, PoolStatus, PoolVersion, RowsHash,
    StoredSummary, Symbol, UnmatchedItems, Violation, check_pool,
};
use crate::store::model::{
    Current, LedgerCounts, LedgerRead, OrderUnlikeFills, PoolSummary, QueuedItem, Scope, Version,
    VersionInfo,
};
use crate::store::{Store, StoreError, StoredPool};

/// Rows read before their pools are judged together.
const ROWS_BATCH: usize = 32_768;

/// What a validation found.
#[derive(Debug, Clone)]
pub struct ValidateReport {
    /// The version judged.
    pub version: VersionInfo,
    /// The pointer.
    pub current: Current,
    /// Broken invariants, by pool, then invariant.
    pub violations: Vec<Violation>,
    /// What the version says of each pool.
    pub pools: Vec<PoolSummary>,
    /// Trades that arrived after the version: not yet computed.
    pub arrived_since: u64,
    /// The whole ledger.
    pub ledger: LedgerCounts,
    /// Trades that the checks went over.
    pub trades_checked: u64,
    /// Pools of an unguarded ledger that were changed since: only their rows could be judged.
    pub changed: Vec<ChangedPool>,
    /// Orders left out for their fills, whose size is not that of the fills.
    pub unlike_fills: Vec<OrderUnlikeFills>,
}

impl ValidateReport {
    /// Counts the violations of an invariant.
    pub fn violations_of(&self, invariant: Invariant) -> usize {
        self.violations
            .iter()
            .filter(|violation| violation.invariant == invariant)
            .count()
    }

    /// Lists the pools of a status.
    pub fn pools_of(&self, status: PoolStatus) -> impl Iterator<Item = &PoolSummary> {
        self.pools.iter().filter(move |pool| pool.status == status)
    }

    /// Counts the sells with a part that found no lot.
    pub fn unmatched_sells(&self) -> u64 {
        self.pools
            .iter()
            .map(|pool| pool.totals.sells_unmatched)
            .sum()
    }

    /// Counts what only `--strict` takes for a finding.
    pub fn strict_findings(&self) -> u64 {
        let pools = self.pools_of(PoolStatus::Stale).count()
            + self.pools_of(PoolStatus::Rejected).count()
            + self.pools_of(PoolStatus::Excluded).count();
        self.unmatched_sells()
            + self.fees_unknown()
            + (pools + self.changed.len() + self.unlike_fills.len()) as u64
    }

    /// Counts the trades whose fee is unknown.
    pub fn fees_unknown(&self) -> u64 {
        self.pools.iter().map(|pool| pool.totals.fees_unknown).sum()
    }
}

/// How often a validation begins again because the version was extended meanwhile.
const EXTENDED_MAX: usize = 3;

/// Checks a version; `None` is the current one.
///
/// Errors: no such version, or it has no result; the store fails.
pub async fn validate(
    store: &dyn Store,
    context: &Context,
    version: Option<Version>,
) -> PipelineResult<ValidateReport> {
    // A run may extend the version while it is read: what was read before and after that does not
    // go together, and says nothing.
    for _ in 0..EXTENDED_MAX {
        let report = validate_once(store, context, version).await?;
        let versions = store.versions().await?;
        let mut now = versions.iter();
        let now = now.find(|info| info.version == report.version.version);
        if now.is_none_or(|now| now.completed_at == report.version.completed_at) {
            return Ok(report);
        }
    }
    validate_once(store, context, version).await
}

async fn validate_once(
    store: &dyn Store,
    context: &Context,
    version: Option<Version>,
) -> PipelineResult<ValidateReport> {
    let current = store.current().await?;
    let info = find_version(store, &current, version).await?;
    let progress = &context.progress;
    let everything = Scope::default();
    // Two scans at once, where the database has two processors.
    let (read, ledger) = tokio::join!(
        context.read_ledger(store, &everything, Some(&info.watermark)),
        store.ledger_counts()
    );
    let (mut read, ledger) = (read?, ledger?);
    let pools = store.pool_summaries(info.version).await?;
    let stale = pools.iter().filter(|pool| pool.status == PoolStatus::Stale);
    let mut not_matched = 0;
    for summary in stale {
        not_matched += read_stale(store, context, summary, &mut read).await?;
    }
    let (changed, rows_later) = changed_since(&info, &pools, &mut read);
    let queue = store.review_queue().await?;
    let doubled = check_fills(&read);
    let trades_checked = read
        .pools
        .values()
        .map(|pool| pool.trades.len() as u64)
        .sum();
    let in_pool = |pool: &PoolLedger| (pool.trades.len() + pool.invalid.len()) as u64;
    let seen = read.pools.values().map(in_pool).sum::<u64>() + read.voided + not_matched;
    let claims = pools
        .iter()
        .map(|summary| (summary.pool.clone(), summary.claim()));
    let judge = Arc::new(Judge {
        is_current: current.version == Some(info.version),
        was_published: has_items(&info),
        version: info.version,
        covers_all: info.scope == "all",
        claims: claims.collect(),
        changed: changed.iter().map(|it| it.pool.clone()).collect(),
        read,
        queue,
        orders: OnceLock::new(),
    });
    progress.begin(Phase::Check, Some(trades_checked));
    let mut violations = judge.check_all(store, context).await?;
    progress.end();
    violations.extend(doubled);
    violations.extend(check_version_hashes(&info, &pools));
    violations.extend(Violation::of_views(ledger.in_neither, ledger.in_both));
    // In an unguarded ledger nothing else tells what came later than what is there.
    let arrived_since = match info.watermark.is_unguarded() {
        true => rows_later,
        false => ledger.eligible.saturating_sub(seen),
    };
    Ok(ValidateReport {
        current,
        violations,
        pools,
        arrived_since,
        ledger,
        trades_checked,
        unlike_fills: store.orders_unlike_fills().await?,
        changed,
        version: info,
    })
}

/// Tells whether unmatched rows of a version must have review items although it is not current.
///
/// Items move with the pointer. A version that was extended after it was published may have been
/// extended while another one was current: then its new rows have none.
fn has_items(info: &VersionInfo) -> bool {
    let published = info.published_at.zip(info.completed_at);
    published.is_some_and(|(published, completed)| completed <= published)
}

/// Reads a pool as of the instant at which it ended, which is earlier than its version's.
///
/// Returns the number of its rows that came later.
async fn read_stale(
    store: &dyn Store,
    context: &Context,
    summary: &PoolSummary,
    read: &mut LedgerRead,
) -> PipelineResult<u64> {
    let pool = &summary.pool;
    let scope = Scope {
        part: Some(Arc::new(BTreeSet::from([pool.clone()]))),
        ..Scope::default()
    };
    let own = context
        .read_ledger(store, &scope, Some(&summary.watermark))
        .await?;
    let own = own.pools.into_iter().next();
    let own = own.map_or_else(|| PoolLedger::new(pool.clone()), |(_, ledger)| ledger);
    let rows = own.rows();
    let all = read.pools.insert(pool.clone(), own);
    Ok(all.map_or(0, |all| all.rows().saturating_sub(rows)))
}

pub(super) async fn find_version(
    store: &dyn Store,
    current: &Current,
    version: Option<Version>,
) -> PipelineResult<VersionInfo> {
    let Some(number) = version.or(current.version) else {
        return Err(PipelineError::Usage {
            message: "no version is current yet".into(),
            hint: "compute_allocations --all-symbols makes and publishes one".into(),
        });
    };
    let versions = store.versions().await?;
    let Some(info) = versions.into_iter().find(|info| info.version == number) else {
        return Err(StoreError::NoVersion(number).into());
    };
    if !info.status.is_readable() {
        return Err(PipelineError::Usage {
            message: format!(
                "version {number} is {}: it has no result",
                info.status.as_str()
            ),
            hint: "fifo-pnl versions list shows the others".into(),
        });
    }
    Ok(info)
}

/// What the checks of all pools look at, shared by the threads that judge.
struct Judge {
    version: Version,
    covers_all: bool,
    is_current: bool,
    was_published: bool,
    claims: BTreeMap<Pool, StoredSummary>,
    changed: BTreeSet<Pool>,
    read: LedgerRead,
    queue: Vec<QueuedItem>,
    orders: OnceLock<OrderIndex>,
}

/// Where each order id of the ledger is a trade: pool and place, by id. Made only when a row names
/// an order that its pool does not have.
struct OrderIndex {
    pools: Vec<Pool>,
    places: Vec<(u32, u32)>,
}

impl OrderIndex {
    fn of(read: &LedgerRead) -> Self {
        let pools: Vec<Pool> = read.pools.keys().cloned().collect();
        let mut places = Vec::new();
        for (pool, ledger) in (0..).zip(read.pools.values()) {
            places.extend((0..).take(ledger.trades.len()).map(|trade| (pool, trade)));
        }
        let mut index = Self { pools, places };
        let mut places = std::mem::take(&mut index.places);
        places.sort_by(|left, right| index.id(read, *left).cmp(index.id(read, *right)));
        index.places = places;
        index
    }

    fn id<'a>(&self, read: &'a LedgerRead, (pool, trade): (u32, u32)) -> &'a str {
        let ledger = self
            .pools
            .get(pool as usize)
            .and_then(|pool| read.pools.get(pool));
        let trade = ledger.and_then(|ledger| ledger.trades.get(trade as usize));
        trade.map_or("", |trade| trade.order_id)
    }

    /// Returns the symbol in which an order is a trade: in the same account, or in another.
    fn find(&self, read: &LedgerRead, account: &Account, order_id: &str) -> Option<Symbol> {
        let first = self
            .places
            .partition_point(|place| self.id(read, *place) < order_id);
        let same = self.places.get(first..).unwrap_or_default().iter();
        let same = same.take_while(|place| self.id(read, **place) == order_id);
        let pools: Vec<&Pool> = same
            .filter_map(|(pool, _)| self.pools.get(*pool as usize))
            .collect();
        let same_account = pools.iter().find(|pool| pool.account == *account);
        same_account
            .or(pools.first())
            .map(|pool| pool.symbol.clone())
    }
}

/// Pools whose rows were read, to be judged together.
#[derive(Default)]
struct Batch {
    pools: Vec<(Pool, StoredPool)>,
    rows: usize,
}

impl Judge {
    async fn check_all(
        self: &Arc<Self>,
        store: &dyn Store,
        context: &Context,
    ) -> PipelineResult<Vec<Violation>> {
        let with_rows = store.pools_with_rows(self.version).await?;
        let mut pools: BTreeSet<Pool> = with_rows.into_iter().collect();
        pools.extend(self.claims.keys().cloned());
        let in_scope = |pool: &&Pool| self.covers_all || self.claims.contains_key(*pool);
        pools.extend(self.read.pools.keys().filter(in_scope).cloned());
        let mut violations = Vec::new();
        let mut batch = Batch::default();
        let mut judging = None;
        for pool in pools {
            context.cancel.check()?;
            let stored = store.stored_pool(self.version, &pool).await?;
            batch.rows += stored.allocations.len();
            batch.pools.push((pool, stored));
            if batch.rows >= ROWS_BATCH {
                // One batch is judged while the next is read, and no third one waits in memory.
                let next = self.start(context, std::mem::take(&mut batch));
                let last = judging.replace(next);
                violations.extend(found(last).await?);
            }
        }
        violations.extend(found(judging).await?);
        violations.extend(found(Some(self.start(context, batch))).await?);
        Ok(violations)
    }

    /// Judges a batch on other threads.
    fn start(self: &Arc<Self>, context: &Context, batch: Batch) -> Judging {
        let (judge, context) = (Arc::clone(self), context.clone());
        tokio::task::spawn_blocking(move || {
            let check = |(pool, stored): &(Pool, StoredPool)| {
                let found = judge.check_one(pool, stored, judge.claims.get(pool));
                let ledger = judge.read.pools.get(pool);
                let trades = ledger.map_or(0, |ledger| ledger.trades.len());
                context.progress.advance(trades as u64);
                found
            };
            let found: Vec<Vec<Violation>> = batch.pools.par_iter().map(check).collect();
            found.into_iter().flatten().collect()
        })
    }

    fn check_one(
        &self,
        pool: &Pool,
        stored: &StoredPool,
        summary: Option<&StoredSummary>,
    ) -> Vec<Violation> {
        let empty = PoolLedger::new(pool.clone());
        let ledger = self.read.pools.get(pool).unwrap_or(&empty);
        let review = self.unmatched_items(pool);
        let version = PoolVersion {
            pool,
            ledger,
            allocations: &stored.allocations,
            open_lots: &stored.open_lots,
            summary,
            review: &review,
            is_current: self.is_current,
            was_published: self.was_published,
        };
        let elsewhere = |account: &Account, order_id: &str| -> Option<Symbol> {
            let orders = self.orders.get_or_init(|| OrderIndex::of(&self.read));
            orders.find(&self.read, account, order_id)
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
        violations
    }

    fn unmatched_items(&self, pool: &Pool) -> UnmatchedItems {
        let mut items = UnmatchedItems::default();
        let of_pool = self
            .queue
            .iter()
            .filter(|item| item.issue == IssueType::UnmatchedSell && item.pool == *pool);
        for item in of_pool {
            items.any.insert(item.order_id.clone());
            if item.status.is_open() {
                items.open.insert(item.order_id.clone());
            }
        }
        items
    }
}

/// A batch that is being judged.
type Judging = tokio::task::JoinHandle<Vec<Violation>>;

/// Waits for a batch. Errors: a check panicked, which is our own bug.
async fn found(judging: Option<Judging>) -> PipelineResult<Vec<Violation>> {
    match judging {
        None => Ok(Vec::new()),
        Some(judging) => judging
            .await
            .map_err(|error| PipelineError::Worker(error.to_string())),
    }
}

/// Checks that the version's hashes are the sums of its pools'.
fn check_version_hashes(info: &VersionInfo, pools: &[PoolSummary]) -> Vec<Violation> {
    let (mut ledger, mut allocations) = (RowsHash::EMPTY, RowsHash::EMPTY);
    for pool in pools {
        ledger.add(pool.ledger_hash);
        allocations.add(pool.allocations_hash);
    }
    let pairs = [
        ("ledger", info.ledger_hash, ledger),
        ("allocations", info.allocations_hash, allocations),
    ];
    let differs = pairs
        .into_iter()
        .filter(|(_, claimed, summed)| *claimed != Some(*summed));
    differs
        .map(|(what, claimed, summed)| Violation {
            invariant: Invariant::I13,
            pool: None,
            order_id: String::new(),
            message: format!(
                "{what} hash of the version is \"{}\", its pools sum up to \"{summed}\"",
                claimed.map(|hash| hash.to_string()).unwrap_or_default()
            ),
        })
        .collect()
}
