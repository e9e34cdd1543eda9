//! Income of a year: rewards, staking, interest, dividends and the like, with their value in
//! dollars.
//!
//! Every movement of such a kind is income, also in dollars, which are no lots. A value that nobody
//! knows is empty, and in no total. Rules and their sources: docs/TAX.md, "Income".

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::civil::Date;

use super::row::TaxRules;
use super::{Rounding, TaxResult};
use crate::engine::{
    Account, Direction, Fee, Movement, MovementKey, MovementKind, Usd, with_decided_income,
};
use crate::store::Store;
use crate::store::model::{Sold, VersionInfo};
use crate::store::values::{Earned, ValueFrom, earned};

/// Income as it is printed.
#[derive(Debug, Clone)]
pub struct IncomeRow {
    /// The date in the zone on which it came.
    pub received: Date,
    /// The income with its exact value.
    pub of: Earned,
    /// Its value in printed units; `None`: nobody knows it.
    pub printed: Option<i128>,
    /// The file that brought it.
    pub file: Option<Arc<str>>,
}

impl IncomeRow {
    /// Returns the fee that was paid in another asset. It is in no figure.
    pub fn fee_beside(&self, rules: &TaxRules) -> Option<String> {
        let (fee, asset) = self.of.row.fee.as_ref()?;
        let is_other = rules.assets.asset_named(asset.as_str()) != self.of.income.pool.asset;
        (is_other && !is_zero(*fee)).then(|| format!("{fee} {asset}"))
    }

    /// Returns the word for the origin of the value; an unknown value has an empty one.
    pub fn value_from(&self) -> &'static str {
        match self.of.value.as_ref().map(|(_, from)| from) {
            Some(ValueFrom::File) => "file",
            Some(ValueFrom::Dollars) => "dollars",
            Some(ValueFrom::Rate(_)) => "rate",
            None => "",
        }
    }

    /// Returns the notes of the row.
    pub fn note(&self, rules: &TaxRules) -> String {
        let unknown = self.of.value.is_none();
        let unknown = unknown.then(|| "no file states a value, and no rate gives one".to_owned());
        let fee = self.fee_beside(rules);
        let fee = fee.map(|fee| format!("a fee of {fee} is in no figure"));
        let notes: Vec<String> = unknown.into_iter().chain(fee).collect();
        notes.join("; ")
    }
}

fn is_zero(fee: Fee) -> bool {
    fee.as_decimal().is_zero()
}

/// Sums of income.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IncomeTotal {
    /// Rows.
    pub rows: u64,
    /// Rows whose value nobody knows; they are in no sum.
    pub without_value: u64,
    /// Sum of printed rows, in printed units.
    pub printed: i128,
    /// Sum of exact values.
    pub exact: Usd,
}

impl IncomeTotal {
    fn add(&mut self, other: &Self) {
        self.rows = self.rows.saturating_add(other.rows);
        self.without_value = self.without_value.saturating_add(other.without_value);
        self.printed = self.printed.saturating_add(other.printed);
        let units = self.exact.units().saturating_add(other.exact.units());
        self.exact = Usd::from_units(units);
    }
}

/// The income of a year.
#[derive(Debug, Clone, Default)]
pub struct IncomeOfYear {
    /// The rows, by time, account and id.
    pub rows: Vec<IncomeRow>,
    /// Movements that may take income back: corrections that went out, and those of a kind of
    /// income. They are in no sum.
    pub taken_back: Vec<MovementKey>,
}

impl IncomeOfYear {
    /// Returns the sums by kind.
    pub fn by_kind(&self) -> BTreeMap<MovementKind, IncomeTotal> {
        let mut kinds: BTreeMap<MovementKind, IncomeTotal> = BTreeMap::new();
        for row in &self.rows {
            let value = row.of.value.as_ref().map(|(value, _)| *value);
            let of_row = IncomeTotal {
                rows: 1,
                without_value: u64::from(value.is_none()),
                printed: row.printed.unwrap_or_default(),
                exact: value.unwrap_or(Usd::ZERO),
            };
            kinds.entry(row.of.income.kind).or_default().add(&of_row);
        }
        kinds
    }

    /// Returns the sums of all kinds.
    pub fn total(&self) -> IncomeTotal {
        let mut total = IncomeTotal::default();
        for of_kind in self.by_kind().values() {
            total.add(of_kind);
        }
        total
    }

    /// Returns the first row without a value.
    pub fn first_without_value(&self) -> Option<&IncomeRow> {
        self.rows.iter().find(|row| row.of.value.is_none())
    }
}

/// Reads the income of a year and of the export's account, as of a version.
///
/// Errors: the store fails; two rates contradict each other.
pub(super) async fn income_of_year(
    store: &dyn Store,
    version: &VersionInfo,
    rules: &TaxRules,
    (year, account): (Sold, Option<&Account>),
) -> TaxResult<IncomeOfYear> {
    let as_of = Some(&version.watermark);
    let decisions = store.transfer_decisions(as_of).await?;
    let mut movements = with_decided_income(store.movements(as_of).await?, &decisions);
    movements.retain(|row| {
        year.contains(row.moved_at) && account.is_none_or(|account| *account == row.account)
    });
    let taken_back = movements.iter().filter(|row| is_taken_back(row));
    let taken_back = taken_back.map(MovementKey::of).collect();
    let mut found = earned(store, version, movements).await?;
    found.retain(|it| version.scope.covers(&it.income.pool));
    let key = |it: &Earned| (it.income.at, MovementKey::of(&it.row));
    found.sort_by_cached_key(key);
    let files = match found.is_empty() {
        true => BTreeMap::new(),
        false => store.movement_files().await?,
    };
    let row = |of: Earned| IncomeRow {
        received: rules.date(of.income.at),
        printed: printed(of.value.as_ref(), rules.rounding),
        file: files
            .get(&MovementKey::of(&of.row))
            .map(|(file, _)| Arc::clone(file)),
        of,
    };
    Ok(IncomeOfYear {
        rows: found.into_iter().map(row).collect(),
        taken_back,
    })
}

fn printed(value: Option<&(Usd, ValueFrom)>, rounding: Rounding) -> Option<i128> {
    value.map(|(value, _)| rounding.round(*value))
}

/// Tells whether a movement may take income back.
fn is_taken_back(row: &Movement) -> bool {
    let is_kind = row.kind.is_income() || row.kind == MovementKind::Adjustment;
    is_kind && row.direction == Direction::Out
}
