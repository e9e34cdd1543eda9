//! `versions prune`: drops versions that nobody needs any more.

use std::time::Duration;

use serde_json::{Value, json};

use crate::cli::Outcome;
use crate::cli::args::PruneArgs;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{add, plural};
use crate::cli::session::Session;
use crate::engine::Timestamp;
use crate::pipeline::{self, PruneReport, PruneRule};
use crate::store::Store;
use crate::store::model::Version;

pub async fn run(args: &PruneArgs, store: &dyn Store, session: &Session) -> CliResult<Outcome> {
    let rule = match (args.keep, args.older_than) {
        (_, Some(age)) => PruneRule::CompletedBefore(before(session.context.clock.now(), age)?),
        (Some(keep), None) => PruneRule::BeyondNewest(usize::from(keep)),
        (None, None) => PruneRule::BeyondNewest(session.config.keep_versions),
    };
    let report = pipeline::prune(store, &session.context, rule, args.dry_run).await?;
    let text = format!(
        "Database  {}\n{}",
        store.location(),
        describe(&report, args.dry_run)
    );
    let mut json = to_json(&report);
    add(
        &mut json,
        json!({ "database": store.location(), "dry_run": args.dry_run }),
    );
    // A version that could not be dropped is no error: the next prune drops it.
    Ok(Outcome::summary(Exit::Done, text, json))
}

/// Checks the typed arguments. Errors: an age that no version can have.
pub(super) fn check(args: &PruneArgs, now: Timestamp) -> CliResult<()> {
    let then = args.older_than.map(|age| before(now, age));
    then.transpose().map(drop)
}

/// Returns the instant that is `age` before now.
fn before(now: Timestamp, age: Duration) -> CliResult<Timestamp> {
    let micros = i64::try_from(age.as_micros()).ok();
    let then = micros.and_then(|micros| now.as_micros().checked_sub(micros));
    then.and_then(|micros| Timestamp::try_from_micros(micros).ok())
        .ok_or_else(|| CliError::usage("--older-than goes back too far", "it is like 30d"))
}

fn describe(report: &PruneReport, dry_run: bool) -> String {
    let mut text = match (report.dropped.is_empty(), dry_run) {
        (true, _) => "Nothing to drop".to_owned(),
        (false, true) => format!("Would drop {}", versions(&report.dropped)),
        (false, false) => format!("Dropped {}", versions(&report.dropped)),
    };
    let left = plural(report.left as u64, "version", "versions");
    text.push_str(&format!("; {left} left.\n"));
    if report.syncs > 0 {
        let tries = plural(report.syncs, "old try", "old tries");
        text.push_str(&format!("Removed {tries} of imports from the log.\n"));
    }
    if let Some(reason) = &report.reason {
        let stayed = versions(&report.stayed);
        text.push_str(&format!(
            "Not dropped: {stayed}. {reason}\nThe next prune takes what is free by then.\n"
        ));
    }
    text
}

/// Lists the versions that a run dropped; empty if it had none to drop.
pub(super) fn describe_after_run(report: &PruneReport) -> String {
    let mut text = String::new();
    if !report.dropped.is_empty() {
        text.push_str(&format!(
            "Dropped         {}, made by incremental runs that could not append\n",
            versions(&report.dropped)
        ));
    }
    if let Some(reason) = &report.reason {
        text.push_str(&format!(
            "Not dropped     {}: {reason}\n",
            versions(&report.stayed)
        ));
    }
    text
}

pub(super) fn to_json(report: &PruneReport) -> Value {
    json!({ "dropped": report.dropped, "stayed": report.stayed, "reason": report.reason,
        "left": report.left, "tries_removed": report.syncs })
}

fn versions(numbers: &[Version]) -> String {
    let texts: Vec<String> = numbers.iter().map(Version::to_string).collect();
    match texts.as_slice() {
        [] => "versions".into(),
        [one] => format!("version {one}"),
        many => format!("versions {}", many.join(", ")),
    }
}
