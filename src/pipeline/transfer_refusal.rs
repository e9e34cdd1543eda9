//! Why a person's word about a transfer is refused.

use crate::engine::{DecisionKind, Direction, MovementKey, NoPair, NoPart, PairedBy, shown};

/// Why a decision about a transfer is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TransferRefusal {
    /// No movement has that name.
    #[error("no movement is {}", shown(.0).quoted())]
    Unknown(String),
    /// Movements of several accounts have that id.
    #[error("{} is in accounts {}", shown(.0).quoted(), .1.join(", "))]
    Several(String, Vec<String>),
    /// The import of the movement is undone.
    #[error("{0} is of an import that is undone")]
    Undone(MovementKey),
    /// A deposit stands in the place of a withdrawal, or the other way round.
    #[error("{0} goes {1}, expected {way}", way = other_way(*.1))]
    OtherWay(MovementKey, Direction),
    /// The movement is in another pair.
    #[error("{0} is paired with {1}: {by}", by = paired_by(*.2))]
    Paired(MovementKey, MovementKey, PairedBy),
    /// The movement can't be half of a transfer.
    #[error("{0} can't be half of a transfer: {why}", why = no_part(*.1))]
    NoPart(MovementKey, NoPart),
    /// The two can't make a transfer.
    #[error("{0} and {1} can't make a transfer: {why}", why = no_pair(*.2))]
    NoPair(MovementKey, MovementKey, NoPair),
    /// That is decided already.
    #[error("{0} and {1} are {state} already", state = decided(*.2))]
    Decided(MovementKey, MovementKey, DecisionKind),
    /// Income comes in, and the movement goes out.
    #[error("{0} goes out, so it is no income")]
    GoesOut(MovementKey),
    /// That is decided already of one movement.
    #[error("{0} is {1} already")]
    Settled(MovementKey, DecisionKind),
}

fn other_way(way: Direction) -> &'static str {
    match way {
        Direction::In => "a movement that goes out",
        Direction::Out => "a movement that goes in",
    }
}

fn paired_by(by: PairedBy) -> &'static str {
    match by {
        PairedBy::Person => "a person decided it",
        PairedBy::TxId => "both have one transaction",
        PairedBy::Size => "they have one size, and nothing else fits",
    }
}

fn decided(kind: DecisionKind) -> &'static str {
    match kind {
        DecisionKind::Pair => "paired",
        DecisionKind::Unpair => "set apart",
        DecisionKind::Booked => "booked",
        DecisionKind::Income => "income",
        DecisionKind::Undecided => "undecided",
    }
}

/// Says why a movement can't be half of a transfer.
pub fn no_part(why: NoPart) -> &'static str {
    match why {
        NoPart::Income => "it is income, a lot of its own",
        NoPart::Kind => "it is no deposit, withdrawal or transfer",
        NoPart::Currency => "dollars, and the money of a state, have no lots to move",
        NoPart::Fee => "its fee takes all of it",
        NoPart::Digits => "what is left after its fee has too many digits",
        NoPart::Short => "its account may go short",
        NoPart::Future => "it is a future",
        NoPart::SymbolPools => "pools are by symbol, so no one pool has its units",
    }
}

/// Says why two movements can't make a transfer.
pub fn no_pair(why: NoPair) -> &'static str {
    match why {
        NoPair::SameWay => "both go the same way",
        NoPair::SameAccount => "both are of one account",
        NoPair::TwoAssets => "they are of two assets",
        NoPair::Larger => "more arrived than left",
        NoPair::Digits => "what did not arrive has too many digits",
    }
}
