//! Worked cases of docs/SPEC-matching.md, "Transfers". The numbers are worked by hand.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::action::{ActionRatio, Split, SplitChange};
use super::super::ids::{Account, Pool};
use super::super::judge::judge_pool;
use super::super::leg::{Entry, Leg};
use super::super::origin::MovedFrom;
use super::super::outcome::Matching;
use super::super::pool::{PoolLedger, PoolResult};
use super::super::side::Side;
use super::super::time::Timestamp;
use super::super::trade::{Trade, TradeRef};
use super::super::transfer::Transfer;
use super::{find_moves, tied_pools};

fn pool(account: &str) -> Pool {
    Pool::new(account.parse().unwrap(), "BTC".parse().unwrap())
}

fn at(day: i64) -> Timestamp {
    Timestamp::try_from_micros(day).unwrap()
}

/// A trade: its id, side, size, price, fee and day.
type Row = (
    &'static str,
    Side,
    &'static str,
    &'static str,
    &'static str,
    i64,
);

fn trade((id, side, size, price, fee, day): Row) -> Trade {
    Trade {
        order_id: id.parse().unwrap(),
        side,
        size: size.parse().unwrap(),
        price: price.parse().unwrap(),
        fee: Some(fee.parse().unwrap()),
        order_time: at(day),
        trade_seq: None,
        more: None,
        entry: Entry::default(),
    }
}

/// A transfer: the accounts, the days, and the units that arrive of those that left.
fn transfer(id: &str, from: &str, to: &str, days: (i64, i64), units: (&str, &str)) -> Transfer {
    Transfer {
        asset: "BTC".parse().unwrap(),
        from: from.parse().unwrap(),
        withdrawal: format!("w{id}").parse().unwrap(),
        sent_at: at(days.0),
        sent: units.1.parse().unwrap(),
        to: to.parse().unwrap(),
        deposit: format!("d{id}").parse().unwrap(),
        received_at: at(days.1),
        received: units.0.parse().unwrap(),
        fee: None,
        usd_value: None,
    }
}

#[derive(Default)]
struct Group {
    ledgers: BTreeMap<Pool, PoolLedger>,
    transfers: Vec<Transfer>,
    excluded: Option<Pool>,
}

impl Group {
    fn with(mut self, account: &str, rows: &[Row]) -> Self {
        for row in rows {
            self = self.with_trade(account, &trade(*row));
        }
        self
    }

    fn with_trade(mut self, account: &str, trade: &Trade) -> Self {
        let new = || PoolLedger::new(pool(account));
        let ledger = self.ledgers.entry(pool(account)).or_insert_with(new);
        ledger.push(&TradeRef::try_of(trade).unwrap()).unwrap();
        self
    }

    fn split(mut self, accounts: &[&str], day: i64, new: &str) -> Self {
        let split = Split {
            happened_at: at(day),
            change: SplitChange::Ratio(ActionRatio::try_read(new, "1").unwrap()),
        };
        for account in accounts {
            let new = || PoolLedger::new(pool(account));
            let ledger = self.ledgers.entry(pool(account)).or_insert_with(new);
            ledger.splits = Box::from([split]);
        }
        self
    }

    fn moved(mut self, transfer: Transfer) -> Self {
        self.transfers.push(transfer);
        self
    }

    fn results(&self) -> BTreeMap<Account, PoolResult> {
        let mut ledgers = self.ledgers.clone();
        for group in tied_pools(&self.transfers) {
            let is_excluded = |pool: &Pool| self.excluded.as_ref() == Some(pool);
            for (pool, moves) in find_moves(&group, |pool| self.ledgers.get(pool)) {
                let new = || PoolLedger::new(pool.clone());
                let ledger = ledgers.entry(pool.clone()).or_insert_with(new);
                ledger.moves = Some(Arc::new(moves));
                ledger.refuse_excluded(is_excluded);
            }
        }
        let judged = ledgers.into_values().map(|ledger| {
            let account = ledger.pool.account.clone();
            let excluded = self.excluded.as_ref() == Some(&ledger.pool);
            let outcome = judge_pool(ledger, excluded.then_some("why"));
            (account, outcome.result)
        });
        judged.collect()
    }

    /// Rows, open lots and moves of a pool, one a line.
    fn lines(&self, account: &str) -> Vec<String> {
        match self.results().remove(&account.parse().unwrap()) {
            Some(PoolResult::Matched(matching)) => lines_of(&matching),
            Some(PoolResult::Rejected(rejection)) => vec![rejection.reason],
            other => vec![format!("{other:?}")],
        }
    }
}

fn lines_of(matching: &Matching) -> Vec<String> {
    assert_eq!(matching.self_check(), Ok(()));
    let from = |moved: Option<&MovedFrom>| {
        moved.map_or(String::new(), |moved| {
            let account = moved.account.as_ref().map_or("", Account::as_str);
            format!(" of {account}/{}", moved.movement)
        })
    };
    let mut lines = Vec::new();
    for row in matching.rows().unwrap() {
        let buy = row.buy_order_id.unwrap_or("no lot");
        let cost = row.cost_basis_usd.map_or("-".into(), |it| it.to_string());
        let leg = row.sell_leg.stored().unwrap_or("sell");
        lines.push(format!(
            "{leg} {} takes {} of {buy}{}: {} - {cost}",
            row.sell_order_id,
            row.allocated_size,
            from(row.moved),
            row.net_proceeds_usd
        ));
    }
    for (buy, lot) in matching.open_lots_with_buys().map(Result::unwrap) {
        let moved = buy.moved.map(|moved| &**moved);
        lines.push(format!(
            "open {}{}: {} cost {}",
            buy.order_id,
            from(moved),
            lot.remaining_size,
            lot.remaining_cost
        ));
    }
    for it in &matching.moved_out.lots {
        lines.push(format!(
            "{} moves {} of {} cost {}",
            it.withdrawal, it.size, it.buy_order_id, it.cost_usd
        ));
    }
    for it in &matching.moved_out.missing {
        lines.push(format!("{} lacks {}", it.transfer.withdrawal, it.size));
    }
    let totals = &matching.totals;
    let open: u64 = matching.open_lots.len().try_into().unwrap();
    assert_eq!(totals.open_lots, open);
    lines
}

use Side::{Buy, Sell};

/// 10 at 5 with a fee of 0.10 cost 50.10. The first half costs 25 + 0.05, the rest the same.
#[test]
fn half_a_lot_moves_and_is_sold_there() {
    let group = Group::default()
        .with(
            "a",
            &[
                ("b1", Buy, "10", "5", "0.10", 1),
                ("s1", Sell, "5", "8", "0", 9),
            ],
        )
        .with("b", &[("s2", Sell, "4", "6", "0", 5)])
        .moved(transfer("1", "a", "b", (2, 3), ("5", "5")));
    assert_eq!(
        group.lines("a"),
        [
            "sell s1 takes 5 of b1: 40 - 25.05",
            "w1 moves 5 of b1 cost 25.05",
        ]
    );
    // 25.05 x 4 / 5
    assert_eq!(
        group.lines("b"),
        [
            "sell s2 takes 4 of b1 of a/d1: 24 - 20.04",
            "open b1 of a/d1: 1 cost 5.01",
        ]
    );
}

#[test]
fn a_lot_that_moved_can_be_sold_from_its_arrival_on() {
    let group = |sold_at| {
        Group::default()
            .with("a", &[("b1", Buy, "10", "5", "0", 1)])
            .with("b", &[("s2", Sell, "4", "6", "0", sold_at)])
            .moved(transfer("1", "a", "b", (2, 5), ("5", "5")))
    };
    assert_eq!(
        group(4).lines("b"),
        [
            "sell s2 takes 4 of no lot: 24 - -",
            "open b1 of a/d1: 5 cost 25",
        ]
    );
    // At the same instant lots come before sells.
    assert_eq!(
        group(5).lines("b").first().unwrap(),
        "sell s2 takes 4 of b1 of a/d1: 24 - 20"
    );
}

#[test]
fn a_lot_that_comes_back_stands_beside_what_stayed() {
    let group = Group::default()
        .with(
            "a",
            &[
                ("b1", Buy, "10", "5", "0", 1),
                ("s1", Sell, "9", "8", "0", 9),
            ],
        )
        .moved(transfer("1", "a", "b", (2, 3), ("6", "6")))
        .moved(transfer("2", "b", "a", (4, 5), ("4", "4")));
    assert_eq!(
        group.lines("a"),
        [
            "sell s1 takes 4 of b1: 32 - 20",
            "sell s1 takes 4 of b1 of /d2: 32 - 20",
            "sell s1 takes 1 of no lot: 8 - -",
            "w1 moves 6 of b1 cost 30",
        ]
    );
    assert_eq!(
        group.lines("b"),
        ["open b1 of a/d1: 2 cost 10", "w2 moves 4 of b1 cost 20"]
    );
}

/// 3 units for 10 USD, over three accounts. Each network takes 0.5, sold at 4 USD a unit.
#[test]
fn three_accounts_and_what_the_networks_took() {
    let network = |id, day| {
        let mut fee = trade((id, Sell, "0.5", "0", "0", day));
        (fee.entry.leg, fee.entry.value) = (Leg::Network, Some("2".parse().unwrap()));
        fee
    };
    let mut bought = trade(("b1", Buy, "3", "0", "0", 1));
    bought.entry.value = Some("10".parse().unwrap());
    let group = Group::default()
        .with_trade("a", &bought)
        .with_trade("a", &network("w1", 2))
        .with_trade("b", &network("w2", 3))
        .with("c", &[("s1", Sell, "2", "6", "0", 9)])
        .moved(transfer("1", "a", "b", (2, 3), ("2.5", "3")))
        .moved(transfer("2", "b", "c", (3, 3), ("2", "2.5")));
    // The first 2.5 of 3 cost 8.333333333333, and the rest 1.666666666667.
    assert_eq!(
        group.lines("a"),
        [
            "network w1 takes 0.5 of b1: 2 - 1.666666666667",
            "w1 moves 2.5 of b1 cost 8.333333333333",
        ]
    );
    // 8.333333333333 x 2 / 2.5 = 6.6666666666664
    assert_eq!(
        group.lines("b"),
        [
            "network w2 takes 0.5 of b1 of a/d1: 2 - 1.666666666667",
            "w2 moves 2 of b1 cost 6.666666666666",
        ]
    );
    assert_eq!(
        group.lines("c"),
        ["sell s1 takes 2 of b1 of a/d2: 12 - 6.666666666666"]
    );
}

#[test]
fn a_lot_older_than_all_in_the_receiving_account_goes_first() {
    let group = Group::default()
        .with("a", &[("b1", Buy, "1", "5", "0", 1)])
        .with(
            "b",
            &[
                ("b2", Buy, "2", "7", "0", 2),
                ("s1", Sell, "1", "9", "0", 3),
                ("s2", Sell, "2", "9", "0", 6),
            ],
        )
        .moved(transfer("1", "a", "b", (4, 5), ("1", "1")));
    // The sell of before takes b2, which is then used in part. Then b1 comes, and goes first.
    assert_eq!(
        group.lines("b"),
        [
            "sell s1 takes 1 of b2: 9 - 7",
            "sell s2 takes 1 of b1 of a/d1: 9 - 5",
            "sell s2 takes 1 of b2: 9 - 7",
        ]
    );
}

#[test]
fn a_split_after_the_move_changes_the_lot_where_it_is() {
    let group = Group::default()
        .with("a", &[("b1", Buy, "3", "10", "0", 1)])
        .with("b", &[("s1", Sell, "4", "6", "0", 9)])
        .moved(transfer("1", "a", "b", (2, 3), ("2", "2")))
        .split(&["a", "b"], 5, "4");
    assert_eq!(
        group.lines("a"),
        ["open b1: 4 cost 10", "w1 moves 2 of b1 cost 20"]
    );
    assert_eq!(
        group.lines("b"),
        [
            "sell s1 takes 4 of b1 of a/d1: 24 - 10",
            "open b1 of a/d1: 4 cost 10",
        ]
    );
}

#[test]
fn a_split_between_the_ends_refuses_both_and_what_depends_on_them() {
    let group = Group::default()
        .with("a", &[("b1", Buy, "3", "10", "0", 1)])
        .moved(transfer("1", "a", "b", (2, 5), ("2", "2")))
        .moved(transfer("2", "b", "c", (7, 8), ("1", "1")))
        .with("d", &[("b9", Buy, "1", "1", "0", 1)])
        .moved(transfer("3", "d", "a", (7, 8), ("1", "1")))
        .split(&["a", "b"], 5, "4");
    for account in ["a", "b"] {
        assert_eq!(
            group.lines(account),
            [
                "the split at 1970-01-01T00:00:00.000005Z (4 for 1) lies between the withdrawal \
              \"w1\" of \"a\" and its deposit, expected a transfer before or after it"
            ]
        );
    }
    assert_eq!(
        group.lines("c"),
        ["lots came from the pool of \"b\", which is rejected"]
    );
    // What only sends has a result.
    assert_eq!(group.lines("d"), ["w3 moves 1 of b9 cost 1"]);
}

#[test]
fn an_excluded_pool_takes_those_along_that_depend_on_it() {
    let mut group = Group::default()
        .with("a", &[("b1", Buy, "3", "10", "0", 1)])
        .moved(transfer("1", "a", "b", (2, 5), ("2", "2")))
        .moved(transfer("2", "b", "c", (7, 8), ("1", "1")));
    group.excluded = Some(pool("b"));
    assert_eq!(
        group.lines("a"),
        ["open b1: 1 cost 10", "w1 moves 2 of b1 cost 20"]
    );
    assert_eq!(
        group.lines("c"),
        ["lots came from the pool of \"b\", which is excluded"]
    );
}

#[test]
fn a_withdrawal_of_more_than_there_is_moves_what_there_is() {
    let group = Group::default()
        .with(
            "a",
            &[
                ("b1", Buy, "3", "10", "0", 1),
                ("b2", Buy, "9", "1", "0", 3),
            ],
        )
        .moved(transfer("1", "a", "b", (2, 5), ("4", "4")));
    assert_eq!(
        group.lines("a"),
        [
            "open b2: 9 cost 9",
            "w1 moves 3 of b1 cost 30",
            "w1 lacks 1"
        ]
    );
    assert_eq!(group.lines("b"), ["open b1 of a/d1: 3 cost 30"]);
}

/// Units of one buy that come in two parts are one lot.
#[test]
fn parts_of_one_buy_that_come_together_are_one_lot() {
    let group = Group::default()
        .with("a", &[("b1", Buy, "10", "5", "0", 1)])
        .moved(transfer("1", "a", "b", (2, 3), ("3", "3")))
        .moved(transfer("2", "a", "b", (4, 5), ("2", "2")))
        .moved(transfer("3", "b", "c", (6, 7), ("5", "5")));
    assert_eq!(
        group.lines("b"),
        ["w3 moves 3 of b1 cost 15", "w3 moves 2 of b1 cost 10"]
    );
    assert_eq!(group.lines("c"), ["open b1 of a/d3: 5 cost 25"]);
}

/// Accounts y and z are a ring, and z sends to a, which sends on. The name of a is the first, and
/// its lots come first all the same.
#[test]
fn an_account_behind_a_ring_waits_for_its_lots() {
    let group = Group::default()
        .with("y", &[("b1", Buy, "1", "2", "0", 1)])
        .with("z", &[("b2", Buy, "5", "3", "0", 1)])
        .moved(transfer("1", "y", "z", (2, 2), ("1", "1")))
        .moved(transfer("2", "z", "y", (2, 2), ("1", "1")))
        .moved(transfer("3", "z", "a", (2, 2), ("3", "3")))
        .moved(transfer("4", "a", "b", (2, 2), ("2", "2")));
    assert_eq!(
        group.lines("a"),
        ["open b2 of z/d3: 1 cost 3", "w4 moves 2 of b2 cost 6"]
    );
}

/// Two accounts that send to each other at one instant: the first by name sends first.
#[test]
fn a_ring_at_one_instant_has_an_order() {
    let group = Group::default()
        .with("a", &[("b1", Buy, "1", "5", "0", 1)])
        .with("b", &[("b2", Buy, "1", "7", "0", 2)])
        .moved(transfer("2", "b", "a", (4, 4), ("2", "2")))
        .moved(transfer("1", "a", "b", (4, 4), ("1", "1")));
    assert_eq!(
        group.lines("a"),
        [
            "open b1 of /d2: 1 cost 5",
            "open b2 of b/d2: 1 cost 7",
            "w1 moves 1 of b1 cost 5",
        ]
    );
    assert_eq!(
        group.lines("b"),
        ["w2 moves 1 of b1 cost 5", "w2 moves 1 of b2 cost 7"]
    );
}
