//! The views and the decimal functions: through our connections and through the sqlite3 shell.

#[path = "tests_checks.rs"]
mod checks;
#[path = "tests_loans.rs"]
mod loans;

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use rusqlite::types::ValueRef;

use super::raw::with_raw;
use super::*;
use crate::engine::{
    Account, ActionKind, ActionRatio, AssetAction, AssetRules, Carried, Direction, IssueType,
    LedgerTrade, Movement, MovementKind, RowsHash, Timestamp, Trade, TradeText, compute_pool,
    review_items,
};
use crate::store::model::{
    Completion, Event, EventKind, ImportBatch, ImportFile, ImportMode, ImportUndo, ReviewUpdate,
    RunCounts, RunMode, RunStart, Scope, Version, VersionOrigin, VersionPlan, VersionStatus,
    VoidChange, Watermark,
};
use crate::store::{HistoryStore, ImportStore, LedgerStore, RunStore, VersionStore};

fn at(seconds: i64) -> Timestamp {
    Timestamp::try_from_micros(1_735_787_045_000_006 + seconds * 1_000_000).unwrap()
}

fn row(account: &str, symbol: &str, facts: [&str; 5], seconds: i64) -> LedgerTrade {
    let [order_id, side, size, price, fee] = facts;
    let text = TradeText {
        order_id,
        side,
        size,
        price,
        fee: (fee != "NULL").then_some(fee),
        order_time_micros: Some(at(seconds).as_micros()),
        trade_seq: None,
        more: None,
    };
    LedgerTrade {
        account: account.parse().unwrap(),
        symbol: symbol.parse().unwrap(),
        symbol_text: symbol.into(),
        trade: Trade::try_from_text(&text).unwrap(),
        status: None,
        carried: Carried::default(),
        import_line: 2,
    }
}

fn trades() -> Vec<LedgerTrade> {
    let mut cancelled = row("a", "BTC-USD", ["S-9", "sell", "1", "1", "0"], 9);
    cancelled.status = Some("cancelled".into());
    let before_1970 = -1_735_787_046;
    vec![
        row(
            "a",
            "btc/usd",
            ["B-1", "buy", "1.5", "100.123456789", "0.1"],
            before_1970,
        ),
        row("a", "BTC-USD", ["S-1", "sell", "0.7", "110.25", "-0.05"], 3),
        row("a", "BTC-USD", ["S-2", "sell", "1.3", "120.5", "NULL"], 4),
        row("a", "BTC-USD", ["B-2", "buy", "2", "99.5", "0"], 5),
        row(
            "b",
            "BTC-USD",
            ["B-1", "buy", "1", "0.00000000000001", "3"],
            1,
        ),
        row("b", "BTC-USD", ["S-1", "sell", "0.5", "100", "0.3"], 2),
        row("b", "ETH-USD", ["B-2", "buy", "0.5", "100", "0.1"], 2),
        row("b", "BTC-EUR", ["B-3", "buy", "0.5", "100", "0.1"], 2),
        cancelled,
    ]
}

fn batch(trades: Vec<LedgerTrade>) -> ImportBatch {
    let file = ImportFile {
        name: "trades.csv".into(),
        sha256: "0".repeat(64),
        mode: ImportMode::Append,
        skip_conflicts: false,
        preview: false,
        imported_at: at(100),
        imported_by: "ann".into(),
        cancelled: Vec::new(),
        account: Account::default(),
    };
    let rejects = Vec::new();
    ImportBatch {
        movements: Vec::new(),
        actions: Vec::new(),
        file,
        trades,
        rejects,
    }
}

/// Begins a run that is to write a version over all pools.
async fn plan(store: &SqliteStore, version: Version, watermark: Watermark) -> VersionPlan {
    let run = RunStart {
        scope: Scope::default(),
        version: Some(version),
        batch_id: "batch".into(),
        started_at: at(200),
        mode: RunMode::Full,
        triggered_by: "ann".into(),
        host: "here".into(),
        pid: 1,
    };
    VersionPlan {
        version,
        run_id: store.begin_run(&run).await.unwrap(),
        batch_id: "batch".into(),
        scope: Scope::default(),
        origin: VersionOrigin::Full,
        policy: "{}".into(),
        watermark,
        created_at: at(200),
        allocation_time: at(201),
        replaces: false,
        cut: None,
    }
}

/// Writes a version over all pools, published.
async fn run(store: &SqliteStore) {
    let version = store.next_version().await.unwrap();
    let read = store.read_ledger(&Scope::default(), None).await.unwrap();
    let plan = plan(store, version, read.watermark).await;
    let mut review = ReviewUpdate {
        kinds: BTreeSet::from([IssueType::UnmatchedSell, IssueType::MissingFx]),
        ..ReviewUpdate::default()
    };
    let mut writer = store.begin_version(&plan).await.unwrap();
    for ledger in read.pools.into_values() {
        let outcome = compute_pool(ledger, None);
        writer.load(&outcome, 5).await.unwrap();
        review
            .items
            .extend(review_items(&outcome, &AssetRules::default()).unwrap());
    }
    let completion = Completion {
        status: VersionStatus::Partial,
        completed_at: at(202),
        duration_ms: 2000,
        ledger_hash: RowsHash::EMPTY,
        allocations_hash: RowsHash::EMPTY,
        rates: Default::default(),
        lot_moves: Vec::new(),
        complete_through: None,
        counts: RunCounts::default(),
        publish: true,
        held: false,
        review,
        details: serde_json::json!({}),
    };
    writer.finish(&completion).await.unwrap();
}

fn split_of_nothing() -> AssetAction {
    AssetAction {
        account: None,
        action_id: "S-1".parse().unwrap(),
        kind: ActionKind::Split,
        asset: "NONE".parse().unwrap(),
        happened_at: at(2),
        ratio: ActionRatio::try_read("4", "1"),
        units: None,
        other_asset: None,
        basis_share: None,
        exchange: None,
        import_line: 9,
        voids: None,
        note: None,
        moved_at: None,
    }
}

/// Makes a store with two versions, a trade that came after them, and a void.
async fn filled(folder: &Path) -> SqliteStore {
    let holder = Holder {
        pid: 1,
        host: "here".into(),
        since: at(0),
        what: "test".into(),
    };
    let path = folder.join("fifo.db");
    let store = SqliteStore::open(&path, true, &holder).await.unwrap();
    let mut first = batch(trades());
    first.movements.push(Movement {
        account: "a".parse().unwrap(),
        movement_id: "M-1".parse().unwrap(),
        asset: "BTC".parse().unwrap(),
        direction: Direction::In,
        size: "0.5".parse().unwrap(),
        fee: None,
        usd_value: None,
        kind: MovementKind::Deposit,
        moved_at: at(2),
        settled_at: None,
        tx_id: Some("0xabc".into()),
        exchange: None,
        import_line: 9,
    });
    first.actions.push(split_of_nothing());
    store.import(&first).await.unwrap();
    run(&store).await;
    run(&store).await;
    let late = row("a", "BTC-USD", ["S-3", "sell", "0.1", "1", "0"], 6);
    store.import(&batch(vec![late])).await.unwrap();
    let void = VoidChange {
        account: "b".parse().unwrap(),
        order_id: "S-1".into(),
        reason: "booked twice".into(),
        voided_by: "ann".into(),
        voided_at: at(300),
        undo: false,
    };
    store.void(&void).await.unwrap();
    let undo = ImportUndo {
        import_id: 2,
        reason: "another account's".into(),
        changed_by: "ann".into(),
        changed_at: at(310),
        put_back: false,
    };
    store.undo_import(&undo).await.unwrap();
    let export = Event::info(
        EventKind::Export,
        at(400),
        serde_json::json!({ "file": "out.csv" }),
    );
    store.log_event(&export).await.unwrap();
    store
}

/// Runs a query on one of our connections. Returns the rows as the shell prints them.
async fn ours(store: &SqliteStore, sql: &str) -> Vec<String> {
    let mut connection = store.reader().await.unwrap();
    let lines = with_raw(&mut connection, "test", |raw| {
        let mut statement = raw.prepare(sql).map_err(|e| from_rusqlite("prepare", e))?;
        let columns = statement.column_count();
        let cell = |row: &rusqlite::Row<'_>, column| match row.get_ref(column).unwrap() {
            ValueRef::Null => "NULL".to_owned(),
            ValueRef::Integer(value) => value.to_string(),
            ValueRef::Real(value) => shown_real(value),
            ValueRef::Text(text) => String::from_utf8(text.to_vec()).unwrap(),
            ValueRef::Blob(_) => "a blob".to_owned(),
        };
        let line = |row: &rusqlite::Row<'_>| {
            let cells: Vec<String> = (0..columns).map(|column| cell(row, column)).collect();
            Ok(cells.join("|"))
        };
        let rows = statement
            .query_map([], line)
            .map_err(|e| from_rusqlite("query", e))?;
        Ok(rows.map(Result::unwrap).collect())
    });
    lines.await.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

/// Runs a query in the sqlite3 shell. Returns the printed rows.
fn shell(path: &Path, sql: &str) -> Vec<String> {
    let output = Command::new("sqlite3")
        .args(["-bail", "-batch", "-list", "-nullvalue", "NULL"])
        .args([path.as_os_str(), sql.as_ref()])
        .output()
        .expect("the sqlite3 shell is needed: scripts/setup --test installs it");
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{sql}: {error}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// Prints the one average of the views as the shell does: with at most 15 digits.
fn shown_real(value: f64) -> String {
    let whole_digits = (value.abs() as i64).to_string().len();
    let decimals = 15_usize.saturating_sub(whole_digits);
    canonical(&format!("{value:.decimals$}"))
}

/// Removes what the shell's functions leave: zeros of the operands' decimals, the sign of zero.
fn canonical(cell: &str) -> String {
    if cell.parse::<f64>().is_err() || !cell.contains(['.', '-']) {
        return cell.to_owned();
    }
    let digits = match cell.contains('.') {
        true => cell.trim_end_matches('0').trim_end_matches('.'),
        false => cell,
    };
    if digits == "-0" { "0" } else { digits }.to_owned()
}

const VIEWS: [(&str, usize); 21] = [
    ("schema_version", 3),
    ("active_import_voids", 1),
    ("active_voids", 1),
    ("eligible_actions", 1),
    ("eligible_movements", 1),
    ("eligible_trades", 9),
    ("ineligible_trades", 1),
    ("v_allocation_health", 2),
    ("v_current_allocations", 4),
    ("v_unmatched_sells", 1),
    ("v_pnl_by_symbol", 2),
    ("fifo_symbol_summary", 8),
    ("v_allocation_discrepancies", 3),
    ("v_open_inventory", 3),
    ("v_run_status", 2),
    ("review_history", 2),
    ("export_log", 1),
    ("migration_attempts", 1),
    ("account_sync_health", 0),
    ("recent_sync_failures", 0),
    ("v_sync_status", 0),
];

#[tokio::test]
async fn every_view_reads_the_same_through_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path()).await;
    let views = ours(
        &store,
        "SELECT name FROM sqlite_master WHERE type = 'view' ORDER BY 1",
    )
    .await;
    let mut known: Vec<&str> = VIEWS.iter().map(|(view, _)| *view).collect();
    known.sort_unstable();
    assert_eq!(views, known);
    for (view, rows) in VIEWS {
        let sql = format!("SELECT * FROM {view} ORDER BY 1, 2");
        let found = ours(&store, &sql).await;
        assert_eq!(found.len(), rows, "{view}: {found:#?}");
        let theirs: Vec<String> = shell(&store.path, &sql)
            .iter()
            .map(|line| line.split('|').map(canonical).collect::<Vec<_>>().join("|"))
            .collect();
        assert_eq!(found, theirs, "{view}");
    }
}

#[tokio::test]
async fn views_say_what_the_version_holds() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path()).await;
    let of = async |sql: &str| ours(&store, sql).await;
    assert_eq!(
        of(
            "SELECT allocation_version, total_allocations, sells_matched, buys_used, \
            unmatched_sells, status, is_current, first_allocation FROM v_allocation_health"
        )
        .await,
        [
            "1|3|3|2|1|partial|0|2025-01-02T03:07:26.000006Z",
            "2|3|3|2|1|partial|1|2025-01-02T03:07:26.000006Z",
        ]
    );
    let sums = "SELECT total_pnl FROM v_allocation_health WHERE is_current";
    let stored = "SELECT decimal_sum(pnl_usd) FROM v_current_allocations";
    assert_eq!(of(sums).await, of(stored).await);
    assert_eq!(
        of(
            "SELECT sell_order_id, account, unmatched_size, sell_time, status, notes \
            FROM v_unmatched_sells"
        )
        .await,
        ["S-2|a|0.5|2025-01-02T03:04:09.000006Z|pending|unmatched;sell_fee_unknown"]
    );
    assert_eq!(
        of(
            "SELECT sell_order_id, allocated_total, discrepancy, status \
            FROM v_allocation_discrepancies ORDER BY 1, 2"
        )
        .await,
        ["S-1|0.5|0|OK", "S-1|0.7|0|OK", "S-2|1.3|0|OK"],
        "as of the watermark: no later sell, and a later void changes nothing"
    );
    assert_eq!(
        of(
            "SELECT account, buy_order_id, remaining_size, buy_time FROM v_open_inventory \
            ORDER BY 1, 2"
        )
        .await,
        [
            "a|B-2|2|2025-01-02T03:04:10.000006Z",
            "b|B-1|0.5|2025-01-02T03:04:06.000006Z",
            "b|B-2|0.5|2025-01-02T03:04:07.000006Z",
        ]
    );
    assert_eq!(
        of("SELECT min(buy_time) FROM v_current_allocations").await,
        ["-999994"]
    );
}

#[tokio::test]
async fn decimal_functions_agree_with_the_shell() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path()).await;
    let numbers = [
        "0",
        "1",
        "-1",
        "0.1",
        "-0.1",
        "10",
        "100",
        "1.5",
        "0.000000000001",
        "99999.99",
        "123456789012345678901234567890.123456789012",
        "-7000000000000000000000000",
        "0.0000000000000000000000000001",
    ];
    for left in numbers {
        for right in numbers {
            let sub = format!("SELECT decimal_sub('{left}', '{right}')");
            let values = format!("('{left}'), ('{right}'), (NULL)");
            let sum = format!("SELECT decimal_sum(column1) FROM (VALUES {values})");
            for sql in [sub, sum] {
                let theirs = shell(&store.path, &sql);
                assert_eq!(ours(&store, &sql).await, [canonical(&theirs[0])], "{sql}");
            }
        }
    }
    let nothing = "SELECT decimal_sum(column1) FROM (VALUES (NULL))";
    assert_eq!(ours(&store, nothing).await, ["NULL"]);
    assert_eq!(shell(&store.path, nothing).len(), 1);
}

#[tokio::test]
async fn only_the_first_version_and_import_make_indexes_last_and_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let store = filled(folder.path()).await;
    let indexes = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'index' \
         AND tbl_name IN ('fifo_allocations', 'fifo_inventory_snapshot') AND sql IS NOT NULL \
         ORDER BY 1, 2";
    let with_rows = ours(&store, indexes).await;
    assert_eq!(with_rows.len(), 5);
    let empty = folder.path().join("empty.db");
    let holder = Holder {
        pid: 1,
        host: "here".into(),
        since: at(0),
        what: "test".into(),
    };
    let empty = SqliteStore::open(&empty, true, &holder).await.unwrap();
    assert_eq!(ours(&empty, indexes).await, with_rows);

    // While they are gone, other connections see them, and a transaction that ends takes all back.
    let mut writer = empty.writer().await.unwrap();
    let drop_in = |raw: &rusqlite::Connection| {
        let dropped =
            indexes::drop_if_empty(raw, &["fifo_allocations", "fifo_inventory_snapshot"]).unwrap();
        let count = "SELECT count(*) FROM sqlite_master WHERE tbl_name LIKE 'fifo_%' \
             AND name IN ('fifo_allocations_pair_key', 'fifo_inventory_snapshot_lot_key')";
        let left: i64 = raw.query_row(count, [], |row| row.get(0)).unwrap();
        Ok((dropped, left))
    };
    let (dropped, left) = with_raw(&mut writer, "test", drop_in).await.unwrap();
    assert_eq!(left, 0);
    assert_eq!(ours(&empty, indexes).await, with_rows);
    drop((writer, dropped));
    assert_eq!(ours(&empty, indexes).await, with_rows);

    // Rows of older versions would have to be sorted again.
    let mut writer = store.writer().await.unwrap();
    let (_, left) = with_raw(&mut writer, "test", drop_in).await.unwrap();
    assert_eq!(left, 2);
}
