//! Orders and their executions in an Activity Statement: both say the same, and one of them counts.
//!
//! A statement has one level, or both. If a symbol has executions, they count, and its orders are
//! left out. Then the executions have to be as many units as the orders, or follow the order: else
//! an order would be lost.

use std::collections::{BTreeMap, BTreeSet};

use csv::StringRecord;
use rust_decimal::Decimal;

use crate::import::decimals::{Decimals, Numbers};
use crate::import::dialect::Dialect;

/// The section of the trades.
pub(super) const TRADES: &str = "Trades";

/// The category whose trades are read.
pub(super) const STOCKS: &str = "Stocks";

/// The text between a category and the company that holds its assets.
const HOLDER: &str = " - Held with ";

/// The names of executions, in the generations of the statement.
const FILLS: [&str; 2] = ["Trade", "Execution"];

const ORDER: &str = "Order";

/// The level of an order that the executions do not have. No format reads such a row.
const LOST: &str = "Order without all of its executions";

/// Category, account, currency and symbol.
type OfRow<'r> = [&'r str; 4];

/// The orders and executions of each symbol.
#[derive(Debug, Default)]
pub(super) struct Levels<'r> {
    units: BTreeMap<OfRow<'r>, OfSymbol>,
    /// Lines of orders that an execution follows.
    followed: BTreeSet<u64>,
}

/// Units of purchases and of sales, of both levels.
#[derive(Debug, Default)]
struct OfSymbol {
    has_fills: bool,
    orders: [Decimal; 2],
    fills: [Decimal; 2],
    /// A quantity is no number.
    is_open: bool,
}

impl<'r> Levels<'r> {
    pub(super) fn of(rows: &'r [(u64, StringRecord)], dialect: Dialect) -> Self {
        let numbers = Quantities::of(rows, dialect);
        let (mut all, mut header) = (Self::default(), &StringRecord::new());
        let mut order: Option<(u64, OfRow<'_>)> = None;
        for (line, cells) in rows.iter().filter(|(_, cells)| is(cells, 0, TRADES)) {
            match cells.get(1) {
                Some("Header") => header = cells,
                Some("Data") => {
                    let named = (*line, traded(header, cells));
                    match all.add(header, cells, &numbers) {
                        Some(ORDER) => order = Some(named),
                        Some(_) => {
                            let order = order.filter(|order| order.1 == named.1);
                            all.followed.extend(order.map(|order| order.0));
                        }
                        None => {}
                    }
                }
                _ => {}
            }
        }
        all
    }

    /// Adds a row. Returns its level, if it is an order or an execution.
    fn add(
        &mut self,
        header: &StringRecord,
        cells: &'r StringRecord,
        numbers: &Quantities,
    ) -> Option<&'r str> {
        let units = self.units.entry(traded(header, cells)).or_default();
        let level = value(header, cells, &["DataDiscriminator"]);
        let quantity = numbers.read(value(header, cells, &[QUANTITY]));
        let is_fill = FILLS.contains(&level);
        if !is_fill && level != ORDER {
            return None;
        }
        units.has_fills |= is_fill;
        let of_level = if is_fill {
            &mut units.fills
        } else {
            &mut units.orders
        };
        let [bought, sold] = of_level;
        let sum = quantity.and_then(|quantity| {
            let of_side = if quantity.is_sign_negative() {
                sold
            } else {
                bought
            };
            *of_side = of_side.checked_add(quantity.abs())?;
            Some(())
        });
        units.is_open |= sum.is_none();
        Some(level)
    }

    /// Tells whether the orders of some shares count.
    pub(super) fn have_orders(&self) -> bool {
        let shares = self
            .units
            .iter()
            .filter(|(named, _)| named.first() == Some(&STOCKS));
        let mut units = shares.map(|(_, units)| units);
        units.any(|it| !it.has_fills && it.orders.iter().any(|units| !units.is_zero()))
    }

    /// Returns the level that a row has in the table. `None`: the row says it itself.
    pub(super) fn of_row(
        &self,
        line: u64,
        header: &StringRecord,
        cells: &StringRecord,
    ) -> Option<&'static str> {
        let level = value(header, cells, &["DataDiscriminator"]);
        if FILLS.contains(&level) {
            return Some("Trade");
        }
        let traded = traded(header, cells);
        let units = self.units.get(&traded).filter(|_| level == ORDER)?;
        let mut sides = units.orders.iter().zip(&units.fills);
        let is_whole = !units.is_open && sides.all(|(orders, fills)| fills >= orders);
        // A statement may end between the executions of an order.
        let is_covered = is_whole || self.followed.contains(&line);
        match (
            units.has_fills,
            is_covered || traded.first() != Some(&STOCKS),
        ) {
            (false, _) => Some("Trade"),
            (true, true) => None,
            (true, false) => Some(LOST),
        }
    }
}

/// The column of units.
const QUANTITY: &str = "Quantity";

/// Columns of numbers, the units first. They show the mark before decimals.
const NUMBERS: [&str; 5] = [QUANTITY, "T. Price", "Proceeds", "Comm/Fee", "Basis"];

/// Reads units. `None`: the cells have commas between them, and so do thousands.
#[derive(Debug)]
struct Quantities(Option<Numbers>);

impl Quantities {
    /// Looks at the numbers of all trades.
    fn of(rows: &[(u64, StringRecord)], dialect: Dialect) -> Self {
        if !dialect.has_open_decimals() {
            return Self(None);
        }
        let (mut seen, mut header) = (Decimals::of((0..NUMBERS.len()).collect()), None);
        for (_, cells) in rows.iter().filter(|(_, cells)| is(cells, 0, TRADES)) {
            if is(cells, 1, "Header") {
                header = Some(cells);
            }
            let texts = header.filter(|_| is(cells, 1, "Data"));
            let texts = texts.map(|header| NUMBERS.map(|name| value(header, cells, &[name])));
            seen.look_at(&texts.iter().flatten().collect());
        }
        Self(Some(Numbers::new(&seen, vec![0])))
    }

    /// Reads a number of units. `None`: it is no number, or one that can be read in two ways.
    fn read(&self, text: &str) -> Option<Decimal> {
        let Some(numbers) = &self.0 else {
            return text.replace(',', "").parse().ok();
        };
        let mut cells: StringRecord = [text].into_iter().collect();
        match numbers.write_plain(&mut cells) {
            None => cells.get(0)?.parse().ok(),
            Some(_) => None,
        }
    }
}

fn traded<'c>(header: &StringRecord, cells: &'c StringRecord) -> OfRow<'c> {
    let [category, account, currency, symbol] = ["Asset Category", "Account", "Currency", "Symbol"]
        .map(|name| value(header, cells, &[name]));
    [without_holder(category), account, currency, symbol]
}

/// Returns a category without the company that holds its assets, which some statements name:
/// `Stocks - Held with Interactive Brokers (U.K.) Limited`.
pub(super) fn without_holder(category: &str) -> &str {
    category.split(HOLDER).next().unwrap_or(category)
}

pub(super) fn is(cells: &StringRecord, place: usize, wanted: &str) -> bool {
    cells.get(place) == Some(wanted)
}

/// Returns the value of the first of some columns.
pub(super) fn value<'r>(header: &StringRecord, cells: &'r StringRecord, names: &[&str]) -> &'r str {
    let place = names.iter().find_map(|name| {
        let mut columns = header.iter();
        columns.position(|column| column == *name)
    });
    place
        .and_then(|place| cells.get(place))
        .unwrap_or_default()
        .trim()
}
