//! Cases of tax files, of what is filed, and of decisions about review items.

use super::Case;
use super::cases::RUN;

const ZONE: &str = "printf '[tax]\\ntimezone = \"America/New_York\"\\n' > fifo-pnl.toml";
/// An unmatched sell: item 1.
const UNMATCHED: &str = "printf 'order_id,symbol,side,size,price,order_time,total_fees_usd\\n\
    U-1,XLM-USD,sell,6,5.5,2025-03-04T15:00:00Z,0.033\\n' > u.csv \
    && fifo-pnl run --quiet u.csv > /dev/null";
const FILED: &str = "fifo-pnl tax --year 2025 --final -o filed.zip --quiet --allow-incomplete";

pub const TAX: &[Case] = &[
    Case {
        title: "No time zone is set",
        before: &[RUN],
        command: "fifo-pnl tax --year 2025 --format lots -o tax.csv",
        ..Case::NONE
    },
    Case {
        title: "An unknown time zone for tax dates",
        before: &[RUN],
        command: "fifo-pnl tax --year 2025 --format lots -o tax.csv --timezone berlin",
        ..Case::NONE
    },
    Case {
        title: "An unknown time zone in the settings",
        before: &[
            RUN,
            "printf '[tax]\\ntimezone = \"Mars/Base\"\\n' > fifo-pnl.toml",
        ],
        command: "fifo-pnl tax --year 2025 --format lots -o tax.csv",
        ..Case::NONE
    },
    Case {
        title: "An asset of several classes",
        files: &[(
            "trades.csv",
            "order_id,symbol,side,size,price,order_time,total_fees_usd,usd_value\n\
             b1,AAPL,buy,2,100,2023-01-02T10:00:00Z,0,\n\
             b2,AAPL-EUR,buy,1,100,2023-06-02T10:00:00Z,0,110\n\
             s1,AAPL,sell,1,150,2025-01-03T10:00:00Z,0,\n",
        )],
        before: &["fifo-pnl run --quiet trades.csv"],
        command: "fifo-pnl tax --year 2025 --format lots -o tax.csv --timezone UTC",
        exit: 3,
        after: &[
            "printf '[tax]\\nsecurities = [\"AAPL\"]\\n' > fifo-pnl.toml",
            "fifo-pnl tax --year 2025 --format lots -o tax.csv --timezone UTC",
        ],
        ..Case::NONE
    },
    Case {
        title: "An impossible year",
        before: &[RUN],
        command: "fifo-pnl tax --year 25 --format lots -o tax.csv",
        ..Case::NONE
    },
    Case {
        title: "Neither a format nor --final",
        before: &[RUN],
        command: "fifo-pnl tax --year 2025 -o tax.csv",
        ..Case::NONE
    },
    Case {
        title: "A zip that is named like another file",
        before: &[RUN],
        command: "fifo-pnl tax --year 2025 --final -o filed.csv",
        ..Case::NONE
    },
    Case {
        title: "A file with the name of standard output",
        before: &[RUN],
        command: "fifo-pnl tax --year 2025 --format lots -o -",
        same: &["fifo-pnl compare 1 1 -o -", "fifo-pnl review export -o -"],
        ..Case::NONE
    },
    Case {
        title: "An export with the name of standard output",
        before: &[RUN],
        command: "fifo-pnl versions export 1 -o -",
        ..Case::NONE
    },
    Case {
        title: "A version of one symbol can't be filed",
        before: &[RUN, ZONE, "compute_allocations --asset BTC --quiet"],
        command: "fifo-pnl tax --year 2025 --version 2 --final -o filed.zip",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A settled item whose sale has all its lots",
        before: &[
            UNMATCHED,
            "printf 'order_id,symbol,side,size,price,order_time,total_fees_usd\\n\
             B-1,XLM-USD,buy,6,5,2025-01-04T15:00:00Z,0\\n' > b.csv \
             && fifo-pnl run --quiet b.csv > /dev/null",
        ],
        command: "fifo-pnl review reopen 1 --note TEXT",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A file that is there",
        before: &[RUN, ZONE],
        command: "fifo-pnl tax --year 2025 --format lots -o ledger.csv",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "Rows of a version that something else changed",
        before: &[
            RUN,
            ZONE,
            "sqlite3 fifo-pnl.db \"UPDATE fifo_allocations SET pnl_usd = '1' WHERE id = 1\"",
        ],
        command: "fifo-pnl tax --year 2025 --final -o filed.zip --allow-incomplete",
        same: &["fifo-pnl versions export 1 -o version.csv"],
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A folder that is not there",
        before: &[RUN, ZONE],
        command: "fifo-pnl tax --year 2025 --format xlsx -o nowhere/tax.xlsx",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "An account without pools",
        before: &[RUN, ZONE],
        command: "fifo-pnl tax --year 2025 --format lots -o tax.csv --account mian",
        ..Case::NONE
    },
    Case {
        title: "No version is current",
        before: &["fifo-pnl import --quiet ledger.csv", ZONE],
        command: "fifo-pnl tax --year 2025 --format lots -o tax.csv",
        ..Case::NONE
    },
    Case {
        title: "A version that was not published",
        before: &[
            "fifo-pnl import --quiet ledger.csv",
            "compute_allocations --all-symbols --no-publish --quiet",
            ZONE,
        ],
        command: "fifo-pnl tax --year 2025 --format lots -o tax.csv",
        ..Case::NONE
    },
    Case {
        title: "An unknown box",
        before: &[
            "printf '[[tax.boxes]]\\naccount = \"main\"\\nyear = 2025\\n\
                   reported = \"yes\"\\n' > fifo-pnl.toml",
        ],
        command: "fifo-pnl tax --year 2025 --format lots -o tax.csv",
        ..Case::NONE
    },
    Case {
        title: "A sell without a buy is filed by accident",
        before: &[UNMATCHED, ZONE],
        command: "fifo-pnl tax --year 2025 --final -o filed.zip",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A file to verify that is not a zip",
        before: &[RUN],
        command: "fifo-pnl tax verify ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A filed zip of another database",
        before: &[RUN, ZONE, FILED],
        command: "fifo-pnl import --quiet ledger.csv --database sqlite://other.db && \
                  fifo-pnl tax verify filed.zip --database sqlite://other.db; \
                  code=$?; rm other.db*; exit $code",
        ..Case::NONE
    },
    Case {
        title: "Nothing was filed for the year",
        before: &[RUN],
        command: "fifo-pnl tax amend --year 2025",
        ..Case::NONE
    },
];

pub const REVIEW: &[Case] = &[
    Case {
        title: "No such review item",
        before: &[RUN],
        command: "fifo-pnl review show 9",
        same: &[
            "fifo-pnl review start 9 --note test",
            "fifo-pnl review dismiss 9 --note test",
            "fifo-pnl review reopen 9 --note test",
            "fifo-pnl review resolve 9 --note test",
        ],
        ..Case::NONE
    },
    Case {
        title: "An item that is open is opened again",
        before: &[UNMATCHED],
        command: "fifo-pnl review reopen 1 --note test",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A note that says nothing",
        before: &[UNMATCHED],
        command: "fifo-pnl review dismiss 1 --note ''",
        ..Case::NONE
    },
    Case {
        title: "An unmatched sell is resolved by a note alone",
        before: &[UNMATCHED],
        command: "fifo-pnl review resolve 1 --note 'it is fine'",
        ..Case::NONE
    },
    Case {
        title: "A basis for an item that is not an unmatched sell",
        before: &[
            "printf 'order_id,symbol,side,size,price,order_time,total_fees_usd\\n\
                   e-1,BTC-EUR,buy,1,90,2025-01-02T10:00:00Z,0\\n' > eur.csv; \
                   fifo-pnl run --quiet eur.csv; rm eur.csv",
        ],
        command: "fifo-pnl review resolve 1 --basis 5 --acquired 2025-01-01T00:00:00Z \
                  --note test --yes",
        ..Case::NONE
    },
    Case {
        title: "A basis of zero without a signature",
        before: &[UNMATCHED],
        command: "fifo-pnl review resolve 1 --basis 0 --acquired 2025-01-03T00:00:00Z \
                  --note gift --yes",
        ..Case::NONE
    },
    Case {
        title: "A lot acquired after the sale",
        before: &[UNMATCHED],
        command: "fifo-pnl review resolve 1 --basis 5 --acquired 2025-03-05T00:00:00Z \
                  --note late --yes",
        ..Case::NONE
    },
    Case {
        title: "A lot larger than the missing size",
        before: &[UNMATCHED],
        command: "fifo-pnl review resolve 1 --basis 5 --size 7 --acquired 2025-01-03T00:00:00Z \
                  --note more --yes",
        ..Case::NONE
    },
    Case {
        title: "A second decision for a settled item, before a run",
        before: &[
            UNMATCHED,
            "fifo-pnl review resolve 1 --basis 5 --acquired 2025-01-03T00:00:00Z --note x --yes",
        ],
        command: "fifo-pnl review resolve 1 --basis 5 --acquired 2025-01-03T00:00:00Z \
                  --note again --yes",
        exit: 3,
        after: &["compute_allocations --all-symbols"],
        ..Case::NONE
    },
    Case {
        title: "A decision without a terminal to confirm it on",
        before: &[UNMATCHED],
        command: "fifo-pnl review resolve 1 --basis 5 --acquired 2025-01-03T00:00:00Z --note x",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A sheet with an unknown action",
        files: &[(
            "items.csv",
            "item,action,size,basis,acquired,signed_by,note\n1,sell,,,,,why\n",
        )],
        before: &[UNMATCHED],
        command: "fifo-pnl review apply items.csv --yes",
        ..Case::NONE
    },
    Case {
        title: "A sheet without a column",
        files: &[("items.csv", "item,action,note\n1,dismiss,why\n")],
        before: &[UNMATCHED],
        command: "fifo-pnl review apply items.csv --yes",
        ..Case::NONE
    },
    Case {
        title: "An opening lot without a size",
        files: &[(
            "lots.csv",
            "symbol,size,acquired,basis\nBTC-USD,0,2024-01-01T00:00:00Z,10\n",
        )],
        command: "fifo-pnl import lots lots.csv",
        ..Case::NONE
    },
    Case {
        title: "Opening lots without a column",
        files: &[("lots.csv", "symbol,size,basis\nBTC-USD,1,10\n")],
        command: "fifo-pnl import lots lots.csv",
        ..Case::NONE
    },
    Case {
        title: "Opening lots with days and no time zone",
        files: &[(
            "lots.csv",
            "symbol,size,acquired,basis\nBTC-USD,1,2024-01-01,10\n",
        )],
        command: "fifo-pnl import lots lots.csv",
        ..Case::NONE
    },
];
