//! One pass over a version: its rows of a year go into every file that is asked for.

mod before;
mod notes;
mod pipe;
mod pools;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use self::before::ReadBefore;
use self::notes::several_dollars;
use self::pipe::{Pipe, TaxSink};
use self::pools::{account_of, of_account, pools_file, pools_left_out};
use super::converted::Converted;
use super::exported::{Exported, digital_by_pair};
use super::formats::{
    ExportFacts, Format, LeftOut, OpenLotLine, TaxFile, numbered, unmatched_file,
};
use super::income::{IncomeOfYear, income_of_year};
use super::manifest::{self, Sealing};
use super::row::{RowMaker, TaxRules};
use super::slices::Slices;
use super::totals::Totals;
use super::{TaxError, TaxResult};
use crate::engine::{Account, InventoryLot, Pool, Size, Timestamp, Usd, add_sizes};
use crate::files::{FolderLock, IfThere, check_place, remove_published};
use crate::report::{PartFile, WrittenFile, sibling};
use crate::store::lots::Reach;
use crate::store::model::{PoolSummary, Sold, Version, VersionInfo};
use crate::store::phase::{self, Phase};
use crate::store::proof::check_version;
use crate::store::{MovementFiles, Store, VersionStore, together, values};

/// A question whether to stop. All clones ask the same function.
#[derive(Clone, Default)]
pub struct Stop(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Stop {
    /// Stops when `asked` returns true.
    pub fn when(asked: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(asked)))
    }

    fn is_asked(&self) -> bool {
        self.0.as_ref().is_some_and(|asked| asked())
    }
}

impl std::fmt::Debug for Stop {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stop")
    }
}

/// An export to make.
#[derive(Debug, Clone)]
pub struct ExportRequest {
    /// The settings of the printed figures.
    pub rules: TaxRules,
    /// The version that is exported.
    pub version: VersionInfo,
    /// The formats and their paths. The names of the side files begin like the first path.
    pub files: Vec<(Format, PathBuf)>,
    /// Treatment of files that exist.
    pub if_there: IfThere,
    /// Whether the export is a draft or the filing.
    pub sealing: Sealing,
    /// Refuse rows that the version's run did not write. `tax verify` leaves this out, to show the
    /// differences.
    pub check_rows: bool,
    /// Asked again and again while rows are read.
    pub stop: Stop,
}

/// First and last instant of a tax year in its zone. Errors: no such year.
pub(super) fn year_bounds(rules: &TaxRules) -> TaxResult<Sold> {
    let bad = || TaxError::NoYear(rules.year);
    let start_of = |year: i16| {
        let date = jiff::civil::Date::new(year, 1, 1).ok()?;
        let start = date.to_zoned(rules.zone.clone()).ok()?;
        Timestamp::try_from_micros(start.timestamp().as_microsecond()).ok()
    };
    let next = rules.year.checked_add(1).and_then(start_of);
    Ok(Sold {
        from: start_of(rules.year).ok_or_else(bad)?,
        until: next.ok_or_else(bad)?,
    })
}

/// The paths of an export's side files.
struct Paths {
    unmatched: PathBuf,
    pools: PathBuf,
    manifest: PathBuf,
}

impl Paths {
    fn of(files: &[(Format, PathBuf)]) -> Self {
        let base = files.first().map(|(_, path)| path.as_path());
        let base = base.unwrap_or(Path::new("tax.csv"));
        Self {
            unmatched: sibling(base, "unmatched", "csv"),
            pools: sibling(base, "pools-left-out", "csv"),
            manifest: sibling(base, "manifest", "json"),
        }
    }
}

/// Checks that files can be put at all paths. Errors: a path exists and may not be replaced, or is
/// no file.
fn check_paths(request: &ExportRequest, paths: &Paths) -> TaxResult<()> {
    let named = request.files.iter().map(|(_, path)| path);
    let all = named.chain([&paths.unmatched, &paths.pools, &paths.manifest]);
    for path in all {
        check_place(path, request.if_there)?;
    }
    Ok(())
}

/// Exports a version's rows of a year. The files get their names after all of them are written.
///
/// Errors: an existing or unwritable path; no such year or account; a pool with several classes;
/// rows that the version's run did not write; the store.
pub async fn export(
    store: &dyn Store,
    request: &ExportRequest,
    program_version: &str,
) -> TaxResult<Exported> {
    let paths = Paths::of(&request.files);
    check_paths(request, &paths)?;
    let rules = &rules_of_version(request);
    let (year, account) = (year_bounds(rules)?, account_of(rules)?);
    values::use_rules_of(store, &request.version);
    let mut known = ReadBefore::read(store, request, (rules, year, account.as_ref())).await?;
    let nothing = IncomeOfYear::default();
    let facts = ExportFacts {
        rules,
        version: &request.version,
        currencies: &known.currencies,
        income: known.income.as_deref().unwrap_or(&nothing),
        program_version,
        if_there: request.if_there,
    };
    let (summaries, has_sales) = (&known.summaries, shows_sales(request));
    let sink = TaxSink {
        maker: RowMaker::try_new(rules, summaries)?
            .with_rates(converted(store, request).await?)
            .with_movements(known.undecided.clone(), std::mem::take(&mut known.files)),
        slices: Slices::default(),
        files: open_files(request, &paths, &facts)?,
        totals: Totals::default(),
        year,
    };
    let version = request.version.version;
    let read = (account.as_ref(), rules.sells_to_read(year));
    let (rows_seen, mut sink) = match has_sales {
        true => print_rows(store, version, read, sink, &request.stop).await?,
        false => (0, sink),
    };
    if has_book(request) {
        give_open_lots(store, version, summaries, &mut sink.files).await?;
    }
    if request.check_rows {
        let checked = check_version(store, &request.version).await?;
        if has_sales {
            check_unmoved(version, summaries, checked, account.as_ref())?;
        }
    }
    let (mut files, left_out) = finish(&request.files, sink.files, &sink.totals)?;
    let pools = pools_left_out(summaries);
    files.extend(pools_file(&paths.pools, request.if_there, &pools)?);
    let of = (rules, year, account.as_ref());
    let (currencies, voided_sells) = known.rest(store, request, of).await?;
    let exported = Exported {
        undecided: known.undecided.of_year(year, &sink.totals.provisional),
        totals: sink.totals,
        has_sales,
        income: known.income.clone(),
        rows_seen,
        pools,
        several_dollars: several_dollars(summaries, rules),
        digital_by_pair: digital_by_pair(summaries, rules),
        currencies,
        voided_sells,
        left_out,
        manifest: Value::Null,
        files,
    };
    with_manifest(request, &paths, &facts, exported)
}

/// Writes the manifest, and gives all files their names.
fn with_manifest(
    request: &ExportRequest,
    paths: &Paths,
    facts: &ExportFacts<'_>,
    mut exported: Exported,
) -> TaxResult<Exported> {
    exported.manifest = manifest::of(facts, &exported, &request.sealing);
    let manifest = write_manifest(&paths.manifest, request.if_there, &exported.manifest);
    let manifest = manifest.map_err(|e| TaxError::at(&paths.manifest, e))?;
    exported.files.push(manifest);
    publish(request, paths, &mut exported.files)?;
    Ok(exported)
}

/// Begins the files of the formats, and then the file of unmatched sells.
fn open_files(
    request: &ExportRequest,
    paths: &Paths,
    facts: &ExportFacts<'_>,
) -> TaxResult<Vec<Box<dyn TaxFile>>> {
    let open = |(format, path): &(Format, PathBuf)| {
        let file = format.open(path, facts);
        file.map_err(|e| TaxError::at(path, e))
    };
    let mut files = request
        .files
        .iter()
        .map(open)
        .collect::<TaxResult<Vec<_>>>()?;
    files.push(unmatched_file(&paths.unmatched, facts));
    Ok(files)
}

/// Returns the year's income, if a file shows it.
async fn income_asked(
    store: &dyn Store,
    request: &ExportRequest,
    (rules, year, account): (&TaxRules, Sold, Option<&Account>),
) -> TaxResult<Option<Arc<IncomeOfYear>>> {
    let mut formats = request.files.iter().map(|(format, _)| *format);
    if formats.all(|format| format != Format::Income) {
        return Ok(None);
    }
    let income = income_of_year(store, &request.version, rules, (year, account)).await?;
    Ok(Some(Arc::new(income)))
}

/// Returns the pools whose sales the files show.
///
/// Errors: the version has no pools of the account, and the account has no income.
async fn pools_sold(
    store: &dyn VersionStore,
    request: &ExportRequest,
    (account, income): (Option<&Account>, Option<&IncomeOfYear>),
) -> TaxResult<Vec<PoolSummary>> {
    let all = store.pool_summaries(request.version.version).await?;
    let sold = of_account(all, account);
    match shows_sales(request) {
        true => sold,
        // Dollars are in no pool.
        false if income.is_some_and(|income| !income.rows.is_empty()) => Ok(Vec::new()),
        false => sold.map(|_| Vec::new()),
    }
}

/// Tells whether a file shows sales.
fn shows_sales(request: &ExportRequest) -> bool {
    let mut formats = request.files.iter().map(|(format, _)| *format);
    formats.any(Format::shows_sales)
}

/// Returns the files of movements, if a file shows where trades stand.
async fn movement_files(store: &dyn Store, request: &ExportRequest) -> TaxResult<MovementFiles> {
    let mut formats = request.files.iter().map(|(format, _)| format);
    let has_movements = request.version.watermark.cursors().movement_seq > 0;
    let is_shown = formats.any(|format| format.shows_rates()) && request.rules.names_movements;
    match has_movements && is_shown {
        true => Ok(store.movement_files().await?),
        false => Ok(MovementFiles::new()),
    }
}

/// Returns the rates of the version's trades, if a file shows them.
async fn converted(store: &dyn Store, request: &ExportRequest) -> TaxResult<Converted> {
    let mut formats = request.files.iter().map(|(format, _)| format);
    match formats.any(|format| format.shows_rates()) {
        true => Converted::read(store, &request.version).await,
        false => Ok(Converted::default()),
    }
}

/// Returns the rules with the settings that the version was computed with: they made its pools.
fn rules_of_version(request: &ExportRequest) -> TaxRules {
    let assets = values::rules_of(&request.version, &request.rules.assets);
    let rules = request.rules.clone();
    TaxRules { assets, ..rules }
}

/// Compares the summaries at the start of the export with those that the rows were checked with.
///
/// Errors: something changed them meanwhile.
fn check_unmoved(
    version: Version,
    before: &[PoolSummary],
    checked: Vec<PoolSummary>,
    account: Option<&Account>,
) -> TaxResult<()> {
    if of_account(checked, account)? == before {
        return Ok(());
    }
    Err(TaxError::Moved(version))
}

/// Reads a version's rows and prints them meanwhile. Returns how many rows were read.
async fn print_rows(
    store: &dyn VersionStore,
    version: Version,
    (account, sold): (Option<&Account>, Sold),
    sink: TaxSink,
    stop: &Stop,
) -> TaxResult<(u64, TaxSink)> {
    let (mut pipe, thread) = Pipe::begin(sink, stop.clone()).map_err(TaxError::write)?;
    let read = store.sourced_rows(version, account, sold, &mut pipe).await;
    let flushed = pipe.flush();
    drop(pipe);
    let printed = thread.join();
    if stop.is_asked() {
        return Err(TaxError::Stopped);
    }
    // The thread's error comes first: the reader only knows that the thread ended.
    let gone = || TaxError::write(io::Error::other("the thread that writes has ended"));
    let sink = printed.map_err(|_| gone())?.map_err(TaxError::write)?;
    let rows = read?;
    flushed.map_err(TaxError::write)?;
    Ok((rows, sink))
}

/// Completes the files of the formats, and then the file of unmatched sells.
#[expect(clippy::type_complexity, reason = "two lists, taken apart at once")]
fn finish(
    formats: &[(Format, PathBuf)],
    open: Vec<Box<dyn TaxFile>>,
    totals: &Totals,
) -> TaxResult<(Vec<WrittenFile>, Vec<(Format, LeftOut)>)> {
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    let formats = formats.iter().map(|(format, _)| Some(*format));
    for (format, file) in formats.chain(std::iter::once(None)).zip(open) {
        let done = file.finish(totals).map_err(TaxError::write)?;
        files.extend(done.files);
        let named = done.left_out.into_iter();
        left_out.extend(named.filter_map(|left| Some((format?, left))));
    }
    Ok((files, left_out))
}

/// Writes the version's open lots into the files, pool by pool.
async fn give_open_lots(
    store: &dyn VersionStore,
    version: Version,
    summaries: &[PoolSummary],
    files: &mut [Box<dyn TaxFile>],
) -> TaxResult<()> {
    let with_lots = summaries.iter().filter(|s| s.totals.open_lots > 0);
    let by_pool: BTreeMap<&Pool, &PoolSummary> = with_lots.map(|s| (&s.pool, s)).collect();
    let pools = by_pool.iter();
    let pools = pools.map(|(pool, summary)| ((*pool).clone(), summary.totals.open_lots));
    for pools in together(pools) {
        let all: Reach = pools.iter().map(|pool| (pool.clone(), None)).collect();
        let mut lots = store.open_lots(version, &all).await?;
        let summaries = pools.iter().filter_map(|pool| by_pool.get(pool).copied());
        for summary in summaries {
            let of_pool = lots.remove(&summary.pool);
            let of_pool = of_pool.map_or_else(Vec::new, |lots| lots.oldest);
            for lot in check_lots(version, summary, of_pool)? {
                let pool = summary.pool.clone();
                let line = OpenLotLine { pool, lot };
                for file in files.iter_mut() {
                    file.open_lot(&line).map_err(TaxError::write)?;
                }
            }
        }
    }
    Ok(())
}

/// Compares the number, size and cost of a pool's open lots with its summary. Lots have no hash.
///
/// Errors: one of the three differs.
fn check_lots(
    version: Version,
    summary: &PoolSummary,
    lots: Vec<InventoryLot>,
) -> TaxResult<Vec<InventoryLot>> {
    let (mut size, mut cost) = (Some(Size::ZERO), Some(Usd::ZERO));
    for lot in &lots {
        size = size.and_then(|sum| add_sizes(sum, lot.remaining_size).ok());
        cost = cost.and_then(|sum| sum.checked_add(lot.remaining_cost).ok());
    }
    let totals = &summary.totals;
    let is_same = (lots.len() as u64, size, cost)
        == (
            totals.open_lots,
            Some(totals.open_size),
            Some(totals.open_cost),
        );
    if is_same {
        return Ok(lots);
    }
    Err(TaxError::LotsDiffer(version, summary.pool.clone()))
}

fn has_book(request: &ExportRequest) -> bool {
    let mut formats = request.files.iter().map(|(format, _)| *format);
    formats.any(|format| format == Format::Xlsx)
}

fn write_manifest(path: &Path, if_there: IfThere, manifest: &Value) -> io::Result<WrittenFile> {
    let mut file = PartFile::create(path, if_there)?;
    file.head(format!("{manifest:#}\n").as_bytes())?;
    file.finish()
}

/// Gives all files their names. With `--overwrite`, it then removes files of an earlier export that
/// the new one does not have. Without it, if a file can't get its name, the named ones are removed
/// again.
///
/// A lock makes two exports to one folder wait for each other, so that the manifest always fits the
/// files beside it.
fn publish(request: &ExportRequest, paths: &Paths, files: &mut [WrittenFile]) -> TaxResult<()> {
    let _lock = FolderLock::take(&paths.manifest)?;
    phase::reached(Phase::Name);
    for nth in 0..files.len() {
        let Some(file) = files.get_mut(nth) else {
            break;
        };
        let Err(error) = file.publish() else {
            continue;
        };
        let error = TaxError::at(&file.path, error);
        if request.if_there == IfThere::Refuse {
            files.iter().for_each(WrittenFile::take_back);
        }
        return Err(error);
    }
    if request.if_there == IfThere::Refuse {
        return Ok(());
    }
    let is_new = |path: &Path| files.iter().any(|file| file.path == path);
    let mut old = vec![paths.unmatched.clone(), paths.pools.clone()];
    for (_, path) in request.files.iter().filter(|(f, _)| *f == Format::TaxAct) {
        let more = (2..).map(|number| numbered(path, number));
        old.extend(more.take_while(|path| path.exists()));
    }
    for path in old.iter().filter(|path| !is_new(path)) {
        remove_published(path)?;
    }
    Ok(())
}
