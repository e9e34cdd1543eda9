//! Incremental runs in SQLite: what is new in the ledger, where a version stands, and rows appended
//! to it. Arrivals and voids are numbered as they come, by one writer at a time.

use std::collections::{BTreeMap, BTreeSet};

use rusqlite::{Connection, params};

use super::errors::from_rusqlite;
use super::gate::{SqliteGate, count_ineligible, names, newest};
use super::raw::with_raw;
use super::rows::SqliteRows;
use super::writer::{INSERT_ALLOCATION, INSERT_LOT, insert_rows, insert_summary};
use super::{SqliteStore, commit};
use crate::engine::{
    Account, AssetRules, Leg, Matching, OpenLot, OrderId, Pool, SelfCheckError, Size, StoredLot,
    Trade, TradeRef,
};
use crate::store::lots::{OpenLots, PickedLots, Reach, income_buy};
use crate::store::model::{AppendedPool, Arrivals, Completion, Scope, Version, VersionPlan};
use crate::store::phase::Phase;
use crate::store::rows::{RowChunk, RowEncoder};
use crate::store::rules::{Closing, check_appendable};
use crate::store::sql::closing::close;
use crate::store::sql::read::version_locked;
use crate::store::{StoreResult, cells, more, phase, sql};

/// Reads the rows and voids that came into the ledger since a watermark.
pub(super) fn arrivals_in(
    raw: &Connection,
    (scope, rules): (&Scope, &AssetRules),
    (ingest_since, voids_since): (i64, (i64, i64)),
) -> rusqlite::Result<Arrivals> {
    let mut arrivals = Arrivals {
        watermark: newest(raw)?,
        ..Arrivals::default()
    };
    let mut gate = SqliteGate::begin(raw, scope, rules)?;
    let mut statement = raw.prepare(&gate.query("ingest_seq > ?1"))?;
    let mut rows = statement.query([ingest_since])?;
    while let Some(row) = rows.next()? {
        let is_voided = row.get::<_, Option<i64>>(9)?.is_some();
        gate.take_row(row, is_voided)?;
    }
    let (taken, voided) = gate.end();
    arrivals.voided = voided;
    (arrivals.pools, arrivals.pending) = taken.into_parts();
    let arrived = ("ingest_seq > ?1", ingest_since);
    count_ineligible(raw, (scope, rules), arrived, &mut arrivals.ineligible)?;
    arrivals.revised = revised(raw, (scope, rules), (ingest_since, voids_since))?;
    Ok(arrivals)
}

/// Trades with voids that came since, or of imports with such voids.
const TOUCHED: &str = "SELECT account, order_id FROM trade_voids WHERE void_seq > ?2";
const TOUCHED_OF_IMPORTS: &str = " UNION SELECT account, order_id FROM trade_records \
     WHERE import_id IN (SELECT import_id FROM import_voids WHERE void_seq > ?3)";

/// Trades seen before that were voided then and are not now, or the other way round.
const REVISED: &str = "JOIN eligible_trades t ON t.account = v.account AND t.order_id = v.order_id \
     WHERE t.ingest_seq <= ?1 AND (t.void_seq IS NULL) = (ifnull((SELECT w.undone = 0 \
         FROM trade_voids w WHERE w.account = v.account AND w.order_id = v.order_id \
         AND w.void_seq <= ?2 ORDER BY w.void_seq DESC LIMIT 1), 0) \
     OR ifnull((SELECT w.undone = 0 FROM import_voids w WHERE w.import_id = t.import_id \
         AND w.void_seq <= ?3 ORDER BY w.void_seq DESC LIMIT 1), 0))";

fn revised(
    raw: &Connection,
    (scope, rules): (&Scope, &AssetRules),
    (ingest_since, (void_since, import_since)): (i64, (i64, i64)),
) -> rusqlite::Result<BTreeMap<Pool, BTreeSet<String>>> {
    let mut revised: BTreeMap<Pool, BTreeSet<String>> = BTreeMap::new();
    let any = "SELECT 1 FROM import_voids WHERE void_seq > ?1";
    // No index has the imports of trades, so the ledger is read only if it must be.
    let of_imports = match raw.prepare(any)?.exists([import_since])? {
        true => TOUCHED_OF_IMPORTS,
        false => "",
    };
    let mut statement = raw.prepare(&format!(
        "SELECT t.account, t.symbol, t.base_asset, t.quote_currency, t.asset_class, \
         t.fee_currency, t.order_id \
         FROM (SELECT DISTINCT account, order_id FROM ({TOUCHED}{of_imports})) v {REVISED}"
    ))?;
    let mut rows = statement.query([ingest_since, void_since, import_since])?;
    while let Some(row) = rows.next()? {
        for pool in more::pools_of(rules, &names(row)?) {
            if scope.contains(&pool) {
                revised.entry(pool).or_default().insert(row.get(6)?);
            }
        }
    }
    Ok(revised)
}

/// Reads the open lots of some pools, with their buys, as far as they are needed.
pub(super) fn open_lots_in(
    raw: &Connection,
    version: Version,
    reach: &Reach,
) -> StoreResult<BTreeMap<Pool, OpenLots>> {
    let mut lots = BTreeMap::new();
    for (pool, reach) in reach {
        let picked = pick_lots(raw, version, pool, *reach)?;
        lots.insert(pool.clone(), buys_of(raw, pool, &picked)?);
    }
    Ok(lots)
}

fn pick_lots(
    raw: &Connection,
    version: Version,
    pool: &Pool,
    reach: Option<Size>,
) -> StoreResult<PickedLots> {
    let from = "fifo_inventory_snapshot WHERE allocation_version = ?1 AND account = ?2 \
         AND asset = ?3 ORDER BY id";
    let arguments = params![version, pool.account.as_str(), pool.asset.as_str()];
    let mut picked = PickedLots::new(reach);
    super::cells::select(raw, cells::OPEN_LOT, from, arguments, &mut |row| {
        picked.take(cells::open_lot(row)?);
        Ok(())
    })?;
    Ok(picked)
}

fn buys_of(raw: &Connection, pool: &Pool, picked: &PickedLots) -> StoreResult<OpenLots> {
    let mut buys = BTreeMap::new();
    let from = "eligible_trades WHERE account = ?1 AND order_id = ?2";
    for lot in &picked.needed {
        let account = lot.bought_in(pool);
        let arguments = params![account.as_str(), lot.buy_order_id.as_str()];
        super::cells::select(raw, cells::TRADE, from, arguments, &mut |row| {
            let buy = cells::trade(row)?;
            buys.insert((account, buy.order_id.clone()), buy);
            Ok(())
        })?;
        add_income(raw, (lot, account), &mut buys)?;
    }
    Ok(picked.with_buys(pool, |account, id| {
        buys.get(&(account, id.clone())).cloned()
    }))
}

/// Adds a lot that is income: a movement, and no row of the ledger.
fn add_income<'p>(
    raw: &Connection,
    (lot, account): (&StoredLot, &'p Account),
    buys: &mut BTreeMap<(&'p Account, OrderId), Trade>,
) -> StoreResult<()> {
    if lot.buy_leg != Leg::Income {
        return Ok(());
    }
    let from = "asset_movements WHERE account = ?1 AND movement_id = ?2";
    let arguments = params![account.as_str(), lot.buy_order_id.as_str()];
    super::cells::select(raw, cells::CAME_AT, from, arguments, &mut |row| {
        let buy = income_buy(lot, cells::came_at(row)?);
        buys.insert((account, buy.order_id.clone()), buy);
        Ok(())
    })
}

/// Appends to a version, in one transaction.
pub(super) async fn append(
    store: &SqliteStore,
    plan: &VersionPlan,
    pools: &[AppendedPool],
    completion: &Completion,
) -> StoreResult<()> {
    let action = "append to the version";
    let mut transaction = store.writer().await?;
    check_appendable(&version_locked(&mut *transaction, plan.version).await?)?;
    with_raw(&mut transaction, action, |raw| {
        let encoder = SqliteRows::new(plan);
        for pool in pools {
            append_pool(raw, plan, pool, &encoder).map_err(|e| from_rusqlite(action, e))?;
            phase::reached(Phase::Load);
        }
        Ok(())
    })
    .await?;
    sql::versions::complete(&mut *transaction, plan, completion).await?;
    close(&mut *transaction, &Closing::of_append(plan, completion)).await?;
    commit(transaction).await?;
    phase::reached(Phase::Committed);
    Ok(())
}

fn append_pool(
    raw: &Connection,
    plan: &VersionPlan,
    pool: &AppendedPool,
    encoder: &SqliteRows,
) -> rusqlite::Result<()> {
    if let Some(matching) = &pool.matching {
        let mut rows = RowChunk::default();
        let walked = matching.each_row(|row| encoder.allocation(row, &mut rows));
        walked.map_err(self_check)?;
        insert_rows(raw, INSERT_ALLOCATION, &rows)?;
        change_lots(raw, plan, matching, encoder)?;
    }
    delete_summary(raw, plan.version, &pool.summary.pool)?;
    insert_summary(raw, plan.version, &pool.summary, pool.duration_us)
}

fn delete_summary(raw: &Connection, version: Version, pool: &Pool) -> rusqlite::Result<()> {
    raw.execute(
        "DELETE FROM fifo_pool_summary WHERE allocation_version = ?1 AND account = ?2 \
         AND asset = ?3",
        params![version, pool.account.as_str(), pool.asset.as_str()],
    )
    .map(drop)
}

/// The engine's own error on its way through the driver's.
fn self_check(error: SelfCheckError) -> rusqlite::Error {
    rusqlite::Error::UserFunctionError(error.into())
}

/// Writes the lots that changed: most of them did not.
fn change_lots(
    raw: &Connection,
    plan: &VersionPlan,
    matching: &Matching,
    encoder: &SqliteRows,
) -> rusqlite::Result<()> {
    let changes = matching.lot_changes().map_err(self_check)?;
    let pool = &matching.pool;
    use_lots(raw, plan, pool, &changes.used)?;
    delete_lots(raw, plan.version, pool, &changes.gone)?;
    let mut lots = RowChunk::default();
    for (buy, lot) in &changes.added {
        encoder.lot(pool, buy, lot, &mut lots);
    }
    insert_rows(raw, INSERT_LOT, &lots)
}

/// A lot that has less left keeps its number, which tells its place among the others.
fn use_lots(
    raw: &Connection,
    plan: &VersionPlan,
    pool: &Pool,
    used: &[(TradeRef<'_>, &OpenLot)],
) -> rusqlite::Result<()> {
    let mut update = raw.prepare_cached(
        "UPDATE fifo_inventory_snapshot SET remaining_size = ?5, remaining_cost_usd = ?6, \
         snapshot_time = ?7 WHERE allocation_version = ?1 AND account = ?2 \
         AND asset = ?3 AND buy_order_id = ?4 AND buy_leg IS ?8",
    )?;
    for (buy, lot) in used {
        update.execute(params![
            plan.version,
            pool.account.as_str(),
            pool.asset.as_str(),
            buy.order_id,
            lot.remaining_size.to_string(),
            lot.remaining_cost.to_string(),
            plan.allocation_time.as_micros(),
            buy.leg.stored()
        ])?;
    }
    Ok(())
}

fn delete_lots(
    raw: &Connection,
    version: Version,
    pool: &Pool,
    gone: &[TradeRef<'_>],
) -> rusqlite::Result<()> {
    let mut delete = raw.prepare_cached(
        "DELETE FROM fifo_inventory_snapshot WHERE allocation_version = ?1 AND account = ?2 \
         AND asset = ?3 AND buy_order_id = ?4 AND buy_leg IS ?5",
    )?;
    for buy in gone {
        let (account, asset) = (pool.account.as_str(), pool.asset.as_str());
        let leg = buy.leg.stored();
        delete.execute(params![version, account, asset, buy.order_id, leg])?;
    }
    Ok(())
}
