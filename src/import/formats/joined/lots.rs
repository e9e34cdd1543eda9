//! Trades that a row states in full, with sizes in lots.
//!
//! The settings say how many units a lot of a symbol has. A row without that setting is refused.
//! Its hint has the settings of all such symbols of the file.

use std::collections::BTreeSet;

use csv::StringRecord;
use jiff::tz::TimeZone;

use super::{CellFault, JoinedRow, LotTrade};
use crate::engine::{LedgerTrade, Symbol};
use crate::import::cells::TradeReader;
use crate::import::columns::{COLUMNS, Column};
use crate::import::formats::RowOutcome;
use crate::import::header::Header;
use crate::import::reading::{NamedPair, Reading};
use crate::import::rejected::{Fault, Hint};

const UNKNOWN: &str = "expected a symbol whose lots are known: their units, base and quote";

/// Reads a trade. `exchange`: that of its source. Errors: the file's column at fault.
pub(super) fn read_lots(
    trade: &LotTrade,
    exchange: &str,
    line: u64,
    reading: &mut Reading<'_>,
    zone: Option<&TimeZone>,
) -> Result<LedgerTrade, CellFault> {
    let of_symbol = trade.cells.iter().find(|it| it.0 == Column::Symbol);
    let (of_symbol, symbol) = of_symbol.map_or(("", ""), |(_, name, text)| (*name, text.as_str()));
    // The reader below refuses any text but a symbol.
    let contract = match symbol.parse() {
        Ok(symbol) => units_of(&symbol, reading).map_err(|fault| (of_symbol, fault))?,
        Err(_) => String::new(),
    };
    let mut texts: [String; COLUMNS.len()] = Default::default();
    let made = [
        (Column::Exchange, exchange.to_owned()),
        (Column::ContractSize, contract),
    ];
    let stated = trade
        .cells
        .iter()
        .map(|(column, _, text)| (*column, text.clone()));
    for (column, text) in stated.chain(made) {
        if let Some(place) = texts.get_mut(column as usize) {
            *place = text;
        }
    }
    let native: StringRecord = texts.iter().map(String::as_str).collect();
    let header = Header::of_all();
    let mut reader = TradeReader {
        header: &header,
        reading,
        zone,
    };
    reader.read(&native, line).map_err(|bad| {
        let mut columns = trade.cells.iter();
        let found = columns.find(|(column, _, _)| *column == bad.column);
        let fault = Fault {
            write: None,
            ..bad.fault
        };
        (found.map_or(of_symbol, |(_, name, _)| *name), fault)
    })
}

/// Returns the units of a lot. Errors: the settings do not say them, or nothing says the quote.
fn units_of(symbol: &Symbol, reading: &mut Reading<'_>) -> Result<String, Fault> {
    let names = NamedPair {
        account: "",
        symbol: symbol.as_str(),
        base: "",
        quote: "",
    };
    // What no rule splits is not a share in dollars.
    let is_pair = matches!(reading.pair(&names), Some(Ok(pair)) if pair.is_pair);
    let settings = reading.options.assets.symbols.get(symbol);
    let is_known = is_pair || settings.is_some_and(|of| of.quote.is_some());
    match reading.options.contract_sizes.get(symbol) {
        Some(size) if is_known => Ok(size.to_string()),
        size => {
            let mut lines = match size {
                None => settings_of(symbol, None),
                Some(_) => table_of(symbol),
            };
            if !is_known {
                lines.push_str("\nbase = \"\"\nquote = \"\"");
            }
            Err(Fault::new(UNKNOWN).with_hint(Hint::LotSymbols([lines].into())))
        }
    }
}

/// Returns the settings of a symbol. `size`: the units of a lot, if they are known.
pub(super) fn settings_of(symbol: &Symbol, size: Option<&str>) -> String {
    let (table, size) = (table_of(symbol), size.unwrap_or("UNITS"));
    format!("{table}\ncontract_size = \"{size}\"")
}

fn table_of(symbol: &Symbol) -> String {
    let name = symbol.as_str().replace('\\', "\\\\").replace('"', "\\\"");
    format!("[symbols.\"{name}\"]")
}

/// Writes the settings of all symbols into the hint of each row that lacks one: one answer for all.
pub(super) fn name_all_symbols(rows: &mut [JoinedRow<'_>]) {
    let outcomes = rows.iter_mut().flat_map(|row| &mut row.alone);
    let hints = outcomes.filter_map(|outcome| match outcome {
        RowOutcome::Rejected(row) => match &mut row.hint {
            Some(Hint::LotSymbols(settings)) => Some(settings),
            _ => None,
        },
        _ => None,
    });
    let mut hints: Vec<&mut Box<[String]>> = hints.collect();
    let all: BTreeSet<String> = hints.iter().flat_map(|of| of.iter().cloned()).collect();
    for settings in &mut hints {
        **settings = all.iter().cloned().collect();
    }
}
