//! Incremental runs over ledgers whose lots move between accounts give what full runs give: after
//! any mix of trades, movements, decisions, voids, undone imports and exclusions, on every store.
//! Each version is judged by the second matcher.
//!
//! Histories come from fixed seeds; a failure names the one it had.
#![cfg(feature = "job")]

use crate::incremental::{Happened, compare, compare_questions, incremental, with_rules};
use crate::ledger::Random;
use crate::subject::{
    self, Subject, at, batch, decided, exported, memory, movement, postgres, sqlite, trade, undo,
};

use fifo_pnl::engine::{AssetRules, Direction, LedgerTrade, Movement, MovementKind, Pool};
use fifo_pnl::store::Store;
use fifo_pnl::store::model::{Exclusion, ImportBatch, VoidChange};

const ACCOUNTS: [&str; 3] = ["a", "b", "c"];
const ASSETS: [&str; 2] = ["BTC", "ETH"];

/// The rows that a history has made so far.
#[derive(Default)]
struct Made {
    now: i64,
    trades: Vec<(&'static str, String)>,
    /// Deposits that no import has brought yet.
    later: Vec<Movement>,
    rewards: usize,
    /// Withdrawals and deposits, as `ACCOUNT/ID`.
    outs: Vec<String>,
    ins: Vec<String>,
}

fn size(random: &mut Random) -> String {
    format!("{}.{:06}", random.below(4), 1 + random.below(999_999))
}

impl Made {
    /// Some trades, now and then a late one.
    fn trades(&mut self, random: &mut Random) -> Vec<LedgerTrade> {
        let trades = (0..random.below(9)).map(|_| {
            self.now += random.below(4) as i64;
            let seconds = match random.below(12) {
                0 => self.now - random.below(60) as i64,
                _ => self.now,
            };
            let side = ["buy", "buy", "sell"][random.below(3) as usize];
            let account = ACCOUNTS[random.below(3) as usize];
            let id = format!("t{}", self.trades.len());
            let price = format!("{}.{:02}", 10 + random.below(90), random.below(100));
            let row = trade(&id, side, &size(random), &price, seconds);
            self.trades.push((account, id));
            let asset = ASSETS[random.below(2) as usize];
            subject::of(account, &format!("{asset}-USD"), row)
        });
        trades.collect()
    }

    /// A withdrawal now and then, whose deposit may come with a later import.
    fn movements(&mut self, random: &mut Random) -> Vec<Movement> {
        let mut movements = Vec::new();
        for _ in 0..random.below(3) {
            let (from, step) = (random.below(3) as usize, 1 + random.below(2) as usize);
            let (nth, asset) = (self.outs.len(), ASSETS[random.below(2) as usize]);
            let sent = self.now - random.below(20) as i64;
            let (sold, fee_asset) = (size(random), ASSETS[random.below(2) as usize]);
            let fee = (random.below(4) == 0).then_some("0.0005");
            let row = |account: &str, id: String, direction, seconds| Movement {
                account: account.parse().unwrap(),
                asset: asset.parse().unwrap(),
                direction,
                size: sold.parse().unwrap(),
                fee: None,
                usd_value: None,
                kind: MovementKind::Transfer,
                settled_at: None,
                tx_id: (nth % 3 > 0).then(|| format!("tx{nth}")),
                exchange: None,
                ..movement(&id, seconds)
            };
            let mut out = row(ACCOUNTS[from], format!("w{nth}"), Direction::Out, sent);
            out.usd_value = (nth % 4 == 1).then(|| "1234.56789".parse().unwrap());
            out.fee = fee.map(|fee| (fee.parse().unwrap(), fee_asset.parse().unwrap()));
            let to = ACCOUNTS[(from + step) % 3];
            let received = sent + random.below(9) as i64;
            let into = row(to, format!("d{nth}"), Direction::In, received);
            self.outs.push(format!("{}/w{nth}", ACCOUNTS[from]));
            self.ins.push(format!("{to}/d{nth}"));
            movements.push(out);
            match random.below(3) {
                0 => self.later.push(into),
                _ => movements.push(into),
            }
        }
        if random.below(2) == 0 {
            movements.extend(self.later.pop());
        }
        movements.extend((random.below(2) == 0).then(|| self.reward(random)));
        movements
    }

    /// Income, which may have a stated value and a fee.
    fn reward(&mut self, random: &mut Random) -> Movement {
        self.rewards += 1;
        let nth = self.rewards;
        let asset = ASSETS[random.below(2) as usize];
        let fee = nth
            .is_multiple_of(3)
            .then(|| ("0.0000001".parse().unwrap(), asset.parse().unwrap()));
        Movement {
            account: ACCOUNTS[random.below(3) as usize].parse().unwrap(),
            asset: asset.parse().unwrap(),
            direction: Direction::In,
            size: size(random).parse().unwrap(),
            fee,
            usd_value: (!nth.is_multiple_of(4)).then(|| "17.123456789".parse().unwrap()),
            kind: [MovementKind::Reward, MovementKind::Staking][nth % 2],
            tx_id: None,
            ..movement(&format!("r{nth}"), self.now - random.below(30) as i64)
        }
    }
}

/// Sometimes decides about a pair, voids a trade, undoes an import, or leaves a pool out.
async fn disturb(store: &dyn Store, random: &mut Random, made: &Made, voided: &mut Vec<usize>) {
    let pick = |random: &mut Random, of: usize| random.below(of.max(1) as u64) as usize;
    match random.below(7) {
        0 if !made.outs.is_empty() => {
            let nth = pick(random, made.outs.len());
            let kind = ["pair", "unpair"][random.below(2) as usize];
            let decision = decided(kind, &made.outs[nth], &made.ins[nth]);
            store.decide_transfers(&[decision]).await.unwrap();
        }
        1 if !made.trades.is_empty() => {
            let nth = pick(random, made.trades.len());
            let is_back = voided.contains(&nth);
            let (account, id) = &made.trades[nth];
            let change = VoidChange {
                account: account.parse().unwrap(),
                ..subject::void(id, is_back)
            };
            // An undone import has no trade to void.
            if store.void(&change).await.is_ok() {
                voided.retain(|it| *it != nth);
                voided.extend((!is_back).then_some(nth));
            }
        }
        2 => {
            let imports = store.imports().await.unwrap();
            if let Some(file) = imports.get(pick(random, imports.len())) {
                let out = store.imports_out(None).await.unwrap();
                let change = undo(file.id, out.contains(&file.id));
                store.undo_import(&change).await.unwrap();
            }
        }
        3 if random.below(2) == 0 => {
            let exclusion = Exclusion {
                pool: Pool::new("b".parse().unwrap(), "ETH".parse().unwrap()),
                reason: "not ours".into(),
                decided_by: "ann".into(),
                decided_at: at(0),
            };
            let is_out = random.below(2) == 0;
            store.set_exclusion(&exclusion, is_out).await.unwrap();
        }
        _ => {}
    }
}

async fn history(subject: &dyn Subject, seed: u64, happened: &mut Happened) {
    let (store, context) = (subject.store(), with_rules(AssetRules::default()));
    let (mut random, mut voided) = (Random(seed), Vec::new());
    let mut made = Made {
        now: 1_000,
        ..Made::default()
    };
    for step in 0..14 {
        let what = format!("seed {seed}, step {step}");
        let file = ImportBatch {
            movements: made.movements(&mut random),
            ..batch(made.trades(&mut random))
        };
        if !file.movements.is_empty() || !file.trades.is_empty() {
            store.import(&file).await.unwrap();
        }
        disturb(store, &mut random, &made, &mut voided).await;
        let done = incremental(store, &context).await;
        let version = happened.count(done, &what);
        compare(store, &context, version, &what, happened).await;
        happened.moved += store.lot_moves(version).await.unwrap().len();
        let rows = exported(store, version).await;
        happened.income += rows.iter().filter(|row| row.contains(",income,")).count();
    }
    compare_questions(store, &context, &format!("seed {seed}"), happened).await;
}

async fn histories(make: impl AsyncFn() -> Option<Box<dyn Subject>>, seeds: std::ops::Range<u64>) {
    let mut happened = Happened::default();
    for seed in seeds {
        let Some(subject) = make().await else {
            return;
        };
        history(subject.as_ref(), seed, &mut happened).await;
    }
    let is_all = happened.acted > 0 && happened.moved > 0 && happened.income > 0;
    assert!(is_all, "{happened:?}");
}

#[tokio::test]
async fn any_moves_in_memory() {
    histories(memory, 1..25).await;
}

#[tokio::test]
async fn any_moves_in_sqlite() {
    histories(sqlite, 100..104).await;
}

#[tokio::test]
async fn any_moves_in_postgres() {
    histories(postgres, 200..203).await;
}
