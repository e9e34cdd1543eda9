//! Advice for a pool with rows of a share and of a coin of the same name.

use super::ways::{Around, COMPUTE, Way, can_be_named, lines_for, other_column};
use crate::engine::{AssetClass, Pool, Proposal};

/// Returns the ways out of a pool with rows of a share and of a coin.
pub(super) fn share_and_coin(pool: &Pool, around: &Around<'_>, column: &str) -> Vec<Way> {
    let mut ways = vec![Way::new(
        "the share and the coin are in files of their own: import the broker's file into an \
         account of its own",
        [
            "fifo-pnl import list".to_owned(),
            "fifo-pnl import undo ID --reason TEXT".to_owned(),
            "fifo-pnl run FILE --account NAME".to_owned(),
        ],
    )];
    if can_be_named(pool) {
        let share = Proposal {
            base: format!("{}.SHARE", pool.asset),
            quote: "USD".to_owned(),
            class: AssetClass::Security,
        };
        let symbol = pool.as_symbol();
        let is_there = around.rules.symbols.contains_key(&symbol);
        let (settings, place) = lines_for(share.settings(&symbol), is_there, around.config);
        ways.push(Way {
            when: format!(
                "one file has both, and writes the share as {symbol}: put these lines into {place}"
            ),
            settings,
            commands: vec![COMPUTE.into()],
        });
    }
    ways.push(other_column(column));
    ways
}
