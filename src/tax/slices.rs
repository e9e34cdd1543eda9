//! Numbers each row among the slices of its sell and among those of its lot, for example "2 of 3".
//!
//! One pass is enough. Canonical order keeps the rows of a sell together, and first in, first out
//! keeps the rows of a lot together. A row waits until the last row of its sell and of its lot is
//! known. For very long runs of rows the store gives the count, so that few rows wait.

use std::collections::VecDeque;
use std::io;

use super::row::{SliceNumber, TaxRow};
use crate::engine::policy::USD_SCALE;
use crate::engine::{
    Leg, MoneyError, OrderId, Pool, Price, Size, StoredAllocation, Usd, add_sizes, gross_of_size,
};
use crate::store::model::{LongRun, SourcedAllocation};

/// Rows of one sell or of one lot.
#[derive(Debug)]
struct RowGroup {
    id: Option<OrderId>,
    rows: u32,
    /// Number of all rows of the run, if the store gave it before the last row.
    told: Option<u32>,
}

/// Returns the error for a run whose number of rows differs from the store's count.
fn unlike(run: &RowGroup, told: u32) -> io::Error {
    let id = run.id.as_ref().map_or("", |id| id.as_str());
    let came = run.rows;
    io::Error::other(format!(
        "\"{id}\" has {came} rows, the store counted {told}"
    ))
}

impl RowGroup {
    /// Compares the store's count with the rows, when the run is over.
    fn check(&self) -> io::Result<()> {
        match self.told {
            Some(told) if told != self.rows => Err(unlike(self, told)),
            _ => Ok(()),
        }
    }
}

/// The runs of all waiting rows, and the run of the last row.
#[derive(Debug, Default)]
struct Runs {
    /// Number of the first run in `runs`.
    first: u64,
    runs: VecDeque<RowGroup>,
}

impl Runs {
    /// Adds a row. Returns the number of its run, and the row's number in that run.
    fn take(&mut self, id: Option<&OrderId>, is_new_pool: bool) -> io::Result<(u64, u32)> {
        let goes_on = match self.runs.back() {
            Some(run) if !is_new_pool => id.is_some() && run.id.as_ref() == id,
            _ => false,
        };
        if !goes_on {
            self.runs.back().map_or(Ok(()), RowGroup::check)?;
            let (id, rows, told) = (id.cloned(), 0, None);
            self.runs.push_back(RowGroup { id, rows, told });
        }
        let number = self.first.saturating_add(self.runs.len() as u64) - 1;
        let rows = self.runs.back_mut().map_or(0, |run| {
            run.rows += 1;
            run.rows
        });
        Ok((number, rows))
    }

    fn run(&self, number: u64) -> Option<&RowGroup> {
        let place = usize::try_from(number.saturating_sub(self.first)).unwrap_or(usize::MAX);
        self.runs.get(place)
    }

    /// Tells whether the number of a run's rows is known: a later run has begun, or the store gave
    /// the count.
    fn is_over(&self, number: u64) -> bool {
        let is_told = self.run(number).is_some_and(|run| run.told.is_some());
        is_told || number + 1 < self.first + self.runs.len() as u64
    }

    fn rows(&self, number: u64) -> u32 {
        let rows = |run: &RowGroup| run.told.unwrap_or(run.rows);
        self.run(number).map_or(0, rows)
    }

    /// Stores the store's count of the rows of the present run.
    fn hear(&mut self, of: &LongRun) -> io::Result<()> {
        let is_it =
            |run: &&mut RowGroup| run.id.as_ref().is_some_and(|id| id.as_str() == of.order_id);
        match self.runs.back_mut().filter(is_it) {
            Some(run) if of.rows >= run.rows => run.told = Some(of.rows),
            Some(run) => return Err(unlike(run, of.rows)),
            None => {}
        }
        Ok(())
    }

    /// Drops the runs before this one.
    fn forget_before(&mut self, number: u64) {
        while self.first < number && self.runs.len() > 1 {
            self.runs.pop_front();
            self.first += 1;
        }
    }
}

#[derive(Debug)]
struct WaitingRow {
    row: Box<TaxRow>,
    sell: (u64, u32),
    lot: Option<(u64, u32)>,
}

/// Holds rows back until their slices are numbered.
#[derive(Debug, Default)]
pub(super) struct Slices {
    pool: Option<Pool>,
    sells: Runs,
    lots: Runs,
    /// Units of the present lot that its rows have used.
    used: Size0,
    /// Leg of the present lot.
    leg: Leg,
    kept: VecDeque<WaitingRow>,
}

/// A size that begins at zero.
#[derive(Debug)]
struct Size0(Size);

impl Default for Size0 {
    fn default() -> Self {
        Self(Size::ZERO)
    }
}

/// A row's number in its sell and in its lot.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed {
    sell: (u64, u32),
    lot: Option<(u64, u32)>,
    /// The lot's share of the buy's fee; `None` without a lot, or where the fee is unknown.
    pub(super) buy_fee: Option<Usd>,
}

impl Slices {
    /// Counts a row, whether it is printed or not.
    pub(super) fn place(&mut self, from: &SourcedAllocation) -> io::Result<Placed> {
        let row = &from.row;
        let is_same = |pool: &Pool| pool.account == row.account && pool.asset == row.asset;
        let is_new_pool = !self.pool.as_ref().is_some_and(is_same);
        if is_new_pool {
            self.pool = Some(row.pool());
        }
        let sell = self.sells.take(Some(&row.sell_order_id), is_new_pool)?;
        let Some(buy) = &row.buy_order_id else {
            // A sell has an unmatched part only if all lots are used up, so the last lot has no
            // more rows.
            self.lots.take(None, true)?;
            let (lot, buy_fee) = (None, None);
            return Ok(Placed { sell, lot, buy_fee });
        };
        let lot = self.lots.take(Some(buy), is_new_pool)?;
        // A rebate in the bought asset is a lot of its own. It follows the lot of its trade.
        if lot.1 == 1 || self.leg != row.buy_leg {
            self.used = Size0::default();
        }
        self.leg = row.buy_leg;
        let buy_fee = self.buy_fee(row).map_err(io::Error::other)?;
        let lot = Some(lot);
        Ok(Placed { sell, lot, buy_fee })
    }

    /// Adds a row's size to the used part of its lot. Returns the row's share of the buy's fee.
    ///
    /// `None`: the fee is unknown. Or the price has more decimals than a value: it may be a value
    /// divided by units and cut, so that the row lacks the exact share of the value.
    fn buy_fee(&mut self, row: &StoredAllocation) -> Result<Option<Usd>, MoneyError> {
        let before = self.used.0;
        let after = add_sizes(before, row.allocated_size)?;
        self.used = Size0(after);
        Ok(match (row.buy_price, row.cost_basis_usd) {
            (Some(price), Some(cost)) if !row.notes.buy_fee_unknown && !may_be_cut(price) => {
                let gross = gross_of_size(price, after)?;
                let share = gross.checked_sub(gross_of_size(price, before)?)?;
                Some(cost.checked_sub(share)?)
            }
            _ => None,
        })
    }

    /// Stores the store's count of the rows of the last row's sell or lot. Errors: more rows were
    /// read already.
    pub(super) fn hear(&mut self, run: &LongRun) -> io::Result<()> {
        let runs = if run.is_sell {
            &mut self.sells
        } else {
            &mut self.lots
        };
        runs.hear(run)
    }

    /// Holds a row back until its slices are numbered.
    pub(super) fn keep(&mut self, row: Box<TaxRow>, placed: Placed) {
        let Placed { sell, lot, .. } = placed;
        self.kept.push_back(WaitingRow { row, sell, lot });
    }

    /// Passes the rows whose slices are numbered to `take`. `all`: passes every row, as the input
    /// has ended.
    pub(super) fn give(
        &mut self,
        all: bool,
        take: &mut dyn FnMut(&TaxRow) -> io::Result<()>,
    ) -> io::Result<()> {
        while let Some(kept) = self.kept.front() {
            let sell_is_over = self.sells.is_over(kept.sell.0);
            let lot_is_over = kept.lot.is_none_or(|lot| self.lots.is_over(lot.0));
            let is_over = sell_is_over && lot_is_over;
            if !all && !is_over {
                break;
            }
            let Some(mut kept) = self.kept.pop_front() else {
                break;
            };
            kept.row.sell_slice = slice(&self.sells, kept.sell);
            kept.row.lot_slice = kept
                .lot
                .map(|lot| slice(&self.lots, lot))
                .unwrap_or_default();
            take(&kept.row)?;
        }
        if all {
            let runs = [self.sells.runs.back(), self.lots.runs.back()];
            runs.into_iter().flatten().try_for_each(RowGroup::check)?;
        }
        let last = u64::MAX;
        let first_sell = self.kept.front().map_or(last, |kept| kept.sell.0);
        let first_lot = self.kept.iter().find_map(|kept| kept.lot);
        self.sells.forget_before(first_sell);
        self.lots.forget_before(first_lot.map_or(last, |lot| lot.0));
        Ok(())
    }
}

/// Tells whether a price may be a value divided by units, with digits that did not fit.
fn may_be_cut(price: Price) -> bool {
    price.as_decimal().normalize().scale() > u32::from(USD_SCALE)
}

fn slice(runs: &Runs, place: (u64, u32)) -> SliceNumber {
    SliceNumber {
        number: place.1,
        of: runs.rows(place.0),
    }
}
