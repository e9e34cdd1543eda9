//! Properties of pools with splits: both matchers agree, slices give the whole, cost is conserved,
//! and the judge finds every change.

use fifo_pnl::engine::reference::match_pool_with_splits;
use fifo_pnl::engine::{ActionRatio, PoolStream, Split, SplitChange, match_in_place};

use super::*;

fn split() -> impl Strategy<Value = Split> {
    let ratio = prop_oneof![
        3 => Just(("2", "1")),
        3 => Just(("3", "2")),
        3 => Just(("1", "3")),
        1 => Just(("1", "10")),
        1 => Just(("7", "1")),
        1 => Just(("124079", "1000000")),
    ];
    let at = prop_oneof![4 => 0_i64..9, 1 => -1_000_000_000_000..1_000_000_000_000_i64];
    (ratio, at).prop_map(|((new, old), micros)| Split {
        happened_at: Timestamp::try_from_micros(micros).unwrap(),
        change: SplitChange::Ratio(ActionRatio::try_read(new, old).unwrap()),
    })
}

/// Up to 60 trades and 4 splits of one pool. Sizes are those that people trade.
pub(super) fn split_history() -> impl Strategy<Value = (Vec<Trade>, Box<[Split]>)> {
    let size = prop_oneof![
        6 => (1_u128..40, 0_usize..3).prop_map(|(units, decimals)| decimal(units, decimals)),
        4 => (1_u128..10_u128.pow(12), 6_usize..9).prop_map(|(u, d)| decimal(u, d)),
        1 => (1_u128..10_u128.pow(20), 15_usize..20).prop_map(|(u, d)| decimal(u, d)),
    ];
    let trades = prop::collection::vec((facts(), size), 0..60).prop_map(|facts| {
        let trade = |(place, (mut one, size)): (usize, (Facts, String))| {
            one.size = size;
            one.trade(place)
        };
        (0..).zip(facts).map(trade).collect()
    });
    (trades, prop::collection::vec(split(), 1..5)).prop_map(|(trades, mut splits)| {
        splits.sort_by_key(|split| split.happened_at);
        (trades, splits.into())
    })
}

fn ledger(trades: &[Trade], splits: Box<[Split]>) -> PoolLedger {
    let mut ledger = PoolLedger::new(pool());
    for trade in trades {
        ledger.push(&TradeRef::try_of(trade).unwrap()).unwrap();
    }
    ledger.splits = splits;
    ledger
}

fn matched(trades: &[Trade], splits: &[Split]) -> Option<Matching> {
    let mut ledger = PoolLedger::new(pool());
    ledger.splits = splits.into();
    match_in_place(&ledger, trades).ok()
}

#[test]
fn both_matchers_agree_about_splits() {
    let (changed, rejected) = (Cell::new(0_u32), Cell::new(0_u32));
    for_all(400, split_history(), |(trades, splits)| {
        let reference = match_pool_with_splits(&trades, &splits);
        let Some(matching) = matched(&trades, &splits) else {
            // An amount is beyond the limits, or a split leaves nothing of a lot.
            rejected.set(rejected.get() + 1);
            return Ok(());
        };
        let reference = reference.map_err(|error| TestCaseError::fail(error.to_string()))?;
        let is_changed = |row: &&reference::ReferenceAllocation| row.changed.is_some();
        changed
            .set(changed.get() + u32::from(reference.allocations.iter().any(|it| is_changed(&it))));
        prop_assert_eq!(lines(&matching), reference_lines(&trades, &reference));
        prop_assert_eq!(matching.self_check(), Ok(()));
        Ok(())
    });
    let counts = (changed.get(), rejected.get());
    assert!(counts.0 > 200 && counts.1 < 60, "{counts:?}");
}

#[test]
fn a_split_leaves_the_cost_as_it_is() {
    for_all(200, split_history(), |(trades, splits)| {
        let Some(matching) = matched(&trades, &splits) else {
            return Ok(());
        };
        let mut bought = Usd::ZERO;
        for trade in trades.iter().filter(|trade| trade.side == Side::Buy) {
            let alone = match_pool(pool(), vec![trade.clone()]).unwrap();
            bought = bought.checked_add(alone.totals.open_cost).unwrap();
        }
        let totals = &matching.totals;
        prop_assert_eq!(
            totals.cost_basis.checked_add(totals.open_cost).unwrap(),
            bought
        );
        let rows = matching.rows().unwrap();
        prop_assert_eq!(rows.len() as u64, matching.rows_count());
        Ok(())
    });
}

#[test]
fn slices_of_a_pool_with_splits_give_the_whole() {
    let cuts = (split_history(), 1_usize..12);
    for_all(200, cuts, |((mut trades, splits), size)| {
        let Some(whole) = matched(&trades, &splits) else {
            return Ok(());
        };
        trades.sort_by(Trade::cmp_in_pool);
        let slices = trades
            .chunks(size)
            .map(|slice| ledger(slice, splits.clone()));
        agree_in_slices(slices, &splits, &whole)
    });
}

/// Adds slices of a pool, and compares rows, lots and sums with those of the whole pool.
pub(super) fn agree_in_slices(
    slices: impl Iterator<Item = PoolLedger>,
    splits: &[Split],
    whole: &Matching,
) -> Result<(), TestCaseError> {
    let mut stream = PoolStream::default();
    let mut rows = Vec::new();
    for slice in slices {
        let matching = stream.add(slice);
        let matching = matching.map_err(|error| TestCaseError::fail(error.reason))?;
        rows.extend(matching.rows().unwrap().iter().map(line));
    }
    let ended = stream.end(&pool(), (splits, None));
    ended.map_err(|error| TestCaseError::fail(error.reason))?;
    let lots = stream.open_lots().map(|lot| {
        let id = &lot.buy.order_id;
        format!("{id} {} {}\n", lot.remaining_size, lot.remaining_cost)
    });
    rows.extend(lots);
    prop_assert_eq!(rows, lines(whole));
    prop_assert_eq!(*stream.totals(), whole.totals);
    prop_assert_eq!(stream.symbols(), &whole.symbols[..]);
    Ok(())
}

#[test]
fn the_judge_finds_every_change_of_a_pool_with_splits() {
    let changes = (split_history(), any::<prop::sample::Index>(), 0..MUTATIONS);
    let found = Cell::new(0_u32);
    for_all(250, changes, |((trades, splits), at, mutation)| {
        let Some(matching) = matched(&trades, &splits) else {
            return Ok(());
        };
        let mut stored = Stored::of_matching(&matching, ledger(&trades, splits));
        prop_assert_eq!(stored.violations(), Vec::new());
        if stored.rows.is_empty() || !mutate(&mut stored, at, mutation) {
            return Ok(());
        }
        found.set(found.get() + 1);
        prop_assert!(!stored.violations().is_empty());
        Ok(())
    });
    assert!(found.get() > 100, "{} changes", found.get());
}

#[test]
fn an_undone_split_is_found() {
    for_all(60, split_history(), |(trades, splits)| {
        let Some(matching) = matched(&trades, &splits) else {
            return Ok(());
        };
        let mut stored = Stored::of_matching(&matching, ledger(&trades, splits));
        stored.ledger.splits = Box::default();
        let violations = stored.violations();
        let is_hash = |it: &Violation| it.invariant.id() == "I13";
        prop_assert!(violations.iter().any(is_hash), "{violations:?}");
        Ok(())
    });
}
