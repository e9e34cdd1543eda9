//! `scripts/nightly` and the ready schedules, as cron and systemd would run them.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use super::{SMALL, with_versions};
use crate::support::ledger::{HEADER, csv, rows};
use crate::support::{Done, Folder, repository};

fn nightly(folder: &Folder, args: &[&str]) -> Done {
    let mut command = Command::new(repository().join("scripts/nightly"));
    folder.surround(command.args(args));
    Done::of(command.output().unwrap())
}

/// Runs it with programs of a folder before those of the project.
fn nightly_of(folder: &Folder, args: &[&str], first: &Path) -> Done {
    let mut command = Command::new(repository().join("scripts/nightly"));
    folder.surround(command.args(args));
    let path = command.get_envs().find(|(name, _)| *name == "PATH");
    let path = path.and_then(|(_, path)| path?.to_str()).unwrap();
    let path = format!("{}:{path}", first.display());
    Done::of(command.env("PATH", path).output().unwrap())
}

fn current(folder: &Folder) -> String {
    folder.value("SELECT version || iif(held, ' held', '') FROM current_version")
}

fn kept(folder: &Folder) -> String {
    folder.value(
        "SELECT group_concat(version, ' ') FROM (SELECT version FROM allocation_versions \
         WHERE status <> 'dropped' ORDER BY version)",
    )
}

/// A night without anything to say.
fn silent(done: &Done) {
    let done = done.clone().expect(0);
    assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
}

#[test]
fn a_night_computes_validates_publishes_and_prunes() {
    let folder = with_versions(3);
    silent(&nightly(&folder, &["--keep", "2"]));
    assert_eq!(
        (current(&folder).as_str(), kept(&folder).as_str()),
        ("4", "3 4")
    );
    let told = "SELECT triggered_by FROM fifo_computation_log ORDER BY id DESC LIMIT 1";
    assert_eq!(folder.value(told), "nightly");
    assert_eq!(folder.export("4"), folder.export("3"));
    // The setting of the file, and the first night of all.
    folder.write("fifo-pnl.toml", "keep_versions = 1\n");
    silent(&nightly(&folder, &[]));
    assert_eq!(kept(&folder), "5");
    let fresh = Folder::with_trades(&csv(&rows(SMALL, 2)));
    silent(&nightly(&fresh, &[]));
    assert_eq!(current(&fresh), "1");
}

#[test]
fn a_night_takes_in_what_arrived() {
    let folder = with_versions(3);
    let before = folder.export("3");
    let import = |rows: &str| {
        folder.write("more.csv", format!("{HEADER}\n{rows}"));
        folder
            .fifo_pnl(&["import", "--quiet", "more.csv"])
            .expect(0);
    };
    let row = "order_id,symbol,side,size,price,order_time,total_fees_usd";
    assert!(HEADER.contains(row), "{HEADER}");
    let cells = |id: &str, side: &str, day: &str| {
        let cell = |name: &str| match name {
            "account" => "main".into(),
            "order_id" => id.into(),
            "symbol" => "NEW-USD".into(),
            "side" => side.into(),
            "size" | "price" => "2".into(),
            "order_time" => format!("{day}T00:00:00Z"),
            _ => String::new(),
        };
        let cells: Vec<String> = HEADER.trim().split(',').map(cell).collect();
        cells.join(",") + "\n"
    };
    let night = ["--incremental", "--keep", "2"];
    import(&(cells("new-1", "buy", "2025-02-01") + &cells("new-2", "sell", "2025-02-02")));
    silent(&nightly(&folder, &night));
    let found = (current(&folder), kept(&folder));
    assert_eq!((found.0.as_str(), found.1.as_str()), ("3", "2 3"));
    let after = folder.export("3");
    let new: Vec<&str> = after
        .lines()
        .filter(|line| !before.contains(*line))
        .collect();
    assert_eq!(new.len(), 1, "{new:?}");
    assert!(
        new.concat().starts_with("main,NEW-USD,new-2,new-1,2,2,2,"),
        "{new:?}"
    );
    // Nothing arrived; then something that makes a new version of everything.
    silent(&nightly(&folder, &night));
    assert_eq!((folder.export("3"), kept(&folder).as_str()), (after, "2 3"));
    import(&cells("new-0", "buy", "2025-01-31"));
    silent(&nightly(&folder, &night));
    let found = (current(&folder), kept(&folder));
    assert_eq!((found.0.as_str(), found.1.as_str()), ("4", "3 4"));
    assert!(folder.export("4").contains(",NEW-USD,new-2,new-0,2,"));
}

#[test]
fn a_version_that_does_not_validate_is_not_published() {
    let folder = with_versions(2);
    let export = folder.export("2");
    // Something that changes what a run wrote, before anybody looks at it.
    fs::create_dir(folder.join("bin")).unwrap();
    let spoiled = folder.join("bin/compute_allocations");
    let script = format!(
        "#!/bin/sh\n{} \"$@\" || exit\nsqlite3 fifo-pnl.db \"UPDATE fifo_allocations \
         SET pnl_usd = '1' WHERE allocation_version = 3 AND pnl_usd IS NOT NULL\"\n",
        env!("CARGO_BIN_EXE_compute_allocations")
    );
    fs::write(&spoiled, script).unwrap();
    fs::set_permissions(&spoiled, fs::Permissions::from_mode(0o755)).unwrap();
    let done = nightly_of(&folder, &["--keep", "1"], &folder.join("bin")).expect(1);
    assert!(done.stdout.contains("I6"), "{done:?}");
    let last = "nightly: validate ended with exit code 1; the steps after it were not done";
    assert_eq!(done.last_line(), last);
    assert_eq!(
        (current(&folder).as_str(), kept(&folder).as_str()),
        ("2", "1 2 3")
    );
    assert_eq!(folder.export("current"), export);
    silent(&nightly(&folder, &["--keep", "1"]));
    assert_eq!(
        (current(&folder).as_str(), kept(&folder).as_str()),
        ("4", "4")
    );
}

#[test]
fn a_step_that_is_refused_or_fails_stops_the_rest() {
    let folder = with_versions(2);
    let lock = fs::File::options()
        .write(true)
        .open(folder.join("fifo-pnl.db.lock"))
        .unwrap();
    lock.lock().unwrap();
    let done = nightly(&folder, &["--wait", "300ms", "--keep", "1"]).expect(3);
    assert!(done.stderr.contains("waiting for "), "{done:?}");
    assert!(
        done.last_line()
            .starts_with("nightly: compute ended with exit code 3")
    );
    drop(lock);
    assert_eq!(
        (current(&folder).as_str(), kept(&folder).as_str()),
        ("2", "1 2")
    );
    // Health is asked last: what it finds keeps no old version.
    folder.sql("UPDATE manual_review_queue SET created_at = created_at - 8 * 86400000000");
    let done = nightly(&folder, &["--keep", "1"]).expect(1);
    assert!(done.stdout.contains("\nreview-old "), "{done:?}");
    let last = "nightly: health ended with exit code 1; all other steps are done";
    assert_eq!(done.last_line(), last);
    assert_eq!(
        (current(&folder).as_str(), kept(&folder).as_str()),
        ("3", "3")
    );
    let nowhere = Folder::new();
    let done = nightly(&nowhere, &[]).expect(2);
    assert!(
        done.stderr.contains("no database at fifo-pnl.db"),
        "{done:?}"
    );
    for wrong in [
        &["--often"][..],
        &["--wait"],
        &["--keep", "none"],
        &["--max-age", "x"],
    ] {
        nightly(&folder, wrong).expect(2);
    }
}

#[test]
fn a_bad_pool_freezes_no_other_and_none_is_taken_away() {
    let folder = with_versions(1);
    let import = |row: &str| {
        folder.write("more.csv", format!("{HEADER}\n{row}\n"));
        folder
            .fifo_pnl(&["import", "--quiet", "more.csv"])
            .expect(0);
    };
    import("main,e1,BTC-EUR,buy,1,1,2025-01-01T00:00:00Z,0,");
    let done = nightly(&folder, &[]).expect(1);
    assert!(
        done.stdout.contains("1 pool rejected: main BTC"),
        "{done:?}"
    );
    assert_eq!(current(&folder), "2");
    // One that the current version has, and the new one would not have.
    folder.sql(
        "PRAGMA ignore_check_constraints = 1; \
         INSERT INTO trade_records (account, order_id, symbol, side, size, price, order_time) \
         VALUES ('main', 'broken', 'C1-USD', 'buy', '-1', '90', 1735812000000000)",
    );
    let done = nightly(&folder, &[]).expect(1);
    assert!(
        done.stderr.contains("version 3 has nothing for pools"),
        "{done:?}"
    );
    assert_eq!(current(&folder), "2");
}

/// Containers and some timers set neither `USER` nor `LOGNAME`.
#[test]
fn the_log_has_a_name_if_the_environment_has_none() {
    let folder = Folder::with_trades(&csv(&rows(SMALL, 2)));
    let mut command = folder.program(
        env!("CARGO_BIN_EXE_compute_allocations"),
        &["--all-symbols"],
    );
    command.env_remove("USER").env_remove("LOGNAME");
    Done::of(command.output().unwrap()).expect(0);
    let told = folder.value("SELECT triggered_by FROM fifo_computation_log");
    let id = |flag: &str| Command::new("id").arg(flag).output().unwrap();
    let (name, number) = (id("-un"), id("-u"));
    let words = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match name.status.success() {
        true => assert_eq!(told, words(&name.stdout)),
        false => assert_eq!(told, format!("uid {}", words(&number.stdout))),
    }
}

#[test]
fn a_held_pointer_stays_where_it_is() {
    let folder = with_versions(2);
    folder.fifo_pnl(&["versions", "publish", "1"]).expect(0);
    let done = nightly(&folder, &["--keep", "1"]).expect(1);
    let first = done.stderr.lines().next();
    let said = "nightly: version 1 is held as current; version 3 is not published";
    assert_eq!(first, Some(said));
    assert!(done.stdout.contains("\nheld "), "{done:?}");
    assert_eq!(
        (current(&folder).as_str(), kept(&folder).as_str()),
        ("1 held", "1 3")
    );
}

/// Runs the command of a schedule in a folder, with what the schedule sets.
fn run_scheduled(folder: &Folder, command: &str, settings: &BTreeMap<String, String>) {
    let scripts = repository().join("scripts");
    let scripts = scripts.display();
    let scope = &settings["FIFO_PNL_SCOPE"];
    let command = command.replace("/usr/local/bin/", "");
    let line = format!("PATH=\"$PATH:{scripts}\"; FIFO_PNL_SCOPE={scope}; {command}");
    silent(&folder.shell(&line));
}

fn schedule(name: &str) -> String {
    fs::read_to_string(repository().join("scripts/schedule").join(name)).unwrap()
}

fn settings(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs
        .filter(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

#[test]
fn every_line_of_the_schedules_runs() {
    let folder = with_versions(1);
    let cron = schedule("fifo-pnl.cron");
    let lines = cron
        .lines()
        .filter(|line| line.starts_with(['*', '0', '3', '5', '7']));
    let mut commands = Vec::new();
    for line in lines {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!(words[5], "fifo", "{line}");
        commands.push(words[6..].join(" "));
    }
    assert_eq!(commands.len(), 4);
    for command in &commands {
        run_scheduled(&folder, command, &settings(&cron));
    }
    let env = settings(&schedule("fifo-pnl.env"));
    for unit in ["nightly", "recent", "health"] {
        let service = schedule(&format!("fifo-pnl-{unit}.service"));
        let timer = schedule(&format!("fifo-pnl-{unit}.timer"));
        assert!(timer.contains("\nOnCalendar="), "{unit}");
        assert!(service.contains("\nEnvironmentFile=/etc/fifo-pnl.env\n"));
        let commands: Vec<&str> = service
            .lines()
            .filter_map(|line| line.strip_prefix("ExecStart="))
            .collect();
        assert!(!commands.is_empty(), "{unit}");
        for command in commands {
            run_scheduled(&folder, command, &env);
        }
    }
}
