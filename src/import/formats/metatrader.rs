//! MetaTrader: the deals of a report of MetaTrader 5, and the closed transactions of MetaTrader 4.
//!
//! `documents/report.rs` makes their tables. Sizes are lots. A short position is refused: a sale
//! that opens one takes no lot, and a purchase that closes one brings none.

use super::joined::{
    CellFault, JoinedFormat, JoinedSource, LotTrade, NamedCells, Posting, RowMeaning, RowSays,
    too_long, unknown_type,
};
use crate::engine::{MovementKind, SignedAmount};
use crate::import::columns::Column;
use crate::import::hints::is_rounded_id;
use crate::import::rejected::{Fault, Hint};

/// A report of MetaTrader 5.
#[derive(Debug)]
pub(super) struct Mt5Report;

/// A report of MetaTrader 4.
#[derive(Debug)]
pub(super) struct Mt4Report;

static DEALS: JoinedSource = JoinedSource {
    name: "mt5-report",
    exchange: "metatrader",
    assumes: "",
    headers: &[(
        &[
            "Time",
            "Deal",
            "Symbol",
            "Type",
            "Direction",
            "Volume",
            "Price",
            "Order",
            "Commission",
            "Swap",
            "Profit",
            "Balance",
            "Comment",
            CURRENCY,
            OUTSIDE,
        ],
        &["Cost", "Fee"],
    )],
    time: "Time",
    zone: Some("asked"),
    zone_from: None,
    ids: None,
    has_labels: false,
    is_of_server: true,
    is_one_way: false,
};

static CLOSED: JoinedSource = JoinedSource {
    name: "mt4-report",
    headers: &[(
        &[
            "Ticket",
            "Open Time",
            "Type",
            "Size",
            "Item",
            "Open Price",
            "S / L",
            "T / P",
            "Close Time",
            "Close Price",
            "Commission",
            "Taxes",
            "Swap",
            "Profit",
            CURRENCY,
            OUTSIDE,
        ],
        &[],
    )],
    time: "Close Time",
    ..DEALS
};

/// The columns that are made of the rest of the report.
const CURRENCY: &str = "Account Currency";
const OUTSIDE: &str = "Outside Balance";

const OPENS_SHORT: &str = "expected a purchase: a sale that opens a short position is not read";
const CLOSES_SHORT: &str = "expected a sale: a purchase that closes a short position is not read";
const REVERSES: &str = "expected in or out: a deal that closes a position and opens the opposite \
                        one is not computed";
const CLOSES_BY: &str = "expected in or out: a position that is closed by an opposite one is not \
                         computed";
const CLOSES_FIRST: &str = "expected a time after that of the opening";
const SHORT: &str = "expected a purchase: short positions are not read";

impl JoinedFormat for Mt5Report {
    fn source(&self) -> &'static JoinedSource {
        &DEALS
    }

    fn time(&self, text: &str) -> String {
        iso(text)
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let id = cells.text("Deal");
        if id.is_empty() && cells.text("Time").is_empty() {
            return Ok(ignored("total"));
        }
        check_id("Deal", id)?;
        if cells.text("Balance").is_empty() {
            return Err(("Balance", Fault::new("expected the balance after the deal")));
        }
        let posting = Posting {
            balance: cells.balance("Balance")?,
            ..posting(cells, &["Commission", "Fee", "Swap", "Profit"])?
        };
        let meaning = match cells.text("Type") {
            side @ ("buy" | "sell") => deal(side, id, cells)?,
            _ => money(id, &posting, cells)?,
        };
        Ok(RowSays {
            id: id.to_owned(),
            meaning,
            postings: vec![posting],
        })
    }
}

/// Reads a purchase or a sale. It is refused if the position is a short one.
fn deal(side: &str, id: &str, cells: &NamedCells<'_>) -> Result<RowMeaning, CellFault> {
    let direction = cells.text("Direction").to_lowercase();
    let why = match (side, direction.as_str()) {
        ("buy", "in") | ("sell", "out") => {
            let costs = costs(cells, &["Commission", "Fee", "Swap"])?;
            let profit = if side == "sell" {
                cells.balance("Profit")?
            } else {
                None
            };
            let trade = LotTrade {
                profit,
                cells: vec![
                    (Column::OrderId, "Deal", id.to_owned()),
                    (Column::Symbol, "Symbol", cells.text("Symbol").to_owned()),
                    (Column::Side, "Type", side.to_owned()),
                    (Column::Size, "Volume", cells.text("Volume").to_owned()),
                    (Column::Price, "Price", cells.text("Price").to_owned()),
                    (Column::OrderTime, "Time", iso(cells.text("Time"))),
                    (Column::FeeAmount, "Commission", costs.to_string()),
                    (
                        Column::FeeCurrency,
                        CURRENCY,
                        cells.text(CURRENCY).to_owned(),
                    ),
                ],
            };
            return Ok(RowMeaning::Lots(vec![trade]));
        }
        ("sell", "in") => OPENS_SHORT,
        ("buy", "out") => CLOSES_SHORT,
        (_, "in/out" | "inout") => REVERSES,
        (_, "out by") => CLOSES_BY,
        _ => "expected in or out",
    };
    Ok(RowMeaning::Refused(("Direction", Fault::new(why))))
}

impl JoinedFormat for Mt4Report {
    fn source(&self) -> &'static JoinedSource {
        &CLOSED
    }

    fn time(&self, text: &str) -> String {
        iso(text)
    }

    /// A row without a time of closing is of the time of its opening.
    fn time_column(&self, cells: &NamedCells<'_>) -> &'static str {
        match cells.text("Close Time") {
            "" => "Open Time",
            _ => "Close Time",
        }
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let id = cells.text("Ticket");
        if cells.text("Open Time").is_empty() {
            match (id, cells.text("Profit")) {
                ("No transactions", _) => return Ok(ignored("no transactions")),
                ("", "") => return Ok(ignored("comment")),
                ("", _) => return Ok(ignored("total")),
                _ => {}
            }
        }
        check_id("Ticket", id)?;
        let kind = cells.text("Type");
        if is_pending(kind) {
            return Ok(RowSays {
                id: id.to_owned(),
                ..ignored("pending order")
            });
        }
        let posting = posting(cells, &["Commission", "Taxes", "Swap", "Profit"])?;
        let meaning = match kind {
            "buy" => position(id, cells)?,
            "sell" => RowMeaning::Refused(("Type", Fault::new(SHORT))),
            _ => money(id, &posting, cells)?,
        };
        Ok(RowSays {
            id: id.to_owned(),
            meaning,
            postings: vec![posting],
        })
    }
}

/// Reads a position: its purchase, and its sale, which has all costs.
fn position(id: &str, cells: &NamedCells<'_>) -> Result<RowMeaning, CellFault> {
    let costs = costs(cells, &["Commission", "Taxes", "Swap"])?;
    let times = ["Open Time", "Close Time"].map(|column| cells.text(column));
    // Times of one form are in the order of their texts.
    if times[0].len() == times[1].len() && times[1] < times[0] {
        return Err(("Close Time", Fault::new(CLOSES_FIRST)));
    }
    let profit = cells.balance("Profit")?;
    let trade = |end: &str, side: &str, (price, time), costs: &SignedAmount| LotTrade {
        profit: profit.filter(|_| side == "sell"),
        cells: vec![
            (Column::OrderId, "Ticket", format!("{id}-{end}")),
            (Column::Symbol, "Item", cells.text("Item").to_owned()),
            (Column::Side, "Type", side.to_owned()),
            (Column::Size, "Size", cells.text("Size").to_owned()),
            (Column::Price, price, cells.text(price).to_owned()),
            (Column::OrderTime, time, iso(cells.text(time))),
            (Column::FeeAmount, "Commission", costs.to_string()),
            (
                Column::FeeCurrency,
                CURRENCY,
                cells.text(CURRENCY).to_owned(),
            ),
        ],
    };
    Ok(RowMeaning::Lots(vec![
        trade(
            "open",
            "buy",
            ("Open Price", "Open Time"),
            &SignedAmount::ZERO,
        ),
        trade("close", "sell", ("Close Price", "Close Time"), &costs),
    ]))
}

/// Tells whether a row is an order that opened no position.
fn is_pending(kind: &str) -> bool {
    let order = kind.strip_prefix("buy ").or(kind.strip_prefix("sell "));
    order.is_some_and(|order| matches!(order, "limit" | "stop" | "stop limit"))
}

/// Reads a row that moves money of the account.
fn money(id: &str, posting: &Posting, cells: &NamedCells<'_>) -> Result<RowMeaning, CellFault> {
    let is_out = posting.amount.is_negative();
    let kind = match (cells.text("Type"), is_out) {
        ("balance", true) => MovementKind::Withdrawal,
        ("balance", false) => MovementKind::Deposit,
        ("bonus", false) => MovementKind::Reward,
        ("charge" | "commission", true) => MovementKind::Fee,
        ("credit" | "correction" | "bonus" | "charge" | "commission", _) => {
            MovementKind::Adjustment
        }
        _ => return Err(unknown_type("Type")),
    };
    if posting.amount.is_zero() {
        return Ok(RowMeaning::Ignored("no amount"));
    }
    Ok(RowMeaning::Movement {
        kind,
        id: id.to_owned(),
        tx_id: String::new(),
        usd_value: String::new(),
    })
}

fn ignored(kind: &'static str) -> RowSays {
    RowSays {
        id: String::new(),
        meaning: RowMeaning::Ignored(kind),
        postings: Vec::new(),
    }
}

fn check_id(column: &'static str, id: &str) -> Result<(), CellFault> {
    if is_rounded_id(id) {
        let fault = Fault::new("expected the number of the row, not a rounded one");
        return Err((column, fault.with_hint(Hint::RoundedId)));
    }
    match !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
        true => Ok(()),
        false => Err((column, Fault::new("expected the number of the row"))),
    }
}

/// Returns the change of the account's money by a row.
fn posting(cells: &NamedCells<'_>, amounts: &[&'static str]) -> Result<Posting, CellFault> {
    let amount = sum(cells, amounts)?;
    let booked = match cells.text(OUTSIDE) {
        "" => amount,
        _ => SignedAmount::ZERO,
    };
    Ok(Posting {
        booked,
        ..Posting::of(cells.text(CURRENCY), amount)
    })
}

/// Returns the costs of a trade. A row has them with the other sign; a swap in favour is a rebate.
fn costs(cells: &NamedCells<'_>, columns: &[&'static str]) -> Result<SignedAmount, CellFault> {
    Ok(sum(cells, columns)?.negated())
}

fn sum(cells: &NamedCells<'_>, columns: &[&'static str]) -> Result<SignedAmount, CellFault> {
    let mut sum = SignedAmount::ZERO;
    for column in columns {
        let amount = cells.amount(column)?;
        sum = sum.checked_add(amount).map_err(|_| too_long(column))?;
    }
    Ok(sum)
}

/// Writes `2025.01.02 03:04:05` in the form of ISO 8601.
fn iso(text: &str) -> String {
    let is_dotted = text.get(4..5) == Some(".") && text.get(7..8) == Some(".");
    match is_dotted {
        true => text.replacen('.', "-", 2),
        false => text.to_owned(),
    }
}
