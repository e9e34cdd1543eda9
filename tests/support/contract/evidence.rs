//! Sources of allocations, the audit trail read back, and decisions about review items.

use fifo_pnl::engine::{Account, AssetRules, Timestamp};
use fifo_pnl::store::model::{
    EventKind, LongRun, NamedTrade, ReviewDecision, ReviewStatus, Scope, Sold, SourcedAllocation,
    TradeIds, TradeOrigin,
};
use fifo_pnl::store::{SourcedSink, Store};

use super::more::with;
use crate::subject::{
    Run, Subject, append, at, batch, event, of, refusal, trade, void, with_status,
};

#[derive(Default)]
struct Rows(Vec<SourcedAllocation>);

/// Counts rows, and records after how many of them the store announced a long run.
#[derive(Default)]
struct Counts {
    rows: usize,
    told: Vec<(usize, LongRun)>,
}

impl SourcedSink for Counts {
    fn long_run(&mut self, run: LongRun) -> std::io::Result<()> {
        self.told.push((self.rows, run));
        Ok(())
    }

    fn take(&mut self, _row: SourcedAllocation) -> std::io::Result<()> {
        self.rows += 1;
        Ok(())
    }
}

impl SourcedSink for Rows {
    fn long_run(&mut self, run: LongRun) -> std::io::Result<()> {
        Err(std::io::Error::other(format!("{run:?} is not that long")))
    }

    fn take(&mut self, row: SourcedAllocation) -> std::io::Result<()> {
        self.0.push(row);
        Ok(())
    }
}

fn always() -> Sold {
    let time = |micros| Timestamp::try_from_micros(micros).unwrap();
    let (from, until) = (time(0), time(4_000_000_000_000_000));
    Sold { from, until }
}

fn shown(origin: &TradeOrigin) -> String {
    let text = |text: &Option<std::sync::Arc<str>>| text.as_deref().unwrap_or("-").to_owned();
    let line = origin.line.map(|line| line.to_string());
    let line = line.unwrap_or_else(|| "-".into());
    format!("{}:{line} {}", text(&origin.file), text(&origin.source))
}

async fn rows(store: &dyn Store, version: i64, account: Option<&str>) -> Vec<String> {
    let account: Option<Account> = account.map(|name| name.parse().unwrap());
    let mut sink = Rows::default();
    let count = store.sourced_rows(version, account.as_ref(), always(), &mut sink);
    assert_eq!(count.await.unwrap(), sink.0.len() as u64);
    let line = |row: &SourcedAllocation| {
        let buy = row
            .row
            .buy_order_id
            .as_ref()
            .map_or("none", |id| id.as_str());
        let (sell, lot) = (shown(&row.sell), shown(&row.buy));
        format!(
            "{} {} {sell} | {buy} {lot}",
            row.row.account, row.row.sell_order_id
        )
    };
    sink.0.iter().map(line).collect()
}

/// Both trades of a row lead to file, line and source; what found no lot has none.
pub async fn allocations_lead_back_to_files(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![trade("B-1", "buy", "1", "10", 0)]).await;
    let mut decided = trade("R-1", "buy", "1", "10", 1);
    decided.carried.source = Some("review".into());
    let mut second = batch(vec![
        decided,
        trade("S-1", "sell", "3", "11", 2),
        of("bot", "BTC-USD", trade("S-1", "sell", "1", "11", 2)),
    ]);
    second.file.name = "second.csv".into();
    store.import(&second).await.unwrap();
    let version = Run::default().go(store).await.unwrap().version;
    let of_default = [
        "default S-1 second.csv:3 - | B-1 trades.csv:2 -",
        "default S-1 second.csv:3 - | R-1 second.csv:2 review",
        "default S-1 second.csv:3 - | none -:- -",
    ];
    let of_bot = "bot S-1 second.csv:4 - | none -:- -";
    let all: Vec<&str> = [&[of_bot], &of_default[..]].concat();
    assert_eq!(rows(store, version, None).await, all);
    assert_eq!(rows(store, version, Some("default")).await, of_default);
    assert_eq!(
        rows(store, version, Some("nobody")).await,
        Vec::<String>::new()
    );
    let files = store.imports().await.unwrap();
    let files: Vec<(&str, i64)> = files
        .iter()
        .map(|file| (file.name.as_str(), file.rows))
        .collect();
    assert_eq!(files, [("trades.csv", 1), ("second.csv", 3)]);
}

/// An export with little memory reads the trades of some pools at a time, by their symbols.
pub async fn allocations_lead_back_to_files_in_many_passes(subject: &dyn Subject) {
    let store = subject.store();
    store.use_rules(&AssetRules::default());
    let pair = |symbol: &str, row| of("default", symbol, row);
    let swap = |id: &str, number| {
        let facts = [
            ("usd_value", "100"),
            ("fee_amount", "0.1"),
            ("fee_currency", "BNB"),
            ("fee_usd_value", "1"),
        ];
        pair("eth/sol", with(&facts, trade(id, "sell", "1", "4", number)))
    };
    let trades = vec![
        pair("sol/usd", trade("B-1", "buy", "2", "20", 0)),
        pair("Sol-USDC", trade("B-2", "buy", "2", "21", 1)),
        pair("eth/usd", trade("E-1", "buy", "3", "90", 2)),
        pair("bnb/usdt", trade("N-1", "buy", "1", "9", 3)),
        swap("X-1", 4),
        pair("SOL/usdt", trade("S-1", "sell", "6", "30", 5)),
        pair("xbt/USD", trade("K-1", "buy", "1", "900", 6)),
        pair("btc-usd", trade("K-2", "sell", "1", "950", 7)),
        of("bot", "sol/usd", trade("B-1", "buy", "1", "20", 0)),
        of("bot", "SOL-usd", trade("S-1", "sell", "1", "30", 5)),
    ];
    append(store, trades).await;
    let version = Run::default().go(store).await.unwrap().version;
    let expected = [
        "bot S-1 trades.csv:11 - | B-1 trades.csv:10 -",
        "default X-1 trades.csv:6 - | N-1 trades.csv:5 -",
        "default K-2 trades.csv:9 - | K-1 trades.csv:8 -",
        "default X-1 trades.csv:6 - | E-1 trades.csv:4 -",
        "default S-1 trades.csv:7 - | B-1 trades.csv:2 -",
        "default S-1 trades.csv:7 - | B-2 trades.csv:3 -",
        "default S-1 trades.csv:7 - | X-1 trades.csv:6 -",
    ];
    assert_eq!(rows(store, version, None).await, expected);
    for trades in [1, 3, 5] {
        let Some(store) = subject.with_origins_max(trades) else {
            return;
        };
        assert_eq!(rows(&*store, version, None).await, expected, "{trades}");
        let of_bot = rows(&*store, version, Some("bot")).await;
        assert_eq!(of_bot, expected[..1], "{trades}");
    }
}

/// The reader needs rows of other years only if their lots were sold in both.
pub async fn rows_of_a_time_come_with_those_of_their_lots(subject: &dyn Subject) {
    let store = subject.store();
    let mut trades = vec![trade("B-1", "buy", "2", "10", 0)];
    for (number, name) in [(1, "B-2"), (2, "B-3"), (3, "B-4")] {
        trades.push(trade(name, "buy", "4", "10", number));
    }
    for number in 10..21 {
        trades.push(trade(&format!("S-{number}"), "sell", "1", "11", number));
    }
    trades.push(of("bot", "BTC-USD", trade("S-15", "sell", "1", "11", 15)));
    append(store, trades).await;
    let version = Run::default().go(store).await.unwrap().version;
    let (from, until) = (at(14), at(18));
    let sold = Sold { from, until };
    let mut sink = Rows::default();
    let read = store.sourced_rows(version, None, sold, &mut sink);
    read.await.unwrap();
    let shown = |row: &SourcedAllocation| {
        let line = |origin: &TradeOrigin| origin.line.map_or("-".into(), |line| line.to_string());
        let (own, lot) = (&row.row.sell_order_id, row.row.buy_order_id.as_ref());
        let lot = lot.map_or("none", |lot| lot.as_str());
        let lines = match sold.contains(row.row.sell_time) {
            true => format!(" {} {}", line(&row.sell), line(&row.buy)),
            false => String::new(),
        };
        format!("{} {own} {lot}{lines}", row.row.account)
    };
    let found: Vec<String> = sink.0.iter().map(shown).collect();
    let needed = [
        "bot S-15 none 17 -",
        "default S-12 B-2",
        "default S-13 B-2",
        "default S-14 B-2 10 3",
        "default S-15 B-2 11 3",
        "default S-16 B-3 12 4",
        "default S-17 B-3 13 4",
        "default S-18 B-3",
        "default S-19 B-3",
    ];
    let is_needed = |row: &&String| needed.contains(&row.as_str());
    let found: Vec<&String> = match store.location().as_str() {
        // What stays in memory anyway is all there.
        "memory" => found.iter().filter(is_needed).collect(),
        _ => found.iter().collect(),
    };
    assert_eq!(found, needed);
}

/// The quote of an earlier sell is a lot of another pool, and an edge of a pool is one only there.
pub async fn rows_of_a_time_name_the_sells_that_brought_their_lots(subject: &dyn Subject) {
    let store = subject.store();
    store.use_rules(&AssetRules::default());
    let coin_sell = |id: &str, number| {
        let row = trade(id, "sell", "4", "0.5", number);
        of("default", "ETH-BTC", with(&[("usd_value", "100")], row))
    };
    let trades = vec![
        of("default", "ETH-USD", trade("E-1", "buy", "8", "20", 0)),
        coin_sell("X-1", 1),
        coin_sell("X-2", 2),
        trade("S-1", "sell", "1", "60", 10),
        trade("S-2", "sell", "2", "60", 11),
    ];
    append(store, trades).await;
    let version = Run::default().go(store).await.unwrap().version;
    let (from, until) = (at(11), at(12));
    let sold = Sold { from, until };
    let mut sink = Rows::default();
    let read = store.sourced_rows(version, None, sold, &mut sink);
    read.await.unwrap();
    let shown = |row: &SourcedAllocation| {
        let line = |origin: &TradeOrigin| origin.line.map_or("-".into(), |line| line.to_string());
        let (own, lot) = (&row.row.sell_order_id, row.row.buy_order_id.as_ref());
        let lot = lot.map_or("none", |lot| lot.as_str());
        let (sell, buy) = (line(&row.sell), line(&row.buy));
        format!("{} {own} {sell} {lot} {buy}", row.row.asset)
    };
    let in_period = |row: &&SourcedAllocation| sold.contains(row.row.sell_time);
    let found: Vec<String> = sink.0.iter().filter(in_period).map(shown).collect();
    assert_eq!(found, ["BTC S-2 6 X-1 3", "BTC S-2 6 X-2 4"]);
    let outside: Vec<String> = sink
        .0
        .iter()
        .filter(|row| !in_period(row))
        .map(|row| format!("{} {}", row.row.asset, row.row.sell_order_id))
        .collect();
    if store.location() != "memory" {
        assert_eq!(outside, ["BTC S-1"]);
    }
}

/// If a lot or a sell has many rows, the reader learns their number long before the last one.
pub async fn long_runs_are_told_early(subject: &dyn Subject) {
    let store = subject.store();
    let mut trades = vec![trade("B-long", "buy", "4100", "10", 0)];
    let small = |number: i64, side, name: &str| {
        trade(&format!("{name}-{number:05}"), side, "1", "10", number)
    };
    trades.extend((1..=4_100).map(|number| small(number, "sell", "S")));
    trades.extend((5_001..=9_098).map(|number| small(number, "buy", "B")));
    trades.push(trade("S-long", "sell", "4098", "10", 10_000));
    append(store, trades).await;
    let version = Run::default().go(store).await.unwrap().version;
    let mut sink = Counts::default();
    let count = store
        .sourced_rows(version, None, always(), &mut sink)
        .await
        .unwrap();
    assert_eq!((count, sink.rows), (8_198, 8_198));
    let run = |order_id: &str, is_sell, rows| LongRun {
        account: "default".into(),
        asset: "BTC-USD".into(),
        order_id: order_id.into(),
        is_sell,
        rows,
    };
    let told = [
        (4_096, run("B-long", false, 4_100)),
        (8_196, run("S-long", true, 4_098)),
    ];
    // What stays in memory anyway need not be counted.
    if store.location() != "memory" {
        assert_eq!(sink.told, told);
    }
}

/// Events of the kinds that are asked for, oldest first, with their facts.
pub async fn events_are_read_back_by_kind(subject: &dyn Subject) {
    let store = subject.store();
    for (kind, seconds) in [("export", 3), ("tax_filed", 4), ("export", 5), ("seal", 6)] {
        store.log_event(&event(kind, seconds)).await.unwrap();
    }
    let events = store
        .events_of(&[EventKind::Export, EventKind::TaxFiled])
        .await
        .unwrap();
    let kinds: Vec<(&str, _)> = events
        .iter()
        .map(|event| (event.kind.as_str(), event.at))
        .collect();
    assert_eq!(
        kinds,
        [("export", at(3)), ("tax_filed", at(4)), ("export", at(5))]
    );
    assert_eq!(events[0].details["by"], "ann");
    assert_eq!(events[0].version, None);
    assert_eq!(store.events_of(&[EventKind::Void]).await.unwrap(), []);
}

/// A decision changes an item once, says by whom, and is in the audit trail.
pub async fn decisions_follow_their_rules(subject: &dyn Subject) {
    let store = subject.store();
    append(store, vec![trade("S-1", "sell", "1", "11", 2)]).await;
    Run::default().go(store).await.unwrap();
    let id = store.review_queue().await.unwrap()[0].id;
    let decision = |status, seconds| ReviewDecision {
        id,
        status,
        note: "why".into(),
        by: "ann".into(),
        at: at(seconds),
    };
    use ReviewStatus::{Dismissed, InProgress, Pending, Resolved};
    store
        .decide_review(&decision(InProgress, 300))
        .await
        .unwrap();
    let again = refusal(store.decide_review(&decision(InProgress, 301)).await);
    assert_eq!(again, format!("review item {id} is in_progress already"));
    store
        .decide_review(&decision(Dismissed, 302))
        .await
        .unwrap();
    let item = store.review_queue().await.unwrap().remove(0);
    assert_eq!(item.status, Dismissed);
    assert_eq!(item.resolution.as_deref(), Some("why"));
    assert_eq!(
        (item.resolved_by.as_deref(), item.resolved_at),
        (Some("ann"), Some(at(302)))
    );
    let settled = refusal(store.decide_review(&decision(Resolved, 303)).await);
    assert_eq!(
        settled,
        format!("review item {id} is dismissed: reopen it first")
    );
    store.decide_review(&decision(Pending, 304)).await.unwrap();
    let item = store.review_queue().await.unwrap().remove(0);
    assert_eq!(
        (item.status, item.resolution, item.resolved_at),
        (Pending, None, None)
    );
    let other = ReviewDecision {
        id: id + 1,
        ..decision(Dismissed, 305)
    };
    let none = refusal(store.decide_review(&other).await);
    assert_eq!(none, format!("there is no review item {}", id + 1));
    let kinds = [
        EventKind::ReviewStarted,
        EventKind::ReviewDismissed,
        EventKind::ReviewReopened,
        EventKind::ReviewResolved,
    ];
    let events = store.events_of(&kinds).await.unwrap();
    let kept: Vec<&str> = events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(
        kept,
        ["review_started", "review_dismissed", "review_reopened"]
    );
    assert_eq!(events[0].details["note"], "why");
    assert_eq!(events[0].details["order_id"], "S-1");
}

pub async fn trades_are_looked_up_by_id(subject: &dyn Subject) {
    let store = subject.store();
    let buy = trade("B-1", "buy", "1", "10", 1);
    let other = of("two", "btc/usd", trade("B-1", "sell", "1", "10", 2));
    let open = with_status("open", trade("B-2", "buy", "1", "10", 3));
    append(store, vec![buy, other, open]).await;
    let before = store.read_ledger(&Scope::default(), None).await.unwrap();
    append(store, vec![trade("B-3", "sell", "1", "10", 4)]).await;
    store.void(&void("B-1", false)).await.unwrap();
    let key = |account: &str, id: &str| (account.to_owned(), id.to_owned());
    let asked = ["B-1", "B-2", "B-3", "B-4"].map(|id| key("default", id));
    let asked = asked.into_iter().chain([key("two", "B-1")]).collect();
    let found = async |as_of| {
        let found = store.trades_named(&asked, as_of).await.unwrap();
        let line = |it: &NamedTrade| {
            let voided = if it.is_voided { ", voided" } else { "" };
            let at = it.order_time;
            format!("{} {} {} {at}{voided}", it.pool, it.order_id, it.side)
        };
        found.iter().map(line).collect::<Vec<_>>()
    };
    let of_two = format!("two BTC-USD B-1 sell {}", at(2));
    let expected = [
        format!("default BTC-USD B-1 buy {}, voided", at(1)),
        format!("default BTC-USD B-3 sell {}", at(4)),
        of_two.clone(),
    ];
    assert_eq!(found(None).await, expected);
    let expected = [format!("default BTC-USD B-1 buy {}", at(1)), of_two];
    assert_eq!(found(Some(&before.watermark)).await, expected);
    let nothing = store.trades_named(&TradeIds::new(), None).await.unwrap();
    assert_eq!(nothing, []);
}
