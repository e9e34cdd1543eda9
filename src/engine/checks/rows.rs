//! Checks of the rows: I1 to I9.

use std::collections::BTreeMap;

use super::super::action::Split;
use super::super::canonical::AllocationRow;
use super::super::direction::LotDirection;
use super::super::ids::{Account, Asset};
use super::super::reference::{Exact, ReferenceMatching, TradeAmounts, stretch};
use super::super::side::Side;
use super::super::trade::Trade;
use super::evidence::{Evidence, NamedOrder, RowEvidence};
use super::shorts::{add_overused, check_signed, check_split_shares};
use super::transfers::{add_costs_moved, check_transfers, origin_of};
use super::{Findings, Invariant};

pub(super) fn check_rows(
    evidence: &mut Evidence<'_>,
    elsewhere: &dyn Fn(&Account, &str) -> Option<Asset>,
    findings: &mut Findings<'_>,
) {
    let is_signed = evidence.is_signed();
    if !is_signed {
        check_sizes(evidence, findings);
    }
    check_pairs_once(evidence, findings);
    check_columns(evidence, findings);
    evidence.drop_allocations();
    check_order(evidence, findings);
    match (&evidence.version.moved, is_signed) {
        (Some(moved), _) => check_transfers(evidence, moved, findings),
        (None, true) => check_signed(evidence, findings),
        (None, false) => check_oldest_first(evidence, findings),
    }
    check_fee_shares(evidence, findings);
    check_names(evidence, elsewhere, findings);
    check_pool_of_rows(evidence, findings);
}

/// I1 and I2: sells are allocated to their size, buys not beyond it.
fn check_sizes(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    for (index, sell) in evidence.of_side(Side::Sell) {
        let allocated = evidence.allocated(index);
        if allocated != evidence.size(index) {
            let message = format!(
                "allocated sizes add up to \"{}\", expected \"{}\"",
                allocated.size_text(),
                sell.size
            );
            findings.add(Invariant::I1, sell.order_id.as_str(), message);
        }
    }
    if evidence.is_changed() {
        // The rows of a lot have other units after a split. The walk of I5 follows them.
        return;
    }
    for (index, buy) in evidence.of_side(Side::Buy) {
        let allocated = evidence.allocated(index);
        if allocated > evidence.size(index) {
            add_overused(buy, (allocated, evidence.size(index)), findings);
        }
    }
}

/// I3: each (sell, buy) pair has one row.
fn check_pairs_once(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    // The second matcher has each pair once, so its allocations count most of the rows without a
    // comparison of ids.
    let known = evidence.matching.as_ref();
    let mut times = vec![0_u32; known.map_or(0, |matching| matching.allocations.len())];
    let mut others = BTreeMap::new();
    for row in &evidence.rows {
        let counted = row.reference.and_then(|index| times.get_mut(index));
        let pair = || {
            let stored = row.stored;
            let row = stored.row();
            let sell = (stored.sell_order_id.as_str(), row.sell_leg);
            let buy = row.buy_order_id;
            (sell, buy.map(|buy| (buy, row.buy_leg, row.moved)))
        };
        let count = match counted {
            Some(count) => count,
            None => others.entry(pair()).or_insert(0_u32),
        };
        *count = count.saturating_add(1);
        if *count == 2 {
            let ((sell, _), buy) = pair();
            let buy = buy.map_or("no lot".to_owned(), |(buy, _, moved)| {
                format!("buy \"{buy}\"{}", origin_of(moved))
            });
            let message = format!("more than one row for the pair with {buy}, expected one");
            findings.add(Invariant::I3, sell, message);
        }
    }
}

/// I4: a buy is executed before its sell, or in the same microsecond. In a short row it is the
/// other way round.
fn check_order(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    for row in &evidence.rows {
        let trade = |named: NamedOrder| named.trade().and_then(|index| evidence.trade(index));
        if let (Some(sell), Some(buy)) = (trade(row.sell), trade(row.buy))
            && let Some(expected) = order_broken(row.stored.direction, sell, buy)
        {
            let message = format!(
                "uses buy \"{}\" of \"{}\", expected one not {expected} \"{}\"",
                buy.order_id, buy.order_time, sell.order_time
            );
            findings.add(Invariant::I4, sell.order_id.as_str(), message);
        }
    }
}

fn order_broken(direction: LotDirection, sell: &Trade, buy: &Trade) -> Option<&'static str> {
    match direction {
        LotDirection::Long => (buy.order_time > sell.order_time).then_some("after"),
        LotDirection::Short => (buy.order_time < sell.order_time).then_some("before"),
    }
}

/// A lot, and how much of it is left after the rows of earlier sells.
struct LotLeft {
    index: usize,
    place: usize,
    /// Size of the whole lot, as the last split left it.
    size: Exact,
    left: Exact,
}

/// Gives lots the sizes that they have after a split. Before that, I2: a lot is used beyond its
/// size.
fn split_lots(
    evidence: &Evidence<'_>,
    (lots, split): (&mut [LotLeft], &Split),
    findings: &mut Findings<'_>,
) {
    let is_held = |lot: &LotLeft| {
        let buy = evidence.trade(lot.index);
        buy.is_some_and(|buy| buy.order_time < split.happened_at)
    };
    let held = lots.partition_point(is_held);
    let Some(lots) = lots.get_mut(..held) else {
        return;
    };
    settle(evidence, lots, findings);
    let rests: Vec<Exact> = lots.iter().map(|lot| lot.left.clone()).collect();
    // If wrong rows leave sizes without a usual ratio, I6 reports these rows.
    for (lot, size) in lots
        .iter_mut()
        .zip(stretch(split, &rests).unwrap_or_default())
    {
        (lot.size, lot.left) = (size.clone(), size);
    }
}

/// I2 of a pool with splits: reports lots that are used beyond their size, and uses them up.
fn settle(evidence: &Evidence<'_>, lots: &mut [LotLeft], findings: &mut Findings<'_>) {
    for lot in lots.iter_mut().filter(|lot| lot.left < Exact::ZERO) {
        if let Some(buy) = evidence.trade(lot.index) {
            let used = lot.size.minus(&lot.left);
            add_overused(buy, (&used, &lot.size), findings);
        }
        lot.left = Exact::ZERO;
    }
}

/// I5: no lot is used while an older one has something left. Also I2, if the pool has splits.
///
/// Names a skipped lot once, by the first row that skipped it: later sells are not to blame for its
/// rest.
fn check_oldest_first(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let mut lots: Vec<LotLeft> = evidence
        .of_side(Side::Buy)
        .map(|(index, _)| LotLeft {
            index,
            place: evidence.place(index),
            size: evidence.size(index).clone(),
            left: evidence.size(index).clone(),
        })
        .collect();
    let mut rows: Vec<((usize, usize), &RowEvidence<'_>)> = Vec::new();
    for row in &evidence.rows {
        match (row.sell, row.buy) {
            (NamedOrder::Trade(sell), NamedOrder::Trade(_) | NamedOrder::Nothing) => {
                rows.push((evidence.key(sell, row.buy.trade()), row));
            }
            // Nobody knows when an unknown sell used the lot, so its part is taken off first.
            (_, NamedOrder::Trade(buy)) => use_lot(&mut lots, evidence.place(buy), &row.size),
            _ => {}
        }
    }
    rows.sort_by_key(|(key, _)| *key);
    let mut later = evidence.splits().iter().peekable();
    let mut oldest = 0;
    for ((sell, buy), row) in rows {
        let sold_at = row.sell.trade().and_then(|sell| evidence.trade(sell));
        let sold_at = sold_at.map(|sell| sell.order_time);
        while let Some(split) = later.next_if(|split| sold_at >= Some(split.happened_at)) {
            split_lots(evidence, (&mut lots, split), findings);
        }
        while lots.get(oldest).is_some_and(|lot| lot.left <= Exact::ZERO) {
            oldest = oldest.saturating_add(1);
        }
        let reached = buy.min(sell);
        // I4 reports a buy after its sell, so I5 does not ask for its age.
        let in_order = buy < sell || buy == usize::MAX;
        if let Some(lot) = lots.get(oldest)
            && lot.place < reached
            && in_order
            && let Some(skipped) = evidence.trade(lot.index)
        {
            let used = match &row.stored.buy_order_id {
                Some(buy) => format!("uses buy \"{buy}\""),
                None => "is unmatched".to_owned(),
            };
            let message = format!(
                "{used} while the older buy \"{}\" had \"{}\" left, expected \"0\"",
                skipped.order_id,
                lot.left.size_text()
            );
            findings.add(Invariant::I5, row.stored.sell_order_id.as_str(), message);
            oldest = oldest.saturating_add(1);
        }
        use_lot(&mut lots, buy, &row.size);
    }
    if !evidence.splits().is_empty() {
        settle(evidence, &mut lots, findings);
    }
}

fn use_lot(lots: &mut [LotLeft], place: usize, size: &Exact) {
    if let Ok(at) = lots.binary_search_by_key(&place, |lot| lot.place)
        && let Some(lot) = lots.get_mut(at)
    {
        lot.left = lot.left.minus(size);
    }
}

/// I6: every column equals that of the second matcher.
fn check_columns(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let matching = match &evidence.matching {
        Ok(matching) => matching,
        Err(error) => {
            let message = format!("nothing can be computed: {error}, expected amounts that fit");
            findings.add(Invariant::I6, error.order_id(), message);
            return;
        }
    };
    for row in &evidence.rows {
        let is_pair = matches!(
            (row.sell, row.buy),
            (
                NamedOrder::Trade(_),
                NamedOrder::Trade(_) | NamedOrder::Nothing
            )
        );
        if !is_pair {
            continue;
        }
        if let Some(message) = column_difference(evidence, matching, row) {
            findings.add(Invariant::I6, row.stored.sell_order_id.as_str(), message);
        }
    }
}

fn column_difference(
    evidence: &Evidence<'_>,
    matching: &ReferenceMatching,
    row: &RowEvidence<'_>,
) -> Option<String> {
    let found = row.stored.row();
    let pair = match found.buy_order_id {
        Some(buy) => format!("row {} with buy \"{buy}\"", row.stored.id),
        None => format!("row {} without buy", row.stored.id),
    };
    let allocation = row.reference.and_then(|at| matching.allocations.get(at));
    let Some(allocation) = allocation else {
        return Some(format!("{pair}: a fresh computation has no such pair"));
    };
    let (pool, trades) = (evidence.version.pool, evidence.trades);
    let expected = allocation.row(pool, trades, &matching.changed)?;
    if found == expected {
        return None;
    }
    let columns = columns(&found).into_iter().zip(columns(&expected));
    let different: Vec<String> = columns
        .filter(|(found, expected)| found != expected)
        .map(|((name, found), (_, expected))| {
            format!("{name} is \"{found}\", expected \"{expected}\"")
        })
        .collect();
    // I9 reports rows that differ only in account or symbol.
    (!different.is_empty()).then(|| format!("{pair}: {}", different.join("; ")))
}

/// The columns that are computed, or copied from the trades, as canonical text.
fn columns(row: &AllocationRow<'_>) -> [(&'static str, String); 16] {
    fn text<T: ToString>(value: Option<T>) -> String {
        value.map_or("NULL".to_owned(), |value| value.to_string())
    }
    [
        ("allocated_size", row.allocated_size.to_string()),
        ("buy_price", text(row.buy_price)),
        ("sell_price", text(row.sell_price)),
        ("buy_fees_per_unit", text(row.buy_fees_per_unit)),
        ("sell_fees_per_unit", text(row.sell_fees_per_unit)),
        ("cost_basis_usd", text(row.cost_basis_usd)),
        ("proceeds_usd", row.proceeds_usd.to_string()),
        ("net_proceeds_usd", row.net_proceeds_usd.to_string()),
        ("pnl_usd", text(row.pnl_usd)),
        ("buy_time", text(row.buy_time)),
        ("sell_time", row.sell_time.to_string()),
        ("notes", row.notes.to_string()),
        ("symbol", row.symbol.to_owned()),
        ("sell_leg", row.sell_leg.to_string()),
        ("buy_leg", row.buy_leg.to_string()),
        ("direction", row.direction.to_string()),
    ]
}

/// I7: the shares of a fee add up to the fee of the used part.
///
/// Checks only trades whose sizes add up. I1 or I10 reports the others.
fn check_fee_shares(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let Ok(matching) = &evidence.matching else {
        return;
    };
    // For a sell, its fees. For a buy, its cost, which includes the fees.
    let has_splits = evidence.is_changed();
    if has_splits && evidence.is_signed() {
        check_split_shares(evidence, matching, findings);
        return;
    }
    let mut sums = vec![Exact::ZERO; evidence.trades.len()];
    let mut add = |index: Option<usize>, amount: Exact| {
        if let Some(sum) = index.and_then(|index| sums.get_mut(index)) {
            *sum = sum.plus(&amount);
        }
    };
    for row in &evidence.rows {
        let proceeds = Exact::of_usd(row.stored.proceeds_usd);
        let net_proceeds = Exact::of_usd(row.stored.net_proceeds_usd);
        add(row.sell.trade(), proceeds.minus(&net_proceeds));
        let cost = row.stored.cost_basis_usd.map(Exact::of_usd);
        add(row.buy.trade(), cost.unwrap_or(Exact::ZERO));
    }
    if let Some(moved) = &evidence.version.moved {
        add_costs_moved(evidence, moved, &mut add);
    }
    let (mut left, mut left_cost) = (BTreeMap::new(), BTreeMap::new());
    for lot in &matching.open_lots {
        left.insert(lot.buy, lot.remaining_size);
        left_cost.insert(lot.buy, lot.remaining_cost_usd);
    }
    for (index, (trade, sum)) in evidence.trades.iter().zip(sums).enumerate() {
        if has_splits && trade.side == Side::Buy {
            let left = left_cost.get(&index).copied().map(Exact::of_usd);
            check_whole_cost(evidence, (index, trade), (sum, left), findings);
            continue;
        }
        let left = left.get(&index).copied().map(Exact::of_size);
        let used = evidence.size(index).minus(&left.unwrap_or(Exact::ZERO));
        if *evidence.allocated(index) != used {
            continue;
        }
        let amounts = TradeAmounts::of(trade, evidence.size(index).clone());
        let shares = match trade.side {
            Side::Buy => sum.minus(&amounts.gross_of_first(&used)),
            Side::Sell => sum,
        };
        let expected = amounts.fees_of_first(&used);
        if shares != expected {
            let message = format!(
                "fee shares add up to \"{}\", expected \"{}\"",
                shares.usd_text(),
                expected.usd_text()
            );
            findings.add(Invariant::I7, trade.order_id.as_str(), message);
        }
    }
}

/// I7 of a buy in a pool with splits, I20 of one whose lots move. These leave the cost of its lot
/// as it is. So the costs of the rows, of the rest and of what moved add up to it.
fn check_whole_cost(
    evidence: &Evidence<'_>,
    (index, buy): (usize, &Trade),
    (used, left): (Exact, Option<Exact>),
    findings: &mut Findings<'_>,
) {
    let size = evidence.size(index);
    let amounts = TradeAmounts::of(buy, size.clone());
    let whole = amounts.gross_of_first(size);
    let whole = whole.plus(&amounts.fees_of_first(size));
    let sum = used.plus(&left.unwrap_or(Exact::ZERO));
    if sum != whole {
        let message = format!(
            "costs add up to \"{}\", expected \"{}\"",
            sum.usd_text(),
            whole.usd_text()
        );
        let invariant = match evidence.version.moved {
            Some(_) => Invariant::I20,
            None => Invariant::I7,
        };
        findings.add(invariant, buy.order_id.as_str(), message);
    }
}

/// I8 and I9: every order id of a row is that of a trade of the pool. Each bad order is reported
/// once, with its rows.
fn check_names(
    evidence: &Evidence<'_>,
    elsewhere: &dyn Fn(&Account, &str) -> Option<Asset>,
    findings: &mut Findings<'_>,
) {
    let mut strangers = BTreeMap::new();
    let mut meet = |order_id: &str, column: &'static str, named: NamedOrder| {
        let other_side = match named {
            NamedOrder::OtherSide => true,
            NamedOrder::Unknown => false,
            NamedOrder::Trade(_) | NamedOrder::Nothing => return,
        };
        let rows = strangers
            .entry((order_id.to_owned(), column, other_side))
            .or_insert(0_u64);
        *rows = rows.saturating_add(1);
    };
    for row in &evidence.rows {
        let stored = row.stored;
        meet(stored.sell_order_id.as_str(), "sell_order_id", row.sell);
        if let Some(buy) = &stored.buy_order_id {
            meet(buy.as_str(), "buy_order_id", row.buy);
        }
    }
    let pool = evidence.version.pool;
    for ((order_id, column, other_side), rows) in strangers {
        let asset = match other_side {
            true => None,
            false => elsewhere(&pool.account, &order_id),
        };
        let rows = match rows {
            1 => "1 row".to_owned(),
            rows => format!("{rows} rows"),
        };
        let (invariant, found) = match asset {
            Some(asset) if asset == pool.asset => {
                (Invariant::I9, "a trade without this leg".to_owned())
            }
            Some(asset) => (
                Invariant::I9,
                format!("a trade of another pool, in {asset}"),
            ),
            None if other_side => (Invariant::I8, "a trade of the other side".to_owned()),
            None => (Invariant::I8, "no eligible trade".to_owned()),
        };
        let message = format!("{column} of {rows} is {found}, expected a trade of the pool");
        findings.add(invariant, &order_id, message);
    }
}

/// I9 again: the rows have the account and asset of this pool.
fn check_pool_of_rows(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let pool = evidence.version.pool;
    for row in &evidence.rows {
        let (account, asset) = (&row.stored.account, &row.stored.asset);
        if (account, asset) != (&pool.account, &pool.asset) {
            let message = format!(
                "row {} is of account \"{account}\" and asset \"{asset}\", expected \"{}\" and \
                 \"{}\"",
                row.stored.id, pool.account, pool.asset
            );
            findings.add(Invariant::I9, row.stored.sell_order_id.as_str(), message);
        }
    }
}
