//! Rows of movements.

use super::{Cells, Named, in_table};
use crate::engine::{Asset, Fee, LotMove, Movement, MovementKey, Timestamp, TransferDecision};
use crate::store::StoreError;

/// The columns that [`movement`] reads, in order.
pub(in crate::store) const MOVEMENT: &str = "account, movement_id, asset, direction, size, fee, \
    fee_asset, usd_value, kind, moved_at, settled_at, tx_id, exchange, import_line";

/// Reads a row of `asset_movements`.
pub(in crate::store) fn movement(cells: &dyn Cells) -> Result<Movement, StoreError> {
    let named = Named::new(cells, MOVEMENT);
    let read = || {
        let fee: Option<Fee> = named.parse_optional(5)?;
        let fee_asset: Option<Asset> = named.parse_optional(6)?;
        Ok(Movement {
            account: named.parse(0)?,
            movement_id: named.parse(1)?,
            asset: named.parse(2)?,
            direction: named.parse(3)?,
            size: named.parse(4)?,
            fee: fee.zip(fee_asset),
            usd_value: named.parse_optional(7)?,
            kind: named.parse(8)?,
            moved_at: named.time(9)?,
            settled_at: named.optional_time(10)?,
            tx_id: named.optional(11)?,
            exchange: named.optional(12)?,
            import_line: named.count(13)?,
        })
    };
    read().map_err(in_table("asset_movements"))
}

/// Reads a row of `asset_movements` with the number of its import, which stands last.
pub(in crate::store) fn movement_of_import(
    cells: &dyn Cells,
) -> Result<(i64, Movement), StoreError> {
    let movement = movement(cells)?;
    let import_id = cells.integer(MOVEMENT.split(", ").count()).ok().flatten();
    Ok((import_id.unwrap_or_default(), movement))
}

/// The columns that [`movement_key`] reads, in order.
pub(in crate::store) const MOVEMENT_KEY: &str = "account, movement_id, import_id, import_line";

/// Reads the key of a movement, the number of its import, and its line there.
pub(in crate::store) fn movement_key(
    cells: &dyn Cells,
) -> Result<(MovementKey, i64, i64), StoreError> {
    let named = Named::new(cells, MOVEMENT_KEY);
    let read = || {
        let key = MovementKey {
            account: named.parse(0)?,
            movement_id: named.parse(1)?,
        };
        Ok((key, named.integer(2)?, named.integer(3)?))
    };
    read().map_err(in_table("asset_movements"))
}

/// The columns that [`lot_move`] reads, in order.
pub(in crate::store) const LOT_MOVE: &str = "asset, from_account, withdrawal_id, to_account, \
    deposit_id, buy_account, buy_order_id, buy_leg, buy_movement, buy_time, size, cost_usd";

/// Reads a row of `fifo_lot_moves`.
pub(in crate::store) fn lot_move(cells: &dyn Cells) -> Result<LotMove, StoreError> {
    let named = Named::new(cells, LOT_MOVE);
    let read = || {
        Ok(LotMove {
            asset: named.parse(0)?,
            from: named.parse(1)?,
            withdrawal: named.parse(2)?,
            to: named.parse(3)?,
            deposit: named.parse(4)?,
            buy_account: named.parse(5)?,
            buy_order_id: named.parse(6)?,
            buy_leg: named.parse(7)?,
            buy_movement: match named.text(8)? {
                none if none.is_empty() => None,
                _ => named.parse_optional(8)?,
            },
            buy_time: named.time(9)?,
            size: named.size(10)?,
            cost_usd: named.parse(11)?,
        })
    };
    read().map_err(in_table("fifo_lot_moves"))
}

/// The columns that [`transfer_decision`] reads, in order.
pub(in crate::store) const TRANSFER_DECISION: &str = "kind, withdrawal_account, withdrawal_id, \
    deposit_account, deposit_id, note, decided_by, decided_at, usd_value";

/// Reads a row of `transfer_decisions`.
pub(in crate::store) fn transfer_decision(
    cells: &dyn Cells,
) -> Result<TransferDecision, StoreError> {
    let named = Named::new(cells, TRANSFER_DECISION);
    let read = || {
        Ok(TransferDecision {
            kind: named.parse(0)?,
            withdrawal: MovementKey {
                account: named.parse(1)?,
                movement_id: named.parse(2)?,
            },
            deposit: MovementKey {
                account: named.parse(3)?,
                movement_id: named.parse(4)?,
            },
            note: named.optional(5)?,
            decided_by: named.text(6)?,
            decided_at: named.time(7)?,
            usd_value: named.parse_optional(8)?,
        })
    };
    read().map_err(in_table("transfer_decisions"))
}

/// The column that [`came_at`] reads.
pub(in crate::store) const CAME_AT: &str = "moved_at";

/// Reads when a movement came.
pub(in crate::store) fn came_at(cells: &dyn Cells) -> Result<Timestamp, StoreError> {
    let named = Named::new(cells, CAME_AT);
    named.time(0).map_err(in_table("asset_movements"))
}
