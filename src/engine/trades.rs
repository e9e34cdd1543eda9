//! The trades of a pool in little memory: 48 bytes each, and the bytes of the order id.
//!
//! A [`Trade`] owns its id and holds numbers for callers: about 200 bytes. A ledger may have
//! millions of trades, so a pool packs them. Numbers that fit (up to nineteen digits) are machine
//! words; ids follow each other in one piece of memory. A leg with a value has no price, so the
//! value takes its place. What does not fit goes into lists of their own, and so do facts that few
//! trades have. Measured: 84 MB for a million trades with ids of 36 bytes.

#[cfg(test)]
mod tests;

mod more;
mod moved;
mod packed;

use std::cmp::Ordering;
use std::sync::Arc;

use super::fact::Fact;
use super::facts::MoreRef;
use super::ids::Symbol;
use super::leg::Leg;
use super::money::{Terms, Units, Words};
use super::origin::MovedFrom;
use super::side::Side;
use super::trade::{InvalidTrade, Trade, TradeRef};
use more::MoreList;
use moved::MovedList;
use packed::{
    Beyond, FEE_SYMBOL_BITS, HAS_FEE, HAS_MORE, HAS_SEQUENCE, HAS_VALUE, IS_BEYOND, IS_SELL,
    PackedNumbers, PackedTrade, SCALE, SYMBOL_BITS, SYMBOL_SHIFT,
};

/// Trades of one pool, packed. Two lists are equal if they have the same trades in the same order.
#[derive(Clone, Default)]
pub struct Trades {
    rows: Vec<PackedTrade>,
    ids: String,
    beyond: Vec<Beyond>,
    /// `None`: all trades are plain, as in nearly every pool.
    more: Option<Box<MoreList>>,
    /// `None`: no lot comes from another account.
    moved: Option<Box<MovedList>>,
    /// The symbols of the trades. Their numbers begin with 1, as 0 is the name of the pool.
    symbols: Vec<Symbol>,
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
            let invalid = |column, reason: &dyn std::fmt::Display| {
                InvalidTrade::of(trade.order_id.as_str(), column, reason.to_string())
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
        let symbol = self.symbol_number(trade.symbol)?;
        let numbers = match PackedNumbers::of(trade, fee, symbol) {
            Some(numbers) => numbers,
            None => {
                let place = i64::try_from(self.beyond.len()).map_err(|_| PoolFull)?;
                self.beyond.push(Beyond {
                    numbers: [trade.size.units(), trade.price.units(), fee.units()],
                    value: trade.value,
                    leg: trade.leg,
                    symbol,
                });
                PackedNumbers {
                    words: [place, 0, 0],
                    kind: IS_BEYOND,
                    price_scale: trade.price.scale(),
                }
            }
        };
        let [size, price, fee_units] = numbers.words;
        // A large number is among those beyond, or in the fee; its bits here mean nothing.
        let bits = |part: u32| ((part << SYMBOL_SHIFT) as u8) & SYMBOL_BITS;
        let flag = |set: bool, flag: u8| if set { flag } else { 0 };
        self.make_room(trade.order_id.len());
        self.ids.push_str(trade.order_id);
        if let Some(more) = trade.more {
            self.more.get_or_insert_default().push(id_start, more);
        }
        if let Some(moved) = trade.moved {
            self.moved.get_or_insert_default().push(id_start, moved);
        }
        self.rows.push(PackedTrade {
            order_time: trade.order_time,
            trade_seq: trade.trade_seq.unwrap_or(0),
            size,
            price,
            fee: fee_units,
            id_start,
            id_bytes,
            size_scale: trade.size.scale() | flag(trade.side == Side::Sell, IS_SELL) | numbers.kind,
            price_scale: numbers.price_scale
                | flag(trade.trade_seq.is_some(), HAS_SEQUENCE)
                | bits(symbol),
            fee_scale: fee.scale()
                | flag(trade.fee.is_some(), HAS_FEE)
                | flag(trade.more.is_some(), HAS_MORE)
                | (bits(symbol >> 2) & FEE_SYMBOL_BITS),
        });
        Ok(())
    }

    /// Returns the id and the facts of each trade with more facts.
    pub(super) fn with_more(&self) -> impl Iterator<Item = (&str, MoreRef<'_>)> {
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
    fn more_of(&self, row: &PackedTrade) -> Option<MoreRef<'_>> {
        match row.fee_scale & HAS_MORE {
            0 => None,
            _ => self.find_more(row.id_start),
        }
    }

    #[cold]
    fn find_more(&self, id_start: u32) -> Option<MoreRef<'_>> {
        let found = self.more.as_deref()?.find(id_start);
        debug_assert!(found.is_some(), "the facts of a trade are there");
        found
    }

    /// Returns the trade at a place with an id of its own, and without its symbol.
    pub(super) fn owned(&self, index: usize) -> Option<Trade> {
        let row = self.rows.get(index)?;
        let trade = TradeRef {
            more: None,
            symbol: None,
            ..self.look_at(row)
        };
        let owned = trade.to_trade();
        debug_assert!(owned.is_ok(), "it was packed from a trade");
        // No trade has a size of 0, so no pool takes this one.
        let nothing = || TradeRef {
            size: Fact::ZERO,
            price: Fact::ZERO,
            ..trade
        };
        let mut owned = owned.or_else(|_| nothing().to_trade()).ok()?;
        if row.fee_scale & HAS_MORE != 0 {
            owned.more = self.more.as_deref()?.shared(row.id_start);
        }
        Some(owned)
    }

    /// Returns the number of a symbol, which is a new one at the first trade with it.
    fn symbol_number(&mut self, symbol: Option<&str>) -> Result<u32, PoolFull> {
        let Some(symbol) = symbol else {
            return Ok(0);
        };
        // A pool has few symbols, and most trades have that of the trade before.
        let known = self.symbols.iter().position(|it| it.as_str() == symbol);
        let place = known.unwrap_or(self.symbols.len());
        if known.is_none() {
            self.symbols.reserve_exact(1);
            self.symbols.push(Symbol::unreadable(symbol));
        }
        let place = u32::try_from(place).map_err(|_| PoolFull)?;
        Ok(place.saturating_add(1))
    }

    /// Makes room at once for trades that will come, and for the bytes of their ids.
    pub(super) fn reserve(&mut self, trades: usize, id_bytes: usize) {
        self.rows.reserve_exact(trades);
        self.ids.reserve_exact(id_bytes);
    }

    /// Returns the bytes of the order ids.
    pub(super) fn id_bytes(&self) -> usize {
        self.ids.len()
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

    /// Returns the symbol that all trades have, as [`TradeRef::symbol`] has it. `None`: there are
    /// several, or no trade.
    pub(super) fn only_symbol(&self) -> Option<Option<&str>> {
        match self.symbols.as_slice() {
            [] => (!self.is_empty()).then_some(None),
            [symbol] if self.iter().all(|trade| trade.symbol.is_some()) => {
                Some(Some(symbol.as_str()))
            }
            _ => None,
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
        if row.size_scale & (IS_BEYOND | HAS_VALUE) == 0
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

    /// Returns the last trade of the pool itself: no lot that comes from another account.
    pub(super) fn last_own(&self) -> Option<TradeRef<'_>> {
        let rows = self.rows.iter().rev();
        rows.map(|row| self.look_at(row))
            .find(|row| row.moved.is_none())
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
            row.to_trade()
                .map_err(|error| InvalidTrade::of(row.order_id, "size", error.to_string()))
        };
        self.iter().map(trade).collect()
    }

    /// Returns the bytes of memory that the trades take.
    pub fn memory_bytes(&self) -> usize {
        let rows = self.rows.len().saturating_mul(size_of::<PackedTrade>());
        let beyond = self.beyond.len().saturating_mul(size_of::<Beyond>());
        let more = self.more.as_ref().map_or(0, |more| more.memory_bytes());
        let others = beyond.saturating_add(more).saturating_add(self.ids.len());
        rows.saturating_add(others)
    }

    /// Puts the trades into the total order of their pool, which may go short or not.
    ///
    /// A ledger is nearly in time order. The stable sort uses this and takes nearly linear time.
    pub(super) fn sort(&mut self, shorts: bool) {
        let Self {
            rows,
            ids,
            beyond,
            moved,
            ..
        } = self;
        let cmp_moved = |left: &PackedTrade, right: &PackedTrade| {
            let of = |row: &PackedTrade| moved.as_deref()?.find(row.id_start);
            of(left).cmp(&of(right))
        };
        rows.sort_by(|left, right| {
            // Times nearly always differ. Only equal times need a comparison of whole places.
            let time = left.order_time.cmp(&right.order_time);
            time.then_with(|| Self::cmp_ties((ids, beyond, shorts), left, right))
                .then_with(|| cmp_moved(left, right))
        });
    }

    /// Returns where the lot of a trade comes from. `None`: it is a trade of the pool itself.
    #[inline(always)]
    fn moved_of(&self, row: &PackedTrade) -> Option<&Arc<MovedFrom>> {
        match &self.moved {
            None => None,
            Some(moved) => moved.find(row.id_start),
        }
    }

    /// Returns an id that two trades have with the same leg, the first one in byte order. `None`:
    /// all differ.
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
        let mut ids: Vec<_> = self.iter().map(|it| it.entry_key()).collect();
        ids.sort_unstable();
        let repeated = ids.windows(2).find(|pair| pair.first() == pair.last())?;
        repeated.first().map(|(id, ..)| *id)
    }

    #[inline(always)]
    fn look_at(&self, row: &PackedTrade) -> TradeRef<'_> {
        let beyond = match row.size_scale & (IS_BEYOND | HAS_VALUE) {
            0 => Beyond {
                numbers: [row.size.into(), row.price.into(), row.fee.into()],
                value: None,
                leg: Leg::Base,
                symbol: row.symbol(),
            },
            HAS_VALUE => row.with_value(),
            _ => self.beyond_of(row),
        };
        let [size, price, fee] = beyond.numbers;
        let fact = |units, scale: u8| Fact::of_parts(units, scale & SCALE);
        // In a leg with a value, the scale is the number of the leg.
        let price_scale = match row.size_scale & HAS_VALUE {
            0 => row.price_scale,
            _ => 0,
        };
        TradeRef {
            order_id: row.id_in(&self.ids),
            side: row.side(),
            size: fact(size, row.size_scale),
            price: fact(price, price_scale),
            fee: (row.fee_scale & HAS_FEE != 0).then(|| fact(fee, row.fee_scale)),
            order_time: row.order_time,
            trade_seq: row.trade_seq(),
            more: self.more_of(row),
            symbol: self.symbol_at(beyond.symbol),
            leg: beyond.leg,
            value: beyond.value,
            moved: self.moved_of(row),
        }
    }

    #[cold]
    fn beyond_of(&self, row: &PackedTrade) -> Beyond {
        let place = usize::try_from(row.size).ok();
        let beyond = place.and_then(|place| self.beyond.get(place));
        debug_assert!(beyond.is_some(), "the rest of a trade is there");
        // No trade has a size of 0, so matching refuses this one and names it.
        beyond.copied().unwrap_or(Beyond {
            numbers: [0; 3],
            value: None,
            leg: Leg::Base,
            symbol: 0,
        })
    }

    #[inline]
    fn symbol_at(&self, number: u32) -> Option<&str> {
        let place = usize::try_from(number.checked_sub(1)?).ok()?;
        self.symbols.get(place).map(Symbol::as_str)
    }

    /// Orders two rows of one time.
    fn cmp_ties(
        (ids, beyond, shorts): (&str, &[Beyond], bool),
        left: &PackedTrade,
        right: &PackedTrade,
    ) -> Ordering {
        let leg = |row: &PackedTrade| {
            let place = usize::try_from(row.size).ok();
            match row.size_scale & (IS_BEYOND | HAS_VALUE) {
                0 => Leg::Base,
                HAS_VALUE => row.leg(),
                _ => {
                    let beyond = place.and_then(|at| beyond.get(at));
                    beyond.map_or(Leg::Base, |beyond| beyond.leg)
                }
            }
        };
        let (left, right) = (left.place(ids, leg(left)), right.place(ids, leg(right)));
        match shorts {
            true => left.cmp_in_signed(&right),
            false => left.cmp(&right),
        }
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
