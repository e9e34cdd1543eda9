//! Binance: conversions. A row is a trade, with its units after the numbers.

use super::amounts::{StatedAmounts, decimal, floor_of};
use super::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
};
use super::numbers::{NumberStyle, plain, split_unit};
use super::zones::ZoneFrom;
use crate::engine::{SignedAmount, kind_of_code};
use crate::import::rejected::Fault;

#[derive(Debug)]
pub(super) struct BinanceConvert;

static SOURCE: JoinedSource = JoinedSource {
    name: "binance-convert",
    exchange: "binance",
    assumes: "",
    headers: &[(
        &[
            "Date",
            "Pair",
            "Type",
            "Sell",
            "Buy",
            "Price",
            "Inverse Price",
            "Date Updated",
            "Status",
        ],
        &["Wallet"],
    )],
    // A limit order is filled later than it is placed.
    time: "Date Updated",
    zone: None,
    zone_from: Some(ZoneFrom::FileName),
    ids: Some("binance-convert"),
    has_labels: false,
    is_of_server: false,
    is_one_way: false,
};

impl JoinedFormat for BinanceConvert {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let says = |meaning, postings| RowSays {
            id: String::new(),
            meaning,
            postings,
        };
        match cells.text("Status").to_lowercase().as_str() {
            "successful" | "success" => {}
            "failed" | "expired" | "cancelled" | "canceled" => {
                return Ok(says(RowMeaning::Ignored("not executed"), Vec::new()));
            }
            _ => return Err(("Status", Fault::new("expected a status that is known"))),
        }
        let (sold, bought) = (amount("Sell", cells)?, amount("Buy", cells)?);
        for column in ["Price", "Inverse Price"] {
            if is_off_price(cells.text(column), [sold, bought]) {
                return Err((column, Fault::new(OTHER_PRICE)));
            }
        }
        let postings = vec![
            Posting::of(sold.1, sold.0.negated()),
            Posting::of(bought.1, bought.0),
        ];
        Ok(says(RowMeaning::Whole(TradeId::Made), postings))
    }
}

const OTHER_PRICE: &str = "expected the price of what was sold and bought";

/// Tells whether a price like `1 ETH = 4000 USDT` does not fit what was sold and bought.
fn is_off_price(text: &str, [sold, bought]: [(SignedAmount, &str); 2]) -> bool {
    let number = |amount: SignedAmount| decimal(&amount.to_string());
    let far = || {
        let (one, price) = text.split_once('=')?;
        let (of, quote) = (one.trim().strip_prefix("1 ")?, price.trim());
        let (price, quote) = quote.split_once(' ')?;
        let (size, value) = match (of, quote) {
            _ if (of, quote) == (sold.1, bought.1) => (sold.0, bought.0),
            _ if (of, quote) == (bought.1, sold.1) => (bought.0, sold.0),
            _ => return None,
        };
        let stated = StatedAmounts {
            size: number(size)?,
            price: decimal(price)?,
            value: number(value)?,
        };
        Some(stated.is_far(floor_of(kind_of_code(quote))))
    };
    far().unwrap_or(false)
}

/// Reads a number above zero, and the coin after it, which is one of the pair.
fn amount<'r>(
    column: &'static str,
    cells: &NamedCells<'r>,
) -> Result<(SignedAmount, &'r str), CellFault> {
    let pair = cells.text("Pair");
    let is_half = |unit: &str| {
        let rest = pair.strip_prefix(unit).or(pair.strip_suffix(unit));
        rest.is_some_and(|rest| !rest.is_empty() && !unit.is_empty())
    };
    let read = split_unit(cells.text(column), is_half).filter(|(_, unit)| is_half(unit));
    let marks = [",".to_owned()];
    let style = NumberStyle {
        marks: &marks,
        decimal: None,
    };
    let read = read.and_then(|(number, unit)| {
        let number: SignedAmount = plain(number, style).parse().ok()?;
        (!number.is_negative() && !number.is_zero()).then_some((number, unit))
    });
    read.ok_or_else(|| {
        let fault = "expected a number above zero, and after it a coin of the pair";
        (column, Fault::new(fault))
    })
}
