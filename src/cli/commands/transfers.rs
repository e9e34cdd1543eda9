//! `transfers`: withdrawals and deposits of one owner, which rules or a person pair.

mod list;
mod open;

use open::Lacking;
pub(super) use open::{OpenDeposit, open_deposits};
use serde_json::{Value, json};

use super::wanted::{Wanted, read_value};
use crate::cli::Outcome;
use crate::cli::args::{AddMovementArgs, DecideArgs, DecideOneArgs, TransfersCommand, WantedArgs};
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{plural, time};
use crate::cli::next::Next;
use crate::cli::session::Session;
use crate::cli::terminal::{ask, note};
use crate::engine::{
    Asset, AssetRules, DecisionKind, Direction, Movement, MovementKey, MovementKind, OrderId,
    Pairing, Proposed, Transfer, Worth, shown,
};
use crate::pipeline::{
    Transfers, accept_transfers, add_movement, decide_movement, decide_transfer, read_transfers,
};
use crate::store::{Store, transfers};

/// Checks the typed arguments. Errors: a value that can't be read.
pub(super) fn check(command: &TransfersCommand) -> CliResult<()> {
    match command {
        TransfersCommand::List { of, .. } | TransfersCommand::Apply { of, .. } => {
            Wanted::read(of).map(drop)
        }
        TransfersCommand::Pair(args) | TransfersCommand::Unpair(args) => {
            args.note.as_deref().map(check_note).transpose().map(drop)
        }
        TransfersCommand::Decide(args) => {
            check_reason(&args.reason)?;
            read_worth(args).map(drop)
        }
        TransfersCommand::Add(args) => read_movement(args).map(drop),
    }
}

/// Reads the value of income. Errors: it is no value, or the kind has none.
fn read_worth(args: &DecideOneArgs) -> CliResult<Option<Worth>> {
    let Some(text) = args.value.as_deref() else {
        return Ok(None);
    };
    let value: Worth = read_value("--value", text)?;
    if value.as_decimal().is_zero() {
        return Err(CliError::usage(
            "--value is 0, expected a value above zero",
            "leave it out if a rate gives the value",
        ));
    }
    match args.kind.as_str() {
        "income" => Ok(Some(value)),
        kind => Err(CliError::usage(
            format!("--value has no effect beside --kind {kind}"),
            "a value is that of income: --kind income",
        )),
    }
}

fn check_reason(reason: &str) -> CliResult<()> {
    match reason.trim().is_empty() {
        true => Err(CliError::usage("--reason is empty", "say why")),
        false => Ok(()),
    }
}

fn check_note(note: &str) -> CliResult<()> {
    match note.trim().is_empty() {
        true => Err(CliError::usage(
            "--note is empty",
            "say why, or leave it out",
        )),
        false => Ok(()),
    }
}

/// Runs the command.
pub(super) async fn run(command: &TransfersCommand, session: &Session) -> CliResult<Outcome> {
    match command {
        TransfersCommand::List { of, all } => list(of, *all, session).await,
        TransfersCommand::Pair(args) => decide(DecisionKind::Pair, args, session).await,
        TransfersCommand::Unpair(args) => decide(DecisionKind::Unpair, args, session).await,
        TransfersCommand::Decide(args) => decide_one(args, session).await,
        TransfersCommand::Apply { of, yes } => apply(of, *yes, session).await,
        TransfersCommand::Add(args) => add(args, session).await,
    }
}

/// Drops all transfers and movements of a pairing that are not wanted.
fn keep_wanted(wanted: Wanted, pairing: &mut Pairing, session: &Session) {
    let wanted = wanted.named(session);
    let is_transfer = |it: &Transfer| {
        wanted.has_asset(&it.asset) && (wanted.has_account(&it.from) || wanted.has_account(&it.to))
    };
    pairing.transfers.retain(|it| is_transfer(&it.transfer));
    pairing.proposed.retain(|it| is_transfer(&it.transfer));
    pairing
        .alone
        .retain(|it| wanted.has_asset(&it.asset) && wanted.has_account(&it.movement.account));
}

async fn list(wanted: &WantedArgs, all: bool, session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    let mut read = read_transfers(store.as_ref(), &session.context).await?;
    keep_wanted(Wanted::read(wanted)?, &mut read.pairing, session);
    let lacking = Lacking::of(store.as_ref(), &read.pairing).await?;
    let text = format!(
        "Database  {}\n{}",
        store.location(),
        list::describe((&read.pairing, &lacking), all, &session.next)
    );
    let mut json = list::to_json(&read.pairing, all);
    if let Some(object) = json.as_object_mut() {
        object.insert("database".into(), json!(store.location()));
    }
    Ok(Outcome::answer(Exit::Done, text, json))
}

async fn decide(kind: DecisionKind, args: &DecideArgs, session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    let (said, pair) = (
        (kind, args.note.as_deref()),
        (&*args.withdrawal, &*args.deposit),
    );
    let transfer = decide_transfer(store.as_ref(), &session.context, said, pair).await?;
    let verb = match kind {
        DecisionKind::Pair => "Paired    ",
        _ => "Set apart ",
    };
    let text = format!(
        "Database  {}\n{verb}{}\n{}",
        store.location(),
        line(&transfer),
        next(&session.next)
    );
    let json = json!({ "database": store.location(), "decision": kind.as_str(),
        "transfer": list::transfer_json(&transfer) });
    Ok(Outcome::summary(Exit::Done, text, json))
}

async fn decide_one(args: &DecideOneArgs, session: &Session) -> CliResult<Outcome> {
    let kind: DecisionKind = read_value("--kind", &args.kind)?;
    let store = session.open(false).await?;
    let said = (kind, read_worth(args)?, &*args.reason);
    let row = decide_movement(store.as_ref(), &session.context, said, &args.movement).await?;
    let verb = match kind {
        DecisionKind::Booked => "Booked    ",
        DecisionKind::Income => "Income    ",
        _ => "Undecided ",
    };
    let (key, way) = (MovementKey::of(&row), row.direction);
    let (kind_of_row, size, asset) = (row.kind, row.size, &row.asset);
    let text = format!(
        "Database  {}\n{verb}{kind_of_row} {key} of {size} {asset}, {way}, at {}\n{}",
        store.location(),
        time(row.moved_at),
        next(&session.next)
    );
    let json = json!({ "database": store.location(), "decision": kind.as_str(),
        "movement": key.to_string() });
    Ok(Outcome::summary(Exit::Done, text, json))
}

/// Names the command that takes a decision into account.
fn next(next: &Next) -> String {
    let command = next.command("compute_allocations --all-symbols");
    format!("Next: {command}\n")
}

fn line(it: &Transfer) -> String {
    let Transfer {
        asset, received, ..
    } = it;
    let (from, to) = (&it.from, &it.to);
    format!(
        "{received} {asset} from {from}/{} at {} to {to}/{} at {}",
        it.withdrawal,
        time(it.sent_at),
        it.deposit,
        time(it.received_at)
    )
}

async fn apply(wanted: &WantedArgs, yes: bool, session: &Session) -> CliResult<Outcome> {
    let store = session.open(false).await?;
    let mut read = read_transfers(store.as_ref(), &session.context).await?;
    keep_wanted(Wanted::read(wanted)?, &mut read.pairing, session);
    let proposed: Vec<Proposed> = read.pairing.proposed;
    let accepted: Vec<Transfer> = proposed.iter().map(|it| it.transfer.clone()).collect();
    let pairs = plural(accepted.len() as u64, "proposed pair", "proposed pairs");
    let mut text = format!("Database  {}\n", store.location());
    if accepted.is_empty() {
        text.push_str("There are no proposed pairs.\n");
    } else {
        let shown = Pairing {
            proposed,
            ..Pairing::default()
        };
        let shown = list::table_of(&shown, None, true);
        if !yes {
            note(&shown);
            confirm(&pairs)?;
        }
        accept_transfers(store.as_ref(), &session.context, &accepted).await?;
        let next = next(&session.next);
        text.push_str(&format!("{shown}\nAccepted  {pairs}\n{next}"));
    }
    let accepted: Vec<Value> = accepted.iter().map(list::transfer_json).collect();
    let json = json!({ "database": store.location(), "accepted": accepted });
    Ok(Outcome::summary(Exit::Done, text, json))
}

/// Asks the user whether to go on. Errors: the answer is no, or nobody can answer.
fn confirm(pairs: &str) -> CliResult<()> {
    match ask(&format!("Accept {pairs}? [y/N]")).as_deref() {
        Some("y" | "Y" | "yes") => Ok(()),
        Some(_) => Err(CliError::refused("cancelled: nothing was changed", "")),
        None => Err(CliError::refused(
            "there is no terminal to ask on: nothing was changed",
            "confirm with --yes",
        )),
    }
}

/// Reads a movement that a person states, and its id.
fn read_movement(args: &AddMovementArgs) -> CliResult<(Movement, Option<OrderId>)> {
    let direction: Direction = read_value("the way", &args.way)?;
    let asset: Asset = read_value("--asset", &args.asset)?;
    let fee_asset = args.fee_asset.as_deref();
    let fee_asset = fee_asset
        .map(|it| read_value("--fee-asset", it))
        .transpose()?;
    let fee = args
        .fee
        .as_deref()
        .map(|it| read_value("--fee", it))
        .transpose()?;
    let size: crate::engine::Size = read_value("--size", &args.size)?;
    if size.is_zero() {
        return Err(CliError::usage(
            "--size is 0, expected a number above zero",
            "",
        ));
    }
    let bad_time = |error| {
        let what = format!("--at is {}: it {error}", shown(&args.at).quoted());
        CliError::usage(what, "write it with its zone: 2025-03-01T12:00:00Z")
    };
    let id = args
        .id
        .as_deref()
        .map(|it| read_value("--id", it))
        .transpose()?;
    if args.tx.as_deref().is_some_and(|tx| tx.trim().is_empty()) {
        return Err(CliError::usage("--tx is empty", "leave it out"));
    }
    let movement = Movement {
        account: read_value("--account", &args.account)?,
        movement_id: OrderId::unreadable(""),
        fee: fee.map(|fee| (fee, fee_asset.unwrap_or_else(|| asset.clone()))),
        asset,
        direction,
        size,
        usd_value: None,
        kind: match direction {
            Direction::In => MovementKind::Deposit,
            Direction::Out => MovementKind::Withdrawal,
        },
        moved_at: args.at.parse().map_err(bad_time)?,
        settled_at: None,
        tx_id: args.tx.clone(),
        exchange: None,
        import_line: 1,
    };
    Ok((movement, id))
}

async fn add(args: &AddMovementArgs, session: &Session) -> CliResult<Outcome> {
    let (movement, id) = read_movement(args)?;
    let store = session.open(true).await?;
    let (movement, receipt) = add_movement(store.as_ref(), &session.context, movement, id).await?;
    if let Some(conflict) = receipt.movements.conflicts.first() {
        let (id, account) = (shown(&conflict.order_id), shown(&conflict.account));
        return Err(CliError::refused(
            format!(
                "movement {} of account {} is known with {} {}",
                id.quoted(),
                account.quoted(),
                conflict.column,
                shown(&conflict.in_ledger).quoted()
            ),
            "give the movement another --id",
        ));
    }
    let kind = movement.kind;
    let what = format!(
        "{kind} {}/{} of {} {} at {}",
        movement.account,
        movement.movement_id,
        movement.size,
        movement.asset,
        time(movement.moved_at)
    );
    let state = match receipt.import_id {
        Some(import) => {
            let undo = format!("fifo-pnl import undo {import} --reason TEXT");
            let undo = session.next.command(&undo);
            format!("Added     {what}\n  `{undo}` takes it out\n")
        }
        None => format!("Known     {what}\n"),
    };
    let pairing = transfers(store.as_ref(), session.context.rules.as_rules(), None).await?;
    let next_line = receipt.import_id.map(|_| next(&session.next));
    let text = format!(
        "Database  {}\n{state}{}{}",
        store.location(),
        stored_line(&pairing, &session.next),
        next_line.unwrap_or_default()
    );
    let json = json!({ "database": store.location(), "import_id": receipt.import_id,
        "account": movement.account.as_str(), "movement_id": movement.movement_id.as_str(),
        "is_new": receipt.import_id.is_some() });
    Ok(Outcome::summary(Exit::Done, text, json))
}

/// Counts the stored movements, and says how many make transfers. Returns an empty text if nothing
/// moved.
pub(super) async fn stored(store: &dyn Store, session: &Session) -> CliResult<String> {
    let rules = session.context.rules.as_rules();
    let pairing = transfers(store, rules, None).await?;
    let text = stored_line(&pairing, &session.next);
    if text.is_empty() {
        return Ok(text);
    }
    let movements = store.movements(None).await?;
    let fees = movements.iter().filter(|row| has_unused_fee(row, rules));
    Ok(match fees.count() as u64 {
        0 => text,
        fees => {
            let fees = plural(
                fees,
                "fee of a deposit or reward is",
                "fees of deposits or rewards are",
            );
            let list = session.next.command("fifo-pnl transfers list --all");
            format!("{text}Fees not used   {fees} in another asset: `{list}` shows them\n")
        }
    })
}

/// Tells whether a movement came in with a fee in another asset. No pool pays such a fee.
fn has_unused_fee(row: &Movement, rules: &AssetRules) -> bool {
    let of_fee = row.fee.as_ref();
    let of_fee = of_fee.filter(|(fee, _)| !fee.as_decimal().is_zero());
    of_fee.is_some_and(|(_, asset)| {
        let asset = rules.asset_named(asset.as_str());
        let is_money = rules.is_usd(&asset) || rules.is_currency(&asset);
        let is_other = asset != rules.asset_named(row.asset.as_str());
        row.direction == Direction::In && is_other && !is_money
    })
}

fn stored_line(pairing: &Pairing, next: &Next) -> String {
    let (paired, proposed, alone) = Transfers::counts(pairing);
    let rows = 2 * (paired + proposed) + pairing.alone.len() as u64;
    if rows == 0 {
        return String::new();
    }
    let income = list::income_of(pairing);
    let others = pairing.alone.len() as u64 - alone - income;
    let be = if rows == 1 { "is" } else { "are" };
    let rows = plural(rows, "movement", "movements");
    let counts = [
        (paired, plural(paired, "transfer", "transfers")),
        (
            proposed,
            format!("{} proposed", plural(proposed, "pair", "pairs")),
        ),
        (income, format!("{income} income")),
        (alone, format!("{alone} alone")),
        (others, format!("{others} not used")),
    ];
    let counts = counts.into_iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts.map(|(_, said)| said).collect();
    if paired + proposed + income + alone == 0 {
        return format!("Movements       {rows} {be} stored and not used\n");
    }
    let counts = counts.join(", ");
    let list = match (proposed + alone, others) {
        (0, _) => String::new(),
        (_, 0) => format!("  `{}` says why\n", next.command("fifo-pnl transfers list")),
        _ => format!(
            "  `{}` says why\n",
            next.command("fifo-pnl transfers list --all")
        ),
    };
    format!("Movements       {rows} {be} stored: {counts}\n{list}")
}
