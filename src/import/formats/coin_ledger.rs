//! CoinLedger: the transactions as it exports them, one leg a row. Rows of one internal id are a
//! trade.

use std::collections::BTreeMap;

use super::amounts::FeeKind;
use super::joined::{
    CellFault, JoinedFormat, JoinedRow, JoinedSource, NamedCells, Posting, RowMeaning, RowSays,
    TradeId, unknown_type,
};
use super::tax_programs::without_eth2;
use crate::engine::{MovementKind, SignedAmount};
use crate::import::rejected::Fault;

const ETH: &str = "ETH";

const NO_MARGIN: &str = "expected no margin and no futures: such trades are not computed";
const OTHER_SIGN: &str = "expected an amount above zero of a credit, and below zero of a debit";

#[derive(Debug)]
pub(super) struct CoinLedger;

static SOURCE: JoinedSource = JoinedSource {
    name: "coinledger",
    exchange: "coinledger",
    assumes: "",
    headers: &[(
        &[
            "Timestamp (UTC)",
            "Type",
            "Internal Id",
            "Platform",
            "Record Type",
            "Asset",
            "Amount",
        ],
        &[
            "Account Name",
            "Platform Id",
            "Blockchain Id",
            "Description",
        ],
    )],
    time: "Timestamp (UTC)",
    zone: None,
    zone_from: None,
    ids: None,
    has_labels: false,
    is_of_server: false,
    is_one_way: false,
};

impl JoinedFormat for CoinLedger {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    fn fees(&self) -> FeeKind {
        FeeKind::Chain
    }

    fn keys(&self, cells: &NamedCells<'_>) -> Vec<String> {
        let id = cells.text("Internal Id");
        let id = Some(id).filter(|id| !id.is_empty());
        id.map(str::to_owned).into_iter().collect()
    }

    /// ETH that became ETH2, or the reverse, is no trade.
    fn settle(&self, rows: &mut [JoinedRow<'_>]) {
        let mut of_key: BTreeMap<String, Option<SignedAmount>> = BTreeMap::new();
        for row in rows.iter() {
            let RowMeaning::Part { key, .. } = &row.says.meaning else {
                continue;
            };
            let sum = of_key
                .entry(key.clone())
                .or_insert(Some(SignedAmount::ZERO));
            for posting in &row.says.postings {
                let is_eth = posting.asset == ETH && posting.fee.is_zero();
                let before = sum.filter(|_| is_eth);
                *sum = before.and_then(|sum| sum.checked_add(posting.amount).ok());
            }
        }
        for row in rows {
            let RowMeaning::Part { key, .. } = &row.says.meaning else {
                continue;
            };
            if of_key
                .get(key)
                .copied()
                .flatten()
                .is_some_and(SignedAmount::is_zero)
            {
                row.says.meaning = RowMeaning::Ignored("ETH2 to ETH");
            }
        }
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let asset = without_eth2(cells.text("Asset")).to_ascii_uppercase();
        if asset.is_empty() {
            return Err(("Asset", Fault::new("expected the code of an asset")));
        }
        let amount = cells.stated("Amount")?;
        let (posting, is_fee) = match cells.text("Record Type").to_ascii_lowercase().as_str() {
            "credit" if amount.is_negative() => return Err(("Amount", Fault::new(OTHER_SIGN))),
            "debit" if !amount.is_negative() => return Err(("Amount", Fault::new(OTHER_SIGN))),
            "credit" | "debit" => (Posting::of(&asset, amount), false),
            "fee" | "network fee" | "platform fee" => {
                let cost = SignedAmount::of_size(amount.size()).negated();
                (Posting::of_fee(&asset, cost), true)
            }
            kind if kind.starts_with("margin") => {
                return Err(("Record Type", Fault::new(NO_MARGIN)));
            }
            _ => return Err(unknown_type("Record Type")),
        };
        Ok(RowSays {
            id: String::new(),
            meaning: meaning(cells, is_fee)?,
            postings: vec![posting],
        })
    }
}

fn meaning(cells: &NamedCells<'_>, is_fee: bool) -> Result<RowMeaning, CellFault> {
    use MovementKind::{
        Airdrop, Deposit, Fee, Fork, Gift, Interest, Mining, Reward, Staking, Withdrawal,
    };
    let kind = match cells.text("Type").to_ascii_lowercase().as_str() {
        "trade" | "buy" | "sell" | "swap" => {
            let id = cells.text("Internal Id");
            if id.is_empty() {
                return Err(("Internal Id", Fault::new("expected the id of the trade")));
            }
            return Ok(RowMeaning::Part {
                key: id.to_owned(),
                id: TradeId::Own(id.to_owned()),
            });
        }
        kind if kind.starts_with("margin") || kind.starts_with("futures") => {
            return Err(("Type", Fault::new(NO_MARGIN)));
        }
        // A fee beside a deposit or a withdrawal is a movement of its own.
        _ if is_fee => Fee,
        "deposit" => Deposit,
        "withdrawal" | "merchant payment" | "investment loss" | "theft loss" | "casualty loss" => {
            Withdrawal
        }
        "network fee" | "platform fee" | "fee" => Fee,
        "interest" | "interest payment" => Interest,
        "mining" => Mining,
        "staking" => Staking,
        "airdrop" => Airdrop,
        "hard fork" => Fork,
        "income" | "reward" | "rebate" | "cashback" => Reward,
        "gift received" | "gift sent" => Gift,
        _ => return Err(unknown_type("Type")),
    };
    Ok(RowMeaning::Movement {
        kind,
        id: String::new(),
        tx_id: cells.text("Blockchain Id").to_owned(),
        usd_value: String::new(),
    })
}
