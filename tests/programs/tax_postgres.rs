//! Tax files and decisions are the same from either database, except for the ids of runs.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use crate::support::postgres;

use std::fs;

use postgres::{Database, apart};
use support::{Done, Folder, repository};

/// A folder, and the database that its programs use.
struct Place {
    folder: Folder,
    url: String,
}

impl Place {
    fn new(url: &str) -> Self {
        let folder = Folder::new();
        folder.write("fifo-pnl.toml", "[tax]\ntimezone = \"America/New_York\"\n");
        for name in ["fees-and-dates", "missing-buy"] {
            let path = repository().join(format!("fixtures/tax/{name}/trades.csv"));
            folder.write(&format!("{name}.csv"), fs::read_to_string(path).unwrap());
        }
        let url = url.to_owned();
        Self { folder, url }
    }

    fn run(&self, args: &[&str]) -> Done {
        self.folder
            .fifo_pnl(&[args, &["--database", &self.url]].concat())
    }

    /// Returns a file without the ids of runs, which are random.
    fn read(&self, name: &str) -> String {
        let text = self.folder.read(name);
        let is_id = |cell: &str| cell.len() == 36 && cell.matches('-').count() == 4;
        let lines = text.lines().map(|line| {
            let cells: Vec<&str> = line.split(',').filter(|cell| !is_id(cell)).collect();
            cells.join(",")
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// Imports, exports, decides, files: the whole way.
fn work(place: &Place) {
    if place.url.starts_with("postgres") {
        place.run(&["migrate", "up", "--yes"]).expect(0);
    }
    place
        .run(&["run", "fees-and-dates.csv", "missing-buy.csv"])
        .expect(0);
    for (format, name) in [
        ("form8949", "f.csv"),
        ("lots", "l.csv"),
        ("txf", "t.txf"),
        ("schedule-d", "d.csv"),
    ] {
        let tax = ["tax", "--year", "2025", "--format", format, "-o", name];
        place
            .run(&[&tax[..], &["--allow-incomplete", "--account", "main"]].concat())
            .expect(0);
    }
    let resolve = [
        "review",
        "resolve",
        "1",
        "--basis",
        "31.2312",
        "--acquired",
        "2025-01-03",
    ];
    place
        .run(&[&resolve[..], &["--note", "statement", "--yes"]].concat())
        .expect(0);
    place.run(&["compute", "--all-symbols"]).expect(0);
    let file = ["tax", "--year", "2025", "--final", "-o", "filed.zip"];
    place.run(&file).expect(0);
    let done = place.run(&["tax", "verify", "filed.zip"]).expect(0);
    assert!(done.stdout.contains("Equal:"), "{}", done.stdout);
    let shown = place.run(&["review", "show", "1"]).expect(0).stdout;
    assert!(shown.contains("started by tester: statement"), "{shown}");
    let again = [
        "tax",
        "--year",
        "2025",
        "--format",
        "lots",
        "-o",
        "after.csv",
    ];
    place.run(&again).expect(0);
    let book = ["tax", "--year", "2025", "--format", "xlsx", "-o", "b.xlsx"];
    place.run(&book).expect(0);
}

#[test]
fn both_databases_give_the_same_files() {
    let Some(database) = Database::new() else {
        return;
    };
    let places = [Place::new("sqlite://pnl.db"), Place::new(database.url())];
    places.iter().for_each(work);
    let [sqlite, postgres] = &places;
    for name in [
        "f.csv",
        "l.csv",
        "t.txf",
        "d.csv",
        "f.unmatched.csv",
        "after.csv",
    ] {
        assert_eq!(sqlite.read(name), postgres.read(name), "{name}");
    }
    assert!(sqlite.read("after.csv").contains("basis_by_review"));
    let events =
        apart(database.ask(
            "SELECT event_type FROM review_history WHERE event_type LIKE 'review%' ORDER BY id",
        ));
    assert_eq!(
        events,
        [
            "review_opened",
            "review_started",
            "review_decided",
            "review_resolved"
        ]
    );
}

#[test]
fn a_role_that_may_only_read_exports_and_says_so() {
    let Some(database) = Database::new() else {
        return;
    };
    let place = Place::new(database.url());
    place.run(&["migrate", "up", "--yes"]).expect(0);
    place.run(&["run", "fees-and-dates.csv"]).expect(0);
    let role = format!("reader_{}", database.name());
    let grant = format!(
        "CREATE ROLE {role} LOGIN; GRANT USAGE ON SCHEMA public, fifo_parts TO {role}; \
         GRANT SELECT ON ALL TABLES IN SCHEMA public, fifo_parts TO {role}"
    );
    apart(database.run(&grant)).unwrap();
    let reader = Place {
        folder: place.folder,
        url: postgres::with_role(database.url(), &role),
    };
    let done = reader
        .run(&["tax", "--year", "2025", "--format", "lots", "-o", "l.csv"])
        .expect(0);
    let drop = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    apart(database.run(&drop)).unwrap();
    let said = "the export is not recorded in the audit trail: this user may not write there";
    assert!(done.stdout.contains(said), "{}", done.stdout);
    assert_eq!(reader.folder.read("l.csv").lines().count(), 11);
}

/// A trade of another program's table has no file of ours: the export names the table, and the
/// trade's own source.
#[test]
fn trades_of_a_ledger_that_was_there_name_its_table() {
    let Some(database) = Database::new() else {
        return;
    };
    let ledger = "CREATE TABLE trade_records (order_id varchar PRIMARY KEY, \
         symbol varchar NOT NULL, side varchar NOT NULL, order_time timestamptz NOT NULL, \
         price float8 NOT NULL, size float8 NOT NULL, total_fees_usd float8, source varchar, \
         account varchar); \
         INSERT INTO trade_records VALUES \
         ('b-1', 'BTC/USD', 'buy', '2025-01-02T00:00:00Z', 10, 2, 0, 'review', ''), \
         ('s-1', 'BTC/USD', 'sell', '2025-02-02T00:00:00Z', 12, 1, 0, 'websocket', NULL)";
    apart(database.run(ledger)).unwrap();
    let place = Place::new(database.url());
    place.run(&["migrate", "up", "--yes"]).expect(0);
    let later = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
                 s-2,BTC-USD,sell,1,13,2025-03-02T00:00:00Z,0\n";
    place.folder.write("later.csv", later);
    place.run(&["run", "later.csv"]).expect(0);
    let tax = ["tax", "--year", "2025", "--format", "lots", "-o", "l.csv"];
    place.run(&tax).expect(0);
    let lots = place.read("l.csv");
    let ends = [
        ",1,1,1,2,table trade_records,,websocket,table trade_records,,review (ledger),1,",
        ",1,1,2,2,later.csv,2,,table trade_records,,review (ledger),1,",
    ];
    let rows: Vec<&str> = lots.lines().skip(1).collect();
    assert_eq!(rows.len(), 2, "{lots}");
    for (row, end) in rows.iter().zip(ends) {
        assert!(row.contains(end), "{row}");
        assert!(!row.contains("basis_by_review"), "{row}");
    }
}
