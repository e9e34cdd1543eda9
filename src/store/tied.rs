//! The transfers and the income that a read of the ledger applies, and the pools that transfers tie
//! together.
//!
//! A store keeps movements and a person's decisions. Each read pairs them as of its instant, so
//! that the same rows give the same transfers, in any order of imports. Read next: `values.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::actions::ActionStore;
use super::model::{VersionInfo, Watermark};
use super::movements::MovementStore;
use crate::engine::{
    AssetRules, Income, Movement, Pool, TiedPools, Timestamp, Transfer, income_of, network_fees,
    pair, received_income, tied_pools, with_decided_income,
};
use crate::store::StoreResult;

/// Returns when the transfers, the income and the actions happened in which a version and the
/// present differ. A transfer that changed is there twice: as it was, and as it is.
///
/// Errors: as of the store.
pub async fn moves_changed(
    store: &(impl MovementStore + ActionStore + ?Sized),
    rules: &AssetRules,
    version: &VersionInfo,
) -> StoreResult<Vec<Timestamp>> {
    let before = AppliedMovements::as_of(store, rules, &version.watermark).await?;
    let now = AppliedMovements::of_ledger(store, rules, None).await?;
    let [before, now] = [&before, &now].map(AppliedMovements::all_moves);
    let changed = before.symmetric_difference(&now);
    let mut changed: Vec<Timestamp> = changed.map(AppliedMove::at).collect();
    let before = store.actions(Some(&version.watermark)).await?;
    let now = store.actions(None).await?;
    for (actions, others) in [(&before, &now), (&now, &before)] {
        let only = actions.iter().filter(|action| !others.contains(action));
        changed.extend(only.map(|action| action.happened_at));
    }
    Ok(changed)
}

/// The movements that a read applies, as of an instant.
#[derive(Debug, Clone, Default)]
pub struct AppliedMovements {
    /// All transfers.
    pub transfers: Vec<Transfer>,
    /// The pools that they tie together.
    pub groups: Vec<TiedPools>,
    /// The transfers whose networks took a fee in the asset of a pool.
    pub fees: BTreeMap<Pool, Vec<Arc<Transfer>>>,
    /// The income of each pool.
    pub income: BTreeMap<Pool, Vec<Income>>,
    /// Income beside lots: dollars, the money of states and the like.
    pub income_beside: BTreeSet<Income>,
    /// When lots last came into a pool by a transfer, or left it.
    last: BTreeMap<Pool, Timestamp>,
}

/// A transfer, or income.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum AppliedMove<'a> {
    /// A transfer.
    Transfer(&'a Transfer),
    /// Income.
    Income(&'a Income),
}

impl AppliedMove<'_> {
    fn at(&self) -> Timestamp {
        match self {
            Self::Transfer(transfer) => transfer.sent_at,
            Self::Income(income) => income.at,
        }
    }
}

impl AppliedMovements {
    /// Reads them as of an instant. A ledger without movements costs no query.
    ///
    /// Errors: as of the store.
    pub async fn as_of(
        store: &(impl MovementStore + ?Sized),
        rules: &AssetRules,
        at: &Watermark,
    ) -> StoreResult<Self> {
        match at.cursors().movement_seq {
            0 => Ok(Self::default()),
            _ => Self::of_ledger(store, rules, Some(at)).await,
        }
    }

    async fn of_ledger(
        store: &(impl MovementStore + ?Sized),
        rules: &AssetRules,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Self> {
        let movements = store.movements(as_of).await?;
        if movements.is_empty() {
            return Ok(Self::default());
        }
        let decisions = store.transfer_decisions(as_of).await?;
        let movements = with_decided_income(movements, &decisions);
        let transfers = pair(&movements, &decisions, rules).into_transfers();
        let mut applied = Self::of(transfers, rules);
        movements
            .iter()
            .for_each(|row| applied.add_income(row, rules));
        Ok(applied)
    }

    fn add_income(&mut self, row: &Movement, rules: &AssetRules) {
        match income_of(row, rules) {
            Ok(it) => self.income.entry(it.pool.clone()).or_default().push(it),
            Err(_) => self.income_beside.extend(received_income(row, rules)),
        }
    }

    fn of(all: Vec<Transfer>, rules: &AssetRules) -> Self {
        let mut fees: BTreeMap<Pool, Vec<Arc<Transfer>>> = BTreeMap::new();
        let mut last: BTreeMap<Pool, Timestamp> = BTreeMap::new();
        for transfer in &all {
            let ends = [
                (transfer.sending_pool(), transfer.sent_at),
                (transfer.receiving_pool(), transfer.arrives_at()),
            ];
            for (pool, at) in ends {
                let known = last.entry(pool).or_insert(at);
                *known = at.max(*known);
            }
            for (pool, _) in network_fees(transfer, rules) {
                let of_pool = fees.entry(pool).or_default();
                of_pool.push(Arc::new(transfer.clone()));
            }
        }
        Self {
            groups: tied_pools(&all),
            transfers: all,
            fees,
            income: BTreeMap::new(),
            income_beside: BTreeSet::new(),
            last,
        }
    }

    /// Returns the pools whose lots the transfers move, and those that pay fees of networks.
    pub fn tied_pools(&self) -> BTreeSet<Pool> {
        let tied = self.groups.iter().flat_map(|group| &group.pools);
        tied.chain(self.fees.keys()).cloned().collect()
    }

    /// Returns the pools that the movements concern.
    pub fn pools(&self) -> BTreeSet<Pool> {
        let mut pools = self.tied_pools();
        pools.extend(self.income.keys().cloned());
        pools
    }

    /// Returns the movements of each pool: the transfers that move its lots, or whose fees it pays,
    /// and its income.
    pub fn by_pool(&self) -> BTreeMap<Pool, BTreeSet<AppliedMove<'_>>> {
        let mut by_pool: BTreeMap<Pool, BTreeSet<AppliedMove<'_>>> = BTreeMap::new();
        for transfer in &self.transfers {
            for pool in [transfer.sending_pool(), transfer.receiving_pool()] {
                let of_pool = by_pool.entry(pool).or_default();
                of_pool.insert(AppliedMove::Transfer(transfer));
            }
        }
        for (pool, transfers) in &self.fees {
            let of_pool = by_pool.entry(pool.clone()).or_default();
            of_pool.extend(transfers.iter().map(|it| AppliedMove::Transfer(it)));
        }
        for (pool, income) in &self.income {
            let of_pool = by_pool.entry(pool.clone()).or_default();
            of_pool.extend(income.iter().map(AppliedMove::Income));
        }
        by_pool
    }

    fn all_moves(&self) -> BTreeSet<AppliedMove<'_>> {
        let transfers = self.transfers.iter().map(AppliedMove::Transfer);
        let income = self.income.values().flatten();
        let income = income.chain(&self.income_beside);
        transfers.chain(income.map(AppliedMove::Income)).collect()
    }

    /// Returns accounts and assets whose income beside lots is another one than before.
    pub fn beside_unlike(&self, before: &Self) -> BTreeSet<Pool> {
        let unlike = self
            .income_beside
            .symmetric_difference(&before.income_beside);
        unlike.map(|it| it.pool.clone()).collect()
    }

    /// Returns when lots last came into a pool, or left it.
    pub fn last_at(&self, pool: &Pool) -> Option<Timestamp> {
        self.last.get(pool).copied()
    }
}
