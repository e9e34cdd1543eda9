//! Why the sells of two versions differ: changed trades, changed rates, other settings.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::error::PipelineResult;
use super::super::job::Context;
use super::rates::ChangedRates;
use super::settings::ChangedSettings;
use super::{ComparedVersion, Sides, notes};
use crate::engine::{
    Leg, Pool, PoolLedger, PoolStatus, Timestamp, TradeRef, Transfer, split_correction, thousands,
};
use crate::store::Store;
use crate::store::model::Scope;
use crate::store::values::rules_of;

/// Changes of a pool's trades between two versions.
#[derive(Default)]
struct Changes {
    oldest: Option<(Timestamp, String)>,
    /// Causes by order id.
    own: BTreeMap<String, String>,
}

/// The cause if nothing of a pool changed, and lots come to it.
const OF_SENDERS: &str = "trades or transfers of an account that sends lots to this one changed";

impl Changes {
    /// Adds the transfers that only one of the two has: of a pair that was made, or was ended.
    fn add_transfers(&mut self, before: Option<&PoolLedger>, after: Option<&PoolLedger>) {
        let of = |ledger: Option<&PoolLedger>| -> BTreeSet<Transfer> {
            let moves = ledger.and_then(|ledger| ledger.moves.as_ref());
            let transfers = moves.map(|moves| moves.transfers().cloned());
            transfers.into_iter().flatten().collect()
        };
        let (before, after) = (of(before), of(after));
        let made = after.difference(&before).map(|it| (it, "paired"));
        let ended = before
            .difference(&after)
            .map(|it| (it, "not paired any more"));
        for (it, word) in made.chain(ended) {
            let (out, into) = (&it.withdrawal, &it.deposit);
            let what = format!("transfer {}/{out} to {}/{into} {word}", it.from, it.to);
            if self.oldest.as_ref().is_none_or(|(at, _)| it.sent_at < *at) {
                self.oldest = Some((it.sent_at, what.clone()));
            }
            self.own.entry(out.to_string()).or_insert(what);
        }
    }
}

/// Known causes of differences.
pub(super) struct Causes {
    changes: BTreeMap<Pool, Changes>,
    /// Why a version has no rows of a pool.
    without_rows: BTreeMap<Pool, String>,
    /// The settings that differ and may concern a pool.
    settings: BTreeMap<Pool, String>,
    /// The cause for each pool if nothing else explains a sell.
    last: BTreeMap<Pool, String>,
    rates: ChangedRates,
}

impl Causes {
    pub(super) async fn find(
        store: &dyn Store,
        context: &Context,
        left: &ComparedVersion,
        right: &ComparedVersion,
        pools: &[&Pool],
    ) -> PipelineResult<Self> {
        let mut causes = Self {
            changes: BTreeMap::new(),
            without_rows: BTreeMap::new(),
            settings: BTreeMap::new(),
            last: BTreeMap::new(),
            rates: ChangedRates::find(store, &left.info, &right.info).await?,
        };
        let settings = ChangedSettings::of(&left.info, &right.info);
        let sides = [left, right];
        let differ = pools
            .iter()
            .filter(|pool| left.hash(pool) != right.hash(pool));
        let differ: BTreeSet<Pool> = differ.map(|pool| (*pool).clone()).collect();
        for pool in &differ {
            let of_pool = pool.clone();
            if let Some(why) = without_rows(sides, pool) {
                causes.without_rows.insert(of_pool.clone(), why);
            }
            if let Some(named) = settings.of_pool(pool, sides) {
                causes.settings.insert(of_pool.clone(), named);
            }
            causes.last.insert(of_pool, last_cause(sides, pool));
        }
        // A leg's trade is a row of another pool, so the hash of all rows decides.
        if !differ.is_empty() && left.info.ledger_hash != right.info.ledger_hash {
            causes.read(store, context, sides, differ).await?;
        }
        Ok(causes)
    }

    /// Compares the ledger as of both versions. The same settings name the pools both times, those
    /// of each version in turn: a trade that only moved to another pool did not change.
    async fn read(
        &mut self,
        store: &dyn Store,
        context: &Context,
        sides: [&ComparedVersion; 2],
        pools: BTreeSet<Pool>,
    ) -> PipelineResult<()> {
        let present = store.rules();
        let [of_left, of_right] = sides.map(|side| rules_of(&side.info, &present));
        let mut all_rules = vec![of_right];
        if all_rules.first() != Some(&of_left) {
            all_rules.push(of_left);
        }
        let scope = Scope {
            part: Some(Arc::new(pools.clone())),
            ..Scope::default()
        };
        for rules in &all_rules {
            store.use_rules(rules);
            let [then, now] = sides.map(|side| Some(&side.info.watermark));
            let before = context.read_ledger(store, &scope, then).await?;
            let after = context.read_ledger(store, &scope, now).await?;
            for pool in &pools {
                let (before, after) = (before.pools.get(pool), after.pools.get(pool));
                let is_revalued = |id: &str| self.rates.has(&pool.account, id);
                let mut changed = changes_of(before, after, &is_revalued);
                changed.add_transfers(before, after);
                let known = self.changes.entry(pool.clone()).or_default();
                if known.own.is_empty() {
                    *known = changed;
                }
                let has_senders = |ledger: &PoolLedger| {
                    let moves = ledger.moves.as_ref();
                    moves.is_some_and(|moves| moves.has_senders())
                };
                if known.own.is_empty() && after.or(before).is_some_and(has_senders) {
                    self.last.insert(pool.clone(), OF_SENDERS.to_owned());
                }
            }
        }
        store.use_rules(&present);
        Ok(())
    }

    /// Says how many trades have other rates. `None`: all have the same.
    pub(super) fn note(&self) -> Option<String> {
        match self.rates.len() {
            0 => None,
            1 => Some("1 trade has a value by other rates".into()),
            trades => {
                let trades = thousands(trades);
                Some(format!("{trades} trades have a value by other rates"))
            }
        }
    }

    /// Says why a sell differs: its own change, else the pool's oldest change if that is not later.
    /// If the lots are the same, changed rates replace an older change as the cause; if not, both
    /// are named. Settings that differ may be a cause beside each of these.
    pub(super) fn why(&self, pool: &Pool, sell: (&str, Timestamp), sides: Sides<'_>) -> String {
        if let Some(why) = self.without_rows.get(pool) {
            return why.clone();
        }
        let settings = self.settings.get(pool);
        match (self.of_trades(pool, sell, sides), settings) {
            (Some(why), None) => why,
            (Some(why), Some(settings)) => format!("{why}; {settings}, too"),
            (None, Some(settings)) => settings.clone(),
            (None, None) => self.last.get(pool).cloned().unwrap_or_default(),
        }
    }

    /// Names the changed trade or rates that explain a sell. `None`: nothing explains it.
    fn of_trades(&self, pool: &Pool, sell: (&str, Timestamp), sides: Sides<'_>) -> Option<String> {
        let (sell, time) = sell;
        let changes = self.changes.get(pool);
        let own = changes.and_then(|changes| changes.own.get(sell));
        let oldest = changes.and_then(|changes| changes.oldest.as_ref());
        let earlier = oldest.filter(|(at, _)| *at <= time).map(|(_, what)| what);
        let lots = sides.map(|side| side.map_or(&[][..], |side| side.lots.as_slice()));
        let [left, right] = lots;
        let bought = left.iter().chain(right).map(|(buy, _)| buy.as_str());
        let trades = std::iter::once(sell).chain(bought);
        let rates = self.rates.of(&pool.account, trades);
        // An older change makes a sell take another lot. With the same lots, rates are enough.
        let earlier = earlier.filter(|_| left != right || rates.is_none());
        match (own.or(earlier), rates) {
            (Some(change), Some(rates)) => Some(format!("{change}; {rates}")),
            (Some(change), None) => Some(change.clone()),
            (None, rates) => rates,
        }
    }
}

/// Says why a version has no rows of a pool that it covers. `None`: both versions have rows.
fn without_rows(sides: [&ComparedVersion; 2], pool: &Pool) -> Option<String> {
    let why = |side: &ComparedVersion| {
        let it = side.pools.get(pool)?;
        let is_without = matches!(it.status, PoolStatus::Rejected | PoolStatus::Excluded);
        let (status, error) = (it.status.as_str(), it.error.as_deref().unwrap_or(""));
        is_without.then(|| format!("{status} in version {}: {error}", side.info.version))
    };
    sides.into_iter().find_map(why)
}

/// Says why a pool differs if no setting, trade or rate is known to be the cause.
fn last_cause(sides: [&ComparedVersion; 2], pool: &Pool) -> String {
    for side in sides {
        let version = side.info.version;
        match side.pools.get(pool) {
            None => return format!("version {version} does not have the pool"),
            Some(it) if it.status == PoolStatus::Stale => {
                let error = it.error.as_deref().unwrap_or("");
                return format!("stale in version {version}: {error}");
            }
            Some(_) => {}
        }
    }
    let [left, right] = sides;
    let facts = |side: &ComparedVersion| side.pools.get(pool).map(|it| it.ledger_hash);
    let is_changed = facts(left) != facts(right);
    let note = notes(&left.info, &right.info).into_iter().next();
    let gone = "the ledger was changed, and what it was is gone";
    match note.filter(|_| !is_changed) {
        Some(note) => note,
        None if left.info.ledger_hash != right.info.ledger_hash => gone.into(),
        None => "not known: the same trades, policy and program".into(),
    }
}

fn by_id(ledger: Option<&PoolLedger>) -> BTreeMap<(&str, Leg), TradeRef<'_>> {
    let trades = ledger.into_iter().flat_map(|ledger| ledger.trades.iter());
    trades
        .map(|trade| ((trade.order_id, trade.leg), trade))
        .collect()
}

/// Lists which trades of a pool were added, removed, corrected or changed. Each of its legs follows
/// the trade. `is_revalued`: other rates gave a trade another value. That changes no fact of it,
/// and moves no lot of another trade.
fn changes_of(
    before: Option<&PoolLedger>,
    after: Option<&PoolLedger>,
    is_revalued: &dyn Fn(&str) -> bool,
) -> Changes {
    let (before, after) = (by_id(before), by_id(after));
    let ids = |entries: &BTreeMap<(&str, Leg), TradeRef<'_>>| -> BTreeSet<String> {
        entries.keys().map(|(id, _)| (*id).to_owned()).collect()
    };
    let (ids_before, ids_after) = (ids(&before), ids(&after));
    let mut changes = Vec::new();
    for ((id, leg), trade) in &after {
        let is_known = ids_before.contains(*id);
        let what = match before.get(&(*id, *leg)) {
            Some(old) if old == trade => continue,
            _ if is_known && is_revalued(id) => continue,
            _ if is_known => format!("\"{id}\" was changed"),
            _ => match split_correction(id) {
                Some((of, _)) if ids_before.contains(of) || ids_after.contains(of) => {
                    format!("correction of \"{of}\"")
                }
                _ if *leg == Leg::Base => format!("new {} \"{id}\"", trade.side),
                _ => format!("new trade \"{id}\""),
            },
        };
        changes.push(((*id, *leg), trade.order_time, what));
    }
    let corrected = ids_after
        .iter()
        .filter_map(|id| Some(split_correction(id)?.0));
    let corrected: BTreeSet<&str> = corrected.collect();
    for ((id, leg), trade) in &before {
        if !after.contains_key(&(*id, *leg)) {
            let what = match corrected.contains(id) {
                true => format!("correction of \"{id}\""),
                false if ids_after.contains(*id) => format!("\"{id}\" was changed"),
                false => format!("\"{id}\" was voided, or is gone"),
            };
            changes.push(((*id, *leg), trade.order_time, what));
        }
    }
    changes.sort_by(|left, right| (left.1, left.0).cmp(&(right.1, right.0)));
    let mut found = Changes::default();
    for ((id, leg), at, what) in changes {
        let what = match leg {
            Leg::Base => what,
            leg => format!("the {leg} leg follows its trade: {what}"),
        };
        found.oldest.get_or_insert_with(|| (at, what.clone()));
        found.own.entry(id.to_owned()).or_insert(what);
    }
    found
}
