//! Crypto.com Exchange: journal. A fill is two rows `TRADING` and one `TRADE_FEE`.
//!
//! A quantity below zero goes out. `Side` is that of the order, on both rows.

use super::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
    unknown_type,
};
use crate::engine::MovementKind;
use crate::import::hints::is_rounded_id;
use crate::import::rejected::{Fault, Hint};

#[derive(Debug)]
pub(super) struct CryptoComJournal;

static SOURCE: JoinedSource = JoinedSource {
    name: "crypto-com-journal",
    exchange: "crypto.com",
    assumes: "",
    headers: &[(
        &[
            "Journal ID",
            "Time (UTC)",
            "Event Date",
            "Journal Type",
            "Instrument",
            "Taker Side",
            "Side",
            "Transaction Quantity",
            "Transaction Cost",
            "Realized PNL",
            "Order ID",
            "Trade ID",
            "Trade Match ID",
            "Client Order Id",
        ],
        &["Order", "USD Balance"],
    )],
    time: "Time (UTC)",
    zone: None,
    zone_from: None,
    ids: None,
    has_labels: false,
    is_of_server: false,
    is_one_way: true,
};

const CONTRACTS: &str = "expected a coin or a currency: contracts are not computed";

impl JoinedFormat for CryptoComJournal {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    fn keys(&self, cells: &NamedCells<'_>) -> Vec<String> {
        let (trade, order) = (cells.text("Trade ID"), cells.text("Order ID"));
        let is_key = !trade.is_empty() && ![trade, order].into_iter().any(is_rounded_id);
        is_key
            .then(|| format!("{trade}\n{order}"))
            .into_iter()
            .collect()
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let id = cells.text("Journal ID");
        if id.is_empty() || is_rounded_id(id) {
            let fault = Fault::new("expected the id of the row, not a rounded number");
            return Err(("Journal ID", fault.with_hint(Hint::RoundedId)));
        }
        let kind = cells.text("Journal Type");
        let meaning = meaning(id, kind, cells)?;
        let asset = cells.text("Instrument").to_uppercase();
        if asset.is_empty() || asset.contains('-') {
            return Err(("Instrument", Fault::new(CONTRACTS)));
        }
        let change = cells.stated("Transaction Quantity")?;
        let posting = match kind {
            "TRADE_FEE" | "WITHDRAW_FEE" => Posting::of_fee(&asset, change),
            _ => Posting::of(&asset, change),
        };
        Ok(RowSays {
            id: id.to_owned(),
            meaning,
            postings: vec![posting],
        })
    }
}

fn meaning(id: &str, kind: &str, cells: &NamedCells<'_>) -> Result<RowMeaning, CellFault> {
    let movement = |kind| RowMeaning::Movement {
        kind,
        id: id.to_owned(),
        tx_id: String::new(),
        usd_value: String::new(),
    };
    Ok(match kind {
        "TRADING" | "TRADE_FEE" => {
            let (trade, order) = (cells.text("Trade ID"), cells.text("Order ID"));
            if trade.is_empty() || is_rounded_id(trade) {
                let fault = Fault::new("expected the id of a trade, not a rounded number");
                return Err(("Trade ID", fault.with_hint(Hint::RoundedId)));
            }
            RowMeaning::Part {
                key: format!("{trade}\n{order}"),
                id: TradeId::Own(trade.to_owned()),
            }
        }
        "DEPOSIT" => movement(MovementKind::Deposit),
        "WITHDRAW" => movement(MovementKind::Withdrawal),
        "WITHDRAW_FEE" => movement(MovementKind::Fee),
        "ROLLBACK_DEPOSIT" | "ROLLBACK_WITHDRAW" => movement(MovementKind::Adjustment),
        "FUNDING" | "REALIZED_PNL" | "INSURANCE_FUND" | "SOCIALIZED_LOSS" | "LIQUIDATION_FEE" => {
            let why = "expected no contracts and no funding: they are not computed";
            return Err(("Journal Type", Fault::new(why)));
        }
        _ => return Err(unknown_type("Journal Type")),
    })
}
