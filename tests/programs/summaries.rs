//! Summaries of imports: the zone of times, accounts in a file, joined files, known trades.

use std::fs;

use crate::support;
use support::{Folder, repository};

fn sample(name: &str) -> String {
    let file = repository().join(format!("fixtures/formats/{name}/sample.csv"));
    fs::read_to_string(file).unwrap()
}

/// Two accounts in one file share lots.
#[test]
fn a_summary_names_accounts_zones_and_joined_files() {
    let folder = Folder::new();
    folder.write("bs.csv", sample("bybit-spot").replacen("1234", "9999", 1));
    let preview = ["import", "bs.csv", "--account", "bs", "--preview"];
    let said = folder.fifo_pnl(&preview).expect(0).stdout;
    let lines = "  times: UTC, as the source writes them\n  \
                 accounts in the file: 1234, 9999; all rows go to \"bs\"\n";
    assert!(said.contains(lines), "{said}");
    let zone = [
        "import",
        "bs.csv",
        "--timezone",
        "Europe/Berlin",
        "--preview",
    ];
    let said = folder.fifo_pnl(&zone).expect(0).stdout;
    let line = "  times: UTC, as the source writes them; --timezone is not used\n";
    assert!(said.contains(line), "{said}");
    let joined = sample("bybit-spot") + &sample("kraken-trades");
    folder.write("both.csv", &joined);
    let said = folder.fifo_pnl(&["import", "both.csv"]).expect(2).stderr;
    let line = sample("bybit-spot").lines().count() + 1;
    assert!(
        said.contains(&format!("both.csv:{line}: begins another file")),
        "{said}"
    );
    let said = folder.fifo_pnl(&["import", "bs.csv", "--ignore-column", "feecoin"]);
    let said = said.expect(2).stderr;
    assert!(
        said.contains("\"feeCoin\" can't be ignored: bybit-spot reads it"),
        "{said}"
    );
}

/// The ledgers of Kraken have the trades of `trades.csv` with all fees: one command, also as `run`,
/// replaces them.
#[test]
fn known_trades_with_other_facts_have_one_command() {
    let folder = Folder::new();
    folder.write("trades.csv", sample("kraken-trades"));
    let row = "TAAAAA-BBBBB-CCCCC1,2025-03-29 17:11:24,trade,,currency";
    let ledgers = format!(
        "txid,refid,time,type,subtype,aclass,asset,amount,fee,balance\n\
         L1,{row},ZEUR,-4000.025,11,995.975\nL2,{row},XXBT,0.05000031,0,0.05000031\n"
    );
    folder.write("led gers.csv", ledgers);
    folder
        .fifo_pnl(&["import", "trades.csv", "--account", "kraken"])
        .expect(0);
    let import = [
        "import",
        "led gers.csv",
        "--account",
        "kraken",
        "--timezone",
        "+00:00",
    ];
    let said = folder.fifo_pnl(&import).expect(2).stderr;
    let command = "fifo-pnl import 'led gers.csv' --account kraken --timezone UTC --correct \
                   --reason TEXT";
    assert!(said.replace("\n      ", " ").contains(command), "{said}");
    assert!(
        !said.contains("Correct the rows") && !said.contains("--skip-invalid"),
        "{said}"
    );
    let run = [
        "run",
        "led gers.csv",
        "--account",
        "kraken",
        "--correct",
        "--reason",
        "fees",
    ];
    let said = folder.fifo_pnl(&run).expect(1).stdout;
    assert!(said.contains("1 corrected"), "{said}");
}

/// A person may say that trades which two files have are right, and take the word back.
#[test]
fn an_import_that_was_kept_is_compared_again() {
    let folder = Folder::new();
    for name in ["bybit-account", "bybit-log"] {
        folder.write(&format!("{name}.csv"), sample(name));
        folder.fifo_pnl(&["import", &format!("{name}.csv")]);
    }
    let compute = |code: i32| {
        folder
            .shell("compute_allocations --all-symbols")
            .expect(code)
            .stdout
    };
    assert!(compute(1).contains("Counted twice"));
    let keep = |more: &[&str], code: i32| {
        let keep = [&["import", "keep", "2", "--reason", "x"], more].concat();
        folder.fifo_pnl(&keep).expect(code)
    };
    keep(&[], 0);
    folder.fifo_pnl(&["health"]).expect(0);
    let said = keep(&["--undo"], 0).stdout;
    assert!(said.contains("Not kept  import 2"), "{said}");
    let said = folder.fifo_pnl(&["health"]).expect(1).stdout;
    assert!(said.contains("counted-twice"), "{said}");
    let said = keep(&["--undo"], 2).stderr;
    assert!(said.contains("import 2 is not kept"), "{said}");
    keep(&[], 0);
    folder.fifo_pnl(&["health"]).expect(0);
}
