//! Crypto.com App: crypto transactions. Most rows stand alone; swaps of small rests are two rows.
//!
//! The file has no fees and no ids: what was paid or received is after the fee.

use super::joined::{
    CellFault, JoinedFormat, JoinedSource, NamedCells, Posting, RowMeaning, RowSays, TradeId,
    unknown_type,
};
use crate::engine::{MovementKind, SignedAmount};
use crate::import::rejected::Fault;

#[derive(Debug)]
pub(super) struct CryptoComApp;

static SOURCE: JoinedSource = JoinedSource {
    name: "crypto-com-app",
    exchange: "crypto.com",
    assumes: "amounts are after fees, as the file has none",
    headers: &[(
        &[
            "Timestamp (UTC)",
            "Transaction Description",
            "Currency",
            "Amount",
            "To Currency",
            "To Amount",
            "Native Currency",
            "Native Amount",
            "Native Amount (in USD)",
            "Transaction Kind",
        ],
        &["Transaction Hash"],
    )],
    time: "Timestamp (UTC)",
    zone: None,
    zone_from: None,
    ids: Some("crypto-com-app"),
    has_labels: false,
    is_of_server: false,
    is_one_way: true,
};

/// Kinds of rows with both assets.
const EXCHANGES: [&str; 6] = [
    "viban_purchase",
    "crypto_viban_exchange",
    "crypto_exchange",
    "recurring_buy_order",
    "trading.limit_order.fiat_wallet.purchase_commit",
    "trading.limit_order.fiat_wallet.sell_commit",
];

/// Kinds of rows that paid or received the native amount.
const FOR_MONEY: [&str; 3] = ["crypto_purchase", "card_top_up", "crypto_to_van_sell_order"];

/// Kinds of rows that are half of a swap, before `_debited` or `_credited`.
const SWAPS: [&str; 4] = [
    "dust_conversion",
    "crypto_wallet_swap",
    "lockup_swap",
    "dynamic_coin_swap",
];

const MOVEMENTS: [(&str, MovementKind); 24] = [
    ("crypto_deposit", MovementKind::Deposit),
    ("viban_deposit", MovementKind::Deposit),
    ("crypto_payment_refund", MovementKind::Deposit),
    ("crypto_withdrawal", MovementKind::Withdrawal),
    ("viban_withdrawal", MovementKind::Withdrawal),
    ("crypto_payment", MovementKind::Withdrawal),
    ("crypto_transfer", MovementKind::Transfer),
    ("exchange_to_crypto_transfer", MovementKind::Transfer),
    ("crypto_to_exchange_transfer", MovementKind::Transfer),
    ("referral_card_cashback", MovementKind::Reward),
    ("referral_gift", MovementKind::Reward),
    ("referral_bonus", MovementKind::Reward),
    ("referral_commission", MovementKind::Reward),
    ("reimbursement", MovementKind::Reward),
    ("gift_card_reward", MovementKind::Reward),
    ("campaign_reward", MovementKind::Reward),
    ("rewards_platform_deposit_credited", MovementKind::Reward),
    ("admin_wallet_credited", MovementKind::Reward),
    ("mco_stake_reward", MovementKind::Staking),
    ("staking_reward", MovementKind::Staking),
    ("supercharger_reward_to_app_credited", MovementKind::Staking),
    ("crypto_earn_interest_paid", MovementKind::Interest),
    ("crypto_earn_extra_interest_paid", MovementKind::Interest),
    ("airdrop_to_exchange_transfer", MovementKind::Transfer),
];

/// Kinds of rows between wallets of the app.
const INSIDE: [&str; 8] = [
    "crypto_earn_program_created",
    "crypto_earn_program_withdrawn",
    "lockup_lock",
    "lockup_unlock",
    "lockup_upgrade",
    "supercharger_deposit",
    "supercharger_withdrawal",
    "dynamic_coin_swap_bonus_exchange_deposit",
];

impl JoinedFormat for CryptoComApp {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let kind = cells.text("Transaction Kind");
        let first = posting("Currency", "Amount", cells)?;
        let time = cells.text(SOURCE.time);
        let swap = SWAPS.iter().find(|swap| {
            let half = kind.strip_prefix(**swap);
            matches!(half, Some("_debited" | "_credited"))
        });
        let (meaning, postings) = if INSIDE.contains(&kind) {
            (RowMeaning::Ignored("moves between wallets"), Vec::new())
        } else if let Some(swap) = swap {
            let key = format!("{swap}\n{time}");
            let id = TradeId::Made;
            (RowMeaning::Part { key, id }, vec![first])
        } else if EXCHANGES.contains(&kind) {
            let second = posting("To Currency", "To Amount", cells)?;
            (
                RowMeaning::Whole(TradeId::Made),
                valued([first, second], cells)?,
            )
        } else if FOR_MONEY.contains(&kind) {
            // The sign of the native amount is that of the coin.
            let money = posting("Native Currency", "Native Amount", cells)?;
            let is_turned = money.amount.is_negative() == first.amount.is_negative();
            let amount = if is_turned {
                money.amount.negated()
            } else {
                money.amount
            };
            let money = Posting::of(&money.asset, amount);
            (
                RowMeaning::Whole(TradeId::Made),
                valued([first, money], cells)?,
            )
        } else {
            (movement(kind, first.amount, cells)?, vec![first])
        };
        Ok(RowSays {
            id: String::new(),
            meaning,
            postings,
        })
    }
}

/// The column with the value of a row.
const IN_DOLLARS: &str = "Native Amount (in USD)";

/// Returns the amounts of a trade with its value. A value of zero is one below half a cent.
fn valued(postings: [Posting; 2], cells: &NamedCells<'_>) -> Result<Vec<Posting>, CellFault> {
    let value = cells.amount(IN_DOLLARS)?;
    let value = (!value.is_zero()).then(|| value.size());
    let valued = postings.map(|posting| Posting {
        usd_value: value,
        ..posting
    });
    Ok(valued.into())
}

fn movement(
    kind: &str,
    amount: SignedAmount,
    cells: &NamedCells<'_>,
) -> Result<RowMeaning, CellFault> {
    let found = MOVEMENTS.iter().find(|(known, _)| *known == kind);
    let (_, kind) = found.ok_or_else(|| unknown_type("Transaction Kind"))?;
    let is_turned = amount.is_negative() != (*kind == MovementKind::Withdrawal);
    let kind = match kind.direction() {
        // A reward that was reversed.
        Some(_) if is_turned => MovementKind::Adjustment,
        _ => *kind,
    };
    let value = cells.amount(IN_DOLLARS)?;
    Ok(RowMeaning::Movement {
        kind,
        id: String::new(),
        tx_id: cells.text("Transaction Hash").to_owned(),
        usd_value: match value.is_zero() {
            true => String::new(),
            false => value.size().to_string(),
        },
    })
}

fn posting(
    code: &'static str,
    amount: &'static str,
    cells: &NamedCells<'_>,
) -> Result<Posting, CellFault> {
    let asset = cells.text(code);
    if asset.is_empty() {
        return Err((code, Fault::new("expected the code of an asset")));
    }
    match cells.balance(amount)? {
        Some(sum) if !sum.is_zero() => Ok(Posting::of(asset, sum)),
        _ => Err((amount, Fault::new("expected a number other than zero"))),
    }
}
