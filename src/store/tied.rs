//! The transfers that a read of the ledger applies, and the pools that they tie together.
//!
//! A store keeps movements and a person's decisions. Each read pairs them as of its instant, so
//! that the same rows give the same transfers, in any order of imports. Read next: `values.rs`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::model::{VersionInfo, Watermark};
use super::movements::{MovementStore, transfers};
use crate::engine::{AssetRules, Pool, TiedPools, Timestamp, Transfer, network_fees, tied_pools};
use crate::store::StoreResult;

/// Returns the transfers in which a version and the present differ. A transfer that changed is
/// there twice: as it was, and as it is.
///
/// Errors: as of the store.
pub async fn transfers_changed(
    store: &(impl MovementStore + ?Sized),
    rules: &AssetRules,
    version: &VersionInfo,
) -> StoreResult<Vec<Transfer>> {
    let before = AppliedTransfers::as_of(store, rules, &version.watermark).await?;
    let now = transfers(store, rules, None).await?.into_transfers();
    let [before, now] = [before.all, now].map(BTreeSet::from_iter);
    Ok(before.symmetric_difference(&now).cloned().collect())
}

/// The transfers as of an instant.
#[derive(Debug, Clone, Default)]
pub struct AppliedTransfers {
    /// All of them.
    pub all: Vec<Transfer>,
    /// The pools that they tie together.
    pub groups: Vec<TiedPools>,
    /// The transfers whose networks took a fee in the asset of a pool.
    pub fees: BTreeMap<Pool, Vec<Arc<Transfer>>>,
    /// When lots last came into a pool, or left it.
    last: BTreeMap<Pool, Timestamp>,
}

impl AppliedTransfers {
    /// Reads them as of an instant. A ledger without movements costs no query.
    ///
    /// Errors: as of the store.
    pub async fn as_of(
        store: &(impl MovementStore + ?Sized),
        rules: &AssetRules,
        at: &Watermark,
    ) -> StoreResult<Self> {
        if at.cursors().movement_seq == 0 {
            return Ok(Self::default());
        }
        let all = transfers(store, rules, Some(at)).await?.into_transfers();
        Ok(Self::of(all, rules))
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
            all,
            fees,
            last,
        }
    }

    /// Returns the pools whose lots the transfers move, and those that pay fees of networks.
    pub fn pools(&self) -> BTreeSet<Pool> {
        let tied = self.groups.iter().flat_map(|group| &group.pools);
        tied.chain(self.fees.keys()).cloned().collect()
    }

    /// Returns the transfers of each pool: those that move its lots, and those whose fees it pays.
    pub fn by_pool(&self) -> BTreeMap<Pool, BTreeSet<&Transfer>> {
        let mut by_pool: BTreeMap<Pool, BTreeSet<&Transfer>> = BTreeMap::new();
        for transfer in &self.all {
            for pool in [transfer.sending_pool(), transfer.receiving_pool()] {
                by_pool.entry(pool).or_default().insert(transfer);
            }
        }
        for (pool, transfers) in &self.fees {
            let of_pool = by_pool.entry(pool.clone()).or_default();
            of_pool.extend(transfers.iter().map(|it| &**it));
        }
        by_pool
    }

    /// Returns when lots last came into a pool, or left it.
    pub fn last_at(&self, pool: &Pool) -> Option<Timestamp> {
        self.last.get(pool).copied()
    }
}
