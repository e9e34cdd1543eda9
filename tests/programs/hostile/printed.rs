//! Text of a file, a database, an argument or a setting may hold anything. Only our own line ends
//! are printed as they are, and no text makes a line of its own.

use crate::support::site::{Site, server};
use crate::support::{Done, Folder};

/// Moves the cursor, rings, turns the direction, is not seen, makes a line that looks like ours.
macro_rules! evil {
    ($end:literal) => {
        concat!(
            "e\u{1b}[2J\u{7}\u{7f}\u{9b}31m\u{202e}\u{2028}\u{ad}\u{200b}\u{e0041}\u{feff}",
            "\r\nFORGED  \u{2029}\tx",
            $end
        )
    };
}

const EVIL: &str = evil!("");
const EVIL_CSV: &str = evil!(".csv");
const EVIL_ZIP: &str = evil!(".zip");
const EVIL_OUT: &str = evil!(".out");

const HEADER: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd";

/// Tells whether a terminal may be given a character: stated here a second time, by ranges.
fn is_safe(c: char) -> bool {
    let unsafe_ranges = [
        ('\0', '\u{9}'),
        ('\u{b}', '\u{1f}'),
        ('\u{7f}', '\u{a0}'),
        ('\u{ad}', '\u{ad}'),
        ('\u{200b}', '\u{200f}'),
        ('\u{2028}', '\u{202f}'),
        ('\u{2060}', '\u{206f}'),
        ('\u{feff}', '\u{feff}'),
        ('\u{e0000}', '\u{e0fff}'),
    ];
    !unsafe_ranges
        .iter()
        .any(|(from, to)| (*from..=*to).contains(&c))
}

#[track_caller]
fn check(args: &[&str], done: &Done) {
    for (name, text) in [("stdout", &done.stdout), ("stderr", &done.stderr)] {
        let bad = text.chars().find(|c| !is_safe(*c));
        assert_eq!(bad, None, "{name} of {args:?}:\n{}", text.escape_debug());
        let forged = text
            .lines()
            .find(|line| line.trim_start().starts_with("FORGED"));
        assert_eq!(forged, None, "{name} of {args:?}:\n{text}");
    }
    assert!((0..=4).contains(&done.code), "{args:?}: {done:?}");
}

/// Runs a command for people and for programs, and checks both.
#[track_caller]
fn run(fifo_pnl: &dyn Fn(&[&str]) -> Done, args: &[&str]) -> [Done; 2] {
    let plain = fifo_pnl(args);
    check(args, &plain);
    let json = fifo_pnl(&[args, &["--json"]].concat());
    check(args, &json);
    [plain, json]
}

fn write_files(folder: &Folder) {
    let good = "a-1,BTC-USD,buy,1,10,2025-01-02T03:04:05Z,0\n\
                a-2,BTC-USD,sell,1,12,2025-01-03T03:04:05Z,0\n\
                a-3,ETH-USD,sell,1,12,2025-01-03T03:04:05Z,0\n";
    folder.write("good.csv", format!("{HEADER}\n{good}"));
    folder.write(EVIL_CSV, format!("{HEADER}\n{}", good.replace("a-", "b-")));
    let evil = format!("\"{EVIL}\"");
    let mut bad = format!("{HEADER},account,trade_seq,status,\"note {EVIL}\",{evil}\n");
    let row = [
        "c-1",
        "BTC-USD",
        "buy",
        "1",
        "10",
        "2025-01-02T03:04:05Z",
        "0",
        "main",
        "1",
        "x",
    ];
    for at in 0..row.len() {
        let mut cells: Vec<&str> = row.to_vec();
        cells[at] = &evil;
        bad.push_str(&format!("{},n,n\n", cells.join(",")));
    }
    bad.push_str(&format!("{evil},{evil}\n{evil} x,1\n"));
    folder.write("bad.csv", bad);
    folder.write(
        "other.csv",
        format!("{HEADER}\na-1,BTC-USD,buy,2,10,2025-01-02T03:04:05Z,0\n"),
    );
    folder.write("header.csv", format!("order_id,{evil}\n1,2\n"));
    folder.write("values.csv", format!("1,buy,{evil}\n"));
    folder.write(
        "lots.csv",
        format!("symbol,size,acquired,basis,{evil}\n{evil},{evil},1,2,3\n"),
    );
    folder.write(
        "old.csv",
        format!("order_id,parent_id,pnl_usd,note\na-2,{evil},1,{evil}\n{evil},{evil},2,{evil}\n"),
    );
    folder.write(
        "old-bad.csv",
        format!("order_id,parent_id,pnl_usd\na-2,x,{evil}\n"),
    );
    let sheet = "item,action,size,basis,acquired,signed_by,note\n";
    folder.write("sheet.csv", format!("{sheet}1,dismiss,,,,,{evil}\n"));
    folder.write("sheet-bad.csv", format!("{sheet}{evil},{evil},,,,,\n"));
    folder.write("sheet-word.csv", format!("{sheet}1,{evil},,,,,n\n"));
    folder.write("settings.toml", "\"e\\u001b\\u202e\\nFORGED\" = 1\n");
    folder.write(
        "symbols.toml",
        "[symbols.\"e\\u001b\\u202e\\nFORGED\"]\nquote = \"USD\"\n",
    );
    folder.write(
        "quote.toml",
        "[symbols.\"BTC-USD\"]\nquote = \"e\\u001b\\u202e\\nFORGED\"\n",
    );
    folder.write(
        "tax.toml",
        "[tax]\ntimezone = \"e\\u001b\\u202e\\nFORGED\"\n",
    );
    folder.write("fake.zip", format!("PK{EVIL}"));
}

/// Files and what is wrong with them.
const IMPORTS: &[&[&str]] = &[
    &[EVIL],
    &["import", EVIL_CSV],
    &["import", EVIL],
    &["import", "bad.csv"],
    &["import", "--preview", "bad.csv"],
    &["import", "--skip-invalid", "bad.csv"],
    &["import", "other.csv"],
    &["import", "--correct", "--reason", EVIL, "other.csv"],
    &["import", "--account", EVIL, "good.csv"],
    &["import", "--timezone", EVIL, "good.csv"],
    &["import", "header.csv"],
    &["import", "values.csv"],
    &["import", "lots", "--timezone", "UTC", "lots.csv"],
    &["import", "fake.zip"],
    &["run", "--skip-invalid", "bad.csv"],
];

/// Runs, and what is asked about them.
const RUNS: &[&[&str]] = &[
    &["compute", "--all-symbols", "--triggered-by", EVIL],
    &["compute", "--symbol", EVIL],
    &["compute", "--all-symbols", "--jobs", EVIL],
    &["compute", "--all-symbols", "--memory", EVIL],
    &["compute", "--all-symbols", "--wait", EVIL],
    &["compute", "--incremental", "--since", EVIL],
    &["compute", "--incremental"],
    &["void", EVIL, "--reason", "r"],
    &["void", "a-1", "--account", EVIL, "--reason", "r"],
    &["void", "b-1", "--reason", EVIL],
    &["compute", "--all-symbols"],
    &["validate", "--version", EVIL],
    &["validate", "--version", "current", "--report"],
    &["validate", "--version", "current", "--snapshot", EVIL],
    &["explain", EVIL],
    &["explain", "a-2"],
    &["explain", "b-2"],
    &[
        "history",
        "import",
        "old.csv",
        "--snapshot-date",
        "20250101",
    ],
    &["history", "import", "old-bad.csv"],
    &["history", "import", "old.csv", "--snapshot-date", EVIL],
    &["history", "list"],
    &["validate", "--version", "current", "--report", "--strict"],
    &["explain", "a-2"],
    &["compare", "1", "2", "-o", EVIL_OUT],
    &["compare", EVIL, "legacy:x"],
];

/// Notes of a person about items.
const REVIEWS: &[&[&str]] = &[
    &["review", "list", "--all"],
    &["review", "list", "--symbol", EVIL],
    &["review", "list", "--status", EVIL],
    &["review", "show", "1"],
    &["review", "start", "1", "--note", EVIL],
    &["review", "show", "1"],
    &["review", "dismiss", "1", "--note", EVIL],
    &["review", "reopen", "1", "--note", EVIL],
    &[
        "review",
        "resolve",
        "1",
        "--note",
        EVIL,
        "--basis",
        EVIL,
        "--acquired",
        EVIL,
    ],
    &[
        "review",
        "resolve",
        "1",
        "--note",
        EVIL,
        "--basis",
        "0",
        "--acquired",
        "2020-01-01",
        "--timezone",
        "UTC",
        "--signed-by",
        EVIL,
        "--size",
        EVIL,
    ],
    &["review", "export", "-o", EVIL_OUT, "--overwrite"],
    &["review", "apply", EVIL_OUT],
    &["review", "apply", "sheet.csv", "--preview"],
    &["review", "apply", "sheet-bad.csv"],
    &["review", "apply", "sheet-word.csv"],
    &[
        "review",
        "exclude",
        "--account",
        "default",
        "--asset",
        "ETH",
        "--reason",
        EVIL,
    ],
    &[
        "review",
        "exclude",
        "--account",
        EVIL,
        "--symbol",
        EVIL,
        "--reason",
        EVIL,
    ],
    &["review", "list", "--all"],
    &["compute", "--all-symbols"],
];

/// Versions and tax files.
const VERSIONS: &[&[&str]] = &[
    &["versions", "list"],
    &["versions", "seal", "1", "--reason", EVIL],
    &["versions", "list"],
    &["versions", "publish", EVIL],
    &["versions", "export", EVIL],
    &["versions", "export", "1", "-o", EVIL_OUT],
    &["versions", "export", "1", "-o", EVIL_OUT, "--overwrite"],
    &["tax", "--year", "2025", "--timezone", EVIL, "-o", "t.csv"],
    &[
        "tax",
        "--year",
        "2025",
        "--timezone",
        "UTC",
        "--account",
        EVIL,
        "-o",
        "t.csv",
    ],
    &[
        "tax",
        "--year",
        "2025",
        "--timezone",
        "UTC",
        "-o",
        EVIL_OUT,
        "--overwrite",
    ],
    &["tax", "--year", EVIL, "-o", "t.csv"],
    &["tax", "verify", EVIL],
    &["tax", "verify", "fake.zip"],
    &[
        "tax",
        "--year",
        "2025",
        "--timezone",
        "UTC",
        "--final",
        "--allow-incomplete",
        "-o",
        EVIL_ZIP,
        "--overwrite",
    ],
    &["tax", "verify", EVIL_ZIP],
    &["tax", "amend", "2025"],
];

/// Databases and settings.
const PLACES: &[&[&str]] = &[
    &["health"],
    &["migrate", "status"],
    &["migrate", "up", "--snapshot-date", EVIL],
    &["migrate", "down", "--to", EVIL],
    &["--config", EVIL, "health"],
    &["--config", "settings.toml", "health"],
    &["--config", "symbols.toml", "health"],
    &["--config", "quote.toml", "health"],
    &["--config", "tax.toml", "import", "lots", "lots.csv"],
    &["--database", EVIL, "health"],
    &["--database", "sqlite://none\u{202e}.db", "health"],
    &["--database", "sqlite://none\n.db", "health"],
    &["--database", "postgres://u%0aFORGED@h/db", "health"],
];

/// Runs commands that say back what they were given, or what the database holds.
fn run_all(fifo_pnl: &dyn Fn(&[&str]) -> Done) {
    for args in [IMPORTS, RUNS, REVIEWS, VERSIONS, PLACES].concat() {
        run(fifo_pnl, args);
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// Rows that something else wrote: names and texts that no import takes, in every table.
fn edit(evil: &str) -> Vec<String> {
    let row = |account: &str, id: &str, symbol: &str| {
        format!(
            "INSERT INTO trade_records (account, order_id, symbol, side, size, price, order_time, \
             status) VALUES ({account}, {id}, {symbol}, 'sell', '1', '1', TIME, {evil})"
        )
    };
    vec![
        row("'default'", evil, "'BTC-USD'"),
        row(evil, "'x-1'", "'BTC-USD'"),
        row("'default'", "'x-2'", evil),
        "UPDATE fifo_computation_log SET error_message = EVIL, host = EVIL, triggered_by = EVIL"
            .replace("EVIL", evil),
    ]
}

#[test]
fn sqlite_prints_no_text_as_it_came() {
    let folder = Folder::new();
    write_files(&folder);
    let fifo_pnl = |args: &[&str]| folder.fifo_pnl(args);
    run(&fifo_pnl, &["run", "good.csv"]);
    run_all(&fifo_pnl);
    for sql in edit(&quoted(EVIL)) {
        folder.sql(&sql.replace("TIME", "1735787045000000"));
    }
    let [plain, json] = run(&fifo_pnl, &["compute", "--all-symbols"]);
    assert!(plain.stdout.contains("\\nFORGED"), "{}", plain.stdout);
    // Programs get the very value.
    let json = json.json();
    let pools = json["pools"].as_array().unwrap().iter();
    assert!(pools.clone().any(|pool| pool["account"] == EVIL), "{json}");
    run_all(&fifo_pnl);
    folder.sql(
        &"UPDATE fifo_allocations SET sell_order_id = EVIL || id; \
          UPDATE manual_review_queue SET description = EVIL, order_id = EVIL || id, \
          resolution = EVIL, resolved_by = EVIL"
            .replace("EVIL", &quoted(EVIL)),
    );
    run_all(&fifo_pnl);
}

#[test]
fn postgres_prints_no_text_as_it_came() {
    let Some(server) = server() else { return };
    let site = Site::migrated(&server);
    write_files(&site.folder);
    let fifo_pnl = |args: &[&str]| site.fifo_pnl(args);
    run(&fifo_pnl, &["run", "good.csv"]);
    run_all(&fifo_pnl);
    for sql in edit(&quoted(EVIL)) {
        site.sql(&sql.replace("TIME", "'2025-01-02 03:04:05+00'"));
    }
    let [plain, _] = run(&fifo_pnl, &["compute", "--all-symbols"]);
    assert!(plain.stdout.contains("\\nFORGED"), "{}", plain.stdout);
    run_all(&fifo_pnl);
    // What the server's catalog says is somebody's text, too: here the name of a trigger.
    site.sql(
        "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$; \
         CREATE TRIGGER \"a\nFORGED\u{1b}[2J\" BEFORE INSERT ON trade_records FOR EACH ROW \
         EXECUTE FUNCTION refuse()",
    );
    site.folder.write(
        "new.csv",
        format!("{HEADER}\nnew-1,BTC-USD,buy,1,10,2025-01-02T03:04:05Z,0\n"),
    );
    let [plain, _] = run(&fifo_pnl, &["import", "new.csv"]);
    assert!(plain.stderr.contains("\\nFORGED"), "{}", plain.stderr);
}

#[test]
fn an_adopted_ledger_is_read_to_a_safe_terminal() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    let evil = quoted(EVIL);
    site.sql(
        &"CREATE TABLE trade_records (order_id text PRIMARY KEY, symbol text, side text, \
          size float8, price float8, order_time timestamptz, total_fees_usd float8, status text, \
          \"COLUMN\" text); \
          INSERT INTO trade_records VALUES \
          ('a-1', 'BTC-USD', 'buy', 1, 10, '2025-01-02', 0, NULL, EVIL), \
          ('a-2', 'BTC-USD', 'sell', 1, 11, '2025-01-03', 0, EVIL, EVIL), \
          (EVIL, 'ETH-USD', 'sell', 1, 11, '2025-01-03', 0, 'open', EVIL), \
          (EVIL || 1, EVIL, EVIL, 'NaN', -1, 'infinity', 0, 'filled', EVIL)"
            .replace("EVIL", &evil)
            .replace("COLUMN", "e\u{1b}\u{202e}\nFORGED"),
    );
    let fifo_pnl = |args: &[&str]| site.fifo_pnl(args);
    run(&fifo_pnl, &["migrate", "up"]);
    let [plain, _] = run(&fifo_pnl, &["migrate", "up", "--yes"]);
    assert_eq!(plain.code, 0, "{plain:?}");
    write_files(&site.folder);
    let [plain, _] = run(&fifo_pnl, &["compute", "--all-symbols"]);
    assert!(plain.stdout.contains("\\nFORGED"), "{plain:?}");
    run_all(&fifo_pnl);
}
