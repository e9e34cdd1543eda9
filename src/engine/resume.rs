//! Goes on where a version ended: new trades on top of the lots that it left open.
//!
//! Matched trades leave open lots and sums, and nothing else matters for later trades. So trades
//! that come after the pool's last sell are matched without its history. The result is that of a
//! run over the whole history. A trade that comes before the last sell would have changed earlier
//! matches. Then only a run over the whole history gives the right result.

use super::direction::LotDirection;
use super::lots::{InventoryLot, LotSums};
use super::matching::match_on;
use super::money::{MoneyError, add_sizes, sub_sizes};
use super::number::Size;
use super::outcome::Matching;
use super::place::PlaceInPool;
use super::pool::{PoolLedger, Rejection, invalid_rows};
use super::side::Side;
use super::totals::PoolTotals;
use super::trade::InvalidTrade;
use super::trades::Trades;

/// A version's state of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolState {
    /// Counts and sums of all trades matched up to now.
    pub totals: PoolTotals,
    /// The last trade matched.
    pub last: Option<PlaceInPool>,
    /// Open lots: all of them in any order, or the oldest ones in order.
    pub lots: Vec<InventoryLot>,
    /// Younger open lots, which the new trades can't reach.
    pub rest: LotSums,
}

/// The outcome of a pool's new trades.
#[derive(Debug, Clone)]
pub enum Continued {
    /// The new trades are matched. The matching has only the new trades; the totals count all
    /// trades.
    Matched(Box<Matching>, Box<PoolTotals>),
    /// The new trades can't be matched. The version keeps the pool's rows as they are.
    Rejected(Rejection),
    /// A new trade comes before matched trades, and would have changed their allocations.
    HistoryChanged {
        /// The first such trade.
        order_id: String,
    },
    /// The snapshot differs from that of the version: a row is missing, or was changed.
    Damaged(String),
}

/// Matches new trades of a pool on top of its open lots.
pub fn continue_pool(mut new: PoolLedger, state: &PoolState) -> Continued {
    if let Err(reason) = check_lots(state) {
        return Continued::Damaged(reason);
    }
    if let Some(rejection) = rejection_of(&mut new) {
        return Continued::Rejected(rejection);
    }
    let PoolLedger {
        pool,
        trades,
        shorts,
        ..
    } = new;
    let late = match shorts {
        true => late_in_signed(&trades, state),
        false => late_trade(&trades, state),
    };
    if let Some(order_id) = late {
        return Continued::HistoryChanged { order_id };
    }
    let before = (state.lots.as_slice(), state.last.as_ref());
    let matching = match match_on(pool, before, trades, shorts) {
        Ok(matching) => matching,
        Err(invalid) => return Continued::Rejected(Rejection::of_row(invalid)),
    };
    if state.rest.lots > 0 && is_past(&matching, state) {
        let reason = "trades reach past the open lots that were read";
        return Continued::Damaged(reason.into());
    }
    let totals = matching
        .self_check()
        .map_err(|error| error.to_string())
        .and_then(|()| {
            let sums = state.totals.followed_by(&matching.totals);
            let rest = (&state.rest, state.totals.open_direction);
            sums.and_then(|sums| with_rest(sums, rest))
                .map_err(|error: MoneyError| error.to_string())
        });
    match totals {
        Ok(totals) => Continued::Matched(Box::new(matching), Box::new(totals)),
        Err(reason) => Continued::Rejected(Rejection::of_check(&reason)),
    }
}

/// Returns how many units of a pool's open lots new trades can use: sells, and also buys if the
/// pool may go short. `None`: unknown, for example because a new trade comes before the last one.
pub fn reach_of(new: &PoolLedger, last: Option<&PlaceInPool>) -> Option<Size> {
    let last = last?.borrowed();
    let mut reach = Size::ZERO;
    for trade in new.trades.iter() {
        if trade.place() <= last {
            return None;
        }
        if trade.side == Side::Sell || new.shorts {
            reach = add_sizes(reach, trade.size.to_size().ok()?).ok()?;
        }
    }
    Some(reach)
}

/// Returns why a pool's rows can't be matched, and takes the reason out of the pool.
pub(super) fn rejection_of(new: &mut PoolLedger) -> Option<Rejection> {
    if let Some(error) = new.refused.take() {
        return Some(Rejection::of_quote(&error));
    }
    if new.is_mixed {
        return Some(Rejection::of_classes(&new.pool.asset));
    }
    let invalid = invalid_rows(std::mem::take(&mut new.invalid));
    let of_action = || new.unapplied.take().map(|it| Rejection::of_action(&it));
    let of_transfer = || {
        let refused = new.moves.as_ref()?.refused.clone()?;
        Some(Rejection {
            issue: refused.issue,
            invalid: refused.invalid,
            ..Rejection::of_check(&refused.reason)
        })
    };
    invalid.or_else(of_action).or_else(of_transfer)
}

impl PoolLedger {
    /// Tells whether the pool's rows, its actions or its transfers keep it from being matched.
    pub fn is_refused(&self) -> bool {
        let has_faults = self.refused.is_some() || self.is_mixed || !self.invalid.is_empty();
        let is_moved_wrong = || self.moves.as_ref().is_some_and(|moves| moves.is_refused());
        has_faults || self.unapplied.is_some() || is_moved_wrong()
    }
}

/// Tells whether new trades used more than the lots that were read.
fn is_past(matching: &Matching, state: &PoolState) -> bool {
    let totals = &matching.totals;
    let is_turned = totals.open_lots > 0 && totals.open_direction != state.totals.open_direction;
    totals.sells_unmatched > 0 || is_turned
}

/// Adds the open lots that were not read to a pool's totals. They have the direction of all lots
/// before the new trades.
fn with_rest(
    mut totals: PoolTotals,
    (rest, direction): (&LotSums, LotDirection),
) -> Result<PoolTotals, MoneyError> {
    if rest.lots > 0 {
        totals.open_direction = direction;
    }
    totals.open_lots = totals.open_lots.saturating_add(rest.lots);
    totals.open_size = add_sizes(totals.open_size, rest.size)?;
    totals.open_cost = totals.open_cost.checked_add(rest.cost)?;
    Ok(totals)
}

/// Compares the open lots with the version's sums of them.
fn check_lots(state: &PoolState) -> Result<(), String> {
    let mut sums = state.rest;
    for lot in &state.lots {
        if lot.buy.side.opens() != state.totals.open_direction {
            return Err(format!(
                "the open lot \"{}\" is {}, expected a {} one",
                lot.buy.order_id,
                lot.buy.side.opens(),
                state.totals.open_direction
            ));
        }
        check_cost(lot)?;
        sums.try_add(lot.remaining_size, lot.remaining_cost)
            .map_err(|error| error.to_string())?;
    }
    let totals = &state.totals;
    let expected = LotSums {
        lots: totals.open_lots,
        size: totals.open_size,
        cost: totals.open_cost,
    };
    if sums != expected {
        return Err(format!(
            "{} open lots of {} at {} USD, expected {} of {} at {}",
            sums.lots, sums.size, sums.cost, expected.lots, expected.size, expected.cost
        ));
    }
    let places = || state.lots.iter().map(|lot| lot.buy.place());
    if state.rest.lots > 0 && !places().is_sorted() {
        return Err("the open lots do not stand in their order".into());
    }
    Ok(())
}

/// Compares a lot's recorded cost with the computed one.
fn check_cost(lot: &InventoryLot) -> Result<(), String> {
    let cost = sub_sizes(lot.buy.size, lot.remaining_size).and_then(|used| {
        let whole = lot.cost_of_first(lot.buy.size)?;
        whole.checked_sub(lot.cost_of_first(used)?)
    });
    match cost {
        Ok(cost) if cost == lot.remaining_cost => Ok(()),
        Ok(cost) => Err(format!(
            "the open lot \"{}\" cost {} USD, expected {cost}",
            lot.buy.order_id, lot.remaining_cost
        )),
        Err(error) => Err(format!("the open lot \"{}\": {error}", lot.buy.order_id)),
    }
}

/// Returns the id of the first trade that would have changed earlier matches.
///
/// A buy that comes before the last sell changes nothing if an older lot is still open. No sell
/// used that lot up, so no sell would have used the later buy.
fn late_trade(new: &Trades, state: &PoolState) -> Option<String> {
    let last_sell = state.totals.last_sell?;
    let oldest_lot = state.lots.iter().map(|lot| lot.buy.place()).min();
    // The last sell has a place here only if it is the pool's last trade.
    let last = state.last.as_ref().map(PlaceInPool::borrowed);
    let last_is_sell = last.filter(|last| last.side == Side::Sell);
    let late = new.iter().map(|trade| trade.place()).filter(|place| {
        let is_after = place.order_time > last_sell
            || (place.order_time == last_sell && last_is_sell.is_some_and(|last| *place > last));
        let is_behind = place.side == Side::Buy && oldest_lot.is_some_and(|oldest| oldest < *place);
        !is_after && !is_behind
    });
    late.min().map(|place| place.order_id.to_owned())
}

/// Returns the id of the first trade that is not after the last one of a pool that may go short.
/// Each trade of such a pool may close what later ones closed.
fn late_in_signed(new: &Trades, state: &PoolState) -> Option<String> {
    let last = state.last.as_ref()?.order_time;
    let late = new.iter().map(|trade| trade.place());
    let late = late.filter(|place| place.order_time <= last);
    let first = late.min_by(|left, right| left.cmp_in_signed(right))?;
    Some(first.order_id.to_owned())
}

impl Rejection {
    /// Makes the rejection of a pool for one of its rows.
    pub(super) fn of_row(invalid: InvalidTrade) -> Self {
        Self {
            issue: invalid.issue,
            reason: invalid.to_string(),
            invalid: vec![invalid],
            settings: String::new(),
            column: None,
        }
    }
}
