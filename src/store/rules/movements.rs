//! Decides which movements of a file an import appends.

use std::collections::BTreeMap;

use crate::engine::{Account, Movement, OrderId};
use crate::store::limits::CONFLICTS_KEPT_MAX;
use crate::store::model::{Conflict, MovementReceipt};

/// The movements that an import appends, and its counts.
#[derive(Debug, Default)]
pub struct MovementPlan<'m> {
    /// The rows to append. Order: as in the file.
    pub rows: Vec<&'m Movement>,
    /// The counts.
    pub receipt: MovementReceipt,
}

/// Account and id of a movement.
pub type MovementKey = (Account, OrderId);

/// Decides about each movement of a file: append, skip as known, or report a conflict. `known` has
/// the stored movements of the file's ids. A repeated id counts as if it came in two files.
pub fn plan_movements<'m>(movements: &'m [Movement], known: &[Movement]) -> MovementPlan<'m> {
    let key = |row: &Movement| -> MovementKey { (row.account.clone(), row.movement_id.clone()) };
    let mut held: BTreeMap<MovementKey, &Movement> =
        known.iter().map(|row| (key(row), row)).collect();
    let mut plan = MovementPlan::default();
    for row in movements {
        let Some(other) = held.get(&key(row)) else {
            held.insert(key(row), row);
            plan.rows.push(row);
            plan.receipt.appended += 1;
            continue;
        };
        let receipt = &mut plan.receipt;
        match row.fact_that_differs(other) {
            None => receipt.known += 1,
            Some((column, in_file, in_ledger)) => {
                receipt.conflict_count += 1;
                if receipt.conflict_count <= CONFLICTS_KEPT_MAX {
                    receipt.conflicts.push(Conflict {
                        line: row.import_line,
                        account: row.account.to_string(),
                        order_id: row.movement_id.to_string(),
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
