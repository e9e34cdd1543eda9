//! Cases of databases, permissions, disks, other runs, configuration, and the schema.

use super::cases::{RUN, SEALED};
use super::{Case, Where};

pub const DATABASES: &[Case] = &[
    Case {
        title: "No database",
        command: "compute_allocations --all-symbols",
        same: &[
            "compute_allocations --asset BTC --dry-run",
            "validate_allocations --version 1",
            "fifo-pnl void B-1 --reason test",
            "fifo-pnl explain --sell S-1",
            "fifo-pnl versions list",
            "fifo-pnl versions publish 1",
            "fifo-pnl versions release",
            "fifo-pnl versions seal 1 --reason test",
            "fifo-pnl versions drop 1",
            "fifo-pnl versions export 1",
            "fifo-pnl versions export 1 -o out.csv",
            "fifo-pnl review list",
            "fifo-pnl review exclude --account main --asset BTC --reason test",
            "fifo-pnl review include --account main --asset BTC --reason test",
            "fifo-pnl migrate status",
            "fifo-pnl migrate up",
            "fifo-pnl migrate down --to 1 --confirm YES",
        ],
        ..Case::NONE
    },
    Case {
        title: "No database at the flag's path",
        command: "fifo-pnl versions list --database sqlite:///nowhere/pnl.db",
        ..Case::NONE
    },
    Case {
        title: "No database at the environment's path",
        command: "DATABASE_URL=sqlite://pnl.db fifo-pnl versions list",
        ..Case::NONE
    },
    Case {
        title: "Its folder does not exist",
        command: "fifo-pnl import --database sqlite://data/pnl.db ledger.csv",
        same: &["fifo-pnl run --database sqlite://data/pnl.db ledger.csv"],
        ..Case::NONE
    },
    Case {
        title: "A file that is not a database",
        command: "fifo-pnl versions list --database sqlite://ledger.csv",
        same: &[
            "fifo-pnl import --database sqlite://ledger.csv ledger.csv",
            "compute_allocations --all-symbols --database sqlite://ledger.csv",
            "fifo-pnl migrate status --database sqlite://ledger.csv",
        ],
        ..Case::NONE
    },
    Case {
        title: "An empty file",
        before: &["touch fifo-pnl.db"],
        command: "compute_allocations --all-symbols",
        same: &["fifo-pnl versions list", "fifo-pnl migrate status"],
        after: &["fifo-pnl run ledger.csv"],
        ..Case::NONE
    },
    Case {
        title: "A folder instead of a database",
        before: &["mkdir fifo-pnl.db"],
        command: "fifo-pnl run ledger.csv",
        same: &["fifo-pnl import ledger.csv", "fifo-pnl versions list"],
        ..Case::NONE
    },
    Case {
        title: "A damaged database",
        before: &[
            "printf 'SQLite format 3\\000' > fifo-pnl.db",
            "head -c 4096 /dev/zero | tr '\\000' 'x' >> fifo-pnl.db",
        ],
        command: "compute_allocations --all-symbols",
        ..Case::NONE
    },
    Case {
        title: "A database of another program",
        before: &["sqlite3 fifo-pnl.db 'CREATE TABLE recipes (name TEXT)'"],
        command: "fifo-pnl run ledger.csv",
        same: &[
            "compute_allocations --all-symbols",
            "fifo-pnl import ledger.csv",
        ],
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A database of a newer program",
        before: &[
            RUN,
            "sqlite3 fifo-pnl.db \"INSERT INTO _sqlx_migrations \
             VALUES (99, 'something new', '2025-11-01 00:00:00', 1, x'00', 1)\"",
        ],
        command: "compute_allocations --all-symbols",
        same: &[
            "fifo-pnl run ledger.csv",
            "fifo-pnl versions list",
            "fifo-pnl migrate up",
            "fifo-pnl migrate status",
        ],
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A schema that was changed by hand",
        before: &[
            RUN,
            "sqlite3 fifo-pnl.db \"UPDATE _sqlx_migrations \
             SET checksum = x'00' WHERE version = 1\"",
        ],
        command: "compute_allocations --all-symbols",
        exit: 3,
        ..Case::NONE
    },
];

pub const MACHINE: &[Case] = &[
    Case {
        title: "A folder that may not be written to",
        command: "fifo-pnl run ledger.csv",
        same: &["fifo-pnl import ledger.csv"],
        place: Where::ReadOnly,
        exit: 3,
        after: &["fifo-pnl run ledger.csv"],
        ..Case::NONE
    },
    Case {
        title: "A database that may not be written to",
        before: &[RUN],
        command: "compute_allocations --all-symbols",
        place: Where::ReadOnly,
        exit: 3,
        after: &["compute_allocations --all-symbols"],
        ..Case::NONE
    },
    Case {
        title: "Another run is at work",
        before: &[RUN],
        command: "compute_allocations --all-symbols",
        place: Where::Locked,
        exit: 3,
        after: &["compute_allocations --all-symbols"],
        ..Case::NONE
    },
    Case {
        title: "Another run is at work, and a version is to be published",
        before: &[RUN, "compute_allocations --all-symbols --quiet"],
        command: "fifo-pnl versions publish 1",
        same: &[
            "fifo-pnl versions seal 1 --reason test",
            "fifo-pnl versions drop 1",
        ],
        place: Where::Locked,
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "The disk is full during an import",
        before: &[
            "fifo-pnl run --quiet --database sqlite://disk/pnl.db ledger.csv",
            "(head -n 1 ledger.csv; \
             seq -f T-%g,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0,main 9000) > large.csv",
        ],
        command: "fifo-pnl import --database sqlite://disk/pnl.db large.csv",
        place: Where::SmallDisk,
        exit: 4,
        after: &[
            "validate_allocations --version current --database sqlite://disk/pnl.db",
            "mount -o remount,size=16m disk",
            "fifo-pnl import --database sqlite://disk/pnl.db large.csv",
            "compute_allocations --all-symbols --database sqlite://disk/pnl.db",
        ],
        ..Case::NONE
    },
    Case {
        title: "The disk is full during a run",
        before: &[
            "(head -n 1 ledger.csv; \
             seq -f U-%g,SOL-USD,buy,1,100,2025-01-02T10:00:00Z,0,main 600; \
             seq -f V-%g,SOL-USD,sell,1,100,2025-01-02T10:00:01Z,0,main 600) > large.csv",
            "fifo-pnl run --quiet --database sqlite://disk/pnl.db ledger.csv",
            "fifo-pnl import --quiet --database sqlite://disk/pnl.db large.csv",
            "head -c 60000 /dev/zero > disk/room",
            "head -c 2000000 /dev/zero > disk/something-else || rm disk/room",
        ],
        command: "compute_allocations --all-symbols --database sqlite://disk/pnl.db",
        place: Where::SmallDisk,
        exit: 4,
        after: &[
            "validate_allocations --version current --database sqlite://disk/pnl.db",
            "rm disk/something-else",
            "compute_allocations --all-symbols --database sqlite://disk/pnl.db",
        ],
        ..Case::NONE
    },
    Case {
        title: "A file may not grow any more",
        before: &[
            RUN,
            "(head -n 1 ledger.csv; \
             seq -f T-%g,BTC-USD,buy,1,100,2025-01-02T10:00:00Z,0,main 9000) > large.csv",
        ],
        command: "trap '' XFSZ; ulimit -f 500; fifo-pnl import large.csv",
        exit: 4,
        after: &[
            "validate_allocations --version current",
            "fifo-pnl import large.csv",
            "compute_allocations --all-symbols",
        ],
        ..Case::NONE
    },
];

pub const SCHEMA: &[Case] = &[
    Case {
        title: "A step back without a terminal to ask on",
        before: &[RUN],
        command: "fifo-pnl migrate down --to 2",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A step back that is confirmed in small letters",
        before: &[RUN],
        command: "fifo-pnl migrate down --to 2 --confirm yes",
        exit: 3,
        after: &[
            "fifo-pnl migrate down --to 2 --confirm YES",
            "fifo-pnl run ledger.csv",
        ],
        ..Case::NONE
    },
    Case {
        title: "A step back below the facts",
        before: &[RUN],
        command: "fifo-pnl migrate down --to 0 --confirm YES",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A step back below sealed versions",
        before: &[RUN, SEALED],
        command: "fifo-pnl migrate down --to 1 --confirm YES",
        exit: 3,
        ..Case::NONE
    },
    Case {
        title: "A step back to a newer version",
        before: &[RUN],
        command: "fifo-pnl migrate down --to 9 --confirm YES",
        exit: 3,
        ..Case::NONE
    },
];

pub const CONFIGURATION: &[Case] = &[
    Case {
        title: "A setting that does not exist",
        files: &[("fifo-pnl.toml", "databse = \"sqlite://pnl.db\"\n")],
        command: "fifo-pnl run ledger.csv",
        same: &["fifo-pnl versions list", "validate_allocations --version 1"],
        ..Case::NONE
    },
    Case {
        title: "A file that is not TOML",
        files: &[("fifo-pnl.toml", "database: sqlite://pnl.db\n")],
        command: "fifo-pnl run ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A settings file that is not there",
        command: "fifo-pnl run --config pnl.toml ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "No currency counts as a dollar",
        files: &[("fifo-pnl.toml", "usd_quotes = []\n")],
        command: "fifo-pnl run ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A prune that would leave nothing",
        files: &[("fifo-pnl.toml", "keep_versions = 0\n")],
        command: "fifo-pnl versions prune",
        ..Case::NONE
    },
    Case {
        title: "A bad time to wait",
        command: "compute_allocations --all-symbols --wait soon",
        ..Case::NONE
    },
    Case {
        title: "A class that there is not",
        files: &[(
            "fifo-pnl.toml",
            "[symbols.\"BRK-B\"]\nquote = \"USD\"\nclass = \"stock\"\n",
        )],
        command: "fifo-pnl run ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A threshold that is not a number",
        files: &[(
            "fifo-pnl.toml",
            "[symbols.\"BTC-USD\"]\ndust_threshold = \"few\"\n",
        )],
        command: "fifo-pnl run ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A bad symbol in the settings",
        files: &[("fifo-pnl.toml", "[symbols.\"BTC USD\"]\nquote = \"USD\"\n")],
        command: "fifo-pnl run ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A server that does not answer",
        command: "fifo-pnl run --database postgres://bot:secret@127.0.0.1:1/trades ledger.csv",
        exit: 4,
        ..Case::NONE
    },
    Case {
        title: "A database that this program does not work on",
        command: "fifo-pnl run --database mysql://bot:secret@db.example.com/trades ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A database without a scheme",
        command: "fifo-pnl run --database pnl.db ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A database in memory",
        command: "fifo-pnl run --database sqlite::memory: ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A bad account",
        command: "fifo-pnl import --account '' ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A run without a scope",
        command: "compute_allocations",
        ..Case::NONE
    },
    Case {
        title: "A run with two scopes",
        command: "compute_allocations --all-symbols --asset BTC",
        ..Case::NONE
    },
    Case {
        title: "A flag without effect, with any value",
        command: "compute_allocations --all-symbols --since yesterdayish",
        same: &["compute_allocations --asset BTC --since yesterdayish"],
        ..Case::NONE
    },
    Case {
        title: "A wait for a lock that is not taken",
        command: "fifo-pnl versions list --wait",
        same: &["fifo-pnl versions export 1 --wait 5m"],
        ..Case::NONE
    },
    Case {
        title: "A forced run that names no version",
        command: "compute_allocations --all-symbols --force",
        ..Case::NONE
    },
    Case {
        title: "A dry run that is to write",
        command: "compute_allocations --all-symbols --dry-run --version 3",
        ..Case::NONE
    },
    Case {
        title: "A version below one",
        command: "compute_allocations --all-symbols --version 0",
        ..Case::NONE
    },
    Case {
        title: "A flag that does not exist",
        command: "fifo-pnl run --dryrun ledger.csv",
        ..Case::NONE
    },
    Case {
        title: "A command that does not exist",
        command: "fifo-pnl comptue",
        ..Case::NONE
    },
];
