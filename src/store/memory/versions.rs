//! Writes, publishes, seals and drops versions in memory.
//!
//! A version is made outside the store, and added as a whole when it is finished.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::OwnedMutexGuard;

use super::closing::close;
use super::ledger::MemoryLedger;
use super::{MemoryStore, MemoryTables, broken_constraint, check, locked, sourced};
use crate::engine::{
    Account, AllocationRow, Fact, Leg, LotMove, Matching, OpenLot, OrderId, Pool, PoolOutcome,
    PoolResult, RateUsed, StoredAllocation, StoredLot, Symbol, TradeRef, WholeLot,
};
use crate::store::lots::{OpenLots, PickedLots, Reach};
use crate::store::model::{
    AppendedPool, Completion, Current, Event, PointerMove, PoolSummary, RatesLocked, Sold, Version,
    VersionInfo, VersionPlan, VersionScope, VersionStatus,
};
use crate::store::rows::{Part, PartSource, RowChunk, RowEncoder};
use crate::store::rules::{
    Closing, check_appendable, check_droppable, check_publishable, check_sealable,
    check_version_free,
};
use crate::store::{
    RowSink, SourcedSink, StoreError, StoreResult, StoredPool, StoredRow, VersionStore,
    VersionWriter,
};

#[async_trait]
impl VersionStore for MemoryStore {
    async fn begin_version(&self, plan: &VersionPlan) -> StoreResult<Box<dyn VersionWriter>> {
        Ok(Box::new(begin(self, plan).await?))
    }

    async fn append(
        &self,
        plan: &VersionPlan,
        pools: &[AppendedPool],
        completion: &Completion,
    ) -> StoreResult<()> {
        self.write(|state| {
            let ids = state
                .versions
                .values()
                .flat_map(|stored| &stored.allocations);
            let mut id = ids.map(|row| row.id).max().unwrap_or(0);
            let (version, at) = (plan.version, completion.completed_at);
            let stored = find(state, version)?;
            check_appendable(&stored.info)?;
            for pool in pools {
                if let Some(matching) = &pool.matching {
                    id = stored.append(id, matching)?;
                }
                let summary = pool.summary.clone();
                stored.summaries.insert(summary.pool.clone(), summary);
            }
            stored.info.status = completion.status;
            stored.info.ledger_hash = Some(completion.ledger_hash);
            stored.info.allocations_hash = Some(completion.allocations_hash);
            stored.lock_rates(&completion.rates)?;
            stored.info.complete_through = completion.complete_through;
            stored.info.completed_at = Some(at);
            stored.info.watermark = plan.watermark.clone();
            close(state, &Closing::of_append(plan, completion))
        })
        .await
    }

    async fn open_lots(
        &self,
        version: Version,
        reach: &Reach,
    ) -> StoreResult<BTreeMap<Pool, OpenLots>> {
        let state = self.read();
        let Some(stored) = state.versions.get(&version) else {
            return Ok(BTreeMap::new());
        };
        Ok(stored.open_lots(reach, &state.ledger))
    }

    async fn versions(&self) -> StoreResult<Vec<VersionInfo>> {
        let state = self.read();
        Ok(state.versions.values().map(|v| v.info.clone()).collect())
    }

    async fn current(&self) -> StoreResult<Current> {
        Ok(self.read().current)
    }

    async fn move_pointer(&self, pointer: &PointerMove) -> StoreResult<()> {
        self.write(|state| {
            let info = &find(state, pointer.version)?.info;
            check_publishable(info)?;
            close(state, &Closing::of_move(pointer))
        })
        .await
    }

    async fn seal(&self, version: Version, reason: &str, event: &Event) -> StoreResult<()> {
        self.write(|state| {
            let info = &mut find(state, version)?.info;
            check_sealable(info)?;
            info.sealed = Some((event.at, reason.to_owned()));
            state.events.push(event.clone());
            Ok(())
        })
        .await
    }

    async fn drop_version(&self, version: Version, event: &Event) -> StoreResult<()> {
        self.write(|state| {
            let current = state.current;
            let stored = find(state, version)?;
            check_droppable(&stored.info, &current)?;
            stored.delete_rows();
            stored.info.status = VersionStatus::Dropped;
            state.events.push(event.clone());
            Ok(())
        })
        .await
    }

    async fn pool_summaries(&self, version: Version) -> StoreResult<Vec<PoolSummary>> {
        let state = self.read();
        let stored = state.versions.get(&version);
        Ok(stored.map_or_else(Vec::new, StoredVersion::summaries))
    }

    async fn pools_with_rows(&self, version: Version) -> StoreResult<Vec<Pool>> {
        let state = self.read();
        let stored = state.versions.get(&version);
        Ok(stored.map_or_else(Vec::new, StoredVersion::pools_with_rows))
    }

    async fn stored_pools(&self, version: Version, pools: &[Pool]) -> StoreResult<Vec<StoredPool>> {
        let state = self.read();
        let Some(stored) = state.versions.get(&version) else {
            return Ok(vec![StoredPool::default(); pools.len()]);
        };
        Ok(pools.iter().map(|pool| stored.pool(pool)).collect())
    }

    async fn unmatched_rows(&self, version: Version) -> StoreResult<Vec<StoredRow>> {
        let state = self.read();
        let stored = state.versions.get(&version);
        Ok(stored.map_or_else(Vec::new, StoredVersion::unmatched_rows))
    }

    async fn export(&self, version: Version, sink: &mut dyn RowSink) -> StoreResult<u64> {
        let state = self.read();
        let stored = state.versions.get(&version);
        stored.map_or(Ok(0), |stored| stored.export(sink))
    }

    async fn sourced_rows(
        &self,
        version: Version,
        account: Option<&Account>,
        _sold: Sold,
        sink: &mut dyn SourcedSink,
    ) -> StoreResult<u64> {
        sourced::rows(&self.read(), version, account, sink)
    }
}

/// A version and its rows.
#[derive(Debug)]
pub(super) struct StoredVersion {
    pub(super) info: VersionInfo,
    /// Allocations, in the order of their ids.
    allocations: Vec<StoredAllocation>,
    /// Open lots in the order of writing: pool by pool, oldest first.
    open_lots: Vec<(Pool, StoredLot)>,
    summaries: BTreeMap<Pool, PoolSummary>,
    /// Rates that were used, by account, order id and purpose.
    pub(super) rates: Vec<RateUsed>,
    /// Units of lots that transfers moved.
    pub(super) lot_moves: Vec<LotMove>,
}

impl StoredVersion {
    pub(super) fn summaries(&self) -> Vec<PoolSummary> {
        self.summaries.values().cloned().collect()
    }

    pub(super) fn pools_with_rows(&self) -> Vec<Pool> {
        let of_lots = self.open_lots.iter().map(|(pool, _)| pool.clone());
        let pools: BTreeSet<Pool> = self
            .allocations
            .iter()
            .map(StoredAllocation::pool)
            .chain(of_lots)
            .collect();
        pools.into_iter().collect()
    }

    pub(super) fn pool(&self, pool: &Pool) -> StoredPool {
        let rows = self.allocations.iter().filter(|row| row.pool() == *pool);
        let lots = self.open_lots.iter().filter(|(of, _)| of == pool);
        StoredPool {
            allocations: rows.cloned().collect(),
            unreadable: Vec::new(),
            open_lots: lots.map(|(_, lot)| lot.clone()).collect(),
        }
    }

    pub(super) fn unmatched_rows(&self) -> Vec<StoredRow> {
        let rows = self.allocations.iter();
        let unmatched = rows.filter(|row| row.buy_order_id.is_none());
        unmatched.cloned().map(Ok).collect()
    }

    /// Returns the rows in canonical order.
    pub(super) fn sorted(&self) -> Vec<&StoredAllocation> {
        let mut rows: Vec<&StoredAllocation> = self.allocations.iter().collect();
        rows.sort_by_key(|row| (&row.account, &row.asset, row.id));
        rows
    }

    pub(super) fn export(&self, sink: &mut dyn RowSink) -> StoreResult<u64> {
        let rows = self.sorted();
        for row in &rows {
            sink.take(&row.row())
                .map_err(|error| StoreError::Database {
                    action: "write the export",
                    message: error.to_string(),
                    source: Some(Box::new(error)),
                })?;
        }
        Ok(rows.len() as u64)
    }

    /// Returns the open lots of some pools that new sells need, with their buys.
    pub(super) fn open_lots(
        &self,
        reach: &Reach,
        ledger: &MemoryLedger,
    ) -> BTreeMap<Pool, OpenLots> {
        let mut picked: BTreeMap<&Pool, PickedLots> = BTreeMap::new();
        for (pool, lot) in &self.open_lots {
            let Some(reach) = reach.get(pool) else {
                continue;
            };
            let lots = picked.entry(pool);
            lots.or_insert_with(|| PickedLots::new(*reach))
                .take(lot.clone());
        }
        let with_buys = picked.into_iter().map(|(pool, picked)| {
            let buy_of = |of: &Account, id: &OrderId| ledger.buy_of(of, id, &picked.needed);
            (pool.clone(), picked.with_buys(pool, buy_of))
        });
        with_buys.collect()
    }

    fn append(&mut self, id: i64, matching: &Matching) -> StoreResult<i64> {
        let (mut id, mut made) = (id, Vec::new());
        for row in matching.rows()? {
            id += 1;
            let stored = StoredAllocation::try_from_row(id, &row);
            made.push(stored.map_err(|error| broken_constraint(APPEND, &error.to_string()))?);
        }
        self.allocations.extend(made);
        let changes = matching.lot_changes()?;
        let key = |buy: &TradeRef<'_>| (buy.order_id.to_owned(), buy.leg);
        let gone: BTreeSet<(String, Leg)> = changes.gone.iter().map(key).collect();
        let used = changes.used.iter();
        let used: BTreeMap<(String, Leg), &OpenLot> =
            used.map(|(buy, lot)| (key(buy), *lot)).collect();
        self.open_lots.retain_mut(|(pool, stored)| {
            if *pool != matching.pool {
                return true;
            }
            let id = (stored.buy_order_id.to_string(), stored.buy_leg);
            if let Some(lot) = used.get(&id) {
                stored.remaining_size = lot.remaining_size;
                stored.remaining_cost_usd = lot.remaining_cost;
            }
            !gone.contains(&id)
        });
        let added = changes.added.iter();
        let added = added.map(|(buy, lot)| stored_lot(&matching.pool, buy, lot));
        self.open_lots.extend(added);
        Ok(id)
    }

    fn lock_rates(&mut self, locked: &RatesLocked) -> StoreResult<()> {
        self.rates.extend(locked.added.to_vec());
        self.rates
            .sort_by(|left, right| left.key().cmp(&right.key()));
        let is_unique = |pair: &[RateUsed]| {
            let [left, right] = pair else { return true };
            left.key() != right.key()
        };
        let holds = self.rates.windows(2).all(is_unique);
        check(holds, "write the rates", "fifo_rates_used_pkey")?;
        self.info.rates_hash = Some(locked.hash);
        Ok(())
    }

    fn delete_rows(&mut self) {
        self.allocations.clear();
        self.open_lots.clear();
        self.summaries.clear();
        self.rates.clear();
        self.lot_moves.clear();
    }
}

/// Returns moves in the order in which a store lists them.
fn sorted_moves(moves: &[LotMove]) -> Vec<LotMove> {
    let mut moves = moves.to_vec();
    let place = |it: &LotMove| {
        let pool = (it.asset.clone(), it.from.clone(), it.withdrawal.clone());
        let buy = (it.buy_time, it.buy_account.clone(), it.buy_order_id.clone());
        let leg = it.buy_leg.as_str();
        (pool, buy, leg, it.buy_movement.clone())
    };
    moves.sort_by_cached_key(place);
    moves
}

fn find(state: &mut MemoryTables, version: Version) -> StoreResult<&mut StoredVersion> {
    let found = state.versions.get_mut(&version);
    found.ok_or(StoreError::NoVersion(version))
}

/// An encoder that does nothing: memory takes the rows from a pool's result.
struct NoSpelling;

impl RowEncoder for NoSpelling {
    fn allocation(&self, _: &AllocationRow<'_>, _: &mut RowChunk) {}
    fn lot(&self, _: &Pool, _: &TradeRef<'_>, _: &OpenLot, _: &mut RowChunk) {}
}

/// Writes a version, which the store gets when it is finished.
struct MemoryVersionWriter {
    store: MemoryStore,
    plan: VersionPlan,
    made: StoredVersion,
    /// The pools, sells and lots of the rows: a second such row is refused.
    pairs: BTreeSet<(Pool, [String; 3], [Leg; 2])>,
    id_last: i64,
    _writing: OwnedMutexGuard<()>,
}

/// Begins a version. Other writers wait until it is finished or dropped.
pub(super) async fn begin(
    store: &MemoryStore,
    plan: &VersionPlan,
) -> StoreResult<impl VersionWriter + use<>> {
    let writing = store.writer().await?;
    let state = locked(&store.state);
    let old = state.versions.get(&plan.version).map(|old| &old.info);
    check_version_free(plan, old)?;
    let is_number = plan.version > 0;
    check(
        is_number,
        "enter the version",
        "allocation_versions_version_check",
    )?;
    let others = state
        .versions
        .values()
        .filter(|v| v.info.version != plan.version);
    let ids = others.flat_map(|stored| stored.allocations.last());
    Ok(MemoryVersionWriter {
        store: store.clone(),
        plan: plan.clone(),
        made: StoredVersion {
            info: version_info(plan, old),
            allocations: Vec::new(),
            open_lots: Vec::new(),
            summaries: BTreeMap::new(),
            rates: Vec::new(),
            lot_moves: Vec::new(),
        },
        pairs: BTreeSet::new(),
        id_last: ids.map(|row| row.id).max().unwrap_or(0),
        _writing: writing,
    })
}

/// Returns the registry's row of a version that is being written. It keeps the publication of the
/// version that it replaces.
fn version_info(plan: &VersionPlan, old: Option<&VersionInfo>) -> VersionInfo {
    VersionInfo {
        version: plan.version,
        scope: VersionScope::of(&plan.scope),
        status: VersionStatus::Running,
        origin: plan.origin,
        ledger_hash: None,
        allocations_hash: None,
        rates_hash: None,
        policy: plan.policy.clone(),
        watermark: plan.watermark.clone(),
        engine_version: env!("CARGO_PKG_VERSION").into(),
        complete_through: None,
        created_at: plan.created_at,
        completed_at: None,
        published_at: old.and_then(|old| old.published_at),
        sealed: None,
    }
}

#[async_trait]
impl VersionWriter for MemoryVersionWriter {
    fn encoder(&self) -> Arc<dyn RowEncoder> {
        Arc::new(NoSpelling)
    }

    async fn write(&mut self, parts: &mut dyn PartSource) -> StoreResult<()> {
        while let Some(part) = parts.next().await? {
            if let Part::Pool(outcome, _) = part {
                self.load_pool(&outcome)?;
            }
        }
        Ok(())
    }

    async fn finish(self: Box<Self>, completion: &Completion) -> StoreResult<()> {
        let Self {
            store,
            plan,
            mut made,
            _writing,
            ..
        } = *self;
        let (version, at) = (plan.version, completion.completed_at);
        made.info.status = completion.status;
        made.info.ledger_hash = Some(completion.ledger_hash);
        made.info.allocations_hash = Some(completion.allocations_hash);
        made.lock_rates(&completion.rates)?;
        made.lot_moves = sorted_moves(&completion.lot_moves);
        made.info.complete_through = completion.complete_through;
        made.info.completed_at = Some(at);
        let state = &mut *locked(&store.state);
        state.versions.insert(version, made);
        close(state, &Closing::of_version(&plan, completion))
    }
}

impl MemoryVersionWriter {
    fn load_pool(&mut self, outcome: &PoolOutcome) -> StoreResult<()> {
        let pool = &outcome.pool;
        let is_new = !self.made.summaries.contains_key(pool);
        check(is_new, "write allocations", "fifo_pool_summary_key")?;
        if let PoolResult::Matched(matching) = &outcome.result {
            self.load_matching(matching)?;
        }
        let (watermark, at) = (&self.plan.watermark, self.plan.allocation_time);
        let summary = PoolSummary::of(outcome, watermark, at);
        self.made.summaries.insert(pool.clone(), summary);
        Ok(())
    }

    fn load_matching(&mut self, matching: &Matching) -> StoreResult<()> {
        for row in matching.rows()? {
            let moved = row.moved.map_or("", |it| it.movement.as_str());
            let ids = [row.sell_order_id, row.buy_order_id.unwrap_or(""), moved];
            let (ids, legs) = (ids.map(str::to_owned), [row.sell_leg, row.buy_leg]);
            let is_new = self.pairs.insert((matching.pool.clone(), ids, legs));
            check(is_new, "write allocations", "fifo_allocations_pair_key")?;
            self.id_last += 1;
            let stored = StoredAllocation::try_from_row(self.id_last, &row)
                .map_err(|error| broken_constraint("write allocations", &error.to_string()))?;
            self.made.allocations.push(stored);
        }
        for lot in matching.open_lots_with_buys() {
            let (buy, lot) = lot?;
            let stored = stored_lot(&matching.pool, &buy, lot);
            self.made.open_lots.push(stored);
        }
        Ok(())
    }
}

fn stored_lot(pool: &Pool, buy: &TradeRef<'_>, lot: &OpenLot) -> (Pool, StoredLot) {
    let whole = buy.value.and_then(|value| {
        let size = buy.size.to_size().ok()?;
        let fee = buy.fee.map(Fact::to_fee);
        Some(Box::new(WholeLot { size, value, fee }))
    });
    let lot = StoredLot {
        buy_order_id: OrderId::unreadable(buy.order_id),
        buy_leg: buy.leg,
        symbol: Symbol::unreadable(pool.symbol_of(buy.symbol)),
        remaining_size: lot.remaining_size,
        remaining_cost_usd: lot.remaining_cost,
        direction: buy.side.opens(),
        moved: buy.moved.map(|moved| Box::new((**moved).clone())),
        whole,
    };
    (pool.clone(), lot)
}

const APPEND: &str = "append to the version";
