//! Finds the pool that has an order, if a row names an order that its own pool lacks.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use crate::engine::{Account, Asset, Pool};
use crate::store::model::LedgerRead;

/// Finds the symbol in which an order is a trade.
pub(super) enum OtherPools {
    /// The whole ledger is in memory.
    Here(OnceLock<OrderIndex>),
    /// The ledger is read in parts. A question is noted, and gets no answer for now.
    Later(Mutex<Asked>),
    /// All parts were searched for the noted orders.
    Known(Arc<FoundPools>),
}

/// Questions about orders that may be in other parts of the ledger.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// Pools to check again, once the answers are known.
    pub(super) pools: BTreeSet<Pool>,
    /// Ids of the orders to find.
    pub(super) ids: BTreeSet<String>,
}

/// For each order id, the pools that have a trade with it, in canonical order.
#[derive(Debug, Default)]
pub(super) struct FoundPools(BTreeMap<String, Vec<Pool>>);

impl OtherPools {
    pub(super) fn here() -> Self {
        Self::Here(OnceLock::new())
    }

    pub(super) fn later() -> Self {
        Self::Later(Mutex::default())
    }

    /// Returns the symbol in which an order is a trade, best in the account of the pool `asking`.
    pub(super) fn find(&self, read: &LedgerRead, asking: &Pool, order_id: &str) -> Option<Asset> {
        match self {
            Self::Here(orders) => {
                let orders = orders.get_or_init(|| OrderIndex::of(read));
                nearest(&orders.find(read, order_id), &asking.account)
            }
            Self::Later(asked) => {
                let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
                asked.pools.insert(asking.clone());
                asked.ids.insert(order_id.to_owned());
                None
            }
            Self::Known(found) => {
                let pools: Vec<&Pool> = found.0.get(order_id)?.iter().collect();
                nearest(&pools, &asking.account)
            }
        }
    }

    /// Moves the noted questions into a collection.
    pub(super) fn move_asked(&self, into: &mut Asked) {
        if let Self::Later(asked) = self {
            let mut asked = asked.lock().unwrap_or_else(PoisonError::into_inner);
            into.pools.append(&mut asked.pools);
            into.ids.append(&mut asked.ids);
        }
    }
}

fn nearest(pools: &[&Pool], account: &Account) -> Option<Asset> {
    let same_account = pools.iter().find(|pool| pool.account == *account);
    same_account
        .or(pools.first())
        .map(|pool| pool.asset.clone())
}

impl FoundPools {
    /// Searches a part of the ledger for orders. Order: parts come in canonical order.
    pub(super) fn look(&mut self, read: &LedgerRead, ids: &BTreeSet<String>) {
        for (pool, ledger) in &read.pools {
            let asked = ledger.trades.iter().filter(|it| ids.contains(it.order_id));
            for trade in asked {
                let pools = self.0.entry(trade.order_id.to_owned()).or_default();
                pools.push(pool.clone());
            }
        }
    }
}

/// An index of the ledger by order id. It is made for the first row that names a strange order.
pub(super) struct OrderIndex {
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

    /// Returns the pools that have a trade with an order id, in canonical order.
    fn find(&self, read: &LedgerRead, order_id: &str) -> Vec<&Pool> {
        let first = self
            .places
            .partition_point(|place| self.id(read, *place) < order_id);
        let same = self.places.get(first..).unwrap_or_default().iter();
        let same = same.take_while(|place| self.id(read, **place) == order_id);
        same.filter_map(|(pool, _)| self.pools.get(*pool as usize))
            .collect()
    }
}
