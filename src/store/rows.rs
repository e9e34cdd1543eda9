//! Rows on their way into a version: encoded by many threads, written by one.
//!
//! To spell a row for the database is most of a run's cost. So the pipeline's workers do it, with
//! the encoder that the store lends them. The writer gets bytes in its own spelling, in the
//! canonical order of pools. It gives out the ids, because only it knows how many rows came before.

use std::collections::VecDeque;

use async_trait::async_trait;

use super::StoreResult;
use crate::engine::{AllocationRow, OpenLot, Pool, PoolOutcome, PoolResult, TradeRef};

/// Rows in a store's own spelling.
#[derive(Debug, Default)]
pub struct RowChunk {
    pub(super) bytes: Vec<u8>,
    /// Offset of each row in the bytes.
    pub(super) starts: Vec<usize>,
}

impl RowChunk {
    /// Returns the number of bytes of all rows.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Tells whether the chunk has no row.
    pub fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// Begins a row.
    pub(super) fn begin(&mut self) -> &mut Vec<u8> {
        self.starts.push(self.bytes.len());
        &mut self.bytes
    }

    /// Returns each row's bytes.
    pub(super) fn rows(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self
            .starts
            .iter()
            .skip(1)
            .copied()
            .chain([self.bytes.len()]);
        let places = self.starts.iter().copied().zip(ends);
        places.filter_map(|(start, end)| self.bytes.get(start..end))
    }
}

/// Encodes rows for one version in one store. Several threads share an encoder.
pub trait RowEncoder: Send + Sync {
    /// Appends an allocation.
    fn allocation(&self, row: &AllocationRow<'_>, chunk: &mut RowChunk);
    /// Appends a lot of the inventory snapshot.
    fn lot(&self, pool: &Pool, buy: &TradeRef<'_>, lot: &OpenLot, chunk: &mut RowChunk);
}

/// The next part of a version.
#[derive(Debug)]
pub enum Part {
    /// Allocations of the pool that is being written.
    Allocations(RowChunk),
    /// Open lots of the pool that is being written.
    Lots(RowChunk),
    /// The pool can't be matched after all: the writer deletes the rows that it has written of it.
    Discard(Pool),
    /// The end of a pool: its result, and the microseconds that matching it took.
    Pool(Box<PoolOutcome>, i64),
}

impl Part {
    /// Returns how many rows the part writes.
    pub(super) fn rows(&self) -> usize {
        match self {
            Self::Allocations(chunk) | Self::Lots(chunk) => chunk.starts.len(),
            Self::Pool(..) => 1,
            Self::Discard(_) => 0,
        }
    }
}

/// Gives a version's parts in canonical order: of each pool its rows, then its result.
#[async_trait]
pub trait PartSource: Send {
    /// Returns the next part. Errors: stopped, or a worker failed.
    async fn next(&mut self) -> StoreResult<Option<Part>>;
}

/// The parts of one pool whose result is complete in memory.
pub(super) struct Whole(VecDeque<Part>);

impl Whole {
    pub(super) fn of(
        outcome: &PoolOutcome,
        duration_us: i64,
        encoder: &dyn RowEncoder,
    ) -> StoreResult<Self> {
        let (mut rows, mut lots) = (RowChunk::default(), RowChunk::default());
        if let PoolResult::Matched(matching) = &outcome.result {
            matching.each_row(|row| encoder.allocation(row, &mut rows))?;
            for lot in matching.open_lots_with_buys() {
                let (buy, lot) = lot?;
                encoder.lot(&outcome.pool, &buy, lot, &mut lots);
            }
        }
        let pool = Part::Pool(Box::new(outcome.clone()), duration_us);
        Ok(Self(
            [Part::Allocations(rows), Part::Lots(lots), pool].into(),
        ))
    }
}

#[async_trait]
impl PartSource for Whole {
    async fn next(&mut self) -> StoreResult<Option<Part>> {
        Ok(self.0.pop_front())
    }
}
