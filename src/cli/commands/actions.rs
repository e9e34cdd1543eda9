//! `actions`: splits, mergers, spin-offs and new names, as files and a person state them.

mod list;
mod typed;

use serde_json::{Value, json};
use typed::read_action;

use super::check_reason;
use super::wanted::{Wanted, read_value};
use crate::cli::Outcome;
use crate::cli::args::{ActionsCommand, AddActionCommand};
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{plural, time};
use crate::cli::session::Session;
use crate::engine::{Account, ActionKind, AssetAction, Timestamp, shown};
use crate::pipeline::{add_action, void_action, voided_by};
use crate::store::Store;
use crate::store::model::ImportReceipt;

/// Account of the imports of actions of all accounts.
const ACCOUNT_OF_ALL: &str = "default";

/// Checks the typed arguments. Errors: a value that can't be read.
pub(super) fn check(command: &ActionsCommand, now: Timestamp) -> CliResult<()> {
    match command {
        ActionsCommand::List { of, .. } => Wanted::read(of).map(drop),
        ActionsCommand::Add(args) => read_action(&args.kind, now).map(drop),
        ActionsCommand::Void { reason, .. } => check_reason(reason),
    }
}

/// Runs the command.
pub(super) async fn run(command: &ActionsCommand, session: &Session) -> CliResult<Outcome> {
    match command {
        ActionsCommand::List { of, all } => {
            let store = session.open(false).await?;
            let wanted = Wanted::read(of)?.named(session);
            list::run(store.as_ref(), (&wanted, *all), session).await
        }
        ActionsCommand::Add(args) => add(&args.kind, session).await,
        ActionsCommand::Void { id, reason } => void(id, reason, session).await,
    }
}

/// Tells whether an action is wanted. One of all accounts is one of each.
fn is_wanted(action: &AssetAction, wanted: &Wanted, session: &Session) -> bool {
    let rules = session.context.rules.as_rules();
    let assets = [Some(&action.asset), action.other_asset.as_ref()];
    let mut assets = assets.into_iter().flatten();
    let is_account = |account: &Account| wanted.has_account(account);
    assets.any(|asset| wanted.has_asset(&rules.asset_named(asset.as_str())))
        && action.account.as_ref().is_none_or(is_account)
}

async fn add(args: &AddActionCommand, session: &Session) -> CliResult<Outcome> {
    let action = read_action(args, session.context.clock.now())?;
    let store = session.open(true).await?;
    let (action, receipt) =
        add_action(store.as_ref(), &session.context, action, &of_all()?).await?;
    if let Some(conflict) = receipt.actions.conflicts.first() {
        return Err(CliError::refused(
            format!(
                "action {} is known with {} {}",
                shown(&conflict.order_id).quoted(),
                conflict.column,
                shown(&conflict.in_ledger).quoted()
            ),
            "give the action another --id",
        ));
    }
    let what = line(&action);
    if receipt.import_id.is_none()
        && let Some(void) = voided_by(&store.stored_actions().await?, &action)
    {
        let undo = format!("fifo-pnl import undo {} --reason TEXT", void.import_id);
        let undo = session.next.command(&undo);
        return Err(CliError::refused(
            format!("action {} is stored, and taken out", name_of(&action)),
            format!("`{undo}` brings it back"),
        ));
    }
    let state = match receipt.import_id {
        Some(_) => {
            let id = name_of(&action);
            let void = format!("fifo-pnl actions void {id} --reason TEXT");
            let void = session.next.command(&void);
            format!("Added     {what}\n  `{void}` takes it out\n")
        }
        None => format!("Known     {what}\n"),
    };
    let location = store.location();
    Ok(outcome((&location, &state), (&action, &receipt), session))
}

async fn void(id: &str, reason: &str, session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    let word = (id, reason);
    let (action, receipt) = void_action(store.as_ref(), &session.context, word, &of_all()?).await?;
    let mut state = format!("Taken out {}\n", line(&action));
    if let Some(import) = receipt.import_id {
        let undo = format!("fifo-pnl import undo {import} --reason TEXT");
        let undo = session.next.command(&undo);
        state.push_str(&format!("  `{undo}` brings it back\n"));
    }
    let location = store.location();
    Ok(outcome((&location, &state), (&action, &receipt), session))
}

/// Counts the stored actions, and says which of them runs use. The text is empty if nothing is
/// stored.
pub(super) async fn stored(store: &dyn Store, session: &Session) -> CliResult<String> {
    let actions = store.actions(None).await?;
    let rules = session.context.rules.as_rules();
    let is_split = |action: &&AssetAction| action.kind == ActionKind::Split;
    let splits = actions.iter().filter(is_split).count() as u64;
    let names = actions.iter().filter(|it| it.is_only_a_name(rules)).count() as u64;
    let others = actions.len() as u64 - splits - names;
    let line = |rows: u64, named: String, state: &str| match rows {
        0 => String::new(),
        1 => format!("Actions         {named} is {state}\n"),
        _ => format!("Actions         {named} are {state}\n"),
    };
    let splits = line(splits, plural(splits, "split", "splits"), "stored");
    let others = line(
        others,
        plural(others, "action", "actions"),
        "stored and not yet used",
    );
    Ok(splits + &others)
}

fn of_all() -> CliResult<Account> {
    read_value("--account", ACCOUNT_OF_ALL)
}

/// Describes what changed, and names the command that takes it into account.
fn outcome(
    (location, state): (&str, &str),
    (action, receipt): (&AssetAction, &ImportReceipt),
    session: &Session,
) -> Outcome {
    let next = session.next.command("compute_allocations --all-symbols");
    let text = format!("Database  {location}\n{state}Next: {next}\n");
    let json = json!({ "database": location, "import_id": receipt.import_id,
        "is_new": receipt.import_id.is_some(), "action": action_json(action) });
    Outcome::summary(Exit::Done, text, json)
}

/// Describes an action in one line, with its name.
fn line(action: &AssetAction) -> String {
    let at = action.happened_at.to_string();
    let what = action.to_string().replace(&at, &time(action.happened_at));
    let account = match &action.account {
        Some(account) => format!("account {}", shown(account.as_str()).quoted()),
        None => "all accounts".into(),
    };
    format!(
        "{what}, {account}\n          its id is {}",
        action.action_id
    )
}

/// Returns the name by which a command finds an action.
fn name_of(action: &AssetAction) -> String {
    match &action.account {
        Some(account) => format!("{account}/{}", action.action_id),
        None => action.action_id.to_string(),
    }
}

fn action_json(action: &AssetAction) -> Value {
    let ratio = action.ratio;
    json!({ "account": action.account.as_ref().map(|account| account.as_str()),
        "action_id": action.action_id.as_str(), "kind": action.kind.as_str(),
        "asset": action.asset.as_str(), "happened_at": action.happened_at.to_string(),
        "ratio_new": ratio.map(|it| it.new), "ratio_old": ratio.map(|it| it.old),
        "units": action.units.map(|it| it.to_string()),
        "other_asset": action.other_asset.as_ref().map(|asset| asset.as_str()),
        "basis_share": action.basis_share.map(|it| it.to_string()), "note": action.note })
}
