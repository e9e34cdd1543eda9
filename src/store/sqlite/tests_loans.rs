//! Tests how often the raw handle is taken: after too many loans, a run waits for itself for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;

use super::super::raw::loans;
use super::*;
use crate::engine::PoolOutcome;
use crate::store::rows::{Part, PartSource};
use crate::store::trades::TradeSource;
use crate::store::{LedgerStore, VersionStore};

/// Pools of one trade each: many times more than the channel of sqlx's worker has places.
const POOLS: usize = 3_000;

/// Loans in a row. If the worker did not answer between them, they would stop for good.
const LOANS: usize = 2_000;

pub(super) struct Parts(pub(super) std::vec::IntoIter<Part>);

#[async_trait]
impl PartSource for Parts {
    async fn next(&mut self) -> StoreResult<Option<Part>> {
        // Like a run, in which the writer waits for the next pool while other tasks go on.
        tokio::task::yield_now().await;
        Ok(self.0.next())
    }
}

/// Gives trades in batches of one.
pub(super) struct OneByOne(pub(super) Vec<LedgerTrade>, pub(super) usize);

#[async_trait]
impl TradeSource for OneByOne {
    fn count(&self) -> u64 {
        self.0.len() as u64
    }

    fn rewind(&mut self) {
        self.1 = 0;
    }

    async fn next_batch(&mut self) -> StoreResult<Option<Vec<LedgerTrade>>> {
        self.1 += 1;
        Ok(self.0.get(self.1 - 1).map(|trade| vec![trade.clone()]))
    }
}

pub(super) fn one_buy_each(pools: usize) -> Vec<LedgerTrade> {
    let of_pool = |pool: usize| {
        let (id, symbol) = (format!("B-{pool}"), format!("X{pool}-USD"));
        row("a", &symbol, [&id, "buy", "1", "2", "0"], 1)
    };
    (0..pools).map(of_pool).collect()
}

/// Opens a store whose sqlx worker keeps at most one command waiting.
async fn narrow(folder: &Path) -> SqliteStore {
    let path = folder.join("narrow.db");
    let holder = Holder {
        pid: 1,
        host: "here".into(),
        since: at(0),
        what: "test".into(),
    };
    drop(SqliteStore::open(&path, true, &holder).await.unwrap());
    let options = SqliteStore::options(&path, false).command_buffer_size(1);
    let pool = SqlitePoolOptions::new().max_connections(CONNECTIONS_MAX);
    SqliteStore {
        rules: Default::default(),
        pool: pool.connect_with(options).await.unwrap(),
        real: path.clone(),
        path,
        copy_made: None,
        adapted: AdaptedViews::new(),
        reading: None,
        origins_max: crate::store::sourced::ORIGINS_MAX,
    }
}

pub(super) async fn outcomes(store: &SqliteStore) -> (VersionPlan, Vec<PoolOutcome>) {
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    let plan = plan(store, 1, read.watermark).await;
    let pools = read.pools.into_values();
    (plan, pools.map(|pool| compute_pool(pool, None)).collect())
}

#[tokio::test]
async fn a_version_and_an_import_take_the_handle_once_for_all_their_parts() {
    let folder = tempfile::tempdir().unwrap();
    let store = narrow(folder.path()).await;
    let mut transaction = store.writer().await.unwrap();
    let mut batches = OneByOne(one_buy_each(POOLS), 0);
    let file = batch(Vec::new()).file;
    let before = loans::taken();
    let appended = import::append(&mut transaction, &file, &mut batches, None).await;
    appended.unwrap();
    assert_eq!(loans::taken() - before, 1, "an import of {POOLS} batches");
    commit(transaction).await.unwrap();

    let (plan, outcomes) = outcomes(&store).await;
    let mut writer = store.begin_version(&plan).await.unwrap();
    let encoder = writer.encoder();
    let mut parts = Vec::new();
    for outcome in &outcomes {
        let mut whole = crate::store::rows::Whole::of(outcome, 5, encoder.as_ref()).unwrap();
        while let Some(part) = whole.next().await.unwrap() {
            parts.push(part);
        }
    }
    assert_eq!(parts.len(), 3 * POOLS);
    let before = loans::taken();
    writer.write(&mut Parts(parts.into_iter())).await.unwrap();
    assert_eq!(loans::taken() - before, 1, "a version of {POOLS} pools");
}

#[tokio::test]
async fn many_loans_in_a_row_never_fill_the_channel_of_the_worker() {
    let folder = tempfile::tempdir().unwrap();
    let store = narrow(folder.path()).await;
    let mut transaction = store.writer().await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    // Busy threads keep sqlx's worker from its processor.
    let busy = || {
        let is_over = Arc::clone(&is_over);
        std::thread::spawn(move || while !is_over.load(Ordering::Relaxed) {})
    };
    let processors = std::thread::available_parallelism().unwrap().get();
    let busy: Vec<_> = (0..processors).map(|_| busy()).collect();
    for _ in 0..LOANS {
        let one = with_raw(&mut transaction, "test", |raw| {
            let one = raw.query_row("SELECT 1", [], |row| row.get::<_, i64>(0));
            one.map_err(|e| from_rusqlite("test", e))
        });
        assert_eq!(one.await.unwrap(), 1);
    }
    is_over.store(true, Ordering::Relaxed);
    busy.into_iter().for_each(|busy| busy.join().unwrap());
}
