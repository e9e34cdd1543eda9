//! The cases, in the order of the page.

use super::cases_of_facts::{EXPORTS, FACTS};
use super::cases_of_files::FILES;
use super::cases_of_imports::IMPORTS;
use super::cases_of_places::{CONFIGURATION, DATABASES, MACHINE, SCHEMA};
use super::cases_of_rates::RATES;
use super::cases_of_tax::{REVIEW, TAX};
use super::cases_of_transfers::TRANSFERS;
use super::{Case, Group};

pub const GROUPS: &[Group] = &[
    Group {
        title: "Files that are not ledgers",
        about: "The import takes nothing from such a file, and makes no database.",
        cases: FILES,
    },
    Group {
        title: "Rows that are not trades",
        about: "One bad row stops the import, and nothing of it is kept. The message counts the \
                bad rows by reason and shows the first five of each, with line and column. \
                `--skip-invalid` imports the good rows and keeps the rejected ones.",
        cases: ROWS,
    },
    Group {
        title: "Rows with more facts than dollars",
        about: "",
        cases: FACTS,
    },
    Group {
        title: "Exports of exchanges",
        about: "",
        cases: EXPORTS,
    },
    Group {
        title: "Trades that the ledger has with other facts",
        about: "",
        cases: CONFLICTS,
    },
    Group {
        title: "Imports as wholes",
        about: "",
        cases: IMPORTS,
    },
    Group {
        title: "Coins moved between accounts",
        about: "",
        cases: TRANSFERS,
    },
    Group {
        title: "Rates",
        about: "One bad cell stops the import, and nothing of it is kept.",
        cases: RATES,
    },
    Group {
        title: "Pools without a price in USD",
        about: "",
        cases: POOLS,
    },
    Group {
        title: "Databases",
        about: "",
        cases: DATABASES,
    },
    Group {
        title: "Permissions, disks, other runs",
        about: "",
        cases: MACHINE,
    },
    Group {
        title: "Versions",
        about: "",
        cases: VERSIONS,
    },
    Group {
        title: "Trades, sells and pools by name",
        about: "",
        cases: NAMES,
    },
    Group {
        title: "Tax files",
        about: "What is refused leaves no file and seals nothing.",
        cases: TAX,
    },
    Group {
        title: "Review items and opening lots",
        about: "",
        cases: REVIEW,
    },
    Group {
        title: "Settings and arguments",
        about: "",
        cases: CONFIGURATION,
    },
    Group {
        title: "The schema",
        about: "",
        cases: SCHEMA,
    },
];

pub const IMPORT: &str = "fifo-pnl import trades.csv";
pub const RUN: &str = "fifo-pnl run --quiet ledger.csv";

macro_rules! row {
    ($title:literal, $row:literal $(, $command:literal)?) => {
        Case {
            title: $title,
            files: &[(
                "trades.csv",
                concat!(
                    "order_id,symbol,side,size,price,order_time,total_fees_usd\n",
                    $row,
                    "\n"
                ),
            )],
            command: row!(@command $($command)?),
            ..Case::NONE
        }
    };
    (@command $command:literal) => { $command };
    (@command) => { IMPORT };
}

const ROWS: &[Case] = &[
    row!(
        "A thousands separator",
        "A-1,BTC-USD,buy,1,\"1,234.5\",2025-01-02T10:00:00Z,0"
    ),
    row!(
        "A thousands separator without quotes",
        "A-1,BTC-USD,buy,1,1,234.5,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "A size that is not a number",
        "A-1,BTC-USD,buy,NaN,100,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "A size of zero",
        "A-1,BTC-USD,buy,0,100,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "A size below zero",
        "A-1,BTC-USD,sell,-1,100,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "A size of 30 digits",
        "A-1,BTC-USD,buy,123456789012345678901234567890,100,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "An empty size",
        "A-1,BTC-USD,buy,,100,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "A price below zero",
        "A-1,BTC-USD,buy,1,-100,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "An amount beyond all bounds",
        "A-1,BTC-USD,buy,1000000000000,1000000000000,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "A fee that is not a number",
        "A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,n/a"
    ),
    row!(
        "A size in a unit, and a fee in a coin",
        "A-1,BTC-USD,buy,1 BTC,100,2025-01-02T10:00:00Z,0\nA-2,BTC-USD,buy,1,100,\
         2025-01-02T10:00:00Z,0.001 BNB"
    ),
    row!(
        "Prices as a broker prints them",
        "A-1,BTC-USD,buy,1,$100,2025-01-02T10:00:00Z,0\nA-2,BTC-USD,buy,1,$101.50,\
         2025-01-02T10:00:00Z,0"
    ),
    row!(
        "An id that a spreadsheet cut",
        "1.41421E+18,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "A row that reverses another one",
        "A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0\nA-2,BTC-USD,Buy (Ca.),-1,100,\
         2025-01-02T10:00:00Z,0"
    ),
    row!(
        "An unknown side",
        "A-1,BTC-USD,short,1,100,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "A symbol with blanks",
        "A-1,BTC USD,buy,1,100,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "An empty order id",
        ",BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "A day that does not exist",
        "A-1,BTC-USD,buy,1,100,2024-02-30T10:00:00Z,0"
    ),
    row!("A day without a time", "A-1,BTC-USD,buy,1,100,2025-01-02,0"),
    row!(
        "A time without an offset",
        "A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00,0"
    ),
    row!(
        "A time with nanoseconds",
        "A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00.123456789Z,0"
    ),
    row!(
        "A time in seconds since 1970",
        "A-1,BTC-USD,buy,1,100,1735812000,0"
    ),
    row!(
        "A time in the future",
        "A-1,BTC-USD,buy,1,100,2999-01-02T10:00:00Z,0"
    ),
    row!(
        "A local time that clocks skipped",
        "A-1,BTC-USD,buy,1,100,2025-03-30T02:30:00,0",
        "fifo-pnl import --timezone Europe/Berlin trades.csv"
    ),
    row!(
        "A local time that clocks showed twice",
        "A-1,BTC-USD,buy,1,100,2025-10-26T02:30:00,0",
        "fifo-pnl import --timezone Europe/Berlin trades.csv"
    ),
    Case {
        title: "An unknown time zone",
        command: "fifo-pnl import --timezone berlin ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "An order that never executed",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd,status\n\
             A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0,cancelled\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "A status that no list has",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd,status\n\
             A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0,booked\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    row!(
        "A quote that is never closed",
        "A-1,\"BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0"
    ),
    row!(
        "A cell too few",
        "A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00Z"
    ),
    Case {
        title: "One id twice, with other facts",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
             A-1,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0\n\
             A-1,BTC-USD,buy,1,101,2025-01-02T10:00:00Z,0\n",
        )],
        command: IMPORT,
        ..Case::NONE
    },
    Case {
        title: "Several at once, and a good file beside",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
             A-1,BTC-USD,buy,0,100,2025-01-02T10:00:00Z,0\n\
             A-2,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0\n\
             A-3,BTC-USD,hold,1,100,2025-01-02T10:00:00Z,0\n",
        )],
        command: "fifo-pnl import ledger.csv trades.csv",
        ..Case::NONE
    },
    Case {
        title: "The same, and the bad rows are left out",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
             A-1,BTC-USD,buy,0,100,2025-01-02T10:00:00Z,0\n\
             A-2,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0\n",
        )],
        command: "fifo-pnl import --skip-invalid trades.csv",
        exit: 1,
        after: &["compute_allocations --all-symbols"],
        ..Case::NONE
    },
];

/// A trade of the ledger with another price.
const OTHER_PRICE: &[(&str, &str)] = &[(
    "trades.csv",
    "order_id,symbol,side,size,price,order_time,total_fees_usd,account\n\
     B-1,BTC-USD,buy,2,101,2025-01-02T10:00:00Z,0.2,main\n\
     B-3,BTC-USD,buy,1,100,2025-01-05T10:00:00Z,0,main\n",
)];

const CONFLICTS: &[Case] = &[
    Case {
        title: "A known id with another price",
        files: OTHER_PRICE,
        before: &[RUN],
        command: IMPORT,
        after: &["fifo-pnl import --correct --reason 'the venue sent it again' trades.csv"],
        ..Case::NONE
    },
    Case {
        title: "A known id with another price is left out",
        files: OTHER_PRICE,
        before: &[RUN],
        command: "fifo-pnl import --skip-invalid trades.csv",
        exit: 1,
        ..Case::NONE
    },
    Case {
        title: "A correction without a reason",
        files: OTHER_PRICE,
        before: &[RUN],
        command: "fifo-pnl import --correct trades.csv",
        ..Case::NONE
    },
    Case {
        title: "A correction with an empty reason",
        files: OTHER_PRICE,
        before: &[RUN],
        command: "fifo-pnl import --correct --reason '' trades.csv",
        ..Case::NONE
    },
    Case {
        title: "A corrected trade is put back",
        files: OTHER_PRICE,
        before: &[
            RUN,
            "fifo-pnl import --quiet --correct --reason 'sent again' trades.csv",
        ],
        command: "fifo-pnl void B-1 --account main --reason 'it was right' --undo",
        exit: 3,
        after: &[
            "fifo-pnl void B-1~2 --account main --reason 'it was right'",
            "fifo-pnl void B-1 --account main --reason 'it was right' --undo",
        ],
        ..Case::NONE
    },
    Case {
        title: "A row with the id of a correction",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd,account\n\
             B-1~2,BTC-USD,buy,2,101,2025-01-02T10:00:00Z,0.2,main\n",
        )],
        before: &[RUN],
        command: IMPORT,
        exit: 3,
        ..Case::NONE
    },
];

const POOLS: &[Case] = &[
    Case {
        title: "A price in euros",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
             A-1,BTC-EUR,buy,1,90,2025-01-02T10:00:00Z,0\n\
             A-2,SOL-USD,buy,1,100,2025-01-02T10:00:00Z,0\n",
        )],
        command: "fifo-pnl run trades.csv",
        exit: 1,
        after: &["validate_allocations --version current"],
        ..Case::NONE
    },
    Case {
        title: "A price in euros, in a symbol without a separator",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
             A-1,BTCEUR,buy,1,90,2025-01-02T10:00:00Z,0\n",
        )],
        before: &["fifo-pnl import --quiet trades.csv"],
        command: "compute_allocations --all-symbols",
        exit: 1,
        ..Case::NONE
    },
    Case {
        title: "A pool that was matched no longer can be",
        before: &[
            RUN,
            "sqlite3 fifo-pnl.db \"PRAGMA ignore_check_constraints = 1; \
             INSERT INTO trade_records (account, order_id, symbol, side, size, price, order_time) \
             VALUES ('main', 'X-1', 'BTC-USD', 'buy', '-1', '100', 1735812000000000)\"",
        ],
        command: "compute_allocations --all-symbols",
        exit: 1,
        after: &[
            "fifo-pnl review exclude --account main --asset BTC --reason 'asked the venue'",
            "compute_allocations --all-symbols",
        ],
        ..Case::NONE
    },
    Case {
        title: "A sell without a buy, under --strict",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
             A-1,BTC-USD,sell,1,90,2025-01-02T10:00:00Z,\n",
        )],
        before: &["fifo-pnl run --quiet trades.csv"],
        command: "validate_allocations --version current --strict",
        exit: 1,
        ..Case::NONE
    },
];

pub const SEALED: &str = "fifo-pnl versions seal 1 --reason 'tax return of 2025' --quiet";
const AGAIN: &str = "compute_allocations --all-symbols --quiet";
const DROPPED: &str = "fifo-pnl versions drop 1 --quiet";

const VERSIONS: &[Case] = &[
    Case {
        title: "The version exists",
        before: &[RUN],
        command: "compute_allocations --all-symbols --version 1",
        exit: 3,
        after: &["compute_allocations --all-symbols --version 1 --force"],
        ..Case::NONE
    },
    Case {
        title: "A sealed version is not replaced",
        before: &[RUN, SEALED],
        command: "compute_allocations --all-symbols --version 1 --force",
        exit: 3,
        after: &["compute_allocations --all-symbols"],
        ..Case::NONE
    },
    Case {
        title: "A version is not replaced by one of another scope",
        before: &[RUN],
        command: "compute_allocations --asset BTC --version 1 --force",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A dropped number is not used again",
        before: &[RUN, AGAIN, DROPPED],
        command: "compute_allocations --all-symbols --version 1 --force",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A version is not replaced by a result that lacks a pool",
        before: &[
            RUN,
            "sqlite3 fifo-pnl.db \"PRAGMA ignore_check_constraints = 1; \
             INSERT INTO trade_records (account, order_id, symbol, side, size, price, order_time) \
             VALUES ('main', 'X-1', 'BTC-USD', 'buy', '-1', '100', 1735812000000000)\"",
        ],
        command: "compute_allocations --all-symbols --version 1 --force",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "No such version",
        before: &[RUN],
        command: "validate_allocations --version 7",
        same: &[
            "fifo-pnl versions publish 7",
            "fifo-pnl versions seal 7 --reason test",
            "fifo-pnl versions drop 7",
            "fifo-pnl versions export 7",
            "fifo-pnl explain --sell S-1 --version 7",
        ],
        ..Case::NONE
    },
    Case {
        title: "The version is not a number",
        before: &[RUN],
        command: "validate_allocations --version latest",
        same: &["fifo-pnl versions export latest"],
        ..Case::NONE
    },
    Case {
        title: "No version is current yet",
        before: &["fifo-pnl import --quiet ledger.csv"],
        command: "validate_allocations --version current",
        same: &[
            "fifo-pnl versions export current",
            "fifo-pnl explain --sell S-1",
        ],
        ..Case::NONE
    },
    Case {
        title: "A dropped version is validated",
        before: &[RUN, AGAIN, DROPPED],
        command: "validate_allocations --version 1",
        same: &[
            "fifo-pnl versions export 1",
            "fifo-pnl explain --sell S-1 --version 1",
        ],
        ..Case::NONE
    },
    Case {
        title: "The current version is dropped",
        before: &[RUN],
        command: "fifo-pnl versions drop 1",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A sealed version is dropped",
        before: &[RUN, SEALED, AGAIN],
        command: "fifo-pnl versions drop 1",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A version is dropped twice",
        before: &[RUN, AGAIN, DROPPED],
        command: "fifo-pnl versions drop 1",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A version is sealed twice",
        before: &[RUN, SEALED],
        command: "fifo-pnl versions seal 1 --reason again",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A dropped version is sealed",
        before: &[RUN, AGAIN, DROPPED],
        command: "fifo-pnl versions seal 1 --reason test",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A version is sealed without a reason",
        before: &[RUN],
        command: "fifo-pnl versions seal 1 --reason ''",
        ..Case::NONE
    },
    Case {
        title: "A version of a part of the ledger is published",
        before: &[RUN, "compute_allocations --asset BTC --quiet"],
        command: "fifo-pnl versions publish 2",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A dropped version is published",
        before: &[RUN, AGAIN, DROPPED],
        command: "fifo-pnl versions publish 1",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A release, and no version is held",
        before: &[RUN],
        command: "fifo-pnl versions release",
        ..Case::NONE
    },
    Case {
        title: "An export onto a file that exists",
        before: &[RUN, "touch out.csv"],
        command: "fifo-pnl versions export 1 -o out.csv",
        exit: 3,
        after: &["fifo-pnl versions export 1 -o out.csv --overwrite"],
        ..Case::NONE
    },
    Case {
        title: "An export into a folder that does not exist",
        before: &[RUN],
        command: "fifo-pnl versions export 1 -o reports/out.csv",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "An export onto a folder",
        before: &[RUN, "mkdir reports"],
        command: "fifo-pnl versions export 1 -o reports --overwrite",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "An export onto the database in use",
        before: &[RUN],
        command: "fifo-pnl versions export 1 -o fifo-pnl.db --overwrite",
        same: &[
            "fifo-pnl review export -o fifo-pnl.db --overwrite",
            "fifo-pnl compare 1 1 -o fifo-pnl.db --overwrite",
        ],
        exit: 3,
        ..Case::NONE
    },
];

const VOID: &str = "fifo-pnl void B-1 --account main --reason 'never happened' --quiet";
const POOL: &str = "fifo-pnl review exclude --account main --asset BTC --reason test --quiet";

const NAMES: &[Case] = &[
    Case {
        title: "No trade of that symbol",
        before: &[RUN],
        command: "compute_allocations --symbol BTC",
        ..Case::NONE
    },
    Case {
        title: "No trade of that account",
        before: &[RUN],
        command: "compute_allocations --all-symbols --account mian",
        ..Case::NONE
    },
    Case {
        title: "A bad symbol",
        before: &[RUN],
        command: "compute_allocations --symbol 'BTC USD'",
        ..Case::NONE
    },
    Case {
        title: "A trade that is not in the ledger is voided",
        before: &[RUN],
        command: "fifo-pnl void B-1 --reason 'never happened'",
        exit: 2,
        after: &["fifo-pnl void B-1 --account main --reason 'never happened'"],
        ..Case::NONE
    },
    Case {
        title: "A trade is voided twice",
        before: &[RUN, VOID],
        command: "fifo-pnl void B-1 --account main --reason again",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "Undoing the void of a trade that was not voided",
        before: &[RUN],
        command: "fifo-pnl void B-1 --account main --reason again --undo",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A void without a reason",
        before: &[RUN],
        command: "fifo-pnl void B-1 --account main --reason ' '",
        ..Case::NONE
    },
    Case {
        title: "A buy is explained",
        before: &[RUN],
        command: "fifo-pnl explain --sell B-1",
        ..Case::NONE
    },
    Case {
        title: "An unknown sell is explained",
        before: &[RUN],
        command: "fifo-pnl explain --sell S-9",
        ..Case::NONE
    },
    Case {
        title: "A sell whose id two accounts have is explained",
        before: &[RUN],
        command: "fifo-pnl explain --sell S-2",
        after: &["fifo-pnl explain --sell S-2 --account bot"],
        ..Case::NONE
    },
    Case {
        title: "A sell is explained in a version that does not cover it",
        before: &[RUN, "compute_allocations --asset ETH --quiet"],
        command: "fifo-pnl explain --sell S-1 --version 2",
        ..Case::NONE
    },
    Case {
        title: "A pool is excluded twice",
        before: &[RUN, POOL],
        command: "fifo-pnl review exclude --account main --asset BTC --reason again",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A pool that was not excluded is included",
        before: &[RUN],
        command: "fifo-pnl review include --account main --asset BTC --reason again",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "An unknown pool is excluded",
        before: &[RUN],
        command: "fifo-pnl review exclude --account main --symbol BCT-USD --reason test",
        ..Case::NONE
    },
    Case {
        title: "A pool is excluded without a reason",
        before: &[RUN],
        command: "fifo-pnl review exclude --account main --asset BTC --reason ''",
        ..Case::NONE
    },
];
