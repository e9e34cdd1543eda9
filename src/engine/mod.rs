//! The rules: trades to lots, allocations, review items, checks.
//!
//! No input or output, clock, environment, randomness, async, logging or threads; no floats, no
//! unchecked operators, no maps of random order.
//!
//! Read next: `trade.rs` (the input), `kernel.rs` (the loop), `matching.rs` (from pools to the
//! loop), `outcome.rs` (the result). Then `money.rs` (the arithmetic), `checks.rs` and
//! `reference.rs` (the checks).

#![deny(clippy::float_arithmetic, clippy::arithmetic_side_effects)]
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]
#![cfg_attr(test, allow(clippy::arithmetic_side_effects))]

mod action;
mod assets;
mod canonical;
mod changes;
mod checks;
mod class;
mod currency_names;
mod digits;
mod direction;
mod entering;
mod fact;
mod facts;
mod hash;
mod ids;
mod income;
mod intake;
mod inventory;
mod issue;
mod judge;
mod kernel;
mod ledger;
mod leg;
mod legs;
mod lots;
mod matcher;
mod matching;
mod money;
mod movement;
mod moves;
mod moving;
mod network;
mod number;
mod origin;
mod outcome;
mod own_rates;
mod pairing;
mod parts;
mod pending;
mod place;
mod places;
mod plain;
pub mod policy;
mod pool;
mod rates;
mod rebates;
pub mod reference;
mod resume;
mod review;
mod self_check;
mod side;
mod splits;
mod stored;
mod stream;
mod symbols;
mod text;
mod ties;
mod time;
mod totals;
mod trade;
mod traded;
mod trades;
mod transfer;
mod wide;
mod withheld;

pub use action::{
    ActionKind, ActionRatio, AssetAction, Split, SplitChange, Unapplied, actions_in_effect,
    actions_of, note_movements, unapplied,
};
pub use assets::{
    AssetRules, CodeKind, Instrument, InstrumentSettings, NotInUsd, PoolsBy, Proposal,
    UnknownInstrument, UnknownWhy, codes_hash, is_dollar_coin, kind_of_code, short_settings,
    ticker_settings,
};
pub use canonical::{
    ALLOCATION_HEADER, AllocationRow, Canonical, Notes, NotesError, write_trade_line,
};
pub use checks::{ExpectedLegs, Invariant, MovedPool, PoolVersion, Violation, check_pool};
pub use class::{AssetClass, AssetClassError, ClassSource, PoolClass};
pub use currency_names::may_name_currency;
pub use direction::LotDirection;
pub use entering::{Entered, enter};
pub use fact::{Fact, FactTextError};
pub use facts::{
    CoinFee, MORE_COLUMNS, MoreError, MoreFacts, MoreFault, MoreRef, MoreText, OtherFee,
};
pub use hash::{HashTextError, RowsHash};
pub use ids::{
    Account, Asset, CORRECTION_MARK, IdError, MADE_HASH_DIGITS, OrderId, Pool, PoolNames, Symbol,
    split_correction,
};
pub use income::{Income, income_of, push_income, received_income, with_decided_income};
pub use intake::{Intake, RowPlace, Taken};
pub use inventory::{TiedPools, find_moves, tied_pools};
pub use issue::{IssueType, Severity, UnknownWord};
pub use judge::{compute_pool, judge_pool, match_in_place};
pub use ledger::{Carried, LedgerTrade};
pub use leg::{Entry, Leg};
pub use legs::{NoLegs, TradeLegs, UnlikeValue, legs_of};
pub use lots::{InventoryLot, LotPicker, LotSums, OpenLot};
pub use matcher::{MatchedSlice, Matcher, MatcherError};
pub use matching::{match_pool, match_trades};
pub use money::{
    MoneyError, SignedAmount, add_sizes, fee_share_of_size, gross_of_size, price_of_basis,
    price_of_value, sub_sizes, without_fee,
};
pub use movement::{Direction, Movement, MovementKind};
pub use moves::{LotMove, MissingLots, MovedOut, PoolMoves};
pub use network::{network_fees, push_network_fees};
pub use number::{Fee, NumberError, Price, Size, Usd, UsdPerUnit, Worth};
pub use origin::MovedFrom;
pub use outcome::{LotChanges, Matching};
pub use own_rates::OwnTrades;
pub use pairing::{
    Alone, AloneWhy, DecisionKind, MovementKey, NoPair, NoPart, NoTransfer, Paired, PairedBy,
    Pairing, Proposed, ProposedWhy, TransferDecision, pair, transfer_of,
};
pub use pending::Pending;
pub use place::PlaceInPool;
pub use pool::{
    CLASS_COLUMN, LineRoom, PoolLedger, PoolOutcome, PoolResult, Rejection, invalid_rows,
};
pub use rates::{
    FoundRate, MissingRate, OwnRate, Rate, RateBook, RateError, RateOrigin, RatePurpose, RateRules,
    RateSource, RateStep, RateUsed, RateUsedKey, RateUsedRef, RateValue, RatesDiffer, RatesUsed,
    SourceError, WantedRate, published_at, rates_hash,
};
pub use rebates::FeeSigns;
pub use resume::{Continued, PoolState, continue_pool, reach_of};
pub use review::{
    ReviewItem, missing_items, rejection_items, review_items, unmatched_item, unmatched_items,
};
pub use self_check::SelfCheckError;
pub use side::{Side, SideError};
pub use splits::SplitError;
pub use stored::{
    PoolStatus, StoredAllocation, StoredLot, StoredSummary, UnmatchedItems, WholeLot,
};
pub use stream::PoolStream;
pub use symbols::{SymbolTotals, followed_by};
pub use text::{
    FORMULA_MARK, Shown, UNICODE_VERSION, is_formula, is_hidden, is_other_blank, is_plain,
    push_shown, shown, shown_sentence, shown_within, thousands, without_mark,
};
pub use time::{TimeError, Timestamp};
pub use totals::PoolTotals;
pub use trade::{
    EntryKey, InvalidTrade, NOT_COMPUTED, Trade, TradeRef, TradeText, is_executed,
    is_never_executed,
};
pub use traded::{PendingTrade, STATED_COLUMNS, StatedNames, Traded, pools_of};
pub use trades::{PoolFull, Trades};
pub use transfer::Transfer;
pub use withheld::{Withheld, leaves_nothing, withheld};
