//! OKX: trading account. A spot fill is a row for each of its two coins.
//!
//! The rows of one order at one instant are one trade. Its id is the lowest id of these rows.

use super::contracts::check_spot;
use super::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
    too_long, unknown_type,
};
use super::zones::ZoneFrom;
use crate::engine::MovementKind;
use crate::import::hints::is_rounded_id;
use crate::import::rejected::{Fault, Hint};

#[derive(Debug)]
pub(super) struct OkxAccount;

static SOURCE: JoinedSource = JoinedSource {
    name: "okx-account",
    exchange: "okx",
    assumes: "",
    headers: &[
        (
            &[
                "id",
                "Order id",
                "Time",
                "Trade Type",
                "Symbol",
                "Action",
                "Amount",
                "Trading Unit",
                "Filled Price",
                "PnL",
                "Fee",
                "Fee Unit",
                "Position Change",
                "Position Balance",
                "Balance Change",
                "Balance",
                "Balance Unit",
            ],
            &["Filled Price Unit", "Position Unit", "*-USD"],
        ),
        (
            &[
                "id",
                "Order id",
                "Time",
                "Trade Type",
                "Instrument",
                "Type",
                "Amount",
                "Unit",
                "PL",
                "Fee",
                "Position Change",
                "Position Balance",
                "Balance Change",
                "Balance",
                "Unit",
            ],
            &["*-USD"],
        ),
    ],
    time: "Time",
    zone: Some("asked"),
    zone_from: Some(ZoneFrom::Before),
    ids: None,
    has_labels: false,
    is_of_server: false,
    is_one_way: true,
};

const OTHER_CHANGE: &str = "expected the amount and the fee together";

impl JoinedFormat for OkxAccount {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    fn keys(&self, cells: &NamedCells<'_>) -> Vec<String> {
        let (order, time) = (cells.text("Order id"), cells.text("Time"));
        let is_key = !order.is_empty() && !is_rounded_id(order);
        is_key
            .then(|| format!("{order}\n{time}"))
            .into_iter()
            .collect()
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let id = row_id(cells)?;
        let meaning = meaning(id, cells)?;
        let posting = posting(cells)?;
        if matches!(meaning, RowMeaning::Part { .. }) {
            check_amount(cells, &posting)?;
        }
        Ok(RowSays {
            id: id.to_owned(),
            meaning,
            postings: vec![posting],
        })
    }
}

/// Checks that the balance changes by the amount of a fill and its fee.
fn check_amount(cells: &NamedCells<'_>, posting: &Posting) -> Result<(), CellFault> {
    let unit = match cells.has("Trading Unit") {
        true => cells.text("Trading Unit"),
        false => cells.nth("Unit", 0),
    };
    let stated = cells.amount("Amount")?;
    match unit == posting.asset && stated.size() != posting.amount.size() {
        true => Err(("Balance Change", Fault::new(OTHER_CHANGE))),
        false => Ok(()),
    }
}

/// Returns the id of a row. Errors: it has none, or a spreadsheet cut it.
pub(super) fn row_id<'r>(cells: &NamedCells<'r>) -> Result<&'r str, CellFault> {
    let id = cells.text("id");
    if id.is_empty() || is_rounded_id(id) {
        let fault = Fault::new("expected the id of the row, not a rounded number");
        return Err(("id", fault.with_hint(Hint::RoundedId)));
    }
    Ok(id)
}

fn meaning(id: &str, cells: &NamedCells<'_>) -> Result<RowMeaning, CellFault> {
    // An older header has other names.
    let column = if cells.has("Action") {
        "Action"
    } else {
        "Type"
    };
    let action = cells.text(column).to_lowercase();
    let (order, time) = (cells.text("Order id"), cells.text("Time"));
    let pair = if cells.has("Symbol") {
        "Symbol"
    } else {
        "Instrument"
    };
    check_spot(cells.text(pair)).map_err(|fault| (pair, fault))?;
    Ok(match (cells.text("Trade Type"), action.as_str()) {
        ("Spot", "buy" | "sell") if order.is_empty() => {
            return Err(("Order id", Fault::new("expected the id of an order")));
        }
        ("Spot", "buy" | "sell") => RowMeaning::Part {
            key: format!("{order}\n{time}"),
            id: TradeId::OfRows(id.to_owned()),
        },
        (_, "transfer in" | "transfer out") => RowMeaning::Movement {
            kind: MovementKind::Transfer,
            id: id.to_owned(),
            tx_id: String::new(),
            usd_value: String::new(),
        },
        ("Spot", _) => return Err(unknown_type(column)),
        ("Margin", _) => {
            let why = "expected Spot: trades on margin are not computed";
            return Err(("Trade Type", Fault::new(why)));
        }
        ("Futures" | "Perpetual" | "Swap" | "Option" | "Options", _) => {
            let why = "expected Spot: futures are not computed";
            return Err(("Trade Type", Fault::new(why)));
        }
        _ => return Err(unknown_type("Trade Type")),
    })
}

fn posting(cells: &NamedCells<'_>) -> Result<Posting, CellFault> {
    // In the older header, the second unit is that of balance and fee.
    let (asset, fee_unit) = match cells.has("Balance Unit") {
        true => (cells.text("Balance Unit"), cells.text("Fee Unit")),
        false => (cells.nth("Unit", 1), cells.nth("Unit", 1)),
    };
    if asset.is_empty() {
        return Err(("Balance Unit", Fault::new("expected the code of a coin")));
    }
    // A cost is negative here, and the change of the balance has it.
    let (change, fee) = (cells.amount("Balance Change")?, cells.amount("Fee")?);
    let amount = match fee_unit == asset {
        true => change.checked_sub(fee).map_err(|_| too_long("Fee"))?,
        false => change,
    };
    if fee_unit.is_empty() && !fee.is_zero() {
        return Err(("Fee Unit", Fault::new("expected the coin of the fee")));
    }
    Ok(Posting {
        fee: fee.negated(),
        fee_asset: if fee.is_zero() { asset } else { fee_unit }.to_owned(),
        booked: change,
        balance: cells.balance("Balance")?,
        price: cells.balance("Filled Price")?,
        ..Posting::of(asset, amount)
    })
}
