//! Whom a run must not trust: policies that hide rows, and objects that others put where the server
//! looks for its own.

use crate::postgres_cli::SMALL;
use crate::support::Done;
use crate::support::ledger::{csv, rows};
use crate::support::site::{Site, ask, psql, server, with_role};

/// A role of this test's own; roles belong to the whole server.
fn role(site: &Site, name: &str) -> String {
    let role = format!("{name}_{}", site.database);
    site.sql(&format!("CREATE ROLE {role} LOGIN"));
    role
}

fn end(server: &str, site: Site, roles: &[&str]) {
    drop(site);
    for role in roles {
        ask(server, &format!("DROP ROLE {role}"));
    }
}

#[track_caller]
fn refused(done: Done, said: &[&str]) {
    let done = done.expect(3);
    for said in said {
        assert!(done.stderr.contains(said), "{said} in {}", done.stderr);
    }
}

const LEDGER: &str = "CREATE TABLE trade_records (account text, order_id text, symbol text, \
    side text, size numeric, price numeric, order_time timestamptz, \
    PRIMARY KEY (account, order_id)); \
    INSERT INTO trade_records SELECT CASE n % 2 WHEN 0 THEN 'ann' ELSE 'bob' END, 'o-' || n, \
    'BTC-USD', CASE WHEN n < 10 THEN 'buy' ELSE 'sell' END, 1, 100 + n, \
    timestamptz '2025-01-01' + n * interval '1 day' FROM generate_series(0, 15) n";

const HIDES: &str = "hides some from this role or from the owner of our views";

#[test]
fn a_policy_that_hides_rows_of_the_ledger_stops_what_needs_them_all() {
    let Some(server) = server() else { return };
    let mut site = Site::empty(&server);
    let run = role(&site, "run");
    site.sql(&format!(
        "{LEDGER}; GRANT SELECT ON trade_records TO {run}; \
         GRANT CREATE ON DATABASE {} TO {run}; GRANT USAGE, CREATE ON SCHEMA public TO {run}",
        site.database
    ));
    let admin = std::mem::take(&mut site.url);
    site.url = with_role(&admin, &run);
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    let export = site.export("1");
    ask(
        &admin,
        "ALTER TABLE trade_records ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY own ON trade_records USING (account = 'ann')",
    );
    site.folder.write(
        "more.csv",
        "account,order_id,symbol,side,size,price,order_time,total_fees_usd\n\
         bob,m-1,BTC-USD,buy,1,5,2025-03-01T00:00:00Z,0\n",
    );
    refused(site.compute(&["--all-symbols"]), &[HIDES, "trade_records"]);
    refused(site.compute(&["--incremental"]), &[HIDES]);
    refused(site.compute(&["--all-symbols", "--dry-run"]), &[HIDES]);
    refused(site.validate(&["--version", "1"]), &[HIDES]);
    refused(site.fifo_pnl(&["import", "more.csv"]), &[HIDES]);
    refused(site.fifo_pnl(&["run", "more.csv"]), &[HIDES]);
    assert_eq!(
        site.value("SELECT string_agg(version || status, ',') FROM allocation_versions"),
        "1completed"
    );
    assert_eq!(site.export("1"), export);
    assert!(
        site.log()[1..].iter().all(|row| row.starts_with("failed")),
        "{:?}",
        site.log()
    );
    // A role that looks learns that it may not be all.
    for args in [
        &["versions", "list"][..],
        &["review", "list"],
        &["health"],
        &["explain", "--sell", "o-10"],
    ] {
        let done = site.fifo_pnl(args);
        assert!([0, 1].contains(&done.code), "{args:?} {done:?}");
        assert!(
            done.stderr.contains("rows of your accounts only"),
            "{args:?} {}",
            done.stderr
        );
    }
    // A role that the policy does not bind sees all, and gets no warning.
    ask(&admin, &format!("ALTER ROLE {run} BYPASSRLS"));
    site.compute(&["--all-symbols"]).expect(0);
    assert_eq!(site.fifo_pnl(&["versions", "list"]).expect(0).stderr, "");
    site.url = admin;
    end(&server, site, &[&run]);
}

#[test]
fn a_policy_that_hides_rows_of_a_version_stops_what_is_filed() {
    let Some(server) = server() else { return };
    let mut site = Site::computed(&server, &csv(&rows(SMALL, 51)));
    let reader = role(&site, "reads");
    site.sql(&format!(
        "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}; \
         ALTER TABLE fifo_allocations ENABLE ROW LEVEL SECURITY; \
         CREATE POLICY own ON fifo_allocations TO {reader} USING (account = 'main')"
    ));
    let admin = std::mem::take(&mut site.url);
    site.url = with_role(&admin, &reader);
    refused(
        site.fifo_pnl(&["versions", "export", "1"]),
        &[HIDES, "fifo_allocations"],
    );
    refused(site.validate(&["--version", "1"]), &[HIDES]);
    let tax = "tax --year 2025 --timezone UTC --format lots -o tax";
    let tax: Vec<&str> = tax.split(' ').collect();
    refused(site.fifo_pnl(&tax), &[HIDES]);
    let done = site.fifo_pnl(&["review", "list"]).expect(0);
    assert!(
        done.stderr.contains("rows of your accounts only"),
        "{}",
        done.stderr
    );
    site.url = admin;
    site.fifo_pnl(&["versions", "export", "1"]).expect(0);
    end(&server, site, &[&reader]);
}

/// An operator that fits `size <> 0` better than the server's own, and notes who executed it.
const OPERATOR: &str = "CREATE FUNCTION public.differs(numeric, integer) RETURNS boolean \
    LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.executed VALUES (current_user); \
    RETURN true; END $$; \
    CREATE OPERATOR public.<> (LEFTARG = numeric, RIGHTARG = integer, FUNCTION = public.differs)";

const DROP: &str = "DROP OPERATOR public.<> (numeric, integer); \
    DROP FUNCTION public.differs(numeric, integer)";

#[test]
fn what_others_put_into_our_schema_is_never_executed() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    let mallory = role(&site, "mallory");
    let theirs = with_role(&site.url, &mallory);
    site.sql(&format!(
        "CREATE TABLE executed (who text); GRANT INSERT ON executed TO PUBLIC; \
         GRANT CREATE ON SCHEMA public TO {mallory}"
    ));
    ask(&theirs, OPERATOR);
    let up = ["migrate", "up", "--yes"];
    let revoke = format!("REVOKE CREATE ON SCHEMA public FROM {mallory}");
    refused(site.fifo_pnl(&up), &[&revoke, "docs/OPERATIONS.md"]);
    site.sql(&revoke);
    let made = "function public.differs(numeric,integer) of role";
    refused(site.fifo_pnl(&up), &[made, &mallory]);
    assert_eq!(
        site.value("SELECT to_regclass('trade_records') IS NULL"),
        "t"
    );
    site.sql(DROP);
    site.fifo_pnl(&up).expect(0);
    site.folder.write("trades.csv", csv(&rows(SMALL, 52)));
    site.fifo_pnl(&["run", "--quiet", "trades.csv"]).expect(0);
    // The same later, when all of ours is there: everybody may create, and somebody does.
    site.sql("GRANT CREATE ON SCHEMA public TO PUBLIC");
    ask(&theirs, OPERATOR);
    for said in ["REVOKE CREATE ON SCHEMA public FROM PUBLIC", made] {
        refused(site.compute(&["--all-symbols"]), &[said]);
        refused(site.compute(&["--incremental"]), &[said]);
        refused(site.validate(&["--version", "1"]), &[said]);
        refused(site.fifo_pnl(&["versions", "export", "1"]), &[said]);
        refused(site.fifo_pnl(&["import", "trades.csv"]), &[said]);
        refused(site.fifo_pnl(&["migrate", "status"]), &[said]);
        site.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    }
    assert_eq!(site.value("SELECT count(*) FROM executed"), "0");
    assert_eq!(
        site.value("SELECT max(version) FROM allocation_versions"),
        "1"
    );
    site.sql(DROP);
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    assert_eq!(site.value("SELECT count(*) FROM executed"), "0");
    end(&server, site, &[&mallory]);
}

/// The rows of versions stand in a schema of their own: who owns it could replace its tables.
#[test]
fn nobody_else_owns_or_creates_where_the_rows_of_versions_are() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 54)));
    let mallory = role(&site, "mallory");
    let list = ["versions", "list"];
    site.sql(&format!("GRANT CREATE ON SCHEMA fifo_parts TO {mallory}"));
    let revoke = format!("REVOKE CREATE ON SCHEMA fifo_parts FROM {mallory}");
    refused(site.fifo_pnl(&list), &[&revoke]);
    refused(site.compute(&["--all-symbols"]), &[&revoke]);
    site.sql(&format!(
        "GRANT USAGE ON SCHEMA fifo_parts TO {mallory}; {revoke}"
    ));
    site.fifo_pnl(&list).expect(0);
    let owner = "SELECT nspowner::regrole FROM pg_namespace WHERE nspname = 'fifo_parts'";
    let owner = site.value(owner);
    site.sql(&format!("ALTER SCHEMA fifo_parts OWNER TO {mallory}"));
    let said = format!("schema fifo_parts belongs to role {mallory}");
    refused(site.fifo_pnl(&list), &[&said]);
    site.sql(&format!("ALTER SCHEMA fifo_parts OWNER TO {owner}"));
    site.fifo_pnl(&list).expect(0);
    site.sql(&format!(
        "CREATE TABLE fifo_parts.fifo_allocations_v9_r9 (id integer); \
         ALTER TABLE fifo_parts.fifo_allocations_v9_r9 OWNER TO {mallory}"
    ));
    let said = format!("fifo_parts has table fifo_allocations_v9_r9 of role {mallory}");
    refused(site.fifo_pnl(&list), &[&said]);
    site.sql("DROP TABLE fifo_parts.fifo_allocations_v9_r9");
    site.fifo_pnl(&list).expect(0);
    end(&server, site, &[&mallory]);
}

/// A path that a database or a role has set leads to objects of its own first.
#[test]
fn a_path_that_leads_elsewhere_leads_nowhere() {
    let Some(server) = server() else { return };
    let site = Site::computed(&server, &csv(&rows(SMALL, 53)));
    site.sql(&format!(
        "CREATE SCHEMA evil; CREATE TABLE evil.executed (what text); \
         CREATE FUNCTION evil.pg_backend_pid() RETURNS integer LANGUAGE plpgsql AS $$ BEGIN \
             INSERT INTO evil.executed VALUES ('pid'); RETURN 1; END $$; \
         CREATE FUNCTION evil.set_config(text, text, boolean) RETURNS text LANGUAGE plpgsql \
             AS $$ BEGIN INSERT INTO evil.executed VALUES ('config'); RETURN ''; END $$; \
         CREATE VIEW evil.pg_settings AS SELECT * FROM pg_catalog.pg_settings WHERE false; \
         CREATE TABLE evil.trade_records AS SELECT * FROM public.trade_records WHERE false; \
         ALTER DATABASE {} SET search_path = evil, pg_catalog, public",
        site.database
    ));
    site.compute(&["--all-symbols", "--quiet"]).expect(0);
    site.validate(&["--version", "current", "--quiet"])
        .expect(0);
    assert_eq!(site.value("SELECT count(*) FROM evil.executed"), "0");
    assert_eq!(site.export("1"), site.export("2"));
}

/// A function finds names from the place of its making, not from the caller of its trigger.
#[test]
fn no_function_of_ours_takes_the_path_of_its_caller() {
    let Some(server) = server() else { return };
    let site = Site::migrated(&server);
    let loose = "SELECT oid::regprocedure FROM pg_proc WHERE pronamespace = 'public'::regnamespace \
                 AND NOT coalesce(array_to_string(proconfig, ' '), '') \
                     LIKE 'search_path=pg_catalog, pg_temp%'";
    assert_eq!(site.sql(loose), [""; 0]);
    let ours = "SELECT count(*) FROM pg_proc WHERE pronamespace = 'public'::regnamespace";
    assert_eq!(site.value(ours), "3");
    let foreign = psql(&site.url)
        .args(["-c", "UPDATE imports SET id = 1"])
        .output();
    assert!(foreign.unwrap().status.success(), "no row, no trigger");
}
