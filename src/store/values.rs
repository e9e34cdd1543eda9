//! Reads the ledger with values: pools by the settings, and the rates of trades that need one.
//!
//! A store puts plain dollar trades into their pools. The others wait: their rates are looked up as
//! of the same instant, and their legs then enter the pools. So the same ledger, rates and settings
//! give the same pools, in any order of the rows.

mod earned;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::model::{
    Arrivals, LedgerRead, RateScope, Scope, Slice, StoredRate, TiedLedgers, VersionInfo, Watermark,
    asset_rules_of,
};
use super::rules::{counting_of_names, renamed};
use super::{AppliedMovements, RateStore, Seen, StoreResult, TradeStore, actions_beside_movements};
use crate::engine::policy::{RATE_WAY, USD};
use crate::engine::{
    Asset, AssetAction, AssetRules, Entered, ExpectedLegs, Leg, MoreRef, OwnRate, OwnTrades,
    Pending, PendingTrade, Pool, PoolLedger, PoolMoves, PoolNames, Rate, RateBook, SelfCheckError,
    TiedPools, Timestamp, Traded, Violation, enter, find_moves, push_income, push_network_fees,
};
pub use earned::{Earned, ValueFrom, earned};

/// Microseconds before the first trade from which rates and own trades are read: the oldest rate
/// that may count, and a day more.
const RATES_BEFORE_US: i64 = 8 * 24 * 3_600 * 1_000_000;

/// Returns the settings that a version was computed with; if they can't be read, those of today.
pub fn rules_of(info: &VersionInfo, present: &AssetRules) -> AssetRules {
    recorded_rules(info).unwrap_or_else(|| present.clone())
}

/// Returns the settings that a version has on record. `None`: they can't be read.
pub fn recorded_rules(info: &VersionInfo) -> Option<AssetRules> {
    let policy = serde_json::from_str::<serde_json::Value>(&info.policy).ok();
    asset_rules_of(policy.as_ref()?.get("assets")?)
}

/// Lets a store name pools, from now on, by the settings that a version was computed with. What
/// is read to judge that version is then read as its run did, even if other settings are set today.
pub fn use_rules_of(store: &dyn TradeStore, info: &VersionInfo) {
    store.use_rules(&rules_of(info, &store.rules()));
}

/// Reads the pools of a scope as of an instant; `None` is the present.
///
/// Errors: stopped; the store fails; two rates contradict each other.
pub async fn read_seen(
    store: &dyn TradeStore,
    (scope, as_of): (&Scope, Option<&Watermark>),
    seen: Seen<'_>,
) -> StoreResult<LedgerRead> {
    read_and_judge(store, (scope, as_of), seen, None).await
}

/// Violations of legs and values, by pool.
pub type UnlikeLegs = BTreeMap<Pool, Vec<Violation>>;

/// Reads the pools of a scope, and compares what trades brought into them with a second way.
///
/// Errors: as of [`read_seen`].
pub async fn read_judged(
    store: &dyn TradeStore,
    (scope, as_of): (&Scope, Option<&Watermark>),
    seen: Seen<'_>,
) -> StoreResult<(LedgerRead, UnlikeLegs)> {
    let mut unlike = UnlikeLegs::new();
    let read = read_and_judge(store, (scope, as_of), seen, Some(&mut unlike)).await?;
    Ok((read, unlike))
}

async fn read_and_judge(
    store: &dyn TradeStore,
    (scope, as_of): (&Scope, Option<&Watermark>),
    seen: Seen<'_>,
    unlike: Option<&mut UnlikeLegs>,
) -> StoreResult<LedgerRead> {
    let read = store.read_ledger_seen(scope, as_of, seen).await?;
    let is_judged = unlike.is_some();
    complete(store, scope, read, (unlike, is_judged)).await
}

/// Reads the pools of a scope without reports of progress.
///
/// Errors: as of [`read_seen`].
pub async fn read(
    store: &dyn TradeStore,
    scope: &Scope,
    as_of: Option<&Watermark>,
) -> StoreResult<LedgerRead> {
    read_seen(store, (scope, as_of), &mut |_| true).await
}

/// Reads the pools of a scope, those that transfers tie to them, and the rows of its trades that
/// had to wait for their legs.
///
/// Errors: as of [`read_seen`].
pub async fn read_with_rows(
    store: &dyn TradeStore,
    scope: &Scope,
    as_of: Option<&Watermark>,
) -> StoreResult<(LedgerRead, Vec<PendingTrade>)> {
    let read = store.read_ledger(scope, as_of).await?;
    let rows = read.pending.iter().collect();
    Ok((complete(store, scope, read, (None, true)).await?, rows))
}

/// Returns the rows of a scope's pools that came into the ledger since a watermark.
///
/// Errors: as of the store; two rates contradict each other.
pub async fn arrivals(
    store: &dyn TradeStore,
    scope: &Scope,
    since: &Watermark,
) -> StoreResult<Arrivals> {
    let rules = store.rules();
    let mut arrivals = store.arrivals(scope, since).await?;
    let pending = std::mem::take(&mut arrivals.pending);
    let at = arrivals.watermark.clone();
    let valuing = Valuing::new(store, &rules, scope);
    let pools = &mut arrivals.pools;
    arrivals.rates = valuing.enter(pending, &at, (pools, false), None).await?;
    let actions = actions_as_of(store, &rules, &at).await?;
    for pool in arrivals.pools.values_mut() {
        pool.note_actions(&actions, &rules, None);
    }
    Ok(arrivals)
}

/// Returns the actions as of an instant. A ledger without actions costs no query.
async fn actions_as_of(
    store: &dyn TradeStore,
    rules: &AssetRules,
    at: &Watermark,
) -> StoreResult<Vec<AssetAction>> {
    match at.cursors().action_seq {
        0 => Ok(Vec::new()),
        _ => actions_beside_movements(store, rules, Some(at)).await,
    }
}

/// Pools of movements, which may have no trades.
#[derive(Debug, Clone, Default)]
pub struct MovedPools {
    /// Those whose lots transfers move, and those that pay fees of networks.
    pub tied: BTreeSet<Pool>,
    /// These, and those with income.
    pub all: BTreeSet<Pool>,
}

/// Returns the pools of the movements as of an instant.
///
/// Errors: as of the store.
pub async fn moved_pools(store: &dyn TradeStore, at: &Watermark) -> StoreResult<MovedPools> {
    let moved = AppliedMovements::as_of(store, &store.rules(), at).await?;
    Ok(MovedPools {
        tied: moved.tied_pools(),
        all: moved.pools(),
    })
}

/// Gives the pools of a read all that its rows do not tell: values, actions, lots that move.
/// `is_tied`: the read has the other pools of their transfers, too.
async fn complete(
    store: &dyn TradeStore,
    scope: &Scope,
    mut read: LedgerRead,
    (unlike, is_tied): (Option<&mut UnlikeLegs>, bool),
) -> StoreResult<LedgerRead> {
    let (rules, at) = (store.rules(), read.watermark.clone());
    let completing = Completing {
        store,
        rules: &rules,
        at: &at,
        moved: AppliedMovements::as_of(store, &rules, &at).await?,
        actions: actions_as_of(store, &rules, &at).await?,
    };
    let (pending, pools) = (std::mem::take(&mut read.pending), &mut read.pools);
    read.rates = completing.enter(scope, pending, pools, unlike).await?;
    let tied = completing.tie(scope, pools).await?;
    if is_tied {
        read.tied = tied;
    }
    Ok(read)
}

/// The data that completes pools, as of the instant of their read.
struct Completing<'a> {
    store: &'a dyn TradeStore,
    rules: &'a AssetRules,
    at: &'a Watermark,
    moved: AppliedMovements,
    actions: Vec<AssetAction>,
}

impl Completing<'_> {
    /// Enters trades that wait into the pools of a scope, with the fees of networks, and notes the
    /// actions.
    async fn enter(
        &self,
        scope: &Scope,
        mut pending: Pending,
        pools: &mut BTreeMap<Pool, PoolLedger>,
        unlike: Option<&mut UnlikeLegs>,
    ) -> StoreResult<Entered> {
        let is_wanted = |pool: &Pool, at| scope.contains(pool) && scope.has_time(at);
        let fees = push_network_fees(&self.moved.transfers, self.rules, &is_wanted, &mut pending);
        fees.map_err(SelfCheckError::from)?;
        let income = self.moved.income.values().flatten();
        let income = push_income(income, self.rules, &is_wanted, &mut pending);
        income.map_err(SelfCheckError::from)?;
        let valuing = Valuing::new(self.store, self.rules, scope);
        let entered = valuing.enter(pending, self.at, (pools, true), unlike);
        let entered = entered.await?;
        for pool in self.moved.pools() {
            if scope.contains(&pool) {
                let new = || PoolLedger::of_rules(pool.clone(), self.rules);
                let ledger = pools.entry(pool.clone()).or_insert_with(new);
                let fees = self.moved.fees.get(&pool);
                let moves = fees.map(|fees| PoolMoves::of_fees(fees.clone()));
                ledger.moves = moves.map(Arc::new);
            }
        }
        for (pool, ledger) in pools {
            let moved_at = self.moved.last_at(pool);
            ledger.note_actions(&self.actions, self.rules, moved_at);
        }
        Ok(entered)
    }

    /// Moves lots between the pools that transfers tie to a scope. The other pools of these groups
    /// are read for it, and returned.
    async fn tie(
        &self,
        scope: &Scope,
        pools: &mut BTreeMap<Pool, PoolLedger>,
    ) -> StoreResult<Vec<TiedLedgers>> {
        let is_touched = |it: &&TiedPools| it.pools.iter().any(|pool| scope.contains(pool));
        let groups: Vec<&TiedPools> = self.moved.groups.iter().filter(is_touched).collect();
        let is_read = |pool: &Pool| scope.slice.is_none() && scope.contains(pool);
        let others = groups.iter().flat_map(|group| &group.pools);
        let others: BTreeSet<Pool> = others.filter(|pool| !is_read(pool)).cloned().collect();
        let mut others = self.read_whole(others).await?;
        let mut tied = Vec::with_capacity(groups.len());
        for group in groups {
            let found = find_moves(group, |pool| match is_read(pool) {
                true => pools.get(pool),
                false => others.get(pool),
            });
            for (pool, mut moves) in found {
                let fees = self.moved.fees.get(&pool);
                moves.add_fees(fees.cloned().unwrap_or_default());
                let moves = Some(Arc::new(moves));
                if let Some(ledger) = pools.get_mut(&pool) {
                    ledger.moves.clone_from(&moves);
                }
                if let Some(ledger) = others.get_mut(&pool) {
                    ledger.moves = moves;
                }
            }
            let of_group = others.extract_if(.., |pool, _| group.pools.contains(pool));
            tied.push(TiedLedgers {
                group: group.clone(),
                others: of_group.collect(),
            });
        }
        Ok(tied)
    }

    /// Reads whole pools.
    async fn read_whole(&self, pools: BTreeSet<Pool>) -> StoreResult<BTreeMap<Pool, PoolLedger>> {
        if pools.is_empty() {
            return Ok(BTreeMap::new());
        }
        let scope = Scope {
            part: Some(Arc::new(pools)),
            ..Scope::default()
        };
        let mut read = self.store.read_ledger(&scope, Some(self.at)).await?;
        let pending = std::mem::take(&mut read.pending);
        self.enter(&scope, pending, &mut read.pools, None).await?;
        Ok(read.pools)
    }
}

struct Valuing<'a> {
    store: &'a dyn TradeStore,
    rules: &'a AssetRules,
    scope: &'a Scope,
}

/// Account and asset of prices that trades need, and when.
type NeededPrices = BTreeMap<Pool, Vec<Timestamp>>;

impl<'a> Valuing<'a> {
    fn new(store: &'a dyn TradeStore, rules: &'a AssetRules, scope: &'a Scope) -> Self {
        Self {
            store,
            rules,
            scope,
        }
    }

    /// Enters trades that wait into their pools. `is_whole`: the pools have all their trades.
    /// `unlike`: a second way judges what they took in.
    async fn enter(
        &self,
        pending: Pending,
        at: &Watermark,
        (pools, is_whole): (&mut BTreeMap<Pool, PoolLedger>, bool),
        unlike: Option<&mut UnlikeLegs>,
    ) -> StoreResult<Entered> {
        if pending.is_empty() {
            return Ok(Entered::default());
        }
        let needed = self.needed(&pending);
        let rates = self.rates(&pending, &needed, at).await?;
        let mut book = rate_book(self.rules, rates)?;
        if self.rules.rates.own_trades {
            let own = self
                .own_rates(needed, at, (pools, &pending), is_whole)
                .await?;
            book.add_own(own);
        } else {
            drop(needed);
        }
        let wanted = |pool: &Pool| self.scope.contains(pool);
        let expected = unlike.is_some();
        let expected =
            expected.then(|| ExpectedLegs::of(pending.iter(), self.rules, &book, &wanted));
        let used = enter(pending, self.rules, &book, &wanted, pools);
        if let (Some(unlike), Some(expected)) = (unlike, expected) {
            *unlike = expected.check(pools);
        }
        Ok(used)
    }

    /// Lists the assets that trades may need a rate of, by account.
    fn needed(&self, pending: &Pending) -> NeededPrices {
        let mut needed = NeededPrices::new();
        let mut need = |of: &Traded, asset, time: Option<Timestamp>| {
            if !self.rules.is_usd(&asset) {
                let pool = Pool::new(of.account.clone(), asset);
                needed.entry(pool).or_default().extend(time);
            }
        };
        for (of, trade) in pending.views() {
            let Ok(instrument) = &of.instrument else {
                continue;
            };
            let time = Some(trade.order_time);
            if trade.leg != Leg::Base {
                need(of, instrument.base.clone(), time);
            } else if !instrument.is_usd {
                let is_money = self.rules.is_currency(&instrument.quote);
                need(of, instrument.quote.clone(), time);
                // What was paid in the money of a state has no value by the price of its base.
                need(of, instrument.base.clone(), time.filter(|_| !is_money));
            }
            if let Some(fee) = trade.more.and_then(MoreRef::fee_currency) {
                need(of, self.rules.asset_named(fee.as_str()), time);
            }
        }
        for times in needed.values_mut() {
            times.sort_unstable();
            times.dedup();
        }
        needed
    }

    async fn rates(
        &self,
        pending: &Pending,
        needed: &NeededPrices,
        at: &Watermark,
    ) -> StoreResult<Vec<Rate>> {
        let assets = needed.keys().map(|pool| pool.asset.clone()).collect();
        let times = pending.views().map(|(_, trade)| trade.order_time);
        rates_named(self.store, self.rules, rates_for(assets, times), Some(at)).await
    }

    /// Returns the prices of own trades for dollars that are the nearest before a needed instant.
    async fn own_rates(
        &self,
        mut needed: NeededPrices,
        at: &Watermark,
        (pools, pending): (&BTreeMap<Pool, PoolLedger>, &Pending),
        is_whole: bool,
    ) -> StoreResult<Vec<OwnRate>> {
        needed.retain(|pool, times| !times.is_empty() && !self.rules.is_currency(&pool.asset));
        let is_read =
            |pool: &Pool| is_whole && self.scope.slice.is_none() && self.scope.contains(pool);
        let others = needed.iter().filter(|(pool, _)| !is_read(pool));
        let mut more = LedgerRead::default();
        if let Some(scope) = scope_of_prices(others) {
            more = self.store.read_ledger(&scope, Some(at)).await?;
        }
        let mut found: BTreeMap<Pool, OwnTrades> = BTreeMap::new();
        for (pool, times) in needed {
            let ledger = match is_read(&pool) {
                true => pools.get(&pool),
                false => more.pools.get(&pool),
            };
            let mut trades = OwnTrades::new(&pool, self.rules, times);
            if let Some(ledger) = ledger {
                trades.add(ledger, self.rules);
            }
            found.insert(pool, trades);
        }
        for (pending, is_mine) in [(pending, true), (&more.pending, false)] {
            for (of, trade) in pending.views() {
                let names = (of.account.as_str(), of.asset.as_str());
                let of_pool = found.get_mut(&names as &dyn PoolNames);
                let of_pool = of_pool.filter(|it| is_read(it.pool()) == is_mine);
                if let Some(found) = of_pool.filter(|_| trade.leg == Leg::Base) {
                    found.add_pending(of, &trade, self.rules);
                }
            }
        }
        Ok(found.into_values().flat_map(OwnTrades::rates).collect())
    }
}

/// Returns the rates of a scope by the names of some settings, as of an instant; `None` is the
/// present. Files may spell an asset in several ways.
///
/// Order: by asset, currency, source and time. Two rates for one instant may differ: an alias may
/// have come after their imports.
pub async fn rates_named<S: RateStore + ?Sized>(
    store: &S,
    rules: &AssetRules,
    scope: RateScope,
    as_of: Option<&Watermark>,
) -> StoreResult<Vec<Rate>> {
    let rows = rates_spelled(store, rules, scope, as_of).await?;
    Ok(renamed(rows, rules))
}

/// Returns the same rates, as their files spell them.
pub async fn rates_spelled<S: RateStore + ?Sized>(
    store: &S,
    rules: &AssetRules,
    scope: RateScope,
    as_of: Option<&Watermark>,
) -> StoreResult<Vec<StoredRate>> {
    let rows = store.rates(&scope.spelled(rules), as_of).await?;
    Ok(counting_of_names(rows, rules))
}

/// Returns the rates that may count for assets at some instants.
pub fn rates_for(
    mut assets: BTreeSet<Asset>,
    times: impl Iterator<Item = Timestamp> + Clone,
) -> RateScope {
    // A rate may go by way of the dollar or of the euro.
    assets.extend(
        [USD, RATE_WAY]
            .iter()
            .filter_map(|asset| asset.parse().ok()),
    );
    RateScope {
        among: Some(assets),
        from: times.clone().min().and_then(rates_from),
        until: times.max(),
        with: None,
    }
}

/// Returns the instant before which no rate counts for a trade. `None`: before all times.
fn rates_from(first: Timestamp) -> Option<Timestamp> {
    let from = first.as_micros().saturating_sub(RATES_BEFORE_US);
    Timestamp::try_from_micros(from).ok()
}

/// Returns the trades that may be rates at needed instants: older ones are too old. `None`: no pool
/// is needed.
fn scope_of_prices<'n>(
    needed: impl Iterator<Item = (&'n Pool, &'n Vec<Timestamp>)> + Clone,
) -> Option<Scope> {
    let times = needed.clone().flat_map(|(_, times)| times);
    let (first, last) = (times.clone().min()?, times.max()?);
    Some(Scope {
        part: Some(Arc::new(needed.map(|(pool, _)| pool.clone()).collect())),
        slice: Some(Slice {
            after: rates_from(*first),
            until: Some(*last),
        }),
        ..Scope::default()
    })
}

/// Makes the book of some rates. Errors: two contradict each other.
pub fn rate_book(rules: &AssetRules, rates: Vec<Rate>) -> StoreResult<RateBook> {
    Ok(RateBook::try_new(rules.rates.clone(), rates)?)
}
