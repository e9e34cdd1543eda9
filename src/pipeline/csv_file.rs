//! A CSV file of any size: read once to see that all of it is right, and again for its trades.
//!
//! The first reading keeps only counts, a few rejected rows of each reason, the lines of repeated
//! ids and the hash of the file. While it runs, it also keeps 8 bytes a trade. If rejected rows are
//! to be left out, a third reading gives all of them to the store. One thread reads the blocks and
//! hashes the file, and all threads parse. Their results are taken in the order of the file.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use rayon::prelude::*;
use tokio::sync::mpsc;

use super::block_file::{BlockFile, of_block, of_file};
use super::error::{PipelineError, PipelineResult};
use super::file_read::{FileRead, actions_of, findings_of, kinds_of, reject};
use super::job::{Context, Stage};
use crate::engine::{AssetAction, LedgerTrade, Movement};
use crate::import::{
    Block, CsvFormat, Decimals, Dialect, Encoding, FileError, ImportOptions, Numbering,
    RejectedRow, Repeats, SeenRows, TradeHasher, TradeHashes,
};
use crate::store::model::Reject;
use crate::store::trades::TradeSource;
use crate::store::{StoreError, StoreResult};

/// Batches of parsed rows that wait for the store.
const BATCHES_WAITING_MAX: usize = 2;

/// A file whose first reading found trades.
#[derive(Debug, Clone)]
pub(super) struct TradeFile {
    path: PathBuf,
    options: Arc<ImportOptions>,
    sha256: String,
    trades: u64,
    /// Lines of rows that repeat an id. Order: ascending.
    repeated_lines: Arc<[u64]>,
    /// Ids that the file repeats. A further reading finds rows with other facts by them.
    repeats: Option<Arc<Repeats>>,
    /// Numbers the trades of a file without ids.
    numbering: Option<Arc<Numbering>>,
    rejected: u64,
    movements: Arc<[Movement]>,
    actions: Arc<[AssetAction]>,
}

/// One reading of the whole file.
struct FirstReading {
    sha256: String,
    ends_without_line_end: bool,
    format: CsvFormat,
    text: (Encoding, Dialect),
}

impl TradeFile {
    /// Reads a file from end to end. `None`: its rows make trades together, or cancel others, so
    /// that it has to be read whole. Errors: it can't be read, or is no table of trades.
    pub(super) fn check(
        path: &Path,
        options: &ImportOptions,
        context: &Context,
    ) -> PipelineResult<Option<(Self, FileRead)>> {
        let mut file = BlockFile::open(path)?;
        let begun = file.begin(options)?;
        if begun.0.is_read_whole() {
            return Ok(None);
        }
        let total = path.metadata().ok().map(|metadata| metadata.len());
        context.progress.begin(Stage::Import, total);
        let mut options = options.clone();
        let checked = decimals_in((path, &file), &options, context).and_then(|seen| {
            options.decimals = options.decimals.with(seen);
            check((file, begun), &options, context)
        });
        context.progress.end();
        let Checked {
            reading,
            read: mut checked,
            mut trades,
            repeats,
            numbering,
            movements,
            actions,
        } = checked?;
        checked.movements = kinds_of(&movements);
        checked.actions = actions_of(&actions);
        checked.name = path.display().to_string();
        checked.sha256 = reading.sha256.clone();
        let again = repeats.as_ref().map(|repeats| Arc::new(repeats.again()));
        let repeated = repeats.map(Repeats::into_repeated).unwrap_or_default();
        trades -= repeated.lines.len() as u64;
        checked.duplicates = repeated.duplicates;
        checked.format = reading.format.name().to_owned();
        checked.assumes = reading.format.assumes().to_owned();
        let (encoding, dialect) = reading.text;
        checked.read_as = reading.format.read_as(encoding, dialect, &options);
        checked.unknown_columns = reading.format.unknown_columns().to_vec();
        checked.ends_without_line_end = reading.ends_without_line_end;
        let file = Self {
            path: path.to_owned(),
            options: Arc::new(options),
            sha256: reading.sha256,
            trades,
            repeated_lines: repeated.lines.into(),
            repeats: again,
            numbering: numbering.map(Arc::new),
            rejected: checked.rejected.count(),
            movements: movements.into(),
            actions: actions.into(),
        };
        Ok(Some((file, checked)))
    }

    /// Returns a source of the file's trades, for a store.
    pub(super) fn trades(self, context: &Context) -> FileTrades {
        FileTrades {
            file: self,
            context: context.clone(),
            batches: None,
            rejects: None,
            why: None,
        }
    }

    /// Reads the file again and sends its trades. Errors: the file changed; the receiver is gone.
    fn send(
        &self,
        context: &Context,
        batches: &mpsc::Sender<Sent<LedgerTrade>>,
    ) -> PipelineResult<()> {
        let mut seen = 0;
        let mut numbering = self.numbering.as_deref().cloned();
        let reading = each_block(
            (&self.path, &self.options),
            context,
            |format, block| Ok(format.parse(block, &self.options)?.trades),
            |_, mut trades, end| {
                if !self.repeated_lines.is_empty() {
                    let is_repeated =
                        |row: &LedgerTrade| self.repeated_lines.binary_search(&row.import_line);
                    trades.retain(|row| is_repeated(row).is_err());
                }
                if let Some(numbering) = &mut numbering {
                    trades.iter_mut().for_each(|row| numbering.number(row));
                }
                context.progress.advance(end - seen);
                seen = end;
                let sent = batches.blocking_send(Sent::Batch(trades));
                sent.map_err(|_| PipelineError::Interrupted)
            },
        );
        self.check_same(reading)
    }

    /// Reads the file again and sends its rejected rows. Errors: as for [`send`](Self::send).
    fn send_rejects(
        &self,
        context: &Context,
        batches: &mpsc::Sender<Sent<Reject>>,
    ) -> PipelineResult<()> {
        let mut repeats = self.repeats.as_ref().map(|repeats| repeats.again());
        let mut seen = 0;
        let reading = each_block(
            (&self.path, &self.options),
            context,
            |_, block| Ok(block.clone()),
            |format, block, end| {
                let mut batch = Vec::new();
                let mut take = |row: RejectedRow| batch.push(reject(row));
                let read = format.rejects(&block, &self.options, &mut repeats, &mut take);
                read.map_err(|error| of_file(&self.path, error))?;
                context.progress.advance(end - seen);
                seen = end;
                let sent = batches.blocking_send(Sent::Batch(batch));
                sent.map_err(|_| PipelineError::Interrupted)
            },
        );
        self.check_same(reading)
    }

    /// Checks that a later reading saw the bytes of the first one.
    fn check_same(&self, reading: PipelineResult<FirstReading>) -> PipelineResult<()> {
        match reading {
            Ok(reading) if reading.sha256 == self.sha256 => Ok(()),
            // The first reading found no fault, so the file has changed since.
            Ok(_) | Err(PipelineError::File { .. }) => Err(changed(&self.path)),
            Err(error) => Err(error),
        }
    }
}

fn changed(path: &Path) -> PipelineError {
    let file = path.display().to_string();
    PipelineError::Changed { file }
}

/// Findings of the first reading, and what later readings need.
struct Checked {
    reading: FirstReading,
    read: FileRead,
    /// Rows that are trades, also those that repeat an id.
    trades: u64,
    repeats: Option<Repeats>,
    numbering: Option<Numbering>,
    movements: Vec<Movement>,
    actions: Vec<AssetAction>,
}

/// The number of trades, the movements and the actions of a file.
type Records = (u64, Vec<Movement>, Vec<AssetAction>);

impl Checked {
    fn new(reading: FirstReading, read: FileRead, mut rows: Records) -> Self {
        reading.format.number(&mut rows.1, &mut rows.2);
        Self {
            reading,
            read,
            trades: rows.0,
            movements: rows.1,
            actions: rows.2,
            repeats: None,
            numbering: None,
        }
    }
}

/// Finds the marks in the numbers of a file. Most files leave nothing open, and are not read.
fn decimals_in(
    (path, file): (&Path, &BlockFile<'_>),
    options: &ImportOptions,
    context: &Context,
) -> PipelineResult<Decimals> {
    let (mut seen, dialect) = (Decimals::default(), file.blocks.dialect());
    if !dialect.has_open_decimals() {
        return Ok(seen);
    }
    each_block(
        (path, options),
        context,
        |format, block| match format.has_open_decimals(dialect, options) {
            true => format.decimals_in(block),
            false => Ok(Decimals::default()),
        },
        |_, found, _| {
            seen.add(&found);
            Ok(())
        },
    )?;
    Ok(seen)
}

/// Reads a file whose first batch of blocks is read already.
fn check(
    (file, begun): (BlockFile<'_>, (CsvFormat, Vec<Block>)),
    options: &ImportOptions,
    context: &Context,
) -> PipelineResult<Checked> {
    let path = file.path;
    let hasher = TradeHasher::default();
    let mut hashes = TradeHashes::default();
    let mut checked = FileRead::default();
    let (mut trades, mut seen) = (0, 0);
    let (mut movements, mut actions) = (Vec::new(), Vec::new());
    let mut facts = SeenRows::default();
    let reading = each_block_of(
        (file, begun),
        context,
        |format, block| {
            let parsed = format.parse(block, options)?;
            let of_block: Vec<u64> = parsed.trades.iter().map(|it| hasher.hash(it)).collect();
            Ok((
                of_block,
                findings_of(format.name(), &parsed.trades),
                (parsed.rejected, parsed.ignored),
                (parsed.movements, parsed.actions),
                (parsed.rows, parsed.seen),
            ))
        },
        |_, (of_block, findings, (rejected, ignored), (moved, acted), (rows, seen_rows)), end| {
            checked.add(findings);
            trades += of_block.len() as u64;
            hashes.extend(&of_block);
            checked.rejected.extend(rejected);
            checked.add_ignored(ignored);
            movements.extend(moved);
            actions.extend(acted);
            checked.rows += rows;
            facts.merge(seen_rows);
            context.progress.advance(end - seen);
            seen = end;
            Ok(())
        },
    )?;
    checked.times = reading.format.times(&facts, options);
    checked.accounts = facts.accounts;
    if reading.format.makes_ids() {
        return Ok(Checked {
            numbering: Some(Numbering::of(hashes, hasher)),
            ..Checked::new(reading, checked, (trades, movements, actions))
        });
    }
    let Some(mut repeats) = hashes.into_repeats(hasher) else {
        return Ok(Checked::new(reading, checked, (trades, movements, actions)));
    };
    let again = each_block(
        (path, options),
        context,
        |_, block| Ok(block.clone()),
        |format, block, _| {
            let mut take = |row| checked.rejected.push(row);
            let compared = format.compare_repeats(&block, options, &mut repeats, &mut take);
            compared.map_err(|error| of_file(path, error))
        },
    )?;
    match again.sha256 == reading.sha256 {
        true => Ok(Checked {
            repeats: Some(repeats),
            ..Checked::new(reading, checked, (trades, movements, actions))
        }),
        false => Err(changed(path)),
    }
}

/// Reads a file by blocks. `parse` runs on all threads; `each` gets the results in the order of the
/// file, with the offset of each block's end.
///
/// Errors: the file can't be read or is no table of trades; an error of `each`; a stop was
/// requested.
fn each_block<T: Send>(
    (path, options): (&Path, &ImportOptions),
    context: &Context,
    parse: impl Fn(&CsvFormat, &Block) -> Result<T, FileError> + Sync,
    each: impl FnMut(&CsvFormat, T, u64) -> PipelineResult<()>,
) -> PipelineResult<FirstReading> {
    let mut file = BlockFile::open(path)?;
    let begun = file.begin(options)?;
    each_block_of((file, begun), context, parse, each)
}

/// Reads an open file from its first batch on, as [`each_block`] does.
fn each_block_of<T: Send>(
    (mut file, (format, mut batch)): (BlockFile<'_>, (CsvFormat, Vec<Block>)),
    context: &Context,
    parse: impl Fn(&CsvFormat, &Block) -> Result<T, FileError> + Sync,
    mut each: impl FnMut(&CsvFormat, T, u64) -> PipelineResult<()>,
) -> PipelineResult<FirstReading> {
    let path = file.path;
    let mut ends_without_line_end = false;
    while !batch.is_empty() {
        context.cancel.check()?;
        let (parsed, next) = rayon::join(
            || {
                let parsed = batch.par_iter().map(|block| parse(&format, block));
                parsed.collect::<Vec<Result<T, FileError>>>()
            },
            || file.next_batch(),
        );
        // In the order of the file: the first error of the file is the one to report.
        for (block, value) in batch.iter().zip(parsed) {
            let value = value.map_err(|error| of_file(path, error))?;
            ends_without_line_end = block.ends_without_line_end();
            each(&format, value, block.end())?;
        }
        batch = next?;
    }
    let text = (file.blocks.encoding(), file.blocks.dialect());
    let sha256 = file.into_sha256();
    Ok(FirstReading {
        text,
        sha256: sha256.map_err(|error| of_block(path, error.into()))?,
        ends_without_line_end,
        format,
    })
}

/// A message of the thread that reads the file.
enum Sent<T> {
    Batch(Vec<T>),
    /// The last message. If the queue ends without it, the thread panicked.
    End(PipelineResult<()>),
}

/// The trades of a file, which a thread reads while the store writes them.
pub(super) struct FileTrades {
    file: TradeFile,
    context: Context,
    batches: Option<mpsc::Receiver<Sent<LedgerTrade>>>,
    rejects: Option<mpsc::Receiver<Sent<Reject>>>,
    why: Option<PipelineError>,
}

impl FileTrades {
    /// Returns the store's result; if the file stopped the store, the error of the file.
    pub(super) fn why_stopped<T>(mut self, done: StoreResult<T>) -> PipelineResult<T> {
        match (done, self.why.take()) {
            (Err(StoreError::Stopped), Some(error)) => Err(error),
            (done, _) => Ok(done?),
        }
    }

    fn begin<T: Send + 'static>(&self, read: Read<T>) -> mpsc::Receiver<Sent<T>> {
        let (sender, batches) = mpsc::channel(BATCHES_WAITING_MAX);
        let (file, context) = (self.file.clone(), self.context.clone());
        let total = file.path.metadata().ok().map(|metadata| metadata.len());
        context.progress.begin(Stage::Append, total);
        // A dropped receiver ends the thread at its next batch.
        tokio::task::spawn_blocking(move || {
            let end = read(&file, &context, &sender);
            let _ = sender.blocking_send(Sent::End(end));
        });
        batches
    }

    /// Returns the next batch of rows; `None` at the end of the file.
    async fn next<T: Send + 'static>(
        &mut self,
        rows: &mut Option<mpsc::Receiver<Sent<T>>>,
        read: Read<T>,
    ) -> StoreResult<Option<Vec<T>>> {
        if self.context.cancel.is_cancelled() {
            self.why = Some(PipelineError::Interrupted);
            return Err(StoreError::Stopped);
        }
        let mut batches = match rows.take() {
            Some(batches) => batches,
            None => self.begin(read),
        };
        self.why = match batches.recv().await {
            Some(Sent::Batch(batch)) => {
                *rows = Some(batches);
                return Ok(Some(batch));
            }
            Some(Sent::End(end)) => end.err(),
            None => Some(PipelineError::Worker("reading the file ended early".into())),
        };
        self.context.progress.end();
        match self.why {
            None => Ok(None),
            Some(_) => Err(StoreError::Stopped),
        }
    }
}

/// Reads one kind of rows of a file, and sends them to a receiver.
type Read<T> = fn(&TradeFile, &Context, &mpsc::Sender<Sent<T>>) -> PipelineResult<()>;

#[async_trait]
impl TradeSource for FileTrades {
    fn count(&self) -> u64 {
        self.file.trades
    }

    fn rewind(&mut self) {
        if self.batches.take().is_some() | self.rejects.take().is_some() {
            self.context.progress.end();
        }
    }

    async fn next_batch(&mut self) -> StoreResult<Option<Vec<LedgerTrade>>> {
        let mut batches = self.batches.take();
        let next = self.next(&mut batches, TradeFile::send).await;
        self.batches = batches;
        next
    }

    fn movements(&self) -> &[Movement] {
        &self.file.movements
    }

    fn actions(&self) -> &[AssetAction] {
        &self.file.actions
    }

    fn rejected(&self) -> u64 {
        self.file.rejected
    }

    async fn next_rejects(&mut self) -> StoreResult<Option<Vec<Reject>>> {
        if self.file.rejected == 0 {
            return Ok(None);
        }
        let mut rejects = self.rejects.take();
        let next = self.next(&mut rejects, TradeFile::send_rejects).await;
        self.rejects = rejects;
        next
    }
}

impl Drop for FileTrades {
    fn drop(&mut self) {
        self.rewind();
    }
}

#[cfg(test)]
#[path = "csv_file_tests.rs"]
mod tests;
