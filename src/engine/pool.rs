//! A pool's part of the ledger, and the outcome of matching it.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use super::action::{AssetAction, Split, Unapplied, splits_of, unapplied};
use super::assets::{AssetRules, NotInUsd};
use super::canonical::write_trade_line;
use super::class::PoolClass;
use super::facts::MoreFacts;
use super::hash::RowsHash;
use super::ids::{Asset, Pool, Symbol};
use super::issue::IssueType;
use super::leg::Leg;
use super::moves::PoolMoves;
use super::outcome::Matching;
use super::place::PlaceInPool;
use super::plain::plain;
use super::splits::SplitError;
use super::text::{shown, thousands};
use super::time::Timestamp;
use super::trade::TradeRef;
use super::trade::{InvalidTrade, NOT_COMPUTED, Trade, TradeText};
use super::traded::Traded;
use super::trades::{PoolFull, Trades};

/// One pool of a ledger: its trades, and the rows that are not valid trades.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolLedger {
    /// The pool.
    pub pool: Pool,
    /// The trades, in any order.
    pub trades: Trades,
    /// Rows that are not trades.
    pub invalid: Vec<InvalidTrade>,
    /// Hash of all facts, valid or not.
    pub ledger_hash: RowsHash,
    /// The symbols of its rows, in order.
    pub symbols: Vec<Symbol>,
    /// The class of its asset. `None`: it has no row yet.
    pub class: Option<PoolClass>,
    /// Some rows are of a share, and others of a coin of the same name.
    pub is_mixed: bool,
    /// A symbol without explanation, or without a price in dollars.
    pub refused: Option<Box<NotInUsd>>,
    /// The first action that keeps it from being matched.
    pub unapplied: Option<Box<Unapplied>>,
    /// The splits that change its lots, in the order of time, also those after its last trade.
    pub splits: Box<[Split]>,
    /// The effects of transfers on its lots.
    pub moves: Option<Arc<PoolMoves>>,
    /// Entries that are not base legs: the trades are rows of other pools.
    pub legs: u64,
    /// Sells beyond the lots open short lots: the settings say so of the account.
    pub shorts: bool,
}

/// The column of a trade that names the class of its asset.
pub const CLASS_COLUMN: &str = "asset_class";

/// A buffer for the line of a trade to hash. All pools share one: in a small pool, a buffer would
/// take most of the memory.
#[derive(Debug, Default)]
pub struct LineRoom(pub(super) Vec<u8>);

impl PoolLedger {
    /// Makes a pool without trades.
    pub fn new(pool: Pool) -> Self {
        let (trades, invalid) = (Trades::new(), Vec::new());
        Self {
            pool,
            trades,
            invalid,
            ledger_hash: RowsHash::EMPTY,
            symbols: Vec::new(),
            class: None,
            is_mixed: false,
            refused: None,
            unapplied: None,
            splits: Box::default(),
            moves: None,
            legs: 0,
            shorts: false,
        }
    }

    /// Makes a pool without trades that may go short if its account may.
    pub fn of_rules(pool: Pool, rules: &AssetRules) -> Self {
        let shorts = rules.may_go_short(&pool.account);
        Self {
            shorts,
            ..Self::new(pool)
        }
    }

    /// Returns the same pool without trades.
    pub fn without_trades(&self) -> Self {
        Self {
            shorts: self.shorts,
            ..Self::new(self.pool.clone())
        }
    }

    /// Notes a symbol whose trades the pool takes, and what it stands for. A symbol without
    /// explanation refuses the pool.
    pub(super) fn add_symbol(&mut self, of: &Traded) {
        self.add_symbol_of_leg(&of.symbol);
        match &of.instrument {
            Ok(of) => self.add_class(PoolClass::of(of.class, of.class_source)),
            Err(error) => {
                // The same refusal in any order of the rows.
                let is_first = self
                    .refused
                    .as_ref()
                    .is_none_or(|it| error.symbol() < it.symbol());
                if is_first {
                    self.refused = Some(Box::new(error.clone()));
                }
            }
        }
    }

    /// Notes the symbol of a trade that has another leg than the base in the pool.
    pub(super) fn add_symbol_of_leg(&mut self, symbol: &Symbol) {
        if let Err(place) = self.symbols.binary_search(symbol) {
            self.symbols.reserve_exact(1);
            self.symbols.insert(place, symbol.clone());
        }
    }

    /// Notes the class that a row gives the pool's asset.
    pub(super) fn add_class(&mut self, class: PoolClass) {
        self.is_mixed |= self.class.is_some_and(|known| known.contradicts(class));
        self.class = Some(self.class.map_or(class, |known| known.and(class)));
    }

    /// Adds a row of the ledger whose symbol is the pool's name, as a trade or as a row that is not
    /// a valid trade.
    pub fn push_text(&mut self, text: &TradeText<'_>) {
        self.push_text_of(text, None, false);
    }

    /// Adds a row of the ledger, as a trade or as a row that is not a valid trade. `symbol`: that
    /// of the row, if the pool has another name. `is_plain`: the facts of a trade leave its price
    /// and its fee as they are.
    pub(super) fn push_text_of(
        &mut self,
        text: &TradeText<'_>,
        symbol: Option<&Symbol>,
        is_plain: bool,
    ) {
        if let Err(mut invalid) = self.try_push_text(text, symbol, is_plain) {
            invalid.symbol = symbol.cloned().map(Box::new);
            let symbol = self.pool.symbol_of(symbol.map(Symbol::as_str));
            let account = self.pool.account.as_str();
            // Every impossible time has the same spelling in the hash.
            let is_finite = |micros: &i64| !matches!(*micros, i64::MIN | i64::MAX);
            let order_time_micros = text.order_time_micros.filter(is_finite);
            let text = &TradeText {
                order_time_micros,
                ..*text
            };
            let line = format!("{account} {symbol} {text:?}\n");
            self.ledger_hash.add_row(line.as_bytes());
            self.invalid.push(invalid);
        }
    }

    /// Adds a trade whose numbers were read without text. Errors: the trade is not valid, and was
    /// not added; [`push_text`](Self::push_text) records it with the reason.
    pub fn try_push(
        &mut self,
        trade: &TradeRef<'_>,
        room: &mut LineRoom,
    ) -> Result<(), InvalidTrade> {
        trade.check_row()?;
        self.push_in(trade, room)
            .map_err(|error| InvalidTrade::of(trade.order_id, "order_id", error.to_string()))
    }

    fn try_push_text(
        &mut self,
        text: &TradeText<'_>,
        symbol: Option<&Symbol>,
        is_plain: bool,
    ) -> Result<(), InvalidTrade> {
        let mut trade = Trade::try_from_text(text)?;
        trade.entry.symbol = symbol.cloned();
        self.add_facts(&mut trade);
        let invalid = |column, reason: String| InvalidTrade::of(text.order_id, column, reason);
        let row = TradeRef::try_of(&trade).map_err(|error| invalid("size", error.to_string()))?;
        let is_beside = |facts: &MoreFacts| plain(self.pool.asset.as_str(), facts).is_err();
        let entry = match is_plain && trade.more.as_deref().is_some_and(is_beside) {
            // The facts are in the line of the trade, and the intake has judged them.
            true => TradeRef { more: None, ..row },
            false => row,
        };
        let pushed = self.trades.push(&entry);
        pushed.map_err(|error| invalid("order_id", error.to_string()))?;
        self.add_line(&row, &mut LineRoom::default());
        Ok(())
    }

    /// Removes the facts of a trade that its symbol says already.
    pub(super) fn add_facts(&self, trade: &mut Trade) {
        if let Some(more) = trade.more.take() {
            let symbol = self
                .pool
                .symbol_of(trade.entry.symbol.as_ref().map(Symbol::as_str));
            let facts = Arc::unwrap_or_clone(more).beside(symbol);
            trade.more = facts.map(Arc::new);
        }
    }

    /// Notes the splits that change the pool's lots, and the first action that keeps it from being
    /// matched. `moved_at`: when lots last came or left.
    pub fn note_actions(
        &mut self,
        actions: &[AssetAction],
        rules: &AssetRules,
        moved_at: Option<Timestamp>,
    ) {
        if !actions.iter().any(|it| it.concerns(&self.pool, rules)) {
            return;
        }
        let last = self.trades.iter().map(|trade| trade.order_time);
        let last = last.chain(moved_at).max();
        let found = unapplied(actions, rules, (&self.pool, last));
        self.unapplied = found.map(Box::new);
        self.splits = splits_of(actions, rules, &self.pool);
    }

    /// Returns the hash of all facts from which a result of the pool is made: its rows, its
    /// splits, and its transfers.
    pub fn facts_hash(&self) -> RowsHash {
        let mut hash = self.ledger_hash;
        for split in &self.splits {
            split.add_to(&self.pool, &mut hash);
        }
        if let Some(moves) = &self.moves {
            moves.add_to(&self.pool, &mut hash);
        }
        hash
    }

    /// Returns the number of rows of the ledger, valid or not; legs of trades of other pools are
    /// not among them.
    pub fn rows(&self) -> u64 {
        let rows = self.trades.len().saturating_add(self.invalid.len());
        let rows = u64::try_from(rows).unwrap_or(u64::MAX);
        rows.saturating_sub(self.legs)
    }

    /// Returns the place of the last trade, in the order of the pool.
    pub fn last_trade(&self) -> Option<PlaceInPool> {
        let places = self.trades.iter().map(|trade| trade.place());
        let last = places.max_by(|left, right| self.cmp(left, right));
        last.map(|place| place.owned())
    }

    /// Tells whether a trade comes after a place, in the order of the pool.
    pub fn is_after(&self, trade: &TradeRef<'_>, last: &PlaceInPool) -> bool {
        self.cmp(&trade.place(), &last.borrowed()).is_gt()
    }

    fn cmp(&self, left: &PlaceInPool<&str>, right: &PlaceInPool<&str>) -> Ordering {
        match self.shorts {
            true => left.cmp_in_signed(right),
            false => left.cmp(right),
        }
    }

    /// Adds a trade. Errors: the pool is full.
    pub fn push(&mut self, trade: &TradeRef<'_>) -> Result<(), PoolFull> {
        self.push_in(trade, &mut LineRoom::default())
    }

    fn push_in(&mut self, trade: &TradeRef<'_>, room: &mut LineRoom) -> Result<(), PoolFull> {
        self.trades.push(trade)?;
        self.add_line(trade, room);
        Ok(())
    }

    pub(super) fn add_line(&mut self, trade: &TradeRef<'_>, room: &mut LineRoom) {
        room.0.clear();
        write_trade_line(&self.pool, trade, &mut room.0);
        self.ledger_hash.add_row(&room.0);
    }
}

/// Why a pool has no allocations: a question that only a person can settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// `InvalidTrade`, `MissingFx`, `UnappliedAction` or `AllocationError`.
    pub issue: IssueType,
    /// The whole pool's reason, in a sentence.
    pub reason: String,
    /// The rows at fault, if single rows are.
    pub invalid: Vec<InvalidTrade>,
    /// Settings that would settle it, as TOML; empty: no setting would.
    pub settings: String,
    /// The column whose values contradict the symbol, or are no names.
    pub column: Option<&'static str>,
}

/// The outcome of a pool in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolResult {
    /// Matched and self-checked.
    Matched(Box<Matching>),
    /// The pool is not matched; the run goes on with all other pools.
    Rejected(Rejection),
    /// A person excluded the pool, for this reason.
    Excluded(String),
}

/// A pool's result and the hash of the ledger it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolOutcome {
    /// The pool.
    pub pool: Pool,
    /// The symbols of its rows, in order.
    pub symbols: Vec<Symbol>,
    /// The class of its asset. `None`: it has no row yet.
    pub class: Option<PoolClass>,
    /// Trades in the ledger, valid or not.
    pub trades: u64,
    /// Hash of the facts of all trades, valid or not.
    pub ledger_hash: RowsHash,
    /// Hash of the pool's canonical rows; that of no rows if the pool is not matched.
    pub allocations_hash: RowsHash,
    /// Matched, rejected or excluded.
    pub result: PoolResult,
}

impl Rejection {
    /// Makes the rejection of a pool that fails the engine's own check.
    pub fn of_check(error: &dyn std::fmt::Display) -> Self {
        Self {
            issue: IssueType::AllocationError,
            reason: error.to_string(),
            invalid: Vec::new(),
            settings: String::new(),
            column: None,
        }
    }

    /// Makes the rejection of a pool whose lots an action changes.
    pub fn of_action(unapplied: &Unapplied) -> Self {
        Self {
            issue: IssueType::UnappliedAction,
            reason: unapplied.to_string(),
            invalid: Vec::new(),
            settings: String::new(),
            column: None,
        }
    }

    /// Makes the rejection of a pool whose rows are of a share and of a coin.
    pub fn of_classes(asset: &Asset) -> Self {
        let asset = shown(asset.as_str()).quoted();
        Self {
            issue: IssueType::MissingFx,
            reason: format!(
                "{asset} is a share in some rows and a coin in others, expected one of both in an \
                 account"
            ),
            invalid: Vec::new(),
            settings: String::new(),
            column: Some(CLASS_COLUMN),
        }
    }

    /// Makes the rejection of a pool with a split that can't be applied.
    pub fn of_split(error: &SplitError) -> Self {
        Self {
            issue: IssueType::UnappliedAction,
            reason: error.to_string(),
            invalid: Vec::new(),
            settings: String::new(),
            column: None,
        }
    }

    /// Makes the rejection of a pool without dollar prices. A refused symbol is of the same kind:
    /// its currency is unknown, and settings settle it, not another row.
    pub fn of_quote(error: &NotInUsd) -> Self {
        let (settings, column) = match error {
            NotInUsd::Unknown(unknown) => (unknown.settings_text(), unknown.why.column()),
            NotInUsd::OtherQuote { .. } => (String::new(), None),
        };
        Self {
            issue: IssueType::MissingFx,
            reason: error.to_string(),
            invalid: Vec::new(),
            settings,
            column,
        }
    }
}

/// Counts the trades, the income and the network fees that lack a rate. `None`: no trade does.
fn without_value(lacking: &[&InvalidTrade]) -> Option<String> {
    // A trade may lack a rate with several of its legs.
    let ids: BTreeSet<(&str, &str)> = lacking
        .iter()
        .map(|row| (row.leg.record(), row.order_id.as_str()))
        .collect();
    let count = |leg: Leg, one: &str, several: &str| {
        let rows = ids.iter().filter(|(record, _)| *record == leg.record());
        match rows.count() {
            0 => None,
            1 => Some(format!("1 {one}")),
            rows => Some(format!("{} {several}", thousands(rows))),
        }
    };
    let counted = [
        count(Leg::Base, "trade", "trades"),
        count(Leg::Income, "income row", "income rows"),
        count(Leg::Network, "network fee", "network fees"),
    ];
    let counted: Vec<String> = counted.into_iter().flatten().collect();
    let verb = match ids.len() {
        0 => return None,
        1 => "has",
        _ => "have",
    };
    Some(format!("{} {verb} no value in USD", counted.join(" and ")))
}

/// Returns the rejection of a pool with rows that are not trades, if there are any.
pub fn invalid_rows(mut invalid: Vec<InvalidTrade>) -> Option<Rejection> {
    // The reason names the first row. Sorting makes that the same row in any order of the ledger.
    invalid.sort_by_cached_key(|row| (row.order_id.clone(), row.column, row.reason.clone()));
    let is_without_rate = |row: &&InvalidTrade| row.issue == IssueType::MissingFx;
    let (lacking, faulty): (Vec<_>, Vec<_>) = invalid.iter().partition(is_without_rate);
    let first = faulty.first().or(lacking.first())?;
    let is_of_contracts = |row: &&&InvalidTrade| row.reason.ends_with(NOT_COMPUTED);
    let contracts = faulty.iter().filter(is_of_contracts).count();
    let uncomputed = match contracts {
        0 => None,
        1 => Some("1 trade of contracts is not computed yet".to_owned()),
        rows => Some(format!(
            "{} trades of contracts {NOT_COMPUTED}",
            thousands(rows)
        )),
    };
    let rows = match faulty.len().saturating_sub(contracts) {
        0 => None,
        1 => Some("1 row is not a trade".to_owned()),
        rows => Some(format!("{} rows are not trades", thousands(rows))),
    };
    let valueless = without_value(&lacking);
    let counted: Vec<String> = rows
        .into_iter()
        .chain(uncomputed)
        .chain(valueless)
        .collect();
    let reason = match invalid.len() {
        1 => first.to_string(),
        _ => format!("{}; the first: {first}", counted.join(", and ")),
    };
    let issue = match faulty.is_empty() {
        true => IssueType::MissingFx,
        false => IssueType::InvalidTrade,
    };
    Some(Rejection {
        issue,
        reason,
        invalid,
        settings: String::new(),
        column: None,
    })
}
