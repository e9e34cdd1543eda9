//! Checks of a version's claims about its rows: review queue I11, summary I13. The inventory, I10,
//! is in `inventory.rs`.

use std::collections::BTreeSet;

use super::super::direction::LotDirection;
use super::super::hash::RowsHash;
use super::super::leg::Leg;
use super::super::reference::{Exact, TradeAmounts};
use super::super::side::Side;
use super::super::time::Timestamp;
use super::super::totals::PoolTotals;
use super::super::trade::TradeRef;
use super::super::trades::Trades;
use super::evidence::{Evidence, NamedOrder};
use super::inventory::check_inventory;
use super::{Findings, Invariant, PoolStatus, PoolVersion, StoredSummary};

/// A count or a sum: its name, the value found, the value expected.
type Figure = (&'static str, String, String);

pub(super) fn check_claims(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    check_inventory(evidence, findings);
    check_review(evidence, findings);
    if let Some(summary) = evidence.version.summary {
        check_summary(evidence, summary, findings);
    }
}

fn report(what: &str, claims: Vec<Figure>, findings: &mut Findings<'_>) {
    let different: Vec<String> = claims
        .into_iter()
        .filter(|(_, found, expected)| found != expected)
        .map(|(name, found, expected)| format!("{name} is \"{found}\", expected \"{expected}\""))
        .collect();
    if !different.is_empty() {
        let message = format!("the summary's {what}: {}", different.join("; "));
        findings.add(Invariant::I13, "", message);
    }
}

/// I13 of the ledger: hash, counts and times, recomputed from the trades.
pub(super) fn check_ledger(
    version: &PoolVersion<'_>,
    summary: &StoredSummary,
    findings: &mut Findings<'_>,
) {
    let (claimed, trades) = (&summary.totals, &version.ledger.trades);
    let count = |counted: &dyn Fn(&TradeRef<'_>) -> bool| {
        let counted = trades.iter().filter(counted);
        counted.count().to_string()
    };
    let time = |time: Option<Timestamp>| time.map_or("NULL".to_owned(), |time| time.to_string());
    let hash = version.ledger.facts_hash().to_string();
    let mut claims = vec![("ledger_hash", summary.ledger_hash.to_string(), hash)];
    if summary.status == PoolStatus::Matched {
        let sells = trades.iter().filter(|trade| trade.side == Side::Sell);
        let times = sells.map(|sell| sell.order_time);
        let (first, last) = (times.clone().min(), times.max());
        claims.extend([
            (
                "trades",
                claimed.trades.to_string(),
                count(&|trade| trade.leg == Leg::Base),
            ),
            (
                "legs",
                claimed.legs.to_string(),
                count(&|trade| trade.leg != Leg::Base),
            ),
            (
                "buys",
                claimed.buys.to_string(),
                count(&|trade| trade.side == Side::Buy),
            ),
            (
                "sells",
                claimed.sells.to_string(),
                count(&|trade| trade.side == Side::Sell),
            ),
            (
                "fees_unknown",
                claimed.fees_unknown.to_string(),
                count(&|trade| trade.fee.is_none()),
            ),
            ("first_sell", time(claimed.first_sell), time(first)),
            ("last_sell", time(claimed.last_sell), time(last)),
        ]);
        let (buys_by_id, sells_by_id) = ordered_by_id(trades);
        let (rebates, rebates_usd) = rebates(trades);
        claims.extend([
            ("buys_by_id", claimed.buys_by_id.to_string(), buys_by_id),
            ("sells_by_id", claimed.sells_by_id.to_string(), sells_by_id),
            ("rebates", claimed.rebates.to_string(), rebates),
            ("rebates_usd", claimed.rebates_usd.to_string(), rebates_usd),
        ]);
    }
    report("ledger", claims, findings);
}

/// Counts the buys and the sells that only their ids order. Of trades with the same time, side and
/// sequence, all but one count, each with all its legs.
fn ordered_by_id(trades: &Trades) -> (String, String) {
    let of_side = |side: Side| {
        let of_side = trades.iter().filter(|trade| trade.side == side);
        let mut keys: Vec<_> = of_side
            .map(|it| (it.order_time, it.trade_seq, it.order_id))
            .collect();
        keys.sort_unstable();
        keys.dedup();
        let all = keys.len();
        keys.dedup_by_key(|(time, sequence, _)| (*time, *sequence));
        all.saturating_sub(keys.len()).to_string()
    };
    (of_side(Side::Buy), of_side(Side::Sell))
}

/// Counts trades with a negative fee, and adds up these rebates, each rounded once.
fn rebates(trades: &Trades) -> (String, String) {
    let (mut count, mut sum) = (0_u64, Exact::ZERO);
    let negative = trades
        .iter()
        .filter(|trade| trade.fee.is_some_and(|fee| fee.units() < 0));
    for trade in negative.filter_map(|trade| trade.to_trade().ok()) {
        let size = Exact::of_size(trade.size);
        let fees = TradeAmounts::of(&trade, size.clone()).fees_of_first(&size);
        count = count.saturating_add(1);
        sum = sum.minus(&fees);
    }
    (count.to_string(), sum.usd_text())
}

/// Checks that a rejected or excluded pool has no rows and no lots.
pub(super) fn check_nothing_stored(
    version: &PoolVersion<'_>,
    status: &str,
    findings: &mut Findings<'_>,
) {
    let (rows, lots) = (version.allocations.len(), version.open_lots.len());
    if rows > 0 {
        let message = format!("the pool is {status} and has \"{rows}\" rows, expected \"0\"");
        findings.add(Invariant::I8, "", message);
    }
    if lots > 0 {
        let message = format!("the pool is {status} and has \"{lots}\" open lots, expected \"0\"");
        findings.add(Invariant::I10, "", message);
    }
    let claimed = version.summary.map(|summary| &summary.totals);
    let is_other = claimed.is_some_and(|claimed| {
        let (trades, legs) = (claimed.trades, claimed.legs);
        let expected = PoolTotals {
            trades,
            legs,
            ..PoolTotals::default()
        };
        *claimed != expected
    });
    if is_other {
        let message = format!("the pool is {status} and its summary has sums, expected none");
        findings.add(Invariant::I13, "", message);
    }
}

/// I11: each unmatched part has a review item. For the current version, the queue has no other open
/// item.
fn check_review(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let version = evidence.version;
    if !version.was_published && !version.is_current {
        return;
    }
    let rows = version.allocations.iter();
    let unmatched: BTreeSet<(String, Leg)> = rows
        .filter(|row| row.buy_order_id.is_none())
        .map(|row| (row.sell_order_id.as_str().to_owned(), row.sell_leg))
        .collect();
    for id in &unmatched {
        let order_id = &id.0;
        if !version.review.any.contains(id) {
            let message = "an unmatched row without a review item, expected one".to_owned();
            findings.add(Invariant::I11, order_id, message);
        }
    }
    let open = version.review.open.iter().filter(|_| version.is_current);
    for (order_id, _) in open.filter(|id| !unmatched.contains(*id)) {
        let message = "an open review item without an unmatched row, expected none".to_owned();
        findings.add(Invariant::I11, order_id, message);
    }
}

/// I13 of the rows: hash, counts and sums, recomputed from the rows and the open lots.
fn check_summary(evidence: &Evidence<'_>, summary: &StoredSummary, findings: &mut Findings<'_>) {
    let recomputed = Recomputed::of(evidence);
    let mut claims = vec![(
        "allocations_hash",
        summary.allocations_hash.to_string(),
        recomputed.hash.to_string(),
    )];
    let claimed = counts_and_sums(&summary.totals);
    let expected = recomputed.counts_and_sums();
    let both = claimed.into_iter().zip(expected);
    claims.extend(both.map(|((name, found), expected)| (name, found, expected)));
    report("allocations", claims, findings);
}

fn counts_and_sums(totals: &PoolTotals) -> [(&'static str, String); 16] {
    [
        ("allocations", totals.allocations.to_string()),
        ("sells_matched", totals.sells_matched.to_string()),
        ("sells_unmatched", totals.sells_unmatched.to_string()),
        ("buys_used", totals.buys_used.to_string()),
        ("matched_size", totals.matched_size.to_string()),
        ("cost_basis", totals.cost_basis.to_string()),
        ("proceeds", totals.proceeds.to_string()),
        ("net_proceeds", totals.net_proceeds.to_string()),
        ("pnl", totals.pnl.to_string()),
        ("unmatched_size", totals.unmatched_size.to_string()),
        ("unmatched_proceeds", totals.unmatched_proceeds.to_string()),
        (
            "unmatched_net_proceeds",
            totals.unmatched_net_proceeds.to_string(),
        ),
        ("open_lots", totals.open_lots.to_string()),
        ("open_size", totals.open_size.to_string()),
        ("open_cost", totals.open_cost.to_string()),
        ("open_direction", totals.open_direction.to_string()),
    ]
}

/// Orders that rows name: by place if they are trades of the pool, else by id.
struct NamedOrders<'a> {
    trades: Vec<bool>,
    others: BTreeSet<(&'a str, Leg)>,
}

impl<'a> NamedOrders<'a> {
    fn none_of(trades: usize) -> Self {
        Self {
            trades: vec![false; trades],
            others: BTreeSet::new(),
        }
    }

    fn add(&mut self, named: NamedOrder, id: (&'a str, Leg)) {
        match named.trade().and_then(|index| self.trades.get_mut(index)) {
            Some(seen) => *seen = true,
            None => drop(self.others.insert(id)),
        }
    }

    fn count(&self) -> String {
        let seen = self.trades.iter().filter(|seen| **seen).count();
        seen.saturating_add(self.others.len()).to_string()
    }
}

/// Counts and sums of the stored rows and open lots.
struct Recomputed<'a> {
    hash: RowsHash,
    pairs: usize,
    sells_matched: NamedOrders<'a>,
    sells_unmatched: NamedOrders<'a>,
    buys_used: NamedOrders<'a>,
    matched_size: Exact,
    cost_basis: Exact,
    proceeds: Exact,
    net_proceeds: Exact,
    pnl: Exact,
    unmatched_size: Exact,
    unmatched_proceeds: Exact,
    unmatched_net_proceeds: Exact,
    open_lots: usize,
    open_size: Exact,
    open_cost: Exact,
    open_direction: LotDirection,
}

impl<'a> Recomputed<'a> {
    fn of(evidence: &Evidence<'a>) -> Self {
        let trades = evidence.trades.len();
        let mut sums = Self {
            hash: RowsHash::EMPTY,
            pairs: 0,
            sells_matched: NamedOrders::none_of(trades),
            sells_unmatched: NamedOrders::none_of(trades),
            buys_used: NamedOrders::none_of(trades),
            matched_size: Exact::ZERO,
            cost_basis: Exact::ZERO,
            proceeds: Exact::ZERO,
            net_proceeds: Exact::ZERO,
            pnl: Exact::ZERO,
            unmatched_size: Exact::ZERO,
            unmatched_proceeds: Exact::ZERO,
            unmatched_net_proceeds: Exact::ZERO,
            open_lots: evidence.version.open_lots.len(),
            open_size: Exact::ZERO,
            open_cost: Exact::ZERO,
            open_direction: LotDirection::Long,
        };
        sums.add_rows(evidence);
        for lot in evidence.version.open_lots {
            sums.open_size = sums.open_size.plus(&Exact::of_size(lot.remaining_size));
            sums.open_cost = sums.open_cost.plus(&Exact::of_usd(lot.remaining_cost_usd));
            sums.open_direction = sums.open_direction.max(lot.direction);
        }
        sums
    }

    fn add_rows(&mut self, evidence: &Evidence<'a>) {
        let mut line = Vec::new();
        for row in &evidence.rows {
            let stored = row.stored;
            line.clear();
            stored.row().write_line(&mut line);
            self.hash.add_row(&line);
            let sell_id = (stored.sell_order_id.as_str(), stored.sell_leg);
            let proceeds = Exact::of_usd(stored.proceeds_usd);
            let net_proceeds = Exact::of_usd(stored.net_proceeds_usd);
            let Some(buy_id) = &stored.buy_order_id else {
                self.sells_unmatched.add(row.sell, sell_id);
                self.unmatched_size = self.unmatched_size.plus(&row.size);
                self.unmatched_proceeds = self.unmatched_proceeds.plus(&proceeds);
                self.unmatched_net_proceeds = self.unmatched_net_proceeds.plus(&net_proceeds);
                continue;
            };
            self.pairs = self.pairs.saturating_add(1);
            self.sells_matched.add(row.sell, sell_id);
            self.buys_used
                .add(row.buy, (buy_id.as_str(), stored.buy_leg));
            self.matched_size = self.matched_size.plus(&row.size);
            self.proceeds = self.proceeds.plus(&proceeds);
            self.net_proceeds = self.net_proceeds.plus(&net_proceeds);
            if let Some(cost) = stored.cost_basis_usd {
                self.cost_basis = self.cost_basis.plus(&Exact::of_usd(cost));
            }
            if let Some(pnl) = stored.pnl_usd {
                self.pnl = self.pnl.plus(&Exact::of_usd(pnl));
            }
        }
    }

    /// In the order of the claims.
    fn counts_and_sums(&self) -> [String; 16] {
        [
            self.pairs.to_string(),
            self.sells_matched.count(),
            self.sells_unmatched.count(),
            self.buys_used.count(),
            self.matched_size.size_text(),
            self.cost_basis.usd_text(),
            self.proceeds.usd_text(),
            self.net_proceeds.usd_text(),
            self.pnl.usd_text(),
            self.unmatched_size.size_text(),
            self.unmatched_proceeds.usd_text(),
            self.unmatched_net_proceeds.usd_text(),
            self.open_lots.to_string(),
            self.open_size.size_text(),
            self.open_cost.usd_text(),
            self.open_direction.to_string(),
        ]
    }
}
