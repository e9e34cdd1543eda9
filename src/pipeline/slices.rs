//! A pool that is larger than the memory of the run: read, matched and written slice by slice.
//!
//! Its trades come oldest first, in slices that fit the memory. The open lots and the sums stay
//! between two slices. The rows are those of a pool that is matched whole, in the same order. If a
//! slice shows that the pool can't be matched, its written rows are deleted.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::make::{
    CHUNK_BYTES, Making, OnPool, PoolMessage, UnfinishedPool, Walk, Work, error_of, send, start_one,
};
use crate::engine::{
    InvalidTrade, InventoryLot, Matching, OpenLot, Pool, PoolLedger, PoolOutcome, PoolResult,
    PoolStream, Rejection, ReviewItem, RowsHash, SelfCheckError, TradeRef, Unapplied, invalid_rows,
    judge_pool, missing_items, review_items,
};
use crate::store::phase::{self, Phase};
use crate::store::rows::{Part, RowChunk};

/// A pool that is matched slice by slice.
pub(super) struct Sliced {
    pool: Pool,
    /// The result of a pool that is excluded; `None`: its trades decide.
    settled: Option<PoolResult>,
    stream: PoolStream,
    /// Why the pool can't be matched. From then on no row of the pool is written.
    rejection: Option<Rejection>,
    invalid: Vec<InvalidTrade>,
    /// The first action up to the last trade of the slices read.
    unapplied: Option<Box<Unapplied>>,
    /// The last slice that had trades; at first an empty one.
    newest: Option<Box<Matching>>,
    /// The writer got rows of the pool.
    is_written: bool,
    items: Vec<ReviewItem>,
    rows: u64,
    /// The symbols and the class of all slices; no trades.
    named: PoolLedger,
    ledger_hash: RowsHash,
    allocations_hash: RowsHash,
    duration_us: i64,
}

impl Sliced {
    /// Begins a pool. If it is excluded, its result is known at once.
    pub(super) fn begin(work: &Work, pool: &Pool) -> Self {
        let exclusion = work.excluded.get(pool).map(String::as_str);
        let nothing = PoolLedger::of_rules(pool.clone(), &work.context.rules);
        let judged = judge_pool(nothing, exclusion).result;
        let (settled, newest) = match judged {
            PoolResult::Matched(matching) => (None, Some(matching)),
            settled => (Some(settled), None),
        };
        Self {
            pool: pool.clone(),
            settled,
            stream: PoolStream::default(),
            rejection: None,
            invalid: Vec::new(),
            unapplied: None,
            newest,
            is_written: false,
            items: Vec::new(),
            rows: 0,
            named: PoolLedger::of_rules(pool.clone(), &work.context.rules),
            ledger_hash: RowsHash::EMPTY,
            allocations_hash: RowsHash::EMPTY,
            duration_us: 0,
        }
    }

    /// Matches a slice, and sends its rows; after the last slice also the open lots and the result.
    fn take(
        &mut self,
        work: &Work,
        slice: PoolLedger,
        is_last: bool,
        made: &mpsc::Sender<PoolMessage>,
    ) -> Result<(), UnfinishedPool> {
        let clock = &work.context.clock;
        let started_us = clock.elapsed_us();
        self.rows = self.rows.saturating_add(slice.rows());
        self.ledger_hash.add(slice.ledger_hash);
        self.named.add_names(&slice);
        if !slice.splits.is_empty() {
            self.named.splits = slice.splits.clone();
        }
        self.named.moves = slice.moves.clone().or(self.named.moves.take());
        if self.settled.is_some() {
            work.context.progress.advance(slice.rows());
        } else {
            self.match_slice(work, slice, made)?;
        }
        if is_last && self.settled.is_none() && !self.is_rejected() {
            let (splits, moves) = (&self.named.splits, self.named.moves.as_deref());
            self.rejection = self.stream.end(&self.pool, (splits, moves)).err();
            self.discard(made)?;
        }
        phase::reached(Phase::Match);
        self.duration_us += clock.elapsed_us() - started_us;
        if is_last {
            self.end(work, made)
        } else {
            send(made, PoolMessage::Slice)
        }
    }

    fn match_slice(
        &mut self,
        work: &Work,
        mut slice: PoolLedger,
        made: &mpsc::Sender<PoolMessage>,
    ) -> Result<(), UnfinishedPool> {
        let rows = slice.rows();
        let was_rejected = self.is_rejected();
        if let Some(error) = slice.refused.take() {
            self.rejection = Some(Rejection::of_quote(&error));
        } else if self.named.is_mixed && self.rejection.is_none() {
            self.rejection = Some(Rejection::of_classes(&self.pool.asset));
        }
        self.invalid.append(&mut slice.invalid);
        // Slices come in the order of time: all later ones have the same first action.
        self.unapplied = slice.unapplied.take().or(self.unapplied.take());
        if !was_rejected && !self.is_rejected() && !slice.trades.is_empty() {
            match self.stream.add(slice) {
                Ok(matching) => return self.send_rows(work, matching, rows, made),
                Err(rejection) => self.rejection = Some(rejection),
            }
        }
        work.context.progress.advance(rows);
        self.discard(made)
    }

    /// Deletes the written rows of a pool that turned out not to be matched.
    fn discard(&mut self, made: &mpsc::Sender<PoolMessage>) -> Result<(), UnfinishedPool> {
        if self.is_rejected() && std::mem::take(&mut self.is_written) {
            send(made, PoolMessage::Part(Part::Discard(self.pool.clone())))?;
        }
        Ok(())
    }

    fn is_rejected(&self) -> bool {
        self.rejection.is_some() || !self.invalid.is_empty() || self.unapplied.is_some()
    }

    fn send_rows(
        &mut self,
        work: &Work,
        matching: Box<Matching>,
        rows: u64,
        made: &mpsc::Sender<PoolMessage>,
    ) -> Result<(), UnfinishedPool> {
        let mut walk = Walk::new(work, made, &matching);
        let (items, hash) = walk.allocations()?;
        walk.end(rows);
        self.items.extend(items);
        self.allocations_hash.add(hash);
        self.is_written = work.encoder.is_some();
        self.newest = Some(matching);
        Ok(())
    }

    fn end(&mut self, work: &Work, made: &mpsc::Sender<PoolMessage>) -> Result<(), UnfinishedPool> {
        // A refused symbol comes before faulty rows, as in a pool that is read whole.
        let refused = self.rejection.take_if(|it| it.invalid.is_empty());
        let rejection = refused.or_else(|| invalid_rows(std::mem::take(&mut self.invalid)));
        let of_action = self.unapplied.take();
        let of_action = || of_action.map(|it| Rejection::of_action(&it));
        let rejection = rejection.or_else(of_action).or(self.rejection.take());
        // The last slice becomes the pool's result: it has the newest trade, and gets all sums.
        let whole = self.newest.take().map(|mut newest| {
            newest.totals = *self.stream.totals();
            newest.symbols = self.stream.symbols().to_vec();
            newest.moved_out = self.stream.moved_out().clone();
            PoolResult::Matched(newest)
        });
        let rejected = rejection.map(PoolResult::Rejected);
        let Some(result) = self.settled.take().or(rejected).or(whole) else {
            return Err(self.lost("the last slice", 0, 1));
        };
        self.named.ledger_hash = self.ledger_hash;
        let ledger_hash = self.named.facts_hash();
        let mut outcome = PoolOutcome {
            pool: self.pool.clone(),
            symbols: std::mem::take(&mut self.named.symbols),
            class: self.named.class,
            trades: self.rows,
            ledger_hash,
            allocations_hash: RowsHash::EMPTY,
            result,
        };
        let items = if let PoolResult::Matched(_) = &outcome.result {
            outcome.allocations_hash = self.allocations_hash;
            self.send_lots(work, made)?;
            let missing = missing_items(&self.pool, self.stream.moved_out());
            self.items.extend(missing);
            std::mem::take(&mut self.items)
        } else {
            review_items(&outcome, &work.context.rules)?
        };
        send(
            made,
            PoolMessage::Done(Box::new(outcome), items, self.duration_us),
        )
    }

    fn send_lots(
        &self,
        work: &Work,
        made: &mpsc::Sender<PoolMessage>,
    ) -> Result<(), UnfinishedPool> {
        let Some(encoder) = &work.encoder else {
            return Ok(());
        };
        let mut chunk = RowChunk::default();
        let mut lots = 0_u64;
        for lot in self.stream.open_lots() {
            let Ok(buy) = TradeRef::try_of(&lot.buy) else {
                break;
            };
            lots += 1;
            encoder.lot(&self.pool, &buy, &open_lot(lot), &mut chunk);
            if chunk.len() >= CHUNK_BYTES {
                send(
                    made,
                    PoolMessage::Part(Part::Lots(std::mem::take(&mut chunk))),
                )?;
            }
        }
        let expected = self.stream.totals().open_lots;
        if lots != expected {
            return Err(self.lost("the walk over the open lots", lots, expected));
        }
        send(made, PoolMessage::Part(Part::Lots(chunk)))
    }

    fn lost(&self, what: &'static str, found: u64, expected: u64) -> UnfinishedPool {
        UnfinishedPool::Broken(SelfCheckError::Ended {
            what,
            pool: self.pool.clone(),
            found,
            expected,
        })
    }
}

fn open_lot(lot: &InventoryLot) -> OpenLot {
    OpenLot {
        buy: 0,
        remaining_size: lot.remaining_size,
        remaining_cost: lot.remaining_cost,
    }
}

/// Starts a worker on a slice.
pub(super) fn start<'a>(
    work: Work,
    sliced: Arc<Mutex<Sliced>>,
    slice: PoolLedger,
    is_last: bool,
    on_pool: OnPool<'a>,
) -> Making<'a> {
    let make = move |made: &mpsc::Sender<PoolMessage>| {
        let mut sliced = sliced.lock().unwrap_or_else(PoisonError::into_inner);
        error_of(sliced.take(&work, slice, is_last, made))
    };
    start_one(make, on_pool)
}
