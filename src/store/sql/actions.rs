//! Actions, in both databases.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::imports::imports_out;
use super::{Argument, Driver, Rows, SqlStore, Take, arguments, list};
use crate::engine::{Account, AssetAction, OrderId, actions_in_effect};
use crate::store::model::{Cursors, MovementReceipt, StoredAction, Watermark};
use crate::store::rules::{KnownBeside, next_beside, plan_beside};
use crate::store::{ActionStore, StoreError, StoreResult, cells};

const APPEND: &str = "append actions";

/// Ids that one statement looks up.
const LOOKUP_IDS_MAX: usize = 200;

#[async_trait]
impl<D: SqlStore> ActionStore for D {
    async fn actions(&self, as_of: Option<&Watermark>) -> StoreResult<Vec<AssetAction>> {
        let last = as_of.map_or(&Cursors::END, Watermark::cursors);
        if last.action_seq == 0 {
            return Ok(Vec::new());
        }
        self.named(async {
            let mut reader = self.reader().await?;
            let out = imports_out(&mut *reader, last).await?;
            let mut rows = Vec::new();
            let take: Take<'_> = &mut |row| {
                let (import_id, action) = cells::action(row)?;
                if !out.contains(&import_id) {
                    rows.push(action);
                }
                Ok(())
            };
            let from = "asset_actions WHERE action_seq <= $1 ORDER BY action_seq";
            let (action, selected) = ("read the actions", (cells::ACTION, from));
            let arguments = arguments![last.action_seq];
            reader.select(action, selected, &arguments, take).await?;
            Ok(actions_in_effect(rows))
        })
        .await
    }

    async fn stored_actions(&self) -> StoreResult<Vec<StoredAction>> {
        self.named(async {
            let mut reader = self.reader().await?;
            let out = imports_out(&mut *reader, &Cursors::END).await?;
            let from = "asset_actions ORDER BY action_seq";
            let (action, selected) = ("read the actions", (cells::ACTION, from));
            let rows = list(&mut *reader, action, selected, &[], cells::action).await?;
            let stored = rows.into_iter().map(|(import_id, action)| StoredAction {
                is_undone: out.contains(&import_id),
                import_id,
                action,
            });
            Ok(stored.collect())
        })
        .await
    }
}

/// The actions of a file that an import appends, and its counts.
#[derive(Debug, Default)]
pub(in crate::store) struct PlannedActions {
    rows: Vec<AssetAction>,
    pub(in crate::store) receipt: MovementReceipt,
}

/// Looks the actions of a file up, and decides about each.
pub(in crate::store) async fn plan<C: Driver>(
    connection: &mut C,
    actions: &[AssetAction],
) -> StoreResult<PlannedActions> {
    if actions.is_empty() {
        return Ok(PlannedActions::default());
    }
    let out = imports_out(connection, &Cursors::END).await?;
    let voided = voided(connection, &out).await?;
    let state = (&out, &voided);
    let mut known = look_up(connection, state, actions).await?;
    let mut next = next_beside(actions, &known);
    while !next.is_empty() {
        let found = look_up(connection, state, &next).await?;
        if found.is_empty() {
            break;
        }
        known.extend(found);
        next = next_beside(actions, &known);
    }
    let plan = plan_beside(actions, &known);
    Ok(PlannedActions {
        rows: plan.rows,
        receipt: plan.receipt,
    })
}

/// Returns account and id of the actions that a person took out. `out`: the undone imports.
async fn voided<C: Driver>(
    connection: &mut C,
    out: &BTreeSet<i64>,
) -> StoreResult<BTreeSet<ActionKey>> {
    if out.is_empty() {
        return Ok(BTreeSet::new());
    }
    let selected = (cells::ACTION, "asset_actions WHERE voids IS NOT NULL");
    let action = "look for actions that are out";
    let words = list(connection, action, selected, &[], cells::action).await?;
    let words = words
        .into_iter()
        .filter(|(import_id, _)| !out.contains(import_id));
    Ok(words
        .filter_map(|(_, word)| Some((word.account, word.voids?)))
        .collect())
}

/// Account and id of an action.
type ActionKey = (Option<Account>, OrderId);

/// Returns the stored actions with the ids of some. One that a person took out stays out, although
/// its import is undone. `out`: the imports that are undone.
async fn look_up<C: Driver>(
    connection: &mut C,
    (out, voided): (&BTreeSet<i64>, &BTreeSet<ActionKey>),
    actions: &[AssetAction],
) -> StoreResult<Vec<KnownBeside<AssetAction>>> {
    let mut known = Vec::new();
    for chunk in actions.chunks(LOOKUP_IDS_MAX) {
        let arguments: Vec<Argument<'_>> = chunk
            .iter()
            .map(|row| row.action_id.as_str().into())
            .collect();
        let places: Vec<String> = (1..=chunk.len()).map(|nth| format!("${nth}")).collect();
        let from = format!("asset_actions WHERE action_id IN ({})", places.join(", "));
        let (action, selected) = ("look up known actions", (cells::ACTION, from.as_str()));
        let found = list(connection, action, selected, &arguments, cells::action).await?;
        let known_one = |(import_id, row): (i64, AssetAction)| KnownBeside {
            is_undone: out.contains(&import_id)
                && !voided.contains(&(row.account.clone(), row.action_id.clone())),
            row,
        };
        known.extend(found.into_iter().map(known_one));
    }
    Ok(known)
}

/// Appends planned actions, and compares what the database stored with them.
pub(in crate::store) async fn write<C: Driver>(
    connection: &mut C,
    import_id: i64,
    planned: &PlannedActions,
) -> StoreResult<()> {
    if planned.rows.is_empty() {
        return Ok(());
    }
    let rows = planned.rows.iter().map(|row| row_of(row, import_id));
    let rows = Rows {
        id: "action_seq",
        ..Rows::of("asset_actions", cells::ACTION, rows.collect())
    };
    connection.insert(APPEND, &rows).await?;
    let from = "asset_actions WHERE import_id = $1 ORDER BY action_seq";
    let (selected, arguments) = ((cells::ACTION, from), arguments![import_id]);
    let action = "read the actions back";
    let stored = list(connection, action, selected, &arguments, cells::action).await?;
    let is_same = stored.iter().map(|(_, row)| row).eq(&planned.rows);
    match is_same {
        true => Ok(()),
        false => Err(StoreError::StoredOtherwise {
            what: "actions",
            written: planned.rows.len() as u64,
            stored: stored.len() as u64,
        }),
    }
}

fn row_of(row: &AssetAction, import_id: i64) -> Vec<Argument<'_>> {
    let number = |text: Option<String>| Argument::Decimal(text.map(Into::into));
    let whole = |number: Option<u64>| number.map(|it| i64::try_from(it).unwrap_or(i64::MAX));
    arguments![
        import_id,
        row.account.as_ref().map(|account| account.as_str()),
        row.action_id.as_str(),
        row.kind.as_str(),
        row.asset.as_str(),
        row.happened_at,
        whole(row.ratio.map(|ratio| ratio.new)),
        whole(row.ratio.map(|ratio| ratio.old)),
        number(row.units.map(|units| units.to_string())),
        row.other_asset.as_ref().map(|asset| asset.as_str()),
        number(row.basis_share.map(|share| share.to_string())),
        &row.exchange,
        row.import_line,
        row.voids.as_ref().map(|id| id.as_str()),
        &row.note,
    ]
    .into()
}
