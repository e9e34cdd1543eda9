//! Finds voided trades, and rows that are forms of one execution: the original and its corrections.

use std::collections::BTreeSet;

use rusqlite::{Connection, params};

use crate::store::corrections::{Forms, Relative};

/// The voids in force as of a watermark. The view `active_voids` knows only the present.
const VOIDED_AS_OF: &str = "SELECT account, order_id FROM trade_voids v WHERE undone = 0 AND \
    void_seq = (SELECT max(w.void_seq) FROM trade_voids w WHERE w.account = v.account \
    AND w.order_id = v.order_id AND w.void_seq <= ?1)";

/// The imports that are out as of the void of an import with this number.
const IMPORTS_OUT: &str = "SELECT import_id FROM import_voids v WHERE undone = 0 AND \
    void_seq = (SELECT max(w.void_seq) FROM import_voids w WHERE w.import_id = v.import_id \
    AND w.void_seq <= ?1)";

/// Returns the trades that are voided as of the last void and the last void of an import.
pub(super) fn voided_as_of(
    raw: &Connection,
    (void_seq, import_void_seq): (i64, i64),
) -> rusqlite::Result<BTreeSet<(String, String)>> {
    let pairs = |sql: &str, last: i64| {
        let mut statement = raw.prepare(sql)?;
        let rows = statement.query_map([last], |row| Ok((row.get(0)?, row.get(1)?)))?;
        rows.collect::<rusqlite::Result<BTreeSet<(String, String)>>>()
    };
    let mut voided = pairs(VOIDED_AS_OF, void_seq)?;
    // No index has the imports of trades, so the ledger is read only if an import is out.
    if raw.prepare(IMPORTS_OUT)?.exists([import_void_seq])? {
        let of_imports = format!(
            "SELECT account, order_id FROM trade_records WHERE import_id IN ({IMPORTS_OUT})"
        );
        voided.extend(pairs(&of_imports, import_void_seq)?);
    }
    Ok(voided)
}

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
