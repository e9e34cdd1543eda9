//! `health`: one line when all is well, else a line for each finding.

use std::fs;

use super::{SMALL, with_versions};
use crate::support::ledger::{HEADER, csv, rows};
use crate::support::{DATABASE, DISK_ROOM, Done, Folder};

/// Returns the codes of what is found, in order; checks that exit code and text say the same.
fn findings(folder: &Folder, args: &[&str]) -> Vec<String> {
    let json = folder
        .fifo_pnl(&[&["health", "--json"], args].concat())
        .json();
    let found = json["findings"].as_array().unwrap().clone();
    let text = folder.fifo_pnl(&[&["health"], args].concat());
    assert_eq!(json["healthy"], found.is_empty());
    if found.is_empty() {
        assert_eq!(text.clone().expect(0).stdout.lines().count(), 1);
        assert!(text.stdout.starts_with("ok  sqlite://fifo-pnl.db  "));
    } else {
        let lines = text.clone().expect(1).stdout;
        // What is stated without being a finding stands before them.
        let lines = lines.lines().filter(|line| !line.starts_with("known "));
        let lines: Vec<&str> = lines.collect();
        assert_eq!(lines.len(), 1 + found.len());
        for (line, finding) in lines[1..].iter().zip(&found) {
            let (code, message) = (&finding["code"], &finding["message"]);
            assert!(line.starts_with(code.as_str().unwrap()), "{line}");
            let message = without_ages(message.as_str().unwrap());
            assert!(without_ages(line).ends_with(&message), "{line}");
        }
    }
    let code = |finding: &serde_json::Value| finding["code"].as_str().unwrap().to_owned();
    found.iter().map(code).collect()
}

/// Leaves out how long ago something was: the text and the document are made one after the other.
fn without_ages(text: &str) -> String {
    let is_of_age = |word: &str| {
        let word = word.trim_start_matches('(');
        word.bytes().all(|byte| byte.is_ascii_digit()) || ["s", "m", "h", "d"].contains(&word)
    };
    let mut words: Vec<&str> = Vec::new();
    for word in text.split(' ') {
        if word.starts_with("ago") {
            let age = words.iter().rev().take_while(|word| is_of_age(word));
            words.truncate(words.len() - age.count());
        }
        words.push(word);
    }
    words.join(" ")
}

fn said(folder: &Folder) -> String {
    folder.fifo_pnl(&["health"]).expect(1).stdout
}

fn import(folder: &Folder, row: &str) {
    folder.write("more.csv", format!("{HEADER}\n{row}\n"));
    folder
        .fifo_pnl(&["import", "--quiet", "more.csv"])
        .expect(0);
}

#[test]
fn all_is_well_in_one_line() {
    let folder = with_versions(1);
    assert_eq!(findings(&folder, &[]), [""; 0]);
    let line = folder.fifo_pnl(&["health"]).expect(0).stdout;
    let start = "ok  sqlite://fifo-pnl.db  version 1 is current, complete through 2025-";
    assert!(line.starts_with(start), "{line}");
    assert!(line.contains("; last run "), "{line}");
    assert!(line.ends_with(" % of the disk free\n"), "{line}");
    let quiet = folder.fifo_pnl(&["health", "--quiet"]).expect(0);
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
}

#[test]
fn a_ledger_that_was_never_computed() {
    let folder = Folder::new();
    folder.fifo_pnl(&["health"]).expect(2);
    folder.write("trades.csv", csv(&rows(SMALL, 1)));
    folder.fifo_pnl(&["import", "trades.csv"]).expect(0);
    assert_eq!(findings(&folder, &[]), ["no-run"]);
    folder.compute(&["--asset", "C1", "--quiet"]).expect(0);
    assert_eq!(findings(&folder, &[]), ["no-version"]);
}

#[test]
fn a_trade_that_waits_too_long() {
    let folder = with_versions(1);
    let now = folder.shell("date -u +%Y-%m-%dT%H:%M:%SZ").expect(0).stdout;
    import(
        &folder,
        &format!("main,new,C1-USD,buy,1,1,{},0,", now.trim()),
    );
    // It came in just now, after months without a trade: nobody is late.
    assert_eq!(findings(&folder, &[]), [""; 0]);
    assert_eq!(findings(&folder, &["--max-age", "0s"]), ["behind"]);
    import(&folder, "main,old,C1-USD,buy,1,1,2025-12-24T00:00:00Z,0,");
    assert_eq!(findings(&folder, &["--max-age", "1h"]), ["behind"]);
    let line = said(&folder);
    let expected =
        "behind          2 trades are not computed, the oldest of 2025-12-24 00:00:00 UTC (";
    assert!(line.contains(expected), "{line}");
    // A trade that is older than the version's newest one counts, too.
    import(&folder, "main,late,C1-USD,buy,1,1,2025-01-01T00:00:00Z,0,");
    let line = said(&folder);
    let expected = "behind          3 trades are not computed, 1 came in late, the oldest other \
                    one is of 2025-12-24 00:00:00 UTC (";
    assert!(line.contains(expected), "{line}");
    folder.compute(&["--all-symbols", "--quiet"]).expect(0);
    assert_eq!(findings(&folder, &[]), [""; 0]);
}

#[test]
fn an_old_trade_that_comes_in_late() {
    let folder = with_versions(1);
    import(&folder, "main,late,C1-USD,buy,1,1,2025-01-01T00:00:00Z,0,");
    // The next run is not due yet.
    assert_eq!(findings(&folder, &["--max-age", "1h"]), [""; 0]);
    assert_eq!(findings(&folder, &["--max-age", "0s"]), ["changed"]);
    folder
        .sql("UPDATE fifo_computation_log SET computation_start = computation_start - 3600000000");
    assert_eq!(findings(&folder, &[]), ["changed"]);
    let line = said(&folder);
    assert!(
        line.contains("1 older trade came in late, and no version has it;"),
        "{line}"
    );
    folder.compute(&["--all-symbols", "--quiet"]).expect(0);
    assert_eq!(findings(&folder, &[]), [""; 0]);
    folder
        .fifo_pnl(&["void", "late", "--account", "main", "--reason", "twice"])
        .expect(0);
    assert_eq!(findings(&folder, &["--max-age", "0s"]), ["changed"]);
    let line = folder.fifo_pnl(&["health", "--max-age", "0s"]).stdout;
    assert!(
        line.contains("1 older trade was taken out, and the version has it;"),
        "{line}"
    );
}

#[test]
fn runs_that_failed_or_take_too_long() {
    let folder = with_versions(1);
    folder.sql(
        "UPDATE fifo_computation_log SET status = 'failed', error_message = 'no space' || char(10)",
    );
    assert_eq!(findings(&folder, &[]), ["last-run"]);
    assert!(said(&folder).contains("is failed: no space\n"));
    folder.sql(
        "UPDATE fifo_computation_log SET status = 'running', computation_end = NULL, \
         computation_start = computation_start - 180000000000, error_message = NULL",
    );
    // 50 hours: by default a run that is at work for 15 minutes counts as hanging.
    assert_eq!(findings(&folder, &[]), ["run-too-long"]);
    assert_eq!(findings(&folder, &["--max-run", "40m"]), ["run-too-long"]);
    assert_eq!(findings(&folder, &["--max-run", "51h"]), [""; 0]);
    folder.compute(&["--all-symbols", "--quiet"]).expect(0);
    assert_eq!(findings(&folder, &["--max-run", "40m"]), [""; 0]);
}

#[test]
fn pools_left_out_a_held_pointer_and_growing_unmatched_sells() {
    let folder = with_versions(1);
    let before = folder.value("SELECT sum(sells_unmatched) FROM fifo_pool_summary");
    import(&folder, "main,e1,BTC-EUR,buy,1,1,2025-01-01T00:00:00Z,0,");
    import(&folder, "main,u1,NEW-USD,sell,1,1,2025-01-01T00:00:00Z,0,");
    folder.compute(&["--all-symbols", "--quiet"]).expect(1);
    let expected = [
        "last-run",
        "unmatched-grown",
        "pools-left-out",
        "rates-missing",
    ];
    assert_eq!(findings(&folder, &[]), expected);
    let text = said(&folder);
    assert!(text.contains("1 pool rejected: main BTC\n"), "{text}");
    assert!(
        text.contains(&format!("too few buys, {before} in version 1;")),
        "{text}"
    );
    let pool = ["--account", "main", "--asset", "BTC", "--reason", "euros"];
    folder
        .fifo_pnl(&[&["review", "exclude"], &pool[..]].concat())
        .expect(0);
    folder.compute(&["--all-symbols", "--quiet"]).expect(0);
    // A person decided it: it is stated, and no finding.
    assert_eq!(findings(&folder, &[]), [""; 0]);
    let well = folder.fifo_pnl(&["health"]).expect(0).stdout;
    assert!(well.contains("; 1 pool excluded: main BTC\n"), "{well}");
    let json = folder.fifo_pnl(&["health", "--json"]).expect(0).json();
    assert_eq!(json["excluded"], serde_json::json!(["main BTC"]));
    // What a left out pool gets is not late.
    import(&folder, "main,e2,BTC-EUR,buy,1,1,2025-12-24T00:00:00Z,0,");
    assert_eq!(findings(&folder, &[]), [""; 0]);
    let full = folder.fifo_pnl(&["health", "--min-free", "100"]).expect(1);
    let stated = "\nknown           1 pool excluded: main BTC\ndisk ";
    assert!(full.stdout.contains(stated), "{}", full.stdout);
    folder.fifo_pnl(&["versions", "publish", "1"]).expect(0);
    let held = findings(&folder, &[]);
    assert!(held.contains(&"held".to_owned()), "{held:?}");
}

#[test]
fn an_exclusion_that_no_run_took_up() {
    let folder = with_versions(1);
    let pool = ["--account", "main", "--asset", "C1", "--reason", "x"];
    let decide = |what: &str| {
        let args = [&["review", what], &pool[..]].concat();
        folder.fifo_pnl(&args).expect(0);
    };
    let text = |args: &[&str]| folder.fifo_pnl(&[&["health"], args].concat()).stdout;
    decide("exclude");
    // The next run is not due yet.
    assert_eq!(findings(&folder, &["--max-age", "1h"]), [""; 0]);
    let found = findings(&folder, &["--max-age", "0s"]);
    assert!(found.contains(&"exclusions".to_owned()), "{found:?}");
    let said = "main C1 is excluded, and the version has its result; the last run began";
    assert!(text(&["--max-age", "0s"]).contains(said));
    folder.compute(&["--all-symbols", "--quiet"]).expect(0);
    assert_eq!(findings(&folder, &[]), [""; 0]);
    decide("include");
    assert_eq!(findings(&folder, &["--max-age", "1h"]), [""; 0]);
    let found = findings(&folder, &["--max-age", "0s"]);
    assert!(found.contains(&"exclusions".to_owned()), "{found:?}");
    let said = "main C1 is included again, and the version leaves it out;";
    assert!(text(&["--max-age", "0s"]).contains(said));
    folder.compute(&["--all-symbols", "--quiet"]).expect(0);
    // Its unmatched sells are back, too, which is another finding.
    let found = findings(&folder, &["--max-age", "0s"]);
    assert!(!found.contains(&"exclusions".to_owned()), "{found:?}");
}

#[test]
fn review_items_that_nobody_settles() {
    let folder = with_versions(1);
    folder.sql("UPDATE manual_review_queue SET created_at = created_at - 8 * 86400000000");
    assert_eq!(findings(&folder, &[]), ["review-old"]);
    assert_eq!(findings(&folder, &["--max-review-age", "9d"]), [""; 0]);
    folder.sql(
        "UPDATE manual_review_queue SET status = 'dismissed', resolution = 'known', \
         resolved_at = 1, resolved_by = 'ann'",
    );
    assert_eq!(findings(&folder, &[]), [""; 0]);
}

#[cfg(debug_assertions)]
#[test]
fn a_disk_that_is_nearly_full() {
    let folder = with_versions(1);
    // Three quarters are free, as these tests tell it.
    assert_eq!(findings(&folder, &["--min-free", "75"]), [""; 0]);
    assert_eq!(findings(&folder, &["--min-free", "76"]), ["disk"]);
    let with_room = |room: &str| {
        let args = ["health", "--min-free", "5"];
        let mut program = folder.program(env!("CARGO_BIN_EXE_fifo-pnl"), &args);
        Done::of(program.env(DISK_ROOM, room).output().unwrap())
    };
    with_room("50000000/1000000000").expect(0);
    let full = with_room("49999999/1000000000").expect(1);
    let said = "\ndisk            4 % of the database's file system free, 49 MB\n";
    assert!(full.stdout.contains(said), "{}", full.stdout);
    let json = folder.fifo_pnl(&["health", "--json"]).expect(0).json();
    let disk = serde_json::json!({ "free_bytes": 3_000_000_000_u64,
        "total_bytes": 4_000_000_000_u64 });
    assert_eq!(json["disk"], disk);
}

#[test]
fn the_room_on_a_disk_is_what_the_system_says() {
    let folder = with_versions(1);
    let args = ["health", "--json", "--min-free", "0"];
    let mut program = folder.program(env!("CARGO_BIN_EXE_fifo-pnl"), &args);
    let done = Done::of(program.env_remove(DISK_ROOM).output().unwrap());
    let disk = done.expect(0).json()["disk"].clone();
    let [free, total] = ["free_bytes", "total_bytes"].map(|name| disk[name].as_u64().unwrap());
    // Another program may write at any moment, but nobody makes the disk larger.
    let system = rustix::fs::statvfs(folder.path()).unwrap();
    assert_eq!(total, system.f_blocks * system.f_frsize);
    assert!(free <= total, "{disk}");
}

#[test]
fn an_older_schema_is_a_finding_and_stays() {
    let folder = with_versions(1);
    let down = ["migrate", "down", "--to", "2", "--confirm", "YES"];
    folder.fifo_pnl(&down).expect(0);
    let bytes = fs::read(folder.join(DATABASE)).unwrap();
    let done: Done = folder.fifo_pnl(&["health"]).expect(1);
    assert!(
        done.stdout.contains("\nschema          1 step behind v"),
        "{done:?}"
    );
    assert_eq!(fs::read(folder.join(DATABASE)).unwrap(), bytes);
}
