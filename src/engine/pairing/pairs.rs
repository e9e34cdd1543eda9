//! The result of pairing, and the decisions of a person that it takes.

use std::fmt;

use super::halves::{NoPair, NoPart, units_moved};
use crate::engine::assets::AssetRules;
use crate::engine::ids::{Account, Asset, OrderId};
use crate::engine::issue::words;
use crate::engine::movement::Movement;
use crate::engine::number::Worth;
use crate::engine::time::Timestamp;
use crate::engine::transfer::Transfer;

/// A movement: its account and its id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct MovementKey {
    /// The account.
    pub account: Account,
    /// The id in it.
    pub movement_id: OrderId,
}

impl MovementKey {
    /// Returns the key of a movement.
    pub fn of(movement: &Movement) -> Self {
        Self {
            account: movement.account.clone(),
            movement_id: movement.movement_id.clone(),
        }
    }
}

impl fmt::Display for MovementKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.account, self.movement_id)
    }
}

words! {
    /// A person's word about a withdrawal and a deposit, or about one movement.
    DecisionKind {
        /// They make a transfer.
        Pair = "pair",
        /// They make none.
        Unpair = "unpair",
        /// One movement alone: trades or lots of the ledger have its units.
        Booked = "booked",
        /// One movement alone: what came in was income.
        Income = "income",
        /// One movement alone: nobody says any more what it is.
        Undecided = "undecided",
    }
}

impl DecisionKind {
    /// Tells whether it is a word about one movement alone.
    pub fn is_of_one(self) -> bool {
        matches!(self, Self::Booked | Self::Income | Self::Undecided)
    }
}

/// A person's decision about a withdrawal and a deposit, or about one movement, which is then in
/// both places. The latest of the same two counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransferDecision {
    /// Pair or unpair.
    pub kind: DecisionKind,
    /// The withdrawal.
    pub withdrawal: MovementKey,
    /// The deposit.
    pub deposit: MovementKey,
    /// The person's words.
    pub note: Option<String>,
    /// The person.
    pub decided_by: String,
    /// When.
    pub decided_at: Timestamp,
    /// The value of income in USD, as the person states it. `None`: a rate gives it.
    pub usd_value: Option<Worth>,
}

words! {
    /// How a transfer was found.
    PairedBy {
        /// A person decided it.
        Person = "person",
        /// Both movements have the same transaction.
        TxId = "tx",
        /// The sizes are equal, and nothing else fits.
        Size = "size",
    }
}

words! {
    /// The reason why a pair is only proposed.
    ProposedWhy {
        /// The sizes are equal, and have so few digits that this proves little.
        FewDigits = "few_digits",
        /// The sizes are equal, and the two name different transactions.
        OtherTx = "other_tx",
        /// The sizes are equal, and more than 72 hours are between them.
        Apart = "apart",
        /// Within 72 hours a little less arrived than was sent.
        LessArrived = "less_arrived",
    }
}

/// A transfer that counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paired {
    /// The transfer.
    pub transfer: Transfer,
    /// How it was found.
    pub by: PairedBy,
}

/// A pair that counts if a person says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposed {
    /// The transfer that it would be.
    pub transfer: Transfer,
    /// Why it does not count without a person.
    pub why: ProposedWhy,
}

/// Why a movement is in no pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AloneWhy {
    /// It can't be a part of a transfer.
    NoPart(NoPart),
    /// Its transaction, or a person, names another movement, and the two can't make a transfer.
    NoPair(MovementKey, NoPair),
    /// Several movements have its transaction.
    SharedTx,
    /// These fit, and one of the two fits others, too. The list has the first few.
    Several(Vec<MovementKey>),
    /// A deposit of its size came before it was sent.
    Earlier(MovementKey),
    /// A person said that it makes no transfer with this one.
    Unpaired(MovementKey),
    /// A person said that trades or lots of the ledger have its units.
    Booked,
    /// Nothing fits.
    Nothing,
}

/// A movement that is in no pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alone {
    /// The movement.
    pub movement: Movement,
    /// Its asset, by the names that settings give.
    pub asset: Asset,
    /// Why.
    pub why: AloneWhy,
}

impl Alone {
    /// Tells whether it may be half of a transfer. A reward may not, nor a payment in dollars.
    pub fn may_be_half(&self) -> bool {
        !matches!(self.why, AloneWhy::NoPart(_) | AloneWhy::Booked)
    }

    /// Tells whether it changes holdings without a word about lots: a deposit or a withdrawal in no
    /// transfer, a gift, a fee, a correction.
    pub fn is_undecided(&self, rules: &AssetRules) -> bool {
        match self.why {
            AloneWhy::NoPart(NoPart::Kind) => units_moved(&self.movement, rules).is_ok(),
            AloneWhy::NoPart(_) | AloneWhy::Booked => false,
            _ => true,
        }
    }
}

/// All movements, each in one pair or alone.
///
/// Order: by time, account and id, of the withdrawal if there are two.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pairing {
    /// The transfers that count.
    pub transfers: Vec<Paired>,
    /// Pairs that a person may accept. No movement is in two of them.
    pub proposed: Vec<Proposed>,
    /// All other movements.
    pub alone: Vec<Alone>,
}

impl Pairing {
    /// Returns the transfers alone.
    pub fn into_transfers(self) -> Vec<Transfer> {
        self.transfers.into_iter().map(|it| it.transfer).collect()
    }
}
