//! A version's rows of one pool out of a binary COPY: what validation and explanations read.

use futures_util::TryStreamExt;
use sqlx::PgConnection;

use super::binary::{self, Next};
use super::errors::from_sqlx;
use super::ledger::unreadable;
use super::read::{PgCells, select};
use crate::engine::{
    Notes, OrderId, Pool, Price, Size, StoredAllocation, Timestamp, Usd, UsdPerUnit, policy,
};
use crate::store::cells::{self, Cells};
use crate::store::model::Version;
use crate::store::{StoreResult, StoredPool};

const ACTION: &str = "read allocations";

/// Reads what a version holds of a pool.
pub(super) async fn pool(
    connection: &mut PgConnection,
    version: Version,
    of: &Pool,
) -> StoreResult<StoredPool> {
    let mut stored = StoredPool::default();
    allocations(connection, version, of, &mut stored).await?;
    let from = "fifo_inventory_snapshot WHERE allocation_version = $1 AND account = $2 \
                AND symbol = $3 ORDER BY id";
    let mut rows = select(cells::LOT, from)
        .bind(version)
        .bind(of.account.as_str())
        .bind(of.symbol.as_str())
        .fetch(connection);
    while let Some(row) = rows.try_next().await.map_err(|e| from_sqlx(ACTION, e))? {
        match cells::lot(&PgCells(&row)) {
            Ok(lot) => stored.open_lots.push(lot),
            Err(bad) => stored.unreadable.push(bad),
        }
    }
    drop(rows);
    Ok(stored)
}

/// Reads a pool's allocations by id.
async fn allocations(
    connection: &mut PgConnection,
    version: Version,
    of: &Pool,
    stored: &mut StoredPool,
) -> StoreResult<()> {
    let sql = format!(
        "COPY (SELECT {} FROM fifo_allocations WHERE allocation_version = {version} \
         AND account = {} AND symbol = {} ORDER BY id) TO STDOUT (FORMAT binary)",
        cells::ALLOCATION.join(", "),
        literal(of.account.as_str()),
        literal(of.symbol.as_str())
    );
    let copy = connection.copy_out_raw(&sql).await;
    let mut stream = copy.map_err(|e| from_sqlx(ACTION, e))?;
    let (mut begun, mut rest) = (false, Vec::new());
    while let Some(more) = stream.try_next().await.map_err(|e| from_sqlx(ACTION, e))? {
        rest.extend_from_slice(if rest.is_empty() { &[] } else { &more });
        let mut bytes: &[u8] = if rest.is_empty() { &more } else { &rest };
        if !begun {
            bytes = bytes.strip_prefix(binary::HEADER).unwrap_or(bytes);
            begun = true;
        }
        while let Next::Row(columns, length) = binary::row::<COLUMNS>(bytes) {
            match quick(&columns, of) {
                Some(row) => stored.allocations.push(row),
                None => match cells::allocation(&BinaryCells(&columns)) {
                    Ok(row) => stored.allocations.push(row),
                    Err(bad) => stored.unreadable.push(bad),
                },
            }
            bytes = bytes.get(length..).unwrap_or_default();
        }
        rest = bytes.to_vec();
    }
    if binary::row::<COLUMNS>(&rest) != Next::End {
        return Err(unreadable("a row", "its bytes end too early"));
    }
    Ok(())
}

/// Columns of [`cells::ALLOCATION`].
const COLUMNS: usize = 17;

/// Reads a row of [`cells::ALLOCATION`] without text. `None`: a value that is not as it should be,
/// or not of the pool.
pub(super) fn quick(columns: &[Option<&[u8]>], of: &Pool) -> Option<StoredAllocation> {
    let required = |at: usize| columns.get(at).copied().flatten();
    let of_pool = required(1)? == of.account.as_str().as_bytes()
        && required(2)? == of.symbol.as_str().as_bytes();
    if !of_pool {
        return None;
    }
    Some(StoredAllocation {
        id: binary::integer(required(0)?)?,
        account: of.account.clone(),
        symbol: of.symbol.clone(),
        sell_order_id: order_id(required(3)?)?,
        buy_order_id: optional(required(4), order_id)?,
        allocated_size: size(required(5)?)?,
        buy_price: optional(required(6), price)?,
        sell_price: price(required(7)?)?,
        buy_fees_per_unit: optional(required(8), per_unit)?,
        sell_fees_per_unit: optional(required(9), per_unit)?,
        cost_basis_usd: optional(required(10), usd)?,
        proceeds_usd: usd(required(11)?)?,
        net_proceeds_usd: usd(required(12)?)?,
        pnl_usd: optional(required(13), usd)?,
        buy_time: optional(required(14), time)?,
        sell_time: time(required(15)?)?,
        notes: optional(required(16), notes)?.unwrap_or_default(),
    })
}

/// `Some(None)` is NULL; `None` a value that is not as it should be.
fn optional<T>(value: Option<&[u8]>, read: impl Fn(&[u8]) -> Option<T>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}

fn order_id(bytes: &[u8]) -> Option<OrderId> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn notes(bytes: &[u8]) -> Option<Notes> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn size(bytes: &[u8]) -> Option<Size> {
    binary::fact(bytes)?.to_size().ok()
}

fn price(bytes: &[u8]) -> Option<Price> {
    binary::fact(bytes)?.to_price().ok()
}

fn usd(bytes: &[u8]) -> Option<Usd> {
    binary::units_at(bytes, policy::USD_SCALE).map(Usd::from_units)
}

fn per_unit(bytes: &[u8]) -> Option<UsdPerUnit> {
    binary::units_at(bytes, policy::FEES_PER_UNIT_SCALE).map(UsdPerUnit::from_units)
}

fn time(bytes: &[u8]) -> Option<Timestamp> {
    Timestamp::try_from_micros(binary::micros(bytes)?).ok()
}

/// A row's columns as text, for the reader that names what is wrong.
pub(super) struct BinaryCells<'a>(pub(super) &'a [Option<&'a [u8]>]);

impl BinaryCells<'_> {
    fn value(&self, index: usize) -> Option<&[u8]> {
        self.0.get(index).copied().flatten()
    }
}

impl Cells for BinaryCells<'_> {
    fn text(&self, index: usize) -> Result<Option<String>, String> {
        let is_number = (5..=13).contains(&index);
        self.value(index)
            .map(|value| match std::str::from_utf8(value) {
                _ if is_number => Ok(binary::numeric_text(value)),
                Ok(text) => Ok(text.to_owned()),
                Err(_) => Err(String::from_utf8_lossy(value).into_owned()),
            })
            .transpose()
    }

    fn integer(&self, index: usize) -> Result<Option<i64>, String> {
        let value = self.value(index);
        let integer = |value| match index {
            0 => binary::integer(value).ok_or_else(|| "not a number".to_owned()),
            _ => binary::micros(value).ok_or_else(|| "infinity".to_owned()),
        };
        value.map(integer).transpose()
    }
}

/// Quotes a text for SQL where no parameter can stand.
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
