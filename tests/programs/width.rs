//! Tables and sentences on a terminal of 80 columns: long names, amounts of twelve digits.
#![cfg(all(feature = "cli", unix, debug_assertions))]

use crate::support;

use support::{Done, Folder};

const HEADER: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd,account,\
                      fee_amount,fee_currency";

const ROWS: &str = "\
TXID-ORDER-2021-000001,1000SHIB-USD,buy,1000000000,200,2021-01-01T00:00:00Z,1.5,kraken-main-2021,,
TXID-ORDER-2021-000002,1000SHIB-USD,sell,900000000,350,2021-02-01T00:00:00Z,1.5,kraken-main-2021,,
TXID-ORDER-2021-000003,BTC-USD,buy,10000000,30000,2021-01-01T00:00:00Z,1.5,kraken-main-2021,,
TXID-ORDER-2021-000004,BTC-USD,sell,10000001,40000,2021-02-01T00:00:00Z,1.5,kraken-main-2021,,
TXID-ORDER-2021-000005,1000SHIB-BTC,buy,1000,0.0001,2021-02-02T00:00:00Z,,kraken-main-2021,1,BNB
TXID-ORDER-2021-000006,ETH-EUR,buy,2,1000,2021-02-02T00:00:00Z,0,kraken-main-2021,,
TXID-ORDER-2021-000007,ETH-EUR,sell,2,1000,2021-02-03T00:00:00Z,0,kraken-main-2021,,
";

const LATER: &str = "\
TXID-ORDER-2021-000008,1000SHIB-USD,sell,9000000,35000,2021-03-01T00:00:00Z,1.5,kraken-main-2021,,
TXID-ORDER-2021-000009,BTC-USD,sell,2,35000,2021-03-01T00:00:00Z,1.5,kraken-main-2021,,
";

const RATES: &str = "asset,time,currency,rate
1000SHIB,2021-01-01,USD,0.000123456789012345678
BTC,2021-02-01T23:00:00Z,USD,40000
BNB,2021-02-02,USD,40
EUR,2021-02-02,USD,1.2
EUR,2021-02-03,USD,1.21
";

/// Runs a command on a terminal of 80 columns, as a test tells the program.
fn on_terminal(folder: &Folder, command: &str) -> Done {
    folder.shell(&format!("FIFO_PNL_COLUMNS=80 {command}"))
}

#[track_caller]
fn assert_fits(done: &Done) {
    for line in done.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}\nin\n{}", done.stdout);
    }
    // A command stays whole, so that it can be copied.
    for line in done.stderr.lines().filter(|line| !line.contains('`')) {
        assert!(line.chars().count() <= 80, "{line}\nin\n{}", done.stderr);
    }
}

#[test]
fn every_table_fits_eighty_columns() {
    let folder = Folder::new();
    folder.write("t.csv", format!("{HEADER}\n{ROWS}"));
    folder.write("later.csv", format!("{HEADER}\n{LATER}"));
    folder.write("rates.csv", RATES);
    for (code, command) in [
        // Rates are missing: all pools are rejected.
        (1, "fifo-pnl run t.csv"),
        (0, "fifo-pnl review list"),
        (0, "fifo-pnl rates missing"),
        (1, "fifo-pnl health"),
        (0, "fifo-pnl import rates rates.csv"),
        (0, "compute_allocations --all-symbols"),
        (0, "fifo-pnl import later.csv"),
        (0, "compute_allocations --incremental"),
        (0, "validate_allocations --version current --report"),
        (0, "fifo-pnl versions list"),
        (
            0,
            "fifo-pnl versions seal 2 --reason 'the return of the year 2021 was filed with it'",
        ),
        (0, "fifo-pnl versions list"),
        (0, "fifo-pnl review list"),
        (0, "fifo-pnl rates list"),
        (0, "fifo-pnl rates list --asset 1000SHIB"),
        (0, "fifo-pnl compare 1 2"),
        (
            1,
            "fifo-pnl tax --year 2021 --timezone UTC --format lots -o 2021.csv",
        ),
        (0, "fifo-pnl explain --sell TXID-ORDER-2021-000008"),
        (0, "fifo-pnl migrate status"),
        (
            2,
            "fifo-pnl explain --sell TXID-ORDER-2021-000099-that-no-ledger-has-ever-seen",
        ),
        (
            2,
            "fifo-pnl import no-such-folder-of-a-person/export-of-the-year-2021.csv",
        ),
    ] {
        assert_fits(&on_terminal(&folder, command).expect(code));
    }
}

#[test]
fn a_file_gets_whole_lines() {
    let folder = Folder::new();
    folder.write("t.csv", format!("{HEADER}\n{ROWS}"));
    folder.write("rates.csv", RATES);
    folder.fifo_pnl(&["import", "rates", "rates.csv"]).expect(0);
    let text = folder.fifo_pnl(&["run", "t.csv"]).expect(0).stdout;
    // 900,000,000 sold at 350 and bought at 200; one lot of 1,000 cost 0.1 BTC of 40,000 USD.
    let row = "  1000SHIB      1  314,999,999,998.50  180,000,000,001.35  134,999,999,997.15  \
               20,000,004,000.15\n";
    assert!(text.contains(row), "{text}");
    let header = "  Asset     Sells        Net proceeds          Cost basis        Realized PnL  \
                  Open cost  Unmatched\n";
    let words = |text: &str| {
        text.split_whitespace()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    assert!(
        text.lines().any(|line| words(line) == words(header)),
        "{text}"
    );
}
