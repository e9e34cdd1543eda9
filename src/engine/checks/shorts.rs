//! Checks of pools that may go short, and I21: no other pool has a short row or a short lot.
//!
//! A lot of such a pool may be of a buy or of a sell. All lots of one side are used in their order,
//! and a row uses the oldest buy and the oldest sell. So the walk of I1, I2 and I5 has a list of
//! each side.

use std::collections::BTreeMap;

use super::super::action::Split;
use super::super::direction::LotDirection;
use super::super::reference::{Exact, ReferenceMatching, TradeAmounts, stretch};
use super::super::side::Side;
use super::super::trade::Trade;
use super::evidence::{Evidence, NamedOrder, RowEvidence};
use super::{Findings, Invariant};

/// I21: an account that may not go short has no short row and no short lot.
pub(super) fn check_no_shorts(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    if evidence.is_signed() {
        return;
    }
    for row in &evidence.rows {
        if row.stored.direction.is_short() {
            let message = format!("row {} is short, expected a long one", row.stored.id);
            findings.add(Invariant::I21, row.stored.sell_order_id.as_str(), message);
        }
    }
    for lot in evidence.version.open_lots {
        if lot.direction.is_short() {
            let message = "the open lot is short, expected none".to_owned();
            findings.add(Invariant::I21, lot.buy_order_id.as_str(), message);
        }
    }
}

/// A trade, and how much of it is left after the rows up to now.
struct Left {
    index: usize,
    place: usize,
    /// Size of the whole trade, as the last split left it.
    size: Exact,
    left: Exact,
}

/// The trades of one side in order; all before the oldest one are used up.
struct SideWalk {
    side: Side,
    trades: Vec<Left>,
    oldest: usize,
}

impl SideWalk {
    fn of(evidence: &Evidence<'_>, side: Side) -> Self {
        let trades = evidence.of_side(side).map(|(index, _)| Left {
            index,
            place: evidence.place(index),
            size: evidence.size(index).clone(),
            left: evidence.size(index).clone(),
        });
        Self {
            side,
            trades: trades.collect(),
            oldest: 0,
        }
    }

    /// Returns the oldest trade with something left, if it comes before a place.
    fn skipped(&mut self, before: usize) -> Option<&Left> {
        while self
            .trades
            .get(self.oldest)
            .is_some_and(|it| it.left <= Exact::ZERO)
        {
            self.oldest = self.oldest.saturating_add(1);
        }
        self.trades.get(self.oldest).filter(|it| it.place < before)
    }

    fn take(&mut self, place: usize, size: &Exact) {
        if let Ok(at) = self.trades.binary_search_by_key(&place, |it| it.place)
            && let Some(trade) = self.trades.get_mut(at)
        {
            trade.left = trade.left.minus(size);
        }
    }

    /// I1 and I2: reports trades that are used beyond their size, and uses them up.
    fn settle(&mut self, evidence: &Evidence<'_>, held: usize, findings: &mut Findings<'_>) {
        for it in self.trades.iter_mut().take(held) {
            if it.left >= Exact::ZERO {
                continue;
            }
            let Some(trade) = evidence.trade(it.index) else {
                continue;
            };
            let used = it.size.minus(&it.left);
            match self.side {
                Side::Buy => add_overused(trade, (&used, &it.size), findings),
                Side::Sell => add_oversold(trade, (&used, &it.size), findings),
            }
            it.left = Exact::ZERO;
        }
    }

    /// Gives what is left of the trades before a split the sizes after it.
    fn split(&mut self, evidence: &Evidence<'_>, split: &Split, findings: &mut Findings<'_>) {
        let is_held = |it: &Left| {
            let trade = evidence.trade(it.index);
            trade.is_some_and(|trade| trade.order_time < split.happened_at)
        };
        let held = self.trades.partition_point(is_held);
        self.settle(evidence, held, findings);
        let Some(trades) = self.trades.get_mut(..held) else {
            return;
        };
        let rests: Vec<Exact> = trades.iter().map(|it| it.left.clone()).collect();
        // If wrong rows leave sizes without a usual ratio, I6 reports these rows.
        let sizes = stretch(split, &rests).unwrap_or_default();
        for (it, size) in trades.iter_mut().zip(sizes) {
            (it.size, it.left) = (size.clone(), size);
        }
    }
}

/// Adds a violation of I2.
pub(super) fn add_overused(
    buy: &Trade,
    (used, size): (&Exact, &Exact),
    findings: &mut Findings<'_>,
) {
    let message = format!(
        "\"{}\" of the lot is used, expected at most \"{}\"",
        used.size_text(),
        size.size_text()
    );
    findings.add(Invariant::I2, buy.order_id.as_str(), message);
}

/// Adds a violation of I1: a sell of a pool that may go short. What is left of it is an open lot.
fn add_oversold(sell: &Trade, (used, size): (&Exact, &Exact), findings: &mut Findings<'_>) {
    let message = format!(
        "allocated sizes add up to \"{}\", expected at most \"{}\"",
        used.size_text(),
        size.size_text()
    );
    findings.add(Invariant::I1, sell.order_id.as_str(), message);
}

/// I1, I2 and I5 of a pool that may go short: no trade is used beyond its size, and none while an
/// older one of its side has something left.
pub(super) fn check_signed(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let mut walks = [Side::Buy, Side::Sell].map(|side| SideWalk::of(evidence, side));
    let mut rows: Vec<((usize, usize), &RowEvidence<'_>)> = Vec::new();
    for row in &evidence.rows {
        match (row.sell, row.buy) {
            (NamedOrder::Trade(sell), NamedOrder::Trade(_)) => {
                rows.push((evidence.key(sell, row.buy.trade()), row));
            }
            (NamedOrder::Trade(sell), NamedOrder::Nothing) => {
                let sell = evidence.trade(sell);
                let sell = sell.map_or("", |sell| sell.order_id.as_str());
                let message = "an unmatched part, expected an open short lot".to_owned();
                findings.add(Invariant::I1, sell, message);
            }
            // Nobody knows when an unknown trade used the lot, so its part is taken off first.
            (sell, buy) => {
                let [buys, sells] = &mut walks;
                for (walk, named) in [(buys, buy), (sells, sell)] {
                    if let Some(index) = named.trade() {
                        walk.take(evidence.place(index), &row.size);
                    }
                }
            }
        }
    }
    rows.sort_by_key(|(key, _)| *key);
    let mut later = evidence.splits().iter().peekable();
    for ((sell, buy), row) in rows {
        let time = |named: NamedOrder| Some(evidence.trade(named.trade()?)?.order_time);
        let closed_at = time(row.sell).max(time(row.buy));
        while let Some(split) = later.next_if(|split| closed_at >= Some(split.happened_at)) {
            for walk in &mut walks {
                walk.split(evidence, split, findings);
            }
        }
        for (walk, place) in walks.iter_mut().zip([buy, sell]) {
            report_skipped(evidence, (walk, place), row, findings);
            walk.take(place, &row.size);
        }
    }
    for split in later {
        for walk in &mut walks {
            walk.split(evidence, split, findings);
        }
    }
    for walk in &mut walks {
        walk.settle(evidence, usize::MAX, findings);
    }
    let [_, sells] = walks;
    check_rests(evidence, &sells, findings);
}

/// I1: what the rows leave of a sell is an open lot.
fn check_rests(evidence: &Evidence<'_>, sells: &SideWalk, findings: &mut Findings<'_>) {
    let Ok(matching) = &evidence.matching else {
        return;
    };
    let lots = matching.open_lots.iter();
    let open: BTreeMap<usize, Exact> = lots
        .map(|lot| (lot.buy, Exact::of_size(lot.remaining_size)))
        .collect();
    for it in &sells.trades {
        let expected = open.get(&it.index).unwrap_or(&Exact::ZERO);
        if let Some(sell) = evidence.trade(it.index)
            && it.left != *expected
        {
            let message = format!(
                "the rows leave \"{}\" of the sell, expected \"{}\"",
                it.left.size_text(),
                expected.size_text()
            );
            findings.add(Invariant::I1, sell.order_id.as_str(), message);
        }
    }
}

/// Names a skipped trade once, by the first row that skipped it.
fn report_skipped(
    evidence: &Evidence<'_>,
    (walk, place): (&mut SideWalk, usize),
    row: &RowEvidence<'_>,
    findings: &mut Findings<'_>,
) {
    let side = walk.side;
    let Some(skipped) = walk.skipped(place) else {
        return;
    };
    let (index, left) = (skipped.index, skipped.left.size_text());
    walk.oldest = walk.oldest.saturating_add(1);
    let Some(skipped) = evidence.trade(index) else {
        return;
    };
    let used = match (side, &row.stored.buy_order_id) {
        (Side::Buy, Some(buy)) => format!("uses buy \"{buy}\""),
        _ => "is used".to_owned(),
    };
    let message = format!(
        "{used} while the older {side} \"{}\" had \"{left}\" left, expected \"0\"",
        skipped.order_id
    );
    findings.add(Invariant::I5, row.stored.sell_order_id.as_str(), message);
}

/// I7 of a pool that may go short and has splits. These leave the cost of a buy and the net
/// proceeds of a sell as they are. The amounts of the rows and of the rest add up to them.
pub(super) fn check_split_shares(
    evidence: &Evidence<'_>,
    matching: &ReferenceMatching,
    findings: &mut Findings<'_>,
) {
    let mut sums = vec![Exact::ZERO; evidence.trades.len()];
    let mut add = |index: Option<usize>, amount: Exact| {
        if let Some(sum) = index.and_then(|index| sums.get_mut(index)) {
            *sum = sum.plus(&amount);
        }
    };
    for row in &evidence.rows {
        add(row.sell.trade(), Exact::of_usd(row.stored.net_proceeds_usd));
        let cost = row.stored.cost_basis_usd.map(Exact::of_usd);
        add(row.buy.trade(), cost.unwrap_or(Exact::ZERO));
    }
    let lots = matching.open_lots.iter();
    let left: BTreeMap<usize, Exact> = lots
        .map(|lot| (lot.buy, Exact::of_usd(lot.remaining_cost_usd)))
        .collect();
    for (index, (trade, used)) in evidence.trades.iter().zip(sums).enumerate() {
        let size = evidence.size(index);
        let amounts = TradeAmounts::of(trade, size.clone());
        let (gross, fees) = (amounts.gross_of_first(size), amounts.fees_of_first(size));
        let (what, whole) = match trade.side.opens() {
            LotDirection::Long => ("costs", gross.plus(&fees)),
            LotDirection::Short => ("net proceeds", gross.minus(&fees)),
        };
        let sum = used.plus(left.get(&index).unwrap_or(&Exact::ZERO));
        if sum != whole {
            let message = format!(
                "{what} add up to \"{}\", expected \"{}\"",
                sum.usd_text(),
                whole.usd_text()
            );
            findings.add(Invariant::I7, trade.order_id.as_str(), message);
        }
    }
}
