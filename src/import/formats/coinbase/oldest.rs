//! Coinbase before 2019: the report of purchases and sales of a coin, and the transactions of one
//! wallet with their balances.

use super::notes::read_note;
use super::sums::{is_about, is_sum};
use super::{ASSUMES, ignored, signed};
use crate::engine::{MovementKind, SignedAmount};
use crate::import::formats::amounts::FeeKind;
use crate::import::formats::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
    too_long, unknown_type,
};
use crate::import::rejected::Fault;

/// Coins of that time, each a column of its name.
const COINS: [&str; 6] = ["BTC", "BCH", "ETH", "ETC", "LTC", "ZRX"];

const NO_SUM: &str = "expected the sum of value and fee, or their difference in a sale";
const NO_VALUE: &str = "expected about the quantity x the price";
const NO_VALUE_LEFT: &str = "expected more than the fee";
const OTHER_TOTAL: &str = "expected the amount of the note";
const OTHER_AMOUNT: &str = "expected the amount of the row, give or take the fee";
const OTHER_FEE: &str = "expected the currency of the total";

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
    has_labels: false,
    is_of_server: false,
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

    fn fees(&self) -> FeeKind {
        FeeKind::Flat
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
    let (currency, id) = (code_in(cells, "Currency")?, cells.text("ID"));
    let kind = match cells.text("Type") {
        "Buy" => None,
        "Sell" => None,
        "Deposit" => Some(MovementKind::Deposit),
        "Withdrawal" => Some(MovementKind::Withdrawal),
        _ => return Err(unknown_type("Type")),
    };
    let is_buy = cells.text("Type") == "Buy";
    let (value, fee) = (unsigned(cells, "Subtotal")?, cells.amount("Fees")?);
    let of = unsigned(cells, "Total")?;
    // A fee above the proceeds of a sale makes a total of the other sign.
    let is_turned = cells.text("Type") == "Sell"
        && cells.amount("Total")?.is_negative() != cells.amount("Subtotal")?.is_negative();
    let total = if is_turned { of.negated() } else { of };
    if let Some(kind) = kind {
        let is_out = kind == MovementKind::Withdrawal;
        let is_either = [fee, fee.negated()].map(|fee| is_sum(value, fee, total));
        return match (fee.is_zero(), is_either.contains(&true)) {
            (false, false) => Err(("Total", Fault::new(NO_SUM))),
            (is_free, _) => Ok(RowSays {
                id: String::new(),
                meaning: moved(kind, id, ""),
                postings: vec![Posting {
                    fee,
                    ..Posting::of(
                        currency,
                        signed(if is_free { total } else { value }, is_out),
                    )
                }],
            }),
        };
    }
    if !is_sum(value, if is_buy { fee } else { fee.negated() }, total) {
        return Err(("Total", Fault::new(NO_SUM)));
    }
    let size = unsigned(cells, coin)?;
    let price = cells.balance("Price Per Coin")?;
    if price.is_some_and(|price| !is_about(size, &price.to_string(), value)) {
        return Err(("Subtotal", Fault::new(NO_VALUE)));
    }
    let quote = Posting {
        fee,
        ..Posting::of(currency, signed(value, is_buy))
    };
    Ok(trade(id, Posting::of(coin, signed(size, !is_buy)), quote))
}

/// Returns the code of an asset in a column. Errors: it is empty.
fn code_in<'r>(cells: &NamedCells<'r>, name: &'static str) -> Result<&'r str, CellFault> {
    match cells.text(name) {
        "" => Err((name, Fault::new("expected the code of a currency or coin"))),
        code => Ok(code),
    }
}

/// Returns the number in a column without its sign.
fn unsigned(cells: &NamedCells<'_>, name: &'static str) -> Result<SignedAmount, CellFault> {
    Ok(SignedAmount::of_size(cells.amount(name)?.size()))
}

/// Reads a row of the transactions of one wallet.
fn of_wallet(cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
    let currency = code_in(cells, "Currency")?;
    let amount = cells.amount("Amount")?;
    let other = match cells.text("Transfer Total") {
        "" => cells.text("Transfer Total Currency"),
        _ => code_in(cells, "Transfer Total Currency")?,
    };
    let transfer = cells.text("Transfer ID");
    let posting = Posting {
        balance: cells.balance("Balance")?,
        ..Posting::of(currency, amount)
    };
    let note = cells.text("Notes");
    if !other.is_empty() && other != currency {
        if transfer.is_empty() {
            return Err(("Transfer ID", Fault::new("expected the id of the trade")));
        }
        let quote = paid(cells, other, note, !amount.is_negative())?;
        return Ok(trade(transfer, posting, quote));
    }
    // A person writes notes, too: only a row of a transfer is a side of a trade.
    let is_transfer = !transfer.is_empty() || !cells.text("Transfer Total").is_empty();
    let words = ["Bought ", "Sold "];
    if is_transfer && words.iter().any(|word| note.starts_with(word)) {
        return Ok(RowSays {
            postings: vec![posting],
            ..ignored("other side of a trade")
        });
    }
    let posting = match cells.balance("Transfer Total")? {
        None => posting,
        Some(total) => with_fee_of(cells, total, posting)?,
    };
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

/// Returns the money of a trade: it is in another wallet.
fn paid(
    cells: &NamedCells<'_>,
    asset: &str,
    note: &str,
    is_buy: bool,
) -> Result<Posting, CellFault> {
    let column = "Transfer Total";
    let (total, fee) = (unsigned(cells, column)?, cells.amount("Transfer Fee")?);
    let fee_asset = cells.text("Transfer Fee Currency");
    if !fee.is_zero() && fee_asset != asset {
        return Err(("Transfer Fee Currency", Fault::new(OTHER_FEE)));
    }
    let cost = if is_buy { fee.negated() } else { fee };
    let value = total.checked_add(cost).map_err(|_| too_long(column))?;
    // Only its sign would say that a sale brought less than its fee.
    let is_turned = !is_buy && cells.amount(column)?.is_negative();
    if value.is_negative() || value.is_zero() || is_turned {
        return Err((column, Fault::new(NO_VALUE_LEFT)));
    }
    // A note may end with a full stop.
    let says = read_note(note.trim_end_matches('.'));
    let says = says.filter(|says| says.asset == asset);
    if says.is_some_and(|says| !is_sum(total, SignedAmount::ZERO, says.amount)) {
        return Err((column, Fault::new(OTHER_TOTAL)));
    }
    Ok(Posting {
        fee,
        fee_asset: asset.to_owned(),
        // Payment and proceeds are in another wallet.
        booked: SignedAmount::ZERO,
        ..Posting::of(asset, signed(value, is_buy))
    })
}

/// Adds the fee of a transfer to and from a bank. Errors: the total is another one than the amount.
fn with_fee_of(
    cells: &NamedCells<'_>,
    total: SignedAmount,
    posting: Posting,
) -> Result<Posting, CellFault> {
    let (total, fee) = (
        SignedAmount::of_size(total.size()),
        cells.amount("Transfer Fee")?,
    );
    let amount = SignedAmount::of_size(posting.amount.size());
    let costs = [SignedAmount::ZERO, fee, fee.negated()];
    if !costs.into_iter().any(|cost| is_sum(amount, cost, total)) {
        return Err(("Transfer Total", Fault::new(OTHER_AMOUNT)));
    }
    let fee_asset = cells.text("Transfer Fee Currency");
    if !fee.is_zero() && fee_asset != posting.asset {
        return Err(("Transfer Fee Currency", Fault::new(OTHER_FEE)));
    }
    Ok(Posting { fee, ..posting })
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
