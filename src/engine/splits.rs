//! Splits: each unit of a pool's lots becomes more or fewer units.
//!
//! A split ends a stretch of the pool's history. The trades before it are matched. The lots that
//! they leave open get new sizes; their cost, their date and their order stay. The later trades are
//! matched on top of these lots. Read it beside docs/SPEC-matching.md, "Splits". The second matcher
//! has its own way: `reference/splits.rs`.

use super::action::{ActionRatio, Split, SplitChange};
use super::fact::Fact;
use super::ids::OrderId;
use super::lots::InventoryLot;
use super::money::{MoneyError, add_sizes, split_size, sub_sizes};
use super::number::{Fee, Price, Size};
use super::policy::SPLIT_DECIMALS_MIN;
use super::side::Side;

/// Why a split can't change the lots of a pool.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// The source states the units that came. With the units held they give no usual ratio, so the
    /// ledger may lack trades.
    #[error("{split} makes {ratio} held, expected a ratio like 2 for 1 or 3 for 2")]
    Unusual {
        /// The split.
        split: Split,
        /// Units held by the ledger.
        held: Size,
        /// The ratio that both give.
        ratio: String,
    },
    /// A lot is so small that the split leaves nothing of it.
    #[error("{split} leaves nothing of the lot \"{buy}\", expected at least 10^-18 units")]
    NothingLeft {
        /// The split.
        split: Split,
        /// The buy of the lot.
        buy: String,
    },
    /// The rest of a short lot has a fee with more digits than fees have.
    #[error("{split} leaves the short lot \"{buy}\" a fee of more than 28 digits")]
    LongFee {
        /// The split.
        split: Split,
        /// The sell of the lot.
        buy: String,
    },
    /// A size has more digits than a lot's.
    #[error("{split} gives the lot \"{buy}\" a size of more than 28 digits")]
    TooLong {
        /// The split.
        split: Split,
        /// The buy of the lot.
        buy: String,
    },
}

/// Gives the lots of a pool, oldest first, the sizes that they have after a split.
///
/// The sizes are differences of cumulative sizes, so the whole inventory is rounded once.
/// Errors: the split can't be applied; some lots may have changed.
pub(super) fn split_lots(split: &Split, lots: &mut [InventoryLot]) -> Result<(), SplitError> {
    let too_long = |buy: &OrderId| SplitError::TooLong {
        split: *split,
        buy: buy.as_str().to_owned(),
    };
    let sizes = || lots.iter().map(|lot| lot.remaining_size);
    let Some(first) = lots.first() else {
        return Ok(());
    };
    let decimals = sizes().map(Size::scale).fold(SPLIT_DECIMALS_MIN, u8::max);
    let held = sizes().try_fold(Size::ZERO, add_sizes);
    let held = held.map_err(|_| too_long(&first.buy.order_id))?;
    let ratio = ratio_of(split, held)?;
    let (mut before, mut after) = (Size::ZERO, Size::ZERO);
    for lot in lots {
        let is_long = |_| too_long(&lot.buy.order_id);
        before = add_sizes(before, lot.remaining_size).map_err(is_long)?;
        let now = split_size(before, ratio, decimals).map_err(is_long)?;
        let size = sub_sizes(now, after).map_err(is_long)?;
        Fact::try_of_size(size).map_err(|_| too_long(&lot.buy.order_id))?;
        after = now;
        if size.is_zero() {
            let buy = lot.buy.order_id.as_str().to_owned();
            return Err(SplitError::NothingLeft { split: *split, buy });
        }
        if enter_again(lot, size).is_err() {
            let buy = lot.buy.order_id.as_str().to_owned();
            return Err(SplitError::LongFee { split: *split, buy });
        }
    }
    Ok(())
}

/// Enters what is left of a lot as a new lot. Its units share its cost, which includes the fee.
/// Those of a short lot share its proceeds and its fee. Errors: the rest of that fee has more than
/// 28 digits.
fn enter_again(lot: &mut InventoryLot, size: Size) -> Result<(), MoneyError> {
    lot.was_used |= lot.remaining_size != lot.buy.size && !lot.only_moved;
    lot.only_moved = false;
    let (value, fee) = match lot.buy.side {
        Side::Buy => (lot.remaining_cost, Fee::ZERO),
        Side::Sell => {
            let used = sub_sizes(lot.buy.size, lot.remaining_size)?;
            let whole = lot.buy.gross_of_first(lot.buy.size)?;
            let proceeds = whole.checked_sub(lot.buy.gross_of_first(used)?)?;
            let fee = proceeds.checked_sub(lot.remaining_cost)?;
            let fee = fee.to_string().parse();
            (proceeds, fee.map_err(|_| MoneyError::OutOfRange)?)
        }
    };
    let buy = &mut lot.buy;
    (buy.size, buy.price, buy.more) = (size, Price::ZERO, None);
    // An unknown fee stays unknown.
    buy.fee = buy.fee.map(|_| fee);
    buy.entry.value = Some(value);
    lot.remaining_size = size;
    Ok(())
}

/// Returns the units after a split for units before it.
fn ratio_of(split: &Split, held: Size) -> Result<(u64, u64), SplitError> {
    match split.change {
        SplitChange::Ratio(ActionRatio { new, old }) => Ok((new, old)),
        SplitChange::Came(units) => implied(units, held).ok_or_else(|| SplitError::Unusual {
            split: *split,
            held,
            ratio: match add_sizes(held, units) {
                Ok(after) => format!("{after} for {held}"),
                Err(error) => error.to_string(),
            },
        }),
    }
}

/// Returns the ratio of a split by which units came to those held. `None`: it is unusual.
///
/// A ledger that lacks trades gives another ratio, nearly always an odd one.
fn implied(units: Size, held: Size) -> Option<(u64, u64)> {
    /// New units for one, at most.
    const MOST: u64 = 1_000;
    let twice = add_sizes(units, units).ok()?;
    if twice == held {
        return Some((3, 2));
    }
    // The units that come for each unit held.
    let scale = units.scale().max(held.scale());
    let (units, held) = (units.units_at(scale)?, held.units_at(scale)?);
    let (times, rest) = (units.checked_div(held)?, units.checked_rem(held)?);
    let times = u64::try_from(times).ok()?;
    let is_usual = rest == super::wide::ZERO && times > 0 && times < MOST;
    is_usual.then(|| (times.saturating_add(1), 1))
}
