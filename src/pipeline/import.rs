//! Files into the ledger: first all rows of all files are read. Then each file is read again, and
//! appended in one transaction. Read next: `csv_file.rs`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::block_file::of_block;
use super::cancelled::{check_cancelled, key_of, name_earlier};
use super::csv_file::TradeFile;
use super::earlier::{ImportedAs, KnownRows, OtherZone};
use super::elsewhere::{known_elsewhere, other_accounts};
use super::error::{PipelineError, PipelineResult};
use super::file_read::{FileRead, FileReport, reject};
use super::job::{Context, Stage};
use super::other_zone::other_zone;
use super::previewed::Previewed;
use super::same_trades::{CountedTwice, TradesOfFile};
use super::source_trades::{SourceTrades, first_trades, write};
use super::sync_log::{SyncLog, Tried};
use crate::engine::{Account, LedgerTrade, Size, Symbol};
use crate::import::{
    ColumnNames, DOCUMENT_HEAD_BYTES, Decimals, FileError, ImportOptions, LIST_BYTES_MAX,
    OwnFormats, PIPE_BYTES_MAX, ParsedFile, is_document, parse_csv, parse_opening_lots, read_whole,
};
use crate::store::Store;
use crate::store::model::{EventKind, ImportFile, ImportMode, ImportReceipt};
use crate::store::trades::TradeSource;

/// Most tries of an account that are searched for an earlier import.
const TRIES_MAX: u64 = 1_000;

/// How files are to be imported.
#[derive(Debug, Clone, Default)]
pub struct ImportRequest {
    /// Account of the trades if a file names none.
    pub account: Account,
    /// Zone of local times.
    pub timezone: Option<jiff::tz::TimeZone>,
    /// Columns with other names than ours, and columns to ignore.
    pub columns: ColumnNames,
    /// The format of the files. `None`: their headers say it.
    pub format: Option<String>,
    /// Formats of a person's settings.
    pub own_formats: OwnFormats,
    /// The units of a lot by symbol, for files whose sizes are lots.
    pub contract_sizes: BTreeMap<Symbol, Size>,
    /// The mark before decimals, where the files leave it open.
    pub decimals: Decimals,
    /// Leave rejected rows and conflicts out; otherwise one of them stops the file.
    pub skip_invalid: bool,
    /// Report what the import would do, and write nothing.
    pub preview: bool,
    /// The rows are lots carried over from another system.
    pub opening_lots: bool,
    /// Void known trades whose facts differ, and append corrections. Has the reason.
    pub correct: Option<String>,
    /// Import a file again that is imported for another account.
    pub again: bool,
}

/// A file that was read and checked, and is not imported yet.
#[derive(Debug)]
pub struct Source {
    /// Findings of the file's first reading.
    pub read: FileRead,
    /// When the reading began.
    tried: Tried,
    trades: SourceTrades,
}

impl Source {
    /// Tells whether rejected rows, or balances that do not add up, stop the file.
    pub fn is_refused(&self, skip_invalid: bool) -> bool {
        self.read.is_refused(skip_invalid)
    }

    /// Passes each trade to `take`. Errors: the file can't be read any more.
    pub(super) async fn each_trade(
        &self,
        context: &Context,
        take: &mut (dyn FnMut(&LedgerTrade) + Send),
    ) -> PipelineResult<()> {
        match &self.trades {
            SourceTrades::Listed(trades, ..) => trades.iter().for_each(take),
            SourceTrades::InFile(csv) => {
                let mut source = csv.clone().trades(context);
                loop {
                    match source.next_batch().await {
                        Ok(Some(batch)) => batch.iter().for_each(&mut *take),
                        Ok(None) => break,
                        Err(error) => return source.why_stopped(Err(error)),
                    }
                }
            }
        }
        Ok(())
    }
}

/// Reads all rows of a file. No database is touched.
///
/// Keeps no trades of a file that it can read again: the file's size does not matter. A file whose
/// rows make trades together is kept whole, as such rows may be far apart.
///
/// Errors: it can't be read, or it is no table of trades at all.
pub fn parse_source(
    path: &Path,
    request: &ImportRequest,
    context: &Context,
) -> PipelineResult<Source> {
    let tried = Tried::begin(context);
    let name = path.display().to_string();
    let unreadable = |reason: String| PipelineError::Unreadable {
        file: name.clone(),
        reason,
    };
    if path.is_dir() {
        return Err(unreadable("it is a folder, expected a CSV file".into()));
    }
    let options = options_of(path, request, context);
    if path.is_file()
        && !request.opening_lots
        && !may_be_document(path)
        && let Some((file, read)) = TradeFile::check(path, &options, context)?
    {
        let trades = SourceTrades::InFile(file);
        return Ok(Source {
            read,
            tried,
            trades,
        });
    }
    let bytes_max = match request.opening_lots {
        true => LIST_BYTES_MAX,
        false => PIPE_BYTES_MAX,
    };
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let bytes = read_whole(file, bytes_max).map_err(|error| of_block(path, error))?;
    let (parsed, sha256) = parse_whole(&bytes, &options, request, context);
    context.cancel.check()?;
    let file = name.clone();
    let parsed = parsed.map_err(|error| PipelineError::File { file, error })?;
    let read = FileRead::of_whole(name, sha256, &parsed);
    Ok(Source {
        read,
        tried,
        trades: SourceTrades::Listed(
            parsed.trades,
            (parsed.movements, parsed.actions),
            parsed.rejected.into_iter().map(reject).collect(),
        ),
    })
}

/// Tells whether a file may be XML, or a statement of several tables: such a file is read whole. If
/// the file can't be opened, the next reader says why.
fn may_be_document(path: &Path) -> bool {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| {
        let mut start = file.take(DOCUMENT_HEAD_BYTES as u64);
        start.read_to_end(&mut head)
    });
    read.is_ok() && is_document(&head)
}

fn options_of(path: &Path, request: &ImportRequest, context: &Context) -> ImportOptions {
    ImportOptions {
        account_default: request.account.clone(),
        timezone: request.timezone.clone(),
        now: context.clock.now(),
        assets: context.rules.as_rules().clone(),
        columns: request.columns.clone(),
        file_name: path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default(),
        format: request.format.clone(),
        own_formats: request.own_formats.clone(),
        decimals: request.decimals.clone(),
        contract_sizes: request.contract_sizes.clone(),
    }
}

fn parse_whole(
    bytes: &[u8],
    options: &ImportOptions,
    request: &ImportRequest,
    context: &Context,
) -> (Result<ParsedFile, FileError>, String) {
    let total = bytes.len() as u64;
    context.progress.begin(Stage::Import, Some(total));
    let mut seen = 0;
    let parsed = match request.opening_lots {
        true => parse_opening_lots(bytes, options, &context.rules),
        false => parse_csv(bytes, options, &mut |done| {
            context.progress.advance((done as u64).saturating_sub(seen));
            seen = done as u64;
        }),
    };
    context.progress.end();
    let digest = Sha256::digest(bytes);
    let sha256 = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    (parsed, sha256)
}

/// Imports parsed files in turn, each whole or not at all.
///
/// A rejected row keeps all files out, so that a second try starts from the same ledger. With
/// `skip_invalid`, only a row that reverses another row does so. A conflict is found only in the
/// ledger: it stops its file and all later files, unless conflicts are skipped. Each file leaves a
/// row in the log of imports, unless this is a preview.
pub async fn import_files(
    store: Option<&dyn Store>,
    sources: Vec<Source>,
    request: &ImportRequest,
    context: &Context,
) -> PipelineResult<Vec<FileReport>> {
    let mut stopped = sources
        .iter()
        .any(|source| source.is_refused(request.skip_invalid));
    let mut reports = Vec::new();
    let mut previewed = Previewed::default();
    let formats: Vec<String> = sources.iter().map(|it| it.read.format.clone()).collect();
    for mut source in sources {
        if let Some(store) = store {
            name_earlier(store, &mut source.read).await?;
        }
        let log = SyncLog::of_read(&source.read, source.tried, &request.account, context);
        let open = store.filter(|_| !stopped);
        let same = match open.filter(|_| request.preview) {
            Some(store) => {
                let previewed = (&mut previewed, formats.as_slice());
                same_in_preview(store, &source, previewed, (request, context)).await?
            }
            None => Vec::new(),
        };
        let done = import_source(open, source, request, context).await;
        if let Some(store) = store.filter(|_| !request.preview) {
            log.end(store, &done, request.skip_invalid, context).await;
        }
        match done {
            Ok(mut report) => {
                let receipt = report.receipt.as_ref();
                if receipt.is_some_and(|receipt| receipt.appended > 0) {
                    report.same = same;
                }
                let has_conflict = receipt.is_some_and(ImportReceipt::has_conflicts);
                stopped |= has_conflict && !request.skip_invalid;
                reports.push(report);
            }
            Err(error) => {
                let is_in = |receipt: &ImportReceipt| receipt.import_id.is_some();
                let done = reports.into_iter();
                let done =
                    done.filter(|report: &FileReport| report.receipt.as_ref().is_some_and(is_in));
                return Err(error.after_files(done.map(|report| report.read.name).collect()));
            }
        }
    }
    Ok(reports)
}

/// Finds other files that have the trades of a file of a preview. Reads its trades only if another
/// file may have them. Errors: the store fails; the file can't be read any more.
async fn same_in_preview(
    store: &dyn Store,
    source: &Source,
    (previewed, formats): (&mut Previewed, &[String]),
    (request, context): (&ImportRequest, &Context),
) -> PipelineResult<Vec<CountedTwice>> {
    let (account, rules) = (&request.account, context.rules.as_rules());
    let of = (account, source.read.format.as_str());
    let Some(others) = previewed.others(store, rules, of, formats).await? else {
        return Ok(Vec::new());
    };
    let mut file = TradesOfFile::of_preview(account, &source.read.name, &source.read.format);
    let mut take = |row: &LedgerTrade| file.add(row, rules);
    source.each_trade(context, &mut take).await?;
    Ok(previewed.compare(file, &others))
}

async fn import_source(
    store: Option<&dyn Store>,
    source: Source,
    request: &ImportRequest,
    context: &Context,
) -> PipelineResult<FileReport> {
    context.cancel.check()?;
    let mut report = FileReport::of_read(source.read);
    let Some(store) = store else {
        return Ok(report);
    };
    let file = import_file(&report.read, request, context);
    if let SourceTrades::Listed(trades, ..) = &source.trades {
        check_cancelled(store, &report.read, trades).await?;
    }
    let (other, earlier) = imported_before(store, &report.read.sha256, &request.account).await?;
    let trades = (&source.trades, other.is_some());
    let (elsewhere, zone) = doubts(store, &report.read, trades, (request, context)).await?;
    // If the rows name their accounts, the store knows them all, and nothing counts twice.
    let asks_first = other.is_some() && !request.again && !request.preview;
    if asks_first || elsewhere.is_some() || earlier.is_some() || zone.is_some() {
        let preview = ImportFile {
            preview: true,
            ..file.clone()
        };
        let receipt = write(store, &preview, source.trades.clone(), context).await?;
        let adds_rows = receipt.adds_rows() && !receipt.stops(&file);
        let is_written = !request.preview && !receipt.stops(&preview);
        let file = report.read.name.clone();
        if let Some(earlier) = earlier.as_ref().filter(|_| is_written)
            && let Some(rows) = read_otherwise(store, earlier, &receipt, request).await?
        {
            let earlier = earlier.clone();
            return Err(PipelineError::ReadOtherwise {
                file,
                earlier,
                rows,
            });
        }
        if let Some(zone) = zone.filter(|_| adds_rows) {
            return Err(PipelineError::OtherZone {
                file,
                zone: Box::new(zone),
            });
        }
        match (other.clone().filter(|_| adds_rows && asks_first), elsewhere) {
            (Some(other), _) => return Err(PipelineError::ImportedAs { file, other }),
            (None, Some(known)) if adds_rows => {
                return Err(PipelineError::KnownElsewhere { file, known });
            }
            (None, _) => {}
        }
    }
    let receipt = write(store, &file, source.trades, context).await?;
    let is_written = receipt.import_id.is_some() || request.preview;
    report.twice = other.filter(|_| is_written && receipt.appended > 0);
    report.known_as = earlier.filter(|_| !receipt.adds_rows());
    report.receipt = Some(receipt);
    Ok(report)
}

/// Finds rows that another account has, and a file of the same source that was read in another
/// zone. A person who imports again has settled both. `is_twice`: another account has the file.
async fn doubts(
    store: &dyn Store,
    read: &FileRead,
    (trades, is_twice): (&SourceTrades, bool),
    (request, context): (&ImportRequest, &Context),
) -> PipelineResult<(Option<KnownRows>, Option<OtherZone>)> {
    if request.again || request.preview {
        return Ok((None, None));
    }
    let zone = other_zone(store, read, &request.account).await?;
    let accounts = other_accounts(store, &request.account).await?;
    if is_twice || accounts.is_empty() {
        return Ok((None, zone));
    }
    let first = first_trades(trades, context).await?;
    let first = (first.as_slice(), &request.account);
    Ok((known_elsewhere(store, first, &accounts).await?, zone))
}

/// Returns how many rows of a file are new, although an import of the same bytes has all of them.
/// `None`: no more are new than that import left out, or than undone imports had. If there are
/// more, the name, the settings or the format of the file say another zone.
async fn read_otherwise(
    store: &dyn Store,
    earlier: &ImportedAs,
    receipt: &ImportReceipt,
    request: &ImportRequest,
) -> PipelineResult<Option<u64>> {
    let rows = receipt.appended + receipt.movements.appended + receipt.actions.appended;
    // Rows that an undone import had are those of the earlier file.
    let rows = rows.saturating_sub(receipt.renewed_rows());
    let known = receipt.known + receipt.movements.known + receipt.actions.known;
    if rows == 0 {
        return Ok(None);
    }
    let syncs = store.syncs(&request.account, TRIES_MAX).await?;
    let mut syncs = syncs.into_iter();
    let sync = syncs.find(|sync| sync.import_id == Some(earlier.import_id));
    let is_more = match sync {
        Some(sync) => rows > sync.counts.rejected + sync.counts.conflicts,
        None => known == 0,
    };
    Ok(is_more.then_some(rows))
}

/// Returns the last imports of the same bytes whose rows are not undone: for another account, and
/// for this one.
async fn imported_before(
    store: &dyn Store,
    sha256: &str,
    account: &Account,
) -> PipelineResult<(Option<ImportedAs>, Option<ImportedAs>)> {
    let files = store.imports().await?;
    if !files.iter().any(|file| file.sha256 == sha256) {
        return Ok((None, None));
    }
    let (mut others, mut own) = (None, None);
    let out = store.imports_out(None).await?;
    for event in store.events_of(&[EventKind::Import]).await? {
        let text = |name: &str| event.details.get(name).and_then(Value::as_str);
        let import_id = event.details.get("import_id").and_then(Value::as_i64);
        if text("sha256") == Some(sha256)
            && let Some(import_id) = import_id.filter(|id| !out.contains(id))
            && let (Some(of), Some(file)) = (text("account"), text("file"))
        {
            let last = if of == account.as_str() {
                &mut own
            } else {
                &mut others
            };
            *last = Some(ImportedAs {
                import_id,
                account: of.to_owned(),
                file: file.to_owned(),
                at: event.at,
            });
        }
    }
    Ok((others, own))
}

fn import_file(read: &FileRead, request: &ImportRequest, context: &Context) -> ImportFile {
    ImportFile {
        name: read.name.clone(),
        sha256: read.sha256.clone(),
        mode: match &request.correct {
            Some(reason) => ImportMode::Correct {
                reason: reason.clone(),
            },
            None => ImportMode::Append,
        },
        skip_conflicts: request.skip_invalid,
        preview: request.preview,
        imported_at: context.clock.now(),
        imported_by: context.user.clone(),
        account: request.account.clone(),
        cancelled: read.cancelled.iter().map(key_of).collect(),
    }
}
