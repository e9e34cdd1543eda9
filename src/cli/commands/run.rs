//! `run`: import, compute, validate, summary. The whole job, no server.

use crate::store::model::VersionOrigin;
use serde_json::json;

use super::tax::filed_years_changed;
use super::{check_reason, compute, decided, import, validate};
use crate::cli::Outcome;
use crate::cli::args::RunArgs;
use crate::cli::error::CliResult;
use crate::cli::session::Session;
use crate::pipeline::{self, ComputeOptions, FileReport, ImportRequest};

/// Checks the typed arguments. Errors: a value that can't be read.
pub(super) fn check(args: &RunArgs) -> CliResult<()> {
    args.reason.as_deref().map(check_reason).transpose()?;
    import::request(&args.files).map(drop)
}

pub async fn run(args: RunArgs, session: &Session) -> CliResult<Outcome> {
    let request = ImportRequest {
        correct: args.reason.clone(),
        ..import::request(&args.files)?
    };
    let (store, sources) = import::read(&args.files, &request, session).await?;
    let location = store
        .as_ref()
        .map_or_else(|| "not opened".into(), |store| store.location());
    let reports = import::import(store.as_deref(), sources, &request, session).await?;
    let imported = import::exit(&reports, &request);
    let files: Vec<_> = reports.iter().map(import::to_json).collect();
    let mut text = format!(
        "Database  {location}\n{}",
        session.next.in_text(&import::describe(&reports, &request))
    );
    let stopped = reports
        .iter()
        .any(|report| report.is_refused(request.skip_invalid));
    let Some(store) = store.as_deref().filter(|_| !stopped) else {
        let is_in = |it: &FileReport| it.receipt.is_some() && !it.is_refused(request.skip_invalid);
        if reports.iter().any(is_in) {
            text.push_str("No version was computed.\n");
        }
        let json = json!({ "database": location, "files": files });
        return Ok(Outcome::summary(imported, text, json));
    };
    let options = ComputeOptions {
        jobs: args.jobs.map(usize::from),
        origin: VersionOrigin::Full,
        keep_versions: Some(compute::keep_versions(None, session)),
        ..ComputeOptions::default()
    };
    let next = &session.next;
    // After the run, a fault here would end a completed run as a failed one.
    import::FilesTogether::of_import(Some(store), &reports, &request, session).await?;
    let together = import::FilesTogether::of_ledger(store, session).await?;
    let before = decided::before(store).await?;
    let report = match pipeline::compute(store, &session.context, &options).await {
        Ok(report) => report,
        Err(error) => return Err(compute::with_state(error.into(), store, next).await),
    };
    let judged = pipeline::validate(store, &session.context, Some(report.version)).await?;
    text.push_str(&compute::describe(&report, args.all_rows, next));
    text.push_str(&compute::describe_unknown_accounts(
        &report,
        &session.config.rules,
    ));
    text.push_str(&together.describe(next));
    let decided = compute::decided_of(store, &report, &before).await;
    text.push_str(&decided.describe(next));
    text.push_str(&import::beside_stored(Some(store), session).await?);
    text.push_str(&compute::idle_splits(store, &report, session).await);
    text.push_str(&validate::describe_short(&judged));
    text.push_str(&filed_years_changed((store, next), report.version, None).await);
    text.push_str(&compute::describe_next(&report, next, true));
    let (computed, validated) = (compute::exit(&report), validate::exit(&judged, false));
    let exit = import::worst([imported, computed, validated, together.exit()]);
    let mut computed = session.json(|| compute::to_json(&report));
    decided.add_to(&mut computed);
    let mut json = json!({
        "database": location,
        "files": files,
        "compute": computed,
        "validate": session.json(|| validate::to_json(&judged)),
    });
    together.add_to(&mut json);
    Ok(Outcome::summary(exit, text, json))
}
