//! Finds the trades of each stored row, for all checks of a pool.
//!
//! Rows nearly always come in the order in which the second matcher finds them. So each row is
//! first compared with the matcher's next allocation; only a row that differs is looked up.

use std::cell::OnceCell;

use super::super::action::Split;
use super::super::reference::{self, Exact, ReferenceError, ReferenceMatching};
use super::super::side::Side;
use super::super::trade::EntryKey;
use super::super::trade::Trade;
use super::{PoolVersion, StoredAllocation};

/// The kind of thing that an order id of a row names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NamedOrder {
    /// A trade of the pool, of the right side: its place in the ledger's trades.
    Trade(usize),
    /// A trade of the pool, of the other side.
    OtherSide,
    /// No trade of the pool.
    Unknown,
    /// Nothing: the row is the unmatched part of a sell.
    Nothing,
}

impl NamedOrder {
    pub(super) fn trade(self) -> Option<usize> {
        match self {
            Self::Trade(index) => Some(index),
            _ => None,
        }
    }
}

fn id_of(trade: &Trade) -> EntryKey<'_> {
    let entry = &trade.entry;
    (trade.order_id.as_str(), entry.leg, entry.moved.as_deref())
}

/// A stored row and its trades.
pub(super) struct RowEvidence<'a> {
    pub(super) stored: &'a StoredAllocation,
    pub(super) size: Exact,
    pub(super) sell: NamedOrder,
    pub(super) buy: NamedOrder,
    /// Index of the second matcher's allocation of the same pair.
    pub(super) reference: Option<usize>,
}

/// A version of a pool, its trades, and the second matcher's result.
pub(super) struct Evidence<'a> {
    pub(super) version: &'a PoolVersion<'a>,
    pub(super) trades: &'a [Trade],
    /// The trades in the pool's total order.
    pub(super) order: Vec<usize>,
    /// Place of each trade in that order.
    pub(super) places: Vec<usize>,
    /// The second matcher's result. Its `order` moved into the field `order`.
    pub(super) matching: Result<ReferenceMatching, ReferenceError>,
    pub(super) rows: Vec<RowEvidence<'a>>,
    /// Size of each trade.
    pub(super) sizes: Vec<Exact>,
    /// Size that the rows allocate of each trade.
    pub(super) allocated: Vec<Exact>,
    ids: OnceCell<Vec<usize>>,
}

impl<'a> Evidence<'a> {
    pub(super) fn gather(version: &'a PoolVersion<'a>, trades: &'a [Trade]) -> Self {
        let splits = &version.ledger.splits;
        let shorts = version.ledger.shorts;
        let mut matching = match (&version.moved, shorts) {
            (Some(moved), _) => Ok(moved.expected.matching.clone()),
            (None, true) => reference::match_signed_pool(trades, splits),
            (None, false) => reference::match_pool_with_splits(trades, splits),
        };
        let order = match (&mut matching, shorts) {
            (Ok(matching), _) => std::mem::take(&mut matching.order),
            (Err(_), true) => reference::order_in_signed_pool(trades),
            (Err(_), false) => reference::order_in_pool(trades),
        };
        let mut places = vec![0; trades.len()];
        for (place, index) in order.iter().enumerate() {
            if let Some(slot) = places.get_mut(*index) {
                *slot = place;
            }
        }
        let sizes = trades.iter().map(|trade| Exact::of_size(trade.size));
        let mut evidence = Self {
            version,
            trades,
            order,
            places,
            matching,
            rows: Vec::with_capacity(version.allocations.len()),
            sizes: sizes.collect(),
            allocated: vec![Exact::ZERO; trades.len()],
            ids: OnceCell::new(),
        };
        let mut next = 0;
        for stored in version.allocations {
            let row = evidence.recognize(stored, next);
            if let Some(reference) = row.reference {
                next = reference.saturating_add(1);
            }
            for index in [row.sell.trade(), row.buy.trade()].into_iter().flatten() {
                if let Some(sum) = evidence.allocated.get_mut(index) {
                    *sum = sum.plus(&row.size);
                }
            }
            evidence.rows.push(row);
        }
        evidence
    }

    /// Frees the second matcher's allocations. In a large pool they take the most memory of all
    /// fields.
    pub(super) fn drop_allocations(&mut self) {
        if let Ok(matching) = &mut self.matching {
            matching.allocations = Vec::new();
        }
    }

    /// The splits of the pool, in the order of time.
    pub(super) fn splits(&self) -> &'a [Split] {
        &self.version.ledger.splits
    }

    /// Tells whether the pool may go short.
    pub(super) fn is_signed(&self) -> bool {
        self.version.ledger.shorts
    }

    pub(super) fn trade(&self, index: usize) -> Option<&'a Trade> {
        self.trades.get(index)
    }

    pub(super) fn size(&self, index: usize) -> &Exact {
        self.sizes.get(index).unwrap_or(&Exact::ZERO)
    }

    pub(super) fn allocated(&self, index: usize) -> &Exact {
        self.allocated.get(index).unwrap_or(&Exact::ZERO)
    }

    pub(super) fn place(&self, index: usize) -> usize {
        self.places.get(index).copied().unwrap_or(usize::MAX)
    }

    /// Returns the pool's trades of one side, in order: place in the ledger, and the trade.
    pub(super) fn of_side(&self, side: Side) -> impl Iterator<Item = (usize, &'a Trade)> {
        let in_order = self.order.iter();
        in_order
            .filter_map(|index| Some((*index, self.trade(*index)?)))
            .filter(move |(_, trade)| trade.side == side)
    }

    /// Tells whether splits or transfers change lots.
    pub(super) fn is_changed(&self) -> bool {
        !self.splits().is_empty() || self.version.moved.is_some()
    }

    /// Finds the entry of an order id, a leg and an origin. `hint` is the one that it most likely
    /// is.
    pub(super) fn name(&self, id: EntryKey<'_>, side: Side, hint: Option<usize>) -> NamedOrder {
        let is_it = |index: &usize| self.trade(*index).map(id_of) == Some(id);
        let index = hint.filter(is_it).or_else(|| self.find(id));
        match index.and_then(|index| Some((index, self.trade(index)?))) {
            Some((index, trade)) if trade.side == side => NamedOrder::Trade(index),
            Some(_) => NamedOrder::OtherSide,
            None => NamedOrder::Unknown,
        }
    }

    fn find(&self, id: EntryKey<'_>) -> Option<usize> {
        let id_of = |index: &usize| self.trade(*index).map(id_of);
        let ids = self.ids.get_or_init(|| {
            let mut ids: Vec<usize> = (0..self.trades.len()).collect();
            ids.sort_by(|left, right| id_of(left).cmp(&id_of(right)));
            ids
        });
        let found = ids.binary_search_by(|index| id_of(index).cmp(&Some(id)));
        found.ok().and_then(|at| ids.get(at).copied())
    }

    fn recognize(&self, stored: &'a StoredAllocation, next: usize) -> RowEvidence<'a> {
        let allocations = match &self.matching {
            Ok(matching) => matching.allocations.as_slice(),
            Err(_) => &[],
        };
        let likely = allocations.get(next);
        let sell_id = (stored.sell_order_id.as_str(), stored.sell_leg, None);
        let sell = self.name(sell_id, Side::Sell, likely.map(|likely| likely.sell));
        let buy = match &stored.buy_order_id {
            Some(id) => self.name(
                (id.as_str(), stored.buy_leg, stored.moved.as_deref()),
                Side::Buy,
                likely.and_then(|likely| likely.buy),
            ),
            None => NamedOrder::Nothing,
        };
        let reference = match (sell, buy) {
            (NamedOrder::Trade(sell), NamedOrder::Trade(_) | NamedOrder::Nothing) => {
                let buy = buy.trade();
                let is_next = likely.is_some_and(|next| next.sell == sell && next.buy == buy);
                let searched = || {
                    let key = self.key(sell, buy);
                    allocations.binary_search_by_key(&key, |one| self.key(one.sell, one.buy))
                };
                is_next.then_some(next).or_else(|| searched().ok())
            }
            _ => None,
        };
        RowEvidence {
            stored,
            size: Exact::of_size(stored.allocated_size),
            sell,
            buy,
            reference,
        }
    }

    /// The order of allocations: of sells, then of buys, the unmatched part last.
    pub(super) fn key(&self, sell: usize, buy: Option<usize>) -> (usize, usize) {
        let buy = buy.map_or(usize::MAX, |buy| self.place(buy));
        (self.place(sell), buy)
    }
}
