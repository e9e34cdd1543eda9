//! Ways to settle an item of the review queue, and the parts that several of them have.

use std::collections::BTreeSet;

use crate::cli::next::Next;
use crate::engine::{Account, Asset, AssetRules, Pool};
use crate::pipeline::DecidedLot;
use crate::store::model::{Exclusion, QueuedItem};

pub(super) const COMPUTE: &str = "compute_allocations --all-symbols";
pub(super) const IMPORT_CORRECT: &str = "fifo-pnl import --correct --reason TEXT FILE";

/// A way to settle an item.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Way {
    /// In which case this way is the right one.
    pub(super) when: String,
    /// Lines for the configuration file.
    pub(super) settings: Vec<String>,
    /// Commands, one after the other.
    pub(super) commands: Vec<String>,
}

impl Way {
    pub(super) fn new(when: impl Into<String>, commands: impl IntoIterator<Item = String>) -> Self {
        Self {
            when: when.into(),
            settings: Vec::new(),
            commands: commands.into_iter().collect(),
        }
    }
}

/// Facts around an item.
pub(super) struct Around<'a> {
    pub(super) rules: &'a AssetRules,
    /// Accounts with pools of coins or currencies: their symbols are not all shares.
    pub(super) with_coins: &'a BTreeSet<Account>,
    /// How commands are printed.
    pub(super) next: &'a Next,
    /// The exclusion of the item's pool, if a person excluded it.
    pub(super) exclusion: Option<&'a Exclusion>,
    /// Lots that a person decided about the item, without undone ones.
    pub(super) decided: &'a [DecidedLot],
    /// The other pools with an open item of the same trade.
    pub(super) other_pools: &'a BTreeSet<Pool>,
    /// The configuration file.
    pub(super) config: &'a str,
    /// Whether the configuration has the time zone for days.
    pub(super) has_zone: bool,
    /// Whether deposits before the sell are in no transfer.
    pub(super) has_deposits: bool,
    /// Whether the item is about a movement: a file of trades can't correct it.
    pub(super) is_movement: bool,
}

pub(super) fn other_column(column: &str) -> Way {
    Way::new(
        format!(
            "the column {column} comes before the symbol and all settings: import the trades \
             again, with what is right there"
        ),
        [IMPORT_CORRECT.into(), COMPUTE.into()],
    )
}

/// Returns the lines to add, and the place for them. TOML takes a table only once, so a table that
/// the file has gets the lines below its name.
pub(super) fn lines_for(
    mut lines: Vec<String>,
    is_there: bool,
    config: &str,
) -> (Vec<String>, String) {
    if !is_there || lines.is_empty() {
        return (lines, config.to_owned());
    }
    let table = lines.remove(0);
    let place = format!("the table {table} of {config}, in place of such lines that it has");
    (lines, place)
}

/// Tells whether flags can name a pool. A ledger may have names that an import would refuse.
pub(super) fn can_be_named(pool: &Pool) -> bool {
    let account: Result<Account, _> = pool.account.as_str().parse();
    let asset: Result<Asset, _> = pool.asset.as_str().parse();
    account.is_ok_and(|account| account == pool.account)
        && asset.is_ok_and(|asset| asset == pool.asset)
}

/// Returns the way to leave an item as it is.
pub(super) fn dismissal(item: &QueuedItem, when: &str) -> Way {
    let command = format!("fifo-pnl review dismiss {} --note TEXT", item.id);
    Way::new(when, [command])
}
