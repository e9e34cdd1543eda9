//! `tax --final` and `tax verify`: the filing, and the proof that it can be made again.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    AboutVersion, PROGRAM_VERSION, describe_sums, describe_warnings, incomplete, stop_of,
    zone_named,
};
use crate::cli::Outcome;
use crate::cli::error::{CliError, CliResult};
use crate::cli::exit::Exit;
use crate::cli::format::{count, plural, time};
use crate::cli::next::{Next, quoted};
use crate::cli::session::Session;
use crate::engine::{IssueType, shown, shown_sentence};
use crate::files::IfThere;
use crate::pipeline;
use crate::report::sha256_of;
use crate::store::model::{Event, EventKind, QueuedItem, VersionInfo};
use crate::store::{HistoryStore, LedgerStore, Store};
use crate::tax::{
    self, Filed, FiledYear, NotComputed, Sealing, TaxRules, Verdict, Verified, archive,
};

/// A version to file, the settings, and the path of the zip.
pub(super) struct Filing<'a> {
    pub(super) rules: TaxRules,
    pub(super) version: VersionInfo,
    pub(super) about: AboutVersion,
    pub(super) path: &'a Path,
    pub(super) if_there: IfThere,
    pub(super) allow_incomplete: bool,
}

/// Writes the zip, seals the version, names the zip, and records the filing, in this order. So
/// missing figures are found before the version is sealed.
pub(super) async fn file(
    store: &dyn Store,
    session: &Session,
    filing: Filing<'_>,
) -> CliResult<Outcome> {
    let (number, year) = (filing.version.version, filing.rules.year);
    let before = filed_before(store, year).await?;
    let place = (filing.path, filing.if_there);
    let version = filing.version.clone();
    let rules = filing.rules.clone();
    let mut filed = archive(
        store,
        rules,
        version,
        place,
        (PROGRAM_VERSION, stop_of(session)),
    )
    .await?;
    let late = tax::not_computed(store, &filing.rules, &filing.version).await?;
    let missing = incomplete(&filed.exported, filing.rules.rounding);
    let lacking = lacking_lots(store).await?;
    let missing = with_late(missing, (late, lacking), number);
    if let Some(missing) = missing.as_ref().filter(|_| !filing.allow_incomplete) {
        let unknown = filed.exported.income_without_value();
        let first = match (late.trades, late.moves, lacking) {
            (0, 0, 0) if late.undecided > 0 => {
                "compute what is new first: `compute_allocations --all-symbols`; "
            }
            (0, 0, 0) if filed.exported.is_provisional() => {
                "say what each movement is: `fifo-pnl transfers list` names the commands; "
            }
            (0, 0, 0) if unknown > 0 => {
                "import rates with `fifo-pnl import rates FILE`, and compute with \
                 `compute_allocations --all-symbols`; "
            }
            (0, 0, 0) => "",
            (0, 0, _) => "import the buys of the accounts that sent, and compute; ",
            _ => "compute what is new first: `compute_allocations --incremental`; ",
        };
        return Err(CliError::refused(
            missing.clone(),
            format!(
                "{first}nothing was sealed or written; file it all the same with --allow-incomplete"
            ),
        ));
    }
    let changed = changed_since(store, session, &filing).await?;
    let was_sealed = filing.version.sealed.is_some();
    if !was_sealed {
        let reason = format!("filed for tax year {year}");
        pipeline::seal(store, &session.context, number, &reason).await?;
    }
    let after = store.versions().await?;
    let after = after.iter().find(|info| info.version == number);
    if after.is_none_or(|info| info.completed_at != filing.version.completed_at) {
        return Err(CliError::refused(
            format!("version {number} was extended by a run meanwhile: nothing was filed"),
            "it is sealed by now: run the same command again",
        ));
    }
    filed.publish()?;
    record(store, session, &filing, &filed).await?;
    let state = FilingState {
        missing,
        before: &before,
        changed,
        was_sealed,
    };
    Ok(outcome((store, &session.next), &filing, &filed, state))
}

/// Counts the withdrawals that left with fewer lots than units, and that no person has settled.
async fn lacking_lots(store: &dyn Store) -> CliResult<u64> {
    let queue = store.review_queue().await?;
    let is_lacking = |item: &QueuedItem| {
        let is_withdrawal = item.issue == IssueType::UnappliedTransfer && !item.order_id.is_empty();
        is_withdrawal && item.status.is_open()
    };
    Ok(queue.iter().filter(|item| is_lacking(item)).count() as u64)
}

/// Adds what the version does not know to the line about missing figures: new trades, changed
/// movements, and `lacking` withdrawals without all their lots.
fn with_late(
    missing: Option<String>,
    (late, lacking): (NotComputed, u64),
    version: i64,
) -> Option<String> {
    let trades = match late.trades {
        0 => None,
        1 => Some(format!("1 new trade is not in version {version}")),
        more => Some(format!(
            "{} new trades are not in version {version}",
            count(more)
        )),
    };
    let changed = plural(late.moves, "movement or action", "movements or actions");
    let changed = (late.moves > 0).then(|| format!("{changed} changed since version {version}"));
    let withdrawals = plural(lacking, "withdrawal", "withdrawals");
    let lacking = (lacking > 0).then(|| format!("{withdrawals} found too few lots"));
    let undecided = plural(late.undecided, "undecided movement", "undecided movements");
    let undecided = (late.undecided > 0)
        .then(|| format!("{undecided} came, or are decided, since version {version}"));
    let parts = [trades, changed, undecided, lacking].into_iter().flatten();
    let parts = parts.collect::<Vec<String>>().join("; ");
    match missing {
        missing if parts.is_empty() => missing,
        Some(missing) => Some(format!("{missing}; {parts}")),
        None => Some(format!("incomplete: {parts}")),
    }
}

/// The state of a version and its ledger at the filing.
struct FilingState<'f> {
    /// The missing figures, in words.
    missing: Option<String>,
    /// Filings of the year before this one.
    before: &'f [FiledYear],
    /// Pools of an unguarded ledger whose trades changed since the version's run.
    changed: Vec<String>,
    was_sealed: bool,
}

/// Lists the pools whose trades in an unguarded ledger changed since the version's run.
///
/// Errors: a pool of a guarded ledger changed, which means a fault or a fraud.
async fn changed_since(
    store: &dyn Store,
    session: &Session,
    filing: &Filing<'_>,
) -> CliResult<Vec<String>> {
    let (info, account) = (&filing.version, filing.rules.account.as_deref());
    let mut changed = pipeline::changed_since_version(store, &session.context, info).await?;
    changed.retain(|it| account.is_none_or(|account| it.pool.account.as_str() == account));
    let changed: Vec<String> = changed.iter().map(|it| it.pool.to_string()).collect();
    let (Some(first), false) = (changed.first(), info.watermark.is_unguarded()) else {
        return Ok(changed);
    };
    let version = info.version;
    Err(CliError::refused(
        format!(
            "the ledger of {first} was changed since version {version}: nothing was sealed or \
             written"
        ),
        format!("see what differs: `validate_allocations --version {version}`"),
    ))
}

/// Returns the filings of a year before this one, the newest of each account.
async fn filed_before(store: &dyn HistoryStore, year: i16) -> CliResult<Vec<FiledYear>> {
    let mut filed = tax::filed(store, &zone_named).await?;
    filed.retain(|filed| filed.rules.year == year);
    Ok(filed)
}

fn describe_before(before: &[FiledYear]) -> String {
    let line = |filed: &FiledYear| {
        let account = filed.rules.account.as_deref();
        let account = account.map(|account| format!(" of account {}", shown(account)));
        let earlier = match filed.earlier {
            0 => String::new(),
            earlier => format!(", and {} before that", plural(earlier, "time", "times")),
        };
        format!(
            "Note      the year{} was filed before: {}, version {}, on {}{earlier}\n",
            account.unwrap_or_default(),
            shown_sentence(&filed.file),
            filed.version,
            time(filed.at)
        )
    };
    before.iter().map(line).collect()
}

fn before_json(filed: &FiledYear) -> Value {
    json!({ "at": filed.at.to_string(), "file": filed.file, "version": filed.version,
        "sha256": filed.sha256, "account": filed.rules.account, "earlier": filed.earlier })
}

async fn record(
    store: &dyn HistoryStore,
    session: &Session,
    filing: &Filing<'_>,
    filed: &Filed,
) -> CliResult<()> {
    let manifest = &filed.exported.manifest;
    let part = |name: &str| manifest.get(name).cloned().unwrap_or_default();
    let details = json!({
        "kind": Sealing::Final.as_str(), "file": filing.path.display().to_string(),
        "sha256": filed.zip.sha256, "manifest_format": part("manifest_format"),
        "tax": part("tax"), "totals": part("totals"), "rows": part("rows"),
        "year": filing.rules.year, "by": session.context.user,
    });
    for kind in [EventKind::Export, EventKind::TaxFiled] {
        let event = Event {
            version: Some(filing.version.version),
            ..Event::info(kind, session.context.clock.now(), details.clone())
        };
        store.log_event(&event).await?;
    }
    Ok(())
}

fn outcome(
    (store, next): (&dyn Store, &Next),
    filing: &Filing<'_>,
    filed: &Filed,
    state: FilingState<'_>,
) -> Outcome {
    let (rules, number) = (&filing.rules, filing.version.version);
    let FilingState {
        missing, changed, ..
    } = &state;
    let sealed = if state.was_sealed {
        "was sealed already"
    } else {
        "is sealed"
    };
    let (zip, sha256) = (filing.path.display().to_string(), &filed.zip.sha256);
    let path = shown_sentence(&zip);
    let mut text = format!(
        "Database  {}\nTax year  {} in {}, version {number} ({}), final\n",
        store.location(),
        rules.year,
        rules.zone_name,
        filing.about.words
    );
    text.push_str(&describe_before(state.before));
    text.push_str(&describe_sums(&filed.exported, rules));
    text.push_str(&describe_warnings(&filed.exported, rules.year));
    text.push_str(&format!(
        "Wrote     {path}: {}, sha256 {sha256}\n",
        plural(filed.zip.rows, "file", "files")
    ));
    text.push_str(&format!(
        "Version {number} {sealed}: it is never replaced, appended to or dropped.\n"
    ));
    if let Some(missing) = missing {
        text.push_str(&format!("{missing}\n"));
    }
    if !changed.is_empty() {
        let pools = plural(changed.len() as u64, "pool", "pools");
        text.push_str(&format!(
            "Note      the ledger of {pools} was changed since the version: {}.\n          \
             What was filed can't be computed from it again.\n",
            shown_sentence(&changed.join(", "))
        ));
    }
    let verify = format!("fifo-pnl tax verify {}", quoted(&zip));
    text.push_str(&format!("Next: {}\n", next.command(&verify)));
    let json = json!({ "database": store.location(), "zip": zip, "sha256": sha256,
        "filed_before": state.before.iter().map(before_json).collect::<Vec<_>>(),
        "incomplete": missing, "changed_since": changed,
        "manifest": filed.exported.manifest });
    Outcome::summary(Exit::Done, text, json)
}

/// Makes the files of a zip again and compares.
pub(super) async fn verify(path: &Path, session: &Session) -> CliResult<Outcome> {
    let opened = tax::open(path)?;
    let rules = tax::rules_of(&opened.manifest, &zone_named)?;
    let store = session.open(false).await?;
    let store = store.as_ref();
    let number = opened.version();
    let versions = store.versions().await?;
    let info = versions
        .into_iter()
        .find(|info| Some(info.version) == number);
    let Some(info) = info.filter(|info| info.status.is_readable()) else {
        let number = number.map_or_else(|| "?".into(), |number| number.to_string());
        return Err(CliError::usage(
            format!("this database has no version {number} with rows, which was filed"),
            "name the database that it was filed from with --database",
        ));
    };
    let scratch = std::env::temp_dir().join("fifo-pnl-verify");
    let verified = opened
        .verify(
            store,
            rules,
            info,
            &scratch,
            (PROGRAM_VERSION, stop_of(session)),
        )
        .await?;
    let judged = pipeline::validate(store, &session.context, Some(verified.version)).await?;
    let check = Check {
        violations: judged.violations.len(),
        record: record_of(store, path, verified.version).await?,
        verified,
    };
    Ok(verified_outcome(store, path, &check))
}

/// The audit trail's record of a zip.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TrailRecord {
    /// These bytes were filed.
    Same,
    /// Other bytes were filed from this version.
    Other,
    /// No filing of this version: the audit trail is that of another database, or is older.
    Nothing,
}

/// Everything that was checked.
struct Check {
    verified: Verified,
    violations: usize,
    record: TrailRecord,
}

async fn record_of(store: &dyn HistoryStore, path: &Path, version: i64) -> CliResult<TrailRecord> {
    let unreadable = |error| CliError::failed(format!("read {}: {error}", path.display()));
    let (sha256, _) = sha256_of(path).map_err(unreadable)?;
    let mut filed = store.events_of(&[EventKind::TaxFiled]).await?;
    filed.retain(|event| event.version == Some(version));
    let is_same = |details: &Value| details.get("sha256").and_then(Value::as_str) == Some(&sha256);
    Ok(match filed.iter().any(|event| is_same(&event.details)) {
        true => TrailRecord::Same,
        false if filed.is_empty() => TrailRecord::Nothing,
        false => TrailRecord::Other,
    })
}

fn verified_outcome(store: &dyn LedgerStore, path: &Path, check: &Check) -> Outcome {
    let (verified, violations) = (&check.verified, check.violations);
    let mut text = format!(
        "Database  {}\nFiled     {}, version {}\n",
        store.location(),
        shown_sentence(&path.display().to_string()),
        verified.version
    );
    for (name, verdict) in &verified.files {
        let (word, name) = (word(verdict), shown(name));
        text.push_str(&format!("{word:<9} {name}{}\n", detail(verdict)));
    }
    let hashes = if verified.hashes_equal {
        "equal"
    } else {
        "differ"
    };
    text.push_str(&format!(
        "{hashes:<9} hashes of the version's facts and rows\n"
    ));
    if let Some(differ) = &verified.rows_differ {
        text.push_str(&format!("          {differ}\n"));
    }
    let validated = match violations {
        0 => "Validated the version's rows are what its facts give, by the second matcher".into(),
        some => format!(
            "Validated {} found",
            plural(some as u64, "violation", "violations")
        ),
    };
    text.push_str(&format!("{validated}\n"));
    text.push_str(match check.record {
        TrailRecord::Same => "recorded  the audit trail has a filing of these bytes\n",
        TrailRecord::Other => "differs   from every zip that the audit trail has of this version\n",
        TrailRecord::Nothing => "Note      the audit trail of this database has no filing of it\n",
    });
    if let Some(program) = &verified.other_program {
        text.push_str(&format!(
            "Note      filed by fifo-pnl {}, checked by {PROGRAM_VERSION}\n",
            shown(program)
        ));
    }
    let is_equal = verified.is_equal() && violations == 0 && check.record != TrailRecord::Other;
    text.push_str(if is_equal {
        "Equal: this database gives what was filed, byte by byte.\n"
    } else {
        "Not equal: see above.\n"
    });
    let files: Vec<Value> = verified
        .files
        .iter()
        .map(|(name, verdict)| json!({ "name": name, "verdict": word(verdict) }))
        .collect();
    let json = json!({ "database": store.location(), "equal": is_equal, "files": files,
        "hashes_equal": verified.hashes_equal, "rows_differ": verified.rows_differ,
        "violations": violations });
    Outcome::answer(
        if is_equal { Exit::Done } else { Exit::Findings },
        text,
        json,
    )
}

fn word(verdict: &Verdict) -> &'static str {
    match verdict {
        Verdict::Equal => "equal",
        Verdict::Differs { .. } => "differs",
        Verdict::Gone => "gone",
        Verdict::New => "new",
        Verdict::Altered => "altered",
        Verdict::Evidence => "kept",
    }
}

fn detail(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Differs { line, filed, found } => {
            let (filed, found) = (shown_sentence(filed), shown_sentence(found));
            let place = match line {
                // The file is not text, so it has no lines.
                0 => String::new(),
                line => format!(" in line {line}"),
            };
            format!("{place}\n          filed {filed}\n          found {found}")
        }
        Verdict::Gone => ": filed, and not made today".into(),
        Verdict::New => ": made today, and not filed".into(),
        Verdict::Altered => ": its bytes are not those that the manifest names".into(),
        Verdict::Evidence => ": as of the filing, nothing to compare it with".into(),
        Verdict::Equal => String::new(),
    }
}
