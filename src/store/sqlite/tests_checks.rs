//! All programs meet the CHECKs of the tables. This one ignores them for the later rows of a load.

use async_trait::async_trait;

use super::loans::{OneByOne, Parts, one_buy_each, outcomes};
use super::*;
use crate::store::limits::ROWS_CHECKED;
use crate::store::rows::{Part, PartSource, Whole};
use crate::store::sqlite::raw::{Load, Raw};
use crate::store::trades::TradeSource;
use crate::store::{StoreError, VersionWriter};

/// Each has a lot and a summary, so a version has more rows than meet the CHECKs.
const POOLS: usize = ROWS_CHECKED / 2 + 100;

/// Tells whether a row that a CHECK forbids is refused. If it is not, it stays.
fn refuses(raw: &rusqlite::Connection) -> bool {
    let void = "INSERT INTO trade_voids (account, order_id, reason, voided_by, undone) \
                VALUES ('a', 'B-1', 'no void', 'ann', 2)";
    match raw.execute(void, []) {
        Ok(_) => false,
        Err(error) => {
            let words = error.to_string();
            assert!(words.contains("CHECK constraint failed"), "{words}");
            true
        }
    }
}

/// Asks each connection of the store's pool, and the connection of another program.
async fn all_refuse(store: &SqliteStore) {
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        connections.push(store.reader().await.unwrap());
    }
    for connection in &mut connections {
        let refused = with_raw(connection, "test", |raw| Ok(refuses(raw)));
        assert!(refused.await.unwrap());
    }
    assert!(refuses(&rusqlite::Connection::open(&store.path).unwrap()));
}

async fn store_of(folder: &Path, trades: usize) -> SqliteStore {
    let holder = Holder {
        pid: 1,
        host: "here".into(),
        since: at(0),
        what: "test".into(),
    };
    let path = folder.join("checks.db");
    let store = SqliteStore::open(&path, true, &holder).await.unwrap();
    store.import(&batch(one_buy_each(trades))).await.unwrap();
    store
}

/// Gives the parts of a version, and then waits for ever.
struct Stuck(Parts);

#[async_trait]
impl PartSource for Stuck {
    async fn next(&mut self) -> StoreResult<Option<Part>> {
        match self.0.next().await? {
            None => std::future::pending().await,
            part => Ok(part),
        }
    }
}

/// Begins a version and returns its parts.
async fn begun(store: &SqliteStore) -> (Box<dyn VersionWriter>, Vec<Part>) {
    let (plan, outcomes) = outcomes(store).await;
    let writer = store.begin_version(&plan).await.unwrap();
    let encoder = writer.encoder();
    let mut parts = Vec::new();
    for outcome in &outcomes {
        let mut whole = Whole::of(outcome, 5, encoder.as_ref()).unwrap();
        while let Some(part) = whole.next().await.unwrap() {
            parts.push(part);
        }
    }
    (writer, parts)
}

/// Spoils the only size of a lot, as a fault of ours would.
fn spoil(part: &mut Part) {
    let Part::Lots(chunk) = part else {
        panic!("{part:?} is no lot");
    };
    let one = [1, 1, 0, 0, 0, b'1'];
    let at = chunk.bytes.windows(one.len()).position(|cell| cell == one);
    chunk.bytes[at.unwrap() + one.len() - 1] = b'x';
}

#[tokio::test]
async fn the_checks_are_left_out_between_the_first_rows_of_a_load_and_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), 1).await;
    let mut transaction = store.writer().await.unwrap();
    let mut load = Load::new(Raw::take(&mut transaction, "test").await.unwrap());
    assert!(refuses(load.next(ROWS_CHECKED).unwrap()));
    assert!(!refuses(load.next(1).unwrap()));
    assert!(refuses(load.end().unwrap()));
    assert!(!refuses(load.next(1).unwrap()));
    drop(load);
    let after = with_raw(&mut transaction, "test", |raw| Ok(refuses(raw)));
    assert!(after.await.unwrap());
}

#[tokio::test]
async fn a_writer_begins_with_all_checks_after_one_that_left_them_out() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), 1).await;
    let leave = |raw: &rusqlite::Connection| {
        raw.execute_batch("PRAGMA ignore_check_constraints = 1")
            .unwrap();
        Ok(())
    };
    for _ in 0..CONNECTIONS_MAX {
        let mut transaction = store.writer().await.unwrap();
        let refused = with_raw(&mut transaction, "test", |raw| Ok(refuses(raw)));
        assert!(refused.await.unwrap());
        with_raw(&mut transaction, "test", leave).await.unwrap();
    }
}

#[tokio::test]
async fn the_checks_hold_again_after_a_version_however_its_load_ended() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), POOLS).await;
    // A fault of ours in the first rows is refused. Only the types guard later rows.
    for (is_first, is_refused) in [(true, true), (false, false)] {
        let (mut writer, mut parts) = begun(&store).await;
        let spoiled = match is_first {
            true => parts.iter_mut().find(|part| matches!(part, Part::Lots(_))),
            false => parts.iter_mut().rfind(|part| matches!(part, Part::Lots(_))),
        };
        spoil(spoiled.unwrap());
        let written = writer.write(&mut Parts(parts.into_iter())).await;
        assert_eq!(written.is_err(), is_refused, "{written:?}");
        drop(writer);
        all_refuse(&store).await;
    }
    // A load that fails after its first rows: the last pool comes twice.
    let (_, mut again) = outcomes(&store).await;
    let (mut writer, mut parts) = begun(&store).await;
    parts.push(Part::Pool(Box::new(again.pop().unwrap()), 5));
    let failed = writer.write(&mut Parts(parts.into_iter())).await;
    let words = failed.unwrap_err().to_string();
    assert!(words.contains("UNIQUE constraint failed"), "{words}");
    drop(writer);
    all_refuse(&store).await;
    // A load that is cancelled while it waits for more.
    let (mut writer, parts) = begun(&store).await;
    let mut stuck = Stuck(Parts(parts.into_iter()));
    let ended = tokio::time::timeout(Duration::from_secs(2), writer.write(&mut stuck));
    assert!(ended.await.is_err(), "it waits for ever");
    assert_eq!(stuck.0.0.len(), 0, "it wrote all there was");
    drop(writer);
    all_refuse(&store).await;
}

/// Gives lots, and then an error; or it waits for ever.
struct Broken(OneByOne, bool);

#[async_trait]
impl TradeSource for Broken {
    fn count(&self) -> u64 {
        self.0.count()
    }

    fn rewind(&mut self) {
        self.0.rewind();
    }

    async fn next_batch(&mut self) -> StoreResult<Option<Vec<LedgerTrade>>> {
        match self.0.next_batch().await? {
            Some(lot) => Ok(Some(lot)),
            None if self.1 => std::future::pending().await,
            None => Err(StoreError::Missing("the file".into())),
        }
    }
}

#[tokio::test]
async fn the_checks_hold_again_after_an_import_however_it_ended() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), 0).await;
    let file = batch(Vec::new()).file;
    let trades = || OneByOne(one_buy_each(2 * POOLS), 0);
    let failed = store.import_file(&file, &mut Broken(trades(), false)).await;
    assert!(matches!(failed, Err(StoreError::Missing(_))), "{failed:?}");
    all_refuse(&store).await;
    let mut stuck = Broken(trades(), true);
    let ended = tokio::time::timeout(Duration::from_secs(2), store.import_file(&file, &mut stuck));
    assert!(ended.await.is_err(), "it waits for ever");
    assert!(stuck.0.1 > 2 * POOLS, "it wrote all there was");
    all_refuse(&store).await;
    store.import_file(&file, &mut trades()).await.unwrap();
    all_refuse(&store).await;
    assert_eq!(store.ledger_counts().await.unwrap().rows, 2 * POOLS as u64);
}

#[tokio::test]
async fn rows_that_left_the_checks_out_would_have_met_them() {
    let folder = tempfile::tempdir().unwrap();
    let store = store_of(folder.path(), 0).await;
    let sizes = ["1", "0.3", "12.00000001", "7", "0.5"];
    let prices = ["0", "0.00000000000001", "99999.99", "3", "120.5"];
    let fees = ["NULL", "0", "-0.05", "1.25", "0.1"];
    let trade = |nth: usize| {
        let (id, side) = (
            format!("T-{nth}"),
            ["buy", "sell", "buy", "sell", "sell"][nth % 5],
        );
        let facts = [
            &*id,
            side,
            sizes[nth % 4],
            prices[nth % 5],
            fees[nth / 7 % 5],
        ];
        row("a", "BTC-USD", facts, nth as i64)
    };
    let trades = (0..3 * ROWS_CHECKED).map(trade).collect();
    let file = batch(Vec::new()).file;
    store
        .import_file(&file, &mut OneByOne(trades, 0))
        .await
        .unwrap();
    run(&store).await;
    let counts = "SELECT count(*), count(*) FILTER (WHERE buy_order_id IS NULL) > 0, \
                  count(*) FILTER (WHERE buy_fees_per_unit IS NULL) > 0 FROM fifo_allocations";
    let counts = ours(&store, counts).await.concat();
    let (rows, others) = counts.split_once('|').unwrap();
    assert_eq!(others, "1|1");
    assert!(rows.parse::<usize>().unwrap() > ROWS_CHECKED, "{rows}");
    let plain = rusqlite::Connection::open(&store.path).unwrap();
    let word = plain.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
    assert_eq!(word.unwrap(), "ok");
}
