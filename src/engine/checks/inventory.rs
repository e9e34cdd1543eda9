//! I10: the inventory snapshot against the ledger and the rows.

use std::collections::BTreeMap;

use super::super::direction::LotDirection;
use super::super::ids::{Pool, Symbol};
use super::super::number::Size;
use super::super::reference::{Exact, ReferenceLot, TradeAmounts};
use super::super::side::Side;
use super::super::stored::WholeLot;
use super::super::text::shown;
use super::super::trade::Trade;
use super::evidence::Evidence;
use super::{Findings, Invariant, StoredLot};

/// I10: the snapshot has the right rest of each buy, at the right cost.
pub(super) fn check_inventory(evidence: &Evidence<'_>, findings: &mut Findings<'_>) {
    let mut snapshot: Vec<Option<&StoredLot>> = vec![None; evidence.trades.len()];
    let expected = match &evidence.matching {
        Ok(matching) => matching.open_lots.as_slice(),
        Err(_) => &[],
    };
    for (nth, stored) in evidence.version.open_lots.iter().enumerate() {
        let hint = expected.get(nth).map(|lot| lot.buy);
        let order_id = stored.buy_order_id.as_str();
        let id = (order_id, stored.buy_leg, stored.moved.as_deref());
        let side = match stored.direction {
            LotDirection::Long => Side::Buy,
            LotDirection::Short => Side::Sell,
        };
        let buy = evidence.name(id, side, hint).trade();
        let Some(lot) = buy.and_then(|buy| snapshot.get_mut(buy)) else {
            let message = format!("an open lot of no {side} of the pool, expected one");
            findings.add(Invariant::I10, order_id, message);
            continue;
        };
        if lot.replace(stored).is_some() {
            let message = format!("more than one open lot of the {side}, expected one");
            findings.add(Invariant::I10, order_id, message);
        }
    }
    let signed = evidence.is_signed();
    let is_split = evidence.is_changed() || signed;
    let of_lots: BTreeMap<usize, &ReferenceLot> = match is_split {
        true => expected.iter().map(|lot| (lot.buy, lot)).collect(),
        false => BTreeMap::new(),
    };
    let sells = signed.then(|| evidence.of_side(Side::Sell));
    let opening = evidence
        .of_side(Side::Buy)
        .chain(sells.into_iter().flatten());
    for (index, buy) in opening {
        let (size, used) = (evidence.size(index), evidence.allocated(index));
        let stored = snapshot.get(index).copied().flatten();
        let different = match is_split {
            true => {
                let expected = of_lots.get(&index).copied();
                split_lot_difference(evidence, buy, expected, stored)
            }
            false => lot_difference(findings.pool, buy, size, used, stored),
        };
        if let Some(message) = different {
            findings.add(Invariant::I10, buy.order_id.as_str(), message);
        }
    }
}

/// Compares a lot of a pool with splits, or of one that may go short, with that of the second
/// matcher.
fn split_lot_difference(
    evidence: &Evidence<'_>,
    buy: &Trade,
    expected: Option<&ReferenceLot>,
    stored: Option<&StoredLot>,
) -> Option<String> {
    let size = |size: Option<Size>| size.map_or(Exact::ZERO, Exact::of_size).size_text();
    let expected_size = size(expected.map(|lot| lot.remaining_size));
    let found = size(stored.map(|lot| lot.remaining_size));
    if found != expected_size {
        return Some(format!(
            "the snapshot has \"{found}\" left, expected \"{expected_size}\""
        ));
    }
    let (expected, stored) = (expected?, stored?);
    let pool = evidence.version.pool;
    if let Some(message) = symbol_difference(pool, buy, stored) {
        return Some(message);
    }
    let (found, cost) = (stored.remaining_cost_usd, expected.remaining_cost_usd);
    if found != cost {
        return Some(format!(
            "the snapshot's lot cost \"{found}\", expected \"{cost}\""
        ));
    }
    let changed = match (&evidence.matching, expected.changed) {
        (Ok(matching), Some(lot)) => matching.changed.get(lot)?,
        _ => buy,
    };
    whole_difference(stored, changed)
}

fn lot_difference(
    pool: &Pool,
    buy: &Trade,
    size: &Exact,
    used: &Exact,
    stored: Option<&StoredLot>,
) -> Option<String> {
    // I2 reports a lot that is used beyond its size.
    let used = used.min(size);
    let left = size.minus(used);
    let found = stored.map_or(Exact::ZERO, |lot| Exact::of_size(lot.remaining_size));
    if found != left {
        return Some(format!(
            "the snapshot has \"{}\" left, expected \"{}\"",
            found.size_text(),
            left.size_text()
        ));
    }
    let stored = stored?;
    if let Some(message) = symbol_difference(pool, buy, stored) {
        return Some(message);
    }
    let found = Exact::of_usd(stored.remaining_cost_usd);
    let amounts = TradeAmounts::of(buy, size.clone());
    let cost_of_first = |units: &Exact| {
        let gross = amounts.gross_of_first(units);
        gross.plus(&amounts.fees_of_first(units))
    };
    let left = cost_of_first(size).minus(&cost_of_first(used));
    if found != left {
        return Some(format!(
            "the snapshot's lot cost \"{}\", expected \"{}\"",
            found.usd_text(),
            left.usd_text()
        ));
    }
    whole_difference(stored, buy)
}

fn symbol_difference(pool: &Pool, buy: &Trade, stored: &StoredLot) -> Option<String> {
    let symbol = pool.symbol_of(buy.entry.symbol.as_ref().map(Symbol::as_str));
    let found = shown(stored.symbol.as_str()).quoted();
    (stored.symbol.as_str() != symbol)
        .then(|| format!("the snapshot's symbol is {found}, expected \"{symbol}\""))
}

fn whole_difference(stored: &StoredLot, buy: &Trade) -> Option<String> {
    let (found, expected) = (stored.whole.as_deref().copied(), WholeLot::of(buy));
    (found != expected).then(|| {
        format!(
            "the snapshot's whole lot is \"{}\", expected \"{}\"",
            whole_text(found),
            whole_text(expected)
        )
    })
}

fn whole_text(whole: Option<WholeLot>) -> String {
    let Some(WholeLot { size, value, fee }) = whole else {
        return "NULL".to_owned();
    };
    let fee = fee.map_or_else(|| "unknown".to_owned(), |fee| fee.to_string());
    format!("{size} worth {value}, fee {fee}")
}
