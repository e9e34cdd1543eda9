//! Runs the whole job in memory (import, compute, validate) and explains one sell: which lots it
//! used, and how each amount came about.
//!
//! ```text
//! cargo run --example explain_one_sell
//! ```
//!
//! With `SqliteStore::open` in place of `MemoryStore::new` the result stays in a file.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use fifo_pnl::engine::{AssetRules, Timestamp};
use fifo_pnl::pipeline::{
    Cancel, Clock, ComputeOptions, Context, ExplainedSlice, ImportRequest, Silent, Wait, compute,
    explain, import_files, parse_source, validate,
};
use fifo_pnl::store::memory::MemoryStore;
use fifo_pnl::store::model::Holder;

const TRADES: &str =
    "fixtures/cases/a-sell-larger-than-the-first-lot-goes-on-into-the-next/1-trades.csv";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let (store, context) = (MemoryStore::new(), context()?);
    let request = ImportRequest::default();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(TRADES);
    let file = parse_source(&path, &request, &context)?;
    import_files(Some(&store), vec![file], &request, &context).await?;

    let run = compute(&store, &context, &ComputeOptions::default()).await?;
    let judged = validate(&store, &context, Some(run.version)).await?;
    assert!(judged.violations.is_empty(), "{:?}", judged.violations);

    let explained = explain(&store, "s1", None, None).await?;
    // A trade of one coin for another has several legs; this one has the base alone.
    let [leg] = explained.legs.as_slice() else {
        return Err("the sell has several legs".into());
    };
    println!("{}, sell {}", leg.pool, leg.sell.entry.order_id);
    for slice in &leg.slices {
        describe(slice);
    }
    let pnl: Vec<_> = leg.slices.iter().map(|slice| slice.row.pnl_usd).collect();
    assert_eq!(pnl, [Some("29.7".parse()?), Some("4.8".parse()?)]);
    Ok(())
}

/// Prints a slice: each share is the difference of two amounts, after it and before it.
fn describe(slice: &ExplainedSlice) {
    let Some(lot) = &slice.lot else {
        println!("  {} found no lot", slice.row.allocated_size);
        return;
    };
    println!(
        "  {} of lot {}",
        slice.row.allocated_size, lot.buy.entry.order_id
    );
    let steps = [
        ("cost", lot.gross),
        ("buy fee", lot.fee),
        ("proceeds", slice.proceeds),
        ("sell fee", slice.sell_fee),
    ];
    for (name, step) in steps {
        println!(
            "    {name:<9} {} - {} = {}",
            step.after, step.before, step.share
        );
    }
    if let Some(pnl) = slice.row.pnl_usd {
        println!("    {:<9} {pnl}", "pnl");
    }
}

/// Returns the things that the job borrows: a clock, a name, the rules.
fn context() -> Result<Context, Box<dyn Error>> {
    let now: Timestamp = "2025-06-01T00:00:00Z".parse()?;
    Ok(Context {
        clock: Arc::new(StoppedClock(now)),
        progress: Arc::new(Silent),
        cancel: Cancel::default(),
        rules: AssetRules::default().into(),
        holder: Holder {
            pid: std::process::id(),
            host: "localhost".into(),
            since: now,
            what: "example".into(),
        },
        user: "example".into(),
        wait: Wait::No,
    })
}

/// A clock that stands still, so that the example says the same every time.
struct StoppedClock(Timestamp);

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        self.0
    }

    fn elapsed_us(&self) -> i64 {
        0
    }
}
