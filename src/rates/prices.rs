//! Files of prices of one asset: CoinGecko, Kraken OHLCVT, Yahoo.

use jiff::civil::Date;

use super::RateFileError;
use super::collected::{Collected, RateCell};
use crate::engine::{Asset, RateSource, Timestamp, kind_of_code};
use crate::import::Table;

const MICROS_OF_DAY: i64 = 86_400_000_000;
const MICROS_OF_MINUTE: i64 = 60_000_000;

/// Places of time and close in a row at Kraken.
const KRAKEN_PLACES: (usize, usize) = (0, 4);

/// Reads the file. Errors: asset or currency are missing; the interval is unknown.
pub(super) fn read(table: &mut Table<'_>, out: &mut Collected<'_>) -> Result<(), RateFileError> {
    let (asset, currency) = pair_of(out)?;
    let place = |name: &str| table.place(name).unwrap_or_default();
    let ((time, price), columns) = match out.kind() {
        RateSource::CoinGecko => (
            (place("snapped_at"), place("price")),
            ("snapped_at", "price"),
        ),
        RateSource::Yahoo => ((place("date"), place("close")), ("date", "close")),
        _ => (KRAKEN_PLACES, ("time", "close")),
    };
    if out.kind() != RateSource::Kraken {
        table.check_once(&[columns.0, columns.1])?;
    }
    let minutes = minutes_of(out)?;
    // A file of Kraken has no header: its first line is a row.
    let mut first = (out.kind() == RateSource::Kraken).then(|| table.header.clone());
    loop {
        let row = match first.take() {
            Some(row) => Some(out.first_row(row)),
            None => out.next_row(table)?,
        };
        let Some(row) = row else { return Ok(()) };
        match instants(out.kind(), row.cell(time), minutes) {
            Ok((begins, at)) => out.add(&RateCell {
                row: &row,
                column: columns.1,
                text: row.cell(price),
                pair: (&asset, &currency),
                begins,
                at,
            }),
            Err(reason) => out.reject(&row, columns.0, row.cell(time), reason),
        }
    }
}

/// Returns the begin of a row's interval, and the instant of its price.
fn instants(
    kind: RateSource,
    text: &str,
    minutes: i64,
) -> Result<(Timestamp, Timestamp), &'static str> {
    let close = |begins: Timestamp, micros: i64| {
        let at = Timestamp::try_from_micros(begins.as_micros().saturating_add(micros));
        at.map(|at| (begins, at)).ok()
    };
    match kind {
        RateSource::CoinGecko => {
            let at = text.strip_suffix(" UTC").map(|text| format!("{text}Z"));
            let at: Option<Timestamp> = at.and_then(|text| text.parse().ok());
            let expected = "expected a time like \"2013-04-28 00:00:00 UTC\"";
            at.map(|at| (at, at)).ok_or(expected)
        }
        RateSource::Yahoo => {
            let day = text.parse::<Date>().ok().filter(|_| text.len() == 10);
            let begins = day.and_then(|day| format!("{day}T00:00:00Z").parse().ok());
            let instants = begins.and_then(|begins| close(begins, MICROS_OF_DAY));
            instants.ok_or("expected a day like 2024-05-31")
        }
        _ => {
            let seconds: Option<i64> = text.parse().ok();
            let micros = seconds.and_then(|seconds| seconds.checked_mul(1_000_000));
            let begins = micros.and_then(|micros| Timestamp::try_from_micros(micros).ok());
            let instants =
                begins.and_then(|begins| close(begins, minutes.saturating_mul(MICROS_OF_MINUTE)));
            instants.ok_or("expected seconds since 1970")
        }
    }
}

/// Returns the minutes of a file's intervals, which only its name tells: `XBTUSD_1440`.
fn minutes_of(out: &Collected<'_>) -> Result<i64, RateFileError> {
    if out.kind() != RateSource::Kraken {
        return Ok(0);
    }
    let name = &out.options.name;
    let minutes = name.rsplit_once('_').map(|(_, rest)| first_word(rest));
    let minutes = minutes.and_then(|text| text.parse().ok());
    let minutes = minutes.filter(|minutes| (1..=43_200).contains(minutes));
    minutes.ok_or_else(|| RateFileError::NoInterval(name.clone()))
}

/// Returns asset and currency. Errors: one is missing; both are the same; the file's name has two
/// other ones; none leads to dollars.
fn pair_of(out: &Collected<'_>) -> Result<(Asset, Asset), RateFileError> {
    let options = out.options;
    let leads_to_dollars = |pair: &(Asset, Asset)| out.leads_to_dollars([&pair.0, &pair.1]);
    let (Some(asset), Some(currency)) = (&options.asset, &options.currency) else {
        let proposed = proposed(out.kind(), &options.name);
        return Err(RateFileError::NoAsset {
            kind: out.kind(),
            is_way: proposed.as_ref().is_some_and(leads_to_dollars),
            proposed,
        });
    };
    if out.is_one(asset, currency) {
        let asset = options.rules.asset_named(asset.as_str());
        return Err(RateFileError::OneAsset(asset));
    }
    let is_known = |asset: &Asset| options.rules.kind_of(asset.as_str()).is_some();
    let said = proposed(out.kind(), &options.name);
    let said = said.filter(|(asset, currency)| is_known(asset) && is_known(currency));
    if let Some(found) = said
        && !(out.is_one(asset, &found.0) && out.is_one(currency, &found.1))
    {
        return Err(RateFileError::OtherPair {
            name: options.name.clone(),
            named: (asset.clone(), currency.clone()),
            is_way: leads_to_dollars(&found),
            found,
        });
    }
    if !out.leads_to_dollars([asset, currency]) {
        return Err(RateFileError::NoWay(asset.clone(), currency.clone()));
    }
    Ok((asset.clone(), currency.clone()))
}

/// Returns the pair that a file's name suggests.
///
/// Names are like `btc-usd-max`, `XBTUSD_1440`, `BTC-USD`, `EURUSD=X`.
fn proposed(kind: RateSource, name: &str) -> Option<(Asset, Asset)> {
    let name = first_word(name);
    let (asset, currency) = match kind {
        RateSource::Kraken => split_pair(name.split('_').next()?)?,
        _ => match name.split_once('-') {
            Some((asset, rest)) => (asset, rest.split('-').next()?),
            None => split_pair(name.strip_suffix("=X")?)?,
        },
    };
    // A shell takes such codes as they are.
    let is_plain = |code: &str| code.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_plain(asset) || !is_plain(currency) {
        return None;
    }
    Some((asset.parse().ok()?, currency.parse().ok()?))
}

/// Splits a pair into two known codes, else before the longest known code at its end.
fn split_pair(pair: &str) -> Option<(&str, &str)> {
    let places = pair.char_indices().skip(1);
    let halves = places.filter_map(|(at, _)| pair.split_at_checked(at));
    let mut pairs = halves.filter(|(_, quote)| kind_of_code(quote).is_some());
    let longest = pairs.clone().next();
    pairs
        .find(|(base, _)| kind_of_code(base).is_some())
        .or(longest)
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or_default()
}
