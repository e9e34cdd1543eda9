//! The cases worked by hand in `fixtures/cases`, through the real programs, byte for byte.
//!
//! A case's files are numbered: step N imports `N-rates.csv` and `N-trades.csv`, those that are
//! there, and computes version N. Every
//! difference of every case is listed, as `-` expected and `+` found. The expected files come from
//! an independent calculation. If the engine differs, find out which of them is right.
#![cfg(feature = "cli")]

use crate::support;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Folder, diff, repository};

const OPEN_LOTS_HEADER: &str =
    "account,asset,symbol,buy_order_id,buy_leg,remaining_size,remaining_cost_usd";
const REVIEW_HEADER: &str = "account,asset,order_id,issue_type,severity,status";
const REJECTS_HEADER: &str = "line,column";

const SETTINGS: &str = "settings.toml";

/// Fewer cases than this, and the folder was not found or something was lost.
const CASES_MIN: usize = 50;

#[test]
fn every_case_comes_out_as_worked_by_hand() {
    let folder = repository().join("fixtures/cases");
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    cases.sort();
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    // The programs mostly wait for the disk: a few cases at a time.
    let differences: Vec<String> = std::thread::scope(|scope| {
        let workers: Vec<_> = cases
            .chunks(cases.len().div_ceil(4))
            .map(|part| scope.spawn(|| part.iter().flat_map(|case| run_case(case)).collect()))
            .collect();
        let found = workers.into_iter().map(|worker| worker.join().unwrap());
        found.collect::<Vec<Vec<String>>>().concat()
    });
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
}

/// Runs a case and returns its differences.
fn run_case(case: &Path) -> Vec<String> {
    let folder = Folder::new();
    let name = case.file_name().unwrap().to_string_lossy().into_owned();
    let mut found = Vec::new();
    let mut seen = vec![case.join("case.md"), case.join(SETTINGS)];
    if case.join(SETTINGS).exists() {
        fs::copy(case.join(SETTINGS), folder.join("fifo-pnl.toml")).unwrap();
    }
    let mut step = 1;
    while is_step(case, step) {
        for (file, text) in run_step(&folder, case, step) {
            let path = case.join(&file);
            let expected = fs::read_to_string(&path).unwrap_or_default();
            let difference = diff(&expected, &text);
            if !difference.is_empty() {
                found.push(format!("{name}/{file}\n{difference}"));
            }
            seen.push(path);
        }
        step += 1;
    }
    for entry in fs::read_dir(case).unwrap() {
        let path = entry.unwrap().path();
        if !seen.contains(&path) && path.metadata().unwrap().len() > 0 {
            found.push(format!("{}: nothing compares this file\n", path.display()));
        }
    }
    found
}

fn is_step(case: &Path, step: usize) -> bool {
    let has = |kind: &str| case.join(format!("{step}-{kind}.csv")).exists();
    has("rates") || has("trades")
}

/// Copies a file of a case, if it is there, and returns its name and text.
fn copied(folder: &Folder, case: &Path, name: &str) -> Option<(String, String)> {
    let text = fs::read_to_string(case.join(name)).ok()?;
    fs::write(folder.join(name), &text).unwrap();
    Some((name.to_owned(), text))
}

/// Imports, computes and validates; returns the files that came out, by name.
fn run_step(folder: &Folder, case: &Path, step: usize) -> Vec<(String, String)> {
    let rates = copied(folder, case, &format!("{step}-rates.csv"));
    if let Some((name, _)) = &rates {
        folder.fifo_pnl(&["import", "rates", name]).expect(0);
    }
    let trades = copied(folder, case, &format!("{step}-trades.csv"));
    let mut rejected_rows = table(REJECTS_HEADER, Vec::new());
    if let Some((name, _)) = &trades {
        let imported = folder.fifo_pnl(&["import", "--skip-invalid", "--json", name]);
        rejected_rows = rejects(&imported.json());
        let has_rejects = rejected_rows.lines().count() > 1;
        assert_eq!(
            imported.code,
            i32::from(has_rejects),
            "{case:?} {imported:?}"
        );
    }
    let version = step.to_string();
    let computed = folder.compute(&["--all-symbols", "--json"]);
    let pools = computed.json()["pools"].as_array().unwrap().clone();
    let rejected = pools.iter().any(|pool| pool["status"] == "rejected");
    assert_eq!(computed.code, i32::from(rejected), "{case:?} {computed:?}");
    assert_eq!(computed.json()["version"], step);
    assert_eq!(computed.json()["current_version"], step, "{case:?}");
    folder.validate(&["--version", &version]).expect(0);
    let mut files: Vec<(String, String)> = rates.into_iter().chain(trades).collect();
    files.extend([
        (format!("{step}-allocations.csv"), folder.export(&version)),
        (format!("{step}-open-lots.csv"), open_lots(folder)),
        (format!("{step}-review.csv"), review(folder)),
    ]);
    let name = format!("{step}-rejects.csv");
    if rejected_rows.lines().count() > 1 || case.join(&name).exists() {
        files.push((name, rejected_rows));
    }
    files
}

fn rejects(imported: &Value) -> String {
    let rows = imported["files"][0]["rejected"].as_array().unwrap();
    let row = |row: &Value| format!("{},{}", row["line"], row["column"].as_str().unwrap());
    table(REJECTS_HEADER, rows.iter().map(row).collect())
}

/// The open lots of the current version, oldest first.
fn open_lots(folder: &Folder) -> String {
    let query = "SELECT v.account || ',' || v.asset || ',' || v.symbol || ',' || \
                 v.buy_order_id || ',' || ifnull(v.buy_leg, '') || ',' || \
                 v.remaining_size || ',' || v.remaining_cost_usd \
                 FROM v_open_inventory v JOIN trade_records t \
                 ON t.account = v.account AND t.order_id = v.buy_order_id \
                 ORDER BY v.account, v.asset, t.order_time, t.trade_seq IS NULL, t.trade_seq, \
                 t.order_id";
    table(OPEN_LOTS_HEADER, folder.sql(query))
}

fn review(folder: &Folder) -> String {
    let query = "SELECT account || ',' || asset || ',' || order_id || ',' || issue_type || ',' || \
                 severity || ',' || status \
                 FROM manual_review_queue ORDER BY account, asset, order_id";
    table(REVIEW_HEADER, folder.sql(query))
}

fn table(header: &str, rows: Vec<String>) -> String {
    let mut text = format!("{header}\n");
    for row in rows {
        text.push_str(&row);
        text.push('\n');
    }
    text
}
