//! Binance: transaction records. A trade is the rows of one second; they have no ids.
//!
//! Rows of one second may be of several fills. They add up to one trade if one coin was paid and
//! one received. Otherwise the file does not say which rows belong together.

use super::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
    unknown_type,
};
use super::zones::ZoneFrom;
use crate::engine::{MovementKind, SignedAmount};
use crate::import::rejected::Fault;

#[derive(Debug)]
pub(super) struct BinanceRecords;

static SOURCE: JoinedSource = JoinedSource {
    name: "binance-records",
    exchange: "binance",
    assumes: "",
    headers: &[
        (
            &[
                "UTC_Time",
                "Account",
                "Operation",
                "Coin",
                "Change",
                "Remark",
            ],
            &["User_ID"],
        ),
        (
            &["Time", "Account", "Operation", "Coin", "Change", "Remark"],
            &["User ID"],
        ),
    ],
    time: "*Time",
    zone: None,
    zone_from: Some(ZoneFrom::FileName),
    ids: Some("binance-records"),
    has_labels: false,
    is_of_server: false,
    is_one_way: true,
};

/// Operations that are a part of a trade, in lower case, with the group that they add up in.
const TRADES: [(&str, &str); 15] = [
    ("buy", "spot"),
    ("sell", "spot"),
    ("fee", "spot"),
    ("transaction related", "spot"),
    ("transaction buy", "spot"),
    ("transaction spend", "spot"),
    ("transaction sold", "spot"),
    ("transaction revenue", "spot"),
    ("transaction fee", "spot"),
    ("bnb fee deduction", "spot"),
    ("binance convert", "convert"),
    ("large otc trading", "otc"),
    ("small assets exchange bnb", "small assets"),
    ("buy crypto with fiat", "fiat"),
    ("auto-invest transaction", "auto-invest"),
];

const FEES: [&str; 3] = ["fee", "transaction fee", "bnb fee deduction"];

/// Operations that are movements, in lower case.
const MOVEMENTS: [(&str, MovementKind); 27] = [
    ("deposit", MovementKind::Deposit),
    ("fiat deposit", MovementKind::Deposit),
    ("withdraw", MovementKind::Withdrawal),
    ("fiat withdraw", MovementKind::Withdrawal),
    ("send", MovementKind::Withdrawal),
    ("commission history", MovementKind::Reward),
    ("commission rebate", MovementKind::Reward),
    ("commission fee shared with you", MovementKind::Reward),
    ("referral commission", MovementKind::Reward),
    ("referral kickback", MovementKind::Reward),
    ("referrer rebates", MovementKind::Reward),
    ("cash voucher distribution", MovementKind::Reward),
    ("distribution", MovementKind::Reward),
    ("launchpool interest", MovementKind::Reward),
    ("airdrop assets", MovementKind::Airdrop),
    ("eth 2.0 staking rewards", MovementKind::Staking),
    ("staking rewards", MovementKind::Staking),
    ("simple earn locked rewards", MovementKind::Staking),
    ("bnb vault rewards", MovementKind::Interest),
    ("pos savings interest", MovementKind::Interest),
    ("savings interest", MovementKind::Interest),
    ("savings distribution", MovementKind::Interest),
    ("simple earn flexible interest", MovementKind::Interest),
    ("super bnb mining", MovementKind::Mining),
    ("asset recovery", MovementKind::Adjustment),
    ("crypto box", MovementKind::Gift),
    ("p2p trading", MovementKind::Transfer),
];

/// Operations between wallets of the account, in lower case, and beginnings of such.
const INSIDE: [&str; 12] = [
    "transfer_in",
    "transfer_out",
    "transfer between",
    "main and funding account transfer",
    "savings purchase",
    "savings principal redemption",
    "pos savings purchase",
    "pos savings redemption",
    "simple earn flexible subscription",
    "simple earn flexible redemption",
    "simple earn locked subscription",
    "simple earn locked redemption",
];

const MARGIN: &str = "expected a spot account: trades on margin are not computed";
const CONTRACTS: &str = "expected a spot account: futures are not computed";

impl JoinedFormat for BinanceRecords {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let coin = cells.text("Coin");
        if coin.is_empty() {
            return Err(("Coin", Fault::new("expected the code of a coin")));
        }
        let change = cells.stated("Change")?;
        let operation = cells.text("Operation").to_lowercase();
        let posting = match FEES.contains(&operation.as_str()) {
            true => Posting::of_fee(coin, change),
            false => Posting::of(coin, change),
        };
        Ok(RowSays {
            id: String::new(),
            meaning: meaning(&operation, change, cells)?,
            postings: vec![posting],
        })
    }
}

fn meaning(
    operation: &str,
    change: SignedAmount,
    cells: &NamedCells<'_>,
) -> Result<RowMeaning, CellFault> {
    if INSIDE.iter().any(|inside| operation.starts_with(inside)) {
        return Ok(RowMeaning::Ignored("moves between wallets"));
    }
    let account = cells.text("Account");
    let lower = account.to_lowercase();
    if ["futures", "option", "coin-m", "usd-m"]
        .iter()
        .any(|it| lower.contains(it))
    {
        return Err(("Account", Fault::new(CONTRACTS)));
    }
    if lower.contains("margin") {
        return Err(("Account", Fault::new(MARGIN)));
    }
    if let Some((_, group)) = TRADES.iter().find(|(known, _)| *known == operation) {
        let time = cells.text(SOURCE.time);
        return Ok(RowMeaning::Part {
            key: format!("{group}\n{account}\n{time}"),
            id: TradeId::Made,
        });
    }
    let kind = MOVEMENTS.iter().find(|(known, _)| *known == operation);
    let (_, kind) = kind.ok_or_else(|| unknown_type("Operation"))?;
    // The reversal of a reward, a deposit or a withdrawal.
    let is_turned = change.is_negative() != (*kind == MovementKind::Withdrawal);
    let kind = match kind.direction() {
        Some(_) if is_turned => MovementKind::Adjustment,
        _ => *kind,
    };
    Ok(RowMeaning::Movement {
        kind,
        id: String::new(),
        tx_id: String::new(),
        usd_value: String::new(),
    })
}
