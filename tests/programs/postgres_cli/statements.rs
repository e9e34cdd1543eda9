//! A fault at each statement of a run. The current version stays whole, and the log tells the
//! truth. A fault makes a new version only with a reason.

use crate::postgres_cli::SMALL;
use crate::postgres_cli::between::{At, Between, Fault};
use crate::support::ledger::{csv, rows};
use crate::support::site::{Site, server};

/// Returns the visible state of a database: the current version with its rows, and all versions.
fn versions(site: &Site) -> String {
    site.value(
        "SELECT concat_ws(' ', (SELECT version FROM current_version), \
         (SELECT count(*) || ' ' || md5(string_agg(a::text, ',' ORDER BY id)) \
          FROM v_current_allocations a), \
         (SELECT string_agg(version || ' ' || status, ',' ORDER BY version) \
          FROM allocation_versions))",
    )
}

/// Appends a buy after everything else, as a bot does.
fn trade(site: &Site, number: usize) {
    site.sql(&format!(
        "INSERT INTO trade_records (account, symbol, order_id, side, size, price, order_time) \
         SELECT account, symbol, 'new-{number}', 'buy', 1, 1, \
                order_time + interval '{number} seconds' \
         FROM trade_records WHERE order_id NOT LIKE 'new-%' ORDER BY order_time DESC LIMIT 1"
    ));
}

/// The log and the versions agree, for any exit code; returns the last row's status.
fn check_log(site: &Site, what: &str) -> String {
    let lies = site.sql(
        "SELECT 'run ' || l.id || ' completed without its version' FROM fifo_computation_log l \
         WHERE l.status IN ('completed', 'partial') AND NOT EXISTS \
             (SELECT 1 FROM allocation_versions v WHERE v.version = l.allocation_version \
              AND v.status IN ('completed', 'partial', 'dropped')) \
         UNION ALL SELECT 'version ' || v.version || ' without a run' FROM allocation_versions v \
         WHERE NOT EXISTS (SELECT 1 FROM fifo_computation_log l \
             WHERE l.allocation_version = v.version AND l.status IN ('completed', 'partial')) \
         UNION ALL SELECT 'two at work' FROM fifo_computation_log WHERE status = 'running' \
         HAVING count(*) > 1",
    );
    assert!(lies.is_empty(), "{what}: {lies:?}");
    site.log().last().cloned().unwrap_or_default()
}

/// A refusal that does not concern the watermark is no reason to compute everything again.
#[test]
fn an_error_where_new_trades_are_looked_for_makes_no_new_version() {
    let Some(server) = server() else { return };
    let mut site = Site::computed(&server, &csv(&rows(SMALL, 41)));
    let Some(between) = Between::open(&site.url) else {
        return;
    };
    trade(&site, 1);
    let before = versions(&site);
    let (direct, looks) = (site.url.clone(), "NOT pg_visible_in_snapshot(ingest_xid");
    for (fault, code) in [
        // A lock timeout, a statement timeout, a missing right, a proxy's two, no room to connect.
        (Fault::Refused("55P03"), 3),
        (Fault::Refused("57014"), 4),
        (Fault::Refused("42501"), 3),
        (Fault::Refused("26000"), 3),
        (Fault::Refused("42P05"), 3),
        (Fault::Refused("53300"), 4),
        (Fault::Closed, 4),
    ] {
        between.plan(Some((At::Text(looks), fault)));
        site.url = between.url();
        let done = site.compute(&["--incremental"]).expect(code);
        site.url.clone_from(&direct);
        assert_eq!(versions(&site), before, "{fault:?}: {}", done.stderr);
        let log = check_log(&site, &format!("{fault:?}"));
        assert!(log.starts_with("failed "), "{fault:?}: {log}");
    }
    between.plan(None);
    site.url = between.url();
    site.compute(&["--incremental"]).expect(0);
    let looked = between.statements().iter().any(|sql| sql.contains(looks));
    assert!(looked, "{:?}", between.statements());
    site.url = direct;
    assert_eq!(
        site.value("SELECT max(version) FROM allocation_versions"),
        "1"
    );
}

/// Makes one fault at each statement of a run, in turn of kinds, and looks after each.
fn sweep(site: &mut Site, between: &Between, args: &[&str]) {
    let kinds = [
        Fault::Terminated,
        Fault::Refused("55P03"),
        Fault::Unanswered,
        Fault::Refused("57014"),
    ];
    let direct = site.url.clone();
    let mut number = 0;
    loop {
        trade(site, number);
        let before = versions(site);
        let fault = kinds[number % kinds.len()];
        between.plan(Some((At::Number(number), fault)));
        site.url = between.url();
        let done = site.compute(args);
        site.url.clone_from(&direct);
        let statements = between.statements();
        let what = format!("{fault:?} at {:?}: {done:?}", statements.get(number));
        let log = check_log(site, &what);
        let after = versions(site);
        match done.code {
            0 => assert!(log.starts_with("completed"), "{what}: {log}"),
            // Whether a commit without an answer was one, only the log can say.
            _ if log.starts_with("completed") && after != before => {
                assert_eq!(fault, Fault::Unanswered, "{what}: {log}");
            }
            _ => assert_eq!(after, before, "{what}: {log}"),
        }
        assert!([0, 3, 4].contains(&done.code), "{what}");
        if statements.len() <= number {
            break;
        }
        number += 1;
    }
    assert!(number > 20, "{number} statements");
    site.compute(args).expect(0);
    let log = site.log();
    let open = log.iter().filter(|row| row.starts_with("running")).count();
    assert_eq!(open, 0, "{log:?}");
    site.validate(&["--version", "current", "--quiet"])
        .expect(0);
    // The same as an undisturbed run.
    let found = site.export("current");
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    let sorted = |text: &str| {
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&found), sorted(&site.export("current")));
}

#[test]
fn a_fault_at_any_statement_of_a_full_run_takes_nothing_away() {
    let Some(server) = server() else { return };
    let mut site = Site::computed(&server, &csv(&rows(SMALL, 42)));
    let Some(between) = Between::open(&site.url) else {
        return;
    };
    sweep(&mut site, &between, &["--all-symbols"]);
}

#[test]
fn a_fault_at_any_statement_of_an_incremental_run_takes_nothing_away() {
    let Some(server) = server() else { return };
    let mut site = Site::computed(&server, &csv(&rows(SMALL, 43)));
    let Some(between) = Between::open(&site.url) else {
        return;
    };
    sweep(&mut site, &between, &["--incremental"]);
}
