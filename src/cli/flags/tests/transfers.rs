//! The flags of `transfers`.

use super::rows::{NONE, Row, Table, flag, value};
use super::tables::{ACCOUNT, ASSET, NOTE, YES};

const SIZE: Row = value("--size", &["1.5"], &["0", "-1", "much"]);

pub const TRANSFERS: &[Table] = &[
    Table {
        command: "transfers list",
        rows: &[ASSET, ACCOUNT, flag("--all")],
        ..NONE
    },
    Table {
        command: "transfers pair",
        positions: &["a/w1", "b/d1"],
        rows: &[NOTE],
        ..NONE
    },
    Table {
        command: "transfers unpair",
        positions: &["a/w1", "b/d1"],
        rows: &[NOTE],
        ..NONE
    },
    Table {
        command: "transfers decide",
        positions: &["a/w1"],
        always: &["--kind", "--reason"],
        rows: &[
            value("--kind", &["income"], &["spent"]),
            value("--value", &["12.50"], &["0", "-1", "much"]),
            value("--reason", &["why"], &[" "]),
        ],
        ..NONE
    },
    Table {
        command: "transfers apply",
        rows: &[ASSET, ACCOUNT, YES],
        ..NONE
    },
    Table {
        command: "transfers add",
        positions: &["in"],
        always: &["--account", "--asset", "--size", "--at"],
        rows: &[
            ACCOUNT,
            ASSET,
            SIZE,
            value("--at", &["2025-03-01T12:00:00Z"], &["2025-03-01", "today"]),
            value("--fee", &["0.1"], &["much"]),
            value("--fee-asset", &["BTC"], &["B TC"]).needs(&["--fee"]),
            value("--tx", &["ab"], &[]),
            value("--id", &["m-1"], &[]),
        ],
        ..NONE
    },
];
