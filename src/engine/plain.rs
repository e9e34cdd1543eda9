//! Trades of a pool that come without legs: from a program that uses the engine alone.
//!
//! A pool is matched in US dollars. A trade whose facts give it another value, or another fee, has
//! no value in dollars before `legs.rs` made its legs. So its pool is rejected by name, and no
//! amount becomes dollars by default.

use super::assets::is_dollar_coin;
use super::facts::MoreFacts;
use super::ids::Asset;
use super::issue::IssueType;
use super::policy::USD;
use super::text::shown;
use super::trade::{InvalidTrade, Trade};
use super::trades::Trades;

/// A fact that changes the value or the fee of a trade: its column and what it says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("is {}: the {of}'s value in USD is unknown", shown(found).quoted())]
pub(super) struct NotPlain {
    pub(super) column: &'static str,
    pub(super) found: String,
    /// `trade` or `fee`.
    of: &'static str,
}

/// Checks that a trade of a symbol is a plain dollar trade: its facts change neither value nor fee.
///
/// Errors: the first fact that gives the trade another value, another fee or another asset.
pub(super) fn plain(symbol: &str, facts: &MoreFacts) -> Result<(), NotPlain> {
    let is_dollar = |quote: &Asset| {
        let quote = quote.as_str();
        // The rules for the symbol decide whether a dollar coin counts as a dollar.
        quote == USD || (is_dollar_coin(quote) && symbol.ends_with(quote))
    };
    let base = facts.base_asset.as_ref();
    let base = base.filter(|base| !symbol.starts_with(base.as_str()));
    let quote = facts.quote_currency.as_ref();
    let quote = quote.filter(|quote| !is_dollar(quote));
    let fee = facts.fee.as_ref();
    let contract = facts
        .contract_size
        .filter(|size| size.to_units() != Some((1, 0)));
    let text = |found: &Asset| found.as_str().to_owned();
    let found = [
        ("base_asset", base.map(text), "trade"),
        ("quote_currency", quote.map(text), "trade"),
        (
            "quote_value",
            facts.quote_value.map(|value| value.to_string()),
            "trade",
        ),
        (
            "usd_value",
            facts.usd_value.map(|value| value.to_string()),
            "trade",
        ),
        ("fee_currency", fee.map(|fee| text(&fee.currency)), "fee"),
        (
            "contract_size",
            contract.map(|size| size.to_string()),
            "trade",
        ),
    ];
    let mut found = found.into_iter();
    match found.find_map(|(column, found, of)| Some((column, found?, of))) {
        Some((column, found, of)) => Err(NotPlain { column, found, of }),
        None => Ok(()),
    }
}

/// Checks that all trades of a symbol are plain. Errors: the first one that is not, by id.
pub(super) fn all_plain(symbol: &str, trades: &Trades) -> Result<(), InvalidTrade> {
    let faulty = trades.with_more().filter_map(|(order_id, facts)| {
        let not_plain = plain(symbol, &facts.to_facts()).err()?;
        Some((order_id, not_plain))
    });
    match faulty.min_by_key(|(order_id, _)| *order_id) {
        Some((order_id, not_plain)) => Err(not_plain.of_trade(order_id)),
        None => Ok(()),
    }
}

/// Checks that a trade is plain, if the caller decides what its asset is.
pub(super) fn alone_plain(trade: &Trade) -> Result<(), InvalidTrade> {
    let Some(facts) = &trade.more else {
        return Ok(());
    };
    let symbol = facts.base_asset.as_ref().map_or("", Asset::as_str);
    let checked = plain(symbol, facts);
    checked.map_err(|not_plain| not_plain.of_trade(trade.order_id.as_str()))
}

impl NotPlain {
    fn of_trade(&self, order_id: &str) -> InvalidTrade {
        InvalidTrade {
            issue: IssueType::MissingFx,
            ..InvalidTrade::of(order_id, self.column, self.to_string())
        }
    }
}
