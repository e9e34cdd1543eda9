//! Decides which movements and actions of a file an import appends.

use std::collections::BTreeMap;

use crate::engine::{Account, AssetAction, Movement, OrderId};
use crate::store::limits::CONFLICTS_KEPT_MAX;
use crate::store::model::{Conflict, MovementReceipt};

/// A record that an import keeps beside trades, and knows by its id.
pub trait BesideRecord {
    /// Returns its account and id. `None`: all accounts.
    fn key(&self) -> (Option<&Account>, &OrderId);

    /// Returns the first fact in which two records of one id differ: its column and both values.
    fn differs(&self, other: &Self) -> Option<(&'static str, String, String)>;

    /// Returns its line in the file.
    fn line(&self) -> u64;
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
}

/// The records that an import appends, and its counts.
#[derive(Debug)]
pub struct BesidePlan<'m, R> {
    /// The rows to append. Order: as in the file.
    pub rows: Vec<&'m R>,
    /// The counts.
    pub receipt: MovementReceipt,
}

/// Decides about each record of a file: append, skip as known, or report a conflict. `known` has
/// the stored records of the file's ids. A repeated id counts as if it came in two files.
pub fn plan_beside<'m, R: BesideRecord>(records: &'m [R], known: &[R]) -> BesidePlan<'m, R> {
    let mut held: BTreeMap<(Option<&Account>, &OrderId), &R> =
        known.iter().map(|row| (row.key(), row)).collect();
    let mut plan = BesidePlan {
        rows: Vec::new(),
        receipt: MovementReceipt::default(),
    };
    for row in records {
        let Some(other) = held.get(&row.key()) else {
            held.insert(row.key(), row);
            plan.rows.push(row);
            plan.receipt.appended += 1;
            continue;
        };
        let receipt = &mut plan.receipt;
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
