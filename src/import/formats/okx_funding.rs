//! OKX: funding account. Deposits and withdrawals, with the balance before and after each.

use super::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, too_long,
    unknown_type,
};
use super::okx_account::row_id;
use super::zones::ZoneFrom;
use crate::engine::{MovementKind, SignedAmount};
use crate::import::rejected::Fault;

const NO_AMOUNT: &str = "expected the change of the balance, with the fee or without it";

#[derive(Debug)]
pub(super) struct OkxFunding;

static SOURCE: JoinedSource = JoinedSource {
    name: "okx-funding",
    exchange: "okx",
    assumes: "",
    headers: &[(
        &[
            "id",
            "Time",
            "Type",
            "Amount",
            "Before Balance",
            "After Balance",
            "Symbol",
        ],
        &["Fee", "Amount-*"],
    )],
    time: "Time",
    zone: Some("asked"),
    zone_from: Some(ZoneFrom::Before),
    ids: None,
    has_labels: false,
    is_of_server: false,
    is_one_way: true,
};

impl JoinedFormat for OkxFunding {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let id = row_id(cells)?;
        let kind = kind(cells.text("Type")).ok_or_else(|| unknown_type("Type"))?;
        Ok(RowSays {
            id: id.to_owned(),
            meaning: RowMeaning::Movement {
                kind,
                id: id.to_owned(),
                tx_id: String::new(),
                usd_value: String::new(),
            },
            postings: vec![posting(cells)?],
        })
    }
}

/// Returns the kind of a row's type. `None`: nobody knows it.
fn kind(text: &str) -> Option<MovementKind> {
    use MovementKind::{Adjustment, Deposit, Interest, Reward, Staking, Transfer, Withdrawal};
    let text = text.to_ascii_lowercase();
    Some(match text.as_str() {
        "deposit" | "received" => Deposit,
        "withdrawal" | "sent" => Withdrawal,
        "withdrawal canceled" | "cancel withdrawal" => Adjustment,
        "fee rebate" | "airdrop" | "rewards" | "reward" => Reward,
        "earn interest" | "simple earn interest" => Interest,
        "staking yield" | "staking rewards" => Staking,
        text if text.starts_with("from ") || text.starts_with("to ") => Transfer,
        "transfer in" | "transfer out" => Transfer,
        _ => return None,
    })
}

fn posting(cells: &NamedCells<'_>) -> Result<Posting, CellFault> {
    let asset = cells.text("Symbol");
    if asset.is_empty() {
        return Err(("Symbol", Fault::new("expected the code of a coin")));
    }
    let (stated, after) = (cells.amount("Amount")?, cells.amount("After Balance")?);
    let fee = SignedAmount::of_size(cells.amount("Fee")?.size());
    let change = after.checked_sub(cells.amount("Before Balance")?);
    let change = change.map_err(|_| too_long("After Balance"))?;
    let amount = change.checked_add(fee).map_err(|_| too_long("Fee"))?;
    // The amount may have the fee in it.
    if stated != change && stated != amount {
        return Err(("Amount", Fault::new(NO_AMOUNT)));
    }
    Ok(Posting {
        fee,
        booked: change,
        balance: Some(after),
        ..Posting::of(asset, amount)
    })
}
