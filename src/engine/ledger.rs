//! A row of the ledger: a trade, its account and symbol, and columns that matching ignores.

use super::facts::MORE_COLUMNS;
use super::ids::{Account, Symbol};
use super::trade::Trade;

/// Columns of a source that are no facts. They are stored for people and joins, and matching never
/// reads them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Carried {
    /// Limit, market, ...: any text.
    pub order_type: Option<String>,
    /// The system that reported the trade.
    pub source: Option<String>,
    /// How the trade came into the ledger: `csv`, `import lots`, `review resolve`.
    pub ingest_via: Option<String>,
    /// The venue.
    pub exchange: Option<String>,
    /// The venue's id of the order, which a correction leaves as it is.
    pub exchange_order_id: Option<String>,
    /// Id of an order that this one belongs to (the entry of a stop). Matching does not use it.
    pub linked_order_id: Option<String>,
}

/// A trade to store in the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedgerTrade {
    /// Account of the trade.
    pub account: Account,
    /// The symbol in its one spelling.
    pub symbol: Symbol,
    /// The symbol as the source spelled it. The ledger stores this spelling, too.
    pub symbol_text: String,
    /// The facts that are matched.
    pub trade: Trade,
    /// The order's state, as the source spelled it. The state decides eligibility, so it is a fact.
    pub status: Option<String>,
    /// The columns beside the facts.
    pub carried: Carried,
    /// Line of the imported file, from 1.
    pub import_line: u64,
}

impl LedgerTrade {
    /// Returns the first fact in which two rows of one id differ: its column and both values.
    ///
    /// Spelling is not a fact: `1.50` is `1.5` and `btc/usd` is `BTC-USD`. Neither is a cell that
    /// says what the symbol says: `base_asset` BTC of BTC-USD is the same as an empty cell.
    pub fn fact_that_differs(&self, other: &Self) -> Option<(&'static str, String, String)> {
        let or_null = |text: Option<String>| text.unwrap_or_else(|| "NULL".into());
        let facts = |row: &Self| {
            let trade = &row.trade;
            [
                ("symbol", row.symbol.to_string()),
                ("side", trade.side.to_string()),
                ("size", trade.size.to_string()),
                ("price", trade.price.to_string()),
                ("order_time", trade.order_time.to_string()),
                (
                    "total_fees_usd",
                    or_null(trade.fee.map(|fee| fee.to_string())),
                ),
                (
                    "trade_seq",
                    or_null(trade.trade_seq.map(|seq| seq.to_string())),
                ),
                ("status", or_null(row.status.clone())),
            ]
        };
        let pairs = facts(self).into_iter().zip(facts(other));
        pairs
            .filter(|((_, mine), (_, theirs))| mine != theirs)
            .map(|((column, mine), (_, theirs))| (column, mine, theirs))
            .next()
            .or_else(|| self.more_that_differs(other))
    }

    /// Returns the first of the more facts in which two rows differ.
    fn more_that_differs(&self, other: &Self) -> Option<(&'static str, String, String)> {
        if self.trade.more.is_none() && other.trade.more.is_none() {
            return None;
        }
        let texts = |row: &Self| {
            let facts = row.trade.more.as_deref().cloned();
            let facts = facts.and_then(|facts| facts.beside(row.symbol.as_str()));
            facts.unwrap_or_default().texts()
        };
        let pairs = texts(self).into_iter().zip(texts(other));
        let mut columns = MORE_COLUMNS.into_iter().zip(pairs);
        let (column, (mine, theirs)) = columns.find(|(_, (mine, theirs))| mine != theirs)?;
        let or_null = |text: Option<String>| text.unwrap_or_else(|| "NULL".into());
        Some((column, or_null(mine), or_null(theirs)))
    }
}
