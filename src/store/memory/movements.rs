//! Movements, in memory.

use async_trait::async_trait;

use super::MemoryStore;
use super::ledger::MemoryLedger;
use crate::engine::Movement;
use crate::store::corrections::refused;
use crate::store::{MovementStore, StoreResult, TradeRefusal};

#[async_trait]
impl MovementStore for MemoryStore {
    async fn movements(&self) -> StoreResult<Vec<Movement>> {
        let mut movements = self.read().ledger.movements_in();
        movements.sort_by(|left, right| {
            let key = |row: &Movement| {
                let (account, id) = (row.account.clone(), row.movement_id.clone());
                (account, row.moved_at, id)
            };
            key(left).cmp(&key(right))
        });
        Ok(movements)
    }

    async fn movement_count(&self) -> StoreResult<u64> {
        Ok(self.read().ledger.movements_in().len() as u64)
    }
}

impl MemoryLedger {
    /// Returns the movements whose imports are not undone.
    fn movements_in(&self) -> Vec<Movement> {
        let out = self.imports_out(i64::MAX);
        let rows = self.movements.iter();
        let rows = rows.filter(|(import, _)| !out.contains(import));
        rows.map(|(_, row)| row.clone()).collect()
    }

    /// Checks rows to append. Errors: a trade and a movement of one account have the same id.
    pub(super) fn check_ids(
        &self,
        trades: &[(String, String)],
        movements: &[Movement],
    ) -> StoreResult<()> {
        let key = |row: &Movement| (row.account.to_string(), row.movement_id.to_string());
        let there = self.movements.iter().map(|(_, row)| key(row));
        let of_trades = there.filter(|key| trades.contains(key));
        let added = movements.iter().map(key);
        let of_movements = added.filter(|key| self.has_trade(key) || trades.contains(key));
        match of_trades.chain(of_movements).min() {
            None => Ok(()),
            Some((account, id)) => Err(refused(&account, &id, TradeRefusal::IsMovement)),
        }
    }
}
