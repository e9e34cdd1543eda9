//! Lots that come into a pool, and lots that leave it, between its trades.
//!
//! `inventory.rs` says when and which. A lot that leaves in part keeps its terms: the cost of each
//! part is the difference of the lot's cumulative cost, as for a sell.

use std::sync::Arc;

use super::fact::Fact;
use super::ids::Pool;
use super::lots::InventoryLot;
use super::money::{MoneyError, add_sizes, add_to_pool_total, sub_sizes};
use super::moves::{LotMove, MissingLots, MoveChange, PoolMove};
use super::number::{Fee, Price, Size, Usd};
use super::origin::MovedFrom;
use super::stream::PoolStream;
use super::trade::Trade;
use super::transfer::Transfer;

impl PoolStream {
    /// Does what a transfer does to the lots. Errors: a sum beyond the limits.
    pub(super) fn apply_move(&mut self, pool: &Pool, change: &PoolMove) -> Result<(), MoneyError> {
        match &change.change {
            MoveChange::Came(lots) => self.come(lots.clone()),
            MoveChange::Left(transfer) => self.leave(pool, transfer).map(drop),
        }
    }

    /// Puts lots among those of the pool, each at the place of its first acquisition.
    pub(super) fn come(&mut self, lots: Vec<Trade>) -> Result<(), MoneyError> {
        for lot in lots {
            let (size, cost) = (lot.size, lot.gross_of_first(lot.size)?);
            let totals = &mut self.totals;
            totals.open_lots = totals.open_lots.saturating_add(1);
            totals.open_size = add_sizes(totals.open_size, size)?;
            totals.open_cost = add_to_pool_total(totals.open_cost, cost)?;
            let place = lot.place().owned();
            self.newest_arrival = Some(place).max(self.newest_arrival.take());
            self.insert(InventoryLot::whole(lot, size, cost));
        }
        Ok(())
    }

    /// Takes the units of a transfer from the oldest lots. Returns the parts, each a whole lot.
    pub(super) fn leave(
        &mut self,
        pool: &Pool,
        transfer: &Arc<Transfer>,
    ) -> Result<Vec<Trade>, MoneyError> {
        let mut wanted = transfer.received;
        let mut parts = Vec::new();
        while !wanted.is_zero() {
            let Some(lot) = self.lots.front_mut() else {
                let (transfer, size) = (Arc::clone(transfer), wanted);
                self.moved_out.missing.push(MissingLots { transfer, size });
                break;
            };
            let units = wanted.min(lot.remaining_size);
            let part = take_part(lot, units)?;
            let cost = part.gross_of_first(units)?;
            let is_gone = lot.remaining_size.is_zero();
            let totals = &mut self.totals;
            totals.open_size = sub_sizes(totals.open_size, units)?;
            totals.open_cost = totals.open_cost.checked_sub(cost)?;
            if is_gone {
                self.lots.pop_front();
                totals.open_lots = totals.open_lots.saturating_sub(1);
            }
            self.moved_out
                .lots
                .push(move_of(pool, transfer, &part, cost));
            parts.push(part);
            wanted = sub_sizes(wanted, units)?;
        }
        Ok(parts)
    }
}

/// Takes units from a lot. Their cost is the difference of its cumulative cost.
fn take_part(lot: &mut InventoryLot, units: Size) -> Result<Trade, MoneyError> {
    let before = sub_sizes(lot.buy.size, lot.remaining_size)?;
    let after = add_sizes(before, units)?;
    let cost = lot.cost_of_first(after)?;
    let cost = cost.checked_sub(lot.cost_of_first(before)?)?;
    lot.only_moved |= before.is_zero() && !lot.was_used;
    lot.remaining_size = sub_sizes(lot.remaining_size, units)?;
    lot.remaining_cost = lot.remaining_cost.checked_sub(cost)?;
    // A size that no lot can have stops the transfer here.
    Fact::try_of_size(units).map_err(|_| MoneyError::OutOfRange)?;
    let mut part = lot.buy.clone();
    (part.size, part.price, part.more) = (units, Price::ZERO, None);
    // The cost includes the fee. An unknown fee stays unknown.
    part.fee = part.fee.map(|_| Fee::ZERO);
    part.entry.value = Some(cost);
    Ok(part)
}

fn move_of(pool: &Pool, transfer: &Transfer, part: &Trade, cost_usd: Usd) -> LotMove {
    let moved = part.entry.moved.as_deref();
    let bought_in = moved.and_then(|moved| moved.account.as_ref());
    LotMove {
        asset: transfer.asset.clone(),
        from: transfer.from.clone(),
        withdrawal: transfer.withdrawal.clone(),
        to: transfer.to.clone(),
        deposit: transfer.deposit.clone(),
        buy_account: bought_in.unwrap_or(&pool.account).clone(),
        buy_order_id: part.order_id.clone(),
        buy_leg: part.entry.leg,
        buy_movement: moved.map(|moved| moved.movement.clone()),
        buy_time: part.order_time,
        size: part.size,
        cost_usd,
    }
}

/// Gives lots that left a pool the names that they have in the receiving one. Units of one buy are
/// one lot there. Errors: a sum beyond the limits.
pub(super) fn as_received(transfer: &Transfer, lots: Vec<Trade>) -> Result<Vec<Trade>, MoneyError> {
    let mut received: Vec<Trade> = Vec::with_capacity(lots.len());
    for mut lot in lots {
        let before = lot.entry.moved.take();
        let bought_in = before.and_then(|moved| moved.account.clone());
        let bought_in = bought_in.unwrap_or_else(|| transfer.from.clone());
        lot.entry.moved = Some(Arc::new(MovedFrom {
            account: (bought_in != transfer.to).then_some(bought_in),
            movement: transfer.deposit.clone(),
        }));
        let key = |lot: &Trade| {
            let entry = &lot.entry;
            (lot.order_id.clone(), entry.leg, entry.moved.clone())
        };
        match received.last_mut() {
            Some(last) if key(last) == key(&lot) => {
                last.size = add_sizes(last.size, lot.size)?;
                if let (Some(sum), Some(value)) = (last.entry.value, lot.entry.value) {
                    last.entry.value = Some(sum.checked_add(value)?);
                }
            }
            _ => received.push(lot),
        }
    }
    Ok(received)
}
