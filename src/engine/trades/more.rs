//! More facts of trades, packed. Nearly all that have any have a fee in a coin and nothing else.

use std::sync::Arc;

use crate::engine::facts::{CoinFee, MoreFacts, MoreRef};

/// More facts of trades, each with the place of the trade's id, which no sorting moves. Order: that
/// of the places.
#[derive(Debug, Clone, Default)]
pub(super) struct MoreList {
    fees: Vec<CoinFee>,
    others: Vec<(u32, Arc<MoreFacts>)>,
}

impl MoreList {
    /// Adds the facts of the last trade. Trades with the same facts in a row share them.
    pub(super) fn push(&mut self, place: u32, more: MoreRef<'_>) {
        let fee = match more {
            MoreRef::Fee(fee) => Some(fee.at(place)),
            MoreRef::All(facts) => CoinFee::of(facts, place),
        };
        if let Some(mut fee) = fee {
            if let Some(last) = self.fees.last() {
                fee.share_currency(last);
            }
            self.fees.push(fee);
            return;
        }
        let shared = match (self.others.last(), more) {
            (Some((_, last)), MoreRef::All(facts)) if **last == *facts => Arc::clone(last),
            _ => Arc::new(more.to_facts()),
        };
        self.others.push((place, shared));
    }

    /// Returns the facts of the trade at a place.
    pub(super) fn find(&self, place: u32) -> Option<MoreRef<'_>> {
        match self.fees.binary_search_by_key(&place, |fee| fee.place) {
            Ok(nth) => self.fees.get(nth).map(MoreRef::Fee),
            Err(_) => self.other(place).map(|facts| MoreRef::All(facts)),
        }
    }

    /// Returns the facts of the trade at a place, shared if they are in memory as a whole.
    pub(super) fn shared(&self, place: u32) -> Option<Arc<MoreFacts>> {
        match self.other(place) {
            Some(facts) => Some(Arc::clone(facts)),
            None => self.find(place).map(|more| Arc::new(more.to_facts())),
        }
    }

    fn other(&self, place: u32) -> Option<&Arc<MoreFacts>> {
        let nth = self.others.binary_search_by_key(&place, |(at, _)| *at);
        self.others.get(nth.ok()?).map(|(_, facts)| facts)
    }

    /// Returns the bytes of memory that the list takes, without shared facts.
    pub(super) fn memory_bytes(&self) -> usize {
        let fees = self.fees.len().saturating_mul(size_of::<CoinFee>());
        let others = self.others.len();
        fees.saturating_add(others.saturating_mul(size_of::<(u32, Arc<MoreFacts>)>()))
    }
}

const _: () = assert!(size_of::<CoinFee>() == 32);
