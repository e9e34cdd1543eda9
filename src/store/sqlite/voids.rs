//! Finds the rows that are forms of one execution: the original and its corrections.

use rusqlite::{Connection, params};

use crate::store::corrections::{Forms, Relative};

/// Returns the rows that may be forms of the same execution as an order.
pub(super) fn relatives(
    raw: &Connection,
    account: &str,
    order_id: &str,
) -> rusqlite::Result<Vec<Relative>> {
    let Forms { original, from, to } = Forms::of(order_id);
    let mut statement = raw.prepare(
        "SELECT order_id, EXISTS (SELECT 1 FROM eligible_trades e WHERE e.account = t.account \
         AND e.order_id = t.order_id AND e.void_seq IS NULL) FROM trade_records t \
         WHERE account = ?1 AND (order_id = ?2 OR (order_id >= ?3 AND order_id < ?4))",
    )?;
    let rows = statement.query_map(params![account, original, from, to], |row| {
        let (order_id, counts) = (row.get(0)?, row.get(1)?);
        Ok(Relative { order_id, counts })
    })?;
    rows.collect()
}
