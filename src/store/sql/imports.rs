//! Imports as wholes, in both databases.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::ledger::insert_voids;
use super::{Driver, Rows, SqlStore, arguments, forms, list, runs};
use crate::engine::Account;
use crate::store::corrections::check_undo;
use crate::store::model::{
    Cursors, ImportUndo, ImportUndone, ImportedFile, ImportedTrade, VoidChange, Watermark,
};
use crate::store::rules::{check_undoable, undo_event};
use crate::store::{ImportStore, StoreError, StoreResult, cells};

const UNDO: &str = "undo an import";

#[async_trait]
impl<D: SqlStore> ImportStore for D {
    async fn undo_import(&self, change: &ImportUndo) -> StoreResult<ImportUndone> {
        self.named(async {
            let mut writer = self.ledger_writer().await?;
            let id = change.import_id;
            let out = imports_out(&mut *writer, &Cursors::END).await?;
            let file = file_of(&mut *writer, id).await?;
            check_undoable(change, out.contains(&id))?;
            insert(&mut *writer, change).await?;
            let replaced = replace(self, &mut *writer, change).await?;
            if change.put_back {
                forms::check_back(self, &mut *writer, id).await?;
            }
            let trades = format!("{} WHERE import_id = $1", self.additions());
            let undone = ImportUndone {
                file,
                trades: count(&mut *writer, &trades, id).await?,
                movements: count(&mut *writer, "asset_movements WHERE import_id = $1", id).await?,
                actions: count(&mut *writer, "asset_actions WHERE import_id = $1", id).await?,
                rates: count(&mut *writer, "rates WHERE import_id = $1", id).await?,
                replaced,
            };
            runs::log_event(&mut *writer, &undo_event(change, &undone)).await?;
            D::commit(writer).await?;
            Ok(undone)
        })
        .await
    }

    async fn imports_out(&self, as_of: Option<&Watermark>) -> StoreResult<BTreeSet<i64>> {
        self.named(async {
            let cursors = as_of.map_or(&Cursors::END, Watermark::cursors);
            imports_out(&mut *self.reader().await?, cursors).await
        })
        .await
    }

    async fn trades_of_imports(&self, ids: &BTreeSet<i64>) -> StoreResult<Vec<ImportedTrade>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let numbers: Vec<String> = ids.iter().map(ToString::to_string).collect();
        let from = format!(
            "(SELECT t.import_id, t.account, t.order_id, \
             replace(upper(t.symbol), '/', '-') AS symbol, t.base_asset, t.quote_currency, \
             t.asset_class, t.fee_currency, t.side, t.size, t.order_time, t.status, t.price, \
             t.import_line \
             FROM {} t WHERE t.import_id IN ({}) AND NOT EXISTS (SELECT 1 FROM active_voids v \
             WHERE v.account = t.account AND v.order_id = t.order_id)) trades \
             ORDER BY import_id, import_line",
            self.additions(),
            numbers.join(", ")
        );
        let (action, selected) = (
            "read the trades of imports",
            (cells::IMPORTED_TRADE, &*from),
        );
        self.named(async {
            let mut reader = self.reader().await?;
            let found = list(&mut *reader, action, selected, &[], cells::imported_trade).await?;
            Ok(found.into_iter().flatten().collect())
        })
        .await
    }

    async fn equal_trades(&self, import_id: i64) -> StoreResult<Vec<(i64, u64)>> {
        let trades = self.additions();
        let facts = "t.account, t.symbol, t.order_time, t.side, t.size, t.price";
        let of_facts = facts.replace("t.", "g.");
        // Three passes over the trades, with any statistics: the first and last time of the import,
        // and the trades between them, grouped by their facts. A search for each trade would read
        // those of all other accounts at its time.
        let from = format!(
            "(SELECT g.import_id, g.orders, \
             sum(CASE WHEN g.import_id = $1 THEN g.orders ELSE 0 END) \
             OVER (PARTITION BY {of_facts}) AS equal \
             FROM (SELECT {facts}, t.import_id, count(*) AS orders \
             FROM {trades} t \
             WHERE t.order_time >= (SELECT min(n.order_time) FROM {trades} n \
             WHERE n.import_id = $1) \
             AND t.order_time <= (SELECT max(n.order_time) FROM {trades} n \
             WHERE n.import_id = $1) AND NOT EXISTS (SELECT 1 FROM active_voids v \
             WHERE v.account = t.account AND v.order_id = t.order_id) \
             GROUP BY {facts}, t.import_id) g) o \
             WHERE o.import_id <> $1 AND o.equal > 0 \
             GROUP BY o.import_id ORDER BY o.import_id"
        );
        let both = "CASE WHEN o.orders < o.equal THEN o.orders ELSE o.equal END";
        let selected = format!("o.import_id, CAST(sum({both}) AS bigint)");
        let selected = (&*selected, &*from);
        let arguments = arguments![import_id];
        self.named(async {
            let mut reader = self.reader().await?;
            let action = "look for equal trades";
            list(&mut *reader, action, selected, &arguments, |row| {
                let number = |at| row.integer(at).ok().flatten().unwrap_or_default();
                Ok((number(0), u64::try_from(number(1)).unwrap_or_default()))
            })
            .await
        })
        .await
    }
}

/// Returns the imports whose rows are out as of an instant.
pub(in crate::store) async fn imports_out<C: Driver>(
    connection: &mut C,
    as_of: &Cursors,
) -> StoreResult<BTreeSet<i64>> {
    let from = "import_voids v WHERE v.void_seq <= $1 AND NOT v.undone AND NOT EXISTS \
         (SELECT 1 FROM import_voids w WHERE w.import_id = v.import_id \
          AND w.void_seq > v.void_seq AND w.void_seq <= $1)";
    let arguments = arguments![as_of.import_void_seq];
    let (action, selected) = ("look for undone imports", ("v.import_id", from));
    let ids = list(connection, action, selected, &arguments, |row| {
        Ok(row.integer(0).ok().flatten().unwrap_or_default())
    });
    Ok(ids.await?.into_iter().collect())
}

/// Returns an import. Errors: no import has that number.
async fn file_of<C: Driver>(connection: &mut C, id: i64) -> StoreResult<ImportedFile> {
    let selected = (cells::IMPORTED_FILE, "imports WHERE id = $1");
    let arguments = arguments![id];
    let mut found = list(connection, UNDO, selected, &arguments, cells::imported_file).await?;
    found.pop().ok_or(StoreError::NoImport(id))
}

async fn insert<C: Driver>(connection: &mut C, change: &ImportUndo) -> StoreResult<()> {
    let (reason, by, at) = (&change.reason, &change.changed_by, change.changed_at);
    let row = arguments![change.import_id, reason, by, at, change.put_back].into();
    let columns = "import_id, reason, voided_by, voided_at, undone";
    let rows = Rows {
        id: "void_seq",
        ..Rows::of("import_voids", columns, vec![row])
    };
    connection.insert(UNDO, &rows).await.map(drop)
}

async fn count<C: Driver>(connection: &mut C, from: &str, id: i64) -> StoreResult<u64> {
    let arguments = arguments![id];
    let found = list(connection, UNDO, ("count(*)", from), &arguments, |row| {
        let rows = row.integer(0).ok().flatten().unwrap_or_default();
        Ok(u64::try_from(rows).unwrap_or_default())
    });
    Ok(found.await?.pop().unwrap_or_default())
}

/// Puts trades back that corrections of an undone import replaced, unless another form counts. Of
/// an import that is put back, the corrections replace these trades again. Returns the number of
/// changed trades.
async fn replace<D: SqlStore>(
    store: &D,
    connection: &mut D::Connection,
    change: &ImportUndo,
) -> StoreResult<u64> {
    let is_undone = if change.put_back { "" } else { "NOT " };
    let from = format!(
        "trade_voids v WHERE v.import_id = $1 AND {is_undone}v.undone AND NOT EXISTS \
         (SELECT 1 FROM trade_voids w WHERE w.account = v.account AND w.order_id = v.order_id \
          AND w.void_seq > v.void_seq) ORDER BY v.void_seq"
    );
    let mut replaced = 0;
    for (account, order_id) in forms::ids(connection, &from, change.import_id).await? {
        let relatives = store.relatives(connection, &account, &order_id).await?;
        let other_counts = check_undo(&account, &order_id, &relatives).is_err();
        let Ok(account) = account.parse::<Account>() else {
            continue;
        };
        if other_counts == change.put_back {
            let void = VoidChange {
                account,
                order_id,
                reason: change.reason.clone(),
                voided_by: change.changed_by.clone(),
                voided_at: change.changed_at,
                undo: !change.put_back,
            };
            insert_voids(connection, &[void], Some(change.import_id)).await?;
            replaced += 1;
        }
    }
    Ok(replaced)
}
