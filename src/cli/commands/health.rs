//! `health`: one line when all is well, else a line for each finding and exit code 1.

use serde_json::{Value, json};

use super::import::{describe_doubled, describe_missing};
use super::{decided, migrate};
use crate::cli::Outcome;
use crate::cli::args::HealthArgs;
use crate::cli::duration::duration_text;
use crate::cli::error::CliResult;
use crate::cli::exit::Exit;
use crate::cli::format::{add, count, plural, time};
use crate::cli::next::Next;
use crate::cli::session::Session;
use crate::engine::{PoolStatus, Timestamp, shown, shown_sentence};
use crate::pipeline::{self, Finding, HealthLimits, HealthReport};
use crate::store::StoreError;
use crate::store::model::{DiskRoom, RunLine};

/// Most pools that a line names. The others are only counted.
const POOLS_SHOWN: usize = 5;

/// The command of a run over everything.
const COMPUTE: &str = "compute_allocations --all-symbols";

/// Most characters of a run's error on a line. The run log has the whole error.
const ERROR_CHARS_SHOWN: usize = 200;

pub async fn run(args: &HealthArgs, session: &Session) -> CliResult<Outcome> {
    let location = session.config.database.location();
    // Reads the schema's steps first: opening an older file would migrate it.
    let steps = migrate::steps(session).await?;
    let pending = steps.iter().filter(|step| step.applied_at.is_none());
    let missing = pending.count();
    if missing > 0 {
        let known = steps.iter().map(|step| step.version).max().unwrap_or(0);
        let steps = plural(missing as u64, "step", "steps");
        let up = session.next.command("fifo-pnl migrate up");
        let line = format!("{steps} behind v{known}; next: {up}");
        let findings = vec![("schema", line)];
        return Ok(outcome(&location, &findings, json!({}), &[]));
    }
    let limits = HealthLimits {
        age_max: args.max_age,
        run_max: args.max_run,
        review_age_max: args.max_review_age,
        disk_free_percent_min: args.min_free,
    };
    let store = match session.try_open(false).await {
        Ok(store) => store,
        // An altered schema is a finding like all others, not an error.
        Err(error @ StoreError::SchemaAltered(_)) => {
            let findings = vec![("schema", error.to_string())];
            return Ok(outcome(&location, &findings, json!({}), &[]));
        }
        Err(error) => return Err(session.explained(error)),
    };
    let report = pipeline::health(store.as_ref(), &session.context, &limits).await?;
    let now = session.context.clock.now();
    let line = |finding: &Finding| (finding.code(), describe(finding, &session.next, now));
    let findings: Vec<_> = report.findings.iter().map(line).collect();
    let mut known = describe_well(&report, now);
    let stated = describe_excluded(&report.excluded).into_iter();
    let stated: Vec<String> = stated.chain(decided::count(&report.decided)).collect();
    match findings.is_empty() {
        true => known.extend(stated),
        false => known = stated,
    }
    Ok(outcome(&location, &findings, to_json(&report), &known))
}

/// Makes the result. `known`: remarks that are not findings.
fn outcome(location: &str, findings: &[(&str, String)], json: Value, known: &[String]) -> Outcome {
    let is_well = findings.is_empty();
    let mut text = match is_well {
        true => format!("ok  {location}  {}\n", known.join("; ")),
        false => format!("Database  {location}\n"),
    };
    if !is_well {
        for line in known {
            text.push_str(&format!("{:<16}{line}\n", "known"));
        }
    }
    for (code, line) in findings {
        text.push_str(&format!("{code:<16}{}\n", shown_sentence(line)));
    }
    let entry = |(code, line): &(&str, String)| json!({ "code": code, "message": line });
    let mut json = json;
    let findings: Value = findings.iter().map(entry).collect();
    let facts = json!({ "database": location, "healthy": is_well, "findings": findings });
    add(&mut json, facts);
    let exit = match is_well {
        true => Exit::Done,
        false => Exit::Findings,
    };
    Outcome::summary(exit, text, json)
}

/// Returns how long ago something was, for reading.
fn ago(now: Timestamp, then: Timestamp) -> String {
    let micros = now.as_micros().saturating_sub(then.as_micros());
    let micros = u64::try_from(micros).unwrap_or(0);
    duration_text(std::time::Duration::from_micros(micros))
}

fn through(at: Option<Timestamp>) -> String {
    let matched = at.map(|at| format!("complete through {}", time(at)));
    matched.unwrap_or_else(|| "no trade is matched".into())
}

fn describe_well(report: &HealthReport, now: Timestamp) -> Vec<String> {
    let mut parts = Vec::new();
    if let Some(info) = &report.current {
        let complete = through(info.complete_through);
        parts.push(format!("version {} is current, {complete}", info.version));
        // No finding yet: the next run takes them in or out.
        let trades = report.facts.eligible.abs_diff(report.computed);
        if trades > 0 {
            let trades = plural(trades, "trade", "trades");
            parts.push(match report.facts.eligible > report.computed {
                true => format!("{trades} came since"),
                false => format!("{trades} left the ledger since"),
            });
        }
        if report.movements_changed > 0 {
            let moved = plural(
                report.movements_changed,
                "movement or action",
                "movements or actions",
            );
            parts.push(format!("{moved} changed since"));
        }
    }
    if let Some(run) = &report.facts.last_run {
        parts.push(format!("last run {} ago", ago(now, run.started_at)));
    }
    parts.push(match report.facts.disk {
        Some(room) => format!("{} % of the disk free", percent_free(room)),
        None => "room on the server's disk is not known".into(),
    });
    parts
}

/// Names the pools that a person excluded.
fn describe_excluded(pools: &[String]) -> Option<String> {
    let some = !pools.is_empty();
    some.then(|| describe_pools(PoolStatus::Excluded, pools))
}

fn percent_free(room: DiskRoom) -> u128 {
    let total = u128::from(room.total).max(1);
    u128::from(room.free) * 100 / total
}

fn describe(finding: &Finding, next: &Next, now: Timestamp) -> String {
    match finding {
        Finding::NoRun => format!("no run yet; next: {}", next.command(COMPUTE)),
        Finding::NoVersion => {
            format!("no version is current yet; next: {}", next.command(COMPUTE))
        }
        Finding::Behind { .. } | Finding::Changed { .. } => describe_late(finding, now),
        Finding::Exclusions {
            excluded,
            included,
            last_run_at,
        } => format!(
            "{}; {}; next: {}",
            describe_exclusions(excluded, included),
            began(*last_run_at, now),
            next.command(COMPUTE)
        ),
        Finding::MovementsChanged {
            movements,
            last_run_at,
        } => format!(
            "{} changed since the version's run; {}; next: {}",
            plural(*movements, "movement or action", "movements or actions"),
            began(*last_run_at, now),
            next.command(COMPUTE)
        ),
        Finding::LastRun(run) => {
            let (id, began, status) = (run.id, ago(now, run.started_at), run.status.as_str());
            format!("run {id} of {began} ago is {status}{}", error(run))
        }
        Finding::RunTooLong(run) => format!(
            "run {} (pid {} on {}) works for {}; if its process is gone, the next run closes it",
            run.id,
            run.pid,
            run.host,
            ago(now, run.started_at)
        ),
        Finding::UnmatchedGrown { .. } | Finding::ReviewOld { .. } => {
            let list = next.command("fifo-pnl review list");
            format!("{}; next: {list}", describe_review(finding, now))
        }
        Finding::Held(version) => {
            let release = next.command("fifo-pnl versions release");
            format!("version {version} is held as current until `{release}`")
        }
        Finding::RatesChanged { .. } | Finding::RatesMissing { .. } => {
            describe_rates(finding, next)
        }
        Finding::PoolsLeftOut { status, pools } => describe_pools(*status, pools),
        Finding::CountedTwice(found) => describe_doubled(found, next),
        Finding::RowsMissing(found) => describe_missing(found, next),
        Finding::DiskNearlyFull(room) => format!(
            "{} % of the database's file system free, {} MB",
            percent_free(*room),
            room.free / 1_000_000
        ),
    }
}

/// Names the pools that a person excluded or included since the version's run.
fn describe_exclusions(excluded: &[String], included: &[String]) -> String {
    let mut parts = Vec::new();
    for (pools, what) in [
        (excluded, "excluded, and the version has its result"),
        (included, "included again, and the version leaves it out"),
    ] {
        let each = pools.iter().map(|pool| format!("{pool} is {what}"));
        parts.extend(each.take(POOLS_SHOWN));
        if pools.len() > POOLS_SHOWN {
            let more = count((pools.len() - POOLS_SHOWN) as u64);
            parts.push(format!("{more} more"));
        }
    }
    parts.join("; ")
}

/// Says how much a person has to settle.
fn describe_review(finding: &Finding, now: Timestamp) -> String {
    match finding {
        Finding::UnmatchedGrown {
            version,
            before,
            now,
        } => {
            let sells = plural(*now, "sell finds", "sells find");
            let before = count(*before);
            format!("{sells} too few buys, {before} in version {version}")
        }
        Finding::ReviewOld { items, oldest } => {
            let items = plural(*items as u64, "review item", "review items");
            let oldest = ago(now, *oldest);
            format!("{items} open for too long, the oldest for {oldest}")
        }
        _ => String::new(),
    }
}

/// Says which rates no run has used yet, or that rates are missing.
fn describe_rates(finding: &Finding, next: &Next) -> String {
    match finding {
        Finding::RatesChanged { rates, first } => {
            let rates = plural(*rates, "rate differs", "rates differ");
            let order = shown(&first.order_id).quoted();
            let (asset, at) = (&first.asset, time(first.traded_at));
            format!(
                "{rates} from the version's since an import, the first of {asset} at {at} for \
                 {order}; next: {}",
                next.command(COMPUTE)
            )
        }
        Finding::RatesMissing { trades, is_newer } => {
            let trades = plural(*trades, "trade has", "trades have");
            let (since, command) = match is_newer {
                true => ("rates were imported since the run; ", COMPUTE),
                false => ("", "fifo-pnl rates missing"),
            };
            let command = next.command(command);
            format!("{trades} no value, as a rate is missing; {since}next: {command}")
        }
        _ => String::new(),
    }
}

fn began(last_run_at: Option<Timestamp>, now: Timestamp) -> String {
    let began = last_run_at.map_or("never".into(), |at| format!("{} ago", ago(now, at)));
    format!("the last run began {began}")
}

/// Says how many trades the current version lacks, or has although they were taken out.
fn describe_late(finding: &Finding, now: Timestamp) -> String {
    match finding {
        Finding::Behind {
            trades,
            older,
            oldest,
            complete_through,
        } => {
            let all = trades.saturating_add(*older);
            let verb = if all == 1 { "is" } else { "are" };
            let the = match older {
                0 => "the oldest".to_owned(),
                older => format!("{} came in late, the oldest other one is", count(*older)),
            };
            format!(
                "{} {verb} not computed, {the} of {} ({} ago); {}",
                plural(all, "trade", "trades"),
                time(*oldest),
                ago(now, *oldest),
                through(*complete_through)
            )
        }
        Finding::Changed {
            eligible,
            computed,
            last_run_at,
        } => {
            let (number, what) = match eligible > computed {
                true => (eligible - computed, "came in late, and no version has"),
                false => (computed - eligible, "taken out, and the version has"),
            };
            let (verb, them) = match (number, eligible > computed) {
                (1, true) => ("", "it"),
                (_, true) => ("", "them"),
                (1, false) => ("was ", "it"),
                (_, false) => ("were ", "them"),
            };
            let trades = plural(number, "older trade", "older trades");
            format!("{trades} {verb}{what} {them}; {}", began(*last_run_at, now))
        }
        _ => String::new(),
    }
}

fn describe_pools(status: PoolStatus, pools: &[String]) -> String {
    let mut names = pools.iter().take(POOLS_SHOWN).cloned().collect::<Vec<_>>();
    if pools.len() > POOLS_SHOWN {
        names.push(format!(
            "{} more",
            count((pools.len() - POOLS_SHOWN) as u64)
        ));
    }
    let number = plural(pools.len() as u64, "pool", "pools");
    format!("{number} {}: {}", status.as_str(), names.join(", "))
}

/// Returns the first line of a run's error, cut to the limit.
fn error(run: &RunLine) -> String {
    let first = run.error.as_deref().and_then(|text| text.lines().next());
    first.map_or_else(String::new, |line| {
        let shown: String = line.chars().take(ERROR_CHARS_SHOWN).collect();
        format!(": {shown}")
    })
}

fn run_json(run: &RunLine) -> Value {
    json!({ "id": run.id, "status": run.status.as_str(), "error": run.error,
        "started_at": run.started_at.to_string(), "pid": run.pid, "host": run.host })
}

fn to_json(report: &HealthReport) -> Value {
    let (facts, info) = (&report.facts, report.current.as_ref());
    let at = |time: Option<Timestamp>| time.map(|time| time.to_string());
    json!({
        "current_version": info.map(|info| info.version),
        "complete_through": at(info.and_then(|info| info.complete_through)),
        "excluded": report.excluded,
        "lots_by_decision": report.decided.len(),
        "newest_trade": at(facts.newest),
        "trades": facts.eligible,
        "trades_after": facts.after,
        "movements_changed": report.movements_changed,
        "last_run": facts.last_run.as_ref().map(run_json),
        "running": facts.running.iter().map(run_json).collect::<Vec<_>>(),
        "disk": facts.disk.map(|room| json!({ "free_bytes": room.free,
            "total_bytes": room.total })),
    })
}
