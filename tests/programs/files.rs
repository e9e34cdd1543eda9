//! Files that the programs write, and paths that a user gives. A file is whole or absent. A command
//! never follows a link, never overwrites a stranger's file, and never waits for ever.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::{Child, Stdio};

use support::{DATABASE, Done, Folder, signals};

const TRADES: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
    b-1,BTC-USD,buy,2,10,2025-01-01T00:00:00Z,0\n\
    s-1,BTC-USD,sell,1,12,2025-06-01T00:00:00Z,0\n\
    s-2,ETH-USD,sell,1,13,2025-06-01T00:00:00Z,0\n";

const LATE: &str = "order_id,symbol,side,size,price,order_time,total_fees_usd\n\
    =b-0,BTC-USD,buy,1,7,2024-01-01T00:00:00Z,0\n";

/// Two versions that differ, and a sell without a lot.
fn folder() -> Folder {
    let folder = Folder::with_trades(TRADES);
    folder.compute(&["--all-symbols"]).expect(0);
    folder.write("late.csv", LATE);
    folder.fifo_pnl(&["import", "late.csv"]).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    folder
}

/// Every command that writes a file, without the file's name.
const WRITERS: [&[&str]; 6] = [
    &["versions", "export", "1", "-o"],
    &["compare", "1", "2", "-o"],
    &["review", "export", "-o"],
    &[
        "tax",
        "--year",
        "2025",
        "--timezone",
        "UTC",
        "--allow-incomplete",
        "--format",
        "lots",
        "-o",
    ],
    &[
        "tax",
        "--year",
        "2025",
        "--timezone",
        "UTC",
        "--allow-incomplete",
        "--format",
        "xlsx",
        "-o",
    ],
    &[
        "tax",
        "--year",
        "2025",
        "--timezone",
        "UTC",
        "--allow-incomplete",
        "--final",
        "-o",
    ],
];

fn write(folder: &Folder, writer: &[&str], name: &str, more: &[&str]) -> Done {
    folder.fifo_pnl(&[writer, &[name], more].concat())
}

fn mode(folder: &Folder, name: &str) -> u32 {
    let metadata = fs::symlink_metadata(folder.join(name)).unwrap();
    metadata.permissions().mode() & 0o777
}

fn set_mode(folder: &Folder, name: &str, mode: u32) {
    fs::set_permissions(folder.join(name), Permissions::from_mode(mode)).unwrap();
}

/// Returns the names in a folder that are not there by rights.
fn unfinished(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with('.')).collect()
}

#[test]
fn files_beside_the_one_that_is_written_stay() {
    let folder = folder();
    for (nth, writer) in WRITERS.into_iter().enumerate() {
        let [name, part, parts] = ["", ".part", ".parts"].map(|end| format!("{nth}.out{end}"));
        let parts = format!(".{parts}");
        folder.write("victim", "mine");
        let _ = fs::remove_file(folder.join(&part));
        symlink(folder.join("victim"), folder.join(&part)).unwrap();
        fs::create_dir(folder.join(&parts)).unwrap();
        folder.write(&format!("{parts}/own"), "mine, too");
        write(&folder, writer, &name, &[]).expect(0);
        assert_eq!(folder.read("victim"), "mine", "{writer:?}");
        assert_eq!(folder.read(&format!("{parts}/own")), "mine, too");
        assert!(folder.join(&part).is_symlink(), "{writer:?}");
        fs::remove_dir_all(folder.join(&parts)).unwrap();
        assert_eq!(mode(&folder, &name), 0o600, "{writer:?}");
    }
    assert!(unfinished(&folder).is_empty(), "{:?}", unfinished(&folder));
}

#[test]
fn what_is_there_is_replaced_on_request_only() {
    let folder = folder();
    for (nth, writer) in WRITERS.into_iter().enumerate() {
        let name = format!("{nth}.out");
        folder.write(&name, "mine");
        set_mode(&folder, &name, 0o640);
        let refused = write(&folder, writer, &name, &[]).expect(3);
        let said = format!("error: {name} exists\nhint: name another file, or replace it");
        assert!(refused.stderr.starts_with(&said), "{}", refused.stderr);
        assert_eq!(folder.read(&name), "mine");
        write(&folder, writer, &name, &["--overwrite"]).expect(0);
        assert_ne!(fs::read(folder.join(&name)).unwrap(), b"mine");
        assert_eq!(mode(&folder, &name), 0o640, "{writer:?}");
        // A link is not a file, with any target.
        folder.write("victim", "mine");
        fs::remove_file(folder.join(&name)).unwrap();
        for target in ["victim", "nowhere"] {
            symlink(target, folder.join(&name)).unwrap();
            write(&folder, writer, &name, &[]).expect(3);
            let refused = write(&folder, writer, &name, &["--overwrite"]).expect(3);
            let said = format!("{name} is a symbolic link, expected a file");
            assert!(refused.stderr.contains(&said), "{}", refused.stderr);
            fs::remove_file(folder.join(&name)).unwrap();
        }
        assert_eq!(folder.read("victim"), "mine");
        assert!(!folder.join("nowhere").exists());
    }
    assert!(unfinished(&folder).is_empty(), "{:?}", unfinished(&folder));
}

#[test]
fn no_result_replaces_what_the_command_works_with() {
    let folder = folder();
    folder.write("fifo-pnl.toml", "[tax]\ntimezone = \"UTC\"\n");
    folder.write("other.toml", "[tax]\ntimezone = \"UTC\"\n");
    symlink(DATABASE, folder.join("link.db")).unwrap();
    let absolute = folder.join(DATABASE).display().to_string();
    let database = "is the database in use: a result never replaces it";
    let beside = "is a file of the database in use: a result never replaces it";
    let settings = "is the settings file: a result never replaces it";
    let trades = folder.value("SELECT count(*) FROM trade_records");
    for (name, more, said) in [
        (DATABASE, &[][..], database),
        ("./fifo-pnl.db", &[], database),
        (&absolute, &[], database),
        ("link.db", &["--database", "sqlite://link.db"], database),
        (DATABASE, &["--database", "sqlite://link.db"], database),
        ("fifo-pnl.db-wal", &[], beside),
        ("fifo-pnl.db-shm", &[], beside),
        ("fifo-pnl.db-journal", &[], beside),
        ("fifo-pnl.db.lock", &[], beside),
        (
            "fifo-pnl.db-wal",
            &["--database", "sqlite://link.db"],
            beside,
        ),
        ("fifo-pnl.toml", &[], settings),
        ("other.toml", &["--config", "other.toml"], settings),
    ] {
        for writer in WRITERS {
            for overwrite in [&["--overwrite"][..], &[]] {
                let refused = write(&folder, writer, name, &[more, overwrite].concat()).expect(3);
                let said = format!("error: {name} {said}\nhint: name another file");
                assert!(refused.stderr.starts_with(&said), "{}", refused.stderr);
            }
        }
    }
    assert_eq!(folder.value("SELECT count(*) FROM trade_records"), trades);
    assert_eq!(folder.read("fifo-pnl.toml"), folder.read("other.toml"));
    assert!(unfinished(&folder).is_empty(), "{:?}", unfinished(&folder));
    // Files of another database, and other settings, are files like any other.
    let elsewhere = ["--config", "other.toml", "--overwrite"];
    write(&folder, WRITERS[0], "fifo-pnl.toml", &elsewhere).expect(0);
}

#[test]
fn no_spreadsheet_runs_what_a_comparison_holds() {
    let folder = folder();
    let compare = ["compare", "1", "2", "-o", "differ.csv"];
    folder.fifo_pnl(&compare).expect(0);
    let text = folder.read("differ.csv");
    // The lots begin with the id of a buy, which is a formula.
    assert!(text.contains(",b-1:1,'=b-0:1,"), "{text}");
    assert!(!text.contains(",="), "{text}");
}

#[test]
fn a_configuration_that_is_a_link_to_nothing_is_not_passed_over() {
    let folder = Folder::new();
    symlink("gone.toml", folder.join("fifo-pnl.toml")).unwrap();
    let done = folder.fifo_pnl(&["versions", "list"]).expect(2);
    let said = "fifo-pnl.toml: is a link to a file that is not there";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert!(!folder.join(support::DATABASE).exists());
}

#[test]
fn a_configuration_keeps_its_mode_and_its_link() {
    let folder = folder();
    let tax = |folder: &Folder, name: &str| {
        let args = [
            "tax",
            "--year",
            "2025",
            "--timezone",
            "UTC",
            "--format",
            "lots",
            "-o",
            name,
        ];
        folder
            .fifo_pnl(&[&args[..], &["--allow-incomplete"]].concat())
            .expect(0)
    };
    let done = tax(&folder, "1.csv");
    assert!(done.stderr.contains("is kept in"), "{}", done.stderr);
    assert_eq!(mode(&folder, "fifo-pnl.toml"), 0o600);
    for kept in [0o600, 0o644] {
        let _ = fs::remove_file(folder.join("fifo-pnl.toml"));
        folder.write("real.toml", "keep_versions = 3\n");
        set_mode(&folder, "real.toml", kept);
        symlink("real.toml", folder.join("fifo-pnl.toml")).unwrap();
        tax(&folder, &format!("{kept}.csv"));
        assert!(folder.join("fifo-pnl.toml").is_symlink());
        let text = folder.read("real.toml");
        assert_eq!(text, "keep_versions = 3\n\n[tax]\ntimezone = \"UTC\"\n");
        assert_eq!(mode(&folder, "real.toml"), kept);
    }
}

#[test]
fn a_copy_of_a_database_is_as_open_as_the_database() {
    for database in [0o600, 0o640] {
        let folder = Folder::with_trades(TRADES);
        set_mode(&folder, DATABASE, database);
        let down = ["migrate", "down", "--to", "2", "--confirm", "YES"];
        folder.fifo_pnl(&down).expect(0);
        let entries = fs::read_dir(folder.path()).unwrap();
        let names = entries.map(|it| it.unwrap().file_name().into_string().unwrap());
        let copies: Vec<String> = names.filter(|name| name.ends_with(".bak")).collect();
        assert_eq!(copies.len(), 1);
        assert_eq!(mode(&folder, &copies[0]), database);
        let rows = folder.sql_of(&copies[0], "SELECT count(*) FROM trade_records");
        assert_eq!(rows, ["3"]);
        assert!(unfinished(&folder).is_empty(), "{:?}", unfinished(&folder));
    }
}

#[test]
fn a_lock_file_is_as_open_as_the_database_and_never_somebody_elses() {
    let folder = Folder::with_trades(TRADES);
    let lock = format!("{DATABASE}.lock");
    let run = ["compute", "--all-symbols"];
    let _ = fs::remove_file(folder.join(&lock));
    set_mode(&folder, DATABASE, 0o660);
    folder.fifo_pnl(&run).expect(0);
    assert_eq!(mode(&folder, &lock), 0o660);
    fs::remove_file(folder.join(&lock)).unwrap();
    folder.write("victim", "mine");
    symlink("victim", folder.join(&lock)).unwrap();
    let refused = folder.fifo_pnl(&run).expect(3);
    assert!(
        refused.stderr.contains("it is a symbolic link"),
        "{}",
        refused.stderr
    );
    assert_eq!(folder.read("victim"), "mine");
    fs::remove_file(folder.join(&lock)).unwrap();
    folder.write(&lock, "mine");
    let refused = folder.fifo_pnl(&run).expect(3);
    assert!(
        refused.stderr.contains("no lock file of this program"),
        "{}",
        refused.stderr
    );
    assert_eq!(folder.read(&lock), "mine");
}

#[test]
fn one_database_has_one_lock_whatever_it_is_called() {
    let folder = Folder::with_trades(TRADES);
    fs::create_dir(folder.join("in")).unwrap();
    symlink(DATABASE, folder.join("link.db")).unwrap();
    symlink(folder.join("link.db"), folder.join("in/link of link.db")).unwrap();
    symlink(".", folder.join("here")).unwrap();
    let absolute = folder.join(DATABASE).display().to_string();
    let names = [
        "link.db",
        "in/link of link.db",
        "./in/../link.db",
        "here/fifo-pnl.db",
        &absolute,
    ];
    let lock = || {
        let path = folder.join(&format!("{DATABASE}.lock"));
        File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path)
            .unwrap()
    };
    for name in names {
        let url = format!("sqlite://{name}");
        let run = ["compute", "--all-symbols", "--database", &url];
        let held = lock();
        held.lock().unwrap();
        folder.fifo_pnl(&run).expect(3);
        drop(held);
        folder.fifo_pnl(&run).expect(0);
    }
    assert!(!folder.join("link.db.lock").exists());
    assert!(!folder.join("in/link of link.db.lock").exists());
    // For SQLite each of two names has a journal of its own: no lock would help.
    fs::hard_link(folder.join(DATABASE), folder.join("other.db")).unwrap();
    for name in ["other.db", DATABASE] {
        let url = format!("sqlite://{name}");
        let refused = folder
            .fifo_pnl(&["versions", "list", "--database", &url])
            .expect(2);
        assert!(
            refused.stderr.contains("has 2 names (hard links)"),
            "{}",
            refused.stderr
        );
    }
    fs::remove_file(folder.join("other.db")).unwrap();
    folder.fifo_pnl(&["versions", "list"]).expect(0);
    symlink("nowhere.db", folder.join("dangling.db")).unwrap();
    let run = ["import", "trades.csv", "--database", "sqlite://dangling.db"];
    let refused = folder.fifo_pnl(&run).expect(2);
    assert!(
        refused.stderr.contains("leads nowhere"),
        "{}",
        refused.stderr
    );
}

/// Makes a named pipe that nobody writes to.
fn pipe(folder: &Folder, name: &str) {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    let path = folder.join(name);
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
}

/// A command that waits here would wait for ever: the test then fails by the runner's time limit.
#[test]
fn what_is_no_file_is_refused_by_its_kind() {
    let folder = folder();
    pipe(&folder, "pipe");
    fs::create_dir(folder.join("in")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.join("socket")).unwrap();
    symlink("pipe", folder.join("link")).unwrap();
    let kinds = [
        ("pipe", "a named pipe"),
        ("link", "a named pipe"),
        ("socket", "a socket"),
        ("in", "a folder"),
        ("/dev/zero", "a device"),
    ];
    for (name, kind) in kinds {
        let url = format!("sqlite://{name}");
        for command in [
            &["versions", "list"][..],
            &["import", "trades.csv"],
            &["migrate", "status"],
        ] {
            let args = [command, &["--database", &url]].concat();
            let refused = folder.fifo_pnl(&args).expect(2);
            let said = format!("it is {kind}, expected a database file");
            assert!(
                refused.stderr.contains(&said),
                "{args:?}: {}",
                refused.stderr
            );
        }
    }
    for (name, kind) in kinds.into_iter().filter(|(name, _)| !name.starts_with('/')) {
        for command in [
            &["tax", "verify", name][..],
            &["review", "apply", name, "--preview"],
            &["versions", "list", "--config", name],
        ] {
            let refused = folder.fifo_pnl(command).expect(2);
            let said = match name {
                // The system itself says so, before there is anything to look at.
                "socket" => "No such device or address".to_owned(),
                _ => format!("it is {kind}, expected a file"),
            };
            assert!(
                refused.stderr.contains(&said),
                "{command:?}: {}",
                refused.stderr
            );
        }
    }
    imports_take_files_only(&folder, &kinds);
    // In the folder that the program happens to stand in.
    pipe(&folder, "fifo-pnl.toml");
    let refused = folder.fifo_pnl(&["versions", "list"]).expect(2);
    assert!(
        refused.stderr.contains("it is a named pipe"),
        "{}",
        refused.stderr
    );
    // A shell's stream has an end.
    folder
        .fifo_pnl(&["versions", "list", "--config", "/dev/null"])
        .expect(0);
    let piped = "echo 'keep_versions = 3' | fifo-pnl versions list --config /dev/stdin";
    folder.shell(piped).expect(0);
    folder
        .shell("cat trades.csv | fifo-pnl import --config /dev/null /dev/stdin")
        .expect(0);
}

/// A folder of `/dev` is no shell's: what stands there may never end.
fn imports_take_files_only(folder: &Folder, kinds: &[(&str, &str)]) {
    let more = [("/dev/urandom", "a device"), ("/dev", "a folder")];
    for (name, kind) in kinds.iter().chain(&more) {
        for command in [
            &["import", name][..],
            &["import", "--preview", name],
            &["import", "lots", "--timezone", "UTC", name],
            &["run", "trades.csv", name],
            &["history", "import", name],
        ] {
            let refused = folder.fifo_pnl(command).expect(2);
            let said = match (*name, command[0]) {
                ("socket", "history") => "No such device or address".to_owned(),
                _ => format!("it is {kind}, expected a file"),
            };
            let stderr = &refused.stderr;
            assert!(stderr.contains(&said), "{command:?}: {stderr}");
        }
    }
    let endless = folder
        .shell("fifo-pnl import /dev/stdin < /dev/zero")
        .expect(2);
    let said = "/dev/stdin: can't be read: it is a device, expected a file";
    assert!(endless.stderr.contains(said), "{}", endless.stderr);
}

/// Starts a command that stops before its file gets a name.
#[cfg(debug_assertions)]
fn stopped(folder: &Folder, args: &[&str]) -> Child {
    let mut command = folder.program(env!("CARGO_BIN_EXE_fifo-pnl"), args);
    command.env("FIFO_PNL_STOP_AT", "name");
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("stopped at name") {
        line.clear();
        if stderr.read_line(&mut line).unwrap() == 0 {
            panic!("it ended: {args:?}");
        }
    }
    std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
    child
}

#[cfg(debug_assertions)]
#[test]
fn an_interrupted_command_leaves_nothing_and_a_killed_one_no_result() {
    let folder = folder();
    // These come past the place once their bytes are written, or those of a part of them.
    let down = &["migrate", "down", "--to", "2", "--confirm"];
    let commands = [WRITERS[0], WRITERS[3], WRITERS[4], WRITERS[5], down];
    for command in commands {
        let name = if command == down { "YES" } else { "out.file" };
        let args = [command, &[name]].concat();
        let mut child = stopped(&folder, &args);
        assert!(!unfinished(&folder).is_empty(), "{args:?}");
        signals::send(child.id(), signals::Signal::INT);
        assert_eq!(child.wait().unwrap().code(), Some(130), "{args:?}");
        assert!(
            unfinished(&folder).is_empty(),
            "{args:?}: {:?}",
            unfinished(&folder)
        );
        let mut child = stopped(&folder, &args);
        child.kill().unwrap();
        child.wait().unwrap();
        let left = unfinished(&folder);
        assert!(
            left.iter().all(|name| name.ends_with(".unfinished")),
            "{left:?}"
        );
        assert!(!left.is_empty() && !folder.join("out.file").exists());
        let is_copy = |name: &String| name.ends_with(".bak");
        let names = fs::read_dir(folder.path()).unwrap();
        let mut names = names.map(|it| it.unwrap().file_name().into_string().unwrap());
        assert!(!names.any(|name| is_copy(&name)));
        for name in left {
            let path = folder.join(&name);
            match path.is_dir() {
                true => fs::remove_dir_all(path).unwrap(),
                false => fs::remove_file(path).unwrap(),
            }
        }
    }
}

/// One of two exports of the same names is about to name its files. The other waits, and gives up
/// in the end. Files and manifest are always of one export.
#[cfg(debug_assertions)]
#[test]
fn two_exports_never_mix_their_files() {
    let folder = folder();
    let export = |zone| {
        let args = ["tax", "--year", "2025", "--timezone", zone, "--format"];
        let rest = ["lots", "-o", "m.csv", "--overwrite", "--allow-incomplete"];
        [&args[..], &rest].concat()
    };
    folder.fifo_pnl(&export("UTC")).expect(0);
    let (rows, manifest) = (folder.read("m.csv"), folder.read("m.manifest.json"));
    let mut first = stopped(&folder, &export("Asia/Tokyo"));
    let second = folder.fifo_pnl(&export("America/New_York")).expect(3);
    let said = "another export writes into ";
    assert!(second.stderr.contains(said), "{}", second.stderr);
    assert_eq!(folder.read("m.csv"), rows);
    assert_eq!(folder.read("m.manifest.json"), manifest);
    // What is killed keeps nobody out.
    first.kill().unwrap();
    first.wait().unwrap();
    folder.fifo_pnl(&export("America/New_York")).expect(0);
}
