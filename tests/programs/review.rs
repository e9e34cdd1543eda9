//! Review items: shown, started, settled by facts or by decision, one by one and many at once.
#![cfg(all(feature = "cli", unix))]

use crate::support;

use std::fs;

use support::{Folder, repository};

/// A folder with one unmatched sell: item 1.
fn folder() -> Folder {
    let folder = Folder::new();
    let path = repository().join("fixtures/tax/missing-buy/trades.csv");
    folder.write("trades.csv", fs::read_to_string(path).unwrap());
    folder.write("fifo-pnl.toml", "[tax]\ntimezone = \"America/New_York\"\n");
    folder.fifo_pnl(&["run", "trades.csv"]).expect(0);
    folder
}

fn review(folder: &Folder, args: &[&str]) -> support::Done {
    folder.fifo_pnl(&[&["review"], args].concat())
}

const RESOLVE: [&str; 7] = [
    "resolve",
    "1",
    "--basis",
    "31.2312",
    "--acquired",
    "2025-01-03",
    "--note",
];

fn trades(folder: &Folder) -> String {
    folder.value("SELECT count(*) FROM trade_records")
}

#[test]
fn an_item_is_shown_with_what_was_held() {
    let done = review(&folder(), &["show", "1"]).expect(0);
    for said in [
        "unmatched_sell, medium, pending",
        "Held      10 of lot b-1: cost 50.05 USD",
        "Missing   6: 32.967 USD of net proceeds have no cost",
        "From      trades.csv:3",
        "Hints     none",
    ] {
        assert!(done.stdout.contains(said), "{said}:\n{}", done.stdout);
    }
    let done = review(&folder(), &["show", "7"]).expect(2);
    assert!(
        done.stderr.contains("there is no review item 7"),
        "{}",
        done.stderr
    );
}

#[test]
fn near_misses_are_hints() {
    let folder = folder();
    folder.write(
        "near.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd,account\n\
         late,HBAR-USD,buy,1,5,2025-03-04T15:04:59Z,0,main\n\
         later,HBAR-USD,buy,1,5,2025-03-04T15:05:01Z,0,main\n\
         o-FILL-1,HBAR-USD,buy,1,5,2025-03-05T15:00:00Z,0,main\n\
         o-FILL-3,HBAR-USD,buy,1,5,2025-03-05T15:00:00Z,0,main\n\
         other,HBAR-USD,buy,6,5,2025-01-04T15:00:00Z,0,bot\n\
         usdc,HBAR-USDC,buy,16,5,2025-01-04T15:00:00Z,0,ira\n\
         no,HBAR-USDC,buy,7,5,2025-01-04T15:00:00Z,0,ira\n",
    );
    folder.fifo_pnl(&["import", "near.csv"]).expect(0);
    let done = review(&folder, &["show", "1", "--json"]).expect(0).json();
    let hints: Vec<&str> = done["near_misses"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hint| hint.as_str().unwrap())
        .collect();
    assert_eq!(hints.len(), 4, "{hints:?}");
    let has = |text: &str| hints.iter().any(|hint| hint.contains(text));
    assert!(has("buy late of 1 comes soon after"), "{hints:?}");
    assert!(has("fill o-FILL-2 is missing"), "{hints:?}");
    assert!(
        has("buy other of the same size 6 stands in bot HBAR"),
        "{hints:?}"
    );
    assert!(
        has("buy usdc of the same size 16 stands in ira HBAR"),
        "{hints:?}"
    );
}

#[test]
fn history_is_kept() {
    let folder = folder();
    review(&folder, &["start", "1", "--note", "asked the exchange"]).expect(0);
    review(&folder, &["dismiss", "1", "--note", "a gift"]).expect(0);
    let done = review(&folder, &["dismiss", "1", "--note", "again"]).expect(3);
    assert!(
        done.stderr.contains("review item 1 is dismissed already"),
        "{}",
        done.stderr
    );
    let done = review(&folder, &["start", "1", "--note", "again"]).expect(3);
    assert!(
        done.stderr.contains("is dismissed: reopen it first"),
        "{}",
        done.stderr
    );
    review(&folder, &["reopen", "1", "--note", "no gift"]).expect(0);
    let done = review(&folder, &["reopen", "1", "--note", "again"]).expect(3);
    assert!(
        done.stderr.contains("is pending already"),
        "{}",
        done.stderr
    );
    review(&folder, &["start", "1", "--note", " "]).expect(2);
    let kinds = folder.sql("SELECT event_type FROM review_history ORDER BY id");
    let expected = [
        "review_opened",
        "review_started",
        "review_dismissed",
        "review_reopened",
    ];
    assert_eq!(kinds, expected);
    let shown = review(&folder, &["show", "1"]).expect(0).stdout;
    assert!(shown.contains("dismissed by tester: a gift"), "{shown}");
}

/// Sells with one id in two accounts and two symbols, and pools of unknown symbols. The items of
/// these pools name no order at all.
#[test]
fn a_history_is_of_one_item_alone() {
    let folder = Folder::new();
    folder.write(
        "trades.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd,account\n\
         S7,DOT-USD,sell,3,20,2025-05-01T09:00:00Z,0,one\n\
         S7,DOT-USD,sell,4,20,2025-05-01T09:00:00Z,0,two\n\
         S7,KSM-USD,sell,5,20,2025-05-01T09:00:00Z,0,three\n\
         E1,BTCIDRT,buy,3,20,2025-05-01T09:00:00Z,0,one\n\
         E2,ETHIDRT,buy,3,20,2025-05-01T09:00:00Z,0,one\n",
    );
    folder.fifo_pnl(&["run", "trades.csv"]).expect(1);
    for id in 1..=5 {
        let id = id.to_string();
        review(&folder, &["start", &id, "--note", &format!("note {id}")]).expect(0);
    }
    for id in 1..=5 {
        let shown = review(&folder, &["show", &id.to_string()]).expect(0).stdout;
        let lines = shown.lines().filter(|line| line.starts_with("History"));
        let lines: Vec<&str> = lines.collect();
        assert_eq!(lines.len(), 2, "{shown}");
        assert!(lines[0].ends_with(" opened by a run"), "{shown}");
        let started = format!(" started by tester: note {id}");
        assert!(lines[1].ends_with(&started), "{shown}");
    }
}

#[test]
fn a_basis_is_shown_asked_for_and_appended_as_a_marked_trade() {
    let folder = folder();
    let resolve = [&RESOLVE[..], &["statement of 3 January"]].concat();
    let done = review(&folder, &resolve).expect(3);
    let said = "sell s-1: unmatched 6 -> 0, cost 50.05 -> 81.2812, pnl 4.895 -> 6.6308";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    assert!(
        done.stderr.contains("no terminal to ask on"),
        "{}",
        done.stderr
    );
    assert_eq!(trades(&folder), "2");
    review(&folder, &[&resolve[..], &["--yes"]].concat()).expect(0);
    let row = folder.value(
        "SELECT order_id || ' ' || source || ' ' || linked_order_id || ' ' || size || ' ' || price \
         FROM trade_records WHERE source IS NOT NULL",
    );
    assert_eq!(row, "review-1-1 review s-1 6 5.2052");
    folder.compute(&["--all-symbols"]).expect(0);
    let state = "SELECT status || ': ' || resolution FROM manual_review_queue";
    assert_eq!(
        folder.value(state),
        "resolved: no longer unmatched in version 2"
    );
    folder.validate(&["--version", "current"]).expect(0);
    for (format, name, mark) in [
        ("lots", "l.csv", "basis_by_review"),
        ("form8949", "f.csv", "basis_by_review"),
        ("taxact", "t.csv", "6 HBAR (review)"),
    ] {
        let args = ["tax", "--year", "2025", "--format", format, "-o", name];
        let done = folder.fifo_pnl(&args).expect(0);
        assert!(
            done.stdout.contains("1 row has a cost by decision"),
            "{}",
            done.stdout
        );
        assert_eq!(folder.read(name).matches(mark).count(), 1, "{format}");
    }
    // The older version still says what it said.
    let old = [
        "tax",
        "--year",
        "2025",
        "--version",
        "1",
        "--format",
        "lots",
        "-o",
        "old.csv",
    ];
    folder.fifo_pnl(&old).expect(1);
    assert!(!folder.read("old.csv").contains("basis_by_review"));
}

#[test]
fn several_lots_partial_sizes_and_a_signed_zero() {
    let folder = folder();
    let lots = [
        "resolve",
        "1",
        "--size",
        "4",
        "--basis",
        "20.8208",
        "--acquired",
        "2025-01-03",
        "--size",
        "1",
        "--basis",
        "0",
        "--acquired",
        "2025-01-03T18:00:00Z",
        "--note",
        "airdrop",
        "--yes",
    ];
    let done = review(&folder, &lots).expect(2);
    assert!(
        done.stderr.contains("name who does: --signed-by NAME"),
        "{}",
        done.stderr
    );
    review(&folder, &[&lots[..], &["--signed-by", "M. Owner"]].concat()).expect(0);
    folder.compute(&["--all-symbols"]).expect(0);
    let left = "SELECT json_extract(details, '$.unmatched_size') FROM manual_review_queue";
    assert_eq!(folder.value(left), "1");
    let notes = folder.sql("SELECT details FROM event_log WHERE event_type = 'review_started'");
    assert!(
        notes[0].contains("zero basis signed by M. Owner"),
        "{notes:?}"
    );
    // What is left is settled by a second decision, numbered on.
    let rest = [
        "resolve",
        "1",
        "--basis",
        "5",
        "--acquired",
        "2025-01-03",
        "--note",
        "x",
        "--yes",
    ];
    review(&folder, &rest).expect(0);
    let ids = folder.sql("SELECT order_id FROM trade_records WHERE source = 'review' ORDER BY 1");
    assert_eq!(ids, ["review-1-1", "review-1-2", "review-1-3"]);
}

#[test]
fn a_decision_that_was_taken_back_can_be_made_again() {
    let folder = folder();
    let cost = "SELECT cost_basis_usd FROM fifo_allocations WHERE buy_order_id LIKE 'review-%' \
         ORDER BY id DESC LIMIT 1";
    // Another basis, then the first one again: each is a trade of its own.
    for (number, basis) in [(1, "31.2312"), (2, "40"), (3, "40"), (4, "31.2312")] {
        let mut resolve = RESOLVE;
        resolve[3] = basis;
        let done = review(&folder, &[&resolve[..], &["x", "--yes"]].concat()).expect(0);
        let id = format!("review-1-{number}");
        let said = format!("appended {id}, marked");
        assert!(done.stdout.contains(&said), "{}", done.stdout);
        assert_eq!(trades(&folder), (2 + number).to_string());
        folder.compute(&["--all-symbols"]).expect(0);
        assert_eq!(folder.value(cost), basis);
        let status = folder.value("SELECT status FROM manual_review_queue");
        assert_eq!(status, "resolved");
        let account = folder.value("SELECT account FROM trade_records LIMIT 1");
        let void = ["void", &id, "--account", &account, "--reason", "typo"];
        folder.fifo_pnl(&void).expect(0);
        folder.compute(&["--all-symbols"]).expect(0);
    }
    // A sheet numbers on, too.
    review(&folder, &["export", "-o", "open.csv"]).expect(0);
    let sheet = folder.read("open.csv");
    let (head, row) = sheet.trim_end().split_once('\n').unwrap();
    let filled = row.trim_end_matches(',');
    let filled = format!("{filled},resolve,6,50,2025-01-03T00:00:00Z,,again\n");
    folder.write("open.csv", format!("{head}\n{filled}"));
    review(&folder, &["apply", "open.csv", "--yes"]).expect(0);
    assert_eq!(trades(&folder), "7");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = folder();
    let resolve = |more: &[&str]| {
        let args = [&["resolve", "1", "--note", "x", "--yes"], more].concat();
        review(&folder, &args)
    };
    for (more, said) in [
        (&[][..], "--yes has no effect without --basis"),
        (
            &["--basis", "-1", "--acquired", "2025-01-03"],
            "--basis is \"-1\"",
        ),
        (
            &["--basis", "1", "--acquired", "2025-03-05"],
            "after the sale of 2025-03-04",
        ),
        (
            &["--basis", "1", "--acquired", "3 Jan"],
            "--acquired is \"3 Jan\", expected a day",
        ),
        (
            &["--basis", "1", "--acquired", "2025-01-03", "--size", "6.1"],
            "6.1 is more than the 6 that found no lot",
        ),
        (
            &[
                "--basis",
                "1",
                "--acquired",
                "2025-01-03",
                "--basis",
                "2",
                "--acquired",
                "2025-01-03",
            ],
            "do not make whole lots",
        ),
    ] {
        let done = resolve(more).expect(2);
        assert!(done.stderr.contains(said), "{said}: {}", done.stderr);
    }
    assert_eq!(trades(&folder), "2");
}

#[test]
fn many_items_are_decided_in_a_spreadsheet() {
    let folder = folder();
    folder.write(
        "more.csv",
        "order_id,symbol,side,size,price,order_time,total_fees_usd,account\n\
         x-1,XLM-USD,sell,2,10,2025-02-04T15:00:00Z,0,main\n\
         y-1,ZIL-USD,sell,2,10,2025-02-04T15:00:00Z,0,main\n",
    );
    folder.fifo_pnl(&["run", "more.csv"]).expect(0);
    review(&folder, &["export", "-o", "items.csv"]).expect(0);
    let sheet = folder.read("items.csv");
    assert_eq!(sheet.lines().count(), 4, "{sheet}");
    // As a spreadsheet writes it back: with two lots for the first item.
    let fill = |text: &str, id: &str, cells: &str| -> String {
        let line = text
            .lines()
            .find(|line| line.starts_with(&format!("{id},")))
            .unwrap();
        let filled = format!("{}{cells}", line.trim_end_matches(','));
        text.replace(line, &filled)
    };
    let first = fill(&sheet, "1", ",resolve,4,20.8208,2025-01-03,,statement");
    let extra = "1,,,,,,,,,resolve,2,10.4104,2025-01-03,,statement\n";
    let both = fill(&first, "2", ",dismiss,,,,,a gift");
    folder.write("filled.csv", format!("{both}{extra}"));
    let done = review(&folder, &["apply", "filled.csv", "--preview"]).expect(0);
    assert!(
        done.stdout.contains("pnl 4.895 -> 6.6308"),
        "{}",
        done.stdout
    );
    assert!(
        done.stdout
            .contains("2 items would change; nothing was changed")
    );
    assert_eq!(trades(&folder), "4");
    review(&folder, &["apply", "filled.csv", "--yes"]).expect(0);
    assert_eq!(trades(&folder), "6");
    let states = folder.sql("SELECT status FROM manual_review_queue ORDER BY id");
    assert_eq!(states, ["in_progress", "dismissed", "pending"]);
    // One bad row, and nothing is applied.
    let bad = fill(&fill(&sheet, "1", ",dismiss,,,,,x"), "3", ",sell it,,,,,x");
    folder.write("bad.csv", bad);
    let done = review(&folder, &["apply", "bad.csv", "--yes"]).expect(2);
    let said = "bad.csv:4: action is \"sell it\", expected resolve, dismiss or start";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    let states = folder.sql("SELECT status FROM manual_review_queue ORDER BY id");
    assert_eq!(states, ["in_progress", "dismissed", "pending"]);
}

#[test]
fn opening_lots_are_bought_before() {
    let folder = folder();
    folder.write(
        "opening.csv",
        "symbol,size,acquired,basis,account\nHBAR-USD,3,2023-01-01,10,main\n",
    );
    let done = folder
        .fifo_pnl(&["import", "lots", "opening.csv", "--preview"])
        .expect(0);
    assert!(done.stdout.contains("1 new"), "{}", done.stdout);
    assert_eq!(trades(&folder), "2");
    folder
        .fifo_pnl(&["import", "lots", "opening.csv"])
        .expect(0);
    let done = folder
        .fifo_pnl(&["import", "lots", "opening.csv"])
        .expect(0);
    assert!(done.stdout.contains("0 new, 1 known"), "{}", done.stdout);
    folder.compute(&["--all-symbols"]).expect(0);
    let args = [
        "tax", "--year", "2025", "--format", "form8949", "-o", "f.csv",
    ];
    folder.fifo_pnl(&args).expect(1);
    let form = folder.read("f.csv");
    // 10 in all to the last digit, held since 1 January 2023 in New York: long-term.
    let line = form
        .lines()
        .find(|line| line.ends_with("opening_lot"))
        .unwrap();
    assert!(
        line.starts_with("II,L,3 HBAR,01/01/2023,03/04/2025,16.48,10.00,"),
        "{line}"
    );
    let cost = "SELECT cost_basis_usd FROM fifo_allocations WHERE buy_order_id LIKE 'opening-%' \
                AND allocation_version = 2";
    assert_eq!(folder.value(cost), "10");
    folder.write(
        "bad.csv",
        "symbol,size,acquired,basis\nHBAR-USD,0,2023-01-01,10\n",
    );
    let done = folder.fifo_pnl(&["import", "lots", "bad.csv"]).expect(2);
    let said = "bad.csv:2: size is \"0\", expected a number above zero";
    assert!(done.stderr.contains(said), "{}", done.stderr);
}

#[test]
fn a_second_decision_before_a_run_appends_no_lot_twice() {
    let folder = folder();
    let resolve = |size: &str, note: &str| {
        let args = [
            "resolve",
            "1",
            "--basis",
            "20",
            "--acquired",
            "2025-01-03",
            "--size",
            size,
        ];
        review(&folder, &[&args[..], &["--note", note, "--yes"]].concat())
    };
    resolve("4", "the first part").expect(0);
    assert_eq!(trades(&folder), "3");
    let done = resolve("6", "all of it").expect(3);
    let said = "item 1: 6 is more than the 2 of sell s-1 that are open since trades were appended";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    resolve("2", "the rest").expect(0);
    assert_eq!(trades(&folder), "4");
    let done = resolve("2", "the rest, again").expect(3);
    let said = "item 1: sell s-1 has all its lots since trades were appended: nothing is open";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    // A sheet goes the same way.
    folder.write(
        "items.csv",
        "item,action,size,basis,acquired,signed_by,note\n\
         1,resolve,1,5,2025-01-03T00:00:00Z,,again\n",
    );
    let done = review(&folder, &["apply", "items.csv", "--yes"]).expect(3);
    assert!(done.stderr.contains("nothing is open"), "{}", done.stderr);
    assert_eq!(trades(&folder), "4");
    folder.compute(&["--all-symbols"]).expect(0);
    let left = "SELECT sells_unmatched || ' ' || open_size FROM fifo_pool_summary \
                WHERE allocation_version = 2";
    assert_eq!(folder.value(left), "0 0");
}

#[test]
fn an_item_of_a_voided_sell_is_not_said_to_be_matched() {
    let folder = folder();
    folder
        .fifo_pnl(&["void", "s-1", "--account", "main", "--reason", "twice"])
        .expect(0);
    let done = review(&folder, &[&RESOLVE[..], &["late", "--yes"]].concat()).expect(3);
    let said = "item 1: sell s-1 does not count any more";
    assert!(done.stderr.contains(said), "{}", done.stderr);
    folder.compute(&["--all-symbols"]).expect(0);
    let state = "SELECT status || ': ' || resolution FROM manual_review_queue";
    assert_eq!(
        folder.value(state),
        "resolved: no longer unmatched in version 2"
    );
}
