//! Formats whose rows make a trade together, as a table can't say that.
//!
//! A source has a file of its own, which says what a single row is ([`JoinedFormat`]). The rest is
//! here once: rows of one key are joined, their amounts add up to a trade, and running balances
//! prove the file. A row may also state trades in full, in lots (`joined/lots.rs`). Rows of one key
//! may be far apart, so such a file is read whole. Read next: `joined/collecting.rs`, then
//! `kraken_ledgers.rs` as a source.

mod collecting;
mod file;
mod lost;
mod lots;
mod profits;
mod trades;

use std::fmt::Debug;

use csv::StringRecord;

pub(in crate::import) use self::collecting::{JoinedOutcome, JoinedRows};
pub(in crate::import) use self::file::JoinedFile;
pub(super) use self::file::{differences, named, recognise};
use super::RowOutcome;
use super::amounts::FeeKind;
use super::made_texts::cell;
use super::template::{fold, is_named};
use super::zones::ZoneFrom;
use crate::engine::{MovementKind, SignedAmount, Size, Timestamp};
use crate::import::columns::Column;
use crate::import::rejected::{Fault, Hint};
use crate::import::rows::Row;

/// The facts of a source.
#[derive(Debug)]
pub(super) struct JoinedSource {
    /// The name of the format.
    pub name: &'static str,
    /// `exchange` of the trades.
    pub exchange: &'static str,
    /// A fact that the file does not state, and that is taken for granted.
    pub assumes: &'static str,
    /// The generations of the header: columns that are all there, and columns that may be.
    pub headers: &'static [(&'static [&'static str], &'static [&'static str])],
    /// The column of a row's time. A star stands for any text.
    pub time: &'static str,
    /// The zone of times without an offset, as of a table: UTC if it is `None`.
    pub zone: Option<&'static str>,
    /// A place that says the offset of these times.
    pub zone_from: Option<ZoneFrom>,
    /// The first part of the ids that the import makes, as the rows have none.
    pub ids: Option<&'static str>,
    /// A person may change the kind of a row later, by its label: no id has the kind.
    pub has_labels: bool,
    /// Times are those of a broker's server.
    pub is_of_server: bool,
    /// In a trade, no asset may both come in and go out: such rows are several trades.
    pub is_one_way: bool,
}

/// A source whose rows make trades together.
pub(super) trait JoinedFormat: Debug + Send + Sync {
    /// Returns the facts of the source.
    fn source(&self) -> &'static JoinedSource;

    /// Returns a time in the form of ISO 8601.
    fn time(&self, text: &str) -> String {
        full_year(text)
    }

    /// Returns the time of a row in the form of ISO 8601.
    fn time_of(&self, cells: &NamedCells<'_>) -> String {
        self.time(cells.text(self.time_column(cells)))
    }

    /// Returns the column of a row's time.
    fn time_column(&self, _cells: &NamedCells<'_>) -> &'static str {
        self.source().time
    }

    /// Settles what a row says that another one of the file says, too.
    fn settle(&self, _rows: &mut [JoinedRow<'_>]) {}

    /// Returns the keys that a row may have, if it is a part of a trade. None: they can't be read.
    /// It is asked about rejected rows.
    fn keys(&self, _cells: &NamedCells<'_>) -> Vec<String> {
        Vec::new()
    }

    /// Returns how the source charges fees.
    fn fees(&self) -> FeeKind {
        FeeKind::Part
    }

    /// Reads a row. Errors: the column at fault.
    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault>;
}

/// A column at fault, and the fault.
pub(super) type CellFault = (&'static str, Fault);

/// The facts of a row.
#[derive(Debug)]
pub(super) struct RowSays {
    /// The id of the row. Empty: it has none, and equal rows are several ones.
    pub id: String,
    pub meaning: RowMeaning,
    /// The amounts that the row moves.
    pub postings: Vec<Posting>,
}

/// A row that was read.
#[derive(Debug)]
pub(super) struct JoinedRow<'t> {
    pub row: Row<'t>,
    pub at: Timestamp,
    pub says: RowSays,
    /// The outcomes of a row that is read alone.
    pub alone: Vec<RowOutcome>,
}

/// The meaning of a row.
#[derive(Debug)]
pub(super) enum RowMeaning {
    /// A part of a trade.
    Part {
        /// Rows with this key are one trade.
        key: String,
        id: TradeId,
    },
    /// A trade alone.
    Whole(TradeId),
    /// A movement of the row's first posting, with its id, and the id on its chain.
    Movement {
        kind: MovementKind,
        id: String,
        tx_id: String,
        usd_value: String,
    },
    /// Known to be no trade; has the name of its type.
    Ignored(&'static str),
    /// Trades that the row states in full, with sizes in lots.
    Lots(Vec<LotTrade>),
    /// A trade that is not computed, with the reason. The balances have it.
    Refused(CellFault),
}

/// A trade of lots. The settings say how many units a lot of its symbol has.
#[derive(Debug)]
pub(super) struct LotTrade {
    /// For each native column, the column of the file that names it, and its text.
    pub cells: Vec<(Column, &'static str, String)>,
    /// The profit of a sale, in the currency of the account, if the row has it.
    pub profit: Option<SignedAmount>,
}

/// The id of a trade.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TradeId {
    /// The source has it.
    Own(String),
    /// The source has it; it is unique in its pair only, so the pair comes first.
    OfPair(String),
    /// The lowest id of the trade's rows. This is the id of one row.
    OfRows(String),
    /// The import makes it.
    Made,
}

/// The change of one asset by a row.
#[derive(Debug, Clone)]
pub(super) struct Posting {
    /// The asset as the file has it, with its wallet: the name of a balance.
    pub place: String,
    /// The asset in its usual spelling.
    pub asset: String,
    /// The amount without the fee; below zero for what goes out.
    pub amount: SignedAmount,
    /// A cost is above zero.
    pub fee: SignedAmount,
    pub fee_asset: String,
    /// The change of the balance.
    pub booked: SignedAmount,
    /// The balance after the row, if the file has it.
    pub balance: Option<SignedAmount>,
    /// The value of the amount, or of a fee alone, in dollars, if the file has it.
    pub usd_value: Option<Size>,
    /// The price of the trade, if the row states it.
    pub price: Option<SignedAmount>,
}

impl Posting {
    /// Makes the posting of an amount without a fee and a balance.
    pub fn of(asset: &str, amount: SignedAmount) -> Self {
        Self {
            place: asset.to_owned(),
            asset: asset.to_owned(),
            amount,
            fee: SignedAmount::ZERO,
            fee_asset: asset.to_owned(),
            booked: amount,
            balance: None,
            usd_value: None,
            price: None,
        }
    }

    /// Tells whether it moves nothing, and states the value of what another row moves.
    pub fn is_value(&self) -> bool {
        self.amount.is_zero() && self.fee.is_zero() && self.usd_value.is_some()
    }

    /// Makes the posting of a fee alone. `change`: below zero for a cost.
    pub fn of_fee(asset: &str, change: SignedAmount) -> Self {
        Self {
            amount: SignedAmount::ZERO,
            fee: change.negated(),
            booked: change,
            ..Self::of(asset, change)
        }
    }
}

/// The cells of a row, by the names of their columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct NamedCells<'r> {
    /// The folded names of the header.
    names: &'r [String],
    cells: &'r StringRecord,
}

impl<'r> NamedCells<'r> {
    /// Returns the text of a column; empty if the file has no such column.
    pub fn text(&self, name: &str) -> &'r str {
        let wanted = fold(name);
        let place = self.names.iter().position(|it| is_named(&wanted, it));
        place.map_or("", |place| cell(self.cells, place))
    }

    /// Returns the columns: each name as it is compared, and its text.
    pub fn columns(&self) -> impl Iterator<Item = (&'r str, &'r str)> {
        let (names, cells) = (self.names, self.cells);
        let names = names.iter().enumerate();
        names.map(move |(place, name)| (name.as_str(), cell(cells, place)))
    }

    /// Returns all cells as one text: rows with equal ones are one row, if they have balances.
    pub fn whole(&self) -> String {
        let cells: Vec<&str> = self.cells.iter().collect();
        cells.join("\n")
    }

    /// Returns the name of a column as it is compared; empty if the file has no such column.
    pub fn name_of(&self, name: &str) -> &'r str {
        let wanted = fold(name);
        let mut names = self.names.iter().filter(|it| is_named(&wanted, it));
        names.next().map_or("", String::as_str)
    }

    /// Tells whether the file has a column.
    pub fn has(&self, name: &str) -> bool {
        let wanted = fold(name);
        self.names.iter().any(|it| is_named(&wanted, it))
    }

    /// Returns the text of one of several columns of a name, from 0.
    pub fn nth(&self, name: &str, nth: usize) -> &'r str {
        let wanted = fold(name);
        let places = self.names.iter().enumerate();
        let mut places = places.filter(|(_, it)| is_named(&wanted, it));
        places
            .nth(nth)
            .map_or("", |(place, _)| cell(self.cells, place))
    }

    /// Returns the number in a column. Errors: it is empty, or no number.
    pub fn stated(&self, name: &'static str) -> Result<SignedAmount, CellFault> {
        let amount = self.balance(name)?;
        amount.ok_or_else(|| (name, Fault::new("expected a number")))
    }

    /// Returns the number in a column. Empty is zero. Errors: it is no number.
    pub fn amount(&self, name: &'static str) -> Result<SignedAmount, CellFault> {
        Ok(self.balance(name)?.unwrap_or(SignedAmount::ZERO))
    }

    /// Returns the number in a column. `None`: it is empty. Errors: it is no number.
    pub fn balance(&self, name: &'static str) -> Result<Option<SignedAmount>, CellFault> {
        match self.text(name) {
            "" | "--" => Ok(None),
            text => match text.parse() {
                Ok(amount) => Ok(Some(amount)),
                Err(_) => Err((name, Fault::new("expected a number"))),
            },
        }
    }
}

/// Writes a year of two digits in full: some exports have `24-01-02 03:04:05`.
fn full_year(text: &str) -> String {
    let is_short = text.get(2..3) == Some("-") && text.get(5..6) == Some("-");
    match is_short {
        true => format!("20{text}"),
        false => text.to_owned(),
    }
}

/// Says that a number is out of range.
pub(super) fn too_long(name: &'static str) -> CellFault {
    (name, Fault::new("expected a number of fewer digits"))
}

/// Says that nobody has seen the type of a row.
pub(super) fn unknown_type(name: &'static str) -> CellFault {
    let fault = Fault::new("expected a type of rows that is known");
    (name, fault.with_hint(Hint::UnknownType))
}
