//! The flags of `actions`.

use super::rows::{NONE, Row, Table, flag, value};
use super::tables::{ACCOUNT, ASSET, NOTE, REASON, TIMEZONE};

const AT: Row = value("--at", &["2024-06-10"], &["soon", "2024-06-31"]);
const ID: Row = value("--id", &["a-1"], &[]);
const SHARE: Row = value("--basis-share", &["0.25"], &["1.5", "-1", "half"]);

pub const ACTIONS: &[Table] = &[
    Table {
        command: "actions list",
        rows: &[ASSET, ACCOUNT, flag("--all")],
        ..NONE
    },
    Table {
        command: "actions add split",
        positions: &["NVDA", "10:1"],
        always: &["--at"],
        rows: &[AT, TIMEZONE, ACCOUNT, ID, NOTE],
        ..NONE
    },
    Table {
        command: "actions add rename",
        positions: &["OLD", "NEW"],
        always: &["--at"],
        rows: &[AT, TIMEZONE, ACCOUNT, ID, NOTE],
        ..NONE
    },
    Table {
        command: "actions add merger",
        positions: &["OLD", "NEW", "1:2"],
        always: &["--at"],
        rows: &[AT, TIMEZONE, ACCOUNT, ID, NOTE],
        ..NONE
    },
    Table {
        command: "actions add spin-off",
        positions: &["OLD", "NEW", "1:4"],
        always: &["--at"],
        rows: &[AT, TIMEZONE, ACCOUNT, ID, NOTE, SHARE],
        ..NONE
    },
    Table {
        command: "actions void",
        positions: &["hand-1"],
        always: &["--reason"],
        rows: &[REASON],
        ..NONE
    },
];
