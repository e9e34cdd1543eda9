//! The rates that gave a version's trades their values.

use super::{Argument, Driver, Rows, Take, arguments};
use crate::engine::{Account, RateOrigin, RateUsed, RateUsedRef};
use crate::store::limits::ROWS_CHECKED;
use crate::store::model::{RatesLocked, Version, VersionPlan};
use crate::store::{StoreResult, cells};

const LOCK: &str = "lock the rates";

/// Writes the rates of a version, in the transaction that completes it or appends to it. A part of
/// them is rows at a time: each takes some two kilobytes.
pub(super) async fn lock<C: Driver>(
    connection: &mut C,
    plan: &VersionPlan,
    locked: &RatesLocked,
) -> StoreResult<()> {
    if plan.replaces {
        delete(connection, plan.version).await?;
    }
    let (mut all, mut is_first) = (locked.added.iter(), true);
    while all.len() > 0 {
        let used = all.by_ref().take(ROWS_CHECKED);
        let rows = used.flat_map(|used| rows_of(plan.version, used));
        let rows = Rows {
            id: "step",
            ..Rows::of("fifo_rates_used", COLUMNS, rows.collect())
        };
        connection.load(LOCK, &rows, is_first).await?;
        is_first = false;
    }
    Ok(())
}

const COLUMNS: &str = "allocation_version, account, order_id, purpose, step, asset, units, \
    value_usd, rate, rate_time, source, step_asset, step_currency, step_rate, import_id, \
    import_line, own_order_id, order_time";

fn rows_of(version: Version, used: RateUsedRef<'_>) -> Vec<Vec<Argument<'_>>> {
    let (mut rows, found) = (Vec::with_capacity(2), used.rate);
    for (nth, step) in (1_i64..).zip(&found.steps) {
        let (file, line, own) = match &step.origin {
            RateOrigin::Line { import_id, line } => (Some(*import_id), Some(*line), None),
            RateOrigin::Trade(id) => (None, None, Some(id.as_str())),
            RateOrigin::Peg => (None, None, None),
        };
        let line = line.map(|line| i64::try_from(line).unwrap_or(i64::MAX));
        let decimal = |text: String| Argument::Decimal(Some(text.into()));
        rows.push(vec![
            Argument::from(version),
            Argument::from(used.account.as_str()),
            Argument::from(used.order_id),
            Argument::from(used.purpose.as_str()),
            Argument::from(nth),
            Argument::from(used.asset.as_str()),
            decimal(used.units.to_string()),
            Argument::from(used.usd),
            decimal(found.value.to_string()),
            Argument::from(found.at),
            Argument::from(found.source.as_str()),
            Argument::from(step.asset.as_str()),
            Argument::from(step.currency.as_str()),
            decimal(step.value.to_string()),
            Argument::from(file),
            Argument::from(line),
            Argument::from(own),
            Argument::from(used.traded_at),
        ]);
    }
    rows
}

/// Deletes the rates of a version.
pub(super) async fn delete<C: Driver>(connection: &mut C, version: Version) -> StoreResult<()> {
    let sql = "DELETE FROM fifo_rates_used WHERE allocation_version = $1";
    let arguments = arguments![version];
    let done = connection.execute("delete a version's rows", sql, &arguments);
    done.await.map(drop)
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
        let mut used = cells::rate_used(row)?;
        match all.last_mut().filter(|last| last.key() == used.key()) {
            // The second step of a cross.
            Some(last) => last.rate.steps.append(&mut used.rate.steps),
            None => all.push(used),
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
