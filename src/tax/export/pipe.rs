//! Passes rows from the store, which reads them, to the thread that prints them.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use super::Stop;
use crate::store::SourcedSink;
use crate::store::model::{LongRun, Sold, SourcedAllocation};
use crate::tax::formats::TaxFile;
use crate::tax::row::RowMaker;
use crate::tax::slices::Slices;
use crate::tax::totals::Totals;

/// Rows that the reader passes to the printing thread at once.
const BATCH_ROWS: usize = 256;

/// Most batches that may wait between the reader and the printing thread.
const BATCHES_WAITING: usize = 8;

/// A row, or a count of rows, that the reader passes on.
#[expect(clippy::large_enum_variant, reason = "nearly all are rows")]
enum Item {
    Row(SourcedAllocation),
    Long(LongRun),
}

/// Collects rows from the store and passes them to the thread that prints them.
pub(super) struct Pipe {
    batch: Vec<Item>,
    to: SyncSender<Vec<Item>>,
    stop: Stop,
}

impl Pipe {
    /// Begins to print. The thread ends when the pipe is dropped, or with an error.
    pub(super) fn begin(
        mut sink: TaxSink,
        stop: Stop,
    ) -> io::Result<(Self, JoinHandle<io::Result<TaxSink>>)> {
        let (to, from) = sync_channel::<Vec<Item>>(BATCHES_WAITING);
        let print = move || {
            for item in from.into_iter().flatten() {
                sink.take(item)?;
            }
            sink.give(true)?;
            Ok(sink)
        };
        let thread = std::thread::Builder::new()
            .name("tax".into())
            .spawn(print)?;
        let batch = Vec::with_capacity(BATCH_ROWS);
        Ok((Self { batch, to, stop }, thread))
    }

    fn hand(&mut self, item: Item) -> io::Result<()> {
        self.batch.push(item);
        if self.batch.len() < BATCH_ROWS {
            return Ok(());
        }
        self.flush()
    }

    /// Passes the collected rows on. Errors: the user asked to stop; the thread has ended, which
    /// returns the reason.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        if self.stop.is_asked() {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let batch = std::mem::replace(&mut self.batch, Vec::with_capacity(BATCH_ROWS));
        let sent = self.to.send(batch);
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

impl SourcedSink for Pipe {
    fn long_run(&mut self, run: LongRun) -> io::Result<()> {
        self.hand(Item::Long(run))
    }

    fn take(&mut self, from: SourcedAllocation) -> io::Result<()> {
        self.hand(Item::Row(from))
    }
}

/// Prints rows.
pub(super) struct TaxSink {
    pub(super) maker: RowMaker,
    pub(super) slices: Slices,
    pub(super) files: Vec<Box<dyn TaxFile>>,
    pub(super) totals: Totals,
    pub(super) year: Sold,
}

impl TaxSink {
    fn give(&mut self, all: bool) -> io::Result<()> {
        let (files, totals) = (&mut self.files, &mut self.totals);
        self.slices.give(all, &mut |row| {
            totals.add(row);
            files.iter_mut().try_for_each(|file| file.row(row))
        })
    }

    fn take(&mut self, item: Item) -> io::Result<()> {
        let from = match item {
            Item::Row(from) => from,
            Item::Long(run) => return self.slices.hear(&run),
        };
        let placed = self.slices.place(&from)?;
        if self.year.contains(from.row.closed_at()) {
            let mut row = self.maker.row(from);
            row.buy_fee = placed.buy_fee;
            self.slices.keep(Box::new(row), placed);
        }
        self.give(false)
    }
}
