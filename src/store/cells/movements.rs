//! Rows of movements.

use super::{Cells, Named, in_table};
use crate::engine::{Asset, Fee, Movement};
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
