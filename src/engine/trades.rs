//! The trades of a pool in little memory: 48 bytes each, and the bytes of the order id.
//!
//! A [`Trade`] owns its id and holds numbers for callers: about 200 bytes. A ledger may have
//! millions of trades, so a pool packs them. Numbers that fit (up to nineteen digits) are machine
//! words; ids follow each other in one piece of memory. Numbers that do not fit go into a list of
//! their own, and so do facts that few trades have. Measured: 84 MB for a million trades with ids
//! of 36 bytes.

use std::sync::Arc;

use super::fact::Fact;
use super::facts::MoreFacts;
use super::issue::IssueType;
use super::money::{Terms, Units, Words};
use super::place::PlaceInPool;
use super::side::Side;
use super::time::Timestamp;
use super::trade::{InvalidTrade, Trade, TradeRef};

/// Set in `size_scale`: the trade is a sell.
const IS_SELL: u8 = 0x80;
/// Set in `size_scale`: the numbers are in the list `beyond`, at the index in `size`.
const IS_BEYOND: u8 = 0x40;
/// Set in `price_scale`: the trade has a sequence.
const HAS_SEQUENCE: u8 = 0x80;
/// Set in `fee_scale`: the fee is known.
const HAS_FEE: u8 = 0x80;
/// Set in `fee_scale`: the trade has more facts, in the list `more`.
const HAS_MORE: u8 = 0x40;
/// The bits of a scale, which is at most 28.
const SCALE: u8 = 0x1f;

/// A packed trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PackedTrade {
    order_time: Timestamp,
    trade_seq: i64,
    size: i64,
    price: i64,
    fee: i64,
    id_start: u32,
    id_bytes: u8,
    size_scale: u8,
    price_scale: u8,
    fee_scale: u8,
}

const _: () = assert!(size_of::<PackedTrade>() == 48);

/// Size, price and fee of a trade, if one of them does not fit a machine word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Beyond([i128; 3]);

/// More facts of trades, each with the place of the trade's id, which no sorting moves.
#[derive(Debug, Clone)]
struct More(Vec<(u32, Arc<MoreFacts>)>);

/// Trades of one pool, packed. Two lists are equal if they have the same trades in the same order.
#[derive(Clone, Default)]
pub struct Trades {
    rows: Vec<PackedTrade>,
    ids: String,
    beyond: Vec<Beyond>,
    /// In the order of the ids; `None`: all trades are plain, as in nearly every pool.
    more: Option<Box<More>>,
}

impl PartialEq for Trades {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Trades {}

impl std::fmt::Debug for Trades {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A pool has too many trades: its order ids would take more than 4 GiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the pool has more than 4 GiB of order ids")]
pub struct PoolFull;

impl Trades {
    /// Makes an empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// Packs trades. Errors: a size with more digits than a trade's; 4 GiB of order ids.
    pub fn try_of(trades: &[Trade]) -> Result<Self, InvalidTrade> {
        let mut packed = Self::new();
        packed.rows.reserve(trades.len());
        for trade in trades {
            let invalid = |column, reason: &dyn std::fmt::Display| InvalidTrade {
                issue: IssueType::InvalidTrade,
                order_id: trade.order_id.as_str().to_owned(),
                column,
                reason: reason.to_string(),
            };
            let row = TradeRef::try_of(trade).map_err(|error| invalid("size", &error))?;
            packed
                .push(&row)
                .map_err(|error| invalid("order_id", &error))?;
        }
        Ok(packed)
    }

    /// Appends a trade. Errors: there are 4 GiB of order ids, or an id is longer than 255 bytes.
    pub fn push(&mut self, trade: &TradeRef<'_>) -> Result<(), PoolFull> {
        let id_start = u32::try_from(self.ids.len()).map_err(|_| PoolFull)?;
        let id_bytes = u8::try_from(trade.order_id.len()).map_err(|_| PoolFull)?;
        let fee = trade.fee.unwrap_or(Fact::ZERO);
        let numbers = [trade.size.units(), trade.price.units(), fee.units()];
        let words = numbers.map(i64::try_from);
        let (size, price, fee_units, beyond) = match words {
            [Ok(size), Ok(price), Ok(fee)] => (size, price, fee, 0),
            _ => {
                let place = i64::try_from(self.beyond.len()).map_err(|_| PoolFull)?;
                self.beyond.push(Beyond(numbers));
                (place, 0, 0, IS_BEYOND)
            }
        };
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        self.make_room(trade.order_id.len());
        self.ids.push_str(trade.order_id);
        if let Some(more) = trade.more {
            self.push_more(id_start, more);
        }
        self.rows.push(PackedTrade {
            order_time: trade.order_time,
            trade_seq: trade.trade_seq.unwrap_or(0),
            size,
            price,
            fee: fee_units,
            id_start,
            id_bytes,
            size_scale: trade.size.scale() | flag(trade.side == Side::Sell, IS_SELL) | beyond,
            price_scale: trade.price.scale() | flag(trade.trade_seq.is_some(), HAS_SEQUENCE),
            fee_scale: fee.scale()
                | flag(trade.fee.is_some(), HAS_FEE)
                | flag(trade.more.is_some(), HAS_MORE),
        });
        Ok(())
    }

    /// Adds more facts of a trade. Trades with the same facts in a row share them.
    fn push_more(&mut self, id_start: u32, facts: &MoreFacts) {
        let More(more) = &mut **self.more.get_or_insert_with(|| Box::new(More(Vec::new())));
        let shared = match more.last() {
            Some((_, last)) if **last == *facts => Arc::clone(last),
            _ => Arc::new(facts.clone()),
        };
        more.push((id_start, shared));
    }

    /// Returns the id and the facts of each trade with more facts.
    pub(super) fn with_more(&self) -> impl Iterator<Item = (&str, &MoreFacts)> {
        let rows = if self.more.is_some() {
            self.rows.as_slice()
        } else {
            &[]
        };
        rows.iter()
            .filter_map(|row| Some((row.id_in(&self.ids), self.more_of(row)?)))
    }

    /// Returns more facts of a trade. `None`: a plain dollar trade.
    #[inline(always)]
    fn more_of(&self, row: &PackedTrade) -> Option<&MoreFacts> {
        match row.fee_scale & HAS_MORE {
            0 => None,
            _ => self.find_more(row.id_start),
        }
    }

    fn find_more(&self, id_start: u32) -> Option<&MoreFacts> {
        let More(more) = self.more.as_deref()?;
        let place = more.binary_search_by_key(&id_start, |(id_start, _)| *id_start);
        debug_assert!(place.is_ok(), "the facts of a trade are there");
        more.get(place.ok()?).map(|(_, facts)| &**facts)
    }

    /// Grows a full buffer by a half, and a small one by little: a ledger may have as many pools as
    /// trades.
    fn make_room(&mut self, id_bytes: usize) {
        if self.rows.len() == self.rows.capacity() {
            self.rows.reserve_exact((self.rows.len() / 2).max(1));
        }
        if self.ids.capacity().saturating_sub(self.ids.len()) < id_bytes {
            self.ids.reserve_exact((self.ids.len() / 2).max(id_bytes));
        }
    }

    /// Returns the number of trades.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Tells whether the list is empty.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns the trade at a place.
    #[inline]
    pub fn get(&self, index: usize) -> Option<TradeRef<'_>> {
        self.rows.get(index).map(|row| self.look_at(row))
    }

    /// Returns the numbers that the kernel needs of the trade at a place: its size at the pool's
    /// scale, and its terms. `None`: no trade at this place, or its size does not fit into `N`.
    #[inline(always)]
    pub(super) fn terms<N: Units>(&self, index: usize, scale: u8) -> Option<(N, Terms)> {
        let row = self.rows.get(index)?;
        let words = || {
            let price = (row.price.try_into().ok()?, row.price_scale & SCALE);
            let words = Words::of(price, (row.fee, row.fee_scale & SCALE), scale)?;
            let size = N::try_from_word(row.size, row.size_scale & SCALE, scale)?;
            Some((size, Terms::Words(words)))
        };
        if row.size_scale & IS_BEYOND == 0
            && let Some(terms) = words()
        {
            return Some(terms);
        }
        self.look_at(row).terms(scale)
    }

    /// Returns the side of the trade at a place.
    pub fn side(&self, index: usize) -> Option<Side> {
        self.rows.get(index).map(PackedTrade::side)
    }

    /// Returns the last trade.
    pub fn last(&self) -> Option<TradeRef<'_>> {
        self.rows.last().map(|row| self.look_at(row))
    }

    /// Returns the trades in their present order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = TradeRef<'_>> + Clone {
        self.rows.iter().map(|row| self.look_at(row))
    }

    /// Returns all trades as owned values, for callers that store them.
    ///
    /// Errors: a packed row is not a valid trade, which is a bug of the engine.
    pub fn to_vec(&self) -> Result<Vec<Trade>, InvalidTrade> {
        let trade = |row: TradeRef<'_>| {
            row.to_trade().map_err(|error| InvalidTrade {
                issue: IssueType::InvalidTrade,
                order_id: row.order_id.to_owned(),
                column: "size",
                reason: error.to_string(),
            })
        };
        self.iter().map(trade).collect()
    }

    /// Returns the bytes of memory that the trades take.
    pub fn memory_bytes(&self) -> usize {
        let rows = self.rows.len().saturating_mul(size_of::<PackedTrade>());
        let beyond = self.beyond.len().saturating_mul(size_of::<Beyond>());
        let more = self.more.as_ref().map_or(0, |more| more.0.len());
        let more = more.saturating_mul(size_of::<(u32, Arc<MoreFacts>)>());
        let others = beyond.saturating_add(more).saturating_add(self.ids.len());
        rows.saturating_add(others)
    }

    /// Puts the trades into the pool's total order.
    ///
    /// A ledger is nearly in time order. The stable sort uses this and takes nearly linear time.
    pub(super) fn sort(&mut self) {
        let Self { rows, ids, .. } = self;
        rows.sort_by(|left, right| {
            // Times nearly always differ. Only equal times need a comparison of whole places.
            let time = left.order_time.cmp(&right.order_time);
            time.then_with(|| left.place(ids).cmp(&right.place(ids)))
        });
    }

    /// Returns an id that two trades have, the first one in byte order. `None`: all ids differ.
    ///
    /// Compares hashes first, and ids only where two hashes are equal.
    pub(super) fn repeated_id(&self) -> Option<&str> {
        let mut hashes: Vec<u64> = self
            .rows
            .iter()
            .map(|row| hash(row.id_in(&self.ids).as_bytes()))
            .collect();
        hashes.sort_unstable();
        let mut pairs = hashes.windows(2);
        if !pairs.any(|pair| pair.first() == pair.last()) {
            return None;
        }
        let mut ids: Vec<&str> = self.iter().map(|trade| trade.order_id).collect();
        ids.sort_unstable();
        let repeated = ids.windows(2).find(|pair| pair.first() == pair.last())?;
        repeated.first().copied()
    }

    #[inline(always)]
    fn look_at(&self, row: &PackedTrade) -> TradeRef<'_> {
        let numbers = if row.size_scale & IS_BEYOND == 0 {
            [row.size.into(), row.price.into(), row.fee.into()]
        } else {
            let place = usize::try_from(row.size).ok();
            let beyond = place.and_then(|place| self.beyond.get(place));
            debug_assert!(beyond.is_some(), "the numbers of a trade are there");
            // No trade has a size of 0, so matching refuses this one and names it.
            beyond.map_or([0; 3], |beyond| beyond.0)
        };
        let [size, price, fee] = numbers;
        let fact = |units, scale: u8| Fact::of_parts(units, scale & SCALE);
        TradeRef {
            order_id: row.id_in(&self.ids),
            side: row.side(),
            size: fact(size, row.size_scale),
            price: fact(price, row.price_scale),
            fee: (row.fee_scale & HAS_FEE != 0).then(|| fact(fee, row.fee_scale)),
            order_time: row.order_time,
            trade_seq: row.trade_seq(),
            more: self.more_of(row),
        }
    }
}

impl PackedTrade {
    fn side(&self) -> Side {
        if self.size_scale & IS_SELL == 0 {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    fn trade_seq(&self) -> Option<i64> {
        (self.price_scale & HAS_SEQUENCE != 0).then_some(self.trade_seq)
    }

    fn place<'a>(&self, ids: &'a str) -> PlaceInPool<&'a str> {
        PlaceInPool {
            order_time: self.order_time,
            side: self.side(),
            trade_seq: self.trade_seq(),
            order_id: self.id_in(ids),
        }
    }

    fn id_in<'a>(&self, ids: &'a str) -> &'a str {
        let start = usize::try_from(self.id_start).unwrap_or(usize::MAX);
        let end = start.saturating_add(self.id_bytes.into());
        let id = ids.get(start..end);
        debug_assert!(id.is_some(), "the id of a trade is there");
        id.unwrap_or_default()
    }
}

/// Hashes an id's bytes, eight at a time. The hash is only for comparisons in memory, and is never
/// stored.
fn hash(id: &[u8]) -> u64 {
    const MIX: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = id.len() as u64;
    let mut mix = |word: u64| {
        hash = (hash ^ word).wrapping_mul(MIX);
        hash ^= hash >> 29;
    };
    let words = id.chunks_exact(8);
    let rest = words.remainder();
    words.for_each(|word| mix(word.try_into().map_or(0, u64::from_le_bytes)));
    mix(rest
        .iter()
        .fold(0, |word, byte| (word << 8) | u64::from(*byte)));
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trade(id: &str, side: Side, size: &str, price: &str, fee: Option<&str>) -> Trade {
        Trade {
            order_id: id.parse().unwrap(),
            side,
            size: size.parse().unwrap(),
            price: price.parse().unwrap(),
            fee: fee.map(|fee| fee.parse().unwrap()),
            order_time: Timestamp::EPOCH,
            trade_seq: None,
            more: None,
        }
    }

    #[test]
    fn trades_come_back_as_they_went_in() {
        let large = "9999999999999999999999999999";
        let mut trades = vec![
            trade("a", Side::Buy, "0.5", "30000", Some("-0.01")),
            trade(
                "b",
                Side::Sell,
                large,
                "0.0000000000000000000000000001",
                None,
            ),
            trade(
                &"x".repeat(255),
                Side::Sell,
                "1",
                "0",
                Some(&format!("-{large}")),
            ),
            trade(
                "c",
                Side::Buy,
                "123456.789012345678901234",
                "3456.78",
                Some("0"),
            ),
        ];
        trades[0].trade_seq = Some(i64::MIN);
        trades[3].trade_seq = Some(0);
        let packed = Trades::try_of(&trades).unwrap();
        assert_eq!(packed.len(), 4);
        assert_eq!(packed.to_vec().unwrap(), trades);
        assert_eq!(packed.last().unwrap().order_id, "c");
    }

    #[test]
    fn sorting_is_the_order_of_single_trades() {
        let mut trades = Vec::new();
        for (nth, id) in ["b", "a", "10", "9", "9~2", "c", "B"]
            .into_iter()
            .enumerate()
        {
            for (side, seq) in [
                (Side::Sell, None),
                (Side::Buy, Some(nth as i64)),
                (Side::Buy, None),
            ] {
                trades.push(Trade {
                    trade_seq: seq,
                    ..trade(id, side, "1", "1", None)
                });
            }
        }
        let mut packed = Trades::try_of(&trades).unwrap();
        packed.sort();
        trades.sort_by(Trade::cmp_in_pool);
        assert_eq!(packed.to_vec().unwrap(), trades);
        let pairs: Vec<_> = packed.iter().collect();
        assert!(
            pairs
                .windows(2)
                .all(|pair| pair[0].place() < pair[1].place())
        );
    }

    #[test]
    fn an_id_twice_is_found_whatever_its_length() {
        for length in [1, 7, 8, 9, 36] {
            let id = |last: char| format!("{}{last}", "i".repeat(length - 1));
            let buy = |id: &str| trade(id, Side::Buy, "1", "1", None);
            let one = Trades::try_of(&[buy(&id('a')), buy(&id('b'))]).unwrap();
            assert_eq!(one.repeated_id(), None);
            let two = Trades::try_of(&[buy(&id('a')), buy(&id('b')), buy(&id('a'))]).unwrap();
            assert_eq!(two.repeated_id(), Some(id('a').as_str()));
        }
    }

    #[test]
    fn a_row_that_is_no_trade_is_an_error_and_not_left_out() {
        let trades = ["a", "b"].map(|id| trade(id, Side::Buy, "1", "2", None));
        let mut packed = Trades::try_of(&trades).unwrap();
        packed.rows[1].size = -1;
        let error = packed.to_vec().unwrap_err();
        assert_eq!(error.to_string(), "order \"b\": size is negative");
    }
}
