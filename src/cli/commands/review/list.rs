//! `review list`: the items, and the days without a rate.

use std::collections::BTreeMap;

use crate::cli::format::{count, plural, table};
use crate::cli::next::Next;
use crate::engine::{IssueType, shown_sentence};
use crate::store::model::QueuedItem;

/// Most items, and most days without a rate, that the text shows.
const ITEMS_SHOWN_MAX: usize = 50;

/// Describes items. `each`: lists each of them, also those that lack the same rate.
pub(super) fn describe(items: &[&QueuedItem], each: bool, next: &Next) -> String {
    let is_grouped = |item: &&QueuedItem| !each && item.status.is_open() && item.lacks_rate();
    let (grouped, single): (Vec<&QueuedItem>, Vec<_>) = items.iter().copied().partition(is_grouped);
    let shown_items = match each {
        true => single.as_slice(),
        false => single.get(..ITEMS_SHOWN_MAX).unwrap_or(&single),
    };
    let mut text = describe_days(&grouped, next);
    if !shown_items.is_empty() {
        if !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&describe_each(shown_items));
    }
    let number = plural(items.len() as u64, "item", "items");
    let rest = match single.len() - shown_items.len() {
        0 => String::new(),
        left_out => format!(
            "; {} of them not shown. --all and --json have all, and `{}` writes all open ones",
            count(left_out as u64),
            next.command("fifo-pnl review export -o FILE")
        ),
    };
    text.push_str(&format!(
        "\n{number}{rest}. `{}` says what settles one.\n",
        next.command("fifo-pnl review show ID")
    ));
    text + &describe_closing(items)
}

/// Lists the assets and days without a rate, with the items that they make. One missing rate can
/// make thousands.
fn describe_days(items: &[&QueuedItem], next: &Next) -> String {
    let mut days: BTreeMap<(String, String), Vec<i64>> = BTreeMap::new();
    for item in items {
        for day in item.days_without_rate() {
            days.entry(day).or_default().push(item.id);
        }
    }
    if days.is_empty() {
        return String::new();
    }
    let row = |((asset, day), ids): (&(String, String), &Vec<i64>)| {
        let first = ids.iter().min().map(ToString::to_string);
        vec![
            asset.clone(),
            day.clone(),
            count(ids.len() as u64),
            first.unwrap_or_default(),
        ]
    };
    let rows = days.iter().take(ITEMS_SHOWN_MAX).map(row).collect();
    let header = ["No rate of", "Day (UTC)", "Items", "First id"];
    let mut text = table(&header, &[2, 3], rows) + "\n";
    let more = days.len().saturating_sub(ITEMS_SHOWN_MAX);
    if more > 0 {
        text.push_str(&format!(
            "  and {}\n",
            plural(more as u64, "more day", "more days")
        ));
    }
    text.push_str(&format!(
        "\nImport a file that has these rates; or `{}` writes a file to fill in and import. `{}` \
         lists each item.\n",
        next.command("fifo-pnl rates missing -o FILE"),
        next.command("fifo-pnl review list --all")
    ));
    text
}

fn describe_each(shown_items: &[&QueuedItem]) -> String {
    let row = |item: &&QueuedItem| {
        let order = if item.order_id.is_empty() {
            "(whole pool)"
        } else {
            &item.order_id
        };
        vec![
            item.id.to_string(),
            item.severity.as_str().to_owned(),
            item.status.as_str().to_owned(),
            item.issue.as_str().to_owned(),
            item.pool.account.to_string(),
            item.pool.asset.to_string(),
            order.to_owned(),
        ]
    };
    let header = [
        "Id", "Severity", "Status", "Issue", "Account", "Asset", "Order",
    ];
    let mut text = table(&header, &[0], shown_items.iter().map(row).collect()) + "\n\n";
    for item in shown_items {
        let settled = item.resolution.as_deref();
        let settled = settled.map(|how| format!(" [{}]", shown_sentence(how)));
        text.push_str(&format!(
            "  {:>3}  {}{}\n",
            item.id,
            shown_sentence(&item.description),
            settled.unwrap_or_default()
        ));
    }
    text
}

/// Says when a run closes items.
fn describe_closing(items: &[&QueuedItem]) -> String {
    let mut text = String::new();
    let is_unmatched = |item: &&&QueuedItem| item.issue == IssueType::UnmatchedSell;
    let unmatched = items.iter().filter(is_unmatched).count();
    let without_rate = items.iter().filter(|item| item.lacks_rate()).count();
    if unmatched > 0 {
        text.push_str(
            "Import the buy of an unmatched sell, and compute. If it is a short sale, let its \
             account go short, and compute.\n",
        );
    }
    if without_rate > 0 {
        text.push_str("A run closes an item about a missing rate once the rate is imported.\n");
    }
    if unmatched + without_rate < items.len() {
        text.push_str(
            "A run closes the item of a rejected pool once its trades are corrected or voided, \
             the settings say what its symbol is, or the pool is excluded. If an import is wrong, \
             undo it.\n",
        );
    }
    text
}
