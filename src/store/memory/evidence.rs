//! Where allocations came from, the audit trail read back, and decisions about review items.

use std::sync::Arc;

use serde_json::{Value, json};

use super::State;
use crate::engine::Account;
use crate::store::model::{
    Event, ImportedFile, LoggedEvent, ReviewDecision, SourcedAllocation, TradeOrigin, Version,
};
use crate::store::rules::{REVIEW_EVENTS, check_decision};
use crate::store::{SourcedSink, StoreResult, sourced};

/// Gives each row of a version to `sink` with the origin of its trades.
pub(super) fn sourced_rows(
    state: &State,
    version: Version,
    account: Option<&Account>,
    sink: &mut dyn SourcedSink,
) -> StoreResult<u64> {
    let rows = state.versions.get(&version).map(|stored| stored.sorted());
    let mut count = 0;
    for row in rows.unwrap_or_default() {
        if account.is_some_and(|account| row.account != *account) {
            continue;
        }
        let origin = |id: &str| TradeOrigin {
            source: state.ledger.source(row.account.as_str(), id).map(Arc::from),
            ..match state.ledger.origin(row.account.as_str(), id) {
                Some((file, line, _)) => TradeOrigin {
                    source: None,
                    file: Some(Arc::from(file)),
                    line: Some(line),
                },
                None => TradeOrigin::default(),
            }
        };
        count += 1;
        let buy = row.buy_order_id.as_ref();
        let sourced = SourcedAllocation {
            batch_id: Arc::from(""),
            sell: origin(row.sell_order_id.as_str()),
            buy: buy.map(|id| origin(id.as_str())).unwrap_or_default(),
            row: row.clone(),
        };
        sourced::give(sourced, sink)?;
    }
    Ok(count)
}

/// Lists the imported files.
pub(super) fn imports(state: &State) -> Vec<ImportedFile> {
    state.ledger.imported_files()
}

/// Lists events of some kinds, oldest first.
pub(super) fn events_of(state: &State, kinds: &[&str]) -> Vec<LoggedEvent> {
    let wanted = state.events.iter().filter(|e| kinds.contains(&e.kind));
    wanted
        .map(|event| LoggedEvent {
            kind: event.kind.to_owned(),
            at: event.at,
            version: event.version,
            details: event.details.clone(),
        })
        .collect()
}

/// Lists what was done about a review item, oldest first.
pub(super) fn item_history(state: &State, id: i64) -> Vec<LoggedEvent> {
    let mut events = events_of(state, &REVIEW_EVENTS);
    events.retain(|event| event.details.get("id").and_then(Value::as_i64) == Some(id));
    events
}

/// Applies a decision about a review item.
pub(super) fn decide_review(state: &mut State, decision: &ReviewDecision) -> StoreResult<()> {
    let found = state.queue.iter_mut().find(|item| item.id == decision.id);
    check_decision(decision, found.as_deref())?;
    let Some(item) = found else { return Ok(()) };
    let is_open = decision.status.is_open();
    item.status = decision.status;
    item.updated_at = decision.at;
    item.resolution = (!is_open).then(|| decision.note.clone());
    item.resolved_at = (!is_open).then_some(decision.at);
    item.resolved_by = (!is_open).then(|| decision.by.clone());
    let details = json!({ "id": item.id, "order_id": item.order_id, "note": decision.note,
        "by": decision.by });
    state.events.push(Event {
        pool: Some(item.pool.clone()),
        version: Some(item.version),
        ..Event::info(decision.event_kind(), decision.at, details)
    });
    Ok(())
}
