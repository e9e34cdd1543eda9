//! Encodes a version's rows for SQLite, as cells for one prepared statement.

use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, ValueRef};

use crate::engine::{Account, AllocationRow, Canonical, MovedFrom, OpenLot, Pool, TradeRef};
use crate::store::model::VersionPlan;
use crate::store::rows::{RowChunk, RowEncoder};

/// The kind of a cell, in its first byte.
const NULL: u8 = 0;
const TEXT: u8 = 1;
const INTEGER: u8 = 2;

/// Encodes the rows of one version.
pub(super) struct SqliteRows {
    plan: VersionPlan,
}

impl SqliteRows {
    pub(super) fn new(plan: &VersionPlan) -> Self {
        Self { plan: plan.clone() }
    }
}

fn null(out: &mut Vec<u8>) {
    out.push(NULL);
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.push(TEXT);
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn integer(out: &mut Vec<u8>, value: i64) {
    out.push(INTEGER);
    out.extend_from_slice(&value.to_le_bytes());
}

/// Appends a value's canonical text, without allocating memory.
fn canonical(out: &mut Vec<u8>, value: &impl Canonical) {
    out.push(TEXT);
    let start = out.len() + 4;
    out.extend_from_slice(&[0; 4]);
    value.push_to(out);
    let length = u32::try_from(out.len() - start).unwrap_or(u32::MAX);
    if let Some(place) = out.get_mut(start - 4..start) {
        place.copy_from_slice(&length.to_le_bytes());
    }
}

fn optional_text(out: &mut Vec<u8>, value: Option<&str>) {
    match value {
        Some(value) => text(out, value),
        None => null(out),
    }
}

fn optional(out: &mut Vec<u8>, value: Option<impl Canonical>) {
    match value {
        Some(value) => canonical(out, &value),
        None => null(out),
    }
}

/// Appends the account that bought a lot, and the deposit that brought it.
fn moved(out: &mut Vec<u8>, moved: Option<&MovedFrom>) {
    let account = moved.and_then(|moved| moved.account.as_ref());
    optional_text(out, account.map(Account::as_str));
    optional_text(out, moved.map(|moved| moved.movement.as_str()));
}

impl RowEncoder for SqliteRows {
    fn allocation(&self, row: &AllocationRow<'_>, chunk: &mut RowChunk) {
        let out = chunk.begin();
        text(out, row.account);
        text(out, row.sell_order_id);
        optional_text(out, row.buy_order_id);
        text(out, row.symbol);
        canonical(out, &row.allocated_size);
        optional(out, row.buy_price);
        optional(out, row.sell_price);
        optional(out, row.buy_fees_per_unit);
        optional(out, row.sell_fees_per_unit);
        optional(out, row.cost_basis_usd);
        canonical(out, &row.proceeds_usd);
        canonical(out, &row.net_proceeds_usd);
        optional(out, row.pnl_usd);
        match row.buy_time {
            Some(time) => integer(out, time.as_micros()),
            None => null(out),
        }
        integer(out, row.sell_time.as_micros());
        integer(out, self.plan.allocation_time.as_micros());
        integer(out, self.plan.version);
        text(out, &self.plan.batch_id);
        optional(out, (!row.notes.is_empty()).then_some(row.notes));
        text(out, row.asset);
        optional_text(out, row.sell_leg.stored());
        optional_text(out, row.buy_leg.stored());
        moved(out, row.moved);
        optional_text(out, row.direction.stored());
    }

    fn lot(&self, pool: &Pool, buy: &TradeRef<'_>, lot: &OpenLot, chunk: &mut RowChunk) {
        let out = chunk.begin();
        text(out, pool.symbol_of(buy.symbol));
        text(out, buy.order_id);
        canonical(out, &lot.remaining_size);
        integer(out, self.plan.allocation_time.as_micros());
        integer(out, self.plan.version);
        text(out, pool.account.as_str());
        canonical(out, &lot.remaining_cost);
        text(out, pool.asset.as_str());
        optional_text(out, buy.leg.stored());
        optional(out, buy.value.map(|_| buy.size));
        optional(out, buy.value);
        optional(out, buy.fee.filter(|_| buy.value.is_some()));
        optional_text(out, buy.side.opens().stored());
        moved(out, buy.moved.map(|moved| &**moved));
    }
}

/// A borrowed cell, as the statement binds it; only SQLite copies it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cell<'a> {
    Null,
    Text(&'a [u8]),
    Integer(i64),
}

impl ToSql for Cell<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Text(text) => ValueRef::Text(text),
            Self::Integer(value) => ValueRef::Integer(*value),
        }))
    }
}

/// Splits a row into its cells.
pub(super) fn cells(row: &[u8]) -> impl Iterator<Item = Cell<'_>> {
    let mut rest = row;
    std::iter::from_fn(move || {
        let (kind, after) = rest.split_first()?;
        let (cell, after) = match *kind {
            TEXT => {
                let (length, after) = after.split_first_chunk::<4>()?;
                let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
                let (text, after) = after.split_at_checked(length)?;
                (Cell::Text(text), after)
            }
            INTEGER => {
                let (value, after) = after.split_first_chunk::<8>()?;
                (Cell::Integer(i64::from_le_bytes(*value)), after)
            }
            _ => (Cell::Null, after),
        };
        rest = after;
        Some(cell)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_come_back() {
        let mut row = Vec::new();
        text(&mut row, "");
        null(&mut row);
        integer(&mut row, i64::MIN);
        canonical(&mut row, &-7_i64);
        text(&mut row, "ä'\0");
        let found: Vec<Cell<'_>> = cells(&row).collect();
        let expected = [
            Cell::Text(b""),
            Cell::Null,
            Cell::Integer(i64::MIN),
            Cell::Text(b"-7"),
            Cell::Text("ä'\0".as_bytes()),
        ];
        assert_eq!(found, expected);
    }
}
