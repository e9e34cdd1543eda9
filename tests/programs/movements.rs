//! Deposits, withdrawals and rewards of files, stored beside the trades.
#![cfg(all(feature = "cli", unix))]

use std::fs;

use crate::support;

use support::{Folder, repository};

fn folder() -> Folder {
    let folder = Folder::new();
    let sample = repository().join("fixtures/formats/bitstamp/sample.csv");
    folder.write("bitstamp.csv", fs::read_to_string(sample).unwrap());
    folder
}

const STORED: &str = "SELECT movement_id, asset, direction, size, fee, fee_asset, kind, import_id, \
                      import_line FROM eligible_movements ORDER BY movement_id";

#[test]
fn movements_are_stored_once_and_said() {
    let folder = folder();
    let done = folder
        .fifo_pnl(&["import", "bitstamp.csv"])
        .expect(0)
        .stdout;
    for said in [
        "bitstamp.csv: 5 rows, 2 new, 0 known, 3 movements\n",
        "  movements: 1 deposit, 1 withdrawal, 1 staking; 3 new, 0 known\n",
        "Movements       3 movements are stored: 1 income, 2 not used\n",
    ] {
        assert!(done.contains(said), "{said}{done}");
    }
    let stored = [
        "9001|EUR|in|1000|||deposit|1|2",
        "9004|USD|out|500|0.1|USD|withdrawal|1|5",
        "9005|ETH|in|0.002|||staking|1|6",
    ];
    assert_eq!(folder.sql(STORED), stored);
    let again = folder
        .fifo_pnl(&["import", "bitstamp.csv"])
        .expect(0)
        .stdout;
    assert!(again.contains("0 new, 3 known\n"), "{again}");
    assert_eq!(folder.sql(STORED), stored);
    let json = folder
        .fifo_pnl(&["import", "bitstamp.csv", "--json"])
        .expect(0)
        .json();
    let movements = &json["files"][0]["movements"];
    assert_eq!(
        (&movements["known"], &movements["kinds"]["staking"]),
        (&3.into(), &1.into())
    );
}

#[test]
fn a_changed_movement_stops_its_file() {
    let folder = folder();
    folder.fifo_pnl(&["import", "bitstamp.csv"]).expect(0);
    let sample = folder.read("bitstamp.csv");
    let changed = sample.replace("0.00200000,ETH", "0.00300000,ETH");
    let more = "9006,Main Account,Deposit,,2025-02-05T09:00:00Z,5,EUR,,,,,,,\n";
    folder.write("bitstamp.csv", format!("{changed}{more}"));
    let done = folder.fifo_pnl(&["import", "bitstamp.csv"]).expect(2);
    let said = "bitstamp.csv:6: the movement \"9005\" is known with size \"0.002\" where the file \
                has \"0.003\"";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert_eq!(folder.sql(STORED).len(), 3);
    folder
        .fifo_pnl(&["import", "bitstamp.csv", "--skip-invalid"])
        .expect(1);
    assert_eq!(folder.sql(STORED).len(), 4);
}

#[test]
fn an_undone_import_takes_its_movements_along() {
    let folder = folder();
    folder.fifo_pnl(&["import", "bitstamp.csv"]).expect(0);
    let undo = ["import", "undo", "1", "--reason", "the wrong account"];
    let done = folder.fifo_pnl(&undo).expect(0).stdout;
    assert!(
        done.contains("2 trades and 3 movements are out of"),
        "{done}"
    );
    assert_eq!(folder.sql(STORED), [""; 0]);
    folder
        .fifo_pnl(&[&undo[..], &["--undo"]].concat())
        .expect(0);
    assert_eq!(folder.sql(STORED).len(), 3);
}

/// Adds a movement: the way, the key, size and asset, the time, and further options.
fn add(folder: &Folder, way: &str, key: &str, size: &str, at: &str, more: &[&str]) {
    let (account, id) = key.split_once('/').unwrap();
    let (size, asset) = size.split_once(' ').unwrap();
    let at = format!("2025-01-{at}:00Z");
    let mut words = vec![
        "transfers",
        "add",
        way,
        "--account",
        account,
        "--asset",
        asset,
    ];
    words.extend(["--size", size, "--at", &at, "--id", id]);
    folder.fifo_pnl(&[&words[..], more].concat()).expect(0);
}

/// Two pairs, one proposed pair, and three movements that are alone.
fn with_transfers() -> Folder {
    let folder = Folder::new();
    let fee = ["--fee", "0.0001"];
    add(
        &folder,
        "out",
        "kraken/w-1",
        "0.51234567 XXBT",
        "02T10:00",
        &fee,
    );
    add(
        &folder,
        "in",
        "ledger/d-1",
        "0.51234567 BTC",
        "02T10:20",
        &[],
    );
    add(&folder, "out", "kraken/w-2", "100 SOL", "03T10:00", &[]);
    add(&folder, "in", "base/d-2", "100 SOL", "03T10:01", &[]);
    add(
        &folder,
        "out",
        "kraken/w-3",
        "2 ETH",
        "04T10:00",
        &["--tx", "0xAB"],
    );
    add(
        &folder,
        "in",
        "base/d-3",
        "1.9 ETH",
        "04T09:59",
        &["--tx", "ab"],
    );
    add(
        &folder,
        "out",
        "kraken/w-4",
        "1.234567 SOL",
        "05T10:00",
        &[],
    );
    add(
        &folder,
        "out",
        "ledger/w-5",
        "1.234567 SOL",
        "05T11:00",
        &[],
    );
    add(&folder, "in", "base/d-4", "1.234567 SOL", "05T12:00", &[]);
    folder
}

fn list(folder: &Folder, more: &[&str]) -> String {
    let words = [&["transfers", "list"], more].concat();
    folder.fifo_pnl(&words).expect(0).stdout
}

#[test]
fn transfers_are_listed_with_what_pairs_them_or_keeps_them_apart() {
    let folder = with_transfers();
    let found = folder
        .fifo_pnl(&["transfers", "list", "--json"])
        .expect(0)
        .json();
    let names = |rows: &serde_json::Value, by: &str| -> Vec<String> {
        let text =
            |row: &serde_json::Value, name: &str| row[name].as_str().unwrap_or_default().to_owned();
        let row = |row| {
            format!(
                "{} {} {}",
                text(row, "withdrawal"),
                text(row, "deposit"),
                text(row, by)
            )
        };
        rows.as_array().unwrap().iter().map(row).collect()
    };
    assert_eq!(
        names(&found["transfers"], "by"),
        ["w-1 d-1 size", "w-3 d-3 tx"]
    );
    assert_eq!(names(&found["proposed"], "why"), ["w-2 d-2 few_digits"]);
    let first = &found["transfers"][0];
    assert_eq!(
        (&first["asset"], &first["fee"]),
        (&"BTC".into(), &"0.0001".into())
    );
    let by_clocks = &found["transfers"][1];
    assert_eq!(by_clocks["received_at"], by_clocks["sent_at"]);
    let alone: Vec<String> = found["alone"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| format!("{} {} {}", row["movement_id"], row["why"], row["with"]))
        .collect();
    assert_eq!(
        alone,
        [
            r#""w-4" "several" ["base/d-4"]"#,
            r#""w-5" "several" ["base/d-4"]"#,
            r#""d-4" "several" ["kraken/w-4","ledger/w-5"]"#,
        ]
    );
    let text = list(&folder, &[]);
    assert!(
        text.contains("2 transfers, 1 proposed, 3 alone\n"),
        "{text}"
    );
    let text = list(&folder, &["--asset", "xbt", "--account", "ledger"]);
    assert!(text.contains("1 transfer, 0 proposed, 0 alone\n"), "{text}");
    check_sell_after_deposit(&folder);
}

/// A sell after a deposit that is alone lacks lots, and each names the other.
fn check_sell_after_deposit(folder: &Folder) {
    let sell = "S-1,SOL-USD,sell,1,40,2025-01-05T13:00:00Z,0,base\n";
    let head = "order_id,symbol,side,size,price,order_time,total_fees_usd,account\n";
    folder.write("trades.csv", format!("{head}{sell}"));
    let said = "Movements       9 movements are stored: 2 transfers, 1 pair proposed, 3 alone";
    for done in [
        folder.fifo_pnl(&["run", "trades.csv"]),
        folder.compute(&["--all-symbols"]),
    ] {
        assert!(done.stdout.contains(said), "{}", done.stdout);
    }
    let text = list(folder, &[]);
    assert!(text.contains("; sell S-1 lacks lots"), "{text}");
    let item = folder.value("SELECT id FROM manual_review_queue WHERE order_id = 'S-1'");
    let text = folder.fifo_pnl(&["review", "show", &item]).expect(0).stdout;
    for said in [
        "Hint      deposit base/d-4 of 1.234567 at 2025-01-05 12:00:00 UTC is in no transfer",
        "            fifo-pnl transfers list --account base --asset SOL\n",
    ] {
        assert!(text.contains(said), "{said}{text}");
    }
}

#[test]
fn a_person_decides_about_transfers() {
    let folder = with_transfers();
    // Each of the nine movements is logged as an import is.
    let logged = "SELECT count(*) FROM sync_logs WHERE status = 'success' \
                  AND movements_synced = 1 AND rows_read = 1";
    assert_eq!(folder.value(logged), "9");
    // The summary of an import counts them.
    folder.write(
        "bitstamp.csv",
        fs::read_to_string(repository().join("fixtures/formats/bitstamp/sample.csv")).unwrap(),
    );
    let done = folder
        .fifo_pnl(&["import", "bitstamp.csv"])
        .expect(0)
        .stdout;
    let said = "Movements       12 movements are stored: 2 transfers, 1 pair proposed, 1 income, \
                3 alone, 2 not used\n  \
                `fifo-pnl transfers list --all` says why\n";
    assert!(done.contains(said), "{done}");
    folder
        .fifo_pnl(&["transfers", "pair", "ledger/w-5", "d-4", "--note", "seen"])
        .expect(0);
    folder
        .fifo_pnl(&["transfers", "unpair", "w-1", "d-1"])
        .expect(0);
    let done = folder.fifo_pnl(&["transfers", "apply", "--yes"]).expect(0);
    assert!(
        done.stdout.contains("Accepted  1 proposed pair\n"),
        "{}",
        done.stdout
    );
    let done = folder.fifo_pnl(&["transfers", "apply", "--yes"]).expect(0);
    assert!(done.stdout.contains("There are no proposed pairs.\n"));
    let text = list(&folder, &[]);
    for said in [
        "3 transfers, 0 proposed, 3 alone",
        "alone: a person set it apart from ledger/d-1",
        "paired by a person",
    ] {
        assert!(text.contains(said), "{said}{text}");
    }
    let stored = "SELECT kind, withdrawal_account, withdrawal_id, deposit_account, deposit_id, \
                  note FROM transfer_decisions ORDER BY decision_seq";
    let expected = [
        "pair|ledger|w-5|base|d-4|seen",
        "unpair|kraken|w-1|ledger|d-1|",
        "pair|kraken|w-2|base|d-2|",
    ];
    assert_eq!(folder.sql(stored), expected);
    // A movement by hand goes with its import, and its pair with it.
    folder
        .fifo_pnl(&["import", "undo", "9", "--reason", "no such deposit"])
        .expect(0);
    let text = list(&folder, &[]);
    let counts = "2 transfers, 0 proposed, 4 alone, 1 income, 2 not used; --all lists them all\n";
    assert!(text.contains(counts), "{text}");
}
