//! Ids for rows that have none: the hash of a row's facts, and a number.
//!
//! A file may have several rows with equal facts, and each is a trade. So the number counts equal
//! rows of one file. A file that overlaps an earlier one gives its rows the same ids, in any
//! order. Neither file may begin or end between two rows of one instant.
//!
//! A format makes the first part of an id alone (`formats/made_ids.rs`). The number needs the rows
//! in the order of the file, so it comes later.

use std::collections::HashMap;

use super::repeats::{TradeHasher, TradeHashes};
use crate::engine::{Account, AssetAction, LedgerTrade, Movement, OrderId};

/// Numbers the movements of a file whose ids are made. Order: as in the file.
pub fn number_movements(movements: &mut [Movement]) {
    let mut counts: HashMap<(Account, OrderId), u64> = HashMap::new();
    for row in movements {
        let nth = counts.entry((row.account.clone(), row.movement_id.clone()));
        row.movement_id = numbered(&row.movement_id, counted(nth.or_default()));
    }
}

/// Numbers the actions of a file that state the units that came: two equal ones are two. Equal
/// ratios are one action, named twice. Order: as in the file.
pub fn number_actions(actions: &mut [AssetAction]) {
    let mut counts: HashMap<(Option<Account>, OrderId), u64> = HashMap::new();
    for row in actions.iter_mut().filter(|row| row.units.is_some()) {
        let nth = counts.entry((row.account.clone(), row.action_id.clone()));
        row.action_id = numbered(&row.action_id, counted(nth.or_default()));
    }
}

fn counted(count: &mut u64) -> u64 {
    *count = count.saturating_add(1);
    *count
}

fn numbered(id: &OrderId, nth: u64) -> OrderId {
    format!("{id}-{nth}").parse().unwrap_or_else(|_| id.clone())
}

/// Numbers the trades of a file that have equal facts.
#[derive(Debug, Clone, Default)]
pub struct Numbering {
    /// Hashes of the ids that come twice, sorted. `None`: nobody knows, so each id is kept.
    repeated: Option<(TradeHasher, Vec<u64>)>,
    /// How many trades of an id there were.
    counts: HashMap<(Account, OrderId), u64>,
}

impl Numbering {
    /// Makes a numbering that counts only ids whose hashes come twice: any other comes once.
    pub fn of(hashes: TradeHashes, hasher: TradeHasher) -> Self {
        Self {
            repeated: Some((hasher, hashes.into_repeated())),
            counts: HashMap::new(),
        }
    }

    /// Adds the number to a trade's id. Order: as in the file.
    pub fn number(&mut self, trade: &mut LedgerTrade) {
        let nth = match self.may_repeat(trade) {
            false => 1,
            true => {
                let key = (trade.account.clone(), trade.trade.order_id.clone());
                let count = self.counts.entry(key).or_default();
                *count = count.saturating_add(1);
                *count
            }
        };
        let id = format!("{}-{nth}", trade.trade.order_id);
        if let Ok(id) = id.parse() {
            trade.trade.order_id = id;
        }
    }

    fn may_repeat(&self, trade: &LedgerTrade) -> bool {
        match &self.repeated {
            None => true,
            Some((hasher, hashes)) => hashes.binary_search(&hasher.hash(trade)).is_ok(),
        }
    }
}
