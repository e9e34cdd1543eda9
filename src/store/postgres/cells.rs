//! How values are selected from PostgreSQL, and how a value is spelled in its SQL.

use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Column, Postgres, Row};

use crate::store::cells::Cells;

/// The name of a column that holds JSON.
const JSON_AS_TEXT: &str = "json_as_text";

/// Returns the server's JSON in this program's spelling.
fn plain_json(text: String) -> String {
    serde_json::from_str::<serde_json::Value>(&text).map_or(text, |value| value.to_string())
}

/// A row whose decimals, hashes and JSON were selected as text and whose times as microseconds.
pub(super) struct PgCells<'a>(pub(super) &'a PgRow);

impl Cells for PgCells<'_> {
    fn text(&self, index: usize) -> Result<Option<String>, String> {
        let text: Option<String> = self.0.try_get(index).map_err(|error| error.to_string())?;
        match self.0.columns().get(index).map(|column| column.name()) {
            Some(JSON_AS_TEXT) => Ok(text.map(plain_json)),
            _ => Ok(text),
        }
    }

    fn integer(&self, index: usize) -> Result<Option<i64>, String> {
        self.0.try_get(index).map_err(|error| error.to_string())
    }
}

/// Columns of times.
const TIMES: [&str; 27] = [
    "buy_time",
    "sell_time",
    "order_time",
    "last_order_time",
    "first_sell",
    "last_sell",
    "first_allocation",
    "last_allocation",
    "complete_through",
    "created_at",
    "completed_at",
    "published_at",
    "computation_start",
    "sealed_at",
    "updated_at",
    "resolved_at",
    "decided_at",
    "imported_at",
    "event_time",
    "rate_time",
    "moved_at",
    "settled_at",
    "happened_at",
    "started_at",
    "last_sync_at",
    "last_successful_sync_at",
    "valid_from",
];

/// Returns the expressions that give `columns` as [`PgCells`] needs them.
///
/// Trailing zeros of decimals are removed: the server keeps those that were written.
pub(super) fn expressions(columns: &str) -> String {
    let expression = |column: &str| match column {
        "allocated_size"
        | "buy_price"
        | "sell_price"
        | "buy_fees_per_unit"
        | "sell_fees_per_unit"
        | "cost_basis_usd"
        | "proceeds_usd"
        | "net_proceeds_usd"
        | "pnl_usd"
        | "remaining_size"
        | "remaining_cost_usd"
        | "matched_size"
        | "unmatched_size"
        | "open_size"
        | "unmatched_proceeds_usd"
        | "unmatched_net_proceeds_usd"
        | "open_cost_usd"
        | "rebates_usd"
        | "lot_size"
        | "lot_value_usd"
        | "lot_fee_usd"
        | "size"
        | "price"
        | "rate"
        | "step_rate"
        | "units"
        | "value_usd"
        | "cost_usd"
        | "total_fees_usd"
        | "fee"
        | "usd_value"
        | "fee_amount"
        | "basis_share" => format!("trim_scale({column})::text"),
        time if TIMES.contains(&time) => {
            format!("(extract(epoch FROM {column}) * 1000000)::bigint")
        }
        "allocation_batch_id" => "allocation_batch_id::text".to_owned(),
        "policy" | "watermark" | "details" | "symbols" | "error_details" => {
            format!("{column}::text AS {JSON_AS_TEXT}")
        }
        plain => plain.to_owned(),
    };
    let expressions: Vec<String> = columns.split(", ").map(expression).collect();
    expressions.join(", ")
}

/// Selects `columns`; `from` is a constant of this program with numbered arguments.
pub(super) fn select(columns: &str, from: &str) -> Query<'static, Postgres, PgArguments> {
    sqlx::query(AssertSqlSafe(format!(
        "SELECT {} FROM {from}",
        expressions(columns)
    )))
}

/// Quotes a text for a statement that takes no parameters.
pub(super) fn literal(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn literals_hold_any_text() {
        assert_eq!(literal("plain"), "E'plain'");
        assert_eq!(literal("o'neil\\'; DROP"), "E'o''neil\\\\''; DROP'");
    }
}
