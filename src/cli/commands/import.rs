//! `import`: CSV files into the ledger.

mod doubled;
mod facts;
mod joined;
mod missing;
mod rates;
mod report;
mod together;
mod undo;
mod zones;

use std::path::Path;

use serde_json::{Value, json};

pub(super) use self::doubled::describe as describe_doubled;
pub(super) use self::missing::describe as describe_missing;
pub(super) use self::rates::read_asset;
pub(super) use self::together::FilesTogether;
use super::{actions, check_reason, decided, transfers};
use crate::cli::Outcome;
use crate::cli::args::{DecimalMarkArg, FileArgs, ImportArgs, ImportCommand};
use crate::cli::error::{CliError, CliResult, zone_hint};
use crate::cli::exit::Exit;
use crate::cli::format::{count, dollars, plural};
use crate::cli::session::Session;
use crate::cli::terminal::note;
use crate::engine::{Account, FeeSigns, MORE_COLUMNS, Usd, shown, shown_sentence};
use crate::files::check_text;
use crate::import::{
    ColumnNames, DecimalMark, Decimals, OPENING_COLUMNS, OPTIONAL_COLUMNS, REQUIRED_COLUMNS,
    parse_clock, zone_of_server,
};
use crate::pipeline::{
    FileReport, ImportRequest, PipelineError, PipelineResult, Source, Tried, import_files,
    log_unread, parse_source,
};
use crate::store::Store;
use crate::store::model::{ImportReceipt, Scope, TradingAccount};

/// Runs the command. Files are parsed before a database is opened or made.
pub async fn run(args: ImportArgs, session: &Session) -> CliResult<Outcome> {
    match &args.command {
        Some(ImportCommand::Lots { files, preview }) => {
            return import_lots(files, *preview, session).await;
        }
        Some(ImportCommand::Rates(args)) => return rates::run(args, session).await,
        Some(ImportCommand::List) => return undo::list(session).await,
        Some(ImportCommand::Undo(args)) => return undo::run(args, session).await,
        Some(ImportCommand::Keep(args)) => return doubled::keep_command(args, session).await,
        None => {}
    }
    let request = ImportRequest {
        preview: args.preview,
        correct: args.reason.clone(),
        ..request(&args.files)?
    };
    import_and_describe(&args.files, &request, session).await
}

/// Checks the typed arguments. Errors: a value that can't be read.
pub(super) fn check(args: &ImportArgs) -> CliResult<()> {
    args.reason.as_deref().map(check_reason).transpose()?;
    let files = match &args.command {
        Some(ImportCommand::Lots { files, .. }) => files,
        Some(ImportCommand::Rates(args)) => return rates::request(args).map(drop),
        Some(ImportCommand::Undo(args)) => return check_reason(&args.reason),
        Some(ImportCommand::Keep(args)) => return check_reason(&args.reason),
        Some(ImportCommand::List) => return Ok(()),
        None => &args.files,
    };
    request(files).map(drop)
}

async fn import_and_describe(
    files: &FileArgs,
    request: &ImportRequest,
    session: &Session,
) -> CliResult<Outcome> {
    let (store, sources) = read(files, request, session).await?;
    let reports = import(store.as_deref(), sources, request, session).await?;
    let exit = exit(&reports, request);
    let together = FilesTogether::of_import(store.as_deref(), &reports, request, session).await?;
    let has_version = match &store {
        Some(store) => store.current().await?.version.is_some(),
        None => false,
    };
    let decided = match &store {
        Some(store) if exit != Exit::Usage => {
            let before = decided::before(store.as_ref()).await?;
            decided::of(store.as_ref(), None, &Scope::default(), &before).await
        }
        _ => decided::Decided::none(),
    };
    // After a refusal the summary has only what is wrong with the files.
    let used = store.as_deref().filter(|_| exit != Exit::Usage);
    let beside = beside_stored(used, session).await?;
    let location = store.map_or_else(|| "not opened".into(), |store| store.location());
    let mut text = format!("Database  {location}\n");
    text.push_str(&session.next.in_text(&describe(&reports, request)));
    text.push_str(&together.describe(&session.next));
    text.push_str(&beside);
    text.push_str(&decided.warnings(&session.next));
    let is_new = |receipt: &ImportReceipt| {
        let beside = receipt.movements.appended + receipt.actions.appended;
        receipt.import_id.is_some() && receipt.appended + receipt.corrected + beside > 0
    };
    let mut receipts = reports.iter().filter_map(|report| report.receipt.as_ref());
    if !request.preview && receipts.any(is_new) {
        let scope = match has_version {
            true => "--incremental",
            false => "--all-symbols",
        };
        let command = format!("compute_allocations {scope}");
        text.push_str(&format!("Next: {}\n", session.next.command(&command)));
    }
    let mut json = json!({ "database": location, "preview": request.preview,
        "files": reports.iter().map(to_json).collect::<Vec<_>>() });
    together.add_to(&mut json);
    decided.add_to(&mut json);
    let exit = worst([exit, together.exit()]);
    Ok(Outcome::summary(exit, text, json))
}

/// Counts the stored movements and actions, and says which of them runs use.
pub(super) async fn beside_stored(
    store: Option<&dyn Store>,
    session: &Session,
) -> CliResult<String> {
    let Some(store) = store else {
        return Ok(String::new());
    };
    let moved = transfers::stored(store, session).await?;
    Ok(moved + &actions::stored(store, session).await?)
}

/// Runs `import lots`. Days are in the time zone of the tax files, unless `--timezone` names
/// another one.
async fn import_lots(args: &FileArgs, preview: bool, session: &Session) -> CliResult<Outcome> {
    let kept = session.config.tax.timezone.clone();
    let args = FileArgs {
        timezone: args.timezone.clone().or(kept),
        ..args.clone()
    };
    let request = ImportRequest {
        preview,
        opening_lots: true,
        ..request(&args)?
    };
    import_and_describe(&args, &request, session).await
}

/// Makes the settings for reading files of the arguments.
pub(super) fn request(args: &FileArgs) -> CliResult<ImportRequest> {
    let account = args.account.parse().map_err(|error| {
        CliError::usage(
            format!("--account is \"{}\": it {error}", args.account),
            "an account is a short name like main",
        )
    })?;
    let timezone = args
        .timezone
        .as_deref()
        .map(|name| {
            let bad = |error: crate::import::ZoneError| {
                CliError::usage(format!("--timezone: {error}"), zone_hint(&error))
            };
            parse_clock(name).map_err(bad)
        })
        .transpose()?;
    let skip_invalid = args.skip_invalid;
    Ok(ImportRequest {
        account,
        timezone,
        columns: column_names(args)?,
        format: args.format.clone(),
        decimals: args.decimal_mark.map(decimals).unwrap_or_default(),
        skip_invalid,
        again: args.again,
        ..ImportRequest::default()
    })
}

fn decimals(mark: DecimalMarkArg) -> Decimals {
    Decimals::said_by_person(match mark {
        DecimalMarkArg::Point => DecimalMark::Point,
        DecimalMarkArg::Comma => DecimalMark::Comma,
    })
}

/// Reads the columns that are renamed or ignored. Errors: a column that no file has.
fn column_names(args: &FileArgs) -> CliResult<ColumnNames> {
    let mut names = ColumnNames::default();
    for text in &args.rename_column {
        let bad = |what: &str| {
            CliError::usage(
                format!("--rename-column is \"{text}\": {what}"),
                "write NAME=COLUMN; docs/SPEC-matching.md lists the columns",
            )
        };
        let (name, column) = text.split_once('=').ok_or_else(|| bad("it has no ="))?;
        let mut columns = REQUIRED_COLUMNS
            .iter()
            .chain(&OPTIONAL_COLUMNS)
            .chain(&MORE_COLUMNS)
            .chain(&OPENING_COLUMNS);
        if !columns.any(|known| *known == column) {
            return Err(bad(
                "the native format has no column of that name, and the flag is for files in it",
            ));
        }
        names.rename(name, column);
    }
    args.ignore_column
        .iter()
        .for_each(|name| names.ignore(name));
    Ok(names)
}

/// Reads the files, and opens the database. A missing database is made only for good files.
///
/// Errors: a file that can't be read; the database can't be opened.
pub(super) async fn read(
    args: &FileArgs,
    request: &ImportRequest,
    session: &Session,
) -> CliResult<(Option<Box<dyn Store>>, Vec<Source>)> {
    let own_formats = session.config.formats.read()?;
    if let Some(name) = &request.format {
        super::formats::check_name(&own_formats, name)?;
    }
    let store = session.open_if_there(!request.preview).await;
    let account = session.account(&request.account);
    let server = account.and_then(|of| zone_of_server(&of.clock()));
    let request = &ImportRequest {
        own_formats,
        contract_sizes: session.config.contract_sizes.clone(),
        timezone: request.timezone.clone().or(server),
        ..request.clone()
    };
    let mut sources = Vec::new();
    for path in &args.files {
        let tried = Tried::begin(&session.context);
        match parse(path, request, session) {
            Ok(source) => sources.push(source),
            Err(error) => {
                let file = (path.as_path(), tried);
                if let Some(store) = store.as_deref().filter(|_| !request.preview) {
                    let account = &request.account;
                    log_unread(store, file, &error, account, &session.context).await;
                }
                return Err(error.into());
            }
        }
    }
    let is_refused = |source: &Source| source.is_refused(request.skip_invalid);
    let store = match (store, request.preview) {
        (Some(store), _) => Some(store),
        (None, _) if sources.iter().any(is_refused) => None,
        (None, true) => Some(session.open_to_preview().await?),
        (None, false) => Some(session.open(true).await?),
    };
    Ok((store, sources))
}

fn parse(path: &Path, request: &ImportRequest, session: &Session) -> PipelineResult<Source> {
    check_text(path).map_err(|error| PipelineError::Unreadable {
        file: path.display().to_string(),
        reason: error.to_string(),
    })?;
    parse_source(path, request, &session.context)
}

pub(super) async fn import(
    store: Option<&dyn Store>,
    sources: Vec<Source>,
    request: &ImportRequest,
    session: &Session,
) -> CliResult<Vec<FileReport>> {
    let reports = import_files(store, sources, request, &session.context).await?;
    for report in &reports {
        if let Some(other) = &report.twice {
            note(&report::describe_twice(report, other, &session.next));
        }
    }
    if let Some(store) = store {
        note_near_name(store, &request.account).await?;
    }
    Ok(reports)
}

/// Names an account whose name differs in capital letters alone: it may be a mistyped one.
async fn note_near_name(store: &dyn Store, account: &Account) -> CliResult<()> {
    let name = account.as_str();
    let is_near = |of: &&TradingAccount| {
        of.account != *account && of.account.as_str().eq_ignore_ascii_case(name)
    };
    let accounts = store.accounts().await?;
    if let Some(other) = accounts.iter().find(is_near) {
        let [name, other] = [name, other.account.as_str()].map(shown);
        note(&format!(
            "note: \"{name}\" and \"{other}\" are two accounts, and share no lots"
        ));
    }
    Ok(())
}

/// Returns the highest exit code.
pub(super) fn worst<const N: usize>(exits: [Exit; N]) -> Exit {
    let exits = exits.into_iter();
    exits.max_by_key(|exit| *exit as u8).unwrap_or(Exit::Done)
}

/// Chooses the exit code. With faulty rows: `Usage` if no file was imported, `Findings` if one was.
pub(super) fn exit(reports: &[FileReport], request: &ImportRequest) -> Exit {
    let faulty = reports.iter().any(|report| report.is_refused(false));
    let written = reports
        .iter()
        .any(|report| report.receipt.is_some() && !report.is_refused(request.skip_invalid));
    match (faulty, written || (request.preview && request.skip_invalid)) {
        (false, _) => Exit::Done,
        (true, true) => Exit::Findings,
        (true, false) => Exit::Usage,
    }
}

pub(super) fn describe(reports: &[FileReport], request: &ImportRequest) -> String {
    let mut text = String::new();
    for report in reports {
        describe_file(&mut text, report, request);
    }
    let refused = reports
        .iter()
        .filter(|report| report.is_refused(request.skip_invalid))
        .count();
    let kept_out = reports
        .iter()
        .filter(|report| report.receipt.is_none())
        .count();
    if refused > 0 {
        let what = match kept_out {
            n if n == reports.len() => "Nothing was imported.",
            _ => "A file with such rows is not imported at all.",
        };
        let ways_on = report::describe_ways_on(reports);
        text.push_str(format!("{what} {ways_on}").trim_end());
        text.push('\n');
    }
    text + &report::describe_venues(reports, request)
}

fn describe_file(text: &mut String, report: &FileReport, request: &ImportRequest) {
    let name = shown_sentence(&report.read.name);
    let verb = match (&report.receipt, request.preview) {
        (Some(_), true) => "Preview ",
        (Some(_), false) if !report.is_refused(request.skip_invalid) => "Imported",
        // The file has no fault: another file stopped the import before it.
        (None, _) if !report.read.is_refused(false) => "Kept out",
        _ => "Refused ",
    };
    text.push_str(&format!(
        "{verb}  {name}: {}",
        plural(report.read.rows, "row", "rows")
    ));
    if let Some(receipt) = &report.receipt {
        text.push_str(&report::describe_receipt(receipt, request));
    }
    let not_trades: u64 = report.read.ignored.values().sum();
    text.push_str(&report::describe_not_trades(&report.read, not_trades));
    let receipt = report.receipt.as_ref();
    let conflicting = receipt.map_or(0, |it| it.conflict_count() + it.beside_conflicts());
    if conflicting > 0 {
        text.push_str(&format!(", {} known with other facts", count(conflicting)));
    }
    if report.read.duplicates > 0 {
        text.push_str(&format!(
            ", {} repeated in the file",
            count(report.read.duplicates)
        ));
    }
    let rejected = report.read.rejected.count();
    if rejected > 0 {
        text.push_str(&format!(", {} rejected", count(rejected)));
    }
    if receipt.is_none() && report.read.is_refused(false) {
        let good = report::good_rows_of_trades(&report.read);
        text.push_str(&format!(", {} good", count(good)));
    }
    text.push('\n');
    if report.read.rows == 0 {
        text.push_str("  the file has a header and no rows\n");
    }
    let skip_invalid = request.skip_invalid;
    *text += &report::describe_format(&report.read, &request.account);
    *text += &joined::describe(&report.read, skip_invalid);
    text.push_str(&report::describe_known(report));
    text.push_str(&report::describe_beside(&report.read, receipt));
    if !report.read.unknown_columns.is_empty() {
        let columns: Vec<String> = report
            .read
            .unknown_columns
            .iter()
            .map(|column| shown(column).to_string())
            .collect();
        let columns = columns.join(", ");
        text.push_str(&format!("  ignored columns: {columns}\n"));
    }
    *text += &(describe_rebates(&report.read.fees, &report.read.format)
        + &report::describe_one_fee(&report.read));
    if report.read.ends_without_line_end {
        text.push_str(report::NO_LINE_END);
    }
    let (name, rejected) = (name.to_string(), &report.read.rejected);
    text.push_str(&report::describe_rejects(&name, rejected));
    if let Some(receipt) = receipt {
        let corrected = facts::correction(&report.read.name, request);
        text.push_str(&report::describe_conflicts(&name, receipt, &corrected));
        text.push_str(&report::describe_known_otherwise(&name, receipt));
        text.push_str(&report::describe_cuts(receipt));
    }
}

/// Sums up the negative fees of a file. Warns if all fees are negative or zero.
fn describe_rebates(fees: &FeeSigns, format: &str) -> String {
    if fees.rebates == 0 {
        return String::new();
    }
    let worth = match fees.rebates_usd == Usd::ZERO {
        true => "none of them in USD".into(),
        false => format!("{} USD", dollars(fees.rebates_usd)),
    };
    let trades = plural(fees.rebates, "trade", "trades");
    let mut text = format!("  rebates: {trades}, {worth}\n");
    if !fees.all_are_rebates() {
        return text;
    }
    text.push_str(match format {
        report::NATIVE => {
            "  warning: every fee of the file but zeros is negative, so each adds to the gain. \
             If they are costs, write them \
             above zero and import the file with --correct \
             --reason TEXT\n"
        }
        // The source has its own signs, which the format reads.
        _ => "  warning: every fee of the file but zeros is a rebate, so each adds to the gain\n",
    });
    text
}

pub(super) fn to_json(report: &FileReport) -> Value {
    let receipt = report.receipt.as_ref();
    let read = &report.read;
    let mut json = json!({
        "file": read.name, "sha256": read.sha256, "rows": read.rows, "format": read.format,
        "read_as": read.read_as, "times": facts::times_json(read.times.as_ref()),
        "accounts_in_file": read.accounts, "assumed": read.assumes,
        "not_trades": read.ignored, "cancelled": report::cancelled_json(&read.cancelled),
        "movements": report::kinds_json(&read.movements, receipt.map(|it| &it.movements)),
        "actions": report::kinds_json(&read.actions, receipt.map(|it| &it.actions)),
        "import_id": receipt.and_then(|receipt| receipt.import_id),
        "appended": receipt.map(|it| it.appended), "known": receipt.map(|it| it.known),
        "known_voided": receipt.map(|receipt| receipt.known_voided),
        "of_undone_imports": receipt.map(ImportReceipt::renewed_rows),
        "corrected": receipt.map(|receipt| receipt.corrected),
        "earlier_file_cut_at": receipt.map(report::cuts_json),
        "duplicates": read.duplicates, "unknown_columns": read.unknown_columns,
        "rebates": read.fees.rebates, "rebates_usd": read.fees.rebates_usd.to_string(),
        "every_fee_is_a_rebate": read.fees.all_are_rebates(),
        "orders_with_one_fee": read.order_fees.with_one_fee(),
        "imported_before_as": report.twice.as_ref().map(report::twice_json),
    });
    let lists = [
        report::rejects_json(&report.read.rejected),
        report::conflicts_json(receipt),
        joined::to_json(read),
    ];
    if let Value::Object(json) = &mut json {
        let lists = lists
            .into_iter()
            .filter_map(|list| list.as_object().cloned());
        json.extend(lists.flatten());
    }
    json
}
