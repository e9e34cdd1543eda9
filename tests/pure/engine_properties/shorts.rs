//! Properties of pools that may go short: both matchers agree, parts give the whole, nothing is
//! lost, and the judge finds every change.

use fifo_pnl::engine::reference::match_signed_pool;
use fifo_pnl::engine::{LotDirection, PoolResult, Split, judge_pool};

use super::resumed::{Kept, sorted_rows};
use super::splits::{agree_in_slices, split_history};
use super::*;

fn ledger(trades: &[Trade], splits: &[Split]) -> PoolLedger {
    let mut ledger = PoolLedger::new(pool());
    for trade in trades {
        ledger.push(&TradeRef::try_of(trade).unwrap()).unwrap();
    }
    ledger.splits = splits.into();
    ledger.shorts = true;
    ledger
}

/// `None`: an amount is beyond the limits, or a split leaves nothing of a lot.
fn matched(trades: &[Trade], splits: &[Split]) -> Option<Box<Matching>> {
    match judge_pool(ledger(trades, splits), None).result {
        PoolResult::Matched(matching) => Some(matching),
        _ => None,
    }
}

/// A history of a pool, in half of the cases with splits.
fn signed_history() -> impl Strategy<Value = (Vec<Trade>, Box<[Split]>)> {
    prop_oneof![
        history().prop_map(|trades| (trades, Box::default())),
        split_history(),
    ]
}

/// Puts trades into the order of a pool that may go short, by another way than the engine's.
fn in_order(trades: &mut [Trade]) {
    trades.sort_by(Trade::cmp_in_pool);
    trades.sort_by_key(|trade| {
        let sequence = (trade.trade_seq.is_none(), trade.trade_seq);
        (trade.order_time, sequence, trade.side)
    });
}

#[test]
fn both_matchers_agree_about_shorts() {
    let counts = [(); 5].map(|()| Cell::new(0_u32));
    let count = |at: usize, is: bool| counts[at].set(counts[at].get() + u32::from(is));
    for_all(500, signed_history(), |(trades, splits)| {
        let reference = match_signed_pool(&trades, &splits);
        let Some(matching) = matched(&trades, &splits) else {
            count(4, true);
            return Ok(());
        };
        let reference = reference.map_err(|error| TestCaseError::fail(error.to_string()))?;
        prop_assert_eq!(lines(&matching), reference_lines(&trades, &reference));
        prop_assert_eq!(matching.self_check(), Ok(()));
        prop_assert_eq!(matching.totals.sells_unmatched, 0);
        let rows = matching.rows().unwrap();
        let is_short = |row: &AllocationRow<'_>| row.direction.is_short();
        count(0, rows.iter().any(is_short));
        count(1, rows.iter().any(|row| !is_short(row)));
        // A trade that closes lots and opens one of the other direction.
        let mut pairs = rows.windows(2);
        count(2, pairs.any(|two| two[0].direction != two[1].direction));
        count(3, matching.totals.open_direction.is_short());
        Ok(())
    });
    let counts = counts.map(Cell::into_inner);
    let [kinds @ .., rejected] = counts;
    assert!(
        kinds.iter().all(|count| *count > 150) && rejected < 60,
        "{counts:?}"
    );
}

#[test]
fn the_order_of_input_does_not_matter_for_shorts() {
    let shuffled = signed_history().prop_flat_map(|(trades, splits)| {
        (
            Just(trades.clone()),
            Just(trades).prop_shuffle(),
            Just(splits),
        )
    });
    for_all(150, shuffled, |(trades, shuffled, splits)| {
        prop_assert_eq!(matched(&trades, &splits), matched(&shuffled, &splits));
        Ok(())
    });
}

/// Units, net proceeds and costs: what all rows and open lots have together.
fn sums(matching: &Matching, side: Side) -> (Size, Usd) {
    let totals = &matching.totals;
    let is_open = totals.open_lots > 0 && totals.open_direction == side.opens();
    let (size, worth) = match is_open {
        true => (totals.open_size, totals.open_cost),
        false => (Size::ZERO, Usd::ZERO),
    };
    let of_rows = match side {
        Side::Buy => totals.cost_basis,
        Side::Sell => totals.net_proceeds,
    };
    let size = add_sizes(size, totals.matched_size).unwrap();
    (size, worth.checked_add(of_rows).unwrap())
}

#[test]
fn a_short_lot_loses_no_unit_and_no_digit() {
    for_all(300, signed_history(), |(trades, splits)| {
        let Some(matching) = matched(&trades, &splits) else {
            return Ok(());
        };
        for side in [Side::Buy, Side::Sell] {
            let (mut size, mut worth) = (Size::ZERO, Usd::ZERO);
            for trade in trades.iter().filter(|trade| trade.side == side) {
                // Alone a trade is one open lot, by the second matcher.
                let alone = match_signed_pool(std::slice::from_ref(trade), &[]).unwrap();
                let lot = alone.open_lots[0];
                size = add_sizes(size, lot.remaining_size).unwrap();
                worth = worth.checked_add(lot.remaining_cost_usd).unwrap();
            }
            let found = sums(&matching, side);
            prop_assert_eq!(found.1, worth, "{}", side);
            if splits.is_empty() {
                prop_assert_eq!(found.0, size, "{}", side);
            }
        }
        Ok(())
    });
}

#[test]
fn slices_of_a_pool_with_shorts_give_the_whole() {
    let cuts = (signed_history(), 1_usize..12);
    for_all(250, cuts, |((mut trades, splits), size)| {
        let Some(whole) = matched(&trades, &splits) else {
            return Ok(());
        };
        in_order(&mut trades);
        // As a store cuts them: no slice ends within an instant.
        let (mut slices, mut rest) = (Vec::new(), trades.as_slice());
        while let Some(last) = rest.get(size.min(rest.len()).saturating_sub(1)) {
            let cut = rest.partition_point(|trade| trade.order_time <= last.order_time);
            let (slice, later) = rest.split_at(cut);
            rest = later;
            slices.push(ledger(slice, &splits));
        }
        agree_in_slices(slices.into_iter(), &splits, &whole)
    });
}

#[test]
fn later_trades_on_top_of_short_lots_give_what_all_at_once_give() {
    let (resumed, late, unread) = (Cell::new(0_u32), Cell::new(0_u32), Cell::new(0_u32));
    let inputs = (history(), 1_usize..60, any::<bool>());
    for_all(500, inputs, |(mut trades, cut, in_time)| {
        let mut cut = cut % trades.len().max(1);
        if in_time {
            in_order(&mut trades);
            // No trade comes at an instant that was matched.
            let at = trades.get(cut).map(|trade| trade.order_time);
            cut = trades.partition_point(|trade| Some(trade.order_time) < at);
        }
        let (before, new) = trades.split_at(cut);
        let (Some(before), Some(whole)) = (matched(before, &[]), matched(&trades, &[])) else {
            return Ok(());
        };
        let mut kept = Kept::of(&before);
        let new_ledger = ledger(new, &[]);
        let state = kept.state(&new_ledger);
        match continue_pool(new_ledger, &state) {
            Continued::Matched(matching, totals) => {
                resumed.set(resumed.get() + u32::from(!new.is_empty()));
                unread.set(unread.get() + u32::from(state.rest.lots > 0));
                let mut rows = sorted_rows(&before);
                rows.extend(sorted_rows(&matching));
                rows.sort();
                prop_assert_eq!(rows, sorted_rows(&whole));
                prop_assert_eq!(*totals, whole.totals);
                kept.append(&matching, *totals);
                prop_assert_eq!(kept.lines(), Kept::of(&whole).lines());
            }
            Continued::HistoryChanged { order_id } => {
                late.set(late.get() + 1);
                let last = before.last_trade().unwrap().order_time;
                let is_late = |trade: &&Trade| {
                    trade.order_time <= last && order_id == trade.order_id.as_str()
                };
                prop_assert!(new.iter().any(|trade| is_late(&trade)));
            }
            other => prop_assert!(false, "{other:?}"),
        }
        Ok(())
    });
    let counts = (resumed.get(), late.get(), unread.get());
    assert!(
        counts.0 > 80 && counts.1 > 100 && counts.2 > 10,
        "{counts:?}"
    );
}

fn short(direction: LotDirection) -> LotDirection {
    match direction {
        LotDirection::Long => LotDirection::Short,
        LotDirection::Short => LotDirection::Long,
    }
}

/// Changes a row, a lot or the permission in one way. `false`: this way changes nothing here.
fn mutate_signed(stored: &mut Stored, at: prop::sample::Index, mutation: usize) -> bool {
    match mutation.checked_sub(MUTATIONS) {
        None if !stored.rows.is_empty() => mutate(stored, at, mutation),
        Some(0) if !stored.rows.is_empty() => {
            let row = at.index(stored.rows.len());
            let direction = &mut stored.rows[row].direction;
            *direction = short(*direction);
            true
        }
        Some(1) if !stored.lots.is_empty() => {
            let lot = at.index(stored.lots.len());
            let direction = &mut stored.lots[lot].direction;
            *direction = short(*direction);
            true
        }
        Some(2) if !stored.lots.is_empty() => {
            let lot = at.index(stored.lots.len());
            let cost = &mut stored.lots[lot].remaining_cost_usd;
            *cost = cost.checked_add(Usd::from_units(1)).unwrap();
            true
        }
        Some(3) if !stored.lots.is_empty() => {
            drop(stored.lots.remove(at.index(stored.lots.len())));
            true
        }
        Some(4) => {
            let totals = &mut stored.summary.totals;
            totals.open_direction = short(totals.open_direction);
            true
        }
        _ => false,
    }
}

#[test]
fn the_judge_finds_every_change_of_a_pool_with_shorts() {
    let changes = (
        signed_history(),
        any::<prop::sample::Index>(),
        0..MUTATIONS + 5,
    );
    let found = Cell::new(0_u32);
    for_all(600, changes, |((trades, splits), at, mutation)| {
        let Some(matching) = matched(&trades, &splits) else {
            return Ok(());
        };
        let mut stored = Stored::of_matching(&matching, ledger(&trades, &splits));
        prop_assert_eq!(stored.violations(), Vec::new());
        if !mutate_signed(&mut stored, at, mutation) {
            return Ok(());
        }
        found.set(found.get() + 1);
        let violations = stored.violations();
        let mut ids = violations.iter().map(|one| one.invariant.id());
        let is_summary = mutation == MUTATIONS + 4;
        prop_assert!(ids.any(|id| (id != "I13") != is_summary), "{mutation}");
        Ok(())
    });
    assert!(found.get() > 300, "{} changes", found.get());
}

#[test]
fn a_short_lot_where_none_may_be_is_found() {
    let (rows, lots) = (Cell::new(0_u32), Cell::new(0_u32));
    for_all(200, history(), |trades| {
        let Some(matching) = matched(&trades, &[]) else {
            return Ok(());
        };
        let mut stored = Stored::of_matching(&matching, ledger(&trades, &[]));
        let has_rows = stored.rows.iter().any(|row| row.direction.is_short());
        let has_lots = stored.lots.iter().any(|lot| lot.direction.is_short());
        stored.ledger.shorts = false;
        let violations = stored.violations();
        let is_found = violations.iter().any(|one| one.invariant.id() == "I21");
        prop_assert_eq!(is_found, has_rows || has_lots);
        rows.set(rows.get() + u32::from(has_rows && !has_lots));
        lots.set(lots.get() + u32::from(has_lots && !has_rows));
        Ok(())
    });
    assert!(rows.get() > 20 && lots.get() > 5, "{rows:?} {lots:?}");
}
