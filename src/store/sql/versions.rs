//! The registry of versions: entered, completed, published, sealed, dropped.

use super::closing::close;
use super::read::{current_locked, version_locked};
use super::{Argument, Driver, SqlStore, arguments, lot_moves, rates_used, runs};
use crate::engine::AssetClass;
use crate::store::model::{
    Completion, Event, PointerMove, PoolSummary, Version, VersionPlan, VersionScope,
};
use crate::store::rules::{Closing, check_droppable, check_publishable, check_sealable};
use crate::store::{StoreResult, cells};

/// Registers a version that is being written.
pub(in crate::store) async fn enter<C: Driver>(
    connection: &mut C,
    plan: &VersionPlan,
) -> StoreResult<()> {
    let sql = "INSERT INTO allocation_versions (version, method, scope, status, origin, policy, \
         watermark, engine_version, created_at) \
         VALUES ($1, 'fifo', $2, 'running', $3, $4, $5, $6, $7) \
         ON CONFLICT (version) DO UPDATE SET status = 'running', origin = excluded.origin, \
         policy = excluded.policy, watermark = excluded.watermark, \
         engine_version = excluded.engine_version, created_at = excluded.created_at";
    let scope = VersionScope::of(&plan.scope);
    let arguments = arguments![
        plan.version,
        scope.as_str(),
        plan.origin.as_str(),
        Argument::Json(plan.policy.as_str().into()),
        &plan.watermark,
        env!("CARGO_PKG_VERSION"),
        plan.created_at,
    ];
    let done = connection.execute("enter the version", sql, &arguments);
    done.await.map(drop)
}

/// Updates the registry's row of a completed version.
pub(in crate::store) async fn complete<C: Driver>(
    connection: &mut C,
    plan: &VersionPlan,
    completion: &Completion,
) -> StoreResult<()> {
    let sql = "UPDATE allocation_versions SET status = $2, ledger_hash = $3, \
         allocations_hash = $4, complete_through = $5, completed_at = $6, watermark = $7, \
         rates_hash = $8 WHERE version = $1";
    let arguments = arguments![
        plan.version,
        completion.status.as_str(),
        completion.ledger_hash.to_string(),
        completion.allocations_hash.to_string(),
        completion.complete_through,
        completion.completed_at,
        &plan.watermark,
        completion.rates.hash.to_string(),
    ];
    let done = connection.execute("complete the version", sql, &arguments);
    done.await?;
    lot_moves::write(connection, plan, &completion.lot_moves).await?;
    rates_used::lock(connection, plan, &completion.rates).await
}

/// Publishes a version by hand, with the review queue and audit trail, in one transaction.
pub(in crate::store) async fn publish<D: SqlStore>(
    store: &D,
    pointer: &PointerMove,
) -> StoreResult<()> {
    let mut writer = store.writer().await?;
    check_publishable(&version_locked(&mut *writer, pointer.version).await?)?;
    close(&mut *writer, &Closing::of_move(pointer)).await?;
    D::commit(writer).await
}

/// Seals a version: from then on no run replaces it, and nobody drops it.
pub(in crate::store) async fn seal<D: SqlStore>(
    store: &D,
    version: Version,
    reason: &str,
    event: &Event,
) -> StoreResult<()> {
    let mut writer = store.writer().await?;
    check_sealable(&version_locked(&mut *writer, version).await?)?;
    let sql = "UPDATE allocation_versions SET sealed_at = $2, sealed_reason = $3 \
         WHERE version = $1";
    let arguments = arguments![version, event.at, reason];
    writer.execute("seal a version", sql, &arguments).await?;
    runs::log_event(&mut *writer, event).await?;
    D::commit(writer).await
}

/// Begins the drop of a version; the caller deletes its rows. Errors: a rule forbids it.
pub(in crate::store) async fn begin_drop<D: SqlStore>(
    store: &D,
    version: Version,
) -> StoreResult<D::Writer> {
    let mut writer = store.writer().await?;
    let info = version_locked(&mut *writer, version).await?;
    let current = current_locked(&mut *writer).await?;
    check_droppable(&info, &current)?;
    Ok(writer)
}

/// Marks the version as dropped, and commits. Its number stays taken.
pub(in crate::store) async fn end_drop<D: SqlStore>(
    mut writer: D::Writer,
    version: Version,
    event: &Event,
) -> StoreResult<()> {
    rates_used::delete(&mut *writer, version).await?;
    lot_moves::delete(&mut *writer, version).await?;
    let sql = "UPDATE allocation_versions SET status = 'dropped' WHERE version = $1";
    let arguments = arguments![version];
    writer.execute("drop a version", sql, &arguments).await?;
    runs::log_event(&mut *writer, event).await?;
    D::commit(writer).await
}

/// The columns of [`summary`], in order.
pub(in crate::store) const SUMMARY_COLUMNS: &str = "allocation_version, account, asset, \
    status, trades, buys, sells, allocations, sells_matched, sells_unmatched, buys_used, \
    fees_unknown, buys_by_id, sells_by_id, rebates, rebates_usd, matched_size, cost_basis_usd, \
    proceeds_usd, net_proceeds_usd, pnl_usd, unmatched_size, unmatched_proceeds_usd, \
    unmatched_net_proceeds_usd, open_lots, open_size, open_cost_usd, first_sell, last_sell, \
    last_order_time, last_side, last_trade_seq, last_order_id, ledger_hash, allocations_hash, \
    watermark, first_allocation, last_allocation, duration_us, error, \
    last_leg, legs, symbol, symbols, asset_class, asset_class_source, open_direction";

/// Returns a pool's summary as the arguments of a row.
pub(in crate::store) fn summary(
    version: Version,
    it: &PoolSummary,
    duration_us: i64,
) -> [Argument<'_>; 47] {
    let (totals, last) = (&it.totals, it.last.as_ref());
    let (symbol, symbols) = match it.symbols.as_slice() {
        // The totals of the pool are those of its only symbol.
        [only] => (Some(only.symbol.as_str()), Argument::Text(None)),
        several => (None, Argument::Json(cells::symbols_json(several).into())),
    };
    arguments![
        version,
        it.pool.account.as_str(),
        it.pool.asset.as_str(),
        it.status.as_str(),
        totals.trades,
        totals.buys,
        totals.sells,
        totals.allocations,
        totals.sells_matched,
        totals.sells_unmatched,
        totals.buys_used,
        totals.fees_unknown,
        totals.buys_by_id,
        totals.sells_by_id,
        totals.rebates,
        totals.rebates_usd,
        totals.matched_size,
        totals.cost_basis,
        totals.proceeds,
        totals.net_proceeds,
        totals.pnl,
        totals.unmatched_size,
        totals.unmatched_proceeds,
        totals.unmatched_net_proceeds,
        totals.open_lots,
        totals.open_size,
        totals.open_cost,
        totals.first_sell,
        totals.last_sell,
        last.map(|last| last.order_time),
        last.map(|last| last.side.as_str()),
        last.and_then(|last| last.trade_seq),
        last.map(|last| last.order_id.as_str()),
        it.ledger_hash.to_string(),
        it.allocations_hash.to_string(),
        &it.watermark,
        it.first_allocation,
        it.last_allocation,
        duration_us,
        &it.error,
        last.and_then(|last| last.leg.stored()),
        totals.legs,
        symbol,
        symbols,
        it.class.and_then(|of| of.class).map(AssetClass::as_str),
        it.class.map(|of| of.source.as_str()),
        totals.open_direction.stored(),
    ]
}
