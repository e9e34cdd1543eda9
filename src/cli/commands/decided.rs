//! Counts lots by decision for all summaries. Warns of buys imported later that may be the same
//! lots.

use serde_json::{Value, json};

use super::review::void_command;
use crate::cli::error::CliResult;
use crate::cli::format::{add, plural};
use crate::cli::next::Next;
use crate::engine::{shown, thousands};
use crate::pipeline::{
    DecidedLot, LateBuy, current_watermark, decided_lots, decided_without_sell, late_buys,
    watermark_of,
};
use crate::store::model::{Scope, Version, Watermark};
use crate::store::{Store, VersionStore};

const INDENT: &str = "                ";

/// Most decisions that a warning names. The others are only counted.
const DECISIONS_SHOWN: usize = 5;

/// Warns of lots by decision whose sell is out of matching.
pub(super) async fn warn_without_sell(store: &dyn Store, next: &Next) -> CliResult<String> {
    let lots = decided_without_sell(store).await?;
    let line = |lot: &DecidedLot| {
        format!(
            "  warning: {} was decided for {}, which is out of matching; another sell may use \
             it:\n  `{}` takes it out\n",
            shown(&lot.order_id).quoted(),
            shown(&lot.sell_order_id).quoted(),
            next.command(&void_command(&lot.order_id, lot.pool.account.as_str()))
        )
    };
    Ok(lots.iter().take(DECISIONS_SHOWN).map(line).collect())
}

/// The current version's watermark before a run.
pub(super) struct Before(Option<Watermark>);

/// Reads the current version's watermark before a run, to find the rows that are newer.
pub(super) async fn before(store: &dyn VersionStore) -> CliResult<Before> {
    Ok(Before(current_watermark(store).await?))
}

/// Lots by decision, and late buys for the same sells; or the error of the look-up.
pub(super) struct Decided(Result<(Vec<DecidedLot>, Vec<LateBuy>), String>);

/// Looks up the lots by decision of a version, and buys imported after `before`. `None` as version:
/// the lots of the present ledger. The run is done already, so a failed look-up gives a line of the
/// summary, and no error.
pub(super) async fn of(
    store: &dyn Store,
    version: Option<Version>,
    scope: &Scope,
    before: &Before,
) -> Decided {
    let found = async {
        let as_of = watermark_of(store, version).await?;
        let mut lots = decided_lots(store, as_of.as_ref()).await?;
        lots.retain(|lot| scope.contains(&lot.pool));
        let late = match &before.0 {
            Some(since) => late_buys(store, &lots, since).await?,
            None => Vec::new(),
        };
        CliResult::Ok((lots, late))
    };
    Decided(found.await.map_err(|error| error.message))
}

/// Counts the lots, in the words of every summary; `None` without lots.
pub(super) fn count(lots: &[DecidedLot]) -> Option<String> {
    let some = !lots.is_empty();
    some.then(|| plural(lots.len() as u64, "lot by decision", "lots by decision"))
}

impl Decided {
    /// Returns the value for a database that was not opened.
    pub(super) fn none() -> Self {
        Self(Ok(Default::default()))
    }

    /// Counts the lots, and warns of later buys that may be the same lots.
    pub(super) fn describe(&self, next: &Next) -> String {
        let (lots, late) = match &self.0 {
            Ok(found) => found,
            Err(why) => return format!("By decision     unknown: {why}\n"),
        };
        let Some(count) = count(lots) else {
            return String::new();
        };
        let verb = if lots.len() == 1 { "counts" } else { "count" };
        format!(
            "By decision     {count} {verb}: a person named the cost\n{}",
            warnings(late, next)
        )
    }

    /// Warns of later buys that may be the lots of a decision.
    pub(super) fn warnings(&self, next: &Next) -> String {
        self.0
            .as_ref()
            .map_or_else(|_| String::new(), |(_, late)| warnings(late, next))
    }

    /// Adds the lots and the late buys to a report in JSON.
    pub(super) fn add_to(&self, json: &mut Value) {
        let (lots, late) = match &self.0 {
            Ok((lots, late)) => (Some(lots.len()), late.as_slice()),
            Err(_) => (None, [].as_slice()),
        };
        let facts = json!({ "lots_by_decision": lots, "buys_beside_decisions": late_json(late) });
        add(json, facts);
    }
}

fn warnings(late: &[LateBuy], next: &Next) -> String {
    let mut text = String::new();
    for of in late.iter().take(DECISIONS_SHOWN) {
        let lot = &of.lot;
        let more = match of.more {
            0 => String::new(),
            more => format!(" and {} more", thousands(more)),
        };
        text.push_str(&format!(
            "Warning         buy {}{more} of {} arrived after the decision\n\
             {INDENT}about sale {} (item {}). It and lot {} both count.\n\
             {INDENT}If it is the missing buy, undo the decision:\n\
             {INDENT}`{}`\n",
            shown(&of.order_id),
            lot.pool,
            shown(&lot.sell_order_id),
            lot.item,
            lot.order_id,
            next.command(&void_command(&lot.order_id, lot.pool.account.as_str())),
        ));
    }
    if let more @ 1.. = late.len().saturating_sub(DECISIONS_SHOWN) {
        let decisions = plural(more as u64, "decision", "decisions");
        text.push_str(&format!("{INDENT}and the same for {decisions} more\n"));
    }
    text
}

fn late_json(late: &[LateBuy]) -> Value {
    let of = |late: &LateBuy| {
        let lot = &late.lot;
        json!({ "item": lot.item, "account": lot.pool.account.as_str(),
            "asset": lot.pool.asset.as_str(), "lot": lot.order_id,
            "sell_order_id": lot.sell_order_id, "buy_order_id": late.order_id,
            "more_buys": late.more })
    };
    late.iter().map(of).collect()
}
