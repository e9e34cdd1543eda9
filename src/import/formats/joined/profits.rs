//! Sizes of lots that the profits of a file do not fit.
//!
//! A broker states the profit of each sale that closes a position. If it is in the quote, or in the
//! base, the prices and the size give it, too. Otherwise the settings have another size of a lot
//! than the broker: all rows of the symbol are rejected, with the size that fits.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::{JoinedRow, LotTrade, RowMeaning};
use crate::engine::{LedgerTrade, Side};
use crate::import::columns::Column;
use crate::import::formats::RowOutcome;
use crate::import::formats::joined::lots::settings_of;
use crate::import::reading::{NamedPair, Reading};
use crate::import::rejected::{Fault, Hint, RejectedRow};

/// A profit may be off by this much: it is rounded to cents, and brokers round in between.
const ROUNDED: Decimal = Decimal::from_parts(2, 0, 0, false, 2);

/// In the base, a profit may be off by this part, too: the rate of the broker is not the price.
const OF_RATE: Decimal = Decimal::from_parts(2, 0, 0, false, 2);

/// Powers of ten of sizes that are tried: from a million units down to a thousandth.
const POWERS: [(i64, u32); 10] = [
    (1_000_000, 0),
    (100_000, 0),
    (10_000, 0),
    (1_000, 0),
    (100, 0),
    (10, 0),
    (1, 0),
    (1, 1),
    (1, 2),
    (1, 3),
];

/// First digits of sizes that brokers have.
const USUAL: [i64; 4] = [1, 2, 5, 25];

/// A size that does not fit: the fault of each row of its symbol.
type Faults = BTreeMap<String, Fault>;

/// The position of a symbol by the rows of the file.
#[derive(Debug, Default)]
struct Position {
    held: Decimal,
    /// The lowest and the highest price since nothing was held.
    prices: Option<(Decimal, Decimal)>,
}

/// A sale that closes a position: its place in the file, and its facts.
struct Close<'r> {
    line: u64,
    lots: &'r LotTrade,
    trade: &'r LedgerTrade,
    profit: Decimal,
    /// The prices at which the position may have been opened.
    opened: (Decimal, Decimal),
}

/// Rejects all rows of a symbol whose lots have another size by the profits of the file.
///
/// `is_whole`: the file begins with an empty account. Otherwise a sale may close a position that
/// is in no row, so only a usual size counts as one that fits.
pub(super) fn check_profits(rows: &mut [JoinedRow<'_>], is_whole: bool, reading: &mut Reading<'_>) {
    let mut places: Vec<usize> = (0..rows.len()).collect();
    places.sort_by_key(|place| rows.get(*place).map(|row| row.at));
    let (mut positions, mut faults) = (BTreeMap::new(), Faults::new());
    for row in places.into_iter().filter_map(|place| rows.get(place)) {
        let RowMeaning::Lots(lots) = &row.says.meaning else {
            continue;
        };
        // A row with both ends of a position has its prices.
        let mut alone = BTreeMap::new();
        let is_pair = lots.len() > 1;
        let positions = if is_pair { &mut alone } else { &mut positions };
        for (lots, outcome) in lots.iter().zip(&row.alone) {
            let RowOutcome::Trade(trade) = outcome else {
                continue;
            };
            let close = step(positions, row.row.line, lots, trade);
            if let Some(close) = close
                && !faults.contains_key(trade.symbol.as_str())
                && let Some(fault) = fault_of(&close, is_pair || is_whole, reading)
            {
                faults.insert(trade.symbol.to_string(), fault);
            }
        }
    }
    for row in rows.iter_mut().filter(|_| !faults.is_empty()) {
        reject(row, &faults);
    }
}

/// Adds a trade to the position of its symbol. Returns a sale whose opening is in the file.
fn step<'r>(
    positions: &mut BTreeMap<String, Position>,
    line: u64,
    lots: &'r LotTrade,
    trade: &'r LedgerTrade,
) -> Option<Close<'r>> {
    let position = positions.entry(trade.symbol.to_string()).or_default();
    let (size, price) = (decimal(&trade.trade.size)?, decimal(&trade.trade.price)?);
    if trade.trade.side == Side::Buy {
        let (low, high) = position.prices.unwrap_or((price, price));
        position.prices = Some((low.min(price), high.max(price)));
        position.held = position.held.checked_add(size)?;
        return None;
    }
    let is_known = position.held >= size;
    position.held = position.held.checked_sub(size)?.max(Decimal::ZERO);
    let opened = position.prices.filter(|_| is_known);
    if position.held.is_zero() {
        position.prices = None;
    }
    Some(Close {
        line,
        lots,
        trade,
        profit: decimal(&lots.profit?)?,
        opened: opened?,
    })
}

/// Returns the fault of a size that gives another profit. `None`: it fits, or nobody can say.
fn fault_of(close: &Close<'_>, is_certain: bool, reading: &mut Reading<'_>) -> Option<Fault> {
    let trade = &close.trade.trade;
    let names = NamedPair {
        account: "",
        symbol: close.trade.symbol.as_str(),
        base: "",
        quote: "",
    };
    let Some(Ok(pair)) = reading.pair(&names) else {
        return None;
    };
    let mut cells = close.lots.cells.iter();
    let currency = cells.find(|cell| cell.0 == Column::FeeCurrency)?;
    let is_in_quote = pair.quote.as_str() == currency.2;
    if !is_in_quote && pair.base.as_str() != currency.2 {
        return None;
    }
    let price = decimal(&trade.price)?;
    let of_unit = |opened: Decimal| {
        let gain = price
            .checked_sub(opened)?
            .checked_mul(decimal(&trade.size)?)?;
        if is_in_quote {
            Some(gain)
        } else {
            gain.checked_div(price)
        }
    };
    let (least, most) = (of_unit(close.opened.1)?, of_unit(close.opened.0)?);
    let rate = if is_in_quote { Decimal::ZERO } else { OF_RATE };
    let off = close.profit.abs().checked_mul(rate)?.checked_add(ROUNDED)?;
    let more = trade.more.as_deref();
    let size = more.and_then(|more| more.contract_size.as_ref());
    let size = size.map_or(Some(Decimal::ONE), decimal)?;
    let is_low = close.profit < least.checked_mul(size)?.checked_sub(off)?;
    if !is_low && close.profit <= most.checked_mul(size)?.checked_add(off)? {
        return None;
    }
    let fits = if least == most {
        fitting(close.profit, off, least)
    } else {
        None
    };
    let is_usual = fits.is_some_and(|(_, is_usual)| is_usual);
    if (least == most && fits.is_none()) || !(is_certain || is_usual) {
        return None;
    }
    let (line, profit) = (close.line, close.profit.normalize());
    let fits = fits.map(|(size, _)| size.normalize().to_string());
    let said = fits
        .as_ref()
        .map_or_else(String::new, |it| format!(" of {it}"));
    let given = size.normalize();
    let reason = format!(
        "expected a contract size{said}: the profit of line {line} is {profit}, and a size of \
         {given} gives another one"
    );
    let lines = settings_of(&close.trade.symbol, fits.as_deref());
    Some(Fault::new(reason).with_hint(Hint::OtherLots([lines].into())))
}

/// Returns the roundest size that gives a profit, and whether it is a usual one. `of_unit`: the
/// profit with a size of 1.
fn fitting(profit: Decimal, off: Decimal, of_unit: Decimal) -> Option<(Decimal, bool)> {
    let ends = [profit.checked_sub(off)?, profit.checked_add(off)?];
    let [one, other] = ends.map(|end| end.checked_div(of_unit));
    let (low, high) = (one?.min(other?), one?.max(other?));
    if low <= Decimal::ZERO {
        return None;
    }
    POWERS.into_iter().find_map(|(number, scale)| {
        let power = Decimal::new(number, scale);
        let digits = low.checked_div(power)?.ceil();
        let size = digits.checked_mul(power).filter(|size| *size <= high)?;
        let is_usual = USUAL.iter().any(|it| Decimal::from(*it) == digits);
        Some((size, is_usual))
    })
}

/// Rejects a row if its symbol has a fault.
fn reject(row: &mut JoinedRow<'_>, faults: &Faults) {
    let RowMeaning::Lots(lots) = &row.says.meaning else {
        return;
    };
    let found = lots.iter().zip(&row.alone).find_map(|(lots, outcome)| {
        let RowOutcome::Trade(trade) = outcome else {
            return None;
        };
        let fault = faults.get(trade.symbol.as_str())?;
        let mut cells = lots.cells.iter();
        let symbol = cells.find(|cell| cell.0 == Column::Symbol)?;
        Some((symbol.1, symbol.2.clone(), fault.clone()))
    });
    let Some((column, found, fault)) = found else {
        return;
    };
    let rejected = RejectedRow {
        order_id: row.says.id.clone(),
        ..RejectedRow::new((row.row.line, row.row.text), column, found, fault)
    };
    row.alone = vec![RowOutcome::Rejected(Box::new(rejected))];
}

fn decimal(number: &impl ToString) -> Option<Decimal> {
    number.to_string().parse().ok()
}
