//! A movement: an asset that enters or leaves an account and is no trade.

use super::ids::{Account, Asset, OrderId};
use super::issue::words;
use super::number::{Fee, Size, Worth};
use super::time::Timestamp;

words! {
    /// The way of a movement, seen from its account.
    Direction {
        /// Into the account.
        In = "in",
        /// Out of the account.
        Out = "out",
    }
}

words! {
    /// The kind of a movement, as its source names it.
    MovementKind {
        /// Came from outside.
        Deposit = "deposit",
        /// Went outside.
        Withdrawal = "withdrawal",
        /// Between two accounts of one owner, as the source says.
        Transfer = "transfer",
        /// A reward or a bonus.
        Reward = "reward",
        /// A reward for staking.
        Staking = "staking",
        /// Interest.
        Interest = "interest",
        /// An airdrop.
        Airdrop = "airdrop",
        /// Coins of a fork.
        Fork = "fork",
        /// Mined coins.
        Mining = "mining",
        /// A dividend.
        Dividend = "dividend",
        /// A gift.
        Gift = "gift",
        /// A fee that belongs to no trade.
        Fee = "fee",
        /// A correction by the source.
        Adjustment = "adjustment",
    }
}

impl MovementKind {
    /// Returns the way of a movement of this kind, unless its source states another. `None`: the
    /// source has to state it.
    pub fn direction(self) -> Option<Direction> {
        match self {
            Self::Deposit
            | Self::Reward
            | Self::Staking
            | Self::Interest
            | Self::Airdrop
            | Self::Fork
            | Self::Mining
            | Self::Dividend => Some(Direction::In),
            Self::Withdrawal | Self::Fee => Some(Direction::Out),
            Self::Transfer | Self::Gift | Self::Adjustment => None,
        }
    }

    /// Tells whether what comes in by this kind is income.
    pub fn is_income(self) -> bool {
        use MovementKind::{Airdrop, Dividend, Fork, Interest, Mining, Reward, Staking};
        matches!(
            self,
            Airdrop | Dividend | Fork | Interest | Mining | Reward | Staking
        )
    }
}

/// A movement to store beside the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Account.
    pub account: Account,
    /// Id of the movement; no trade of the account has it.
    pub movement_id: OrderId,
    /// The asset that moves, as the source spells it.
    pub asset: Asset,
    /// In or out.
    pub direction: Direction,
    /// Units that enter or leave the account, without the fee.
    pub size: Size,
    /// Fee of the movement and its asset; `None` is unknown.
    pub fee: Option<(Fee, Asset)>,
    /// Value in USD, as the source states it.
    pub usd_value: Option<Worth>,
    /// The kind that the source names.
    pub kind: MovementKind,
    /// When it was sent or received.
    pub moved_at: Timestamp,
    /// When the source booked it, if that is another instant.
    pub settled_at: Option<Timestamp>,
    /// Id of the transaction on a chain.
    pub tx_id: Option<String>,
    /// The venue.
    pub exchange: Option<String>,
    /// Line of the imported file, from 1.
    pub import_line: u64,
}

impl Movement {
    /// Tells whether it is income: what came in was a reward, interest, a fork or the like.
    pub fn is_income(&self) -> bool {
        self.kind.is_income() && self.direction == Direction::In
    }

    /// Returns the first fact in which two movements of one id differ: its column and both values.
    pub fn fact_that_differs(&self, other: &Self) -> Option<(&'static str, String, String)> {
        fn or_null(text: Option<String>) -> String {
            text.unwrap_or_else(|| "NULL".into())
        }
        let facts = |row: &Self| {
            let fee = row.fee.as_ref();
            [
                ("asset", row.asset.to_string()),
                ("direction", row.direction.as_str().to_owned()),
                ("size", row.size.to_string()),
                ("fee", or_null(fee.map(|(fee, _)| fee.to_string()))),
                (
                    "fee_asset",
                    or_null(fee.map(|(_, asset)| asset.to_string())),
                ),
                ("usd_value", or_null(row.usd_value.map(|it| it.to_string()))),
                ("kind", row.kind.to_string()),
                ("moved_at", row.moved_at.to_string()),
                (
                    "settled_at",
                    or_null(row.settled_at.map(|it| it.to_string())),
                ),
                ("tx_id", or_null(row.tx_id.clone())),
            ]
        };
        let mut pairs = facts(self).into_iter().zip(facts(other));
        let differ = pairs.find(|((_, mine), (_, theirs))| mine != theirs)?;
        let ((column, mine), (_, theirs)) = differ;
        Some((column, mine, theirs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn movement() -> Movement {
        Movement {
            account: "main".parse().unwrap(),
            movement_id: "d-1".parse().unwrap(),
            asset: "BTC".parse().unwrap(),
            direction: Direction::In,
            size: "1.50".parse().unwrap(),
            fee: None,
            usd_value: None,
            kind: MovementKind::Deposit,
            moved_at: Timestamp::EPOCH,
            settled_at: None,
            tx_id: None,
            exchange: None,
            import_line: 2,
        }
    }

    #[test]
    fn each_fact_tells_two_movements_apart_and_a_place_does_not() {
        let one = movement();
        let again = Movement {
            size: "1.5".parse().unwrap(),
            exchange: Some("kraken".into()),
            import_line: 9,
            ..movement()
        };
        assert_eq!(one.fact_that_differs(&again), None);
        type Change = (&'static str, fn(&mut Movement));
        let changes: [Change; 5] = [
            ("size", |it| it.size = "2".parse().unwrap()),
            ("direction", |it| it.direction = Direction::Out),
            ("fee", |it| {
                it.fee = Some(("0".parse().unwrap(), "BTC".parse().unwrap()))
            }),
            ("kind", |it| it.kind = MovementKind::Gift),
            ("tx_id", |it| it.tx_id = Some("ab".into())),
        ];
        for (column, change) in changes {
            let mut other = movement();
            change(&mut other);
            let differs = one.fact_that_differs(&other).unwrap();
            assert_eq!(differs.0, column);
        }
    }
}
