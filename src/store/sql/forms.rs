//! Rows of an import that would count twice: beside another form of them, or as a trade and as a
//! movement.

use super::{Driver, SqlStore, arguments, list};
use crate::store::corrections::{Forms, Relative, counts_beside, refused};
use crate::store::rules::back_beside;
use crate::store::{StoreResult, TradeRefusal};

const UNDO: &str = "undo an import";

/// Checks an import that is put back. Errors: a row of it would count twice.
pub(super) async fn check_back<D: SqlStore>(
    store: &D,
    connection: &mut D::Connection,
    id: i64,
) -> StoreResult<()> {
    check_forms(store, connection, id).await?;
    for beside in &BESIDE {
        check_beside(connection, beside, id).await?;
    }
    check_ids(connection, id, store.additions()).await
}

/// Account and id of records.
pub(super) type Ids = Vec<(String, String)>;

/// Returns accounts and ids of the rows of an import.
pub(super) async fn ids<C: Driver>(connection: &mut C, from: &str, id: i64) -> StoreResult<Ids> {
    let (selected, arguments) = (("account, order_id", from), arguments![id]);
    list(connection, UNDO, selected, &arguments, |row| {
        let text = |index| row.text(index).ok().flatten().unwrap_or_default();
        Ok((text(0), text(1)))
    })
    .await
}

/// Checks the trades of an import that is put back. Errors: an execution would count twice.
async fn check_forms<D: SqlStore>(
    store: &D,
    connection: &mut D::Connection,
    id: i64,
) -> StoreResult<()> {
    let rows = store.additions();
    // Forms of an execution have ids that begin alike. The range ends at the mark's successor.
    let from = format!(
        "{rows} t WHERE t.import_id = $1 AND (t.order_id LIKE '%~%' OR EXISTS \
         (SELECT 1 FROM {rows} r WHERE r.account = t.account AND r.order_id >= t.order_id || '~' \
          AND r.order_id < t.order_id || '\u{7f}')) ORDER BY 1, 2"
    );
    for (account, order_id) in ids(connection, &from, id).await? {
        let relatives = store.relatives(connection, &account, &order_id).await?;
        if let Some(other) = counts_beside(&order_id, &relatives) {
            let of = format!(
                "{rows} WHERE account = $1 AND order_id = $2",
                rows = store.additions()
            );
            let arguments = arguments![&account, other];
            let brought = list(connection, UNDO, ("import_id", &of), &arguments, |row| {
                Ok(row.integer(0).ok().flatten())
            });
            let import = brought.await?.pop().flatten();
            let row = (account.as_str(), order_id.as_str());
            return Err(back_beside((id, "a trade"), row, (other, import)));
        }
    }
    Ok(())
}

/// A table of records beside trades.
struct BesideTable {
    what: &'static str,
    name: &'static str,
    id: &'static str,
    /// The account as the table's key has it.
    account: &'static str,
}

const BESIDE: [BesideTable; 2] = [
    BesideTable {
        what: "a movement",
        name: "asset_movements",
        id: "movement_id",
        account: "account",
    },
    BesideTable {
        what: "an action",
        name: "asset_actions",
        id: "action_id",
        account: "coalesce(account, '')",
    },
];

/// Checks the movements or actions of an import that is put back. Errors: one would count twice.
async fn check_beside<C: Driver>(
    connection: &mut C,
    of: &BesideTable,
    import_id: i64,
) -> StoreResult<()> {
    let BesideTable {
        name, id, account, ..
    } = of;
    let come_back = format!(
        "(SELECT {account} AS account, {id} AS order_id FROM {name} WHERE import_id = $1) t \
         WHERE t.order_id LIKE '%~%' OR EXISTS (SELECT 1 FROM {name} \
         WHERE {account} = t.account AND {id} >= t.order_id || '~' \
         AND {id} < t.order_id || '\u{7f}') ORDER BY 1, 2"
    );
    let forms =
        format!("{name} WHERE {account} = $1 AND ({id} = $2 OR ({id} >= $3 AND {id} < $4))");
    let columns = format!(
        "{id}, CAST(CASE WHEN import_id IN (SELECT import_id FROM active_import_voids) \
         THEN 0 ELSE 1 END AS bigint), import_id"
    );
    for (account, record) in ids(connection, &come_back, import_id).await? {
        let Forms { original, from, to } = Forms::of(&record);
        let arguments = arguments![&account, original, from, to];
        let found = list(connection, UNDO, (&columns, &forms), &arguments, |row| {
            let integer = |index| row.integer(index).ok().flatten();
            let relative = Relative {
                order_id: row.text(0).ok().flatten().unwrap_or_default(),
                counts: integer(1) == Some(1),
            };
            Ok((relative, integer(2)))
        });
        let (relatives, imports): (Vec<Relative>, Vec<Option<i64>>) =
            found.await?.into_iter().unzip();
        if let Some(other) = counts_beside(&record, &relatives) {
            let place = relatives.iter().position(|it| it.order_id == other);
            let import = place.and_then(|place| imports.get(place).copied().flatten());
            let row = (account.as_str(), record.as_str());
            return Err(back_beside((import_id, of.what), row, (other, import)));
        }
    }
    Ok(())
}

/// Checks the ids of an import. Errors: a trade and a movement of one account have the same id, and
/// no import of the two is undone.
pub(super) async fn check_ids<C: Driver>(
    connection: &mut C,
    import_id: i64,
    additions: &str,
) -> StoreResult<()> {
    let action = "compare ids of trades and movements";
    let any = ("1", "asset_movements LIMIT 1");
    if list(connection, action, any, &[], |_| Ok(()))
        .await?
        .is_empty()
    {
        return Ok(());
    }
    connection.look_up().await?;
    let from = format!(
        "asset_movements m JOIN {additions} t ON t.account = m.account \
         AND t.order_id = m.movement_id WHERE (m.import_id = $1 OR t.import_id = $1) \
         AND NOT EXISTS (SELECT 1 FROM active_import_voids v \
         WHERE v.import_id = m.import_id OR v.import_id = t.import_id) \
         ORDER BY 1, 2 LIMIT 1"
    );
    let selected = ("m.account, m.movement_id", from.as_str());
    let arguments = arguments![import_id];
    let found = list(connection, action, selected, &arguments, |row| {
        let text = |index| row.text(index).ok().flatten().unwrap_or_default();
        Ok((text(0), text(1)))
    });
    match found.await?.pop() {
        None => Ok(()),
        Some((account, id)) => Err(refused(&account, &id, TradeRefusal::IsMovement)),
    }
}
