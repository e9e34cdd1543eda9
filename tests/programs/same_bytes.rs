//! The same trades give the same bytes: in any order of import, on any number of threads.
//!
//! Histories are made from fixed seeds; a failure names the one it had.
#![cfg(feature = "cli")]

use crate::support;

use num_bigint::BigUint;
use serde_json::Value;
use sha2::{Digest, Sha256};
use support::ledger::{Random, Shape, csv, rows};
use support::{Folder, diff};

/// Many ties, three accounts, few symbols: the order of trades hangs on every rule of it.
const TIES: Shape = Shape {
    trades: 120,
    accounts: 3,
    symbols: 3,
    seconds: 40,
};

/// Hashes and counts that identify a version.
#[derive(Debug, PartialEq, Eq)]
struct Version {
    ledger_hash: String,
    allocations_hash: String,
    export: String,
}

/// Computes a version and returns it.
fn compute(folder: &Folder, jobs: &str) -> Version {
    let done = folder
        .compute(&["--all-symbols", "--json", "--jobs", jobs])
        .expect(0);
    let json = done.json();
    let text = |name: &str| json[name].as_str().unwrap().to_owned();
    Version {
        ledger_hash: text("ledger_hash"),
        allocations_hash: text("allocations_hash"),
        export: folder.export(&json["version"].to_string()),
    }
}

/// Checks that two versions are the same, and shows the rows that differ.
#[track_caller]
fn assert_same(first: &Version, other: &Version, what: &str) {
    let differs = diff(&first.export, &other.export);
    assert_eq!(differs, "", "{what}");
    assert_eq!(first, other, "{what}");
}

/// Splits rows into files and returns their names.
fn write_files(folder: &Folder, rows: &[String], files: usize) -> Vec<String> {
    let parts = rows.chunks(rows.len().div_ceil(files));
    let write = |(number, part): (usize, &[String])| {
        let name = format!("part-{number}.csv");
        folder.write(&name, csv(part));
        name
    };
    parts.enumerate().map(write).collect()
}

#[test]
fn any_order_of_import_and_any_number_of_threads() {
    for seed in 1..=8 {
        let mut random = Random(seed);
        let mut rows = rows(TIES, seed);
        let first = Folder::with_trades(&csv(&rows));
        let version = compute(&first, "1");
        assert_same(
            &version,
            &compute(&first, "8"),
            &format!("seed {seed}, 8 threads"),
        );

        random.shuffle(&mut rows);
        let shuffled = Folder::with_trades(&csv(&rows));
        assert_same(
            &version,
            &compute(&shuffled, "8"),
            &format!("seed {seed}, shuffled"),
        );

        random.shuffle(&mut rows);
        let split = Folder::new();
        let mut files = write_files(&split, &rows, 4);
        random.shuffle(&mut files);
        let mut args = vec!["import"];
        args.extend(files.iter().map(String::as_str));
        split.fifo_pnl(&args).expect(0);
        assert_same(
            &version,
            &compute(&split, "2"),
            &format!("seed {seed}, four files"),
        );
    }
}

#[test]
fn a_ledger_read_in_parts_gives_the_same() {
    for seed in 21..=23 {
        let folder = Folder::with_trades(&csv(&rows(TIES, seed)));
        let whole = compute(&folder, "2");
        // Some pools a part, and each pool in a part of its own.
        for memory in ["4K", "1K", "1"] {
            let args = ["--all-symbols", "--json", "--memory", memory];
            let json = folder.compute(&args).expect(0).json();
            assert_eq!(
                json["ledger_hash"],
                whole.ledger_hash.as_str(),
                "{seed} {memory}"
            );
            let export = folder.export(&json["version"].to_string());
            assert_eq!(diff(&whole.export, &export), "", "{seed} {memory}");
            folder.validate(&["--version", "current"]).expect(0);
            let dry = ["--all-symbols", "--json", "--dry-run", "--memory", memory];
            let dry = folder.compute(&dry).expect(0).json();
            assert_eq!(dry["allocations_hash"], whole.allocations_hash.as_str());
        }
        let scoped = ["--symbol", "NONE-USD", "--memory", "1"];
        let refused = folder.compute(&scoped).expect(2);
        assert!(refused.stderr.contains("NONE-USD"), "{}", refused.stderr);
    }
}

#[test]
fn versions_in_between_leave_no_trace() {
    for seed in 11..=13 {
        let mut rows = rows(TIES, seed);
        let whole = compute(&Folder::with_trades(&csv(&rows)), "2");
        let mut random = Random(seed);
        random.shuffle(&mut rows);
        let step_by_step = Folder::new();
        for file in write_files(&step_by_step, &rows, 5) {
            step_by_step.fifo_pnl(&["import", &file]).expect(0);
            compute(&step_by_step, "2");
        }
        assert_same(
            &whole,
            &compute(&step_by_step, "1"),
            &format!("seed {seed}"),
        );
        step_by_step.validate(&["--version", "current"]).expect(0);
    }
}

/// Sums up the SHA-256 of each line, its line feed included, modulo 2^256. The header does not
/// count.
fn hash_of_lines(export: &str) -> String {
    let hash = |line: &str| BigUint::from_bytes_be(&Sha256::digest(line));
    let sum: BigUint = export.split_inclusive('\n').skip(1).map(hash).sum();
    let modulus = BigUint::from(2_u8).pow(256);
    format!("{:064x}", sum % modulus)
}

#[test]
fn anybody_can_recompute_the_hash_from_the_export() {
    for seed in 21..=24 {
        let folder = Folder::with_trades(&csv(&rows(TIES, seed)));
        let version = compute(&folder, "2");
        assert!(version.export.lines().count() > 50, "seed {seed}");
        assert_eq!(
            hash_of_lines(&version.export),
            version.allocations_hash,
            "seed {seed}"
        );
        let listed = folder
            .fifo_pnl(&["versions", "list", "--json"])
            .expect(0)
            .json();
        assert_eq!(
            listed["versions"][0]["allocations_hash"],
            version.allocations_hash
        );
        assert_eq!(listed["versions"][0]["ledger_hash"], version.ledger_hash);
    }
}

#[test]
fn a_file_and_stdout_have_the_same_export() {
    let folder = Folder::with_trades(&csv(&rows(TIES, 31)));
    let version = compute(&folder, "2");
    let written = folder.fifo_pnl(&["versions", "export", "1", "-o", "out.csv", "--json"]);
    let json = written.expect(0).json();
    let file = folder.read("out.csv");
    assert_eq!(diff(&version.export, &file), "");
    assert_eq!(json["rows"], file.lines().count() - 1);
    let digest = Sha256::digest(&file);
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(json["sha256"], hex);
    let logged = folder.value("SELECT json_extract(details, '$.sha256') FROM export_log");
    assert_eq!(logged, hex);
    let header = "account,symbol,sell_order_id,buy_order_id,allocated_size,buy_price,sell_price,\
                  buy_fees_per_unit,sell_fees_per_unit,cost_basis_usd,proceeds_usd,\
                  net_proceeds_usd,pnl_usd,buy_time,sell_time,notes,asset,sell_leg,buy_leg,\
                  buy_account,buy_movement,direction";
    assert_eq!(file.lines().next(), Some(header));
    assert!(!file.contains('\r') && file.ends_with('\n'));
}

#[test]
fn undoing_a_void_gives_the_first_version_again() {
    for seed in 41..=43 {
        let rows = rows(TIES, seed);
        let folder = Folder::with_trades(&csv(&rows));
        let first = compute(&folder, "2");
        // A buy that some sell used.
        let used = first.export.lines().skip(1).find_map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            (!cells[3].is_empty()).then(|| (cells[0].to_owned(), cells[3].to_owned()))
        });
        let (account, order_id) = used.unwrap();
        let void = ["void", &order_id, "--account", &account, "--reason", "test"];
        folder.fifo_pnl(&void).expect(0);
        let without = compute(&folder, "2");
        assert_ne!(without.ledger_hash, first.ledger_hash, "seed {seed}");
        assert_ne!(without.export, first.export, "seed {seed}");
        // A ledger that never had the trade says the same.
        let line = format!("{account},{order_id},");
        let mut never = rows.clone();
        never.retain(|row| !row.starts_with(&line));
        assert_eq!(never.len(), rows.len() - 1);
        let never = compute(&Folder::with_trades(&csv(&never)), "2");
        assert_same(&never, &without, &format!("seed {seed}, voided"));
        folder
            .fifo_pnl(&[&void[..], &["--undo"]].concat())
            .expect(0);
        assert_same(
            &first,
            &compute(&folder, "2"),
            &format!("seed {seed}, undone"),
        );
        // The version without the trade stays valid: it is judged as of its own instant.
        folder.validate(&["--version", "2"]).expect(0);
    }
}

/// Changes one cell of a row.
fn with_cell(row: &str, column: usize, value: &str) -> String {
    let mut cells: Vec<&str> = row.split(',').collect();
    cells[column] = value;
    cells.join(",")
}

#[test]
fn a_corrected_trade_counts_as_if_it_had_always_been_right() {
    const SIZE: usize = 4;
    const PRICE: usize = 5;
    const FEE: usize = 7;
    // Ids settle ties, and a correction is where its original was.
    for (seed, column, value) in [(51, PRICE, "77.125"), (52, SIZE, "3.25"), (53, FEE, "")] {
        let right = rows(TIES, seed);
        let at = 41;
        let mut wrong = right.clone();
        let correct = with_cell(&right[at], column, value);
        let mut right = right;
        right[at].clone_from(&correct);
        let expected = compute(&Folder::with_trades(&csv(&right)), "2");

        wrong.swap(at, 7);
        let folder = Folder::with_trades(&csv(&wrong));
        let before = compute(&folder, "2");
        folder.write("correct.csv", csv(&[correct]));
        let args = [
            "import",
            "--correct",
            "--reason",
            "the venue sent it again",
            "correct.csv",
        ];
        let done = folder
            .fifo_pnl(&[&args[..], &["--json"]].concat())
            .expect(0)
            .json();
        assert_eq!(done["files"][0]["corrected"], 1, "seed {seed}");
        let found = compute(&folder, "2");
        assert_ne!(before.export, found.export, "seed {seed}");
        let mark = format!("t{at}~2");
        assert!(
            found.export.contains(&mark),
            "seed {seed}: the trade is not in any row"
        );
        let renamed = found.export.replace(&mark, &format!("t{at}"));
        assert_eq!(diff(&expected.export, &renamed), "", "seed {seed}");
        // The facts that were wrong are still there, and why they no longer count.
        let kept = format!(
            "SELECT count(*) FROM trade_records WHERE order_id LIKE 't{at}~%' \
             OR order_id = 't{at}'"
        );
        assert_eq!(folder.value(&kept), "2");
        let reason = folder.sql("SELECT reason FROM trade_voids");
        assert_eq!(reason, ["the venue sent it again"]);
        // The same correction once more changes nothing.
        let again = folder
            .fifo_pnl(&[&args[..], &["--json"]].concat())
            .expect(0);
        let file: Value = again.json()["files"][0].clone();
        assert_eq!((&file["corrected"], &file["known"]), (&0.into(), &1.into()));
    }
}
