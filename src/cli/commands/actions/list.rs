//! `actions list`: what is stored, and whether runs use it.

use serde_json::{Value, json};

use super::super::wanted::Wanted;
use super::{action_json, is_wanted};
use crate::cli::Outcome;
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::format::{add, plural, table, time_in_utc};
use crate::cli::session::Session;
use crate::engine::{Account, ActionKind, AssetAction, Pool, unapplied};
use crate::pipeline::{known_pools, voided_by};
use crate::store::model::StoredAction;
use crate::store::{Store, actions_beside_movements};

/// Runs the command.
pub(super) async fn run(
    store: &dyn Store,
    (wanted, all): (&Wanted, bool),
    session: &Session,
) -> CliResult<Outcome> {
    let rules = session.context.rules.as_rules();
    let stored = store.stored_actions().await?;
    let pools = known_pools(store).await?;
    let used = SeenByRuns {
        actions: actions_beside_movements(store, rules, None).await?,
        pools,
    };
    let mut rows: Vec<(&AssetAction, String)> = Vec::new();
    let mut hidden = 0;
    for it in stored.iter().filter(|it| it.action.voids.is_none()) {
        let action = &it.action;
        if !is_wanted(action, wanted, session) {
            continue;
        }
        let gone = gone(it, &stored);
        match gone {
            Some(_) if !all => hidden += 1,
            Some(gone) => rows.push((action, gone)),
            None => rows.push((action, state(action, &used, session))),
        }
    }
    rows.sort_by_key(|(action, _)| (action.happened_at, &action.asset, &action.action_id));
    let location = store.location();
    let mut text = format!("Database  {location}\n");
    if !rows.is_empty() {
        text.push_str(&described(&rows));
        text.push('\n');
    }
    text.push_str(&plural(rows.len() as u64, "action", "actions"));
    if hidden > 0 {
        text.push_str(&format!("; {hidden} taken out or undone with --all"));
    }
    text.push('\n');
    let rows = rows.iter().map(|(action, state)| {
        let mut json = action_json(action);
        add(&mut json, json!({ "state": state }));
        json
    });
    let rows: Vec<Value> = rows.collect();
    let json = json!({ "database": location, "actions": rows });
    Ok(Outcome::answer(Exit::Done, text, json))
}

/// Says why runs don't see a stored action. `None`: they see it.
fn gone(it: &StoredAction, stored: &[StoredAction]) -> Option<String> {
    if it.is_undone {
        return Some(format!("import {} is undone", it.import_id));
    }
    let void = voided_by(stored, &it.action)?;
    let note = void.action.note.as_deref().unwrap_or_default();
    Some(format!("taken out by import {}: {note}", void.import_id))
}

/// The actions and the pools that runs see.
struct SeenByRuns {
    actions: Vec<AssetAction>,
    /// `None`: only a read of the whole ledger could tell.
    pools: Option<Vec<Pool>>,
}

/// Says whether runs apply an action.
fn state(action: &AssetAction, seen: &SeenByRuns, session: &Session) -> String {
    let (rules, used) = (session.context.rules.as_rules(), &*seen.actions);
    let accounts = action.account.iter();
    let accounts = accounts.chain(used.iter().filter_map(|it| it.account.as_ref()));
    let mut accounts: Vec<Account> = accounts.cloned().collect();
    if action.account.is_some() {
        accounts.truncate(1);
    } else if accounts.is_empty() {
        accounts.extend(super::ACCOUNT_OF_ALL.parse().ok());
    }
    if action.is_only_a_name(rules) {
        return "applied: both names are one asset".into();
    }
    let mut pools = seen.pools.iter().flatten();
    if seen.pools.is_some() && !pools.any(|pool| action.concerns(pool, rules)) {
        return "changes no lots: no trades have this asset".into();
    }
    if action.kind != ActionKind::Split {
        return "not applied yet".into();
    }
    for account in accounts {
        let pool = Pool::new(account, rules.asset_named(action.asset.as_str()));
        let Some(found) = unapplied(used, rules, (&pool, None)) else {
            continue;
        };
        let at = Some(action.happened_at);
        if found.action.action_id != action.action_id && found.again_at != at {
            continue;
        }
        return match found.again_at {
            Some(_) => "not applied: another split is less than 7 days apart".into(),
            None => "not applied: units moved before it, so its ratio is not certain".into(),
        };
    }
    "applied".into()
}

fn described(rows: &[(&AssetAction, String)]) -> String {
    let header = [
        "When (UTC)",
        "Kind",
        "Asset",
        "Change",
        "Account",
        "ID",
        "State",
    ];
    let row = |(action, state): &(&AssetAction, String)| {
        let account = action.account.as_ref();
        vec![
            time_in_utc(action.happened_at),
            action.kind.to_string(),
            action.asset.to_string(),
            change(action),
            account.map_or_else(|| "(all)".into(), ToString::to_string),
            action.action_id.to_string(),
            state.clone(),
        ]
    };
    table(&header, &[], rows.iter().map(row).collect())
}

/// Describes the change: the units that come, their asset, and their part of the cost.
fn change(action: &AssetAction) -> String {
    let ratio = action.ratio.map(|it| it.to_string());
    let units = action.units.map(|it| format!("{it} units came"));
    let share = action.basis_share.map(|it| format!("{it} of the cost"));
    let other = action.other_asset.as_ref().map(|it| format!("to {it}"));
    let said = [ratio.or(units), other, share].into_iter().flatten();
    said.collect::<Vec<_>>().join(", ")
}
