//! `review show`: an item, the rows of its sell, possible causes, the history, and the ways to
//! settle it.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::transfers::{OpenDeposit, open_deposits};
use super::advice;
use super::ways::Around;
use super::{find_item, item_json};
use crate::cli::Outcome;
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::format::time;
use crate::cli::session::Session;
use crate::engine::{IssueType, Pool, StoredAllocation, shown, shown_sentence};
use crate::pipeline::decided_lots;
use crate::store::Store;
use crate::store::model::{LoggedEvent, QueuedItem};
use crate::tax::{NearMiss, near_misses};

/// Most deposits that the text names.
const DEPOSITS_SHOWN_MAX: usize = 5;

pub(super) async fn run(store: &dyn Store, session: &Session, id: i64) -> CliResult<Outcome> {
    let item = find_item(store, id).await?;
    let mut text = format!("Database  {}\n", store.location());
    text.push_str(&describe(&item));
    let stored = match store.current().await?.version {
        Some(version) => store.stored_pool(version, &item.pool).await?,
        None => Default::default(),
    };
    let of_sell = |row: &&StoredAllocation| row.sell_order_id.as_str() == item.order_id;
    let rows: Vec<&StoredAllocation> = stored.allocations.iter().filter(of_sell).collect();
    text.push_str(&describe_rows(&rows));
    let account = &item.pool.account;
    let mut origin = store.trade_origin(account, &item.order_id).await?;
    let mut is_movement = false;
    if origin.is_none()
        && let Ok(id) = item.order_id.parse()
    {
        origin = store.movement_origin(account, &id).await?;
        is_movement = origin.is_some();
    }
    if let Some((file, line, _)) = &origin {
        text.push_str(&format!("From      {}:{line}\n", shown_sentence(file)));
    }
    let misses = near_misses(store, &item, &session.config.rules).await?;
    let mut deposits = Vec::new();
    if item.issue == IssueType::UnmatchedSell {
        let until = rows.first().map(|row| row.sell_time);
        deposits = open_deposits(store, session, (&item.pool, until)).await?;
        text.push_str(&describe_misses(&misses, &deposits));
    }
    let events = store.item_history(id).await?;
    for event in &events {
        text.push_str(&describe_event(event));
    }
    let mut decided = decided_lots(store, None).await?;
    decided.retain(|lot| lot.item == id);
    let exclusions = store.exclusions().await?;
    let config = session.config.tax.path.display().to_string();
    let other_pools = other_pools(store, &item).await?;
    let with_coins = advice::accounts_with_coins(store).await?;
    let around = Around {
        config: &config,
        with_coins: &with_coins,
        rules: &session.config.rules,
        next: &session.next,
        exclusion: exclusions.iter().find(|of| of.pool == item.pool),
        decided: &decided,
        other_pools: &other_pools,
        has_zone: session.config.tax.timezone.is_some(),
        has_deposits: !deposits.is_empty(),
        is_movement,
    };
    let ways = advice::ways(&item, &around);
    text.push_str(&advice::describe(&ways));
    let shown = |miss: &NearMiss| Value::String(describe_miss(miss));
    let history: Vec<Value> = events
        .iter()
        .map(|event| {
            let (kind, at) = (event.kind.as_str(), event.at.to_string());
            json!({ "event": kind, "at": at, "details": event.details })
        })
        .collect();
    let json = json!({ "database": store.location(), "item": item_json(&item),
        "near_misses": misses.iter().map(shown).collect::<Vec<_>>(), "history": history,
        "deposits": deposits.iter().map(|it| it.key.to_string()).collect::<Vec<_>>(),
        "advice": advice::to_json(&ways),
        "file": origin.as_ref().map(|origin| &origin.0),
        "line": origin.as_ref().map(|origin| origin.1) });
    Ok(Outcome::answer(Exit::Done, text, json))
}

/// Returns the other pools with an open item of the same trade.
async fn other_pools(store: &dyn Store, item: &QueuedItem) -> CliResult<BTreeSet<Pool>> {
    let queue = store.review_queue().await?;
    let is_same = |other: &&QueuedItem| {
        other.pool.account == item.pool.account
            && other.order_id == item.order_id
            && !other.order_id.is_empty()
            && other.pool != item.pool
            && other.issue == item.issue
            && other.status.is_open()
    };
    let others = queue.iter().filter(is_same).map(|of| of.pool.clone());
    Ok(others.collect())
}

fn describe(item: &QueuedItem) -> String {
    let order = match item.order_id.as_str() {
        "" => ", the whole pool".into(),
        order => format!(" {} {}", item.leg.record(), shown(order)),
    };
    let settled = match (&item.resolution, &item.resolved_by) {
        (Some(how), Some(by)) => {
            format!("Settled   {} (by {})\n", shown_sentence(how), shown(by))
        }
        _ => String::new(),
    };
    format!(
        "Item {}    {}, {}, {}\n          {}{order}\n          {}\n{settled}",
        item.id,
        item.issue.as_str(),
        item.severity.as_str(),
        item.status.as_str(),
        item.pool,
        shown_sentence(&item.description),
    )
}

fn describe_rows(rows: &[&StoredAllocation]) -> String {
    let Some(first) = rows.first() else {
        return String::new();
    };
    let mut text = format!(
        "Sell      {} at {} USD\n",
        time(first.sell_time),
        first
            .sell_price
            .map_or("an unknown price".into(), |price| price.to_string())
    );
    let matched = rows.iter().filter(|row| row.buy_order_id.is_some());
    for row in matched.clone() {
        let buy = row.buy_order_id.as_ref().map(ToString::to_string);
        let buy = buy.unwrap_or_default();
        let cost = row.cost_basis_usd.map(|cost| cost.to_string());
        text.push_str(&format!(
            "Held      {} of lot {buy}: cost {} USD\n",
            row.allocated_size,
            cost.unwrap_or_default()
        ));
    }
    if matched.count() == 0 {
        text.push_str("Held      no open lot at that time\n");
    }
    for row in rows.iter().filter(|row| row.buy_order_id.is_none()) {
        text.push_str(&format!(
            "Missing   {}: {} USD of net proceeds have no cost\n",
            row.allocated_size, row.net_proceeds_usd
        ));
    }
    text
}

fn describe_misses(misses: &[NearMiss], deposits: &[OpenDeposit]) -> String {
    if misses.is_empty() && deposits.is_empty() {
        return "Hints     none: no buy nearby, of this size elsewhere, or missing fill\n".into();
    }
    let deposits = deposits.iter().take(DEPOSITS_SHOWN_MAX);
    let hints = deposits.map(OpenDeposit::words);
    let hints = misses.iter().map(describe_miss).chain(hints);
    hints.map(|hint| format!("Hint      {hint}\n")).collect()
}

fn describe_miss(miss: &NearMiss) -> String {
    match miss {
        NearMiss::LateBuy(buy) => format!(
            "buy {} of {} comes soon after the sell, at {}: is one of the times wrong?",
            buy.order_id, buy.size, buy.order_time
        ),
        NearMiss::Cover(buy) => format!(
            "buy {} of the same size {} comes next, at {}: did it close a short sale?",
            buy.order_id, buy.size, buy.order_time
        ),
        NearMiss::Elsewhere(pool, buy) => format!(
            "buy {} of the same size {} stands in {pool}: another account or spelling?",
            buy.order_id, buy.size
        ),
        NearMiss::MissingFill(id) => {
            let id = shown(id);
            format!("fill {id} is missing between others of its order")
        }
    }
}

fn describe_event(event: &LoggedEvent) -> String {
    let text = |name: &str| event.details.get(name).and_then(Value::as_str);
    let verb = event.kind.as_str().trim_start_matches("review_");
    let by = text("by").map_or_else(|| " by a run".to_owned(), |by| format!(" by {}", shown(by)));
    let note = text("note").map(|note| format!(": {}", shown_sentence(note)));
    let at = time(event.at);
    let lots = event.details.get("lots").and_then(Value::as_array);
    let lots: String = lots.into_iter().flatten().map(describe_lot).collect();
    format!(
        "History   {at} {verb}{by}{}\n{lots}",
        note.unwrap_or_default()
    )
}

fn describe_lot(lot: &Value) -> String {
    let text = |name: &str| lot.get(name).and_then(Value::as_str).unwrap_or_default();
    let [id, size, price, acquired] = ["order_id", "size", "price", "acquired"].map(text);
    format!(
        "          lot {}: {} at {} USD, acquired {}\n",
        shown(id),
        shown(size),
        shown(price),
        shown(acquired)
    )
}
