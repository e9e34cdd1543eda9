//! Properties of lots that move, over random histories of several accounts. Both matchers agree, no
//! unit and no cost is lost, the order of input does not matter, the judge finds every change.

use std::collections::BTreeMap;
use std::sync::Arc;

use fifo_pnl::engine::reference::{AccountHistory, AccountMatching, match_group};
use fifo_pnl::engine::{
    ActionRatio, LotMove, PoolResult, Split, SplitChange, Transfer, find_moves, judge_pool,
    tied_pools,
};

use super::*;

const ACCOUNTS: [&str; 3] = ["a", "b", "c"];

/// Trades of three accounts, their transfers, and splits of all of them.
#[derive(Debug, Clone)]
struct Histories {
    trades: Vec<(usize, Trade)>,
    transfers: Vec<Transfer>,
    splits: Vec<Split>,
}

fn pool_of(account: &str) -> Pool {
    Pool::new(account.parse().unwrap(), "BTC-USD".parse().unwrap())
}

fn sizes() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (1_u128..40, 0_usize..3).prop_map(|(units, decimals)| decimal(units, decimals)),
        4 => (1_u128..10_u128.pow(9), 6_usize..9).prop_map(|(u, d)| decimal(u, d)),
    ]
}

fn moments() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0_i64..9, 1 => -1_000_000_000_000..1_000_000_000_000_i64]
}

fn transfer() -> impl Strategy<Value = Transfer> {
    let accounts = (0..ACCOUNTS.len(), 1..ACCOUNTS.len());
    let delay = prop_oneof![2 => Just(0_i64), 2 => 1_i64..4];
    (accounts, moments(), delay, sizes()).prop_map(|((from, step), sent, delay, size)| {
        let at = |micros| Timestamp::try_from_micros(micros).unwrap();
        let size: Size = size.parse().unwrap();
        Transfer {
            asset: "BTC-USD".parse().unwrap(),
            from: ACCOUNTS[from].parse().unwrap(),
            withdrawal: "w".parse().unwrap(),
            sent_at: at(sent),
            sent: size,
            to: ACCOUNTS[(from + step) % ACCOUNTS.len()].parse().unwrap(),
            deposit: "d".parse().unwrap(),
            received_at: at(sent + delay),
            received: size,
            fee: None,
            usd_value: None,
        }
    })
}

fn histories() -> impl Strategy<Value = Histories> {
    let trades = prop::collection::vec((0..ACCOUNTS.len(), facts(), sizes()), 0..60);
    let split = (
        moments(),
        prop::sample::select(vec![("2", "1"), ("3", "2"), ("1", "3")]),
    );
    let split = split.prop_map(|(at, (new, old))| Split {
        happened_at: Timestamp::try_from_micros(at).unwrap(),
        change: SplitChange::Ratio(ActionRatio::try_read(new, old).unwrap()),
    });
    let splits = prop::collection::vec(split, 0..2);
    let transfers = prop::collection::vec(transfer(), 1..8);
    (trades, transfers, splits).prop_map(|(trades, mut transfers, splits)| {
        for (nth, it) in transfers.iter_mut().enumerate() {
            it.withdrawal = format!("w{nth}").parse().unwrap();
            it.deposit = format!("d{nth}").parse().unwrap();
        }
        let trade = |(place, (account, mut one, size)): (usize, (usize, Facts, String))| {
            // Three of four are buys, so that there is something to move.
            one.is_buy |= place % 2 == 0;
            one.size = size;
            (account, one.trade(place))
        };
        Histories {
            trades: (0..).zip(trades).map(trade).collect(),
            transfers,
            splits,
        }
    })
}

impl Histories {
    fn ledgers(&self) -> BTreeMap<Pool, PoolLedger> {
        let mut ledgers = BTreeMap::new();
        for (nth, account) in ACCOUNTS.iter().enumerate() {
            let mut ledger = PoolLedger::new(pool_of(account));
            for (_, trade) in self.trades.iter().filter(|(of, _)| *of == nth) {
                ledger.push(&TradeRef::try_of(trade).unwrap()).unwrap();
            }
            ledger.splits = self.splits.clone().into();
            ledgers.insert(pool_of(account), ledger);
        }
        ledgers
    }

    /// The ledgers with their moves.
    fn moved(&self) -> BTreeMap<Pool, PoolLedger> {
        let mut ledgers = self.ledgers();
        for group in tied_pools(&self.transfers) {
            for (pool, moves) in find_moves(&group, |pool| ledgers.get(pool)) {
                ledgers.get_mut(&pool).unwrap().moves = Some(Arc::new(moves));
            }
        }
        ledgers
    }

    /// The matchings by account. `None`: a split lies between, or leaves nothing of a lot.
    fn matchings(&self) -> Option<BTreeMap<Account, Matching>> {
        let judged = self.moved().into_values().map(|ledger| {
            let account = ledger.pool.account.clone();
            match judge_pool(ledger, None).result {
                PoolResult::Matched(matching) => Some((account, *matching)),
                _ => None,
            }
        });
        judged.collect()
    }

    fn reference(&self) -> BTreeMap<Account, AccountMatching> {
        let history = |nth: usize| AccountHistory {
            trades: self
                .trades
                .iter()
                .filter(|(of, _)| *of == nth)
                .map(|(_, it)| it.clone())
                .collect(),
            splits: self.splits.clone(),
        };
        let accounts = ACCOUNTS.iter().enumerate();
        let accounts = accounts.map(|(nth, account)| (account.parse().unwrap(), history(nth)));
        match_group(accounts.collect(), &self.transfers).unwrap()
    }
}

/// Rows, open lots and moves of the first matcher.
fn all_lines(matching: &Matching) -> Vec<String> {
    let lots = matching.open_lots_with_buys().map(Result::unwrap);
    let lots = lots.map(|(buy, lot)| {
        let (size, cost) = (lot.remaining_size, lot.remaining_cost);
        format!("{} {:?} {size} {cost}", buy.order_id, buy.moved)
    });
    let moves = matching.moved_out.lots.iter().map(|it| {
        format!(
            "{} {} {:?} {} {}",
            it.withdrawal, it.buy_order_id, it.buy_movement, it.size, it.cost_usd
        )
    });
    let missing = matching.moved_out.missing.iter();
    let missing = missing.map(|it| format!("{} lacks {}", it.transfer.withdrawal, it.size));
    let rows = matching.rows().unwrap();
    rows.iter()
        .map(line)
        .chain(lots)
        .chain(moves)
        .chain(missing)
        .collect()
}

/// The same of the second matcher.
fn all_reference_lines(account: &Account, found: &AccountMatching, all: &Histories) -> Vec<String> {
    let pool = pool_of(account.as_str());
    let matching = &found.matching;
    let rows = matching.allocations.iter();
    let rows = rows.map(|it| line(&it.row(&pool, &found.trades, &matching.changed).unwrap()));
    let lots = matching.open_lots.iter().map(|lot| {
        let buy = &found.trades[lot.buy];
        let (size, cost) = (lot.remaining_size, lot.remaining_cost_usd);
        format!(
            "{} {:?} {size} {cost}",
            buy.order_id,
            buy.entry.moved.as_ref()
        )
    });
    let moves = found.moves.iter().map(|it| {
        let (lot, transfer) = (&found.trades[it.lot], &all.transfers[it.transfer]);
        let movement = lot.entry.moved.as_ref().map(|moved| moved.movement.clone());
        let (id, withdrawal) = (&lot.order_id, &transfer.withdrawal);
        format!("{withdrawal} {id} {movement:?} {} {}", it.size, it.cost_usd)
    });
    let left = found.happened.iter().filter_map(|it| match it {
        reference::Happened::Left(nth) => found.missing.get(nth).map(|size| (nth, size)),
        _ => None,
    });
    let missing =
        left.map(|(nth, size)| format!("{} lacks {size}", all.transfers[*nth].withdrawal));
    rows.chain(lots).chain(moves).chain(missing).collect()
}

#[test]
fn both_matchers_agree_about_lots_that_move() {
    let counts = [const { Cell::new(0_u32) }; 4];
    let count = |nth: usize, is: bool| counts[nth].set(counts[nth].get() + u32::from(is));
    for_all(500, histories(), |all| {
        let Some(matchings) = all.matchings() else {
            count(0, true);
            return Ok(());
        };
        for (account, found) in all.reference() {
            let matching = &matchings[&account];
            prop_assert_eq!(
                all_lines(matching),
                all_reference_lines(&account, &found, &all)
            );
            prop_assert_eq!(matching.self_check(), Ok(()));
            let rows = matching.rows().unwrap();
            prop_assert_eq!(rows.len() as u64, matching.rows_count());
            count(1, rows.iter().any(|row| row.moved.is_some()));
            count(
                2,
                matching
                    .moved_out
                    .lots
                    .iter()
                    .any(|it| it.buy_movement.is_some()),
            );
            count(3, !matching.moved_out.missing.is_empty());
        }
        Ok(())
    });
    let counts = counts.map(Cell::into_inner);
    let is_enough = counts[0] < 150 && counts[1..].iter().all(|count| *count > 80);
    assert!(is_enough, "{counts:?}");
}

#[test]
fn no_unit_and_no_cost_is_lost_on_the_way() {
    for_all(250, histories(), |mut all| {
        all.splits.clear();
        let matchings = all.matchings().unwrap();
        let (mut bought, mut cost) = (Size::ZERO, Usd::ZERO);
        for (_, trade) in all.trades.iter().filter(|(_, it)| it.side == Side::Buy) {
            bought = add_sizes(bought, trade.size).unwrap();
            let (gross, fee) = whole_worth(trade);
            cost = cost.checked_add(gross).unwrap().checked_add(fee).unwrap();
        }
        let (mut held, mut spent) = (Size::ZERO, Usd::ZERO);
        for matching in matchings.values() {
            let totals = &matching.totals;
            held = add_sizes(
                held,
                add_sizes(totals.matched_size, totals.open_size).unwrap(),
            )
            .unwrap();
            let worth = totals.cost_basis.checked_add(totals.open_cost).unwrap();
            spent = spent.checked_add(worth).unwrap();
        }
        prop_assert_eq!((held, spent), (bought, cost));
        Ok(())
    });
}

#[test]
fn the_order_of_trades_and_transfers_does_not_matter() {
    let shuffled = histories().prop_flat_map(|all| {
        let (trades, transfers) = (Just(all.trades.clone()), Just(all.transfers.clone()));
        (Just(all), trades.prop_shuffle(), transfers.prop_shuffle())
    });
    for_all(150, shuffled, |(all, trades, transfers)| {
        let splits = all.splits.clone();
        let other = Histories {
            trades,
            transfers,
            splits,
        };
        let of = |all: &Histories| {
            let outcomes = all
                .moved()
                .into_values()
                .map(|ledger| compute_pool(ledger, None));
            outcomes.collect::<Vec<_>>()
        };
        prop_assert_eq!(of(&all), of(&other));
        Ok(())
    });
}

/// A pool as it is stored, and what the second matcher expects of it.
fn violations(
    stored: &Stored,
    moves: &[LotMove],
    (expected, transfers): (&AccountMatching, &[Transfer]),
) -> Vec<Violation> {
    let moved = MovedPool {
        expected,
        transfers,
        moves,
    };
    stored.violations_of(Some(moved))
}

#[test]
fn the_judge_finds_every_change_of_lots_that_move() {
    let changes = (histories(), any::<prop::sample::Index>(), 0..MUTATIONS + 4);
    let found = [const { Cell::new(0_u32) }; 2];
    for_all(300, changes, |(all, at, mutation)| {
        let Some(matchings) = all.matchings() else {
            return Ok(());
        };
        let reference = all.reference();
        for (pool, ledger) in all.moved() {
            let matching = &matchings[&pool.account];
            let expected = (&reference[&pool.account], &all.transfers[..]);
            let mut stored = Stored::of_matching(matching, ledger);
            let mut moves = matching.moved_out.lots.clone();
            prop_assert_eq!(violations(&stored, &moves, expected), Vec::new());
            let invariant = match mutation.checked_sub(MUTATIONS) {
                None if stored.rows.is_empty() || !mutate(&mut stored, at, mutation) => continue,
                None => None,
                Some(_) if moves.is_empty() => continue,
                Some(change) => {
                    let at = at.index(moves.len());
                    let more = "0.000000000001";
                    let it = &mut moves[at];
                    Some(match change {
                        0 => {
                            it.cost_usd = it.cost_usd.checked_add(more.parse().unwrap()).unwrap();
                            "I20"
                        }
                        1 => {
                            it.size = add_sizes(it.size, more.parse().unwrap()).unwrap();
                            "I19"
                        }
                        2 => {
                            let later = it.buy_time.as_micros() + 1;
                            it.buy_time = Timestamp::try_from_micros(later).unwrap();
                            "I9"
                        }
                        _ => {
                            moves.remove(at);
                            "I19"
                        }
                    })
                }
            };
            let violations = violations(&stored, &moves, expected);
            prop_assert!(!violations.is_empty(), "{mutation} of {}", pool);
            found[usize::from(invariant.is_some())]
                .set(found[usize::from(invariant.is_some())].get() + 1);
            if let Some(invariant) = invariant {
                let is_it = |it: &Violation| it.invariant.id() == invariant;
                prop_assert!(violations.iter().any(is_it), "{violations:?}");
            }
        }
        Ok(())
    });
    let found = found.map(Cell::into_inner);
    assert!(found.iter().all(|count| *count > 60), "{found:?} changes");
}

/// A lot that is sold before it arrived, and one that never came.
#[test]
fn a_lot_that_is_not_there_yet_is_found() {
    let trade = |id, side, micros| {
        let text = TradeText {
            order_id: id,
            side,
            size: "2",
            price: "5",
            fee: Some("0"),
            order_time_micros: Some(micros),
            trade_seq: None,
            more: None,
        };
        Trade::try_from_text(&text).unwrap()
    };
    let at = |micros| Timestamp::try_from_micros(micros).unwrap();
    let all = |received| Histories {
        trades: vec![(0, trade("b1", "buy", 1)), (1, trade("s1", "sell", 5))],
        transfers: vec![Transfer {
            asset: "BTC-USD".parse().unwrap(),
            from: "a".parse().unwrap(),
            withdrawal: "w".parse().unwrap(),
            sent_at: at(2),
            sent: "2".parse().unwrap(),
            to: "b".parse().unwrap(),
            deposit: "d".parse().unwrap(),
            received_at: at(received),
            received: "2".parse().unwrap(),
            fee: None,
            usd_value: None,
        }],
        splits: Vec::new(),
    };
    // The rows of a transfer that arrives in time, judged as one that arrives later.
    let (early, late) = (all(3), all(9));
    let pool = pool_of("b");
    let stored = Stored::of_matching(
        &early.matchings().unwrap()[&pool.account],
        late.moved().remove(&pool).unwrap(),
    );
    let reference = late.reference();
    let found = violations(&stored, &[], (&reference[&pool.account], &late.transfers));
    let ids: Vec<&str> = found.iter().map(|it| it.invariant.id()).collect();
    assert!(ids.contains(&"I4") && ids.contains(&"I6"), "{found:?}");
}
