//! CoinTracker: the transactions as it exports them, and its template. A row has what was received,
//! what was sent, and the fee on top.

use super::amounts::FeeKind;
use super::joined::{CellFault, JoinedFormat, JoinedSource, NamedCells, RowSays, unknown_type};
use super::tax_programs::{Kinds, Legs, beside, both, received, sent, without_eth2};
use crate::engine::MovementKind;

#[derive(Debug)]
pub(super) struct CoinTracker;

static SOURCE: JoinedSource = JoinedSource {
    name: "cointracker",
    exchange: "cointracker",
    assumes: "",
    headers: &[
        (
            &[
                "Date",
                "Type",
                "Transaction ID",
                "Received Quantity",
                "Received Currency",
                "Received Cost Basis (*)",
                "Received Wallet",
                "Sent Quantity",
                "Sent Currency",
                "Sent Cost Basis (*)",
                "Sent Wallet",
                "Fee Amount",
                "Fee Currency",
                "Fee Cost Basis (*)",
                "Realized Return (*)",
                "Transaction Hash",
            ],
            &[
                "Received Address",
                "Received Comment",
                "Sent Address",
                "Sent Comment",
                "Fee Realized Return (*)",
            ],
        ),
        (
            &[
                "Date",
                "Received Quantity",
                "Received Currency",
                "Sent Quantity",
                "Sent Currency",
                "Fee Amount",
                "Fee Currency",
                "Tag",
            ],
            &[],
        ),
    ],
    time: "Date",
    zone: None,
    zone_from: None,
    ids: Some("cointracker"),
    has_labels: true,
    is_of_server: false,
    is_one_way: false,
};

impl JoinedFormat for CoinTracker {
    fn source(&self) -> &'static JoinedSource {
        &SOURCE
    }

    /// Times are in UTC, like `01/31/2025 10:00:00`.
    fn time(&self, text: &str) -> String {
        let turned = text.split_once(' ').and_then(|(day, time)| {
            let mut parts = day.split('/');
            let (month, day, year) = (parts.next()?, parts.next()?, parts.next()?);
            Some(format!("{year}-{month:0>2}-{day:0>2} {time}"))
        });
        turned.unwrap_or_else(|| text.to_owned())
    }

    fn fees(&self) -> FeeKind {
        FeeKind::Chain
    }

    fn read(&self, cells: &NamedCells<'_>) -> Result<RowSays, CellFault> {
        let column = if cells.has("type") { "type" } else { "tag" };
        let label = cells.text(column).to_ascii_lowercase().replace('_', " ");
        let kinds = kinds(&label).ok_or_else(|| unknown_type(column))?;
        let is_income = !matches!(kinds.received, None | Some(MovementKind::Deposit));
        let leg = |amount, asset| {
            let asset = cells.text(asset);
            beside(cells, amount, asset).map(|amount| (amount, asset))
        };
        let legs = Legs {
            sent: leg("sent quantity", "sent currency")?,
            received: leg("received quantity", "received currency")?,
            fee: leg("fee amount", "fee currency")?,
            tx_id: cells.text("transaction hash"),
            // The basis of income is its value.
            usd_value: match is_income {
                true => cells.text("received cost basis (usd)"),
                false => "",
            },
            values: [None; 2],
        };
        let is_pair = !legs.sent.0.is_zero() && !legs.received.0.is_zero();
        let is_same = without_eth2(legs.sent.1).eq_ignore_ascii_case(without_eth2(legs.received.1));
        match is_pair && !is_same && !["", "buy", "sell", "trade"].contains(&label.as_str()) {
            true => Err(unknown_type(column)),
            false => legs.row((column, &kinds)),
        }
    }
}

/// Returns the kinds of a type or a tag. `None`: nobody knows it.
fn kinds(label: &str) -> Option<Kinds> {
    use MovementKind::{
        Airdrop, Deposit, Fee, Fork, Gift, Interest, Mining, Reward, Staking, Withdrawal,
    };
    Some(match label {
        "" | "transfer" => both(Deposit, Withdrawal),
        "receive" | "deposit" => received(Deposit),
        "send" | "withdrawal" => sent(Withdrawal),
        "buy" | "sell" | "trade" => Kinds::default(),
        "airdrop" => received(Airdrop),
        "fork" => received(Fork),
        "mined" | "mining" => received(Mining),
        "staked" | "staking" | "staking reward" => received(Staking),
        "interest" | "interest income" | "interest payment" => received(Interest),
        "income" | "other income" | "reward" | "salary" => received(Reward),
        "gift" => both(Gift, Gift),
        "donation" => sent(Gift),
        "lost" | "payment" | "spend" | "stolen" => sent(Withdrawal),
        "fee" => sent(Fee),
        _ => return None,
    })
}
