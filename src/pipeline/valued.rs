//! The rates that a run used: locked into its version, and counted in its report.
//!
//! A version's rates never change. So an incremental run looks used rates up again if a file of
//! rates came since. If a rate differs now, the history has changed: only a new version will do.

use std::collections::{BTreeMap, BTreeSet};

use super::batches::{Batches, MEMORY_DEFAULT};
use super::error::PipelineResult;
use super::job::Context;
use crate::engine::{
    Asset, AssetRules, CodeKind, Entered, MissingRate, RateOrigin, RateUsed, RateUsedRef,
    RateValue, RatesUsed, RowsHash, Timestamp, UnlikeValue, rates_hash,
};
use crate::rates::PAR_PERCENT;
use crate::store::model::{
    Arrivals, Cursors, Event, EventKind, RatesLocked, Scope, Version, VersionInfo, Watermark,
};
use crate::store::{Store, TradeStore};

/// Counts of the rates that a run used, and of those that it lacked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RateCounts {
    /// Trades with a value or a fee that a rate gave.
    pub trades: u64,
    /// Values by a rate that is more than an hour older than its trade.
    pub old: u64,
    /// Values of one dollar a coin, as a setting pegs it and no rate is near enough.
    pub provisional: u64,
    /// Values of coins that stand for the dollar, by a rate more than [`PAR_PERCENT`] off it.
    pub off_par: u64,
    /// Pairs of an asset and a day without a rate.
    pub missing: u64,
    /// Stated values that rates give otherwise.
    pub unlike: BTreeSet<UnlikeValue>,
}

impl RateCounts {
    /// Counts. Order: the rates of one trade follow each other.
    pub(super) fn of(used: &RatesUsed, entered: &Entered, rules: &AssetRules) -> Self {
        let mut counts = Self {
            missing: missing_days(&entered.missing).len() as u64,
            unlike: entered.unlike.clone(),
            ..Self::default()
        };
        let count = |counted: &mut u64, is_one| {
            *counted = counted.saturating_add(u64::from(is_one));
        };
        let mut last = None;
        for used in used.iter() {
            let trade = Some((used.account, used.order_id));
            count(&mut counts.trades, trade != last);
            last = trade;
            count(&mut counts.old, used.is_old());
            count(&mut counts.provisional, used.is_provisional());
            count(&mut counts.off_par, is_off_par(&used, rules));
        }
        counts
    }
}

fn is_off_par(used: &RateUsedRef<'_>, rules: &AssetRules) -> bool {
    rules.kind_of(used.asset.as_str()) == Some(CodeKind::DollarCoin)
        && used.rate.value.differs_from(RateValue::PAR, PAR_PERCENT)
}

/// A day on which a trade needs a rate, and no rate counts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MissingDay {
    /// The asset or currency.
    pub asset: Asset,
    /// The day in UTC, as `2025-03-07`.
    pub day: String,
}

fn missing_days(missing: &BTreeSet<MissingRate>) -> BTreeSet<MissingDay> {
    let day = |missing: &MissingRate| MissingDay {
        asset: missing.asset.clone(),
        day: missing.day(),
    };
    missing.iter().map(day).collect()
}

/// Lists the days of all trades in the ledger that lack a rate.
///
/// Errors: the store fails; two rates contradict each other.
pub async fn missing_rates(
    store: &dyn Store,
    context: &Context,
) -> PipelineResult<BTreeSet<MissingDay>> {
    store.use_rules(&context.rules);
    let parts = Batches::plan(store, &Scope::default(), MEMORY_DEFAULT).await?;
    let mut missing = BTreeSet::new();
    for nth in 0..parts.len() {
        missing.extend(parts.read(store, context, nth).await?.rates.missing);
    }
    Ok(missing_days(&missing))
}

/// Adds the rates of another part of the ledger.
pub(super) fn add(all: &mut Entered, part: Entered) {
    all.used.append(part.used);
    all.missing.extend(part.missing);
    all.unlike.extend(part.unlike);
}

/// Adds what another part lacks, and what it states otherwise.
pub(super) fn add_questions(all: &mut Entered, part: Entered) {
    all.missing.extend(part.missing);
    all.unlike.extend(part.unlike);
}

/// Returns the rates that a new version locks.
pub(super) fn locked(mut used: RatesUsed) -> RatesLocked {
    // Sorted rows fill the key of the table page after page: a seventh less time.
    used.sort_once();
    RatesLocked {
        hash: rates_hash(used.iter()),
        added: used,
    }
}

/// Rates of a version that a look-up gives otherwise now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateRates {
    /// How many.
    pub count: u64,
    /// The first one, as the version has it.
    pub first: RateUsed,
}

/// The change of a version's rates by an incremental run.
#[derive(Debug, Clone, Default)]
pub(super) struct RatesNow {
    pub(super) locked: RatesLocked,
    pub(super) late: Option<LateRates>,
    /// The late rates are those of voided trades alone.
    pub(super) are_voided: bool,
}

/// The rates that an incremental run found, and how far they may differ.
pub(super) struct RatesSince<'a> {
    pub(super) base: &'a VersionInfo,
    pub(super) arrivals: &'a Arrivals,
    /// Rates were imported since.
    pub(super) is_moved: bool,
    /// The rates of pools that were read whole.
    pub(super) whole: RatesUsed,
    /// All rates of the ledger, if it was read already.
    pub(super) all: Option<RatesUsed>,
    /// New trades are in pools without matches: their prices may be rates of other pools.
    pub(super) has_unmatched: bool,
    /// The version has rejected pools, whose trades may be later than all that it matched.
    pub(super) has_rejected: bool,
    /// A pool was read whole, or is stale.
    pub(super) has_read_again: bool,
}

/// Returns the last numbers of rates and of voids of imports, if any grew since a version and since
/// the last run that looked rates up for this version.
pub(super) async fn moved_to(
    store: &dyn Store,
    base: &VersionInfo,
    now: &Watermark,
) -> PipelineResult<Option<Cursors>> {
    let last = *now.cursors();
    if !last.is_after(base.watermark.cursors()) {
        return Ok(None);
    }
    let events = store.events_of(&[EventKind::RatesSeen]).await?;
    let mut of_base = events.iter().filter(|it| it.version == Some(base.version));
    let is_seen = of_base.any(|it| !last.is_after(&Cursors::from_json(&it.details)));
    Ok((!is_seen).then_some(last))
}

/// Records that the rates up to some numbers change nothing of a version. The next run then does
/// not read the whole ledger for them again.
pub(super) async fn note_seen(
    store: &dyn Store,
    version: Version,
    (last, at): (Cursors, Timestamp),
) -> PipelineResult<()> {
    let event = Event {
        version: Some(version),
        ..Event::info(EventKind::RatesSeen, at, last.to_json().into())
    };
    Ok(store.log_event(&event).await?)
}

impl RatesSince<'_> {
    /// Compares the version's rates with those that count now, if they may differ.
    pub(super) async fn judge(
        self,
        store: &dyn TradeStore,
        context: &Context,
        memory: Option<u64>,
    ) -> PipelineResult<RatesNow> {
        let (base, arrivals, is_moved) = (self.base, self.arrivals, self.is_moved);
        let had = base.rates_hash.unwrap_or(RowsHash::EMPTY);
        let may_differ = is_moved || !arrivals.revised.is_empty() || self.has_unmatched;
        let first_price = self.first_price(context);
        let mut stored = Vec::new();
        let is_asked = may_differ || self.has_read_again || self.all.is_some();
        if had != RowsHash::EMPTY && (is_asked || first_price.is_some()) {
            stored = store.rates_used(base.version, None).await?;
        }
        let last_valued = stored.iter().map(|used| used.traded_at).max();
        let has_price = first_price.is_some_and(|first| Some(first) <= last_valued);
        let has_own = stored.iter().any(is_own);
        let must_read = match is_moved || !arrivals.revised.is_empty() {
            true => !stored.is_empty() || self.has_read_again,
            false => self.has_unmatched && has_own || has_price,
        };
        let all = match self.all {
            Some(all) => Some(all.to_vec()),
            None if must_read => Some(read_all(store, context, memory, arrivals).await?),
            None => None,
        };
        let is_all = all.is_some();
        let found = all.unwrap_or_else(|| {
            let new = arrivals.rates.used.to_vec().into_iter();
            new.chain(self.whole.to_vec()).collect()
        });
        let mut now = by_key(found);
        let late = stored
            .iter()
            .filter(|stored| is_all && now.get(&owned(stored)) != Some(*stored));
        // A void takes a trade's rates away. Other rates say more.
        let is_revised = |used: &RateUsed| {
            let of_account = arrivals.revised.iter();
            let mut of_account = of_account.filter(|(pool, _)| pool.account == used.account);
            of_account.any(|(_, orders)| orders.contains(&used.order_id))
        };
        let (revised, others): (Vec<_>, Vec<_>) = late.partition(|used| is_revised(used));
        let are_voided = others.is_empty();
        let late = if are_voided { revised } else { others };
        if let Some(first) = late.first() {
            return Ok(RatesNow {
                late: Some(LateRates {
                    count: late.len() as u64,
                    first: (*first).clone(),
                }),
                are_voided,
                ..RatesNow::default()
            });
        }
        for stored in &stored {
            now.remove(&owned(stored));
        }
        let added: RatesUsed = now.into_values().collect();
        let mut hash = had;
        hash.add(rates_hash(added.iter()));
        let locked = RatesLocked { added, hash };
        Ok(RatesNow {
            locked,
            ..RatesNow::default()
        })
    }
}

impl RatesSince<'_> {
    /// Returns the time of the first new trade that may be a rate of a trade of the version. The
    /// lots of a pool take such a late buy without a new version.
    fn first_price(&self, context: &Context) -> Option<Timestamp> {
        if !context.rules.rates.own_trades {
            return None;
        }
        let pools = self.arrivals.pools.values();
        let first = pools.filter_map(|new| new.trades.iter().map(|trade| trade.order_time).min());
        let is_late = |first: &Timestamp| {
            self.has_rejected
                || self
                    .base
                    .complete_through
                    .is_some_and(|last| *first <= last)
        };
        first.min().filter(is_late)
    }
}

/// Account, order id, and whether the amount is a fee.
pub(super) type OwnedKey = (String, String, bool);

/// Returns the names of an amount.
pub(super) fn owned(used: &RateUsed) -> OwnedKey {
    let (account, order_id, purpose) = used.key();
    let is_fee = purpose == crate::engine::RatePurpose::Fee;
    (account.to_owned(), order_id.to_owned(), is_fee)
}

fn by_key(all: Vec<RateUsed>) -> BTreeMap<OwnedKey, RateUsed> {
    all.into_iter().map(|used| (owned(&used), used)).collect()
}

fn is_own(used: &RateUsed) -> bool {
    let mut steps = used.rate.steps.iter();
    steps.any(|step| matches!(step.origin, RateOrigin::Trade(_)))
}

/// Reads the rates of all trades as of the instant of the arrivals.
async fn read_all(
    store: &dyn TradeStore,
    context: &Context,
    memory: Option<u64>,
    arrivals: &Arrivals,
) -> PipelineResult<Vec<RateUsed>> {
    let memory = memory.unwrap_or(MEMORY_DEFAULT);
    let parts = Batches::plan(store, &Scope::default(), memory).await?;
    let (at, mut all) = (&arrivals.watermark, Vec::new());
    for nth in 0..parts.len() {
        let read = context
            .read_ledger(store, &parts.scope(nth), Some(at))
            .await?;
        context.cancel.check()?;
        all.extend(read.rates.used.to_vec());
    }
    Ok(all)
}
