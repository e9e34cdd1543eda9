//! Bybit: account of unified trading. A spot trade is a row for each of its two coins.
//!
//! In the older file, rows have no ids: the rows of one contract, instant and price are one trade.
//! In the newer one, the rows of a trade have its id. Rows of one second do not stand in the order
//! in which they were booked; their balances show that order.

use super::contracts::check_spot;
use super::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
    too_long, unknown_type,
};
use crate::engine::{MovementKind, SignedAmount};
use crate::import::hints::is_rounded_id;
use crate::import::rejected::Fault;

/// The file without ids.
#[derive(Debug)]
pub(super) struct BybitAccount;

/// The file with the ids of orders and trades.
#[derive(Debug)]
pub(super) struct BybitLog;

static SOURCE: JoinedSource = JoinedSource {
    name: "bybit-account",
    exchange: "bybit",
    assumes: "",
    headers: &[(
        &[
            "Currency",
            "Contract",
            "Type",
            "Direction",
            "Quantity",
            "Position",
            "Filled Price",
            "Funding",
            "Fee Paid",
            "Cash Flow",
            "Change",
            "Wallet Balance",
            "Action",
            "Time(UTC)",
        ],
        &["Uid"],
    )],
    time: "Time(UTC)",
    zone: None,
    zone_from: None,
    ids: Some("bybit"),
    has_labels: false,
    is_of_server: false,
    is_one_way: true,
};

static LOG: JoinedSource = JoinedSource {
    name: "bybit-log",
    assumes: "",
    headers: &[(
        &[
            "Currency",
            "Contract",
            "Type",
            "Direction",
            "Quantity",
            "Position",
            "Filled Price",
            "Funding",
            "Fee Paid",
            "Cash Flow",
            "Change",
            "Wallet Balance",
            "Action",
            "OrderId",
            "TradeId",
            "Time",
        ],
        &["Uid"],
    )],
    time: "Time",
    ids: None,
    zone: Some("UTC"),
    ..SOURCE
};

const CONTRACTS: &str = "expected a spot trade: futures are not computed";

impl JoinedFormat for BybitAccount {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    fn keys(&self, cells: &NamedCells<'_>) -> Vec<String> {
        let price = cells.amount("Filled Price").ok();
        price.map(|price| key(cells, price)).into_iter().collect()
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let meaning = meaning(cells)?;
        Ok(RowSays {
            id: cells.whole(),
            meaning,
            postings: vec![posting(cells)?],
        })
    }
}

impl JoinedFormat for BybitLog {
    fn source(&self) -> &'static JoinedSource {
        &LOG
    }

    fn keys(&self, cells: &NamedCells<'_>) -> Vec<String> {
        let id = cells.text("TradeId");
        let is_key = !matches!(id, "" | "--") && !is_rounded_id(id);
        is_key.then(|| id.to_owned()).into_iter().collect()
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let id = cells.text("TradeId");
        let meaning = match meaning(cells)? {
            RowMeaning::Part { .. } if matches!(id, "" | "--") => {
                return Err(("TradeId", Fault::new("expected the id of the trade")));
            }
            RowMeaning::Part { .. } => RowMeaning::Part {
                key: id.to_owned(),
                id: TradeId::Own(id.to_owned()),
            },
            other => other,
        };
        Ok(RowSays {
            id: cells.whole(),
            meaning,
            postings: vec![posting(cells)?],
        })
    }
}

/// Returns the key of the rows of a trade without an id.
fn key(cells: &NamedCells<'_>, price: SignedAmount) -> String {
    let (contract, time) = (cells.text("Contract"), cells.text("Time(UTC)"));
    format!("{contract}\n{time}\n{price}")
}

fn meaning(cells: &NamedCells<'_>) -> Result<RowMeaning, CellFault> {
    check_spot(cells.text("Contract")).map_err(|fault| ("Contract", fault))?;
    if !cells.amount("Funding")?.is_zero() {
        return Err(("Funding", Fault::new(CONTRACTS)));
    }
    Ok(match cells.text("Type") {
        "TRADE" => {
            // A contract opens or closes a position.
            if !matches!(cells.text("Action"), "" | "--") {
                return Err(("Action", Fault::new(CONTRACTS)));
            }
            if !cells.amount("Position")?.is_zero() {
                return Err(("Position", Fault::new(CONTRACTS)));
            }
            let price = cells.amount("Filled Price")?;
            RowMeaning::Part {
                key: key(cells, price),
                id: TradeId::Made,
            }
        }
        "TRANSFER_IN" | "TRANSFER_OUT" => RowMeaning::Movement {
            kind: MovementKind::Transfer,
            id: String::new(),
            tx_id: String::new(),
            usd_value: String::new(),
        },
        "SETTLEMENT" | "DELIVERY" | "LIQUIDATION" | "INTEREST" => {
            return Err(("Type", Fault::new(CONTRACTS)));
        }
        _ => return Err(unknown_type("Type")),
    })
}

fn posting(cells: &NamedCells<'_>) -> Result<Posting, CellFault> {
    let asset = cells.text("Currency");
    if asset.is_empty() {
        return Err(("Currency", Fault::new("expected the code of a coin")));
    }
    // A cost is negative here. A transfer has no cash flow.
    let (change, paid) = (cells.amount("Change")?, cells.amount("Fee Paid")?);
    let amount = change.checked_sub(paid).map_err(|_| too_long("Change"))?;
    let flow = cells.amount("Cash Flow")?;
    if cells.text("Type") == "TRADE" && flow != amount {
        return Err((
            "Change",
            Fault::new("expected the cash flow and the fee together"),
        ));
    }
    Ok(Posting {
        fee: paid.negated(),
        booked: change,
        balance: cells.balance("Wallet Balance")?,
        price: cells.balance("Filled Price")?,
        ..Posting::of(asset, amount)
    })
}
