//! Transfers: what a person decides about withdrawals and deposits, and movements by hand.
//!
//! `engine/pairing.rs` finds the pairs. Here decisions are checked before they are stored, so that
//! each refusal names its reason.

use super::error::PipelineResult;
use super::job::Context;
use super::stated::{StatedRecord, made_id, sha256_of, store_stated};
use super::transfer_refusal::TransferRefusal;
use crate::engine::{
    AloneWhy, DecisionKind, Direction, Movement, MovementKey, NoTransfer, OrderId, PairedBy,
    Pairing, Transfer, TransferDecision, Worth, pair, transfer_of, with_decided_income,
};
use crate::store::Store;
use crate::store::model::{Cursors, ImportReceipt, Watermark};

/// Start of the ids of movements that a person adds without an id.
const ID_BY_HAND: &str = "hand";

/// The movements, and the pairs that they make.
#[derive(Debug, Clone)]
pub struct Transfers {
    /// With those of undone imports.
    all: Vec<Movement>,
    movements: Vec<Movement>,
    decisions: Vec<TransferDecision>,
    /// The pairs.
    pub pairing: Pairing,
}

/// Reads all movements and decisions, and pairs them.
///
/// Errors: the store fails.
pub async fn read_transfers(store: &dyn Store, context: &Context) -> PipelineResult<Transfers> {
    // As of the time before the first undo of an import.
    let with_undone = Watermark::Sequence {
        ingest_seq: i64::MAX,
        void_seq: i64::MAX,
        cursors: Cursors {
            import_void_seq: 0,
            ..Cursors::END
        },
    };
    let movements = store.movements(None).await?;
    let decisions = store.transfer_decisions(None).await?;
    Ok(Transfers {
        all: store.movements(Some(&with_undone)).await?,
        pairing: pair(
            &with_decided_income(movements.clone(), &decisions),
            &decisions,
            context.rules.as_rules(),
        ),
        movements,
        decisions,
    })
}

impl Transfers {
    /// Finds a movement by `ACCOUNT/ID`, or by an id that only one account has.
    ///
    /// Errors: no movement has that name, or several have it; its import is undone; it goes the
    /// other way.
    pub fn find(&self, name: &str, way: Direction) -> Result<&Movement, TransferRefusal> {
        match self.find_any(name)? {
            found if found.direction == way => Ok(found),
            found => Err(TransferRefusal::OtherWay(
                MovementKey::of(found),
                found.direction,
            )),
        }
    }

    /// Finds a movement that goes either way.
    fn find_any(&self, name: &str) -> Result<&Movement, TransferRefusal> {
        let is_named = |row: &&Movement| {
            let (account, id) = (row.account.as_str(), row.movement_id.as_str());
            let rest = name
                .strip_prefix(account)
                .and_then(|it| it.strip_prefix('/'));
            name == id || rest == Some(id)
        };
        let named: Vec<&Movement> = self.movements.iter().filter(is_named).collect();
        match *named {
            [only] => Ok(only),
            [] => Err(match self.all.iter().find(is_named) {
                Some(undone) => TransferRefusal::Undone(MovementKey::of(undone)),
                None => TransferRefusal::Unknown(name.to_owned()),
            }),
            _ => {
                let accounts = named.iter().map(|row| row.account.to_string());
                Err(TransferRefusal::Several(
                    name.to_owned(),
                    accounts.collect(),
                ))
            }
        }
    }

    /// Returns the transfer that a movement is in.
    fn pair_of(&self, key: &MovementKey) -> Option<(MovementKey, PairedBy)> {
        self.pairing.transfers.iter().find_map(|it| {
            let (out, into) = keys_of(&it.transfer);
            match () {
                () if out == *key => Some((into, it.by)),
                () if into == *key => Some((out, it.by)),
                () => None,
            }
        })
    }

    /// Returns the latest word about two movements.
    fn latest(&self, pair: (&MovementKey, &MovementKey)) -> Option<DecisionKind> {
        let mut latest = self.decisions.iter().rev();
        let of_pair = latest.find(|it| (&it.withdrawal, &it.deposit) == pair)?;
        Some(of_pair.kind)
    }

    /// Checks a decision about two movements. Returns the transfer that they make or would make.
    ///
    /// Errors: it can't be, or it is decided already.
    fn check(
        &self,
        (out, into): (&Movement, &Movement),
        kind: DecisionKind,
        context: &Context,
    ) -> Result<Transfer, TransferRefusal> {
        let keys = (MovementKey::of(out), MovementKey::of(into));
        let transfer = transfer_of(out, into, context.rules.as_rules());
        let transfer = transfer.map_err(|why| match why {
            NoTransfer::Withdrawal(why) => TransferRefusal::NoPart(keys.0.clone(), why),
            NoTransfer::Deposit(why) => TransferRefusal::NoPart(keys.1.clone(), why),
            NoTransfer::Pair(why) => TransferRefusal::NoPair(keys.0.clone(), keys.1.clone(), why),
        })?;
        if self.latest((&keys.0, &keys.1)) == Some(kind) {
            let is_there = self
                .pair_of(&keys.0)
                .is_some_and(|(with, _)| with == keys.1);
            if kind == DecisionKind::Unpair || is_there {
                return Err(TransferRefusal::Decided(keys.0, keys.1, kind));
            }
        }
        if kind == DecisionKind::Unpair {
            return Ok(transfer);
        }
        for (key, other) in [(&keys.0, &keys.1), (&keys.1, &keys.0)] {
            if let Some((with, by)) = self.pair_of(key).filter(|(with, _)| with != other) {
                return Err(TransferRefusal::Paired(key.clone(), with, by));
            }
        }
        Ok(transfer)
    }

    /// Returns the word about one movement that counts.
    fn word_about(&self, key: &MovementKey) -> DecisionKind {
        let is_about = |it: &&TransferDecision| {
            let is_named = it.withdrawal == *key || it.deposit == *key;
            is_named && it.kind != DecisionKind::Unpair
        };
        match self.decisions.iter().rev().find(is_about).map(|it| it.kind) {
            Some(kind) if kind.is_of_one() => kind,
            _ => DecisionKind::Undecided,
        }
    }

    /// Checks a word about one movement. Errors: it can't be, or it is decided already.
    fn check_one(
        &self,
        row: &Movement,
        kind: DecisionKind,
        context: &Context,
    ) -> Result<(), TransferRefusal> {
        let key = MovementKey::of(row);
        if let Some((with, by)) = self.pair_of(&key) {
            return Err(TransferRefusal::Paired(key, with, by));
        }
        let mut alone = self.pairing.alone.iter();
        let alone = alone.find(|it| MovementKey::of(&it.movement) == key);
        let now = self.word_about(&key);
        if now == kind && kind != DecisionKind::Income {
            return Err(TransferRefusal::Settled(key, kind));
        }
        if kind == DecisionKind::Income && row.direction == Direction::Out {
            return Err(TransferRefusal::GoesOut(key));
        }
        match alone
            .filter(|_| now == DecisionKind::Undecided)
            .map(|it| &it.why)
        {
            Some(AloneWhy::NoPart(why))
                if !alone.is_some_and(|it| it.is_undecided(context.rules.as_rules())) =>
            {
                Err(TransferRefusal::NoPart(key, *why))
            }
            _ => Ok(()),
        }
    }

    /// Counts transfers, proposed pairs, and movements that are alone and may be half of one.
    pub fn counts(pairing: &Pairing) -> (u64, u64, u64) {
        let alone = pairing.alone.iter().filter(|it| it.may_be_half()).count();
        let (paired, proposed) = (pairing.transfers.len(), pairing.proposed.len());
        (paired as u64, proposed as u64, alone as u64)
    }
}

/// Returns the keys of a transfer's movements: the withdrawal and the deposit.
pub fn keys_of(transfer: &Transfer) -> (MovementKey, MovementKey) {
    let out = MovementKey {
        account: transfer.from.clone(),
        movement_id: transfer.withdrawal.clone(),
    };
    let into = MovementKey {
        account: transfer.to.clone(),
        movement_id: transfer.deposit.clone(),
    };
    (out, into)
}

/// Stores a person's word about a withdrawal and a deposit. Returns the transfer that they make, or
/// no longer make.
///
/// Errors: a [`TransferRefusal`]; the store fails.
pub async fn decide_transfer(
    store: &dyn Store,
    context: &Context,
    (kind, note): (DecisionKind, Option<&str>),
    (out, into): (&str, &str),
) -> PipelineResult<Transfer> {
    let read = read_transfers(store, context).await?;
    let out = read.find(out, Direction::Out)?;
    let into = read.find(into, Direction::In)?;
    let transfer = read.check((out, into), kind, context)?;
    let decision = decision(&transfer, (kind, note), context);
    store.decide_transfers(&[decision]).await?;
    Ok(transfer)
}

/// Stores a person's word about one movement, and why. Returns the movement.
///
/// Errors: a [`TransferRefusal`]; the store fails.
pub async fn decide_movement(
    store: &dyn Store,
    context: &Context,
    (kind, usd_value, reason): (DecisionKind, Option<Worth>, &str),
    name: &str,
) -> PipelineResult<Movement> {
    let read = read_transfers(store, context).await?;
    let row = read.find_any(name)?;
    read.check_one(row, kind, context)?;
    let key = MovementKey::of(row);
    let decision = TransferDecision {
        kind,
        withdrawal: key.clone(),
        deposit: key,
        note: Some(reason.to_owned()),
        decided_by: context.user.clone(),
        decided_at: context.clock.now(),
        usd_value,
    };
    store.decide_transfers(&[decision]).await?;
    Ok(row.clone())
}

/// Stores a person's word that proposed pairs make transfers. Errors: the store fails.
pub async fn accept_transfers(
    store: &dyn Store,
    context: &Context,
    transfers: &[Transfer],
) -> PipelineResult<()> {
    let kind = DecisionKind::Pair;
    let decisions = transfers
        .iter()
        .map(|it| decision(it, (kind, None), context));
    let decisions: Vec<TransferDecision> = decisions.collect();
    Ok(store.decide_transfers(&decisions).await?)
}

fn decision(
    transfer: &Transfer,
    (kind, note): (DecisionKind, Option<&str>),
    context: &Context,
) -> TransferDecision {
    let (withdrawal, deposit) = keys_of(transfer);
    TransferDecision {
        kind,
        withdrawal,
        deposit,
        note: note.map(str::to_owned),
        decided_by: context.user.clone(),
        decided_at: context.clock.now(),
        usd_value: None,
    }
}

/// Appends a movement that a person states. `id`: its id, unless one is made of its facts.
///
/// Errors: the store fails, or refuses the id.
pub async fn add_movement(
    store: &dyn Store,
    context: &Context,
    movement: Movement,
    id: Option<OrderId>,
) -> PipelineResult<(Movement, ImportReceipt)> {
    let sha256 = sha256_of(&facts(&movement, id.as_ref()));
    let movement = Movement {
        movement_id: id.unwrap_or_else(|| made_id(ID_BY_HAND, &sha256)),
        ..movement
    };
    let stated = StatedRecord {
        account: movement.account.clone(),
        sha256,
        movements: vec![movement.clone()],
        actions: Vec::new(),
    };
    Ok((movement, store_stated(store, context, stated).await?))
}

/// Returns all facts that a person states of a movement, in one line.
fn facts(row: &Movement, id: Option<&OrderId>) -> String {
    let fee = row.fee.as_ref();
    let fee = fee.map(|(fee, of)| format!("{fee} {of}"));
    let (account, asset, way, size) = (&row.account, &row.asset, row.direction, row.size);
    let (kind, at) = (row.kind, row.moved_at);
    format!(
        "{account},{},{asset},{way},{size},{},{kind},{at},{}\n",
        id.map(OrderId::as_str).unwrap_or_default(),
        fee.unwrap_or_default(),
        row.tx_id.as_deref().unwrap_or_default(),
    )
}
