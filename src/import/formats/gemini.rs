//! Gemini: the transaction history, as a workbook or as CSV. Each coin has a column of amounts, one
//! of fees and one of balances.

use std::collections::BTreeMap;

use super::amounts::FeeKind;
use super::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
    too_long, unknown_type,
};
use super::numbers::{NumberStyle, plain};
use crate::engine::{MovementKind, SignedAmount};
use crate::import::rejected::Fault;

const TYPE: &str = "Type";
const AMOUNTS: &str = "* Amount*";
const NOT_A_NUMBER: &str = "expected a number, perhaps with the coin of its column";

#[derive(Debug)]
pub(super) struct Gemini;

static SOURCE: JoinedSource = JoinedSource {
    name: "gemini",
    exchange: "gemini",
    assumes: "",
    headers: &[(
        &[
            "Date",
            "Time (UTC)",
            TYPE,
            "Symbol",
            "Specification",
            "Liquidity Indicator",
            "Trading Fee Rate (bps)",
            "Trade ID",
            "Order ID",
            AMOUNTS,
        ],
        &[
            "* Balance*",
            "Fee *",
            "Trading Fee *",
            "Order Date",
            "Order Time",
            "Client Order ID",
            "API Session",
            "Tx Hash",
            "Deposit Destination",
            "Deposit Tx Output",
            "Withdrawal Destination",
            "Withdrawal Tx Output",
        ],
    )],
    time: "Date",
    zone: None,
    zone_from: None,
    ids: None,
    has_labels: false,
    is_of_server: false,
    is_one_way: true,
};

/// Amount, fee and balance of a coin in a row.
#[derive(Debug)]
struct OfCoin {
    amount: SignedAmount,
    fee: SignedAmount,
    balance: Option<SignedAmount>,
}

const NOTHING: OfCoin = OfCoin {
    amount: SignedAmount::ZERO,
    fee: SignedAmount::ZERO,
    balance: None,
};

impl JoinedFormat for Gemini {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    /// The day is in one column, and the time of day in another; workbooks may have both in both.
    fn time_of(&self, cells: &NamedCells<'_>) -> String {
        let (day, time) = (cells.text("Date"), cells.text("Time (UTC)"));
        match (day.split_once(' '), time.is_empty(), time.contains(' ')) {
            (_, false, true) => time.to_owned(),
            (_, true, _) => day.to_owned(),
            (Some((day, _)), false, false) => format!("{day} {time}"),
            (None, false, false) => format!("{day} {time}"),
        }
    }

    fn fees(&self) -> FeeKind {
        FeeKind::Flat
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let kind = cells.text(TYPE);
        if kind.is_empty() && cells.text("Symbol").is_empty() {
            return Ok(RowSays {
                id: String::new(),
                meaning: RowMeaning::Ignored("total"),
                postings: Vec::new(),
            });
        }
        let coins = coins(cells)?;
        let moved = coins
            .iter()
            .filter(|(_, of)| !of.amount.is_zero() || !of.fee.is_zero());
        let postings: Result<Vec<Posting>, CellFault> = moved.map(posting).collect();
        Ok(RowSays {
            id: String::new(),
            meaning: meaning(kind, cells)?,
            postings: postings?,
        })
    }
}

fn posting((coin, of): (&String, &OfCoin)) -> Result<Posting, CellFault> {
    let booked = of.amount.checked_add(of.fee.negated());
    Ok(Posting {
        fee: of.fee,
        booked: booked.map_err(|_| too_long(AMOUNTS))?,
        balance: of.balance,
        ..Posting::of(coin, of.amount)
    })
}

fn meaning(kind: &str, cells: &NamedCells<'_>) -> Result<RowMeaning, CellFault> {
    let says = cells.text("Specification").to_ascii_lowercase();
    let movement = |kind| RowMeaning::Movement {
        kind,
        id: String::new(),
        tx_id: cells.text("Tx Hash").to_owned(),
        usd_value: String::new(),
    };
    let has = |words: &[&str]| words.iter().any(|word| says.contains(word));
    Ok(match kind.to_ascii_lowercase().as_str() {
        "buy" | "sell" => {
            let id = cells.text("Trade ID");
            if id.is_empty() {
                return Err(("Trade ID", Fault::new("expected the id of the trade")));
            }
            RowMeaning::Whole(TradeId::Own(id.to_owned()))
        }
        "credit" | "debit" if has(&["administrative", "correction"]) => {
            movement(MovementKind::Adjustment)
        }
        "credit" if has(&["interest"]) => movement(MovementKind::Interest),
        "credit" if has(&["staking"]) => movement(MovementKind::Staking),
        "credit" if has(&["reward", "bonus", "referral", "promo"]) => {
            movement(MovementKind::Reward)
        }
        "credit" => movement(MovementKind::Deposit),
        "debit" => movement(MovementKind::Withdrawal),
        "interest credit" => movement(MovementKind::Interest),
        _ => return Err(unknown_type(TYPE)),
    })
}

/// Reads the columns of each coin.
fn coins(cells: &NamedCells<'_>) -> Result<BTreeMap<String, OfCoin>, CellFault> {
    let mut coins: BTreeMap<String, OfCoin> = BTreeMap::new();
    for (name, cell) in cells.columns() {
        let words: Vec<&str> = name.split_ascii_whitespace().collect();
        let column = match words.as_slice() {
            [coin, "amount", ..] => (*coin, 0),
            [coin, "balance", ..] => (*coin, 2),
            ["fee", coin, ..] | ["trading", "fee", coin, ..] if *coin != "rate" => (*coin, 1),
            _ => continue,
        };
        let coin = column.0.trim_matches(['(', ')']).to_ascii_uppercase();
        let Some(number) = number(cell, &coin)? else {
            continue;
        };
        let of = coins.entry(coin).or_insert(NOTHING);
        match column.1 {
            0 => of.amount = number,
            // A cost is below zero.
            1 => of.fee = number.negated(),
            _ => of.balance = Some(number),
        }
    }
    Ok(coins)
}

/// Reads a number like `($1,234.56)`, `0.5 BTC` or `-0.5`. `None`: the cell is empty.
fn number(cell: &str, coin: &str) -> Result<Option<SignedAmount>, CellFault> {
    if cell.is_empty() {
        return Ok(None);
    }
    let marks = [",", "()", "$", "€", "£", coin].map(str::to_owned);
    let style = NumberStyle {
        marks: &marks,
        decimal: None,
    };
    match plain(cell, style).parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err((AMOUNTS, Fault::new(NOT_A_NUMBER))),
    }
}
