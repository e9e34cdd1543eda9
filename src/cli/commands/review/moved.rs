//! Ways to settle an item about a transfer.

use super::ways::{COMPUTE, Way, can_be_named, dismissal};
use crate::cli::next::flag;
use crate::engine::IssueType;
use crate::store::model::QueuedItem;

/// Tells whether a withdrawal left with fewer lots than units. Its pool has a result.
pub(super) fn is_lacking_lots(item: &QueuedItem) -> bool {
    item.issue == IssueType::UnappliedTransfer && !item.order_id.is_empty()
}

/// Returns the ways to settle a withdrawal that lacks lots.
pub(super) fn lacking_lots(item: &QueuedItem) -> Vec<Way> {
    let mut ways = vec![Way::new(
        "a buy of the account that sent is missing: import the file that has it",
        ["fifo-pnl import FILE".into(), COMPUTE.into()],
    )];
    if can_be_named(&item.pool) {
        let account = flag("--account", item.pool.account.as_str());
        let asset = flag("--asset", item.pool.asset.as_str());
        ways.push(Way::new(
            "the units came by a deposit: see what withdrawal fits, and import its file",
            [format!("fifo-pnl transfers list {account} {asset}")],
        ));
    }
    ways.push(dismissal(item, "it needs no lot: leave it as it is"));
    ways
}

/// Returns the ways to settle a transfer that can't be applied.
pub(super) fn transfer_ways() -> Vec<Way> {
    vec![
        Way::new(
            "another pool sent lots to this one, and has no result: settle its question first",
            ["fifo-pnl review list".to_owned()],
        ),
        Way::new(
            "a split lies between the two ends of a transfer: say that they are no transfer",
            ["fifo-pnl transfers list".to_owned()],
        ),
    ]
}
