//! How one sell's figures came about: each lot it used, and every step of the arithmetic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::error::{ExplainError, PipelineResult};
use super::explained_rates::{ExplainedRate, Rates};
use super::validate::find_version;
use crate::engine::{
    Account, Leg, MoneyError, OrderId, Pool, PoolLedger, PoolStatus, RowsHash, SelfCheckError,
    Side, Size, StoredAllocation, Timestamp, Trade, TradeRef, Usd, add_sizes, fee_share_of_size,
    sub_sizes,
};
use crate::store::model::{Current, PoolSummary, Scope, Version, VersionInfo};
use crate::store::proof::{check_pool, check_summaries};
use crate::store::values;
use crate::store::{Store, StoreError, StoredPool, TradeStore};

/// A cumulative amount before and after a slice; the slice's share is the difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Amount of the units used before.
    pub before: Usd,
    /// Amount of the units used before and in this slice.
    pub after: Usd,
    /// The slice's share.
    pub share: Usd,
}

impl Step {
    fn of(before: Usd, after: Usd) -> Result<Self, MoneyError> {
        Ok(Self {
            before,
            after,
            share: after.checked_sub(before)?,
        })
    }
}

/// A lot that the sell used, with the arithmetic of its cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedLot {
    /// The lot's buy.
    pub buy: Trade,
    /// File, line and instant of the buy's import.
    pub origin: Option<(String, i64, Timestamp)>,
    /// The rates that gave the buy its value.
    pub rates: Vec<ExplainedRate>,
    /// Size that earlier sells used of the lot.
    pub used_before: Size,
    /// Size that is left of the lot after this sell.
    pub left_after: Size,
    /// The share of the buy's price, with its arithmetic.
    pub gross: Step,
    /// The share of the buy's fee, with its arithmetic.
    pub fee: Step,
}

/// One row of the sell, explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedSlice {
    /// The stored row.
    pub row: StoredAllocation,
    /// The lot; `None` for a slice that found no lot.
    pub lot: Option<ExplainedLot>,
    /// Size of the sell's earlier slices.
    pub sold_before: Size,
    /// The share of the sell's price, with its arithmetic.
    pub proceeds: Step,
    /// The share of the sell's fee, with its arithmetic.
    pub sell_fee: Step,
}

/// One leg of a sell, explained. Most sells have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The version with these figures.
    pub version: VersionInfo,
    /// The current version.
    pub current: Current,
    /// Account and asset of the lots.
    pub pool: Pool,
    /// The sell, as the pool took it in: its entry names the leg.
    pub sell: Trade,
    /// File, line and instant of the sell's import.
    pub origin: Option<(String, i64, Timestamp)>,
    /// The rates that gave the sell its value.
    pub rates: Vec<ExplainedRate>,
    /// The sell's rows, oldest lot first.
    pub slices: Vec<ExplainedSlice>,
}

/// Explains each leg of a sell of a version, the base first; `None` is the current version.
///
/// Errors: no such version or sell; the id is that of a buy, or of sells in several accounts. Also
/// a ledger or version that changed, so that no arithmetic gives the figures.
pub async fn explain(
    store: &dyn Store,
    order_id: &str,
    account: Option<&Account>,
    version: Option<Version>,
) -> PipelineResult<Vec<Explanation>> {
    let current = store.current().await?;
    let info = find_version(store, &current, version).await?;
    values::use_rules_of(store, &info);
    let scope = Scope {
        account: account.cloned(),
        ..Scope::default()
    };
    let read = values::read(store, &scope, Some(&info.watermark)).await?;
    let mut named: Vec<(&Pool, Trade)> = Vec::new();
    for (pool, ledger) in &read.pools {
        let of_id = ledger
            .trades
            .iter()
            .filter(|trade| trade.order_id == order_id);
        named.extend(of_id.filter_map(|trade| Some((pool, trade.to_trade().ok()?))));
    }
    if named.iter().all(|(_, trade)| trade.side == Side::Buy)
        && let Some(corrected) = correction_of(order_id, &read.pools)
    {
        return Err(corrected.into());
    }
    let found: Vec<(&Pool, &Trade)> = named.iter().map(|(pool, trade)| (*pool, trade)).collect();
    let sells = pick(order_id, &info, &found)?;
    let account = sells.first().map(|(pool, _)| &pool.account);
    let rates = match account {
        Some(account) => Rates::begin(store, &info, account).await?,
        None => return Ok(Vec::new()),
    };
    let mut explained = Vec::new();
    for (pool, sell) in sells {
        let read = read.pools.get(pool);
        explained.push(explain_leg(store, (&info, &current), (pool, sell), read, &rates).await?);
    }
    Ok(explained)
}

/// Explains one leg of a sell.
async fn explain_leg(
    store: &dyn Store,
    (info, current): (&VersionInfo, &Current),
    (pool, sell): (&Pool, &Trade),
    read: Option<&PoolLedger>,
    rates: &Rates<'_>,
) -> PipelineResult<Explanation> {
    let order_id = sell.order_id.as_str();
    let (stored, of_pool) = read_pool(store, info, pool, read).await?;
    let trades = of_pool.iter();
    let trades = trades.map(|trade| ((&trade.order_id, trade.entry.leg), trade));
    let trades = trades.collect();
    let mut slices = explain_slices(sell, &stored.allocations, &trades)
        .map_err(|error| ExplainError::Figures(order_id.to_owned(), info.version, error))?;
    if slices.is_empty() {
        let (sell, pool) = (order_id.to_owned(), pool.clone());
        return Err(ExplainError::NoRows(sell, info.version, pool).into());
    }
    for slice in &mut slices {
        if let Some(lot) = &mut slice.lot {
            lot.rates = rates.of(lot.buy.order_id.as_str()).await?;
            lot.origin = store
                .trade_origin(&pool.account, lot.buy.order_id.as_str())
                .await?;
        }
    }
    Ok(Explanation {
        current: *current,
        pool: pool.clone(),
        sell: sell.clone(),
        origin: store.trade_origin(&pool.account, order_id).await?,
        rates: rates.of(order_id).await?,
        slices,
        version: info.clone(),
    })
}

/// Returns a version's rows of a pool, and the trades that it was computed from.
///
/// Errors: the version or the ledger was changed since.
async fn read_pool(
    store: &dyn Store,
    info: &VersionInfo,
    pool: &Pool,
    read: Option<&PoolLedger>,
) -> PipelineResult<(StoredPool, Vec<Trade>)> {
    let stored = store.stored_pool(info.version, pool).await?;
    let summaries = store.pool_summaries(info.version).await?;
    check_summaries(info, &summaries)?;
    let summary = summaries.iter().find(|summary| summary.pool == *pool);
    check_pool(info.version, pool, summary, &stored)?;
    let trades = match summary {
        Some(summary) => trades_of(store, info, summary, read).await?,
        None => Vec::new(),
    };
    Ok((stored, trades))
}

/// Returns the trades of a pool that a version was computed from.
///
/// Errors: the ledger was changed since, so that its trades don't give the version's rows.
async fn trades_of(
    store: &dyn TradeStore,
    info: &VersionInfo,
    summary: &PoolSummary,
    read: Option<&PoolLedger>,
) -> PipelineResult<Vec<Trade>> {
    let pool = &summary.pool;
    let earlier = match summary.status {
        // A stale pool has an older watermark than its version.
        PoolStatus::Stale => {
            let scope = Scope {
                part: Some(Arc::new(BTreeSet::from([pool.clone()]))),
                ..Scope::default()
            };
            let read = values::read(store, &scope, Some(&summary.watermark)).await?;
            read.pools.get(pool).cloned()
        }
        _ => None,
    };
    let ledger = earlier.as_ref().or(read);
    let hash = ledger.map_or(RowsHash::EMPTY, |ledger| ledger.ledger_hash);
    if hash == summary.ledger_hash {
        let trades = ledger.map_or(Ok(Vec::new()), |ledger| ledger.trades.to_vec());
        let trades = trades.map_err(SelfCheckError::from);
        return Ok(trades.map_err(StoreError::from)?);
    }
    Err(ExplainError::LedgerChanged {
        pool: pool.clone(),
        version: info.version,
        is_unguarded: info.watermark.is_unguarded(),
    }
    .into())
}

/// Returns the error that names a sell's newest correction. `None`: no correction counts.
fn correction_of(order_id: &str, pools: &BTreeMap<Pool, PoolLedger>) -> Option<ExplainError> {
    let number = |trade: &TradeRef<'_>| {
        let number = trade.order_id.strip_prefix(order_id)?.strip_prefix('~')?;
        let number = number.parse::<u64>().ok()?;
        (trade.side == Side::Sell).then_some(number)
    };
    let corrections = pools.iter().flat_map(|(pool, ledger)| {
        let of_pool = ledger.trades.iter().filter_map(|trade| number(&trade));
        of_pool.map(move |number| (number, pool))
    });
    let (number, pool) = corrections.max()?;
    let account = pool.account.clone();
    Some(ExplainError::Corrected(
        order_id.to_owned(),
        account,
        number,
    ))
}

/// Returns the legs of a sell, the base first.
///
/// Errors: no trade has the id; only buys have it; sells in several accounts have it.
fn pick<'a>(
    order_id: &str,
    info: &VersionInfo,
    found: &[(&'a Pool, &'a Trade)],
) -> Result<Vec<(&'a Pool, &'a Trade)>, ExplainError> {
    let of_sells = found.iter().filter(|(_, trade)| trade.side == Side::Sell);
    let mut sells: Vec<(&Pool, &Trade)> = of_sells.copied().collect();
    sells.sort_by_key(|(_, trade)| trade.entry.leg);
    let accounts: BTreeSet<String> = sells
        .iter()
        .map(|(pool, _)| pool.account.to_string())
        .collect();
    let name = order_id.to_owned();
    match (accounts.len(), found) {
        (0, []) => Err(ExplainError::NoTrade(name, info.version)),
        (0, _) => Err(ExplainError::IsBuy(name)),
        (1, _) => Ok(sells),
        _ => Err(ExplainError::SeveralAccounts(
            name,
            accounts.into_iter().collect(),
        )),
    }
}

fn explain_slices<'t>(
    sell: &Trade,
    rows: &[StoredAllocation],
    trades: &BTreeMap<(&'t OrderId, Leg), &'t Trade>,
) -> Result<Vec<ExplainedSlice>, MoneyError> {
    let mut slices = Vec::new();
    let mut used: BTreeMap<(&OrderId, Leg), Size> = BTreeMap::new();
    let mut sold = Size::ZERO;
    for row in rows {
        let buy = row.buy_order_id.as_ref();
        let buy = buy.and_then(|id| trades.get(&(id, row.buy_leg)));
        let key = |buy: &&'t Trade| (&buy.order_id, buy.entry.leg);
        let used_before = buy.map(|buy| used.get(&key(buy)).copied().unwrap_or(Size::ZERO));
        if row.sell_order_id == sell.order_id && row.sell_leg == sell.entry.leg {
            let sold_after = add_sizes(sold, row.allocated_size)?;
            let lot = match (buy, used_before) {
                (Some(buy), Some(before)) => Some(explain_lot(buy, before, row.allocated_size)?),
                _ => None,
            };
            let gross = |size| sell.gross_of_first(size);
            let fee = |size| fee_share_of_size(sell.fee, size, sell.size);
            slices.push(ExplainedSlice {
                row: row.clone(),
                lot,
                sold_before: sold,
                proceeds: Step::of(gross(sold)?, gross(sold_after)?)?,
                sell_fee: Step::of(fee(sold)?, fee(sold_after)?)?,
            });
            sold = sold_after;
        }
        if let (Some(buy), Some(before)) = (buy, used_before) {
            used.insert(key(buy), add_sizes(before, row.allocated_size)?);
        }
    }
    Ok(slices)
}

fn explain_lot(buy: &Trade, before: Size, taken: Size) -> Result<ExplainedLot, MoneyError> {
    let after = add_sizes(before, taken)?;
    let gross = |size| buy.gross_of_first(size);
    let fee = |size| fee_share_of_size(buy.fee, size, buy.size);
    Ok(ExplainedLot {
        buy: buy.clone(),
        origin: None,
        rates: Vec::new(),
        used_before: before,
        left_after: sub_sizes(buy.size, after)?,
        gross: Step::of(gross(before)?, gross(after)?)?,
        fee: Step::of(fee(before)?, fee(after)?)?,
    })
}
