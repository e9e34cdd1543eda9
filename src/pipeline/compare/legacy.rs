//! Compares a version of the system before with one of ours.
//!
//! The system before rounded its amounts row by row, to fewer decimals. A sell counts as equal if
//! it has the same lots, and a pnl within that rounding.

use std::collections::{BTreeMap, BTreeSet};

use super::{CompareOptions, CompareReport, ComparedSell, Sells, Sides, VersionRef, sells_of};
use crate::engine::{AssetRules, Pool, PoolStatus, StatedNames, Symbol, Timestamp, Usd};
use crate::pipeline::error::{PipelineError, PipelineResult};
use crate::pipeline::history::amount_of;
use crate::pipeline::job::Context;
use crate::pipeline::validate::find_version;
use crate::store::model::{LegacyRow, PoolSummary, Version};
use crate::store::proof::{check_pool, check_version};
use crate::store::{Store, StoreError, together};

/// Limit of the rounding of a sell's rows in the system before. Units: USD at 12 decimals.
const ROUNDING_OFF_MAX: u128 = 1_000_000;

/// The account of all rows of the system before.
const ACCOUNT: &str = "default";

/// Compares two versions, at least one of them computed by the earlier system.
pub(super) async fn compare(
    store: &dyn Store,
    context: &Context,
    versions: (VersionRef, VersionRef),
    options: &CompareOptions,
) -> PipelineResult<CompareReport> {
    let left = side(store, context, versions.0).await?;
    let right = side(store, context, versions.1).await?;
    let mut report = CompareReport {
        left: left.name.clone(),
        right: right.name.clone(),
        ..CompareReport::default()
    };
    let pools: BTreeSet<&Pool> = left.pools.keys().chain(right.pools.keys()).collect();
    for pool in pools {
        if !options.takes(pool) {
            continue;
        }
        let of = |side: &ComparedSystem| side.pools.get(pool).cloned().unwrap_or_default();
        let why = |_: (&str, Timestamp), _: Sides<'_>| why(pool, &left, &right);
        let sells = (of(&left), of(&right));
        report.add_sells(pool, sells, options, (&is_same, &why));
    }
    report.end();
    Ok(report)
}

struct ComparedSystem {
    name: String,
    pools: BTreeMap<Pool, Sells>,
    /// Pools for which our version has no result, with the reason.
    without: BTreeMap<Pool, String>,
}

fn why(pool: &Pool, left: &ComparedSystem, right: &ComparedSystem) -> String {
    let without = left.without.get(pool).or(right.without.get(pool));
    let known = without.cloned();
    known.unwrap_or_else(|| "another system: its lots and rounding are its own".into())
}

async fn side(
    store: &dyn Store,
    context: &Context,
    version: VersionRef,
) -> PipelineResult<ComparedSystem> {
    match version {
        VersionRef::Legacy(number) => legacy(store, number).await,
        VersionRef::Current => ours(store, context, None).await,
        VersionRef::Ours(number) => ours(store, context, Some(number)).await,
    }
}

async fn ours(
    store: &dyn Store,
    context: &Context,
    version: Option<Version>,
) -> PipelineResult<ComparedSystem> {
    let current = store.current().await?;
    let info = find_version(store, &current, version).await?;
    let (mut pools, mut without) = (BTreeMap::new(), BTreeMap::new());
    let summaries = check_version(store, &info).await?;
    for summary in &summaries {
        if summary.status != PoolStatus::Matched {
            let error = summary.error.as_deref().unwrap_or_default();
            let status = summary.status.as_str();
            without.insert(summary.pool.clone(), format!("{status}: {error}"));
        }
    }
    let by_pool: BTreeMap<&Pool, &PoolSummary> =
        summaries.iter().map(|it| (&it.pool, it)).collect();
    let to_read = summaries.iter().map(|it| (it.pool.clone(), it.rows()));
    for part in together(to_read) {
        context.cancel.check()?;
        let stored = store.stored_pools(info.version, &part).await?;
        for (pool, stored) in part.into_iter().zip(&stored) {
            check_pool(info.version, &pool, by_pool.get(&pool).copied(), stored)?;
            pools.insert(pool, sells_of(stored));
        }
    }
    Ok(ComparedSystem {
        name: format!("version {}", info.version),
        pools,
        without,
    })
}

async fn legacy(store: &dyn Store, version: Version) -> PipelineResult<ComparedSystem> {
    let rows = store.legacy_rows(version).await?;
    if rows.is_empty() {
        return Err(PipelineError::NoLegacyVersion(version));
    }
    let rules = store.rules();
    let mut pools: BTreeMap<Pool, Sells> = BTreeMap::new();
    for row in rows {
        let (pool, time) = place(&row, &rules)?;
        let size = row
            .size
            .parse()
            .map_err(|_| unreadable("allocated_size", &row.size))?;
        let amount = |text: &Option<String>| text.as_deref().and_then(amount_of);
        let buy = row.buy_order_id.clone();
        // The system before showed an unmatched sale as one without gain.
        let (cost, pnl) = match &buy {
            Some(_) => (amount(&row.cost_basis), amount(&row.pnl)),
            None => (None, None),
        };
        let sells = pools.entry(pool).or_default();
        let sell = sells.entry((time, row.sell_order_id)).or_default();
        sell.add_part(buy, size, cost, pnl);
    }
    Ok(ComparedSystem {
        name: format!("version {version} of the system before"),
        pools,
        without: BTreeMap::new(),
    })
}

/// Returns the pool that the settings give to a row, and the time of its sell.
fn place(row: &LegacyRow, rules: &AssetRules) -> PipelineResult<(Pool, Timestamp)> {
    let pool = rules.pool_of_row(ACCOUNT, &row.symbol, &StatedNames::default());
    let symbol: Result<Symbol, _> = row.symbol.parse();
    symbol.map_err(|_| unreadable("symbol", &row.symbol))?;
    let micros = row.sell_time_micros;
    let time = Timestamp::try_from_micros(micros);
    let time = time.map_err(|_| unreadable("sell_time", &micros.to_string()))?;
    Ok((pool, time))
}

fn unreadable(column: &'static str, found: &str) -> PipelineError {
    PipelineError::from(StoreError::Unreadable {
        table: "fifo_legacy.fifo_allocations",
        column,
        found: found.to_owned(),
    })
}

fn is_same(left: Option<&ComparedSell>, right: Option<&ComparedSell>) -> bool {
    let (Some(left), Some(right)) = (left, right) else {
        return false;
    };
    let sorted = |sell: &ComparedSell| {
        let lots = sell.lots.iter();
        let mut lots: Vec<String> = lots.map(|(buy, size)| format!("{buy} {size}")).collect();
        lots.sort();
        lots
    };
    let amount = |pnl: Option<Usd>| pnl.unwrap_or_default().units();
    let off = amount(left.pnl).saturating_sub(amount(right.pnl));
    sorted(left) == sorted(right)
        && left.unmatched == right.unmatched
        && off.unsigned_abs() <= ROUNDING_OFF_MAX
}
