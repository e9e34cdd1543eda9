//! Movements, in both databases.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::imports::imports_out;
use super::{
    Argument, Driver, Rows, SqlStore, Take, actions, arguments, forms, ledger, list, lot_moves,
    runs,
};
use crate::engine::{
    Account, AssetAction, LotMove, Movement, MovementKey, OrderId, Timestamp, TransferDecision,
};
use crate::store::model::{Cursors, MovementReceipt, Version, Watermark};
use crate::store::rules::{KnownBeside, next_beside, plan_beside, transfer_event};
use crate::store::{MovementFiles, MovementStore, StoreError, StoreResult, cells};

const APPEND: &str = "append movements";

/// Ids that one statement looks up.
const LOOKUP_IDS_MAX: usize = 200;

#[async_trait]
impl<D: SqlStore> MovementStore for D {
    async fn lot_moves(&self, version: Version) -> StoreResult<Vec<LotMove>> {
        self.named(async {
            let mut reader = self.reader().await?;
            lot_moves::list(&mut *reader, version).await
        })
        .await
    }

    async fn movements(&self, as_of: Option<&Watermark>) -> StoreResult<Vec<Movement>> {
        let last = as_of.map_or(&Cursors::END, Watermark::cursors);
        if last.movement_seq == 0 {
            return Ok(Vec::new());
        }
        self.named(async {
            let mut reader = self.reader().await?;
            let out = imports_out(&mut *reader, last).await?;
            let columns = format!("{}, import_id", cells::MOVEMENT);
            let mut rows = Vec::new();
            let take: Take<'_> = &mut |row| {
                let (import_id, movement) = cells::movement_of_import(row)?;
                if !out.contains(&import_id) {
                    rows.push(movement);
                }
                Ok(())
            };
            let from = "asset_movements WHERE movement_seq <= $1 \
                 ORDER BY account, moved_at, movement_id";
            let (action, selected) = ("read the movements", (&*columns, from));
            let arguments = arguments![last.movement_seq];
            reader.select(action, selected, &arguments, take).await?;
            Ok(rows)
        })
        .await
    }

    async fn movement_count(&self) -> StoreResult<u64> {
        let selected = ("count(*)", "eligible_movements");
        self.named(async {
            let mut reader = self.reader().await?;
            let found = list(&mut *reader, "count the movements", selected, &[], |row| {
                let rows = row.integer(0).ok().flatten().unwrap_or_default();
                Ok(u64::try_from(rows).unwrap_or_default())
            });
            Ok(found.await?.pop().unwrap_or_default())
        })
        .await
    }

    async fn movement_origin(
        &self,
        account: &Account,
        movement_id: &OrderId,
    ) -> StoreResult<Option<(String, i64, Timestamp)>> {
        let of = ("asset_movements", "movement_id");
        let id = (account.as_str(), movement_id.as_str());
        self.named(async { ledger::origin(&mut *self.reader().await?, of, id).await })
            .await
    }

    async fn movement_files(&self) -> StoreResult<MovementFiles> {
        self.named(async { files(&mut *self.reader().await?).await })
            .await
    }

    async fn transfer_decisions(
        &self,
        as_of: Option<&Watermark>,
    ) -> StoreResult<Vec<TransferDecision>> {
        let last = as_of.map_or(&Cursors::END, Watermark::cursors);
        if last.decision_seq == 0 {
            return Ok(Vec::new());
        }
        let from = "transfer_decisions WHERE decision_seq <= $1 ORDER BY decision_seq";
        let (selected, arguments) = (
            (cells::TRANSFER_DECISION, from),
            arguments![last.decision_seq],
        );
        let action = "read the decisions about transfers";
        self.named(async {
            let mut reader = self.reader().await?;
            let read = cells::transfer_decision;
            list(&mut *reader, action, selected, &arguments, read).await
        })
        .await
    }

    async fn decide_transfers(&self, decisions: &[TransferDecision]) -> StoreResult<()> {
        self.named(async {
            let mut writer = self.ledger_writer().await?;
            let rows = Rows {
                id: "decision_seq",
                ..Rows::of(
                    "transfer_decisions",
                    cells::TRANSFER_DECISION,
                    decisions.iter().map(decision_row).collect(),
                )
            };
            writer.insert("decide about transfers", &rows).await?;
            for decision in decisions {
                runs::log_event(&mut *writer, &transfer_event(decision)).await?;
            }
            D::commit(writer).await
        })
        .await
    }
}

async fn files<C: Driver>(connection: &mut C) -> StoreResult<MovementFiles> {
    let names = ("id, name", "imports");
    let names = list(connection, "read the imports", names, &[], |row| {
        let text = row.text(1).ok().flatten().unwrap_or_default();
        Ok((row.integer(0).ok().flatten(), Arc::<str>::from(text)))
    });
    let names: BTreeMap<Option<i64>, Arc<str>> = names.await?.into_iter().collect();
    let selected = (cells::MOVEMENT_KEY, "asset_movements");
    let action = "read the files of movements";
    let found = list(connection, action, selected, &[], cells::movement_key).await?;
    let of_file = |(key, import_id, line): (MovementKey, i64, i64)| {
        Some((key, (Arc::clone(names.get(&Some(import_id))?), line)))
    };
    Ok(found.into_iter().filter_map(of_file).collect())
}

fn decision_row(decision: &TransferDecision) -> Vec<Argument<'_>> {
    let (out, into) = (&decision.withdrawal, &decision.deposit);
    arguments![
        decision.kind.as_str(),
        out.account.as_str(),
        out.movement_id.as_str(),
        into.account.as_str(),
        into.movement_id.as_str(),
        &decision.note,
        &decision.decided_by,
        decision.decided_at,
        Argument::Decimal(decision.usd_value.map(|value| value.to_string().into())),
    ]
    .into()
}

/// The movements and actions of a file that an import appends, and their counts.
#[derive(Debug, Default)]
pub(in crate::store) struct Planned {
    rows: Vec<Movement>,
    pub(in crate::store) receipt: MovementReceipt,
    pub(in crate::store) actions: actions::PlannedActions,
}

/// Looks the movements and actions of a file up, and decides about each.
pub(in crate::store) async fn plan<C: Driver>(
    connection: &mut C,
    (movements, actions): (&[Movement], &[AssetAction]),
) -> StoreResult<Planned> {
    let mut known = look_up(connection, movements).await?;
    let mut next = next_beside(movements, &known);
    while !next.is_empty() {
        let found = look_up(connection, &next).await?;
        if found.is_empty() {
            break;
        }
        known.extend(found);
        next = next_beside(movements, &known);
    }
    let plan = plan_beside(movements, &known);
    Ok(Planned {
        rows: plan.rows,
        receipt: plan.receipt,
        actions: actions::plan(connection, actions).await?,
    })
}

/// Returns the stored movements with the ids of some.
async fn look_up<C: Driver>(
    connection: &mut C,
    movements: &[Movement],
) -> StoreResult<Vec<KnownBeside<Movement>>> {
    let mut known = Vec::new();
    for chunk in movements.chunks(LOOKUP_IDS_MAX) {
        let mut arguments: Vec<Argument<'_>> = Vec::new();
        for row in chunk {
            arguments.push(row.account.as_str().into());
            arguments.push(row.movement_id.as_str().into());
        }
        let pair = |nth: usize| format!("(${}, ${})", 2 * nth + 1, 2 * nth + 2);
        let pairs: Vec<String> = (0..chunk.len()).map(pair).collect();
        let pairs = pairs.join(", ");
        for (state, is_undone) in [("NOT IN", false), ("IN", true)] {
            let from = format!(
                "asset_movements WHERE (account, movement_id) IN (VALUES {pairs}) AND import_id \
                 {state} (SELECT import_id FROM active_import_voids)"
            );
            let (action, selected) = ("look up known movements", (cells::MOVEMENT, from.as_str()));
            let found = list(connection, action, selected, &arguments, cells::movement).await?;
            known.extend(found.into_iter().map(|row| KnownBeside { row, is_undone }));
        }
    }
    Ok(known)
}

/// Appends planned movements and actions, compares what the database stored, and checks that no
/// trade of their accounts has their ids. `additions` is the table of imported trades.
pub(in crate::store) async fn write<C: Driver>(
    connection: &mut C,
    (import_id, additions): (i64, &str),
    planned: &Planned,
) -> StoreResult<()> {
    let columns = format!("{}, import_id", cells::MOVEMENT);
    let rows = planned.rows.iter().map(|row| row_of(row, import_id));
    let rows = Rows {
        id: "movement_seq",
        ..Rows::of("asset_movements", &columns, rows.collect())
    };
    connection.insert(APPEND, &rows).await?;
    if !planned.rows.is_empty() {
        let from = "asset_movements WHERE import_id = $1 ORDER BY movement_seq";
        let (selected, arguments) = ((cells::MOVEMENT, from), arguments![import_id]);
        let action = "read the movements back";
        let stored = list(connection, action, selected, &arguments, cells::movement).await?;
        if stored != planned.rows {
            return Err(StoreError::StoredOtherwise {
                what: "movements",
                written: planned.rows.len() as u64,
                stored: stored.len() as u64,
            });
        }
    }
    actions::write(connection, import_id, &planned.actions).await?;
    forms::check_ids(connection, import_id, additions).await
}

fn row_of(row: &Movement, import_id: i64) -> Vec<Argument<'_>> {
    let number = |text: Option<String>| Argument::Decimal(text.map(Into::into));
    let (fee, fee_asset) = match &row.fee {
        Some((fee, asset)) => (Some(fee.to_string()), Some(asset.as_str())),
        None => (None, None),
    };
    arguments![
        row.account.as_str(),
        row.movement_id.as_str(),
        row.asset.as_str(),
        row.direction.as_str(),
        number(Some(row.size.to_string())),
        number(fee),
        fee_asset,
        number(row.usd_value.map(|value| value.to_string())),
        row.kind.as_str(),
        row.moved_at,
        row.settled_at,
        &row.tx_id,
        &row.exchange,
        row.import_line,
        import_id,
    ]
    .into()
}
