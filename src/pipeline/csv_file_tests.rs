//! Tests of `csv_file.rs`: blocks held at once, and a file that changes between its readings.

use std::fs;

use super::*;
use crate::engine::{AssetRules, Timestamp};
use crate::pipeline::{
    Cancel, Clock, ImportRequest, RateRequest, Silent, Wait, import_files, import_rate_files,
    parse_rate_file, parse_source,
};
use crate::store::LedgerStore;
use crate::store::memory::MemoryStore;
use crate::store::model::Holder;

struct Fixed;

impl Clock for Fixed {
    fn now(&self) -> Timestamp {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn elapsed_us(&self) -> i64 {
        0
    }
}

fn context() -> Context {
    Context {
        clock: Arc::new(Fixed),
        progress: Arc::new(Silent),
        cancel: Cancel::default(),
        rules: AssetRules::default().into(),
        holder: Holder {
            pid: 1,
            host: "here".into(),
            since: Fixed.now(),
            what: "test".into(),
        },
        user: "ann".into(),
        wait: Wait::No,
    }
}

fn options() -> ImportOptions {
    ImportOptions {
        now: Fixed.now(),
        ..crate::import::test_options::options()
    }
}

fn row(id: usize, price: &str) -> String {
    format!("A-{id:07},X-USD,buy,1,{price},2025-01-02T03:04:05Z,0\n")
}

/// Writes a file with this number of trades, and `behind` after them.
fn file(folder: &Path, trades: usize, behind: &str) -> PathBuf {
    let rows: String = (0..trades).map(|id| row(id, "10")).collect();
    let header = "order_id,symbol,side,size,price,order_time,total_fees_usd\n";
    let path = folder.join("trades.csv");
    fs::write(&path, format!("{header}{rows}{behind}")).unwrap();
    path
}

/// Trades that take four batches.
const TRADES: usize = 18_000;

/// Trades that take two batches.
const FEW: usize = 7_000;

/// A change of the file.
type Change = fn(&Path);

#[tokio::test(flavor = "multi_thread")]
async fn a_lot_is_a_block_however_large_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), TRADES, "");
    let (csv, checked) = TradeFile::check(&path, &options(), &context())
        .unwrap()
        .unwrap();
    assert_eq!((checked.rows, checked.rejected.count()), (TRADES as u64, 0));
    let mut trades = csv.trades(&context());
    assert_eq!(trades.count(), TRADES as u64);
    // Each reading begins with the first trade, even if the last one stopped halfway.
    for stop_after in [2, usize::MAX] {
        trades.rewind();
        let (mut lines, mut batches) = (1, 0);
        while let Some(batch) = trades.next_batch().await.unwrap() {
            assert!(batch.len() * row(0, "10").len() <= crate::import::BLOCK_BYTES);
            assert!(
                batch
                    .iter()
                    .zip(lines + 1..)
                    .all(|(row, line)| row.import_line == line)
            );
            lines += batch.len() as u64;
            batches += 1;
            if batches == stop_after {
                break;
            }
        }
        assert!(
            batches == 2 || lines == TRADES as u64 + 1,
            "{batches} {lines}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn repeated_ids_are_found_from_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let behind = row(0, "10.0") + &row(1, "11") + &row(TRADES, "10");
    let path = file(folder.path(), TRADES, &behind);
    let source = parse_source(&path, &ImportRequest::default(), &context()).unwrap();
    assert_eq!(
        (source.read.rows, source.read.duplicates),
        (TRADES as u64 + 3, 1)
    );
    let line = TRADES + 3;
    let expected = format!(
        "{line}: order_id is \"A-0000001\", which line 3 has with price \"10\" where this one has \
         \"11\", expected an id of its own"
    );
    assert_eq!(source.read.rejected.count(), 1);
    assert_eq!(source.read.rejected.kept()[0].to_string(), expected);
    let request = ImportRequest {
        skip_invalid: true,
        ..ImportRequest::default()
    };
    let store = MemoryStore::new();
    let reports = import_files(Some(&store), vec![source], &request, &context()).await;
    let receipt = reports.unwrap().remove(0).receipt.unwrap();
    assert_eq!(receipt.appended, TRADES as u64 + 1);
    let known = parse_source(&path, &request, &context()).unwrap();
    let reports = import_files(Some(&store), vec![known], &request, &context()).await;
    let receipt = reports.unwrap().remove(0).receipt.unwrap();
    assert_eq!((receipt.appended, receipt.known), (0, TRADES as u64 + 1));
}

/// Blocks are read at once, and equal rows of a file without ids stand in several of them.
#[tokio::test(flavor = "multi_thread")]
async fn equal_rows_in_several_blocks_get_the_ids_of_the_whole_file() {
    let folder = tempfile::tempdir().unwrap();
    let header = "Date(UTC),Market,Type,Price,Amount,Total,Fee,Fee Coin\n";
    let row =
        |size: usize| format!("2019-03-04 05:06:07,ETHUSDT,BUY,100,{size},{size}00,0.001,BNB\n");
    let rows: String = (0..TRADES).map(|nth| row(nth % 7_000 + 1)).collect();
    let path = folder.path().join("trades.csv");
    fs::write(&path, format!("{header}{rows}")).unwrap();
    let bytes = fs::read(&path).unwrap();
    assert!(bytes.len() > 2 * crate::import::BLOCK_BYTES);
    let whole = crate::import::parse_csv(&bytes, &options(), &mut |_| ()).unwrap();
    let (csv, _) = TradeFile::check(&path, &options(), &context())
        .unwrap()
        .unwrap();
    let mut trades = csv.trades(&context());
    for _ in 0..2 {
        trades.rewind();
        let mut all = Vec::new();
        while let Some(batch) = trades.next_batch().await.unwrap() {
            all.extend(batch);
        }
        assert_eq!(all, whole.trades);
    }
    let mut ids: Vec<_> = whole.trades.iter().map(|row| &row.trade.order_id).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), TRADES);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_since_it_was_checked_is_not_imported() {
    let folder = tempfile::tempdir().unwrap();
    let changes: [(&str, Change); 5] = [
        ("one digit", |path| {
            let text = fs::read_to_string(path).unwrap();
            fs::write(path, text.replacen(",10,", ",11,", 1)).unwrap();
        }),
        ("cut", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("empty", |path| fs::write(path, "").unwrap()),
        ("longer", |path| {
            let text = fs::read_to_string(path).unwrap();
            fs::write(path, text + &row(FEW, "10")).unwrap();
        }),
        ("gone", |path| fs::remove_file(path).unwrap()),
    ];
    for (what, change) in changes {
        let path = file(folder.path(), FEW, "");
        let request = ImportRequest::default();
        let source = parse_source(&path, &request, &context()).unwrap();
        change(&path);
        let store = MemoryStore::new();
        let done = import_files(Some(&store), vec![source], &request, &context()).await;
        let error = done.unwrap_err();
        match what {
            "gone" => assert!(
                matches!(error, PipelineError::Unreadable { .. }),
                "{error:?}"
            ),
            _ => assert!(
                matches!(error, PipelineError::Changed { .. }),
                "{what}: {error:?}"
            ),
        }
        assert_eq!(store.ledger_counts().await.unwrap().rows, 0, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_ends_an_import_between_two_batches() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(folder.path(), TRADES, "");
    let context = context();
    let (csv, _) = TradeFile::check(&path, &options(), &context)
        .unwrap()
        .unwrap();
    let mut trades = csv.trades(&context);
    assert!(trades.next_batch().await.unwrap().is_some());
    context.cancel.cancel();
    let error = trades.next_batch().await.unwrap_err();
    let stopped = trades.why_stopped::<()>(Err(error));
    assert!(
        matches!(stopped, Err(PipelineError::Interrupted)),
        "{stopped:?}"
    );
}

/// Requests a stop when it is asked for the time the third time.
struct Stopping {
    cancel: Cancel,
    asked: std::sync::atomic::AtomicUsize,
}

impl Clock for Stopping {
    fn now(&self) -> Timestamp {
        if self.asked.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 2 {
            self.cancel.cancel();
        }
        Fixed.now()
    }

    fn elapsed_us(&self) -> i64 {
        0
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_between_two_files_names_those_that_are_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = MemoryStore::new();
    let stopped_with = |error: PipelineError| match error {
        PipelineError::SomeImported { files, error } => (files, error.to_string()),
        error => panic!("{error}"),
    };
    // The reading of each file asks for the time once, and the import of the first one.
    let cancel = Cancel::default();
    let stopping = Stopping {
        cancel: cancel.clone(),
        asked: Default::default(),
    };
    let context_at_rest = context();
    let context = Context {
        clock: Arc::new(stopping),
        cancel,
        ..context()
    };
    let request = RateRequest::default();
    let mut names = Vec::new();
    let files = ["1.08", "1.09"].map(|rate| {
        let path = folder.path().join(format!("{rate}.csv"));
        fs::write(&path, format!("Date,USD,\n2025-03-07,{rate},\n")).unwrap();
        names.push(path.display().to_string());
        parse_rate_file(&path, &request, &context).unwrap()
    });
    let done = import_rate_files(Some(&store), files.into(), &request, &context).await;
    let (files, error) = stopped_with(done.unwrap_err());
    assert_eq!((&files[..], error.as_str()), (&names[..1], "interrupted"));
    let request = ImportRequest::default();
    let source = parse_source(&file(folder.path(), 1, ""), &request, &context_at_rest);
    let done = import_files(Some(&store), vec![source.unwrap()], &request, &context).await;
    let (files, error) = stopped_with(done.unwrap_err());
    assert_eq!((files.len(), error.as_str()), (0, "interrupted"));
}
