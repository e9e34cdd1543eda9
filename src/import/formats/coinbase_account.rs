//! Coinbase Pro, Exchange and Advanced Trade: account. A fill is two rows `match` and one `fee`.
//!
//! A trade id is unique in its product only, and the order id tells products apart. Ids are those
//! of the fills, so that no trade counts twice.

use super::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
    unknown_type,
};
use crate::engine::MovementKind;
use crate::import::rejected::Fault;

#[derive(Debug)]
pub(super) struct CoinbaseAccount;

static SOURCE: JoinedSource = JoinedSource {
    name: "coinbase-account",
    exchange: "coinbase",
    assumes: "",
    headers: &[(
        &[
            "type",
            "time",
            "amount",
            "balance",
            "amount/balance unit",
            "transfer id",
            "trade id",
            "order id",
        ],
        &["portfolio"],
    )],
    time: "time",
    zone: None,
    zone_from: None,
    ids: None,
    has_labels: false,
    is_of_server: false,
    is_one_way: true,
};

impl JoinedFormat for CoinbaseAccount {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    fn keys(&self, cells: &NamedCells<'_>) -> Vec<String> {
        let (trade, order) = (cells.text("trade id"), cells.text("order id"));
        let by = match cells.text("transfer id") {
            "" => cells.text("time"),
            transfer => transfer,
        };
        let is_fill = !trade.is_empty();
        let is_conversion = cells.text("type") == "conversion";
        let fill = is_fill.then(|| format!("{trade}\n{order}"));
        let conversion = is_conversion.then(|| format!("conversion-{by}"));
        fill.into_iter().chain(conversion).collect()
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let asset = cells.text("amount/balance unit");
        if asset.is_empty() {
            let fault = Fault::new("expected the code of an asset");
            return Err(("amount/balance unit", fault));
        }
        let (kind, change) = (cells.text("type"), cells.stated("amount")?);
        let posting = match kind {
            "fee" => Posting::of_fee(asset, change),
            _ => Posting::of(asset, change),
        };
        let place = match cells.text("portfolio") {
            "" => asset.to_owned(),
            portfolio => format!("{asset} ({portfolio})"),
        };
        Ok(RowSays {
            id: cells.whole(),
            meaning: meaning(kind, cells)?,
            postings: vec![Posting {
                place,
                balance: cells.balance("balance")?,
                ..posting
            }],
        })
    }
}

fn meaning(kind: &str, cells: &NamedCells<'_>) -> Result<RowMeaning, CellFault> {
    let movement = |kind, id: String| RowMeaning::Movement {
        kind,
        id,
        tx_id: String::new(),
        usd_value: String::new(),
    };
    let transfer = cells.text("transfer id");
    Ok(match kind {
        "match" | "fee" => {
            let (trade, order) = (cells.text("trade id"), cells.text("order id"));
            if trade.is_empty() {
                return Err(("trade id", Fault::new("expected the id of a trade")));
            }
            RowMeaning::Part {
                key: format!("{trade}\n{order}"),
                id: TradeId::OfPair(trade.to_owned()),
            }
        }
        "conversion" => {
            let by = if transfer.is_empty() {
                cells.text("time")
            } else {
                transfer
            };
            let id = format!("conversion-{by}");
            RowMeaning::Part {
                key: id.clone(),
                id: TradeId::Own(id),
            }
        }
        "rebate" => movement(MovementKind::Reward, String::new()),
        "deposit" => movement(MovementKind::Deposit, transfer.to_owned()),
        "withdrawal" => movement(MovementKind::Withdrawal, transfer.to_owned()),
        _ => return Err(unknown_type("type")),
    })
}
