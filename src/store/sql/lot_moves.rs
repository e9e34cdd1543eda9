//! Units of lots that transfers moved, by version.

use super::{Driver, LoadCell, Take, arguments, delete_rows};
use crate::engine::{Fact, LotMove};
use crate::store::limits::ROWS_CHECKED;
use crate::store::model::{Version, VersionPlan};
use crate::store::{StoreError, StoreResult, cells};

const WRITE: &str = "write the moves of lots";

/// Writes the moves of a version, in the transaction that completes it.
pub(super) async fn write<C: Driver>(
    connection: &mut C,
    plan: &VersionPlan,
    moves: &[LotMove],
) -> StoreResult<()> {
    if plan.replaces {
        delete(connection, plan.version).await?;
    }
    let (mut is_first, mut rows) = (true, Vec::new());
    for part in moves.chunks(ROWS_CHECKED) {
        rows.clear();
        for it in part {
            rows.push(row(plan.version, it)?);
        }
        connection.load(WRITE, INTO, &rows, is_first).await?;
        is_first = false;
    }
    Ok(())
}

const INTO: (&str, &str) = (
    "fifo_lot_moves",
    "allocation_version, asset, from_account, withdrawal_id, to_account, deposit_id, buy_account, \
     buy_order_id, buy_leg, buy_movement, buy_time, size, cost_usd",
);

/// Errors: a size with more digits than that of a lot.
fn row(version: Version, it: &LotMove) -> StoreResult<[LoadCell<'_>; 13]> {
    let text = |text| LoadCell::Text(Some(text));
    let size: Result<Fact, _> = it.size.to_string().parse();
    let size = size.map_err(|error| StoreError::Database {
        action: WRITE,
        message: error.to_string(),
        source: None,
    })?;
    Ok([
        LoadCell::Integer(Some(version)),
        text(it.asset.as_str()),
        text(it.from.as_str()),
        text(it.withdrawal.as_str()),
        text(it.to.as_str()),
        text(it.deposit.as_str()),
        text(it.buy_account.as_str()),
        text(it.buy_order_id.as_str()),
        text(it.buy_leg.as_str()),
        text(it.buy_movement.as_ref().map_or("", |id| id.as_str())),
        LoadCell::Time(it.buy_time),
        LoadCell::Number(size),
        LoadCell::Usd(it.cost_usd),
    ])
}

/// Deletes the moves of a version.
pub(super) async fn delete<C: Driver>(connection: &mut C, version: Version) -> StoreResult<()> {
    delete_rows(connection, "fifo_lot_moves", version).await
}

/// Lists the moves of a version.
pub(super) async fn list<C: Driver>(
    connection: &mut C,
    version: Version,
) -> StoreResult<Vec<LotMove>> {
    let from = "fifo_lot_moves WHERE allocation_version = $1 ORDER BY asset, from_account, \
         withdrawal_id, buy_time, buy_account, buy_order_id, buy_leg, buy_movement";
    let mut all = Vec::new();
    let take: Take<'_> = &mut |row| {
        all.push(cells::lot_move(row)?);
        Ok(())
    };
    let selected = (cells::LOT_MOVE, from);
    let arguments = arguments![version];
    connection
        .select("read the moves of lots", selected, &arguments, take)
        .await?;
    Ok(all)
}
