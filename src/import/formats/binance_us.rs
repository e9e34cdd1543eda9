//! Binance.US: all transactions. A row is a trade or a movement, with a value in dollars.
//!
//! The side of a trade stands in the operation, and amounts may have a sign or not.

use rust_decimal::Decimal;

use super::amounts::decimal;
use super::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
    unknown_type,
};
use crate::engine::{MovementKind, SignedAmount, Size};
use crate::import::hints::is_rounded_id;
use crate::import::rejected::{Fault, Hint};

#[derive(Debug)]
pub(super) struct BinanceUs;

static SOURCE: JoinedSource = JoinedSource {
    name: "binance-us",
    exchange: "binance.us",
    assumes: "",
    headers: &[
        (
            &[
                "Time",
                "Category",
                "Operation",
                "Order_Id",
                "Transaction_Id",
                "Primary_Asset",
                "Realized_Amount_For_Primary_Asset",
                "Base_Asset",
                "Realized_Amount_For_Base_Asset",
                "Realized_Amount_For_Base_Asset_In_USD_Value",
                "Quote_Asset",
                "Realized_Amount_For_Quote_Asset",
                "Fee_Asset",
                "Realized_Amount_For_Fee_Asset",
            ],
            &[
                "User_Id",
                "Realized_Amount_For_*_In_USD_Value",
                "Payment_Method",
                "Withdrawal_Method",
                "Additional_Note",
            ],
        ),
        (
            &[
                "Time",
                "Category",
                "Operation",
                "Order ID",
                "Transaction ID",
                "Primary Asset",
                "Realized Amount For Primary Asset",
                "Base Asset",
                "Realized Amount For Base Asset",
                "Realized Amount For Base Asset In USD*",
                "Quote Asset",
                "Realized Amount For Quote Asset",
                "Fee Asset",
                "Realized Amount For Fee Asset",
            ],
            &[
                "User ID",
                "Realized Amount For Primary Asset In USD*",
                "Realized Amount For Quote Asset In USD*",
                "Realized Amount For Fee Asset In USD*",
                "Payment Method",
                "Withdrawal Method",
                "Withdraw Method",
                "Additional Note",
            ],
        ),
    ],
    time: "Time",
    zone: None,
    zone_from: None,
    ids: None,
    has_labels: false,
    is_of_server: false,
    is_one_way: false,
};

/// The columns of an asset: its code, its amount and its value, in both generations.
struct AssetColumns {
    code: [&'static str; 2],
    amount: [&'static str; 2],
    value: [&'static str; 2],
}

const PRIMARY: AssetColumns = AssetColumns {
    code: ["Primary_Asset", "Primary Asset"],
    amount: [
        "Realized_Amount_For_Primary_Asset",
        "Realized Amount For Primary Asset",
    ],
    value: [
        "Realized_Amount_For_Primary_Asset_In_USD*",
        "Realized Amount For Primary Asset In USD*",
    ],
};
const BASE: AssetColumns = AssetColumns {
    code: ["Base_Asset", "Base Asset"],
    amount: [
        "Realized_Amount_For_Base_Asset",
        "Realized Amount For Base Asset",
    ],
    value: [
        "Realized_Amount_For_Base_Asset_In_USD*",
        "Realized Amount For Base Asset In USD*",
    ],
};
const QUOTE: AssetColumns = AssetColumns {
    code: ["Quote_Asset", "Quote Asset"],
    amount: [
        "Realized_Amount_For_Quote_Asset",
        "Realized Amount For Quote Asset",
    ],
    value: [
        "Realized_Amount_For_Quote_Asset_In_USD*",
        "Realized Amount For Quote Asset In USD*",
    ],
};
const FEE: AssetColumns = AssetColumns {
    code: ["Fee_Asset", "Fee Asset"],
    amount: [
        "Realized_Amount_For_Fee_Asset",
        "Realized Amount For Fee Asset",
    ],
    value: [
        "Realized_Amount_For_Fee_Asset_In_USD*",
        "Realized Amount For Fee Asset In USD*",
    ],
};

/// The larger of the two values of a trade is at most this many times the smaller one.
const VALUES_OFF: Decimal = Decimal::TWO;

impl JoinedFormat for BinanceUs {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let (_, id) = first_of(&["Transaction_Id", "Transaction ID"], cells);
        if id.is_empty() || is_rounded_id(id) {
            let fault = Fault::new("expected the id of the row, not a rounded number");
            return Err(("Transaction*Id", fault.with_hint(Hint::RoundedId)));
        }
        let operation = cells.text("Operation");
        let (meaning, postings) = match operation {
            "Buy" | "Sell" => (
                RowMeaning::Whole(TradeId::Own(id.to_owned())),
                trade(operation == "Buy", cells)?,
            ),
            _ => movement(id, operation, cells)?,
        };
        Ok(RowSays {
            id: id.to_owned(),
            meaning,
            postings,
        })
    }
}

/// Returns the first column that says something, and its text.
fn first_of<'r>(names: &[&'static str; 2], cells: &NamedCells<'r>) -> (&'static str, &'r str) {
    let mut texts = names.iter().map(|name| (*name, cells.text(name)));
    let said = texts.find(|(_, text)| !text.is_empty());
    said.unwrap_or((names[0], ""))
}

fn amount_of(
    columns: &[&'static str; 2],
    cells: &NamedCells<'_>,
) -> Result<(&'static str, SignedAmount), CellFault> {
    let (name, _) = first_of(columns, cells);
    Ok((name, cells.amount(name)?))
}

/// Returns an amount with the sign of its way. Errors: its own sign says the other way.
fn signed(
    columns: &AssetColumns,
    is_out: bool,
    cells: &NamedCells<'_>,
) -> Result<SignedAmount, CellFault> {
    let (name, amount) = amount_of(&columns.amount, cells)?;
    if amount.is_negative() && !is_out {
        return Err((name, Fault::new("expected the sign of what came in")));
    }
    Ok(match is_out && !amount.is_negative() {
        true => amount.negated(),
        false => amount,
    })
}

fn trade(is_buy: bool, cells: &NamedCells<'_>) -> Result<Vec<Posting>, CellFault> {
    let (name, base) = first_of(&BASE.code, cells);
    if base.is_empty() || base == "USD" {
        return Err((
            name,
            Fault::new("expected the coin that was bought or sold"),
        ));
    }
    check_values(cells)?;
    let size = signed(&BASE, !is_buy, cells)?;
    let (_, quote) = first_of(&QUOTE.code, cells);
    let (name, unnamed) = amount_of(&QUOTE.amount, cells)?;
    if quote.is_empty() && !unnamed.is_zero() {
        return Err((
            name,
            Fault::new("expected the quote of this amount beside it"),
        ));
    }
    // Without a quote, the row has only the value of the coin in dollars.
    let (quote, value) = match quote {
        "" => {
            let (_, value) = amount_of(&BASE.value, cells)?;
            let is_turned = is_buy != value.is_negative();
            ("USD", if is_turned { value.negated() } else { value })
        }
        quote => (quote, signed(&QUOTE, is_buy, cells)?),
    };
    let paid = Posting {
        usd_value: value_in(&QUOTE, cells)?,
        ..Posting::of(quote, value)
    };
    let mut postings = vec![Posting::of(base, size), paid];
    let (_, fee_asset) = first_of(&FEE.code, cells);
    let (name, fee) = amount_of(&FEE.amount, cells)?;
    match (fee_asset, fee.is_zero()) {
        (_, true) => {}
        ("", false) => return Err((name, Fault::new("expected the asset of the fee"))),
        (asset, false) => {
            let paid = SignedAmount::ZERO.checked_sub(SignedAmount::of_size(fee.size()));
            let paid = paid.map_err(|_| super::joined::too_long(name))?;
            postings.push(Posting {
                usd_value: value_in(&FEE, cells)?,
                ..Posting::of_fee(asset, paid)
            });
        }
    }
    Ok(postings)
}

/// Checks that both assets of a trade have about the same value in dollars, if the row has both.
fn check_values(cells: &NamedCells<'_>) -> Result<(), CellFault> {
    let (name, _) = amount_of(&BASE.value, cells)?;
    let values = value_in(&BASE, cells)?.zip(value_in(&QUOTE, cells)?);
    let is_off = |(one, other): (Size, Size)| {
        let [one, other] = [one, other].map(|value| decimal(&value.to_string()));
        let (one, other) = one.zip(other)?;
        Some(one.max(other) > one.min(other).saturating_mul(VALUES_OFF))
    };
    match values.and_then(is_off) {
        Some(true) => Err((
            name,
            Fault::new("expected about the value of the other asset"),
        )),
        _ => Ok(()),
    }
}

/// Returns the value of an asset in dollars. `None`: the row has none.
fn value_in(columns: &AssetColumns, cells: &NamedCells<'_>) -> Result<Option<Size>, CellFault> {
    let (_, value) = amount_of(&columns.value, cells)?;
    Ok(Some(value.size()).filter(|size| !size.is_zero()))
}

fn movement(
    id: &str,
    operation: &str,
    cells: &NamedCells<'_>,
) -> Result<(RowMeaning, Vec<Posting>), CellFault> {
    let (name, asset) = first_of(&PRIMARY.code, cells);
    if asset.is_empty() {
        return Err((name, Fault::new("expected the code of an asset")));
    }
    let (_, amount) = amount_of(&PRIMARY.amount, cells)?;
    let kind = match operation {
        "Crypto Deposit" | "USD Deposit" | "Deposit" => MovementKind::Deposit,
        "Crypto Withdrawal" | "USD Withdrawal" | "Withdrawal" => MovementKind::Withdrawal,
        // The venue takes its part of a reward.
        "Staking Rewards" if amount.is_negative() => MovementKind::Fee,
        "Staking Rewards" => MovementKind::Staking,
        "Referral Commission" | "Others" if !amount.is_negative() => MovementKind::Reward,
        "Referral Commission" | "Others" => MovementKind::Adjustment,
        _ => return Err(unknown_type("Operation")),
    };
    let amount = match kind == MovementKind::Withdrawal && !amount.is_negative() {
        true => amount.negated(),
        false => amount,
    };
    let mut posting = Posting::of(asset, amount);
    let (_, fee_asset) = first_of(&FEE.code, cells);
    if !fee_asset.is_empty() {
        let (_, fee) = amount_of(&FEE.amount, cells)?;
        posting.fee = SignedAmount::of_size(fee.size());
        fee_asset.clone_into(&mut posting.fee_asset);
    }
    let value = value_in(&PRIMARY, cells)?;
    let usd_value = value.map_or_else(String::new, |value| value.to_string());
    let meaning = RowMeaning::Movement {
        kind,
        id: id.to_owned(),
        tx_id: String::new(),
        usd_value,
    };
    Ok((meaning, vec![posting]))
}
