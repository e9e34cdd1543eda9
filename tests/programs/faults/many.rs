//! Many at once on both databases: ten runners, imports one after the other while runs go on,
//! readers that keep their state across a publish.

use std::process::{Child, Command, Stdio};

use crate::faults::place::{Place, file_of};
use crate::support::Done;
use crate::support::ledger::{Shape, csv, rows};

const SHAPE: Shape = Shape {
    trades: 1_500,
    accounts: 2,
    symbols: 10,
    seconds: 500_000,
};

const RUNNERS: usize = 10;

fn end_of(children: Vec<Child>) -> Vec<Done> {
    let end = |child: Child| Done::of(child.wait_with_output().unwrap());
    children.into_iter().map(end).collect()
}

/// Checks that every version is whole, and that the log has one row each for those who ran.
fn check_all(place: &Place, versions: usize, what: &str) {
    let state = place.state();
    assert_eq!(state.versions.len(), versions, "{what}: {state:?}");
    assert_eq!(state.log, vec!["completed"; versions], "{what}");
    assert_eq!(state.current, versions.to_string(), "{what}");
    assert_eq!(place.loose_tables(), "0", "{what}");
    let export = place.export("current");
    for version in 1..=versions {
        let version = version.to_string();
        let judge = ["validate", "--version", &version, "--quiet"];
        place.run(&judge).expect(0);
        assert_eq!(place.export(&version), export, "{what}, version {version}");
    }
}

#[test]
fn of_ten_runners_at_once_those_who_may_not_wait_are_refused() {
    let run = ["compute", "--all-symbols", "--quiet"];
    for place in Place::both() {
        place.compute_first(&csv(&rows(SHAPE, 51)));
        let runners = (0..RUNNERS).map(|_| place.start(&run)).collect();
        let done = end_of(runners);
        let of = |code| done.iter().filter(|done| done.code == code).count();
        let (won, refused) = (of(0), of(3));
        let what = format!("{}: {won} ran, {refused} were refused", place.name());
        println!("{what}");
        assert!(won >= 1, "{what}: {done:?}");
        assert_eq!(won + refused, RUNNERS, "{what}: {done:?}");
        for done in done.iter().filter(|done| done.code == 3) {
            let said = "error: another process is at work: ";
            assert!(done.stderr.starts_with(said), "{what}: {done:?}");
        }
        check_all(&place, 1 + won, &what);
    }
}

#[test]
fn ten_runners_that_may_wait_go_in_turn() {
    let run = ["compute", "--all-symbols", "--quiet", "--wait"];
    for place in Place::both() {
        place.compute_first(&csv(&rows(SHAPE, 52)));
        let runners = (0..RUNNERS).map(|_| place.start(&run)).collect();
        for done in end_of(runners) {
            done.expect(0);
        }
        check_all(&place, 1 + RUNNERS, place.name());
    }
}

#[test]
fn imports_while_runs_go_on_are_whole_and_in_the_next_version() {
    let run = ["compute", "--all-symbols", "--json", "--wait"];
    for place in Place::both() {
        place.compute_first(&csv(&rows(SHAPE, 53)));
        let files: u64 = 12;
        let runner = place.start(&run);
        let second = place.start(&run);
        for file in 0..files {
            let shape = Shape {
                trades: 25,
                ..SHAPE
            };
            let text = file_of(shape, 530 + file, &format!("f{file}-"));
            let name = format!("more-{file}.csv");
            place.folder().write(&name, text);
            place.run(&["import", "--quiet", &name]).expect(0);
        }
        for done in end_of(vec![runner, second]) {
            let json = done.expect(0).json();
            let pools = json["pools"].as_array().unwrap().iter();
            let seen: u64 = pools.map(|pool| pool["trades"].as_u64().unwrap()).sum();
            // A run saw each file whole or not at all.
            let more = seen - SHAPE.trades as u64;
            assert!(more.is_multiple_of(25) && more <= 25 * files, "{more}");
            println!("{}: a run saw {} of {files} files", place.name(), more / 25);
        }
        place.check_current();
        place
            .run(&["compute", "--all-symbols", "--quiet"])
            .expect(0);
        let taken = "SELECT sum(trades) FROM fifo_pool_summary WHERE allocation_version = \
                     (SELECT version FROM current_version)";
        let all = SHAPE.trades as u64 + 25 * files;
        assert_eq!(place.value(taken), all.to_string());
        place.check_current();
    }
}

/// A reader's question within one transaction, asked twice; between the two a run publishes.
const SEEN: &str = "SELECT 'seen ' || (SELECT version FROM current_version) || ' ' || \
    (SELECT count(*) FROM v_current_allocations)";

/// Starts the shell of a database.
fn shell(place: &Place) -> Command {
    let mut shell = match place {
        Place::Sqlite(folder) => {
            let mut shell = Command::new("sqlite3");
            shell.args(["-batch", "-bail", crate::support::DATABASE]);
            folder.surround(&mut shell);
            shell
        }
        Place::Postgres(site, _) => crate::support::site::psql(&site.url),
    };
    shell.stdin(Stdio::piped()).stdout(Stdio::piped());
    shell.stderr(Stdio::piped());
    shell
}

#[test]
fn a_reader_that_keeps_its_state_sees_one_version_across_a_publish() {
    use std::io::{BufRead, BufReader, Write};
    for place in Place::both() {
        place.compute_first(&csv(&rows(SHAPE, 54)));
        let begin = match place {
            Place::Sqlite(_) => "BEGIN",
            Place::Postgres(..) => "BEGIN ISOLATION LEVEL REPEATABLE READ",
        };
        let mut reader = shell(&place).spawn().unwrap();
        let mut input = reader.stdin.take().unwrap();
        let output = BufReader::new(reader.stdout.take().unwrap());
        let mut lines = output.lines().map(Result::unwrap);
        writeln!(input, "{begin}; {SEEN};").unwrap();
        let first = lines.next().unwrap();
        assert!(first.starts_with("seen 1 "), "{first}");
        let more = file_of(SHAPE, 55, "more-");
        place.folder().write("more.csv", more);
        place.run(&["import", "--quiet", "more.csv"]).expect(0);
        place
            .run(&["compute", "--all-symbols", "--quiet"])
            .expect(0);
        assert_eq!(place.state().current, "2");
        writeln!(input, "{SEEN}; COMMIT; {SEEN};").unwrap();
        let (again, last) = (lines.next().unwrap(), lines.next().unwrap());
        assert_eq!(again, first, "{}", place.name());
        assert!(last.starts_with("seen 2 "), "{last}");
        assert_ne!(last.split(' ').nth(2), first.split(' ').nth(2), "{last}");
        drop(input);
        assert!(reader.wait().unwrap().success());
        place.check_current();
    }
}

/// Makes a pool unreadable as something else that writes to the database could.
fn spoil(place: &Place) {
    let insert = |order_time| {
        format!(
            "INSERT INTO trade_records (account, order_id, symbol, side, size, price, order_time) \
             VALUES ('main', 'broken', 'C7-USD', 'buy', '-1', '90', {order_time})"
        )
    };
    match place {
        Place::Sqlite(_) => place.rows(&format!(
            "PRAGMA ignore_check_constraints = 1; {}",
            insert("1735812000000000")
        )),
        Place::Postgres(..) => place.rows(&format!(
            "CREATE TEMP TABLE checks AS SELECT conname, pg_get_constraintdef(oid) AS rule \
             FROM pg_constraint WHERE contype = 'c' AND conrelid = 'trade_records'::regclass; \
             DO $$ DECLARE name text; BEGIN FOR name IN SELECT conname FROM checks LOOP \
             EXECUTE format('ALTER TABLE trade_records DROP CONSTRAINT %I', name); \
             END LOOP; END $$; {}; \
             DO $$ DECLARE name text; rule text; BEGIN FOR name, rule IN SELECT * FROM checks LOOP \
             EXECUTE format('ALTER TABLE trade_records ADD CONSTRAINT %I %s NOT VALID', \
             name, rule); END LOOP; END $$",
            insert("'2025-01-02 10:00:00Z'")
        )),
    };
}

fn pools(place: &Place, version: u32, status: &str) -> String {
    place.value(&format!(
        "SELECT count(*) FROM fifo_pool_summary WHERE allocation_version = {version} \
         AND status = '{status}'"
    ))
}

#[test]
fn one_bad_row_among_188_symbols_stops_only_its_pool() {
    let shape = Shape {
        trades: 5_640,
        accounts: 1,
        symbols: 188,
        seconds: 2_000_000,
    };
    for place in Place::both() {
        let what = place.name();
        // Every symbol has a trade, for any seed.
        let mut rows = rows(shape, 56);
        let first =
            |symbol| format!("main,first-{symbol},C{symbol}-USD,buy,9,5,2025-01-01T00:00:00Z,0,");
        rows.extend((0..188).map(first));
        place.compute_first(&csv(&rows));
        assert_eq!(pools(&place, 1, "matched"), "188", "{what}");
        let export = place.export("1");
        let run = ["compute", "--all-symbols", "--quiet"];
        spoil(&place);
        // The others are computed; what is current does not lose the pool.
        place.run(&run).expect(1);
        assert_eq!(pools(&place, 2, "matched"), "187", "{what}");
        assert_eq!(pools(&place, 2, "rejected"), "1", "{what}");
        assert_eq!(place.state().current, "1", "{what}");
        let last = place.log().pop().unwrap();
        assert!(last.starts_with("partial main C7: "), "{what}: {last}");
        place.run(&["validate", "--version", "2"]).expect(0);
        let of_others = |text: &str| -> Vec<String> {
            let others = text.lines().filter(|line| !line.contains("C7-USD"));
            others.map(str::to_owned).collect()
        };
        let partial = place.export("2");
        assert_eq!(of_others(&partial), of_others(&export), "{what}");
        assert!(!partial.contains("C7-USD"), "{what}");
        // It is the same the next time, and what is wrong stands in the queue once.
        place.run(&run).expect(1);
        let items = "SELECT order_id || ' ' || status FROM manual_review_queue \
                     WHERE issue_type = 'invalid_trade'";
        assert_eq!(place.rows(items), ["broken pending"], "{what}");
        assert_eq!(place.state().current, "1", "{what}");
        // Voided, it is in nobody's way: the next run is current and has what the first had.
        place
            .run(&["void", "broken", "--account", "main", "--reason", "test"])
            .expect(0);
        place.run(&run).expect(0);
        assert_eq!(place.state().current, "4", "{what}");
        assert_eq!(place.export("4"), export, "{what}");
        assert_eq!(place.rows(items), ["broken resolved"], "{what}");
        place.check_current();
    }
}
