//! Checks of pools that transfers tie to others: I19, I20, and the walks of I2, I4 and I5.
//!
//! The walk follows all that happened in the pool, in the order in which the second matcher found
//! it. At each sell it takes the stored rows, at each withdrawal the stored moves.

use std::collections::BTreeMap;

use super::super::action::Split;
use super::super::ids::{Account, OrderId};
use super::super::leg::Leg;
use super::super::moves::LotMove;
use super::super::origin::MovedFrom;
use super::super::reference::{AccountMatching, Exact, Happened, stretch};
use super::super::side::Side;
use super::super::time::Timestamp;
use super::super::transfer::Transfer;
use super::evidence::{Evidence, NamedOrder, RowEvidence};
use super::shorts::add_overused;
use super::{Findings, Invariant};

/// A pool whose lots transfers move: what a version has stored, and the second matcher's result.
#[derive(Debug, Clone, Copy)]
pub struct MovedPool<'a> {
    /// The second matcher's result for the pool.
    pub expected: &'a AccountMatching,
    /// The transfers of the group, as the second matcher got them.
    pub transfers: &'a [Transfer],
    /// The stored moves out of the pool, in any order.
    pub moves: &'a [LotMove],
}

/// Adds the cost of what the stored moves took of each lot, by the places of the lots.
pub(super) fn add_costs_moved(
    evidence: &Evidence<'_>,
    moved: &MovedPool<'_>,
    add: &mut dyn FnMut(Option<usize>, Exact),
) {
    for stored in moved.moves {
        add(lot_of(evidence, stored), Exact::of_usd(stored.cost_usd));
    }
}

/// Returns the place of the lot of a move out of the pool.
fn lot_of(evidence: &Evidence<'_>, stored: &LotMove) -> Option<usize> {
    let account = &evidence.version.pool.account;
    let moved = stored.origin(account);
    let id = stored.buy_order_id.as_str();
    let key = (id, stored.buy_leg, moved.as_ref());
    evidence.name(key, Side::Buy, None).trade()
}

/// Checks the moves of a pool, and walks through it.
pub(super) fn check_transfers(
    evidence: &Evidence<'_>,
    moved: &MovedPool<'_>,
    findings: &mut Findings<'_>,
) {
    check_moves(evidence, moved, findings);
    check_arrivals(evidence, moved, findings);
    LotWalk::new(evidence, moved).all(moved, findings);
}

/// The withdrawal and the lot, which tell two moves out of one pool apart.
type MoveKey<'a> = (&'a str, &'a str, Leg, Option<&'a Account>, Option<&'a str>);

/// I19 and I20: the stored moves are those of the second matcher, at its costs.
fn check_moves(evidence: &Evidence<'_>, moved: &MovedPool<'_>, findings: &mut Findings<'_>) {
    let account = &evidence.version.pool.account;
    let mut expected: BTreeMap<MoveKey<'_>, (Exact, Exact, Timestamp)> = BTreeMap::new();
    for it in &moved.expected.moves {
        let transfer = moved.transfers.get(it.transfer);
        let (Some(transfer), Some(lot)) = (transfer, evidence.trade(it.lot)) else {
            continue;
        };
        let from = lot.entry.moved.as_deref();
        let key = (
            transfer.withdrawal.as_str(),
            lot.order_id.as_str(),
            lot.entry.leg,
            Some(from.and_then(|it| it.account.as_ref()).unwrap_or(account)),
            from.map(|it| it.movement.as_str()),
        );
        let (size, cost) = (Exact::of_size(it.size), Exact::of_usd(it.cost_usd));
        expected.insert(key, (size, cost, lot.order_time));
    }
    for it in moved.moves {
        let key = (
            it.withdrawal.as_str(),
            it.buy_order_id.as_str(),
            it.buy_leg,
            Some(&it.buy_account),
            it.buy_movement.as_ref().map(OrderId::as_str),
        );
        let withdrawal = it.withdrawal.as_str();
        let Some((size, cost, bought)) = expected.remove(&key) else {
            let message = format!(
                "a move of lot \"{}\", expected none, or one",
                it.buy_order_id
            );
            findings.add(Invariant::I19, withdrawal, message);
            continue;
        };
        if Exact::of_size(it.size) != size {
            let message = format!(
                "\"{}\" of lot \"{}\" moved, expected \"{}\"",
                it.size,
                it.buy_order_id,
                size.size_text()
            );
            findings.add(Invariant::I19, withdrawal, message);
        }
        if Exact::of_usd(it.cost_usd) != cost {
            let message = format!(
                "lot \"{}\" took a cost of \"{}\" along, expected \"{}\"",
                it.buy_order_id,
                it.cost_usd,
                cost.usd_text()
            );
            findings.add(Invariant::I20, withdrawal, message);
        }
        check_time(it, bought, findings);
        check_ends(it, moved, findings);
    }
    for ((withdrawal, buy, ..), (size, ..)) in expected {
        let message = format!(
            "no move of lot \"{buy}\", expected \"{}\"",
            size.size_text()
        );
        findings.add(Invariant::I19, withdrawal, message);
    }
}

/// I9: a lot that moves has the time of its first acquisition.
fn check_time(stored: &LotMove, bought: Timestamp, findings: &mut Findings<'_>) {
    if stored.buy_time != bought {
        let message = format!(
            "lot \"{}\" was bought at \"{}\", expected \"{bought}\"",
            stored.buy_order_id, stored.buy_time
        );
        findings.add(Invariant::I9, stored.withdrawal.as_str(), message);
    }
}

/// I9: a move goes from one end of its transfer to the other.
fn check_ends(stored: &LotMove, moved: &MovedPool<'_>, findings: &mut Findings<'_>) {
    let mut transfers = moved.transfers.iter();
    let is_known = transfers.any(|it| {
        (&it.from, &it.withdrawal) == (&stored.from, &stored.withdrawal)
            && (&it.to, &it.deposit) == (&stored.to, &stored.deposit)
            && it.asset == stored.asset
    });
    if !is_known {
        let message = format!(
            "lots moved to deposit \"{}\" of \"{}\", expected a transfer between both",
            stored.deposit, stored.to
        );
        findings.add(Invariant::I9, stored.withdrawal.as_str(), message);
    }
}

/// I4: a lot is sold after it has arrived.
fn check_arrivals(evidence: &Evidence<'_>, moved: &MovedPool<'_>, findings: &mut Findings<'_>) {
    let account = &evidence.version.pool.account;
    let received = moved.transfers.iter().filter(|it| it.to == *account);
    let arrived_at: BTreeMap<&OrderId, Timestamp> = received
        .map(|it| (&it.deposit, it.received_at.max(it.sent_at)))
        .collect();
    for row in &evidence.rows {
        let trade = |named: NamedOrder| named.trade().and_then(|index| evidence.trade(index));
        let (Some(sell), Some(lot)) = (trade(row.sell), trade(row.buy)) else {
            continue;
        };
        let deposit = lot.entry.moved.as_deref().map(|moved| &moved.movement);
        let arrived_at = deposit.and_then(|deposit| arrived_at.get(deposit));
        if let Some(arrived_at) = arrived_at.filter(|it| **it > sell.order_time) {
            let message = format!(
                "uses lot \"{}\", which arrived at \"{arrived_at}\", expected one not after \"{}\"",
                lot.order_id, sell.order_time
            );
            findings.add(Invariant::I4, sell.order_id.as_str(), message);
        }
    }
}

/// The lots of a pool at one moment, by their places.
struct LotWalk<'a> {
    evidence: &'a Evidence<'a>,
    lots: BTreeMap<usize, LotRest>,
    rows: BTreeMap<usize, Vec<(usize, &'a RowEvidence<'a>)>>,
    /// Stored moves by withdrawal, each with the place of its lot.
    moves: BTreeMap<&'a OrderId, Vec<(usize, &'a LotMove)>>,
}

struct LotRest {
    index: usize,
    size: Exact,
    left: Exact,
    /// A row that skipped the lot was reported.
    is_reported: bool,
}

impl<'a> LotWalk<'a> {
    fn new(evidence: &'a Evidence<'a>, moved: &MovedPool<'a>) -> Self {
        let mut rows: BTreeMap<usize, Vec<(usize, &RowEvidence<'_>)>> = BTreeMap::new();
        for row in &evidence.rows {
            if let Some(sell) = row.sell.trade() {
                let (_, buy) = evidence.key(sell, row.buy.trade());
                rows.entry(sell).or_default().push((buy, row));
            }
        }
        for rows in rows.values_mut() {
            rows.sort_by_key(|(buy, _)| *buy);
        }
        let mut moves: BTreeMap<&OrderId, Vec<(usize, &LotMove)>> = BTreeMap::new();
        for stored in moved.moves {
            if let Some(lot) = lot_of(evidence, stored) {
                let of_withdrawal = moves.entry(&stored.withdrawal).or_default();
                of_withdrawal.push((evidence.place(lot), stored));
            }
        }
        for moves in moves.values_mut() {
            moves.sort_by_key(|(lot, _)| *lot);
        }
        Self {
            evidence,
            lots: BTreeMap::new(),
            rows,
            moves,
        }
    }

    fn all(mut self, moved: &MovedPool<'_>, findings: &mut Findings<'_>) {
        for happened in &moved.expected.happened {
            match *happened {
                Happened::Split(split) => self.split(&split, findings),
                Happened::Came(index) => self.add(index),
                Happened::Left(transfer) => self.leave(moved, transfer, findings),
                Happened::Traded(index) => match self.evidence.trade(index).map(|it| it.side) {
                    Some(Side::Buy) => self.add(index),
                    Some(Side::Sell) => self.sell(index, findings),
                    None => {}
                },
            }
        }
        self.settle(findings);
    }

    fn add(&mut self, index: usize) {
        let size = self.evidence.size(index).clone();
        let lot = LotRest {
            index,
            left: size.clone(),
            size,
            is_reported: false,
        };
        self.lots.insert(self.evidence.place(index), lot);
    }

    fn sell(&mut self, index: usize, findings: &mut Findings<'_>) {
        for (place, row) in self.rows.remove(&index).unwrap_or_default() {
            let used = match &row.stored.buy_order_id {
                Some(buy) => format!("uses buy \"{buy}\""),
                None => "is unmatched".to_owned(),
            };
            let sell = row.stored.sell_order_id.as_str();
            self.take(place, &row.size, (sell, &used), findings);
        }
    }

    fn leave(&mut self, moved: &MovedPool<'_>, transfer: usize, findings: &mut Findings<'_>) {
        let Some(transfer) = moved.transfers.get(transfer) else {
            return;
        };
        let moves = self.moves.remove(&transfer.withdrawal);
        for (place, it) in moves.unwrap_or_default() {
            let used = format!("moves lot \"{}\"", it.buy_order_id);
            let size = Exact::of_size(it.size);
            self.take(place, &size, (it.withdrawal.as_str(), &used), findings);
        }
    }

    /// I5: no lot is used while an older one has something left. Then uses the lot.
    fn take(
        &mut self,
        place: usize,
        size: &Exact,
        (order_id, used): (&str, &str),
        findings: &mut Findings<'_>,
    ) {
        let mut older = self.lots.range_mut(..place);
        let skipped = older.find(|(_, lot)| lot.left > Exact::ZERO && !lot.is_reported);
        if let Some((_, lot)) = skipped
            && let Some(buy) = self.evidence.trade(lot.index)
        {
            let message = format!(
                "{used} while the older buy \"{}\" had \"{}\" left, expected \"0\"",
                buy.order_id,
                lot.left.size_text()
            );
            findings.add(Invariant::I5, order_id, message);
            lot.is_reported = true;
        }
        if let Some(lot) = self.lots.get_mut(&place) {
            lot.left = lot.left.minus(size);
            if lot.left == Exact::ZERO {
                self.lots.remove(&place);
            }
        }
    }

    fn split(&mut self, split: &Split, findings: &mut Findings<'_>) {
        self.settle(findings);
        let rests: Vec<Exact> = self.lots.values().map(|lot| lot.left.clone()).collect();
        // If wrong rows leave sizes without a usual ratio, I6 reports these rows.
        let sizes = stretch(split, &rests).unwrap_or_default();
        for (lot, size) in self.lots.values_mut().zip(sizes) {
            (lot.size, lot.left) = (size.clone(), size);
        }
    }

    /// I2: reports lots that are used beyond their size, and uses them up.
    fn settle(&mut self, findings: &mut Findings<'_>) {
        for lot in self.lots.values_mut().filter(|it| it.left < Exact::ZERO) {
            if let Some(buy) = self.evidence.trade(lot.index) {
                let used = lot.size.minus(&lot.left);
                add_overused(buy, (&used, &lot.size), findings);
            }
            lot.left = Exact::ZERO;
        }
        self.lots.retain(|_, lot| lot.left > Exact::ZERO);
    }
}

/// Names the lot of a row, if it came from another account.
pub(super) fn origin_of(moved: Option<&MovedFrom>) -> String {
    let Some(moved) = moved else {
        return String::new();
    };
    match &moved.account {
        Some(account) => format!(" of \"{account}\", moved by \"{}\"", moved.movement),
        None => format!(", moved by \"{}\"", moved.movement),
    }
}
