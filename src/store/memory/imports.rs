//! Imports as wholes, in memory.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;

use super::ledger::{Key, LedgerRow, MemoryLedger, VoidRow};
use super::{MemoryStore, check};
use crate::store::corrections::{Relative, check_undo, counts_beside};
use crate::store::model::{Cursors, ImportUndo, ImportUndone, ImportedTrade, Watermark};
use crate::store::rules::{BesideRecord, back_beside, check_undoable, undo_event};
use crate::store::{ImportStore, StoreError, StoreResult};

#[async_trait]
impl ImportStore for MemoryStore {
    async fn undo_import(&self, change: &ImportUndo) -> StoreResult<ImportUndone> {
        self.write(|state| {
            let kept = state.ledger.voids_kept();
            let undone = undo(&mut state.ledger, change);
            match undone {
                Ok(undone) => {
                    state.events.push(undo_event(change, &undone));
                    Ok(undone)
                }
                Err(error) => {
                    state.ledger.drop_voids_after(kept);
                    Err(error)
                }
            }
        })
        .await
    }

    async fn imports_out(&self, as_of: Option<&Watermark>) -> StoreResult<BTreeSet<i64>> {
        let cursors = as_of.map_or(&Cursors::END, Watermark::cursors);
        Ok(self.read().ledger.imports_out(cursors.import_void_seq))
    }

    async fn trades_of_imports(&self, ids: &BTreeSet<i64>) -> StoreResult<Vec<ImportedTrade>> {
        let tables = self.read();
        let ledger = &tables.ledger;
        let voided = ledger.voided_alone(i64::MAX);
        let mut trades = Vec::new();
        for row in &ledger.rows {
            let Some((import_id, line)) = row.import.filter(|(id, _)| ids.contains(id)) else {
                continue;
            };
            if row.text.is_eligible()
                && !voided.contains(&row.text.key())
                && let Some(trade) = row.text.imported(import_id)
            {
                trades.push((import_id, line, trade));
            }
        }
        trades.sort_by_key(|(import_id, line, _)| (*import_id, *line));
        Ok(trades.into_iter().map(|(.., trade)| trade).collect())
    }

    async fn equal_trades(&self, import_id: i64) -> StoreResult<Vec<(i64, u64)>> {
        let tables = self.read();
        let ledger = &tables.ledger;
        let voided = ledger.voided_alone(i64::MAX);
        let facts = |row: &LedgerRow| {
            let (id, _) = row.import?;
            let trade = row.text.imported(id)?;
            let (size, price) = (trade.size, trade.price);
            let key = (trade.account, trade.symbol, trade.order_time, trade.side);
            Some((id, (key, size, price)))
        };
        let mut counts: BTreeMap<_, BTreeMap<i64, u64>> = BTreeMap::new();
        for row in ledger
            .rows
            .iter()
            .filter(|row| !voided.contains(&row.text.key()))
        {
            if let Some((id, facts)) = facts(row) {
                let of_facts = counts.entry(facts).or_default();
                *of_facts.entry(id).or_default() += 1;
            }
        }
        let mut equal: BTreeMap<i64, u64> = BTreeMap::new();
        for of_facts in counts.values() {
            let ours = of_facts.get(&import_id).copied().unwrap_or_default();
            for (other, theirs) in of_facts
                .iter()
                .filter(|(id, _)| **id != import_id && ours > 0)
            {
                *equal.entry(*other).or_default() += ours.min(*theirs);
            }
        }
        Ok(equal.into_iter().collect())
    }
}

fn undo(ledger: &mut MemoryLedger, change: &ImportUndo) -> StoreResult<ImportUndone> {
    let id = change.import_id;
    let is_out = ledger.imports_out(i64::MAX).contains(&id);
    let mut files = ledger.imported_files().into_iter();
    let file = files.find(|file| file.id == id);
    let file = file.ok_or(StoreError::NoImport(id))?;
    check_undoable(change, is_out)?;
    let has_reason = !change.reason.is_empty();
    check(has_reason, "undo an import", "import_voids_reason_check")?;
    ledger.import_voids.push((id, change.put_back));
    let mut replaced = 0;
    for key in ledger.last_voids_of(id, change.put_back) {
        let relatives = ledger.relatives_now(&key);
        let other_counts = check_undo(&key.0, &key.1, &relatives).is_err();
        if other_counts == change.put_back {
            ledger.push_void(VoidRow {
                key,
                undone: !change.put_back,
                import: Some(id),
            });
            replaced += 1;
        }
    }
    let trades = ledger.trades_of_import(id);
    if change.put_back {
        for key in &trades {
            let relatives = ledger.relatives_now(key);
            if let Some(other) = counts_beside(&key.1, &relatives) {
                let other_row = ledger.row(&(key.0.clone(), other.to_owned()));
                let import = other_row.and_then(|row| row.import).map(|(id, _)| id);
                return Err(back_beside(
                    (id, "a trade"),
                    (&key.0, &key.1),
                    (other, import),
                ));
            }
        }
        let out = ledger.imports_out(i64::MAX);
        check_beside((id, "a movement"), &ledger.movements, &out)?;
        check_beside((id, "an action"), &ledger.actions, &out)?;
        let of_import = ledger.movements.iter().filter(|(import, _)| *import == id);
        let movements: Vec<_> = of_import.map(|(_, row)| row.clone()).collect();
        ledger.check_ids(&trades, &movements)?;
    }
    let rates = ledger.rates.iter();
    let rates = rates.filter(|row| row.rate.import_id == id).count();
    let movements = ledger.movements.iter();
    let movements = movements.filter(|(import, _)| *import == id).count();
    let actions = ledger.actions.iter();
    let actions = actions.filter(|(import, _)| *import == id).count();
    Ok(ImportUndone {
        file,
        actions: actions as u64,
        movements: movements as u64,
        trades: trades.len() as u64,
        rates: rates as u64,
        replaced,
    })
}

/// Checks the movements or actions of an import that is put back. Errors: one would count twice.
fn check_beside<R: BesideRecord>(
    of: (i64, &'static str),
    rows: &[(i64, R)],
    out: &BTreeSet<i64>,
) -> StoreResult<()> {
    let key = |row: &R| -> Key {
        let (account, id) = row.key();
        (
            account.map(ToString::to_string).unwrap_or_default(),
            id.to_string(),
        )
    };
    let mut back: Vec<Key> = rows
        .iter()
        .filter(|row| row.0 == of.0)
        .map(|row| key(&row.1))
        .collect();
    back.sort_unstable();
    for (account, id) in back {
        let forms = rows.iter().filter(|(_, row)| key(row).0 == account);
        let relative = |(import, row): &(i64, R)| Relative {
            order_id: key(row).1,
            counts: !out.contains(import),
        };
        let relatives: Vec<Relative> = forms.clone().map(relative).collect();
        if let Some(other) = counts_beside(&id, &relatives) {
            let mut forms = forms.filter(|(_, row)| row.key().1.as_str() == other);
            let import = forms.next().map(|(import, _)| *import);
            return Err(back_beside(of, (&account, &id), (other, import)));
        }
    }
    Ok(())
}
