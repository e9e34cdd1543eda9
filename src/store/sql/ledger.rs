//! Voids, and the file of a trade. `rows` and `additions` are names of tables: the ledger may be
//! another program's.

use serde_json::json;

use super::{Argument, Driver, Rows, arguments, list, runs};
use crate::engine::Timestamp;
use crate::store::StoreResult;
use crate::store::corrections::Relative;
use crate::store::model::{Event, EventKind, VoidChange};
use crate::store::rules::check_voidable;

/// Tells whether a trade is voided; `None` if the ledger has no such trade.
pub(in crate::store) async fn is_voided<C: Driver>(
    connection: &mut C,
    rows: &str,
    (account, order_id): (&str, &str),
) -> StoreResult<Option<bool>> {
    let columns = "CAST(CASE WHEN EXISTS (SELECT 1 FROM active_voids v \
         WHERE v.account = t.account AND v.order_id = t.order_id) THEN 1 ELSE 0 END AS bigint)";
    let from = format!("{rows} t WHERE account = $1 AND order_id = $2");
    let (selected, arguments) = ((columns, from.as_str()), arguments![account, order_id]);
    let found = list(connection, VOID, selected, &arguments, |row| {
        Ok(row.integer(0).ok().flatten() == Some(1))
    });
    Ok(found.await?.pop())
}

const VOID: &str = "void a trade";

/// Appends a void or an undo, inside a transaction. Errors: a rule forbids the change.
pub(in crate::store) async fn void<C: Driver>(
    connection: &mut C,
    change: &VoidChange,
    is_voided: Option<bool>,
    relatives: &[Relative],
) -> StoreResult<()> {
    check_voidable(change, is_voided, relatives)?;
    insert_voids(connection, std::slice::from_ref(change), None).await?;
    let details = json!({ "account": change.account.as_str(), "order_id": change.order_id,
        "undo": change.undo, "reason": change.reason, "by": change.voided_by });
    let event = Event::info(EventKind::Void, change.voided_at, details);
    runs::log_event(connection, &event).await
}

/// Appends voids without a check. `import_id` is the import that they belong to, if any.
pub(in crate::store) async fn insert_voids<C: Driver>(
    connection: &mut C,
    changes: &[VoidChange],
    import_id: Option<i64>,
) -> StoreResult<()> {
    let columns = "account, order_id, reason, voided_by, voided_at, undone, import_id";
    let rows = Rows {
        id: "void_seq",
        ..Rows::of(
            "trade_voids",
            columns,
            changes.iter().map(|it| void_row(it, import_id)).collect(),
        )
    };
    connection.insert(VOID, &rows).await.map(drop)
}

fn void_row(change: &VoidChange, import_id: Option<i64>) -> Vec<Argument<'_>> {
    let (account, order_id) = (change.account.as_str(), &change.order_id);
    let (reason, by, at) = (&change.reason, &change.voided_by, change.voided_at);
    let undone = change.undo;
    arguments![account, order_id, reason, by, at, undone, import_id].into()
}

/// Returns the file and line that a row of a table came from, and when it was imported. `column`
/// has the ids of the table.
pub(in crate::store) async fn origin<C: Driver>(
    connection: &mut C,
    (table, column): (&str, &str),
    (account, id): (&str, &str),
) -> StoreResult<Option<(String, i64, Timestamp)>> {
    let from = format!(
        "(SELECT i.name, t.import_line, i.imported_at FROM {table} t \
         JOIN imports i ON i.id = t.import_id WHERE t.account = $1 AND t.{column} = $2) origin"
    );
    let selected = ("name, import_line, imported_at", from.as_str());
    let (action, arguments) = ("look up a row's file", arguments![account, id]);
    let found = list(connection, action, selected, &arguments, |row| {
        let integer = |index| row.integer(index).ok().flatten().unwrap_or_default();
        let at = Timestamp::try_from_micros(integer(2)).unwrap_or(Timestamp::EPOCH);
        let name = row.text(0).ok().flatten().unwrap_or_default();
        Ok((name, integer(1), at))
    });
    Ok(found.await?.pop())
}
