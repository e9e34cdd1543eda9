//! Decides whether an import may be undone, and what the audit trail says of it.

use serde_json::json;

use crate::store::error::ImportRefusal;
use crate::store::model::{Event, EventKind, ImportUndo, ImportUndone};
use crate::store::{StoreError, StoreResult};

/// Decides whether an import may be undone or put back. Errors: nothing to change.
pub(in crate::store) fn check_undoable(change: &ImportUndo, is_out: bool) -> StoreResult<()> {
    let refuse = |why| Err(StoreError::Import(change.import_id, why));
    match (is_out, change.put_back) {
        (true, false) => refuse(ImportRefusal::UndoneAlready),
        (false, true) => refuse(ImportRefusal::NotUndone),
        _ => Ok(()),
    }
}

/// Returns the refusal to put an import back: a record of it has another form that counts. `what`
/// is a trade, a movement or an action. `other`: the form's id, and the import that brought it.
pub(in crate::store) fn back_beside(
    (import_id, what): (i64, &'static str),
    (account, id): (&str, &str),
    (other, import): (&str, Option<i64>),
) -> StoreError {
    let why = ImportRefusal::BackBeside {
        what,
        account: account.to_owned(),
        id: id.to_owned(),
        other: other.to_owned(),
        import,
    };
    StoreError::Import(import_id, why)
}

/// Returns the event of an import that is undone or put back.
pub(in crate::store) fn undo_event(change: &ImportUndo, undone: &ImportUndone) -> Event {
    let details = json!({
        "import_id": change.import_id, "file": undone.file.name, "put_back": change.put_back,
        "reason": change.reason, "by": change.changed_by, "trades": undone.trades,
        "rates": undone.rates, "movements": undone.movements, "actions": undone.actions,
        "replaced": undone.replaced,
    });
    Event::info(EventKind::ImportUndo, change.changed_at, details)
}
