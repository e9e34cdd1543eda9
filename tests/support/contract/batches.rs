//! Files that come in several batches are imported like files in one, and not at all if a batch
//! fails.

use async_trait::async_trait;
use fifo_pnl::engine::LedgerTrade;
use fifo_pnl::store::memory::MemoryStore;
use fifo_pnl::store::model::{ImportBatch, Reject, Scope};
use fifo_pnl::store::trades::TradeSource;
use fifo_pnl::store::{LedgerStore, Store, StoreError, StoreResult};

use crate::subject::{Subject, append, at, batch, changed, correction, of, trade};

/// Gives trades in batches of a size.
pub(super) struct InBatches {
    trades: Vec<LedgerTrade>,
    size: usize,
    given: usize,
    rejects: Vec<Reject>,
    rejects_given: usize,
    /// Fails after the last rejected row.
    are_rejects_broken: bool,
    /// Fails after the last trade.
    is_broken: bool,
}

impl InBatches {
    pub(super) fn new(batch: &ImportBatch, size: usize) -> Self {
        Self {
            trades: batch.trades.clone(),
            size,
            given: 0,
            rejects: batch.rejects.clone(),
            rejects_given: 0,
            are_rejects_broken: false,
            is_broken: false,
        }
    }
}

#[async_trait]
impl TradeSource for InBatches {
    fn count(&self) -> u64 {
        self.trades.len() as u64
    }

    fn rewind(&mut self) {
        (self.given, self.rejects_given) = (0, 0);
    }

    async fn next_batch(&mut self) -> StoreResult<Option<Vec<LedgerTrade>>> {
        let rest = self.trades.iter().skip(self.given).take(self.size);
        let batch: Vec<LedgerTrade> = rest.cloned().collect();
        self.given += batch.len();
        match (batch.is_empty(), self.is_broken) {
            (false, _) => Ok(Some(batch)),
            (true, false) => Ok(None),
            (true, true) => Err(StoreError::Stopped),
        }
    }

    fn rejected(&self) -> u64 {
        self.rejects.len() as u64
    }

    async fn next_rejects(&mut self) -> StoreResult<Option<Vec<Reject>>> {
        let rest = self.rejects.iter().skip(self.rejects_given);
        let batch: Vec<Reject> = rest.take(self.size).cloned().collect();
        self.rejects_given += batch.len();
        match (batch.is_empty(), self.are_rejects_broken) {
            (false, _) => Ok(Some(batch)),
            (true, false) => Ok(None),
            (true, true) => Err(StoreError::Stopped),
        }
    }
}

fn bought(id: &str, price: &str) -> LedgerTrade {
    of("default", "BTC-USD", trade(id, "buy", "1", price, 1))
}

async fn ledger(store: &dyn Store) -> Vec<String> {
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    let trades = read
        .pools
        .values()
        .flat_map(|pool| pool.trades.to_vec().unwrap());
    let mut rows: Vec<String> = trades
        .map(|t| format!("{} {}", t.order_id, t.price))
        .collect();
    rows.sort();
    rows.push(format!("voided {}", read.voided));
    rows
}

/// Files to import into a ledger with trades X, Y and Z at price 100.
fn files() -> Vec<ImportBatch> {
    let of = |rows: &[(&str, &str)]| rows.iter().map(|(id, price)| bought(id, price)).collect();
    let all_new = of(&[("A", "1"), ("B", "1"), ("C", "1"), ("D", "1")]);
    let some_known = of(&[
        ("A", "1"),
        ("X", "100"),
        ("B", "1"),
        ("Y", "100"),
        ("C", "1"),
    ]);
    let last_conflicts = of(&[("A", "1"), ("B", "1"), ("X", "100"), ("Z", "101")]);
    // The file's own ids stand where corrections would have theirs: X and Y would count twice.
    let corrects_twice = of(&[
        ("X~2", "7"),
        ("A", "1"),
        ("X", "101"),
        ("Y", "102"),
        ("Y~2", "8"),
    ]);
    let corrects = of(&[
        ("X", "101"),
        ("A", "1"),
        ("Y", "102"),
        ("B~2", "8"),
        ("Z", "100"),
    ]);
    vec![
        batch(all_new),
        batch(some_known.clone()),
        batch(last_conflicts.clone()),
        changed(batch(last_conflicts), |file| file.skip_conflicts = true),
        changed(batch(some_known), |file| file.preview = true),
        batch(corrects_twice.clone()),
        changed(correction(corrects_twice.clone()), |file| {
            file.preview = true
        }),
        correction(corrects_twice),
        batch(corrects.clone()),
        changed(correction(corrects.clone()), |file| file.preview = true),
        correction(corrects),
    ]
}

pub async fn a_file_in_batches_is_the_file_in_one(subject: &dyn Subject) {
    let store = subject.store();
    let in_one = MemoryStore::new();
    let known = || vec![bought("X", "100"), bought("Y", "100"), bought("Z", "100")];
    append(store, known()).await;
    append(&in_one, known()).await;
    for (nth, mut file) in files().into_iter().enumerate() {
        // Each file begins with ids that no other file has, so that one import does not affect the
        // next.
        for row in &mut file.trades {
            if matches!(row.trade.order_id.as_str(), "A" | "B" | "C" | "D") {
                row.trade.order_id = format!("{}{nth}", row.trade.order_id).parse().unwrap();
            }
        }
        let expected = in_one
            .import(&file)
            .await
            .map_err(|error| error.to_string());
        let mut batches = InBatches::new(&file, 1 + nth % 2);
        let receipt = store.import_file(&file.file, &mut batches).await;
        let receipt = receipt.map_err(|error| error.to_string());
        let is_refused = matches!(nth, 6 | 7);
        assert_eq!(receipt.is_err(), is_refused, "{nth}");
        assert_eq!(receipt, expected, "{nth}");
        assert_eq!(ledger(store).await, ledger(&in_one).await, "{nth}");
    }
    assert!(ledger(store).await.contains(&"X~2 101".into()));
    assert_eq!(store.imports().await.unwrap().len(), 5);
}

pub async fn a_file_that_breaks_off_leaves_nothing(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("X", "100")]).await;
    let before = (ledger(store).await, subject.events().await);
    for mut file in [
        batch(vec![bought("A", "1"), bought("B", "1")]),
        batch(vec![bought("A", "1"), bought("X", "100")]),
        correction(vec![bought("A", "1"), bought("X", "101")]),
    ] {
        file.file.imported_at = at(200);
        let mut batches = InBatches::new(&file, 1);
        batches.is_broken = true;
        let error = store
            .import_file(&file.file, &mut batches)
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Stopped), "{error:?}");
        assert_eq!((ledger(store).await, subject.events().await), before);
    }
    // The connection still works, and the next import gets the next number.
    let receipt = store.import(&batch(vec![bought("A", "1")])).await.unwrap();
    assert_eq!(receipt.import_id, Some(2));
}

fn reject(line: u64) -> Reject {
    Reject {
        line,
        order_id: format!("R-{line}"),
        column: "price".into(),
        found: "four".into(),
        reason: "expected a number, zero or more".into(),
        text: format!("R-{line},four"),
    }
}

/// Rejected rows come after the trades, in batches; all are kept, or nothing of the file is.
pub async fn rejects_in_batches_are_all_kept(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![bought("X", "100")]).await;
    // All new, and with a known trade among them: a store writes the two in different ways.
    let files = [
        batch(vec![bought("A", "1")]),
        batch(vec![bought("X", "100"), bought("B", "1")]),
    ];
    for (nth, file) in files.into_iter().enumerate() {
        let rejects = (10..15).map(reject).collect();
        let file = ImportBatch { rejects, ..file };
        let before = (ledger(store).await, subject.rejects().await);
        let mut batches = InBatches::new(&file, 2);
        batches.are_rejects_broken = true;
        let error = store
            .import_file(&file.file, &mut batches)
            .await
            .unwrap_err();
        assert!(matches!(error, StoreError::Stopped), "{error:?}");
        assert_eq!((ledger(store).await, subject.rejects().await), before);
        let mut batches = InBatches::new(&file, 2);
        let receipt = store.import_file(&file.file, &mut batches).await.unwrap();
        let id = receipt.import_id.unwrap();
        let kept = subject.rejects().await.split_off(5 * nth);
        let expected: Vec<_> = (10..15)
            .map(|line| (id, line, "price".to_owned()))
            .collect();
        assert_eq!(kept, expected);
        let event = subject.events().await.pop().unwrap();
        assert!(event.contains(r#""rejected":5"#), "{event}");
    }
}

/// An import names the first of many conflicts, and counts all.
pub async fn conflicts_are_counted_and_few_are_named(subject: &dyn Subject) {
    let store = subject.store();
    let rows = |price| -> Vec<_> {
        (0..150)
            .map(|nth| bought(&format!("B-{nth}"), price))
            .collect()
    };
    append(store, rows("100")).await;
    let receipt = store.import(&batch(rows("101"))).await.unwrap();
    assert_eq!((receipt.import_id, receipt.conflict_count()), (None, 150));
    assert_eq!(receipt.conflicts_by_column, [("price", 150)].into());
    let lines: Vec<u64> = receipt.conflicts.iter().map(|of| of.line).collect();
    assert_eq!(lines, (2..102).collect::<Vec<u64>>());
    let skipping = |rows| changed(batch(rows), |file| file.skip_conflicts = true);
    // Without a new row there is no import.
    let receipt = store.import(&skipping(rows("101"))).await.unwrap();
    assert_eq!((receipt.import_id, receipt.conflict_count()), (None, 150));
    let more = [rows("101"), vec![bought("C-1", "1")]].concat();
    store.import(&skipping(more)).await.unwrap();
    let event = subject.events().await.pop().unwrap();
    assert!(event.contains(r#""conflicts":150"#), "{event}");
}
