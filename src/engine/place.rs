//! The one total order of a pool's trades.
//!
//! All code that orders trades compares places: the sort before matching, the check for late
//! trades, the order of open lots. The second matcher, `reference.rs`, has its own code for the
//! order, to check this one.

use std::cmp::Ordering;

use super::ids::split_correction;
use super::leg::Leg;
use super::side::Side;
use super::time::Timestamp;

/// A trade's place in the total order of its pool.
///
/// Order: time; buys before sells; sequence, trades without one last; what a network took of a
/// transfer last; id. Whole numbers come first, as numbers, then the other ids as bytes; a
/// correction takes the place of its original; legs of one execution last.
/// Source: docs/SPEC-matching.md, "Order".
///
/// ```
/// use fifo_pnl::engine::{Leg, PlaceInPool, Side, Timestamp};
/// let place = |order_id| PlaceInPool {
///     order_time: Timestamp::EPOCH,
///     side: Side::Buy,
///     trade_seq: None,
///     order_id,
///     leg: Leg::Base,
/// };
/// let mut places = ["x", "10", "9~2", "B", "9"].map(place);
/// places.sort();
/// assert_eq!(places.map(|place| place.order_id), ["9", "9~2", "10", "B", "x"]);
/// ```
///
/// `Id` is a borrowed text for a place of a trade, and an owned text for the last place that a
/// version stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlaceInPool<Id = String> {
    /// When it was executed.
    pub order_time: Timestamp,
    /// Buy or sell.
    pub side: Side,
    /// The venue's own sequence.
    pub trade_seq: Option<i64>,
    /// The order id, unique in the account.
    pub order_id: Id,
    /// The leg of the execution.
    pub leg: Leg,
}

impl<Id: AsRef<str>> PlaceInPool<Id> {
    /// Returns the place with its id borrowed.
    pub fn borrowed(&self) -> PlaceInPool<&str> {
        PlaceInPool {
            order_time: self.order_time,
            side: self.side,
            trade_seq: self.trade_seq,
            order_id: self.order_id.as_ref(),
            leg: self.leg,
        }
    }

    /// Returns the place with an id of its own.
    pub fn owned(&self) -> PlaceInPool {
        PlaceInPool {
            order_time: self.order_time,
            side: self.side,
            trade_seq: self.trade_seq,
            order_id: self.order_id.as_ref().to_owned(),
            leg: self.leg,
        }
    }

    /// Tells whether two executions have the same time, side and sequence, so that only their ids
    /// order them. Two legs of one execution don't tie.
    pub fn ties_with<Other: AsRef<str>>(&self, other: &PlaceInPool<Other>) -> bool {
        self.cmp_facts(other).is_eq() && self.order_id.as_ref() != other.order_id.as_ref()
    }

    /// Compares places in a pool that may go short: the sequence comes before the side, as no buy
    /// has to come first.
    pub(super) fn cmp_in_signed<Other: AsRef<str> + Eq>(
        &self,
        other: &PlaceInPool<Other>,
    ) -> Ordering {
        let time = self.order_time.cmp(&other.order_time);
        let sequence = |seq: Option<i64>| (seq.is_none(), seq.unwrap_or(0));
        time.then_with(|| sequence(self.trade_seq).cmp(&sequence(other.trade_seq)))
            .then(self.side.cmp(&other.side))
            .then_with(|| cmp_ids(self.order_id.as_ref(), other.order_id.as_ref()))
            .then(self.leg.cmp(&other.leg))
    }

    #[inline]
    fn cmp_facts<Other>(&self, other: &PlaceInPool<Other>) -> Ordering {
        let sequence = |seq: Option<i64>| (seq.is_none(), seq.unwrap_or(0));
        (self.order_time, self.side, sequence(self.trade_seq)).cmp(&(
            other.order_time,
            other.side,
            sequence(other.trade_seq),
        ))
    }
}

impl<Id: AsRef<str> + Eq> Ord for PlaceInPool<Id> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        let is_of_network = |leg: Leg| leg == Leg::Network;
        self.cmp_facts(other)
            .then_with(|| is_of_network(self.leg).cmp(&is_of_network(other.leg)))
            .then_with(|| cmp_ids(self.order_id.as_ref(), other.order_id.as_ref()))
            .then(self.leg.cmp(&other.leg))
    }
}

impl<Id: AsRef<str> + Eq> PartialOrd for PlaceInPool<Id> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Compares the ids of two trades with the same time, side and sequence.
pub(super) fn cmp_ids(left: &str, right: &str) -> Ordering {
    let (left, right) = (IdKey::of(left), IdKey::of(right));
    left.cmp(&right)
}

/// The parts of an id that order compares. Order: by the fields, in their order.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct IdKey<'a> {
    /// Whole numbers come first.
    is_text: bool,
    /// Digits of a whole number; 0 for other ids.
    digits: usize,
    /// A whole number without leading zeros; another id as it is.
    text: &'a str,
    /// Equal numbers of unequal length: `007` before `7`, as bytes.
    whole: &'a str,
    /// The number of a correction, which comes right after its original; 0 for other ids.
    correction: u32,
}

impl<'a> IdKey<'a> {
    fn of(id: &'a str) -> Self {
        let (whole, correction) = split_correction(id).unwrap_or((id, 0));
        let is_number = whole.bytes().all(|byte| byte.is_ascii_digit());
        let text = match is_number {
            true => whole.trim_start_matches('0'),
            false => whole,
        };
        Self {
            is_text: !is_number,
            digits: if is_number { text.len() } else { 0 },
            text,
            whole,
            correction,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(order_id: &str) -> PlaceInPool<&str> {
        PlaceInPool {
            order_time: Timestamp::EPOCH,
            side: Side::Buy,
            trade_seq: None,
            order_id,
            leg: Leg::Base,
        }
    }

    #[test]
    fn ids_are_numbers_then_text_and_corrections_stay_in_place() {
        let ordered = [
            "0",
            "1",
            "1~2",
            "1~10",
            "2",
            "007",
            "07",
            "7",
            "7~2",
            "8",
            "9",
            "10",
            "0099",
            "99999999999999999999999999999998",
            "99999999999999999999999999999999",
            "+1",
            "-1",
            "1.5",
            "10 ",
            "10a",
            "A",
            "A~2",
            "A~3",
            "A~11",
            "A-1",
            "A-1~2",
            "A1",
            "A~1",
            "B-2",
            "a",
            "z",
            "~2",
            "é",
        ];
        let mut sorted = ordered.map(place);
        sorted.reverse();
        sorted.sort();
        assert_eq!(sorted.map(|it| it.order_id), ordered);
        // Every two of them differ, in one direction.
        for (nth, left) in ordered.iter().enumerate() {
            for (other, right) in ordered.iter().enumerate() {
                let found = place(left).cmp(&place(right));
                assert_eq!(found, nth.cmp(&other), "{left} {right}");
            }
        }
    }

    #[test]
    fn the_first_difference_decides() {
        let at = |micros, side, trade_seq, order_id| PlaceInPool {
            order_time: Timestamp::try_from_micros(micros).unwrap(),
            side,
            trade_seq,
            leg: Leg::Base,
            order_id,
        };
        let ordered = [
            at(1, Side::Sell, None, "z"),
            at(2, Side::Buy, Some(7), "b"),
            at(2, Side::Buy, Some(8), "a"),
            at(2, Side::Buy, Some(8), "b"),
            at(2, Side::Buy, None, "9"),
            at(2, Side::Buy, None, "10"),
            at(2, Side::Sell, Some(1), "a"),
        ];
        assert!(ordered.is_sorted());
        let ties = ordered.windows(2).map(|two| two[0].ties_with(&two[1]));
        assert_eq!(
            ties.collect::<Vec<_>>(),
            [false, false, true, false, true, false]
        );
    }
}
