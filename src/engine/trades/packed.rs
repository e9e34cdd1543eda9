//! The packed form of one trade: machine words, and bits in the bytes of the scales.

use crate::engine::fact::Fact;
use crate::engine::leg::Leg;
use crate::engine::number::Usd;
use crate::engine::place::PlaceInPool;
use crate::engine::side::Side;
use crate::engine::time::Timestamp;
use crate::engine::trade::TradeRef;

/// Set in `size_scale`: the trade is a sell.
pub(super) const IS_SELL: u8 = 0x80;
/// Set in `size_scale`: the rest of the trade is in the list `beyond`, at the index in `size`.
pub(super) const IS_BEYOND: u8 = 0x40;
/// Set in `size_scale`: `price` has the value of the trade, and `price_scale` the number of its leg
/// in the place of a scale.
pub(super) const HAS_VALUE: u8 = 0x20;
/// Set beside the number of a leg: the fee is zero or unknown, and `fee` has the number of the
/// symbol.
const IS_SYMBOL_IN_FEE: u8 = 0x10;
/// The bits of the number of a leg, and the legs by their numbers.
const LEG_BITS: u8 = 0x07;
const LEGS: [Leg; 5] = [Leg::Base, Leg::Quote, Leg::Fee, Leg::Network, Leg::Income];
/// Set in `price_scale`: the trade has a sequence.
pub(super) const HAS_SEQUENCE: u8 = 0x80;
/// Set in `fee_scale`: the fee is known.
pub(super) const HAS_FEE: u8 = 0x80;
/// Set in `fee_scale`: the trade has more facts, in the list `more`.
pub(super) const HAS_MORE: u8 = 0x40;
/// The bits of a scale, which is at most 28.
pub(super) const SCALE: u8 = 0x1f;
/// The bits that `price_scale` and `fee_scale` have left, and their place: together the number of
/// the trade's symbol, if it is small.
pub(super) const SYMBOL_BITS: u8 = 0x60;
pub(super) const FEE_SYMBOL_BITS: u8 = 0x20;
pub(super) const SYMBOL_SHIFT: u32 = 5;
/// The first number of a symbol that does not fit these bits.
pub(super) const SYMBOLS_SMALL: u32 = 8;

/// A packed trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PackedTrade {
    pub(super) order_time: Timestamp,
    pub(super) trade_seq: i64,
    pub(super) size: i64,
    pub(super) price: i64,
    pub(super) fee: i64,
    pub(super) id_start: u32,
    pub(super) id_bytes: u8,
    pub(super) size_scale: u8,
    pub(super) price_scale: u8,
    pub(super) fee_scale: u8,
}

const _: () = assert!(size_of::<PackedTrade>() == 48);

/// The numbers of a trade in machine words.
pub(super) struct PackedNumbers {
    /// Size, price or value, and fee.
    pub(super) words: [i64; 3],
    /// Set in `size_scale`.
    pub(super) kind: u8,
    /// Scale of the price, or the number of the leg.
    pub(super) price_scale: u8,
}

/// The part of a trade for which its packed form has no room. Its numbers do not fit machine words,
/// or it has a symbol of a large number. All that is not a plain trade is read in this form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Beyond {
    /// Size, price and fee.
    pub(super) numbers: [i128; 3],
    pub(super) value: Option<Usd>,
    pub(super) leg: Leg,
    pub(super) symbol: u32,
}

impl PackedNumbers {
    /// Packs the numbers of a trade. `None`: they need more room.
    pub(super) fn of(trade: &TradeRef<'_>, fee: Fact, symbol: u32) -> Option<Self> {
        let word = |units: i128| i64::try_from(units).ok();
        let size = word(trade.size.units())?;
        let Some(value) = trade.value else {
            let is_plain = trade.leg == Leg::Base && symbol < SYMBOLS_SMALL;
            return is_plain.then_some(Self {
                words: [size, word(trade.price.units())?, word(fee.units())?],
                kind: 0,
                price_scale: trade.price.scale(),
            });
        };
        let leg = LEGS.iter().position(|leg| *leg == trade.leg)?;
        let leg = u8::try_from(leg).ok()?;
        let (fee, in_fee) = match (symbol < SYMBOLS_SMALL, fee.units()) {
            (true, fee) => (word(fee)?, 0),
            // Most legs that pay a fee, or that money pays, have no fee of their own.
            (false, 0) => (symbol.into(), IS_SYMBOL_IN_FEE),
            (false, _) => return None,
        };
        (trade.price == Fact::ZERO).then_some(Self {
            words: [size, word(value.units())?, fee],
            kind: HAS_VALUE,
            price_scale: leg | in_fee,
        })
    }
}

impl PackedTrade {
    pub(super) fn side(&self) -> Side {
        if self.size_scale & IS_SELL == 0 {
            Side::Buy
        } else {
            Side::Sell
        }
    }

    pub(super) fn trade_seq(&self) -> Option<i64> {
        (self.price_scale & HAS_SEQUENCE != 0).then_some(self.trade_seq)
    }

    /// Returns the number of the symbol of a trade that is not beyond.
    pub(super) fn symbol(&self) -> u32 {
        let part = |scale: u8| u32::from(scale & SYMBOL_BITS) >> SYMBOL_SHIFT;
        part(self.price_scale) | (part(self.fee_scale & FEE_SYMBOL_BITS) << 2)
    }

    /// Returns the leg of an entry with a value.
    pub(super) fn leg(&self) -> Leg {
        let number = usize::from(self.price_scale & LEG_BITS);
        LEGS.get(number).copied().unwrap_or_default()
    }

    /// Unpacks an entry with a value.
    pub(super) fn with_value(&self) -> Beyond {
        let (fee, symbol) = match self.price_scale & IS_SYMBOL_IN_FEE {
            0 => (self.fee, self.symbol()),
            _ => (0, u32::try_from(self.fee).unwrap_or(0)),
        };
        Beyond {
            numbers: [self.size.into(), 0, fee.into()],
            value: Some(Usd::from_units(self.price.into())),
            leg: self.leg(),
            symbol,
        }
    }

    pub(super) fn place<'a>(&self, ids: &'a str, leg: Leg) -> PlaceInPool<&'a str> {
        PlaceInPool {
            order_time: self.order_time,
            side: self.side(),
            trade_seq: self.trade_seq(),
            order_id: self.id_in(ids),
            leg,
        }
    }

    pub(super) fn id_in<'a>(&self, ids: &'a str) -> &'a str {
        let start = usize::try_from(self.id_start).unwrap_or(usize::MAX);
        let end = start.saturating_add(self.id_bytes.into());
        let id = ids.get(start..end);
        debug_assert!(id.is_some(), "the id of a trade is there");
        id.unwrap_or_default()
    }
}
