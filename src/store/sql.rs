//! SQL that is the same in both databases, written once.
//!
//! A statement names its arguments `$1`, `$2`, ... An [`Argument`] says what each is, and a
//! [`Driver`] spells it the way of its database: as text with a cast, or as an integer. `cells.rs`
//! is the other half: it reads what a statement selects. What differs (locks, COPY, the raw handle,
//! statistics) stays with its database.

pub(super) mod closing;
pub(super) mod history;
pub(super) mod ledger;
mod queue;
pub(super) mod read;
mod review;
pub(super) mod runs;
pub(super) mod versions;

use std::borrow::Cow;
use std::ops::DerefMut;

use super::StoreResult;
use super::cells::Cells;
use super::model::{LegacyRow, OrderUnlikeFills, Version, Watermark};
use crate::engine::{Size, Timestamp, Usd};

/// A value on its way into a statement. One that is missing still says what it would be.
#[derive(Debug, Clone)]
pub(super) enum Argument<'a> {
    /// Names, codes, sentences.
    Text(Option<Cow<'a, str>>),
    /// Numbers of rows and versions, counts.
    Integer(Option<i64>),
    /// Yes or no.
    Flag(bool),
    /// An instant.
    Time(Option<Timestamp>),
    /// An exact number, as canonical text.
    Decimal(Option<Cow<'a, str>>),
    /// JSON, as text.
    Json(Cow<'a, str>),
    /// The id of a run's rows.
    Uuid(&'a str),
    /// A list of ids.
    Texts(&'a [String]),
}

macro_rules! argument_from {
    ($($kind:ty: $value:pat => $argument:expr),* $(,)?) => {
        $(impl<'a> From<$kind> for Argument<'a> {
            fn from($value: $kind) -> Self {
                $argument
            }
        })*
    };
}

argument_from! {
    &'a str: text => Self::Text(Some(text.into())),
    &'a String: text => Self::Text(Some(text.into())),
    String: text => Self::Text(Some(text.into())),
    Option<&'a str>: text => Self::Text(text.map(Cow::from)),
    Option<&'a String>: text => Self::Text(text.map(Cow::from)),
    &'a Option<String>: text => Self::Text(text.as_ref().map(Cow::from)),
    i64: number => Self::Integer(Some(number)),
    Option<i64>: number => Self::Integer(number),
    // A count. What no column can hold is as much as one can.
    u64: count => Self::Integer(Some(i64::try_from(count).unwrap_or(i64::MAX))),
    bool: flag => Self::Flag(flag),
    Timestamp: time => Self::Time(Some(time)),
    Option<Timestamp>: time => Self::Time(time),
    Usd: amount => Self::Decimal(Some(amount.to_string().into())),
    Size: size => Self::Decimal(Some(size.to_string().into())),
    &serde_json::Value: value => Self::Json(value.to_string().into()),
    &Watermark: watermark => Self::Json(watermark.to_json().into()),
}

/// Makes the arguments of a statement, in the order of their numbers.
macro_rules! arguments {
    ($($value:expr),* $(,)?) => { [$($crate::store::sql::Argument::from($value)),*] };
}
pub(super) use arguments;

/// Takes the cells of one row after the other.
pub(super) type Take<'t> = &'t mut (dyn FnMut(&dyn Cells) -> StoreResult<()> + Send);

/// Rows of one table. Names are constants of this program.
pub(super) struct Rows<'a> {
    pub(super) table: &'a str,
    /// The columns that an insert returns of each row.
    pub(super) id: &'static str,
    /// The names of columns, with a comma between two.
    pub(super) columns: &'a str,
    /// An argument for each column; a column is of one kind in all rows.
    pub(super) rows: Vec<Vec<Argument<'a>>>,
}

impl<'a> Rows<'a> {
    /// Makes rows of a table whose rows have an `id`.
    pub(super) fn of(table: &'a str, columns: &'a str, rows: Vec<Vec<Argument<'a>>>) -> Self {
        let id = "id";
        Self {
            table,
            id,
            columns,
            rows,
        }
    }

    /// Returns the names of the columns.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.columns.split(", ")
    }
}

/// A connection to one of the databases. `action` is what an error says was being done.
pub(super) trait Driver: Send {
    /// The milliseconds from a run's start to the instant of the argument `$1`.
    const DURATION_MS: &'static str;
    /// Ends a SELECT of a row that nobody else changes until the transaction ends.
    const FOR_UPDATE: &'static str;

    /// The names of tables that begin with `$1`: a column, and what follows the FROM.
    const TABLES: (&'static str, &'static str);

    /// Returns the statement that makes the table of a snapshot of history.
    fn create_snapshot(name: &str) -> String;

    /// Returns how such a table is read: its columns, and what follows the FROM.
    fn snapshot(name: &str) -> (String, String);

    /// Prepares a transaction that looks rows up by their keys.
    fn look_up(&mut self) -> impl Future<Output = StoreResult<()>> + Send;

    /// Executes a statement; returns the number of rows that it changed.
    fn execute(
        &mut self,
        action: &'static str,
        sql: &str,
        arguments: &[Argument<'_>],
    ) -> impl Future<Output = StoreResult<u64>> + Send;

    /// Selects `columns` and gives each row's cells to `take`. `from` is all that follows the FROM.
    fn select(
        &mut self,
        action: &'static str,
        selected: (&str, &str),
        arguments: &[Argument<'_>],
        take: Take<'_>,
    ) -> impl Future<Output = StoreResult<()>> + Send;

    /// Inserts rows in their order, however many; returns their ids.
    fn insert(
        &mut self,
        action: &'static str,
        rows: &Rows<'_>,
    ) -> impl Future<Output = StoreResult<Vec<i64>>> + Send;

    /// Updates rows, however many, each named by its first column; returns how many were there.
    fn update(
        &mut self,
        action: &'static str,
        rows: &Rows<'_>,
    ) -> impl Future<Output = StoreResult<u64>> + Send;
}

/// A store in an SQL database: how it begins and ends what is written once for both.
pub(super) trait Database: Send + Sync {
    /// The connection that executes statements.
    type Connection: Driver;
    /// A connection that reads.
    type Reader: DerefMut<Target = Self::Connection> + Send;
    /// A transaction that writes. Dropped, it changed nothing.
    type Writer: DerefMut<Target = Self::Connection> + Send;

    /// Takes a connection.
    fn reader(&self) -> impl Future<Output = StoreResult<Self::Reader>> + Send;

    /// Begins a transaction.
    fn writer(&self) -> impl Future<Output = StoreResult<Self::Writer>> + Send;

    /// Ends a transaction.
    fn commit(writer: Self::Writer) -> impl Future<Output = StoreResult<()>> + Send;

    /// Does something, and explains its refusals.
    fn named<T: Send>(
        &self,
        doing: impl Future<Output = StoreResult<T>> + Send,
    ) -> impl Future<Output = StoreResult<T>> + Send;

    /// Returns a version that an earlier system computed in this database. Errors: there was none.
    fn rows_of_earlier_system(
        &self,
        version: Version,
    ) -> impl Future<Output = StoreResult<Vec<LegacyRow>>> + Send;

    /// Returns orders whose size is not that of their fills.
    fn orders_beside_fills(
        &self,
    ) -> impl Future<Output = StoreResult<Vec<OrderUnlikeFills>>> + Send;
}

/// Selects rows and reads each.
pub(super) async fn list<C: Driver, T: Send>(
    connection: &mut C,
    action: &'static str,
    selected: (&str, &str),
    arguments: &[Argument<'_>],
    read: fn(&dyn Cells) -> StoreResult<T>,
) -> StoreResult<Vec<T>> {
    let mut found = Vec::new();
    let take: Take<'_> = &mut |row| {
        found.push(read(row)?);
        Ok(())
    };
    connection.select(action, selected, arguments, take).await?;
    Ok(found)
}

/// Returns a statement whose arguments `$1`, `$2`, ... are spelled the way of one database.
pub(super) fn spelled(
    sql: &str,
    arguments: &[Argument<'_>],
    spell: impl Fn(usize, &Argument<'_>) -> String,
) -> String {
    let mut parts = sql.split('$');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|c: char| !c.is_ascii_digit());
        let (number, rest) = part.split_at(end.unwrap_or(part.len()));
        let number: Option<usize> = number.parse().ok();
        match number.and_then(|nth| Some((nth, arguments.get(nth.checked_sub(1)?)?))) {
            Some((nth, argument)) => text.push_str(&spell(nth, argument)),
            // No argument: the database says so.
            None => text.push_str(&format!("${}", number.unwrap_or_default())),
        }
        text.push_str(rest);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_spelled_by_their_number() {
        let arguments = arguments![7_i64, "x"];
        let spell = |nth: usize, argument: &Argument<'_>| match argument {
            Argument::Integer(_) => format!("?{nth}::bigint"),
            _ => format!("?{nth}"),
        };
        let text = spelled("a = $2 AND b = $1 OR $2 IS NULL", &arguments, spell);
        assert_eq!(text, "a = ?2 AND b = ?1::bigint OR ?2 IS NULL");
        // What has no argument is the database's to refuse.
        assert_eq!(spelled("a = $3", &arguments, spell), "a = $3");
    }
}
