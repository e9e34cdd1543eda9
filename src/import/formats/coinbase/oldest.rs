//! Coinbase before 2019: the report of purchases and sales of a coin, and the transactions of one
//! wallet with their balances.

use super::{ASSUMES, ignored, signed};
use crate::engine::{MovementKind, SignedAmount};
use crate::import::formats::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
    too_long, unknown_type,
};
use crate::import::rejected::Fault;

/// Coins of that time, each a column of its name.
const COINS: [&str; 6] = ["BTC", "BCH", "ETH", "ETC", "LTC", "ZRX"];

#[derive(Debug)]
pub(in crate::import::formats) struct CoinbaseOldest;

static SOURCE: JoinedSource = JoinedSource {
    name: "coinbase-oldest",
    exchange: "coinbase",
    assumes: ASSUMES,
    headers: &[
        (
            &[
                "Timestamp",
                "Type",
                "Subtotal",
                "Fees",
                "Total",
                "Currency",
                "Price Per Coin",
                "Payment Method",
                "ID",
                "Share",
            ],
            &COINS,
        ),
        (
            &[
                "Timestamp",
                "Balance",
                "Amount",
                "Currency",
                "To",
                "Notes",
                "Instantly Exchanged",
                "Transfer Total",
                "Transfer Total Currency",
                "Transfer Fee",
                "Transfer Fee Currency",
                "Transfer Payment Method",
                "Transfer ID",
                "Coinbase ID *",
                "Bitcoin Hash *",
            ],
            &[
                "Order Price",
                "Order Currency",
                "Order BTC",
                "Order Tracking Code",
                "Order Custom Parameter",
                "Order Paid Out",
                "Recurring Payment ID",
            ],
        ),
    ],
    time: "Timestamp",
    zone: None,
    zone_from: None,
    ids: None,
    is_one_way: false,
};

impl JoinedFormat for CoinbaseOldest {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    /// Times are like `2017-05-04 13:14:15 -0700`.
    fn time(&self, text: &str) -> String {
        let offset = text.rsplit_once(' ').and_then(|(time, offset)| {
            let (hours, minutes) = (offset.get(..3)?, offset.get(3..)?);
            let is_offset = offset.len() == 5 && offset.starts_with(['+', '-']);
            let time = time.replacen(' ', "T", 1);
            is_offset.then(|| format!("{time}{hours}:{minutes}"))
        });
        offset.unwrap_or_else(|| text.to_owned())
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        match cells.has("Balance") {
            true => of_wallet(cells),
            false => of_report(cells),
        }
    }
}

/// Reads a row of the report of a coin.
fn of_report(cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
    let coin = COINS.into_iter().find(|coin| cells.has(coin));
    let coin = coin.ok_or_else(|| ("Type", Fault::new("expected a column of the coin")))?;
    let (currency, id) = (cells.text("Currency"), cells.text("ID"));
    let (fee, total) = (cells.amount("Fees")?, cells.amount("Total")?);
    let movement = |kind, is_out| RowSays {
        id: String::new(),
        meaning: moved(kind, id, ""),
        postings: vec![Posting::of(currency, signed(total, is_out))],
    };
    let is_buy = match cells.text("Type") {
        "Buy" => true,
        "Sell" => false,
        "Deposit" => return Ok(movement(MovementKind::Deposit, false)),
        "Withdrawal" => return Ok(movement(MovementKind::Withdrawal, true)),
        _ => return Err(unknown_type("Type")),
    };
    let quote = Posting {
        fee,
        ..Posting::of(currency, signed(cells.amount("Subtotal")?, is_buy))
    };
    Ok(trade(
        id,
        Posting::of(coin, signed(cells.amount(coin)?, !is_buy)),
        quote,
    ))
}

/// Reads a row of the transactions of one wallet.
fn of_wallet(cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
    let currency = cells.text("Currency");
    let amount = cells.amount("Amount")?;
    let (other, transfer) = (
        cells.text("Transfer Total Currency"),
        cells.text("Transfer ID"),
    );
    let posting = Posting {
        balance: cells.balance("Balance")?,
        ..Posting::of(currency, amount)
    };
    if !other.is_empty() && other != currency {
        if transfer.is_empty() {
            return Err(("Transfer ID", Fault::new("expected the id of the trade")));
        }
        let is_buy = !amount.is_negative();
        let fee = cells.amount("Transfer Fee")?;
        let (total, cost) = (cells.amount("Transfer Total")?, signed(fee, is_buy));
        let value = total
            .checked_add(cost)
            .map_err(|_| too_long("Transfer Total"))?;
        let quote = Posting {
            fee,
            fee_asset: cells.text("Transfer Fee Currency").to_owned(),
            // Payment and proceeds are in another wallet.
            booked: SignedAmount::ZERO,
            ..Posting::of(other, signed(value, is_buy))
        };
        return Ok(trade(transfer, posting, quote));
    }
    let note = cells.text("Notes");
    // A person writes notes, too: only a row of a transfer is a side of a trade.
    let is_transfer = !transfer.is_empty() || !cells.text("Transfer Total").is_empty();
    let words = ["Bought ", "Sold "];
    if is_transfer && words.iter().any(|word| note.starts_with(word)) {
        return Ok(RowSays {
            postings: vec![posting],
            ..ignored("other side of a trade")
        });
    }
    let kind = match amount.is_negative() {
        true => MovementKind::Withdrawal,
        false => MovementKind::Deposit,
    };
    Ok(RowSays {
        id: String::new(),
        meaning: moved(
            kind,
            cells.text("Coinbase ID *"),
            cells.text("Bitcoin Hash *"),
        ),
        postings: vec![posting],
    })
}

fn trade(id: &str, base: Posting, quote: Posting) -> RowSays {
    RowSays {
        id: String::new(),
        meaning: RowMeaning::Whole(TradeId::Own(id.to_owned())),
        postings: vec![base, quote],
    }
}

fn moved(kind: MovementKind, id: &str, tx_id: &str) -> RowMeaning {
    RowMeaning::Movement {
        kind,
        id: id.to_owned(),
        tx_id: tx_id.to_owned(),
        usd_value: String::new(),
    }
}
