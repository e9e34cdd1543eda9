//! Actions that a person states, and a person's word that takes one out.

use super::action_refusal::ActionRefusal;
use super::error::PipelineResult;
use super::job::Context;
use super::stated::{StatedRecord, made_id, sha256_of, store_stated};
use crate::engine::{Account, AssetAction, OrderId};
use crate::store::Store;
use crate::store::model::{ImportReceipt, StoredAction};

/// Start of the ids of actions that a person states without an id.
const ID_BY_HAND: &str = "hand";

/// Start of the ids of the rows that take an action out.
const ID_OF_VOID: &str = "void";

/// Appends an action that a person states. `id`: its id, unless one is made of its facts.
/// `account` names the import of an action of all accounts.
///
/// Errors: the store fails, or refuses the id.
pub async fn add_action(
    store: &dyn Store,
    context: &Context,
    (action, id): (AssetAction, Option<OrderId>),
    account: &Account,
) -> PipelineResult<(AssetAction, ImportReceipt)> {
    let sha256 = sha256_of(&format!(
        "{},{}\n",
        facts(&action),
        id.as_ref().map(OrderId::as_str).unwrap_or_default()
    ));
    let action = AssetAction {
        action_id: id.unwrap_or_else(|| made_id(ID_BY_HAND, &sha256)),
        ..action
    };
    let stated = StatedRecord {
        account: action.account.clone().unwrap_or_else(|| account.clone()),
        sha256,
        movements: Vec::new(),
        actions: vec![action.clone()],
    };
    Ok((action, store_stated(store, context, stated).await?))
}

/// Takes an action out by its id, or by `ACCOUNT/ID`. Returns the action, and the import of the
/// word.
///
/// Errors: an [`ActionRefusal`]; the store fails.
pub async fn void_action(
    store: &dyn Store,
    context: &Context,
    (name, reason): (&str, &str),
    account: &Account,
) -> PipelineResult<(AssetAction, ImportReceipt)> {
    let stored = store.stored_actions().await?;
    let action = find(&stored, name)?.action.clone();
    // Each word is a new one: an earlier one may be undone.
    let now = context.clock.now();
    let line = format!("{},{},{now}\n", facts(&action), action.action_id);
    let sha256 = sha256_of(&line);
    let void = AssetAction {
        action_id: made_id(ID_OF_VOID, &sha256),
        voids: Some(action.action_id.clone()),
        note: Some(reason.to_owned()),
        exchange: None,
        import_line: 1,
        ..action.clone()
    };
    let stated = StatedRecord {
        account: action.account.clone().unwrap_or_else(|| account.clone()),
        sha256,
        movements: Vec::new(),
        actions: vec![void],
    };
    Ok((action, store_stated(store, context, stated).await?))
}

/// Returns the row that takes an action out, if its own import is not undone.
pub fn voided_by<'s>(stored: &'s [StoredAction], action: &AssetAction) -> Option<&'s StoredAction> {
    stored.iter().find(|it| {
        let void = &it.action;
        !it.is_undone
            && void.voids.as_ref() == Some(&action.action_id)
            && void.account == action.account
    })
}

/// Finds the action of a name.
fn find<'s>(stored: &'s [StoredAction], name: &str) -> Result<&'s StoredAction, ActionRefusal> {
    let is_named = |it: &&StoredAction| {
        let id = it.action.action_id.as_str();
        let account = it.action.account.as_ref().map(|account| account.as_str());
        let rest = account.and_then(|account| name.strip_prefix(account)?.strip_prefix('/'));
        it.action.voids.is_none() && (name == id || rest == Some(id))
    };
    let named: Vec<&StoredAction> = stored.iter().filter(is_named).collect();
    let live: Vec<&StoredAction> = named.iter().copied().filter(|it| !it.is_undone).collect();
    match *live {
        [only] => match voided_by(stored, &only.action) {
            Some(void) => Err(ActionRefusal::Voided(name.to_owned(), void.import_id)),
            None => Ok(only),
        },
        [] => Err(match named.last() {
            Some(undone) => ActionRefusal::Undone(name.to_owned(), undone.import_id),
            None => ActionRefusal::Unknown(name.to_owned()),
        }),
        _ => {
            let accounts = live.iter().map(|it| account_of(&it.action));
            Err(ActionRefusal::Several(name.to_owned(), accounts.collect()))
        }
    }
}

fn account_of(action: &AssetAction) -> String {
    let account = action.account.as_ref().map(ToString::to_string);
    account.unwrap_or_else(|| "(all)".into())
}

/// Returns the facts of an action in one line.
fn facts(action: &AssetAction) -> String {
    let text = |text: Option<String>| text.unwrap_or_default();
    let (kind, asset, at) = (action.kind, &action.asset, action.happened_at);
    format!(
        "{},{kind},{asset},{at},{},{},{},{}",
        text(action.account.as_ref().map(ToString::to_string)),
        text(action.ratio.map(|it| it.to_string())),
        text(action.units.map(|it| it.to_string())),
        text(action.other_asset.as_ref().map(ToString::to_string)),
        text(action.basis_share.map(|it| it.to_string())),
    )
}
