//! Pairing: the withdrawals and deposits that make transfers. A pure function of the movements, of
//! what a person decided, and of the settings.
//!
//! A decision of a person wins. Then an equal transaction makes a pair, then an equal size within
//! three days. Each movement is in one transfer at most, and a pair that only may be right is
//! proposed. The order of the movements changes nothing. Read next: `pairing/halves.rs` (what can
//! be half of a transfer), `pairing/candidates.rs` (the search, in n log n).

mod candidates;
mod halves;
mod pairs;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::assets::AssetRules;
use super::ids::{Account, Asset, OrderId};
use super::movement::Movement;
use super::time::Timestamp;
use super::transfer::Transfer;
use candidates::{Lists, Window, is_far_less};
use halves::{Half, digits};
pub use halves::{NoPair, NoPart, NoTransfer, transfer_of, units_moved, units_received};
pub use pairs::{
    Alone, AloneWhy, DecisionKind, MovementKey, Paired, PairedBy, Pairing, Proposed, ProposedWhy,
    TransferDecision,
};

/// A deposit that a rule pairs comes at most this much later. Units: microseconds; 72 hours.
const NEAR_MICROS_MAX: i64 = 72 * 3_600 * 1_000_000;

/// A deposit that is proposed comes at most this much later. Units: microseconds; 30 days.
const FAR_MICROS_MAX: i64 = 30 * 24 * 3_600 * 1_000_000;

/// A size with fewer significant digits proves nothing: 100 units leave and come every day.
const DIGITS_MIN: usize = 6;

/// Pairs movements. Order: `decisions` stand as they arrived; `movements` in any order.
pub fn pair(movements: &[Movement], decisions: &[TransferDecision], rules: &AssetRules) -> Pairing {
    let mut finder = Finder::new(movements, rules);
    finder.decide(decisions);
    finder.pair_by_tx();
    finder.pair_by_size();
    finder.propose_apart();
    finder.propose_less();
    finder.note_earlier();
    finder.into_pairing()
}

/// The search, step by step.
struct Finder<'m> {
    /// In the order of time, account and id.
    parts: Vec<Half<'m>>,
    /// Movements that can be no part of a transfer.
    others: Vec<Alone>,
    is_taken: Vec<bool>,
    /// Withdrawals and deposits that a person set apart.
    apart: BTreeSet<(usize, usize)>,
    /// Parts that a person says trades have.
    booked: BTreeSet<usize>,
    /// Something that was seen about a part, in case it stays alone.
    notes: BTreeMap<usize, AloneWhy>,
    transfers: Vec<Paired>,
    proposed: Vec<Proposed>,
}

impl<'m> Finder<'m> {
    fn new(movements: &'m [Movement], rules: &AssetRules) -> Self {
        let (mut parts, mut others) = (Vec::new(), Vec::new());
        for movement in movements {
            match Half::of(movement, rules) {
                Ok(part) => parts.push(part),
                Err(why) => others.push(Alone {
                    movement: movement.clone(),
                    asset: rules.asset_named(movement.asset.as_str()),
                    why: AloneWhy::NoPart(why),
                }),
            }
        }
        parts.sort_by(|left, right| order_of(left.row).cmp(&order_of(right.row)));
        Self {
            is_taken: vec![false; parts.len()],
            parts,
            others,
            apart: BTreeSet::new(),
            booked: BTreeSet::new(),
            notes: BTreeMap::new(),
            transfers: Vec::new(),
            proposed: Vec::new(),
        }
    }

    fn is_free(&self, part: usize) -> bool {
        self.is_taken.get(part) == Some(&false)
    }

    fn take(&mut self, (out, into): (usize, usize)) {
        for part in [out, into] {
            if let Some(taken) = self.is_taken.get_mut(part) {
                *taken = true;
            }
        }
    }

    /// Returns the transfer that two parts make.
    fn transfer(&self, (out, into): (usize, usize)) -> Option<Result<Transfer, NoPair>> {
        let (out, into) = (self.parts.get(out)?, self.parts.get(into)?);
        Some(out.transfer_to(into))
    }

    fn key(&self, part: usize) -> Option<MovementKey> {
        self.parts.get(part).map(|part| MovementKey::of(part.row))
    }

    /// Notes why a part may stay alone. The first note stays.
    fn note(&mut self, part: usize, why: AloneWhy) {
        self.notes.entry(part).or_insert(why);
    }

    /// Notes that two parts can't make a transfer.
    fn note_both(&mut self, (one, other): (usize, usize), why: impl Fn(MovementKey) -> AloneWhy) {
        for (part, beside) in [(one, other), (other, one)] {
            if let Some(key) = self.key(beside) {
                self.note(part, why(key));
            }
        }
    }

    /// Makes a pair count, unless the two can't make a transfer.
    fn accept(&mut self, pair: (usize, usize), by: PairedBy) {
        match self.transfer(pair) {
            Some(Ok(transfer)) => {
                self.take(pair);
                self.transfers.push(Paired { transfer, by });
            }
            Some(Err(why)) => self.note_both(pair, |key| AloneWhy::NoPair(key, why)),
            None => {}
        }
    }

    fn propose(&mut self, pair: (usize, usize), why: ProposedWhy) {
        if let Some(Ok(transfer)) = self.transfer(pair) {
            self.take(pair);
            self.proposed.push(Proposed { transfer, why });
        }
    }

    /// Takes a person's decisions. If two decisions pair one movement, the later one counts.
    fn decide(&mut self, decisions: &[TransferDecision]) {
        let place = |(at, part): (usize, &Half<'m>)| (MovementKey::of(part.row), at);
        let places: BTreeMap<MovementKey, usize> =
            self.parts.iter().enumerate().map(place).collect();
        let (mut said, mut said_of_one) = (BTreeSet::new(), BTreeSet::new());
        for decision in decisions.iter().rev() {
            let of = |key: &MovementKey| places.get(key).copied();
            if decision.kind.is_of_one() {
                let key = &decision.withdrawal;
                let is_booked = decision.kind == DecisionKind::Booked;
                if said_of_one.insert(key.clone()) && is_booked {
                    self.book(key, of(key));
                }
                continue;
            }
            let (Some(out), Some(into)) = (of(&decision.withdrawal), of(&decision.deposit)) else {
                continue;
            };
            let pair = (out, into);
            if !said.insert(pair) {
                continue;
            }
            match decision.kind {
                DecisionKind::Unpair => {
                    self.apart.insert(pair);
                }
                DecisionKind::Pair if self.is_free(out) && self.is_free(into) => {
                    self.accept(pair, PairedBy::Person);
                }
                _ => {}
            }
        }
        for pair in self.apart.clone() {
            self.note_both(pair, AloneWhy::Unpaired);
        }
    }

    /// Sets a movement apart from all others: trades have it. A later pair wins.
    fn book(&mut self, key: &MovementKey, part: Option<usize>) {
        match part {
            Some(part) if self.is_free(part) => {
                if let Some(taken) = self.is_taken.get_mut(part) {
                    *taken = true;
                }
                self.booked.insert(part);
            }
            Some(_) => {}
            None => {
                let is_it = |it: &&mut Alone| {
                    let is_kind = it.why == AloneWhy::NoPart(NoPart::Kind);
                    is_kind && MovementKey::of(&it.movement) == *key
                };
                if let Some(other) = self.others.iter_mut().find(is_it) {
                    other.why = AloneWhy::Booked;
                }
            }
        }
    }

    /// Pairs the one withdrawal and the one deposit of a transaction.
    fn pair_by_tx(&mut self) {
        let mut by_tx: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (at, part) in self.parts.iter().enumerate() {
            if let Some(tx) = part.tx.as_deref().filter(|_| self.is_free(at)) {
                by_tx.entry(tx).or_default().push(at);
            }
        }
        let groups: Vec<Vec<usize>> = by_tx.into_values().filter(|of| of.len() > 1).collect();
        for group in groups {
            for of_asset in self.by_asset(&group) {
                self.pair_one_of_each(&of_asset);
            }
            let left: Vec<usize> = group.into_iter().filter(|at| self.is_free(*at)).collect();
            match *left {
                [one, other] => self.note_no_pair(one, other),
                _ => left
                    .into_iter()
                    .for_each(|part| self.note(part, AloneWhy::SharedTx)),
            }
        }
    }

    /// Groups the parts of a transaction by their assets.
    fn by_asset(&self, group: &[usize]) -> Vec<Vec<usize>> {
        let mut by_asset: BTreeMap<&Asset, Vec<usize>> = BTreeMap::new();
        for at in group {
            if let Some(part) = self.parts.get(*at) {
                by_asset.entry(&part.asset).or_default().push(*at);
            }
        }
        by_asset.into_values().collect()
    }

    fn pair_one_of_each(&mut self, of_asset: &[usize]) {
        let is_out = |at: &usize| self.parts.get(*at).is_some_and(Half::is_out);
        let (outs, ins): (Vec<usize>, Vec<usize>) = of_asset.iter().partition(|at| is_out(at));
        if let ([out], [into]) = (&*outs, &*ins)
            && !self.apart.contains(&(*out, *into))
        {
            let pair = (*out, *into);
            match self.transfer(pair) {
                // A network takes no such part: a deposit may be missing, or a digit.
                Some(Ok(it)) if is_far_less(it.received, it.sent) => {
                    self.propose(pair, ProposedWhy::LessArrived);
                }
                _ => self.accept(pair, PairedBy::TxId),
            }
        }
    }

    /// Notes why the last two parts of a transaction make no transfer, if they go opposite ways.
    fn note_no_pair(&mut self, one: usize, other: usize) {
        for pair in [(one, other), (other, one)] {
            match self.transfer(pair) {
                Some(Err(NoPair::SameWay)) => {}
                Some(Err(why)) => {
                    self.note_both(pair, |key| AloneWhy::NoPair(key, why));
                    return;
                }
                _ => {}
            }
        }
    }

    /// Pairs and proposes what has one size and comes within 72 hours.
    fn pair_by_size(&mut self) {
        let near = Window(0, NEAR_MICROS_MAX);
        for pair in self.only_fits(near, |_| true) {
            match self.doubt(pair) {
                None => self.accept(pair, PairedBy::Size),
                Some(why) => self.propose(pair, why),
            }
        }
    }

    /// Returns why an equal size does not prove a pair.
    fn doubt(&self, (out, into): (usize, usize)) -> Option<ProposedWhy> {
        let (out, into) = (self.parts.get(out)?, self.parts.get(into)?);
        let is_other = |(one, other)| one != other;
        if out.tx.as_ref().zip(into.tx.as_ref()).is_some_and(is_other) {
            return Some(ProposedWhy::OtherTx);
        }
        (digits(into.units) < DIGITS_MIN).then_some(ProposedWhy::FewDigits)
    }

    /// Proposes what has one size with enough digits, and comes within 30 days.
    fn propose_apart(&mut self) {
        let is_telling = |part: &Half<'_>| digits(part.units) >= DIGITS_MIN;
        let far = Window(NEAR_MICROS_MAX.saturating_add(1), FAR_MICROS_MAX);
        for pair in self.only_fits(far, is_telling) {
            self.propose(pair, ProposedWhy::Apart);
        }
    }

    /// Proposes deposits of a little less than was sent, within 72 hours.
    fn propose_less(&mut self) {
        let lists = Lists::by_asset(&self.parts, self.undecided(|_| true));
        let fits = |at| lists.a_little_less(at, Window(0, NEAR_MICROS_MAX), &self.apart);
        let found = self.mutual(fits);
        for pair in self.settle(found) {
            self.propose(pair, ProposedWhy::LessArrived);
        }
    }

    /// Notes deposits of one size that came up to 72 hours before the withdrawal.
    fn note_earlier(&mut self) {
        let lists = Lists::by_size(&self.parts, self.undecided(|_| true));
        let before = Window(NEAR_MICROS_MAX.saturating_neg(), -1);
        let fits = |at| lists.equal(at, before, &self.apart);
        let free = (0..self.parts.len()).filter(|at| self.is_free(*at));
        let found: Vec<(usize, Option<usize>)> =
            free.map(|at| (at, fits(at).first().copied())).collect();
        for (at, other) in found {
            if let Some(key) = other.and_then(|other| self.key(other)) {
                self.note(at, AloneWhy::Earlier(key));
            }
        }
    }

    /// Returns the parts that are in no pair, and that fit no other part so far.
    fn undecided(&self, is_wanted: impl Fn(&Half<'m>) -> bool) -> Vec<usize> {
        let several = |at: &usize| matches!(self.notes.get(at), Some(AloneWhy::Several(_)));
        let parts = self.parts.iter().enumerate();
        let wanted = parts.filter(|(_, part)| is_wanted(part)).map(|(at, _)| at);
        wanted
            .filter(|at| self.is_free(*at) && !several(at))
            .collect()
    }

    /// Returns the pairs of one size in a window in which each is the other's only fit.
    fn only_fits(
        &mut self,
        window: Window,
        is_wanted: impl Fn(&Half<'m>) -> bool,
    ) -> Vec<(usize, usize)> {
        let lists = Lists::by_size(&self.parts, self.undecided(is_wanted));
        let found = self.mutual(|at| lists.equal(at, window, &self.apart));
        self.settle(found)
    }

    /// Returns the parts that fit each part.
    fn mutual(&self, fits: impl Fn(usize) -> Vec<usize>) -> BTreeMap<usize, Vec<usize>> {
        let of = (0..self.parts.len()).map(|at| (at, fits(at)));
        of.filter(|(_, fits)| !fits.is_empty()).collect()
    }

    /// Returns the pairs in which each is the other's only fit, and notes all others.
    fn settle(&mut self, found: BTreeMap<usize, Vec<usize>>) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for (at, fits) in &found {
            let only = match **fits {
                [only] if found.get(&only).is_some_and(|back| **back == [*at]) => only,
                _ => {
                    let keys = fits.iter().filter_map(|fit| self.key(*fit));
                    let keys = AloneWhy::Several(keys.collect());
                    self.notes.insert(*at, keys);
                    continue;
                }
            };
            if self.parts.get(*at).is_some_and(Half::is_out) {
                pairs.push((*at, only));
            }
        }
        pairs
    }

    fn into_pairing(mut self) -> Pairing {
        let alone = self.parts.iter().enumerate();
        let alone = alone.filter(|(at, _)| self.is_free(*at) || self.booked.contains(at));
        let alone = alone.map(|(at, part)| Alone {
            movement: part.row.clone(),
            asset: part.asset.clone(),
            why: match self.booked.contains(&at) {
                true => AloneWhy::Booked,
                false => self.notes.get(&at).cloned().unwrap_or(AloneWhy::Nothing),
            },
        });
        let mut alone: Vec<Alone> = alone.collect();
        alone.append(&mut self.others);
        alone.sort_by(|one, other| order_of(&one.movement).cmp(&order_of(&other.movement)));
        let order = |it: &Transfer| (it.sent_at, it.from.clone(), it.withdrawal.clone());
        self.transfers.sort_by_cached_key(|it| order(&it.transfer));
        self.proposed.sort_by_cached_key(|it| order(&it.transfer));
        Pairing {
            transfers: self.transfers,
            proposed: self.proposed,
            alone,
        }
    }
}

fn order_of(row: &Movement) -> (Timestamp, &Account, &OrderId) {
    (row.moved_at, &row.account, &row.movement_id)
}
