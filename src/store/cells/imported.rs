//! Rows of trades with the imports that brought them.

use super::{Cells, Named, in_table};
use crate::engine::is_never_executed;
use crate::store::StoreError;
use crate::store::model::ImportedTrade;

/// The columns that [`imported_trade`] reads, in order.
pub(in crate::store) const IMPORTED_TRADE: &str = "import_id, account, order_id, symbol, \
    base_asset, quote_currency, asset_class, fee_currency, side, size, order_time, \
    status, price";

/// Reads a trade with its import. `None`: it is no execution.
pub(in crate::store) fn imported_trade(
    cells: &dyn Cells,
) -> Result<Option<ImportedTrade>, StoreError> {
    let named = Named::new(cells, IMPORTED_TRADE);
    let read = || {
        if is_never_executed(named.optional(11)?.as_deref()) {
            return Ok(None);
        }
        let stated = [4, 5, 6, 7].map(|place| named.optional(place));
        let [base, quote, class, fee] = stated;
        Ok(Some(ImportedTrade {
            import_id: named.integer(0)?,
            account: named.text(1)?,
            order_id: named.text(2)?,
            symbol: named.text(3)?,
            stated: [base?, quote?, class?, fee?],
            side: named.parse(8)?,
            size: named.parse(9)?,
            order_time: named.time(10)?,
            price: named.parse(12)?,
        }))
    };
    read().map_err(in_table("trade_records"))
}
