//! `review start`, `resolve`, `dismiss`, `reopen`: a person's decision, shown before it is done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};

use super::typed::{TypedAs, TypedLot, check_note, read_lot, signed, typed_lots};
use super::{find_item, void_command};
use crate::cli::Outcome;
use crate::cli::args::{NoteArgs, ResolveArgs};
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::session::Session;
use crate::cli::terminal::{ask, note};
use crate::engine::{AssetRules, IssueType, LedgerTrade, Leg, Pool, shown, shown_sentence};
use crate::store::model::{
    Event, EventKind, LedgerRead, QueuedItem, ReviewDecision, ReviewStatus, Scope,
};
use crate::store::values;
use crate::store::{ReviewStore, Store, StoredRow, TradeStore, VersionStore};
use crate::tax::{BasisLot, Preview, basis_trades, import_batch, next_numbers, preview};

/// Records a decision without trades: starts, resolves, dismisses or reopens an item.
pub(super) async fn decide(
    store: &dyn Store,
    session: &Session,
    args: &NoteArgs,
    status: ReviewStatus,
) -> CliResult<Outcome> {
    check_note(&args.note)?;
    let item = find_item(store, args.id).await?;
    if status == ReviewStatus::Pending {
        check_unsettled(store, &item).await?;
    }
    apply(store, session, args, status).await?;
    let word = status.as_str();
    let (id, location) = (args.id, store.location());
    Ok(Outcome::summary(
        Exit::Done,
        format!(
            "Database  {location}\nItem {id} is {word}: {}\n",
            shown_sentence(&args.note)
        ),
        json!({ "database": location, "id": id, "status": word }),
    ))
}

/// Refuses to reopen an unmatched sell that has all its lots by now.
///
/// Errors: the current version has no unmatched row of the item's sell.
async fn check_unsettled(store: &dyn VersionStore, item: &QueuedItem) -> CliResult<()> {
    let current = store.current().await?.version;
    let Some(version) = current.filter(|_| item.issue == IssueType::UnmatchedSell) else {
        return Ok(());
    };
    let rows = store.unmatched_rows(version).await?;
    let is_of_item = |row: &StoredRow| match row {
        Ok(row) => row.pool() == item.pool && row.sell_order_id.as_str() == item.order_id,
        Err(row) => row.sell_order_id == item.order_id,
    };
    if item.status.is_open() || rows.iter().any(is_of_item) {
        return Ok(());
    }
    let (id, sell) = (item.id, shown(&item.order_id));
    Err(CliError::refused(
        format!(
            "review item {id} can't be reopened: version {version} has no unmatched part of sale \
             {sell}"
        ),
        format!(
            "void a wrong buy and compute: the run reopens it; `fifo-pnl review show {id}` lists \
             its lots"
        ),
    ))
}

pub(super) async fn apply(
    store: &dyn ReviewStore,
    session: &Session,
    args: &NoteArgs,
    status: ReviewStatus,
) -> CliResult<()> {
    let decision = ReviewDecision {
        id: args.id,
        status,
        note: args.note.clone(),
        by: session.context.user.clone(),
        at: session.context.clock.now(),
    };
    Ok(store.decide_review(&decision).await?)
}

/// An item with the trades that settle it.
pub(super) struct Settled {
    pub(super) item: QueuedItem,
    pub(super) trades: Vec<LedgerTrade>,
    pub(super) preview: Preview,
    pub(super) note: String,
}

/// Settles an item by its basis, or by a note alone.
pub(super) async fn resolve(
    store: &dyn Store,
    session: &Session,
    args: &ResolveArgs,
) -> CliResult<Outcome> {
    check_note(&args.item.note)?;
    let item = find_item(store, args.item.id).await?;
    if args.basis.is_empty() {
        if item.issue == IssueType::UnmatchedSell {
            return Err(CliError::usage(
                format!(
                    "item {} is an unmatched sell: a note alone finds no lot",
                    item.id
                ),
                "import its buy and compute; or name --basis USD --acquired DATE; or dismiss it",
            ));
        }
        return decide(store, session, &args.item, ReviewStatus::Resolved).await;
    }
    check_unmatched(&item)?;
    let typed = typed_lots(args)?;
    let typed_as = TypedAs::Flags {
        zone: args.timezone.as_deref(),
    };
    let read = |lot: &TypedLot| read_lot(lot, &item, typed_as, session);
    let lots = typed.iter().map(read).collect::<CliResult<Vec<_>>>()?;
    let note_signed = signed(&args.item.note, typed.iter());
    let known = ItemFacts::of(store, std::slice::from_ref(&item)).await?;
    let settled = settle(item, &lots, note_signed, &known)?;
    note(describe(&settled).trim_end());
    if !args.yes {
        confirm()?;
    }
    append(store, session, &settled).await?;
    let (id, count) = (settled.item.id, settled.trades.len());
    let ids: Vec<String> = settled
        .trades
        .iter()
        .map(|row| row.trade.order_id.to_string())
        .collect();
    let account = settled.item.pool.account.as_str();
    let void = |id: &String| session.next.command(&void_command(id, account));
    let way_back = |id: &String| format!("  `{}`\n", void(id));
    let text = format!(
        "Database  {}\nItem {id} is in progress: appended {}, marked as decided by review.\n\
         The next run closes the item. To undo the decision:\n{}Next: {}\n",
        store.location(),
        ids.join(", "),
        ids.iter().map(way_back).collect::<String>(),
        session.next.command("compute_allocations --all-symbols")
    );
    let json = json!({ "database": store.location(), "id": id, "trades": ids,
        "appended": count });
    Ok(Outcome::summary(Exit::Done, text, json))
}

/// Facts of the ledger that decisions about some items need.
#[derive(Default)]
pub(super) struct ItemFacts {
    /// The trades of the items' pools.
    ledger: LedgerRead,
    /// The settings that name their pools.
    rules: Arc<AssetRules>,
    /// The number of the next decision, by item.
    next: BTreeMap<i64, u64>,
}

impl ItemFacts {
    /// Reads the trades of all items' pools at once, as each read goes over the whole ledger.
    pub(super) async fn of(store: &dyn TradeStore, items: &[QueuedItem]) -> CliResult<Self> {
        if items.is_empty() {
            return Ok(Self::default());
        }
        let pools: BTreeSet<Pool> = items.iter().map(|item| item.pool.clone()).collect();
        let scope = Scope {
            part: Some(Arc::new(pools)),
            ..Scope::default()
        };
        Ok(Self {
            ledger: values::read(store, &scope, None).await?,
            rules: store.rules(),
            next: next_numbers(store, items).await?,
        })
    }
}

/// Checks that a basis can settle an item. Errors: the item is settled, or is no unmatched sell.
pub(super) fn check_unmatched(item: &QueuedItem) -> CliResult<()> {
    if !item.status.is_open() {
        let (id, status) = (item.id, item.status.as_str());
        return Err(CliError::refused(
            format!("review item {id} is {status}: reopen it first"),
            format!("`fifo-pnl review reopen {id} --note TEXT` does"),
        ));
    }
    if item.issue != IssueType::UnmatchedSell {
        let (id, issue) = (item.id, item.issue.as_str());
        return Err(CliError::usage(
            format!("review item {id} is {issue}, no unmatched sell: a basis does not settle it"),
            format!("`fifo-pnl review show {id}` says what does"),
        ));
    }
    Ok(())
}

/// Makes the trades of a decision and computes the changes that they cause. Writes nothing.
pub(super) fn settle(
    item: QueuedItem,
    lots: &[BasisLot],
    note: String,
    known: &ItemFacts,
) -> CliResult<Settled> {
    let account = &item.pool.account;
    if known.rules.may_go_short(account) {
        // By these settings the next run has no unmatched sell there: a lot would change it.
        let account = shown(account.as_str());
        return Err(CliError::refused(
            format!(
                "account {account} may go short, so review item {} is a short sale",
                item.id
            ),
            "`compute_allocations --all-symbols` computes it as one, and closes the item",
        ));
    }
    let first = known.next.get(&item.id).copied().unwrap_or(1);
    let trades = basis_trades(&item, lots, (&known.ledger, &known.rules), first)?;
    let preview = preview(&item.pool, &known.ledger, &trades)?;
    Ok(Settled {
        item,
        trades,
        preview,
        note,
    })
}

/// Appends the trades of a decision to the ledger, and records the decision.
pub(super) async fn append(
    store: &dyn Store,
    session: &Session,
    settled: &Settled,
) -> CliResult<()> {
    let (by, at) = (&session.context.user, session.context.clock.now());
    let batch = import_batch(&settled.item, settled.trades.clone(), by, at);
    let receipt = store.import(&batch).await?;
    let id = settled.item.id;
    let look = format!("`fifo-pnl review show {id}` says how it stands");
    if let Some(conflict) = receipt.conflicts.first() {
        return Err(CliError::refused(
            format!(
                "order \"{}\" is in the ledger with other facts",
                conflict.order_id
            ),
            format!("somebody decided the item meanwhile: {look}"),
        ));
    }
    if receipt.appended != settled.trades.len() as u64 {
        return Err(CliError::refused(
            format!("item {id}: somebody appended the same trades meanwhile"),
            look,
        ));
    }
    let args = NoteArgs {
        id: settled.item.id,
        note: settled.note.clone(),
    };
    if settled.item.status != ReviewStatus::InProgress {
        apply(store, session, &args, ReviewStatus::InProgress).await?;
    }
    let lots: Vec<Value> = settled.trades.iter().map(lot_json).collect();
    let details = json!({ "id": args.id, "order_id": settled.item.order_id,
        "note": args.note, "by": by, "lots": lots });
    let event = Event {
        pool: Some(settled.item.pool.clone()),
        ..Event::info(EventKind::ReviewDecided, at, details)
    };
    Ok(store.log_event(&event).await?)
}

fn lot_json(row: &LedgerTrade) -> Value {
    let trade = &row.trade;
    json!({ "order_id": trade.order_id.as_str(), "size": trade.size.to_string(),
        "price": trade.price.to_string(), "acquired": trade.order_time.to_string() })
}

/// Asks the user whether to go on. Errors: the answer is no, or nobody can answer.
pub(super) fn confirm() -> CliResult<()> {
    match ask("Append these trades? [y/N]").as_deref() {
        Some("y" | "Y" | "yes") => Ok(()),
        Some(_) => Err(CliError::refused("cancelled: nothing was changed", "")),
        None => Err(CliError::refused(
            "there is no terminal to ask on: nothing was changed",
            "confirm with --yes",
        )),
    }
}

pub(super) fn describe(settled: &Settled) -> String {
    let Settled {
        item,
        trades,
        preview,
        ..
    } = settled;
    let mut text = format!(
        "Item {}: {} order {}\n",
        item.id,
        item.pool,
        shown(&item.order_id)
    );
    for row in trades {
        let trade = &row.trade;
        let fee = trade.fee.map(|fee| fee.to_string()).unwrap_or_default();
        // The fee is the part of the basis that is smaller than the price's last digit.
        let rest = if fee == "0" {
            String::new()
        } else {
            format!(", fee {fee}")
        };
        text.push_str(&format!(
            "  would append {}: buy {} at {}{rest}, acquired {}\n",
            trade.order_id, trade.size, trade.price, trade.order_time,
        ));
    }
    for ((id, leg), old, new) in &preview.sells {
        let id = shown(id);
        let leg = match leg {
            Leg::Base => String::new(),
            leg => format!(" ({leg} leg)"),
        };
        text.push_str(&format!(
            "  sell {id}{leg}: unmatched {} -> {}, cost {} -> {}, pnl {} -> {}\n",
            old.unmatched, new.unmatched, old.cost, new.cost, old.pnl, new.pnl
        ));
    }
    let is_other = |(id, leg): &(String, Leg)| (id, *leg) != (&item.order_id, item.leg);
    if preview.sells.iter().all(|(sell, ..)| is_other(sell)) {
        let id = shown(&item.order_id);
        text.push_str(&format!(
            "  sell {id} would not change: other sells use these lots\n"
        ));
    }
    let ((pnl, new_pnl), (open, new_open)) = (preview.pnl, preview.open_size);
    text.push_str(&format!(
        "  pool: realized pnl {pnl} -> {new_pnl}, open {open} -> {new_open}\n"
    ));
    text
}
