//! How one sell's figures came about: each lot it used, and every step of the arithmetic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::elsewhere::import_of_trade;
use super::error::{ExplainError, NoRows, PipelineResult};
use super::explained_lots::{Lots, changed_lots};
use super::explained_moves::Ways;
use super::explained_rates::Rates;
use super::explained_slices::{ExplainedSlice, ExplainedTrade, explain_slices};
use super::validate::{MovedGroups, find_version};
use crate::engine::{
    Account, IssueType, PendingTrade, Pool, PoolLedger, PoolStatus, RowsHash, SelfCheckError, Side,
    Split, StoredLot, Trade, TradeRef,
};
use crate::store::model::{Current, LedgerRead, PoolSummary, Scope, Version, VersionInfo};
use crate::store::proof::{check_pool, check_rates, check_summaries};
use crate::store::values;
use crate::store::{Store, StoreError, StoredPool, TradeStore};

/// One leg of a sell, explained. Most sells have one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The version with these figures.
    pub version: VersionInfo,
    /// The current version.
    pub current: Current,
    /// Account and asset of the lots.
    pub pool: Pool,
    /// The sell.
    pub sell: ExplainedTrade,
    /// The sell's rows, oldest lot first.
    pub slices: Vec<ExplainedSlice>,
    /// The short lot that is open of it.
    pub open: Option<StoredLot>,
}

/// The legs of a sell, the base first.
#[derive(Debug)]
pub struct ExplainedSell {
    /// The legs that the version has rows of; at least one.
    pub legs: Vec<Explanation>,
    /// Why the version has no rows of other legs.
    pub without_rows: Vec<ExplainError>,
}

/// Explains each leg of a sell of a version; `None` is the current version.
///
/// Errors: no such version or sell; no pool of the sell has rows; the id is that of a buy, or of
/// sells in several accounts. Also a ledger or version that changed, so that no arithmetic gives
/// the figures.
pub async fn explain(
    store: &dyn Store,
    order_id: &str,
    account: Option<&Account>,
    version: Option<Version>,
) -> PipelineResult<ExplainedSell> {
    let current = store.current().await?;
    let info = find_version(store, &current, version).await?;
    values::use_rules_of(store, &info);
    let scope = Scope {
        account: account.cloned(),
        ..Scope::default()
    };
    let (read, rows) = values::read_with_rows(store, &scope, Some(&info.watermark)).await?;
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
    let summaries = store.pool_summaries(info.version).await?;
    check_summaries(&info, &summaries)?;
    check_rates(store, &info).await?;
    let faulty = |ledger: &&PoolLedger| ledger.invalid.iter().any(|row| row.order_id == order_id);
    let has_result = |ledger: &&PoolLedger| summary_of(&summaries, &ledger.pool).is_some();
    let mut rejected: Vec<&PoolLedger> = read.pools.values().filter(faulty).collect();
    rejected.sort_by_key(|ledger| !has_result(ledger));
    if named.is_empty()
        && let Some(ledger) = rejected.first()
    {
        return Err(no_rows(order_id, &info, &ledger.pool, &summaries, Some(ledger)).into());
    }
    let found: Vec<(&Pool, &Trade)> = named.iter().map(|(pool, trade)| (*pool, trade)).collect();
    if found.is_empty()
        && let Some(undone) = undone_import(store, order_id, account).await?
    {
        return Err(undone.into());
    }
    let sells = pick(order_id, &info, &found)?;
    let Some((pool, _)) = sells.first() else {
        return Err(ExplainError::NoTrade(order_id.to_owned(), info.version).into());
    };
    let explaining = Explaining {
        store,
        info: &info,
        current: &current,
        summaries: &summaries,
        rates: Rates::begin(store, &info).await?,
        ways: Ways::read(store, &info, &pool.asset).await?,
        groups: MovedGroups::of(&read, |pool| {
            let status = summary_of(&summaries, pool).map(|it| it.status);
            !matches!(status, Some(PoolStatus::Rejected | PoolStatus::Excluded))
        }),
        rows: rows
            .into_iter()
            .filter(|row| row.of.account == pool.account)
            .map(|row| (row.trade.order_id.as_str().to_owned(), row))
            .collect(),
    };
    explaining.legs(&sells, &read).await
}

/// A version whose sell is explained, with what is read once for all of its legs.
struct Explaining<'a> {
    store: &'a dyn Store,
    info: &'a VersionInfo,
    current: &'a Current,
    summaries: &'a [PoolSummary],
    rates: Rates<'a>,
    ways: Ways<'a>,
    groups: MovedGroups,
    /// Rows of the account that are no plain dollar trades, by id.
    rows: BTreeMap<String, PendingTrade>,
}

impl Explaining<'_> {
    async fn legs(
        &self,
        sells: &[(&Pool, &Trade)],
        read: &LedgerRead,
    ) -> PipelineResult<ExplainedSell> {
        let (mut legs, mut without_rows) = (Vec::new(), Vec::new());
        for &(pool, sell) in sells {
            let ledger = read.pools.get(pool);
            match self.leg((pool, sell), ledger, read).await? {
                Some(leg) => legs.push(leg),
                None => {
                    let (id, summaries) = (sell.order_id.as_str(), self.summaries);
                    without_rows.push(no_rows(id, self.info, pool, summaries, ledger));
                }
            }
        }
        if legs.is_empty() && !without_rows.is_empty() {
            return Err(without_rows.remove(0).into());
        }
        Ok(ExplainedSell { legs, without_rows })
    }

    /// Explains one leg of a sell. `None`: the version has no rows of it.
    async fn leg(
        &self,
        (pool, sell): (&Pool, &Trade),
        ledger: Option<&PoolLedger>,
        read: &LedgerRead,
    ) -> PipelineResult<Option<Explanation>> {
        let (info, order_id) = (self.info, sell.order_id.as_str());
        let (stored, of_pool, splits) = self.read_pool(pool, ledger).await?;
        let figures = |error| ExplainError::Figures(order_id.to_owned(), info.version, error);
        let shorts = values::rules_of(info, &self.store.rules()).may_go_short(&pool.account);
        let changed = changed_lots(&of_pool, (&splits, shorts)).map_err(figures)?;
        let moved = self.groups.of_pool(pool, &[]).unwrap_or_default();
        let lots = match &moved {
            Some(moved) => Lots::of_moved(moved, &splits),
            None => Lots::of(&of_pool, &splits, &changed),
        };
        let slices = explain_slices(sell, &stored.allocations, &lots);
        let mut slices = slices.map_err(figures)?;
        if slices.is_empty() {
            return Ok(None);
        }
        for lot in slices.iter_mut().filter_map(|slice| slice.lot.as_mut()) {
            lot.way = self.ways.of(&pool.account, &lot.arrived).await?;
            let account = match lot.arrived.entry.moved.as_deref() {
                Some(moved) => moved.account.as_ref().unwrap_or(&pool.account),
                None => &pool.account,
            };
            let of_buy = Pool::new(account.clone(), pool.asset.clone());
            if let Some(buy) = self.ways.buy(read, &of_buy, &lot.arrived) {
                lot.buy = ExplainedTrade::of(&buy);
            }
            self.add_source(&of_buy, &mut lot.buy).await?;
        }
        let (id, leg) = (&sell.order_id, sell.entry.leg);
        let opened_by = |lot: &StoredLot| lot.buy_order_id == *id && lot.buy_leg == leg;
        let is_rest = |lot: &StoredLot| lot.direction.is_short() && opened_by(lot);
        let mut sell = ExplainedTrade::of(sell);
        self.add_source(pool, &mut sell).await?;
        Ok(Some(Explanation {
            current: *self.current,
            pool: pool.clone(),
            sell,
            slices,
            open: stored.open_lots.into_iter().find(is_rest),
            version: info.clone(),
        }))
    }

    /// Adds the row of a trade, its place in a file, and its rates.
    async fn add_source(&self, pool: &Pool, trade: &mut ExplainedTrade) -> PipelineResult<()> {
        let id = trade.entry.order_id.as_str();
        let mut origin = self.store.trade_origin(&pool.account, id).await?;
        if origin.is_none() {
            // What a network took has the id of its withdrawal.
            let (account, id) = (&pool.account, &trade.entry.order_id);
            origin = self.store.movement_origin(account, id).await?;
        }
        let rates = self.rates.of((&pool.account, id)).await?;
        let row = self
            .rows
            .get(id)
            .filter(|row| row.of.account == pool.account);
        trade.row = row.cloned();
        (trade.origin, trade.rates) = (origin, rates);
        Ok(())
    }

    /// Returns a version's rows of a pool, and the trades and splits that it was computed from.
    ///
    /// Errors: the version or the ledger was changed since.
    async fn read_pool(
        &self,
        pool: &Pool,
        read: Option<&PoolLedger>,
    ) -> PipelineResult<(StoredPool, Vec<Trade>, Box<[Split]>)> {
        let (store, info) = (self.store, self.info);
        let stored = store.stored_pool(info.version, pool).await?;
        let summary = summary_of(self.summaries, pool);
        check_pool(info.version, pool, summary, &stored)?;
        let (trades, splits) = match summary {
            Some(summary) => trades_of(store, info, summary, read).await?,
            None => Default::default(),
        };
        Ok((stored, trades, splits))
    }
}

fn summary_of<'s>(summaries: &'s [PoolSummary], pool: &Pool) -> Option<&'s PoolSummary> {
    summaries.iter().find(|summary| summary.pool == *pool)
}

/// Says why a version has no rows of a sell.
fn no_rows(
    order_id: &str,
    info: &VersionInfo,
    pool: &Pool,
    summaries: &[PoolSummary],
    ledger: Option<&PoolLedger>,
) -> ExplainError {
    let rows = ledger.map_or(&[][..], |ledger| &ledger.invalid);
    let status = summary_of(summaries, pool)
        .map(|summary| (summary.status, summary.error.clone().unwrap_or_default()));
    ExplainError::NoRows(Box::new(NoRows {
        order_id: order_id.to_owned(),
        version: info.version,
        pool: pool.clone(),
        status,
        lacks_rate: rows.iter().any(|row| row.issue == IssueType::MissingFx),
    }))
}

/// Returns the trades and the splits of a pool that a version was computed from.
///
/// Errors: the ledger was changed since, so that its trades don't give the version's rows.
async fn trades_of(
    store: &dyn TradeStore,
    info: &VersionInfo,
    summary: &PoolSummary,
    read: Option<&PoolLedger>,
) -> PipelineResult<(Vec<Trade>, Box<[Split]>)> {
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
    let hash = ledger.map_or(RowsHash::EMPTY, |ledger| ledger.facts_hash());
    if hash == summary.ledger_hash {
        let trades = ledger.map_or(Ok(Vec::new()), |ledger| ledger.trades.to_vec());
        let trades = trades.map_err(SelfCheckError::from);
        let splits = ledger.map(|ledger| ledger.splits.clone());
        return Ok((
            trades.map_err(StoreError::from)?,
            splits.unwrap_or_default(),
        ));
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

/// Returns why no account has a trade, if its import is undone.
async fn undone_import(
    store: &dyn Store,
    order_id: &str,
    account: Option<&Account>,
) -> PipelineResult<Option<ExplainError>> {
    let out = store.imports_out(None).await?;
    if out.is_empty() {
        return Ok(None);
    }
    let stored = store.accounts().await?.into_iter().map(|of| of.account);
    let accounts: BTreeSet<Account> = match account {
        Some(account) => [account.clone()].into(),
        None => stored.chain([Account::default()]).collect(),
    };
    for account in accounts {
        let import = import_of_trade(store, &account, order_id).await?;
        if let Some(file) = import.filter(|file| out.contains(&file.id)) {
            let name = order_id.to_owned();
            return Ok(Some(ExplainError::ImportUndone(name, file.id, file.name)));
        }
    }
    Ok(None)
}
