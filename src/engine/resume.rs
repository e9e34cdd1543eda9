//! Goes on where a version ended: new trades on top of the lots that it left open.
//!
//! What a pool's past leaves behind is its open lots; all else of it is sums. So trades that come
//! after the pool's last sell are matched without its history, and give what a run over all of it
//! would give. A trade that comes before the last sell would have been matched otherwise: then only
//! a run over all of the pool's history can tell.

use std::collections::BTreeMap;

use super::issue::IssueType;
use super::matching::match_on;
use super::money::{MoneyError, add_sizes, fee_share_of_size, gross_of_size, sub_sizes};
use super::number::{Size, Usd};
use super::outcome::{Matching, PoolTotals};
use super::pool::{PoolLedger, Rejection, invalid_rows};
use super::time::Timestamp;
use super::trade::{InvalidTrade, Side, Trade};
use super::trades::{TradeRef, Trades};

/// A trade's place in its pool's total order, as a version keeps it of a pool's last trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderKey {
    /// When it was executed.
    pub order_time: Timestamp,
    /// Buy or sell.
    pub side: Side,
    /// The venue's own sequence.
    pub trade_seq: Option<i64>,
    /// Unique in the account.
    pub order_id: String,
}

impl OrderKey {
    /// Returns a trade's key.
    pub fn of(trade: &TradeRef<'_>) -> Self {
        Self {
            order_time: trade.order_time,
            side: trade.side,
            trade_seq: trade.trade_seq,
            order_id: trade.order_id.to_owned(),
        }
    }

    fn parts(&self) -> (Timestamp, Side, (bool, i64), &[u8]) {
        let seq = (self.trade_seq.is_none(), self.trade_seq.unwrap_or(0));
        (self.order_time, self.side, seq, self.order_id.as_bytes())
    }
}

impl Ord for OrderKey {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.parts().cmp(&other.parts())
    }
}

impl PartialOrd for OrderKey {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// An open lot, as a version's inventory snapshot has it, and its buy, as the ledger has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CarriedLot {
    /// The whole buy.
    pub buy: Trade,
    /// What is left of it. Units: base units.
    pub remaining_size: Size,
    /// What that cost. Units: USD.
    pub remaining_cost: Usd,
}

/// Where a version stands with a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolState {
    /// Counts and sums of all matched up to now.
    pub totals: PoolTotals,
    /// The last trade matched.
    pub last: Option<OrderKey>,
    /// All open lots, in any order.
    pub lots: Vec<CarriedLot>,
}

/// What became of a pool's new trades.
#[derive(Debug, Clone)]
pub enum Continued {
    /// They are matched: the matching has only them, the totals have all.
    Matched(Box<Matching>, Box<PoolTotals>),
    /// They can't be matched: the version stays as it is there.
    Rejected(Rejection),
    /// A trade comes before what was matched, and would have changed it.
    HistoryChanged {
        /// The first such trade.
        order_id: String,
    },
    /// The snapshot is not what the version left: a row is missing, or was changed.
    Damaged(String),
}

/// Matches new trades of a pool on top of its open lots.
pub fn continue_pool(new: PoolLedger, state: &PoolState) -> Continued {
    if let Err(reason) = check_lots(state) {
        return Continued::Damaged(reason);
    }
    let PoolLedger {
        pool,
        trades,
        invalid,
        ..
    } = new;
    if let Some(rejection) = invalid_rows(invalid) {
        return Continued::Rejected(rejection);
    }
    if let Some(order_id) = late_trade(&trades, state) {
        return Continued::HistoryChanged { order_id };
    }
    let matching = match match_on(pool, &state.lots, trades) {
        Ok(matching) => matching,
        Err(invalid) => return Continued::Rejected(Rejection::of_row(invalid)),
    };
    let totals = matching
        .self_check()
        .map_err(|error| error.to_string())
        .and_then(|()| {
            let sums = state.totals.followed_by(&matching.totals);
            sums.map_err(|error: MoneyError| error.to_string())
        });
    match totals {
        Ok(totals) => Continued::Matched(Box::new(matching), Box::new(totals)),
        Err(reason) => Continued::Rejected(Rejection {
            issue: IssueType::AllocationError,
            reason,
            invalid: Vec::new(),
        }),
    }
}

/// Compares the lots with the sums that the version has of them.
fn check_lots(state: &PoolState) -> Result<(), String> {
    let count = u64::try_from(state.lots.len()).unwrap_or(u64::MAX);
    let mut sums = (Size::ZERO, Usd::ZERO);
    for lot in &state.lots {
        check_cost(lot)?;
        sums = add_sizes(sums.0, lot.remaining_size)
            .and_then(|size| Ok((size, sums.1.checked_add(lot.remaining_cost)?)))
            .map_err(|error| error.to_string())?;
    }
    let totals = &state.totals;
    let expected = (totals.open_lots, (totals.open_size, totals.open_cost));
    if (count, sums) != expected {
        let ((size, cost), (open_size, open_cost)) = (sums, expected.1);
        return Err(format!(
            "{count} open lots of {size} at {cost} USD, expected {} of {open_size} at {open_cost}",
            expected.0
        ));
    }
    Ok(())
}

/// Compares what a lot is said to have cost with what it did.
fn check_cost(lot: &CarriedLot) -> Result<(), String> {
    let cost_of_first = |used: Size| {
        let fee = fee_share_of_size(lot.buy.fee, used, lot.buy.size)?;
        gross_of_size(lot.buy.price, used)?.checked_add(fee)
    };
    let cost = sub_sizes(lot.buy.size, lot.remaining_size)
        .and_then(|used| cost_of_first(lot.buy.size)?.checked_sub(cost_of_first(used)?));
    match cost {
        Ok(cost) if cost == lot.remaining_cost => Ok(()),
        Ok(cost) => Err(format!(
            "the open lot \"{}\" cost {} USD, expected {cost}",
            lot.buy.order_id, lot.remaining_cost
        )),
        Err(error) => Err(format!("the open lot \"{}\": {error}", lot.buy.order_id)),
    }
}

/// Returns the id of the first trade that would have changed what is matched.
///
/// A buy that comes before the last sell changes nothing where an older lot is still open: no sell
/// has come past that one, so none would have reached the buy.
fn late_trade(new: &Trades, state: &PoolState) -> Option<String> {
    let last_sell = state.totals.last_sell?;
    let keys = state.lots.iter().filter_map(|lot| {
        let buy = TradeRef::try_of(&lot.buy).ok()?;
        Some(OrderKey::of(&buy))
    });
    let oldest_lot = keys.min();
    // The last trade of all is the last sell where nothing came after that.
    let last_is_sell = state.last.as_ref().filter(|last| last.side == Side::Sell);
    let late = new.iter().map(|trade| OrderKey::of(&trade)).filter(|key| {
        let is_after = key.order_time > last_sell
            || (key.order_time == last_sell && last_is_sell.is_some_and(|last| key > last));
        let is_behind =
            key.side == Side::Buy && oldest_lot.as_ref().is_some_and(|oldest| oldest < key);
        !is_after && !is_behind
    });
    late.min().map(|key| key.order_id)
}

/// Lots by the id of their buy, to find them among a pool's sorted trades.
pub(super) fn lots_by_id(lots: &[CarriedLot]) -> BTreeMap<&str, &CarriedLot> {
    lots.iter()
        .map(|lot| (lot.buy.order_id.as_str(), lot))
        .collect()
}

impl Rejection {
    fn of_row(invalid: InvalidTrade) -> Self {
        Self {
            issue: IssueType::InvalidTrade,
            reason: invalid.to_string(),
            invalid: vec![invalid],
        }
    }
}
