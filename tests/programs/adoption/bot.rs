//! The bot goes on while the job is at work: nothing of it fails, nothing of it waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::adoption::legacy::{LEDGER, fill};
use crate::adoption::postgres::{apart, connect, run};
use crate::support::site::{Site, server};

/// The uncommitted work of a bot in its ledger.
const OPEN: &str = "WITH a AS (UPDATE trade_records SET pnl_usd = 1.5 WHERE order_id = 'o-499'), \
                    b AS (DELETE FROM trade_records WHERE order_id = 'o-500') \
                    INSERT INTO trade_records (order_id, symbol, side, order_time, price, size, \
                    status) VALUES ('open', 'S1-USD', 'buy', now(), 10.1, 0.3, 'filled')";

/// Errors that the bot met.
pub struct Met {
    pub statements: u32,
    pub failures: Vec<String>,
    pub slowest: Duration,
}

/// Starts the bot: it inserts, upserts, writes its old answers and deletes, until the test stops
/// it.
pub fn start(site: &Site, stop: &Arc<AtomicBool>) -> JoinHandle<Met> {
    let (url, stop) = (site.url.clone(), Arc::clone(stop));
    std::thread::spawn(move || apart(work(url, stop)))
}

async fn work(url: String, stop: Arc<AtomicBool>) -> Met {
    let mut connection = connect(&url).await;
    let mut met = Met {
        statements: 0,
        failures: Vec::new(),
        slowest: Duration::ZERO,
    };
    for turn in 0_u32.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let row = |id: String, status: &str| {
            format!(
                "INSERT INTO trade_records (order_id, symbol, side, order_time, price, size, \
                 total_fees_usd, status) VALUES ('{id}', 'S{}-USD', '{}', now(), 10.1, 0.3, \
                 0.01, '{status}')",
                turn % 20,
                if turn % 2 == 0 { "buy" } else { "sell" }
            )
        };
        let id = format!("bot-{turn}");
        let upsert = "ON CONFLICT (order_id) DO UPDATE SET price = EXCLUDED.price, \
             size = EXCLUDED.size, total_fees_usd = EXCLUDED.total_fees_usd, \
             order_time = LEAST(trade_records.order_time, EXCLUDED.order_time)";
        for sql in [
            row(id.clone(), "filled"),
            format!(
                "{} {upsert}",
                row(format!("o-{}", 1 + turn % 500), "filled")
            ),
            format!(
                "UPDATE trade_records SET pnl_usd = 1.5, parent_id = 'x' WHERE order_id = '{id}'"
            ),
            row(format!("gone-{turn}"), "cancelled"),
            format!("DELETE FROM trade_records WHERE order_id = 'gone-{turn}'"),
        ] {
            let began = Instant::now();
            if let Err(words) = run(&mut connection, &sql).await {
                met.failures.push(words);
            }
            met.slowest = met.slowest.max(began.elapsed());
            met.statements += 1;
        }
    }
    met
}

#[test]
fn nothing_takes_a_lock_that_the_bot_waits_for() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    site.sql(LEDGER);
    fill(&site, 1_000);
    // Of two locks that exclude each other either waits for the other. These stay to the end.
    let held = site.hold(OPEN);
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    site.compute(&["--all-symbols", "--version", "1", "--force"])
        .expect(0);
    site.compute(&["--incremental"]).expect(0);
    site.fifo_pnl(&["versions", "prune", "--keep", "1"])
        .expect(0);
    site.validate(&["--version", "current"]).expect(0);
    drop(held);
}

#[test]
fn a_bot_at_work_does_not_fail() {
    let Some(server) = server() else { return };
    let site = Site::empty(&server);
    site.sql(LEDGER);
    fill(&site, 20_000);
    let stop = Arc::new(AtomicBool::new(false));
    let bot = start(&site, &stop);
    site.fifo_pnl(&["migrate", "up", "--yes"]).expect(0);
    site.compute(&["--all-symbols"]).expect(0);
    site.compute(&["--all-symbols", "--version", "1", "--force"])
        .expect(0);
    for _ in 0..3 {
        site.compute(&["--incremental"]).expect(0);
    }
    site.fifo_pnl(&["versions", "prune"]);
    site.validate(&["--version", "current"]).expect(0);
    stop.store(true, Ordering::SeqCst);
    let met = bot.join().unwrap();
    println!(
        "{} statements, the slowest {:?}",
        met.statements, met.slowest
    );
    assert_eq!(met.failures, Vec::<String>::new());
    assert!(met.statements > 100, "{} statements", met.statements);
    // What the bot left is what a full run sees.
    site.compute(&["--all-symbols"]).expect(0);
    let left = "SELECT count(*) FROM trade_records WHERE order_id LIKE 'bot-%'";
    assert!(site.value(left).parse::<u32>().unwrap() > 20);
    site.validate(&["--version", "current"]).expect(0);
}
