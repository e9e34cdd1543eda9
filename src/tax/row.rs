//! One printed row: a stored allocation with its dates, term, box and rounded amounts.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Zoned;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::amount::{Amounts, Rounding};
use super::boxes::{AssetKind, BoxRules, FormBox, base_asset};
use super::converted::{Converted, TradeRates};
use super::error::{TaxError, TaxResult};
use super::term::{Term, days_held, term_of};
use super::undecided::Undecided;
use crate::engine::policy::{SOURCE_OPENING, SOURCE_REVIEW};
use crate::engine::{
    Account, Asset, AssetClass, AssetRules, Leg, MovementKey, OrderId, Pool, PoolClass, PoolNames,
    Timestamp, Usd,
};
use crate::store::MovementFiles;
use crate::store::model::{PoolSummary, Sold, SourcedAllocation, TradeOrigin};

/// The mark that files give a cost without an execution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A person decided the basis.
    Review,
    /// The lot was carried over from another system.
    Opening,
}

impl Mark {
    /// Returns the mark of a trade.
    pub fn of(origin: &TradeOrigin) -> Option<Self> {
        match origin.source.as_deref() {
            Some(SOURCE_REVIEW) => Some(Self::Review),
            Some(SOURCE_OPENING) => Some(Self::Opening),
            _ => None,
        }
    }

    /// Returns the code that files show.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Review => "basis_by_review",
            Self::Opening => "opening_lot",
        }
    }

    /// Returns the word that formats without a column for marks add to a description.
    pub fn word(self) -> &'static str {
        match self {
            Self::Review => "review",
            Self::Opening => "opening lot",
        }
    }
}

/// The code of a row that a movement may change, once a person has decided what it is.
const PROVISIONAL: &str = "provisional";

/// Everything that decides the printed figures, beside the version itself.
#[derive(Debug, Clone)]
pub struct TaxRules {
    /// The tax year.
    pub year: i16,
    /// The time zone of all dates and of the tax year.
    pub zone: TimeZone,
    /// The name of the zone.
    pub zone_name: String,
    /// Only this account is exported; `None`: all accounts.
    pub account: Option<String>,
    /// Cents or whole dollars.
    pub rounding: Rounding,
    /// Boxes by account and year.
    pub boxes: BoxRules,
    /// The settings that say what a symbol is.
    pub assets: AssetRules,
    /// Undecided movements are named, and the rows that they may change. Earlier programs filed
    /// without.
    pub names_movements: bool,
}

impl TaxRules {
    /// Returns the date of an instant in the zone.
    pub fn date(&self, time: Timestamp) -> Date {
        let instant = jiff::Timestamp::from_microsecond(time.as_micros());
        Zoned::new(instant.unwrap_or_default(), self.zone.clone()).date()
    }

    /// Tells whether a pool may have sold something in the tax year.
    pub fn may_have_sales_of(&self, summary: &PoolSummary) -> bool {
        let year = |time| self.date(time).year();
        let last = match self.assets.may_go_short(&summary.pool.account) {
            // The buy that closes a short lot comes after its sell.
            true => summary.last.as_ref().map(|last| last.order_time),
            false => summary.totals.last_sell,
        };
        match (summary.totals.first_sell, last) {
            (Some(first), Some(last)) => year(first) <= self.year && year(last) >= self.year,
            _ => false,
        }
    }

    /// Tells whether an account of the export may go short.
    fn has_shorts(&self) -> bool {
        let is_wanted = |account: &Account| {
            let only = self.account.as_deref();
            only.is_none_or(|only| only == account.as_str())
        };
        let mut may = self.assets.short_accounts.iter();
        may.any(|(account, may)| *may && is_wanted(account))
    }

    /// Returns when the sells were executed whose rows may be of the year. A short sale counts in
    /// the year of the buy that closed it, which may come years later.
    pub(super) fn sells_to_read(&self, year: Sold) -> Sold {
        match self.has_shorts() {
            true => Sold {
                from: Timestamp::MIN,
                until: year.until,
            },
            false => year,
        }
    }

    /// Tells whether an instant is in the tax year.
    pub fn is_in_year(&self, time: Timestamp) -> bool {
        self.date(time).year() == self.year
    }
}

/// An allocation as it is printed.
#[derive(Debug, Clone)]
pub struct TaxRow {
    /// The stored row and where its trades came from.
    pub from: SourcedAllocation,
    /// The asset that the size counts: `BTC`.
    pub asset: Asset,
    /// Date of the sale in the zone; of a short sale, the date of the buy that closed it.
    pub sold: Date,
    /// Date of the purchase in the zone; `None` if no lot was left.
    pub acquired: Option<Date>,
    /// `None` if no lot was left.
    pub matched: Option<MatchedRow>,
    /// The lot's share of the buy's fee; `None` without a lot, or where the fee is unknown.
    pub buy_fee: Option<Usd>,
    /// Number of this slice among those of the sell, from 1.
    pub sell_slice: SliceNumber,
    /// Number of this slice among those of the lot, over all years.
    pub lot_slice: SliceNumber,
    /// The rates of the sell, if the file shows them.
    pub sell_rates: TradeRates,
    /// The rates of the buy, if the file shows them.
    pub buy_rates: TradeRates,
    /// A movement that nobody has decided may change its lot.
    pub is_provisional: bool,
}

/// Columns that only a row with a lot has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchedRow {
    /// Calendar days between purchase and sale.
    pub days: i32,
    /// Short or long.
    pub term: Term,
    /// The box of the form. `None`: the row is not on the form.
    pub form_box: Option<FormBox>,
    /// The kind of the asset.
    pub kind: AssetKind,
    /// Exact, with the buy's fee.
    pub cost: Usd,
    /// Exact.
    pub pnl: Usd,
    /// As printed.
    pub printed: Amounts,
}

/// The number of a slice among several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SliceNumber {
    /// From 1; 0 if it has no number.
    pub number: u32,
    /// Number of all slices.
    pub of: u32,
}

impl TaxRow {
    /// Returns the description of column (a): `0.25 BTC`.
    pub fn description(&self) -> String {
        format!("{} {}", self.from.row.allocated_size, self.asset)
    }

    /// Returns the description with the words of its marks, for formats without a column for marks.
    pub fn marked_description(&self) -> String {
        match self.marks().first() {
            Some(mark) => format!("{} ({})", self.description(), mark.word()),
            None => self.description(),
        }
    }

    /// Returns the marks of the row's trades.
    pub fn marks(&self) -> Vec<Mark> {
        let marks = [Mark::of(&self.from.buy), Mark::of(&self.from.sell)];
        marks.into_iter().flatten().collect()
    }

    /// Returns the codes of a short sale, of the marks, and of a row that may change.
    pub fn codes(&self) -> Vec<&'static str> {
        let short = self.from.row.direction.stored();
        let marks = self.marks();
        let provisional = self.is_provisional.then_some(PROVISIONAL);
        short
            .into_iter()
            .chain(marks.iter().map(|mark| mark.as_str()))
            .chain(provisional)
            .collect()
    }

    /// Returns codes and notes joined with `;`.
    pub fn flags(&self) -> String {
        let mut flags: Vec<String> = self.codes().into_iter().map(str::to_owned).collect();
        if !self.from.row.notes.is_empty() {
            flags.push(self.from.row.notes.to_string());
        }
        flags.join(";")
    }

    /// Returns the box of the form; `None` if no lot was left, or if the row is not on the form.
    pub fn form_box(&self) -> Option<FormBox> {
        self.matched?.form_box
    }
}

/// Makes rows, and keeps values that many rows share.
#[derive(Debug)]
pub struct RowMaker {
    rules: TaxRules,
    classes: BTreeMap<Pool, AssetClass>,
    known: BTreeMap<Pool, (Asset, AssetKind)>,
    converted: Converted,
    undecided: Undecided,
    files: MovementFiles,
}

impl RowMaker {
    /// Makes rows by these rules, and by the classes that a version has for its pools.
    ///
    /// Errors: the rows of a pool with sales in the year give it several classes, and the rules
    /// name none of them.
    pub fn try_new(rules: &TaxRules, summaries: &[PoolSummary]) -> TaxResult<Self> {
        let account = rules.account.as_deref();
        let is_open = |of: &&PoolSummary| {
            let PoolSummary { pool, class, .. } = of;
            class.is_some_and(PoolClass::is_several)
                && account.is_none_or(|account| pool.account.as_str() == account)
                && rules.may_have_sales_of(of)
                && !rules.boxes.names(pool, &rules.assets)
        };
        let open = summaries.iter().filter(is_open);
        let several: Vec<Pool> = open.map(|of| of.pool.clone()).collect();
        if !several.is_empty() {
            return Err(TaxError::SeveralClasses(several));
        }
        let class = |of: &PoolSummary| Some((of.pool.clone(), of.class?.class?));
        Ok(Self {
            rules: rules.clone(),
            classes: summaries.iter().filter_map(class).collect(),
            known: BTreeMap::new(),
            converted: Converted::default(),
            undecided: Undecided::default(),
            files: MovementFiles::new(),
        })
    }

    /// Gives rows the rates of their trades.
    pub fn with_rates(self, converted: Converted) -> Self {
        Self { converted, ..self }
    }

    /// Marks rows that undecided movements may change, and gives rows the files and lines of
    /// rewards and of withdrawals.
    pub(super) fn with_movements(self, undecided: Undecided, files: MovementFiles) -> Self {
        Self {
            undecided,
            files,
            ..self
        }
    }

    /// Fills in the places of movements: a row of the store has those of trades.
    fn add_places(&self, from: &mut SourcedAllocation) {
        let stored = &from.row;
        let bought = stored
            .moved
            .as_deref()
            .and_then(|moved| moved.account.as_ref());
        let buy = stored.buy_order_id.as_ref();
        let buy = buy.filter(|_| stored.buy_leg == Leg::Income);
        let buy = buy.and_then(|id| self.place(bought.unwrap_or(&stored.account), id));
        let of_movement = matches!(stored.sell_leg, Leg::Network | Leg::Fee);
        let sell = of_movement.then_some(&stored.sell_order_id);
        let sell = sell.and_then(|id| self.place(&stored.account, id));
        for (origin, found) in [(&mut from.buy, buy), (&mut from.sell, sell)] {
            if let Some((file, line)) = found.filter(|_| origin.file.is_none()) {
                (origin.file, origin.line) = (Some(file), Some(line));
            }
        }
    }

    fn place(&self, account: &Account, id: &OrderId) -> Option<(Arc<str>, i64)> {
        if self.files.is_empty() {
            return None;
        }
        let key = MovementKey {
            account: account.clone(),
            movement_id: id.clone(),
        };
        self.files.get(&key).cloned()
    }

    /// Makes a row without the numbers of its slices, which `slices.rs` fills in.
    pub fn row(&mut self, mut from: SourcedAllocation) -> TaxRow {
        self.add_places(&mut from);
        let stored = &from.row;
        let (asset, kind) = self.asset(&stored.account, &stored.asset);
        let rules = &self.rules;
        // What is delivered for a short sale was bought when it was closed.
        let sold = rules.date(stored.closed_at());
        let acquired = stored.buy_time.map(|time| rules.date(time));
        let matched = match (acquired, stored.cost_basis_usd, stored.pnl_usd) {
            (Some(acquired), Some(cost), Some(pnl)) => {
                let term = term_of(acquired, sold);
                let reported = rules.boxes.reported(stored.account.as_str(), rules.year);
                Some(MatchedRow {
                    days: days_held(acquired, sold),
                    term,
                    form_box: FormBox::of(term, reported, kind, rules.year),
                    kind,
                    cost,
                    pnl,
                    printed: Amounts {
                        proceeds: rules.rounding.round(stored.net_proceeds_usd),
                        cost: rules.rounding.round(cost),
                    },
                })
            }
            _ => None,
        };
        let (sell_slice, lot_slice) = (SliceNumber::default(), SliceNumber::default());
        let rates = |order_id: &str| self.converted.of(&stored.account, order_id);
        let sell_rates = rates(stored.sell_order_id.as_str());
        let buy = stored.buy_order_id.as_ref();
        let buy_rates = buy.map(|buy| rates(buy.as_str())).unwrap_or_default();
        TaxRow {
            asset,
            sold,
            acquired,
            matched,
            buy_fee: None,
            sell_slice,
            lot_slice,
            sell_rates,
            buy_rates,
            is_provisional: {
                let at = stored.closed_at();
                let undecided = &self.undecided;
                undecided.may_change(&stored.account, &stored.asset, at)
            },
            from,
        }
    }

    fn asset(&mut self, account: &Account, asset: &Asset) -> (Asset, AssetKind) {
        let names = (account.as_str(), asset.as_str());
        if let Some(known) = self.known.get(&names as &dyn PoolNames) {
            return known.clone();
        }
        let pool = Pool::new(account.clone(), asset.clone());
        let (rules, class) = (&self.rules, self.classes.get(&pool).copied());
        let kind = rules.boxes.kind(&pool, class, &rules.assets);
        let found = (base_asset(&pool, &rules.assets), kind);
        self.known.insert(pool, found.clone());
        found
    }
}
