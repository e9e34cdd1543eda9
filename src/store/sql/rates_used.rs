//! The rates that gave a version's trades their values.

use super::{Driver, LoadCell, Take, arguments, delete_rows};
use crate::engine::{Account, RateOrigin, RateUsed, RateUsedRef};
use crate::store::limits::ROWS_CHECKED;
use crate::store::model::{RatesLocked, Version, VersionPlan};
use crate::store::{StoreResult, cells};

const LOCK: &str = "lock the rates";

/// Writes the rates of a version, in the transaction that completes it or appends to it. A part of
/// them is rows at a time: each takes some 900 bytes.
pub(super) async fn lock<C: Driver>(
    connection: &mut C,
    plan: &VersionPlan,
    locked: &RatesLocked,
) -> StoreResult<()> {
    if plan.replaces {
        delete(connection, plan.version).await?;
    }
    let (mut all, mut is_first, mut rows) = (locked.added.iter(), true, Vec::new());
    while all.len() > 0 {
        rows.clear();
        let used = all.by_ref().take(ROWS_CHECKED);
        used.for_each(|used| push_rows(&mut rows, plan.version, used));
        connection.load(LOCK, INTO, &rows, is_first).await?;
        is_first = false;
    }
    Ok(())
}

const INTO: (&str, &str) = (
    "fifo_rates_used",
    "allocation_version, account, order_id, purpose, step, asset, units, value_usd, rate, \
     rate_time, source, step_asset, step_currency, step_rate, import_id, import_line, \
     own_order_id, order_time",
);
const COLUMNS: usize = 18;

/// Appends the rows of a record: one for each step of its rate.
fn push_rows<'u>(rows: &mut Vec<[LoadCell<'u>; COLUMNS]>, version: Version, used: RateUsedRef<'u>) {
    let found = used.rate;
    for (nth, step) in (1_i64..).zip(&found.steps) {
        let (file, line, own) = match &step.origin {
            RateOrigin::Line { import_id, line } => (Some(*import_id), Some(*line), None),
            RateOrigin::Trade(id) => (None, None, Some(id.as_str())),
            RateOrigin::Peg => (None, None, None),
        };
        let line = line.map(|line| i64::try_from(line).unwrap_or(i64::MAX));
        let text = |text| LoadCell::Text(Some(text));
        rows.push([
            LoadCell::Integer(Some(version)),
            text(used.account.as_str()),
            text(used.order_id),
            text(used.purpose.as_str()),
            LoadCell::Integer(Some(nth)),
            text(used.asset.as_str()),
            LoadCell::Number(used.units),
            LoadCell::Usd(used.usd),
            LoadCell::Number(found.value.fact()),
            LoadCell::Time(found.at),
            text(found.source.as_str()),
            text(step.asset.as_str()),
            text(step.currency.as_str()),
            LoadCell::Number(step.value.fact()),
            LoadCell::Integer(file),
            LoadCell::Integer(line),
            LoadCell::Text(own),
            LoadCell::Time(used.traded_at),
        ]);
    }
}

/// Deletes the rates of a version.
pub(super) async fn delete<C: Driver>(connection: &mut C, version: Version) -> StoreResult<()> {
    delete_rows(connection, "fifo_rates_used", version).await
}

/// Lists the rates of a version, or of one of its trades.
pub(super) async fn list<C: Driver>(
    connection: &mut C,
    version: Version,
    trade: Option<(&Account, &str)>,
) -> StoreResult<Vec<RateUsed>> {
    let of_trade = match trade {
        Some(_) => " AND account = $2 AND order_id = $3",
        None => "",
    };
    let from = format!(
        "fifo_rates_used WHERE allocation_version = $1{of_trade} \
         ORDER BY account, order_id, purpose, step"
    );
    let mut arguments = arguments![version].to_vec();
    if let Some((account, order_id)) = trade {
        arguments.extend(arguments![account.as_str(), order_id]);
    }
    let mut all: Vec<RateUsed> = Vec::new();
    let take: Take<'_> = &mut |row| {
        let (step, mut used) = cells::rate_used(row)?;
        let is_next = |last: &RateUsed| {
            facts(last) == facts(&used) && step == last.rate.steps.len() as u64 + 1
        };
        match all.last().is_some_and(is_next) {
            // The second step of a cross.
            true => {
                let last = all.last_mut().map(|last| &mut last.rate.steps);
                last.into_iter()
                    .for_each(|steps| steps.append(&mut used.rate.steps));
            }
            false if step == 1 => all.push(used),
            false => return Err(cells::wrong_step(step)),
        }
        Ok(())
    };
    let selected = (cells::RATE_USED, from.as_str());
    connection
        .select("read the rates", selected, &arguments, take)
        .await?;
    // "fee" stands before "value" in the table.
    all.sort_by(|left, right| left.key().cmp(&right.key()));
    Ok(all)
}

/// Returns the facts that each step of a record has again.
fn facts(used: &RateUsed) -> impl PartialEq + '_ {
    let rate = (used.rate.value, used.rate.at, used.rate.source);
    (
        used.key(),
        &used.asset,
        used.units,
        used.usd,
        used.traded_at,
        rate,
    )
}
