//! A plain file, made by a person: `asset,time,currency,rate`.

use jiff::tz::TimeZone;

use super::RateFileError;
use super::collected::{Collected, RateCell};
use crate::import::{Table, parse_acquired};

/// Columns that a plain file has, in any order.
pub const PLAIN_COLUMNS: [&str; 4] = ["asset", "time", "currency", "rate"];

/// Reads the file. A day counts from its first instant, UTC.
pub(super) fn read(table: &mut Table<'_>, out: &mut Collected<'_>) -> Result<(), RateFileError> {
    table.check_once(&PLAIN_COLUMNS)?;
    let places = PLAIN_COLUMNS.map(|name| table.place(name));
    let mut found = [0; 4];
    for ((name, place), found) in PLAIN_COLUMNS.into_iter().zip(places).zip(&mut found) {
        *found = place.ok_or(RateFileError::NoColumn(name))?;
    }
    while let Some(row) = out.next_row(table)? {
        let [asset_text, time, currency_text, rate] = found.map(|place| row.cell(place));
        let pair = (out.asset(asset_text), out.asset(currency_text));
        let (asset, currency) = match pair {
            (Ok(asset), Ok(currency)) if !out.is_one(&asset, &currency) => (asset, currency),
            (Ok(_), Ok(_)) => {
                out.reject(
                    &row,
                    "currency",
                    currency_text,
                    "expected another one than the asset",
                );
                continue;
            }
            (Err(error), _) => {
                out.reject(&row, "asset", asset_text, &error);
                continue;
            }
            (_, Err(error)) => {
                out.reject(&row, "currency", currency_text, &error);
                continue;
            }
        };
        match parse_acquired(time, Some(&TimeZone::UTC), out.options.now) {
            Ok(at) => out.add(&RateCell {
                row: &row,
                column: "rate",
                text: rate,
                pair: (&asset, &currency),
                begins: at,
                at,
            }),
            Err(reason) => out.reject(&row, "time", time, &reason),
        }
    }
    Ok(())
}
