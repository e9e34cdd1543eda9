//! The engine's own check of a pool before anything is written: what would break a constraint of
//! the database, or a law of conservation, is found here, pool by pool.
//!
//! This guards against our own bugs in passing. The judge is `checks.rs`, which shares no matching
//! and no money code with the engine.

use super::money::{self, MoneyError, Units};
use super::number::{Size, Usd};
use super::outcome::Matching;
use super::trade::{Side, Trade};

/// A law that a matching breaks: a bug of the engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelfCheckError {
    /// A sell's parts don't add up to its size or its proceeds.
    #[error("parts of order \"{0}\" don't add up to the whole")]
    Parts(String),
    /// An allocation points to a trade that is not there, or is of the wrong side or time.
    #[error("an allocation of order \"{0}\" points to a wrong trade")]
    Pointer(String),
    /// An amount left its range.
    #[error(transparent)]
    Money(#[from] MoneyError),
}

/// What a trade's allocations, and what is left of it, sum up to.
#[derive(Clone, Copy)]
struct Sums {
    size: Size,
    amount: Usd,
}

impl Sums {
    const ZERO: Self = Self {
        size: Size::ZERO,
        amount: Usd::ZERO,
    };

    fn add(&mut self, size: Size, amount: Usd) -> Result<(), MoneyError> {
        self.size = money::add_sizes(self.size, size)?;
        self.amount = self.amount.checked_add(amount)?;
        Ok(())
    }
}

/// Checks that sizes and amounts are conserved: every sell's parts give its size and its net
/// proceeds; every buy's parts and its open rest give its size and its cost.
///
/// Errors: the first law broken.
pub fn check_matching(matching: &Matching) -> Result<(), SelfCheckError> {
    let mut sums = vec![Sums::ZERO; matching.trades.len()];
    for allocation in &matching.allocations {
        let amounts = &allocation.amounts;
        let sell = side_at(matching, allocation.sell, Side::Sell)?;
        sum_at(&mut sums, allocation.sell, sell)?.add(amounts.size, amounts.net_proceeds)?;
        let (Some(buy), Some(cost)) = (allocation.buy, amounts.cost_basis) else {
            continue;
        };
        let lot = side_at(matching, buy, Side::Buy)?;
        if lot.order_time > sell.order_time {
            return Err(SelfCheckError::Pointer(sell.order_id.to_string()));
        }
        sum_at(&mut sums, buy, lot)?.add(amounts.size, cost)?;
    }
    for lot in &matching.open_lots {
        let buy = side_at(matching, lot.buy, Side::Buy)?;
        sum_at(&mut sums, lot.buy, buy)?.add(lot.remaining_size, lot.remaining_cost)?;
    }
    for (trade, sums) in matching.trades.iter().zip(&sums) {
        let expected = Sums {
            size: trade.size,
            amount: whole_amount(trade)?,
        };
        if expected.size != sums.size || expected.amount != sums.amount {
            return Err(SelfCheckError::Parts(trade.order_id.to_string()));
        }
    }
    Ok(())
}

fn side_at(matching: &Matching, index: u32, side: Side) -> Result<&Trade, SelfCheckError> {
    let trade = usize::try_from(index)
        .ok()
        .and_then(|index| matching.trades.get(index));
    trade
        .filter(|trade| trade.side == side)
        .ok_or_else(|| SelfCheckError::Pointer(index.to_string()))
}

fn sum_at<'a>(
    sums: &'a mut [Sums],
    index: u32,
    trade: &Trade,
) -> Result<&'a mut Sums, SelfCheckError> {
    let sum = usize::try_from(index)
        .ok()
        .and_then(|index| sums.get_mut(index));
    sum.ok_or_else(|| SelfCheckError::Pointer(trade.order_id.to_string()))
}

/// Returns a buy's whole cost or a sell's whole net proceeds.
fn whole_amount(trade: &Trade) -> Result<Usd, MoneyError> {
    let scale = trade.size.scale();
    let units =
        super::wide::I256::try_from_size(trade.size, scale).ok_or(MoneyError::OutOfRange)?;
    let gross = money::gross(trade.price, units, scale)?;
    let fee = money::fee_share(trade.fee, units, units)?;
    match trade.side {
        Side::Buy => gross.checked_add(fee),
        Side::Sell => gross.checked_sub(fee),
    }
}
