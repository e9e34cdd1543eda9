//! Tests of pairing: worked cases, and a second pairing that compares each movement with each.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use super::halves::plain_tx;
use super::*;
use crate::engine::movement::{Direction, MovementKind};
use crate::engine::time::Timestamp;

const HOUR: i64 = 3_600;

fn key(text: &str) -> MovementKey {
    let (account, id) = text.split_once('/').unwrap();
    MovementKey {
        account: account.parse().unwrap(),
        movement_id: id.parse().unwrap(),
    }
}

/// A movement in six words: `key way size asset seconds tx`. A size may have a fee, as in `1+0.1`;
/// a `-` is no transaction.
fn movement(words: &str) -> Movement {
    let [name, way, size, asset, at, tx] = words.split_whitespace().collect::<Vec<_>>()[..] else {
        panic!("{words}");
    };
    let (size, fee) = size.split_once('+').unwrap_or((size, ""));
    let MovementKey {
        account,
        movement_id,
    } = key(name);
    let direction: Direction = way.parse().unwrap();
    Movement {
        account,
        movement_id,
        asset: asset.parse().unwrap(),
        direction,
        size: size.parse().unwrap(),
        fee: (!fee.is_empty()).then(|| (fee.parse().unwrap(), asset.parse().unwrap())),
        usd_value: None,
        kind: match direction {
            Direction::In => MovementKind::Deposit,
            Direction::Out => MovementKind::Withdrawal,
        },
        moved_at: Timestamp::try_from_micros(at.parse::<i64>().unwrap() * 1_000_000).unwrap(),
        settled_at: None,
        tx_id: (tx != "-").then(|| tx.to_owned()),
        exchange: None,
        import_line: 1,
    }
}

fn movements(lines: &str) -> Vec<Movement> {
    let lines = lines.lines().map(str::trim);
    lines
        .filter(|line| !line.is_empty())
        .map(movement)
        .collect()
}

fn decision(kind: DecisionKind, withdrawal: &str, deposit: &str) -> TransferDecision {
    TransferDecision {
        kind,
        withdrawal: key(withdrawal),
        deposit: key(deposit),
        note: None,
        decided_by: "tester".into(),
        decided_at: Timestamp::EPOCH,
        usd_value: None,
    }
}

/// A line for each pair and for each movement that is alone, as the tables below say them.
fn said(pairing: &Pairing) -> Vec<String> {
    let way = |it: &Transfer| format!("{}/{} {}/{}", it.from, it.withdrawal, it.to, it.deposit);
    let names = |keys: &[MovementKey]| {
        let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
        names.join(" ")
    };
    let pairs = pairing.transfers.iter().map(|it| {
        let Transfer { sent, received, .. } = it.transfer;
        format!(
            "{} {} sent {sent} received {received}",
            it.by,
            way(&it.transfer)
        )
    });
    let proposed = pairing.proposed.iter();
    let proposed = proposed.map(|it| format!("{}? {}", it.why, way(&it.transfer)));
    let alone = pairing.alone.iter().map(|it| {
        let why = match &it.why {
            AloneWhy::NoPart(why) => why.to_string(),
            AloneWhy::NoPair(key, why) => format!("{why} {key}"),
            AloneWhy::SharedTx => "shared_tx".into(),
            AloneWhy::Several(keys) => format!("several {}", names(keys)),
            AloneWhy::Earlier(key) => format!("earlier {key}"),
            AloneWhy::Unpaired(key) => format!("unpaired {key}"),
            AloneWhy::Booked => "booked".into(),
            AloneWhy::Nothing => "nothing".into(),
        };
        format!("alone {} {why}", MovementKey::of(&it.movement))
    });
    pairs.chain(proposed).chain(alone).collect()
}

/// Cases: what they show, the movements, and what pairing says.
const CASES: [(&str, &str, &[&str]); 19] = [
    (
        "one size, and nothing else fits",
        "a/w out 1.23456 BTC 0 -
         b/d in 1.23456 BTC 60 -",
        &["size a/w b/d sent 1.23456 received 1.23456"],
    ),
    (
        "two withdrawals fit one deposit",
        "a/w1 out 1.23456 BTC 0 -
         c/w2 out 1.23456 BTC 10 -
         b/d in 1.23456 BTC 60 -",
        &[
            "alone a/w1 several b/d",
            "alone c/w2 several b/d",
            "alone b/d several a/w1 c/w2",
        ],
    ),
    (
        "a transaction names the one that fits",
        "a/w1 out 1.23456 BTC 0 ab
         c/w2 out 1.23456 BTC 10 cd
         b/d in 1.23456 BTC 60 cd",
        &[
            "tx c/w2 b/d sent 1.23456 received 1.23456",
            "alone a/w1 nothing",
        ],
    ),
    (
        "more arrived than left",
        "a/w out 1+0.1 BTC 0 ab
         b/d in 1.2 BTC 60 ab",
        &["alone a/w larger b/d", "alone b/d larger a/w"],
    ),
    (
        "an earlier deposit of one transaction: the clocks differ",
        "a/w out 1 BTC 60 ab
         b/d in 1 BTC 0 ab",
        &["tx a/w b/d sent 1 received 1"],
    ),
    (
        "an earlier deposit of one size",
        "a/w out 1.23456 BTC 60 -
         b/d in 1.23456 BTC 0 -",
        &["alone b/d earlier a/w", "alone a/w earlier b/d"],
    ),
    (
        "100 units prove nothing",
        "a/w out 100 SOL 0 -
         b/d in 100 SOL 60 -",
        &["few_digits? a/w b/d"],
    ),
    (
        "capitals and 0x are one spelling; other ids keep their capitals",
        "a/w out 5 ETH 0 0xABcd12
         b/d in 5 ETH 60 abCD12
         a/w2 out 7 ETH 100 Zq9
         b/d2 in 7 ETH 160 zQ9",
        &["tx a/w b/d sent 5 received 5", "other_tx? a/w2 b/d2"],
    ),
    (
        "two wallets of one account",
        "a/w out 1.23456 BTC 0 -
         a/d in 1.23456 BTC 60 -
         a/w2 out 2 BTC 0 ab
         a/d2 in 2 BTC 60 ab",
        &[
            "alone a/w nothing",
            "alone a/w2 same_account a/d2",
            "alone a/d nothing",
            "alone a/d2 same_account a/w2",
        ],
    ),
    (
        "two names of one asset",
        "kraken/w out 1.23456 XXBT 0 -
         b/d in 1.23456 BTC 60 -",
        &["size kraken/w b/d sent 1.23456 received 1.23456"],
    ),
    (
        "one transaction over two assets",
        "a/w out 5 ETH 0 ab
         b/d in 5 WETH 60 ab",
        &["alone a/w two_assets b/d", "alone b/d two_assets a/w"],
    ),
    (
        "the source counted the fee into the size",
        "a/w out 1.00005+0.00004 BTC 0 -
         b/d in 1.00001 BTC 60 -",
        &["size a/w b/d sent 1.00001 received 1.00001"],
    ),
    (
        "less arrived, by a fee that the source does not state",
        "a/w out 1 BTC 0 -
         b/d in 0.9 BTC 60 -
         c/w out 1 ETH 0 -
         d/d in 0.89 ETH 60 -",
        &[
            "less_arrived? a/w b/d",
            "alone c/w nothing",
            "alone d/d nothing",
        ],
    ),
    (
        "72 hours are near, more is only proposed",
        "a/w out 1.23456 BTC 0 -
         b/d in 1.23456 BTC 259200 -
         a/w2 out 2.23456 BTC 0 -
         b/d2 in 2.23456 BTC 259201 -
         a/w3 out 3.23456 BTC 0 -
         b/d3 in 3.23456 BTC 2592001 -",
        &[
            "size a/w b/d sent 1.23456 received 1.23456",
            "apart? a/w2 b/d2",
            "alone a/w3 nothing",
            "alone b/d3 nothing",
        ],
    ),
    (
        "one transaction pays two deposits: their sizes tell them apart",
        "a/w1 out 1.23456 BTC 0 ab
         a/w2 out 2.23456 BTC 0 ab
         b/d in 1.23456 BTC 60 ab
         b/d2 in 9 BTC 60 ab",
        &[
            "size a/w1 b/d sent 1.23456 received 1.23456",
            "alone a/w2 shared_tx",
            "alone b/d2 shared_tx",
        ],
    ),
    (
        "the fee of the network stays in what left",
        "a/w out 1+0.001 BTC 0 ab
         b/d in 0.9995 BTC 60 ab",
        &["tx a/w b/d sent 1 received 0.9995"],
    ),
    (
        "one transaction, and a part of it did not arrive",
        "a/w out 100 BTC 0 ab
         b/d in 1 BTC 60 ab
         a/w2 out 1+0.5 ETH 0 cd
         b/d2 in 0.9 ETH 60 cd
         a/w3 out 1 SOL 0 ef
         b/d3 in 0.8999 SOL 60 ef",
        &[
            "tx a/w2 b/d2 sent 1 received 0.9",
            "less_arrived? a/w b/d",
            "less_arrived? a/w3 b/d3",
        ],
    ),
    (
        "a currency has no lots",
        "a/w out 1234.56 EUR 0 -
         b/d in 1234.56 EUR 60 -",
        &["alone a/w currency", "alone b/d currency"],
    ),
    (
        "a coin that counts as a dollar has none either",
        "a/w out 1234.56 USDC 0 ab
         b/d in 1234.56 USDC 60 ab",
        &["alone a/w currency", "alone b/d currency"],
    ),
];

#[test]
fn each_case_is_paired_as_worked_out() {
    for (name, rows, expected) in CASES {
        let pairing = pair(&movements(rows), &[], &AssetRules::default());
        assert_eq!(said(&pairing), expected, "{name}");
    }
}

#[test]
fn a_person_wins_over_the_rules() {
    use DecisionKind::{Pair, Unpair};
    let rows = movements(
        "a/w1 out 1.23456 BTC 0 -
         c/w2 out 1.23456 BTC 10 -
         b/d in 1.23456 BTC 60 -
         b/d2 in 2 BTC 60 -",
    );
    let said =
        |decisions: &[TransferDecision]| said(&pair(&rows, decisions, &AssetRules::default()));
    let first = decision(Pair, "a/w1", "b/d");
    let by_person = "person a/w1 b/d sent 1.23456 received 1.23456";
    assert_eq!(
        said(std::slice::from_ref(&first)),
        [by_person, "alone c/w2 nothing", "alone b/d2 nothing"]
    );
    // Set apart, the other withdrawal is the only one that fits.
    let apart = decision(Unpair, "a/w1", "b/d");
    let other = "size c/w2 b/d sent 1.23456 received 1.23456";
    let alone = ["alone a/w1 unpaired b/d", "alone b/d2 nothing"];
    assert_eq!(
        said(&[first.clone(), apart.clone()]),
        [&[other], &alone[..]].concat()
    );
    // The latest word about two counts, and the latest pair of a movement.
    assert_eq!(said(&[apart, first.clone()])[0], by_person);
    let later = decision(Pair, "c/w2", "b/d");
    assert_eq!(
        said(&[first, later])[0],
        "person c/w2 b/d sent 1.23456 received 1.23456"
    );
    // A pair that can't be, and one whose movement is gone, change the reason only.
    let larger = [decision(Pair, "a/w1", "b/d2"), decision(Pair, "x/y", "b/d")];
    assert_eq!(said(&larger)[3], "alone b/d2 larger a/w1");
}

#[test]
fn a_word_about_one_movement_takes_it_out_of_all_pairs() {
    use DecisionKind::{Booked, Pair, Undecided};
    let mut rows = movements("a/w out 1.23456 BTC 0 -\nb/d in 1.23456 BTC 60 -\n");
    let mut gift = movement("a/g in 2 BTC 0 -");
    gift.kind = MovementKind::Gift;
    rows.push(gift);
    let of_one = |kind, name| decision(kind, name, name);
    let rules = AssetRules::default();
    let said = |decisions: &[TransferDecision]| {
        let pairing = pair(&rows, decisions, &rules);
        let undecided = pairing.alone.iter().filter(|it| it.is_undecided(&rules));
        (undecided.count(), said(&pairing))
    };
    let by_rule = "size a/w b/d sent 1.23456 received 1.23456";
    assert_eq!(
        said(&[]),
        (1, [by_rule, "alone a/g kind"].map(Into::into).into())
    );
    let apart = ["alone a/g kind", "alone a/w nothing", "alone b/d booked"];
    let (booked, undecided) = (of_one(Booked, "b/d"), of_one(Undecided, "b/d"));
    assert_eq!(
        said(std::slice::from_ref(&booked)),
        (2, apart.map(Into::into).into())
    );
    // The latest word counts, also against a pair.
    let (_, now) = said(&[booked.clone(), undecided]);
    assert_eq!(now[0], by_rule);
    let (_, now) = said(&[booked.clone(), decision(Pair, "a/w", "b/d")]);
    assert_eq!(now[0], by_rule.replace("size a", "person a"));
    let (_, now) = said(&[decision(Pair, "a/w", "b/d"), booked]);
    assert_eq!(now[2], "alone b/d booked");
    let (open, now) = said(&[of_one(Booked, "a/g")]);
    assert_eq!((open, &*now[1]), (0, "alone a/g booked"));
}

#[test]
fn what_has_no_one_pool_of_lots_is_no_part() {
    let mut rules = AssetRules::default();
    let rows = movements("a/w out 1.23456 BTC 0 -\nb/d in 1.23456 BTC 60 -");
    let mut reward = rows.clone();
    reward[1].kind = MovementKind::Reward;
    let alone = ["alone a/w nothing", "alone b/d income"];
    assert_eq!(said(&pair(&reward, &[], &rules)), alone);
    rules.short_accounts.insert("a".parse().unwrap(), true);
    let alone = ["alone a/w short", "alone b/d nothing"];
    assert_eq!(said(&pair(&rows, &[], &rules)), alone);
    rules = AssetRules::default();
    rules.pools = crate::engine::PoolsBy::Symbol;
    let alone = ["alone a/w symbol_pools", "alone b/d symbol_pools"];
    assert_eq!(said(&pair(&rows, &[], &rules)), alone);
}

#[test]
fn a_deposit_brings_what_is_left_after_its_fee() {
    let mut rows = movements(
        "a/w out 1.23456+0.00001 BTC 0 ab
         b/d in 1.23456+0.1 BTC -5 ab",
    );
    rows[0].fee = Some(("2".parse().unwrap(), "XETH".parse().unwrap()));
    let pairing = pair(&rows, &[], &AssetRules::default());
    let [paired] = &*pairing.transfers else {
        panic!()
    };
    let transfer = &paired.transfer;
    assert_eq!(transfer.received.to_string(), "1.13456");
    let (fee, of) = transfer.fee.clone().unwrap();
    assert_eq!((fee.to_string().as_str(), of.as_str()), ("2", "ETH"));
    // It came five seconds before it was sent, by the clocks of both.
    assert_eq!(
        (transfer.sent_at, transfer.received_at),
        (Timestamp::EPOCH, Timestamp::EPOCH)
    );
    rows[1].size = "0.1".parse().unwrap();
    let pairing = pair(&rows, &[], &AssetRules::default());
    assert_eq!(said(&pairing), ["alone b/d fee", "alone a/w nothing"]);
}

#[test]
fn a_transaction_has_one_spelling() {
    assert_eq!(plain_tx(" 0XaB "), plain_tx("Ab"));
    assert_ne!(plain_tx("zAb"), plain_tx("zab"));
    assert_eq!(plain_tx("  "), None);
}

/// A movement of the oracle: whole numbers, and names by number.
#[derive(Debug, Clone)]
struct Row {
    account: u8,
    is_out: bool,
    asset: usize,
    units: i128,
    fee: i128,
    at: i64,
    tx: Option<u8>,
}

/// The spellings of assets; those of one line are one asset.
const ASSETS: [(&str, u8); 3] = [("BTC", 0), ("XXBT", 0), ("ETH", 1)];

impl Row {
    fn key(&self, place: usize) -> MovementKey {
        key(&format!("a{}/m{place}", self.account))
    }

    fn movement(&self, place: usize) -> Movement {
        let way = if self.is_out { "out" } else { "in" };
        // Each tells the same transaction by another spelling.
        let tx = self.tx.map(|tx| match place % 3 {
            0 => format!("0x{tx:02X}"),
            1 => format!("{tx:02x}"),
            _ => format!("0X{tx:02x}"),
        });
        let fee = match self.fee {
            0 => String::new(),
            fee => format!("+{}e-8", fee),
        };
        movement(&format!(
            "{} {way} {}e-8{fee} {} {} {}",
            self.key(place),
            self.units,
            ASSETS[self.asset].0,
            self.at,
            tx.as_deref().unwrap_or("-"),
        ))
    }

    /// Units that left, or that arrived.
    fn total(&self) -> i128 {
        if self.is_out {
            self.units + self.fee
        } else {
            self.units - self.fee
        }
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let row = (
        (0_u8..3, any::<bool>(), 0_usize..3),
        prop_oneof![
            Just(123_456_700_i128),
            Just(123_456_000),
            Just(100_000_000),
            Just(123_456_789)
        ],
        prop_oneof![3 => Just(0_i128), 1 => Just(700_i128)],
        prop_oneof![4 => 0..100 * HOUR, 1 => 0..1_000 * HOUR],
        prop_oneof![3 => Just(None), 1 => (0_u8..5).prop_map(Some)],
    );
    let row = row.prop_map(|((account, is_out, asset), units, fee, at, tx)| Row {
        account,
        is_out,
        asset,
        units,
        fee,
        at,
        tx,
    });
    prop::collection::vec(row, 0..14)
}

type Pairs = BTreeSet<(String, usize, usize)>;

fn asset(row: &Row) -> u8 {
    ASSETS[row.asset].1
}

fn goes(out: &Row, into: &Row) -> bool {
    out.is_out && !into.is_out && out.account != into.account && asset(out) == asset(into)
}

/// Compares each movement with each other.
fn naive(rows: &[Row], decisions: &[(bool, usize, usize)]) -> Pairs {
    let mut last = BTreeMap::new();
    for (nth, (is_pair, out, into)) in decisions.iter().enumerate() {
        last.insert((*out, *into), (nth, *is_pair));
    }
    let mut pairs = Pairs::new();
    let mut taken = BTreeSet::new();
    let mut in_turn: Vec<_> = last.iter().collect();
    in_turn.sort_by_key(|(_, (nth, _))| std::cmp::Reverse(*nth));
    for ((out, into), (_, is_pair)) in in_turn {
        let (o, i) = (&rows[*out], &rows[*into]);
        let is_free = !taken.contains(out) && !taken.contains(into);
        if *is_pair && is_free && goes(o, i) && i.total() <= o.total() {
            taken.extend([*out, *into]);
            pairs.insert(("person".into(), *out, *into));
        }
    }
    let is_apart = |out, into| last.get(&(out, into)).is_some_and(|(_, is_pair)| !is_pair);
    let all: Vec<(usize, usize)> = (0..rows.len())
        .flat_map(|o| (0..rows.len()).map(move |i| (o, i)))
        .collect();
    let free = |taken: &BTreeSet<usize>| {
        let is_free = |(o, i): &(usize, usize)| !taken.contains(o) && !taken.contains(i);
        all.iter().copied().filter(is_free).collect::<Vec<_>>()
    };
    for (o, i) in free(&taken) {
        let (out, into) = (&rows[o], &rows[i]);
        let same = |row: &&Row| row.tx == out.tx && asset(row) == asset(out);
        let left = (0..rows.len())
            .filter(|at| !taken.contains(at))
            .map(|at| &rows[at]);
        let of_tx = left.filter(same).count();
        if out.tx.is_some()
            && out.tx == into.tx
            && goes(out, into)
            && of_tx == 2
            && !is_apart(o, i)
            && into.total() <= out.total()
        {
            let sent = match into.total() == out.units - out.fee {
                true => into.total(),
                false => out.units,
            };
            let by = match into.total() * 10 < sent * 9 {
                true => "less_arrived",
                false => "tx",
            };
            pairs.insert((by.into(), o, i));
        }
    }
    taken.extend(pairs.iter().flat_map(|(_, o, i)| [*o, *i]));
    // Both are taken, and only proposed, as other pairs of two sizes are.
    pairs.retain(|(by, ..)| by != "less_arrived");
    pairs.extend(naive_by_size(rows, &free(&taken), is_apart));
    pairs
}

/// Compares the sizes of what is left.
fn naive_by_size(
    rows: &[Row],
    left: &[(usize, usize)],
    is_apart: impl Fn(usize, usize) -> bool,
) -> Pairs {
    let mut pairs = Pairs::new();
    let fits: Vec<(usize, usize)> = left
        .iter()
        .copied()
        .filter(|(o, i)| {
            let (out, into) = (&rows[*o], &rows[*i]);
            let is_size = [out.units, out.units - out.fee].contains(&into.total());
            goes(out, into)
                && is_size
                && (0..=72 * HOUR).contains(&(into.at - out.at))
                && !is_apart(*o, *i)
        })
        .collect();
    for (o, i) in &fits {
        let is_only = fits
            .iter()
            .filter(|(out, into)| out == o || into == i)
            .count()
            == 1;
        let (out, into) = (&rows[*o], &rows[*i]);
        let digits = into.total().to_string().trim_end_matches('0').len();
        let by = match () {
            () if out.tx.is_some() && into.tx.is_some() && out.tx != into.tx => "other_tx",
            () if digits < 6 => "few_digits",
            () => "size",
        };
        if is_only {
            pairs.insert((by.into(), *o, *i));
        }
    }
    pairs
}

fn found(pairing: &Pairing) -> Pairs {
    let place = |id: &OrderId| id.as_str()[1..].parse::<usize>().unwrap();
    let of = |it: &Transfer, by: &str| (by.to_owned(), place(&it.withdrawal), place(&it.deposit));
    let pairs = pairing.transfers.iter();
    let pairs = pairs.map(|it| of(&it.transfer, it.by.as_str()));
    let proposed = pairing.proposed.iter();
    let proposed = proposed.map(|it| of(&it.transfer, it.why.as_str()));
    pairs.chain(proposed).collect()
}

/// Checks one history against the naive pairing. Returns its pairs.
fn compare(
    rows: &[Row],
    decided: &[(bool, usize, usize)],
    turn: usize,
) -> Result<Pairs, TestCaseError> {
    let movements: Vec<Movement> = (0..).zip(rows).map(|(at, row)| row.movement(at)).collect();
    let of = |(is_pair, out, into): &(bool, usize, usize)| TransferDecision {
        kind: match is_pair {
            true => DecisionKind::Pair,
            false => DecisionKind::Unpair,
        },
        withdrawal: rows[*out].key(*out),
        deposit: rows[*into].key(*into),
        ..decision(DecisionKind::Pair, "x/y", "x/z")
    };
    let decisions: Vec<TransferDecision> = decided.iter().map(of).collect();
    let rules = AssetRules::default();
    let pairing = pair(&movements, &decisions, &rules);
    let pairs = found(&pairing);
    let is_near = |by: &str| by != "apart" && by != "less_arrived";
    let near: Pairs = pairs
        .iter()
        .filter(|(by, ..)| is_near(by))
        .cloned()
        .collect();
    prop_assert_eq!(near, naive(rows, decided));
    // Another order gives the same.
    let mut turned = movements.clone();
    turned.rotate_left(turn.checked_rem(rows.len()).unwrap_or(0));
    turned.reverse();
    prop_assert_eq!(&pair(&turned, &decisions, &rules), &pairing);
    // Every movement ends once.
    let alone = pairing.alone.iter();
    let mut ends: Vec<MovementKey> = alone.map(|it| MovementKey::of(&it.movement)).collect();
    for (by, out, into) in &pairs {
        ends.extend([rows[*out].key(*out), rows[*into].key(*into)]);
        prop_assert!(rows[*into].total() <= rows[*out].total(), "{by}");
    }
    ends.sort();
    let mut all: Vec<MovementKey> = movements.iter().map(MovementKey::of).collect();
    all.sort();
    prop_assert_eq!(ends, all);
    Ok(pairs)
}

#[test]
fn a_second_pairing_agrees_and_no_order_matters() {
    let decided = prop::collection::vec((any::<bool>(), 0_usize..8, 0_usize..8), 0..9);
    let counts = RefCell::new(BTreeMap::<String, u32>::new());
    let config = ProptestConfig {
        failure_persistence: None,
        cases: 1000,
        ..Default::default()
    };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    let run = |(rows, decided, turn): (Vec<Row>, Vec<(bool, usize, usize)>, usize)| {
        let is_there = |at: usize| at < rows.len();
        let decided = decided
            .into_iter()
            .filter(|(_, out, into)| is_there(*out) && is_there(*into) && out != into);
        let decided: Vec<_> = decided.collect();
        for (by, ..) in compare(&rows, &decided, turn)? {
            *counts.borrow_mut().entry(by).or_default() += 1;
        }
        Ok(())
    };
    runner.run(&(rows(), decided, 0_usize..14), run).unwrap();
    let counts = counts.into_inner();
    for by in [
        "person",
        "tx",
        "size",
        "few_digits",
        "other_tx",
        "apart",
        "less_arrived",
    ] {
        assert!(counts.get(by) > Some(&10), "{by}: {counts:?}");
    }
}

/// The worst that lists can be: all of one size, in one window, mostly of one account.
#[test]
fn many_equal_movements_are_searched_in_short_time() {
    let rows: Vec<Movement> = (0..20_000)
        .map(|at| {
            let (account, way) = if at % 100 == 0 {
                ("b", "in")
            } else {
                ("a", "out")
            };
            let account = if at % 3 == 0 { "a" } else { account };
            movement(&format!(
                "{account}/m{at} {way} 1.23456 BTC {} -",
                at % 1_000
            ))
        })
        .collect();
    let pairing = pair(&rows, &[], &AssetRules::default());
    assert_eq!((pairing.transfers.len(), pairing.alone.len()), (0, 20_000));
}
