//! Transfers as one pool sees them: lots come, lots leave.
//!
//! `inventory.rs` finds it for all pools that transfers tie together. Each pool is then matched
//! alone, with these moves between its trades (see `changes.rs`).

use std::collections::BTreeSet;
use std::sync::Arc;

use super::canonical::{next, text, value};
use super::hash::RowsHash;
use super::ids::{Account, Asset, OrderId, Pool};
use super::issue::IssueType;
use super::leg::Leg;
use super::money::{MoneyError, add_sizes, sub_sizes};
use super::number::{Size, Usd};
use super::origin::MovedFrom;
use super::text::shown;
use super::time::Timestamp;
use super::trade::{InvalidTrade, Trade};
use super::transfer::Transfer;

/// Units of one lot that a transfer moved.
///
/// Units: sizes in base units, costs in USD.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LotMove {
    /// The asset of both pools.
    pub asset: Asset,
    /// The account that sent.
    pub from: Account,
    /// The movement that left it.
    pub withdrawal: OrderId,
    /// The account that received.
    pub to: Account,
    /// The movement that arrived.
    pub deposit: OrderId,
    /// The account that bought the lot.
    pub buy_account: Account,
    /// The buy of the lot.
    pub buy_order_id: OrderId,
    /// The leg of the buy.
    pub buy_leg: Leg,
    /// The deposit that brought the lot into `from`. `None`: it was bought there.
    pub buy_movement: Option<OrderId>,
    /// When the lot was bought first.
    pub buy_time: Timestamp,
    /// Units that moved.
    pub size: Size,
    /// The cost of these units.
    pub cost_usd: Usd,
}

impl LotMove {
    /// Returns where the lot had come from in the account that sent it.
    pub fn origin(&self, from: &Account) -> Option<MovedFrom> {
        let account = (self.buy_account != *from).then(|| self.buy_account.clone());
        let movement = self.buy_movement.clone()?;
        Some(MovedFrom { account, movement })
    }
}

/// Transfers out of a pool: what moved, and what was not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MovedOut {
    /// Units that moved, in the order in which they left.
    pub lots: Vec<LotMove>,
    /// Units that should have moved.
    pub missing: Vec<MissingLots>,
}

/// Units that a transfer should have moved, and that the sending pool did not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingLots {
    /// The transfer.
    pub transfer: Arc<Transfer>,
    /// Units without a lot.
    pub size: Size,
}

/// The place of a change among all that happens in a pool at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    /// Units become more or fewer.
    Split,
    /// Lots come.
    Arrival,
    /// Buys and sells.
    Trade,
    /// Lots leave.
    Departure,
    /// Lots come that could leave only after others of this pool, at the same instant.
    LateArrival,
    /// The network takes its fee.
    NetworkFee,
}

/// The effect of a transfer on one pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum MoveChange {
    /// These lots come, each whole.
    Came(Vec<Trade>),
    /// Lots leave.
    Left(Arc<Transfer>),
}

/// The effect of a transfer on one pool, and its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PoolMove {
    pub(super) at: Timestamp,
    pub(super) rank: Rank,
    pub(super) change: MoveChange,
}

/// The reason why the moves of a pool can't be known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MovesRefused {
    pub(super) issue: IssueType,
    pub(super) reason: String,
    /// The rows at fault, if single rows are.
    pub(super) invalid: Vec<InvalidTrade>,
}

impl MovesRefused {
    /// Refuses a pool whose lots depend on a transfer that can't be applied.
    pub(super) fn of_transfer(reason: String) -> Self {
        Self {
            issue: IssueType::UnappliedTransfer,
            reason,
            invalid: Vec::new(),
        }
    }

    /// Refuses a pool that got lots from a pool without a result. `word` says what that one is.
    pub(super) fn by_sender(sender: &Pool, word: &str) -> Self {
        let account = shown(sender.account.as_str()).quoted();
        Self::of_transfer(format!(
            "lots came from the pool of {account}, which is {word}"
        ))
    }
}

/// The effects of all transfers on one pool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PoolMoves {
    /// In the order in which they happen.
    pub(super) moves: Vec<PoolMove>,
    /// The transfers of the pool; also those whose network took a fee in its asset.
    pub(super) transfers: Vec<Arc<Transfer>>,
    /// The pools from which lots may have come, also by way of others.
    pub(super) senders: BTreeSet<Pool>,
    /// The reason why no result of the pool would be right.
    pub(super) refused: Option<MovesRefused>,
}

impl PoolMoves {
    /// Adds the transfers of a pool to the hash of its facts.
    pub(super) fn add_to(&self, pool: &Pool, hash: &mut RowsHash) {
        for transfer in &self.transfers {
            hash.add_row(&line_of(pool, transfer));
        }
    }

    /// Makes the moves of a pool whose units only paid fees of networks.
    pub fn of_fees(transfers: Vec<Arc<Transfer>>) -> Self {
        Self {
            transfers,
            ..Self::default()
        }
    }

    /// Notes transfers whose network took a fee in the asset of the pool.
    pub fn add_fees(&mut self, transfers: Vec<Arc<Transfer>>) {
        self.transfers.extend(transfers);
        self.transfers.sort();
        self.transfers.dedup();
    }

    /// Tells whether lots may have come from other pools.
    pub fn has_senders(&self) -> bool {
        !self.senders.is_empty()
    }

    /// Tells whether no result of the pool would be right.
    pub fn is_refused(&self) -> bool {
        self.refused.is_some()
    }

    /// Returns the transfers of the pool.
    pub fn transfers(&self) -> impl Iterator<Item = &Transfer> {
        self.transfers.iter().map(|transfer| &**transfer)
    }
}

fn line_of(pool: &Pool, transfer: &Transfer) -> Vec<u8> {
    let mut line = b"transfer".to_vec();
    let names = [
        pool.account.as_str(),
        pool.asset.as_str(),
        transfer.from.as_str(),
        transfer.withdrawal.as_str(),
    ];
    for name in names {
        next(&mut line, |line| text(line, name));
    }
    next(&mut line, |line| value(line, Some(transfer.sent_at)));
    next(&mut line, |line| value(line, Some(transfer.sent)));
    for name in [transfer.to.as_str(), transfer.deposit.as_str()] {
        next(&mut line, |line| text(line, name));
    }
    next(&mut line, |line| value(line, Some(transfer.received_at)));
    next(&mut line, |line| value(line, Some(transfer.received)));
    let fee = transfer.fee.as_ref();
    next(&mut line, |line| value(line, fee.map(|(fee, _)| *fee)));
    let asset = fee.map_or("", |(_, asset)| asset.as_str());
    next(&mut line, |line| text(line, asset));
    let stated = transfer.usd_value.as_ref();
    next(&mut line, |line| {
        value(line, stated.map(|(worth, _)| *worth))
    });
    next(&mut line, |line| {
        value(line, stated.map(|(_, units)| *units))
    });
    line.push(b'\n');
    line
}

impl Transfer {
    /// Returns when the units arrive: never before they were sent.
    pub fn arrives_at(&self) -> Timestamp {
        self.received_at.max(self.sent_at)
    }

    /// Returns the pool that sends.
    pub fn sending_pool(&self) -> Pool {
        Pool::new(self.from.clone(), self.asset.clone())
    }

    /// Returns the pool that receives.
    pub fn receiving_pool(&self) -> Pool {
        Pool::new(self.to.clone(), self.asset.clone())
    }

    /// Returns the fees of the network: each asset, and its units that left and did not arrive.
    ///
    /// Errors: more arrived than left, or the units have too many digits.
    pub fn network_fees(&self) -> Result<Vec<(Asset, Size)>, MoneyError> {
        let fee = self.fee.as_ref();
        let (own, other): (Vec<_>, Vec<_>) = fee.into_iter().partition(|(_, it)| *it == self.asset);
        let own = own.first().map_or(Size::ZERO, |(fee, _)| *fee);
        let lost = sub_sizes(add_sizes(self.sent, own)?, self.received)?;
        let lost = (self.asset.clone(), lost);
        let other = other.into_iter().map(|(fee, asset)| (asset.clone(), *fee));
        let fees = std::iter::once(lost).chain(other);
        Ok(fees.filter(|(_, units)| !units.is_zero()).collect())
    }
}
