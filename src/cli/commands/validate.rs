//! `validate`: the invariants of a version, every violation listed.

use serde_json::{Value, json};

use super::{compare, decided, history, parse_version};
use crate::cli::Outcome;
use crate::cli::args::{AssetArgs, CompareArgs, ValidateArgs};
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::format::{add, count, dollars, plural, sum, table, time};
use crate::cli::session::Session;
use crate::engine::{Invariant, PoolStatus, shown, shown_sentence};
use crate::pipeline::{self, ValidateReport};

pub async fn run(args: ValidateArgs, session: &Session) -> CliResult<Outcome> {
    if let Some([left, right]) = args.compare_versions.as_deref() {
        let args = CompareArgs {
            overwrite: false,
            left: left.clone(),
            right: right.clone(),
            pool: AssetArgs::default(),
            year: None,
            output: None,
        };
        return compare::run(args, session).await;
    }
    let version = parse_version(args.version.as_deref().unwrap_or_default())?;
    let store = session.open(false).await?;
    let memory = args.memory.unwrap_or(pipeline::MEMORY_DEFAULT);
    let report =
        pipeline::validate_within(store.as_ref(), &session.context, version, memory).await?;
    let snapshot = args.snapshot.as_deref();
    let history = pipeline::history(store.as_ref(), report.version.version, snapshot).await?;
    let mut text = format!("Database  {}\n", store.location());
    text.push_str(&describe(&report, &args));
    let mut json = session.json(|| to_json(&report));
    let mut exit = exit(&report, args.strict);
    if let Some(history) = &history {
        text.push_str(&history::describe(history, args.report, args.strict));
        if !history.violations.is_empty() || (args.strict && history.strict_findings() > 0) {
            exit = Exit::Findings;
        }
        add(&mut json, json!({ "history": history::to_json(history) }));
    }
    add(
        &mut json,
        json!({ "database": store.location(), "strict": args.strict }),
    );
    Ok(Outcome::summary(exit, text, json))
}

/// Checks the typed arguments. Errors: a value that can't be read.
pub(super) fn check(args: &ValidateArgs) -> CliResult<()> {
    for text in args.compare_versions.iter().flatten() {
        compare::named(text)?;
    }
    args.version.as_deref().map(parse_version).transpose()?;
    Ok(())
}

pub(super) fn exit(report: &ValidateReport, strict: bool) -> Exit {
    let findings = !report.violations.is_empty() || (strict && report.strict_findings() > 0);
    if findings { Exit::Findings } else { Exit::Done }
}

/// Says in one or two lines whether the version has violations.
pub(super) fn describe_short(report: &ValidateReport) -> String {
    if report.violations.is_empty() {
        return format!(
            "Validated       every invariant holds ({} over {})\n",
            plural(Invariant::CHECKED.len() as u64, "check", "checks"),
            plural(report.trades_checked, "trade", "trades")
        );
    }
    let mut text = format!(
        "NOT VALID       {}\n",
        plural(report.violations.len() as u64, "violation", "violations")
    );
    for violation in &report.violations {
        text.push_str(&format!("  {violation}\n"));
    }
    text
}

fn describe(report: &ValidateReport, args: &ValidateArgs) -> String {
    let info = &report.version;
    let is_current = report.current.version == Some(info.version);
    let mut text = format!(
        "Version {} ({}{}), {} in {}",
        info.version,
        info.status.as_str(),
        if is_current { ", current" } else { "" },
        plural(report.trades_checked, "trade", "trades"),
        plural(report.pools.len() as u64, "pool", "pools"),
    );
    if let Some(through) = info.complete_through {
        text.push_str(&format!(", complete through {}", time(through)));
    }
    text.push_str("\n\n");
    if args.report {
        text.push_str(&describe_invariants(report));
        text.push_str(&describe_pools(report));
    }
    text.push_str(&describe_short(report));
    text.push_str(&describe_known(report, args.strict));
    text
}

fn describe_invariants(report: &ValidateReport) -> String {
    let row = |invariant: &Invariant| {
        vec![
            invariant.id().to_owned(),
            count(report.violations_of(*invariant) as u64),
            invariant.title().to_owned(),
        ]
    };
    let rows = Invariant::CHECKED.iter().map(row).collect();
    table(&["Check", "Found", "What must be zero"], &[1], rows) + "\n\n"
}

fn describe_pools(report: &ValidateReport) -> String {
    let row = |summary: &crate::store::model::PoolSummary| {
        let totals = &summary.totals;
        vec![
            summary.pool.account.to_string(),
            summary.pool.asset.to_string(),
            summary.status.as_str().to_owned(),
            count(totals.trades),
            count(totals.allocations),
            count(totals.sells_unmatched),
            dollars(totals.pnl),
        ]
    };
    let header = [
        "Account",
        "Asset",
        "Status",
        "Trades",
        "Allocations",
        "Unmatched",
        "Realized PnL",
    ];
    table(
        &header,
        &[3, 4, 5, 6],
        report.pools.iter().map(row).collect(),
    ) + "\n\n"
}

/// Most lots by decision that a line names. The others are only counted.
const LOTS_SHOWN: usize = 5;

/// Counts known gaps, like unmatched sells and unknown fees. They are findings only with
/// `--strict`.
fn describe_known(report: &ValidateReport, strict: bool) -> String {
    let mut lines = Vec::new();
    let unmatched = report.unmatched_sells();
    if unmatched > 0 {
        let proceeds = sum(report
            .pools
            .iter()
            .map(|pool| pool.totals.unmatched_net_proceeds));
        lines.push(format!(
            "{} without a buy, {} USD of net proceeds: totals are incomplete",
            plural(unmatched, "sell", "sells"),
            dollars(proceeds)
        ));
    }
    if report.fees_unknown() > 0 {
        let trades = plural(report.fees_unknown(), "trade", "trades");
        lines.push(format!("fees unknown: {trades}, counted as 0"));
    }
    lines.extend(decided::count(&report.decided).map(|lots| {
        let ids = report.decided.iter().take(LOTS_SHOWN);
        let ids = ids.map(|lot| format!("{} of {}", lot.order_id, lot.pool));
        let mut names = ids.collect::<Vec<_>>().join(", ");
        if let more @ 1.. = report.decided.len().saturating_sub(LOTS_SHOWN) {
            names.push_str(&format!(" and {} more", count(more as u64)));
        }
        format!("{lots}: {names}")
    }));
    for (status, word) in [
        (PoolStatus::Stale, "stale"),
        (PoolStatus::Rejected, "rejected"),
        (PoolStatus::Excluded, "excluded"),
    ] {
        for summary in report.pools_of(status) {
            let error = shown_sentence(summary.error.as_deref().unwrap_or(""));
            lines.push(format!("{word}: {}: {error}", summary.pool));
        }
    }
    for changed in &report.changed {
        lines.push(format!(
            "changed since: {}: {} then, {} now; only its own rows were checked",
            changed.pool,
            plural(changed.trades_then, "trade", "trades"),
            count(changed.trades_now)
        ));
    }
    for order in &report.unlike_fills {
        lines.push(format!(
            "order {} of account {} has size {}, its fills have {}: some may be missing",
            shown(&order.order_id).quoted(),
            shown(&order.account).quoted(),
            shown(&order.size),
            shown(&order.size_of_fills)
        ));
    }
    let mut text = String::new();
    for line in lines {
        let word = if strict { "Finding " } else { "Known   " };
        text.push_str(&format!("{word}        {line}\n"));
    }
    text.push_str(&describe_later(report));
    text
}

/// Counts the other rates and the new trades since the version.
fn describe_later(report: &ValidateReport) -> String {
    let mut text = String::new();
    if let Some(first) = report.rates_otherwise.first() {
        let (used, rate) = (&first.used, &first.used.rate);
        text.push_str(&format!(
            "Rates           {} by now; the version keeps its own\n                \
             first: {} of {}, {}, for order {}\n",
            plural(
                report.rates_otherwise.len() as u64,
                "used rate differs",
                "used rates differ"
            ),
            used.asset,
            time(rate.at),
            rate.source,
            shown(&used.order_id).quoted()
        ));
    }
    if report.arrived_since > 0 {
        text.push_str(&format!(
            "Not computed    {} arrived after this version\n",
            plural(report.arrived_since, "trade", "trades")
        ));
    }
    text
}

pub(super) fn to_json(report: &ValidateReport) -> Value {
    let violation = |violation: &crate::engine::Violation| {
        json!({
            "invariant": violation.invariant.id(),
            "account": violation.pool.as_ref().map(|pool| pool.account.as_str()),
            "asset": violation.pool.as_ref().map(|pool| pool.asset.as_str()),
            "order_id": violation.order_id,
            "message": violation.message,
        })
    };
    let changed = |it: &pipeline::ChangedPool| {
        json!({ "account": it.pool.account.as_str(), "asset": it.pool.asset.as_str(),
            "trades_then": it.trades_then, "trades_now": it.trades_now })
    };
    let counts: serde_json::Map<String, Value> = Invariant::CHECKED
        .iter()
        .map(|invariant| {
            (
                invariant.id().to_owned(),
                report.violations_of(*invariant).into(),
            )
        })
        .collect();
    json!({
        "version": report.version.version,
        "is_current": report.current.version == Some(report.version.version),
        "valid": report.violations.is_empty(),
        "invariants": counts,
        "violations": report.violations.iter().map(violation).collect::<Vec<_>>(),
        "trades_checked": report.trades_checked,
        "unmatched_sells": report.unmatched_sells(),
        "fees_unknown": report.fees_unknown(),
        "lots_by_decision": report.decided.len(),
        "pools_stale": report.pools_of(PoolStatus::Stale).count(),
        "pools_rejected": report.pools_of(PoolStatus::Rejected).count(),
        "pools_excluded": report.pools_of(PoolStatus::Excluded).count(),
        "arrived_since": report.arrived_since,
        "rates_otherwise": report.rates_otherwise.len(),
        "changed_since": report.changed.iter().map(changed).collect::<Vec<_>>(),
    })
}
