//! `compute --incremental`: the appended trades, or why everything was computed again.

use serde_json::{Value, json};

use super::import::{FilesTogether, worst};
use super::tax::filed_years_changed;
use super::{compute, counts, decided, transfers};
use crate::cli::Outcome;
use crate::cli::args::ComputeArgs;
use crate::cli::config::TABLE_ROWS_MAX;
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::format::{add, count, dollars, plural, sum, table, time, time_in_utc};
use crate::cli::next::Next;
use crate::cli::session::Session;
use crate::engine::{PoolStatus, Timestamp, shown, shown_sentence};
use crate::pipeline::{
    AppendLine, AppendReport, ComputeOptions, Forced, Incremental, LateRates, NothingNew,
    Publication, compute_incremental,
};
use crate::store::model::Scope;
use crate::store::{Store, StoreError};

pub(super) async fn run(args: ComputeArgs, session: &Session) -> CliResult<Outcome> {
    let (context, options) = &compute::options(&args, Scope::default(), session);
    let since = compute::since(&args, context.clock.now())?;
    let next = &session.next;
    let store = session.open(false).await?;
    let before = decided::before(store.as_ref()).await?;
    let moved = transfers::stored(store.as_ref(), session).await?;
    let done = match compute_incremental(store.as_ref(), context, options).await {
        Ok(done) => done,
        Err(error) => return Err(compute::with_state(error.into(), store.as_ref(), next).await),
    };
    let decided = decided_of(store.as_ref(), &done, options, &before).await;
    let together = together_of(store.as_ref(), &done, session).await;
    let files = together.describe(next);
    let mut text = format!("Database  {}\n", store.location());
    let (body, mut json, exit) = match &done {
        Incremental::Nothing(nothing) => {
            let body = describe_nothing(nothing, next) + &decided.describe(next);
            (body, idle_json(nothing), Exit::Done)
        }
        Incremental::Appended(report) => {
            let exit = match report.publication {
                Publication::WouldTakeAway(_) => Exit::Findings,
                _ if report.counts.pools_rejected > 0 => Exit::Findings,
                _ => Exit::Done,
            };
            let mut body = describe((report, next), since, args.all_rows, options.dry_run);
            body.push_str(&files);
            body.push_str(&moved);
            body.push_str(&decided.describe(next));
            body.push_str(&describe_next(report, next, options.dry_run));
            (body, session.json(|| append_json(report, since)), exit)
        }
        Incremental::Full(report, forced) => {
            let mut body = describe_forced(forced);
            body.push_str(&compute::describe(report, args.all_rows, next));
            body.push_str(&files);
            body.push_str(&moved);
            body.push_str(&decided.describe(next));
            body.push_str(&compute::describe_next(report, next, false));
            let mut json = session.json(|| compute::to_json(report));
            add(&mut json, json!({ "outcome": "full" }));
            let forced = forced.iter().map(forced_json).collect::<Vec<_>>();
            add(&mut json, json!({ "forced_by": forced }));
            (body, json, compute::exit(report))
        }
    };
    decided.add_to(&mut json);
    together.add_to(&mut json);
    text.push_str(&body);
    let changed = match &done {
        Incremental::Appended(report) if !options.dry_run => {
            let first = |line: &AppendLine| Some((line.pool.clone(), line.added.first_sell?));
            let appended = report.pools.iter().filter_map(first).collect();
            filed_years_changed((store.as_ref(), next), report.version, Some(&appended)).await
        }
        Incremental::Full(report, _) if !options.dry_run => {
            filed_years_changed((store.as_ref(), next), report.version, None).await
        }
        _ => String::new(),
    };
    text.push_str(&changed);
    add(&mut json, json!({ "database": store.location() }));
    Ok(Outcome::summary(worst([exit, together.exit()]), text, json))
}

/// Looks for files that count twice, or with rows missing between them, if the run did something.
async fn together_of(store: &dyn Store, done: &Incremental, session: &Session) -> FilesTogether {
    if matches!(done, Incremental::Nothing(_)) {
        return FilesTogether::default();
    }
    // The run is done: a fault here is not its fault.
    let together = FilesTogether::of_ledger(store, session).await;
    together.unwrap_or_default()
}

/// Looks up the lots by decision of the version that is current after a run.
async fn decided_of(
    store: &dyn Store,
    done: &Incremental,
    options: &ComputeOptions,
    before: &decided::Before,
) -> decided::Decided {
    let version = match done {
        Incremental::Full(report, _) => {
            return compute::decided_of(store, report, before).await;
        }
        Incremental::Nothing(nothing) => nothing.version,
        Incremental::Appended(report) => report.version,
    };
    let version = (!options.dry_run).then_some(version);
    decided::of(store, version, &Scope::default(), before).await
}

fn describe_nothing(nothing: &NothingNew, next: &Next) -> String {
    let version = nothing.version;
    let state = match nothing.complete_through {
        Some(at) => format!("version {version} is complete through {}", time(at)),
        None => format!("version {version} knows all trades, and none is matched"),
    };
    let held = describe_held(version, nothing.current, next);
    format!("nothing to compute, {state}\n{held}")
}

fn describe_held(version: i64, current: crate::store::model::Current, next: &Next) -> String {
    match current.version {
        Some(held) if current.held && held != version => {
            let release = next.command("fifo-pnl versions release");
            format!("version {held} is held as current until `{release}`\n")
        }
        _ => String::new(),
    }
}

/// Says why a full run was necessary.
fn describe_forced(forced: &[Forced]) -> String {
    let mut text = String::from("Everything is computed again, as a new version:\n");
    let (shown, rest) = forced.split_at(forced.len().min(TABLE_ROWS_MAX));
    for one in shown {
        text.push_str(&format!("  {}\n", forced_text(one)));
    }
    if !rest.is_empty() {
        let rest = plural(rest.len() as u64, "pool", "pools");
        text.push_str(&format!("  and {rest} more: --json lists all\n"));
    }
    text.push('\n');
    text
}

fn forced_text(forced: &Forced) -> String {
    match forced {
        Forced::NoVersion => "no version is current yet".into(),
        Forced::Sealed(version) => {
            format!("version {version} is sealed, and nothing is appended to a sealed version")
        }
        Forced::Policy => "settings or exclusions are no longer those of the version".into(),
        Forced::Elsewhere(why) => why.to_string(),
        Forced::Untold(why) => StoreError::MustReadWhole(*why).to_string(),
        Forced::Guarded => "the ledger is guarded since the version was computed".into(),
        Forced::Snapshot(pool, why) => {
            let why = shown_sentence(why);
            format!("warning: the inventory snapshot of {pool} is damaged: {why}")
        }
        Forced::Late(pool, order) => {
            let order = shown(order).quoted();
            format!("{pool}: order {order} came late, before a sell that was matched")
        }
        Forced::Revised(pool, orders) => {
            let (first, more) = (orders.first(), orders.len().saturating_sub(1));
            let more = match more {
                0 => String::new(),
                more => format!(" and {} more", count(more as u64)),
            };
            let first = shown(first.map_or("", String::as_str)).quoted();
            format!("{pool}: order {first}{more} was voided or put back")
        }
        Forced::Changed(pool) => format!(
            "{pool}: what was matched was changed, voided or removed since, or a trade came late"
        ),
        Forced::Action(pool, unapplied) => format!("{pool}: {unapplied}"),
        Forced::Rates(late) => {
            let LateRates { count, first } = late.as_ref();
            let rates = plural(*count, "rate", "rates");
            let (asset, at) = (&first.asset, first.traded_at);
            let order = shown(&first.order_id).quoted();
            let first = format!("the rate of {asset} at {at}, order {order}");
            format!("{rates} that the version used changed since; the first is {first}")
        }
    }
}

fn forced_json(forced: &Forced) -> Value {
    let (kind, pool, orders) = match forced {
        Forced::NoVersion => ("no version", None, Vec::new()),
        Forced::Sealed(_) => ("sealed", None, Vec::new()),
        Forced::Policy => ("policy", None, Vec::new()),
        Forced::Elsewhere(_) | Forced::Untold(_) | Forced::Guarded => {
            ("watermark", None, Vec::new())
        }
        Forced::Snapshot(pool, _) => ("snapshot", Some(pool), Vec::new()),
        Forced::Late(pool, order) => ("late arrival", Some(pool), vec![order.clone()]),
        Forced::Revised(pool, orders) => ("voided", Some(pool), orders.clone()),
        Forced::Changed(pool) => ("changed", Some(pool), Vec::new()),
        Forced::Action(pool, _) => ("action", Some(pool), Vec::new()),
        Forced::Rates(late) => ("rates", None, vec![late.first.order_id.clone()]),
    };
    json!({
        "kind": kind,
        "account": pool.map(|pool| pool.account.as_str()),
        "asset": pool.map(|pool| pool.asset.as_str()),
        "order_ids": orders,
        "text": forced_text(forced),
    })
}

fn is_since(line: &AppendLine, since: Option<Timestamp>) -> bool {
    since.is_none_or(|since| line.newest.is_some_and(|newest| newest >= since))
}

fn describe(
    (report, next): (&AppendReport, &Next),
    since: Option<Timestamp>,
    all_rows: bool,
    dry_run: bool,
) -> String {
    let seconds = report.duration_ms as u64;
    let duration = format!("{}.{:02} s", seconds / 1000, seconds % 1000 / 10);
    let (version, status) = (report.version, report.status.as_str());
    let mut text = match &report.publication {
        _ if dry_run => {
            format!("Dry run ({duration}): version {version} would be extended; nothing written\n")
        }
        Publication::WouldTakeAway(pools) => format!(
            "Version {version} is extended ({status}, {duration}) and NOT published: it has \
             nothing for {}, which version {} covers\n",
            compute::join(pools),
            report.current.version.unwrap_or(0)
        ),
        Publication::Held => format!("Version {version} is extended ({status}, {duration})\n"),
        _ => format!("Version {version} is current and extended ({status}, {duration})\n"),
    };
    text.push_str(&match report.complete_through {
        Some(at) => format!("complete through {}\n", time(at)),
        None => "no trade is matched\n".to_owned(),
    });
    text.push_str(&describe_held(version, report.current, next));
    text.push('\n');
    text.push_str(&describe_figures(report));
    text.push_str(&describe_pools(report, since, all_rows));
    text.push_str(&describe_unknown(report, next));
    text
}

/// Tells whether the totals lack something.
fn is_incomplete(report: &AppendReport) -> bool {
    report.counts.unmatched_sells > 0 || report.counts.pools_rejected > 0
}

fn describe_figures(report: &AppendReport) -> String {
    let counts = &report.counts;
    let sides = counts::sides(counts);
    let pools = plural(report.pools.len() as u64, "pool", "pools");
    let remark = match is_incomplete(report) {
        true => "; totals are incomplete, see below",
        false => "",
    };
    let rows = [
        (
            "New trades",
            count(counts.trades()),
            format!("{sides} in {pools}"),
        ),
        ("Allocations", count(counts.allocations), String::new()),
        (
            "Realized PnL",
            dollars(counts.pnl),
            format!("USD, of the new trades{remark}"),
        ),
    ];
    counts::figures(&rows)
}

fn describe_pools(report: &AppendReport, since: Option<Timestamp>, all_rows: bool) -> String {
    // A pool without a result has a line of its own below, with its reason.
    let is_extended = |line: &&AppendLine| {
        line.status == PoolStatus::Matched && (line.added.trades > 0 || line.added.legs > 0)
    };
    let extended = report.pools.iter().filter(is_extended);
    let mut lines: Vec<&AppendLine> = extended.collect();
    let of_all = lines.len();
    lines.retain(|line| is_since(line, since));
    let older = of_all - lines.len();
    lines.sort_by_key(|line| {
        let entries = line.added.trades.saturating_add(line.added.legs);
        (std::cmp::Reverse(entries), &line.pool)
    });
    let shown = if all_rows {
        lines.len()
    } else {
        lines.len().min(TABLE_ROWS_MAX)
    };
    let (lines, rest) = lines.split_at(shown);
    let mut text = String::new();
    if !lines.is_empty() {
        text.push_str(&pools_table(lines));
        text.push('\n');
    }
    if !rest.is_empty() {
        let rest = plural(rest.len() as u64, "pool", "pools");
        text.push_str(&format!("  and {rest} with fewer new trades: --all-rows\n"));
    }
    if let (Some(since), 1..) = (since, older) {
        let pools = plural(older as u64, "pool", "pools");
        let since = time(since);
        text.push_str(&format!(
            "  and {pools} whose trades were executed before {since}\n"
        ));
    }
    if text.is_empty() { text } else { text + "\n" }
}

fn pools_table(lines: &[&AppendLine]) -> String {
    let has_legs = lines.iter().any(|line| line.added.legs > 0);
    let has_unmatched = lines.iter().any(|line| line.added.sells_unmatched > 0);
    let cells = |line: &&AppendLine| {
        let newest = line.newest.map(time_in_utc).unwrap_or_default();
        let mut row = vec![
            line.pool.to_string(),
            match line.added.legs {
                0 => count(line.added.trades),
                legs => format!("{} + {}", count(line.added.trades), count(legs)),
            },
            dollars(line.added.pnl),
            newest,
        ];
        row.extend(has_unmatched.then(|| counts::unless_zero(line.added.sells_unmatched)));
        row
    };
    let trades = match has_legs {
        true => "Trades + legs",
        false => "New trades",
    };
    let mut header = vec!["Pool", trades, "Realized PnL", "Newest (UTC)"];
    header.extend(has_unmatched.then_some("Unmatched"));
    table(&header, &[1, 2, 4], lines.iter().map(cells).collect())
}

fn describe_unknown(report: &AppendReport, next: &Next) -> String {
    let counts = &report.counts;
    let mut text = String::new();
    if counts.unmatched_sells > 0 {
        let (sells, verb) = match counts.unmatched_sells {
            1 => ("1 new sell".to_owned(), "finds"),
            sells => (format!("{} new sells", count(sells)), "find"),
        };
        let proceeds = report.pools.iter();
        let proceeds = sum(proceeds.map(|line| line.added.unmatched_net_proceeds));
        text.push_str(&compute::describe_unmatched(&sells, verb, proceeds, next));
    }
    for line in &report.pools {
        let error = shown_sentence(line.error.as_deref().unwrap_or(""));
        let pool = &line.pool;
        text.push_str(&match line.status {
            PoolStatus::Matched => continue,
            PoolStatus::Stale => format!(
                "Stale           {pool} stays as it was, through {}: {error}\n",
                line.newest.map_or_else(|| "no trade at all".into(), time)
            ),
            PoolStatus::Rejected => format!("Rejected        {pool}: {error}\n"),
            PoolStatus::Excluded => format!("Excluded        {pool}: {error}\n"),
        });
    }
    let rates = counts::describe_rates(&report.rates, "more ", next);
    text + &rates + &counts::describe_all(counts, ("new ", report.voided), &report.ineligible)
}

fn describe_next(report: &AppendReport, next: &Next, dry_run: bool) -> String {
    let command = match is_incomplete(report) {
        _ if dry_run => "compute_allocations --incremental".to_owned(),
        true => "fifo-pnl review list".to_owned(),
        false => format!("validate_allocations --version {}", report.version),
    };
    format!("Next: {}\n", next.command(&command))
}

fn idle_json(nothing: &NothingNew) -> Value {
    json!({
        "outcome": "nothing new",
        "run_id": nothing.run_id,
        "version": nothing.version,
        "complete_through": nothing.complete_through.map(|time| time.to_string()),
        "current_version": nothing.current.version,
        "current_held": nothing.current.held,
    })
}

fn append_json(report: &AppendReport, since: Option<Timestamp>) -> Value {
    let counts = &report.counts;
    let publication = match &report.publication {
        Publication::Held => "held",
        Publication::WouldTakeAway(_) => "would take away",
        _ => "published",
    };
    let pool = |line: &AppendLine| {
        json!({
            "account": line.pool.account.as_str(), "asset": line.pool.asset.as_str(),
            "status": line.status.as_str(), "error": line.error,
            "trades": line.added.trades, "legs": line.added.legs,
            "buys": line.added.buys, "sells": line.added.sells,
            "allocations": line.added.allocations,
            "sells_unmatched": line.added.sells_unmatched,
            "pnl_usd": line.added.pnl.to_string(),
            "newest": line.newest.map(|time| time.to_string()),
        })
    };
    let pools = report.pools.iter().filter(|line| is_since(line, since));
    let mut json = json!({
        "outcome": "appended",
        "run_id": report.run_id,
        "version": report.version,
        "status": report.status.as_str(),
        "publication": publication,
        "current_version": report.current.version,
        "current_held": report.current.held,
        "complete_through": report.complete_through.map(|time| time.to_string()),
        "duration_ms": report.duration_ms,
        "totals_complete": !is_incomplete(report),
        "voided": report.voided,
        "ineligible": report.ineligible,
        "rates": counts::rates_json(&report.rates),
        "pools": pools.map(pool).collect::<Vec<_>>(),
    });
    add(&mut json, counts::to_json(counts));
    json
}
