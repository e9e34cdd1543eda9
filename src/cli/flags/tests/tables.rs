//! The flags of each command, and the pairs that it refuses.

use super::rows::{NONE, Row, Table, flag, value};

const OF_POOL: Table = Table {
    always: &["--account", "--reason"],
    one_of: &["--asset", "--symbol"],
    rows: &[ACCOUNT, ASSET, SYMBOL, REASON],
    refused: &[ONE_ASSET],
    ..NONE
};

/// The flags that name an asset.
const ONE_ASSET: (&str, &str) = ("--asset", "--symbol");
pub const ACCOUNT: Row = value("--account", &["main"], &[" main", "a\nb"]);
pub const ASSET: Row = value("--asset", &["BTC"], &["B TC"]);
const SYMBOL: Row = value("--symbol", &["BTC-USD"], &["BTC USD"]);
pub const REASON: Row = value("--reason", &["because"], &["  "]);
const CORRECT: Row = flag("--correct").needs(&["--reason"]);
pub const NOTE: Row = value("--note", &["because"], &["  "]);
const VERSION: Row = value("--version", &["3"], &["0", "-1", "newest"]);
const MEMORY: Row = value("--memory", &["64M"], &["0", "0G", "4g", "much"]);
const JOBS: Row = value("--jobs", &["2"], &["0", "-1", "1025", "all"]);
const WAIT: Row = value("--wait", &["5m"], &["0s", "soon", "-5m"]);
pub const TIMEZONE: Row = value("--timezone", &["Europe/Berlin"], &["Mars/Base"]);
const RENAME: Row = value("--rename-column", &["Pair=symbol"], &["Pair", "Pair=pear"]);
const FORMAT: Row = value("--format", &["kraken-trades"], &[]);
const DECIMAL_MARK: Row = value("--decimal-mark", &["comma"], &["point,comma"]);
const IGNORE: Row = value("--ignore-column", &["Fee Currency"], &[]);
const YEAR: Row = value("--year", &["2025"], &["0", "25", "this"]);
const OUTPUT: Row = value("--output", &["a.out"], &["-"]);
const DATE: Row = value("--snapshot-date", &["2025-11-20"], &["2025-13-01", "today"]);
const DRY_RUN: Row = flag("--dry-run");
const OVERWRITE: Row = flag("--overwrite");
pub const YES: Row = flag("--yes");

/// Flags of every command.
pub const EVERYWHERE: &[Row] = &[
    value(
        "--database",
        &["sqlite://a.db"],
        &["a.db", "mysql://h/d", "sqlite://"],
    ),
    value("--config", &["other.toml"], &[]),
    flag("--json"),
    flag("--quiet"),
];

const PRUNE_AGES: &[&str] = &["15", "soon", "1y", "-5m"];
pub const TABLES: &[Table] = &[
    Table {
        command: "run",
        positions: &["a.csv"],
        rows: &[
            ACCOUNT,
            TIMEZONE,
            RENAME,
            FORMAT,
            DECIMAL_MARK,
            IGNORE,
            flag("--again"),
            flag("--skip-invalid"),
            CORRECT,
            REASON.needs(&["--correct"]),
            JOBS,
            flag("--all-rows"),
            WAIT,
        ],
        refused: &[("--all-rows", "--json")],
        ..NONE
    },
    Table {
        command: "import",
        positions: &["a.csv"],
        rows: &[
            ACCOUNT,
            TIMEZONE,
            RENAME,
            FORMAT,
            DECIMAL_MARK,
            IGNORE,
            flag("--again"),
            flag("--skip-invalid"),
            flag("--preview"),
            CORRECT,
            REASON.needs(&["--correct"]),
        ],
        ..NONE
    },
    Table {
        command: "import lots",
        positions: &["a.csv"],
        rows: &[
            ACCOUNT,
            TIMEZONE,
            RENAME,
            FORMAT,
            DECIMAL_MARK,
            IGNORE,
            flag("--again"),
            flag("--skip-invalid"),
            flag("--preview"),
        ],
        refused: &[("--format", "--format")],
        ..NONE
    },
    Table {
        command: "account add",
        positions: &["main"],
        rows: &[
            value("--platform", &["mt5"], &[]),
            value("--broker", &["Broker"], &[]),
            value("--server", &["Live-3"], &[]),
            value("--login", &["4711"], &[]),
            value("--class", &["security"], &["share"]),
            value(
                "--server-time",
                &["-05:00@2025-03-30"],
                &["2", "+02:00@monday"],
            ),
        ],
        ..NONE
    },
    Table {
        command: "account list",
        ..NONE
    },
    Table {
        command: "account show",
        positions: &["main"],
        ..NONE
    },
    Table {
        command: "formats list",
        ..NONE
    },
    Table {
        command: "formats show",
        positions: &["schwab"],
        ..NONE
    },
    Table {
        command: "formats draft",
        positions: &["a.csv"],
        ..NONE
    },
    Table {
        command: "import rates",
        positions: &["a.csv"],
        rows: &[
            value("--asset", &["BTC"], &["B TC"]).needs(&["--currency"]),
            value("--currency", &["USD"], &["U SD"]).needs(&["--asset"]),
            value("--kind", &["ecb", "plain"], &["own", "trades"]),
            flag("--preview"),
            CORRECT,
            REASON.needs(&["--correct"]),
        ],
        ..NONE
    },
    Table {
        command: "import list",
        ..NONE
    },
    Table {
        command: "import undo",
        positions: &["3"],
        always: &["--reason"],
        rows: &[REASON, flag("--undo"), YES],
        refused: &[("--undo", "--yes")],
        ..NONE
    },
    Table {
        command: "import keep",
        positions: &["3"],
        always: &["--reason"],
        rows: &[REASON, flag("--undo")],
        ..NONE
    },
    Table {
        command: "rates list",
        rows: &[ASSET],
        ..NONE
    },
    Table {
        command: "rates check",
        ..NONE
    },
    Table {
        command: "rates missing",
        rows: &[
            value("--output", &["missing.csv"], &[]),
            flag("--overwrite").needs(&["--output"]),
        ],
        ..NONE
    },
    Table {
        command: "void",
        positions: &["b1"],
        always: &["--reason"],
        rows: &[ACCOUNT, REASON, flag("--undo")],
        ..NONE
    },
    Table {
        command: "compute",
        one_of: &["--all-symbols", "--asset", "--symbol", "--incremental"],
        rows: &[
            flag("--all-symbols"),
            ASSET,
            SYMBOL,
            flag("--incremental"),
            value(
                "--since",
                &["10 minutes ago"],
                &["yesterdayish", "2025-11-22", "10"],
            )
            .needs(&["--incremental"]),
            ACCOUNT,
            VERSION,
            flag("--force").needs(&["--version"]),
            flag("--no-publish"),
            DRY_RUN,
            MEMORY,
            JOBS,
            value("--keep-versions", &["3"], &["0", "-1", "some"]),
            value("--triggered-by", &["cron"], &[]),
            flag("--all-rows"),
            WAIT,
        ],
        refused: &[
            ("--all-symbols", "--asset"),
            ("--all-symbols", "--symbol"),
            ("--all-symbols", "--incremental"),
            ("--asset", "--incremental"),
            ("--symbol", "--incremental"),
            ("--account", "--incremental"),
            ("--version", "--incremental"),
            ("--no-publish", "--incremental"),
            ("--no-publish", "--asset"),
            ("--no-publish", "--symbol"),
            ("--no-publish", "--account"),
            ("--keep-versions", "--asset"),
            ("--keep-versions", "--symbol"),
            ("--keep-versions", "--account"),
            ("--keep-versions", "--no-publish"),
            ("--version", "--dry-run"),
            ("--no-publish", "--dry-run"),
            ("--keep-versions", "--dry-run"),
            ("--triggered-by", "--dry-run"),
            ("--wait", "--dry-run"),
            ("--all-rows", "--json"),
        ],
        ..NONE
    },
    Table {
        command: "validate",
        one_of: &["--version", "--compare-versions"],
        rows: &[
            VERSION,
            value(
                "--compare-versions",
                &["1", "2"],
                &["0", "newest", "legacy:current"],
            ),
            flag("--strict"),
            flag("--report"),
            value("--snapshot", &["20251120"], &[]),
            MEMORY,
        ],
        refused: &[
            ("--compare-versions", "--version"),
            ("--compare-versions", "--strict"),
            ("--compare-versions", "--report"),
            ("--compare-versions", "--snapshot"),
            ("--compare-versions", "--memory"),
            ("--report", "--json"),
        ],
        ..NONE
    },
    Table {
        command: "explain",
        always: &["--sell"],
        rows: &[value("--sell", &["s1"], &[]), ACCOUNT, VERSION],
        ..NONE
    },
    Table {
        command: "versions list",
        rows: &[WAIT],
        refused: &[("--wait", "--wait")],
        ..NONE
    },
    Table {
        command: "versions publish",
        positions: &["3"],
        rows: &[WAIT],
        ..NONE
    },
    Table {
        command: "versions release",
        rows: &[WAIT],
        ..NONE
    },
    Table {
        command: "versions seal",
        positions: &["3"],
        always: &["--reason"],
        rows: &[WAIT, REASON],
        ..NONE
    },
    Table {
        command: "versions drop",
        positions: &["3"],
        rows: &[WAIT],
        ..NONE
    },
    Table {
        command: "versions prune",
        rows: &[
            WAIT,
            value("--keep", &["3"], &["0", "-1", "some"]),
            value("--older-than", &["30d"], PRUNE_AGES),
            DRY_RUN,
        ],
        refused: &[("--keep", "--older-than"), ("--wait", "--dry-run")],
        ..NONE
    },
    Table {
        command: "versions export",
        positions: &["3"],
        rows: &[WAIT, OUTPUT, OVERWRITE.needs(&["--output"])],
        needs: &[("--json", "--output")],
        refused: &[("--wait", "--wait")],
        ..NONE
    },
    Table {
        command: "compare",
        positions: &["1", "current"],
        rows: &[ASSET, SYMBOL, YEAR, OUTPUT, OVERWRITE.needs(&["--output"])],
        refused: &[ONE_ASSET],
        ..NONE
    },
    Table {
        command: "history import",
        positions: &["a.csv"],
        rows: &[DATE],
        ..NONE
    },
    Table {
        command: "history list",
        ..NONE
    },
    Table {
        command: "review list",
        rows: &[
            flag("--all"),
            value("--status", &["resolved"], &["done"]),
            value("--severity", &["high"], &["urgent"]),
            ASSET,
            SYMBOL,
        ],
        refused: &[("--all", "--status"), ONE_ASSET],
        ..NONE
    },
    Table {
        command: "review show",
        positions: &["7"],
        ..NONE
    },
    Table {
        command: "review start",
        positions: &["7"],
        always: &["--note"],
        rows: &[NOTE],
        ..NONE
    },
    Table {
        command: "review resolve",
        positions: &["7"],
        always: &["--note"],
        rows: &[
            NOTE,
            value("--basis", &["0"], &["-1", "some", "1,000"])
                .needs(&["--acquired", "--signed-by"]),
            value(
                "--acquired",
                &["2024-05-31"],
                &["2024-13-01", "May", "2024-05-31T10:00:00"],
            )
            .needs(&["--basis"]),
            value("--size", &["1.5"], &["0", "-1", "all"]).needs(&["--basis"]),
            value("--signed-by", &["Ann"], &["  "]).needs(&["--basis"]),
            TIMEZONE.needs(&["--basis"]),
            YES.needs(&["--basis"]),
        ],
        ..NONE
    },
    Table {
        command: "review dismiss",
        positions: &["7"],
        always: &["--note"],
        rows: &[NOTE],
        ..NONE
    },
    Table {
        command: "review reopen",
        positions: &["7"],
        always: &["--note"],
        rows: &[NOTE],
        ..NONE
    },
    Table {
        command: "review export",
        always: &["--output"],
        rows: &[OUTPUT, OVERWRITE],
        ..NONE
    },
    Table {
        command: "review apply",
        positions: &["a.csv"],
        rows: &[flag("--preview"), YES],
        refused: &[("--preview", "--yes")],
        ..NONE
    },
    Table {
        command: "review exclude",
        ..OF_POOL
    },
    Table {
        command: "review include",
        ..OF_POOL
    },
    Table {
        command: "tax",
        always: &["--year", "--output"],
        one_of: &["--format", "--final"],
        rows: &[
            YEAR,
            TIMEZONE,
            VERSION,
            ACCOUNT,
            value("--format", &["lots"], &["pdf"]),
            OUTPUT,
            OVERWRITE,
            flag("--allow-incomplete"),
            flag("--whole-dollars"),
            flag("--final"),
        ],
        refused: &[("--format", "--final")],
        ..NONE
    },
    Table {
        command: "tax verify",
        positions: &["a.zip"],
        ..NONE
    },
    Table {
        command: "tax amend",
        always: &["--year"],
        rows: &[YEAR, VERSION],
        ..NONE
    },
    Table {
        command: "health",
        rows: &[
            value("--max-age", &["5m"], PRUNE_AGES),
            value("--max-run", &["5m"], PRUNE_AGES),
            value("--max-review-age", &["5m"], PRUNE_AGES),
            value("--min-free", &["10"], &["101", "-1", "5%"]).not_on_servers(),
        ],
        ..NONE
    },
    Table {
        command: "migrate up",
        rows: &[
            YES.not_on_files(),
            DATE.not_on_files(),
            flag("--protect-ledger").not_on_files(),
            flag("--accept-views"),
        ],
        refused: &[
            ("--snapshot-date", "--accept-views"),
            ("--protect-ledger", "--accept-views"),
            ("--yes", "--accept-views"),
        ],
        ..NONE
    },
    Table {
        command: "migrate status",
        ..NONE
    },
    Table {
        command: "migrate down",
        always: &["--to"],
        rows: &[
            value("--to", &["1"], &["-1", "back"]),
            value("--confirm", &["YES"], &[]),
            WAIT,
        ],
        ..NONE
    },
];
