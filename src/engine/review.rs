//! The review items of a pool's result: questions that only a person can settle.

use super::assets::AssetRules;
use super::canonical::AllocationRow;
use super::ids::{Pool, Symbol};
use super::issue::{IssueType, Severity};
use super::leg::Leg;
use super::moves::{MissingLots, MovedOut};
use super::outcome::Matching;
use super::pool::{PoolOutcome, PoolResult, Rejection};
use super::rates::MissingRate;
use super::self_check::SelfCheckError;
use super::text::shown;

/// A question for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReviewItem {
    /// Account and asset of the lots.
    pub pool: Pool,
    /// Symbol of the order; the name of the pool if the item is about the whole pool.
    pub symbol: Symbol,
    /// Leg of the order.
    pub leg: Leg,
    /// The order in question; empty if the item is about the whole pool.
    pub order_id: String,
    /// The kind of question.
    pub issue: IssueType,
    /// How urgent the item is.
    pub severity: Severity,
    /// A sentence.
    pub description: String,
    /// Facts by name, for programs.
    pub details: Vec<(&'static str, String)>,
    /// The rates that the order lacks.
    pub missing: Vec<MissingRate>,
}

/// Returns the review items of a pool's result. Errors: as of [`Matching::each_row`].
pub fn review_items(
    outcome: &PoolOutcome,
    rules: &AssetRules,
) -> Result<Vec<ReviewItem>, SelfCheckError> {
    match &outcome.result {
        PoolResult::Matched(matching) => {
            let mut items = unmatched_items(matching, rules)?;
            items.extend(missing_items(&matching.pool, &matching.moved_out));
            Ok(items)
        }
        PoolResult::Rejected(rejection) => Ok(rejection_items(&outcome.pool, rejection)),
        PoolResult::Excluded(_) => Ok(Vec::new()),
    }
}

/// Returns an item for each unmatched row. Errors: as of [`Matching::each_row`].
pub fn unmatched_items(
    matching: &Matching,
    rules: &AssetRules,
) -> Result<Vec<ReviewItem>, SelfCheckError> {
    let mut items = Vec::new();
    matching.each_row(|row| {
        if row.notes.unmatched {
            items.push(unmatched_item(&matching.pool, row, rules));
        }
    })?;
    Ok(items)
}

impl ReviewItem {
    /// Tells whether a withdrawal found too few lots.
    pub fn is_lacking_lots(&self) -> bool {
        self.issue == IssueType::UnappliedTransfer && !self.order_id.is_empty()
    }
}

/// Returns an item for each transfer out of a pool that lacked lots.
pub fn missing_items(pool: &Pool, moved: &MovedOut) -> Vec<ReviewItem> {
    let item = |it: &MissingLots| ReviewItem {
        pool: pool.clone(),
        symbol: pool.as_symbol(),
        leg: Leg::Base,
        order_id: it.transfer.withdrawal.as_str().to_owned(),
        issue: IssueType::UnappliedTransfer,
        severity: Severity::High,
        description: format!(
            "no open lot for {} {} of this withdrawal, which arrived in {}",
            it.size,
            pool.asset,
            shown(it.transfer.to.as_str()).quoted()
        ),
        details: vec![
            ("missing_size", it.size.to_string()),
            ("deposit", it.transfer.deposit.as_str().to_owned()),
            ("to_account", it.transfer.to.as_str().to_owned()),
            ("sent_at", it.transfer.sent_at.to_string()),
        ],
        missing: Vec::new(),
    };
    moved.missing.iter().map(item).collect()
}

/// Returns the review item of an unmatched row, freshly made or stored.
pub fn unmatched_item(pool: &Pool, row: &AllocationRow<'_>, rules: &AssetRules) -> ReviewItem {
    // A setting of a symbol counts units of its base.
    let symbol = match row.sell_leg {
        Leg::Base => Symbol::unreadable(row.symbol),
        Leg::Quote | Leg::Fee | Leg::Network | Leg::Income => pool.as_symbol(),
    };
    let dust = rules.settings(&symbol).dust_threshold;
    let severity = if row.allocated_size <= dust {
        Severity::Low
    } else {
        Severity::of_amount(row.proceeds_usd)
    };
    ReviewItem {
        pool: pool.clone(),
        symbol: Symbol::unreadable(row.symbol),
        leg: row.sell_leg,
        order_id: row.sell_order_id.to_owned(),
        issue: IssueType::UnmatchedSell,
        severity,
        description: format!(
            "no open lot for {}: {} USD of proceeds have no cost basis",
            unmatched_part(pool, row),
            row.proceeds_usd
        ),
        details: vec![
            ("unmatched_size", row.allocated_size.to_string()),
            ("unmatched_proceeds_usd", row.proceeds_usd.to_string()),
            (
                "unmatched_net_proceeds_usd",
                row.net_proceeds_usd.to_string(),
            ),
            (
                "sell_price",
                row.sell_price
                    .map_or(String::new(), |price| price.to_string()),
            ),
            ("sell_time", row.sell_time.to_string()),
        ],
        missing: Vec::new(),
    }
}

/// Names the part of a trade that found no lot: what it sold, what it paid, or its fee.
fn unmatched_part(pool: &Pool, row: &AllocationRow<'_>) -> String {
    let (size, asset) = (row.allocated_size, &pool.asset);
    match row.sell_leg {
        Leg::Base => format!("{size} {asset} of this sell"),
        Leg::Quote => format!("{size} {asset} that this trade paid"),
        Leg::Fee => format!("{size} {asset} of this trade's fee"),
        Leg::Network => format!("{size} {asset} that the network took of this withdrawal"),
        Leg::Income => format!("{size} {asset} of this income"),
    }
}

/// Returns the items of a rejected pool: one, or one for each row that is not a valid trade.
pub fn rejection_items(pool: &Pool, rejection: &Rejection) -> Vec<ReviewItem> {
    let item = |order_id: &str, description: String, details| ReviewItem {
        pool: pool.clone(),
        symbol: pool.as_symbol(),
        leg: Leg::Base,
        order_id: order_id.to_owned(),
        issue: rejection.issue,
        severity: Severity::High,
        description,
        details,
        missing: Vec::new(),
    };
    if rejection.invalid.is_empty() {
        let settings = Some(&rejection.settings).filter(|text| !text.is_empty());
        let settings = settings.map(|text| ("settings", text.clone()));
        let column = rejection.column.map(|column| ("column", column.to_owned()));
        let details = settings.into_iter().chain(column).collect();
        return vec![item("", rejection.reason.clone(), details)];
    }
    let of_row = |row: &super::trade::InvalidTrade| {
        let details = vec![
            ("column", row.column.to_owned()),
            ("reason", row.reason.to_string()),
        ];
        let description = row.fault();
        let symbol = row.symbol.clone();
        ReviewItem {
            leg: row.leg,
            symbol: symbol.map_or_else(|| pool.as_symbol(), |symbol| *symbol),
            missing: row.missing.to_vec(),
            // A trade that only lacks a rate is no faulty row, even beside one.
            issue: match row.issue {
                IssueType::MissingFx => IssueType::MissingFx,
                _ => rejection.issue,
            },
            ..item(&row.order_id, description, details)
        }
    };
    rejection.invalid.iter().map(of_row).collect()
}
