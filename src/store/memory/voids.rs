//! Finds the trades that are voided, alone or with their import, in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::ledger::{END, Key, LedgerRow, MemoryLedger, VoidRow, Voids, number_of};
use crate::store::corrections::Relative;
use crate::store::model::{Cursors, Watermark};
use crate::store::{Elsewhere, StoreError, StoreResult};

impl MemoryLedger {
    /// Returns the trades that are voided as of these numbers, on their own or with their import.
    pub(super) fn voided(&self, (void_seq, import_void_seq): Voids) -> BTreeSet<Key> {
        let mut voided = self.voided_alone(void_seq);
        let out = self.imports_out(import_void_seq);
        let is_out = |row: &&LedgerRow| row.import.is_some_and(|(id, _)| out.contains(&id));
        let rows = self.rows.iter().filter(is_out);
        voided.extend(rows.map(|row| row.text.key()));
        voided
    }

    /// Returns the imports that are out as of the void of an import with this number.
    pub(super) fn imports_out(&self, import_void_seq: i64) -> BTreeSet<i64> {
        let last = usize::try_from(import_void_seq).unwrap_or(usize::MAX);
        let mut out = BTreeSet::new();
        for (id, is_put_back) in self.import_voids.iter().take(last) {
            match is_put_back {
                true => out.remove(id),
                false => out.insert(*id),
            };
        }
        out
    }

    /// Returns the last numbers of what every database numbers.
    pub(super) fn cursors(&self) -> Cursors {
        Cursors {
            rate_seq: self.rates.len() as i64,
            import_void_seq: self.import_voids.len() as i64,
            action_seq: self.actions.len() as i64,
            movement_seq: self.movements.len() as i64,
            decision_seq: self.transfer_decisions.len() as i64,
        }
    }

    pub(super) fn push_void(&mut self, void: VoidRow) {
        self.voids.push(void);
    }

    /// Returns how many voids there are, and how many voids of imports.
    pub(super) fn voids_kept(&self) -> (usize, usize) {
        (self.voids.len(), self.import_voids.len())
    }

    /// Removes the voids of a change that failed.
    pub(super) fn drop_voids_after(&mut self, (voids, of_imports): (usize, usize)) {
        self.voids.truncate(voids);
        self.import_voids.truncate(of_imports);
    }

    /// Returns the trades whose last void, or last undo of a void, belongs to an import.
    pub(super) fn last_voids_of(&self, import: i64, undone: bool) -> Vec<Key> {
        let mut last: BTreeMap<&Key, usize> = BTreeMap::new();
        for (place, void) in self.voids.iter().enumerate() {
            last.insert(&void.key, place);
        }
        let is_last = |place: usize, void: &VoidRow| last.get(&void.key) == Some(&place);
        let voids = self.voids.iter().enumerate();
        let of_import = voids.filter(|(place, void)| {
            void.import == Some(import) && void.undone == undone && is_last(*place, void)
        });
        of_import.map(|(_, void)| void.key.clone()).collect()
    }

    /// Returns the trades that an import appended.
    pub(super) fn trades_of_import(&self, import: i64) -> Vec<Key> {
        let of_import = |row: &&LedgerRow| row.import.is_some_and(|(id, _)| id == import);
        let mut keys: Vec<Key> = self
            .rows
            .iter()
            .filter(of_import)
            .map(|row| row.text.key())
            .collect();
        keys.sort_unstable();
        keys
    }

    /// Returns the rows that may be forms of the same execution as a trade.
    pub(super) fn relatives_now(&self, key: &Key) -> Vec<Relative> {
        self.relatives(&key.0, &key.1, &[], &self.voided(END))
    }

    /// Returns the trades that are voided on their own as of the void with this number.
    pub(super) fn voided_alone(&self, void_seq: i64) -> BTreeSet<Key> {
        let mut voided = BTreeSet::new();
        for (place, void) in self.voids.iter().enumerate() {
            if number_of(place) > void_seq {
                break;
            } else if void.undone {
                voided.remove(&void.key);
            } else {
                voided.insert(void.key.clone());
            }
        }
        voided
    }

    /// Returns the trades that are voided as of an instant.
    pub(super) fn voided_as_of(&self, as_of: &Watermark) -> StoreResult<BTreeSet<Key>> {
        let elsewhere = StoreError::WatermarkElsewhere(Elsewhere::Postgres);
        let (_, void_seq) = as_of.sequence().ok_or(elsewhere)?;
        Ok(self.voided((void_seq, as_of.cursors().import_void_seq)))
    }

    /// Counts voids of trades, and trades that count no more as their imports are undone.
    pub(super) fn voids_in_force(&self) -> u64 {
        let alone = self.voided_alone(i64::MAX);
        let out = self.imports_out(i64::MAX);
        let is_out = |row: &&LedgerRow| {
            let of_import = row.import.is_some_and(|(id, _)| out.contains(&id));
            of_import && row.text.is_eligible() && !alone.contains(&row.text.key())
        };
        (alone.len() + self.rows.iter().filter(is_out).count()) as u64
    }
}
