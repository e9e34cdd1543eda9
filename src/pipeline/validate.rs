//! Judges a stored version: reads it and the ledger as of its watermark, and runs the checks.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use super::context::{Context, Phase, PipelineError, PipelineResult};
use crate::engine::{
    Account, Invariant, IssueType, Pool, PoolLedger, PoolStatus, PoolVersion, RowsHash,
    StoredSummary, Symbol, UnmatchedItems, Violation, check_pool,
};
use crate::store::model::{
    Current, LedgerCounts, LedgerRead, PoolSummary, QueuedItem, Scope, Version, VersionInfo,
};
use crate::store::{Store, StoreError, StoredPool};

/// Pools read before they are checked together.
const POOLS_BATCH: usize = 64;

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
        let pools = self.pools_of(PoolStatus::Rejected).count()
            + self.pools_of(PoolStatus::Excluded).count();
        self.unmatched_sells() + self.fees_unknown() + pools as u64
    }

    /// Counts the trades whose fee is unknown.
    pub fn fees_unknown(&self) -> u64 {
        self.pools.iter().map(|pool| pool.totals.fees_unknown).sum()
    }
}

/// Checks a version; `None` is the current one.
///
/// Errors: no such version, or it has no result; the store fails.
pub async fn validate(
    store: &dyn Store,
    context: &Context,
    version: Option<Version>,
) -> PipelineResult<ValidateReport> {
    let current = store.current().await?;
    let info = find_version(store, &current, version).await?;
    let progress = &context.progress;
    let read = context
        .read_ledger(store, &Scope::default(), Some(&info.watermark))
        .await?;
    let ledger = store.ledger_counts().await?;
    let pools = store.pool_summaries(info.version).await?;
    let queue = store.review_queue().await?;
    let judge = Judge {
        is_current: current.version == Some(info.version),
        was_published: info.published_at.is_some(),
        info: &info,
        read: &read,
        queue: &queue,
        orders: index_orders(&read),
    };
    let trades_checked = read
        .pools
        .values()
        .map(|pool| pool.trades.len() as u64)
        .sum();
    progress.begin(Phase::Check, Some(trades_checked));
    let mut violations = judge.check_all(store, context, &pools).await?;
    progress.end();
    violations.extend(check_version_hashes(&info, &pools));
    violations.extend(Violation::of_views(ledger.in_neither, ledger.in_both));
    let in_pool = |pool: &PoolLedger| (pool.trades.len() + pool.invalid.len()) as u64;
    let seen = read.pools.values().map(in_pool).sum::<u64>() + read.voided;
    let arrived_since = ledger.eligible.saturating_sub(seen);
    Ok(ValidateReport {
        current,
        violations,
        pools,
        arrived_since,
        ledger,
        trades_checked,
        version: info,
    })
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

/// Order ids of the whole ledger: where each is a trade.
type OrderIndex<'a> = BTreeMap<&'a str, Vec<&'a Pool>>;

fn index_orders(read: &LedgerRead) -> OrderIndex<'_> {
    let mut orders = OrderIndex::new();
    for (pool, ledger) in &read.pools {
        for trade in ledger.trades.iter() {
            orders.entry(trade.order_id).or_default().push(pool);
        }
    }
    orders
}

struct Judge<'a> {
    info: &'a VersionInfo,
    is_current: bool,
    was_published: bool,
    read: &'a LedgerRead,
    queue: &'a [QueuedItem],
    orders: OrderIndex<'a>,
}

impl Judge<'_> {
    async fn check_all(
        &self,
        store: &dyn Store,
        context: &Context,
        summaries: &[PoolSummary],
    ) -> PipelineResult<Vec<Violation>> {
        let claims: BTreeMap<&Pool, StoredSummary> = summaries
            .iter()
            .map(|summary| (&summary.pool, summary.claim()))
            .collect();
        let mut pools: BTreeSet<Pool> = store
            .pools_with_rows(self.info.version)
            .await?
            .into_iter()
            .collect();
        pools.extend(summaries.iter().map(|summary| summary.pool.clone()));
        let in_scope = |pool: &&Pool| self.info.scope == "all" || claims.contains_key(*pool);
        pools.extend(self.read.pools.keys().filter(in_scope).cloned());
        let pools: Vec<Pool> = pools.into_iter().collect();
        let mut violations = Vec::new();
        for batch in pools.chunks(POOLS_BATCH) {
            context.cancel.check()?;
            let mut stored = Vec::with_capacity(batch.len());
            for pool in batch {
                stored.push((pool, store.stored_pool(self.info.version, pool).await?));
            }
            let found: Vec<Vec<Violation>> = stored
                .par_iter()
                .map(|(pool, stored)| {
                    let found = self.check_one(pool, stored, claims.get(pool));
                    let trades = self
                        .read
                        .pools
                        .get(*pool)
                        .map_or(0, |pool| pool.trades.len());
                    context.progress.advance(trades as u64);
                    found
                })
                .collect();
            violations.extend(found.into_iter().flatten());
        }
        Ok(violations)
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
            let places = self.orders.get(order_id)?;
            let same_account = places.iter().find(|place| place.account == *account);
            same_account
                .or(places.first())
                .map(|place| place.symbol.clone())
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
        violations.extend(check_pool(&version, &elsewhere));
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
