//! Rows of actions.

use super::{Cells, Named, in_table};
use crate::engine::{ActionRatio, AssetAction};
use crate::store::StoreError;

/// The columns that [`action`] reads, in order.
pub(in crate::store) const ACTION: &str = "import_id, account, action_id, kind, asset, \
    happened_at, ratio_new, ratio_old, units, other_asset, basis_share, exchange, import_line, \
    voids, note";

/// Reads a row of `asset_actions`, with the number of its import.
pub(in crate::store) fn action(cells: &dyn Cells) -> Result<(i64, AssetAction), StoreError> {
    let named = Named::new(cells, ACTION);
    let whole = |place: usize| match named.optional_integer(place) {
        Ok(Some(_)) => named.count(place).map(Some),
        Ok(None) => Ok(None),
        Err(error) => Err(error),
    };
    let read = || {
        let (new, old) = (whole(6)?, whole(7)?);
        let ratio = new.zip(old).map(|(new, old)| ActionRatio { new, old });
        let action = AssetAction {
            account: named.parse_optional(1)?,
            action_id: named.parse(2)?,
            kind: named.parse(3)?,
            asset: named.parse(4)?,
            happened_at: named.time(5)?,
            ratio,
            units: named.parse_optional(8)?,
            other_asset: named.parse_optional(9)?,
            basis_share: named.parse_optional(10)?,
            exchange: named.optional(11)?,
            import_line: named.count(12)?,
            voids: named.parse_optional(13)?,
            note: named.optional(14)?,
            moved_at: None,
        };
        Ok((named.integer(0)?, action))
    };
    read().map_err(in_table("asset_actions"))
}
