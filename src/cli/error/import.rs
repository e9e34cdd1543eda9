//! Advice about a file, or a row, that was not imported.

use super::names::void_command;
use crate::engine::MORE_COLUMNS;
use crate::import::{
    self, FileError, Hint, OPTIONAL_COLUMNS, Obstacle, REQUIRED_COLUMNS, ZoneError, quoted,
};

/// Advises about a rejected row.
pub fn hint_words(hint: &Hint) -> String {
    match hint {
        Hint::Number(obstacles) => {
            let words: Vec<String> = obstacles.iter().map(obstacle_words).collect();
            words.join("; ")
        }
        Hint::OpenNumber(obstacle) => {
            format!(
                "{}; or say it for the whole file: --decimal-mark point, or --decimal-mark comma",
                obstacle_words(obstacle)
            )
        }
        Hint::Currency(name) => {
            format!(
                "{name} is another currency than the dollar: write the number alone; the symbol \
                 or quote_currency names the currency of prices, and fee_amount with fee_currency \
                 is a fee in it"
            )
        }
        Hint::SaleSign(more) => {
            let more = more.as_ref().map(|more| format!("; {}", hint_words(more)));
            let sign = "drop the sign, as side \"sell\" says already that it is a sale";
            sign.to_owned() + &more.unwrap_or_default()
        }
        Hint::LotSymbols(settings) => lot_words(settings),
        Hint::OtherLots(_) => OTHER_LOTS.into(),
        Hint::CancelsKnown(trades) => cancels_words(trades),
        other => fixed_words(other).into(),
    }
}

/// The remedy of rows that cancel trades of the ledger.
fn cancels_words(trades: &[(String, String)]) -> String {
    let commands: Vec<String> = trades
        .iter()
        .map(|(account, id)| void_command(account, id))
        .collect();
    let (be, them) = match commands.len() {
        1 => ("trade is", "it"),
        _ => ("trades are", "them"),
    };
    format!(
        "the {be} in the ledger. Take {them} out: {}. And export the file again from the day of \
         the trade on, as the import refuses this row alone",
        commands.join(", ")
    )
}

/// The remedy of rows whose sizes are lots of unknown units.
fn lot_words(settings: &[String]) -> String {
    let lacks_pair = settings.iter().any(|of| of.contains("base = \"\""));
    let (empty, currencies) = match lacks_pair {
        true => (", and the empty base and quote", " and currencies"),
        false => ("", ""),
    };
    format!(
        "write these lines into fifo-pnl.toml. Fill in the units of one MetaTrader lot{empty}. \
         MetaTrader shows them in the specification of the symbol, as Contract size{currencies}. \
         Symbols with another size than 1 get no result yet: contracts of several units are not \
         computed"
    )
}

/// The remedy of rows whose lots have another size by the broker's profits.
const OTHER_LOTS: &str = "write these lines into fifo-pnl.toml in place of those of the symbol. \
                          MetaTrader shows the units of one lot in the specification of the \
                          symbol, as Contract size";

/// Returns the lines to write into the settings, if the remedy has some.
pub fn hint_settings(hint: &Hint) -> Vec<String> {
    let (Hint::LotSymbols(settings) | Hint::OtherLots(settings)) = hint else {
        return Vec::new();
    };
    let lines = settings.iter().flat_map(|of| of.lines());
    lines.map(str::to_owned).collect()
}

/// The remedy of a row whose pair no rule splits.
const UNKNOWN_PAIR: &str = "say in the settings what it is: base and quote under \
                            [symbols.\"PAIR\"]. If its quote is a coin worth one dollar, write \
                            COIN = \"pool\" under [pegs]. In a format of your own for shares, \
                            write tickers = true";

/// The remedy of a row whose status is in no list.
const UNKNOWN_STATUS: &str = "if the trade was executed, write \"filled\" or leave the cell empty; \
    else remove the row";

/// The remedy of an id that a spreadsheet cut.
const ROUNDED_ID: &str = "Excel or a spreadsheet cut the digits of long ids: take the original \
    file. If it is gone, export the file again, and do not open it before the import";

/// The remedy of a time as spreadsheets write it.
const SPREADSHEET_TIME: &str = "a spreadsheet may have changed it: take the original file, or \
    export it again. In a file of your own, write it like 2025-01-02T03:04:05Z";

/// The remedy of a row of a type that the format does not know.
const UNKNOWN_TYPE: &str = "if these rows move nothing, leave them out with --skip-invalid. If \
    they do, store that by hand afterwards: `fifo-pnl transfers add --help` shows how to store a \
    deposit or a withdrawal";

/// The remedy of a split, merger or new name that the file does not state in full.
const STATE_ACTION: &str = "leave the row out with --skip-invalid, and state what happened: \
    `fifo-pnl actions add split ASSET NEW:OLD --at DAY`. A rename, a merger and a spin-off have \
    commands of their own: `fifo-pnl actions add --help`";

/// The remedy of a short sale.
const SHORT_SALE: &str = "leave the row out with --skip-invalid, and write the sale and its \
    purchase into a file in the native format, each as a trade";

/// The remedy of a row whose order never executed.
const NEVER_EXECUTED: &str = "remove the row, and its trade if it takes one back; if a part was \
                              executed, give its size with status \"filled\"";

/// The remedy of a row that looks like the reversal of another one.
const MAY_TAKE_BACK: &str = "it looks like a row that reverses another one: then remove both from \
                             the file; if it is a trade of its own, correct it";

/// The remedy of a row whose trade is in no row of its file.
const CLOCK_OF_TIMES: &str = "if the clock of the server never changes, name how far it is \
                              ahead of UTC: --timezone +02:00. If it has summer time, store each \
                              change: `fifo-pnl account add NAME --server-time +02:00 \
                              --server-time +03:00@2025-03-09 --server-time +02:00@2025-11-02`";
const ZONE_OF_TIMES: &str =
    "add the time zone of the file: --timezone Europe/Berlin, or --timezone +02:00";
const EARLIER_CLOCK: &str = "the account has a clock from a later day on. Add the one before it: \
                             `fifo-pnl account add NAME --server-time +02:00`, with the offset of \
                             the server";
const CANCELS_EARLIER: &str = "export the file again from the day of that trade on. If the trade \
                               is imported already, take it out with `fifo-pnl void ID --account \
                               NAME --reason TEXT`";

const BUY_SIGN: &str = "a sale is written with side \"sell\" and no sign; if the row reverses \
                        another one, remove both";

/// Advises if the words are the same for every row.
fn fixed_words(hint: &Hint) -> &'static str {
    match hint {
        Hint::Number(_)
        | Hint::Currency(_)
        | Hint::SaleSign(_)
        | Hint::OpenNumber(_)
        | Hint::LotSymbols(_)
        | Hint::OtherLots(_)
        | Hint::CancelsKnown(_) => "",
        Hint::PlainNumber => "no thousands separator, and a point before the decimals",
        Hint::Spreadsheet => {
            "a spreadsheet wrote this in place of a number: widen the column or mend the formula"
        }
        Hint::PriceSign => "a price has no sign: a sale is written with side \"sell\"",
        Hint::BuySign => BUY_SIGN,
        Hint::LotSign => "a lot is what is held; if the row reverses another one, remove both",
        Hint::UnknownFee => "if the fee is unknown, leave the cell empty",
        Hint::RoundedId => ROUNDED_ID,
        Hint::UnknownType => UNKNOWN_TYPE,
        Hint::StateAction => STATE_ACTION,
        Hint::ShortSale => SHORT_SALE,
        Hint::OwnId => "each fill needs its own id; for one trade in two accounts, fill in account",
        Hint::OneAccount => "import each account's file with its own --account",
        Hint::CopiedText => "it may have come with a copied text: type the name again",
        Hint::PlainBlank => "write a plain blank, or none",
        Hint::NeverExecuted => NEVER_EXECUTED,
        Hint::UnknownStatus => UNKNOWN_STATUS,
        Hint::TakesBack => {
            "it reverses another row: remove both from the file, this one and the one it reverses"
        }
        Hint::CancelsEarlier => CANCELS_EARLIER,
        Hint::TakenBack => {
            "remove the row if it was reversed; if it reverses another one, remove both"
        }
        Hint::MayTakeBack => MAY_TAKE_BACK,
        Hint::TimeOfDay => "the order of trades within a day decides which lots a sell uses",
        Hint::UnixTime => {
            "it looks like seconds or milliseconds since 1970; write it as a date and time"
        }
        Hint::SpreadsheetTime => SPREADSHEET_TIME,
        Hint::LeapSecond => "leap seconds can't be kept; write the second before or after",
        Hint::SkippedTime => {
            "clocks went forward there; the time is of another zone, or it is wrong"
        }
        Hint::Offset => "name the offset from UTC",
        Hint::ZoneOfTimes => ZONE_OF_TIMES,
        Hint::ClockOfTimes => CLOCK_OF_TIMES,
        Hint::EarlierClock => EARLIER_CLOCK,
        Hint::ZoneOfDays => "add the time zone of the days: --timezone Europe/Berlin",
        Hint::SecondHeader => {
            "the file looks like several joined into one; remove the second header"
        }
        Hint::OpenQuote => "close the quote; if the file was cut in the middle, export it again",
        Hint::InnerQuote => "close each quote; a quote inside a value is written twice",
        Hint::BlankBeforeQuote => {
            "a quote counts only at the start of a cell: remove the blank before it"
        }
        Hint::LateQuote => "a quote may be closed on a later line than it should be",
        Hint::CutFile => {
            "the last line has no line end: the file may have been cut; export it again"
        }
        Hint::InnerComma => {
            "a comma inside a value splits it: write 1234.5 for 1,234.5, and put texts in quotes"
        }
        Hint::MissingComma => "an empty cell needs its comma too",
        Hint::UnknownPair => UNKNOWN_PAIR,
    }
}

/// Names an obstacle in a number.
fn obstacle_words(obstacle: &Obstacle) -> String {
    match obstacle {
        Obstacle::Parentheses => "parentheses are written as a minus".into(),
        Obstacle::MinusBehind => "a minus stands before the number".into(),
        Obstacle::OtherMinus => "its minus is another sign than \"-\"".into(),
        Obstacle::Magnitude(letter) => {
            format!("\"{letter}\" is no digit: write the number in full")
        }
        Obstacle::Unit(shown) => format!("{shown} is no part of a number"),
        Obstacle::Blanks => "blanks and apostrophes are no part of a number".into(),
        Obstacle::FullWidth => "its digits are full-width ones".into(),
        Obstacle::Thousands => "thousands are written without separator".into(),
        Obstacle::Decimals => "decimals follow a point".into(),
        Obstacle::Either(whole, decimal) => {
            format!("write {whole}, or {decimal} if its comma is the decimal point")
        }
        Obstacle::EitherPoint(whole, decimal) => {
            format!("write {decimal}, or {whole} if its point stands between thousands")
        }
    }
}

/// Names the obstacle in an amount that a person typed, and how to write the amount. `None`: no
/// obstacle was found, or the amount is negative.
pub fn dollars_hint(text: &str) -> Option<String> {
    let (hint, write) = import::dollars_hint(text)?;
    let hint = hint_words(&hint);
    match write {
        // A basis is never negative, so the hint shows no negative amount to write.
        Some(write) if write.starts_with('-') => None,
        Some(write) => Some(format!("{hint}: write {write}")),
        None => Some(hint),
    }
}

/// Returns the remedy of a file that holds no trades.
pub fn file_hint(error: &FileError) -> String {
    match error {
        error if may_be_rates(error) => rates_hint(),
        FileError::Empty => "export the file again".into(),
        FileError::NoHeader { .. } => first_line_hint(),
        FileError::Packed(_) => "unpack it first, and import the CSV file in it".into(),
        FileError::OtherFormat(_) | FileError::Nul { .. } | FileError::LineTooLong { .. } => {
            "open it in the program it comes from and export it as CSV, in UTF-8".into()
        }
        FileError::NotUtf8 { .. } => {
            "save the file again as UTF-8 (in Excel: \"CSV UTF-8\")".into()
        }
        FileError::MixedEncodings { .. } | FileError::NotUtf16 { .. } => {
            "export the file again; if it was joined of several files, import each of them".into()
        }
        FileError::NoTable { .. } => {
            "it may be only the beginning of an export, or a report: export the list of trades \
             as CSV. docs/FORMATS.md names the place for each source"
                .into()
        }
        FileError::UnknownHeader { .. } => {
            "if the source can write English, export the file again in English. Otherwise \
             `fifo-pnl formats draft FILE` proposes a table for it"
                .into()
        }
        FileError::TooLarge(_) => {
            "write it in several files; a file of trades, not a pipe, may have any size".into()
        }
        FileError::TooManyColumns { .. } | FileError::MissingColumns { .. } => header_hint(),
        FileError::NoOpeningColumn(_) => {
            "opening lots have the columns symbol,size,acquired,basis and optional account".into()
        }
        FileError::NearFormat {
            missing, unseen, ..
        } if missing.is_empty() => {
            let ignore = unseen
                .iter()
                .map(|name| format!("--ignore-column {}", quoted(name)));
            let ignore = Vec::from_iter(ignore).join(" ");
            format!("if it changes no amount, ignore it: {ignore}")
        }
        FileError::NearFormat { .. } => {
            "export the file again as it comes from the source. If only names differ, correct the \
             header in a copy of the file: docs/FORMATS.md links the list of columns"
                .into()
        }
        FileError::WrongFile { .. } => {
            "docs/FORMATS.md says for each source where the right file is".into()
        }
        FileError::TwoFormats { names, .. } => {
            format!(
                "name the right one: --format {}, or --format {}",
                names[0], names[1]
            )
        }
        FileError::SecondFile { .. } => {
            "the file is several files joined into one: import the files one by one".into()
        }
        FileError::HeaderQuote { .. } => "close the quote, or remove it".into(),
        FileError::DuplicateColumn { .. } => "remove or rename one of the two columns".into(),
        FileError::IgnoredColumn { .. }
        | FileError::OtherCurrency { .. }
        | FileError::CurrencyBesideTable { .. } => column_hint(error),
        FileError::Csv(_) => "export the file again, as CSV in UTF-8".into(),
    }
}

/// Advises about a column that says more than it should.
fn column_hint(error: &FileError) -> String {
    match error {
        FileError::IgnoredColumn { column, .. } => {
            format!("leave out --ignore-column {}", quoted(column))
        }
        FileError::OtherCurrency { column, .. } => other_currency_hint(column),
        FileError::CurrencyBesideTable { column, format, .. } => format!(
            "if prices are in this currency, add to [formats.{format}.trade]: \
             quote_currency = {}; if the column has nothing to do with them, add \
             --ignore-column {}",
            quoted(&format!("{{{column}}}")),
            quoted(column)
        ),
        _ => String::new(),
    }
}

/// Advises about a file that may be one of rates.
fn rates_hint() -> String {
    let of_trades = header_hint();
    format!(
        "`fifo-pnl import rates FILE` imports rates; `fifo-pnl formats draft FILE` proposes a \
         table for another export; of a file of trades, {of_trades}"
    )
}

/// Tells whether a file that has no trades may be one of rates.
fn may_be_rates(error: &FileError) -> bool {
    match error {
        FileError::MissingColumns { missing, .. } => missing.len() == REQUIRED_COLUMNS.len(),
        FileError::UnknownHeader { found, .. } => is_of_rates(found),
        FileError::NoTable { found, .. } => {
            let names: Vec<String> = found.split(',').map(str::to_owned).collect();
            is_of_rates(&names)
        }
        _ => false,
    }
}

/// Tells whether a header is one of rates or of prices.
fn is_of_rates(names: &[String]) -> bool {
    let has = |wanted: &str| names.iter().any(|name| name.eq_ignore_ascii_case(wanted));
    let is_code = |name: &String| name.len() == 3 && name.bytes().all(|of| of.is_ascii_uppercase());
    let others = names.iter().skip(1).filter(|name| !name.trim().is_empty());
    let is_ecb = has("date") && others.clone().count() > 0 && others.clone().all(is_code);
    is_ecb || has("snapped_at") || has("date") && has("open") && has("close")
}

/// Names the column that says the currency of prices, or of fees.
fn other_currency_hint(column: &str) -> String {
    let name = column.to_lowercase();
    let ignore = format!(
        "If the column has nothing to do with prices and fees, add --ignore-column {}",
        quoted(column)
    );
    if name.contains("fee") || name.contains("commission") {
        return format!(
            "if fees are in this currency, name it and their column: --rename-column {} \
             --rename-column 'FEES=fee_amount'. {ignore}",
            quoted(&format!("{column}=fee_currency"))
        );
    }
    format!(
        "if prices are in this currency, add --rename-column {}, and put fees into fee_amount and \
         fee_currency. {ignore}",
        quoted(&format!("{column}=quote_currency"))
    )
}

/// Advises about a file that begins with a trade.
fn first_line_hint() -> String {
    let own = header_hint();
    format!(
        "if it is an export, its first line is missing: export it again. In the native format, \
         {own}"
    )
}

/// The column of a fee in USD. A file may have two others in its place.
const FEE_COLUMN: &str = "total_fees_usd";

/// Shows the header that a file needs.
fn header_hint() -> String {
    let needed = REQUIRED_COLUMNS.iter().filter(|it| **it != FEE_COLUMN);
    let needed: Vec<&str> = needed.copied().collect();
    format!(
        "the header needs {}, and a fee: {FEE_COLUMN}, or fee_amount and fee_currency. It may \
         have {}, {}",
        needed.join(", "),
        OPTIONAL_COLUMNS.join(", "),
        MORE_COLUMNS.join(", ")
    )
}

/// Returns the remedy of an unknown time zone.
pub fn zone_hint(error: &ZoneError) -> String {
    let name = error.name.to_ascii_lowercase();
    match &error.similar {
        Some(similar) if similar.starts_with(['+', '-']) => format!("write {similar}"),
        Some(similar) => format!("did you mean {similar:?}?"),
        None if error.takes_clocks && name.starts_with("etc/gmt") => {
            "its sign is the reverse of a clock's. Write the clock: +02:00 is ahead of UTC".into()
        }
        None if !error.takes_clocks && name.starts_with(['+', '-']) => {
            "days need a named zone, like America/New_York, as clocks change in a year".into()
        }
        None => "names are those of the IANA time zone database".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_about_a_number_name_all_that_is_in_its_way() {
        for (typed, words) in [
            (
                "US$3.25",
                "\"$\" is no part of a number; \"USD\" is no part of a number: write 3.25",
            ),
            (
                "2,345",
                "write 2345, or 2.345 if its comma is the decimal point",
            ),
            ("1.5K", "\"K\" is no digit: write the number in full"),
            (
                "€5",
                "\"€\" is another currency than the dollar: write the number alone; the symbol or \
                 quote_currency names the currency of prices, and fee_amount with fee_currency is \
                 a fee in it",
            ),
        ] {
            assert_eq!(dollars_hint(typed).as_deref(), Some(words), "{typed}");
        }
        // Neither an example of a negative amount, nor words about what is no number.
        assert_eq!(
            [dollars_hint("($2.50)"), dollars_hint("market")],
            [None, None]
        );
        let sign = "drop the sign, as side \"sell\" says already that it is a sale";
        assert_eq!(hint_words(&Hint::SaleSign(None)), sign);
        let more = Hint::SaleSign(Some(Hint::Number(vec![Obstacle::Thousands]).into()));
        let thousands = "thousands are written without separator";
        assert_eq!(hint_words(&more), format!("{sign}; {thousands}"));
    }

    #[test]
    fn the_remedy_fits_the_file() {
        let hint = |error| file_hint(&error);
        assert!(hint(FileError::Packed("an archive (zip)")).starts_with("unpack it first"));
        assert!(hint(FileError::OtherFormat("JSON")).starts_with("open it in the program"));
        let not_utf8 = FileError::NotUtf8 {
            line: 1,
            byte: 0x81,
        };
        assert!(hint(not_utf8).starts_with("save the file again as UTF-8"));
        let zone = |similar: Option<&str>| ZoneError {
            name: "berlin".into(),
            similar: similar.map(str::to_owned),
            takes_clocks: false,
        };
        let meant = zone_hint(&zone(Some("Europe/Berlin")));
        assert_eq!(meant, "did you mean \"Europe/Berlin\"?");
        assert!(zone_hint(&zone(None)).starts_with("names are those of the IANA"));
        let clock = |name: &str, similar: Option<&str>, takes_clocks| ZoneError {
            name: name.into(),
            takes_clocks,
            ..zone(similar)
        };
        assert_eq!(
            zone_hint(&clock("+2", Some("+02:00"), true)),
            "write +02:00"
        );
        assert!(zone_hint(&clock("Etc/GMT+2", None, true)).starts_with("its sign is the reverse"));
        assert!(zone_hint(&clock("+02:00", None, false)).starts_with("days need a named zone"));
    }
}
