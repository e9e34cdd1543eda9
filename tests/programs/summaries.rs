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
                 accounts in the file: 1234, 9999; all rows go to \"bs\". If";
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
    let recent = "compute_allocations --incremental";
    for (name, code) in [("bybit-account", 0), ("bybit-log", 1)] {
        folder.write(&format!("{name}.csv"), sample(name));
        folder.fifo_pnl(&["import", &format!("{name}.csv")]);
        let said = folder.shell(recent).expect(code).stdout;
        assert_eq!(said.contains("Counted twice"), code == 1, "{said}");
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

/// The file of a tax program in an account of its own has the trades of an exchange's account.
#[test]
fn a_tax_program_beside_an_exchange_counts_twice_until_one_is_out() {
    let folder = Folder::new();
    folder.write("kraken.csv", sample("kraken-trades"));
    folder.write("people.csv", sample("bitstamp"));
    let koinly = "Date,Sent Amount,Sent Currency,Received Amount,Received Currency,Fee Amount,\
                  Fee Currency,Net Worth Amount,Net Worth Currency,Label,Description,TxHash\n\
                  2025-03-29 17:11 UTC,4010.425,EUR,0.0500003,BTC,,,,,,,\n\
                  2025-03-30 00:00 UTC,0.5,ETH,1000,USD,2.60,USD,,,,,\n\
                  2025-04-02 10:00 UTC,0.5,ETH,1000,USD,2.60,USD,,,,,\n";
    folder.write("koinly.csv", koinly);
    let import = |file: &str, account: &str, more: &[&str], code: i32| {
        let import = ["import", file, "--account", account, "--timezone", "UTC"];
        folder
            .fifo_pnl(&[&import, more].concat())
            .expect(code)
            .stdout
    };
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    import("kraken.csv", "kraken", &[], 0);
    import("people.csv", "wife", &[], 0);
    let said = import("koinly.csv", "all", &["--preview"], 1);
    let would = "2 of 3 trades of koinly.csv (koinly, account \"all\") are in import 1 \
                 (kraken.csv, kraken-trades, account \"kraken\"), too: totals would count them \
                 twice.";
    assert!(flat(&said).contains(would), "{said}");
    let said = flat(&import("koinly.csv", "all", &[], 1));
    let undo = "take one out: `fifo-pnl import undo 3 --reason TEXT` or `fifo-pnl import undo 1 \
                --reason TEXT`. If all of them are right: `fifo-pnl import keep 3 --reason TEXT`";
    assert!(
        said.contains("2 of 3 trades of import 3 (koinly.csv"),
        "{said}"
    );
    assert!(said.contains(undo), "{said}");
    // Pools without a rate are findings, too.
    let twice = |command: &str, is_twice: bool| {
        let said = folder.shell(command).expect(1).stdout.to_lowercase();
        assert_eq!(said.contains("counted"), is_twice, "{said}");
    };
    twice("compute_allocations --all-symbols", true);
    twice("fifo-pnl health", true);
    let undo = ["import", "undo", "1", "--reason", "x"];
    folder.fifo_pnl(&[&undo[..], &["--yes"]].concat()).expect(0);
    twice("fifo-pnl health", false);
    folder
        .fifo_pnl(&[&undo[..], &["--undo"]].concat())
        .expect(0);
    twice("fifo-pnl health", true);
    let keep = ["import", "keep", "3", "--reason", "two people"];
    folder.fifo_pnl(&keep).expect(0);
    twice("fifo-pnl health", false);
}

/// The balances of two files show that the file between them is missing.
#[test]
fn a_year_that_is_missing_is_named_until_its_file_comes() {
    let folder = Folder::new();
    let years = [(2023, 1000), (2024, 1500), (2025, 1600)];
    let mut before = 0;
    for (year, balance) in years {
        let row = format!("L{year},R{year},{year}-03-29 17:11:24,deposit,,currency,ZEUR");
        let change = balance - before;
        let text = format!(
            "txid,refid,time,type,subtype,aclass,asset,amount,fee,balance\n\
             {row},{change},0,{balance}\n"
        );
        folder.write(&format!("{year}.csv"), text);
        before = balance;
    }
    let import = |year: i32, account: &str, more: &[&str], code: i32| {
        let file = format!("{year}.csv");
        let import = ["import", &file, "--account", account, "--timezone", "UTC"];
        folder
            .fifo_pnl(&[&import, more].concat())
            .expect(code)
            .stdout
    };
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    import(2023, "a", &[], 0);
    let said = flat(&import(2025, "a", &["--preview"], 1));
    let begins = "import 1 (2023.csv, kraken-ledgers) ends with 1000 ZEUR on 2023-03-29, and \
                  2025.csv (kraken-ledgers) begins with 1500 on 2025-03-29. Import the file";
    assert!(said.contains(begins), "{said}");
    let said = flat(&import(2025, "a", &[], 1));
    let keep = "fifo-pnl import keep 2 --reason TEXT";
    assert!(
        said.contains("Rows missing account \"a\": import 1") && said.contains(keep),
        "{said}"
    );
    let said = folder.fifo_pnl(&["health"]).expect(1).stdout;
    assert!(said.contains("rows-missing"), "{said}");
    import(2024, "a", &[], 0);
    // In another order, and without the file.
    import(2025, "b", &["--again"], 0);
    let said = flat(&import(2023, "b", &["--again"], 1));
    assert!(
        said.contains("import 5 (2023.csv, kraken-ledgers) ends with 1000 ZEUR"),
        "{said}"
    );
    folder
        .shell("fifo-pnl import keep 4 --reason lost")
        .expect(0);
    let said = folder.fifo_pnl(&["health"]).expect(1).stdout;
    assert!(!said.contains("rows-missing"), "{said}");
}
