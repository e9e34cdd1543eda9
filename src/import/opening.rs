//! Lots carried over from another system: symbol, size, date of purchase, total basis.
//!
//! Each row becomes a buy whose source is `opening`. Its order id is made of the row's values, so a
//! file imported twice adds no lot the second time.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use sha2::{Digest, Sha256};

use super::bounds::kept;
use super::currency::{check_currency, currency_columns};
use super::error::FileError;
use super::hints::{Counts, is_negative, with_obstacles};
use super::rejected::{Fault, Hint, ROW_COLUMN, RejectedRow};
use super::table::{Table, TableFile, TableRow};
use super::{ImportOptions, ParsedFile};
use crate::engine::policy::SOURCE_OPENING;
use crate::engine::{
    Account, AssetRules, Carried, Entry, LedgerTrade, Side, Size, Symbol, Timestamp, Trade, Usd,
    price_of_basis,
};

/// Columns that a file must have, in any order.
pub const OPENING_COLUMNS: [&str; 4] = ["symbol", "size", "acquired", "basis"];

/// Digits of a row's hash in its order id.
const HASH_DIGITS: usize = 16;

/// Places of the columns of a file.
struct Columns {
    required: [usize; 4],
    account: Option<usize>,
}

/// Reads a file of opening lots. Errors: it is not CSV, or a column is missing. A bad row is not an
/// error.
pub fn parse_opening_lots(
    bytes: &[u8],
    options: &ImportOptions,
    rules: &AssetRules,
) -> Result<ParsedFile, FileError> {
    let file = TableFile::try_new(bytes)?;
    let mut table = file.table()?;
    let mut parsed = ParsedFile {
        ends_without_line_end: !bytes.ends_with(b"\n") && !bytes.ends_with(b"\r"),
        ..ParsedFile::default()
    };
    for name in &mut table.header.cells {
        *name = options.columns.read_as(name).to_owned();
    }
    let columns = columns(&table, &mut parsed)?;
    let currencies = currency_columns(&table.header.cells, |name| !is_known(name));
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    while let Some(row) = table.next_row()? {
        parsed.rows += 1;
        if row.fault.is_none() {
            check_currency(&currencies, |at| row.cell(at), row.line, options)?;
        }
        let read = match row.fault {
            None => read_row(&row, &columns, (options, rules), &mut seen),
            Some(fault) => Err((ROW_COLUMN, fault.to_owned(), Fault::new("expected a lot"))),
        };
        match read {
            Ok(mut trade) => {
                trade.import_line = row.line;
                parsed.trades.push(trade);
            }
            Err((column, found, fault)) => parsed.rejected.push(RejectedRow {
                takes_back: takes_units_away(&row, &columns),
                ..RejectedRow::new((row.line, &row.text), column, kept(&found), fault)
            }),
        }
    }
    Ok(parsed)
}

/// Tells whether a row takes units away. If an import left out this row alone, the units would stay
/// in another lot.
fn takes_units_away(row: &TableRow, columns: &Columns) -> bool {
    let [_, size, ..] = columns.required;
    match row.fault {
        None => is_negative(row.cell(size)),
        Some(_) => {
            let mut cells = row.text.split(',');
            cells.any(|cell| is_negative(cell.trim().trim_matches('"')))
        }
    }
}

fn columns(table: &Table<'_>, parsed: &mut ParsedFile) -> Result<Columns, FileError> {
    table.check_once(&OPENING_COLUMNS)?;
    table.check_once(&["account"])?;
    let mut required = [0; 4];
    for (slot, column) in required.iter_mut().zip(OPENING_COLUMNS) {
        let place = table.place(column);
        *slot = place.ok_or(FileError::NoOpeningColumn(column))?;
    }
    let names = table
        .header
        .cells
        .iter()
        .map(|cell| cell.to_ascii_lowercase());
    parsed.unknown_columns = names.filter(|name| !is_known(name)).collect();
    let account = table.place("account");
    Ok(Columns { required, account })
}

fn is_known(name: &str) -> bool {
    OPENING_COLUMNS.contains(&name) || name == "account"
}

type Bad = (&'static str, String, Fault);

fn bad(column: &'static str, found: &str, reason: String) -> Bad {
    let fault = Fault::new(reason);
    let fault = match column {
        "size" if is_negative(found) => fault.with_hint(Hint::LotSign),
        "size" => with_obstacles(fault, found, Counts::Units),
        "basis" => with_obstacles(fault, found, Counts::Dollars),
        _ => fault,
    };
    (column, found.to_owned(), fault)
}

fn read_row(
    row: &TableRow,
    columns: &Columns,
    (options, rules): (&ImportOptions, &AssetRules),
    seen: &mut BTreeMap<String, u32>,
) -> Result<LedgerTrade, Bad> {
    let cell = |at: usize| row.cell(at);
    let [symbol_text, size_text, acquired, basis_text] = columns.required.map(cell);
    let account: Account = match columns.account.map(cell) {
        None | Some("") => options.account_default.clone(),
        Some(text) => text
            .parse()
            .map_err(|error| bad("account", text, format!("which {error}")))?,
    };
    let symbol: Symbol = symbol_text
        .parse()
        .map_err(|error| bad("symbol", symbol_text, format!("which {error}")))?;
    check_in_dollars(rules, &account, &symbol)
        .map_err(|fault| bad("symbol", symbol_text, fault))?;
    let size: Size = size_text
        .parse()
        .ok()
        .filter(|size: &Size| !size.is_zero())
        .ok_or_else(|| bad("size", size_text, "expected a number above zero".into()))?;
    let basis: Usd = basis_text
        .parse()
        .ok()
        .filter(|basis: &Usd| !basis.is_negative())
        .ok_or_else(|| {
            let expected = "expected the total cost in USD, zero or more, at most 12 decimals";
            bad("basis", basis_text, expected.into())
        })?;
    let order_time = read_acquired(acquired, options.timezone.as_ref(), options.now)
        .map_err(|fault| ("acquired", acquired.to_owned(), fault))?;
    let (price, fee) =
        price_of_basis(basis, size).map_err(|error| bad("basis", basis_text, error.to_string()))?;
    let facts = format!("{account}\n{symbol}\n{size}\n{order_time}\n{basis}");
    let number = seen.entry(facts.clone()).or_default();
    *number += 1;
    let digest = Sha256::digest(format!("{facts}\n{number}").as_bytes());
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let id = format!("opening-{}", digits.get(..HASH_DIGITS).unwrap_or(&digits));
    let order_id = id
        .parse()
        .map_err(|_| bad("symbol", symbol_text, "has no order id".into()))?;
    Ok(LedgerTrade {
        account,
        symbol,
        symbol_text: symbol_text.to_owned(),
        trade: Trade {
            entry: Entry::default(),
            order_id,
            side: Side::Buy,
            size,
            price,
            fee: Some(fee),
            order_time,
            trade_seq: None,
            more: None,
        },
        status: None,
        carried: Carried {
            source: Some(SOURCE_OPENING.into()),
            ingest_via: Some("import lots".into()),
            ..Carried::default()
        },
        import_line: 0,
    })
}

/// Checks that trades of a symbol are in dollars, as the basis of a lot is. Errors: what to write.
fn check_in_dollars(rules: &AssetRules, account: &Account, symbol: &Symbol) -> Result<(), String> {
    let of = rules.instrument(account, symbol, None, None, None);
    match of.ok().filter(|of| !of.is_usd) {
        None => Ok(()),
        Some(of) => {
            let (base, quote) = (of.base, of.quote);
            Err(format!(
                "which is priced in {quote}, and a basis is in USD: write {base}-USD"
            ))
        }
    }
}

/// Reads when a lot was acquired, as [`parse_opening_lots`] does.
///
/// Errors: the fault, and the remedy.
pub fn parse_acquired(
    text: &str,
    zone: Option<&TimeZone>,
    now: Timestamp,
) -> Result<Timestamp, String> {
    read_acquired(text, zone, now).map_err(|fault| fault.reason)
}

/// Reads when a lot was acquired: a day, which is taken from its first instant in the zone, or a
/// time with an offset. Errors: neither; a day without a zone; later than `now`.
fn read_acquired(text: &str, zone: Option<&TimeZone>, now: Timestamp) -> Result<Timestamp, Fault> {
    let expected = "expected a day like 2024-05-31, or a time like 2024-05-31T12:00:00Z";
    let time = match (text.parse::<Timestamp>(), text.parse::<Date>(), zone) {
        (Ok(time), _, _) => time,
        (Err(_), Ok(day), Some(zone)) if text.len() == 10 => {
            let start = day.to_zoned(zone.clone());
            let micros = start.map(|start| start.timestamp().as_microsecond());
            let time = micros
                .ok()
                .and_then(|us| Timestamp::try_from_micros(us).ok());
            time.ok_or_else(|| Fault::new(expected))?
        }
        (Err(_), Ok(_), None) => {
            return Err(Fault::new("expected a time, or a time zone").with_hint(Hint::ZoneOfDays));
        }
        _ => return Err(Fault::new(expected)),
    };
    if time > now {
        return Err(Fault::new(format!(
            "which is in the future, expected at most {now}"
        )));
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ParsedFile, FileError> {
        let options = ImportOptions {
            timezone: Some(TimeZone::get("America/New_York").unwrap()),
            ..crate::import::test_options::options()
        };
        parse_opening_lots(text.as_bytes(), &options, &AssetRules::default())
    }

    #[test]
    fn a_lot_of_a_pair_without_dollars_is_rejected() {
        let file = "symbol,size,acquired,basis\nETH-BTC,1,2023-07-01,2500\n\
                    BTC-EUR,1,2023-07-01,10\nBTC-USDC,1,2023-07-01,10\n";
        let parsed = parse(file).unwrap();
        assert_eq!(parsed.trades.len(), 1);
        let faults = parsed.rejected.iter().map(|row| row.to_string());
        let faults: Vec<String> = faults.collect();
        let why = "and a basis is in USD: write";
        let expected = [
            format!("2: symbol is \"ETH-BTC\", which is priced in BTC, {why} ETH-USD"),
            format!("3: symbol is \"BTC-EUR\", which is priced in EUR, {why} BTC-USD"),
        ];
        assert_eq!(faults, expected);
    }

    #[test]
    fn a_lot_becomes_a_buy_of_its_basis() {
        let file = "Symbol,size,acquired,basis,account\nbtc/usd,3,2023-07-01,100,main\n\
                    BTC-USD,1,2023-07-01T12:00:00Z,0,\nBTC-USD,1,2023-07-01T12:00:00Z,0,\n";
        let parsed = parse(file).unwrap();
        assert!(parsed.rejected.is_empty(), "{:?}", parsed.rejected);
        let [first, second, third] = parsed.trades.as_slice() else {
            panic!("{parsed:?}");
        };
        assert_eq!(first.account.as_str(), "main");
        assert_eq!(first.symbol.as_str(), "BTC-USD");
        assert_eq!(first.trade.price.to_string(), "33.333333333333");
        assert_eq!(first.trade.fee.unwrap().to_string(), "0.000000000001");
        // Midnight in New York, in summer.
        assert_eq!(
            first.trade.order_time.to_string(),
            "2023-07-01T04:00:00.000000Z"
        );
        assert_eq!(first.carried.source.as_deref(), Some("opening"));
        assert_eq!(first.import_line, 2);
        assert_ne!(second.trade.order_id, third.trade.order_id);
        assert_eq!(parse(file).unwrap().trades, parsed.trades);
    }

    #[test]
    fn bad_rows_say_why() {
        let row = |row: &str| {
            let parsed = parse(&format!("symbol,size,acquired,basis\n{row}\n")).unwrap();
            parsed.rejected[0].to_string()
        };
        assert_eq!(
            row("A-USD,0,2023-07-01,1"),
            "2: size is \"0\", expected a number above zero"
        );
        assert!(row("A-USD,1,01/07/2023,1").starts_with("2: acquired is \"01/07/2023\", expected"));
        assert!(row("A-USD,1,2027-07-01,1").contains("in the future"));
        assert!(row("A-USD,1,2023-07-01,-1").starts_with("2: basis is \"-1\", expected the total"));
        assert!(row(",1,2023-07-01,1").starts_with("2: symbol is empty"));
        // A cell with a comma in it, a quoted line end and a blank line before.
        let text = "symbol,size,acquired,basis,note\r\n\
                    A-USD,1,2023-07-01,1,\"two\r\nlines\"\r\n\r\n\
                    A-USD,1,234,2023-07-01,1,x\r\nA-USD,0,2023-07-01,1,\r\n";
        let parsed = parse(text).unwrap();
        let said: Vec<String> = parsed.rejected.iter().map(ToString::to_string).collect();
        assert!(
            said[0].starts_with("5: row has more cells than the header"),
            "{said:?}"
        );
        assert_eq!(said[1], "6: size is \"0\", expected a number above zero");
        assert_eq!(parsed.trades[0].import_line, 2);
        let few = parse("symbol,size,acquired,basis,account\nA-USD,1,2023-07-01,1\n").unwrap();
        let said = few.rejected[0].to_string();
        assert!(said.starts_with("2: row has fewer cells"), "{said}");
        let twice = parse("symbol,size,acquired,basis,Basis\n").unwrap_err();
        let said = "the header has the column \"basis\" twice, expected it once";
        assert_eq!(twice.to_string(), said);
        let error = parse("symbol,size,basis\n").unwrap_err();
        assert_eq!(error.to_string(), "the column acquired is missing");
    }
}
