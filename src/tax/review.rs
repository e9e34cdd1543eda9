//! Review items settled by decision: a person names the basis, a marked trade says so.
//!
//! This module never guesses. It matches the pool with and without a decision, to show the changes
//! before a person confirms. The trade that it appends has the source `review`, and every export
//! shows it as such.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{DecisionError, TaxResult};
use crate::engine::policy::{SOURCE_REVIEW, USD};
use crate::engine::{
    AssetRules, Carried, Entry, LedgerTrade, Leg, Matching, MoreFacts, OrderId, Pool, PoolLedger,
    SelfCheckError, Side, Size, StatedNames, Symbol, Timestamp, Trade, Trades, Usd, add_sizes,
    match_in_place, price_of_basis,
};
use crate::report::hex;
use crate::store::model::{
    ImportBatch, ImportFile, ImportMode, LedgerRead, QueuedItem, decision_file, decision_prefix,
};
use crate::store::{StoreError, TradeStore};

/// A lot that a person says was there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasisLot {
    /// Units: base units.
    pub size: Size,
    /// Total cost. Units: USD.
    pub basis: Usd,
    /// When it was acquired.
    pub acquired: Timestamp,
}

/// Returns the size without a lot, read from the item's details.
pub fn unmatched_size(item: &QueuedItem) -> Option<Size> {
    let details: Value = serde_json::from_str(&item.details).ok()?;
    let text = details.get("unmatched_size")?.as_str()?;
    Size::try_from_wide_text(text).ok()
}

/// Returns when the item's sell was executed.
pub(super) fn sell_time(item: &QueuedItem) -> Option<Timestamp> {
    let details: Value = serde_json::from_str(&item.details).ok()?;
    details.get("sell_time")?.as_str()?.parse().ok()
}

/// Makes the marked trades of a decision, numbered from `first`, as [`next_numbers`] found it.
///
/// Errors: more than the unmatched size; acquired after the sale; an amount that does not fit.
pub fn basis_trades(
    item: &QueuedItem,
    lots: &[BasisLot],
    (ledger, rules): (&LedgerRead, &AssetRules),
    first: u64,
) -> TaxResult<Vec<LedgerTrade>> {
    let (Some(unmatched), Some(sold_at)) = (unmatched_size(item), sell_time(item)) else {
        return Err(DecisionError::NoUnmatchedSell(item.id, item.issue).into());
    };
    let mut total = Size::ZERO;
    for lot in lots {
        total = add_sizes(total, lot.size).map_err(DecisionError::Sizes)?;
        if lot.acquired > sold_at {
            return Err(DecisionError::AcquiredLater(lot.acquired, sold_at).into());
        }
        let of_pool = ledger.pools.get(&item.pool);
        let splits = of_pool.map(|of| &of.splits[..]).unwrap_or_default();
        let between = |at: &Timestamp| lot.acquired < *at && *at <= sold_at;
        if let Some(at) = splits.iter().map(|it| it.happened_at).find(between) {
            return Err(DecisionError::SplitBetween(lot.acquired, at).into());
        }
    }
    if total > unmatched {
        return Err(DecisionError::MoreThanUnmatched(total, unmatched).into());
    }
    check_still_open(item, total, ledger)?;
    let prefix = decision_prefix(item.id);
    let names = names_of_basis(item, ledger, rules);
    let trade = |(number, lot): (u64, &BasisLot)| basis_trade(item, lot, (&prefix, number), &names);
    (first..).zip(lots).map(trade).collect()
}

/// Checks that a decision fits the present ledger. After the item was written, another decision or
/// an import may have added lots.
///
/// Errors: the lots are larger than the unmatched size in the present ledger; the pool can't be
/// matched.
fn check_still_open(item: &QueuedItem, total: Size, ledger: &LedgerRead) -> TaxResult<()> {
    let sells = figures(&matched(
        &item.pool,
        ledger,
        &trades_of(&item.pool, ledger)?,
    )?)?;
    let (key, item, order_id) = (sell_of(item), item.id, item.order_id.clone());
    let refused = match sells.get(&key).map(|sell| sell.unmatched) {
        None => DecisionError::SellGone(item, order_id),
        Some(open) if total <= open => return Ok(()),
        Some(open) if open.is_zero() => DecisionError::NothingOpen(item, order_id),
        Some(open) => DecisionError::MoreThanOpen {
            item,
            order_id,
            total,
            open,
        },
    };
    Err(refused.into())
}

/// Numbers after the last known one that one query looks for.
const NUMBERS_AT_ONCE: u64 = 16;

/// Returns the number after the last decision about each item, by its id. A number stays taken
/// after its decision was undone, as its trade stays in the ledger.
///
/// Errors: the store.
pub async fn next_numbers(
    store: &dyn TradeStore,
    items: &[QueuedItem],
) -> TaxResult<BTreeMap<i64, u64>> {
    let mut next: BTreeMap<i64, u64> = items.iter().map(|item| (item.id, 1)).collect();
    let mut to_ask: Vec<&QueuedItem> = items.iter().collect();
    while !to_ask.is_empty() {
        let mut asked: BTreeMap<(String, String), (i64, u64)> = BTreeMap::new();
        for item in &to_ask {
            let (account, prefix) = (item.pool.account.to_string(), decision_prefix(item.id));
            let first = next.get(&item.id).copied().unwrap_or(1);
            for number in first..first.saturating_add(NUMBERS_AT_ONCE) {
                let key = (account.clone(), format!("{prefix}{number}"));
                asked.insert(key, (item.id, number));
            }
        }
        let found = store
            .trades_named(&asked.keys().cloned().collect(), None)
            .await?;
        let mut of_items = BTreeSet::new();
        for trade in found {
            let key = (trade.pool.account.to_string(), trade.order_id);
            let Some((item, number)) = asked.get(&key) else {
                continue;
            };
            of_items.insert(*item);
            let after = next.entry(*item).or_insert(1);
            *after = (*after).max(number.saturating_add(1));
        }
        to_ask.retain(|item| of_items.contains(&item.id));
    }
    Ok(next)
}

/// Finds a symbol by which a lot in dollars enters an item's pool: that of the sell, else that of
/// the asset. If each is read as something else, the lot states what it is.
fn names_of_basis(
    item: &QueuedItem,
    ledger: &LedgerRead,
    rules: &AssetRules,
) -> (Symbol, Option<Arc<MoreFacts>>) {
    let Pool { account, asset } = &item.pool;
    let class = ledger.pools.get(&item.pool).and_then(|pool| pool.class);
    let class = class.and_then(|of| of.class);
    let fits = |symbol: &Symbol| {
        let nothing = StatedNames::default();
        let of_row = rules.pool_of_row(account.as_str(), symbol.as_str(), &nothing);
        let found = rules.instrument(account, symbol, None, None, None);
        let is_it = found.is_ok_and(|it| it.is_usd && class.is_none_or(|class| class == it.class));
        of_row == item.pool && is_it
    };
    let of_asset = item.pool.as_symbol();
    let in_usd = format!("{asset}-{USD}").parse().ok();
    let names = [item.symbol.parse().ok(), in_usd, Some(of_asset.clone())];
    if let Some(symbol) = names.into_iter().flatten().find(fits) {
        return (symbol, None);
    }
    let stated = MoreFacts {
        base_asset: Some(asset.clone()),
        quote_currency: USD.parse().ok(),
        asset_class: class,
        ..MoreFacts::default()
    };
    (of_asset, Some(Arc::new(stated)))
}

fn basis_trade(
    item: &QueuedItem,
    lot: &BasisLot,
    (prefix, number): (&str, u64),
    (symbol, stated): &(Symbol, Option<Arc<MoreFacts>>),
) -> TaxResult<LedgerTrade> {
    let (price, fee) = price_of_basis(lot.basis, lot.size)
        .map_err(|error| DecisionError::Basis(lot.basis, error))?;
    let order_id = format!("{prefix}{number}");
    let order_id: OrderId = order_id
        .parse()
        .map_err(|error| DecisionError::OrderId(order_id, error))?;
    Ok(LedgerTrade {
        account: item.pool.account.clone(),
        symbol: symbol.clone(),
        symbol_text: symbol.to_string(),
        trade: Trade {
            order_id,
            side: Side::Buy,
            size: lot.size,
            price,
            fee: Some(fee),
            order_time: lot.acquired,
            trade_seq: None,
            more: stated.clone(),
            entry: Entry::default(),
        },
        status: None,
        carried: Carried {
            source: Some(SOURCE_REVIEW.into()),
            ingest_via: Some("review resolve".into()),
            linked_order_id: Some(item.order_id.clone()),
            ..Carried::default()
        },
        import_line: number,
    })
}

/// Makes the import of decided trades: the ledger keeps who decided and when, like for any file.
pub fn import_batch(
    item: &QueuedItem,
    trades: Vec<LedgerTrade>,
    by: &str,
    at: Timestamp,
) -> ImportBatch {
    let file = ImportFile {
        name: decision_file(item.id),
        sha256: sha256_of(&trades),
        mode: ImportMode::Append,
        skip_conflicts: false,
        preview: false,
        imported_at: at,
        imported_by: by.to_owned(),
        cancelled: Vec::new(),
        account: item.pool.account.clone(),
    };
    let rejects = Vec::new();
    ImportBatch {
        file,
        trades,
        movements: Vec::new(),
        actions: Vec::new(),
        rejects,
    }
}

/// Returns the hash of all facts of trades.
fn sha256_of(trades: &[LedgerTrade]) -> String {
    let mut digest = Sha256::new();
    for row in trades {
        let trade = &row.trade;
        let (size, price, fee) = (trade.size, trade.price, trade.fee);
        let fee = fee.map(|fee| fee.to_string()).unwrap_or_default();
        let (id, time, symbol) = (&trade.order_id, trade.order_time, &row.symbol_text);
        let stated = trade.more.as_ref().map(|more| more.texts());
        let stated = stated.unwrap_or_default().map(Option::unwrap_or_default);
        let stated = stated.join(",");
        let line = format!("{id},{symbol},{size},{price},{fee},{time},{stated}\n");
        digest.update(line.as_bytes());
    }
    hex(&digest.finalize())
}

/// Order id and leg: a sell and the fee that its own asset pays are two sells of one pool.
type SellKey = (String, Leg);

fn sell_of(item: &QueuedItem) -> SellKey {
    (item.order_id.clone(), item.leg)
}

/// Amounts of a sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SellFigures {
    /// When it was executed.
    pub sold_at: Timestamp,
    /// Size without a lot. Units: base units.
    pub unmatched: Size,
    /// Cost of the matched part. Units: USD.
    pub cost: Usd,
    /// Realized pnl. Units: USD.
    pub pnl: Usd,
}

/// Changes in a pool that trades would make.
#[derive(Debug, Clone)]
pub struct Preview {
    /// Sells whose amounts would change, by order id and leg: the amounts as they are, and as they
    /// would be.
    pub sells: Vec<((String, Leg), SellFigures, SellFigures)>,
    /// The pool's realized pnl, as it is and as it would be.
    pub pnl: (Usd, Usd),
    /// Open lots, as they are and as they would be.
    pub open_size: (Size, Size),
}

/// Matches a pool with and without trades. Errors: the pool can't be matched.
pub fn preview(pool: &Pool, ledger: &LedgerRead, add: &[LedgerTrade]) -> TaxResult<Preview> {
    let trades = trades_of(pool, ledger)?;
    let mut with = trades.clone();
    with.extend(add.iter().map(|row| row.trade.clone()));
    let (before, after) = (
        matched(pool, ledger, &trades)?,
        matched(pool, ledger, &with)?,
    );
    let (old, new) = (figures(&before)?, figures(&after)?);
    let changed = |(key, old): (&SellKey, &SellFigures)| {
        let new = new.get(key).copied()?;
        (new != *old).then(|| (key.clone(), *old, new))
    };
    let mut sells: Vec<_> = old.iter().filter_map(changed).collect();
    sells.sort_by(|left, right| (left.1.sold_at, &left.0).cmp(&(right.1.sold_at, &right.0)));
    Ok(Preview {
        sells,
        pnl: (before.totals.pnl, after.totals.pnl),
        open_size: (before.totals.open_size, after.totals.open_size),
    })
}

fn trades_of(pool: &Pool, ledger: &LedgerRead) -> TaxResult<Vec<Trade>> {
    let of_pool = ledger.pools.get(pool);
    of_pool.map_or(Ok(Vec::new()), |of| kept(&of.trades))
}

/// Returns trades with ids of their own. Errors: a bug of the engine.
pub(super) fn kept(trades: &Trades) -> TaxResult<Vec<Trade>> {
    let trades = trades.to_vec().map_err(SelfCheckError::from);
    Ok(trades.map_err(StoreError::from)?)
}

/// Matches trades of a pool, with the splits and transfers that the ledger has of it.
fn matched(pool: &Pool, ledger: &LedgerRead, trades: &[Trade]) -> TaxResult<Matching> {
    let unmatchable = |reason| DecisionError::Unmatchable(pool.clone(), reason).into();
    let matched = match ledger.pools.get(pool) {
        Some(of_pool) => match_in_place(of_pool, trades),
        None => match_in_place(&PoolLedger::new(pool.clone()), trades),
    };
    matched.map_err(|rejection| unmatchable(rejection.reason))
}

fn figures(matching: &Matching) -> TaxResult<BTreeMap<SellKey, SellFigures>> {
    let mut sells: BTreeMap<SellKey, SellFigures> = BTreeMap::new();
    let walked = matching.try_each_row(|row| {
        let key = (row.sell_order_id.to_owned(), row.sell_leg);
        let sell = sells.entry(key).or_insert(SellFigures {
            sold_at: row.sell_time,
            unmatched: Size::ZERO,
            cost: Usd::ZERO,
            pnl: Usd::ZERO,
        });
        match (row.cost_basis_usd, row.pnl_usd) {
            (Some(cost), Some(pnl)) => {
                sell.cost = sell.cost.checked_add(cost)?;
                sell.pnl = sell.pnl.checked_add(pnl)?;
            }
            _ => sell.unmatched = add_sizes(sell.unmatched, row.allocated_size)?,
        }
        Ok::<(), SelfCheckError>(())
    });
    walked.map_err(StoreError::from)?;
    Ok(sells)
}

#[cfg(test)]
mod tests;
