//! Movements, in memory.

use std::sync::Arc;

use async_trait::async_trait;

use super::ledger::MemoryLedger;
use super::{MemoryStore, check};
use crate::engine::{
    Account, DecisionKind, Leg, LotMove, Movement, MovementKey, OrderId, StoredLot, Timestamp,
    Trade, TransferDecision,
};
use crate::store::corrections::refused;
use crate::store::lots::income_buy;
use crate::store::model::{Cursors, Version, Watermark};
use crate::store::rules::transfer_event;
use crate::store::{MovementFiles, MovementStore, StoreResult, TradeRefusal};

#[async_trait]
impl MovementStore for MemoryStore {
    async fn lot_moves(&self, version: Version) -> StoreResult<Vec<LotMove>> {
        let state = self.read();
        let stored = state.versions.get(&version);
        Ok(stored.map_or_else(Vec::new, |stored| stored.lot_moves.clone()))
    }

    async fn movements(&self, as_of: Option<&Watermark>) -> StoreResult<Vec<Movement>> {
        let last = as_of.map_or(&Cursors::END, Watermark::cursors);
        let mut movements = self.read().ledger.movements_in(last);
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
        Ok(self.read().ledger.movements_in(&Cursors::END).len() as u64)
    }

    async fn movement_origin(
        &self,
        account: &Account,
        movement_id: &OrderId,
    ) -> StoreResult<Option<(String, i64, Timestamp)>> {
        let state = self.read();
        let mut rows = state.ledger.movements.iter().rev();
        let is_it = |row: &Movement| (&row.account, &row.movement_id) == (account, movement_id);
        let found = rows.find(|(_, row)| is_it(row));
        let of = |(import_id, row): &(i64, Movement)| {
            let place = usize::try_from(*import_id).ok()?.checked_sub(1)?;
            let import = state.ledger.imports.get(place)?;
            let line = i64::try_from(row.import_line).unwrap_or(i64::MAX);
            Some((import.name.clone(), line, import.imported_at))
        };
        Ok(found.and_then(of))
    }

    async fn movement_files(&self) -> StoreResult<MovementFiles> {
        let ledger = &self.read().ledger;
        let of_file = |(import_id, row): &(i64, Movement)| {
            let place = usize::try_from(*import_id).ok()?.checked_sub(1)?;
            let name = &ledger.imports.get(place)?.name;
            let line = i64::try_from(row.import_line).unwrap_or(i64::MAX);
            Some((MovementKey::of(row), (Arc::from(name.as_str()), line)))
        };
        Ok(ledger.movements.iter().filter_map(of_file).collect())
    }

    async fn transfer_decisions(
        &self,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<TransferDecision>> {
        let last = as_of.map_or(&Cursors::END, Watermark::cursors);
        let last = usize::try_from(last.decision_seq).unwrap_or(0);
        let decisions = &self.read().ledger.transfer_decisions;
        Ok(decisions.iter().take(last).cloned().collect())
    }

    async fn decide_transfers(&self, decisions: &[TransferDecision]) -> StoreResult<()> {
        self.write(|state| {
            for decision in decisions {
                let note = decision.note.as_deref();
                let (action, rule) = ("decide about transfers", "transfer_decisions_note_check");
                check(note != Some(""), action, rule)?;
                let is_one = decision.withdrawal == decision.deposit;
                let rule = "transfer_decisions_movement_check";
                check(is_one == decision.kind.is_of_one(), action, rule)?;
                let is_income = decision.kind == DecisionKind::Income;
                let has_place = is_income || decision.usd_value.is_none();
                check(has_place, action, "transfer_decisions_usd_value_check")?;
            }
            let events = decisions.iter().map(transfer_event);
            state.events.extend(events);
            state.ledger.transfer_decisions.extend(decisions.to_vec());
            Ok(())
        })
        .await
    }
}

impl MemoryLedger {
    /// Returns the movements whose imports are not undone, as of an instant.
    fn movements_in(&self, last: &Cursors) -> Vec<Movement> {
        let out = self.imports_out(last.import_void_seq);
        let rows = usize::try_from(last.movement_seq).unwrap_or(0);
        let rows = self.movements.iter().take(rows);
        let rows = rows.filter(|(import, _)| !out.contains(import));
        rows.map(|(_, row)| row.clone()).collect()
    }

    /// Checks rows to append. Errors: a trade and a movement of one account have the same id.
    pub(super) fn check_ids(
        &self,
        trades: &[(String, String)],
        movements: &[Movement],
    ) -> StoreResult<()> {
        let out = self.imports_out(i64::MAX);
        let key = |row: &Movement| (row.account.to_string(), row.movement_id.to_string());
        let there = self.movements.iter();
        let there = there.filter(|(import_id, _)| !out.contains(import_id));
        let of_trades = there.map(|(_, row)| key(row));
        let of_trades = of_trades.filter(|key| trades.contains(key));
        let added = movements.iter().map(key);
        let is_there = |key: &(String, String)| {
            let is_out = |(id, _): (i64, u64)| out.contains(&id);
            self.row(key)
                .is_some_and(|row| !row.import.is_some_and(is_out))
        };
        let of_movements = added.filter(|key| is_there(key) || trades.contains(key));
        match of_trades.chain(of_movements).min() {
            None => Ok(()),
            Some((account, id)) => Err(refused(&account, &id, TradeRefusal::IsMovement)),
        }
    }
}

impl MemoryLedger {
    /// Returns the buy of a lot: a trade, or income. `None`: neither.
    pub(super) fn buy_of(
        &self,
        account: &Account,
        id: &OrderId,
        lots: &[StoredLot],
    ) -> Option<Trade> {
        if let Some(trade) = self.trade(account.as_str(), id.as_str()) {
            return Some(trade);
        }
        let is_income = |lot: &&StoredLot| lot.buy_leg == Leg::Income && lot.buy_order_id == *id;
        let lot = lots.iter().find(is_income)?;
        let is_it = |row: &Movement| row.account == *account && row.movement_id == *id;
        let (_, row) = self.movements.iter().find(|(_, row)| is_it(row))?;
        Some(income_buy(lot, row.moved_at))
    }
}
