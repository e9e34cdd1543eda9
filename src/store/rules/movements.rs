//! Decides which movements and actions of a file an import appends.

use std::collections::BTreeMap;

use serde_json::json;

use crate::engine::{Account, AssetAction, CORRECTION_MARK, Movement, OrderId, TransferDecision};
use crate::store::limits::CONFLICTS_KEPT_MAX;
use crate::store::model::{Conflict, Event, EventKind, MovementReceipt};

/// A record that an import keeps beside trades, and knows by its id.
pub trait BesideRecord: Sized {
    /// Returns its account and id. `None`: all accounts.
    fn key(&self) -> (Option<&Account>, &OrderId);

    /// Returns the first fact in which two records of one id differ: its column and both values.
    fn differs(&self, other: &Self) -> Option<(&'static str, String, String)>;

    /// Returns its line in the file.
    fn line(&self) -> u64;

    /// Returns the record under another id.
    fn renamed(&self, id: OrderId) -> Self;
}

impl BesideRecord for Movement {
    fn key(&self) -> (Option<&Account>, &OrderId) {
        (Some(&self.account), &self.movement_id)
    }

    fn differs(&self, other: &Self) -> Option<(&'static str, String, String)> {
        self.fact_that_differs(other)
    }

    fn line(&self) -> u64 {
        self.import_line
    }

    fn renamed(&self, id: OrderId) -> Self {
        Self {
            movement_id: id,
            ..self.clone()
        }
    }
}

impl BesideRecord for AssetAction {
    fn key(&self) -> (Option<&Account>, &OrderId) {
        (self.account.as_ref(), &self.action_id)
    }

    fn differs(&self, other: &Self) -> Option<(&'static str, String, String)> {
        self.fact_that_differs(other)
    }

    fn line(&self) -> u64 {
        self.import_line
    }

    fn renamed(&self, id: OrderId) -> Self {
        Self {
            action_id: id,
            ..self.clone()
        }
    }
}

/// A stored record, and whether its import is undone.
#[derive(Debug, Clone)]
pub struct KnownBeside<R> {
    /// The record.
    pub row: R,
    /// Its import is undone.
    pub is_undone: bool,
}

/// The records that an import appends, and its counts.
#[derive(Debug)]
pub struct BesidePlan<R> {
    /// The rows to append. Order: as in the file.
    pub rows: Vec<R>,
    /// The counts.
    pub receipt: MovementReceipt,
}

/// Account and id of a record, for a look-up.
type BesideKey = (Option<Account>, OrderId);

fn key_of<R: BesideRecord>(row: &R) -> BesideKey {
    let (account, id) = row.key();
    (account.cloned(), id.clone())
}

/// Returns records under the next ids that have to be looked up. If a record is of an undone
/// import, the file's gets the id `ID~2`. `known` has the stored records that were looked up so
/// far.
pub fn next_beside<R: BesideRecord>(records: &[R], known: &[KnownBeside<R>]) -> Vec<R> {
    let held = held(known);
    let next = |row: &R| {
        let (free, other) = walk(row, &held)?;
        (other.is_none() && free != *row.key().1).then(|| row.renamed(free))
    };
    records.iter().filter_map(next).collect()
}

type Held<'k, R> = BTreeMap<BesideKey, (&'k R, bool)>;

fn held<R: BesideRecord>(known: &[KnownBeside<R>]) -> Held<'_, R> {
    let record = |it: &'_ KnownBeside<R>| key_of(&it.row);
    known
        .iter()
        .map(|it| (record(it), (&it.row, it.is_undone)))
        .collect()
}

/// Follows the ids of a record over those of undone imports. Returns the first id that is free, or
/// that holds a record to compare with. `None`: the next id would be too long.
fn walk<'k, R: BesideRecord>(row: &R, held: &Held<'k, R>) -> Option<(OrderId, Option<&'k R>)> {
    let (account, first) = key_of(row);
    let mut id = first.clone();
    for number in 2_u64.. {
        match held.get(&(account.clone(), id.clone())) {
            None => return Some((id, None)),
            Some((other, false)) => return Some((id, Some(*other))),
            Some((_, true)) => {}
        }
        id = format!("{first}{CORRECTION_MARK}{number}").parse().ok()?;
    }
    None
}

/// Decides about each record of a file: append, skip as known, or report a conflict. `known` has
/// the stored records of the file's ids. A repeated id counts as if it came in two files.
pub fn plan_beside<R: BesideRecord + Clone>(
    records: &[R],
    known: &[KnownBeside<R>],
) -> BesidePlan<R> {
    let held = held(known);
    let mut of_file: BTreeMap<BesideKey, &R> = BTreeMap::new();
    let mut plan = BesidePlan {
        rows: Vec::new(),
        receipt: MovementReceipt::default(),
    };
    for row in records {
        let found = walk(row, &held);
        let (id, other) = found.unwrap_or_else(|| (row.key().1.clone(), None));
        let other = other.or_else(|| of_file.get(&key_of(row)).copied());
        let receipt = &mut plan.receipt;
        let Some(other) = other else {
            of_file.insert(key_of(row), row);
            receipt.renewed += u64::from(id != *row.key().1);
            plan.rows.push(row.renamed(id));
            receipt.appended += 1;
            continue;
        };
        match row.differs(other) {
            None => receipt.known += 1,
            Some((column, in_file, in_ledger)) => {
                receipt.conflict_count += 1;
                if receipt.conflict_count <= CONFLICTS_KEPT_MAX {
                    let (account, id) = row.key();
                    receipt.conflicts.push(Conflict {
                        line: row.line(),
                        account: account.map(ToString::to_string).unwrap_or_default(),
                        order_id: id.to_string(),
                        column,
                        in_file,
                        in_ledger,
                    });
                }
            }
        }
    }
    plan
}

/// Returns the event of a decision about a transfer.
pub(in crate::store) fn transfer_event(decision: &TransferDecision) -> Event {
    let mut details = json!({
        "kind": decision.kind.as_str(), "withdrawal": decision.withdrawal.to_string(),
        "deposit": decision.deposit.to_string(), "note": decision.note,
        "by": decision.decided_by,
    });
    if let (Some(object), Some(value)) = (details.as_object_mut(), decision.usd_value) {
        object.insert("usd_value".into(), value.to_string().into());
    }
    Event::info(EventKind::Transfer, decision.decided_at, details)
}
