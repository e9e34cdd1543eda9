//! Allocations with the file and line of their trades.
//!
//! To look each trade up would take half of the time of an export. Ids come in no order, and each
//! look-up reads pages from all over the ledger. So the export reads the ledger once, in its stored
//! order, into a table of 24 bytes a trade. It goes through a ledger of more than [`ORIGINS_MAX`]
//! trades in several passes, each over some of the pools, so that the table stays that small.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;

use super::cells::{self, Cells};
use super::model::{LongRun, PoolSizes, SourcedAllocation, TradeOrigin};
use super::{SourcedSink, StoreError, StoreResult, StoredRow, UnreadableRow};
use crate::engine::{Account, Asset, Pool, Symbol};

/// Trades in the table of one pass, unless one pool alone has more: 48 MB.
pub(super) const ORIGINS_MAX: u64 = 2_000_000;

/// Rows of a sell or of a lot after which the reader asks the database for their number. A format
/// that prints that number in each row then need not keep the rows until the last one.
const LONG_RUN_ROWS: u32 = 4_096;

/// Rows after which texts that rows share are copied. A reader on another thread then has its own,
/// and the two don't wait for each other to count them.
const SHARED_ROWS: u32 = 256;

/// Columns that tell where a trade came from, in order.
pub(super) const ORIGIN: [&str; 5] = ["account", "order_id", "source", "import_id", "import_line"];

/// The range of pools that one pass reads.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Span {
    /// Account and asset of the first pool; `None`: no lower bound.
    pub(super) from: Option<(String, String)>,
    /// Account and asset of the first pool of the next pass; `None`: no upper bound.
    pub(super) until: Option<(String, String)>,
    /// The symbols of the trades in these pools, in their one spelling; `None`: any.
    pub(super) symbols: Option<BTreeSet<String>>,
}

/// Tells whether the table of one pass, with room for `most` trades, has room for this number.
pub(super) fn is_one_span(trades: i64, most: u64) -> bool {
    u64::try_from(trades).is_ok_and(|trades| trades <= most)
}

/// Account and asset of a pool, and the number of its rows.
pub(super) type RowsOfPool = (String, String, i64);

/// Divides pools, given in order with their numbers of rows, into passes. `sizes` names the symbols
/// of each pool; without it, or if it lacks a pool, a pass reads the trades of all symbols. `most`:
/// rows of one pass.
pub(super) fn spans(pools: &[RowsOfPool], sizes: Option<&PoolSizes>, most: u64) -> Vec<Span> {
    let symbols = |account: &str, asset: &str| {
        let pool = Pool::new(account.parse().ok()?, asset.parse().ok()?);
        sizes?.symbols.get(&pool)
    };
    let empty = || Span {
        symbols: Some(BTreeSet::new()),
        ..Span::default()
    };
    let (mut spans, mut last, mut trades) = (Vec::new(), empty(), 0_u64);
    for (account, asset, more) in pools {
        let more = u64::try_from(*more).unwrap_or(0);
        if trades > 0 && trades.saturating_add(more) > most {
            let at = (account.clone(), asset.clone());
            last.until = Some(at.clone());
            spans.push(std::mem::replace(&mut last, empty()));
            (last.from, trades) = (Some(at), 0);
        }
        trades = trades.saturating_add(more);
        last.symbols = match (last.symbols, symbols(account, asset)) {
            (Some(known), Some(more)) => Some(&known | more),
            _ => None,
        };
    }
    if spans.is_empty() {
        last.symbols = None;
    }
    spans.push(last);
    spans
}

/// One trade of the table: 96 bits of its key's hash, its source and file, and its line.
#[derive(Debug, Clone, Copy)]
struct KnownOrigin {
    hash: u64,
    check: u32,
    kind: u32,
    line: i64,
}

/// Stands for the line of a trade that came from no file.
const NO_LINE: i64 = i64::MIN;

/// Source and file of a trade; many trades have the same two.
type SourceAndFile = (Option<Arc<str>>, Option<Arc<str>>);

/// Sources of the trades of some pools.
///
/// A secret that changes with each process goes into the hash of a key. That two of ten million
/// trades have the same 96 bits is a chance of one in 10^15, and nobody can choose order ids to
/// meet.
#[derive(Debug)]
pub(super) struct Origins<'f> {
    files: &'f BTreeMap<i64, Arc<str>>,
    secrets: (RandomState, RandomState),
    entries: Vec<KnownOrigin>,
    /// Place of the first entry for each value of a hash's first bits; then the number of all.
    starts: Vec<u32>,
    shift: u32,
    kinds: Vec<SourceAndFile>,
    known: BTreeMap<(Option<Arc<str>>, Option<i64>), u32>,
    /// Texts that rows share, until [`SHARED_ROWS`] rows later each gets a new copy.
    shared: Vec<(u32, SourceAndFile)>,
}

impl<'f> Origins<'f> {
    /// Makes an empty table. `files` has the file names by number of import.
    pub(super) fn new(files: &'f BTreeMap<i64, Arc<str>>) -> Self {
        Self {
            files,
            secrets: (RandomState::new(), RandomState::new()),
            entries: Vec::new(),
            starts: Vec::new(),
            shift: 0,
            kinds: Vec::new(),
            known: BTreeMap::new(),
            shared: Vec::new(),
        }
    }

    /// Removes all trades from the table.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
    }

    fn hashes(&self, account: &str, order_id: &str) -> (u64, u32) {
        let hash = |secret: &RandomState| {
            let mut hasher = secret.build_hasher();
            hasher.write(account.as_bytes());
            // No text has the byte 0xff, so it separates account and order id.
            hasher.write_u8(0xff);
            hasher.write(order_id.as_bytes());
            hasher.finish()
        };
        (hash(&self.secrets.0), (hash(&self.secrets.1) >> 32) as u32)
    }

    /// Adds a trade.
    pub(super) fn add(
        &mut self,
        key: (&str, &str),
        source: Option<&str>,
        import: Option<i64>,
        line: Option<i64>,
    ) {
        let kind = self.kind(source, import);
        let (hash, check) = self.hashes(key.0, key.1);
        if self.entries.len() == self.entries.capacity() {
            // Doubling the memory would leave up to half of it unused.
            self.entries.reserve_exact(self.entries.len() / 8 + 1_024);
        }
        self.entries.push(KnownOrigin {
            hash,
            check,
            kind,
            line: line.unwrap_or(NO_LINE),
        });
    }

    fn kind(&mut self, source: Option<&str>, import: Option<i64>) -> u32 {
        let source: Option<Arc<str>> = source.map(Arc::from);
        if let Some(kind) = self.known.get(&(source.clone(), import)) {
            return *kind;
        }
        let number = u32::try_from(self.kinds.len()).unwrap_or(u32::MAX);
        let file = import.and_then(|id| self.files.get(&id).cloned());
        self.kinds.push((source.clone(), file));
        self.known.insert((source, import), number);
        number
    }

    /// Adds a trade of a row of [`ORIGIN`]. Errors: a cell that can't be read.
    pub(super) fn add_row(&mut self, row: &impl Cells) -> StoreResult<()> {
        let bad = |column| move |found| unreadable("trade_records", column, found);
        let text = |index: usize| row.text_ref(index).map_err(bad(ORIGIN[index]));
        let integer = |index: usize| row.integer(index).map_err(bad(ORIGIN[index]));
        let (account, order_id) = (text(0)?.unwrap_or_default(), text(1)?.unwrap_or_default());
        let (import, line) = (integer(3)?, integer(4)?);
        self.add((&account, &order_id), text(2)?.as_deref(), import, line);
        Ok(())
    }

    /// Sorts the trades, so that [`Self::of`] can find them.
    pub(super) fn sort(&mut self) {
        self.entries
            .sort_unstable_by_key(|entry| (entry.hash, entry.check));
        // So that about four entries share each start.
        let bits = (self.entries.len() / 4).max(2).ilog2();
        self.shift = u64::BITS - bits;
        self.starts.clear();
        self.starts.reserve_exact((1 << bits) + 1);
        for (at, entry) in (0_u32..).zip(&self.entries) {
            let first = (entry.hash >> self.shift) as usize;
            while self.starts.len() <= first {
                self.starts.push(at);
            }
        }
        let end = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        self.starts.resize((1 << bits) + 1, end);
    }

    /// Returns the origin of a trade; an empty one if the table lacks the trade.
    fn of(&mut self, account: &str, order_id: &str) -> TradeOrigin {
        let (hash, check) = self.hashes(account, order_id);
        let first = (hash >> self.shift) as usize;
        let start = |at: usize| self.starts.get(at).map_or(0, |start| *start as usize);
        let near = self.entries.get(start(first)..start(first + 1));
        let is_it = |entry: &&KnownOrigin| entry.hash == hash && entry.check == check;
        let Some(entry) = near.unwrap_or_default().iter().find(is_it).copied() else {
            return TradeOrigin::default();
        };
        let (source, file) = self.shared(entry.kind);
        let line = Some(entry.line).filter(|line| *line != NO_LINE);
        TradeOrigin { source, file, line }
    }

    fn shared(&mut self, kind: u32) -> SourceAndFile {
        if let Some((_, found)) = self.shared.iter().find(|(of, _)| *of == kind) {
            return found.clone();
        }
        let kept = self.kinds.get(kind as usize).cloned().unwrap_or_default();
        let anew = |text: Option<Arc<str>>| text.map(|text| Arc::from(&*text));
        let made = (anew(kept.0), anew(kept.1));
        self.shared.push((kind, made.clone()));
        made
    }
}

/// Joins each row with the origins of its trades, and passes both to the sink.
pub(super) struct SourcedRows<'o, 'f, 's> {
    origins: &'o mut Origins<'f>,
    sink: &'s mut dyn SourcedSink,
    /// The pool of the last row.
    pool: Option<Pool>,
    /// The symbol of the last row.
    symbol: Option<Symbol>,
    batch_id: Arc<str>,
    sell: LastTrade,
    buy: LastTrade,
    rows: u64,
    shared_rows: u32,
}

impl<'o, 'f, 's> SourcedRows<'o, 'f, 's> {
    pub(super) fn new(origins: &'o mut Origins<'f>, sink: &'s mut dyn SourcedSink) -> Self {
        Self {
            origins,
            sink,
            pool: None,
            symbol: None,
            batch_id: Arc::from(""),
            sell: LastTrade::default(),
            buy: LastTrade::default(),
            rows: 0,
            shared_rows: 0,
        }
    }

    /// Returns the number of rows that were passed to the sink.
    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    /// Passes a row to the sink. The batch id follows the columns of [`cells::ALLOCATION`].
    pub(super) fn take_cells(&mut self, cells: &impl Cells) -> StoreResult<()> {
        let row = cells::allocation_after(cells, self.names());
        let batch = cells.text_ref(cells::ALLOCATION_COUNT);
        let bad = |found| unreadable("fifo_allocations", "allocation_batch_id", found);
        let batch = batch.map_err(bad)?;
        self.take(row, batch.as_deref().unwrap_or_default())
    }

    /// Returns the pool of the last row.
    pub(super) fn pool(&self) -> Option<&Pool> {
        self.pool.as_ref()
    }

    /// Returns the pool and the symbol of the last row.
    pub(super) fn names(&self) -> (Option<&Pool>, Option<&Symbol>) {
        (self.pool.as_ref(), self.symbol.as_ref())
    }

    /// Returns the sell and the lot that reached [`LONG_RUN_ROWS`] rows with the last row. The
    /// caller counts their rows in the database, and passes the number to [`Self::tell`].
    pub(super) fn long_runs(&self) -> impl Iterator<Item = LongRun> {
        let runs = [(&self.sell, true), (&self.buy, false)];
        let account = || self.pool.as_ref().map(|pool| pool.account.to_string());
        let asset = || self.pool.as_ref().map(|pool| pool.asset.to_string());
        let long = runs.map(|(last, is_sell)| {
            (last.is_new_row && last.rows == LONG_RUN_ROWS).then(|| LongRun {
                account: account().unwrap_or_default(),
                asset: asset().unwrap_or_default(),
                order_id: last.order_id.clone(),
                is_sell,
                rows: 0,
            })
        });
        long.into_iter().flatten()
    }

    /// Passes the number of all rows of a sell or lot to the sink.
    pub(super) fn tell(&mut self, run: LongRun) -> StoreResult<()> {
        self.sink.long_run(run).map_err(cannot_write)
    }

    /// Passes a row to the sink. Errors: the row can't be read; the sink can't write it.
    pub(super) fn take(&mut self, row: StoredRow, batch_id: &str) -> StoreResult<()> {
        let bad = |bad: UnreadableRow| unreadable("fifo_allocations", bad.column, bad.found);
        let mut row = row.map_err(bad)?;
        self.shared_rows += 1;
        let is_renewed = self.shared_rows > SHARED_ROWS;
        if is_renewed {
            self.shared_rows = 0;
            self.origins.shared.clear();
            (self.sell.is_known, self.buy.is_known) = (false, false);
            row.account = Account::unreadable(row.account.as_str());
            row.symbol = Symbol::unreadable(row.symbol.as_str());
            row.asset = Asset::unreadable(row.asset.as_str());
        }
        if is_renewed || *self.batch_id != *batch_id {
            self.batch_id = batch_id.into();
        }
        let is_same = |pool: &Pool| pool.account == row.account && pool.asset == row.asset;
        let is_new_pool = !self.pool.as_ref().is_some_and(is_same);
        if is_new_pool {
            (self.sell, self.buy) = (LastTrade::default(), LastTrade::default());
        }
        if is_renewed || is_new_pool {
            self.pool = Some(row.pool());
        }
        if is_renewed || self.symbol.as_ref() != Some(&row.symbol) {
            self.symbol = Some(row.symbol.clone());
        }
        (self.sell.is_new_row, self.buy.is_new_row) = (false, false);
        let account = row.account.as_str();
        // A lot that moved may have its buy in another account.
        let moved = row.moved.as_ref();
        let bought_in = moved.and_then(|moved| moved.account.as_ref());
        let bought_in = bought_in.map_or(account, Account::as_str);
        let sourced = SourcedAllocation {
            batch_id: self.batch_id.clone(),
            sell: self
                .sell
                .origin(self.origins, account, row.sell_order_id.as_str()),
            buy: row
                .buy_order_id
                .as_ref()
                .map_or_else(TradeOrigin::default, |buy| {
                    self.buy.origin(self.origins, bought_in, buy.as_str())
                }),
            row,
        };
        self.rows += 1;
        give(sourced, self.sink)
    }
}

/// The last trade that was looked up; the next row often has the same trade.
#[derive(Debug, Default)]
struct LastTrade {
    order_id: String,
    account: String,
    origin: TradeOrigin,
    /// The origin was looked up since the texts were last copied.
    is_known: bool,
    /// The last row belongs to this trade.
    is_new_row: bool,
    /// Number of rows of this trade that directly followed each other.
    rows: u32,
}

impl LastTrade {
    fn origin(&mut self, origins: &mut Origins<'_>, account: &str, order_id: &str) -> TradeOrigin {
        if self.order_id != order_id || self.account != account {
            for (kept, text) in [(&mut self.order_id, order_id), (&mut self.account, account)] {
                kept.clear();
                kept.push_str(text);
            }
            (self.is_known, self.rows) = (false, 0);
        }
        if !self.is_known {
            (self.origin, self.is_known) = (origins.of(account, order_id), true);
        }
        self.rows = self.rows.saturating_add(1);
        self.is_new_row = true;
        self.origin.clone()
    }
}

/// Gives a row to a sink. Errors: the sink can't write it.
pub(super) fn give(row: SourcedAllocation, sink: &mut dyn SourcedSink) -> StoreResult<()> {
    sink.take(row).map_err(cannot_write)
}

fn cannot_write(error: std::io::Error) -> StoreError {
    StoreError::Database {
        action: "write the export",
        message: error.to_string(),
        source: Some(Box::new(error)),
    }
}

fn unreadable(table: &'static str, column: &'static str, found: String) -> StoreError {
    StoreError::Unreadable {
        table,
        column,
        found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_trade_is_found_and_no_other() {
        let files = BTreeMap::from([(1, Arc::from("a.csv")), (2, Arc::from("b.csv"))]);
        let mut origins = Origins::new(&files);
        for count in [0_i64, 1, 2, 3, 7, 1_000, 5_000] {
            origins.clear();
            for number in 0..count {
                let (id, line) = (format!("o-{number}"), (number % 5 > 0).then_some(number));
                let import = (number % 3 > 0).then_some(number % 3);
                let source = (number % 2 > 0).then_some("websocket");
                origins.add(("main", &id), source, import, line);
            }
            origins.sort();
            for number in 0..count {
                let found = origins.of("main", &format!("o-{number}"));
                let file = [None, Some("a.csv"), Some("b.csv")][number as usize % 3];
                assert_eq!(found.file.as_deref(), file, "{number} of {count}");
                let source = (number % 2 > 0).then_some("websocket");
                assert_eq!(found.source.as_deref(), source);
                assert_eq!(found.line, (number % 5 > 0).then_some(number));
            }
            for (account, id) in [("main", "o-x"), ("mai", "no-1"), ("other", "o-1")] {
                assert_eq!(origins.of(account, id), TradeOrigin::default(), "{count}");
            }
        }
    }

    #[test]
    fn passes_divide_the_pools_where_the_table_would_be_too_large() {
        let at = |asset: &str| Some(("main".to_owned(), asset.to_owned()));
        let span = |from, until, symbols: &[&str]| Span {
            from,
            until,
            symbols: Some(symbols.iter().map(|it| (*it).to_owned()).collect()),
        };
        let pool = |asset: &str| Pool::new("main".parse().unwrap(), asset.parse().unwrap());
        let mut sizes = PoolSizes::default();
        for (asset, symbols) in [
            ("A", vec!["A-USD", "A-C"]),
            ("B", vec!["B-USD"]),
            ("C", vec!["A-C", "C-USD"]),
            ("D", vec!["D-USD"]),
            ("E", vec!["D-USD"]),
        ] {
            let symbols = symbols.into_iter().map(str::to_owned).collect();
            sizes.symbols.insert(pool(asset), symbols);
        }
        let pools = |trades: &[i64]| -> Vec<RowsOfPool> {
            let assets = ["A", "B", "C", "D", "E"].iter().zip(trades);
            assets
                .map(|(asset, trades)| ("main".to_owned(), (*asset).to_owned(), *trades))
                .collect()
        };
        assert_eq!(spans(&[], Some(&sizes), 10), [Span::default()]);
        let all = pools(&[4, 6, 1, 50, 1]);
        assert_eq!(spans(&all, Some(&sizes), 1_000), [Span::default()]);
        let expected = [
            span(None, at("C"), &["A-C", "A-USD", "B-USD"]),
            span(at("C"), at("D"), &["A-C", "C-USD"]),
            span(at("D"), at("E"), &["D-USD"]),
            span(at("E"), None, &["D-USD"]),
        ];
        assert_eq!(spans(&all, Some(&sizes), 10), expected);
        // A pool whose symbols are not known may have trades of any.
        sizes.symbols.remove(&pool("C"));
        let mut of_any = expected;
        of_any[1].symbols = None;
        assert_eq!(spans(&all, Some(&sizes), 10), of_any);
        let none = spans(&all, None, 10).into_iter();
        assert!(none.map(|it| it.symbols).all(|it| it.is_none()));
    }
}
