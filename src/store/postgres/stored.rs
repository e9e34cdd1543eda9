//! Reads a version's rows of some pools from a binary COPY, for validation and explanations.

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::binary;
use super::cells::{PgCells, expressions, literal};
use super::copy_rows::CopyRows;
use super::errors::from_sqlx;
use super::errors::unreadable;
use super::plans::EVER;
use crate::engine::{
    Leg, LotDirection, MovedFrom, Notes, OrderId, Pool, Price, Size, StoredAllocation, Symbol,
    Timestamp, Usd, UsdPerUnit, policy,
};
use crate::store::cells::{self, Cells};
use crate::store::limits::POOLS_TOGETHER_MAX;
use crate::store::model::Version;
use crate::store::{StoreResult, StoredPool};

const ACTION: &str = "read allocations";

/// Reads a version's rows of some pools, in their order.
pub(super) async fn pools(
    connection: &mut PgConnection,
    version: Version,
    pools: &[Pool],
) -> StoreResult<Vec<StoredPool>> {
    let mut all = Vec::with_capacity(pools.len());
    for part in pools.chunks(POOLS_TOGETHER_MAX) {
        let mut stored = vec![StoredPool::default(); part.len()];
        allocations(connection, version, part, &mut stored).await?;
        lots(connection, version, part, &mut stored).await?;
        all.append(&mut stored);
    }
    Ok(all)
}

/// Returns the pool at a place; the server counts places from 1.
fn of_place(stored: &mut [StoredPool], nth: i64) -> StoreResult<&mut StoredPool> {
    let place = usize::try_from(nth).ok().and_then(|nth| nth.checked_sub(1));
    let found = place.and_then(|place| stored.get_mut(place));
    found.ok_or_else(|| unreadable("a row", "of a pool that was not asked for"))
}

/// Reads the pools' allocations by id.
async fn allocations(
    connection: &mut PgConnection,
    version: Version,
    pools: &[Pool],
    stored: &mut [StoredPool],
) -> StoreResult<()> {
    let sql = allocations_of(version, pools);
    let mut rows = CopyRows::<{ COLUMNS + 1 }>::begin(connection, &sql, ACTION).await?;
    while rows.advance().await? {
        let all = rows.columns();
        let [columns @ .., nth] = &all;
        let nth = nth.and_then(binary::integer).unwrap_or(0);
        let place = usize::try_from(nth - 1).ok();
        let of = place.and_then(|place| pools.get(place));
        let stored = of_place(stored, nth)?;
        let symbol = stored.allocations.last().map(|row| &row.symbol);
        match of.and_then(|of| quick(columns, of, symbol)) {
            Some(row) => stored.allocations.push(row),
            None => match cells::allocation(&BinaryCells(columns)) {
                Ok(row) => stored.allocations.push(row),
                Err(bad) => stored.unreadable.push(bad),
            },
        }
    }
    Ok(())
}

/// Returns the COPY of the pools' allocations; the last column of a row is its pool's place.
///
/// OFFSET makes the server look up each pool by its whole key. Otherwise the server may read the
/// whole version. The range of times chooses the index: `plans.rs`.
fn allocations_of(version: Version, pools: &[Pool]) -> String {
    let names = |of: fn(&Pool) -> &str| {
        let names: Vec<String> = pools.iter().map(|pool| literal(of(pool))).collect();
        names.join(", ")
    };
    format!(
        "COPY (SELECT a.*, p.nth FROM unnest(ARRAY[{}], ARRAY[{}]) \
         WITH ORDINALITY p (account, asset, nth) CROSS JOIN {EVER} t CROSS JOIN LATERAL \
         (SELECT {} FROM fifo_allocations WHERE allocation_version = {version} \
          AND account = p.account COLLATE \"C\" AND asset = p.asset COLLATE \"C\" \
          AND sell_time >= t.since AND sell_time <= t.until OFFSET 0) a \
         ORDER BY p.nth, a.id) TO STDOUT (FORMAT binary)",
        names(|pool| pool.account.as_str()),
        names(|pool| pool.asset.as_str()),
        cells::ALLOCATION,
    )
}

/// Reads the pools' lots by id.
async fn lots(
    connection: &mut PgConnection,
    version: Version,
    pools: &[Pool],
    stored: &mut [StoredPool],
) -> StoreResult<()> {
    let sql = format!(
        "SELECT {}, nth FROM unnest($2::text[], $3::text[]) WITH ORDINALITY p (a, s, nth) \
         CROSS JOIN LATERAL (SELECT * FROM fifo_inventory_snapshot \
          WHERE allocation_version = $1 AND account = a COLLATE \"C\" \
          AND asset = s COLLATE \"C\" OFFSET 0) l ORDER BY nth, id",
        expressions(cells::LOT)
    );
    let accounts: Vec<&str> = pools.iter().map(|pool| pool.account.as_str()).collect();
    let assets: Vec<&str> = pools.iter().map(|pool| pool.asset.as_str()).collect();
    let mut rows = sqlx::query(AssertSqlSafe(sql))
        .bind(version)
        .bind(accounts)
        .bind(assets)
        .fetch(connection);
    let failed = |e| from_sqlx(ACTION, e);
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        let nth = row.try_get("nth").map_err(failed)?;
        let stored = of_place(stored, nth)?;
        match cells::lot_after(&PgCells(&row), stored.open_lots.last()) {
            Ok(lot) => stored.open_lots.push(lot),
            Err(bad) => stored.unreadable.push(bad),
        }
    }
    Ok(())
}

/// Number of the columns of [`cells::ALLOCATION`].
const COLUMNS: usize = cells::ALLOCATION_COUNT;

/// Reads a row of [`cells::ALLOCATION`] from its bytes. The row shares its symbol with the row
/// before it. `None`: a value is faulty, or the row is of another pool than `of`.
pub(super) fn quick(
    columns: &[Option<&[u8]>],
    of: &Pool,
    symbol: Option<&Symbol>,
) -> Option<StoredAllocation> {
    let required = |at: usize| columns.get(at).copied().flatten();
    let of_pool = required(1)? == of.account.as_str().as_bytes()
        && required(17)? == of.asset.as_str().as_bytes();
    if !of_pool {
        return None;
    }
    Some(StoredAllocation {
        id: binary::integer(required(0)?)?,
        account: of.account.clone(),
        symbol: match symbol {
            Some(last) if last.as_str().as_bytes() == required(2)? => last.clone(),
            _ => std::str::from_utf8(required(2)?).ok()?.parse().ok()?,
        },
        sell_order_id: order_id(required(3)?)?,
        buy_order_id: optional(required(4), order_id)?,
        allocated_size: size(required(5)?)?,
        buy_price: optional(required(6), price)?,
        sell_price: optional(required(7), price)?,
        buy_fees_per_unit: optional(required(8), per_unit)?,
        sell_fees_per_unit: optional(required(9), per_unit)?,
        cost_basis_usd: optional(required(10), usd)?,
        proceeds_usd: usd(required(11)?)?,
        net_proceeds_usd: usd(required(12)?)?,
        pnl_usd: optional(required(13), usd)?,
        buy_time: optional(required(14), time)?,
        sell_time: time(required(15)?)?,
        notes: optional(required(16), notes)?.unwrap_or_default(),
        asset: of.asset.clone(),
        sell_leg: optional(required(18), leg)?.unwrap_or_default(),
        buy_leg: optional(required(19), leg)?.unwrap_or_default(),
        direction: optional(required(22), direction)?.unwrap_or_default(),
        moved: moved(required(20), required(21))?,
    })
}

/// Reads the origin of a lot from two cells, which are empty in most rows.
fn moved(account: Option<&[u8]>, movement: Option<&[u8]>) -> Option<Option<Box<MovedFrom>>> {
    let account = optional(account, |bytes| {
        std::str::from_utf8(bytes).ok()?.parse().ok()
    })?;
    match optional(movement, order_id)? {
        Some(movement) => Some(Some(Box::new(MovedFrom { account, movement }))),
        None => account.is_none().then_some(None),
    }
}

/// Reads a cell: `Some(None)` is NULL, `None` a faulty value.
fn optional<T>(value: Option<&[u8]>, read: impl Fn(&[u8]) -> Option<T>) -> Option<Option<T>> {
    match value {
        None => Some(None),
        Some(value) => read(value).map(Some),
    }
}

fn order_id(bytes: &[u8]) -> Option<OrderId> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn leg(bytes: &[u8]) -> Option<Leg> {
    std::str::from_utf8(bytes).ok()?.parse().ok()
}

fn direction(bytes: &[u8]) -> Option<LotDirection> {
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

/// The columns of a row as text, for the slower reader that names a faulty value.
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
