//! The second matcher for pools with splits.
//!
//! It keeps a list of lots, from which each sell takes in order. A split makes a new list: each lot
//! becomes a trade of its rest, whose value is the cost of the rest.

use super::super::action::{ActionRatio, Split, SplitChange};
use super::super::number::{Fee, Price, Size};
use super::super::policy::{FACT_DECIMALS_MAX, SPLIT_DECIMALS_MIN};
use super::super::side::Side;
use super::super::trade::Trade;
use super::{
    Exact, ReferenceError, ReferenceLot, ReferenceMatching, Share, match_pool, order_in_pool,
};

/// Matches the trades of one pool, which may come in any order. The splits are in the order of
/// time.
///
/// Time grows with trades and allocations, and with open lots for each split.
/// Errors: an amount beyond 128 bits; a split that can't be computed. Source:
/// docs/SPEC-matching.md, "Splits".
pub fn match_pool_with_splits(
    trades: &[Trade],
    splits: &[Split],
) -> Result<ReferenceMatching, ReferenceError> {
    if splits.is_empty() {
        return match_pool(trades);
    }
    let order = order_in_pool(trades);
    let mut matching = ReferenceMatching {
        order: order.clone(),
        allocations: Vec::new(),
        open_lots: Vec::new(),
        changed: Vec::new(),
    };
    // All lots before the oldest one are used up.
    let (mut lots, mut oldest): (Vec<Holding>, usize) = (Vec::new(), 0);
    let mut later = splits.iter().peekable();
    for (index, trade) in order.iter().filter_map(|at| Some((*at, trades.get(*at)?))) {
        while let Some(split) = later.next_if(|split| split.happened_at <= trade.order_time) {
            lots = after_split(split, &lots, trades, &mut matching.changed)?;
            oldest = 0;
        }
        match trade.side {
            Side::Buy => lots.push(Holding::of(index, trade)),
            Side::Sell => {
                if let Some(share) = Share::of(trades, index) {
                    oldest = sell(share, trades, (&mut lots, oldest), &mut matching)?;
                }
            }
        }
    }
    for split in later {
        lots = after_split(split, &lots, trades, &mut matching.changed)?;
    }
    for lot in &lots {
        matching
            .open_lots
            .extend(lot.open(trades, &matching.changed)?);
    }
    Ok(matching)
}

/// Takes the units of a sell from the lots, and returns the oldest lot with something left.
pub(super) fn sell(
    mut share: Share<'_>,
    trades: &[Trade],
    (lots, mut oldest): (&mut [Holding], usize),
    matching: &mut ReferenceMatching,
) -> Result<usize, ReferenceError> {
    while let Some(lot) = lots.get_mut(oldest) {
        let units = share.left().min(lot.size.minus(&lot.used));
        if units > Exact::ZERO {
            let mut of_lot = lot.share(trades, &matching.changed)?;
            let mut allocation = share.allocate(Some(&mut of_lot), &units)?;
            (allocation.buy, allocation.changed) = (Some(lot.buy), lot.changed);
            matching.allocations.push(allocation);
            lot.used = lot.used.plus(&units);
        }
        if lot.used < lot.size {
            break;
        }
        oldest = oldest.saturating_add(1);
    }
    let unmatched = share.left();
    if unmatched > Exact::ZERO {
        matching.allocations.push(share.allocate(None, &unmatched)?);
    }
    Ok(oldest)
}

/// A lot of the list.
pub(super) struct Holding {
    pub(super) buy: usize,
    changed: Option<usize>,
    pub(super) used: Exact,
    pub(super) size: Exact,
}

impl Holding {
    /// Returns the whole lot of a buy.
    pub(super) fn of(buy: usize, trade: &Trade) -> Self {
        Self {
            buy,
            changed: None,
            used: Exact::ZERO,
            size: Exact::of_size(trade.size),
        }
    }

    /// Returns the lot if something is left of it.
    pub(super) fn open(
        &self,
        trades: &[Trade],
        changed: &[Trade],
    ) -> Result<Option<ReferenceLot>, ReferenceError> {
        let mut share = self.share(trades, changed)?;
        let left = share.left();
        if left == Exact::ZERO {
            return Ok(None);
        }
        let (gross, fees) = share.take(&left);
        Ok(Some(ReferenceLot {
            buy: self.buy,
            remaining_size: share.size_of(&left)?,
            remaining_cost_usd: share.usd(&gross.plus(&fees))?,
            changed: self.changed,
        }))
    }

    /// Returns the lot's trade after the units that were used.
    pub(super) fn share<'a>(
        &self,
        trades: &'a [Trade],
        changed: &'a [Trade],
    ) -> Result<Share<'a>, ReferenceError> {
        share_after((trades, self.buy), (changed, self.changed), &self.used)
    }
}

/// Returns a trade after the units that are used. `changed`: the lots that splits changed, and the
/// place of this one among them.
pub(super) fn share_after<'a>(
    (trades, index): (&'a [Trade], usize),
    (changed, at): (&'a [Trade], Option<usize>),
    used: &Exact,
) -> Result<Share<'a>, ReferenceError> {
    let share = match at {
        Some(at) => Share::of(changed, at),
        None => Share::of(trades, index),
    };
    let mut share = share.ok_or_else(|| ReferenceError::Split(index.to_string()))?;
    if *used > Exact::ZERO {
        share.take(used);
    }
    Ok(share)
}

/// Returns the lots after a split. Those that were used up are gone.
pub(super) fn after_split(
    split: &Split,
    lots: &[Holding],
    trades: &[Trade],
    changed: &mut Vec<Trade>,
) -> Result<Vec<Holding>, ReferenceError> {
    let open = lots.iter().filter(|lot| lot.used < lot.size);
    let open: Vec<&Holding> = open.collect();
    let rests: Vec<Exact> = open.iter().map(|lot| lot.size.minus(&lot.used)).collect();
    let name = |lot: &Holding| {
        let buy = trades.get(lot.buy);
        ReferenceError::Split(buy.map_or_else(String::new, |it| it.order_id.to_string()))
    };
    let Some(first) = open.first() else {
        return Ok(Vec::new());
    };
    let sizes = stretch(split, &rests).ok_or_else(|| name(first))?;
    let mut after = Vec::with_capacity(open.len());
    for (lot, size) in open.into_iter().zip(sizes) {
        let mut share = lot.share(trades, changed)?;
        let (gross, fees) = share.take(&share.left());
        let cost = share.usd(&gross.plus(&fees))?;
        let mut buy = share.trade.clone();
        buy.size = Size::try_from_wide_text(&size.size_text()).map_err(|_| name(lot))?;
        if size == Exact::ZERO {
            return Err(name(lot));
        }
        (buy.price, buy.more, buy.entry.value) = (Price::ZERO, None, Some(cost));
        if buy.fee.is_some() {
            buy.fee = Some(Fee::ZERO);
        }
        after.push(Holding {
            buy: lot.buy,
            changed: Some(changed.len()),
            used: Exact::ZERO,
            size,
        });
        changed.push(buy);
    }
    Ok(after)
}

/// Returns sizes after a split, each the difference of two cumulative ones. `None`: the ratio is
/// not usual.
pub(in crate::engine) fn stretch(split: &Split, sizes: &[Exact]) -> Option<Vec<Exact>> {
    let held = sizes.iter().fold(Exact::ZERO, |sum, size| sum.plus(size));
    let (new, old) = match split.change {
        SplitChange::Ratio(ActionRatio { new, old }) => (new, old),
        SplitChange::Came(units) => {
            let after = held.plus(&Exact::of_size(units));
            let is = |new: u64, old: u64| after.times(&whole(old)) == held.times(&whole(new));
            let mut usual = (2..=1_000).map(|new| (new, 1)).chain([(3, 2)]);
            usual.find(|(new, old)| is(*new, *old))?
        }
    };
    let decimals = sizes
        .iter()
        .map(decimals_of)
        .fold(SPLIT_DECIMALS_MIN, u8::max);
    let digit = Exact::power(FACT_DECIMALS_MAX.saturating_sub(decimals).into());
    let (mut before, mut last) = (Exact::ZERO, Exact::ZERO);
    let stretched = sizes.iter().map(|size| {
        before = before.plus(size);
        let digits = before
            .times(&whole(new))
            .divided_half_even(&whole(old).times(&digit));
        let now = digits.times(&digit);
        let size = now.minus(&last);
        last = now;
        size
    });
    Some(stretched.collect())
}

fn whole(number: u64) -> Exact {
    Exact::of_short(number.into())
}

fn decimals_of(size: &Exact) -> u8 {
    let text = size.size_text();
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    u8::try_from(fraction.len()).unwrap_or(FACT_DECIMALS_MAX)
}
