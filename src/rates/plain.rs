//! A plain file, made by a person: `asset,time,currency,rate`.

use jiff::tz::TimeZone;

use super::RateFileError;
use super::collected::{Collected, RateCell};
use crate::engine::{Asset, without_mark};
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
        let (asset, currency) = match pair_of((asset_text, currency_text), out) {
            Ok(pair) => pair,
            Err((column, text, reason)) => {
                out.reject(&row, column, text, &reason);
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

/// Reads asset and currency. Errors: column, text and reason.
fn pair_of<'r>(
    (asset_text, currency_text): (&'r str, &'r str),
    out: &Collected<'_>,
) -> Result<(Asset, Asset), (&'static str, &'r str, String)> {
    let asset = out.asset(without_mark(asset_text));
    let asset = asset.map_err(|reason| ("asset", asset_text, reason))?;
    let of_currency = |reason: String| ("currency", currency_text, reason);
    let currency = out.asset(without_mark(currency_text));
    let currency = currency.map_err(of_currency)?;
    if out.is_one(&asset, &currency) {
        return Err(of_currency("expected another one than the asset".into()));
    }
    if !out.leads_to_dollars([&asset, &currency]) {
        let reason = "expected USD or EUR: no other rate leads to a value in dollars";
        return Err(of_currency(reason.into()));
    }
    Ok((asset, currency))
}
