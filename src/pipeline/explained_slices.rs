//! The rows of an explained sell, step by step.

use std::collections::BTreeMap;

use super::explained_lots::{LotOfRow, Lots};
use super::explained_moves::ExplainedMove;
use super::explained_rates::ExplainedRate;
use crate::engine::{
    EntryKey, MoneyError, PendingTrade, Size, Split, StoredAllocation, Timestamp, Trade, Usd,
    add_sizes, fee_share_of_size, sub_sizes,
};

/// A cumulative amount before and after a slice; the slice's share is the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Amount of the units used before.
    pub before: Usd,
    /// Amount of the units used before and in this slice.
    pub after: Usd,
    /// The slice's share.
    pub share: Usd,
}

impl Step {
    pub(super) fn of(before: Usd, after: Usd) -> Result<Self, MoneyError> {
        Ok(Self {
            before,
            after,
            share: after.checked_sub(before)?,
        })
    }
}

/// A trade as a pool took it in, and the row that it comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedTrade {
    /// The trade, as the pool took it in: its entry names the leg.
    pub entry: Trade,
    /// Its row, if it is no plain dollar trade: size and price of the entry are not those of the
    /// row.
    pub row: Option<PendingTrade>,
    /// File, line and instant of its import.
    pub origin: Option<(String, i64, Timestamp)>,
    /// The rates that gave it its value.
    pub rates: Vec<ExplainedRate>,
}

/// A lot that the sell used, with the arithmetic of its cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedLot {
    /// The lot's buy; of a lot that came from another account the buy there.
    pub buy: ExplainedTrade,
    /// The lot as it came into the pool: its cost is its value. Without transfers its buy.
    pub arrived: Trade,
    /// The moves of the lot from its buy to the pool, in order.
    pub way: Vec<ExplainedMove>,
    /// The splits between the buy and the sell, in order, each with the lot that it left: its size,
    /// and its cost as its value.
    pub splits: Vec<(Split, Trade)>,
    /// Size that earlier sells used of the lot.
    pub used_before: Size,
    /// Size that is left of the lot after this sell.
    pub left_after: Size,
    /// The share of the buy's price, with its arithmetic.
    pub gross: Step,
    /// The share of the buy's fee, with its arithmetic.
    pub fee: Step,
}

/// One row of the sell, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedSlice {
    /// The stored row.
    pub row: StoredAllocation,
    /// The lot; `None` for a slice that found no lot.
    pub lot: Option<ExplainedLot>,
    /// The splits between the sell and the buy that closed it, in order. Each has the short lot
    /// that it left: its size, its proceeds as its value, and its fee.
    pub splits: Vec<(Split, Trade)>,
    /// Size of the sell's earlier slices, since the last of these splits.
    pub sold_before: Size,
    /// The share of the sell's price, with its arithmetic.
    pub proceeds: Step,
    /// The share of the sell's fee, with its arithmetic.
    pub sell_fee: Step,
}

impl ExplainedTrade {
    pub(super) fn of(entry: &Trade) -> Self {
        Self {
            entry: entry.clone(),
            row: None,
            origin: None,
            rates: Vec::new(),
        }
    }
}

/// Units of each lot that were used, by the number of splits that had changed it.
#[derive(Default)]
struct Used<'l>(BTreeMap<(EntryKey<'l>, usize), Size>);

impl<'l> Used<'l> {
    fn of(&self, key: (EntryKey<'l>, usize)) -> Size {
        self.0.get(&key).copied().unwrap_or(Size::ZERO)
    }

    fn add(&mut self, key: (EntryKey<'l>, usize), units: Size) -> Result<(), MoneyError> {
        let sum = add_sizes(self.of(key), units)?;
        self.0.insert(key, sum);
        Ok(())
    }
}

/// Explains the rows of a sell. `rows` are all rows of its pool, in order.
pub(super) fn explain_slices(
    sell: &Trade,
    rows: &[StoredAllocation],
    lots: &Lots<'_>,
) -> Result<Vec<ExplainedSlice>, MoneyError> {
    let mut slices = Vec::new();
    let mut used = Used::default();
    let mut moves = lots.moved_out().peekable();
    // Units of the sell by the number of splits that changed it.
    let mut sold: BTreeMap<usize, Size> = BTreeMap::new();
    for row in rows {
        while let Some(moved) = moves.next_if(|it| it.is_before(row)) {
            used.add((moved.lot.entry_key(), moved.splits), moved.size)?;
        }
        let of_row = lots.of_row(row);
        let key = of_row.as_ref();
        let key = key.map(|lot| (lot.arrived.entry_key(), lot.splits.len()));
        let used_before = key.map_or(Size::ZERO, |key| used.of(key));
        if row.sell_order_id == sell.order_id && row.sell_leg == sell.entry.leg {
            let splits = lots.short_of_row(row);
            let sell = splits.last().map_or(sell, |(_, lot)| lot);
            let so_far = sold.entry(splits.len()).or_insert(Size::ZERO);
            let sold = std::mem::replace(so_far, add_sizes(*so_far, row.allocated_size)?);
            let sold_after = *so_far;
            let lot = of_row.map(|lot| explain_lot(lot, used_before, row.allocated_size));
            let gross = |size| sell.gross_of_first(size);
            let fee = |size| fee_share_of_size(sell.fee, size, sell.size);
            let proceeds = Step::of(gross(sold)?, gross(sold_after)?)?;
            let sell_fee = Step::of(fee(sold)?, fee(sold_after)?)?;
            slices.push(ExplainedSlice {
                row: row.clone(),
                lot: lot.transpose()?,
                splits,
                sold_before: sold,
                proceeds,
                sell_fee,
            });
        }
        if let Some(key) = key {
            used.add(key, row.allocated_size)?;
        }
    }
    Ok(slices)
}

fn explain_lot(lot: LotOfRow<'_>, before: Size, taken: Size) -> Result<ExplainedLot, MoneyError> {
    let LotOfRow { arrived, splits } = lot;
    let lot = splits.last().map_or(arrived, |(_, lot)| lot);
    let after = add_sizes(before, taken)?;
    let gross = |size| lot.gross_of_first(size);
    let fee = |size| fee_share_of_size(lot.fee, size, lot.size);
    Ok(ExplainedLot {
        used_before: before,
        left_after: sub_sizes(lot.size, after)?,
        gross: Step::of(gross(before)?, gross(after)?)?,
        fee: Step::of(fee(before)?, fee(after)?)?,
        buy: ExplainedTrade::of(arrived),
        arrived: arrived.clone(),
        way: Vec::new(),
        splits,
    })
}
