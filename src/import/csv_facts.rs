//! A file of trades: how it is read, the zone of its times, the columns that are not read.

use super::ImportOptions;
use super::csv::CsvFormat;
use super::currency::unread_currency;
use super::dialect::Dialect;
use super::encoding::Encoding;
use super::error::FileError;
use super::formats::{NATIVE, said_by_person};
use super::rows::RowReader;
use super::seen::{FileTimes, SeenRows, ZoneSource};

impl CsvFormat {
    /// Checks the first rows of unused columns. Errors: one of them names another currency than
    /// the dollar in each row.
    pub(super) fn check_unread(
        &self,
        rows: &mut RowReader<'_>,
        options: &ImportOptions,
    ) -> Result<(), FileError> {
        let mut places = self.format.unread_places();
        places.retain(|place| !options.columns.is_ignored(&self.format.column_at(*place)));
        let Some((line, place, found)) = unread_currency(rows, &places, self.header_line)? else {
            return Ok(());
        };
        let (column, format) = (self.format.column_at(place), self.name().to_owned());
        let mut spelled = self.unknown_columns().iter();
        let spelled = spelled.find(|name| name.trim().to_lowercase() == column);
        let column = spelled.map_or(column, |name| name.trim().to_owned());
        // Of other formats than our own, only a person's table has unread columns.
        Err(match self.name() == NATIVE {
            true => FileError::OtherCurrency {
                line,
                column,
                found,
            },
            false => FileError::CurrencyBesideTable {
                line,
                column,
                found,
                format,
            },
        })
    }

    /// Says how a file is read, if not as UTF-8 with commas.
    pub fn read_as(
        &self,
        encoding: Encoding,
        dialect: Dialect,
        options: &ImportOptions,
    ) -> Vec<&'static str> {
        let is_open = self.has_open_decimals(dialect, options);
        let decimals = is_open.then(|| options.decimals.said()).flatten();
        let said = encoding.said().into_iter();
        said.chain(dialect.said()).chain(decimals).collect()
    }

    /// Returns the zone in which the times are read. `None`: the file has no times, or no zone.
    pub fn times(&self, seen: &SeenRows, options: &ImportOptions) -> Option<FileTimes> {
        let (zone, from) = match seen.all_have_offsets()? {
            true => (String::new(), ZoneSource::Rows),
            false => self.format.zone_said(options)?,
        };
        let is_said = options.timezone.as_ref().map(said_by_person);
        let is_named = is_said.is_some_and(|(_, by)| by == ZoneSource::Person);
        Some(FileTimes {
            zone,
            is_other_named: is_named && from != ZoneSource::Person,
            from,
        })
    }
}
