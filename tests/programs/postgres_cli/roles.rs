//! The rights that roles need, by docs/OPERATIONS.md, and the message to a role without them.

use crate::postgres_cli::{SMALL, blocks, section};
use crate::support::Done;
use crate::support::ledger::{csv, rows};
use crate::support::signals::{self, Signal};
use crate::support::site::{Site, ask, psql, server, with_role};

/// Roles belong to the whole server; this one is gone in the end.
struct Role<'a> {
    server: &'a str,
    name: String,
}

impl<'a> Role<'a> {
    fn new(server: &'a str, site: &Site, name: &str) -> Self {
        let name = format!("{name}_{}", site.database);
        ask(server, &format!("CREATE ROLE {name} LOGIN"));
        Self { server, name }
    }
}

impl Drop for Role<'_> {
    fn drop(&mut self) {
        let sql = format!("DROP ROLE IF EXISTS {}", self.name);
        let _ = psql(self.server).args(["-c", &sql]).output();
    }
}

#[test]
fn a_role_without_rights_is_told_what_it_lacks() {
    let Some(server) = server() else { return };
    // Declared first, so that it is dropped after the database that knows it.
    let role;
    let mut site = Site::computed(&server, &csv(&rows(SMALL, 20)));
    role = Role::new(&server, &site, "nobody");
    let (owner, name) = (site.url.clone(), role.name.clone());
    let log = site.log();
    site.url = with_role(&owner, &name);
    let refused = |done: Done, object: &str| {
        let done = done.expect(3);
        for said in [&format!("role \"{name}\""), object] {
            assert!(done.stderr.contains(said), "{said} in {}", done.stderr);
        }
        assert!(
            done.stderr.contains("hint: docs/OPERATIONS.md"),
            "{}",
            done.stderr
        );
    };
    refused(site.compute(&["--all-symbols"]), "_pnl_migrations");
    let reading = format!("it lacks: GRANT SELECT ON _pnl_migrations TO {name}\n");
    refused(site.fifo_pnl(&["versions", "list"]), &reading);
    // One that may read may look, and no more.
    ask(
        &owner,
        &format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}"),
    );
    for args in [
        &["versions", "list"][..],
        &["review", "list"],
        &["versions", "export", "1"],
    ] {
        site.fifo_pnl(args).expect(0);
    }
    site.validate(&["--version", "current"]).expect(0);
    site.compute(&["--all-symbols", "--dry-run"]).expect(0);
    reads_and_exports(&site);
    refused(site.compute(&["--all-symbols"]), "fifo_computation_log");
    refused(site.fifo_pnl(&["import", "trades.csv"]), "imports");
    let exclude = ["review", "exclude", "--account", "main", "--asset", "C1"];
    refused(
        site.fifo_pnl(&[&exclude[..], &["--reason", "test"]].concat()),
        "review_exclusions",
    );
    // Rights on tables are not enough to add a partition.
    ask(
        &owner,
        &format!(
            "GRANT ALL ON ALL TABLES IN SCHEMA public, fifo_parts TO {name}; \
             GRANT ALL ON ALL SEQUENCES IN SCHEMA public, fifo_parts TO {name}; \
             GRANT ALL ON SCHEMA fifo_parts TO {name}"
        ),
    );
    refused(site.compute(&["--all-symbols"]), "fifo_allocations");
    site.url = owner;
    assert_eq!(site.value("SELECT version FROM current_version"), "1");
    assert_eq!(site.log()[..1], log);
    drop(site);
    drop(role);
}

/// A reader may read everything; the command says that the audit trail lacks the export.
fn reads_and_exports(site: &Site) {
    let sell = "SELECT sell_order_id FROM fifo_allocations WHERE account = 'main' LIMIT 1";
    let sell = site.value(sell);
    let tax = [
        "tax",
        "--year",
        "2025",
        "--timezone",
        "Etc/UTC",
        "--format",
        "lots",
    ];
    for args in [
        &["explain", "--sell", &sell, "--account", "main"][..],
        &["compare", "1", "current"],
        &["compare", "1", "1", "--output", "compared.csv"],
        &["review", "show", "1"],
        &["review", "export", "--output", "items.csv"],
        &["history", "list"],
        &["migrate", "status"],
        &["versions", "prune", "--dry-run"],
    ] {
        site.fifo_pnl(args).expect(0);
    }
    assert!(site.fifo_pnl(&["health"]).code <= 1);
    let events = "SELECT count(*) FROM event_log";
    let before = site.value(events);
    for args in [
        &["versions", "export", "1", "--output", "v1.csv"][..],
        &[&tax[..], &["--output", "lots.csv", "--allow-incomplete"]].concat(),
    ] {
        let done = site.fifo_pnl(args).expect(0);
        let said = "Note      the export is not recorded in the audit trail: this user may not";
        assert!(done.stdout.contains(said), "{}", done.stdout);
        assert_eq!(done.stderr.matches("GRANT").count(), 0, "{}", done.stderr);
        let again = [args, &["--overwrite", "--json"]].concat();
        assert_eq!(site.fifo_pnl(&again).expect(0).json()["recorded"], false);
    }
    let stdout = site.fifo_pnl(&["versions", "export", "1"]).expect(0).stdout;
    assert_eq!(site.folder.read("v1.csv"), stdout);
    assert_eq!(site.value(events), before);
}

#[test]
fn the_roles_of_the_operations_page_do_what_it_says() {
    let Some(server) = server() else { return };
    let mut site = Site::empty(&server);
    let page = section("docs/OPERATIONS.md", "## Roles");
    let statements = blocks(&page, "sql");
    assert_eq!(statements.len(), 2, "before and after the migration");
    // The page's names, made this test's own: roles belong to the whole server.
    let database = site.database.clone();
    let own = |sql: &str| {
        sql.replace("fifo_", &format!("{database}_"))
            .replace("DATABASE trades", &format!("DATABASE {database}"))
            .replace(&format!("{database}_parts"), "fifo_parts")
    };
    let admin = site.url.clone();
    ask(&admin, &own(&statements[0]));
    site.url = with_role(&admin, &format!("{database}_run"));
    site.folder.write("trades.csv", csv(&rows(SMALL, 21)));
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    ask(&admin, &own(&statements[1]));
    site.fifo_pnl(&["run", "--quiet", "trades.csv"]).expect(0);
    site.fifo_pnl(&["run", "--quiet", "trades.csv"]).expect(0);
    site.fifo_pnl(&["versions", "drop", "1"]).expect(0);
    the_second_run_names_the_first(&mut site, &admin);
    let owners = site.sql(
        "SELECT DISTINCT r.rolname FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner \
         WHERE c.relnamespace IN ('public'::regnamespace, 'fifo_parts'::regnamespace)",
    );
    assert_eq!(owners, [format!("{database}_owner")]);
    // Those who only read.
    site.url = with_role(&admin, &format!("{database}_read"));
    site.fifo_pnl(&["versions", "export", "current"]).expect(0);
    site.validate(&["--version", "current"]).expect(0);
    site.fifo_pnl(&["health"]).expect(0);
    site.sql("SELECT * FROM v_pnl_by_symbol");
    site.compute(&["--all-symbols"]).expect(3);
    let insert = "INSERT INTO trade_voids (account, order_id, reason, voided_by) \
                  VALUES ('a', 'b', 'c', 'd')";
    let refused = psql(&site.url).args(["-c", insert]).output().unwrap();
    assert!(!refused.status.success());
    // A bot that only appends.
    site.url = with_role(&admin, &format!("{database}_bot"));
    site.sql(
        "INSERT INTO trade_records (order_id, symbol, side, size, price, order_time) \
         VALUES ('live-1', 'BTC-USD', 'buy', 1, 2, now())",
    );
    let lies = |column: &str, value: &str| {
        format!(
            "INSERT INTO trade_records (order_id, symbol, side, size, price, order_time, {column}) \
             VALUES ('live-2', 'BTC-USD', 'buy', 1, 2, now(), {value})"
        )
    };
    for sql in [
        &*lies("ingest_xid", "'9999999999'"),
        &lies("ingest_xid", "'3'"),
        &lies("ingested_at", "'infinity'"),
        &lies("import_id", "1"),
        "DELETE FROM trade_records",
        "SELECT * FROM fifo_allocations",
    ] {
        let refused = psql(&site.url).args(["-c", sql]).output().unwrap();
        assert!(!refused.status.success(), "{sql}");
    }
    site.url = admin.clone();
    drop(site);
    for role in ["run", "read", "bot", "owner"] {
        ask(&server, &format!("DROP ROLE {database}_{role}"));
    }
}

/// The second run names the first, although a role may not look at another's connection.
fn the_second_run_names_the_first(site: &mut Site, admin: &str) {
    let run = std::mem::replace(&mut site.url, admin.to_owned());
    let held = site.hold("LOCK TABLE fifo_allocations IN ACCESS EXCLUSIVE MODE");
    site.url = run.clone();
    let first = site.start_run();
    site.url = admin.to_owned();
    let blocked = "SELECT count(*) > 0 FROM pg_stat_activity WHERE wait_event_type = 'Lock' \
                   AND datname = current_database()";
    site.wait_for(blocked, "t");
    site.url = run;
    let second = site.compute(&["--all-symbols"]).expect(3);
    let pid = format!("(pid {} on ", first.id());
    assert!(second.stderr.contains(&pid), "{}", second.stderr);
    // An interrupted run cancels its own statement, in any role that its sessions have taken.
    signals::send(first.id(), Signal::INT);
    Done::of(first.wait_with_output().unwrap()).expect(130);
    drop(held);
    assert_eq!(site.log().last().unwrap(), "failed interrupted");
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
}

/// Commands that write, between spaces, and what the server refuses a role that only reads.
const WRITING: [(&str, &str); 10] = [
    (
        "compute --all-symbols",
        "denied for table fifo_computation_log",
    ),
    (
        "compute --incremental",
        "denied for table fifo_computation_log",
    ),
    ("import more.csv", "denied for table imports"),
    ("run more.csv", "denied for table imports"),
    (
        "void SELL --account main --reason r",
        "denied for table trade_voids",
    ),
    ("versions publish 1", "denied for table allocation_versions"),
    (
        "versions seal 1 --reason r",
        "denied for table allocation_versions",
    ),
    (
        "tax --year 2025 --timezone Etc/UTC --final --output f.zip --allow-incomplete",
        "denied for table allocation_versions",
    ),
    (
        "review exclude --account main --asset C1 --reason r",
        "denied for table review_exclusions",
    ),
    (
        "migrate down --to 2 --confirm YES",
        "must be owner of table _pnl_migrations",
    ),
];

/// A message to a stranger names the missing right to read. A message to a reader says that a
/// command is not for it, and whose it is: a GRANT of rights that write would let it decide what
/// counts.
#[test]
fn a_reader_is_told_that_a_command_is_not_for_it() {
    let Some(server) = server() else { return };
    let role;
    let mut site = Site::computed(&server, &csv(&rows(SMALL, 22)));
    role = Role::new(&server, &site, "reads");
    let (admin, name) = (site.url.clone(), role.name.clone());
    let sell = site.value(
        "SELECT min(sell_order_id) FROM fifo_allocations \
         WHERE account = 'main' AND sell_order_id ~ '^t[0-9]*$'",
    );
    let whose = "SELECT tableowner FROM pg_tables WHERE tablename = 'trade_voids'";
    let whose = site.value(whose);
    site.folder.write("more.csv", csv(&rows(SMALL, 23)));
    site.url = with_role(&admin, &name);
    let refused = |command: &str, said: &str| {
        let command = command.replace("SELL", &sell);
        let args: Vec<&str> = command.split(' ').collect();
        let done = site.fifo_pnl(&args).expect(3);
        assert!(
            done.stderr.contains(said),
            "{command}: {said} in {}",
            done.stderr
        );
        assert!(!done.stderr.contains("next: "), "{}", done.stderr);
        done.stderr
    };
    // A stranger lacks one right for everything, to begin with.
    let first = format!("it lacks: GRANT SELECT ON _pnl_migrations TO {name}\n");
    for (command, _) in WRITING {
        refused(command, &first);
    }
    let reads = format!("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {name}");
    ask(&admin, &reads);
    let not_for = format!("it writes, so it is not for {name}: run it as {whose} or");
    for (command, denied) in WRITING {
        let said = refused(command, denied);
        let of_owner = denied.starts_with("must");
        assert!(of_owner || said.contains(&not_for), "{not_for} in {said}");
        assert!(of_owner || !said.contains("GRANT"), "{said}");
    }
    site.url = admin;
    let state = "SELECT (SELECT max(version) FROM allocation_versions) || ' ' || count(*) \
                 FROM imports";
    assert_eq!(site.value(state), "1 1");
    assert_eq!(site.log(), ["completed"]);
    drop(site);
    drop(role);
}
