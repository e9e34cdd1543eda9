//! Totals: sums of printed amounts, and the exact sums beside them.

use std::collections::BTreeMap;

use super::amount::Amounts;
use super::boxes::{AssetKind, FormBox, FormPart};
use super::row::TaxRow;
use crate::engine::{Pool, Usd};

/// Totals of one box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BoxTotal {
    /// Rows.
    pub rows: u64,
    /// Sums of printed rows.
    pub printed: Amounts,
    /// Exact net proceeds.
    pub proceeds: Usd,
    /// Exact cost.
    pub cost: Usd,
}

impl BoxTotal {
    /// Returns the exact gain.
    pub fn gain(&self) -> Usd {
        Usd::from_units(self.proceeds.units().saturating_sub(self.cost.units()))
    }

    fn add(&mut self, other: &Self) {
        self.rows = self.rows.saturating_add(other.rows);
        self.printed.add(other.printed);
        self.proceeds = sum(self.proceeds, other.proceeds);
        self.cost = sum(self.cost, other.cost);
    }
}

/// Adds amounts. A sum beyond 128 bits would need 10^14 pools at their limit.
fn sum(left: Usd, right: Usd) -> Usd {
    Usd::from_units(left.units().saturating_add(right.units()))
}

/// Totals of an export.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Sums by box.
    pub boxes: BTreeMap<FormBox, BoxTotal>,
    /// Sums of rows that are not on Form 8949, by the kind of the asset.
    pub not_on_form: BTreeMap<AssetKind, BoxTotal>,
    /// Rows without a lot.
    pub unmatched_rows: u64,
    /// Exact net proceeds of the unmatched rows. Their cost is unknown.
    pub unmatched_proceeds: Usd,
    /// Rows whose cost a person decided, or that come from lots carried over.
    pub marked_rows: u64,
    /// Rows with a fee that is unknown and counts zero.
    pub fee_unknown_rows: u64,
    /// Rows that movements may change, by pool.
    pub provisional: BTreeMap<Pool, u64>,
}

impl Totals {
    /// Adds a row.
    pub fn add(&mut self, row: &TaxRow) {
        let stored = &row.from.row;
        self.marked_rows += u64::from(!row.marks().is_empty());
        let unknown = stored.notes.buy_fee_unknown || stored.notes.sell_fee_unknown;
        self.fee_unknown_rows += u64::from(unknown);
        if row.is_provisional {
            let pool = Pool::new(stored.account.clone(), stored.asset.clone());
            let rows = self.provisional.entry(pool).or_default();
            *rows = rows.saturating_add(1);
        }
        let Some(matched) = &row.matched else {
            self.unmatched_rows += 1;
            self.unmatched_proceeds = sum(self.unmatched_proceeds, stored.net_proceeds_usd);
            return;
        };
        let of_row = BoxTotal {
            rows: 1,
            printed: matched.printed,
            proceeds: stored.net_proceeds_usd,
            cost: matched.cost,
        };
        let total = match matched.form_box {
            Some(form_box) => self.boxes.entry(form_box).or_default(),
            None => self.not_on_form.entry(matched.kind).or_default(),
        };
        total.add(&of_row);
    }

    /// Counts the rows that movements may change.
    pub fn provisional_rows(&self) -> u64 {
        self.provisional
            .values()
            .copied()
            .fold(0, u64::saturating_add)
    }

    /// Returns the totals of a part of Form 8949, or of both.
    pub fn of(&self, part: Option<FormPart>) -> BoxTotal {
        let mut total = BoxTotal::default();
        for (form_box, of_box) in &self.boxes {
            if part.is_none_or(|part| form_box.part() == part) {
                total.add(of_box);
            }
        }
        total
    }

    /// Returns the totals of a line of Schedule D.
    pub fn of_line(&self, line: &str) -> BoxTotal {
        let mut total = BoxTotal::default();
        for (form_box, of_box) in &self.boxes {
            if form_box.schedule_d_line() == line {
                total.add(of_box);
            }
        }
        total
    }
}
