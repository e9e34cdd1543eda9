//! Incremental runs in PostgreSQL: what is new in the ledger, where a version stands, and rows
//! appended to it.
//!
//! A row is new if a snapshot does not see it. So a transaction that began before it and commits
//! after it is new, with any times of its rows.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::TryStreamExt;
use sqlx::{AssertSqlSafe, PgConnection, Row};

use super::adoption::mapping::Ledger;
use super::cells::{PgCells, expressions};
use super::copy::BinaryCopy;
use super::errors::{from_sqlx, unreadable};
use super::gate::snapshot_of;
use super::gate::{PostgresGate, count_ineligible, names, snapshot_now};
use super::lock::LockedConnection;
use super::rows::{ALLOCATION_COLUMNS, LOT_COLUMNS, PostgresRows};
use super::session::{begin_short, execute};
use super::writer::{WRITE_ROWS, ids_next};
use super::{PostgresStore, copy, gate, lock, plans};
use crate::engine::{Account, AssetRules, Entered, Leg, OrderId, Pool, Trade, TradeRef};
use crate::store::lots::{OpenLots, PickedLots, Reach, income_buy};
use crate::store::model::{
    AppendedPool, Arrivals, Completion, LedgerRead, Scope, Version, VersionPlan, Watermark,
};
use crate::store::phase::Phase;
use crate::store::rows::{RowChunk, RowEncoder};
use crate::store::rules::{Closing, check_appendable};
use crate::store::sql::closing::close;
use crate::store::sql::read::version_locked;
use crate::store::sql::versions::{SUMMARY_COLUMNS, summary};
use crate::store::{PostgresRefusal, StoreResult, cells, more, phase, sql};

/// Reads the rows and voids that came into the ledger since a watermark.
///
/// Errors: the watermark is of another cluster, or no snapshot.
pub(super) async fn arrivals_in(
    connection: &mut PgConnection,
    ledger: Ledger,
    (scope, rules): (&Scope, &AssetRules),
    since: &Watermark,
) -> StoreResult<Arrivals> {
    let (snapshot, cluster, cursors) = snapshot_now(connection, "look for new trades").await?;
    let import_since = since.cursors().import_void_seq;
    let since = snapshot_of(since, &cluster)?;
    let is_snapshot = |c: char| c.is_ascii_digit() || c == ':' || c == ',';
    let xmin = since.split(':').next().unwrap_or_default();
    if xmin.is_empty() || !since.chars().all(is_snapshot) {
        return Err(unreadable("watermark", &since));
    }
    // The first condition lets the server use an index; the second one decides.
    let condition = format!(
        "WHERE ingest_xid >= '{xmin}' AND NOT pg_visible_in_snapshot(ingest_xid, '{since}')"
    );
    let mut read = LedgerRead::default();
    let rows = PostgresGate::new((scope, rules), &snapshot, None, false)?;
    gate::copy_out(connection, &condition, rows, &mut read, &mut |_| true).await?;
    let mut ineligible = BTreeMap::new();
    let arrived = (scope, rules);
    count_ineligible(connection, arrived, &condition, &mut ineligible).await?;
    if ledger == Ledger::Ours {
        plans::look_up(connection).await?;
    }
    Ok(Arrivals {
        pending: read.pending,
        rates: Entered::default(),
        pools: read.pools,
        revised: revised(connection, ledger, (scope, rules), (&since, import_since)).await?,
        voided: read.voided,
        ineligible,
        watermark: Watermark::Snapshot {
            snapshot,
            cluster,
            cursors,
        },
    })
}

/// Returns trades in the snapshot `since` that were voided, or whose void was undone, after it.
///
/// OFFSET makes the server find the voids of a trade by their key. Otherwise it may go through all
/// voids, from the last one, for each trade.
async fn revised(
    connection: &mut PgConnection,
    ledger: Ledger,
    (scope, rules): (&Scope, &AssetRules),
    (since, import_since): (&str, i64),
) -> StoreResult<BTreeMap<Pool, BTreeSet<String>>> {
    // No index has the imports of trades, so the ledger is read only if it must be.
    let any = "SELECT EXISTS (SELECT 1 FROM import_voids WHERE void_seq > $1)";
    let any: bool = sqlx::query_scalar(any)
        .bind(import_since)
        .fetch_one(&mut *connection)
        .await
        .map_err(|e| from_sqlx("look for voids", e))?;
    let of_imports = match any {
        true => format!(
            " UNION SELECT account, order_id FROM {} WHERE import_id IN \
             (SELECT import_id FROM import_voids WHERE void_seq > $2)",
            ledger.additions()
        ),
        false => String::new(),
    };
    let rows = sqlx::query(AssertSqlSafe(format!(
        "SELECT t.account, t.symbol, t.base_asset, t.quote_currency, t.asset_class, \
         t.fee_currency, t.order_id FROM \
         (SELECT DISTINCT account, order_id FROM trade_voids \
          WHERE NOT pg_visible_in_snapshot(void_xid, $1::pg_snapshot){of_imports}) v \
         JOIN eligible_trades t ON t.account = v.account AND t.order_id = v.order_id \
         WHERE pg_visible_in_snapshot(t.ingest_xid, $1::pg_snapshot) \
         AND (t.void_seq IS NULL) = (coalesce((SELECT NOT x.undone FROM \
             (SELECT w.void_seq, w.undone FROM trade_voids w \
             WHERE w.account = v.account AND w.order_id = v.order_id \
             AND pg_visible_in_snapshot(w.void_xid, $1::pg_snapshot) OFFSET 0) x \
             ORDER BY x.void_seq DESC LIMIT 1), false) \
         OR coalesce((SELECT NOT w.undone FROM import_voids w \
             WHERE w.import_id = t.import_id AND w.void_seq <= $2 \
             ORDER BY w.void_seq DESC LIMIT 1), false))"
    )))
    .bind(since)
    .bind(import_since)
    .fetch_all(connection)
    .await
    .map_err(|e| from_sqlx("look for voids", e))?;
    let mut revised: BTreeMap<Pool, BTreeSet<String>> = BTreeMap::new();
    let failed = |e| from_sqlx("look for voids", e);
    for row in rows {
        let order_id: String = row.try_get(6).map_err(failed)?;
        for pool in more::pools_of(rules, &names(&row).map_err(failed)?) {
            if scope.contains(&pool) {
                revised.entry(pool).or_default().insert(order_id.clone());
            }
        }
    }
    Ok(revised)
}

pub(super) async fn open_lots_in(
    connection: &mut PgConnection,
    ledger: Ledger,
    version: Version,
    reach: &Reach,
) -> StoreResult<BTreeMap<Pool, OpenLots>> {
    let picked = pick_lots(connection, version, reach).await?;
    let mut buys = buys_of(connection, ledger, reach, &picked).await?;
    add_income(connection, (reach, &picked), &mut buys).await?;
    let pools = reach.keys().zip(&picked).zip(&buys);
    let lots = pools.map(|((pool, picked), buys)| {
        let buy_of = |account: &Account, id: &OrderId| {
            let key = (account.to_string(), id.clone());
            buys.get(&key).cloned()
        };
        let lots = picked.with_buys(pool, buy_of);
        (pool.clone(), lots)
    });
    Ok(lots.collect())
}

/// Reads the open lots of each pool in the inventory snapshot, in the order of the pools.
async fn pick_lots(
    connection: &mut PgConnection,
    version: Version,
    reach: &Reach,
) -> StoreResult<Vec<PickedLots>> {
    let sql = format!(
        "SELECT {}, nth FROM unnest($2::text[], $3::text[]) WITH ORDINALITY AS p (a, s, nth) \
         CROSS JOIN LATERAL (SELECT * FROM fifo_inventory_snapshot \
          WHERE allocation_version = $1 AND account = a COLLATE \"C\" \
          AND asset = s COLLATE \"C\" OFFSET 0) l ORDER BY id",
        expressions(cells::OPEN_LOT)
    );
    let accounts: Vec<&str> = reach.keys().map(|pool| pool.account.as_str()).collect();
    let assets: Vec<&str> = reach.keys().map(|pool| pool.asset.as_str()).collect();
    let mut rows = sqlx::query(AssertSqlSafe(sql))
        .bind(version)
        .bind(accounts)
        .bind(assets)
        .fetch(connection);
    let mut picked: Vec<PickedLots> = reach.values().copied().map(PickedLots::new).collect();
    let failed = |e| from_sqlx(READ_LOTS, e);
    while let Some(row) = rows.try_next().await.map_err(failed)? {
        let nth: i64 = row.try_get("nth").map_err(failed)?;
        let lot = cells::open_lot(&PgCells(&row))?;
        let nth = usize::try_from(nth - 1).unwrap_or(usize::MAX);
        if let Some(lots) = picked.get_mut(nth) {
            lots.take(lot);
        }
    }
    Ok(picked)
}

/// Reads the buys of each pool's lots that new sells need.
async fn buys_of(
    connection: &mut PgConnection,
    ledger: Ledger,
    reach: &Reach,
    picked: &[PickedLots],
) -> StoreResult<Vec<BTreeMap<(String, OrderId), Trade>>> {
    let (mut accounts, mut order_ids, mut places) = (Vec::new(), Vec::new(), Vec::new());
    for (nth, (pool, lots)) in (0_i64..).zip(reach.keys().zip(picked)) {
        for lot in &lots.needed {
            accounts.push(lot.bought_in(pool).as_str());
            order_ids.push(lot.buy_order_id.as_str());
            places.push(nth);
        }
    }
    let buys = match ledger {
        Ledger::Ours => {
            "CROSS JOIN LATERAL (SELECT * FROM eligible_trades \
             WHERE account = a COLLATE \"C\" AND order_id = o COLLATE \"C\" OFFSET 0) b"
        }
        // An adopted ledger is read once: its keys may be spelled in another way. If an added trade
        // has the same key as a row of that ledger, the added trade does not count.
        Ledger::Unguarded | Ledger::Guarded => {
            "JOIN (SELECT DISTINCT ON (account, order_id) * FROM ledger_rows \
             WHERE order_id = ANY ($2) AND isfinite(order_time) \
             ORDER BY account, order_id, import_id NULLS FIRST) b \
             ON account = a AND order_id = o"
        }
    };
    let sql = format!(
        "SELECT {}, nth, a FROM unnest($1::text[], $2::text[], $3::bigint[]) AS n (a, o, nth) \
         {buys}",
        expressions(cells::TRADE)
    );
    let failed = |e| from_sqlx(READ_LOTS, e);
    let rows = sqlx::query(AssertSqlSafe(sql))
        .bind(accounts)
        .bind(order_ids)
        .bind(places)
        .fetch_all(connection)
        .await
        .map_err(failed)?;
    let mut buys = vec![BTreeMap::new(); picked.len()];
    for row in rows {
        let nth: i64 = row.try_get("nth").map_err(failed)?;
        let account: String = row.try_get("a").map_err(failed)?;
        let buy = cells::trade(&PgCells(&row))?;
        let of_pool = usize::try_from(nth).ok().and_then(|nth| buys.get_mut(nth));
        if let Some(of_pool) = of_pool {
            of_pool.insert((account, buy.order_id.clone()), buy);
        }
    }
    Ok(buys)
}

/// Adds the lots that are income: movements, and no rows of the ledger.
async fn add_income(
    connection: &mut PgConnection,
    (reach, picked): (&Reach, &[PickedLots]),
    buys: &mut [BTreeMap<(String, OrderId), Trade>],
) -> StoreResult<()> {
    let sql = format!(
        "SELECT {} FROM asset_movements WHERE account = $1 AND movement_id = $2",
        expressions(cells::CAME_AT)
    );
    let failed = |e| from_sqlx(READ_LOTS, e);
    for ((pool, lots), buys) in reach.keys().zip(picked).zip(buys) {
        let income = lots.needed.iter().filter(|lot| lot.buy_leg == Leg::Income);
        for lot in income {
            let account = lot.bought_in(pool).to_string();
            let row = sqlx::query(AssertSqlSafe(sql.clone()))
                .bind(&account)
                .bind(lot.buy_order_id.as_str())
                .fetch_optional(&mut *connection)
                .await
                .map_err(failed)?;
            if let Some(row) = row {
                let buy = income_buy(lot, cells::came_at(&PgCells(&row))?);
                buys.insert((account, lot.buy_order_id.clone()), buy);
            }
        }
    }
    Ok(())
}

const READ_LOTS: &str = "read the open lots";

/// Appends to a version, in one transaction, on the connection that holds the run lock.
pub(super) async fn append(
    store: &PostgresStore,
    plan: &VersionPlan,
    pools: &[AppendedPool],
    completion: &Completion,
) -> StoreResult<()> {
    let Some(connection) = store.locked.lend() else {
        return Err(PostgresRefusal::NoRunLock.into());
    };
    let mut lent = Lent {
        slot: store.locked.clone(),
        connection: Some(connection),
    };
    let Some(connection) = lent.connection.as_mut() else {
        return Ok(());
    };
    let done = append_on(connection, plan, pools, completion).await;
    if done.is_err() {
        // The error of the append is the one to show.
        let _ = execute(connection, "take back", "ROLLBACK".into()).await;
    }
    done
}

/// The connection with the run lock, which a drop gives back: a run may stop halfway.
struct Lent {
    slot: LockedConnection,
    connection: Option<PgConnection>,
}

impl Drop for Lent {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            self.slot.give_back(connection);
        }
    }
}

async fn append_on(
    connection: &mut PgConnection,
    plan: &VersionPlan,
    pools: &[AppendedPool],
    completion: &Completion,
) -> StoreResult<()> {
    // Ends a transaction of a run that stopped halfway.
    execute(connection, "take back", "ROLLBACK".into()).await?;
    begin_short(connection).await?;
    lock::check_still_running(connection, plan.run_id).await?;
    check_appendable(&version_locked(connection, plan.version).await?)?;
    write_rows(connection, plan, pools).await?;
    write_summaries(connection, plan.version, pools).await?;
    sql::versions::complete(connection, plan, completion).await?;
    close(connection, &Closing::of_append(plan, completion)).await?;
    execute(connection, "commit", "COMMIT".into()).await?;
    phase::reached(Phase::Committed);
    Ok(())
}

/// Writes the new allocations, and the open lots that changed.
async fn write_rows(
    connection: &mut PgConnection,
    plan: &VersionPlan,
    pools: &[AppendedPool],
) -> StoreResult<()> {
    let encoder = PostgresRows::new(plan);
    let (mut rows, mut lots) = (RowChunk::default(), RowChunk::default());
    let (mut used, mut gone) = (LotRows::default(), LotRows::default());
    for matching in pools.iter().filter_map(|pool| pool.matching.as_ref()) {
        matching.each_row(|row| encoder.allocation(row, &mut rows))?;
        let changes = matching.lot_changes()?;
        for (buy, lot) in &changes.added {
            encoder.lot(&matching.pool, buy, lot, &mut lots);
        }
        for (buy, lot) in &changes.used {
            used.push(&matching.pool, buy);
            used.sizes.push(lot.remaining_size.to_string());
            used.costs.push(lot.remaining_cost.to_string());
        }
        for buy in &changes.gone {
            gone.push(&matching.pool, buy);
        }
    }
    let (id, lot_id) = ids_next(connection).await?;
    let ids = (
        super::rows::number(&mut rows, id),
        super::rows::number(&mut lots, lot_id),
    );
    let into = ("fifo_allocations", ALLOCATION_COLUMNS);
    let mut copy = BinaryCopy::new(connection, WRITE_ROWS, into);
    copy.send(&rows.bytes).await?;
    copy.finish().await?;
    phase::reached(Phase::Load);
    use_lots(connection, plan, used).await?;
    delete_lots(connection, plan.version, gone).await?;
    let into = ("fifo_inventory_snapshot", LOT_COLUMNS);
    let mut copy = BinaryCopy::new(connection, WRITE_ROWS, into);
    copy.send(&lots.bytes).await?;
    copy.finish().await?;
    let sql = format!(
        "SELECT setval('fifo_parts.allocation_ids', {}, false), \
                setval('fifo_parts.lot_ids', {}, false)",
        ids.0, ids.1
    );
    execute(connection, "number a version's rows", sql).await
}

/// Open lots to change or delete, column by column.
#[derive(Default)]
struct LotRows<'a> {
    accounts: Vec<&'a str>,
    assets: Vec<&'a str>,
    order_ids: Vec<String>,
    legs: Vec<&'static str>,
    sizes: Vec<String>,
    costs: Vec<String>,
}

impl<'a> LotRows<'a> {
    fn push(&mut self, pool: &'a Pool, buy: &TradeRef<'_>) {
        self.accounts.push(pool.account.as_str());
        self.assets.push(pool.asset.as_str());
        self.order_ids.push(buy.order_id.to_owned());
        self.legs.push(buy.leg.stored().unwrap_or(""));
    }
}

/// Updates lots that sells used in part. A lot keeps its id, which gives its place in the order.
async fn use_lots(
    connection: &mut PgConnection,
    plan: &VersionPlan,
    used: LotRows<'_>,
) -> StoreResult<()> {
    sqlx::query(
        "UPDATE fifo_inventory_snapshot l SET remaining_size = u.size::numeric, \
             remaining_cost_usd = u.cost::numeric, snapshot_time = $2::timestamptz \
         FROM unnest($3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) \
             AS u (account, asset, order_id, size, cost, leg) \
         WHERE l.allocation_version = $1 AND l.account = u.account AND l.asset = u.asset \
         AND l.buy_order_id = u.order_id AND coalesce(l.buy_leg, '') = u.leg",
    )
    .bind(plan.version)
    .bind(plan.allocation_time.to_string())
    .bind(used.accounts)
    .bind(used.assets)
    .bind(used.order_ids)
    .bind(used.sizes)
    .bind(used.costs)
    .bind(used.legs)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx(WRITE_ROWS, e))
}

async fn delete_lots(
    connection: &mut PgConnection,
    version: Version,
    gone: LotRows<'_>,
) -> StoreResult<()> {
    sqlx::query(
        "DELETE FROM fifo_inventory_snapshot WHERE allocation_version = $1 \
         AND (account, asset, buy_order_id, coalesce(buy_leg, '')) IN \
             (SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]))",
    )
    .bind(version)
    .bind(gone.accounts)
    .bind(gone.assets)
    .bind(gone.order_ids)
    .bind(gone.legs)
    .execute(connection)
    .await
    .map(|_| ())
    .map_err(|e| from_sqlx(WRITE_ROWS, e))
}

/// Replaces the version's summaries of the given pools.
async fn write_summaries(
    connection: &mut PgConnection,
    version: Version,
    pools: &[AppendedPool],
) -> StoreResult<()> {
    let action = "write the summaries";
    let of = |part: fn(&Pool) -> &str| -> Vec<&str> {
        pools.iter().map(|pool| part(&pool.summary.pool)).collect()
    };
    sqlx::query(
        "DELETE FROM fifo_parts.fifo_pool_summary WHERE allocation_version = $1 \
         AND (account, asset) IN (SELECT * FROM unnest($2::text[], $3::text[]))",
    )
    .bind(version)
    .bind(of(|pool| pool.account.as_str()))
    .bind(of(|pool| pool.asset.as_str()))
    .execute(&mut *connection)
    .await
    .map_err(|e| from_sqlx(action, e))?;
    let mut summaries = copy::CopyText::default();
    for pool in pools {
        summaries.add(&summary(version, &pool.summary, pool.duration_us));
    }
    let table = "fifo_parts.fifo_pool_summary";
    copy::send(connection, action, table, SUMMARY_COLUMNS, summaries).await
}
