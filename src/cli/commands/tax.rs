//! `tax`: a version's sales of a year as files for a tax return.

mod amend;
mod filing;
mod words;

use std::ffi::OsStr;
use std::path::Path;

use serde_json::{Value, json};

pub(super) use amend::filed_years_changed;
use filing::Filing;
use words::{describe_sums, describe_warnings, incomplete};

use super::versions::{not_recorded, record_export};
use super::{parse_version, read_account};
use crate::cli::Outcome;
use crate::cli::args::{TaxArgs, TaxCommand};
use crate::cli::error::{CliError, CliResult, zone_hint};
use crate::cli::exit::Exit;
use crate::cli::format::{add, plural};
use crate::cli::next::{flag, quoted};
use crate::cli::session::Session;
use crate::cli::terminal::{ask, note};
use crate::engine::shown_sentence;
use crate::files::IfThere;
use crate::import::parse_timezone;
use crate::report::WrittenFile;
use crate::store::model::{Current, Event, EventKind, VersionInfo};
use crate::store::{HistoryStore, LedgerStore, StoreError, VersionStore};
use crate::tax::{ExportRequest, Exported, Format, Rounding, Sealing, Stop, TaxRules, export};

/// The program's own version, for files.
pub(super) const PROGRAM_VERSION: &str = env!("CARGO_PKG_VERSION");

pub async fn run(args: TaxArgs, session: &Session) -> CliResult<Outcome> {
    match &args.command {
        None => run_export(&args, session).await,
        Some(TaxCommand::Verify { zip }) => filing::verify(zip, session).await,
        Some(TaxCommand::Amend { year, version }) => amend::run(*year, version, session).await,
    }
}

/// Checks the typed arguments. Errors: a value that can't be read.
pub(super) fn check(args: &TaxArgs) -> CliResult<()> {
    match &args.command {
        Some(TaxCommand::Verify { .. }) => Ok(()),
        Some(TaxCommand::Amend { version, .. }) => parse_version(version).map(drop),
        None => {
            read_account(args.account.as_deref())?;
            args.timezone.as_deref().map(check_zone).transpose()?;
            args.output
                .as_deref()
                .map_or(Ok(()), |output| check_zip(args.r#final, output))?;
            parse_version(&args.version).map(drop)
        }
    }
}

/// Extensions of files that are not zips.
const OTHER_ENDINGS: [&str; 5] = ["csv", "json", "txf", "txt", "xlsx"];

/// Checks that a zip to file does not get the extension of another format. Errors: it has one.
fn check_zip(is_final: bool, output: &Path) -> CliResult<()> {
    let is_other = |end: &OsStr| OTHER_ENDINGS.iter().any(|it| end.eq_ignore_ascii_case(it));
    if !is_final || !output.extension().is_some_and(is_other) {
        return Ok(());
    }
    let named = output.with_extension("zip").display().to_string();
    let output = output.display();
    Err(CliError::usage(
        format!("--output is \"{output}\", expected a zip: --final writes every file into one"),
        format!("name it --output {}", quoted(&named)),
    ))
}

/// Checks the value of `--timezone`. Errors: no such zone.
pub(super) fn check_zone(name: &str) -> CliResult<()> {
    let bad = |error: crate::import::ZoneError| {
        CliError::usage(format!("--timezone: {error}"), zone_hint(&error))
    };
    parse_timezone(name).map(drop).map_err(bad)
}

async fn run_export(args: &TaxArgs, session: &Session) -> CliResult<Outcome> {
    let (Some(year), Some(output)) = (args.year, args.output.as_deref()) else {
        return Err(CliError::usage("--year and --output are missing", ""));
    };
    let (zone_name, keep) = timezone(args.timezone.as_deref(), session)?;
    let rules = rules(args, year, &zone_name, session)?;
    let store = session.open(false).await?;
    let store = store.as_ref();
    let (version, about) = choose_version(store, &args.version).await?;
    if args.r#final {
        check_whole(&version, args.account.as_deref())?;
        let filing = Filing {
            rules,
            version,
            about,
            path: output,
            if_there: IfThere::of_overwrite(args.overwrite),
            allow_incomplete: args.allow_incomplete,
        };
        let done = filing::file(store, session, filing).await;
        if keep && done.is_ok() {
            keep_timezone(session, &zone_name);
        }
        return done;
    }
    let format = args.format.as_deref().and_then(Format::from_text);
    let format = format.unwrap_or(Format::Form8949);
    let request = ExportRequest {
        rules,
        version,
        files: vec![(format, output.to_owned())],
        if_there: IfThere::of_overwrite(args.overwrite),
        sealing: Sealing::Draft,
        check_rows: true,
        stop: stop_of(session),
    };
    let exported = export(store, &request, PROGRAM_VERSION).await?;
    if keep {
        keep_timezone(session, &zone_name);
    }
    let recorded = record(store, session, &request, &exported).await?;
    let mut outcome = outcome(store, &request, &exported, &about, args.allow_incomplete);
    outcome.text.push_str(not_recorded(recorded));
    add(&mut outcome.json, json!({ "recorded": recorded }));
    Ok(outcome)
}

/// Returns the name of the time zone, and whether the configuration has none yet.
fn timezone(flag: Option<&str>, session: &Session) -> CliResult<(String, bool)> {
    let kept = session.config.tax.timezone.as_deref();
    let question = "Time zone of all tax dates (like America/New_York)?";
    let answer = match (flag, kept) {
        (None, None) => ask(question).filter(|answer| !answer.is_empty()),
        _ => None,
    };
    let (name, from) = match (flag, kept, answer) {
        (Some(flag), _, _) => (flag.to_owned(), "--timezone"),
        (None, Some(kept), _) => (kept.to_owned(), "tax.timezone"),
        (None, None, Some(answer)) => (answer, "the answer"),
        (None, None, None) => {
            return Err(CliError::usage(
                "no time zone is set: it decides the tax year and every date",
                "name it: --timezone America/New_York; an export of tax files keeps it in \
                 fifo-pnl.toml",
            ));
        }
    };
    let zone = parse_timezone(&name)
        .map_err(|error| CliError::usage(format!("{from}: {error}"), zone_hint(&error)))?;
    if let (Some(kept), Some(flag)) = (kept, flag)
        && kept != flag
    {
        note(&format!(
            "fifo-pnl.toml has {kept}; this export uses {flag}"
        ));
    }
    // Uses the canonical spelling of the zone's name, so that files do not differ in the case of
    // letters.
    let name = zone.iana_name().map_or(name, str::to_owned);
    Ok((name, kept.is_none()))
}

/// Returns the time zone of days: that of the flag, else that of the configuration.
pub(super) fn zone_of(flag: Option<&str>, session: &Session) -> CliResult<jiff::tz::TimeZone> {
    let (name, _) = timezone(flag, session)?;
    parse_timezone(&name).map_err(|error| CliError::usage(error.to_string(), zone_hint(&error)))
}

/// Returns a check whether the user wants to stop.
fn stop_of(session: &Session) -> Stop {
    let cancel = session.context.cancel.clone();
    Stop::when(move || cancel.is_cancelled())
}

fn zone_named(name: &str) -> Option<jiff::tz::TimeZone> {
    parse_timezone(name).ok()
}

fn keep_timezone(session: &Session, zone: &str) {
    let path = session.config.tax.path.display().to_string();
    let path = shown_sentence(&path);
    match session.config.tax.keep_timezone(zone) {
        Ok(()) => note(&format!("time zone {zone} is kept in {path}")),
        Err(why) => note(&format!("time zone {zone} was not kept in {path}: {why}")),
    }
}

fn rules(args: &TaxArgs, year: i16, zone_name: &str, session: &Session) -> CliResult<TaxRules> {
    let zone = parse_timezone(zone_name)
        .map_err(|error| CliError::usage(format!("--timezone: {error}"), zone_hint(&error)))?;
    Ok(TaxRules {
        year,
        zone,
        zone_name: zone_name.to_owned(),
        account: args.account.clone(),
        rounding: match args.whole_dollars {
            true => Rounding::WholeDollars,
            false => Rounding::Cents,
        },
        boxes: session.config.tax.boxes.clone(),
        assets: session.config.rules.clone(),
        names_movements: true,
    })
}

/// Remarks about the chosen version.
pub(super) struct AboutVersion {
    /// `current`, or the special state of the version.
    pub(super) words: String,
    /// Remark about a newer version that is not published.
    pub(super) newer: Option<String>,
}

/// Finds the version to use: the one that the user named, else the current one.
pub(super) async fn choose_version(
    store: &dyn VersionStore,
    wanted: &str,
) -> CliResult<(VersionInfo, AboutVersion)> {
    let (versions, current) = (store.versions().await?, store.current().await?);
    let named = parse_version(wanted)?;
    // Never advises a version of a part of the ledger: its files would look complete.
    let is_whole = |info: &&VersionInfo| info.status.is_readable() && info.scope.is_all();
    let readable = versions.iter().rev().find(is_whole);
    let Some(number) = named.or(current.version) else {
        return Err(match readable {
            Some(info) => CliError::usage(
                format!(
                    "no version is current; version {} is {} and was not published",
                    info.version,
                    info.status.as_str()
                ),
                format!("take it all the same with --version {}", info.version),
            ),
            None => CliError::usage(
                "no version is current yet",
                "`compute_allocations --all-symbols` makes and publishes one",
            ),
        });
    };
    let Some(info) = versions.iter().find(|info| info.version == number) else {
        return Err(StoreError::NoVersion(number).into());
    };
    if !info.status.is_readable() {
        let status = info.status.as_str();
        return Err(CliError::usage(
            format!("version {number} is {status}: it has no result"),
            "`fifo-pnl versions list` shows the others",
        ));
    }
    let newer = readable.filter(|newer| named.is_none() && newer.version > number);
    let newer = newer.map(|newer| {
        let (number, status) = (newer.version, newer.status.as_str());
        format!("version {number} is newer, {status} and not published: --version {number}")
    });
    let words = words_of(info, &current);
    Ok((info.clone(), AboutVersion { words, newer }))
}

fn words_of(info: &VersionInfo, current: &Current) -> String {
    let mut words = Vec::new();
    if current.version == Some(info.version) {
        words.push("current".to_owned());
    } else if info.published_at.is_none() {
        words.push("never published".to_owned());
    } else {
        words.push("not current".to_owned());
    }
    if info.status.as_str() != "completed" {
        words.push(info.status.as_str().to_owned());
    }
    if !info.scope.is_all() {
        words.push(shown_sentence(&info.scope.to_string()).to_string());
    }
    if info.sealed.is_some() {
        words.push("sealed".to_owned());
    }
    words.join(", ")
}

/// Checks that a version covers everything to file: all pools, or all pools of the account.
///
/// Errors: the version was computed of a part of these pools.
fn check_whole(info: &VersionInfo, account: Option<&str>) -> CliResult<()> {
    let of_account = info.scope.whole_account();
    if info.scope.is_all() || (account.is_some() && of_account.as_deref() == account) {
        return Ok(());
    }
    let (number, words) = (info.version, info.scope.to_string());
    let hint = match of_account {
        Some(account) => format!(
            "file that account alone with `{}`, or leave --version out to file the current version",
            flag("--account", &account)
        ),
        None => "leave --version out to file the current version, which has all symbols".into(),
    };
    Err(CliError::refused(
        format!("version {number} has {words}: what is filed has every sale of the year"),
        hint,
    ))
}

/// Records the export in the audit trail. Returns false if this user may not write there.
async fn record(
    store: &dyn HistoryStore,
    session: &Session,
    request: &ExportRequest,
    exported: &Exported,
) -> CliResult<bool> {
    let rules = &request.rules;
    let files: Vec<Value> = exported.files.iter().map(file_json).collect();
    let format = request.files.first().map(|(format, _)| format.as_str());
    let details = json!({
        "format": format, "kind": request.sealing.as_str(), "year": rules.year,
        "timezone": rules.zone_name, "account": rules.account,
        "rounding": rules.rounding.as_str(), "rows": exported.rows(),
        "unmatched": exported.totals.unmatched_rows, "by": session.context.user, "files": files,
    });
    let event = Event {
        version: Some(request.version.version),
        ..Event::info(EventKind::Export, session.context.clock.now(), details)
    };
    record_export(store, &event).await
}

fn file_json(file: &WrittenFile) -> Value {
    json!({ "file": file.path.display().to_string(), "rows": file.rows, "sha256": file.sha256 })
}

fn outcome(
    store: &dyn LedgerStore,
    request: &ExportRequest,
    exported: &Exported,
    about: &AboutVersion,
    allow_incomplete: bool,
) -> Outcome {
    let rules = &request.rules;
    let mut text = format!(
        "Database  {}\nTax year  {} in {}, version {} ({}), {}\n",
        store.location(),
        rules.year,
        rules.zone_name,
        request.version.version,
        about.words,
        request.sealing.as_str()
    );
    if let Some(newer) = &about.newer {
        text.push_str(&format!("Note      {newer}\n"));
    }
    if !request.version.scope.is_all() {
        let words = request.version.scope.to_string();
        let words = shown_sentence(&words);
        text.push_str(&format!(
            "Note      the version has {words}; other sales are in no file\n"
        ));
    }
    text.push_str(&describe_sums(exported, rules));
    text.push_str(&describe_warnings(exported, rules.year));
    for file in &exported.files {
        let (path, sha256) = (file.path.display(), &file.sha256);
        let rows = match file.rows {
            0 => String::new(),
            rows => format!(" {},", plural(rows, "row", "rows")),
        };
        let path = path.to_string();
        let path = shown_sentence(&path);
        text.push_str(&format!("Wrote     {path}:{rows} sha256 {sha256}\n"));
    }
    let incomplete = incomplete(exported, rules.rounding);
    if let Some(incomplete) = &incomplete {
        text.push_str(&format!("{incomplete}\n"));
    }
    let exit = match incomplete.is_some() && !allow_incomplete {
        true => Exit::Findings,
        false => Exit::Done,
    };
    let paths: Vec<Value> = exported.files.iter().map(file_json).collect();
    let json = json!({ "database": store.location(), "manifest": exported.manifest,
        "incomplete": incomplete, "files": paths });
    Outcome::summary(exit, text, json)
}
