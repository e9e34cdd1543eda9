//! SQL that is the same in both databases, written once.
//!
//! A statement names its arguments `$1`, `$2`, ... An [`Argument`] says what each is, and a
//! [`Driver`] spells it the way of its database: as text with a cast, or as an integer. `cells.rs`
//! is the other half: it reads what a statement selects. What differs (locks, COPY, the raw handle,
//! statistics) stays with its database.

mod accounts;
pub(super) mod actions;
pub(super) mod closing;
mod forms;
pub(super) mod history;
pub(super) mod imports;
pub(super) mod ledger;
mod lot_moves;
pub(super) mod movements;
mod queue;
mod rates;
mod rates_used;
pub(super) mod read;
mod review;
pub(super) mod runs;
pub(super) mod versions;

use std::borrow::Cow;
use std::ops::DerefMut;

use super::StoreResult;
use super::cells::Cells;
use super::corrections::Relative;
use super::model::{LegacyRow, OrderUnlikeFills, Version, Watermark};
use crate::engine::{Fact, Size, Timestamp, Usd};

/// A value for a statement. A missing value has its type, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument<'a> {
    /// A name, a code or a sentence.
    Text(Option<Cow<'a, str>>),
    /// A count, or the number of a row or version.
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
    // A count that no column can hold becomes the largest value of the column.
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

/// A cell of a row that is loaded with many others. Its numbers are not text yet: a database has a
/// quicker way for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoadCell<'a> {
    /// A name or a code.
    Text(Option<&'a str>),
    /// A count, or the number of a row or version.
    Integer(Option<i64>),
    /// An instant.
    Time(Timestamp),
    /// An exact number.
    Number(Fact),
    /// An amount. Units: USD.
    Usd(Usd),
}

/// Receives the cells of each row.
pub(super) type Take<'t> = &'t mut (dyn FnMut(&dyn Cells) -> StoreResult<()> + Send);

/// Rows to write into one table. Its names are constants of this program.
pub(super) struct Rows<'a> {
    pub(super) table: &'a str,
    /// The column whose values an insert returns.
    pub(super) id: &'static str,
    /// The names of the columns, separated by ", ".
    pub(super) columns: &'a str,
    /// One argument for each column. All arguments of a column have one type.
    pub(super) rows: Vec<Vec<Argument<'a>>>,
}

impl<'a> Rows<'a> {
    /// Makes rows of a table whose inserts return the column `id`.
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

/// A connection to one of the databases. `action` names in errors what the statement is for.
pub(super) trait Driver: Send {
    /// SQL of the milliseconds from a run's start to the instant in argument `$1`.
    const DURATION_MS: &'static str;
    /// End of a SELECT whose rows no other session may change until the transaction ends.
    const FOR_UPDATE: &'static str;

    /// SQL that lists the tables whose names begin with `$1`: the column, and the text after FROM.
    const TABLES: (&'static str, &'static str);

    /// Returns the statement that makes the table of a snapshot of history.
    fn create_snapshot(name: &str) -> String;

    /// Returns SQL that reads the table of a snapshot: the columns, and the text after FROM.
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

    /// Passes each selected row to `take`. `selected` has the columns, and the text after FROM.
    fn select(
        &mut self,
        action: &'static str,
        selected: (&str, &str),
        arguments: &[Argument<'_>],
        take: Take<'_>,
    ) -> impl Future<Output = StoreResult<()>> + Send;

    /// Inserts any number of rows in their order. Returns their ids.
    fn insert(
        &mut self,
        action: &'static str,
        rows: &Rows<'_>,
    ) -> impl Future<Output = StoreResult<Vec<i64>>> + Send;

    /// Inserts rows that this program has checked, as one part of many. `is_first`: of the first
    /// part, the CHECKs of the table hold on SQLite, too; it then goes on without them.
    /// `into` has the table and its columns.
    fn load<const N: usize>(
        &mut self,
        action: &'static str,
        into: (&str, &str),
        rows: &[[LoadCell<'_>; N]],
        is_first: bool,
    ) -> impl Future<Output = StoreResult<()>> + Send;

    /// Updates any number of rows, named by their first column. Returns the number of those found.
    fn update(
        &mut self,
        action: &'static str,
        rows: &Rows<'_>,
    ) -> impl Future<Output = StoreResult<u64>> + Send;
}

/// A store in an SQL database. Functions shared by both databases get their connections here.
pub(super) trait SqlStore: Send + Sync {
    /// The connection that executes statements.
    type Connection: Driver;
    /// A connection that reads.
    type Reader: DerefMut<Target = Self::Connection> + Send;
    /// A transaction that writes. If it is dropped, it changes nothing.
    type Writer: DerefMut<Target = Self::Connection> + Send;

    /// Takes a connection.
    fn reader(&self) -> impl Future<Output = StoreResult<Self::Reader>> + Send;

    /// Begins a transaction.
    fn writer(&self) -> impl Future<Output = StoreResult<Self::Writer>> + Send;

    /// Begins a transaction that imports, after the last such transaction has ended.
    fn ledger_writer(&self) -> impl Future<Output = StoreResult<Self::Writer>> + Send;

    /// Ends a transaction.
    fn commit(writer: Self::Writer) -> impl Future<Output = StoreResult<()>> + Send;

    /// Does work, and adds to its error what would help.
    fn named<T: Send>(
        &self,
        doing: impl Future<Output = StoreResult<T>> + Send,
    ) -> impl Future<Output = StoreResult<T>> + Send;

    /// Returns the table that imports append trades to.
    fn additions(&self) -> &'static str;

    /// Returns the rows that may be forms of the same execution as an order.
    fn relatives(
        &self,
        connection: &mut Self::Connection,
        account: &str,
        order_id: &str,
    ) -> impl Future<Output = StoreResult<Vec<Relative>>> + Send;

    /// Returns a version's rows that an earlier system computed. Errors: no such version.
    fn rows_of_earlier_system(
        &self,
        version: Version,
    ) -> impl Future<Output = StoreResult<Vec<LegacyRow>>> + Send;

    /// Returns orders whose size differs from the sum of their fills.
    fn orders_beside_fills(
        &self,
    ) -> impl Future<Output = StoreResult<Vec<OrderUnlikeFills>>> + Send;
}

/// Selects rows, and reads each with `read`.
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

/// Returns a statement in which `spell` has written the arguments `$1`, `$2`, ... for one database.
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
            // The database itself refuses a number without an argument.
            None => text.push_str(&format!("${}", number.unwrap_or_default())),
        }
        text.push_str(rest);
    }
    text
}

/// Deletes the rows that a version has in a table.
async fn delete_rows<C: Driver>(
    connection: &mut C,
    table: &str,
    version: Version,
) -> StoreResult<()> {
    let sql = format!("DELETE FROM {table} WHERE allocation_version = $1");
    let arguments = arguments![version];
    let done = connection.execute("delete a version's rows", &sql, &arguments);
    done.await.map(drop)
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
        // The database itself refuses a number without an argument.
        assert_eq!(spelled("a = $3", &arguments, spell), "a = $3");
    }
}
