//! Counts the trades whose place in their pool's order only their id decides.
//!
//! A trade counts if the trade before it in its pool's order has the same time, side and sequence
//! (or both have none). Of k trades that tie, k - 1 count. So the counts of a pool's slices add up,
//! as slices are cut between instants. So do the counts of a version and of the trades appended to
//! it.

use super::lots::EarlierLot;
use super::place::PlaceInPool;
use super::side::Side;
use super::trade::TradeRef;
use super::trades::Trades;

/// How many buys and sells are ordered by their ids.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Ties {
    pub(super) buys: u64,
    pub(super) sells: u64,
}

impl Ties {
    /// Counts the ties of sorted trades, without those that an earlier matching counted.
    ///
    /// `earlier` are buys of open lots; the matching that opened them counted their ties. `last` is
    /// the last trade that was matched before.
    pub(super) fn of(trades: &Trades, earlier: &[EarlierLot], last: Option<&PlaceInPool>) -> Self {
        let mut ties = Self::default();
        let mut earlier = earlier.iter().peekable();
        let mut before: Option<TradeRef<'_>> = None;
        let mut earlier_before: Option<TradeRef<'_>> = None;
        for (index, trade) in (0..).zip(trades.iter()) {
            let is_earlier = earlier.next_if(|it| it.buy == index).is_some();
            if trade.moved.is_some() {
                // It is a trade of another account, or it was counted when it was bought.
                continue;
            }
            let ties_with = |other: &TradeRef<'_>| other.place().ties_with(&trade.place());
            let is_behind = before.as_ref().is_some_and(ties_with);
            let counts = match is_earlier {
                // An earlier matching counted this buy if it tied with an earlier trade.
                true => is_behind && !earlier_before.as_ref().is_some_and(ties_with),
                false => is_behind || is_behind_last(&trade, before.as_ref(), last),
            };
            if counts {
                ties.add(trade.side);
            }
            if is_earlier {
                earlier_before = Some(trade);
            }
            before = Some(trade);
        }
        ties
    }

    fn add(&mut self, side: Side) {
        let count = match side {
            Side::Buy => &mut self.buys,
            Side::Sell => &mut self.sells,
        };
        *count = count.saturating_add(1);
    }
}

/// Tells whether a new trade follows the last matched one and ties with it.
fn is_behind_last(
    trade: &TradeRef<'_>,
    before: Option<&TradeRef<'_>>,
    last: Option<&PlaceInPool>,
) -> bool {
    let Some(last) = last.map(PlaceInPool::borrowed) else {
        return false;
    };
    let place = trade.place();
    last < place && last.ties_with(&place) && before.is_none_or(|before| before.place() < last)
}

#[cfg(test)]
mod tests {
    use super::super::trade::{Trade, TradeText};
    use super::*;

    /// Buys and sells of one size; the first of them are open lots of before.
    fn ties(rows: &[(&str, &str, i64, Option<i64>)], earlier: &[u32], last: Option<&str>) -> Ties {
        let trade = |(order_id, side, second, trade_seq): &(&str, &str, i64, Option<i64>)| {
            Trade::try_from_text(&TradeText {
                order_id,
                side,
                size: "1",
                price: "1",
                fee: None,
                order_time_micros: Some(*second),
                trade_seq: *trade_seq,
                more: None,
            })
            .unwrap()
        };
        let trades: Vec<Trade> = rows.iter().map(trade).collect();
        let mut trades = Trades::try_of(&trades).unwrap();
        trades.sort(false);
        let used = "0.5".parse().unwrap();
        let earlier: Vec<EarlierLot> = earlier
            .iter()
            .map(|place| EarlierLot {
                buy: *place,
                used,
                was_used: false,
                only_moved: false,
            })
            .collect();
        let last = last.map(|id| PlaceInPool {
            order_time: super::super::time::Timestamp::try_from_micros(9).unwrap(),
            side: Side::Sell,
            trade_seq: None,
            order_id: id.into(),
            leg: crate::engine::Leg::Base,
        });
        Ties::of(&trades, &earlier, last.as_ref())
    }

    fn found(buys: u64, sells: u64) -> Ties {
        Ties { buys, sells }
    }

    #[test]
    fn of_those_that_tie_all_but_one_count() {
        let buys = [
            ("a", "buy", 1, None),
            ("b", "buy", 1, None),
            ("c", "buy", 1, None),
        ];
        assert_eq!(ties(&buys, &[], None), found(2, 0));
        // Time, side and sequence tell apart.
        let apart = [
            ("a", "buy", 1, None),
            ("b", "buy", 2, None),
            ("c", "sell", 2, None),
            ("d", "sell", 2, Some(1)),
            ("e", "sell", 2, Some(2)),
        ];
        assert_eq!(ties(&apart, &[], None), found(0, 0));
        let same_sequence = [("d", "sell", 2, Some(1)), ("e", "sell", 2, Some(1))];
        assert_eq!(ties(&same_sequence, &[], None), found(0, 1));
    }

    #[test]
    fn what_counted_before_does_not_count_again() {
        let buys = [
            ("a", "buy", 1, None),
            ("b", "buy", 1, None),
            ("c", "buy", 1, None),
        ];
        assert_eq!(ties(&buys, &[0, 1, 2], None), found(0, 0));
        // One new trade after, between and before two that were there is one more.
        for earlier in [[0, 1], [0, 2], [1, 2]] {
            assert_eq!(ties(&buys, &earlier, None), found(1, 0), "{earlier:?}");
        }
        // All new beside one that was there.
        for earlier in [0, 1, 2] {
            assert_eq!(ties(&buys, &[earlier], None), found(2, 0), "{earlier}");
        }
    }

    #[test]
    fn the_first_new_trade_ties_with_the_last_one_of_before() {
        let sells = [("s5", "sell", 9, None), ("s6", "sell", 9, None)];
        assert_eq!(ties(&sells, &[], Some("s4")), found(0, 2));
        let with_lot = [("a", "buy", 1, None), ("s5", "sell", 9, None)];
        assert_eq!(ties(&with_lot, &[0], Some("s4")), found(0, 1));
        let later = [("s5", "sell", 10, None)];
        assert_eq!(ties(&later, &[], Some("s4")), found(0, 0));
    }
}
