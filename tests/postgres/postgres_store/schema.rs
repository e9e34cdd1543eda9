//! The schema check, roles, and places without a database to work with.

use std::time::Duration;

use fifo_pnl::store::model::SchemaStep;
use fifo_pnl::store::postgres::{PostgresStore, PostgresUrl, version_known};
use fifo_pnl::store::{LedgerStore, RunStore, StoreError, StoreResult, VersionStore};

use crate::postgres_store::{fill, value};
use crate::subject::server::{Database, with_database, with_role};
use crate::subject::{PostgresSubject, Run, Subject, batch, holder, lock, refusal, trade};

async fn open(url: &str) -> StoreResult<PostgresStore> {
    PostgresStore::open(&PostgresUrl::parse(url)?, &holder("test")).await
}

fn error<T>(result: StoreResult<T>) -> StoreError {
    match result {
        Err(error) => error,
        Ok(_) => panic!("expected an error, and it was done"),
    }
}

fn applied(steps: &[SchemaStep]) -> Vec<bool> {
    steps.iter().map(|step| step.applied_at.is_some()).collect()
}

#[tokio::test]
async fn a_database_without_schema_is_refused_with_its_version() {
    let Some(database) = Database::new() else {
        return;
    };
    let words = error(open(database.url()).await).to_string();
    assert_eq!(words, "the database has schema v0, this program needs v3");
    let url = PostgresUrl::parse(database.url()).unwrap();
    let steps = url.schema_steps().await.unwrap();
    assert_eq!(applied(&steps), [false; 3]);
    let tables = "SELECT count(*)::text FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    assert_eq!(
        value(&database, tables).await,
        "0",
        "looking changes nothing"
    );
    url.schema_up().await.unwrap();
    let steps = url.schema_steps().await.unwrap();
    assert_eq!(applied(&steps), [true; 3]);
    let at = steps[0].applied_at.as_deref().unwrap();
    assert!(at.ends_with('Z') && at.len() == 20, "{at}");
    assert_eq!(
        open(database.url())
            .await
            .unwrap()
            .next_version()
            .await
            .unwrap(),
        1
    );
}

#[tokio::test]
async fn a_newer_or_changed_schema_is_refused_and_left_alone() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (database, url) = (&subject.database, subject.url());
    let all = "SELECT t::text FROM _pnl_migrations t ORDER BY version";
    let known = version_known();
    let checksum = |version| {
        format!("UPDATE _pnl_migrations SET checksum = '\\x00' WHERE version = {version}")
    };
    let cases = [
        (
            format!(
                "INSERT INTO _pnl_migrations VALUES ({}, 'future', now(), true, '\\x00', 1)",
                known + 2
            ),
            format!(
                "the database has schema v{}, this program knows v{known}",
                known + 2
            ),
        ),
        (
            format!(
                "DELETE FROM _pnl_migrations WHERE version > {known}; {}",
                checksum(2)
            ),
            "the schema does not match this program: migration 2 was changed after it was applied"
                .into(),
        ),
        (
            "DELETE FROM _pnl_migrations WHERE version = 2".into(),
            "the schema does not match this program: migration 2 was never applied, and later \
             ones were"
                .into(),
        ),
    ];
    for (sql, words) in cases {
        database.run(&sql).await.unwrap();
        let before = database.ask(all).await;
        assert_eq!(error(open(database.url()).await).to_string(), words);
        assert_eq!(error(url.schema_up().await).to_string(), words);
        assert_eq!(error(url.schema_steps().await).to_string(), words);
        if !words.contains("v5") {
            let down = url.schema_down(1, &holder("down")).await;
            assert_eq!(error(down).to_string(), words);
        }
        assert_eq!(database.ask(all).await, before);
    }
}

#[tokio::test]
async fn eight_migrations_at_once_all_succeed() {
    for _ in 0..2 {
        let Some(database) = Database::new() else {
            return;
        };
        let url = PostgresUrl::parse(database.url()).unwrap();
        let up = || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            let done = runtime.unwrap().block_on(url.schema_up());
            done.map_err(|error| error.to_string())
        };
        let done: Vec<Result<(), String>> = std::thread::scope(|scope| {
            let ups: Vec<_> = (0..8).map(|_| scope.spawn(up)).collect();
            ups.into_iter().map(|up| up.join().unwrap()).collect()
        });
        assert_eq!(done, vec![Ok(()); 8]);
        let count = "SELECT count(*)::text FROM _pnl_migrations";
        assert_eq!(value(&database, count).await, "3");
        let events = "SELECT details::text FROM migration_attempts";
        assert_eq!(value(&database, events).await, r#"{"to": 3, "from": 0}"#);
    }
}

#[tokio::test]
async fn a_database_with_a_table_of_ours_by_name_is_refused_and_left_alone() {
    for taken in [
        "CREATE TABLE trade_voids (id BIGINT)",
        "CREATE VIEW v_pnl_by_symbol AS SELECT 1",
        "CREATE SCHEMA fifo_parts",
    ] {
        let Some(database) = Database::new() else {
            return;
        };
        database.run(taken).await.unwrap();
        let url = PostgresUrl::parse(database.url()).unwrap();
        let words = refusal(url.schema_up().await);
        let name = taken.split(' ').nth(2).unwrap();
        assert!(
            words.contains(&format!("\"{name}\" that is not ours")),
            "{words}"
        );
        let tables = "SELECT count(*)::text FROM pg_class \
                      WHERE relnamespace = 'public'::regnamespace";
        let count = if taken.contains("SCHEMA") { "0" } else { "1" };
        assert_eq!(value(&database, tables).await, count);
    }
    // Tables with other names are nobody's trouble, also with a path that leads elsewhere first.
    let Some(database) = Database::new() else {
        return;
    };
    let (name, other) = (
        database.name(),
        "CREATE TABLE orders (id BIGINT); CREATE SCHEMA bot;",
    );
    let sql = format!("{other} ALTER DATABASE {name} SET search_path = bot, public");
    database.run(&sql).await.unwrap();
    PostgresUrl::parse(database.url())
        .unwrap()
        .schema_up()
        .await
        .unwrap();
    let store = open(database.url()).await.unwrap();
    fill(&store).await;
    Run::default().go(&store).await.unwrap();
    let bot = "SELECT count(*)::text FROM pg_class WHERE relnamespace = 'bot'::regnamespace";
    assert_eq!(value(&database, bot).await, "0");
}

#[tokio::test]
async fn another_programs_list_of_migrations_is_not_taken_for_ours() {
    let Some(database) = Database::new() else {
        return;
    };
    let list = "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text, \
         installed_on timestamptz DEFAULT now(), success boolean, checksum bytea, \
         execution_time bigint); \
         INSERT INTO _sqlx_migrations VALUES (20250101, 'of a bot', now(), true, '\\x00', 1)";
    database.run(list).await.unwrap();
    let url = PostgresUrl::parse(database.url()).unwrap();
    url.schema_up().await.unwrap();
    open(database.url()).await.unwrap();
    let theirs = database
        .ask("SELECT version::text FROM _sqlx_migrations")
        .await;
    assert_eq!(theirs, ["20250101"]);
}

#[tokio::test]
async fn a_schema_goes_back_only_while_no_fact_is_lost() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, url, holder) = (subject.store(), subject.url(), holder("down"));
    fill(store).await;
    Run::default().go(store).await.unwrap();
    for (target, words) in [
        (
            3,
            "the schema is at v3: it can only go back to an older version",
        ),
        (
            -1,
            "the schema is at v3: it can only go back to an older version",
        ),
        (0, "schema v0 has no place for 6 trades"),
    ] {
        assert_eq!(refusal(url.schema_down(target, &holder).await), words);
    }
    let sealed = crate::subject::event("seal", 1);
    store.seal(1, "filed", &sealed).await.unwrap();
    let words = refusal(url.schema_down(1, &holder).await);
    assert_eq!(words, "schema v1 has no place for 1 sealed versions");
    let held = lock(store).await;
    let error = error(url.schema_down(2, &holder).await);
    assert!(matches!(error, StoreError::Locked(_)), "{error:?}");
    held.release().await;
    url.schema_down(2, &holder).await.unwrap();
    assert_eq!(
        applied(&url.schema_steps().await.unwrap()),
        [true, true, false]
    );
    let words = self::error(open(subject.database.url()).await).to_string();
    assert_eq!(words, "the database has schema v2, this program needs v3");
    url.schema_up().await.unwrap();
    let store = open(subject.database.url()).await.unwrap();
    assert_eq!(store.versions().await.unwrap().len(), 1);
    let events = "SELECT details::text FROM migration_attempts ORDER BY id";
    assert_eq!(
        subject.database.ask(events).await,
        [
            r#"{"to": 3, "from": 0}"#,
            r#"{"to": 2, "from": 3}"#,
            r#"{"to": 3, "from": 2}"#
        ]
    );
}

#[tokio::test]
async fn a_schema_goes_back_past_what_a_broken_run_left() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let left = "CREATE TABLE fifo_parts.fifo_allocations_v7_r9 (LIKE fifo_allocations)";
    subject.database.run(left).await.unwrap();
    let (url, holder) = (subject.url(), holder("down"));
    url.schema_down(1, &holder).await.unwrap();
    assert_eq!(
        applied(&url.schema_steps().await.unwrap()),
        [true, false, false]
    );
    url.schema_up().await.unwrap();
}

/// Makes a role that may connect, and nothing else.
async fn make_role(database: &Database) -> String {
    let role = format!("r_{}", database.name());
    let sql = format!("CREATE ROLE {role} LOGIN");
    database.run(&sql).await.unwrap();
    role
}

async fn remove_role(database: &Database, role: &str) {
    let sql = format!("DROP OWNED BY {role}; DROP ROLE {role}");
    database.run(&sql).await.unwrap();
}

fn no_permission<T>(result: StoreResult<T>) -> String {
    match result {
        Err(StoreError::NoPermission { reason, .. }) => reason.to_string(),
        Err(error) => panic!("{error:?}"),
        Ok(_) => panic!("expected a refusal, and it was done"),
    }
}

#[tokio::test]
async fn a_role_is_told_which_right_it_lacks() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let database = &subject.database;
    fill(subject.store()).await;
    let role = make_role(database).await;
    let url = with_role(database.url(), &role);
    let words = no_permission(open(&url).await);
    assert_eq!(
        words,
        format!(
            "role \"{role}\" can't read the schema version: permission denied for table \
             _pnl_migrations; it lacks: GRANT SELECT ON _pnl_migrations TO {role}"
        )
    );
    let grant = format!("GRANT SELECT ON _pnl_migrations TO {role}");
    database.run(&grant).await.unwrap();
    let store = open(&url).await.unwrap();
    // No message offers a reader rights that write: the command is its owner's.
    let import = batch(vec![trade("B-9", "buy", "1", "1", 1)]);
    let words = no_permission(store.import(&import).await.map(drop));
    let not_for = format!("; it writes, so it is not for {role}: run it as ");
    let (_, whose) = words.split_once(&not_for).expect(&words);
    let owner = whose.strip_suffix(" or as a member of it").expect(&words);
    // A member of the one that it names may do it.
    database
        .run(&format!("GRANT {owner} TO {role}"))
        .await
        .unwrap();
    assert_eq!(store.import(&import).await.unwrap().appended, 1);
    database
        .run(&format!("REVOKE {owner} FROM {role}"))
        .await
        .unwrap();
    // Reading needs no more than the rates, undone imports, actions, movements and the views.
    for table in [
        "rates",
        "import_voids",
        "asset_actions",
        "asset_movements",
        "transfer_decisions",
        "eligible_trades",
        "ineligible_trades",
    ] {
        let words = no_permission(store.read_ledger(&Default::default(), None).await);
        let grant = format!("GRANT SELECT ON {table} TO {role}");
        assert!(words.contains(&grant), "{words}");
        database.run(&grant).await.unwrap();
    }
    let read = store.read_ledger(&Default::default(), None).await.unwrap();
    assert_eq!(
        read.pools
            .values()
            .map(|pool| pool.trades.len())
            .sum::<usize>(),
        7
    );
    store.close().await;
    remove_role(database, &role).await;
}

#[tokio::test]
async fn a_role_that_owns_nothing_is_told_so_before_anything_is_seen() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let database = &subject.database;
    fill(subject.store()).await;
    let role = make_role(database).await;
    let grants = format!(
        "GRANT ALL ON ALL TABLES IN SCHEMA public, fifo_parts TO {role}; \
         GRANT ALL ON ALL SEQUENCES IN SCHEMA public, fifo_parts TO {role}; \
         GRANT ALL ON SCHEMA public, fifo_parts TO {role}"
    );
    database.run(&grants).await.unwrap();
    let store = open(&with_role(database.url(), &role)).await.unwrap();
    let words = no_permission(Run::default().go(&store).await);
    assert!(
        words.contains("must be owner of table fifo_allocations"),
        "{words}"
    );
    let seen = "SELECT (SELECT count(*) FROM fifo_allocations)::text, \
                (SELECT count(*) FROM allocation_versions)::text";
    assert_eq!(database.ask(seen).await, ["0|0"]);
    // A member of the owner may.
    let owner = "SELECT tableowner::text FROM pg_tables WHERE tablename = 'fifo_allocations'";
    let owner = value(database, owner).await;
    let grant = format!("GRANT {owner} TO {role}");
    assert!(words.ends_with(&grant), "{words}");
    database.run(&grant).await.unwrap();
    Run::default().go(&store).await.unwrap();
    store.close().await;
    remove_role(database, &role).await;
}

#[tokio::test]
async fn a_place_without_a_database_is_told_at_once() {
    let Some(database) = Database::new() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let nowhere = format!(
        "postgres://fifo@localhost/x?host={}",
        folder.path().display()
    );
    let missing = with_database(database.url(), "no_such_database");
    let stranger = with_role(database.url(), "no_such_role");
    for (url, expected) in [
        (&*nowhere, "No such file or directory"),
        ("postgres://fifo@127.0.0.1:1/x", "Connection refused"),
        (&*missing, "database \"no_such_database\" does not exist"),
        (&*stranger, "role \"no_such_role\" does not exist"),
    ] {
        // A pool that waits for connections would say that its time is over.
        let error = error(open(url).await);
        assert!(error.to_string().contains(expected), "{error}");
        let is_place = matches!(error, StoreError::BadLocation { .. });
        assert_eq!(is_place, url == missing, "{error:?}");
        assert!(
            is_place || matches!(error, StoreError::Connect { .. }),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_database_that_can_only_be_read_is_told_so() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let database = &subject.database;
    fill(subject.store()).await;
    let sql = format!(
        "ALTER DATABASE {} SET default_transaction_read_only = on",
        database.name()
    );
    database.run(&sql).await.unwrap();
    let store = open(database.url()).await.unwrap();
    let read = store.read_ledger(&Default::default(), None).await.unwrap();
    assert_eq!(read.pools.len(), 2);
    let import = batch(vec![trade("B-9", "buy", "1", "1", 1)]);
    let words = no_permission(store.import(&import).await);
    assert!(words.contains("is this a read-only replica?"), "{words}");
    let words = no_permission(Run::default().go(&store).await);
    assert!(
        words.contains("can't log the run: cannot execute INSERT"),
        "{words}"
    );
}

#[tokio::test]
async fn settings_of_a_role_do_not_end_a_run() {
    let Some(database) = Database::new() else {
        return;
    };
    let name = database.name();
    let sql = [
        "statement_timeout",
        "idle_in_transaction_session_timeout",
        "idle_session_timeout",
    ]
    .map(|setting| format!("ALTER DATABASE {name} SET {setting} = '300ms'"));
    database.run(&sql.join(";")).await.unwrap();
    let sql = format!(
        "ALTER DATABASE {name} SET default_transaction_isolation = 'serializable'; \
         ALTER DATABASE {name} SET \"DateStyle\" = 'SQL, DMY'; \
         ALTER DATABASE {name} SET \"TimeZone\" = 'Asia/Kathmandu'; \
         ALTER DATABASE {name} SET \"IntervalStyle\" = 'sql_standard'; \
         ALTER DATABASE {name} SET extra_float_digits = 0; \
         ALTER DATABASE {name} SET bytea_output = 'escape'"
    );
    database.run(&sql).await.unwrap();
    PostgresUrl::parse(database.url())
        .unwrap()
        .schema_up()
        .await
        .unwrap();
    let store = open(database.url()).await.unwrap();
    fill(&store).await;
    let held = lock(&store).await;
    let (plan, outcomes) = Run::default().prepare(&store).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    let mut writer = store.begin_version(&plan).await.unwrap();
    tokio::time::sleep(Duration::from_millis(600)).await;
    for outcome in &outcomes {
        writer.load(outcome, 0).await.unwrap();
    }
    writer
        .finish(&Run::default().completion(&outcomes))
        .await
        .unwrap();
    held.release().await;
    assert_eq!(crate::subject::exported(&store, 1).await.len(), 5);
    assert_eq!(
        store.versions().await.unwrap()[0].created_at,
        crate::subject::at(200)
    );
}

#[test]
fn a_location_has_no_password() {
    let url = "postgres://ann:s3cret@db.example.org:5433/trades?sslmode=require";
    let url = PostgresUrl::parse(url).unwrap();
    assert_eq!(url.location(), "postgres://ann@db.example.org:5433/trades");
    assert!(PostgresUrl::parse("postgres://[").is_err());
}
