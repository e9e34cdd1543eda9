//! Proof of a file by its own balances: each row's balance is the one before it and the row's
//! change.
//!
//! Rows of one instant may stand in any order. They are in order if they make a walk from balance
//! to balance that uses each row once (an Eulerian trail, found in linear time). If a file states
//! no balances, the sums of its changes show where an account would hold less than nothing.
//!
//! A workbook keeps about 15 digits of a number. So balances of a workbook are one if they differ
//! by less than that.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

use crate::engine::{SignedAmount, Timestamp};

/// The result of a proof.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Balances {
    /// The file states balances. Otherwise they are sums of its changes, from zero.
    pub are_stated: bool,
    /// Rows with a balance.
    pub rows: u64,
    /// Rows whose balance agrees with the one before it.
    pub agreeing: u64,
    /// The first row that does not agree.
    pub differs: Option<BalanceFault>,
    /// The first balance below zero.
    pub negative: Option<BalanceFault>,
    /// Assets that the account had before the first row, with their amounts.
    pub before: Vec<(String, String)>,
    /// The first and the last stated balance of each asset.
    pub ends: Vec<BalanceEnds>,
}

/// The balances with which a file begins and ends, of one asset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceEnds {
    /// The asset, and its wallet if the file names wallets.
    pub asset: String,
    /// Time of its first row.
    pub from: Timestamp,
    /// The balance before that row.
    pub opening: SignedAmount,
    /// Time of its last row.
    pub to: Timestamp,
    /// The balance after that row.
    pub closing: SignedAmount,
}

/// A balance at fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BalanceFault {
    /// Line of the row, from 1.
    pub line: u64,
    /// Time of the row.
    pub at: Timestamp,
    /// The asset, and its wallet if the file names wallets.
    pub asset: String,
    /// The balance as the file states it, or the sum.
    pub found: String,
    /// The balance that adds up; empty for one below zero.
    pub expected: String,
}

impl Balances {
    /// Tells whether the balances that the file states prove that something is wrong.
    pub fn are_at_fault(&self) -> bool {
        self.are_stated && (self.differs.is_some() || self.negative.is_some())
    }
}

/// The change of one asset by one row.
#[derive(Debug, Clone)]
pub(super) struct BalanceLine {
    pub line: u64,
    pub at: Timestamp,
    /// The change, with the fee if it is of this asset.
    pub change: SignedAmount,
    /// The balance after the row. `None`: the file states none.
    pub balance: Option<SignedAmount>,
}

/// The lines of one asset in one wallet, in the order of the file.
pub(super) type BalanceLines = BTreeMap<String, Vec<BalanceLine>>;

/// One unit of the fifteenth digit of a number, as a part of it: a workbook keeps no more.
const ROUNDED: &str = "1e-15";

/// The order and the precision of a file's numbers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct BalanceForm {
    /// The file begins with its last row.
    pub is_newest_first: bool,
    /// The numbers are those of a workbook.
    pub is_rounded: bool,
}

/// Replays the balances of a file.
pub(super) fn prove(lines: BalanceLines, form: BalanceForm) -> Option<Balances> {
    let are_stated = lines.values().flatten().any(|line| line.balance.is_some());
    let mut proof = Balances {
        are_stated,
        ..Balances::default()
    };
    for (asset, mut lines) in lines {
        if form.is_newest_first {
            lines.reverse();
        }
        lines.sort_by_key(|line| line.at);
        match are_stated {
            true => proof.replay(&asset, &lines, form.is_rounded),
            false => proof.add_up(&asset, &lines),
        }
    }
    (proof.rows > 0).then_some(proof)
}

impl Balances {
    /// Compares the stated balances of an asset with those that add up.
    fn replay(&mut self, asset: &str, lines: &[BalanceLine], is_rounded: bool) {
        let mut stated: Vec<BalanceStep<'_>> = lines.iter().filter_map(BalanceStep::of).collect();
        if is_rounded {
            join_rounded(&mut stated);
        }
        let (mut last, mut ends) = (None::<SignedAmount>, None::<BalanceEnds>);
        for steps in stated.chunk_by(|one, other| one.line.at == other.line.at) {
            let start = last.unwrap_or_else(|| start_of(steps));
            if last.is_none() && !start.is_zero() {
                let first = steps.first().map(|step| step.line);
                self.hold_before(asset, start, first);
            }
            let mut balance = start;
            for at in walk(start, steps) {
                let Some(step) = steps.get(at) else { continue };
                self.rows += 1;
                if step.from == balance {
                    self.agreeing += 1;
                } else {
                    let expected = balance.checked_add(step.line.change);
                    let expected = expected.map_or_else(|_| String::new(), |sum| sum.to_string());
                    let fault = step.fault(asset, step.to, expected);
                    keep_first(&mut self.differs, fault);
                }
                if step.to.is_negative() {
                    let fault = step.fault(asset, step.to, String::new());
                    keep_first(&mut self.negative, fault);
                }
                balance = step.to;
            }
            last = Some(balance);
            if let Some(at) = steps.first().map(|step| step.line.at) {
                let ends = ends.get_or_insert_with(|| BalanceEnds {
                    asset: asset.to_owned(),
                    from: at,
                    opening: start,
                    to: at,
                    closing: balance,
                });
                (ends.to, ends.closing) = (at, balance);
            }
        }
        self.ends.extend(ends);
    }

    /// Notes the amount that an account had before the first row.
    fn hold_before(&mut self, asset: &str, start: SignedAmount, first: Option<&BalanceLine>) {
        self.before.push((asset.to_owned(), start.to_string()));
        if let Some(line) = first.filter(|_| start.is_negative()) {
            let fault = fault_of(line, asset, start, String::new());
            keep_first(&mut self.negative, fault);
        }
    }

    /// Adds up the changes of an asset. At one instant, what comes in comes first.
    fn add_up(&mut self, asset: &str, lines: &[BalanceLine]) {
        let mut sum = SignedAmount::ZERO;
        for lines in lines.chunk_by(|one, other| one.at == other.at) {
            self.rows += lines.len() as u64;
            self.agreeing += lines.len() as u64;
            for line in lines {
                // A sum beyond 256 bits ends the sums; no account holds that much.
                let Ok(next) = sum.checked_add(line.change) else {
                    return;
                };
                sum = next;
            }
            if let Some(line) = lines.last().filter(|_| sum.is_negative()) {
                let fault = fault_of(line, asset, sum, String::new());
                return keep_first(&mut self.negative, fault);
            }
        }
    }
}

/// A row as a step from one balance to the next.
struct BalanceStep<'l> {
    line: &'l BalanceLine,
    from: SignedAmount,
    to: SignedAmount,
}

impl<'l> BalanceStep<'l> {
    /// Makes a step. `None`: the row states no balance.
    fn of(line: &'l BalanceLine) -> Option<Self> {
        let to = line.balance?;
        let from = to.checked_sub(line.change).ok()?;
        Some(Self { line, from, to })
    }

    fn fault(&self, asset: &str, found: SignedAmount, expected: String) -> BalanceFault {
        fault_of(self.line, asset, found, expected)
    }
}

/// Gives balances of an asset one value if they differ by rounding alone.
fn join_rounded(steps: &mut [BalanceStep<'_>]) {
    let amounts = steps.iter().flat_map(|it| [it.from, it.to, it.line.change]);
    let largest = amounts.map(|amount| SignedAmount::of_size(amount.size()));
    let allowed = largest.max_by(by_value).and_then(|largest| {
        let part = ROUNDED.parse::<SignedAmount>().ok()?;
        largest.checked_mul(part).ok()
    });
    let Some(allowed) = allowed else { return };
    let balances = steps.iter().flat_map(|it| [it.from, it.to]);
    let mut balances: Vec<SignedAmount> = balances.chain([SignedAmount::ZERO]).collect();
    balances.sort_by(by_value);
    let is_near = |one: &SignedAmount, other: &SignedAmount| {
        let off = other.checked_sub(*one);
        off.is_ok_and(|off| by_value(&off, &allowed).is_le())
    };
    let mut joined: HashMap<SignedAmount, SignedAmount> = HashMap::new();
    for near in balances.chunk_by(is_near) {
        let is_nothing = near.contains(&SignedAmount::ZERO);
        let first = near.first().copied().filter(|_| !is_nothing);
        let value = first.unwrap_or(SignedAmount::ZERO);
        joined.extend(near.iter().map(|balance| (*balance, value)));
    }
    let value = |balance| joined.get(&balance).copied().unwrap_or(balance);
    for step in steps {
        (step.from, step.to) = (value(step.from), value(step.to));
    }
}

fn by_value(one: &SignedAmount, other: &SignedAmount) -> Ordering {
    let sizes = one.size().cmp(&other.size());
    match (one.is_negative(), other.is_negative()) {
        (false, false) => sizes,
        (true, true) => sizes.reverse(),
        (true, false) => Ordering::Less,
        (false, true) => Ordering::Greater,
    }
}

fn fault_of(
    line: &BalanceLine,
    asset: &str,
    found: SignedAmount,
    expected: String,
) -> BalanceFault {
    BalanceFault {
        line: line.line,
        at: line.at,
        asset: asset.to_owned(),
        found: found.to_string(),
        expected,
    }
}

/// Keeps the earlier of two faults; at one instant, that of the lower line.
fn keep_first(kept: &mut Option<BalanceFault>, fault: BalanceFault) {
    let is_earlier = |kept: &BalanceFault| (fault.at, fault.line) < (kept.at, kept.line);
    if kept.as_ref().is_none_or(is_earlier) {
        *kept = Some(fault);
    }
}

/// Returns the balance before the first rows: the one that more of them leave than reach.
fn start_of(steps: &[BalanceStep<'_>]) -> SignedAmount {
    let mut degrees: HashMap<SignedAmount, i64> = HashMap::new();
    for step in steps {
        *degrees.entry(step.from).or_default() += 1;
        *degrees.entry(step.to).or_default() -= 1;
    }
    let mut starts = steps.iter().map(|step| step.from);
    let left = starts.find(|from| degrees.get(from).is_some_and(|degree| *degree > 0));
    let first = steps.first().map(|step| step.from);
    left.or(first).unwrap_or(SignedAmount::ZERO)
}

/// Returns the steps in an order in which each begins where the one before it ends. If there is no
/// such order, returns that of the file.
fn walk(start: SignedAmount, steps: &[BalanceStep<'_>]) -> Vec<usize> {
    let as_it_is: Vec<usize> = (0..steps.len()).collect();
    if is_walk(start, steps, &as_it_is) {
        return as_it_is;
    }
    let mut leaving: HashMap<SignedAmount, Vec<usize>> = HashMap::new();
    for (at, step) in steps.iter().enumerate().rev() {
        leaving.entry(step.from).or_default().push(at);
    }
    let (mut open, mut done) = (vec![(start, None)], Vec::new());
    while let Some((balance, by)) = open.last().copied() {
        let next = leaving.get_mut(&balance).and_then(Vec::pop);
        match next.and_then(|at| Some((steps.get(at)?.to, Some(at)))) {
            Some(next) => open.push(next),
            None => {
                open.pop();
                done.extend(by);
            }
        }
    }
    done.reverse();
    match done.len() == steps.len() && is_walk(start, steps, &done) {
        true => done,
        false => as_it_is,
    }
}

fn is_walk(start: SignedAmount, steps: &[BalanceStep<'_>], order: &[usize]) -> bool {
    let mut balance = start;
    order.iter().all(|at| {
        let step = steps.get(*at);
        step.is_some_and(|step| std::mem::replace(&mut balance, step.to) == step.from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Proves rows of (second, change, balance); the rows begin in line 2.
    fn proof(rows: &[(i64, &str, &str)], is_newest_first: bool) -> Balances {
        let lines = rows
            .iter()
            .zip(2..)
            .map(|((second, change, balance), line)| {
                let at = Timestamp::try_from_micros(second * 1_000_000).unwrap();
                let balance = Some(*balance).filter(|text| !text.is_empty());
                BalanceLine {
                    line,
                    at,
                    change: change.parse().unwrap(),
                    balance: balance.map(|text| text.parse().unwrap()),
                }
            });
        let lines = BalanceLines::from([("BTC".to_owned(), lines.collect())]);
        let form = BalanceForm {
            is_newest_first,
            is_rounded: false,
        };
        prove(lines, form).unwrap()
    }

    #[test]
    fn rows_of_one_instant_may_stand_in_any_order() {
        // 0 +5 = 5, then at one instant -2 = 3, +2 = 5, -1 = 4, in another order; then -4 = 0.
        let rows = [
            (1, "5", "5"),
            (2, "-1", "4"),
            (2, "2", "5"),
            (2, "-2", "3"),
            (3, "-4", "0"),
        ];
        for is_newest_first in [false, true] {
            let proof = proof(&rows, is_newest_first);
            assert_eq!((proof.rows, proof.agreeing), (5, 5));
            assert_eq!((proof.are_at_fault(), proof.before.len()), (false, 0));
        }
    }

    #[test]
    fn the_first_row_that_does_not_agree_is_named() {
        let proof = proof(
            &[(1, "5", "7"), (2, "-1", "6"), (4, "-1", "3"), (5, "1", "4")],
            false,
        );
        assert_eq!((proof.rows, proof.agreeing), (4, 3));
        assert_eq!(proof.before, [("BTC".to_owned(), "2".to_owned())]);
        let ends = &proof.ends[0];
        let balances = [ends.opening, ends.closing].map(|it| it.to_string());
        assert_eq!((balances, proof.ends.len()), (["2".into(), "4".into()], 1));
        let times = [ends.from, ends.to].map(Timestamp::as_micros);
        assert_eq!(times, [1_000_000, 5_000_000]);
        let fault = proof.differs.clone().unwrap();
        assert_eq!(
            (fault.line, fault.found.as_str(), fault.expected.as_str()),
            (4, "3", "5")
        );
        assert!(proof.are_at_fault() && proof.negative.is_none());
    }

    #[test]
    fn a_balance_below_zero_is_named_at_its_first_instant() {
        let proof = proof(
            &[(1, "1", "1"), (3, "-1.5", "-0.5"), (4, "-1", "-1.5")],
            false,
        );
        let fault = proof.negative.clone().unwrap();
        assert_eq!((fault.line, fault.found.as_str()), (3, "-0.5"));
        assert!(proof.are_at_fault());
        // Before its first row, the account held less than nothing.
        let proof = super::tests::proof(&[(1, "2", "1")], false);
        assert_eq!(proof.negative.unwrap().found, "-1");
    }

    #[test]
    fn changes_alone_show_what_is_missing_and_prove_no_fault() {
        let proof = proof(&[(2, "-3", ""), (2, "2", ""), (3, "5", "")], false);
        assert!(!proof.are_at_fault() && !proof.are_stated);
        assert_eq!(proof.negative.unwrap().found, "-1");
    }

    /// 0.1 + 0.2 is 0.30000000000000004 in a workbook, and large balances lose their last digits.
    #[test]
    fn balances_of_a_workbook_agree_to_fifteen_digits() {
        let proof = |rows: &[(&str, &str)], is_rounded| {
            let lines = rows
                .iter()
                .zip(2..)
                .map(|((change, balance), line)| BalanceLine {
                    line,
                    at: Timestamp::try_from_micros(i64::try_from(line).unwrap()).unwrap(),
                    change: change.parse().unwrap(),
                    balance: Some(balance.parse().unwrap()),
                });
            let lines = BalanceLines::from([("ETH".to_owned(), lines.collect())]);
            let form = BalanceForm {
                is_newest_first: false,
                is_rounded,
            };
            prove(lines, form).unwrap()
        };
        let rows = [
            ("0.1", "0.1"),
            ("0.2", "0.30000000000000004"),
            ("97075.90985812238", "97076.20985812238"),
            ("-0.3", "97075.90985812238"),
            ("-97075.90985812237", "0"),
        ];
        let exact = proof(&rows, false);
        assert_eq!((exact.rows, exact.agreeing), (5, 2));
        let rounded = proof(&rows, true);
        assert_eq!((rounded.rows, rounded.agreeing), (5, 5));
        assert!(!rounded.are_at_fault() && rounded.before.is_empty());
        // The fourteenth digit is another balance.
        let missing = [("97076.2", "97076.2"), ("1", "97077.200000001")];
        let fault = proof(&missing, true).differs.unwrap();
        assert_eq!((fault.line, fault.expected.as_str()), (3, "97077.2"));
    }
}
