//! A schema that something else changed: a trigger that changes what is stored, a view that shows
//! something else, a rule, a check, an index that is gone. Every command that reads or writes
//! refuses, names each object, and changes nothing; on both databases.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use crate::support::postgres;

use postgres::{Database, apart};
use support::{DATABASE, Done, Folder};

const TRADES: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
    b-1,BTC-USD,buy,2,10,2025-01-01T00:00:00Z,0\n\
    s-1,BTC-USD,sell,1,12,2025-06-01T00:00:00Z,0\n";

/// A folder, and its database.
struct Place {
    folder: Folder,
    server: Option<Database>,
}

impl Place {
    fn both() -> Vec<Self> {
        let sqlite = Some(Self::prepared(None));
        let postgres = Database::new().map(|server| Self::prepared(Some(server)));
        sqlite.into_iter().chain(postgres).collect()
    }

    fn prepared(server: Option<Database>) -> Self {
        let folder = Folder::new();
        folder.write("trades.csv", TRADES);
        folder.write("fifo-pnl.toml", "[tax]\ntimezone = \"America/New_York\"\n");
        let place = Self { folder, server };
        if place.server.is_some() {
            place.run(&["migrate", "up", "--yes"]).expect(0);
        }
        place.run(&["run", "trades.csv"]).expect(0);
        place
    }

    fn is_sqlite(&self) -> bool {
        self.server.is_none()
    }

    fn run(&self, args: &[&str]) -> Done {
        let url = match &self.server {
            Some(server) => server.url().to_owned(),
            None => format!("sqlite://{DATABASE}"),
        };
        self.folder
            .fifo_pnl(&[args, &["--database", &url]].concat())
    }

    #[track_caller]
    fn sql(&self, sql: &str) {
        match &self.server {
            Some(server) => apart(server.run(sql)).unwrap(),
            None => drop(self.folder.sql(sql)),
        }
    }

    /// Counts what a command could have written.
    fn rows(&self) -> String {
        let sql = "SELECT CAST((SELECT count(*) FROM trade_records) * 10000 \
                   + (SELECT count(*) FROM event_log) * 100 \
                   + (SELECT count(*) FROM fifo_computation_log) AS TEXT)";
        match &self.server {
            Some(server) => apart(server.ask(sql)).concat(),
            None => self.folder.value(sql),
        }
    }
}

/// A change, the change that undoes it, and the words about it.
struct Change {
    sqlite: [&'static str; 2],
    postgres: [&'static str; 2],
    said: &'static str,
}

const CHANGES: [Change; 6] = [
    Change {
        sqlite: [
            "CREATE TRIGGER spoil AFTER INSERT ON trade_records BEGIN \
             INSERT INTO trade_voids (account, order_id, reason, voided_by) \
             VALUES (NEW.account, NEW.order_id, 'x', 'x'); END",
            "DROP TRIGGER spoil",
        ],
        postgres: [
            "CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN NEW.price := NEW.price * 2; RETURN NEW; END $$; \
             CREATE TRIGGER spoil BEFORE INSERT ON trade_records \
             FOR EACH ROW EXECUTE FUNCTION spoil()",
            "DROP TRIGGER spoil ON trade_records; DROP FUNCTION spoil()",
        ],
        said: "trigger \"spoil\" on trade_records is not ours",
    },
    Change {
        sqlite: [
            "CREATE TRIGGER spoil AFTER INSERT ON fifo_allocations BEGIN \
             UPDATE fifo_allocations SET pnl_usd = '1' WHERE id = NEW.id; END",
            "DROP TRIGGER spoil",
        ],
        postgres: [
            "CREATE RULE spoil AS ON INSERT TO trade_voids DO INSTEAD NOTHING",
            "DROP RULE spoil ON trade_voids",
        ],
        said: "\"spoil\" on ",
    },
    Change {
        sqlite: [
            "DROP INDEX trade_voids_order_index",
            "CREATE INDEX trade_voids_order_index ON trade_voids (account, order_id, void_seq)",
        ],
        postgres: [
            "DROP INDEX trade_voids_order_index",
            "CREATE INDEX trade_voids_order_index ON trade_voids (account, order_id, void_seq)",
        ],
        said: "index \"trade_voids_order_index\" on trade_voids is missing",
    },
    Change {
        sqlite: [
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, \
             'CHECK (reason <> '''')', 'CHECK (reason <> ''x'')') WHERE name = 'trade_voids'",
            "PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, \
             'CHECK (reason <> ''x'')', 'CHECK (reason <> '''')') WHERE name = 'trade_voids'",
        ],
        postgres: [
            "ALTER TABLE trade_voids ADD CONSTRAINT reason CHECK (reason <> 'x')",
            "ALTER TABLE trade_voids DROP CONSTRAINT reason",
        ],
        said: "trade_voids",
    },
    Change {
        sqlite: [
            "CREATE UNIQUE INDEX one_a_day ON trade_records (order_time)",
            "DROP INDEX one_a_day",
        ],
        postgres: [
            "CREATE UNIQUE INDEX one_a_day ON trade_records (order_time)",
            "DROP INDEX one_a_day",
        ],
        said: "unique index \"one_a_day\" on trade_records is not ours",
    },
    Change {
        sqlite: [
            "CREATE TRIGGER spoil INSTEAD OF INSERT ON v_open_inventory BEGIN SELECT 1; END",
            "DROP TRIGGER spoil",
        ],
        postgres: [
            "CREATE TABLE more_trades () INHERITS (trade_records)",
            "DROP TABLE more_trades",
        ],
        said: " on ",
    },
];

const COMMANDS: [&[&str]; 6] = [
    &["import", "trades.csv"],
    &["compute", "--all-symbols"],
    &["compute", "--incremental"],
    &["validate", "--version", "1"],
    &["versions", "export", "1", "-o", "out.csv"],
    &["tax", "--year", "2025", "--final", "-o", "out.zip"],
];

#[test]
fn every_command_refuses_a_schema_that_something_else_changed() {
    for place in Place::both() {
        for change in &CHANGES {
            let [make, undo] = match place.is_sqlite() {
                true => change.sqlite,
                false => change.postgres,
            };
            let rows = place.rows();
            place.sql(make);
            for command in COMMANDS {
                let done = place.run(command).expect(3);
                let said = "the schema is not as this program made it: ";
                assert!(done.stderr.contains(said), "{make}: {}", done.stderr);
                assert!(done.stderr.contains(change.said), "{make}: {}", done.stderr);
                assert!(
                    done.stderr.contains("hint: DROP what is not ours"),
                    "{}",
                    done.stderr
                );
            }
            assert_eq!(place.rows(), rows, "{make}");
            let health = place.run(&["health"]).expect(1);
            assert!(health.stdout.contains("schema "), "{}", health.stdout);
            assert!(health.stdout.contains(change.said), "{}", health.stdout);
            place.sql(undo);
            place.run(&["validate", "--version", "1"]).expect(0);
        }
    }
}

/// The rows of versions and their sums stand in a schema of their own on PostgreSQL.
#[test]
fn the_schema_of_the_versions_rows_is_compared_as_well() {
    let Some(server) = Database::new() else {
        return;
    };
    let place = Place::prepared(Some(server));
    // Another version that is being written: its tables are no part of anything yet.
    place.sql(
        "CREATE TABLE fifo_parts.fifo_allocations_v9_r9 (LIKE fifo_allocations INCLUDING DEFAULTS \
         INCLUDING CONSTRAINTS, CONSTRAINT of_version CHECK (allocation_version = 9)); \
         CREATE UNIQUE INDEX ON fifo_parts.fifo_allocations_v9_r9 (id); \
         CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN NEW.pnl_usd := 1000000; RETURN NEW; END $$",
    );
    place.run(&["versions", "list"]).expect(0);
    for (make, undo, said) in OF_VERSIONS {
        place.sql(make);
        for command in [&["versions", "list"][..], &["compute", "--all-symbols"]] {
            let done = place.run(command).expect(3);
            assert!(done.stderr.contains(said), "{make}: {}", done.stderr);
        }
        let health = place.run(&["health"]).expect(1);
        assert!(health.stdout.contains(said), "{make}: {}", health.stdout);
        place.sql(undo);
        place.run(&["versions", "list"]).expect(0);
    }
}

/// A change, the change that undoes it, and the words about it.
const OF_VERSIONS: [(&str, &str, &str); 11] = [
    (
        "ALTER TABLE fifo_parts.fifo_allocations_v1_r1 ALTER COLUMN notes SET DEFAULT 'x'",
        "ALTER TABLE fifo_parts.fifo_allocations_v1_r1 ALTER COLUMN notes DROP DEFAULT",
        "default \"notes\" on fifo_parts.fifo_allocations_v1_r1 is not ours",
    ),
    (
        "CREATE TRIGGER spoil BEFORE INSERT ON fifo_parts.fifo_pool_summary \
         FOR EACH ROW EXECUTE FUNCTION spoil()",
        "DROP TRIGGER spoil ON fifo_parts.fifo_pool_summary",
        "trigger \"spoil\" on fifo_parts.fifo_pool_summary is not ours",
    ),
    (
        "CREATE TRIGGER spoil BEFORE INSERT ON fifo_parts.fifo_allocations_v1_r1 \
         FOR EACH ROW EXECUTE FUNCTION spoil()",
        "DROP TRIGGER spoil ON fifo_parts.fifo_allocations_v1_r1",
        "trigger \"spoil\" on fifo_parts.fifo_allocations_v1_r1 is not ours",
    ),
    (
        "CREATE RULE nothing AS ON INSERT TO fifo_parts.fifo_pool_summary DO INSTEAD NOTHING",
        "DROP RULE nothing ON fifo_parts.fifo_pool_summary",
        "rule \"nothing\" on fifo_parts.fifo_pool_summary is not ours",
    ),
    (
        "ALTER TABLE fifo_parts.fifo_pool_summary DROP CONSTRAINT fifo_pool_summary_pkey",
        "ALTER TABLE fifo_parts.fifo_pool_summary ADD PRIMARY KEY (allocation_version, account, \
         asset)",
        "constraint \"fifo_pool_summary_pkey\" on fifo_parts.fifo_pool_summary is missing",
    ),
    (
        "ALTER TABLE fifo_parts.fifo_pool_summary ALTER COLUMN pnl_usd SET DEFAULT 7",
        "ALTER TABLE fifo_parts.fifo_pool_summary ALTER COLUMN pnl_usd DROP DEFAULT",
        "table \"fifo_parts.fifo_pool_summary\" was changed",
    ),
    (
        "ALTER TABLE fifo_parts.fifo_pool_summary SET UNLOGGED",
        "ALTER TABLE fifo_parts.fifo_pool_summary SET LOGGED",
        "table \"fifo_parts.fifo_pool_summary\" was changed",
    ),
    (
        "ALTER TABLE manual_review_queue SET UNLOGGED",
        "ALTER TABLE manual_review_queue SET LOGGED",
        "table \"manual_review_queue\" was changed",
    ),
    (
        "ALTER TABLE fifo_parts.fifo_allocations_v1_r1 SET UNLOGGED",
        "ALTER TABLE fifo_parts.fifo_allocations_v1_r1 SET LOGGED",
        "setting \"UNLOGGED\" on fifo_parts.fifo_allocations_v1_r1 is not ours",
    ),
    (
        "ALTER TABLE fifo_parts.fifo_inventory_snapshot_v1_r1 \
         ADD CONSTRAINT spoil CHECK (remaining_size < 100), ADD CONSTRAINT one UNIQUE (id)",
        "ALTER TABLE fifo_parts.fifo_inventory_snapshot_v1_r1 \
         DROP CONSTRAINT spoil, DROP CONSTRAINT one",
        "constraint \"one\" on fifo_parts.fifo_inventory_snapshot_v1_r1 is not ours; \
         constraint \"spoil\" on fifo_parts.fifo_inventory_snapshot_v1_r1 is not ours; \
         unique index \"one\" on fifo_parts.fifo_inventory_snapshot_v1_r1 is not ours",
    ),
    (
        "CREATE TABLE fifo_parts.more PARTITION OF fifo_allocations DEFAULT",
        "DROP TABLE fifo_parts.more",
        "child table \"fifo_parts.more\" on fifo_allocations is not ours",
    ),
];

/// Objects of others beside our tables are theirs.
#[test]
fn what_is_attached_to_nothing_of_ours_is_left_alone() {
    for place in Place::both() {
        place.sql(
            "CREATE TABLE notes (order_id TEXT PRIMARY KEY, note TEXT); \
             CREATE VIEW noted AS SELECT t.order_id, note FROM trade_records t \
             JOIN notes n ON n.order_id = t.order_id; \
             CREATE INDEX trades_by_source ON trade_records (source)",
        );
        place.run(&["run", "trades.csv"]).expect(0);
    }
}

/// An operator may adapt one of our views on purpose, and every result says so.
#[test]
fn an_adapted_gate_is_accepted_and_told() {
    for place in Place::both() {
        let view = match &place.server {
            Some(server) => {
                apart(server.ask("SELECT pg_get_viewdef('eligible_trades'::regclass)")).concat()
            }
            None => place
                .folder
                .sql("SELECT sql FROM sqlite_schema WHERE name = 'eligible_trades'")
                .join("\n"),
        };
        let and = "AND t.source IS NOT 'paper'";
        if place.is_sqlite() {
            let view = format!("{view} {and}");
            place.sql(&format!("DROP VIEW eligible_trades; {view}"));
        } else {
            let view = view.trim_end().trim_end_matches(';');
            place.sql(&format!(
                "CREATE OR REPLACE VIEW eligible_trades AS {view} \
                 OR t.source IS NOT DISTINCT FROM 'paper'"
            ));
        }
        let done = place.run(&["compute", "--all-symbols"]).expect(3);
        let said = "view \"eligible_trades\" was changed";
        assert!(done.stderr.contains(said), "{}", done.stderr);
        assert!(
            done.stderr.contains("fifo-pnl migrate up --accept-views"),
            "{}",
            done.stderr
        );
        let done = place.run(&["migrate", "up", "--accept-views"]).expect(0);
        assert!(
            done.stdout.contains("Accepted  eligible_trades"),
            "{}",
            done.stdout
        );
        // A new version, because the adapted view may show other trades.
        let done = place.run(&["compute", "--incremental"]).expect(0);
        let said = "read through eligible_trades as an operator adapted it";
        assert!(done.stderr.contains(said), "{}", done.stderr);
        // Who asks for a document reads it there, and in the policy of each version.
        let done = place.run(&["versions", "list", "--json"]).expect(0).json();
        let adapted = serde_json::json!(["eligible_trades"]);
        assert_eq!(done["adapted_views"], adapted, "{done:#}");
        let policies = done["versions"].as_array().unwrap();
        assert_eq!(policies.len(), 2, "{done:#}");
        assert!(policies[0]["policy"]["adapted_views"].is_null(), "{done:#}");
        assert!(policies[1]["policy"]["adapted_views"]["eligible_trades"].is_string());
        let run = ["compute", "--all-symbols", "--quiet", "--json"];
        let done = place.run(&run).expect(0);
        let told = (&done.json()["adapted_views"], done.stderr.as_str());
        assert_eq!(told, (&adapted, ""));
        place.run(&["migrate", "up", "--accept-views"]).expect(0);
        // Another change is another question, and no other object can be accepted.
        place.sql("DROP VIEW v_open_inventory");
        let done = place.run(&["validate", "--version", "1"]).expect(3);
        assert!(
            done.stderr.contains("view \"v_open_inventory\" is missing"),
            "{}",
            done.stderr
        );
        assert!(
            !done.stderr.contains("eligible_trades\" was"),
            "{}",
            done.stderr
        );
        place.run(&["migrate", "up", "--accept-views"]).expect(0);
        place.run(&["validate", "--version", "1"]).expect(3);
    }
}

/// For an adopted ledger `migrate up` writes its own views, and commands compare with those.
#[test]
fn the_gate_of_an_adopted_ledger_is_what_was_written_for_it() {
    let Some(server) = Database::new() else {
        return;
    };
    let ledger = "CREATE TABLE trade_records (order_id text PRIMARY KEY, symbol text NOT NULL, \
         side text NOT NULL, size float8 NOT NULL, price float8 NOT NULL, \
         order_time timestamptz NOT NULL); \
         INSERT INTO trade_records VALUES ('b-1', 'BTC-USD', 'buy', 1, 10, '2025-01-01'); \
         CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RETURN NEW; END $$; \
         CREATE TRIGGER stamp BEFORE INSERT ON trade_records \
         FOR EACH ROW EXECUTE FUNCTION stamp()";
    apart(server.run(ledger)).unwrap();
    let folder = Folder::new();
    let server = Some(server);
    let place = Place { folder, server };
    place.run(&["migrate", "up", "--yes"]).expect(0);
    // A trigger of the bot is the bot's.
    let done = place.run(&["compute", "--all-symbols"]).expect(0);
    assert!(!done.stderr.contains("adapted"), "{}", done.stderr);
    // A command reports a replaced view, and an operator may accept it.
    place.sql(
        "DO $$ BEGIN EXECUTE 'CREATE OR REPLACE VIEW ineligible_trades AS SELECT * FROM (' \
         || trim(trailing ';' FROM pg_get_viewdef('ineligible_trades'::regclass)) \
         || ') i WHERE FALSE'; END $$",
    );
    let done = place.run(&["compute", "--all-symbols"]).expect(3);
    let said = "view \"ineligible_trades\" was changed";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    place.run(&["migrate", "up", "--accept-views"]).expect(0);
    let done = place.run(&["compute", "--all-symbols"]).expect(0);
    let said = "read through ineligible_trades as an operator adapted it";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    place.sql("CREATE RULE nothing AS ON INSERT TO trade_additions DO INSTEAD NOTHING");
    let done = place.run(&["validate", "--version", "1"]).expect(3);
    let said = "rule \"nothing\" on trade_additions is not ours";
    assert!(done.stderr.contains(said), "{}", done.stderr);
}

/// Nobody waits for who holds a table, and a view is looked at all the same.
#[test]
fn a_table_that_is_held_hides_no_change() {
    for place in Place::both() {
        let Some(server) = &place.server else {
            continue;
        };
        place.sql(
            "CREATE OR REPLACE VIEW v_unmatched_sells AS SELECT a.id AS allocation_id, \
             a.sell_order_id, a.symbol, a.allocated_size AS unmatched_size, a.sell_time, \
             a.sell_price, a.allocation_version, a.notes, NULL::text AS status, a.account, \
             a.proceeds_usd FROM fifo_allocations a WHERE FALSE",
        );
        let done = apart(async {
            let mut holder = server.connect().await;
            let hold = "BEGIN; LOCK TABLE trade_records, fifo_allocations, manual_review_queue \
                        IN ACCESS EXCLUSIVE MODE";
            postgres::run(&mut holder, hold).await.unwrap();
            place.run(&["versions", "list"])
        });
        let said = "view \"v_unmatched_sells\" was changed";
        assert!(done.expect(3).stderr.contains(said));
    }
}
