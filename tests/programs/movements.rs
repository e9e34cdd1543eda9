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
        "3 movements are stored and not yet used\n",
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
