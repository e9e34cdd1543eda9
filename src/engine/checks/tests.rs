//! Breaks a valid version in one way at a time, and compares the violations found.

use std::collections::BTreeSet;

use super::*;
use crate::engine::matching::match_pool;
use crate::engine::trade::TradeRef;
use crate::engine::trade::{Trade, TradeText};
use crate::engine::trades::Trades;
use crate::engine::{AllocationRow, Leg, Notes, RowsHash, Size, Usd, WholeLot};

/// A stored version of one pool.
struct Case {
    pool: Pool,
    ledger: PoolLedger,
    rows: Vec<StoredAllocation>,
    lots: Vec<StoredLot>,
    summary: Option<StoredSummary>,
    review: UnmatchedItems,
    is_current: bool,
    was_published: bool,
}

impl Case {
    /// Each line is `id side size price fee micros`; a fee of `?` is unknown.
    fn of(trades: &[&str]) -> Self {
        let pool = Pool::new("a".parse().unwrap(), "BTC-USD".parse().unwrap());
        let mut ledger = PoolLedger::new(pool.clone());
        for line in trades {
            let words: Vec<&str> = line.split_whitespace().collect();
            let [order_id, side, size, price, fee, micros] = words[..] else {
                panic!("{line}");
            };
            ledger.push_text(&TradeText {
                order_id,
                side,
                size,
                price,
                fee: (fee != "?").then_some(fee),
                order_time_micros: Some(micros.parse().unwrap()),
                trade_seq: None,
                more: None,
            });
        }
        let matching = match_pool(pool.clone(), ledger.trades.to_vec().unwrap()).unwrap();
        let row = |(id, row): (i64, AllocationRow<'_>)| StoredAllocation::try_from_row(id, &row);
        let lot = |(buy, lot): (TradeRef<'_>, &crate::engine::OpenLot)| StoredLot {
            buy_order_id: buy.order_id.parse().unwrap(),
            buy_leg: buy.leg,
            symbol: matching.pool.symbol_of(buy.symbol).parse().unwrap(),
            remaining_size: lot.remaining_size,
            remaining_cost_usd: lot.remaining_cost,
            direction: buy.side.opens(),
            moved: None,
            whole: None,
        };
        let unmatched: BTreeSet<(String, Leg)> = matching
            .rows()
            .unwrap()
            .into_iter()
            .filter(|row| row.buy_order_id.is_none())
            .map(|row| (row.sell_order_id.to_owned(), row.sell_leg))
            .collect();
        Self {
            rows: (1..)
                .zip(matching.rows().unwrap())
                .map(row)
                .collect::<Result<_, _>>()
                .unwrap(),
            lots: matching
                .open_lots_with_buys()
                .map(Result::unwrap)
                .map(lot)
                .collect(),
            summary: Some(StoredSummary {
                status: PoolStatus::Matched,
                totals: matching.totals,
                ledger_hash: ledger.ledger_hash,
                allocations_hash: matching.allocations_hash().unwrap(),
            }),
            review: UnmatchedItems {
                any: unmatched.clone(),
                open: unmatched,
            },
            pool,
            ledger,
            is_current: true,
            was_published: true,
        }
    }

    /// Seven trades that use every feature. Rows 1 to 6 are s1-b1, s1-b2, s2-b2, s2-b3, s3-b3 and
    /// the unmatched part of s3. Then s4 takes from b4 (row 7), which stays open, as does b5.
    fn valid() -> Self {
        Self::of(&[
            "b1 buy 1 10 0.1 1",
            "b2 buy 2 11 0.1 2",
            "s1 sell 1.5 12 0.1 3",
            "b3 buy 1 9 ? 4",
            "s2 sell 2 13 0.1 5",
            "s3 sell 3 14 -0.1 6",
            "b4 buy 3 8 0.1 7",
            "b5 buy 1 7 0 7",
            "s4 sell 1 15 0.1 8",
        ])
    }

    fn violations(&self) -> Vec<Violation> {
        let version = PoolVersion {
            pool: &self.pool,
            ledger: &self.ledger,
            allocations: &self.rows,
            open_lots: &self.lots,
            summary: self.summary.as_ref(),
            review: &self.review,
            moved: None,
            is_current: self.is_current,
            was_published: self.was_published,
        };
        check_pool(&version, &|_, order_id| {
            (order_id == "eth").then(|| "ETH-USD".parse().unwrap())
        })
    }

    fn summary(&mut self) -> &mut StoredSummary {
        self.summary.as_mut().unwrap()
    }

    /// Returns invariant and order of all violations but those of I13.
    fn without_i13(violations: &[Violation]) -> Vec<String> {
        let others = violations
            .iter()
            .filter(|one| one.invariant != Invariant::I13);
        others
            .map(|one| format!("{} {}", one.invariant, one.order_id))
            .collect()
    }
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn size(text: &str) -> Size {
    text.parse().unwrap()
}

/// The field, the change, the violations it gives besides I13, and the number of I13.
type Broken = (&'static str, fn(&mut Case), &'static [&'static str], usize);

fn assert_found(cases: &[Broken]) {
    for (what, break_it, expected, of_summary) in cases {
        let mut case = Case::valid();
        break_it(&mut case);
        let violations = case.violations();
        let shown: Vec<String> = violations.iter().map(Violation::to_string).collect();
        assert_eq!(
            Case::without_i13(&violations),
            *expected,
            "{what}: {shown:#?}"
        );
        let i13 = violations
            .iter()
            .filter(|one| one.invariant == Invariant::I13);
        assert_eq!(i13.count(), *of_summary, "{what}: {shown:#?}");
    }
}

#[test]
fn a_valid_version_has_no_violations() {
    let pairs: Vec<String> = Case::valid()
        .rows
        .iter()
        .map(|row| {
            let buy = row.row().buy_order_id.unwrap_or("none").to_owned();
            format!("{}-{buy}", row.sell_order_id)
        })
        .collect();
    let expected = [
        "s1-b1", "s1-b2", "s2-b2", "s2-b3", "s3-b3", "s3-none", "s4-b4",
    ];
    assert_eq!(pairs, expected);
    assert_eq!(Case::valid().violations(), []);
    let mut backwards = Case::valid();
    backwards.rows.reverse();
    backwards.lots.reverse();
    let trades: Vec<Trade> = backwards
        .ledger
        .trades
        .to_vec()
        .unwrap()
        .into_iter()
        .rev()
        .collect();
    backwards.ledger.trades = Trades::try_of(&trades).unwrap();
    assert_eq!(backwards.violations(), []);
    assert_eq!(Case::of(&[]).violations(), []);
}

#[test]
fn a_wrong_column_is_one_i6() {
    assert_found(WRONG_COLUMNS);
}

const WRONG_COLUMNS: &[Broken] = &[
    (
        "pnl",
        |c| c.rows[0].pnl_usd = Some(usd("99")),
        &["I6 s1"],
        1,
    ),
    ("no pnl", |c| c.rows[0].pnl_usd = None, &["I6 s1"], 1),
    (
        "notes",
        |c| c.rows[3].notes = Notes::default(),
        &["I6 s2"],
        1,
    ),
    (
        "fees per unit",
        |c| c.rows[0].buy_fees_per_unit = None,
        &["I6 s1"],
        1,
    ),
    (
        "sell price",
        |c| c.rows[0].sell_price = Some("1".parse().unwrap()),
        &["I6 s1"],
        1,
    ),
    ("buy price", |c| c.rows[0].buy_price = None, &["I6 s1"], 1),
    (
        "buy time",
        |c| c.rows[0].buy_time = Some(c.rows[0].sell_time),
        &["I6 s1"],
        1,
    ),
    (
        "sell time",
        |c| c.rows[1].sell_time = c.rows[6].sell_time,
        &["I6 s1"],
        1,
    ),
    (
        "cost",
        |c| c.rows[0].cost_basis_usd = Some(usd("10")),
        &["I6 s1", "I7 b1"],
        1,
    ),
    (
        "net proceeds",
        |c| c.rows[0].net_proceeds_usd = usd("1"),
        &["I6 s1", "I7 s1"],
        1,
    ),
    (
        "proceeds",
        |c| c.rows[5].proceeds_usd = usd("1"),
        &["I6 s3", "I7 s3"],
        1,
    ),
    // The last digit of a fee moves from one slice to the other: the sum still is the whole.
    (
        "a share moved",
        |c| {
            let digit = Usd::from_units(1);
            for (row, up) in [(0, true), (1, false)] {
                let net = c.rows[row].net_proceeds_usd;
                let moved = if up {
                    net.checked_add(digit)
                } else {
                    net.checked_sub(digit)
                };
                c.rows[row].net_proceeds_usd = moved.unwrap();
            }
        },
        &["I6 s1", "I6 s1"],
        1,
    ),
];

#[test]
fn wrong_sizes_and_pairs_are_found() {
    assert_found(WRONG_PAIRS);
}

const WRONG_PAIRS: &[Broken] = &[
    // If the rows use less of b1, they skip its rest, which the snapshot lacks.
    (
        "size too small",
        |c| c.rows[0].allocated_size = size("0.5"),
        &["I1 s1", "I5 s1", "I6 s1", "I10 b1"],
        1,
    ),
    (
        "size too large",
        |c| c.rows[0].allocated_size = size("1.5"),
        &["I1 s1", "I2 b1", "I6 s1"],
        1,
    ),
    // The rows leave less of the lot than the snapshot has.
    (
        "size of an open lot too large",
        |c| c.rows[6].allocated_size = size("2"),
        &["I1 s4", "I6 s4", "I10 b4"],
        1,
    ),
    (
        "a row deleted",
        |c| drop(c.rows.remove(0)),
        &["I1 s1", "I5 s1", "I10 b1"],
        1,
    ),
    (
        "the unmatched row deleted",
        |c| drop(c.rows.remove(5)),
        &["I1 s3", "I11 s3"],
        1,
    ),
    (
        "a row twice",
        |c| c.rows.push(c.rows[6].clone()),
        &["I1 s4", "I3 s4", "I10 b4"],
        1,
    ),
    (
        "the unmatched row twice",
        |c| c.rows.push(c.rows[5].clone()),
        &["I1 s3", "I3 s3"],
        1,
    ),
    (
        "a younger lot",
        |c| c.rows[6].buy_order_id = Some("b5".parse().unwrap()),
        &["I5 s4", "I6 s4", "I10 b4", "I10 b5"],
        1,
    ),
    (
        "a lot that came later",
        |c| c.rows[0].buy_order_id = Some("b5".parse().unwrap()),
        &["I4 s1", "I5 s1", "I6 s1", "I10 b1", "I10 b5"],
        1,
    ),
    (
        "unmatched though there was a lot",
        |c| c.rows[6].buy_order_id = None,
        &["I5 s4", "I6 s4", "I10 b4", "I11 s4"],
        1,
    ),
    (
        "two sells swapped",
        |c| {
            c.rows[2].sell_order_id = "s3".parse().unwrap();
            c.rows[5].sell_order_id = "s2".parse().unwrap();
        },
        &[
            "I1 s2", "I1 s3", "I5 s2", "I5 s2", "I6 s3", "I6 s2", "I11 s2", "I11 s3",
        ],
        1,
    ),
];

#[test]
fn strangers_are_found() {
    assert_found(STRANGERS);
}

const STRANGERS: &[Broken] = &[
    (
        "an unknown sell",
        |c| c.rows[6].sell_order_id = "gone".parse().unwrap(),
        &["I1 s4", "I8 gone"],
        1,
    ),
    // The altered row still uses up b1, so no row skips b1.
    (
        "an unknown sell of the first lot",
        |c| c.rows[0].sell_order_id = "gone".parse().unwrap(),
        &["I1 s1", "I8 gone"],
        1,
    ),
    (
        "an unknown buy in two rows",
        |c| {
            c.rows[1].buy_order_id = Some("gone".parse().unwrap());
            c.rows[2].buy_order_id = Some("gone".parse().unwrap());
        },
        &["I5 s2", "I8 gone", "I10 b2"],
        1,
    ),
    (
        "a buy of another symbol",
        |c| c.rows[6].buy_order_id = Some("eth".parse().unwrap()),
        &["I9 eth", "I10 b4"],
        1,
    ),
    (
        "a sell as a buy",
        |c| c.rows[6].buy_order_id = Some("s1".parse().unwrap()),
        &["I8 s1", "I10 b4"],
        1,
    ),
    (
        "another account",
        |c| c.rows[0].account = "b".parse().unwrap(),
        &["I9 s1"],
        1,
    ),
    (
        "another symbol",
        |c| c.rows[0].symbol = "ETH-USD".parse().unwrap(),
        &["I6 s1"],
        1,
    ),
    (
        "another asset",
        |c| c.rows[0].asset = "ETH".parse().unwrap(),
        &["I9 s1"],
        1,
    ),
    (
        "another leg of the sell",
        |c| c.rows[0].sell_leg = Leg::Quote,
        &["I1 s1", "I8 s1"],
        1,
    ),
    // If a trade was voided or changed after the version's run, its allocations name an unknown
    // trade.
    (
        "a trade vanished",
        |c| c.ledger = without(&c.ledger, "s4"),
        &["I8 s4"],
        1,
    ),
];

fn without(ledger: &PoolLedger, order_id: &str) -> PoolLedger {
    let mut rest = PoolLedger::new(ledger.pool.clone());
    let trades = ledger.trades.iter();
    trades
        .filter(|trade| trade.order_id != order_id)
        .for_each(|trade| rest.push(&trade).unwrap());
    rest
}

#[test]
fn wrong_claims_are_found() {
    assert_found(WRONG_CLAIMS);
}

const WRONG_CLAIMS: &[Broken] = &[
    (
        "lot size",
        |c| c.lots[0].remaining_size = size("1"),
        &["I10 b4"],
        1,
    ),
    (
        "lot cost",
        |c| c.lots[0].remaining_cost_usd = usd("1"),
        &["I10 b4"],
        1,
    ),
    (
        "a value of a lot that has a price",
        |c| {
            c.lots[0].whole = Some(Box::new(WholeLot {
                size: size("1"),
                value: usd("1"),
                fee: None,
            }))
        },
        &["I10 b4"],
        0,
    ),
    ("lot missing", |c| drop(c.lots.remove(1)), &["I10 b5"], 1),
    (
        "lot twice",
        |c| c.lots.push(c.lots[1].clone()),
        &["I10 b5"],
        1,
    ),
    (
        "lot of a closed buy",
        |c| c.lots[0].buy_order_id = "b1".parse().unwrap(),
        &["I10 b1", "I10 b4"],
        0,
    ),
    (
        "lot of nothing",
        |c| c.lots[1].buy_order_id = "gone".parse().unwrap(),
        &["I10 gone", "I10 b5"],
        0,
    ),
    (
        "no item",
        |c| c.review = UnmatchedItems::default(),
        &["I11 s3"],
        0,
    ),
    ("resolved by hand", |c| c.review.open.clear(), &[], 0),
    (
        "item too many",
        |c| {
            c.review.open.insert(("s1".into(), Leg::Base));
        },
        &["I11 s1"],
        0,
    ),
    (
        "item of a version that is not current",
        |c| {
            c.is_current = false;
            c.review.open.insert(("s1".into(), Leg::Base));
        },
        &[],
        0,
    ),
    (
        "a version that nobody saw",
        |c| {
            (c.is_current, c.was_published) = (false, false);
            c.review = UnmatchedItems::default();
        },
        &[],
        0,
    ),
    (
        "ledger hash",
        |c| c.summary().ledger_hash = RowsHash::EMPTY,
        &[],
        1,
    ),
    (
        "allocations hash",
        |c| c.summary().allocations_hash = RowsHash::EMPTY,
        &[],
        1,
    ),
    (
        "count of trades",
        |c| c.summary().totals.fees_unknown = 0,
        &[],
        1,
    ),
    ("count of legs", |c| c.summary().totals.legs += 1, &[], 1),
    (
        "count of buys in the order of their ids",
        |c| c.summary().totals.buys_by_id += 1,
        &[],
        1,
    ),
    (
        "count of sells in the order of their ids",
        |c| c.summary().totals.sells_by_id += 1,
        &[],
        1,
    ),
    (
        "count of rebates",
        |c| c.summary().totals.rebates += 1,
        &[],
        1,
    ),
    (
        "sum of rebates",
        |c| c.summary().totals.rebates_usd = Usd::from_units(1),
        &[],
        1,
    ),
    (
        "count of rows",
        |c| c.summary().totals.buys_used = 3,
        &[],
        1,
    ),
    (
        "sum of rows",
        |c| c.summary().totals.pnl = Usd::ZERO,
        &[],
        1,
    ),
    (
        "sum of lots",
        |c| c.summary().totals.open_cost = Usd::ZERO,
        &[],
        1,
    ),
    ("times", |c| c.summary().totals.last_sell = None, &[], 1),
    ("no summary", |c| c.summary = None, &[], 1),
    (
        "nothing stored",
        |c| {
            (c.rows, c.lots, c.summary) = (Vec::new(), Vec::new(), None);
        },
        &[],
        1,
    ),
    (
        "rejected, with rows and lots",
        |c| c.summary().status = PoolStatus::Rejected,
        &["I8 ", "I10 "],
        1,
    ),
    (
        "excluded, with nothing",
        |c| {
            c.summary().totals = crate::engine::PoolTotals::default();
            c.summary().status = PoolStatus::Excluded;
            (c.rows, c.lots) = (Vec::new(), Vec::new());
        },
        &[],
        0,
    ),
    (
        "excluded, with another ledger",
        |c| {
            c.summary().totals = crate::engine::PoolTotals::default();
            c.summary().status = PoolStatus::Excluded;
            (c.rows, c.lots) = (Vec::new(), Vec::new());
            c.ledger = without(&c.ledger, "s1");
        },
        &[],
        1,
    ),
];

#[test]
fn one_skipped_lot_does_not_blame_every_later_sell() {
    let trades: Vec<String> = (0..400)
        .map(|n| {
            let (side, of) = if n < 200 {
                ("buy", n)
            } else {
                ("sell", n - 200)
            };
            format!("{side}{of:03} {side} 1 10 0.1 {n}")
        })
        .collect();
    let trades: Vec<&str> = trades.iter().map(String::as_str).collect();
    let ids = |case: &Case| {
        let ids = case.violations().into_iter().map(|one| one.invariant.id());
        ids.collect::<Vec<_>>()
    };
    let mut deleted = Case::of(&trades);
    deleted.rows.remove(0);
    assert_eq!(ids(&deleted), ["I1", "I5", "I10", "I13"]);
    let mut youngest = Case::of(&trades);
    youngest.rows[0].buy_order_id = Some("buy199".parse().unwrap());
    assert_eq!(ids(&youngest), ["I2", "I5", "I6", "I10", "I13"]);
}

#[test]
fn a_violation_reads_as_a_sentence() {
    let mut case = Case::valid();
    case.rows[0].pnl_usd = Some(usd("99"));
    let violations = case.violations();
    assert_eq!(
        violations[0].to_string(),
        "I6 a BTC-USD order \"s1\": row 1 with buy \"b1\": pnl_usd is \"99\", \
         expected \"1.833333333333\""
    );
    assert!(
        violations[1]
            .to_string()
            .starts_with("I13 a BTC-USD: the summary's allocations: allocations_hash is \"")
    );
    let unreadable = Violation::unreadable_row(None, "s1", "pnl_usd", "abc", &"is not a number");
    assert_eq!(
        unreadable.to_string(),
        "I6 order \"s1\": pnl_usd is \"abc\": it is not a number"
    );
    assert_eq!(Violation::of_views(0, 0), None);
    assert_eq!(
        Violation::of_views(2, 1).unwrap().to_string(),
        "I15: \"2\" ledger rows are neither eligible nor ineligible, and \"1\" are both, \
         expected \"0\" and \"0\""
    );
}

#[test]
fn ids_are_stable() {
    let ids: Vec<&str> = Invariant::CHECKED.iter().map(|one| one.id()).collect();
    let expected = "I1 I2 I3 I4 I5 I6 I7 I8 I9 I10 I11 I13 I14 I15 I16 I17 I18 I19 I20 I21";
    assert_eq!(ids.join(" "), expected);
    assert!(Invariant::CHECKED.is_sorted());
    assert_eq!(Invariant::I12.id(), "I12");
}

#[test]
fn documents_list_the_invariants_and_count_the_checks() {
    let spec = include_str!("../../../docs/SPEC-matching.md");
    let ids = spec
        .lines()
        .filter_map(|line| line.strip_prefix("| I")?.split(' ').next());
    let listed: Vec<String> = ids
        .filter(|id| id.parse::<u8>().is_ok())
        .map(|id| format!("I{id}"))
        .collect();
    let mut all = [&Invariant::CHECKED[..], &[Invariant::I12]].concat();
    all.sort_unstable();
    let all: Vec<&str> = all.iter().map(|invariant| invariant.id()).collect();
    assert_eq!(listed, all);
    let number = Invariant::CHECKED.len();
    let said = format!("Every version gets {number} checks: all of these except I12");
    assert!(spec.contains(&said), "{said}");
    let readme = include_str!("../../../README.md");
    let errors = include_str!("../../../docs/ERRORS.md");
    for (page, text) in [("README", readme), ("ERRORS", errors)] {
        let mut counts = text.split("every invariant holds (").skip(1).peekable();
        assert!(counts.peek().is_some(), "{page}");
        let said = format!("{number} checks over ");
        assert!(counts.all(|rest| rest.starts_with(&said)), "{page}");
    }
}
