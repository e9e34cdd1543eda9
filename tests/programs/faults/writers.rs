//! Bots that append, and readers that look, while everything else happens on a PostgreSQL server.
//! No insert waits longer than a second, and no reader finds the current version empty.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use sqlx::{Connection, PgConnection, Row};

use crate::faults::place::{Place, file_of};
use crate::support::ledger::{Shape, csv, rows};
use crate::support::site::{Site, server};

/// Large enough that every phase lasts for many inserts.
const LARGE: Shape = Shape {
    trades: 50_000,
    accounts: 3,
    symbols: 60,
    seconds: 20_000_000,
};

/// An insert that is never committed.
const OPEN_INSERT: &str = "INSERT INTO trade_records (account, order_id, symbol, side, size, \
                           price, order_time) VALUES ('main', 'open', 'C1-USD', 'buy', 1, 2, \
                           now())";

/// Between two inserts of a bot.
const PAUSE: Duration = Duration::from_millis(2);

/// The processes at work, and the signal to stop.
struct Scene {
    url: String,
    over: AtomicBool,
    at_work: Mutex<String>,
}

/// The longest that one statement took, and what was at work when it began.
#[derive(Default)]
struct Slowest {
    statements: u64,
    took: Duration,
    at_work: String,
}

impl fmt::Display for Slowest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            statements,
            took,
            at_work,
        } = self;
        write!(
            f,
            "{statements} statements, slowest {took:?} during {at_work}"
        )
    }
}

impl Slowest {
    fn add(&mut self, scene: &Scene, begun: (Instant, String)) {
        self.statements += 1;
        let took = begun.0.elapsed();
        if took > self.took {
            self.took = took;
            let ended = scene.now().1;
            self.at_work = match begun.1 == ended {
                true => ended,
                false => format!("{} and {ended}", begun.1),
            };
        }
    }
}

impl Scene {
    fn now(&self) -> (Instant, String) {
        (Instant::now(), self.at_work.lock().unwrap().clone())
    }

    /// Runs a program and says meanwhile that it is at work.
    fn run(&self, place: &Place, args: &[&str]) {
        *self.at_work.lock().unwrap() = format!("\"{}\"", args.join(" "));
        let started = Instant::now();
        place.run(args).expect(0);
        println!("{:?} {}", started.elapsed(), args.join(" "));
        *self.at_work.lock().unwrap() = "nothing".into();
    }

    /// Does something on one connection, again and again, until all is over.
    fn repeat(&self, mut each: impl AsyncFnMut(&mut PgConnection, u64)) -> Slowest {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&self.url).await.unwrap();
            let mut slowest = Slowest::default();
            while !self.over.load(Ordering::SeqCst) {
                let begun = self.now();
                each(&mut connection, slowest.statements).await;
                slowest.add(self, begun);
                tokio::time::sleep(PAUSE).await;
            }
            connection.close().await.unwrap();
            slowest
        })
    }

    /// Inserts trades one by one, and commits each alone. `late`: into the past of a pool that has
    /// trades.
    fn bot(&self, name: &str, late: bool) -> Slowest {
        let sql = "INSERT INTO trade_records (account, order_id, symbol, side, size, price, \
                   order_time) VALUES ($1, $2, 'C1-USD', 'buy', 1, 2, \
                   now() - make_interval(days => $3))";
        let (account, days) = if late { ("main", 300) } else { (name, 0) };
        self.repeat(async |connection, number| {
            let insert = sqlx::query(sql).bind(account);
            let insert = insert.bind(format!("{name}-{number}")).bind(days);
            insert.execute(connection).await.unwrap();
        })
    }

    /// Reads the current version as a dashboard does.
    fn reader(&self) -> Slowest {
        let sql = "SELECT count(*) FROM v_current_allocations WHERE symbol = 'C2-USD'";
        self.repeat(async |connection, _| {
            let row = sqlx::query(sql).fetch_one(connection).await.unwrap();
            let rows: i64 = row.get(0);
            assert!(rows > 0, "the current version looked empty");
        })
    }
}

#[test]
fn no_insert_waits_for_what_the_programs_do() {
    let Some(server) = server() else { return };
    let place = Place::Postgres(Site::migrated(&server), None);
    place.compute_first(&csv(&rows(LARGE, 71)));
    let Place::Postgres(site, _) = &place else {
        unreachable!()
    };
    let scene = Scene {
        url: site.url.clone(),
        over: AtomicBool::new(false),
        at_work: Mutex::default(),
    };
    let more = Shape {
        trades: 5_000,
        ..LARGE
    };
    place.folder().write("more.csv", file_of(more, 72, "more-"));
    let (bots, reader) = std::thread::scope(|scope| {
        let scene = &scene;
        let bots = [("bot-1", false), ("bot-2", true)]
            .map(|(name, late)| scope.spawn(move || scene.bot(name, late)));
        let reader = scope.spawn(|| scene.reader());
        for args in [
            &["compute", "--all-symbols", "--quiet"][..],
            &["compute", "--all-symbols", "--quiet", "--no-publish"],
            &["versions", "publish", "3", "--quiet"],
            &["import", "--quiet", "more.csv"],
            &[
                "compute",
                "--all-symbols",
                "--quiet",
                "--version",
                "3",
                "--force",
            ],
            &["compute", "--asset", "C1", "--quiet"],
            &["versions", "drop", "2", "--quiet"],
            &["versions", "prune", "--keep", "1", "--quiet"],
            &["validate", "--version", "current", "--quiet"],
        ] {
            // Of two locks that exclude each other either waits for the other. This one stays
            // until the program has ended, so no program takes one that an insert waits for.
            let held = site.hold(OPEN_INSERT);
            scene.run(&place, args);
            drop(held);
        }
        scene.over.store(true, Ordering::SeqCst);
        let bots = bots.map(|bot| bot.join().unwrap());
        (bots, reader.join().unwrap())
    });
    println!("reader: {reader}");
    for bot in &bots {
        println!("bot: {bot}");
        assert!(bot.statements > 100, "{bot}");
    }
    // No row that arrived meanwhile is lost.
    place
        .run(&["compute", "--all-symbols", "--quiet"])
        .expect(0);
    let taken = "SELECT sum(trades) FROM fifo_pool_summary WHERE allocation_version = \
                 (SELECT version FROM current_version)";
    let inserted: u64 = bots.iter().map(|bot| bot.statements).sum();
    let all = (LARGE.trades + more.trades) as u64 + inserted;
    assert_eq!(place.value(taken), all.to_string());
    place.check_current();
}
