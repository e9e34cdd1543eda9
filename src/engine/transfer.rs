//! A transfer: a withdrawal and a deposit of one owner, which move lots between two accounts.
//!
//! A step before matching decides whether two movements make a transfer. A transfer has the facts
//! of both movements that matching needs. It does not say how they were found.

use super::ids::{Account, Asset, OrderId};
use super::number::{Size, Worth};
use super::time::Timestamp;

/// Units that went from one account to another of the same owner.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Transfer {
    /// The asset of both pools, by the names that settings give.
    pub asset: Asset,
    /// The account that sent.
    pub from: Account,
    /// Id of the movement in `from`.
    pub withdrawal: OrderId,
    /// When the units left.
    pub sent_at: Timestamp,
    /// Units that left `from`, without the fee.
    pub sent: Size,
    /// The account that received.
    pub to: Account,
    /// Id of the movement in `to`.
    pub deposit: OrderId,
    /// When the units arrived; never before `sent_at`.
    pub received_at: Timestamp,
    /// Units that arrived; never more than `sent` and a fee in the same asset together.
    pub received: Size,
    /// The fee of the withdrawal and its asset, by the names that settings give.
    pub fee: Option<(Size, Asset)>,
    /// The value of the withdrawal, as its source states it, and the units that have it. Units:
    /// USD, and units of the asset.
    pub usd_value: Option<(Worth, Size)>,
}
