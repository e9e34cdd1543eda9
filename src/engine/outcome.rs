//! What matching gives: allocations, open lots, totals; or the reason why a pool has none.

use super::canonical::{AllocationRow, Notes, write_trade_line};
use super::hash::RowsHash;
use super::ids::{Account, Pool, Symbol};
use super::matching::{does_not_fit, match_pool};
use super::money::{self, MoneyError};
use super::number::{Size, Usd, UsdPerUnit};
use super::review::IssueType;
use super::symbol::SymbolRules;
use super::time::Timestamp;
use super::trade::{InvalidTrade, Side, Trade, TradeText};

/// The amounts of one allocation. Units: base units and USD.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Amounts {
    /// How much of the lot went to the sell.
    pub size: Size,
    /// The slice's share of the buy's price and fee; `None` where no lot was left.
    pub cost_basis: Option<Usd>,
    /// The slice's share of the sell.
    pub proceeds: Usd,
    /// Proceeds less the slice's share of the sell's fee.
    pub net_proceeds: Usd,
    /// Net proceeds less cost basis; `None` where no lot was left.
    pub pnl: Option<Usd>,
}

/// A slice of one lot given to one sell; both are indices into [`Matching::trades`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocation {
    /// The sell.
    pub sell: u32,
    /// The buy; `None` where no lot was left.
    pub buy: Option<u32>,
    /// Size, cost basis, proceeds, pnl.
    pub amounts: Amounts,
}

/// A lot with something left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenLot {
    /// The buy: an index into [`Matching::trades`].
    pub buy: u32,
    /// Units: base units.
    pub remaining_size: Size,
    /// Units: USD, the cost of what is left, so that used and left add up to the whole.
    pub remaining_cost: Usd,
}

/// Counts and sums of one pool. Unmatched parts stand apart and are in no other sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolTotals {
    /// Trades matched.
    pub trades: u64,
    /// Buys among them.
    pub buys: u64,
    /// Sells among them.
    pub sells: u64,
    /// (sell, buy) pairs.
    pub allocations: u64,
    /// Sells with at least one pair.
    pub sells_matched: u64,
    /// Sells with a part that found no lot.
    pub sells_unmatched: u64,
    /// Buys with at least one pair.
    pub buys_used: u64,
    /// Trades whose fee is unknown and counts zero.
    pub fees_unknown: u64,
    /// Sum over the pairs, base units.
    pub matched_size: Size,
    /// Sum over the pairs, USD.
    pub cost_basis: Usd,
    /// Sum over the pairs, USD.
    pub proceeds: Usd,
    /// Sum over the pairs, USD.
    pub net_proceeds: Usd,
    /// Sum over the pairs, USD.
    pub pnl: Usd,
    /// What found no lot, base units.
    pub unmatched_size: Size,
    /// What found no lot, USD before the fee.
    pub unmatched_proceeds: Usd,
    /// What found no lot, USD after the fee.
    pub unmatched_net_proceeds: Usd,
    /// Lots with something left.
    pub open_lots: u64,
    /// What is left in them, base units.
    pub open_size: Size,
    /// What that cost, USD.
    pub open_cost: Usd,
    /// Execution of the first sell.
    pub first_sell: Option<Timestamp>,
    /// Execution of the last sell.
    pub last_sell: Option<Timestamp>,
}

impl Default for PoolTotals {
    fn default() -> Self {
        Self {
            trades: 0,
            buys: 0,
            sells: 0,
            allocations: 0,
            sells_matched: 0,
            sells_unmatched: 0,
            buys_used: 0,
            fees_unknown: 0,
            matched_size: Size::ZERO,
            cost_basis: Usd::ZERO,
            proceeds: Usd::ZERO,
            net_proceeds: Usd::ZERO,
            pnl: Usd::ZERO,
            unmatched_size: Size::ZERO,
            unmatched_proceeds: Usd::ZERO,
            unmatched_net_proceeds: Usd::ZERO,
            open_lots: 0,
            open_size: Size::ZERO,
            open_cost: Usd::ZERO,
            first_sell: None,
            last_sell: None,
        }
    }
}

impl PoolTotals {
    fn add_trade(&mut self, trade: &Trade) {
        count(&mut self.trades);
        if trade.fee.is_none() {
            count(&mut self.fees_unknown);
        }
        match trade.side {
            Side::Buy => count(&mut self.buys),
            Side::Sell => {
                count(&mut self.sells);
                self.first_sell.get_or_insert(trade.order_time);
                self.last_sell = Some(trade.order_time);
            }
        }
    }

    fn add_allocation(&mut self, amounts: &Amounts) -> Result<(), MoneyError> {
        let add = |total: &mut Usd, amount| {
            money::add_to_pool_total(*total, amount).map(|sum| *total = sum)
        };
        if let (Some(cost_basis), Some(pnl)) = (amounts.cost_basis, amounts.pnl) {
            count(&mut self.allocations);
            self.matched_size = money::add_sizes(self.matched_size, amounts.size)?;
            add(&mut self.cost_basis, cost_basis)?;
            add(&mut self.proceeds, amounts.proceeds)?;
            add(&mut self.net_proceeds, amounts.net_proceeds)?;
            add(&mut self.pnl, pnl)
        } else {
            count(&mut self.sells_unmatched);
            self.unmatched_size = money::add_sizes(self.unmatched_size, amounts.size)?;
            add(&mut self.unmatched_proceeds, amounts.proceeds)?;
            add(&mut self.unmatched_net_proceeds, amounts.net_proceeds)
        }
    }

    fn add_open_lot(&mut self, lot: &OpenLot) -> Result<(), MoneyError> {
        count(&mut self.open_lots);
        self.open_size = money::add_sizes(self.open_size, lot.remaining_size)?;
        self.open_cost = money::add_to_pool_total(self.open_cost, lot.remaining_cost)?;
        Ok(())
    }
}

fn count(counter: &mut u64) {
    *counter = counter.saturating_add(1);
}

/// A pool, matched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// Which pool.
    pub pool: Pool,
    /// In the pool's total order.
    pub trades: Vec<Trade>,
    /// In the order of sells; of one sell, oldest lot first, its unmatched part last.
    pub allocations: Vec<Allocation>,
    /// Oldest first.
    pub open_lots: Vec<OpenLot>,
    /// Counts and sums.
    pub totals: PoolTotals,
    /// Of each trade; `None` where the fee is unknown or the quotient does not fit.
    fees_per_unit: Vec<Option<UsdPerUnit>>,
}

impl Matching {
    /// Adds up the totals. Errors: one is beyond the limits of `policy.rs`.
    pub(super) fn try_new(
        pool: Pool,
        trades: Vec<Trade>,
        allocations: Vec<Allocation>,
        open_lots: Vec<OpenLot>,
    ) -> Result<Self, InvalidTrade> {
        let mut totals = PoolTotals::default();
        trades.iter().for_each(|trade| totals.add_trade(trade));
        let mut sell_before = None;
        let mut buy_before = None;
        for allocation in &allocations {
            let added = totals.add_allocation(&allocation.amounts);
            added.map_err(|error| match trade_at(&trades, allocation.sell) {
                Some(sell) => does_not_fit(sell, error),
                None => beyond_pool(error),
            })?;
            // Sells come in order, and so do the buys they use: a change is a new one.
            if allocation.buy.is_some()
                && sell_before.replace(allocation.sell) != Some(allocation.sell)
            {
                count(&mut totals.sells_matched);
            }
            if let Some(buy) = allocation.buy
                && buy_before.replace(buy) != Some(buy)
            {
                count(&mut totals.buys_used);
            }
        }
        for lot in &open_lots {
            totals.add_open_lot(lot).map_err(beyond_pool)?;
        }
        let per_unit = |trade: &Trade| money::fees_per_unit(trade.fee?, trade.size);
        let fees_per_unit = trades.iter().map(per_unit).collect();
        Ok(Self {
            pool,
            trades,
            allocations,
            open_lots,
            totals,
            fees_per_unit,
        })
    }

    /// Returns the allocations as rows, in canonical order.
    pub fn rows(&self) -> impl Iterator<Item = AllocationRow<'_>> {
        self.allocations
            .iter()
            .filter_map(|allocation| self.row(allocation))
    }

    fn row(&self, allocation: &Allocation) -> Option<AllocationRow<'_>> {
        let sell = trade_at(&self.trades, allocation.sell)?;
        let buy = allocation.buy.and_then(|buy| trade_at(&self.trades, buy));
        let per_unit = |index: u32| {
            let index = usize::try_from(index).ok()?;
            self.fees_per_unit.get(index).copied().flatten()
        };
        let (buy_fees, sell_fees) = (allocation.buy.and_then(per_unit), per_unit(allocation.sell));
        let amounts = &allocation.amounts;
        Some(AllocationRow {
            account: self.pool.account.as_str(),
            symbol: self.pool.symbol.as_str(),
            sell_order_id: sell.order_id.as_str(),
            buy_order_id: buy.map(|buy| buy.order_id.as_str()),
            allocated_size: amounts.size,
            buy_price: buy.map(|buy| buy.price),
            sell_price: sell.price,
            buy_fees_per_unit: buy_fees,
            sell_fees_per_unit: sell_fees,
            cost_basis_usd: amounts.cost_basis,
            proceeds_usd: amounts.proceeds,
            net_proceeds_usd: amounts.net_proceeds,
            pnl_usd: amounts.pnl,
            buy_time: buy.map(|buy| buy.order_time),
            sell_time: sell.order_time,
            notes: Notes {
                unmatched: buy.is_none(),
                buy_fee_unknown: buy.is_some_and(|buy| buy.fee.is_none()),
                sell_fee_unknown: sell.fee.is_none(),
                buy_fee_per_unit_omitted: buy_fees.is_none()
                    && buy.is_some_and(|buy| buy.fee.is_some()),
                sell_fee_per_unit_omitted: sell_fees.is_none() && sell.fee.is_some(),
            },
        })
    }

    /// Returns the open lots with their buys, oldest first.
    pub fn open_lots_with_buys(&self) -> impl Iterator<Item = (&Trade, &OpenLot)> {
        self.open_lots
            .iter()
            .filter_map(|lot| Some((trade_at(&self.trades, lot.buy)?, lot)))
    }

    /// Returns the hash of the canonical rows.
    pub fn allocations_hash(&self) -> RowsHash {
        let (mut hash, mut line) = (RowsHash::EMPTY, Vec::new());
        for row in self.rows() {
            line.clear();
            row.write_line(&mut line);
            hash.add_row(&line);
        }
        hash
    }
}

fn trade_at(trades: &[Trade], index: u32) -> Option<&Trade> {
    trades.get(usize::try_from(index).ok()?)
}

fn beyond_pool(error: MoneyError) -> InvalidTrade {
    InvalidTrade {
        order_id: String::new(),
        column: "size",
        reason: format!("of the pool: {error}"),
    }
}

/// What a ledger holds of one pool: its trades, and the rows that are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolLedger {
    /// Which pool.
    pub pool: Pool,
    /// In any order.
    pub trades: Vec<Trade>,
    /// Rows that are not trades.
    pub invalid: Vec<InvalidTrade>,
    /// Hash of all facts, valid or not.
    pub ledger_hash: RowsHash,
    line: Vec<u8>,
}

impl PoolLedger {
    /// Makes a pool without trades.
    pub fn new(pool: Pool) -> Self {
        let (trades, invalid) = (Vec::new(), Vec::new());
        Self {
            pool,
            trades,
            invalid,
            ledger_hash: RowsHash::EMPTY,
            line: Vec::new(),
        }
    }

    /// Takes a row of the ledger, and tells a trade from what is none.
    pub fn push_text(&mut self, text: &TradeText<'_>) {
        match Trade::try_from_text(text) {
            Ok(trade) => self.push(trade),
            Err(invalid) => {
                self.line.clear();
                self.line
                    .extend_from_slice(format!("{} {text:?}\n", self.pool).as_bytes());
                self.ledger_hash.add_row(&self.line);
                self.invalid.push(invalid);
            }
        }
    }

    /// Takes a trade.
    pub fn push(&mut self, trade: Trade) {
        self.line.clear();
        write_trade_line(&self.pool, &trade, &mut self.line);
        self.ledger_hash.add_row(&self.line);
        self.trades.push(trade);
    }
}

/// Why a pool has no allocations: what only a person can settle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// `InvalidTrade`, `MissingFx` or `AllocationError`.
    pub issue: IssueType,
    /// The whole pool's reason, in a sentence.
    pub reason: String,
    /// The rows at fault, if single rows are.
    pub invalid: Vec<InvalidTrade>,
}

/// What became of a pool in a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolResult {
    /// Matched and self-checked.
    Matched(Box<Matching>),
    /// Not matched: all other pools go on.
    Rejected(Rejection),
    /// Taken out by a person, with the reason given.
    Excluded(String),
}

/// A pool's result and the hash of the ledger it was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolOutcome {
    /// Which pool.
    pub pool: Pool,
    /// Trades in the ledger, valid or not.
    pub trades: u64,
    /// Hash of all its facts.
    pub ledger_hash: RowsHash,
    /// Hash of its canonical rows; empty without a matching.
    pub allocations_hash: RowsHash,
    /// Matched, rejected or excluded.
    pub result: PoolResult,
}

/// Matches a pool, or says why not.
pub fn compute_pool(
    ledger: PoolLedger,
    rules: &SymbolRules,
    exclusion: Option<&str>,
) -> PoolOutcome {
    let PoolLedger {
        pool,
        trades,
        mut invalid,
        ledger_hash,
        ..
    } = ledger;
    // A ledger comes in any order, and the first row is named: always the same one.
    invalid.sort_by_cached_key(|row| (row.order_id.clone(), row.column, row.reason.clone()));
    let rows = trades.len().saturating_add(invalid.len());
    let rejected = |issue, reason, invalid| {
        PoolResult::Rejected(Rejection {
            issue,
            reason,
            invalid,
        })
    };
    let result = if let Some(reason) = exclusion {
        PoolResult::Excluded(reason.to_owned())
    } else if let Err(reason) = check_names(&pool) {
        rejected(IssueType::InvalidTrade, reason, Vec::new())
    } else if let Err(missing) = rules.check_priced_in_usd(&pool.symbol) {
        rejected(IssueType::MissingFx, missing.to_string(), Vec::new())
    } else if let Some(first) = invalid.first() {
        let reason = match invalid.len() {
            1 => first.to_string(),
            rows => format!("{rows} rows are not trades; the first: {first}"),
        };
        rejected(IssueType::InvalidTrade, reason, invalid)
    } else {
        match match_pool(pool.clone(), trades) {
            Ok(matching) => match super::self_check::check_matching(&matching) {
                Ok(()) => PoolResult::Matched(Box::new(matching)),
                Err(error) => rejected(IssueType::AllocationError, error.to_string(), Vec::new()),
            },
            Err(invalid) => rejected(IssueType::InvalidTrade, invalid.to_string(), vec![invalid]),
        }
    };
    let allocations_hash = match &result {
        PoolResult::Matched(matching) => matching.allocations_hash(),
        _ => RowsHash::EMPTY,
    };
    PoolOutcome {
        pool,
        trades: u64::try_from(rows).unwrap_or(u64::MAX),
        ledger_hash,
        allocations_hash,
        result,
    }
}

/// Checks the names of a pool that a ledger may hold although an import would refuse them.
fn check_names(pool: &Pool) -> Result<(), String> {
    let (account, symbol) = (pool.account.as_str(), pool.symbol.as_str());
    account
        .parse::<Account>()
        .map_err(|error| format!("account \"{account}\" {error}"))?;
    symbol
        .parse::<Symbol>()
        .map_err(|error| format!("symbol \"{symbol}\" {error}"))?;
    Ok(())
}
