//! Lots that move: the pools of one asset that transfers tie together, in the order of time.
//!
//! A withdrawal takes the oldest open lots of the sending pool. In the receiving pool each is a lot
//! with its own time and cost, and its place is by its first acquisition. It can be sold only from
//! the time at which it arrived. Which units move depends on all earlier trades of the sending
//! pool, and on all that moved into it before. So all tied pools are walked through together.
//!
//! The walk finds for each pool what comes and what leaves. Each pool is then matched alone, with
//! these moves between its trades. Read it beside docs/SPEC-matching.md, "Transfers". The second
//! matcher has its own way: `reference/transfers.rs`.

mod senders;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::action::Split;
use super::changes::{Change, Moment, changes_of, stretches};
use super::ids::{Account, Pool};
use super::moves::{MoveChange, MovesRefused, PoolMove, PoolMoves, Rank};
use super::moving::as_received;
use super::place::cmp_ids;
use super::pool::{PoolLedger, Rejection};
use super::resume::rejection_of;
use super::stream::PoolStream;
use super::text::shown;
use super::time::Timestamp;
use super::trade::Trade;
use super::trades::Trades;
use super::transfer::Transfer;
use senders::next_to_send;

/// Pools that transfers tie together: all of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TiedPools {
    /// The pools.
    pub pools: BTreeSet<Pool>,
    /// The transfers between them, in the order in which they left.
    pub transfers: Vec<Arc<Transfer>>,
}

/// Returns the groups of pools that transfers tie together, also by way of others.
///
/// The transfers may come in any order.
pub fn tied_pools(transfers: &[Transfer]) -> Vec<TiedPools> {
    let mut groups: Vec<TiedPools> = Vec::new();
    let mut group_of: BTreeMap<Pool, usize> = BTreeMap::new();
    for transfer in transfers {
        let ends = [transfer.sending_pool(), transfer.receiving_pool()];
        let known = ends.each_ref().map(|pool| group_of.get(pool).copied());
        let place = known[0].or(known[1]).unwrap_or(groups.len());
        let mut joined = TiedPools {
            pools: ends.into_iter().collect(),
            transfers: vec![Arc::new(transfer.clone())],
        };
        if let [Some(_), Some(other)] = known
            && other != place
            && let Some(other) = groups.get_mut(other)
        {
            joined.pools.append(&mut other.pools);
            joined.transfers.append(&mut other.transfers);
        }
        group_of.extend(joined.pools.iter().map(|pool| (pool.clone(), place)));
        match groups.get_mut(place) {
            Some(group) => {
                group.pools.append(&mut joined.pools);
                group.transfers.append(&mut joined.transfers);
            }
            None => groups.push(joined),
        }
    }
    groups.retain(|group| !group.transfers.is_empty());
    for group in &mut groups {
        group.transfers.sort_by(|left, right| cmp_sent(left, right));
    }
    groups.sort_by(|left, right| left.pools.first().cmp(&right.pools.first()));
    groups
}

/// The order in which transfers leave: by time, account and id of the withdrawal.
fn cmp_sent(left: &Transfer, right: &Transfer) -> Ordering {
    let ids = || cmp_ids(left.withdrawal.as_str(), right.withdrawal.as_str());
    (left.sent_at, &left.from)
        .cmp(&(right.sent_at, &right.from))
        .then_with(ids)
        .then_with(|| left.cmp(right))
}

/// Finds what the transfers of a group do to each of its pools.
///
/// `ledger_of` returns the ledger of a pool that has trades. A pool that can't be matched moves
/// nothing, and the pools that it should have sent lots to are refused. So are those of a pool that
/// a person excluded, by [`PoolLedger::refuse_excluded`].
pub fn find_moves<'l>(
    group: &TiedPools,
    ledger_of: impl Fn(&Pool) -> Option<&'l PoolLedger>,
) -> BTreeMap<Pool, PoolMoves> {
    let steps = plan(&group.transfers);
    let mut wallets: BTreeMap<&Pool, Wallet> = BTreeMap::new();
    for pool in &group.pools {
        wallets.insert(pool, Wallet::open(pool, ledger_of(pool), &steps));
    }
    refuse_splits_between(&group.transfers, &mut wallets);
    let mut on_the_way: BTreeMap<usize, Vec<Trade>> = BTreeMap::new();
    for step in &steps {
        let Some(wallet) = wallets.get_mut(&step.pool) else {
            continue;
        };
        match step.is_arrival {
            false => {
                let lots = wallet.send(step);
                on_the_way.insert(step.nth, lots);
            }
            true => wallet.receive(step, on_the_way.remove(&step.nth).unwrap_or_default()),
        }
    }
    for wallet in wallets.values_mut() {
        wallet.run_until(None);
    }
    refuse_dependents(&group.transfers, &mut wallets);
    let found = wallets.into_iter();
    found
        .map(|(pool, wallet)| (pool.clone(), wallet.moves))
        .collect()
}

impl PoolLedger {
    /// Refuses the pool if lots may have come from a pool that a person excluded.
    pub fn refuse_excluded(&mut self, is_excluded: impl Fn(&Pool) -> bool) {
        let Some(moves) = &mut self.moves else {
            return;
        };
        let sender = moves.senders.iter().find(|pool| is_excluded(pool));
        if let Some(sender) = sender
            && !moves.is_refused()
        {
            let refused = MovesRefused::by_sender(sender, "excluded");
            Arc::make_mut(moves).refused = Some(refused);
        }
    }
}

/// One end of a transfer, at its place in the walk.
struct TransferEnd {
    pool: Pool,
    at: Timestamp,
    rank: Rank,
    is_arrival: bool,
    /// The place of the transfer in its group.
    nth: usize,
    transfer: Arc<Transfer>,
}

/// Puts the ends of all transfers in the order of time.
///
/// At one instant lots come into a pool before others leave it. So if lots arrive at the instant at
/// which they were sent, the sending account goes first. Accounts that send to each other in a ring
/// at one instant have no such order: the first of them by name sends first. What it gets
/// at this instant comes after that.
fn plan(transfers: &[Arc<Transfer>]) -> Vec<TransferEnd> {
    #[derive(Default)]
    struct AtInstant {
        arrivals: Vec<usize>,
        departures: BTreeMap<Account, Vec<usize>>,
    }
    let mut instants: BTreeMap<Timestamp, AtInstant> = BTreeMap::new();
    for (nth, it) in transfers.iter().enumerate() {
        let instant = instants.entry(it.sent_at).or_default();
        let from = instant.departures.entry(it.from.clone());
        from.or_default().push(nth);
        if it.arrives_at() != it.sent_at {
            let instant = instants.entry(it.arrives_at()).or_default();
            instant.arrivals.push(nth);
        }
    }
    let mut steps = Vec::with_capacity(transfers.len().saturating_mul(2));
    let mut step = |nth: usize, at, rank: Rank, is_arrival: bool| {
        if let Some(transfer) = transfers.get(nth).map(Arc::clone) {
            let pool = match is_arrival {
                true => transfer.receiving_pool(),
                false => transfer.sending_pool(),
            };
            steps.push(TransferEnd {
                pool,
                at,
                rank,
                is_arrival,
                nth,
                transfer,
            });
        }
    };
    for (at, instant) in instants {
        for nth in instant.arrivals {
            step(nth, at, Rank::Arrival, true);
        }
        let mut waiting = instant.departures;
        let mut gone: BTreeSet<Account> = BTreeSet::new();
        while let Some(from) = next_to_send(&waiting, transfers) {
            let departures = waiting.remove(&from).unwrap_or_default();
            gone.insert(from);
            for nth in &departures {
                step(*nth, at, Rank::Departure, false);
            }
            for nth in departures {
                let at_once = transfers.get(nth).filter(|it| it.arrives_at() == at);
                if let Some(transfer) = at_once {
                    let rank = match gone.contains(&transfer.to) {
                        true => Rank::LateArrival,
                        false => Rank::Arrival,
                    };
                    step(nth, at, rank, true);
                }
            }
        }
    }
    steps
}

/// A pool in the walk.
struct Wallet {
    pool: Pool,
    /// The pool without trades.
    nothing: PoolLedger,
    stream: PoolStream,
    /// Its trades, cut at its changes.
    stretches: std::vec::IntoIter<Trades>,
    /// Its splits between those cuts, and the places of its moves.
    cuts: std::vec::IntoIter<ChangeAt>,
    /// Why it sends nothing.
    blocked: Option<Blocked>,
    moves: PoolMoves,
}

/// A change that cuts a pool's trades.
#[derive(Clone)]
enum ChangeAt {
    Split(Split),
    Move(usize, bool),
}

/// Why a pool sends nothing.
enum Blocked {
    Rejected,
    /// No result of this pool would be right, and only the walk sees it.
    Refused(MovesRefused),
}

impl Wallet {
    fn open(pool: &Pool, ledger: Option<&PoolLedger>, steps: &[TransferEnd]) -> Self {
        let own = steps.iter().filter(|step| step.pool == *pool);
        let mut moves = PoolMoves::default();
        let mut cuts: Vec<(Moment, ChangeAt)> = Vec::new();
        let splits = ledger.map_or(&[][..], |ledger| &ledger.splits);
        for change in changes_of(splits, None) {
            if let Change::Split(split) = change {
                cuts.push((change.place(), ChangeAt::Split(*split)));
            }
        }
        for step in own {
            moves.transfers.push(Arc::clone(&step.transfer));
            cuts.push((
                (step.at, step.rank),
                ChangeAt::Move(step.nth, step.is_arrival),
            ));
        }
        cuts.sort_by_key(|(place, _)| *place);
        let places: Vec<Moment> = cuts.iter().map(|(place, _)| *place).collect();
        let empty = PoolLedger::new(pool.clone());
        let ledger = ledger.unwrap_or(&empty);
        let (cut, full) = match stretches(&ledger.trades, &places) {
            Ok(cut) => (cut, None),
            Err(error) => (Vec::new(), Some(Rejection::of_check(&error))),
        };
        let mut judged = ledger.without_trades();
        judged.invalid.clone_from(&ledger.invalid);
        judged.refused.clone_from(&ledger.refused);
        judged.unapplied.clone_from(&ledger.unapplied);
        judged.is_mixed = ledger.is_mixed;
        let rejected = rejection_of(&mut judged).or(full);
        let blocked = rejected.map(|_| Blocked::Rejected);
        Self {
            pool: pool.clone(),
            nothing: ledger.without_trades(),
            stream: PoolStream::default(),
            stretches: cut.into_iter(),
            cuts: cuts
                .into_iter()
                .map(|(_, cut)| cut)
                .collect::<Vec<_>>()
                .into_iter(),
            blocked,
            moves,
        }
    }

    /// Matches the trades before a step, or all that are left.
    fn run_until(&mut self, step: Option<&TransferEnd>) {
        if self.blocked.is_some() {
            return;
        }
        if let Err(rejection) = self.try_run_until(step) {
            self.blocked = Some(Blocked::Refused(refused(rejection)));
        }
    }

    fn try_run_until(&mut self, step: Option<&TransferEnd>) -> Result<(), Rejection> {
        for trades in self.stretches.by_ref() {
            if !trades.is_empty() {
                let mut stretch = self.nothing.clone();
                stretch.trades = trades;
                self.stream.add_stretch(stretch)?;
            }
            let Some(cut) = self.cuts.next() else {
                break;
            };
            match (cut, step) {
                (ChangeAt::Split(split), _) => self.stream.split(&split)?,
                (ChangeAt::Move(nth, is_arrival), Some(step)) => {
                    debug_assert_eq!((nth, is_arrival), (step.nth, step.is_arrival));
                    break;
                }
                // Each move has its step, and steps come in the order of the cuts.
                (ChangeAt::Move(..), None) => return Err(Rejection::of_check(&"a lost transfer")),
            }
        }
        Ok(())
    }

    /// Takes the oldest lots out of the pool.
    fn send(&mut self, step: &TransferEnd) -> Vec<Trade> {
        self.run_until(Some(step));
        if self.blocked.is_some() {
            return Vec::new();
        }
        match self.stream.leave(&self.pool, &step.transfer) {
            Ok(lots) => {
                self.note(step, MoveChange::Left(Arc::clone(&step.transfer)));
                lots
            }
            Err(error) => {
                self.blocked = Some(Blocked::Refused(refused(Rejection::of_check(&error))));
                Vec::new()
            }
        }
    }

    /// Puts lots into the pool.
    fn receive(&mut self, step: &TransferEnd, lots: Vec<Trade>) {
        self.run_until(Some(step));
        if self.blocked.is_some() {
            return;
        }
        let come = as_received(&step.transfer, lots).and_then(|lots| {
            self.stream.come(lots.clone())?;
            Ok(lots)
        });
        match come {
            Ok(lots) => self.note(step, MoveChange::Came(lots)),
            Err(error) => {
                self.blocked = Some(Blocked::Refused(refused(Rejection::of_check(&error))))
            }
        }
    }

    fn note(&mut self, step: &TransferEnd, change: MoveChange) {
        let (at, rank) = (step.at, step.rank);
        self.moves.moves.push(PoolMove { at, rank, change });
    }
}

/// Refuses both pools of a transfer if a split lies between: nobody says which units were sent.
fn refuse_splits_between(transfers: &[Arc<Transfer>], wallets: &mut BTreeMap<&Pool, Wallet>) {
    for it in transfers {
        let ends = [it.sending_pool(), it.receiving_pool()];
        let is_between = |at: Timestamp| at > it.sent_at && at <= it.arrives_at();
        let split = ends.iter().find_map(|pool| {
            let cuts = wallets.get(pool)?.cuts.as_slice();
            cuts.iter().find_map(|cut| match cut {
                ChangeAt::Split(split) if is_between(split.happened_at) => Some(*split),
                _ => None,
            })
        });
        let Some(split) = split else {
            continue;
        };
        for pool in &ends {
            if let Some(wallet) = wallets.get_mut(pool)
                && wallet.blocked.is_none()
            {
                let reason = format!(
                    "{split} lies between the withdrawal {} of {} and its deposit, expected a \
                     transfer before or after it",
                    shown(it.withdrawal.as_str()).quoted(),
                    shown(it.from.as_str()).quoted()
                );
                wallet.blocked = Some(Blocked::Refused(MovesRefused::of_transfer(reason)));
            }
        }
    }
}

/// Refuses the pools that should have got lots from a pool without a result.
fn refuse_dependents(transfers: &[Arc<Transfer>], wallets: &mut BTreeMap<&Pool, Wallet>) {
    loop {
        let mut refused: BTreeMap<Pool, MovesRefused> = BTreeMap::new();
        for it in transfers {
            let (from, to) = (it.sending_pool(), it.receiving_pool());
            let is_open = |pool: &Pool| wallets.get(pool).is_some_and(|it| it.blocked.is_none());
            if !is_open(&from) && is_open(&to) && !refused.contains_key(&to) {
                refused.insert(to, MovesRefused::by_sender(&from, "rejected"));
            }
        }
        if refused.is_empty() {
            break;
        }
        for (pool, rejection) in refused {
            if let Some(wallet) = wallets.get_mut(&pool) {
                wallet.blocked = Some(Blocked::Refused(rejection));
            }
        }
    }
    let senders = senders_of(transfers);
    for (pool, wallet) in wallets.iter_mut() {
        wallet.moves.senders = senders.get(*pool).cloned().unwrap_or_default();
        if let Some(Blocked::Refused(rejection)) = &wallet.blocked {
            wallet.moves.refused = Some(rejection.clone());
        }
        if wallet.blocked.is_some() {
            wallet.moves.moves = Vec::new();
        }
    }
}

/// Returns the pools from which lots may come to each pool, also by way of others.
fn senders_of(transfers: &[Arc<Transfer>]) -> BTreeMap<Pool, BTreeSet<Pool>> {
    let ends = transfers.iter();
    let ends = ends.map(|it| (it.sending_pool(), it.receiving_pool()));
    let ends: BTreeSet<(Pool, Pool)> = ends.collect();
    let mut senders: BTreeMap<Pool, BTreeSet<Pool>> = BTreeMap::new();
    loop {
        let mut has_grown = false;
        for (from, to) in &ends {
            let mut all = senders.get(from).cloned().unwrap_or_default();
            all.insert(from.clone());
            let known = senders.entry(to.clone()).or_default();
            let before = known.len();
            known.append(&mut all);
            has_grown |= known.len() > before;
        }
        if !has_grown {
            return senders;
        }
    }
}

/// Refuses a pool that the walk could not match.
fn refused(rejection: Rejection) -> MovesRefused {
    let Rejection {
        issue,
        reason,
        invalid,
        ..
    } = rejection;
    MovesRefused {
        issue,
        reason,
        invalid,
    }
}

#[cfg(test)]
mod tests;
